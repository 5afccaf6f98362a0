//! Sealing, signing, hashing and token checks: the only crate of the workspace that calls `ring`, so that every
//! use of a cipher, a signature or a hash in Égide can be read in one sitting.
//!
//! *In scope*: SHA-256 and keyed fingerprints ([`digest`]), Ed25519 signatures and the rings of keys they are checked
//! against ([`sign`]), sealing of records under data keys ([`seal`]), wrapping of data keys under key-encryption keys
//! ([`wrap`]), phrases of people stretched with Argon2id ([`stretch`]), JSON Web Tokens ([`token`]), random bytes and
//! comparison in constant time ([`random`]).
//!
//! *Out of scope*: where keys are kept and when they are destroyed (the vault), what associated data says (the
//! envelope), who may do what, TLS, and the clock: time and log positions are arguments. Nothing here reads a file, a
//! socket or the environment; randomness comes from the operating system through `ring` alone.
//!
//! Raw keys are held on the heap and wiped when dropped, and no `Debug` or error text shows one. `ring` does not wipe
//! its own key objects; those that encrypt or decrypt therefore live only as long as one call.

pub mod digest;
pub mod random;
pub mod seal;
pub mod sign;
pub mod stretch;
pub mod token;
pub mod wrap;

mod encoding;
mod secret;
