//! What a tip lets go (hotline policy, rows 6, 9, 10, 16 and 23).

use crate::story::*;
use egide_domain::event::{CaseOpened, RecipientScope, TipReceived};
use egide_domain::vocabulary::{
    AgeBand, Answer, Channel, DataCategory::*, Jurisdiction, PersonRole, Purpose::*, ReasonCode, RecipientKind,
    ReviewOutcome, TriageLevel,
};
use egide_domain::{CaseEvent, Categories};

fn asked() -> Ask {
    ask(&police(), Investigation, &[Identity, Contact, Whereabouts, Situation, Health, Immigration, Finances, Suspects])
}

const USUAL: [(egide_domain::ids::SubjectId, egide_domain::vocabulary::DataCategory); 3] =
    [(VICTIM, Whereabouts), (VICTIM, Situation), (SUSPECT, Suspects)];

#[test]
fn a_reviewed_tip_lets_suspects_and_a_narrow_part_of_a_potential_victim_go() {
    let then = Story::with_tip(Channel::WebForm).consents(report_consent(1)).when(&asked());
    then.permits(&USUAL).says(ReasonCode::CoveredByReportConsent);
    then.says_of(ReasonCode::ReportConsentCeiling, VICTIM, Identity);
    then.says_of(ReasonCode::ReportConsentCeiling, VICTIM, Health);
    then.says_of(ReasonCode::BringerProtected, CALLER, Identity);
}

#[test]
fn a_tip_on_the_telephone_needs_a_supervisors_word_to_be_reported_too() {
    let story = Story::with_people().tip(Channel::Phone).consents(report_consent(1));
    story.when(&asked()).denies(ReasonCode::TipNotReviewed);
    story.reviewed(ReviewOutcome::Report).when(&asked()).permits(&USUAL);
}

#[test]
fn a_tip_not_to_be_reported_is_not() {
    let story = Story::with_tip(Channel::WebForm).consents(report_consent(1)).reviewed(ReviewOutcome::DoNotReport);
    story.when(&asked()).denies(ReasonCode::TipNotToReport);
}

#[test]
fn a_review_by_somebody_else_than_a_supervisor_does_not_count() {
    let review = egide_domain::event::SupervisorReviewed { tip_id: TIP, outcome: ReviewOutcome::Report };
    let story = Story::with_people().tip(Channel::Email).consents(report_consent(1));
    let story = story.by(&responder(), CaseEvent::SupervisorReviewed(review));
    story.when(&asked()).denies(ReasonCode::TipNotReviewed);
}

#[test]
fn an_untriaged_or_insufficient_case_is_not_reported() {
    let people = || {
        let story = Story::new().person(VICTIM, &[PersonRole::PotentialVictim]).person(SUSPECT, &[PersonRole::Suspect]);
        story.person(CALLER, &[PersonRole::Caller]).tip(Channel::Phone).reviewed(ReviewOutcome::Report)
    };
    people().consents(report_consent(1)).when(&asked()).denies(ReasonCode::NotTriaged);
    let insufficient = people().consents(report_consent(1)).triaged(TriageLevel::Insufficient);
    insufficient.when(&asked()).denies(ReasonCode::TriageInsufficient);
}

#[test]
fn a_minor_forces_urgent() {
    let story = Story::with_tip(Channel::Phone).consents(report_consent(1)).triaged(TriageLevel::Insufficient);
    assert!(!story.when(&asked()).0.urgent);
    let story = story.age(VICTIM, AgeBand::Under16);
    let then = story.when(&asked());
    then.permits(&USUAL);
    assert!(then.0.urgent);
}

#[test]
fn the_report_goes_to_an_investigating_agency_that_investigates() {
    let mut wish = report_consent(1);
    wish.recipient = Some(RecipientScope::Organization(shelter().organization_id()));
    wish.purposes = [Investigation, SupportService].into();
    let story = Story::with_tip(Channel::Phone).consents(wish);
    let then = story.when(&ask(&shelter(), SupportService, &[Suspects, Situation]));
    then.denies(ReasonCode::ConsentOtherPurpose).says(ReasonCode::ConsentOtherRecipient);
}

