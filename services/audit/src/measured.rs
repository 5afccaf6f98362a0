//! What the history costs to build and to ask, in this build: for whoever changes rows to compare before and after.
//! `cargo test -p egide-audit --lib measured -- --ignored --nocapture`

use std::time::Instant;

use egide_wire::proto::egide::case::v1::ObligationKind;
use egide_wire::proto::egide::case::v1::case_event::Payload;

use crate::query::filter::{Criterion, Filter};
use crate::query::history;
use crate::story::{Story, Told, bound_to, case, delivery, permit, person, refusal, release, unit};

/// How many disclosures; five of each case.
const DISCLOSURES: u16 = 10_000;
/// Events in one block.
const EVENTS: usize = 60;

fn told(number: u16) -> Vec<Told> {
    let (in_case, about) = (number / 5, person(number / 5));
    let mut told = Vec::new();
    if number.is_multiple_of(4) {
        told.push(Told::in_case(in_case, Payload::DisclosureDecided(refusal(number, 2, &[about]))));
    } else {
        let decided = bound_to(permit(number, 1, &[about]), ObligationKind::InformPerson);
        told.push(Told::in_case(in_case, Payload::DisclosureDecided(decided)));
        told.push(Told::in_case(in_case, Payload::ReferralReleased(release(number, number, &[about]))));
        told.push(Told::in_case(in_case, delivery(number)));
    }
    let by = ["amelie.roy", "noor.haddad", "sam.lavoie"][usize::from(number % 3)];
    told.into_iter().map(|told| told.by(by)).collect()
}

#[test]
#[ignore = "measures; nothing is asserted"]
fn building_and_asking() {
    let mut story = Story::begin();
    let mut blocks: Vec<Vec<Told>> = vec![Vec::new()];
    for told in (0..DISCLOSURES).flat_map(told) {
        if blocks.last().unwrap().len() == EVENTS {
            blocks.push(Vec::new());
        }
        blocks.last_mut().unwrap().push(told);
    }
    let events: usize = blocks.iter().map(Vec::len).sum();
    let mut applying = std::time::Duration::ZERO;
    for block in blocks {
        applying += story.timed(block);
    }
    let rows = story.rows();
    let bytes: usize = rows.iter().map(|(key, value)| key.len() + value.len()).sum();
    println!("{events} events: {:.2} s, {} rows, {bytes} bytes", applying.as_secs_f64(), rows.len());
    for (name, criteria) in [
        ("everything", vec![]),
        ("case", vec![Criterion::Case(case(1000))]),
        ("unit and actor", vec![Criterion::Unit(unit(1)), Criterion::Actor("sam.lavoie".to_owned())]),
        (
            "never together",
            vec![Criterion::Unit(unit(2)), Criterion::Outcome(egide_domain::vocabulary::Outcome::Permit)],
        ),
    ] {
        let filter = Filter { criteria, ..Filter::default() };
        let began = Instant::now();
        let page = history::list(&story.history.view(), &filter, None, 50).unwrap();
        println!("{name}: {} in {:?}", page.disclosures.len(), began.elapsed());
    }
}
