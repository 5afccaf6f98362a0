//! JSON Web Tokens (RFC 7515, 7519): issued for development and tests with Ed25519 (RFC 8037), and checked wherever somebody says
//! who they are; those of an organisation's own provider with the keys it publishes ([`jwks`], [`provider`]).
//!
//! One form, and algorithms that each belong to one type of key: whatever a header offers beyond it is refused or left unread, and
//! nothing a token claims is believed before its signature is found good. Errors never repeat any of it.

pub mod jwks;
pub mod provider;

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::sign::{SigningKey, VerifyingKey};

/// Longest token, in bytes, that is issued or looked at.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// How far, in seconds, an issuer's clock may be ahead of ours. Expiry has no leeway.
pub const CLOCK_LEEWAY_S: i64 = 30;

const ALGORITHM: &str = jwks::Algorithm::EdDsa.name();
/// Types that say "a token for access" (RFC 7519, section 5.1; RFC 9068, section 2.1); compared without case.
const TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// What kind of actor a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// A program.
    Service,
    /// A member of staff or a liaison.
    Person,
}

/// What a token says. Times are seconds since 1970-01-01 UTC.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it (`iss`).
    pub issuer: String,
    /// For whom it is meant (`aud`).
    pub audience: String,
    /// Whom it speaks for (`sub`); never empty. Not shown by `Debug`.
    pub subject: String,
    /// What the subject is (private claim `kind`).
    pub kind: TokenKind,
    /// The roles the issuer grants (private claim `roles`), as the issuer names them.
    pub roles: Vec<String>,
    /// The unit a person belongs to (private claim `unit`), if any.
    pub unit: Option<String>,
    /// When it was issued (`iat`).
    pub issued_at: i64,
    /// The first second at which it no longer counts (`exp`).
    pub expires_at: i64,
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("kind", &self.kind)
            .field("roles", &self.roles)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A token could not be issued, because nobody would accept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// It would be longer than [`TOKEN_BYTES_MAX`].
    #[error("the token would have `{bytes}` bytes; the most is {TOKEN_BYTES_MAX}: grant fewer roles")]
    TooLong {
        /// How long it would be.
        bytes: usize,
    },
    /// The subject is empty.
    #[error("a token needs a subject")]
    NoSubject,
    /// It would expire before it is issued.
    #[error("the token would expire before it is issued")]
    NoLifetime,
    /// The claims could not be written as JSON.
    #[error("the claims could not be written as JSON")]
    Json,
}

/// A token is refused. No variant repeats anything of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`TOKEN_BYTES_MAX`].
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// Not three parts of unpadded base64url, or JSON that is none or lacks or repeats a member.
    #[error("the token is malformed in its {0}")]
    Malformed(TokenPart),
    /// Not signed, signed with an algorithm that is none of ours, or with one that is not the named key's.
    #[error("the token's algorithm is not that of the key it names, or none that is accepted")]
    Algorithm,
    /// The header holds `crit`: something we would have to understand, and do not.
    #[error("the token's header holds critical extensions, which are not supported")]
    CriticalHeader,
    /// The header's `typ` says that this is some other kind of token.
    #[error("the token's type is not that of an access token")]
    Type,
    /// The header names no key, or one that is not known.
    #[error("the token names no known key")]
    UnknownKey,
    /// The signature is not that key's.
    #[error("the token's signature does not verify")]
    BadSignature,
    /// Issued by somebody else.
    #[error("the token comes from another issuer")]
    WrongIssuer,
    /// Meant for somebody else.
    #[error("the token is meant for another audience")]
    WrongAudience,
    /// No longer valid.
    #[error("the token has expired; ask the issuer for a new one")]
    Expired,
    /// Not valid yet.
    #[error("the token is not valid yet; compare the issuer's clock with ours")]
    NotYetValid,
    /// It would be valid for longer than is allowed, or for no time at all.
    #[error("the token's lifetime is not one that is allowed")]
    Lifetime,
}

/// Where a token is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPart {
    /// The three parts themselves.
    Form,
    /// The first part.
    Header,
    /// The second part.
    Claims,
    /// The third part.
    Signature,
}

