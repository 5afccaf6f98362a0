//! The log on a cluster of three: the same promises when the leader dies in the middle.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use egide_crypto::sign::{KeyRing, SigningKey};
use egide_eventlog::{
    AppendOutcome, Appender, BucketConfig, Connection, ConnectionConfig, Creation, EventLog, KeyBucket, LogConfig,
};
use support::{NOW_MS, commit, free_port, ring, signing_key, spawn, uuid};
use tempfile::TempDir;

const BLOCKS_EACH: usize = 60;
/// An election takes seconds.
const PATIENCE: Duration = Duration::from_secs(90);

struct Cluster {
    directories: Vec<TempDir>,
    ports: Vec<u16>,
    children: Vec<Child>,
}

impl Cluster {
    fn start() -> Self {
        let (ports, routes): (Vec<u16>, Vec<u16>) = (0..3).map(|_| (free_port(), free_port())).unzip();
        let all: Vec<String> = routes.iter().map(|port| format!("nats-route://127.0.0.1:{port}")).collect();
        let mut cluster = Self { directories: Vec::new(), ports, children: Vec::new() };
        for (index, route) in routes.iter().enumerate() {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let configuration = format!(
                "server_name: s{index}\nlisten: 127.0.0.1:{}\n\
                 cluster {{ name: egide, listen: 127.0.0.1:{route}, routes: [{}] }}\n\
                 jetstream {{ store_dir: \"{}\", sync_interval: always }}\n",
                cluster.ports[index],
                all.join(","),
                directory.path().join("store").display()
            );
            fs::write(directory.path().join("nats.conf"), configuration).expect("writing nats.conf");
            cluster.children.push(spawn(directory.path(), cluster.ports[index]));
            cluster.directories.push(directory);
        }
        cluster
    }

    fn url(&self) -> String {
        let urls: Vec<String> = self.ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        urls.join(",")
    }

    async fn connect(&self) -> Connection {
        Connection::open(&ConnectionConfig::new(self.url())).await.expect("connecting to the cluster")
    }

    /// What `open` opens on three replicas, as soon as the cluster has agreed on a leader.
    async fn once_ready<T, E: std::fmt::Display>(&self, open: impl AsyncFn(Connection) -> Result<T, E>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match open(self.connect().await).await {
                Ok(opened) => return opened,
                Err(error) => assert!(Instant::now() < deadline, "not ready: {error}\n{}", self.logs()),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn log(&self, keys: KeyRing) -> EventLog {
        let config = LogConfig { create: true, max_bytes: 1 << 30, replicas: 3 };
        self.once_ready(async |connection| EventLog::open(connection, config.clone(), keys.clone()).await).await
    }

    /// What the servers say.
    fn logs(&self) -> String {
        let logs = self.directories.iter().map(|directory| fs::read_to_string(directory.path().join("nats.log")));
        logs.map(Result::unwrap_or_default).collect::<Vec<_>>().join("\n")
    }

    async fn leader(&self) -> usize {
        let client = async_nats::connect(format!("nats://127.0.0.1:{}", self.ports[0])).await.unwrap();
        let stream = async_nats::jetstream::new(client).get_stream("CASES").await.unwrap();
        let leader = stream.get_info().await.unwrap().cluster.unwrap().leader.unwrap();
        leader.strip_prefix('s').unwrap().parse().unwrap()
    }

    fn kill(&mut self, index: usize) {
        self.children[index].kill().expect("killing nats-server");
        self.children[index].wait().expect("waiting for nats-server");
    }

    fn start_again(&mut self, index: usize) {
        self.children[index] = spawn(self.directories[index].path(), self.ports[index]);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in &mut self.children {
            if child.kill().is_ok() {
                child.wait().ok();
            }
        }
    }
}

async fn write(log: EventLog, key: SigningKey) -> BTreeSet<String> {
    let mut appender = Appender::new(log.clone(), key, uuid());
    let mut follower = log.follow(log.genesis());
    let mut written = BTreeSet::new();
    while written.len() < BLOCKS_EACH {
        let commit = commit(1);
        let command_id = commit.command_id.clone();
        match appender.append(follower.head(), NOW_MS, vec![commit]).await.expect("an outcome") {
            AppendOutcome::Accepted(block) => {
                written.insert(command_id);
                while follower.head().number() < block.number() {
                    follower.next().await.expect("a block");
                }
            }
            AppendOutcome::Conflict => {
                follower.next().await.expect("the block that was faster");
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    written
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_appenders_and_a_dying_leader_make_one_order_without_gaps_or_doubles() {
    let mut cluster = Cluster::start();
    let (one, other) = (signing_key(), signing_key());
    let keys = ring(&[&one, &other]);
    let log = cluster.log(keys.clone()).await;
    let first = tokio::spawn(write(cluster.log(keys.clone()).await, one));
    let second = tokio::spawn(write(cluster.log(keys.clone()).await, other));

    let mut watcher = log.follow(log.genesis());
    let reading = tokio::spawn(async move {
        let mut commands = BTreeSet::new();
        for number in 1..=2 * BLOCKS_EACH as u64 {
            let block = watcher.next().await.expect("a block");
            assert_eq!(block.number(), number);
            for (_, commit) in block.commits() {
                assert!(commands.insert(commit.command_id.clone()), "a command stands in the log twice");
            }
        }
        commands
    });
    while log.last_number().await.map_or(true, |last| last < 20) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let leader = cluster.leader().await;
    cluster.kill(leader);
    tokio::time::sleep(Duration::from_millis(500)).await;
    cluster.start_again(leader);

    let finished = tokio::time::timeout(PATIENCE, async { (first.await, second.await, reading.await) });
    let (first, second, commands) = finished.await.expect("it takes too long");
    let (first, second, commands) = (first.unwrap(), second.unwrap(), commands.unwrap());
    assert_eq!(commands, first.union(&second).cloned().collect());
    assert_eq!(commands.len(), 2 * BLOCKS_EACH, "what was accepted stands in the log once, and nothing else does");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_has_one_winner_on_three_replicas_too() {
    let cluster = Cluster::start();
    let config = BucketConfig { create: true, replicas: 3 };
    let bucket = cluster.once_ready(async |connection| KeyBucket::open(connection, &config).await).await;
    for round in 0..10 {
        let key = format!("case.{round}");
        let mut racers = Vec::new();
        for number in 0..4_u8 {
            let (bucket, key) = (bucket.clone(), key.clone());
            racers.push(tokio::spawn(async move { bucket.create_if_absent(&key, vec![number; 60].into()).await }));
        }
        let mut winners = 0;
        for racer in racers {
            match racer.await.unwrap().expect("an outcome") {
                Creation::Created => winners += 1,
                Creation::Existing(bytes) => assert_eq!(bytes.len(), 60),
                Creation::Erased => unreachable!("nobody erases"),
            }
        }
        assert_eq!(winners, 1, "round {round}");
    }
}
