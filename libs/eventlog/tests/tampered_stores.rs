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
    Anchor, AppendError, AppendOutcome, Appender, Connection, EventLog, FirstStart, Halted, Head, LogError, Mark,
    MarkFile, NamedMark, Verification, verify_log,
};
use egide_trust::CurrentTrust;
use store::{Record, change};
use support::{NOW_MS, Server, Writer, commit, log_config, ring, uuid, within};
use tempfile::TempDir;

const BLOCKS: u64 = 8;
/// How long a follower with nothing to halt at is watched.
const WATCHED: Duration = Duration::from_secs(2);

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

/// Where a bit is flipped in the record of a block.
type Place = fn(&Record) -> usize;

const PLACES: [(&str, Place); 6] = [
    ("message", |record| record.message.start + 40),
    ("length", |record| record.start),
    ("sequence", |record| record.start + 4),
    ("time", |record| record.start + 12),
    ("headers", |record| record.message.start - 20),
    ("checksum", |record| record.message.end + 2),
];

fn names(walked: &[String], text: &str) -> bool {
    walked.iter().any(|finding| finding.contains(text))
}

/// What an instance says to a log that is shorter than it was.
fn shorter(last: u64, mark: u64) -> String {
    format!("the log ends at block `{last}`, and this instance saw block `{mark}`")
}

/// What every tampering with the end of the log comes to.
fn assert_noticed(seen: &Seen, what: &str) {
    let Err(refused) = &seen.opened else { panic!("{what}: a role starts") };
    if let Some(last) = seen.last.filter(|last| *last < BLOCKS) {
        assert!(refused.contains(&shorter(last, BLOCKS)), "{what}: refused for another reason: {refused}");
    }
    assert!(seen.followed.is_err(), "{what}: a reader goes on");
    assert!(!seen.walked.is_empty(), "{what}: the walk names nothing");
    assert!(names(&seen.walked, "`ledger`"), "{what}: the mark is not contradicted: {:?}", seen.walked);
}

#[tokio::test]
async fn a_store_that_nobody_touched_is_good() {
    for store in [Store::stopped().await, Store::killed().await] {
        let seen = store.look().await;
        assert_eq!((seen.last, seen.opened, seen.rebuilt), (Some(BLOCKS), Ok(()), Ok(BLOCKS)));
        assert_eq!((seen.followed, seen.written, seen.walked), (Ok(()), Ok(()), Vec::new()));
    }
}

#[tokio::test]
async fn a_bit_flipped_in_the_last_block_is_noticed_by_everybody_after_an_orderly_stop() {
    for (place, at) in PLACES {
        let store = Store::stopped().await;
        store.flip(BLOCKS, at);
        assert_noticed(&store.look().await, place);
    }
}

#[tokio::test]
async fn a_bit_flipped_in_the_last_block_is_noticed_by_everybody_after_a_crash() {
    for (place, at) in PLACES {
        let store = Store::killed().await;
        store.flip(BLOCKS, at);
        let seen = store.look().await;
        assert_eq!(seen.last, Some(BLOCKS - 1), "{place}: the server cuts the log and says nothing");
        assert_noticed(&seen, place);
        assert!(seen.written.is_err(), "{place}: the lost block's place is taken");
    }
}

#[tokio::test]
async fn a_bit_flipped_in_the_middle_cuts_the_log_after_a_crash() {
    for (place, at) in PLACES {
        let store = Store::killed().await;
        store.flip(4, at);
        let seen = store.look().await;
        assert_eq!(seen.last, Some(3), "{place}: the server cuts the log and says nothing");
        assert_noticed(&seen, place);
        assert!(seen.written.is_err(), "{place}: a lost block's place is taken");
    }
}

/// After an orderly stop the server believes its index, and skips what it cannot read. Who has read past the place finds out
/// by walking, by rebuilding, or by the patrol.
#[tokio::test]
async fn a_bit_flipped_in_the_middle_is_named_by_rebuilds_by_the_walk_and_by_the_patrol() {
    for (place, at) in PLACES {
        let mut store = Store::stopped().await;
        store.flip(4, at);
        store.server.start_again();
        let seen = store.ask().await;
        if seen.opened.is_ok() {
            let rebuilt = seen.rebuilt.expect_err("a rebuild over a hole");
            assert!(rebuilt.contains("expected message `4`"), "{place}: {rebuilt}");
            assert!(names(&seen.walked, "blocks `4` to"), "{place}: {:?}", seen.walked);
            let log = open_with_mark(&store.server, &store.key, &store.marks).await.unwrap();
            let halted = within(log.patrol()).await;
            assert!(halted.to_string().contains("expected message `4`"), "{place}: {halted}");
        } else {
            // The length of a record gone, the server rebuilds its index: a cut like that after a crash.
            assert_noticed(&seen, place);
        }
    }
}

#[tokio::test]
async fn a_block_file_cut_short_is_noticed_by_everybody() {
    for (what, end) in
        [("after a record", (|record| record.end()) as Place), ("within a record", |record| record.message.start + 9)]
    {
        for store in [Store::stopped().await, Store::killed().await] {
            change(&store.file(), |file| file.truncate(end(&Record::find(file, store.body(6)))));
            assert_noticed(&store.look().await, what);
        }
    }
}

