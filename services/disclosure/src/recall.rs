//! The receipt of a recall: whoever had a referral delivered confirms that it is used no more.

use egide_domain::time::Timestamp;
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use tonic::Status;

use crate::gate::Gate;
use crate::ledger::{Proposed, command, unproved};
use crate::origin::Origin;
use crate::outside::Outsider;
use crate::reader::{StoredReferral, Unreadable};
use egide_domain::ids::UnitId;

/// Most recalls that a watcher is told of at once.
const TOLD_MAX: usize = 1_000;

impl StoredReferral {
    /// Whether it was recalled after this unit had it delivered: then the unit, and nobody else, is told.
    pub(crate) fn was_recalled_from(&self, unit_id: UnitId) -> bool {
        self.unit_id == unit_id && self.row.delivered_at_ms.is_some() && self.row.recalled_at_ms.is_some()
    }
}

impl Gate {
    /// Records the receipt; when that was.
    pub(crate) async fn acknowledge_recall(
        &self,
        outsider: &Outsider,
        referral: &StoredReferral,
        origin: Origin,
    ) -> Result<Timestamp, Status> {
        if let Some(at_ms) = referral.row.recall_acknowledged_at_ms {
            return Ok(Timestamp(at_ms));
        }
        let acknowledged = case::RecallAcknowledged {
            referral_id: referral.referral_id.to_string(),
            unit_id: referral.unit_id.to_string(),
        };
        let proposed = Proposed::new(Payload::RecallAcknowledged(acknowledged))?;
        let stream_id = referral.case_id.to_string();
        let request = command(origin.command("recall"), stream_id.clone(), proposed.event, None, Vec::new());
        match self.ledger.append(&outsider.onward, request).await {
            Ok(acknowledged) => {
                acknowledged.proves(&stream_id, proposed.facts_digest)?;
                acknowledged.recorded_at().ok_or_else(unproved)
            }
            Err(not_appended) => {
                Err(not_appended.refusal("the receipt could not be recorded; repeat with the same command id"))
            }
        }
    }

    /// What was recalled from a unit after a position and is not confirmed yet, with the position up to which it was looked.
    pub(crate) fn recalled(&self, unit_id: UnitId, after: u64) -> Result<(Vec<StoredReferral>, u64), Unreadable> {
        let moment = self.reader.moment();
        let mut until = after;
        let mut recalled = Vec::new();
        for referral in moment.recalls(unit_id, after).take(TOLD_MAX) {
            let (position, referral) = referral?;
            until = position;
            if referral.was_recalled_from(unit_id) && referral.row.recall_acknowledged_at_ms.is_none() {
                recalled.push(referral);
            }
        }
        Ok((recalled, until))
    }
}
