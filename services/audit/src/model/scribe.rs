//! Writes the rows of one event.

mod around;
mod counted;
mod owed;

use std::collections::BTreeSet;

use egide_domain::ids::{CaseId, DecisionId, DisclosureId, OrganizationId, ReferralId, SubjectId, UnitId};
use egide_eventlog::VerifiedBlock;
use egide_projection::{ModelError, Rows};
use egide_wire::proto::egide::audit::v1::{Disclosure, DisclosureStep};
use egide_wire::proto::egide::case::v1::{
    DeliveryChannel, DisclosedOutsideSystem, DisclosureDecided, RecallAcknowledged, ReferralAcknowledged,
    ReferralDelivered, ReferralExpired, ReferralRecalled, ReferralReleased, UnitNotified,
};
use egide_wire::proto::egide::ledger::v1::Event;
use prost::Message as _;
use prost_types::Timestamp;

use super::codes::List;
use super::found_by::Criteria;
use super::keys::Named;
use super::postings::post;
use super::row::{DisclosureRow, may_be_told};
use super::{keys, people_of, readable};
use crate::query::filter::Criterion;

/// An event of a case and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) event: &'a Event,
    pub(super) position: u64,
    pub(super) case_id: CaseId,
    pub(super) recorded_at: Option<Timestamp>,
    recorded_at_ms: i64,
}

impl<'a> Place<'a> {
    pub(super) fn of(block: &'a VerifiedBlock, position: u64, event: &'a Event) -> Result<Self, ModelError> {
        let unreadable = |_| ModelError::Event { position, reason: "the stream of a case event is no case id" };
        let case_id = event.stream_id.parse().map_err(unreadable)?;
        let recorded_at = block.block().recorded_at;
        Ok(Self { event, position, case_id, recorded_at, recorded_at_ms: block.recorded_at_ms() })
    }

    /// A disclosure that begins here.
    fn disclosure(&self, disclosure_id: String) -> Disclosure {
        Disclosure {
            disclosure_id,
            case_id: self.case_id.to_string(),
            position: self.position,
            recorded_at: self.recorded_at,
            actor: self.event.actor.clone(),
            ..Disclosure::default()
        }
    }
}

/// What happened to a referral after its release.
pub(super) struct Step<'a> {
    referral_id: &'a str,
    decision_id: &'a str,
    delivery_id: &'a str,
    unit_id: &'a str,
    channel: DeliveryChannel,
    encrypted_to: &'a [String],
    came: Came,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    Delivery,
    Receipt,
    Recall,
    Expiry,
}

impl<'a> Step<'a> {
    pub(super) fn delivered(delivered: &'a ReferralDelivered) -> Self {
        Self {
            referral_id: &delivered.referral_id,
            decision_id: &delivered.decision_id,
            delivery_id: &delivered.delivery_id,
            unit_id: &delivered.unit_id,
            channel: delivered.channel(),
            encrypted_to: &delivered.encrypted_to,
            came: Came::Delivery,
        }
    }

    pub(super) fn acknowledged(acknowledged: &'a ReferralAcknowledged) -> Self {
        Self::without_channel(&acknowledged.referral_id, &acknowledged.unit_id, Came::Receipt)
    }

    pub(super) fn recalled(recalled: &'a ReferralRecalled) -> Self {
        Self::without_channel(&recalled.referral_id, "", Came::Recall)
    }

    pub(super) fn recall_acknowledged(acknowledged: &'a RecallAcknowledged) -> Self {
        Self::without_channel(&acknowledged.referral_id, &acknowledged.unit_id, Came::Receipt)
    }

    pub(super) fn notified(notified: &'a UnitNotified) -> Self {
        Self::without_channel(&notified.referral_id, &notified.unit_id, Came::Receipt)
    }

    pub(super) fn expired(expired: &'a ReferralExpired) -> Self {
        Self::without_channel(&expired.referral_id, &expired.unit_id, Came::Expiry)
    }

    const fn without_channel(referral_id: &'a str, unit_id: &'a str, came: Came) -> Self {
        let channel = DeliveryChannel::Unspecified;
        Self { referral_id, decision_id: "", delivery_id: "", unit_id, channel, encrypted_to: &[], came }
    }
}

/// Writes the rows of one event.
pub(super) struct Scribe<'a, 'r, 's> {
    place: Place<'a>,
    rows: &'r mut Rows<'s>,
}

impl<'a, 'r, 's> Scribe<'a, 'r, 's> {
    pub(super) const fn new(place: Place<'a>, rows: &'r mut Rows<'s>) -> Self {
        Self { place, rows }
    }

