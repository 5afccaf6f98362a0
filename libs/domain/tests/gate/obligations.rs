//! What we still owe, and what meets it.

use crate::story::*;
use egide_domain::event::{ExceptionAsserted, ExceptionLifted, ObligationNoted, ReferralDelivered, WishesRecorded};
use egide_domain::ids::{DecisionId, DeliveryId, SubjectId};
use egide_domain::vocabulary::{
    AgeBand, DataCategory::*, DeliveryChannel, ExceptionGround, ExceptionKind, InstrumentKind, LiftReason,
    ObligationKind, ObligationKind::*, ObligationReason, ObligationState, ObligationState::*, Purpose, TriageLevel,
    YoungWish,
};
use egide_domain::{Actor, CaseEvent, StandingObligation, standing};

fn owed(story: &Story, kind: ObligationKind) -> StandingObligation {
    *all(story).iter().find(|owed| owed.kind == kind).unwrap_or_else(|| panic!("{kind} is not owed"))
}

fn all(story: &Story) -> Vec<StandingObligation> {
    standing(&story.facts, &POLICY, story.now)
}

fn state(story: &Story, kind: ObligationKind) -> ObligationState {
    owed(story, kind).state
}

fn delivered(story: Story, number: u8, to: &Unit, channel: DeliveryChannel) -> Story {
    let delivery = CaseEvent::ReferralDelivered(ReferralDelivered {
        delivery_id: DeliveryId([number; 16]),
        referral_id: referral_id(number),
        decision_id: DecisionId([number; 16]),
        unit_id: to.id(),
        channel: Some(channel),
        report_digest: [number; 32],
        case_revision: story.facts.revision,
        decided_at: Some(story.now),
        expires_at: story.now.checked_add(egide_domain::Millis(DAY)),
    });
    story.by(&service(), delivery)
}

fn noted(story: Story, by: &Actor, kind: ObligationKind, whom: Option<SubjectId>, what: ObligationState) -> Story {
    let review_at = (what == Deferred).then(|| story.now.checked_add(egide_domain::Millis(DAY)).unwrap());
    let reason = Some(ObligationReason::Unsafe);
    let noted =
        ObligationNoted { decision_id: DecisionId([1; 16]), kind, subject_id: whom, state: what, reason, review_at };
    story.by(by, CaseEvent::ObligationNoted(noted))
}

fn danger() -> ExceptionAsserted {
    let danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence);
    ExceptionAsserted { break_glass: true, ..danger }
}

fn dispatched() -> Ask {
    ask(&dispatch(), Purpose::EmergencyResponse, &[Whereabouts])
}

/// An emergency that one supervisor reported alone, and that was released.
fn emergency() -> Story {
    Story::with_people().asserts(&supervisor(), danger()).releases(1, &dispatched())
}

#[test]
fn what_was_never_released_binds_nobody_except_to_review_broken_glass() {
    let story = Story::with_people().asserts(&supervisor(), danger()).decides(1, &dispatched());
    let kinds: Vec<_> = all(&story).iter().map(|owed| owed.kind).collect();
    assert_eq!(kinds, [ReviewBreakGlass]);
    let story = story.clone().by(&service(), story.release_of(1, &dispatched()));
    assert!(all(&story).iter().any(|owed| owed.kind == PhoneRecipient && owed.referral_id == Some(referral_id(1))));
}

#[test]
fn an_obligation_is_due_until_its_time_and_then_overdue() {
    let story = emergency();
    let phone = owed(&story, PhoneRecipient);
    assert_eq!((phone.state, phone.since, phone.due_at), (Due, START, Some(after(HOUR))));
    assert_eq!(state(&story.clone().wait(HOUR - 1), PhoneRecipient), Due);
    let late = owed(&story.wait(HOUR), PhoneRecipient);
    assert_eq!((late.state, late.since), (Overdue, after(HOUR)));
}

#[test]
fn a_voice_delivery_is_the_telephone_call() {
    let story = delivered(emergency(), 1, &dispatch(), DeliveryChannel::Portal);
    assert_eq!(state(&story, PhoneRecipient), Due);
    let story = delivered(story.wait(HOUR / 2), 1, &dispatch(), DeliveryChannel::Voice);
    let phone = owed(&story.wait(DAY), PhoneRecipient);
    assert_eq!((phone.state, phone.since), (Met, after(HOUR / 2)));
}

#[test]
fn broken_glass_is_reviewed_by_a_confirmation() {
    let story = emergency();
    assert_eq!(state(&story, ReviewBreakGlass), Due);
    assert_eq!(state(&story.clone().wait(DAY), ReviewBreakGlass), Overdue);
    assert_eq!(state(&story.confirms(&other_supervisor(), 1), ReviewBreakGlass), Met);
}

