//! Inclusion and consistency proofs: made from the nodes of a tree (RFC 6962, sections 2.1.1 and 2.1.2), checked with the root alone
//! (RFC 9162, sections 2.1.3.2 and 2.1.4.2).

use egide_crypto::digest::Digest;

use crate::tree::{empty_root, node_hash};

/// Most hashes of a proof: a tree has fewer than 2^64 leaves.
pub const HASHES_MAX: usize = 63;

/// The nodes of a tree.
pub trait Nodes {
    /// Why one cannot be read.
    type Error;

    /// The root of the perfect subtree over the leaves `index * 2^level` to `(index + 1) * 2^level`, exclusive.
    ///
    /// # Errors
    /// It cannot be read, or the tree does not reach so far.
    fn node(&self, level: u8, index: u64) -> Result<Digest, Self::Error>;
}

/// Leaves from the first to the second number, exclusive; not empty, and aligned as the definition divides a tree.
#[derive(Clone, Copy)]
struct Range {
    first: u64,
    end: u64,
}

impl Range {
    const fn length(self) -> u64 {
        self.end.saturating_sub(self.first)
    }

    /// The two halves: the left one has the largest power of two of leaves that is smaller than all of them.
    fn halves(self) -> (Self, Self) {
        let level = self.length().saturating_sub(1).checked_ilog2().unwrap_or(0);
        let middle = self.first.saturating_add(1_u64 << level);
        (Self { first: self.first, end: middle }, Self { first: middle, end: self.end })
    }
}

/// The root of the first `size` leaves.
///
/// # Errors
/// Nodes cannot be read.
pub fn root<N: Nodes>(nodes: &N, size: u64) -> Result<Digest, N::Error> {
    if size == 0 { Ok(empty_root()) } else { range_root(nodes, Range { first: 0, end: size }) }
}

fn range_root<N: Nodes>(nodes: &N, mut range: Range) -> Result<Digest, N::Error> {
    let mut lefts = Vec::new();
    while !range.length().is_power_of_two() {
        let (left, right) = range.halves();
        lefts.push(perfect(nodes, left)?);
        range = right;
    }
    let last = perfect(nodes, range)?;
    Ok(lefts.iter().rev().fold(last, |right, left| node_hash(left, &right)))
}

fn perfect<N: Nodes>(nodes: &N, range: Range) -> Result<Digest, N::Error> {
    let level = range.length().trailing_zeros();
    // At most 63.
    nodes.node(u8::try_from(level).unwrap_or(u8::MAX), range.first >> level)
}

/// The proof that the leaf at `index` is among the first `size` leaves; `None` when it is not.
///
/// # Errors
/// Nodes cannot be read.
pub fn inclusion<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Option<Vec<Digest>>, N::Error> {
    if index >= size {
        return Ok(None);
    }
    let mut range = Range { first: 0, end: size };
    let mut proof = Vec::new();
    while range.length() > 1 {
        let (left, right) = range.halves();
        let (inside, beside) = if index < right.first { (left, right) } else { (right, left) };
        proof.push(range_root(nodes, beside)?);
        range = inside;
    }
    proof.reverse();
    Ok(Some(proof))
}

/// The proof that the tree of the first `old` leaves is the beginning of that of the first `size`; `None` when `old` is larger. Empty
/// when there is nothing to prove: from no leaves, or to the same size.
///
/// # Errors
/// Nodes cannot be read.
pub fn consistency<N: Nodes>(nodes: &N, old: u64, size: u64) -> Result<Option<Vec<Digest>>, N::Error> {
    if old > size {
        return Ok(None);
    }
    let mut proof = Vec::new();
    let mut range = Range { first: 0, end: size };
    // Whether the old tree is one subtree of the new one, whose root whoever checks has already.
    let mut whole = true;
    while old > 0 && old < range.end {
        let (left, right) = range.halves();
        if old <= right.first {
            proof.push(range_root(nodes, right)?);
            range = left;
        } else {
            proof.push(range_root(nodes, left)?);
            range = right;
            whole = false;
        }
    }
    if !whole {
        proof.push(range_root(nodes, range)?);
    }
    proof.reverse();
    Ok(Some(proof))
}

/// Whether a proof shows that `leaf` (its hash) stands at `index` in the tree of `size` leaves with this root.
#[must_use]
pub fn includes(index: u64, size: u64, leaf: &Digest, proof: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let mut path = Path { node: index, last: size.saturating_sub(1) };
    let mut hash = *leaf;
    for beside in proof {
        let Some(side) = path.up() else { return false };
        hash = match side {
            Side::Left => node_hash(beside, &hash),
            Side::Right => node_hash(&hash, beside),
        };
    }
    path.last == 0 && hash == *root
}

