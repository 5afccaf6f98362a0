//! The ledger, as the disclosure service calls it.

use std::sync::Arc;
use std::time::Duration;

use egide_crypto::digest::{Digest, sha256_parts};
use egide_crypto::sign::Signature;
use egide_domain::ids::{CommandId, Position, Revision};
use egide_domain::time::Timestamp;
use egide_domain::{AcknowledgedEvent, ViolationReason};
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::Onward;
use egide_trust::CurrentTrust;
use egide_wire::context;
use egide_wire::convert::{timestamp, to_timestamp};
use egide_wire::proto::egide::audit::v1::{AccessEvent, access_event};
use egide_wire::proto::egide::case::v1::{CaseEvent, case_event};
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::new_event::Payload;
use egide_wire::proto::egide::ledger::v1::{
    Acknowledgement, AppendRequest, NewEvent, OpenForDeliveryRequest, OpenForDeliveryResponse, OpenForPermitRequest,
    OpenForReplayRequest, OpenForReplayResponse, OpenForReviewRequest, OpenForReviewResponse, RecordedEvent,
    StreamExpectation,
};
use egide_wire::refusal;
use egide_wire::split::split;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// How often a call whose outcome is unknown is repeated, with the same id, before the caller is told.
const TRIES_MAX: u32 = 4;
/// First pause between two tries; doubled each time.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// A hint to wait longer is told onwards instead.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The ledger.
pub(crate) struct Ledger {
    upstream: Upstream,
    trust: CurrentTrust,
    incarnation: Arc<str>,
}

/// Why nothing was appended, as far as that is known.
#[derive(Debug)]
pub(crate) enum NotAppended {
    /// It does not fit what stands in the log by now: whoever decides may decide again.
    Unfit(Unfit),
    /// The answer for the caller.
    Failed(Status),
}

/// What does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// A stream has moved: decide again.
    Moved,
    /// The command id was used with other content: somebody was here before, look what they wrote.
    Used,
    /// The state does not admit it: decide again.
    NotAdmitted,
    /// By the ledger's clock, what it rests on has ended.
    Expired,
    /// Somebody's key is gone, and with it the report that was to be delivered.
    Erased,
}

impl NotAppended {
    /// The answer for the caller where nothing is decided again: `repeat` says how to try once more.
    pub(crate) fn refusal(self, repeat: &'static str) -> Status {
        match self {
            Self::Failed(status) => status,
            Self::Unfit(_) => Status::unavailable(repeat),
        }
    }
}

/// Why nothing was opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// Superseded, expired or too late.
    TooLate,
    /// Somebody's key is gone, and with it what was to be opened.
    Erased,
    /// There is more than fits into one answer.
    TooMuch,
    /// The answer for the caller.
    Failed(Status),
}

/// Rules of the ledger, by the names its refusals carry.
const DATA_ERASED: &str = "data_erased";
const TOO_MUCH_TO_OPEN: &str = "too_much_to_open";
const OTHER_REPORT: &str = "other_report";

/// An event of a case, ready for the ledger, with the digest its facts will have in the log.
pub(crate) struct Proposed {
    pub(crate) event: CaseEvent,
    pub(crate) facts_digest: Digest,
}

/// The facts of a case event, as the ledger will store them.
pub(crate) fn facts_of(event: &CaseEvent) -> Result<Vec<u8>, Status> {
    let parts = split(event).map_err(|_| Status::internal("an event cannot be split into its parts"))?;
    Ok(parts.facts)
}

impl Proposed {
    pub(crate) fn new(payload: case_event::Payload) -> Result<Self, Status> {
        let event = CaseEvent { payload: Some(payload) };
        let facts_digest = sha256_parts(context::FACTS, &[&facts_of(&event)?]);
        Ok(Self { event, facts_digest })
    }
}

/// A command with one case event.
pub(crate) fn command(
    command_id: CommandId,
    stream_id: String,
    event: CaseEvent,
    occurred_at: Option<Timestamp>,
    expected: Vec<StreamExpectation>,
) -> AppendRequest {
    AppendRequest {
        command_id: command_id.to_string(),
        expected,
        events: vec![NewEvent {
            stream_id,
            event_id: String::new(),
            occurred_at: occurred_at.map(to_timestamp),
            payload: Some(Payload::CaseEvent(event)),
        }],
        causation_id: String::new(),
        correlation_id: String::new(),
    }
}

