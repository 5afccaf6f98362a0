//! The issuer of development mode: signs tokens for services and persons with a key in the data directory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use egide_crypto::sign::{ParseSigningKeyError, SigningKey, VerifyingKey};
use egide_crypto::token::{Claims, IssueError, TokenKind, issue};

use super::{
    AUDIENCE, PERSON_LIFETIME_MAX_S, Person, PersonToken, Role, SERVICE_LIFETIME_MAX_S, ServiceName, Verifier,
};
use crate::people::{People, PeopleFileError};
use crate::tls::Tls;
use crate::{clock, key_file};

/// Its name in tokens (`iss`).
pub const ISSUER: &str = "egide-development";
/// Below the data directory.
const KEY_FILE: &str = "keys/issuer.key";

/// A token could not be issued, or there is no key to sign it with.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The key file cannot be used.
    #[error("development issuer: {0}")]
    KeyFile(#[from] key_file::Error),
    /// The key file holds no signing key.
    #[error("development issuer: `{KEY_FILE}`: {0}")]
    Key(#[from] ParseSigningKeyError),
    /// The description of its people cannot be used.
    #[error(transparent)]
    People(#[from] PeopleFileError),
    /// The claims make no token.
    #[error(transparent)]
    Claims(#[from] IssueError),
    /// The token cannot stand in a header.
    #[error("the token cannot stand in a header")]
    Unsendable,
}

/// Issues tokens in development mode. Whoever can read its key file can be anybody.
#[derive(Debug)]
pub struct DevIssuer {
    key: SigningKey,
    people: Arc<People>,
}

/// A token with the times it counts, in seconds since 1970-01-01 UTC.
pub(super) struct Minted {
    pub(super) token: String,
    pub(super) issued_at_s: i64,
    pub(super) expires_at_s: i64,
}

impl DevIssuer {
    /// The issuer of a data directory; its key (`keys/issuer.key`, mode 0600) is made at the first use. Says loudly that
    /// this is development mode.
    ///
    /// # Errors
    /// See [`IssuerError`].
    pub fn open(data_directory: &Path) -> Result<Self, IssuerError> {
        let make = || SigningKey::generate().map(|(_, document)| document);
        let document = key_file::read_or_make(&data_directory.join(KEY_FILE), make)?;
        let key = SigningKey::from_pkcs8(&document)?;
        tracing::warn!(
            key_id = %key.key_id(),
            "DEVELOPMENT MODE: services and persons are proved by tokens signed with a key on this disk; not for real cases"
        );
        let keys = BTreeMap::from([(key.key_id().to_string(), key.public_key())]);
        let people = Arc::new(People::of_development(&keys)?);
        Ok(Self { key, people })
    }

    /// Checks what this issuer issues, services' tokens included: for servers without TLS.
    #[must_use]
    pub fn insecure_verifier(&self) -> Verifier {
        Verifier::insecure(ISSUER, &self.keys(), Arc::clone(&self.people))
    }

    /// Checks what this issuer issues for persons, and services by their certificates.
    #[must_use]
    pub fn verifier(&self, tls: Arc<Tls>) -> Verifier {
        Verifier::mutual(tls, Arc::clone(&self.people))
    }

    /// Its people.
    #[must_use]
    pub const fn people(&self) -> &Arc<People> {
        &self.people
    }

    /// Its public keys by their ids.
    #[must_use]
    pub fn keys(&self) -> BTreeMap<String, VerifyingKey> {
        BTreeMap::from([(self.key.key_id().to_string(), self.key.public_key())])
    }

    /// A token for a service, good for a day.
    ///
    /// # Errors
    /// See [`IssuerError`].
    pub fn service_token(&self, service: &ServiceName) -> Result<String, IssuerError> {
        Ok(self.mint_service(service, clock::now_s())?.token)
    }

    /// A token for a person, good for a shift.
    ///
    /// # Errors
    /// See [`IssuerError`].
    pub fn person_token(&self, person: &Person) -> Result<PersonToken, IssuerError> {
        let minted = self.mint_person(person, clock::now_s())?;
        PersonToken::new(&minted.token).ok_or(IssuerError::Unsendable)
    }

    pub(super) fn mint_service(&self, service: &ServiceName, now_s: i64) -> Result<Minted, IssuerError> {
        let expires_at = now_s.saturating_add(i64::from(SERVICE_LIFETIME_MAX_S));
        self.mint(Claims {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            subject: service.as_str().to_owned(),
            kind: TokenKind::Service,
            roles: Vec::new(),
            unit: None,
            issued_at: now_s,
            expires_at,
        })
    }

    pub(super) fn mint_person(&self, person: &Person, now_s: i64) -> Result<Minted, IssuerError> {
        let expires_at = now_s.saturating_add(i64::from(PERSON_LIFETIME_MAX_S));
        self.mint(Claims {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            subject: person.account().as_str().to_owned(),
            kind: TokenKind::Person,
            roles: person.roles().iter().copied().map(Role::as_str).map(str::to_owned).collect(),
            unit: person.unit().map(|unit| unit.to_string()),
            issued_at: now_s,
            expires_at,
        })
    }

    fn mint(&self, claims: Claims) -> Result<Minted, IssuerError> {
        let token = issue(&self.key, &claims)?;
        Ok(Minted { token, issued_at_s: claims.issued_at, expires_at_s: claims.expires_at })
    }
}

#[cfg(test)]
mod tests;
