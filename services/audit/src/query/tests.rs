//! History and account as stories.

use std::collections::BTreeMap;

use egide_domain::vocabulary::{BasisKind, Outcome};
use egide_wire::proto::egide::audit::v1::{AccountEntry, Disclosure};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{DeliveryChannel, MaskLevel, ObligationKind, Purpose};
use egide_wire::proto::egide::classification::v1::DataCategory;
use proptest::prelude::*;

use super::filter::{Criterion, Filter};
use super::history::{self, STEPS_LEFT_OUT};
use super::{Error, account};
use crate::story::{
    NOW_MS, Story, Told, bound_to, case, consent, delivery, disclosure, identified, lets_through, organization, permit,
    person, recall, receipt, referral, refusal, release, said_outside, timestamp, unit,
};

fn by(criteria: &[Criterion]) -> Filter {
    Filter { criteria: criteria.to_vec(), ..Filter::default() }
}

/// All pages of a question.
fn all(story: &Story, filter: &Filter, size: usize) -> Vec<Disclosure> {
    let (mut found, mut below) = (Vec::new(), None);
    loop {
        let page = history::list(&story.history.view(), filter, below, size).unwrap();
        assert!(page.disclosures.len() <= size);
        found.extend(page.disclosures);
        below = page.next;
        if below.is_none() {
            return found;
        }
    }
}

fn positions(story: &Story, filter: &Filter) -> Vec<u64> {
    all(story, filter, 50).iter().map(|disclosure| disclosure.position).collect()
}

fn kinds(disclosure: &Disclosure) -> Vec<&str> {
    disclosure.steps.iter().map(|step| step.kind.as_str()).collect()
}

fn account_of(story: &Story, in_case: u16, number: u16) -> Vec<AccountEntry> {
    account::account(&story.history.view(), case(in_case), person(number), None, 50).unwrap().unwrap().entries
}

#[test]
fn permits_refusals_and_what_was_said_outside_are_listed_newest_first() {
    let mut story = Story::of_one_case();
    let permitted = story.decides(1, permit(1, 1, &[person(1)]));
    story.passes(1_000);
    let refused = story.decides(1, refusal(2, 1, &[person(1)]));
    let outside = story.happens(1, Payload::DisclosedOutsideSystem(said_outside(3, 1, &[person(2)])));
    let listed = all(&story, &Filter::default(), 50);
    let at: Vec<_> = listed.iter().map(|disclosure| disclosure.position).collect();
    assert_eq!(at, [outside, refused, permitted]);
    assert_eq!(listed[2].disclosure_id, disclosure(1).to_string());
    assert_eq!(listed[2].case_id, case(1).to_string());
    assert_eq!(listed[2].recorded_at, Some(timestamp(NOW_MS)));
    assert_eq!(listed[1].recorded_at, Some(timestamp(NOW_MS + 1_000)));
    assert_eq!(listed[2].actor.as_ref().unwrap().person, "amelie.roy");
    assert_eq!(listed[2].decided, Some(permit(1, 1, &[person(1)])));
    assert_eq!(listed[0].outside, Some(said_outside(3, 1, &[person(2)])));
    assert!(listed[0].decided.is_none() && listed[1].outside.is_none());
}

#[test]
fn a_disclosure_tells_what_came_of_it_in_order() {
    let mut story = Story::of_one_case();
    let permitted = story.decides(1, permit(1, 1, &[person(1)]));
    let released = story.releases(1, release(1, 1, &[person(1)]));
    story.happens(1, delivery(1));
    story.happens(1, receipt(1));
    story.happens(1, delivery(1));
    let recalled = story.happens(1, recall(1));
    let found = history::get(&story.history.view(), disclosure(1).0, None).unwrap().unwrap();
    assert_eq!(found.position, permitted);
    assert_eq!(found.referral_id, referral(1));
    assert_eq!(found.report_digest, [7; 32]);
    let expected =
        ["released", "delivered", "acknowledged", "delivered", "recalled"].map(|step| format!("disclosure.{step}"));
    assert_eq!(kinds(&found), expected);
    assert_eq!((found.steps[0].position, found.steps[4].position), (released, recalled));
    assert!(found.steps[1].channel() == DeliveryChannel::Portal);
    assert!(found.steps[0].channel() == DeliveryChannel::Unspecified);
    assert_eq!(history::get(&story.history.view(), disclosure(2).0, None), Ok(None));
}