    /// The case is known from here on, and these people in it.
    pub(super) fn know_people(&mut self, subject_ids: &[String]) -> Result<(), ModelError> {
        let known = people_of(self.place.case_id, self.rows)?;
        let mut changed = known.is_none();
        let mut people = known.unwrap_or_default();
        for subject_id in readable(subject_ids) {
            changed |= people.add(subject_id);
        }
        if changed {
            self.rows.insert(&keys::people(self.place.case_id), people.as_bytes());
        }
        Ok(())
    }

    pub(super) fn decided(&mut self, decided: DisclosureDecided) -> Result<(), ModelError> {
        self.count_decision(&decided)?;
        let mut criteria = Criteria::of_decision(&decided);
        for exception in self.exceptions_of(&decided)? {
            criteria.exception(&exception);
        }
        let request = decided.request.as_ref();
        if request.is_none_or(|request| request.subject_ids.is_empty()) {
            // Nobody named is everybody in the case, as it stood when it was asked.
            let people = people_of(self.place.case_id, self.rows)?.unwrap_or_default();
            criteria.subjects(people.iter());
        }
        self.rests_on(&decided);
        let decision_id = decided.decision_id.clone();
        let disclosure = Disclosure { decided: Some(decided), ..self.place.disclosure(decision_id) };
        self.add_row(&DisclosureRow { disclosure: Some(disclosure), ..DisclosureRow::default() }, criteria)
    }

    pub(super) fn released(&mut self, released: &ReferralReleased) -> Result<(), ModelError> {
        let decided = match self.decision_row(&released.decision_id)? {
            Some((at, mut row)) => match &mut row.disclosure {
                Some(disclosure) if disclosure.referral_id.is_empty() => {
                    disclosure.referral_id.clone_from(&released.referral_id);
                    disclosure.report_digest.clone_from(&released.report_digest);
                    return self.attach_release(at, row, released);
                }
                Some(disclosure) => disclosure.decided.take(),
                None => return Err(ModelError::Row),
            },
            None => None,
        };
        // No such decision, or released already.
        let mut criteria = decided.as_ref().map(Criteria::of_decision).unwrap_or_default();
        criteria.unit(&released.unit_id);
        criteria.organization(&released.organization_id);
        criteria.subjects(readable(&released.subject_ids));
        let disclosure = Disclosure {
            decided,
            referral_id: released.referral_id.clone(),
            report_digest: released.report_digest.clone(),
            ..self.place.disclosure(released.decision_id.clone())
        };
        let row = DisclosureRow { disclosure: Some(disclosure), ..DisclosureRow::default() };
        self.add_row(&row, criteria)?;
        self.attach_release(self.place.position, row, released)
    }

    fn attach_release(
        &mut self,
        at: u64,
        mut row: DisclosureRow,
        released: &ReferralReleased,
    ) -> Result<(), ModelError> {
        let place = self.place;
        row.disclosed_at = place.recorded_at;
        let decided = row.disclosure.as_ref().and_then(|disclosure| disclosure.decided.as_ref());
        let told = may_be_told(decided);
        let mut people: BTreeSet<SubjectId> = readable(&released.subject_ids).collect();
        if released.subject_ids.is_empty() {
            let mask = decided.map(|decided| decided.mask.as_slice()).unwrap_or_default();
            people.extend(mask.iter().filter_map(|entry| entry.subject_id.parse::<SubjectId>().ok()));
        }
        self.put_row(at, &row);
        for subject_id in people {
            self.post(&Criterion::Subject(subject_id), at)?;
            if told {
                self.account(subject_id, at);
            }
        }
        if let Ok(referral_id) = released.referral_id.parse::<ReferralId>() {
            self.point(&keys::id(referral_id.as_bytes(), place.case_id, Named::Referral), at);
        }
        self.put_step(at, DisclosureStep::default());
        Ok(())
    }

    pub(super) fn step(&mut self, step: &Step<'_>) -> Result<(), ModelError> {
        self.step_of_referral(step).map(drop)
    }

    pub(super) fn recalled(&mut self, recalled: &ReferralRecalled) -> Result<(), ModelError> {
        let at = self.step_of_referral(&Step::recalled(recalled))?;
        let mut criteria = Criteria::default();
        criteria.code(List::Recall, recalled.reason);
        self.post_all(&criteria, at)
    }

