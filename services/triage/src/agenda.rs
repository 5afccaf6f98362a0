//! What waits in a case, from its facts: what disclosures bind us to, what somebody must look at, and what the clock has to note.

use egide_domain::facts::{CaseFacts, Tip};
use egide_domain::ids::{ApprovalId, DecisionId, ReferralId, SubjectId, UnitId};
use egide_domain::obligations::standing;
use egide_domain::time::{Millis, Timestamp};
use egide_domain::vocabulary::{ObligationKind, ObligationState, ReviewOutcome, TriageLevel};
use egide_domain::{Policy, Unfetched, expired, open_notices, unfetched};

/// Within which a tip that is not urgent is reported where that fits, from its receipt (hotline policy, row 10).
const TIP_CLOCK: Millis = Millis::from_hours(24);
/// An obligation is noted as due when this part of its period is left: a quarter.
const NOTICE_SHARE: i64 = 4;

/// Something that a disclosure binds us to, as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owed {
    pub(crate) decision_id: DecisionId,
    pub(crate) kind: ObligationKind,
    pub(crate) subject_id: Option<SubjectId>,
    pub(crate) unit_id: Option<UnitId>,
    pub(crate) state: ObligationState,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) review_at: Option<Timestamp>,
}

impl Owed {
    /// Whether it still asks something of somebody.
    pub(crate) const fn is_open(&self) -> bool {
        match self.state {
            ObligationState::Due | ObligationState::Overdue | ObligationState::Deferred => true,
            ObligationState::Met | ObligationState::Impossible => false,
        }
    }

    /// When somebody has to look at it next, if it has a clock.
    pub(crate) fn by(&self) -> Option<Timestamp> {
        match self.state {
            ObligationState::Deferred => self.review_at.or(self.due_at),
            ObligationState::Due | ObligationState::Overdue | ObligationState::Met | ObligationState::Impossible => {
                self.due_at
            }
        }
    }
}

/// What kind of review is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReviewKind {
    Tip,
    BreakGlass,
    OutsideDisclosure,
    Approval,
    TipClock,
    Narrative,
    ReferralUnfetched,
    NoticeGivenUp,
}

/// Something that waits for a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Review {
    pub(crate) kind: ReviewKind,
    /// The tip, exception, disclosure, approval, referral or review.
    pub(crate) reference: [u8; 16],
    pub(crate) since: Timestamp,
    /// Absent: at once.
    pub(crate) due_at: Option<Timestamp>,
    /// Whose it is, where another person must look at it.
    pub(crate) by: Option<String>,
}

/// What the clock notes, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    Obligation {
        decision_id: DecisionId,
        kind: ObligationKind,
        subject_id: Option<SubjectId>,
        /// Due or overdue.
        state: ObligationState,
    },
    ApprovalExpired(ApprovalId),
    ReferralExpired(ReferralId, UnitId),
}

/// Everything that the case's released decisions bind us to.
pub(crate) fn owed(facts: &CaseFacts, policy: &Policy, now: Timestamp) -> Vec<Owed> {
    let unit = |decision_id| facts.decision(decision_id).map(|decision| decision.request.unit_id);
    standing(facts, policy, now)
        .into_iter()
        .map(|one| Owed {
            decision_id: one.decision_id,
            kind: one.kind,
            subject_id: one.subject_id,
            unit_id: unit(one.decision_id),
            state: one.state,
            due_at: one.due_at,
            review_at: one.review_at,
        })
        .collect()
}

/// What somebody must look at.
pub(crate) fn reviews(facts: &CaseFacts, policy: &Policy, now: Timestamp) -> Vec<Review> {
    let review = |kind, reference, since, due_at, by| Review { kind, reference, since, due_at, by };
    let tips = facts.tips.iter().filter(|tip| tip.needs_review() && tip.review.is_none() && !facts.closed);
    let tips = tips.map(|tip| review(ReviewKind::Tip, tip.tip_id.0, tip.received_at, None, None));
    let clocks = facts.tips.iter().filter(|tip| clock_runs(facts, tip, policy, now)).map(|tip| {
        let due_at = tip.received_at.checked_add(TIP_CLOCK);
        review(ReviewKind::TipClock, tip.tip_id.0, tip.received_at, due_at, None)
    });
    let glass =
        facts.exceptions.iter().filter(|exception| exception.asserted.break_glass && exception.reviewed_at().is_none());
    let glass = glass.map(|exception| {
        let due_at = exception.at.checked_add(policy.periods().break_glass_review);
        let (id, by) = (exception.asserted.exception_id.0, exception.by.person.clone());
        review(ReviewKind::BreakGlass, id, exception.at, due_at, by)
    });
    let outside = facts.disclosures_outside.iter().filter(|outside| outside.review.is_none()).map(|outside| {
        let by = outside.by.person.clone();
        review(ReviewKind::OutsideDisclosure, outside.disclosure_id.0, outside.at, None, by)
    });
    let approvals = facts.approvals.iter().filter(|approval| approval.answer.is_none()).map(|approval| {
        let (id, by) = (approval.approval_id.0, approval.by.person.clone());
        review(ReviewKind::Approval, id, approval.at, approval.expires_at, by)
    });
    let narratives = facts.open_reviews().filter(|_| !facts.closed).map(|waiting| {
        let by = waiting.by.person.clone();
        review(ReviewKind::Narrative, waiting.review_id.0, waiting.at, None, by)
    });
    let unfetched = unfetched(facts, policy, now).into_iter().map(|one| {
        let Unfetched { referral_id, since, due_at, .. } = one;
        review(ReviewKind::ReferralUnfetched, referral_id.0, since, due_at, None)
    });
    let untold = open_notices(facts, policy, now).into_iter().filter_map(|notice| {
        let since = notice.given_up_at()?;
        Some(review(ReviewKind::NoticeGivenUp, notice.referral_id.0, since, None, None))
    });
    let of_people = tips.chain(clocks).chain(glass).chain(outside).chain(approvals).chain(narratives);
    of_people.chain(unfetched).chain(untold).collect()
}