#[test]
fn of_very_many_steps_the_first_and_the_last_are_told_and_the_gap_is_shown() {
    let mut story = Story::of_one_case();
    story.decides(1, permit(1, 1, &[person(1)]));
    story.releases(1, release(1, 1, &[person(1)]));
    let deliver = |count: usize| (0..count).map(|_| Told::in_case(1, delivery(1))).collect();
    let find = |story: &Story| history::get(&story.history.view(), disclosure(1).0, None).unwrap().unwrap();

    story.tell_all(deliver(498));
    let recalled = story.happens(1, recall(1));
    let full = find(&story);
    assert_eq!(full.steps.len(), 500);
    assert!(full.steps.iter().all(|step| step.kind != STEPS_LEFT_OUT));
    assert_eq!(full.steps[499].position, recalled);

    let last = story.tell_all(deliver(3));
    let cut = find(&story);
    assert_eq!(cut.steps.len(), 501);
    assert_eq!(cut.steps[250].kind, STEPS_LEFT_OUT);
    assert_eq!(cut.steps[250].position, full.steps[250].position + 2);
    assert_eq!(cut.steps[500].position, last);
    assert!(cut.steps.windows(2).all(|pair| pair[0].position < pair[1].position));
}

#[test]
fn each_criterion_finds_its_own() {
    let mut story = Story::of_one_case();
    story.open_case(2, &[person(3)]);
    story.tell(Told::unit_registered(5));
    let one = story.decides(1, permit(1, 1, &[person(1)]));
    let decided = Payload::DisclosureDecided(refusal(2, 3, &[person(3)]));
    let two = story.tell(Told::in_case(2, decided).by("noor.haddad"));
    let said = story.happens(1, Payload::DisclosedOutsideSystem(said_outside(3, 5, &[person(2)])));
    for (criterion, expected) in [
        (Criterion::Case(case(1)), vec![said, one]),
        (Criterion::Case(case(2)), vec![two]),
        (Criterion::Case(case(3)), vec![]),
        (Criterion::Unit(unit(1)), vec![one]),
        (Criterion::Unit(unit(5)), vec![said]),
        (Criterion::Organization(organization(3)), vec![two]),
        // What was said to a unit is found by its organisation, which only the directory knows.
        (Criterion::Organization(organization(5)), vec![said]),
        (Criterion::Actor("amelie.roy".to_owned()), vec![said, one]),
        (Criterion::Actor("noor.haddad".to_owned()), vec![two]),
        (Criterion::Basis(BasisKind::Consent), vec![one]),
        (Criterion::Basis(BasisKind::Exception), vec![]),
        (Criterion::Outcome(Outcome::Permit), vec![one]),
        (Criterion::Outcome(Outcome::Deny), vec![two]),
        (Criterion::Subject(person(1)), vec![one]),
        (Criterion::Subject(person(2)), vec![said]),
        (Criterion::Subject(person(3)), vec![two]),
    ] {
        assert_eq!(positions(&story, &by(std::slice::from_ref(&criterion))), expected, "{criterion:?}");
    }
    let both = |outcome| by(&[Criterion::Case(case(1)), Criterion::Outcome(outcome)]);
    assert_eq!(positions(&story, &both(Outcome::Permit)), [one]);
    assert_eq!(positions(&story, &both(Outcome::Deny)), Vec::<u64>::new());
}

