//! The gate, told as stories: given these events, when asked, then this decision.

mod admission;
mod consent;
mod deliveries;
mod exceptions;
mod peer_failures;
mod permit;
mod policy;
mod properties;
mod recipients;
mod report_consent;
mod story;
