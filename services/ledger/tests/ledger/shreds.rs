//! Shredding: from the event on nothing is sealed or opened, at any instance; then the entries go, and stay away.

use egide_crypto::wrap::KeyEncryptionKey;
use egide_eventlog::KeyBucket;
use egide_ledger::Config;
use egide_servicekit::clock;
use egide_testkit::{fresh_id, wait_until};
use egide_vault::KeyEncryptionKeys;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::ledger::v1::{NewEvent, OpenState, ReadCaseRequest, RecordedEvent};
use std::time::Duration;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::house::*;

const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn shredded(case: &str, scope: ShredScope, id: &str) -> NewEvent {
    let mut shred =
        KeyShredded { scope: scope.into(), ground: ShredGround::RecordedInError.into(), ..KeyShredded::default() };
    match scope {
        ShredScope::Person => id.clone_into(&mut shred.subject_id),
        ShredScope::Narrative => id.clone_into(&mut shred.narrative_id),
        ShredScope::Case | ShredScope::Unspecified => {}
    }
    new_event(case, Payload::KeyShredded(shred))
}

fn told(case: &str, narrative: &str, people: &[&str]) -> NewEvent {
    let narrative = NarrativeRecorded {
        narrative_id: narrative.to_owned(),
        subject_ids: people.iter().map(|person| (*person).to_owned()).collect(),
        text: "what was told".to_owned(),
        ..NarrativeRecorded::default()
    };
    new_event(case, Payload::NarrativeRecorded(narrative))
}

fn closed(case: &str) -> NewEvent {
    new_event(case, Payload::CaseClosed(CaseClosed { closure: CaseClosure::Closed.into() }))
}

fn held(case: &str, hold: &str) -> NewEvent {
    let placed = LegalHoldPlaced {
        hold_id: hold.to_owned(),
        ground: HoldGround::Preservation.into(),
        reference: "a reference".to_owned(),
    };
    new_event(case, Payload::LegalHoldPlaced(placed))
}

fn lifted(case: &str, hold: &str) -> NewEvent {
    let reason = HoldLiftReason::Ended.into();
    new_event(case, Payload::LegalHoldLifted(LegalHoldLifted { hold_id: hold.to_owned(), reason }))
}

/// A case in which one narrative speaks of the first person and another one of the second.
struct Case {
    id: String,
    people: [String; 2],
    narratives: [String; 2],
}

impl Case {
    async fn tell(desk: &mut Client) -> Self {
        let ids = || [fresh_id(), fresh_id()];
        let case = Self { id: fresh_id(), people: ids(), narratives: ids() };
        let [one, two] = &case.people;
        acknowledged(
            desk,
            vec![
                NewEvent { ..with_language(&case.id) },
                identified(&case.id, one, PersonRole::PotentialVictim, "Tremblay"),
                identified(&case.id, two, PersonRole::Caller, "Singh"),
                told(&case.id, &case.narratives[0], &[one, two]),
                told(&case.id, &case.narratives[1], &[two]),
            ],
        )
        .await;
        case
    }

    fn keys(&self) -> [String; 5] {
        let [one, two] = &self.people;
        let [first, second] = &self.narratives;
        let id = &self.id;
        [
            format!("case.{id}"),
            format!("subject.{id}.{one}"),
            format!("subject.{id}.{two}"),
            format!("narrative.{id}.{first}"),
            format!("narrative.{id}.{second}"),
        ]
    }

    /// Which of the case's five sealed events open for staff.
    async fn opens(&self, desk: &mut Client) -> [bool; 5] {
        let events = read(desk, ReadCaseRequest { open: true, ..reading(&self.id) }).await;
        let states: Vec<OpenState> = events.iter().take(5).map(RecordedEvent::open_state).collect();
        assert!(states.iter().all(|state| matches!(state, OpenState::Opened | OpenState::Shredded)));
        states.iter().map(|state| *state == OpenState::Opened).collect::<Vec<_>>().try_into().unwrap()
    }

    async fn entries(&self, bucket: &KeyBucket) -> [bool; 5] {
        let mut there = [false; 5];
        for (key, there) in self.keys().iter().zip(&mut there) {
            *there = bucket.get(key).await.unwrap().is_some();
        }
        there
    }

