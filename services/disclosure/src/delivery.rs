//! Delivering a released referral: decide again on the newest facts, commit the delivery at their revision, open, answer.
//!
//! What was released leaves only while today's decision, on the bases the release rests on, still contains it. The answer
//! starts within five seconds of sending the commit, or not at all.

use std::time::Duration;

use egide_crypto::digest::sha256;
use egide_domain::ids::{DeliveryId, Position, ReferralId, Revision, UnitId};
use egide_domain::vocabulary::DeliveryChannel;
use egide_domain::{Categories, DELIVERED_WITHIN, Decision, redecide_for_delivery};
use egide_parcel::{EncryptionKey, fingerprints};
use egide_servicekit::identity::Onward;
use egide_wire::convert::{Listed as _, to_timestamp};
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::disclosure::v1::{Package, Referral};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tonic::Status;

use crate::gate::{Gate, ROUNDS_MAX, expected};
use crate::ledger::{NotAppended, NotOpened, Proposed, Unfit, command};
use crate::origin::{Origin, command_of_delivery};
use crate::reader::{Moment, Snapshot, StoredDelivery, StoredReferral, Unreadable};

/// How long after sending the commit the answer may start.
const ANSWER_WITHIN: Duration = Duration::from_millis(DELIVERED_WITHIN.0.unsigned_abs());
/// How long after sending the commit the pages of a package are waited for: the rest is for packing it. Set in half a second on a
/// quiet machine, they are worth waiting for, and a package that goes without them is worth more than one that does not go.
const PAGES_WITHIN: Duration = Duration::from_millis(3_500);
/// A delivery of the same command is answered again while it is younger than this: the ledger opens it for five seconds.
const ANSWER_AGAIN_MS: i64 = 4_000;
/// How often one command may be delivered, over all retries.
const GENERATIONS_MAX: u32 = 1_000;

/// A delivery that is asked for.
pub(crate) struct Delivery {
    pub(crate) referral_id: ReferralId,
    /// The unit the caller belongs to; `None` for staff, who deliver to whatever unit it was released to.
    pub(crate) unit_id: Option<UnitId>,
    pub(crate) channel: DeliveryChannel,
    pub(crate) received_by: String,
    pub(crate) spoken: Categories,
    pub(crate) origin: Origin,
    pub(crate) onward: Onward,
}

/// Why nothing is delivered. To anyone outside, the first two are the same.
#[derive(Debug)]
pub(crate) enum Undelivered {
    /// There is no such referral, or it is another unit's.
    Absent,
    /// Today's decision does not contain it.
    Refused,
    /// It is to go as a package, and the unit has no key to encrypt it to.
    NoKeys,
    /// The command id was used with other content.
    Used,
    /// It could not be done now.
    Failed(Status),
}

impl From<Status> for Undelivered {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

impl From<Unreadable> for Undelivered {
    fn from(error: Unreadable) -> Self {
        Self::Failed(error.into())
    }
}

/// A referral that was delivered, with where it went.
pub(crate) struct Delivered {
    pub(crate) referral: Referral,
    pub(crate) unit_id: UnitId,
    pub(crate) snapshot: Snapshot,
    /// The referral encrypted to the unit, where it goes as a package.
    pub(crate) package: Option<Package>,
}

/// A referral that may be delivered at this moment.
struct Deliverable {
    referral: StoredReferral,
    snapshot: Snapshot,
    decision: Decision,
    /// For a package, the unit's keys at this moment, at least one.
    keys: Vec<EncryptionKey>,
}

impl Gate {
    /// See the module.
    pub(crate) async fn deliver(&self, delivery: &Delivery) -> Result<Delivered, Undelivered> {
        self.reader.catch_up().await?;
        // Whoever is refused is refused here, without having waited for a turn that only an existing case has.
        let case_id = self.deliverable(&self.reader.moment(), delivery)?.referral.case_id;
        let turn = self.turns.take(case_id).await;
        for _ in 0..ROUNDS_MAX {
            self.reader.catch_up().await?;
            let (deliverable, before, generation) = self.look(delivery)?;
            let (position, sent_at) = match before {
                Some(before) => (Position(before.position), Instant::now()),
                None => match self.commit_delivery(delivery, &deliverable, generation).await? {
                    Some(committed) => committed,
                    None => continue,
                },
            };
            return self.open(delivery, deliverable, position, sent_at, turn).await;
        }
        Err(Status::unavailable("the case moves; fetch again").into())
    }

