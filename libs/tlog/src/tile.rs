//! Tiles: the hashes of a tree in files that never change once they are full (C2SP tlog-tiles).
//!
//! The tile at tile level *L* with index *N* holds, from left to right, the hashes at level *8 L* of the tree from *256 N* on; a
//! bundle of entries holds the leaves themselves. The last one of a level may be partial: its path says how wide it is.

use std::fmt;

use egide_crypto::digest::Digest;

use crate::proof::Nodes;
use crate::read_decimal;
use crate::tree::{Frontier, leaf_hash, perfect_root};

/// Hashes of a full tile.
pub const WIDTH: u16 = 256;
/// Levels of the tree that one tile stands for.
const HEIGHT: u8 = 8;
/// Highest tile level of a tree of fewer than 2^64 leaves.
const LEVEL_MAX: u8 = 7;
/// Longest leaf in a bundle of entries, in bytes.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// A tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

impl Tile {
    /// The tile at a tile level (0 to 7) and an index, with so many hashes (1 to 256); `None` of what no tree has.
    #[must_use]
    pub fn new(level: u8, index: u64, width: u16) -> Option<Self> {
        let below = u32::from(level).saturating_add(1).saturating_mul(u32::from(HEIGHT));
        let fits = level <= LEVEL_MAX
            && (1..=WIDTH).contains(&width)
            && index.checked_shr(u64::BITS.saturating_sub(below)) == Some(0);
        fits.then_some(Self { level, index, width })
    }

    /// The tile of a place in a tree of `size` leaves, as wide as it is there; `None` when there is none.
    #[must_use]
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(u32::from(level).saturating_mul(u32::from(HEIGHT))).unwrap_or(0);
        let width = hashes.saturating_sub(index.saturating_mul(u64::from(WIDTH))).min(u64::from(WIDTH));
        Self::new(level, index, u16::try_from(width).ok()?)
    }

    /// All tiles of a tree of `size` leaves, from the leaves up.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        (0..=LEVEL_MAX).flat_map(move |level| (0_u64..).map_while(move |index| Self::in_tree(level, index, size)))
    }

    /// Its tile level.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Its index.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes, or leaves, it holds.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// The number of its first hash at its tile level; of a tile of leaves, the first leaf.
    #[must_use]
    pub const fn first(self) -> u64 {
        self.index.saturating_mul(WIDTH as u64)
    }

    /// Whether a tree of `size` leaves has it.
    #[must_use]
    pub fn is_in(self, size: u64) -> bool {
        Self::in_tree(self.level, self.index, size).is_some_and(|there| self.width <= there.width)
    }
}

/// `tile/0/x001/234.p/5`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        write_place(f, *self)
    }
}

fn write_place(f: &mut fmt::Formatter<'_>, tile: Tile) -> fmt::Result {
    let mut divisor = 1_u64;
    while tile.index / divisor >= 1_000 {
        divisor *= 1_000;
    }
    while divisor > 1 {
        write!(f, "x{:03}/", tile.index / divisor % 1_000)?;
        divisor /= 1_000;
    }
    write!(f, "{:03}", tile.index % 1_000)?;
    if tile.width == WIDTH { Ok(()) } else { write!(f, ".p/{}", tile.width) }
}

/// What a path of a log's read interface names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// `checkpoint`.
    Checkpoint,
    /// `tile/L/N` with `.p/W` if it is partial.
    Tile(Tile),
    /// `tile/entries/N` with `.p/W` if it is partial: a tile of leaves.
    Entries(Tile),
}

impl Resource {
    /// Reads a path without its leading slash; `None` of anything that is not exactly one of ours.
    #[must_use]
    pub fn read(path: &str) -> Option<Self> {
        if path == "checkpoint" {
            return Some(Self::Checkpoint);
        }
        let (level, place) = path.strip_prefix("tile/")?.split_once('/')?;
        let (place, width) = match place.split_once(".p/") {
            Some((place, width)) => (place, read_decimal(width).filter(|width| *width < u64::from(WIDTH))?),
            None => (place, u64::from(WIDTH)),
        };
        let (index, width) = (read_index(place)?, u16::try_from(width).ok()?);
        if level == "entries" {
            return Tile::new(0, index, width).map(Self::Entries);
        }
        let level = read_decimal(level).and_then(|level| u8::try_from(level).ok())?;
        Tile::new(level, index, width).map(Self::Tile)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Tile(tile) => tile.fmt(f),
            Self::Entries(tile) => {
                f.write_str("tile/entries/")?;
                write_place(f, *tile)
            }
        }
    }
}

