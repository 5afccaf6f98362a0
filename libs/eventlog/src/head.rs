//! Where a reader stands in the log.

use std::sync::Arc;

use egide_crypto::digest::Digest;

/// The encoding of [`Head::to_bytes`]: format, number, next position, recorded-at, hash, incarnation.
const FORMAT: u8 = 1;

/// The state after a block: everything the next block must fit, and all a reader keeps to continue.
///
/// INVARIANT: made by [`Head::genesis`] or from a verified block, or read back from what one of those wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    number: u64,
    hash: Digest,
    next_position: u64,
    recorded_at_ms: i64,
    incarnation: Arc<str>,
}

/// The bytes are no stored head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes hold no head of a log")]
pub struct ParseHeadError;

impl Head {
    /// The head of a log without blocks: number 0, next position 1, a hash of zeros.
    #[must_use]
    pub fn genesis(incarnation: &str) -> Self {
        Self {
            number: 0,
            hash: Digest::from_bytes([0; Digest::BYTES]),
            next_position: 1,
            recorded_at_ms: i64::MIN,
            incarnation: incarnation.into(),
        }
    }

    pub(crate) fn advance(
        &self,
        number: u64,
        hash: Digest,
        next_position: u64,
        recorded_at_ms: i64,
        incarnation: &str,
    ) -> Self {
        let same = *self.incarnation == *incarnation;
        let incarnation = if same { Arc::clone(&self.incarnation) } else { incarnation.into() };
        Self { number, hash, next_position, recorded_at_ms, incarnation }
    }

    /// Number of the last block, 0 before the first.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Hash of the last block, zeros before the first.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// Position that the next event will have; positions count from 1.
    #[must_use]
    pub const fn next_position(&self) -> u64 {
        self.next_position
    }

    /// Position of the last event, 0 before the first.
    #[must_use]
    pub const fn last_position(&self) -> u64 {
        self.next_position.saturating_sub(1)
    }

    /// When the last block was recorded, in milliseconds since 1970; `i64::MIN` before the first.
    #[must_use]
    pub const fn recorded_at_ms(&self) -> i64 {
        self.recorded_at_ms
    }

    /// The incarnation of the last block; before the first, that of the log.
    #[must_use]
    pub fn incarnation(&self) -> &str {
        &self.incarnation
    }

    /// The head as a reader stores it beside its rows.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.next_position.to_be_bytes());
        bytes.extend_from_slice(&self.recorded_at_ms.to_be_bytes());
        bytes.extend_from_slice(self.hash.as_bytes());
        bytes.extend_from_slice(self.incarnation.as_bytes());
        bytes
    }

    /// Reads what [`Head::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`ParseHeadError`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseHeadError> {
        let (format, rest) = bytes.split_first().ok_or(ParseHeadError)?;
        let (number, rest) = rest.split_first_chunk().ok_or(ParseHeadError)?;
        let (next_position, rest) = rest.split_first_chunk().ok_or(ParseHeadError)?;
        let (recorded_at_ms, rest) = rest.split_first_chunk().ok_or(ParseHeadError)?;
        let (hash, incarnation) = rest.split_first_chunk().ok_or(ParseHeadError)?;
        if *format != FORMAT {
            return Err(ParseHeadError);
        }
        Ok(Self {
            number: u64::from_be_bytes(*number),
            hash: Digest::from_bytes(*hash),
            next_position: u64::from_be_bytes(*next_position),
            recorded_at_ms: i64::from_be_bytes(*recorded_at_ms),
            incarnation: std::str::from_utf8(incarnation).map_err(|_| ParseHeadError)?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comes_back_from_its_bytes() {
        let genesis = Head::genesis("0b7a4a0e-9a53-4f0a-8f0e-3f8b1f6d2c11");
        let later = genesis.advance(7, Digest::from_bytes([9; 32]), 41, -5, "other");
        for head in [genesis, later] {
            assert_eq!(Head::from_bytes(&head.to_bytes()), Ok(head));
        }
    }

    #[test]
    fn bytes_of_anything_else_are_refused() {
        let bytes = Head::genesis("x").to_bytes();
        assert_eq!(Head::from_bytes(&[]), Err(ParseHeadError));
        assert_eq!(Head::from_bytes(&bytes[..40]), Err(ParseHeadError));
        let mut other_format = bytes.clone();
        other_format[0] = 2;
        assert_eq!(Head::from_bytes(&other_format), Err(ParseHeadError));
        let mut no_text = bytes;
        no_text.push(0xff);
        assert_eq!(Head::from_bytes(&no_text), Err(ParseHeadError));
    }
}
