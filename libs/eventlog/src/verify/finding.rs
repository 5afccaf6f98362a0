//! What can be wrong with a log.

use crate::anchor::Contradiction;
use crate::chain::ChainBroken;
use crate::stream::Drift;

use super::FINDINGS_MAX;

/// One thing that is wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// The stream is not configured as it must be.
    #[error(transparent)]
    Drift(Drift),
    /// The server counts other messages than a log has.
    #[error("the server counts `{messages}` messages from `{first}` to `{last}`: some are lost or were deleted")]
    Counts {
        /// How many it counts.
        messages: u64,
        /// Sequence of the first.
        first: u64,
        /// Sequence of the last.
        last: u64,
    },
    /// The stream names no incarnation.
    #[error("the stream names no incarnation in its metadata")]
    NoIncarnation,
    /// The log contradicts the trust file or a mark.
    #[error("{}{contradiction}", named(.name))]
    Contradicted {
        /// The mark's name; empty when it is the trust file.
        name: String,
        /// How.
        contradiction: Contradiction,
    },
    /// Messages are missing, though the server says that there are later ones.
    #[error("blocks `{first}` to `{last}` are missing")]
    Missing {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// A message is not the block that belongs in its place.
    #[error(transparent)]
    Block(ChainBroken),
    /// A stream goes on at another revision than is due.
    #[error("block `{block}` goes on with stream `{stream}` at revision `{found}`, `{expected}` is due")]
    Revision {
        /// Number of the block.
        block: u64,
        /// The stream (UUID).
        stream: String,
        /// The revision that is due.
        expected: u64,
        /// The one that is there.
        found: u64,
    },
    /// A command stands in the log twice.
    #[error("block `{block}` holds command `{command_id}` of `{emitter}`, which an earlier block holds already")]
    RepeatedCommand {
        /// Number of the later block.
        block: u64,
        /// The command (UUID).
        command_id: String,
        /// Who sent it.
        emitter: String,
    },
    /// A sealed part is not one that a ledger writes.
    #[error("what is sealed at position `{position}` in block `{block}` is malformed: {what}")]
    Sealed {
        /// Number of the block.
        block: u64,
        /// Position of the event.
        position: u64,
        /// What is wrong with it.
        what: SealedFault,
    },
}

/// What is wrong with a sealed part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealedFault {
    /// Of no known scope.
    #[error("it belongs to no known scope")]
    Scope,
    /// Keys that do not fit its scope.
    #[error("the keys it names do not fit its scope")]
    Keys,
    /// Lengths that no ledger writes.
    #[error("salt, nonce, commitment or ciphertext have a length that no ledger writes")]
    Lengths,
}

impl Finding {
    /// The block at which it stands; none for what concerns the whole log.
    #[must_use]
    pub const fn block(&self) -> Option<u64> {
        match self {
            Self::Drift(_) | Self::Counts { .. } | Self::NoIncarnation => None,
            Self::Contradicted { contradiction, .. } => match contradiction {
                Contradiction::Shorter { mark: block, .. }
                | Contradiction::OtherBlock { number: block }
                | Contradiction::RestoredElsewhere { number: block } => Some(*block),
                Contradiction::OtherIncarnation { .. }
                | Contradiction::NotRestored { .. }
                | Contradiction::Trust(_)
                | Contradiction::MarkNotKept(_) => None,
            },
            Self::Missing { first: block, .. }
            | Self::Revision { block, .. }
            | Self::RepeatedCommand { block, .. }
            | Self::Sealed { block, .. } => Some(*block),
            Self::Block(broken) => Some(match broken {
                ChainBroken::Gap { expected: block, .. }
                | ChainBroken::ForeignHeader { sequence: block, .. }
                | ChainBroken::NotABlock { sequence: block }
                | ChainBroken::HashMismatch { sequence: block }
                | ChainBroken::UnknownFormat { sequence: block, .. }
                | ChainBroken::OtherIncarnation { sequence: block }
                | ChainBroken::Abandoned { sequence: block }
                | ChainBroken::OtherNumber { sequence: block, .. }
                | ChainBroken::Signature { number: block, .. }
                | ChainBroken::UnreadableSignature { number: block }
                | ChainBroken::OtherPrevious { number: block }
                | ChainBroken::Positions { number: block, .. }
                | ChainBroken::RecordedEarlier { number: block, .. }
                | ChainBroken::Malformed { number: block, .. } => *block,
            }),
        }
    }
}

fn named(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("`{name}`: ") }
}

/// Findings, bounded.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) kept: Vec<Finding>,
    pub(super) total: u64,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        self.total = self.total.saturating_add(1);
        if self.kept.len() < FINDINGS_MAX {
            self.kept.push(finding);
        }
    }
}
