//! What holds for every note whatever is found in it: places lead back, what was not replaced stands as it stood, one person
//! has one replacement, and the same note gives the same result.

use std::collections::BTreeMap;

use egide_redaction::narrative::{Deidentified, Language};

use super::gold::{Half, notes};

fn all() -> Vec<super::gold::Note> {
    [Half::Dev, Half::HeldOut].into_iter().flat_map(notes).collect()
}

/// Spans are in order and apart, in the text and in the result, and between them both are the same.
pub(crate) fn assert_leads_back(id: &str, text: &[char], result: &Deidentified) {
    let after: Vec<char> = result.text.chars().collect();
    let (mut here, mut there) = (0, 0);
    for span in &result.spans {
        assert!(span.range.start >= here && span.replaced.start >= there, "`{id}`: spans overlap");
        assert!(!span.range.is_empty() && span.range.end <= text.len(), "`{id}`: a span outside the text");
        assert!(!span.replaced.is_empty() && span.replaced.end <= after.len(), "`{id}`: a span outside the result");
        assert!(text[here..span.range.start] == after[there..span.replaced.start], "`{id}`: more changed than spans");
        (here, there) = (span.range.end, span.replaced.end);
    }
    assert!(text[here..] == after[there..], "`{id}`: more changed than spans say");
}

#[test]
fn places_lead_back_and_nothing_else_changes() {
    for note in all() {
        assert_leads_back(&note.id, &note.characters, &note.deidentify().unwrap());
    }
}

#[test]
fn a_person_has_one_replacement_and_nobody_else_has_it() {
    for note in all() {
        let result = note.deidentify().unwrap();
        let after: Vec<char> = result.text.chars().collect();
        let mut replacements = BTreeMap::new();
        for span in &result.spans {
            if let Some(person) = span.person {
                assert!(person < note.people.len(), "`{}`: nobody stands there in the list", note.id);
                // What stands between the brackets; behind them an `'s` may stand.
                let replacement: String = after[span.replaced.clone()].iter().collect();
                let replacement = replacement.split(']').next().unwrap_or_default().to_owned();
                let word = if note.language == Language::French { "Personne " } else { "Person " };
                assert!(replacement.contains(word), "`{}`: a person is not said to be one", note.id);
                let first = replacements.entry(person).or_insert_with(|| replacement.clone());
                assert_eq!(*first, replacement, "`{}`: one person, two replacements", note.id);
            }
        }
        let mut said: Vec<&String> = replacements.values().collect();
        said.sort();
        said.dedup();
        assert_eq!(said.len(), replacements.len(), "`{}`: two people, one replacement", note.id);
    }
}

#[test]
fn the_same_note_gives_the_same_result() {
    for note in all() {
        let (first, second) = (note.deidentify().unwrap(), note.deidentify().unwrap());
        assert!(first.text == second.text && first.spans == second.spans, "`{}`", note.id);
    }
}

#[test]
fn a_result_gives_itself_back_or_less() {
    // What stands in place of what went is not taken for somebody: the replacements stay as they are.
    for note in all() {
        let first = note.deidentify().unwrap();
        let again = egide_redaction::narrative::deidentify(&first.text, note.language, &note.people).unwrap();
        assert!(again.spans.iter().all(|span| span.person.is_none()), "`{}`: a known person was left", note.id);
    }
}
