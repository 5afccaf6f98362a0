//! Mutual TLS on every connection between services: who somebody is stands in their certificate.
//!
//! *In scope*: the files of one service and what becomes of them when they change; the identity in a certificate; both
//! sides of a connection. *Out of scope*: issuing certificates ([`crate::pki`] does it for development; production brings its
//! own), and what a service may do once it is known (`access.json`).
//!
//! TLS 1.3 only, with ring. A service is named by its certificate's one URI name, `spiffe://<trust domain>/<service>`; a
//! certificate with none, with two, with another trust domain or with anything else in the path proves nobody. Host names prove
//! nothing between services. Nothing is resumed: every connection proves both sides anew, and connections are few and long.

mod certificate;
mod connection;
mod connector;
mod identity;
mod live;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;

pub use self::certificate::{Certificate, NotRead};
pub use self::connection::TlsConnection;
pub use self::connector::Connector;
pub use self::identity::{NotAService, TrustDomain, service_of, uri_of};
pub use self::live::{Error, Pace, Tls};

/// The files one service proves itself with, and trusts others by; PEM all of them. They are read again when they change.
///
/// `egide pki` and `egide up` keep them under `<data>/pki/` ([`crate::pki::files_of`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TlsFiles {
    /// The service's certificate, then those between it and the authority, if any.
    pub certificate: PathBuf,
    /// Its private key (PKCS#8, SEC 1 or PKCS#1), readable by its owner alone.
    pub key: PathBuf,
    /// The authorities whose certificates count: one, or both while one takes over from another.
    pub authorities: PathBuf,
}

/// How the services of an installation know each other.
#[derive(Debug, Clone)]
pub enum Security {
    /// By their certificates, and nothing else.
    Mutual(Arc<Tls>),
    /// By tokens over connections that anybody on the way can read and change: only where `--insecure` says so.
    Insecure,
}

impl Security {
    /// The scheme of a URL that is reached this way.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Mutual(_) => "https",
            Self::Insecure => "http",
        }
    }
}
