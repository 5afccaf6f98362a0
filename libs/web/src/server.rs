//! Connections within limits: how many, how long a head may take, how long an answer, how large anything may be.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use egide_servicekit::shutdown::Shutdown;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::form::FORM_BYTES_MAX;
use crate::limit::Limit;
use crate::shell::plain;

/// Connections at once.
const CONNECTIONS_MAX: usize = 1_024;
/// Connections of one address at once: an agency behind one address has some dozen people.
const CONNECTIONS_BURST: u32 = 256;
/// Afterwards one new connection each …
const CONNECTION_EVERY: Duration = Duration::from_millis(50);
/// Addresses that are counted.
const ADDRESSES_MAX: usize = 16_384;
/// Until a connection is secured.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Until the head of a request is there, from when the connection is idle.
const HEAD: Duration = Duration::from_secs(10);
/// Until the body of a request is there.
const BODY: Duration = Duration::from_secs(10);
/// Until there is an answer.
const ANSWER: Duration = Duration::from_secs(45);
/// A connection lives no longer, whatever happens on it.
const CONNECTION: Duration = Duration::from_secs(300);
/// Bytes of a head, and how many headers.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// How long connections have when the site ends.
const DRAIN: Duration = Duration::from_secs(5);

/// Who asks, by their address. In the extensions of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address(pub IpAddr);

impl Address {
    /// The name under which it is counted: of IPv6 the network, for one customer has so many addresses.
    #[must_use]
    pub fn network(self) -> [u8; 16] {
        match self.0.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => {
                let mut octets = address.octets();
                octets.iter_mut().skip(8).for_each(|byte| *byte = 0);
                octets
            }
        }
    }
}

/// The site's certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("`{}`: {reason}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The two do not fit.
    #[error("certificate and key: {0}")]
    Fit(#[from] rustls::Error),
}

/// Certificate chain and private key of the site, PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The chain, the site's own certificate first.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads them.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let bad = |path: &PathBuf, reason: String| TlsError::File { path: path.clone(), reason };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&self.certificate)
            .map_err(|error| bad(&self.certificate, error.to_string()))?
            .collect();
        let chain = chain.map_err(|error| bad(&self.certificate, error.to_string()))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| bad(&self.key, error.to_string()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])?;
        let mut config = config.with_no_client_auth().with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// The whole body of a request, short and in time.
///
/// # Errors
/// The answer to give: 413 or 408.
pub async fn body(request: Request<Body>) -> Result<(http::request::Parts, Bytes), Response> {
    let (parts, body) = request.into_parts();
    let read = timeout(BODY, Limited::new(body, FORM_BYTES_MAX).collect()).await;
    match read {
        Ok(Ok(whole)) => Ok((parts, whole.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(plain(StatusCode::PAYLOAD_TOO_LARGE, "too large\n")),
        Ok(Err(_)) => Err(plain(StatusCode::BAD_REQUEST, "the request broke off\n")),
        Err(_) => Err(plain(StatusCode::REQUEST_TIMEOUT, "too slow\n")),
    }
}

/// Serves until the end is asked for; then what is under way has a few seconds.
pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, site: Router, shutdown: Shutdown) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let newcomers = Limit::new(CONNECTIONS_BURST, CONNECTION_EVERY, ADDRESSES_MAX);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.requested() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => {
                let (stream, peer) = match accepted {
                    Ok(accepted) => accepted,
                    // No descriptor is left, for instance: whoever is here goes first.
                    Err(_) => { tokio::time::sleep(Duration::from_millis(50)).await; continue }
                };
                let address = Address(peer.ip());
                // Whoever is too many is not answered: an answer is work.
                let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
                if !newcomers.admits(address.network()) {
                    continue;
                }
                let (tls, site) = (tls.clone(), site.clone());
                connections.spawn(async move {
                    let secured = async move {
                        match tls {
                            None => converse(stream, address, site).await,
                            Some(tls) => {
                                if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
                                    converse(stream, address, site).await;
                                }
                            }
                        }
                    };
                    drop(timeout(CONNECTION, secured).await);
                    drop::<OwnedSemaphorePermit>(permit);
                });
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    drop(timeout(DRAIN, ended).await);
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, address: Address, site: Router) {
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(address);
        let answer = site.clone().oneshot(request.map(Body::new));
        async move {
            match timeout(ANSWER, answer).await {
                Ok(Ok(response)) => Ok::<_, std::convert::Infallible>(response),
                Ok(Err(never)) => match never {},
                Err(_) => Ok(plain(StatusCode::SERVICE_UNAVAILABLE, "try again in a minute\n")),
            }
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .await;
    // A connection that breaks off is nobody's fault here.
    drop(served);
}

/// The address to listen on, taken.
///
/// # Errors
/// What the system says.
pub async fn bind(listen: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
