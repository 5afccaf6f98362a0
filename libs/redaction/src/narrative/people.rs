//! (in work)

use super::{Context, Hit, Refusal};

/// The longest name, in bytes.
pub const LONGEST_NAME: usize = 256;
/// The most names of all people of a case together.
pub const MOST_NAMES: usize = 1024;

pub(super) fn find(_context: &Context<'_>, _hits: &mut Vec<Hit>) -> Result<(), Refusal> {
    Ok(())
}
