//! Checking who calls: the service by its certificate (or, insecurely, by a token), the person by a token.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use egide_crypto::digest::{Digest, sha256};
use egide_crypto::sign::VerifyingKey;
use egide_crypto::token::{Claims, TOKEN_BYTES_MAX, TokenError, TokenKind, TokenVerifier};
use http::HeaderMap;
use tonic::Status;

use super::{
    AUDIENCE, Caller, PERSON_HEADER, Person, PersonToken, SERVICE_HEADER, SERVICE_LIFETIME_MAX_S, ServiceName,
};
use crate::people::{NotBelieved, People, Proved};
use crate::tls::{Security, Tls};

/// How many tokens found good are remembered, so that not every request costs two signature checks.
const REMEMBERED_MAX: usize = 4096;

/// A caller that could not be proved. The texts say what to do and repeat nothing of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// A service token came over a connection on which the certificate says who calls.
    #[error("the certificate says which service calls: leave `{SERVICE_HEADER}` out")]
    ServiceTwice,
    /// No certificate, where certificates say who calls.
    #[error("show a certificate of a service")]
    NoCertificate,
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
    #[error("`{header}`: the token's account, roles or unit are not such as egide knows; ask whoever issues tokens")]
    Subject {
        /// Which.
        header: &'static str,
    },
    /// The keys of the person's provider are not to be had, and what was known is too old.
    #[error(
        "`{PERSON_HEADER}`: the provider of this token has been out of reach for too long; try again when it is back"
    )]
    ProviderAway,
}

impl From<Unproved> for Status {
    fn from(unproved: Unproved) -> Self {
        Self::unauthenticated(unproved.to_string())
    }
}

/// Who is at the other side of a connection. In the extensions of every request, put there by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A service that proved itself with its certificate.
    Service(ServiceName),
    /// Anybody: the connection proves nothing.
    Anybody,
}

/// How a calling service is known: what a server listens with follows from it, so that a server never asks for one proof and
/// believes another.
#[derive(Debug)]
enum Services {
    /// By its certificate.
    ByCertificate(Arc<Tls>),
    /// By a token: only where insecurity was asked for.
    ByToken(TokenVerifier),
}

/// Checks who sends requests.
#[derive(Debug)]
pub struct Verifier {
    services: Services,
    people: Arc<People>,
    // Under the digest, not the token: what is remembered cannot be used to call.
    remembered: Mutex<HashMap<Digest, Remembered>>,
}

/// A token found good.
#[derive(Debug, Clone)]
enum Remembered {
    Service(Claims),
    Person(Proved),
}

impl Verifier {
    /// A verifier for a server that proves itself with `tls` and believes certificates about services, and about persons those
    /// whose word is taken.
    #[must_use]
    pub fn mutual(tls: Arc<Tls>, people: Arc<People>) -> Self {
        Self { services: Services::ByCertificate(tls), people, remembered: Mutex::default() }
    }

    /// A verifier for a server without TLS: services by tokens of `issuer`, signed with one of `keys` (by key id). Without keys it
    /// refuses everybody.
    #[must_use]
    pub fn insecure(issuer: &str, keys: &BTreeMap<String, VerifyingKey>, people: Arc<People>) -> Self {
        let services = TokenVerifier::new(issuer, AUDIENCE, keys.clone(), SERVICE_LIFETIME_MAX_S);
        Self { services: Services::ByToken(services), people, remembered: Mutex::default() }
    }

    /// How connections to a server with this verifier are made.
    #[must_use]
    pub fn security(&self) -> Security {
        match &self.services {
            Services::ByCertificate(tls) => Security::Mutual(Arc::clone(tls)),
            Services::ByToken(_) => Security::Insecure,
        }
    }

    /// Who sent these headers over a connection with `peer`, at `now_s` (seconds since 1970-01-01 UTC), and the person's token
    /// to send on.
    ///
    /// # Errors
    /// See [`Unproved`]. A person's token that is there and not good is an error, never passed over.
    pub fn caller(
        &self,
        peer: &Peer,
        headers: &HeaderMap,
        now_s: i64,
    ) -> Result<(Caller, Option<PersonToken>), Unproved> {
        let service = self.service(peer, headers, now_s)?;
        let Some(token) = single(headers, PERSON_HEADER)? else {
            return Ok((Caller { service, person: None }, None));
        };
        let person = self.person(token, now_s)?;
        let token = PersonToken::new(token).ok_or(Unproved::Header { header: PERSON_HEADER })?;
        Ok((Caller { service, person: Some(person) }, Some(token)))
    }

