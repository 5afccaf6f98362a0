//! The house's own records: policies that are adopted, wordings, shifts.

use crate::house::*;
use egide_domain::house::HOUSE_STREAM;
use egide_domain::time::Timestamp;
use egide_servicekit::clock;
use egide_servicekit::policy::LoadedPolicy;
use egide_testkit::{adoption, fresh_id, policy, wording_digest};
use egide_wire::convert::{files_of, policy_adopted};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    Answer, ConsentGiven, ConsentKind, ConsentMethod, ExceptionAsserted, ExceptionGround, ExceptionKind, GrantorKind,
    Language, PersonRole, Purpose, RecipientScope, recipient_scope,
};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::house::v1::house_event::Payload as Recorded;
use egide_wire::proto::egide::house::v1::house_service_client::HouseServiceClient;
use egide_wire::proto::egide::house::v1::{
    GetHouseRequest, GetHouseResponse, GetPolicyRequest, HouseEvent, ShiftEnded, ShiftStarted,
};
use egide_wire::proto::egide::ledger::v1::{NewEvent, new_event};
use tonic::Code;

fn in_house(payload: Recorded) -> NewEvent {
    NewEvent {
        stream_id: HOUSE_STREAM.to_owned(),
        payload: Some(new_event::Payload::HouseEvent(HouseEvent { payload: Some(payload) })),
        ..NewEvent::default()
    }
}

fn shift(hours: i64) -> NewEvent {
    let until = at(Timestamp(clock::now().0 + hours * 3_600_000));
    in_house(Recorded::ShiftStarted(ShiftStarted { until }))
}

async fn seen(house: &House, url: &str) -> GetHouseResponse {
    let credentials = house.world.identity().person("console", "marc.gagnon", &["supervisor"], None);
    let mut client = HouseServiceClient::new(house.world.upstream(url, credentials).as_service());
    client.get_house(GetHouseRequest {}).await.unwrap().into_inner()
}

#[tokio::test]
async fn compliance_adopts_a_policy_once_and_it_is_handed_out_whole() {
    let (house, url) = House::with_ledger().await;
    let refused = append(&mut house.supervisor(&url), &adoption()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(seen(&house, &url).await.policies.is_empty());
    let mut compliance = house.compliance(&url);
    append(&mut compliance, &adoption()).await.unwrap();
    let again = append(&mut compliance, &adoption()).await.unwrap_err();
    assert_eq!((again.code(), rules(&again)), (Code::FailedPrecondition, vec!["policy_adopted".to_owned()]));
    let known = seen(&house, &url).await.policies;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].digest, policy().digest().as_bytes());
    assert_eq!(known[0].adopted_by.as_ref().unwrap().role, "compliance");
    let credentials = house.world.identity().person("cli", "amelie.roy", &["responder"], None);
    let mut client = HouseServiceClient::new(house.world.upstream(&url, credentials).as_service());
    let answer = client.get_policy(GetPolicyRequest { digest: known[0].digest.clone() }).await.unwrap().into_inner();
    let read = LoadedPolicy::from_files(files_of(&answer.files).unwrap()).unwrap();
    assert_eq!((read.digest(), read.files()), (policy().digest(), policy().files()));
    let unknown = client.get_policy(GetPolicyRequest { digest: vec![9; 32] }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    house.world.stop().await;
}

