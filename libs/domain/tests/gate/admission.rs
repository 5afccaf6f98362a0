//! What the ledger refuses because of a case's state.

use crate::story::*;
use egide_domain::event::{
    AgeAssessed, CaseOpened, CaseReopened, ConsentWithdrawn, DisclosedOutsideSystem, ExceptionConfirmed,
    ExceptionLifted, NarrativeRecorded, ReferralAcknowledged, ReferralDelivered, ReferralRecalled, SupervisorReviewed,
    SuspectDescribed, TipReceived,
};
use egide_domain::ids::{DisclosureId, NarrativeId, Revision, UnitId};
use egide_domain::vocabulary::{
    AgeBand, Channel, DataCategory::*, ExceptionGround, ExceptionKind, GrantorKind, InstrumentKind, Outcome,
    PersonRole, Purpose::*, ReviewOutcome, TriageLevel,
};
use egide_domain::{
    Actor, Bases, CaseEvent, Categories, DELIVERED_WITHIN, Mask, Millis, ViolationReason, ViolationReason as Why,
};

pub(crate) fn why(story: &Story, actor: &Actor, event: &CaseEvent) -> Vec<(&'static str, ViolationReason)> {
    let violations = story.admits(actor, event).err().unwrap_or_default();
    violations.iter().map(|violation| (violation.field, violation.reason)).collect()
}

#[track_caller]
pub(crate) fn admitted(story: &Story, actor: &Actor, event: &CaseEvent) {
    assert_eq!(why(story, actor, event), []);
}

fn to_shelter(number: u8) -> egide_domain::event::ConsentGiven {
    consent(number, VICTIM, shelter().scope(), SupportService).permitting(&[Contact])
}

fn asked() -> Ask {
    ask(&shelter(), SupportService, &[Contact])
}

fn opened() -> CaseEvent {
    CaseEvent::CaseOpened(CaseOpened { channel: Some(Channel::Phone), jurisdiction: None })
}

fn aged(subject_id: egide_domain::ids::SubjectId) -> CaseEvent {
    CaseEvent::AgeAssessed(AgeAssessed { subject_id, band: Some(AgeBand::Adult) })
}

fn withdrawn() -> CaseEvent {
    CaseEvent::ConsentWithdrawn(ConsentWithdrawn {
        consent_id: Some(consent_id(250)),
        subject_id: Some(NOBODY),
        categories: Categories::EMPTY,
    })
}

#[test]
fn a_case_opens_once_and_first() {
    admitted(&Story::empty(), &service(), &opened());
    assert_eq!(why(&Story::new(), &service(), &opened()), [("", Why::CaseAlreadyOpened)]);
    assert_eq!(why(&Story::empty(), &service(), &aged(VICTIM)), [("", Why::CaseUnknown)]);
    assert_eq!(why(&Story::empty(), &service(), &withdrawn()), [("", Why::CaseUnknown)]);
}

#[test]
fn a_person_is_identified_before_others_name_them() {
    let story = Story::with_people();
    admitted(&story, &responder(), &aged(VICTIM));
    assert_eq!(why(&story, &responder(), &aged(NOBODY)), [("subject_id", Why::SubjectUnknown)]);
    let narrative = NarrativeRecorded { narrative_id: NarrativeId([1; 16]), subject_ids: vec![VICTIM, NOBODY] };
    let narrative = CaseEvent::NarrativeRecorded(narrative);
    assert_eq!(why(&story, &responder(), &narrative), [("subject_ids", Why::SubjectUnknown)]);
    let described = |subject_id| CaseEvent::SuspectDescribed(SuspectDescribed { subject_id });
    admitted(&story, &responder(), &described(SUSPECT));
    assert_eq!(why(&story, &responder(), &described(VICTIM)), [("subject_id", Why::SubjectNotSuspect)]);
    let tip = TipReceived { tip_id: TIP, channel: None, bringer_subject_id: Some(NOBODY), concerns_minor: None };
    let refused = why(&story, &responder(), &CaseEvent::TipReceived(tip));
    assert_eq!(refused, [("bringer_subject_id", Why::SubjectUnknown)]);
}

