//! The high-water mark of an instance: how far it saw the log, in a small file outside NATS and outside its projection.
//!
//! A log that lost its end, or was replaced, looks like any other log to itself and to a server that restarts. The mark is
//! what contradicts it. It is written at most once every [`MARK_INTERVAL`] while the log moves, and when the last handle on
//! the log goes; flushed before it takes the place of the one before. A crash loses at most the last interval of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use egide_crypto::digest::{Digest, sha256_parts};
use egide_trust::{CurrentTrust, Trust};
use serde::{Deserialize, Serialize};

use crate::anchor::Contradiction;
use crate::head::Head;

/// How often the mark is written at most, and how old it is at most while the log moves.
pub const MARK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a mark that cannot be written is tried again before its instance stops reading the log.
const UNWRITABLE_MAX: Duration = Duration::from_secs(30);
/// Context of the checksum, which notices a damaged disk and no attacker.
const CHECKSUM_CONTEXT: &str = "egide/mark/v1";
/// Form of the file.
const VERSION: u32 = 1;
/// Largest file, in bytes.
const BYTES_MAX: u64 = 4_096;

/// How far an instance saw the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The incarnation in which the log went on (UUID).
    pub incarnation: String,
    /// Number of the last block that was seen, 0 before the first.
    pub block: u64,
    /// Its hash, zeros before the first.
    pub hash: Digest,
    /// The position after its last event.
    pub next_position: u64,
    /// Serial of the newest trust file that was seen.
    pub trust_serial: u64,
    /// What tells that trust file from others.
    pub trust_digest: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    mark: Mark,
    checksum: Digest,
}

/// A mark cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// The system refuses.
    #[error("`{}`: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not hold a whole mark.
    #[error(
        "`{}` is damaged; put back a copy, or remove it together with this instance's projection and compare with `egide log \
         verify` and another instance's mark first", .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// There is no mark, though this instance was at work before.
    #[error(
        "there is no mark at `{}`, though this instance has a projection; put the mark back, or remove the projection too and \
         begin as a new instance", .path.display()
    )]
    Gone {
        /// The file.
        path: PathBuf,
    },
}

/// Whether an instance may begin without a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstStart {
    /// It has no projection: it never was at work here.
    Allowed,
    /// It was at work here, so that a mark must be there.
    Refused,
}

impl Mark {
    /// The mark of somebody who saw the log up to `head`, in `incarnation`, under `trust`.
    #[must_use]
    pub fn of_head(head: &Head, incarnation: &str, trust: &Trust) -> Self {
        Self {
            incarnation: incarnation.to_owned(),
            block: head.number(),
            hash: head.hash(),
            next_position: head.next_position(),
            trust_serial: trust.serial(),
            trust_digest: trust.digest(),
        }
    }

    /// Reads the mark at `path`; none if there is no such file.
    ///
    /// # Errors
    /// [`MarkError`].
    pub fn read(path: &Path) -> Result<Option<Self>, MarkError> {
        let at = |source| MarkError::Io { path: path.to_owned(), source };
        let damaged = || MarkError::Damaged { path: path.to_owned() };
        match fs::metadata(path) {
            Ok(about) if about.len() > BYTES_MAX => return Err(damaged()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(error)),
        }
        let Written { version, mark, checksum } =
            serde_json::from_slice(&fs::read(path).map_err(at)?).map_err(|_| damaged())?;
        if version == VERSION && checksum == mark.checksum() { Ok(Some(mark)) } else { Err(damaged()) }
    }

    fn checksum(&self) -> Digest {
        let numbers = [self.block, self.next_position, self.trust_serial].map(u64::to_be_bytes);
        let [block, next_position, trust_serial] = &numbers;
        let parts: [&[u8]; 6] = [
            self.incarnation.as_bytes(),
            block,
            self.hash.as_ref(),
            next_position,
            trust_serial,
            self.trust_digest.as_ref(),
        ];
        sha256_parts(CHECKSUM_CONTEXT, &parts)
    }

    /// Written beside, flushed, and put in place whole.
    fn write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let written = Written { version: VERSION, mark: self.clone(), checksum: self.checksum() };
        let beside = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(&written)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(folder)?.sync_all()
    }
}

