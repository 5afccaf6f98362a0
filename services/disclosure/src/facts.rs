//! What the rows say, folded: the facts of a case, and an organisation with the names of its units. Folds are kept, so that
//! asking again costs only what has happened since. A kept fold is never newer than a view: nothing is applied while somebody
//! holds one.

mod case;
mod organization;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use egide_domain::Recorded;
use egide_domain::ids::{CaseId, OrganizationId, Revision};
use egide_domain::time::Timestamp;
use egide_projection::View;
use egide_wire::convert::{recorded_case_event, recorded_directory_event};
use egide_wire::proto::egide::ledger::v1::Event;
use prost::Message as _;

pub(crate) use self::case::CaseView;
pub(crate) use self::organization::OrganizationView;
use crate::model::rows::{EventRow, key};
use crate::reader::Unreadable;

/// How many folds of each kind are kept at most.
const KEPT_MAX: usize = 2_000;

/// The folds that are kept.
#[derive(Default)]
pub(crate) struct Folds {
    cases: Kept<CaseId, CaseView>,
    organizations: Kept<OrganizationId, OrganizationView>,
}

/// Folds by id; when there are too many, all are dropped and made again as they are asked for.
struct Kept<K, V>(Mutex<HashMap<K, Arc<V>>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Hash + Eq + Copy, V> Kept<K, V> {
    fn get(&self, id: K) -> Option<Arc<V>> {
        // A fold is replaced whole, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn keep(&self, id: K, fold: &Arc<V>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(id, Arc::clone(fold));
    }
}

impl Folds {
    /// The facts of a case as the view shows it; without events, the facts of nothing.
    pub(crate) fn case(&self, view: &View<'_>, case_id: CaseId) -> Result<Arc<CaseView>, Unreadable> {
        let known = self.cases.get(case_id).unwrap_or_default();
        let after = known.facts.revision.0;
        let rows = events(view, |revision| key::case_event(case_id, revision), after)?;
        if rows.is_empty() {
            return Ok(known);
        }
        let mut fold = Arc::unwrap_or_clone(known);
        for row in &rows {
            let (event, recorded_at) = placed(row)?;
            fold.apply(&recorded_case_event(event, row.position, recorded_at), &event.facts);
        }
        let fold = Arc::new(fold);
        self.cases.keep(case_id, &fold);
        Ok(fold)
    }

    /// The facts of a case at a revision, folded anew: nobody asks for them often.
    pub(crate) fn case_until(view: &View<'_>, case_id: CaseId, until: Revision) -> Result<CaseView, Unreadable> {
        let mut fold = CaseView::default();
        for row in events_until(view, |revision| key::case_event(case_id, revision), until)? {
            let (event, recorded_at) = placed(&row)?;
            fold.apply(&recorded_case_event(event, row.position, recorded_at), &event.facts);
        }
        Ok(fold)
    }

    /// An organisation at a revision, folded anew.
    pub(crate) fn organization_until(
        view: &View<'_>,
        organization_id: OrganizationId,
        until: Revision,
    ) -> Result<OrganizationView, Unreadable> {
        let mut fold = OrganizationView::default();
        for row in events_until(view, |revision| key::directory_event(organization_id, revision), until)? {
            let (event, recorded_at) = placed(&row)?;
            fold.apply(&recorded_directory_event(event, row.position, recorded_at), &event.facts);
        }
        Ok(fold)
    }

    /// An organisation as the view shows it; `None` when it is not in the directory.
    pub(crate) fn organization(
        &self,
        view: &View<'_>,
        organization_id: OrganizationId,
    ) -> Result<Option<Arc<OrganizationView>>, Unreadable> {
        let known = self.organizations.get(organization_id).unwrap_or_default();
        let after = known.facts.revision.0;
        let rows = events(view, |revision| key::directory_event(organization_id, revision), after)?;
        if rows.is_empty() {
            return Ok((known.facts.revision.0 > 0).then_some(known));
        }
        let mut fold = Arc::unwrap_or_clone(known);
        for row in &rows {
            let (event, recorded_at) = placed(row)?;
            fold.apply(&recorded_directory_event(event, row.position, recorded_at), &event.facts);
        }
        let fold = Arc::new(fold);
        self.organizations.keep(organization_id, &fold);
        Ok(Some(fold))
    }
}

fn placed(row: &EventRow) -> Result<(&Event, Timestamp), Unreadable> {
    row.event.as_ref().map(|event| (event, Timestamp(row.recorded_at_ms))).ok_or(Unreadable::Row)
}

/// The events of a stream after a revision. A revision that is missing stops it: nothing is decided over a hole.
fn events(view: &View<'_>, key: impl Fn(u64) -> Vec<u8>, after: u64) -> Result<Vec<EventRow>, Unreadable> {
    events_within(view, key, after.saturating_add(1), u64::MAX)
}

/// The events of a stream up to a revision, without a hole.
fn events_until(view: &View<'_>, key: impl Fn(u64) -> Vec<u8>, until: Revision) -> Result<Vec<EventRow>, Unreadable> {
    events_within(view, key, 1, until.0)
}

fn events_within(
    view: &View<'_>,
    key: impl Fn(u64) -> Vec<u8>,
    from: u64,
    until: u64,
) -> Result<Vec<EventRow>, Unreadable> {
    let mut events = Vec::new();
    for (row, expected) in view.range(key(from)..=key(until)).zip(from..) {
        let (_, row) = row?;
        let row = EventRow::decode(&*row).map_err(|_| Unreadable::Row)?;
        if row.event.as_ref().is_none_or(|event| event.revision != expected) {
            return Err(Unreadable::Row);
        }
        events.push(row);
    }
    Ok(events)
}

/// An event of a fold together with the facts it was read from.
pub(crate) trait Fold {
    /// What it folds.
    type Event;

    /// The fold after one more event.
    fn apply(&mut self, recorded: &Recorded<Self::Event>, facts: &[u8]);
}
