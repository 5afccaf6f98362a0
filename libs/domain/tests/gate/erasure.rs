//! Erasure and legal holds: who may destroy keys, what keeps them from it, and what the gate makes of it afterwards.

use crate::story::*;
use egide_domain::delivery::DeliveryRefusal;
use egide_domain::event::{
    CaseReopened, ConsentRefused, DisclosedOutsideSystem, KeyShredded, LegalHoldLifted, LegalHoldPlaced,
    NarrativeRecorded, ReferralRecalled, Shredded,
};
use egide_domain::ids::{DisclosureId, HoldId, NarrativeId, SubjectId};
use egide_domain::vocabulary::{
    AgeBand, Channel, DataCategory::*, ExceptionGround, ExceptionKind, HoldGround, InstrumentKind, Jurisdiction,
    PersonRole, Purpose::*, ReasonCode, ReviewOutcome, Role, ShredGround, TriageLevel,
};
use egide_domain::{Actor, CaseEvent, Categories, ViolationReason, ViolationReason as Why};

const STORY: NarrativeId = NarrativeId([1; 16]);
const OTHER_STORY: NarrativeId = NarrativeId([2; 16]);
const HOLD: HoldId = HoldId([7; 16]);

fn why(story: &Story, actor: &Actor, event: &CaseEvent) -> Vec<(&'static str, ViolationReason)> {
    let violations = story.admits(actor, event).err().unwrap_or_default();
    violations.iter().map(|violation| (violation.field, violation.reason)).collect()
}

fn shred(whose: Shredded) -> CaseEvent {
    on_ground(whose, ShredGround::RecordedInError)
}

fn on_ground(whose: Shredded, ground: ShredGround) -> CaseEvent {
    CaseEvent::KeyShredded(KeyShredded { whose, ground: Some(ground) })
}

fn hold() -> CaseEvent {
    CaseEvent::LegalHoldPlaced(LegalHoldPlaced { hold_id: HOLD, ground: Some(HoldGround::Preservation) })
}

fn lift(hold_id: HoldId) -> CaseEvent {
    CaseEvent::LegalHoldLifted(LegalHoldLifted { hold_id, reason: None })
}

fn narrative(narrative_id: NarrativeId, subject_ids: &[SubjectId]) -> CaseEvent {
    CaseEvent::NarrativeRecorded(NarrativeRecorded { narrative_id, subject_ids: subject_ids.to_vec() })
}

fn officer() -> Actor {
    staff("c.martin", Role::Compliance)
}

fn told() -> Story {
    Story::with_people().and(narrative(STORY, &[VICTIM, CALLER])).and(narrative(OTHER_STORY, &[CALLER]))
}

fn to_shelter() -> Ask {
    ask(&shelter(), SupportService, &[Contact])
}

fn consented() -> Story {
    told().consents(consent(1, VICTIM, shelter().scope(), SupportService).permitting(&[Contact]))
}

impl Story {
    fn shreds(self, whose: Shredded) -> Self {
        assert_eq!(why(&self, &supervisor(), &shred(whose)), [], "the shred must be admitted");
        self.by(&supervisor(), shred(whose))
    }
}

#[test]
fn of_somebody_erased_nothing_is_disclosed_and_the_others_are_as_before() {
    let other = consent(2, CALLER, shelter().scope(), SupportService).permitting(&[Contact]);
    let story = consented().consents(other);
    story.when(&to_shelter()).permits(&[(VICTIM, Contact), (CALLER, Contact)]);
    let story = story.shreds(Shredded::Person(VICTIM));
    story.when(&to_shelter()).permits(&[(CALLER, Contact)]).says(ReasonCode::DataErased);
    story.when(&to_shelter().about(&[VICTIM])).denies(ReasonCode::DataErased);
}

#[test]
fn no_exception_reaches_somebody_erased() {
    let danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::ThreatToLife);
    let story = told().asserts(&responder(), danger).confirms(&supervisor(), 1);
    let asked = ask(&dispatch(), EmergencyResponse, &[Situation]);
    story.when(&asked).permits(&[(VICTIM, Situation)]);
    story.shreds(Shredded::Person(VICTIM)).when(&asked).denies(ReasonCode::DataErased);
}

