//! The contexts under which the contract's digests and signatures are made, so that whoever makes one and whoever checks it
//! cannot come apart. Final: digests under them stand in the log.

/// Of `facts_digest` in an acknowledgement: SHA-256 of an event's facts as they stand in the log.
pub const FACTS: &str = "egide/facts/v1";
/// Of the signature over an acknowledgement.
pub const ACKNOWLEDGEMENT: &str = "egide/acknowledgement/v1";
