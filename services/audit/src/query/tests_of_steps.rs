//! What surrounds a disclosure, as steps of it.

use egide_wire::proto::egide::audit::v1::{Disclosure, DisclosureStep};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    ApprovalOutcome, DeliveryChannel, ExceptionConfirmed, ExceptionLifted, LiftReason, ObligationKind, ObligationNoted,
    ObligationState, OutsideDisclosureReviewed, OutsideReviewOutcome, RejectionReason,
};

use super::filter::Filter;
use super::history;
use crate::story::{
    Story, Told, approval, approval_answered, approval_asked, delivery, disclosure, exception, expiry, noted,
    on_exception, package, permit, person, recall, recall_receipt, refusal, release, said_outside, under,
};

fn told(story: &Story, number: u16) -> Disclosure {
    history::get(&story.history.view(), disclosure(number).0, None).unwrap().unwrap()
}

fn kinds(disclosure: &Disclosure) -> Vec<&str> {
    disclosure.steps.iter().map(|step| step.kind.as_str()).collect()
}

fn last(disclosure: &Disclosure) -> &DisclosureStep {
    disclosure.steps.last().unwrap()
}

#[test]
fn an_approval_is_told_where_it_was_asked_for_and_where_it_was_used() {
    let mut story = Story::of_one_case();
    story.decides(1, refusal(1, 1, &[person(1)]));
    story.happens(1, approval_asked(1, 1));
    let granted = approval_answered(1, ApprovalOutcome::Granted, RejectionReason::Unspecified);
    story.tell(Told::in_case(1, granted).by("sam.lavoie"));
    story.decides(1, under(permit(2, 1, &[person(1)]), 1));
    story.releases(1, release(1, 2, &[person(1)]));
    // Somebody takes it back: a step of both.
    let rejected = approval_answered(1, ApprovalOutcome::Rejected, RejectionReason::NotSafe);
    let at = story.happens(1, rejected);

    let asked = told(&story, 1);
    let decided = "disclosure.approval_decided";
    assert_eq!(kinds(&asked), ["disclosure.approval_requested", decided, decided]);
    assert_eq!(asked.steps[0].approval_id, approval(1));
    assert_eq!(asked.steps[0].approval_rules, ["foreign-hotline"]);
    assert_eq!(asked.steps[1].actor.as_ref().unwrap().person, "sam.lavoie");
    let answers: Vec<_> = asked.steps.iter().map(DisclosureStep::approval_outcome).collect();
    let expected = [ApprovalOutcome::Unspecified, ApprovalOutcome::Granted, ApprovalOutcome::Rejected];
    assert!(answers == expected);
    assert!(last(&asked).rejection_reason() == RejectionReason::NotSafe);

    let used = told(&story, 2);
    assert_eq!(kinds(&used), ["disclosure.released", decided]);
    assert_eq!((last(&used).position, last(&used).approval_id.clone()), (at, approval(1)));
}

#[test]
fn a_rejection_and_an_approval_that_nobody_decided_are_told() {
    let mut story = Story::of_one_case();
    for number in [1, 2] {
        story.decides(1, refusal(number, 1, &[person(1)]));
        story.happens(1, approval_asked(number, number));
    }
    story.happens(1, approval_answered(1, ApprovalOutcome::Rejected, RejectionReason::TooMuch));
    let expired = approval_answered(2, ApprovalOutcome::Expired, RejectionReason::Unspecified);
    story.tell(Told::in_case(1, expired).by(""));
    assert!(last(&told(&story, 1)).rejection_reason() == RejectionReason::TooMuch);
    let unheard = told(&story, 2);
    assert!(last(&unheard).approval_outcome() == ApprovalOutcome::Expired);
    assert_eq!(last(&unheard).actor.as_ref().unwrap().person, "", "the clock");
}

#[test]
fn the_receipt_of_a_recall_follows_the_recall() {
    let mut story = Story::of_one_case();
    story.decides(1, permit(1, 1, &[person(1)]));
    story.releases(1, release(1, 1, &[person(1)]));
    story.happens(1, delivery(1));
    story.happens(1, recall(1));
    let at = story.happens(1, recall_receipt(1));
    let found = told(&story, 1);
    assert_eq!(kinds(&found)[2..], ["disclosure.recalled", "disclosure.recall_acknowledged"]);
    assert_eq!(last(&found).position, at);
}

#[test]
fn a_package_is_told_with_the_keys_it_was_encrypted_to_and_the_end_of_its_time_is_a_step() {
    let mut story = Story::of_one_case();
    story.decides(1, permit(1, 1, &[person(1)]));
    story.releases(1, release(1, 1, &[person(1)]));
    story.happens(1, package(1));
    story.happens(1, delivery(1));
    let at = story.tell(Told::in_case(1, expiry(1)).by(""));
    let found = told(&story, 1);
    let delivered = "disclosure.delivered";
    let expected = ["disclosure.released", delivered, delivered, "disclosure.referral_expired"];
    assert_eq!(kinds(&found), expected);
    let keys: Vec<usize> = found.steps.iter().map(|step| step.encrypted_to.len()).collect();
    assert_eq!(keys, [0, 2, 0, 0]);
    assert_eq!(found.steps[1].encrypted_to, ["age-one", "age-two"]);
    assert!(found.steps[1].channel() == DeliveryChannel::Package);
    assert_eq!((last(&found).position, last(&found).actor.as_ref().unwrap().person.as_str()), (at, ""), "the clock");
}

