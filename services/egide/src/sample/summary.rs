//! The summary: for each scenario its requests, what was expected, what came, on which basis, and what was released.

use serde_json::json;

use super::checks::{Answer, Row, basis_name, short, sorted};
use super::player::Outcome;
use crate::commands::decision::{basis_words, released_words};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::Lang;
use egide_wire::proto::egide::classification::v1::DataCategory;

/// With this many columns and more, what was released stands in the same line.
const COLUMNS_WIDE: usize = 110;

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
    out.line(layout.line("  ", &layout.headings(lang)))?;
    for outcome in outcomes.iter().filter(|outcome| !outcome.rows.is_empty() || !outcome.differences.is_empty()) {
        show_scenario(out, &layout, outcome)?;
    }
    show_differences(out, outcomes)?;
    let played = outcomes.iter().filter(|outcome| !outcome.rows.is_empty()).count();
    let checks: usize = outcomes.iter().map(|outcome| outcome.checks).sum();
    let places: [(&str, &dyn std::fmt::Display); 3] =
        [("scenarios", &played), ("checks", &checks), ("differences", &differences)];
    out.line("")?;
    out.line(lang.fill(if differences == 0 { "say.sample_fits" } else { "say.sample_differs" }, &places))?;
    Ok(exit)
}

/// Widths of the columns before the last.
struct Layout {
    request: usize,
    answer: usize,
    basis: usize,
    is_wide: bool,
}

impl Layout {
    fn of(lang: Lang, columns: usize) -> Self {
        let is_wide = columns >= COLUMNS_WIDE;
        let words = [Answer::Permit, Answer::Deny, Answer::Found, Answer::NotFound, Answer::Told, Answer::Refused];
        let headings = ["head.expected", "head.actual"].map(|key| lang.text(key).chars().count());
        let words = words.map(|answer| answer_word(lang, answer).chars().count());
        let answer = words.into_iter().chain(headings).max().unwrap_or(0);
        let basis = if is_wide { 22 } else { 20 };
        let rest = columns.saturating_sub(2 + 2 * (answer + 2) + basis + 2);
        let request = if is_wide { 34 } else { rest.saturating_sub(2) };
        Self { request, answer, basis, is_wide }
    }

    fn headings(&self, lang: Lang) -> [String; 5] {
        let text = |key| lang.text(key).to_owned();
        [text("head.request"), text("head.expected"), text("head.actual"), text("head.basis"), text("head.released")]
    }

    /// One line, the last column under the others where there is no room beside them.
    fn line(&self, mark: &str, cells: &[String; 5]) -> String {
        let [request, expected, actual, basis, released] = cells;
        let first = format!(
            "{mark}{}  {}  {}  {}",
            fit(request, self.request),
            fit(expected, self.answer),
            fit(actual, self.answer),
            fit(basis, self.basis)
        );
        match (self.is_wide, released.is_empty()) {
            (true, _) => format!("{first}  {released}").trim_end().to_owned(),
            (false, true) => first.trim_end().to_owned(),
            (false, false) => format!("{}\n      {released}", first.trim_end()),
        }
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
        let cells = [
            request_words(lang, row),
            answer_word(lang, row.expected).to_owned(),
            answer_word(lang, row.actual).to_owned(),
            basis_words(lang, &row.bases).join(", "),
            released_words(lang, &row.mask).join(", "),
        ];
        out.line(layout.line(if row.is_as_expected { "✓ " } else { "✗ " }, &cells))?;
    }
    Ok(())
}

fn request_words(lang: Lang, row: &Row) -> String {
    let what = lang.find(&format!("word.{}", row.what)).unwrap_or(row.what);
    match &row.recipient {
        Some(recipient) => format!("{what}: {}", recipient.in_lang(lang)),
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
            let line = difference.line;
            out.line(format!("✗ sample/{}.jsonl:{line}  {}", outcome.name, difference.what))?;
            out.wrapped("    ", 6, &format!("{}: {}", lang.text("head.expected"), difference.expected))?;
            out.wrapped("    ", 6, &format!("{}: {}", lang.text("head.actual"), difference.actual))?;
        }
    }
    Ok(())
}

fn outcome_json(outcome: &Outcome) -> serde_json::Value {
    let rows = outcome.rows.iter().map(|row| {
        json!({
            "request": row.what,
            "recipient": row.recipient.as_ref().map(|names| names.en.clone()),
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
