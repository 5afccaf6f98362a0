//! Detached signatures: a file beside the file that was signed.

use egide_crypto::digest::{Digest, sha256};
use egide_crypto::sign::{KeyId, Signature, SigningKey};
use serde::{Deserialize, Serialize};

/// The version of this format.
pub const SIGNATURE_SCHEMA: &str = "egide.signature/1";
/// Context of a report's signature (`disclosure_service.proto`, `Referral.signature`).
pub const REPORT_CONTEXT: &str = "egide/report/v1";

/// A signature in a file of its own: canonical JSON (RFC 8785) with `schema`, `context`, `key_id`, `sha256` of the signed bytes in
/// hexadecimal digits, and `signature`, the Ed25519 signature over `context ‖ 0x00 ‖ bytes` in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetachedSignature {
    schema: String,
    context: String,
    key_id: KeyId,
    sha256: Digest,
    signature: Signature,
}

/// The bytes are no detached signature of this version in its one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a detached signature of this version (`egide.signature/1`) in canonical form (rfc 8785)")]
pub struct ParseSignatureFileError;

impl DetachedSignature {
    /// Signs `bytes` for `context`.
    #[must_use]
    pub fn sign(key: &SigningKey, context: &str, bytes: &[u8]) -> Self {
        Self::of(context, key.key_id(), bytes, key.sign(context, bytes))
    }

    /// A signature that was made before.
    #[must_use]
    pub fn of(context: &str, key_id: KeyId, bytes: &[u8], signature: Signature) -> Self {
        Self {
            schema: SIGNATURE_SCHEMA.to_owned(),
            context: context.to_owned(),
            key_id,
            sha256: sha256(bytes),
            signature,
        }
    }

    /// Reads exactly what [`Self::to_bytes`] writes.
    ///
    /// # Errors
    /// [`ParseSignatureFileError`]
    pub fn read(bytes: &[u8]) -> Result<Self, ParseSignatureFileError> {
        let read: Self = serde_json::from_slice(bytes).map_err(|_| ParseSignatureFileError)?;
        let canonical = read.to_bytes().is_some_and(|canonical| canonical == bytes);
        if canonical && read.schema == SIGNATURE_SCHEMA { Ok(read) } else { Err(ParseSignatureFileError) }
    }

    /// Its bytes; always some.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        serde_json_canonicalizer::to_vec(self).ok()
    }

    /// What it was made for.
    #[must_use]
    pub fn context(&self) -> &str {
        &self.context
    }

    /// Who signed.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// SHA-256 of what was signed.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.sha256
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }
}
