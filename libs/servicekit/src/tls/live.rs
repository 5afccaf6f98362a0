//! The files of a service as they stand now.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use super::verify::{ClientsOf, ServerIs, now};
use super::{Certificate, NotAService, TlsFiles, TrustDomain, service_of};
use crate::clock;
use crate::identity::ServiceName;
use crate::key_file::{self, read_whole};

/// HTTP/2, which gRPC is (RFC 7540, section 3.3).
const HTTP_2: &[u8] = b"h2";
/// Largest file that is read, in bytes: a bundle of some hundred authorities.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Certificate, key or authorities cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("`{}`: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Others than its owner can read the key.
    #[error("`{}` can be read by others than its owner; run `chmod 600` on it, and renew the key", .path.display())]
    Exposed {
        /// The key.
        path: PathBuf,
    },
    /// The file holds nothing of the kind, or something that cannot be read as PEM.
    #[error("`{}` holds no {what} in PEM that can be used", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What should stand there.
        what: &'static str,
    },
    /// The key is not the certificate's, or of a kind that cannot be used.
    #[error("`{}` is not the key of `{}`, or none of a kind that can be used; use ECDSA P-256, Ed25519 or RSA", .key.display(), .certificate.display())]
    OtherKey {
        /// The key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
    },
    /// The certificate names no service.
    #[error("`{}`: {reason}", .path.display())]
    NotAService {
        /// The certificate.
        path: PathBuf,
        /// Why.
        reason: NotAService,
    },
    /// The certificate is another service's than it was, or than it must be.
    #[error("`{}` is the certificate of `{found}`; `{expected}` needs one of its own", .path.display())]
    OtherService {
        /// The certificate.
        path: PathBuf,
        /// Whose it is.
        found: ServiceName,
        /// Whose it should be.
        expected: ServiceName,
    },
    /// The certificate does not count now.
    #[error("`{}` does not count {}; issue a new one (`egide pki renew`), and compare the clocks", .path.display(), if *.expired { "any more" } else { "yet" })]
    Time {
        /// The certificate.
        path: PathBuf,
        /// Whether its time is over.
        expired: bool,
    },
    /// The library refuses the settings, which are ours alone.
    #[error("TLS cannot be set up: {0}")]
    Settings(String),
}

/// How often things are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Least time between two looks at the files; they are looked at when a connection is made or checked.
    pub files: Duration,
    /// Between two checks of the other side's certificate on an open connection. One that has expired, or whose authority was
    /// taken away, loses its connections within so long.
    pub peers: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { files: Duration::from_secs(1), peers: Duration::from_secs(30) }
    }
}

/// One service's proof of who it is, and whom it believes: always as its files say now.
///
/// New connections use new files from the first look on. A new file that cannot be used is reported, and what was there before
/// goes on, until it expires by itself.
pub struct Tls {
    files: TlsFiles,
    trust_domain: TrustDomain,
    service: ServiceName,
    pace: Pace,
    state: Mutex<State>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("service", &self.service).field("files", &self.files).finish_non_exhaustive()
    }
}

struct State {
    looked_at: Instant,
    stamps: [Option<Stamp>; 3],
    current: Arc<Material>,
    /// What was wrong at the last look: said at the second, for certificate and key are not replaced in one instant.
    wrong: Option<Error>,
    /// What was reported last, so that it is said once.
    reported: Option<Error>,
}

/// By what a changed file is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    modified_ns: (i64, i64),
    changed_ns: (i64, i64),
    bytes: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let about = fs::metadata(path).ok()?;
        Some(Self {
            device: about.dev(),
            inode: about.ino(),
            modified_ns: (about.mtime(), about.mtime_nsec()),
            changed_ns: (about.ctime(), about.ctime_nsec()),
            bytes: about.len(),
        })
    }
}

/// What was read, ready for use.
pub(super) struct Material {
    /// Counts the changes.
    generation: u64,
    own: Arc<Own>,
    authorities: Arc<RootCertStore>,
    pub(super) clients: Arc<ClientsOf>,
    server: Arc<ServerConfig>,
}

struct Own {
    key: Arc<CertifiedKey>,
    certificate: Certificate,
}

