//! Following the log: history in batches, then every block as it is stored, verified one by one.
//!
//! Blocks are read by sequence, so a reader needs no consumer. What the server says on [`STORED_SUBJECT`] only wakes
//! the follower up; whoever forges it gains nothing but a question to the server.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use egide_crypto::digest::Digest;
use egide_wire::proto::egide::ledger::v1::SignedBlock;
use futures_util::{FutureExt as _, StreamExt as _};
use prost::Message as _;
use tokio::time::Instant;

use crate::anchor::Contradiction;
use crate::block::{VerifiedBlock, block_hash};
use crate::chain::{ChainBroken, ChainVerifier, Decoded, RawBlock};
use crate::head::Head;
use crate::log::{EventLog, LogError, STORED_SUBJECT, STREAM};
use crate::mark::Keeper;
use crate::stored::{PENDING, SEQUENCE, header_number, raw_block_of_batch};
use crate::stream::Drift;
use crate::suspicion::Suspicion;

/// How many blocks one request asks for.
const BATCH_BLOCKS: usize = 1_024;
/// How many bytes of blocks one request asks for.
const BATCH_BYTES: usize = 16 * 1_024 * 1_024;
/// How long the next message of a batch may take before the rest is asked for again.
const REPLY_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause before asking again when nobody answered or a replica was behind; doubled each time.
const PAUSE_FIRST: Duration = Duration::from_millis(1);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// How often the log's end and configuration are looked at; bounds the delay of a block whose announcement was lost.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A follower stopped for good: what it reads cannot be trusted. A person must look; starting again halts again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halted {
    /// A message does not continue the chain; the leader's copy does not either, or could not be read.
    #[error("the log is broken: {0}")]
    ChainBroken(#[from] ChainBroken),
    /// The head the reader stored is not the log's block of that number.
    #[error("block `{number}` is not the one this reader stopped at: the log was rewritten")]
    OtherHistory {
        /// Number of the reader's head.
        number: u64,
    },
    /// The log is shorter than the reader's head.
    #[error("the log ends at block `{last}`, this reader stands at `{head}`: blocks are lost")]
    Shorter {
        /// Number of the last block.
        last: u64,
        /// Number of the reader's head.
        head: u64,
    },
    /// The log goes on, but a block is missing.
    #[error("the log goes on to block `{last}`, but `{number}` is missing: blocks are lost")]
    Hole {
        /// Number of the last block.
        last: u64,
        /// The missing one.
        number: u64,
    },
    /// The reader's head belongs to another incarnation.
    #[error("this reader follows another incarnation of the log; after a restore, remove what it stored")]
    OtherIncarnation,
    /// The log contradicts what this instance saw of it, or its mark cannot be kept.
    #[error(transparent)]
    Anchor(#[from] Contradiction),
    /// Somebody changed the stream's configuration.
    #[error(transparent)]
    Drift(#[from] Drift),
    /// The stream is gone.
    #[error("stream `CASES` is gone")]
    Missing,
    /// The stream holds fewer messages than its last sequence says.
    #[error("stream `CASES` holds `{messages}` messages, though its last is `{last}`: some are lost")]
    Lost {
        /// How many there are.
        messages: u64,
        /// Sequence of the last.
        last: u64,
    },
}

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Ask for blocks.
    Ask,
    /// Replies to the request of this number are on their way.
    Receive(u64),
    /// Everything there was is read: wait for more.
    Wait,
}

struct Replies {
    subscriber: Subscriber,
    prefix: String,
}

/// Reads blocks one after another, as they come, without end.
pub struct Follower {
    log: EventLog,
    verifier: ChainVerifier,
    /// Whether the reader's own head was found in the log.
    anchored: bool,
    replies: Option<Replies>,
    /// Announcements of blocks; asked for only at the end of the log, for whoever still reads history would only hoard them.
    stored: Option<Subscriber>,
    phase: Phase,
    requests: u64,
    pause: Duration,
    /// The highest sequence that was announced.
    announced: u64,
    /// When the log's end and configuration were last looked at.
    checked: Instant,
    received: VecDeque<RawBlock>,
    suspicion: Suspicion,
    halted: Option<Halted>,
    /// Number of the last block that somebody beside this reader appends and hands over.
    beside: Arc<AtomicU64>,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("number", &self.verifier.head().number()).finish_non_exhaustive()
    }
}

