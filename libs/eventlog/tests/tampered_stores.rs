//! A store that was changed while its server was down, on a real server: readers halt, the ledger does not start or does not
//! write, and the walk names it.

#![expect(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "support/store.rs"]
mod store;
mod support;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use egide_crypto::sign::SigningKey;
use egide_eventlog::{
    Anchor, AppendError, AppendOutcome, Appender, Connection, EventLog, FirstStart, Halted, Head, LogError, Mark, MarkFile, NamedMark,
    Verification, verify_log,
};
use egide_trust::CurrentTrust;
use store::{Record, change};
use support::{NOW_MS, Server, Writer, commit, log_config, ring, uuid};
use tempfile::TempDir;

const BLOCKS: u64 = 8;
/// How long a follower with nothing to halt at is watched.
const WATCHED: Duration = Duration::from_secs(3);

/// A log of eight good blocks, and what its instances remember.
struct Store {
    server: Server,
    key: SigningKey,
    document: Vec<u8>,
    bodies: Vec<Bytes>,
    head: Head,
    marks: TempDir,
}

/// What everybody says about a store afterwards.
struct Seen {
    /// What the server counts.
    last: Option<u64>,
    /// Opening it with the instance's mark, as every role does.
    opened: Result<(), String>,
    /// Following it from the beginning, without a mark: how many blocks.
    rebuilt: Result<u64, String>,
    /// Following it from the last block that was read, without a mark.
    followed: Result<(), String>,
    /// Writing the next block, without a mark.
    written: Result<(), String>,
    walked: Vec<String>,
}

impl Store {
    async fn new() -> Self {
        let server = Server::start();
        let (key, document) = SigningKey::generate().unwrap();
        let marks = tempfile::tempdir().unwrap();
        let log = open_with_mark(&server, &key, &marks).await.unwrap();
        let mut writer = Writer::new(&log, SigningKey::from_pkcs8(&document).unwrap());
        let mut bodies = Vec::new();
        for number in 1..=BLOCKS {
            writer.write(2).await;
            bodies.push(log.read(number).await.unwrap().unwrap().bytes);
        }
        let head = writer.head.clone();
        drop((writer, log));
        Self { server, key, document: document.to_vec(), bodies, head, marks }
    }

    async fn stopped() -> Self {
        let mut store = Self::new().await;
        store.server.stop();
        store
    }

    async fn killed() -> Self {
        let mut store = Self::new().await;
        store.server.kill();
        store
    }

    fn file(&self) -> PathBuf {
        self.server.messages_of("CASES").join("1.blk")
    }

    fn body(&self, number: u64) -> &Bytes {
        self.bodies.get(usize::try_from(number).unwrap() - 1).expect("a block")
    }

    /// Flips one bit of a block's record.
    fn flip(&self, number: u64, at: impl FnOnce(&Record) -> usize) {
        change(&self.file(), |file| {
            let record = Record::find(file, self.body(number));
            *file.get_mut(at(&record)).unwrap() ^= 1;
        });
    }

    /// Starts the server again and asks everybody.
    async fn look(mut self) -> Seen {
        self.server.start_again();
        self.ask().await
    }

    async fn ask(&self) -> Seen {
        let connection = self.server.connect().await;
        let opened = open_with_mark(&self.server, &self.key, &self.marks).await.map(drop);
        let walked = self.walk(&connection).await;
        let log = EventLog::open(connection, log_config(), ring(&[&self.key])).await;
        let mut seen = Seen {
            last: None,
            opened: opened.map_err(|error| error.to_string()),
            rebuilt: Err(String::new()),
            followed: Err(String::new()),
            written: Err(String::new()),
            walked: walked.findings.iter().map(ToString::to_string).collect(),
        };
        match log {
            Ok(log) => {
                let last = log.last_number().await.unwrap();
                seen.last = Some(last);
                seen.rebuilt = rebuild(&log, last).await.map_err(|halted| halted.to_string());
                seen.followed = follow(&log, &self.head).await.map_err(|halted| halted.to_string());
                seen.written = match self.write(&log).await {
                    Some(Ok(AppendOutcome::Accepted(_))) => Ok(()),
                    Some(Ok(AppendOutcome::Conflict)) => Err("conflict".to_owned()),
                    Some(Err(error)) => Err(error.to_string()),
                    None => Err("no outcome".to_owned()),
                };
            }
            Err(error) => {
                let closed = format!("closed: {error}");
                (seen.rebuilt, seen.followed, seen.written) = (Err(closed.clone()), Err(closed.clone()), Err(closed));
            }
        }
        seen
    }

