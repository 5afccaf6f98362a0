//! The duty to report a child in need of protection, as data: one row per act and period in force, with its source and
//! whether somebody verified it. An unverified row permits nothing and takes nothing away.

use crate::age::Ages;
use crate::policy::{Fault, PolicyError, date, read};
use crate::set::Set;
use crate::time::Timestamp;
use crate::vocabulary::{Jurisdiction, RecipientKind};
use serde::Deserialize;
use std::sync::Arc;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatuteRow {
    /// Stable id, for instance `on-cyfsa-125`.
    pub id: Arc<str>,
    /// Where it applies.
    pub jurisdiction: Jurisdiction,
    /// The act.
    pub act: String,
    /// The section.
    pub section: String,
    /// A report is mandatory about a person below this age, in years; absent: not known.
    pub mandatory_below: Option<u8>,
    /// A report is optional from `mandatory_below` up to below this age, in years; absent: nothing is optional.
    pub optional_below: Option<u8>,
    /// Who receives the report.
    pub recipients: Set<RecipientKind>,
    /// From when it is in force, inclusive; absent: since before this system.
    #[serde(deserialize_with = "date")]
    pub effective_from: Option<Timestamp>,
    /// Until when, exclusive; absent: no end known.
    #[serde(deserialize_with = "date")]
    pub effective_until: Option<Timestamp>,
    /// How sure its source is, in words.
    pub confidence: String,
    /// Whether it was verified: seen in the statute, or secondary with high confidence.
    pub verified: bool,
    /// Where it was read.
    pub source: String,
}

/// What a row says about somebody's age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// A report is mandatory.
    Mandatory,
    /// A report is optional, which is no mandatory exception: the young person's wishes are recorded.
    Optional,
    /// The row says nothing, or the age is too little known to tell.
    None,
}

impl StatuteRow {
    /// Whether it is in force: from `effective_from` inclusive to `effective_until` exclusive.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.effective_from.is_none_or(|from| from <= now) && self.effective_until.is_none_or(|until| now < until)
    }

    /// What it demands for somebody of these ages; nothing where they are too little known to tell.
    #[must_use]
    pub fn duty(&self, ages: Option<Ages>) -> Duty {
        let (Some(mandatory_below), Some(Ages { lowest, highest: Some(highest) })) = (self.mandatory_below, ages)
        else {
            return Duty::None;
        };
        if highest < mandatory_below {
            Duty::Mandatory
        } else if lowest >= mandatory_below && self.optional_below.is_some_and(|below| highest < below) {
            Duty::Optional
        } else {
            Duty::None
        }
    }
}

/// All rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatuteTable {
    version: String,
    rows: Vec<StatuteRow>,
}

impl StatuteTable {
    pub(crate) fn from_json(file: &str, text: &str) -> Result<Self, PolicyError> {
        let table: Self = read(file, text)?;
        table.validate().map_err(|fault| fault.in_file(file, text))?;
        Ok(table)
    }

    pub(crate) fn rows(&self) -> &[StatuteRow] {
        &self.rows
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    fn validate(&self) -> Result<(), Fault> {
        if self.version.is_empty() {
            return Err(Fault::new("version", "must not be empty"));
        }
        for (place, row) in self.rows.iter().enumerate() {
            let refuse = |field: &str, why| Err(Fault::new(format!("rows[{place}].{field}"), why));
            if row.id.is_empty() || self.rows.iter().filter(|other| other.id == row.id).count() > 1 {
                return refuse("id", "must be there and stand once");
            }
            if row.jurisdiction == Jurisdiction::Abroad {
                return refuse("jurisdiction", "must be a province or territory");
            }
            if row.recipients.is_empty() {
                return refuse("recipients", "somebody receives the report");
            }
            if row.verified && (row.mandatory_below.is_none() || row.source.is_empty()) {
                return refuse("verified", "a verified row has an age and a source");
            }
            if row.mandatory_below.is_some_and(|age| age > 19) {
                return refuse("mandatory_below", "must be 19 years at most");
            }
            if row.optional_below.is_some_and(|below| row.mandatory_below.is_none_or(|age| below <= age)) {
                return refuse("optional_below", "must be above `mandatory_below`");
            }
            if row.effective_until.is_some_and(|until| row.effective_from.is_some_and(|from| until <= from)) {
                return refuse("effective_until", "must be after `effective_from`");
            }
        }
        Ok(())
    }
}
