//! The ledger: the only writer of events and the only holder of keys.
//!
//! *In scope*: who may emit what (`emitters.json`), what is wrong with a request, sealing what identifies somebody and binding
//! it to its place, writing blocks of commits in one order (revisions, idempotency, admission by the case's state), proof that
//! a commit is durable, reading cases with every look recorded, opening what a committed permit or delivery covers, finding a
//! caller's case by what the caller says.
//!
//! *Out of scope*: whether anything may leave (the gate in `egide-domain`, asked by the disclosure service), redaction and
//! reports, the log and its chain (`egide-eventlog`), data keys (`egide-vault`), who callers are (`egide-servicekit`).

mod acknowledge;
mod closed;
mod command;
mod consent;
mod cryptography;
mod emitters;
mod envelope;
mod eraser;
mod find;
mod house;
mod keyring;
mod keys;
mod ledger;
mod limit;
mod line;
mod mask;
mod model;
mod payload;
mod read;
mod recent;
mod refuse;
mod room;
mod service;
mod start;
mod validate;
mod writer;

pub use cryptography::Cryptography;
pub use start::{Config, Error, start};
