//! The kept corpus of the fuzz target (`tests/fuzz`), replayed: what was found once is looked at in every run.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "../../../tests/fuzz/src/narrative.rs"]
mod narrative;

use std::path::Path;

/// The fewest inputs there are: fewer means that the corpus is not where it was.
const FEWEST: usize = 80;

#[test]
fn whatever_the_fuzzer_came_upon_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/deidentify");
    let mut count = 0;
    for input in std::fs::read_dir(corpus).unwrap() {
        let path = input.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        if std::panic::catch_unwind(|| narrative::check(&data)).is_err() {
            panic!("tests/fuzz/corpus/deidentify/{}", path.file_name().unwrap().to_string_lossy());
        }
        count += 1;
    }
    assert!(count >= FEWEST, "{count} inputs");
}
