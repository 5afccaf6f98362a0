//! The contract of `proto/` in Rust: generated messages, clients and servers, the classification of every field, splitting
//! events into facts and identifying data, conversion to and from the pure domain, and the shape of refusals.
//!
//! *In scope*: everything that follows from the contract alone. *Out of scope*: keys and sealing (`egide-crypto`), who may
//! call what (`egide-servicekit`), storage.

/// Messages, clients and servers as generated from `proto/`.
#[expect(missing_docs, reason = "the contract's own comments are the documentation")]
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    reason = "generated code"
)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/egide.rs"));
}

mod opaque_debug {
    include!(concat!(env!("OUT_DIR"), "/opaque_debug.rs"));
}

pub mod classification;
pub mod context;
pub mod convert;
pub mod descriptors;
pub mod flatten;
pub mod refusal;
pub mod split;
pub mod strict;
