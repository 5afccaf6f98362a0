//! `DisclosureService`: the gate for staff and internal services.

use egide_domain::ids::CaseId;
use egide_report::Report;
use egide_servicekit::identity::{Caller, Onward};
use egide_wire::proto::egide::audit::v1::access_event::Payload;
use egide_wire::proto::egide::audit::v1::{AccessReason, AccessRecorded, AccessScope};
use egide_wire::proto::egide::disclosure::v1 as proto;
use egide_wire::proto::egide::disclosure::v1::disclosure_service_server::DisclosureService;
use prost::Message as _;
use tonic::{Request, Response, Status};

use crate::delivery::{Delivery, Undelivered};
use crate::gate::Shared;
use crate::origin::Origin;
use crate::reader::StoredDecision;
use crate::request::Asked;
use crate::{token, validate};

/// Most bytes of decisions on one page; a decision has at most 60 KiB, an answer at most 4 MiB.
const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The service.
#[derive(Clone)]
pub(crate) struct Disclosures(pub(crate) Shared);

#[tonic::async_trait]
impl DisclosureService for Disclosures {
    async fn request_disclosure(
        &self,
        request: Request<proto::RequestDisclosureRequest>,
    ) -> Result<Response<proto::RequestDisclosureResponse>, Status> {
        let disclosure = validate::disclosure(request.get_ref())?;
        let caller = Caller::of(&request)?;
        let asked = Asked {
            origin: Origin::new(caller, "RequestDisclosure", disclosure.command_id, b""),
            disclosure,
            onward: Onward::of(&request),
        };
        Ok(Response::new(self.0.request_disclosure(&asked).await?))
    }

    async fn deliver_referral(
        &self,
        request: Request<proto::DeliverReferralRequest>,
    ) -> Result<Response<proto::DeliverReferralResponse>, Status> {
        let telling = validate::telling(request.get_ref())?;
        let caller = Caller::of(&request)?;
        let delivery = Delivery {
            referral_id: telling.referral_id,
            unit_id: None,
            channel: telling.channel,
            received_by: request.get_ref().received_by.clone(),
            spoken: telling.spoken,
            origin: Origin::new(caller, "DeliverReferral", telling.command_id, b""),
            onward: Onward::of(&request),
        };
        let delivered = self.0.deliver(&delivery).await.map_err(for_staff)?;
        let report = Report::from_canonical_json(&delivered.referral.report)
            .map_err(|error| Status::internal(error.to_string()))?;
        let script = report.script(telling.spoken).map_err(|error| Status::internal(error.to_string()))?;
        let organization = delivered.snapshot.organization.as_ref();
        let callback_number =
            organization.map(|organization| organization.callback_number(delivered.unit_id).to_owned());
        Ok(Response::new(proto::DeliverReferralResponse {
            callback_number: callback_number.unwrap_or_default(),
            script,
            referral: Some(delivered.referral),
        }))
    }

    async fn get_decision(
        &self,
        request: Request<proto::GetDecisionRequest>,
    ) -> Result<Response<proto::GetDecisionResponse>, Status> {
        let (decision_id, reason) = validate::get_decision(request.get_ref())?;
        self.0.reader.catch_up().await?;
        let stored = self.0.reader.moment().decision(decision_id)?;
        self.record_look(&request, stored.as_ref().map(|stored| stored.case_id), reason).await?;
        let decision = stored.ok_or_else(|| Status::not_found("there is no such decision"))?.into_answer();
        Ok(Response::new(proto::GetDecisionResponse { decision: Some(decision) }))
    }

    async fn list_decisions(
        &self,
        request: Request<proto::ListDecisionsRequest>,
    ) -> Result<Response<proto::ListDecisionsResponse>, Status> {
        let (case_id, size, reason) = validate::list_decisions(request.get_ref())?;
        let last = token::decision(&self.0.secret, case_id, &request.get_ref().page_token)?;
        self.0.reader.catch_up().await?;
        self.record_look(&request, Some(case_id), reason).await?;
        let moment = self.0.reader.moment();
        if !moment.has_case(case_id)? {
            return Err(Status::not_found("there is no such case"));
        }
        let after = match last {
            Some(last) => moment.decision(last)?.map_or(u64::MAX, |stored| stored.position),
            None => 0,
        };
        let mut page: Vec<StoredDecision> = Vec::new();
        let mut bytes = 0_usize;
        let mut more = false;
        for stored in moment.decisions(case_id, after) {
            let stored = stored?;
            bytes = bytes.saturating_add(stored.decided.encoded_len());
            if page.len() >= size || (bytes > PAGE_BYTES_MAX && !page.is_empty()) {
                more = true;
                break;
            }
            page.push(stored);
        }
        let last = page.last().and_then(|stored| stored.decided.decision_id.parse().ok()).filter(|_| more);
        let next_page_token = last.map(|last| token::after_decision(&self.0.secret, case_id, last)).unwrap_or_default();
        let decisions = page.into_iter().map(StoredDecision::into_answer).collect();
        Ok(Response::new(proto::ListDecisionsResponse { decisions, next_page_token }))
    }
}

impl Disclosures {
    /// Records a person's look; a service alone looks for no person.
    async fn record_look<T>(
        &self,
        request: &Request<T>,
        case_id: Option<CaseId>,
        reason: AccessReason,
    ) -> Result<(), Status> {
        if Caller::of(request)?.person.is_none() {
            return Ok(());
        }
        // A decision that is not there is no case's: looked for in the history.
        let scope = if case_id.is_some() { AccessScope::Decisions } else { AccessScope::History };
        let recorded = AccessRecorded {
            scope: scope.into(),
            reason: reason.into(),
            case_id: case_id.map(|case_id| case_id.to_string()).unwrap_or_default(),
            ..AccessRecorded::default()
        };
        self.0.record(&Onward::of(request), Payload::AccessRecorded(recorded)).await
    }
}

/// Staff are told which it is.
fn for_staff(undelivered: Undelivered) -> Status {
    match undelivered {
        Undelivered::Absent => Status::not_found("there is no such referral"),
        Undelivered::Refused => Status::failed_precondition(
            "today's decision no longer covers this referral, or it was recalled; ask for a new disclosure",
        ),
        Undelivered::Used => {
            Status::already_exists("this command id was used with other content; a new delivery takes a new id")
        }
        Undelivered::Failed(status) => status,
    }
}
