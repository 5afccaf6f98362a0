//! Reading a scenario: `sample/FORMAT.md` in types.

use std::collections::BTreeMap;

use egide_wire::descriptors::of;
use egide_wire::proto::egide::case::v1::CaseEvent;
use egide_wire::proto::egide::directory::v1::{
    AgreementRecorded, OrganizationRegistered, RecipientReinstated, RecipientSuspended, UnitRegistered,
};
use prost::{Message, Name};
use prost_reflect::{DeserializeOptions, DynamicMessage};
use serde::Deserialize;
use serde_json::Value;

use super::narratives::Attest;
use super::notices::Told;
use super::packages::{FetchPackage, Key, Pack};
use super::shifts::Shift;
use super::symbols::Symbols;
use super::waiting::{Consent, Obligations, Reviews};
use crate::text::Lang;

/// A title in both languages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Titles {
    /// English.
    pub en: String,
    /// French.
    pub fr: String,
}

impl Titles {
    /// The title in this language.
    #[must_use]
    pub fn in_lang(&self, lang: Lang) -> &str {
        match lang {
            Lang::English => &self.en,
            Lang::French => &self.fr,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    scenario: String,
    title: Titles,
    language: String,
}

/// One scenario, read and checked.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file's name without ending.
    pub name: String,
    /// What it shows.
    pub title: Titles,
    pub(crate) steps: Vec<Line>,
}

/// A step with the line it stands in, its symbols not yet replaced.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) value: Value,
}

