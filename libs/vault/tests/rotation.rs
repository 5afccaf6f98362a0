//! Epochs in a real bucket: everything is re-wrapped while it is used, nothing erased comes back, and an epoch is retired
//! when nothing needs it any more.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use egide_crypto::seal::{DataKey, open, seal};
use egide_crypto::wrap::{Epoch, KeyEncryptionKey};
use egide_domain::ids::{CaseId, SubjectId};
use egide_domain::time::Timestamp;
use egide_eventlog::{BucketConfig, Connection, ConnectionConfig, KeyBucket};
use egide_testkit::{Fault, FaultProxy, PATIENCE, TestNats, wait_until};
use egide_vault::{Error, KeyEncryptionKeys, KeyName, Register, RegisterError, Retired, Tally, Vault};

const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NEW: &str = "100102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const CASE: CaseId = CaseId([1; 16]);

fn epoch(name: &str) -> Epoch {
    name.parse().unwrap()
}

fn old() -> KeyEncryptionKey {
    KeyEncryptionKey::parse(epoch("old"), OLD).unwrap()
}

fn new() -> KeyEncryptionKey {
    KeyEncryptionKey::parse(epoch("new"), NEW).unwrap()
}

fn person(number: u8) -> KeyName {
    KeyName::Subject { case: CASE, subject: SubjectId([number; 16]) }
}

async fn bucket(nats: &TestNats) -> KeyBucket {
    bucket_at(&nats.url(), nats).await
}

async fn bucket_at(url: &str, nats: &TestNats) -> KeyBucket {
    let config = ConnectionConfig::new(url).with_user(nats.user(), nats.password());
    let connection = Connection::open(&config).await.unwrap();
    KeyBucket::open(connection, &BucketConfig { create: true, replicas: 1 }).await.unwrap()
}

async fn vault(nats: &TestNats, keys: impl Into<KeyEncryptionKeys>) -> Arc<Vault> {
    Arc::new(Vault::new(bucket(nats).await, keys))
}

async fn both(nats: &TestNats) -> Arc<Vault> {
    vault(nats, KeyEncryptionKeys::new(new(), vec![old()]).unwrap()).await
}

fn same(one: &DataKey, other: &DataKey) -> bool {
    open(other, &seal(one, b"", b"x").unwrap(), b"").is_ok()
}

#[test]
fn an_epoch_has_one_key() {
    assert!(KeyEncryptionKeys::new(new(), vec![old(), new()]).is_err());
    assert!(KeyEncryptionKeys::new(new(), vec![old(), old()]).is_err());
}

#[tokio::test]
async fn everything_is_re_wrapped_and_opens_as_before_without_the_old_key() {
    let nats = TestNats::start().await;
    let before = vault(&nats, old()).await;
    let mut keys = Vec::new();
    for number in 0..40 {
        keys.push((number, before.key_for(person(number)).await.unwrap()));
    }
    before.register_current(Timestamp(1), false).await.unwrap();
    let rotating = both(&nats).await;
    let tally = Arc::new(Tally::default());
    let counts = rotating.rotate(&tally).await.unwrap();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(epoch("new"), 40)]);
    assert_eq!(tally.rewrapped(), 40);
    let after = vault(&nats, new()).await;
    for (number, key) in &keys {
        assert!(same(key, &after.existing(person(*number)).await.unwrap().unwrap()));
    }
    let again = Arc::new(Tally::default());
    rotating.rotate(&again).await.unwrap();
    assert_eq!(again.rewrapped(), 0, "a second time there is nothing to do");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rotations_at_once_with_keys_created_and_destroyed_meanwhile_lose_nothing_and_bring_nothing_back() {
    let nats = TestNats::start().await;
    let before = vault(&nats, old()).await;
    let mut keys = Vec::new();
    for number in 0..120 {
        keys.push(before.key_for(person(number)).await.unwrap());
    }
    let rotations: Vec<_> = [both(&nats).await, both(&nats).await]
        .into_iter()
        .map(|vault| tokio::spawn(async move { vault.rotate(&Arc::new(Tally::default())).await.unwrap() }))
        .collect();
    let destroying = tokio::spawn({
        let vault = vault(&nats, old()).await;
        async move {
            for number in (0..120).step_by(3) {
                vault.destroy(person(number)).await.unwrap();
            }
        }
    });
    let creating = tokio::spawn({
        let vault = both(&nats).await;
        async move {
            for number in 200..240 {
                vault.key_for(person(number)).await.unwrap();
            }
        }
    });
    for rotation in rotations {
        rotation.await.unwrap();
    }
    destroying.await.unwrap();
    creating.await.unwrap();
    let after = both(&nats).await;
    assert_eq!(after.count().await.unwrap().into_iter().collect::<Vec<_>>(), [(epoch("new"), 120)]);
    for (number, key) in (0..120).zip(&keys) {
        let found = after.existing(person(number)).await.unwrap();
        if number % 3 == 0 {
            assert!(found.is_none(), "{number} was destroyed");
            assert!(matches!(after.key_for(person(number)).await, Err(Error::Destroyed { .. })));
        } else {
            assert!(same(key, &found.unwrap()), "{number}");
        }
    }
}

