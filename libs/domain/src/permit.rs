//! The permit: proof, as a value, that a permitting decision is committed in the log (promise 1).

use crate::decision::{Decision, Mask};
use crate::ids::{Position, Revision};

/// There is no permit: what was acknowledged is not the permitting decision that was proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPermit {
    /// The decision denies.
    #[error("the decision denies")]
    Denied,
    /// The log acknowledged something else than was proposed.
    #[error("the acknowledged event has another digest than the decision that was proposed")]
    OtherEvent,
    /// The decision was committed at another place than right after the revision it was made on.
    #[error("the acknowledged event does not follow the revision the decision was made on")]
    OtherRevision,
    /// The acknowledgement is not signed by the ledger.
    #[error("the acknowledgement does not verify")]
    Unverified,
}

/// What the ledger acknowledged: one event, where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcknowledgedEvent {
    /// SHA-256 of the event's facts as committed.
    pub facts_digest: [u8; 32],
    /// Its place in the log.
    pub position: Position,
    /// Its place in the case's stream.
    pub case_revision: Revision,
}

/// Proof that a permitting decision is durable in the case's stream. It cannot be copied, written down or read back; who
/// needs it again asks the log again.
///
/// INVARIANT: the decision permits, and stands at `position` right after the revision it was made on.
#[derive(Debug)]
pub struct Permit {
    decision: Decision,
    position: Position,
}

impl Permit {
    /// The only way to a permit. `proposed_digest` is the digest of the decision's facts as they were proposed, and
    /// `verify` checks the ledger's signature over the acknowledgement; it is asked last, and only if all else agrees.
    ///
    /// # Errors
    /// [`NoPermit`], saying what is missing.
    pub fn from_acknowledgement(
        decision: Decision,
        proposed_digest: [u8; 32],
        acknowledged: AcknowledgedEvent,
        verify: impl FnOnce() -> bool,
    ) -> Result<Self, NoPermit> {
        if !decision.is_permit() {
            return Err(NoPermit::Denied);
        }
        if proposed_digest != acknowledged.facts_digest {
            return Err(NoPermit::OtherEvent);
        }
        if decision.case_revision.next() != Some(acknowledged.case_revision) {
            return Err(NoPermit::OtherRevision);
        }
        if !verify() {
            return Err(NoPermit::Unverified);
        }
        Ok(Self { decision, position: acknowledged.position })
    }

    /// The decision.
    #[must_use]
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }

    /// What may leave.
    #[must_use]
    pub const fn mask(&self) -> &Mask {
        &self.decision.mask
    }

    /// Where the decision stands in the log.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }
}
