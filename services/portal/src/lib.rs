//! The portal of liaisons: signing in with a passkey, the referrals of one's unit, its encryption keys, help. Nothing else is here.
//!
//! *In scope*: pages in English and French, sessions, what a browser may ask for and how often; every page about a referral is an
//! answer of the disclosure service to the liaison's own token.
//!
//! *Out of scope*: who a liaison is and whether a passkey proves it (the directory), what may be delivered (disclosure), keys of any
//! kind: this process holds none, talks gRPC alone, and cannot speak for somebody who did not sign in.

mod keys;
mod moment;
mod referrals;
mod report;
mod router;
mod sign_in;
mod site;
#[cfg(test)]
mod texts;

use std::future::Future;
use std::sync::Arc;

use egide_crypto::random::RandomUnavailable;
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::Credentials;
use egide_servicekit::shutdown::Shutdown;
use egide_servicekit::typesetter::Typesetter;
use egide_web::server::{TlsError, TlsFiles, serve};
use egide_web::text::BadTexts;
use tokio::net::TcpListener;

use crate::site::Site;

/// The role's name.
pub const ROLE: &str = "portal";

/// What the portal needs.
pub struct Config {
    /// Where to listen, taken.
    pub listener: TcpListener,
    /// Certificate and key of the site; absent: plain HTTP, which browsers take for a site on their own machine only.
    pub tls: Option<TlsFiles>,
    /// The site as browsers see it: `https://portal.example`.
    pub origin: String,
    /// The directory.
    pub directory: Upstream,
    /// The disclosure service.
    pub disclosure: Upstream,
    /// Who this process is; the person is put in for every call.
    pub credentials: Credentials,
    /// Sets pages, where there is something that does.
    pub typeset: Option<Typesetter>,
}

/// The portal could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its certificate or key.
    #[error("portal: {0}")]
    Tls(#[from] TlsError),
    /// Its texts.
    #[error("portal: {0}")]
    Texts(#[from] BadTexts),
    /// The operating system.
    #[error("portal: {0}")]
    Random(#[from] RandomUnavailable),
    /// What people see could be read on the way.
    #[error("portal: `{0}` is no site on this machine: give a certificate and a key")]
    Insecure(String),
}

/// The portal, until the end is asked for.
///
/// # Errors
/// See [`Error`].
pub fn start(config: Config, shutdown: Shutdown) -> Result<impl Future<Output = ()> + Send + 'static, Error> {
    let plain = config.origin.starts_with("http://localhost");
    if config.tls.is_none() && !plain {
        return Err(Error::Insecure(config.origin));
    }
    let tls = config.tls.as_ref().map(TlsFiles::acceptor).transpose()?;
    let Config { listener, origin, directory, disclosure, credentials, typeset, tls: _ } = config;
    let site = Site::new(origin, directory, disclosure, credentials, typeset)?;
    Ok(serve(listener, tls, router::router(Arc::new(site)), shutdown))
}