#[test]
fn broken_glass_is_reviewed_by_a_lift_of_another_supervisor_and_of_nobody_else() {
    let lifted = |by: &Actor, reason| {
        let lift = ExceptionLifted { exception_id: exception_id(1), reason };
        emergency().by(by, CaseEvent::ExceptionLifted(lift))
    };
    assert_eq!(state(&lifted(&other_supervisor(), Some(LiftReason::NotJustified)), ReviewBreakGlass), Met);
    assert_eq!(state(&lifted(&other_supervisor(), Some(LiftReason::DangerPassed)), ReviewBreakGlass), Met);
    assert_eq!(state(&lifted(&supervisor(), Some(LiftReason::DangerPassed)), ReviewBreakGlass), Due);
    assert_eq!(state(&lifted(&responder(), Some(LiftReason::DangerPassed)), ReviewBreakGlass), Due);
}

/// A young person's case under a confirmed exception, in a place where the law leaves a report open at that age.
fn young(band: AgeBand, unit: &Unit, purpose: Purpose, kind: ExceptionKind) -> Story {
    let ground = if kind == ExceptionKind::Minor { ExceptionGround::SuspectedAbuse } else { ExceptionGround::Violence };
    Story::with_people()
        .age(VICTIM, band)
        .asserts(&responder(), exception(1, kind, &[VICTIM], ground))
        .confirms(&supervisor(), 1)
        .releases(1, &ask(unit, purpose, &[Contact]))
}

#[test]
fn recorded_wishes_meet_what_they_are_owed_for() {
    let story = young(AgeBand::From16To17, &child_protection(), Purpose::ChildProtection, ExceptionKind::Minor);
    assert_eq!(state(&story, RecordWishes), Due);
    let wishes = |subject_id| {
        CaseEvent::WishesRecorded(WishesRecorded {
            subject_id,
            exception_id: exception_id(1),
            wish: YoungWish::Undecided,
            followed: None,
        })
    };
    assert_eq!(state(&story.clone().by(&supervisor(), wishes(CALLER)), RecordWishes), Due);
    assert_eq!(state(&story.by(&supervisor(), wishes(VICTIM)), RecordWishes), Met);
}

#[test]
fn a_report_to_child_protection_is_made_by_a_delivery_that_speaks_of_the_child() {
    let story = young(AgeBand::Under16, &dispatch(), Purpose::EmergencyResponse, ExceptionKind::ImminentDanger);
    let story = delivered(story, 1, &dispatch(), DeliveryChannel::Voice);
    assert_eq!(state(&story, ReportToChildProtection), Due);
    let asked = ask(&child_protection(), Purpose::EmergencyResponse, &[Contact]);
    let story = story.releases(2, &asked);
    assert_eq!(state(&story, ReportToChildProtection), Due, "released is not told");
    assert_eq!(state(&delivered(story, 2, &child_protection(), DeliveryChannel::Portal), ReportToChildProtection), Met);
}

fn ordered() -> Story {
    let mut order = exception(1, ExceptionKind::LegalRequirement, &[VICTIM], ExceptionGround::Instrument);
    order.instrument = Some(instrument(InstrumentKind::ProductionOrder, &police(), &[Identity]));
    Story::with_people()
        .asserts(&responder(), order)
        .confirms(&supervisor(), 1)
        .releases(1, &ask(&police(), Purpose::LegalObligation, &[Identity]))
}

#[test]
fn an_instrument_is_answered_by_any_delivery_and_by_its_return_date() {
    let story = ordered();
    assert_eq!(owed(&story, AnswerInstrument).due_at, Some(after(30 * DAY)));
    assert_eq!(state(&story.clone().wait(30 * DAY), AnswerInstrument), Overdue);
    assert_eq!(state(&delivered(story, 1, &police(), DeliveryChannel::Package), AnswerInstrument), Met);
}

#[test]
fn not_telling_a_person_is_looked_at_again_in_time() {
    let story = ordered();
    let silence = owed(&story, NoTipOff);
    assert_eq!((silence.state, silence.due_at), (Due, Some(after(2_160 * HOUR))));
    assert_eq!(state(&story.clone().wait(2_160 * HOUR), NoTipOff), Overdue);
    assert_eq!(state(&noted(story, &supervisor(), NoTipOff, Some(VICTIM), Met), NoTipOff), Met);
}

#[test]
fn safe_contact_stands_for_ever() {
    let story = emergency().wait(1_000 * DAY);
    let safe = owed(&story, SafeContact);
    assert_eq!((safe.state, safe.due_at), (Due, None));
    assert_eq!(state(&noted(story, &supervisor(), SafeContact, Some(VICTIM), Met), SafeContact), Due);
}

