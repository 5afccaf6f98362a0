//! Fetching is deciding again: what was released leaves only while today's decision still contains it (promise 2).

use crate::decide::{Delivering, decide_for_delivery};
use crate::decision::Decision;
use crate::directory::Recipient;
use crate::facts::CaseFacts;
use crate::ids::ReferralId;
use crate::policy::Policy;
use crate::time::{Millis, Timestamp};
use crate::vocabulary::Outcome;

/// A delivery is committed and answered within this of being decided, or not at all; so long the ledger opens it, too. The clocks of
/// the ledger and of whoever decides must not be further apart.
pub const DELIVERED_WITHIN: Millis = Millis(5_000);

/// Why a released referral is not delivered. To anyone outside all of these are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryRefusal {
    /// No such referral was released in this case, or its decision is not known.
    Unknown,
    /// It was recalled.
    Recalled,
    /// Today's decision, on the bases the release rests on, no longer contains what was released.
    Narrowed(Box<Decision>),
}

/// Decides a released referral again on the newest facts: the same request, restricted to the bases the release rests on,
/// so that going on under another basis is a new decision. The referral's own use of a consent for one disclosure does
/// not stand in its way.
///
/// # Errors
/// [`DeliveryRefusal`]; in every case nothing may be delivered.
pub fn redecide_for_delivery(
    facts: &CaseFacts,
    referral_id: ReferralId,
    recipient: Option<&Recipient>,
    policy: &Policy,
    now: Timestamp,
) -> Result<Decision, DeliveryRefusal> {
    let referral = facts.referral(referral_id).ok_or(DeliveryRefusal::Unknown)?;
    if referral.recalled {
        return Err(DeliveryRefusal::Recalled);
    }
    let released = facts.decision(referral.released.decision_id).ok_or(DeliveryRefusal::Unknown)?;
    // A refusal permits nothing, whatever stands in it. A decision without bases released nothing, and an empty reliance
    // would mean "find one".
    if released.outcome == Outcome::Deny || released.bases.is_empty() || released.mask.is_empty() {
        return Err(DeliveryRefusal::Unknown);
    }
    let mut request = released.request.clone();
    request.relies_on.clone_from(&released.bases);
    let delivering = Delivering { referral_id, asked: &released.request };
    let today = decide_for_delivery(facts, &request, recipient, policy, now, delivering);
    let attested = released.narratives.iter().all(|narrative| today.narratives.contains(narrative));
    if today.is_permit() && today.mask.contains(&released.mask) && attested {
        Ok(today)
    } else {
        Err(DeliveryRefusal::Narrowed(Box::new(today)))
    }
}
