//! Everything a person reads, in English and French: `texts/*.en.json` and `texts/*.fr.json`, one key a line, the same keys
//! in both.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::listed::Listed;

/// The language in which we speak to the person at the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// English.
    #[default]
    English,
    /// French.
    French,
}

type Texts = BTreeMap<String, String>;

/// What one file holds, in both languages.
struct Source {
    name: &'static str,
    english: &'static str,
    french: &'static str,
}

macro_rules! source {
    ($name:literal) => {
        Source {
            name: $name,
            english: include_str!(concat!("../texts/", $name, ".en.json")),
            french: include_str!(concat!("../texts/", $name, ".fr.json")),
        }
    };
}

const SOURCES: [Source; 5] =
    [source!("fields"), source!("help"), source!("messages"), source!("reasons"), source!("words")];

fn read(source: &Source, lang: Lang) -> Result<Texts, String> {
    let text = match lang {
        Lang::English => source.english,
        Lang::French => source.french,
    };
    serde_json::from_str(text).map_err(|error| format!("texts/{}.{}.json: {error}", source.name, lang.code()))
}

fn texts(lang: Lang) -> &'static Texts {
    static ENGLISH: OnceLock<Texts> = OnceLock::new();
    static FRENCH: OnceLock<Texts> = OnceLock::new();
    let cell = match lang {
        Lang::English => &ENGLISH,
        Lang::French => &FRENCH,
    };
    // A file that does not parse leaves its keys standing for themselves; a test parses all of them.
    cell.get_or_init(|| SOURCES.iter().filter_map(|source| read(source, lang).ok()).flatten().collect())
}

impl Lang {
    /// Both languages.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// Two letters, as in `--lang`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// The language of a code or of a locale such as `fr_CA.UTF-8`; `None` when it is neither English nor French.
    #[must_use]
    pub fn from_locale(locale: &str) -> Option<Self> {
        let language = locale.split(['_', '-', '.', '@']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|lang| language.eq_ignore_ascii_case(lang.code()))
    }

