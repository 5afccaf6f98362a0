//! Checking a whole history of a million leaves against its tiles and its root, beside as many bare SHA-256 of the same lengths.
//!
//! *In scope*: what `egide audit verify` does for every leaf once it has it: hash it, grow the tree, compare every tile, compare the
//! root. *Out of scope*: fetching leaves, and hashing what opens them, whose length is the event's.
//!
//! Measured is time on the processor.

use std::hint::black_box;

use egide_tlog::tile::Walk;
use ring::digest::{SHA256, digest};

use crate::cryptography::on_processor_ns;
use crate::figures::Figures;

/// Leaves of the history.
const LEAVES: usize = 1_000_000;
/// Bytes that are hashed for a leaf of 33 bytes, and for a node.
const HASHED: [usize; 2] = [34, 65];

/// Measures one run.
pub(crate) fn measure(figures: &mut Figures) {
    let leaves: Vec<[u8; 33]> = (0..crate::scaled(LEAVES)).map(leaf).collect();
    let (root, tiles) = grow(&leaves);
    let hashes = 2 * leaves.len() - 1;
    let checked = per_second(hashes, || {
        let (mut walk, mut expected) = (Walk::new(), tiles.iter());
        for leaf in &leaves {
            walk.push(leaf, |tile, hashes| {
                assert_eq!(expected.next().map(Vec::as_slice), Some(hashes), "{tile}");
            });
        }
        assert!(walk.partial().all(|(_, hashes)| expected.next().map(Vec::as_slice) == Some(hashes)), "every tile");
        assert_eq!((walk.root(), expected.next()), (root, None), "nothing is left");
    });
    let bytes = [0x5a; HASHED[1]];
    let bare = per_second(hashes, || {
        for length in leaves.iter().flat_map(|_| HASHED).skip(1) {
            black_box(digest(&SHA256, &black_box(&bytes)[..length]));
        }
    });
    figures.add("checking a whole history", "hashes/s of CPU", checked, "bare SHA-256 over as many", bare);
}

fn leaf(number: usize) -> [u8; 33] {
    let mut leaf = [1; 33];
    leaf[1..9].copy_from_slice(&number.to_be_bytes());
    leaf
}

/// The root of a history, and its tiles as a walk goes by them.
fn grow(leaves: &[[u8; 33]]) -> (egide_tlog::Digest, Vec<Vec<egide_tlog::Digest>>) {
    let (mut walk, mut tiles) = (Walk::new(), Vec::new());
    for leaf in leaves {
        walk.push(leaf, |_, hashes| tiles.push(hashes.to_vec()));
    }
    tiles.extend(walk.partial().map(|(_, hashes)| hashes.to_vec()));
    (walk.root(), tiles)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn per_second(hashes: usize, work: impl FnOnce()) -> f64 {
    let before = on_processor_ns();
    work();
    hashes as f64 / (on_processor_ns().saturating_sub(before) as f64 / 1e9)
}
