//! A trust file that its root signed.

use egide_crypto::digest::{Digest, sha256_parts};
use egide_crypto::sign::{KeyId, KeyRing, KeyRingError, SigningKey};
use serde_json::Value;

use crate::day::Day;
use crate::document::{CertifiedKey, Document, File, Restore, Use, VERSION};
use crate::draft::Draft;
use crate::lineage::{Lineage, LineageError};
use crate::published::{KeyRefusal, PublishedKey};
use crate::root::RootKey;

/// Context of the root's signature.
pub const SIGNATURE_CONTEXT: &str = "egide/trust/v1";
/// Context of the digest by which two trust files are told apart.
const DIGEST_CONTEXT: &str = "egide/trust-digest/v1";
/// Largest number in the file: above it, JSON readers no longer agree (RFC 8785, RFC 7493).
const NUMBER_MAX: u64 = (1 << 53) - 1;
/// Largest file, in bytes: room for thousands of keys.
const BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// The bytes are no trust file that counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseTrustError {
    /// They are none.
    #[error("this is no trust file; `egide trust init` makes one")]
    NotATrustFile,
    /// They are keys that nobody signed.
    #[error("these keys are signed by no root; make a trust file of them with `egide trust init`")]
    Unsigned,
    /// Another root signed it.
    #[error("the trust file is signed by root `{found}`, and `{expected}` is trusted here")]
    OtherRoot {
        /// Who signed.
        found: KeyId,
        /// Who is trusted.
        expected: KeyId,
    },
    /// The signature is not the root's over these bytes.
    #[error("the root's signature does not belong to this trust file: it was changed after it was signed")]
    BadSignature,
    /// A newer version wrote it.
    #[error("trust files of version `{0}` are unknown here: upgrade this egide")]
    Version(u32),
    /// A number is larger than JSON carries.
    #[error("a number in the trust file is larger than 2^53 - 1")]
    Number,
    /// Its keys do not hold together.
    #[error("the keys for `{of}` do not hold together: {reason}", of = .of.name())]
    Keys {
        /// Of which use.
        of: Use,
        /// Why not.
        reason: KeyRingError,
    },
    /// Its restores do not follow from one another.
    #[error(transparent)]
    Restores(#[from] LineageError),
}

/// What the root certifies.
///
/// INVARIANT: made from a document that the root signed ([`Trust::verify`]), or by a [`Draft`] that was just signed, or of
/// a ring alone ([`Trust::of_ring`]), for tests and tools that have no root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    document: Document,
    digest: Digest,
    ledger: KeyRing,
    report: KeyRing,
    lineage: Option<Lineage>,
}

impl Trust {
    /// Reads a trust file and checks that `root` signed it.
    ///
    /// # Errors
    /// [`ParseTrustError`]; nothing of a file that is not signed is used.
    pub fn verify(bytes: &[u8], root: &RootKey) -> Result<Self, ParseTrustError> {
        if bytes.len() > BYTES_MAX {
            return Err(ParseTrustError::NotATrustFile);
        }
        let file: File<Value> = serde_json::from_slice(bytes).map_err(|_| unsigned_or_none(bytes))?;
        if file.root != root.key_id() {
            return Err(ParseTrustError::OtherRoot { found: file.root, expected: root.key_id() });
        }
        // What is checked is what is used: both are made from this value.
        let canonical = canonical(&file.trust)?;
        root.key().verify(SIGNATURE_CONTEXT, &canonical, &file.signature).map_err(|_| ParseTrustError::BadSignature)?;
        let version = file.trust.get("version").and_then(Value::as_u64);
        if let Some(version) = version.filter(|version| *version != u64::from(VERSION)) {
            return Err(ParseTrustError::Version(u32::try_from(version).unwrap_or(u32::MAX)));
        }
        let document: Document = serde_json::from_value(file.trust).map_err(|_| ParseTrustError::NotATrustFile)?;
        Self::of_document(document, &canonical)
    }

    /// Keys of a ledger that count without a root, and no restores: serial 0. Only where no file is read.
    #[must_use]
    pub fn of_ring(ledger: KeyRing) -> Self {
        Self::of_rings(ledger, KeyRing::new())
    }

    /// The same, with keys that sign reports.
    #[must_use]
    pub fn of_rings(ledger: KeyRing, report: KeyRing) -> Self {
        let document = Document {
            version: VERSION,
            serial: 0,
            issued_at_ms: 0,
            ledger: uncertified(&ledger),
            report: uncertified(&report),
            notice: Vec::new(),
            history: Vec::new(),
            restores: Vec::new(),
        };
        let digest = Digest::from_bytes([0; Digest::BYTES]);
        Self { document, digest, ledger, report, lineage: None }
    }

    pub(crate) fn of_document(document: Document, canonical: &[u8]) -> Result<Self, ParseTrustError> {
        check_numbers(&document)?;
        let lineage = Lineage::of(&document.restores)?;
        let digest = sha256_parts(DIGEST_CONTEXT, &[canonical]);
        let ledger = ring(&document, Use::Ledger)?;
        let report = ring(&document, Use::Report)?;
        ring(&document, Use::Notice)?;
        // Looked at by whoever checks checkpoints; here only that they hold together.
        ring(&document, Use::History)?;
        Ok(Self { document, digest, ledger, report, lineage })
    }

