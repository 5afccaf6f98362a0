//! When a released referral can no longer be fetched because the time of what it rests on is over.
//!
//! Told for the history and for staff, and no rule of the gate: a fetch is decided again by itself
//! ([`crate::redecide_for_delivery`]), whether or not anybody noted this.

use crate::consent::{Until, lets_go_until};
use crate::decision::{Basis, MaskEntry};
use crate::exception;
use crate::facts::{CaseFacts, DecisionFacts, ReferralFacts};
use crate::ids::ReferralId;
use crate::policy::Policy;
use crate::set::Categories;
use crate::time::Timestamp;

/// When the time of what a referral rests on is over, exclusive: of every entry of its mask the last end of what lets it through, of
/// those the first. A report leaves whole or not at all.
///
/// `None`: it has no end, or something else ended it, of which there is an event: a recall, a withdrawal, a lift, an erasure.
#[must_use]
pub fn referral_ends_at(facts: &CaseFacts, referral: &ReferralFacts, policy: &Policy) -> Option<Timestamp> {
    if referral.recalled {
        return None;
    }
    let decision = facts.decision(referral.released.decision_id)?;
    let mut first = Until::Unlimited;
    for entry in decision.mask.entries() {
        first = first.earlier(entry_ends(facts, referral, decision, entry, policy)?);
    }
    match first {
        Until::Time(end) => Some(end),
        Until::Unlimited | Until::Over => None,
    }
}

/// The referrals whose time is over and of which that was not noted, in the order of the log.
#[must_use]
pub fn expired(facts: &CaseFacts, policy: &Policy, now: Timestamp) -> Vec<ReferralId> {
    let over = ending(facts, policy).filter(|(_, end)| *end <= now);
    over.map(|(referral_id, _)| referral_id).collect()
}

/// When the next referral ends whose end was not noted.
#[must_use]
pub fn next_expiry(facts: &CaseFacts, policy: &Policy) -> Option<Timestamp> {
    ending(facts, policy).map(|(_, end)| end).min()
}

fn ending(facts: &CaseFacts, policy: &Policy) -> impl Iterator<Item = (ReferralId, Timestamp)> {
    let open = facts.referrals.iter().filter(|referral| !referral.expired);
    open.filter_map(|referral| Some((referral.released.referral_id, referral_ends_at(facts, referral, policy)?)))
}

/// Until when something lets an entry through, by what is known today and were it still the time of the decision; `None`: nothing
/// would.
fn entry_ends(
    facts: &CaseFacts,
    referral: &ReferralFacts,
    decision: &DecisionFacts,
    entry: &MaskEntry,
    policy: &Policy,
) -> Option<Until> {
    let bases = entry.bases.iter().filter_map(|index| decision.bases.get(usize::try_from(index).ok()?));
    let ends = bases.filter_map(|basis| match *basis {
        Basis::Consent(consent_id) | Basis::ReportConsent(consent_id) => {
            let (categories, referral_id) = (Categories::only(entry.category), referral.released.referral_id);
            lets_go_until(facts, consent_id, categories, referral_id, policy, decision.decided_at)
        }
        Basis::Exception(exception_id, _) => {
            let exception = facts.exception(exception_id).filter(|exception| !exception.is_lifted())?;
            exception::ends_at(exception, policy).map(Until::Time)
        }
    });
    ends.reduce(Until::later)
}
