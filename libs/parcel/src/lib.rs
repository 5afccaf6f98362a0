//! A referral as a file: a package that one unit alone opens, and what everybody can check of it without us.
//!
//! A package is an age file (X25519 recipients) of a tar archive: `manifest.json`, `manifest.json.sig`, `referral.json`,
//! `referral.json.sig`, and `referral.pdf` where one was made. age encrypts and says nothing about the sender; the signatures
//! inside do. Every part is signed or named with its digest in the signed manifest, and the archive has one spelling, so that no
//! byte of it can be another.
//!
//! *In scope*: the public keys of units ([`EncryptionKey`]), detached signatures ([`DetachedSignature`]), the archive and its parts
//! ([`Package`]), encryption ([`seal`]), the checks of a report and of an opened package ([`check_report`], [`check_package`]).
//!
//! *Out of scope*: which keys a unit has (the directory), whether anything may leave and when (the gate), which keys sign
//! reports and until when they count (`egide-trust`), decryption: only the recipient has the key, and uses `age` or `rage`.
//! Nothing here reads a file, a socket or a clock; randomness comes from the operating system through `age`.

mod archive;
mod check;
mod key;
mod manifest;
mod package;
mod seal;
mod signature;

pub use archive::{ArchiveError, Part};
pub use check::{CheckedPackage, CheckedReport, Refused, check_package, check_report};
pub use key::{EncryptionKey, KeyFingerprint, ParseEncryptionKeyError, ParseKeyFingerprintError};
pub use manifest::{MANIFEST_CONTEXT, Manifest, PACKAGE_SCHEMA, fingerprints};
pub use package::{Contents, NotPacked, Package, PartsError};
pub use seal::{NotSealed, seal};
pub use signature::{DetachedSignature, ParseSignatureFileError, REPORT_CONTEXT, SIGNATURE_SCHEMA};