#[test]
fn a_request_that_names_nobody_is_about_everybody_known_in_the_case_then() {
    let mut story = Story::of_one_case();
    let refused = story.decides(1, refusal(1, 1, &[]));
    story.tell(identified(1, person(3)));
    for (number, expected) in [(1, vec![refused]), (2, vec![refused]), (3, vec![])] {
        assert_eq!(positions(&story, &by(&[Criterion::Subject(person(number))])), expected);
    }
}

#[test]
fn times_count_from_the_first_instant_to_before_the_last() {
    let mut story = Story::of_one_case();
    let at: Vec<u64> = (1..=4)
        .map(|number| {
            story.passes(1_000);
            story.decides(1, refusal(number, 1, &[person(1)]))
        })
        .collect();
    let between = |from: Option<i64>, until: Option<i64>| Filter {
        from_ms: from.map(|ms| NOW_MS + ms),
        until_ms: until.map(|ms| NOW_MS + ms),
        ..Filter::default()
    };
    for (from, until, expected) in [
        (None, None, vec![at[3], at[2], at[1], at[0]]),
        (Some(2_000), None, vec![at[3], at[2], at[1]]),
        (Some(2_001), None, vec![at[3], at[2]]),
        (None, Some(3_000), vec![at[1], at[0]]),
        (None, Some(3_001), vec![at[2], at[1], at[0]]),
        (Some(2_000), Some(3_000), vec![at[1]]),
        (Some(4_001), None, vec![]),
        (None, Some(1_000), vec![]),
        (Some(i64::MIN), Some(i64::MAX), vec![at[3], at[2], at[1], at[0]]),
    ] {
        assert_eq!(
            positions(&story, &between(from.filter(|ms| *ms > i64::MIN), until.filter(|ms| *ms < i64::MAX))),
            expected
        );
    }
}

#[test]
fn pages_stay_where_they_are_while_the_log_grows() {
    let mut story = Story::of_one_case();
    let mut before: Vec<u64> = (1..=7).map(|number| story.decides(1, refusal(number, 1, &[person(1)]))).collect();
    before.reverse();
    let filter = by(&[Criterion::Subject(person(1)), Criterion::Outcome(Outcome::Deny)]);
    let (mut seen, mut below, mut number) = (Vec::new(), None, 7);
    loop {
        let page = history::list(&story.history.view(), &filter, below, 2).unwrap();
        seen.extend(page.disclosures.iter().map(|disclosure| disclosure.position));
        below = page.next;
        if below.is_none() {
            break;
        }
        number += 1;
        story.decides(1, refusal(number, 1, &[person(1)]));
    }
    assert_eq!(seen, before);
}

#[test]
fn the_last_page_says_that_it_is_the_last() {
    let mut story = Story::of_one_case();
    for number in 1..=4 {
        story.decides(1, refusal(number, 1, &[person(1)]));
    }
    let page = |below| history::list(&story.history.view(), &Filter::default(), below, 2).unwrap();
    let first = page(None);
    let last = page(first.next);
    assert_eq!((first.disclosures.len(), last.disclosures.len()), (2, 2));
    assert!(first.next.is_some());
    assert_eq!(last.next, None);
    assert_eq!(page(Some(0)).disclosures, []);
}

#[test]
fn a_large_page_ends_early() {
    let mut story = Story::of_one_case();
    for number in 1..=5 {
        let mut decided = refusal(number, 1, &[person(1)]);
        decided.policy_version = "x".repeat(900_000);
        story.decides(1, decided);
    }
    let page = history::list(&story.history.view(), &Filter::default(), None, 50).unwrap();
    assert_eq!(page.disclosures.len(), 3);
    assert_eq!(all(&story, &Filter::default(), 50).len(), 5);
}

