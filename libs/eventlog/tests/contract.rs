//! What the log promises, the same on one server and on three, with the rights that roles have: the ledger writes, a reader
//! follows.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use egide_crypto::sign::{KeyRing, SigningKey};
use egide_eventlog::{
    AppendOutcome, Appender, BucketConfig, Connection, ConnectionConfig, Creation, EventLog, Follower, Head, KeyBucket,
    LogConfig,
};
use egide_servicekit::nats::Identity;
use egide_testkit::{TestCluster, TestNats};
use support::{NOW_MS, Writer, commit, ring, signing_key, uuid, within};

/// Room for the log.
const LOG_BYTES: u64 = 1 << 28;

/// Where a promise is kept.
enum Place {
    One(Box<TestNats>),
    Three(Box<TestCluster>),
}

impl Place {
    async fn one() -> Self {
        let nats = TestNats::start().await;
        nats.provision(LOG_BYTES).await;
        Self::One(Box::new(nats))
    }

    async fn three() -> Self {
        let cluster = TestCluster::start().await;
        cluster.provision(LOG_BYTES).await;
        Self::Three(Box::new(cluster))
    }

    fn connection(&self, identity: Identity) -> ConnectionConfig {
        match self {
            Self::One(nats) => nats.connection(identity),
            Self::Three(cluster) => cluster.connection(identity),
        }
    }

    const fn replicas(&self) -> u32 {
        match self {
            Self::One(_) => 1,
            Self::Three(_) => 3,
        }
    }

    async fn log(&self, identity: Identity, keys: &KeyRing) -> EventLog {
        let connection = Connection::open(&self.connection(identity)).await.expect("a connection");
        let config = LogConfig { create: false, max_bytes: LOG_BYTES, replicas: self.replicas() };
        EventLog::open(connection, config, keys.clone()).await.expect("the log")
    }

    async fn bucket(&self) -> KeyBucket {
        let connection = Connection::open(&self.connection(Identity::LEDGER)).await.expect("a connection");
        let config = BucketConfig { create: false, replicas: self.replicas() };
        KeyBucket::open(connection, &config).await.expect("the bucket")
    }
}

/// Each promise is a test on one server and a test on three.
macro_rules! on_one_and_on_three {
    ($($promise:ident),* $(,)?) => {
        mod on_one {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Place::one().await).await;
            })*
        }
        mod on_three {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Place::three().await).await;
            })*
        }
    };
}

on_one_and_on_three!(
    what_was_appended_is_read_and_followed_in_order,
    a_block_on_an_old_head_is_a_conflict_and_changes_nothing,
    two_appenders_that_race_make_one_order_without_gaps_or_doubles,
    recorded_at_never_goes_back_though_the_clock_does,
    a_call_that_is_dropped_loses_nothing,
    a_reader_continues_where_it_stopped,
    a_key_has_one_winner_and_once_erased_none,
    every_server_says_that_it_flushes,
);

async fn read(follower: &mut Follower, last: u64) {
    while follower.head().number() < last {
        let expected = follower.head().number() + 1;
        assert_eq!(within(follower.next()).await.expect("a block").number(), expected);
    }
}

async fn what_was_appended_is_read_and_followed_in_order(place: Place) {
    let key = signing_key();
    let keys = ring(&[&key]);
    let log = place.log(Identity::LEDGER, &keys).await;
    let mut writer = Writer::new(&log, key);
    let first = writer.write(3).await;
    let second = writer.write_commits(vec![commit(2), commit(1)]).await;

    assert_eq!((first.number(), first.first_position(), first.last_position()), (1, 1, 3));
    assert_eq!((second.number(), second.first_position(), second.last_position()), (2, 4, 6));
    assert_eq!(second.block().previous_hash, first.hash().as_bytes());
    assert_eq!(log.last_number().await.expect("the end of the log"), 2);
    assert!(log.read(2).await.expect("reading").is_some());
    assert!(log.read(3).await.expect("reading").is_none());

    for identity in [Identity::LEDGER].into_iter().chain(Identity::READERS) {
        let reader = place.log(identity, &keys).await;
        let mut follower = reader.follow(reader.genesis());
        for written in [&first, &second] {
            let read = within(follower.next()).await.expect("a block");
            assert_eq!(read.hash(), written.hash(), "{}", identity.name());
            assert_eq!(read.block(), written.block());
            assert_eq!(read.head_after(), written.head_after());
        }
        let next = writer.write(1).await;
        read(&mut follower, next.number()).await;
        assert_eq!(follower.head().hash(), next.hash(), "{} is woken up", identity.name());
    }
    let positions: Vec<u64> = second.events().map(|(position, _, _)| position).collect();
    assert_eq!(positions, [4, 5, 6]);
    let commits: Vec<u64> = second.commits().map(|(position, _)| position).collect();
    assert_eq!(commits, [4, 6]);
}

async fn a_block_on_an_old_head_is_a_conflict_and_changes_nothing(place: Place) {
    let (key, document) = SigningKey::generate().expect("a key");
    let log = place.log(Identity::LEDGER, &ring(&[&key])).await;
    let mut writer = Writer::new(&log, key);
    writer.write_blocks(3).await;
    let copy = SigningKey::from_pkcs8(&document).expect("a key");
    let mut late = Appender::new(log.clone(), copy, uuid());
    let outcome = within(late.append(&log.genesis(), NOW_MS, vec![commit(1)])).await.expect("an outcome");
    assert!(matches!(outcome, AppendOutcome::Conflict));
    assert_eq!(log.last_number().await.expect("the end of the log"), 3);
    writer.write(1).await;
}

