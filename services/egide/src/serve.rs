//! `egide serve`: one role or more, on a machine of their own. Keys are read and the log is opened; neither is ever made here
//! (`egide provision`).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;
use egide_crypto::sign::VerifyingKey;
use egide_eventlog::{ConnectionConfig, LogConfig};
use egide_servicekit::people::{PeopleFile, PeopleFileError};
use egide_servicekit::shutdown;
use egide_servicekit::telemetry::Logging;
use egide_servicekit::telemetry::metrics::Metrics;
use zeroize::Zeroizing;

use crate::acting::{Identities, Issuer};
use crate::cli::Global;
use crate::commands::provision::{liaison_keys_path, seeds_of};
use crate::endpoints::{Endpoints, Service, verification_keys_path};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::history_log::HistoryArgs;
use crate::keys::{KeyFolder, Missing};
use crate::nats::{self, TlsArgs};
use crate::notifier::NotifierArgs;
use crate::output::Output;
use crate::policy::PolicyArgs;
use crate::portal::{self, PortalArgs};
use crate::proofs::Proofs;
use crate::roles::{Ground, Roles};
use crate::trust_file::{self, read_root, root_path};
use crate::witness::{self, WitnessArgs};

/// Password of the NATS user.
const NATS_PASSWORD: &str = "EGIDE_NATS_PASSWORD";

/// Whose certificate a user of NATS shows that stands for several roles.
const NATS_USERS_SERVICE: &str = "ledger";

/// The development issuer's key in the data directory.
const DEVELOPMENT_ISSUER: &str = "keys/issuer.key";

/// `egide serve ROLE…`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "ROLE", required = true, value_enum)]
    role: Vec<Role>,
    #[arg(long, value_name = "URL", env = "EGIDE_NATS")]
    nats: Option<String>,
    #[arg(long, value_name = "DIR", env = "EGIDE_NATS_SEEDS", value_hint = clap::ValueHint::DirPath)]
    nats_seeds: Option<PathBuf>,
    #[command(flatten)]
    nats_tls: TlsArgs,
    #[arg(long)]
    insecure_durability: bool,
    #[arg(long, value_name = "USER", env = "EGIDE_NATS_USER", conflicts_with = "nats_seeds")]
    nats_user: Option<String>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    nats_password_file: Option<PathBuf>,
    #[arg(long, value_name = "PREFIX", env = "EGIDE_NATS_INBOX")]
    nats_inbox: Option<String>,
    #[arg(long, value_name = "ROLE=ADDRESS")]
    listen: Vec<Listen>,
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    keys: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    verification_keys: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root: Option<PathBuf>,
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    marks: Option<PathBuf>,
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    projections: Option<PathBuf>,
    #[arg(long, value_name = "NAME", requires = "issuer_keys")]
    issuer: Option<String>,
    #[arg(long, value_name = "FILE", requires = "issuer", value_hint = clap::ValueHint::FilePath)]
    issuer_keys: Option<PathBuf>,
    #[arg(long, value_name = "FILE", env = "EGIDE_PEOPLE", value_hint = clap::ValueHint::FilePath)]
    people: Option<PathBuf>,
    #[arg(long, value_name = "PATH", env = "EGIDE_TYPESET", value_hint = clap::ValueHint::FilePath)]
    typeset: Option<PathBuf>,
    #[command(flatten)]
    portal: PortalArgs,
    #[arg(long, value_name = "FILE", env = "EGIDE_LIAISON_KEYS", value_hint = clap::ValueHint::FilePath)]
    liaison_keys: Option<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    notifier: NotifierArgs,
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024 * 1024 * 1024)]
    log_max_bytes: u64,
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5))]
    replicas: u32,
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    witness: WitnessArgs,
}

/// A role, in the order in which they start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Role {
    Ledger,
    Directory,
    Disclosure,
    Audit,
    Triage,
    Portal,
    Notifier,
    /// Of another organisation; alone, for it needs nothing of ours.
    Witness,
}

