//! `egide deidentify --batch FILE`: narratives from a file of JSON Lines, with everything replaced that tells who somebody is.
//! Needs no service and no data directory. What stands in a narrative goes to standard output and nowhere else.

mod line;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use egide_redaction::narrative::{self, Language};
use line::{Id, Reason};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::Lang;

/// The longest line that is read, in bytes: the longest narrative twice, for what JSON escapes, and the known people. One line
/// is held at a time.
const LINE_BYTES_MAX: u64 = 2 * narrative::LONGEST as u64 + (1 << 20);
/// How much is read at a time, in bytes.
const READ_BYTES: usize = 1 << 16;

/// `egide deidentify --batch FILE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    batch: PathBuf,
}

/// A line of the output for one of the input that was refused.
#[derive(Serialize)]
struct Refused<'a> {
    id: Option<&'a Id>,
    line: u64,
    refused: &'static str,
}

impl Reason {
    /// Its stable name, in the output.
    const fn code(self) -> &'static str {
        match self {
            Self::LineTooLong => "line_too_long",
            Self::Unreadable => "unreadable",
            Self::Language => "language",
            Self::TooLong => "too_long",
            Self::Names => "names",
            Self::Offsets => "offsets",
            Self::Left => "left",
            Self::Other => "refused",
        }
    }

    /// The key of the text that says it.
    const fn text(self) -> &'static str {
        match self {
            Self::LineTooLong => "say.deidentify_line_too_long",
            Self::Unreadable => "say.deidentify_unreadable",
            Self::Language => "say.deidentify_language",
            Self::TooLong => "say.deidentify_too_long",
            Self::Names => "say.deidentify_names",
            Self::Offsets | Self::Left | Self::Other => "say.deidentify_left",
        }
    }

    /// How the command ends: what somebody can mend is a mistake in the input, the rest is ours and outweighs it.
    fn exit(self, before: Exit) -> Exit {
        match self {
            Self::Offsets | Self::Left | Self::Other => Exit::Unexpected,
            Self::LineTooLong | Self::Unreadable | Self::Language | Self::TooLong | Self::Names => {
                if before == Exit::Ok { Exit::Usage } else { before }
            }
        }
    }
}

pub(crate) fn run(out: &mut Output, args: &Args) -> Result<Exit, Failure> {
    if args.batch == Path::new("-") {
        return batch(out, io::stdin().lock());
    }
    let file = File::open(&args.batch).map_err(|error| Failure::file(&args.batch, &error))?;
    batch(out, BufReader::with_capacity(READ_BYTES, file))
}

fn batch(out: &mut Output, mut input: impl BufRead) -> Result<Exit, Failure> {
    let (mut line, mut refused, mut exit) = (0_u64, 0_u64, Exit::Ok);
    let mut bytes = Vec::new();
    while let Some(whole) = next_line(&mut input, &mut bytes)? {
        line += 1;
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let answered = if whole { line::answer(&bytes, language_of) } else { Err((None, Reason::LineTooLong)) };
        match answered {
            Ok(answered) => out.json(&answered)?,
            Err((id, reason)) => {
                refused += 1;
                exit = reason.exit(exit);
                out.json(&Refused { id: id.as_ref(), line, refused: reason.code() })?;
                let lang = out.lang;
                out.ask(
                    lang.fill("say.deidentify_refused", &[("line", &line), ("reason", &lang.text(reason.text()))]),
                )?;
            }
        }
    }
    if refused > 0 {
        out.ask(out.lang.fill("say.deidentify_withheld", &[("refused", &refused), ("lines", &line)]))?;
    }
    Ok(exit)
}

/// Reads a line into `bytes`, without its end: `None` after the last one, `Some(false)` when it is too long to be held, of
/// which only the beginning is kept.
fn next_line(input: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<Option<bool>> {
    bytes.clear();
    if input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', bytes)? == 0 {
        return Ok(None);
    }
    let whole = bytes.ends_with(b"\n") || input.fill_buf()?.is_empty();
    if !whole {
        input.skip_until(b'\n')?;
    }
    Ok(Some(whole))
}

/// `en`, `fr`, or either with a region.
fn language_of(code: &str) -> Option<Language> {
    Lang::from_locale(code.trim()).map(|lang| match lang {
        Lang::English => Language::English,
        Lang::French => Language::French,
    })
}

#[cfg(test)]
#[path = "../../../../tests/fuzz/src/batch.rs"]
mod batch;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_may_come_with_a_region_and_no_other_is_read() {
        for code in ["fr", "fr-CA", "FR_ca", " fr "] {
            assert_eq!(language_of(code), Some(Language::French), "{code}");
        }
        assert_eq!(language_of("en-CA"), Some(Language::English));
        for code in ["", "es", "french fries", "mixed"] {
            assert_eq!(language_of(code), None, "{code}");
        }
    }

    #[test]
    fn a_line_too_long_is_passed_over_and_the_next_is_read() {
        let long = usize::try_from(LINE_BYTES_MAX).unwrap() + 10;
        let input = [vec![b'x'; long], b"\nab\n\ncd".to_vec()].concat();
        let (mut input, mut bytes) = (input.as_slice(), Vec::new());
        let mut lines = Vec::new();
        while let Some(whole) = next_line(&mut input, &mut bytes).unwrap() {
            lines.push((whole, bytes.len()));
        }
        assert_eq!(lines, [(false, long - 10), (true, 3), (true, 1), (true, 2)]);
    }

    #[test]
    fn whatever_the_fuzzer_came_upon_is_answered_or_refused() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/batch_line");
        let mut count = 0;
        for input in std::fs::read_dir(corpus).unwrap() {
            batch::check(&std::fs::read(input.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count >= 20, "{count} lines");
    }

    #[test]
    fn what_we_did_wrong_outweighs_what_the_input_does() {
        assert_eq!(Reason::Unreadable.exit(Exit::Ok), Exit::Usage);
        assert_eq!(Reason::Left.exit(Exit::Usage), Exit::Unexpected);
        assert_eq!(Reason::Unreadable.exit(Exit::Unexpected), Exit::Unexpected);
    }
}
