//! Rows as stories: what a log must never hold is shown all the same, and nothing gets into rows that should not.

use egide_projection::ProjectionError;
use egide_wire::proto::egide::audit::v1::Disclosure;
use egide_wire::proto::egide::case::v1::ObligationKind;
use egide_wire::proto::egide::case::v1::case_event::Payload;

use crate::query::filter::{Criterion, Filter};
use crate::query::{account, history};
use crate::story::{
    Story, Told, bound_to, case, delivery, disclosure, organization, permit, person, recall, receipt, referral,
    refusal, release, said_outside, unit, unit_of,
};

fn listed(story: &Story, criteria: &[Criterion]) -> Vec<Disclosure> {
    let filter = Filter { criteria: criteria.to_vec(), ..Filter::default() };
    history::list(&story.history.view(), &filter, None, 200).unwrap().disclosures
}

fn kinds(disclosure: &Disclosure) -> Vec<&str> {
    disclosure.steps.iter().map(|step| step.kind.as_str()).collect()
}

fn told_about(story: &Story, number: u16) -> usize {
    account::account(&story.history.view(), case(1), person(number), None, 50).unwrap().unwrap().entries.len()
}

/// Everything the model knows, in one story.
fn eventful() -> Story {
    let mut story = Story::of_one_case();
    story.tell(Told::unit_registered(1));
    story.decides(1, permit(1, 1, &[person(1), person(2)]));
    story.decides(1, bound_to(permit(2, 1, &[person(2)]), ObligationKind::NoTipOff));
    story.decides(1, refusal(3, 1, &[]));
    story.releases(1, release(1, 1, &[person(1), person(2)]));
    story.releases(1, release(2, 2, &[person(2)]));
    story.tell_all(vec![
        Told::in_case(1, delivery(1)),
        Told::in_case(1, receipt(1)),
        Told::in_case(1, delivery(1)),
        Told::in_case(1, recall(1)),
        Told::in_case(1, Payload::DisclosedOutsideSystem(said_outside(4, 1, &[person(2)]))),
        // What no ledger admits.
        Told::in_case(1, delivery(9)),
        Told::in_case(1, Payload::ReferralReleased(release(8, 8, &[person(1)]))),
        Told::in_case(1, delivery(1)).with_facts(vec![0xff]),
    ]);
    story
}

#[test]
fn a_rebuild_from_nothing_gives_the_same_rows() {
    let story = eventful();
    let rows = story.rows();
    assert!(rows.len() > 50);
    assert_eq!(rows, story.rows_rebuilt());
}

#[test]
fn events_of_one_block_see_each_other() {
    let decided = Told::in_case(1, Payload::DisclosureDecided(permit(1, 1, &[person(1)])));
    let released = Told::in_case(1, Payload::ReferralReleased(release(1, 1, &[person(1)])));
    let mut story = Story::of_one_case();
    story.tell_all(vec![decided, released, Told::in_case(1, delivery(1))]);
    assert_eq!(kinds(&listed(&story, &[])[0]), ["disclosure.released", "disclosure.delivered"]);
}

#[test]
fn a_release_without_a_known_decision_is_listed_and_withheld_from_accounts() {
    let mut story = Story::of_one_case();
    let at = story.releases(1, release(1, 1, &[person(1)]));
    let found = listed(&story, &[Criterion::Subject(person(1)), Criterion::Unit(unit(1)), Criterion::Case(case(1))]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].position, found[0].referral_id.as_str()), (at, referral(1).as_str()));
    assert!(found[0].decided.is_none());
    // It may be one of which the person must not hear.
    assert_eq!(told_about(&story, 1), 0);
    story.happens(1, delivery(1));
    assert_eq!(kinds(&listed(&story, &[])[0]), ["disclosure.released", "disclosure.delivered"]);
}

#[test]
fn a_second_release_of_one_decision_is_a_disclosure_of_its_own() {
    let mut story = Story::of_one_case();
    story.decides(1, permit(1, 1, &[person(1)]));
    story.releases(1, release(1, 1, &[person(1)]));
    let second = story.releases(1, release(2, 1, &[person(1)]));
    story.happens(1, delivery(2));
    let found = listed(&story, &[]);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].position, found[0].referral_id.as_str()), (second, referral(2).as_str()));
    assert_eq!(kinds(&found[0]), ["disclosure.released", "disclosure.delivered"]);
    assert_eq!(found[1].referral_id, referral(1));
    assert_eq!(kinds(&found[1]), ["disclosure.released"]);
    assert_eq!(told_about(&story, 1), 2);
}

#[test]
fn a_delivery_of_nothing_released_is_listed() {
    let mut story = Story::of_one_case();
    story.happens(1, delivery(1));
    story.happens(1, recall(1));
    let found = listed(&story, &[Criterion::Unit(unit(1))]);
    assert_eq!(found.len(), 1);
    assert_eq!(kinds(&found[0]), ["disclosure.delivered", "disclosure.recalled"]);
}

