//! Units that are to be told that something waits for them: a referral that nobody of the unit has had, or the recall of one that
//! it had. What is told says nothing more, so neither urgency nor content matters here.

mod address;

pub use address::{AddressError, Mailbox, WebhookUrl};

use crate::facts::{CaseFacts, NoticeFacts, ReferralFacts};
use crate::ids::{OrganizationId, ReferralId, UnitId};
use crate::policy::Policy;
use crate::time::Timestamp;
use crate::unfetched::unfetched;
use crate::vocabulary::{NoticeGround, NoticeOutcome};

/// A unit is to be told that something waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenNotice<'a> {
    /// The referral.
    pub referral_id: ReferralId,
    /// The organisation of the unit.
    pub organization_id: OrganizationId,
    /// The unit.
    pub unit_id: UnitId,
    /// Why it is told.
    pub ground: NoticeGround,
    /// Since when it waits.
    pub since: Timestamp,
    /// Until when it is tried to tell the unit at one address (policy, `notify_unit_hours`); absent: beyond all time.
    pub try_until: Option<Timestamp>,
    /// What became of telling the unit so far, for either ground.
    notices: &'a [NoticeFacts],
}

impl OpenNotice<'_> {
    /// What became of it, at each address that took it or was given up.
    pub fn settled(&self) -> impl Iterator<Item = &NoticeFacts> {
        self.notices.iter().filter(|notice| notice.ground == self.ground)
    }

    /// Since when it is known that the unit was told nowhere, although it was tried: at each of its addresses that was settled,
    /// it was given up. Somebody has to tell it another way.
    #[must_use]
    pub fn given_up_at(&self) -> Option<Timestamp> {
        let sent = self.settled().any(|notice| notice.outcome == NoticeOutcome::Sent);
        self.settled().map(|notice| notice.at).next().filter(|_| !sent)
    }
}

/// The notices that are open, in the order of the log. One is when a referral was released for a unit, or recalled after it had
/// it, and closes when somebody of the unit has had the referral, or confirmed the recall, whoever told them.
#[must_use]
pub fn open_notices<'a>(facts: &'a CaseFacts, policy: &Policy, now: Timestamp) -> Vec<OpenNotice<'a>> {
    let waiting = unfetched(facts, policy, now);
    let waits = |referral: &ReferralFacts| waiting.iter().any(|one| one.referral_id == referral.released.referral_id);
    let open = facts.referrals.iter().filter_map(|referral| {
        let recalled_at = referral.recalled_at.filter(|_| is_recall_unconfirmed(referral));
        let (ground, since) = match recalled_at {
            Some(recalled_at) => (NoticeGround::Recalled, recalled_at),
            None if waits(referral) => (NoticeGround::Released, referral.at),
            None => return None,
        };
        Some(OpenNotice {
            referral_id: referral.released.referral_id,
            organization_id: referral.released.organization_id,
            unit_id: referral.released.unit_id,
            ground,
            since,
            try_until: since.checked_add(policy.periods().notify_unit),
            notices: &referral.notices,
        })
    });
    open.collect()
}

/// What nobody of the unit ever had, nobody has to give up.
const fn is_recall_unconfirmed(referral: &ReferralFacts) -> bool {
    referral.recalled && !referral.recall_acknowledged && !referral.deliveries.is_empty()
}
