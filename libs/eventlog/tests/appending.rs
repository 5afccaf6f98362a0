//! Appending to a real log: limits, and what is never published. Order, fence and conflicts: `contract.rs`.

mod support;

use egide_eventlog::{
    AppendError, AppendOutcome, Appender, BLOCK_OVERHEAD_BYTES, ChainBroken, EventLog, Head, LogConfig, commit_bytes,
};
use support::{NOW_MS, Server, Writer, commit, commit_of, log_config, ring, signing_key, uuid, within};

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