/// A line is not as the format says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{scenario}, line {line}: {problem}")]
pub struct FormatError {
    /// The file's name without ending.
    pub scenario: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// Longest title, in letters: it heads a part of the summary.
const TITLE_LETTERS_MAX: usize = 60;

impl Scenario {
    /// Reads a file and checks every step of it, with stand-ins for what only a run can know.
    ///
    /// # Errors
    /// The first line that does not fit.
    pub fn read(name: &str, text: &str) -> Result<Self, FormatError> {
        let at = |line: usize, problem: String| FormatError { scenario: name.to_owned(), line, problem };
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let mut lines = lines.by_ref().filter(|(_, line)| !line.is_empty());
        let (number, first) = lines.next().ok_or_else(|| at(1, "the file is empty".to_owned()))?;
        let header: Header = serde_json::from_str(first).map_err(|error| at(number, error.to_string()))?;
        check_header(&header, name).map_err(|problem| at(number, problem))?;
        let mut symbols = Symbols::new("check", name, 1_795_000_000);
        let mut steps = Vec::new();
        for (number, line) in lines {
            let value: Value = serde_json::from_str(line).map_err(|error| at(number, error.to_string()))?;
            check_step(&value, &mut symbols).map_err(|problem| at(number, problem))?;
            steps.push(Line { number, value });
        }
        Ok(Self { name: name.to_owned(), title: header.title, steps })
    }
}

fn check_header(header: &Header, name: &str) -> Result<(), String> {
    if header.scenario != name {
        return Err(format!("`scenario` is `{}`, the file `{name}`", header.scenario));
    }
    if Lang::from_locale(&header.language).is_none() {
        return Err("`language` is `en` or `fr`".to_owned());
    }
    for title in [&header.title.en, &header.title.fr] {
        if title.is_empty() || title.chars().count() > TITLE_LETTERS_MAX {
            return Err(format!("a title has 1 to {TITLE_LETTERS_MAX} letters: `{title}`"));
        }
    }
    Ok(())
}

fn check_step(value: &Value, symbols: &mut Symbols) -> Result<(), String> {
    let step = step(value, symbols)?;
    match &step {
        Step::Emit(emit) => {
            emit.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            emit.events.iter().try_for_each(|event| record::<CaseEvent>(event).map(drop))?;
        }
        Step::Directory(change) => {
            change.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            change.check()?;
        }
        Step::Disclose(disclose) => {
            disclose.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            disclose.check()?;
            if let Some(name) = &disclose.name {
                for part in ["referral", "decision", "approval"] {
                    symbols.capture(name, part, &symbols.id(&format!("{name}_{part}")));
                }
            }
        }
        Step::Preview(preview) => {
            preview.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            preview.expect.check()?;
        }
        Step::Approve(approve) => {
            approve.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            approve.check()?;
            if let Some(name) = &approve.name {
                for part in ["referral", "decision"] {
                    symbols.capture(name, part, &symbols.id(&format!("{name}_{part}")));
                }
            }
        }
        Step::Deliver(deliver) => {
            deliver.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            if deliver.expect.is_some() == deliver.expect_error.is_some() {
                return Err("exactly one of `expect` and `expect_error` is needed".to_owned());
            }
        }
        Step::EncryptionKey(key) => {
            key.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            symbols.capture(&key.name, "fingerprint", &key.name);
        }
        Step::Recall(Recall { speaker, .. })
        | Step::Pack(Pack { speaker, .. })
        | Step::Attest(Attest { speaker, .. })
        | Step::Replay(ReplayAgain { speaker, .. })
        | Step::History(History { speaker, .. })
        | Step::Find(Find { speaker, .. })
        | Step::Withdraw(Withdraw { speaker, .. })
        | Step::Told(Told { speaker, .. })
        | Step::Account(Account { speaker, .. }) => {
            speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
        }
        Step::Shift(shift) => {
            shift.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            shift.check()?;
        }
        Step::Number(number) => {
            number.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            symbols.capture(&number.name, "number", "1234 567 890");
        }
        Step::Consent(consent) => {
            consent.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            consent.check()?;
        }
        Step::Obligations(obligations) => {
            obligations.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            obligations.check()?;
        }
        Step::Reviews(reviews) => {
            reviews.speaker.parse::<Speaker>().map_err(|error| error.to_string())?;
            reviews.check()?;
        }
        Step::Wait(wait) if !(1..=WAIT_MAX_S).contains(&wait.seconds) => {
            return Err(format!("a wait has 1 to {WAIT_MAX_S} seconds"));
        }
        Step::Fetch(_) | Step::FetchPackage(_) | Step::Ack(_) | Step::AckRecall(_) | Step::List(_) | Step::Wait(_) => {}
    }
    Ok(())
}

/// A step with its symbols replaced.
pub(crate) fn step(value: &Value, symbols: &Symbols) -> Result<Step, String> {
    let resolved = symbols.resolve(value).map_err(|error| error.to_string())?;
    serde_json::from_value(resolved).map_err(|error| error.to_string())
}

/// Protobuf JSON as a message of the contract.
pub(crate) fn record<M: Message + Name + Default>(value: &Value) -> Result<M, String> {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let message = DynamicMessage::deserialize_with_options(of::<M>(), value, &options);
    let message = message.map_err(|error| format!("{}: {error}", M::NAME))?;
    M::decode(message.encode_to_vec().as_slice()).map_err(|error| format!("{}: {error}", M::NAME))
}

/// One step.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Directory(Box<DirectoryChange>),
    Emit(Emit),
    Disclose(Box<Disclose>),
    Preview(Box<Preview>),
    Approve(Box<Approve>),
    Attest(Attest),
    Replay(ReplayAgain),
    EncryptionKey(Key),
    Pack(Pack),
    Fetch(Fetch),
    FetchPackage(FetchPackage),
    Told(Told),
    Ack(Ack),
    AckRecall(Ack),
    List(List),
    Deliver(Deliver),
    Recall(Recall),
    History(History),
    Account(Account),
    Number(Number),
    Find(Find),
    Withdraw(Withdraw),
    Consent(Box<Consent>),
    Obligations(Obligations),
    Reviews(Reviews),
    Shift(Shift),
    Wait(Wait),
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    pub(crate) seconds: u64,
}

/// Longest wait, in seconds: whoever plays the sample waits too.
const WAIT_MAX_S: u64 = 10;

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DirectoryChange {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) organization: Option<Value>,
    pub(crate) unit: Option<Value>,
    pub(crate) agreement: Option<Value>,
    pub(crate) suspension: Option<Value>,
    pub(crate) reinstatement: Option<Value>,
}

