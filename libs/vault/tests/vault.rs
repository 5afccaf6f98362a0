//! Data keys in a real bucket.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use egide_crypto::seal::{DataKey, open, seal};
use egide_crypto::wrap::KeyEncryptionKey;
use egide_domain::ids::{CaseId, SubjectId};
use egide_eventlog::{BucketConfig, Connection, ConnectionConfig, KeyBucket};
use egide_testkit::TestNats;
use egide_vault::{Error, KeyName, Vault};

const KEY_ENCRYPTION_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NAME: KeyName = KeyName::Case { case: CaseId([1; 16]) };
const PERSON: KeyName = KeyName::Subject { case: CaseId([1; 16]), subject: SubjectId([2; 16]) };

async fn bucket(nats: &TestNats) -> KeyBucket {
    let config = ConnectionConfig::new(nats.url()).with_user(nats.user(), nats.password());
    let connection = Connection::open(&config).await.unwrap();
    KeyBucket::open(connection, &BucketConfig { create: true, replicas: 1 }).await.unwrap()
}

async fn vault(nats: &TestNats) -> Vault {
    let key_encryption_key = KeyEncryptionKey::parse("test".parse().unwrap(), KEY_ENCRYPTION_KEY).unwrap();
    Vault::new(bucket(nats).await, key_encryption_key)
}

/// Whether what one key seals the other opens.
fn same(one: &DataKey, other: &DataKey) -> bool {
    open(other, &seal(one, b"", b"x").unwrap(), b"").is_ok()
}

#[tokio::test]
async fn a_name_has_one_key_for_everybody_and_every_name_its_own() {
    let nats = TestNats::start().await;
    let (one, other) = (vault(&nats).await, vault(&nats).await);
    assert!(other.existing(NAME).await.unwrap().is_none());
    let key = one.key_for(NAME).await.unwrap();
    assert!(same(&key, &one.key_for(NAME).await.unwrap()));
    assert!(same(&key, &other.key_for(NAME).await.unwrap()));
    assert!(same(&key, &other.existing(NAME).await.unwrap().unwrap()));
    assert!(!same(&key, &other.key_for(PERSON).await.unwrap()));
}

#[tokio::test]
async fn of_many_who_create_a_key_at_once_one_wins_and_the_others_adopt_it() {
    let nats = TestNats::start().await;
    let vaults = [Arc::new(vault(&nats).await), Arc::new(vault(&nats).await)];
    let calls: Vec<_> = (0..40)
        .map(|number| {
            let vault = Arc::clone(vaults.get(number % 2).unwrap());
            tokio::spawn(async move { vault.key_for(NAME).await.unwrap() })
        })
        .collect();
    let mut keys = Vec::new();
    for call in calls {
        keys.push(call.await.unwrap());
    }
    let first = keys.first().unwrap();
    assert!(keys.iter().all(|key| same(first, key)));
}

#[tokio::test]
async fn a_destroyed_key_is_gone_and_never_comes_back() {
    let nats = TestNats::start().await;
    let (one, other) = (vault(&nats).await, vault(&nats).await);
    one.key_for(NAME).await.unwrap();
    one.destroy(NAME).await.unwrap();
    for vault in [&one, &other] {
        assert!(vault.existing(NAME).await.unwrap().is_none());
        assert!(matches!(vault.key_for(NAME).await, Err(Error::Destroyed { name: NAME })));
    }
    one.destroy(NAME).await.unwrap();
    assert!(one.key_for(PERSON).await.is_ok());
}

#[tokio::test]
async fn an_entry_that_is_not_ours_opens_nothing() {
    let nats = TestNats::start().await;
    let vault = vault(&nats).await;
    let stranger = KeyEncryptionKey::generate("test".parse().unwrap()).unwrap();
    let stranger = Vault::new(bucket(&nats).await, stranger);
    vault.key_for(NAME).await.unwrap();
    assert!(matches!(stranger.existing(NAME).await, Err(Error::Unwrap { .. })));
    // A key that was wrapped for one name does not open under another.
    let bucket = bucket(&nats).await;
    let entry = bucket.get(&NAME.to_string()).await.unwrap().unwrap();
    bucket.create_if_absent(&PERSON.to_string(), entry).await.unwrap();
    assert!(matches!(vault.existing(PERSON).await, Err(Error::Unwrap { .. })));
    bucket.create_if_absent(&KeyName::Fingerprints.to_string(), vec![9, 9].into()).await.unwrap();
    assert!(matches!(vault.existing(KeyName::Fingerprints).await, Err(Error::Entry { .. })));
}