#[test]
fn the_agency_has_jurisdiction_where_the_person_is_or_everywhere() {
    let story = Story::with_tip(Channel::Phone).consents(report_consent(1));
    let elsewhere = police().covering(&[Jurisdiction::Bc]);
    let question = Ask { unit: elsewhere.clone(), ..asked() };
    story.when(&question).denies(ReasonCode::OutsideJurisdiction);
    story.when(&Ask { unit: elsewhere.national(), ..asked() }).permits(&USUAL);
}

#[test]
fn where_nobody_knows_the_place_only_a_national_agency_gets_the_report() {
    let opened = CaseEvent::CaseOpened(CaseOpened { channel: None, jurisdiction: None });
    let story =
        Story::empty().and(opened).person(SUSPECT, &[PersonRole::Suspect]).person(CALLER, &[PersonRole::Caller]);
    let story = story.triaged(TriageLevel::NotUrgent).tip(Channel::Phone).reviewed(ReviewOutcome::Report);
    let story = story.consents(report_consent(1));
    story.when(&asked()).denies(ReasonCode::OutsideJurisdiction);
    story.when(&Ask { unit: police().national(), ..asked() }).permits(&[(SUSPECT, Suspects)]);
}

#[test]
fn a_potential_victims_own_record_outranks_the_tip() {
    let told = || Story::with_tip(Channel::Phone).consents(report_consent(1));
    let refused = told().refuses(2, VICTIM, police().scope(), &[Identity]);
    let then = refused.when(&asked());
    then.permits(&[(SUSPECT, Suspects)]).says(ReasonCode::VictimRecordOutranks);
    let own = consent(2, VICTIM, police().scope(), Investigation).permitting(&[Contact]);
    told().consents(own).when(&asked()).permits(&[(VICTIM, Contact), (SUSPECT, Suspects)]);
    let withdrawn = told().withdraws(None, Some(VICTIM), &[]);
    withdrawn.when(&asked()).permits(&[(SUSPECT, Suspects)]);
    let to_others = told().refuses(2, VICTIM, shelter().scope(), &[]);
    to_others.when(&asked()).permits(&USUAL);
}

#[test]
fn the_bringer_says_what_goes_out_about_the_bringer() {
    let mut wish = report_consent(1);
    wish.about_bringer = Categories::from([Contact]);
    let then = Story::with_tip(Channel::Phone).consents(wish).when(&asked());
    then.permits(&[(VICTIM, Whereabouts), (VICTIM, Situation), (SUSPECT, Suspects), (CALLER, Contact)]);
}

#[test]
fn a_potential_victim_who_calls_is_protected_as_the_bringer() {
    let story = Story::with_tip(Channel::Phone).person(VICTIM, &[PersonRole::Caller]).consents(report_consent(1));
    let then = story.when(&asked());
    then.permits(&[(SUSPECT, Suspects)]).says_of(ReasonCode::BringerProtected, VICTIM, Situation);
}

#[test]
fn a_nameless_tip_can_be_reported() {
    let mut wish = report_consent(1);
    wish.subject_id = None;
    let tip = TipReceived {
        tip_id: TIP,
        channel: Some(Channel::WebForm),
        bringer_subject_id: None,
        concerns_minor: Some(Answer::No),
    };
    let story = Story::new()
        .person(SUSPECT, &[PersonRole::Suspect])
        .triaged(TriageLevel::NotUrgent)
        .and(CaseEvent::TipReceived(tip))
        .reviewed(ReviewOutcome::Report)
        .consents(wish);
    story.when(&asked()).permits(&[(SUSPECT, Suspects)]);
}