/// Whether a tip's 24 hours run: it is not urgent, or nobody has said how urgent it is; it may be reported; and nothing was
/// released since it came.
fn clock_runs(facts: &CaseFacts, tip: &Tip, policy: &Policy, now: Timestamp) -> bool {
    let not_urgent = match facts.triage(now, policy) {
        Some(TriageLevel::NotUrgent) | None => true,
        Some(TriageLevel::Urgent | TriageLevel::Insufficient) => false,
    };
    let reported = facts.referrals.iter().any(|referral| referral.at >= tip.received_at);
    not_urgent && !facts.closed && !reported && tip.review != Some(ReviewOutcome::DoNotReport)
}

/// What the clock has to note now and has not noted yet.
pub(crate) fn notes(facts: &CaseFacts, policy: &Policy, now: Timestamp) -> Vec<Note> {
    let obligations = owed(facts, policy, now).into_iter().filter_map(|owed| {
        let state = state_to_note(facts, &owed, now)?;
        let Owed { decision_id, kind, subject_id, .. } = owed;
        Some(Note::Obligation { decision_id, kind, subject_id, state })
    });
    let over = |expires_at: Option<Timestamp>| expires_at.is_none_or(|end| end <= now);
    let approvals = facts.approvals.iter().filter(|approval| approval.answer.is_none() && over(approval.expires_at));
    obligations.chain(approvals.map(|approval| Note::ApprovalExpired(approval.approval_id))).collect()
}

/// The referrals whose end the clock has to note now.
pub(crate) fn ended(facts: &CaseFacts, policy: &Policy, now: Timestamp) -> Vec<Note> {
    let over = expired(facts, policy, now).into_iter();
    over.filter_map(|referral_id| {
        Some(Note::ReferralExpired(referral_id, facts.referral(referral_id)?.released.unit_id))
    })
    .collect()
}

fn state_to_note(facts: &CaseFacts, owed: &Owed, now: Timestamp) -> Option<ObligationState> {
    let state = match owed.state {
        ObligationState::Overdue => ObligationState::Overdue,
        ObligationState::Due if notice_at(facts, owed)? <= now => ObligationState::Due,
        ObligationState::Due | ObligationState::Met | ObligationState::Deferred | ObligationState::Impossible => {
            return None;
        }
    };
    let noted = facts.obligation_notes.iter().map(|note| &note.noted).any(|noted| {
        (noted.decision_id, noted.kind, noted.subject_id) == (owed.decision_id, owed.kind, owed.subject_id)
            && noted.state == state
    });
    (!noted).then_some(state)
}

/// When a quarter of the time from the decision to the due time is left; without a clock there is nothing to note.
fn notice_at(facts: &CaseFacts, owed: &Owed) -> Option<Timestamp> {
    let due_at = owed.due_at?;
    let decided_at = facts.decision(owed.decision_id)?.decided_at;
    let left = due_at.0.saturating_sub(decided_at.0).max(0) / NOTICE_SHARE;
    Some(Timestamp(due_at.0.saturating_sub(left)))
}

/// Whether anything in the case waits for anybody, or for the clock. What travels with a referral and has no clock does not.
pub(crate) fn something_waits(facts: &CaseFacts, policy: &Policy, now: Timestamp) -> bool {
    !reviews(facts, policy, now).is_empty()
        || !open_notices(facts, policy, now).is_empty()
        || owed(facts, policy, now).iter().any(|owed| owed.is_open() && owed.by().is_some())
}
