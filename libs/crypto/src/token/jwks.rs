//! The public keys of an issuer, as it publishes them (RFC 7517, 7518 section 6, 8037).

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

use super::TokenError;
use crate::sign::VerifyingKey;

/// Largest published set that is read, in bytes.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;
/// Most keys of one set.
pub const JWKS_KEYS_MAX: usize = 64;
/// Longest id of a key, in bytes.
const KEY_ID_BYTES_MAX: usize = 256;
/// RSA moduli that are believed, in bytes: 2048 to 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// Coordinates on P-256, in bytes.
const P256_BYTES: usize = 32;
/// What an uncompressed point begins with (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 0x04;

/// The algorithms that are believed. Each belongs to one type of key; none is symmetric, and `none` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits or more (RFC 7518, section 3.3).
    Rs256,
}

impl Algorithm {
    /// By its name in a token's header, compared as it is (RFC 7515, section 4.1.1).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256, Self::Rs256].into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Its name in a token's header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

/// A published set cannot be used. Nothing of it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Larger than [`JWKS_BYTES_MAX`].
    #[error("the key set is larger than {JWKS_BYTES_MAX} bytes")]
    TooLarge,
    /// Not an object with a list `keys` of objects.
    #[error("the key set is no JSON object with a list `keys` (RFC 7517, section 5)")]
    Malformed,
    /// More than [`JWKS_KEYS_MAX`] keys.
    #[error("the key set has more than {JWKS_KEYS_MAX} keys")]
    TooMany,
    /// Two keys that could be meant by one id.
    #[error("two keys of the set have one id: which is meant is not to be guessed")]
    Duplicate,
    /// A private key stands in it.
    #[error("the key set holds a private key: whoever read it can be anybody; replace that key at once")]
    Private,
}

/// The keys of one issuer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PublicKeys {
    // INVARIANT: no two have one id.
    keys: Vec<PublicKey>,
    ignored: usize,
}

#[derive(Clone, PartialEq, Eq)]
struct PublicKey {
    id: Option<String>,
    material: Material,
}

#[derive(Clone, PartialEq, Eq)]
enum Material {
    Ed25519(VerifyingKey),
    P256(Vec<u8>),
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

impl fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKeys").field("keys", &self.keys.len()).field("ignored", &self.ignored).finish()
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Map<String, Value>>,
}

impl PublicKeys {
    /// Reads a published set. Keys of a type, for a use or with an algorithm that is none of ours are left out (RFC 7517,
    /// section 5), and so are keys that are too weak or not whole: what they sign is not believed.
    ///
    /// # Errors
    /// See [`JwksError`].
    pub fn parse(json: &[u8]) -> Result<Self, JwksError> {
        if json.len() > JWKS_BYTES_MAX {
            return Err(JwksError::TooLarge);
        }
        let set: Set = serde_json::from_slice(json).map_err(|_| JwksError::Malformed)?;
        if set.keys.len() > JWKS_KEYS_MAX {
            return Err(JwksError::TooMany);
        }
        // `d` is private in every type of key that has two halves; a symmetric one is none of ours, and left out.
        if set.keys.iter().any(|key| key.contains_key("d")) {
            return Err(JwksError::Private);
        }
        let all = set.keys.len();
        let keys: Vec<PublicKey> = set.keys.iter().filter_map(read).collect();
        let ids: BTreeSet<&Option<String>> = keys.iter().map(|key| &key.id).collect();
        // Two without an id are as bad as two with one: a token that names none would mean either.
        if ids.len() < keys.len() {
            return Err(JwksError::Duplicate);
        }
        let ignored = all.saturating_sub(keys.len());
        Ok(Self { keys, ignored })
    }

    /// Ed25519 keys by the ids an issuer gives them.
    #[must_use]
    pub fn of_ed25519(keys: impl IntoIterator<Item = (String, VerifyingKey)>) -> Self {
        let keys: std::collections::BTreeMap<String, VerifyingKey> = keys.into_iter().collect();
        let keys = keys.into_iter().map(|(id, key)| PublicKey { id: Some(id), material: Material::Ed25519(key) });
        Self { keys: keys.collect(), ignored: 0 }
    }

    /// How many keys can be used.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can be used: then nothing verifies.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys of the set were left out.
    #[must_use]
    pub const fn ignored(&self) -> usize {
        self.ignored
    }

    /// Checks a signature by the key of this id, or without one by the only key, if there is one only. The algorithm a token names
    /// must be the key's own: a key never serves for another.
    pub(super) fn verify(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), TokenError> {
        let key = match (id, self.keys.as_slice()) {
            (None, [only]) => only,
            (None, _) => return Err(TokenError::UnknownKey),
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)).ok_or(TokenError::UnknownKey)?,
        };
        if key.material.algorithm() != algorithm {
            return Err(TokenError::Algorithm);
        }
        key.material.verify(signed, signature)
    }
}

impl Material {
    const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::P256(_) => Algorithm::Es256,
            Self::Rsa { .. } => Algorithm::Rs256,
        }
    }

    fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), TokenError> {
        let verified = match self {
            Self::Ed25519(key) => return key.verify_raw(signed, signature).map_err(|_| TokenError::BadSignature),
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature),
            Self::Rsa { modulus, exponent } => RsaPublicKeyComponents { n: modulus, e: exponent }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed,
                signature,
            ),
        };
        verified.map_err(|_| TokenError::BadSignature)
    }
}

/// One key, if it is one of ours.
fn read(key: &serde_json::Map<String, Value>) -> Option<PublicKey> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let id = match key.get("kid") {
        None => None,
        Some(Value::String(id)) if (1..=KEY_ID_BYTES_MAX).contains(&id.len()) => Some(id.clone()),
        Some(_) => return None,
    };
    let material = match (text("kty")?, text("crv")) {
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x")?.as_slice().try_into().ok()?),
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            // Whole coordinates, leading zeros included (RFC 7518, section 6.2.1.2).
            let whole = x.len() == P256_BYTES && y.len() == P256_BYTES;
            whole.then(|| Material::P256([vec![UNCOMPRESSED], x, y].concat()))?
        }
        ("RSA", _) => {
            let (modulus, exponent) = (bytes("n")?, bytes("e")?);
            let fits = RSA_BYTES.contains(&modulus.len()) && modulus.first() != Some(&0);
            fits.then_some(Material::Rsa { modulus, exponent })?
        }
        (_, _) => return None,
    };
    let for_us = is_absent_or(key, "use", |used| used.as_str() == Some("sig"))
        && is_absent_or(key, "alg", |alg| alg.as_str() == Some(material.algorithm().name()))
        && is_absent_or(key, "key_ops", |operations| {
            operations.as_array().is_some_and(|all| all.iter().any(|one| one.as_str() == Some("verify")))
        });
    for_us.then_some(PublicKey { id, material })
}

fn is_absent_or(key: &serde_json::Map<String, Value>, name: &str, fits: impl FnOnce(&Value) -> bool) -> bool {
    key.get(name).is_none_or(fits)
}
