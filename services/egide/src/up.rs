//! `egide up`: everything on this machine, in one process, with an embedded nats-server. Development mode: keys stand beside
//! the data they protect.

mod installation;
mod told;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egide_crypto::sign::SigningKey;
use egide_eventlog::LogConfig;
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::{Role, ServiceName};
use egide_servicekit::nats::{self, DEFAULT_MAX_PAYLOAD_BYTES, NatsChild, NatsChildConfig, PublicKeys};
use egide_servicekit::policy::LoadedPolicy;
use egide_servicekit::shutdown::{self, Shutdown, Trigger};
use egide_servicekit::telemetry::Logging;
use egide_servicekit::telemetry::metrics::Metrics;
use egide_trust::CurrentTrust;
use egide_wire::proto::egide::house::v1::GetHouseRequest;
use egide_wire::proto::egide::house::v1::house_service_client::HouseServiceClient;
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use tokio::task::JoinHandle;

pub(crate) use self::installation::Installation;
use crate::acting::{Acting, Identities};
use crate::cli::Global;
use crate::commands::policy::adoption;
use crate::commands::provision::seeds_of;
use crate::endpoints::{Endpoints, Service};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::history_log::HistoryArgs;
use crate::keys::{KeyFolder, Missing};
use crate::nats::{Access, Certificates, provision};
use crate::notifier::NotifierArgs;
use crate::output::Output;
use crate::policy::PolicyArgs;
use crate::portal::{self, PortalArgs};
use crate::proofs::Proofs;
use crate::retry::until_known;
use crate::roles::{Ground, Roles};
use crate::sample::{self, Outcome, Player};
use crate::trust_file::{self, Development};

/// Whose certificate the embedded server shows.
const SERVER: &str = "nats";
/// As which service the policy is adopted.
const CLI: &str = "cli";
/// How many bytes the log may take: enough for a trial, and reserved on the disk.
const LOG_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// `egide up`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    sample: bool,
    #[arg(long)]
    once: bool,
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    #[arg(long, value_name = "PATH", env = "EGIDE_NATS_SERVER", value_hint = clap::ValueHint::FilePath)]
    nats_server: Option<PathBuf>,
    #[arg(long, value_name = "PATH", env = "EGIDE_TYPESET", value_hint = clap::ValueHint::FilePath)]
    typeset: Option<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    notifier: NotifierArgs,
    #[command(flatten)]
    history: HistoryArgs,
}

pub(crate) async fn run(out: &mut Output, global: &Global, args: &Args) -> Result<Exit, Failure> {
    start_logging()?;
    let data = global.data();
    let installation = Installation::take(&data)?;
    let (trigger, shutdown) = shutdown::channel();
    shutdown::on_signal(trigger)?;
    let mut everything = tokio::select! {
        started = out.waiting("say.starting", Everything::start(&installation, global, args)) => started?,
        () = shutdown.requested() => return Err(Failure::new(Exit::Unexpected, "fail.interrupted")),
    };
    let outcome = everything.work(out, global, args, &shutdown).await;
    let ended = out.waiting("say.ending", everything.end()).await;
    Endpoints::remove(&data)?;
    drop(installation);
    // What went wrong first is what there is to tell.
    let exit = outcome?;
    ended?;
    Ok(exit)
}

/// Warnings only, unless the environment asks for more: people read this terminal.
fn start_logging() -> Result<(), Failure> {
    let refused =
        |error: egide_servicekit::config::Error| Failure::new(Exit::Usage, "fail.config").with("error", error);
    let mut logging = Logging::from_env().map_err(refused)?;
    if std::env::var_os(egide_servicekit::telemetry::LEVEL_VARIABLE).is_none() {
        logging.level = tracing::level_filters::LevelFilter::WARN;
    }
    logging.init().map_err(refused)
}

/// All that runs.
struct Everything {
    data: PathBuf,
    trust: CurrentTrust,
    key_is_on_disk: bool,
    root_is_here: bool,
    identities: Identities,
    roles: Roles,
    endpoints: Endpoints,
    nats: Nats,
    metrics_end: Trigger,
}

/// The embedded server, watched over.
pub(crate) struct Nats {
    trigger: Trigger,
    supervised: JoinHandle<Result<(), nats::Error>>,
}