impl Role {
    /// The service that it is; none of a witness, and of the portal and the notifier, which call others only.
    const fn service(self) -> Option<Service> {
        match self {
            Self::Ledger => Some(Service::Ledger),
            Self::Directory => Some(Service::Directory),
            Self::Disclosure => Some(Service::Disclosure),
            Self::Audit => Some(Service::Audit),
            Self::Triage => Some(Service::Triage),
            Self::Portal | Self::Notifier | Self::Witness => None,
        }
    }

    /// Where it listens unless told otherwise.
    const fn default_port(self) -> u16 {
        match self {
            Self::Ledger => 4610,
            Self::Disclosure => 4611,
            Self::Audit => 4612,
            Self::Directory => 4613,
            Self::Triage => 4614,
            Self::Portal => portal::PORT,
            Self::Witness => witness::DEFAULT_PORT,
            // It listens nowhere.
            Self::Notifier => 0,
        }
    }
}

/// `ledger=127.0.0.1:4610`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listen {
    role: Role,
    address: SocketAddr,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "ledger=127.0.0.1:4610".to_owned();
        let (role, address) = text.split_once('=').ok_or_else(expected)?;
        let role = Role::from_str(role, false).map_err(|_| expected())?;
        // Who calls only listens nowhere.
        if role == Role::Notifier {
            return Err(expected());
        }
        Ok(Self { role, address: address.parse().map_err(|_| expected())? })
    }
}

pub(crate) async fn run(out: &mut Output, global: &Global, args: &Args) -> Result<Exit, Failure> {
    let config = |error: egide_servicekit::config::Error| Failure::new(Exit::Usage, "fail.config").with("error", error);
    Logging::from_env().and_then(Logging::init).map_err(config)?;
    let (trigger, shutdown) = shutdown::channel();
    shutdown::on_signal(trigger)?;
    if args.role.contains(&Role::Witness) {
        if args.role.iter().any(|role| *role != Role::Witness) {
            return Err(Failure::new(Exit::Usage, "fail.witness_alone"));
        }
        let listen = args.listen.iter().find(|listen| listen.role == Role::Witness).map(|listen| listen.address);
        return witness::serve(out, &global.data(), &args.witness, listen, shutdown).await;
    }
    let mut roles = Roles::new(global.urls.over(Endpoints::default()));
    let started = tokio::select! {
        started = start(&mut roles, global, args, shutdown.clone()) => started,
        () = shutdown.requested() => Err(Failure::new(Exit::Unexpected, "fail.interrupted")),
    };
    let (metrics_end, metrics_shutdown) = shutdown::channel();
    let worked = match started {
        Err(failure) => Err(failure),
        Ok(()) => {
            if global.tls.insecure() {
                out.note(out.lang.text("say.insecure"))?;
            }
            let shown = show_metrics(args, metrics_shutdown).await?;
            tell(out, args, &roles, shown)?;
            tokio::select! {
                ended = roles.ended() => Err(ended),
                () = shutdown.requested() => Ok(Exit::Ok),
            }
        }
    };
    let ended = roles.stop().await;
    metrics_end.request();
    let exit = worked?;
    ended?;
    Ok(exit)
}