#[test]
fn a_consent_that_nobody_can_take_back_any_more_permits_nothing() {
    let about_suspects = consent(1, VICTIM, police().scope(), Investigation).permitting(&[Suspects]);
    let story = Story::with_people().consents(about_suspects);
    let asked = ask(&police(), Investigation, &[Suspects]);
    story.when(&asked).permits(&[(SUSPECT, Suspects)]);
    story.shreds(Shredded::Person(VICTIM)).when(&asked).denies(ReasonCode::DataErased);
}

#[test]
fn the_wish_of_somebody_who_was_erased_before_they_were_recorded_permits_nothing_either() {
    let people = Story::opened_in(Some(Jurisdiction::On)).person(SUSPECT, &[PersonRole::Suspect]);
    let story = people.triaged(TriageLevel::NotUrgent).tip(Channel::Phone).reviewed(ReviewOutcome::Report);
    let story = story.consents(report_consent(1));
    let asked = ask(&police(), Investigation, &[Suspects]);
    story.when(&asked).permits(&[(SUSPECT, Suspects)]);
    // The ledger admits no such erasure; what stands in a log holds all the same.
    let whose = Shredded::Person(CALLER);
    let story = story.and(CaseEvent::KeyShredded(KeyShredded { whose, ground: None }));
    story.when(&asked).denies(ReasonCode::DataErased);
}

#[test]
fn what_somebody_erased_refused_stays_refused() {
    let story = Story::with_tip(Channel::Phone).consents(report_consent(1));
    let asked = ask(&police(), Investigation, &[Suspects]);
    let refused = story.refuses(2, VICTIM, police().scope(), &[Suspects]);
    refused.when(&asked).denies(ReasonCode::ConsentDenies);
    refused.shreds(Shredded::Person(VICTIM)).when(&asked).denies(ReasonCode::ConsentDenies);
}

#[test]
fn an_open_permit_is_decided_again_and_a_release_is_not_delivered() {
    let story = consented().decides(1, &to_shelter());
    let decided = story.facts.revision;
    let story = story.shreds(Shredded::Person(CALLER));
    assert!(story.facts.superseded_since(decided));
    let story = consented().releases(1, &to_shelter());
    assert!(story.fetches(1, &shelter()).is_ok());
    let story = story.shreds(Shredded::Person(VICTIM));
    assert!(matches!(story.fetches(1, &shelter()), Err(DeliveryRefusal::Narrowed(_))));
}

#[test]
fn holds_neither_let_go_nor_hold_back() {
    let story = consented().decides(1, &to_shelter());
    let decided = story.facts.revision;
    let story = story.by(&supervisor(), hold()).by(&other_supervisor(), lift(HOLD));
    assert!(!story.facts.superseded_since(decided));
}

#[test]
fn with_a_person_go_the_narratives_that_speak_of_them() {
    let story = told().shreds(Shredded::Person(VICTIM));
    assert!(story.facts.narrative(STORY).unwrap().erased);
    assert!(!story.facts.narrative(OTHER_STORY).unwrap().erased);
    assert!(!story.facts.is_erased(CALLER));
    let story = told().shreds(Shredded::Narrative(OTHER_STORY));
    assert!(!story.facts.narrative(STORY).unwrap().erased && story.facts.narrative(OTHER_STORY).unwrap().erased);
    assert!(!story.facts.is_erased(CALLER) && !story.facts.is_erased(VICTIM));
}

#[test]
fn with_the_case_goes_everybody_and_everything() {
    let story = told().closes().shreds(Shredded::Case);
    assert!([VICTIM, CALLER, SUSPECT, NOBODY].iter().all(|subject_id| story.facts.is_erased(*subject_id)));
    assert!(story.facts.narratives.iter().all(|narrative| narrative.erased));
    story.when(&to_shelter()).denies(ReasonCode::DataErased);
    let reopened = CaseEvent::CaseReopened(CaseReopened {});
    assert_eq!(why(&story, &responder(), &reopened), [("", Why::DataErased)]);
    assert_eq!(why(&story, &supervisor(), &shred(Shredded::Case)), [("", Why::DataErased)]);
    assert_eq!(why(&story, &supervisor(), &hold()), [("", Why::DataErased)]);
}

