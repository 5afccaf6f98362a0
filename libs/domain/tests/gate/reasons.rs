//! What an answer says about why: the reasons that are said, and those that are not.

use crate::policy::changed;
use crate::story::*;
use egide_domain::decision::{Reason, Reference};
use egide_domain::event::ConsentGiven;
use egide_domain::vocabulary::{
    DataCategory::*, ExceptionGround, ExceptionKind, Purpose, Purpose::SupportService, ReasonCode,
};
use egide_domain::{Timestamp, decide, required_approval};
use serde_json::json;

fn to_shelter(number: u8) -> ConsentGiven {
    consent(number, VICTIM, shelter().scope(), SupportService).permitting(&[Contact])
}

fn asked() -> Ask {
    ask(&shelter(), SupportService, &[Contact])
}

#[test]
fn an_exception_without_a_statutory_agreement_says_so() {
    let danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence);
    let story = Story::with_people().asserts(&responder(), danger).confirms(&supervisor(), 1);
    let question = ask(&dispatch(), Purpose::EmergencyResponse, &[Whereabouts]);
    story.when(&question).permits(&[(VICTIM, Whereabouts)]).does_not_say(ReasonCode::NoAgreement);
    let without = changed(|[policy, _, _]| policy["statutory_agreements"] = json!([])).unwrap();
    let decision = decide(&story.facts, &question.request, Some(&dispatch().recipient()), &without, story.now);
    assert!(!decision.is_permit());
    let why = |reason: &Reason| reason.code == ReasonCode::NoAgreement;
    let why: Vec<&Reference> =
        decision.reasons.iter().filter(|reason| why(reason)).map(|reason| &reason.reference).collect();
    assert_eq!(why, [&Reference::Exception(exception_id(1))]);
}

#[test]
fn that_there_is_nobody_is_said_of_a_case_without_people_only() {
    let story = Story::with_people().consents(to_shelter(1));
    story.when(&asked()).permits(&[(VICTIM, Contact)]).does_not_say(ReasonCode::SubjectUnknown);
    let about = asked().about(&[VICTIM]);
    story.when(&about).permits(&[(VICTIM, Contact)]).does_not_say(ReasonCode::SubjectUnknown);
    Story::new().when(&asked()).denies(ReasonCode::SubjectUnknown);
}

#[test]
fn only_whoever_brought_information_is_said_to_be_protected_as_such() {
    let then = Story::with_people().when(&ask(&shelter(), SupportService, &[Contact]).about(&[VICTIM]));
    then.denies(ReasonCode::NoConsent).does_not_say(ReasonCode::BringerProtected);
    let then = Story::with_people().when(&ask(&shelter(), SupportService, &[Contact]).about(&[CALLER]));
    then.denies(ReasonCode::NoConsent).says_of(ReasonCode::BringerProtected, CALLER, Contact);
}

#[test]
fn a_denial_that_was_superseded_is_no_reason_any_more() {
    let refused = Story::with_people().refuses(1, VICTIM, shelter().scope(), &[Contact]);
    refused.when(&asked()).denies(ReasonCode::ConsentDenies);
    let renewed = refused.clone().consents(to_shelter(2).superseding(&[1]));
    renewed.when(&asked()).permits(&[(VICTIM, Contact)]).does_not_say(ReasonCode::ConsentDenies);
    // Nobody else's word does that.
    let caller = ConsentGiven { subject_id: Some(CALLER), ..to_shelter(2).superseding(&[1]) };
    refused.consents(caller).when(&asked()).says_of(ReasonCode::ConsentDenies, VICTIM, Contact);
}

/// That no exception reaches a category is said whatever else is said of the person, but once.
#[test]
fn that_there_is_no_exception_is_said_beside_other_reasons() {
    let refused = Story::with_people().refuses(1, VICTIM, shelter().scope(), &[Contact]);
    let then = refused.when(&asked().about(&[VICTIM]));
    then.denies(ReasonCode::ConsentDenies).says_of(ReasonCode::NoException, VICTIM, Contact);
    let danger = exception(1, ExceptionKind::ImminentDanger, &[CALLER], ExceptionGround::Violence);
    let story = Story::with_people().asserts(&responder(), danger).confirms(&supervisor(), 1);
    let then = story.when(&ask(&dispatch(), Purpose::EmergencyResponse, &[Whereabouts]).about(&[VICTIM]));
    let why: Vec<&Reason> = then.0.reasons.iter().filter(|it| it.code == ReasonCode::NoException).collect();
    assert_eq!(why, [&Reason::person(ReasonCode::NoException, VICTIM, Reference::Exception(exception_id(1)))]);
}

