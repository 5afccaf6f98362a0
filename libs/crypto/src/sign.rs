//! Ed25519 signatures (RFC 8032), each made for a context, and checked against keys that were valid at a position.
//!
//! What is signed is `context ‖ 0x00 ‖ message`: a signature made for one use (a block, a checkpoint, a report) says
//! nothing in another. Anyone can check one with the public key and any Ed25519 implementation.

mod key_ring;

use std::fmt;
use std::str::FromStr;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::digest::sha256;
use crate::encoding;
use crate::random::RandomUnavailable;

pub use key_ring::{KeyRing, KeyRingEntry, KeyRingError, VerifyAtError};

/// The short name of a public key: `ed-` and the first 16 hexadecimal digits of the key's SHA-256.
///
/// A name, not a proof: 64 bits keep honest keys apart; what a signature is worth, a [`KeyRing`] says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyId([u8; KeyId::BYTES]);

impl KeyId {
    const BYTES: usize = 8;
    const PREFIX: &str = "ed-";

    fn of(public_key: &[u8; VerifyingKey::BYTES]) -> Self {
        let mut bytes = [0; Self::BYTES];
        for (byte, digest) in bytes.iter_mut().zip(sha256(public_key).as_bytes()) {
            *byte = *digest;
        }
        Self(bytes)
    }
}

/// The text is no key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key id is `ed-` and 16 hexadecimal digits")]
pub struct ParseKeyIdError;

impl FromStr for KeyId {
    type Err = ParseKeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; Self::BYTES];
        let digits = text.strip_prefix(Self::PREFIX).ok_or(ParseKeyIdError)?;
        encoding::read_hex(digits, &mut bytes).then_some(Self(bytes)).ok_or(ParseKeyIdError)
    }
}

impl TryFrom<String> for KeyId {
    type Error = ParseKeyIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        encoding::write_hex(f, &self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// An Ed25519 key pair that lives as long as the process that signs with it. `ring` does not wipe it.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: VerifyingKey,
}

/// The bytes hold no Ed25519 private key. They are never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signing key is no Ed25519 private key in PKCS#8 (DER)")]
pub struct ParseSigningKeyError;

impl SigningKey {
    /// Draws a new key; beside it the PKCS#8 document to keep, wiped when dropped.
    pub fn generate() -> Result<(Self, Zeroizing<Vec<u8>>), RandomUnavailable> {
        let random = ring::rand::SystemRandom::new();
        let document = Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| RandomUnavailable)?;
        let document = Zeroizing::new(document.as_ref().to_vec());
        // ring refuses only what it did not write itself, so a refusal here means that the draw went wrong.
        let key = Self::from_pkcs8(&document).map_err(|_| RandomUnavailable)?;
        Ok((key, document))
    }

    /// Reads a PKCS#8 document in DER: as [`SigningKey::generate`] writes it, or without the public key, as OpenSSL
    /// does. A public key that is there must belong to the private one.
    ///
    /// # Errors
    /// [`ParseSigningKeyError`] for anything else.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, ParseSigningKeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document).map_err(|_| ParseSigningKeyError)?;
        let public = pair.public_key().as_ref().try_into().map(VerifyingKey).map_err(|_| ParseSigningKeyError)?;
        Ok(Self { pair, public })
    }

    /// The name of this key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.public.key_id()
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub const fn public_key(&self) -> VerifyingKey {
        self.public
    }

    /// Signs `message` for `context`, a constant such as `egide/block/v1`.
    #[must_use]
    pub fn sign(&self, context: &str, message: &[u8]) -> Signature {
        self.sign_raw(&signed_bytes(context, message))
    }

    /// Signs a text whose form another specification fixes, such as a note or a cosignature, as it stands: without a context.
    /// `None` for a text with a zero byte: what we sign for a context always holds one, so neither passes for the other.
    #[must_use]
    pub fn sign_text(&self, text: &str) -> Option<Signature> {
        (!text.as_bytes().contains(&0)).then(|| self.sign_raw(text.as_bytes()))
    }

    /// Signs bytes whose form another specification fixes. Those never hold a zero byte, as ours always do.
    pub(crate) fn sign_raw(&self, bytes: &[u8]) -> Signature {
        let mut signature = [0; Signature::BYTES];
        // Ed25519 signatures have 64 bytes: the lengths always agree.
        signature.copy_from_slice(self.pair.sign(bytes).as_ref());
        Signature(signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, ..)", self.key_id())
    }
}

/// `context ‖ 0x00 ‖ message`. Zero bytes in a context are left out, so that the first one always ends it, and no part
/// of a context can pass for the beginning of a message.
fn signed_bytes(context: &str, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(context.len() + 1 + message.len());
    bytes.extend(context.bytes().filter(|byte| *byte != 0));
    bytes.push(0);
    bytes.extend_from_slice(message);
    bytes
}

