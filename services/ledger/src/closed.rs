//! Which data keys are closed: shredded by an event that stands in the log. From its position on nothing is sealed or
//! opened under them, whatever the keys' bucket or a cache may still hold.
//!
//! Rows of the ledger's projection, by the first byte of their key:
//!
//! | Key | Row |
//! |---|---|
//! | `x` key id | position of the event that closed it; a case's own key stands for every key of the case |
//! | `y` position | what that event closed ([`ShredRow`]) |

use std::collections::BTreeSet;

use egide_domain::CaseEvent;
use egide_domain::event::Shredded;
use egide_domain::ids::{CaseId, SubjectId};
use egide_projection::{ModelError, Rows, View};
use egide_vault::KeyName;
use egide_wire::convert::recorded_case_event;
use egide_wire::proto::egide::ledger::v1::Event;
use prost::Message as _;

use crate::model::StoredEvent;

/// The only kind of event that closes keys.
const SHREDDED: &str = "case.key_shredded";
/// The kind that says of whom a narrative speaks.
const NARRATIVE: &str = "case.narrative_recorded";

/// What one event closed.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ShredRow {
    /// The case.
    #[prost(string, tag = "1")]
    pub(crate) case_id: String,
    /// Ids of every data key that the log knows and that is closed by this.
    #[prost(string, repeated, tag = "2")]
    pub(crate) key_ids: Vec<String>,
    /// Whether every key of the case is closed, those too of which the log knows nothing.
    #[prost(bool, tag = "3")]
    pub(crate) whole_case: bool,
    /// When it was recorded, in milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub(crate) recorded_at_ms: i64,
}

impl std::fmt::Debug for ShredRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShredRow(..)")
    }
}

/// Whether this event may close keys: whoever applies it hands [`apply`] the events of its case.
pub(crate) fn concerns(event: &Event) -> bool {
    event.kind == SHREDDED
}

/// Writes the rows of a shred. `case` holds all events of its case up to and with it, as they stand in the log.
///
/// What else goes with a person's, a narrative's or a case's keys is removed from the projection here, in the same batch.
pub(crate) fn apply(
    shred: &StoredEvent,
    case_id: CaseId,
    case: &[StoredEvent],
    rows: &mut Rows<'_>,
) -> Result<(), ModelError> {
    let CaseEvent::KeyShredded(shredded) = read(shred) else {
        let reason = "a shred cannot be read: a newer egide wrote it";
        return Err(ModelError::Event { position: shred.position, reason });
    };
    let names = closed_by(shredded.whose, case_id, case);
    for name in &names {
        let key = closed_key(*name);
        // The first event that closed it stays the one that did.
        if rows.get(&key)?.is_none() {
            rows.insert(&key, shred.position.to_be_bytes());
        }
    }
    let row = ShredRow {
        case_id: case_id.to_string(),
        key_ids: names.iter().map(ToString::to_string).collect(),
        whole_case: shredded.whose == Shredded::Case,
        recorded_at_ms: shred.recorded_at.0,
    };
    rows.insert(&shred_key(shred.position), row.encode_to_vec());
    Ok(())
}

/// The keys that a shred closes, by the events of the case before it.
fn closed_by(whose: Shredded, case: CaseId, events: &[StoredEvent]) -> BTreeSet<KeyName> {
    match whose {
        Shredded::Person(subject) => {
            let narratives = events.iter().filter_map(|stored| narrative_about(stored, case, subject));
            narratives.chain([KeyName::Subject { case, subject }]).collect()
        }
        Shredded::Narrative(narrative) => BTreeSet::from([KeyName::Narrative { case, narrative }]),
        Shredded::Case => {
            let sealed = events.iter().flat_map(|stored| &stored.event.sealed).flat_map(|part| &part.key_ids);
            let used = sealed.filter_map(|id| id.parse().ok()).filter(|name| case_of(*name) == Some(case));
            used.chain([KeyName::Case { case }]).collect()
        }
    }
}

fn narrative_about(stored: &StoredEvent, case: CaseId, subject: SubjectId) -> Option<KeyName> {
    if stored.event.kind != NARRATIVE {
        return None;
    }
    let CaseEvent::NarrativeRecorded(told) = read(stored) else { return None };
    told.subject_ids.contains(&subject).then_some(KeyName::Narrative { case, narrative: told.narrative_id })
}

fn read(stored: &StoredEvent) -> CaseEvent {
    recorded_case_event(&stored.event, stored.position, stored.recorded_at).event
}

/// Whether a key is closed, at the view's position.
pub(crate) fn is_closed(view: &View<'_>, name: KeyName) -> Result<bool, ModelError> {
    if view.get(&closed_key(name))?.is_some() {
        return Ok(true);
    }
    match case_of(name) {
        Some(case) => Ok(view.get(&closed_key(KeyName::Case { case }))?.is_some()),
        None => Ok(false),
    }
}

/// The shreds at and after a position, in their order, at most `rows_max`.
pub(crate) fn shreds_from(view: &View<'_>, position: u64, rows_max: usize) -> Result<Vec<(u64, ShredRow)>, ModelError> {
    let rows = view.range(shred_key(position)..=shred_key(u64::MAX)).take(rows_max);
    rows.map(|row| {
        let (key, row) = row?;
        let position = key.get(1..).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        let row = ShredRow::decode(&*row).map_err(|_| ModelError::Row)?;
        Ok((position.ok_or(ModelError::Row)?, row))
    })
    .collect()
}

/// How many shreds stand at and after a position.
pub(crate) fn count_from(view: &View<'_>, position: u64) -> Result<u64, ModelError> {
    let mut count = 0_u64;
    for row in view.range(shred_key(position)..=shred_key(u64::MAX)) {
        row?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// The case to which a key belongs.
pub(crate) const fn case_of(name: KeyName) -> Option<CaseId> {
    match name {
        KeyName::Subject { case, .. } | KeyName::Narrative { case, .. } | KeyName::Case { case } => Some(case),
        KeyName::Fingerprints | KeyName::Index => None,
    }
}

fn closed_key(name: KeyName) -> Vec<u8> {
    [b"x".as_slice(), name.to_string().as_bytes()].concat()
}

fn shred_key(position: u64) -> Vec<u8> {
    [b"y".as_slice(), &position.to_be_bytes()].concat()
}