#[test]
fn a_record_does_not_supersede_itself() {
    let itself = to_shelter(1).denying(&[Contact]).superseding(&[1]);
    let then = Story::with_people().consents(itself).when(&asked());
    then.denies(ReasonCode::ConsentDenies).says_of(ReasonCode::ConsentDenies, VICTIM, Contact);
}

#[test]
fn a_word_of_no_kind_fails_for_whoever_gave_it() {
    let odd = ConsentGiven { kind: None, ..to_shelter(1) };
    let then = Story::with_people().consents(odd).when(&asked());
    then.denies(ReasonCode::NoConsent);
    let named = then.0.reasons.iter().filter(|reason| reason.reference == Reference::Consent(consent_id(1)));
    let whose: Vec<_> = named.map(|reason| reason.subject_id).collect();
    assert!(whose.contains(&Some(VICTIM)) && whose.iter().all(|who| *who == Some(VICTIM)), "{whose:?}");
}

#[test]
fn an_approval_can_be_given_as_long_as_the_row_lives_that_demanded_it() {
    let wish = consent(1, VICTIM, police().scope(), Purpose::Investigation).permitting(&[Health]);
    let story = Story::with_people().consents(wish);
    let question = ask(&police(), Purpose::Investigation, &[Health]);
    let decision = story.when(&question).denies(ReasonCode::ApprovalRequired).0.clone();
    let shorter = changed(|[policy, _, _]| policy["approvals"][1]["life_hours"] = json!(10)).unwrap();
    let until = |policy| -> Option<Timestamp> { required_approval(&decision, policy).unwrap().expires_at };
    assert_eq!(until(&POLICY), Some(after(72 * HOUR)));
    assert_eq!(until(&shorter), Some(after(10 * HOUR)));
}

/// Taking back a refusal adds nothing, and takes nothing else back either.
#[test]
fn a_withdrawal_of_a_refusal_leaves_consents_alone() {
    let story = Story::with_people().consents(to_shelter(1));
    let own = story.clone().refuses(2, VICTIM, court().scope(), &[]).withdraws(Some(2), Some(VICTIM), &[]);
    own.when(&asked()).permits(&[(VICTIM, Contact)]);
    // Somebody else's refusal is nothing this person had: everything of theirs is taken back.
    let others = story.refuses(2, CALLER, court().scope(), &[]).withdraws(Some(2), Some(VICTIM), &[]);
    others.when(&asked()).denies(ReasonCode::ConsentWithdrawn);
}

/// A row of a statute adds recipients to the exception for minors, for its own purpose, and to no other.
#[test]
fn a_statute_row_reaches_nobody_under_another_exception_or_for_another_purpose() {
    let policy = changed(|[_, statutes, _]| {
        statutes["rows"][4]["recipients"] = json!(["child_protection", "investigating_agency"]);
    })
    .unwrap();
    let permitted = |kind, ground, purpose| {
        let unit = police().receiving(&[purpose]);
        let story = Story::with_people().age(VICTIM, egide_domain::vocabulary::AgeBand::Under16);
        let story = story.asserts(&responder(), exception(1, kind, &[VICTIM], ground)).confirms(&supervisor(), 1);
        let question = ask(&unit, purpose, &[Situation]);
        decide(&story.facts, &question.request, Some(&unit.recipient()), &policy, story.now).is_permit()
    };
    assert!(permitted(ExceptionKind::Minor, ExceptionGround::SuspectedAbuse, Purpose::ChildProtection));
    assert!(!permitted(ExceptionKind::ImminentDanger, ExceptionGround::Violence, Purpose::ChildProtection));
    assert!(!permitted(ExceptionKind::Minor, ExceptionGround::SuspectedAbuse, Purpose::LegalObligation));
}

/// What an instrument is limited to bounds what leaves under it, and nothing else.
#[test]
fn papers_beside_an_emergency_do_not_make_it_smaller() {
    let mut danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence);
    danger.instrument = Some(instrument(egide_domain::vocabulary::InstrumentKind::Warrant, &dispatch(), &[Situation]));
    let story = Story::with_people().asserts(&responder(), danger).confirms(&supervisor(), 1);
    let question = ask(&dispatch(), Purpose::EmergencyResponse, &[Whereabouts]);
    story.when(&question).permits(&[(VICTIM, Whereabouts)]);
}
