//! Which events make an open permit be decided again.

use crate::event::CaseEvent;

/// Whether an event that follows a permitting decision makes that permit be decided again before anything is opened or
/// released under it. Everything does, except what is listed here with the reason why it cannot change the answer.
#[must_use]
pub const fn supersedes(event: &CaseEvent) -> bool {
    match event {
        // They add content to a category, and the gate decides on categories, never on content. What is released is what
        // stood at the decision's revision.
        CaseEvent::SituationRecorded(_)
        | CaseEvent::ImmigrationRecorded(_)
        | CaseEvent::HealthRecorded(_)
        | CaseEvent::FinancesRecorded(_)
        | CaseEvent::NarrativeRecorded(_) => false,
        // How a caller is recognised says nothing about whether anything may leave.
        CaseEvent::NumberAssigned(_) | CaseEvent::PhraseChosen(_) => false,
        // A question is no answer, and a wish weighs where somebody decides about the exception, not here.
        CaseEvent::ApprovalRequested(_) | CaseEvent::WishesRecorded(_) | CaseEvent::NarrativeReviewRequested(_) => {
            false
        }
        // What became of what was disclosed, and how people were spoken with: nothing in it enters a decision.
        CaseEvent::ObligationNoted(_)
        | CaseEvent::ContactCleared(_)
        | CaseEvent::ContactMade(_)
        | CaseEvent::OutsideDisclosureReviewed(_)
        | CaseEvent::RecallAcknowledged(_)
        | CaseEvent::UnitNotified(_) => false,
        // A note of what time did: every decision looks at the time itself.
        CaseEvent::ReferralExpired(_) => false,
        // Another decision is an answer, not a fact: nothing in it enters a later one until something is released.
        CaseEvent::DisclosureDecided(_) => false,
        // The release before it already used up what a delivery uses up.
        CaseEvent::ReferralDelivered(_) | CaseEvent::ReferralAcknowledged(_) => false,

        // Consent, exceptions, reviews, urgency: the bases themselves.
        CaseEvent::ConsentGiven(_)
        | CaseEvent::ConsentRefused(_)
        | CaseEvent::ConsentWithdrawn(_)
        | CaseEvent::ExceptionAsserted(_)
        | CaseEvent::ExceptionConfirmed(_)
        | CaseEvent::ExceptionLifted(_)
        | CaseEvent::TipReceived(_)
        | CaseEvent::SupervisorReviewed(_)
        | CaseEvent::TriageAssessed(_) => true,
        // Who somebody is in the case, how old and where: whose category it is, who has jurisdiction, who is a minor.
        CaseEvent::PersonIdentified(_) | CaseEvent::AgeAssessed(_) | CaseEvent::WhereaboutsRecorded(_) => true,
        // It may hold names: what was attested without them must be looked at again.
        CaseEvent::SuspectDescribed(_) => true,
        // Which text may leave.
        CaseEvent::NarrativeAttested(_) | CaseEvent::NarrativeWithheld(_) => true,
        // A new safe-contact rule must travel with whatever leaves.
        CaseEvent::ContactRecorded(_) => true,
        // A release uses up consents for one disclosure; a recall takes away what a supplementary referral adds to; what
        // was told outside may have used up the same wish.
        CaseEvent::ReferralReleased(_) | CaseEvent::ReferralRecalled(_) | CaseEvent::DisclosedOutsideSystem(_) => true,
        CaseEvent::CaseOpened(_) | CaseEvent::CaseClosed(_) | CaseEvent::CaseReopened(_) => true,
        // Who may speak for whom, and what was approved: bases rest on it.
        CaseEvent::AuthorityVerified(_) | CaseEvent::AuthorityRevoked(_) | CaseEvent::ApprovalDecided(_) => true,
        // Somebody's data is gone.
        CaseEvent::KeyShredded(_) => true,
        // A hold keeps data from being destroyed; it neither lets go nor holds back what may be disclosed.
        CaseEvent::LegalHoldPlaced(_) | CaseEvent::LegalHoldLifted(_) => false,
        // What cannot be read may be any of these.
        CaseEvent::Unreadable => true,
    }
}
