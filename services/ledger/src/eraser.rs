//! Deletes the entries of closed keys from the keys' bucket: at every start before anything is served, then as shreds are
//! applied, and again every hour, for a bucket that was restored from a copy brings keys back.
//!
//! A key is closed by its event alone; no ledger opens it from then on whatever stands in the bucket. This takes care of
//! what others could open who have the bucket and the key-encryption key.

use std::convert::Infallible;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use egide_domain::ids::CaseId;
use egide_eventlog::BucketError;
use egide_projection::{ModelError, Projection};
use egide_vault::{KeyName, Vault};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::closed::{self, ShredRow};
use crate::find::{Index, owner_of};
use crate::model::LedgerModel;

/// Shreds that are worked on at once.
const SHREDS_AT_ONCE: usize = 32;
/// How soon an entry is tried again that could not be deleted.
const PAUSE: Duration = Duration::from_millis(250);
/// How often everything is gone through again while the ledger runs.
const AGAIN_AFTER: Duration = Duration::from_secs(3_600);
/// How long the bucket may stay out of reach before it is reported again.
const REPORT_AFTER: Duration = Duration::from_secs(10);

/// An erasure could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What is closed cannot be read.
    #[error("the ledger cannot read which keys are closed: {0}")]
    Model(#[from] ModelError),
    /// The work was interrupted.
    #[error("erasing keys was interrupted")]
    Interrupted,
}

/// How far erasing is; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Erased(Arc<AtomicU64>);

impl Erased {
    /// The position up to which everything that was shredded has no entry any more, exclusive.
    pub(crate) fn before(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// See the module.
pub(crate) struct Eraser {
    vault: Arc<Vault>,
    index: Arc<Index>,
    projection: Projection<LedgerModel>,
    erased: Erased,
}

impl Eraser {
    pub(crate) fn new(vault: Arc<Vault>, index: Arc<Index>, projection: Projection<LedgerModel>) -> Self {
        Self { vault, index, projection, erased: Erased::default() }
    }

    pub(crate) fn erased(&self) -> Erased {
        self.erased.clone()
    }

    /// Goes through every shred there ever was, and answers when none of their keys has an entry, nor anybody they name in the
    /// index.
    pub(crate) async fn everything(&self) -> Result<(), Error> {
        self.erase_from(0, None).await?;
        self.clear_index().await
    }

    /// Erases what is shredded from now on, and everything again from time to time, without end.
    pub(crate) async fn run(self) -> Result<Infallible, Error> {
        let mut progress = self.projection.subscribe();
        let mut next = self.erased.before();
        let mut again_at = Instant::now() + AGAIN_AFTER;
        loop {
            next = self.erase_from(next, Some(&self.index)).await?;
            tokio::select! {
                changed = progress.changed() => changed.map_err(|_| Error::Interrupted)?,
                () = tokio::time::sleep_until(again_at) => {
                    self.everything().await?;
                    again_at = Instant::now() + AGAIN_AFTER;
                }
            }
        }
    }

    /// Erases what was shredded at `position` and after it, in the index too if it is given; the position from which to go on.
    async fn erase_from(&self, mut position: u64, index: Option<&Arc<Index>>) -> Result<u64, Error> {
        loop {
            // Read together: what is applied between the two is not passed over.
            let (shreds, reached) = {
                let view = self.projection.view();
                (closed::shreds_from(&view, position, SHREDS_AT_ONCE)?, view.position())
            };
            let Some((last, _)) = shreds.last() else {
                let next = reached.saturating_add(1).max(position);
                self.erased.0.fetch_max(next, Ordering::AcqRel);
                return Ok(next);
            };
            position = last.saturating_add(1);
            let mut working = JoinSet::new();
            for (_, shred) in shreds {
                let (vault, index) = (Arc::clone(&self.vault), index.map(Arc::clone));
                working.spawn(async move {
                    patiently(|| erase_keys(&vault, &shred)).await;
                    if let Some(index) = index {
                        patiently(|| drop_entries(&index, &shred)).await;
                    }
                });
            }
            while let Some(done) = working.join_next().await {
                done.map_err(|_| Error::Interrupted)?;
            }
            self.erased.0.fetch_max(position, Ordering::AcqRel);
        }
    }

    /// Drops whoever is closed from the index, going through its entries once: to ask for those of each person ever shredded
    /// costs the server the same every time.
    async fn clear_index(&self) -> Result<(), Error> {
        if closed::shreds_from(&self.projection.view(), 0, 1)?.is_empty() {
            return Ok(());
        }
        let mut offset = 0_usize;
        loop {
            let listing = patiently(|| self.index.keys_from(offset)).await;
            let closed = self.closed_among(&listing.keys)?;
            patiently(|| self.index.drop_keys(&closed)).await;
            if !listing.more {
                return Ok(());
            }
            // Those that are dropped are counted no more.
            offset = offset.saturating_add(listing.keys.len()).saturating_sub(closed.len());
        }
    }

    /// Those of the entries whose person or case is closed.
    fn closed_among(&self, entries: &[String]) -> Result<Vec<String>, Error> {
        let view = self.projection.view();
        let mut among = Vec::new();
        for entry in entries {
            if let Some(owner) = owner_of(entry)
                && closed::is_closed(&view, owner)?
            {
                among.push(entry.clone());
            }
        }
        Ok(among)
    }
}

/// Tries as often as it takes.
async fn patiently<T, E: Display, F: Future<Output = Result<T, E>>>(attempt: impl Fn() -> F) -> T {
    let mut report_at = Instant::now() + REPORT_AFTER;
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) if Instant::now() >= report_at => {
                tracing::error!(%error, "what was shredded still has entries in the buckets; trying on");
                report_at = Instant::now() + REPORT_AFTER;
            }
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn erase_keys(vault: &Vault, shred: &ShredRow) -> Result<(), egide_vault::Error> {
    let names = shred.key_ids.iter().filter_map(|id| id.parse::<KeyName>().ok());
    // All copies in memory go first: that cannot fail.
    names.clone().for_each(|name| vault.forget(name));
    for name in names {
        if vault.destroy(name).await? {
            tracing::info!("the entry of a shredded key was deleted");
        }
    }
    if let Some(case) = whole_case(shred) {
        vault.destroy_case(case).await?;
    }
    Ok(())
}

/// Drops from the index whoever a shred names: what else than keys is kept outside the projection and goes with them.
async fn drop_entries(index: &Index, shred: &ShredRow) -> Result<(), BucketError> {
    if let Some(case) = whole_case(shred) {
        return index.drop_entries(case, None).await;
    }
    for name in shred.key_ids.iter().filter_map(|id| id.parse::<KeyName>().ok()) {
        if let KeyName::Subject { case, subject } = name {
            index.drop_entries(case, Some(subject)).await?;
        }
    }
    Ok(())
}

fn whole_case(shred: &ShredRow) -> Option<CaseId> {
    shred.case_id.parse().ok().filter(|_| shred.whole_case)
}
