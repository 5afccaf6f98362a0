//! Faults, on real processes: `egide serve` for every role, one `nats-server` or three, clients at work all the while.
//!
//! Each suite prints its seed. `EGIDE_FAULTS_SEED=…` plays the same wishes and the same faults again; threads and the network
//! keep a time of their own, so what was found by luck may need a few goes. What was found and mended stands in
//! `reproductions.rs`. By day every suite is short; `EGIDE_NIGHTLY=1` makes it long, from a new seed each night.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it found, and stops at the first surprise"
)]

mod crash;
mod drain;
mod partition;
mod pauses;
mod reproductions;
mod storm;
mod suite;
