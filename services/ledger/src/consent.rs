//! Recording a consent: appended like everything else, and answered with what still holds the new permission back.

use std::collections::BTreeMap;

use egide_domain::facts::CaseFacts;
use egide_domain::ids::ConsentId;
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::DataCategory;
use egide_domain::{HeldBy, Policy, held_back};
use egide_servicekit::identity::Caller;
use egide_wire::convert::{Listed as _, timestamp};
use egide_wire::proto::egide::case::v1::case_event::Payload as CasePayload;
use egide_wire::proto::egide::case::v1::{CaseEvent, ConsentGiven};
use egide_wire::proto::egide::ledger::v1::new_event::Payload;
use egide_wire::proto::egide::ledger::v1::{
    Acknowledgement, AppendRequest, HeldBack, NewEvent, RecordConsentRequest, RecordConsentResponse,
};
use egide_wire::refusal::{Violation, invalid, precondition};
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::ledger::Ledger;
use crate::model::{StreamId, facts_of};
use crate::read::not_found;

/// How the ledger's refusals name the consent and its event.
const CONSENT_THERE: &str = "events[0].case_event.consent_given";
const EVENT_THERE: &str = "events[0]";

impl Ledger {
    /// Appends a consent, and says what holds it back by the facts right after it.
    pub(crate) async fn record_consent(
        &self,
        request: &RecordConsentRequest,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<RecordConsentResponse, Status> {
        let Some(consent) = &request.consent else {
            return Err(invalid(vec![Violation::new("consent", "is missing")]));
        };
        let appended = self.append(&as_append(request, consent), caller, deadline).await;
        let appended = appended.map_err(|status| said_of_this_request(&status))?;
        let acknowledgement = appended.acknowledgement.unwrap_or_default();
        let held_back = self.holding_back(request, consent, &acknowledgement)?;
        Ok(RecordConsentResponse {
            acknowledgement: Some(acknowledgement),
            repeated_command: appended.repeated_command,
            held_back,
        })
    }

    /// By the facts at the revision of the consent, and at the time it was recorded: a repetition hears the same.
    fn holding_back(
        &self,
        request: &RecordConsentRequest,
        consent: &ConsentGiven,
        acknowledgement: &Acknowledgement,
    ) -> Result<Vec<HeldBack>, Status> {
        let unknown = || Status::internal("the consent is recorded, and what holds it back cannot be told");
        let stream = StreamId::parse(&request.case_id).ok_or_else(not_found)?;
        let consent_id: ConsentId = consent.consent_id.parse().map_err(|_| unknown())?;
        let revision = acknowledgement.events.first().map(|event| event.revision).ok_or_else(unknown)?;
        let at = acknowledgement.recorded_at.as_ref().and_then(timestamp).ok_or_else(unknown)?;
        let events = self.events_in(stream)?;
        let facts = facts_of(events.iter().take_while(|stored| stored.event.revision <= revision));
        Ok(told(&facts, consent_id, self.policy.policy(), at))
    }
}

fn told(facts: &CaseFacts, consent_id: ConsentId, policy: &Policy, now: Timestamp) -> Vec<HeldBack> {
    let mut by_category: BTreeMap<DataCategory, HeldBack> = BTreeMap::new();
    for held in held_back(facts, consent_id, policy, now) {
        let told = by_category.entry(held.category).or_default();
        told.category = held.category.number();
        match held.by {
            HeldBy::Denial(consent_id) => told.denied_by.push(consent_id.to_string()),
            HeldBy::Itself(reason) => told.reasons.push(reason.number()),
        }
    }
    by_category.into_values().collect()
}

fn as_append(request: &RecordConsentRequest, consent: &ConsentGiven) -> AppendRequest {
    let payload = CaseEvent { payload: Some(CasePayload::ConsentGiven(consent.clone())) };
    AppendRequest {
        command_id: request.command_id.clone(),
        expected: request.expected.clone(),
        events: vec![NewEvent {
            stream_id: request.case_id.clone(),
            occurred_at: request.occurred_at,
            payload: Some(Payload::CaseEvent(payload)),
            ..NewEvent::default()
        }],
        ..AppendRequest::default()
    }
}

/// A refusal with the fields of this request in the place of the command's that was made of it.
fn said_of_this_request(status: &Status) -> Status {
    match status.code() {
        Code::InvalidArgument => {
            let told = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
            invalid(told.into_iter().map(|one| Violation::new(field_here(&one.field), one.description)).collect())
        }
        Code::FailedPrecondition => {
            let told = status.get_details_precondition_failure().map(|details| details.violations).unwrap_or_default();
            let here = |subject: &str, description| Violation::new(field_here(subject), description);
            precondition(told.into_iter().map(|one| (one.r#type, here(&one.subject, one.description))).collect())
        }
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => status.clone(),
    }
}

/// `events[0].case_event.consent_given.purposes[1]` is the caller's `consent.purposes[1]`.
fn field_here(field: &str) -> String {
    if let Some(rest) = field.strip_prefix(CONSENT_THERE) {
        return format!("consent{rest}");
    }
    match field.strip_prefix(EVENT_THERE) {
        Some(".stream_id") => "case_id".to_owned(),
        Some(rest) => rest.trim_start_matches('.').to_owned(),
        None => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_fields_of_the_request_that_was_sent() {
        for (there, here) in [
            ("events[0].case_event.consent_given.purposes[1]", "consent.purposes[1]"),
            ("events[0].case_event.consent_given", "consent"),
            ("events[0].stream_id", "case_id"),
            ("events[0].occurred_at", "occurred_at"),
            ("expected[0].stream_id", "expected[0].stream_id"),
            ("command_id", "command_id"),
        ] {
            assert_eq!(field_here(there), here);
        }
    }
}
