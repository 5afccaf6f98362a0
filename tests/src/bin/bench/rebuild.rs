//! Rebuilding the ledger's projection from the first block, beside reading the same log and doing nothing, and beside
//! writing the same rows into sled and reading nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use egide_tests::{Role, World};

use crate::appends::events_per_second;
use crate::figures::Figures;
use crate::jetstream;

/// Blocks whose rows the projection writes as one batch while it catches up.
const BLOCKS_PER_BATCH: usize = 64;
/// How long a role that has stopped may hold its projection.
const LEFT_WITHIN: Duration = Duration::from_secs(10);

/// Measures one run.
pub(crate) async fn measure(world: &World, figures: &mut Figures) {
    let events = world.walk().await.len();
    let (reading, blocks) = jetstream::consume_the_log(world).await;
    let folder = world.data().join("projections").join(Role::Ledger.name());

    world.stop_role(Role::Ledger).await;
    std::fs::remove_dir_all(&folder).expect("a projection may be removed at any time");
    let began = Instant::now();
    // Answers when the projection has reached the end of the log.
    world.start_role(Role::Ledger).await;
    let rebuilding = began.elapsed().as_secs_f64();
    world.stop_role(Role::Ledger).await;
    let rows = rows(&folder);
    world.start_role(Role::Ledger).await;

    let blocks = usize::try_from(blocks).expect("a number of blocks");
    let per_batch = (rows.len() * BLOCKS_PER_BATCH / blocks.max(1)).max(1);
    let writing = write(rows, per_batch, world.data());
    let name = "ledger's projection rebuilt";
    let [rebuilt, read, written] = [rebuilding, reading, writing].map(|seconds| events_per_second(events, seconds));
    figures.add(name, "events/s", rebuilt, "bare consumer of the same log", read);
    figures.add(name, "events/s", rebuilt, "bare sled batches of the same rows", written);
}

type Row = (Vec<u8>, Vec<u8>);

/// Every row of a projection that nobody has open.
fn rows(folder: &Path) -> Vec<Row> {
    let store = open_when_left(folder);
    let mut rows = Vec::new();
    for name in store.tree_names() {
        let tree = store.open_tree(name).expect("a tree");
        rows.extend(tree.iter().map(|row| row.expect("a row")).map(|(key, value)| (key.to_vec(), value.to_vec())));
    }
    assert!(!rows.is_empty(), "the projection holds rows");
    rows
}

/// Opens the store of a role that has stopped: its last connection may hold it for a moment longer.
fn open_when_left(folder: &Path) -> sled::Db {
    let end = Instant::now() + LEFT_WITHIN;
    loop {
        match sled::open(folder) {
            Ok(store) => return store,
            Err(error) => assert!(Instant::now() < end, "the projection does not open: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes rows into a store of their own, batch by batch. Seconds.
fn write(rows: Vec<Row>, per_batch: usize, beside: &Path) -> f64 {
    let folder = tempfile::tempdir_in(beside).expect("a folder");
    let store = sled::open(folder.path()).expect("a store");
    let began = Instant::now();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let mut batch = sled::Batch::default();
        for (key, value) in rows.by_ref().take(per_batch) {
            batch.insert(key, value);
        }
        store.apply_batch(batch).expect("a batch is written");
    }
    store.flush().expect("everything is on disk");
    began.elapsed().as_secs_f64()
}