impl Follower {
    pub(crate) fn new(log: EventLog, from: Head) -> Self {
        let other = !log.contains_incarnation_of(&from);
        Self {
            anchored: from.number() == 0,
            verifier: ChainVerifier::new(from, log.trust().clone()),
            log,
            replies: None,
            stored: None,
            phase: Phase::Ask,
            requests: 0,
            pause: PAUSE_FIRST,
            announced: 0,
            checked: Instant::now(),
            received: VecDeque::new(),
            suspicion: Suspicion::default(),
            halted: other.then_some(Halted::OtherIncarnation),
            beside: Arc::default(),
        }
    }

    /// The same follower beside somebody who appends: an announcement of a block up to the number in `appended` does not
    /// wake it, for whoever appended the block has it. If it never says so with [`Follower::pass`], the block is read from
    /// the log all the same, when the log's end is next looked at.
    #[must_use]
    pub fn beside(mut self, appended: Arc<AtomicU64>) -> Self {
        self.beside = appended;
        self
    }

    /// Continues after `head`, which follows from verified blocks of this log: those up to it are at hand elsewhere.
    pub fn pass(&mut self, head: &Head) {
        if head.number() <= self.head().number() {
            return;
        }
        if let Some(Err(contradiction)) = self.log.keeper().map(|keeper| keeper.observe(head)) {
            self.halted = Some(contradiction.into());
            return;
        }
        self.verifier = ChainVerifier::new(head.clone(), self.log.trust().clone());
        self.anchored = true;
        self.received.clear();
        // Replies on their way are replies to an older request, which are passed over.
        self.phase =
            if self.phase == Phase::Wait && self.announced <= head.number() { Phase::Wait } else { Phase::Ask };
    }

    /// The head after the last block that was handed out.
    #[must_use]
    pub const fn head(&self) -> &Head {
        self.verifier.head()
    }

    /// The next block, as soon as there is one. Lost connections are waited out. Dropping the call loses nothing.
    ///
    /// # Errors
    /// [`Halted`], from then on for ever: nothing is ever skipped.
    pub async fn next(&mut self) -> Result<VerifiedBlock, Halted> {
        loop {
            if let Some(halted) = &self.halted {
                return Err(halted.clone());
            }
            match self.step().await {
                Ok(Some(block)) => return Ok(block),
                Ok(None) => {}
                Err(halted) => {
                    tracing::error!(number = self.head().number(), reason = %halted, "halted at the log");
                    self.halted = Some(halted);
                }
            }
        }
    }

    /// At least one block and at most `max_blocks` (at least 1 is taken): those that are at hand. Dropping the call
    /// loses nothing.
    ///
    /// # Errors
    /// As [`Follower::next`]; blocks before the trouble are handed out first.
    pub async fn next_batch(&mut self, max_blocks: usize) -> Result<Vec<VerifiedBlock>, Halted> {
        let mut blocks = vec![self.next().await?];
        while blocks.len() < max_blocks {
            match self.next().now_or_never() {
                Some(Ok(block)) => blocks.push(block),
                // The trouble is remembered and reported by the next call.
                Some(Err(_)) | None => break,
            }
        }
        Ok(blocks)
    }

    async fn step(&mut self) -> Result<Option<VerifiedBlock>, Halted> {
        if let Some(raw) = self.received.front() {
            let raw = raw.clone();
            let block = self.take(&raw).await?;
            self.received.pop_front();
            return Ok(block);
        }
        match self.phase {
            Phase::Ask if self.checked.elapsed() >= CHECK_INTERVAL => self.check().await?,
            Phase::Ask => self.ask().await,
            Phase::Receive(request) => self.receive(request).await?,
            Phase::Wait => self.wait().await?,
        }
        Ok(None)
    }

    /// Checks one message. A replica's copy may be stale or broken, so the leader's decides.
    async fn take(&mut self, raw: &RawBlock) -> Result<Option<VerifiedBlock>, Halted> {
        if !self.anchored {
            return self.anchor(raw).await.map(|()| None);
        }
        let broken = match self.verifier.verify(raw) {
            Ok(block) => {
                self.suspicion.drop_it();
                return self.handed_out(block).map(Some);
            }
            Err(broken) => broken,
        };
        let due = self.head().number().saturating_add(1);
        match self.log.read(due).await {
            Ok(Some(leaders)) => {
                let block = self.verifier.verify(&leaders)?;
                tracing::warn!(number = due, "a replica's copy of a block is broken, the leader's is not");
                // Later messages of this batch are asked for again, after the block that was put right.
                self.received.truncate(1);
                self.phase = Phase::Ask;
                self.handed_out(block).map(Some)
            }
            Ok(None) | Err(_) => Err(broken.into()),
        }
    }

