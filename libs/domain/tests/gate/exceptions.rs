//! The three mandatory exceptions (hotline policy, rows 5, 6 and 10; the statute table).

use crate::story::*;
use egide_domain::decision::{Basis, Obligation};
use egide_domain::event::ExceptionAsserted;
use egide_domain::ids::SubjectId;
use egide_domain::vocabulary::{
    AgeBand, Channel, DataCategory, DataCategory::*, ExceptionGround, ExceptionKind, InstrumentKind, Jurisdiction,
    ObligationKind, PersonRole, Purpose, Purpose::*, ReasonCode, ReviewOutcome, TriageLevel,
};

fn minor(whom: &[SubjectId]) -> ExceptionAsserted {
    exception(1, ExceptionKind::Minor, whom, ExceptionGround::SuspectedAbuse)
}

fn danger(whom: &[SubjectId]) -> ExceptionAsserted {
    exception(1, ExceptionKind::ImminentDanger, whom, ExceptionGround::Violence)
}

fn broken_glass(mut asserted: ExceptionAsserted) -> ExceptionAsserted {
    asserted.break_glass = true;
    asserted
}

const EVERYTHING: [DataCategory; 8] =
    [Identity, Contact, Whereabouts, Situation, Health, Immigration, Finances, Suspects];

fn everything(unit: &Unit, purpose: Purpose) -> Ask {
    ask(unit, purpose, &EVERYTHING)
}

fn for_police() -> Ask {
    everything(&police(), Investigation)
}

fn for_child_protection() -> Ask {
    everything(&child_protection(), ChildProtection)
}

fn for_dispatch() -> Ask {
    everything(&dispatch(), EmergencyResponse)
}

fn with_minor() -> Story {
    Story::with_people().age(VICTIM, AgeBand::Under16)
}

fn confirmed(story: Story, asserted: ExceptionAsserted) -> Story {
    story.asserts(&responder(), asserted).confirms(&supervisor(), 1)
}

fn obliged(then: &Then, kind: ObligationKind) -> Vec<Obligation> {
    then.0.obligations.iter().copied().filter(|obligation| obligation.kind == kind).collect()
}

const CORE: [(SubjectId, DataCategory); 5] =
    [(VICTIM, Identity), (VICTIM, Contact), (VICTIM, Whereabouts), (VICTIM, Situation), (SUSPECT, Suspects)];

const CORE_AND_HEALTH: [(SubjectId, DataCategory); 6] = [
    (VICTIM, Identity),
    (VICTIM, Contact),
    (VICTIM, Whereabouts),
    (VICTIM, Situation),
    (VICTIM, Health),
    (SUSPECT, Suspects),
];

#[test]
fn a_minor_is_reported_to_child_protection_and_to_the_police_of_the_place() {
    let story = confirmed(with_minor(), minor(&[VICTIM]));
    let then = story.when(&for_child_protection());
    then.permits(&CORE_AND_HEALTH).says(ReasonCode::CoveredByException);
    then.says_of(ReasonCode::ExceptionCeiling, VICTIM, Immigration);
    assert!(then.0.urgent);
    story.when(&for_police()).permits(&CORE);
}

#[test]
fn an_unconfirmed_exception_permits_nothing_even_asserted_by_a_supervisor() {
    with_minor().asserts(&responder(), minor(&[VICTIM])).when(&for_police()).denies(ReasonCode::ExceptionUnconfirmed);
    with_minor().asserts(&supervisor(), minor(&[VICTIM])).when(&for_police()).denies(ReasonCode::ExceptionUnconfirmed);
}

#[test]
fn who_asserted_does_not_confirm() {
    let story = with_minor().asserts(&supervisor(), minor(&[VICTIM])).confirms(&supervisor(), 1);
    story.when(&for_police()).denies(ReasonCode::ExceptionUnconfirmed);
    story.confirms(&other_supervisor(), 1).when(&for_police()).permits(&CORE);
}

