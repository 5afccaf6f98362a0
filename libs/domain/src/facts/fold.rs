//! The fold: what each event changes in what is known of a case.

use super::{
    ApprovalAnswer, ApprovalFacts, AuthorityFacts, CaseFacts, Confirmation, ConsentAct, ConsentRecord, DecisionFacts,
    DeliveryFacts, ExceptionFacts, HoldFacts, Lift, NarrativeFacts, NoticeFacts, ObligationNote, OutsideFacts, Person,
    ReferralFacts, Tip, WishFacts, hold_of,
};
use crate::age::is_minor;
use crate::event::{
    Actor, ApprovalDecided, CaseEvent, DisclosureDecided, ExceptionAsserted, Recorded, Shredded, TipReceived,
};
use crate::ids::{ExceptionId, HoldId, ReferralId, Revision, SubjectId};
use crate::time::Timestamp;
use crate::vocabulary::{Answer, ApprovalOutcome, HoldGround, RecallReason, ReviewOutcome, Role};

impl CaseFacts {
    pub(super) fn apply_event(&mut self, recorded: &Recorded<CaseEvent>) {
        match &recorded.event {
            CaseEvent::CaseOpened(opened) => {
                self.opened = true;
                self.jurisdiction = self.jurisdiction.or(opened.jurisdiction);
            }
            CaseEvent::TipReceived(tip) => self.apply_tip(tip, recorded.recorded_at),
            CaseEvent::PersonIdentified(identified) => {
                self.named = recorded.revision;
                let person = self.person_mut(identified.subject_id);
                person.roles = person.roles.union(identified.roles);
            }
            CaseEvent::AgeAssessed(assessed) => {
                let person = self.person_mut(assessed.subject_id);
                person.age = assessed.band;
                person.age_assessed_at = Some(recorded.recorded_at);
                person.was_minor |= assessed.band.is_some_and(is_minor);
            }
            CaseEvent::ContactRecorded(contact) => {
                // A record without an instruction leaves standing what was said before, and its rules come to those.
                let person = self.person_mut(contact.subject_id);
                person.contact_rules = match contact.permission {
                    Some(_) => contact.rules,
                    None => person.contact_rules.union(contact.rules),
                };
                person.contact = contact.permission.or(person.contact);
            }
            CaseEvent::WhereaboutsRecorded(place) => {
                // A record that does not say where leaves standing what was known before.
                let person = self.person_mut(place.subject_id);
                person.place = place.jurisdiction.or(person.place);
            }
            CaseEvent::NarrativeRecorded(narrative) => self.apply_narrative(narrative),
            CaseEvent::NarrativeReviewRequested(requested) => {
                self.apply_review(requested, &recorded.actor, recorded.recorded_at);
            }
            CaseEvent::NarrativeAttested(attested) => self.apply_attestation(attested, recorded),
            CaseEvent::NarrativeWithheld(withheld) => self.apply_withheld(withheld),
            // A suspect's names and nicknames stand in it.
            CaseEvent::SuspectDescribed(_) => self.named = recorded.revision,
            CaseEvent::TriageAssessed(assessed) => self.assessed = Some(assessed.level),
            CaseEvent::SupervisorReviewed(review) => {
                if let Some(tip) = self.tips.iter_mut().find(|tip| tip.tip_id == review.tip_id) {
                    // A review by somebody else than a supervisor can only hold back.
                    let counts =
                        recorded.actor.acts_as(Role::Supervisor) || review.outcome == ReviewOutcome::DoNotReport;
                    tip.review = if counts { Some(review.outcome) } else { tip.review };
                }
            }
            CaseEvent::ConsentGiven(given) => self.record_consent(recorded, ConsentAct::Given(given.clone())),
            CaseEvent::ConsentRefused(refused) => self.record_consent(recorded, ConsentAct::Refused(refused.clone())),
            CaseEvent::ConsentWithdrawn(withdrawn) => {
                self.record_consent(recorded, ConsentAct::Withdrawn(withdrawn.clone()));
            }
            CaseEvent::ExceptionAsserted(asserted) => self.apply_exception(asserted, recorded),
            CaseEvent::ExceptionConfirmed(confirmed) => self.apply_confirmation(confirmed.exception_id, recorded),
            CaseEvent::ExceptionLifted(lifted) => {
                if let Some(exception) = self.exception_mut(lifted.exception_id) {
                    let (by, at, reason) = (recorded.actor.clone(), recorded.recorded_at, lifted.reason);
                    exception.lift.get_or_insert(Lift { by, at, reason });
                }
            }
            CaseEvent::DisclosureDecided(decided) => self.apply_decision(decided, recorded.revision),
            CaseEvent::ReferralReleased(released) => self.referrals.push(ReferralFacts {
                released: released.clone(),
                at: recorded.recorded_at,
                deliveries: Vec::new(),
                acknowledged: false,
                recalled: false,
                recall_reason: None,
                recalled_to_replace: false,
                recall_acknowledged: false,
                recalled_at: None,
                notices: Vec::new(),
                expired: false,
            }),
            CaseEvent::ReferralDelivered(delivered) => {
                self.deliveries.push(delivered.delivery_id);
                if let Some(referral) = self.referral_mut(delivered.referral_id) {
                    referral.deliveries.push(DeliveryFacts { at: recorded.recorded_at, channel: delivered.channel });
                }
            }
            CaseEvent::ReferralAcknowledged(acknowledged) => {
                if let Some(referral) = self.referral_mut(acknowledged.referral_id) {
                    referral.acknowledged = true;
                }
            }
            CaseEvent::ReferralRecalled(recalled) => {
                if let Some(referral) = self.referral_mut(recalled.referral_id) {
                    let replaced = matches!(recalled.reason, Some(RecallReason::Correction | RecallReason::Superseded));
                    referral.recalled_to_replace = replaced && (!referral.recalled || referral.recalled_to_replace);
                    referral.recalled = true;
                    referral.recalled_at.get_or_insert(recorded.recorded_at);
                    referral.recall_reason = recalled.reason;
                }
            }
            CaseEvent::RecallAcknowledged(receipt) => {
                if let Some(referral) = self.referral_mut(receipt.referral_id) {
                    referral.recall_acknowledged |= referral.recalled;
                }
            }
            CaseEvent::UnitNotified(notified) => {
                if let Some(referral) = self.referral_mut(notified.referral_id) {
                    referral.notices.push(NoticeFacts {
                        ground: notified.ground,
                        address_id: notified.address_id,
                        outcome: notified.outcome,
                        at: recorded.recorded_at,
                    });
                }
            }
            CaseEvent::ReferralExpired(expired) => {
                if let Some(referral) = self.referral_mut(expired.referral_id) {
                    referral.expired = true;
                }
            }
            CaseEvent::DisclosedOutsideSystem(outside) => self.disclosures_outside.push(OutsideFacts {
                disclosure_id: outside.disclosure_id,
                by: recorded.actor.clone(),
                at: recorded.recorded_at,
                review: None,
            }),
            CaseEvent::OutsideDisclosureReviewed(review) => {
                let it = |outside: &&mut OutsideFacts| outside.disclosure_id == review.disclosure_id;
                if let Some(outside) = self.disclosures_outside.iter_mut().find(it)
                    && recorded.actor.is_another_person_than(&outside.by)
                {
                    outside.review = Some(review.outcome);
                }
            }
            CaseEvent::AuthorityVerified(verified) => self.authorities.push(AuthorityFacts {
                verified: verified.clone(),
                by: recorded.actor.clone(),
                revoked: false,
            }),
            CaseEvent::AuthorityRevoked(revoked) => {
                let it = |known: &&mut AuthorityFacts| known.verified.verification_id == revoked.verification_id;
                self.authorities.iter_mut().filter(it).for_each(|known| known.revoked = true);
            }
            CaseEvent::WishesRecorded(wishes) => {
                self.wishes.push(WishFacts { recorded: wishes.clone(), at: recorded.recorded_at });
            }
            CaseEvent::ApprovalRequested(requested) => self.approvals.push(ApprovalFacts {
                approval_id: requested.approval_id,
                decision_id: requested.decision_id,
                by: recorded.actor.clone(),
                at: recorded.recorded_at,
                expires_at: requested.expires_at,
                answer: None,
            }),
            CaseEvent::ApprovalDecided(decided) => self.apply_approval(decided, recorded),
            CaseEvent::ObligationNoted(noted) => self.obligation_notes.push(ObligationNote {
                noted: noted.clone(),
                by: recorded.actor.clone(),
                at: recorded.recorded_at,
            }),
            CaseEvent::ContactCleared(cleared) => self.contacts.push(cleared.contact_id),
            // What came of a contact has no weight for whether anything may leave.
            CaseEvent::ContactMade(_) => {}
            CaseEvent::CaseClosed(_) => {
                self.closed = true;
                self.closed_by = Some(recorded.actor.clone());
            }
            CaseEvent::CaseReopened(_) => {
                self.closed = false;
                self.closed_by = None;
            }
            CaseEvent::KeyShredded(shredded) => self.apply_shred(shredded.whose),
            CaseEvent::LegalHoldPlaced(placed) => self.hold(placed.hold_id, placed.ground, &recorded.actor),
            CaseEvent::LegalHoldLifted(lifted) => self.apply_lift(lifted.hold_id, &recorded.actor),
            CaseEvent::NumberAssigned(_) => self.numbered = true,
            CaseEvent::Unreadable => self.unreadable = self.unreadable.or(Some(recorded.revision)),
            // How a caller is recognised has no weight for whether anything may leave.
            CaseEvent::PhraseChosen(_) => {}
            // Recorded about a person and of no weight for whether it may leave: the mask names categories, not events.
            CaseEvent::SituationRecorded(_)
            | CaseEvent::ImmigrationRecorded(_)
            | CaseEvent::HealthRecorded(_)
            | CaseEvent::FinancesRecorded(_) => {}
        }
    }

