//! Fetching is deciding again (promise 2).

use crate::story::*;
use egide_domain::ViolationReason as Why;
use egide_domain::delivery::DeliveryRefusal;
use egide_domain::event::{Actor, ConsentGiven, Expiry, RecallAcknowledged, ReferralExpired, UnitNotified};
use egide_domain::ids::AddressId;
use egide_domain::supersedes;
use egide_domain::vocabulary::{
    AgeBand, DataCategory::*, ExceptionGround, ExceptionKind, NoticeGround, NoticeOutcome, Purpose::*, ReasonCode,
    TriageLevel,
};

fn to_shelter(number: u8) -> egide_domain::event::ConsentGiven {
    consent(number, VICTIM, shelter().scope(), SupportService)
}

fn asked() -> Ask {
    ask(&shelter(), SupportService, &[Contact, Identity])
}

fn released() -> Story {
    Story::with_people().consents(to_shelter(1).permitting(&[Contact, Identity])).releases(1, &asked())
}

#[track_caller]
fn narrowed(result: Result<egide_domain::Decision, DeliveryRefusal>, code: ReasonCode) {
    match result {
        Err(DeliveryRefusal::Narrowed(decision)) => assert!(decision.has_reason(code), "{:?}", decision.reasons),
        Ok(_) | Err(DeliveryRefusal::Unknown | DeliveryRefusal::Recalled) => panic!("must be narrowed: {result:?}"),
    }
}

#[test]
fn a_released_referral_is_delivered_while_nothing_changed() {
    let story = released();
    let decision = story.fetches(1, &shelter()).unwrap();
    assert_eq!(decision.case_revision, story.facts.revision);
    let delivered = story.delivery_of(1, &shelter());
    assert_eq!(story.admits(&service(), &delivered), Ok(()));
    assert!(story.by(&service(), delivered).fetches(1, &shelter()).is_ok(), "it can be fetched again");
}

#[test]
fn p02_a_withdrawal_before_the_delivery_stops_it() {
    let story = released().withdraws(Some(1), Some(VICTIM), &[]);
    narrowed(story.fetches(1, &shelter()), ReasonCode::ConsentWithdrawn);
}

#[test]
fn a_partial_withdrawal_stops_a_report_that_holds_more() {
    let story = released().withdraws(Some(1), Some(VICTIM), &[Identity]);
    narrowed(story.fetches(1, &shelter()), ReasonCode::NoConsent);
}

#[test]
fn going_on_under_another_basis_is_a_new_decision() {
    let story =
        released().consents(to_shelter(2).permitting(&[Contact, Identity])).withdraws(Some(1), Some(VICTIM), &[]);
    assert!(story.when(&asked()).0.is_permit());
    narrowed(story.fetches(1, &shelter()), ReasonCode::ConsentWithdrawn);
}

#[test]
fn a_consent_for_one_disclosure_delivers_its_own_referral() {
    let consented = Story::with_people().consents(to_shelter(1).permitting(&[Contact, Identity]).once());
    let story = consented.releases(1, &asked());
    assert!(story.fetches(1, &shelter()).is_ok());
    story.when(&asked()).denies(ReasonCode::ConsentUsed);
}

#[test]
fn an_expired_consent_an_ended_agreement_and_a_suspension_stop_the_delivery() {
    let consented =
        Story::with_people().consents(to_shelter(1).permitting(&[Contact, Identity]).until(Expiry::At(after(HOUR))));
    let story = consented.releases(1, &asked()).wait(HOUR);
    narrowed(story.fetches(1, &shelter()), ReasonCode::ConsentExpired);
    narrowed(released().fetches(1, &shelter().without_agreement()), ReasonCode::NoAgreement);
    narrowed(released().fetches(1, &shelter().suspended()), ReasonCode::RecipientSuspended);
}

#[test]
fn another_unit_fetches_nothing() {
    narrowed(released().fetches(1, &police()), ReasonCode::RecipientUnknown);
}

#[test]
fn a_recalled_or_unknown_referral_is_not_delivered() {
    assert_eq!(released().recalls(1).fetches(1, &shelter()), Err(DeliveryRefusal::Recalled));
    assert_eq!(released().fetches(2, &shelter()), Err(DeliveryRefusal::Unknown));
}

