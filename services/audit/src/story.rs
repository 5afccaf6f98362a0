//! Tests tell stories: signed blocks made by hand, applied to a projection in a directory of its own.

use std::collections::BTreeMap;
use std::path::Path;

use egide_crypto::sign::{KeyRing, SigningKey};
use egide_domain::house::HOUSE_STREAM;
use egide_domain::ids::{CaseId, DisclosureId, SubjectId, UnitId};
use egide_eventlog::{ChainVerifier, Head, RawBlock, SealedBlock, VerifiedBlock};
use egide_projection::{Projection, ProjectionError};
use egide_servicekit::policy::LoadedPolicy;
use egide_wire::classification::event_class;
use egide_wire::convert::policy_adopted;
use egide_wire::descriptors::to_dynamic;
use egide_wire::proto::egide::audit::v1::access_event::Payload as AccessPayload;
use egide_wire::proto::egide::audit::v1::{AccessEvent, AccessRecorded};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    Actor, ApprovalDecided, ApprovalOutcome, ApprovalRequested, Basis, BasisKind, CaseEvent, CaseOpened,
    DisclosedOutsideSystem, DisclosureDecided, ExceptionAsserted, ExceptionKind, Instrument, InstrumentKind, MaskEntry,
    MaskLevel, Obligation, ObligationKind, ObligationNoted, ObligationState, Outcome, PersonIdentified, Purpose,
    RecallAcknowledged, ReferralAcknowledged, ReferralDelivered, ReferralExpired, ReferralRecalled, ReferralReleased,
    RejectionReason, RequestRecord,
};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::directory::v1::directory_event::Payload as DirectoryPayload;
use egide_wire::proto::egide::directory::v1::{DirectoryEvent, UnitRegistered};
use egide_wire::proto::egide::ledger::v1::{Area, Commit, Event, StreamExtent};
use prost::Message as _;
use prost_types::Timestamp;
use tempfile::TempDir;

use crate::model::History;

/// The log of all stories.
pub(crate) const INCARNATION: &str = "0b7a4a0e-9a53-4f0a-8f0e-3f8b1f6d2c11";
/// When stories begin: 2026-11-22T00:00:00Z, in milliseconds since 1970.
pub(crate) const NOW_MS: i64 = 1_795_305_600_000;

/// An id for each small number and each kind of thing; two kinds never share one.
fn id(kind: u8, number: u16) -> [u8; 16] {
    let [high, low] = number.to_be_bytes();
    [kind, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, high, low]
}

pub(crate) fn case(number: u16) -> CaseId {
    CaseId(id(1, number))
}

pub(crate) fn person(number: u16) -> SubjectId {
    SubjectId(id(2, number))
}

pub(crate) fn unit(number: u16) -> UnitId {
    UnitId(id(3, number))
}

/// The organisation of a unit; units come in pairs.
pub(crate) fn organization(of_unit: u16) -> egide_domain::ids::OrganizationId {
    egide_domain::ids::OrganizationId(id(4, of_unit / 2))
}

pub(crate) fn disclosure(number: u16) -> DisclosureId {
    DisclosureId(id(5, number))
}

pub(crate) fn referral(number: u16) -> String {
    CaseId(id(6, number)).to_string()
}

pub(crate) fn consent(number: u16) -> Basis {
    let reference_id = CaseId(id(7, number)).to_string();
    Basis { kind: BasisKind::Consent.into(), reference_id, ..Basis::default() }
}

pub(crate) fn timestamp(ms: i64) -> Timestamp {
    let nanos = i32::try_from(ms.rem_euclid(1_000)).unwrap() * 1_000_000;
    Timestamp { seconds: ms.div_euclid(1_000), nanos }
}

pub(crate) fn lets_through(of: SubjectId, category: DataCategory, bases: &[u32]) -> MaskEntry {
    MaskEntry {
        subject_id: of.to_string(),
        category: category.into(),
        level: MaskLevel::Whole.into(),
        bases: bases.to_vec(),
        ..MaskEntry::default()
    }
}