    /// The language of the terminal: the first of `LC_ALL`, `LC_MESSAGES`, `LANG` that is set decides; English unless it
    /// says French.
    #[must_use]
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty())
            .and_then(|locale| Self::from_locale(&locale))
            .unwrap_or_default()
    }

    /// The text of a key, if there is one.
    #[must_use]
    pub fn find(self, key: &str) -> Option<&'static str> {
        texts(self).get(key).map(String::as_str)
    }

    /// The text of a key; the key itself where there is none, which a test rules out for every key in the code.
    #[must_use]
    pub fn text(self, key: &str) -> &str {
        self.find(key).unwrap_or(key)
    }

    /// The text of a key with its `{name}` places filled.
    #[must_use]
    pub fn fill(self, key: &str, values: &[(&str, &dyn std::fmt::Display)]) -> String {
        let mut rest = self.text(key);
        let mut filled = String::with_capacity(rest.len());
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                rest = after;
                break;
            };
            if let Some((_, value)) = values.iter().find(|(candidate, _)| *candidate == name) {
                filled.push_str(&value.to_string());
            }
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }

    /// What people call a value of the contract's lists.
    #[must_use]
    pub fn word<E: Listed>(self, value: E) -> &'static str {
        self.find(value.full_name()).unwrap_or_else(|| value.full_name())
    }

    /// The same from the number that stands in a message; a number this version does not know is called unknown.
    #[must_use]
    pub fn word_of<E: Listed>(self, number: i32) -> &'static str {
        E::from_number(number).map_or_else(|| self.text("word.unknown"), |value| self.word(value))
    }

    /// Words in a row, or a dash for none.
    #[must_use]
    pub fn row(self, words: impl IntoIterator<Item = &'static str>) -> String {
        let joined = words.into_iter().collect::<Vec<_>>().join(", ");
        if joined.is_empty() { "–".to_owned() } else { joined }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn both_languages_have_the_same_keys_and_no_empty_text() {
        for source in &SOURCES {
            let english = read(source, Lang::English).unwrap();
            let french = read(source, Lang::French).unwrap();
            let keys = |texts: &Texts| texts.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(keys(&english), keys(&french), "texts/{}", source.name);
            for (key, text) in english.iter().chain(&french) {
                assert!(!text.trim().is_empty(), "`{key}` is empty");
            }
        }
    }

    #[test]
    fn french_is_punctuated_as_in_canada() {
        // No space before `;`, `!` and `?` at the end of a word, and one that does not break before `:` and within « ».
        let wrong = [
            " ;",
            " !",
            " ?",
            "\u{202f};",
            "\u{202f}!",
            "\u{202f}?",
            "\u{a0};",
            "\u{a0}!",
            "\u{a0}?",
            " :",
            "« ",
            " »",
        ];
        for source in &SOURCES {
            for (key, text) in read(source, Lang::French).unwrap() {
                // A mark that is spoken of stands by itself.
                let text = text.replace("; ! marque", "");
                assert!(!wrong.iter().any(|wrong| text.contains(wrong)), "`{key}`: {text}");
            }
        }
    }

    #[test]
    fn no_key_stands_in_two_files_or_twice_in_one() {
        for lang in Lang::ALL {
            let mut seen = BTreeSet::new();
            for source in &SOURCES {
                let text = if lang == Lang::English { source.english } else { source.french };
                for line in text.lines().filter_map(|line| line.trim().strip_prefix('"')) {
                    let key = line.split('"').next().unwrap();
                    assert!(seen.insert(key.to_owned()), "`{key}` stands twice");
                }
            }
        }
    }

    #[test]
    fn both_languages_fill_the_same_places() {
        let places = |text: &str| {
            text.split('{')
                .skip(1)
                .filter_map(|rest| rest.split('}').next())
                .map(str::to_owned)
                .collect::<BTreeSet<_>>()
        };
        for (key, english) in texts(Lang::English) {
            assert_eq!(places(english), places(Lang::French.text(key)), "`{key}`");
        }
    }

    #[test]
    fn every_key_in_the_code_has_a_text() {
        let mut keys = BTreeSet::new();
        collect_keys(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut keys);
        assert!(keys.len() > 50, "only {} keys were found in the code", keys.len());
        for key in keys {
            assert!(Lang::English.find(&key).is_some(), "`{key}` has no text");
        }
    }

    #[test]
    fn every_message_is_said_somewhere() {
        let mut keys = BTreeSet::new();
        collect_keys(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut keys);
        let messages = SOURCES.iter().find(|source| source.name == "messages").unwrap();
        for key in read(messages, Lang::English).unwrap().into_keys() {
            // What to do next stands beside what happened.
            let said = key.replacen("next.", "fail.", 1);
            assert!(keys.contains(&said), "`{key}` is said nowhere");
        }
    }

    fn collect_keys(directory: &std::path::Path, keys: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect_keys(&path, keys);
                continue;
            }
            let code = std::fs::read_to_string(&path).unwrap();
            for quoted in code.split('"').skip(1).step_by(2) {
                let family = quoted.split('.').next().unwrap_or_default();
                let is_key = ["say", "head", "fail", "next", "usage", "word", "finding", "receipt"].contains(&family)
                    && quoted.len() > family.len() + 1
                    && quoted.chars().all(|letter| letter.is_ascii_lowercase() || "._".contains(letter));
                if is_key {
                    keys.insert(quoted.to_owned());
                }
            }
        }
    }

    #[test]
    fn the_locale_decides_and_the_first_variable_set_wins() {
        let environment = |pairs: &'static [(&'static str, &'static str)]| {
            Lang::from_environment(|name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(environment(&[]), Lang::English);
        assert_eq!(environment(&[("LANG", "fr_CA.UTF-8")]), Lang::French);
        assert_eq!(environment(&[("LC_ALL", "C"), ("LANG", "fr_CA.UTF-8")]), Lang::English);
        assert_eq!(environment(&[("LC_ALL", ""), ("LC_MESSAGES", "fr"), ("LANG", "en_CA")]), Lang::French);
    }

    #[test]
    fn places_are_filled() {
        assert_eq!(Lang::English.fill("no such {place} key", &[("place", &7)]), "no such 7 key");
    }
}