#[test]
fn ids_stand_once() {
    let narrative = NarrativeRecorded { narrative_id: NarrativeId([1; 16]), subject_ids: vec![] };
    let narrative = CaseEvent::NarrativeRecorded(narrative);
    let outside = CaseEvent::DisclosedOutsideSystem(DisclosedOutsideSystem {
        disclosure_id: DisclosureId([1; 16]),
        unit_id: None,
        subject_ids: vec![NOBODY],
        categories: Categories::EMPTY,
    });
    let asserted = exception(1, ExceptionKind::Minor, &[VICTIM], ExceptionGround::SuspectedAbuse);
    let asserted = CaseEvent::ExceptionAsserted(asserted);
    let tip = TipReceived { tip_id: TIP, channel: None, bringer_subject_id: None, concerns_minor: None };
    let cases = [
        (narrative, "narrative_id"),
        (outside, "disclosure_id"),
        (asserted, "exception_id"),
        (CaseEvent::TipReceived(tip), "tip_id"),
        (CaseEvent::ConsentGiven(to_shelter(1)), "consent_id"),
    ];
    for (event, field) in cases {
        let story = Story::with_people();
        admitted(&story, &responder(), &event);
        let story = story.and(event.clone());
        assert_eq!(why(&story, &responder(), &event), [(field, Why::DuplicateId)]);
    }
}

#[test]
fn a_closed_case_takes_back_and_records_and_nothing_else() {
    let story = Story::with_people().consents(to_shelter(1)).releases(1, &asked());
    let delivered = story.delivery_of(1, &shelter());
    let closed = story.by(&service(), delivered).closes();
    let receipt = ReferralAcknowledged { referral_id: referral_id(1), unit_id: shelter().id() };
    let recall = ReferralRecalled { referral_id: referral_id(1), reason: None };
    let outside = DisclosedOutsideSystem {
        disclosure_id: DisclosureId([1; 16]),
        unit_id: None,
        subject_ids: vec![],
        categories: Categories::EMPTY,
    };
    let denied = decided(9, &asked(), closed.when(&asked()).0);
    for event in [
        withdrawn(),
        CaseEvent::ReferralAcknowledged(receipt),
        CaseEvent::ReferralRecalled(recall),
        CaseEvent::DisclosedOutsideSystem(outside),
        CaseEvent::CaseReopened(CaseReopened {}),
        denied,
    ] {
        admitted(&closed, &responder(), &event);
    }
    let delivered = closed.delivery_of(2, &shelter());
    for event in [aged(VICTIM), CaseEvent::ConsentGiven(to_shelter(2)), delivered] {
        assert_eq!(why(&closed, &responder(), &event), [("", Why::CaseClosed)]);
    }
    let reopened = closed.and(CaseEvent::CaseReopened(CaseReopened {}));
    admitted(&reopened, &responder(), &aged(VICTIM));
    let again = why(&reopened, &responder(), &CaseEvent::CaseReopened(CaseReopened {}));
    assert_eq!(again, [("", Why::CaseNotClosed)]);
}

#[test]
fn taking_back_needs_nothing_but_the_case() {
    admitted(&Story::with_people(), &service(), &withdrawn());
    admitted(&Story::with_people().closes(), &service(), &withdrawn());
}

#[test]
fn a_consent_names_what_is_there() {
    let story = Story::with_people();
    let given = |given| CaseEvent::ConsentGiven(given);
    admitted(&story, &responder(), &given(to_shelter(1)));
    let superseding = given(to_shelter(1).superseding(&[9]));
    assert_eq!(why(&story, &responder(), &superseding), [("supersedes", Why::ConsentUnknown)]);
    let mut nobody = to_shelter(1);
    nobody.subject_id = None;
    assert_eq!(why(&story, &responder(), &given(nobody)), [("subject_id", Why::SubjectMissing)]);
    let mut represented = to_shelter(1);
    represented.grantor = Some(GrantorKind::Representative);
    let field = "representative_subject_id";
    let refused = why(&story, &responder(), &given(represented.clone()));
    assert_eq!(refused, [(field, Why::RepresentativeMissing)]);
    represented.representative_subject_id = Some(SUSPECT);
    assert_eq!(why(&story, &responder(), &given(represented)), [(field, Why::RepresentativeIsSuspect)]);
}

#[test]
fn a_report_consent_belongs_to_its_tip_and_bringer() {
    let given = |given| CaseEvent::ConsentGiven(given);
    let story = Story::with_people();
    assert_eq!(why(&story, &responder(), &given(report_consent(1))), [("tip_id", Why::TipUnknown)]);
    let story = story.tip(Channel::Phone);
    admitted(&story, &responder(), &given(report_consent(1)));
    let mut homeless = report_consent(1);
    homeless.tip_id = None;
    assert_eq!(why(&story, &responder(), &given(homeless)), [("tip_id", Why::TipMissing)]);
    let mut stranger = report_consent(1);
    stranger.subject_id = Some(VICTIM);
    assert_eq!(why(&story, &responder(), &given(stranger)), [("subject_id", Why::NotTheBringer)]);
}

