//! What happens after something was decided: deliveries, reviews, wishes, notes about what is owed.

use super::dice::{Dice, delivery, exception, subject};
use super::history::Pen;
use crate::evaluator::tables::{DAY, HOUR};
use egide_domain::Timestamp;
use egide_domain::decision::{Basis, Obligation};
use egide_domain::event::{
    CaseEvent, DisclosureDecided, ExceptionConfirmed, ExceptionLifted, ObligationNoted, ReferralDelivered,
    ReferralReleased, WishesRecorded,
};
use egide_domain::ids::ExceptionId;
use egide_domain::vocabulary::{DeliveryChannel, LiftReason, ObligationKind, ObligationState, Role, YoungWish};

/// One thing that has to do with what some decision binds us to.
pub(crate) fn something(dice: &mut Dice, pen: &mut Pen) {
    let decided = pen.events.iter().filter_map(|recorded| match &recorded.event {
        CaseEvent::DisclosureDecided(decided) if !decided.obligations.is_empty() => Some(decided.clone()),
        _ => None,
    });
    let decided: Vec<DisclosureDecided> = decided.collect();
    if decided.is_empty() {
        return;
    }
    let about = &decided[dice.below(decided.len())];
    let (role, event) = match dice.below(12) {
        0..6 => note(dice, about, pen.at),
        6..9 => {
            let Some(delivered) = delivered(dice, pen) else { return };
            (Role::Liaison, delivered)
        }
        9 => {
            let owed = dice.pick(&about.obligations);
            let whose = owed.subject_id.unwrap_or_else(|| subject(dice.small()));
            let wish = dice.pick(YoungWish::ALL);
            let said =
                WishesRecorded { subject_id: whose, exception_id: exception(dice.small()), wish, followed: None };
            (Role::Supervisor, CaseEvent::WishesRecorded(said))
        }
        10 => {
            let reason = dice.maybe(LiftReason::ALL, 80);
            (
                Role::Supervisor,
                CaseEvent::ExceptionLifted(ExceptionLifted { exception_id: one_of(dice, about), reason }),
            )
        }
        _ => {
            let confirmed = ExceptionConfirmed { exception_id: one_of(dice, about) };
            (Role::Supervisor, CaseEvent::ExceptionConfirmed(confirmed))
        }
    };
    pen.write(dice, role, event);
}

/// What real decisions of these cases seldom bind us to.
pub(crate) fn more_owed(dice: &mut Dice, at: i64) -> Vec<Obligation> {
    let how_many = dice.pick(&[0, 0, 0, 1, 2, 3]);
    let due = [None, Some(HOUR), Some(DAY), Some(30 * DAY)];
    let one = |_| Obligation {
        kind: dice.pick(ObligationKind::ALL),
        subject_id: dice.chance(70).then(|| subject(dice.small())),
        due_at: dice.pick(&due).map(|after| Timestamp(at + after)),
    };
    (0..how_many).map(one).collect()
}

/// A note, mostly about something that is owed.
fn note(dice: &mut Dice, about: &DisclosureDecided, at: i64) -> (Role, CaseEvent) {
    let owed = dice.pick(&about.obligations);
    let state = dice.pick(ObligationState::ALL);
    let review_at = Timestamp(at + dice.pick(&[HOUR, DAY, 30 * DAY]));
    let noted = ObligationNoted {
        decision_id: about.decision_id,
        kind: owed.kind,
        subject_id: if dice.chance(90) { owed.subject_id } else { dice.chance(50).then(|| subject(dice.small())) },
        state,
        reason: None,
        review_at: dice.chance(if state == ObligationState::Deferred { 90 } else { 10 }).then_some(review_at),
    };
    (Role::Supervisor, CaseEvent::ObligationNoted(noted))
}

/// A delivery of one of the referrals there are, half of them by voice.
fn delivered(dice: &mut Dice, pen: &Pen) -> Option<CaseEvent> {
    let released = pen.events.iter().filter_map(|recorded| match &recorded.event {
        CaseEvent::ReferralReleased(released) => Some((recorded.revision, released.clone())),
        _ => None,
    });
    let released: Vec<_> = released.collect();
    if released.is_empty() {
        return None;
    }
    let (case_revision, ReferralReleased { referral_id, decision_id, unit_id, report_digest, .. }) =
        released[dice.below(released.len())].clone();
    let channel = Some(dice.mostly(DeliveryChannel::Voice, 50, DeliveryChannel::ALL));
    let delivery_id = delivery(dice.small());
    let delivered = ReferralDelivered {
        delivery_id,
        referral_id,
        decision_id,
        unit_id,
        channel,
        report_digest,
        case_revision,
        decided_at: None,
        expires_at: None,
    };
    Some(CaseEvent::ReferralDelivered(delivered))
}

/// Mostly an exception that the decision rests on.
fn one_of(dice: &mut Dice, about: &DisclosureDecided) -> ExceptionId {
    let named = about.bases.iter().filter_map(|basis| match basis {
        Basis::Exception(exception_id, _) => Some(*exception_id),
        Basis::Consent(_) | Basis::ReportConsent(_) => None,
    });
    let named: Vec<ExceptionId> = named.collect();
    if named.is_empty() || dice.chance(10) { exception(dice.small()) } else { dice.pick(&named) }
}
