//! Admission of what surrounds a disclosure: authorities, wishes, approvals, obligations, contacts, reviews.

use super::{Admission, ViolationReason};
use crate::contact::may_contact;
use crate::event::{
    ApprovalDecided, ApprovalRequested, AuthorityVerified, ContactCleared, ExceptionLifted, ObligationNoted,
    OutsideDisclosureReviewed, ReferralExpired, UnitNotified, WishesRecorded,
};
use crate::expiry::referral_ends_at;
use crate::facts::NoticeFacts;
use crate::vocabulary::{ApprovalOutcome, LiftReason, NoticeGround, ObligationState, Outcome, PersonRole};

impl Admission<'_> {
    /// Whoever is told that glass was broken without need is told so by another supervisor; any other lift needs little.
    pub(super) fn check_exception_lifted(&mut self, lifted: &ExceptionLifted) {
        let Some(known) = self.facts.exception(lifted.exception_id) else {
            return self.refuse("exception_id", ViolationReason::ExceptionUnknown);
        };
        self.refuse_if(known.is_lifted(), "exception_id", ViolationReason::ExceptionLifted);
        if lifted.reason == Some(LiftReason::NotJustified) {
            self.check_supervisor();
            let another = self.actor.is_another_person_than(&known.by);
            self.refuse_if(!another, "actor.person", ViolationReason::SamePerson);
        }
    }

    pub(super) fn check_authority(&mut self, verified: &AuthorityVerified) {
        const REPRESENTATIVE: &str = "representative_subject_id";
        self.check_supervisor();
        let known = self.facts.authority(verified.verification_id).is_some();
        self.refuse_if(known, "verification_id", ViolationReason::DuplicateId);
        self.check_subject(verified.subject_id);
        self.check_subjects(REPRESENTATIVE, &[verified.representative_subject_id]);
        let themself = verified.subject_id == verified.representative_subject_id;
        self.refuse_if(themself, REPRESENTATIVE, ViolationReason::RepresentsSelf);
        let representative = self.facts.person(verified.representative_subject_id);
        let suspect = representative.is_some_and(|person| person.roles.contains(PersonRole::Suspect));
        self.refuse_if(suspect, REPRESENTATIVE, ViolationReason::RepresentativeIsSuspect);
        let over = verified.expires_at.is_some_and(|expires_at| expires_at <= self.now);
        self.refuse_if(over, "expires_at", ViolationReason::EndsBeforeItBegins);
    }

    pub(super) fn check_wishes(&mut self, wishes: &WishesRecorded) {
        self.check_supervisor();
        self.check_subject(wishes.subject_id);
        let unknown = self.facts.exception(wishes.exception_id).is_none();
        self.refuse_if(unknown, "exception_id", ViolationReason::ExceptionUnknown);
    }

    pub(super) fn check_approval_requested(&mut self, requested: &ApprovalRequested) {
        let known = self.facts.approval(requested.approval_id).is_some();
        self.refuse_if(known, "approval_id", ViolationReason::DuplicateId);
        // Whoever approves must be another person, so it must be known who asked.
        self.refuse_if(self.actor.person.is_none(), "actor.person", ViolationReason::PersonRequired);
        match self.facts.decision(requested.decision_id) {
            None => self.refuse("decision_id", ViolationReason::DecisionUnknown),
            Some(decision) => {
                let permits = decision.outcome != Outcome::Deny;
                self.refuse_if(permits, "decision_id", ViolationReason::DecisionInconsistent);
            }
        }
    }

    pub(super) fn check_approval(&mut self, decided: &ApprovalDecided) {
        const FIELD: &str = "approval_id";
        let Some(known) = self.facts.approval(decided.approval_id) else {
            return self.refuse(FIELD, ViolationReason::ApprovalUnknown);
        };
        let over = known.expires_at.is_none_or(|expires_at| expires_at <= self.now);
        let answer = known.answer.as_ref().map(|answer| answer.outcome);
        match decided.outcome {
            ApprovalOutcome::Granted => {
                self.refuse_if(answer.is_some(), FIELD, ViolationReason::ApprovalDecided);
                self.refuse_if(over && answer.is_none(), FIELD, ViolationReason::ApprovalExpired);
                let another = self.actor.is_another_person_than(&known.by);
                self.refuse_if(!another, "actor.person", ViolationReason::SamePerson);
            }
            // What was granted can be taken back, by whoever may approve.
            ApprovalOutcome::Rejected => {
                let closed = matches!(answer, Some(ApprovalOutcome::Rejected | ApprovalOutcome::Expired));
                self.refuse_if(closed, FIELD, ViolationReason::ApprovalDecided);
                self.refuse_if(self.actor.person.is_none(), "actor.person", ViolationReason::PersonRequired);
            }
            ApprovalOutcome::Expired => {
                self.refuse_if(answer.is_some(), FIELD, ViolationReason::ApprovalDecided);
                self.refuse_if(!over, FIELD, ViolationReason::ApprovalNotExpired);
                self.refuse_if(self.actor.person.is_some(), "actor.person", ViolationReason::ClockOnly);
            }
        }
    }

    pub(super) fn check_obligation(&mut self, noted: &ObligationNoted) {
        let Some(decision) = self.facts.decision(noted.decision_id) else {
            return self.refuse("decision_id", ViolationReason::DecisionUnknown);
        };
        let bound = decision
            .obligations
            .iter()
            .find(|obligation| obligation.kind == noted.kind && obligation.subject_id == noted.subject_id);
        self.refuse_if(bound.is_none(), "kind", ViolationReason::ObligationUnknown);
        let by_clock = self.actor.person.is_none();
        match noted.state {
            ObligationState::Due | ObligationState::Overdue => {
                self.refuse_if(!by_clock, "state", ViolationReason::ClockOnly);
                let again = self.facts.obligation_notes.iter().any(|note| note.noted == *noted);
                self.refuse_if(again, "state", ViolationReason::AlreadyNoted);
            }
            ObligationState::Met => self.refuse_if(by_clock, "actor.person", ViolationReason::PersonRequired),
            ObligationState::Deferred => {
                self.check_supervisor();
                let past = noted.review_at.is_none_or(|review_at| review_at <= self.now);
                self.refuse_if(past, "review_at", ViolationReason::EndsBeforeItBegins);
            }
            ObligationState::Impossible => self.check_supervisor(),
        }
    }

    /// What became of a notice is recorded by the service that keeps the list, once for each address.
    pub(super) fn check_notified(&mut self, notified: &UnitNotified) {
        self.refuse_if(self.actor.person.is_some(), "actor.person", ViolationReason::ClockOnly);
        let Some(referral) = self.facts.referral(notified.referral_id) else {
            return self.refuse("referral_id", ViolationReason::ReferralUnknown);
        };
        let not_recalled = notified.ground == NoticeGround::Recalled && !referral.recalled;
        let other_unit = referral.released.unit_id != notified.unit_id;
        let same = |known: &NoticeFacts| (known.ground, known.address_id) == (notified.ground, notified.address_id);
        let again = referral.notices.iter().any(same);
        self.refuse_if(other_unit, "unit_id", ViolationReason::OtherUnit);
        self.refuse_if(not_recalled, "ground", ViolationReason::ReferralNotRecalled);
        self.refuse_if(again, "address_id", ViolationReason::AlreadyNoted);
    }

    /// The clock's alone, and by the ledger's own policy and clock: what it says of a referral must be so.
    pub(super) fn check_expiry(&mut self, expired: &ReferralExpired) {
        const FIELD: &str = "referral_id";
        self.refuse_if(self.actor.person.is_some(), "actor.person", ViolationReason::ClockOnly);
        let Some(referral) = self.facts.referral(expired.referral_id) else {
            return self.refuse(FIELD, ViolationReason::ReferralUnknown);
        };
        self.refuse_if(referral.released.unit_id != expired.unit_id, "unit_id", ViolationReason::OtherUnit);
        self.refuse_if(referral.expired, FIELD, ViolationReason::AlreadyNoted);
        let over = referral_ends_at(self.facts, referral, self.policy).is_some_and(|end| end <= self.now);
        self.refuse_if(!over, FIELD, ViolationReason::ReferralNotExpired);
    }

    /// Deny by default: without an instruction that says so, nobody is contacted.
    pub(super) fn check_contact(&mut self, cleared: &ContactCleared) {
        self.check_subject(cleared.subject_id);
        let known = self.facts.contacts.contains(&cleared.contact_id);
        self.refuse_if(known, "contact_id", ViolationReason::DuplicateId);
        let person = self.facts.person(cleared.subject_id);
        let safe =
            person.is_some_and(|person| may_contact(person, self.facts, cleared.means, self.now, self.policy).is_ok());
        self.refuse_if(!safe, "means", ViolationReason::ContactNotSafe);
    }

    pub(super) fn check_outside_review(&mut self, review: &OutsideDisclosureReviewed) {
        self.check_officer();
        let Some(known) = self.facts.outside(review.disclosure_id) else {
            return self.refuse("disclosure_id", ViolationReason::DisclosureUnknown);
        };
        self.refuse_if(known.review.is_some(), "disclosure_id", ViolationReason::AlreadyReviewed);
        let another = self.actor.is_another_person_than(&known.by);
        self.refuse_if(!another, "actor.person", ViolationReason::SamePerson);
    }
}