#[test]
fn a_supervisor_reviews_tips() {
    let review = CaseEvent::SupervisorReviewed(SupervisorReviewed { tip_id: TIP, outcome: ReviewOutcome::Report });
    let refused = why(&Story::with_people(), &supervisor(), &review);
    assert_eq!(refused, [("tip_id", Why::TipUnknown)]);
    let story = Story::with_people().tip(Channel::Email);
    admitted(&story, &supervisor(), &review);
    assert_eq!(why(&story, &responder(), &review), [("actor.role", Why::SupervisorRequired)]);
    let mut alone = supervisor();
    alone.person = None;
    assert_eq!(why(&story, &alone, &review), [("actor.role", Why::SupervisorRequired)]);
}

#[test]
fn an_exception_is_asserted_by_a_person_about_people_on_a_fitting_ground() {
    let asserted = |asserted| CaseEvent::ExceptionAsserted(asserted);
    let story = Story::with_people();
    let danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence);
    admitted(&story, &responder(), &asserted(danger.clone()));
    assert_eq!(why(&story, &service(), &asserted(danger.clone())), [("actor.person", Why::PersonRequired)]);
    let mut alone = danger.clone();
    alone.break_glass = true;
    // Whether a supervisor is on shift, the house's records say.
    admitted(&story, &responder(), &asserted(alone.clone()));
    admitted(&story, &supervisor(), &asserted(alone));
    let mut nobody = danger.clone();
    nobody.subject_ids.clear();
    assert_eq!(why(&story, &responder(), &asserted(nobody)), [("subject_ids", Why::SubjectMissing)]);
    let mut groundless = danger;
    groundless.grounds = [ExceptionGround::Instrument].into();
    assert_eq!(why(&story, &responder(), &asserted(groundless)), [("grounds", Why::GroundMissing)]);
    let legal = exception(1, ExceptionKind::LegalRequirement, &[VICTIM], ExceptionGround::Instrument);
    assert_eq!(why(&story, &responder(), &asserted(legal.clone())), [("instrument", Why::InstrumentMissing)]);
    let mut subpoena = legal;
    subpoena.subject_ids.clear();
    subpoena.instrument = Some(instrument(InstrumentKind::DefenceSubpoena, &court(), &[]));
    admitted(&story, &responder(), &asserted(subpoena));
}

#[test]
fn a_confirmation_comes_from_another_supervisor_while_the_exception_stands() {
    let danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence);
    let confirmed = CaseEvent::ExceptionConfirmed(ExceptionConfirmed { exception_id: exception_id(1) });
    let unknown = why(&Story::with_people(), &supervisor(), &confirmed);
    assert_eq!(unknown, [("exception_id", Why::ExceptionUnknown)]);
    let story = Story::with_people().asserts(&supervisor(), danger);
    admitted(&story, &other_supervisor(), &confirmed);
    assert_eq!(why(&story, &supervisor(), &confirmed), [("actor.person", Why::SamePerson)]);
    let by_service = [("actor.role", Why::SupervisorRequired), ("actor.person", Why::PersonRequired)];
    assert_eq!(why(&story, &service(), &confirmed), by_service);
    let lifted = why(&story.clone().lifts(1), &other_supervisor(), &confirmed);
    assert_eq!(lifted, [("exception_id", Why::ExceptionLifted)]);
    let again = why(&story.clone().confirms(&other_supervisor(), 1), &other_supervisor(), &confirmed);
    assert_eq!(again, [("exception_id", Why::ExceptionConfirmed)]);
    let late = why(&story.wait(2 * DAY), &other_supervisor(), &confirmed);
    assert_eq!(late, [("exception_id", Why::ExceptionExpired)]);
}

#[test]
fn a_subpoena_of_the_defence_is_not_confirmed() {
    let mut subpoena = exception(1, ExceptionKind::LegalRequirement, &[], ExceptionGround::Instrument);
    subpoena.instrument = Some(instrument(InstrumentKind::DefenceSubpoena, &court(), &[]));
    let story = Story::with_people().asserts(&responder(), subpoena);
    let confirmed = CaseEvent::ExceptionConfirmed(ExceptionConfirmed { exception_id: exception_id(1) });
    assert_eq!(why(&story, &supervisor(), &confirmed), [("exception_id", Why::DefenceSubpoena)]);
}

