//! Case events as the gate sees them: facts only, and of each kind only what a decision or an admission rests on.
//! Names follow the contract (`egide.case.v1`), field by field.

mod narrative;
mod safeguards;

pub use narrative::{NarrativeAttested, NarrativeRecorded, NarrativeReviewRequested, NarrativeWithheld};
pub use safeguards::{
    ApprovalDecided, ApprovalRequested, AuthorityRevoked, AuthorityVerified, ContactCleared, ContactMade,
    ObligationNoted, OutsideDisclosureReviewed, RecallAcknowledged, ReferralExpired, UnitNotified, WishesRecorded,
};

use crate::decision::{AttestedNarrative, Basis, Mask, Obligation, Request};
use crate::ids::{
    ConsentId, DecisionId, DeliveryId, DisclosureId, ExceptionId, HoldId, NarrativeId, OrganizationId, Position,
    ReferralId, Revision, SubjectId, TipId, UnitId,
};
use crate::set::{Categories, Jurisdictions, Purposes, Roles};
use crate::time::Timestamp;
use crate::vocabulary::{
    AgeBand, Answer, ApproachRule, Authority, CaseClosure, Channel, ConsentCapacity, ConsentCondition, ConsentKind,
    ContactPermission, DeliveryChannel, ExceptionGround, ExceptionKind, GrantorKind, HoldGround, HoldLiftReason,
    InstrumentKind, Jurisdiction, LiftReason, Outcome, RecallReason, RecipientKind, ReviewOutcome, Role, ShredGround,
    TriageLevel,
};
use serde::{Deserialize, Serialize};

/// Who acted: a service, and the person for whom it acted, if any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The service's name, as authenticated.
    pub service: String,
    /// The member of staff or liaison, by account; absent: the service alone.
    pub person: Option<String>,
    /// In which role the person acted.
    pub role: Option<Role>,
}

impl Actor {
    /// Whether a person acted in this role; a service alone has no role.
    #[must_use]
    pub fn acts_as(&self, role: Role) -> bool {
        self.person.is_some() && self.role == Some(role)
    }

    /// Whether two different people acted. A service alone is nobody, so it is never "another person".
    #[must_use]
    pub fn is_another_person_than(&self, other: &Self) -> bool {
        match (&self.person, &other.person) {
            (Some(one), Some(two)) => one != two,
            (None, _) | (_, None) => false,
        }
    }
}

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded<E> {
    /// What happened.
    pub event: E,
    /// Its place in its stream, from 1.
    pub revision: Revision,
    /// Its place in the log.
    pub position: Position,
    /// When it happened, as its emitter says.
    pub occurred_at: Timestamp,
    /// When the ledger recorded it; never goes backwards in the log.
    pub recorded_at: Timestamp,
    /// Who did it.
    pub actor: Actor,
}

