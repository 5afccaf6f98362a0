//! What is known of a case at a revision: the fold of its events, as far as the gate and the ledger's admission need it.

mod fold;
mod narratives;

pub(crate) use narratives::same_people;
pub use narratives::{Attestation, NarrativeFacts, ReviewFacts, ReviewState};

use crate::age::Majority;
use crate::decision::{AttestedNarrative, Basis, Mask, Obligation, Request};
use crate::event::{
    Actor, AuthorityVerified, CaseEvent, ConsentGiven, ConsentRefused, ConsentWithdrawn, ExceptionAsserted,
    ObligationNoted, Recorded, ReferralReleased, WishesRecorded,
};
use crate::ids::{
    AddressId, ApprovalId, ConsentId, ContactId, DecisionId, DeliveryId, DisclosureId, ExceptionId, HoldId, Position,
    ReferralId, Revision, SubjectId, TipId, UnitId, VerificationId,
};
use crate::policy::Policy;
use crate::set::{Jurisdictions, Roles, Set};
use crate::supersede::supersedes;
use crate::time::Timestamp;
use crate::vocabulary::{
    AgeBand, ApproachRule, ApprovalOutcome, Channel, ContactPermission, DataCategory, DeliveryChannel, HoldGround,
    Jurisdiction, LiftReason, NoticeGround, NoticeOutcome, Outcome, OutsideReviewOutcome, PersonRole, RecallReason,
    RecipientKind, ReviewOutcome, Role, TriageLevel,
};
use serde::{Deserialize, Serialize};

/// A person of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The person.
    pub subject_id: SubjectId,
    /// What the person is in the case; roles are only ever added.
    pub roles: Roles,
    /// The newest assessment of age.
    pub age: Option<AgeBand>,
    /// When it was recorded.
    pub age_assessed_at: Option<Timestamp>,
    /// Whether the person was ever assessed to be under 18.
    pub was_minor: bool,
    /// Where the person was last recorded to be, where that was known.
    pub place: Option<Jurisdiction>,
    /// The newest instruction whether the person may be contacted; absent: do not.
    pub contact: Option<ContactPermission>,
    /// The coded rules that came with it.
    pub contact_rules: Set<ApproachRule>,
    /// Whether the person's data was erased: there is nothing to disclose any more.
    pub erased: bool,
}

impl Person {
    const fn new(subject_id: SubjectId) -> Self {
        Self {
            subject_id,
            roles: Roles::EMPTY,
            age: None,
            age_assessed_at: None,
            was_minor: false,
            place: None,
            contact: None,
            contact_rules: Set::EMPTY,
            erased: false,
        }
    }

    /// Whether everything about the person counts as [`DataCategory::Suspects`]: a suspect who is
    /// not also potential victim, child or caller. Someone both suspect and potential victim is treated as victim.
    #[must_use]
    pub fn is_only_suspect(&self) -> bool {
        let treated_otherwise = Roles::from([PersonRole::PotentialVictim, PersonRole::Child, PersonRole::Caller]);
        self.roles.contains(PersonRole::Suspect) && !self.roles.intersects(treated_otherwise)
    }

    /// Under which category something of this person stands: everything about somebody who is only a suspect stands under
    /// suspects, whatever it says.
    #[must_use]
    pub fn category_of(&self, category: DataCategory) -> DataCategory {
        if self.is_only_suspect() { DataCategory::Suspects } else { category }
    }

    /// Whether nothing is known of the person but that their data was erased: nobody of the case ever had this id.
    const fn is_only_erased(&self) -> bool {
        self.erased && self.roles.is_empty()
    }

    /// Whether the person is a potential victim, whatever else.
    #[must_use]
    pub fn is_potential_victim(&self) -> bool {
        self.roles.contains(PersonRole::PotentialVictim)
    }
}

/// A tip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    /// The tip.
    pub tip_id: TipId,
    /// How it came; absent is treated like a web form.
    pub channel: Option<Channel>,
    /// Who brought it, where recorded as a person.
    pub bringer: Option<SubjectId>,
    /// Whether it is said to concern somebody under 18.
    pub concerns_minor: bool,
    /// When it was received, for the clock of 24 hours.
    pub received_at: Timestamp,
    /// The newest review by a supervisor.
    pub review: Option<ReviewOutcome>,
}