impl Tls {
    /// The proof in these files, of a service of this trust domain.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(files: TlsFiles, trust_domain: TrustDomain) -> Result<Arc<Self>, Error> {
        Self::with_pace(files, trust_domain, Pace::default())
    }

    /// The same, looking more or less often.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn with_pace(files: TlsFiles, trust_domain: TrustDomain, pace: Pace) -> Result<Arc<Self>, Error> {
        // Before reading, so that a change while reading is seen at the next look.
        let stamps = stamps(&files);
        let (own, service) = Own::read(&files, &trust_domain, None)?;
        own.counts_now(&files)?;
        let authorities = read_authorities(&files.authorities)?;
        let current = Arc::new(Material::new(1, Arc::new(own), authorities, &trust_domain)?);
        let state = State { looked_at: Instant::now(), stamps, current, wrong: None, reported: None };
        Ok(Arc::new(Self { files, trust_domain, service, pace, state: Mutex::new(state) }))
    }

    /// The same for a service that must be `expected`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open_as(files: TlsFiles, trust_domain: TrustDomain, expected: &ServiceName) -> Result<Arc<Self>, Error> {
        let tls = Self::open(files, trust_domain)?;
        if tls.service == *expected {
            return Ok(tls);
        }
        let (path, found) = (tls.files.certificate.clone(), tls.service.clone());
        Err(Error::OtherService { path, found, expected: expected.clone() })
    }

    /// The service.
    #[must_use]
    pub const fn service(&self) -> &ServiceName {
        &self.service
    }

    /// The trust domain.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The files.
    #[must_use]
    pub const fn files(&self) -> &TlsFiles {
        &self.files
    }

    /// How often things are looked at.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    /// Counts up whenever a new file is taken: a connection made before was proved with older ones.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.current().generation
    }

    pub(super) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current().server)
    }

    pub(super) fn client(&self, expected: &ServiceName) -> Result<ClientConfig, Error> {
        let material = self.current();
        let resolver = SingleCertAndKey::from(Arc::clone(&material.own.key));
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(settings)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(self.server_is(&material, expected)))
            .with_client_cert_resolver(Arc::new(resolver));
        config.resumption = rustls::client::Resumption::disabled();
        config.enable_sni = false;
        config.alpn_protocols = vec![HTTP_2.to_vec()];
        Ok(config)
    }

    pub(super) fn server_is(&self, material: &Material, expected: &ServiceName) -> ServerIs {
        ServerIs {
            authorities: Arc::clone(&material.authorities),
            trust_domain: self.trust_domain.clone(),
            expected: expected.clone(),
            algorithms: provider().signature_verification_algorithms,
        }
    }

    /// As the files are now, or were at the last look a moment ago.
    pub(super) fn current(&self) -> Arc<Material> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked_at.elapsed() >= self.pace.files {
            self.look(&mut state);
            state.looked_at = Instant::now();
        }
        Arc::clone(&state.current)
    }

    fn look(&self, state: &mut State) {
        let found = stamps(&self.files);
        let outcome = if found == state.stamps && state.wrong.is_none() {
            state.current.own.counts_now(&self.files)
        } else {
            let outcome = self.take(&mut state.current);
            state.stamps = found;
            outcome.and_then(|()| state.current.own.counts_now(&self.files))
        };
        let wrong = outcome.err();
        match &wrong {
            Some(error) if state.wrong == wrong && state.reported != wrong => {
                tracing::error!(service = %self.service, %error, "TLS files: what was there before goes on until it expires");
                state.reported.clone_from(&wrong);
            }
            None if state.reported.is_some() => {
                tracing::info!(service = %self.service, "TLS files are in order again");
                state.reported = None;
            }
            Some(_) | None => {}
        }
        state.wrong = wrong;
    }

    /// Takes what can be used, each of the two for itself: a broken certificate must not keep an authority that was taken away.
    fn take(&self, current: &mut Arc<Material>) -> Result<(), Error> {
        let own = Own::read(&self.files, &self.trust_domain, Some(&self.service)).and_then(|(own, _)| {
            own.counts_now(&self.files)?;
            Ok(Arc::new(own))
        });
        let authorities = read_authorities(&self.files.authorities);
        let (own_error, authorities_error) = (own.as_ref().err().cloned(), authorities.as_ref().err().cloned());
        if own_error.is_none() || authorities_error.is_none() {
            let own = own.unwrap_or_else(|_| Arc::clone(&current.own));
            let authorities = authorities.unwrap_or_else(|_| Arc::clone(&current.authorities));
            let same = own.key.cert == current.own.key.cert && authorities.roots == current.authorities.roots;
            if !same {
                let generation = current.generation.saturating_add(1);
                *current = Arc::new(Material::new(generation, own, authorities, &self.trust_domain)?);
                tracing::info!(service = %self.service, generation, "TLS files were read again");
            }
        }
        own_error.or(authorities_error).map_or(Ok(()), Err)
    }
}