#[test]
fn what_is_deferred_waits_for_its_day_and_is_then_due_or_overdue() {
    let story = noted(emergency(), &supervisor(), PhoneRecipient, None, Deferred);
    let phone = owed(&story, PhoneRecipient);
    assert_eq!((phone.state, phone.since, phone.review_at), (Deferred, START, Some(after(DAY))));
    assert_eq!(state(&story.clone().wait(DAY - 1), PhoneRecipient), Deferred);
    let again = owed(&story.wait(DAY), PhoneRecipient);
    assert_eq!((again.state, again.since), (Overdue, after(DAY)));
}

#[test]
fn what_cannot_be_met_is_impossible_until_it_is_met() {
    let story = noted(emergency(), &supervisor(), PhoneRecipient, None, Impossible);
    assert_eq!(state(&story.clone().wait(DAY), PhoneRecipient), Impossible);
    assert_eq!(state(&noted(story, &responder(), PhoneRecipient, None, Met), PhoneRecipient), Met);
}

#[test]
fn a_note_about_another_person_or_decision_changes_nothing() {
    let story = noted(ordered(), &supervisor(), NoTipOff, Some(CALLER), Met);
    assert_eq!(state(&story, NoTipOff), Due);
}

#[test]
fn what_the_clock_noted_changes_nothing() {
    let story = noted(emergency(), &service(), PhoneRecipient, None, Overdue);
    assert_eq!(state(&story, PhoneRecipient), Due, "the clock decides, not a note of it");
}

#[test]
fn each_decision_binds_for_itself() {
    let urgent = Story::with_people().triaged(TriageLevel::Urgent);
    let wish = consent(1, VICTIM, shelter().scope(), Purpose::SupportService).permitting(&[Contact]);
    let asked = ask(&shelter(), Purpose::SupportService, &[Contact]);
    let story = urgent.consents(wish).releases(1, &asked).releases(2, &asked);
    let story = delivered(story, 2, &shelter(), DeliveryChannel::Voice);
    let phones: Vec<_> = all(&story).into_iter().filter(|owed| owed.kind == PhoneRecipient).collect();
    assert_eq!(phones.iter().map(|owed| owed.state).collect::<Vec<_>>(), [Due, Met]);
}

/// What a release changes is what it lets go: broken glass was to be reviewed since it was decided on.
#[test]
fn broken_glass_is_to_be_reviewed_since_the_decision() {
    let story = Story::with_people().asserts(&supervisor(), danger()).decides(1, &dispatched()).wait(HOUR / 2);
    assert_eq!(owed(&story, ReviewBreakGlass).since, START);
    let story = story.clone().by(&service(), story.release_of(1, &dispatched()));
    assert_eq!(owed(&story, ReviewBreakGlass).since, START);
    assert_eq!(owed(&story, PhoneRecipient).since, after(HOUR / 2));
}

/// The ledger admits no second decision under an id that is taken; were there one, it would bind us to nothing.
#[test]
fn of_two_decisions_under_one_id_the_first_binds() {
    let story = emergency();
    let before = all(&story);
    let again = decided(1, &dispatched(), story.when(&dispatched()).0);
    assert_eq!(all(&story.wait(1).by(&service(), again)), before);
}

#[test]
fn a_duty_of_silence_without_a_date_is_looked_at_again_in_time() {
    let story = Story::with_people().asserts(&supervisor(), danger());
    let mut decision = story.when(&dispatched()).0;
    let (kind, subject_id) = (NoTipOff, Some(VICTIM));
    decision.obligations = vec![
        egide_domain::Obligation { kind, subject_id, due_at: None },
        egide_domain::Obligation { kind, subject_id: Some(CALLER), due_at: Some(after(DAY)) },
    ];
    let story = story.by(&service(), decided(1, &dispatched(), decision));
    let story = story.clone().by(&service(), story.release_of(1, &dispatched()));
    let dates: Vec<_> = all(&story).iter().map(|owed| (owed.subject_id, owed.due_at)).collect();
    let review = after(POLICY.periods().no_tip_off_review.0);
    assert_eq!(dates, [(Some(VICTIM), Some(review)), (Some(CALLER), Some(after(DAY)))]);
}

#[test]
fn a_note_is_about_one_obligation() {
    let story = noted(emergency(), &responder(), PhoneRecipient, None, Met);
    let states: Vec<_> = all(&story).iter().map(|owed| (owed.kind, owed.state)).collect();
    assert!(states.contains(&(PhoneRecipient, Met)) && states.contains(&(ReviewBreakGlass, Due)), "{states:?}");
    assert_eq!(states.iter().filter(|(_, state)| *state == Met).count(), 1, "{states:?}");
}
