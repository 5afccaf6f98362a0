//! What left, to whom, why, and on whose word: the history of disclosures and the account of one person, answered from a
//! projection of the log, with every look recorded before the answer.
//!
//! *In scope*: the read model ([`model`]), questions on it ([`query`]), page tokens ([`token`]), exports and their check
//! ([`export`]), the transparency log over it ([`leaf`], [`transparency`]), and `AuditService`, `HistoryService` and
//! `TransparencyService`, started with [`start`]. Rows hold facts, decisions and digests; this service holds no key that opens
//! anything and never sees identifying data.
//!
//! *Out of scope*: deciding and disclosing, writing events (a look is appended through the ledger like any event), who may
//! call (`egide-servicekit`'s access table), trees, proofs and notes by themselves (`egide-tlog`).

pub mod config;
pub mod export;
pub mod leaf;
pub mod model;
pub mod query;
pub mod token;
pub mod transparency;

mod history_service;
mod looks;
#[cfg(test)]
mod measured;
mod service;
#[cfg(test)]
mod story;

pub use config::{Config, Error, start};
pub use model::History;