/// An Ed25519 public key. As text: base64 (standard, padded) from `Display` and serde; hexadecimal on demand; both read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct VerifyingKey([u8; VerifyingKey::BYTES]);

/// The text is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public key is 32 bytes, as base64 or as 64 hexadecimal digits")]
pub struct ParseVerifyingKeyError;

/// The signature is not one of this key over this context and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not belong to this key, context and message")]
pub struct BadSignature;

impl VerifyingKey {
    /// Bytes of a public key.
    pub const BYTES: usize = 32;

    /// A key as RFC 8032 encodes it. Bytes that are no point on the curve verify nothing.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, as RFC 8032 encodes them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// The key as 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        crate::digest::Digest::from_bytes(self.0).to_string()
    }

    /// The name of this key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        KeyId::of(&self.0)
    }

    /// Checks that `signature` was made with this key for `context` over `message`.
    ///
    /// # Errors
    /// [`BadSignature`] if not, whatever the reason.
    pub fn verify(&self, context: &str, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.verify_raw(&signed_bytes(context, message), &signature.0)
    }

    /// Checks a signature over a text, as [`SigningKey::sign_text`] makes it.
    ///
    /// # Errors
    /// [`BadSignature`] if it is none, or the text holds a zero byte.
    pub fn verify_text(&self, text: &str, signature: &Signature) -> Result<(), BadSignature> {
        if text.as_bytes().contains(&0) {
            return Err(BadSignature);
        }
        self.verify_raw(text.as_bytes(), &signature.0)
    }

    /// Checks a signature over bytes whose form another specification fixes.
    pub(crate) fn verify_raw(&self, bytes: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(bytes, signature).map_err(|_| BadSignature)
    }
}

impl FromStr for VerifyingKey {
    type Err = ParseVerifyingKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; Self::BYTES];
        let read = encoding::read_hex(text, &mut bytes) || encoding::read_base64(text, &mut bytes);
        read.then_some(Self(bytes)).ok_or(ParseVerifyingKeyError)
    }
}

impl TryFrom<&[u8]> for VerifyingKey {
    type Error = ParseVerifyingKeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| ParseVerifyingKeyError)
    }
}

impl TryFrom<String> for VerifyingKey {
    type Error = ParseVerifyingKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<VerifyingKey> for String {
    fn from(key: VerifyingKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::base64(&self.0))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

/// An Ed25519 signature. As text: base64 (standard, padded).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Signature([u8; Signature::BYTES]);

/// What was read is no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signature is 64 bytes, as text in base64")]
pub struct ParseSignatureError;

impl Signature {
    /// Bytes of a signature.
    pub const BYTES: usize = 64;

    /// A signature that was made elsewhere and stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, as they are stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Signature {
    type Error = ParseSignatureError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| ParseSignatureError)
    }
}

impl FromStr for Signature {
    type Err = ParseSignatureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; Self::BYTES];
        encoding::read_base64(text, &mut bytes).then_some(Self(bytes)).ok_or(ParseSignatureError)
    }
}

impl TryFrom<String> for Signature {
    type Error = ParseSignatureError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> Self {
        signature.to_string()
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::base64(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, tests 1 to 3: private key, public key, message, signature. They sign bare messages.
    const VECTORS: [[&str; 4]; 3] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "r",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "\u{af}\u{82}",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
    ];

    #[test]
    fn a_text_and_a_message_for_a_context_never_pass_for_each_other() {
        let (key, _) = SigningKey::generate().unwrap();
        let signature = key.sign_text("a note\n").unwrap();
        assert_eq!(key.public_key().verify_text("a note\n", &signature), Ok(()));
        assert_eq!(key.public_key().verify_text("a note\n\n", &signature), Err(BadSignature));
        let ours = key.sign("context", b"message");
        assert_eq!(key.public_key().verify_raw(b"context\0message", ours.as_bytes()), Ok(()));
        assert_eq!(key.public_key().verify_text("context\0message", &ours), Err(BadSignature));
        assert!(key.sign_text("context\0message").is_none());
    }

    #[test]
    fn signatures_are_those_of_rfc_8032() {
        for [private, public, message, expected] in VECTORS {
            let seed: VerifyingKey = private.parse().unwrap();
            let key = Ed25519KeyPair::from_seed_unchecked(seed.as_bytes()).unwrap();
            let public: VerifyingKey = public.parse().unwrap();
            let key = SigningKey { pair: key, public };
            assert_eq!(key.pair.public_key().as_ref(), public.as_bytes());
            // The messages are bytes; each char of the constant stands for one.
            let message: Vec<u8> = message.chars().map(|byte| u8::try_from(byte).unwrap()).collect();
            let mut signature = [0; Signature::BYTES];
            assert!(encoding::read_hex(expected, &mut signature));
            assert_eq!(key.sign_raw(&message), Signature(signature));
            assert_eq!(public.verify_raw(&message, &signature), Ok(()));
            assert_eq!(public.verify_raw(b"other", &signature), Err(BadSignature));
        }
    }
}
