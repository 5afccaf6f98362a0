//! House events.

use egide_domain::HouseEvent;
use egide_domain::house as domain;
use egide_domain::policy::{PolicyError, PolicyFile, PolicyFiles};

use super::{Unreadable, digest, timestamp};
use crate::proto::egide::house::v1 as proto;
use crate::proto::egide::house::v1::house_event::Payload;
use crate::split::join;

/// Reads a house event; anything not understood is [`HouseEvent::Unreadable`].
#[must_use]
pub fn house_event(event: &proto::HouseEvent) -> HouseEvent {
    event.payload.as_ref().and_then(|payload| read(payload).ok()).unwrap_or(HouseEvent::Unreadable)
}

fn read(payload: &Payload) -> Result<HouseEvent, Unreadable> {
    Ok(match payload {
        Payload::PolicyAdopted(adopted) => HouseEvent::PolicyAdopted(domain::PolicyAdopted {
            version: adopted.version.as_str().into(),
            digest: digest(&adopted.digest, "digest")?,
        }),
        Payload::ShiftStarted(started) => {
            let until = started.until.as_ref().and_then(timestamp);
            HouseEvent::ShiftStarted(until.ok_or(Unreadable { field: "until" })?)
        }
        Payload::ShiftEnded(_) => HouseEvent::ShiftEnded,
    })
}

/// The files of a policy, as they stand in an event or answer.
///
/// # Errors
/// They are not the files of one policy.
pub fn files_of(files: &[proto::PolicyFile]) -> Result<PolicyFiles, PolicyError> {
    let file =
        |file: &proto::PolicyFile| PolicyFile { name: file.name.as_str().into(), text: file.text.as_str().into() };
    PolicyFiles::collect(files.iter().map(file))
}

/// The files of a policy, read from the facts of the event by which it was adopted.
///
/// # Errors
/// [`Unreadable`] when this is no such event, or the files are not those of one policy.
pub fn adopted_files(facts: &[u8]) -> Result<PolicyFiles, Unreadable> {
    match join::<proto::HouseEvent>(facts, None).map_err(|_| Unreadable { field: "facts" })?.payload {
        Some(Payload::PolicyAdopted(adopted)) => files_of(&adopted.files).map_err(|_| Unreadable { field: "files" }),
        Some(Payload::ShiftStarted(_) | Payload::ShiftEnded(_)) | None => Err(Unreadable { field: "payload" }),
    }
}

/// The event by which a policy is adopted, of this version and digest.
#[must_use]
pub fn policy_adopted(version: &str, digest: &[u8; 32], files: &PolicyFiles) -> proto::HouseEvent {
    let file = |file: PolicyFile| proto::PolicyFile { name: file.name.to_string(), text: file.text.to_string() };
    let adopted = proto::PolicyAdopted {
        version: version.to_owned(),
        digest: digest.to_vec(),
        files: files.iter().map(file).collect(),
    };
    proto::HouseEvent { payload: Some(Payload::PolicyAdopted(adopted)) }
}
