//! Recording a consent: appended like everything else, and answered with what still holds it back.

use egide_testkit::{fresh_id, wording_digest};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::recipient_scope::Scope;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::ledger::v1::{HeldBack, RecordConsentRequest, RecordConsentResponse, StreamExpectation};
use tonic::{Code, Status};

use crate::house::*;

const POLICE: &str = "6f6c1d3c-9d0c-4f2e-8f6b-0d9a6f2b1c11";

fn to_police() -> Option<RecipientScope> {
    Some(RecipientScope { scope: Some(Scope::UnitId(POLICE.to_owned())) })
}

fn consent(subject: &str) -> ConsentGiven {
    ConsentGiven {
        consent_id: fresh_id(),
        subject_id: subject.to_owned(),
        kind: ConsentKind::DataSubject.into(),
        grantor: GrantorKind::Self_.into(),
        recipient: to_police(),
        purposes: vec![Purpose::Investigation.into()],
        permitted: vec![DataCategory::Identity.into(), DataCategory::Situation.into()],
        standing: true,
        method: ConsentMethod::Spoken.into(),
        wording_version: "spoken-en/3".to_owned(),
        wording_digest: wording_digest("spoken-en/3"),
        language: Language::English.into(),
        speaking_freely: Answer::Yes.into(),
        understood: Answer::Yes.into(),
        policy_version: "2026-11-22".to_owned(),
        ..ConsentGiven::default()
    }
}

fn recording(case: &str, consent: ConsentGiven) -> RecordConsentRequest {
    RecordConsentRequest {
        command_id: fresh_id(),
        case_id: case.to_owned(),
        consent: Some(consent),
        ..RecordConsentRequest::default()
    }
}

async fn record(client: &mut Client, request: &RecordConsentRequest) -> Result<RecordConsentResponse, Status> {
    Ok(client.record_consent(request.clone()).await?.into_inner())
}

fn denied_by(held: &[HeldBack]) -> Vec<(DataCategory, Vec<String>)> {
    held.iter().map(|held| (held.category(), held.denied_by.clone())).collect()
}

/// A case with one person; case and person.
async fn case_with_person(client: &mut Client) -> (String, String) {
    let (case, person) = (open_case(client).await, fresh_id());
    acknowledged(client, vec![identified(&case, &person, PersonRole::PotentialVictim, "Tremblay")]).await;
    (case, person)
}

#[tokio::test]
async fn a_refusal_that_is_not_superseded_is_told_at_once_and_again_to_a_repetition() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, person) = case_with_person(&mut desk).await;
    let refusal = ConsentRefused {
        consent_id: fresh_id(),
        subject_id: person.clone(),
        recipient: to_police(),
        denied: vec![DataCategory::Identity.into()],
    };
    acknowledged(&mut desk, vec![new_event(&case, Payload::ConsentRefused(refusal.clone()))]).await;

    let request = recording(&case, consent(&person));
    let first = record(&mut desk, &request).await.unwrap();
    assert!(!first.repeated_command);
    assert_eq!(denied_by(&first.held_back), [(DataCategory::Identity, vec![refusal.consent_id.clone()])]);

    // What happens afterwards changes nothing about the answer to this command.
    let superseding = ConsentGiven { supersedes: vec![refusal.consent_id.clone()], ..consent(&person) };
    let second = record(&mut desk, &recording(&case, superseding)).await.unwrap();
    assert_eq!(denied_by(&second.held_back), []);
    let again = record(&mut desk, &request).await.unwrap();
    assert!(again.repeated_command);
    assert_eq!((again.acknowledgement, again.held_back), (first.acknowledgement, first.held_back));
    house.world.stop().await;
}

#[tokio::test]
async fn what_keeps_a_consent_itself_from_counting_is_told_for_each_category() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, person) = case_with_person(&mut desk).await;
    let not_free = ConsentGiven { speaking_freely: Answer::No.into(), ..consent(&person) };
    let answer = record(&mut desk, &recording(&case, not_free)).await.unwrap();
    let told: Vec<_> = answer.held_back.iter().map(|held| (held.category(), held.reasons.clone())).collect();
    let not_free = vec![i32::from(ReasonCode::ConsentNotFree)];
    assert_eq!(told, [(DataCategory::Identity, not_free.clone()), (DataCategory::Situation, not_free)]);
    house.world.stop().await;
}

#[tokio::test]
async fn refusals_name_the_fields_of_this_request_and_nothing_is_recorded() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, person) = case_with_person(&mut desk).await;
    let missing = RecordConsentRequest { consent: None, ..recording(&case, ConsentGiven::default()) };
    assert_eq!(fields(&record(&mut desk, &missing).await.unwrap_err()), ["consent"]);
    let nothing_for = ConsentGiven { purposes: Vec::new(), ..consent(&person) };
    let refused = record(&mut desk, &recording(&case, nothing_for)).await.unwrap_err();
    assert_eq!(fields(&refused), ["consent.purposes"]);
    let of_nobody = record(&mut desk, &recording(&case, consent(&fresh_id()))).await.unwrap_err();
    assert_eq!(rules(&of_nobody), ["subject_unknown"]);
    let moved = RecordConsentRequest {
        expected: vec![StreamExpectation { stream_id: case.clone(), revision: 7 }],
        ..recording(&case, consent(&person))
    };
    assert_eq!(record(&mut desk, &moved).await.unwrap_err().code(), Code::Aborted);
    let mut form = house.service(&url, "web-form");
    let refused = record(&mut form, &recording(&case, consent(&person))).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(read(&mut desk, reading(&case)).await.len(), 2);
    house.world.stop().await;
}
