//! Reading the projection: always at the newest block there was when the question came.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use egide_crypto::digest::Digest;
use egide_domain::Recipient;
use egide_domain::ids::{ApprovalId, CaseId, DecisionId, DeliveryId, OrganizationId, ReferralId, Revision, UnitId};
use egide_eventlog::EventLog;
use egide_parcel::EncryptionKey;
use egide_projection::{Progress, Projection, StoreError, View};
use egide_report::RecipientNames;
use egide_servicekit::policy::LoadedPolicy;
use egide_wire::convert::adopted_files;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{self as case, ApprovalRequested, DisclosureDecided, ReferralDelivered};
use prost::Message as _;
use tokio::sync::watch;
use tonic::Status;

use crate::facts::{CaseView, Folds, OrganizationView};
use crate::model::Facts;
use crate::model::rows::{ApprovalRow, DecisionRow, EventRow, ReferralRow, key};

/// How long a question waits for the projection to reach the end of the log.
const CATCH_UP_MAX: Duration = Duration::from_secs(5);

/// The projection cannot be read. What is wrong stands in the log line, not in the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Its files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row is not what this version wrote, or one is missing.
    #[error("a row of the projection is missing or cannot be read; remove the projection's directory to rebuild it")]
    Row,
    /// A policy that was adopted is none that this version can decide under.
    #[error(
        "a policy that was adopted cannot be read here; use the version of egide it was adopted with, or a newer one"
    )]
    Policy,
}

impl From<Unreadable> for Status {
    fn from(error: Unreadable) -> Self {
        tracing::error!(%error, "the projection cannot be read");
        Self::internal("the disclosure service cannot read its projection")
    }
}

/// A case and a recipient at one moment.
pub(crate) struct Snapshot {
    pub(crate) case: Arc<CaseView>,
    /// The recipient's organisation; `None` when the unit is not in the directory.
    pub(crate) organization: Option<Arc<OrganizationView>>,
    pub(crate) unit_id: UnitId,
}

impl Snapshot {
    /// The view of the unit that a decision is made on.
    pub(crate) fn recipient(&self) -> Option<Recipient> {
        self.organization.as_ref().and_then(|organization| organization.recipient(self.unit_id))
    }

    /// The keys that a package to the unit is encrypted to.
    pub(crate) fn encryption_keys(&self) -> Vec<EncryptionKey> {
        let organization = self.organization.as_ref();
        organization.map(|organization| organization.encryption_keys(self.unit_id)).unwrap_or_default()
    }

    /// The revision of the organisation's directory stream; 0 when there is none.
    pub(crate) fn directory_revision(&self) -> u64 {
        self.organization.as_ref().map_or(0, |organization| organization.facts.revision.0)
    }
}

/// A decision as it stands in the log.
pub(crate) struct StoredDecision {
    pub(crate) case_id: CaseId,
    pub(crate) revision: u64,
    pub(crate) position: u64,
    pub(crate) decided: DisclosureDecided,
    pub(crate) referral_id: Option<ReferralId>,
}

/// A referral as it stands.
pub(crate) struct StoredReferral {
    pub(crate) referral_id: ReferralId,
    pub(crate) case_id: CaseId,
    pub(crate) decision_id: DecisionId,
    pub(crate) unit_id: UnitId,
    pub(crate) organization_id: OrganizationId,
    pub(crate) row: ReferralRow,
}

/// A delivery as it stands in the log.
pub(crate) struct StoredDelivery {
    pub(crate) revision: u64,
    pub(crate) position: u64,
    pub(crate) recorded_at_ms: i64,
    pub(crate) delivered: ReferralDelivered,
}

/// A request for approval as it stands in the log.
pub(crate) struct StoredApproval {
    pub(crate) case_id: CaseId,
    pub(crate) position: u64,
    pub(crate) recorded_at_ms: i64,
    pub(crate) actor: Option<case::Actor>,
    pub(crate) requested: ApprovalRequested,
}

/// See the module.
pub(crate) struct Reader {
    projection: Projection<Facts>,
    log: EventLog,
    folds: Folds,
}

impl Reader {
    pub(crate) fn new(projection: Projection<Facts>, log: EventLog) -> Self {
        Self { projection, log, folds: Folds::default() }
    }

