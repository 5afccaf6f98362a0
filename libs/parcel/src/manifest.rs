//! What is in a package.

use egide_crypto::digest::{Digest, sha256};
use egide_crypto::sign::KeyId;
use egide_trust::Day;
use serde::{Deserialize, Serialize};

use crate::archive::Part;
use crate::key::EncryptionKey;

/// The version of the package's format.
pub const PACKAGE_SCHEMA: &str = "egide.package/1";
/// Context of the manifest's signature.
pub const MANIFEST_CONTEXT: &str = "egide/package/v1";

/// What is in a package: canonical JSON (RFC 8785), signed under [`MANIFEST_CONTEXT`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`PACKAGE_SCHEMA`].
    pub schema: String,
    /// The referral (UUID).
    pub referral_id: String,
    /// The day the report was issued, as it says itself.
    pub issued_on: Day,
    /// The day this package was made (UTC).
    pub packed_on: Day,
    /// The key that signs the manifest.
    pub key_id: KeyId,
    /// Fingerprints of the keys the package was encrypted to, all of one unit, in their order.
    pub encrypted_to: Vec<String>,
    /// Everything in the package besides the manifest and its signature, in the archive's order.
    pub files: Vec<ListedFile>,
}

/// A file of the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// Their SHA-256, in hexadecimal digits.
    pub sha256: Digest,
}

impl ListedFile {
    pub(crate) fn of(part: Part, bytes: &[u8]) -> Self {
        Self {
            name: part.name().to_owned(),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: sha256(bytes),
        }
    }
}

impl Manifest {
    /// Reads exactly what [`Self::to_bytes`] writes.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(bytes).ok()?;
        let canonical = read.to_bytes().is_some_and(|canonical| canonical == bytes);
        (canonical && read.schema == PACKAGE_SCHEMA).then_some(read)
    }

    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        serde_json_canonicalizer::to_vec(self).ok()
    }
}

/// The names of keys in their order, so that the order of the directory tells nothing: as a manifest lists them.
#[must_use]
pub fn fingerprints(keys: &[EncryptionKey]) -> Vec<String> {
    let mut names: Vec<String> = keys.iter().map(|key| key.fingerprint().to_string()).collect();
    names.sort_unstable();
    names
}
