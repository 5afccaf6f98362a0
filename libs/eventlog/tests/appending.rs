//! Appending to a real log: fence, order, conflicts, limits.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::BTreeSet;

use egide_crypto::sign::SigningKey;
use egide_eventlog::{
    AppendError, AppendOutcome, Appender, BLOCK_OVERHEAD_BYTES, ChainBroken, EventLog, Head, LogConfig, commit_bytes,
};
use support::{NOW_MS, Server, Writer, commit, commit_of, log_config, ring, signing_key, uuid, within};

fn copy_of(document: &[u8]) -> SigningKey {
    SigningKey::from_pkcs8(document).expect("a key")
}

#[tokio::test]
async fn what_was_appended_is_read_and_followed_in_order() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    let first = writer.write(3).await;
    let second = writer.write_commits(vec![commit(2), commit(1)]).await;

    assert_eq!((first.number(), first.first_position(), first.last_position()), (1, 1, 3));
    assert_eq!((second.number(), second.first_position(), second.last_position()), (2, 4, 6));
    assert_eq!(second.block().previous_hash, first.hash().as_bytes());
    assert_eq!(log.last_number().await.expect("the end of the log"), 2);
    assert!(log.read(2).await.expect("reading").is_some());
    assert!(log.read(3).await.expect("reading").is_none());

    let mut follower = log.follow(log.genesis());
    for written in [&first, &second] {
        let read = within(follower.next()).await.expect("a block");
        assert_eq!(read.hash(), written.hash());
        assert_eq!(read.block(), written.block());
        assert_eq!(read.head_after(), written.head_after());
    }
    let third = writer.write(1).await;
    assert_eq!(within(follower.next()).await.expect("a block").hash(), third.hash());

    let positions: Vec<u64> = second.events().map(|(position, _, _)| position).collect();
    assert_eq!(positions, [4, 5, 6]);
    let commits: Vec<u64> = second.commits().map(|(position, _)| position).collect();
    assert_eq!(commits, [4, 6]);
}

#[tokio::test]
async fn a_block_on_an_old_head_is_a_conflict_and_changes_nothing() {
    let server = Server::start();
    let (key, document) = SigningKey::generate().expect("a key");
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    writer.write_blocks(3).await;

    let mut late = Appender::new(log.clone(), copy_of(&document), uuid());
    let outcome = within(late.append(&log.genesis(), NOW_MS, vec![commit(1)])).await.expect("an outcome");
    assert!(matches!(outcome, AppendOutcome::Conflict));
    assert_eq!(log.last_number().await.expect("the end of the log"), 3);
    writer.write(1).await;
}

