//! The log on NATS JetStream: one stream whose messages are signed blocks of commits, in one order, without gaps.
//!
//! *In scope*: the stream's configuration, created and verified ([`EventLog`]); sealing, hashing and signing blocks and
//! checking that they form a chain ([`SealedBlock`], [`ChainVerifier`]); appending one block at a time behind a fence,
//! with unknown outcomes resolved ([`Appender`]); reading and following without ever going on over a hole
//! ([`Follower`]); holding the log against what the root certified and what this instance saw of it ([`Anchor`],
//! [`MarkFile`]); the buckets of wrapped keys and of blind indexes ([`Bucket`]).
//!
//! *Out of scope*: what events mean, who may write them, idempotency and revisions (the ledger); sealing of identifying
//! data (the vault); read models (`egide-projection`); starting and configuring servers. Whether a server flushes
//! before it acknowledges (`sync_interval: always`) cannot be seen from here: whoever runs it checks.

mod anchor;
mod append;
mod block;
mod bucket;
mod chain;
mod connection;
mod follow;
mod head;
mod log;
mod mark;
mod stored;
mod stream;

pub use anchor::{Anchor, Contradiction};
pub use append::{AppendError, AppendOutcome, Appender};
pub use block::{
    BLOCK_OVERHEAD_BYTES, FORMAT, HASH_CONTEXT, SIGNATURE_CONTEXT, SealedBlock, VerifiedBlock, block_hash, commit_bytes,
};
pub use bucket::{Bucket, BucketConfig, BucketError, Creation, KeyBucket, Listing};
pub use chain::{ChainBroken, ChainVerifier, RawBlock};
pub use connection::{Connection, ConnectionConfig, ConnectionError};
pub use follow::{Follower, Halted};
pub use head::{Head, ParseHeadError};
pub use log::{EventLog, LogConfig, LogError, LogState};
pub use mark::{FirstStart, MARK_INTERVAL, Mark, MarkError, MarkFile};
pub use stream::Drift;