impl Tip {
    /// Whether it waits for a supervisor before anything may leave on consent (hotline policy, row 9).
    #[must_use]
    pub const fn needs_review(&self) -> bool {
        match self.channel {
            Some(Channel::WebForm | Channel::Email) | None => true,
            Some(Channel::Phone | Channel::Chat | Channel::InPerson) => false,
        }
    }
}

/// A record of consent, with where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRecord {
    /// Its revision: the order of the log decides what is newer.
    pub revision: Revision,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who recorded it.
    pub by: Actor,
    /// What it says.
    pub act: ConsentAct,
}

/// The three things a person can do with consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsentAct {
    /// Consent was given, possibly with denials in it.
    Given(ConsentGiven),
    /// Consent was refused.
    Refused(ConsentRefused),
    /// Consent was withdrawn.
    Withdrawn(ConsentWithdrawn),
}

/// A confirmation of an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Who confirmed: a supervisor, and another person than asserted.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A lift of an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lift {
    /// Who lifted it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Option<LiftReason>,
}

/// A mandatory exception as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionFacts {
    /// What was asserted.
    pub asserted: ExceptionAsserted,
    /// Who asserted it.
    pub by: Actor,
    /// When it was recorded; its life counts from here.
    pub at: Timestamp,
    /// Its confirmation, where a valid one was recorded.
    pub confirmation: Option<Confirmation>,
    /// Its lift, if it was lifted.
    pub lift: Option<Lift>,
}

impl ExceptionFacts {
    /// Whether it was lifted.
    #[must_use]
    pub const fn is_lifted(&self) -> bool {
        self.lift.is_some()
    }

    /// When a second person gave their word on it, for broken glass: another supervisor confirmed or lifted it.
    #[must_use]
    pub fn reviewed_at(&self) -> Option<Timestamp> {
        let by_another = |lift: &&Lift| lift.by.acts_as(Role::Supervisor) && lift.by.is_another_person_than(&self.by);
        let confirmed = self.confirmation.as_ref().map(|confirmation| confirmation.at);
        confirmed.or_else(|| self.lift.as_ref().filter(by_another).map(|lift| lift.at))
    }

    /// Whether it is a subpoena of the defence: a hold and a refusal, never a basis.
    #[must_use]
    pub fn is_defence_subpoena(&self) -> bool {
        crate::exception::is_defence_subpoena(&self.asserted)
    }
}

/// A legal hold as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldFacts {
    /// The hold; that of a subpoena of the defence has the bytes of its exception's id.
    pub hold_id: HoldId,
    /// Why.
    pub ground: Option<HoldGround>,
    /// Who placed it.
    pub by: Actor,
    /// Whether it was lifted, by another person.
    pub lifted: bool,
}

/// A decision as it stands in the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionFacts {
    /// The decision.
    pub decision_id: DecisionId,
    /// The revision of the event that records it.
    pub revision: Revision,
    /// What was asked.
    pub request: Request,
    /// The answer.
    pub outcome: Outcome,
    /// What it rests on.
    pub bases: Vec<Basis>,
    /// What it lets through.
    pub mask: Mask,
    /// Until when it may be released, exclusive; absent: it may not.
    pub expires_at: Option<Timestamp>,
    /// The time it was decided at.
    pub decided_at: Timestamp,
    /// What it binds us to.
    pub obligations: Vec<Obligation>,
    /// What the recipient was in the directory then.
    pub recipient_kind: Option<RecipientKind>,
    /// The attested narratives it lets through.
    pub narratives: Vec<AttestedNarrative>,
}

/// A delivery of a referral.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryFacts {
    /// When it was recorded.
    pub at: Timestamp,
    /// How it reached the recipient.
    pub channel: Option<DeliveryChannel>,
}

/// A verification of a representative's authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityFacts {
    /// What was verified.
    pub verified: AuthorityVerified,
    /// Who verified it.
    pub by: Actor,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// What became of a request for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalAnswer {
    /// The answer; once rejected or expired, for good.
    pub outcome: ApprovalOutcome,
    /// Who gave it; the clock, when it expired.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A request for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalFacts {
    /// The approval.
    pub approval_id: ApprovalId,
    /// The decision that demanded it; what was asked stands in it.
    pub decision_id: DecisionId,
    /// Who asked.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Until when it can be decided, exclusive; absent: it cannot.
    pub expires_at: Option<Timestamp>,
    /// The answer, if there is one.
    pub answer: Option<ApprovalAnswer>,
}