/// One event of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CaseEvent {
    /// A case was opened.
    CaseOpened(CaseOpened),
    /// A tip was received.
    TipReceived(TipReceived),
    /// A person of the case was identified, as far as known.
    PersonIdentified(PersonIdentified),
    /// An age was assessed.
    AgeAssessed(AgeAssessed),
    /// Ways to reach a person, and whether that is safe.
    ContactRecorded(ContactRecorded),
    /// Where a person is.
    WhereaboutsRecorded(WhereaboutsRecorded),
    /// What is happening to a person.
    SituationRecorded(SituationRecorded),
    /// A person's status in Canada.
    ImmigrationRecorded(ImmigrationRecorded),
    /// A person's health.
    HealthRecorded(HealthRecorded),
    /// A person's money.
    FinancesRecorded(FinancesRecorded),
    /// A suspect was described.
    SuspectDescribed(SuspectDescribed),
    /// What was told, in words.
    NarrativeRecorded(NarrativeRecorded),
    /// Urgency was assessed.
    TriageAssessed(TriageAssessed),
    /// A supervisor reviewed a tip of the case.
    SupervisorReviewed(SupervisorReviewed),
    /// Consent was given.
    ConsentGiven(ConsentGiven),
    /// Consent was refused.
    ConsentRefused(ConsentRefused),
    /// Consent was withdrawn.
    ConsentWithdrawn(ConsentWithdrawn),
    /// A mandatory exception was asserted.
    ExceptionAsserted(ExceptionAsserted),
    /// A mandatory exception was confirmed.
    ExceptionConfirmed(ExceptionConfirmed),
    /// A mandatory exception was lifted.
    ExceptionLifted(ExceptionLifted),
    /// A disclosure was permitted or denied.
    DisclosureDecided(DisclosureDecided),
    /// A referral was made and released.
    ReferralReleased(ReferralReleased),
    /// A referral was delivered.
    ReferralDelivered(ReferralDelivered),
    /// A recipient acknowledged a referral.
    ReferralAcknowledged(ReferralAcknowledged),
    /// A referral was recalled.
    ReferralRecalled(ReferralRecalled),
    /// Something was disclosed without this system or beyond it.
    DisclosedOutsideSystem(DisclosedOutsideSystem),
    /// The case was closed.
    CaseClosed(CaseClosed),
    /// The case was reopened.
    CaseReopened(CaseReopened),
    /// Data keys were destroyed.
    KeyShredded(KeyShredded),
    /// A legal hold was placed.
    LegalHoldPlaced(LegalHoldPlaced),
    /// A legal hold was lifted.
    LegalHoldLifted(LegalHoldLifted),
    /// A number was given to the case.
    NumberAssigned(NumberAssigned),
    /// A caller chose a phrase.
    PhraseChosen(PhraseChosen),
    /// A representative's authority was verified.
    AuthorityVerified(AuthorityVerified),
    /// A representative's authority ended.
    AuthorityRevoked(AuthorityRevoked),
    /// A young person's wishes were recorded.
    WishesRecorded(WishesRecorded),
    /// A disclosure waits for somebody's approval.
    ApprovalRequested(ApprovalRequested),
    /// An approval was granted or rejected, or expired.
    ApprovalDecided(ApprovalDecided),
    /// Something happened to an obligation.
    ObligationNoted(ObligationNoted),
    /// A contact with a person was found to be safe.
    ContactCleared(ContactCleared),
    /// A person was contacted, or it was tried.
    ContactMade(ContactMade),
    /// A disclosure outside the system was reviewed.
    OutsideDisclosureReviewed(OutsideDisclosureReviewed),
    /// A recipient confirmed that it obeys a recall.
    RecallAcknowledged(RecallAcknowledged),
    /// A unit was told that something waits for it, or could not be.
    UnitNotified(UnitNotified),
    /// The time of what a referral rests on is over.
    ReferralExpired(ReferralExpired),
    /// A review of a narrative was requested.
    NarrativeReviewRequested(NarrativeReviewRequested),
    /// A narrative was attested.
    NarrativeAttested(NarrativeAttested),
    /// A narrative was withheld.
    NarrativeWithheld(NarrativeWithheld),
    /// An event that cannot be read: its kind or a value in it is unknown here. It narrows: the case is refused.
    Unreadable,
}

/// A case was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseOpened {
    /// How contact was made.
    pub channel: Option<Channel>,
    /// Where the case is, coarse; absent: not known.
    pub jurisdiction: Option<Jurisdiction>,
}

/// A tip was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TipReceived {
    /// The tip.
    pub tip_id: TipId,
    /// How it came; absent: treated like a web form, which waits for a supervisor's review.
    pub channel: Option<Channel>,
    /// The person of the case who brought it; absent when nameless and not recorded as a person.
    pub bringer_subject_id: Option<SubjectId>,
    /// Whether it speaks of somebody under 18.
    pub concerns_minor: Option<Answer>,
}

