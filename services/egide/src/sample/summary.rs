//! The summary: for each scenario its requests, what was expected, what came, on which basis, and what was released.

use serde_json::json;

use super::checks::{Answer, Row, basis_name, short, sorted};
use super::player::Outcome;
use crate::commands::decision::{basis_words, released_words};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, wrap};
use crate::text::Lang;
use egide_wire::proto::egide::classification::v1::DataCategory;

/// With this many columns and more, a request stands in one line with what came of it.
const COLUMNS_WIDE: usize = 140;
/// Width of the request then.
const REQUEST_WIDE: usize = 64;
/// Where a line begins that belongs to the request above it.
const INDENT: usize = 4;

/// What is no scenario but what all of them stand on.
const DIRECTORY: &str = "00-directory";

/// Prints the summary and says how it ends.
pub(crate) fn show(out: &mut Output, outcomes: &[Outcome]) -> Result<Exit, Failure> {
    let differences: usize = outcomes.iter().map(|outcome| outcome.differences.len()).sum();
    let exit = if differences == 0 { Exit::Ok } else { Exit::Differs };
    if out.is_json() {
        outcomes.iter().try_for_each(|outcome| out.json(&outcome_json(outcome)))?;
        return Ok(exit);
    }
    let lang = out.lang;
    let layout = Layout::of(lang, out.columns());
    layout.lines("  ", &layout.headings(lang)).iter().try_for_each(|line| out.line(line))?;
    for outcome in outcomes.iter().filter(|outcome| !outcome.rows.is_empty() || !outcome.differences.is_empty()) {
        show_scenario(out, &layout, outcome)?;
    }
    show_differences(out, outcomes)?;
    let played = outcomes.iter().filter(|outcome| outcome.name != DIRECTORY).count();
    let checks: usize = outcomes.iter().map(|outcome| outcome.checks).sum();
    let places: [(&str, &dyn std::fmt::Display); 3] =
        [("scenarios", &played), ("checks", &checks), ("differences", &differences)];
    out.line("")?;
    out.line(lang.fill(if differences == 0 { "say.sample_fits" } else { "say.sample_differs" }, &places))?;
    Ok(exit)
}

/// Widths of the columns before the last. Where there is no room for all, a request has a line of its own above them.
struct Layout {
    request: usize,
    answer: usize,
    basis: usize,
    columns: usize,
    is_wide: bool,
}

/// What stands in a line of the summary.
struct Cells {
    request: String,
    expected: String,
    actual: String,
    basis: String,
    released: String,
}

impl Layout {
    fn of(lang: Lang, columns: usize) -> Self {
        let headings = ["head.expected", "head.actual"].map(|key| lang.text(key).chars().count());
        let words = Answer::ALL.map(|answer| answer_word(lang, answer).chars().count());
        let answer = words.into_iter().chain(headings).max().unwrap_or(0);
        let bases = ["BASIS_KIND_CONSENT", "BASIS_KIND_REPORT_CONSENT", "EXCEPTION_KIND_LEGAL_REQUIREMENT"];
        let basis = bases.map(|key| lang.text(key).chars().count()).into_iter().max().unwrap_or(0);
        Self { request: REQUEST_WIDE, answer, basis, columns, is_wide: columns >= COLUMNS_WIDE }
    }

    fn headings(&self, lang: Lang) -> Cells {
        let text = |key| lang.text(key).to_owned();
        Cells {
            request: text("head.request"),
            expected: text("head.expected"),
            actual: text("head.actual"),
            basis: text("head.basis"),
            released: text("head.released"),
        }
    }

    fn lines(&self, mark: &str, cells: &Cells) -> Vec<String> {
        let Cells { request, expected, actual, basis, released } = cells;
        let (expected, actual) = (fit(expected, self.answer), fit(actual, self.answer));
        let answers = format!("{expected}  {actual}  {}  ", fit(basis, self.basis));
        let (before, first) = match self.is_wide {
            true => (None, format!("{mark}{}  {answers}", fit(request, self.request))),
            false => (Some(format!("{mark}{request}")), format!("{}{answers}", " ".repeat(INDENT))),
        };
        let indent = first.chars().count();
        before.into_iter().chain(wrap(&first, indent, released, self.columns)).collect()
    }
}

/// Exactly `width` letters.
fn fit(text: &str, width: usize) -> String {
    let letters = text.chars().count();
    if letters > width {
        let kept: String = text.chars().take(width.saturating_sub(1)).collect();
        return format!("{kept}…");
    }
    format!("{text}{}", " ".repeat(width - letters))
}

fn show_scenario(out: &mut Output, layout: &Layout, outcome: &Outcome) -> Result<(), Failure> {
    let lang = out.lang;
    let number = outcome.name.split('-').next().unwrap_or_default();
    out.line("")?;
    out.line(format!("{number} {}", outcome.title.in_lang(lang)))?;
    for row in &outcome.rows {
        let cells = Cells {
            request: request_words(lang, row),
            expected: answer_word(lang, row.expected).to_owned(),
            actual: answer_word(lang, row.actual).to_owned(),
            basis: basis_words(lang, &row.bases).join(", "),
            released: released_words(lang, &row.mask).join(", "),
        };
        let lines = layout.lines(if row.is_as_expected { "✓ " } else { "✗ " }, &cells);
        lines.iter().try_for_each(|line| out.line(line))?;
    }
    Ok(())
}

