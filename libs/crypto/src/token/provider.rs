//! Tokens of an organisation's own provider: any claims, any of our algorithms, the keys it publishes.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::jwks::{Algorithm, PublicKeys};
use super::{Compact, Header, TokenError, TokenPart, check_times, check_type, decode, json};

/// What a token must say to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Who issued it (`iss`), compared as it is.
    pub issuer: String,
    /// For whom it is meant: one of these must be (one of) its `aud`. Without any, nothing is believed.
    pub audiences: Vec<String>,
    /// Longest time from `iat` to `exp`, in seconds.
    pub lifetime_max_s: u32,
}

/// A token that is believed. `Debug` shows its times only.
#[derive(Clone, PartialEq)]
pub struct Believed {
    /// When it was issued (`iat`), in seconds since 1970-01-01 UTC.
    pub issued_at: i64,
    /// The first second at which it no longer counts (`exp`).
    pub expires_at: i64,
    /// All its claims.
    pub claims: Value,
}

impl fmt::Debug for Believed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Believed").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Who says to have issued a token: good for choosing whose keys to check it with, and for nothing else.
///
/// # Errors
/// [`TokenError::TooLong`], [`TokenError::Malformed`].
pub fn claimed_issuer(token: &str) -> Result<String, TokenError> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let token = Compact::read(token)?;
    json::<Issuer>(&decode(token.payload, TokenPart::Claims)?, TokenPart::Claims).map(|issuer| issuer.iss)
}

/// What `token` says, if `keys` signed it and it says what is expected at `now_s` (seconds since 1970-01-01 UTC). `sub`, `iat` and
/// `exp` are demanded; times are whole seconds; an issuer's clock may be [`super::CLOCK_LEEWAY_S`] ahead, and expiry has no leeway.
///
/// # Errors
/// See [`TokenError`].
pub fn verify(token: &str, keys: &PublicKeys, expected: &Expected, now_s: i64) -> Result<Believed, TokenError> {
    let token = Compact::read(token)?;
    let header: Header = token.header()?;
    let algorithm = Algorithm::named(&header.alg).ok_or(TokenError::Algorithm)?;
    check_type(&header)?;
    let payload =
        token.payload(|signed, signature| keys.verify(header.kid.as_deref(), algorithm, signed, signature))?;
    let Claims(claims) = json(&payload, TokenPart::Claims)?;
    check(claims, expected, now_s)
}

fn check(claims: Value, expected: &Expected, now_s: i64) -> Result<Believed, TokenError> {
    let malformed = TokenError::Malformed(TokenPart::Claims);
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or(malformed),
    };
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer.as_str()) {
        return Err(TokenError::WrongIssuer);
    }
    if !is_meant_for(claims.get("aud"), &expected.audiences) {
        return Err(TokenError::WrongAudience);
    }
    if claims.get("sub").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(malformed);
    }
    let (issued_at, expires_at) = (time("iat")?.ok_or(malformed)?, time("exp")?.ok_or(malformed)?);
    check_times(issued_at, expires_at, time("nbf")?, expected.lifetime_max_s, now_s)?;
    Ok(Believed { issued_at, expires_at, claims })
}

/// RFC 7519, section 4.1.3: one audience, or several; a list with anything else in it is none.
fn is_meant_for(audience: Option<&Value>, ours: &[String]) -> bool {
    let is_ours = |value: &Value| value.as_str().is_some_and(|one| ours.iter().any(|our| our == one));
    match audience {
        Some(one @ Value::String(_)) => is_ours(one),
        Some(Value::Array(several)) => several.iter().all(Value::is_string) && several.iter().any(is_ours),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
    }
}

/// Any JSON in which no object has a member twice: which of the two somebody else read is not to be guessed.
struct Claims(Value);

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Unique)
    }
}

struct Unique;

impl<'de> Visitor<'de> for Unique {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated members")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Claims, E> {
        Ok(Claims(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Claims, E> {
        Ok(Claims(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Claims, E> {
        Ok(Claims(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Claims, E> {
        Ok(Claims(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Claims, E> {
        Ok(Claims(Value::String(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Claims, E> {
        Ok(Claims(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Claims, A::Error> {
        let mut values = Vec::new();
        while let Some(Claims(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Claims(Value::Array(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims, A::Error> {
        let mut object = Map::new();
        while let Some((name, Claims(value))) = members.next_entry::<String, Claims>()? {
            if object.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a member stands twice"));
            }
        }
        Ok(Claims(Value::Object(object)))
    }
}
