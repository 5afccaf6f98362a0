//! Disagreements that were found, shrunk and kept: the sentence says who was right.

use crate::compare::differences;
use crate::question::Asked;

/// Engine and evaluator answer this case alike.
fn agree(text: &str) {
    let (_, found) = differences(&Asked::read(text));
    assert!(found.is_empty(), "{found:#?}");
}
