//! What the ledger refuses of what surrounds a disclosure: authorities, wishes, approvals, notes, contacts, reviews.

use crate::admission::{admitted, why};
use crate::story::*;
use egide_domain::event::{
    ApprovalDecided, ApprovalRequested, AuthorityRevoked, AuthorityVerified, ContactCleared, ContactMade,
    ContactRecorded, DisclosedOutsideSystem, ExceptionAsserted, ExceptionLifted, ObligationNoted,
    OutsideDisclosureReviewed, RecallAcknowledged, WishesRecorded,
};
use egide_domain::ids::{ApprovalId, ContactId, DecisionId, DisclosureId, SubjectId, VerificationId};
use egide_domain::vocabulary::{
    ApproachRule, ApprovalOutcome, Authority, ContactMeans, ContactOutcome, ContactPermission, DataCategory::*,
    ExceptionGround, ExceptionKind, LiftReason, ObligationKind, ObligationState, OutsideReviewOutcome, PersonRole,
    Purpose, Role, YoungWish,
};
use egide_domain::{Actor, CaseEvent, Categories, Set, Timestamp, ViolationReason as Why};

fn compliance() -> Actor {
    staff("c.okafor", Role::Compliance)
}

fn verified(change: impl FnOnce(&mut AuthorityVerified)) -> CaseEvent {
    let mut verified = AuthorityVerified {
        verification_id: VerificationId([1; 16]),
        subject_id: VICTIM,
        representative_subject_id: CALLER,
        authority: Authority::ParentOrGuardian,
        expires_at: None,
    };
    change(&mut verified);
    CaseEvent::AuthorityVerified(verified)
}

#[test]
fn a_supervisor_verifies_the_authority_of_somebody_in_the_case_who_is_no_suspect() {
    let story = Story::with_people();
    admitted(&story, &supervisor(), &verified(|_| {}));
    let refused = |by: &Actor, change: fn(&mut AuthorityVerified)| why(&story, by, &verified(change));
    assert_eq!(refused(&responder(), |_| {}), [("actor.role", Why::SupervisorRequired)]);
    assert_eq!(refused(&supervisor(), |it| it.subject_id = NOBODY), [("subject_id", Why::SubjectUnknown)]);
    let whose = "representative_subject_id";
    assert_eq!(refused(&supervisor(), |it| it.representative_subject_id = NOBODY), [(whose, Why::SubjectUnknown)]);
    assert_eq!(refused(&supervisor(), |it| it.representative_subject_id = VICTIM), [(whose, Why::RepresentsSelf)]);
    let suspect = refused(&supervisor(), |it| it.representative_subject_id = SUSPECT);
    assert_eq!(suspect, [(whose, Why::RepresentativeIsSuspect)]);
    let over = refused(&supervisor(), |it| it.expires_at = Some(START));
    assert_eq!(over, [("expires_at", Why::EndsBeforeItBegins)]);
    admitted(&story, &supervisor(), &verified(|it| it.expires_at = Some(after(1))));
}

#[test]
fn an_authority_is_verified_once_and_revoked_once() {
    let revoked =
        |number| CaseEvent::AuthorityRevoked(AuthorityRevoked { verification_id: VerificationId([number; 16]) });
    let story = Story::with_people();
    assert_eq!(why(&story, &supervisor(), &revoked(1)), [("verification_id", Why::AuthorityUnknown)]);
    let story = story.by(&supervisor(), verified(|_| {}));
    assert_eq!(why(&story, &supervisor(), &verified(|_| {})), [("verification_id", Why::DuplicateId)]);
    let story = story.by(&supervisor(), verified(|it| it.verification_id = VerificationId([2; 16])));
    admitted(&story, &supervisor(), &revoked(1));
    let story = story.by(&supervisor(), revoked(1));
    assert_eq!(why(&story, &supervisor(), &revoked(1)), [("verification_id", Why::AuthorityRevoked)]);
    admitted(&story, &supervisor(), &revoked(2));
}

fn danger() -> ExceptionAsserted {
    exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence)
}

