//! What the ledger refuses of a case event because of the case's state: a word about something that is not there, a step
//! out of order, a role that may not take it. What the bytes alone show to be wrong is refused before, elsewhere.

mod closed;
mod narratives;
mod safeguards;

use closed::happens_in_closed_case;

use crate::delivery::DELIVERED_WITHIN;
use crate::event::{
    Actor, CaseEvent, ConsentGiven, DisclosureDecided, ExceptionAsserted, KeyShredded, LegalHoldPlaced,
    ReferralDelivered, ReferralReleased, Shredded,
};
use crate::exception;
use crate::facts::CaseFacts;
use crate::ids::{ConsentId, ExceptionId, HoldId, NarrativeId, Revision, SubjectId};
use crate::policy::Policy;
use crate::time::Timestamp;
use crate::vocabulary::{ConsentKind, ExceptionKind, GrantorKind, Outcome, PersonRole, Role, ShredGround, vocabulary};

vocabulary! {
    /// Why an event is refused. Names are stable: clients act on them.
    ViolationReason {
        /// The event cannot be read.
        Unreadable = "unreadable",
        /// The case is not known.
        CaseUnknown = "case_unknown",
        /// The case is open already.
        CaseAlreadyOpened = "case_already_opened",
        /// The case is closed, and this does not happen in a closed case.
        CaseClosed = "case_closed",
        /// The case is not closed.
        CaseNotClosed = "case_not_closed",
        /// The person was not identified in this case.
        SubjectUnknown = "subject_unknown",
        /// No person is named where one is needed.
        SubjectMissing = "subject_missing",
        /// The person is not a suspect.
        SubjectNotSuspect = "subject_not_suspect",
        /// The id stands in the case already.
        DuplicateId = "duplicate_id",
        /// The tip is not known.
        TipUnknown = "tip_unknown",
        /// A report consent names its tip.
        TipMissing = "tip_missing",
        /// The person did not bring this tip.
        NotTheBringer = "not_the_bringer",
        /// The consent record is not known.
        ConsentUnknown = "consent_unknown",
        /// A representative's consent names the representative.
        RepresentativeMissing = "representative_missing",
        /// A suspect represents nobody.
        RepresentativeIsSuspect = "representative_is_suspect",
        /// The exception is not known.
        ExceptionUnknown = "exception_unknown",
        /// The exception was lifted.
        ExceptionLifted = "exception_lifted",
        /// The exception has expired.
        ExceptionExpired = "exception_expired",
        /// The exception is confirmed already.
        ExceptionConfirmed = "exception_confirmed",
        /// A subpoena of the defence is not confirmed: it is no basis.
        DefenceSubpoena = "defence_subpoena",
        /// The grounds do not support this exception.
        GroundMissing = "ground_missing",
        /// A legal requirement rests on an instrument.
        InstrumentMissing = "instrument_missing",
        /// Who asserted does not confirm.
        SamePerson = "same_person",
        /// A person must do this; a service alone may not.
        PersonRequired = "person_required",
        /// A supervisor must do this.
        SupervisorRequired = "supervisor_required",
        /// The decision is not known.
        DecisionUnknown = "decision_unknown",
        /// The decision denies.
        DecisionDenies = "decision_denies",
        /// The decision has expired.
        DecisionExpired = "decision_expired",
        /// Something happened since that makes it be decided again.
        DecisionSuperseded = "decision_superseded",
        /// Outcome, bases and mask contradict each other.
        DecisionInconsistent = "decision_inconsistent",
        /// The case has moved since this was decided.
        CaseMoved = "case_moved",
        /// The referral is not known.
        ReferralUnknown = "referral_unknown",
        /// The referral was recalled.
        ReferralRecalled = "referral_recalled",
        /// The referral was not delivered.
        ReferralNotDelivered = "referral_not_delivered",
        /// The referral is for another unit.
        OtherUnit = "other_unit",
        /// The report is another one than was released.
        OtherReport = "other_report",
        /// The first referral is another one than was decided on.
        OtherSupplementary = "other_supplementary",
        /// The organisation is not registered.
        OrganizationUnknown = "organization_unknown",
        /// This stream belongs to another organisation.
        OtherOrganization = "other_organization",
        /// The unit is not registered.
        UnitUnknown = "unit_unknown",
        /// It would end before it begins.
        EndsBeforeItBegins = "ends_before_it_begins",
        /// A supervisor or somebody of compliance must do this.
        OfficerRequired = "officer_required",
        /// A legal hold stands.
        LegalHold = "legal_hold",
        /// The hold is not known.
        HoldUnknown = "hold_unknown",
        /// The hold was lifted.
        HoldLifted = "hold_lifted",
        /// The narrative is not known.
        NarrativeUnknown = "narrative_unknown",
        /// The case is open.
        CaseStillOpen = "case_still_open",
        /// Something in the case cannot be read.
        CaseUnreadable = "case_unreadable",
        /// No policy of this digest was adopted.
        PolicyNotAdopted = "policy_not_adopted",
        /// The policy was adopted before.
        PolicyAdopted = "policy_adopted",
        /// The shift is longer than any may be.
        ShiftTooLong = "shift_too_long",
        /// The person is not on shift.
        NotOnShift = "not_on_shift",
        /// The data was erased.
        DataErased = "data_erased",
        /// The case has a number.
        AlreadyNumbered = "already_numbered",
        /// The verification is not known.
        AuthorityUnknown = "authority_unknown",
        /// The authority was revoked.
        AuthorityRevoked = "authority_revoked",
        /// Nobody represents themself.
        RepresentsSelf = "represents_self",
        /// The approval is not known.
        ApprovalUnknown = "approval_unknown",
        /// The approval was decided.
        ApprovalDecided = "approval_decided",
        /// The approval has expired.
        ApprovalExpired = "approval_expired",
        /// The approval has not expired.
        ApprovalNotExpired = "approval_not_expired",
        /// The decision binds us to no such thing.
        ObligationUnknown = "obligation_unknown",
        /// The clock alone notes this.
        ClockOnly = "clock_only",
        /// It was noted before.
        AlreadyNoted = "already_noted",
        /// The person may not be contacted so.
        ContactNotSafe = "contact_not_safe",
        /// The disclosure is not known.
        DisclosureUnknown = "disclosure_unknown",
        /// It was reviewed.
        AlreadyReviewed = "already_reviewed",
        /// The referral was not recalled.
        ReferralNotRecalled = "referral_not_recalled",
        /// The time of what the referral rests on is not over.
        ReferralNotExpired = "referral_not_expired",
        /// A supervisor is on shift.
        SupervisorOnShift = "supervisor_on_shift",
        /// It was decided too long before it is recorded.
        DecidedTooLongAgo = "decided_too_long_ago",
        /// The review is not known.
        ReviewUnknown = "review_unknown",
        /// The review is of another narrative, unit or people.
        OtherReview = "other_review",
        /// A reviewer must do this.
        ReviewerRequired = "reviewer_required",
        /// Somebody could tell who said this.
        TellsWhoSaidIt = "tells_who_said_it",
        /// What it was made from has changed.
        NamesChanged = "names_changed",
    }
}

