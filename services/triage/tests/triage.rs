//! What waits, over real NATS: lists that are looked at on the record, and clocks that note each thing once.
#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test stops at the first surprise")]

mod support;

use egide_testkit::{PATIENCE, fresh_id, wait_until};
use egide_wire::proto::egide::audit::v1::{AccessReason, AccessScope};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::triage::v1::{
    ListObligationsRequest, ListObligationsResponse, ListReviewsRequest, OwedObligation, ReviewKind, WaitingReview,
};
use tonic::Code;

use support::{Case, House};

/// Long enough to be acted on before it is due, soon enough for a test.
const SOON_MS: i64 = 3_000;
/// Not due while the test runs.
const LATER_MS: i64 = 3_600_000;

fn noted_states(notes: &[ObligationNoted]) -> Vec<ObligationState> {
    notes.iter().map(|note| ObligationState::try_from(note.state).unwrap()).collect()
}

async fn until_overdue(house: &House, case: &Case) {
    wait_until("it is noted as overdue", PATIENCE, async || {
        noted_states(&house.notes(&case.case_id).await).contains(&ObligationState::Overdue)
    })
    .await;
}

#[tokio::test]
async fn two_clocks_note_each_thing_once_and_so_does_one_that_begins_anew() {
    let mut house = House::start().await;
    house.triage("triage-1").await;
    house.triage("triage-2").await;
    let first = house.case().await;
    let inform = (ObligationKind::InformPerson, SOON_MS);
    let decision = house.bound(&first, &[inform, (ObligationKind::EnterInRegister, LATER_MS)]).await;
    until_overdue(&house, &first).await;

    // One of them loses everything it knew, and works all of it out again before it notes what comes next.
    egide_testkit::within("a triage service to stop", house.world.take("triage").stop()).await.unwrap();
    house.triage("triage-3").await;
    let second = house.case().await;
    house.bound(&second, &[inform]).await;
    until_overdue(&house, &second).await;

    let notes = house.notes(&first.case_id).await;
    assert_eq!(noted_states(&notes), [ObligationState::Due, ObligationState::Overdue]);
    for note in &notes {
        assert_eq!((note.decision_id.as_str(), note.subject_id.as_str()), (decision.as_str(), first.person.as_str()));
        assert_eq!(note.kind, i32::from(ObligationKind::InformPerson));
    }
    house.world.stop().await;
}

#[tokio::test]
async fn an_approval_that_nobody_decides_in_time_is_closed_once() {
    let mut house = House::start().await;
    house.triage("triage-1").await;
    house.triage("triage-2").await;
    let case = house.case().await;
    let (early, late) =
        (house.asks_for_approval(&case, SOON_MS / 2).await, house.asks_for_approval(&case, SOON_MS).await);
    wait_until("both are closed", PATIENCE, async || {
        house.closings(&early).await > 0 && house.closings(&late).await > 0
    })
    .await;
    assert_eq!((house.closings(&early).await, house.closings(&late).await), (1, 1));
    house.world.stop().await;
}

#[tokio::test]
async fn the_end_of_a_referral_is_noted_once_and_nobody_is_asked_to_fetch_it_any_more() {
    let mut house = House::start().await;
    let url = house.triage("triage-1").await;
    house.triage("triage-2").await;
    let (ending, lasting) = (house.case().await, house.case().await);
    for (case, ends_in_ms) in [(&ending, SOON_MS), (&lasting, LATER_MS)] {
        let consent_id = house.consents(case, ends_in_ms).await;
        house.bound_on(case, consent_id, &[]).await;
    }
    let unfetched = async || {
        let request = ListReviewsRequest {
            kinds: vec![ReviewKind::ReferralUnfetched.into()],
            reason: AccessReason::Supervision.into(),
            ..ListReviewsRequest::default()
        };
        let answer = house.client(&url, "supervisor").list_reviews(request).await.unwrap().into_inner();
        answer.reviews.into_iter().map(|review| review.case_id).collect::<Vec<_>>()
    };
    assert_eq!(unfetched().await.len(), 2);
    wait_until("its end is noted", PATIENCE, async || house.expiries(&ending.case_id).await > 0).await;
    assert_eq!(unfetched().await, std::slice::from_ref(&lasting.case_id));
    // The other clock, and one that begins anew, have nothing to add.
    egide_testkit::within("a triage service to stop", house.world.take("triage").stop()).await.unwrap();
    house.triage("triage-3").await;
    let third = house.case().await;
    let consent_id = house.consents(&third, SOON_MS / 2).await;
    house.bound_on(&third, consent_id, &[]).await;
    wait_until("the next is noted", PATIENCE, async || house.expiries(&third.case_id).await > 0).await;
    assert_eq!((house.expiries(&ending.case_id).await, house.expiries(&lasting.case_id).await), (1, 0));
    house.world.stop().await;
}

