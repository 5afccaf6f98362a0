//! What stands in the log: every block verified, every event with its facts decoded, in order.

use egide_eventlog::{EventLog, VerifiedBlock};
use egide_wire::proto::egide::audit::v1::AccessEvent;
use egide_wire::proto::egide::audit::v1::access_event::Payload as AccessPayload;
use egide_wire::proto::egide::case::v1::CaseEvent;
use egide_wire::proto::egide::case::v1::case_event::Payload as CasePayload;
use egide_wire::proto::egide::directory::v1::DirectoryEvent;
use egide_wire::proto::egide::directory::v1::directory_event::Payload as DirectoryPayload;
use egide_wire::proto::egide::house::v1::HouseEvent;
use egide_wire::proto::egide::house::v1::house_event::Payload as HousePayload;
use egide_wire::proto::egide::ledger::v1::{Area, Event};
use prost::Message as _;

/// Blocks that are read at once.
const BATCH: usize = 256;

/// The facts of an event.
#[expect(clippy::large_enum_variant, reason = "tests hold a few thousand of them, and match on them everywhere")]
#[derive(Clone, PartialEq)]
pub enum Facts {
    /// Of a case.
    Case(CasePayload),
    /// Of the directory.
    Directory(DirectoryPayload),
    /// Of access.
    Access(AccessPayload),
    /// Of the house.
    House(HousePayload),
}

/// One event as it stands in the log.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// Its place in the log.
    pub position: u64,
    /// The block it stands in.
    pub block: u64,
    /// Which commit of the block it belongs to, from 0.
    pub commit: usize,
    /// When that was recorded, in milliseconds since 1970.
    pub recorded_at_ms: i64,
    /// The command it belongs to.
    pub command_id: String,
    /// The service that sent the command.
    pub emitter: String,
    /// The event, sealed parts and all.
    pub event: Event,
    /// Its facts.
    pub facts: Facts,
}

impl Entry {
    /// Its kind: `disclosure.decided`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.event.kind
    }

    /// Its facts, if it belongs to this case.
    #[must_use]
    pub fn of_case(&self, case_id: &str) -> Option<&CasePayload> {
        match &self.facts {
            Facts::Case(payload) if self.event.stream_id == case_id => Some(payload),
            Facts::Case(_) | Facts::Directory(_) | Facts::Access(_) | Facts::House(_) => None,
        }
    }
}

/// Reads and verifies the log from its first block to what was its last when this was asked.
///
/// # Panics
/// When the chain does not hold, or an event's facts do not decode.
pub async fn walk(log: &EventLog) -> Vec<Entry> {
    let last = log.last_number().await.expect("the log answers");
    let mut follower = log.follow(log.genesis());
    let mut entries = Vec::new();
    while follower.head().number() < last {
        let blocks = follower.next_batch(BATCH).await.expect("the chain holds");
        entries.extend(blocks.iter().flat_map(entries_of));
    }
    entries
}

/// The events of one block.
#[must_use]
pub fn entries_of(block: &VerifiedBlock) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (number, (first, commit)) in block.commits().enumerate() {
        entries.extend((first..).zip(&commit.events).map(|(position, event)| Entry {
            position,
            block: block.number(),
            commit: number,
            recorded_at_ms: block.recorded_at_ms(),
            command_id: commit.command_id.clone(),
            emitter: commit.emitter.clone(),
            event: event.clone(),
            facts: facts(event),
        }));
    }
    entries
}

fn facts(event: &Event) -> Facts {
    let bytes = event.facts.as_slice();
    let payload = match event.area() {
        Area::Case => CaseEvent::decode(bytes).ok().and_then(|event| event.payload).map(Facts::Case),
        Area::Directory => DirectoryEvent::decode(bytes).ok().and_then(|event| event.payload).map(Facts::Directory),
        Area::Access => AccessEvent::decode(bytes).ok().and_then(|event| event.payload).map(Facts::Access),
        Area::House => HouseEvent::decode(bytes).ok().and_then(|event| event.payload).map(Facts::House),
        Area::Unspecified => None,
    };
    payload.unwrap_or_else(|| panic!("the facts of a `{}` do not decode", event.kind))
}