#[test]
fn somebody_elses_wish_does_not_report_a_tip() {
    let mut wish = report_consent(1);
    wish.subject_id = Some(FRIEND);
    let story = Story::with_tip(Channel::Phone).person(FRIEND, &[PersonRole::ThirdParty]).consents(wish);
    story.when(&asked()).denies(ReasonCode::NoConsent);
}

#[test]
fn a_wish_without_a_tip_reports_nothing() {
    let mut wish = report_consent(1);
    wish.tip_id = None;
    Story::with_tip(Channel::Phone).consents(wish).when(&asked()).denies(ReasonCode::NoConsent);
}

#[test]
fn children_and_third_parties_are_beyond_a_tip() {
    let story = Story::with_tip(Channel::Phone)
        .person(CHILD, &[PersonRole::Child])
        .person(FRIEND, &[PersonRole::ThirdParty])
        .consents(report_consent(1));
    story.when(&asked().about(&[CHILD, FRIEND])).denies(ReasonCode::NoConsent);
}

#[test]
fn a_case_abroad_is_referred_and_never_reported() {
    let abroad = || {
        let story = Story::opened_in(Some(Jurisdiction::Abroad)).person(VICTIM, &[PersonRole::PotentialVictim]);
        let story = story.person(SUSPECT, &[PersonRole::Suspect]).person(CALLER, &[PersonRole::Caller]);
        story.triaged(TriageLevel::NotUrgent).tip(Channel::Phone).reviewed(ReviewOutcome::Report)
    };
    let own = consent(2, VICTIM, police().scope(), Investigation).permitting(&[Situation]);
    let reported = abroad().consents(report_consent(1)).consents(own);
    reported.when(&Ask { unit: police().national(), ..asked() }).denies(ReasonCode::CaseAbroad);
    let referral = consent(3, VICTIM, foreign_hotline().scope(), SupportService).permitting(&[Contact]);
    let then = abroad().consents(referral).when(&ask(&foreign_hotline(), SupportService, &[Contact]));
    // It waits for a supervisor's yes, and for nothing else.
    then.denies(ReasonCode::ApprovalRequired).says(ReasonCode::CoveredByConsent);
}

#[test]
fn a_potential_victim_who_is_abroad_is_not_reported_from_a_case_in_canada() {
    let story = Story::with_tip(Channel::Phone).seen_in(VICTIM, Jurisdiction::Abroad).consents(report_consent(1));
    let then = story.when(&Ask { unit: police().national(), ..asked() });
    then.permits(&[(SUSPECT, Suspects)]).says(ReasonCode::CaseAbroad);
}

#[test]
fn the_agreement_bounds_a_report() {
    let story = Story::with_tip(Channel::Phone).consents(report_consent(1));
    let narrow = police().agreed(|agreement| agreement.categories = Categories::from([Suspects]));
    let then = story.when(&Ask { unit: narrow, ..asked() });
    then.permits(&[(SUSPECT, Suspects)]).says(ReasonCode::CategoryNotInAgreement);
    story.when(&Ask { unit: police().without_agreement(), ..asked() }).denies(ReasonCode::NoAgreement);
    assert_eq!(police().unit.kind, Some(RecipientKind::InvestigatingAgency));
}

#[test]
fn a_minor_does_not_make_an_untriaged_case_triaged_but_urgent() {
    let story = Story::new()
        .person(VICTIM, &[PersonRole::PotentialVictim])
        .age(VICTIM, AgeBand::Under16)
        .person(CALLER, &[PersonRole::Caller])
        .tip(Channel::Phone)
        .reviewed(ReviewOutcome::Report)
        .consents(report_consent(1));
    let then = story.when(&asked());
    then.denies(ReasonCode::NotTriaged);
    assert!(then.0.urgent);
}

#[test]
fn a_suspect_under_18_does_not_force_urgent() {
    let story = Story::with_tip(Channel::Phone).consents(report_consent(1)).triaged(TriageLevel::Insufficient);
    story.age(SUSPECT, AgeBand::Minor).when(&asked()).denies(ReasonCode::TriageInsufficient);
}
