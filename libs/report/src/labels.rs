//! The words of the report, as data: `labels/en.json` and `labels/fr.json`, key by key the same.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The version of the labels, recorded in every report; it changes with any change of what could be written before. A label for what
/// never left before changes no report.
pub const LABELS_VERSION: &str = "1";

/// A language a report can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    English,
    /// French.
    French,
}

/// There is no label for a key: a field or value of the contract was added without one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no label for `{key}`: add it to `libs/report/labels` in both languages")]
pub struct NoLabel {
    /// The key.
    pub key: String,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// The language a recipient reads: French where the directory says so, otherwise English.
    #[must_use]
    pub const fn of(language: Option<egide_domain::vocabulary::Language>) -> Self {
        match language {
            Some(egide_domain::vocabulary::Language::French) => Self::French,
            Some(egide_domain::vocabulary::Language::English | egide_domain::vocabulary::Language::Other) | None => {
                Self::English
            }
        }
    }

    /// Its tag: `en` or `fr`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// The language of a tag.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The label of a key.
    ///
    /// # Errors
    /// [`NoLabel`]; then nothing is written, since a rule left out could be the one that protects somebody.
    pub fn label(self, key: &str) -> Result<&'static str, NoLabel> {
        self.table().get(key).copied().ok_or_else(|| NoLabel { key: key.to_owned() })
    }

    /// Every key, sorted.
    pub fn keys(self) -> impl Iterator<Item = &'static str> {
        self.table().keys().copied()
    }

    /// A table that does not parse is empty: then every label is missing and nothing is written. A test parses it.
    fn table(self) -> &'static BTreeMap<&'static str, &'static str> {
        static ENGLISH: OnceLock<BTreeMap<&'static str, &'static str>> = OnceLock::new();
        static FRENCH: OnceLock<BTreeMap<&'static str, &'static str>> = OnceLock::new();
        let (cell, json) = match self {
            Self::English => (&ENGLISH, include_str!("../labels/en.json")),
            Self::French => (&FRENCH, include_str!("../labels/fr.json")),
        };
        cell.get_or_init(|| serde_json::from_str(json).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_keys_and_no_empty_label() {
        let english: Vec<_> = Language::English.keys().collect();
        let french: Vec<_> = Language::French.keys().collect();
        assert!(english.len() > 200);
        assert_eq!(english, french);
        for language in Language::ALL {
            for key in language.keys() {
                assert!(!language.label(key).unwrap().trim().is_empty(), "{key}");
            }
        }
    }

    #[test]
    fn a_missing_label_is_an_error() {
        assert!(Language::English.label("field.nothing").is_err());
    }

    #[test]
    fn nobody_is_called_a_victim_without_saying_potential() {
        for language in Language::ALL {
            for key in language.keys() {
                let label = language.label(key).unwrap().to_lowercase();
                let qualified = label.contains("potential victim") || label.contains("victime potentielle");
                assert!(!label.contains("victim") || qualified, "{key}");
            }
        }
    }
}
