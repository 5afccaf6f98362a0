//! The house's own records: what is admitted to them, and what they admit.

use crate::story::*;
use egide_domain::event::Recorded;
use egide_domain::house::{PolicyAdopted, SHIFT_MAX};
use egide_domain::ids::{Position, Revision};
use egide_domain::vocabulary::{ExceptionGround, ExceptionKind, Role};
use egide_domain::{
    Actor, CaseEvent, HouseEvent, HouseFacts, Millis, Timestamp, ViolationReason as Why, admit_house, admit_in_house,
};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn staff(account: &str, role: Role) -> Actor {
    Actor { service: "console".into(), person: Some(account.into()), role: Some(role) }
}

fn in_hours(hours: u32) -> Timestamp {
    NOW.checked_add(Millis::from_hours(hours)).unwrap()
}

#[track_caller]
fn after(facts: &mut HouseFacts, event: HouseEvent, actor: &Actor, at: Timestamp) {
    assert_eq!(admit_house(facts, &event, actor, at), Ok(()));
    applied(facts, event, actor, at);
}

fn applied(facts: &mut HouseFacts, event: HouseEvent, actor: &Actor, at: Timestamp) {
    let revision = Revision(facts.revision.0 + 1);
    let (occurred_at, recorded_at, position) = (at, at, Position(revision.0 * 10));
    facts.apply(&Recorded { event, revision, position, occurred_at, recorded_at, actor: actor.clone() });
}

fn why(facts: &HouseFacts, event: &HouseEvent, actor: &Actor, at: Timestamp) -> Vec<(&'static str, Why)> {
    let violations = admit_house(facts, event, actor, at).err().unwrap_or_default();
    violations.iter().map(|violation| (violation.field, violation.reason)).collect()
}

fn adopted(digest: u8) -> HouseEvent {
    HouseEvent::PolicyAdopted(PolicyAdopted { version: "1".into(), digest: [digest; 32] })
}