    /// A step of a referral's disclosure; its position.
    fn step_of_referral(&mut self, step: &Step<'_>) -> Result<u64, ModelError> {
        let case_id = self.place.case_id;
        let referral_id = step.referral_id.parse::<ReferralId>().ok();
        let key = referral_id.map(|id| keys::id(id.as_bytes(), case_id, Named::Referral));
        let at = match self.pointed(key.as_deref())? {
            Some(at) => at,
            None => self.begin_with_step(step, key.as_deref())?,
        };
        let mut row = self.row(at)?;
        let changed = match step.came {
            Came::Delivery if row.delivered_at.is_none() => {
                row.delivered_at = self.place.recorded_at;
                true
            }
            Came::Recall if !row.recalled => {
                row.recalled = true;
                true
            }
            Came::Delivery | Came::Recall | Came::Receipt | Came::Expiry => false,
        };
        if changed {
            self.put_row(at, &row);
        }
        if step.came == Came::Delivery {
            self.delivered(step, at, &row)?;
        }
        let (channel, encrypted_to) = (step.channel.into(), step.encrypted_to.to_vec());
        self.put_step(at, DisclosureStep { channel, encrypted_to, ..DisclosureStep::default() });
        Ok(at)
    }

    /// What follows from a delivery besides its step.
    fn delivered(&mut self, step: &Step<'_>, at: u64, row: &DisclosureRow) -> Result<(), ModelError> {
        if let Ok(delivery_id) = step.delivery_id.parse::<ReferralId>() {
            self.point(&keys::id(delivery_id.as_bytes(), self.place.case_id, Named::Delivery), at);
        }
        let mut criteria = Criteria::default();
        criteria.code(List::Channel, step.channel.into());
        self.post_all(&criteria, at)?;
        self.delivered_soon(step.unit_id, at)?;
        self.met_by_delivery(step.channel, at, row)
    }

    /// A row for a referral whose release is not known.
    fn begin_with_step(&mut self, step: &Step<'_>, key: Option<&[u8]>) -> Result<u64, ModelError> {
        let mut criteria = Criteria::default();
        criteria.unit(step.unit_id);
        let disclosure = Disclosure {
            referral_id: step.referral_id.to_owned(),
            ..self.place.disclosure(step.decision_id.to_owned())
        };
        self.add_row(&DisclosureRow { disclosure: Some(disclosure), ..DisclosureRow::default() }, criteria)?;
        if let Some(key) = key {
            self.point(key, self.place.position);
        }
        Ok(self.place.position)
    }

    /// A row for what happened to a disclosure that is not known.
    fn begin_unknown(&mut self, disclosure_id: &str) -> Result<u64, ModelError> {
        let place = self.place;
        let disclosure = place.disclosure(disclosure_id.to_owned());
        self.add_row(&DisclosureRow { disclosure: Some(disclosure), ..DisclosureRow::default() }, Criteria::default())?;
        if let Ok(id) = disclosure_id.parse::<DisclosureId>() {
            self.point_once(&keys::id(id.as_bytes(), place.case_id, Named::Unknown), place.position)?;
        }
        Ok(place.position)
    }

    pub(super) fn outside(&mut self, mut outside: DisclosedOutsideSystem) -> Result<(), ModelError> {
        // It is sealed and never in the facts; if it were, it would still not belong here.
        outside.account.clear();
        let place = self.place;
        let mut criteria = Criteria::of_outside(&outside);
        if let Some(organization_id) = self.organization_of(&outside.unit_id)? {
            criteria.add(Criterion::Organization(organization_id));
        }
        let subject_ids = outside.subject_ids.clone();
        let disclosure_id = outside.disclosure_id.clone();
        let key =
            disclosure_id.parse::<DisclosureId>().ok().map(|id| keys::id(id.as_bytes(), place.case_id, Named::Outside));
        let disclosure = Disclosure { outside: Some(outside), ..place.disclosure(disclosure_id) };
        // When it was said, which may be long before it was recorded.
        let disclosed_at = place.event.occurred_at.or(place.recorded_at);
        let row = DisclosureRow { disclosure: Some(disclosure), disclosed_at, ..DisclosureRow::default() };
        self.add_row(&row, criteria)?;
        if let Some(key) = key {
            self.point_once(&key, place.position)?;
        }
        self.know_people(&subject_ids)?;
        for subject_id in readable(&subject_ids).collect::<BTreeSet<_>>() {
            self.account(subject_id, place.position);
        }
        Ok(())
    }

