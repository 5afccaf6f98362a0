//! Where the obligations of a case stand: what a released decision binds us to, until it is met.
//!
//! Some are met by what happens (a telephone call, a review, a delivery); the others when somebody notes so. The clock makes
//! one overdue, nobody else. Only what was released binds, except that broken glass is reviewed whatever came of it.

use crate::decision::Basis;
use crate::facts::{CaseFacts, DecisionFacts, ObligationNote, ReferralFacts};
use crate::ids::{DecisionId, ReferralId, SubjectId};
use crate::policy::Policy;
use crate::time::Timestamp;
use crate::vocabulary::{DeliveryChannel, ObligationKind, ObligationState, Outcome, RecipientKind};

/// One obligation, as it stands at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingObligation {
    /// The decision that binds us.
    pub decision_id: DecisionId,
    /// To what.
    pub kind: ObligationKind,
    /// The person it concerns, if any.
    pub subject_id: Option<SubjectId>,
    /// By when; absent: no date.
    pub due_at: Option<Timestamp>,
    /// Where it stands: due while its clock runs, or has none.
    pub state: ObligationState,
    /// Since when; not before it bound us, nor before the day it was put off to.
    pub since: Timestamp,
    /// For what is deferred: when it is looked at again. From then on it is due or overdue, as its date says.
    pub review_at: Option<Timestamp>,
    /// The referral it came with, if the decision was released.
    pub referral_id: Option<ReferralId>,
}

/// All obligations of a case, met ones included, in the order of their decisions in the log.
#[must_use]
pub fn standing(facts: &CaseFacts, policy: &Policy, now: Timestamp) -> Vec<StandingObligation> {
    // Of two decisions under one id the first is meant, as everywhere.
    let known = facts
        .decisions
        .iter()
        .filter(|it| facts.decision(it.decision_id).is_some_and(|first| std::ptr::eq(first, *it)));
    let permits = known.filter(|decision| decision.outcome == Outcome::Permit);
    permits.flat_map(|decision| of_decision(decision, facts, policy, now)).collect()
}

fn of_decision(
    decision: &DecisionFacts,
    facts: &CaseFacts,
    policy: &Policy,
    now: Timestamp,
) -> Vec<StandingObligation> {
    let referral = facts.referrals.iter().find(|referral| referral.released.decision_id == decision.decision_id);
    let mut owed: Vec<Owed<'_>> = Vec::new();
    for obligation in &decision.obligations {
        if referral.is_none() && obligation.kind != ObligationKind::ReviewBreakGlass {
            continue;
        }
        let (kind, subject_id) = (obligation.kind, obligation.subject_id);
        let due_at = obligation.due_at.or_else(|| default_due(kind, decision, policy));
        match owed.iter_mut().find(|known| known.kind == kind && known.subject_id == subject_id) {
            // One thing to do, whatever it comes from: by the earliest date.
            Some(known) => known.due_at = earlier(known.due_at, due_at),
            None => owed.push(Owed { facts, decision, referral, kind, subject_id, due_at }),
        }
    }
    owed.iter().map(|owed| owed.stands(now)).collect()
}

/// What older decisions did not date: not telling a person is looked at again in time.
fn default_due(kind: ObligationKind, decision: &DecisionFacts, policy: &Policy) -> Option<Timestamp> {
    let undated = kind == ObligationKind::NoTipOff;
    undated.then(|| decision.decided_at.checked_add(policy.periods().no_tip_off_review)).flatten()
}

fn earlier(one: Option<Timestamp>, two: Option<Timestamp>) -> Option<Timestamp> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    }
}

/// An obligation with everything that may have met it.
struct Owed<'a> {
    facts: &'a CaseFacts,
    decision: &'a DecisionFacts,
    referral: Option<&'a ReferralFacts>,
    kind: ObligationKind,
    subject_id: Option<SubjectId>,
    due_at: Option<Timestamp>,
}