fn request(of_unit: u16, people: &[SubjectId]) -> RequestRecord {
    RequestRecord {
        unit_id: unit(of_unit).to_string(),
        organization_id: organization(of_unit).to_string(),
        purpose: Purpose::Investigation.into(),
        categories: vec![DataCategory::Identity.into(), DataCategory::Situation.into()],
        subject_ids: people.iter().map(ToString::to_string).collect(),
        ..RequestRecord::default()
    }
}

/// A permit for identity and situation of these people, resting on the consent of each.
pub(crate) fn permit(number: u16, of_unit: u16, people: &[SubjectId]) -> DisclosureDecided {
    let mut mask = Vec::new();
    for (index, subject_id) in (0_u32..).zip(people) {
        mask.push(lets_through(*subject_id, DataCategory::Identity, &[index]));
        mask.push(lets_through(*subject_id, DataCategory::Situation, &[index]));
    }
    DisclosureDecided {
        decision_id: disclosure(number).to_string(),
        request: Some(request(of_unit, people)),
        outcome: Outcome::Permit.into(),
        bases: (0_u16..).zip(people).map(|(index, _)| consent(index)).collect(),
        mask,
        ..DisclosureDecided::default()
    }
}

/// A refusal about these people; nobody named is everybody.
pub(crate) fn refusal(number: u16, of_unit: u16, people: &[SubjectId]) -> DisclosureDecided {
    DisclosureDecided {
        decision_id: disclosure(number).to_string(),
        request: Some(request(of_unit, people)),
        outcome: Outcome::Deny.into(),
        ..DisclosureDecided::default()
    }
}

pub(crate) fn bound_to(mut decided: DisclosureDecided, kind: ObligationKind) -> DisclosureDecided {
    decided.obligations.push(Obligation { kind: kind.into(), ..Obligation::default() });
    decided
}

pub(crate) fn release(number: u16, decision: u16, people: &[SubjectId]) -> ReferralReleased {
    ReferralReleased {
        referral_id: referral(number),
        decision_id: disclosure(decision).to_string(),
        unit_id: unit(1).to_string(),
        organization_id: organization(1).to_string(),
        subject_ids: people.iter().map(ToString::to_string).collect(),
        report_digest: vec![7; 32],
        ..ReferralReleased::default()
    }
}

pub(crate) fn delivery(number: u16) -> Payload {
    Payload::ReferralDelivered(ReferralDelivered {
        referral_id: referral(number),
        unit_id: unit(1).to_string(),
        channel: egide_wire::proto::egide::case::v1::DeliveryChannel::Portal.into(),
        ..ReferralDelivered::default()
    })
}

/// A delivery as a package to a unit with two keys.
pub(crate) fn package(number: u16) -> Payload {
    Payload::ReferralDelivered(ReferralDelivered {
        referral_id: referral(number),
        unit_id: unit(1).to_string(),
        channel: egide_wire::proto::egide::case::v1::DeliveryChannel::Package.into(),
        encrypted_to: vec!["age-one".to_owned(), "age-two".to_owned()],
        ..ReferralDelivered::default()
    })
}

pub(crate) fn expiry(number: u16) -> Payload {
    Payload::ReferralExpired(ReferralExpired { referral_id: referral(number), unit_id: unit(1).to_string() })
}

pub(crate) fn receipt(number: u16) -> Payload {
    Payload::ReferralAcknowledged(ReferralAcknowledged { referral_id: referral(number), unit_id: unit(1).to_string() })
}

pub(crate) fn recall(number: u16) -> Payload {
    Payload::ReferralRecalled(ReferralRecalled { referral_id: referral(number), ..ReferralRecalled::default() })
}

pub(crate) fn recall_receipt(number: u16) -> Payload {
    Payload::RecallAcknowledged(RecallAcknowledged { referral_id: referral(number), unit_id: unit(1).to_string() })
}

