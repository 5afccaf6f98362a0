//! What was expected, what came, and where the two differ.

use std::fmt::Display;

use egide_wire::proto::egide::case::v1::{
    Basis, BasisKind, DisclosureDecided, ExceptionKind, MaskEntry, MaskLevel, ReasonCode,
};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::refusal::code_name;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::format::{ExpectDecision, ExpectError, ExpectReason, Titles};
use crate::listed::{Listed, parse};

/// The answer to one request, as the summary shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The gate permits.
    Permit,
    /// The gate denies.
    Deny,
    /// A referral was delivered.
    Found,
    /// The one answer to outsiders for everything else.
    NotFound,
    /// Staff may tell it.
    Told,
    /// A command was accepted.
    Accepted,
    /// A request was refused with an error.
    Refused,
}

impl Answer {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Permit, Self::Deny, Self::Found, Self::NotFound, Self::Told, Self::Accepted, Self::Refused];
}

/// One line of the summary.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was done: `disclose`, `fetch`, `deliver`, `emit`.
    pub what: &'static str,
    /// Whom it concerns: the recipient's names, or the error that had to come.
    pub about: Option<Titles>,
    /// What had to come.
    pub expected: Answer,
    /// What came.
    pub actual: Answer,
    /// What a permit rests on.
    pub bases: Vec<Basis>,
    /// What is let through.
    pub mask: Vec<MaskEntry>,
    /// Whether every check of this step held.
    pub is_as_expected: bool,
}

/// A check that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The line of the step.
    pub line: usize,
    /// What was checked, by its key in the format.
    pub what: String,
    /// What had to come.
    pub expected: String,
    /// What came.
    pub actual: String,
}

/// The checks of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) count: usize,
    pub(crate) differences: Vec<Difference>,
}

impl Checks {
    /// One check.
    pub(crate) fn check(&mut self, line: usize, what: &str, holds: bool, expected: impl Display, actual: impl Display) {
        self.count += 1;
        if !holds {
            self.differ(line, what, expected, actual);
        }
    }

    pub(crate) fn same(&mut self, line: usize, what: &str, expected: &str, actual: &str) {
        self.check(line, what, expected == actual, expected, actual);
    }

    /// Something else than any answer that was provided for.
    pub(crate) fn differ(&mut self, line: usize, what: &str, expected: impl Display, actual: impl Display) {
        self.differences.push(Difference {
            line,
            what: what.to_owned(),
            expected: expected.to_string(),
            actual: actual.to_string(),
        });
    }

    /// The refusal that had to come.
    pub(crate) fn error(&mut self, line: usize, expected: &ExpectError, status: &Status) {
        self.same(line, "expect_error.code", &expected.code, code_name(status.code()));
        if let Some(field) = &expected.field {
            let fields = fields(status);
            let found = fields.iter().any(|one| one.ends_with(field.as_str()));
            self.check(line, "expect_error.field", found, field, fields.join(", "));
        }
        if let Some(rule) = &expected.rule {
            let failure = status.get_details_precondition_failure();
            let rules: Vec<String> =
                failure.into_iter().flat_map(|failure| failure.violations).map(|violation| violation.r#type).collect();
            self.check(line, "expect_error.rule", rules.contains(rule), rule, rules.join(", "));
        }
    }

    /// A decision, against all that is said about it.
    pub(crate) fn decision(&mut self, line: usize, expected: &ExpectDecision, decided: &DisclosureDecided) {
        let permit = crate::commands::decision::is_permit(decided);
        self.same(line, "outcome", &expected.outcome, if permit { "permit" } else { "deny" });
        if !permit {
            self.check(line, "released", decided.mask.is_empty(), "{}", mask_shown(&decided.mask));
        }
        if let Some(basis) = &expected.basis {
            let actual = sorted(decided.bases.iter().map(basis_name));
            self.same(line, "basis", &sorted(basis.iter().cloned()).join(", "), &actual.join(", "));
        }
        if let Some(released) = &expected.released {
            self.released(line, released, &decided.mask);
        }
        for reason in &expected.reasons {
            self.check(line, "reasons", has_reason(decided, reason), reason_shown(reason), reasons_shown(decided));
        }
        for code in &expected.no_reasons {
            let there = has_reason(decided, &ExpectReason::Anywhere(code.clone()));
            self.check(line, "no_reasons", !there, code, reasons_shown(decided));
        }
        let obligations: Vec<String> = decided
            .obligations
            .iter()
            .map(|one| short::<egide_wire::proto::egide::case::v1::ObligationKind>(one.kind))
            .collect();
        for kind in &expected.obligations {
            let there = obligations.contains(&kind.to_ascii_lowercase());
            self.check(line, "obligations", there, kind, obligations.join(", "));
        }
        for kind in &expected.no_obligations {
            let there = obligations.contains(&kind.to_ascii_lowercase());
            self.check(line, "no_obligations", !there, kind, obligations.join(", "));
        }
        if let Some(urgent) = expected.urgent {
            self.check(line, "urgent", urgent == decided.urgent, urgent, decided.urgent);
        }
        if let Some(form) = &expected.form {
            self.same(line, "form", form, &decided.form);
        }
    }

    /// Exactly these people and categories; a level only where one is named.
    fn released(
        &mut self,
        line: usize,
        expected: &std::collections::BTreeMap<String, Vec<String>>,
        mask: &[MaskEntry],
    ) {
        let entry_of = |person: &str, category: &str| {
            mask.iter().find(|entry| entry.subject_id == person && short::<DataCategory>(entry.category) == category)
        };
        let mut wanted = 0;
        for (person, categories) in expected {
            for category in categories {
                wanted += 1;
                let category = category.to_ascii_lowercase();
                let (category, level) = match category.split_once('@') {
                    Some((category, level)) => (category, Some(level)),
                    None => (category.as_str(), None),
                };
                let entry = entry_of(person, category);
                let fits =
                    entry.is_some_and(|entry| level.is_none_or(|level| short::<MaskLevel>(entry.level) == level));
                self.check(line, "released", fits, format!("{person}: {category}"), mask_shown(mask));
            }
        }
        self.check(line, "released", mask.len() == wanted, format!("{wanted} categories"), mask_shown(mask));
    }
}

/// The fields a refusal names.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let bad =
        details.bad_request().into_iter().flat_map(|details| &details.field_violations).map(|one| one.field.clone());
    let state = details.precondition_failure().into_iter().flat_map(|details| &details.violations);
    bad.chain(state.map(|one| one.subject.clone())).collect()
}

