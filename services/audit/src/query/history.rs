//! The history: disclosures that fit a filter, newest first.
//!
//! Every criterion has its postings, the positions of the disclosures that fit it, in order. A page is found by going down
//! all postings of a filter together: each is asked for its newest position at or below the candidate, and the lowest
//! answer is the next candidate, until all agree. So a page costs what the rarest criterion makes it cost, not the whole
//! history, and rows are read only when they fit. Times become positions first: both only grow.

use egide_domain::ids::DisclosureId;
use egide_projection::View;
use egide_wire::proto::egide::audit::v1::{Disclosure, DisclosureStep};
use prost::Message as _;

use super::filter::Filter;
use super::{Error, decode, disclosure_row, position};
use crate::model::keys::{self, Key};

/// Most look-ups for one page. Where criteria hardly ever meet, a page ends early, with a token to go on from there.
const SEEKS_MAX: u32 = 5_000;
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
}

/// The newest `size` disclosures that fit `filter`, of those below the position `below` if one is given.
///
/// # Errors
/// See [`Error`].
pub fn list(view: &View<'_>, filter: &Filter, below: Option<u64>, size: usize) -> Result<Page, Error> {
    let mut search = Search::new(view, filter)?;
    let mut below = below.unwrap_or(u64::MAX).min(search.end);
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
    Ok(Page { disclosures, next })
}

/// The disclosure with this id; of several, which only different cases can have, the first.
///
/// # Errors
/// See [`Error`].
pub fn get(view: &View<'_>, disclosure_id: DisclosureId) -> Result<Option<Disclosure>, Error> {
    match view.get(&keys::id(disclosure_id))? {
        Some(at) => whole(view, position(&at)?).map(Some),
        None => Ok(None),
    }
}

/// A disclosure with its steps.
fn whole(view: &View<'_>, at: u64) -> Result<Disclosure, Error> {
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

/// What a search came to.
enum Found {
    /// A disclosure that fits stands here.
    At(u64),
    /// There is none.
    Nothing,
    /// So far down there is none, and this page may not look further.
    NotYet(u64),
}

/// Goes down the postings of a filter together.
struct Search<'v, 'p> {
    view: &'v View<'p>,
    /// At least one.
    postings: Vec<Key>,
    /// The first position that may fit.
    start: u64,
    /// The first position that is too late.
    end: u64,
    seeks_left: u32,
}

impl<'v, 'p> Search<'v, 'p> {
    fn new(view: &'v View<'p>, filter: &Filter) -> Result<Self, Error> {
        let mut postings: Vec<Key> = filter.criteria.iter().map(keys::postings).collect();
        if postings.is_empty() {
            postings.push(keys::disclosures());
        }
        let first_at = |ms: Option<i64>, without| ms.map_or(Ok(without), |ms| first_recorded(view, ms));
        let (start, end) = (first_at(filter.from_ms, 0)?, first_at(filter.until_ms, u64::MAX)?);
        Ok(Self { view, postings, start, end, seeks_left: SEEKS_MAX })
    }

    fn newest_below(&mut self, below: u64) -> Result<Found, Error> {
        let Some(mut candidate) = below.checked_sub(1) else { return Ok(Found::Nothing) };
        let mut agreed = 0;
        for turn in (0..self.postings.len()).cycle() {
            if self.seeks_left == 0 {
                return Ok(Found::NotYet(candidate.saturating_add(1)));
            }
            self.seeks_left -= 1;
            match self.newest_at_most(turn, candidate)? {
                Some(at) if at < self.start => return Ok(Found::Nothing),
                Some(at) if at == candidate => agreed += 1,
                Some(at) => (candidate, agreed) = (at, 1),
                None => return Ok(Found::Nothing),
            }
            if agreed == self.postings.len() {
                break;
            }
        }
        Ok(Found::At(candidate))
    }

    fn newest_at_most(&self, turn: usize, at: u64) -> Result<Option<u64>, Error> {
        let Some(prefix) = self.postings.get(turn) else { return Ok(None) };
        let range = keys::at(prefix.clone(), 0)..=keys::at(prefix.clone(), at);
        match self.view.range(range).next_back().transpose()? {
            Some((key, _)) => position(&key).map(Some),
            None => Ok(None),
        }
    }
}

/// The position of the first disclosure recorded at or after `ms`; the end of the range when there is none.
fn first_recorded(view: &View<'_>, ms: i64) -> Result<u64, Error> {
    match view.range(keys::at(keys::time(ms), 0)..keys::times_end()).next().transpose()? {
        Some((key, _)) => position(&key),
        None => Ok(u64::MAX),
    }
}
