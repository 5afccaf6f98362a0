//! Fetching published keys over HTTPS; over plain HTTP from this machine alone.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use egide_crypto::token::jwks::JWKS_BYTES_MAX;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Longest time for one fetch, connecting included.
const FETCH_WITHIN: Duration = Duration::from_secs(5);

/// Keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server cannot be reached, or does not prove to be the one of the address.
    #[error("connecting: {0}")]
    Connect(#[source] io::Error),
    /// The authorities' file cannot be used.
    #[error("`{}` holds no authority in PEM that can be used", .0.display())]
    Authorities(PathBuf),
    /// No HTTP answer, or too large a one.
    #[error("no answer that can be used: {0}")]
    Answer(String),
    /// The answer is something else than 200. Redirects are not followed: keys come from the address that was given.
    #[error("the answer is `{0}`, and 200 was expected")]
    Status(StatusCode),
    /// It took too long.
    #[error("no answer within {} s", FETCH_WITHIN.as_secs())]
    Late,
}

/// Where keys are published.
#[derive(Debug)]
pub(super) struct Address {
    uri: Uri,
    host: String,
    // None without TLS, on this machine.
    authorities: Option<PathBuf>,
}

impl Address {
    /// `https://…` with the authorities by whom its server is believed, or `http://` on loopback without.
    pub(super) fn new(text: &str, authorities: Option<PathBuf>) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "`address` is no URL")?;
        let host = uri.host().ok_or("`address` has no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        match (uri.scheme_str(), &authorities) {
            (Some("https"), Some(_)) => {}
            (Some("https"), None) => {
                return Err("an `https` address needs `authorities`, a file of certificates in PEM");
            }
            (Some("http"), None) if is_loopback(&host) => {}
            (Some("http"), Some(_)) => return Err("`authorities` belong to an `https` address"),
            (Some(_) | None, _) => return Err("`address` is `https://…`; `http://` is for 127.0.0.1 alone"),
        }
        Ok(Self { uri, host, authorities })
    }

    /// What is published there now.
    pub(super) async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        timeout(FETCH_WITHIN, self.connect_and_get()).await.map_err(|_| FetchError::Late)?
    }

    async fn connect_and_get(&self) -> Result<Vec<u8>, FetchError> {
        let port = self.uri.port_u16().unwrap_or(if self.authorities.is_some() { 443 } else { 80 });
        let socket = TcpStream::connect((self.host.as_str(), port)).await.map_err(FetchError::Connect)?;
        let Some(authorities) = &self.authorities else { return self.get(socket).await };
        let unusable = || FetchError::Authorities(authorities.clone());
        let mut roots = RootCertStore::empty();
        // Read at every fetch: an authority that takes over needs no restart.
        for certificate in CertificateDer::pem_file_iter(authorities).map_err(|_| unusable())? {
            roots.add(certificate.map_err(|_| unusable())?).map_err(|_| unusable())?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| FetchError::Connect(io::Error::other(error)))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let invalid = |error| FetchError::Connect(io::Error::other(error));
        let name = ServerName::try_from(self.host.clone()).map_err(invalid)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.map_err(FetchError::Connect)?;
        self.get(stream).await
    }

    async fn get(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Vec<u8>, FetchError> {
        let failed = |error: &dyn std::fmt::Display| FetchError::Answer(error.to_string());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        let path = self.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let host = self.uri.authority().map_or("", http::uri::Authority::as_str);
        let request = Request::get(path)
            .header(header::HOST, host)
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .body(Empty::<Bytes>::new())
            .map_err(|error| failed(&error))?;
        let asking = async {
            let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
            if response.status() != StatusCode::OK {
                return Err(FetchError::Status(response.status()));
            }
            let body = Limited::new(response.into_body(), JWKS_BYTES_MAX).collect().await;
            Ok(body.map_err(|error| failed(&error))?.to_bytes().to_vec())
        };
        let mut connection = std::pin::pin!(connection);
        let mut asking = std::pin::pin!(asking);
        tokio::select! {
            biased;
            answer = &mut asking => answer,
            ended = &mut connection => {
                ended.map_err(|error| failed(&error))?;
                asking.await
            }
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
