//! The certificate authority of development: one root, made once, and short-lived certificates for services.
//!
//! What it keeps under its folder (`<data>/pki/`): `trust-domain`, `authority/certificate.pem` and `authority/key.pem` (0600),
//! `authorities.pem` (whom everybody believes: this authority, and others put there by hand while one takes over from another),
//! `services/<service>/certificate.pem` and `services/<service>/key.pem` (0600). Whoever can read the authority's key can be any
//! service: production brings its own certificates, and has no such key on its machines.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use egide_crypto::random::random_bytes;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use crate::file::{self, PRIVATE, PUBLIC};
use crate::identity::ServiceName;
use crate::tls::{Certificate, TlsFiles, TrustDomain, uri_of};
use crate::{clock, key_file};

/// The trust domain of an installation that names no other.
pub const DEVELOPMENT_TRUST_DOMAIN: &str = "egide.development";
/// How long a service's certificate counts, unless asked otherwise.
pub const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Longest life of a service's certificate.
pub const LIFETIME_MAX: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long the authority counts: ten years.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(3650 * 24 * 3600);
/// Certificates count from so long ago on, for clocks that are behind ours.
const BACKDATED: Duration = Duration::from_secs(300);

const TRUST_DOMAIN_FILE: &str = "trust-domain";
const AUTHORITIES_FILE: &str = "authorities.pem";
const AUTHORITY_FOLDER: &str = "authority";
const SERVICES_FOLDER: &str = "services";
const CERTIFICATE_FILE: &str = "certificate.pem";
const KEY_FILE: &str = "key.pem";
/// Held while a certificate is issued.
const LOCK_FILE: &str = "lock";

/// The authority cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("`{}`: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The authority's key file cannot be used.
    #[error(transparent)]
    Key(#[from] key_file::Error),
    /// A file does not hold what it should.
    #[error("`{}` holds no {what} that can be used", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What should stand there.
        what: &'static str,
    },
    /// The folder belongs to another trust domain.
    #[error("`{}` holds the authority of `{found}`; choose another folder for another trust domain", .path.display())]
    OtherTrustDomain {
        /// The folder.
        path: PathBuf,
        /// Whose authority it is.
        found: TrustDomain,
    },
    /// A certificate was asked for that would count for too long, or not at all.
    #[error("a certificate counts for a minute at least, and for {} days at most", LIFETIME_MAX.as_secs() / 86_400)]
    Lifetime,
    /// A name that no certificate can carry.
    #[error("`{0}` is neither a host name nor an address")]
    Host(String),
    /// The library could not make it.
    #[error("the certificate could not be made: {0}")]
    NotMade(#[from] rcgen::Error),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] egide_crypto::random::RandomUnavailable),
}

/// Where the files of a service stand below the folder of an authority, whether or not they are there yet.
#[must_use]
pub fn files_of(folder: &Path, service: &ServiceName) -> TlsFiles {
    let own = folder.join(SERVICES_FOLDER).join(service.as_str());
    TlsFiles {
        certificate: own.join(CERTIFICATE_FILE),
        key: own.join(KEY_FILE),
        authorities: folder.join(AUTHORITIES_FILE),
    }
}

/// The trust domain of an authority's folder; `None` when there is no authority.
///
/// # Errors
/// [`Error::Unreadable`], [`Error::Io`].
pub fn trust_domain_of(folder: &Path) -> Result<Option<TrustDomain>, Error> {
    let path = folder.join(TRUST_DOMAIN_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| Error::Unreadable { path, what: "trust domain" }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { path, source }),
    }
}

/// What a certificate is issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The service.
    pub service: ServiceName,
    /// Host names and addresses beside `localhost`, 127.0.0.1 and ::1, for clients that compare them.
    pub hosts: Vec<String>,
    /// From when it counts, in seconds since 1970-01-01 UTC.
    pub from_s: i64,
    /// For how long.
    pub lifetime: Duration,
}

impl Order {
    /// A certificate for a service from now on, for the usual time.
    #[must_use]
    pub fn new(service: ServiceName) -> Self {
        Self { service, hosts: Vec::new(), from_s: clock::now_s(), lifetime: LIFETIME }
    }

    /// The same with another host name or address.
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }
}