/// Whether a proof shows that the tree of `old` leaves with `old_root` is the beginning of that of `size` leaves with `root`.
#[must_use]
pub fn extends(old: u64, old_root: &Digest, size: u64, root: &Digest, proof: &[Digest]) -> bool {
    if old == size {
        return proof.is_empty() && old_root == root;
    }
    if old == 0 || old > size {
        return old == 0 && proof.is_empty() && *old_root == empty_root();
    }
    let (first, rest) = if old.is_power_of_two() {
        (*old_root, proof)
    } else {
        let Some((first, rest)) = proof.split_first() else { return false };
        (*first, rest)
    };
    if rest.is_empty() {
        return false;
    }
    let shift = old.saturating_sub(1).trailing_ones();
    let mut path = Path { node: old.saturating_sub(1) >> shift, last: size.saturating_sub(1) >> shift };
    let (mut before, mut after) = (first, first);
    for beside in rest {
        let Some(side) = path.up() else { return false };
        match side {
            Side::Left => {
                before = node_hash(beside, &before);
                after = node_hash(beside, &after);
            }
            Side::Right => after = node_hash(&after, beside),
        }
    }
    path.last == 0 && before == *old_root && after == *root
}

/// Which side of the way up a proof's hash stands on.
enum Side {
    Left,
    Right,
}

/// A way from a node up to the root: *fn* and *sn* of RFC 9162.
struct Path {
    node: u64,
    last: u64,
}

impl Path {
    /// One step up; `None` at the root.
    const fn up(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            // Levels at which the node has no sibling are passed over.
            if self.node & 1 == 0 {
                // Below 64: the node is the last one, which is not 0.
                let alone = self.node.trailing_zeros();
                self.node >>= alone;
                self.last >>= alone;
            }
            Side::Left
        } else {
            Side::Right
        };
        self.node >>= 1;
        self.last >>= 1;
        Some(side)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tree::tests::{leaves, naive_root};

    /// Every leaf's hash, and nodes worked out from them whenever they are asked for.
    struct Whole(Vec<Digest>);

    impl Nodes for Whole {
        type Error = ();

        fn node(&self, level: u8, index: u64) -> Result<Digest, ()> {
            let (width, index) = (1_usize << level, usize::try_from(index).unwrap());
            self.0.get(index * width..(index + 1) * width).map(naive_root).ok_or(())
        }
    }

    /// PATH of RFC 6962, section 2.1.1, word for word.
    fn naive_path(index: usize, hashes: &[Digest]) -> Vec<Digest> {
        if hashes.len() <= 1 {
            return Vec::new();
        }
        let middle = hashes.len().next_power_of_two() / 2;
        let (left, right) = hashes.split_at(middle);
        let (mut path, beside) = if index < middle {
            (naive_path(index, left), naive_root(right))
        } else {
            (naive_path(index - middle, right), naive_root(left))
        };
        path.push(beside);
        path
    }

    /// SUBPROOF of RFC 6962, section 2.1.2, word for word.
    fn naive_subproof(old: usize, hashes: &[Digest], whole: bool) -> Vec<Digest> {
        if old == hashes.len() {
            return if whole { Vec::new() } else { vec![naive_root(hashes)] };
        }
        let middle = hashes.len().next_power_of_two() / 2;
        let (left, right) = hashes.split_at(middle);
        let (mut proof, beside) = if old <= middle {
            (naive_subproof(old, left, whole), naive_root(right))
        } else {
            (naive_subproof(old - middle, right, false), naive_root(left))
        };
        proof.push(beside);
        proof
    }

    #[test]
    fn proofs_are_those_of_the_definition_and_hold_at_every_place_of_every_small_tree() {
        let tree = Whole(leaves(40));
        for size in 0..=40_usize {
            let hashes = &tree.0[..size];
            assert_eq!(root(&tree, size as u64).unwrap(), naive_root(hashes));
            for (index, leaf) in hashes.iter().enumerate() {
                let proof = inclusion(&tree, index as u64, size as u64).unwrap().unwrap();
                assert_eq!(proof, naive_path(index, hashes));
                assert!(includes(index as u64, size as u64, leaf, &proof, &naive_root(hashes)));
            }
            for old in 0..=size {
                let proof = consistency(&tree, old as u64, size as u64).unwrap().unwrap();
                assert_eq!(proof, if old == 0 { Vec::new() } else { naive_subproof(old, hashes, true) });
                let (before, after) = (naive_root(&hashes[..old]), naive_root(hashes));
                assert!(extends(old as u64, &before, size as u64, &after, &proof), "{old} {size}");
            }
            assert_eq!(inclusion(&tree, size as u64, size as u64).unwrap(), None);
            assert_eq!(consistency(&tree, size as u64 + 1, size as u64).unwrap(), None);
        }
    }