/// A command with one access event.
pub(crate) fn access(command_id: CommandId, payload: access_event::Payload) -> AppendRequest {
    AppendRequest {
        command_id: command_id.to_string(),
        expected: Vec::new(),
        events: vec![NewEvent {
            stream_id: String::new(),
            event_id: String::new(),
            occurred_at: None,
            payload: Some(Payload::AccessEvent(AccessEvent { payload: Some(payload) })),
        }],
        causation_id: String::new(),
        correlation_id: String::new(),
    }
}

/// An acknowledgement whose signature is still to be checked.
pub(crate) struct Acknowledged {
    acknowledgement: Acknowledgement,
    trust: CurrentTrust,
    incarnation: Arc<str>,
    command_id: String,
}

impl Acknowledged {
    /// Whether the ledger signed it, for this log and this command. It was signed just now, whatever the position of which it
    /// tells (a repeated command's lies in the past): a key that was revoked at any position does not count any more, and
    /// one that was certified later than that position does.
    pub(crate) fn verifies(&self) -> bool {
        let Acknowledgement { incarnation, command_id, key_id, signature, .. } = &self.acknowledgement;
        let (Ok(key_id), Ok(signature)) = (key_id.parse(), Signature::try_from(signature.as_slice())) else {
            return false;
        };
        let trust = self.trust.get();
        let Some(entry) = trust.ledger().get(key_id).filter(|entry| entry.revoked_after().is_none()) else {
            return false;
        };
        let unsigned = Acknowledgement { signature: Vec::new(), ..self.acknowledgement.clone() };
        let signed = entry.key().verify(context::ACKNOWLEDGEMENT, &unsigned.encode_to_vec(), &signature);
        signed.is_ok() && **incarnation == *self.incarnation && *command_id == self.command_id
    }

    /// Its one event, as it stands in the stream `stream_id`.
    pub(crate) fn event(&self, stream_id: &str) -> Option<AcknowledgedEvent> {
        let [event] = self.acknowledgement.events.as_slice() else { return None };
        let facts_digest = event.facts_digest.as_slice().try_into().ok()?;
        (event.stream_id == stream_id).then_some(AcknowledgedEvent {
            facts_digest,
            position: Position(event.position),
            case_revision: Revision(event.revision),
        })
    }

    /// Its one event, if the ledger signed that exactly what was proposed is in the stream.
    pub(crate) fn proves(&self, stream_id: &str, proposed: Digest) -> Result<AcknowledgedEvent, Status> {
        let event = self.event(stream_id).filter(|event| event.facts_digest == *proposed.as_bytes());
        event.filter(|_| self.verifies()).ok_or_else(unproved)
    }

    /// When it was recorded.
    pub(crate) fn recorded_at(&self) -> Option<Timestamp> {
        self.acknowledgement.recorded_at.as_ref().and_then(timestamp)
    }
}

/// The ledger's word does not hold: nothing leaves, and somebody must look.
pub(crate) fn unproved() -> Status {
    tracing::error!("an acknowledgement does not prove what was proposed");
    Status::internal("the ledger's acknowledgement does not verify")
}

impl Ledger {
    pub(crate) const fn new(upstream: Upstream, trust: CurrentTrust, incarnation: Arc<str>) -> Self {
        Self { upstream, trust, incarnation }
    }

    fn client(&self, onward: &Onward) -> LedgerServiceClient<egide_servicekit::channel::Authenticated> {
        LedgerServiceClient::new(self.upstream.onward(onward))
    }

    /// Appends one command. While the outcome is unknown the identical command is sent again, a few times.
    pub(crate) async fn append(&self, onward: &Onward, request: AppendRequest) -> Result<Acknowledged, NotAppended> {
        let mut client = self.client(onward);
        let mut pause = PAUSE_FIRST;
        let mut tries = 1;
        loop {
            let status = match client.append(request.clone()).await {
                Ok(answer) => return self.acknowledged(request.command_id, answer.into_inner().acknowledgement),
                Err(status) => status,
            };
            match again_after(&status, pause).filter(|_| tries < TRIES_MAX) {
                Some(after) => tokio::time::sleep(after).await,
                None => return Err(not_appended(&status)),
            }
            pause = pause.saturating_mul(2);
            tries += 1;
        }
    }

