//! Who looked at what, newest first.

use egide_domain::ids::{CaseId, SubjectId};
use egide_projection::View;
use egide_wire::proto::egide::audit::v1::{AccessReason, AccessScope, Look, LookFilter};
use egide_wire::refusal::Violation;

use super::filter::{Criterion, Filter, Reader};
use super::search::{Found, ROWS_MAX, Search};
use super::{Error, decode};
use crate::model::codes::{Code, List};
use crate::model::keys;

/// One page of looks.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The looks, newest first.
    pub looks: Vec<Look>,
    /// The place below which the next page begins; `None` when there is none.
    pub next: Option<u64>,
    /// Everything that fits from this position up to where the page began is on it.
    pub searched_down_to: u64,
}

/// Reads a filter of looks.
///
/// # Errors
/// Every violation, with paths from `filter` on.
pub fn read(filter: &LookFilter) -> Result<Filter, Vec<Violation>> {
    let mut reader = Reader::default();
    let (from_ms, until_ms) = reader.times(filter.from.as_ref(), filter.until.as_ref());
    let (scope, reason) = (AccessScope::try_from(filter.scope), AccessReason::try_from(filter.reason));
    for (field, is_known) in [("filter.scope", scope.is_ok()), ("filter.reason", reason.is_ok())] {
        if !is_known {
            reader.refuse(field, "is no value that this version knows");
        }
    }
    let coded = |list, number: i32| (number != 0).then_some(Criterion::Coded(Code::new(list, number)));
    let criteria = [
        reader.account("filter.person", &filter.person).map(Criterion::Actor),
        reader.id::<CaseId>("filter.case_id", &filter.case_id).map(Criterion::Case),
        reader.id::<SubjectId>("filter.subject_id", &filter.subject_id).map(Criterion::Subject),
        coded(List::AccessScope, filter.scope),
        coded(List::AccessReason, filter.reason),
        filter.of_others.then_some(Criterion::OfOthers),
    ];
    let criteria = criteria.into_iter().flatten().collect();
    reader.finish(Filter { from_ms, until_ms, criteria, words: Vec::new() })
}

/// The newest `size` looks that fit, of those below the position `below` if one is given.
///
/// # Errors
/// See [`Error`].
pub fn list(view: &View<'_>, filter: &Filter, below: Option<u64>, size: usize) -> Result<Page, Error> {
    let recorded_at = |row: &[u8]| Ok(decode::<Look>(row)?.recorded_at);
    let place = |ms: Option<i64>, without| match ms {
        Some(ms) => super::first_recorded(view, &keys::looks(), ms, recorded_at),
        None => Ok(without),
    };
    let (start, end) = (place(filter.from_ms, 0)?, place(filter.until_ms, u64::MAX)?);
    let anything = [Criterion::Anything];
    let criteria = if filter.criteria.is_empty() { &anything } else { filter.criteria.as_slice() };
    let clauses = criteria.iter().map(|criterion| vec![keys::look_postings(criterion)]).collect();
    let mut search = Search::new(view, clauses, start, ROWS_MAX);
    let mut below = below.unwrap_or(u64::MAX).min(end);
    let mut looks = Vec::new();
    let next = loop {
        match search.newest_below(below)? {
            Found::Nothing => break None,
            Found::At(_) | Found::NotYet(_) if looks.len() >= size => break Some(below),
            Found::NotYet(at) => break Some(at),
            Found::At(at) => {
                let row = view.get(&keys::at(keys::looks(), at))?.ok_or(Error::Row)?;
                looks.push(decode::<Look>(&row)?);
                below = at;
            }
        }
    };
    Ok(Page { looks, next, searched_down_to: next.unwrap_or(start) })
}

#[cfg(test)]
mod tests {
    use egide_wire::proto::egide::audit::v1::AccessRecorded;

    use super::*;
    use crate::story::{NOW_MS, Story, Told, case, person, timestamp};

    fn look(scope: AccessScope, reason: AccessReason, in_case: u16) -> AccessRecorded {
        let (scope, reason, case_id) = (scope.into(), reason.into(), case(in_case).to_string());
        AccessRecorded { scope, reason, case_id, subject_id: person(1).to_string(), ..AccessRecorded::default() }
    }

