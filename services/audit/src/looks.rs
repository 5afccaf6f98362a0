//! Looks: recorded in the log before they are answered.

use std::time::Duration;

use egide_crypto::random::random_bytes;
use egide_domain::ids::{CaseId, SubjectId, UnitId};
use egide_eventlog::EventLog;
use egide_projection::{Lagging, Projection};
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::Onward;
use egide_wire::proto::egide::audit::v1::access_event::Payload;
use egide_wire::proto::egide::audit::v1::{AccessEvent, AccessReason, AccessRecorded, AccessScope};
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent, new_event};
use tonic::{Code, Status};

use crate::model::History;

/// How long a look waits for the projection to reach it.
const FRESH_WITHIN: Duration = Duration::from_secs(2);

/// One look: at what, why, and at whose.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) scope: AccessScope,
    pub(crate) reason: AccessReason,
    pub(crate) case_id: Option<CaseId>,
    pub(crate) subject_id: Option<SubjectId>,
    pub(crate) unit_id: Option<UnitId>,
}

impl Look {
    fn into_request(self) -> Result<AppendRequest, Status> {
        let bytes = random_bytes().map_err(|_| not_recorded())?;
        let command_id = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
        let recorded = AccessRecorded {
            scope: self.scope.into(),
            reason: self.reason.into(),
            case_id: text(self.case_id),
            subject_id: text(self.subject_id),
            unit_id: text(self.unit_id),
            ..AccessRecorded::default()
        };
        let access_event = AccessEvent { payload: Some(Payload::AccessRecorded(recorded)) };
        let event = NewEvent { payload: Some(new_event::Payload::AccessEvent(access_event)), ..NewEvent::default() };
        Ok(AppendRequest { command_id, events: vec![event], ..AppendRequest::default() })
    }
}

/// Records looks, and waits until the history reaches them: whoever did something and then looks sees what they did.
#[derive(Debug, Clone)]
pub(crate) struct Looks {
    ledger: Upstream,
    history: Projection<History>,
    log: EventLog,
}

impl Looks {
    pub(crate) const fn new(ledger: Upstream, history: Projection<History>, log: EventLog) -> Self {
        Self { ledger, history, log }
    }

    /// Records a look of the person behind `onward`. Nothing may be answered unless this succeeds.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` when the ledger says that this person looks too often, with when to try again; `UNAVAILABLE`
    /// when the look was not recorded for any other reason, or the history does not reach it in time. A look that was
    /// recorded and not answered is no harm.
    pub(crate) async fn record(&self, onward: &Onward, look: Look) -> Result<(), Status> {
        let request = look.into_request()?;
        let mut ledger = LedgerServiceClient::new(self.ledger.onward(onward));
        let answer = ledger.append(request).await.map_err(|status| refused(&status))?;
        let acknowledged = answer.into_inner().acknowledgement.unwrap_or_default();
        let position = acknowledged.events.first().map(|event| event.position).filter(|position| *position > 0);
        reached(self.history.wait_for(position.ok_or_else(not_recorded)?, FRESH_WITHIN).await)
    }

    /// Waits until the history holds everything that stands in the log now.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the log does not answer, or the history does not get there in time.
    pub(crate) async fn catch_up(&self) -> Result<(), Status> {
        let last = self.log.last_number().await.map_err(|error| {
            tracing::warn!(reason = %error, "the log does not say how far it reaches");
            behind()
        })?;
        reached(self.history.wait_for_block(last, FRESH_WITHIN).await)
    }
}

fn reached(waited: Result<(), Lagging>) -> Result<(), Status> {
    waited.map_err(|lagging| {
        tracing::warn!(reason = %lagging, "the history has not caught up with the log");
        behind()
    })
}

fn behind() -> Status {
    Status::unavailable("the history has not caught up with the log; try again")
}

fn refused(status: &Status) -> Status {
    tracing::warn!(code = ?status.code(), "a look could not be recorded and is not answered");
    if status.code() == Code::ResourceExhausted {
        let details = status.details().to_vec();
        return Status::with_details(Code::ResourceExhausted, status.message(), details.into());
    }
    not_recorded()
}

fn not_recorded() -> Status {
    Status::unavailable("the look could not be recorded, and is not answered without; try again")
}

fn text(id: Option<impl ToString>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}
