//! Connections to one service, for tonic.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::Service;

use super::verify::in_words;
use super::{Tls, TlsConnection};
use crate::identity::ServiceName;

/// Connects under mutual TLS to servers that are the expected service: `Endpoint::connect_with_connector_lazy`.
#[derive(Debug, Clone)]
pub struct Connector {
    tls: Arc<Tls>,
    expected: ServiceName,
}

impl Connector {
    /// Connections from whom `tls` proves, to `expected`.
    #[must_use]
    pub const fn new(tls: Arc<Tls>, expected: ServiceName) -> Self {
        Self { tls, expected }
    }

    /// See [`Tls::generation`].
    pub(crate) fn generation(&self) -> u64 {
        self.tls.generation()
    }

    async fn connect(self, uri: Uri) -> io::Result<TokioIo<TlsConnection>> {
        let no_host = || io::Error::new(io::ErrorKind::InvalidInput, "the URL has no host");
        let host = uri.host().ok_or_else(no_host)?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(443);
        let config = self.tls.client(&self.expected).map_err(io::Error::other)?;
        let socket = TcpStream::connect((host.as_str(), port)).await?;
        socket.set_nodelay(true)?;
        // Never sent and never compared: the service is asked for, not the host.
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.map_err(in_words)?;
        TlsConnection::new(self.tls, stream.into(), true)?.accepted().await.map(TokioIo::new)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsConnection>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TlsConnection>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
