//! The keys that sign reports, notices and checkpoints of the history, as they are published: one file, signed by the root, that is
//! all anybody needs to check any of them.

use egide_crypto::sign::{KeyId, KeyRing, Signature, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::day::Day;
use crate::document::{CertifiedKey, RevocationReason, Use};
use crate::root::RootKey;
use crate::trust::{ParseTrustError, Trust};

/// Context of the root's signature.
pub const PUBLISHED_CONTEXT: &str = "egide/verification-keys/v1";
/// The form of the file.
const VERSION: u32 = 1;
/// Largest file, in bytes.
const BYTES_MAX: usize = 1_024 * 1_024;

/// A key that signs, or once signed, reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedKey {
    /// Its name, which follows from the key.
    pub key_id: KeyId,
    /// The key.
    pub public_key: VerifyingKey,
    /// Who holds it.
    pub holder: String,
    /// First day of reports that it signs; absent: from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Day>,
    /// Last day of reports that it signs; absent: until further notice. What it signed until then counts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Day>,
    /// The revocation. Nothing it ever signed counts any more: whoever has the key writes whatever day they like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

impl From<&CertifiedKey> for PublishedKey {
    fn from(key: &CertifiedKey) -> Self {
        Self {
            key_id: key.key_id,
            public_key: key.public_key,
            holder: key.instance.clone(),
            valid_from: key.valid_from_day,
            retired_at: key.retired_on,
            revoked: match (key.revoked_on, key.revoked_because, key.revoked_after) {
                (None, None, None) => None,
                (at, reason, _) => Some(Revocation { at, reason: reason.unwrap_or(RevocationReason::NotSaid) }),
            },
        }
    }
}

impl PublishedKey {
    /// Whether a report of that day counts that it signed; a revocation is told before anything else.
    pub(crate) fn counts_on(&self, day: Day) -> Result<(), KeyRefusal> {
        let key_id = self.key_id;
        if let Some(revocation) = self.revoked {
            return Err(KeyRefusal::Revoked { key_id, revocation, day });
        }
        if let Some(valid_from) = self.valid_from.filter(|first| day < *first) {
            return Err(KeyRefusal::NotYet { key_id, valid_from, day });
        }
        if let Some(retired_at) = self.retired_at.filter(|last| day > *last) {
            return Err(KeyRefusal::Retired { key_id, retired_at, day });
        }
        Ok(())
    }
}

/// A key counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// On which day; absent where only a place in the log is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Day>,
    /// Why.
    pub reason: RevocationReason,
}

/// Why a key does not count for a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// No such key.
    #[error("key `{0}` is not among the published keys; fetch the current file")]
    Unknown(KeyId),
    /// It signs reports of later days only.
    #[error("key `{key_id}` signs reports from {valid_from} on, and this one says {day}")]
    NotYet {
        /// Which key.
        key_id: KeyId,
        /// Its first day.
        valid_from: Day,
        /// The report's day.
        day: Day,
    },
    /// It signed reports of earlier days only.
    #[error("key `{key_id}` signed reports until {retired_at}, and this one says {day}")]
    Retired {
        /// Which key.
        key_id: KeyId,
        /// Its last day.
        retired_at: Day,
        /// The report's day.
        day: Day,
    },
    /// It was revoked: no signature of it counts, whatever the day.
    #[error("key `{key_id}` was revoked: what it signed proves nothing, whatever day stands in it")]
    Revoked {
        /// Which key.
        key_id: KeyId,
        /// The revocation.
        revocation: Revocation,
        /// The report's day.
        day: Day,
    },
}

/// The keys that sign reports.
///
/// As JSON: `{"published":{"version":1,"serial":…,"issued_on":"2026-11-22","root_public_key":"<base64>","keys":[…],
/// "notice_keys":[…]},"root":"ed-…","signature":"<base64>"}`; the signature is the root's over RFC 8785 of `published`, under [`PUBLISHED_CONTEXT`]. An unknown
/// member or version is refused: what narrows a key must be understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedKeys {
    version: u32,
    /// That of the trust file it was made from; a larger one is newer.
    serial: u64,
    issued_on: Option<Day>,
    root_public_key: Option<VerifyingKey>,
    keys: Vec<PublishedKey>,
    /// Those that sign notices; they count for no report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notice_keys: Vec<PublishedKey>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<PublishedKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    published: T,
    root: KeyId,
    signature: Signature,
}

impl PublishedKeys {
    /// The keys of a ring, none of which says from or until when it counts: for trust files, and for tests.
    #[must_use]
    pub fn of_ring(ring: &KeyRing) -> Self {
        let keys = ring.iter().map(|(key_id, entry)| PublishedKey {
            key_id,
            public_key: entry.key(),
            holder: String::new(),
            valid_from: None,
            retired_at: None,
            // The place in the log tells nothing about a report in somebody's hands.
            revoked: entry.revoked_after().map(|_| Revocation { at: None, reason: RevocationReason::NotSaid }),
        });
        let keys = keys.collect();
        let (version, history, notice_keys) = (VERSION, Vec::new(), Vec::new());
        Self { version, serial: 0, issued_on: None, root_public_key: None, keys, history, notice_keys }
    }

    /// The keys for reports that a trust file certifies, as they are published on a day.
    #[must_use]
    pub fn of_trust(trust: &Trust, root: &RootKey, issued_on: Day) -> Self {
        let published = |of| trust.keys(of).iter().map(PublishedKey::from).collect();
        let (keys, history) = (published(Use::Report), published(Use::History));
        let notice_keys = published(Use::Notice);
        let root_public_key = Some(*root.key());
        let (version, serial, issued_on) = (VERSION, trust.serial(), Some(issued_on));
        Self { version, serial, issued_on, root_public_key, keys, history, notice_keys }
    }

