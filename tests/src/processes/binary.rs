//! The program that is started: the `egide` beside this test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

/// Another program than the one beside the test.
const VARIABLE: &str = "EGIDE_BINARY";

/// `target/<profile>/egide`, which `cargo test --workspace` and `cargo build --package egide` make.
///
/// # Panics
/// When it is not there, or older than what it is made of.
pub(super) fn egide() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        if let Some(path) = std::env::var_os(VARIABLE) {
            return PathBuf::from(path);
        }
        let test = std::env::current_exe().expect("a test knows its own program");
        let profile = test.ancestors().nth(2).expect("a test stands in `target/<profile>/deps`");
        let path = profile.join("egide");
        let built = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let built = built.unwrap_or_else(|_| panic!("`{}` is missing: cargo build --package egide", path.display()));
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        for source in ["libs", "services", "proto"] {
            if let Some(newer) = newer_source(&root.join(source), built) {
                panic!("`{}` is newer than the program: cargo build --package egide", newer.display());
            }
        }
        path
    })
}

/// A source that is newer than the program; what only tests are made of does not count.
fn newer_source(folder: &Path, built: SystemTime) -> Option<PathBuf> {
    fs::read_dir(folder).expect("a folder of sources").find_map(|entry| {
        let entry = entry.expect("an entry of a folder");
        let (path, name) = (entry.path(), entry.file_name());
        let of_tests = ["tests", "tests.rs", "testkit"].iter().any(|test| name == *test);
        if of_tests {
            return None;
        }
        if path.is_dir() {
            return newer_source(&path, built);
        }
        let changed = entry.metadata().and_then(|metadata| metadata.modified()).expect("when a file was changed");
        (changed > built).then_some(path)
    })
}
