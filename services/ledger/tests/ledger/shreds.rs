//! Shredding: from the event on nothing is sealed or opened, at any instance; then the entries go, and stay away.

use egide_crypto::wrap::KeyEncryptionKey;
use egide_domain::time::Timestamp;
use egide_eventlog::{ConnectionConfig, KeyBucket};
use egide_ledger::Config;
use egide_servicekit::channel::Authenticated;
use egide_servicekit::clock;
use egide_testkit::{Fault, FaultProxy, fresh_id, wait_until, within};
use egide_vault::KeyEncryptionKeys;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::ledger::v1::key_service_client::KeyServiceClient;
use egide_wire::proto::egide::ledger::v1::{
    GetKeysRequest, GetKeysResponse, NewEvent, OpenState, ReadCaseRequest, RecordedEvent, RetireEpochRequest,
    RotateKeysRequest, RotateKeysResponse,
};
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
async fn a_command_repeated_at_an_instance_that_is_behind_has_its_first_result_though_the_key_is_gone() {
    let (mut house, url) = House::with_ledger().await;
    let nats = house.world.nats();
    let proxy = FaultProxy::start(nats.address()).await;
    let through = ConnectionConfig::new(proxy.url("nats")).with_user(nats.user(), nats.password());
    let behind = house.start_with(Config { nats: through, ..house.config("behind", clock::now) }).await;
    let (mut one, mut two) = (house.supervisor(&url), house.supervisor(&behind));
    let case = Case::tell(&mut house.responder(&url)).await;
    read(&mut two, reading(&case.id)).await;
    // That there are new blocks is not heard.
    proxy.set(Fault::SwallowReplies);
    let said = command(vec![situated(&case.id, &case.people[0])]);
    let first = append(&mut one, &said).await.unwrap();
    acknowledged(&mut one, vec![shredded(&case.id, ShredScope::Person, &case.people[0])]).await;
    case.entries_become(&house.bucket().await, [true, false, true, false, true]).await;
    proxy.set(Fault::None);
    let repeated = append(&mut two, &said).await.unwrap();
    assert!(repeated.repeated_command);
    assert_eq!(repeated.acknowledgement, first.acknowledgement);
    house.world.stop().await;
}