fn obligations(case_id: &str) -> ListObligationsRequest {
    ListObligationsRequest {
        case_id: case_id.to_owned(),
        reason: AccessReason::Supervision.into(),
        ..ListObligationsRequest::default()
    }
}

async fn listed(house: &House, url: &str, request: ListObligationsRequest) -> ListObligationsResponse {
    house.client(url, "supervisor").list_obligations(request).await.unwrap().into_inner()
}

fn kinds(obligations: &[OwedObligation]) -> Vec<ObligationKind> {
    obligations.iter().map(|owed| ObligationKind::try_from(owed.kind).unwrap()).collect()
}

#[tokio::test]
async fn obligations_are_listed_by_due_time_page_by_page_and_every_look_is_recorded() {
    let mut house = House::start().await;
    let url = house.triage("triage").await;
    let (one, two) = (house.case().await, house.case().await);
    let later = [(ObligationKind::EnterInRegister, LATER_MS * 3), (ObligationKind::InformPerson, LATER_MS)];
    let decision = house.bound(&one, &later).await;
    house.bound(&two, &[(ObligationKind::RecordWishes, LATER_MS * 2)]).await;

    let all = listed(&house, &url, obligations("")).await;
    let expected = [ObligationKind::InformPerson, ObligationKind::RecordWishes, ObligationKind::EnterInRegister];
    assert_eq!(kinds(&all.obligations), expected);
    assert_eq!(all.next_page_token, "");
    let page = ListObligationsRequest { page_size: 2, ..obligations("") };
    let first = listed(&house, &url, page.clone()).await;
    let rest = ListObligationsRequest { page_token: first.next_page_token.clone(), ..page };
    let second = listed(&house, &url, rest).await;
    assert_eq!([first.obligations, second.obligations].concat(), all.obligations);
    assert_eq!(second.next_page_token, "");

    let looks = house.looks().await;
    assert_eq!(looks.len(), 3);
    assert!(looks.iter().all(|look| look.scope() == AccessScope::Obligations));

    // What is noted takes effect at once: whoever did it sees it.
    let note = |kind: ObligationKind, state: ObligationState, reason: ObligationReason| ObligationNoted {
        decision_id: decision.clone(),
        kind: kind.into(),
        subject_id: one.person.clone(),
        state: state.into(),
        reason: reason.into(),
        review_at: all.obligations[2].due_at,
        ..ObligationNoted::default()
    };
    let deferred = note(ObligationKind::InformPerson, ObligationState::Deferred, ObligationReason::Unsafe);
    let met = ObligationNoted {
        review_at: None,
        ..note(ObligationKind::EnterInRegister, ObligationState::Met, ObligationReason::Done)
    };
    for noted in [deferred, met] {
        let who = "case-desk/supervisor:noor.haddad";
        house.append(who, &one.case_id, Payload::ObligationNoted(noted)).await.unwrap();
    }
    let open = listed(&house, &url, obligations("")).await.obligations;
    assert_eq!(kinds(&open), [ObligationKind::RecordWishes, ObligationKind::InformPerson]);
    assert_eq!(open[1].state(), ObligationState::Deferred);
    let settled = ListObligationsRequest { states: vec![ObligationState::Met.into()], ..obligations(&one.case_id) };
    assert_eq!(kinds(&listed(&house, &url, settled).await.obligations), [ObligationKind::EnterInRegister]);
    house.world.stop().await;
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_before_anybody_looks() {
    let mut house = House::start().await;
    let url = house.triage("triage").await;
    let met = ListObligationsRequest { states: vec![ObligationState::Met.into()], ..obligations("") };
    for request in [
        ListObligationsRequest { reason: 0, ..obligations("") },
        ListObligationsRequest { case_id: "x".to_owned(), ..obligations("") },
        ListObligationsRequest { page_token: "x".to_owned(), ..obligations("") },
        ListObligationsRequest { kinds: vec![999], ..obligations("") },
        met,
    ] {
        let refused = house.client(&url, "supervisor").list_obligations(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let refused = house.client(&url, "reviewer").list_obligations(obligations("")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(house.looks().await.len(), 0);
    house.world.stop().await;
}

async fn reviews(house: &House, url: &str) -> Vec<WaitingReview> {
    let reason = AccessReason::Supervision.into();
    let request = ListReviewsRequest { reason, ..ListReviewsRequest::default() };
    house.client(url, "supervisor").list_reviews(request).await.unwrap().into_inner().reviews
}

#[tokio::test]
async fn whatever_waits_for_a_second_person_is_listed_until_that_person_has_looked() {
    const RESPONDER: &str = "case-desk/responder:amelie.roy";
    const SUPERVISOR: &str = "case-desk/supervisor:noor.haddad";
    let mut house = House::start().await;
    let url = house.triage("triage").await;
    let case = house.case().await;
    let tip = TipReceived { tip_id: fresh_id(), channel: Channel::WebForm.into(), ..TipReceived::default() };
    house.append("web-form", &case.case_id, Payload::TipReceived(tip.clone())).await.unwrap();
    let urgent = TriageAssessed { level: TriageLevel::Urgent.into() };
    let broken = ExceptionAsserted {
        exception_id: fresh_id(),
        kind: ExceptionKind::ImminentDanger.into(),
        subject_ids: vec![case.person.clone()],
        grounds: vec![ExceptionGround::ThreatToLife.into()],
        line_to_send: "Violent man returning within the hour".to_owned(),
        break_glass: true,
        ..ExceptionAsserted::default()
    };
    let outside = DisclosedOutsideSystem {
        disclosure_id: fresh_id(),
        unit_id: fresh_id(),
        subject_ids: vec![case.person.clone()],
        categories: vec![DataCategory::Situation.into()],
        channel: DeliveryChannel::Voice.into(),
        ..DisclosedOutsideSystem::default()
    };
    house.append(RESPONDER, &case.case_id, Payload::TriageAssessed(urgent)).await.unwrap();
    house.append(SUPERVISOR, &case.case_id, Payload::ExceptionAsserted(broken.clone())).await.unwrap();
    house.append(RESPONDER, &case.case_id, Payload::DisclosedOutsideSystem(outside.clone())).await.unwrap();
    let approval = house.asks_for_approval(&case, LATER_MS).await;

    let waiting = reviews(&house, &url).await;
    let mut named: Vec<_> = waiting.iter().map(|review| (review.kind(), review.reference_id.clone())).collect();
    let mut expected = vec![
        (ReviewKind::Tip, tip.tip_id.clone()),
        (ReviewKind::BreakGlass, broken.exception_id.clone()),
        (ReviewKind::OutsideDisclosure, outside.disclosure_id.clone()),
        (ReviewKind::Approval, approval.clone()),
    ];
    named.sort();
    expected.sort();
    assert_eq!(named, expected);
    let glass = waiting.iter().find(|review| review.kind() == ReviewKind::BreakGlass).unwrap();
    assert_eq!(glass.by, "noor.haddad", "it must be another person who looks at it");
    assert!(glass.due_at.is_some() && !glass.overdue);

    // Whoever broke the glass does not review it.
    let confirmed = Payload::ExceptionConfirmed(ExceptionConfirmed { exception_id: broken.exception_id.clone() });
    house.append(SUPERVISOR, &case.case_id, confirmed.clone()).await.unwrap_err();
    let another = "case-desk/supervisor:gabriel.cote";
    house.append(another, &case.case_id, confirmed).await.unwrap();
    let reviewed = SupervisorReviewed { tip_id: tip.tip_id, outcome: ReviewOutcome::Report.into() };
    house.append(another, &case.case_id, Payload::SupervisorReviewed(reviewed)).await.unwrap();
    let justified = OutsideDisclosureReviewed {
        disclosure_id: outside.disclosure_id,
        outcome: OutsideReviewOutcome::Justified.into(),
    };
    house.append(another, &case.case_id, Payload::OutsideDisclosureReviewed(justified)).await.unwrap();
    let waiting = reviews(&house, &url).await;
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].kind(), waiting[0].reference_id.as_str()), (ReviewKind::Approval, approval.as_str()));
    house.world.stop().await;
}

#[tokio::test]
async fn the_24_hours_of_a_tip_that_is_not_urgent_run_until_something_of_it_is_released() {
    let mut house = House::start().await;
    let url = house.triage("triage").await;
    let case = house.case().await;
    let tip = TipReceived { tip_id: fresh_id(), channel: Channel::Phone.into(), ..TipReceived::default() };
    house.append("telephony-desk", &case.case_id, Payload::TipReceived(tip.clone())).await.unwrap();
    let level = TriageLevel::NotUrgent.into();
    let assessed = Payload::TriageAssessed(TriageAssessed { level });
    house.append("case-desk/responder:amelie.roy", &case.case_id, assessed).await.unwrap();
    let waiting = reviews(&house, &url).await;
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].kind(), waiting[0].reference_id.as_str()), (ReviewKind::TipClock, tip.tip_id.as_str()));
    let seconds = |time: &Option<prost_types::Timestamp>| time.as_ref().unwrap().seconds;
    assert_eq!(seconds(&waiting[0].due_at) - seconds(&waiting[0].since), 24 * 3_600);
    house.bound(&case, &[]).await;
    assert_eq!(reviews(&house, &url).await, []);
    house.world.stop().await;
}
