//! Appending: what is acknowledged stands in the log, once, and sealed.

use egide_crypto::digest::sha256_parts;
use egide_crypto::sign::Signature;
use egide_servicekit::clock;
use egide_testkit::{Markers, fresh_id};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, OpenState, ReadCaseRequest};
use egide_wire::split::split;
use prost::Message as _;
use tonic::Code;

use crate::house::*;

#[tokio::test]
async fn what_is_appended_is_read_back_in_order_with_who_did_it() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, person) = (fresh_id(), fresh_id());
    let acknowledged = acknowledged(
        &mut desk,
        vec![opened(&case), identified(&case, &person, PersonRole::Caller, "Tremblay"), situated(&case, &person)],
    )
    .await;
    let events = read(&mut desk, ReadCaseRequest { open: true, ..reading(&case) }).await;
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["case.opened", "case.person_identified", "case.situation_recorded"]);
    assert_eq!(family_name(&events[1]), "Tremblay");
    for (index, (event, appended)) in events.iter().zip(&acknowledged.events).enumerate() {
        assert_eq!(event.event_id, appended.event_id);
        assert_eq!((event.revision, event.position), (appended.revision, appended.position));
        assert_eq!(event.revision, u64::try_from(index).unwrap() + 1);
        let actor = event.actor.as_ref().unwrap();
        assert_eq!((actor.service.as_str(), actor.person.as_str()), ("telephony-desk", "amelie.roy"));
        assert_eq!(actor.role, "responder");
    }
    house.world.stop().await;
}

#[tokio::test]
async fn an_acknowledgement_is_signed_and_names_the_digest_of_the_facts() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, person) = (open_case(&mut desk).await, fresh_id());
    let event = identified(&case, &person, PersonRole::Caller, "Tremblay");
    let mut acknowledged = acknowledged(&mut desk, vec![event.clone()]).await;
    let signature = Signature::try_from(std::mem::take(&mut acknowledged.signature).as_slice()).unwrap();
    let public_key = house.signing_key.public_key();
    assert_eq!(acknowledged.key_id, public_key.key_id().to_string());
    public_key.verify("egide/acknowledgement/v1", &acknowledged.encode_to_vec(), &signature).unwrap();
    let Some(egide_wire::proto::egide::ledger::v1::new_event::Payload::CaseEvent(payload)) = event.payload else {
        panic!("a case event");
    };
    let digest = sha256_parts("egide/facts/v1", &[&split(&payload).unwrap().facts]);
    assert_eq!(acknowledged.events[0].facts_digest, digest.as_bytes());
    house.world.stop().await;
}