/// Groups of three digits; all but the last have an `x` before them, and the first is not only zeros where others follow.
fn read_index(text: &str) -> Option<u64> {
    let mut index = 0_u64;
    let mut groups = text.split('/').peekable();
    let mut is_first = true;
    while let Some(group) = groups.next() {
        let is_last = groups.peek().is_none();
        let digits = if is_last { group } else { group.strip_prefix('x')? };
        let fits = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = fits.then(|| digits.parse().ok()).flatten()?;
        if is_first && !is_last && number == 0 {
            return None;
        }
        index = index.checked_mul(1_000)?.checked_add(number)?;
        is_first = false;
    }
    Some(index)
}

/// Writes the hashes of a tile.
#[must_use]
pub fn write_hashes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.as_bytes()).copied().collect()
}

/// Reads the hashes of a tile; `None` unless there are as many as it is wide.
#[must_use]
pub fn read_hashes(bytes: &[u8], tile: Tile) -> Option<Vec<Digest>> {
    let (hashes, rest) = bytes.as_chunks::<{ Digest::BYTES }>();
    (rest.is_empty() && hashes.len() == usize::from(tile.width))
        .then(|| hashes.iter().map(|hash| Digest::from_bytes(*hash)).collect())
}

/// Writes leaves as a bundle of entries: each with its length (16 bits, big-endian) before it. `None` when one is too long.
pub fn write_entries<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for leaf in leaves {
        bytes.extend_from_slice(&u16::try_from(leaf.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(leaf);
    }
    Some(bytes)
}

/// Reads a bundle of entries; `None` unless there are as many as it is wide.
#[must_use]
pub fn read_entries(mut bytes: &[u8], tile: Tile) -> Option<Vec<&[u8]>> {
    let mut leaves = Vec::with_capacity(usize::from(tile.width));
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (leaf, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        leaves.push(leaf);
        bytes = rest;
    }
    (bytes.is_empty() && leaves.len() == usize::from(tile.width)).then_some(leaves)
}

/// The hashes at tile levels, wherever they are kept.
pub trait Hashes {
    /// Why they cannot be read or written.
    type Error;

    /// `count` hashes at a tile level, from number `first` on.
    ///
    /// # Errors
    /// They cannot be read, or there are not so many.
    fn hashes(&self, level: u8, first: u64, count: u16) -> Result<Vec<Digest>, Self::Error>;
}

/// Where they are kept as the tree grows.
pub trait HashesMut: Hashes {
    /// Keeps the hash of this number at a tile level.
    fn put(&mut self, level: u8, number: u64, hash: Digest);
}

/// Adds the hash of the leaf at `index`, and those of the tiles that it fills.
///
/// # Errors
/// The hashes beside it cannot be read.
pub fn append<H: HashesMut>(hashes: &mut H, index: u64, leaf: Digest) -> Result<(), H::Error> {
    let (mut number, mut hash) = (index, leaf);
    for level in 0..=LEVEL_MAX {
        hashes.put(level, number, hash);
        let wide = u64::from(WIDTH);
        if number % wide != wide - 1 {
            break;
        }
        let tile = hashes.hashes(level, number - (wide - 1), WIDTH)?;
        // As many as were asked for, which is a power of two.
        let Some(root) = perfect_root(&tile) else { break };
        (number, hash) = (number / wide, root);
    }
    Ok(())
}

/// A tree that is gone through from its first leaf to its last, with all its tiles on the way: what a whole log is checked with. Every
/// leaf and every node is hashed once.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    edge: Frontier,
    /// The hashes of the tile that is being filled, at each tile level.
    open: [Vec<Digest>; LEVEL_MAX as usize + 1],
}