#[test]
fn a_closed_case_delivers_nothing() {
    narrowed(released().closes().fetches(1, &shelter()), ReasonCode::CaseClosed);
}

#[test]
fn a_lifted_exception_stops_the_delivery() {
    let asserted = exception(1, ExceptionKind::Minor, &[VICTIM], ExceptionGround::SuspectedAbuse);
    let story = Story::with_people().age(VICTIM, AgeBand::Under16).asserts(&responder(), asserted);
    let story = story.confirms(&supervisor(), 1);
    let question = ask(&police(), Investigation, &[Identity]);
    let story = story.releases(1, &question);
    assert!(story.fetches(1, &police()).is_ok());
    narrowed(story.lifts(1).fetches(1, &police()), ReasonCode::ExceptionLifted);
}

#[test]
fn a_superseding_consent_keeps_beating_a_denial_at_the_delivery() {
    let story = Story::with_people()
        .consents(to_shelter(1).permitting(&[Contact, Identity]))
        .refuses(2, VICTIM, shelter().scope(), &[Contact])
        .consents(to_shelter(3).permitting(&[Contact]).superseding(&[2]));
    let question = asked().relying_on(&[egide_domain::Basis::Consent(consent_id(1))]);
    assert!(story.releases(1, &question).fetches(1, &shelter()).is_ok());
}

#[test]
fn what_can_change_the_answer_supersedes_an_open_permit() {
    let story = Story::with_people().consents(to_shelter(1).permitting(&[Contact, Identity])).decides(1, &asked());
    let decided_at = story.facts.decision(egide_domain::ids::DecisionId([1; 16])).unwrap().revision;
    assert!(!story.facts.superseded_since(decided_at));
    for changed in [
        story.clone().withdraws(Some(1), Some(VICTIM), &[]),
        story.clone().refuses(2, VICTIM, shelter().scope(), &[]),
        story.clone().triaged(TriageLevel::Insufficient),
        story.clone().age(VICTIM, AgeBand::Under16),
        story.clone().closes(),
        story.clone().and(egide_domain::CaseEvent::Unreadable),
    ] {
        assert!(changed.facts.superseded_since(decided_at));
    }
}

#[test]
fn a_decision_a_delivery_and_more_content_do_not_supersede() {
    let story = released();
    let delivered = story.delivery_of(1, &shelter());
    assert!(!supersedes(&delivered));
    let health = egide_domain::event::HealthRecorded { subject_id: VICTIM };
    assert!(!supersedes(&egide_domain::CaseEvent::HealthRecorded(health)));
    let decision = story.when(&asked()).0;
    assert!(!supersedes(&decided(9, &asked(), decision)));
}

fn waiting(story: &Story) -> Vec<egide_domain::Unfetched> {
    egide_domain::unfetched(&story.facts, &POLICY, story.now)
}

#[test]
fn what_was_released_waits_until_somebody_had_it_or_it_was_recalled() {
    let story = released();
    let waits = waiting(&story);
    assert_eq!(waits.len(), 1);
    assert_eq!((waits[0].referral_id, waits[0].unit_id), (referral_id(1), shelter().id()));
    assert!(!waits[0].urgent);
    assert_eq!(waits[0].due_at, waits[0].since.checked_add(POLICY.periods().fetch_referral));
    let delivered = story.delivery_of(1, &shelter());
    assert_eq!(waiting(&released().by(&service(), delivered)), []);
    assert_eq!(waiting(&released().recalls(1)), []);
    assert_eq!(waiting(&released().closes()), []);
}

#[test]
fn an_urgent_referral_waits_for_a_call_and_a_shorter_time() {
    let story = Story::with_people().triaged(TriageLevel::Urgent);
    let story = story.consents(to_shelter(1).permitting(&[Contact, Identity])).releases(1, &asked());
    let waits = waiting(&story);
    assert_eq!(waits.len(), 1);
    assert!(waits[0].urgent);
    assert_eq!(waits[0].due_at, waits[0].since.checked_add(POLICY.periods().phone_recipient));
}

