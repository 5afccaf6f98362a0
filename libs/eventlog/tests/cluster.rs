//! The log on a cluster of three: the same promises while leaders die, step down or stop, and replicas fall behind.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use egide_crypto::sign::{KeyRing, SigningKey};
use egide_eventlog::{AppendOutcome, Appender, Connection, ConnectionConfig, DurabilityError, EventLog, LogConfig};
use egide_servicekit::nats::Identity;
use egide_testkit::{CLUSTER_SIZE, TestCluster};
use support::{NOW_MS, Writer, commit, ring, signing_key, uuid};

/// Room for the log.
const LOG_BYTES: u64 = 1 << 28;
/// An election takes seconds.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a stopped leader stays stopped: longer than an acknowledgement is waited for, and than an election takes.
const PAUSE: Duration = Duration::from_secs(6);

async fn cluster() -> TestCluster {
    let cluster = TestCluster::start().await;
    cluster.provision(LOG_BYTES).await;
    cluster
}

async fn log(connection: &ConnectionConfig, keys: &KeyRing) -> EventLog {
    let connection = Connection::open(connection).await.expect("a connection");
    let config = LogConfig { create: false, max_bytes: LOG_BYTES, replicas: 3 };
    EventLog::open(connection, config, keys.clone()).await.expect("the log")
}

/// Appends as a ledger does until told to stop; the commands that were acknowledged.
async fn write(log: EventLog, key: SigningKey, enough: Arc<AtomicBool>) -> BTreeSet<String> {
    let mut appender = Appender::new(log.clone(), key, uuid());
    let mut follower = log.follow(log.genesis());
    let mut written = BTreeSet::new();
    while !enough.load(Ordering::Relaxed) {
        let commit = commit(1);
        let command_id = commit.command_id.clone();
        match appender.append(follower.head(), NOW_MS, vec![commit]).await.expect("an outcome") {
            AppendOutcome::Accepted(block) => {
                written.insert(command_id);
                while follower.head().number() < block.number() {
                    follower.next().await.expect("a block");
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // Whoever was slower tries again while the other one rests, so that both write.
            AppendOutcome::Conflict => {
                follower.next().await.expect("the block that was faster");
            }
        }
    }
    written
}

/// Every command in the log as one reader sees it through one server, each once.
async fn commands(cluster: &TestCluster, server: usize, keys: &KeyRing) -> BTreeSet<String> {
    let log = log(&cluster.connection_to(server, Identity::AUDIT), keys).await;
    let last = log.last_number().await.expect("the end of the log");
    let mut follower = log.follow(log.genesis());
    let mut commands = BTreeSet::new();
    while follower.head().number() < last {
        let block = follower.next().await.expect("a block");
        for (_, commit) in block.commits() {
            assert!(commands.insert(commit.command_id.clone()), "a command stands in the log twice");
        }
    }
    commands
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_appenders_go_on_through_every_change_of_leader_without_gaps_or_doubles() {
    let mut cluster = cluster().await;
    let (one, other) = (signing_key(), signing_key());
    let keys = ring(&[&one, &other]);
    let enough = Arc::new(AtomicBool::new(false));
    let ledger = cluster.connection(Identity::LEDGER);
    let first = tokio::spawn(write(log(&ledger, &keys).await, one, Arc::clone(&enough)));
    let second = tokio::spawn(write(log(&ledger, &keys).await, other, Arc::clone(&enough)));
    let watcher = log(&cluster.connection(Identity::READER), &keys).await;
    let going_on = async |blocks: u64| {
        let moved = async {
            let from = loop {
                match watcher.last_number().await {
                    Ok(number) => break number,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            };
            while watcher.last_number().await.map_or(true, |last| last < from + blocks) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, moved).await.expect("appends go on");
    };

    going_on(10).await;
    cluster.step_down("CASES").await;
    going_on(10).await;
    let leader = cluster.elected("CASES").await;
    cluster.kill(leader);
    going_on(10).await;
    cluster.restart(leader);
    cluster.until_whole().await;
    going_on(10).await;
    // Whatever was on its way to a leader that says nothing may still land, or may not.
    let leader = cluster.elected("CASES").await;
    cluster.pause(leader);
    tokio::time::sleep(PAUSE).await;
    cluster.resume(leader);
    going_on(10).await;
    cluster.until_whole().await;

    enough.store(true, Ordering::Relaxed);
    let finished = tokio::time::timeout(PATIENCE, async { (first.await.unwrap(), second.await.unwrap()) });
    let (first, second) = finished.await.expect("both come to an end");
    assert!(!first.is_empty() && !second.is_empty());
    let acknowledged: BTreeSet<String> = first.union(&second).cloned().collect();
    for server in 0..CLUSTER_SIZE {
        assert_eq!(commands(&cluster, server, &keys).await, acknowledged, "as server {server} reads it out");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_at_a_replica_that_fell_behind_halts_at_nothing_and_misses_nothing() {
    const BLOCKS: u64 = 60;
    let mut cluster = cluster().await;
    let key = signing_key();
    let keys = ring(&[&key]);
    let leader = cluster.elected("CASES").await;
    let behind = (leader + 1) % CLUSTER_SIZE;
    let reader = log(&cluster.connection_to(behind, Identity::DISCLOSURE), &keys).await;
    let writing = log(&cluster.connection_to(leader, Identity::LEDGER), &keys).await;
    let mut writer = Writer::new(&writing, key);
    let mut follower = reader.follow(reader.genesis());
    for round in 0..3 {
        cluster.pause(behind);
        writer.write_blocks(BLOCKS).await;
        cluster.resume(behind);
        let last = (round + 1) * BLOCKS;
        let caught_up = async {
            while follower.head().number() < last {
                let due = follower.head().number() + 1;
                assert_eq!(follower.next().await.expect("a block").number(), due);
            }
        };
        tokio::time::timeout(PATIENCE, caught_up).await.expect("it catches up");
    }
    assert_eq!(follower.head(), &writer.head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_on_too_few_servers_of_a_cluster_is_named() {
    let cluster = TestCluster::start().await;
    let (user, password) = cluster.master();
    let master = ConnectionConfig::new(cluster.url()).with_user(user, password);
    let config = LogConfig { create: true, max_bytes: LOG_BYTES, replicas: 1 };
    let connection = Connection::open(&master).await.expect("a connection");
    let log = EventLog::open(connection, config, KeyRing::new()).await.expect("a log on one server");
    let found = log.check_durability().await.expect_err("one server of three keeps the log");
    assert!(matches!(found, DurabilityError::TooFewReplicas { replicas: 1 }), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_server_down_durability_can_still_be_told_and_with_two_it_cannot() {
    let mut cluster = cluster().await;
    let log = log(&cluster.connection_to(0, Identity::LEDGER), &KeyRing::new()).await;
    log.check_durability().await.expect("all three say so");
    cluster.kill(2);
    cluster.elected("CASES").await;
    log.check_durability().await.expect("two of three say so");
    cluster.kill(1);
    log.check_durability().await.expect_err("one of three is no majority");
}
