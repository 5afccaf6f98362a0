//! Shreds at the fence: what is sealed under a closed key is refused, whoever sealed it and whatever else would admit it.

use super::*;
use crate::closed::{is_closed, shreds_from};
use egide_vault::KeyName;
use egide_wire::proto::egide::ledger::v1::{KeyScope, SealedPart};

const OTHER_PERSON: &str = "01900000-0000-7000-8000-000000000005";
const NARRATIVE: &str = "01900000-0000-7000-8000-000000000006";
const OTHER_NARRATIVE: &str = "01900000-0000-7000-8000-000000000007";

fn by_supervisor(mut event: Event) -> Event {
    event.actor = Some(Actor { person: "marc.gagnon".into(), role: "supervisor".into(), ..Actor::default() });
    event
}

fn shred(scope: ShredScope, subject: &str, narrative: &str) -> Event {
    let shred = KeyShredded {
        scope: scope.into(),
        subject_id: subject.into(),
        narrative_id: narrative.into(),
        ground: ShredGround::RecordedInError.into(),
        ..KeyShredded::default()
    };
    by_supervisor(in_case(CASE, "case.key_shredded", Payload::KeyShredded(shred)))
}

fn closed_case() -> Event {
    in_case(CASE, "case.closed", Payload::CaseClosed(CaseClosed { closure: 1 }))
}

fn person(subject: &str) -> Event {
    let person = PersonIdentified { subject_id: subject.into(), roles: vec![1], ..PersonIdentified::default() };
    sealed(
        in_case(CASE, "case.person_identified", Payload::PersonIdentified(person)),
        &[format!("subject.{CASE}.{subject}")],
    )
}

fn told(narrative: &str, people: &[&str]) -> Event {
    let told = NarrativeRecorded {
        narrative_id: narrative.into(),
        subject_ids: people.iter().map(|person| (*person).to_owned()).collect(),
        ..NarrativeRecorded::default()
    };
    sealed(
        in_case(CASE, "case.narrative_recorded", Payload::NarrativeRecorded(told)),
        &[format!("narrative.{CASE}.{narrative}")],
    )
}

/// Told outside the system: admitted whatever else happened, and sealed under these keys.
fn outside(number: u8, keys: &[String]) -> Event {
    let disclosure_id = egide_domain::ids::DisclosureId([number; 16]).to_string();
    let outside = DisclosedOutsideSystem { disclosure_id, ..DisclosedOutsideSystem::default() };
    sealed(in_case(CASE, "disclosure.outside_system", Payload::DisclosedOutsideSystem(outside)), keys)
}

fn sealed(mut event: Event, keys: &[String]) -> Event {
    if !keys.is_empty() {
        let part = SealedPart { scope: KeyScope::Everybody.into(), key_ids: keys.to_vec(), ..SealedPart::default() };
        event.sealed.push(part);
    }
    event
}

fn key(text: &str) -> String {
    text.replace("CASE", CASE)
}

fn world() -> World {
    let mut world = World::new();
    let told = vec![
        opened(CASE),
        person(PERSON),
        person(OTHER_PERSON),
        told(NARRATIVE, &[PERSON, OTHER_PERSON]),
        told(OTHER_NARRATIVE, &[OTHER_PERSON]),
    ];
    assert_eq!(world.write(&[command(1, told)]), ["append 0"]);
    world
}

fn closes(world: &World, keys: &[String]) -> Vec<bool> {
    let view = world.projection.view();
    keys.iter().map(|key| is_closed(&view, key.parse::<KeyName>().unwrap()).unwrap()).collect()
}

fn keys() -> [String; 5] {
    [
        key("case.CASE"),
        format!("subject.{CASE}.{PERSON}"),
        format!("subject.{CASE}.{OTHER_PERSON}"),
        format!("narrative.{CASE}.{NARRATIVE}"),
        format!("narrative.{CASE}.{OTHER_NARRATIVE}"),
    ]
}

