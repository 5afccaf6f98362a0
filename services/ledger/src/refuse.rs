//! The statuses with which the ledger refuses. They name fields, kinds, services and rules, and nothing that was given.

use std::time::Duration;

use egide_domain::ids::HoldId;
use egide_domain::{Violation as DomainViolation, ViolationReason};
use egide_projection::ModelError;
use egide_wire::refusal::{self, Violation};
use tonic::Status;

use crate::command;
use crate::envelope;
use crate::limit::Wait;
use crate::writer::queue::NotQueued;

/// When to try again after the queue was full: by then it has been written several times over.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// Holds that a refusal names at most.
const HOLDS_NAMED_MAX: usize = 8;

/// Nothing is known about the outcome of a command.
pub(crate) fn unknown_outcome() -> Status {
    Status::unavailable("the outcome is not known yet; repeat the same command with the same id")
}

/// A command with this id had other content.
pub(crate) fn other_content() -> Status {
    Status::already_exists("this command id was used with other content; a new command takes a new id")
}

/// There is a phrase already.
pub(crate) fn phrase_stands() -> Status {
    let violation = Violation::new("current_phrase", "is not the phrase chosen before; a supervisor can replace it");
    refusal::precondition(vec![("phrase_stands".to_owned(), violation)])
}

/// A stream is not at the revision expected.
pub(crate) fn other_revision(stream_id: &str, expected: u64, actual: u64) -> Status {
    Status::aborted(format!(
        "stream `{stream_id}` is at revision `{actual}`, not `{expected}`; read it and decide again"
    ))
}

/// The state of a stream does not admit event `index`, at the field `path`. A case that has moved since something was
/// decided is no refusal of what was decided: it is to be decided again. Of legal holds that stand, `holds` are named.
pub(crate) fn not_admitted(index: usize, path: &str, violations: &[DomainViolation], holds: &[HoldId]) -> Status {
    let moved = violations.iter().find(|violation| violation.reason == ViolationReason::CaseMoved);
    if let Some(moved) = moved {
        return Status::aborted(format!("`events[{index}]`: {}", moved.reason.sentence()));
    }
    let violation = |violation: &DomainViolation| {
        let field = match violation.field {
            "" => format!("events[{index}].{path}"),
            field => format!("events[{index}].{path}.{field}"),
        };
        let mut sentence = violation.reason.sentence().to_owned();
        if violation.reason == ViolationReason::LegalHold {
            sentence = format!("{sentence}; holds: {}", named(holds));
        }
        (violation.reason.name().to_owned(), Violation::new(field, sentence))
    };
    refusal::precondition(violations.iter().map(violation).collect())
}

/// A few of the holds by id: a list without end helps nobody.
fn named(holds: &[HoldId]) -> String {
    holds.iter().take(HOLDS_NAMED_MAX).map(|hold| format!("`{hold}`")).collect::<Vec<_>>().join(", ")
}

/// A stream belongs to another area than event `index`.
pub(crate) fn other_area(index: usize) -> Status {
    let violation =
        Violation::new(format!("events[{index}].stream_id"), "belongs to something else; choose another id");
    refusal::precondition(vec![("stream_of_other_area".to_owned(), violation)])
}

/// The log has no room left.
pub(crate) fn log_full() -> Status {
    refusal::exhausted("the log is full; an operator must add storage", Duration::from_secs(60))
}

/// The queue did not take a command.
pub(crate) fn not_queued(reason: NotQueued) -> Status {
    match reason {
        NotQueued::Full => refusal::exhausted("too much is waiting to be written; try again", RETRY_AFTER),
        NotQueued::Closed => Status::unavailable("the ledger is stopping; repeat the same command with the same id"),
    }
}

/// Too much is being read or opened.
pub(crate) fn too_many_reads() -> Status {
    refusal::exhausted("too much is being read; try again", RETRY_AFTER)
}

/// An actor looks too often.
pub(crate) fn looks_too_often(Wait(wait): Wait) -> Status {
    refusal::exhausted("too many accesses were recorded for this actor; wait", wait)
}

/// The projection cannot be read. What is wrong stands in the log line, not in the answer.
pub(crate) fn unreadable(error: &ModelError) -> Status {
    tracing::error!(%error, "the ledger's projection cannot be read");
    Status::internal("the ledger cannot read its projection")
}

/// A command could not be made ready.
pub(crate) fn not_ready(error: &command::Error) -> Status {
    match error {
        command::Error::NotAllowed(refused) => Status::permission_denied(refused.to_string()),
        command::Error::Envelope(error) => not_sealed(error),
        command::Error::Random(error) => Status::unavailable(error.to_string()),
        command::Error::TooLarge { max, .. } => refusal::invalid(vec![Violation::new(
            "events",
            format!("take more than the {max} bytes a block has room for: send several commands"),
        )]),
        command::Error::Unchecked => Status::internal("the request was not checked"),
    }
}

/// Something is sealed, or to be sealed, under a key that is closed.
pub(crate) fn erased(field: String) -> Status {
    let violation = Violation::new(field, "somebody's data was erased; nothing more can be recorded about them");
    refusal::precondition(vec![("data_erased".to_owned(), violation)])
}

/// An event could not be sealed or opened: nothing was written, and nothing is told but that.
pub(crate) fn not_sealed(error: &envelope::Error) -> Status {
    match error {
        envelope::Error::Vault(egide_vault::Error::Destroyed { .. }) => erased("events".to_owned()),
        envelope::Error::Vault(egide_vault::Error::Bucket(_)) => {
            tracing::warn!(%error, "data keys are out of reach");
            Status::unavailable("data keys are out of reach; repeat the same request")
        }
        envelope::Error::Vault(_)
        | envelope::Error::Projection(_)
        | envelope::Error::NoKeyNamed { .. }
        | envelope::Error::Seal(_)
        | envelope::Error::Join(_)
        | envelope::Error::Malformed
        | envelope::Error::Open(_) => {
            tracing::error!(%error, "identifying data cannot be sealed or opened");
            Status::internal("identifying data cannot be sealed or opened")
        }
    }
}
