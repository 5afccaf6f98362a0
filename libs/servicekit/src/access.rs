//! Who may call what: deny by default, from a table that is data (`access.json`).
//!
//! The layer stands before every method of every server. It proves who calls, looks the method up, puts the
//! [`Caller`](crate::identity::Caller) into the request's extensions, and takes the tokens out of the headers, so that nothing
//! behind it can repeat them.

mod layer;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use layer::CalledBy;
pub use layer::{AccessLayer, AccessService};
pub(crate) use table::Method;
pub use table::{AccessTable, Refused, TableError};
