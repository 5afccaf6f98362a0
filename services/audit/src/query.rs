//! Questions, answered from a view of the rows.

pub mod account;
pub mod filter;
pub mod history;
pub mod policy;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_steps;

use egide_projection::{StoreError, View};
use prost::Message;

use crate::model::keys;
use crate::model::row::DisclosureRow;

/// A question could not be answered. Nothing of the rows is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Rows could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row is not what this version wrote, or one that another row points at is missing.
    #[error("a row of the history cannot be read; rebuild it")]
    Row,
    /// A policy that was adopted is none for this version.
    #[error(
        "a policy that was adopted cannot be read here; use the version of egide it was adopted with, or a newer one"
    )]
    Policy,
}

fn disclosure_row(view: &View<'_>, at: u64) -> Result<DisclosureRow, Error> {
    decode(&view.get(&keys::disclosure(at))?.ok_or(Error::Row)?)
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, Error> {
    M::decode(bytes).map_err(|_| Error::Row)
}

fn position(bytes: &[u8]) -> Result<u64, Error> {
    keys::position_of(bytes).ok_or(Error::Row)
}
