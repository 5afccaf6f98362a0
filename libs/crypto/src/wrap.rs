//! Key-encryption keys: data keys at rest stand wrapped under the key of the current epoch, which lives outside the
//! log, the keys' bucket and the projections.
//!
//! A wrapped key is a sealed record like any other (a derived key per wrapping, a commitment), under labels of its own
//! and bound to its key id and its epoch: it opens neither in another entry of the bucket nor under another epoch's name.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::encoding;
use crate::random::RandomUnavailable;
use crate::seal::{
    COMMITMENT_BYTES, DataKey, NONCE_BYTES, OpenError, SALT_BYTES, Scheme, SealError, SealedRecord, TAG_BYTES,
};
use crate::secret::{KEY_BYTES, Secret};

const WRAP: Scheme = Scheme { key: "egide/wrap/v1", commitment: "egide/wrap-commitment/v1" };
/// First byte of a wrapped key: the layout that follows.
const VERSION: u8 = 1;
const CIPHERTEXT_BYTES: usize = KEY_BYTES + TAG_BYTES;

/// The name of one life of the key-encryption key, such as `2026-q4`: 1 to 64 lower-case letters, digits, `.`, `-`, `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(String);

impl Epoch {
    /// Longest name of an epoch.
    pub const BYTES_MAX: usize = 64;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text names no epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an epoch is 1 to {} lower-case letters, digits, `.`, `-` or `_`", Epoch::BYTES_MAX)]
pub struct ParseEpochError;

impl FromStr for Epoch {
    type Err = ParseEpochError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        let fits = (1..=Self::BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Self(text.to_owned())).ok_or(ParseEpochError)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key that wraps data keys during one epoch. Destroying it destroys what only it can unwrap.
pub struct KeyEncryptionKey {
    epoch: Epoch,
    secret: Secret,
}

/// The text holds no key. It is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseKeyError {
    /// Neither form, or another length.
    #[error("a key-encryption key is 32 bytes, as 64 hexadecimal digits or as base64")]
    Form,
    /// One byte repeated: a placeholder that somebody forgot to replace.
    #[error("the key-encryption key is one byte repeated; generate a random one")]
    Placeholder,
}

impl KeyEncryptionKey {
    /// Draws a new key for `epoch`.
    pub fn generate(epoch: Epoch) -> Result<Self, RandomUnavailable> {
        Ok(Self { epoch, secret: Secret::generate()? })
    }

    /// Reads a key from the text of a file or a variable: 64 hexadecimal digits, or base64 (standard with padding, or
    /// URL-safe without); white space around it is ignored.
    ///
    /// # Errors
    /// See [`ParseKeyError`]; the text is never repeated.
    pub fn parse(epoch: Epoch, text: &str) -> Result<Self, ParseKeyError> {
        let text = text.trim();
        let secret = Secret::filled(|key| encoding::read_hex(text, key) || encoding::read_base64(text, key))
            .ok_or(ParseKeyError::Form)?;
        let [first, rest @ ..] = secret.expose();
        if rest.iter().all(|byte| byte == first) {
            return Err(ParseKeyError::Placeholder);
        }
        Ok(Self { epoch, secret })
    }

    /// The key as base64, for the file in which it is kept: the one way a raw key leaves this crate.
    #[must_use]
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(encoding::base64(self.secret.expose()))
    }

    /// The epoch this key belongs to.
    #[must_use]
    pub const fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Wraps `key` for the entry `key_id`. Wrapping again gives other bytes for the same key.
    ///
    /// # Errors
    /// See [`SealError`]; `TooLong` cannot happen.
    pub fn wrap(&self, key: &DataKey, key_id: &str) -> Result<WrappedKey, SealError> {
        let record = WRAP.seal(&self.secret, &associated_data(&self.epoch, key_id), key.secret().expose())?;
        Ok(WrappedKey { epoch: self.epoch.clone(), record })
    }