#[test]
fn a_service_alone_or_a_responder_confirms_nothing() {
    let story = with_minor().asserts(&supervisor(), minor(&[VICTIM])).confirms(&service(), 1).confirms(&responder(), 1);
    story.when(&for_police()).denies(ReasonCode::ExceptionUnconfirmed);
}

#[test]
fn what_a_service_alone_asserted_nobody_can_confirm() {
    let story = with_minor().asserts(&service(), minor(&[VICTIM])).confirms(&supervisor(), 1);
    story.when(&for_police()).denies(ReasonCode::ExceptionUnconfirmed);
}

#[test]
fn a_lifted_exception_permits_nothing() {
    confirmed(with_minor(), minor(&[VICTIM])).lifts(1).when(&for_police()).denies(ReasonCode::ExceptionLifted);
}

#[test]
fn an_exceptions_life_is_exclusive_at_its_end() {
    let life = POLICY.exception(ExceptionKind::ImminentDanger).unwrap().life.0;
    let story = confirmed(with_minor(), danger(&[VICTIM]));
    story.clone().wait(life - 1).when(&for_dispatch()).permits(&CORE_AND_HEALTH);
    story.wait(life).when(&for_dispatch()).denies(ReasonCode::ExceptionExpired);
}

#[test]
fn a_permit_ends_with_the_exception_it_rests_on() {
    let story = confirmed(with_minor(), danger(&[VICTIM])).wait(HOUR);
    let life = POLICY.exception(ExceptionKind::ImminentDanger).unwrap().life;
    assert_eq!(story.when(&for_dispatch()).0.expires_at, START.checked_add(life));
}

#[test]
fn an_adult_is_no_minor_and_an_unknown_age_needs_suspected_abuse() {
    let adult = Story::with_people().age(VICTIM, AgeBand::Adult);
    confirmed(adult, minor(&[VICTIM])).when(&for_police()).denies(ReasonCode::NotAMinor);
    let eighteen = Story::with_people().age(VICTIM, AgeBand::Exactly18);
    confirmed(eighteen, minor(&[VICTIM])).when(&for_police()).denies(ReasonCode::NotAMinor);
    confirmed(Story::with_people(), minor(&[VICTIM])).when(&for_police()).permits(&CORE);
    let other_ground = exception(1, ExceptionKind::Minor, &[VICTIM], ExceptionGround::Violence);
    confirmed(Story::with_people(), other_ground).when(&for_police()).denies(ReasonCode::NotAMinor);
}

#[test]
fn a_known_minor_is_reached_on_any_ground_of_the_table() {
    let other_ground = exception(1, ExceptionKind::Minor, &[VICTIM], ExceptionGround::Violence);
    confirmed(with_minor(), other_ground).when(&for_police()).permits(&CORE);
}

#[test]
fn a_ground_of_another_exception_supports_nothing() {
    let odd = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Instrument);
    confirmed(with_minor(), odd).when(&for_dispatch()).denies(ReasonCode::NoException);
}

#[test]
fn an_exception_reaches_nobody_it_does_not_name() {
    let story = with_minor().person(OTHER_VICTIM, &[PersonRole::PotentialVictim]).age(OTHER_VICTIM, AgeBand::Under16);
    let then = confirmed(story, minor(&[VICTIM])).when(&for_police());
    then.permits(&CORE);
    assert!(!then.0.mask.mentions(CALLER) && !then.0.mask.mentions(OTHER_VICTIM));
}

#[test]
fn the_caller_leaves_with_an_exception_that_names_the_caller() {
    let story = confirmed(with_minor(), danger(&[CALLER]));
    story.when(&ask(&dispatch(), EmergencyResponse, &[Contact])).permits(&[(CALLER, Contact)]);
}

#[test]
fn danger_to_others_reaches_a_third_party_it_names() {
    let story = with_minor().person(FRIEND, &[PersonRole::ThirdParty]);
    let story = confirmed(story, danger(&[FRIEND]));
    story.when(&ask(&dispatch(), EmergencyResponse, &[Whereabouts])).permits(&[(FRIEND, Whereabouts)]);
}

