//! What is refused, with the status and the fields that say so.

use egide_servicekit::clock;
use egide_testkit::fresh_id;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent};
use prost::Message;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::house::*;

/// A request as a later version of the contract might write it.
#[derive(Clone, PartialEq, Message)]
struct LaterRequest {
    #[prost(string, tag = "1")]
    command_id: String,
    #[prost(message, repeated, tag = "3")]
    events: Vec<LaterNewEvent>,
}

#[derive(Clone, PartialEq, Message)]
struct LaterNewEvent {
    #[prost(string, tag = "1")]
    stream_id: String,
    #[prost(message, optional, tag = "4")]
    case_event: Option<LaterCaseEvent>,
}

#[derive(Clone, PartialEq, Message)]
struct LaterCaseEvent {
    #[prost(message, optional, tag = "99")]
    of_a_later_kind: Option<LaterPayload>,
}

#[derive(Clone, PartialEq, Message)]
struct LaterPayload {
    #[prost(string, tag = "1")]
    subject_id: String,
}

async fn refused(client: &mut Client, events: Vec<NewEvent>) -> Status {
    append(client, &command(events)).await.unwrap_err()
}

#[tokio::test]
async fn an_unknown_kind_is_refused_rather_than_dropped() {
    let (house, url) = House::with_ledger().await;
    let desk = house.world.identity().person("telephony-desk", "amelie.roy", &["responder"], None);
    let mut client = tonic::client::Grpc::new(house.world.upstream(&url, desk).as_service());
    client.ready().await.unwrap();
    let event = LaterNewEvent {
        stream_id: fresh_id(),
        case_event: Some(LaterCaseEvent { of_a_later_kind: Some(LaterPayload { subject_id: fresh_id() }) }),
    };
    let request = LaterRequest { command_id: fresh_id(), events: vec![event] };
    let path = PathAndQuery::from_static("/egide.ledger.v1.LedgerService/Append");
    let codec = ProstCodec::<LaterRequest, LaterPayload>::default();
    let status = client.unary(Request::new(request), path, codec).await.unwrap_err();
    assert_eq!(fields(&status), ["events.case_event.#99"]);
    house.world.stop().await;
}

#[tokio::test]
async fn every_violation_comes_with_its_path() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = fresh_id();
    let nobody = new_event(&case, Payload::PersonIdentified(PersonIdentified::default()));
    let expected =
        ["events[0].case_event.person_identified.subject_id", "events[0].case_event.person_identified.roles"];
    assert_eq!(fields(&refused(&mut desk, vec![nobody]).await), expected);

    let long = NarrativeRecorded { narrative_id: fresh_id(), text: "a".repeat(65 * 1024), ..Default::default() };
    let oversized = new_event(&case, Payload::NarrativeRecorded(long));
    let expected = ["events[0].case_event.narrative_recorded"];
    assert_eq!(fields(&refused(&mut desk, vec![oversized]).await), expected);

    let mut tomorrow = opened(&case);
    tomorrow.occurred_at = at(egide_domain::time::Timestamp(clock::now().0 + 86_400_000));
    assert_eq!(fields(&refused(&mut desk, vec![opened(&case), tomorrow]).await), ["events[1].occurred_at"]);

    let nothing = AppendRequest::default();
    assert_eq!(fields(&append(&mut desk, &nothing).await.unwrap_err()), ["command_id", "events"]);
    house.world.stop().await;
}

#[tokio::test]
async fn who_may_not_emit_a_kind_learns_no_more_than_that() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = open_case(&mut desk).await;
    let review = SupervisorReviewed { tip_id: fresh_id(), outcome: ReviewOutcome::Report.into() };
    let review = || new_event(&case, Payload::SupervisorReviewed(review));
    let review = review();
    let status = refused(&mut desk, vec![review]).await;
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(
        status.message(),
        "event kind `case.supervisor_reviewed` may not be emitted by service `telephony-desk` in this way"
    );
    let mut form = house.service(&url, "web-form");
    assert_eq!(refused(&mut form, vec![triaged(&case)]).await.code(), Code::PermissionDenied);
    assert!(append(&mut form, &command(vec![opened(&fresh_id())])).await.is_ok());
    let receipt = ReferralAcknowledged { referral_id: fresh_id(), unit_id: fresh_id() };
    let receipt = new_event(&case, Payload::ReferralAcknowledged(receipt));
    assert_eq!(refused(&mut house.supervisor(&url), vec![receipt]).await.code(), Code::PermissionDenied);
    house.world.stop().await;
}

#[tokio::test]
async fn the_state_of_a_case_refuses_with_rule_and_field() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = open_case(&mut desk).await;
    assert_eq!(rules(&refused(&mut desk, vec![opened(&case)]).await), ["case_already_opened"]);
    let status = refused(&mut desk, vec![triaged(&case), situated(&case, &fresh_id())]).await;
    assert_eq!(rules(&status), ["subject_unknown"]);
    assert!(status.message().contains("`events[1].case_event.situation_recorded.subject_id`"), "{status}");
    house.world.stop().await;
}

#[tokio::test]
async fn nobody_is_served_without_a_token_or_with_one_that_is_not_good() {
    let (house, url) = House::with_ledger().await;
    let stranger = egide_servicekit::identity::Credentials::fixed("no.token.atall").unwrap();
    let mut client = house.client(&url, stranger);
    assert_eq!(client.read_case(reading(&fresh_id())).await.unwrap_err().code(), Code::Unauthenticated);
    house.world.stop().await;
}