    /// What may be delivered now; and the newest delivery of this very command, if it can still be answered.
    fn look(&self, delivery: &Delivery) -> Result<(Deliverable, Option<StoredDelivery>, u32), Undelivered> {
        let moment = self.reader.moment();
        let deliverable = self.deliverable(&moment, delivery)?;
        let mut generation = 0;
        let mut newest = None;
        while let Some(stored) = moment.delivery(delivery.origin.delivery(generation))? {
            if !delivery.is_what_was_asked(&stored.delivered) {
                return Err(Undelivered::Used);
            }
            newest = Some(stored);
            generation += 1;
            if generation >= GENERATIONS_MAX {
                return Err(Undelivered::Used);
            }
        }
        let young = |stored: &StoredDelivery| {
            self.now().0.saturating_sub(stored.recorded_at_ms) < ANSWER_AGAIN_MS
                && !deliverable.snapshot.case.facts.superseded_since(Revision(stored.revision))
                && deliverable.snapshot.directory_revision() == stored.delivered.directory_revision
        };
        let newest = newest.filter(young);
        Ok((deliverable, newest, generation))
    }

    fn deliverable(&self, moment: &Moment<'_>, delivery: &Delivery) -> Result<Deliverable, Undelivered> {
        let referral = moment.referral(delivery.referral_id)?.ok_or(Undelivered::Absent)?;
        if delivery.unit_id.is_some_and(|unit_id| unit_id != referral.unit_id) {
            return Err(Undelivered::Absent);
        }
        let (snapshot, decision) = self.today(moment, &referral)?.ok_or(Undelivered::Refused)?;
        // At the directory's revision that the delivery is committed at: a key that is removed meanwhile makes it decide again.
        let keys = if delivery.channel == DeliveryChannel::Package { snapshot.encryption_keys() } else { Vec::new() };
        if delivery.channel == DeliveryChannel::Package && keys.is_empty() {
            return Err(Undelivered::NoKeys);
        }
        Ok(Deliverable { referral, snapshot, decision, keys })
    }

    /// Today's decision about a released referral; `None` when it no longer contains it.
    pub(crate) fn today(
        &self,
        moment: &Moment<'_>,
        referral: &StoredReferral,
    ) -> Result<Option<(Snapshot, Decision)>, Unreadable> {
        if !self.policy_is_adopted(moment)? {
            return Ok(None);
        }
        let snapshot = moment.snapshot(referral.case_id, referral.unit_id)?;
        let recipient = snapshot.recipient();
        // A unit that went over to another organisation is another recipient.
        if recipient.as_ref().is_none_or(|recipient| recipient.organization_id != referral.organization_id) {
            return Ok(None);
        }
        let facts = &snapshot.case.facts;
        let today = redecide_for_delivery(facts, referral.referral_id, recipient.as_ref(), &self.policy, self.now());
        Ok(today.ok().map(|decision| (snapshot, decision)))
    }

    /// Commits a delivery at the revision it was decided on; `None` when it must be decided again.
    async fn commit_delivery(
        &self,
        delivery: &Delivery,
        deliverable: &Deliverable,
        generation: u32,
    ) -> Result<Option<(Position, Instant)>, Undelivered> {
        let Deliverable { referral, decision, .. } = deliverable;
        let delivery_id = delivery.origin.delivery(generation);
        let mut delivered = delivery.event(delivery_id, deliverable);
        delivered.commitment = self.commitment(referral.decision_id, Payload::ReferralDelivered(delivered.clone()))?;
        let proposed = Proposed::new(Payload::ReferralDelivered(delivered))?;
        let stream_id = referral.case_id.to_string();
        let organization_id = referral.organization_id.to_string();
        let request = command(
            command_of_delivery(delivery_id),
            stream_id.clone(),
            proposed.event,
            Some(decision.decided_at),
            expected(referral.case_id, decision.case_revision.0, &organization_id, decision.directory_revision.0),
        );
        let sent_at = Instant::now();
        match self.ledger.append(&delivery.onward, request).await {
            Ok(acknowledged) => {
                let event = acknowledged.proves(&stream_id, proposed.facts_digest)?;
                Ok(Some((event.position, sent_at)))
            }
            Err(NotAppended::Unfit(Unfit::Moved | Unfit::Used | Unfit::NotAdmitted)) => Ok(None),
            // What it rests on has ended on its way there: that it was decided in time tells nobody anything.
            Err(NotAppended::Unfit(Unfit::Erased | Unfit::Expired)) => Err(Undelivered::Refused),
            Err(NotAppended::Failed(status)) => Err(status.into()),
        }
    }

