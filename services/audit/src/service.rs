//! `AuditService`. Every method: the request is checked, the look is recorded, then it is answered.

use std::sync::Arc;

use egide_crypto::sign::SigningKey;
use egide_domain::ids::{CaseId, DisclosureId, SubjectId, UnitId};
use egide_eventlog::EventLog;
use egide_projection::{Projection, View};
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::{Caller, Onward};
use egide_wire::proto::egide::audit::v1::audit_service_server::AuditService;
use egide_wire::proto::egide::audit::v1::{
    AccessReason, AccessScope, AccountForPersonRequest, AccountForPersonResponse, Disclosure, GetDisclosureRequest,
    GetDisclosureResponse, ListDisclosuresRequest, ListDisclosuresResponse,
};
use egide_wire::refusal::{Violation, invalid};
use tonic::{Request, Response, Status};

use crate::looks::{Look, Looks};
use crate::model::History;
use crate::query::account::{self, NOTICE_EN, NOTICE_FR};
use crate::query::filter::{self, Filter};
use crate::query::{self, history};
use crate::token::{PageTokens, Question};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct Audit {
    history: Projection<History>,
    pub(crate) looks: Looks,
    pub(crate) tokens: Arc<PageTokens>,
    /// What exports are signed with.
    pub(crate) key: Arc<SigningKey>,
    log: Arc<str>,
}

impl Audit {
    pub(crate) fn new(history: Projection<History>, ledger: Upstream, log: EventLog, key: Arc<SigningKey>) -> Self {
        let tokens = Arc::new(PageTokens::of_log(log.incarnation()));
        let incarnation = log.incarnation().into();
        let looks = Looks::new(ledger, history.clone(), log);
        Self { history, looks, tokens, key, log: incarnation }
    }

    /// The incarnation of the log.
    pub(crate) fn incarnation(&self) -> &str {
        &self.log
    }

    /// Asks a question of the rows, away from the threads that serve.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&View<'_>) -> Result<T, query::Error> + Send + 'static,
    ) -> Result<T, Status> {
        let history = self.history.clone();
        let answer = tokio::task::spawn_blocking(move || question(&history.view())).await;
        answer.map_err(|_| unreadable())?.map_err(|error| {
            tracing::error!(reason = %error, "the history cannot be read");
            unreadable()
        })
    }

    async fn find(&self, id: DisclosureId, case_id: Option<CaseId>) -> Result<Option<Disclosure>, Status> {
        self.ask(move |view| history::get(view, *id.as_bytes(), case_id)).await
    }
}

fn unreadable() -> Status {
    Status::internal("the history cannot be read; rebuild it")
}

/// Everything read, or every violation.
pub(crate) struct Checked(Vec<Violation>);

impl Checked {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn keep<T>(&mut self, read: Result<T, impl IntoIterator<Item = Violation>>) -> Option<T> {
        read.map_err(|violations| self.0.extend(violations)).ok()
    }

    pub(crate) fn one<T>(&mut self, read: Result<T, Violation>) -> Option<T> {
        self.keep(read.map_err(Some))
    }

    pub(crate) fn into_status(self) -> Status {
        invalid(self.0)
    }
}

/// A list request, checked.
struct List {
    filter: Filter,
    size: usize,
    reason: AccessReason,
    question: Question,
    below: Option<u64>,
}

impl List {
    fn read(request: &ListDisclosuresRequest, tokens: &PageTokens) -> Result<Self, Status> {
        let mut checked = Checked::new();
        let asked = request.filter.clone().unwrap_or_default();
        let question = Question::list(&asked);
        let filter = checked.keep(Filter::read(&asked));
        let size = checked.one(filter::page_size(request.page_size));
        let below = checked.one(tokens.read(question, &request.page_token));
        let reason = checked.one(filter::reason(request.reason));
        match (filter, size, below, reason) {
            (Some(filter), Some(size), Some(below), Some(reason)) => Ok(Self { filter, size, reason, question, below }),
            _ => Err(checked.into_status()),
        }
    }

    fn look(&self) -> Look {
        let (case_id, subject_id, unit_id) = self.filter.names();
        Look { scope: AccessScope::History, reason: self.reason, case_id, subject_id, unit_id }
    }
}

/// A request for an account, checked.
struct Account {
    case_id: CaseId,
    subject_id: SubjectId,
    size: usize,
    reason: AccessReason,
    question: Question,
    after: Option<u64>,
}