#[test]
fn a_policy_is_adopted_once_and_stays_adopted() {
    let (mut facts, officer) = (HouseFacts::default(), staff("c.cote", Role::Compliance));
    assert!(!facts.has_adopted(&[1; 32]));
    after(&mut facts, adopted(1), &officer, NOW);
    after(&mut facts, adopted(2), &officer, NOW);
    assert!(facts.has_adopted(&[1; 32]) && facts.has_adopted(&[2; 32]) && !facts.has_adopted(&[3; 32]));
    assert!(!facts.has_adopted(&[]));
    assert_eq!(why(&facts, &adopted(1), &officer, NOW), [("digest", Why::PolicyAdopted)]);
    applied(&mut facts, adopted(1), &officer, NOW);
    assert_eq!(facts.policies.iter().map(|known| known.adopted.digest[0]).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((facts.revision, facts.policies[1].position), (Revision(3), Position(20)));
}

#[test]
fn a_shift_ends_at_its_time_or_when_its_person_says() {
    let (mut facts, night) = (HouseFacts::default(), staff("n.roy", Role::Supervisor));
    after(&mut facts, HouseEvent::ShiftStarted(in_hours(8)), &night, NOW);
    assert!(facts.supervisor_on_shift(Timestamp(in_hours(8).0 - 1)));
    assert!(!facts.supervisor_on_shift(in_hours(8)), "its end is exclusive");
    after(&mut facts, HouseEvent::ShiftEnded, &night, in_hours(2));
    assert!(!facts.supervisor_on_shift(in_hours(3)));
    assert_eq!(why(&facts, &HouseEvent::ShiftEnded, &night, in_hours(3)), [("", Why::NotOnShift)]);
    after(&mut facts, HouseEvent::ShiftStarted(in_hours(9)), &night, in_hours(3));
    after(&mut facts, HouseEvent::ShiftStarted(in_hours(5)), &night, in_hours(4));
    assert!(!facts.supervisor_on_shift(in_hours(6)), "the newer one counts instead");
    assert_eq!(why(&facts, &HouseEvent::ShiftEnded, &night, in_hours(6)), [("", Why::NotOnShift)]);
}

#[test]
fn a_shift_is_bounded_and_somebodys() {
    let (facts, night) = (HouseFacts::default(), staff("n.roy", Role::Supervisor));
    let latest = NOW.checked_add(SHIFT_MAX).unwrap();
    assert!(why(&facts, &HouseEvent::ShiftStarted(latest), &night, NOW).is_empty());
    let longer = HouseEvent::ShiftStarted(Timestamp(latest.0 + 1));
    assert_eq!(why(&facts, &longer, &night, NOW), [("until", Why::ShiftTooLong)]);
    assert_eq!(why(&facts, &HouseEvent::ShiftStarted(NOW), &night, NOW), [("until", Why::EndsBeforeItBegins)]);
    let nobody = [("actor.person", Why::PersonRequired)];
    assert_eq!(why(&facts, &HouseEvent::ShiftStarted(latest), &service(), NOW), nobody);
    assert_eq!(why(&facts, &adopted(1), &service(), NOW), nobody);
    assert_eq!(why(&facts, &HouseEvent::Unreadable, &night, NOW), [("", Why::Unreadable)]);
}

#[test]
fn a_responder_breaks_glass_only_where_no_supervisor_is_on_shift() {
    let mut danger = exception(1, ExceptionKind::ImminentDanger, &[VICTIM], ExceptionGround::Violence);
    danger.break_glass = true;
    let alone = CaseEvent::ExceptionAsserted(danger.clone());
    let (responder, supervisor) = (staff("a.roy", Role::Responder), staff("n.roy", Role::Supervisor));
    let why = |facts: &HouseFacts, event: &CaseEvent, actor: &Actor, at| {
        let violations = admit_in_house(facts, event, &[], actor, at).err().unwrap_or_default();
        violations.iter().map(|violation| violation.reason).collect::<Vec<_>>()
    };
    let mut facts = HouseFacts::default();
    assert!(why(&facts, &alone, &responder, NOW).is_empty(), "nobody is there");
    after(&mut facts, HouseEvent::ShiftStarted(in_hours(8)), &responder, NOW);
    assert!(why(&facts, &alone, &responder, NOW).is_empty(), "another responder does not count");
    after(&mut facts, HouseEvent::ShiftStarted(in_hours(8)), &supervisor, NOW);
    assert_eq!(why(&facts, &alone, &responder, NOW), [Why::SupervisorOnShift]);
    assert!(why(&facts, &alone, &supervisor, NOW).is_empty());
    assert!(why(&facts, &alone, &responder, in_hours(8)).is_empty(), "the shift is over");
    danger.break_glass = false;
    assert!(why(&facts, &CaseEvent::ExceptionAsserted(danger), &responder, NOW).is_empty(), "somebody will confirm it");
    let mut unreadable = HouseFacts::default();
    applied(&mut unreadable, HouseEvent::Unreadable, &responder, NOW);
    assert_eq!(why(&unreadable, &alone, &responder, in_hours(15)), [Why::SupervisorOnShift]);
    assert!(why(&unreadable, &alone, &responder, in_hours(16)).is_empty());
}

#[test]
fn shifts_that_are_over_are_forgotten_when_another_one_begins() {
    let mut facts = HouseFacts::default();
    after(&mut facts, HouseEvent::ShiftStarted(in_hours(2)), &staff("n.roy", Role::Supervisor), NOW);
    after(&mut facts, HouseEvent::ShiftStarted(in_hours(3)), &staff("a.roy", Role::Responder), in_hours(1));
    assert_eq!(facts.shifts.len(), 2);
    after(&mut facts, HouseEvent::ShiftStarted(in_hours(9)), &staff("b.roy", Role::Responder), in_hours(2));
    assert_eq!(facts.shifts.len(), 2, "its end is exclusive");
    after(&mut facts, HouseEvent::ShiftStarted(in_hours(9)), &staff("n.roy", Role::Supervisor), in_hours(5));
    assert_eq!(facts.shifts.len(), 2);
}

#[test]
fn decisions_are_made_under_a_policy_that_was_adopted() {
    let mut facts = HouseFacts::default();
    let story = Story::with_people();
    let asked = ask(&shelter(), egide_domain::vocabulary::Purpose::SupportService, &[]);
    let event = decided(1, &asked, story.when(&asked).0);
    let why = |facts: &HouseFacts, event: &CaseEvent, digest: &[u8]| {
        let violations = admit_in_house(facts, event, digest, &service(), NOW).err().unwrap_or_default();
        violations.iter().map(|violation| (violation.field, violation.reason)).collect::<Vec<_>>()
    };
    assert_eq!(why(&facts, &event, &[1; 32]), [("policy_digest", Why::PolicyNotAdopted)]);
    after(&mut facts, adopted(1), &staff("c.okafor", Role::Compliance), NOW);
    assert_eq!(why(&facts, &event, &[1; 32]), []);
    assert_eq!(why(&facts, &event, &[2; 32]), [("policy_digest", Why::PolicyNotAdopted)]);
    let other = CaseEvent::CaseReopened(egide_domain::event::CaseReopened {});
    assert_eq!(why(&facts, &other, &[2; 32]), []);
}
