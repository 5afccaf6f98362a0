//! Checking that a block fits the chain: the one place where blocks become [`VerifiedBlock`]s.

use bytes::Bytes;
use egide_crypto::digest::Digest;
use egide_crypto::sign::{KeyId, KeyRingEntry, Signature, VerifyAtError};
use egide_trust::{CurrentTrust, Trust};
use egide_wire::proto::egide::ledger::v1::{Area, Block, Commit, SignedBlock};
use prost::Message as _;
use std::collections::BTreeMap;

use crate::block::{FORMAT, OwnBlock, SIGNATURE_CONTEXT, VerifiedBlock, block_hash, milliseconds};
use crate::head::Head;

/// A block as it stands in the stream, unchecked.
#[derive(Clone)]
pub struct RawBlock {
    /// Sequence of its message.
    pub sequence: u64,
    /// The first header on it that no appender writes, or that stands there twice: such a message did not come from an
    /// appender (a server can be made to copy messages into the log, with `Nats-Stream` and `Nats-Sequence` on them).
    pub foreign_header: Option<String>,
    /// The encoded [`SignedBlock`].
    pub bytes: Bytes,
}

impl std::fmt::Debug for RawBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawBlock").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

/// Why a message is not the next block of the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainBroken {
    /// Messages are missing, or one came twice.
    #[error("expected message `{expected}` of the log, found `{found}`")]
    Gap {
        /// The sequence that is due.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// The message did not come from an appender.
    #[error("message `{sequence}` carries the foreign header `{header}`: it was not published by an appender")]
    ForeignHeader {
        /// Sequence of the message.
        sequence: u64,
        /// The header.
        header: String,
    },
    /// The message is no signed block, or has bytes beside it.
    #[error("message `{sequence}` is no signed block")]
    NotABlock {
        /// Sequence of the message.
        sequence: u64,
    },
    /// The block's bytes are not those that were hashed.
    #[error("the hash of message `{sequence}` is not that of its block")]
    HashMismatch {
        /// Sequence of the message.
        sequence: u64,
    },
    /// The signature does not count.
    #[error("the signature of block `{number}` does not count: {reason}")]
    Signature {
        /// Number of the block.
        number: u64,
        /// Why not.
        reason: VerifyAtError,
    },
    /// Key id or signature cannot be read.
    #[error("block `{number}` carries no readable key id and signature")]
    UnreadableSignature {
        /// Number of the block.
        number: u64,
    },
    /// A later version wrote the block.
    #[error("message `{sequence}` is a block of format `{format}`, unknown here: upgrade this egide")]
    UnknownFormat {
        /// Sequence of the message.
        sequence: u64,
        /// The format it names.
        format: u32,
    },
    /// The block belongs to another incarnation of the log.
    #[error("message `{sequence}` belongs to another incarnation of the log")]
    OtherIncarnation {
        /// Sequence of the message.
        sequence: u64,
    },
    /// The block belongs to a branch of the log that a restore ended.
    #[error("block `{sequence}` belongs to a branch of the log that a restore ended")]
    Abandoned {
        /// Sequence of the message.
        sequence: u64,
    },
    /// The block was made for another place, and copied here.
    #[error("message `{sequence}` is block `{number}`: it was made for another place")]
    OtherNumber {
        /// Sequence of the message.
        sequence: u64,
        /// The number it names.
        number: u64,
    },
    /// The block follows another one than the one before it.
    #[error("block `{number}` does not follow the block before it: the log was cut or rewritten")]
    OtherPrevious {
        /// Number of the block.
        number: u64,
    },
    /// Positions have a gap or an overlap.
    #[error("block `{number}` begins at position `{found}`, not `{expected}`")]
    Positions {
        /// Number of the block.
        number: u64,
        /// The position that is due.
        expected: u64,
        /// The one it begins at.
        found: u64,
    },
    /// Recorded-at is earlier than in the block before.
    #[error("block `{number}` was recorded `{by_ms}` ms before the one it follows")]
    RecordedEarlier {
        /// Number of the block.
        number: u64,
        /// By how many milliseconds.
        by_ms: u64,
    },
    /// The block says something no appender writes.
    #[error("block `{number}` is malformed: {what}")]
    Malformed {
        /// Number of the block.
        number: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Follows a chain of blocks and lets only those through that fit.
#[derive(Debug, Clone)]
pub struct ChainVerifier {
    head: Head,
    trust: CurrentTrust,
}

impl ChainVerifier {
    /// Continues after `head`; `trust` says whose signatures count, and where the log was restored.
    #[must_use]
    pub fn new(head: Head, trust: impl Into<CurrentTrust>) -> Self {
        Self { head, trust: trust.into() }
    }

    /// The head after the last block that was let through.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Checks the next message and moves on. What fits is let through; otherwise nothing moves.
    ///
    /// # Errors
    /// [`ChainBroken`] says what does not fit. A reader stops there; it never goes on over a hole.
    pub fn verify(&mut self, raw: &RawBlock) -> Result<VerifiedBlock, ChainBroken> {
        let trust = self.trust.get();
        let sequence = raw.sequence;
        let expected = self.head.number().saturating_add(1);
        if sequence != expected {
            return Err(ChainBroken::Gap { expected, found: sequence });
        }
        let decoded = Decoded::read(raw)?;
        self.check_place(sequence, &decoded.block, &trust)?;
        let Content { recorded_at_ms, next_position } = self.check_content(sequence, &decoded.block)?;
        let (key_id, signature) = decoded.signature(&trust, next_position)?;
        let Decoded { block, hash, .. } = decoded;
        self.head = self.head.advance(sequence, hash, next_position, recorded_at_ms, &block.incarnation);
        Ok(VerifiedBlock { block, key_id, signature, head_after: self.head.clone() })
    }

    /// The same for a block that was sealed in this process a moment ago: its place, its content and whether its key counts
    /// there are checked as every reader will check them. Its hash and signature were made from the same bytes and are not
    /// made again.
    ///
    /// # Errors
    /// As [`ChainVerifier::verify`].
    pub(crate) fn admit(&mut self, own: OwnBlock) -> Result<VerifiedBlock, ChainBroken> {
        let OwnBlock { block, hash, key_id, signature } = own;
        let trust = self.trust.get();
        let number = self.head.number().saturating_add(1);
        self.check_place(number, &block, &trust)?;
        let Content { recorded_at_ms, next_position } = self.check_content(number, &block)?;
        counts_for(&block, key_id, next_position, &trust)?;
        self.head = self.head.advance(number, hash, next_position, recorded_at_ms, &block.incarnation);
        Ok(VerifiedBlock { block, key_id, signature, head_after: self.head.clone() })
    }

    fn check_content(&self, number: u64, block: &Block) -> Result<Content, ChainBroken> {
        let content = content(block)?;
        if content.recorded_at_ms < self.head.recorded_at_ms() {
            let by_ms = content.recorded_at_ms.abs_diff(self.head.recorded_at_ms());
            return Err(ChainBroken::RecordedEarlier { number, by_ms });
        }
        Ok(content)
    }

    fn check_place(&self, sequence: u64, block: &Block, trust: &Trust) -> Result<(), ChainBroken> {
        self.check_incarnation(sequence, block, trust)?;
        if block.number != sequence {
            return Err(ChainBroken::OtherNumber { sequence, number: block.number });
        }
        if block.previous_hash != self.head.hash().as_bytes() {
            return Err(ChainBroken::OtherPrevious { number: block.number });
        }
        if block.first_position != self.head.next_position() {
            return Err(ChainBroken::Positions {
                number: block.number,
                expected: self.head.next_position(),
                found: block.first_position,
            });
        }
        Ok(())
    }

    /// The incarnation changes exactly where a restore that the root signed says so, and nowhere else.
    fn check_incarnation(&self, sequence: u64, block: &Block, trust: &Trust) -> Result<(), ChainBroken> {
        let Some(lineage) = trust.lineage() else {
            let same = block.incarnation == self.head.incarnation();
            return if same { Ok(()) } else { Err(ChainBroken::OtherIncarnation { sequence }) };
        };
        let head = &self.head;
        let behind = head.number() > 0 && **lineage.at_block(head.number()) != *head.incarnation();
        let elsewhere = lineage.changes_after(head.number()).is_some_and(|hash| hash != head.hash());
        if behind || elsewhere {
            return Err(ChainBroken::Abandoned { sequence: head.number() });
        }
        if block.incarnation == **lineage.at_block(sequence) {
            Ok(())
        } else if lineage.knows(&block.incarnation) {
            Err(ChainBroken::Abandoned { sequence })
        } else {
            Err(ChainBroken::OtherIncarnation { sequence })
        }
    }
}

/// A message that holds a signed block whose bytes are those that were hashed.
pub(crate) struct Decoded {
    signed: SignedBlock,
    pub(crate) block: Block,
    pub(crate) hash: Digest,
}

/// What follows from a block's own content.
pub(crate) struct Content {
    pub(crate) recorded_at_ms: i64,
    /// The position after its last event.
    pub(crate) next_position: u64,
}

impl Decoded {
    pub(crate) fn read(raw: &RawBlock) -> Result<Self, ChainBroken> {
        let sequence = raw.sequence;
        if let Some(header) = &raw.foreign_header {
            return Err(ChainBroken::ForeignHeader { sequence, header: header.clone() });
        }
        let signed = SignedBlock::decode(raw.bytes.clone()).map_err(|_| ChainBroken::NotABlock { sequence })?;
        // Bytes that are no part of hash or signature (unknown fields, another encoding) would be anyone's to change.
        if signed.encode_to_vec() != raw.bytes {
            return Err(ChainBroken::NotABlock { sequence });
        }
        let hash = block_hash(&signed.block);
        if Digest::try_from(signed.hash.as_slice()) != Ok(hash) {
            return Err(ChainBroken::HashMismatch { sequence });
        }
        let block = Block::decode(signed.block.as_slice()).map_err(|_| ChainBroken::NotABlock { sequence })?;
        if block.format != FORMAT {
            return Err(ChainBroken::UnknownFormat { sequence, format: block.format });
        }
        Ok(Self { signed, block, hash })
    }

    pub(crate) fn content(&self) -> Result<Content, ChainBroken> {
        content(&self.block)
    }

    pub(crate) fn signature(&self, trust: &Trust, next_position: u64) -> Result<(KeyId, Signature), ChainBroken> {
        let number = self.block.number;
        let unreadable = || ChainBroken::UnreadableSignature { number };
        let key_id: KeyId = self.signed.key_id.parse().map_err(|_| unreadable())?;
        let signature = Signature::try_from(self.signed.signature.as_slice()).map_err(|_| unreadable())?;
        let entry = counts_for(&self.block, key_id, next_position, trust)?;
        let verified = entry.key().verify(SIGNATURE_CONTEXT, self.hash.as_bytes(), &signature);
        verified.map_err(|reason| ChainBroken::Signature { number, reason: reason.into() })?;
        Ok((key_id, signature))
    }
}

/// The entry of a key, if it counts for the whole block: from its first position to its last.
fn counts_for<'t>(
    block: &Block,
    key_id: KeyId,
    next_position: u64,
    trust: &'t Trust,
) -> Result<&'t KeyRingEntry, ChainBroken> {
    let broken = |reason| ChainBroken::Signature { number: block.number, reason };
    if let Err(reason @ VerifyAtError::NotYetValid { .. }) = trust.ledger().counts_at(block.first_position, key_id) {
        return Err(broken(reason));
    }
    trust.ledger().counts_at(next_position.saturating_sub(1), key_id).map_err(broken)
}

