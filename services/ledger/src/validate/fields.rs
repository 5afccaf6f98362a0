//! What holds for fields whatever event they stand in: ids are UUIDs, texts are short and clean, dates are dates, values of
//! lists are known. One walk over the message's descriptors sees every field, also one that is added later.

use egide_domain::time::Timestamp;
use egide_wire::refusal::Violation;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage as _, Value};

/// Longest text where nothing else is said, in bytes.
const TEXT_BYTES_MAX: usize = 256;
/// Longest narrative: room in the event is left for everything else.
const NARRATIVE_BYTES_MAX: usize = 48 * 1024;
/// Longest account of something in a few sentences.
const ACCOUNT_BYTES_MAX: usize = 4 * 1024;
/// Longest line written to be sent.
const LINE_BYTES_MAX: usize = 300;
/// Longest list where nothing else is said.
const LIST_MAX: usize = 64;
/// Longest list in a decision: people times categories, and more than one reason for each.
const DECISION_LIST_MAX: usize = 2_048;
/// Most bytes of one file of a policy.
const POLICY_FILE_BYTES_MAX: usize = 128 * 1024;
/// Bytes of a digest or a commitment.
const DIGEST_BYTES: usize = 32;
/// Bytes of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;
/// Last instant that can be written as a date of four digits (9999-12-31), in milliseconds.
const INSTANT_MS_MAX: i64 = 253_402_300_799_999;

pub(super) const UNKNOWN_VALUE: &str = "is no value of the list: is the caller's contract newer?";
pub(super) const MISSING: &str = "is missing";

/// Collects violations, up to a bound.
pub(super) struct Checker {
    violations: Vec<Violation>,
    at_most: usize,
}

/// How a text must look.
enum Form {
    /// Free, up to so many bytes.
    Text(usize),
    /// Free and with line breaks, up to so many bytes.
    Lines(usize),
    /// A UUID.
    Id,
    /// A date in full.
    Date,
    /// A date, or only its year and month, or only its year.
    PartialDate,
    /// A language tag.
    LanguageTag,
    /// A country's code of two letters.
    Country,
}

impl Checker {
    pub(super) const fn new(at_most: usize) -> Self {
        Self { violations: Vec::new(), at_most }
    }

    pub(super) fn finish(self) -> Result<(), Vec<Violation>> {
        if self.violations.is_empty() { Ok(()) } else { Err(self.violations) }
    }

    pub(super) fn refuse(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if self.violations.len() < self.at_most {
            self.violations.push(Violation::new(field, description));
        }
    }

    /// Refuses unless `holds`.
    pub(super) fn require(&mut self, holds: bool, field: impl Into<String>, description: impl Into<String>) {
        if !holds {
            self.refuse(field, description);
        }
    }

    pub(super) fn required_id(&mut self, field: &str, text: &str) {
        if text.is_empty() {
            self.refuse(field, MISSING);
        } else {
            self.optional_id(field, text);
        }
    }

    pub(super) fn optional_id(&mut self, field: &str, text: &str) {
        self.require(text.is_empty() || is_uuid(text), field, "is no uuid in lower case with hyphens");
    }

    /// An event's id: a UUID of version 7, so that ids are in the order of time.
    pub(super) fn event_id(&mut self, field: &str, text: &str) {
        let version_7 = is_uuid(text)
            && text.as_bytes().get(14) == Some(&b'7')
            && text.as_bytes().get(19).is_some_and(|variant| b"89ab".contains(variant));
        self.require(version_7, field, "is no uuid of version 7 in lower case with hyphens");
    }

    /// Every field that is set, and of every message within.
    pub(super) fn message(&mut self, path: &str, message: &DynamicMessage, now: Timestamp) {
        for (field, value) in message.fields() {
            let path = format!("{path}.{}", field.name());
            match value.as_list() {
                None => self.value(&path, &field, value, now),
                Some(values) if values.len() > list_max(&field) => {
                    self.refuse(path, format!("has more than {} members", list_max(&field)));
                }
                Some(values) => {
                    for (index, value) in values.iter().enumerate() {
                        self.member(&format!("{path}[{index}]"), &field, value, now);
                    }
                    self.distinct_ids(&path, &field, values);
                }
            }
        }
    }

