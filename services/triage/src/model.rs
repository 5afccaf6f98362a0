//! The projection: the facts of cases as they stand in the log, and in which cases something waits.
//!
//! | Key | Row |
//! |---|---|
//! | `e` case, revision | an event of the case, without what is sealed ([`EventRow`]) |
//! | `w` case | nothing: something waits in the case |
//! | `x` case | when the next of its referrals comes to its end, in milliseconds since 1970, 64 bits, big-endian |
//!
//! Cases are the 16 bytes of their UUIDs; revisions are 64 bits, big-endian, so that keys are in their order.

use std::collections::BTreeSet;
use std::sync::Arc;

use egide_domain::event::CaseEvent;
use egide_domain::facts::CaseFacts;
use egide_domain::ids::CaseId;
use egide_domain::time::Timestamp;
use egide_domain::{Policy, next_expiry};
use egide_eventlog::VerifiedBlock;
use egide_projection::{ModelError, ReadModel, Rows};
use egide_wire::convert::recorded_case_event;
use egide_wire::proto::egide::ledger::v1::{Area, Event};
use prost::Message as _;

use crate::ROLE;
use crate::agenda;

const EVENT: u8 = b'e';
const WAITING: u8 = b'w';
const ENDING: u8 = b'x';

/// An event as it stands in the log, without what is sealed.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct EventRow {
    #[prost(uint64, tag = "1")]
    position: u64,
    #[prost(int64, tag = "2")]
    recorded_at_ms: i64,
    #[prost(message, optional, tag = "3")]
    event: Option<Event>,
}

impl std::fmt::Debug for EventRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventRow(..)")
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    policy: Arc<Policy>,
}

impl Waiting {
    pub(crate) const fn new(policy: Arc<Policy>) -> Self {
        Self { policy }
    }
}

impl ReadModel for Waiting {
    const NAME: &'static str = ROLE;
    const VERSION: u32 = 4;

    fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        let now = Timestamp(block.recorded_at_ms());
        let mut changed = BTreeSet::new();
        for (position, _, event) in block.events().filter(|(_, _, event)| event.area() == Area::Case) {
            let refused = |reason| ModelError::Event { position, reason };
            let case_id: CaseId = event.stream_id.parse().map_err(|_| refused("its stream is no case's id"))?;
            let facts_only = Event { sealed: Vec::new(), ..event.clone() };
            let row = EventRow { position, recorded_at_ms: now.0, event: Some(facts_only) };
            rows.insert(&event_key(case_id, event.revision), row.encode_to_vec());
            if changes_what_waits(&recorded_case_event(event, position, now).event) {
                changed.insert(case_id);
            }
        }
        for case_id in changed {
            let mut facts = CaseFacts::default();
            for (_, row) in rows.prefix(&case_prefix(case_id))? {
                apply(&mut facts, &row)?;
            }
            if agenda::something_waits(&facts, &self.policy, now) {
                rows.insert(&waiting_key(case_id), Vec::new());
            } else {
                rows.remove(&waiting_key(case_id));
            }
            match next_expiry(&facts, &self.policy) {
                Some(end) => rows.insert(&ending_key(case_id), end.0.to_be_bytes()),
                None => rows.remove(&ending_key(case_id)),
            }
        }
        Ok(())
    }
}

/// Takes a stored event into the facts of its case.
pub(crate) fn apply(facts: &mut CaseFacts, row: &[u8]) -> Result<(), ModelError> {
    let row = EventRow::decode(row).map_err(|_| ModelError::Row)?;
    let event = row.event.ok_or(ModelError::Row)?;
    facts.apply(&recorded_case_event(&event, row.position, Timestamp(row.recorded_at_ms)));
    Ok(())
}