#[test]
fn a_supervisor_records_what_somebody_of_the_case_wishes_about_an_exception() {
    let wished = |subject_id| {
        let (exception_id, wish) = (exception_id(1), YoungWish::NoReport);
        CaseEvent::WishesRecorded(WishesRecorded { subject_id, exception_id, wish, followed: None })
    };
    let story = Story::with_people();
    assert_eq!(why(&story, &supervisor(), &wished(VICTIM)), [("exception_id", Why::ExceptionUnknown)]);
    let story = story.asserts(&responder(), danger());
    admitted(&story, &supervisor(), &wished(VICTIM));
    assert_eq!(why(&story, &responder(), &wished(VICTIM)), [("actor.role", Why::SupervisorRequired)]);
    assert_eq!(why(&story, &supervisor(), &wished(NOBODY)), [("subject_id", Why::SubjectUnknown)]);
}

fn requested(decision: u8, expires_at: Option<Timestamp>) -> CaseEvent {
    let (approval_id, decision_id) = (ApprovalId([1; 16]), DecisionId([decision; 16]));
    CaseEvent::ApprovalRequested(ApprovalRequested { approval_id, decision_id, expires_at })
}

fn answer(outcome: ApprovalOutcome) -> CaseEvent {
    CaseEvent::ApprovalDecided(ApprovalDecided { approval_id: ApprovalId([1; 16]), outcome })
}

/// A refusal, 9, and a permit, 1.
fn decided_twice() -> Story {
    let denied = ask(&shelter(), Purpose::SupportService, &[Health]);
    let permitted = ask(&shelter(), Purpose::SupportService, &[Contact]);
    let story = Story::with_people()
        .consents(consent(1, VICTIM, shelter().scope(), Purpose::SupportService).permitting(&[Contact]));
    let refusal = decided(9, &denied, story.when(&denied).0);
    story.and(refusal).decides(1, &permitted)
}

#[test]
fn a_person_asks_for_an_approval_of_a_refusal_once() {
    let story = decided_twice();
    admitted(&story, &responder(), &requested(9, Some(after(DAY))));
    let by_service = why(&story, &service(), &requested(9, Some(after(DAY))));
    assert_eq!(by_service, [("actor.person", Why::PersonRequired)]);
    let unknown = why(&story, &responder(), &requested(8, Some(after(DAY))));
    assert_eq!(unknown, [("decision_id", Why::DecisionUnknown)]);
    let permitted = why(&story, &responder(), &requested(1, Some(after(DAY))));
    assert_eq!(permitted, [("decision_id", Why::DecisionInconsistent)]);
    let story = story.and(requested(9, Some(after(DAY))));
    let again = why(&story, &responder(), &requested(9, Some(after(DAY))));
    assert_eq!(again, [("approval_id", Why::DuplicateId)]);
}

#[test]
fn an_approval_is_granted_in_time_by_another_person_and_once() {
    let granted = answer(ApprovalOutcome::Granted);
    let field = "approval_id";
    assert_eq!(why(&decided_twice(), &supervisor(), &granted), [(field, Why::ApprovalUnknown)]);
    let story = decided_twice().and(requested(9, Some(after(DAY))));
    admitted(&story.clone().wait(DAY - 1), &supervisor(), &granted);
    assert_eq!(why(&story.clone().wait(DAY), &supervisor(), &granted), [(field, Why::ApprovalExpired)]);
    assert_eq!(why(&story, &responder(), &granted), [("actor.person", Why::SamePerson)]);
    let story = story.by(&supervisor(), granted.clone());
    assert_eq!(why(&story, &other_supervisor(), &granted), [(field, Why::ApprovalDecided)]);
    // Answered is answered, however late it is.
    assert_eq!(why(&story.wait(DAY), &other_supervisor(), &granted), [(field, Why::ApprovalDecided)]);
    let never = decided_twice().and(requested(9, None));
    assert_eq!(why(&never, &supervisor(), &granted), [(field, Why::ApprovalExpired)]);
}

#[test]
fn what_was_granted_can_be_rejected_by_a_person_and_what_is_closed_cannot() {
    let rejected = answer(ApprovalOutcome::Rejected);
    let story = decided_twice().and(requested(9, Some(after(DAY))));
    admitted(&story, &supervisor(), &rejected);
    assert_eq!(why(&story, &service(), &rejected), [("actor.person", Why::PersonRequired)]);
    let granted = story.clone().by(&supervisor(), answer(ApprovalOutcome::Granted));
    admitted(&granted, &other_supervisor(), &rejected);
    for closed in [ApprovalOutcome::Rejected, ApprovalOutcome::Expired] {
        let story = story.clone().by(&service(), answer(closed));
        assert_eq!(why(&story, &supervisor(), &rejected), [("approval_id", Why::ApprovalDecided)]);
    }
    // Also after the case was closed; what is closed is not granted any more.
    admitted(&story.clone().closes(), &supervisor(), &rejected);
    let late = why(&story.closes(), &supervisor(), &answer(ApprovalOutcome::Granted));
    assert_eq!(late, [("", Why::CaseClosed)]);
}

