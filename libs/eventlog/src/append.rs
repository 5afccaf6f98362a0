//! Appending: one block in flight, behind a fence, until its outcome is known.

use std::time::Duration;

use async_nats::{HeaderMap, Request};
use egide_crypto::sign::SigningKey;
use egide_wire::proto::egide::ledger::v1::Commit;
use serde::Deserialize;

use crate::block::{SealedBlock, VerifiedBlock};
use crate::chain::{ChainBroken, ChainVerifier};
use crate::connection::ApiError;
use crate::head::Head;
use crate::log::{EventLog, LogError, STREAM, SUBJECT};
use crate::stored::{EXPECTED_LAST_SEQUENCE, EXPECTED_STREAM, MESSAGE_ID};
use crate::stream::STREAM_NOT_FOUND;
use crate::suspicion::Suspicion;

/// How long one publication waits for its acknowledgement before the same bytes are published again.
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(2);
/// First pause between two publications of one block; doubled each time.
const PAUSE_FIRST: Duration = Duration::from_millis(5);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// JetStream's codes for what it refuses for certain.
const WRONG_LAST_SEQUENCE: u64 = 10_071;
const INSUFFICIENT_RESOURCES: u64 = 10_023;
const STORAGE_EXCEEDED: u64 = 10_047;
const MESSAGE_TOO_LARGE: u64 = 10_054;
const OTHER_STREAM: u64 = 10_060;
const STORE_FAILED: u64 = 10_077;
const SEALED: u64 = 10_109;

/// What became of a block.
#[derive(Debug)]
pub enum AppendOutcome {
    /// It stands in the log, flushed as the server is configured to.
    Accepted(Box<VerifiedBlock>),
    /// Another block stands in its place: drop what was built on the old head, catch up, validate again.
    Conflict,
}

/// A block was not appended, and nothing of it can turn up later. [`AppendError::Shorter`], [`AppendError::Hole`] and
/// [`AppendError::Closed`] say more: the log itself is damaged or gone, so whoever writes to it stops.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The block would break the chain; readers would halt at it for ever.
    #[error("the block was not published, for readers would halt at it: {0}")]
    WouldBreakChain(#[from] ChainBroken),
    /// The block is larger than the log takes.
    #[error("the block has `{bytes}` bytes, at most `{max}` fit; put fewer commits into it")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most a block may have.
        max: usize,
    },
    /// The head belongs to another log.
    #[error("the head belongs to another incarnation of the log")]
    OtherIncarnation,
    /// The log or its server has no room left.
    #[error("the log is full; an administrator must raise `max_bytes` or add storage")]
    Full,
    /// The log is shorter than the head: blocks that were there are gone.
    #[error("the log ends at block `{last}`, before `{head}` which was read from it: blocks are lost")]
    Shorter {
        /// Number of the last block there is.
        last: u64,
        /// Number of the head.
        head: u64,
    },
    /// The log goes on after the block's place, and nothing stands in it.
    #[error("the log goes on to block `{last}`, but `{number}` is missing: blocks are lost")]
    Hole {
        /// Number of the last block.
        last: u64,
        /// The number that is missing.
        number: u64,
    },
    /// The stream is gone, sealed, or another one has its subject.
    #[error("the log does not take blocks: {0}")]
    Closed(LogError),
}

/// Appends to the log, for one instance. Two instances, or two appenders, need no agreement: the fence decides.
pub struct Appender {
    log: EventLog,
    signing_key: SigningKey,
    instance_id: String,
}

impl std::fmt::Debug for Appender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Appender").field("instance_id", &self.instance_id).finish_non_exhaustive()
    }
}

/// What one publication came to.
enum Answer {
    /// Stored at this sequence by this very publication.
    Stored(u64),
    /// The fence refused it, or the server knows the message already: who stands there must be read.
    Occupied,
    /// It may or may not have been stored, now or later.
    Unknown,
    /// It was certainly not stored.
    Refused(AppendError),
}

#[derive(Deserialize)]
struct Acknowledgement {
    stream: String,
    seq: u64,
    #[serde(default)]
    duplicate: bool,
}

impl Appender {
    /// An appender that signs with `signing_key`, which the log's keys must hold, and names `instance_id` (UUID, new at
    /// every start) as the writer.
    #[must_use]
    pub fn new(log: EventLog, signing_key: SigningKey, instance_id: impl Into<String>) -> Self {
        Self { log, signing_key, instance_id: instance_id.into() }
    }

    /// The log it appends to.
    #[must_use]
    pub const fn log(&self) -> &EventLog {
        &self.log
    }

    /// Appends one block of `commits` right after `after`, recorded at `recorded_at_ms` (milliseconds since 1970;
    /// raised to the head's when the clock went back). `&mut`, because one block is in flight at a time and never more.
    ///
    /// Returns only when the outcome is certain: after a lost answer the identical bytes are published again under the
    /// same fence until the place is occupied, and then read from the leader. While NATS is away this waits without
    /// end; callers who cannot wait answer "outcome unknown". A call that is dropped leaves the outcome unknown:
    /// whoever drops it reads the log before saying anything about these commits.
    ///
    /// # Errors
    /// [`AppendError`]: then the block is not in the log.
    pub async fn append(
        &mut self,
        after: &Head,
        recorded_at_ms: i64,
        commits: Vec<Commit>,
    ) -> Result<AppendOutcome, AppendError> {
        let incarnation = self.log.incarnation();
        if !self.log.is_ahead_of(after) {
            return Err(AppendError::OtherIncarnation);
        }
        let (id, key) = (&self.instance_id, &self.signing_key);
        let (sealed, own) = SealedBlock::seal_own(incarnation, after, recorded_at_ms, id, commits, key);
        let (bytes, max) = (sealed.bytes().len(), self.log.block_max_bytes());
        if bytes > max {
            return Err(AppendError::TooLarge { bytes, max });
        }
        // The log cannot be rewritten: what readers would refuse must never get there.
        let verified = ChainVerifier::new(after.clone(), self.log.trust().clone()).admit(own)?;
        if self.publish_until_known(after, &sealed).await? {
            if let Some(keeper) = self.log.keeper() {
                keeper.observe(verified.head_after()).map_err(|error| AppendError::Closed(error.into()))?;
            }
            Ok(AppendOutcome::Accepted(Box::new(verified)))
        } else {
            tracing::debug!(number = sealed.number(), "another block stands in the place of ours");
            Ok(AppendOutcome::Conflict)
        }
    }

