//! What a log seems to have lost, and may not have: a leader that was cut off from its followers goes on answering, as leader,
//! with the log as it was when it last heard from them, while the others have elected another and gone on.
//!
//! It notices after ten to twenty seconds without followers (nats-server: `lostQuorumInterval`, looked at every
//! `lostQuorumCheck`) and answers no more. So on a stream with replicas a loss is believed only when it is seen for longer
//! than that without a break. Until then nothing that depends on it is done. On a stream without replicas there is one
//! copy, and no other that could know better.

use std::time::Duration;

use tokio::time::Instant;

/// For how long a loss must be seen before it is believed, where there are replicas.
pub(crate) const STALE_LEADER_MAX: Duration = Duration::from_secs(30);

/// Since when a loss has been seen.
#[derive(Debug, Default)]
pub(crate) struct Suspicion(Option<Instant>);

impl Suspicion {
    /// The loss is seen again, in a stream with replicas or without: `Err` when that is to be believed.
    pub(crate) fn hold<E: std::fmt::Display>(&mut self, has_replicas: bool, lost: E) -> Result<(), E> {
        let since = *self.0.get_or_insert_with(|| {
            tracing::warn!(%lost, "an old leader may say so; looking again before this is believed");
            Instant::now()
        });
        if has_replicas && since.elapsed() < STALE_LEADER_MAX { Ok(()) } else { Err(lost) }
    }

    /// Nothing is missing.
    pub(crate) const fn drop_it(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen_for(duration: Duration) -> Suspicion {
        Suspicion(Some(Instant::now().checked_sub(duration).unwrap()))
    }

    #[test]
    fn without_replicas_a_loss_is_believed_at_once() {
        assert_eq!(Suspicion::default().hold(false, "lost"), Err("lost"));
    }

    #[test]
    fn with_replicas_a_loss_is_believed_when_it_lasts() {
        let mut suspicion = Suspicion::default();
        assert_eq!(suspicion.hold(true, "lost"), Ok(()));
        assert_eq!(seen_for(STALE_LEADER_MAX / 2).hold(true, "lost"), Ok(()));
        assert_eq!(seen_for(STALE_LEADER_MAX).hold(true, "lost"), Err("lost"));
        let mut suspicion = seen_for(STALE_LEADER_MAX);
        suspicion.drop_it();
        assert_eq!(suspicion.hold(true, "lost"), Ok(()), "it was not seen without a break");
    }
}