impl Nats {
    /// Starts it with the certificates of the service `nats`, if there are any.
    pub(crate) async fn start(
        data: &Path,
        binary: Option<PathBuf>,
        certificates: Certificates,
    ) -> Result<(Self, Access), Failure> {
        let refused = |error: nats::Error| Failure::new(Exit::Unavailable, "fail.nats").with("error", error);
        let binary = binary.map_or_else(nats::locate_nats_server, Ok).map_err(refused)?;
        let seeds = seeds_of(data);
        let config = NatsChildConfig {
            binary,
            directory: data.to_owned(),
            listen: None,
            identities: PublicKeys::of_folder(&seeds).map_err(refused)?,
            tls: certificates.of(SERVER)?,
            max_file_store_bytes: None,
            master: None,
            max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
        };
        let child = NatsChild::start(config).await.map_err(refused)?;
        let access = Access::Seeds { url: child.url(), folder: seeds, certificates };
        let (trigger, shutdown) = shutdown::channel();
        let supervised = tokio::spawn(child.supervise(shutdown.requested()));
        Ok((Self { trigger, supervised }, access))
    }

    /// Waits until it ends that nobody asked to.
    async fn ended(&mut self) -> Failure {
        let ended = (&mut self.supervised).await;
        let told = match ended {
            Ok(Err(error)) => error.to_string(),
            Ok(Ok(())) | Err(_) => "it ended without a reason".to_owned(),
        };
        Failure::new(Exit::Unavailable, "fail.nats").with("error", told)
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.trigger.request();
        match self.supervised.await {
            Ok(Err(error)) => Err(Failure::new(Exit::Unavailable, "fail.nats").with("error", error)),
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }
}

impl Everything {
    async fn start(installation: &Installation, global: &Global, args: &Args) -> Result<Self, Failure> {
        let policy = args.policy.load()?;
        let adopted = policy.clone();
        let data = installation.data();
        let folder = data.join("keys");
        let keys = KeyFolder { folder: &folder, missing: Missing::Make };
        let proofs = Arc::new(Proofs::make(&global.tls, data, args.listen.to_string())?);
        proofs.issue_usual()?;
        let identities = Identities::of_development(data, Arc::clone(&proofs))?;
        let identities = identities.with_liaisons(&keys.liaisons()?.keys())?;
        let (_, key_is_on_disk) = keys.key_encryption()?;
        let ledger_key = SigningKey::from_pkcs8(&keys.ledger_signing()?)
            .map_err(|error| Failure::new(Exit::Unreadable, "fail.key").with("error", error))?;
        let report_key = keys.report_signing()?.public_key();
        let (history_key, notice_key) = (keys.history_signing()?.public_key(), keys.notice_signing()?.public_key());
        let certified = [ledger_key.public_key(), report_key, history_key, notice_key];
        let Development { trust, root_is_here, upgraded } = trust_file::of_development(data, certified)?;
        let (nats, access) =
            Nats::start(data, args.nats_server.clone(), Certificates::Own(Arc::clone(&proofs))).await?;
        let nats_url = access.url().to_owned();
        // On this machine alone: without a certificate browsers take no other site for a safe one.
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let portal = portal::Place::of(&PortalArgs::default(), args.typeset.as_deref(), loopback).await?;
        // A log that was there once and is gone is a loss, and never made anew in silence.
        let log = LogConfig { create: !installation.has_log(), max_bytes: LOG_BYTES_MAX, replicas: 1 };
        provision(&access.administrator()?, &log).await?;
        installation.remember_log()?;
        let ground = Ground {
            nats: access,
            durability_checked: true,
            log: LogConfig { create: false, ..log },
            trust: trust.clone(),
            marks: data.join("marks"),
            without_marks: upgraded,
            keys,
            history: args.history.clone(),
            projections: data.join("projections"),
            identities: &identities,
            portal_origin: Some(portal.origin.clone()),
            development: true,
            policy,
            typeset: args.typeset.clone(),
        };
        let listen = SocketAddr::new(args.listen, 0);
        let mut roles = Roles::new(Endpoints::default());
        for role in [Service::Ledger, Service::Directory, Service::Disclosure, Service::Audit, Service::Triage] {
            roles.start(role, listen, &ground).await?;
        }
        roles.start_portal(portal, &identities)?;
        match roles.start_notifier(&args.notifier, &ground) {
            // An operator's root certifies what its holder says; everything else works without.
            Err(failure) if failure.exit() == Exit::NotVerified => {
                tracing::warn!(key = %notice_key.key_id(), "units are told nothing: no root certifies the key for notices");
            }
            started => started?,
        }
        drop(ground);
        let (metrics_end, metrics_shutdown) = shutdown::channel();
        tokio::spawn(proofs.keep_renewed(metrics_shutdown.clone()));
        let metrics =
            Metrics::install().map_err(|error| Failure::new(Exit::Unexpected, "fail.config").with("error", error))?;
        let shown = metrics.serve(loopback, metrics_shutdown).await;
        let (address, _) = shown.map_err(|error| Failure::new(Exit::Unexpected, "fail.config").with("error", error))?;
        let metrics = Some(format!("http://{address}/metrics"));
        let endpoints = Endpoints { metrics, nats: Some(nats_url), ..roles.endpoints().clone() };
        adopt(&identities, &endpoints, &adopted).await?;
        endpoints.write(data)?;
        Ok(Self {
            data: data.to_owned(),
            trust,
            key_is_on_disk,
            root_is_here,
            identities,
            roles,
            endpoints,
            nats,
            metrics_end,
        })
    }