impl Material {
    fn new(
        generation: u64,
        own: Arc<Own>,
        authorities: Arc<RootCertStore>,
        trust_domain: &TrustDomain,
    ) -> Result<Self, Error> {
        let provider = provider();
        let clients = ClientsOf::new(Arc::clone(&authorities), trust_domain.clone(), &provider)
            .map(Arc::new)
            .ok_or_else(|| Error::Settings("no authority can be used".to_owned()))?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(settings)?
            .with_client_cert_verifier(Arc::clone(&clients) as Arc<dyn rustls::server::danger::ClientCertVerifier>)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&own.key))));
        // A resumed connection would not be asked for its certificate again.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        server.alpn_protocols = vec![HTTP_2.to_vec()];
        Ok(Self { generation, own, authorities, clients, server: Arc::new(server) })
    }

    /// Whether a client's chain still counts.
    pub(super) fn still_a_client(&self, chain: &[CertificateDer<'static>]) -> bool {
        use rustls::server::danger::ClientCertVerifier as _;
        let Some((end_entity, intermediates)) = chain.split_first() else { return false };
        self.clients.verify_client_cert(end_entity, intermediates, now()).is_ok()
    }
}

impl Own {
    fn read(
        files: &TlsFiles,
        trust_domain: &TrustDomain,
        expected: Option<&ServiceName>,
    ) -> Result<(Self, ServiceName), Error> {
        let path = || files.certificate.clone();
        let empty = || Error::Empty { path: path(), what: "certificate" };
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(&read(&files.certificate, false)?).collect();
        let chain = chain.map_err(|_| empty())?;
        let leaf = chain.first().ok_or_else(empty)?;
        let service = service_of(leaf, trust_domain).map_err(|reason| Error::NotAService { path: path(), reason })?;
        if let Some(expected) = expected.filter(|expected| **expected != service) {
            return Err(Error::OtherService { path: path(), found: service, expected: expected.clone() });
        }
        let certificate = Certificate::read(leaf).map_err(|_| empty())?;
        let key = PrivateKeyDer::from_pem_slice(&read(&files.key, true)?)
            .map_err(|_| Error::Empty { path: files.key.clone(), what: "private key" })?;
        let key = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|_| Error::OtherKey { key: files.key.clone(), certificate: path() })?;
        Ok((Self { key: Arc::new(key), certificate }, service))
    }

    fn counts_now(&self, files: &TlsFiles) -> Result<(), Error> {
        let now_s = clock::now_s();
        if self.certificate.counts_at(now_s) {
            return Ok(());
        }
        Err(Error::Time { path: files.certificate.clone(), expired: now_s > self.certificate.not_after_s })
    }
}

fn stamps(files: &TlsFiles) -> [Option<Stamp>; 3] {
    [&files.certificate, &files.key, &files.authorities].map(|path| Stamp::of(path))
}

fn read_authorities(path: &Path) -> Result<Arc<RootCertStore>, Error> {
    let empty = || Error::Empty { path: path.to_owned(), what: "authority" };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&read(path, false)?) {
        // One that cannot be read may be the one that should count: the whole file is refused.
        store.add(certificate.map_err(|_| empty())?).map_err(|_| empty())?;
    }
    if store.is_empty() { Err(empty()) } else { Ok(Arc::new(store)) }
}

fn read(path: &Path, private: bool) -> Result<Zeroizing<Vec<u8>>, Error> {
    read_whole(path, FILE_BYTES_MAX, private).map_err(|error| match error {
        key_file::Error::Exposed { path, .. } => Error::Exposed { path },
        key_file::Error::Io { path, source } => Error::File { path, reason: source.to_string() },
        key_file::Error::TooLarge { path } => Error::File { path, reason: "larger than it can be".to_owned() },
        key_file::Error::NotMade { path, reason } => Error::File { path, reason },
    })
}

fn settings(error: rustls::Error) -> Error {
    Error::Settings(error.to_string())
}

/// Ring, said expressly: which library is "the default" depends on what else is linked.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