    fn apply_tip(&mut self, tip: &TipReceived, received_at: Timestamp) {
        self.tips.push(Tip {
            tip_id: tip.tip_id,
            channel: tip.channel,
            bringer: tip.bringer_subject_id,
            concerns_minor: tip.concerns_minor == Some(Answer::Yes),
            received_at,
            review: None,
        });
    }

    fn record_consent(&mut self, recorded: &Recorded<CaseEvent>, act: ConsentAct) {
        self.consents.push(ConsentRecord {
            revision: recorded.revision,
            recorded_at: recorded.recorded_at,
            by: recorded.actor.clone(),
            act,
        });
    }

    fn apply_exception(&mut self, asserted: &ExceptionAsserted, recorded: &Recorded<CaseEvent>) {
        let exception = ExceptionFacts {
            asserted: asserted.clone(),
            by: recorded.actor.clone(),
            at: recorded.recorded_at,
            confirmation: None,
            lift: None,
        };
        if exception.is_defence_subpoena() {
            self.hold(hold_of(asserted.exception_id), Some(HoldGround::Subpoena), &recorded.actor);
        }
        // An id that is taken stays with what was asserted first: a lift or a confirmation of it must not miss another one.
        if self.exception(asserted.exception_id).is_none() {
            self.exceptions.push(exception);
        }
    }

