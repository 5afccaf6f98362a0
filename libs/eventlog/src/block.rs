//! Blocks: sealing commits into the bytes that are published, and what a verified block offers.

use std::fmt;

use bytes::Bytes;
use egide_crypto::digest::{Digest, sha256_parts};
use egide_crypto::sign::{KeyId, Signature, SigningKey};
use egide_wire::proto::egide::ledger::v1::{Block, Commit, Event, SignedBlock};
use prost::Message as _;
use prost_types::Timestamp;

use crate::head::Head;

/// Version of the block format.
pub const FORMAT: u32 = 1;
/// Context of a block's hash (`log.proto`, `SignedBlock.hash`).
pub const HASH_CONTEXT: &str = "egide/block/v1";
/// Context of a block's signature (`log.proto`, `SignedBlock.signature`).
pub const SIGNATURE_CONTEXT: &str = "egide/block-signature/v1";
/// At most what a block takes beyond its commits: its own fields, hash, key id, signature, and the lengths around them.
pub const BLOCK_OVERHEAD_BYTES: usize = 512;

const MILLISECONDS_PER_SECOND: i64 = 1_000;
const NANOSECONDS_PER_MILLISECOND: i32 = 1_000_000;

/// How many bytes a commit takes in a block. Commits whose sum is at most the block's maximum less
/// [`BLOCK_OVERHEAD_BYTES`] fit one block.
#[must_use]
pub fn commit_bytes(commit: &Commit) -> usize {
    let bytes = commit.encoded_len();
    bytes + prost::length_delimiter_len(bytes) + prost::encoding::key_len(8)
}

/// The hash of an encoded [`Block`].
#[must_use]
pub fn block_hash(block: &[u8]) -> Digest {
    sha256_parts(HASH_CONTEXT, &[block])
}

/// A block as it is published, not yet in the log.
#[derive(Clone)]
pub struct SealedBlock {
    number: u64,
    hash: Digest,
    bytes: Bytes,
}

impl SealedBlock {
    /// The block that follows `after`, signed. `recorded_at_ms` (milliseconds since 1970) is raised to the head's when
    /// the clock went back, so that recorded-at never does. Nothing is checked here; a [`crate::ChainVerifier`] does.
    #[must_use]
    pub fn seal(
        after: &Head,
        recorded_at_ms: i64,
        instance_id: &str,
        commits: Vec<Commit>,
        signing_key: &SigningKey,
    ) -> Self {
        Self::seal_in(after.incarnation(), after, recorded_at_ms, instance_id, commits, signing_key)
    }

    /// The same, as a block of `incarnation`: the one after a restore, whose first block follows one of the incarnation
    /// that ended.
    #[must_use]
    pub fn seal_in(
        incarnation: &str,
        after: &Head,
        recorded_at_ms: i64,
        instance_id: &str,
        commits: Vec<Commit>,
        signing_key: &SigningKey,
    ) -> Self {
        Self::seal_own(incarnation, after, recorded_at_ms, instance_id, commits, signing_key).0
    }

    /// The same, with what it was made from.
    pub(crate) fn seal_own(
        incarnation: &str,
        after: &Head,
        recorded_at_ms: i64,
        instance_id: &str,
        commits: Vec<Commit>,
        signing_key: &SigningKey,
    ) -> (Self, OwnBlock) {
        let number = after.number().saturating_add(1);
        let block = Block {
            format: FORMAT,
            incarnation: incarnation.to_owned(),
            number,
            previous_hash: after.hash().as_bytes().to_vec(),
            first_position: after.next_position(),
            recorded_at: Some(timestamp(recorded_at_ms.max(after.recorded_at_ms()))),
            instance_id: instance_id.to_owned(),
            commits,
        };
        let encoded = block.encode_to_vec();
        let hash = block_hash(&encoded);
        let (key_id, signature) = (signing_key.key_id(), signing_key.sign(SIGNATURE_CONTEXT, hash.as_bytes()));
        let signed = SignedBlock {
            block: encoded,
            hash: hash.as_bytes().to_vec(),
            key_id: key_id.to_string(),
            signature: signature.as_bytes().to_vec(),
        };
        let sealed = Self { number, hash, bytes: signed.encode_to_vec().into() };
        (sealed, OwnBlock { block, hash, key_id, signature })
    }