impl Account {
    fn read(request: &AccountForPersonRequest, tokens: &PageTokens) -> Result<Self, Status> {
        let mut checked = Checked::new();
        let case_id: Option<CaseId> = checked.one(filter::required_id("case_id", &request.case_id));
        let subject_id: Option<SubjectId> = checked.one(filter::required_id("subject_id", &request.subject_id));
        let size = checked.one(filter::page_size(request.page_size));
        let reason = checked.one(filter::reason(request.reason));
        let question = case_id.zip(subject_id).map(|(case_id, subject_id)| Question::account(case_id, subject_id));
        let after = question.and_then(|question| checked.one(tokens.read(question, &request.page_token)));
        match (case_id, subject_id, size, reason, question, after) {
            (Some(case_id), Some(subject_id), Some(size), Some(reason), Some(question), Some(after)) => {
                Ok(Self { case_id, subject_id, size, reason, question, after })
            }
            _ => Err(checked.into_status()),
        }
    }

    const fn look(&self) -> Look {
        Look {
            scope: AccessScope::Account,
            reason: self.reason,
            case_id: Some(self.case_id),
            subject_id: Some(self.subject_id),
            unit_id: None,
        }
    }
}

/// The look at one disclosure, as far as it is known.
fn look_at(disclosure: Option<&Disclosure>, reason: AccessReason) -> Look {
    let case_id = disclosure.and_then(|disclosure| disclosure.case_id.parse().ok());
    let unit_id = disclosure.and_then(unit_of);
    Look { scope: AccessScope::History, reason, case_id, subject_id: None, unit_id }
}

fn unit_of(disclosure: &Disclosure) -> Option<UnitId> {
    let decided = disclosure.decided.as_ref().and_then(|decided| decided.request.as_ref()).map(|asked| &asked.unit_id);
    let outside = disclosure.outside.as_ref().map(|outside| &outside.unit_id);
    decided.or(outside)?.parse().ok()
}

#[tonic::async_trait]
impl AuditService for Audit {
    async fn list_disclosures(
        &self,
        request: Request<ListDisclosuresRequest>,
    ) -> Result<Response<ListDisclosuresResponse>, Status> {
        Caller::of(&request)?.person()?;
        let onward = Onward::of(&request);
        let list = List::read(request.get_ref(), &self.tokens)?;
        self.looks.record(&onward, list.look()).await?;
        let List { filter, size, question, below, .. } = list;
        let page = self.ask(move |view| history::list(view, &filter, below, size)).await?;
        let next_page_token = page.next.map(|place| self.tokens.issue(question, place)).unwrap_or_default();
        Ok(Response::new(ListDisclosuresResponse {
            disclosures: page.disclosures,
            next_page_token,
            searched_down_to: page.searched_down_to,
            rows_looked_at: page.rows,
        }))
    }

    async fn get_disclosure(
        &self,
        request: Request<GetDisclosureRequest>,
    ) -> Result<Response<GetDisclosureResponse>, Status> {
        Caller::of(&request)?.person()?;
        let onward = Onward::of(&request);
        let mut checked = Checked::new();
        let disclosure_id: Option<DisclosureId> =
            checked.one(filter::required_id("disclosure_id", &request.get_ref().disclosure_id));
        let reason = checked.one(filter::reason(request.get_ref().reason));
        let case_id = match request.get_ref().case_id.as_str() {
            "" => Some(None),
            text => checked.one(filter::required_id::<CaseId>("case_id", text)).map(Some),
        };
        let (Some(disclosure_id), Some(reason), Some(case_id)) = (disclosure_id, reason, case_id) else {
            return Err(checked.into_status());
        };
        // Everything the caller can know of is in the history before the look is recorded, so that its record names the case.
        self.looks.catch_up().await?;
        let known = self.find(disclosure_id, case_id).await?;
        self.looks.record(&onward, look_at(known.as_ref(), reason)).await?;
        let no_such = || Status::not_found("no such disclosure");
        known.ok_or_else(no_such)?;
        let found = self.find(disclosure_id, case_id).await?.ok_or_else(no_such)?;
        Ok(Response::new(GetDisclosureResponse { disclosure: Some(found) }))
    }

    async fn account_for_person(
        &self,
        request: Request<AccountForPersonRequest>,
    ) -> Result<Response<AccountForPersonResponse>, Status> {
        Caller::of(&request)?.person()?;
        let onward = Onward::of(&request);
        let account = Account::read(request.get_ref(), &self.tokens)?;
        self.looks.record(&onward, account.look()).await?;
        let Account { case_id, subject_id, size, question, after, .. } = account;
        let page = self.ask(move |view| account::account(view, case_id, subject_id, after, size)).await?;
        let page = page.ok_or_else(|| Status::not_found("no such person in a case with this id"))?;
        Ok(Response::new(AccountForPersonResponse {
            entries: page.entries,
            next_page_token: page.next.map(|place| self.tokens.issue(question, place)).unwrap_or_default(),
            notice_en: NOTICE_EN.to_owned(),
            notice_fr: NOTICE_FR.to_owned(),
        }))
    }
}