impl Owed<'_> {
    fn stands(&self, now: Timestamp) -> StandingObligation {
        let (state, since, review_at) = self.state(now);
        StandingObligation {
            decision_id: self.decision.decision_id,
            kind: self.kind,
            subject_id: self.subject_id,
            due_at: self.due_at,
            state,
            since,
            review_at,
            referral_id: self.referral.map(|referral| referral.released.referral_id),
        }
    }

    fn state(&self, now: Timestamp) -> (ObligationState, Timestamp, Option<Timestamp>) {
        // Broken glass is reviewed whether anything was released or not; everything else is owed from the release.
        let arose_at = match self.referral {
            Some(referral) if self.kind != ObligationKind::ReviewBreakGlass => referral.at,
            Some(_) | None => self.decision.decided_at,
        };
        // Nobody ends the rules for approaching a person by a note about one referral.
        if self.kind == ObligationKind::SafeContact {
            return (ObligationState::Due, arose_at, None);
        }
        let noted_met = self.notes().find(|note| note.noted.state == ObligationState::Met).map(|note| note.at);
        if let Some(met_at) = earlier(self.met_by_itself(), noted_met) {
            return (ObligationState::Met, met_at.max(arose_at), None);
        }
        let put_off = |note: &&ObligationNote| {
            matches!(note.noted.state, ObligationState::Deferred | ObligationState::Impossible)
        };
        let mut due_since = arose_at;
        if let Some(note) = self.notes().filter(put_off).last() {
            match (note.noted.state, note.noted.review_at) {
                (ObligationState::Impossible, _) => return (ObligationState::Impossible, note.at, None),
                (_, Some(review_at)) if now < review_at => {
                    return (ObligationState::Deferred, note.at, Some(review_at));
                }
                // Put off until some time that has come, or was never named.
                (_, review_at) => due_since = review_at.unwrap_or(note.at),
            }
        }
        match self.due_at {
            Some(due_at) if due_at <= now => (ObligationState::Overdue, due_at.max(due_since), None),
            Some(_) | None => (ObligationState::Due, due_since, None),
        }
    }

    fn notes(&self) -> impl Iterator<Item = &ObligationNote> {
        self.facts.obligation_notes.iter().filter(|note| {
            let noted = &note.noted;
            noted.decision_id == self.decision.decision_id
                && noted.kind == self.kind
                && noted.subject_id == self.subject_id
        })
    }

    /// When something that happened met it, if it did.
    fn met_by_itself(&self) -> Option<Timestamp> {
        match self.kind {
            ObligationKind::PhoneRecipient => self.delivered(|channel| channel == Some(DeliveryChannel::Voice)),
            ObligationKind::AnswerInstrument => self.delivered(|_| true),
            ObligationKind::ReviewBreakGlass => self.reviewed(),
            ObligationKind::RecordWishes => {
                let theirs = self.facts.wishes.iter().find(|wish| Some(wish.recorded.subject_id) == self.subject_id);
                theirs.map(|wish| wish.at)
            }
            ObligationKind::ReportToChildProtection => self.reported(),
            ObligationKind::InformPerson
            | ObligationKind::EnterInRegister
            | ObligationKind::NoTipOff
            | ObligationKind::SafeContact => None,
        }
    }

    /// The first delivery of this decision's referral by such a channel.
    fn delivered(&self, by: impl Fn(Option<DeliveryChannel>) -> bool) -> Option<Timestamp> {
        let deliveries = self.referral.into_iter().flat_map(|referral| &referral.deliveries);
        deliveries.filter(|delivery| by(delivery.channel)).map(|delivery| delivery.at).min()
    }

    /// When the last of the decision's broken glass was reviewed; `None` while one is not.
    fn reviewed(&self) -> Option<Timestamp> {
        let exceptions = self.decision.bases.iter().filter_map(|basis| match basis {
            Basis::Exception(id, _) => self.facts.exception(*id),
            Basis::Consent(_) | Basis::ReportConsent(_) => None,
        });
        let broken = exceptions.filter(|exception| exception.asserted.break_glass);
        broken.map(|exception| exception.reviewed_at()).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// When a referral that speaks of the person first reached a child-protection unit.
    fn reported(&self) -> Option<Timestamp> {
        let speaks = |referral: &&ReferralFacts| {
            let decision = self.facts.decision(referral.released.decision_id);
            decision.is_some_and(|decision| decision.recipient_kind == Some(RecipientKind::ChildProtection))
                && self.subject_id.is_some_and(|subject_id| referral.released.subject_ids.contains(&subject_id))
        };
        let deliveries = self.facts.referrals.iter().filter(speaks).flat_map(|referral| &referral.deliveries);
        deliveries.map(|delivery| delivery.at).min()
    }
}
