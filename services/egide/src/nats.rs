//! How roles reach NATS: each as a user of its own, with rights of its own.

use std::path::{Path, PathBuf};

use egide_eventlog::{Administration, BucketName, Connection, ConnectionConfig, ConnectionTls, LogConfig, Provisioned};
use egide_servicekit::nats::Identity;

use crate::endpoints::Service;
use crate::exit::Exit;
use crate::failure::Failure;

/// How the roles of this process are known at NATS.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// Each by the seed of its own that stands in a folder.
    Seeds { url: String, folder: PathBuf, tls: Option<ConnectionTls> },
    /// All by one user, whose rights somebody else has set.
    User(ConnectionConfig),
}

impl Access {
    /// How a role connects.
    pub(crate) fn of(&self, role: Service) -> Result<ConnectionConfig, Failure> {
        let name = role.name();
        let unknown = || Failure::new(Exit::Unexpected, "fail.nats_identity").with("name", name);
        Ok(self.identity(Identity::named(name).ok_or_else(unknown)?))
    }

    /// Where NATS is.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Seeds { url, .. } => url,
            Self::User(config) => &config.url,
        }
    }

    /// How the administrative identity connects.
    pub(crate) fn administrator(&self) -> ConnectionConfig {
        self.identity(Identity::ADMINISTRATOR)
    }

    fn identity(&self, identity: Identity) -> ConnectionConfig {
        match self {
            Self::User(config) => config.clone(),
            Self::Seeds { url, folder, tls } => connection(identity, url, &identity.seed_path(folder), tls.clone()),
        }
    }
}

/// How an identity connects.
pub(crate) fn connection(identity: Identity, url: &str, seed: &Path, tls: Option<ConnectionTls>) -> ConnectionConfig {
    let config = ConnectionConfig::new(url)
        .with_seed(seed)
        .with_api_prefix(identity.api_prefix())
        .with_inbox_prefix(identity.inbox_prefix());
    match tls {
        Some(tls) => config.with_tls(tls),
        None => config,
    }
}

/// Files for TLS to NATS, said on the command line.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct TlsArgs {
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, requires_all = ["nats_key", "nats_authorities"])]
    nats_certificate: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, requires = "nats_certificate")]
    nats_key: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, requires = "nats_certificate")]
    nats_authorities: Option<PathBuf>,
    #[arg(long)]
    pub(crate) insecure_nats: bool,
}

impl TlsArgs {
    /// The files; none only where that was asked for in so many words.
    pub(crate) fn files(&self) -> Result<Option<ConnectionTls>, Failure> {
        match (&self.nats_certificate, &self.nats_key, &self.nats_authorities) {
            (Some(certificate), Some(key), Some(authorities)) => Ok(Some(ConnectionTls {
                certificate: certificate.clone(),
                key: key.clone(),
                authorities: authorities.clone(),
            })),
            (_, _, _) if self.insecure_nats => Ok(None),
            (_, _, _) => Err(Failure::new(Exit::Usage, "fail.nats_insecure")),
        }
    }
}

/// Makes the log and the buckets where `config` says so, or compares them field by field. Streams and what was found.
pub(crate) async fn provision(
    administrator: &ConnectionConfig,
    config: &LogConfig,
) -> Result<Vec<(&'static str, Provisioned)>, Failure> {
    let refused =
        |error: &dyn std::fmt::Display| Failure::new(Exit::Unavailable, "fail.provision").with("error", error);
    let connection = Connection::open(administrator).await.map_err(|error| refused(&error))?;
    let administration = Administration::new(connection);
    let log = administration.provision_log(config).await.map_err(|error| refused(&error))?;
    let mut streams = vec![("CASES", log)];
    for bucket in BucketName::ALL {
        let made = administration.provision_bucket(bucket, config.create, config.replicas).await;
        streams.push((bucket.stream(), made.map_err(|error| refused(&error))?));
    }
    Ok(streams)
}
