//! Buckets: the only places where anything is ever erased. `KEYS` holds wrapped keys, `FIND` entries of blind indexes.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::{HeaderMap, Request};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::connection::{ApiError, Connection, REQUEST_TIMEOUT};
use crate::stored::{EXPECTED_STREAM, StoredMessage, get_from_leader};
use crate::stream::{Drift, Scope, Wish};

/// The bucket of wrapped keys; its stream is named as NATS names those of key-value buckets.
const KEYS: Name = Name { bucket: "KEYS", stream: "KV_KEYS", prefix: "$KV.KEYS." };
/// The bucket of blind indexes.
const FIND: Name = Name { bucket: "FIND", stream: "KV_FIND", prefix: "$KV.FIND." };
const DUPLICATE_WINDOW_NS: u64 = 120_000_000_000;
/// Largest entry: a wrapped key has about a hundred bytes.
const ENTRY_MAX_BYTES: usize = 4_096;
/// Room for the headers of an entry.
const HEADER_ROOM_BYTES: usize = 1_024;
/// Longest key.
const KEY_MAX_BYTES: usize = 200;
/// Most keys that one listing by a pattern looks at.
const LISTED_MAX: usize = 4_096;
/// How often an operation is tried while its outcome is unknown or another instance is in its way.
const ATTEMPTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(20);

const EXPECTED_LAST_SUBJECT_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
const OPERATION: &str = "KV-Operation";
const DELETED: &str = "DEL";
const WRONG_LAST_SEQUENCE: u64 = 10_071;
/// A conflict between proposals in flight, on several replicas.
const IN_FLIGHT: u64 = 10_164;
const NO_MESSAGE_TO_DELETE: u64 = 10_057;
const SEQUENCE_NOT_FOUND: u64 = 10_043;

/// The buckets there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketName {
    /// Wrapped keys.
    Keys,
    /// Blind indexes.
    Find,
}

impl BucketName {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Keys, Self::Find];

    const fn name(self) -> Name {
        match self {
            Self::Keys => KEYS,
            Self::Find => FIND,
        }
    }

    /// The stream behind it.
    #[must_use]
    pub const fn stream(self) -> &'static str {
        self.name().stream
    }

    /// How its stream must be.
    pub(crate) fn wish(self, config: &BucketConfig) -> Wish {
        wish(self.name(), config)
    }
}

/// How a bucket is called.
#[derive(Clone, Copy)]
struct Name {
    bucket: &'static str,
    stream: &'static str,
    prefix: &'static str,
}

/// How a bucket is laid out.
#[derive(Debug, Clone)]
pub struct BucketConfig {
    /// Whether to create the bucket when there is none: at installation only.
    pub create: bool,
    /// On how many servers every key is kept: 1, 3 or 5.
    pub replicas: u32,
}

/// What became of a key that was to be created.
#[derive(Clone, PartialEq, Eq)]
pub enum Creation {
    /// It did not exist; now it does, with these bytes.
    Created,
    /// It existed, or somebody else was faster: these are its bytes.
    Existing(Bytes),
    /// It existed and was erased. It is never created again: what was sealed under it is to stay unreadable, and a late
    /// instance must not seal anything new under its name.
    Erased,
}

impl std::fmt::Debug for Creation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Created => "Created",
            Self::Existing(_) => "Existing(..)",
            Self::Erased => "Erased",
        })
    }
}

/// An entry as it stands in the bucket.
#[derive(Clone, PartialEq, Eq)]
pub struct BucketEntry {
    /// Its key.
    pub key: String,
    /// Where it stands: every change moves it to the end.
    pub sequence: u64,
    /// Its bytes; none where only the mark of an erased entry is left.
    pub bytes: Option<Bytes>,
}

impl std::fmt::Debug for BucketEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BucketEntry").field("key", &self.key).field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

/// What became of an entry that was to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// It has the new bytes.
    Updated,
    /// It does not stand where it stood: somebody else replaced or erased it. Nothing was written.
    Moved,
}

