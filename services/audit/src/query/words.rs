//! Full text over facts: what somebody writes is looked for among the labels of the contract's values, the names in the
//! directory, and the codes that stand in decisions (rules, rows of statutes, forms).
//!
//! Nothing sealed is ever searched, for none of it reaches this service. Labels are read when somebody asks, in both
//! languages, so that the index holds codes alone, stays small, and a better label needs no rebuild. A word fits where a word of
//! a label begins with it; every word asked for must fit something of the disclosure.

use std::sync::LazyLock;

use egide_domain::ids::{OrganizationId, UnitId};
use egide_projection::View;
use icu_normalizer::DecomposingNormalizerBorrowed;

use super::Error;
use super::filter::Criterion;
use crate::model::codes::{Code, List};
use crate::model::keys;

/// Longest text that is looked for, in bytes.
pub const TEXT_BYTES_MAX: usize = 200;
/// Most words of it.
pub const WORDS_MAX: usize = 8;
/// Longest word kept and compared, in bytes; longer ones are cut.
pub(crate) const WORD_BYTES_MAX: usize = 32;
/// From how many bytes on a word fits the beginning of another; a shorter one fits itself only.
const BEGINNING_BYTES_MIN: usize = 3;
/// Most units and organisations that one word stands for.
const NAMES_MAX: usize = 96;

/// What people are shown, and so what they search for: the command line's own words.
const LABELS: [&str; 4] = [
    include_str!("../../../egide/texts/words.en.json"),
    include_str!("../../../egide/texts/words.fr.json"),
    include_str!("../../../egide/texts/reasons.en.json"),
    include_str!("../../../egide/texts/reasons.fr.json"),
];

/// Words too frequent to say anything.
const EMPTY: [&str; 24] = [
    "the", "and", "for", "not", "nor", "was", "who", "its", "their", "this", "that", "with", "les", "des", "une",
    "est", "pas", "par", "sur", "dans", "qui", "que", "pour", "avec",
];

/// The words of a text: small letters without accents, everything else between them left out.
#[must_use]
pub fn fold(text: &str) -> Vec<String> {
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let mut words = vec![String::new()];
    for character in decomposed.chars().flat_map(char::to_lowercase) {
        let Some(word) = words.last_mut() else { continue };
        match character {
            '\u{300}'..='\u{36f}' => {}
            'œ' => word.push_str("oe"),
            'æ' => word.push_str("ae"),
            letter if letter.is_alphanumeric() => word.push(letter),
            _ if word.is_empty() => {}
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words.iter_mut().for_each(cut);
    words
}

fn cut(word: &mut String) {
    while word.len() > WORD_BYTES_MAX {
        word.pop();
    }
}

/// Every word of every label, with what it is a label of; sorted.
static LABEL_WORDS: LazyLock<Vec<(String, Code)>> = LazyLock::new(|| {
    let mut words = Vec::new();
    for labels in LABELS {
        let labels: std::collections::BTreeMap<String, String> = serde_json::from_str(labels).unwrap_or_default();
        for list in List::of_disclosures() {
            let Some(descriptor) = list.descriptor() else { continue };
            for value in descriptor.values().filter(|value| value.number() != 0) {
                let label = labels.get(value.name()).map(String::as_str).unwrap_or_default();
                let code = Code::new(list, value.number());
                words.extend(fold(label).into_iter().map(|word| (word, code)));
            }
        }
    }
    words.retain(|(word, _)| !EMPTY.contains(&word.as_str()));
    words.sort();
    words.dedup();
    words
});

/// Reads the labels now rather than at the first question.
pub fn prepare() {
    LazyLock::force(&LABEL_WORDS);
}

fn fits(word: &str, asked: &str) -> bool {
    if asked.len() < BEGINNING_BYTES_MIN { word == asked } else { word.starts_with(asked) }
}

/// What a word stands for: of these something must be true of a disclosure.
///
/// # Errors
/// See [`Error`].
pub(crate) fn criteria(view: &View<'_>, asked: &str) -> Result<Vec<Criterion>, Error> {
    let mut criteria = vec![Criterion::Word(asked.to_owned())];
    let from = LABEL_WORDS.partition_point(|(word, _)| word.as_str() < asked);
    let labels = LABEL_WORDS.get(from..).unwrap_or_default().iter();
    let mut codes: Vec<Code> = labels.take_while(|(word, _)| fits(word, asked)).map(|(_, code)| *code).collect();
    codes.sort();
    codes.dedup();
    criteria.extend(codes.into_iter().map(Criterion::Coded));
    for row in view.prefix(&keys::names(asked)).take(NAMES_MAX) {
        let (key, _) = row?;
        let (word, kind, id) = keys::name_of(&key).ok_or(Error::Row)?;
        if fits(&word, asked) {
            criteria.push(match kind {
                keys::NameOf::Unit => Criterion::Unit(UnitId(id)),
                keys::NameOf::Organization => Criterion::Organization(OrganizationId(id)),
            });
        }
    }
    Ok(criteria)
}

/// Words of a text that are worth looking for.
#[must_use]
pub fn asked(text: &str) -> Vec<String> {
    let mut words = fold(text);
    words.retain(|word| !EMPTY.contains(&word.as_str()));
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_matter() {
        assert_eq!(fold("Santé, ŒUVRE – l’Aînée"), ["sante", "oeuvre", "l", "ainee"]);
        assert_eq!(fold("investigating-agency/1"), ["investigating", "agency", "1"]);
        assert_eq!(fold(" – ,"), Vec::<String>::new());
        assert_eq!(fold(&"é".repeat(80))[0].len(), WORD_BYTES_MAX);
    }

    #[test]
    fn every_value_that_disclosures_are_found_by_has_words_in_both_languages() {
        for labels in [[LABELS[0], LABELS[2]], [LABELS[1], LABELS[3]]] {
            for list in List::of_disclosures() {
                for value in list.descriptor().unwrap().values().filter(|value| value.number() != 0) {
                    let named = labels.iter().any(|labels| labels.contains(&format!("\"{}\"", value.name())));
                    assert!(named, "`{}` has no label", value.name());
                }
            }
        }
    }

    #[test]
    fn labels_of_both_languages_lead_to_one_code() {
        let codes = |asked: &str| -> Vec<Code> {
            let found = LABEL_WORDS.iter().filter(|(word, _)| fits(word, asked)).map(|(_, code)| *code);
            found.collect()
        };
        let health = Code::new(List::Released, 5);
        assert!(codes("health").contains(&health));
        assert!(codes("sante").contains(&health));
        assert!(!codes("whereabouts").contains(&health));
    }

    #[test]
    fn what_is_asked_is_bounded_in_what_it_stands_for() {
        let most = LABEL_WORDS.iter().map(|(asked, _)| {
            let beginning: String = asked.chars().take(BEGINNING_BYTES_MIN).collect();
            LABEL_WORDS.iter().filter(|(word, _)| fits(word, &beginning)).count()
        });
        // Of eight words all sources together stay well below the rows that one page may look at.
        assert!(most.max().unwrap() + NAMES_MAX < 450);
    }
}
