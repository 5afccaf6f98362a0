//! Of everything that was found: what is masked together, under which label, what stands in its place; and whether nothing
//! that had to go is left.

use super::{Context, Deidentified, Kind, Refusal};
use core::ops::Range;

/// Something a finder found, in bytes of the folded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Where, in bytes of the folded text.
    pub range: Range<usize>,
    /// What it is.
    pub kind: Kind,
    /// Which of the known people it names, by place in the list.
    pub person: Option<usize>,
    /// How sure the finder is that the label is right; never whether to mask.
    pub sure: Sureness,
}

/// How sure a finder is of its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sureness {
    /// The form alone.
    Form,
    /// A form that little else has.
    Likely,
    /// A checksum, or a word beside it that says what it is.
    Certain,
}

pub(super) fn replace(_context: &Context<'_>, _hits: Vec<Hit>) -> Result<Deidentified, Refusal> {
    Err(Refusal::Offsets)
}
