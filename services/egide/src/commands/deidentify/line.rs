//! One line of a batch: what is asked, what is answered, why it is refused. Knows of nothing but the line, so that it can be
//! tried by itself (`tests/fuzz`).

use egide_redaction::narrative::{self, Deidentified, KnownPerson, Language, Part, Refusal, Span};
use serde::{Deserialize, Serialize};

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
pub(crate) enum Id {
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
pub(crate) struct Answered {
    id: Id,
    deidentified_text: String,
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

/// Why a line was refused. Says nothing of what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
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

/// Answers one line; what is refused is told with its id, where it has one. `language_of` says which language a code is.
pub(crate) fn answer(
    line: &[u8],
    language_of: impl Fn(&str) -> Option<Language>,
) -> Result<Answered, (Option<Id>, Reason)> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let asked = serde_json::from_slice(line).map_err(|_| (None, Reason::Unreadable))?;
    let Asked { id, language, known_persons, text } = asked;
    let Some(language) = language_of(&language) else { return Err((Some(id), Reason::Language)) };
    let people: Vec<KnownPerson> = known_persons.into_iter().map(person).collect();
    match narrative::deidentify(&text, language, &people) {
        Ok(Deidentified { text: deidentified_text, spans }) => {
            Ok(Answered { id, deidentified_text, spans: spans.into_iter().map(replaced).collect() })
        }
        Err(refusal) => Err((Some(id), refusal.into())),
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
}
