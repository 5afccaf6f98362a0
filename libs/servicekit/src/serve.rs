//! The gRPC server, the same for every role: identity and access before every method, limits on everything, health and
//! reflection, one log line and one metric for every call, and an orderly end.
//!
//! A log line holds method, code, duration and calling service; never an id, a header or a body.

mod api;
mod body;
mod connections;
mod deadline;
mod guard;
mod hint;
mod running;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;
use tonic::transport::Server;

pub use self::api::Api;
pub use self::running::{Running, Stopped};
use crate::access::{AccessLayer, AccessTable, TableError};
use crate::identity::Verifier;
use crate::shutdown::{self, Shutdown};
use crate::tls::Security;

/// Largest request and largest answer that is decoded, in bytes: what generated servers and clients of tonic hold to.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest set of headers, in bytes: two tokens and room to spare.
const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// Windows of HTTP/2 flow control: a message crosses in a few round trips, a connection holds a few messages.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// A connection that is silent for so long is asked whether it still lives …
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);
/// … and closed when it does not answer for so long.
const KEEPALIVE_WITHIN: Duration = Duration::from_secs(10);
/// A connection is closed in order after so long, and the client makes a new one: with the certificates of then, on both sides.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(3600);
/// Time between cutting what is still under way and giving up on it.
const CUT_WITHIN: Duration = Duration::from_secs(2);

/// Bounds of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most requests under way; more are answered `RESOURCE_EXHAUSTED` at once.
    pub requests: usize,
    /// Most streams open, counted apart, so that watchers never keep requests out.
    pub streams: usize,
    /// Most connections.
    pub connections: usize,
    /// Most TLS handshakes under way; further connections wait to be accepted.
    pub handshakes: usize,
    /// Longest time for one handshake.
    pub handshake_within: Duration,
    /// Most requests and streams under way on one connection; the client waits with more.
    pub calls_per_connection: u32,
    /// Longest time for one request; a shorter `grpc-timeout` of the caller's counts. Streams end with the caller's only.
    pub request_timeout: Duration,
    /// Between saying that it is not ready any more and taking no new call.
    pub announce: Duration,
    /// How long requests may go on after that.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 1024,
            streams: 1024,
            connections: 512,
            handshakes: 64,
            handshake_within: Duration::from_secs(5),
            calls_per_connection: 256,
            request_timeout: Duration::from_secs(30),
            announce: Duration::from_millis(100),
            drain: Duration::from_secs(10),
        }
    }
}

/// What a server is and where it listens.
#[derive(Debug, Clone, Copy)]
pub struct ServeConfig {
    /// The role, for logs and metrics: `ledger`.
    pub role: &'static str,
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Its bounds.
    pub limits: Limits,
}

impl ServeConfig {
    /// A server with the usual bounds.
    #[must_use]
    pub fn new(role: &'static str, listen: SocketAddr) -> Self {
        Self { role, listen, limits: Limits::default() }
    }
}

/// A server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody can listen there.
    #[error("`{role}` cannot listen on `{address}`: {source}; choose a free address, or port 0")]
    Listen {
        /// The role.
        role: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Who may call what is not known, so nobody may.
    #[error(transparent)]
    Access(#[from] TableError),
    /// The contract's descriptors cannot be offered.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Binds, and serves `api` until `shutdown`, under mutual TLS unless the verifier is an insecure one; then health says that it
/// is not ready, after [`Limits::announce`] no new call is taken, streams end, and requests have [`Limits::drain`] to finish.
/// Answers when the address is bound and connections are taken.
///
/// # Errors
/// See [`Error`].
pub async fn serve(
    config: ServeConfig,
    api: Api,
    verifier: Arc<Verifier>,
    shutdown: Shutdown,
) -> Result<Running, Error> {
    let ServeConfig { role, listen, limits } = config;
    let table = Arc::new(AccessTable::embedded()?);
    let at = |source| Error::Listen { role, address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(at)?;
    let address = listener.local_addr().map_err(at)?;
    let (stop, asked) = shutdown.child();
    let (leave, stopping) = shutdown::channel();
    let (cut, cut_off) = shutdown::channel();

    let security = verifier.security();
    if matches!(security, Security::Insecure) {
        tracing::warn!(
            role,
            "INSECURE: connections to this server are neither encrypted nor proved; not for real cases"
        );
    }
    let scheme = security.scheme();
    let (routes, health) = api.into_routes().await?;
    let guard = guard::GuardLayer::new(role, Arc::clone(&table), limits, stopping.clone(), cut_off);
    let server = Server::builder()
        .layer(guard)
        .layer(AccessLayer::new(table, verifier))
        .max_concurrent_streams(limits.calls_per_connection)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
        .http2_keepalive_timeout(Some(KEEPALIVE_WITHIN))
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .max_connection_age(CONNECTION_AGE_MAX)
        .serve_with_incoming_shutdown(
            routes,
            connections::incoming(role, listener, limits, security),
            stopping.requested(),
        );
    tracing::info!(role, %address, scheme, "listening");

    let serving = async move {
        let mut server = std::pin::pin!(server);
        let ending = async {
            asked.requested().await;
            // Whoever chooses among instances hears it first; then no new call is taken.
            health.not_serving().await;
            sleep(limits.announce).await;
            leave.request();
            sleep(limits.drain).await;
        };
        tokio::select! {
            ended = &mut server => return ended,
            () = ending => tracing::warn!(role, after_ms = limits.drain.as_millis(), "cutting what is still under way"),
        }
        cut.request();
        tokio::select! {
            ended = server => ended,
            // What is left are clients that do not close; nothing is being answered any more.
            () = sleep(CUT_WITHIN) => Ok(()),
        }
    };
    Ok(Running::new(role, scheme, address, stop, serving))
}