#[tokio::test]
async fn a_policy_that_could_not_be_decided_under_is_not_adopted() {
    let (house, url) = House::with_ledger().await;
    let mut compliance = house.compliance(&url);
    let shipped = policy();
    let wrong = policy_adopted(shipped.policy().version(), &[1; 32], shipped.files());
    let mut request = adoption();
    request.events[0].payload = Some(new_event::Payload::HouseEvent(wrong));
    let refused = append(&mut compliance, &request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(fields(&refused), ["events[0].house_event.policy_adopted.digest"]);
    let mut request = adoption();
    request.events[0].stream_id = fresh_id();
    let elsewhere = append(&mut compliance, &request).await.unwrap_err();
    assert_eq!(fields(&elsewhere), ["events[0].stream_id"]);
    assert!(seen(&house, &url).await.policies.is_empty());
    house.world.stop().await;
}

fn consent(victim: &str, wording: &str, digest: Vec<u8>) -> ConsentGiven {
    ConsentGiven {
        consent_id: fresh_id(),
        subject_id: victim.to_owned(),
        kind: ConsentKind::DataSubject.into(),
        grantor: GrantorKind::Self_.into(),
        recipient: Some(RecipientScope { scope: Some(recipient_scope::Scope::UnitId(fresh_id())) }),
        purposes: vec![Purpose::SupportService.into()],
        permitted: vec![DataCategory::Contact.into()],
        method: ConsentMethod::Spoken.into(),
        wording_version: wording.to_owned(),
        wording_digest: digest,
        language: Language::French.into(),
        speaking_freely: Answer::Yes.into(),
        understood: Answer::Yes.into(),
        policy_version: "2026-11-22".to_owned(),
        ..ConsentGiven::default()
    }
}

#[tokio::test]
async fn a_consent_is_taken_only_under_a_wording_that_is_known_with_its_digest() {
    let (house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let (case, victim) = (fresh_id(), fresh_id());
    acknowledged(&mut desk, vec![opened(&case), identified(&case, &victim, PersonRole::PotentialVictim, "Victim")])
        .await;
    let path = |field: &str| vec![format!("events[0].case_event.consent_given.{field}")];
    let french = wording_digest("spoken-fr/3");
    for (wording, digest, at) in [
        ("spoken-fr/2", french.clone(), "wording_version"),
        ("spoken-fr/3", wording_digest("spoken-en/3"), "wording_digest"),
        ("spoken-fr/3", Vec::new(), "wording_digest"),
    ] {
        let given = new_event(&case, Payload::ConsentGiven(consent(&victim, wording, digest)));
        let refused = append(&mut desk, &command(vec![given])).await.unwrap_err();
        assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, path(at)));
    }
    acknowledged(&mut desk, vec![new_event(&case, Payload::ConsentGiven(consent(&victim, "spoken-fr/3", french)))])
        .await;
    house.world.stop().await;
}

#[tokio::test]
async fn a_responder_breaks_glass_only_while_no_supervisor_is_on_shift() {
    let (house, url) = House::with_ledger().await;
    let (mut desk, mut supervisor) = (house.responder(&url), house.supervisor(&url));
    let (case, victim) = (fresh_id(), fresh_id());
    acknowledged(&mut desk, vec![opened(&case), identified(&case, &victim, PersonRole::PotentialVictim, "Victim")])
        .await;
    let alone = || {
        let asserted = ExceptionAsserted {
            exception_id: fresh_id(),
            kind: ExceptionKind::ImminentDanger.into(),
            subject_ids: vec![victim.clone()],
            grounds: vec![ExceptionGround::Violence.into()],
            break_glass: true,
            ..ExceptionAsserted::default()
        };
        command(vec![new_event(&case, Payload::ExceptionAsserted(asserted))])
    };
    let too_long = append(&mut supervisor, &command(vec![shift(17)])).await.unwrap_err();
    assert_eq!(rules(&too_long), ["shift_too_long"]);
    acknowledged(&mut desk, vec![shift(8)]).await;
    append(&mut desk, &alone()).await.unwrap();
    acknowledged(&mut supervisor, vec![shift(8)]).await;
    let shifts = seen(&house, &url).await.shifts;
    let who: Vec<_> = shifts.iter().map(|shift| shift.actor.as_ref().unwrap().role.as_str()).collect();
    assert_eq!(who, ["responder", "supervisor"]);
    let refused = append(&mut desk, &alone()).await.unwrap_err();
    assert_eq!((refused.code(), rules(&refused)), (Code::FailedPrecondition, vec!["supervisor_on_shift".to_owned()]));
    append(&mut supervisor, &alone()).await.unwrap();
    acknowledged(&mut supervisor, vec![in_house(Recorded::ShiftEnded(ShiftEnded {}))]).await;
    append(&mut desk, &alone()).await.unwrap();
    house.world.stop().await;
}
