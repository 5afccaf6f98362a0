//! A log restored from a backup, on a real server: without the root's record nobody goes on, with it everybody does, and only
//! there.

#![expect(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "support/raw.rs"]
mod raw;
#[path = "support/store.rs"]
mod store;
mod support;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use egide_crypto::sign::SigningKey;
use egide_eventlog::{
    Anchor, Begun, ChainBroken, Contradiction, EventLog, FirstStart, Halted, Head, LogError, Mark, MarkError, MarkFile,
    NamedMark, Verification, begin_incarnation, plan_restore, verify_log,
};
use egide_trust::{CurrentTrust, Draft, Restore, Trust, Use};
use raw::{publish_raw, raw_client};
use support::{NOW_MS, Server, Writer, log_config, within};
use tempfile::TempDir;

/// A log that was backed up at block 5, went on to block 8, and was restored.
struct Scene {
    server: Server,
    root: SigningKey,
    document: Vec<u8>,
    trust: Trust,
    /// The head at the backup, and the last one before the loss.
    kept: Head,
    lost: Head,
    /// The blocks after the backup, as they once stood in the log.
    abandoned: Vec<Bytes>,
    folder: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let mut server = Server::start();
        let folder = tempfile::tempdir().unwrap();
        let (root, _) = SigningKey::generate().unwrap();
        let (key, document) = SigningKey::generate().unwrap();
        let mut draft = Draft::first();
        draft.add_key(Use::Ledger, key.public_key(), "ledger-1", None).unwrap();
        let (trust, _) = draft.sign(&root, NOW_MS).unwrap();
        let log = open(&server, &trust, &folder.path().join("mark.json")).await.unwrap();
        let mut writer = Writer::new(&log, key);
        for _ in 1..=5 {
            writer.write(2).await;
        }
        let kept = writer.head.clone();
        drop((writer, log));
        server.stop();
        store::copy(&server.store(), &folder.path().join("backup"));
        server.start_again();
        let log = open(&server, &trust, &folder.path().join("mark.json")).await.unwrap();
        let mut writer = Writer::new(&log, SigningKey::from_pkcs8(&document).unwrap());
        writer.head = kept.clone();
        let mut abandoned = Vec::new();
        for number in 6..=8 {
            writer.write(2).await;
            abandoned.push(log.read(number).await.unwrap().unwrap().bytes);
        }
        let lost = writer.head.clone();
        drop((writer, log));
        server.stop();
        store::copy(&server.store(), &folder.path().join("before"));
        store::restore(&folder.path().join("backup"), &server.store());
        server.start_again();
        Self { server, root, document: document.to_vec(), trust, kept, lost, abandoned, folder }
    }

    fn mark_path(&self) -> PathBuf {
        self.folder.path().join("mark.json")
    }

    fn mark(&self) -> Mark {
        Mark::read(&self.mark_path()).unwrap().expect("a mark")
    }

    async fn open(&self, trust: &Trust) -> Result<EventLog, LogError> {
        open(&self.server, trust, &self.mark_path()).await
    }

    async fn walk(&self, trust: &Trust) -> Verification {
        let marks = [NamedMark { name: "ledger".to_owned(), mark: self.mark() }];
        let trust = CurrentTrust::from(trust.clone());
        verify_log(&self.server.connect().await, &trust, &marks, |_| {}).await.unwrap()
    }

    /// What the operator does: walks the restored log, signs the record, lets the stream go on.
    async fn restore(&self) -> (Restore, Trust) {
        let connection = self.server.connect().await;
        let walked = verify_log(&connection, &self.trust.clone().into(), &[], |_| {}).await.unwrap();
        assert!(walked.holds(), "{:?}", walked.findings);
        let end = walked.end.expect("an end");
        let restore = plan_restore(&end, &[self.mark()], "the disk failed", NOW_MS).unwrap();
        let mut draft = self.trust.draft();
        draft.add_restore(restore.clone()).unwrap();
        let (trust, _) = draft.sign(&self.root, NOW_MS).unwrap();
        assert_eq!(begin_incarnation(&connection, &restore).await.unwrap(), Begun::Now);
        assert_eq!(begin_incarnation(&connection, &restore).await.unwrap(), Begun::Before);
        (restore, trust)
    }

    fn writer(&self, log: &EventLog, head: &Head) -> Writer {
        let mut writer = Writer::new(log, SigningKey::from_pkcs8(&self.document).unwrap());
        writer.head = head.clone();
        writer
    }
}

async fn open(server: &Server, trust: &Trust, mark: &Path) -> Result<EventLog, LogError> {
    let mark = MarkFile::open(mark, FirstStart::Allowed).unwrap();
    let anchor = Anchor::from(trust.clone()).with_mark(mark);
    EventLog::open(server.connect().await, log_config(), anchor).await
}

fn contradiction(opened: Result<EventLog, LogError>) -> Contradiction {
    match opened {
        Err(LogError::Anchor(contradiction)) => contradiction,
        Err(error) => panic!("refused for another reason: {error}"),
        Ok(_) => panic!("a role starts"),
    }
}