/// Each entry is looked at and replaced with a long way in between, on which its key is destroyed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_destroyed_between_the_look_at_its_entry_and_its_replacement_stays_destroyed() {
    const PEOPLE: u8 = 9;
    let nats = TestNats::start().await;
    let before = vault(&nats, old()).await;
    for number in 0..PEOPLE {
        before.key_for(person(number)).await.unwrap();
    }
    let proxy = FaultProxy::start(nats.address()).await;
    let far = bucket_at(&proxy.url("nats"), &nats).await;
    let rotating = Arc::new(Vault::new(far, KeyEncryptionKeys::new(new(), vec![old()]).unwrap()));
    // Two entries a lane: when the first is done, the second is looked at one way later and replaced another two later.
    let way = Duration::from_millis(100);
    proxy.set(Fault::Delay(way));
    let tally = Arc::new(Tally::default());
    let rotation = tokio::spawn({
        let tally = Arc::clone(&tally);
        async move { rotating.rotate(&tally).await.unwrap() }
    });
    wait_until("the first entries to be replaced", PATIENCE, async || tally.entries() > 0).await;
    tokio::time::sleep(way * 2).await;
    for number in 0..PEOPLE {
        assert!(before.destroy(person(number)).await.unwrap());
    }
    rotation.await.unwrap();
    assert!(tally.rewrapped() < u64::from(PEOPLE), "all were replaced before they were destroyed: this was no race");
    for number in 0..PEOPLE {
        assert!(before.existing(person(number)).await.unwrap().is_none(), "{number} was destroyed");
    }
}

#[tokio::test]
async fn a_rotation_without_the_old_key_says_which_is_missing() {
    let nats = TestNats::start().await;
    vault(&nats, old()).await.key_for(person(1)).await.unwrap();
    let rotation = vault(&nats, new()).await.rotate(&Arc::new(Tally::default())).await;
    assert!(matches!(rotation, Err(Error::Unwrap { .. })));
    assert_eq!(vault(&nats, new()).await.count().await.unwrap().into_iter().collect::<Vec<_>>(), [(epoch("old"), 1)]);
}

#[tokio::test]
async fn an_epoch_is_retired_when_nothing_stands_under_it_and_nobody_here_has_its_key() {
    let nats = TestNats::start().await;
    let before = vault(&nats, old()).await;
    before.register_current(Timestamp(1), false).await.unwrap();
    before.key_for(person(1)).await.unwrap();
    let retired = Retired { at: Timestamp(50), backups_until: Timestamp(60) };
    let rotating = both(&nats).await;
    rotating.register_current(Timestamp(20), false).await.unwrap();
    assert!(matches!(rotating.retire(&epoch("old"), retired).await, Err(Error::StillGiven(_))));
    let after = vault(&nats, new()).await;
    let refused = after.retire(&epoch("old"), retired).await;
    assert!(matches!(refused, Err(Error::StillUsed { entries: 1, .. })));
    rotating.rotate(&Arc::new(Tally::default())).await.unwrap();
    let unknown = after.retire(&epoch("other"), retired).await;
    assert!(matches!(unknown, Err(Error::Register(RegisterError::Unknown(_)))));
    after.retire(&epoch("old"), retired).await.unwrap();
    let register: Register = before.register().await.unwrap();
    assert_eq!(register.erased_before(Timestamp(59)), Some(Timestamp(0)));
    assert_eq!(register.erased_before(Timestamp(60)), Some(Timestamp(20)));
    let late = before.register_current(Timestamp(70), false).await;
    assert!(matches!(late, Err(Error::Register(RegisterError::Retired(_)))));
}

#[tokio::test]
async fn with_a_case_go_all_its_keys_and_no_others() {
    let nats = TestNats::start().await;
    let vault = vault(&nats, new()).await;
    let other = KeyName::Subject { case: CaseId([2; 16]), subject: SubjectId([1; 16]) };
    let narrative = KeyName::Narrative { case: CASE, narrative: egide_domain::ids::NarrativeId([1; 16]) };
    let own = [person(1), person(2), narrative, KeyName::Case { case: CASE }];
    for name in own.into_iter().chain([other]) {
        vault.key_for(name).await.unwrap();
    }
    assert_eq!(vault.destroy_case(CASE).await.unwrap(), 4);
    for name in own {
        assert!(vault.existing(name).await.unwrap().is_none());
    }
    assert!(vault.existing(other).await.unwrap().is_some());
    assert_eq!(vault.destroy_case(CASE).await.unwrap(), 0);
}