    /// Which version of the file it is.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.document.serial
    }

    /// What tells this version from every other; zeros of one without a root.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// When it was signed, in milliseconds since 1970, by the clock of who signed.
    #[must_use]
    pub const fn issued_at_ms(&self) -> i64 {
        self.document.issued_at_ms
    }

    /// Keys of ledgers: for blocks and acknowledgements.
    #[must_use]
    pub const fn ledger(&self) -> &KeyRing {
        &self.ledger
    }

    /// Whether a key may sign reports of that day: it is certified for it, and was neither retired before nor ever revoked.
    ///
    /// # Errors
    /// [`KeyRefusal`], as whoever checks such a report would hear it.
    pub fn report_key_on(&self, key_id: KeyId, day: Day) -> Result<(), KeyRefusal> {
        let key = self.keys(Use::Report).iter().find(|key| key.key_id == key_id);
        PublishedKey::from(key.ok_or(KeyRefusal::Unknown(key_id))?).counts_on(day)
    }

    /// Keys that sign reports.
    #[must_use]
    pub const fn report(&self) -> &KeyRing {
        &self.report
    }

    /// Keys of one use as they stand in the file, with the instances that hold them.
    #[must_use]
    pub fn keys(&self, of: Use) -> &[CertifiedKey] {
        self.document.keys(of)
    }

    /// The restores, in their order.
    #[must_use]
    pub fn restores(&self) -> &[Restore] {
        &self.document.restores
    }

    /// The incarnations that follow from the restores; none without any.
    #[must_use]
    pub const fn lineage(&self) -> Option<&Lineage> {
        self.lineage.as_ref()
    }

    /// The next version of the file, to be changed and signed.
    #[must_use]
    pub fn draft(&self) -> Draft {
        let serial = self.document.serial.saturating_add(1);
        Draft::of(Document { serial, ..self.document.clone() })
    }
}

/// The keys of a ring as they would stand in a file.
fn uncertified(ring: &KeyRing) -> Vec<CertifiedKey> {
    let keys = ring.iter().map(|(key_id, entry)| CertifiedKey {
        key_id,
        public_key: entry.key(),
        instance: String::new(),
        valid_from: entry.valid_from(),
        revoked_after: entry.revoked_after(),
        valid_from_day: None,
        retired_on: None,
        revoked_on: None,
        revoked_because: None,
    });
    keys.collect()
}

pub(crate) fn sign(document: Document, root: &SigningKey) -> Result<(Trust, Vec<u8>), ParseTrustError> {
    let canonical = canonical(&document)?;
    let trust = Trust::of_document(document.clone(), &canonical)?;
    let signature = root.sign(SIGNATURE_CONTEXT, &canonical);
    let file = File { trust: document, root: root.key_id(), signature };
    let mut bytes = serde_json::to_vec_pretty(&file).map_err(|_| ParseTrustError::NotATrustFile)?;
    bytes.push(b'\n');
    Ok((trust, bytes))
}

fn canonical<T: serde::Serialize>(document: &T) -> Result<Vec<u8>, ParseTrustError> {
    serde_json_canonicalizer::to_vec(document).map_err(|_| ParseTrustError::NotATrustFile)
}

/// What was published before there was a root: rings by use, or one ring.
fn unsigned_or_none(bytes: &[u8]) -> ParseTrustError {
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let is_ring = |value: &Value| serde_json::from_value::<KeyRing>(value.clone()).is_ok();
    let rings = [&value, value.get("ledger").unwrap_or(&Value::Null)];
    if rings.into_iter().any(is_ring) { ParseTrustError::Unsigned } else { ParseTrustError::NotATrustFile }
}

fn ring(document: &Document, of: Use) -> Result<KeyRing, ParseTrustError> {
    let refused = |reason| ParseTrustError::Keys { of, reason };
    let mut ring = KeyRing::new();
    for key in document.keys(of) {
        let actual = ring.insert(key.public_key, key.valid_from, key.revoked_after).map_err(refused)?;
        if actual != key.key_id {
            return Err(refused(KeyRingError::OtherKey { stated: key.key_id, actual }));
        }
    }
    Ok(ring)
}

fn check_numbers(document: &Document) -> Result<(), ParseTrustError> {
    let keys = Use::ALL.into_iter().flat_map(|of| document.keys(of));
    let of_keys = keys.flat_map(|key| [key.valid_from, key.revoked_after]).flatten();
    let of_restores = document.restores.iter().flat_map(|restore| {
        let Restore { after_block, next_position, lost, restored_at_ms, .. } = restore;
        let lost = [lost.last_block, lost.last_position].into_iter().flatten();
        [*after_block, *next_position, restored_at_ms.unsigned_abs()].into_iter().chain(lost)
    });
    let own = [document.serial, document.issued_at_ms.unsigned_abs()];
    let fits = own.into_iter().chain(of_keys).chain(of_restores).all(|number| number <= NUMBER_MAX);
    if fits { Ok(()) } else { Err(ParseTrustError::Number) }
}