#[test]
fn an_account_tells_what_left_about_one_person_and_nothing_about_others() {
    let mut story = Story::of_one_case();
    let mut decided = permit(1, 1, &[person(1), person(2)]);
    // One entry rests on both, another on what the decision does not have.
    decided.mask.push(lets_through(person(2), DataCategory::Health, &[0, 1, 9]));
    story.decides(1, decided);
    assert_eq!(account_of(&story, 1, 2), []);

    story.passes(1_000);
    story.releases(1, release(1, 1, &[person(1), person(2)]));
    let released_at = Some(timestamp(story.now_ms()));
    let expected = AccountEntry {
        disclosure_id: disclosure(1).to_string(),
        disclosed_at: released_at,
        delivered_at: None,
        unit_id: unit(1).to_string(),
        purpose: Purpose::Investigation.into(),
        bases: vec![consent(1), consent(0)],
        mask: vec![
            lets_through(person(2), DataCategory::Identity, &[0]),
            lets_through(person(2), DataCategory::Situation, &[0]),
            lets_through(person(2), DataCategory::Health, &[1, 0]),
        ],
        report_digest: vec![7; 32],
        outside_system: false,
        recalled: false,
    };
    assert_eq!(account_of(&story, 1, 2), std::slice::from_ref(&expected));
    assert_eq!(account_of(&story, 1, 1)[0].bases, [consent(0)]);

    story.passes(1_000);
    story.happens(1, delivery(1));
    let delivered_at = Some(timestamp(story.now_ms()));
    story.passes(1_000);
    story.happens(1, delivery(1));
    story.happens(1, recall(1));
    assert_eq!(account_of(&story, 1, 2), [AccountEntry { delivered_at, recalled: true, ..expected }]);
}

#[test]
fn what_was_said_outside_is_accounted_for_with_the_time_it_was_said() {
    let mut story = Story::of_one_case();
    let outside = said_outside(1, 1, &[person(1), person(7)]);
    story.tell(Told::in_case(1, Payload::DisclosedOutsideSystem(outside)).occurred(NOW_MS - 60_000));
    let expected = AccountEntry {
        disclosure_id: disclosure(1).to_string(),
        disclosed_at: Some(timestamp(NOW_MS - 60_000)),
        unit_id: unit(1).to_string(),
        mask: vec![lets_through(person(1), DataCategory::Whereabouts, &[])],
        outside_system: true,
        ..AccountEntry::default()
    };
    assert!(expected.mask[0].level() == MaskLevel::Whole);
    assert_eq!(account_of(&story, 1, 1), [expected]);
    assert_eq!(account_of(&story, 1, 2), []);
    // Somebody of whom only this is known has an account too.
    assert_eq!(account_of(&story, 1, 7).len(), 1);
}

#[test]
fn an_account_goes_from_the_oldest_release_to_the_newest_page_by_page() {
    let mut story = Story::of_one_case();
    for number in 1..=5 {
        story.decides(1, permit(number, 1, &[person(1)]));
    }
    // Released in another order than decided.
    for number in [2, 1, 5, 3] {
        story.releases(1, release(number, number, &[person(1)]));
    }
    story.happens(1, Payload::DisclosedOutsideSystem(said_outside(6, 1, &[person(1)])));
    let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = account::account(&story.history.view(), case(1), person(1), after, 2).unwrap().unwrap();
        seen.extend(page.entries.into_iter().map(|entry| entry.disclosure_id));
        after = page.next;
        pages += 1;
        if after.is_none() {
            break;
        }
        if pages == 1 {
            story.releases(1, release(4, 4, &[person(1)]));
        }
    }
    assert_eq!(seen, [2, 1, 5, 3, 6, 4].map(|number| disclosure(number).to_string()));
    assert_eq!(pages, 3);
}