/// Whether something may wait after an event of this kind that did not before, or the other way round. Most of what is told of
/// people changes nothing, and a case is folded whole for each that does.
const fn changes_what_waits(event: &CaseEvent) -> bool {
    match event {
        CaseEvent::TipReceived(_)
        | CaseEvent::SupervisorReviewed(_)
        | CaseEvent::TriageAssessed(_)
        | CaseEvent::AgeAssessed(_)
        | CaseEvent::ExceptionAsserted(_)
        | CaseEvent::ExceptionConfirmed(_)
        | CaseEvent::ExceptionLifted(_)
        | CaseEvent::DisclosureDecided(_)
        | CaseEvent::ReferralReleased(_)
        | CaseEvent::ReferralDelivered(_)
        | CaseEvent::ReferralExpired(_)
        | CaseEvent::DisclosedOutsideSystem(_)
        | CaseEvent::OutsideDisclosureReviewed(_)
        | CaseEvent::CaseClosed(_)
        | CaseEvent::CaseReopened(_)
        | CaseEvent::WishesRecorded(_)
        | CaseEvent::ApprovalRequested(_)
        | CaseEvent::ApprovalDecided(_)
        | CaseEvent::ObligationNoted(_)
        | CaseEvent::ConsentWithdrawn(_)
        | CaseEvent::ReferralRecalled(_)
        | CaseEvent::AuthorityVerified(_)
        | CaseEvent::AuthorityRevoked(_)
        | CaseEvent::KeyShredded(_)
        | CaseEvent::NarrativeReviewRequested(_)
        | CaseEvent::NarrativeAttested(_)
        | CaseEvent::NarrativeWithheld(_)
        | CaseEvent::RecallAcknowledged(_)
        | CaseEvent::UnitNotified(_)
        | CaseEvent::Unreadable => true,
        // What supersedes an older consent takes it back; a new permission lets nothing go that was released before.
        CaseEvent::ConsentGiven(given) => !given.supersedes.is_empty(),
        CaseEvent::CaseOpened(_)
        | CaseEvent::PersonIdentified(_)
        | CaseEvent::ContactRecorded(_)
        | CaseEvent::WhereaboutsRecorded(_)
        | CaseEvent::SituationRecorded(_)
        | CaseEvent::ImmigrationRecorded(_)
        | CaseEvent::HealthRecorded(_)
        | CaseEvent::FinancesRecorded(_)
        | CaseEvent::SuspectDescribed(_)
        | CaseEvent::NarrativeRecorded(_)
        | CaseEvent::ConsentRefused(_)
        | CaseEvent::ReferralAcknowledged(_)
        | CaseEvent::LegalHoldPlaced(_)
        | CaseEvent::LegalHoldLifted(_)
        | CaseEvent::NumberAssigned(_)
        | CaseEvent::PhraseChosen(_)
        | CaseEvent::ContactCleared(_)
        | CaseEvent::ContactMade(_) => false,
    }
}

/// All waiting cases begin with this.
pub(crate) const fn waiting_prefix() -> [u8; 1] {
    [WAITING]
}

/// The case of the key of one that waits, or of which a referral will end.
pub(crate) fn case_of(key: &[u8]) -> Option<CaseId> {
    key.strip_prefix(&[WAITING]).or_else(|| key.strip_prefix(&[ENDING]))?.try_into().ok().map(CaseId)
}

/// All cases of which a referral will come to its end begin with this.
pub(crate) const fn ending_prefix() -> [u8; 1] {
    [ENDING]
}

/// When, as such a row says.
pub(crate) fn end_of(row: &[u8]) -> Result<Timestamp, ModelError> {
    row.try_into().map(|bytes| Timestamp(i64::from_be_bytes(bytes))).map_err(|_| ModelError::Row)
}

fn ending_key(case_id: CaseId) -> Vec<u8> {
    [&[ENDING], case_id.as_bytes().as_slice()].concat()
}

fn waiting_key(case_id: CaseId) -> Vec<u8> {
    [&[WAITING], case_id.as_bytes().as_slice()].concat()
}

fn case_prefix(case_id: CaseId) -> Vec<u8> {
    [&[EVENT], case_id.as_bytes().as_slice()].concat()
}

/// Where an event of a case stands.
pub(crate) fn event_key(case_id: CaseId, revision: u64) -> Vec<u8> {
    [&[EVENT], case_id.as_bytes().as_slice(), &revision.to_be_bytes()].concat()
}
