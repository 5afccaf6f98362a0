//! The trust file that counts in a running process, read again when it changes.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, SystemTime};

use egide_crypto::sign::KeyRing;

use crate::root::RootKey;
use crate::trust::{ParseTrustError, Trust};

/// How often the file is looked at.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// A trust file cannot be read or does not count.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("`{}`: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It does not count.
    #[error("`{}`: {source}", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ParseTrustError,
    },
    /// It is older than what was seen.
    #[error("`{}`: {source}", .path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// How old.
        source: Older,
    },
}

/// A trust file is older than one that was seen: a revocation may have been dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Older {
    /// Its serial is lower.
    #[error("the trust file has serial `{found}`, and `{seen}` was seen before; put the newest one in its place")]
    Serial {
        /// The serial of the file.
        found: u64,
        /// The highest that was seen.
        seen: u64,
    },
    /// Its serial is the same, and it says something else.
    #[error(
        "there are two trust files of serial `{serial}`: find out who signed the second one, and sign the right one anew"
    )]
    Two {
        /// Their serial.
        serial: u64,
    },
}

/// The newest trust of a process; clones share it.
#[derive(Clone)]
pub struct CurrentTrust(Arc<Shared>);

struct Shared {
    trust: RwLock<Arc<Trust>>,
    file: Option<TrustFile>,
}

struct TrustFile {
    path: PathBuf,
    root: RootKey,
    /// Inode, length and time of change of what was last read, whether it counted or not.
    seen: Mutex<Option<(u64, u64, SystemTime)>>,
}

impl std::fmt::Debug for CurrentTrust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CurrentTrust").field("serial", &self.get().serial()).finish_non_exhaustive()
    }
}

impl From<Trust> for CurrentTrust {
    /// A trust that only [`CurrentTrust::replace`] changes.
    fn from(trust: Trust) -> Self {
        Self(Arc::new(Shared { trust: RwLock::new(Arc::new(trust)), file: None }))
    }
}

impl From<KeyRing> for CurrentTrust {
    fn from(ring: KeyRing) -> Self {
        Trust::of_ring(ring).into()
    }
}

impl CurrentTrust {
    /// Reads the file at `path`, signed by `root`, and from then on reads it again within [`REFRESH_INTERVAL`] of a change,
    /// as long as anybody holds this value. A changed file that does not count is reported, and changes nothing.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn open(path: &Path, root: RootKey) -> Result<Self, ReadError> {
        let file = TrustFile { path: path.to_owned(), root, seen: Mutex::new(None) };
        let trust = file.read()?.ok_or_else(|| file.io(io::ErrorKind::NotFound.into()))?;
        let current = Self(Arc::new(Shared { trust: RwLock::new(Arc::new(trust)), file: Some(file) }));
        let watched = Arc::downgrade(&current.0);
        let spawned = std::thread::Builder::new().name("trust-file".into()).spawn(move || watch(&watched));
        spawned.map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        Ok(current)
    }

    /// The trust that counts now.
    #[must_use]
    pub fn get(&self) -> Arc<Trust> {
        Arc::clone(&self.0.trust.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a newer trust; whether it is another one.
    ///
    /// # Errors
    /// [`Older`]: then nothing changes.
    pub fn replace(&self, trust: Trust) -> Result<bool, Older> {
        let mut current = self.0.trust.write().unwrap_or_else(PoisonError::into_inner);
        if trust == **current {
            return Ok(false);
        }
        trust.check_not_older(current.serial(), &current.digest())?;
        tracing::info!(serial = trust.serial(), before = current.serial(), "a new trust file counts");
        *current = Arc::new(trust);
        Ok(true)
    }

    /// Reads the file again if it changed; whether another trust counts now.
    ///
    /// # Errors
    /// [`ReadError`]: then nothing changes.
    pub fn refresh(&self) -> Result<bool, ReadError> {
        let Some(file) = &self.0.file else { return Ok(false) };
        match file.read()? {
            None => Ok(false),
            Some(trust) => self.replace(trust).map_err(|source| ReadError::Older { path: file.path.clone(), source }),
        }
    }
}

fn watch(watched: &Weak<Shared>) {
    loop {
        std::thread::sleep(REFRESH_INTERVAL);
        let Some(shared) = watched.upgrade() else { return };
        if let Err(error) = CurrentTrust(shared).refresh() {
            tracing::error!(%error, "the trust file changed and does not count; the one before stays");
        }
    }
}

impl TrustFile {
    /// What stands in the file, if it changed since it was last read.
    fn read(&self) -> Result<Option<Trust>, ReadError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let about = fs::metadata(&self.path).map_err(|error| self.io(error))?;
        let state = (about.ino(), about.len(), about.modified().map_err(|error| self.io(error))?);
        if *seen == Some(state) {
            return Ok(None);
        }
        let bytes = fs::read(&self.path).map_err(|error| self.io(error))?;
        // Remembered also when it does not count: it is reported once, not every second.
        *seen = Some(state);
        let trust = Trust::verify(&bytes, &self.root);
        trust.map(Some).map_err(|source| ReadError::Refused { path: self.path.clone(), source })
    }

    fn io(&self, source: io::Error) -> ReadError {
        ReadError::Io { path: self.path.clone(), source }
    }
}

impl Trust {
    /// Refuses this trust where `serial` and `digest` of another were seen and this one is older, or a second of the same
    /// serial. A trust without a root (serial 0) is compared with nothing.
    ///
    /// # Errors
    /// [`Older`].
    pub fn check_not_older(&self, serial: u64, digest: &egide_crypto::digest::Digest) -> Result<(), Older> {
        let found = self.serial();
        if found < serial {
            return Err(Older::Serial { found, seen: serial });
        }
        if found == serial && found > 0 && self.digest() != *digest {
            return Err(Older::Two { serial });
        }
        Ok(())
    }
}
