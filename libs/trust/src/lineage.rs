//! Which incarnation the log has at which place.

use std::collections::BTreeMap;
use std::sync::Arc;

use egide_crypto::digest::Digest;

use crate::document::Restore;

/// The incarnations of a log in the order of its blocks: the first, and one more from every restore on that later restores
/// did not undo.
///
/// INVARIANT: `segments` is not empty and begins at block 1; blocks and positions of later segments are not below those of
/// earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    first: Segment,
    later: Vec<Segment>,
    /// Every incarnation that ended, with the last block of it that is still in the log.
    ended: BTreeMap<Arc<str>, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    incarnation: Arc<str>,
    /// Its first block.
    block: u64,
    /// Its first position.
    position: u64,
    /// Hash of the block before.
    after: Digest,
}

/// The last block that a restore kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub block: u64,
    /// Its hash.
    pub hash: Digest,
    /// The position after its last event.
    pub next_position: u64,
}

/// Restores that do not follow from one another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineageError {
    /// A restore ends another incarnation than the one before it began.
    #[error("the restore into `{incarnation}` does not end the incarnation before it")]
    NotInOrder {
        /// The incarnation that the restore begins.
        incarnation: String,
    },
    /// An incarnation begins twice, or is no UUID.
    #[error("the restore into `{incarnation}` does not begin a new incarnation")]
    NotNew {
        /// The incarnation that the restore begins.
        incarnation: String,
    },
    /// A restore keeps a block whose positions do not fit those of another restore.
    #[error("the restore into `{incarnation}` keeps blocks and positions that do not fit those of another restore")]
    DoesNotFit {
        /// The incarnation that the restore begins.
        incarnation: String,
    },
}

impl Lineage {
    /// A log that was never restored.
    #[must_use]
    pub fn single(incarnation: &str) -> Self {
        let after = Digest::from_bytes([0; Digest::BYTES]);
        let first = Segment { incarnation: incarnation.into(), block: 1, position: 1, after };
        Self { first, later: Vec::new(), ended: BTreeMap::new() }
    }

    /// The lineage of these restores, in their order; none without any: then the log alone says which incarnation it has.
    ///
    /// # Errors
    /// [`LineageError`] when they do not follow from one another.
    pub fn of(restores: &[Restore]) -> Result<Option<Self>, LineageError> {
        let Some(first) = restores.first() else { return Ok(None) };
        let mut lineage = Self::single(&first.ended);
        restores.iter().try_for_each(|restore| lineage.restore(restore))?;
        Ok(Some(lineage))
    }

    fn restore(&mut self, restore: &Restore) -> Result<(), LineageError> {
        let incarnation = || restore.incarnation.clone();
        if *restore.ended != **self.current() {
            return Err(LineageError::NotInOrder { incarnation: incarnation() });
        }
        if uuid::Uuid::try_parse(&restore.incarnation).is_err() || self.knows(&restore.incarnation) {
            return Err(LineageError::NotNew { incarnation: incarnation() });
        }
        let after = restore.after_block;
        let block = after.checked_add(1).ok_or_else(|| LineageError::DoesNotFit { incarnation: incarnation() })?;
        self.ended.insert(self.current().clone(), after);
        self.ended.values_mut().for_each(|last| *last = after.min(*last));
        // What begins after the kept block was undone.
        self.later.retain(|segment| segment.block <= after);
        let before = self.later.last().unwrap_or(&self.first);
        let fits = if after == 0 {
            restore.next_position == 1 && restore.block_hash == self.first.after
        } else {
            // Every block holds an event.
            restore.next_position.saturating_sub(before.position) >= block.saturating_sub(before.block)
        };
        if !fits {
            return Err(LineageError::DoesNotFit { incarnation: incarnation() });
        }
        let begun = Segment {
            incarnation: restore.incarnation.as_str().into(),
            block,
            position: restore.next_position,
            after: restore.block_hash,
        };
        if block == 1 {
            self.first = begun
        } else {
            self.later.push(begun)
        }
        Ok(())
    }

    /// The incarnation in which the log goes on.
    #[must_use]
    pub fn current(&self) -> &Arc<str> {
        &self.later.last().unwrap_or(&self.first).incarnation
    }

    /// The incarnation of the first block.
    #[must_use]
    pub const fn first(&self) -> &Arc<str> {
        &self.first.incarnation
    }

    /// The incarnation of the block of this number, whether it is there already or not.
    #[must_use]
    pub fn at_block(&self, number: u64) -> &Arc<str> {
        &self.segment(|segment| segment.block <= number).incarnation
    }

    /// The incarnation under which the event at this position was written.
    #[must_use]
    pub fn at_position(&self, position: u64) -> &Arc<str> {
        &self.segment(|segment| segment.position <= position).incarnation
    }

    /// If the incarnation changes right after the block of this number: the hash that block must have.
    #[must_use]
    pub fn changes_after(&self, number: u64) -> Option<Digest> {
        let begins = self.later.iter().find(|segment| segment.block.checked_sub(1) == Some(number));
        begins.map(|segment| segment.after)
    }

    /// The block after which the current incarnation begins; none if that is the first block.
    #[must_use]
    pub fn kept(&self) -> Option<Kept> {
        let kept = |segment: &Segment| Kept {
            block: segment.block.saturating_sub(1),
            hash: segment.after,
            next_position: segment.position,
        };
        self.later.last().map(kept)
    }