    /// What this instance saw before must be what it sees again, and what it sees now is remembered.
    fn handed_out(&self, block: VerifiedBlock) -> Result<VerifiedBlock, Halted> {
        if let Some(keeper) = self.log.keeper() {
            keeper.observe(block.head_after())?;
        }
        Ok(block)
    }

    /// Finds the block that the reader's head names.
    async fn anchor(&mut self, raw: &RawBlock) -> Result<(), Halted> {
        let head = self.head();
        let (number, hash) = (head.number(), head.hash());
        let mut found = raw.clone();
        if raw.sequence != number || hash_of(raw) != Some(hash) {
            // A stale replica began elsewhere: ask again, now after the anchor.
            self.received.truncate(1);
            self.phase = Phase::Ask;
            match self.log.read(number).await {
                Ok(Some(leaders)) if hash_of(&leaders) == Some(hash) => found = leaders,
                Ok(Some(_)) => return Err(Halted::OtherHistory { number }),
                Ok(None) => return self.suspect(Halted::OtherHistory { number }).await,
                // Nobody can say.
                Err(_) => {
                    self.pause().await;
                    return Ok(());
                }
            }
        }
        // A key that was revoked since, back to before this block, takes what was read with it.
        let decoded = Decoded::read(&found)?;
        decoded.signature(&self.log.trust().get(), decoded.content()?.next_position)?;
        self.anchored = true;
        Ok(())
    }

    /// Sends a request for the next blocks.
    async fn ask(&mut self) {
        self.log.connection().connected().await;
        self.subscribe().await;
        let Some(replies) = &self.replies else { return self.pause().await };
        let from = if self.anchored { self.head().number().saturating_add(1) } else { self.head().number() };
        self.requests = self.requests.saturating_add(1);
        let request = self.requests;
        let body = format!("{{\"seq\":{from},\"batch\":{BATCH_BLOCKS},\"max_bytes\":{BATCH_BYTES}}}");
        let reply = format!("{}.{request}", replies.prefix);
        let subject = self.log.connection().api_subject(&format!("DIRECT.GET.{STREAM}"));
        let sent = self.log.connection().client().publish_with_reply(subject, reply, body.into()).await;
        match sent {
            Ok(()) => self.phase = Phase::Receive(request),
            Err(_) => self.pause().await,
        }
    }

    async fn subscribe(&mut self) {
        if self.replies.is_some() {
            return;
        }
        let client = self.log.connection().client();
        let prefix = client.new_inbox();
        let subscriber = client.subscribe(format!("{prefix}.*")).await;
        self.replies = subscriber.ok().map(|subscriber| Replies { subscriber, prefix });
    }

    /// Has blocks announced from now on; what was stored a moment before is asked for once more.
    async fn listen(&mut self) {
        self.stored = self.log.connection().client().subscribe(STORED_SUBJECT).await.ok();
        if self.stored.is_none() {
            self.pause().await;
        }
        self.phase = Phase::Ask;
    }

    /// Takes in one reply.
    async fn receive(&mut self, request: u64) -> Result<(), Halted> {
        let Some(replies) = &mut self.replies else {
            self.phase = Phase::Ask;
            return Ok(());
        };
        let Ok(reply) = tokio::time::timeout(REPLY_TIMEOUT, replies.subscriber.next()).await else {
            tracing::warn!("blocks do not arrive; asking again");
            self.phase = Phase::Ask;
            return Ok(());
        };
        let Some(reply) = reply else {
            self.replies = None;
            self.phase = Phase::Ask;
            return Ok(());
        };
        let current = reply.subject.rsplit('.').next().and_then(|token| token.parse().ok()) == Some(request);
        if !current {
            return Ok(());
        }
        match reply.status {
            None | Some(StatusCode::OK) => {
                self.received.extend(raw_block_of_batch(reply));
                Ok(())
            }
            Some(status) => self.end_of_batch(status, &reply).await,
        }
    }

    /// After the last message of a batch: is there more?
    async fn end_of_batch(&mut self, status: StatusCode, reply: &Message) -> Result<(), Halted> {
        match status.as_u16() {
            END_OF_BATCH => {
                self.pause = PAUSE_FIRST;
                let pending = reply.headers.as_ref().and_then(|headers| header_number(headers, PENDING));
                self.phase = if pending == Some(0) { Phase::Wait } else { Phase::Ask };
                Ok(())
            }
            NOT_FOUND => self.nothing_there().await,
            _ => {
                // The stream is starting, or its leader is being elected.
                self.phase = Phase::Ask;
                self.pause().await;
                Ok(())
            }
        }
    }

