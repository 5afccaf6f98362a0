//! Requests, checked: which disclosures are meant, how many, and why somebody looks. Reads the request's bytes only, before
//! anything is looked up, and reports every violation at once.

use std::str::FromStr;

use egide_domain::ids::{CaseId, OrganizationId, SubjectId, UnitId};
use egide_domain::vocabulary::{BasisKind, DataCategory, ExceptionKind, Outcome};
use egide_wire::convert::Listed;
use egide_wire::proto::egide::audit::v1::{AccessReason, DisclosureFilter};
use egide_wire::refusal::Violation;
use prost_types::Timestamp;

use super::words;
use crate::model::codes::Code;

/// Entries on a page when the request does not say.
pub const PAGE_SIZE_DEFAULT: usize = 50;
/// Most entries on a page.
pub const PAGE_SIZE_MAX: usize = 200;
/// Longest account, in bytes: as long as one can be.
const ACCOUNT_BYTES_MAX: usize = 128;

const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;
/// 0001-01-01 and the last second of 9999: what a protobuf timestamp can say.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// One thing a disclosure must fit. Each has an index of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criterion {
    /// About this person.
    Subject(SubjectId),
    /// Of this case.
    Case(CaseId),
    /// To this unit.
    Unit(UnitId),
    /// Asked by the person with this account.
    Actor(String),
    /// To this organisation.
    Organization(OrganizationId),
    /// Resting on a basis of this kind.
    Basis(BasisKind),
    /// With this outcome.
    Outcome(Outcome),
    /// Approved or rejected by the person with this account.
    Approver(String),
    /// Resting on an exception of this kind.
    Exception(ExceptionKind),
    /// Letting this category through.
    Category(DataCategory),
    /// Binding us to something that is overdue.
    Overdue,
    /// Resting on broken glass.
    BrokenGlass,
    /// With this coded fact.
    Coded(Code),
    /// With this word in a rule, a reference or a form; folded.
    Word(String),
    /// A look for a reason that is reviewed: not for the case or the shift, and no recipient's own.
    OfOthers,
    /// Whatever there is.
    Anything,
}

/// Which disclosures are meant: those that fit everything in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Recorded at or after, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Recorded before, in milliseconds since 1970.
    pub until_ms: Option<i64>,
    /// What else must hold.
    pub criteria: Vec<Criterion>,
    /// Words of which each must fit something in the facts; folded.
    pub words: Vec<String>,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// Every violation, with paths from `filter` on.
    pub fn read(filter: &DisclosureFilter) -> Result<Self, Vec<Violation>> {
        let mut reader = Reader::default();
        let (from_ms, until_ms) = reader.times(filter.from.as_ref(), filter.until.as_ref());
        let criteria = [
            reader.id("filter.subject_id", &filter.subject_id).map(Criterion::Subject),
            reader.id("filter.case_id", &filter.case_id).map(Criterion::Case),
            reader.id("filter.unit_id", &filter.unit_id).map(Criterion::Unit),
            reader.account("filter.actor", &filter.actor).map(Criterion::Actor),
            reader.id("filter.organization_id", &filter.organization_id).map(Criterion::Organization),
            reader.listed("filter.basis", filter.basis).map(Criterion::Basis),
            reader.listed("filter.outcome", filter.outcome).map(Criterion::Outcome),
            reader.account("filter.approver", &filter.approver).map(Criterion::Approver),
            reader.listed("filter.exception", filter.exception).map(Criterion::Exception),
            filter.overdue.then_some(Criterion::Overdue),
            filter.break_glass.then_some(Criterion::BrokenGlass),
        ];
        let mut criteria: Vec<_> = criteria.into_iter().flatten().collect();
        for category in &filter.categories {
            match reader.listed("filter.categories", *category) {
                Some(category) => criteria.push(Criterion::Category(category)),
                None => reader.refuse("filter.categories", "must be categories"),
            }
        }
        let words = reader.words("filter.text", &filter.text);
        reader.finish(Self { from_ms, until_ms, criteria, words })
    }

    /// The case, unit and person it names, for the record of the look.
    #[must_use]
    pub fn names(&self) -> (Option<CaseId>, Option<SubjectId>, Option<UnitId>) {
        let mut names = (None, None, None);
        for criterion in &self.criteria {
            match criterion {
                Criterion::Case(case_id) => names.0 = Some(*case_id),
                Criterion::Subject(subject_id) => names.1 = Some(*subject_id),
                Criterion::Unit(unit_id) => names.2 = Some(*unit_id),
                Criterion::Actor(_)
                | Criterion::Organization(_)
                | Criterion::Basis(_)
                | Criterion::Outcome(_)
                | Criterion::Approver(_)
                | Criterion::Exception(_)
                | Criterion::Category(_)
                | Criterion::Overdue
                | Criterion::BrokenGlass
                | Criterion::Coded(_)
                | Criterion::Word(_)
                | Criterion::OfOthers
                | Criterion::Anything => {}
            }
        }
        names
    }
}

