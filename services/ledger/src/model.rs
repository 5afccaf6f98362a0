//! The ledger's own projection: the events of every stream as they stand in the log, every command with its result, and
//! where every position is.
//!
//! Rows, by the first byte of their key:
//!
//! | Key | Row |
//! |---|---|
//! | `h` stream | area and last revision |
//! | `s` stream, first revision | the events that one commit adds to the stream ([`StreamRow`]) |
//! | `c` emitter, 0, command | the command's result ([`CommandRow`]) |
//! | `p` first position | where the commits of one block stand ([`BlockRow`]) |
//! | `t` `c` case, or `t` `p` account | when a caller's phrase was tried ([`AttemptsRow`]) |
//! | `x`, `y` | which data keys are closed ([`crate::closed`]) |
//!
//! Streams and commands are the 16 bytes of their UUIDs; numbers are 64 bits, big-endian, so that keys are in their order.

use egide_crypto::digest::Digest;
use egide_domain::facts::CaseFacts;
use egide_domain::ids::{CaseId, CommandId, OrganizationId};
use egide_domain::time::Timestamp;
use egide_eventlog::VerifiedBlock;
use egide_projection::{ModelError, ReadModel, Rows, View};
use egide_wire::convert::recorded_case_event;
use egide_wire::proto::egide::audit::v1::access_event::Payload as AccessPayload;
use egide_wire::proto::egide::audit::v1::{AccessEvent, SearchTerm};
use egide_wire::proto::egide::ledger::v1::{AppendedEvent, Area, Commit, Event, StreamExtent};
use prost::Message as _;

use crate::closed;
use crate::envelope::facts_digest;
use crate::find::AttemptsRow;

/// The kind of access events that are counted here.
const ACCESS_RECORDED: &str = "access.recorded";

/// A stream's id: that of a case or of an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamId([u8; 16]);

impl StreamId {
    /// Reads the text of a UUID.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(|id: uuid::Uuid| Self(id.into_bytes()))
    }
}

impl From<OrganizationId> for StreamId {
    fn from(organization: OrganizationId) -> Self {
        Self(*organization.as_bytes())
    }
}

impl From<CaseId> for StreamId {
    fn from(case: CaseId) -> Self {
        Self(*case.as_bytes())
    }
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        uuid::Uuid::from_bytes(self.0).fmt(f)
    }
}

/// The events that one commit adds to one stream.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct StreamRow {
    #[prost(string, tag = "1")]
    command_id: String,
    #[prost(string, tag = "2")]
    emitter: String,
    #[prost(int64, tag = "3")]
    recorded_at_ms: i64,
    #[prost(message, repeated, tag = "4")]
    events: Vec<PlacedEvent>,
}

/// An event with its position.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
struct PlacedEvent {
    #[prost(uint64, tag = "1")]
    position: u64,
    #[prost(message, required, tag = "2")]
    event: Event,
}

/// The result of a command.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct CommandRow {
    #[prost(uint64, tag = "1")]
    pub(crate) block_number: u64,
    #[prost(int64, tag = "2")]
    pub(crate) recorded_at_ms: i64,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) fingerprint: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) events: Vec<AppendedEvent>,
}

/// Where the commits of a block stand that belong to streams.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
struct BlockRow {
    #[prost(message, repeated, tag = "1")]
    commits: Vec<CommitPlace>,
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
struct CommitPlace {
    #[prost(uint64, tag = "1")]
    first_position: u64,
    #[prost(uint64, tag = "2")]
    count: u64,
    #[prost(message, repeated, tag = "3")]
    streams: Vec<StreamExtent>,
}

macro_rules! opaque_debug {
    ($($row:ident),+) => {$(
        impl std::fmt::Debug for $row {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($row), "(..)"))
            }
        }
    )+};
}

opaque_debug!(StreamRow, PlacedEvent, CommandRow, BlockRow, CommitPlace);

impl CommandRow {
    /// The result of a commit whose first event stands at `first_position`.
    pub(crate) fn of(block: &VerifiedBlock, first_position: u64, commit: &Commit) -> Self {
        let appended = |(position, event): (u64, &Event)| AppendedEvent {
            event_id: event.event_id.clone(),
            stream_id: event.stream_id.clone(),
            revision: event.revision,
            position,
            facts_digest: facts_digest(&event.facts).as_bytes().to_vec(),
        };
        Self {
            block_number: block.number(),
            recorded_at_ms: block.recorded_at_ms(),
            fingerprint: commit.fingerprint.clone(),
            events: (first_position..).zip(&commit.events).map(appended).collect(),
        }
    }

