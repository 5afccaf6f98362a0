//! The clock: what is due soon, what is overdue, which approvals have expired and which referrals
//! have come to their end is noted in the log, once each, however many
//! instances there are and however often they stop: a note's command id follows from what it notes, so the ledger knows it again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use egide_crypto::digest::sha256_parts;
use egide_domain::ids::CaseId;
use egide_domain::time::Timestamp;
use egide_eventlog::EventLog;
use egide_projection::ModelError;
use egide_servicekit::channel::Upstream;
use egide_servicekit::shutdown::Shutdown;
use egide_wire::convert::Listed as _;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    ApprovalDecided, ApprovalOutcome, CaseEvent, ObligationNoted, ReferralExpired,
};
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent, new_event};
use tokio::time::sleep;
use tonic::Code;

use crate::agenda::{self, Note};
use crate::cases::Cases;

/// Between two looks at what waits.
const TICK: Duration = Duration::from_secs(1);
/// Notes of one look; what is left is noted at the next.
const NOTES_MAX: usize = 256;
/// How long a look waits for the projection to hold what stands in the log.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(2);
/// How long one note may take.
const NOTE_WITHIN: Duration = Duration::from_secs(10);
/// Refused notes that are remembered, so that they are not sent again every second.
const REFUSED_MAX: usize = 10_000;

/// Domain of the notes' command ids.
const COMMAND_IDS: &str = "egide/triage/note/v1";

/// See the module.
pub(crate) struct Clock {
    cases: Arc<Cases>,
    log: EventLog,
    ledger: Upstream,
    now: fn() -> Timestamp,
    refused: HashSet<String>,
}

impl Clock {
    pub(crate) fn new(cases: Arc<Cases>, log: EventLog, ledger: Upstream, now: fn() -> Timestamp) -> Self {
        Self { cases, log, ledger, now, refused: HashSet::new() }
    }

    /// Ticks until the end is asked for.
    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = sleep(TICK) => {}
            }
            tokio::select! {
                () = shutdown.requested() => return,
                () = self.look() => {}
            }
        }
    }

    async fn look(&mut self) {
        // Nothing to note by the rows as they are: nothing more to do. Otherwise by the newest rows, so that what was met a
        // moment ago is not noted.
        if self.due().await.is_empty() || !self.caught_up().await {
            return;
        }
        for (case_id, note) in self.due().await {
            let request = request(case_id, note);
            let command_id = request.command_id.clone();
            if self.append(request).await == Sent::Refused {
                if self.refused.len() >= REFUSED_MAX {
                    self.refused.clear();
                }
                self.refused.insert(command_id);
            }
        }
    }

    async fn due(&self) -> Vec<(CaseId, Note)> {
        let (cases, now) = (Arc::clone(&self.cases), (self.now)());
        let found = tokio::task::spawn_blocking(move || due(&cases, now)).await;
        let notes = match found {
            Ok(Ok(notes)) => notes,
            Ok(Err(error)) => {
                tracing::error!(%error, "what waits cannot be read");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        let fresh = notes.into_iter().filter(|(case_id, note)| !self.refused.contains(&command_id(*case_id, *note)));
        fresh.take(NOTES_MAX).collect()
    }

    async fn caught_up(&self) -> bool {
        let Ok(last) = self.log.last_number().await else { return false };
        self.cases.projection().wait_for_block(last, CATCH_UP_WITHIN).await.is_ok()
    }

    async fn append(&self, request: AppendRequest) -> Sent {
        let mut ledger = LedgerServiceClient::new(self.ledger.as_service());
        match tokio::time::timeout(NOTE_WITHIN, ledger.append(request)).await {
            Ok(Ok(_)) => Sent::Noted,
            Ok(Err(status)) if status.code() == Code::FailedPrecondition => Sent::Refused,
            Ok(Err(status)) => {
                tracing::warn!(code = ?status.code(), "a note could not be made, and is tried again");
                Sent::Unknown
            }
            Err(_) => Sent::Unknown,
        }
    }
}

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Noted,
    /// The case does not admit it: it was noted otherwise, or does not apply any more.
    Refused,
    /// Tried again at the next look.
    Unknown,
}

