//! Rows and cursor move together, whatever happens in between.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod model;
#[path = "../../eventlog/tests/support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use egide_eventlog::VerifiedBlock;
use egide_projection::{Applied, Lagging, ModelError, Projection, ProjectionError, ReadModel, Rows, StoreError, View};
use egide_trust::{Lineage, Lost, Restore};
use model::{Chain, Counter, NewerCounter, OtherModel, SUM, TOTAL, number};

fn read(view: &View<'_>, key: &[u8]) -> u64 {
    number(view.get(key).unwrap().as_deref())
}

/// What the counter must hold after `blocks` blocks of two events each.
fn assert_counted<M: ReadModel>(projection: &Projection<M>, blocks: u64) {
    let view = projection.view();
    let events = blocks * 2;
    assert_eq!(view.head().number(), blocks);
    assert_eq!(view.position(), events);
    assert_eq!((read(&view, TOTAL), read(&view, SUM)), (events, events * (events + 1) / 2));
    assert_eq!(view.prefix(b"event/").count() as u64, events);
}

fn open(path: &Path, chain: &Chain) -> Projection<Counter> {
    Projection::open(path, Counter::default(), chain.incarnation()).unwrap()
}

#[test]
fn every_block_is_applied_once_and_a_restart_continues() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let first = open(directory.path(), &chain);
    assert_eq!(first.head().number(), 0);
    let blocks: Vec<VerifiedBlock> = (0..5).map(|_| chain.block(2)).collect();
    for block in &blocks[..3] {
        assert_eq!(first.applied(block).unwrap(), Applied::Now);
    }
    assert_counted(&first, 3);
    drop(first);

    let again = open(directory.path(), &chain);
    assert_counted(&again, 3);
    for block in &blocks {
        again.applied(block).unwrap();
    }
    assert_eq!(again.model().applied.load(Ordering::SeqCst), 2, "only what was new");
    assert_counted(&again, 5);
}

#[test]
fn a_block_handed_over_again_changes_nothing_and_one_too_early_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let projection = open(directory.path(), &chain);
    let (one, two, three) = (chain.block(2), chain.block(2), chain.block(2));
    assert_eq!(projection.applied(&two), Err(ProjectionError::OutOfOrder { expected: 1, found: 2 }));
    assert_eq!(projection.applied(&one), Ok(Applied::Now));
    assert_eq!(projection.applied(&one), Ok(Applied::Before));
    assert_eq!(projection.applied(&three), Err(ProjectionError::OutOfOrder { expected: 2, found: 3 }));
    assert_eq!(projection.applied(&two), Ok(Applied::Now));
    assert_counted(&projection, 2);
}

#[tokio::test]
async fn what_is_offered_is_seen_at_once_and_applied_together() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let projection = open(directory.path(), &chain);
    let mut offer = |count: usize| (0..count).for_each(|_| projection.offer(chain.block(2)).unwrap());
    offer(3);
    assert_eq!(projection.view_behind().head().number(), 0, "nothing is applied before somebody looks");
    assert_counted(&projection, 3);
    offer(2);
    projection.wait_for(10, Duration::ZERO).await.expect("whoever waits for it has it applied");
    offer(1);
    projection.wait_for_block(6, Duration::ZERO).await.expect("by its number too");
    offer(65);
    assert_eq!(projection.head().number(), 71, "no more wait than a bound");
    offer(1);
    projection.flush().await.unwrap();
    assert_eq!(projection.head().number(), 72);
    assert_eq!(projection.model().applied.load(Ordering::SeqCst), 72, "each once");
    drop(projection);
    assert_counted(&open(directory.path(), &chain), 72);
}

#[test]
fn a_block_applied_after_others_were_offered_comes_after_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let projection = open(directory.path(), &chain);
    projection.offer(chain.block(2)).unwrap();
    projection.offer(chain.block(2)).unwrap();
    assert_eq!(projection.applied(&chain.block(2)), Ok(Applied::Now));
    assert_counted(&projection, 3);
}