/// An operation on the bucket failed. Keys are not repeated.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// There is no bucket.
    #[error(
        "bucket `KEYS` or `FIND` does not exist; `egide provision log --create` makes them at installation, never instead \
         of lost ones"
    )]
    Missing,
    /// The bucket is not configured as it must be.
    #[error(transparent)]
    Drift(#[from] Drift),
    /// The key is none.
    #[error("a key of the bucket has 1 to 200 characters of `a-zA-Z0-9-_=/` and dots between them")]
    Key,
    /// The entry is too large.
    #[error("an entry of the bucket has at most 4096 bytes, not `{0}`")]
    TooLarge(usize),
    /// The server refused.
    #[error("nats refused with error `{code}`: {description}")]
    Refused {
        /// JetStream's error code.
        code: u64,
        /// The server's words.
        description: String,
    },
    /// No certain outcome. The operation can be repeated: it finds what an earlier attempt left.
    #[error("nats does not answer; the outcome is unknown, try again")]
    Unavailable,
}

impl From<ApiError> for BucketError {
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

/// A bucket; clones share it. Only the ledger may reach it.
#[derive(Clone)]
pub struct Bucket {
    connection: Connection,
    name: Name,
}

/// The bucket of wrapped keys.
pub type KeyBucket = Bucket;

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Bucket").field(&self.name.bucket).finish()
    }
}

/// Keys that fit a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The keys, in their order.
    pub keys: Vec<String>,
    /// Whether there are more.
    pub more: bool,
}

#[derive(Deserialize)]
struct Info {
    state: State,
    /// How many subjects there are, when some are asked for: a server names no more than a hundred thousand at once.
    #[serde(default)]
    total: usize,
}

#[derive(Deserialize)]
struct State {
    last_seq: u64,
    #[serde(default)]
    subjects: Option<BTreeMap<String, u64>>,
}

/// What stands at a key.
enum Entry {
    Absent,
    Erased,
    Present { sequence: u64, bytes: Bytes },
}

/// What came of one attempt to write.
enum Write {
    Done,
    /// Something else stands there already.
    Conflict,
    Unknown,
}

#[derive(Deserialize)]
struct Acknowledgement {
    stream: String,
}

#[derive(Deserialize)]
struct Deletion {
    success: bool,
}

impl Bucket {
    /// Opens the bucket of wrapped keys: compares its configuration field by field, or creates it if there is none and
    /// `config` says so.
    ///
    /// # Errors
    /// [`BucketError`]; of a configuration that differs, the first field.
    pub async fn open(connection: Connection, config: &BucketConfig) -> Result<Self, BucketError> {
        Self::open_named(KEYS, connection, config).await
    }

    /// Opens the bucket of blind indexes, likewise.
    ///
    /// # Errors
    /// [`BucketError`]; of a configuration that differs, the first field.
    pub async fn open_find(connection: Connection, config: &BucketConfig) -> Result<Self, BucketError> {
        Self::open_named(FIND, connection, config).await
    }

    async fn open_named(name: Name, connection: Connection, config: &BucketConfig) -> Result<Self, BucketError> {
        let wish = wish(name, config);
        let info = match wish.info(&connection).await? {
            Some(info) => info,
            None if config.create => {
                if wish.create(&connection, json!({})).await? {
                    tracing::info!(bucket = name.bucket, "created a bucket");
                }
                wish.info(&connection).await?.ok_or(BucketError::Missing)?
            }
            None => return Err(BucketError::Missing),
        };
        wish.compare(&info.config, Scope::Whole)?;
        Ok(Self { connection, name })
    }

