//! Answering outsiders: whatever is not theirs to have is one answer, the same bytes, with the same one append behind it, not
//! before a fixed time has passed since the call began (promise 8).

use egide_domain::ids::{CaseId, CommandId, UnitId};
use egide_domain::time::Timestamp;
use egide_servicekit::identity::{Caller, Onward, Person};
use egide_wire::proto::egide::audit::v1::access_event::Payload;
use egide_wire::proto::egide::audit::v1::{AccessReason, AccessRecorded, AccessScope, OutsiderRefused};
use egide_wire::proto::egide::case::v1::case_event;
use egide_wire::refusal::not_found_outside;
use tokio::time::Instant;
use tonic::{Request, Status};

use crate::gate::Gate;
use crate::ledger::{Proposed, access, command, unproved};

/// An outsider's call.
pub(crate) struct Outsider {
    pub(crate) caller: Caller,
    pub(crate) unit_id: UnitId,
    pub(crate) account: String,
    pub(crate) onward: Onward,
    began_at: Instant,
}

impl Outsider {
    /// Who calls.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` when the person belongs to no unit: about the caller, never about what is asked.
    pub(crate) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let caller = Caller::of(request)?.clone();
        let person: &Person = caller.person()?;
        let unit_id = person.unit().ok_or_else(|| Status::permission_denied("this call is for liaisons of a unit"))?;
        let account = person.account().as_str().to_owned();
        Ok(Self { onward: Onward::of(request), unit_id, account, began_at: Instant::now(), caller })
    }
}

impl Gate {
    /// Records that an outsider was refused, and gives the one answer, not before its time.
    pub(crate) async fn refuse(&self, outsider: &Outsider, method: &str) -> Status {
        let refused = OutsiderRefused { unit_id: outsider.unit_id.to_string(), method: method.to_owned() };
        let recorded = self.record(&outsider.onward, Payload::OutsiderRefused(refused)).await;
        self.pad(outsider).await;
        // What cannot be recorded is not answered, whatever it is about.
        recorded.err().unwrap_or_else(not_found_outside)
    }

    /// Waits until the fixed time has passed since the call began.
    pub(crate) async fn pad(&self, outsider: &Outsider) {
        tokio::time::sleep_until(outsider.began_at + self.refuse_after).await;
    }

    /// Records that an outsider looks at what waits for their unit.
    pub(crate) async fn record_list(&self, outsider: &Outsider) -> Result<(), Status> {
        let recorded = AccessRecorded {
            scope: AccessScope::ReferralList.into(),
            reason: AccessReason::Recipient.into(),
            unit_id: outsider.unit_id.to_string(),
            ..AccessRecorded::default()
        };
        self.record(&outsider.onward, Payload::AccessRecorded(recorded)).await
    }

    /// Commits an outsider's receipt to a case; when it was recorded.
    pub(crate) async fn record_receipt(
        &self,
        outsider: &Outsider,
        command_id: CommandId,
        case_id: CaseId,
        receipt: case_event::Payload,
    ) -> Result<Timestamp, Status> {
        let proposed = Proposed::new(receipt)?;
        let stream_id = case_id.to_string();
        let request = command(command_id, stream_id.clone(), proposed.event, None, Vec::new());
        match self.ledger.append(&outsider.onward, request).await {
            Ok(acknowledged) => {
                acknowledged.proves(&stream_id, proposed.facts_digest)?;
                acknowledged.recorded_at().ok_or_else(unproved)
            }
            Err(not_appended) => {
                Err(not_appended.refusal("the receipt could not be recorded; repeat with the same command id"))
            }
        }
    }

    /// Commits an access event. Each call is its own: its id is drawn here.
    pub(crate) async fn record(&self, onward: &Onward, payload: Payload) -> Result<(), Status> {
        self.record_under(onward, payload).await.map(drop)
    }

    /// The same; the id of its command.
    pub(crate) async fn record_under(&self, onward: &Onward, payload: Payload) -> Result<CommandId, Status> {
        let command_id = CommandId(uuid::Uuid::now_v7().into_bytes());
        match self.ledger.append(onward, access(command_id, payload)).await {
            Ok(acknowledged) if acknowledged.verifies() => Ok(command_id),
            Ok(_) => Err(unproved()),
            Err(not_appended) => Err(not_appended.refusal("the access could not be recorded; try again")),
        }
    }
}
