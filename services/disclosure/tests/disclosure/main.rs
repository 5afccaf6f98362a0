//! The disclosure service on real NATS, with a real ledger, called over gRPC.
#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test stops at the first surprise")]

mod house;
mod outsiders;
mod policies;
mod referrals;
mod retries;
mod staff;
