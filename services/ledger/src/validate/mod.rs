//! What is wrong with a request, as far as its own bytes tell: nothing is looked up, so an answer says nothing about what
//! exists. Every violation is reported, each with the path of its field; no text repeats what was given.

mod case;
mod directory;
mod disclosure;
mod fields;
mod house;
mod required;

use std::collections::BTreeSet;

use egide_domain::house::HOUSE_STREAM;
use egide_domain::time::Timestamp;
use egide_servicekit::policy::LoadedPolicy;
use egide_wire::convert::timestamp;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::audit::v1::access_event::Payload as AccessPayload;
use egide_wire::proto::egide::case::v1::case_event::Payload as CasePayload;
use egide_wire::proto::egide::ledger::v1::new_event::Payload;
use egide_wire::proto::egide::ledger::v1::{
    AppendRequest, Area, NewEvent, OpenForReplayRequest, OpenForReviewRequest, ReadCaseRequest, WatchCaseRequest,
};
use egide_wire::refusal::Violation;
use prost::Message as _;

use crate::payload::{Described, payload_field};
use fields::Checker;

/// Most events of one command.
pub(crate) const EVENTS_MAX: usize = 64;
/// Most streams that one command extends.
pub(crate) const STREAMS_MAX: usize = 2;
/// Most streams whose revisions one command can expect.
pub(crate) const EXPECTATIONS_MAX: usize = 4;
/// Most bytes of one event's payload, facts and identifying data together.
pub(crate) const EVENT_BYTES_MAX: usize = 64 * 1024;
/// The same for what the gate writes: a decision with every reason, a report about many people.
pub(crate) const GATE_EVENT_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of one command: sealed, with its envelope, it must fit one block.
pub(crate) const COMMAND_BYTES_MAX: usize = 512 * 1024;
/// How far an emitter's clock may be ahead of ours.
pub(crate) const AHEAD_MS_MAX: i64 = 5_000;
/// How long ago an event may have happened: ten years.
pub(crate) const AGO_MS_MAX: i64 = 3_653 * 24 * 3_600_000;
/// Most violations that are reported; the rest shows when these are mended.
const VIOLATIONS_MAX: usize = 100;
/// Most events on one page.
pub(crate) const PAGE_MAX: u32 = 500;
/// Events on a page when nothing was said.
pub(crate) const PAGE_DEFAULT: u32 = 200;

/// Checks a request to append, at the time `now`. `described` are its first [`EVENTS_MAX`] events, seen through the contract.
///
/// # Errors
/// Every violation, at least one.
pub(crate) fn append(
    request: &AppendRequest,
    described: &[Option<Described>],
    now: Timestamp,
) -> Result<(), Vec<Violation>> {
    let mut check = Checker::new(VIOLATIONS_MAX);
    check.required_id("command_id", &request.command_id);
    check.optional_id("causation_id", &request.causation_id);
    check.optional_id("correlation_id", &request.correlation_id);
    expectations(request, &mut check);
    if request.encoded_len() > COMMAND_BYTES_MAX {
        check.refuse("events", format!("the command has more than {COMMAND_BYTES_MAX} bytes: send several commands"));
    }
    match request.events.len() {
        0 => check.refuse("events", "needs at least one event"),
        1..=EVENTS_MAX => events(&request.events, described, now, &mut check),
        _ => check.refuse("events", format!("has more than {EVENTS_MAX} events: send several commands")),
    }
    check.finish()
}

/// Checks that every consent in it names a wording that is known here, and the digest of exactly its text: what somebody said yes
/// to must be there to be read for ever.
///
/// # Errors
/// Every violation, at least one.
pub(crate) fn wordings(request: &AppendRequest, policy: &LoadedPolicy) -> Result<(), Vec<Violation>> {
    let mut check = Checker::new(VIOLATIONS_MAX);
    for (index, event) in request.events.iter().enumerate() {
        let Some(Payload::CaseEvent(event)) = &event.payload else { continue };
        let Some(CasePayload::ConsentGiven(given)) = &event.payload else { continue };
        let path = |field: &str| format!("events[{index}].case_event.consent_given.{field}");
        match policy.wording_digest(&given.wording_version) {
            None => check.refuse(path("wording_version"), "is no wording of the policy here: name one of them"),
            Some(digest) if given.wording_digest != digest.as_bytes() => {
                check.refuse(path("wording_digest"), "is not the digest of this wording's text");
            }
            Some(_) => {}
        }
    }
    check.finish()
}

/// Checks a request to read a case.
///
/// # Errors
/// Every violation, at least one.
pub(crate) fn read_case(request: &ReadCaseRequest) -> Result<(), Vec<Violation>> {
    let mut check = Checker::new(VIOLATIONS_MAX);
    check.required_id("case_id", &request.case_id);
    if request.page_size > PAGE_MAX {
        check.refuse("page_size", format!("is at most {PAGE_MAX}"));
    }
    if AccessReason::try_from(request.reason).is_err() {
        check.refuse("reason", fields::UNKNOWN_VALUE);
    }
    check.finish()
}

/// Checks a request to watch a case.
///
/// # Errors
/// Every violation, at least one.
pub(crate) fn watch_case(request: &WatchCaseRequest) -> Result<(), Vec<Violation>> {
    let mut check = Checker::new(VIOLATIONS_MAX);
    check.required_id("case_id", &request.case_id);
    check.finish()
}