async fn start(
    roles: &mut Roles,
    global: &Global,
    args: &Args,
    people_shutdown: shutdown::Shutdown,
) -> Result<(), Failure> {
    if args.role.contains(&Role::Portal) {
        return start_portal(roles, global, args).await;
    }
    let policy = args.policy.load()?;
    let data = global.data();
    if args.nats_tls.insecure_nats {
        tracing::warn!("insecure: connections to nats can be read and changed by anybody on the way");
    }
    if args.insecure_durability {
        tracing::warn!("insecure: nobody asks whether nats-servers flush before they acknowledge");
    }
    let proofs = Arc::new(Proofs::find(&global.tls, &data)?);
    let identities = identities(args, global, Arc::clone(&proofs))?;
    let identities = with_people(args, identities, people_shutdown).await?;
    let identities = with_liaisons(args, &data, identities)?;
    let published = args.verification_keys.clone().unwrap_or_else(|| verification_keys_path(&data));
    let root = read_root(&args.root.clone().unwrap_or_else(|| root_path(&data)))?;
    let folder = args.keys.clone().unwrap_or_else(|| data.join("keys"));
    let ground = Ground {
        nats: nats(args, &data, proofs)?,
        durability_checked: !args.insecure_durability,
        log: LogConfig { create: false, max_bytes: args.log_max_bytes, replicas: args.replicas },
        trust: trust_file::follow(&published, root)?,
        marks: args.marks.clone().unwrap_or_else(|| data.join("marks")),
        without_marks: false,
        keys: KeyFolder { folder: &folder, missing: Missing::Refuse },
        history: args.history.clone(),
        projections: args.projections.clone().unwrap_or_else(|| data.join("projections")),
        identities: &identities,
        portal_origin: args.portal.portal_origin.clone(),
        development: false,
        policy,
        typeset: args.typeset.clone(),
    };
    let mut wanted = args.role.clone();
    wanted.sort();
    wanted.dedup();
    for role in wanted {
        let given = args.listen.iter().find(|listen| listen.role == role).map(|listen| listen.address);
        match role {
            Role::Notifier => roles.start_notifier(&args.notifier, &ground)?,
            Role::Ledger
            | Role::Directory
            | Role::Disclosure
            | Role::Audit
            | Role::Triage
            | Role::Witness
            | Role::Portal => {
                let listen = given.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, role.default_port())));
                if let Some(service) = role.service() {
                    roles.start(service, listen, &ground).await?;
                }
            }
        }
    }
    Ok(())
}

/// The portal, in a process of its own: whoever breaks into it finds no key and no log.
async fn start_portal(roles: &mut Roles, global: &Global, args: &Args) -> Result<(), Failure> {
    if args.role.iter().any(|role| *role != Role::Portal) {
        return Err(Failure::new(Exit::Usage, "fail.portal_alone"));
    }
    let given = args.listen.iter().find(|listen| listen.role == Role::Portal).map(|listen| listen.address);
    let listen = given.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, Role::Portal.default_port())));
    let proofs = Arc::new(Proofs::find(&global.tls, &global.data())?);
    let key = global.data().join(DEVELOPMENT_ISSUER);
    // The development issuer, where there is one, proves the service where certificates do not.
    let identities = match global.tls.insecure() && key.exists() {
        true => Identities::of_development(&global.data(), proofs)?,
        false => Identities::of_environment(None, proofs),
    };
    roles.start_portal(portal::Place::of(&args.portal, args.typeset.as_deref(), listen).await?, &identities)
}

/// Takes the directory's word about liaisons: its public keys stand in a file that `egide provision liaisons` writes.
fn with_liaisons(args: &Args, data: &Path, identities: Identities) -> Result<Identities, Failure> {
    let usual = liaison_keys_path(data);
    let path = match &args.liaison_keys {
        Some(path) => path,
        None if usual.exists() => &usual,
        None => return Ok(identities),
    };
    identities.with_liaisons(&keys_in(path)?)
}

/// How NATS knows us: each role by its own seed, or all by the user that is named.
fn nats(args: &Args, data: &Path, proofs: Arc<Proofs>) -> Result<nats::Access, Failure> {
    let certificates = args.nats_tls.certificates(|| Ok(proofs))?;
    // Who calls others only has no log, and no way to it.
    let url = match &args.nats {
        Some(url) => url.clone(),
        None if args.role.iter().all(|role| role.service().is_none()) => String::new(),
        None => return Err(Failure::new(Exit::Usage, "fail.no_nats")),
    };
    let Some(user) = &args.nats_user else {
        let folder = args.nats_seeds.clone().unwrap_or_else(|| seeds_of(data));
        return Ok(nats::Access::Seeds { url, folder, certificates });
    };
    let password = match &args.nats_password_file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
            Zeroizing::new(text).trim().to_owned()
        }
        None => std::env::var(NATS_PASSWORD).unwrap_or_default(),
    };
    let config = ConnectionConfig {
        inbox_prefix: args.nats_inbox.clone(),
        ..ConnectionConfig::new(&url).with_user(user, password)
    };
    Ok(nats::Access::User(nats::secured(config, certificates.of(NATS_USERS_SERVICE)?)))
}

