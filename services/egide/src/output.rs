//! What is printed: results on standard output, everything else on standard error.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use prost::{Message, Name};
use serde::Serialize;

use crate::failure::Failure;
use crate::text::Lang;

/// How long something may take before we say that we are waiting.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two movements of the thing that shows it.
const TICK: Duration = Duration::from_millis(120);
/// Width of a table where nobody says how wide the terminal is.
const COLUMNS_DEFAULT: usize = 80;
/// A table wider than this is no easier to read.
const COLUMNS_MAX: usize = 160;
/// A table narrower than this cannot be laid out.
const COLUMNS_MIN: usize = 60;
/// Width of the names before values.
const LABEL_COLUMNS: usize = 14;

/// Where and how results and messages go.
pub(crate) struct Output {
    /// The reader's language.
    pub(crate) lang: Lang,
    json: bool,
    quiet: bool,
    columns: usize,
    /// How far results are indented.
    margin: usize,
    /// Whoever read the results has gone away.
    closed: bool,
    results: Box<dyn Write + Send>,
    messages: Box<dyn Write + Send>,
    shows_progress: bool,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("lang", &self.lang).field("json", &self.json).finish_non_exhaustive()
    }
}

impl Output {
    /// The terminal, or the files and pipes in its place.
    #[must_use]
    pub(crate) fn standard(lang: Lang, json: bool, quiet: bool) -> Self {
        let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        let columns = columns.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)));
        Self {
            lang,
            json,
            quiet,
            columns: columns.unwrap_or(COLUMNS_DEFAULT).clamp(COLUMNS_MIN, COLUMNS_MAX),
            margin: 0,
            closed: false,
            results: Box::new(io::stdout()),
            messages: Box::new(io::stderr()),
            shows_progress: io::stderr().is_terminal() && !quiet,
        }
    }

    /// Whether results go to a program.
    #[must_use]
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// How many columns there are.
    pub(crate) const fn columns(&self) -> usize {
        self.columns
    }

    /// A line of a result, for people.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        let text = text.as_ref();
        let margin = if text.is_empty() { 0 } else { self.margin };
        match writeln!(self.results, "{}{text}", " ".repeat(margin)) {
            // `egide … | head`: there is nobody left to tell, and that is no failure.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            written => written?,
        }
        Ok(())
    }

    /// Results of `show` indented.
    pub(crate) fn indented(
        &mut self,
        margin: usize,
        show: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.margin += margin;
        let shown = show(self);
        self.margin = self.margin.saturating_sub(margin);
        shown
    }

    /// A result for programs: one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(io::Error::from)?;
        self.line(text)
    }

    /// A message of the contract for programs: one line of protobuf JSON.
    pub(crate) fn message<M: Message + Name>(&mut self, message: &M) -> Result<(), Failure> {
        self.json(&to_json(message)?)
    }

    /// Something to know, on standard error.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { Ok(writeln!(self.messages, "{}", text.as_ref())?) }
    }

    /// Something that must be read before going on, on standard error, however quiet.
    pub(crate) fn ask(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        Ok(writeln!(self.messages, "{}", text.as_ref())?)
    }

    /// What went wrong, on standard error.
    pub(crate) fn failure(&mut self, failure: &Failure) -> io::Result<()> {
        if self.json {
            let error = serde_json::json!({ "error": {
                "exit": failure.exit().code(),
                "message": failure.lines(self.lang).join("\n"),
                "fields": failure.particulars().iter()
                    .map(|one| serde_json::json!({"field": one.field, "description": one.description}))
                    .collect::<Vec<_>>(),
            }});
            return writeln!(self.messages, "{error}");
        }
        failure.lines(self.lang).iter().try_for_each(|line| writeln!(self.messages, "{line}"))
    }

    /// A name and what stands for it, wrapped under itself.
    pub(crate) fn field(&mut self, name: &str, value: impl std::fmt::Display) -> Result<(), Failure> {
        let label = format!("{:<LABEL_COLUMNS$}", self.lang.text(name));
        // A label longer than its column keeps a space behind it.
        let label = if label.ends_with(' ') { label } else { label + " " };
        self.wrapped(&label, LABEL_COLUMNS, &value.to_string())
    }

    /// `text` behind `first`, its further lines indented.
    pub(crate) fn wrapped(&mut self, first: &str, indent: usize, text: &str) -> Result<(), Failure> {
        for line in wrap(first, indent, text, self.columns.saturating_sub(self.margin)) {
            self.line(line)?;
        }
        Ok(())
    }

    /// An empty table with these columns (keys of texts), as wide as the terminal at most. Only the column at
    /// place `flexible` wraps: the others hold ids and times, which people copy.
    pub(crate) fn table(&self, columns: &[&str], flexible: usize) -> Table {
        let mut table = Table::new();
        let width = u16::try_from(self.columns).unwrap_or(u16::MAX);
        table
            .load_preset(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width)
            .set_header(columns.iter().map(|key| self.lang.text(key)));
        for (place, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if place != flexible {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table
    }

    /// Prints a table, or a sentence (key of a text) in its place when it has no rows.
    pub(crate) fn show(&mut self, table: &Table, when_empty: &str) -> Result<(), Failure> {
        if table.is_empty() {
            return self.line(self.lang.text(when_empty));
        }
        let text = table.to_string();
        text.lines().try_for_each(|line| self.line(line.trim_end()))
    }

    /// Something that moves on the terminal once `work` takes longer than a second.
    pub(crate) async fn waiting<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        if !self.shows_progress {
            return work.await;
        }
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(PATIENCE) => {}
        }
        let bar = ProgressBar::new_spinner().with_message(self.lang.text(what).to_owned());
        bar.enable_steady_tick(TICK);
        let done = work.await;
        bar.finish_and_clear();
        done
    }

    /// A bar for `total` steps; draws nothing where nobody watches.
    pub(crate) fn progress(&self, total: usize) -> ProgressBar {
        let target = if self.shows_progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(u64::try_from(total).ok(), target);
        match ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

/// Breaks between words; a word that is longer than a line stands alone and sticks out.
pub(crate) fn wrap(first: &str, indent: usize, text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut width = line.chars().count();
    let mut is_empty = true;
    for paragraph in text.split('\n') {
        if !is_empty {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            (width, is_empty) = (indent, true);
        }
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            let letters = word.chars().count();
            if !is_empty && width + 1 + letters > columns {
                lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
                (width, is_empty) = (indent, true);
            }
            if !is_empty {
                line.push(' ');
                width += 1;
            }
            line.push_str(word);
            width += letters;
            is_empty = false;
        }
    }
    lines.push(line);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// A message of the contract as protobuf JSON.
pub(crate) fn to_json<M: Message + Name>(message: &M) -> Result<serde_json::Value, Failure> {
    let dynamic = egide_wire::descriptors::to_dynamic(message)
        .map_err(|_| Failure::new(crate::exit::Exit::Unexpected, "fail.contract"))?;
    Ok(serde_json::to_value(&dynamic).map_err(io::Error::from)?)
}

#[cfg(test)]
impl Output {
    /// Results into memory, messages nowhere.
    pub(crate) fn into_memory(lang: Lang, columns: usize) -> (Self, std::sync::Arc<std::sync::Mutex<Vec<u8>>>) {
        #[derive(Clone)]
        struct Memory(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
        impl Write for Memory {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let memory = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let output = Self {
            lang,
            json: false,
            quiet: false,
            columns,
            margin: 0,
            closed: false,
            results: Box::new(Memory(std::sync::Arc::clone(&memory))),
            messages: Box::new(io::sink()),
            shows_progress: false,
        };
        (output, memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_hang() {
        assert_eq!(wrap("Basis: ", 7, "one two three", 14), ["Basis: one two", "       three"]);
        assert_eq!(wrap("", 2, "incomprehensibilities a", 10), ["incomprehensibilities", "  a"]);
        assert_eq!(wrap("A ", 2, "b\nc", 80), ["A b", "  c"]);
        assert_eq!(wrap("A ", 2, "", 80), ["A"]);
    }
}
