//! Files that hold a key on this machine: made once, readable by their owner alone, never half written.
//!
//! A key beside the data it protects is development mode; whoever uses one says so.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::file::{self, PRIVATE};

/// Largest file that is read as a key, in bytes. Keys of ours have a few hundred.
const KEY_BYTES_MAX: u64 = 4096;

/// A key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be made, read or written.
    #[error("`{}`: {source}; check that it can be written and that the disk has room", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner can read it.
    #[error("`{}` can be read by others than its owner (mode {mode:03o}); run `chmod 600` on it, and renew the key", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is too large for a key.
    #[error("`{}` is larger than a key can be", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A new key could not be made.
    #[error("a new key for `{}` could not be made: {reason}", .path.display())]
    NotMade {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Reads the key at `path`; when there is none, keeps the one that `make` gives. Of several processes that find none at
/// the same time all get the key of the one that came first. The folder is made (0700) if need be.
///
/// # Errors
/// See [`Error`].
pub fn read_or_make<E: std::fmt::Display>(
    path: &Path,
    make: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, E>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    let key = make().map_err(|error| Error::NotMade { path: path.to_owned(), reason: error.to_string() })?;
    place(path, &key)?;
    read(path)?.ok_or_else(|| Error::Io { path: path.to_owned(), source: io::ErrorKind::NotFound.into() })
}

/// Reads the key at `path`, if there is one.
///
/// # Errors
/// See [`Error`].
pub fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    match read_whole(path, KEY_BYTES_MAX, true) {
        Ok(key) => Ok(Some(key)),
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a file of up to `bytes_max` bytes; one that is `private` only if nobody but its owner can.
pub(crate) fn read_whole(path: &Path, bytes_max: u64, private: bool) -> Result<Zeroizing<Vec<u8>>, Error> {
    let at = |source| Error::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(at)?;
    let about = file.metadata().map_err(at)?;
    let mode = about.permissions().mode() & 0o777;
    if private && mode & 0o077 != 0 {
        return Err(Error::Exposed { path: path.to_owned(), mode });
    }
    if about.len() > bytes_max {
        return Err(Error::TooLarge { path: path.to_owned() });
    }
    // Room for everything from the start: a vector that grows leaves copies of the key behind.
    let room = usize::try_from(about.len()).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(bytes_max).read_to_end(&mut bytes).map_err(at)?;
    Ok(bytes)
}

/// Of those who find none at the same time, the first one's key is kept.
fn place(path: &Path, key: &[u8]) -> Result<(), Error> {
    let at = |source| Error::Io { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        file::private_folder(folder).map_err(at)?;
    }
    file::keep_first(path, key, PRIVATE).map_err(at)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn key(byte: u8) -> Result<Zeroizing<Vec<u8>>, std::convert::Infallible> {
        Ok(Zeroizing::new(vec![byte; 32]))
    }

    #[test]
    fn a_key_is_made_once_and_belongs_to_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys/issuer.key");
        assert_eq!(*read_or_make(&path, || key(1)).unwrap(), vec![1; 32]);
        assert_eq!(*read_or_make(&path, || key(2)).unwrap(), vec![1; 32]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("issuer.key");
        read_or_make(&path, || key(1)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_or_make(&path, || key(2)), Err(Error::Exposed { mode: 0o640, .. })));
    }

    #[test]
    fn who_comes_second_adopts_the_first_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("issuer.key");
        let racing = || {
            place(&path, &[1; 32]).unwrap();
            key(2)
        };
        assert_eq!(*read_or_make(&path, racing).unwrap(), vec![1; 32]);
    }

    #[test]
    fn a_key_that_cannot_be_made_is_an_error_and_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("issuer.key");
        assert!(matches!(read_or_make(&path, || Err("no randomness")), Err(Error::NotMade { .. })));
        assert!(!path.exists());
    }
}
