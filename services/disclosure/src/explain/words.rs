//! The words of explanations, as data: `texts/explanation.en.json` and `texts/explanation.fr.json`, key by key the same.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::OnceLock;

use egide_domain::time::Timestamp;
use egide_wire::convert::{Listed, to_timestamp};

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    English,
    French,
}

type Table = BTreeMap<String, String>;

impl Words {
    /// Both, in the order of an answer.
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::French];

    pub(super) const fn source(self) -> &'static str {
        match self {
            Self::English => include_str!("../../texts/explanation.en.json"),
            Self::French => include_str!("../../texts/explanation.fr.json"),
        }
    }

    fn table(self) -> &'static Table {
        static ENGLISH: OnceLock<Table> = OnceLock::new();
        static FRENCH: OnceLock<Table> = OnceLock::new();
        let cell = match self {
            Self::English => &ENGLISH,
            Self::French => &FRENCH,
        };
        // A table that does not parse leaves its keys standing for themselves; a test parses both.
        cell.get_or_init(|| serde_json::from_str(self.source()).unwrap_or_default())
    }

    /// The text of a key; the key itself where there is none, which a test rules out.
    pub(crate) fn text(self, key: &str) -> String {
        self.table().get(key).cloned().unwrap_or_else(|| key.to_owned())
    }

    /// The text of a key with its `{name}` places filled.
    pub(crate) fn fill(self, key: &str, values: &[(&str, &str)]) -> String {
        let text = self.text(key);
        let mut rest = text.as_str();
        let mut filled = String::with_capacity(text.len());
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, behind)) = after.split_once('}') else { break };
            if let Some((_, value)) = values.iter().find(|(candidate, _)| *candidate == name) {
                filled.push_str(value);
            }
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }

    /// What a value of the contract's lists is called; a number this version does not know is called unknown.
    pub(crate) fn listed<L: Listed + Display>(self, family: &str, number: i32) -> String {
        match L::read(number) {
            Ok(Some(value)) => self.text(&format!("{family}.{value}")),
            Ok(None) | Err(_) => self.text("unknown"),
        }
    }
}

/// A time to the minute, UTC; a dash for none.
pub(crate) fn minute(time: Option<&prost_types::Timestamp>) -> String {
    let shown = time.map(ToString::to_string).unwrap_or_default();
    match (shown.get(..10), shown.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        (_, None) | (None, _) => "–".to_owned(),
    }
}

/// The same for a time of the facts.
pub(crate) fn minute_of(time: Timestamp) -> String {
    minute(Some(&to_timestamp(time)))
}