    fn acknowledged(
        &self,
        command_id: String,
        acknowledgement: Option<Acknowledgement>,
    ) -> Result<Acknowledged, NotAppended> {
        let acknowledgement = acknowledgement.ok_or_else(|| NotAppended::Failed(unproved()))?;
        Ok(Acknowledged { command_id, ..self.acknowledged_before(acknowledgement) })
    }

    /// Opens what the permit at this position covers.
    pub(crate) async fn open_for_permit(
        &self,
        onward: &Onward,
        position: Position,
    ) -> Result<Vec<RecordedEvent>, NotOpened> {
        let client = self.client(onward);
        let request = OpenForPermitRequest { position: position.0 };
        let opened = repeat(|| {
            let mut client = client.clone();
            async move { client.open_for_permit(request).await }
        });
        Ok(opened.await?.into_inner().events)
    }

    /// Opens the stored report of the delivery at this position.
    pub(crate) async fn open_for_delivery(
        &self,
        onward: &Onward,
        position: Position,
    ) -> Result<OpenForDeliveryResponse, NotOpened> {
        let client = self.client(onward);
        let request = OpenForDeliveryRequest { position: position.0 };
        let opened = repeat(|| {
            let mut client = client.clone();
            async move { client.open_for_delivery(request).await }
        });
        Ok(opened.await?.into_inner())
    }

    /// Opens again what a release was made of.
    pub(crate) async fn open_for_replay(
        &self,
        onward: &Onward,
        request: &OpenForReplayRequest,
    ) -> Result<OpenForReplayResponse, NotOpened> {
        let client = self.client(onward);
        let opened = repeat(|| {
            let (mut client, request) = (client.clone(), request.clone());
            async move { client.open_for_replay(request).await }
        });
        Ok(opened.await?.into_inner())
    }

    /// Opens a narrative for the reviewer on whose behalf this is asked.
    pub(crate) async fn open_for_review(
        &self,
        onward: &Onward,
        request: OpenForReviewRequest,
    ) -> Result<OpenForReviewResponse, Status> {
        let answer = self.client(onward).open_for_review(request).await;
        answer.map(tonic::Response::into_inner).map_err(|status| {
            let code = status.code();
            if code == Code::NotFound {
                Status::not_found("there is no such review")
            } else if code == Code::PermissionDenied {
                Status::permission_denied(
                    "a review is done by a reviewer who did not request it and audits nothing; ask another reviewer",
                )
            } else if code == Code::FailedPrecondition {
                Status::failed_precondition("the review is over, or the narrative was erased; request another review")
            } else {
                onward_status(&status)
            }
        })
    }

    /// The acknowledgement of a command of before, under whatever id it was sent.
    pub(crate) fn acknowledged_before(&self, acknowledgement: Acknowledgement) -> Acknowledged {
        let (trust, incarnation) = (self.trust.clone(), Arc::clone(&self.incarnation));
        Acknowledged { command_id: acknowledgement.command_id.clone(), acknowledgement, trust, incarnation }
    }
}

/// Repeats a reading call while it fails in passing. `NOT_FOUND` is in passing too: another instance of the ledger may be a
/// moment behind the one that committed.
async fn repeat<T, F: Future<Output = Result<T, Status>>>(call: impl Fn() -> F) -> Result<T, NotOpened> {
    let mut pause = PAUSE_FIRST;
    for _ in 1..TRIES_MAX {
        match call().await {
            Ok(answer) => return Ok(answer),
            Err(status) => {
                let not_yet = (status.code() == Code::NotFound).then_some(pause);
                match not_yet.or_else(|| again_after(&status, pause)) {
                    Some(after) => tokio::time::sleep(after).await,
                    None => return Err(not_opened(&status)),
                }
                pause = pause.saturating_mul(2);
            }
        }
    }
    call().await.map_err(|status| not_opened(&status))
}

