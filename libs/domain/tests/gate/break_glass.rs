//! Acting alone because minutes matter, and what a second person says of it; and referrals that correct others.

use crate::story::*;
use egide_domain::CaseEvent;
use egide_domain::event::{ExceptionAsserted, ExceptionLifted, ReferralRecalled};
use egide_domain::vocabulary::{
    AgeBand, DataCategory::*, ExceptionGround, ExceptionKind, LiftReason, ObligationKind, Purpose, ReasonCode,
    RecallReason, Role,
};
use egide_domain::{Violation, ViolationReason};

fn broken(kind: ExceptionKind, ground: ExceptionGround) -> ExceptionAsserted {
    ExceptionAsserted { break_glass: true, ..exception(1, kind, &[VICTIM], ground) }
}

fn danger() -> ExceptionAsserted {
    broken(ExceptionKind::ImminentDanger, ExceptionGround::Violence)
}

fn asked() -> Ask {
    ask(&dispatch(), Purpose::EmergencyResponse, &[Whereabouts])
}

#[test]
fn a_responder_alone_breaks_glass_where_the_rule_says_so() {
    let then = Story::with_people().asserts(&responder(), danger()).when(&asked());
    then.permits(&[(VICTIM, Whereabouts)]);
    assert!(then.0.obligations.iter().any(|owed| owed.kind == ObligationKind::ReviewBreakGlass));
}

#[test]
fn a_responders_word_ends_unreviewed_after_a_day() {
    let story = Story::with_people().asserts(&responder(), danger());
    assert_eq!(story.when(&asked()).0.expires_at, Some(after(24 * HOUR)));
    story.wait(24 * HOUR).when(&asked()).denies(ReasonCode::ExceptionExpired);
}

#[test]
fn nobody_else_breaks_glass() {
    for role in [Role::Reviewer, Role::Compliance, Role::PartnershipSpecialist, Role::Liaison, Role::Operator] {
        let story = Story::with_people().asserts(&staff("p.one", role), danger());
        story.when(&asked()).denies(ReasonCode::ExceptionUnconfirmed);
    }
    Story::with_people().asserts(&service(), danger()).when(&asked()).denies(ReasonCode::ExceptionUnconfirmed);
}

#[test]
fn a_responder_alone_does_not_vouch_for_an_age_nobody_knows() {
    let asked = ask(&child_protection(), Purpose::ChildProtection, &[Contact]);
    let abuse = broken(ExceptionKind::Minor, ExceptionGround::SuspectedAbuse);
    let story = Story::with_people();
    story.clone().asserts(&responder(), abuse.clone()).when(&asked).denies(ReasonCode::NotAMinor);
    story.clone().asserts(&supervisor(), abuse.clone()).when(&asked).permits(&[(VICTIM, Contact)]);
    story.age(VICTIM, AgeBand::Under16).asserts(&responder(), abuse).when(&asked).permits(&[(VICTIM, Contact)]);
}

fn lift(reason: LiftReason) -> CaseEvent {
    CaseEvent::ExceptionLifted(ExceptionLifted { exception_id: exception_id(1), reason: Some(reason) })
}

#[test]
fn only_another_supervisor_says_it_was_not_justified() {
    let story = Story::with_people().asserts(&supervisor(), danger());
    let unjustified = lift(LiftReason::NotJustified);
    let of = |field, reason| Err(vec![Violation { field, reason }]);
    assert_eq!(
        story.admits(&staff("r.roy", Role::Responder), &unjustified),
        of("actor.role", ViolationReason::SupervisorRequired)
    );
    assert_eq!(story.admits(&supervisor(), &unjustified), of("actor.person", ViolationReason::SamePerson));
    assert_eq!(story.admits(&other_supervisor(), &unjustified), Ok(()));
    assert_eq!(story.admits(&responder(), &lift(LiftReason::DangerPassed)), Ok(()), "any other lift needs little");
}

#[test]
fn what_was_not_justified_supports_nothing_any_more_and_stays_visible() {
    let story = Story::with_people().asserts(&supervisor(), danger());
    let story = story.by(&other_supervisor(), lift(LiftReason::NotJustified));
    story.when(&asked()).denies(ReasonCode::ExceptionLifted);
    let known = story.facts.exception(exception_id(1)).unwrap();
    assert_eq!(known.lift.as_ref().and_then(|lift| lift.reason), Some(LiftReason::NotJustified));
}

fn released() -> (Story, Ask) {
    let wish = consent(1, VICTIM, shelter().scope(), Purpose::SupportService).permitting(&[Contact]);
    let asked = ask(&shelter(), Purpose::SupportService, &[Contact]);
    (Story::with_people().consents(wish).releases(1, &asked), asked)
}

fn recall(reason: Option<RecallReason>) -> CaseEvent {
    CaseEvent::ReferralRecalled(ReferralRecalled { referral_id: referral_id(1), reason })
}

#[test]
fn a_referral_that_was_recalled_to_be_corrected_is_followed_by_another_one() {
    for reason in [RecallReason::Correction, RecallReason::Superseded] {
        let (story, asked) = released();
        story.and(recall(Some(reason))).when(&asked.adding_to(1)).permits(&[(VICTIM, Contact)]);
    }
}

#[test]
fn a_referral_that_was_recalled_for_another_reason_is_not() {
    let other = [RecallReason::WrongRecipient, RecallReason::Error, RecallReason::ConsentWithdrawn];
    for reason in other.into_iter().map(Some).chain([None]) {
        let (story, asked) = released();
        story.and(recall(reason)).when(&asked.adding_to(1)).denies(ReasonCode::SupplementaryUnknown);
    }
}

#[test]
fn of_several_recalls_each_counts() {
    let (story, asked) = released();
    let (wrong, correction) = (recall(Some(RecallReason::WrongRecipient)), recall(Some(RecallReason::Correction)));
    let one = story.clone().and(wrong.clone()).and(correction.clone());
    one.when(&asked.clone().adding_to(1)).denies(ReasonCode::SupplementaryUnknown);
    let other = story.and(correction).and(wrong);
    other.when(&asked.adding_to(1)).denies(ReasonCode::SupplementaryUnknown);
}

#[test]
fn a_correction_goes_to_the_same_unit_only() {
    let (story, _) = released();
    let wish = consent(2, VICTIM, police().scope(), Purpose::Investigation).permitting(&[Contact]);
    let asked = ask(&police(), Purpose::Investigation, &[Contact]).adding_to(1);
    let story = story.consents(wish).and(recall(Some(RecallReason::Correction)));
    story.when(&asked).denies(ReasonCode::SupplementaryOtherAgency);
}
