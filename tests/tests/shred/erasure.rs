//! Promise 10, by command: a hold outranks it, everybody loses the data, and the history stays.

use std::time::Duration;

use egide_testkit::{fresh_id, wait_until};
use egide_tests::case::{outcome, reasons};
use egide_tests::log::Facts;
use egide_tests::{Role, World, events, who};
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::audit::v1::{AccessReason, AccountForPersonRequest};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    Answer, HoldGround, HoldLiftReason, IdentityProof, KeyShredded, LegalHoldLifted, LegalHoldPlaced, Outcome,
    ShredGround, ShredScope,
};
use egide_wire::proto::egide::ledger::v1::{GetKeysRequest, OpenState};
use tonic::Code;

const PATIENCE: Duration = Duration::from_secs(10);
const WANTED: &[DataCategory] = &[DataCategory::Situation, DataCategory::Whereabouts];

fn asked_for(person: &str) -> Payload {
    Payload::KeyShredded(KeyShredded {
        scope: ShredScope::Person.into(),
        subject_id: person.to_owned(),
        ground: ShredGround::PersonAsked.into(),
        proof: IdentityProof::Phrase.into(),
        speaking_freely: Answer::Yes.into(),
        ..KeyShredded::default()
    })
}

/// Seen to fail without `self.facts.legal_hold()` (`libs/domain/src/admit.rs`, `check_shred`); without `person.erased`
/// (`libs/domain/src/decide.rs`, `go_through`); and with a key that opens although it is closed
/// (`services/ledger/src/keyring.rs`, `is_closed`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p10_erased_on_request_nothing_opens_for_anybody_and_what_was_disclosed_stays_known() {
    let world = World::start().await;
    let police = world.police().register().await;
    let case = world.case().victim().suspect().triaged().open().await;
    let consent = case.consent(&police, WANTED).await;
    let referral = case.release(&police, WANTED).await;
    police.fetch(&referral).await.expect("before");

    let hold_id = fresh_id();
    let ground = HoldGround::RequestPending.into();
    let hold = LegalHoldPlaced { hold_id: hold_id.clone(), ground, reference: "a request".to_owned() };
    case.append(&who::supervisor(), vec![Payload::LegalHoldPlaced(hold)]).await.expect("a hold");
    let held = case.append(&who::supervisor(), vec![asked_for(&case.victim)]).await.unwrap_err();
    assert_eq!(held.code(), Code::FailedPrecondition, "{held}");
    let lift = LegalHoldLifted { hold_id, reason: HoldLiftReason::Ended.into() };
    case.append(&who::other_supervisor(), vec![Payload::LegalHoldLifted(lift)]).await.expect("lifted");
    case.append(&who::supervisor(), vec![asked_for(&case.victim)]).await.expect("erased");

    for restarted in [false, true] {
        if restarted {
            world.stop_role(Role::Ledger).await;
            world.start_role(Role::Ledger).await;
        }
        let page = case.read(&who::supervisor(), true).await.unwrap();
        let of_victim = page.events.iter().filter(|event| event.kind == "case.person_identified");
        let states: Vec<_> = of_victim.map(|event| event.open_state()).collect();
        assert!(states.contains(&OpenState::Shredded) && states.contains(&OpenState::Opened), "the suspect stays");
        assert_eq!(police.fetch(&referral).await.unwrap_err().code(), Code::NotFound, "the stored report is gone");
        let denied = case.request(&police, WANTED).await.expect("the gate decides");
        assert_eq!(outcome(&denied), Some(Outcome::Deny));
        assert!(reasons(&denied).contains("DATA_ERASED"), "{}", reasons(&denied));
    }
    let bucket = world.bucket().await;
    let key = format!("subject.{}.{}", case.id, case.victim);
    wait_until("the entry to go", PATIENCE, async || bucket.get(&key).await.unwrap().is_none()).await;

    // What stays: who received what, and taking back.
    let account = AccountForPersonRequest {
        case_id: case.id.clone(),
        subject_id: case.victim.clone(),
        reason: AccessReason::PersonAsked.into(),
        ..AccountForPersonRequest::default()
    };
    let account = world.audit(&who::compliance()).account_for_person(account).await.unwrap().into_inner();
    assert!(account.entries.iter().any(|entry| entry.unit_id == police.id), "the account names the recipient");
    case.withdraw(&consent).await;
    let more = case.append(&who::responder(), vec![events::health(&case.victim, "a condition")]).await.unwrap_err();
    assert_eq!(more.code(), Code::FailedPrecondition, "nothing new is recorded about somebody erased");

    // Closed; erased only when no key that wrapped it is left.
    let keys = world.keys(Role::Ledger, &who::compliance()).get_keys(GetKeysRequest::default()).await.unwrap();
    let keys = keys.into_inner();
    assert_eq!((keys.shreds, keys.shreds_pending, keys.erased_before), (1, 0, None));
    let log = world.walk().await;
    let shred = log.iter().find(|entry| matches!(&entry.facts, Facts::Case(Payload::KeyShredded(_)))).unwrap();
    assert!(shred.event.sealed.is_empty() && !shred.event.actor.as_ref().unwrap().person.is_empty());
    world.stop(|_| ()).await;
}