impl DirectoryChange {
    fn check(&self) -> Result<(), String> {
        let read = |value: &Option<Value>, check: fn(&Value) -> Result<(), String>| match value {
            Some(value) => check(value).map(|()| 1),
            None => Ok(0),
        };
        let count = read(&self.organization, |value| record::<OrganizationRegistered>(value).map(drop))?
            + read(&self.unit, |value| record::<UnitRegistered>(value).map(drop))?
            + read(&self.agreement, |value| record::<AgreementRecorded>(value).map(drop))?
            + read(&self.suspension, |value| record::<RecipientSuspended>(value).map(drop))?
            + read(&self.reinstatement, |value| record::<RecipientReinstated>(value).map(drop))?;
        if count == 1 { Ok(()) } else { Err(format!("exactly one change is needed, not {count}")) }
    }
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Emit {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) case: Option<String>,
    pub(crate) events: Vec<Value>,
    pub(crate) occurred_at: Option<String>,
    pub(crate) expect_error: Option<ExpectError>,
}

/// A refusal that must come.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectError {
    pub(crate) code: String,
    pub(crate) field: Option<String>,
    pub(crate) rule: Option<String>,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disclose {
    pub(crate) name: Option<String>,
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) case: Option<String>,
    pub(crate) unit: String,
    pub(crate) purpose: String,
    pub(crate) categories: Vec<String>,
    #[serde(default)]
    pub(crate) people: Vec<String>,
    #[serde(default)]
    pub(crate) relies_on: Vec<ReliesOn>,
    pub(crate) mode: Option<String>,
    pub(crate) supplementary_to: Option<String>,
    pub(crate) expect: Option<ExpectDecision>,
    pub(crate) expect_error: Option<ExpectError>,
}

impl Disclose {
    fn check(&self) -> Result<(), String> {
        if self.expect.is_some() == self.expect_error.is_some() {
            return Err("exactly one of `expect` and `expect_error` is needed".to_owned());
        }
        self.expect.as_ref().map_or(Ok(()), ExpectDecision::check)
    }
}

impl ExpectDecision {
    fn check(&self) -> Result<(), String> {
        match self.outcome.as_str() {
            "permit" if self.released.is_none() => Err("a permit needs `released`".to_owned()),
            "permit" | "deny" => Ok(()),
            other => Err(format!("`outcome` is `permit` or `deny`, not `{other}`")),
        }
    }
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preview {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) case: Option<String>,
    pub(crate) unit: String,
    pub(crate) purpose: String,
    pub(crate) categories: Vec<String>,
    #[serde(default)]
    pub(crate) people: Vec<String>,
    pub(crate) expect: ExpectDecision,
    #[serde(default)]
    pub(crate) leaves: Vec<String>,
    #[serde(default)]
    pub(crate) withheld: Vec<String>,
    #[serde(default)]
    pub(crate) once_approved: Vec<String>,
    #[serde(default)]
    pub(crate) said: Vec<String>,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approve {
    pub(crate) name: Option<String>,
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) approval: String,
    pub(crate) unit: String,
    pub(crate) outcome: String,
    pub(crate) reason: Option<String>,
    pub(crate) expect: Option<ExpectDecision>,
    pub(crate) expect_error: Option<ExpectError>,
}

impl Approve {
    fn check(&self) -> Result<(), String> {
        let granted = match self.outcome.as_str() {
            "granted" => true,
            "rejected" => false,
            other => return Err(format!("`outcome` is `granted` or `rejected`, not `{other}`")),
        };
        if granted == self.reason.is_some() {
            return Err("a rejection, and nothing else, needs `reason`".to_owned());
        }
        if granted && self.expect.is_some() == self.expect_error.is_some() {
            return Err("exactly one of `expect` and `expect_error` is needed".to_owned());
        }
        self.expect.as_ref().map_or(Ok(()), ExpectDecision::check)
    }
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayAgain {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) decision: String,
    pub(crate) report: ReportAgain,
}