#[test]
fn the_clock_alone_says_that_an_approval_expired_and_not_before_it_did() {
    let expired = answer(ApprovalOutcome::Expired);
    let story = decided_twice().and(requested(9, Some(after(DAY))));
    let early = why(&story.clone().wait(DAY - 1), &service(), &expired);
    assert_eq!(early, [("approval_id", Why::ApprovalNotExpired)]);
    let late = story.clone().wait(DAY);
    admitted(&late, &service(), &expired);
    assert_eq!(why(&late, &supervisor(), &expired), [("actor.person", Why::ClockOnly)]);
    let granted = story.by(&supervisor(), answer(ApprovalOutcome::Granted)).wait(DAY);
    assert_eq!(why(&granted, &service(), &expired), [("approval_id", Why::ApprovalDecided)]);
}

/// An emergency that one supervisor reported alone, decided on and released.
fn emergency() -> Story {
    let danger = ExceptionAsserted { break_glass: true, ..danger() };
    let asked = ask(&dispatch(), Purpose::EmergencyResponse, &[Whereabouts]);
    Story::with_people().asserts(&supervisor(), danger).releases(1, &asked)
}

fn noted(kind: ObligationKind, subject_id: Option<SubjectId>, state: ObligationState) -> ObligationNoted {
    let review_at = (state == ObligationState::Deferred).then(|| after(DAY));
    ObligationNoted { decision_id: DecisionId([1; 16]), kind, subject_id, state, reason: None, review_at }
}

fn phoned(state: ObligationState) -> CaseEvent {
    CaseEvent::ObligationNoted(noted(ObligationKind::PhoneRecipient, None, state))
}

#[test]
fn a_note_is_about_something_that_binds_us() {
    let story = emergency();
    admitted(&story, &responder(), &phoned(ObligationState::Met));
    let unknown = why(&Story::with_people(), &responder(), &phoned(ObligationState::Met));
    assert_eq!(unknown, [("decision_id", Why::DecisionUnknown)]);
    let other = [(ObligationKind::PhoneRecipient, Some(VICTIM)), (ObligationKind::EnterInRegister, None)];
    for (kind, whom) in other {
        let about = CaseEvent::ObligationNoted(noted(kind, whom, ObligationState::Met));
        assert_eq!(why(&story, &responder(), &about), [("kind", Why::ObligationUnknown)]);
    }
}

#[test]
fn the_clock_alone_notes_what_falls_due_and_once() {
    let story = emergency();
    for state in [ObligationState::Due, ObligationState::Overdue] {
        admitted(&story, &service(), &phoned(state));
        assert_eq!(why(&story, &supervisor(), &phoned(state)), [("state", Why::ClockOnly)]);
        let again = story.clone().by(&service(), phoned(state));
        assert_eq!(why(&again, &service(), &phoned(state)), [("state", Why::AlreadyNoted)]);
    }
    // Another state is another note.
    let due = story.by(&service(), phoned(ObligationState::Due));
    admitted(&due, &service(), &phoned(ObligationState::Overdue));
}

#[test]
fn a_person_says_what_was_done_and_a_supervisor_what_cannot_be_done_now_or_ever() {
    let story = emergency();
    let by_service = why(&story, &service(), &phoned(ObligationState::Met));
    assert_eq!(by_service, [("actor.person", Why::PersonRequired)]);
    for state in [ObligationState::Deferred, ObligationState::Impossible] {
        admitted(&story, &supervisor(), &phoned(state));
        assert_eq!(why(&story, &responder(), &phoned(state)), [("actor.role", Why::SupervisorRequired)]);
    }
    for review_at in [None, Some(START)] {
        let put_off = noted(ObligationKind::PhoneRecipient, None, ObligationState::Deferred);
        let put_off = CaseEvent::ObligationNoted(ObligationNoted { review_at, ..put_off });
        assert_eq!(why(&story, &supervisor(), &put_off), [("review_at", Why::EndsBeforeItBegins)]);
    }
}