impl ViolationReason {
    /// The reason as a sentence, for whoever sent the event.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Unreadable => "this event cannot be read here; send one of the kinds and values of the contract",
            Self::CaseUnknown => "the case was not opened; open it first",
            Self::CaseAlreadyOpened => "the case was opened before; a case opens once",
            Self::CaseClosed => "the case is closed; reopen it first",
            Self::CaseNotClosed => "the case is not closed; there is nothing to reopen",
            Self::SubjectUnknown => "this person was not identified in the case; identify them first",
            Self::SubjectMissing => "a person must be named here",
            Self::SubjectNotSuspect => "this person does not have the role of suspect; add the role first",
            Self::DuplicateId => "this id stands in the case already; choose a new one",
            Self::TipUnknown => "this tip is not in the case; record it first",
            Self::TipMissing => "a report consent belongs to a tip; name it",
            Self::NotTheBringer => "only whoever brought a tip can consent to its report",
            Self::ConsentUnknown => "this consent record is not in the case",
            Self::RepresentativeMissing => "the representative must be named",
            Self::RepresentativeIsSuspect => "a suspect represents nobody",
            Self::ExceptionUnknown => "this exception is not in the case; assert it first",
            Self::ExceptionLifted => "the exception was lifted; assert it again if it is needed",
            Self::ExceptionExpired => "the exception has expired; assert it again if it is needed",
            Self::ExceptionConfirmed => "the exception was confirmed before",
            Self::DefenceSubpoena => "a subpoena of the defence is a hold and a refusal; there is nothing to confirm",
            Self::GroundMissing => "an exception needs a ground that fits its kind",
            Self::InstrumentMissing => "a legal requirement needs its instrument",
            Self::SamePerson => "another person must do this than asserted, placed or closed it",
            Self::PersonRequired => "a person must do this, not a service alone",
            Self::SupervisorRequired => "a supervisor must do this",
            Self::DecisionUnknown => "this decision is not in the case",
            Self::DecisionDenies => "the decision denies",
            Self::DecisionExpired => "the decision has expired; decide again",
            Self::DecisionSuperseded => "the case has changed since; decide again",
            Self::DecisionInconsistent => "outcome, bases, mask and expiry of the decision do not fit together",
            Self::CaseMoved => "the case has moved since this was decided; decide again",
            Self::ReferralUnknown => "this referral is not in the case",
            Self::ReferralRecalled => "the referral was recalled",
            Self::ReferralNotDelivered => "the referral was not delivered; there is nothing to acknowledge",
            Self::OtherUnit => "this is not the unit the referral was decided for",
            Self::OtherReport => "this is not the report that was released",
            Self::OtherSupplementary => "the first referral is not the one that was decided on",
            Self::OrganizationUnknown => "the organisation is not registered; register it first",
            Self::OtherOrganization => "the stream belongs to another organisation",
            Self::UnitUnknown => "the unit is not registered; register it first",
            Self::EndsBeforeItBegins => "the end lies before the beginning",
            Self::OfficerRequired => "a supervisor or somebody of compliance must do this",
            Self::LegalHold => "a legal hold stands; what it was placed for must be over, and another person lift it",
            Self::HoldUnknown => "this hold is not in the case",
            Self::HoldLifted => "the hold was lifted before",
            Self::NarrativeUnknown => "this narrative is not in the case",
            Self::CaseStillOpen => "the case is open; close it first",
            Self::CaseUnreadable => "something in the case cannot be read here and may be a hold; use a newer egide",
            Self::PolicyNotAdopted => "no policy of this digest was adopted; have compliance adopt it first",
            Self::PolicyAdopted => "this policy was adopted before; there is nothing to do",
            Self::ShiftTooLong => "a shift ends within 16 hours; start another one then",
            Self::NotOnShift => "this person is not on shift",
            Self::DataErased => "the data was erased, for good; what is new is recorded under a new id",
            Self::AlreadyNumbered => "the case has a number already; ask for that one",
            Self::AuthorityUnknown => "this verification is not in the case",
            Self::AuthorityRevoked => "the authority was revoked before",
            Self::RepresentsSelf => "nobody represents themself; name two people",
            Self::ApprovalUnknown => "this request for approval is not in the case",
            Self::ApprovalDecided => "this was decided before; ask for the disclosure again if it is needed",
            Self::ApprovalExpired => "nobody decided in time; ask for the disclosure again if it is needed",
            Self::ApprovalNotExpired => "there is still time to decide",
            Self::ObligationUnknown => "the decision binds us to no such thing",
            Self::ClockOnly => "the clock notes this by itself",
            Self::AlreadyNoted => "this was noted before",
            Self::ContactNotSafe => "by the person's own instructions, or without any, this contact is not safe now",
            Self::DisclosureUnknown => "this disclosure is not in the case; record it first",
            Self::AlreadyReviewed => "this was reviewed before",
            Self::ReferralNotRecalled => "the referral was not recalled; there is nothing to confirm",
            Self::ReferralNotExpired => "the time of what the referral rests on is not over",
            Self::SupervisorOnShift => "a supervisor is on shift; have them assert or confirm it",
            Self::DecidedTooLongAgo => "this was decided at another time than it would be recorded; decide again",
            Self::ReviewUnknown => "this review is not in the case; request it first",
            Self::OtherReview => "the review is of another narrative, unit or people",
            Self::ReviewerRequired => "a reviewer must do this",
            Self::TellsWhoSaidIt => {
                "only what nobody could trace to who said it is attested; mask more, or withhold it"
            }
            Self::NamesChanged => "somebody's name was recorded since this was read; look at it again",
        }
    }
}