    /// Unwraps the entry `key_id`.
    ///
    /// # Errors
    /// [`UnwrapError::OtherEpoch`] when another epoch's key is needed; otherwise the entry was altered, moved from
    /// another id, or wrapped under another key of the same epoch's name.
    pub fn unwrap(&self, wrapped: &WrappedKey, key_id: &str) -> Result<DataKey, UnwrapError> {
        if wrapped.epoch != self.epoch {
            return Err(UnwrapError::OtherEpoch { wrapped: wrapped.epoch.clone(), key: self.epoch.clone() });
        }
        let opened = WRAP.open(&self.secret, &wrapped.record, &associated_data(&self.epoch, key_id))?;
        Secret::from_slice(&opened).map(DataKey::from_secret).ok_or(UnwrapError::Open(OpenError::Tampered))
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyEncryptionKey({}, ..)", self.epoch)
    }
}

fn associated_data(epoch: &Epoch, key_id: &str) -> Vec<u8> {
    let mut data = Vec::new();
    let parts = [epoch.as_str().as_bytes(), key_id.as_bytes()];
    encoding::feed_parts(&mut |bytes| data.extend_from_slice(bytes), WRAP.key, &parts);
    data
}

/// A data key did not unwrap.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapError {
    /// Another epoch's key is needed.
    #[error("the data key was wrapped in epoch `{wrapped}`, not in `{key}`; give the key of `{wrapped}`")]
    OtherEpoch {
        /// The epoch it was wrapped in.
        wrapped: Epoch,
        /// The epoch of the key that was tried.
        key: Epoch,
    },
    /// The right epoch by name, but it does not open.
    #[error("the wrapped data key does not open: {0}")]
    Open(#[from] OpenError),
}

/// A data key as it stands in the keys' bucket.
///
/// As bytes: version (1), length of the epoch (one byte), epoch, salt (32), nonce (12), commitment (32), encrypted key
/// with its tag (48).
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    epoch: Epoch,
    // INVARIANT: the ciphertext has CIPHERTEXT_BYTES.
    record: SealedRecord,
}

/// The bytes are no wrapped key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseWrappedKeyError {
    /// Written by a later version.
    #[error("wrapped keys of version `{0}` are unknown here; a newer egide wrote it")]
    Version(u8),
    /// Cut short, too long, or not one at all.
    #[error("the bytes are no wrapped key")]
    Form,
}

impl WrappedKey {
    /// The epoch whose key unwraps it.
    #[must_use]
    pub const fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The bytes to store.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // An epoch has at most 64 bytes by construction; were that ever untrue, no reader would accept the entry.
        let epoch_length = u8::try_from(self.epoch.0.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![VERSION, epoch_length];
        bytes.extend_from_slice(self.epoch.0.as_bytes());
        bytes.extend_from_slice(&self.record.salt);
        bytes.extend_from_slice(&self.record.nonce);
        bytes.extend_from_slice(&self.record.commitment);
        bytes.extend_from_slice(&self.record.ciphertext);
        bytes
    }

    /// Reads what [`WrappedKey::to_bytes`] wrote.
    ///
    /// # Errors
    /// See [`ParseWrappedKeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseWrappedKeyError> {
        let (version, rest) = bytes.split_first().ok_or(ParseWrappedKeyError::Form)?;
        if *version != VERSION {
            return Err(ParseWrappedKeyError::Version(*version));
        }
        Self::read(rest).ok_or(ParseWrappedKeyError::Form)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (epoch_length, rest) = bytes.split_first()?;
        let (epoch, rest) = rest.split_at_checked(usize::from(*epoch_length))?;
        let epoch = std::str::from_utf8(epoch).ok()?.parse().ok()?;
        let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (commitment, ciphertext) = rest.split_first_chunk::<COMMITMENT_BYTES>()?;
        (ciphertext.len() == CIPHERTEXT_BYTES).then(|| Self {
            epoch,
            record: SealedRecord {
                salt: *salt,
                nonce: *nonce,
                ciphertext: ciphertext.to_vec(),
                commitment: *commitment,
            },
        })
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedKey({})", self.epoch)
    }
}