#[test]
fn what_may_not_be_told_is_listed_and_leaves_no_trace_in_any_account() {
    let mut told = Story::of_one_case();
    let mut untold = Story::of_one_case();
    for story in [&mut told, &mut untold] {
        story.decides(1, permit(1, 1, &[person(1)]));
        story.releases(1, release(1, 1, &[person(1)]));
    }
    let mut tipped_off = permit(2, 1, &[person(1), person(2)]);
    tipped_off = bound_to(bound_to(tipped_off, ObligationKind::InformPerson), ObligationKind::NoTipOff);
    let position = untold.decides(1, tipped_off);
    untold.releases(1, release(2, 2, &[person(1), person(2)]));
    untold.happens(1, delivery(2));
    let page = |story: &Story, size| account::account(&story.history.view(), case(1), person(1), None, size).unwrap();
    for size in [1, 2, 50] {
        assert_eq!(page(&told, size), page(&untold, size));
    }
    assert_eq!(account_of(&untold, 1, 2), []);
    assert!(positions(&untold, &by(&[Criterion::Subject(person(1))])).contains(&position));
    assert_eq!(history::get(&untold.history.view(), disclosure(2).0, None).unwrap().unwrap().steps.len(), 2);
}

#[test]
fn a_case_or_person_that_is_not_known_has_no_account() {
    let mut story = Story::of_one_case();
    story.open_case(2, &[person(3)]);
    let of =
        |in_case, number| account::account(&story.history.view(), case(in_case), person(number), None, 50).unwrap();
    assert_eq!(of(1, 1).map(|page| page.entries), Some(vec![]));
    for (in_case, number) in [(1, 3), (2, 1), (3, 1)] {
        assert_eq!(of(in_case, number), None, "{in_case} {number}");
    }
}

#[test]
fn a_row_that_is_missing_is_an_error_and_no_shorter_answer() {
    let mut story = Story::of_one_case();
    story.decides(1, refusal(1, 1, &[person(1)]));
    assert_eq!(super::disclosure_row(&story.history.view(), 1), Err(Error::Row));
}

/// What a random log holds: case, unit, person and whether it was permitted.
type Drawn = (u16, u16, u16, bool);

fn tell(drawn: &[Drawn]) -> (Story, BTreeMap<u64, Drawn>) {
    let mut story = Story::begin();
    story.open_case(1, &[person(1), person(2), person(3)]);
    story.open_case(2, &[person(1), person(2), person(3)]);
    let mut listed = BTreeMap::new();
    for (number, drawn) in (1..).zip(drawn) {
        let (in_case, to_unit, about, permitted) = *drawn;
        let decided = if permitted { permit } else { refusal }(number, to_unit, &[person(about)]);
        story.passes(i64::from(number % 3));
        listed.insert(story.decides(in_case, decided), *drawn);
    }
    (story, listed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against the plain way: going through everything.
    #[test]
    fn a_filter_finds_exactly_what_fits(
        drawn in prop::collection::vec((1_u16..=2, 1_u16..=4, 1_u16..=3, any::<bool>()), 0..40),
        asked in (prop::option::of(1_u16..=2), prop::option::of(1_u16..=4), prop::option::of(1_u16..=3), prop::option::of(any::<bool>())),
        size in 1_usize..8,
    ) {
        let (story, listed) = tell(&drawn);
        let (in_case, to_unit, about, permitted) = asked;
        let criteria = [
            in_case.map(|number| Criterion::Case(case(number))),
            to_unit.map(|number| Criterion::Unit(unit(number))),
            about.map(|number| Criterion::Subject(person(number))),
            permitted.map(|permitted| Criterion::Outcome(if permitted { Outcome::Permit } else { Outcome::Deny })),
        ];
        let criteria: Vec<_> = criteria.into_iter().flatten().collect();
        let found: Vec<u64> = all(&story, &by(&criteria), size).iter().map(|disclosure| disclosure.position).collect();
        let fits = |drawn: &Drawn| {
            in_case.is_none_or(|asked| asked == drawn.0)
                && to_unit.is_none_or(|asked| asked == drawn.1)
                && about.is_none_or(|asked| asked == drawn.2)
                && permitted.is_none_or(|asked| asked == drawn.3)
        };
        let expected: Vec<u64> = listed.iter().rev().filter(|(_, drawn)| fits(drawn)).map(|(at, _)| *at).collect();
        prop_assert_eq!(found, expected);
    }
}
