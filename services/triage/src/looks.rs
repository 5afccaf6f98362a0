//! Looks: recorded in the log before they are answered, and waited for, so that whoever did something and then looks sees it.

use std::time::Duration;

use egide_crypto::random::random_bytes;
use egide_domain::ids::CaseId;
use egide_projection::Projection;
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::Onward;
use egide_wire::proto::egide::audit::v1::access_event::Payload;
use egide_wire::proto::egide::audit::v1::{AccessEvent, AccessReason, AccessRecorded, AccessScope};
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent, new_event};
use tonic::{Code, Status};

use crate::model::Waiting;

/// How long a look waits for the projection to reach it.
const FRESH_WITHIN: Duration = Duration::from_secs(2);

/// One look.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) scope: AccessScope,
    pub(crate) reason: AccessReason,
    pub(crate) case_id: Option<CaseId>,
}

/// See the module.
pub(crate) struct Looks {
    ledger: Upstream,
    projection: Projection<Waiting>,
}

impl Looks {
    pub(crate) const fn new(ledger: Upstream, projection: Projection<Waiting>) -> Self {
        Self { ledger, projection }
    }

    /// Records a look of the person behind `onward`. Nothing may be answered unless this succeeds.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` when the ledger says that this person looks too often; `UNAVAILABLE` when the look was not recorded
    /// for any other reason, or what stands in the log before it cannot be read here in time.
    pub(crate) async fn record(&self, onward: &Onward, look: Look) -> Result<(), Status> {
        let mut ledger = LedgerServiceClient::new(self.ledger.onward(onward));
        let answer = ledger.append(request(look)?).await.map_err(|status| refused(&status))?;
        let acknowledged = answer.into_inner().acknowledgement.unwrap_or_default();
        let position = acknowledged.events.first().map(|event| event.position).ok_or_else(not_recorded)?;
        self.projection.wait_for(position, FRESH_WITHIN).await.map_err(|lagging| {
            tracing::warn!(reason = %lagging, "what waits is not up to date");
            Status::unavailable("what waits is not up to date here; try again")
        })
    }
}

fn request(look: Look) -> Result<AppendRequest, Status> {
    let bytes = random_bytes().map_err(|_| not_recorded())?;
    let recorded = AccessRecorded {
        scope: look.scope.into(),
        reason: look.reason.into(),
        case_id: look.case_id.map(|case_id| case_id.to_string()).unwrap_or_default(),
        ..AccessRecorded::default()
    };
    let access_event = AccessEvent { payload: Some(Payload::AccessRecorded(recorded)) };
    Ok(AppendRequest {
        command_id: uuid::Builder::from_random_bytes(bytes).into_uuid().to_string(),
        events: vec![NewEvent { payload: Some(new_event::Payload::AccessEvent(access_event)), ..NewEvent::default() }],
        ..AppendRequest::default()
    })
}

fn refused(status: &Status) -> Status {
    tracing::warn!(code = ?status.code(), "a look could not be recorded and is not answered");
    if status.code() == Code::ResourceExhausted {
        return Status::with_details(Code::ResourceExhausted, status.message(), status.details().to_vec().into());
    }
    not_recorded()
}

fn not_recorded() -> Status {
    Status::unavailable("the look could not be recorded, and is not answered without; try again")
}