    /// Waits until everything that is in the log now is applied. Asked before every look-up and for every caller alike, so
    /// that what another service was told a moment ago is seen here, and so that waiting says nothing about what is asked.
    pub(crate) async fn catch_up(&self) -> Result<(), Status> {
        let last = self.log.last_number().await.map_err(|error| {
            tracing::warn!(%error, "the end of the log cannot be read");
            Status::unavailable("the log is out of reach; repeat the same request")
        })?;
        self.projection.wait_for_block(last, CATCH_UP_MAX).await.map_err(|error| {
            tracing::warn!(%error, "the projection lags");
            Status::unavailable("the facts are not up to date here; repeat the same request")
        })
    }

    /// How far the projection is, now and from now on.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.projection.subscribe()
    }

    /// Everything as it is at one moment. Nothing is applied while it is held: drop it before awaiting anything.
    pub(crate) fn moment(&self) -> Moment<'_> {
        Moment { view: self.projection.view(), folds: &self.folds }
    }
}

/// The projection at one moment: whatever is read from it belongs together.
pub(crate) struct Moment<'a> {
    view: View<'a>,
    folds: &'a Folds,
}

impl Moment<'_> {
    /// A case and a recipient. Of a case that does not exist, the facts of nothing.
    pub(crate) fn snapshot(&self, case_id: CaseId, unit_id: UnitId) -> Result<Snapshot, Unreadable> {
        let case = self.folds.case(&self.view, case_id)?;
        let organization = self.organization_of(unit_id)?;
        Ok(Snapshot { case, organization, unit_id })
    }

    fn organization_of(&self, unit_id: UnitId) -> Result<Option<Arc<OrganizationView>>, Unreadable> {
        let Some(row) = self.view.get(&key::unit(unit_id))? else { return Ok(None) };
        let organization_id = row.as_ref().try_into().map(OrganizationId).map_err(|_| Unreadable::Row)?;
        self.folds.organization(&self.view, organization_id)
    }

    /// What a unit and its organisation are called; `None` when it is not in the directory.
    pub(crate) fn names(&self, unit_id: UnitId) -> Result<Option<RecipientNames>, Unreadable> {
        Ok(self.organization_of(unit_id)?.map(|organization| organization.names(unit_id)))
    }

    /// Whether a unit has a key that packages are encrypted to.
    pub(crate) fn has_encryption_key(&self, unit_id: UnitId) -> Result<bool, Unreadable> {
        Ok(self.organization_of(unit_id)?.is_some_and(|organization| !organization.encryption_keys(unit_id).is_empty()))
    }

    /// A case; of one that does not exist, the facts of nothing.
    pub(crate) fn case(&self, case_id: CaseId) -> Result<Arc<CaseView>, Unreadable> {
        self.folds.case(&self.view, case_id)
    }

    /// A case as it stood at a revision; `None` when it never stood there.
    pub(crate) fn case_at(&self, case_id: CaseId, revision: Revision) -> Result<Option<Arc<CaseView>>, Unreadable> {
        let newest = self.folds.case(&self.view, case_id)?;
        if newest.facts.revision == revision {
            return Ok(Some(newest));
        }
        if newest.facts.revision < revision {
            return Ok(None);
        }
        Folds::case_until(&self.view, case_id, revision).map(|fold| Some(Arc::new(fold)))
    }

    /// An organisation as it stood at a revision of its stream; `None` when it was not in the directory then.
    pub(crate) fn organization_at(
        &self,
        organization_id: OrganizationId,
        revision: Revision,
    ) -> Result<Option<OrganizationView>, Unreadable> {
        if revision.0 == 0 {
            return Ok(None);
        }
        let fold = Folds::organization_until(&self.view, organization_id, revision)?;
        Ok((fold.facts.revision == revision).then_some(fold))
    }

    /// The events of a case from the newest on, facts only.
    pub(crate) fn newest_events(&self, case_id: CaseId) -> impl Iterator<Item = Result<EventRow, Unreadable>> {
        let range = key::case_event(case_id, 1)..=key::case_event(case_id, u64::MAX);
        self.view.range(range).rev().map(|row| EventRow::decode(&*row?.1).map_err(|_| Unreadable::Row))
    }

    /// The event of a case at a revision, facts only.
    pub(crate) fn event(&self, case_id: CaseId, revision: u64) -> Result<EventRow, Unreadable> {
        stored_event(&self.view, case_id, revision).map(|(row, _)| row)
    }

    /// A request for approval.
    pub(crate) fn approval(&self, approval_id: ApprovalId) -> Result<Option<StoredApproval>, Unreadable> {
        let Some(row) = self.view.get(&key::approval(approval_id))? else { return Ok(None) };
        let row = ApprovalRow::decode(&*row).map_err(|_| Unreadable::Row)?;
        let case_id = row.case_id.as_slice().try_into().map(CaseId).map_err(|_| Unreadable::Row)?;
        let (event, payload) = stored_event(&self.view, case_id, row.revision)?;
        let Payload::ApprovalRequested(requested) = payload else { return Err(Unreadable::Row) };
        let EventRow { recorded_at_ms, event, .. } = event;
        let actor = event.and_then(|event| event.actor);
        Ok(Some(StoredApproval { case_id, position: row.position, recorded_at_ms, actor, requested }))
    }

    /// What was asked for after a position and is not decided yet, the oldest first.
    pub(crate) fn open_approvals(&self, after: u64) -> impl Iterator<Item = Result<StoredApproval, Unreadable>> {
        let range = key::open_approval(after.saturating_add(1))..=key::open_approval(u64::MAX);
        self.view.range(range).map(|row| {
            let (_, id) = row?;
            let approval_id = id.as_ref().try_into().map(ApprovalId).map_err(|_| Unreadable::Row)?;
            self.approval(approval_id)?.ok_or(Unreadable::Row)
        })
    }

    /// All decisions, case by case, each with the place to go on from; after such a place, or from the first.
    pub(crate) fn all_decisions(
        &self,
        after: Option<Vec<u8>>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, DecisionId), Unreadable>> {
        let from = after.map_or_else(|| Bound::Included(key::decisions_begin()), Bound::Excluded);
        self.view.range((from, Bound::Excluded(key::decisions_end()))).map(|row| {
            let (place, id) = row?;
            Ok((place, id.as_ref().try_into().map(DecisionId).map_err(|_| Unreadable::Row)?))
        })
    }

    /// Whether there is such a case.
    pub(crate) fn has_case(&self, case_id: CaseId) -> Result<bool, Unreadable> {
        Ok(self.view.get(&key::case_event(case_id, 1))?.is_some())
    }

    /// The policy of this digest, as it was adopted; `None` when it never was.
    pub(crate) fn policy(&self, policy: &Digest) -> Result<Option<LoadedPolicy>, Unreadable> {
        let Some(facts) = self.view.get(&key::policy(policy.as_bytes()))? else { return Ok(None) };
        let files = adopted_files(&facts).map_err(|_| Unreadable::Policy)?;
        let adopted = LoadedPolicy::from_files(files).map_err(|_| Unreadable::Policy)?;
        // The ledger admits no other; what stands under this digest is what is decided under it, or nothing is.
        if adopted.digest() == policy { Ok(Some(adopted)) } else { Err(Unreadable::Policy) }
    }

    /// A decision.
    pub(crate) fn decision(&self, decision_id: DecisionId) -> Result<Option<StoredDecision>, Unreadable> {
        decision(&self.view, decision_id)
    }

    /// The decisions of a case after a position, in the log's order.
    pub(crate) fn decisions(
        &self,
        case_id: CaseId,
        after: u64,
    ) -> impl Iterator<Item = Result<StoredDecision, Unreadable>> {
        let range = key::decision_of_case(case_id, after.saturating_add(1))..=key::decision_of_case(case_id, u64::MAX);
        self.view.range(range).map(|row| {
            let (_, id) = row?;
            let decision_id = id.as_ref().try_into().map(DecisionId).map_err(|_| Unreadable::Row)?;
            decision(&self.view, decision_id)?.ok_or(Unreadable::Row)
        })
    }

    /// A referral.
    pub(crate) fn referral(&self, referral_id: ReferralId) -> Result<Option<StoredReferral>, Unreadable> {
        referral(&self.view, referral_id)
    }

    /// The release of a referral: its facts as they stand in the log, and what they say.
    pub(crate) fn release(&self, referral: &StoredReferral) -> Result<(Vec<u8>, case::ReferralReleased), Unreadable> {
        for row in self.newest_events(referral.case_id) {
            let EventRow { position, event, .. } = row?;
            if position == referral.row.position {
                let facts = event.ok_or(Unreadable::Row)?.facts;
                let released = case::CaseEvent::decode(facts.as_slice()).map_err(|_| Unreadable::Row)?;
                let Some(Payload::ReferralReleased(released)) = released.payload else { return Err(Unreadable::Row) };
                return Ok((facts, released));
            }
        }
        Err(Unreadable::Row)
    }

    /// The referrals released to a unit after a position, oldest first.
    pub(crate) fn referrals(
        &self,
        unit_id: UnitId,
        after: u64,
    ) -> impl Iterator<Item = Result<StoredReferral, Unreadable>> {
        let range = key::referral_of_unit(unit_id, after.saturating_add(1))..=key::referral_of_unit(unit_id, u64::MAX);
        self.view.range(range).map(|row| {
            let (_, id) = row?;
            let referral_id = id.as_ref().try_into().map(ReferralId).map_err(|_| Unreadable::Row)?;
            referral(&self.view, referral_id)?.ok_or(Unreadable::Row)
        })
    }

    /// What was recalled after a position and had been delivered to a unit before, with where that was, the oldest first.
    pub(crate) fn recalls(
        &self,
        unit_id: UnitId,
        after: u64,
    ) -> impl Iterator<Item = Result<(u64, StoredReferral), Unreadable>> {
        let range = key::recall_of_unit(unit_id, after.saturating_add(1))..=key::recall_of_unit(unit_id, u64::MAX);
        self.view.range(range).map(|row| {
            let (place, id) = row?;
            let referral_id = id.as_ref().try_into().map(ReferralId).map_err(|_| Unreadable::Row)?;
            let recalled = referral(&self.view, referral_id)?.ok_or(Unreadable::Row)?;
            Ok((key::number(&place).ok_or(Unreadable::Row)?, recalled))
        })
    }

    /// A delivery.
    pub(crate) fn delivery(&self, delivery_id: DeliveryId) -> Result<Option<StoredDelivery>, Unreadable> {
        let Some(place) = self.view.get(&key::delivery(delivery_id))? else { return Ok(None) };
        let (case_id, revision) = place.split_first_chunk().ok_or(Unreadable::Row)?;
        let revision = key::number(revision).ok_or(Unreadable::Row)?;
        let (event, payload) = stored_event(&self.view, CaseId(*case_id), revision)?;
        let Payload::ReferralDelivered(delivered) = payload else { return Err(Unreadable::Row) };
        Ok(Some(StoredDelivery { revision, position: event.position, recorded_at_ms: event.recorded_at_ms, delivered }))
    }
}

