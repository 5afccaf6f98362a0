//! What still happens in a closed case.

use crate::event::CaseEvent;
use crate::vocabulary::{ApprovalOutcome, Outcome};

/// What still happens in a closed case: it is reopened, something is taken back, or something is recorded that happened.
pub(super) const fn happens_in_closed_case(event: &CaseEvent) -> bool {
    match event {
        CaseEvent::CaseReopened(_)
        | CaseEvent::ConsentWithdrawn(_)
        | CaseEvent::ConsentRefused(_)
        | CaseEvent::ExceptionLifted(_)
        | CaseEvent::ReferralRecalled(_)
        | CaseEvent::ReferralAcknowledged(_)
        | CaseEvent::DisclosedOutsideSystem(_)
        | CaseEvent::KeyShredded(_)
        | CaseEvent::LegalHoldPlaced(_)
        | CaseEvent::LegalHoldLifted(_)
        | CaseEvent::AuthorityRevoked(_)
        | CaseEvent::WishesRecorded(_)
        | CaseEvent::ObligationNoted(_)
        | CaseEvent::ContactCleared(_)
        | CaseEvent::ContactMade(_)
        | CaseEvent::OutsideDisclosureReviewed(_)
        | CaseEvent::RecallAcknowledged(_)
        | CaseEvent::UnitNotified(_)
        | CaseEvent::ReferralExpired(_)
        | CaseEvent::NarrativeWithheld(_) => true,
        // What cannot be granted any more can still be rejected, or expire.
        CaseEvent::ApprovalDecided(decided) => !matches!(decided.outcome, ApprovalOutcome::Granted),
        // Refusals are recorded too, and a request about a closed case is refused.
        CaseEvent::DisclosureDecided(decided) => matches!(decided.outcome, Outcome::Deny),
        CaseEvent::CaseOpened(_)
        | CaseEvent::TipReceived(_)
        | CaseEvent::PersonIdentified(_)
        | CaseEvent::AgeAssessed(_)
        | CaseEvent::ContactRecorded(_)
        | CaseEvent::WhereaboutsRecorded(_)
        | CaseEvent::SituationRecorded(_)
        | CaseEvent::ImmigrationRecorded(_)
        | CaseEvent::HealthRecorded(_)
        | CaseEvent::FinancesRecorded(_)
        | CaseEvent::SuspectDescribed(_)
        | CaseEvent::NarrativeRecorded(_)
        | CaseEvent::TriageAssessed(_)
        | CaseEvent::SupervisorReviewed(_)
        | CaseEvent::ConsentGiven(_)
        | CaseEvent::ExceptionAsserted(_)
        | CaseEvent::ExceptionConfirmed(_)
        | CaseEvent::ReferralReleased(_)
        | CaseEvent::ReferralDelivered(_)
        | CaseEvent::CaseClosed(_)
        | CaseEvent::NumberAssigned(_)
        | CaseEvent::PhraseChosen(_)
        | CaseEvent::AuthorityVerified(_)
        | CaseEvent::ApprovalRequested(_)
        | CaseEvent::NarrativeReviewRequested(_)
        | CaseEvent::NarrativeAttested(_)
        | CaseEvent::Unreadable => false,
    }
}