#[test]
fn an_exception_needs_its_own_recipients() {
    let story = confirmed(with_minor(), minor(&[VICTIM]));
    story.when(&for_dispatch()).denies(ReasonCode::ExceptionOtherRecipient);
    let to_shelter = ask(&shelter(), SupportService, &[Situation]);
    story.when(&to_shelter).denies(ReasonCode::ExceptionOtherRecipient);
    let danger = confirmed(with_minor(), danger(&[VICTIM]));
    danger.when(&to_shelter).denies(ReasonCode::ExceptionOtherRecipient);
}

#[test]
fn a_minors_report_goes_to_who_has_jurisdiction_in_the_place() {
    let story = confirmed(with_minor().seen_in(VICTIM, Jurisdiction::Bc), minor(&[VICTIM]));
    let then = story.when(&for_child_protection());
    then.permits(&[(SUSPECT, Suspects)]).says(ReasonCode::OutsideJurisdiction);
    let there = child_protection().covering(&[Jurisdiction::Bc]);
    let then = story.when(&everything(&there, ChildProtection).about(&[VICTIM]));
    assert!(then.0.mask.mentions(VICTIM));
}

#[test]
fn an_emergency_service_gets_a_case_whose_place_nobody_knows() {
    let story = Story::opened_in(None).person(VICTIM, &[PersonRole::PotentialVictim]);
    confirmed(story, danger(&[VICTIM])).when(&for_dispatch()).permits(&CORE_AND_HEALTH[..5]);
}

#[test]
fn imminent_danger_reaches_child_protection_for_a_minor_only() {
    let question = everything(&child_protection(), EmergencyResponse);
    confirmed(with_minor(), danger(&[VICTIM])).when(&question).permits(&CORE_AND_HEALTH);
    confirmed(Story::with_people(), danger(&[VICTIM])).when(&question).denies(ReasonCode::NotAMinor);
}

#[test]
fn one_supervisor_alone_may_break_the_glass_and_is_reviewed() {
    let story = Story::with_people().asserts(&supervisor(), broken_glass(danger(&[VICTIM])));
    let then = story.when(&for_dispatch());
    then.permits(&CORE_AND_HEALTH);
    let review = POLICY.periods().break_glass_review;
    let due_at = START.checked_add(review);
    let expected = Obligation { kind: ObligationKind::ReviewBreakGlass, subject_id: None, due_at };
    assert_eq!(obliged(&then, ObligationKind::ReviewBreakGlass), [expected]);
    let reviewed = story.confirms(&other_supervisor(), 1).when(&for_dispatch());
    assert_eq!(obliged(&reviewed, ObligationKind::ReviewBreakGlass), []);
}

#[test]
fn a_broken_glass_that_nobody_reviewed_in_time_stands_no_longer() {
    let story = with_minor().asserts(&supervisor(), broken_glass(minor(&[VICTIM])));
    let review = POLICY.periods().break_glass_review.0;
    let question = for_child_protection();
    story.clone().wait(review - 1).when(&question).permits(&CORE_AND_HEALTH);
    story.clone().wait(review).when(&question).denies(ReasonCode::ExceptionUnconfirmed);
    let reviewed = story.wait(review).confirms(&other_supervisor(), 1);
    reviewed.when(&question).permits(&CORE_AND_HEALTH);
}

#[test]
fn glass_is_broken_for_a_minor_towards_child_protection_only() {
    let story = with_minor().asserts(&supervisor(), broken_glass(minor(&[VICTIM])));
    story.when(&for_police()).denies(ReasonCode::ExceptionUnconfirmed);
}

