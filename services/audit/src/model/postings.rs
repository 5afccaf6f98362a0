//! Postings: where in the log the disclosures (or looks) stand that fit one criterion, in rows for a stretch of positions each.
//!
//! A row for every posting would set the pace of a rebuild: a disclosure fits twenty criteria. One row for 4,096 positions is
//! written once a batch however many postings come to it, and two criteria are compared 4,096 positions at a time.

use egide_projection::{ModelError, Rows};

use super::keys::{self, Key};

/// Positions in one row.
pub(crate) const STRETCH: u64 = 4_096;
/// Bytes of a row in which every position has a bit.
const BITMAP_BYTES: usize = 512;
/// Words of the same.
const WORDS: usize = BITMAP_BYTES / 8;

/// The positions of one stretch that fit.
///
/// As a row: the offsets in order, two bytes each and big-endian, or, where that would not be shorter, a bit for each, from the
/// lowest bit of the first byte on. The length tells which: a list never has the bitmap's.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Stretch([u64; WORDS]);

impl Default for Stretch {
    fn default() -> Self {
        Self([0; WORDS])
    }
}

impl Stretch {
    /// Reads a row; `None` when it is none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut stretch = Self::default();
        if bytes.len() == BITMAP_BYTES {
            for (word, bytes) in stretch.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
                *word = u64::from_le_bytes(*bytes);
            }
            return Some(stretch);
        }
        let (offsets, rest) = bytes.as_chunks::<2>();
        for offset in offsets {
            let offset = u64::from(u16::from_be_bytes(*offset));
            stretch.set(offset, true).filter(|()| offset < STRETCH)?;
        }
        rest.is_empty().then_some(stretch)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let count = self.0.iter().map(|word| word.count_ones()).sum::<u32>();
        if usize::try_from(count).is_ok_and(|count| count * 2 < BITMAP_BYTES) {
            return self.offsets().flat_map(u16::to_be_bytes).collect();
        }
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The offsets that fit, in order.
    fn offsets(&self) -> impl Iterator<Item = u16> {
        (0_u16..).zip(&self.0).flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = u16::try_from(left.trailing_zeros()).ok().filter(|_| left != 0)?;
                left &= left - 1;
                Some(index * 64 + bit)
            })
        })
    }

    fn set(&mut self, offset: u64, fits: bool) -> Option<()> {
        let word = usize::try_from(offset / 64).ok().and_then(|index| self.0.get_mut(index))?;
        let bit = 1 << (offset % 64);
        if fits {
            *word |= bit
        } else {
            *word &= !bit
        }
        Some(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Those that are in either.
    pub(crate) fn or(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Those that are in both.
    pub(crate) fn and(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// The last offset that fits, of those below `below`.
    pub(crate) fn last_below(&self, below: u64) -> Option<u64> {
        let below = below.min(STRETCH);
        for (back, word) in (1_u64..).zip(self.0.iter().rev()) {
            let first = STRETCH - back * 64;
            let within = match below.saturating_sub(first) {
                0 => continue,
                64.. => *word,
                bits => word & ((1 << bits) - 1),
            };
            if within != 0 {
                return Some(first + 63 - u64::from(within.leading_zeros()));
            }
        }
        None
    }
}

/// Adds a position to the postings that begin with `prefix`, or takes it out.
pub(crate) fn post(rows: &mut Rows<'_>, prefix: Key, position: u64, fits: bool) -> Result<(), ModelError> {
    let key = keys::at(prefix, position / STRETCH);
    let offset = u16::try_from(position % STRETCH).map_err(|_| ModelError::Row)?;
    let before = rows.get(&key)?.unwrap_or_default();
    if fits && before.len() < BITMAP_BYTES - 2 && is_after_all(&before, offset) {
        // What comes comes in order, so that this is what is nearly always done.
        rows.insert(&key, [before.as_slice(), &offset.to_be_bytes()].concat());
        return Ok(());
    }
    let mut stretch = Stretch::from_bytes(&before).ok_or(ModelError::Row)?;
    stretch.set(u64::from(offset), fits).ok_or(ModelError::Row)?;
    if stretch.is_empty() {
        rows.remove(&key)
    } else {
        rows.insert(&key, stretch.to_bytes())
    }
    Ok(())
}

/// Whether an offset comes after everything in a list.
fn is_after_all(list: &[u8], offset: u16) -> bool {
    list.last_chunk::<2>().is_none_or(|last| u16::from_be_bytes(*last) < offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(offsets: impl IntoIterator<Item = u64>) -> Stretch {
        let mut stretch = Stretch::default();
        offsets.into_iter().for_each(|offset| stretch.set(offset, true).unwrap());
        stretch
    }

    #[test]
    fn few_are_a_list_and_many_are_bits() {
        assert_eq!(of([0, 4_095]).to_bytes(), [0, 0, 0x0f, 0xff]);
        assert_eq!(of(0..255).to_bytes().len(), 510);
        assert_eq!(of(0..256).to_bytes().len(), 512);
        for count in [0, 1, 255, 256, 4_096] {
            assert!(Stretch::from_bytes(&of(0..count).to_bytes()) == Some(of(0..count)), "{count}");
        }
        assert!(Stretch::from_bytes(&[0x10, 0x00]).is_none());
        assert!(Stretch::from_bytes(&[1]).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_is_the_set_of_its_offsets(
            one in prop::collection::btree_set(0_u64..STRETCH, 0..400),
            two in prop::collection::btree_set(0_u64..STRETCH, 0..400),
            below in 0_u64..=STRETCH,
        ) {
            let (first, second) = (of(one.iter().copied()), of(two.iter().copied()));
            prop_assert!(Stretch::from_bytes(&first.to_bytes()) == Some(first.clone()));
            prop_assert_eq!(first.last_below(below), one.range(..below).next_back().copied());
            let (mut both, mut either) = (first.clone(), first);
            both.and(&second);
            either.or(&second);
            prop_assert!(both == of(one.intersection(&two).copied()));
            prop_assert!(either == of(one.union(&two).copied()));
        }
    }
}