    async fn entries_become(&self, bucket: &KeyBucket, expected: [bool; 5]) {
        wait_until("the entries of shredded keys to go", PATIENCE, async || self.entries(bucket).await == expected)
            .await;
    }
}

/// The opening of a case, with something in it that is sealed under the case's own key.
fn with_language(case: &str) -> NewEvent {
    let opened = CaseOpened {
        channel: Channel::Phone.into(),
        language: Language::Other.into(),
        language_tag: "pa".to_owned(),
        ..CaseOpened::default()
    };
    new_event(case, Payload::CaseOpened(opened))
}

#[tokio::test]
async fn every_scope_closes_what_it_names_and_no_more_and_the_entries_go() {
    let (house, url) = House::with_ledger().await;
    let (mut desk, mut supervisor) = (house.responder(&url), house.supervisor(&url));
    let bucket = house.bucket().await;
    let (person, narrative, whole) =
        (Case::tell(&mut desk).await, Case::tell(&mut desk).await, Case::tell(&mut desk).await);
    assert_eq!(person.opens(&mut desk).await, [true; 5]);

    acknowledged(&mut supervisor, vec![shredded(&person.id, ShredScope::Person, &person.people[0])]).await;
    assert_eq!(person.opens(&mut desk).await, [true, false, true, false, true]);
    person.entries_become(&bucket, [true, false, true, false, true]).await;

    let second = &narrative.narratives[1];
    acknowledged(&mut supervisor, vec![shredded(&narrative.id, ShredScope::Narrative, second)]).await;
    assert_eq!(narrative.opens(&mut desk).await, [true, true, true, true, false]);
    narrative.entries_become(&bucket, [true, true, true, true, false]).await;

    acknowledged(&mut desk, vec![closed(&whole.id)]).await;
    acknowledged(&mut supervisor, vec![shredded(&whole.id, ShredScope::Case, "")]).await;
    assert_eq!(whole.opens(&mut desk).await, [false; 5]);
    whole.entries_become(&bucket, [false; 5]).await;
    assert_eq!(person.entries(&bucket).await, [true, false, true, false, true], "another case's keys stay");
    house.world.stop().await;
}

#[tokio::test]
async fn with_a_whole_case_go_keys_too_that_an_attempt_left_behind_which_never_was_committed() {
    let (house, url) = House::with_ledger().await;
    let (mut desk, mut supervisor) = (house.responder(&url), house.supervisor(&url));
    let case = Case::tell(&mut desk).await;
    let left = format!("subject.{}.{}", case.id, fresh_id());
    let bucket = house.bucket().await;
    bucket.create_if_absent(&left, b"wrapped".to_vec().into()).await.unwrap();
    acknowledged(&mut desk, vec![closed(&case.id)]).await;
    acknowledged(&mut supervisor, vec![shredded(&case.id, ShredScope::Case, "")]).await;
    wait_until("it to go", PATIENCE, async || bucket.get(&left).await.unwrap().is_none()).await;
    house.world.stop().await;
}

#[tokio::test]
async fn a_hold_blocks_every_shred_and_is_named_and_lifting_it_unblocks() {
    let (house, url) = House::with_ledger().await;
    let (mut desk, mut supervisor, mut compliance) =
        (house.responder(&url), house.supervisor(&url), house.compliance(&url));
    let (case, hold) = (Case::tell(&mut desk).await, fresh_id());
    let shred = || command(vec![shredded(&case.id, ShredScope::Person, &case.people[0])]);
    acknowledged(&mut supervisor, vec![held(&case.id, &hold)]).await;
    let refused = append(&mut compliance, &shred()).await.unwrap_err();
    assert_eq!(rules(&refused), ["legal_hold"]);
    let details = refused.get_details_precondition_failure().unwrap();
    assert!(details.violations[0].description.contains(&hold), "{:?}", details.violations);
    let same = append(&mut supervisor, &command(vec![lifted(&case.id, &hold)])).await;
    assert_eq!(rules(&same.unwrap_err()), ["same_person"]);
    acknowledged(&mut compliance, vec![lifted(&case.id, &hold)]).await;
    append(&mut compliance, &shred()).await.unwrap();
    assert_eq!(case.opens(&mut desk).await, [true, false, true, false, true]);
    let mut responder = house.responder(&url);
    let refused = append(&mut responder, &command(vec![held(&case.id, &fresh_id())])).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    house.world.stop().await;
}