    async fn walk(&self, connection: &Connection) -> Verification {
        let mark = Mark::read(&mark_path(&self.marks)).unwrap().expect("a mark");
        let named = NamedMark { name: "ledger".to_owned(), mark };
        let trust = CurrentTrust::from(ring(&[&self.key]));
        verify_log(connection, &trust, &[named], |_| {}).await.expect("a walk")
    }

    /// Without an outcome, nothing is answered and nothing else is written.
    async fn write(&self, log: &EventLog) -> Option<Result<AppendOutcome, AppendError>> {
        let mut appender = Appender::new(log.clone(), SigningKey::from_pkcs8(&self.document).unwrap(), uuid());
        let appending = appender.append(&self.head, NOW_MS, vec![commit(1)]);
        tokio::time::timeout(WATCHED, appending).await.ok()
    }
}

fn mark_path(marks: &TempDir) -> PathBuf {
    marks.path().join("ledger.json")
}

async fn open_with_mark(server: &Server, key: &SigningKey, marks: &TempDir) -> Result<EventLog, LogError> {
    let mark = MarkFile::open(&mark_path(marks), FirstStart::Allowed).unwrap();
    let trust = CurrentTrust::from(ring(&[key]));
    EventLog::open(server.connect().await, log_config(), Anchor::from(trust).with_mark(mark)).await
}

/// How many blocks a reader without anything gets.
async fn rebuild(log: &EventLog, last: u64) -> Result<u64, Halted> {
    let mut follower = log.follow(log.genesis());
    while follower.head().number() < last {
        match tokio::time::timeout(WATCHED, follower.next()).await {
            Ok(next) => drop(next?),
            Err(_) => return Ok(follower.head().number()),
        }
    }
    Ok(last)
}

async fn follow(log: &EventLog, from: &Head) -> Result<(), Halted> {
    let mut follower = log.follow(from.clone());
    match tokio::time::timeout(WATCHED, follower.next()).await {
        Ok(Err(halted)) => Err(halted),
        Ok(Ok(block)) => panic!("block {} came from nowhere", block.number()),
        Err(_) => Ok(()),
    }
}

fn tell(name: &str, seen: &Seen) {
    println!("== {name}\n last {:?}\n opened {:?}\n rebuilt {:?}\n followed {:?}\n written {:?}", seen.last, seen.opened, seen.rebuilt, seen.followed, seen.written);
    for w in &seen.walked { println!("   * {w}"); }
}

#[tokio::test]
async fn explore() {
    let store = Store::stopped().await;
    tell("good", &store.look().await);
    for (name, at) in [("body", 0), ("seq", 1), ("length", 2), ("time", 3), ("checksum", 4), ("subject", 5), ("header", 6)] {
        for kill in [false, true] {
            for number in [4, 8] {
            let store = if kill { Store::killed().await } else { Store::stopped().await };
            store.flip(number, |record| match at {
                0 => record.message.start + 40,
                1 => record.start + 4,
                2 => record.start,
                3 => record.start + 12,
                4 => record.message.end + 2,
                5 => record.start + 23,
                _ => record.message.start - 20,
            });
            tell(&format!("{name} block {number} kill {kill}"), &store.look().await);
            }
        }
    }
    for kill in [false, true] {
        let store = if kill { Store::killed().await } else { Store::stopped().await };
        change(&store.file(), |file| { let end = Record::find(file, store.body(6)).end(); file.truncate(end) });
        tell(&format!("truncated whole, kill {kill}"), &store.look().await);
        let store = if kill { Store::killed().await } else { Store::stopped().await };
        change(&store.file(), |file| { let end = Record::find(file, store.body(6)).message.start + 9; file.truncate(end) });
        tell(&format!("truncated in record, kill {kill}"), &store.look().await);
        let store = if kill { Store::killed().await } else { Store::stopped().await };
        println!("files: {:?}", std::fs::read_dir(store.server.messages_of("CASES")).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>());
        for f in store::files(&store.server.messages_of("CASES"), ".db") { std::fs::remove_file(f).unwrap(); }
        tell(&format!("index removed, kill {kill}"), &store.look().await);
        let store = if kill { Store::killed().await } else { Store::stopped().await };
        std::fs::remove_file(store.file()).unwrap();
        tell(&format!("block file removed, kill {kill}"), &store.look().await);
        let store = if kill { Store::killed().await } else { Store::stopped().await };
        change(&store.file(), |file| { let r = Record::find(file, store.body(4)); let (s, e) = (r.start, r.end()); file.drain(s..e); });
        tell(&format!("middle cut out, kill {kill}"), &store.look().await);
    }
}