    /// The number it will have.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Its hash.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// The encoded [`SignedBlock`].
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for SealedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedBlock").field("number", &self.number).field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// What a block was sealed from, in this process a moment ago.
///
/// INVARIANT: made by [`SealedBlock::seal_own`] only, so hash and signature are those of the block.
pub(crate) struct OwnBlock {
    pub(crate) block: Block,
    pub(crate) hash: Digest,
    pub(crate) key_id: KeyId,
    pub(crate) signature: Signature,
}

/// A block that stands in the chain: hash, signature, number, previous hash, positions and time were checked.
///
/// INVARIANT: made by [`crate::ChainVerifier`] only.
#[derive(Clone)]
pub struct VerifiedBlock {
    pub(crate) block: Block,
    pub(crate) key_id: KeyId,
    pub(crate) signature: Signature,
    pub(crate) head_after: Head,
}

impl VerifiedBlock {
    /// Its number in the log, from 1.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.head_after.number()
    }

    /// Its hash.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.head_after.hash()
    }

    /// The block.
    #[must_use]
    pub const fn block(&self) -> &Block {
        &self.block
    }

    /// The key that signed it.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The signature over its hash.
    #[must_use]
    pub const fn signature(&self) -> Signature {
        self.signature
    }

    /// The head of the log after it.
    #[must_use]
    pub const fn head_after(&self) -> &Head {
        &self.head_after
    }

    /// When it was recorded, in milliseconds since 1970.
    #[must_use]
    pub const fn recorded_at_ms(&self) -> i64 {
        self.head_after.recorded_at_ms()
    }

    /// Position of its first event.
    #[must_use]
    pub const fn first_position(&self) -> u64 {
        self.block.first_position
    }

    /// Position of its last event.
    #[must_use]
    pub const fn last_position(&self) -> u64 {
        self.head_after.last_position()
    }

    /// Its commits, each with the position of its first event.
    pub fn commits(&self) -> impl Iterator<Item = (u64, &Commit)> {
        self.block.commits.iter().scan(self.block.first_position, |next, commit| {
            let first = *next;
            *next = next.saturating_add(commit.events.len() as u64);
            Some((first, commit))
        })
    }

    /// Its events in the order of their positions, each with its position and its commit.
    pub fn events(&self) -> impl Iterator<Item = (u64, &Commit, &Event)> {
        self.commits()
            .flat_map(|(first, commit)| (first..).zip(&commit.events).map(move |(at, event)| (at, commit, event)))
    }
}

impl fmt::Debug for VerifiedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedBlock")
            .field("number", &self.number())
            .field("hash", &self.hash())
            .finish_non_exhaustive()
    }
}

fn timestamp(milliseconds: i64) -> Timestamp {
    let below_second = milliseconds.rem_euclid(MILLISECONDS_PER_SECOND);
    // Below one second, so it always fits.
    let nanos = i32::try_from(below_second).unwrap_or_default() * NANOSECONDS_PER_MILLISECOND;
    Timestamp { seconds: milliseconds.div_euclid(MILLISECONDS_PER_SECOND), nanos }
}

/// Milliseconds since 1970, if the timestamp is a whole number of them.
pub(crate) fn milliseconds(timestamp: &Timestamp) -> Option<i64> {
    let whole = (0..NANOSECONDS_PER_MILLISECOND * 1_000).contains(&timestamp.nanos)
        && timestamp.nanos % NANOSECONDS_PER_MILLISECOND == 0;
    let milliseconds = i64::from(timestamp.nanos / NANOSECONDS_PER_MILLISECOND);
    whole.then_some(())?;
    timestamp.seconds.checked_mul(MILLISECONDS_PER_SECOND)?.checked_add(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_round_trip_before_and_after_1970() {
        for instant in [0, 1, 999, 1_000, -1, -999, -1_001, 1_795_305_600_123, -62_135_596_800_000] {
            assert_eq!(milliseconds(&timestamp(instant)), Some(instant), "{instant}");
        }
        for (seconds, nanos) in [(0, 1), (0, -1_000_000), (0, 1_000_000_000), (i64::MAX, 0)] {
            assert_eq!(milliseconds(&Timestamp { seconds, nanos }), None, "{seconds} {nanos}");
        }
    }
}
