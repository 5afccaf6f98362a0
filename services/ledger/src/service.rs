//! The gRPC methods: who may do what, then the work.

use std::sync::Arc;
use std::time::Duration;

use egide_servicekit::identity::{Caller, Deadline, Person, Role};
use egide_wire::proto::egide::audit::v1::{AccessReason, AccessRecorded, AccessScope};
use egide_wire::proto::egide::ledger::v1::ledger_service_server::LedgerService;
use egide_wire::proto::egide::ledger::v1::{
    AppendRequest, AppendResponse, OpenForDeliveryRequest, OpenForDeliveryResponse, OpenForPermitRequest,
    OpenForPermitResponse, OpenForReplayRequest, OpenForReplayResponse, OpenForReviewRequest, OpenForReviewResponse,
    ReadCaseRequest, ReadCaseResponse, RecordConsentRequest, RecordConsentResponse, WatchCaseRequest,
    WatchCaseResponse,
};
use egide_wire::refusal::{Violation, invalid};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::ledger::Ledger;
use crate::read::watch;
use crate::validate;

/// Who may have sealed data opened for a recipient.
const DISCLOSURE: &str = "disclosure";
/// Who may read the facts of a case.
const READERS: [Role; 4] = [Role::Responder, Role::Supervisor, Role::Reviewer, Role::Compliance];
/// Who may read what identifies somebody in a case.
const OPENERS: [Role; 3] = [Role::Responder, Role::Supervisor, Role::Reviewer];
/// Who may have disclosures replayed: the disclosure service opens for them, and they see nothing of it.
const REPLAYERS: [Role; 2] = [Role::Supervisor, Role::Compliance];
/// For requests that say nothing about when they want their answer.
const DEADLINE_DEFAULT: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Clone)]
pub(crate) struct Service(pub(crate) Arc<Ledger>);

#[tonic::async_trait]
impl LedgerService for Service {
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        Ok(Response::new(self.0.append(request.get_ref(), &caller, deadline).await?))
    }

    async fn record_consent(
        &self,
        request: Request<RecordConsentRequest>,
    ) -> Result<Response<RecordConsentResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        Ok(Response::new(self.0.record_consent(request.get_ref(), &caller, deadline).await?))
    }

    async fn read_case(&self, request: Request<ReadCaseRequest>) -> Result<Response<ReadCaseResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let request = request.into_inner();
        validate::read_case(&request).map_err(invalid)?;
        let reason = entitlement(&request, &caller)?;
        let _place = self.0.room.for_reading()?;
        self.0.wait_for(request.min_position).await?;
        if let Some(reason) = reason {
            // Before anything is looked up: whether there is such a case is already an answer.
            self.0.record_access(access(&request, reason), &caller, deadline).await?;
        }
        Ok(Response::new(self.0.read_page(&request).await?))
    }

    type WatchCaseStream = ReceiverStream<Result<WatchCaseResponse, Status>>;

    async fn watch_case(&self, request: Request<WatchCaseRequest>) -> Result<Response<Self::WatchCaseStream>, Status> {
        if Caller::of(&request)?.person.is_some() {
            return Err(Status::permission_denied("services watch cases; a person reads them, which is recorded"));
        }
        let request = request.into_inner();
        validate::watch_case(&request).map_err(invalid)?;
        let events = watch(Arc::clone(&self.0), &request.case_id, request.from_revision)?;
        Ok(Response::new(ReceiverStream::new(events)))
    }

    async fn open_for_permit(
        &self,
        request: Request<OpenForPermitRequest>,
    ) -> Result<Response<OpenForPermitResponse>, Status> {
        disclosure_only(Caller::of(&request)?)?;
        let _place = self.0.room.for_reading()?;
        Ok(Response::new(self.0.open_for_permit(request.get_ref().position).await?))
    }

    async fn open_for_delivery(
        &self,
        request: Request<OpenForDeliveryRequest>,
    ) -> Result<Response<OpenForDeliveryResponse>, Status> {
        disclosure_only(Caller::of(&request)?)?;
        let _place = self.0.room.for_reading()?;
        Ok(Response::new(self.0.open_for_delivery(request.get_ref().position).await?))
    }

    async fn open_for_replay(
        &self,
        request: Request<OpenForReplayRequest>,
    ) -> Result<Response<OpenForReplayResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        disclosure_only(&caller)?;
        if !holds_any(caller.person()?, &REPLAYERS) {
            return Err(Status::permission_denied("this person may not have disclosures replayed"));
        }
        validate::open_for_replay(request.get_ref()).map_err(invalid)?;
        let _place = self.0.room.for_reading()?;
        Ok(Response::new(self.0.open_for_replay(request.get_ref(), &caller).await?))
    }

    async fn open_for_review(
        &self,
        request: Request<OpenForReviewRequest>,
    ) -> Result<Response<OpenForReviewResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        disclosure_only(&caller)?;
        let person = caller.person()?;
        // Whoever audits disclosures sees facts, whatever else they are.
        if !person.has(Role::Reviewer) || person.has(Role::Compliance) {
            return Err(Status::permission_denied("this person may not review narratives"));
        }
        let deadline = deadline(&request);
        validate::open_for_review(request.get_ref()).map_err(invalid)?;
        let _place = self.0.room.for_reading()?;
        Ok(Response::new(self.0.open_for_review(request.get_ref(), &caller, deadline).await?))
    }
}

pub(crate) fn deadline<T>(request: &Request<T>) -> Instant {
    request.extensions().get::<Deadline>().map_or_else(|| Instant::now() + DEADLINE_DEFAULT, |deadline| deadline.0)
}

fn disclosure_only(caller: &Caller) -> Result<(), Status> {
    if caller.service == *DISCLOSURE {
        Ok(())
    } else {
        Err(Status::permission_denied("sealed data is opened for the disclosure service only"))
    }
}

/// Whether the caller may read so; for a person, the reason that is recorded.
fn entitlement(request: &ReadCaseRequest, caller: &Caller) -> Result<Option<AccessReason>, Status> {
    let Some(person) = &caller.person else {
        return if request.open {
            Err(Status::permission_denied("identifying data is opened for people, not for a service alone"))
        } else {
            Ok(None)
        };
    };
    if !holds_any(person, &READERS) {
        return Err(Status::permission_denied("this person may not read cases"));
    }
    // Whoever audits disclosures sees facts, whatever else they are.
    if request.open && (!holds_any(person, &OPENERS) || person.has(Role::Compliance)) {
        return Err(Status::permission_denied("this person may not see identifying data"));
    }
    match request.reason() {
        AccessReason::Unspecified => Err(invalid(vec![Violation::new("reason", "is missing: say why")])),
        AccessReason::Recipient => {
            Err(invalid(vec![Violation::new("reason", "is for recipients, who do not read cases")]))
        }
        reason @ (AccessReason::WorkingTheCase
        | AccessReason::ShiftQueue
        | AccessReason::Supervision
        | AccessReason::Audit
        | AccessReason::PersonAsked
        | AccessReason::Legal) => Ok(Some(reason)),
    }
}

fn holds_any(person: &Person, roles: &[Role]) -> bool {
    roles.iter().any(|role| person.has(*role))
}

fn access(request: &ReadCaseRequest, reason: AccessReason) -> AccessRecorded {
    let scope = if request.open { AccessScope::CaseOpened } else { AccessScope::CaseFacts };
    AccessRecorded {
        scope: scope.into(),
        reason: reason.into(),
        case_id: request.case_id.clone(),
        ..AccessRecorded::default()
    }
}
