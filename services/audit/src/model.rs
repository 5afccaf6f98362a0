//! The read model: what the log says about disclosures, as rows that answer this service's questions.
//!
//! Everything that left or was refused has a row. A release, delivery, receipt, recall, approval, obligation or review that fits no
//! disclosure this model knows, and a disclosure event that this version cannot read, get rows of their own: the ledger admits no such thing, and
//! if it ever stands in the log nevertheless, compliance is to see it.

pub(crate) mod codes;
mod found_by;
pub(crate) mod keys;
pub(crate) mod leaves;
pub(crate) mod looked;
pub(crate) mod postings;
pub(crate) mod row;
mod scribe;
#[cfg(test)]
mod tests;
mod timeline;

use egide_domain::ids::{CaseId, OrganizationId, SubjectId, UnitId};
use egide_eventlog::VerifiedBlock;
use egide_projection::{ModelError, ReadModel, Rows};
use egide_wire::proto::egide::case::v1 as case_proto;
use egide_wire::proto::egide::case::v1::NoticeOutcome;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::directory::v1::DirectoryEvent;
use egide_wire::proto::egide::directory::v1::directory_event::Payload as DirectoryPayload;
use egide_wire::proto::egide::house::v1::HouseEvent;
use egide_wire::proto::egide::house::v1::house_event::Payload as HousePayload;
use egide_wire::proto::egide::ledger::v1::{Area, Event};
use prost::Message as _;

use self::keys::NameOf;
use self::row::People;
use self::scribe::{Place, Scribe, Step};
use crate::query::words;

/// What the kinds of all events around a disclosure begin with.
const DISCLOSURE_KINDS: &str = "disclosure.";

/// The history of disclosures.
#[derive(Debug, Clone, Copy, Default)]
pub struct History;

impl ReadModel for History {
    const NAME: &'static str = "audit";
    const VERSION: u32 = 5;

    fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        leaves::apply(block, rows)?;
        for (position, _, event) in block.events() {
            match event.area() {
                Area::Case => apply_case(Place::of(block, position, event)?, rows)?,
                Area::Directory => apply_directory(event, block.recorded_at_ms(), rows)?,
                Area::House => apply_house(event, rows),
                Area::Access => looked::add(block, position, event, rows)?,
                Area::Unspecified => {}
            }
        }
        Ok(())
    }
}

fn apply_case(place: Place<'_>, rows: &mut Rows<'_>) -> Result<(), ModelError> {
    let payload = case_proto::CaseEvent::decode(place.event.facts.as_slice()).ok().and_then(|event| event.payload);
    timeline::add(&place, payload.as_ref(), rows)?;
    let mut scribe = Scribe::new(place, rows);
    match payload {
        Some(Payload::CaseOpened(_)) => scribe.know_people(&[]),
        Some(Payload::PersonIdentified(identified)) => scribe.know_people(&[identified.subject_id]),
        Some(Payload::DisclosureDecided(decided)) => scribe.decided(decided),
        Some(Payload::ReferralReleased(released)) => scribe.released(&released),
        Some(Payload::ReferralDelivered(delivered)) => scribe.step(&Step::delivered(&delivered)),
        Some(Payload::ReferralAcknowledged(acknowledged)) => scribe.step(&Step::acknowledged(&acknowledged)),
        Some(Payload::ReferralRecalled(recalled)) => scribe.recalled(&recalled),
        Some(Payload::RecallAcknowledged(acknowledged)) => scribe.step(&Step::recall_acknowledged(&acknowledged)),
        // Where nobody could be told, nothing reached the unit: staff see it among what waits.
        Some(Payload::UnitNotified(notified)) if notified.outcome() == NoticeOutcome::Sent => {
            scribe.step(&Step::notified(&notified))
        }
        Some(Payload::ReferralExpired(expired)) => scribe.step(&Step::expired(&expired)),
        Some(Payload::DisclosedOutsideSystem(outside)) => scribe.outside(outside),
        Some(Payload::OutsideDisclosureReviewed(review)) => scribe.outside_reviewed(&review),
        Some(Payload::ApprovalRequested(requested)) => scribe.approval_requested(requested),
        Some(Payload::ApprovalDecided(answer)) => scribe.approval_decided(answer),
        Some(Payload::ObligationNoted(noted)) => scribe.obligation_noted(noted),
        Some(Payload::ExceptionAsserted(asserted)) => scribe.exception_asserted(&asserted),
        Some(Payload::WishesRecorded(wishes)) => scribe.wishes_recorded(&wishes),
        Some(Payload::ExceptionConfirmed(confirmed)) => scribe.exception_confirmed(confirmed),
        Some(Payload::ExceptionLifted(lifted)) => scribe.exception_lifted(lifted),
        None if place.event.kind.starts_with(DISCLOSURE_KINDS) => scribe.unreadable(),
        Some(
            Payload::TipReceived(_)
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
            | Payload::CaseClosed(_)
            | Payload::CaseReopened(_)
            | Payload::KeyShredded(_)
            | Payload::LegalHoldPlaced(_)
            | Payload::LegalHoldLifted(_)
            | Payload::NumberAssigned(_)
            | Payload::PhraseChosen(_)
            | Payload::AuthorityVerified(_)
            | Payload::AuthorityRevoked(_)
            | Payload::NarrativeReviewRequested(_)
            | Payload::NarrativeAttested(_)
            | Payload::NarrativeWithheld(_)
            | Payload::UnitNotified(_)
            | Payload::ContactCleared(_)
            | Payload::ContactMade(_),
        )
        | None => Ok(()),
    }
}