impl Walk {
    /// Before the first leaf.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves were gone through.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The root over them.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.edge.root()
    }

    /// Goes over a leaf, and tells the tiles that it fills.
    pub fn push(&mut self, leaf: &[u8], mut fills: impl FnMut(Tile, &[Digest])) {
        let Self { edge, open } = self;
        let number = edge.size();
        edge.push_telling(leaf_hash(leaf), |level, hash| {
            let (tile_level, within) = (level / u32::from(HEIGHT), level % u32::from(HEIGHT));
            let Some(hashes) = usize::try_from(tile_level).ok().and_then(|at| open.get_mut(at)).filter(|_| within == 0)
            else {
                return;
            };
            hashes.push(hash);
            if hashes.len() == usize::from(WIDTH) {
                let below = tile_level.saturating_add(1).saturating_mul(u32::from(HEIGHT));
                let index = number.checked_shr(below).unwrap_or(0);
                let tile = u8::try_from(tile_level).ok().and_then(|level| Tile::new(level, index, WIDTH));
                tile.into_iter().for_each(|tile| fills(tile, hashes));
                hashes.clear();
            }
        });
    }

    /// The tiles at the right edge that are not full.
    pub fn partial(&self) -> impl Iterator<Item = (Tile, &[Digest])> {
        let levels = (0..=LEVEL_MAX).zip(&self.open).filter(|(_, hashes)| !hashes.is_empty());
        levels.filter_map(|(level, hashes)| {
            let below = u32::from(level).saturating_add(1).saturating_mul(u32::from(HEIGHT));
            let index = self.size().checked_shr(below).unwrap_or(0);
            Some((Tile::new(level, index, u16::try_from(hashes.len()).ok()?)?, hashes.as_slice()))
        })
    }
}

/// All nodes of a tree, worked out from the hashes at its tile levels.
#[derive(Debug, Clone, Copy)]
pub struct OfTiles<'a, H>(pub &'a H);

