//! What needs a second person's yes.

use crate::story::*;
use egide_domain::event::{ApprovalDecided, ApprovalRequested, ConsentGiven};
use egide_domain::ids::{ApprovalId, DecisionId};
use egide_domain::vocabulary::{
    ApprovalOutcome, ConsentCondition, DataCategory, DataCategory::*, ExceptionGround, ExceptionKind, MaskLevel,
    Purpose, ReasonCode, Role,
};
use egide_domain::{Actor, Basis, CaseEvent, OnceApproved, once_approved, required_approval};

const LIFE: i64 = 72 * HOUR;

fn approval_id() -> ApprovalId {
    ApprovalId([1; 16])
}

/// A consent to tell a foreign hotline, which by the table needs a supervisor's yes.
fn abroad() -> Story {
    Story::with_people().consents(
        consent(1, VICTIM, foreign_hotline().scope(), Purpose::SupportService).permitting(&[Contact, Situation]),
    )
}

fn asked() -> Ask {
    ask(&foreign_hotline(), Purpose::SupportService, &[Contact])
}

fn approved(ask: &Ask) -> Ask {
    let mut ask = ask.clone();
    ask.request.approval_id = Some(approval_id());
    ask
}

/// Asks, is refused for want of a yes, and asks for it.
fn requested(story: Story, ask: &Ask) -> Story {
    let decision = story.when(ask).0;
    let required = required_approval(&decision, &POLICY).unwrap();
    let story = story.and(decided(9, ask, decision));
    let requested = ApprovalRequested {
        approval_id: approval_id(),
        decision_id: DecisionId([9; 16]),
        expires_at: required.expires_at,
    };
    story.and(CaseEvent::ApprovalRequested(requested))
}

fn answered(story: Story, by: &Actor, outcome: ApprovalOutcome) -> Story {
    story.by(by, CaseEvent::ApprovalDecided(ApprovalDecided { approval_id: approval_id(), outcome }))
}

fn granted(story: Story) -> Story {
    answered(story, &supervisor(), ApprovalOutcome::Granted)
}

#[test]
fn a_row_of_the_table_demands_a_yes_and_says_which() {
    let then = abroad().when(&asked());
    then.denies(ReasonCode::ApprovalRequired);
    let reason = then.0.reasons.iter().find(|reason| reason.code == ReasonCode::ApprovalRequired).unwrap();
    assert_eq!(reason.reference.to_string(), "approval-rule:foreign-hotline");
    let required = required_approval(&then.0, &POLICY).unwrap();
    assert_eq!(required.rules.iter().map(|rule| &**rule).collect::<Vec<_>>(), ["foreign-hotline"]);
    assert_eq!(required.roles.iter().collect::<Vec<_>>(), [Role::Supervisor]);
    assert_eq!(required.expires_at, Some(after(LIFE)));
}

#[test]
fn what_no_row_speaks_of_needs_no_yes() {
    let story = Story::with_people();
    let story = story.consents(consent(1, VICTIM, shelter().scope(), Purpose::SupportService).permitting(&[Contact]));
    let then = story.when(&ask(&shelter(), Purpose::SupportService, &[Contact]));
    then.permits(&[(VICTIM, Contact)]).does_not_say(ReasonCode::Approved);
    assert_eq!(required_approval(&then.0, &POLICY), None);
}

#[test]
fn with_a_supervisors_yes_it_leaves() {
    let story = granted(requested(abroad(), &asked()));
    story.when(&asked()).denies(ReasonCode::ApprovalRequired);
    let then = story.when(&approved(&asked()));
    assert!(then.0.is_permit(), "{:?}", then.0.reasons);
    then.says(ReasonCode::Approved).does_not_say(ReasonCode::ApprovalRequired);
}

/// What would leave with a yes, by looking ahead.
fn ahead(story: &Story, ask: &Ask) -> Option<OnceApproved> {
    once_approved(&story.facts, &ask.request, Some(&ask.unit.recipient()), &POLICY, story.now)
}

#[test]
fn what_would_leave_once_it_was_approved_is_what_leaves_then_and_until_then_nothing_does() {
    let story = abroad();
    let refused = story.when(&asked()).0;
    let looked = ahead(&story, &asked()).unwrap();
    assert!(!refused.is_permit() && refused.mask.is_empty());
    assert_eq!(Some(looked.required()), required_approval(&refused, &POLICY).as_ref());
    let then = granted(requested(story, &asked())).when(&approved(&asked())).0;
    assert_eq!((&looked.would_be().mask, &looked.would_be().bases), (&then.mask, &then.bases));
    assert!(!then.mask.is_empty());
}

#[test]
fn who_lacks_more_than_a_yes_or_nothing_at_all_waits_for_none() {
    // Nobody consented.
    assert_eq!(ahead(&Story::with_people(), &asked()), None);
    // Nothing of the kind needs one.
    let free = ask(&shelter(), Purpose::SupportService, &[Contact]);
    let story = Story::with_people();
    let story = story.consents(consent(1, VICTIM, shelter().scope(), Purpose::SupportService).permitting(&[Contact]));
    assert!(story.when(&free).0.is_permit());
    assert_eq!(ahead(&story, &free), None);
    // It stands already, or was refused.
    let story = granted(requested(abroad(), &asked()));
    assert_eq!(ahead(&story, &approved(&asked())), None);
    // What is closed waits for nobody.
    let closed = abroad().and(CaseEvent::CaseClosed(egide_domain::event::CaseClosed { closure: None }));
    assert_eq!(ahead(&closed, &asked()), None);
}