#[tokio::test]
async fn what_another_instance_sealed_a_moment_before_loses_the_race_and_the_retry_is_refused_too() {
    let mut house = House::new().await;
    let urls = [house.start("one", clock::now).await, house.start("two", clock::now).await];
    let (mut one, mut two) = (house.supervisor(&urls[0]), house.responder(&urls[1]));
    for _ in 0..10 {
        let case = Case::tell(&mut two).await;
        // The other instance has the key in its cache: it seals, and learns of the shred at the fence only.
        acknowledged(&mut one, vec![shredded(&case.id, ShredScope::Person, &case.people[0])]).await;
        let late = command(vec![situated(&case.id, &case.people[0])]);
        let refused = append(&mut two, &late).await.unwrap_err();
        assert_eq!(rules(&refused), ["data_erased"]);
        assert_eq!(case.opens(&mut two).await, [true, false, true, false, true]);
    }
    house.world.stop().await;
}

#[tokio::test]
async fn a_key_that_comes_back_with_an_older_bucket_is_deleted_before_anything_is_served() {
    let (mut house, url) = House::with_ledger().await;
    let (mut desk, mut supervisor) = (house.responder(&url), house.supervisor(&url));
    let case = Case::tell(&mut desk).await;
    house.stop_ledger().await;
    let copy = house.copy_of_bucket().await;
    let url = house.start("ledger", clock::now).await;
    (desk, supervisor) = (house.responder(&url), house.supervisor(&url));
    acknowledged(&mut supervisor, vec![shredded(&case.id, ShredScope::Person, &case.people[0])]).await;
    let bucket = house.bucket().await;
    case.entries_become(&bucket, [true, false, true, false, true]).await;
    house.stop_ledger().await;
    house.put_back(copy).await;
    let bucket = house.bucket().await;
    assert_eq!(case.entries(&bucket).await, [true; 5], "the copy holds them all");
    let url = house.start("ledger", clock::now).await;
    assert_eq!(case.entries(&bucket).await, [true, false, true, false, true]);
    assert_eq!(case.opens(&mut house.responder(&url)).await, [true, false, true, false, true]);
    drop((desk, supervisor));
    house.world.stop().await;
}

#[tokio::test]
async fn a_key_that_comes_back_under_a_running_ledger_opens_nothing() {
    let (mut house, url) = House::with_ledger().await;
    let (mut desk, mut supervisor) = (house.responder(&url), house.supervisor(&url));
    let case = Case::tell(&mut desk).await;
    let copy = house.copy_of_bucket().await;
    acknowledged(&mut supervisor, vec![shredded(&case.id, ShredScope::Person, &case.people[0])]).await;
    let bucket = house.bucket().await;
    case.entries_become(&bucket, [true, false, true, false, true]).await;
    house.put_back(copy).await;
    let bucket = house.bucket().await;
    assert_eq!(case.entries(&bucket).await, [true; 5], "the copy holds them all");
    // The ledger finds its way back to the restarted server by itself.
    wait_until("the ledger to answer", PATIENCE, async || {
        append(&mut desk, &command(vec![triaged(&case.id)])).await.is_ok()
    })
    .await;
    assert_eq!(case.opens(&mut desk).await, [true, false, true, false, true]);
    let more = append(&mut desk, &command(vec![situated(&case.id, &case.people[0])])).await;
    assert_eq!(rules(&more.unwrap_err()), ["data_erased"]);
    house.world.stop().await;
}

#[tokio::test]
async fn a_ledger_of_a_new_epoch_opens_what_the_old_one_wrapped() {
    let (mut house, url) = House::with_ledger().await;
    let case = Case::tell(&mut house.responder(&url)).await;
    house.stop_ledger().await;
    let new = KeyEncryptionKey::generate("next".parse().unwrap()).unwrap();
    let config = house.config("ledger", clock::now);
    let keys = KeyEncryptionKeys::new(new, vec![House::key_encryption_key()]).unwrap();
    let url = house.start_with(Config { key_encryption_keys: keys, ..config }).await;
    assert_eq!(case.opens(&mut house.responder(&url)).await, [true; 5]);
    house.world.stop().await;
}
