//! The log's stream: opened, verified, read by number.

use std::sync::Arc;

use egide_crypto::random::RandomUnavailable;
use egide_trust::{CurrentTrust, Lineage, Trust};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::administration::create_log;
use crate::anchor::{self, Anchor, Contradiction};
use crate::chain::RawBlock;
use crate::connection::{ApiError, Connection};
use crate::follow::Follower;
use crate::head::Head;
use crate::mark::{Keeper, MarkFile};
use crate::stored::get_from_leader;
use crate::stream::{Drift, Scope, StreamInfo, Wish};

/// Name of the log's stream.
pub(crate) const STREAM: &str = "CASES";
/// Subject that blocks are published to.
pub(crate) const SUBJECT: &str = "cases.blocks";
/// Subject on which the server says, after a block is stored, which sequence it has. Headers only; it wakes followers
/// up and is never believed.
pub(crate) const STORED_SUBJECT: &str = "cases.stored";

/// How long the server remembers the ids of messages. An optimisation only: the fence decides.
const DUPLICATE_WINDOW_NS: u64 = 120_000_000_000;
/// Metadata that holds the incarnation.
pub(crate) const INCARNATION: &str = "egide.incarnation";
/// Room for the headers of a block's message.
const HEADER_ROOM_BYTES: usize = 1_024;
/// Largest block whatever the server allows: what a reader buffers must stay bounded.
const BLOCK_MAX_BYTES: usize = 8 * 1_024 * 1_024;

/// How the log's stream is laid out.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// Whether to create the stream when there is none. Only where a missing log is no loss: at installation, by the
    /// administrative identity. Roles have no right to it.
    pub create: bool,
    /// How many bytes the log may take; when they are used up, appends are refused and nothing is dropped.
    pub max_bytes: u64,
    /// On how many servers every block is kept: 1, 3 or 5.
    pub replicas: u32,
}

/// How far the log reaches, and how much room is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogState {
    /// Number of the last block, 0 without one.
    pub last_number: u64,
    /// Bytes in use.
    pub bytes: u64,
    /// Bytes it may use.
    pub max_bytes: u64,
}

/// Opening or reading the log failed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no log.
    #[error(
        "stream `CASES` does not exist; `egide provision log --create` makes it at installation, never instead of a lost one"
    )]
    Missing,
    /// The stream is not configured as it must be.
    #[error(transparent)]
    Drift(#[from] Drift),
    /// The stream names no incarnation.
    #[error("stream `CASES` names no incarnation in its metadata: it was not created by egide")]
    NoIncarnation,
    /// Messages are missing from the middle.
    #[error("stream `CASES` holds `{messages}` messages, though its last is `{last}`: some are lost")]
    Lost {
        /// How many there are.
        messages: u64,
        /// Sequence of the last.
        last: u64,
    },
    /// The server refused.
    #[error("nats refused with error `{code}`: {description}")]
    Refused {
        /// JetStream's error code.
        code: u64,
        /// The server's words.
        description: String,
    },
    /// The server does not answer, or not in a way that can be read; trying again may help.
    #[error("nats does not answer; is JetStream enabled, and may this user ask?")]
    Unavailable,
    /// The log contradicts the trust file, or what this instance saw of it.
    #[error(transparent)]
    Anchor(#[from] Contradiction),
    /// No incarnation could be drawn.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
}

impl From<ApiError> for LogError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Rejected { code: crate::stream::STREAM_NOT_FOUND, .. } => Self::Missing,
            ApiError::Rejected { code, description } => Self::Refused { code, description },
            ApiError::NobodyAnswers | ApiError::NoAnswer | ApiError::TooLarge | ApiError::Unreadable => {
                Self::Unavailable
            }
        }
    }
}

/// The log; clones share it.
#[derive(Clone)]
pub struct EventLog {
    connection: Connection,
    wish: Arc<Wish>,
    lineage: Arc<Lineage>,
    trust: CurrentTrust,
    keeper: Option<Arc<Keeper>>,
    block_max_bytes: usize,
}

