//! One sled tree: rows and cursor under different first bytes, written together.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use egide_crypto::digest::{Digest, sha256_parts};
use egide_eventlog::Head;

/// First byte of the key of every row.
pub(crate) const ROW: u8 = b'r';
/// First byte of the key after all rows.
pub(crate) const AFTER_ROWS: u8 = ROW + 1;
/// Key of the cursor.
const CURSOR: &[u8] = b"cursor";
/// Domain of the cursor's checksum.
const CURSOR_CONTEXT: &str = "egide/projection-cursor/v1";
/// How often sled writes to disk, in milliseconds. What a crash takes with it is applied again from the log.
const FLUSH_EVERY_MS: u64 = 500;
/// Memory for sled's page cache.
const CACHE_BYTES: u64 = 32 * 1_024 * 1_024;
/// How long the lock on the files is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How often it is tried.
const LOCK_POLL: Duration = Duration::from_millis(10);
/// What sled keeps in its directory.
const SLED_ENTRIES: [&str; 3] = ["db", "conf", "blobs"];
/// Beginning of the names of sled's snapshots.
const SLED_SNAPSHOT: &str = "snap.";

/// Reading or writing a projection's files failed. Everything in them can be rebuilt from the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process has them open.
    #[error("the projection's files are in use; does another egide run on the same directory?")]
    InUse,
    /// They are damaged.
    #[error("the projection's files are damaged; remove the projection's directory to rebuild it")]
    Damaged,
    /// The disk refused.
    #[error("the projection's files cannot be read or written ({0})")]
    Disk(io::ErrorKind),
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock => Self::InUse,
            // sled reports a lock held elsewhere as `Other`, in words.
            sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => Self::InUse,
            sled::Error::Io(error) => Self::Disk(error.kind()),
            sled::Error::Corruption { .. }
            | sled::Error::CollectionNotFound(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_) => Self::Damaged,
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error.kind())
    }
}

/// Which model's rows they are.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
}

/// The open files.
pub(crate) struct Store {
    db: sled::Db,
    layout: Layout,
}

impl Store {
    /// Opens the files in `path`, which are made if they are not there, and made anew if they are damaged.
    pub(crate) fn open(path: &Path, layout: Layout) -> Result<Self, StoreError> {
        fs::create_dir_all(path)?;
        let db = match open_sled(path) {
            Err(StoreError::Damaged) => {
                tracing::warn!(projection = layout.name, "damaged files; rebuilding from the log");
                remove_sled(path)?;
                open_sled(path)?
            }
            opened => opened?,
        };
        Ok(Self { db, layout })
    }

    /// The head that the rows follow from; none if there is none that can be trusted.
    pub(crate) fn cursor(&self) -> Result<Option<Head>, StoreError> {
        let Some(cursor) = self.db.get(CURSOR)? else { return Ok(None) };
        let Some((checksum, head)) = cursor.split_first_chunk::<{ Digest::BYTES }>() else { return Ok(None) };
        if self.checksum(head).as_bytes() != checksum {
            return Ok(None);
        }
        Ok(Head::from_bytes(head).ok())
    }

    /// Removes every row and the cursor.
    pub(crate) fn clear(&self) -> Result<(), StoreError> {
        // The cursor goes first, durably: rows without one are rebuilt, a cursor without rows would be believed.
        self.db.remove(CURSOR)?;
        self.db.flush()?;
        self.db.clear()?;
        self.db.flush()?;
        Ok(())
    }

    /// Writes rows and cursor, all or nothing.
    pub(crate) fn write(
        &self,
        rows: impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)>,
        head: &Head,
    ) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in rows {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        let head = head.to_bytes();
        let mut cursor = self.checksum(&head).as_bytes().to_vec();
        cursor.extend_from_slice(&head);
        batch.insert(CURSOR, cursor);
        Ok(self.db.apply_batch(batch)?)
    }

    pub(crate) fn tree(&self) -> &sled::Tree {
        &self.db
    }

    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        self.db.flush_async().await?;
        Ok(())
    }

    /// Binds a cursor to the model and version whose rows it speaks of.
    fn checksum(&self, head: &[u8]) -> Digest {
        sha256_parts(CURSOR_CONTEXT, &[self.layout.name.as_bytes(), &self.layout.version.to_be_bytes(), head])
    }
}

/// Opens the files, waiting a moment for their lock: sled's own threads give it up only some time after its last handle
/// is dropped.
fn open_sled(path: &Path) -> Result<sled::Db, StoreError> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match try_open_sled(path) {
            Err(StoreError::InUse) if Instant::now() < deadline => std::thread::sleep(LOCK_POLL),
            opened => return opened,
        }
    }
}

fn try_open_sled(path: &Path) -> Result<sled::Db, StoreError> {
    Ok(sled::Config::new().path(path).flush_every_ms(Some(FLUSH_EVERY_MS)).cache_capacity(CACHE_BYTES).open()?)
}

/// Removes what sled wrote, and nothing else: a mistyped path must cost nobody a file.
fn remove_sled(path: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !SLED_ENTRIES.contains(&name.as_ref()) && !name.starts_with(SLED_SNAPSHOT) {
            continue;
        }
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    Ok(())
}