#[test]
fn an_exception_is_lifted_once() {
    let danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence);
    let lifted = CaseEvent::ExceptionLifted(ExceptionLifted { exception_id: exception_id(1), reason: None });
    assert_eq!(why(&Story::with_people(), &responder(), &lifted), [("exception_id", Why::ExceptionUnknown)]);
    let story = Story::with_people().asserts(&supervisor(), danger);
    admitted(&story, &responder(), &lifted);
    assert_eq!(why(&story.lifts(1), &responder(), &lifted), [("exception_id", Why::ExceptionLifted)]);
}

#[test]
fn p02_a_decision_is_committed_at_the_revision_it_was_made_on_or_not_at_all() {
    let story = Story::with_people().consents(to_shelter(1));
    let event = decided(1, &asked(), story.when(&asked()).0);
    admitted(&story, &service(), &event);
    let moved = story.triaged(TriageLevel::Urgent);
    assert_eq!(why(&moved, &service(), &event), [("case_revision", Why::CaseMoved)]);
}

#[test]
fn outcome_bases_mask_and_expiry_fit_together() {
    let story = Story::with_people().consents(to_shelter(1));
    let permit = story.when(&asked()).0;
    let mut baseless = permit.clone();
    baseless.bases.clear();
    let mut endless = permit.clone();
    endless.expires_at = None;
    let mut denying = permit.clone();
    denying.outcome = Outcome::Deny;
    let mut denying_nothing = permit.clone();
    (denying_nothing.outcome, denying_nothing.mask) = (Outcome::Deny, Mask::empty());
    let mut empty = permit.clone();
    empty.mask = Mask::empty();
    let mut over = permit.clone();
    over.expires_at = Some(story.now);
    let with_bases = |bases: Bases| {
        let mut entries = permit.mask.entries().to_vec();
        entries.iter_mut().for_each(|entry| entry.bases = bases);
        egide_domain::Decision { mask: Mask::from(entries), ..permit.clone() }
    };
    let beyond = with_bases(Bases::default().with(0).with(u32::try_from(permit.bases.len()).unwrap()));
    let on_nothing = with_bases(Bases::default());
    for decision in [baseless, endless, denying, denying_nothing, empty, over, beyond, on_nothing] {
        let refused = why(&story, &service(), &decided(1, &asked(), decision));
        assert_eq!(refused, [("outcome", Why::DecisionInconsistent)]);
    }
}

#[test]
fn p01_a_release_rests_on_a_permitting_decision_that_still_stands() {
    let story = Story::with_people().consents(to_shelter(1));
    let decided_story = story.clone().decides(1, &asked());
    let release = decided_story.release_of(1, &asked());
    admitted(&decided_story, &service(), &release);
    assert_eq!(why(&story, &service(), &release), [("decision_id", Why::DecisionUnknown)]);
    let life = POLICY.periods().decision_life.0;
    let late = why(&decided_story.clone().wait(life), &service(), &release);
    assert_eq!(late, [("decision_id", Why::DecisionExpired)]);
    let withdrawn = decided_story.clone().withdraws(None, Some(VICTIM), &[]);
    assert_eq!(why(&withdrawn, &service(), &release), [("decision_id", Why::DecisionSuperseded)]);
    let released = decided_story.by(&service(), release.clone());
    let again = why(&released, &service(), &release);
    assert_eq!(again, [("referral_id", Why::DuplicateId), ("decision_id", Why::DecisionSuperseded)]);
    let denied = Story::with_people();
    let denied = denied.clone().by(&service(), decided(1, &asked(), denied.when(&asked()).0));
    let mut nothing = denied.release_of(1, &asked());
    assert_eq!(why(&denied, &service(), &nothing), [("decision_id", Why::DecisionDenies)]);
    if let CaseEvent::ReferralReleased(released) = &mut nothing {
        released.subject_ids = vec![VICTIM];
        released.unit_id = UnitId([1; 16]);
    }
    let refused = why(&denied, &service(), &nothing);
    let expected =
        [("decision_id", Why::DecisionDenies), ("unit_id", Why::OtherUnit), ("subject_ids", Why::SubjectUnknown)];
    assert_eq!(refused, expected);
}