    /// Creates `key` with `bytes` unless it exists; of several at once one wins, and everybody learns what stands
    /// there. Durable before this returns.
    ///
    /// # Errors
    /// [`BucketError::Key`], [`BucketError::TooLarge`], [`BucketError::Unavailable`], [`BucketError::Refused`].
    pub async fn create_if_absent(&self, key: &str, bytes: Bytes) -> Result<Creation, BucketError> {
        let subject = self.subject(key)?;
        if bytes.len() > ENTRY_MAX_BYTES {
            return Err(BucketError::TooLarge(bytes.len()));
        }
        for _ in 0..ATTEMPTS {
            if let Write::Done = self.write_first(&subject, None, bytes.clone()).await? {
                return Ok(Creation::Created);
            }
            match self.entry(&subject).await? {
                // An attempt whose answer was lost.
                Entry::Present { bytes: found, .. } if found == bytes => return Ok(Creation::Created),
                Entry::Present { bytes: found, .. } => return Ok(Creation::Existing(found)),
                Entry::Erased => return Ok(Creation::Erased),
                Entry::Absent => tokio::time::sleep(PAUSE).await,
            }
        }
        Err(BucketError::Unavailable)
    }

    /// The bytes at `key`, as the leader holds them; none if it never existed or was erased.
    ///
    /// # Errors
    /// [`BucketError::Key`], [`BucketError::Unavailable`], [`BucketError::Refused`].
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, BucketError> {
        Ok(match self.entry(&self.subject(key)?).await? {
            Entry::Present { bytes, .. } => Some(bytes),
            Entry::Absent | Entry::Erased => None,
        })
    }

    /// The entry at `key` with its place, as the leader holds it; none if it never existed.
    ///
    /// # Errors
    /// [`BucketError::Key`], [`BucketError::Unavailable`], [`BucketError::Refused`].
    pub async fn entry_of(&self, key: &str) -> Result<Option<BucketEntry>, BucketError> {
        let query = json!({ "last_by_subj": self.subject(key)? }).to_string();
        let message = get_from_leader(&self.connection, self.name.stream, query).await?;
        Ok(message.and_then(|message| read(self.name, message)))
    }

    /// The first entry at or after the place `from_sequence` whose key matches `pattern` (as NATS subjects do: `*` for one
    /// part, `>` for the rest), as the leader holds it. To go through all of them: from 1 on, then from one past the
    /// last, up to where [`KeyBucket::last_sequence`] was at the beginning.
    ///
    /// # Errors
    /// [`BucketError::Unavailable`], [`BucketError::Refused`].
    pub async fn next(&self, pattern: &str, from_sequence: u64) -> Result<Option<BucketEntry>, BucketError> {
        let query = json!({ "seq": from_sequence.max(1), "next_by_subj": format!("{}{pattern}", self.name.prefix) });
        let message = get_from_leader(&self.connection, self.name.stream, query.to_string()).await?;
        Ok(message.and_then(|message| read(self.name, message)))
    }

    /// The place of the newest change.
    ///
    /// # Errors
    /// [`BucketError::Missing`], [`BucketError::Unavailable`], [`BucketError::Refused`].
    pub async fn last_sequence(&self) -> Result<u64, BucketError> {
        let info: Info = self.connection.api(&format!("STREAM.INFO.{}", self.name.stream), String::new()).await?;
        Ok(info.state.last_seq)
    }

    /// Replaces the bytes at `key` if the entry still stands at `sequence`: an entry that was erased since never comes
    /// back. Durable before this returns.
    ///
    /// # Errors
    /// [`BucketError::Key`], [`BucketError::TooLarge`], [`BucketError::Unavailable`], [`BucketError::Refused`].
    pub async fn update(&self, key: &str, bytes: Bytes, sequence: u64) -> Result<Update, BucketError> {
        let subject = self.subject(key)?;
        if bytes.len() > ENTRY_MAX_BYTES {
            return Err(BucketError::TooLarge(bytes.len()));
        }
        for _ in 0..ATTEMPTS {
            if let Write::Done = self.write(&subject, sequence, None, bytes.clone()).await? {
                return Ok(Update::Updated);
            }
            match self.entry(&subject).await? {
                // An attempt whose answer was lost.
                Entry::Present { bytes: found, .. } if found == bytes => return Ok(Update::Updated),
                Entry::Present { sequence: found, .. } if found == sequence => tokio::time::sleep(PAUSE).await,
                Entry::Present { .. } | Entry::Absent | Entry::Erased => return Ok(Update::Moved),
            }
        }
        Err(BucketError::Unavailable)
    }