#[test]
fn a_contact_is_cleared_where_it_is_safe_and_once_and_what_happened_is_never_refused() {
    let cleared = |subject_id, means| {
        CaseEvent::ContactCleared(ContactCleared { contact_id: ContactId([1; 16]), subject_id, means })
    };
    let rules = Set::only(ApproachRule::NoVoiceMail);
    let permission = Some(ContactPermission::UnderRules);
    let said = CaseEvent::ContactRecorded(ContactRecorded { subject_id: VICTIM, permission, rules });
    let story = Story::with_people();
    let silent = why(&story, &responder(), &cleared(VICTIM, ContactMeans::Call));
    assert_eq!(silent, [("means", Why::ContactNotSafe)]);
    let story = story.and(said);
    admitted(&story, &responder(), &cleared(VICTIM, ContactMeans::Call));
    let refused = why(&story, &responder(), &cleared(VICTIM, ContactMeans::VoiceMail));
    assert_eq!(refused, [("means", Why::ContactNotSafe)]);
    let stranger = why(&story, &responder(), &cleared(NOBODY, ContactMeans::Call));
    assert_eq!(stranger, [("subject_id", Why::SubjectUnknown), ("means", Why::ContactNotSafe)]);
    let story = story.and(cleared(VICTIM, ContactMeans::Call));
    let again = why(&story, &responder(), &cleared(VICTIM, ContactMeans::Call));
    assert_eq!(again, [("contact_id", Why::DuplicateId)]);
    let made = |subject_id| {
        let (means, outcome) = (ContactMeans::VoiceMail, ContactOutcome::MessageLeft);
        CaseEvent::ContactMade(ContactMade { contact_id: ContactId([1; 16]), subject_id, means, outcome })
    };
    admitted(&story, &responder(), &made(VICTIM));
    assert_eq!(why(&story, &responder(), &made(NOBODY)), [("subject_id", Why::SubjectUnknown)]);
}

#[test]
fn another_officer_reviews_once_what_was_told_outside() {
    let outside = |number| {
        CaseEvent::DisclosedOutsideSystem(DisclosedOutsideSystem {
            disclosure_id: DisclosureId([number; 16]),
            unit_id: None,
            subject_ids: vec![VICTIM],
            categories: Categories::EMPTY,
        })
    };
    let reviewed = |number| {
        let (disclosure_id, outcome) = (DisclosureId([number; 16]), OutsideReviewOutcome::Justified);
        CaseEvent::OutsideDisclosureReviewed(OutsideDisclosureReviewed { disclosure_id, outcome })
    };
    let field = "disclosure_id";
    let story = Story::with_people();
    assert_eq!(why(&story, &supervisor(), &reviewed(1)), [(field, Why::DisclosureUnknown)]);
    let story = story.by(&responder(), outside(1)).by(&supervisor(), outside(2));
    assert_eq!(why(&story, &responder(), &reviewed(2)), [("actor.role", Why::OfficerRequired)]);
    assert_eq!(why(&story, &supervisor(), &reviewed(2)), [("actor.person", Why::SamePerson)]);
    admitted(&story, &compliance(), &reviewed(1));
    let story = story.by(&compliance(), reviewed(2));
    assert_eq!(
        why(&story, &supervisor(), &reviewed(2)),
        [(field, Why::AlreadyReviewed), ("actor.person", Why::SamePerson)]
    );
    admitted(&story, &supervisor(), &reviewed(1));
    assert!(story.facts.outside(DisclosureId([2; 16])).unwrap().review.is_some());
    // Whoever told it reviewed nothing by saying so.
    let own = story.by(&responder(), reviewed(1));
    assert_eq!(own.facts.outside(DisclosureId([1; 16])).unwrap().review, None);
}

#[test]
fn a_recall_is_confirmed_by_the_unit_that_had_the_referral() {
    let asked = ask(&shelter(), Purpose::SupportService, &[Contact]);
    let story = Story::with_people()
        .consents(consent(1, VICTIM, shelter().scope(), Purpose::SupportService).permitting(&[Contact]))
        .releases(1, &asked);
    let receipt = |number, unit: &Unit| {
        CaseEvent::RecallAcknowledged(RecallAcknowledged { referral_id: referral_id(number), unit_id: unit.id() })
    };
    let known = |story: &Story| story.facts.referral(referral_id(1)).unwrap().recall_acknowledged;
    assert_eq!(why(&story, &service(), &receipt(1, &shelter())), [("referral_id", Why::ReferralNotRecalled)]);
    assert!(!known(&story.clone().by(&service(), receipt(1, &shelter()))));
    let story = story.recalls(1);
    admitted(&story, &service(), &receipt(1, &shelter()));
    assert_eq!(why(&story, &service(), &receipt(2, &shelter())), [("referral_id", Why::ReferralUnknown)]);
    assert_eq!(why(&story, &service(), &receipt(1, &court())), [("unit_id", Why::OtherUnit)]);
    assert!(!known(&story));
    let story = story.by(&service(), receipt(1, &shelter()));
    assert!(known(&story) && known(&story.clone().by(&service(), receipt(1, &shelter()))));
}