    /// Whether the command had this content.
    pub(crate) fn has_fingerprint(&self, fingerprint: &Digest) -> bool {
        self.fingerprint == fingerprint.as_bytes()
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct LedgerModel;

impl ReadModel for LedgerModel {
    const NAME: &'static str = "ledger";
    const VERSION: u32 = 2;

    fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        let mut places = BlockRow::default();
        for (first_position, commit) in block.commits() {
            let refused = |reason| ModelError::Event { position: first_position, reason };
            let command = commit.command_id.parse().map_err(|_| refused("its command id is no uuid"))?;
            rows.insert(
                &command_key(&commit.emitter, command),
                CommandRow::of(block, first_position, commit).encode_to_vec(),
            );
            for event in commit.events.iter().filter(|event| event.kind == ACCESS_RECORDED) {
                count_attempt(event, block.recorded_at_ms(), rows)?;
            }
            for extent in &commit.streams {
                extend(block, first_position, commit, extent, rows)?;
            }
            close_keys(first_position, commit, rows)?;
            if !commit.streams.is_empty() {
                let count = commit.events.len() as u64;
                places.commits.push(CommitPlace { first_position, count, streams: commit.streams.clone() });
            }
        }
        if !places.commits.is_empty() {
            rows.insert(&position_key(block.first_position()), places.encode_to_vec());
        }
        Ok(())
    }
}

/// Counts an attempt to be recognised by a phrase, for the case and for who asked.
fn count_attempt(event: &Event, recorded_at_ms: i64, rows: &mut Rows<'_>) -> Result<(), ModelError> {
    let Ok(AccessEvent { payload: Some(AccessPayload::AccessRecorded(access)) }) = AccessEvent::decode(&*event.facts)
    else {
        return Ok(());
    };
    if !access.terms.contains(&i32::from(SearchTerm::Phrase)) {
        return Ok(());
    }
    let person = event.actor.as_ref().map(|actor| actor.person.as_str()).unwrap_or_default();
    for key in attempts_on_case(&access.case_id).into_iter().chain([attempts_by_person(person)]) {
        let row = rows.get(&key)?.map(|row| AttemptsRow::decode(&*row)).transpose().map_err(|_| ModelError::Row)?;
        rows.insert(&key, row.unwrap_or_default().and(recorded_at_ms).encode_to_vec());
    }
    Ok(())
}

/// Adds what a commit adds to one stream. That revisions have no gap is checked here, for the chain of blocks cannot know.
fn extend(
    block: &VerifiedBlock,
    first_position: u64,
    commit: &Commit,
    extent: &StreamExtent,
    rows: &mut Rows<'_>,
) -> Result<(), ModelError> {
    let refused = |reason| ModelError::Event { position: first_position, reason };
    let stream = StreamId::parse(&extent.stream_id).ok_or(refused("its stream is no uuid"))?;
    let placed = (first_position..).zip(&commit.events).filter(|(_, event)| event.stream_id == extent.stream_id);
    let events: Vec<_> = placed.map(|(position, event)| PlacedEvent { position, event: event.clone() }).collect();
    let area = events.first().map_or(Area::Unspecified, |placed| placed.event.area());
    if events.iter().any(|placed| placed.event.area() != area) {
        return Err(refused("its stream belongs to two areas"));
    }
    let before = rows.get(&head_key(stream))?.map(|row| StreamHead::read(&row)).transpose()?;
    if before.as_ref().is_some_and(|before| before.area != area) {
        return Err(refused("its stream belongs to another area"));
    }
    if before.map_or(0, |before| before.revision).checked_add(1) != Some(extent.first_revision) {
        return Err(refused("its revision does not follow the last one of its stream"));
    }
    let revision = extent.first_revision.saturating_add(events.len() as u64).saturating_sub(1);
    rows.insert(&head_key(stream), StreamHead { area, revision }.to_bytes());
    let row = StreamRow {
        command_id: commit.command_id.clone(),
        emitter: commit.emitter.clone(),
        recorded_at_ms: block.recorded_at_ms(),
        events,
    };
    rows.insert(&stream_key(stream, extent.first_revision), row.encode_to_vec());
    Ok(())
}

/// Closes what the shreds of a commit close. They are few: each reads its whole case.
fn close_keys(first_position: u64, commit: &Commit, rows: &mut Rows<'_>) -> Result<(), ModelError> {
    for (position, event) in (first_position..).zip(&commit.events).filter(|(_, event)| closed::concerns(event)) {
        let refused = |reason| ModelError::Event { position, reason };
        let stream = StreamId::parse(&event.stream_id).ok_or(refused("its stream is no uuid"))?;
        let case_id = event.stream_id.parse().map_err(|_| refused("its stream is no case"))?;
        let mut case = Vec::new();
        for (_, row) in rows.prefix(&key(b's', &[&stream.0]))? {
            case.extend(read_row(&row)?.into_iter().take_while(|stored| stored.position <= position));
        }
        let shred = case.last().filter(|stored| stored.position == position).cloned();
        closed::apply(&shred.ok_or(ModelError::Row)?, case_id, &case, rows)?;
    }
    Ok(())
}

/// How far a stream reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamHead {
    pub(crate) area: Area,
    pub(crate) revision: u64,
}