    fn hold(&mut self, hold_id: HoldId, ground: Option<HoldGround>, by: &Actor) {
        self.holds.push(HoldFacts { hold_id, ground, by: by.clone(), lifted: false });
    }

    /// Only another person than placed a hold lifts it.
    fn apply_lift(&mut self, hold_id: HoldId, by: &Actor) {
        let known = self.holds.iter_mut().filter(|hold| hold.hold_id == hold_id);
        known.filter(|hold| by.is_another_person_than(&hold.by)).for_each(|hold| hold.lifted = true);
    }

    /// What is erased stays so, whatever comes after it.
    fn apply_shred(&mut self, whose: Shredded) {
        match whose {
            Shredded::Person(subject_id) => {
                self.person_mut(subject_id).erased = true;
                let theirs = |narrative: &&mut NarrativeFacts| narrative.subject_ids.contains(&subject_id);
                self.narratives.iter_mut().filter(theirs).for_each(|narrative| narrative.erased = true);
            }
            Shredded::Narrative(narrative_id) => {
                let it = |narrative: &&mut NarrativeFacts| narrative.narrative_id == narrative_id;
                self.narratives.iter_mut().filter(it).for_each(|narrative| narrative.erased = true);
            }
            Shredded::Case => {
                self.erased = true;
                self.persons.iter_mut().for_each(|person| person.erased = true);
                self.narratives.iter_mut().for_each(|narrative| narrative.erased = true);
            }
        }
    }

