//! The notes, and what in them is what.
//!
//! A line of `*.jsonl` is a note: `id`, `language`, `known_persons` (as `egide deidentify` takes them; `kept` where the mask
//! lets the names through), and `text`, in which `{{tag|words}}` marks what has to go, and:
//!
//! - `{{0:class|words}}`: the first known person, written in one of the ways of [`CLASSES`];
//! - `{{kept:0|words}}`: the first known person, whose names stay;
//! - `{{keep:trap|words}}`: has to stay, and looks as if it had not to;
//! - `{{either|words}}`: may stay or go;
//! - `[words]` inside a mark: may go along with what is marked (`{{age|17[ years old]}}`).

use core::ops::Range;
use std::path::Path;

use egide_redaction::narrative::{Deidentified, KnownPerson, Language, Part, Refusal, deidentify};
use serde_json::Value;

/// How a known person can be written.
pub(crate) const CLASSES: [&str; 18] = [
    "exact",
    "case",
    "accents",
    "ligature",
    "possessive",
    "hyphen",
    "order",
    "initials",
    "spacing",
    "linebreak",
    "zerowidth",
    "lookalike",
    "typo",
    "alias",
    "nickname",
    "joined",
    "apostrophe",
    "word",
];

/// What else has to go.
pub(crate) const TAGS: [&str; 32] = [
    "address",
    "age",
    "bank_account",
    "birth_date",
    "card:invalid",
    "card:valid",
    "email",
    "handle",
    "health",
    "health:invalid",
    "health:valid",
    "iban:invalid",
    "iban:valid",
    "immigration",
    "ip",
    "licence",
    "name",
    "name:allcaps",
    "name:lower",
    "number",
    "passport",
    "phone",
    "phone:words",
    "plate",
    "police",
    "postal",
    "room",
    "sin:invalid",
    "sin:valid",
    "status",
    "url",
    "uuid",
];

/// What looks as if it had to go, and stays.
pub(crate) const TRAPS: [&str; 8] = ["price", "time", "date", "count", "percent", "route", "word", "trap"];

/// Which notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// May be looked at by who writes recognisers.
    Dev,
    /// May not.
    HeldOut,
}

impl Half {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::HeldOut => "held-out",
        }
    }
}

/// What a marked piece is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Has to go; a known person, or nobody known.
    Goes { tag: String, person: Option<usize> },
    /// A known person's name that the mask lets through.
    Kept,
    /// Has to stay.
    Trap(String),
    /// May stay or go.
    Either,
}

/// A marked piece, in Unicode scalar values of the text.
pub(crate) struct Piece {
    pub(crate) range: Range<usize>,
    pub(crate) mark: Mark,
}

/// A note.
pub(crate) struct Note {
    pub(crate) id: String,
    pub(crate) language: Language,
    pub(crate) mixed: bool,
    pub(crate) people: Vec<KnownPerson>,
    pub(crate) text: String,
    pub(crate) characters: Vec<char>,
    pub(crate) pieces: Vec<Piece>,
}

impl Note {
    pub(crate) fn deidentify(&self) -> Result<Deidentified, Refusal> {
        deidentify(&self.text, self.language, &self.people)
    }

    /// The tags of everything marked.
    pub(crate) fn tags(&self) -> impl Iterator<Item = String> {
        self.pieces.iter().map(|piece| match &piece.mark {
            Mark::Goes { tag, .. } => tag.clone(),
            Mark::Kept => "kept".to_owned(),
            Mark::Trap(trap) => format!("keep:{trap}"),
            Mark::Either => "either".to_owned(),
        })
    }

    /// What is written there.
    pub(crate) fn written(&self, range: &Range<usize>) -> String {
        self.characters[range.clone()].iter().collect()
    }

    /// The piece without the punctuation and white space around it.
    pub(crate) fn core(&self, range: &Range<usize>) -> Range<usize> {
        let solid = |place: &usize| self.characters[*place].is_alphanumeric();
        let first = range.clone().find(solid).expect("a mark marks something");
        let last = range.clone().rev().find(solid).expect("a mark marks something");
        first..last + 1
    }
}

/// The notes of one half, English first.
pub(crate) fn notes(half: Half) -> Vec<Note> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notes");
    let read = |language| std::fs::read_to_string(folder.join(format!("{}-{language}.jsonl", half.name()))).unwrap();
    ["en", "fr"].into_iter().flat_map(|language| read(language).lines().map(note).collect::<Vec<_>>()).collect()
}

fn note(line: &str) -> Note {
    let value: Value = serde_json::from_str(line).unwrap();
    let id = value["id"].as_str().unwrap().to_owned();
    let (text, pieces) = unmarked(value["text"].as_str().unwrap(), &id);
    let people = value["known_persons"].as_array().unwrap().iter().map(person).collect();
    Note {
        language: match value["language"].as_str().unwrap() {
            "en" => Language::English,
            "fr" => Language::French,
            _ => panic!("{id}: a language nobody reads"),
        },
        mixed: value["mixed"].as_bool().unwrap_or(false),
        people,
        characters: text.chars().collect(),
        text,
        pieces,
        id,
    }
}

fn person(value: &Value) -> KnownPerson {
    let aliases = value["aliases"].as_array().unwrap();
    KnownPerson {
        name: value["name"].as_str().unwrap().to_owned(),
        aliases: aliases.iter().map(|alias| alias.as_str().unwrap().to_owned()).collect(),
        part: match value["role"].as_str().unwrap() {
            "victim" => Part::PotentialVictim,
            "child" => Part::Child,
            "suspect" => Part::Suspect,
            "caller" | "other" => Part::Unsaid,
            role => panic!("no role `{role}`"),
        },
        kept: value["kept"].as_bool().unwrap_or(false),
    }
}

/// The text without its marks, and what they marked.
fn unmarked(marked: &str, id: &str) -> (String, Vec<Piece>) {
    let (mut text, mut pieces, mut rest) = (String::new(), Vec::new(), marked);
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let (tagged, after) = after.split_once("}}").unwrap_or_else(|| panic!("{id}: a mark without an end"));
        let (tag, words) = tagged.split_once('|').unwrap_or_else(|| panic!("{id}: a mark without a tag"));
        let mark = mark(tag).unwrap_or_else(|| panic!("{id}: no tag `{tag}`"));
        for (words, beside) in parted(words) {
            let start = text.chars().count();
            text.push_str(words);
            let range = start..text.chars().count();
            if !range.is_empty() {
                pieces.push(Piece { range, mark: if beside { Mark::Either } else { mark.clone() } });
            }
        }
        rest = after;
    }
    text.push_str(rest);
    (text, pieces)
}

/// The marked words, and those in brackets before or after them.
fn parted(words: &str) -> [(&str, bool); 3] {
    if let Some((before, words)) = words.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return [(before, true), (words, false), ("", false)];
    }
    match words.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
        Some((words, after)) => [("", false), (words, false), (after, true)],
        None => [(words, false), ("", false), ("", false)],
    }
}

fn mark(tag: &str) -> Option<Mark> {
    if tag == "either" {
        return Some(Mark::Either);
    }
    if TAGS.contains(&tag) {
        return Some(Mark::Goes { tag: tag.to_owned(), person: None });
    }
    match tag.split_once(':')? {
        ("kept", _) => Some(Mark::Kept),
        ("keep", trap) => TRAPS.contains(&trap).then(|| Mark::Trap(trap.to_owned())),
        (person, class) => {
            let person = Some(person.parse().ok()?);
            CLASSES.contains(&class).then(|| Mark::Goes { tag: format!("person:{class}"), person })
        }
    }
}
