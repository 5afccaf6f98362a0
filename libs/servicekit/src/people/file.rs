//! The file that says whose word about people is taken.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use egide_crypto::token::jwks::PublicKeys;
use egide_crypto::token::provider::Expected;
use serde::Deserialize;

use super::People;
use super::fetch::Address;
use super::mapping::{Grant, Mapping, Pointer, Required};
use super::provider::{Provider, Source};

/// Longest life of a person's token that a file may allow, in seconds: a shift.
const LIFETIME_MAX_S: u32 = crate::identity::PERSON_LIFETIME_MAX_S;
/// Longest time, in seconds, that keys may count while their provider is away.
const KEPT_MAX_S: u32 = 24 * 3600;
/// How long they do unless the file says otherwise.
const KEPT_S: u32 = 3600;
/// Between two fetches of the keys, unless the file says otherwise; and the least and most it may say.
const REFRESH_S: u32 = 300;
const REFRESH_LEAST_S: u32 = 60;

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PeopleFileError {
    /// It cannot be read.
    #[error("`{}`: {reason}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Something in it is not as it should be.
    #[error("`{}`, line {line}, column {column}: {reason}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// Something is wrong with one provider as a whole.
    #[error("`{}`: provider `{issuer}`: {reason}", .path.display())]
    Provider {
        /// The file.
        path: PathBuf,
        /// Its issuer.
        issuer: String,
        /// What is wrong.
        reason: String,
    },
}

/// What the file says, checked.
#[derive(Debug, Clone)]
pub struct PeopleFile {
    path: PathBuf,
    providers: Vec<Row>,
    development: Option<PublicKeys>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Top {
    #[serde(rename = "about", default)]
    _about: String,
    providers: Vec<Row>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    issuer: String,
    audiences: Vec<String>,
    keys: Keys,
    #[serde(default = "usual_lifetime")]
    lifetime_max_s: u32,
    #[serde(default = "usual_kept")]
    keys_kept_s: u32,
    #[serde(default = "usual_refresh")]
    keys_refresh_s: u32,
    #[serde(default)]
    require: Vec<Required>,
    account: Pointer,
    unit: Option<Pointer>,
    roles: Vec<Grant>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Keys {
    /// Those of the development issuer.
    Development,
    /// Published here.
    File(PathBuf),
    /// Published there; the authorities (PEM) by whom an `https` server is believed.
    Url { address: String, authorities: Option<PathBuf> },
}

const fn usual_lifetime() -> u32 {
    3600
}

const fn usual_kept() -> u32 {
    KEPT_S
}

const fn usual_refresh() -> u32 {
    REFRESH_S
}

impl PeopleFile {
    /// Reads one.
    ///
    /// # Errors
    /// See [`PeopleFileError`].
    pub fn read(path: &Path) -> Result<Self, PeopleFileError> {
        let failed = |error: std::io::Error| PeopleFileError::Io { path: path.to_owned(), reason: error.to_string() };
        Self::parse(path, &fs::read_to_string(path).map_err(failed)?)
    }

    /// Reads what stands in one; relative paths in it start at its folder.
    ///
    /// # Errors
    /// See [`PeopleFileError`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, PeopleFileError> {
        let file: Top = serde_json::from_str(text).map_err(|error| {
            let whole = error.to_string();
            let reason = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(reason, _)| reason).to_owned();
            PeopleFileError::Line { path: path.to_owned(), line: error.line(), column: error.column(), reason }
        })?;
        let read = Self { path: path.to_owned(), providers: file.providers, development: None };
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> Result<(), PeopleFileError> {
        let mut issuers = BTreeSet::new();
        for row in &self.providers {
            let wrong = |reason: &str| Err(self.wrong(row, reason));
            if row.issuer.is_empty() || !issuers.insert(&row.issuer) {
                return wrong("an issuer has a name, and stands there once");
            }
            if row.audiences.is_empty() || row.audiences.iter().any(String::is_empty) {
                return wrong("`audiences` names at least one, and none is empty");
            }
            if !(1..=LIFETIME_MAX_S).contains(&row.lifetime_max_s) {
                return wrong("`lifetime_max_s` is 43200 (twelve hours) at most");
            }
            if row.keys_kept_s > KEPT_MAX_S {
                return wrong("`keys_kept_s` is 86400 (a day) at most");
            }
            if !(REFRESH_LEAST_S..=KEPT_MAX_S).contains(&row.keys_refresh_s) {
                return wrong("`keys_refresh_s` is between 60 and 86400");
            }
            if row.roles.is_empty() {
                return wrong("`roles` is empty: nobody would be anybody");
            }
        }
        Ok(())
    }

    fn wrong(&self, row: &Row, reason: impl ToString) -> PeopleFileError {
        PeopleFileError::Provider { path: self.path.clone(), issuer: row.issuer.clone(), reason: reason.to_string() }
    }

    /// The keys that `"keys": "development"` stands for.
    #[must_use]
    pub fn with_development(self, keys: PublicKeys) -> Self {
        Self { development: Some(keys), ..self }
    }

    /// The same as if every provider were this issuer.
    pub(super) fn with_issuer(mut self, issuer: &str) -> Self {
        for row in &mut self.providers {
            issuer.clone_into(&mut row.issuer);
        }
        self
    }

    /// The people of these providers. Reads what is published in files; fetches nothing.
    ///
    /// # Errors
    /// See [`PeopleFileError`].
    pub fn open(&self) -> Result<People, PeopleFileError> {
        let providers = self.providers.iter().map(|row| self.provider(row).map(std::sync::Arc::new));
        Ok(People { providers: providers.collect::<Result<_, _>>()? })
    }

    fn provider(&self, row: &Row) -> Result<Provider, PeopleFileError> {
        let folder = self.path.parent().unwrap_or_else(|| Path::new("."));
        let source = match &row.keys {
            Keys::Development => {
                let missing = || self.wrong(row, "there is no development issuer here");
                Source::Fixed(std::sync::Arc::new(self.development.clone().ok_or_else(missing)?))
            }
            Keys::File(path) => Source::File(folder.join(path)),
            Keys::Url { address, authorities } => {
                let authorities = authorities.as_ref().map(|path| folder.join(path));
                let address = Address::new(address, authorities).map_err(|reason| self.wrong(row, reason))?;
                Source::Url(Box::new(address))
            }
        };
        let expected = Expected {
            issuer: row.issuer.clone(),
            audiences: row.audiences.clone(),
            lifetime_max_s: row.lifetime_max_s,
        };
        let mapping = Mapping {
            require: row.require.clone(),
            account: row.account.clone(),
            unit: row.unit.clone(),
            roles: row.roles.clone(),
        };
        let (kept_s, refresh) = (i64::from(row.keys_kept_s), Duration::from_secs(row.keys_refresh_s.into()));
        Provider::open(expected, mapping, source, kept_s, refresh).map_err(|error| self.wrong(row, error))
    }
}