#[test]
fn an_exception_outranks_triage_and_tip_review_and_refusal() {
    let story = with_minor()
        .tip(Channel::WebForm)
        .reviewed(ReviewOutcome::DoNotReport)
        .triaged(TriageLevel::Insufficient)
        .refuses(9, VICTIM, police().scope(), &[]);
    confirmed(story, minor(&[VICTIM])).when(&for_police()).permits(&CORE);
}

#[test]
fn an_exception_does_not_outrank_the_directory() {
    let story = confirmed(with_minor(), minor(&[VICTIM]));
    let of = |unit: Unit| story.when(&everything(&unit, Investigation));
    of(police().suspended()).denies(ReasonCode::RecipientSuspended);
    of(police().unverified()).denies(ReasonCode::RecipientUnverified);
    of(police().receiving(&[SupportService])).denies(ReasonCode::PurposeNotOfUnit);
    let mut nameless = for_police();
    nameless.request.purpose = None;
    story.when(&nameless).denies(ReasonCode::PurposeMissing);
}

#[test]
fn an_exception_needs_no_agreement_of_its_own() {
    let story = confirmed(with_minor(), minor(&[VICTIM]));
    story.when(&everything(&police().without_agreement(), Investigation)).permits(&CORE);
}

#[test]
fn an_exception_does_not_report_a_case_abroad() {
    let story = confirmed(with_minor().seen_in(VICTIM, Jurisdiction::Abroad), minor(&[VICTIM]));
    let then = story.when(&everything(&police().national(), Investigation).about(&[VICTIM]));
    then.denies(ReasonCode::CaseAbroad);
}

#[test]
fn imminent_danger_binds_to_phone_and_to_inform() {
    let then = confirmed(with_minor(), danger(&[VICTIM])).when(&for_dispatch());
    assert_eq!(obliged(&then, ObligationKind::PhoneRecipient).len(), 1);
    let informed: Vec<_> =
        obliged(&then, ObligationKind::InformPerson).iter().map(|obligation| obligation.subject_id).collect();
    assert_eq!(informed, [Some(VICTIM)], "the suspect is not warned");
    let careful: Vec<_> =
        obliged(&then, ObligationKind::SafeContact).iter().map(|obligation| obligation.subject_id).collect();
    assert_eq!(careful, [Some(VICTIM)]);
    assert_eq!(obliged(&then, ObligationKind::EnterInRegister), []);
}

#[test]
fn in_quebec_an_emergency_disclosure_is_entered_in_the_register() {
    let story = Story::opened_in(Some(Jurisdiction::Qc)).person(VICTIM, &[PersonRole::PotentialVictim]);
    let then = confirmed(story, danger(&[VICTIM])).when(&for_dispatch());
    assert_eq!(obliged(&then, ObligationKind::EnterInRegister).len(), 1);
}

#[test]
fn a_verified_row_adds_its_duty() {
    let then = confirmed(with_minor(), minor(&[VICTIM])).when(&for_police());
    then.says(ReasonCode::StatuteRowApplies);
    assert_eq!(obliged(&then, ObligationKind::ReportToChildProtection).len(), 1);
    let then = confirmed(with_minor(), minor(&[VICTIM])).when(&for_child_protection());
    assert_eq!(obliged(&then, ObligationKind::ReportToChildProtection), []);
}

#[test]
fn where_a_row_makes_a_report_optional_the_young_persons_wishes_are_recorded() {
    let story = Story::with_people().age(VICTIM, AgeBand::From16To17);
    let then = confirmed(story, minor(&[VICTIM])).when(&for_police());
    then.permits(&CORE);
    assert_eq!(obliged(&then, ObligationKind::RecordWishes).len(), 1);
    assert_eq!(obliged(&then, ObligationKind::ReportToChildProtection), []);
}

