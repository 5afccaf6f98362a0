//! The methods of `CallerService`: what is wrong with a request's bytes, then the work, then the time it seems to take.

use std::sync::Arc;
use std::time::Duration;

use egide_servicekit::identity::Caller;
use egide_wire::proto::egide::audit::v1::{AccessReason, SearchTerm};
use egide_wire::proto::egide::ledger::v1::caller_service_server::CallerService;
use egide_wire::proto::egide::ledger::v1::{
    AssignNumberRequest, AssignNumberResponse, ChoosePhraseRequest, ChoosePhraseResponse, FindCasesRequest,
    FindCasesResponse, RecogniseCallerRequest, RecogniseCallerResponse, WithdrawByCallerRequest,
    WithdrawByCallerResponse,
};
use egide_wire::refusal::{Violation, invalid};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::index::Term;
use super::number::CaseNumber;
use super::phrase::{PHRASE_MAX, PHRASE_MIN, Phrase};
use super::withdraw::Given;
use crate::command::Urgency;
use crate::ledger::Ledger;
use crate::service::deadline;

/// When callers are answered about themselves, whatever was found: longer than everything before it takes.
const ANSWER_AFTER: Duration = Duration::from_millis(400);
/// Longest text of a phrase or a name, in bytes.
const SAID_BYTES_MAX: usize = 1_024;
/// Longest text of a number, in bytes.
const NUMBER_BYTES_MAX: usize = 64;
/// Whoever fails hears this, whatever the cause.
const NOT_RECOGNISED: &str = "number and phrase were not recognised together";

const MISSING: &str = "is missing";
const NO_NUMBER: &str = "is no case number: ten digits, the last of which checks the others; ask again";

/// See the module.
#[derive(Clone)]
pub(crate) struct CallerApi(pub(crate) Arc<Ledger>);

#[tonic::async_trait]
impl CallerService for CallerApi {
    async fn assign_number(
        &self,
        request: Request<AssignNumberRequest>,
    ) -> Result<Response<AssignNumberResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let request = request.get_ref();
        let mut check = Check::default();
        let command_id = check.command_id(&request.command_id);
        let case = check.id("case_id", &request.case_id);
        let subject = check.optional_id("subject_id", &request.subject_id);
        let reason = check.reason(request.reason);
        check.finish()?;
        let (Some(case), Some(reason)) = (case, reason) else { return Err(unchecked()) };
        let _place = self.0.room.for_reading()?;
        let (number, known_before) =
            self.0.assign_number(&command_id, case, subject, reason, &caller, deadline).await?;
        Ok(Response::new(AssignNumberResponse { number: number.spoken(), known_before }))
    }

    async fn choose_phrase(
        &self,
        request: Request<ChoosePhraseRequest>,
    ) -> Result<Response<ChoosePhraseResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let request = request.get_ref();
        let mut check = Check::default();
        let command_id = check.command_id(&request.command_id);
        let case = check.id("case_id", &request.case_id);
        let subject = check.optional_id("subject_id", &request.subject_id);
        let phrase = check.phrase("phrase", &request.phrase);
        let too_short = phrase.as_ref().is_some_and(|phrase| !phrase.may_be_chosen());
        check.refuse_if(too_short, "phrase", format!("has {PHRASE_MIN} to {PHRASE_MAX} letters and digits"));
        check.refuse_if(phrase.is_none(), "phrase", MISSING);
        let current = check.phrase("current_phrase", &request.current_phrase);
        check.finish()?;
        let (Some(case), Some(phrase)) = (case, phrase) else { return Err(unchecked()) };
        let _place = self.0.room.for_reading()?;
        let repeated_command =
            self.0.choose_phrase(&command_id, case, subject, (phrase, current), &caller, deadline).await?;
        Ok(Response::new(ChoosePhraseResponse { repeated_command }))
    }

    async fn recognise_caller(
        &self,
        request: Request<RecogniseCallerRequest>,
    ) -> Result<Response<RecogniseCallerResponse>, Status> {
        let began_at = Instant::now();
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let request = request.get_ref();
        let mut check = Check::default();
        let number = check.number(&request.number);
        check.refuse_if(request.number.is_empty(), "number", MISSING);
        let phrase = check.phrase("phrase", &request.phrase);
        check.refuse_if(phrase.is_none(), "phrase", MISSING);
        let reason = check.reason(request.reason);
        check.finish()?;
        let (Some(number), Some(phrase), Some(reason)) = (number, phrase, reason) else { return Err(unchecked()) };
        let _place = self.0.room.for_reading()?;
        let recognition = self.0.recognise(&number, phrase, reason, &caller, deadline).await?;
        tokio::time::sleep_until(began_at + ANSWER_AFTER).await;
        let matched = [SearchTerm::Number, SearchTerm::Phrase];
        match recognition.found.filter(|_| recognition.proved) {
            Some(found) => Ok(Response::new(RecogniseCallerResponse { found: Some(found.to_proto(&matched)) })),
            None => Err(Status::not_found(NOT_RECOGNISED)),
        }
    }

    async fn find_cases(&self, request: Request<FindCasesRequest>) -> Result<Response<FindCasesResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let request = request.get_ref();
        let mut check = Check::default();
        let (phone, name) = check.terms(&request.phone, &request.name);
        let nothing = request.phone.is_empty() && request.name.is_empty();
        check.refuse_if(nothing, "phone", "needs a telephone number, or `name` a name");
        let reason = check.reason(request.reason);
        check.finish()?;
        let Some(reason) = reason else { return Err(unchecked()) };
        let kinds: Vec<_> =
            phone.iter().map(|_| SearchTerm::Phone).chain(name.iter().map(|_| SearchTerm::Name)).collect();
        let terms: Vec<_> = phone.into_iter().chain(name).collect();
        let _place = self.0.room.for_reading()?;
        Ok(Response::new(self.0.find(&terms, &kinds, reason, &caller, deadline).await?))
    }

    async fn withdraw_by_caller(
        &self,
        request: Request<WithdrawByCallerRequest>,
    ) -> Result<Response<WithdrawByCallerResponse>, Status> {
        let began_at = Instant::now();
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let request = request.get_ref();
        let mut check = Check::default();
        let command_id = check.command_id(&request.command_id);
        let number = check.number(&request.number);
        let phrase = check.phrase("phrase", &request.phrase);
        let (phone, name) = check.terms(&request.phone, &request.name);
        let by_number = !request.number.is_empty();
        let by_terms = !request.phone.is_empty() || !request.name.is_empty();
        check.refuse_if(by_number == by_terms, "number", "is given, or else `phone`, `name` or both");
        check.refuse_if(phrase.is_some() && !by_number, "phrase", "belongs to a number");
        let reason = check.reason(request.reason);
        check.finish()?;
        let Some(reason) = reason else { return Err(unchecked()) };
        let given = match number {
            Some(number) => Given::Number(number, phrase),
            None => Given::Terms { phone, name },
        };
        let _place = self.0.room.for_command(Urgency::Narrowing)?;
        let withdrawn = self.0.withdraw(&command_id, given, reason, &caller, deadline).await;
        tokio::time::sleep_until(began_at + ANSWER_AFTER).await;
        withdrawn?;
        Ok(Response::new(WithdrawByCallerResponse {}))
    }
}

