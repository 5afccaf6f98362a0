//! Consents to data of one stretch of time.

use crate::story::*;
use egide_domain::event::{ConsentGiven, DataPeriod};
use egide_domain::vocabulary::{DataCategory::*, ExceptionGround, ExceptionKind, MaskLevel, Purpose, ReasonCode};
use egide_domain::{Basis, Decision, Mask, MaskEntry};

fn between(from: i64, until: i64) -> DataPeriod {
    DataPeriod { from: Some(after(from)), until: Some(after(until)) }
}

fn since(from: i64) -> DataPeriod {
    DataPeriod { from: Some(after(from)), until: None }
}

fn wish(number: u8, period: Option<DataPeriod>) -> ConsentGiven {
    let wish = consent(number, VICTIM, shelter().scope(), Purpose::SupportService);
    ConsentGiven { data_period: period, ..wish.permitting(&[Contact]) }
}

fn asked() -> Ask {
    ask(&shelter(), Purpose::SupportService, &[Contact, Situation])
}

fn given(wishes: &[ConsentGiven]) -> Decision {
    wishes.iter().cloned().fold(Story::with_people(), Story::consents).when(&asked()).0
}

fn entry(decision: &Decision) -> MaskEntry {
    *decision.mask.entry(VICTIM, Contact).unwrap()
}

#[test]
fn an_entry_carries_the_period_of_its_consent() {
    let entry = entry(&given(&[wish(1, Some(between(-DAY, DAY)))]));
    assert_eq!(entry.period, Some(between(-DAY, DAY)));
    assert!(entry.reaches(after(-DAY)) && entry.reaches(after(DAY - 1)));
    assert!(!entry.reaches(after(-DAY - 1)) && !entry.reaches(after(DAY)));
}

#[test]
fn a_consent_to_all_data_counts_before_those_to_some() {
    let decision = given(&[wish(1, Some(since(0))), wish(2, None), wish(3, None)]);
    assert_eq!(entry(&decision).period, None);
    assert_eq!(decision.bases, [Basis::Consent(consent_id(2)), Basis::Consent(consent_id(3))]);
}

#[test]
fn otherwise_the_longest_period_counts_alone() {
    let decision =
        given(&[wish(1, Some(between(0, HOUR))), wish(2, Some(between(0, DAY))), wish(3, Some(between(0, HOUR)))]);
    assert_eq!(entry(&decision).period, Some(between(0, DAY)));
    assert_eq!(decision.bases, [Basis::Consent(consent_id(2))]);
    let open = given(&[wish(1, Some(between(-DAY, DAY))), wish(2, Some(since(0)))]);
    assert_eq!(entry(&open).period, Some(since(0)));
}

#[test]
fn of_equal_lengths_the_earlier_in_the_log_counts() {
    let decision = given(&[wish(1, Some(between(0, HOUR))), wish(2, Some(between(HOUR, 2 * HOUR)))]);
    assert_eq!(decision.bases, [Basis::Consent(consent_id(1))]);
    let open = DataPeriod { from: None, until: Some(after(0)) };
    let decision = given(&[wish(1, Some(open)), wish(2, Some(since(0)))]);
    assert_eq!(entry(&decision).period, Some(open));
}

#[test]
fn each_category_has_a_time_of_its_own() {
    let all = wish(2, None).permitting(&[Situation]);
    let decision = given(&[wish(1, Some(since(0))), all]);
    assert_eq!(entry(&decision).period, Some(since(0)));
    assert_eq!(decision.mask.entry(VICTIM, Situation).unwrap().period, None);
    assert_eq!(decision.bases.len(), 2);
}

#[test]
fn a_period_without_bounds_is_none() {
    let unbounded = wish(1, Some(DataPeriod { from: None, until: None }));
    assert_eq!(entry(&given(&[unbounded])).period, None);
}

#[test]
fn an_empty_period_permits_nothing() {
    let story = Story::with_people().consents(wish(1, Some(between(HOUR, HOUR))));
    story.when(&asked()).denies(ReasonCode::ConsentDataPeriod);
}

#[test]
fn what_is_left_out_ends_nothing_and_covers_nothing() {
    let ending = wish(1, Some(between(0, HOUR))).until(egide_domain::event::Expiry::At(after(HOUR)));
    let decision = given(&[ending, wish(2, None)]);
    assert_ne!(decision.expires_at, Some(after(HOUR)));
    assert!(!decision.reasons.iter().any(|reason| {
        reason.code == ReasonCode::CoveredByConsent
            && reason.reference == egide_domain::Reference::Consent(consent_id(1))
    }));
}

#[test]
fn an_exception_has_no_period_and_counts_before_a_consent_that_has_one() {
    let asked = ask(&police(), Purpose::EmergencyResponse, &[Contact]);
    let wish = ConsentGiven {
        recipient: Some(police().scope()),
        purposes: [Purpose::EmergencyResponse].into(),
        ..wish(1, Some(since(0)))
    };
    let danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence);
    let story = Story::with_people().consents(wish).asserts(&responder(), danger).confirms(&supervisor(), 1);
    let decision = story.when(&asked).0;
    assert_eq!(entry(&decision).period, None);
    assert_eq!(decision.bases, [Basis::Exception(exception_id(1), ExceptionKind::ImminentDanger)]);
}

#[test]
fn a_mask_contains_another_only_with_its_time() {
    let mask = |period| {
        let bases = [0].into_iter().collect();
        Mask::from(vec![MaskEntry { subject_id: VICTIM, category: Contact, level: MaskLevel::Whole, bases, period }])
    };
    assert!(mask(None).contains(&mask(Some(since(0)))));
    assert!(!mask(Some(since(0))).contains(&mask(None)));
    assert!(mask(Some(between(0, DAY))).contains(&mask(Some(between(HOUR, DAY)))));
    assert!(!mask(Some(between(0, DAY))).contains(&mask(Some(between(HOUR, DAY + 1)))));
}

#[test]
fn a_release_under_a_period_is_fetched_while_the_period_stands() {
    let story = Story::with_people().consents(wish(1, Some(between(-DAY, DAY))));
    let story = story.releases(1, &asked());
    assert!(story.fetches(1, &shelter()).is_ok());
    let narrowed = wish(2, Some(between(0, DAY))).superseding(&[1]);
    assert!(story.consents(narrowed).fetches(1, &shelter()).is_err());
}
