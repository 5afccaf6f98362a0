//! Plain HTTP/1.1 for what is public and signed anyway: pages of a log that anybody may read, and a witness's one request. Whatever
//! must stay between two parties goes over gRPC ([`crate::serve`]); in front of this stands whatever ends TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::shutdown::Shutdown;

/// Connections at a time; further ones wait.
const CONNECTIONS_MAX: usize = 64;
/// How long a connection may take, from its first byte to its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest request line and headers that are read, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1_024;
/// How long one request to another server may take.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// How.
    pub method: Method,
    /// The path, as it was sent.
    pub path: String,
    /// The body, within its bound.
    pub body: Bytes,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// The type of its body.
    pub content_type: &'static str,
    /// For how long others may keep it.
    pub cache: &'static str,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// A line of text that nobody keeps.
    #[must_use]
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        let body = Bytes::from(text.into());
        Self { status, content_type: "text/plain; charset=utf-8", cache: "no-store", body }
    }

    fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static(self.cache));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, http::HeaderValue::from_static("nosniff"));
        response
    }
}

/// Answers on a listener until `shutdown`; bodies of requests have at most `body_max` bytes.
pub async fn serve<H, F>(listener: TcpListener, body_max: usize, handler: H, shutdown: Shutdown)
where
    H: Fn(Asked) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let ending = shutdown.requested();
    let mut ending = std::pin::pin!(ending);
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut ending => return,
        };
        match accepted {
            Ok((socket, _)) => {
                let handler = handler.clone();
                tokio::spawn(async move {
                    // Whether a reader got its answer is the reader's own business.
                    drop(timeout(CONNECTION_TIMEOUT, connection(socket, body_max, handler)).await);
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a plain connection could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection<H, F>(socket: TcpStream, body_max: usize, handler: H) -> hyper::Result<()>
where
    H: Fn(Asked) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(answer(request, body_max, handler).await.into_response()) }
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(socket), service)
        .await
}

async fn answer<H, F>(request: Request<Incoming>, body_max: usize, handler: H) -> Answer
where
    H: Fn(Asked) -> F,
    F: Future<Output = Answer>,
{
    let (parts, body) = request.into_parts();
    match Limited::new(body, body_max).collect().await {
        Ok(body) => {
            handler(Asked { method: parts.method, path: parts.uri.path().to_owned(), body: body.to_bytes() }).await
        }
        Err(error) if error.is::<LengthLimitError>() => Answer::text(StatusCode::PAYLOAD_TOO_LARGE, "too large\n"),
        Err(_) => Answer::text(StatusCode::BAD_REQUEST, "the body did not come whole\n"),
    }
}

/// Another server did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The address is none of the form `http://host:port/path`.
    #[error("`{0}` is no address of the form `http://host:port/path`")]
    Address(String),
    /// Nobody answered in time, or not whole.
    #[error("`{0}` does not answer")]
    NoAnswer(String),
}

/// What another server answered.
#[derive(Debug, Clone)]
pub struct Posted {
    /// Its status.
    pub status: u16,
    /// Its body, within the bound.
    pub body: Bytes,
}

/// Sends `body` to `http://host:port/path`; the answer has at most `answer_max` bytes.
///
/// # Errors
/// [`PostError`].
pub async fn post(address: &str, body: Bytes, answer_max: usize) -> Result<Posted, PostError> {
    let refused = || PostError::Address(address.to_owned());
    let uri: http::Uri = address.parse().map_err(|_| refused())?;
    let host = uri.host().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(refused)?;
    let authority = uri.authority().ok_or_else(refused)?.to_string();
    let place = (host.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(80));
    let request = Request::post(uri.path())
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Full::new(body))
        .map_err(|_| refused())?;
    let silent = || PostError::NoAnswer(address.to_owned());
    timeout(POST_TIMEOUT, exchange(place, request, answer_max)).await.ok().flatten().ok_or_else(silent)
}

async fn exchange(place: (String, u16), request: Request<Full<Bytes>>, answer_max: usize) -> Option<Posted> {
    let socket = TcpStream::connect(place).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.ok()?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.ok()?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), answer_max).collect().await.ok()?.to_bytes();
    connection.abort();
    Some(Posted { status, body })
}

/// Listens for plain connections.
///
/// # Errors
/// What the system says.
pub async fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shutdown;

    #[tokio::test]
    async fn what_is_sent_is_answered_within_its_bounds_until_the_end() {
        let (listener, address) = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let (end, ending) = shutdown::channel();
        let echo = |asked: Asked| async move {
            let text = format!("{} {} {}", asked.method, asked.path, String::from_utf8_lossy(&asked.body));
            Answer::text(StatusCode::OK, text)
        };
        let served = tokio::spawn(serve(listener, 8, echo, ending));
        let url = format!("http://{address}/a/path");
        let answered = post(&url, Bytes::from_static(b"12345678"), 64).await.unwrap();
        assert_eq!((answered.status, &answered.body[..]), (200, &b"POST /a/path 12345678"[..]));
        assert_eq!(post(&url, Bytes::from_static(b"123456789"), 64).await.unwrap().status, 413);
        assert_eq!(post(&url, Bytes::new(), 4).await.unwrap_err(), PostError::NoAnswer(url.clone()));
        end.request();
        served.await.unwrap();
        assert_eq!(post(&url, Bytes::new(), 64).await.unwrap_err(), PostError::NoAnswer(url));
        for address in ["", "https://localhost/", "localhost:1", "http:///x"] {
            assert_eq!(post(address, Bytes::new(), 1).await.unwrap_err(), PostError::Address(address.into()));
        }
    }
}