fn due(cases: &Cases, now: Timestamp) -> Result<Vec<(CaseId, Note)>, ModelError> {
    let mut found = Vec::new();
    cases.each(None, |case_id, facts| {
        found.extend(agenda::notes(facts, cases.policy(), now).into_iter().map(|note| (case_id, note)));
    })?;
    cases.ending(now, |case_id, facts| {
        found.extend(agenda::ended(facts, cases.policy(), now).into_iter().map(|note| (case_id, note)));
    })?;
    Ok(found)
}

/// Without a time and without an expected revision: every instance sends the same bytes.
fn request(case_id: CaseId, note: Note) -> AppendRequest {
    let payload = match note {
        Note::Obligation { decision_id, kind, subject_id, state } => Payload::ObligationNoted(ObligationNoted {
            decision_id: decision_id.to_string(),
            kind: kind.number(),
            subject_id: subject_id.map(|subject_id| subject_id.to_string()).unwrap_or_default(),
            state: state.number(),
            ..ObligationNoted::default()
        }),
        Note::ApprovalExpired(approval_id) => Payload::ApprovalDecided(ApprovalDecided {
            approval_id: approval_id.to_string(),
            outcome: ApprovalOutcome::Expired.into(),
            ..ApprovalDecided::default()
        }),
        Note::ReferralExpired(referral_id, unit_id) => Payload::ReferralExpired(ReferralExpired {
            referral_id: referral_id.to_string(),
            unit_id: unit_id.to_string(),
        }),
    };
    AppendRequest {
        command_id: command_id(case_id, note),
        events: vec![NewEvent {
            stream_id: case_id.to_string(),
            payload: Some(new_event::Payload::CaseEvent(CaseEvent { payload: Some(payload) })),
            ..NewEvent::default()
        }],
        ..AppendRequest::default()
    }
}

/// Follows from what is noted.
fn command_id(case_id: CaseId, note: Note) -> String {
    let digest = match note {
        Note::Obligation { decision_id, kind, subject_id, state } => {
            let subject = subject_id.map(|subject_id| subject_id.0.to_vec()).unwrap_or_default();
            let (kind, state) = (kind.number().to_be_bytes(), state.number().to_be_bytes());
            let parts: [&[u8]; 6] =
                [b"obligation", case_id.as_bytes(), decision_id.as_bytes(), &kind, &subject, &state];
            sha256_parts(COMMAND_IDS, &parts)
        }
        Note::ApprovalExpired(approval_id) => {
            sha256_parts(COMMAND_IDS, &[b"approval", case_id.as_bytes(), approval_id.as_bytes()])
        }
        Note::ReferralExpired(referral_id, unit_id) => {
            let parts: [&[u8]; 4] = [b"referral", case_id.as_bytes(), referral_id.as_bytes(), unit_id.as_bytes()];
            sha256_parts(COMMAND_IDS, &parts)
        }
    };
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.as_bytes()).for_each(|(byte, from)| *byte = *from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_domain::ids::{ApprovalId, DecisionId, ReferralId, SubjectId, UnitId};
    use egide_domain::vocabulary::{ObligationKind, ObligationState};

    #[test]
    fn a_notes_id_follows_from_everything_it_notes_and_from_nothing_else() {
        let case_id = CaseId([1; 16]);
        let note = |decision: u8, kind, subject: Option<u8>, state| Note::Obligation {
            decision_id: DecisionId([decision; 16]),
            kind,
            subject_id: subject.map(|subject| SubjectId([subject; 16])),
            state,
        };
        let (inform, phone) = (ObligationKind::InformPerson, ObligationKind::PhoneRecipient);
        let notes = [
            note(1, inform, Some(2), ObligationState::Due),
            note(2, inform, Some(2), ObligationState::Due),
            note(1, phone, Some(2), ObligationState::Due),
            note(1, inform, Some(3), ObligationState::Due),
            note(1, inform, None, ObligationState::Due),
            note(1, inform, Some(2), ObligationState::Overdue),
            Note::ApprovalExpired(ApprovalId([1; 16])),
            Note::ReferralExpired(ReferralId([1; 16]), UnitId([1; 16])),
            Note::ReferralExpired(ReferralId([2; 16]), UnitId([1; 16])),
        ];
        let ids: HashSet<String> = notes.iter().map(|note| command_id(case_id, *note)).collect();
        assert_eq!(ids.len(), notes.len());
        assert!(!ids.contains(&command_id(CaseId([2; 16]), notes[0])));
        assert_eq!(request(case_id, notes[0]), request(case_id, notes[0]));
    }
}