impl fmt::Display for TokenPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "form",
            Self::Header => "header",
            Self::Claims => "claims",
            Self::Signature => "signature",
        })
    }
}

#[derive(Serialize)]
struct IssuedHeader<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: String,
}

#[derive(Serialize)]
struct IssuedClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    kind: TokenKind,
    roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
}

/// Issues a token signed with `key`, whose id goes in as `kid`.
///
/// # Errors
/// See [`IssueError`].
pub fn issue(key: &SigningKey, claims: &Claims) -> Result<String, IssueError> {
    if claims.subject.is_empty() {
        return Err(IssueError::NoSubject);
    }
    if claims.expires_at <= claims.issued_at {
        return Err(IssueError::NoLifetime);
    }
    let header = IssuedHeader { alg: ALGORITHM, typ: "JWT", kid: key.key_id().to_string() };
    let body = IssuedClaims {
        iss: &claims.issuer,
        aud: &claims.audience,
        sub: &claims.subject,
        iat: claims.issued_at,
        exp: claims.expires_at,
        kind: claims.kind,
        roles: &claims.roles,
        unit: claims.unit.as_deref(),
    };
    let mut token = format!("{}.{}", encode(&header)?, encode(&body)?);
    let signature = key.sign_raw(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.as_bytes(), &mut token);
    if token.len() > TOKEN_BYTES_MAX {
        return Err(IssueError::TooLong { bytes: token.len() });
    }
    Ok(token)
}

fn encode(part: &impl Serialize) -> Result<String, IssueError> {
    serde_json::to_vec(part).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|_| IssueError::Json)
}

/// The members of a header that are read. Keys offered inside a token (`jwk`, `jku`, `x5c` …) are not among them.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    // Any value, null included, is a refusal: see `present`.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

#[derive(Deserialize)]
struct ReadClaims {
    iss: String,
    aud: Audience,
    sub: String,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
    kind: TokenKind,
    roles: Vec<String>,
    unit: Option<String>,
}

/// RFC 7519, section 4.1.3: one audience, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Several(several) => several.iter().any(|one| one == audience),
        }
    }
}

fn present<'de, D: serde::Deserializer<'de>>(member: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(member).map(|_| true)
}

/// Checks tokens of one issuer for one audience.
#[derive(Debug, Clone)]
pub struct TokenVerifier {
    issuer: String,
    audience: String,
    keys: BTreeMap<String, VerifyingKey>,
    lifetime_max_s: u32,
}

impl TokenVerifier {
    /// A verifier for tokens that `issuer` signed with one of `keys` (by the `kid` the issuer gives them) for `audience`,
    /// valid for at most `lifetime_max_s` seconds. Without keys it refuses everything.
    #[must_use]
    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        keys: BTreeMap<String, VerifyingKey>,
        lifetime_max_s: u32,
    ) -> Self {
        Self { issuer: issuer.into(), audience: audience.into(), keys, lifetime_max_s }
    }

    /// What `token` says, if it is to be believed at `now_s` (seconds since 1970-01-01 UTC).
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn verify(&self, token: &str, now_s: i64) -> Result<Claims, TokenError> {
        let token = Compact::read(token)?;
        let header: Header = token.header()?;
        check_header(&header)?;
        let key = header.kid.as_ref().and_then(|kid| self.keys.get(kid)).ok_or(TokenError::UnknownKey)?;
        let payload = token.payload_signed_by(key)?;
        let claims: ReadClaims = json(&payload, TokenPart::Claims)?;
        self.check_claims(claims, now_s)
    }

    fn check_claims(&self, claims: ReadClaims, now_s: i64) -> Result<Claims, TokenError> {
        if claims.iss != self.issuer {
            return Err(TokenError::WrongIssuer);
        }
        if !claims.aud.contains(&self.audience) {
            return Err(TokenError::WrongAudience);
        }
        if claims.sub.is_empty() {
            return Err(TokenError::Malformed(TokenPart::Claims));
        }
        check_times(claims.iat, claims.exp, claims.nbf, self.lifetime_max_s, now_s)?;
        Ok(Claims {
            issuer: claims.iss,
            audience: self.audience.clone(),
            subject: claims.sub,
            kind: claims.kind,
            roles: claims.roles,
            unit: claims.unit,
            issued_at: claims.iat,
            expires_at: claims.exp,
        })
    }
}