    fn service(&self, peer: &Peer, headers: &HeaderMap, now_s: i64) -> Result<ServiceName, Unproved> {
        match (&self.services, peer) {
            (Services::ByCertificate(_), Peer::Service(_)) if headers.contains_key(SERVICE_HEADER) => {
                // Refused rather than ignored: whoever sends one believes to be the one it names.
                Err(Unproved::ServiceTwice)
            }
            (Services::ByCertificate(_), Peer::Service(service)) => Ok(service.clone()),
            (Services::ByCertificate(_), Peer::Anybody) => Err(Unproved::NoCertificate),
            (Services::ByToken(tokens), Peer::Service(_) | Peer::Anybody) => {
                let bearer = single(headers, SERVICE_HEADER)?.ok_or(Unproved::NoService)?;
                let token = strip_bearer(bearer).ok_or(Unproved::Header { header: SERVICE_HEADER })?;
                self.service_of_token(tokens, token, now_s)
            }
        }
    }

    fn service_of_token(&self, tokens: &TokenVerifier, token: &str, now_s: i64) -> Result<ServiceName, Unproved> {
        let header = SERVICE_HEADER;
        let claims = self.claims(tokens, header, token, now_s)?;
        if claims.kind != TokenKind::Service {
            return Err(Unproved::Kind { header, wanted: "service" });
        }
        claims.subject.parse().map_err(|_| Unproved::Subject { header })
    }

    fn person(&self, token: &str, now_s: i64) -> Result<Person, Unproved> {
        let header = PERSON_HEADER;
        let key = Self::memory_of(header, token)?;
        if let Some(Remembered::Person(proved)) = self.recall(&key)
            && self.people.still(&proved, now_s)
        {
            return Ok(proved.person);
        }
        let proved = self.people.person(token, now_s).map_err(|not| match not {
            NotBelieved::Token(source) => Unproved::Token { header, source },
            NotBelieved::Unfit => Unproved::Subject { header },
            NotBelieved::Away => Unproved::ProviderAway,
        })?;
        self.remember(key, Remembered::Person(proved.clone()), now_s);
        Ok(proved.person)
    }

    /// Whether it is worth checking again after this refusal: the person's token names a key that is not known, or none are known,
    /// its provider was asked, and has published others meanwhile. Asks at most once a minute; waits for the answer a few seconds at most.
    pub async fn has_newer_keys(&self, refused: &Unproved, headers: &HeaderMap) -> bool {
        let unknown_key = Unproved::Token { header: PERSON_HEADER, source: TokenError::UnknownKey };
        if *refused != unknown_key && *refused != Unproved::ProviderAway {
            return false;
        }
        match single(headers, PERSON_HEADER) {
            Ok(Some(token)) => self.people.look_for_keys_of(token).await,
            Ok(None) | Err(_) => false,
        }
    }

    fn claims(
        &self,
        verifier: &TokenVerifier,
        header: &'static str,
        token: &str,
        now_s: i64,
    ) -> Result<Claims, Unproved> {
        let key = Self::memory_of(header, token)?;
        if let Some(Remembered::Service(claims)) = self.recall(&key)
            && now_s < claims.expires_at
        {
            return Ok(claims);
        }
        let claims = verifier.verify(token, now_s).map_err(|source| Unproved::Token { header, source })?;
        self.remember(key, Remembered::Service(claims.clone()), now_s);
        Ok(claims)
    }

    /// The header is part of it, since what is good in one is not in the other.
    fn memory_of(header: &'static str, token: &str) -> Result<Digest, Unproved> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Unproved::Token { header, source: TokenError::TooLong });
        }
        Ok(sha256([header, " ", token].concat().as_bytes()))
    }

    fn recall(&self, key: &Digest) -> Option<Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn remember(&self, key: Digest, found: Remembered, now_s: i64) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, found| now_s < found.expires_at());
        }
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(key, found);
    }
}

impl Remembered {
    const fn expires_at(&self) -> i64 {
        match self {
            Self::Service(claims) => claims.expires_at,
            Self::Person(proved) => proved.expires_at,
        }
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
