//! The account of one person: all that left about them, oldest first, as far as they may be told.

use std::collections::BTreeMap;

use egide_domain::ids::{CaseId, SubjectId};
use egide_projection::View;
use egide_wire::proto::egide::audit::v1::AccountEntry;
use egide_wire::proto::egide::case::v1::{Basis, DisclosedOutsideSystem, DisclosureDecided, MaskEntry, MaskLevel};

use super::{Error, disclosure_row, position};
use crate::model::keys;
use crate::model::row::{DisclosureRow, People};

/// Closes every account, whether or not something is left out of it.
pub const NOTICE_EN: &str = "The law may require some disclosures to be left out of an account such as this one.";
/// The same in French.
pub const NOTICE_FR: &str =
    "La loi peut exiger que certaines communications ne figurent pas dans un relevé comme celui-ci.";

/// One page of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The entries, in the log's order of release or record.
    pub entries: Vec<AccountEntry>,
    /// The place after which the next page begins; `None` when there is none.
    pub next: Option<u64>,
}

/// The oldest `size` entries of a person's account, of those after the position `after` if one is given. `None` when the
/// case or the person is not known.
///
/// What may not be told has no row here, so nothing about a page, its size and token included, depends on it.
///
/// # Errors
/// See [`Error`].
pub fn account(
    view: &View<'_>,
    case_id: CaseId,
    subject_id: SubjectId,
    after: Option<u64>,
    size: usize,
) -> Result<Option<Page>, Error> {
    let people = view.get(&keys::people(case_id))?;
    if !people.is_some_and(|bytes| People::from_bytes(&bytes).contains(subject_id)) {
        return Ok(None);
    }
    let Some(from) = after.unwrap_or(0).checked_add(1) else {
        return Ok(Some(Page { entries: Vec::new(), next: None }));
    };
    let prefix = keys::account(case_id, subject_id);
    let mut page = Page { entries: Vec::new(), next: None };
    let mut last = None;
    for left in view.range(keys::at(prefix.clone(), from)..=keys::at(prefix, u64::MAX)).take(size.saturating_add(1)) {
        let (key, at) = left?;
        if page.entries.len() == size {
            page.next = last;
            break;
        }
        page.entries.push(entry(disclosure_row(view, position(&at)?)?, subject_id)?);
        last = Some(position(&key)?);
    }
    Ok(Some(page))
}

fn entry(row: DisclosureRow, subject_id: SubjectId) -> Result<AccountEntry, Error> {
    let disclosure = row.disclosure.ok_or(Error::Row)?;
    let told = AccountEntry {
        disclosure_id: disclosure.disclosure_id,
        disclosed_at: row.disclosed_at,
        delivered_at: row.delivered_at,
        report_digest: disclosure.report_digest,
        recalled: row.recalled,
        ..AccountEntry::default()
    };
    match (disclosure.decided, disclosure.outside) {
        (Some(decided), _) => Ok(of_decision(told, &decided, subject_id)),
        (None, Some(outside)) => Ok(of_outside(told, &outside, subject_id)),
        (None, None) => Err(Error::Row),
    }
}

/// What was let through about this person, and what let it through; whatever concerns others is theirs.
fn of_decision(told: AccountEntry, decided: &DisclosureDecided, subject_id: SubjectId) -> AccountEntry {
    let request = decided.request.as_ref();
    let mut bases = Bases::new(&decided.bases);
    let is_theirs = |entry: &&MaskEntry| entry.subject_id.parse() == Ok(subject_id);
    let mask = decided.mask.iter().filter(is_theirs).map(|entry| bases.renumber(entry)).collect();
    AccountEntry {
        unit_id: request.map(|request| request.unit_id.clone()).unwrap_or_default(),
        purpose: request.map(|request| request.purpose).unwrap_or_default(),
        bases: bases.kept,
        mask,
        ..told
    }
}

/// No mask bounded what was said: each category counts as told whole.
fn of_outside(told: AccountEntry, outside: &DisclosedOutsideSystem, subject_id: SubjectId) -> AccountEntry {
    let mask = outside.categories.iter().map(|category| MaskEntry {
        subject_id: subject_id.to_string(),
        category: *category,
        level: MaskLevel::Whole.into(),
        ..MaskEntry::default()
    });
    AccountEntry { unit_id: outside.unit_id.clone(), mask: mask.collect(), outside_system: true, ..told }
}

/// The bases that concern one person, numbered anew in the order they are met.
struct Bases<'a> {
    all: &'a [Basis],
    kept: Vec<Basis>,
    new_index: BTreeMap<u32, u32>,
}

impl<'a> Bases<'a> {
    const fn new(all: &'a [Basis]) -> Self {
        Self { all, kept: Vec::new(), new_index: BTreeMap::new() }
    }

    fn renumber(&mut self, entry: &MaskEntry) -> MaskEntry {
        let bases = entry.bases.iter().filter_map(|index| self.index(*index)).collect();
        MaskEntry { bases, ..entry.clone() }
    }

    fn index(&mut self, old: u32) -> Option<u32> {
        if let Some(new) = self.new_index.get(&old) {
            return Some(*new);
        }
        let basis = self.all.get(usize::try_from(old).ok()?)?;
        let new = u32::try_from(self.kept.len()).ok()?;
        self.kept.push(basis.clone());
        self.new_index.insert(old, new);
        Some(new)
    }
}