/// Whether a token that was issued at `iat`, counts from `nbf` on and up to `exp`, counts at `now_s`.
fn check_times(iat: i64, exp: i64, nbf: Option<i64>, lifetime_max_s: u32, now_s: i64) -> Result<(), TokenError> {
    let lifetime_s = exp.checked_sub(iat).ok_or(TokenError::Lifetime)?;
    if !(1..=i64::from(lifetime_max_s)).contains(&lifetime_s) {
        return Err(TokenError::Lifetime);
    }
    if exp <= now_s {
        return Err(TokenError::Expired);
    }
    let latest_start_s = now_s.saturating_add(CLOCK_LEEWAY_S);
    if iat > latest_start_s || nbf.is_some_and(|not_before| not_before > latest_start_s) {
        return Err(TokenError::NotYetValid);
    }
    Ok(())
}

fn check_header(header: &Header) -> Result<(), TokenError> {
    if header.alg != ALGORITHM {
        return Err(TokenError::Algorithm);
    }
    check_type(header)
}

fn check_type(header: &Header) -> Result<(), TokenError> {
    if header.crit {
        return Err(TokenError::CriticalHeader);
    }
    if header.typ.as_ref().is_some_and(|typ| !TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ))) {
        return Err(TokenError::Type);
    }
    Ok(())
}

/// The compact form (RFC 7515, section 7.1), parts still encoded.
struct Compact<'a> {
    signed: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    fn read(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let malformed = TokenError::Malformed(TokenPart::Form);
        let (signed, signature) = token.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(malformed)?;
        if payload.contains('.') {
            return Err(malformed);
        }
        Ok(Self { signed, header, payload, signature })
    }

    fn header<T: for<'de> Deserialize<'de>>(&self) -> Result<T, TokenError> {
        json(&decode(self.header, TokenPart::Header)?, TokenPart::Header)
    }

    fn payload_signed_by(&self, key: &VerifyingKey) -> Result<Vec<u8>, TokenError> {
        self.payload(|signed, signature| key.verify_raw(signed, signature).map_err(|_| TokenError::BadSignature))
    }

    /// The payload, once `verify` has found the signature good: no claim is read before that.
    fn payload(&self, verify: impl FnOnce(&[u8], &[u8]) -> Result<(), TokenError>) -> Result<Vec<u8>, TokenError> {
        let signature = decode(self.signature, TokenPart::Signature)?;
        verify(self.signed.as_bytes(), &signature)?;
        decode(self.payload, TokenPart::Claims)
    }
}

fn decode(text: &str, part: TokenPart) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed(part))
}

/// Reads an object, and nothing else: serde alone would take an array for a struct as well. The reason of a failure is
/// dropped: it may quote what was read.
fn json<T: for<'de> Deserialize<'de>>(bytes: &[u8], part: TokenPart) -> Result<T, TokenError> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(TokenError::Malformed(part));
    }
    serde_json::from_slice(bytes).map_err(|_| TokenError::Malformed(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, appendices A.1 (key), A.4 (signing) and A.5 (validation).
    #[test]
    fn the_example_of_rfc_8037_verifies() {
        let key: VerifyingKey = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap();
        let token = concat!(
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        );
        let compact = Compact::read(token).unwrap();
        let header: Header = compact.header().unwrap();
        assert_eq!(check_header(&header), Ok(()));
        assert_eq!(compact.payload_signed_by(&key).unwrap(), b"Example of Ed25519 signing");
        // Its header names no key, and its payload is no claims: to a verifier it is no token.
        let verifier = TokenVerifier::new("i", "a", BTreeMap::from([(String::new(), key)]), 60);
        assert_eq!(verifier.verify(token, 0), Err(TokenError::UnknownKey));
    }
}