/// A refusal in a line.
pub(crate) fn status_shown(status: &Status) -> String {
    format!("{}: {}", code_name(status.code()), status.message())
}

/// A value's name without its prefix, in lower case, as in `FORMAT.md`.
pub(crate) fn short<E: Listed>(number: i32) -> String {
    let Some(value) = E::from_number(number) else { return format!("#{number}") };
    let full = value.full_name().to_ascii_lowercase();
    let prefix = crate::listed::prefix(E::NAME).to_ascii_lowercase();
    full.strip_prefix(&prefix).unwrap_or(&full).to_owned()
}

/// Kind of a basis, an exception by which one.
pub(crate) fn basis_name(basis: &Basis) -> String {
    if basis.kind == i32::from(BasisKind::Exception) {
        short::<ExceptionKind>(basis.exception)
    } else {
        short::<BasisKind>(basis.kind)
    }
}

pub(crate) fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.map(|name| name.to_ascii_lowercase()).collect();
    names.sort();
    names.dedup();
    names
}

fn mask_shown(mask: &[MaskEntry]) -> String {
    let shown = mask.iter().map(|entry| {
        let category = short::<DataCategory>(entry.category);
        format!("{}: {category}@{}", entry.subject_id, short::<MaskLevel>(entry.level))
    });
    let shown = shown.collect::<Vec<_>>().join("; ");
    if shown.is_empty() { "{}".to_owned() } else { shown }
}

fn has_reason(decided: &DisclosureDecided, expected: &ExpectReason) -> bool {
    let (code, person, category) = match expected {
        ExpectReason::Anywhere(code) => (code, None, None),
        ExpectReason::At(at) => (&at.code, at.person.as_ref(), at.category.as_ref()),
    };
    // A code that is none is never among the reasons.
    let Some(code) = parse::<ReasonCode>(code) else { return false };
    decided.reasons.iter().any(|reason| {
        reason.code == i32::from(code)
            && person.is_none_or(|person| reason.subject_id == *person)
            && category.is_none_or(|category| short::<DataCategory>(reason.category) == category.to_ascii_lowercase())
    })
}

fn reason_shown(expected: &ExpectReason) -> String {
    match expected {
        ExpectReason::Anywhere(code) => code.clone(),
        ExpectReason::At(at) => [Some(&at.code), at.person.as_ref(), at.category.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn reasons_shown(decided: &DisclosureDecided) -> String {
    let shown = decided.reasons.iter().map(|reason| {
        let mut words = vec![short::<ReasonCode>(reason.code)];
        words.extend((!reason.subject_id.is_empty()).then(|| reason.subject_id.clone()));
        words.extend((reason.category != 0).then(|| short::<DataCategory>(reason.category)));
        words.join(" ")
    });
    shown.collect::<Vec<_>>().join("; ")
}