    /// The file, signed with the root's private key.
    ///
    /// # Errors
    /// [`ParseTrustError`] when it is another root's, or nobody could read it afterwards.
    pub fn sign(&self, root: &SigningKey) -> Result<Vec<u8>, ParseTrustError> {
        let unreadable = || ParseTrustError::NotATrustFile;
        let expected = self.root_public_key.ok_or_else(unreadable)?;
        if root.public_key() != expected {
            return Err(ParseTrustError::OtherRoot { found: root.key_id(), expected: expected.key_id() });
        }
        let canonical = serde_json_canonicalizer::to_vec(self).map_err(|_| unreadable())?;
        let signature = root.sign(PUBLISHED_CONTEXT, &canonical);
        let file = File { published: self, root: root.key_id(), signature };
        let mut bytes = serde_json::to_vec_pretty(&file).map_err(|_| unreadable())?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Whether bytes say of themselves that they are such a file.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.len() <= BYTES_MAX
            && serde_json::from_slice::<Value>(bytes).is_ok_and(|value| value.get("published").is_some())
    }

    /// Reads a file: the root whose public key stands in it signed it; where `root` is given, it is that root.
    ///
    /// # Errors
    /// [`ParseTrustError`]; nothing of a file whose signature does not hold is used.
    pub fn verify(bytes: &[u8], root: Option<&RootKey>) -> Result<Self, ParseTrustError> {
        if bytes.len() > BYTES_MAX {
            return Err(ParseTrustError::NotATrustFile);
        }
        let file: File<Value> = serde_json::from_slice(bytes).map_err(|_| ParseTrustError::NotATrustFile)?;
        let version = file.published.get("version").and_then(Value::as_u64);
        // What is checked is what is used: both are made from this value.
        let canonical =
            serde_json_canonicalizer::to_vec(&file.published).map_err(|_| ParseTrustError::NotATrustFile)?;
        let named = file.published.get("root_public_key").and_then(Value::as_str);
        let named: VerifyingKey = named.and_then(|key| key.parse().ok()).ok_or(ParseTrustError::NotATrustFile)?;
        if let Some(root) = root.filter(|root| *root.key() != named) {
            return Err(ParseTrustError::OtherRoot { found: named.key_id(), expected: root.key_id() });
        }
        if file.root != named.key_id() {
            return Err(ParseTrustError::BadSignature);
        }
        named.verify(PUBLISHED_CONTEXT, &canonical, &file.signature).map_err(|_| ParseTrustError::BadSignature)?;
        if let Some(version) = version.filter(|version| *version != u64::from(VERSION)) {
            return Err(ParseTrustError::Version(u32::try_from(version).unwrap_or(u32::MAX)));
        }
        let keys: Self = serde_json::from_value(file.published).map_err(|_| ParseTrustError::NotATrustFile)?;
        keys.hold_together()?;
        Ok(keys)
    }

    fn hold_together(&self) -> Result<(), ParseTrustError> {
        let mut ring = KeyRing::new();
        let of_notices = self.notice_keys.iter().map(|key| (Use::Notice, key));
        let all = self.keys.iter().map(|key| (Use::Report, key)).chain(of_notices);
        for (of, key) in all.chain(self.history.iter().map(|key| (Use::History, key))) {
            let refused = |reason| ParseTrustError::Keys { of, reason };
            let actual = ring.insert(key.public_key, None, None).map_err(refused)?;
            if actual != key.key_id {
                return Err(refused(egide_crypto::sign::KeyRingError::OtherKey { stated: key.key_id, actual }));
            }
        }
        Ok(())
    }

    /// The key, if a report of that day counts that it signed.
    ///
    /// # Errors
    /// [`KeyRefusal`]; a revocation is told before anything else.
    pub fn counts_on(&self, key_id: KeyId, day: Day) -> Result<&PublishedKey, KeyRefusal> {
        let key = self.keys.iter().find(|key| key.key_id == key_id).ok_or(KeyRefusal::Unknown(key_id))?;
        key.counts_on(day).map(|()| key)
    }

    /// The keys that count for a notice of a day. A notice does not say which of them signed it.
    pub fn notice_keys_on(&self, day: Day) -> impl Iterator<Item = &PublishedKey> {
        self.notice_keys.iter().filter(move |key| key.counts_on(day).is_ok())
    }

    /// The keys whose signatures on checkpoints of the history count: those that were not revoked.
    pub fn of_history(&self) -> impl Iterator<Item = &PublishedKey> {
        self.history.iter().filter(|key| key.revoked.is_none())
    }

    /// All keys for reports, as they stand in the file.
    #[must_use]
    pub fn keys(&self) -> &[PublishedKey] {
        &self.keys
    }

    /// All keys for notices, as they stand in the file.
    #[must_use]
    pub fn notice_keys(&self) -> &[PublishedKey] {
        &self.notice_keys
    }

    /// The version of the trust file it was made from.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// The day it was published; absent of keys that came from elsewhere.
    #[must_use]
    pub const fn issued_on(&self) -> Option<Day> {
        self.issued_on
    }

    /// The root whose public key stands in it; absent of keys that came from elsewhere.
    #[must_use]
    pub fn root(&self) -> Option<RootKey> {
        self.root_public_key.map(RootKey::new)
    }
}
