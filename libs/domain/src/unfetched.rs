//! Released referrals that nobody has had yet: staff see to it that each is fetched, or reached another way.

use crate::consent::still_lets_go;
use crate::decision::Basis;
use crate::exception;
use crate::expiry::referral_ends_at;
use crate::facts::{CaseFacts, DecisionFacts, ReferralFacts};
use crate::ids::{ReferralId, UnitId};
use crate::policy::Policy;
use crate::time::Timestamp;
use crate::vocabulary::ObligationKind;

/// A released referral that was never delivered, on any channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfetched {
    /// The referral.
    pub referral_id: ReferralId,
    /// The unit it is for.
    pub unit_id: UnitId,
    /// When it was released.
    pub since: Timestamp,
    /// By when it should have been fetched (policy, `fetch_referral_hours`), or phoned if it is urgent
    /// (`phone_recipient_hours`).
    pub due_at: Option<Timestamp>,
    /// Whether it is urgent: the unit is phoned, whatever else tells it.
    pub urgent: bool,
}

/// The referrals that wait to be fetched, in the order of the log.
///
/// One that was recalled waits no more, nor one in a closed case, one whose time is over or of whose bases none stands any more: a
/// fetch would be refused. Whether it would be granted, the gate alone decides ([`crate::redecide_for_delivery`]); this calls attention and permits nothing.
#[must_use]
pub fn unfetched(facts: &CaseFacts, policy: &Policy, now: Timestamp) -> Vec<Unfetched> {
    let over = |referral: &ReferralFacts| {
        referral.expired || referral_ends_at(facts, referral, policy).is_some_and(|end| end <= now)
    };
    let waits = |referral: &&ReferralFacts| {
        referral.deliveries.is_empty() && !referral.recalled && !facts.closed && !over(referral)
    };
    let waiting = facts.referrals.iter().filter(waits).filter_map(|referral| {
        let decision = facts.decision(referral.released.decision_id)?;
        let stands = |basis: &Basis| stands(facts, *basis, decision, referral.released.referral_id, policy, now);
        decision.bases.iter().any(stands).then(|| unfetched_one(referral, decision, policy))
    });
    waiting.collect()
}

fn unfetched_one(referral: &ReferralFacts, decision: &DecisionFacts, policy: &Policy) -> Unfetched {
    let urgent = decision.obligations.iter().any(|owed| owed.kind == ObligationKind::PhoneRecipient);
    let periods = policy.periods();
    let within = if urgent { periods.phone_recipient } else { periods.fetch_referral };
    Unfetched {
        referral_id: referral.released.referral_id,
        unit_id: referral.released.unit_id,
        since: referral.at,
        due_at: referral.at.checked_add(within),
        urgent,
    }
}

/// Whether something of what a basis let go would still go by it.
fn stands(
    facts: &CaseFacts,
    basis: Basis,
    decision: &DecisionFacts,
    referral_id: ReferralId,
    policy: &Policy,
    now: Timestamp,
) -> bool {
    match basis {
        Basis::Consent(consent_id) | Basis::ReportConsent(consent_id) => {
            still_lets_go(facts, consent_id, decision.request.categories, referral_id, policy, now)
        }
        Basis::Exception(exception_id, _) => facts
            .exception(exception_id)
            .is_some_and(|exception| !exception.is_lifted() && exception::is_alive(exception, policy, now)),
    }
}