fn request_words(lang: Lang, row: &Row) -> String {
    let what = lang.find(&format!("word.{}", row.what)).unwrap_or(row.what);
    match &row.about {
        Some(about) => format!("{what}{}{}", lang.text("word.colon"), about.in_lang(lang)),
        None => what.to_owned(),
    }
}

fn answer_word(lang: Lang, answer: Answer) -> &'static str {
    let key = match answer {
        Answer::Permit => "word.permit",
        Answer::Deny => "word.deny",
        Answer::Found => "word.found",
        Answer::NotFound => "word.not_found",
        Answer::Told => "word.told",
        Answer::Accepted => "word.accepted",
        Answer::Refused => "word.refused",
    };
    lang.text(key)
}

fn show_differences(out: &mut Output, outcomes: &[Outcome]) -> Result<(), Failure> {
    let lang = out.lang;
    for outcome in outcomes {
        for difference in &outcome.differences {
            out.line("")?;
            let (line, colon) = (difference.line, lang.text("word.colon"));
            out.line(format!("✗ sample/{}.jsonl:{line}  {}", outcome.name, difference.what))?;
            out.wrapped("    ", 6, &format!("{}{colon}{}", lang.text("head.expected"), difference.expected))?;
            out.wrapped("    ", 6, &format!("{}{colon}{}", lang.text("head.actual"), difference.actual))?;
        }
    }
    Ok(())
}

fn outcome_json(outcome: &Outcome) -> serde_json::Value {
    let rows = outcome.rows.iter().map(|row| {
        json!({
            "request": row.what,
            "about": row.about.as_ref().map(|names| names.en.clone()),
            "expected": answer_word(Lang::English, row.expected),
            "actual": answer_word(Lang::English, row.actual),
            "basis": sorted(row.bases.iter().map(basis_name)),
            "released": sorted(row.mask.iter().map(|entry| short::<DataCategory>(entry.category))),
            "as_expected": row.is_as_expected,
        })
    });
    let differences = outcome.differences.iter().map(|difference| {
        json!({
            "line": difference.line,
            "what": difference.what,
            "expected": difference.expected,
            "actual": difference.actual,
        })
    });
    json!({
        "scenario": outcome.name,
        "checks": outcome.checks,
        "rows": rows.collect::<Vec<_>>(),
        "differences": differences.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use egide_wire::proto::egide::case::v1::{Basis, BasisKind, MaskEntry};

    use super::super::checks::Difference;
    use super::super::format::Titles;
    use super::*;

    fn outcome(differences: Vec<Difference>) -> Outcome {
        let unit = "Service de police de la région de Val-Clair, Escouade de lutte contre la traite";
        let row = Row {
            what: "disclose",
            about: Some(Titles { en: unit.to_owned(), fr: unit.to_owned() }),
            expected: Answer::Permit,
            actual: if differences.is_empty() { Answer::Permit } else { Answer::Deny },
            bases: vec![Basis { kind: i32::from(BasisKind::ReportConsent), ..Basis::default() }],
            mask: (1..=8).map(|category| MaskEntry { category, ..MaskEntry::default() }).collect(),
            is_as_expected: differences.is_empty(),
        };
        Outcome {
            name: "07-title".to_owned(),
            title: Titles { en: "A title".to_owned(), fr: "Un titre".to_owned() },
            rows: vec![row],
            checks: 3,
            differences,
            case_id: String::new(),
            referrals: Vec::new(),
        }
    }

    fn shown(lang: Lang, columns: usize, outcome: Outcome) -> (Exit, String) {
        let (mut out, memory) = Output::into_memory(lang, columns);
        let exit = show(&mut out, &[outcome]).unwrap();
        let text = String::from_utf8(memory.lock().unwrap().clone()).unwrap();
        (exit, text)
    }

    #[test]
    fn the_summary_fits_and_says_that_all_is_as_expected() {
        for lang in Lang::ALL {
            for columns in [80, 120, 150] {
                let (exit, text) = shown(lang, columns, outcome(Vec::new()));
                assert_eq!(exit, Exit::Ok);
                // A name stands whole in a line of its own, however long.
                let too_long =
                    text.lines().filter(|line| !line.starts_with('✓')).find(|line| line.chars().count() > columns);
                assert_eq!(too_long, None, "{text}");
                let last = text.lines().last().unwrap();
                assert_eq!(last, lang.fill("say.sample_fits", &[("scenarios", &1), ("checks", &3)]));
            }
        }
    }

    #[test]
    fn what_differs_is_told_with_its_line_and_decides_the_exit_code() {
        let difference = Difference {
            line: 9,
            what: "outcome".to_owned(),
            expected: "permit".to_owned(),
            actual: "deny".to_owned(),
        };
        let (exit, text) = shown(Lang::English, 80, outcome(vec![difference]));
        assert_eq!(exit, Exit::Differs);
        assert!(text.contains("sample/07-title.jsonl:9  outcome"), "{text}");
        assert!(text.contains("Expected: permit") && text.contains("Actual: deny"), "{text}");
        assert!(text.lines().last().unwrap().contains("1 NOT as expected"), "{text}");
    }
}
