//! De-identification is measured on notes written for it: what tells who somebody is has to go, what tells what happened has
//! to stay. The notes know what is what ([`gold`]); [`score`] counts; here stand the thresholds. Nothing is printed but
//! figures and the notes' ids.
//!
//! Two thirds of the notes may be looked at while recognisers are written (`dev-*.jsonl`). The others (`held-out-*.jsonl`)
//! have other names and other turns of phrase and are there to be measured on, not to be read.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and shows its figures"
)]

mod changed;
mod coverage;
mod gold;
mod score;
mod whole;

use gold::{Half, notes};
use score::{Score, Tally};

/// The share of the text that should stay which may be removed.
const MOST_REMOVED: f64 = 0.12;

/// The least share that has to be found, by tag.
fn least(tag: &str) -> f64 {
    match tag {
        "person:typo" => 0.95,
        "person:nickname" => 0.80,
        "plate" | "licence" | "birth_date" => 0.95,
        "age" | "room" => 0.90,
        "name" => 0.97,
        // Mostly lower-case and upper-case notes hide where a name begins.
        "name:allcaps" => 0.90,
        "name:lower" => 0.80,
        "sin:valid" | "sin:invalid" | "card:valid" | "card:invalid" | "iban:valid" | "iban:invalid"
        | "health:valid" | "health:invalid" => 1.0,
        tag if tag.starts_with("person:") => 1.0,
        _ => 0.98,
    }
}

fn measure(half: Half) {
    let notes = notes(half);
    let score = Score::of(&notes);
    println!("{}", score.table(half.name(), least));
    assert!(score.refused.is_empty(), "refused: {:?}", score.refused);
    let short: Vec<String> = (score.found.iter())
        .filter(|(tag, tally)| tally.share() < least(tag))
        .map(|(tag, tally)| format!("{tag}: {:.1} % of {}, {:?}", tally.share() * 100.0, tally.all, tally.missed))
        .collect();
    assert!(short.is_empty(), "{}: too few found:\n{}", half.name(), short.join("\n"));
    assert_eq!(score.kept.missed, Vec::<&str>::new(), "names that a mask lets through went");
    assert!(score.removed() <= MOST_REMOVED, "{}: {:.1} % removed", half.name(), score.removed() * 100.0);
}

#[test]
fn what_tells_who_somebody_is_goes_from_the_notes_to_develop_on() {
    measure(Half::Dev);
}

#[test]
fn what_tells_who_somebody_is_goes_from_the_notes_held_out() {
    measure(Half::HeldOut);
}

#[test]
fn a_tally_counts_what_is_covered_whole_and_what_in_part() {
    let mut tally = Tally::default();
    tally.count("a", &[true, true, true]);
    tally.count("b", &[true, false]);
    assert_eq!((tally.all, tally.found, tally.missed.as_slice()), (2, 1, ["b"].as_slice()));
    assert!((tally.share() - 0.5).abs() < 1e-9 && (tally.share_of_characters() - 0.8).abs() < 1e-9);
}