/// What a young person wished, where the law leaves a report open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WishFacts {
    /// What was recorded.
    pub recorded: WishesRecorded,
    /// When.
    pub at: Timestamp,
}

/// Something that was noted about an obligation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObligationNote {
    /// What was noted.
    pub noted: ObligationNoted,
    /// Who noted it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A disclosure outside the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideFacts {
    /// The disclosure.
    pub disclosure_id: DisclosureId,
    /// Who recorded it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// What its review found, if it was reviewed.
    pub review: Option<OutsideReviewOutcome>,
}

/// A referral as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferralFacts {
    /// The release.
    pub released: ReferralReleased,
    /// When it was released.
    pub at: Timestamp,
    /// Its deliveries, in the order of the log.
    pub deliveries: Vec<DeliveryFacts>,
    /// Whether the recipient acknowledged it.
    pub acknowledged: bool,
    /// Whether it was recalled.
    pub recalled: bool,
    /// Why, for the newest recall.
    pub recall_reason: Option<RecallReason>,
    /// Whether it was recalled, each time, only to be corrected or replaced by another one.
    pub recalled_to_replace: bool,
    /// Whether the recipient confirmed that it obeys the recall.
    pub recall_acknowledged: bool,
    /// Whether it was noted that the time of what it rests on is over.
    pub expired: bool,
    /// When it was first recalled.
    pub recalled_at: Option<Timestamp>,
    /// What became of telling the unit that something waits for it, in the order of the log.
    pub notices: Vec<NoticeFacts>,
}

/// What became of telling a unit at one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeFacts {
    /// Why it was told.
    pub ground: NoticeGround,
    /// Which address.
    pub address_id: AddressId,
    /// What became of it.
    pub outcome: NoticeOutcome,
    /// When that was recorded.
    pub at: Timestamp,
}

/// What is known of a case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CaseFacts {
    /// The last event's revision; 0: nothing is known.
    pub revision: Revision,
    /// The last event's position.
    pub position: Position,
    /// Whether the case was opened.
    pub opened: bool,
    /// Whether it is closed.
    pub closed: bool,
    /// The first event that could not be read, if any.
    pub unreadable: Option<Revision>,
    /// Where the case is, as said when it was opened.
    pub jurisdiction: Option<Jurisdiction>,
    /// The people of the case, sorted by id, and ids that were erased before anybody was said to have them.
    pub persons: Vec<Person>,
    /// The tips, in the order of the log.
    pub tips: Vec<Tip>,
    /// The newest assessment of urgency; see [`Self::triage`].
    pub assessed: Option<TriageLevel>,
    /// Everything done with consent, in the order of the log.
    pub consents: Vec<ConsentRecord>,
    /// The exceptions, in the order of the log.
    pub exceptions: Vec<ExceptionFacts>,
    /// The decisions, in the order of the log.
    pub decisions: Vec<DecisionFacts>,
    /// The referrals, in the order of the log.
    pub referrals: Vec<ReferralFacts>,
    /// The legal holds, in the order of the log; see [`Self::legal_hold`].
    pub holds: Vec<HoldFacts>,
    /// Whether everything of the case was erased.
    pub erased: bool,
    /// Who closed it, while it is closed.
    pub closed_by: Option<Actor>,
    /// Whether the case has a number: it gets one, once.
    pub numbered: bool,
    /// The revision of the last event that makes open permits be decided again; see [`supersedes`].
    pub superseding: Revision,
    /// The narratives, in the order of the log.
    pub narratives: Vec<NarrativeFacts>,
    /// The reviews of narratives, in the order of the log.
    pub reviews: Vec<ReviewFacts>,
    /// The revision of the last event that may hold somebody's name; what was attested before it does not hold.
    pub named: Revision,
    /// Ids that may not be used twice, of kinds the gate needs nothing else of.
    pub deliveries: Vec<DeliveryId>,
    /// What was disclosed outside the system, in the order of the log.
    pub disclosures_outside: Vec<OutsideFacts>,
    /// The verified authorities of representatives, in the order of the log.
    pub authorities: Vec<AuthorityFacts>,
    /// The requests for approval, in the order of the log.
    pub approvals: Vec<ApprovalFacts>,
    /// What young people wished, in the order of the log.
    pub wishes: Vec<WishFacts>,
    /// What was noted about obligations, in the order of the log.
    pub obligation_notes: Vec<ObligationNote>,
    /// The contacts that were cleared or made: an id is cleared once.
    pub contacts: Vec<ContactId>,
}

