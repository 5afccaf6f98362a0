//! What went wrong, told in the reader's language: what happened, the particulars, and what to do next.

use std::fmt;

use egide_wire::refusal::Violation;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::exit::Exit;
use crate::text::Lang;

/// A command cannot go on. Holds the key of a text rather than the text: the language is chosen where it is shown. Values
/// never hold data about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    cause: &'static str,
    values: Vec<(&'static str, String)>,
    particulars: Vec<Violation>,
}

impl Failure {
    /// `cause` names the texts `fail.<cause>` (what happened) and `next.<cause>` (what to do).
    pub(crate) const fn new(exit: Exit, cause: &'static str) -> Self {
        Self { exit, cause, values: Vec::new(), particulars: Vec::new() }
    }

    /// Fills a place of the texts.
    pub(crate) fn with(mut self, place: &'static str, value: impl fmt::Display) -> Self {
        self.values.push((place, value.to_string()));
        self
    }

    /// A file or folder that cannot be read or written.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(Exit::Unreadable, "fail.file").with("path", path.display()).with("error", error)
    }

    /// How the command ends.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// The gRPC refusal behind this, field by field.
    #[must_use]
    pub fn particulars(&self) -> &[Violation] {
        &self.particulars
    }

    /// What to show: the first line says what happened, the last what to do.
    #[must_use]
    pub fn lines(&self, lang: Lang) -> Vec<String> {
        let values: Vec<(&str, &dyn fmt::Display)> =
            self.values.iter().map(|(place, value)| (*place, value as &dyn fmt::Display)).collect();
        let mut lines = vec![format!("{}{}", lang.text("say.error"), lang.fill(self.cause, &values))];
        for particular in &self.particulars {
            lines.push(match particular.field.as_str() {
                "" => format!("  {}", particular.description),
                field => format!("  {field}: {}", particular.description),
            });
        }
        let next = self.cause.replacen("fail.", "next.", 1);
        lines.extend(lang.fill(&next, &values).lines().map(str::to_owned));
        lines
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines(Lang::English).join("; "))
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Unexpected, "fail.io").with("error", error)
    }
}

/// What each gRPC code means for whoever typed the command.
const CODES: [(Code, Exit, &str); 15] = [
    (Code::InvalidArgument, Exit::Usage, "fail.invalid"),
    (Code::OutOfRange, Exit::Usage, "fail.invalid"),
    (Code::NotFound, Exit::NotFound, "fail.not_found"),
    (Code::PermissionDenied, Exit::NotAllowed, "fail.not_allowed"),
    (Code::Unauthenticated, Exit::NotAllowed, "fail.unknown_caller"),
    (Code::Aborted, Exit::Conflict, "fail.moved"),
    (Code::AlreadyExists, Exit::Conflict, "fail.command_used"),
    (Code::FailedPrecondition, Exit::NotNow, "fail.not_now"),
    (Code::ResourceExhausted, Exit::Unavailable, "fail.overload"),
    (Code::Unavailable, Exit::Unavailable, "fail.unavailable"),
    (Code::DeadlineExceeded, Exit::Unavailable, "fail.unavailable"),
    (Code::Cancelled, Exit::Unavailable, "fail.unavailable"),
    (Code::Unimplemented, Exit::Unexpected, "fail.unimplemented"),
    (Code::Internal, Exit::Unexpected, "fail.internal"),
    (Code::DataLoss, Exit::Unexpected, "fail.internal"),
];

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let known = CODES.iter().find(|(code, ..)| *code == status.code());
        let (exit, cause) = known.map_or((Exit::Unexpected, "fail.internal"), |(_, exit, cause)| (*exit, *cause));
        let mut failure = Self::new(exit, cause).with("message", status.message());
        let bad_request = status.get_details_bad_request().into_iter().flat_map(|details| details.field_violations);
        failure.particulars.extend(bad_request.map(|one| Violation::new(one.field, one.description)));
        let precondition = status.get_details_precondition_failure().into_iter().flat_map(|details| details.violations);
        failure.particulars.extend(precondition.map(|one| Violation::new(one.subject, one.description)));
        if failure.particulars.is_empty() && !status.message().is_empty() && exit != Exit::NotFound {
            failure.particulars.push(Violation::new("", status.message()));
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_wire::refusal::{invalid, not_found_outside, precondition};

    #[test]
    fn every_failure_says_what_to_do_next_in_both_languages() {
        let texts: std::collections::BTreeMap<String, String> =
            serde_json::from_str(include_str!("../texts/messages.en.json")).unwrap();
        let causes = texts.keys().filter_map(|key| key.strip_prefix("fail."));
        for cause in causes {
            assert!(texts.contains_key(&format!("next.{cause}")), "`fail.{cause}` does not say what to do next");
        }
    }

    #[test]
    fn a_refused_request_shows_field_by_field_what_is_wrong() {
        let status = invalid(vec![
            Violation::new("events[0].case_event", "no payload"),
            Violation::new("command_id", "not a UUID"),
        ]);
        let failure = Failure::from(status);
        assert_eq!(failure.exit(), Exit::Usage);
        let lines = failure.lines(Lang::French);
        assert!(lines.iter().any(|line| line.contains("events[0].case_event: no payload")), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains("command_id: not a UUID")), "{lines:?}");
    }

    #[test]
    fn a_failed_precondition_names_the_rule() {
        let failure = Failure::from(precondition(vec![(
            "CASE_CLOSED".to_owned(),
            Violation::new("events[0]", "the case is closed; reopen it"),
        )]));
        assert_eq!(failure.exit(), Exit::NotNow);
        assert!(failure.to_string().contains("the case is closed; reopen it"));
    }

    #[test]
    fn not_found_has_no_particulars() {
        let failure = Failure::from(not_found_outside());
        assert_eq!(failure.exit(), Exit::NotFound);
        assert!(failure.particulars().is_empty());
    }

    #[test]
    fn every_grpc_code_ends_with_something_else_than_success() {
        for number in 1..=16 {
            let failure = Failure::from(Status::new(Code::from_i32(number), "x"));
            assert_ne!(failure.exit(), Exit::Ok);
        }
    }
}
