//! The words of a document: fixed ones (`labels/document.*.json`), and labels of the report with the spaces that print wants.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::labels::{Language, NoLabel};
use crate::report::Report;

const NO_BREAK: char = '\u{a0}';
/// Before `;`, `!` and `?` in French.
const NARROW_NO_BREAK: char = '\u{202f}';

/// The words in one language.
#[derive(Clone, Copy)]
pub(super) struct Words {
    language: Language,
}

impl Words {
    /// In the language of a report.
    pub(super) fn of(report: &Report) -> Result<Self, NoLabel> {
        let language = Language::from_tag(&report.language);
        language
            .map(|language| Self { language })
            .ok_or_else(|| NoLabel { key: format!("language.{}", report.language) })
    }

    pub(super) const fn language(self) -> Language {
        self.language
    }

    /// A fixed text of documents.
    pub(super) fn fixed(self, key: &str) -> Result<String, NoLabel> {
        let text = table(self.language).get(key);
        text.map(|text| self.label(text)).ok_or_else(|| NoLabel { key: format!("document.{key}") })
    }

    /// A word that scripts use too.
    pub(super) fn word(self, word: &str) -> Result<String, NoLabel> {
        self.language.label(&format!("word.{word}")).map(|text| self.label(text))
    }

    /// A text of ours, with the spaces at which no line may break. What people told is never changed.
    pub(super) fn label(self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut signs = text.chars().peekable();
        let mut before = None;
        while let Some(sign) = signs.next() {
            let next = signs.peek().copied();
            result.push(if sign == ' ' { self.space(before, next) } else { sign });
            before = Some(sign);
        }
        result
    }

    /// Several, on one line.
    pub(super) fn semicolons(self, parts: &[String]) -> String {
        match self.language {
            Language::English => parts.join("; "),
            Language::French => parts.join(&format!("{NARROW_NO_BREAK}; ")),
        }
    }

    /// Guide du rédacteur, Translation Bureau of Canada, 6.12: spaces around punctuation; a number stays with its unit.
    fn space(self, before: Option<char>, next: Option<char>) -> char {
        match (before, next) {
            (_, Some(';' | '!' | '?')) if self.language == Language::French => NARROW_NO_BREAK,
            (_, Some(':' | '»')) | (Some('«'), _) if self.language == Language::French => NO_BREAK,
            (Some(number), Some(unit)) if number.is_ascii_digit() && unit.is_alphabetic() => NO_BREAK,
            _ => ' ',
        }
    }
}

/// A table that does not parse is empty: then every text is missing and nothing is written. A test parses it.
fn table(language: Language) -> &'static BTreeMap<String, String> {
    static ENGLISH: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    static FRENCH: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    let (cell, json) = match language {
        Language::English => (&ENGLISH, include_str!("../../labels/document.en.json")),
        Language::French => (&FRENCH, include_str!("../../labels/document.fr.json")),
    };
    // Owned: some texts hold a line break, which cannot be borrowed as it stands in the file.
    cell.get_or_init(|| serde_json::from_str(json).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Form;

    #[test]
    fn both_languages_have_the_same_texts_and_each_form_says_what_it_asks() {
        let english: Vec<_> = table(Language::English).keys().collect();
        let french: Vec<_> = table(Language::French).keys().collect();
        assert!(english.len() > 40);
        assert_eq!(english, french);
        for language in Language::ALL {
            for text in table(language).values() {
                assert!(!text.trim().is_empty());
                let text = text.to_lowercase();
                let qualified = text.contains("potential victim") || text.contains("victime potentielle");
                assert!(!text.contains("victim") || qualified, "{text}");
                assert!(!text.contains("caller") && !text.contains("appelant"), "{text}");
            }
            for form in Form::ALL {
                for step in ["1", "2", "3"] {
                    Words { language }.fixed(&format!("ask.{}.{step}", form.id())).unwrap();
                }
            }
        }
    }

    #[test]
    fn spaces_that_must_not_break_do_not_and_others_stay() {
        let (english, french) = (Words { language: Language::English }, Words { language: Language::French });
        assert_eq!(french.label("« Non » : oui ; 21 h !"), "«\u{a0}Non\u{a0}»\u{a0}: oui\u{202f}; 21\u{a0}h\u{202f}!");
        assert_eq!(english.label("under 18 years : no"), "under 18\u{a0}years : no");
    }
}
