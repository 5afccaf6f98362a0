//! Shred races on real NATS: shredding against appends through two ledgers, rotation, restarts of the second ledger, and an
//! older bucket of keys put back. Afterwards the log is walked in its order, the bucket looked into, and everything read at
//! both ledgers. The checker ([`checker`]) is written from the words of the promise: nothing is sealed under a key after its
//! shred, nothing opens once the shred was acknowledged, no key comes back.
//!
//! By day a few rounds; `EGIDE_NIGHTLY=1` many, from a new seed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at the first surprise"
)]

mod arena;
mod checker;
mod erasure;
mod races;
