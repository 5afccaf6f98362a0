//! `TriageService`. Both methods: the request is checked, the look is recorded, then it is answered.

use std::sync::Arc;

use egide_domain::ids::CaseId;
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::{ObligationKind, ObligationState};
use egide_servicekit::identity::{Caller, Onward};
use egide_wire::convert::{Listed, to_timestamp};
use egide_wire::proto::egide::audit::v1::{AccessReason, AccessScope};
use egide_wire::proto::egide::triage::v1::triage_service_server::TriageService;
use egide_wire::proto::egide::triage::v1::{
    ListObligationsRequest, ListObligationsResponse, ListReviewsRequest, ListReviewsResponse, OwedObligation,
    ReviewKind, WaitingReview,
};
use egide_wire::refusal::{Violation, invalid};
use prost::Message as _;
use tonic::{Request, Response, Status};

use crate::agenda::{self, Owed, Review};
use crate::cases::Cases;
use crate::looks::{Look, Looks};
use crate::page::{Page, Place};

/// Later than everything that has a clock.
const NEVER: Timestamp = Timestamp(i64::MAX);

/// The service.
pub(crate) struct Triage {
    cases: Arc<Cases>,
    looks: Looks,
    now: fn() -> Timestamp,
}

impl Triage {
    pub(crate) const fn new(cases: Arc<Cases>, looks: Looks, now: fn() -> Timestamp) -> Self {
        Self { cases, looks, now }
    }

    /// Asks a question of the cases, away from the threads that serve.
    async fn ask<T: Send + 'static>(
        &self,
        case_id: Option<CaseId>,
        entries: impl Fn(CaseId, &egide_domain::CaseFacts, &Cases, Timestamp) -> Vec<(Place, T)> + Send + 'static,
    ) -> Result<Vec<(Place, T)>, Status> {
        let (cases, now) = (Arc::clone(&self.cases), (self.now)());
        let answer = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            cases.each(case_id, |case_id, facts| found.extend(entries(case_id, facts, &cases, now))).map(|()| found)
        });
        answer.await.map_err(|_| unreadable())?.map_err(|error| {
            tracing::error!(%error, "what waits cannot be read");
            unreadable()
        })
    }
}

fn unreadable() -> Status {
    Status::internal("what waits cannot be read; tell the operators")
}

#[tonic::async_trait]
impl TriageService for Triage {
    async fn list_obligations(
        &self,
        request: Request<ListObligationsRequest>,
    ) -> Result<Response<ListObligationsResponse>, Status> {
        Caller::of(&request)?.person()?;
        let onward = Onward::of(&request);
        let Obligations { states, kinds, case_id, page, reason } = Obligations::read(request.get_ref())?;
        self.looks.record(&onward, Look { scope: AccessScope::Obligations, reason, case_id }).await?;
        let wanted = move |owed: &Owed| {
            let state = if states.is_empty() { owed.is_open() } else { states.contains(&owed.state) };
            state && (kinds.is_empty() || kinds.contains(&owed.kind))
        };
        let entries = self.ask(case_id, move |case_id, facts, cases, now| {
            let owed = agenda::owed(facts, cases.policy(), now);
            owed.into_iter().filter(&wanted).map(|owed| obligation(case_id, &owed)).collect()
        });
        let (obligations, next_page_token) = page.cut(entries.await?);
        Ok(Response::new(ListObligationsResponse { obligations, next_page_token }))
    }

    async fn list_reviews(
        &self,
        request: Request<ListReviewsRequest>,
    ) -> Result<Response<ListReviewsResponse>, Status> {
        Caller::of(&request)?.person()?;
        let onward = Onward::of(&request);
        let Reviews { kinds, case_id, page, reason } = Reviews::read(request.get_ref())?;
        self.looks.record(&onward, Look { scope: AccessScope::Reviews, reason, case_id }).await?;
        let entries = self.ask(case_id, move |case_id, facts, cases, now| {
            let waiting = agenda::reviews(facts, cases.policy(), now).into_iter();
            let waiting = waiting.map(|waiting| review(case_id, waiting, now));
            waiting.filter(|(_, review)| kinds.is_empty() || kinds.contains(&review.kind())).collect()
        });
        let (reviews, next_page_token) = page.cut(entries.await?);
        Ok(Response::new(ListReviewsResponse { reviews, next_page_token }))
    }
}

fn obligation(case_id: CaseId, owed: &Owed) -> (Place, OwedObligation) {
    let subject = owed.subject_id.map(|subject_id| subject_id.to_string()).unwrap_or_default();
    let kind = owed.kind.number();
    let parts = [owed.decision_id.as_bytes().as_slice(), &kind.to_be_bytes(), subject.as_bytes()];
    let place = Place::new(owed.by().unwrap_or(NEVER), case_id, &parts);
    let entry = OwedObligation {
        case_id: case_id.to_string(),
        decision_id: owed.decision_id.to_string(),
        kind,
        subject_id: subject,
        state: owed.state.number(),
        due_at: owed.due_at.map(to_timestamp),
        review_at: owed.review_at.map(to_timestamp),
        unit_id: owed.unit_id.map(|unit_id| unit_id.to_string()).unwrap_or_default(),
    };
    (place, entry)
}

