//! Checking who calls from the headers of a request.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use egide_crypto::digest::{Digest, sha256};
use egide_crypto::sign::VerifyingKey;
use egide_crypto::token::{Claims, TOKEN_BYTES_MAX, TokenError, TokenKind, TokenVerifier};
use egide_domain::ids::UnitId;
use http::HeaderMap;
use tonic::Status;

use super::{
    AUDIENCE, Caller, PERSON_HEADER, PERSON_LIFETIME_MAX_S, Person, PersonToken, Role, SERVICE_HEADER,
    SERVICE_LIFETIME_MAX_S, ServiceName,
};

/// How many tokens found good are remembered, so that not every request costs two signature checks.
const REMEMBERED_MAX: usize = 4096;

/// A caller that could not be proved. The texts say what to do and repeat nothing of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// No service token.
    #[error("send the calling service's token as `authorization: Bearer <token>`")]
    NoService,
    /// The header stands there twice, is no text, or does not begin with `Bearer `.
    #[error("send `{header}` once, as plain text{}", if *.header == SERVICE_HEADER { " beginning with `Bearer `" } else { "" })]
    Header {
        /// Which.
        header: &'static str,
    },
    /// The token in the header is refused.
    #[error("`{header}`: {source}")]
    Token {
        /// Which.
        header: &'static str,
        /// Why.
        source: TokenError,
    },
    /// The token speaks for another kind of actor.
    #[error("`{header}` must hold the token of a {wanted}")]
    Kind {
        /// Which.
        header: &'static str,
        /// What belongs there.
        wanted: &'static str,
    },
    /// The token names somebody that cannot be.
    #[error("`{header}`: the token's subject, roles or unit are not such as egide knows; ask whoever issues tokens")]
    Subject {
        /// Which.
        header: &'static str,
    },
}

impl From<Unproved> for Status {
    fn from(unproved: Unproved) -> Self {
        Self::unauthenticated(unproved.to_string())
    }
}

/// Checks the headers of requests.
#[derive(Debug)]
pub struct Verifier {
    services: TokenVerifier,
    persons: TokenVerifier,
    // Under the digest, not the token: what is remembered cannot be used to call.
    remembered: Mutex<HashMap<Digest, Claims>>,
}

impl Verifier {
    /// A verifier for tokens of `issuer`, signed with one of `keys` (by key id). Without keys it refuses everybody.
    #[must_use]
    pub fn new(issuer: &str, keys: &BTreeMap<String, VerifyingKey>) -> Self {
        let of = |lifetime_max_s| TokenVerifier::new(issuer, AUDIENCE, keys.clone(), lifetime_max_s);
        Self {
            services: of(SERVICE_LIFETIME_MAX_S),
            persons: of(PERSON_LIFETIME_MAX_S),
            remembered: Mutex::new(HashMap::new()),
        }
    }

    /// Who sent these headers, at `now_s` (seconds since 1970-01-01 UTC), and the person's token to send on.
    ///
    /// # Errors
    /// See [`Unproved`]. A person's token that is there and not good is an error, never passed over.
    pub fn caller(&self, headers: &HeaderMap, now_s: i64) -> Result<(Caller, Option<PersonToken>), Unproved> {
        let bearer = single(headers, SERVICE_HEADER)?.ok_or(Unproved::NoService)?;
        let token = strip_bearer(bearer).ok_or(Unproved::Header { header: SERVICE_HEADER })?;
        let service = self.service(token, now_s)?;
        let Some(token) = single(headers, PERSON_HEADER)? else {
            return Ok((Caller { service, person: None }, None));
        };
        let person = self.person(token, now_s)?;
        let token = PersonToken::new(token).ok_or(Unproved::Header { header: PERSON_HEADER })?;
        Ok((Caller { service, person: Some(person) }, Some(token)))
    }

    fn service(&self, token: &str, now_s: i64) -> Result<ServiceName, Unproved> {
        let header = SERVICE_HEADER;
        let claims = self.claims(&self.services, header, token, now_s)?;
        if claims.kind != TokenKind::Service {
            return Err(Unproved::Kind { header, wanted: "service" });
        }
        claims.subject.parse().map_err(|_| Unproved::Subject { header })
    }

    fn person(&self, token: &str, now_s: i64) -> Result<Person, Unproved> {
        let header = PERSON_HEADER;
        let claims = self.claims(&self.persons, header, token, now_s)?;
        if claims.kind != TokenKind::Person {
            return Err(Unproved::Kind { header, wanted: "person" });
        }
        let bad = |_| Unproved::Subject { header };
        let account = claims.subject.parse().map_err(bad)?;
        // A role unknown here grants nothing here.
        let roles: BTreeSet<Role> = claims.roles.iter().filter_map(|role| role.parse().ok()).collect();
        let unit: Option<UnitId> =
            claims.unit.map(|unit| unit.parse()).transpose().map_err(|_| Unproved::Subject { header })?;
        Person::new(account, roles, unit).map_err(bad)
    }

    fn claims(
        &self,
        verifier: &TokenVerifier,
        header: &'static str,
        token: &str,
        now_s: i64,
    ) -> Result<Claims, Unproved> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Unproved::Token { header, source: TokenError::TooLong });
        }
        // Both verifiers share one memory: the header is part of the key, since what is good in one is not in the other.
        let key = sha256([header, " ", token].concat().as_bytes());
        if let Some(claims) = self.recall(&key, now_s) {
            return Ok(claims);
        }
        let claims = verifier.verify(token, now_s).map_err(|source| Unproved::Token { header, source })?;
        self.remember(key, claims.clone(), now_s);
        Ok(claims)
    }

    fn recall(&self, key: &Digest, now_s: i64) -> Option<Claims> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(key).filter(|claims| now_s < claims.expires_at).cloned()
    }

    fn remember(&self, key: Digest, claims: Claims, now_s: i64) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, claims| now_s < claims.expires_at);
        }
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(key, claims);
    }
}

fn single<'a>(headers: &'a HeaderMap, header: &'static str) -> Result<Option<&'a str>, Unproved> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // Two values: which one somebody before us looked at is not to be guessed.
    if values.next().is_some() {
        return Err(Unproved::Header { header });
    }
    value.to_str().map(Some).map_err(|_| Unproved::Header { header })
}

/// The scheme is compared without case (RFC 9110, section 11.1).
fn strip_bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
