//! Re-wrapping every entry under the current epoch, while everybody goes on using them.
//!
//! Each entry is replaced where it stands or not at all, so two rotations at once do no harm, one that stops is taken up
//! again by starting anew, and an entry that is erased meanwhile stays erased.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use egide_crypto::wrap::{Epoch, WrappedKey};
use egide_eventlog::{BucketEntry, Update};
use tokio::task::JoinSet;

use crate::name::KeyName;
use crate::vault::{Error, Vault};

/// Entries that are worked on at the same time.
const LANES: u64 = 8;
/// How often an entry that moves is looked at again, and the bucket gone through again for what came in meanwhile.
const ATTEMPTS: u32 = 8;

/// How far a rotation or a count is.
#[derive(Debug, Default)]
pub struct Tally {
    entries: AtomicU64,
    rewrapped: AtomicU64,
    by_epoch: Mutex<BTreeMap<Epoch, u64>>,
}

impl Tally {
    /// Entries looked at so far, marks of erased ones not counted.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Entries re-wrapped so far.
    #[must_use]
    pub fn rewrapped(&self) -> u64 {
        self.rewrapped.load(Ordering::Relaxed)
    }

    fn found(&self, epoch: &Epoch) {
        self.entries.fetch_add(1, Ordering::Relaxed);
        let mut by_epoch = self.by_epoch.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_epoch.entry(epoch.clone()).or_default();
        *count = count.saturating_add(1);
    }

    fn into_counts(self: Arc<Self>) -> BTreeMap<Epoch, u64> {
        std::mem::take(&mut *self.by_epoch.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is done with each entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Task {
    Count,
    Rewrap,
}

impl Vault {
    /// Re-wraps every entry under the current epoch, and then counts: how many stand under which epoch. When none but the
    /// current one is named, no other key-encryption key is needed any more. `tally` says meanwhile how far it is.
    ///
    /// # Errors
    /// See [`Error`]; what was re-wrapped stays so, and a later call goes on.
    pub async fn rotate(self: &Arc<Self>, tally: &Arc<Tally>) -> Result<BTreeMap<Epoch, u64>, Error> {
        let mut from = 1;
        for _ in 0..ATTEMPTS {
            let last = self.bucket().last_sequence().await?;
            if last < from {
                break;
            }
            self.walk(from, last, Task::Rewrap, tally).await?;
            from = last.saturating_add(1);
        }
        self.count().await
    }

    /// How many entries stand under which epoch.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn count(self: &Arc<Self>) -> Result<BTreeMap<Epoch, u64>, Error> {
        let tally = Arc::new(Tally::default());
        let last = self.bucket().last_sequence().await?;
        self.walk(1, last, Task::Count, &tally).await?;
        Ok(tally.into_counts())
    }

    /// Goes through all entries from `first` to `last`, several at a time.
    async fn walk(self: &Arc<Self>, first: u64, last: u64, task: Task, tally: &Arc<Tally>) -> Result<(), Error> {
        let length = last.saturating_sub(first).saturating_add(1).div_ceil(LANES).max(1);
        let mut lanes = JoinSet::new();
        let mut begin = first;
        while begin <= last {
            let end = begin.saturating_add(length).saturating_sub(1).min(last);
            let (vault, tally) = (Arc::clone(self), Arc::clone(tally));
            lanes.spawn(async move { vault.lane(begin, end, task, &tally).await });
            begin = end.saturating_add(1);
        }
        while let Some(lane) = lanes.join_next().await {
            lane.map_err(|_| Error::Interrupted)??;
        }
        Ok(())
    }

    async fn lane(&self, begin: u64, end: u64, task: Task, tally: &Tally) -> Result<(), Error> {
        let mut at = begin;
        while let Some(entry) = self.bucket().next(">", at).await?.filter(|entry| entry.sequence <= end) {
            at = entry.sequence.saturating_add(1);
            // What is no data key is not wrapped.
            let Ok(name) = entry.key.parse::<KeyName>() else { continue };
            match task {
                Task::Count => {
                    if let Some(wrapped) = wrapped(name, &entry)? {
                        tally.found(wrapped.epoch());
                    }
                }
                Task::Rewrap => self.rewrap(name, entry, tally).await?,
            }
        }
        Ok(())
    }

    async fn rewrap(&self, name: KeyName, mut entry: BucketEntry, tally: &Tally) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let Some(wrapped) = wrapped(name, &entry)? else { return Ok(()) };
            if wrapped.epoch() == self.keys().current() {
                tally.found(wrapped.epoch());
                return Ok(());
            }
            let key = self.keys().unwrap(&wrapped, &entry.key).map_err(|source| Error::Unwrap { name, source })?;
            let bytes = self.keys().wrap(&key, &entry.key)?.to_bytes();
            match self.bucket().update(&entry.key, bytes.into(), entry.sequence).await? {
                Update::Updated => {
                    tally.found(self.keys().current());
                    tally.rewrapped.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Update::Moved => match self.bucket().entry_of(&entry.key).await? {
                    Some(newer) => entry = newer,
                    None => return Ok(()),
                },
            }
        }
        // Somebody else works on it all the time; the count afterwards says what is left.
        Ok(())
    }
}

fn wrapped(name: KeyName, entry: &BucketEntry) -> Result<Option<WrappedKey>, Error> {
    let Some(bytes) = &entry.bytes else { return Ok(None) };
    WrappedKey::from_bytes(bytes).map(Some).map_err(|source| Error::Entry { name, source })
}