#[test]
fn readers_beside_a_writer_see_what_was_offered_before_they_looked() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let projection = open(directory.path(), &chain);
    let offered = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let before = offered.load(Ordering::SeqCst);
                    let seen = projection.view().head().number();
                    assert!(seen >= before, "{before} blocks were offered, {seen} seen");
                    if before == 300 {
                        break;
                    }
                }
            });
        }
        for number in 1..=300 {
            projection.offer(chain.block(2)).unwrap();
            offered.store(number, Ordering::SeqCst);
        }
    });
    assert_counted(&projection, 300);
}

#[test]
fn an_offered_block_that_cannot_be_applied_stops_the_projection() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let model = Counter { fails_at: Some(2), ..Counter::default() };
    let projection = Projection::open(directory.path(), model, chain.incarnation()).unwrap();
    projection.offer(chain.block(2)).unwrap();
    assert_counted(&projection, 1);
    projection.offer(chain.block(2)).unwrap();
    assert_counted(&projection, 1);
    assert!(projection.subscribe().borrow().halted);
    assert_eq!(projection.applied(&chain.block(2)), Err(ProjectionError::Halted));
}

#[test]
fn a_block_of_another_history_stops_the_projection() {
    for depth in [0, 1] {
        let directory = tempfile::tempdir().unwrap();
        let mut chain = Chain::new();
        let mut other = chain.sibling();
        let projection = open(directory.path(), &chain);
        projection.applied(&chain.block(2)).unwrap();
        for _ in 0..depth {
            other.block(2);
        }
        let foreign = other.block(2);
        let number = foreign.number();
        assert_eq!(projection.applied(&foreign), Err(ProjectionError::OtherHistory { number }));
        assert_eq!(projection.applied(&chain.block(2)), Err(ProjectionError::Halted));
        assert_counted(&projection, 1);
    }
}

#[tokio::test]
async fn a_model_that_fails_leaves_no_row_of_the_block_and_goes_no_further() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let model = Counter { fails_at: Some(2), ..Counter::default() };
    let projection = Projection::open(directory.path(), model, chain.incarnation()).unwrap();
    let (one, two, three) = (chain.block(2), chain.block(2), chain.block(2));
    projection.applied(&one).unwrap();
    let reason = ModelError::Event { position: 3, reason: "this test says so" };
    assert_eq!(projection.applied(&two), Err(ProjectionError::Model { number: 2, reason }));
    assert_eq!(projection.applied(&two), Err(ProjectionError::Halted));
    assert_eq!(projection.applied(&three), Err(ProjectionError::Halted));
    assert_counted(&projection, 1);
    assert!(projection.subscribe().borrow().halted);
    let waited = projection.wait_for(3, Duration::from_secs(60)).await;
    assert_eq!(waited, Err(Lagging::Halted { reached: 2 }));
    projection.wait_for(2, Duration::ZERO).await.expect("what is applied stays applied");
    drop(projection);

    let mended = open(directory.path(), &chain);
    assert_counted(&mended, 1);
    mended.applied(&two).unwrap();
    assert_counted(&mended, 2);
}

#[tokio::test]
async fn a_model_that_panics_stops_the_projection_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let model = Counter { panics_at: Some(2), ..Counter::default() };
    let projection = Projection::open(directory.path(), model, chain.incarnation()).unwrap();
    projection.applied(&chain.block(2)).unwrap();
    let (two, three) = (chain.block(2), chain.block(2));
    let panicking = projection.clone();
    std::thread::spawn(move || panicking.applied(&two)).join().expect_err("the model panics");
    assert_eq!(projection.applied(&three), Err(ProjectionError::Halted));
    assert_counted(&projection, 1);
    let waited = projection.wait_for(3, Duration::from_secs(60)).await;
    assert_eq!(waited, Err(Lagging::Halted { reached: 2 }));
}

#[test]
fn another_version_or_another_model_is_built_from_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let blocks: Vec<VerifiedBlock> = (0..3).map(|_| chain.block(2)).collect();
    let first = open(directory.path(), &chain);
    blocks.iter().for_each(|block| assert_eq!(first.applied(block), Ok(Applied::Now)));
    drop(first);

    let newer = Projection::open(directory.path(), NewerCounter, chain.incarnation()).unwrap();
    assert_eq!(newer.head().number(), 0);
    assert_eq!(newer.view().prefix(b"").count(), 0, "rows of the old version are gone");
    blocks.iter().for_each(|block| assert_eq!(newer.applied(block), Ok(Applied::Now)));
    assert_counted(&newer, 3);
    drop(newer);

    let other = Projection::open(directory.path(), OtherModel, chain.incarnation()).unwrap();
    assert_eq!(other.head().number(), 0);
    assert_eq!(other.view().prefix(b"").count(), 0);
}