impl std::fmt::Debug for EventLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventLog").field("incarnation", &self.incarnation()).finish_non_exhaustive()
    }
}

impl EventLog {
    /// Opens the log: compares the stream's configuration field by field, or creates it if there is none and `config`
    /// says so; then holds it against `anchor`: the incarnation against the restores that the root signed, and the blocks
    /// against the mark of this instance. All of it takes the same time whatever the length of the log.
    ///
    /// # Errors
    /// [`LogError`]; of a configuration that differs, the first field.
    pub async fn open(connection: Connection, config: LogConfig, anchor: impl Into<Anchor>) -> Result<Self, LogError> {
        let Anchor { trust, mark } = anchor.into();
        let wish = log_wish(&config);
        let info = match wish.info(&connection).await? {
            Some(info) => info,
            None if config.create && !mark.as_ref().is_some_and(MarkFile::saw_a_log) => {
                create_log(&wish, &connection).await?
            }
            None => return Err(LogError::Missing),
        };
        wish.compare(&info.config, Scope::Whole)?;
        Self::found(connection, wish, &info, trust, mark).await
    }

    /// Opens the log for somebody who only reads it, and knows neither its capacity nor any mark.
    ///
    /// # Errors
    /// As [`EventLog::open`].
    pub async fn open_to_read(connection: Connection, trust: CurrentTrust) -> Result<Self, LogError> {
        let wish = wish_without_capacity();
        let info = wish.info(&connection).await?.ok_or(LogError::Missing)?;
        wish.compare(&info.config, Scope::WithoutCapacity)?;
        Self::found(connection, wish, &info, trust, None).await
    }

    async fn found(
        connection: Connection,
        wish: Wish,
        info: &StreamInfo,
        trust: CurrentTrust,
        mark: Option<MarkFile>,
    ) -> Result<Self, LogError> {
        check_complete(info)?;
        let incarnation = info.metadata(INCARNATION).filter(|text| Uuid::try_parse(text).is_ok());
        let lineage = lineage_of(incarnation.ok_or(LogError::NoIncarnation)?, &trust.get())?;
        let payload_max_bytes = connection.client().max_payload().saturating_sub(HEADER_ROOM_BYTES);
        tracing::info!(blocks = info.state.last_seq, bytes = info.state.bytes, "opened the log");
        let log = Self {
            connection,
            wish: Arc::new(wish),
            lineage: Arc::new(lineage),
            trust,
            keeper: None,
            block_max_bytes: payload_max_bytes.min(BLOCK_MAX_BYTES),
        };
        let keeper = anchor::check(&log, info.state.last_seq, mark).await?;
        Ok(Self { keeper: keeper.map(Arc::new), ..log })
    }

    /// The incarnation (UUID) in which this log goes on, drawn when its stream was created or last restored.
    #[must_use]
    pub fn incarnation(&self) -> &str {
        self.lineage.current()
    }

    /// The incarnations of this log, in the order of its blocks.
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Head of this log before its first block.
    #[must_use]
    pub fn genesis(&self) -> Head {
        Head::genesis(self.lineage.first())
    }

    /// Whose signatures count, now.
    #[must_use]
    pub const fn trust(&self) -> &CurrentTrust {
        &self.trust
    }

    /// Whether every block is kept on several servers, one of which leads.
    pub(crate) fn has_replicas(&self) -> bool {
        self.wish.replicas() > 1
    }

    pub(crate) fn keeper(&self) -> Option<&Keeper> {
        self.keeper.as_deref()
    }

    /// Whether `head` can be one of this log, as far as its incarnation says.
    pub(crate) fn contains_incarnation_of(&self, head: &Head) -> bool {
        match head.number() {
            0 => self.lineage.knows(head.incarnation()),
            number => **self.lineage.at_block(number) == *head.incarnation(),
        }
    }

    /// Whether the next block after `head` is one of the incarnation in which the log goes on.
    pub(crate) fn is_ahead_of(&self, head: &Head) -> bool {
        let next = self.lineage.at_block(head.number().saturating_add(1));
        self.contains_incarnation_of(head) && **next == *self.incarnation()
    }