/// Appends `blocks` blocks beside others; after a conflict it catches up and tries again, as a ledger does.
async fn race(log: EventLog, key: SigningKey, blocks: usize) -> (BTreeSet<String>, u32) {
    let mut appender = Appender::new(log.clone(), key, uuid());
    let mut follower = log.follow(log.genesis());
    let (mut written, mut conflicts) = (BTreeSet::new(), 0);
    while written.len() < blocks {
        let commit = commit(2);
        let command_id = commit.command_id.clone();
        match appender.append(follower.head(), NOW_MS, vec![commit]).await.expect("an outcome") {
            AppendOutcome::Accepted(block) => {
                written.insert(command_id);
                read(&mut follower, block.number()).await;
            }
            AppendOutcome::Conflict => {
                conflicts += 1;
                follower.next().await.expect("the block that was faster");
            }
        }
    }
    (written, conflicts)
}

async fn two_appenders_that_race_make_one_order_without_gaps_or_doubles(place: Place) {
    const EACH: usize = 150;
    let (one, other) = (signing_key(), signing_key());
    let keys = ring(&[&one, &other]);
    let (first, second) = (place.log(Identity::LEDGER, &keys).await, place.log(Identity::LEDGER, &keys).await);
    assert_eq!(first.incarnation(), second.incarnation());
    let racers = (tokio::spawn(race(first, one, EACH)), tokio::spawn(race(second, other, EACH)));
    let (first, first_conflicts) = racers.0.await.expect("a racer");
    let (second, second_conflicts) = racers.1.await.expect("a racer");
    assert!(first_conflicts + second_conflicts > 0, "they never met: this was no race");

    let log = place.log(Identity::AUDIT, &keys).await;
    let last = 2 * u64::try_from(EACH).expect("a count");
    assert_eq!(log.last_number().await.expect("the end of the log"), last);
    let mut follower = log.follow(log.genesis());
    let mut commands = BTreeSet::new();
    for number in 1..=last {
        let block = within(follower.next()).await.expect("a block");
        assert_eq!((block.number(), block.first_position()), (number, 2 * number - 1));
        for (_, commit) in block.commits() {
            assert!(commands.insert(commit.command_id.clone()), "a command stands in the log twice");
        }
    }
    assert_eq!(commands, first.union(&second).cloned().collect());
}

async fn recorded_at_never_goes_back_though_the_clock_does(place: Place) {
    let key = signing_key();
    let log = place.log(Identity::LEDGER, &ring(&[&key])).await;
    let mut appender = Appender::new(log.clone(), key, uuid());
    let mut head = log.genesis();
    let mut recorded = Vec::new();
    for clock in [NOW_MS, NOW_MS - 5_000, NOW_MS + 1, i64::MIN, NOW_MS + 2] {
        let outcome = appender.append(&head, clock, vec![commit(1)]).await.expect("an outcome");
        let AppendOutcome::Accepted(block) = outcome else { unreachable!("nobody else writes") };
        recorded.push(block.recorded_at_ms() - NOW_MS);
        head = block.head_after().clone();
    }
    assert_eq!(recorded, [0, 0, 1, 1, 2]);
}

async fn a_call_that_is_dropped_loses_nothing(place: Place) {
    let key = signing_key();
    let keys = ring(&[&key]);
    let log = place.log(Identity::LEDGER, &keys).await;
    let reader = place.log(Identity::DISCLOSURE, &keys).await;
    let mut writer = Writer::new(&log, key);
    let mut follower = reader.follow(reader.genesis());
    let mut seen = 0;
    for number in 1..=200 {
        writer.write(1).await;
        // Polled once or for a moment, and dropped wherever it was.
        let patience = Duration::from_micros(number % 7 * 150);
        if let Ok(block) = tokio::time::timeout(patience, follower.next()).await {
            seen += 1;
            assert_eq!(block.expect("a block").number(), seen);
        }
    }
    read(&mut follower, 200).await;
}

async fn a_reader_continues_where_it_stopped(place: Place) {
    let key = signing_key();
    let keys = ring(&[&key]);
    let log = place.log(Identity::LEDGER, &keys).await;
    let reader = place.log(Identity::DIRECTORY, &keys).await;
    let mut writer = Writer::new(&log, key);
    writer.write_blocks(30).await;
    let mut follower = reader.follow(reader.genesis());
    read(&mut follower, 12).await;
    let stored = follower.head().to_bytes();
    let mut again = reader.follow(Head::from_bytes(&stored).expect("a head"));
    assert_eq!(within(again.next()).await.expect("a block").number(), 13);
    read(&mut again, 30).await;
}

async fn a_key_has_one_winner_and_once_erased_none(place: Place) {
    let bucket = place.bucket().await;
    for round in 0..10 {
        let key = format!("case.{round}");
        let mut racers = Vec::new();
        for number in 0..4_u8 {
            let (bucket, key) = (bucket.clone(), key.clone());
            racers.push(tokio::spawn(async move { bucket.create_if_absent(&key, vec![number; 60].into()).await }));
        }
        let mut winners = 0;
        for racer in racers {
            match racer.await.expect("a racer").expect("an outcome") {
                Creation::Created => winners += 1,
                Creation::Existing(bytes) => assert_eq!(bytes.len(), 60),
                Creation::Erased => unreachable!("nobody erases"),
            }
        }
        assert_eq!(winners, 1, "round {round}");
        assert!(bucket.delete(&key).await.expect("erased"));
        let late = bucket.create_if_absent(&key, vec![9; 60].into()).await.expect("an outcome");
        assert_eq!(late, Creation::Erased);
    }
}

async fn every_server_says_that_it_flushes(place: Place) {
    let log = place.log(Identity::LEDGER, &KeyRing::new()).await;
    log.check_durability().await.expect("every server flushes");
}