#[test]
fn a_broken_cursor_is_not_believed() {
    type Damage = fn(&[u8]) -> Option<Vec<u8>>;
    let breaks: [Damage; 4] = [
        |_| None,
        |_| Some(vec![]),
        |cursor| Some(cursor[..cursor.len() - 1].to_vec()),
        |cursor| {
            // The block number, behind checksum and format.
            let mut cursor = cursor.to_vec();
            cursor[32 + 8] ^= 1;
            Some(cursor)
        },
    ];
    for damage in breaks {
        let directory = tempfile::tempdir().unwrap();
        let mut chain = Chain::new();
        let block = chain.block(2);
        let projection = open(directory.path(), &chain);
        projection.applied(&block).unwrap();
        drop(projection);
        let db = loop {
            // sled gives up its lock a moment after its last handle.
            if let Ok(db) = sled::open(directory.path()) {
                break db;
            }
            std::thread::yield_now();
        };
        match damage(&db.get("cursor").unwrap().expect("the cursor")) {
            Some(cursor) => db.insert("cursor", cursor).unwrap(),
            None => db.remove("cursor").unwrap(),
        };
        drop(db);
        let projection = open(directory.path(), &chain);
        assert_eq!(projection.head().number(), 0);
        projection.applied(&block).unwrap();
        assert_counted(&projection, 1);
    }
}

#[test]
fn damaged_files_are_replaced_and_nothing_else_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let block = chain.block(2);
    let projection = open(directory.path(), &chain);
    projection.applied(&block).unwrap();
    drop(projection);
    fs::write(directory.path().join("conf"), [0xff; 64]).unwrap();
    fs::write(directory.path().join("letter.txt"), b"mine").unwrap();
    let projection = open(directory.path(), &chain);
    assert_eq!(projection.head().number(), 0);
    projection.applied(&block).unwrap();
    assert_counted(&projection, 1);
    assert_eq!(fs::read(directory.path().join("letter.txt")).unwrap(), b"mine");
}

#[test]
fn damage_on_disk_costs_blocks_but_never_half_of_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let blocks: Vec<VerifiedBlock> = (0..200).map(|_| chain.block(2)).collect();
    let projection = open(directory.path(), &chain);
    blocks.iter().for_each(|block| assert_eq!(projection.applied(block), Ok(Applied::Now)));
    drop(projection);
    let good = fs::read(directory.path().join("db")).unwrap();
    let used = good.len() - good.iter().rev().take_while(|byte| **byte == 0).count();
    for step in 0..60 {
        let mut damaged = good.clone();
        let at = used * step / 60;
        for byte in &mut damaged[at..(at + 16).min(used)] {
            *byte ^= 0xa5;
        }
        let copy = tempfile::tempdir().unwrap();
        fs::copy(directory.path().join("conf"), copy.path().join("conf")).unwrap();
        fs::write(copy.path().join("db"), damaged).unwrap();
        let projection = open(copy.path(), &chain);
        let number = projection.head().number();
        assert!(number < 200, "damage at byte {at} of {used} was not noticed");
        assert_counted(&projection, number);
    }
}

#[test]
fn rows_of_another_incarnation_are_neither_shown_nor_thrown_away() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let projection = open(directory.path(), &chain);
    projection.applied(&chain.block(2)).unwrap();
    drop(projection);
    let other = Projection::open(directory.path(), Counter::default(), support::uuid().as_str());
    assert_eq!(other.map(|_| ()), Err(ProjectionError::OtherIncarnation));
    assert_counted(&open(directory.path(), &chain), 1);
}