fn decision(view: &View<'_>, decision_id: DecisionId) -> Result<Option<StoredDecision>, Unreadable> {
    let Some(row) = view.get(&key::decision(decision_id))? else { return Ok(None) };
    let row = DecisionRow::decode(&*row).map_err(|_| Unreadable::Row)?;
    let case_id = row.case_id.as_slice().try_into().map(CaseId).map_err(|_| Unreadable::Row)?;
    let (_, payload) = stored_event(view, case_id, row.revision)?;
    let Payload::DisclosureDecided(decided) = payload else { return Err(Unreadable::Row) };
    let referral_id = match row.referral_id.as_slice() {
        [] => None,
        id => Some(id.try_into().map(ReferralId).map_err(|_| Unreadable::Row)?),
    };
    Ok(Some(StoredDecision { case_id, revision: row.revision, position: row.position, decided, referral_id }))
}

fn referral(view: &View<'_>, referral_id: ReferralId) -> Result<Option<StoredReferral>, Unreadable> {
    let Some(row) = view.get(&key::referral(referral_id))? else { return Ok(None) };
    let row = ReferralRow::decode(&*row).map_err(|_| Unreadable::Row)?;
    let id = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).map_err(|_| Unreadable::Row);
    Ok(Some(StoredReferral {
        referral_id,
        case_id: CaseId(id(&row.case_id)?),
        decision_id: DecisionId(id(&row.decision_id)?),
        unit_id: UnitId(id(&row.unit_id)?),
        organization_id: OrganizationId(id(&row.organization_id)?),
        row,
    }))
}

fn stored_event(view: &View<'_>, case_id: CaseId, revision: u64) -> Result<(EventRow, Payload), Unreadable> {
    let row = view.get(&key::case_event(case_id, revision))?.ok_or(Unreadable::Row)?;
    let row = EventRow::decode(&*row).map_err(|_| Unreadable::Row)?;
    let facts = row.event.as_ref().map(|event| event.facts.as_slice()).ok_or(Unreadable::Row)?;
    let event = case::CaseEvent::decode(facts).map_err(|_| Unreadable::Row)?;
    let payload = event.payload.ok_or(Unreadable::Row)?;
    Ok((row, payload))
}
