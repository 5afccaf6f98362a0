//! The name of a service in its certificate.

use std::fmt;
use std::str::FromStr;

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::identity::{BadName, ServiceName};

/// Longest name of a trust domain, in bytes (SPIFFE ID, section 2.1).
const TRUST_DOMAIN_BYTES_MAX: usize = 255;
const SCHEME: &str = "spiffe://";

/// Whose authorities vouch for services: `egide.example.ca`. Installations that must not know each other have different ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(String);

impl TrustDomain {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrustDomain {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        let rule = "1 to 255 lower-case letters, digits, dots, hyphens and underscores, such as `egide.example.ca`";
        BadName::unless(text, TRUST_DOMAIN_BYTES_MAX, allowed, "a trust domain", rule).map(Self)
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A certificate that names no service of the trust domain. What it does name is not repeated: it comes from whoever connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAService {
    /// It cannot be read at all.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// It has no URI name, or more than one.
    #[error("the certificate has {0} URI names; a service's has exactly one, `spiffe://<trust domain>/<service>`")]
    Names(usize),
    /// Its URI is of another trust domain, or no `spiffe://` URI.
    #[error("the certificate's URI is none of this trust domain")]
    OtherDomain,
    /// What follows the trust domain is not one service's name.
    #[error("the certificate's URI does not end with one service's name")]
    Path,
}

/// The URI that a service's certificate carries.
#[must_use]
pub fn uri_of(trust_domain: &TrustDomain, service: &ServiceName) -> String {
    format!("{SCHEME}{trust_domain}/{service}")
}

/// The service that a certificate names. Says nothing about whether the certificate is to be believed.
///
/// # Errors
/// See [`NotAService`].
pub fn service_of(certificate: &CertificateDer<'_>, trust_domain: &TrustDomain) -> Result<ServiceName, NotAService> {
    let certificate = EndEntityCert::try_from(certificate).map_err(|_| NotAService::Unreadable)?;
    let mut names = certificate.valid_uri_names();
    let (Some(name), None) = (names.next(), names.next()) else {
        return Err(NotAService::Names(certificate.valid_uri_names().count()));
    };
    // Compared as they are: a certificate for a service is written in lower case, or is not one (SPIFFE ID, section 2).
    let rest = name.strip_prefix(SCHEME).ok_or(NotAService::OtherDomain)?;
    let (domain, path) = rest.split_once('/').ok_or(NotAService::OtherDomain)?;
    if domain != trust_domain.as_str() {
        return Err(NotAService::OtherDomain);
    }
    path.parse().map_err(|_| NotAService::Path)
}