fn content(block: &Block) -> Result<Content, ChainBroken> {
    let number = block.number;
    let malformed = |what| ChainBroken::Malformed { number, what };
    let recorded_at_ms = block.recorded_at.as_ref().and_then(milliseconds);
    let recorded_at_ms = recorded_at_ms.ok_or(malformed("recorded-at is no whole number of milliseconds"))?;
    if block.instance_id.is_empty() {
        return Err(malformed("no instance is named"));
    }
    if block.commits.is_empty() {
        return Err(malformed("no commits"));
    }
    for commit in &block.commits {
        check_commit(commit).map_err(malformed)?;
    }
    let events: u64 = block.commits.iter().map(|commit| commit.events.len() as u64).sum();
    let next_position = block.first_position.checked_add(events).ok_or(malformed("positions overflow"))?;
    Ok(Content { recorded_at_ms, next_position })
}

/// What can be said about a commit without knowing the streams: it has events, and its extents are exactly what its
/// events add (`log.proto`, `StreamExtent`).
fn check_commit(commit: &Commit) -> Result<(), &'static str> {
    if commit.command_id.is_empty() || commit.emitter.is_empty() {
        return Err("a commit without command id or emitter");
    }
    if commit.events.is_empty() {
        return Err("a commit without events");
    }
    // Per stream: the revision that is due next, and how many events are still to come.
    let mut due: BTreeMap<&str, (u64, u32)> = BTreeMap::new();
    for extent in &commit.streams {
        if extent.stream_id.is_empty() || extent.first_revision == 0 || extent.count == 0 {
            return Err("an extent that adds nothing to no stream");
        }
        if due.insert(&extent.stream_id, (extent.first_revision, extent.count)).is_some() {
            return Err("two extents of one stream");
        }
    }
    for event in &commit.events {
        match event.area() {
            Area::Unspecified => return Err("an event of no known area"),
            Area::Access if event.stream_id.is_empty() && event.revision == 0 => {}
            Area::Access => return Err("an access event with a stream or a revision"),
            Area::Case | Area::Directory | Area::House => match due.get_mut(event.stream_id.as_str()) {
                Some((revision, left)) if *revision == event.revision && *left > 0 => {
                    *revision = revision.saturating_add(1);
                    *left -= 1;
                }
                Some(_) | None => return Err("an event that its commit's extents do not name"),
            },
        }
    }
    if due.values().any(|(_, left)| *left > 0) {
        Err("an extent that counts more events than there are")
    } else {
        Ok(())
    }
}