/// What must come of the report that was released.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportAgain {
    Same,
    NeverReleased,
    Erased,
}

/// A basis a request names.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReliesOn {
    pub(crate) kind: String,
    pub(crate) reference_id: String,
    pub(crate) exception: Option<String>,
}

/// What a decision must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectDecision {
    pub(crate) outcome: String,
    pub(crate) basis: Option<Vec<String>>,
    pub(crate) released: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    pub(crate) reasons: Vec<ExpectReason>,
    #[serde(default)]
    pub(crate) no_reasons: Vec<String>,
    #[serde(default)]
    pub(crate) obligations: Vec<String>,
    #[serde(default)]
    pub(crate) no_obligations: Vec<String>,
    pub(crate) urgent: Option<bool>,
    pub(crate) form: Option<String>,
}

/// A reason that must be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum ExpectReason {
    Anywhere(String),
    At(ReasonAt),
}

/// A reason with the person and category it concerns.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonAt {
    pub(crate) code: String,
    pub(crate) person: Option<String>,
    pub(crate) category: Option<String>,
}

/// Found, or the one answer for everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Presence {
    Found,
    NotFound,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fetch {
    pub(crate) unit: String,
    pub(crate) account: Option<String>,
    pub(crate) referral: String,
    pub(crate) expect: Presence,
    #[serde(default)]
    pub(crate) report: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) present: Vec<String>,
    #[serde(default)]
    pub(crate) absent: Vec<String>,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ack {
    pub(crate) unit: String,
    pub(crate) account: Option<String>,
    pub(crate) referral: String,
    pub(crate) expect: Presence,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    pub(crate) unit: String,
    pub(crate) account: Option<String>,
    #[serde(default)]
    pub(crate) contains: Vec<String>,
    #[serde(default)]
    pub(crate) lacks: Vec<String>,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deliver {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) referral: String,
    pub(crate) channel: String,
    pub(crate) received_by: String,
    #[serde(default)]
    pub(crate) spoken: Vec<String>,
    pub(crate) expect: Option<ExpectScript>,
    pub(crate) expect_error: Option<ExpectError>,
}

/// What may be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectScript {
    pub(crate) callback: Option<String>,
    #[serde(default)]
    pub(crate) present: Vec<String>,
    #[serde(default)]
    pub(crate) absent: Vec<String>,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recall {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) case: Option<String>,
    pub(crate) referral: String,
    pub(crate) reason: String,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct History {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    #[serde(default)]
    pub(crate) filter: HistoryFilter,
    pub(crate) expect: ExpectHistory,
}

/// Which disclosures.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryFilter {
    pub(crate) case: Option<String>,
    pub(crate) unit: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) basis: Option<String>,
    pub(crate) outcome: Option<String>,
    pub(crate) person: Option<String>,
}

/// What the history must say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectHistory {
    pub(crate) count: Option<usize>,
    #[serde(default)]
    pub(crate) decisions: Vec<String>,
    #[serde(default)]
    pub(crate) outside: Vec<String>,
    #[serde(default)]
    pub(crate) steps: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(crate) encrypted_to: BTreeMap<String, Vec<String>>,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) case: Option<String>,
    pub(crate) person: String,
    pub(crate) expect: ExpectAccount,
}

/// What the account must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectAccount {
    pub(crate) count: Option<usize>,
    #[serde(default)]
    pub(crate) entries: Vec<ExpectEntry>,
}

/// One entry that must be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectEntry {
    pub(crate) unit: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) categories: Option<Vec<String>>,
    pub(crate) delivered: Option<bool>,
    pub(crate) outside: Option<bool>,
    pub(crate) recalled: Option<bool>,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Number {
    pub(crate) name: String,
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) case: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) phrase: Option<String>,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Find {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) case: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) phrase: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) expect: Presence,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdraw {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) number: Option<String>,
    pub(crate) phrase: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) name: Option<String>,
}

pub(crate) use super::speaker::Speaker;
