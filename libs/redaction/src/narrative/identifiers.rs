//! (in work)

use super::{Context, Hit};

pub(super) fn find(_context: &Context<'_>, _hits: &mut Vec<Hit>) {}