#[test]
fn only_who_may_act_alone_breaks_glass() {
    let by = |actor: &Actor, kind, ground| {
        let broken = ExceptionAsserted { break_glass: true, ..exception(1, kind, &[VICTIM], ground) };
        why(&Story::with_people(), actor, &CaseEvent::ExceptionAsserted(broken))
    };
    let reviewer = staff("v.chan", Role::Reviewer);
    let danger = |actor: &Actor| by(actor, ExceptionKind::ImminentDanger, ExceptionGround::Violence);
    assert_eq!(danger(&reviewer), [("actor.role", Why::SupervisorRequired)]);
    assert_eq!(danger(&responder()), []);
    let legal = by(&responder(), ExceptionKind::LegalRequirement, ExceptionGround::Instrument);
    assert_eq!(legal, [("instrument", Why::InstrumentMissing), ("actor.role", Why::SupervisorRequired)]);
}

#[test]
fn a_lift_that_says_not_justified_is_another_supervisors() {
    let story = Story::with_people().asserts(&supervisor(), ExceptionAsserted { break_glass: true, ..danger() });
    let reason = Some(LiftReason::NotJustified);
    let lift = CaseEvent::ExceptionLifted(ExceptionLifted { exception_id: exception_id(1), reason });
    admitted(&story, &other_supervisor(), &lift);
    assert_eq!(why(&story, &supervisor(), &lift), [("actor.person", Why::SamePerson)]);
    assert_eq!(why(&story, &responder(), &lift), [("actor.role", Why::SupervisorRequired)]);
}

#[test]
fn a_confirmation_comes_before_the_end_of_the_exceptions_life() {
    let confirmed =
        CaseEvent::ExceptionConfirmed(egide_domain::event::ExceptionConfirmed { exception_id: exception_id(1) });
    let story = Story::with_people().asserts(&responder(), danger());
    let life = POLICY.exception(ExceptionKind::ImminentDanger).unwrap().life.0;
    admitted(&story.clone().wait(life - 1), &supervisor(), &confirmed);
    assert_eq!(why(&story.wait(life), &supervisor(), &confirmed), [("exception_id", Why::ExceptionExpired)]);
}

#[test]
fn somebody_of_whom_only_an_erasure_is_known_is_not_everybody_without_a_role() {
    let seen = Story::with_people().seen_in(NOBODY, egide_domain::vocabulary::Jurisdiction::On);
    assert!(seen.facts.person(NOBODY).is_some());
    let erased = |story: Story, whom| {
        let whose = egide_domain::event::Shredded::Person(whom);
        story.and(CaseEvent::KeyShredded(egide_domain::event::KeyShredded { whose, ground: None }))
    };
    let nobody = erased(Story::with_people(), NOBODY);
    assert!(nobody.facts.person(NOBODY).is_none() && nobody.facts.is_erased(NOBODY));
    assert!(nobody.person(NOBODY, &[PersonRole::Caller]).facts.is_erased(NOBODY));
    let victim = erased(Story::with_people(), VICTIM);
    assert!(victim.facts.person(VICTIM).is_some() && victim.facts.is_erased(VICTIM));
}

#[test]
fn a_suspect_belongs_to_the_case_wherever_they_were_seen() {
    use egide_domain::vocabulary::Jurisdiction::{Abroad, On};
    let story = Story::with_people().seen_in(SUSPECT, Abroad);
    assert!(!story.facts.is_abroad_for(story.facts.person(SUSPECT).unwrap()));
    let story = Story::opened_in(Some(Abroad)).person(SUSPECT, &[PersonRole::Suspect]).seen_in(SUSPECT, On);
    assert!(story.facts.is_abroad_for(story.facts.person(SUSPECT).unwrap()));
}

#[test]
fn what_supersedes_a_permit_happened_after_it() {
    let story = Story::with_people();
    let before = story.facts.revision;
    let story = story.withdraws(None, Some(VICTIM), &[]);
    assert!(story.facts.superseded_since(before));
    assert!(!story.facts.superseded_since(story.facts.revision));
}
