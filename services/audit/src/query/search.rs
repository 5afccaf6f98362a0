//! Going down postings: the newest place that fits every clause of a question, stretch by stretch.
//!
//! Each clause has sources, the postings of its criteria, of which one must fit. Of every source the newest row at or below
//! the stretch in hand is kept, so that a row is read at most once; the lowest of the clauses' newest stretches is the next
//! candidate, until all agree, and then 4,096 positions are compared at once. So a page costs what the rarest clause makes it
//! cost, and never many more rows than [`ROWS_MAX`].

use egide_projection::View;

use super::Error;
use crate::model::keys::{self, Key};
use crate::model::postings::{STRETCH, Stretch};

/// Most rows of postings looked at for one page. Where criteria hardly ever meet, a page ends early, says how far it looked, and
/// has a token to go on from there. A million disclosures are a few hundred stretches.
pub const ROWS_MAX: u32 = 4_000;

/// What a search came to.
pub(crate) enum Found {
    /// Something that fits stands here.
    At(u64),
    /// There is none.
    Nothing,
    /// From here on upwards there is none, and this page may not look further down.
    NotYet(u64),
}

/// The postings of one criterion, and the newest of its rows that matters.
struct Source {
    postings: Key,
    /// The number of the stretch in hand with what fits in it; `None` before the first look.
    at: Option<(u64, Stretch)>,
    exhausted: bool,
}

/// Goes down the postings of a question.
pub(crate) struct Search<'v, 'p> {
    view: &'v View<'p>,
    /// INVARIANT: at least one; each with at least one source, or nothing fits it.
    clauses: Vec<Vec<Source>>,
    /// The first position that may fit.
    start: u64,
    /// What fits in the stretch in hand.
    agreed: Option<(u64, Stretch)>,
    rows: u32,
    rows_max: u32,
}

impl<'v, 'p> Search<'v, 'p> {
    /// A search for positions from `start` on that fit one of each clause's postings; it ends once it has looked at `rows_max` rows.
    pub(crate) fn new(view: &'v View<'p>, clauses: Vec<Vec<Key>>, start: u64, rows_max: u32) -> Self {
        let source = |postings| Source { postings, at: None, exhausted: false };
        let clauses = clauses.into_iter().map(|clause| clause.into_iter().map(source).collect()).collect();
        Self { view, clauses, start, agreed: None, rows: 0, rows_max }
    }

    /// How many rows of postings were looked at so far.
    pub(crate) const fn rows(&self) -> u32 {
        self.rows
    }

    /// The newest position below `below` that fits.
    pub(crate) fn newest_below(&mut self, mut below: u64) -> Result<Found, Error> {
        loop {
            if below <= self.start {
                return Ok(Found::Nothing);
            }
            let wanted = (below - 1) / STRETCH;
            let number = match self.agree(wanted)? {
                Found::At(number) => number,
                Found::NotYet(number) => {
                    return Ok(Found::NotYet(number.saturating_add(1).saturating_mul(STRETCH).min(below)));
                }
                Found::Nothing => return Ok(Found::Nothing),
            };
            let first = number * STRETCH;
            let within = if number == wanted { below - first } else { STRETCH };
            let stretch = self.agreed.as_ref().map(|(_, stretch)| stretch);
            if let Some(offset) = stretch.and_then(|stretch| stretch.last_below(within)) {
                let at = first + offset;
                return Ok(if at < self.start { Found::Nothing } else { Found::At(at) });
            }
            below = first;
        }
    }

    /// The newest stretch at or below `wanted` in which every clause has something; what fits all of them in it is kept.
    fn agree(&mut self, wanted: u64) -> Result<Found, Error> {
        if self.agreed.as_ref().is_some_and(|(number, _)| *number == wanted) {
            return Ok(Found::At(wanted));
        }
        let mut candidate = wanted;
        let (mut agreeing, clauses) = (0, self.clauses.len());
        for turn in (0..clauses).cycle() {
            if self.rows >= self.rows_max {
                return Ok(Found::NotYet(candidate));
            }
            match self.newest_of(turn, candidate)? {
                Some(number) if number == candidate => agreeing += 1,
                Some(number) => (candidate, agreeing) = (number, 1),
                None => return Ok(Found::Nothing),
            }
            if agreeing == clauses {
                break;
            }
        }
        self.agreed = self.compare(candidate).map(|stretch| (candidate, stretch));
        Ok(Found::At(candidate))
    }

    /// The newest stretch at or below `candidate` in which one of a clause's sources has something.
    fn newest_of(&mut self, turn: usize, candidate: u64) -> Result<Option<u64>, Error> {
        let Some(sources) = self.clauses.get_mut(turn) else { return Ok(None) };
        let mut newest = None;
        for source in sources.iter_mut().filter(|source| !source.exhausted) {
            if source.at.as_ref().is_none_or(|(number, _)| *number > candidate) {
                self.rows = self.rows.saturating_add(1);
                let range = keys::at(source.postings.clone(), 0)..=keys::at(source.postings.clone(), candidate);
                match self.view.range(range).next_back().transpose()? {
                    Some((key, row)) => {
                        let number = keys::position_of(&key).ok_or(Error::Row)?;
                        source.at = Some((number, Stretch::from_bytes(&row).ok_or(Error::Row)?));
                    }
                    None => (source.exhausted, source.at) = (true, None),
                }
            }
            newest = newest.max(source.at.as_ref().map(|(number, _)| *number));
        }
        Ok(newest)
    }

    /// What fits all clauses in one stretch.
    fn compare(&self, number: u64) -> Option<Stretch> {
        let mut all: Option<Stretch> = None;
        for sources in &self.clauses {
            let mut either = Stretch::default();
            let here = sources.iter().filter_map(|source| source.at.as_ref()).filter(|(at, _)| *at == number);
            here.for_each(|(_, stretch)| either.or(stretch));
            match &mut all {
                Some(all) => all.and(&either),
                None => all = Some(either),
            }
        }
        all
    }
}