#[tokio::test]
async fn a_restored_log_is_refused_until_the_root_signs_that_it_was() {
    let scene = Scene::new().await;
    assert_eq!(contradiction(scene.open(&scene.trust).await), Contradiction::Shorter { last: 5, mark: 8 });
    assert!(!scene.walk(&scene.trust).await.holds());
    let before = scene.mark();
    let (restore, trust) = scene.restore().await;
    assert_eq!((restore.after_block, restore.block_hash, restore.next_position), (5, scene.kept.hash(), 11));
    assert_eq!((restore.lost.last_block, restore.lost.last_position), (Some(8), Some(16)));
    // The stream has gone on, the trust file of this instance has not.
    let refused = contradiction(scene.open(&scene.trust).await);
    assert!(matches!(refused, Contradiction::OtherIncarnation { .. }), "{refused}");
    assert_eq!(scene.mark(), before, "a refused start leaves the mark as it was");
    let log = scene.open(&trust).await.unwrap();
    assert_eq!(log.incarnation(), restore.incarnation);
    assert_eq!((scene.mark().block, scene.mark().incarnation), (5, restore.incarnation.clone()));
    // Later, the trust file without the record is an older one.
    drop(log);
    let refused = contradiction(scene.open(&scene.trust).await);
    assert!(matches!(refused, Contradiction::OtherIncarnation { .. } | Contradiction::Trust(_)), "{refused}");
    assert!(scene.walk(&trust).await.holds(), "{:?}", scene.walk(&trust).await.findings);
}

#[tokio::test]
async fn the_log_goes_on_in_the_new_incarnation_and_readers_cross_over_once() {
    let scene = Scene::new().await;
    let (restore, trust) = scene.restore().await;
    let log = scene.open(&trust).await.unwrap();
    // A reader that is beyond the kept block belongs to the branch that ended.
    let mut ahead = log.follow(scene.lost.clone());
    assert_eq!(within(ahead.next()).await.expect_err("the lost branch"), Halted::OtherIncarnation);
    let mut writer = scene.writer(&log, &scene.kept);
    let sixth = writer.write(2).await;
    assert_eq!((sixth.number(), sixth.first_position()), (6, 11));
    assert_eq!(sixth.block().incarnation, restore.incarnation);
    writer.write(1).await;
    for from in [log.genesis(), scene.kept.clone()] {
        let mut follower = log.follow(from);
        while follower.head().number() < 7 {
            within(follower.next()).await.expect("a good block");
        }
        assert_eq!(follower.head().hash(), writer.head.hash());
        assert_eq!(follower.head().incarnation(), restore.incarnation);
    }
    let events = [(5, &restore.ended), (10, &restore.ended), (11, &restore.incarnation), (90, &restore.incarnation)];
    for (position, incarnation) in events {
        assert_eq!(**log.lineage().at_position(position), **incarnation, "{position}");
    }
    let walked = scene.walk(&trust).await;
    assert!(walked.holds(), "{:?}", walked.findings);
    assert_eq!(walked.end.expect("an end").block, 7);
    // Without the record the same log is none.
    let walked = verify_log(&scene.server.connect().await, &scene.trust.clone().into(), &[], |_| {}).await.unwrap();
    assert!(walked.findings.iter().any(|finding| finding.block() == Some(1)), "{:?}", walked.findings);
}

#[tokio::test]
async fn blocks_of_the_branch_that_ended_are_refused() {
    let scene = Scene::new().await;
    let (_, trust) = scene.restore().await;
    let log = scene.open(&trust).await.unwrap();
    // What once was block 6 is published again, right where it stood: number, previous hash and positions fit.
    let first = scene.abandoned.first().expect("a block").clone();
    publish_raw(&raw_client(&scene.server).await, first).await;
    let mut follower = log.follow(scene.kept.clone());
    let halted = within(follower.next()).await.expect_err("a block of the lost branch");
    assert_eq!(halted, ChainBroken::Abandoned { sequence: 6 }.into());
    let walked = scene.walk(&trust).await;
    let names =
        |finding: &egide_eventlog::Finding| finding.to_string().contains("a branch of the log that a restore ended");
    assert!(walked.findings.iter().any(names), "{:?}", walked.findings);
}

#[tokio::test]
async fn the_store_from_before_the_restore_is_refused_when_it_comes_back() {
    let mut scene = Scene::new().await;
    let (restore, trust) = scene.restore().await;
    scene.server.stop();
    store::restore(&scene.folder.path().join("before"), &scene.server.store());
    scene.server.start_again();
    let expected = Contradiction::NotRestored { found: restore.ended.clone(), expected: restore.incarnation.clone() };
    assert_eq!(contradiction(scene.open(&trust).await), expected);
    // Nor can the stream be made to go on as if it had been cut.
    let refused = begin_incarnation(&scene.server.connect().await, &restore).await;
    assert!(matches!(refused, Err(LogError::Anchor(Contradiction::RestoredElsewhere { number: 5 }))), "{refused:?}");
    let walked = scene.walk(&trust).await;
    assert!(walked.findings.iter().any(|finding| finding.block() == Some(6)), "{:?}", walked.findings);
}

