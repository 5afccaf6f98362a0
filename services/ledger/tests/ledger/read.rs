//! Reading: who sees what, and that every look is recorded before the answer.

use std::collections::BTreeSet;

use egide_servicekit::clock;
use egide_testkit::{fresh_id, within};
use egide_wire::proto::egide::audit::v1::access_event::Payload as Access;
use egide_wire::proto::egide::audit::v1::{AccessEvent, AccessReason, AccessRecorded, AccessScope};
use egide_wire::proto::egide::case::v1::PersonRole;
use egide_wire::proto::egide::ledger::v1::{OpenState, ReadCaseRequest, WatchCaseRequest};
use prost::Message as _;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::house::*;

async fn accesses(house: &House) -> Vec<(String, AccessRecorded)> {
    let mut found = Vec::new();
    for block in house.log().await {
        for (_, _, event) in block.events().filter(|(_, _, event)| event.kind == "access.recorded") {
            let payload = AccessEvent::decode(event.facts.as_slice()).unwrap().payload;
            let Some(Access::AccessRecorded(access)) = payload else { panic!("no access") };
            found.push((event.actor.as_ref().unwrap().person.clone(), access));
        }
    }
    found
}

#[tokio::test]
async fn a_look_by_a_person_is_recorded_before_the_answer_and_one_by_a_service_is_not() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = open_case(&mut desk).await;
    let mut disclosure = house.service(&url, "disclosure");
    assert_eq!(read(&mut disclosure, ReadCaseRequest { case_id: case.clone(), ..Default::default() }).await.len(), 1);
    assert_eq!(accesses(&house).await, []);
    let answer = desk.read_case(ReadCaseRequest { open: true, ..reading(&case) }).await.unwrap().into_inner();
    let recorded = accesses(&house).await;
    let [(person, access)] = recorded.as_slice() else { panic!("one look, {} recorded", recorded.len()) };
    assert_eq!((person.as_str(), access.case_id.as_str()), ("amelie.roy", case.as_str()));
    assert!(access.scope() == AccessScope::CaseOpened && access.reason() == AccessReason::WorkingTheCase);
    assert_eq!((answer.position, answer.revision), (2, 1), "the look stands before the answer and bumps no revision");
    house.world.stop().await;
}

#[tokio::test]
async fn looking_for_a_case_that_is_not_there_is_recorded_too() {
    let (house, url) = House::with_ledger().await;
    let missing = fresh_id();
    let status = house.responder(&url).read_case(reading(&missing)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let recorded = accesses(&house).await;
    assert_eq!(recorded.iter().map(|(_, access)| access.case_id.as_str()).collect::<Vec<_>>(), [missing]);
    house.world.stop().await;
}

#[tokio::test]
async fn a_person_says_why_and_compliance_and_services_never_see_identifying_data() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, person) = (open_case(&mut desk).await, fresh_id());
    acknowledged(&mut desk, vec![identified(&case, &person, PersonRole::Caller, "Tremblay")]).await;
    let without_reason = ReadCaseRequest { reason: 0, ..reading(&case) };
    assert_eq!(fields(&desk.read_case(without_reason).await.unwrap_err()), ["reason"]);
    let open = || ReadCaseRequest { open: true, ..reading(&case) };
    let mut compliance = house.compliance(&url);
    assert_eq!(compliance.read_case(open()).await.unwrap_err().code(), Code::PermissionDenied);
    let both = house.world.identity().person("console", "jo.chen", &["compliance", "responder"], None);
    let mut both = house.client(&url, both);
    assert_eq!(both.read_case(open()).await.unwrap_err().code(), Code::PermissionDenied);
    let mut disclosure = house.service(&url, "disclosure");
    assert_eq!(disclosure.read_case(open()).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(accesses(&house).await, [], "nobody was let in");
    let facts = read(&mut compliance, reading(&case)).await;
    assert_eq!(family_name(&facts[1]), "");
    assert!(facts[1].open_state() == OpenState::Sealed && facts[0].open_state() == OpenState::Unspecified);
    assert_eq!(family_name(&read(&mut desk, open()).await[1]), "Tremblay");
    house.world.stop().await;
}

