//! Which keys count, from which position to which: published as a file, so that anyone can check signatures offline.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BadSignature, KeyId, Signature, VerifyingKey};

/// The form of a published ring.
const VERSION: u32 = 1;

/// The public keys whose signatures count, each between two positions of the log.
///
/// As JSON: `{"version":1,"keys":[{"key_id":"ed-…","public_key":"<base64>","valid_from":1,"revoked_after":900}]}`, in the
/// order of the ids. A version, a member or an id that does not fit is refused: what narrows a key must be understood.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "PublishedRing", try_from = "PublishedRing")]
pub struct KeyRing(BTreeMap<KeyId, KeyRingEntry>);

/// One key of a ring.
///
/// INVARIANT: `valid_from` is not above `revoked_after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRingEntry {
    key: VerifyingKey,
    valid_from: Option<u64>,
    revoked_after: Option<u64>,
}

impl KeyRingEntry {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> VerifyingKey {
        self.key
    }

    /// First position at which the key counts; without one, from the beginning.
    #[must_use]
    pub const fn valid_from(&self) -> Option<u64> {
        self.valid_from
    }

    /// Last position at which the key counts; without one, until further notice.
    #[must_use]
    pub const fn revoked_after(&self) -> Option<u64> {
        self.revoked_after
    }
}

/// A ring does not hold together, or was asked for a change that would widen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// The key stands in the ring already.
    #[error("key `{0}` stands in the ring already")]
    Repeated(KeyId),
    /// The id is not the one of the key beside it.
    #[error("key id `{stated}` stands beside the key of `{actual}`")]
    OtherKey {
        /// The id that stands there.
        stated: KeyId,
        /// The id that the key has.
        actual: KeyId,
    },
    /// The key would end before it begins.
    #[error("key `{key_id}` would be revoked after `{revoked_after}`, before it is valid from `{valid_from}`")]
    EndsBeforeItBegins {
        /// Which key.
        key_id: KeyId,
        /// Where it begins.
        valid_from: u64,
        /// Where it would end.
        revoked_after: u64,
    },
    /// The key is revoked after an earlier position; a revocation is never taken back.
    #[error("key `{key_id}` is revoked after `{revoked_after}` already; that only moves backwards")]
    RevokedEarlier {
        /// Which key.
        key_id: KeyId,
        /// Where it ends.
        revoked_after: u64,
    },
    /// No such key.
    #[error("key `{0}` is not in the ring")]
    Unknown(KeyId),
    /// Published in a form this version does not know.
    #[error("key rings of version `{0}` are unknown here; a newer egide wrote it")]
    Version(u32),
}

/// A signature does not count at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyAtError {
    /// No such key in the ring.
    #[error("key `{0}` is not in the ring; fetch the current one")]
    UnknownKey(KeyId),
    /// The key counts only later.
    #[error("key `{key_id}` is valid from position `{valid_from}`, not at `{position}`")]
    NotYetValid {
        /// Which key.
        key_id: KeyId,
        /// Where it begins.
        valid_from: u64,
        /// The position asked about.
        position: u64,
    },
    /// The key no longer counts.
    #[error("key `{key_id}` was revoked after position `{revoked_after}`, before `{position}`")]
    Revoked {
        /// Which key.
        key_id: KeyId,
        /// Where it ends.
        revoked_after: u64,
        /// The position asked about.
        position: u64,
    },
    /// The key counts, the signature is not its own.
    #[error(transparent)]
    BadSignature(#[from] BadSignature),
}

impl KeyRing {
    /// A ring without keys: nothing verifies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key that counts from `valid_from` to `revoked_after`, both positions included, both open if absent.
    ///
    /// # Errors
    /// [`KeyRingError::Repeated`], [`KeyRingError::EndsBeforeItBegins`].
    pub fn insert(
        &mut self,
        key: VerifyingKey,
        valid_from: Option<u64>,
        revoked_after: Option<u64>,
    ) -> Result<KeyId, KeyRingError> {
        let key_id = key.key_id();
        if self.0.contains_key(&key_id) {
            return Err(KeyRingError::Repeated(key_id));
        }
        check_order(key_id, valid_from, revoked_after)?;
        self.0.insert(key_id, KeyRingEntry { key, valid_from, revoked_after });
        Ok(key_id)
    }