    /// Erases `key`: its bytes are overwritten where they are stored, and a mark without content keeps it from ever
    /// being created again. Whether it existed until now; repeating it is harmless.
    ///
    /// # Errors
    /// [`BucketError::Key`], [`BucketError::Unavailable`], [`BucketError::Refused`].
    pub async fn delete(&self, key: &str) -> Result<bool, BucketError> {
        let subject = self.subject(key)?;
        let mut existed = false;
        for _ in 0..ATTEMPTS {
            match self.entry(&subject).await? {
                Entry::Erased => return Ok(existed),
                // The mark is written only onto an empty place: an entry created in between is erased too, not hidden.
                Entry::Absent => {
                    if let Write::Done = self.write_first(&subject, Some(DELETED), Bytes::new()).await? {
                        return Ok(existed);
                    }
                }
                Entry::Present { sequence, .. } => {
                    self.overwrite(sequence).await?;
                    existed = true;
                }
            }
        }
        Err(BucketError::Unavailable)
    }

    /// The keys that fit `pattern`, in which a part between dots may be `*`: erased ones too, for their marks stay.
    ///
    /// # Errors
    /// [`BucketError::Key`], [`BucketError::Unavailable`], [`BucketError::Refused`].
    pub async fn list(&self, pattern: &str) -> Result<Listing, BucketError> {
        if !is_key(pattern, |byte| byte == b'*') || pattern.split('.').any(|part| part.len() > 1 && part.contains('*'))
        {
            return Err(BucketError::Key);
        }
        let mut listing = self.keys(pattern, 0).await?;
        listing.more |= listing.keys.len() > LISTED_MAX;
        listing.keys.truncate(LISTED_MAX);
        Ok(listing)
    }

    /// All keys but the first `offset`, erased ones too; as many as the server names at once. For whoever goes through all of
    /// them: what begins with `*` in [`Self::list`] costs the server as much.
    ///
    /// # Errors
    /// [`BucketError::Unavailable`], [`BucketError::Refused`].
    pub async fn list_from(&self, offset: usize) -> Result<Listing, BucketError> {
        self.keys(">", offset).await
    }

    async fn keys(&self, pattern: &str, offset: usize) -> Result<Listing, BucketError> {
        let body = json!({ "subjects_filter": format!("{}{pattern}", self.name.prefix), "offset": offset }).to_string();
        let info: Info = self.connection.api(&format!("STREAM.INFO.{}", self.name.stream), body).await?;
        let subjects = info.state.subjects.unwrap_or_default();
        let more = offset.saturating_add(subjects.len()) < info.total;
        let keys = subjects.into_keys();
        let keys = keys.filter_map(|subject| subject.strip_prefix(self.name.prefix).map(str::to_owned)).collect();
        Ok(Listing { keys, more })
    }

    fn subject(&self, key: &str) -> Result<String, BucketError> {
        if is_key(key, |_| false) { Ok(format!("{}{key}", self.name.prefix)) } else { Err(BucketError::Key) }
    }

    /// Removes `key` and its bytes, key included, from where they are stored, and leaves no mark: for keys which say
    /// something themselves, and may be created again. Whether it existed until now.
    ///
    /// # Errors
    /// [`BucketError::Key`], [`BucketError::Unavailable`], [`BucketError::Refused`].
    pub async fn remove(&self, key: &str) -> Result<bool, BucketError> {
        let subject = self.subject(key)?;
        let query = json!({ "last_by_subj": subject }).to_string();
        let mut existed = false;
        for _ in 0..ATTEMPTS {
            let Some(message) = get_from_leader(&self.connection, self.name.stream, query.clone()).await? else {
                return Ok(existed);
            };
            self.overwrite(message.sequence).await?;
            existed = true;
        }
        Err(BucketError::Unavailable)
    }