/// The mark of an instance as it stands on disk.
#[derive(Debug, Clone)]
pub struct MarkFile {
    path: PathBuf,
    mark: Option<Mark>,
}

impl MarkFile {
    /// The mark at `path`. Each instance has a file of its own, which outlives its projection.
    ///
    /// # Errors
    /// [`MarkError`]; [`MarkError::Gone`] without a file where `first` says that there must be one.
    pub fn open(path: &Path, first: FirstStart) -> Result<Self, MarkError> {
        let mark = Mark::read(path)?;
        match (&mark, first) {
            (None, FirstStart::Refused) => Err(MarkError::Gone { path: path.to_owned() }),
            (Some(_), _) | (None, FirstStart::Allowed) => Ok(Self { path: path.to_owned(), mark }),
        }
    }

    /// What was read.
    #[must_use]
    pub const fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there was a log once: then a missing one is a loss, and never made anew.
    pub(crate) fn saw_a_log(&self) -> bool {
        self.mark.is_some()
    }
}

/// Keeps the mark of a running instance.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    writer: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    path: PathBuf,
    trust: CurrentTrust,
    state: Mutex<State>,
    ending: Condvar,
}

struct State {
    /// What stood in the file at the start, or what a restore left of it.
    floor: Mark,
    /// How far this instance saw the log.
    seen: Mark,
    written: Mark,
    /// Since when the file cannot be written, and why.
    unwritable: Option<(Instant, String)>,
    ended: bool,
}

impl Keeper {
    /// Writes `mark` now, and what is seen beyond it from now on.
    pub(crate) fn start(path: &Path, mark: Mark, trust: &CurrentTrust) -> Result<Self, Contradiction> {
        let not_kept = |error: io::Error| Contradiction::MarkNotKept(error.to_string());
        mark.write(path).map_err(not_kept)?;
        let state = State { floor: mark.clone(), seen: mark.clone(), written: mark, unwritable: None, ended: false };
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            trust: trust.clone(),
            state: Mutex::new(state),
            ending: Condvar::new(),
        });
        let writing = Arc::clone(&shared);
        let writer = std::thread::Builder::new().name("mark".into()).spawn(move || writing.write());
        Ok(Self { shared, writer: Some(writer.map_err(not_kept)?) })
    }

    /// Takes note of a block of the chain; refuses one that is not the one this instance saw before it started.
    pub(crate) fn observe(&self, head: &Head) -> Result<(), Contradiction> {
        let mut state = self.shared.lock();
        if head.number() == state.floor.block && head.hash() != state.floor.hash {
            return Err(Contradiction::OtherBlock { number: head.number() });
        }
        if head.number() > state.seen.block {
            let seen = &mut state.seen;
            seen.block = head.number();
            seen.hash = head.hash();
            seen.next_position = head.next_position();
        }
        Ok(())
    }

    /// The last block that this instance saw.
    pub(crate) fn seen_block(&self) -> u64 {
        self.shared.lock().seen.block
    }

    /// Whether the mark can be written.
    pub(crate) fn check(&self) -> Result<(), Contradiction> {
        match &self.shared.lock().unwritable {
            Some((since, reason)) if since.elapsed() > UNWRITABLE_MAX => {
                Err(Contradiction::MarkNotKept(reason.clone()))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.ending.notify_all();
        if let Some(writer) = self.writer.take() {
            // It ends by itself; a panic of it was reported.
            drop(writer.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) {
        loop {
            let waited = self.ending.wait_timeout_while(self.lock(), MARK_INTERVAL, |state| !state.ended);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let trust = self.trust.get();
            state.seen.trust_serial = trust.serial();
            state.seen.trust_digest = trust.digest();
            let (seen, ended) = (state.seen.clone(), state.ended);
            let changed = seen != state.written;
            drop(state);
            if changed {
                let written = seen.write(&self.path);
                self.lock().note(seen, written);
            }
            if ended {
                return;
            }
        }
    }
}

impl State {
    fn note(&mut self, mark: Mark, written: io::Result<()>) {
        match written {
            Ok(()) => {
                self.written = mark;
                self.unwritable = None;
            }
            Err(error) => {
                tracing::error!(%error, "the mark cannot be written");
                let since = self.unwritable.take().map_or_else(Instant::now, |(since, _)| since);
                self.unwritable = Some((since, error.to_string()));
            }
        }
    }
}
