//! Opening what a released report was made of, so that it can be made again and compared. Nothing leaves by it: what came
//! after the release does not matter, but for erasure, and that somebody looks stands in the log before anything is opened.

use egide_domain::CaseEvent;
use egide_domain::event::DisclosureDecided;
use egide_domain::ids::{CaseId, DecisionId};
use egide_servicekit::identity::{Caller, PERSON_LIFETIME_MAX_S};
use egide_vault::KeyName;
use egide_wire::proto::egide::audit::v1::{AccessEvent, AccessScope, access_event};
use egide_wire::proto::egide::ledger::v1::{
    Acknowledgement, AppendRequest, NewEvent, OpenForReplayRequest, OpenForReplayResponse, OpenState, new_event,
};
use tonic::Status;

use super::{case_event, halted_at_event, not_found, permitting, refused, released, report_erased};
use crate::acknowledge::acknowledge;
use crate::command::fingerprint;
use crate::ledger::Ledger;
use crate::model::{self, StoredEvent, StreamId};
use crate::refuse;

impl Ledger {
    /// Opens what the decision of the release at a position covered, as [`Ledger::open_for_permit`] did, and the report that was
    /// stored with it.
    pub(crate) async fn open_for_replay(
        &self,
        request: &OpenForReplayRequest,
        caller: &Caller,
    ) -> Result<OpenForReplayResponse, Status> {
        self.newest().await?;
        let release = self.stored_at(request.position)?.ok_or_else(not_found)?;
        let CaseEvent::ReferralReleased(of) = case_event(&release) else { return Err(not_found()) };
        self.refuse_unrecorded(request, &release, caller)?;
        let case = self.events_of(&release)?;
        let (permit, decision) = permit_before(&case, &release, of.decision_id).ok_or_else(not_found)?;
        self.refuse_closed(&release, &decision)?;
        let events = self.open_decided(&case, &decision).await?;
        let stored = self.opened(&release).await?;
        let gone = events.iter().chain([&stored]).any(|event| event.open_state() == OpenState::Shredded);
        if gone {
            return Err(report_erased());
        }
        let report = released(stored).ok_or_else(halted_at_event)?.report;
        // Whoever was erased while we opened is erased in this answer, too.
        self.refuse_closed(&release, &decision)?;
        let acknowledgement = Some(self.acknowledged_again(permit)?);
        Ok(OpenForReplayResponse { events, acknowledgement, report })
    }

    /// Refuses where the log does not hold that this person looks at replays, of this case or of all: appended by the calling service
    /// for the very person, with exactly this content, and not long ago. The fingerprint of a command says all of it but when.
    fn refuse_unrecorded(
        &self,
        request: &OpenForReplayRequest,
        release: &StoredEvent,
        caller: &Caller,
    ) -> Result<(), Status> {
        let unrecorded =
            || refused("look_not_recorded", "is nothing this person is recorded to look at; record it first");
        let look = request.look.clone().unwrap_or_default();
        let of_case = StreamId::parse(&look.case_id);
        let covers = look.case_id.is_empty() || of_case == StreamId::parse(&release.event.stream_id);
        if look.scope() != AccessScope::Replay || !covers {
            return Err(unrecorded());
        }
        let payload = AccessEvent { payload: Some(access_event::Payload::AccessRecorded(look)) };
        let event = NewEvent { payload: Some(new_event::Payload::AccessEvent(payload)), ..NewEvent::default() };
        let command_id = request.look_command_id.clone();
        let appended = AppendRequest { command_id, events: vec![event], ..AppendRequest::default() };
        let id = appended.command_id.parse().map_err(|_| unrecorded())?;
        let row = model::command(&self.projection.view(), caller.service.as_str(), id);
        let row = row.map_err(|error| refuse::unreadable(&error))?.ok_or_else(unrecorded)?;
        let age_ms = (self.clock)().0.saturating_sub(row.recorded_at_ms);
        let recorded = row.has_fingerprint(&fingerprint(&appended, caller, &self.fingerprinter));
        // For as long as a person's token lives at most.
        let recent = age_ms <= i64::from(PERSON_LIFETIME_MAX_S).saturating_mul(1_000);
        if recorded && recent { Ok(()) } else { Err(unrecorded()) }
    }

    /// Refuses where anybody in the mask was erased, whether or not anything of them would be opened.
    fn refuse_closed(&self, release: &StoredEvent, decision: &DisclosureDecided) -> Result<(), Status> {
        let case: CaseId = release.event.stream_id.parse().map_err(|_| halted_at_event())?;
        for entry in decision.mask.entries() {
            let name = KeyName::Subject { case, subject: entry.subject_id };
            if self.keyring.is_closed(name).map_err(|error| refuse::not_sealed(&error))? {
                return Err(report_erased());
            }
        }
        Ok(())
    }

    /// The acknowledgement of the command that an event came with.
    fn acknowledged_again(&self, stored: &StoredEvent) -> Result<Acknowledgement, Status> {
        let id = stored.command_id.parse().map_err(|_| halted_at_event())?;
        let row = model::command(&self.projection.view(), &stored.emitter, id);
        let row = row.map_err(|error| refuse::unreadable(&error))?.ok_or_else(halted_at_event)?;
        Ok(acknowledge(&stored.command_id, row, self.log.incarnation(), &self.signing_key))
    }
}

/// The permitting decision of this id that stands before a release.
fn permit_before<'c>(
    case: &'c [StoredEvent],
    release: &StoredEvent,
    decision_id: DecisionId,
) -> Option<(&'c StoredEvent, DisclosureDecided)> {
    let before = case.iter().filter(|stored| stored.event.revision < release.event.revision);
    let mut permits = before.filter_map(|stored| Some((stored, permitting(stored)?)));
    permits.find(|(_, decision)| decision.decision_id == decision_id)
}