impl<H: Hashes> Nodes for OfTiles<'_, H> {
    type Error = H::Error;

    fn node(&self, level: u8, index: u64) -> Result<Digest, H::Error> {
        let (tile_level, above) = (level / HEIGHT, level % HEIGHT);
        let hashes = self.0.hashes(tile_level, index << above, 1 << above)?;
        // As many as were asked for, which is a power of two; with another number no proof would hold.
        Ok(perfect_root(&hashes).unwrap_or_else(crate::tree::empty_root))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::proof;
    use crate::tree::tests::{leaves, naive_root};

    #[derive(Default)]
    struct Kept(BTreeMap<(u8, u64), Digest>);

    impl Hashes for Kept {
        type Error = (u8, u64);

        fn hashes(&self, level: u8, first: u64, count: u16) -> Result<Vec<Digest>, (u8, u64)> {
            let at = |number| self.0.get(&(level, number)).copied().ok_or((level, number));
            (first..first + u64::from(count)).map(at).collect()
        }
    }

    impl HashesMut for Kept {
        fn put(&mut self, level: u8, number: u64, hash: Digest) {
            assert_eq!(self.0.insert((level, number), hash), None, "no hash is ever written twice");
        }
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        for (path, level, index, width) in [
            ("tile/0/x001/x234/067", 0, 1_234_067, 256),
            ("tile/0/x001/x234/067.p/1", 0, 1_234_067, 1),
            ("tile/3/000", 3, 0, 256),
            ("tile/1/999.p/255", 1, 999, 255),
            ("tile/1/x001/000", 1, 1_000, 256),
        ] {
            let tile = Tile::new(level, index, width).unwrap();
            assert_eq!(tile.to_string(), path);
            assert_eq!(Resource::read(path), Some(Resource::Tile(tile)));
            if level == 0 {
                let entries = path.replace("tile/0", "tile/entries");
                assert_eq!(Resource::read(&entries), Some(Resource::Entries(tile)));
                assert_eq!(Resource::Entries(tile).to_string(), entries);
            }
        }
        assert_eq!(Resource::read("checkpoint"), Some(Resource::Checkpoint));
        for path in [
            "",
            "checkpoint/",
            "/checkpoint",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/1",
            "tile/0/0001",
            "tile/00/001",
            "tile/8/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/x000/001",
            "tile/0/x001",
            "tile/0/001/002",
            "tile/0/X001/002",
            "tile/0/001.p/0",
            "tile/0/001.p/256",
            "tile/0/001.p/01",
            "tile/0/001.p/",
            "tile/0/001.p",
            "tile/0/001.p/5/",
            "tile/entries/",
            "tile/Entries/000",
            "tile/0/../001",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/0/٠٠٠",
        ] {
            assert_eq!(Resource::read(path), None, "{path}");
        }
    }

    #[test]
    fn the_tiles_of_a_tree_are_those_that_its_leaves_fill() {
        let of = |size| Tile::all(size).map(|tile| tile.to_string()).collect::<Vec<_>>();
        assert_eq!(of(0), [""; 0]);
        assert_eq!(of(1), ["tile/0/000.p/1"]);
        assert_eq!(of(256), ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(of(600), ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"]);
        let tile = Tile::new(0, 2, 88).unwrap();
        assert!(tile.is_in(600) && tile.is_in(601) && !tile.is_in(599));
        assert!(Tile::new(0, 3, 1).is_some_and(|tile| !tile.is_in(600)));
        assert!(Tile::new(8, 0, 1).is_none() && Tile::new(0, 1 << 56, 1).is_none() && Tile::new(7, 1, 1).is_none());
    }

    #[test]
    fn what_is_kept_at_tile_levels_gives_every_root_and_every_proof() {
        let leaves = leaves(70_000);
        let mut kept = Kept::default();
        leaves.iter().zip(0..).for_each(|(leaf, index)| append(&mut kept, index, *leaf).unwrap());
        let nodes = OfTiles(&kept);
        for size in [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000] {
            let root = naive_root(&leaves[..usize::try_from(size).unwrap()]);
            assert_eq!(proof::root(&nodes, size), Ok(root), "{size}");
            for index in [0, 1, size / 3, size - 1].into_iter().filter(|index| *index < size) {
                let proof = proof::inclusion(&nodes, index, size).unwrap().unwrap();
                assert!(proof::includes(index, size, &leaves[usize::try_from(index).unwrap()], &proof, &root));
            }
            let old = size / 2 + 1;
            let between = proof::consistency(&nodes, old, size).unwrap().unwrap();
            assert!(proof::extends(old, &proof::root(&nodes, old).unwrap(), size, &root, &between));
        }
        assert!(proof::root(&nodes, 70_001).is_err());
    }

    #[test]
    fn a_walk_goes_by_every_tile_of_the_tree() {
        for size in [0, 1, 255, 256, 257, 600, 65_536, 65_537] {
            let (mut walk, mut kept, mut found) = (Walk::new(), Kept::default(), BTreeMap::new());
            for index in 0..size {
                let leaf = u64::to_be_bytes(index);
                walk.push(&leaf, |tile, hashes| drop(found.insert(tile, hashes.to_vec())));
                append(&mut kept, index, crate::tree::leaf_hash(&leaf)).unwrap();
            }
            found.extend(walk.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
            assert!(found.keys().copied().collect::<std::collections::BTreeSet<_>>() == Tile::all(size).collect());
            for (tile, hashes) in found {
                assert_eq!(kept.hashes(tile.level(), tile.first(), tile.width()), Ok(hashes), "{tile}");
            }
            assert_eq!(Ok(walk.root()), proof::root(&OfTiles(&kept), size));
        }
    }

    #[test]
    fn hashes_and_entries_are_read_back_and_nothing_shorter_or_longer() {
        let (hashes, tile) = (leaves(3), Tile::new(0, 0, 3).unwrap());
        let bytes = write_hashes(&hashes);
        assert_eq!(read_hashes(&bytes, tile), Some(hashes));
        let entries = write_entries([&b"one"[..], b"", b"three"]).unwrap();
        assert_eq!(entries, b"\x00\x03one\x00\x00\x00\x05three");
        assert_eq!(read_entries(&entries, tile), Some(vec![&b"one"[..], b"", b"three"]));
        for length in 0..bytes.len() {
            assert_eq!(read_hashes(&bytes[..length], tile), None);
        }
        for length in 0..entries.len() {
            assert_eq!(read_entries(&entries[..length], tile), None);
        }
        assert!(write_entries([&[0; ENTRY_BYTES_MAX + 1][..]]).is_none());
    }

    proptest! {
        #[test]
        fn a_path_that_is_read_is_written_the_same(path in "(tile/([0-9]|entries)/)?(x?[0-9]{3}/){0,4}[0-9]{3}(\\.p/[0-9]{1,3})?") {
            if let Some(resource) = Resource::read(&path) {
                prop_assert_eq!(resource.to_string(), path);
            }
        }

        #[test]
        fn strangers_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), width in 1_u16..=256) {
            let tile = Tile::new(0, 0, width).unwrap();
            if let Some(leaves) = read_entries(&bytes, tile) {
                prop_assert_eq!(write_entries(leaves), Some(bytes));
            }
        }
    }
}