#[tokio::test]
async fn a_case_is_read_in_pages_that_say_where_to_go_on() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = open_case(&mut desk).await;
    for _ in 0..6 {
        acknowledged(&mut desk, vec![triaged(&case), triaged(&case)]).await;
    }
    let mut revisions = Vec::new();
    let mut request = ReadCaseRequest { page_size: 4, ..reading(&case) };
    loop {
        let page = desk.read_case(request.clone()).await.unwrap().into_inner();
        assert!(page.events.len() <= 4 && page.revision == 13);
        revisions.extend(page.events.iter().map(|event| event.revision));
        if page.next_revision == 0 {
            break;
        }
        request.from_revision = page.next_revision;
    }
    assert_eq!(revisions, (1..=13).collect::<Vec<_>>());
    let beyond = ReadCaseRequest { from_revision: 14, ..reading(&case) };
    assert_eq!(read(&mut desk, beyond).await.len(), 0);
    let too_many = ReadCaseRequest { page_size: 501, ..reading(&case) };
    assert_eq!(fields(&desk.read_case(too_many).await.unwrap_err()), ["page_size"]);
    house.world.stop().await;
}

#[tokio::test]
async fn a_reader_waits_for_the_position_it_wants_but_not_for_ever() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = fresh_id();
    let position = acknowledged(&mut desk, vec![opened(&case)]).await.events[0].position;
    assert_eq!(read(&mut desk, ReadCaseRequest { min_position: position, ..reading(&case) }).await.len(), 1);
    let far = ReadCaseRequest { min_position: position + 1_000, ..reading(&case) };
    assert_eq!(rules(&desk.read_case(far).await.unwrap_err()), ["position_not_reached"]);
    house.world.stop().await;
}

#[tokio::test]
async fn after_a_key_is_gone_the_facts_still_decode_and_nothing_more_is_sealed_under_it() {
    let (mut house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, gone, stays) = (open_case(&mut desk).await, fresh_id(), fresh_id());
    let first = command(vec![identified(&case, &gone, PersonRole::Caller, "Tremblay")]);
    let answer = append(&mut desk, &first).await.unwrap();
    acknowledged(&mut desk, vec![identified(&case, &stays, PersonRole::ThirdParty, "Singh")]).await;
    house.stop_ledger().await;
    assert!(house.bucket().await.delete(&format!("subject.{case}.{gone}")).await.unwrap());
    let url = house.start("ledger", clock::now).await;
    let mut desk = house.responder(&url);
    let events = read(&mut desk, ReadCaseRequest { open: true, ..reading(&case) }).await;
    assert_eq!((family_name(&events[1]), family_name(&events[2])), ("", "Singh"));
    assert!(events[1].open_state() == OpenState::Shredded && events[2].open_state() == OpenState::Opened);
    assert_eq!(events[1].kind, "case.person_identified");
    let more = append(&mut desk, &command(vec![identified(&case, &gone, PersonRole::Child, "Tremblay")])).await;
    assert_eq!(rules(&more.unwrap_err()), ["data_erased"]);
    let repeated = append(&mut desk, &first).await.unwrap();
    assert_eq!(repeated.acknowledgement, answer.acknowledgement, "the first result stands all the same");
    acknowledged(&mut desk, vec![triaged(&case)]).await;
    house.world.stop().await;
}

#[tokio::test]
async fn a_watcher_sees_the_facts_as_they_are_recorded() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, person) = (open_case(&mut desk).await, fresh_id());
    let mut watcher = house.service(&url, "disclosure");
    let request = WatchCaseRequest { case_id: case.clone(), from_revision: 0 };
    let mut events = watcher.watch_case(request.clone()).await.unwrap().into_inner();
    acknowledged(&mut desk, vec![identified(&case, &person, PersonRole::Caller, "Tremblay"), triaged(&case)]).await;
    for revision in 1..=3 {
        let event = within("an event", events.message()).await.unwrap().unwrap().event.unwrap();
        assert_eq!(event.revision, revision);
        if revision == 2 {
            assert_eq!(family_name(&event), "");
        }
    }
    acknowledged(&mut desk, vec![triaged(&case)]).await;
    assert_eq!(within("an event", events.message()).await.unwrap().unwrap().event.unwrap().revision, 4);
    let person = desk.watch_case(request).await.unwrap_err();
    assert_eq!(person.code(), Code::PermissionDenied);
    let missing = WatchCaseRequest { case_id: fresh_id(), from_revision: 0 };
    assert_eq!(watcher.watch_case(missing).await.unwrap_err().code(), Code::NotFound);
    house.world.stop().await;
}

#[tokio::test]
async fn whoever_looks_too_often_waits_and_recording_goes_on() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = open_case(&mut desk).await;
    let mut codes = BTreeSet::new();
    let refused = loop {
        match desk.read_case(reading(&case)).await {
            Ok(_) => assert!(codes.len() < 10_000),
            Err(status) => break status,
        }
        codes.insert(codes.len());
    };
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let wait = refused.get_details_retry_info().and_then(|info| info.retry_delay).unwrap();
    assert!(!wait.is_zero() && wait.as_secs() <= 1);
    assert!(codes.len() >= 120);
    acknowledged(&mut desk, vec![triaged(&case)]).await;
    house.world.stop().await;
}