#[tokio::test]
async fn a_key_that_comes_back_with_an_older_bucket_is_deleted_before_anything_is_served() {
    let (mut house, url) = House::with_ledger().await;
    let case = Case::tell(&mut house.responder(&url)).await;
    house.stop_ledger().await;
    let copy = house.copy_of_bucket().await;
    let url = house.start("ledger", clock::now).await;
    let mut supervisor = house.supervisor(&url);
    acknowledged(&mut supervisor, vec![shredded(&case.id, ShredScope::Person, &case.people[0])]).await;
    let bucket = house.bucket().await;
    case.entries_become(&bucket, [true, false, true, false, true]).await;
    house.stop_ledger().await;
    house.put_back(&copy).await;
    let bucket = house.bucket().await;
    assert_eq!(case.entries(&bucket).await, [true; 5], "the copy holds them all");
    let url = house.start("ledger", clock::now).await;
    assert_eq!(case.entries(&bucket).await, [true, false, true, false, true]);
    assert_eq!(case.opens(&mut house.responder(&url)).await, [true, false, true, false, true]);
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
    house.put_back(&copy).await;
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

type Operator = KeyServiceClient<Authenticated>;

fn operator(house: &House, url: &str) -> Operator {
    let credentials = house.world.identity().person("cli", "olu.adeyemi", &["operator"], None);
    KeyServiceClient::new(house.world.upstream(url, credentials).as_service())
}

async fn keys(operator: &mut Operator) -> GetKeysResponse {
    operator.get_keys(GetKeysRequest { count: true }).await.unwrap().into_inner()
}

/// Rotates to the end; the last report.
async fn rotate(operator: &mut Operator) -> RotateKeysResponse {
    let mut reports = operator.rotate_keys(RotateKeysRequest {}).await.unwrap().into_inner();
    loop {
        let report =
            within("a report", reports.message()).await.unwrap().expect("the last report says that it is done");
        if report.done {
            return report;
        }
    }
}

fn retiring(epoch: &str, backups_until_ms: i64) -> RetireEpochRequest {
    RetireEpochRequest {
        epoch: epoch.to_owned(),
        destroyed_at: at(clock::now()),
        backups_until: at(Timestamp(clock::now().0 + backups_until_ms)),
    }
}

#[tokio::test]
async fn what_was_shredded_is_erased_when_the_epoch_that_wrapped_it_is_retired_and_its_backups_are_gone() {
    let (mut house, url) = House::with_ledger().await;
    let (mut supervisor, mut old) = (house.supervisor(&url), operator(&house, &url));
    let case = Case::tell(&mut house.responder(&url)).await;
    acknowledged(&mut supervisor, vec![shredded(&case.id, ShredScope::Person, &case.people[0])]).await;
    let bucket = house.bucket().await;
    case.entries_become(&bucket, [true, false, true, false, true]).await;
    let before = keys(&mut old).await;
    assert_eq!((before.current_epoch.as_str(), before.shreds, before.erased_before), ("test", 1, None));
    house.stop_ledger().await;

    let next = || KeyEncryptionKey::parse("next".parse().unwrap(), &"ab".repeat(31).replacen("ab", "0102", 1)).unwrap();
    let both = KeyEncryptionKeys::new(next(), vec![House::key_encryption_key()]).unwrap();
    let config = house.config("ledger", clock::now);
    let url = house.start_with(Config { key_encryption_keys: both, ..config }).await;
    let mut both = operator(&house, &url);
    let refused = both.retire_epoch(retiring("test", 0)).await.unwrap_err();
    assert_eq!(rules(&refused), ["epoch_still_given"]);
    let last = rotate(&mut both).await;
    assert_eq!(last.epochs.iter().map(|epoch| epoch.epoch.as_str()).collect::<Vec<_>>(), ["next"]);
    assert!(last.rewrapped >= 3, "{last:?}");
    assert_eq!(case.opens(&mut house.responder(&url)).await, [true, false, true, false, true]);
    house.stop_ledger().await;

    let config = house.config("ledger", clock::now);
    let url = house.start_with(Config { key_encryption_keys: next().into(), ..config }).await;
    let mut new = operator(&house, &url);
    assert_eq!(case.opens(&mut house.responder(&url)).await, [true, false, true, false, true]);
    let later = clock::now().0 + 3_600_000;
    let future = RetireEpochRequest { destroyed_at: at(Timestamp(later)), ..retiring("test", 7_200_000) };
    assert_eq!(fields(&new.retire_epoch(future).await.unwrap_err()), ["destroyed_at"]);
    assert_eq!(rules(&new.retire_epoch(retiring("none", 0)).await.unwrap_err()), ["epoch_unknown"]);
    new.retire_epoch(retiring("test", 0)).await.unwrap();
    let after = keys(&mut new).await;
    let (shred, erased_before) = (before.shreds, after.erased_before.expect("something is erased"));
    assert_eq!((shred, after.shreds_pending), (1, 0));
    let used = after.epochs.iter().find(|epoch| epoch.epoch == "next").unwrap().first_used_at.unwrap();
    assert_eq!(erased_before, used, "what was shredded before the new epoch began");
    assert!(after.epochs.iter().any(|epoch| epoch.epoch == "test" && epoch.destroyed_at.is_some() && !epoch.given));
    house.world.stop().await;
}

#[tokio::test]
async fn with_the_key_on_the_stores_own_disk_nothing_is_ever_erased() {
    let mut house = House::new().await;
    let config = house.config("ledger", clock::now);
    let url = house.start_with(Config { key_on_store_disk: true, ..config }).await;
    assert!(keys(&mut operator(&house, &url)).await.development);
    house.stop_ledger().await;
    let next = || KeyEncryptionKey::parse("next".parse().unwrap(), &"cd".repeat(31).replacen("cd", "0102", 1)).unwrap();
    let both = KeyEncryptionKeys::new(next(), vec![House::key_encryption_key()]).unwrap();
    let config = house.config("ledger", clock::now);
    let url = house.start_with(Config { key_encryption_keys: both, ..config }).await;
    rotate(&mut operator(&house, &url)).await;
    house.stop_ledger().await;
    let config = house.config("ledger", clock::now);
    let url = house.start_with(Config { key_encryption_keys: next().into(), ..config }).await;
    let mut new = operator(&house, &url);
    new.retire_epoch(retiring("test", 0)).await.unwrap();
    let after = keys(&mut new).await;
    assert_eq!((after.development, after.erased_before), (false, None));
    house.world.stop().await;
}

#[tokio::test]
async fn a_rotation_that_lacks_the_old_key_says_so_and_staff_have_no_word_in_it() {
    let (mut house, url) = House::with_ledger().await;
    Case::tell(&mut house.responder(&url)).await;
    let staff = house.world.identity().person("cli", "amelie.roy", &["responder", "supervisor"], None);
    let mut staff = KeyServiceClient::new(house.world.upstream(&url, staff).as_service());
    assert_eq!(staff.rotate_keys(RotateKeysRequest {}).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(staff.retire_epoch(retiring("test", 0)).await.unwrap_err().code(), Code::PermissionDenied);
    let bucket = house.bucket().await;
    let stranger = KeyEncryptionKey::generate("elsewhere".parse().unwrap()).unwrap();
    let stranger = egide_vault::Vault::new(bucket, stranger);
    stranger.key_for(egide_vault::KeyName::Case { case: egide_domain::ids::CaseId([9; 16]) }).await.unwrap();
    let mut reports = operator(&house, &url).rotate_keys(RotateKeysRequest {}).await.unwrap().into_inner();
    let refused = loop {
        match within("the end", reports.message()).await {
            Ok(report) => assert!(!report.expect("an end with an error").done),
            Err(refused) => break refused,
        }
    };
    assert_eq!(rules(&refused), ["epoch_key_missing"]);
    house.stop_ledger().await;
    house.world.stop().await;
}
