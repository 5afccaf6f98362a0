//! Opening a narrative for its reviewer, with the names of the case's people and nothing else. The look stands in the log before
//! anything is opened, and whoever requested the review gets nothing.

use std::collections::BTreeMap;

use egide_domain::CaseEvent;
use egide_domain::facts::ReviewState;
use egide_domain::ids::{NarrativeId, SubjectId};
use egide_servicekit::identity::Caller;
use egide_wire::proto::egide::audit::v1::{AccessRecorded, AccessScope};
use egide_wire::proto::egide::case::v1::NarrativeRecorded;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::ledger::v1::{
    NamedPerson, OpenForReviewRequest, OpenForReviewResponse, OpenState, RecordedEvent, recorded_event,
};
use egide_wire::refusal::{Violation, precondition};
use tokio::time::Instant;
use tonic::Status;

use super::{case_event, halted_at_event, not_found};
use crate::ledger::Ledger;
use crate::model::{StoredEvent, StreamId, facts_of};

impl Ledger {
    /// See the module.
    pub(crate) async fn open_for_review(
        &self,
        request: &OpenForReviewRequest,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<OpenForReviewResponse, Status> {
        let access = AccessRecorded {
            scope: AccessScope::Narrative.into(),
            reason: request.reason,
            case_id: request.case_id.clone(),
            ..AccessRecorded::default()
        };
        self.record_access(access, caller, deadline).await?;
        self.newest().await?;
        let case = self.events_in(StreamId::parse(&request.case_id).ok_or_else(not_found)?)?;
        let facts = facts_of(&case);
        let review_id = request.review_id.parse().map_err(|_| not_found())?;
        let review = facts.review(review_id).ok_or_else(not_found)?;
        let account = caller.person()?.account().as_str();
        if review.by.person.as_deref().is_none_or(|by| by == account) {
            return Err(Status::permission_denied("whoever requested a review does not do it; ask another reviewer"));
        }
        if review.state != ReviewState::Open {
            return Err(refused("already_reviewed", "was reviewed before; request another review if it is needed"));
        }
        let known = facts.narrative(review.narrative_id).filter(|known| !known.erased && !facts.erased);
        let known = known.ok_or_else(erased)?;
        let told = self.narrative(&case, review.narrative_id).await?;
        Ok(OpenForReviewResponse {
            narrative_id: review.narrative_id.to_string(),
            subject_ids: known.subject_ids.iter().map(ToString::to_string).collect(),
            unit_id: review.unit_id.to_string(),
            language: told.language,
            text: told.text,
            people: self.names(&case).await?,
            revision: facts.revision.0,
        })
    }

    async fn narrative(&self, case: &[StoredEvent], narrative_id: NarrativeId) -> Result<NarrativeRecorded, Status> {
        let is_it = |stored: &&StoredEvent| matches!(case_event(stored), CaseEvent::NarrativeRecorded(told) if told.narrative_id == narrative_id);
        let opened = self.opened(case.iter().find(is_it).ok_or_else(not_found)?).await?;
        if opened.open_state() != OpenState::Opened {
            return Err(erased());
        }
        match payload(opened) {
            Some(Payload::NarrativeRecorded(told)) => Ok(told),
            Some(_) | None => Err(halted_at_event()),
        }
    }

    /// Every name ever recorded of everybody. Whose key is gone has none any more; a record that cannot be opened otherwise stops this,
    /// for a name nobody knows of would stay in the text.
    async fn names(&self, case: &[StoredEvent]) -> Result<Vec<NamedPerson>, Status> {
        let mut people: BTreeMap<SubjectId, Vec<String>> = BTreeMap::new();
        for stored in case {
            let event = case_event(stored);
            let subject_id = if let CaseEvent::PersonIdentified(identified) = event {
                identified.subject_id
            } else if let CaseEvent::SuspectDescribed(described) = event {
                described.subject_id
            } else if matches!(event, CaseEvent::Unreadable) {
                return Err(halted_at_event());
            } else {
                continue;
            };
            let names = match payload(self.opened(stored).await?) {
                Some(Payload::PersonIdentified(person)) => {
                    let whole = format!("{} {}", person.given_names, person.family_name).trim().to_owned();
                    std::iter::once(whole).chain(person.aliases).collect()
                }
                Some(Payload::SuspectDescribed(suspect)) => suspect.names,
                Some(_) | None => return Err(halted_at_event()),
            };
            let known = people.entry(subject_id).or_default();
            for name in names.into_iter().filter(|name: &String| !name.trim().is_empty()) {
                if !known.contains(&name) {
                    known.push(name);
                }
            }
        }
        let named = people.into_iter().filter(|(_, names)| !names.is_empty());
        Ok(named.map(|(subject_id, names)| NamedPerson { subject_id: subject_id.to_string(), names }).collect())
    }
}

fn payload(event: RecordedEvent) -> Option<Payload> {
    let Some(recorded_event::Payload::CaseEvent(event)) = event.payload else { return None };
    event.payload
}

fn erased() -> Status {
    refused("data_erased", "was erased, with its narrative")
}

fn refused(rule: &str, why: &str) -> Status {
    precondition(vec![(rule.to_owned(), Violation::new("review_id", why))])
}
