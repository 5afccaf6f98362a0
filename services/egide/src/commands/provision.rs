//! `egide provision`: what must stand before any role starts. `keys` makes the identities at NATS and the servers'
//! configuration; `log` makes the streams, with the administrative identity, which no role holds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use egide_crypto::random::random_bytes;
use egide_eventlog::{LogConfig, Provisioned};
use egide_servicekit::file::{self, PRIVATE};
use egide_servicekit::key_file;
use egide_servicekit::nats::{DEFAULT_MAX_PAYLOAD_BYTES, Identity, NatsCluster, NatsServer, PublicKeys};
use egide_servicekit::tls::TlsFiles;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::Global;
use crate::endpoints::place;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keys::{KeyFolder, LIAISONS_FILE, Missing};
use crate::nats::{TlsArgs, connection, provision};
use crate::output::Output;
use crate::proofs::Proofs;

/// Where clients connect to.
const CLIENT_PORT: u16 = 4222;
/// Where the other servers of a cluster connect to.
const ROUTE_PORT: u16 = 6222;
/// Variable of a server's environment that holds the key its files are encrypted under.
const STORE_KEY_VARIABLE: &str = "EGIDE_NATS_STORE_KEY";
/// What servers of a cluster show each other besides certificates.
const ROUTE_PASSWORD_FILE: &str = "route.password";

/// `egide provision …`.
#[derive(Clone, clap::Subcommand)]
pub(crate) enum Command {
    /// Identities and configuration.
    Keys(Keys),
    /// Streams.
    Log(Log),
    /// The key that vouches for liaisons.
    Liaisons,
}

/// `egide provision keys`.
#[derive(Clone, clap::Args)]
pub(crate) struct Keys {
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    seeds: Option<PathBuf>,
    #[arg(long = "server", value_name = "NAME=HOST", required = true)]
    servers: Vec<ServerName>,
    #[arg(long, value_name = "NAME", default_value = "egide")]
    cluster: String,
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    output: Option<PathBuf>,
    #[arg(long, value_name = "DIR", default_value = "/var/lib/nats")]
    store: PathBuf,
    #[arg(long, value_name = "DIR", default_value = "/etc/nats/tls")]
    certificates: PathBuf,
    #[arg(long, value_name = "BYTES", default_value_t = 128 * 1024 * 1024 * 1024)]
    max_file_store: u64,
    #[arg(long)]
    insecure_nats: bool,
}

/// `egide provision log`.
#[derive(Clone, clap::Args)]
pub(crate) struct Log {
    #[arg(long, value_name = "URL", env = "EGIDE_NATS", required = true)]
    nats: String,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    seed: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsArgs,
    #[arg(long)]
    create: bool,
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024 * 1024 * 1024)]
    log_max_bytes: u64,
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5))]
    replicas: u32,
}

/// `one=nats1.example.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ServerName {
    name: String,
    host: String,
}

impl FromStr for ServerName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, host)) if !name.is_empty() && !host.is_empty() && !host.contains(':') => {
                Ok(Self { name: name.to_owned(), host: host.to_owned() })
            }
            Some(_) | None => Err("one=nats1.example.org".to_owned()),
        }
    }
}

pub(crate) async fn run(out: &mut Output, global: &Global, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Keys(args) => keys(out, global, args),
        Command::Log(args) => log(out, global, args).await,
        Command::Liaisons => liaisons(out, global),
    }
}

/// Where seeds stand unless said otherwise.
pub(crate) fn seeds_of(data: &Path) -> PathBuf {
    data.join("keys/nats")
}

/// Where the public keys stand that vouch for liaisons.
pub(crate) fn liaison_keys_path(data: &Path) -> PathBuf {
    data.join("liaison-keys.json")
}

/// Makes the key with which the directory vouches for liaisons, if it is not there, and writes down its public half: every service
/// that liaisons reach needs that.
fn liaisons(out: &mut Output, global: &Global) -> Result<Exit, Failure> {
    let folder = global.data().join("keys");
    let issuer = KeyFolder { folder: &folder, missing: Missing::Make }.liaisons()?;
    let text = serde_json::to_string_pretty(&issuer.keys()).map_err(std::io::Error::from)?;
    let (private, public) = (folder.join(LIAISONS_FILE), liaison_keys_path(&global.data()));
    place(&public, text.as_bytes())?;
    if out.is_json() {
        out.json(&json!({ "key": private.display().to_string(), "keys": public.display().to_string() }))?;
        return Ok(Exit::Ok);
    }
    out.field("head.liaison_key", private.display())?;
    out.field("head.liaison_keys", public.display())?;
    Ok(Exit::Ok)
}

fn unusable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unreadable, "fail.provision_keys").with("error", error)
}

