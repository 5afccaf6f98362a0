//! A transparency log as others read it: the tree that its leaves grow into, proofs about it, and the texts in which it is signed
//! and handed out. Whoever has a checkpoint of ours can check, with tools that are not ours, that the history behind it was only
//! ever added to.
//!
//! *In scope*: the Merkle tree of RFC 6962 ([`tree`]), inclusion and consistency proofs, made after RFC 6962 and checked after
//! RFC 9162 ([`proof`]), tiles and their paths (C2SP tlog-tiles, [`tile`]), signed notes (C2SP signed-note, [`note`]), checkpoints
//! (C2SP tlog-checkpoint, [`checkpoint`]), cosignatures (C2SP tlog-cosignature), and what a witness decides (C2SP tlog-witness,
//! [`witness`]).
//!
//! *Out of scope*: what is a leaf and what stands in it (the audit service), where tiles, checkpoints and a witness's record are
//! kept, HTTP, the clock, and which keys count (`egide-trust`).
//!
//! Whatever comes from outside is read strictly, within bounds, and never panics. Ed25519 is the one kind of signature; the byte
//! that names the kind is read, so that another can be added beside it.

pub mod checkpoint;
pub mod note;
pub mod proof;
pub mod tile;
pub mod tree;
pub mod witness;

pub use egide_crypto::digest::Digest;

/// Standard base64 with padding, as all C2SP texts have it.
fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Reads standard base64 in its one canonical form.
fn read_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Reads a hash in base64.
fn read_hash(text: &str) -> Option<Digest> {
    Digest::try_from(read_base64(text)?.as_slice()).ok()
}

/// Reads a decimal number without sign, leading zeros or anything else.
fn read_decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (digits && canonical).then(|| text.parse().ok()).flatten()
}