#[tokio::test]
async fn a_repeated_command_gets_the_first_result_also_after_a_restart_and_a_rebuild() {
    let (mut house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = fresh_id();
    let request = command(vec![opened(&case)]);
    let first = append(&mut desk, &request).await.unwrap();
    assert!(!first.repeated_command);
    let again = append(&mut desk, &request).await.unwrap();
    assert!(again.repeated_command);
    assert_eq!(again.acknowledgement, first.acknowledgement);

    house.stop_ledger().await;
    let url = house.start("ledger", clock::now).await;
    let again = append(&mut house.responder(&url), &request).await.unwrap();
    assert_eq!((again.repeated_command, &again.acknowledgement), (true, &first.acknowledgement));

    house.stop_ledger().await;
    std::fs::remove_dir_all(house.projection("ledger")).unwrap();
    let url = house.start("ledger", clock::now).await;
    let mut desk = house.responder(&url);
    let again = append(&mut desk, &request).await.unwrap();
    assert_eq!((again.repeated_command, &again.acknowledgement), (true, &first.acknowledgement));

    let other = AppendRequest { events: vec![opened(&fresh_id())], ..request };
    assert_eq!(append(&mut desk, &other).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(read(&mut desk, reading(&case)).await.len(), 1);
    house.world.stop().await;
}

#[tokio::test]
async fn the_same_command_sent_many_times_at_once_is_appended_once() {
    let (house, url) = House::with_ledger().await;
    let desk = house.responder(&url);
    let case = fresh_id();
    let request = command(vec![opened(&case)]);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (mut desk, request) = (desk.clone(), request.clone());
            tokio::spawn(async move { append(&mut desk, &request).await.unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| !answer.repeated_command).count(), 1);
    assert!(answers.iter().all(|answer| answer.acknowledgement == answers[0].acknowledgement));
    house.world.stop().await;
}

#[tokio::test]
async fn a_command_id_belongs_to_its_emitter_and_its_content_to_its_person() {
    let (house, url) = House::with_ledger().await;
    let request = command(vec![opened(&fresh_id())]);
    append(&mut house.responder(&url), &request).await.unwrap();
    let colleague = house.world.identity().person("telephony-desk", "noor.ali", &["responder"], None);
    let by_a_colleague = append(&mut house.client(&url, colleague), &request).await.unwrap_err();
    assert_eq!(by_a_colleague.code(), Code::AlreadyExists);
    let other = AppendRequest { events: vec![opened(&fresh_id())], ..request };
    assert!(append(&mut house.supervisor(&url), &other).await.is_ok(), "another service has ids of its own");
    house.world.stop().await;
}

#[tokio::test]
async fn a_wrong_revision_is_aborted_and_a_right_one_is_not() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = fresh_id();
    append(&mut desk, &expecting(command(vec![opened(&case)]), &case, 0)).await.unwrap();
    let status = append(&mut desk, &expecting(command(vec![triaged(&case)]), &case, 7)).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert_eq!(status.message(), format!("stream `{case}` is at revision `1`, not `7`; read it and decide again"));
    append(&mut desk, &expecting(command(vec![triaged(&case)]), &case, 1)).await.unwrap();
    house.world.stop().await;
}

#[tokio::test]
async fn a_command_over_two_cases_is_appended_whole_or_not_at_all() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (one, two) = (open_case(&mut desk).await, fresh_id());
    let half_wrong = expecting(command(vec![triaged(&one), opened(&two)]), &one, 9);
    assert_eq!(append(&mut desk, &half_wrong).await.unwrap_err().code(), Code::Aborted);
    let not_open = command(vec![triaged(&one), triaged(&two)]);
    assert_eq!(rules(&append(&mut desk, &not_open).await.unwrap_err()), ["case_unknown"]);
    assert_eq!(read(&mut desk, reading(&one)).await.len(), 1);
    assert_eq!(desk.read_case(reading(&two)).await.unwrap_err().code(), Code::NotFound);
    let both = acknowledged(&mut desk, vec![triaged(&one), opened(&two)]).await;
    assert_eq!(both.events.iter().map(|event| event.revision).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(both.events[0].position + 1, both.events[1].position);
    house.world.stop().await;
}

#[tokio::test]
async fn nothing_that_identifies_somebody_stands_in_nats_or_in_the_projection() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let markers = Markers::new();
    let (case, person, narrative) = (fresh_id(), fresh_id(), fresh_id());
    let contact = ContactRecorded {
        subject_id: person.clone(),
        phones: vec![markers.digits().chars().take(15).collect()],
        emails: vec![format!("{}@example.org", markers.word())],
        handles: vec![markers.word()],
        ..ContactRecorded::default()
    };
    let told = NarrativeRecorded {
        narrative_id: narrative,
        subject_ids: vec![person.clone()],
        text: format!("{} and {}", markers.word(), markers.word()),
        ..NarrativeRecorded::default()
    };
    let name = markers.word();
    acknowledged(
        &mut desk,
        vec![
            opened(&case),
            identified(&case, &person, PersonRole::PotentialVictim, &name),
            new_event(&case, Payload::ContactRecorded(contact)),
            new_event(&case, Payload::NarrativeRecorded(told)),
        ],
    )
    .await;
    let events = read(&mut desk, ReadCaseRequest { open: true, ..reading(&case) }).await;
    assert_eq!(family_name(&events[1]), name);
    assert!(events[1..].iter().all(|event| event.open_state() == OpenState::Opened));
    assert_eq!(markers.find_below(house.world.data()), []);
    house.world.stop().await;
}

#[tokio::test]
async fn a_restart_continues_where_it_stopped() {
    let (mut house, url) = House::with_ledger().await;
    let case = open_case(&mut house.responder(&url)).await;
    for _ in 0..3 {
        house.stop_ledger().await;
        let url = house.start("ledger", clock::now).await;
        acknowledged(&mut house.responder(&url), vec![triaged(&case)]).await;
    }
    let blocks = house.log().await;
    let revisions: Vec<_> =
        blocks.iter().flat_map(|block| block.events().map(|(_, _, event)| event.revision)).collect();
    assert_eq!(revisions, [1, 2, 3, 4]);
    house.world.stop().await;
}
