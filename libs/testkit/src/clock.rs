use std::sync::atomic::{AtomicI64, Ordering};

use egide_domain::time::Timestamp;
use egide_servicekit::clock;

/// A clock that a test moves on. As a `static` of its test it serves as a service's clock: `|| CLOCK.now()`.
#[derive(Debug, Default)]
pub struct MovedClock {
    ahead_ms: AtomicI64,
}

impl MovedClock {
    /// One that shows the time.
    #[must_use]
    pub const fn new() -> Self {
        Self { ahead_ms: AtomicI64::new(0) }
    }

    /// From now on it is ahead of the time, by milliseconds.
    pub fn be_ahead(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::SeqCst);
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        self.after(0)
    }

    /// What it will show after milliseconds; before, when they are negative.
    pub fn after(&self, ms: i64) -> Timestamp {
        Timestamp(clock::now().0 + self.ahead_ms.load(Ordering::SeqCst) + ms)
    }
}