    /// Whether the log has or had this incarnation.
    #[must_use]
    pub fn knows(&self, incarnation: &str) -> bool {
        **self.current() == *incarnation || self.ended.contains_key(incarnation)
    }

    /// The last block of the log that somebody who followed it in this incarnation shares with it: no limit for the current
    /// one, none for one that never was.
    #[must_use]
    pub fn shared_with(&self, incarnation: &str) -> Option<u64> {
        if **self.current() == *incarnation { Some(u64::MAX) } else { self.ended.get(incarnation).copied() }
    }

    fn segment(&self, begun: impl Fn(&Segment) -> bool) -> &Segment {
        self.later.iter().rev().find(|segment| begun(segment)).unwrap_or(&self.first)
    }
}

impl From<&Self> for Lineage {
    fn from(lineage: &Self) -> Self {
        lineage.clone()
    }
}

impl From<&str> for Lineage {
    fn from(incarnation: &str) -> Self {
        Self::single(incarnation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Lost;

    const A: &str = "0b7a4a0e-9a53-4f0a-8f0e-3f8b1f6d2c11";
    const B: &str = "1b7a4a0e-9a53-4f0a-8f0e-3f8b1f6d2c11";
    const C: &str = "2b7a4a0e-9a53-4f0a-8f0e-3f8b1f6d2c11";

    fn restore(ended: &str, incarnation: &str, after_block: u64, next_position: u64) -> Restore {
        Restore {
            incarnation: incarnation.into(),
            ended: ended.into(),
            after_block,
            block_hash: hash(after_block),
            next_position,
            lost: Lost::default(),
            reason: "a disk failed".into(),
            restored_at_ms: 0,
        }
    }

    fn hash(block: u64) -> Digest {
        Digest::from_bytes([block.to_le_bytes()[0]; 32])
    }

    fn at(lineage: &Lineage, blocks: [u64; 4]) -> [&str; 4] {
        blocks.map(|block| &**lineage.at_block(block))
    }

    #[test]
    fn a_restore_changes_the_incarnation_right_after_the_block_it_keeps() {
        let lineage = Lineage::of(&[restore(A, B, 10, 31)]).unwrap().unwrap();
        assert_eq!(at(&lineage, [1, 10, 11, 900]), [A, A, B, B]);
        assert_eq!([1, 30, 31].map(|position| &**lineage.at_position(position)), [A, A, B]);
        assert_eq!(lineage.changes_after(10), Some(hash(10)));
        assert_eq!(lineage.changes_after(9), None);
        assert_eq!([A, B, C].map(|one| lineage.shared_with(one)), [Some(10), Some(u64::MAX), None]);
    }

    #[test]
    fn a_later_restore_that_keeps_more_adds_one_that_keeps_less_undoes() {
        let more = Lineage::of(&[restore(A, B, 10, 31), restore(B, C, 20, 61)]).unwrap().unwrap();
        assert_eq!(at(&more, [10, 11, 20, 21]), [A, B, B, C]);
        assert_eq!([A, B].map(|one| more.shared_with(one)), [Some(10), Some(20)]);

        let less = Lineage::of(&[restore(A, B, 10, 31), restore(B, C, 5, 11)]).unwrap().unwrap();
        assert_eq!(at(&less, [5, 6, 11, 20]), [A, C, C, C]);
        assert_eq!(less.changes_after(10), None);
        assert_eq!([A, B].map(|one| less.shared_with(one)), [Some(5), Some(5)]);

        let same = Lineage::of(&[restore(A, B, 10, 31), restore(B, C, 10, 31)]).unwrap().unwrap();
        assert_eq!(at(&same, [9, 10, 11, 12]), [A, A, C, C]);

        let mut nothing = restore(A, B, 0, 1);
        nothing.block_hash = hash(0);
        let nothing = Lineage::of(&[nothing]).unwrap().unwrap();
        assert_eq!(at(&nothing, [0, 1, 2, 3]), [B, B, B, B]);
        assert_eq!(nothing.shared_with(A), Some(0));
    }

    #[test]
    fn restores_that_do_not_follow_from_one_another_are_refused() {
        let of = |restores: &[Restore]| Lineage::of(restores).unwrap_err();
        let not_in_order = of(&[restore(A, B, 10, 31), restore(A, C, 20, 61)]);
        assert_eq!(not_in_order, LineageError::NotInOrder { incarnation: C.into() });
        let again = of(&[restore(A, B, 10, 31), restore(B, A, 20, 61)]);
        assert_eq!(again, LineageError::NotNew { incarnation: A.into() });
        assert!(matches!(of(&[restore(A, "x", 10, 31)]), LineageError::NotNew { .. }));
        assert!(matches!(of(&[restore(A, B, 10, 10)]), LineageError::DoesNotFit { .. }));
        assert!(matches!(of(&[restore(A, B, 0, 2)]), LineageError::DoesNotFit { .. }));
        assert!(matches!(of(&[restore(A, B, u64::MAX, 2)]), LineageError::DoesNotFit { .. }));
        let backwards = of(&[restore(A, B, 10, 31), restore(B, C, 20, 30)]);
        assert!(matches!(backwards, LineageError::DoesNotFit { .. }));
    }
}
