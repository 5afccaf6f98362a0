//! Connections: proved on both sides before anything is read from them, small answers leave at once (`TCP_NODELAY`), and there
//! are bounds on how many there are and how many are being proved.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_stream::Stream;
use tonic::transport::server::{Connected, TcpIncoming};

use super::Limits;
use crate::identity::Peer;
use crate::telemetry::metrics::CONNECTIONS_REFUSED;
use crate::tls::{Security, TlsConnection};

/// Connections of `listener`, as many at a time as the limits say; further ones are closed at once. A connection whose other
/// side does not prove itself is closed without a word beyond TLS's own.
pub(super) fn incoming(
    role: &'static str,
    listener: TcpListener,
    limits: Limits,
    security: Security,
) -> impl Stream<Item = io::Result<Connection>> {
    let room = Arc::new(Semaphore::new(limits.connections));
    TcpIncoming::from(listener)
        .with_nodelay(Some(true))
        .map(move |accepted| {
            let place = Arc::clone(&room).try_acquire_owned().ok();
            let security = security.clone();
            async move {
                let socket = accepted.map_err(Refused::Accept)?;
                let place = place.ok_or(Refused::NoRoom)?;
                let (io, peer) = prove(security, socket, limits.handshake_within).await?;
                Ok(Connection { io, peer, _place: place })
            }
        })
        .buffer_unordered(limits.handshakes.max(1))
        .filter_map(move |proved| {
            std::future::ready(proved.map_err(|refused: Refused| refused.report(role)).ok().map(Ok))
        })
}

async fn prove(security: Security, socket: TcpStream, within: Duration) -> Result<(Pin<Box<dyn Io>>, Peer), Refused> {
    match security {
        Security::Insecure => Ok((Box::pin(socket), Peer::Anybody)),
        Security::Mutual(tls) => match timeout(within, TlsConnection::accept(&tls, socket)).await {
            Ok(Ok(connection)) => {
                let peer = Peer::Service(connection.peer().clone());
                Ok((Box::pin(connection), peer))
            }
            Ok(Err(error)) => Err(Refused::Unproved(error)),
            Err(_) => Err(Refused::Late),
        },
    }
}

/// A connection was closed before anything was read from it.
enum Refused {
    Accept(io::Error),
    NoRoom,
    Unproved(io::Error),
    Late,
}

impl Refused {
    fn report(self, role: &'static str) {
        let (reason, error) = match self {
            Self::Accept(error) => ("accept", error.to_string()),
            Self::NoRoom => ("no_room", "as many connections as there may be are open".to_owned()),
            Self::Unproved(error) => ("unproved", error.to_string()),
            Self::Late => ("late", "the handshake took too long".to_owned()),
        };
        metrics::counter!(CONNECTIONS_REFUSED, "role" => role, "reason" => reason).increment(1);
        tracing::warn!(role, reason, error, "a connection was closed");
    }
}

/// What is read from and written to.
trait Io: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

/// A connection that holds its place among them.
pub(super) struct Connection {
    io: Pin<Box<dyn Io>>,
    peer: Peer,
    _place: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
