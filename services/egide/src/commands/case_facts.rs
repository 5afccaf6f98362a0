//! The facts of one case as the ledger tells them, folded. Reading them is recorded, like every look.

use egide_domain::event::Recorded;
use egide_domain::facts::CaseFacts;
use egide_domain::ids::{Position, Revision};
use egide_domain::time::Timestamp;
use egide_servicekit::identity::Role;
use egide_wire::convert::{actor, case_event, timestamp};
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::{CaseEvent, ConsentGiven, case_event::Payload};
use egide_wire::proto::egide::ledger::v1::{ReadCaseRequest, RecordedEvent, recorded_event};
use uuid::Uuid;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, id_or_new};

/// Events asked for at a time.
const PAGE: u32 = 500;

/// A case: its events, facts only, and what follows from them.
pub(crate) struct Known {
    pub(crate) events: Vec<RecordedEvent>,
    pub(crate) facts: CaseFacts,
}

/// Reads a case whole, for this reason.
pub(crate) async fn read(
    session: &mut Session<'_>,
    role: Role,
    case: Uuid,
    reason: AccessReason,
) -> Result<Known, Failure> {
    let client = session.ledger(role)?;
    let mut known = Known { events: Vec::new(), facts: CaseFacts::default() };
    let mut from_revision = 1;
    while from_revision != 0 {
        let request = ReadCaseRequest {
            case_id: id_or_new(Some(case)),
            from_revision,
            page_size: PAGE,
            reason: reason.into(),
            ..ReadCaseRequest::default()
        };
        let call = || {
            let mut client = client.clone();
            let request = request.clone();
            async move { client.read_case(request).await }
        };
        let page = session.until_known(call).await?;
        from_revision = page.next_revision;
        for event in page.events {
            known.facts.apply(&recorded(&event));
            known.events.push(event);
        }
    }
    Ok(known)
}

fn recorded(event: &RecordedEvent) -> Recorded<egide_domain::CaseEvent> {
    let at = |time: Option<&prost_types::Timestamp>| time.and_then(timestamp);
    let recorded_at = at(event.recorded_at.as_ref()).unwrap_or(Timestamp(0));
    Recorded {
        event: payload(event).map_or(egide_domain::CaseEvent::Unreadable, case_event),
        revision: Revision(event.revision),
        position: Position(event.position),
        occurred_at: at(event.occurred_at.as_ref()).unwrap_or(recorded_at),
        recorded_at,
        actor: actor(event.actor.as_ref()),
    }
}

fn payload(event: &RecordedEvent) -> Option<&CaseEvent> {
    match &event.payload {
        Some(recorded_event::Payload::CaseEvent(event)) => Some(event),
        Some(
            recorded_event::Payload::DirectoryEvent(_)
            | recorded_event::Payload::AccessEvent(_)
            | recorded_event::Payload::HouseEvent(_),
        )
        | None => None,
    }
}

impl Known {
    /// A consent of the case as it was recorded, facts only, with when that was.
    pub(crate) fn consent(&self, consent: Uuid) -> Result<(ConsentGiven, Option<prost_types::Timestamp>), Failure> {
        let id = id_or_new(Some(consent));
        let found = self.events.iter().find_map(|event| {
            let Payload::ConsentGiven(given) = payload(event)?.payload.as_ref()? else { return None };
            (given.consent_id == id).then(|| (given.clone(), event.recorded_at))
        });
        found.ok_or_else(|| Failure::new(Exit::NotFound, "fail.not_found"))
    }
}