#[test]
fn with_a_person_the_keys_of_the_narratives_about_them_are_closed_and_nothing_else() {
    let mut world = world();
    assert_eq!(closes(&world, &keys()), [false; 5]);
    assert_eq!(world.write(&[command(2, vec![shred(ShredScope::Person, PERSON, "")])]), ["append 0"]);
    assert_eq!(closes(&world, &keys()), [false, true, false, true, false]);
    let shreds = shreds_from(&world.projection.view(), 0, 10).unwrap();
    assert_eq!(shreds.len(), 1);
    assert_eq!(shreds[0].0, 6);
    assert_eq!(shreds[0].1.key_ids, [keys()[1].clone(), keys()[3].clone()]);
    assert!(shreds_from(&world.projection.view(), 7, 10).unwrap().is_empty());
}

#[test]
fn with_a_case_every_key_of_it_is_closed_those_too_that_nobody_knows() {
    let mut world = world();
    let shred = vec![closed_case(), shred(ShredScope::Case, "", "")];
    assert_eq!(world.write(&[command(2, shred)]), ["append 0"]);
    assert_eq!(closes(&world, &keys()), [true; 5]);
    let unknown = [format!("subject.{CASE}.{OTHER_CASE}"), format!("subject.{OTHER_CASE}.{PERSON}")];
    assert_eq!(closes(&world, &unknown), [true, false]);
    assert_eq!(shreds_from(&world.projection.view(), 0, 10).unwrap()[0].1.key_ids.len(), 5);
}

#[test]
fn rows_and_facts_close_the_same_keys_and_what_is_sealed_under_them_is_refused() {
    for (number, shred) in [
        shred(ShredScope::Person, OTHER_PERSON, ""),
        shred(ShredScope::Person, PERSON, ""),
        shred(ShredScope::Narrative, "", NARRATIVE),
        shred(ShredScope::Case, "", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let mut world = world();
        assert_eq!(world.write(&[command(2, vec![closed_case(), shred])]), ["append 0"]);
        let closed = closes(&world, &keys());
        for (index, key) in keys().into_iter().enumerate() {
            let words = world.write(&[command(
                u8::try_from(10 + index).unwrap(),
                vec![outside(u8::try_from(index).unwrap(), &[key])],
            )]);
            let expected = if closed[index] { "FailedPrecondition" } else { "append 0" };
            assert_eq!(words, [expected], "key {index} after shred {number}");
        }
        let joint = outside(9, &[keys()[2].clone(), keys()[1].clone()]);
        let expected = if closed[1] || closed[2] { "FailedPrecondition" } else { "append 0" };
        assert_eq!(world.write(&[command(20, vec![joint])]), [expected], "joint, after shred {number}");
        assert_eq!(world.write(&[command(21, vec![outside(10, &[])])]), ["append 0"], "nothing sealed");
    }
}

#[test]
fn a_shred_earlier_in_the_block_counts_for_what_comes_later_in_it_and_not_for_what_came_before() {
    let mut world = world();
    let case_key = || vec![key("case.CASE")];
    let commands = [
        command(2, vec![closed_case()]),
        command(3, vec![outside(1, &case_key())]),
        command(4, vec![shred(ShredScope::Case, "", "")]),
        command(5, vec![outside(2, &case_key())]),
        command(6, vec![outside(3, &[])]),
    ];
    assert_eq!(world.write(&commands), ["append 0", "append 1", "append 2", "FailedPrecondition", "append 3"]);
}

#[test]
fn what_is_sealed_under_another_cases_key_or_none_that_is_known_is_refused() {
    let mut world = world();
    for (number, key) in
        [format!("case.{OTHER_CASE}"), "ledger.fingerprints".to_owned(), "x".to_owned()].into_iter().enumerate()
    {
        let words = world.write(&[command(
            u8::try_from(10 + number).unwrap(),
            vec![outside(u8::try_from(number).unwrap(), &[key])],
        )]);
        assert_eq!(words, ["FailedPrecondition"]);
    }
}

#[test]
fn two_shreds_in_one_command_close_what_both_name() {
    let mut world = world();
    let shreds = [shred(ShredScope::Person, PERSON, ""), shred(ShredScope::Narrative, "", OTHER_NARRATIVE)];
    assert_eq!(world.write(&[command(10, shreds.to_vec())]), ["append 0"]);
    assert_eq!(closes(&world, &keys()), [false, true, false, true, true]);
    let twice = [shred(ShredScope::Person, OTHER_PERSON, ""), shred(ShredScope::Person, OTHER_PERSON, "")];
    assert_eq!(world.write(&[command(11, twice.to_vec())]), ["FailedPrecondition"]);
}
