//! Asking a process, or a part of it, to end; and not waiting for ever until it has.
//!
//! One [`Trigger`] asks, any number of [`Shutdown`]s hear it. A trigger that is dropped has asked: when nobody is left who
//! could, nothing should go on for ever.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;

/// Asks for the end, when called or dropped.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// Asks for the end. Asking twice changes nothing.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Drop for Trigger {
    fn drop(&mut self) {
        self.request();
    }
}

/// Hears that the end was asked for.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// A trigger and what hears it.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Shutdown {
    /// Whether the end was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the end is asked for. Owns what it needs, so it can be spawned or handed on.
    pub fn requested(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut receiver = self.0.clone();
        async move {
            // An error means that the trigger is gone, and it never goes without having asked.
            drop(receiver.wait_for(|requested| *requested).await);
        }
    }

    /// The same as a plain `watch`: `true` means that the end was asked for.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// A part that ends with this whole, or alone by the trigger returned. Must be called in a tokio runtime.
    #[must_use]
    pub fn child(&self) -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(self.is_requested());
        let whole = self.requested();
        let part = sender.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = whole => { part.send_replace(true); }
                // The part has ended by itself: every receiver is gone.
                () = part.closed() => {}
            }
        });
        (Trigger(sender), Self(receiver))
    }
}

/// Asks `trigger` for the end at the first SIGINT or SIGTERM, and says so. Must be called in a tokio runtime.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn on_signal(trigger: Trigger) -> Result<(), io::Error> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        tracing::info!(signal = name, "ending in order");
        trigger.request();
    });
    Ok(())
}

/// Something did not end in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("did not end within {} ms", .limit.as_millis())]
pub struct Overdue {
    /// The bound.
    pub limit: Duration,
}

/// Waits for `ending`, but not longer than `limit`.
///
/// # Errors
/// [`Overdue`] when it had not ended by then; it is dropped.
pub async fn drain<T>(limit: Duration, ending: impl Future<Output = T>) -> Result<T, Overdue> {
    timeout(limit, ending).await.map_err(|_| Overdue { limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_request_is_heard_by_everybody_also_afterwards() {
        let (trigger, shutdown) = channel();
        let other = shutdown.clone();
        assert!(!shutdown.is_requested());
        trigger.request();
        drain(BOUND, shutdown.requested()).await.unwrap();
        drain(BOUND, other.requested()).await.unwrap();
        assert!(other.is_requested());
    }

    #[tokio::test]
    async fn a_dropped_trigger_has_asked() {
        let (trigger, shutdown) = channel();
        drop(trigger);
        assert!(shutdown.is_requested());
        drain(BOUND, shutdown.requested()).await.unwrap();
    }

    #[tokio::test]
    async fn a_part_ends_with_the_whole() {
        let (trigger, whole) = channel();
        let (_part_trigger, part) = whole.child();
        trigger.request();
        drain(BOUND, part.requested()).await.unwrap();
    }

    #[tokio::test]
    async fn a_part_that_ends_leaves_the_whole_alone() {
        let (_trigger, whole) = channel();
        let (part_trigger, part) = whole.child();
        part_trigger.request();
        drain(BOUND, part.requested()).await.unwrap();
        assert!(!whole.is_requested());
    }

    #[tokio::test]
    async fn waiting_is_bounded() {
        let limit = Duration::from_millis(20);
        assert_eq!(drain(limit, std::future::pending::<()>()).await, Err(Overdue { limit }));
    }
}