    /// Only a supervisor who is another person than asserted confirms, and nothing that was lifted comes back.
    fn apply_confirmation(&mut self, exception_id: ExceptionId, recorded: &Recorded<CaseEvent>) {
        if let Some(exception) = self.exception_mut(exception_id) {
            let counts = recorded.actor.acts_as(Role::Supervisor)
                && recorded.actor.is_another_person_than(&exception.by)
                && exception.confirmation.is_none()
                && !exception.is_lifted();
            if counts {
                exception.confirmation = Some(Confirmation { by: recorded.actor.clone(), at: recorded.recorded_at });
            }
        }
    }

    /// The first grant in time by another person than asked is the answer, whatever their role; a rejection or an expiry is
    /// for good, also after a grant.
    fn apply_approval(&mut self, decided: &ApprovalDecided, recorded: &Recorded<CaseEvent>) {
        let it = |known: &&mut ApprovalFacts| known.approval_id == decided.approval_id;
        let Some(known) = self.approvals.iter_mut().find(it) else { return };
        let counts = match decided.outcome {
            ApprovalOutcome::Granted => {
                let in_time = known.expires_at.is_some_and(|expires_at| recorded.recorded_at < expires_at);
                known.answer.is_none() && recorded.actor.is_another_person_than(&known.by) && in_time
            }
            ApprovalOutcome::Rejected | ApprovalOutcome::Expired => true,
        };
        if counts {
            let (by, at) = (recorded.actor.clone(), recorded.recorded_at);
            known.answer = Some(ApprovalAnswer { outcome: decided.outcome, by, at });
        }
    }

    fn apply_decision(&mut self, decided: &DisclosureDecided, revision: Revision) {
        self.decisions.push(DecisionFacts {
            decision_id: decided.decision_id,
            revision,
            request: decided.request.clone(),
            outcome: decided.outcome,
            bases: decided.bases.clone(),
            mask: decided.mask.clone(),
            expires_at: decided.expires_at,
            decided_at: decided.decided_at,
            obligations: decided.obligations.clone(),
            recipient_kind: decided.recipient_kind,
            narratives: decided.narratives.clone(),
        });
    }

    fn person_mut(&mut self, subject_id: SubjectId) -> &mut Person {
        let place = match self.persons.binary_search_by_key(&subject_id, |person| person.subject_id) {
            Ok(place) => place,
            Err(place) => {
                self.persons.insert(place, Person::new(subject_id));
                place
            }
        };
        #[expect(clippy::indexing_slicing, reason = "the search or the insertion just above put somebody there")]
        &mut self.persons[place]
    }

    fn exception_mut(&mut self, exception_id: ExceptionId) -> Option<&mut ExceptionFacts> {
        self.exceptions.iter_mut().find(|exception| exception.asserted.exception_id == exception_id)
    }

    fn referral_mut(&mut self, referral_id: ReferralId) -> Option<&mut ReferralFacts> {
        self.referrals.iter_mut().find(|referral| referral.released.referral_id == referral_id)
    }
}