/// Appends `blocks` blocks beside others; after a conflict it catches up and tries again, as a ledger does.
async fn race(log: EventLog, key: SigningKey, blocks: u32) -> (BTreeSet<String>, u32) {
    let mut appender = Appender::new(log.clone(), key, uuid());
    let mut follower = log.follow(log.genesis());
    let (mut written, mut conflicts) = (BTreeSet::new(), 0);
    while written.len() < usize::try_from(blocks).expect("a count") {
        let commit = commit(2);
        let command_id = commit.command_id.clone();
        match appender.append(follower.head(), NOW_MS, vec![commit]).await.expect("an outcome") {
            AppendOutcome::Accepted(block) => {
                written.insert(command_id);
                while follower.head().number() < block.number() {
                    follower.next().await.expect("a block");
                }
            }
            AppendOutcome::Conflict => {
                conflicts += 1;
                follower.next().await.expect("the block that was faster");
            }
        }
    }
    (written, conflicts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_appenders_that_race_make_one_order_without_gaps_or_doubles() {
    let server = Server::start();
    let (one, other) = (signing_key(), signing_key());
    let ring = [&one, &other];
    let (first, second) = (server.log(&ring).await, server.log(&ring).await);
    assert_eq!(first.incarnation(), second.incarnation());
    let log = first.clone();
    let racers = (tokio::spawn(race(first, one, 200)), tokio::spawn(race(second, other, 200)));
    let (first, first_conflicts) = racers.0.await.expect("a racer");
    let (second, second_conflicts) = racers.1.await.expect("a racer");
    assert!(first_conflicts + second_conflicts > 0, "they never met: this was no race");

    assert_eq!(log.last_number().await.expect("the end of the log"), 400);
    let mut follower = log.follow(log.genesis());
    let mut commands = BTreeSet::new();
    for number in 1..=400 {
        let block = within(follower.next()).await.expect("a block");
        assert_eq!((block.number(), block.first_position()), (number, 2 * number - 1));
        for (_, commit) in block.commits() {
            assert!(commands.insert(commit.command_id.clone()), "a command stands in the log twice");
        }
    }
    assert_eq!(commands, first.union(&second).cloned().collect());
}

#[tokio::test]
async fn recorded_at_never_goes_back_though_the_clock_does() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut appender = Appender::new(log.clone(), key, uuid());
    let mut head = log.genesis();
    let mut recorded = Vec::new();
    for clock in [NOW_MS, NOW_MS - 5_000, NOW_MS + 1, i64::MIN, NOW_MS + 2] {
        let outcome = appender.append(&head, clock, vec![commit(1)]).await.expect("an outcome");
        let AppendOutcome::Accepted(block) = outcome else { panic!("a conflict, with nobody else writing") };
        recorded.push(block.recorded_at_ms() - NOW_MS);
        head = block.head_after().clone();
    }
    assert_eq!(recorded, [0, 0, 1, 1, 2]);
}

#[tokio::test]
async fn the_incarnation_survives_opening_again_and_a_restart_of_the_server() {
    let mut server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let incarnation = log.incarnation().to_owned();
    Writer::new(&log, key).write_blocks(2).await;
    server.kill();
    server.start_again();
    let no_create = LogConfig { create: false, ..log_config() };
    let again = EventLog::open(server.connect().await, no_create, ring(&[])).await.expect("opening the log");
    assert_eq!(again.incarnation(), incarnation);
    assert_eq!(again.last_number().await.expect("the end of the log"), 2);
}

#[tokio::test]
async fn two_who_create_the_log_at_once_agree_on_one() {
    let server = Server::start();
    let (one, other) = (server.connect().await, server.connect().await);
    let (one, other) =
        tokio::join!(EventLog::open(one, log_config(), ring(&[])), EventLog::open(other, log_config(), ring(&[])),);
    assert_eq!(one.expect("the log").incarnation(), other.expect("the log").incarnation());
}

#[tokio::test]
async fn the_largest_block_passes_and_a_larger_one_is_refused_before_it_is_sent() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    let max = log.block_max_bytes();
    // As many commits as a ledger that adds up their sizes would put in.
    let commits = vec![commit_of(1, max / 3); 2];
    let used: usize = commits.iter().map(commit_bytes).sum();
    let mut commits = commits;
    let mut last = commit_of(1, max - BLOCK_OVERHEAD_BYTES - used - 600);
    while used + commit_bytes(&last) < max - BLOCK_OVERHEAD_BYTES {
        last.events[0].facts.push(7);
    }
    commits.push(last.clone());
    assert_eq!(commits.iter().map(commit_bytes).sum::<usize>(), max - BLOCK_OVERHEAD_BYTES);
    let block = writer.write_commits(commits.clone()).await;

    let read = log.read(1).await.expect("reading").expect("the block");
    assert!(read.bytes.len() <= max && read.bytes.len() > max - BLOCK_OVERHEAD_BYTES);
    let followed = within(log.follow(log.genesis()).next()).await.expect("the block");
    assert_eq!(followed.hash(), block.hash());

    last.events[0].facts.resize(max, 7);
    commits.push(last);
    let refused = writer.appender.append(&writer.head, NOW_MS, commits).await;
    assert!(matches!(refused, Err(AppendError::TooLarge { bytes, max: most }) if bytes > max && most == max));
    assert_eq!(log.last_number().await.expect("the end of the log"), 1);
}

#[tokio::test]
async fn a_full_log_refuses_and_keeps_everything() {
    let server = Server::start();
    let key = signing_key();
    let config = LogConfig { max_bytes: 20_000, ..log_config() };
    let log = EventLog::open(server.connect().await, config, ring(&[&key])).await.expect("opening the log");
    let mut appender = Appender::new(log.clone(), key, uuid());
    let mut head = log.genesis();
    let refused = loop {
        match within(appender.append(&head, NOW_MS, vec![commit_of(1, 2_000)])).await {
            Ok(AppendOutcome::Accepted(block)) => head = block.head_after().clone(),
            Ok(AppendOutcome::Conflict) => panic!("a conflict, with nobody else writing"),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Full), "{refused}");
    let state = log.state().await.expect("the log's state");
    assert!(head.number() > 4 && state.last_number == head.number() && state.bytes <= state.max_bytes);
    let mut follower = log.follow(log.genesis());
    for _ in 0..head.number() {
        within(follower.next()).await.expect("a block");
    }
}

#[tokio::test]
async fn what_readers_would_halt_at_is_never_published() {
    let server = Server::start();
    let (key, stranger) = (signing_key(), signing_key());
    let log = server.log(&[&key]).await;
    let mut by_stranger = Appender::new(log.clone(), stranger, uuid());
    let refused = by_stranger.append(&log.genesis(), NOW_MS, vec![commit(1)]).await;
    assert!(matches!(refused, Err(AppendError::WouldBreakChain(ChainBroken::Signature { number: 1, .. }))));

    let mut appender = Appender::new(log.clone(), key, uuid());
    let refused = appender.append(&log.genesis(), NOW_MS, vec![]).await;
    assert!(matches!(refused, Err(AppendError::WouldBreakChain(ChainBroken::Malformed { number: 1, .. }))));
    let mut commit = commit(2);
    commit.events[1].revision = 3;
    let refused = appender.append(&log.genesis(), NOW_MS, vec![commit]).await;
    assert!(matches!(refused, Err(AppendError::WouldBreakChain(ChainBroken::Malformed { number: 1, .. }))));
    let other_log = Head::genesis(&uuid());
    let refused = appender.append(&other_log, NOW_MS, vec![support::commit(1)]).await;
    assert!(matches!(refused, Err(AppendError::OtherIncarnation)));
    assert_eq!(log.last_number().await.expect("the end of the log"), 0);
}
