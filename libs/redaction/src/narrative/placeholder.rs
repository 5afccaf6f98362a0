//! What stands in place of what was replaced: how it is written, and how it is known again.

use super::{Kind, Language, Part};
use core::ops::Range;
use std::sync::LazyLock;

/// The longest letters of a person that are known again: 26³ people are more than any case has.
const MOST_LETTERS: usize = 3;

/// The letters of the person at a place of the list: A, B, … Z, AA, AB.
pub(super) fn letters(place: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = place;
    loop {
        let digit = u8::try_from(rest % 26).unwrap_or_default();
        letters.push(char::from(b'A'.saturating_add(digit)));
        match (rest / 26).checked_sub(1) {
            Some(next) => rest = next,
            None => break,
        }
    }
    letters.iter().rev().collect()
}

/// What is said of somebody beside their letter. French says *personne* first, so the words agree with it, whoever it is.
const fn role(part: Part, language: Language) -> Option<&'static str> {
    Some(match (part, language) {
        (Part::PotentialVictim, Language::English) => "potential victim",
        (Part::PotentialVictim, Language::French) => "victime potentielle",
        (Part::Child, Language::English) => "child",
        (Part::Child, Language::French) => "enfant",
        (Part::Suspect, Language::English) => "suspect",
        (Part::Suspect, Language::French) => "suspecte",
        (Part::Unsaid, _) => return None,
    })
}

/// What stands in place of somebody who is known.
pub(super) fn person(place: usize, part: Part, language: Language) -> String {
    let word = Kind::Person.word(language);
    let letters = letters(place);
    match role(part, language) {
        Some(role) => format!("[{word} {letters}, {role}]"),
        None => format!("[{word} {letters}]"),
    }
}

/// What stands in place of anything else.
pub(super) fn other(kind: Kind, language: Language) -> String {
    format!("[{}]", kind.word(language))
}

const LANGUAGES: [Language; 2] = [Language::English, Language::French];

/// Where replacements stand in a folded text.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (open, _) in text.match_indices('[') {
        let Some(rest) = text.get(open.saturating_add(1)..) else { continue };
        if let Some(length) = length_of_one(rest) {
            found.push(open..open.saturating_add(length).saturating_add(2));
        }
    }
    found
}

/// How long the words of a replacement are with which `rest` begins, up to its closing bracket.
fn length_of_one(rest: &str) -> Option<usize> {
    // The longest replacement has fewer bytes than this, so a text of opening brackets costs no more than its length.
    const LONGEST: usize = 64;
    let close = rest.bytes().take(LONGEST).position(|byte| byte == b']')?;
    let inner = rest.get(..close)?;
    let plain = PLAIN.binary_search_by(|word| word.as_str().cmp(inner)).is_ok();
    (plain || is_person(inner)).then_some(close)
}

fn is_person(inner: &str) -> bool {
    let Some(rest) = inner.strip_prefix("person ").or_else(|| inner.strip_prefix("personne ")) else { return false };
    let (letters, role_said) = rest.split_once(", ").map_or((rest, None), |(letters, role)| (letters, Some(role)));
    let parts = [Part::PotentialVictim, Part::Child, Part::Suspect];
    let known = |said| parts.iter().any(|part| LANGUAGES.iter().any(|language| role(*part, *language) == Some(said)));
    (1..=MOST_LETTERS).contains(&letters.len())
        && letters.bytes().all(|letter| letter.is_ascii_lowercase())
        && role_said.is_none_or(known)
}

/// The words between brackets of every kind in both languages, folded, in order.
static PLAIN: LazyLock<Vec<String>> = LazyLock::new(|| {
    let every = |language: Language| Kind::ALL.iter().map(move |kind| folded(kind.word(language)));
    let mut words: Vec<String> = LANGUAGES.into_iter().flat_map(every).collect();
    words.sort_unstable();
    words
});

/// A word between brackets as folding makes it.
fn folded(word: &str) -> String {
    let plain = |letter: char| match letter {
        'é' | 'è' => 'e',
        'â' => 'a',
        '’' => '\'',
        other => other.to_ascii_lowercase(),
    };
    word.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Folded;
    use super::*;

    #[test]
    fn letters_go_on_after_z() {
        let said: Vec<_> = [0, 1, 25, 26, 27, 51, 52, 701, 702].into_iter().map(letters).collect();
        assert_eq!(said, ["A", "B", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"]);
    }

    #[test]
    fn every_replacement_is_known_again() {
        for language in LANGUAGES {
            let mut all: Vec<_> = Kind::ALL.iter().map(|kind| other(*kind, language)).collect();
            for part in [Part::PotentialVictim, Part::Child, Part::Suspect, Part::Unsaid] {
                all.push(person(27, part, language));
            }
            for one in all {
                let folded = Folded::new(&one);
                assert_eq!(find(folded.text()), vec![0..folded.text().len()], "{one}");
            }
        }
        assert!(find("[Marie] [person 1] [person a, boss] [").is_empty());
    }
}