    /// Opens the stored report of a committed delivery. It must be exactly the one that was released. The turn ends once it is open:
    /// nobody who needs this case waits for pages.
    async fn open(
        &self,
        delivery: &Delivery,
        deliverable: Deliverable,
        position: Position,
        sent_at: Instant,
        turn: OwnedMutexGuard<()>,
    ) -> Result<Delivered, Undelivered> {
        let opened = match self.ledger.open_for_delivery(&delivery.onward, position).await {
            Ok(opened) => opened,
            Err(NotOpened::TooLate | NotOpened::TooMuch) => {
                return Err(Status::unavailable("it took too long; fetch again").into());
            }
            Err(NotOpened::Erased) => return Err(Undelivered::Refused),
            Err(NotOpened::Failed(status)) => return Err(status.into()),
        };
        drop(turn);
        let Deliverable { referral, snapshot, keys, .. } = deliverable;
        let digest = sha256(&opened.report);
        if digest.as_bytes().as_slice() != referral.row.report_digest || opened.key_id != referral.row.key_id {
            tracing::error!("an opened report is not the one that was released");
            return Err(Status::internal("the stored report is not the one that was released").into());
        }
        let answer = Referral {
            referral_id: referral.referral_id.to_string(),
            report: opened.report,
            report_digest: referral.row.report_digest,
            key_id: opened.key_id,
            signature: opened.signature,
        };
        let package = match delivery.channel {
            DeliveryChannel::Package => {
                let pages_within = PAGES_WITHIN.saturating_sub(sent_at.elapsed());
                Some(self.pack(&answer, referral.unit_id, &keys, pages_within).await?)
            }
            DeliveryChannel::Portal
            | DeliveryChannel::Grpc
            | DeliveryChannel::Voice
            | DeliveryChannel::Fax
            | DeliveryChannel::Courier
            | DeliveryChannel::WarmHandOver => None,
        };
        if sent_at.elapsed() > ANSWER_WITHIN {
            return Err(Status::unavailable("it took too long; fetch again").into());
        }
        Ok(Delivered { referral: answer, unit_id: referral.unit_id, snapshot, package })
    }
}

impl Delivery {
    fn event(&self, delivery_id: DeliveryId, deliverable: &Deliverable) -> case::ReferralDelivered {
        let Deliverable { referral, decision, .. } = deliverable;
        case::ReferralDelivered {
            delivery_id: delivery_id.to_string(),
            referral_id: referral.referral_id.to_string(),
            decision_id: referral.decision_id.to_string(),
            unit_id: referral.unit_id.to_string(),
            channel: self.channel.number(),
            received_by: self.received_by.clone(),
            spoken: self.spoken(),
            report_digest: referral.row.report_digest.clone(),
            decided_at: Some(to_timestamp(decision.decided_at)),
            case_revision: decision.case_revision.0,
            directory_revision: decision.directory_revision.0,
            policy_version: decision.policy_version.to_string(),
            commitment: Vec::new(),
            expires_at: decision.expires_at.map(to_timestamp),
            encrypted_to: fingerprints(&deliverable.keys),
        }
    }

    fn spoken(&self) -> Vec<i32> {
        self.spoken.iter().map(egide_domain::vocabulary::DataCategory::number).collect()
    }

    fn is_what_was_asked(&self, stored: &case::ReferralDelivered) -> bool {
        stored.referral_id == self.referral_id.to_string()
            && stored.channel == self.channel.number()
            && stored.received_by == self.received_by
            && stored.spoken == self.spoken()
    }
}