fn keys(out: &mut Output, global: &Global, args: &Keys) -> Result<Exit, Failure> {
    let names: BTreeSet<&str> = args.servers.iter().map(|server| server.name.as_str()).collect();
    if names.len() != args.servers.len() || !matches!(args.servers.len(), 1 | 3 | 5) {
        return Err(Failure::new(Exit::Usage, "fail.provision_servers"));
    }
    let seeds = args.seeds.clone().unwrap_or_else(|| seeds_of(&global.data()));
    let output = args.output.clone().unwrap_or_else(|| global.data().join("nats-servers"));
    let identities = PublicKeys::of_folder(&seeds).map_err(unusable)?;
    file::private_folder(&output).map_err(|error| Failure::file(&output, &error))?;
    let mut files = Vec::with_capacity(args.servers.len());
    for server in &args.servers {
        let text = configuration(args, server, &identities, &seeds)?;
        let path = output.join(format!("{}.conf", server.name));
        // A cluster's configuration holds the password of its routes.
        file::replace(&path, text.as_bytes(), PRIVATE).map_err(|error| Failure::file(&path, &error))?;
        files.push(path);
    }
    if args.insecure_nats {
        out.note(out.lang.text("say.insecure_nats"))?;
    }
    if out.is_json() {
        let users: serde_json::Map<_, _> = Identity::all()
            .map(|identity| {
                let seed = identity.seed_path(&seeds).display().to_string();
                (identity.name().to_owned(), json!({ "public_key": identities.of(identity), "seed": seed }))
            })
            .collect();
        let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        out.json(&json!({ "users": users, "configurations": files }))?;
        return Ok(Exit::Ok);
    }
    for identity in Identity::all() {
        let seed = identity.seed_path(&seeds);
        out.line(format!("{:<14} {} {}", identity.name(), identities.of(identity), seed.display()))?;
    }
    for path in &files {
        out.line(path.display().to_string())?;
    }
    out.note(out.lang.text("say.provision_keys"))?;
    Ok(Exit::Ok)
}

fn configuration(args: &Keys, server: &ServerName, identities: &PublicKeys, seeds: &Path) -> Result<String, Failure> {
    let tls = (!args.insecure_nats).then(|| TlsFiles {
        certificate: args.certificates.join("certificate.pem"),
        key: args.certificates.join("key.pem"),
        authorities: args.certificates.join("authorities.pem"),
    });
    let cluster = if args.servers.len() == 1 {
        None
    } else {
        let routes = args.servers.iter().map(|server| format!("{}:{ROUTE_PORT}", server.host)).collect();
        let password = route_password(seeds)?.to_string();
        Some(NatsCluster {
            name: args.cluster.clone(),
            listen: format!("0.0.0.0:{ROUTE_PORT}"),
            routes,
            advertise: None,
            password,
        })
    };
    let server = NatsServer {
        name: server.name.clone(),
        listen: format!("0.0.0.0:{CLIENT_PORT}"),
        monitor: None,
        store: args.store.clone(),
        max_file_store_bytes: Some(args.max_file_store),
        store_key_variable: Some(STORE_KEY_VARIABLE.to_owned()),
        max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
        identities: identities.clone(),
        tls,
        cluster,
        files: None,
        master: None,
    };
    server.configuration().map_err(unusable)
}

/// Made once, so that a configuration written again still fits the servers that run.
fn route_password(seeds: &Path) -> Result<Zeroizing<String>, Failure> {
    let make = || {
        random_bytes::<32>().map(|bytes| {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Zeroizing::new(digits.into_bytes())
        })
    };
    let bytes = key_file::read_or_make(&seeds.join(ROUTE_PASSWORD_FILE), make).map_err(unusable)?;
    let text = std::str::from_utf8(&bytes).map_err(unusable)?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

async fn log(out: &mut Output, global: &Global, args: &Log) -> Result<Exit, Failure> {
    let identity = Identity::ADMINISTRATOR;
    let seed = args.seed.clone().unwrap_or_else(|| identity.seed_path(&seeds_of(&global.data())));
    let tls = args.tls.of_client(|| Proofs::find(&global.tls, &global.data()).map(Arc::new))?;
    if tls.is_none() {
        out.note(out.lang.text("say.insecure_nats"))?;
    }
    let administrator = connection(identity, &args.nats, &seed, tls);
    let config = LogConfig { create: args.create, max_bytes: args.log_max_bytes, replicas: args.replicas };
    let streams = provision(&administrator, &config).await?;
    for (stream, provisioned) in streams {
        let created = provisioned == Provisioned::Created;
        if out.is_json() {
            out.json(&json!({ "stream": stream, "created": created }))?;
        } else {
            let told = out.lang.text(if created { "say.stream_created" } else { "say.stream_as_it_must_be" });
            out.line(format!("{stream:<8} {told}"))?;
        }
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_name_and_a_host() {
        let server: ServerName = "one=nats1.example.org".parse().unwrap();
        assert_eq!((server.name.as_str(), server.host.as_str()), ("one", "nats1.example.org"));
        for text in ["", "one", "one=", "=host", "one=host:4222"] {
            assert!(text.parse::<ServerName>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_password_of_routes_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let first = route_password(directory.path()).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(*route_password(directory.path()).unwrap(), *first);
    }
}
