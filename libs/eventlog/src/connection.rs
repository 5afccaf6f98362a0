//! The connection to NATS, and requests to JetStream's API. Requests and answers are never logged: they hold blocks.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, Request, RequestErrorKind, ServerAddr};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::nkey::{Nkey, NkeyError};

/// Oldest server that this crate is tested with; much older ones accept a message twice under an optimistic check
/// (nats-server #4320).
const SERVER_OLDEST: (i64, i64, i64) = (2, 15, 0);
/// How long connecting for the first time may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer of the API may take.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest pause between two attempts to connect again.
const RECONNECT_DELAY_MAX: Duration = Duration::from_millis(500);
/// How often a lost connection is looked at while waiting for it.
const CONNECTED_POLL: Duration = Duration::from_millis(20);
/// How often the server is asked whether it is still there, so that a silent loss is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Under which subjects JetStream's API stands for users of its own account.
const API_PREFIX: &str = "$JS.API";

/// Where NATS is, and who we are there.
#[derive(Clone)]
pub struct ConnectionConfig {
    /// `nats://host:port`, or `tls://`; several servers of one cluster are separated by commas.
    pub url: String,
    /// Name of the NATS user; none on a server that asks for none, or where a seed says who we are.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// File (0600) with the seed of the user's nkey; wins over user and password. Read again at every connection, so
    /// that it can be replaced without a restart.
    pub seed: Option<PathBuf>,
    /// Certificates for TLS, which is then demanded; none on loopback only.
    pub tls: Option<ConnectionTls>,
    /// Under which subjects JetStream's API stands, where the user's account imports it: `LOG.API` for `$JS.API`.
    pub api_prefix: Option<String>,
    /// Prefix of reply subjects, if the user's permissions ask for one of its own (`_INBOX_ledger`).
    pub inbox_prefix: Option<String>,
}

/// Files (PEM) that TLS to NATS is made with. They are read again at every connection, so a certificate is replaced by
/// replacing its files: the connection that is there goes on with the old one until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionTls {
    /// Our certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities whose servers count. No others do: those of the system are not asked.
    pub authorities: PathBuf,
}

impl ConnectionConfig {
    /// A server that asks for no user.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            user: None,
            password: None,
            seed: None,
            tls: None,
            api_prefix: None,
            inbox_prefix: None,
        }
    }

    /// The same server as `user`.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self.password = Some(password.into());
        self
    }

    /// The same server as the owner of the seed in this file.
    #[must_use]
    pub fn with_seed(mut self, path: impl Into<PathBuf>) -> Self {
        self.seed = Some(path.into());
        self
    }

    /// The same server, through TLS with these files and never without.
    #[must_use]
    pub fn with_tls(mut self, tls: ConnectionTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The same server from an account that imports the API under `prefix`.
    #[must_use]
    pub fn with_api_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.api_prefix = Some(prefix.into());
        self
    }

    /// The same server with replies under `prefix`.
    #[must_use]
    pub fn with_inbox_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.inbox_prefix = Some(prefix.into());
        self
    }
}

impl fmt::Debug for ConnectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionConfig")
            .field("user", &self.user)
            .field("seed", &self.seed)
            .field("tls", &self.tls)
            .field("api_prefix", &self.api_prefix)
            .field("inbox_prefix", &self.inbox_prefix)
            .finish_non_exhaustive()
    }
}

/// Connecting failed. Servers are named by host and port only: a URL can hold a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The URL is none.
    #[error("the NATS URL cannot be read; it looks like `nats://127.0.0.1:4222`")]
    Url,
    /// No server answered.
    #[error("no NATS server answers at `{servers}`; is it running?")]
    Unreachable {
        /// Hosts and ports of the URL.
        servers: String,
    },
    /// The server does not know the user, or its password or key is another.
    #[error("the NATS server at `{servers}` does not take us for the user we say we are")]
    Refused {
        /// Hosts and ports of the URL.
        servers: String,
    },
    /// The seed cannot be used.
    #[error(transparent)]
    Seed(#[from] NkeyError),
    /// TLS failed: a file cannot be read, or one of the two does not trust the other.
    #[error("no TLS with the NATS server at `{servers}`: {reason}")]
    Tls {
        /// Hosts and ports of the URL.
        servers: String,
        /// What was wrong.
        reason: String,
    },
    /// The server is too old.
    #[error("the NATS server is version `{found}`; at least 2.15.0 is needed")]
    ServerTooOld {
        /// Its version.
        found: String,
    },
}