    /// An event around a disclosure that this version cannot read: that it is there can be told.
    pub(super) fn unreadable(&mut self) -> Result<(), ModelError> {
        let at = self.begin_unknown(&self.place.event.event_id)?;
        self.put_step(at, DisclosureStep::default());
        Ok(())
    }

    /// Adds a row for a disclosure that begins with this event, with everything it is found by.
    fn add_row(&mut self, row: &DisclosureRow, mut criteria: Criteria) -> Result<(), ModelError> {
        let at = self.place.position;
        let disclosure = row.disclosure.as_ref().ok_or(ModelError::Row)?;
        criteria.add(Criterion::Case(self.place.case_id));
        if let Some(actor) = self.place.event.actor.as_ref().filter(|actor| !actor.person.is_empty()) {
            criteria.add(Criterion::Actor(actor.person.clone()));
        }
        criteria.add(Criterion::Anything);
        self.post_all(&criteria, at)?;
        if let Ok(decision_id) = disclosure.disclosure_id.parse::<DecisionId>()
            && disclosure.decided.is_some()
        {
            self.point_once(&keys::id(decision_id.as_bytes(), self.place.case_id, Named::Decision), at)?;
        }
        self.put_row(at, row);
        Ok(())
    }

    fn decision_row(&self, decision_id: &str) -> Result<Option<(u64, DisclosureRow)>, ModelError> {
        let at = self.decision(decision_id)?;
        at.map(|at| Ok((at, self.row(at)?))).transpose()
    }

    fn decision(&self, decision_id: &str) -> Result<Option<u64>, ModelError> {
        let key = decision_id
            .parse::<DecisionId>()
            .ok()
            .map(|id| keys::id(id.as_bytes(), self.place.case_id, Named::Decision));
        self.pointed(key.as_deref())
    }

    fn organization_of(&self, unit_id: &str) -> Result<Option<OrganizationId>, ModelError> {
        let Ok(unit_id) = unit_id.parse::<UnitId>() else { return Ok(None) };
        let Some(bytes) = self.rows.get(&keys::unit(unit_id))? else { return Ok(None) };
        bytes.try_into().map(|bytes| Some(OrganizationId(bytes))).map_err(|_| ModelError::Row)
    }

    fn row(&self, at: u64) -> Result<DisclosureRow, ModelError> {
        let bytes = self.rows.get(&keys::disclosure(at))?.ok_or(ModelError::Row)?;
        DisclosureRow::decode(bytes.as_slice()).map_err(|_| ModelError::Row)
    }

    fn put_row(&mut self, at: u64, row: &DisclosureRow) {
        self.rows.insert(&keys::disclosure(at), row.encode_to_vec());
    }

    /// A step with what only its event says; where and when it stands is told here.
    fn put_step(&mut self, at: u64, told: DisclosureStep) {
        let step = DisclosureStep {
            position: self.place.position,
            kind: self.place.event.kind.clone(),
            recorded_at: self.place.recorded_at,
            actor: self.place.event.actor.clone(),
            ..told
        };
        self.rows.insert(&keys::at(keys::steps(at), self.place.position), step.encode_to_vec());
    }

    fn post(&mut self, criterion: &Criterion, at: u64) -> Result<(), ModelError> {
        post(self.rows, keys::postings(criterion), at, true)
    }

    fn post_all(&mut self, criteria: &Criteria, at: u64) -> Result<(), ModelError> {
        criteria.iter().try_for_each(|criterion| self.post(criterion, at))
    }

    /// What left with this event belongs into the person's account.
    fn account(&mut self, subject_id: SubjectId, at: u64) {
        let key = keys::at(keys::account(self.place.case_id, subject_id), self.place.position);
        self.point(&key, at);
    }

    fn point(&mut self, key: &[u8], at: u64) {
        self.rows.insert(key, at.to_be_bytes());
    }

    /// Ids are unique within a case only: of two disclosures with one id the first is meant by it, the other is found by
    /// everything else.
    fn point_once(&mut self, key: &[u8], at: u64) -> Result<(), ModelError> {
        if self.rows.get(key)?.is_none() {
            self.point(key, at);
        }
        Ok(())
    }

    /// What a key points at; an id that cannot be read has none.
    fn pointed(&self, key: Option<&[u8]>) -> Result<Option<u64>, ModelError> {
        let Some(bytes) = key.map(|key| self.rows.get(key)).transpose()?.flatten() else { return Ok(None) };
        bytes.try_into().map(|bytes| Some(u64::from_be_bytes(bytes))).map_err(|_| ModelError::Row)
    }
}