#[test]
fn an_event_around_a_disclosure_that_cannot_be_read_is_listed_by_its_kind() {
    let mut story = Story::of_one_case();
    let unreadable = Told::in_case(1, delivery(1)).with_facts(vec![0xff]);
    // A payload of a newer contract.
    let unknown = Told::in_case(1, receipt(1)).with_facts(vec![0xfa, 0x3f, 0x00]);
    let at = story.tell_all(vec![unreadable, unknown]);
    let found = listed(&story, &[Criterion::Case(case(1))]);
    assert_eq!(found.iter().map(|disclosure| disclosure.position).collect::<Vec<_>>(), [at, at - 1]);
    assert_eq!(kinds(&found[0]), ["disclosure.acknowledged"]);
    assert_eq!(kinds(&found[1]), ["disclosure.delivered"]);
}

#[test]
fn the_same_ids_in_another_case_are_others() {
    let mut story = Story::of_one_case();
    story.open_case(2, &[person(1)]);
    let first = story.decides(1, permit(1, 1, &[person(1)]));
    let second = story.decides(2, permit(1, 1, &[person(1)]));
    story.releases(2, release(1, 1, &[person(1)]));
    story.happens(2, delivery(1));
    let found = listed(&story, &[]);
    assert_eq!((found[0].position, found[0].steps.len()), (second, 2));
    assert_eq!((found[1].position, found[1].steps.len()), (first, 0));
    assert_eq!(told_about(&story, 1), 0);
    // An id alone means the first.
    let by_id = history::get(&story.history.view(), disclosure(1).0, None).unwrap().unwrap();
    assert_eq!(by_id.position, first);
}

#[test]
fn a_release_that_names_nobody_is_about_everybody_in_the_mask() {
    let mut story = Story::of_one_case();
    story.decides(1, permit(1, 1, &[person(1), person(2)]));
    story.releases(1, release(1, 1, &[]));
    assert_eq!((told_about(&story, 1), told_about(&story, 2)), (1, 1));
}

#[test]
fn a_release_is_accounted_for_to_those_it_speaks_of() {
    let mut story = Story::of_one_case();
    story.decides(1, permit(1, 1, &[person(1), person(2)]));
    story.releases(1, release(1, 1, &[person(1)]));
    assert_eq!((told_about(&story, 1), told_about(&story, 2)), (1, 0));
}

#[test]
fn a_service_that_acts_by_itself_is_found_under_no_account() {
    let mut story = Story::of_one_case();
    story.tell(Told::in_case(1, Payload::DisclosureDecided(refusal(1, 1, &[person(1)]))).by(""));
    assert_eq!(listed(&story, &[]).len(), 1);
    assert_eq!(listed(&story, &[Criterion::Actor(String::new())]).len(), 0);
}

#[test]
fn a_unit_belongs_to_whoever_registered_it_first_and_from_then_on() {
    let mut story = Story::of_one_case();
    story.happens(1, Payload::DisclosedOutsideSystem(said_outside(1, 1, &[person(1)])));
    story.tell(Told::unit_registered(1));
    let later = story.happens(1, Payload::DisclosedOutsideSystem(said_outside(2, 1, &[person(1)])));
    story.tell(Told::unit_registered(1).with_facts(unit_of(1, 9)));
    let last = story.happens(1, Payload::DisclosedOutsideSystem(said_outside(3, 1, &[person(1)])));
    let found = |number| {
        let found = listed(&story, &[Criterion::Organization(organization(number))]);
        found.iter().map(|disclosure| disclosure.position).collect::<Vec<_>>()
    };
    assert_eq!(found(1), [last, later]);
    assert_eq!(found(9), Vec::<u64>::new());
}

#[test]
fn what_identifies_gets_into_no_row_even_if_it_stood_in_the_facts() {
    const MARKER: &str = "marker-7f3a9c";
    let mut story = Story::of_one_case();
    let mut outside = said_outside(1, 1, &[person(1)]);
    MARKER.clone_into(&mut outside.account);
    story.happens(1, Payload::DisclosedOutsideSystem(outside));
    story.decides(1, permit(2, 1, &[person(1)]));
    let mut released = release(2, 2, &[person(1)]);
    released.report = MARKER.as_bytes().to_vec();
    released.signature = MARKER.as_bytes().to_vec();
    released.commitment_salt = MARKER.as_bytes().to_vec();
    story.releases(1, released);
    let holds_marker = |bytes: &[u8]| bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
    assert!(story.rows().iter().all(|(key, value)| !holds_marker(key) && !holds_marker(value)));
    assert_eq!(listed(&story, &[]).len(), 2);
}

#[test]
fn a_case_event_without_a_case_stops_the_projection() {
    let mut story = Story::of_one_case();
    let told = Told::in_case(1, delivery(1)).in_stream("no case");
    let refused = story.try_tell(told).unwrap_err();
    assert!(matches!(refused, ProjectionError::Model { number: 2, .. }));
    assert!(story.history.subscribe().borrow().halted);
}