#[test]
fn nobody_is_asked_to_fetch_what_a_fetch_would_refuse() {
    let for_an_hour = to_shelter(1).permitting(&[Contact, Identity]).until(Expiry::At(after(HOUR)));
    let ending = Story::with_people().consents(for_an_hour).releases(1, &asked());
    for (what, story) in [
        ("withdrawn", released().withdraws(Some(1), Some(VICTIM), &[])),
        ("all of it withdrawn", released().withdraws(None, None, &[])),
        ("expired", ending.wait(HOUR)),
    ] {
        assert!(story.fetches(1, &shelter()).is_err(), "{what}");
        assert_eq!(waiting(&story), [], "{what}");
    }
    let another = released().withdraws(Some(1), Some(VICTIM), &[Health]);
    assert!(another.fetches(1, &shelter()).is_ok());
    assert_eq!(waiting(&another).len(), 1, "what was withdrawn is not in it");
    let asserted = exception(1, ExceptionKind::Minor, &[VICTIM], ExceptionGround::SuspectedAbuse);
    let story = Story::with_people().age(VICTIM, AgeBand::Under16).asserts(&responder(), asserted);
    let story = story.confirms(&supervisor(), 1).releases(1, &ask(&police(), Investigation, &[Identity]));
    assert_eq!(waiting(&story).len(), 1);
    assert_eq!(waiting(&story.lifts(1)), []);
}

fn open(story: &Story) -> Vec<(NoticeGround, egide_domain::Timestamp)> {
    let notices = egide_domain::open_notices(&story.facts, &POLICY, story.now);
    assert!(notices.iter().all(|notice| (notice.referral_id, notice.unit_id) == (referral_id(1), shelter().id())));
    notices.iter().map(|notice| (notice.ground, notice.since)).collect()
}

fn told(address: u8, ground: NoticeGround, outcome: NoticeOutcome) -> egide_domain::CaseEvent {
    let (referral_id, unit_id, address_id) = (referral_id(1), shelter().id(), AddressId([address; 16]));
    egide_domain::CaseEvent::UnitNotified(UnitNotified { referral_id, unit_id, ground, address_id, outcome })
}

#[test]
fn a_unit_is_to_be_told_of_what_waits_and_of_the_recall_of_what_it_had() {
    use NoticeGround::{Recalled, Released};
    let story = released();
    assert_eq!(open(&story), [(Released, story.now)]);
    assert_eq!(open(&story.clone().recalls(1)), [], "nobody ever had it");
    let delivered = story.delivery_of(1, &shelter());
    let had = story.by(&service(), delivered);
    assert_eq!(open(&had), []);
    let recalled = had.wait(HOUR).recalls(1);
    let since = recalled.now;
    assert_eq!(open(&recalled), [(Recalled, since)]);
    assert_eq!(
        open(&recalled.clone().wait(HOUR).recalls(1)),
        [(Recalled, since)],
        "a second recall is no second notice"
    );
    assert_eq!(open(&recalled.clone().closes()), [(Recalled, since)], "also in a closed case");
    let confirmed = RecallAcknowledged { referral_id: referral_id(1), unit_id: shelter().id() };
    assert_eq!(open(&recalled.by(&service(), egide_domain::CaseEvent::RecallAcknowledged(confirmed))), []);
    let notices = egide_domain::open_notices(&released().facts, &POLICY, released().now).len();
    assert_eq!(notices, 1);
}

#[test]
fn a_notice_is_given_up_while_no_address_took_it() {
    use NoticeGround::Released;
    let given_up = |story: &Story| {
        egide_domain::open_notices(&story.facts, &POLICY, story.now)
            .first()
            .and_then(egide_domain::OpenNotice::given_up_at)
    };
    let story = released();
    assert_eq!(given_up(&story), None, "nothing was settled yet");
    let story = story.by(&service(), told(1, Released, NoticeOutcome::GivenUp));
    assert_eq!(given_up(&story), Some(story.now));
    let other = story.clone().by(&service(), told(2, NoticeGround::Recalled, NoticeOutcome::Sent));
    assert_eq!(given_up(&other), Some(story.now), "what became of another notice counts for that one");
    assert_eq!(given_up(&story.by(&service(), told(2, Released, NoticeOutcome::Sent))), None);
}

