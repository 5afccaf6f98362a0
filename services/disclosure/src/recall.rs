//! The receipt of a recall: whoever had a referral delivered confirms that it is used no more.

use egide_domain::ids::UnitId;
use egide_domain::time::Timestamp;
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use tonic::Status;

use crate::gate::Gate;
use crate::origin::Origin;
use crate::outside::Outsider;
use crate::reader::{StoredReferral, Unreadable};

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
        let receipt = Payload::RecallAcknowledged(acknowledged);
        self.record_receipt(outsider, origin.command("recall"), referral.case_id, receipt).await
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