pub(crate) fn approval(number: u16) -> String {
    CaseId(id(10, number)).to_string()
}

pub(crate) fn approval_asked(number: u16, decision: u16) -> Payload {
    Payload::ApprovalRequested(ApprovalRequested {
        approval_id: approval(number),
        decision_id: disclosure(decision).to_string(),
        rules: vec!["foreign-hotline".to_owned()],
        expires_at: None,
    })
}

pub(crate) fn approval_answered(number: u16, outcome: ApprovalOutcome, reason: RejectionReason) -> Payload {
    Payload::ApprovalDecided(ApprovalDecided {
        approval_id: approval(number),
        outcome: outcome.into(),
        reason: reason.into(),
    })
}

/// The same decision, made under an approval.
pub(crate) fn under(mut decided: DisclosureDecided, number: u16) -> DisclosureDecided {
    let request = decided.request.get_or_insert_default();
    request.approval_id = approval(number);
    decided
}

pub(crate) fn exception(number: u16) -> String {
    CaseId(id(11, number)).to_string()
}

/// The same decision, resting on an exception as well.
pub(crate) fn on_exception(mut decided: DisclosureDecided, number: u16) -> DisclosureDecided {
    let exception = ExceptionKind::ImminentDanger.into();
    decided.bases.push(Basis { kind: BasisKind::Exception.into(), reference_id: self::exception(number), exception });
    decided
}

pub(crate) fn asserted(number: u16, break_glass: bool) -> Payload {
    Payload::ExceptionAsserted(ExceptionAsserted {
        exception_id: exception(number),
        kind: ExceptionKind::LegalRequirement.into(),
        instrument: Some(Instrument { kind: InstrumentKind::ProductionOrder.into(), ..Instrument::default() }),
        break_glass,
        ..ExceptionAsserted::default()
    })
}

pub(crate) fn noted(decision: u16, kind: ObligationKind, state: ObligationState) -> Payload {
    Payload::ObligationNoted(ObligationNoted {
        decision_id: disclosure(decision).to_string(),
        kind: kind.into(),
        state: state.into(),
        subject_id: person(1).to_string(),
        ..ObligationNoted::default()
    })
}

pub(crate) fn said_outside(number: u16, to_unit: u16, about: &[SubjectId]) -> DisclosedOutsideSystem {
    DisclosedOutsideSystem {
        disclosure_id: disclosure(number).to_string(),
        unit_id: unit(to_unit).to_string(),
        subject_ids: about.iter().map(ToString::to_string).collect(),
        categories: vec![DataCategory::Whereabouts.into()],
        ..DisclosedOutsideSystem::default()
    }
}

/// The facts of a unit's registration by the organisation of another unit.
pub(crate) fn unit_of(number: u16, organization_of: u16) -> Vec<u8> {
    let registered = UnitRegistered {
        unit_id: unit(number).to_string(),
        organization_id: organization(organization_of).to_string(),
        name_en: format!("Harbour Desk {number}"),
        name_fr: "Section des Îles".to_owned(),
        ..UnitRegistered::default()
    };
    DirectoryEvent { payload: Some(DirectoryPayload::UnitRegistered(registered)) }.encode_to_vec()
}

/// An event as stories tell it.
pub(crate) struct Told {
    area: Area,
    stream_id: String,
    kind: String,
    facts: Vec<u8>,
    person: String,
    occurred_at: Option<Timestamp>,
}

impl Told {
    pub(crate) fn in_case(number: u16, payload: Payload) -> Self {
        let event = CaseEvent { payload: Some(payload) };
        Self {
            area: Area::Case,
            stream_id: case(number).to_string(),
            kind: kind_of(&event),
            facts: event.encode_to_vec(),
            person: "amelie.roy".to_owned(),
            occurred_at: None,
        }
    }