    /// A member of a list says something: empty and unspecified have no place in one.
    fn member(&mut self, path: &str, field: &FieldDescriptor, value: &Value, now: Timestamp) {
        let says_nothing = match value {
            Value::EnumNumber(number) => *number == 0,
            Value::String(text) => text.is_empty(),
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::Message(message) => message.fields().next().is_none(),
            Value::Bool(_)
            | Value::I32(_)
            | Value::I64(_)
            | Value::U32(_)
            | Value::U64(_)
            | Value::F32(_)
            | Value::F64(_)
            | Value::List(_)
            | Value::Map(_) => false,
        };
        if says_nothing {
            self.refuse(path, "says nothing: leave it out");
        } else {
            self.value(path, field, value, now);
        }
    }

    fn value(&mut self, path: &str, field: &FieldDescriptor, value: &Value, now: Timestamp) {
        match value {
            Value::String(text) => self.text(path, field, text, now),
            Value::Bytes(bytes) => self.bytes(path, field, bytes.len()),
            Value::EnumNumber(number) => {
                let known = matches!(field.kind(), Kind::Enum(list) if list.get_value(*number).is_some());
                self.require(known, path, UNKNOWN_VALUE);
            }
            Value::Message(message) if message.descriptor().full_name() == "google.protobuf.Timestamp" => {
                self.require(is_instant(message), path, "is no time from 1970 to 9999");
            }
            Value::Message(message) => self.message(path, message, now),
            Value::Bool(_)
            | Value::I32(_)
            | Value::I64(_)
            | Value::U32(_)
            | Value::U64(_)
            | Value::F32(_)
            | Value::F64(_)
            | Value::List(_)
            | Value::Map(_) => {}
        }
    }

    fn text(&mut self, path: &str, field: &FieldDescriptor, text: &str, now: Timestamp) {
        match form(field) {
            Form::Text(bytes) => self.clean_text(path, text, bytes, false),
            Form::Lines(bytes) => self.clean_text(path, text, bytes, true),
            Form::Id => self.optional_id(path, text),
            Form::Date => self.require(Timestamp::from_date(text).is_some(), path, "is no date like 2024-01-26"),
            Form::PartialDate => match Date::parse(text) {
                None => self.refuse(path, "is no date like 2024-01-26, 2024-01 or 2024"),
                Some(date) => {
                    let birth = field.name() == "birth_date";
                    self.require(!(birth && date.begins_after(now)), path, "is in the future");
                }
            },
            Form::LanguageTag => self.require(is_language_tag(text), path, "is no language tag (BCP 47)"),
            Form::Country => {
                let code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
                self.require(code, path, "is no country code of two capital letters (ISO 3166)");
            }
        }
    }

    fn clean_text(&mut self, path: &str, text: &str, bytes_max: usize, lines: bool) {
        self.require(text.len() <= bytes_max, path, format!("has more than {bytes_max} bytes"));
        let clean = |character: char| !character.is_control() || (lines && matches!(character, '\n' | '\r' | '\t'));
        self.require(text.chars().all(clean), path, "holds control characters");
        self.require(!text.trim().is_empty(), path, "is blank: leave it out");
    }

    fn bytes(&mut self, path: &str, field: &FieldDescriptor, length: usize) {
        let name = field.name();
        let exactly =
            if name == "digest" || name.ends_with("_digest") || name == "commitment" || name == "commitment_salt" {
                DIGEST_BYTES
            } else if name == "signature" {
                SIGNATURE_BYTES
            } else {
                return;
            };
        self.require(length == exactly, path, format!("has not exactly {exactly} bytes"));
    }

    fn distinct_ids(&mut self, path: &str, field: &FieldDescriptor, values: &[Value]) {
        if !matches!(field.kind(), Kind::String) || !matches!(form(field), Form::Id) {
            return;
        }
        let mut texts: Vec<_> = values.iter().filter_map(Value::as_str).collect();
        texts.sort_unstable();
        let repeated = texts.iter().zip(texts.iter().skip(1)).any(|(one, next)| one == next);
        self.require(!repeated, path, "names somebody or something twice");
    }
}