fn review(case_id: CaseId, waiting: Review, now: Timestamp) -> (Place, WaitingReview) {
    let kind = match waiting.kind {
        agenda::ReviewKind::Tip => ReviewKind::Tip,
        agenda::ReviewKind::BreakGlass => ReviewKind::BreakGlass,
        agenda::ReviewKind::OutsideDisclosure => ReviewKind::OutsideDisclosure,
        agenda::ReviewKind::Approval => ReviewKind::Approval,
        agenda::ReviewKind::TipClock => ReviewKind::TipClock,
        agenda::ReviewKind::Narrative => ReviewKind::Narrative,
        agenda::ReviewKind::ReferralUnfetched => ReviewKind::ReferralUnfetched,
        agenda::ReviewKind::NoticeGivenUp => ReviewKind::NoticeGivenUp,
    };
    // What has no time of its own was wanted at once.
    let by = waiting.due_at.unwrap_or(waiting.since);
    let place = Place::new(by, case_id, &[&i32::from(kind).to_be_bytes(), &waiting.reference]);
    let entry = WaitingReview {
        kind: kind.into(),
        case_id: case_id.to_string(),
        reference_id: CaseId(waiting.reference).to_string(),
        since: Some(to_timestamp(waiting.since)),
        due_at: waiting.due_at.map(to_timestamp),
        overdue: waiting.due_at.is_some_and(|due_at| due_at <= now),
        by: waiting.by.unwrap_or_default(),
    };
    (place, entry)
}

/// A request for obligations, checked.
struct Obligations {
    states: Vec<ObligationState>,
    kinds: Vec<ObligationKind>,
    case_id: Option<CaseId>,
    page: Page,
    reason: AccessReason,
}

impl Obligations {
    fn read(request: &ListObligationsRequest) -> Result<Self, Status> {
        let mut violations = Vec::new();
        let states: Vec<ObligationState> = values("states", &request.states, &mut violations);
        let kinds = values("kinds", &request.kinds, &mut violations);
        let case_id = case_id(&request.case_id, &mut violations);
        let settled = |state: &ObligationState| matches!(state, ObligationState::Met | ObligationState::Impossible);
        if states.iter().any(settled) && request.case_id.is_empty() {
            violations.push(Violation::new("case_id", "is needed for what is met or impossible"));
        }
        let reason = reason(request.reason, &mut violations);
        let question = ListObligationsRequest { page_size: 0, page_token: String::new(), ..request.clone() };
        let page = page(request.page_size, &request.page_token, &question.encode_to_vec(), &mut violations);
        match (page, reason) {
            (Some(page), Some(reason)) if violations.is_empty() => Ok(Self { states, kinds, case_id, page, reason }),
            _ => Err(invalid(violations)),
        }
    }
}

/// A request for reviews, checked.
struct Reviews {
    kinds: Vec<ReviewKind>,
    case_id: Option<CaseId>,
    page: Page,
    reason: AccessReason,
}

impl Reviews {
    fn read(request: &ListReviewsRequest) -> Result<Self, Status> {
        let mut violations = Vec::new();
        let mut kinds = Vec::new();
        for (index, number) in request.kinds.iter().enumerate() {
            match ReviewKind::try_from(*number) {
                Ok(kind) if kind != ReviewKind::Unspecified => kinds.push(kind),
                Ok(_) | Err(_) => violations.push(no_value(&format!("kinds[{index}]"))),
            }
        }
        let case_id = case_id(&request.case_id, &mut violations);
        let reason = reason(request.reason, &mut violations);
        let question = ListReviewsRequest { page_size: 0, page_token: String::new(), ..request.clone() };
        let page = page(request.page_size, &request.page_token, &question.encode_to_vec(), &mut violations);
        match (page, reason) {
            (Some(page), Some(reason)) if violations.is_empty() => Ok(Self { kinds, case_id, page, reason }),
            _ => Err(invalid(violations)),
        }
    }
}

fn no_value(field: &str) -> Violation {
    Violation::new(field, "is no value of the list: is the caller's contract newer?")
}

fn values<T: Listed>(field: &str, numbers: &[i32], violations: &mut Vec<Violation>) -> Vec<T> {
    let mut read = Vec::with_capacity(numbers.len());
    for (index, number) in numbers.iter().enumerate() {
        match T::read(*number) {
            Ok(Some(value)) => read.push(value),
            Ok(None) | Err(_) => violations.push(no_value(&format!("{field}[{index}]"))),
        }
    }
    read
}

fn case_id(text: &str, violations: &mut Vec<Violation>) -> Option<CaseId> {
    let read = text.parse().ok();
    if read.is_none() && !text.is_empty() {
        violations.push(Violation::new("case_id", "is no uuid in lower case with hyphens"));
    }
    read
}

fn page(size: u32, token: &str, question: &[u8], violations: &mut Vec<Violation>) -> Option<Page> {
    Page::read(size, token, question).map_err(|found| violations.extend(found)).ok()
}

fn reason(number: i32, violations: &mut Vec<Violation>) -> Option<AccessReason> {
    match AccessReason::try_from(number) {
        Ok(
            reason @ (AccessReason::WorkingTheCase
            | AccessReason::ShiftQueue
            | AccessReason::Supervision
            | AccessReason::Audit
            | AccessReason::PersonAsked
            | AccessReason::Legal),
        ) => Some(reason),
        Ok(AccessReason::Unspecified) => {
            violations.push(Violation::new("reason", "is missing: say why"));
            None
        }
        Ok(AccessReason::Recipient) | Err(_) => {
            violations.push(Violation::new("reason", "is not for this list"));
            None
        }
    }
}
