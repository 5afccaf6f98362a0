//! The notes have enough of everything, in both languages and both halves: a class of which there are two examples measures
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use egide_redaction::narrative::Language;

use super::changed::folded;
use super::gold::{CLASSES, Half, Mark, Note, TAGS, notes};

/// The fewest examples of a class, in all notes and in those of one language.
const FEWEST: usize = 5;
const FEWEST_OF_A_LANGUAGE: usize = 2;

fn all() -> Vec<Note> {
    [Half::Dev, Half::HeldOut].into_iter().flat_map(notes).collect()
}

fn counted<'a>(notes: impl Iterator<Item = &'a Note>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for tag in notes.flat_map(Note::tags) {
        *counts.entry(tag).or_default() += 1;
    }
    counts
}

#[test]
fn there_are_three_hundred_notes_half_of_them_french_and_a_third_held_out() {
    let (dev, held_out) = (notes(Half::Dev), notes(Half::HeldOut));
    let all = dev.len() + held_out.len();
    assert!(all >= 300);
    assert!((all * 3 / 10..all * 4 / 10).contains(&held_out.len()));
    for half in [&dev, &held_out] {
        let french = half.iter().filter(|note| note.language == Language::French).count();
        assert!((half.len() * 4 / 10..half.len() * 6 / 10).contains(&french));
        assert!(half.iter().filter(|note| note.mixed).count() >= 2);
    }
}

#[test]
fn every_feature_has_examples_in_both_languages_and_both_halves() {
    let all_notes = all();
    let in_all = counted(all_notes.iter());
    let of = |language| counted(all_notes.iter().filter(move |note| note.language == language));
    let (english, french) = (of(Language::English), of(Language::French));
    let (dev, held_out) = (counted(notes(Half::Dev).iter()), counted(notes(Half::HeldOut).iter()));
    let classes = CLASSES.iter().map(|class| format!("person:{class}"));
    let traps = ["price", "time", "date", "count", "route", "word"].map(|trap| format!("keep:{trap}"));
    let tags = TAGS.iter().map(|tag| (*tag).to_owned());
    for tag in classes.chain(tags).chain(traps).chain(["kept".to_owned(), "either".to_owned()]) {
        let count = |counts: &BTreeMap<String, usize>| counts.get(&tag).copied().unwrap_or(0);
        assert!(count(&in_all) >= FEWEST, "`{tag}`: {}", count(&in_all));
        for counts in [&english, &french] {
            assert!(count(counts) >= FEWEST_OF_A_LANGUAGE, "`{tag}`: {} in one language", count(counts));
        }
        for counts in [&dev, &held_out] {
            assert!(count(counts) >= 1, "`{tag}`: none in one half");
        }
    }
}

#[test]
fn notes_are_written_in_every_way_workers_write() {
    for language in [Language::English, Language::French] {
        let all = all();
        let of = |is: fn(&Note) -> bool| all.iter().filter(|note| note.language == language && is(note)).count();
        assert!(of(|note| share_of_capitals(note) < 0.01) >= 8, "all lower-case");
        assert!(of(|note| share_of_capitals(note) > 0.8) >= 3, "all capitals");
        assert!(of(|note| note.text.lines().count() >= 4) >= 3, "lists and chats");
        assert!(of(|note| note.text.contains(['"', '«', '“'])) >= 15, "quoted speech");
        assert!(of(|note| note.characters.len() > 700) >= 1, "long");
        assert!(of(|note| note.people.is_empty()) >= 1, "nobody known");
        assert!(of(|note| note.people.len() > 1) >= 1, "several known");
    }
}

#[test]
fn no_note_stands_twice_and_nobody_known_is_in_both_halves() {
    let (dev, held_out) = (notes(Half::Dev), notes(Half::HeldOut));
    let names = |notes: &[Note]| -> BTreeSet<String> {
        notes.iter().flat_map(|note| note.people.iter().map(|person| person.name.clone())).collect()
    };
    assert_eq!(names(&dev).intersection(&names(&held_out)).next(), None);
    let mut ids = BTreeSet::new();
    let mut texts = BTreeSet::new();
    for note in dev.iter().chain(&held_out) {
        assert!(ids.insert(&note.id), "`{}` twice", note.id);
        assert!(texts.insert(&note.text), "`{}` says what another said", note.id);
    }
}

/// One error from five letters, two from eight: more is another name.
#[test]
fn what_is_called_mistyped_is_that_and_no_more() {
    for note in all() {
        for piece in &note.pieces {
            let Mark::Goes { tag, person: Some(person) } = &piece.mark else { continue };
            if tag != "person:typo" {
                continue;
            }
            let words = |name: &str| -> Vec<String> { name.split([' ', '-']).map(folded).collect() };
            let names = words(&note.people[*person].name);
            for word in words(&note.written(&piece.range)) {
                let near = names.iter().any(|name| {
                    let errors = strsim::osa_distance(name, &word);
                    errors <= name.chars().count().checked_sub(5).map_or(0, |more| if more < 3 { 1 } else { 2 })
                });
                assert!(near, "`{}`: not mistyped, another name", note.id);
            }
        }
    }
}

#[test]
fn numbers_are_nobodys() {
    // Phones of fiction only: an exchange of 555 and a line of 0100 to 0199, in the last seven digits before an extension.
    for note in all() {
        for piece in &note.pieces {
            let is = |wanted: &str| matches!(&piece.mark, Mark::Goes { tag, .. } if tag == wanted);
            let written = note.written(&piece.range);
            let digits: String = written.chars().filter(char::is_ascii_digit).collect();
            if is("phone") {
                assert!(digits.contains("55501"), "`{}`: a phone somebody may have", note.id);
            }
            if is("email") {
                assert!(written.to_lowercase().contains("example."), "`{}`: mail somebody may have", note.id);
            }
        }
    }
}

fn share_of_capitals(note: &Note) -> f64 {
    let letters = note.characters.iter().filter(|character| character.is_alphabetic());
    let (mut all, mut capitals) = (0_u32, 0_u32);
    for letter in letters {
        all += 1;
        capitals += u32::from(letter.is_uppercase());
    }
    f64::from(capitals) / f64::from(all)
}
