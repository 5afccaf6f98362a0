//! Contract ↔ domain. Reading is strict: what this version cannot read becomes `Unreadable`, which the gate answers by
//! refusing; nothing is guessed.

mod case;
mod decision;
mod directory;
mod house;
mod values;

use egide_domain::event::Actor;
use egide_domain::ids::{Position, Revision};
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::Role;
use egide_domain::{CaseEvent, DirectoryEvent, HouseEvent, Recorded};

pub use case::case_event;
pub use decision::{
    bases, decided, decided_from, narratives_from, obligation, obligation_from, reason, request, request_from,
};
pub use directory::directory_event;
pub use house::{adopted_files, files_of, house_event, policy_adopted};
pub use values::{Listed, Unreadable, number, read_all};

use crate::proto::egide::case::v1 as case_proto;
use crate::proto::egide::directory::v1 as directory_proto;
use crate::proto::egide::house::v1 as house_proto;
use crate::proto::egide::ledger::v1 as ledger_proto;
use crate::split::join;

/// Reads a timestamp to the millisecond; `None` when it is out of range.
#[must_use]
pub fn timestamp(value: &prost_types::Timestamp) -> Option<Timestamp> {
    if !(0..1_000_000_000).contains(&value.nanos) {
        return None;
    }
    let millis = value.seconds.checked_mul(1000)?.checked_add(i64::from(value.nanos / 1_000_000))?;
    Some(Timestamp(millis))
}

/// Writes a timestamp.
#[must_use]
pub fn to_timestamp(value: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(value.0.rem_euclid(1000)).unwrap_or(0).saturating_mul(1_000_000);
    prost_types::Timestamp { seconds: value.0.div_euclid(1000), nanos }
}

fn optional_timestamp(
    value: Option<&prost_types::Timestamp>,
    field: &'static str,
) -> Result<Option<Timestamp>, Unreadable> {
    value.map(|value| timestamp(value).ok_or(Unreadable { field })).transpose()
}

/// Reads an id that must be there.
///
/// # Errors
/// [`Unreadable`] when it is empty or no UUID.
pub fn id<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, Unreadable> {
    text.parse().map_err(|_| Unreadable { field })
}

/// Reads an id that may be absent (empty).
///
/// # Errors
/// [`Unreadable`] when it is no UUID.
pub fn optional_id<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<Option<T>, Unreadable> {
    if text.is_empty() { Ok(None) } else { id(text, field).map(Some) }
}

fn ids<T: std::str::FromStr>(texts: &[String], field: &'static str) -> Result<Vec<T>, Unreadable> {
    texts.iter().map(|text| id(text, field)).collect()
}

fn required<T: Listed>(number: i32, field: &'static str) -> Result<T, Unreadable> {
    T::read(number)?.ok_or(Unreadable { field })
}

fn digest(bytes: &[u8], field: &'static str) -> Result<[u8; 32], Unreadable> {
    bytes.try_into().map_err(|_| Unreadable { field })
}

fn optional_digest(bytes: &[u8], field: &'static str) -> Result<Option<[u8; 32]>, Unreadable> {
    if bytes.is_empty() { Ok(None) } else { digest(bytes, field).map(Some) }
}

/// Who acted; a role this version does not know counts as none.
#[must_use]
pub fn actor(actor: Option<&case_proto::Actor>) -> Actor {
    let filled = |text: &str| if text.is_empty() { None } else { Some(text.to_owned()) };
    Actor {
        service: actor.map(|actor| actor.service.clone()).unwrap_or_default(),
        person: actor.and_then(|actor| filled(&actor.person)),
        role: actor.and_then(|actor| actor.role.parse::<Role>().ok()),
    }
}

/// Who acted, for the log.
#[must_use]
pub fn to_actor(actor: &Actor, unit_id: &str) -> case_proto::Actor {
    case_proto::Actor {
        service: actor.service.clone(),
        person: actor.person.clone().unwrap_or_default(),
        role: actor.role.map(|role| role.name().to_owned()).unwrap_or_default(),
        unit_id: unit_id.to_owned(),
    }
}

fn recorded<E>(
    event: &ledger_proto::Event,
    position: u64,
    recorded_at: Timestamp,
    payload: impl FnOnce(&[u8]) -> E,
) -> Recorded<E> {
    Recorded {
        event: payload(&event.facts),
        revision: Revision(event.revision),
        position: Position(position),
        occurred_at: event.occurred_at.as_ref().and_then(timestamp).unwrap_or(recorded_at),
        recorded_at,
        actor: actor(event.actor.as_ref()),
    }
}

/// A case event as it stands in the log, facts only. What cannot be read is [`CaseEvent::Unreadable`].
#[must_use]
pub fn recorded_case_event(event: &ledger_proto::Event, position: u64, recorded_at: Timestamp) -> Recorded<CaseEvent> {
    recorded(event, position, recorded_at, |facts| match join::<case_proto::CaseEvent>(facts, None) {
        Ok(payload) => case_event(&payload),
        Err(_) => CaseEvent::Unreadable,
    })
}

/// A directory event as it stands in the log. What cannot be read is [`DirectoryEvent::Unreadable`].
#[must_use]
pub fn recorded_directory_event(
    event: &ledger_proto::Event,
    position: u64,
    recorded_at: Timestamp,
) -> Recorded<DirectoryEvent> {
    recorded(event, position, recorded_at, |facts| match join::<directory_proto::DirectoryEvent>(facts, None) {
        Ok(payload) => directory_event(&payload),
        Err(_) => DirectoryEvent::Unreadable,
    })
}

/// A house event as it stands in the log. What cannot be read is [`HouseEvent::Unreadable`].
#[must_use]
pub fn recorded_house_event(
    event: &ledger_proto::Event,
    position: u64,
    recorded_at: Timestamp,
) -> Recorded<HouseEvent> {
    recorded(event, position, recorded_at, |facts| match join::<house_proto::HouseEvent>(facts, None) {
        Ok(payload) => house_event(&payload),
        Err(_) => HouseEvent::Unreadable,
    })
}
