//! How often a phrase may be tried: for one case, and by one person. Every attempt is an access event, committed before the
//! phrase is compared; so the log counts, and neither a restart nor another ledger gives anybody more.

use egide_domain::time::Timestamp;
use egide_projection::{ModelError, View};
use prost::Message as _;

use crate::model;

/// Attempts on one case within [`WINDOW_MS`].
pub(crate) const PER_CASE_MAX: usize = 10;
/// Attempts by one person within [`WINDOW_MS`].
pub(crate) const PER_PERSON_MAX: usize = 60;
/// What is counted: the last hour, in milliseconds.
const WINDOW_MS: i64 = 3_600_000;
/// Attempts remembered for one case or person; more than any bound.
const REMEMBERED_MAX: usize = 64;
const _: () = assert!(PER_CASE_MAX < REMEMBERED_MAX && PER_PERSON_MAX < REMEMBERED_MAX);

/// The newest attempts on one case, or by one person.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AttemptsRow {
    #[prost(int64, repeated, tag = "1")]
    recorded_at_ms: Vec<i64>,
}

impl AttemptsRow {
    /// With one more.
    pub(crate) fn and(mut self, recorded_at_ms: i64) -> Self {
        self.recorded_at_ms.push(recorded_at_ms);
        let surplus = self.recorded_at_ms.len().saturating_sub(REMEMBERED_MAX);
        self.recorded_at_ms.drain(..surplus);
        self
    }

    fn since(&self, from_ms: i64) -> usize {
        self.recorded_at_ms.iter().filter(|at| **at >= from_ms).count()
    }
}

/// Whether the phrase may be compared, now that this attempt is recorded too.
pub(super) fn admitted(view: &View<'_>, case_id: &str, person: &str, now: Timestamp) -> Result<bool, ModelError> {
    let from_ms = now.0.saturating_sub(WINDOW_MS);
    let within = |key: &[u8], most: usize| -> Result<bool, ModelError> {
        let row = view.get(key)?.map(|row| AttemptsRow::decode(&*row)).transpose().map_err(|_| ModelError::Row)?;
        Ok(row.unwrap_or_default().since(from_ms) <= most)
    };
    let case = match model::attempts_on_case(case_id) {
        Some(key) => within(&key, PER_CASE_MAX)?,
        None => true,
    };
    Ok(case && within(&model::attempts_by_person(person), PER_PERSON_MAX)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_are_remembered_and_only_those_within_the_window_count() {
        let row = (0..100).fold(AttemptsRow::default(), |row, at| row.and(at * 1_000));
        assert_eq!(row.recorded_at_ms.len(), REMEMBERED_MAX);
        assert_eq!(row.since(90_000), 10);
    }
}