    pub(crate) fn unit_registered(number: u16) -> Self {
        Self {
            area: Area::Directory,
            stream_id: organization(number).to_string(),
            kind: "directory.unit_registered".to_owned(),
            facts: unit_of(number, number),
            person: String::new(),
            occurred_at: None,
        }
    }

    /// A policy that is adopted, with this digest said of it.
    pub(crate) fn adopted(policy: &LoadedPolicy, digest: &[u8; 32]) -> Self {
        Self {
            area: Area::House,
            stream_id: HOUSE_STREAM.to_owned(),
            kind: "policy.adopted".to_owned(),
            facts: policy_adopted(policy.policy().version(), digest, policy.files()).encode_to_vec(),
            person: "jo.chen".to_owned(),
            occurred_at: None,
        }
    }

    /// A look, as the ledger records it.
    pub(crate) fn looked(recorded: AccessRecorded) -> Self {
        let event = AccessEvent { payload: Some(AccessPayload::AccessRecorded(recorded)) };
        Self {
            area: Area::Access,
            stream_id: String::new(),
            kind: "access.recorded".to_owned(),
            facts: event.encode_to_vec(),
            person: "amelie.roy".to_owned(),
            occurred_at: None,
        }
    }

    pub(crate) fn by(mut self, person: &str) -> Self {
        person.clone_into(&mut self.person);
        self
    }

    pub(crate) fn occurred(mut self, ms: i64) -> Self {
        self.occurred_at = Some(timestamp(ms));
        self
    }

    pub(crate) fn in_stream(mut self, stream_id: &str) -> Self {
        stream_id.clone_into(&mut self.stream_id);
        self
    }

    /// An event whose facts this version cannot read.
    pub(crate) fn with_facts(mut self, facts: Vec<u8>) -> Self {
        self.facts = facts;
        self
    }

    fn into_event(self, revisions: &mut BTreeMap<String, u64>) -> Event {
        let revision = revisions.entry(self.stream_id.clone()).or_default();
        *revision += 1;
        let in_stream = if self.stream_id.is_empty() { 0 } else { *revision };
        Event {
            event_id: CaseId(id(9, u16::try_from(*revision).unwrap())).to_string(),
            area: self.area.into(),
            revision: in_stream,
            stream_id: self.stream_id,
            kind: self.kind,
            schema_version: 1,
            occurred_at: self.occurred_at,
            actor: Some(Actor { service: "disclosure".to_owned(), person: self.person, ..Actor::default() }),
            facts: self.facts,
            ..Event::default()
        }
    }
}

/// The kind that the contract gives the payload.
fn kind_of(event: &CaseEvent) -> String {
    let event = to_dynamic(event).unwrap();
    let (field, _) = event.fields().next().unwrap();
    event_class(field.kind().as_message().unwrap()).unwrap().kind.clone()
}

/// A log made by hand, and the history that follows it.
pub(crate) struct Story {
    directory: TempDir,
    key: SigningKey,
    verifier: ChainVerifier,
    head: Head,
    revisions: BTreeMap<String, u64>,
    now_ms: i64,
    blocks: Vec<VerifiedBlock>,
    pub(crate) history: Projection<History>,
}

