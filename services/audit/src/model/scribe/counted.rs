//! What anomalies are worked out from, counted as it happens.

use egide_domain::ids::UnitId;
use egide_projection::ModelError;
use egide_wire::proto::egide::case::v1::{BasisKind, DisclosureDecided, Outcome};
use prost::Message as _;

use super::{Scribe, keys};
use crate::model::looked::{self, Did};
use crate::model::row::SoonRow;

/// How long after a change of the directory a delivery is kept as one soon after it; rules ask for less.
pub(crate) const SOON_MS: i64 = 24 * 60 * 60 * 1_000;

impl Scribe<'_, '_, '_> {
    pub(super) fn count_decision(&mut self, decided: &DisclosureDecided) -> Result<(), ModelError> {
        let at_ms = self.place.recorded_at_ms;
        let refused = decided.outcome() == Outcome::Deny;
        let on_exception = decided.bases.iter().any(|basis| basis.kind == i32::from(BasisKind::Exception));
        let account = self.place.event.actor.as_ref().map(|actor| actor.person.as_str()).unwrap_or_default();
        let did = Did { asked: true, refused, on_exception, opened: false };
        looked::count(self.rows, account, at_ms, did)?;
        if refused { looked::count_refusal(self.rows, self.place.case_id, at_ms) } else { Ok(()) }
    }

    /// Keeps a delivery that came soon after the recipient's entry changed.
    pub(super) fn delivered_soon(&mut self, unit_id: &str, at: u64) -> Result<(), ModelError> {
        let Some(bytes) =
            unit_id.parse::<UnitId>().ok().map(|id| self.rows.get(&keys::changed(id))).transpose()?.flatten()
        else {
            return Ok(());
        };
        let changed_ms = i64::from_be_bytes(bytes.try_into().map_err(|_| ModelError::Row)?);
        let place = self.place;
        let after_ms = place.recorded_at_ms.saturating_sub(changed_ms);
        if after_ms > SOON_MS {
            return Ok(());
        }
        let row = SoonRow {
            unit_id: unit_id.to_owned(),
            case_id: place.case_id.to_string(),
            recorded_at_ms: place.recorded_at_ms,
            after_ms,
            disclosure: at,
        };
        self.rows.insert(&keys::at(keys::soon(), place.position), row.encode_to_vec());
        Ok(())
    }
}
