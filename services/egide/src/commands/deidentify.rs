//! `egide deidentify --batch FILE`: narratives from a file of JSON Lines, with everything replaced that tells who somebody is.
//! Needs no service and no data directory. What stands in a narrative goes to standard output and nowhere else.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use egide_redaction::narrative::{self, Deidentified, KnownPerson, Language, Part, Refusal, Span};
use serde::{Deserialize, Serialize};

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

/// A line of the input. Fields that nobody knows are passed over; one that is missing refuses the line, for a list of known
/// people that was misspelt must not be taken for none.
#[derive(Deserialize)]
struct Asked {
    id: Id,
    language: String,
    known_persons: Vec<Known>,
    text: String,
}

/// What a line is called by whoever wrote it.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

#[derive(Deserialize)]
struct Known {
    name: String,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    #[serde(default)]
    kept: bool,
}

/// A line of the output.
#[derive(Serialize)]
struct Answered<'a> {
    id: &'a Id,
    deidentified_text: &'a str,
    spans: Vec<Replaced>,
}

/// Something that was replaced: where in the input, in Unicode scalar values, what it is, and which of the known people, by
/// place in the list.
#[derive(Serialize)]
struct Replaced {
    start: usize,
    end: usize,
    r#type: &'static str,
    person: Option<usize>,
}

/// A line of the output for one of the input that was refused.
#[derive(Serialize)]
struct Refused<'a> {
    id: Option<&'a Id>,
    line: u64,
    refused: &'static str,
}

/// Why a line was refused. Says nothing of what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    LineTooLong,
    Unreadable,
    Language,
    TooLong,
    Names,
    Offsets,
    Left,
    /// A reason that came later than this code: refused all the same.
    Other,
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

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLong => Self::TooLong,
            Refusal::Names => Self::Names,
            Refusal::Offsets => Self::Offsets,
            Refusal::Left => Self::Left,
            _ => Self::Other,
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
        if let Err((id, reason)) = answer(out, whole.then_some(bytes.as_slice()))? {
            refused += 1;
            exit = reason.exit(exit);
            out.json(&Refused { id: id.as_ref(), line, refused: reason.code() })?;
            let lang = out.lang;
            out.ask(lang.fill("say.deidentify_refused", &[("line", &line), ("reason", &lang.text(reason.text()))]))?;
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

/// Answers one line, which is `None` when it was too long; what is refused is told with its id, where it has one.
fn answer(out: &mut Output, line: Option<&[u8]>) -> Result<Result<(), (Option<Id>, Reason)>, Failure> {
    let Some(line) = line else { return Ok(Err((None, Reason::LineTooLong))) };
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let Ok(Asked { id, language, known_persons, text }) = serde_json::from_slice(line) else {
        return Ok(Err((None, Reason::Unreadable)));
    };
    let Some(language) = language_of(&language) else { return Ok(Err((Some(id), Reason::Language))) };
    let people: Vec<KnownPerson> = known_persons.into_iter().map(person).collect();
    match narrative::deidentify(&text, language, &people) {
        Ok(Deidentified { text, spans }) => {
            let spans = spans.into_iter().map(replaced).collect();
            out.json(&Answered { id: &id, deidentified_text: &text, spans })?;
            Ok(Ok(()))
        }
        Err(refusal) => Ok(Err((Some(id), refusal.into()))),
    }
}

fn replaced(span: Span) -> Replaced {
    Replaced { start: span.range.start, end: span.range.end, r#type: span.kind.code(), person: span.person }
}

fn person(known: Known) -> KnownPerson {
    KnownPerson {
        name: known.name,
        aliases: known.aliases.unwrap_or_default(),
        part: known.role.as_deref().map_or(Part::Unsaid, part),
        kept: known.kept,
    }
}

/// What a role says beside a person's letter. A role that nobody knows says nothing.
fn part(role: &str) -> Part {
    let role = role.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    match role.strip_prefix("person_role_").unwrap_or(&role) {
        "potential_victim" | "victim" => Part::PotentialVictim,
        "child" => Part::Child,
        "suspect" => Part::Suspect,
        _ => Part::Unsaid,
    }
}

/// `en`, `fr`, or either with a region.
fn language_of(code: &str) -> Option<Language> {
    Lang::from_locale(code.trim()).map(|lang| match lang {
        Lang::English => Language::English,
        Lang::French => Language::French,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_as_the_contract_names_them_and_as_people_write_them() {
        for role in ["PERSON_ROLE_POTENTIAL_VICTIM", "potential_victim", "Potential victim", "victim"] {
            assert_eq!(part(role), Part::PotentialVictim, "{role}");
        }
        assert_eq!((part("SUSPECT"), part("person_role_child")), (Part::Suspect, Part::Child));
        for role in ["caller", "other", "PERSON_ROLE_THIRD_PARTY", "driver", ""] {
            assert_eq!(part(role), Part::Unsaid, "{role}");
        }
    }

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
    fn what_we_did_wrong_outweighs_what_the_input_does() {
        assert_eq!(Reason::Unreadable.exit(Exit::Ok), Exit::Usage);
        assert_eq!(Reason::Left.exit(Exit::Usage), Exit::Unexpected);
        assert_eq!(Reason::Unreadable.exit(Exit::Unexpected), Exit::Unexpected);
    }
}