impl Story {
    pub(crate) fn begin() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (key, _) = SigningKey::generate().unwrap();
        let mut keys = KeyRing::new();
        keys.insert(key.public_key(), None, None).unwrap();
        let head = Head::genesis(INCARNATION);
        let verifier = ChainVerifier::new(head.clone(), keys);
        let history = open(directory.path());
        let (revisions, blocks) = (BTreeMap::new(), Vec::new());
        Self { directory, key, verifier, head, revisions, now_ms: NOW_MS, blocks, history }
    }

    /// A story with case 1, and persons 1 and 2 in it.
    pub(crate) fn of_one_case() -> Self {
        let mut story = Self::begin();
        story.open_case(1, &[person(1), person(2)]);
        story
    }

    pub(crate) fn open_case(&mut self, number: u16, people: &[SubjectId]) {
        let mut told = vec![Told::in_case(number, Payload::CaseOpened(CaseOpened::default()))];
        told.extend(people.iter().map(|subject_id| identified(number, *subject_id)));
        self.tell_all(told);
    }

    pub(crate) fn passes(&mut self, ms: i64) {
        self.now_ms += ms;
    }

    pub(crate) const fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// One event in a block of its own; its position.
    pub(crate) fn tell(&mut self, told: Told) -> u64 {
        self.tell_all(vec![told])
    }

    pub(crate) fn happens(&mut self, in_case: u16, payload: Payload) -> u64 {
        self.tell(Told::in_case(in_case, payload))
    }

    pub(crate) fn decides(&mut self, in_case: u16, decided: DisclosureDecided) -> u64 {
        self.happens(in_case, Payload::DisclosureDecided(decided))
    }

    pub(crate) fn releases(&mut self, in_case: u16, released: ReferralReleased) -> u64 {
        self.happens(in_case, Payload::ReferralReleased(released))
    }

    /// Several events, each a commit of its own, in one block; the position of the last.
    pub(crate) fn tell_all(&mut self, told: Vec<Told>) -> u64 {
        let block = self.block(told);
        self.history.applied(&block).unwrap();
        let position = block.last_position();
        self.blocks.push(block);
        position
    }

    /// How long it takes to apply these events.
    pub(crate) fn timed(&mut self, told: Vec<Told>) -> std::time::Duration {
        let block = self.block(told);
        let began = std::time::Instant::now();
        self.history.applied(&block).unwrap();
        began.elapsed()
    }

    /// An event that the history may refuse.
    pub(crate) fn try_tell(&mut self, told: Told) -> Result<(), ProjectionError> {
        let block = self.block(vec![told]);
        self.history.applied(&block).map(drop)
    }

    fn block(&mut self, told: Vec<Told>) -> VerifiedBlock {
        let commits = told.into_iter().map(|told| commit(told.into_event(&mut self.revisions))).collect();
        let sealed = SealedBlock::seal(&self.head, self.now_ms, "instance", commits, &self.key);
        let raw = RawBlock { sequence: sealed.number(), foreign_header: None, bytes: sealed.bytes().clone() };
        let block = self.verifier.verify(&raw).unwrap();
        self.head = block.head_after().clone();
        block
    }

    /// Every block, in order.
    pub(crate) fn blocks(&self) -> &[VerifiedBlock] {
        &self.blocks
    }

    /// Every row, as bytes.
    pub(crate) fn rows(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        rows(&self.history)
    }

    /// The rows of a history that is built from nothing out of the same blocks.
    pub(crate) fn rows_rebuilt(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let rebuilt = open(&self.directory.path().join("rebuilt"));
        for block in &self.blocks {
            rebuilt.applied(block).unwrap();
        }
        rows(&rebuilt)
    }
}

pub(crate) fn identified(in_case: u16, subject_id: SubjectId) -> Told {
    let identified = PersonIdentified { subject_id: subject_id.to_string(), ..PersonIdentified::default() };
    Told::in_case(in_case, Payload::PersonIdentified(identified))
}

fn open(directory: &Path) -> Projection<History> {
    Projection::open(directory, History, INCARNATION).unwrap()
}

fn rows(history: &Projection<History>) -> Vec<(Vec<u8>, Vec<u8>)> {
    history.view().prefix(&[]).map(|row| row.map(|(key, value)| (key, value.to_vec())).unwrap()).collect()
}

fn commit(event: Event) -> Commit {
    let extent = StreamExtent { stream_id: event.stream_id.clone(), first_revision: event.revision, count: 1 };
    let streams = if event.stream_id.is_empty() { Vec::new() } else { vec![extent] };
    Commit {
        command_id: CaseId(id(8, u16::try_from(event.revision).unwrap())).to_string(),
        emitter: "disclosure".to_owned(),
        fingerprint: Vec::new(),
        events: vec![event],
        streams,
    }
}