/// A person of the case was identified, or gained roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonIdentified {
    /// The person.
    pub subject_id: SubjectId,
    /// What the person is in the case.
    pub roles: Roles,
}

/// An age was assessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgeAssessed {
    /// The person.
    pub subject_id: SubjectId,
    /// The age; absent: not known.
    pub band: Option<AgeBand>,
}

/// Ways to reach a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactRecorded {
    /// The person.
    pub subject_id: SubjectId,
    /// Whether the person may be contacted; absent: no instruction in this record.
    pub permission: Option<ContactPermission>,
    /// Coded rules for approaching the person.
    pub rules: crate::set::Set<ApproachRule>,
}

/// Where a person is or stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhereaboutsRecorded {
    /// The person.
    pub subject_id: SubjectId,
    /// Province, territory or abroad; absent: not known.
    pub jurisdiction: Option<Jurisdiction>,
}

macro_rules! about_one_person {
    ($($(#[$doc:meta])* $event:ident)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $event {
            /// The person.
            pub subject_id: SubjectId,
        }
    )+};
}

about_one_person! {
    /// What is happening to a person.
    SituationRecorded
    /// A person's status in Canada.
    ImmigrationRecorded
    /// A person's health.
    HealthRecorded
    /// A person's money.
    FinancesRecorded
    /// A suspect was described; the person was identified before with the role of suspect.
    SuspectDescribed
}

/// Urgency was assessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriageAssessed {
    /// The level; a minor in the case makes it urgent whatever is said here.
    pub level: TriageLevel,
}

/// A supervisor reviewed a tip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorReviewed {
    /// The tip.
    pub tip_id: TipId,
    /// The answer.
    pub outcome: ReviewOutcome,
}

/// Whom a consent or refusal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecipientScope {
    /// One organisation with all its units.
    Organization(OrganizationId),
    /// One unit.
    Unit(UnitId),
    /// A class of recipients.
    Kind(RecipientKind),
    /// A class of recipients in some regions.
    KindInRegion(RecipientKind, Jurisdictions),
    /// Everybody. A refusal to everybody denies all; a permission to everybody permits nothing.
    Anyone,
}

/// Until when a consent holds: three different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiry {
    /// Until this time, exclusive.
    At(Timestamp),
    /// Expressly without end.
    Unlimited,
    /// Nothing was said: the policy's default period from when it was recorded.
    Absent,
}

/// Consent was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentGiven {
    /// The record.
    pub consent_id: ConsentId,
    /// Whose consent it is: the data subject, or for a report consent whoever brought the information; absent only where
    /// the bringer is nameless and not recorded as a person.
    pub subject_id: Option<SubjectId>,
    /// What it reaches; absent: permits nothing.
    pub kind: Option<ConsentKind>,
    /// Who gave it; absent: permits nothing.
    pub grantor: Option<GrantorKind>,
    /// The representative, where one gave it.
    pub representative_subject_id: Option<SubjectId>,
    /// To whom; absent: permits to nobody and denies to everybody.
    pub recipient: Option<RecipientScope>,
    /// For what.
    pub purposes: Purposes,
    /// What may be told.
    pub permitted: Categories,
    /// What may not be told.
    pub denied: Categories,
    /// From when, inclusive; absent: at once.
    pub not_before: Option<Timestamp>,
    /// Until when.
    pub expiry: Expiry,
    /// For any number of disclosures; otherwise for one.
    pub standing: bool,
    /// Whether the recipient may pass it on. No rule of the gate; travels with the referral.
    pub onward_sharing: bool,
    /// Whether the person could speak freely.
    pub speaking_freely: Option<Answer>,
    /// Whether understanding was checked by repeat-back.
    pub understood: Option<Answer>,
    /// Records this one supersedes.
    pub supersedes: Vec<ConsentId>,
    /// For a report consent: what may be told about the bringer.
    pub about_bringer: Categories,
    /// For a report consent: the tip it belongs to.
    pub tip_id: Option<TipId>,
    /// Whether whoever consented could do so by themself; absent: not said, as in older records.
    pub capacity: Option<ConsentCapacity>,
    /// How old the person was said to be then.
    pub age_at_grant: Option<AgeBand>,
    /// By what authority the representative claims to speak.
    pub authority: Option<Authority>,
    /// Which data it permits, by when it was recorded; absent: all.
    pub data_period: Option<DataPeriod>,
    /// On what conditions.
    pub conditions: crate::set::Set<ConsentCondition>,
}