impl CaseFacts {
    /// The facts after one more event. Total: whatever the log holds has a meaning here, and what makes no sense in its
    /// place changes nothing that would widen.
    #[must_use]
    pub fn evolve(mut self, recorded: &Recorded<CaseEvent>) -> Self {
        self.apply(recorded);
        self
    }

    /// The facts of a case from all its events, in order.
    #[must_use]
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Recorded<CaseEvent>>) -> Self {
        events.into_iter().fold(Self::default(), Self::evolve)
    }

    /// Like [`Self::evolve`], in place.
    pub fn apply(&mut self, recorded: &Recorded<CaseEvent>) {
        self.revision = recorded.revision;
        self.position = recorded.position;
        if supersedes(&recorded.event) {
            self.superseding = recorded.revision;
        }
        self.apply_event(recorded);
    }
}

/// Looking things up.
impl CaseFacts {
    /// A person of the case. Somebody of whom nothing but an erasure is known is none.
    #[must_use]
    pub fn person(&self, subject_id: SubjectId) -> Option<&Person> {
        self.row(subject_id).filter(|person| !person.is_only_erased())
    }

    fn row(&self, subject_id: SubjectId) -> Option<&Person> {
        let place = self.persons.binary_search_by_key(&subject_id, |person| person.subject_id).ok()?;
        self.persons.get(place)
    }

    /// A tip.
    #[must_use]
    pub fn tip(&self, tip_id: TipId) -> Option<&Tip> {
        self.tips.iter().find(|tip| tip.tip_id == tip_id)
    }

    /// An exception.
    #[must_use]
    pub fn exception(&self, exception_id: ExceptionId) -> Option<&ExceptionFacts> {
        self.exceptions.iter().find(|exception| exception.asserted.exception_id == exception_id)
    }

    /// A request for approval.
    #[must_use]
    pub fn approval(&self, approval_id: ApprovalId) -> Option<&ApprovalFacts> {
        self.approvals.iter().find(|approval| approval.approval_id == approval_id)
    }

    /// A disclosure outside the system.
    #[must_use]
    pub fn outside(&self, disclosure_id: DisclosureId) -> Option<&OutsideFacts> {
        self.disclosures_outside.iter().find(|outside| outside.disclosure_id == disclosure_id)
    }

    /// A verification of a representative's authority.
    #[must_use]
    pub fn authority(&self, verification_id: VerificationId) -> Option<&AuthorityFacts> {
        self.authorities.iter().find(|known| known.verified.verification_id == verification_id)
    }

    /// A legal hold.
    #[must_use]
    pub fn hold_of(&self, hold_id: HoldId) -> Option<&HoldFacts> {
        self.holds.iter().find(|hold| hold.hold_id == hold_id)
    }

    /// The legal holds that stand: while there is one, nothing of the case is shredded.
    pub fn standing_holds(&self) -> impl Iterator<Item = &HoldFacts> {
        self.holds.iter().filter(|hold| !hold.lifted)
    }

    /// Whether a legal hold stands.
    #[must_use]
    pub fn legal_hold(&self) -> bool {
        self.standing_holds().next().is_some()
    }

    /// Whether a person's data was erased, with the case's or by itself.
    #[must_use]
    pub fn is_erased(&self, subject_id: SubjectId) -> bool {
        self.erased || self.row(subject_id).is_some_and(|person| person.erased)
    }

    /// A decision.
    #[must_use]
    pub fn decision(&self, decision_id: DecisionId) -> Option<&DecisionFacts> {
        self.decisions.iter().find(|decision| decision.decision_id == decision_id)
    }

    /// A referral.
    #[must_use]
    pub fn referral(&self, referral_id: ReferralId) -> Option<&ReferralFacts> {
        self.referrals.iter().find(|referral| referral.released.referral_id == referral_id)
    }

    /// Whether this id belongs to a record of consent or refusal.
    #[must_use]
    pub fn has_consent(&self, consent_id: ConsentId) -> bool {
        self.consents.iter().any(|record| record.act.consent_id() == Some(consent_id))
    }

    /// Whether something happened since this revision that makes an open permit be decided again.
    #[must_use]
    pub fn superseded_since(&self, revision: Revision) -> bool {
        self.superseding > revision
    }

