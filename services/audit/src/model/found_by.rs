//! What a disclosure is found by.

use std::collections::BTreeSet;

use egide_domain::ids::SubjectId;
use egide_wire::proto::egide::case::v1::{BasisKind, DisclosedOutsideSystem, DisclosureDecided, RequestRecord};

use super::codes::{Code, List};
use super::readable;
use super::row::ExceptionRow;
use crate::query::filter::Criterion;
use crate::query::words;

/// Most words of rules, references and forms kept for one event.
const WORDS_MAX: usize = 32;

/// What a disclosure is found by.
#[derive(Default)]
pub(super) struct Criteria(Vec<Criterion>);

impl Criteria {
    /// What a decision says about itself. Whom it concerns: those asked for and those let through.
    pub(super) fn of_decision(decided: &DisclosureDecided) -> Self {
        let mut criteria = Self::default();
        if let Some(request) = &decided.request {
            criteria.of_request(request);
        }
        criteria.subjects(decided.mask.iter().filter_map(|entry| entry.subject_id.parse().ok()));
        criteria.code(List::Outcome, decided.outcome);
        criteria.code(List::RecipientKind, decided.recipient_kind);
        criteria.codes(List::Basis, decided.bases.iter().map(|basis| basis.kind));
        let exceptions = decided.bases.iter().filter(|basis| basis.kind == i32::from(BasisKind::Exception));
        criteria.codes(List::Exception, exceptions.map(|basis| basis.exception));
        criteria.codes(List::Released, decided.mask.iter().map(|entry| entry.category));
        criteria.codes(List::Reason, decided.reasons.iter().map(|reason| reason.code));
        criteria.codes(List::Obligation, decided.obligations.iter().map(|obligation| obligation.kind));
        criteria.words(std::iter::once(decided.form.as_str()));
        criteria.words(decided.reasons.iter().map(|reason| reason.reference.as_str()));
        criteria
    }

    fn of_request(&mut self, request: &RequestRecord) {
        self.unit(&request.unit_id);
        self.organization(&request.organization_id);
        self.subjects(readable(&request.subject_ids));
        self.code(List::Purpose, request.purpose);
        self.code(List::Mode, request.mode);
        self.codes(List::Requested, request.categories.iter().copied());
    }

    pub(super) fn of_outside(outside: &DisclosedOutsideSystem) -> Self {
        let mut criteria = Self::default();
        criteria.unit(&outside.unit_id);
        criteria.subjects(readable(&outside.subject_ids));
        criteria.code(List::Channel, outside.channel);
        criteria.codes(List::Released, outside.categories.iter().copied());
        criteria
    }

    /// What the exception says on which a disclosure rests.
    pub(super) fn exception(&mut self, exception: &ExceptionRow) {
        for packed in &exception.codes {
            self.0.extend(Code::of_packed(*packed).map(Criterion::Coded));
        }
        if exception.break_glass {
            self.add(Criterion::BrokenGlass);
        }
    }

    pub(super) fn add(&mut self, criterion: Criterion) {
        self.0.push(criterion);
    }

    /// A value of a list; nothing for unspecified.
    pub(super) fn code(&mut self, list: List, number: i32) {
        self.codes(list, std::iter::once(number));
    }

    pub(super) fn codes(&mut self, list: List, numbers: impl Iterator<Item = i32>) {
        let numbers: BTreeSet<i32> = numbers.filter(|number| *number != 0).collect();
        self.0.extend(numbers.into_iter().map(|number| Criterion::Coded(Code::new(list, number))));
    }

    /// The words of texts that are no ids.
    pub(super) fn words<'a>(&mut self, texts: impl Iterator<Item = &'a str>) {
        let texts: BTreeSet<&str> = texts.filter(|text| text.parse::<SubjectId>().is_err()).collect();
        let words: BTreeSet<String> = texts.into_iter().flat_map(words::fold).collect();
        self.0.extend(words.into_iter().take(WORDS_MAX).map(Criterion::Word));
    }

    pub(super) fn unit(&mut self, text: &str) {
        self.0.extend(text.parse().ok().map(Criterion::Unit));
    }

    pub(super) fn organization(&mut self, text: &str) {
        self.0.extend(text.parse().ok().map(Criterion::Organization));
    }

    pub(super) fn subjects(&mut self, subject_ids: impl Iterator<Item = SubjectId>) {
        self.0.extend(subject_ids.map(Criterion::Subject));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Criterion> {
        self.0.iter()
    }
}
