//! The stream's configuration, on a real server: whatever differs is named, at the start and while following.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "support/raw.rs"]
mod raw;
mod support;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use egide_eventlog::{
    BucketConfig, BucketError, Connection, ConnectionConfig, ConnectionError, Drift, EventLog, Halted, KeyBucket,
    LogConfig, LogError,
};
use raw::raw_client;
use std::time::Duration;
use support::{Server, Writer, log_config, ring, signing_key, within};

async fn administrator(server: &Server) -> Context {
    async_nats::jetstream::new(raw_client(server).await)
}

async fn configuration(administrator: &Context) -> Config {
    administrator.get_stream("CASES").await.unwrap().get_info().await.unwrap().config
}

async fn open(server: &Server) -> Result<EventLog, LogError> {
    EventLog::open(server.connect().await, log_config(), ring(&[])).await
}

fn drift<T: std::fmt::Debug>(result: Result<T, LogError>) -> Drift {
    match result {
        Err(LogError::Drift(drift)) => drift,
        other => panic!("no drift: {other:?}"),
    }
}

#[tokio::test]
async fn the_log_is_created_as_the_design_demands() {
    let server = Server::start();
    open(&server).await.unwrap();
    let config = configuration(&administrator(&server).await).await;
    assert_eq!(config.subjects, ["cases.blocks"]);
    assert_eq!(config.storage, StorageType::File);
    assert_eq!(config.retention, RetentionPolicy::Limits);
    assert_eq!(config.discard, DiscardPolicy::New);
    assert_eq!(config.max_bytes, 1 << 30);
    assert_eq!(config.num_replicas, 1);
    assert_eq!(config.duplicate_window, Duration::from_secs(120));
    assert_eq!((config.max_age, config.max_messages), (Duration::ZERO, -1));
    assert!(config.deny_delete && config.deny_purge && config.allow_direct);
    assert!(!config.allow_rollup && !config.allow_message_ttl && !config.allow_atomic_publish && !config.sealed);
    let republish = config.republish.unwrap();
    assert!(republish.headers_only, "what is announced must not carry blocks");
}

#[tokio::test]
async fn nobody_can_delete_or_purge_a_block() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    Writer::new(&log, key).write_blocks(2).await;
    let stream = administrator(&server).await.get_stream("CASES").await.unwrap();
    stream.delete_message(1).await.expect_err("a block was deleted");
    stream.purge().await.expect_err("the log was purged");
    assert_eq!(log.check().await.unwrap().last_number, 2);
}

#[tokio::test]
async fn without_leave_to_create_a_missing_log_is_an_error() {
    let server = Server::start();
    let config = LogConfig { create: false, ..log_config() };
    let opened = EventLog::open(server.connect().await, config, ring(&[])).await;
    assert!(matches!(opened, Err(LogError::Missing)), "{opened:?}");
    let config = BucketConfig { create: false, replicas: 1 };
    let opened = KeyBucket::open(server.connect().await, &config).await;
    assert!(matches!(opened, Err(BucketError::Missing)), "{opened:?}");
}

#[tokio::test]
async fn every_change_an_administrator_can_make_is_named() {
    let server = Server::start();
    open(&server).await.unwrap();
    let administrator = administrator(&server).await;
    let good = configuration(&administrator).await;
    type Change = fn(&mut Config);
    let changes: [(&str, Change); 10] = [
        ("max_bytes", |config| config.max_bytes = 1 << 31),
        ("max_msgs", |config| config.max_messages = 1),
        ("max_msgs_per_subject", |config| config.max_messages_per_subject = 1),
        ("max_msg_size", |config| config.max_message_size = 1_000),
        ("max_age", |config| config.max_age = Duration::from_secs(3_600)),
        ("discard", |config| config.discard = DiscardPolicy::Old),
        ("duplicate_window", |config| config.duplicate_window = Duration::from_secs(1)),
        ("allow_direct", |config| config.allow_direct = false),
        ("subjects", |config| config.subjects.push("cases.more".into())),
        ("republish", |config| config.republish = None),
    ];
    for (field, change) in changes {
        let mut changed = good.clone();
        change(&mut changed);
        administrator.update_stream(changed).await.unwrap_or_else(|error| panic!("changing `{field}`: {error}"));
        let drift = drift(open(&server).await);
        assert_eq!((drift.stream.as_str(), drift.field.as_str()), ("CASES", field), "{drift}");
        administrator.update_stream(good.clone()).await.unwrap();
        open(&server).await.expect("what was put right is right again");
    }
}