    /// Whether somebody brought information to the case: has the role of caller, or is named as a tip's bringer.
    #[must_use]
    pub fn is_bringer(&self, person: &Person) -> bool {
        person.roles.contains(PersonRole::Caller) || self.tips.iter().any(|tip| tip.bringer == Some(person.subject_id))
    }

    /// Whether the case is known to concern somebody under 18: by age of anybody who is not only a suspect, or by a tip.
    #[must_use]
    pub fn concerns_minor(&self, now: Timestamp, policy: &Policy) -> bool {
        let minor = |person: &Person| !person.is_only_suspect() && person.majority_at(now, policy) == Majority::Minor;
        self.persons.iter().any(minor) || self.tips.iter().any(|tip| tip.concerns_minor)
    }

    /// The urgency that counts: a minor in the case makes it urgent whatever was assessed (hotline policy, row 10), but a
    /// case nobody assessed is not triaged.
    #[must_use]
    pub fn triage(&self, now: Timestamp, policy: &Policy) -> Option<TriageLevel> {
        match self.assessed {
            Some(_) if self.concerns_minor(now, policy) => Some(TriageLevel::Urgent),
            assessed => assessed,
        }
    }

    /// Whether the case is urgent: assessed so, or with a minor in it (hotline policy, row 10), triaged or not.
    #[must_use]
    pub fn is_urgent(&self, now: Timestamp, policy: &Policy) -> bool {
        self.assessed == Some(TriageLevel::Urgent) || self.concerns_minor(now, policy)
    }

    /// Where the case is: as said when it was opened, otherwise wherever its potential victims and children were seen.
    #[must_use]
    pub fn places(&self) -> Jurisdictions {
        match self.jurisdiction {
            Some(place) => Jurisdictions::only(place),
            None => {
                let concerned = Roles::from([PersonRole::PotentialVictim, PersonRole::Child]);
                let seen = self.persons.iter().filter(|person| person.roles.intersects(concerned));
                seen.filter_map(|person| person.place).collect()
            }
        }
    }

    /// Where a person is: as last recorded, otherwise where the case is. A suspect belongs to both.
    #[must_use]
    pub fn places_of(&self, person: &Person) -> Jurisdictions {
        match person.place {
            Some(place) if person.is_only_suspect() => Jurisdictions::only(place).union(self.places()),
            Some(place) => Jurisdictions::only(place),
            None => self.places(),
        }
    }

    /// Whether the case is abroad: everything known of where it is lies outside Canada. What is not known is not abroad.
    #[must_use]
    pub fn is_abroad(&self) -> bool {
        let concerned = Roles::from([PersonRole::PotentialVictim, PersonRole::Child]);
        let seen = self.persons.iter().filter(|person| person.roles.intersects(concerned));
        let places: Jurisdictions = seen.filter_map(|person| person.place).chain(self.jurisdiction).collect();
        places == Jurisdictions::only(Jurisdiction::Abroad)
    }

    /// Whether what concerns a person can only be referred, never reported (hotline policy, row 16): the person is abroad,
    /// or it is not known where the person is and the case is abroad. A suspect belongs to the case.
    #[must_use]
    pub fn is_abroad_for(&self, person: &Person) -> bool {
        match person.place {
            Some(place) if !person.is_only_suspect() => place == Jurisdiction::Abroad,
            Some(_) | None => self.is_abroad(),
        }
    }

    /// The unit that gets what is added to a referral: its recipient, unless it was recalled for another reason than to be
    /// corrected or replaced. Of several recalls each counts.
    #[must_use]
    pub fn holder(&self, referral_id: ReferralId) -> Option<UnitId> {
        let referral = self.referral(referral_id)?;
        (!referral.recalled || referral.recalled_to_replace).then_some(referral.released.unit_id)
    }
}

/// The hold that a subpoena of the defence is.
const fn hold_of(exception_id: ExceptionId) -> HoldId {
    HoldId(exception_id.0)
}

impl ConsentAct {
    /// The id of the record, for consents and refusals.
    #[must_use]
    pub const fn consent_id(&self) -> Option<ConsentId> {
        match self {
            Self::Given(given) => Some(given.consent_id),
            Self::Refused(refused) => Some(refused.consent_id),
            Self::Withdrawn(_) => None,
        }
    }
}
