//! How often one actor may have an access recorded: looking is recorded, and must not crowd out what keeps people safe.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::recent::Recent;

/// Accesses that may come at once.
const BURST: u32 = 120;
/// Time after which one more may come.
const REFILL: Duration = Duration::from_millis(500);
/// Actors remembered; beyond them the ones not seen for longest begin anew.
const ACTORS_MAX: usize = 10_000;

/// The actor must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) Duration);

/// The time at which an actor's allowance will be full again: everything follows from it.
pub(crate) struct AccessLimit(Mutex<Recent<String, Instant>>);

impl AccessLimit {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Recent::new(ACTORS_MAX)))
    }

    /// Takes `count` accesses of `actor`'s allowance, all or none.
    pub(crate) fn take(&self, actor: &str, count: u32, now: Instant) -> Result<(), Wait> {
        let mut actors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = actors.get_mut(&actor.to_owned()).map_or(now, |full_at| (*full_at).max(now));
        let wanted = full_at + REFILL * count;
        let allowed = now + REFILL * BURST;
        if wanted > allowed {
            return Err(Wait(wanted - allowed));
        }
        actors.insert(actor.to_owned(), wanted);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_an_actor_waits_and_others_do_not() {
        let (limit, now) = (AccessLimit::new(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(limit.take("one", 1, now), Ok(()));
        }
        assert_eq!(limit.take("one", 1, now), Err(Wait(REFILL)));
        assert_eq!(limit.take("other", 1, now), Ok(()));
        assert_eq!(limit.take("one", 1, now + REFILL), Ok(()));
        assert_eq!(limit.take("one", 1, now + REFILL), Err(Wait(REFILL)));
    }

    #[test]
    fn several_are_taken_together_or_not_at_all() {
        let (limit, now) = (AccessLimit::new(), Instant::now());
        assert_eq!(limit.take("one", BURST + 1, now), Err(Wait(REFILL)));
        assert_eq!(limit.take("one", BURST, now), Ok(()));
    }
}
