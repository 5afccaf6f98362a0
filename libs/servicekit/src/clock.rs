//! The one clock. Everything that decides takes time as an argument; whoever calls it gets the time here.

use std::time::{SystemTime, UNIX_EPOCH};

use egide_domain::time::Timestamp;

/// The time now, in milliseconds since 1970-01-01 UTC. A machine whose clock stands before 1970 gets 0: every token looks
/// as if it came from the future then, and is refused.
#[must_use]
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// The time now in whole seconds since 1970-01-01 UTC, as tokens count it.
#[must_use]
pub fn now_s() -> i64 {
    now().0.div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_past_the_day_this_was_written_and_does_not_jump() {
        let first = now();
        assert!(first > Timestamp::from_date("2026-11-01").unwrap());
        assert!(now() >= first);
        assert!((now_s() - first.0 / 1000).abs() <= 60);
    }
}
