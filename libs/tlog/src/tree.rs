//! The Merkle tree of RFC 6962, section 2.1: hashes of leaves and nodes, and its right edge while it grows.

use egide_crypto::digest::{Digest, sha256};

/// What is hashed before a leaf, so that no leaf passes for a node (RFC 6962, section 2.1).
const LEAF: u8 = 0;
/// What is hashed before the two hashes below a node.
const NODE: u8 = 1;
/// Bytes that are hashed for a node.
const NODE_BYTES: usize = 1 + 2 * Digest::BYTES;

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    // Short leaves, such as ours, need no room on the heap.
    let mut room = [LEAF; NODE_BYTES];
    if let Some((prefixed, _)) = room.split_at_mut_checked(leaf.len().saturating_add(1))
        && let Some((_, place)) = prefixed.split_first_mut()
    {
        place.copy_from_slice(leaf);
        return sha256(prefixed);
    }
    let mut bytes = Vec::with_capacity(leaf.len().saturating_add(1));
    bytes.push(LEAF);
    bytes.extend_from_slice(leaf);
    sha256(&bytes)
}

/// The hash of a node over its two children.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [NODE; NODE_BYTES];
    let children = left.as_bytes().iter().chain(right.as_bytes());
    for (byte, child) in bytes.iter_mut().skip(1).zip(children) {
        *byte = *child;
    }
    sha256(&bytes)
}

/// The root of a tree without leaves.
#[must_use]
pub fn empty_root() -> Digest {
    sha256(b"")
}

/// The right edge of a tree: the roots of the perfect subtrees it consists of, the largest first. It is all that growing takes.
///
/// INVARIANT: there are as many roots as the size has ones in binary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<Digest>,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, roots: Vec::new() }
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, whose hash this is.
    pub fn push(&mut self, leaf: Digest) {
        self.push_telling(leaf, |_, _| {});
    }

    /// Adds a leaf, and tells the roots of all perfect subtrees that it completes, each with its level: the leaf's hash at level 0
    /// first.
    pub fn push_telling(&mut self, leaf: Digest, mut completes: impl FnMut(u32, Digest)) {
        let mut hash = leaf;
        completes(0, hash);
        // Each one at the end of the size in binary is a perfect subtree that becomes the left half of a larger one.
        for level in 1..=self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
                completes(level, hash);
            }
        }
        self.roots.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut roots = self.roots.iter().rev();
        let Some(smallest) = roots.next() else { return empty_root() };
        roots.fold(*smallest, |right, left| node_hash(left, &right))
    }
}

/// The root over hashes whose number is a power of two; `None` for any other number of them.
#[must_use]
pub fn perfect_root(hashes: &[Digest]) -> Option<Digest> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut edge = Frontier::new();
    hashes.iter().for_each(|hash| edge.push(*hash));
    Some(edge.root())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The leaves of the test of Certificate Transparency, and the roots of the trees of the first one, two, … of them.
    const LEAVES: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    /// The definition of RFC 6962, section 2.1, word for word: slow and plain.
    pub(crate) fn naive_root(hashes: &[Digest]) -> Digest {
        match hashes {
            [] => empty_root(),
            [one] => *one,
            _ => {
                let (left, right) = hashes.split_at(hashes.len().next_power_of_two() / 2);
                node_hash(&naive_root(left), &naive_root(right))
            }
        }
    }

    pub(crate) fn leaves(count: u64) -> Vec<Digest> {
        (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
    }

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let mut tree = Frontier::new();
        assert_eq!(tree.root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (leaf, root) in LEAVES.into_iter().zip(ROOTS) {
            tree.push(leaf_hash(leaf));
            assert_eq!(tree.root().to_string(), root, "{}", tree.size());
        }
    }

    #[test]
    fn a_growing_tree_has_at_every_size_the_root_of_the_definition() {
        let leaves = leaves(300);
        let mut tree = Frontier::new();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root(), naive_root(&leaves[..size]), "{size}");
            tree.push(*leaf);
        }
    }

    #[test]
    fn long_leaves_are_hashed_like_short_ones() {
        for length in [0, 1, 33, 63, 64, 65, 66, 1_000] {
            let leaf = vec![7; length];
            let mut prefixed = vec![0];
            prefixed.extend_from_slice(&leaf);
            assert_eq!(leaf_hash(&leaf), sha256(&prefixed), "{length}");
        }
    }

    #[test]
    fn a_perfect_root_is_over_a_power_of_two() {
        let leaves = leaves(8);
        assert_eq!(perfect_root(&leaves), Some(naive_root(&leaves)));
        assert_eq!(perfect_root(&leaves[..1]), Some(leaves[0]));
        assert_eq!((perfect_root(&leaves[..3]), perfect_root(&[])), (None, None));
    }
}