/// An authority that can issue.
pub struct Authority {
    folder: PathBuf,
    trust_domain: TrustDomain,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("folder", &self.folder)
            .field("trust_domain", &self.trust_domain)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// The authority of a folder; `None` when there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(folder: &Path) -> Result<Option<Self>, Error> {
        let Some(trust_domain) = trust_domain_of(folder)? else { return Ok(None) };
        let path = folder.join(AUTHORITY_FOLDER).join(KEY_FILE);
        let Some(key) = key_file::read(&path)? else { return Ok(None) };
        let key = read_key(&path, &key)?;
        let issuer = Issuer::new(authority_params(&trust_domain, &key, clock::now_s())?, key);
        Ok(Some(Self { folder: folder.to_owned(), trust_domain, issuer }))
    }

    /// The authority of a folder, made there at the first use.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open_or_make(folder: &Path, trust_domain: &TrustDomain) -> Result<Self, Error> {
        private_folder(&folder.join(AUTHORITY_FOLDER))?;
        match trust_domain_of(folder)? {
            Some(found) if found != *trust_domain => {
                return Err(Error::OtherTrustDomain { path: folder.to_owned(), found });
            }
            Some(_) => {}
            None => place(&folder.join(TRUST_DOMAIN_FILE), trust_domain.as_str().as_bytes(), PUBLIC)?,
        }
        let path = folder.join(AUTHORITY_FOLDER).join(KEY_FILE);
        let key = key_file::read_or_make(&path, || -> Result<_, Error> {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            Ok(Zeroizing::new(key.serialize_pem().into_bytes()))
        })?;
        let key = read_key(&path, &key)?;
        let params = authority_params(trust_domain, &key, clock::now_s())?;
        let certificate = folder.join(AUTHORITY_FOLDER).join(CERTIFICATE_FILE);
        if !certificate.exists() {
            place(&certificate, params.self_signed(&key)?.pem().as_bytes(), PUBLIC)?;
        }
        let authorities = folder.join(AUTHORITIES_FILE);
        if !authorities.exists() {
            let certificate = fs::read(&certificate).map_err(|source| Error::Io { path: certificate, source })?;
            place(&authorities, &certificate, PUBLIC)?;
        }
        Ok(Self { folder: folder.to_owned(), trust_domain: trust_domain.clone(), issuer: Issuer::new(params, key) })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The trust domain.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The authority's own certificate, PEM.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(AUTHORITY_FOLDER).join(CERTIFICATE_FILE)
    }

    /// Issues a certificate with a new key and puts both into place. Connections made before go on.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn issue(&self, order: &Order) -> Result<TlsFiles, Error> {
        let _one = self.lock()?;
        self.issue_alone(order)
    }

    /// One issues at a time: key and certificate of one service stand in two files, which must fit together.
    fn lock(&self) -> Result<File, Error> {
        let path = self.folder.join(LOCK_FILE);
        let at = |source| Error::Io { path: path.clone(), source };
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(at)?;
        file.lock().map_err(at)?;
        Ok(file)
    }

    fn issue_alone(&self, order: &Order) -> Result<TlsFiles, Error> {
        let files = files_of(&self.folder, &order.service);
        if let Some(folder) = files.key.parent() {
            private_folder(folder)?;
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = self.service_params(order)?.signed_by(&key, &self.issuer)?;
        place(&files.key, Zeroizing::new(key.serialize_pem()).as_bytes(), PRIVATE)?;
        place(&files.certificate, certificate.pem().as_bytes(), PUBLIC)?;
        Ok(files)
    }

    /// Issues a certificate unless there is one that is in the first two thirds of its life. Tells whether it did.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn renew_if_due(&self, order: &Order) -> Result<bool, Error> {
        let _one = self.lock()?;
        let files = files_of(&self.folder, &order.service);
        // One that cannot be read, or has another key, is replaced as one that is not there.
        let newest = read_certificate(&files.certificate).ok().filter(|_| belong_together(&files));
        let is_due = newest.is_none_or(|certificate| order.from_s >= certificate.renew_at_s());
        if is_due {
            self.issue_alone(order)?;
        }
        Ok(is_due)
    }

    /// The services that have a certificate here, in the order of their names.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn services(&self) -> Result<Vec<ServiceName>, Error> {
        services_of(&self.folder)
    }

    fn service_params(&self, order: &Order) -> Result<CertificateParams, Error> {
        if !(Duration::from_secs(60)..=LIFETIME_MAX).contains(&order.lifetime) {
            return Err(Error::Lifetime);
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = name(order.service.as_str());
        params.serial_number = Some(serial_number()?);
        set_times(&mut params, order.from_s, order.lifetime);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.subject_alt_names = vec![
            SanType::URI(uri_of(&self.trust_domain, &order.service).try_into()?),
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        for host in &order.hosts {
            params.subject_alt_names.push(host_name(host)?);
        }
        Ok(params)
    }
}

/// Whether the key is that of the certificate.
fn belong_together(files: &TlsFiles) -> bool {
    let certificate = fs::read(&files.certificate).ok().and_then(|pem| CertificateDer::from_pem_slice(&pem).ok());
    let key = key_file::read(&files.key).ok().flatten().and_then(|pem| PrivateKeyDer::from_pem_slice(&pem).ok());
    let (Some(certificate), Some(key)) = (certificate, key) else { return false };
    CertifiedKey::from_der(vec![certificate], key, &rustls::crypto::ring::default_provider()).is_ok()
}

/// The services that have a certificate below an authority's folder, in the order of their names.
///
/// # Errors
/// [`Error::Io`].
pub fn services_of(folder: &Path) -> Result<Vec<ServiceName>, Error> {
    let path = folder.join(SERVICES_FOLDER);
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::Io { path, source }),
    };
    let mut services = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| Error::Io { path: path.clone(), source })?;
        services.extend(entry.file_name().to_str().and_then(|name| name.parse::<ServiceName>().ok()));
    }
    services.sort();
    Ok(services)
}

