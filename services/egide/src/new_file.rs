//! Files that commands write about people: where nothing stands, and readable by their owner alone.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::exit::Exit;
use crate::failure::Failure;

/// Whether there is room for a file; asked before what cannot be taken back, such as a delivery, which is recorded for good.
///
/// # Errors
/// When something stands in its place.
pub(crate) fn free(path: &Path) -> Result<(), Failure> {
    let taken = || Failure::new(Exit::Conflict, "fail.exists").with("path", path.display());
    if path.exists() { Err(taken()) } else { Ok(()) }
}

/// Writes and flushes a file.
///
/// # Errors
/// When something stands in its place, or it cannot be written.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    written().map_err(|error| Failure::file(path, &error))
}