#[tokio::test]
async fn of_two_restores_of_one_end_the_second_is_refused() {
    let scene = Scene::new().await;
    let (restore, _) = scene.restore().await;
    // Planned from the same walk, by somebody who did not know of the first: it ends at the same block.
    let second = Restore { incarnation: support::uuid(), ..restore.clone() };
    let refused = begin_incarnation(&scene.server.connect().await, &second).await.unwrap_err();
    let found = format!("the stream is of incarnation `{}`", restore.incarnation);
    assert!(refused.to_string().starts_with(&found), "{refused}");
}

#[tokio::test]
async fn a_trust_file_older_than_the_one_seen_is_refused_and_so_is_a_damaged_or_missing_mark() {
    let scene = Scene::new().await;
    let (_, trust) = scene.restore().await;
    let mut revoking = trust.draft();
    let key = trust.keys(Use::Ledger).first().expect("a key").key_id;
    revoking.revoke_key(key, 900).unwrap();
    let (newer, _) = revoking.sign(&scene.root, NOW_MS).unwrap();
    drop(scene.open(&newer).await.unwrap());
    assert_eq!(scene.mark().trust_serial, newer.serial());
    let refused = contradiction(scene.open(&trust).await);
    assert!(matches!(refused, Contradiction::Trust(_)), "a dropped revocation: {refused}");

    let path = scene.mark_path();
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, whole.replace("\"block\": 5", "\"block\": 4")).unwrap();
    assert!(matches!(MarkFile::open(&path, FirstStart::Allowed), Err(MarkError::Damaged { .. })));
    std::fs::write(&path, "").unwrap();
    assert!(matches!(MarkFile::open(&path, FirstStart::Allowed), Err(MarkError::Damaged { .. })));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(MarkFile::open(&path, FirstStart::Refused), Err(MarkError::Gone { .. })));
    assert!(MarkFile::open(&path, FirstStart::Allowed).unwrap().mark().is_none());
}

#[tokio::test]
async fn keys_are_rotated_and_revoked_while_everybody_runs() {
    let scene = Scene::new().await;
    let (_, trust) = scene.restore().await;
    let current = CurrentTrust::from(trust.clone());
    let log = EventLog::open(scene.server.connect().await, log_config(), current.clone()).await.unwrap();
    let mut follower = log.follow(scene.kept.clone());
    let mut old = scene.writer(&log, &scene.kept);
    let sixth = old.write(2).await.head_after().clone();
    within(follower.next()).await.expect("a block of the old key");

    let (key, document) = SigningKey::generate().unwrap();
    let mut new = Writer::new(&log, SigningKey::from_pkcs8(&document).unwrap());
    new.head = old.head.clone();
    let refused = new.appender.append(&new.head, NOW_MS, vec![support::commit(1)]).await;
    assert!(refused.is_err(), "a key that nobody certified writes");
    let mut draft = trust.draft();
    draft.add_key(Use::Ledger, key.public_key(), "ledger-2", Some(new.head.next_position())).unwrap();
    let (certified, _) = draft.sign(&scene.root, NOW_MS).unwrap();
    current.replace(certified.clone()).unwrap();
    new.write(1).await;
    within(follower.next()).await.expect("a block of the new key, without a restart");

    let mut draft = certified.draft();
    let revoked = SigningKey::from_pkcs8(&scene.document).unwrap().key_id();
    draft.revoke_key(revoked, new.head.last_position()).unwrap();
    let (revoking, _) = draft.sign(&scene.root, NOW_MS).unwrap();
    current.replace(revoking.clone()).unwrap();
    old.head = new.head.clone();
    let refused = old.appender.append(&old.head, NOW_MS, vec![support::commit(1)]).await;
    assert!(refused.is_err(), "a revoked key writes");
    new.write(1).await;
    within(follower.next()).await.expect("the new key goes on");
    assert!(scene.walk(&revoking).await.holds());

    // Revoked back to before what it wrote: whoever starts at such a block, or walks, learns of it.
    let mut draft = revoking.draft();
    draft.revoke_key(revoked, 10).unwrap();
    let (back, _) = draft.sign(&scene.root, NOW_MS).unwrap();
    let walked = scene.walk(&back).await;
    let findings: Vec<_> = walked.findings.iter().map(egide_eventlog::Finding::block).collect();
    assert_eq!(findings, [Some(6)], "{:?}", walked.findings);
    current.replace(back).unwrap();
    for from in [log.genesis(), sixth] {
        let mut follower = log.follow(from);
        let halted = loop {
            match within(follower.next()).await {
                Ok(block) => assert!(block.number() < 6, "it goes on from what a revoked key wrote"),
                Err(halted) => break halted,
            }
        };
        assert!(halted.to_string().contains("the signature of block `6` does not count"), "{halted}");
    }
}
