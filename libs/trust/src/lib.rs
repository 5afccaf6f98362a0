//! What the offline root of an installation certifies: whose signatures count from which position of the log to which, and
//! where the log was restored from a backup. One JSON document, signed, readable by anybody, checkable with one public key.
//!
//! *In scope*: the trust file ([`Trust`], [`Draft`]), the root's public key ([`RootKey`]), the order of a log's incarnations
//! that follows from its restores ([`Lineage`]), the keys that sign reports as everybody gets them ([`PublishedKeys`]), and the newest trust file of a running process ([`CurrentTrust`]).
//!
//! *Out of scope*: the log itself and its blocks (`egide-eventlog`), keys that seal data (`egide-vault`), certificates of
//! connections (`egide-servicekit`), where the root's private key is kept: offline, brought for each change.

mod current;
mod day;
mod document;
mod draft;
mod lineage;
mod published;
mod root;
mod trust;

pub use current::{CurrentTrust, Older, REFRESH_INTERVAL, ReadError};
pub use day::{Day, ParseDayError};
pub use document::{CertifiedKey, Lost, Restore, RevocationReason, Use};
pub use draft::{Draft, DraftError};
pub use lineage::{Kept, Lineage, LineageError};
pub use published::{KeyRefusal, PUBLISHED_CONTEXT, PublishedKey, PublishedKeys, Revocation};
pub use root::{ParseRootKeyError, RootKey};
pub use trust::{ParseTrustError, SIGNATURE_CONTEXT, Trust};
