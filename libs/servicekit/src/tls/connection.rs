//! A connection on which both sides are known, and stay so.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::verify::{in_words, now};
use super::{Tls, service_of};
use crate::identity::ServiceName;

/// A connection under mutual TLS. Its other side's certificate is checked again at [`Pace::peers`](super::Pace::peers): when it
/// has expired, or its authority was taken away, the connection breaks.
pub struct TlsConnection {
    stream: TlsStream<TcpStream>,
    tls: Arc<Tls>,
    peer: ServiceName,
    chain: Vec<CertificateDer<'static>>,
    is_client: bool,
    /// What the server said first, until it is read.
    first: Option<u8>,
    check: Pin<Box<Sleep>>,
}

impl std::fmt::Debug for TlsConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsConnection").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl TlsConnection {
    /// The server's side of a connection that was accepted just now.
    pub(crate) async fn accept(tls: &Arc<Tls>, socket: TcpStream) -> io::Result<Self> {
        let stream = TlsAcceptor::from(tls.server()).accept(socket).await.map_err(in_words)?;
        Self::new(Arc::clone(tls), stream.into(), false)
    }

    pub(super) fn new(tls: Arc<Tls>, stream: TlsStream<TcpStream>, is_client: bool) -> io::Result<Self> {
        let nobody = || io::Error::other("the other side did not show a certificate");
        let (_, session) = stream.get_ref();
        let chain: Vec<_> =
            session.peer_certificates().ok_or_else(nobody)?.iter().map(|c| c.clone().into_owned()).collect();
        let leaf = chain.first().ok_or_else(nobody)?;
        let peer = service_of(leaf, tls.trust_domain()).map_err(io::Error::other)?;
        let check = Box::pin(sleep(tls.pace().peers));
        Ok(Self { stream, tls, peer, chain, is_client, first: None, check })
    }

    /// The client's side, once the server has taken our certificate. In TLS 1.3 the server judges it when the client's handshake is
    /// done already; an HTTP/2 server speaks first (RFC 9113, section 3.4), so that its first byte means yes. A refusal is an
    /// error of connecting then, and not of the first call.
    pub(super) async fn accepted(mut self) -> io::Result<Self> {
        self.first = Some(self.stream.read_u8().await?);
        Ok(self)
    }

    /// Who is at the other side.
    #[must_use]
    pub const fn peer(&self) -> &ServiceName {
        &self.peer
    }

    fn still_counts(&self) -> bool {
        let material = self.tls.current();
        if !self.is_client {
            return material.still_a_client(&self.chain);
        }
        let Some((end_entity, intermediates)) = self.chain.split_first() else { return false };
        self.tls.server_is(&material, &self.peer).check(end_entity, intermediates, now()).is_ok()
    }

    fn poll_check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.check.as_mut().poll(context).is_ready() {
            if !self.still_counts() {
                tracing::warn!(peer = %self.peer, "a connection is broken off: the other side's certificate no longer counts");
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "the other side's certificate no longer counts",
                ));
            }
            let next = Instant::now() + self.tls.pace().peers;
            self.check.as_mut().reset(next);
        }
        Ok(())
    }
}

impl AsyncRead for TlsConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // HTTP/2 always reads, so that looking here is looking always.
        if let Err(error) = self.poll_check(context) {
            return Poll::Ready(Err(error));
        }
        if buffer.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsConnection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
