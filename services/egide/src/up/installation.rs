//! The data directory, held by one `egide up` at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use egide_servicekit::file;

use crate::endpoints::place;
use crate::exit::Exit;
use crate::failure::Failure;

/// Locked for as long as an `egide up` runs.
const LOCK_FILE: &str = "lock";
/// Says that a log was made here.
const LOG_FILE: &str = "has-log";

/// A data directory that is ours until this value goes.
#[derive(Debug)]
pub(crate) struct Installation {
    data: PathBuf,
    _lock: File,
}

impl Installation {
    /// Takes the directory, making it if need be.
    ///
    /// # Errors
    /// [`Exit::Conflict`] while another process holds it.
    pub(crate) fn take(data: &Path) -> Result<Self, Failure> {
        file::private_folder(data).map_err(|error| Failure::file(data, &error))?;
        let path = data.join(LOCK_FILE);
        let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = open.map_err(|error| Failure::file(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { data: data.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(Failure::new(Exit::Conflict, "fail.in_use").with("data", data.display()))
            }
            Err(TryLockError::Error(error)) => Err(Failure::file(&path, &error)),
        }
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Whether a log was made here before.
    pub(crate) fn has_log(&self) -> bool {
        self.data.join(LOG_FILE).exists()
    }

    /// Remembers that a log was made here.
    pub(crate) fn remember_log(&self) -> Result<(), Failure> {
        if self.has_log() {
            return Ok(());
        }
        place(&self.data.join(LOG_FILE), b"A log was made here: without it, nothing starts.").map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_one_at_a_time_and_remembers_its_log() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let first = Installation::take(&data).unwrap();
        assert_eq!(Installation::take(&data).unwrap_err().exit(), Exit::Conflict);
        assert!(!first.has_log());
        first.remember_log().unwrap();
        drop(first);
        // A process that another test starts just now holds whatever is open until it has become that other program.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let again = loop {
            match Installation::take(&data) {
                Err(refused) if refused.exit() == Exit::Conflict && std::time::Instant::now() < end => {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                taken => break taken.unwrap(),
            }
        };
        assert!(again.has_log());
    }
}
