//! Young people who consent alone.

use crate::story::*;
use egide_domain::CaseEvent;
use egide_domain::event::{AgeAssessed, ConsentGiven, RecipientScope};
use egide_domain::vocabulary::{
    AgeBand, Channel, ConsentCapacity, DataCategory::*, GrantorKind, Jurisdiction, Purpose, ReasonCode, RecipientKind,
};

const YEAR: i64 = 8_766 * HOUR;

fn wish() -> ConsentGiven {
    consent(1, VICTIM, shelter().scope(), Purpose::SupportService).permitting(&[Contact])
}

fn mature() -> ConsentGiven {
    ConsentGiven { capacity: Some(ConsentCapacity::MatureMinor), ..wish() }
}

fn asked() -> Ask {
    ask(&shelter(), Purpose::SupportService, &[Contact])
}

fn aged(band: AgeBand) -> Story {
    Story::with_people().age(VICTIM, band)
}

#[test]
fn somebody_under_18_does_not_consent_alone() {
    aged(AgeBand::From16To17).consents(wish()).when(&asked()).denies(ReasonCode::ConsentMinorAlone);
    let adult = ConsentGiven { capacity: Some(ConsentCapacity::Adult), ..wish() };
    aged(AgeBand::From16To17).consents(adult).when(&asked()).denies(ReasonCode::ConsentMinorAlone);
}

#[test]
fn who_is_judged_mature_and_old_enough_for_a_row_does() {
    aged(AgeBand::From16To17).consents(mature()).when(&asked()).permits(&[(VICTIM, Contact)]);
    aged(AgeBand::Under16).consents(mature()).when(&asked()).denies(ReasonCode::ConsentMinorAlone);
    aged(AgeBand::Minor).consents(mature()).when(&asked()).denies(ReasonCode::ConsentMinorAlone);
}

#[test]
fn a_row_reaches_its_purposes_and_kinds_of_recipients_only() {
    let to_police =
        ConsentGiven { recipient: Some(police().scope()), purposes: [Purpose::Investigation].into(), ..mature() };
    let asked = ask(&police(), Purpose::Investigation, &[Contact]);
    aged(AgeBand::From16To17).consents(to_police).when(&asked).denies(ReasonCode::ConsentMinorAlone);
}

#[test]
fn a_row_reaches_known_places_only() {
    let nowhere = Story::opened_in(None)
        .person(VICTIM, &[egide_domain::vocabulary::PersonRole::PotentialVictim])
        .age(VICTIM, AgeBand::From16To17);
    nowhere.clone().consents(mature()).when(&asked()).denies(ReasonCode::ConsentMinorAlone);
    nowhere.seen_in(VICTIM, Jurisdiction::Nl).consents(mature()).when(&asked()).permits(&[(VICTIM, Contact)]);
}

#[test]
fn a_row_that_nobody_verified_lets_nobody_consent() {
    let story = aged(AgeBand::Under16).seen_in(VICTIM, Jurisdiction::Qc);
    story.consents(mature()).when(&asked()).denies(ReasonCode::ConsentMinorAlone);
}

#[test]
fn who_was_said_to_be_young_when_consenting_is_until_known_to_be_grown_up() {
    let young = ConsentGiven { age_at_grant: Some(AgeBand::From16To17), ..wish() };
    Story::with_people().consents(young.clone()).when(&asked()).denies(ReasonCode::ConsentMinorAlone);
    aged(AgeBand::Adult).consents(young).when(&asked()).permits(&[(VICTIM, Contact)]);
    let grown_up = ConsentGiven { age_at_grant: Some(AgeBand::Adult), ..wish() };
    Story::with_people().consents(grown_up).when(&asked()).permits(&[(VICTIM, Contact)]);
}

#[test]
fn without_an_assessed_age_no_row_covers() {
    let young = ConsentGiven { age_at_grant: Some(AgeBand::From16To17), ..mature() };
    Story::with_people().consents(young).when(&asked()).denies(ReasonCode::ConsentMinorAlone);
}

#[test]
fn who_was_a_minor_once_may_be_one_until_time_or_an_assessment_says_otherwise() {
    let story = aged(AgeBand::From16To17).consents(wish());
    story.clone().wait(YEAR).when(&asked()).denies(ReasonCode::ConsentMinorAlone);
    story.clone().wait(2 * YEAR).when(&asked()).permits(&[(VICTIM, Contact)]);
    let forgotten = CaseEvent::AgeAssessed(AgeAssessed { subject_id: VICTIM, band: None });
    story.clone().and(forgotten).when(&asked()).denies(ReasonCode::ConsentMinorAlone);
    story.age(VICTIM, AgeBand::Adult).when(&asked()).permits(&[(VICTIM, Contact)]);
}

#[test]
fn an_age_nobody_ever_asked_about_counts_as_adult() {
    Story::with_people().consents(wish()).when(&asked()).permits(&[(VICTIM, Contact)]);
}

#[test]
fn years_pass_and_a_row_covers() {
    let story = aged(AgeBand::Under16).consents(mature()).wait(16 * YEAR);
    story.when(&asked()).permits(&[(VICTIM, Contact)]);
    let story = aged(AgeBand::Under16).consents(mature()).wait(15 * YEAR);
    story.when(&asked()).denies(ReasonCode::ConsentMinorAlone);
}

#[test]
fn of_a_report_consent_only_what_it_says_about_the_young_bringer_falls_away() {
    let report = ConsentGiven { about_bringer: [Contact].into(), ..report_consent(1) };
    let story = Story::with_tip(Channel::Phone).age(CALLER, AgeBand::From16To17).consents(report);
    let asked = ask(&police(), Purpose::Investigation, &[Contact, Suspects]);
    story.when(&asked).permits(&[(SUSPECT, Suspects)]).says(ReasonCode::ConsentMinorAlone);
}

#[test]
fn whose_capacity_is_doubtful_consents_to_nothing_whoever_speaks() {
    for grantor in [GrantorKind::Self_, GrantorKind::Representative] {
        let doubtful = ConsentGiven { capacity: Some(ConsentCapacity::Doubtful), grantor: Some(grantor), ..wish() };
        Story::with_people().consents(doubtful).when(&asked()).denies(ReasonCode::ConsentCapacity);
    }
}

#[test]
fn a_denial_of_somebody_under_18_counts_whoever_they_are() {
    let refused = aged(AgeBand::From16To17).consents(mature()).refuses(2, VICTIM, RecipientScope::Anyone, &[]);
    refused.when(&asked()).denies(ReasonCode::ConsentDenies);
}

#[test]
fn a_kind_in_a_region_is_a_kind_for_a_row() {
    let there = RecipientScope::KindInRegion(RecipientKind::SupportService, [Jurisdiction::On].into());
    let to_kind = ConsentGiven { recipient: Some(there), ..mature() };
    aged(AgeBand::From16To17).consents(to_kind).when(&asked()).permits(&[(VICTIM, Contact)]);
}