/// A stretch of time in which data was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DataPeriod {
    /// From when, inclusive; absent: from the beginning.
    pub from: Option<Timestamp>,
    /// Until when, exclusive; absent: without end.
    pub until: Option<Timestamp>,
}

impl DataPeriod {
    /// Whether what was recorded then lies in it.
    #[must_use]
    pub fn contains(self, recorded_at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= recorded_at) && self.until.is_none_or(|until| recorded_at < until)
    }

    /// Whether everything that lies in the other lies in this one.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        let from = self.from.is_none_or(|from| other.from.is_some_and(|start| from <= start));
        let until = self.until.is_none_or(|until| other.until.is_some_and(|end| end <= until));
        from && until
    }

    /// What lies in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let until = match (self.until, other.until) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self { from: self.from.max(other.from), until }
    }

    /// Whether nothing can lie in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.from.is_some_and(|from| self.until.is_some_and(|until| until <= from))
    }
}

/// Consent was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRefused {
    /// The record.
    pub consent_id: ConsentId,
    /// Who refused, about their own data.
    pub subject_id: SubjectId,
    /// To whom nothing may be told; absent: to anyone.
    pub recipient: Option<RecipientScope>,
    /// What may not be told; empty: nothing may.
    pub denied: Categories,
}

/// Consent was withdrawn, whole or in part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentWithdrawn {
    /// The record withdrawn; absent or unknown: every consent of the person.
    pub consent_id: Option<ConsentId>,
    /// Whose it is; absent together with the record: every consent of the case.
    pub subject_id: Option<SubjectId>,
    /// What is withdrawn; empty: all of it.
    pub categories: Categories,
}

/// A legal instrument. Its number is sealed and does not reach the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// What it is.
    pub kind: Option<InstrumentKind>,
    /// The court or body that issued it; empty when not said.
    pub issuer: String,
    /// When it was issued (ISO 8601 date); empty when not said.
    pub issued_on: String,
    /// When it must be answered.
    pub return_at: Option<Timestamp>,
    /// The categories it compels.
    pub scope: Categories,
    /// The recipient unit it names.
    pub unit_id: Option<UnitId>,
    /// SHA-256 of the document.
    pub document_digest: Option<[u8; 32]>,
}

/// A mandatory exception was asserted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionAsserted {
    /// The exception.
    pub exception_id: ExceptionId,
    /// Which of the three.
    pub kind: ExceptionKind,
    /// The people whose data it reaches.
    pub subject_ids: Vec<SubjectId>,
    /// On what grounds.
    pub grounds: crate::set::Set<ExceptionGround>,
    /// The instrument, for a legal requirement.
    pub instrument: Option<Instrument>,
    /// The asserter says minutes matter and acts alone.
    pub break_glass: bool,
}

/// A mandatory exception was confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionConfirmed {
    /// The exception.
    pub exception_id: ExceptionId,
}

/// A mandatory exception was lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionLifted {
    /// The exception.
    pub exception_id: ExceptionId,
    /// Why.
    pub reason: Option<LiftReason>,
}