#[test]
fn what_became_of_a_notice_is_recorded_once_by_no_person_and_disturbs_no_permit() {
    let story = released();
    let why = |story: &Story, actor: &egide_domain::Actor, event: &egide_domain::CaseEvent| {
        let admitted = egide_domain::admit(&story.facts, event, actor, &POLICY, story.now);
        let violations = admitted.err().unwrap_or_default().into_iter();
        violations.map(|violation| (violation.field, violation.reason)).collect::<Vec<_>>()
    };
    let sent = told(1, NoticeGround::Released, NoticeOutcome::Sent);
    assert!(!supersedes(&sent));
    assert_eq!(why(&story, &service(), &sent), []);
    assert_eq!(why(&story, &supervisor(), &sent), [("actor.person", Why::ClockOnly)]);
    let recall = told(1, NoticeGround::Recalled, NoticeOutcome::Sent);
    assert_eq!(why(&story, &service(), &recall), [("ground", Why::ReferralNotRecalled)]);
    let story = story.by(&service(), sent.clone());
    for again in [sent, told(1, NoticeGround::Released, NoticeOutcome::GivenUp)] {
        assert_eq!(why(&story, &service(), &again), [("address_id", Why::AlreadyNoted)]);
    }
    let (referral_id, unit_id, address_id) = (referral_id(2), shelter().id(), AddressId([1; 16]));
    let (ground, outcome) = (NoticeGround::Released, NoticeOutcome::Sent);
    let unknown = UnitNotified { referral_id, unit_id, ground, address_id, outcome };
    assert_eq!(
        why(&story, &service(), &egide_domain::CaseEvent::UnitNotified(unknown)),
        [("referral_id", Why::ReferralUnknown)]
    );
}

fn expired(story: &Story) -> Vec<egide_domain::ids::ReferralId> {
    egide_domain::expired(&story.facts, &POLICY, story.now)
}

fn expiry(number: u8, to: &Unit) -> egide_domain::CaseEvent {
    let expired = ReferralExpired { referral_id: referral_id(number), unit_id: to.id() };
    egide_domain::CaseEvent::ReferralExpired(expired)
}

fn until(number: u8, end: i64, categories: &[egide_domain::vocabulary::DataCategory]) -> ConsentGiven {
    to_shelter(number).permitting(categories).until(Expiry::At(after(end)))
}

#[test]
fn a_referral_ends_with_the_time_of_what_it_rests_on_to_the_instant() {
    let story = Story::with_people().consents(until(1, HOUR, &[Contact, Identity])).releases(1, &asked());
    let early = story.clone().wait(HOUR - 1);
    assert_eq!((expired(&early), early.fetches(1, &shelter()).is_ok()), (vec![], true));
    assert_eq!(egide_domain::next_expiry(&early.facts, &POLICY), Some(after(HOUR)));
    let over = story.clone().wait(HOUR);
    assert_eq!((expired(&over), over.fetches(1, &shelter()).is_ok()), (vec![referral_id(1)], false));
    // Delivered or not: it cannot be fetched again.
    let delivered = story.clone().by(&service(), story.delivery_of(1, &shelter())).wait(HOUR);
    assert_eq!(expired(&delivered), [referral_id(1)]);
    // Nobody says when a consent without a stated end ends but the policy; one without any end never does.
    let default = Story::with_people().consents(to_shelter(1).permitting(&[Contact]).until(Expiry::Absent));
    let default = default.releases(1, &ask(&shelter(), SupportService, &[Contact]));
    let period = POLICY.periods().consent_default.0;
    assert_eq!(egide_domain::next_expiry(&default.facts, &POLICY), Some(after(period)));
    assert_eq!(egide_domain::next_expiry(&released().facts, &POLICY), None);
    assert_eq!(expired(&released().wait(100 * period)), []);
}

