//! A read model kept up to date.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use egide_eventlog::{EventLog, Halted, Head, VerifiedBlock};
use egide_trust::Lineage;
use tokio::sync::{Notify, watch};

use crate::model::{ModelError, ReadModel};
use crate::rows::Rows;
use crate::store::{Layout, Store, StoreError};
use crate::view::View;

/// How many blocks at most become one batch while catching up.
const BLOCKS_PER_BATCH: usize = 64;
/// How many blocks may be offered and not applied; with one more, whoever offers it applies all of them.
const OFFERED_MAX: usize = 64;
/// How long offered blocks wait for others to become one batch with. Whoever looks applies them at once.
const OFFERED_WAIT: Duration = Duration::from_millis(5);

/// How far a projection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Number of the last block that is applied.
    pub number: u64,
    /// Position of the last event that is applied.
    pub position: u64,
    /// Whether it stopped for good; then neither will ever grow.
    pub halted: bool,
}

/// Whether a block was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is applied now.
    Now,
    /// It was applied before.
    Before,
}

/// What was waited for has not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lagging {
    /// Time is up.
    #[error("the projection is at `{reached}`, `{wanted}` is wanted; try again")]
    Behind {
        /// What was wanted.
        wanted: u64,
        /// How far it is.
        reached: u64,
    },
    /// The projection has stopped.
    #[error("the projection has halted at `{reached}`; its log line says why")]
    Halted {
        /// How far it is.
        reached: u64,
    },
}

/// A projection cannot be opened, or has stopped for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// Its files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be trusted.
    #[error(transparent)]
    Log(#[from] Halted),
    /// The model cannot apply a block.
    #[error("block `{number}` cannot be applied: {reason}")]
    Model {
        /// Number of the block.
        number: u64,
        /// Why not.
        reason: ModelError,
    },
    /// The stored rows follow from an incarnation that the log never had.
    #[error(
        "the projection follows another incarnation of the log, and the trust file records no restore that explains it; get \
         the newest trust file, or find out who made another log"
    )]
    OtherIncarnation,
    /// A block was handed over that does not continue what is applied.
    #[error("block `{found}` was handed over, `{expected}` is due")]
    OutOfOrder {
        /// The number that is due.
        expected: u64,
        /// The number of the block.
        found: u64,
    },
    /// A block was handed over that is not the one applied under its number.
    #[error("block `{number}` is not the one that was applied: the log was rewritten")]
    OtherHistory {
        /// Number of the block.
        number: u64,
    },
    /// It stopped earlier.
    #[error("the projection has halted; its log line says why")]
    Halted,
}

/// A read model with its rows and its place in the log. Clones share it.
pub struct Projection<M> {
    inner: Arc<Inner<M>>,
}

impl<M> Clone for Projection<M> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<M: ReadModel> std::fmt::Debug for Projection<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Projection").field("name", &M::NAME).finish_non_exhaustive()
    }
}

struct Inner<M> {
    model: M,
    store: Store,
    /// What readers see. Written only together with the rows, under `applying`.
    head: RwLock<Head>,
    /// Held while blocks are applied, one call at a time; whether the projection has halted.
    applying: Mutex<bool>,
    progress: watch::Sender<Progress>,
    offered: Offered,
}

/// Blocks that whoever appended them handed over, to be applied a little later.
#[derive(Default)]
struct Offered {
    /// In their order.
    blocks: Mutex<Vec<VerifiedBlock>>,
    /// Number of the last of them.
    last: AtomicU64,
    /// Position of the last event in them.
    position: AtomicU64,
    /// Number of the last block that is being appended here: the follower need not read it.
    expected: Arc<AtomicU64>,
    /// Something was offered.
    some: Notify,
}