/// Reads an id that must be there.
///
/// # Errors
/// A violation of `field`.
pub fn required_id<T: FromStr>(field: &str, text: &str) -> Result<T, Violation> {
    text.parse().map_err(|_| not_an_id(field))
}

/// Reads a time that may be absent, in milliseconds since 1970.
///
/// # Errors
/// A violation of `field`.
pub fn instant(field: &str, timestamp: Option<&Timestamp>) -> Result<Option<i64>, Vec<Violation>> {
    let mut reader = Reader::default();
    let instant = reader.instant(field, timestamp);
    reader.finish(instant)
}

/// Reads a page's size.
///
/// # Errors
/// A violation of `page_size`.
pub fn page_size(asked: u32) -> Result<usize, Violation> {
    match usize::try_from(asked) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        Ok(size) if size <= PAGE_SIZE_MAX => Ok(size),
        Ok(_) | Err(_) => {
            Err(Violation::new("page_size", format!("must be 1 to {PAGE_SIZE_MAX}, or 0 for {PAGE_SIZE_DEFAULT}")))
        }
    }
}

/// Reads why somebody looks.
///
/// # Errors
/// A violation of `reason`.
pub fn reason(number: i32) -> Result<AccessReason, Violation> {
    match AccessReason::try_from(number) {
        Ok(AccessReason::Unspecified) => {
            Err(Violation::new("reason", "is needed: every look by a person is recorded with its reason"))
        }
        Ok(reason) => Ok(reason),
        Err(_) => Err(unknown_value("reason")),
    }
}

fn not_an_id(field: &str) -> Violation {
    Violation::new(field, "must be a hyphenated UUID")
}

fn unknown_value(field: &str) -> Violation {
    Violation::new(field, "is no value that this version knows")
}

/// Collects violations while it reads; an empty or unspecified field is no criterion.
#[derive(Default)]
pub(super) struct Reader(Vec<Violation>);

impl Reader {
    pub(super) fn refuse(&mut self, field: &str, description: &str) {
        self.0.push(Violation::new(field, description));
    }