    /// Plays what is to be played, tells where to look, and waits for the end.
    async fn work(
        &mut self,
        out: &mut Output,
        global: &Global,
        args: &Args,
        shutdown: &Shutdown,
    ) -> Result<Exit, Failure> {
        told::development_mode(out, self.key_is_on_disk, self.root_is_here, args.listen, global.tls.insecure())?;
        let mut outcomes = Vec::new();
        let mut exit = Exit::Ok;
        if args.sample || args.once {
            outcomes = tokio::select! {
                played = play(out, &self.data, &self.endpoints, &self.identities, &self.trust) => played?,
                ended = unasked(&mut self.roles, &mut self.nats) => return Err(ended),
                () = shutdown.requested() => return Err(Failure::new(Exit::Unexpected, "fail.interrupted")),
            };
            exit = sample::show(out, &outcomes)?;
        }
        if args.once {
            return Ok(exit);
        }
        told::where_to_look(out, global, &self.endpoints, &outcomes)?;
        tokio::select! {
            ended = unasked(&mut self.roles, &mut self.nats) => Err(ended),
            () = shutdown.requested() => Ok(exit),
        }
    }

    /// Ends roles before the log they write to.
    async fn end(self) -> Result<(), Failure> {
        let roles = self.roles.stop().await;
        self.metrics_end.request();
        let nats = self.nats.stop().await;
        roles.and(nats)
    }
}

/// Adopts the policy this process works under, at its first start: on this machine nobody else is there to do it.
async fn adopt(identities: &Identities, endpoints: &Endpoints, policy: &LoadedPolicy) -> Result<(), Failure> {
    let refused = |error: &dyn std::fmt::Display| Failure::new(Exit::Unexpected, "fail.config").with("error", error);
    let cli: ServiceName = CLI.parse().map_err(|error| refused(&error))?;
    let ledger: ServiceName = Service::Ledger.name().parse().map_err(|error| refused(&error))?;
    let Some(url) = endpoints.of(Service::Ledger) else { return Ok(()) };
    let person = Acting::in_role(Role::Compliance).map(|acting| acting.person(None)).transpose()?;
    let credentials = identities.credentials(&cli, person)?;
    let upstream = Upstream::new(Service::Ledger.name(), url, ledger, &identities.security(&cli)?, credentials)
        .map_err(|error| refused(&error))?;
    let house = HouseServiceClient::new(upstream.as_service());
    let known = until_known(|| {
        let mut house = house.clone();
        async move { house.get_house(GetHouseRequest {}).await }
    });
    if known.await?.policies.iter().any(|known| known.digest == policy.digest().as_bytes()) {
        return Ok(());
    }
    let (ledger, request) = (LedgerServiceClient::new(upstream.as_service()), adoption(policy, None));
    let adopted = until_known(|| {
        let (mut ledger, request) = (ledger.clone(), request.clone());
        async move { ledger.append(request).await }
    });
    adopted.await?;
    Ok(())
}

async fn unasked(roles: &mut Roles, nats: &mut Nats) -> Failure {
    tokio::select! {
        ended = roles.ended() => ended,
        ended = nats.ended() => ended,
    }
}

async fn play(
    out: &mut Output,
    data: &Path,
    endpoints: &Endpoints,
    identities: &Identities,
    trust: &CurrentTrust,
) -> Result<Vec<Outcome>, Failure> {
    let scenarios =
        sample::scenarios().map_err(|error| Failure::new(Exit::Unexpected, "fail.sample").with("error", error))?;
    let run = uuid::Uuid::new_v4().simple().to_string();
    let mut player = Player::new(data, endpoints, identities.clone(), trust.get().report().clone(), &run)?;
    let lang = out.lang;
    let bar = out.progress(scenarios.len());
    let outcomes = player
        .play(&scenarios, &|done, scenario| {
            bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
            bar.set_message(scenario.title.in_lang(lang).to_owned());
        })
        .await;
    bar.finish_and_clear();
    Ok(outcomes)
}
