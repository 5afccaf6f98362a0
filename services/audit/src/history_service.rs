//! `HistoryService`. Every method: the request is checked, the look is recorded, then it is answered.

use egide_domain::ids::CaseId;
use egide_servicekit::identity::{Caller, Onward};
use egide_wire::proto::egide::audit::v1::history_service_server::HistoryService;
use egide_wire::proto::egide::audit::v1::{
    AccessReason, AccessScope, ListCaseStepsRequest, ListCaseStepsResponse, ListLooksRequest, ListLooksResponse,
};
use tonic::{Request, Response, Status};

use crate::looks::Look;
use crate::query::{filter, looks, timeline};
use crate::service::{Audit, Checked};
use crate::token::Question;

/// A look at the history as a whole.
const fn look(scope: AccessScope, reason: AccessReason) -> Look {
    Look { scope, reason, case_id: None, subject_id: None, unit_id: None }
}

#[tonic::async_trait]
impl HistoryService for Audit {
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
