//! Read models: rows in sled that follow from the log alone, kept with the place they follow from.
//!
//! *In scope*: rows and cursor of a block in one atomic batch; continuing after a restart, rebuilding after a change of
//! version; consistent views for readers, waiting until a position is applied, and stopping loudly when the log cannot
//! be trusted.
//!
//! *Out of scope*: the log itself (`egide-eventlog`), what rows mean, anything that is not in the log. A projection is
//! derived and disposable: it may be deleted at any time, and never holds the only copy of anything.

mod model;
mod projection;
mod rows;
mod store;
mod view;

pub use model::{ModelError, ReadModel};
pub use projection::{Applied, Lagging, Progress, Projection, ProjectionError};
pub use rows::{KeyAndRow, Rows};
pub use store::StoreError;
pub use view::{Row, View};