/// Checks a request to open for a replay.
///
/// # Errors
/// Every violation, at least one.
pub(crate) fn open_for_replay(request: &OpenForReplayRequest) -> Result<(), Vec<Violation>> {
    let mut check = Checker::new(VIOLATIONS_MAX);
    check.required_id("look_command_id", &request.look_command_id);
    match &request.look {
        None => check.refuse("look", fields::MISSING),
        Some(look) => reason("look.reason", look.reason, &mut check),
    }
    check.finish()
}

pub(crate) fn open_for_review(request: &OpenForReviewRequest) -> Result<(), Vec<Violation>> {
    let mut check = Checker::new(VIOLATIONS_MAX);
    check.required_id("case_id", &request.case_id);
    check.required_id("review_id", &request.review_id);
    reason("reason", request.reason, &mut check);
    check.finish()
}

/// A look has a reason.
fn reason(field: &str, reason: i32, check: &mut Checker) {
    match AccessReason::try_from(reason) {
        Ok(AccessReason::Unspecified) => check.refuse(field, fields::MISSING),
        Ok(_) => {}
        Err(_) => check.refuse(field, fields::UNKNOWN_VALUE),
    }
}

fn expectations(request: &AppendRequest, check: &mut Checker) {
    if request.expected.len() > EXPECTATIONS_MAX {
        check.refuse("expected", format!("names more than {EXPECTATIONS_MAX} streams"));
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, expectation) in request.expected.iter().enumerate() {
        let field = format!("expected[{index}].stream_id");
        check.required_id(&field, &expectation.stream_id);
        if !seen.insert(&expectation.stream_id) {
            check.refuse(field, "is named twice");
        }
    }
}

fn events(events: &[NewEvent], described: &[Option<Described>], now: Timestamp, check: &mut Checker) {
    let streams: BTreeSet<_> =
        events.iter().map(|event| event.stream_id.as_str()).filter(|stream| !stream.is_empty()).collect();
    if streams.len() > STREAMS_MAX {
        check.refuse("events", format!("extend more than {STREAMS_MAX} streams"));
    }
    let mut ids = BTreeSet::new();
    for (index, event) in events.iter().enumerate() {
        let path = format!("events[{index}]");
        if !event.event_id.is_empty() {
            check.event_id(&format!("{path}.event_id"), &event.event_id);
            if !ids.insert(&event.event_id) {
                check.refuse(format!("{path}.event_id"), "is given twice");
            }
        }
        occurred_at(event, &path, now, check);
        payload(event, described.get(index).and_then(Option::as_ref), &path, now, check);
    }
}

/// Zero means the same as absent: now.
fn occurred_at(event: &NewEvent, path: &str, now: Timestamp, check: &mut Checker) {
    let Some(given) = &event.occurred_at else { return };
    let field = format!("{path}.occurred_at");
    match timestamp(given) {
        None => check.refuse(field, "is no time"),
        Some(Timestamp(0)) => {}
        Some(at) if at.0 > now.0.saturating_add(AHEAD_MS_MAX) => {
            check.refuse(field, "is in the future: compare the emitter's clock");
        }
        Some(at) if at.0 < now.0.saturating_sub(AGO_MS_MAX) => {
            check.refuse(field, "is more than ten years ago");
        }
        Some(_) => {}
    }
}

fn payload(event: &NewEvent, described: Option<&Described>, path: &str, now: Timestamp, check: &mut Checker) {
    let Some(payload) = &event.payload else {
        check.refuse(
            path,
            "has no payload: give exactly one of `case_event`, `directory_event`, `access_event`, `house_event`",
        );
        return;
    };
    let (area, field) = payload_field(payload);
    stream(event, area, path, check);
    let Some(described) = described else {
        check.refuse(format!("{path}.{field}"), "has no kind: give exactly one");
        return;
    };
    let path = format!("{path}.{}", described.path);
    let of_the_gate =
        matches!(described.class.kind.as_str(), "disclosure.decided" | "disclosure.released" | "policy.adopted");
    let bytes_max = if of_the_gate { GATE_EVENT_BYTES_MAX } else { EVENT_BYTES_MAX };
    if described.message().encoded_len() > bytes_max {
        check.refuse(path, format!("has more than {bytes_max} bytes"));
        return;
    }
    content(payload, described, event, &path, now, check);
}

fn content(
    payload: &Payload,
    described: &Described,
    event: &NewEvent,
    path: &str,
    now: Timestamp,
    check: &mut Checker,
) {
    let message = described.message();
    check.message(path, &message, now);
    required::check(&described.class.kind, path, &message, check);
    match payload {
        Payload::CaseEvent(payload) => {
            if let Some(payload) = &payload.payload {
                case::check(payload, path, check);
            }
        }
        Payload::DirectoryEvent(payload) => {
            if let Some(payload) = &payload.payload {
                directory::check(payload, &event.stream_id, path, check);
            }
        }
        Payload::HouseEvent(payload) => {
            if let Some(payload) = &payload.payload {
                house::check(payload, path, check);
            }
        }
        Payload::AccessEvent(payload) => {
            if let Some(AccessPayload::AccessRecorded(recorded)) = &payload.payload {
                directory::access(recorded, path, check);
            }
        }
    }
}

fn stream(event: &NewEvent, area: Area, path: &str, check: &mut Checker) {
    let field = format!("{path}.stream_id");
    match area {
        Area::Case | Area::Directory => check.required_id(&field, &event.stream_id),
        Area::House if event.stream_id == HOUSE_STREAM => {}
        Area::House => check.refuse(field, "must be the house's own: there is one stream"),
        Area::Access if event.stream_id.is_empty() => {}
        Area::Access => check.refuse(field, "must be empty: access events belong to no stream"),
        Area::Unspecified => check.refuse(field, "belongs to no area"),
    }
}

#[cfg(test)]
mod tests;