#[tokio::test]
async fn a_stream_that_egide_did_not_create_is_not_taken_for_the_log() {
    let server = Server::start();
    let administrator = administrator(&server).await;
    let bare = Config { name: "CASES".into(), subjects: vec!["cases.blocks".into()], ..Default::default() };
    administrator.create_stream(bare).await.unwrap();
    drift(open(&server).await);
    administrator.delete_stream("CASES").await.unwrap();

    open(&server).await.unwrap();
    let mut config = configuration(&administrator).await;
    config.metadata.remove("egide.incarnation");
    administrator.update_stream(config).await.unwrap();
    assert!(matches!(open(&server).await, Err(LogError::NoIncarnation)));
}

#[tokio::test]
async fn a_change_while_following_halts_unless_it_is_capacity() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    let mut follower = log.follow(log.genesis());
    let administrator = administrator(&server).await;
    let mut config = configuration(&administrator).await;
    config.max_bytes = 1 << 31;
    administrator.update_stream(config.clone()).await.unwrap();
    log.check().await.expect("capacity is no drift while we run");
    writer.write(1).await;
    within(follower.next()).await.expect("a block");

    config.discard = DiscardPolicy::Old;
    administrator.update_stream(config).await.unwrap();
    let halted = within(follower.next()).await.expect_err("it went on with a log that may lose blocks");
    assert!(matches!(&halted, Halted::Drift(drift) if drift.field == "discard"), "{halted}");
}

#[tokio::test]
async fn a_log_that_is_deleted_halts_its_followers_even_when_it_is_made_again() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    writer.write(1).await;
    let mut follower = log.follow(log.genesis());
    within(follower.next()).await.expect("a block");
    administrator(&server).await.delete_stream("CASES").await.unwrap();
    let halted = within(follower.next()).await.expect_err("it went on without a log");
    assert_eq!(halted, Halted::Missing);

    let again = open(&server).await.unwrap();
    assert_ne!(again.incarnation(), log.incarnation());
    let mut follower = log.follow(log.genesis());
    let halted = within(follower.next()).await.expect_err("it took another log for its own");
    assert!(matches!(&halted, Halted::Drift(drift) if drift.field == "metadata.egide.incarnation"), "{halted}");
}

#[tokio::test]
async fn a_changed_bucket_of_keys_is_named() {
    let server = Server::start();
    let config = BucketConfig { create: true, replicas: 1 };
    KeyBucket::open(server.connect().await, &config).await.unwrap();
    let administrator = administrator(&server).await;
    let mut changed = administrator.get_stream("KV_KEYS").await.unwrap().get_info().await.unwrap().config;
    changed.max_messages_per_subject = 5;
    administrator.update_stream(changed).await.unwrap();
    let opened = KeyBucket::open(server.connect().await, &config).await;
    let Err(BucketError::Drift(drift)) = opened else { panic!("no drift: {opened:?}") };
    assert_eq!((drift.stream.as_str(), drift.field.as_str()), ("KV_KEYS", "max_msgs_per_subject"));
}

#[tokio::test]
async fn connecting_fails_in_words_that_hold_no_password() {
    let server = Server::start_with("authorization { user: egide, password: right }");
    let config = ConnectionConfig::new(server.url()).with_user("egide", "right");
    Connection::open(&config).await.expect("the right password");
    let config = ConnectionConfig::new(server.url()).with_user("egide", "hunter2");
    let refused = Connection::open(&config).await.expect_err("the wrong password");
    assert!(matches!(refused, ConnectionError::Refused { .. }), "{refused}");
    assert!(!format!("{refused}{refused:?}{config:?}").contains("hunter2"));

    let nobody = Connection::open(&ConnectionConfig::new("nats://egide:hunter2@127.0.0.1:1")).await;
    let error = nobody.expect_err("nobody listens on port 1");
    assert_eq!(error.to_string(), "no NATS server answers at `127.0.0.1:1`; is it running?");
    assert!(matches!(Connection::open(&ConnectionConfig::new("::")).await, Err(ConnectionError::Url)));
}
