//! What a read model is.

use egide_eventlog::VerifiedBlock;

use crate::rows::Rows;
use crate::store::StoreError;

/// Turns blocks into rows. Blocks come in their order, each exactly once as far as rows are concerned.
///
/// Rows follow from blocks and rows alone: no clock, no randomness, no other source, so that a rebuild gives the same
/// rows.
pub trait ReadModel: Send + Sync + 'static {
    /// Name of the model; another name at the same path is rebuilt.
    const NAME: &'static str;
    /// Version of the rows' layout and meaning; another version at the same path is rebuilt.
    const VERSION: u32;

    /// Applies one block. Rows are kept only if this succeeds, all of them together.
    ///
    /// # Errors
    /// [`ModelError`] stops the projection for good: it never goes on without a block.
    fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError>;
}

/// A model could not apply a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Rows could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored row is not what this version of the model wrote.
    #[error("a row of the projection cannot be read; remove the projection's directory to rebuild it")]
    Row,
    /// The model cannot go on over an event.
    #[error("the event at position `{position}` cannot be applied: {reason}")]
    Event {
        /// Position of the event.
        position: u64,
        /// Why not; a constant, so that nothing personal gets into it.
        reason: &'static str,
    },
}
