//! A real nats-server of one's own, and commits to put into its log.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use egide_crypto::sign::{KeyRing, SigningKey};
use egide_eventlog::{AppendOutcome, Appender, Connection, ConnectionConfig, EventLog, Head, LogConfig, VerifiedBlock};
use egide_wire::proto::egide::ledger::v1::{Area, Commit, Event, StreamExtent};
use tempfile::TempDir;
use uuid::Uuid;

/// How long a server may take to start or to go.
const PATIENCE: Duration = Duration::from_secs(20);
/// 2026-11-22T00:00:00Z.
pub const NOW_MS: i64 = 1_795_305_600_000;

/// A running nats-server that flushes before it acknowledges; killed when dropped.
pub struct Server {
    directory: TempDir,
    port: u16,
    child: Child,
}

impl Server {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts with further lines of configuration.
    pub fn start_with(configuration: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let port = free_port();
        let configuration = format!(
            "listen: 127.0.0.1:{port}\n\
             jetstream {{ store_dir: \"{}\", sync_interval: always }}\n{configuration}\n",
            directory.path().join("store").display()
        );
        fs::write(directory.path().join("nats.conf"), configuration).expect("writing nats.conf");
        let child = spawn(directory.path(), port);
        Self { directory, port, child }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Where the server keeps a stream's messages.
    pub fn messages_of(&self, stream: &str) -> PathBuf {
        self.store().join("jetstream/$G/streams").join(stream).join("msgs")
    }

    pub fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    /// Kills the server as a power failure would.
    pub fn kill(&mut self) {
        self.child.kill().expect("killing nats-server");
        self.child.wait().expect("waiting for nats-server");
    }

    /// Stops the server in order, so that it writes down what it knows.
    pub fn stop(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().expect("running kill").success());
        self.child.wait().expect("waiting for nats-server");
    }

    /// Starts it again on the same port and files.
    pub fn start_again(&mut self) {
        self.child = spawn(self.directory.path(), self.port);
    }

    pub async fn connect(&self) -> Connection {
        Connection::open(&ConnectionConfig::new(self.url())).await.expect("connecting to nats-server")
    }

    /// The log with a ring of `keys`, made if need be.
    pub async fn log(&self, keys: &[&SigningKey]) -> EventLog {
        EventLog::open(self.connect().await, log_config(), ring(keys)).await.expect("opening the log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

pub fn spawn(directory: &Path, port: u16) -> Child {
    let binary = std::env::var_os("EGIDE_NATS_SERVER").map_or_else(|| PathBuf::from("nats-server"), PathBuf::from);
    let log = fs::File::options().create(true).append(true).open(directory.join("nats.log")).expect("nats.log");
    let mut child = Command::new(&binary)
        .arg("--config")
        .arg(directory.join("nats.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "`{}` does not start ({error}): set EGIDE_NATS_SERVER to a nats-server 2.15 or newer",
                binary.display()
            )
        });
    let deadline = Instant::now() + PATIENCE;
    while !answers(port) {
        let ended = child.try_wait().expect("asking for nats-server");
        let log = || fs::read_to_string(directory.join("nats.log")).unwrap_or_default();
        assert!(ended.is_none(), "nats-server ended: {}", log());
        assert!(Instant::now() < deadline, "nats-server is not ready: {}", log());
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// Whether a server greets on the port.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).is_ok() && &greeting == b"INFO"
}

/// A port that nobody listens on, below those that systems hand out by themselves: between this look and the server's
/// own, no connection of somebody else's gets it.
pub fn free_port() -> u16 {
    loop {
        let (high, low, ..) = Uuid::new_v4().as_fields();
        let port = 20_000 + u16::try_from((high ^ u32::from(low)) % 12_000).expect("it is below 12,000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

pub fn log_config() -> LogConfig {
    LogConfig { create: true, max_bytes: 1 << 30, replicas: 1 }
}

pub fn signing_key() -> SigningKey {
    SigningKey::generate().expect("a signing key").0
}

pub fn ring(keys: &[&SigningKey]) -> KeyRing {
    let mut ring = KeyRing::new();
    for key in keys {
        ring.insert(key.public_key(), None, None).expect("a ring");
    }
    ring
}

pub fn uuid() -> String {
    Uuid::new_v4().to_string()
}

/// A commit of `events` events that open a new case.
pub fn commit(events: u32) -> Commit {
    commit_of(events, 40)
}

/// A commit of `events` events, each with facts of `facts_bytes` bytes.
pub fn commit_of(events: u32, facts_bytes: usize) -> Commit {
    let case = uuid();
    let event = |revision| Event {
        event_id: uuid(),
        area: Area::Case.into(),
        stream_id: case.clone(),
        revision,
        kind: "case.opened".into(),
        schema_version: 1,
        facts: vec![7; facts_bytes],
        ..Event::default()
    };
    Commit {
        command_id: uuid(),
        emitter: "case-desk".into(),
        fingerprint: vec![1; 32],
        events: (1..=u64::from(events)).map(event).collect(),
        streams: vec![StreamExtent { stream_id: case.clone(), first_revision: 1, count: events }],
    }
}

/// An appender of its own, and the log's head as it goes on.
pub struct Writer {
    pub appender: Appender,
    pub head: Head,
}

impl Writer {
    pub fn new(log: &EventLog, key: SigningKey) -> Self {
        Self { appender: Appender::new(log.clone(), key, uuid()), head: log.genesis() }
    }

    /// Appends one block of one commit with `events` events.
    pub async fn write(&mut self, events: u32) -> VerifiedBlock {
        self.write_commits(vec![commit(events)]).await
    }

    pub async fn write_commits(&mut self, commits: Vec<Commit>) -> VerifiedBlock {
        match self.appender.append(&self.head, NOW_MS, commits).await.expect("appending") {
            AppendOutcome::Accepted(block) => {
                self.head = block.head_after().clone();
                *block
            }
            AppendOutcome::Conflict => panic!("a conflict, with nobody else writing"),
        }
    }

    pub async fn write_blocks(&mut self, blocks: u64) {
        for _ in 0..blocks {
            self.write(1).await;
        }
    }
}

/// Waits for something with a bound.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}