#[tokio::test]
async fn a_record_taken_out_of_the_middle_is_named() {
    let cut = |store: &Store| {
        change(&store.file(), |file| {
            let record = Record::find(file, store.body(4));
            file.drain(record.start..record.end());
        });
    };
    let store = Store::stopped().await;
    cut(&store);
    let seen = store.look().await;
    assert_eq!(seen.last, Some(BLOCKS), "the server skips the block and says nothing");
    assert!(seen.rebuilt.is_err() && names(&seen.walked, "blocks `4` to `4` are missing"), "{:?}", seen.walked);

    let store = Store::killed().await;
    cut(&store);
    let seen = store.look().await;
    assert!(seen.opened.is_err() && seen.followed.is_err());
    assert!(names(&seen.walked, "the server counts `7` messages"), "{:?}", seen.walked);
    assert!(names(&seen.walked, "blocks `4` to `4` are missing"), "{:?}", seen.walked);
}

#[tokio::test]
async fn a_lost_index_loses_nothing_and_a_lost_block_file_is_noticed() {
    for store in [Store::stopped().await, Store::killed().await] {
        for index in store::files(&store.server.messages_of("CASES"), ".db") {
            std::fs::remove_file(index).unwrap();
        }
        let seen = store.look().await;
        assert_eq!((seen.opened, seen.rebuilt, seen.walked), (Ok(()), Ok(BLOCKS), Vec::new()));
    }
    for store in [Store::stopped().await, Store::killed().await] {
        std::fs::remove_file(store.file()).unwrap();
        assert_noticed(&store.look().await, "no block file");
    }
}

/// Index gone and a bit flipped: what the server cannot read is the end, and its places are given away again.
#[tokio::test]
async fn the_places_of_lost_blocks_are_not_taken_while_anybody_remembers_them() {
    let mut store = Store::stopped().await;
    store.flip(5, |record| record.message.start + 40);
    for index in store::files(&store.server.messages_of("CASES"), ".db") {
        std::fs::remove_file(index).unwrap();
    }
    store.server.start_again();
    let seen = store.ask().await;
    assert_eq!(seen.last, Some(4), "the server cuts the log and says nothing");
    assert_noticed(&seen, "reuse");
    // A ledger that has lost mark and projection takes the places; whoever remembers the old blocks notices even then.
    let log = EventLog::open(store.server.connect().await, log_config(), ring(&[&store.key])).await.unwrap();
    let mut writer = Writer::new(&log, SigningKey::from_pkcs8(&store.document).unwrap());
    writer.head = {
        let mut follower = log.follow(log.genesis());
        for _ in 1..=4 {
            within(follower.next()).await.unwrap();
        }
        follower.head().clone()
    };
    for _ in 5..=BLOCKS + 1 {
        writer.write(1).await;
    }
    let seen = store.ask().await;
    assert_eq!(seen.last, Some(BLOCKS + 1));
    assert!(seen.opened.is_err_and(|error| error.contains("block `8` is not the one this instance saw")));
    assert!(seen.followed.is_err_and(|halted| halted.contains("block `8` is not the one this reader stopped at")));
    assert!(names(&seen.walked, "`ledger`: block `8` is not the one"), "{:?}", seen.walked);
}

#[tokio::test]
async fn a_store_rolled_back_whole_is_noticed_by_marks_and_cursors() {
    let mut store = Store::stopped().await;
    let backup = tempfile::tempdir().unwrap();
    store::copy(&store.server.store(), &backup.path().join("store"));
    store.server.start_again();
    let log = open_with_mark(&store.server, &store.key, &store.marks).await.unwrap();
    let mut writer = Writer::new(&log, SigningKey::from_pkcs8(&store.document).unwrap());
    writer.head = store.head.clone();
    writer.write_blocks(3).await;
    store.head = writer.head.clone();
    drop((writer, log));
    store.server.stop();
    store::restore(&backup.path().join("store"), &store.server.store());
    let seen = store.look().await;
    assert_eq!((seen.last, seen.rebuilt.as_ref()), (Some(BLOCKS), Ok(&BLOCKS)), "by itself the log looks good");
    assert_noticed(&seen, "rollback");
    assert!(seen.opened.is_err_and(|refused| refused.contains(&shorter(BLOCKS, BLOCKS + 3))));
    assert!(seen.written.is_err());
}

/// The log is cut while a reader that lost its projection reads it again from the beginning.
#[tokio::test]
async fn a_rebuild_honours_the_mark_while_it_runs() {
    let mut store = Store::stopped().await;
    store.server.start_again();
    let log = open_with_mark(&store.server, &store.key, &store.marks).await.unwrap();
    let mut follower = log.follow(log.genesis());
    store.server.kill();
    change(&store.file(), |file| file.truncate(Record::find(file, store.body(6)).end()));
    for index in store::files(&store.server.messages_of("CASES"), ".db") {
        std::fs::remove_file(index).unwrap();
    }
    store.server.start_again();
    let halted = loop {
        match within(follower.next()).await {
            Ok(block) => assert!(block.number() <= 6),
            Err(halted) => break halted,
        }
    };
    assert!(halted.to_string().contains("the log ends at block `6`, and this instance saw block `8`"), "{halted}");
}
