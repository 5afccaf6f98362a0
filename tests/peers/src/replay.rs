//! Reading everything there is.

use serde::{Deserialize, Serialize};

/// What it took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Replay {
    pub(crate) events: u64,
    pub(crate) seconds: f64,
}

impl Replay {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    pub(crate) fn per_second(&self) -> f64 {
        self.events as f64 / self.seconds
    }
}
