//! `DisclosureService`: the gate for staff and internal services.

use egide_domain::Categories;
use egide_domain::ids::{CaseId, DecisionId};
use egide_domain::vocabulary::DeliveryChannel;
use egide_report::Report;
use egide_servicekit::identity::{Caller, Onward};
use egide_wire::proto::egide::audit::v1::access_event::Payload;
use egide_wire::proto::egide::audit::v1::{AccessReason, AccessRecorded, AccessScope};
use egide_wire::proto::egide::disclosure::v1 as proto;
use egide_wire::proto::egide::disclosure::v1::disclosure_service_server::DisclosureService;
use egide_wire::refusal::{Violation, precondition};
use prost::Message as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::approval::Answer;
use crate::delivery::{Delivery, Undelivered};
use crate::explain::Told;
use crate::gate::Shared;
use crate::origin::Origin;
use crate::reader::StoredDecision;
use crate::request::Asked;
use crate::{replay, token, validate};

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
        let (command_id, disclosure) = validate::disclosure(request.get_ref())?;
        let caller = Caller::of(&request)?;
        let asked = Asked {
            origin: Origin::new(caller, "RequestDisclosure", command_id, b""),
            disclosure,
            onward: Onward::of(&request),
        };
        Ok(Response::new(self.0.request_disclosure(&asked).await?))
    }

    async fn preview_disclosure(
        &self,
        request: Request<proto::PreviewDisclosureRequest>,
    ) -> Result<Response<proto::PreviewDisclosureResponse>, Status> {
        let (disclosure, reason) = validate::preview(request.get_ref().clone())?;
        self.0.reader.catch_up().await?;
        self.record_look(&request, Some(disclosure.case_id), reason).await?;
        if !self.0.reader.moment().has_case(disclosure.case_id)? {
            return Err(Status::not_found("there is no such case"));
        }
        Ok(Response::new(self.0.preview(&disclosure)?))
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

    async fn pack_referral(
        &self,
        request: Request<proto::PackReferralRequest>,
    ) -> Result<Response<proto::PackReferralResponse>, Status> {
        let (command_id, referral_id) = validate::packing(request.get_ref())?;
        let caller = Caller::of(&request)?;
        let delivery = Delivery {
            referral_id,
            unit_id: None,
            channel: DeliveryChannel::Package,
            received_by: request.get_ref().received_by.clone(),
            spoken: Categories::EMPTY,
            origin: Origin::new(caller, "PackReferral", command_id, b""),
            onward: Onward::of(&request),
        };
        let delivered = self.0.deliver(&delivery).await.map_err(for_staff)?;
        let package = delivered.into_package().map_err(for_staff)?;
        Ok(Response::new(proto::PackReferralResponse { package: Some(package) }))
    }

    async fn get_decision(
        &self,
        request: Request<proto::GetDecisionRequest>,
    ) -> Result<Response<proto::GetDecisionResponse>, Status> {
        let (decision_id, reason) = validate::about_decision(&request.get_ref().decision_id, request.get_ref().reason)?;
        let decision = self.look_at(&request, decision_id, reason).await?;
        Ok(Response::new(proto::GetDecisionResponse { decision: Some(decision) }))
    }

    async fn explain_decision(
        &self,
        request: Request<proto::ExplainDecisionRequest>,
    ) -> Result<Response<proto::ExplainDecisionResponse>, Status> {
        let (decision_id, reason) = validate::about_decision(&request.get_ref().decision_id, request.get_ref().reason)?;
        let decision = self.look_at(&request, decision_id, reason).await?;
        let explanation = Some(self.0.explain(&decision, Told::WithApprovals)?);
        Ok(Response::new(proto::ExplainDecisionResponse { decision: Some(decision), explanation }))
    }

    async fn decide_approval(
        &self,
        request: Request<proto::DecideApprovalRequest>,
    ) -> Result<Response<proto::DecideApprovalResponse>, Status> {
        let verdict = validate::verdict(request.get_ref())?;
        let caller = Caller::of(&request)?;
        let answer = Answer {
            person: caller.person()?.clone(),
            origin: Origin::new(caller, "DecideApproval", verdict.command_id, b""),
            onward: Onward::of(&request),
            verdict,
        };
        Ok(Response::new(self.0.decide_approval(&answer).await?))
    }

    async fn list_approvals(
        &self,
        request: Request<proto::ListApprovalsRequest>,
    ) -> Result<Response<proto::ListApprovalsResponse>, Status> {
        let (size, reason) = validate::list_approvals(request.get_ref())?;
        let last = token::approval(&self.0.secret, &request.get_ref().page_token)?;
        self.0.reader.catch_up().await?;
        self.record_look(&request, None, reason).await?;
        Ok(Response::new(self.0.open_approvals(last, size)?))
    }

    async fn replay_decision(
        &self,
        request: Request<proto::ReplayDecisionRequest>,
    ) -> Result<Response<proto::ReplayDecisionResponse>, Status> {
        let (decision_id, reason) = validate::about_decision(&request.get_ref().decision_id, request.get_ref().reason)?;
        self.0.reader.catch_up().await?;
        let Some(stored) = self.0.reader.moment().decision(decision_id)? else {
            self.record_look(&request, None, reason).await?;
            return Err(no_decision());
        };
        let look = self.0.look_again(Onward::of(&request), Some(stored.case_id), reason).await?;
        let replay = self.0.replay(&look, stored).await?;
        Ok(Response::new(proto::ReplayDecisionResponse { replay: Some(replay) }))
    }

    type ReplayHistoryStream = ReceiverStream<Result<proto::ReplayHistoryResponse, Status>>;

    async fn replay_history(
        &self,
        request: Request<proto::ReplayHistoryRequest>,
    ) -> Result<Response<Self::ReplayHistoryStream>, Status> {
        let reason = validate::replay_history(*request.get_ref())?;
        self.0.reader.catch_up().await?;
        // What is opened in its course is opened long after the request's own deadline.
        let look = self.0.look_again(Onward::of(&request).without_deadline(), None, reason).await?;
        Ok(Response::new(ReceiverStream::new(replay::history(&self.0, look))))
    }

    async fn show_narrative(
        &self,
        request: Request<proto::ShowNarrativeRequest>,
    ) -> Result<Response<proto::ShowNarrativeResponse>, Status> {
        let look = validate::look(request.get_ref())?;
        // The ledger records the look before it opens anything.
        Ok(Response::new(self.0.show_narrative(&Onward::of(&request), &look).await?))
    }

    async fn attest_narrative(
        &self,
        request: Request<proto::AttestNarrativeRequest>,
    ) -> Result<Response<proto::AttestNarrativeResponse>, Status> {
        let attesting = validate::attesting(request.get_ref(), Caller::of(&request)?)?;
        Ok(Response::new(self.0.attest_narrative(&Onward::of(&request), &attesting).await?))
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
    /// A decision, for somebody whose look is recorded first, found or not.
    async fn look_at<T>(
        &self,
        request: &Request<T>,
        decision_id: DecisionId,
        reason: AccessReason,
    ) -> Result<proto::Decision, Status> {
        self.0.reader.catch_up().await?;
        let stored = self.0.reader.moment().decision(decision_id)?;
        self.record_look(request, stored.as_ref().map(|stored| stored.case_id), reason).await?;
        Ok(stored.ok_or_else(no_decision)?.into_answer())
    }

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

fn no_decision() -> Status {
    Status::not_found("there is no such decision")
}

/// About a unit, never about a referral.
pub(crate) fn without_keys() -> Status {
    let rule = "has no key that a package could be encrypted to; have it give one (`egide directory encryption add`)";
    precondition(vec![("UNIT_WITHOUT_ENCRYPTION_KEY".to_owned(), Violation::new("unit", rule))])
}

/// Staff are told which it is.
fn for_staff(undelivered: Undelivered) -> Status {
    match undelivered {
        Undelivered::Absent => Status::not_found("there is no such referral"),
        Undelivered::Refused => Status::failed_precondition(
            "today's decision no longer covers this referral, or it was recalled; ask for a new disclosure",
        ),
        Undelivered::NoKeys => without_keys(),
        Undelivered::Used => {
            Status::already_exists("this command id was used with other content; a new delivery takes a new id")
        }
        Undelivered::Failed(status) => status,
    }
}