    /// Writes the first message ever on a subject, or the first since the last was deleted.
    async fn write_first(&self, subject: &str, operation: Option<&str>, bytes: Bytes) -> Result<Write, BucketError> {
        self.write(subject, 0, operation, bytes).await
    }

    /// Writes a message if the last one on its subject stands at `after`; 0: if there is none.
    async fn write(
        &self,
        subject: &str,
        after: u64,
        operation: Option<&str>,
        bytes: Bytes,
    ) -> Result<Write, BucketError> {
        let mut headers = HeaderMap::new();
        headers.insert(EXPECTED_STREAM, self.name.stream);
        headers.insert(EXPECTED_LAST_SUBJECT_SEQUENCE, after.to_string());
        if let Some(operation) = operation {
            headers.insert(OPERATION, operation);
        }
        let request = Request::new().headers(headers).payload(bytes).timeout(Some(REQUEST_TIMEOUT));
        match self.connection.ask::<Acknowledgement>(subject.to_owned(), request).await {
            Ok(acknowledgement) if acknowledgement.stream == self.name.stream => Ok(Write::Done),
            Ok(_) => Ok(Write::Unknown),
            Err(ApiError::Rejected { code: WRONG_LAST_SEQUENCE | IN_FLIGHT, .. }) => Ok(Write::Conflict),
            Err(ApiError::NobodyAnswers | ApiError::NoAnswer | ApiError::Unreadable) => Ok(Write::Unknown),
            Err(error @ (ApiError::Rejected { .. } | ApiError::TooLarge)) => Err(error.into()),
        }
    }

    async fn entry(&self, subject: &str) -> Result<Entry, BucketError> {
        let query = json!({ "last_by_subj": subject }).to_string();
        let Some(message) = get_from_leader(&self.connection, self.name.stream, query).await? else {
            return Ok(Entry::Absent);
        };
        if message.header(OPERATION).is_some() {
            return Ok(Entry::Erased);
        }
        Ok(Entry::Present { sequence: message.sequence, bytes: message.payload })
    }

    /// Deletes a message and overwrites its bytes on disk.
    async fn overwrite(&self, sequence: u64) -> Result<(), BucketError> {
        let body = json!({ "seq": sequence, "no_erase": false }).to_string();
        match self.connection.api::<Deletion>(&format!("STREAM.MSG.DELETE.{}", self.name.stream), body).await {
            Ok(Deletion { success: true }) => Ok(()),
            Ok(Deletion { success: false }) => Err(BucketError::Unavailable),
            // Gone already: another instance erases the same key. The next look decides.
            Err(ApiError::Rejected { code, .. }) if code == NO_MESSAGE_TO_DELETE || code == SEQUENCE_NOT_FOUND => {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn read(name: Name, message: StoredMessage) -> Option<BucketEntry> {
    let erased = message.header(OPERATION).is_some();
    let key = message.subject.strip_prefix(name.prefix)?.to_owned();
    Some(BucketEntry { key, sequence: message.sequence, bytes: (!erased).then_some(message.payload) })
}

fn is_key(key: &str, allowed: impl Fn(u8) -> bool) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'/' | b'.');
    let characters = key.bytes().all(|byte| plain(byte) || allowed(byte));
    key.len() <= KEY_MAX_BYTES && characters && key.split('.').all(|part| !part.is_empty())
}

fn wish(name: Name, config: &BucketConfig) -> Wish {
    let fields: Value = json!({
        "subjects": [format!("{}>", name.prefix)],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_bytes": -1,
        "max_msgs": -1,
        // History 1: what is replaced is gone.
        "max_msgs_per_subject": 1,
        "max_msg_size": ENTRY_MAX_BYTES + HEADER_ROOM_BYTES,
        "max_age": 0,
        "max_consumers": -1,
        "num_replicas": config.replicas,
        "duplicate_window": DUPLICATE_WINDOW_NS,
        "deny_delete": false,
        "deny_purge": false,
        "allow_direct": true,
        // A roll-up would let one message erase every key.
        "allow_rollup_hdrs": false,
    });
    Wish::new(name.stream, &fields)
}