fn form(field: &FieldDescriptor) -> Form {
    match field.full_name() {
        "egide.case.v1.NarrativeRecorded.text" | "egide.case.v1.NarrativeAttested.text" => {
            return Form::Lines(NARRATIVE_BYTES_MAX);
        }
        "egide.case.v1.ExceptionAsserted.evidence" | "egide.case.v1.DisclosedOutsideSystem.account" => {
            return Form::Lines(ACCOUNT_BYTES_MAX);
        }
        "egide.house.v1.PolicyFile.text" => return Form::Lines(POLICY_FILE_BYTES_MAX),
        "egide.case.v1.ExceptionAsserted.line_to_send" => return Form::Text(LINE_BYTES_MAX),
        "egide.case.v1.Instrument.issued_on" => return Form::Date,
        "egide.case.v1.CaseOpened.language_tag" | "egide.case.v1.PersonIdentified.languages" => {
            return Form::LanguageTag;
        }
        "egide.case.v1.ImmigrationRecorded.citizenships" => return Form::Country,
        _ => {}
    }
    match field.name() {
        "birth_date" | "since" | "valid_until" => Form::PartialDate,
        "supersedes" | "supplementary_to" => Form::Id,
        // The name of a signing key, not of anybody or anything.
        "key_id" => Form::Text(TEXT_BYTES_MAX),
        name if name.ends_with("_id") || name.ends_with("_ids") => Form::Id,
        _ => Form::Text(TEXT_BYTES_MAX),
    }
}

fn list_max(field: &FieldDescriptor) -> usize {
    match field.full_name() {
        "egide.case.v1.DisclosureDecided.reasons"
        | "egide.case.v1.DisclosureDecided.mask"
        | "egide.case.v1.DisclosureDecided.obligations" => DECISION_LIST_MAX,
        _ => LIST_MAX,
    }
}

/// Lower case, with hyphens where they belong.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

fn is_language_tag(text: &str) -> bool {
    let subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let language = |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    text.len() <= 35 && text.split('-').next().is_some_and(language) && text.split('-').all(subtag)
}

fn is_instant(message: &DynamicMessage) -> bool {
    let seconds = message.get_field_by_name("seconds").and_then(|value| value.as_i64());
    let nanos = message.get_field_by_name("nanos").and_then(|value| value.as_i32());
    let (Some(seconds), Some(nanos)) = (seconds, nanos) else { return false };
    (0..=INSTANT_MS_MAX / 1000).contains(&seconds) && (0..1_000_000_000).contains(&nanos)
}

/// A date, possibly without its day or month.
struct Date {
    year: u16,
    month: Option<u8>,
    day: Option<u8>,
}

impl Date {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let year = digits(parts.next()?, 4)?;
        let month = parts.next().map(|part| digits(part, 2)).map_or(Some(None), |month| month.map(Some))?;
        let day = parts.next().map(|part| digits(part, 2)).map_or(Some(None), |day| day.map(Some))?;
        let month = month.map(u8::try_from).transpose().ok()?;
        let day = day.map(u8::try_from).transpose().ok()?;
        let complete = parts.next().is_none() && (1850..=2200).contains(&year);
        let month_fits = month.is_none_or(|month| (1..=12).contains(&month));
        let day_fits = day.is_none_or(|day| (1..=month_length(year, month.unwrap_or_default())).contains(&day));
        (complete && month_fits && day_fits).then_some(Self { year, month, day })
    }

    /// Whether even its first day is after today, wherever on earth that is.
    fn begins_after(&self, now: Timestamp) -> bool {
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let first = Timestamp::from_date(&format!("{:04}-{month:02}-{day:02}", self.year));
        first.is_some_and(|first| first.0 > now.0.saturating_add(24 * 3_600_000))
    }
}

fn digits(text: &str, length: usize) -> Option<u16> {
    if text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

const fn month_length(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_may_be_partial_but_not_impossible() {
        for text in ["2024", "2024-02", "2024-02-29", "1931-12-31", "2000-02-29"] {
            assert!(Date::parse(text).is_some(), "{text}");
        }
        for text in ["", "24", "2024-", "2024-2", "2024-13", "2023-02-29", "1900-02-29", "2024-02-30-1", "1849", "+024"]
        {
            assert!(Date::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn language_tags_have_the_form_of_bcp_47() {
        for tag in ["en", "fr-CA", "zh-Hant-TW", "iku-Cans-CA"] {
            assert!(is_language_tag(tag), "{tag}");
        }
        for tag in ["", "e", "fr_CA", "fr-", "-fr", "français", "123"] {
            assert!(!is_language_tag(tag), "{tag}");
        }
    }

    #[test]
    fn ids_are_uuids_in_their_one_spelling() {
        assert!(is_uuid("0192abcd-ef00-7fff-8000-010203040506"));
        for text in [
            "0192ABCD-EF00-7FFF-8000-010203040506",
            "0192abcdef007fff8000010203040506",
            "",
            "0192abcd-ef00-7fff-8000-01020304050",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }
}