/// How long to wait before the same call is worth sending again: as the ledger says, if that is not too long for whoever
/// waits for us. Overload without a hint is told onwards.
fn again_after(status: &Status, pause: Duration) -> Option<Duration> {
    let hint = refusal::retry_after(status);
    let after = if is_unknown(status.code()) {
        Some(hint.unwrap_or(pause))
    } else {
        hint.filter(|_| status.code() == Code::ResourceExhausted)
    };
    after.filter(|after| *after <= PAUSE_MAX)
}

/// Whether nothing is known about the outcome.
fn is_unknown(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::Unknown | Code::Cancelled)
}

fn not_appended(status: &Status) -> NotAppended {
    let code = status.code();
    NotAppended::Unfit(if code == Code::Aborted {
        Unfit::Moved
    } else if code == Code::AlreadyExists {
        Unfit::Used
    } else if has_rule(status, DATA_ERASED) {
        Unfit::Erased
    } else if has_rule(status, ViolationReason::DecisionExpired.name()) {
        Unfit::Expired
    } else if code == Code::FailedPrecondition {
        Unfit::NotAdmitted
    } else {
        return NotAppended::Failed(onward_status(status));
    })
}

/// Whether the ledger refuses by this rule.
fn has_rule(status: &Status, name: &str) -> bool {
    let failure = status.get_details_precondition_failure();
    status.code() == Code::FailedPrecondition
        && failure.is_some_and(|failure| failure.violations.iter().any(|violation| violation.r#type == name))
}

fn not_opened(status: &Status) -> NotOpened {
    let code = status.code();
    let rule = |name: &str| has_rule(status, name);
    if rule(DATA_ERASED) {
        NotOpened::Erased
    } else if rule(TOO_MUCH_TO_OPEN) {
        NotOpened::TooMuch
    } else if rule(OTHER_REPORT) {
        NotOpened::Failed(onward_status(&Status::internal("")))
    } else if code == Code::FailedPrecondition {
        NotOpened::TooLate
    } else if code == Code::NotFound {
        NotOpened::Failed(Status::unavailable("nothing could be opened; repeat the same request"))
    } else {
        NotOpened::Failed(onward_status(status))
    }
}

/// What a failure of the ledger means for our caller. Its words are not repeated: they are about our request, not theirs.
fn onward_status(status: &Status) -> Status {
    let code = status.code();
    if is_unknown(code) || code == Code::DeadlineExceeded {
        Status::unavailable("the outcome is not known; repeat with the same command id")
    } else if code == Code::ResourceExhausted {
        let full = Status::resource_exhausted("too much at once; try again in a moment");
        refusal::retry_after(status).map_or(full.clone(), |after| refusal::with_retry_after(&full, after))
    } else if code == Code::Unauthenticated {
        Status::unauthenticated("the tokens are no longer good; sign in again")
    } else if code == Code::PermissionDenied {
        Status::permission_denied("the ledger does not take this from the caller")
    } else {
        tracing::error!(?code, "the ledger refused what it should take");
        Status::internal("the ledger refused what it should take")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_crypto::sign::KeyRing;
    use egide_wire::proto::egide::ledger::v1::AppendedEvent;
    use egide_wire::refusal::{Violation, precondition};

    fn refused(rule: &str) -> NotOpened {
        not_opened(&precondition(vec![(rule.to_owned(), Violation::new("position", "x"))]))
    }

    const LOG: &str = "0b7a4a0e-9a53-4f0a-8f0e-3f8b1f6d2c11";
    const CASE: &str = "0192abcd-ef00-7fff-8000-010203040506";

    /// An acknowledgement as the ledger makes it, changed before or after it is signed.
    fn acknowledged(
        before: impl FnOnce(&mut Acknowledgement),
        after: impl FnOnce(&mut Acknowledgement),
    ) -> Acknowledged {
        let (key, _) = egide_crypto::sign::SigningKey::generate().unwrap();
        let mut keys = KeyRing::new();
        keys.insert(key.public_key(), None, None).unwrap();
        let event = AppendedEvent {
            stream_id: CASE.into(),
            revision: 5,
            position: 9,
            facts_digest: vec![7; 32],
            ..AppendedEvent::default()
        };
        let mut acknowledgement = Acknowledgement {
            incarnation: LOG.into(),
            command_id: "c".into(),
            events: vec![event],
            key_id: key.key_id().to_string(),
            ..Acknowledgement::default()
        };
        before(&mut acknowledgement);
        let signature = key.sign(context::ACKNOWLEDGEMENT, &acknowledgement.encode_to_vec());
        acknowledgement.signature = signature.as_bytes().to_vec();
        after(&mut acknowledgement);
        Acknowledged { acknowledgement, trust: keys.into(), incarnation: LOG.into(), command_id: "c".into() }
    }

    fn proves(acknowledged: &Acknowledged) -> bool {
        acknowledged.proves(CASE, Digest::from_bytes([7; 32])).is_ok()
    }

    #[test]
    fn an_acknowledgement_proves_what_the_ledger_signed_and_nothing_else() {
        assert!(proves(&acknowledged(|_| {}, |_| {})));
        assert!(!proves(&acknowledged(|_| {}, |signed| signed.block_number = 3)), "changed after it was signed");
        assert!(!proves(&acknowledged(|_| {}, |signed| signed.signature.clear())));
        assert!(!proves(&acknowledged(|made| made.incarnation = CASE.into(), |_| {})), "of another log");
        assert!(!proves(&acknowledged(|made| made.command_id = "d".into(), |_| {})), "of another command");
        assert!(!proves(&acknowledged(|made| made.events.clear(), |_| {})));
        assert!(!proves(&acknowledged(|made| made.events[0].stream_id = LOG.into(), |_| {})), "of another case");
        assert!(!proves(&acknowledged(|made| made.events[0].facts_digest = vec![8; 32], |_| {})), "other facts");
    }

    #[test]
    fn a_key_nobody_published_proves_nothing() {
        let mut acknowledged = acknowledged(|_| {}, |_| {});
        acknowledged.trust = KeyRing::new().into();
        assert!(!proves(&acknowledged));
    }

    #[test]
    fn a_key_that_was_revoked_anywhere_proves_nothing_and_one_of_later_positions_does() {
        for (valid_from, revoked_after, counts) in
            [(None, Some(9), false), (None, Some(900), false), (Some(10), None, true), (Some(9), None, true)]
        {
            let mut acknowledged = acknowledged(|_| {}, |_| {});
            let key_id = acknowledged.acknowledgement.key_id.parse().unwrap();
            let key = acknowledged.trust.get().ledger().get(key_id).unwrap().key();
            let mut keys = KeyRing::new();
            keys.insert(key, valid_from, revoked_after).unwrap();
            acknowledged.trust = keys.into();
            assert_eq!(proves(&acknowledged), counts, "{valid_from:?} {revoked_after:?}");
        }
    }

    #[test]
    fn a_refusal_to_open_says_by_its_rule_what_to_do() {
        assert!(matches!(refused("decision_superseded"), NotOpened::TooLate));
        assert!(matches!(refused("delivery_too_late"), NotOpened::TooLate));
        assert!(matches!(refused(DATA_ERASED), NotOpened::Erased));
        assert!(matches!(refused(TOO_MUCH_TO_OPEN), NotOpened::TooMuch));
        assert!(matches!(refused(OTHER_REPORT), NotOpened::Failed(status) if status.code() == Code::Internal));
    }

    #[test]
    fn what_is_not_known_stays_unknown_for_the_caller_and_the_ledgers_words_are_not_repeated() {
        for code in [Code::Unavailable, Code::DeadlineExceeded, Code::Unknown, Code::Cancelled] {
            let status = onward_status(&Status::new(code, "said to us"));
            assert_eq!(status.code(), Code::Unavailable);
        }
        let NotAppended::Failed(status) = not_appended(&Status::internal("secret")) else { panic!("a failure") };
        assert!(!status.message().contains("secret"));
        assert!(matches!(not_appended(&Status::aborted("")), NotAppended::Unfit(Unfit::Moved)));
        assert!(matches!(not_appended(&Status::already_exists("")), NotAppended::Unfit(Unfit::Used)));
        assert!(matches!(not_appended(&Status::failed_precondition("")), NotAppended::Unfit(Unfit::NotAdmitted)));
    }
}