/// The first certificate of a PEM file.
///
/// # Errors
/// [`Error::Unreadable`], [`Error::Io`].
pub fn read_certificate(path: &Path) -> Result<Certificate, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let unreadable = || Error::Unreadable { path: path.to_owned(), what: "certificate" };
    let certificate = CertificateDer::from_pem_slice(&bytes).map_err(|_| unreadable())?;
    Certificate::read(&certificate).map_err(|_| unreadable())
}

fn host_name(host: &str) -> Result<SanType, Error> {
    if let Ok(address) = host.parse() {
        return Ok(SanType::IpAddress(address));
    }
    rustls::pki_types::DnsName::try_from(host).map_err(|_| Error::Host(host.to_owned()))?;
    Ok(SanType::DnsName(host.to_owned().try_into().map_err(|_| Error::Host(host.to_owned()))?))
}

fn read_key(path: &Path, pem: &[u8]) -> Result<KeyPair, Error> {
    let unreadable = || Error::Unreadable { path: path.to_owned(), what: "private key" };
    let pem = std::str::from_utf8(pem).map_err(|_| unreadable())?;
    KeyPair::from_pem(pem).map_err(|_| unreadable())
}

/// The same for the same key, but for serial number and times, which an issuer does not use: so the key alone is enough to
/// issue.
pub(crate) fn authority_params(
    trust_domain: &TrustDomain,
    key: &KeyPair,
    now_s: i64,
) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    // Part of the key in the name: two authorities of one trust domain are told apart.
    let key_id = egide_crypto::digest::sha256(key.public_key_raw()).to_string();
    let key_id: String = key_id.chars().take(16).collect();
    params.distinguished_name = name(&format!("development authority of {trust_domain} ({key_id})"));
    params.serial_number = Some(serial_number()?);
    set_times(&mut params, now_s, AUTHORITY_LIFETIME);
    // No authority below this one.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "egide");
    name.push(DnType::CommonName, common);
    name
}

/// Counts from `from_s` (a little before, in truth) for `lifetime`.
fn set_times(params: &mut CertificateParams, from_s: i64, lifetime: Duration) {
    let from = Duration::from_secs(u64::try_from(from_s).unwrap_or_default());
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + from.saturating_sub(BACKDATED);
    params.not_after = epoch + from.saturating_add(lifetime);
}

/// 127 random bits (RFC 5280, section 4.1.2.2: positive, at most 20 bytes).
fn serial_number() -> Result<SerialNumber, Error> {
    let mut bytes = random_bytes::<16>()?;
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn private_folder(path: &Path) -> Result<(), Error> {
    file::private_folder(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}

fn place(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    file::replace(path, bytes, mode).map_err(|source| Error::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Tls;

    const TRUST_DOMAIN: &str = "egide.test";

    fn authority(folder: &Path) -> Authority {
        Authority::open_or_make(folder, &TRUST_DOMAIN.parse().unwrap()).unwrap()
    }

    #[test]
    fn of_processes_that_start_at_once_one_issues_and_all_find_the_same() {
        let directory = tempfile::tempdir().unwrap();
        drop(authority(directory.path()));
        for round in 0..20 {
            let order = Order::new(format!("ledger-{round}").parse().unwrap());
            let renew = || authority(directory.path()).renew_if_due(&order).unwrap();
            let issued = std::thread::scope(|scope| {
                let racers: Vec<_> = (0..4).map(|_| scope.spawn(renew)).collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).filter(|issued| *issued).count()
            });
            assert_eq!(issued, 1);
            let files = files_of(directory.path(), &order.service);
            assert!(Tls::open(files, TRUST_DOMAIN.parse().unwrap()).is_ok());
        }
    }

    #[test]
    fn a_certificate_whose_key_is_another_is_issued_anew() {
        let directory = tempfile::tempdir().unwrap();
        let authority = authority(directory.path());
        let [one, other] = ["ledger", "audit"].map(|name| Order::new(name.parse().unwrap()));
        let [mine, theirs] = [&one, &other].map(|order| authority.issue(order).unwrap());
        assert!(!authority.renew_if_due(&one).unwrap());
        fs::copy(&theirs.key, &mine.key).unwrap();
        assert!(authority.renew_if_due(&one).unwrap());
        assert!(Tls::open(mine, TRUST_DOMAIN.parse().unwrap()).is_ok());
    }
}