#[test]
fn a_report_leaves_whole_so_it_ends_with_the_first_of_what_is_in_it_and_for_that_with_the_last_that_lets_it_go() {
    let parts = Story::with_people().consents(until(1, HOUR, &[Contact])).consents(until(2, 2 * HOUR, &[Identity]));
    let parts = parts.releases(1, &asked());
    assert_eq!(egide_domain::next_expiry(&parts.facts, &POLICY), Some(after(HOUR)));
    let over = parts.wait(HOUR);
    assert_eq!((expired(&over), waiting(&over)), (vec![referral_id(1)], vec![]), "nobody is asked to fetch it");
    let twice = Story::with_people().consents(until(1, HOUR, &[Contact, Identity]));
    let twice = twice.consents(until(2, 2 * HOUR, &[Contact, Identity])).releases(1, &asked());
    assert_eq!(egide_domain::next_expiry(&twice.facts, &POLICY), Some(after(2 * HOUR)));
    let one_is_over = twice.wait(HOUR);
    assert_eq!((expired(&one_is_over), waiting(&one_is_over).len()), (vec![], 1));
    assert!(one_is_over.fetches(1, &shelter()).is_ok());
    let endless = Story::with_people().consents(until(1, HOUR, &[Contact, Identity]));
    let endless = endless.consents(to_shelter(2).permitting(&[Contact, Identity])).releases(1, &asked());
    assert_eq!(egide_domain::next_expiry(&endless.facts, &POLICY), None);
}

#[test]
fn what_ended_otherwise_has_an_event_of_its_own_and_is_not_noted_as_ended_by_time() {
    let story = Story::with_people().consents(until(1, HOUR, &[Contact, Identity])).releases(1, &asked());
    for (what, ended) in [
        ("withdrawn", story.clone().withdraws(Some(1), Some(VICTIM), &[])),
        ("withdrawn in part", story.clone().withdraws(Some(1), Some(VICTIM), &[Contact])),
        ("recalled", story.clone().recalls(1)),
        ("noted", story.clone().by(&service(), expiry(1, &shelter()))),
    ] {
        assert_eq!(expired(&ended.clone().wait(HOUR)), [], "{what}");
        assert_eq!(egide_domain::next_expiry(&ended.facts, &POLICY), None, "{what}");
    }
    let asserted = exception(1, ExceptionKind::Minor, &[VICTIM], ExceptionGround::SuspectedAbuse);
    let story = Story::with_people().age(VICTIM, AgeBand::Under16).asserts(&responder(), asserted);
    let story = story.confirms(&supervisor(), 1).releases(1, &ask(&police(), Investigation, &[Identity]));
    let life = egide_domain::next_expiry(&story.facts, &POLICY).unwrap();
    let over = story.clone().wait(life.0 - story.now.0);
    assert_eq!((expired(&over), over.fetches(1, &police()).is_ok()), (vec![referral_id(1)], false));
    assert_eq!(expired(&over.lifts(1)), [], "lifted is lifted, whatever the time");
}

#[test]
fn the_clock_alone_notes_the_end_of_a_referral_once_and_when_it_is_so() {
    let story = Story::with_people().consents(until(1, HOUR, &[Contact, Identity])).releases(1, &asked());
    let why = |story: &Story, actor: &Actor, event| {
        let violations = story.admits(actor, &event).err().unwrap_or_default();
        violations.into_iter().map(|violation| (violation.field, violation.reason)).collect::<Vec<_>>()
    };
    let field = "referral_id";
    let early = story.clone().wait(HOUR - 1);
    assert_eq!(why(&early, &service(), expiry(1, &shelter())), [(field, Why::ReferralNotExpired)]);
    let over = story.wait(HOUR);
    assert_eq!(why(&over, &service(), expiry(1, &shelter())), []);
    assert_eq!(why(&over, &supervisor(), expiry(1, &shelter())), [("actor.person", Why::ClockOnly)]);
    assert_eq!(why(&over, &service(), expiry(2, &shelter())), [(field, Why::ReferralUnknown)]);
    assert_eq!(why(&over, &service(), expiry(1, &police())), [("unit_id", Why::OtherUnit)]);
    assert_eq!(why(&over.clone().closes(), &service(), expiry(1, &shelter())), [], "also of a closed case");
    let noted = over.by(&service(), expiry(1, &shelter()));
    assert_eq!(why(&noted, &service(), expiry(1, &shelter())), [(field, Why::AlreadyNoted)]);
    assert!(noted.facts.referral(referral_id(1)).unwrap().expired);
    assert_eq!(waiting(&noted), []);
}
