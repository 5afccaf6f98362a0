//! The history: disclosures that fit a filter, newest first.
//!
//! A page is found by going down the postings of all criteria of a filter together ([`super::search`]); rows are read only
//! when they fit. Times become positions first, by halving: both only grow.

use egide_domain::ids::CaseId;
use egide_projection::View;
use egide_wire::proto::egide::audit::v1::{Disclosure, DisclosureStep};
use prost::Message as _;

use super::filter::{Criterion, Filter};
use super::search::{Found, ROWS_MAX, Search};
use super::{Error, decode, disclosure_row, position, words};
use crate::model::keys::{self, Key};
use crate::model::row::DisclosureRow;

/// Most things that one id names.
const NAMED_MAX: usize = 64;
/// A page ends with the disclosure that makes it this large, in bytes: well below what a client takes.
const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Of a disclosure with many steps, how many of the first and how many of the last are told.
const STEPS_AT_EITHER_END: usize = 250;
/// The kind of the step that stands where steps are left out.
pub const STEPS_LEFT_OUT: &str = "disclosure.steps_left_out";

/// One page of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The disclosures, newest first.
    pub disclosures: Vec<Disclosure>,
    /// The place below which the next page begins; `None` when there is none.
    pub next: Option<u64>,
    /// Everything that fits from this position up to where the page began is on it.
    pub searched_down_to: u64,
    /// Rows of the index that were looked at.
    pub rows: u32,
}

/// The newest `size` disclosures that fit `filter`, of those below the position `below` if one is given.
///
/// # Errors
/// See [`Error`].
pub fn list(view: &View<'_>, filter: &Filter, below: Option<u64>, size: usize) -> Result<Page, Error> {
    list_within(view, filter, below, size, ROWS_MAX)
}

/// As [`list`], looking at `rows_max` rows of the index.
pub(super) fn list_within(
    view: &View<'_>,
    filter: &Filter,
    below: Option<u64>,
    size: usize,
    rows_max: u32,
) -> Result<Page, Error> {
    let (start, end) = bounds(view, filter)?;
    let mut search = Search::new(view, clauses(view, filter)?, start, rows_max);
    let mut below = below.unwrap_or(u64::MAX).min(end);
    let (mut disclosures, mut bytes) = (Vec::new(), 0);
    let next = loop {
        let full = disclosures.len() >= size || bytes >= PAGE_BYTES_MAX;
        match search.newest_below(below)? {
            Found::Nothing => break None,
            Found::At(_) if full => break Some(below),
            Found::At(at) => {
                let disclosure = whole(view, at)?;
                bytes += disclosure.encoded_len();
                disclosures.push(disclosure);
                below = at;
            }
            // A full page goes on where it ended, so that its token does not depend on how far the search came.
            Found::NotYet(_) if full => break Some(below),
            Found::NotYet(at) => break Some(at),
        }
    };
    Ok(Page { disclosures, next, searched_down_to: next.unwrap_or(start), rows: search.rows() })
}

/// The postings of everything that must fit: of each clause one.
fn clauses(view: &View<'_>, filter: &Filter) -> Result<Vec<Vec<Key>>, Error> {
    let mut clauses: Vec<Vec<Key>> = filter.criteria.iter().map(|criterion| vec![keys::postings(criterion)]).collect();
    for word in &filter.words {
        clauses.push(words::criteria(view, word)?.iter().map(keys::postings).collect());
    }
    if clauses.is_empty() {
        clauses.push(vec![keys::postings(&Criterion::Anything)]);
    }
    Ok(clauses)
}

/// The first position that may fit, and the first that is too late.
fn bounds(view: &View<'_>, filter: &Filter) -> Result<(u64, u64), Error> {
    let recorded_at = |row: &[u8]| Ok(decode::<DisclosureRow>(row)?.disclosure.ok_or(Error::Row)?.recorded_at);
    let place = |ms: Option<i64>, without| match ms {
        Some(ms) => super::first_recorded(view, &keys::disclosures(), ms, recorded_at),
        None => Ok(without),
    };
    Ok((place(filter.from_ms, 0)?, place(filter.until_ms, u64::MAX)?))
}

/// The disclosure that this id names, as a decision's, a referral's, a delivery's, or that of something disclosed outside the
/// system; of several, which only different cases can have, the first.
///
/// # Errors
/// See [`Error`].
pub fn get(view: &View<'_>, id: [u8; 16], case_id: Option<CaseId>) -> Result<Option<Disclosure>, Error> {
    let mut first = None;
    for row in view.prefix(&keys::ids(&id)).take(NAMED_MAX) {
        let (key, at) = row?;
        let named_in = keys::case_of_id(&key).ok_or(Error::Row)?;
        if case_id.is_none_or(|case_id| case_id == named_in) {
            let at = position(&at)?;
            first = Some(first.map_or(at, |first: u64| first.min(at)));
        }
    }
    first.map(|at| whole(view, at)).transpose()
}

/// A disclosure with its steps.
pub(crate) fn whole(view: &View<'_>, at: u64) -> Result<Disclosure, Error> {
    let mut disclosure = disclosure_row(view, at)?.disclosure.ok_or(Error::Row)?;
    disclosure.steps = steps(view, at)?;
    Ok(disclosure)
}

fn steps(view: &View<'_>, at: u64) -> Result<Vec<DisclosureStep>, Error> {
    let prefix = keys::steps(at);
    let mut steps: Vec<DisclosureStep> = Vec::new();
    for row in view.prefix(&prefix).take(STEPS_AT_EITHER_END) {
        steps.push(decode(&row?.1)?);
    }
    let Some(last) = steps.last().map(|step| step.position) else { return Ok(steps) };
    let mut newest = Vec::new();
    for row in view.prefix(&prefix).rev().take(STEPS_AT_EITHER_END + 1) {
        let (key, value) = row?;
        if position(&key)? <= last {
            break;
        }
        newest.push(decode::<DisclosureStep>(&value)?);
    }
    if newest.len() > STEPS_AT_EITHER_END {
        // More than fit: the oldest of these stands for all that are left out.
        let left_out = newest.pop().map(|step| DisclosureStep {
            position: step.position,
            kind: STEPS_LEFT_OUT.to_owned(),
            ..DisclosureStep::default()
        });
        steps.extend(left_out);
    }
    steps.extend(newest.into_iter().rev());
    Ok(steps)
}