#[test]
fn what_is_owed_is_told_with_where_it_stood() {
    const MARKER: &str = "marker-1c0de5";
    let mut story = Story::of_one_case();
    story.decides(1, permit(1, 1, &[person(1)]));
    story.happens(1, noted(1, ObligationKind::InformPerson, ObligationState::Due));
    story.happens(1, noted(1, ObligationKind::InformPerson, ObligationState::Overdue));
    let Payload::ObligationNoted(met) = noted(1, ObligationKind::InformPerson, ObligationState::Met) else {
        unreachable!()
    };
    story.happens(1, Payload::ObligationNoted(ObligationNoted { remark: MARKER.to_owned(), ..met }));
    let found = told(&story, 1);
    let states = found.steps.iter().map(DisclosureStep::obligation_state).collect::<Vec<_>>();
    assert!(states == [ObligationState::Due, ObligationState::Overdue, ObligationState::Met]);
    assert!(found.steps.iter().all(|step| step.obligation() == ObligationKind::InformPerson));
    assert_eq!(found.steps[0].subject_id, person(1).to_string());
    let holds_marker = |bytes: &[u8]| bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
    assert!(story.rows().iter().all(|(_, value)| !holds_marker(value)), "a remark never leaves the case");
}

#[test]
fn what_a_second_person_says_of_broken_glass_is_a_step_of_what_rests_on_it_and_of_nothing_else() {
    let mut story = Story::of_one_case();
    story.decides(1, on_exception(permit(1, 1, &[person(1)]), 1));
    story.decides(1, on_exception(permit(2, 1, &[person(1)]), 2));
    story.happens(1, Payload::ExceptionConfirmed(ExceptionConfirmed { exception_id: exception(1) }));
    story.decides(1, on_exception(permit(3, 1, &[person(1)]), 1));
    let lifted = ExceptionLifted { exception_id: exception(1), reason: LiftReason::NotJustified.into() };
    story.happens(1, Payload::ExceptionLifted(lifted));
    assert_eq!(kinds(&told(&story, 1)), ["case.exception_confirmed", "case.exception_lifted"]);
    assert_eq!(kinds(&told(&story, 2)), Vec::<&str>::new());
    assert_eq!(kinds(&told(&story, 3)), ["case.exception_lifted"], "confirmed before it was decided");
    assert!(last(&told(&story, 1)).lift_reason() == LiftReason::NotJustified);
    assert_eq!(last(&told(&story, 1)).exception_id, exception(1));
}

#[test]
fn the_review_of_what_was_said_outside_is_told() {
    let mut story = Story::of_one_case();
    story.open_case(2, &[person(1)]);
    // Another case may use the same id.
    story.happens(2, Payload::DisclosedOutsideSystem(said_outside(1, 1, &[person(1)])));
    story.happens(1, Payload::DisclosedOutsideSystem(said_outside(1, 1, &[person(1)])));
    let outcome = OutsideReviewOutcome::Mistake.into();
    let disclosure_id = disclosure(1).to_string();
    story.happens(1, Payload::OutsideDisclosureReviewed(OutsideDisclosureReviewed { disclosure_id, outcome }));
    let listed = history::list(&story.history.view(), &Filter::default(), None, 50).unwrap().disclosures;
    assert_eq!(listed.len(), 2);
    assert_eq!((kinds(&listed[0]), kinds(&listed[1])), (vec!["disclosure.outside_reviewed"], vec![]));
    assert!(last(&listed[0]).outside_review() == OutsideReviewOutcome::Mistake);
}

#[test]
fn what_fits_no_disclosure_is_shown_all_the_same() {
    let mut story = Story::of_one_case();
    let outcome = OutsideReviewOutcome::Justified.into();
    let disclosure_id = disclosure(9).to_string();
    for payload in [
        approval_asked(1, 9),
        approval_answered(2, ApprovalOutcome::Granted, RejectionReason::Unspecified),
        noted(8, ObligationKind::InformPerson, ObligationState::Overdue),
        Payload::OutsideDisclosureReviewed(OutsideDisclosureReviewed { disclosure_id, outcome }),
        recall_receipt(9),
        expiry(7),
    ] {
        let at = story.happens(1, payload);
        let newest = history::list(&story.history.view(), &Filter::default(), None, 1).unwrap().disclosures;
        assert_eq!((newest[0].position, newest[0].steps.len()), (at, 1));
    }
}

#[test]
fn the_same_log_gives_the_same_steps() {
    let mut story = Story::of_one_case();
    story.decides(1, refusal(1, 1, &[person(1)]));
    story.happens(1, approval_asked(1, 1));
    story.happens(1, approval_answered(1, ApprovalOutcome::Granted, RejectionReason::Unspecified));
    story.decides(1, on_exception(under(permit(2, 1, &[person(1)]), 1), 1));
    story.happens(1, Payload::ExceptionConfirmed(ExceptionConfirmed { exception_id: exception(1) }));
    story.happens(1, noted(2, ObligationKind::InformPerson, ObligationState::Due));
    assert_eq!(story.rows(), story.rows_rebuilt());
}
