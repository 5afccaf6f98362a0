//! What surrounds a disclosure: authorities, wishes, approvals, obligations, contacts, reviews.

use crate::ids::{
    AddressId, ApprovalId, ContactId, DecisionId, DisclosureId, ExceptionId, ReferralId, SubjectId, UnitId,
    VerificationId,
};
use crate::time::Timestamp;
use crate::vocabulary::{
    Answer, ApprovalOutcome, Authority, ContactMeans, ContactOutcome, NoticeGround, NoticeOutcome, ObligationKind,
    ObligationReason, ObligationState, OutsideReviewOutcome, YoungWish,
};
use serde::{Deserialize, Serialize};

/// A supervisor verified by what authority somebody speaks for another person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityVerified {
    /// The verification.
    pub verification_id: VerificationId,
    /// For whom.
    pub subject_id: SubjectId,
    /// Who speaks for them.
    pub representative_subject_id: SubjectId,
    /// By what authority.
    pub authority: Authority,
    /// Until when, exclusive; absent: until it is revoked.
    pub expires_at: Option<Timestamp>,
}

/// A representative's authority ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityRevoked {
    /// The verification.
    pub verification_id: VerificationId,
}

/// A young person's wishes were recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WishesRecorded {
    /// The young person.
    pub subject_id: SubjectId,
    /// The exception it is about.
    pub exception_id: ExceptionId,
    /// What they want.
    pub wish: YoungWish,
    /// Whether it was followed.
    pub followed: Option<Answer>,
}

/// A disclosure waits for somebody's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequested {
    /// The approval.
    pub approval_id: ApprovalId,
    /// The decision that said so; what was asked stands in it.
    pub decision_id: DecisionId,
    /// Until when it can be decided, exclusive; absent: it cannot.
    pub expires_at: Option<Timestamp>,
}

/// An approval was granted or rejected, or expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalDecided {
    /// The approval.
    pub approval_id: ApprovalId,
    /// The answer.
    pub outcome: ApprovalOutcome,
}

/// Something happened to an obligation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObligationNoted {
    /// The decision that binds us.
    pub decision_id: DecisionId,
    /// Which of its obligations.
    pub kind: ObligationKind,
    /// The person it concerns, if any.
    pub subject_id: Option<SubjectId>,
    /// Where it stands now.
    pub state: ObligationState,
    /// Why.
    pub reason: Option<ObligationReason>,
    /// For what is deferred: when it is looked at again.
    pub review_at: Option<Timestamp>,
}

/// A contact with a person was found to be safe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactCleared {
    /// The contact.
    pub contact_id: ContactId,
    /// The person.
    pub subject_id: SubjectId,
    /// By what means.
    pub means: ContactMeans,
}

/// A person was contacted, or it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactMade {
    /// The contact, the same as that of its clearing, if it was cleared.
    pub contact_id: ContactId,
    /// The person.
    pub subject_id: SubjectId,
    /// By what means.
    pub means: ContactMeans,
    /// What came of it.
    pub outcome: ContactOutcome,
}

/// A disclosure outside the system was reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideDisclosureReviewed {
    /// The disclosure.
    pub disclosure_id: DisclosureId,
    /// What was found.
    pub outcome: OutsideReviewOutcome,
}

/// A recipient confirmed that it obeys a recall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallAcknowledged {
    /// The referral.
    pub referral_id: ReferralId,
    /// The recipient unit.
    pub unit_id: UnitId,
}

/// A unit was told at one of its addresses that something waits for it, or could not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitNotified {
    /// The referral.
    pub referral_id: ReferralId,
    /// The recipient unit.
    pub unit_id: UnitId,
    /// Why it was told.
    pub ground: NoticeGround,
    /// Which of its addresses.
    pub address_id: AddressId,
    /// What became of it.
    pub outcome: NoticeOutcome,
}

/// The clock noted that the time of what a referral rests on is over: it can no longer be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferralExpired {
    /// The referral.
    pub referral_id: ReferralId,
    /// The unit it was for.
    pub unit_id: UnitId,
}
