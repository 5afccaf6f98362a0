//! The vault: data keys of people, narratives and cases, each wrapped under a key-encryption key in an entry of the keys'
//! bucket, created when first needed and gone when its entry is gone.
//!
//! *In scope*: names of data keys, creating one exactly once whoever asks at the same time, unwrapping, a bounded
//! and short-lived cache of unwrapped keys, destroying, epochs of key-encryption keys: re-wrapping everything under a new
//! one, and the register of when each was used and destroyed.
//!
//! *Out of scope*: ciphers ([`egide_crypto`]), what is sealed under which key and bound to what (the ledger), the bucket
//! itself and its configuration ([`egide_eventlog`]), when a key is to be destroyed, where the key-encryption key is kept.

mod cache;
mod epochs;
mod name;
mod register;
mod rotate;
mod vault;

pub use epochs::{KeyEncryptionKeys, RepeatedEpoch};
pub use name::{KeyName, ParseKeyNameError};
pub use register::{EpochRecord, Register, RegisterError, Retired};
pub use rotate::Tally;
pub use vault::{Error, Vault};