/// A connection to NATS; clones share it. A lost connection is made again without end.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    api_prefix: Arc<str>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects, within five seconds.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn open(config: &ConnectionConfig) -> Result<Self, ConnectionError> {
        let addresses: Result<Vec<ServerAddr>, _> = config.url.split(',').map(|url| url.trim().parse()).collect();
        let addresses = addresses.map_err(|_| ConnectionError::Url)?;
        let servers: Vec<String> = addresses.iter().map(|at| format!("{}:{}", at.host(), at.port())).collect();
        let servers = servers.join(",");
        let connecting = options(config)?.connect(addresses);
        let client = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(refused(&error, servers)),
            Err(_) => return Err(ConnectionError::Unreachable { servers }),
        };
        let (major, minor, patch) = SERVER_OLDEST;
        if !client.is_server_compatible(major, minor, patch) {
            return Err(ConnectionError::ServerTooOld { found: client.server_info().version });
        }
        let api_prefix = config.api_prefix.as_deref().unwrap_or(API_PREFIX).into();
        Ok(Self { client, api_prefix })
    }

    /// Name of the cluster the server belongs to; none where it stands alone.
    #[must_use]
    pub fn cluster(&self) -> Option<String> {
        self.client.server_info().cluster.filter(|name| !name.is_empty())
    }

    /// Whether the server is connected right now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Returns once connected. What is published meanwhile would only queue up.
    pub(crate) async fn connected(&self) {
        while !self.is_connected() {
            tokio::time::sleep(CONNECTED_POLL).await;
        }
    }

    /// The subject of an operation of JetStream's API, as it is called in the user's account.
    pub(crate) fn api_subject(&self, operation: &str) -> String {
        format!("{}.{operation}", self.api_prefix)
    }

    /// Asks JetStream's API for an operation (`STREAM.INFO.CASES`).
    pub(crate) async fn api<T: DeserializeOwned>(&self, operation: &str, body: String) -> Result<T, ApiError> {
        let request = Request::new().payload(body.into()).timeout(Some(REQUEST_TIMEOUT));
        self.ask(self.api_subject(operation), request).await
    }

    /// Sends a request whose answer is JSON, or an error in the form of JetStream's API.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, subject: String, request: Request) -> Result<T, ApiError> {
        let answer = self.client.send_request(subject, request).await.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => ApiError::NobodyAnswers,
            RequestErrorKind::MaxPayloadExceeded => ApiError::TooLarge,
            RequestErrorKind::TimedOut | RequestErrorKind::InvalidSubject | RequestErrorKind::Other => {
                ApiError::NoAnswer
            }
        })?;
        read_answer(&answer.payload)
    }
}

/// What came of a request to the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// The server said no, for certain.
    #[error("the server refused with error `{code}`: {description}")]
    Rejected {
        /// JetStream's error code.
        code: u64,
        /// Its words.
        description: String,
    },
    /// Nobody listens on the subject: JetStream is off, still starting, or the right is missing.
    #[error("nobody answers; is JetStream enabled, and may this user ask?")]
    NobodyAnswers,
    /// No answer in time; whether the request took effect is unknown.
    #[error("no answer in time")]
    NoAnswer,
    /// The request is larger than the server takes; it was not sent.
    #[error("the request is larger than the server takes")]
    TooLarge,
    /// The answer cannot be read.
    #[error("the answer cannot be read")]
    Unreadable,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
struct RefusalError {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

fn read_answer<T: DeserializeOwned>(payload: &Bytes) -> Result<T, ApiError> {
    if let Ok(refusal) = serde_json::from_slice::<Refusal>(payload) {
        let RefusalError { err_code, description } = refusal.error;
        return Err(ApiError::Rejected { code: err_code, description });
    }
    serde_json::from_slice(payload).map_err(|_| ApiError::Unreadable)
}

fn options(config: &ConnectionConfig) -> Result<ConnectOptions, NkeyError> {
    let mut options = match &config.seed {
        Some(path) => {
            let nkey = Arc::new(Nkey::read(path)?);
            ConnectOptions::with_auth_callback(move |nonce| {
                let signed = nkey.sign(&nonce);
                async move { signed.map_err(async_nats::AuthError::new) }
            })
        }
        None => ConnectOptions::new(),
    };
    options = options
        .name("egide")
        .connection_timeout(CONNECT_TIMEOUT)
        .ping_interval(PING_INTERVAL)
        .reconnect_delay_callback(|attempts| {
            let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
            Duration::from_millis(10).saturating_mul(attempts).min(RECONNECT_DELAY_MAX)
        })
        .event_callback(|event| async move { report(&event) });
    if let (None, Some(user), Some(password)) = (&config.seed, &config.user, &config.password) {
        options = options.user_and_password(user.clone(), password.clone());
    }
    if let Some(ConnectionTls { certificate, key, authorities }) = &config.tls {
        // Before the server's greeting, so that not even its version travels in clear.
        options = options
            .add_root_certificates(authorities.clone())
            .add_client_certificate(certificate.clone(), key.clone())
            .require_tls(true)
            .tls_first();
    }
    if let Some(prefix) = &config.inbox_prefix {
        options = options.custom_inbox_prefix(prefix);
    }
    Ok(options)
}

fn report(event: &Event) {
    match event {
        Event::Connected => tracing::info!("connected to nats"),
        Event::Disconnected => tracing::warn!("lost the connection to nats"),
        Event::SlowConsumer(_) => tracing::warn!("nats delivers faster than it is read"),
        Event::ServerError(_) => tracing::warn!("nats reports an error"),
        Event::ClientError(_) => tracing::warn!("the nats client reports an error"),
        Event::LameDuckMode => tracing::warn!("the nats server is about to stop"),
        Event::Draining | Event::Closed => tracing::info!("the connection to nats is closed"),
    }
}

fn refused(error: &async_nats::ConnectError, servers: String) -> ConnectionError {
    use async_nats::ConnectErrorKind as Kind;
    match error.kind() {
        Kind::Authentication | Kind::AuthorizationViolation => ConnectionError::Refused { servers },
        Kind::Tls => ConnectionError::Tls { servers, reason: reason(error) },
        Kind::ServerParse | Kind::Dns | Kind::TimedOut | Kind::Io | Kind::MaxReconnects => {
            ConnectionError::Unreachable { servers }
        }
    }
}

/// What lies below: files and certificates, never content.
fn reason(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| "it was refused".to_owned(), ToString::to_string)
}
