//! The disclosure service on real NATS, with a real ledger, called over gRPC.
#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test stops at the first surprise")]

mod approvals;
mod house;
mod looking;
mod narratives;
mod outsiders;
mod packages;
mod policies;
mod recalls;
mod referrals;
mod replay;
mod retries;
mod staff;