#[test]
fn an_unverified_row_adds_nothing_and_takes_nothing_away() {
    let story = Story::opened_in(Some(Jurisdiction::Sk))
        .person(VICTIM, &[PersonRole::PotentialVictim])
        .person(SUSPECT, &[PersonRole::Suspect])
        .age(VICTIM, AgeBand::Under16);
    let there = police().covering(&[Jurisdiction::Sk]);
    let then = confirmed(story.clone(), minor(&[VICTIM])).when(&everything(&there, Investigation));
    then.permits(&CORE).says(ReasonCode::StatuteRowUnverified).does_not_say(ReasonCode::StatuteRowApplies);
    assert_eq!(obliged(&then, ObligationKind::ReportToChildProtection), []);
    let then = confirmed(story, minor(&[VICTIM])).when(&everything(&there, ChildProtection));
    then.denies(ReasonCode::ExceptionOtherRecipient);
}

#[test]
fn a_verified_row_adds_a_recipient() {
    let story = Story::opened_in(Some(Jurisdiction::Ab))
        .person(VICTIM, &[PersonRole::PotentialVictim])
        .person(SUSPECT, &[PersonRole::Suspect])
        .age(VICTIM, AgeBand::Under16);
    let there = police().covering(&[Jurisdiction::Ab]);
    let then = confirmed(story, minor(&[VICTIM])).when(&everything(&there, ChildProtection));
    then.permits(&CORE).says(ReasonCode::StatuteRowApplies);
    assert_eq!(obliged(&then, ObligationKind::ReportToChildProtection), []);
}

fn order(kind: InstrumentKind, to: &Unit) -> ExceptionAsserted {
    let mut asserted = exception(1, ExceptionKind::LegalRequirement, &[VICTIM], ExceptionGround::Instrument);
    asserted.instrument = Some(instrument(kind, to, &[Identity, Immigration]));
    asserted
}

fn compelled(unit: &Unit) -> Ask {
    everything(unit, LegalObligation)
}

#[test]
fn an_instrument_compels_what_it_names_from_whom_it_names() {
    let then =
        confirmed(Story::with_people(), order(InstrumentKind::ProductionOrder, &police())).when(&compelled(&police()));
    then.permits(&[(VICTIM, Identity), (VICTIM, Immigration)]);
    let answer = Obligation { kind: ObligationKind::AnswerInstrument, subject_id: None, due_at: Some(after(30 * DAY)) };
    assert_eq!(obliged(&then, ObligationKind::AnswerInstrument), [answer]);
    assert_eq!(obliged(&then, ObligationKind::NoTipOff).len(), 1);
    assert_eq!(then.0.bases, [Basis::Exception(exception_id(1), ExceptionKind::LegalRequirement)]);
}

#[test]
fn an_instrument_names_one_unit() {
    let mut elsewhere = police();
    elsewhere.unit.unit_id = egide_domain::ids::UnitId([77; 16]);
    let story = confirmed(Story::with_people(), order(InstrumentKind::Warrant, &police()));
    story.when(&compelled(&elsewhere)).denies(ReasonCode::ExceptionOtherRecipient);
}

#[test]
fn a_court_order_goes_to_the_court_only() {
    let to_police = confirmed(Story::with_people(), order(InstrumentKind::CourtOrder, &police()));
    to_police.when(&compelled(&police())).denies(ReasonCode::ExceptionOtherRecipient);
    let then = confirmed(Story::with_people(), order(InstrumentKind::CourtOrder, &court())).when(&compelled(&court()));
    then.permits(&[(VICTIM, Identity), (VICTIM, Immigration)]);
    assert_eq!(obliged(&then, ObligationKind::NoTipOff), []);
}

#[test]
fn an_incomplete_instrument_compels_nothing() {
    type Change = fn(&mut egide_domain::event::Instrument);
    let changes: [Change; 6] = [
        |instrument| instrument.kind = None,
        |instrument| instrument.issuer.clear(),
        |instrument| instrument.issued_on.clear(),
        |instrument| instrument.scope = egide_domain::Categories::EMPTY,
        |instrument| instrument.unit_id = None,
        |instrument| instrument.document_digest = None,
    ];
    for change in changes {
        let mut asserted = order(InstrumentKind::ProductionOrder, &police());
        change(asserted.instrument.as_mut().unwrap());
        let story = confirmed(Story::with_people(), asserted);
        story.when(&compelled(&police())).denies(ReasonCode::InstrumentIncomplete);
    }
    let mut without = order(InstrumentKind::ProductionOrder, &police());
    without.instrument = None;
    let story = confirmed(Story::with_people(), without);
    story.when(&compelled(&police())).denies(ReasonCode::InstrumentIncomplete);
}