    /// Whether the block stands in its place.
    async fn publish_until_known(&self, after: &Head, sealed: &SealedBlock) -> Result<bool, AppendError> {
        let mut pause = PAUSE_FIRST;
        let mut certain = true;
        let mut suspicion = Suspicion::default();
        loop {
            self.log.connection().connected().await;
            match self.publish(after, sealed).await {
                Answer::Stored(sequence) if sequence == sealed.number() => return Ok(true),
                // An earlier publication of these bytes may still land, so this refusal says nothing about them.
                Answer::Refused(error) if certain => return Err(error),
                Answer::Stored(_) | Answer::Refused(_) | Answer::Occupied => {}
                Answer::Unknown => certain = false,
            }
            match self.occupant_is(after, sealed).await {
                Ok(Some(ours)) => return Ok(ours),
                Ok(None) => suspicion.drop_it(),
                Err(lost @ (AppendError::Shorter { .. } | AppendError::Hole { .. })) => {
                    suspicion.hold(self.log.has_replicas(), lost)?;
                    certain = false;
                }
                Err(error) => return Err(error),
            }
            tracing::warn!(number = sealed.number(), "the outcome of a block is unknown; publishing it again");
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
    }

    async fn publish(&self, after: &Head, sealed: &SealedBlock) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(MESSAGE_ID, sealed.hash().to_string());
        headers.insert(EXPECTED_STREAM, STREAM);
        headers.insert(EXPECTED_LAST_SEQUENCE, after.number().to_string());
        let request =
            Request::new().headers(headers).payload(sealed.bytes().clone()).timeout(Some(ACKNOWLEDGEMENT_TIMEOUT));
        match self.log.connection().ask::<Acknowledgement>(SUBJECT.to_owned(), request).await {
            Ok(Acknowledgement { stream, seq, duplicate: false }) if stream == STREAM => Answer::Stored(seq),
            Ok(_) => Answer::Occupied,
            Err(ApiError::Rejected { code, description }) => refusal(code, description, sealed, &self.log),
            Err(ApiError::TooLarge) => Answer::Refused(too_large(sealed, &self.log)),
            // Nobody listens while a server starts or a leader is elected; an earlier copy may still be on its way.
            Err(ApiError::NobodyAnswers | ApiError::NoAnswer | ApiError::Unreadable) => Answer::Unknown,
        }
    }

    /// Whether the block in our place is ours; none while the place is free, or nobody can say.
    async fn occupant_is(&self, after: &Head, sealed: &SealedBlock) -> Result<Option<bool>, AppendError> {
        match self.log.read(sealed.number()).await {
            Ok(Some(found)) => return Ok(Some(found.bytes == sealed.bytes() && found.foreign_header.is_none())),
            Ok(None) => {}
            Err(error) => return unless_unavailable(error),
        }
        match self.log.last_number().await {
            Ok(last) if last < after.number() => Err(AppendError::Shorter { last, head: after.number() }),
            // Between the two questions the place may have been taken: ask again before calling it a hole.
            Ok(last) if last >= sealed.number() => match self.log.read(sealed.number()).await {
                Ok(Some(found)) => Ok(Some(found.bytes == sealed.bytes() && found.foreign_header.is_none())),
                Ok(None) => Err(AppendError::Hole { last, number: sealed.number() }),
                Err(error) => unless_unavailable(error),
            },
            Ok(_) => Ok(None),
            Err(error) => unless_unavailable(error),
        }
    }
}

fn unless_unavailable(error: LogError) -> Result<Option<bool>, AppendError> {
    match error {
        LogError::Missing => Err(AppendError::Closed(LogError::Missing)),
        LogError::Unavailable
        | LogError::Refused { .. }
        | LogError::Drift(_)
        | LogError::NoIncarnation
        | LogError::Lost { .. }
        | LogError::Anchor(_)
        | LogError::Random(_) => Ok(None),
    }
}

fn too_large(sealed: &SealedBlock, log: &EventLog) -> AppendError {
    AppendError::TooLarge { bytes: sealed.bytes().len(), max: log.block_max_bytes() }
}

fn refusal(code: u64, description: String, sealed: &SealedBlock, log: &EventLog) -> Answer {
    match code {
        WRONG_LAST_SEQUENCE => Answer::Occupied,
        MESSAGE_TOO_LARGE => Answer::Refused(too_large(sealed, log)),
        INSUFFICIENT_RESOURCES | STORAGE_EXCEEDED => Answer::Refused(AppendError::Full),
        // The same code stands for limits, which are checked before anything is written, and for a disk that failed,
        // perhaps after writing.
        STORE_FAILED if description.contains("maximum") => Answer::Refused(AppendError::Full),
        STREAM_NOT_FOUND => Answer::Refused(AppendError::Closed(LogError::Missing)),
        OTHER_STREAM | SEALED => Answer::Refused(AppendError::Closed(LogError::Refused { code, description })),
        // Everything else, a conflict between proposals in flight (10164) among it, may have been stored or may yet be.
        _ => Answer::Unknown,
    }
}
