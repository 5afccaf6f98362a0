//! What a row of law stands on: its source, how sure that is, and when it is in force. A row that nobody verified permits nothing,
//! obliges to nothing and takes nothing away.

use super::error::Fault;
use crate::time::Timestamp;
use serde::{Deserialize, Deserializer};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// From when it is in force, inclusive; absent: since before this system.
    #[serde(deserialize_with = "date")]
    pub effective_from: Option<Timestamp>,
    /// Until when, exclusive; absent: no end known.
    #[serde(deserialize_with = "date")]
    pub effective_until: Option<Timestamp>,
    /// How sure its source is, in words.
    pub confidence: String,
    /// Whether it was verified: seen in the statute, secondary with high confidence, or the hotline's own rule.
    pub verified: bool,
    /// Where it was read, or who decided it.
    pub source: String,
}

/// Reads a date, midnight UTC.
pub(crate) fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let midnight = Timestamp::from_date(&text);
    midnight.map(Some).ok_or_else(|| serde::de::Error::custom("a date is written as in `2024-01-26`"))
}

impl Standing {
    /// Whether it is in force: from `effective_from` inclusive to `effective_until` exclusive.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.effective_from.is_none_or(|from| from <= now) && self.effective_until.is_none_or(|until| now < until)
    }

    /// Whether it counts: verified, and in force.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        self.verified && self.in_force(now)
    }

    pub(super) fn validate(&self) -> Result<(), Fault> {
        if self.verified && (self.source.is_empty() || self.confidence.is_empty()) {
            return Err(Fault::new("verified", "a verified row has a source, and says how sure it is"));
        }
        if self.effective_until.is_some_and(|until| self.effective_from.is_some_and(|from| until <= from)) {
            return Err(Fault::new("effective_until", "must be after `effective_from`"));
        }
        Ok(())
    }
}