/// A disclosure was permitted or denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisclosureDecided {
    /// The decision.
    pub decision_id: DecisionId,
    /// What was asked.
    pub request: Request,
    /// The answer.
    pub outcome: Outcome,
    /// What it rests on.
    pub bases: Vec<Basis>,
    /// What is let through.
    pub mask: Mask,
    /// The time it was decided at.
    pub decided_at: Timestamp,
    /// Until when it may be released, exclusive; absent for a refusal.
    pub expires_at: Option<Timestamp>,
    /// The case's revision it was decided on.
    pub case_revision: Revision,
    /// The revision of the organisation's directory stream it was decided on.
    pub directory_revision: Revision,
    /// What it binds us to.
    pub obligations: Vec<Obligation>,
    /// What the recipient was in the directory then.
    pub recipient_kind: Option<RecipientKind>,
    /// The attested narratives that are let through.
    #[serde(default)]
    pub narratives: Vec<AttestedNarrative>,
}

/// A referral was made and released to one recipient unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferralReleased {
    /// The referral.
    pub referral_id: ReferralId,
    /// The decision that permits it.
    pub decision_id: DecisionId,
    /// The recipient unit.
    pub unit_id: UnitId,
    /// Its organisation.
    pub organization_id: OrganizationId,
    /// The people it speaks of.
    pub subject_ids: Vec<SubjectId>,
    /// SHA-256 of the canonical report.
    pub report_digest: [u8; 32],
    /// The first referral, for a supplementary one.
    pub supplementary_to: Option<ReferralId>,
}

/// A referral was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferralDelivered {
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// The referral.
    pub referral_id: ReferralId,
    /// The decision that permitted it.
    pub decision_id: DecisionId,
    /// The recipient unit.
    pub unit_id: UnitId,
    /// How it reached the recipient.
    pub channel: Option<DeliveryChannel>,
    /// SHA-256 of the canonical report delivered.
    pub report_digest: [u8; 32],
    /// The case's revision it was decided again on.
    pub case_revision: Revision,
    /// When it was decided again.
    pub decided_at: Option<Timestamp>,
    /// The first end of what it rests on, exclusive. Older records do not say it.
    pub expires_at: Option<Timestamp>,
}

/// A recipient acknowledged a referral.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferralAcknowledged {
    /// The referral.
    pub referral_id: ReferralId,
    /// The recipient unit.
    pub unit_id: UnitId,
}

/// A referral was recalled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferralRecalled {
    /// The referral.
    pub referral_id: ReferralId,
    /// Why.
    pub reason: Option<RecallReason>,
}

/// Something was disclosed without this system or beyond it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisclosedOutsideSystem {
    /// The disclosure.
    pub disclosure_id: DisclosureId,
    /// The recipient unit, where it is in the directory.
    pub unit_id: Option<UnitId>,
    /// The people spoken of.
    pub subject_ids: Vec<SubjectId>,
    /// The categories told.
    pub categories: Categories,
}

/// The case was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseClosed {
    /// How.
    pub closure: Option<CaseClosure>,
}

/// The case was reopened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseReopened {}

/// Whose data keys were destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shredded {
    /// A person's, and those of every narrative that speaks of the person.
    Person(SubjectId),
    /// A narrative's.
    Narrative(NarrativeId),
    /// The case's own, everybody's and every narrative's.
    Case,
}

/// Data keys were destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyShredded {
    /// Whose.
    pub whose: Shredded,
    /// Why.
    pub ground: Option<ShredGround>,
}

/// A legal hold was placed. What it refers to is sealed and does not reach the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHoldPlaced {
    /// The hold.
    pub hold_id: HoldId,
    /// Why.
    pub ground: Option<HoldGround>,
}

/// A legal hold was lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHoldLifted {
    /// The hold.
    pub hold_id: HoldId,
    /// Why.
    pub reason: Option<HoldLiftReason>,
}

/// A number was given to the case. It is sealed and does not reach the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberAssigned {
    /// The caller's person, where recorded as one.
    pub subject_id: Option<SubjectId>,
}

/// A caller chose a phrase. What was stretched from it is sealed and does not reach the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhraseChosen {
    /// The caller's person, where recorded as one.
    pub subject_id: Option<SubjectId>,
}