#[test]
fn after_a_restore_rows_that_follow_from_lost_blocks_are_built_again_and_others_stay() {
    let mut chain = Chain::new();
    let blocks: Vec<VerifiedBlock> = (0..5).map(|_| chain.block(2)).collect();
    let kept = blocks[2].head_after();
    let restore = Restore {
        incarnation: support::uuid(),
        ended: chain.incarnation().to_owned(),
        after_block: kept.number(),
        block_hash: kept.hash(),
        next_position: kept.next_position(),
        lost: Lost::default(),
        reason: "a disk failed".to_owned(),
        restored_at_ms: 0,
    };
    let lineage = Lineage::of(&[restore]).unwrap().unwrap();
    for (applied, stays) in [(2, 2), (3, 3), (4, 0), (5, 0)] {
        let directory = tempfile::tempdir().unwrap();
        let projection = open(directory.path(), &chain);
        for block in &blocks[..applied] {
            assert_eq!(projection.applied(block).unwrap(), Applied::Now);
        }
        drop(projection);
        let again = Projection::open(directory.path(), Counter::default(), &lineage).unwrap();
        assert_counted(&again, stays);
        assert_eq!(again.head().incarnation(), chain.incarnation(), "before the restore it is the old one");
    }
}

#[test]
fn files_in_use_are_named_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let chain = Chain::new();
    let _open = open(directory.path(), &chain);
    let again = Projection::open(directory.path(), Counter::default(), chain.incarnation());
    assert_eq!(again.map(|_| ()), Err(StoreError::InUse.into()));
}

#[tokio::test]
async fn waiting_ends_when_the_position_comes_or_time_is_up() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let projection = open(directory.path(), &chain);
    projection.applied(&chain.block(2)).unwrap();
    projection.wait_for(2, Duration::ZERO).await.unwrap();
    projection.wait_for_block(1, Duration::ZERO).await.unwrap();
    let waited = projection.wait_for(3, Duration::from_millis(20)).await;
    assert_eq!(waited, Err(Lagging::Behind { wanted: 3, reached: 2 }));
    let waited = projection.wait_for_block(2, Duration::from_millis(20)).await;
    assert_eq!(waited, Err(Lagging::Behind { wanted: 2, reached: 1 }));

    let waiting = projection.clone();
    let waiting = tokio::spawn(async move { waiting.wait_for(4, Duration::from_secs(20)).await });
    tokio::task::yield_now().await;
    projection.applied(&chain.block(2)).unwrap();
    waiting.await.unwrap().unwrap();
    let progress = *projection.subscribe().borrow();
    assert_eq!((progress.number, progress.position, progress.halted), (2, 4, false));
}

/// Checks what `Rows` offers while a block is being applied.
struct SelfReader;

impl ReadModel for SelfReader {
    const NAME: &'static str = "self-reader";
    const VERSION: u32 = 1;

    fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        let keys = |rows: &Rows<'_>| -> Result<Vec<Vec<u8>>, ModelError> {
            Ok(rows.prefix(b"a/")?.into_iter().map(|(key, _)| key).collect())
        };
        if block.number() == 1 {
            rows.insert(b"a/1", "one");
            rows.insert(b"a/3", "three");
            rows.insert(b"b/1", "other");
            return Ok(());
        }
        assert_eq!(rows.get(b"a/1")?.as_deref(), Some(&b"one"[..]));
        rows.insert(b"a/2", "two");
        rows.insert(b"a/3", "changed");
        rows.remove(b"a/1");
        assert_eq!(rows.get(b"a/1")?, None);
        assert_eq!(rows.get(b"a/2")?.as_deref(), Some(&b"two"[..]));
        assert_eq!(rows.get(b"a/3")?.as_deref(), Some(&b"changed"[..]));
        assert_eq!(keys(rows)?, [b"a/2", b"a/3"]);
        rows.insert(b"a/1", "again");
        rows.remove(b"a/3");
        assert_eq!(keys(rows)?, [b"a/1", b"a/2"]);
        Ok(())
    }
}

