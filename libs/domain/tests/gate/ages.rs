//! An age band says something for a year; afterwards only what time has made certain.

use crate::story::*;
use egide_domain::vocabulary::{AgeBand, ExceptionGround, ExceptionKind, Purpose, ReasonCode, TriageLevel};
use egide_domain::vocabulary::{DataCategory::*, ObligationKind, PersonRole};
use egide_domain::{Ages, CaseEvent, Majority};

const YEAR: i64 = 8_766 * HOUR;

fn majority(band: AgeBand, later: i64) -> Majority {
    let story = Story::with_people().age(VICTIM, band).wait(later);
    story.facts.person(VICTIM).unwrap().majority_at(story.now, &POLICY)
}

#[test]
fn a_band_counts_as_it_was_said_for_a_year() {
    for (band, expected) in [
        (AgeBand::Under16, Majority::Minor),
        (AgeBand::From16To17, Majority::Minor),
        (AgeBand::Minor, Majority::Minor),
        (AgeBand::Exactly18, Majority::Adult),
        (AgeBand::From19, Majority::Adult),
        (AgeBand::Adult, Majority::Adult),
    ] {
        assert_eq!(majority(band, 0), expected);
        assert_eq!(majority(band, YEAR - 1), expected);
    }
}

#[test]
fn after_a_year_only_what_is_certain_counts() {
    assert_eq!(majority(AgeBand::From16To17, YEAR), Majority::Unknown);
    assert_eq!(majority(AgeBand::From16To17, 2 * YEAR - 1), Majority::Unknown);
    assert_eq!(majority(AgeBand::From16To17, 2 * YEAR), Majority::Adult);
    assert_eq!(majority(AgeBand::Under16, YEAR), Majority::Minor, "fifteen at most, and two birthdays at most");
    assert_eq!(majority(AgeBand::Under16, 2 * YEAR), Majority::Unknown);
    assert_eq!(majority(AgeBand::Minor, YEAR), Majority::Unknown);
    assert_eq!(majority(AgeBand::Minor, 18 * YEAR - 1), Majority::Unknown);
    assert_eq!(majority(AgeBand::Minor, 18 * YEAR), Majority::Adult);
    assert_eq!(majority(AgeBand::Exactly18, YEAR), Majority::Adult);
    assert_eq!(majority(AgeBand::From19, 300 * YEAR), Majority::Adult);
}

#[test]
fn the_ages_move_with_the_years() {
    let story = Story::with_people().age(VICTIM, AgeBand::From16To17).wait(3 * YEAR);
    let ages = story.facts.person(VICTIM).unwrap().ages_at(story.now, &POLICY);
    assert_eq!(ages, Some(Ages { lowest: 19, highest: Some(21) }));
}

#[test]
fn a_new_assessment_starts_anew() {
    let story = Story::with_people().age(VICTIM, AgeBand::From16To17).wait(YEAR).age(VICTIM, AgeBand::From16To17);
    let person = story.facts.person(VICTIM).unwrap();
    assert_eq!(person.majority_at(story.now, &POLICY), Majority::Minor);
}

#[test]
fn a_case_with_a_minor_is_urgent_while_that_is_certain() {
    let story = Story::with_people().age(VICTIM, AgeBand::From16To17);
    assert_eq!(story.facts.triage(story.now, &POLICY), Some(TriageLevel::Urgent));
    let later = story.wait(YEAR);
    assert_eq!(later.facts.triage(later.now, &POLICY), Some(TriageLevel::NotUrgent));
    assert!(!later.facts.concerns_minor(later.now, &POLICY));
}

/// The exception for a minor, on a ground and confirmed.
fn excepted(story: Story, ground: ExceptionGround) -> Story {
    let asserted = exception(1, ExceptionKind::Minor, &[VICTIM], ground);
    story.asserts(&responder(), asserted).confirms(&supervisor(), 1)
}

#[test]
fn an_age_too_long_ago_counts_for_the_exception_as_one_nobody_knows() {
    let asked = ask(&child_protection(), Purpose::ChildProtection, &[Contact]);
    let years_ago = Story::with_people().age(VICTIM, AgeBand::From16To17).wait(YEAR);
    excepted(years_ago.clone(), ExceptionGround::Violence).when(&asked).denies(ReasonCode::NotAMinor);
    excepted(years_ago.clone(), ExceptionGround::SuspectedAbuse).when(&asked).permits(&[(VICTIM, Contact)]);
    let grown_up = years_ago.wait(YEAR);
    excepted(grown_up, ExceptionGround::SuspectedAbuse).when(&asked).denies(ReasonCode::NotAMinor);
}

#[test]
fn a_duty_to_report_needs_an_age_that_is_certain_today() {
    let asked = ask(&dispatch(), Purpose::EmergencyResponse, &[Contact]);
    let told = |later| {
        let danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence);
        let story = Story::with_people().age(VICTIM, AgeBand::Under16).wait(later);
        story.asserts(&responder(), danger).confirms(&supervisor(), 1).when(&asked).0
    };
    let reports = |decision: egide_domain::Decision| {
        decision.obligations.iter().any(|owed| owed.kind == ObligationKind::ReportToChildProtection)
    };
    assert!(reports(told(YEAR - 1)));
    assert!(!reports(told(YEAR)), "perhaps sixteen or seventeen by now, where Ontario leaves it open");
}

#[test]
fn time_takes_an_exception_away_from_who_grew_up_and_an_event_is_not_needed() {
    let story = Story::with_people().age(VICTIM, AgeBand::From16To17).wait(YEAR - HOUR);
    let story = excepted(story, ExceptionGround::Violence);
    let asked = ask(&child_protection(), Purpose::ChildProtection, &[Contact]);
    story.when(&asked).permits(&[(VICTIM, Contact)]);
    story.wait(HOUR).when(&asked).denies(ReasonCode::NotAMinor);
}

#[test]
fn an_age_that_became_unknown_is_unknown() {
    let unknown = CaseEvent::AgeAssessed(egide_domain::event::AgeAssessed { subject_id: VICTIM, band: None });
    let story = Story::new().person(VICTIM, &[PersonRole::PotentialVictim]).age(VICTIM, AgeBand::Adult).and(unknown);
    assert_eq!(story.facts.person(VICTIM).unwrap().majority_at(story.now, &POLICY), Majority::Unknown);
}