#[test]
fn nothing_new_is_recorded_about_somebody_erased() {
    let story = told().shreds(Shredded::Person(VICTIM));
    let age = CaseEvent::AgeAssessed(egide_domain::event::AgeAssessed { subject_id: VICTIM, band: None });
    assert_eq!(why(&story, &responder(), &age), [("subject_id", Why::DataErased)]);
    let roles = [PersonRole::Caller].into();
    let again = egide_domain::event::PersonIdentified { subject_id: VICTIM, roles };
    assert_eq!(why(&story, &responder(), &CaseEvent::PersonIdentified(again)), [("subject_id", Why::DataErased)]);
    let new = narrative(NarrativeId([3; 16]), &[CALLER, VICTIM]);
    assert_eq!(why(&story, &responder(), &new), [("subject_ids", Why::DataErased)]);
    let given = consent(9, VICTIM, shelter().scope(), SupportService).permitting(&[Contact]);
    assert_eq!(why(&story, &responder(), &CaseEvent::ConsentGiven(given)), [("subject_id", Why::DataErased)]);
    let danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::ThreatToLife);
    let danger = CaseEvent::ExceptionAsserted(danger);
    assert_eq!(why(&story, &responder(), &danger), [("subject_ids", Why::DataErased)]);
    let story = told().shreds(Shredded::Person(SUSPECT));
    let described = egide_domain::event::SuspectDescribed { subject_id: SUSPECT };
    assert_eq!(why(&story, &responder(), &CaseEvent::SuspectDescribed(described)), [("subject_id", Why::DataErased)]);
}

#[test]
fn taking_back_and_telling_what_happened_work_for_somebody_erased() {
    let story = consented().releases(1, &to_shelter()).shreds(Shredded::Person(VICTIM));
    let refused =
        ConsentRefused { consent_id: consent_id(9), subject_id: VICTIM, recipient: None, denied: Categories::EMPTY };
    let withdrawn = egide_domain::event::ConsentWithdrawn {
        consent_id: Some(consent_id(1)),
        subject_id: Some(VICTIM),
        categories: Categories::EMPTY,
    };
    let outside = DisclosedOutsideSystem {
        disclosure_id: DisclosureId([1; 16]),
        unit_id: None,
        subject_ids: vec![VICTIM],
        categories: Categories::all(),
    };
    for event in [
        CaseEvent::ConsentRefused(refused),
        CaseEvent::ConsentWithdrawn(withdrawn),
        CaseEvent::DisclosedOutsideSystem(outside),
        CaseEvent::ReferralRecalled(ReferralRecalled { referral_id: referral_id(1), reason: None }),
    ] {
        assert_eq!(why(&story, &responder(), &event), []);
    }
    assert_eq!(story.facts.referrals.len(), 1, "what was disclosed stays known");
}

#[test]
fn what_is_not_there_or_gone_already_is_not_shredded() {
    let story = told().shreds(Shredded::Person(VICTIM));
    let refused = |whose| why(&story, &supervisor(), &shred(whose));
    assert_eq!(refused(Shredded::Person(NOBODY)), [("subject_id", Why::SubjectUnknown)]);
    assert_eq!(refused(Shredded::Person(VICTIM)), [("subject_id", Why::DataErased)]);
    assert_eq!(refused(Shredded::Narrative(NarrativeId([9; 16]))), [("narrative_id", Why::NarrativeUnknown)]);
    assert_eq!(refused(Shredded::Narrative(STORY)), [("narrative_id", Why::DataErased)]);
}

#[test]
fn only_supervisors_and_compliance_shred_hold_and_lift() {
    let story = told();
    let held = told().by(&supervisor(), hold());
    for actor in [responder(), service(), staff("r.reviewer", Role::Reviewer)] {
        let role = ("actor.role", Why::OfficerRequired);
        assert_eq!(why(&story, &actor, &shred(Shredded::Person(VICTIM))), [role]);
        assert_eq!(why(&story, &actor, &hold()), [role]);
        assert_eq!(why(&held, &actor, &lift(HOLD)).first(), Some(&role));
    }
    assert_eq!(why(&story, &officer(), &shred(Shredded::Person(VICTIM))), []);
    assert_eq!(why(&story, &officer(), &hold()), []);
}

#[test]
fn a_hold_outranks_every_shred_until_another_person_lifts_it() {
    let story = told().closes().by(&supervisor(), hold());
    for whose in [Shredded::Person(VICTIM), Shredded::Narrative(STORY), Shredded::Case] {
        assert_eq!(why(&story, &officer(), &shred(whose)), [("", Why::LegalHold)]);
    }
    assert_eq!(why(&story, &supervisor(), &lift(HOLD)), [("actor.person", Why::SamePerson)]);
    assert_eq!(why(&story, &officer(), &lift(HoldId([8; 16]))), [("hold_id", Why::HoldUnknown)]);
    assert_eq!(why(&story, &officer(), &hold()), [("hold_id", Why::DuplicateId)]);
    let same = story.clone().by(&supervisor(), lift(HOLD));
    assert!(same.facts.legal_hold(), "whoever placed it has no word in this");
    let lifted = story.by(&officer(), lift(HOLD));
    assert!(!lifted.facts.legal_hold());
    assert_eq!(why(&lifted, &officer(), &shred(Shredded::Case)), []);
    assert_eq!(why(&lifted, &officer(), &lift(HOLD)), [("hold_id", Why::HoldLifted)]);
}

