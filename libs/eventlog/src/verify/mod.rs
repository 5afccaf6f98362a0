//! Walking the whole log: every message fetched, every block checked, every thing wrong named, not only the first.
//!
//! Ranges of messages are fetched and checked side by side ([`range`]: hashes, signatures, what a block says by itself); what
//! spans blocks (chain, positions, time, incarnations, revisions of each stream, repeated commands) is checked in their order
//! ([`stitch`]). Memory is bounded by the ranges under way, and by one row for each stream and command of the log. It needs no
//! more than a reader's rights.

mod finding;
mod range;
mod stitch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use egide_trust::{CurrentTrust, Lineage};
use futures_util::StreamExt as _;
use uuid::Uuid;

use crate::anchor::Contradiction;
use crate::connection::{ApiError, Connection};
use crate::log::{INCARNATION, LogError, lineage_of, wish_without_capacity};
use crate::mark::Mark;
use stitch::Stitch;

pub use finding::{Finding, SealedFault};

/// Messages of one range.
const RANGE_BLOCKS: u64 = 512;
/// Ranges under way for each processor.
const RANGES_PER_PROCESSOR: usize = 2;
/// Ranges under way at most.
const RANGES_MAX: usize = 16;
/// Findings that are kept; all are counted.
pub const FINDINGS_MAX: usize = 1_000;

/// A mark that the log is compared with, and what it is called.
#[derive(Debug, Clone)]
pub struct NamedMark {
    /// What it is called in a finding, for instance its file.
    pub name: String,
    /// The mark.
    pub mark: Mark,
}

/// How far a walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walked {
    /// Messages that are checked.
    pub blocks: u64,
    /// Messages there are.
    pub total: u64,
    /// Since the walk began.
    pub elapsed: Duration,
}

/// What a walk came to.
#[derive(Debug, Clone)]
pub struct Verification {
    /// What is wrong, in the order of the blocks; the first [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many things are wrong.
    pub findings_total: u64,
    /// Blocks that were read.
    pub blocks: u64,
    /// Events in them.
    pub events: u64,
    /// Case and directory streams among them.
    pub streams: u64,
    /// Where the log ends, to compare a later walk with; none if its last block could not be read.
    pub end: Option<Mark>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Verification {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.findings_total == 0
    }
}

/// The walk could not be done, which says nothing about the log.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no log.
    #[error("stream `CASES` does not exist")]
    Missing,
    /// The server does not answer any more.
    #[error("nats stopped answering at message `{0}`; the walk is incomplete")]
    Unavailable(u64),
    /// The server refuses.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Walks the whole log and names everything that is wrong with it, and every one of `marks` that contradicts it. `progress`
/// is told after every range.
///
/// # Errors
/// [`VerifyError`] when the walk could not be done.
pub async fn verify_log(
    connection: &Connection,
    trust: &CurrentTrust,
    marks: &[NamedMark],
    progress: impl Fn(Walked),
) -> Result<Verification, VerifyError> {
    let begun = Instant::now();
    let wish = wish_without_capacity();
    let info = wish.info(connection).await.map_err(LogError::from)?.ok_or(VerifyError::Missing)?;
    let total = info.state.last_seq;
    let trust = trust.get();
    let mut findings = finding::Findings::default();
    for drift in wish.differences(&info.config) {
        findings.add(Finding::Drift(drift));
    }
    if info.state.messages != total || info.state.first_seq > 1 {
        let (messages, first, last) = (info.state.messages, info.state.first_seq, total);
        findings.add(Finding::Counts { messages, first, last });
    }
    let incarnation = info.metadata(INCARNATION).filter(|text| Uuid::try_parse(text).is_ok());
    let lineage = match incarnation.map(|incarnation| (incarnation, lineage_of(incarnation, &trust))) {
        None => {
            findings.add(Finding::NoIncarnation);
            trust.lineage().cloned()
        }
        Some((_, Ok(lineage))) => Some(lineage),
        Some((incarnation, Err(contradiction))) => {
            findings.add(Finding::Contradicted { name: String::new(), contradiction });
            Some(trust.lineage().cloned().unwrap_or_else(|| Lineage::single(incarnation)))
        }
    };
    let mut stitch = Stitch::new(findings, lineage, Arc::clone(&trust), marks);
    let ranges = (1..=total).step_by(usize::try_from(RANGE_BLOCKS).unwrap_or(usize::MAX));
    let checked = futures_util::stream::iter(ranges).map(|first| {
        let last = first.saturating_add(RANGE_BLOCKS - 1).min(total);
        let (connection, trust) = (connection.clone(), Arc::clone(&trust));
        let checking = tokio::spawn(async move { range::check(&connection, &trust, first, last).await });
        async move { (first, last, checking.await) }
    });
    let mut checked = std::pin::pin!(checked.buffered(at_once()));
    while let Some((first, last, range)) = checked.next().await {
        // A task that panicked has not checked its range.
        let range = range.map_err(|_| VerifyError::Unavailable(first))??;
        stitch.add(first, last, range);
        progress(Walked { blocks: last, total, elapsed: begun.elapsed() });
    }
    Ok(stitch.finish(total, begun.elapsed()))
}

fn at_once() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    processors.saturating_mul(RANGES_PER_PROCESSOR).min(RANGES_MAX)
}

impl From<ApiError> for VerifyError {
    fn from(error: ApiError) -> Self {
        Self::Log(error.into())
    }
}

/// Holds a mark against the log's own incarnations, before any block is looked at.
fn check_mark(mark: &Mark, trust: &egide_trust::Trust, lineage: &Lineage) -> Result<u64, Contradiction> {
    trust.check_not_older(mark.trust_serial, &mark.trust_digest)?;
    lineage.shared_with(&mark.incarnation).ok_or_else(|| Contradiction::OtherIncarnation {
        found: lineage.current().to_string(),
        mark: mark.incarnation.clone(),
    })
}
