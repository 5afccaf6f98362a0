//! The log on NATS JetStream: one stream whose messages are signed blocks of commits, in one order, without gaps.
//!
//! *In scope*: the stream's configuration, created and verified ([`EventLog`], [`Administration`]); sealing, hashing and
//! signing blocks and checking that they form a chain ([`SealedBlock`], [`ChainVerifier`]); appending one block at a time
//! behind a fence, with unknown outcomes resolved ([`Appender`]); whether servers flush before they acknowledge; reading
//! and following without ever going on over a hole ([`Follower`]); walking the log from end to end ([`verify_log`]); holding
//! it against what the root certified and what this instance saw of it ([`Anchor`], [`MarkFile`]); going on after a restore
//! ([`begin_incarnation`]); the buckets of wrapped keys and of blind indexes ([`Bucket`]).
//!
//! *Out of scope*: what events mean, who may write them, idempotency and revisions (the ledger); sealing of identifying
//! data (the vault); read models (`egide-projection`); starting and configuring servers, and who may do what there.

mod administration;
mod anchor;
mod append;
mod block;
mod bucket;
mod chain;
mod connection;
mod durability;
mod follow;
mod head;
mod log;
mod mark;
mod nkey;
mod patrol;
mod restore;
mod stored;
mod stream;
mod suspicion;
mod verify;

pub use administration::{Administration, Placement, Provisioned};
pub use anchor::{Anchor, Contradiction};
pub use append::{AppendError, AppendOutcome, Appender};
pub use block::{
    BLOCK_OVERHEAD_BYTES, FORMAT, HASH_CONTEXT, SIGNATURE_CONTEXT, SealedBlock, VerifiedBlock, block_hash, commit_bytes,
};
pub use bucket::{Bucket, BucketConfig, BucketEntry, BucketError, BucketName, Creation, KeyBucket, Listing, Update};
pub use chain::{ChainBroken, ChainVerifier, RawBlock};
pub use connection::{Connection, ConnectionConfig, ConnectionError, ConnectionTls};
pub use durability::DurabilityError;
pub use follow::{Follower, Halted};
pub use head::{Head, ParseHeadError};
pub use log::{EventLog, LogConfig, LogError, LogState};
pub use mark::{FirstStart, MARK_INTERVAL, Mark, MarkError, MarkFile};
pub use nkey::NkeyError;
pub use restore::{Begun, begin_incarnation, plan_restore};
pub use stream::Drift;
pub use verify::{FINDINGS_MAX, Finding, NamedMark, SealedFault, Verification, VerifyError, Walked, verify_log};