/// Keeps every policy that was adopted, so that old decisions can be made again under theirs.
fn apply_house(event: &Event, rows: &mut Rows<'_>) {
    let payload = HouseEvent::decode(event.facts.as_slice()).ok().and_then(|event| event.payload);
    match payload {
        Some(HousePayload::PolicyAdopted(adopted)) => {
            rows.insert(&keys::policy(&adopted.digest), event.facts.clone());
            rows.insert(&keys::policy_newest(), adopted.digest);
        }
        Some(HousePayload::ShiftStarted(_) | HousePayload::ShiftEnded(_)) | None => {}
    }
}

/// Which organisation a unit belongs to, so that what was said to a unit outside the system is found by organisation too; what
/// they are called; and when a unit's entry last changed. As in the directory, whoever registered a unit first keeps it.
fn apply_directory(event: &Event, at_ms: i64, rows: &mut Rows<'_>) -> Result<(), ModelError> {
    let payload = DirectoryEvent::decode(event.facts.as_slice()).ok().and_then(|event| event.payload);
    match payload {
        Some(DirectoryPayload::UnitRegistered(unit)) => {
            let ids = (unit.unit_id.parse::<UnitId>(), unit.organization_id.parse::<OrganizationId>());
            if let (Ok(unit_id), Ok(organization_id)) = ids {
                match rows.get(&keys::unit(unit_id))? {
                    None => rows.insert(&keys::unit(unit_id), organization_id.as_bytes().as_slice()),
                    Some(owner) if owner != organization_id.as_bytes() => return Ok(()),
                    Some(_) => {}
                }
                name(rows, NameOf::Unit, unit_id.as_bytes(), [&unit.name_en, &unit.name_fr]);
                changed(rows, &unit.unit_id, at_ms);
            }
        }
        Some(DirectoryPayload::OrganizationRegistered(organization)) => {
            if let Ok(id) = organization.organization_id.parse::<OrganizationId>() {
                name(rows, NameOf::Organization, id.as_bytes(), [&organization.name_en, &organization.name_fr]);
            }
        }
        Some(DirectoryPayload::RecipientReinstated(reinstated)) => changed(rows, &reinstated.unit_id, at_ms),
        Some(DirectoryPayload::EncryptionKeyAdded(added)) => changed(rows, &added.unit_id, at_ms),
        Some(
            DirectoryPayload::AgreementRecorded(_)
            | DirectoryPayload::RecipientSuspended(_)
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

/// Names are found by former ones, too: history speaks of what somebody was called then.
fn name(rows: &mut Rows<'_>, of: NameOf, id: &[u8; 16], names: [&String; 2]) {
    for word in names.into_iter().flat_map(|name| words::fold(name)) {
        rows.insert(&keys::name(&word, of, id), Vec::new());
    }
}

fn changed(rows: &mut Rows<'_>, unit_id: &str, at_ms: i64) {
    if let Ok(unit_id) = unit_id.parse::<UnitId>() {
        rows.insert(&keys::changed(unit_id), at_ms.to_be_bytes());
    }
}

fn people_of(case_id: CaseId, rows: &Rows<'_>) -> Result<Option<People>, ModelError> {
    Ok(rows.get(&keys::people(case_id))?.map(|bytes| People::from_bytes(&bytes)))
}

/// The ids that can be read; others cannot be asked for, and the row shows them as they stand.
fn readable(subject_ids: &[String]) -> impl Iterator<Item = SubjectId> {
    subject_ids.iter().filter_map(|text| text.parse().ok())
}
