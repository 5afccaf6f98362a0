//! The shape of refusals: gRPC statuses with `google.rpc` details. Texts name fields and rules, never values that could be
//! about a person.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, for instance `events[0].case_event.consent_given.subject_id`.
    pub field: String,
    /// What is wrong and what to do: lower case, no full stop.
    pub description: String,
}

impl Violation {
    /// A violation at a field.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }
}

/// `INVALID_ARGUMENT` with every violation (`google.rpc.BadRequest`); the message repeats the first, for callers that do not
/// read details.
#[must_use]
pub fn invalid(violations: Vec<Violation>) -> Status {
    let message = match violations.as_slice() {
        [] => "request is invalid".to_owned(),
        [only] => format!("`{}`: {}", only.field, only.description),
        [first, rest @ ..] => format!("`{}`: {} (and {} more)", first.field, first.description, rest.len()),
    };
    let mut details = ErrorDetails::new();
    for violation in violations {
        details.add_bad_request_violation(violation.field, violation.description);
    }
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// `FAILED_PRECONDITION` with the rule, where it stands, and what to do (`google.rpc.PreconditionFailure`).
#[must_use]
pub fn precondition(violations: Vec<(String, Violation)>) -> Status {
    let message = match violations.first() {
        Some((rule, first)) => format!("{rule}: `{}`: {}", first.field, first.description),
        None => "state does not admit this".to_owned(),
    };
    let mut details = ErrorDetails::new();
    for (rule, violation) in violations {
        details.add_precondition_failure_violation(rule, violation.field, violation.description);
    }
    Status::with_error_details(Code::FailedPrecondition, message, details)
}

/// `RESOURCE_EXHAUSTED` with a hint when to try again (`google.rpc.RetryInfo`).
#[must_use]
pub fn exhausted(message: &str, retry_after: std::time::Duration) -> Status {
    let mut details = ErrorDetails::new();
    details.set_retry_info(Some(retry_after));
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// When to try again, if a status says so (`google.rpc.RetryInfo`).
#[must_use]
pub fn retry_after(status: &Status) -> Option<std::time::Duration> {
    status.get_details_retry_info().and_then(|info| info.retry_delay)
}

/// The same status, with when to try again; its other details stay.
#[must_use]
pub fn with_retry_after(status: &Status, after: std::time::Duration) -> Status {
    let mut details = status.get_error_details();
    details.set_retry_info(Some(after));
    Status::with_error_details(status.code(), status.message(), details)
}

/// The one answer to anyone outside for absent, refused, withdrawn, expired, erased and not-yours: no details, always the
/// same bytes.
#[must_use]
pub fn not_found_outside() -> Status {
    Status::not_found("not found")
}

/// A status code as the gRPC specification writes it: `NOT_FOUND`.
#[must_use]
pub const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
