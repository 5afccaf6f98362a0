//! `HistoryService`. Every method: the request is checked, the look is recorded, then it is answered.

use std::sync::Arc;

use egide_crypto::sign::SigningKey;
use egide_domain::ids::CaseId;
use egide_servicekit::identity::{Caller, Onward};
use egide_wire::proto::egide::audit::v1::history_service_server::HistoryService;
use egide_wire::proto::egide::audit::v1::{
    AccessReason, AccessScope, ExportDisclosuresRequest, ExportDisclosuresResponse, ExportFormat, ListAnomaliesRequest,
    ListAnomaliesResponse, ListCaseStepsRequest, ListCaseStepsResponse, ListLooksRequest, ListLooksResponse,
};
use egide_wire::refusal::Violation;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::export::{Export, Place};
use crate::looks::Look;
use crate::query::filter::Filter;
use crate::query::{anomalies, filter, looks, timeline};
use crate::service::{Audit, Checked};
use crate::token::Question;

/// A look at the history as a whole.
const fn look(scope: AccessScope, reason: AccessReason) -> Look {
    Look { scope, reason, case_id: None, subject_id: None, unit_id: None }
}

/// An export, and the look it is.
fn read_export(request: ExportDisclosuresRequest, key: &SigningKey) -> Result<(Export, AccessReason), Status> {
    let mut checked = Checked::new();
    let asked = request.filter.unwrap_or_default();
    let filter = checked.keep(Filter::read(&asked));
    let reason = checked.one(filter::reason(request.reason));
    let format = match ExportFormat::try_from(request.format) {
        Ok(format @ (ExportFormat::Csv | ExportFormat::Jsonl)) => Ok(format),
        Ok(ExportFormat::Unspecified) | Err(_) => Err(Violation::new("format", "must be CSV or JSONL")),
    };
    let format = checked.one(format);
    let place = match (request.resume_token.as_slice(), format) {
        ([], _) | (_, None) => Some(None),
        (token, Some(format)) => {
            let place = Place::of_token(token, Export::question(&asked, format), key);
            let refused = || Violation::new("resume_token", "is none of this export, or of another key; begin again");
            checked.one(place.ok_or_else(refused)).map(Some)
        }
    };
    match (filter, reason, format, place) {
        (Some(filter), Some(reason), Some(format), Some(place)) => {
            Ok((Export { asked, filter, format, place }, reason))
        }
        _ => Err(checked.into_status()),
    }
}

#[tonic::async_trait]
impl HistoryService for Audit {
    type ExportDisclosuresStream = ReceiverStream<Result<ExportDisclosuresResponse, Status>>;

    async fn list_anomalies(
        &self,
        request: Request<ListAnomaliesRequest>,
    ) -> Result<Response<ListAnomaliesResponse>, Status> {
        Caller::of(&request)?.person()?;
        let (onward, request) = (Onward::of(&request), request.into_inner());
        let mut checked = Checked::new();
        let until_ms = checked.keep(filter::instant("until", request.until.as_ref()));
        let reason = checked.one(filter::reason(request.reason));
        let (Some(until_ms), Some(reason)) = (until_ms, reason) else { return Err(checked.into_status()) };
        self.looks.record(&onward, look(AccessScope::Anomalies, reason)).await?;
        let found = self.ask(move |view| anomalies::find(view, until_ms)).await?;
        Ok(Response::new(ListAnomaliesResponse {
            anomalies: found.anomalies,
            rules_digest: anomalies::rules_digest().as_bytes().to_vec(),
            until: Some(found.until),
            rows_looked_at: found.rows,
            complete: found.complete,
        }))
    }

    async fn export_disclosures(
        &self,
        request: Request<ExportDisclosuresRequest>,
    ) -> Result<Response<Self::ExportDisclosuresStream>, Status> {
        Caller::of(&request)?.person()?;
        let onward = Onward::of(&request);
        let (export, reason) = read_export(request.into_inner(), &self.key)?;
        let (case_id, subject_id, unit_id) = export.filter.names();
        self.looks.record(&onward, Look { case_id, subject_id, unit_id, ..look(AccessScope::Export, reason) }).await?;
        Ok(Response::new(ReceiverStream::new(self.export(export, Arc::clone(&self.key)))))
    }

    async fn list_case_steps(
        &self,
        request: Request<ListCaseStepsRequest>,
    ) -> Result<Response<ListCaseStepsResponse>, Status> {
        Caller::of(&request)?.person()?;
        let (onward, request) = (Onward::of(&request), request.into_inner());
        let mut checked = Checked::new();
        let case_id: Option<CaseId> = checked.one(filter::required_id("case_id", &request.case_id));
        let size = checked.one(filter::page_size(request.page_size));
        let reason = checked.one(filter::reason(request.reason));
        let question = case_id.map(Question::case_steps);
        let after = question.and_then(|question| checked.one(self.tokens.read(question, &request.page_token)));
        let (Some(case_id), Some(size), Some(reason), Some(question), Some(after)) =
            (case_id, size, reason, question, after)
        else {
            return Err(checked.into_status());
        };
        let look = Look { case_id: Some(case_id), ..look(AccessScope::CaseSteps, reason) };
        self.looks.record(&onward, look).await?;
        let page = self.ask(move |view| timeline::steps(view, case_id, after, size)).await?;
        let page = page.ok_or_else(|| Status::not_found("no such case"))?;
        let next_page_token = page.next.map(|place| self.tokens.issue(question, place)).unwrap_or_default();
        Ok(Response::new(ListCaseStepsResponse { steps: page.steps, next_page_token }))
    }

    async fn list_looks(&self, request: Request<ListLooksRequest>) -> Result<Response<ListLooksResponse>, Status> {
        Caller::of(&request)?.person()?;
        let (onward, request) = (Onward::of(&request), request.into_inner());
        let mut checked = Checked::new();
        let asked = request.filter.unwrap_or_default();
        let question = Question::looks(&asked);
        let filter = checked.keep(looks::read(&asked));
        let size = checked.one(filter::page_size(request.page_size));
        let below = checked.one(self.tokens.read(question, &request.page_token));
        let reason = checked.one(filter::reason(request.reason));
        let (Some(filter), Some(size), Some(below), Some(reason)) = (filter, size, below, reason) else {
            return Err(checked.into_status());
        };
        let (case_id, subject_id, _) = filter.names();
        self.looks.record(&onward, Look { case_id, subject_id, ..look(AccessScope::Looks, reason) }).await?;
        let page = self.ask(move |view| looks::list(view, &filter, below, size)).await?;
        let next_page_token = page.next.map(|place| self.tokens.issue(question, place)).unwrap_or_default();
        let searched_down_to = page.searched_down_to;
        Ok(Response::new(ListLooksResponse { looks: page.looks, next_page_token, searched_down_to }))
    }
}