    /// Five looks: of two people, at two cases, for several reasons.
    fn story() -> (Story, Vec<u64>) {
        let mut story = Story::of_one_case();
        let mut at = Vec::new();
        for (who, scope, reason, in_case) in [
            ("amelie.roy", AccessScope::CaseOpened, AccessReason::WorkingTheCase, 1),
            ("sam.lavoie", AccessScope::CaseOpened, AccessReason::Supervision, 1),
            ("amelie.roy", AccessScope::History, AccessReason::Audit, 2),
            ("liaison", AccessScope::ReferralList, AccessReason::Recipient, 2),
            ("sam.lavoie", AccessScope::CaseFacts, AccessReason::ShiftQueue, 2),
        ] {
            story.passes(1_000);
            at.push(story.tell(Told::looked(look(scope, reason, in_case)).by(who)));
        }
        (story, at)
    }

    fn found(story: &Story, filter: &LookFilter) -> Vec<u64> {
        let page = list(&story.history.view(), &read(filter).unwrap(), None, 50).unwrap();
        page.looks.iter().map(|look| look.position).collect()
    }

    #[test]
    fn looks_are_found_by_person_case_scope_reason_and_time() {
        let (story, at) = story();
        let all: Vec<u64> = at.iter().rev().copied().collect();
        let none = LookFilter::default;
        assert_eq!(found(&story, &none()), all);
        assert_eq!(found(&story, &LookFilter { person: "sam.lavoie".to_owned(), ..none() }), [at[4], at[1]]);
        assert_eq!(found(&story, &LookFilter { case_id: case(1).to_string(), ..none() }), [at[1], at[0]]);
        assert_eq!(found(&story, &LookFilter { subject_id: person(1).to_string(), ..none() }), all);
        assert_eq!(found(&story, &LookFilter { scope: AccessScope::CaseOpened.into(), ..none() }), [at[1], at[0]]);
        assert_eq!(found(&story, &LookFilter { reason: AccessReason::Audit.into(), ..none() }), [at[2]]);
        let from = Some(timestamp(NOW_MS + 2_000));
        let until = Some(timestamp(NOW_MS + 4_000));
        assert_eq!(found(&story, &LookFilter { from, until, ..none() }), [at[2], at[1]]);
        assert_eq!(found(&story, &LookFilter { until: Some(timestamp(NOW_MS)), ..none() }), Vec::<u64>::new());
        assert_eq!(found(&story, &LookFilter { from: Some(timestamp(NOW_MS + 9_000)), ..none() }), Vec::<u64>::new());
    }

    #[test]
    fn what_is_reviewed_the_next_day_is_what_others_looked_at() {
        let (story, at) = story();
        assert_eq!(found(&story, &LookFilter { of_others: true, ..LookFilter::default() }), [at[2], at[1]]);
    }

    #[test]
    fn pages_of_looks_meet() {
        let (story, at) = story();
        let (mut seen, mut below) = (Vec::new(), None);
        loop {
            let page = list(&story.history.view(), &Filter::default(), below, 2).unwrap();
            seen.extend(page.looks.iter().map(|look| look.position));
            below = page.next;
            assert_eq!(page.searched_down_to, page.next.unwrap_or(0));
            if below.is_none() {
                break;
            }
        }
        seen.reverse();
        assert_eq!(seen, at);
    }

    #[test]
    fn what_is_wrong_with_a_filter_of_looks_is_said_at_once() {
        let filter = LookFilter {
            person: "x y".to_owned(),
            case_id: "x".to_owned(),
            subject_id: "x".to_owned(),
            scope: 99,
            reason: -1,
            ..LookFilter::default()
        };
        let fields: Vec<_> = read(&filter).unwrap_err().into_iter().map(|violation| violation.field).collect();
        let expected = ["filter.scope", "filter.reason", "filter.person", "filter.case_id", "filter.subject_id"];
        assert_eq!(fields, expected);
    }
}