/// One thing that is wrong with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// The field, by its name in the contract, from the event's payload; empty: the event as a whole.
    pub field: &'static str,
    /// Why.
    pub reason: ViolationReason,
}

struct Admission<'a> {
    facts: &'a CaseFacts,
    actor: &'a Actor,
    policy: &'a Policy,
    now: Timestamp,
    violations: Vec<Violation>,
}

/// What the ledger refuses of a case event because of the case's state, at the time of recording. Of a withdrawal it
/// refuses nothing but a case that does not exist.
///
/// # Errors
/// Every violation, at least one.
pub fn admit(
    facts: &CaseFacts,
    event: &CaseEvent,
    actor: &Actor,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), Vec<Violation>> {
    let mut admission = Admission { facts, actor, policy, now, violations: Vec::new() };
    admission.check_lifecycle(event);
    // Whatever else is wrong with an event for a case that does not exist would only tell that it does not.
    if facts.opened && admission.violations.is_empty() {
        admission.check(event);
    }
    if admission.violations.is_empty() { Ok(()) } else { Err(admission.violations) }
}

impl Admission<'_> {
    fn refuse(&mut self, field: &'static str, reason: ViolationReason) {
        self.violations.push(Violation { field, reason });
    }

    fn refuse_if(&mut self, wrong: bool, field: &'static str, reason: ViolationReason) {
        if wrong {
            self.refuse(field, reason);
        }
    }

    fn check_lifecycle(&mut self, event: &CaseEvent) {
        let opens = matches!(event, CaseEvent::CaseOpened(_));
        let reopens = matches!(event, CaseEvent::CaseReopened(_));
        if opens {
            self.refuse_if(self.facts.opened, "", ViolationReason::CaseAlreadyOpened);
        } else if !self.facts.opened {
            self.refuse("", ViolationReason::CaseUnknown);
        } else if self.facts.closed && !happens_in_closed_case(event) {
            self.refuse("", ViolationReason::CaseClosed);
        } else if reopens && !self.facts.closed {
            self.refuse("", ViolationReason::CaseNotClosed);
        }
    }

    fn check(&mut self, event: &CaseEvent) {
        match event {
            CaseEvent::TipReceived(tip) => {
                self.refuse_if(self.facts.tip(tip.tip_id).is_some(), "tip_id", ViolationReason::DuplicateId);
                self.check_subjects("bringer_subject_id", tip.bringer_subject_id.as_slice());
            }
            CaseEvent::AgeAssessed(assessed) => self.check_subject(assessed.subject_id),
            CaseEvent::ContactRecorded(contact) => self.check_subject(contact.subject_id),
            CaseEvent::WhereaboutsRecorded(place) => self.check_subject(place.subject_id),
            CaseEvent::SituationRecorded(recorded) => self.check_subject(recorded.subject_id),
            CaseEvent::ImmigrationRecorded(recorded) => self.check_subject(recorded.subject_id),
            CaseEvent::HealthRecorded(recorded) => self.check_subject(recorded.subject_id),
            CaseEvent::FinancesRecorded(recorded) => self.check_subject(recorded.subject_id),
            CaseEvent::SuspectDescribed(described) => self.check_suspect(described.subject_id),
            CaseEvent::NarrativeRecorded(narrative) => {
                let known = self.facts.narrative(narrative.narrative_id);
                self.refuse_if(known.is_some(), "narrative_id", ViolationReason::DuplicateId);
                self.check_subjects("subject_ids", &narrative.subject_ids);
            }
            CaseEvent::SupervisorReviewed(review) => {
                self.refuse_if(self.facts.tip(review.tip_id).is_none(), "tip_id", ViolationReason::TipUnknown);
                self.check_supervisor();
            }
            CaseEvent::ConsentGiven(given) => self.check_consent(given),
            CaseEvent::ConsentRefused(refused) => {
                self.check_new_consent(refused.consent_id);
                // Also of somebody whose data was erased: a refusal only holds back.
                let unknown = self.facts.person(refused.subject_id).is_none();
                self.refuse_if(unknown, "subject_id", ViolationReason::SubjectUnknown);
            }
            CaseEvent::ExceptionAsserted(asserted) => self.check_exception(asserted),
            CaseEvent::ExceptionConfirmed(confirmed) => self.check_confirmation(confirmed.exception_id),
            CaseEvent::ExceptionLifted(lifted) => self.check_exception_lifted(lifted),
            CaseEvent::DisclosureDecided(decided) => self.check_decision(decided),
            CaseEvent::ReferralReleased(released) => self.check_release(released),
            CaseEvent::ReferralDelivered(delivered) => self.check_delivery(delivered),
            CaseEvent::ReferralAcknowledged(receipt) => match self.facts.referral(receipt.referral_id) {
                None => self.refuse("referral_id", ViolationReason::ReferralUnknown),
                Some(referral) => {
                    let other_unit = referral.released.unit_id != receipt.unit_id;
                    self.refuse_if(other_unit, "unit_id", ViolationReason::OtherUnit);
                    let undelivered = referral.deliveries.is_empty();
                    self.refuse_if(undelivered, "referral_id", ViolationReason::ReferralNotDelivered);
                }
            },
            // A recall always works, a second one too.
            CaseEvent::ReferralRecalled(recalled) => {
                let unknown = self.facts.referral(recalled.referral_id).is_none();
                self.refuse_if(unknown, "referral_id", ViolationReason::ReferralUnknown);
            }
            // Never refused for what it says: it happened.
            CaseEvent::DisclosedOutsideSystem(outside) => {
                let known = self.facts.outside(outside.disclosure_id).is_some();
                self.refuse_if(known, "disclosure_id", ViolationReason::DuplicateId);
            }
            CaseEvent::PersonIdentified(identified) => {
                let erased = self.facts.is_erased(identified.subject_id);
                self.refuse_if(erased, "subject_id", ViolationReason::DataErased);
            }
            CaseEvent::CaseReopened(_) => self.refuse_if(self.facts.erased, "", ViolationReason::DataErased),
            CaseEvent::KeyShredded(shredded) => self.check_shred(shredded),
            CaseEvent::LegalHoldPlaced(placed) => self.check_hold(placed),
            CaseEvent::LegalHoldLifted(lifted) => self.check_lift(lifted.hold_id),
            CaseEvent::NumberAssigned(assigned) => {
                self.refuse_if(self.facts.numbered, "number", ViolationReason::AlreadyNumbered);
                self.check_subjects("subject_id", assigned.subject_id.as_slice());
            }
            CaseEvent::PhraseChosen(chosen) => self.check_subjects("subject_id", chosen.subject_id.as_slice()),
            CaseEvent::AuthorityVerified(verified) => self.check_authority(verified),
            CaseEvent::AuthorityRevoked(revoked) => match self.facts.authority(revoked.verification_id) {
                None => self.refuse("verification_id", ViolationReason::AuthorityUnknown),
                Some(known) => self.refuse_if(known.revoked, "verification_id", ViolationReason::AuthorityRevoked),
            },
            CaseEvent::WishesRecorded(wishes) => self.check_wishes(wishes),
            CaseEvent::ApprovalRequested(requested) => self.check_approval_requested(requested),
            CaseEvent::ApprovalDecided(decided) => self.check_approval(decided),
            CaseEvent::ObligationNoted(noted) => self.check_obligation(noted),
            CaseEvent::ContactCleared(cleared) => self.check_contact(cleared),
            // Never refused for what it says: it happened.
            CaseEvent::ContactMade(made) => {
                let unknown = self.facts.person(made.subject_id).is_none();
                self.refuse_if(unknown, "subject_id", ViolationReason::SubjectUnknown);
            }
            CaseEvent::OutsideDisclosureReviewed(review) => self.check_outside_review(review),
            CaseEvent::RecallAcknowledged(receipt) => match self.facts.referral(receipt.referral_id) {
                None => self.refuse("referral_id", ViolationReason::ReferralUnknown),
                Some(referral) => {
                    let other_unit = referral.released.unit_id != receipt.unit_id;
                    self.refuse_if(other_unit, "unit_id", ViolationReason::OtherUnit);
                    self.refuse_if(!referral.recalled, "referral_id", ViolationReason::ReferralNotRecalled);
                }
            },
            CaseEvent::UnitNotified(notified) => self.check_notified(notified),
            CaseEvent::ReferralExpired(expired) => self.check_expiry(expired),
            CaseEvent::NarrativeReviewRequested(requested) => self.check_review_requested(requested),
            CaseEvent::NarrativeAttested(attested) => self.check_attested(attested),
            CaseEvent::NarrativeWithheld(withheld) => self.check_withheld(withheld),
            CaseEvent::Unreadable => self.refuse("", ViolationReason::Unreadable),
            // Taking back needs nothing.
            CaseEvent::ConsentWithdrawn(_)
            | CaseEvent::CaseOpened(_)
            | CaseEvent::TriageAssessed(_)
            | CaseEvent::CaseClosed(_) => {}
        }
    }

    /// What cannot be undone, and what keeps it from being done, is for supervisors and compliance.
    fn check_officer(&mut self) {
        let officer = self.actor.acts_as(Role::Supervisor) || self.actor.acts_as(Role::Compliance);
        self.refuse_if(!officer, "actor.role", ViolationReason::OfficerRequired);
    }

    fn check_shred(&mut self, shredded: &KeyShredded) {
        self.check_officer();
        self.refuse_if(self.facts.legal_hold(), "", ViolationReason::LegalHold);
        // What cannot be read may be a hold.
        self.refuse_if(self.facts.unreadable.is_some(), "", ViolationReason::CaseUnreadable);
        let scheduled = shredded.ground == Some(ShredGround::Schedule);
        let whole = matches!(shredded.whose, Shredded::Case);
        self.refuse_if((scheduled || whole) && !self.facts.closed, "", ViolationReason::CaseStillOpen);
        match shredded.whose {
            Shredded::Person(subject_id) => self.check_subject(subject_id),
            Shredded::Narrative(narrative_id) => self.check_narrative(narrative_id),
            Shredded::Case => {
                self.refuse_if(self.facts.erased, "", ViolationReason::DataErased);
                // Everything at once takes two people: who closes the case does not shred it.
                let same = |closed: &Actor| closed.person.is_some() && closed.person == self.actor.person;
                let same = self.facts.closed_by.as_ref().is_some_and(same);
                self.refuse_if(same, "actor.person", ViolationReason::SamePerson);
            }
        }
    }

    fn check_narrative(&mut self, narrative_id: NarrativeId) {
        match self.facts.narrative(narrative_id) {
            None => self.refuse("narrative_id", ViolationReason::NarrativeUnknown),
            Some(known) => self.refuse_if(known.erased, "narrative_id", ViolationReason::DataErased),
        }
    }

    fn check_hold(&mut self, placed: &LegalHoldPlaced) {
        self.check_officer();
        let known = self.facts.hold_of(placed.hold_id).is_some();
        self.refuse_if(known, "hold_id", ViolationReason::DuplicateId);
        self.refuse_if(self.facts.erased, "", ViolationReason::DataErased);
    }

    fn check_lift(&mut self, hold_id: HoldId) {
        self.check_officer();
        let Some(known) = self.facts.hold_of(hold_id) else {
            return self.refuse("hold_id", ViolationReason::HoldUnknown);
        };
        self.refuse_if(known.lifted, "hold_id", ViolationReason::HoldLifted);
        let another = self.actor.is_another_person_than(&known.by);
        self.refuse_if(!another, "actor.person", ViolationReason::SamePerson);
    }

    fn check_subject(&mut self, subject_id: SubjectId) {
        self.check_subjects("subject_id", &[subject_id]);
    }

    fn check_subjects(&mut self, field: &'static str, subject_ids: &[SubjectId]) {
        let unknown = subject_ids.iter().any(|subject_id| self.facts.person(*subject_id).is_none());
        self.refuse_if(unknown, field, ViolationReason::SubjectUnknown);
        let erased = subject_ids.iter().any(|subject_id| self.facts.is_erased(*subject_id));
        self.refuse_if(erased, field, ViolationReason::DataErased);
    }

    fn check_suspect(&mut self, subject_id: SubjectId) {
        match self.facts.person(subject_id) {
            None => self.refuse("subject_id", ViolationReason::SubjectUnknown),
            Some(person) => {
                let suspect = person.roles.contains(PersonRole::Suspect);
                let erased = person.erased;
                self.refuse_if(!suspect, "subject_id", ViolationReason::SubjectNotSuspect);
                self.refuse_if(erased, "subject_id", ViolationReason::DataErased);
            }
        }
    }

    fn check_supervisor(&mut self) {
        self.refuse_if(!self.actor.acts_as(Role::Supervisor), "actor.role", ViolationReason::SupervisorRequired);
    }

    fn check_new_consent(&mut self, consent_id: ConsentId) {
        self.refuse_if(self.facts.has_consent(consent_id), "consent_id", ViolationReason::DuplicateId);
    }

    fn check_consent(&mut self, given: &ConsentGiven) {
        self.check_new_consent(given.consent_id);
        self.check_subjects("subject_id", given.subject_id.as_slice());
        let unknown = given.supersedes.iter().any(|known| !self.facts.has_consent(*known));
        self.refuse_if(unknown, "supersedes", ViolationReason::ConsentUnknown);
        if given.kind == Some(ConsentKind::Report) {
            match given.tip_id.map(|tip_id| self.facts.tip(tip_id)) {
                None => self.refuse("tip_id", ViolationReason::TipMissing),
                Some(None) => self.refuse("tip_id", ViolationReason::TipUnknown),
                Some(Some(tip)) => {
                    self.refuse_if(tip.bringer != given.subject_id, "subject_id", ViolationReason::NotTheBringer);
                }
            }
        } else {
            self.refuse_if(given.subject_id.is_none(), "subject_id", ViolationReason::SubjectMissing);
        }
        if given.grantor == Some(GrantorKind::Representative) {
            self.check_representative(given.representative_subject_id);
        }
    }

    fn check_representative(&mut self, representative: Option<SubjectId>) {
        const FIELD: &str = "representative_subject_id";
        match representative.map(|subject_id| self.facts.person(subject_id)) {
            None => self.refuse(FIELD, ViolationReason::RepresentativeMissing),
            Some(None) => self.refuse(FIELD, ViolationReason::SubjectUnknown),
            Some(Some(person)) => {
                let suspect = person.roles.contains(PersonRole::Suspect);
                self.refuse_if(suspect, FIELD, ViolationReason::RepresentativeIsSuspect);
            }
        }
    }

    fn check_exception(&mut self, asserted: &ExceptionAsserted) {
        let known = self.facts.exception(asserted.exception_id).is_some();
        self.refuse_if(known, "exception_id", ViolationReason::DuplicateId);
        // Whoever confirms must be another person, so it must be known who asserted.
        self.refuse_if(self.actor.person.is_none(), "actor.person", ViolationReason::PersonRequired);
        self.check_subjects("subject_ids", &asserted.subject_ids);
        let subpoena = exception::is_defence_subpoena(asserted);
        let nobody = asserted.subject_ids.is_empty() && !subpoena;
        self.refuse_if(nobody, "subject_ids", ViolationReason::SubjectMissing);
        let fits = self.policy.exception(asserted.kind).is_some_and(|rule| rule.grounds.intersects(asserted.grounds));
        self.refuse_if(!fits, "grounds", ViolationReason::GroundMissing);
        let without = asserted.kind == ExceptionKind::LegalRequirement && asserted.instrument.is_none();
        self.refuse_if(without, "instrument", ViolationReason::InstrumentMissing);
        // Whether a supervisor is on shift, whom a responder would have to ask, stands in the house's own records.
        let alone = self.policy.exception(asserted.kind).is_some_and(|rule| rule.responder_alone);
        if asserted.break_glass && !(alone && self.actor.acts_as(Role::Responder)) {
            self.check_supervisor();
        }
    }

    fn check_confirmation(&mut self, exception_id: ExceptionId) {
        const FIELD: &str = "exception_id";
        self.check_supervisor();
        let Some(known) = self.facts.exception(exception_id) else {
            return self.refuse(FIELD, ViolationReason::ExceptionUnknown);
        };
        self.refuse_if(known.is_lifted(), FIELD, ViolationReason::ExceptionLifted);
        self.refuse_if(known.confirmation.is_some(), FIELD, ViolationReason::ExceptionConfirmed);
        self.refuse_if(known.is_defence_subpoena(), FIELD, ViolationReason::DefenceSubpoena);
        self.refuse_if(!exception::is_alive(known, self.policy, self.now), FIELD, ViolationReason::ExceptionExpired);
        if self.actor.person.is_none() {
            self.refuse("actor.person", ViolationReason::PersonRequired);
        } else {
            let another = self.actor.is_another_person_than(&known.by);
            self.refuse_if(!another, "actor.person", ViolationReason::SamePerson);
        }
    }

    fn check_revision(&mut self, decided_on: Revision) {
        self.refuse_if(decided_on != self.facts.revision, "case_revision", ViolationReason::CaseMoved);
    }

    fn check_decision(&mut self, decided: &DisclosureDecided) {
        let known = self.facts.decision(decided.decision_id).is_some();
        self.refuse_if(known, "decision_id", ViolationReason::DuplicateId);
        self.check_revision(decided.case_revision);
        let consistent = match decided.outcome {
            Outcome::Permit => {
                let rests = |entry: &crate::decision::MaskEntry| {
                    let known = |index| usize::try_from(index).is_ok_and(|index| index < decided.bases.len());
                    !entry.bases.is_empty() && entry.bases.iter().all(known)
                };
                !decided.mask.is_empty()
                    && decided.mask.entries().iter().all(rests)
                    && decided.expires_at.is_some_and(|expires_at| self.now < expires_at)
            }
            Outcome::Deny => decided.mask.is_empty() && decided.bases.is_empty(),
        };
        self.refuse_if(!consistent, "outcome", ViolationReason::DecisionInconsistent);
        let unit_id = decided.request.unit_id;
        let hold = crate::narrative::all_hold(self.facts, unit_id, &decided.mask, &decided.narratives);
        self.refuse_if(!hold, "narratives", ViolationReason::DecisionInconsistent);
        let stranger = decided.mask.entries().iter().any(|entry| self.facts.person(entry.subject_id).is_none());
        self.refuse_if(stranger, "mask", ViolationReason::SubjectUnknown);
    }

    fn check_release(&mut self, released: &ReferralReleased) {
        let known = self.facts.referral(released.referral_id).is_some();
        self.refuse_if(known, "referral_id", ViolationReason::DuplicateId);
        let Some(decision) = self.facts.decision(released.decision_id) else {
            return self.refuse("decision_id", ViolationReason::DecisionUnknown);
        };
        let denies = decision.outcome != Outcome::Permit;
        self.refuse_if(denies, "decision_id", ViolationReason::DecisionDenies);
        let expired = decision.expires_at.is_none_or(|expires_at| expires_at <= self.now);
        self.refuse_if(expired && !denies, "decision_id", ViolationReason::DecisionExpired);
        // A release supersedes too, so that a decision is released once.
        let superseded = self.facts.superseded_since(decision.revision);
        self.refuse_if(superseded, "decision_id", ViolationReason::DecisionSuperseded);
        let request = &decision.request;
        self.refuse_if(request.unit_id != released.unit_id, "unit_id", ViolationReason::OtherUnit);
        let other = request.organization_id != released.organization_id;
        self.refuse_if(other, "organization_id", ViolationReason::OtherUnit);
        let other = request.supplementary_to != released.supplementary_to;
        self.refuse_if(other, "supplementary_to", ViolationReason::OtherSupplementary);
        let unmasked = released.subject_ids.iter().any(|subject_id| !decision.mask.mentions(*subject_id));
        self.refuse_if(unmasked, "subject_ids", ViolationReason::SubjectUnknown);
    }

    fn check_delivery(&mut self, delivered: &ReferralDelivered) {
        let known = self.facts.deliveries.contains(&delivered.delivery_id);
        self.refuse_if(known, "delivery_id", ViolationReason::DuplicateId);
        self.check_revision(delivered.case_revision);
        let Some(referral) = self.facts.referral(delivered.referral_id) else {
            return self.refuse("referral_id", ViolationReason::ReferralUnknown);
        };
        self.refuse_if(referral.recalled, "referral_id", ViolationReason::ReferralRecalled);
        let released = &referral.released;
        self.refuse_if(released.unit_id != delivered.unit_id, "unit_id", ViolationReason::OtherUnit);
        let other = released.decision_id != delivered.decision_id;
        self.refuse_if(other, "decision_id", ViolationReason::DecisionUnknown);
        let other = released.report_digest != delivered.report_digest;
        self.refuse_if(other, "report_digest", ViolationReason::OtherReport);
        self.check_time_of_delivery(delivered);
    }

    /// What reaches the log late is no delivery: nobody gets it any more, and what it rests on may have ended since it was decided.
    /// Both clocks are asked, the one it was decided by and the one it is recorded by; neither is believed further than the bound.
    fn check_time_of_delivery(&mut self, delivered: &ReferralDelivered) {
        let over = delivered.expires_at.is_none_or(|expires_at| expires_at <= self.now);
        self.refuse_if(over, "expires_at", ViolationReason::DecisionExpired);
        let apart = |decided_at: Timestamp| self.now.0.abs_diff(decided_at.0) > DELIVERED_WITHIN.0.unsigned_abs();
        let stale = delivered.decided_at.is_none_or(apart);
        self.refuse_if(stale, "decided_at", ViolationReason::DecidedTooLongAgo);
    }
}