impl<M: ReadModel> Projection<M> {
    /// Opens the projection in the directory `path`, for the log of this lineage. Rows of another name or version, a
    /// broken cursor, damaged files, or rows that follow from blocks which a restore gave up are thrown away: the projection
    /// is built again from the first block. Blocks the thread for reading files, and up to two seconds for a lock that
    /// somebody else is just giving up.
    ///
    /// # Errors
    /// [`ProjectionError::Store`]; [`ProjectionError::OtherIncarnation`], for a log that was replaced is not to be
    /// followed as if nothing had happened.
    pub fn open(path: impl AsRef<Path>, model: M, lineage: impl Into<Lineage>) -> Result<Self, ProjectionError> {
        let lineage = lineage.into();
        let store = Store::open(path.as_ref(), Layout { name: M::NAME, version: M::VERSION })?;
        let cursor = store.cursor()?;
        if let Some(head) = cursor.as_ref().filter(|head| !lineage.knows(head.incarnation())) {
            tracing::error!(projection = M::NAME, number = head.number(), "the rows follow from another log");
            return Err(ProjectionError::OtherIncarnation);
        }
        let head = match cursor.filter(|head| still_stands(head, &lineage)) {
            Some(head) => head,
            None => {
                if store.tree().is_empty() {
                    tracing::info!(projection = M::NAME, version = M::VERSION, "building from the first block");
                } else {
                    tracing::warn!(projection = M::NAME, version = M::VERSION, "building again from the first block");
                }
                store.clear()?;
                Head::genesis(lineage.first())
            }
        };
        let progress = watch::Sender::new(progress_of(&head, false));
        let (head, applying) = (RwLock::new(head), Mutex::new(false));
        let offered = Offered::default();
        Ok(Self { inner: Arc::new(Inner { model, store, head, applying, progress, offered }) })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &M {
        &self.inner.model
    }

    /// What readers see now: everything that was applied or offered. One view at a time: while this thread holds it, it
    /// asks the view for the head and takes no other.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        if self.inner.offered.last.load(Ordering::Acquire) > self.view_behind().head().number() {
            // Why it cannot be applied stands in a log line, and stops the projection; what is seen is what was before.
            drop(self.apply_offered());
        }
        self.view_behind()
    }

    /// What is applied, without waiting for what is only offered: for whoever offered it, and knows what is in it.
    #[must_use]
    pub fn view_behind(&self) -> View<'_> {
        // The head is replaced whole, so a panic elsewhere leaves nothing half done.
        let head = self.inner.head.read().unwrap_or_else(PoisonError::into_inner);
        View { store: &self.inner.store, head }
    }

    /// The head that the rows follow from.
    #[must_use]
    pub fn head(&self) -> Head {
        self.view_behind().head().clone()
    }

    /// How far it is, now and from now on.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Progress> {
        self.inner.progress.subscribe()
    }

    /// Applies the next block now. A block that was applied before changes nothing.
    ///
    /// # Errors
    /// [`ProjectionError::OutOfOrder`] changes nothing either. All others stop the projection for good.
    pub fn applied(&self, block: &VerifiedBlock) -> Result<Applied, ProjectionError> {
        self.apply_offered()?;
        self.apply(std::slice::from_ref(block))
    }

    /// Block `number` is about to be appended by whoever will [`Projection::offer`] it: [`Projection::run`] does not read it
    /// from the log, unless it turns out to be another's.
    pub fn expect(&self, number: u64) {
        self.inner.offered.expected.store(number, Ordering::Release);
    }

    /// Hands over the next block, which stands in the log: every later [`Projection::view`] shows it. It is applied together
    /// with others within milliseconds; a crash before that loses nothing, for rows follow from the log.
    ///
    /// # Errors
    /// As [`Projection::applied`], when so many are waiting that they are applied now.
    pub fn offer(&self, block: VerifiedBlock) -> Result<(), ProjectionError> {
        let offered = &self.inner.offered;
        let (number, position) = (block.number(), block.last_position());
        let waiting = {
            let mut blocks = offered.blocks.lock().unwrap_or_else(PoisonError::into_inner);
            blocks.push(block);
            offered.position.store(position, Ordering::Release);
            offered.last.store(number, Ordering::Release);
            blocks.len()
        };
        if waiting > OFFERED_MAX {
            return self.apply_offered();
        }
        if waiting == 1 {
            offered.some.notify_one();
        }
        Ok(())
    }

    /// Follows the log from where the rows are, until `shutdown` is ready.
    ///
    /// # Errors
    /// [`ProjectionError`]: the log or the projection cannot be trusted. Reported in the log, and to all who wait.
    pub async fn run(&self, log: &EventLog, shutdown: impl Future<Output = ()>) -> Result<(), ProjectionError> {
        let mut shutdown = std::pin::pin!(shutdown);
        let offered = &self.inner.offered;
        let mut follower = log.follow(self.head()).beside(Arc::clone(&offered.expected));
        let outcome = loop {
            let applied = tokio::select! {
                biased;
                () = &mut shutdown => break Ok(()),
                () = offered.some.notified() => {
                    tokio::time::sleep(OFFERED_WAIT).await;
                    self.apply_offered().map(|()| follower.pass(&self.head()))
                }
                blocks = follower.next_batch(BLOCKS_PER_BATCH) => {
                    let applied = blocks.map_err(ProjectionError::from);
                    applied.and_then(|blocks| self.apply_offered().and_then(|()| self.apply(&blocks)).map(drop))
                }
            };
            if let Err(error) = applied {
                self.halt(&mut self.applying(), &error);
                break Err(error);
            }
        };
        let offered = self.apply_offered();
        let flushed = self.flush().await;
        outcome.and(offered).and(flushed)
    }

    /// Returns once the event at `position` is applied.
    ///
    /// # Errors
    /// [`Lagging`] after `timeout`, or at once if the projection has halted before.
    pub async fn wait_for(&self, position: u64, timeout: Duration) -> Result<(), Lagging> {
        if self.inner.offered.position.load(Ordering::Acquire) >= position {
            drop(self.view());
        }
        self.wait(position, timeout, |progress| progress.position).await
    }

    /// Returns once the block of this `number` is applied.
    ///
    /// # Errors
    /// As [`Projection::wait_for`], counted in blocks.
    pub async fn wait_for_block(&self, number: u64, timeout: Duration) -> Result<(), Lagging> {
        if self.inner.offered.last.load(Ordering::Acquire) >= number {
            drop(self.view());
        }
        self.wait(number, timeout, |progress| progress.number).await
    }

    /// Writes everything to disk. Without it, what a crash takes with it is applied again from the log.
    ///
    /// # Errors
    /// [`ProjectionError::Store`].
    pub async fn flush(&self) -> Result<(), ProjectionError> {
        self.apply_offered()?;
        Ok(self.inner.store.flush().await?)
    }

    async fn wait(&self, wanted: u64, timeout: Duration, of: fn(&Progress) -> u64) -> Result<(), Lagging> {
        let mut progress = self.subscribe();
        let waited = progress.wait_for(|progress| of(progress) >= wanted || progress.halted);
        let reached = match tokio::time::timeout(timeout, waited).await {
            // The sender lives as long as `self`.
            Ok(Ok(progress)) => *progress,
            Ok(Err(_)) | Err(_) => *self.inner.progress.borrow(),
        };
        match (of(&reached), reached.halted) {
            (reached, _) if reached >= wanted => Ok(()),
            (reached, true) => Err(Lagging::Halted { reached }),
            (reached, false) => Err(Lagging::Behind { wanted, reached }),
        }
    }

    /// Applies everything that was offered, in one batch.
    fn apply_offered(&self) -> Result<(), ProjectionError> {
        if self.inner.offered.last.load(Ordering::Acquire) <= self.head().number() {
            return Ok(());
        }
        // Whoever holds this takes what is offered and applies it before anybody else can take what comes after.
        let mut halted = self.applying();
        let blocks = std::mem::take(&mut *self.inner.offered.blocks.lock().unwrap_or_else(PoisonError::into_inner));
        if blocks.is_empty() {
            return if *halted { Err(ProjectionError::Halted) } else { Ok(()) };
        }
        self.apply_holding(&mut halted, &blocks).map(drop)
    }

    /// Applies consecutive blocks in one batch; those applied before are passed over.
    fn apply(&self, blocks: &[VerifiedBlock]) -> Result<Applied, ProjectionError> {
        self.apply_holding(&mut self.applying(), blocks)
    }

    fn apply_holding(&self, halted: &mut bool, blocks: &[VerifiedBlock]) -> Result<Applied, ProjectionError> {
        if *halted {
            return Err(ProjectionError::Halted);
        }
        let applied = self.apply_in_order(blocks);
        match &applied {
            Ok(_) | Err(ProjectionError::OutOfOrder { .. }) => {}
            Err(error) => self.halt(halted, error),
        }
        applied
    }

    fn apply_in_order(&self, blocks: &[VerifiedBlock]) -> Result<Applied, ProjectionError> {
        let mut head = self.head();
        let mut rows = Rows::new(&self.inner.store);
        for block in blocks {
            let expected = head.number().saturating_add(1);
            if block.number() > expected {
                return Err(ProjectionError::OutOfOrder { expected, found: block.number() });
            }
            if block.number() < expected {
                let same = block.number() < head.number() || block.hash() == head.hash();
                if !same {
                    return Err(ProjectionError::OtherHistory { number: block.number() });
                }
                continue;
            }
            if block.block().previous_hash != head.hash().as_bytes() {
                return Err(ProjectionError::OtherHistory { number: block.number() });
            }
            let model = self.inner.model.apply(block, &mut rows);
            model.map_err(|reason| ProjectionError::Model { number: block.number(), reason })?;
            head = block.head_after().clone();
        }
        if head.number() == self.head().number() {
            return Ok(Applied::Before);
        }
        let progress = progress_of(&head, false);
        let mut visible = self.inner.head.write().unwrap_or_else(PoisonError::into_inner);
        self.inner.store.write(rows.into_changes(), &head)?;
        *visible = head;
        drop(visible);
        self.inner.progress.send_replace(progress);
        Ok(Applied::Now)
    }

    fn applying(&self) -> MutexGuard<'_, bool> {
        // A model that panicked left no rows behind; but what it stumbled over is still due, so nobody may go on.
        self.inner.applying.lock().unwrap_or_else(|poisoned| {
            let mut halted = poisoned.into_inner();
            *halted = true;
            self.inner.progress.send_modify(|progress| progress.halted = true);
            halted
        })
    }

    fn halt(&self, halted: &mut bool, error: &ProjectionError) {
        if !*halted {
            tracing::error!(projection = M::NAME, number = self.head().number(), reason = %error, "halted");
        }
        *halted = true;
        self.inner.progress.send_modify(|progress| progress.halted = true);
    }
}

/// Whether the block at which the rows stand is still one of the log, as far as the restores say.
fn still_stands(head: &Head, lineage: &Lineage) -> bool {
    let incarnation = if head.number() == 0 { lineage.first() } else { lineage.at_block(head.number()) };
    **incarnation == *head.incarnation()
}

const fn progress_of(head: &Head, halted: bool) -> Progress {
    Progress { number: head.number(), position: head.last_position(), halted }
}