    /// Section 2.1.3 of RFC 6962 draws the proofs of a tree of seven leaves.
    #[test]
    fn proofs_of_seven_leaves_have_the_lengths_that_rfc_6962_draws() {
        let tree = Whole(leaves(7));
        let lengths = [0, 3, 4, 6].map(|index| inclusion(&tree, index, 7).unwrap().unwrap().len());
        assert_eq!(lengths, [3, 3, 3, 2]);
        let lengths = [3, 4, 6].map(|old| consistency(&tree, old, 7).unwrap().unwrap().len());
        assert_eq!(lengths, [4, 1, 3]);
    }

    fn flipped(hash: &Digest, bit: usize) -> Digest {
        let mut bytes = *hash.as_bytes();
        bytes[bit / 8 % 32] ^= 1 << (bit % 8);
        Digest::from_bytes(bytes)
    }

    proptest! {
        #[test]
        fn a_proof_that_was_changed_in_any_way_shows_nothing(
            size in 1_u64..300, at in any::<u64>(), old in any::<u64>(), which in any::<usize>(), bit in 0_usize..256,
        ) {
            let tree = Whole(leaves(size));
            let (index, old) = (at % size, old % size);
            let (leaf, whole) = (tree.0[usize::try_from(index).unwrap()], root(&tree, size).unwrap());
            let proof = inclusion(&tree, index, size).unwrap().unwrap();
            prop_assert!(includes(index, size, &leaf, &proof, &whole));
            prop_assert!(!includes(index, size, &flipped(&leaf, bit), &proof, &whole));
            prop_assert!(!includes(index, size, &leaf, &proof, &flipped(&whole, bit)));
            prop_assert!(!includes((index + 1) % size, size, &leaf, &proof, &whole) || size == 1);
            let before = root(&tree, old).unwrap();
            let between = consistency(&tree, old, size).unwrap().unwrap();
            prop_assert!(extends(old, &before, size, &whole, &between));
            prop_assert!(!extends(old, &flipped(&before, bit), size, &whole, &between));
            prop_assert!(old == 0 || !extends(old, &before, size, &flipped(&whole, bit), &between));
            for (proof, holds) in [
                (&proof, (&|proof: &[Digest]| includes(index, size, &leaf, proof, &whole)) as &dyn Fn(&[Digest]) -> bool),
                (&between, &|proof: &[Digest]| extends(old, &before, size, &whole, proof)),
            ] {
                let mut longer = proof.clone();
                longer.push(leaf);
                prop_assert!(!holds(&longer));
                if !proof.is_empty() {
                    prop_assert!(!holds(&proof[1..]) && !holds(&proof[..proof.len() - 1]));
                    let mut other = proof.clone();
                    let which = which % other.len();
                    other[which] = flipped(&other[which], bit);
                    prop_assert!(!holds(&other));
                }
            }
        }

        #[test]
        fn proofs_from_strangers_never_stop_the_checker(
            numbers in any::<[u64; 2]>(), shift in 0_u32..64, hashes in prop::collection::vec(any::<[u8; 32]>(), 0..70),
        ) {
            let hashes: Vec<Digest> = hashes.into_iter().map(Digest::from_bytes).collect();
            let (one, other) = (numbers[0] >> shift, numbers[1] >> (63 - shift));
            let hash = Digest::from_bytes([7; 32]);
            prop_assert!(!includes(one, other, &hash, &hashes, &flipped(&hash, 1)));
            prop_assert!(!extends(one, &hash, other, &flipped(&hash, 1), &hashes));
        }
    }

    #[test]
    fn the_largest_trees_are_reckoned_with() {
        let hash = Digest::from_bytes([1; 32]);
        for (one, other) in [(0, u64::MAX), (u64::MAX - 1, u64::MAX), (1 << 63, u64::MAX), (u64::MAX, u64::MAX)] {
            assert!(!includes(one, other, &hash, &[hash; HASHES_MAX], &hash));
            assert!(!extends(one, &hash, other, &flipped(&hash, 0), &[hash; HASHES_MAX]));
        }
    }
}