#[test]
fn a_model_reads_what_it_wrote_in_the_same_block() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let projection = Projection::open(directory.path(), SelfReader, chain.incarnation()).unwrap();
    projection.applied(&chain.block(1)).unwrap();
    projection.applied(&chain.block(1)).unwrap();
    let view = projection.view();
    let rows: Vec<(Vec<u8>, Vec<u8>)> =
        view.prefix(b"").map(|row| row.map(|(key, row)| (key, row.to_vec())).unwrap()).collect();
    let expected: [(&[u8], &[u8]); 3] = [(b"a/1", b"again"), (b"a/2", b"two"), (b"b/1", b"other")];
    assert_eq!(rows, expected.map(|(key, row)| (key.to_vec(), row.to_vec())));
}

/// Writes the keys a test asks for.
struct Keys(&'static [&'static [u8]]);

impl ReadModel for Keys {
    const NAME: &'static str = "keys";
    const VERSION: u32 = 1;

    fn apply(&self, _: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        self.0.iter().for_each(|key| rows.insert(key, *key));
        Ok(())
    }
}

#[test]
fn ranges_and_prefixes_are_read_from_both_ends() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let model = Keys(&[b"", b"a", b"a\x00", b"a\xff", b"a\xff\xff", b"b", b"\xff"]);
    let projection = Projection::open(directory.path(), model, chain.incarnation()).unwrap();
    projection.applied(&chain.block(1)).unwrap();
    let view = projection.view();
    let keys = |rows: &mut dyn Iterator<Item = Result<(Vec<u8>, egide_projection::Row), StoreError>>| -> Vec<Vec<u8>> {
        rows.map(|row| {
            let (key, row) = row.unwrap();
            assert_eq!(key, row.to_vec());
            key
        })
        .collect()
    };
    let all: [&[u8]; 7] = [b"", b"a", b"a\x00", b"a\xff", b"a\xff\xff", b"b", b"\xff"];
    assert_eq!(keys(&mut view.range::<&[u8]>(..)), all);
    assert_eq!(keys(&mut view.range::<&[u8]>(..).rev().take(2)), [&b"\xff"[..], b"b"]);
    assert_eq!(keys(&mut view.prefix(b"a")), all[1..5]);
    assert_eq!(keys(&mut view.prefix(b"a").rev()), [&b"a\xff\xff"[..], b"a\xff", b"a\x00", b"a"]);
    assert_eq!(keys(&mut view.prefix(b"a\xff")), all[3..5]);
    assert_eq!(keys(&mut view.prefix(b"c")), [&b""[..]; 0]);
    assert_eq!(keys(&mut view.range(&b"a"[..]..&b"b"[..])), all[1..5]);
    assert_eq!(keys(&mut view.range(&b"a"[..]..=&b"b"[..]).rev()), [&b"b"[..], b"a\xff\xff", b"a\xff", b"a\x00", b"a"]);
    assert_eq!(keys(&mut view.range(&b"b"[..]..)), all[5..]);
    assert_eq!(keys(&mut view.range(..&b"a"[..])), all[..1]);
    let reversed = keys(&mut view.range(&b"b"[..]..&b"a"[..]));
    assert!(reversed.is_empty());
    assert!(keys(&mut view.range(&b"a"[..]..&b"a"[..])).is_empty());
    assert_eq!(view.get(b"").unwrap().unwrap().as_ref(), b"");
    assert!(view.get(b"nothing").unwrap().is_none());
}

#[test]
fn a_view_shows_one_moment_while_blocks_are_applied() {
    let directory = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let projection = open(directory.path(), &chain);
    let blocks: Vec<VerifiedBlock> = (0..200).map(|_| chain.block(2)).collect();
    let seen = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let reader = projection.clone();
        let seen = &seen;
        let reading = scope.spawn(move || {
            loop {
                let view = reader.view();
                let events = view.position();
                assert_eq!((read(&view, TOTAL), read(&view, SUM)), (events, events * (events + 1) / 2));
                seen.store(view.head().number(), Ordering::SeqCst);
                if view.head().number() == 200 {
                    return;
                }
            }
        });
        for block in &blocks {
            projection.applied(block).unwrap();
            // The first blocks one by one, so that the reader is surely there; the others as fast as they come.
            while block.number() < 5 && seen.load(Ordering::SeqCst) < block.number() && !reading.is_finished() {
                std::thread::yield_now();
            }
        }
        reading.join().unwrap();
    });
}