impl StreamHead {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = i32::from(self.area).to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.revision.to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let (area, revision) = bytes.split_first_chunk::<4>().ok_or(ModelError::Row)?;
        let area = Area::try_from(i32::from_be_bytes(*area)).map_err(|_| ModelError::Row)?;
        let revision = u64::from_be_bytes(revision.try_into().map_err(|_| ModelError::Row)?);
        Ok(Self { area, revision })
    }
}

/// An event as it stands in the log, with what surrounds it there.
#[derive(Clone)]
pub(crate) struct StoredEvent {
    pub(crate) event: Event,
    pub(crate) position: u64,
    pub(crate) recorded_at: Timestamp,
    pub(crate) command_id: String,
    pub(crate) emitter: String,
}

/// The facts of a case, from its events in order.
pub(crate) fn facts_of<'e>(events: impl IntoIterator<Item = &'e StoredEvent>) -> CaseFacts {
    events.into_iter().fold(CaseFacts::default(), |facts, stored| {
        facts.evolve(&recorded_case_event(&stored.event, stored.position, stored.recorded_at))
    })
}

/// How far a stream reaches; `None` when there is none.
pub(crate) fn head_of(view: &View<'_>, stream: StreamId) -> Result<Option<StreamHead>, ModelError> {
    view.get(&head_key(stream))?.map(|row| StreamHead::read(&row)).transpose()
}

/// The result of a command; `None` when it never was.
pub(crate) fn command(view: &View<'_>, emitter: &str, command: CommandId) -> Result<Option<CommandRow>, ModelError> {
    let row = view.get(&command_key(emitter, command))?;
    row.map(|row| CommandRow::decode(&*row).map_err(|_| ModelError::Row)).transpose()
}

/// The events of a stream from a revision on, in order, until `take` says that it has enough.
pub(crate) fn events(
    view: &View<'_>,
    stream: StreamId,
    from_revision: u64,
    mut take: impl FnMut(StoredEvent) -> std::ops::ControlFlow<()>,
) -> Result<(), ModelError> {
    let first = stream_key(stream, 0);
    let last = stream_key(stream, u64::MAX);
    // The row in which the revision stands may begin with an earlier one.
    let containing = view.range(first.clone()..=stream_key(stream, from_revision)).next_back().transpose()?;
    let start = containing.map_or(first, |(key, _)| key);
    for row in view.range(start..=last) {
        let (_, row) = row?;
        for stored in read_row(&row)? {
            if stored.event.revision >= from_revision && take(stored).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The event at a position; `None` when there is none there, or one of no stream.
pub(crate) fn event_at(view: &View<'_>, position: u64) -> Result<Option<StoredEvent>, ModelError> {
    let Some(row) = view.range(position_key(0)..=position_key(position)).next_back() else { return Ok(None) };
    let (_, row) = row?;
    let places = BlockRow::decode(&*row).map_err(|_| ModelError::Row)?;
    let holds = |place: &&CommitPlace| {
        (place.first_position..place.first_position.saturating_add(place.count)).contains(&position)
    };
    let Some(place) = places.commits.iter().find(holds) else { return Ok(None) };
    for extent in &place.streams {
        let stream = StreamId::parse(&extent.stream_id).ok_or(ModelError::Row)?;
        let Some(row) = view.get(&stream_key(stream, extent.first_revision))? else { return Err(ModelError::Row) };
        if let Some(stored) = read_row(&row)?.into_iter().find(|stored| stored.position == position) {
            return Ok(Some(stored));
        }
    }
    Ok(None)
}

fn read_row(row: &[u8]) -> Result<Vec<StoredEvent>, ModelError> {
    let StreamRow { command_id, emitter, recorded_at_ms, events } =
        StreamRow::decode(row).map_err(|_| ModelError::Row)?;
    let stored = |PlacedEvent { position, event }| StoredEvent {
        event,
        position,
        recorded_at: Timestamp(recorded_at_ms),
        command_id: command_id.clone(),
        emitter: emitter.clone(),
    };
    Ok(events.into_iter().map(stored).collect())
}

/// Where attempts on a case are counted; `None` when the text is no case.
pub(crate) fn attempts_on_case(case_id: &str) -> Option<Vec<u8>> {
    StreamId::parse(case_id).map(|stream| key(b't', &[b"c", &stream.0]))
}

/// Where attempts by a person are counted.
pub(crate) fn attempts_by_person(account: &str) -> Vec<u8> {
    key(b't', &[b"p", account.as_bytes()])
}

fn head_key(stream: StreamId) -> Vec<u8> {
    key(b'h', &[&stream.0])
}

fn stream_key(stream: StreamId, first_revision: u64) -> Vec<u8> {
    key(b's', &[&stream.0, &first_revision.to_be_bytes()])
}

fn command_key(emitter: &str, command: CommandId) -> Vec<u8> {
    // No service's name holds a zero byte, so no two pairs share a key.
    key(b'c', &[emitter.as_bytes(), &[0], command.as_bytes()])
}

fn position_key(first_position: u64) -> Vec<u8> {
    key(b'p', &[&first_position.to_be_bytes()])
}

fn key(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(parts.iter().copied().flatten());
    key
}
