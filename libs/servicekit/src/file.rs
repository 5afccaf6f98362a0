//! Files that stand in their places whole or not at all, and folders that their owner alone may enter.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// For what everybody may read.
pub const PUBLIC: u32 = 0o644;
/// For what its owner alone may read.
pub const PRIVATE: u32 = 0o600;

/// Makes a folder, and those above it, that only their owner may enter; what is there already stays as it is.
///
/// # Errors
/// What the system says.
pub fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Puts `bytes` in the place of what stands at `path`, if anything does, with this mode ([`PUBLIC`], [`PRIVATE`]). Nobody
/// reads half a file, and once this has returned no crash brings the one before back.
///
/// # Errors
/// What the system says; what stood there stands there still, unless only the flushing of the folder failed.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    settle(path, bytes, mode, |draft| fs::rename(draft, path))
}

/// The same where nothing stands; what somebody else put there first stays.
///
/// # Errors
/// What the system says.
pub fn keep_first(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    settle(path, bytes, mode, |draft| match fs::hard_link(draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    })
}

/// Writes beside under a name of its own, and flushes both the file and its folder.
fn settle(path: &Path, bytes: &[u8], mode: u32, put: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let draft = folder.join(format!(".{}.new", uuid::Uuid::new_v4().simple()));
    let settled = write(&draft, bytes, mode).and_then(|()| put(&draft)).and_then(|()| File::open(folder)?.sync_all());
    // It may hold a key. What was renamed is not there any more.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => settled,
        removed => settled.and(removed),
    }
}

fn write(draft: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_newest_replaces_and_the_first_is_kept_with_its_mode_and_without_drafts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("own/file");
        private_folder(path.parent().unwrap()).unwrap();
        replace(&path, b"one", PUBLIC).unwrap();
        keep_first(&path, b"two", PRIVATE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three", PRIVATE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_put_in_place_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::create_dir_all(path.join("in the way")).unwrap();
        assert!(replace(&path, b"key", PRIVATE).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(keep_first(&directory.path().join("nowhere/file"), b"key", PRIVATE).is_err());
    }
}
