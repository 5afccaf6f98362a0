//! The read model: the facts of cases and of the directory as they stand in the log, and where decisions, referrals and
//! deliveries are. Facts only: sealed parts are cut off before anything is stored.
//!
//! Rows, by the first byte of their key:
//!
//! | Key | Row |
//! |---|---|
//! | `e` case, revision | an event of the case ([`EventRow`]) |
//! | `d` organisation, revision | an event of the directory ([`EventRow`]) |
//! | `u` unit | its organisation |
//! | `k` decision | where it is ([`DecisionRow`]) |
//! | `l` case, position | the decision that stands there |
//! | `r` referral | how it stands ([`ReferralRow`]) |
//! | `w` unit, position | the referral that was released there to the unit |
//! | `v` delivery | case and revision of the delivery |
//! | `c` unit, position | the referral that was recalled there after the unit had had it delivered |
//! | `a` approval | case and revision of the request for approval |
//! | `o` position | the approval that was asked for there and is not decided yet |
//! | `p` digest | the event by which a policy was adopted |
//!
//! Ids are the 16 bytes of their UUIDs; numbers are 64 bits, big-endian, so that keys are in their order.

pub(crate) mod rows;

use egide_domain::ids::{ApprovalId, CaseId, DecisionId, DeliveryId, OrganizationId, ReferralId, UnitId};
use egide_eventlog::VerifiedBlock;
use egide_projection::{ModelError, ReadModel, Rows};
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::directory::v1::DirectoryEvent;
use egide_wire::proto::egide::directory::v1::directory_event::Payload as DirectoryPayload;
use egide_wire::proto::egide::house::v1::HouseEvent;
use egide_wire::proto::egide::house::v1::house_event::Payload as HousePayload;
use egide_wire::proto::egide::ledger::v1::{Area, Event};
use prost::Message as _;

use self::rows::{ApprovalRow, DecisionRow, EventRow, ReferralRow, key};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts;

impl ReadModel for Facts {
    const NAME: &'static str = "disclosure";
    const VERSION: u32 = 3;

    fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        for (position, _, event) in block.events() {
            let place = Place { position, recorded_at_ms: block.recorded_at_ms(), event };
            match event.area() {
                Area::Case => place.apply_case(rows)?,
                Area::Directory => place.apply_directory(rows)?,
                Area::House => place.apply_house(rows),
                // Looking changes nothing about what may leave.
                Area::Access | Area::Unspecified => {}
            }
        }
        Ok(())
    }
}

/// An event in its place.
struct Place<'a> {
    position: u64,
    recorded_at_ms: i64,
    event: &'a Event,
}

