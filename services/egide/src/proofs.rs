//! How the services of this installation prove who they are: by certificates, given or issued here, or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egide_servicekit::identity::ServiceName;
use egide_servicekit::pki::{self, Authority, DEVELOPMENT_TRUST_DOMAIN, Order, files_of, trust_domain_of};
use egide_servicekit::shutdown::Shutdown;
use egide_servicekit::tls::{Security, Tls, TlsFiles, TrustDomain};

use crate::exit::Exit;
use crate::failure::Failure;

/// Stands for the role in the paths of `--tls-cert` and `--tls-key`.
const ROLE: &str = "{role}";
/// The folder of certificates in a data directory.
const FOLDER: &str = "pki";
/// Between two looks at whether a certificate is due for renewal.
const RENEWAL_LOOK: Duration = Duration::from_secs(60);
/// Whose certificates `egide up` makes beside those of its roles.
const ALSO_ISSUED: [&str; 2] = ["cli", "nats"];

/// Whose certificates, said on the command line.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct TlsArgs {
    #[arg(long, global = true, value_name = "FILE", env = "EGIDE_TLS_CERT", value_hint = clap::ValueHint::FilePath)]
    tls_cert: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FILE", env = "EGIDE_TLS_KEY", value_hint = clap::ValueHint::FilePath)]
    tls_key: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FILE", env = "EGIDE_TLS_CA", value_hint = clap::ValueHint::FilePath)]
    tls_ca: Option<PathBuf>,
    #[arg(long, global = true, value_name = "NAME", env = "EGIDE_TRUST_DOMAIN")]
    trust_domain: Option<TrustDomain>,
    #[arg(long, global = true)]
    insecure: bool,
}

impl TlsArgs {
    /// Whether no certificate is to be asked for.
    pub(crate) const fn insecure(&self) -> bool {
        self.insecure
    }

    /// The trust domain, that of development unless said otherwise.
    pub(crate) fn trust_domain(&self) -> Result<TrustDomain, Failure> {
        match &self.trust_domain {
            Some(trust_domain) => Ok(trust_domain.clone()),
            None => DEVELOPMENT_TRUST_DOMAIN.parse().map_err(refused),
        }
    }
}

fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unreadable, "fail.tls").with("error", error)
}

/// The folder of certificates in a data directory.
pub(crate) fn folder(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// Where proofs come from.
#[derive(Debug)]
enum Source {
    Insecure,
    /// Files that the organisation put there.
    Given {
        files: TlsFiles,
        trust_domain: TrustDomain,
    },
    /// Files below a folder, which nobody here can issue.
    Found {
        folder: PathBuf,
        trust_domain: TrustDomain,
    },
    /// An authority of ours.
    Issued(Box<Authority>),
}

/// The proofs of any service, opened once each.
#[derive(Debug)]
pub(crate) struct Proofs {
    source: Source,
    hosts: Vec<String>,
    opened: Mutex<BTreeMap<ServiceName, Arc<Tls>>>,
}

impl Proofs {
    fn new(source: Source) -> Self {
        Self { source, hosts: Vec::new(), opened: Mutex::default() }
    }

    /// What the command line says, or what stands in the data directory.
    ///
    /// # Errors
    /// When there is neither.
    pub(crate) fn find(args: &TlsArgs, data: &Path) -> Result<Self, Failure> {
        if args.insecure {
            return Ok(Self::new(Source::Insecure));
        }
        if args.tls_cert.is_some() || args.tls_key.is_some() || args.tls_ca.is_some() {
            let (Some(certificate), Some(key), Some(authorities), Some(trust_domain)) =
                (&args.tls_cert, &args.tls_key, &args.tls_ca, &args.trust_domain)
            else {
                return Err(Failure::new(Exit::Usage, "fail.tls_incomplete"));
            };
            let files =
                TlsFiles { certificate: certificate.clone(), key: key.clone(), authorities: authorities.clone() };
            return Ok(Self::new(Source::Given { files, trust_domain: trust_domain.clone() }));
        }
        let folder = folder(data);
        if let Some(authority) = Authority::open(&folder).map_err(refused)? {
            return Ok(Self::new(Source::Issued(Box::new(authority))));
        }
        match trust_domain_of(&folder).map_err(refused)? {
            Some(trust_domain) => Ok(Self::new(Source::Found { folder, trust_domain })),
            None => Err(Failure::new(Exit::NotAllowed, "fail.tls_missing").with("folder", folder.display())),
        }
    }

    /// The authority of a data directory, made at the first use; certificates name `host` too.
    ///
    /// # Errors
    /// When it cannot be made or used.
    pub(crate) fn make(args: &TlsArgs, data: &Path, host: String) -> Result<Self, Failure> {
        if args.insecure {
            return Ok(Self::new(Source::Insecure));
        }
        let authority = Authority::open_or_make(&folder(data), &args.trust_domain()?).map_err(refused)?;
        Ok(Self { hosts: vec![host], ..Self::new(Source::Issued(Box::new(authority))) })
    }

    /// How `service` makes and takes connections.
    ///
    /// # Errors
    /// When its files cannot be used, or are those of another service.
    pub(crate) fn security(&self, service: &ServiceName) -> Result<Security, Failure> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tls) = opened.get(service) {
            return Ok(Security::Mutual(Arc::clone(tls)));
        }
        let (Some(files), Some(trust_domain)) = (self.files(service)?, self.trust_domain()) else {
            return Ok(Security::Insecure);
        };
        let tls = Tls::open_as(files, trust_domain.clone(), service).map_err(refused)?;
        opened.insert(service.clone(), Arc::clone(&tls));
        Ok(Security::Mutual(tls))
    }

    /// Whose authorities vouch for services; none where nobody is asked for certificates.
    fn trust_domain(&self) -> Option<&TrustDomain> {
        match &self.source {
            Source::Insecure => None,
            Source::Given { trust_domain, .. } | Source::Found { trust_domain, .. } => Some(trust_domain),
            Source::Issued(authority) => Some(authority.trust_domain()),
        }
    }

    /// The files of a service, issued if they are due; none where nobody is asked for any.
    ///
    /// # Errors
    /// When they cannot be issued.
    pub(crate) fn files(&self, service: &ServiceName) -> Result<Option<TlsFiles>, Failure> {
        match &self.source {
            Source::Insecure => Ok(None),
            Source::Given { files, .. } => Ok(Some(for_role(files, service))),
            Source::Found { folder, .. } => Ok(Some(files_of(folder, service))),
            Source::Issued(authority) => {
                authority.renew_if_due(&self.order(service)).map_err(refused)?;
                Ok(Some(files_of(authority.folder(), service)))
            }
        }
    }

    fn order(&self, service: &ServiceName) -> Order {
        self.hosts.iter().fold(Order::new(service.clone()), |order, host| order.with_host(host))
    }

    /// Issues what every installation needs beside its roles: for the command line and the NATS server.
    ///
    /// # Errors
    /// When it cannot be issued.
    pub(crate) fn issue_usual(&self) -> Result<(), Failure> {
        let Source::Issued(authority) = &self.source else { return Ok(()) };
        for service in ALSO_ISSUED {
            let service = service.parse().map_err(refused)?;
            authority.renew_if_due(&self.order(&service)).map_err(refused)?;
        }
        Ok(())
    }

    /// Renews every certificate of this authority at two thirds of its life, until the end.
    pub(crate) async fn keep_renewed(self: Arc<Self>, shutdown: Shutdown) {
        let Source::Issued(authority) = &self.source else { return };
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(RENEWAL_LOOK) => {}
            }
            if let Err(error) = self.renew_all(authority) {
                tracing::error!(%error, "certificates could not be renewed");
            }
        }
    }

    fn renew_all(&self, authority: &Authority) -> Result<(), pki::Error> {
        for service in authority.services()? {
            if authority.renew_if_due(&self.order(&service))? {
                tracing::info!(%service, "certificate renewed");
            }
        }
        Ok(())
    }
}