/// Tokens of this process: from the environment where an issuer is named, otherwise from the development issuer.
fn identities(args: &Args, global: &Global, proofs: Arc<Proofs>) -> Result<Identities, Failure> {
    let data = global.data();
    if let (Some(name), Some(path)) = (&args.issuer, &args.issuer_keys) {
        return Ok(Identities::of_environment(Some(issuer(name, path)?), proofs));
    }
    let key = data.join(DEVELOPMENT_ISSUER);
    // With certificates and an organisation's own provider there is nothing left for a development issuer to prove, nor where nobody is
    // heard.
    let calls_only = args.role.iter().all(|role| role.service().is_none());
    if (args.people.is_some() || calls_only) && !key.exists() {
        return Ok(Identities::of_environment(None, proofs));
    }
    // Opening the issuer makes its key; here keys are never made.
    if !key.exists() {
        return Err(Failure::new(Exit::Unreadable, "fail.key_missing").with("path", key.display()));
    }
    Identities::of_development(&data, proofs)
}

/// Takes the word of the providers of `--people`, and keeps their keys fresh until the end.
async fn with_people(args: &Args, identities: Identities, shutdown: shutdown::Shutdown) -> Result<Identities, Failure> {
    let Some(path) = &args.people else { return Ok(identities) };
    let refused = |error: PeopleFileError| Failure::new(Exit::Unreadable, "fail.people").with("error", error);
    let mut file = PeopleFile::read(path).map_err(refused)?;
    if let Some(keys) = identities.development_keys() {
        file = file.with_development(keys);
    }
    let people = Arc::new(file.open().map_err(refused)?);
    people.fetch().await;
    tokio::spawn(Arc::clone(&people).keep_fresh(shutdown));
    Ok(identities.with_people(people))
}

/// An issuer whose tokens count here.
fn issuer(name: &str, path: &Path) -> Result<Issuer, Failure> {
    Ok(Issuer { name: name.to_owned(), keys: keys_in(path)? })
}

/// Public keys by their ids.
fn keys_in(path: &Path) -> Result<BTreeMap<String, VerifyingKey>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    serde_json::from_str(&text)
        .map_err(|_| Failure::new(Exit::Unreadable, "fail.no_key_file").with("path", path.display()))
}

async fn show_metrics(args: &Args, shutdown: shutdown::Shutdown) -> Result<Option<SocketAddr>, Failure> {
    let Some(listen) = args.metrics else { return Ok(None) };
    let refused = |error| Failure::new(Exit::Usage, "fail.config").with("error", error);
    let (address, _) = Metrics::install().map_err(refused)?.serve(listen, shutdown).await.map_err(refused)?;
    Ok(Some(address))
}

/// Only what runs here.
fn tell(out: &mut Output, args: &Args, roles: &Roles, metrics: Option<SocketAddr>) -> Result<(), Failure> {
    let here = |role: Role| {
        role.service()
            .and_then(|service| roles.endpoints().of(service))
            .filter(|_| args.role.contains(&role))
            .map(str::to_owned)
    };
    let endpoints = Endpoints {
        ledger: here(Role::Ledger),
        disclosure: here(Role::Disclosure),
        audit: here(Role::Audit),
        directory: here(Role::Directory),
        triage: here(Role::Triage),
        portal: roles.endpoints().portal.clone(),
        metrics: metrics.map(|address| format!("http://{address}/metrics")),
        nats: None,
    };
    if out.is_json() {
        return out.json(&endpoints);
    }
    for service in [Service::Ledger, Service::Disclosure, Service::Audit, Service::Directory, Service::Triage] {
        if let Some(url) = endpoints.of(service) {
            out.line(format!("{:<11} {url}", service.name()))?;
        }
    }
    endpoints.portal.iter().try_for_each(|url| out.line(format!("{:<11} {url}", "portal")))?;
    if args.role.contains(&Role::Notifier) {
        out.line(format!("{:<11} –", egide_notifier::ROLE))?;
    }
    endpoints.metrics.iter().try_for_each(|url| out.line(format!("{:<11} {url}", "metrics")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_given_for_a_role() {
        let listen: Listen = "audit=127.0.0.1:0".parse().unwrap();
        assert_eq!(listen.role, Role::Audit);
        for text in ["", "audit", "audit=here", "king=127.0.0.1:0", "notifier=127.0.0.1:0"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