    pub(super) fn id<T: FromStr>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        self.keep(required_id(field, text))
    }

    /// Both bounds of a filter, in milliseconds since 1970.
    pub(super) fn times(&mut self, from: Option<&Timestamp>, until: Option<&Timestamp>) -> (Option<i64>, Option<i64>) {
        let from_ms = self.instant("filter.from", from);
        let until_ms = self.instant("filter.until", until);
        if let (Some(from_ms), Some(until_ms)) = (from_ms, until_ms)
            && from_ms >= until_ms
        {
            self.refuse("filter.until", "must be later than `filter.from`");
        }
        (from_ms, until_ms)
    }

    fn words(&mut self, field: &str, text: &str) -> Vec<String> {
        let words = words::asked(text);
        if text.len() > words::TEXT_BYTES_MAX || words.len() > words::WORDS_MAX {
            self.refuse(field, "must have at most 200 bytes and 8 words");
        } else if words.is_empty() && !text.trim().is_empty() {
            self.refuse(field, "has no word that can be looked for");
        }
        words
    }

    pub(super) fn account(&mut self, field: &str, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        let fits = text.len() <= ACCOUNT_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            return Some(text.to_owned());
        }
        self.refuse(field, "must be an account: at most 128 visible ASCII characters");
        None
    }

    fn listed<T: Listed>(&mut self, field: &str, number: i32) -> Option<T> {
        self.keep(T::read(number).map_err(|_| unknown_value(field))).flatten()
    }

    /// To the millisecond, rounded up: the log counts in whole milliseconds, and of those both bounds take the first that
    /// is not before them.
    fn instant(&mut self, field: &str, timestamp: Option<&Timestamp>) -> Option<i64> {
        let timestamp = timestamp?;
        let nanos = i64::from(timestamp.nanos);
        let valid = SECONDS.contains(&timestamp.seconds) && (0..1_000_000_000).contains(&nanos);
        if !valid {
            self.refuse(field, "must be a time from the year 1 to 9999, with 0 to 999,999,999 nanoseconds");
            return None;
        }
        let below_second_ms = (nanos + NANOSECONDS_PER_MILLISECOND - 1) / NANOSECONDS_PER_MILLISECOND;
        // Within a valid timestamp's range neither can overflow.
        timestamp.seconds.checked_mul(1_000)?.checked_add(below_second_ms)
    }

    fn keep<T>(&mut self, read: Result<T, Violation>) -> Option<T> {
        read.map_err(|violation| self.0.push(violation)).ok()
    }

    pub(super) fn finish<T>(self, read: T) -> Result<T, Vec<Violation>> {
        if self.0.is_empty() { Ok(read) } else { Err(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_wire::proto::egide::case::v1 as case_proto;

    const ID: &str = "0192abcd-ef00-7fff-8000-010203040506";

    fn fields(filter: &DisclosureFilter) -> Vec<String> {
        Filter::read(filter).unwrap_err().into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn an_empty_filter_means_everything() {
        assert_eq!(Filter::read(&DisclosureFilter::default()), Ok(Filter::default()));
    }

    #[test]
    fn every_field_becomes_a_criterion() {
        let filter = Filter::read(&DisclosureFilter {
            from: Some(Timestamp { seconds: 10, nanos: 0 }),
            until: Some(Timestamp { seconds: 11, nanos: 1 }),
            case_id: ID.to_owned(),
            unit_id: ID.to_owned(),
            organization_id: ID.to_uppercase(),
            actor: "amelie.roy".to_owned(),
            basis: case_proto::BasisKind::Exception.into(),
            outcome: case_proto::Outcome::Deny.into(),
            subject_id: ID.to_owned(),
            approver: "sam.lavoie".to_owned(),
            exception: case_proto::ExceptionKind::ImminentDanger.into(),
            categories: vec![5, 1],
            overdue: true,
            break_glass: true,
            text: "la santé, the Health".to_owned(),
        })
        .unwrap();
        assert_eq!((filter.from_ms, filter.until_ms), (Some(10_000), Some(11_001)));
        let expected = [
            Criterion::Subject(ID.parse().unwrap()),
            Criterion::Case(ID.parse().unwrap()),
            Criterion::Unit(ID.parse().unwrap()),
            Criterion::Actor("amelie.roy".to_owned()),
            Criterion::Organization(ID.parse().unwrap()),
            Criterion::Basis(BasisKind::Exception),
            Criterion::Outcome(Outcome::Deny),
            Criterion::Approver("sam.lavoie".to_owned()),
            Criterion::Exception(ExceptionKind::ImminentDanger),
            Criterion::Overdue,
            Criterion::BrokenGlass,
            Criterion::Category(DataCategory::Health),
            Criterion::Category(DataCategory::Identity),
        ];
        assert_eq!(filter.criteria, expected);
        assert_eq!(filter.words, ["health", "la", "sante"]);
        let id = ID.parse().unwrap();
        assert_eq!(filter.names(), (Some(id), Some(ID.parse().unwrap()), Some(ID.parse().unwrap())));
    }

    #[test]
    fn every_violation_is_reported_at_once() {
        let filter = DisclosureFilter {
            from: Some(Timestamp { seconds: i64::MAX, nanos: 0 }),
            until: Some(Timestamp { seconds: 0, nanos: -1 }),
            case_id: "x".to_owned(),
            unit_id: ID.replace('-', ""),
            organization_id: format!("{ID}0"),
            actor: "amelie roy".to_owned(),
            basis: 99,
            outcome: -1,
            subject_id: " ".to_owned(),
            approver: "sam lavoie".to_owned(),
            exception: 9,
            categories: vec![0],
            text: "the – and".to_owned(),
            ..DisclosureFilter::default()
        };
        let expected = [
            "filter.from",
            "filter.until",
            "filter.subject_id",
            "filter.case_id",
            "filter.unit_id",
            "filter.actor",
            "filter.organization_id",
            "filter.basis",
            "filter.outcome",
            "filter.approver",
            "filter.exception",
            "filter.categories",
            "filter.text",
        ];
        assert_eq!(fields(&filter), expected);
    }

    #[test]
    fn from_must_be_earlier_than_until() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        for (from, until, accepted) in
            [(at(1), at(2), true), (at(2), at(2), false), (at(3), at(2), false), (None, at(2), true)]
        {
            let filter = DisclosureFilter { from, until, ..DisclosureFilter::default() };
            assert_eq!(Filter::read(&filter).is_ok(), accepted);
        }
    }

    #[test]
    fn a_violation_never_repeats_what_was_sent() {
        let filter = DisclosureFilter {
            actor: "marker 555-0123".to_owned(),
            case_id: "marker".to_owned(),
            ..DisclosureFilter::default()
        };
        let violations = Filter::read(&filter).unwrap_err();
        assert!(violations.iter().all(|violation| !violation.description.contains("marker")));
    }

    #[test]
    fn a_page_has_1_to_200_entries() {
        let sizes = [(0, Some(50)), (1, Some(1)), (200, Some(200)), (201, None), (u32::MAX, None)];
        for (asked, expected) in sizes {
            assert_eq!(page_size(asked).ok(), expected, "{asked}");
        }
    }

    #[test]
    fn whoever_looks_says_why() {
        assert!(reason(AccessReason::Audit.into()) == Ok(AccessReason::Audit));
        for number in [0, 99, -1] {
            assert!(reason(number).is_err_and(|violation| violation.field == "reason"));
        }
    }
}
