//! The gate, told as stories: given these events, when asked, then this decision.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod admission;
mod ages;
mod approvals;
mod break_glass;
mod conditions;
mod consent;
mod contact;
mod deliveries;
mod erasure;
mod exceptions;
mod house;
mod masks;
mod minors;
mod narratives;
mod obligations;
mod peer_failures;
mod periods;
mod permit;
mod policy;
mod properties;
mod reasons;
mod recipients;
mod report_consent;
mod representatives;
mod story;
mod surroundings;