#[test]
fn a_legal_requirement_takes_two_people_whatever_the_hurry() {
    let asserted = broken_glass(order(InstrumentKind::ProductionOrder, &police()));
    let story = Story::with_people().asserts(&supervisor(), asserted);
    story.when(&compelled(&police())).denies(ReasonCode::ExceptionUnconfirmed);
}

#[test]
fn a_subpoena_of_the_defence_holds_and_refuses() {
    let story = confirmed(Story::with_people(), order(InstrumentKind::DefenceSubpoena, &court()));
    assert!(story.facts.legal_hold());
    story.when(&compelled(&court())).denies(ReasonCode::DefenceSubpoena);
    assert!(story.lifts(1).facts.legal_hold(), "lifting what it came with does not end the hold");
}

#[test]
fn an_instrument_reaches_a_suspect_it_names() {
    let mut asserted = order(InstrumentKind::Warrant, &police());
    asserted.instrument.as_mut().unwrap().scope = [Suspects].into();
    let unnamed = confirmed(Story::with_people(), asserted.clone());
    unnamed.when(&compelled(&police())).denies(ReasonCode::NoException);
    asserted.subject_ids = vec![SUSPECT];
    confirmed(Story::with_people(), asserted).when(&compelled(&police())).permits(&[(SUSPECT, Suspects)]);
}

#[test]
fn an_exception_releases_nothing_told_of_a_victim_as_a_suspect() {
    let story = with_minor().person(VICTIM, &[PersonRole::Suspect]);
    let then = confirmed(story, minor(&[VICTIM])).when(&for_police().about(&[VICTIM]));
    then.permits(&CORE[..4]).says_of(ReasonCode::ExceptionCeiling, VICTIM, Suspects);
}

#[test]
fn a_row_adds_a_recipient_only_for_people_where_it_is_in_force() {
    let story = Story::opened_in(Some(Jurisdiction::Ab))
        .person(VICTIM, &[PersonRole::PotentialVictim])
        .person(OTHER_VICTIM, &[PersonRole::PotentialVictim])
        .age(VICTIM, AgeBand::Under16)
        .age(OTHER_VICTIM, AgeBand::Under16)
        .seen_in(OTHER_VICTIM, Jurisdiction::On);
    let story = confirmed(story, minor(&[VICTIM, OTHER_VICTIM]));
    let then = story.when(&ask(&police().national(), ChildProtection, &[Identity]));
    then.permits(&[(VICTIM, Identity)]).says(ReasonCode::ExceptionOtherRecipient);
}

#[test]
fn an_emergency_abroad_is_not_reported_either() {
    let story = confirmed(with_minor().seen_in(VICTIM, Jurisdiction::Abroad), danger(&[VICTIM]));
    story.when(&for_dispatch().about(&[VICTIM])).denies(ReasonCode::CaseAbroad);
}

#[test]
fn the_first_confirmation_stays_and_nothing_lifted_is_confirmed() {
    let story = confirmed(with_minor(), minor(&[VICTIM])).wait(HOUR).confirms(&other_supervisor(), 1);
    let confirmation = story.facts.exception(exception_id(1)).unwrap().confirmation.clone().unwrap();
    assert_eq!((confirmation.by, confirmation.at), (supervisor(), START));
    let story = with_minor().asserts(&responder(), minor(&[VICTIM])).lifts(1).confirms(&supervisor(), 1);
    assert_eq!(story.facts.exception(exception_id(1)).unwrap().confirmation, None);
}