    /// How many bytes a block may have, encoded with hash and signature: what the server takes, less room for headers.
    #[must_use]
    pub const fn block_max_bytes(&self) -> usize {
        self.block_max_bytes
    }

    /// Number of the last block, 0 without one, as the stream's leader says.
    ///
    /// # Errors
    /// [`LogError::Missing`], [`LogError::Refused`], [`LogError::Unavailable`].
    pub async fn last_number(&self) -> Result<u64, LogError> {
        Ok(self.state().await?.last_number)
    }

    /// How far the log reaches and how much room is left, as the stream's leader says.
    ///
    /// # Errors
    /// As [`EventLog::last_number`].
    pub async fn state(&self) -> Result<LogState, LogError> {
        Ok(self.info().await?.log_state())
    }

    /// The block of this number as the stream's leader holds it, unchecked; none if there is none.
    ///
    /// # Errors
    /// As [`EventLog::last_number`].
    pub async fn read(&self, number: u64) -> Result<Option<RawBlock>, LogError> {
        let message = get_from_leader(&self.connection, STREAM, format!("{{\"seq\":{number}}}")).await?;
        Ok(message.map(crate::stored::StoredMessage::into_raw_block))
    }

    /// Follows the log after `from`, the head a reader stored or [`EventLog::genesis`].
    #[must_use]
    pub fn follow(&self, from: Head) -> Follower {
        Follower::new(self.clone(), from)
    }

    /// Compares the configuration again, but for capacity, and counts messages.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn check(&self) -> Result<LogState, LogError> {
        let info = self.info().await?;
        self.wish.compare(&info.config, Scope::WithoutCapacity)?;
        self.wish.compare_metadata(&info, INCARNATION, self.incarnation())?;
        check_complete(&info)?;
        Ok(info.log_state())
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) async fn info(&self) -> Result<StreamInfo, LogError> {
        self.wish.info(&self.connection).await?.ok_or(LogError::Missing)
    }
}

impl StreamInfo {
    fn log_state(&self) -> LogState {
        let max_bytes = self.config.get("max_bytes").and_then(Value::as_u64).unwrap_or_default();
        LogState { last_number: self.state.last_seq, bytes: self.state.bytes, max_bytes }
    }
}

/// The incarnations of a stream that names `incarnation`.
pub(crate) fn lineage_of(incarnation: &str, trust: &Trust) -> Result<Lineage, Contradiction> {
    match trust.lineage() {
        None => Ok(Lineage::single(incarnation)),
        Some(lineage) if **lineage.current() == *incarnation => Ok(lineage.clone()),
        Some(lineage) => {
            Err(Contradiction::NotRestored { found: incarnation.to_owned(), expected: lineage.current().to_string() })
        }
    }
}

pub(crate) fn check_complete(info: &StreamInfo) -> Result<(), LogError> {
    let (messages, last) = (info.state.messages, info.state.last_seq);
    if messages == last { Ok(()) } else { Err(LogError::Lost { messages, last }) }
}

/// A wish that says nothing about capacity: what an administrator may set as they like.
pub(crate) fn wish_without_capacity() -> Wish {
    log_wish(&LogConfig { create: false, max_bytes: 0, replicas: 0 })
}

pub(crate) fn log_wish(config: &LogConfig) -> Wish {
    let fields = json!({
        "subjects": [SUBJECT],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_bytes": config.max_bytes,
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "max_msg_size": -1,
        "max_age": 0,
        "max_consumers": -1,
        "num_replicas": config.replicas,
        "duplicate_window": DUPLICATE_WINDOW_NS,
        "deny_delete": true,
        "deny_purge": true,
        "allow_direct": true,
        "allow_rollup_hdrs": false,
        "allow_msg_ttl": false,
        "allow_atomic": false,
        "republish": { "src": SUBJECT, "dest": STORED_SUBJECT, "headers_only": true },
    });
    Wish::new(STREAM, &fields)
}