    /// A replica has nothing to give. Behind an announcement it is asked again; otherwise its leader is.
    async fn nothing_there(&mut self) -> Result<(), Halted> {
        if self.anchored && self.announced <= self.head().number() {
            self.phase = Phase::Wait;
            return Ok(());
        }
        if self.pause < PAUSE_MAX {
            self.phase = Phase::Ask;
            self.pause().await;
            return Ok(());
        }
        // Announcements are not believed for ever.
        self.announced = 0;
        self.phase = if self.anchored { Phase::Wait } else { Phase::Ask };
        self.check().await
    }

    /// Waits for an announcement, or until it is time to look at the log's end.
    async fn wait(&mut self) -> Result<(), Halted> {
        let Some(stored) = &mut self.stored else {
            self.listen().await;
            return Ok(());
        };
        self.pause = PAUSE_FIRST;
        match tokio::time::timeout_at(self.checked + CHECK_INTERVAL, stored.next()).await {
            Ok(Some(announcement)) => {
                let sequence = announcement.headers.as_ref().and_then(|headers| header_number(headers, SEQUENCE));
                let sequence = sequence.unwrap_or_default();
                if sequence > self.verifier.head().number() {
                    self.announced = self.announced.max(sequence);
                    if sequence > self.beside.load(Ordering::Acquire) {
                        self.phase = Phase::Ask;
                    }
                }
                Ok(())
            }
            Ok(None) => {
                self.stored = None;
                Ok(())
            }
            Err(_) => self.check().await,
        }
    }

    /// Asks the leader how far the log reaches, and whether it still is as it must be.
    async fn check(&mut self) -> Result<(), Halted> {
        self.log.connection().connected().await;
        let head = self.head().number();
        // Looked up before the leader is asked: meanwhile, others of this instance may see more.
        let seen = self.log.keeper().map_or(0, Keeper::seen_block);
        self.log.keeper().map_or(Ok(()), Keeper::check)?;
        let state = self.log.check().await;
        self.checked = Instant::now();
        let last = match state {
            Ok(state) => state.last_number,
            Err(LogError::Missing) => return Err(Halted::Missing),
            Err(LogError::Drift(drift)) => return Err(drift.into()),
            Err(LogError::Lost { messages, last }) => return Err(Halted::Lost { messages, last }),
            Err(LogError::Anchor(contradiction)) => return Err(contradiction.into()),
            Err(LogError::Unavailable | LogError::Refused { .. } | LogError::NoIncarnation | LogError::Random(_)) => {
                tracing::warn!("the log's state cannot be read; trying again");
                return Ok(());
            }
        };
        if last < seen {
            return self.suspect(Contradiction::Shorter { last, mark: seen }.into()).await;
        }
        if last < head {
            return self.suspect(Halted::Shorter { last, head }).await;
        }
        if last == head {
            self.suspicion.drop_it();
        }
        if !self.anchored && self.received.is_empty() {
            // No replica has the block at which the reader stands: its leader says whether it is there at all.
            return self.find_out_what_is_missing(head, last).await;
        }
        if last > head && self.phase == Phase::Wait {
            self.find_out_what_is_missing(head.saturating_add(1), last).await?;
        }
        Ok(())
    }

    /// Everything seemed to be read, and the log goes on: an announcement was lost, a replica is behind, or a block is
    /// gone.
    async fn find_out_what_is_missing(&mut self, number: u64, last: u64) -> Result<(), Halted> {
        match self.log.read(number).await {
            Ok(None) => self.suspect(Halted::Hole { last, number }).await?,
            Ok(Some(raw)) => self.received.push_back(raw),
            Err(_) => {}
        }
        self.phase = Phase::Ask;
        Ok(())
    }

    /// A loss that an old leader may only seem to see.
    async fn suspect(&mut self, lost: Halted) -> Result<(), Halted> {
        self.suspicion.hold(self.log.has_replicas(), lost)?;
        self.pause().await;
        Ok(())
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

/// Status of the message that ends a batch.
const END_OF_BATCH: u16 = 204;
/// Status of the answer when there is no message at or after the sequence.
const NOT_FOUND: u16 = 404;

/// The hash of the block in a message, if its bytes have the hash they carry.
pub(crate) fn hash_of(raw: &RawBlock) -> Option<Digest> {
    let signed = SignedBlock::decode(raw.bytes.clone()).ok()?;
    let hash = block_hash(&signed.block);
    (Digest::try_from(signed.hash.as_slice()) == Ok(hash)).then_some(hash)
}
