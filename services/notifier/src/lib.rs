//! Tells units that something waits for them, and nothing more: by a signed call to a server of theirs, or a message to a mailbox.
//!
//! *In scope*: asking triage which units are to be told and the directory where, what is sent and how a receiver checks it
//! ([`webhook`]), sending it, trying again, and having triage record what became of it.
//!
//! *Out of scope*: when a unit is to be told and whether it was (`egide-domain`, triage), what an address may be
//! (`egide-domain`), and everything about cases, people and referrals: nothing of them reaches this process. It has no log, no
//! projection and no key but the one it signs notices with.

mod mail;
mod plan;
mod post;
mod roots;
#[cfg(test)]
mod tests;
mod upstreams;
pub mod webhook;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egide_crypto::sign::SigningKey;
use egide_domain::notices::Mailbox;
use egide_domain::time::Timestamp;
use egide_servicekit::channel::Upstream;
use egide_servicekit::shutdown::Shutdown;
use zeroize::Zeroizing;

use crate::mail::Mailer;
use crate::plan::Plan;
use crate::post::Poster;
use crate::roots::Roots;
use crate::upstreams::Upstreams;
use crate::work::Senders;

/// The role's name.
pub const ROLE: &str = "notifier";

/// What the notifier needs.
#[derive(Debug)]
pub struct Config {
    /// Triage, called as the service `notifier`.
    pub triage: Upstream,
    /// The directory, called as the service `notifier`.
    pub directory: Upstream,
    /// The key that notices are signed with; the offline root certifies it for this use.
    pub signing_key: SigningKey,
    /// The server that takes mail; without one, no mailbox is told.
    pub mail: Option<MailConfig>,
    /// Authorities beside the system's by whom receivers and the mail server may be vouched for (PEM).
    pub authorities: Option<PathBuf>,
    /// Whether receivers on this machine, and a mail server on it, may be reached without TLS.
    pub development: bool,
    /// How soon, how often and how much at a time.
    pub pace: Pace,
    /// The time: `egide_servicekit::clock::now`, or another in a test.
    pub clock: fn() -> Timestamp,
}

/// A server that takes mail.
#[derive(Debug)]
pub struct MailConfig {
    /// Its name; by it the server's certificate is checked.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept from others.
    pub security: MailSecurity,
    /// From whom mail comes.
    pub from: Mailbox,
    /// Name and password, if the server asks for any.
    pub credentials: Option<(String, Zeroizing<String>)>,
}

/// How a connection to a mail server is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// TLS after `STARTTLS`, or nothing is sent.
    StartTls,
    /// None: only to this machine, and only in development.
    None,
}

/// How soon, how often and how much at a time.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two looks at what is open.
    pub look_every: Duration,
    /// The longest wait after the first failure; it doubles with each.
    pub again_first: Duration,
    /// The longest wait after any failure.
    pub again_max: Duration,
    /// The longest time for one attempt, connecting included.
    pub attempt_max: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look_every: Duration::from_secs(2),
            again_first: Duration::from_secs(10),
            again_max: Duration::from_secs(3_600),
            attempt_max: Duration::from_secs(15),
        }
    }
}

/// The notifier cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The authorities' file cannot be used.
    #[error("notifier: `{}` holds no authority in PEM that can be used", .0.display())]
    Authorities(PathBuf),
    /// Nobody could be believed.
    #[error("notifier: no authority is known: install the system's certificates, or name a file of authorities")]
    NoAuthorities,
    /// Mail would travel in clear.
    #[error("notifier: mail without TLS is for a server on this machine, in development")]
    MailInClear,
    /// TLS cannot be set up.
    #[error("notifier: tls: {0}")]
    Tls(String),
}

/// A notifier that is ready to work.
#[derive(Debug)]
pub struct Notifier {
    upstreams: Arc<Upstreams>,
    senders: Arc<Senders>,
    plan: Plan,
    pace: Pace,
    clock: fn() -> Timestamp,
}

impl Notifier {
    /// Makes everything ready; nothing is asked or sent yet.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn new(config: Config) -> Result<Self, Error> {
        let Config { triage, directory, signing_key, mail, authorities, development, pace, clock } = config;
        let roots = Roots::load(authorities.as_deref(), development)?;
        if mail.is_none() {
            tracing::warn!("no mail server is named: units that gave a mailbox are not told there");
        }
        let mailer = mail.map(|mail| Mailer::new(mail, &roots, development, pace.attempt_max)).transpose()?;
        let poster = Poster::new(&roots, development, pace.attempt_max)?;
        let senders = Senders { signing_key, poster, mailer, clock };
        Ok(Self {
            upstreams: Arc::new(Upstreams::new(triage, directory)),
            senders: Arc::new(senders),
            plan: Plan::new(pace),
            pace,
            clock,
        })
    }

    /// Works until the end is asked for. What is under way then is given up: it is tried again at the next start, under the same
    /// id.
    pub async fn run(self, shutdown: Shutdown) {
        tokio::select! {
            () = shutdown.requested() => {}
            () = work::work(self) => {}
        }
    }
}
