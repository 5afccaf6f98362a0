//! One call to a receiver. Nobody is followed anywhere, nothing of the answer is read but its status, and no proxy is asked: the
//! connection goes where the directory says, or nowhere.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use egide_domain::notices::WebhookUrl;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::Error;
use crate::plan::{Attempt, Why};
use crate::roots::Roots;
use crate::webhook::{Call, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// Longest time until a connection stands.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Most bytes of an answer's head that are read.
const HEAD_BYTES_MAX: usize = 16 * 1_024;
/// Most headers of an answer that are read.
const HEADERS_MAX: usize = 64;

/// See the module.
pub(crate) struct Poster {
    tls: TlsConnector,
    development: bool,
    within: Duration,
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Poster(..)")
    }
}

impl Poster {
    pub(crate) fn new(roots: &Roots, development: bool, within: Duration) -> Result<Self, Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls(error.to_string()))?
            .with_root_certificates(roots.store())
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), development, within })
    }

    /// What a receiver made of a call.
    pub(crate) async fn post(&self, url: &WebhookUrl, call: Call) -> Attempt {
        let in_development = self.development && url.is_loopback();
        if !url.is_encrypted() && !in_development {
            return Attempt::GivenUp(Why::InClear);
        }
        match timeout(self.within, self.connect_and_post(url, call)).await {
            Ok(Ok(status)) => of_status(status),
            Ok(Err(why)) => Attempt::NotTaken(why),
            Err(_) => Attempt::NotTaken(Why::Late),
        }
    }

    async fn connect_and_post(&self, url: &WebhookUrl, call: Call) -> Result<StatusCode, Why> {
        let connecting = async {
            let socket = TcpStream::connect((url.host(), url.port())).await.map_err(|_| Why::Unreachable)?;
            if !url.is_encrypted() {
                return Ok(Connection::Plain(socket));
            }
            let name = ServerName::try_from(url.host().to_owned()).map_err(|_| Why::Unreachable)?;
            let stream = self.tls.connect(name, socket).await.map_err(|_| Why::Tls)?;
            Ok(Connection::Tls(Box::new(stream)))
        };
        match timeout(CONNECT_WITHIN, connecting).await.map_err(|_| Why::Late)?? {
            Connection::Plain(stream) => send(stream, url, call).await,
            Connection::Tls(stream) => send(stream, url, call).await,
        }
    }
}

enum Connection {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &WebhookUrl,
    call: Call,
) -> Result<StatusCode, Why> {
    let handshake =
        http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|_| Why::Answer)?;
    let request = Request::post(url.target())
        .header(header::HOST, url.authority())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "egide-notifier")
        .header(header::CONNECTION, "close")
        .header(ID_HEADER, &call.id)
        .header(TIMESTAMP_HEADER, call.timestamp_s)
        .header(SIGNATURE_HEADER, &call.signature)
        .body(Full::new(Bytes::from(call.body)))
        .map_err(|_| Why::Answer)?;
    let mut connection = std::pin::pin!(connection);
    let mut sending = std::pin::pin!(sender.send_request(request));
    // With the status the connection is dropped: whatever else the receiver says is not read.
    let answer = tokio::select! {
        biased;
        answer = &mut sending => answer,
        _ended = &mut connection => sending.await,
    };
    answer.map(|answer| answer.status()).map_err(|_| Why::Answer)
}

/// Taken, gone for good, or to be tried again. A redirect is followed by nobody: whoever moved says so in the directory.
fn of_status(status: StatusCode) -> Attempt {
    match status {
        status if status.is_success() => Attempt::Taken,
        StatusCode::GONE => Attempt::GivenUp(Why::Status(status.as_u16())),
        status => Attempt::NotTaken(Why::Status(status.as_u16())),
    }
}
