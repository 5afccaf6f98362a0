//! How one disclosure is written: a line, whatever stands in it.

use egide_wire::descriptors::to_dynamic;
use egide_wire::proto::egide::audit::v1::{Disclosure, ExportFormat};
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::classification::v1::DataCategory;
use prost_types::Timestamp;

/// The columns of a CSV file.
pub const COLUMNS: [&str; 19] = [
    "position",
    "recorded_at",
    "disclosure_id",
    "case_id",
    "actor",
    "role",
    "outcome",
    "unit_id",
    "organization_id",
    "purpose",
    "bases",
    "exceptions",
    "subject_ids",
    "categories",
    "obligations",
    "referral_id",
    "report_sha256",
    "delivered_at",
    "steps",
];

/// What a spreadsheet takes for the beginning of a formula, or jumps over to find one.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\t', '\r'];

/// A disclosure cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a disclosure cannot be written as protobuf json")]
pub struct Unwritable;

/// What files of a format end with.
#[must_use]
pub const fn extension(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Csv => "csv",
        ExportFormat::Jsonl | ExportFormat::Unspecified => "jsonl",
    }
}

/// What a file begins with.
#[must_use]
pub fn header(format: ExportFormat) -> String {
    match format {
        ExportFormat::Csv => format!("{}\r\n", COLUMNS.join(",")),
        ExportFormat::Jsonl | ExportFormat::Unspecified => String::new(),
    }
}

/// A disclosure as one line, its end included.
///
/// # Errors
/// [`Unwritable`].
pub fn line(format: ExportFormat, disclosure: &Disclosure) -> Result<String, Unwritable> {
    match format {
        ExportFormat::Csv => {
            let cells: Vec<String> = cells(disclosure).iter().map(|cell| quoted(cell)).collect();
            Ok(format!("{}\r\n", cells.join(",")))
        }
        ExportFormat::Jsonl | ExportFormat::Unspecified => {
            let dynamic = to_dynamic(disclosure).map_err(|_| Unwritable)?;
            serde_json::to_string(&dynamic).map(|json| format!("{json}\n")).map_err(|_| Unwritable)
        }
    }
}

/// A cell that is no formula and does not leave its line: what begins like one gets an apostrophe, as spreadsheets do it.
fn quoted(cell: &str) -> String {
    let mut quoted = String::from("\"");
    if cell.trim_start_matches(' ').starts_with(FORMULA) {
        quoted.push('\'');
    }
    for character in cell.chars() {
        match character {
            '"' => quoted.push_str("\"\""),
            control if control.is_control() || matches!(control, '\u{2028}' | '\u{2029}') => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn cells(disclosure: &Disclosure) -> [String; COLUMNS.len()] {
    let actor = disclosure.actor.clone().unwrap_or_default();
    let decided = disclosure.decided.clone().unwrap_or_default();
    let request = decided.request.clone().unwrap_or_default();
    let outside = disclosure.outside.clone().unwrap_or_default();
    let is_outside = disclosure.outside.is_some();
    let exceptions = decided.bases.iter().map(|basis| basis.exception).filter(|kind| *kind != 0);
    let categories = decided.mask.iter().map(|entry| entry.category).chain(outside.categories.iter().copied());
    let delivered = disclosure.steps.iter().find(|step| step.kind == "disclosure.delivered");
    let people = if is_outside { &outside.subject_ids } else { &request.subject_ids };
    let steps = disclosure.steps.iter().map(|step| step.kind.clone());
    [
        disclosure.position.to_string(),
        time(disclosure.recorded_at.as_ref()),
        disclosure.disclosure_id.clone(),
        disclosure.case_id.clone(),
        actor.person,
        actor.role,
        if is_outside { "OUTSIDE_SYSTEM".to_owned() } else { decided.outcome().as_str_name().to_owned() },
        if is_outside { outside.unit_id.clone() } else { request.unit_id.clone() },
        request.organization_id.clone(),
        request.purpose().as_str_name().to_owned(),
        names(decided.bases.iter().map(|basis| basis.kind), |kind| {
            case::BasisKind::try_from(kind).ok().map(|kind| kind.as_str_name())
        }),
        names(exceptions, |kind| case::ExceptionKind::try_from(kind).ok().map(|kind| kind.as_str_name())),
        people.join(" "),
        names(categories, |number| DataCategory::try_from(number).ok().map(|category| category.as_str_name())),
        names(decided.obligations.iter().map(|obligation| obligation.kind), |kind| {
            case::ObligationKind::try_from(kind).ok().map(|kind| kind.as_str_name())
        }),
        disclosure.referral_id.clone(),
        disclosure.report_digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        time(delivered.and_then(|step| step.recorded_at.as_ref())),
        steps.collect::<Vec<_>>().join(" "),
    ]
}

/// The values' names, each once, in the order of their numbers; a number that this version does not know stands as itself.
fn names(numbers: impl Iterator<Item = i32>, name: impl Fn(i32) -> Option<&'static str>) -> String {
    let numbers: std::collections::BTreeSet<i32> = numbers.collect();
    let names = numbers.into_iter().map(|number| name(number).map_or_else(|| number.to_string(), str::to_owned));
    names.collect::<Vec<_>>().join(" ")
}

fn time(time: Option<&Timestamp>) -> String {
    time.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use egide_wire::proto::egide::case::v1::Actor;

    use super::*;

    fn of(person: &str) -> Disclosure {
        let actor = Actor { person: person.to_owned(), ..Actor::default() };
        Disclosure { position: 7, actor: Some(actor), ..Disclosure::default() }
    }

    #[test]
    fn no_cell_is_a_formula_and_none_leaves_its_line() {
        for (person, cell) in [
            ("amelie.roy", "\"amelie.roy\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@x", "\"'@x\""),
            ("  =1", "\"'  =1\""),
            ("\t=1", "\"' =1\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
            ("a\"b,c\r\nd\u{2028}", "\"a\"\"b,c  d \""),
        ] {
            let line = line(ExportFormat::Csv, &of(person)).unwrap();
            assert!(line.contains(&format!(",{cell},")), "{line}");
            assert_eq!(line.lines().count(), 1);
            assert!(line.ends_with("\"\r\n"));
        }
    }

    #[test]
    fn a_line_of_json_is_the_message() {
        let line = line(ExportFormat::Jsonl, &of("a\nb")).unwrap();
        assert_eq!(line.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["position"], "7");
        assert_eq!(value["actor"]["person"], "a\nb");
    }
}
