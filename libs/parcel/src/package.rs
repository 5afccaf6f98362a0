//! The package as a whole.

use egide_crypto::sign::{KeyId, Signature, SigningKey};
use egide_trust::Day;
use zeroize::Zeroizing;

use crate::archive::{self, ArchiveError, Part, Parts};
use crate::key::EncryptionKey;
use crate::manifest::{ListedFile, MANIFEST_CONTEXT, Manifest, PACKAGE_SCHEMA, fingerprints};
use crate::seal::{NotSealed, seal};
use crate::signature::{DetachedSignature, REPORT_CONTEXT};

/// What a package is made of.
pub struct Contents<'a> {
    /// The referral (UUID).
    pub referral_id: &'a str,
    /// The day the report was issued.
    pub issued_on: Day,
    /// The day it is packed (UTC).
    pub packed_on: Day,
    /// The report, canonical JSON.
    pub report: &'a [u8],
    /// The key that signed the report.
    pub report_key: KeyId,
    /// Its signature.
    pub report_signature: Signature,
    /// The report for people (PDF), made of the same report; where none was made, none is in the package.
    pub pdf: Option<&'a [u8]>,
}

/// No package was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPacked {
    /// A part does not fit.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Nothing was encrypted.
    #[error(transparent)]
    Sealed(#[from] NotSealed),
    /// A part could not be written; never seen.
    #[error("a part of the package cannot be written as canonical json")]
    NotWritable,
}

/// Parts that are no package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    /// A file that no package has.
    #[error("there is a file that no package has")]
    Unknown,
    /// As an archive would be.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// An opened package, not yet checked. Holds what people told: no `Debug`, and wiped when dropped.
///
/// INVARIANT: it has every part that a package must have, and none is larger than its bound.
pub struct Package(Parts);

impl Package {
    /// Puts a package together; `key` signs its manifest, `keys` are those it will be encrypted to.
    ///
    /// # Errors
    /// [`NotPacked`]
    pub fn make(contents: &Contents<'_>, key: &SigningKey, keys: &[EncryptionKey]) -> Result<Self, NotPacked> {
        let Contents { report, report_key, report_signature, pdf, .. } = *contents;
        let signed = DetachedSignature::of(REPORT_CONTEXT, report_key, report, report_signature);
        let mut parts = Parts::new();
        parts.insert(Part::Referral, Zeroizing::new(report.to_vec()));
        parts.insert(Part::ReferralSignature, Zeroizing::new(signed.to_bytes().ok_or(NotPacked::NotWritable)?));
        if let Some(pdf) = pdf {
            parts.insert(Part::Pdf, Zeroizing::new(pdf.to_vec()));
        }
        let manifest = Manifest {
            schema: PACKAGE_SCHEMA.to_owned(),
            referral_id: contents.referral_id.to_owned(),
            issued_on: contents.issued_on,
            packed_on: contents.packed_on,
            key_id: key.key_id(),
            encrypted_to: fingerprints(keys),
            files: parts.iter().map(|(part, bytes)| ListedFile::of(*part, bytes)).collect(),
        };
        let manifest = manifest.to_bytes().ok_or(NotPacked::NotWritable)?;
        let signed = DetachedSignature::sign(key, MANIFEST_CONTEXT, &manifest);
        parts.insert(Part::Manifest, Zeroizing::new(manifest));
        parts.insert(Part::ManifestSignature, Zeroizing::new(signed.to_bytes().ok_or(NotPacked::NotWritable)?));
        archive::complete(&parts)?;
        Ok(Self(parts))
    }

    /// Puts a package together and encrypts it to every one of `keys`, which are those of one unit.
    ///
    /// # Errors
    /// [`NotPacked`]
    pub fn sealed(contents: &Contents<'_>, key: &SigningKey, keys: &[EncryptionKey]) -> Result<Vec<u8>, NotPacked> {
        Ok(seal(&Self::make(contents, key, keys)?.to_archive(), keys)?)
    }

    /// Reads the archive that was encrypted. It must be, byte for byte, as it was written.
    ///
    /// # Errors
    /// [`ArchiveError`]
    pub fn from_archive(archive: &[u8]) -> Result<Self, ArchiveError> {
        archive::read(archive).map(Self)
    }

    /// Takes the files of an unpacked archive, by their names.
    ///
    /// # Errors
    /// [`PartsError`]
    pub fn from_files(files: impl IntoIterator<Item = (String, Zeroizing<Vec<u8>>)>) -> Result<Self, PartsError> {
        let mut parts = Parts::new();
        for (name, bytes) in files {
            parts.insert(Part::of_name(&name).ok_or(PartsError::Unknown)?, bytes);
        }
        archive::complete(&parts)?;
        Ok(Self(parts))
    }

    /// The archive; wiped when dropped.
    #[must_use]
    pub fn to_archive(&self) -> Zeroizing<Vec<u8>> {
        archive::write(&self.0)
    }

    /// The bytes of a part.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<&[u8]> {
        self.0.get(&part).map(|bytes| bytes.as_slice())
    }

    /// The parts that are there, in the archive's order.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &[u8])> {
        self.0.iter().map(|(part, bytes)| (*part, bytes.as_slice()))
    }
}