#[test]
fn of_two_holds_each_is_lifted_by_itself() {
    let second = HoldId([8; 16]);
    let placed = CaseEvent::LegalHoldPlaced(LegalHoldPlaced { hold_id: second, ground: Some(HoldGround::Proceeding) });
    let story = told().by(&supervisor(), hold()).by(&supervisor(), placed).by(&officer(), lift(HOLD));
    assert_eq!(why(&story, &officer(), &shred(Shredded::Person(VICTIM))), [("", Why::LegalHold)]);
    assert_eq!(story.facts.standing_holds().map(|hold| hold.hold_id).collect::<Vec<_>>(), [second]);
}

#[test]
fn a_subpoena_of_the_defence_holds_under_its_own_id() {
    let kind = ExceptionKind::LegalRequirement;
    let mut subpoena = exception(5, kind, &[], ExceptionGround::Instrument);
    subpoena.instrument = Some(instrument(InstrumentKind::DefenceSubpoena, &court(), &[Identity]));
    let story = told().asserts(&supervisor(), subpoena);
    assert_eq!(why(&story, &officer(), &shred(Shredded::Person(VICTIM))), [("", Why::LegalHold)]);
    let id = HoldId(exception_id(5).0);
    assert_eq!(why(&story, &supervisor(), &lift(id)), [("actor.person", Why::SamePerson)]);
    let story = story.by(&officer(), lift(id));
    assert_eq!(why(&story, &officer(), &shred(Shredded::Person(VICTIM))), []);
}

#[test]
fn a_schedule_and_a_whole_case_wait_until_it_is_closed_and_the_whole_takes_two_people() {
    let scheduled = on_ground(Shredded::Person(VICTIM), ShredGround::Schedule);
    assert_eq!(why(&told(), &officer(), &scheduled), [("", Why::CaseStillOpen)]);
    assert_eq!(why(&told(), &officer(), &shred(Shredded::Case)), [("", Why::CaseStillOpen)]);
    let closed = told().by(&supervisor(), CaseEvent::CaseClosed(egide_domain::event::CaseClosed { closure: None }));
    assert_eq!(why(&closed, &officer(), &scheduled), []);
    assert_eq!(why(&closed, &officer(), &shred(Shredded::Case)), []);
    assert_eq!(why(&closed, &supervisor(), &shred(Shredded::Case)), [("actor.person", Why::SamePerson)]);
    assert_eq!(why(&closed, &supervisor(), &shred(Shredded::Person(VICTIM))), []);
}

#[test]
fn where_something_cannot_be_read_nothing_is_shredded_for_it_may_be_a_hold() {
    let story = told().and(CaseEvent::Unreadable);
    assert_eq!(why(&story, &officer(), &shred(Shredded::Person(VICTIM))), [("", Why::CaseUnreadable)]);
}

#[test]
fn somebody_erased_still_makes_the_case_one_of_a_minor() {
    let story = told().age(VICTIM, AgeBand::Under16).shreds(Shredded::Person(VICTIM));
    assert!(story.facts.concerns_minor(story.now, &POLICY));
}

#[test]
fn erasing_somebody_who_was_never_identified_brings_no_suspect_along() {
    let mut abuse = exception(1, ExceptionKind::Minor, &[FRIEND], ExceptionGround::SuspectedAbuse);
    abuse.break_glass = true;
    let asked = ask(&child_protection(), ChildProtection, &[Suspects]);
    let story = Story::with_people().asserts(&supervisor(), abuse);
    story.when(&asked).denies(ReasonCode::NoException);
    // Such a shred is not admitted; the gate does not rely on that.
    let shredded = KeyShredded { whose: Shredded::Person(FRIEND), ground: None };
    story.by(&supervisor(), CaseEvent::KeyShredded(shredded)).when(&asked).denies(ReasonCode::NoException);
}
