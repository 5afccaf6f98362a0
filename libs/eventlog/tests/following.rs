//! Following a real log: fast through history, close behind the writer, through restarts, and never fooled.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "support/raw.rs"]
mod raw;
mod support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use egide_eventlog::{EventLog, Follower};
use futures_util::{FutureExt as _, StreamExt as _};
use raw::raw_client;
use support::{Server, Writer, free_port, log_config, ring, signing_key, within};

async fn read(follower: &mut Follower, last: u64) {
    while follower.head().number() < last {
        let expected = follower.head().number() + 1;
        assert_eq!(within(follower.next()).await.expect("a block").number(), expected);
    }
}

#[tokio::test]
async fn history_is_read_in_few_requests() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    Writer::new(&log, key).write_blocks(2_500).await;
    let client = raw_client(&server).await;
    let mut requests = client.subscribe("$JS.API.DIRECT.GET.CASES").await.unwrap();
    client.flush().await.unwrap();

    let mut follower = log.follow(log.genesis());
    let started = Instant::now();
    let mut blocks = 0;
    while blocks < 2_500 {
        let batch = within(follower.next_batch(64)).await.expect("blocks");
        assert!((1..=64).contains(&batch.len()));
        for block in batch {
            blocks += 1;
            assert_eq!(block.number(), blocks);
        }
    }
    println!("2500 blocks in {:?}", started.elapsed());
    client.flush().await.unwrap();
    let mut asked = 0;
    while let Some(Some(_)) = requests.next().now_or_never() {
        asked += 1;
    }
    assert!((1..=8).contains(&asked), "{asked} requests for 2500 blocks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_is_close_behind_the_writer() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    let mut follower = log.follow(log.genesis());
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let following = tokio::spawn(async move {
        for _ in 0..60 {
            follower.next().await.expect("a block");
            sender.send(Instant::now()).unwrap();
        }
    });
    let mut delays = Vec::new();
    for _ in 0..60 {
        writer.write(1).await;
        let acknowledged = Instant::now();
        let seen = within(received.recv()).await.unwrap();
        delays.push(seen.saturating_duration_since(acknowledged));
    }
    within(following).await.unwrap();
    delays.sort();
    println!("p25 {:?}, p50 {:?}, p95 {:?}", delays[15], delays[30], delays[57]);
    // The quarter that a busy machine disturbed least; a follower that only looked now and then would take hundreds.
    assert!(delays[15] < Duration::from_millis(5), "{:?}", delays[15]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_outlives_the_server_and_misses_nothing() {
    let mut server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    let mut follower = log.follow(log.genesis());
    for round in 1..=3 {
        writer.write_blocks(20).await;
        read(&mut follower, round * 20 - 10).await;
        assert!(follower.next().now_or_never().is_none_or(|block| block.is_ok()));
        server.kill();
        server.start_again();
    }
    read(&mut follower, 60).await;
    writer.write(1).await;
    read(&mut follower, 61).await;
}

#[tokio::test]
async fn announcements_are_not_believed() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    writer.write(1).await;
    let mut follower = log.follow(log.genesis());
    read(&mut follower, 1).await;
    let client = raw_client(&server).await;
    for sequence in ["1", "2", "18446744073709551615", "-1", "x"] {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Sequence", sequence);
        client.publish_with_headers("cases.stored", headers, "forged".into()).await.unwrap();
    }
    client.publish("cases.stored", "forged".into()).await.unwrap();
    client.flush().await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(1_500), follower.next()).await;
    assert!(waited.is_err(), "there is no second block");
    writer.write(1).await;
    read(&mut follower, 2).await;
}

#[tokio::test]
async fn a_block_whose_announcement_is_lost_is_found_all_the_same() {
    // This reader may not hear announcements.
    let server = Server::start_with(
        "authorization { users: [\n\
         { user: all, password: p }\n\
         { user: deaf, password: p, permissions: { subscribe: { deny: \"cases.stored\" } } } ] }",
    );
    let connect = async |user: &str| {
        let config = egide_eventlog::ConnectionConfig::new(server.url()).with_user(user, "p");
        egide_eventlog::Connection::open(&config).await.unwrap()
    };
    let key = signing_key();
    let log = EventLog::open(connect("all").await, log_config(), ring(&[&key])).await.unwrap();
    let deaf = EventLog::open(connect("deaf").await, log_config(), ring(&[&key])).await.unwrap();
    let mut writer = Writer::new(&log, key);
    let mut follower = deaf.follow(deaf.genesis());
    for number in 1..=3 {
        writer.write(1).await;
        read(&mut follower, number).await;
    }
}

/// How many of the server's clients have blocks announced to them.
fn listening(monitor: u16) -> usize {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, monitor)).expect("the monitor answers");
    stream.write_all(b"GET /connz?subs=true HTTP/1.0\r\n\r\n").expect("the monitor answers");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the monitor answers");
    assert!(answer.contains("\"num_connections\""), "{answer}");
    answer.matches("\"cases.stored\"").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_waits_at_the_end_has_blocks_announced() {
    let monitor = free_port();
    let server = Server::start_with(&format!("http: \"127.0.0.1:{monitor}\""));
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    writer.write_blocks(70).await;
    let patrolled = log.clone();
    let patrol = tokio::spawn(async move { patrolled.patrol().await });
    let mut reader = log.follow(log.genesis());
    within(reader.next()).await.expect("a block");
    // Long enough for a patrol to the end and the beginning of the next.
    let end = Instant::now() + Duration::from_millis(3_500);
    while Instant::now() < end {
        assert_eq!(listening(monitor), 0, "of two that read history");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    read(&mut reader, 70).await;
    let (_, block) = tokio::join!(writer.write(1), within(reader.next()));
    assert_eq!(block.expect("a block").number(), 71);
    assert!(reader.next().now_or_never().is_none(), "it waits");
    assert_eq!(listening(monitor), 1, "of one that waits and one that patrols");
    assert!(!patrol.is_finished());
    patrol.abort();
}

#[tokio::test]
async fn no_consumer_is_left_behind() {
    let server = Server::start();
    let key = signing_key();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, key);
    writer.write_blocks(5).await;
    let mut follower = log.follow(log.genesis());
    read(&mut follower, 5).await;
    let jetstream = async_nats::jetstream::new(raw_client(&server).await);
    let info = jetstream.get_stream("CASES").await.unwrap().get_info().await.unwrap();
    assert_eq!(info.state.consumer_count, 0);
}
