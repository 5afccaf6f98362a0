//! A projection that follows a real log: catches up, keeps up, survives being killed, stops at a broken log.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod model;
#[path = "../../eventlog/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use egide_eventlog::{AppendOutcome, Connection, ConnectionConfig, EventLog, Halted};
use egide_projection::{Applied, Lagging, Projection, ProjectionError};
use model::{Counter, SUM, TOTAL, number};
use support::{NOW_MS, Server, Writer, commit, log_config, signing_key, within};
use tokio::sync::oneshot;

const PATIENCE: Duration = Duration::from_secs(20);

fn open(path: &Path, log: &EventLog) -> Projection<Counter> {
    Projection::open(path, Counter::default(), log.incarnation()).unwrap()
}

/// What the counter must hold after so many events.
fn assert_counted(projection: &Projection<Counter>, events: u64) {
    let view = projection.view();
    let read = |key| number(view.get(key).unwrap().as_deref());
    assert_eq!(view.position(), events);
    assert_eq!((read(TOTAL), read(SUM)), (events, events * (events + 1) / 2));
}

/// Follows in the background until told to stop.
fn follow(
    projection: &Projection<Counter>,
    log: &EventLog,
) -> (oneshot::Sender<()>, tokio::task::JoinHandle<Result<(), ProjectionError>>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let (projection, log) = (projection.clone(), log.clone());
    let running = tokio::spawn(async move {
        let shutdown = async move {
            stopped.await.ok();
        };
        projection.run(&log, shutdown).await
    });
    (stop, running)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_catches_up_keeps_up_and_continues_after_a_restart() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    let directory = tempfile::tempdir().unwrap();
    writer.write_blocks(150).await;

    let projection = open(directory.path(), &log);
    let (stop, running) = follow(&projection, &log);
    projection.wait_for(150, PATIENCE).await.unwrap();
    let block = writer.write(3).await;
    projection.wait_for(block.last_position(), PATIENCE).await.unwrap();
    assert_counted(&projection, 153);
    stop.send(()).unwrap();
    within(running).await.unwrap().unwrap();
    drop(projection);

    writer.write(1).await;
    let again = open(directory.path(), &log);
    assert_counted(&again, 153);
    let (_stop, _running) = follow(&again, &log);
    again.wait_for(154, PATIENCE).await.unwrap();
    assert_counted(&again, 154);
    assert_eq!(again.model().applied.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_feeds_its_own_blocks_while_the_log_is_followed() {
    let server = Server::start();
    let (own, other) = (signing_key(), signing_key());
    let log = server.log(&[&own, &other]).await;
    let mut writer = Writer::new(&log, own);
    let directory = tempfile::tempdir().unwrap();
    let projection = open(directory.path(), &log);
    let (_stop, running) = follow(&projection, &log);
    let mut foreign = Writer::new(&log, other);
    let mut events = 0;
    for round in 0..100 {
        if round % 3 == 0 {
            foreign.head = projection.head();
            events += foreign.write(1).await.block().commits.len() as u64;
            projection.wait_for(events, PATIENCE).await.unwrap();
        }
        let outcome = writer.appender.append(&projection.head(), NOW_MS, vec![commit(2)]).await.unwrap();
        let AppendOutcome::Accepted(block) = outcome else { unreachable!("the head was the newest") };
        events += 2;
        // Whoever comes first applies it; the other finds it done.
        let applied = projection.applied(&block).unwrap();
        assert!(matches!(applied, Applied::Now | Applied::Before));
        projection.wait_for(events, Duration::ZERO).await.expect("its own block is there at once");
    }
    assert_counted(&projection, events);
    assert!(!running.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offered_blocks_and_those_of_another_writer_are_applied_each_once() {
    let server = Server::start();
    let (own, other) = (signing_key(), signing_key());
    let log = server.log(&[&own, &other]).await;
    let mut writer = Writer::new(&log, own);
    let directory = tempfile::tempdir().unwrap();
    let projection = open(directory.path(), &log);
    let (stop, running) = follow(&projection, &log);
    let mut foreign = Writer::new(&log, other);
    let mut events = 0;
    for round in 0..100 {
        if round % 7 == 3 {
            foreign.head = projection.view().head().clone();
            events += foreign.write(1).await.block().commits.len() as u64;
            projection.wait_for(events, PATIENCE).await.unwrap();
        }
        let head = projection.view().head().clone();
        projection.expect(head.number() + 1);
        let outcome = writer.appender.append(&head, NOW_MS, vec![commit(2)]).await.unwrap();
        let AppendOutcome::Accepted(block) = outcome else { unreachable!("the head was the newest") };
        events += 2;
        projection.offer(*block).unwrap();
        if round % 5 == 0 {
            assert_eq!(projection.view().position(), events, "its own block is there for whoever looks");
        }
    }
    assert_counted(&projection, events);
    let blocks = projection.head().number();
    assert_eq!(projection.model().applied.load(Ordering::SeqCst), blocks);
    assert!(!running.is_finished());
    stop.send(()).unwrap();
    within(running).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expected_block_that_turns_out_to_be_anothers_is_read_from_the_log() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut foreign = Writer::new(&log, key);
    let directory = tempfile::tempdir().unwrap();
    let projection = open(directory.path(), &log);
    let (_stop, _running) = follow(&projection, &log);
    foreign.write(1).await;
    projection.wait_for(1, PATIENCE).await.unwrap();
    projection.expect(2);
    foreign.write(1).await;
    projection.wait_for(2, PATIENCE).await.expect("nobody offers it, so it is read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_trusted_stops_it_and_all_who_wait() {
    let server = Server::start();
    let (key, stranger) = (signing_key(), signing_key());
    let both = server.log(&[&key, &stranger]).await;
    let mut writer = Writer::new(&both, key);
    let known = writer.write(1).await;
    let mut intruder = Writer::new(&both, stranger);
    intruder.head = writer.head.clone();
    intruder.write(1).await;

    // A reader that does not know the second key.
    let only_known = egide_crypto::sign::KeyRing::try_from_known(&both, &known);
    let log = EventLog::open(server.connect().await, log_config(), only_known).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let projection = open(directory.path(), &log);
    let (_stop, running) = follow(&projection, &log);
    let waited = projection.wait_for(2, Duration::from_secs(600));
    assert_eq!(within(waited).await, Err(Lagging::Halted { reached: 1 }));
    let stopped = within(running).await.unwrap();
    assert!(matches!(stopped, Err(ProjectionError::Log(Halted::ChainBroken(_)))), "{stopped:?}");
    assert!(projection.subscribe().borrow().halted);
    assert_counted(&projection, 1);
    let again = within(projection.run(&log, std::future::pending())).await;
    assert!(matches!(again, Err(ProjectionError::Log(Halted::ChainBroken(_)))), "{again:?}");
}

/// The ring of just the key that signed a block.
trait KnownKey: Sized {
    fn try_from_known(log: &EventLog, block: &egide_eventlog::VerifiedBlock) -> Self;
}

impl KnownKey for egide_crypto::sign::KeyRing {
    fn try_from_known(log: &EventLog, block: &egide_eventlog::VerifiedBlock) -> Self {
        let mut ring = Self::new();
        let key = log.trust().get().ledger().get(block.key_id()).expect("the key").key();
        ring.insert(key, None, None).expect("a ring");
        ring
    }
}

const CHILD_URL: &str = "EGIDE_TEST_CHILD_URL";
const CHILD_PATH: &str = "EGIDE_TEST_CHILD_PATH";
const CHILD_KEYS: &str = "EGIDE_TEST_CHILD_KEY";

/// Not a test of its own: what the next test starts and kills. Alone it does nothing.
#[tokio::test]
async fn the_child_that_is_killed() {
    let (Ok(url), Ok(path), Ok(key)) = (std::env::var(CHILD_URL), std::env::var(CHILD_PATH), std::env::var(CHILD_KEYS))
    else {
        return;
    };
    let mut keys = egide_crypto::sign::KeyRing::new();
    keys.insert(key.parse().unwrap(), None, None).unwrap();
    let connection = Connection::open(&ConnectionConfig::new(url)).await.unwrap();
    let log = EventLog::open(connection, log_config(), keys).await.unwrap();
    let model = Counter { takes: Some(Duration::from_millis(2)), ..Counter::default() };
    let projection = Projection::open(path, model, log.incarnation()).unwrap();
    projection.run(&log, std::future::pending()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_anywhere_it_applies_every_block_exactly_once() {
    let server = Server::start();
    let key = signing_key();
    let public_key = key.public_key().to_string();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    let directory = tempfile::tempdir().unwrap();
    writer.write_blocks(1_000).await;

    let mut reached = Vec::new();
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_child_that_is_killed"])
            .env(CHILD_URL, server.url())
            .env(CHILD_PATH, directory.path())
            .env(CHILD_KEYS, &public_key)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Long enough for a flush of sled's, and never at the same place.
        tokio::time::sleep(Duration::from_millis(900 + round * 37)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let projection = open(directory.path(), &log);
        let position = projection.head().last_position();
        assert_counted(&projection, position);
        reached.push(position);
    }
    assert!(reached.iter().any(|position| (1..1_000).contains(position)), "never killed in the middle: {reached:?}");
    assert!(reached.is_sorted(), "what was on disk stays: {reached:?}");
    let projection = open(directory.path(), &log);
    let (_stop, _running) = follow(&projection, &log);
    projection.wait_for(1_000, PATIENCE).await.unwrap();
    assert_counted(&projection, 1_000);
    assert_eq!(projection.model().applied.load(Ordering::SeqCst), 1_000 - reached[3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_does_not_wait_for_the_network_at_every_block() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    Writer::new(&log, key).write_blocks(2_000).await;
    let directory = tempfile::tempdir().unwrap();
    let projection = open(directory.path(), &log);
    let mut batches = projection.subscribe();
    let started = Instant::now();
    let (_stop, _running) = follow(&projection, &log);
    let mut changes = 0;
    while batches.borrow_and_update().number < 2_000 {
        within(batches.changed()).await.unwrap();
        changes += 1;
    }
    println!("2000 blocks in {:?}, {changes} batches seen", started.elapsed());
    assert_counted(&projection, 2_000);
    assert!(changes < 1_000, "{changes} batches for 2000 blocks");
}
