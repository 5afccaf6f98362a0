//! Whose word about people is believed: the organisation's providers of identity, their keys, and what their claims mean here.
//!
//! *In scope*: the file that describes providers ([`PeopleFile`]); their published keys, from a file or fetched, kept and renewed;
//! from a token to a [`Person`](crate::identity::Person). *Out of scope*: signatures and the form of tokens (`egide-crypto`), and
//! what a person may do (`access.json`).
//!
//! Keys that are fetched are fetched anew on schedule, and when a token names one that is not known, at most once a minute. While a
//! provider is away its keys go on counting for a stated time; after that nobody it vouches for is believed until it is back.

mod fetch;
mod file;
mod mapping;
mod provider;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use egide_crypto::sign::VerifyingKey;
use egide_crypto::token::TokenError;
use egide_crypto::token::jwks::PublicKeys;
use egide_crypto::token::provider::claimed_issuer;

use crate::identity::Person;
use crate::shutdown::Shutdown;

pub use self::file::{PeopleFile, PeopleFileError};
pub use self::provider::PeopleError;
use self::provider::Provider;

/// The people of the development issuer: which claim means which role.
const DEVELOPMENT: &str = include_str!("../people.development.json");

/// Liaisons who signed in at the portal.
const LIAISONS: &str = include_str!("../people.liaisons.json");

/// A person whose token is believed, and until when.
#[derive(Debug, Clone)]
pub(crate) struct Proved {
    pub(crate) person: Person,
    pub(crate) expires_at: i64,
    provider: usize,
    generation: u64,
}

/// A person's token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotBelieved {
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The claims describe nobody who can be here.
    #[error("the token's account, roles or unit are not such as egide knows; ask whoever issues tokens")]
    Unfit,
    /// The provider's keys are not to be had, and what was known is too old.
    #[error("the provider of this token has been out of reach for too long; try again when it is back")]
    Away,
}

/// Everybody whose word is taken.
#[derive(Debug, Default)]
pub struct People {
    providers: Vec<Arc<Provider>>,
}

impl People {
    /// Those of the development issuer, with these keys by their ids.
    ///
    /// # Errors
    /// Never, unless the embedded description is broken.
    pub fn of_development(keys: &BTreeMap<String, VerifyingKey>) -> Result<Self, PeopleFileError> {
        let development = PublicKeys::of_ed25519(keys.clone());
        PeopleFile::parse(Path::new("people.development.json"), DEVELOPMENT)?.with_development(development).open()
    }

    /// As an issuer elsewhere names them, in the manner of the development issuer.
    ///
    /// # Errors
    /// As [`People::of_development`].
    pub fn of_issuer(issuer: &str, keys: &BTreeMap<String, VerifyingKey>) -> Result<Self, PeopleFileError> {
        let keys = PublicKeys::of_ed25519(keys.clone());
        let file = PeopleFile::parse(Path::new("people.development.json"), DEVELOPMENT)?;
        file.with_issuer(issuer).with_development(keys).open()
    }

    /// Liaisons for whom the directory vouches with these keys.
    ///
    /// # Errors
    /// Never, unless the embedded description is broken.
    pub fn of_liaisons(keys: &BTreeMap<String, VerifyingKey>) -> Result<Self, PeopleFileError> {
        let keys = PublicKeys::of_ed25519(keys.clone());
        PeopleFile::parse(Path::new("people.liaisons.json"), LIAISONS)?.with_development(keys).open()
    }

    /// These and those: the first that an issuer's name fits counts.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.providers.extend(others.providers.iter().cloned());
        self
    }

    /// Whose token this is.
    pub(crate) fn person(&self, token: &str, now_s: i64) -> Result<Proved, NotBelieved> {
        let issuer = claimed_issuer(token)?;
        let mut providers = self.providers.iter().enumerate();
        let (place, provider) =
            providers.find(|(_, provider)| provider.issuer() == issuer).ok_or(TokenError::WrongIssuer)?;
        let (person, expires_at, generation) = provider.person(token, now_s)?;
        Ok(Proved { person, expires_at, provider: place, generation })
    }

    /// Whether somebody proved before still is: the token has time left, and its provider's keys are the same.
    pub(crate) fn still(&self, proved: &Proved, now_s: i64) -> bool {
        let provider = self.providers.get(proved.provider);
        now_s < proved.expires_at && provider.and_then(|one| one.generation(now_s)) == Some(proved.generation)
    }

    /// Looks for new keys of the provider that this token names, if it may be looked now; whether there are any.
    pub(crate) async fn look_for_keys_of(&self, token: &str) -> bool {
        let Ok(issuer) = claimed_issuer(token) else { return false };
        match self.providers.iter().find(|provider| provider.issuer() == issuer) {
            Some(provider) => provider.look_again().await,
            None => false,
        }
    }

    /// Fetches all keys once. A provider that is away is reported, and nobody it vouches for is believed until it is there.
    pub async fn fetch(&self) {
        for provider in &self.providers {
            provider.fetch().await;
        }
    }

    /// Keeps the keys of all providers fresh until the end.
    pub async fn keep_fresh(self: Arc<Self>, shutdown: Shutdown) {
        let every = self.providers.iter().map(|provider| provider.refresh_every()).min();
        let Some(every) = every else { return };
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(every) => self.fetch().await,
            }
        }
    }
}
