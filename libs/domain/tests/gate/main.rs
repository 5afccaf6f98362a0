//! The gate, told as stories: given these events, when asked, then this decision.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod admission;
mod consent;
mod deliveries;
mod erasure;
mod exceptions;
mod house;
mod peer_failures;
mod permit;
mod policy;
mod properties;
mod recipients;
mod report_consent;
mod story;