#[test]
fn whoever_asked_does_not_approve() {
    let same = staff("s.lavoie", Role::Supervisor);
    let decision = abroad().when(&asked()).0;
    let required = required_approval(&decision, &POLICY).unwrap();
    let requested = ApprovalRequested {
        approval_id: approval_id(),
        decision_id: DecisionId([9; 16]),
        expires_at: required.expires_at,
    };
    let story = abroad().and(decided(9, &asked(), decision)).by(&same, CaseEvent::ApprovalRequested(requested));
    answered(story, &same, ApprovalOutcome::Granted).when(&approved(&asked())).denies(ReasonCode::ApprovalInvalid);
}

#[test]
fn a_yes_of_somebody_without_the_role_is_none() {
    let story = requested(abroad(), &asked());
    let other = staff("c.ng", Role::Compliance);
    answered(story, &other, ApprovalOutcome::Granted).when(&approved(&asked())).denies(ReasonCode::ApprovalInvalid);
}

#[test]
fn no_answer_and_a_no_are_no_yes_also_after_one() {
    let story = requested(abroad(), &asked());
    story.when(&approved(&asked())).denies(ReasonCode::ApprovalInvalid);
    let rejected = answered(story.clone(), &supervisor(), ApprovalOutcome::Rejected);
    rejected.when(&approved(&asked())).denies(ReasonCode::ApprovalInvalid);
    let taken_back = answered(granted(story), &other_supervisor(), ApprovalOutcome::Rejected);
    taken_back.when(&approved(&asked())).denies(ReasonCode::ApprovalInvalid);
    abroad().when(&approved(&asked())).denies(ReasonCode::ApprovalInvalid);
}

#[test]
fn a_yes_lives_as_long_as_its_row_says_and_the_permit_no_longer() {
    let story = granted(requested(abroad(), &asked()).wait(HOUR));
    let then = story.clone().wait(LIFE - 1).when(&approved(&asked()));
    assert!(then.0.is_permit());
    assert_eq!(then.0.expires_at, Some(after(HOUR + LIFE)));
    story.wait(LIFE).when(&approved(&asked())).denies(ReasonCode::ApprovalInvalid);
}

#[test]
fn a_yes_covers_exactly_what_was_asked() {
    let story = granted(requested(abroad(), &asked()));
    let more = approved(&ask(&foreign_hotline(), Purpose::SupportService, &[Contact, Situation]));
    story.when(&more).denies(ReasonCode::ApprovalInvalid);
    let less = approved(&asked()).about(&[VICTIM]);
    story.when(&less).denies(ReasonCode::ApprovalInvalid);
}

#[test]
fn a_yes_nobody_needs_is_ignored() {
    let story = Story::with_people();
    let story = story.consents(consent(1, VICTIM, shelter().scope(), Purpose::SupportService).permitting(&[Contact]));
    let then = story.when(&approved(&ask(&shelter(), Purpose::SupportService, &[Contact])));
    then.permits(&[(VICTIM, Contact)]).does_not_say(ReasonCode::ApprovalInvalid);
}

fn on_approval() -> ConsentGiven {
    ConsentGiven {
        conditions: [ConsentCondition::WithApproval].into(),
        ..consent(1, VICTIM, shelter().scope(), Purpose::SupportService).permitting(&[Contact])
    }
}

#[test]
fn a_consent_may_ask_for_a_yes_itself() {
    let asked = ask(&shelter(), Purpose::SupportService, &[Contact]);
    let story = Story::with_people().consents(on_approval());
    let then = story.when(&asked);
    then.denies(ReasonCode::ApprovalRequired);
    let required = required_approval(&then.0, &POLICY).unwrap();
    assert_eq!(required.rules.iter().map(|rule| &**rule).collect::<Vec<_>>(), ["consent-condition"]);
    granted(requested(story, &asked)).when(&approved(&asked)).permits(&[(VICTIM, Contact)]);
}

#[test]
fn what_also_rests_on_a_consent_without_conditions_may_be_asked_for_on_that_alone() {
    let asked = ask(&shelter(), Purpose::SupportService, &[Contact]);
    let other = consent(2, VICTIM, shelter().scope(), Purpose::SupportService).permitting(&[Contact]);
    let story = Story::with_people().consents(on_approval()).consents(other);
    story.when(&asked).denies(ReasonCode::ApprovalRequired);
    story.when(&asked.relying_on(&[Basis::Consent(consent_id(2))])).permits(&[(VICTIM, Contact)]);
}

#[test]
fn a_row_speaks_of_its_categories_only() {
    let police_may = |categories: &[DataCategory]| {
        let wish = consent(1, VICTIM, police().scope(), Purpose::Investigation).permitting(categories);
        Story::with_people().consents(wish).when(&ask(&police(), Purpose::Investigation, categories))
    };
    police_may(&[Contact]).permits(&[(VICTIM, Contact)]);
    police_may(&[Contact, Health]).denies(ReasonCode::ApprovalRequired);
}

#[test]
fn broken_glass_and_exceptions_outside_the_table_wait_for_nobody() {
    let mut danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence);
    danger.break_glass = true;
    let asked = ask(&dispatch(), Purpose::EmergencyResponse, &[Health]);
    let then = Story::with_people().asserts(&supervisor(), danger).when(&asked);
    then.permits_up_to(&[(VICTIM, Health, MaskLevel::Whole)]).does_not_say(ReasonCode::ApprovalRequired);
}

#[test]
fn delivery_asks_whether_the_yes_stands_not_how_old_it_is() {
    let ask = approved(&asked());
    let story = granted(requested(abroad(), &asked())).releases(1, &ask);
    assert!(story.fetches(1, &foreign_hotline()).is_ok());
    let later = story.clone().wait(10 * LIFE);
    assert!(later.fetches(1, &foreign_hotline()).is_ok());
    let rejected = answered(later, &other_supervisor(), ApprovalOutcome::Rejected);
    assert!(rejected.fetches(1, &foreign_hotline()).is_err());
}
