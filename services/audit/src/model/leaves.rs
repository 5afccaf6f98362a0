//! The leaves of the transparency log and the hashes of its tiles, as rows: written together with everything else that a block
//! brings, so that no crash leaves the tree half grown, and built again from the log like all rows.

use egide_crypto::digest::Digest;
use egide_eventlog::VerifiedBlock;
use egide_projection::{ModelError, Rows, View};
use egide_tlog::tile::{self, Hashes, HashesMut};
use egide_tlog::tree::leaf_hash;

use super::keys;
use crate::leaf;

/// What a leaf's row holds: the event's position, the number of its block, and the leaf.
const ROW_BYTES: usize = 8 + 8 + leaf::BYTES;

/// A leaf as its row has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeafRow {
    pub(crate) position: u64,
    pub(crate) block: u64,
    pub(crate) leaf: [u8; leaf::BYTES],
}

impl LeafRow {
    fn to_bytes(self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        let parts = self.position.to_be_bytes().into_iter().chain(self.block.to_be_bytes()).chain(self.leaf);
        bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (position, rest) = bytes.split_first_chunk()?;
        let (block, leaf) = rest.split_first_chunk()?;
        Some(Self {
            position: u64::from_be_bytes(*position),
            block: u64::from_be_bytes(*block),
            leaf: leaf.try_into().ok()?,
        })
    }
}

/// Adds the leaves of a block.
pub(super) fn apply(block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
    for (position, commit, event) in block.events().filter(|(_, _, event)| leaf::is_one(event)) {
        let opening = leaf::opening(block.block().recorded_at, position, commit, event);
        let row = LeafRow { position, block: block.number(), leaf: leaf::of(&opening) };
        let index = count_of(rows.get(&keys::leaves())?.as_deref())?;
        rows.insert(&keys::leaf(index), row.to_bytes());
        rows.insert(&keys::leaf_at(position), index.to_be_bytes());
        rows.insert(&keys::leaves(), index.saturating_add(1).to_be_bytes());
        tile::append(&mut Growing(rows), index, leaf_hash(&row.leaf))?;
    }
    Ok(())
}

fn count_of(row: Option<&[u8]>) -> Result<u64, ModelError> {
    row.map_or(Ok(0), |row| row.try_into().map(u64::from_be_bytes).map_err(|_| ModelError::Row))
}

/// How many leaves there are.
pub(crate) fn count(view: &View<'_>) -> Result<u64, ModelError> {
    count_of(view.get(&keys::leaves())?.as_deref())
}

/// The leaf of an index.
pub(crate) fn leaf_at(view: &View<'_>, index: u64) -> Result<LeafRow, ModelError> {
    let row = view.get(&keys::leaf(index))?.ok_or(ModelError::Row)?;
    LeafRow::from_bytes(&row).ok_or(ModelError::Row)
}

/// The index of the leaf that was made of the event at a position.
pub(crate) fn index_of(view: &View<'_>, position: u64) -> Result<Option<u64>, ModelError> {
    view.get(&keys::leaf_at(position))?.map(|row| count_of(Some(&row))).transpose()
}

struct Growing<'a, 'b>(&'a mut Rows<'b>);

impl Hashes for Growing<'_, '_> {
    type Error = ModelError;

    fn hashes(&self, level: u8, first: u64, count: u16) -> Result<Vec<Digest>, ModelError> {
        let of = |number: u64| digest(self.0.get(&keys::hash(level, number))?.as_deref());
        (0..u64::from(count)).map(|beyond| of(first.saturating_add(beyond))).collect()
    }
}

impl HashesMut for Growing<'_, '_> {
    fn put(&mut self, level: u8, number: u64, hash: Digest) {
        self.0.insert(&keys::hash(level, number), *hash.as_bytes());
    }
}

fn digest(row: Option<&[u8]>) -> Result<Digest, ModelError> {
    row.and_then(|row| Digest::try_from(row).ok()).ok_or(ModelError::Row)
}

/// The tree as one view shows it.
pub(crate) struct Tree<'a, 'b>(pub(crate) &'a View<'b>);

impl Hashes for Tree<'_, '_> {
    type Error = ModelError;

    fn hashes(&self, level: u8, first: u64, count: u16) -> Result<Vec<Digest>, ModelError> {
        let end = keys::hash(level, first.saturating_add(u64::from(count)));
        let rows = self.0.range(keys::hash(level, first)..end);
        let hashes = rows.map(|row| digest(Some(&row?.1))).collect::<Result<Vec<_>, _>>()?;
        // A hole is as bad as a hash that cannot be read.
        if hashes.len() == usize::from(count) { Ok(hashes) } else { Err(ModelError::Row) }
    }
}

#[cfg(test)]
mod tests {
    use egide_tlog::proof;
    use egide_tlog::tile::OfTiles;
    use egide_tlog::tree::Frontier;

    use super::*;
    use crate::story::{Story, Told, delivery, permit, person, recall, receipt, refusal, release};

    #[test]
    fn decisions_releases_deliveries_and_recalls_are_leaves_in_the_order_of_the_log_and_nothing_else_is() {
        let mut story = Story::of_one_case();
        let mut positions = vec![story.decides(1, permit(1, 1, &[person(1)])), story.decides(1, refusal(2, 1, &[]))];
        positions.push(story.releases(1, release(1, 1, &[person(1)])));
        positions.push(story.happens(1, delivery(1)));
        story.happens(1, receipt(1));
        let last = story.tell_all(vec![Told::in_case(1, recall(1)), Told::in_case(1, delivery(1))]);
        positions.extend([last - 1, last]);
        let view = story.history.view();
        let rows: Vec<LeafRow> = (0..count(&view).unwrap()).map(|index| leaf_at(&view, index).unwrap()).collect();
        assert_eq!(rows.iter().map(|row| row.position).collect::<Vec<_>>(), positions);
        for (index, position) in (0..).zip(positions) {
            assert_eq!(index_of(&view, position), Ok(Some(index)));
        }
        assert_eq!(index_of(&view, 1), Ok(None));
        let mut tree = Frontier::new();
        rows.iter().for_each(|row| tree.push(leaf_hash(&row.leaf)));
        assert_eq!(proof::root(&OfTiles(&Tree(&view)), 6), Ok(tree.root()));
        assert!(proof::root(&OfTiles(&Tree(&view)), 7).is_err());
        drop(view);
        assert_eq!(story.rows(), story.rows_rebuilt());
    }

    #[test]
    fn a_tree_of_several_tiles_is_the_same_after_a_rebuild() {
        let mut story = Story::of_one_case();
        let told = |_| Told::in_case(1, delivery(1));
        for _ in 0..3 {
            story.tell_all((0..200).map(told).collect());
        }
        let view = story.history.view();
        let mut tree = Frontier::new();
        (0..600).for_each(|index| tree.push(leaf_hash(&leaf_at(&view, index).unwrap().leaf)));
        assert_eq!(proof::root(&OfTiles(&Tree(&view)), 600), Ok(tree.root()));
        drop(view);
        assert_eq!(story.rows(), story.rows_rebuilt());
    }
}
