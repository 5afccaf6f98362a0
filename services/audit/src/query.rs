//! Questions, answered from a view of the rows.

pub mod account;
pub mod anomalies;
pub mod filter;
pub mod history;
pub mod looks;
pub mod policy;
pub mod search;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_filters;
#[cfg(test)]
mod tests_of_steps;
pub mod timeline;
pub mod words;

use egide_projection::{StoreError, View};
use prost::Message;
use prost_types::Timestamp;

use crate::model::keys::{self, Key};
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

/// The position of the first row under `prefix` that was recorded at or after `ms`, found by halving: both only grow. The end of
/// all positions when there is none.
fn first_recorded(
    view: &View<'_>,
    prefix: &Key,
    ms: i64,
    recorded_at: impl Fn(&[u8]) -> Result<Option<Timestamp>, Error>,
) -> Result<u64, Error> {
    let Some((last, _)) = view.prefix(prefix).next_back().transpose()? else { return Ok(u64::MAX) };
    let (mut low, mut high) = (0, position(&last)?.saturating_add(1));
    let end = high;
    while low < high {
        let middle = low.midpoint(high);
        let range = keys::at(prefix.clone(), middle)..keys::at(prefix.clone(), high);
        match view.range(range).next().transpose()? {
            Some((key, row)) if milliseconds(recorded_at(&row)?) < ms => low = position(&key)?.saturating_add(1),
            Some(_) | None => high = middle,
        }
    }
    Ok(if low == end { u64::MAX } else { low })
}

/// Milliseconds since 1970; what has no time is older than everything.
fn milliseconds(time: Option<Timestamp>) -> i64 {
    let of = |time: Timestamp| time.seconds.checked_mul(1_000)?.checked_add(i64::from(time.nanos) / 1_000_000);
    time.and_then(of).unwrap_or(i64::MIN)
}

fn position(bytes: &[u8]) -> Result<u64, Error> {
    keys::position_of(bytes).ok_or(Error::Row)
}
