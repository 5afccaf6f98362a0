//! Failures of systems that do this job, as far as they concern the gate, each turned into what ours must do.

use crate::story::*;
use egide_domain::decide;
use egide_domain::decision::Basis;
use egide_domain::event::{Expiry, RecipientScope};
use egide_domain::vocabulary::{
    AgeBand, Channel, DataCategory::*, ExceptionGround, ExceptionKind, Purpose::*, ReasonCode,
};
use egide_domain::{CaseEvent, Purposes};

fn to_shelter(number: u8) -> egide_domain::event::ConsentGiven {
    consent(number, VICTIM, shelter().scope(), SupportService)
}

fn asked() -> Ask {
    ask(&shelter(), SupportService, &[Contact])
}

#[test]
fn primero_transition_a_request_can_only_name_an_exception_not_be_one() {
    let claimed = Basis::Exception(exception_id(1), ExceptionKind::Minor);
    let story = Story::with_people().age(VICTIM, AgeBand::Under16);
    let question = ask(&police(), Investigation, &[Identity]).relying_on(&[claimed]);
    story.when(&question).denies(ReasonCode::NoException);
}

#[test]
fn primero_transition_naming_one_exception_does_not_use_another() {
    let asserted = exception(1, ExceptionKind::Minor, &[VICTIM], ExceptionGround::SuspectedAbuse);
    let story = Story::with_people().age(VICTIM, AgeBand::Under16).asserts(&responder(), asserted);
    let story = story.confirms(&supervisor(), 1);
    let claimed = Basis::Exception(exception_id(2), ExceptionKind::Minor);
    let question = ask(&police(), Investigation, &[Identity]);
    assert!(story.when(&question).0.is_permit());
    story.when(&question.relying_on(&[claimed])).denies(ReasonCode::NoException);
}

#[test]
fn primero_assigned_users_a_withdrawal_closes_every_undelivered_referral_and_recall_always_works() {
    let story = Story::with_people().consents(to_shelter(1).permitting(&[Contact])).releases(1, &asked());
    let story = story.withdraws(None, Some(VICTIM), &[]);
    assert!(story.fetches(1, &shelter()).is_err());
    let recalled = egide_domain::event::ReferralRecalled { referral_id: referral_id(1), reason: None };
    let recalled = CaseEvent::ReferralRecalled(recalled);
    assert_eq!(story.admits(&service(), &recalled), Ok(()));
    assert_eq!(story.clone().closes().admits(&service(), &recalled), Ok(()));
}

#[test]
fn globaleaks_approver_where_nobody_confirms_nothing_is_released() {
    let asserted = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence);
    let story = Story::with_people().asserts(&responder(), asserted).wait(HOUR);
    story.when(&ask(&dispatch(), EmergencyResponse, &[Whereabouts])).denies(ReasonCode::ExceptionUnconfirmed);
}

#[test]
fn leap_parse_an_unreadable_refusal_never_lets_an_older_permission_win() {
    let story = Story::with_people().consents(to_shelter(1).permitting(&[Contact])).and(CaseEvent::Unreadable);
    story.when(&asked()).denies(ReasonCode::RecordUnreadable);
}

#[test]
fn leap_purpose_a_request_without_a_purpose_matches_none() {
    let mut everything = to_shelter(1).permitting(&[Contact]);
    everything.purposes = Purposes::all();
    let mut question = asked();
    question.request.purpose = None;
    Story::with_people().consents(everything).when(&question).denies(ReasonCode::PurposeMissing);
}

#[test]
fn leap_purpose_a_consent_without_a_purpose_permits_none() {
    let mut purposeless = to_shelter(1).permitting(&[Contact]);
    purposeless.purposes = Purposes::EMPTY;
    Story::with_people().consents(purposeless).when(&asked()).denies(ReasonCode::ConsentOtherPurpose);
}

#[test]
fn leap_order_is_the_logs_order_not_the_emitters_clock() {
    let mut story = Story::with_people().wait(DAY).consents(to_shelter(1).permitting(&[Contact]));
    story.now = START;
    let story = story.refuses(2, VICTIM, shelter().scope(), &[Contact]);
    let story = story.wait(2 * DAY);
    story.when(&asked()).denies(ReasonCode::ConsentDenies);
}

#[test]
fn leap_clock_the_same_arguments_give_the_same_decision() {
    let story = Story::with_people().consents(to_shelter(1).permitting(&[Contact]));
    let (request, recipient) = (asked().request, shelter().recipient());
    let once = decide(&story.facts, &request, Some(&recipient), &POLICY, story.now);
    std::thread::sleep(std::time::Duration::from_millis(2));
    assert_eq!(decide(&story.facts, &request, Some(&recipient), &POLICY, story.now), once);
}

#[test]
fn three_engines_one_algebra_most_recent_does_not_win_and_any_denial_does() {
    let denied_first = Story::with_people()
        .refuses(1, VICTIM, shelter().scope(), &[Contact])
        .consents(to_shelter(2).permitting(&[Contact]));
    let denied_last = Story::with_people().consents(to_shelter(2).permitting(&[Contact])).refuses(
        1,
        VICTIM,
        shelter().scope(),
        &[Contact],
    );
    denied_first.when(&asked()).denies(ReasonCode::ConsentDenies);
    denied_last.when(&asked()).denies(ReasonCode::ConsentDenies);
}

#[test]
fn hmis_expiry_absent_unlimited_and_past_are_three_things() {
    let of = |expiry| Story::with_people().consents(to_shelter(1).permitting(&[Contact]).until(expiry));
    let long = POLICY.periods().consent_default.0;
    of(Expiry::Unlimited).wait(long).when(&asked()).permits(&[(VICTIM, Contact)]);
    of(Expiry::Absent).wait(long - 1).when(&asked()).permits(&[(VICTIM, Contact)]);
    of(Expiry::Absent).wait(long).when(&asked()).denies(ReasonCode::ConsentExpired);
    of(Expiry::At(START)).when(&asked()).denies(ReasonCode::ConsentExpired);
    of(Expiry::At(after(1))).when(&asked()).permits(&[(VICTIM, Contact)]);
}

#[test]
fn hmis_expiry_an_unrelated_save_leaves_consent_as_it_is() {
    let story =
        Story::with_people().consents(to_shelter(1).permitting(&[Contact])).person(VICTIM, &[]).tip(Channel::Phone);
    story.when(&asked()).permits(&[(VICTIM, Contact)]);
}

#[test]
fn toronto_police_health_data_given_for_one_purpose_does_not_go_to_another_recipient() {
    let told = consent(1, VICTIM, police().scope(), Investigation).permitting(&[Health]);
    let story = Story::with_people().consents(told);
    let border = unit(80, egide_domain::vocabulary::RecipientKind::InvestigatingAgency, &[Investigation]);
    story.when(&ask(&border, Investigation, &[Health])).denies(ReasonCode::ConsentOtherRecipient);
    let anyone = consent(2, VICTIM, RecipientScope::Anyone, Investigation).permitting(&[Health]);
    story.consents(anyone).when(&ask(&border, Investigation, &[Health])).denies(ReasonCode::ConsentOtherRecipient);
}
