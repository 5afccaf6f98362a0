//! The ledger over gRPC, on a real `nats-server`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod append;
mod callers;
mod consents;
mod faults;
mod house;
mod instances;
mod overload;
mod permits;
mod read;
mod records;
mod refusals;
mod restored;
mod shreds;
