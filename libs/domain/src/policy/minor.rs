//! Young people who consent alone to a support service, where a row says so.

use super::standing::Standing;
use crate::set::{Jurisdictions, Purposes, Set};
use crate::time::Timestamp;
use crate::vocabulary::{Purpose, RecipientKind};
use serde::Deserialize;
use std::sync::Arc;

/// One row of `mature_minors`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatureMinorRow {
    /// Stable id.
    pub id: Arc<str>,
    /// For which purposes.
    pub purposes: Purposes,
    /// To which kinds of recipients.
    pub recipients: Set<RecipientKind>,
    /// Where; a person with several places needs a row with all of them.
    pub jurisdictions: Jurisdictions,
    /// From which age, in years.
    pub from_age: u8,
    /// What it stands on.
    pub standing: Standing,
}

impl MatureMinorRow {
    /// Whether somebody who is certainly this old (in years), and in these places, consents alone to this under the row. Nobody
    /// does whose place is not known.
    #[must_use]
    pub fn covers(
        &self,
        purpose: Purpose,
        recipient: RecipientKind,
        places: Jurisdictions,
        lowest_age: u8,
        now: Timestamp,
    ) -> bool {
        self.standing.counts(now)
            && self.purposes.contains(purpose)
            && self.recipients.contains(recipient)
            && !places.is_empty()
            && places.is_subset(self.jurisdictions)
            && self.from_age <= lowest_age
    }
}
