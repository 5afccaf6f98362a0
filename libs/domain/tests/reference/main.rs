//! The gate, once more: a reference evaluator written from the rules in prose (`ARCHITECTURE.md`, "Consent algebra"; the tables
//! under `ops/policy/`; the contract's comments), slow and plain, that shares nothing with the engine but the words (ids, value
//! lists, events). Generated histories, requests and policies are put to both; where they differ, the case is shrunk and
//! printed as a test to be kept in `found.rs`. See `tests/README.md`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "tests look for one kind of event among forty; the evaluator names all"
)]

mod boundaries;
mod compare;
mod coverage;
mod evaluator;
mod found;
mod generator;
mod laws;
mod peers;
mod question;
mod rules;
mod tale;