    /// Ends a key: what it signed after `position` no longer counts. A revocation moves backwards only.
    ///
    /// # Errors
    /// [`KeyRingError::Unknown`], [`KeyRingError::RevokedEarlier`], [`KeyRingError::EndsBeforeItBegins`].
    pub fn revoke_after(&mut self, key_id: KeyId, position: u64) -> Result<(), KeyRingError> {
        let entry = self.0.get_mut(&key_id).ok_or(KeyRingError::Unknown(key_id))?;
        if let Some(revoked_after) = entry.revoked_after.filter(|earlier| *earlier < position) {
            return Err(KeyRingError::RevokedEarlier { key_id, revoked_after });
        }
        check_order(key_id, entry.valid_from, Some(position))?;
        entry.revoked_after = Some(position);
        Ok(())
    }

    /// The entry of one key.
    #[must_use]
    pub fn get(&self, key_id: KeyId) -> Option<&KeyRingEntry> {
        self.0.get(&key_id)
    }

    /// All entries, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (KeyId, &KeyRingEntry)> {
        self.0.iter().map(|(key_id, entry)| (*key_id, entry))
    }

    /// Checks a signature that stands at `position`: the key is known, counts there, and made it.
    ///
    /// # Errors
    /// See [`VerifyAtError`].
    pub fn verify_at(
        &self,
        position: u64,
        key_id: KeyId,
        context: &str,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), VerifyAtError> {
        Ok(self.counts_at(position, key_id)?.key.verify(context, message, signature)?)
    }

    /// The entry of a key that counts at `position`.
    ///
    /// # Errors
    /// See [`VerifyAtError`]; whose signature it is, is not asked.
    pub fn counts_at(&self, position: u64, key_id: KeyId) -> Result<&KeyRingEntry, VerifyAtError> {
        let entry = self.0.get(&key_id).ok_or(VerifyAtError::UnknownKey(key_id))?;
        if let Some(valid_from) = entry.valid_from.filter(|first| position < *first) {
            return Err(VerifyAtError::NotYetValid { key_id, valid_from, position });
        }
        if let Some(revoked_after) = entry.revoked_after.filter(|last| position > *last) {
            return Err(VerifyAtError::Revoked { key_id, revoked_after, position });
        }
        Ok(entry)
    }
}

fn check_order(key_id: KeyId, valid_from: Option<u64>, revoked_after: Option<u64>) -> Result<(), KeyRingError> {
    match (valid_from, revoked_after) {
        (Some(valid_from), Some(revoked_after)) if revoked_after < valid_from => {
            Err(KeyRingError::EndsBeforeItBegins { key_id, valid_from, revoked_after })
        }
        (_, _) => Ok(()),
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedRing {
    version: u32,
    keys: Vec<PublishedKey>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedKey {
    key_id: KeyId,
    public_key: VerifyingKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_from: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_after: Option<u64>,
}

impl From<KeyRing> for PublishedRing {
    fn from(ring: KeyRing) -> Self {
        let keys = ring.0.into_iter().map(|(key_id, entry)| PublishedKey {
            key_id,
            public_key: entry.key,
            valid_from: entry.valid_from,
            revoked_after: entry.revoked_after,
        });
        Self { version: VERSION, keys: keys.collect() }
    }
}

impl TryFrom<PublishedRing> for KeyRing {
    type Error = KeyRingError;

    fn try_from(published: PublishedRing) -> Result<Self, Self::Error> {
        if published.version != VERSION {
            return Err(KeyRingError::Version(published.version));
        }
        let mut ring = Self::new();
        for key in published.keys {
            let actual = ring.insert(key.public_key, key.valid_from, key.revoked_after)?;
            if actual != key.key_id {
                return Err(KeyRingError::OtherKey { stated: key.key_id, actual });
            }
        }
        Ok(ring)
    }
}