/// A request came past its own check.
fn unchecked() -> Status {
    Status::internal("the request was not checked")
}

/// Everything that is wrong with a request, as far as its own bytes tell. Nothing that was given is repeated.
#[derive(Default)]
struct Check(Vec<Violation>);

impl Check {
    fn refuse_if(&mut self, wrong: bool, field: &str, description: impl Into<String>) {
        if wrong {
            self.0.push(Violation::new(field, description));
        }
    }

    fn finish(self) -> Result<(), Status> {
        if self.0.is_empty() { Ok(()) } else { Err(invalid(self.0)) }
    }

    fn id<T: std::str::FromStr>(&mut self, field: &str, text: &str) -> Option<T> {
        let id = text.parse().ok();
        self.refuse_if(id.is_none(), field, "is no id: give a UUID with hyphens");
        id
    }

    fn optional_id<T: std::str::FromStr>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() { None } else { self.id(field, text) }
    }

    fn command_id(&mut self, text: &str) -> String {
        let id: Option<egide_domain::ids::CommandId> = self.id("command_id", text);
        id.map(|id| id.to_string()).unwrap_or_default()
    }

    fn reason(&mut self, number: i32) -> Option<AccessReason> {
        let reason = AccessReason::try_from(number).ok();
        let reason = reason.filter(|reason| !matches!(reason, AccessReason::Unspecified | AccessReason::Recipient));
        self.refuse_if(reason.is_none(), "reason", "is missing: say why");
        reason
    }

    fn number(&mut self, text: &str) -> Option<CaseNumber> {
        if text.is_empty() {
            return None;
        }
        let number = Some(text).filter(|text| text.len() <= NUMBER_BYTES_MAX).and_then(CaseNumber::read);
        self.refuse_if(number.is_none(), "number", NO_NUMBER);
        number
    }

    fn phrase(&mut self, field: &str, text: &str) -> Option<Phrase> {
        self.refuse_if(text.len() > SAID_BYTES_MAX, field, format!("has more than {SAID_BYTES_MAX} bytes"));
        (!text.is_empty() && text.len() <= SAID_BYTES_MAX).then(|| Phrase::read(text))
    }

    /// The terms of a telephone number and of a name.
    fn terms(&mut self, phone: &str, name: &str) -> (Option<Vec<Term>>, Option<Vec<Term>>) {
        let mut terms = |field, text: &str, of: fn(&str) -> Vec<Term>, wrong: &str| {
            if text.is_empty() {
                return None;
            }
            let terms = Some(text).filter(|text| text.len() <= SAID_BYTES_MAX).map(of).unwrap_or_default();
            self.refuse_if(terms.is_empty(), field, wrong);
            Some(terms)
        };
        let phone = terms("phone", phone, Term::of_phone, "is no telephone number of a person");
        (phone, terms("name", name, Term::of_name, "is no name"))
    }
}
