//! How roles reach NATS: each as a user of its own, with rights of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egide_eventlog::{Administration, BucketName, Connection, ConnectionConfig, ConnectionTls, LogConfig, Provisioned};
use egide_servicekit::nats::Identity;
use egide_servicekit::tls::TlsFiles;

use crate::endpoints::Service;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::proofs::Proofs;

/// The service whose certificate identities show that are no role's.
pub(crate) const CLIENT: &str = "cli";

/// By which certificates NATS is reached.
#[derive(Debug, Clone)]
pub(crate) enum Certificates {
    /// By none: only where that was asked for in so many words, or nobody but us can listen.
    None,
    /// By these, whoever connects.
    Given(TlsFiles),
    /// Each service by those it has for its calls to others.
    Own(Arc<Proofs>),
}

impl Certificates {
    /// Those of a service.
    pub(crate) fn of(&self, service: &str) -> Result<Option<TlsFiles>, Failure> {
        match self {
            Self::None => Ok(None),
            Self::Given(files) => Ok(Some(files.clone())),
            Self::Own(proofs) => {
                let refused = |error| Failure::new(Exit::Unexpected, "fail.tls").with("error", error);
                proofs.files(&service.parse().map_err(refused)?)
            }
        }
    }
}

/// How the roles of this process are known at NATS.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// Each by the seed of its own that stands in a folder.
    Seeds { url: String, folder: PathBuf, certificates: Certificates },
    /// All by one user, whose rights somebody else has set.
    User(ConnectionConfig),
}

impl Access {
    /// How a role connects.
    pub(crate) fn of(&self, role: Service) -> Result<ConnectionConfig, Failure> {
        let identity = match role {
            Service::Ledger => Identity::LEDGER,
            Service::Disclosure => Identity::DISCLOSURE,
            Service::Audit => Identity::AUDIT,
            Service::Directory => Identity::DIRECTORY,
            Service::Triage => Identity::TRIAGE,
        };
        self.identity(identity, role.name())
    }

    /// Where NATS is.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Seeds { url, .. } => url,
            Self::User(config) => &config.url,
        }
    }

    /// How the administrative identity connects.
    pub(crate) fn administrator(&self) -> Result<ConnectionConfig, Failure> {
        self.identity(Identity::ADMINISTRATOR, CLIENT)
    }

    fn identity(&self, identity: Identity, service: &str) -> Result<ConnectionConfig, Failure> {
        match self {
            Self::User(config) => Ok(config.clone()),
            Self::Seeds { url, folder, certificates } => {
                Ok(connection(identity, url, &identity.seed_path(folder), certificates.of(service)?))
            }
        }
    }
}

/// How an identity connects.
pub(crate) fn connection(identity: Identity, url: &str, seed: &Path, tls: Option<TlsFiles>) -> ConnectionConfig {
    let config = ConnectionConfig::new(url)
        .with_seed(seed)
        .with_api_prefix(identity.api_prefix())
        .with_inbox_prefix(identity.inbox_prefix());
    secured(config, tls)
}

/// The same with these certificates, where there are any.
pub(crate) fn secured(config: ConnectionConfig, tls: Option<TlsFiles>) -> ConnectionConfig {
    match tls {
        Some(TlsFiles { certificate, key, authorities }) => {
            config.with_tls(ConnectionTls { certificate, key, authorities })
        }
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
    /// Those that were named, none where that was asked for in so many words, and otherwise those of the services.
    pub(crate) fn certificates(
        &self,
        proofs: impl FnOnce() -> Result<Arc<Proofs>, Failure>,
    ) -> Result<Certificates, Failure> {
        match (&self.nats_certificate, &self.nats_key, &self.nats_authorities) {
            (Some(certificate), Some(key), Some(authorities)) => Ok(Certificates::Given(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
                authorities: authorities.clone(),
            })),
            (_, _, _) if self.insecure_nats => Ok(Certificates::None),
            (_, _, _) => proofs().map(Certificates::Own),
        }
    }

    /// The files of the command line, which is no role.
    pub(crate) fn of_client(
        &self,
        proofs: impl FnOnce() -> Result<Arc<Proofs>, Failure>,
    ) -> Result<Option<TlsFiles>, Failure> {
        self.certificates(proofs)?.of(CLIENT)
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