fn for_role(files: &TlsFiles, service: &ServiceName) -> TlsFiles {
    let put = |path: &Path| match path.to_str() {
        Some(text) => PathBuf::from(text.replace(ROLE, service.as_str())),
        None => path.to_owned(),
    };
    TlsFiles { certificate: put(&files.certificate), key: put(&files.key), authorities: put(&files.authorities) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(service: &str) -> ServiceName {
        service.parse().unwrap()
    }

    #[test]
    fn nothing_is_insecure_unless_it_was_asked_for() {
        let data = tempfile::tempdir().unwrap();
        let failure = Proofs::find(&TlsArgs::default(), data.path()).unwrap_err();
        assert_eq!(failure.exit(), Exit::NotAllowed);
        let insecure = TlsArgs { insecure: true, ..TlsArgs::default() };
        let proofs = Proofs::find(&insecure, data.path()).unwrap();
        assert!(matches!(proofs.security(&name("ledger")).unwrap(), Security::Insecure));
        let half = TlsArgs { tls_cert: Some("x".into()), ..TlsArgs::default() };
        assert_eq!(Proofs::find(&half, data.path()).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn certificates_are_issued_found_or_given() {
        let data = tempfile::tempdir().unwrap();
        let made = Proofs::make(&TlsArgs::default(), data.path(), "127.0.0.1".to_owned()).unwrap();
        made.issue_usual().unwrap();
        assert!(
            matches!(made.security(&name("ledger")).unwrap(), Security::Mutual(tls) if *tls.service() == name("ledger"))
        );
        // Without the authority's key: what stands there is used, and nothing is issued.
        std::fs::remove_file(folder(data.path()).join("authority/key.pem")).unwrap();
        let found = Proofs::find(&TlsArgs::default(), data.path()).unwrap();
        assert!(found.security(&name("cli")).is_ok());
        assert_eq!(found.security(&name("audit")).unwrap_err().exit(), Exit::Unreadable);
        let of = |role: &str, file: &str| Some(folder(data.path()).join("services").join(role).join(file));
        let given = |role: &str| TlsArgs {
            tls_cert: of(role, "certificate.pem"),
            tls_key: of(role, "key.pem"),
            tls_ca: Some(folder(data.path()).join("authorities.pem")),
            trust_domain: DEVELOPMENT_TRUST_DOMAIN.parse().ok(),
            insecure: false,
        };
        let by_role = Proofs::find(&given(ROLE), data.path()).unwrap();
        assert!(by_role.security(&name("ledger")).is_ok() && by_role.security(&name("nats")).is_ok());
        // One file is one service's.
        let one = Proofs::find(&given("ledger"), data.path()).unwrap();
        assert!(one.security(&name("ledger")).is_ok() && one.security(&name("cli")).is_err());
    }
}