impl Place<'_> {
    fn refused(&self, reason: &'static str) -> ModelError {
        ModelError::Event { position: self.position, reason }
    }

    fn row(&self) -> Vec<u8> {
        let facts_only = Event { sealed: Vec::new(), ..self.event.clone() };
        let row = EventRow { position: self.position, recorded_at_ms: self.recorded_at_ms, event: Some(facts_only) };
        row.encode_to_vec()
    }

    fn apply_case(&self, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        let case_id: CaseId = self.event.stream_id.parse().map_err(|_| self.refused("its case id is no uuid"))?;
        rows.insert(&key::case_event(case_id, self.event.revision), self.row());
        // What cannot be read here stands in no index; the fold reads it as unreadable, and the gate refuses the case.
        let payload = case::CaseEvent::decode(self.event.facts.as_slice()).ok().and_then(|event| event.payload);
        match payload {
            Some(Payload::DisclosureDecided(decided)) => self.index_decision(case_id, &decided, rows),
            Some(Payload::ReferralReleased(released)) => self.index_release(case_id, &released, rows)?,
            Some(Payload::ReferralDelivered(delivered)) => self.index_delivery(case_id, &delivered, rows)?,
            Some(Payload::ReferralAcknowledged(acknowledged)) => {
                self.change_referral(case_id, &acknowledged.referral_id, rows, |row, at_ms| {
                    row.acknowledged_at_ms.get_or_insert(at_ms);
                })?;
            }
            Some(Payload::ReferralRecalled(recalled)) => self.index_recall(case_id, &recalled, rows)?,
            Some(Payload::RecallAcknowledged(acknowledged)) => {
                self.change_referral(case_id, &acknowledged.referral_id, rows, |row, at_ms| {
                    row.recall_acknowledged_at_ms.get_or_insert(at_ms);
                })?;
            }
            Some(Payload::ApprovalRequested(requested)) => self.index_approval(case_id, &requested, rows)?,
            Some(Payload::ApprovalDecided(decided)) => self.close_approval(case_id, &decided, rows)?,
            Some(
                Payload::CaseOpened(_)
                | Payload::TipReceived(_)
                | Payload::PersonIdentified(_)
                | Payload::AgeAssessed(_)
                | Payload::ContactRecorded(_)
                | Payload::WhereaboutsRecorded(_)
                | Payload::SituationRecorded(_)
                | Payload::ImmigrationRecorded(_)
                | Payload::HealthRecorded(_)
                | Payload::FinancesRecorded(_)
                | Payload::SuspectDescribed(_)
                | Payload::NarrativeRecorded(_)
                | Payload::TriageAssessed(_)
                | Payload::SupervisorReviewed(_)
                | Payload::ConsentGiven(_)
                | Payload::ConsentRefused(_)
                | Payload::ConsentWithdrawn(_)
                | Payload::ExceptionAsserted(_)
                | Payload::ExceptionConfirmed(_)
                | Payload::ExceptionLifted(_)
                | Payload::DisclosedOutsideSystem(_)
                | Payload::CaseClosed(_)
                | Payload::CaseReopened(_)
                | Payload::KeyShredded(_)
                | Payload::LegalHoldPlaced(_)
                | Payload::LegalHoldLifted(_)
                | Payload::NumberAssigned(_)
                | Payload::PhraseChosen(_)
                | Payload::AuthorityVerified(_)
                | Payload::AuthorityRevoked(_)
                | Payload::WishesRecorded(_)
                | Payload::NarrativeReviewRequested(_)
                | Payload::NarrativeAttested(_)
                | Payload::NarrativeWithheld(_)
                | Payload::UnitNotified(_)
                | Payload::ObligationNoted(_)
                | Payload::ReferralExpired(_)
                | Payload::ContactCleared(_)
                | Payload::ContactMade(_)
                | Payload::OutsideDisclosureReviewed(_),
            )
            | None => {}
        }
        Ok(())
    }

    fn index_decision(&self, case_id: CaseId, decided: &case::DisclosureDecided, rows: &mut Rows<'_>) {
        let Ok(decision_id) = decided.decision_id.parse::<DecisionId>() else { return };
        let row = DecisionRow {
            case_id: case_id.as_bytes().to_vec(),
            revision: self.event.revision,
            position: self.position,
            referral_id: Vec::new(),
        };
        rows.insert(&key::decision(decision_id), row.encode_to_vec());
        rows.insert(&key::decision_of_case(case_id, self.position), decision_id.as_bytes().as_slice());
    }

    fn index_release(
        &self,
        case_id: CaseId,
        released: &case::ReferralReleased,
        rows: &mut Rows<'_>,
    ) -> Result<(), ModelError> {
        let ids = (
            released.referral_id.parse::<ReferralId>(),
            released.decision_id.parse::<DecisionId>(),
            released.unit_id.parse::<UnitId>(),
            released.organization_id.parse::<OrganizationId>(),
        );
        let (Ok(referral_id), Ok(decision_id), Ok(unit_id), Ok(organization_id)) = ids else { return Ok(()) };
        if rows.get(&key::referral(referral_id))?.is_some() {
            // The ledger admits an id once; a second release under it must not take the first one's place.
            return Err(self.refused("its referral id was used before"));
        }
        let row = ReferralRow {
            case_id: case_id.as_bytes().to_vec(),
            decision_id: decision_id.as_bytes().to_vec(),
            unit_id: unit_id.as_bytes().to_vec(),
            organization_id: organization_id.as_bytes().to_vec(),
            position: self.position,
            released_at_ms: self.recorded_at_ms,
            report_digest: released.report_digest.clone(),
            key_id: released.key_id.clone(),
            urgent: released.urgent,
            supplementary_to: released.supplementary_to.clone(),
            delivered_at_ms: None,
            acknowledged_at_ms: None,
            recalled_at_ms: None,
            recall_acknowledged_at_ms: None,
        };
        rows.insert(&key::referral(referral_id), row.encode_to_vec());
        rows.insert(&key::referral_of_unit(unit_id, self.position), referral_id.as_bytes().as_slice());
        if let Some(bytes) = rows.get(&key::decision(decision_id))? {
            let mut decision = DecisionRow::decode(bytes.as_slice()).map_err(|_| ModelError::Row)?;
            decision.referral_id = referral_id.as_bytes().to_vec();
            rows.insert(&key::decision(decision_id), decision.encode_to_vec());
        }
        Ok(())
    }

    fn index_delivery(
        &self,
        case_id: CaseId,
        delivered: &case::ReferralDelivered,
        rows: &mut Rows<'_>,
    ) -> Result<(), ModelError> {
        if let Ok(delivery_id) = delivered.delivery_id.parse::<DeliveryId>() {
            let place = [case_id.as_bytes().as_slice(), &self.event.revision.to_be_bytes()].concat();
            rows.insert(&key::delivery(delivery_id), place);
        }
        self.change_referral(case_id, &delivered.referral_id, rows, |row, at_ms| {
            row.delivered_at_ms.get_or_insert(at_ms);
        })
    }

    /// Whoever had it delivered is told of the first recall.
    fn index_recall(
        &self,
        case_id: CaseId,
        recalled: &case::ReferralRecalled,
        rows: &mut Rows<'_>,
    ) -> Result<(), ModelError> {
        let mut told = None;
        self.change_referral(case_id, &recalled.referral_id, rows, |row, at_ms| {
            if row.recalled_at_ms.is_none() && row.delivered_at_ms.is_some() {
                told = row.unit_id.as_slice().try_into().map(UnitId).ok();
            }
            row.recalled_at_ms.get_or_insert(at_ms);
        })?;
        if let (Some(unit_id), Ok(referral_id)) = (told, recalled.referral_id.parse::<ReferralId>()) {
            rows.insert(&key::recall_of_unit(unit_id, self.position), referral_id.as_bytes().as_slice());
        }
        Ok(())
    }

    fn index_approval(
        &self,
        case_id: CaseId,
        requested: &case::ApprovalRequested,
        rows: &mut Rows<'_>,
    ) -> Result<(), ModelError> {
        let Ok(approval_id) = requested.approval_id.parse::<ApprovalId>() else { return Ok(()) };
        if rows.get(&key::approval(approval_id))?.is_some() {
            // The ledger admits an id once in a case; in another case it must not take the first one's place.
            return Ok(());
        }
        let row = ApprovalRow {
            case_id: case_id.as_bytes().to_vec(),
            revision: self.event.revision,
            position: self.position,
        };
        rows.insert(&key::approval(approval_id), row.encode_to_vec());
        rows.insert(&key::open_approval(self.position), approval_id.as_bytes().as_slice());
        Ok(())
    }

    fn close_approval(
        &self,
        case_id: CaseId,
        decided: &case::ApprovalDecided,
        rows: &mut Rows<'_>,
    ) -> Result<(), ModelError> {
        let Ok(approval_id) = decided.approval_id.parse::<ApprovalId>() else { return Ok(()) };
        let Some(bytes) = rows.get(&key::approval(approval_id))? else { return Ok(()) };
        let row = ApprovalRow::decode(bytes.as_slice()).map_err(|_| ModelError::Row)?;
        if row.case_id == case_id.as_bytes() {
            rows.remove(&key::open_approval(row.position));
        }
        Ok(())
    }

    /// Only an event of the referral's own case changes it.
    fn change_referral(
        &self,
        case_id: CaseId,
        referral_id: &str,
        rows: &mut Rows<'_>,
        change: impl FnOnce(&mut ReferralRow, i64),
    ) -> Result<(), ModelError> {
        let Ok(referral_id) = referral_id.parse::<ReferralId>() else { return Ok(()) };
        let Some(bytes) = rows.get(&key::referral(referral_id))? else { return Ok(()) };
        let mut row = ReferralRow::decode(bytes.as_slice()).map_err(|_| ModelError::Row)?;
        if row.case_id == case_id.as_bytes() {
            change(&mut row, self.recorded_at_ms);
            rows.insert(&key::referral(referral_id), row.encode_to_vec());
        }
        Ok(())
    }

    /// Keeps what was adopted, under the policy's digest: whatever was decided under it can be decided again.
    fn apply_house(&self, rows: &mut Rows<'_>) {
        let payload = HouseEvent::decode(self.event.facts.as_slice()).ok().and_then(|event| event.payload);
        match payload {
            Some(HousePayload::PolicyAdopted(adopted)) => {
                rows.insert(&key::policy(&adopted.digest), self.event.facts.clone());
            }
            // Who is on shift decides nothing about what may leave.
            Some(HousePayload::ShiftStarted(_) | HousePayload::ShiftEnded(_)) | None => {}
        }
    }

    fn apply_directory(&self, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        let stream = self.event.stream_id.parse();
        let organization_id: OrganizationId = stream.map_err(|_| self.refused("its organisation id is no uuid"))?;
        rows.insert(&key::directory_event(organization_id, self.event.revision), self.row());
        let payload = DirectoryEvent::decode(self.event.facts.as_slice()).ok().and_then(|event| event.payload);
        match payload {
            Some(DirectoryPayload::UnitRegistered(unit)) => {
                if let Ok(unit_id) = unit.unit_id.parse::<UnitId>() {
                    rows.insert(&key::unit(unit_id), organization_id.as_bytes().as_slice());
                }
            }
            Some(
                DirectoryPayload::OrganizationRegistered(_)
                | DirectoryPayload::AgreementRecorded(_)
                | DirectoryPayload::RecipientSuspended(_)
                | DirectoryPayload::RecipientReinstated(_)
                | DirectoryPayload::EncryptionKeyAdded(_)
                | DirectoryPayload::EncryptionKeyRemoved(_)
                | DirectoryPayload::NotificationAddressAdded(_)
                | DirectoryPayload::NotificationAddressRemoved(_)
                | DirectoryPayload::LiaisonInvited(_)
                | DirectoryPayload::LiaisonPasskeyAdded(_)
                | DirectoryPayload::LiaisonSignedIn(_)
                | DirectoryPayload::LiaisonRevoked(_),
            )
            | None => {}
        }
        Ok(())
    }
}
