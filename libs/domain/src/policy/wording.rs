//! The words in which consent is asked for. A consent names the wording it was given under, by name and digest; a wording that was
//! ever used is never changed: another text is another number.

use super::error::PolicyError;
use super::files::{PolicyFile, PolicyFiles};
use crate::vocabulary::{ConsentMethod, vocabulary};
use std::sync::Arc;

/// Most bytes of a wording: what can be read to somebody within a few minutes.
pub(crate) const WORDING_BYTES_MAX: usize = 8 * 1024;

vocabulary! {
    /// The languages wordings are written in; others go through an interpreter.
    WordingLanguage {
        /// English.
        English = "en",
        /// French.
        French = "fr",
    }
}

/// One wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// Its name, as consents give it, for instance `spoken-en/3`.
    pub name: Arc<str>,
    /// How it is given.
    pub method: ConsentMethod,
    /// In which language.
    pub language: WordingLanguage,
    /// Which version of that.
    pub number: u16,
    /// The text, as it is read out, handed over or sent.
    pub text: Arc<str>,
}

impl Wording {
    /// The name of the file in which a wording of this name stands: `spoken-en/3` in `wordings/spoken-en-3.md`.
    #[must_use]
    pub fn file_name(name: &str) -> String {
        format!("{}{}.md", PolicyFiles::WORDINGS, name.replace('/', "-"))
    }

    pub(super) fn read(file: &PolicyFile) -> Result<Self, PolicyError> {
        let refuse = |why| PolicyError::File { file: file.name.to_string(), why };
        let form =
            || refuse("must be named as in `wordings/spoken-en-3.md`: spoken, written or chat; en or fr; a number");
        let stem = file.name.strip_prefix(PolicyFiles::WORDINGS).and_then(|name| name.strip_suffix(".md"));
        let mut parts = stem.ok_or_else(form)?.split('-');
        let (Some(method), Some(language), Some(number), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(form());
        };
        let method: ConsentMethod = method.parse().map_err(|_| form())?;
        let language: WordingLanguage = language.parse().map_err(|_| form())?;
        let number =
            number.parse().ok().filter(|known: &u16| *known > 0 && known.to_string() == number).ok_or_else(form)?;
        if file.text.trim().is_empty() {
            return Err(refuse("says nothing"));
        }
        if file.text.len() > WORDING_BYTES_MAX {
            return Err(refuse("has more than 8,192 bytes: nobody would listen to the end"));
        }
        let name = format!("{method}-{language}/{number}").into();
        Ok(Self { name, method, language, number, text: file.text.clone() })
    }
}
