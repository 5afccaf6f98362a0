//! A part of the process that runs: a server, and what runs beside it.

use std::error::Error;
use std::net::SocketAddr;

use tokio::task::JoinHandle;

use crate::shutdown::{self, Trigger};

/// A role has stopped and should not have.
#[derive(Debug, thiserror::Error)]
#[error("`{role}` stopped: {reason}")]
pub struct Stopped {
    /// The role.
    pub role: &'static str,
    /// Why.
    #[source]
    pub reason: Box<dyn Error + Send + Sync>,
}

impl Stopped {
    /// A role stopped for this reason.
    pub fn new(role: &'static str, reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { role, reason: reason.into() }
    }
}

/// A role that runs. Dropping this asks it to stop.
#[derive(Debug)]
pub struct Running {
    role: &'static str,
    scheme: &'static str,
    address: SocketAddr,
    stop: Trigger,
    finished: JoinHandle<Result<(), Stopped>>,
}

impl Running {
    pub(super) fn new<E>(
        role: &'static str,
        scheme: &'static str,
        address: SocketAddr,
        stop: Trigger,
        serving: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let finished = tokio::spawn(async move { serving.await.map_err(|reason| Stopped::new(role, reason)) });
        Self { role, scheme, address, stop, finished }
    }

    /// The role.
    #[must_use]
    pub const fn role(&self) -> &'static str {
        self.role
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https://<address>`, or `http://<address>` without TLS, for [`crate::channel::Upstream::new`].
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// With a task that belongs to the role, such as a projection that follows the log. It goes on until the server has
    /// answered its last request, and is dropped then; when it ends before, the server is stopped, and its error is why.
    #[must_use]
    pub fn beside<E>(self, task: impl Future<Output = Result<(), E>> + Send + 'static) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let Self { role, scheme, address, stop, finished: mut server } = self;
        let (outer, asked) = shutdown::channel();
        let mut task = tokio::spawn(async move { task.await.map_err(|reason| Stopped::new(role, reason)) });
        let finished = tokio::spawn(async move {
            tokio::select! {
                ended = &mut task => {
                    stop.request();
                    let served = joined(role, server.await);
                    return joined(role, ended).and(served);
                }
                served = &mut server => {
                    task.abort();
                    return joined(role, served);
                }
                () = asked.requested() => stop.request(),
            }
            let served = joined(role, server.await);
            task.abort();
            served
        });
        Self { role, scheme, address, stop: outer, finished }
    }

    /// Asks it to stop; does not wait.
    pub fn request_stop(&self) {
        self.stop.request();
    }

    /// Waits until it has stopped, by itself or asked. Cancel-safe.
    ///
    /// # Errors
    /// [`Stopped`] when it stopped for a reason of its own.
    pub async fn finished(&mut self) -> Result<(), Stopped> {
        joined(self.role, (&mut self.finished).await)
    }

    /// Asks it to stop and waits.
    ///
    /// # Errors
    /// See [`Running::finished`].
    pub async fn stop(mut self) -> Result<(), Stopped> {
        self.request_stop();
        self.finished().await
    }
}

fn joined(role: &'static str, joined: Result<Result<(), Stopped>, tokio::task::JoinError>) -> Result<(), Stopped> {
    // A panic's payload may hold anything: only that there was one is told.
    joined
        .unwrap_or_else(|error| Err(Stopped::new(role, if error.is_panic() { "a task panicked" } else { "cancelled" })))
}
