//! Files of a stopped nats-server, changed as a failing disk or somebody with the disk in hand would.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes of a record before its subject: length, sequence, time, length of the subject.
pub const RECORD_HEADER_BYTES: usize = 22;
/// Bytes of a record after its message: its checksum.
pub const CHECKSUM_BYTES: usize = 8;
const SUBJECT: &[u8] = b"cases.blocks";

/// The record of a message in a block file: where it begins, and where its message stands.
pub struct Record {
    pub start: usize,
    pub message: Range<usize>,
}

impl Record {
    pub fn find(file: &[u8], message: &[u8]) -> Self {
        let at = file.windows(message.len()).position(|window| window == message).expect("the message on disk");
        let subject = file[..at].windows(SUBJECT.len()).rposition(|window| window == SUBJECT).expect("its subject");
        Self { start: subject - RECORD_HEADER_BYTES, message: at..at + message.len() }
    }

    pub fn end(&self) -> usize {
        self.message.end + CHECKSUM_BYTES
    }
}

/// Changes a file in place.
pub fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut file = fs::read(path).unwrap();
    change(&mut file);
    fs::write(path, file).unwrap();
}

/// The files of a folder whose name ends like this.
pub fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(suffix));
    files.sort();
    files
}

/// A copy of a whole folder, as a backup makes it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

/// Puts a backup in the place of a folder.
pub fn restore(backup: &Path, folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
    copy(backup, folder);
}