#[test]
fn a_delivery_is_of_exactly_what_was_released_to_whom() {
    let story = Story::with_people().consents(to_shelter(1)).releases(1, &asked());
    let CaseEvent::ReferralDelivered(right) = story.delivery_of(1, &shelter()) else { unreachable!() };
    admitted(&story, &service(), &CaseEvent::ReferralDelivered(right.clone()));
    let of = |change: fn(&mut ReferralDelivered)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        why(&story, &service(), &CaseEvent::ReferralDelivered(wrong))
    };
    assert_eq!(of(|wrong| wrong.unit_id = UnitId([9; 16])), [("unit_id", Why::OtherUnit)]);
    assert_eq!(of(|wrong| wrong.report_digest = [0; 32]), [("report_digest", Why::OtherReport)]);
    assert_eq!(of(|wrong| wrong.referral_id = referral_id(9)), [("referral_id", Why::ReferralUnknown)]);
    assert_eq!(of(|wrong| wrong.case_revision = Revision(1)), [("case_revision", Why::CaseMoved)]);
    let recalled = story.clone().recalls(1);
    let late = recalled.delivery_of(1, &shelter());
    assert_eq!(why(&recalled, &service(), &late), [("referral_id", Why::ReferralRecalled)]);
    let receipt = ReferralAcknowledged { referral_id: referral_id(1), unit_id: shelter().id() };
    let receipt = CaseEvent::ReferralAcknowledged(receipt);
    assert_eq!(why(&story, &service(), &receipt), [("referral_id", Why::ReferralNotDelivered)]);
}

#[test]
fn a_delivery_that_comes_after_the_end_of_what_it_rests_on_or_long_after_it_was_decided_is_none() {
    let story = Story::with_people().consents(to_shelter(1)).releases(1, &asked());
    let CaseEvent::ReferralDelivered(right) = story.delivery_of(1, &shelter()) else { unreachable!() };
    let at = |decided: i64, end: Option<i64>| {
        let instant = |period: i64| story.now.checked_add(Millis(period));
        let (decided_at, expires_at) = (instant(decided), end.and_then(instant));
        why(&story, &service(), &CaseEvent::ReferralDelivered(ReferralDelivered { decided_at, expires_at, ..right }))
    };
    let within = DELIVERED_WITHIN.0;
    for in_time in [at(0, Some(1)), at(-within, Some(1)), at(within, Some(HOUR))] {
        assert_eq!(in_time, []);
    }
    let (over, stale) = (("expires_at", Why::DecisionExpired), ("decided_at", Why::DecidedTooLongAgo));
    for end in [Some(0), Some(-1), None] {
        assert_eq!(at(-1, end), [over], "the end itself is over, and without one it cannot be told: {end:?}");
    }
    assert_eq!(at(-within - 1, Some(HOUR)), [stale]);
    assert_eq!(at(within + 1, Some(HOUR)), [stale], "decided by a clock that goes ahead");
    assert_eq!(at(-within - 1, Some(-1)), [over, stale]);
    // What older records do not say is refused of new ones.
    let silent = ReferralDelivered { decided_at: None, expires_at: None, ..right };
    assert_eq!(why(&story, &service(), &CaseEvent::ReferralDelivered(silent)), [over, stale]);
}

#[test]
fn what_was_told_outside_is_never_refused_for_what_it_says() {
    let outside = CaseEvent::DisclosedOutsideSystem(DisclosedOutsideSystem {
        disclosure_id: DisclosureId([1; 16]),
        unit_id: Some(UnitId([200; 16])),
        subject_ids: vec![NOBODY],
        categories: Categories::all(),
    });
    admitted(&Story::new(), &service(), &outside);
}

#[test]
fn an_unreadable_event_is_refused() {
    assert_eq!(why(&Story::new(), &service(), &CaseEvent::Unreadable), [("", Why::Unreadable)]);
}

#[test]
fn every_reason_has_a_sentence_of_its_own() {
    let mut sentences: Vec<_> = ViolationReason::ALL.iter().map(|reason| reason.sentence()).collect();
    sentences.sort_unstable();
    sentences.dedup();
    assert_eq!(sentences.len(), ViolationReason::ALL.len());
}

#[test]
fn a_person_may_gain_roles() {
    let story = Story::with_people().person(VICTIM, &[PersonRole::Caller]);
    let roles = story.facts.person(VICTIM).unwrap().roles;
    assert!(roles.contains(PersonRole::PotentialVictim) && roles.contains(PersonRole::Caller));
}
