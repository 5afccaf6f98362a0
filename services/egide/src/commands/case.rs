//! `egide case`: what stands in a case.

use clap::Subcommand;
use egide_report::Language;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::{CaseEvent, case_event};
use egide_wire::proto::egide::disclosure::v1::{Decision, ListDecisionsRequest};
use egide_wire::proto::egide::ledger::v1::{
    OpenState, ReadCaseRequest, RecordedEvent, WatchCaseRequest, recorded_event,
};
use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage as _, Value};
use tokio_stream::StreamExt as _;
use uuid::Uuid;

use super::{callers, decision};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::output::Output;
use crate::paged::Pages;
use crate::session::{Session, id_or_new};
use crate::text::Lang;
use crate::times::second;

/// Events asked for at a time.
const PAGE: u32 = 200;
/// Following a case is for services; the one that stands beside whoever works the case.
const WATCHER: &str = "case-desk";

/// `egide case …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Show(Show),
    Decisions(Decisions),
    Watch(Watch),
    Number(callers::Number),
}

/// `egide case show CASE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Show {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(long, required = true, value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
    #[arg(long)]
    open: bool,
    #[arg(long, value_name = "REVISION", default_value_t = 0)]
    from: u64,
}

/// `egide case decisions CASE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Decisions {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(long, required = true, value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

/// `egide case watch CASE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Watch {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(long, value_name = "REVISION", default_value_t = 0)]
    from: u64,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Show(args) => show(session, args).await,
        Command::Decisions(args) => decisions(session, args).await,
        Command::Watch(args) => watch(session, args).await,
        Command::Number(args) => callers::number(session, args).await,
    }
}

async fn show(session: &mut Session<'_>, args: &Show) -> Result<Exit, Failure> {
    let mut client = session.ledger(Role::Responder)?;
    let mut from_revision = args.from;
    loop {
        let request = ReadCaseRequest {
            case_id: id_or_new(Some(args.case)),
            from_revision,
            page_size: PAGE,
            open: args.open,
            reason: i32::from(args.reason),
            min_position: 0,
        };
        let page = session.out.waiting("say.waiting", client.read_case(request)).await?.into_inner();
        if session.out.is_json() {
            session.out.message(&page)?;
        } else {
            page.events.iter().try_for_each(|event| show_event(session.out, event))?;
        }
        if page.next_revision == 0 {
            return Ok(Exit::Ok);
        }
        from_revision = page.next_revision;
    }
}

async fn decisions(session: &mut Session<'_>, args: &Decisions) -> Result<Exit, Failure> {
    let mut client = session.disclosure(Role::Supervisor)?;
    let fetch = async |page_token| {
        let (case_id, reason) = (id_or_new(Some(args.case)), i32::from(args.reason));
        client.list_decisions(ListDecisionsRequest { case_id, page_size: PAGE, page_token, reason }).await
    };
    let told = session.out.pages(Pages::ALL, fetch, |out, page| {
        page.decisions.iter().try_for_each(|decision| {
            decision::show(out, decision)?;
            out.line("")
        })
    });
    told.await?;
    Ok(Exit::Ok)
}

async fn watch(session: &mut Session<'_>, args: &Watch) -> Result<Exit, Failure> {
    let mut client = session.ledger_as_service(WATCHER)?;
    let request = WatchCaseRequest { case_id: id_or_new(Some(args.case)), from_revision: args.from };
    let mut events = session.out.waiting("say.waiting", client.watch_case(request)).await?.into_inner();
    session.out.note(session.out.lang.text("say.watching"))?;
    while let Some(answer) = events.next().await {
        let answer = answer?;
        if session.out.is_json() {
            session.out.message(&answer)?;
        } else if let Some(event) = &answer.event {
            show_event(session.out, event)?;
        }
    }
    Ok(Exit::Ok)
}

/// One event: a line that says what and who, then its fields.
fn show_event(out: &mut Output, event: &RecordedEvent) -> Result<(), Failure> {
    let lang = out.lang;
    let actor = event.actor.as_ref();
    let who = actor.map(|actor| match actor.person.as_str() {
        "" => actor.service.clone(),
        person => format!("{person} ({}, {})", actor.role, actor.service),
    });
    let kind = lang.find(&format!("kind.{}", event.kind)).unwrap_or(&event.kind);
    let when = second(event.recorded_at.as_ref());
    out.line(format!("{:>4}  {kind}", event.revision))?;
    out.wrapped("      ", 6, &format!("{when}  {}", who.unwrap_or_default()))?;
    match decided(event) {
        Some(decision) => out.indented(6, |out| decision::show(out, &decision))?,
        None => {
            for (name, value) in fields(lang, event)? {
                out.wrapped("      ", 8, &format!("{name}{}{value}", lang.text("word.colon")))?;
            }
        }
    }
    let state = OpenState::try_from(event.open_state).unwrap_or(OpenState::Unspecified);
    match state {
        OpenState::Sealed => out.wrapped("      ", 6, lang.text("say.sealed"))?,
        OpenState::Shredded => out.wrapped("      ", 6, lang.text("say.shredded"))?,
        OpenState::Unspecified | OpenState::Opened => {}
    }
    out.line("")
}

/// The decision that an event holds, if it is one.
fn decided(event: &RecordedEvent) -> Option<Decision> {
    match &event.payload {
        Some(recorded_event::Payload::CaseEvent(CaseEvent {
            payload: Some(case_event::Payload::DisclosureDecided(decided)),
        })) => Some(Decision { decided: Some(decided.clone()), ..Decision::default() }),
        Some(_) | None => None,
    }
}

/// The fields of an event's payload, as far as they are set, by the names people give them.
fn fields(lang: Lang, event: &RecordedEvent) -> Result<Vec<(String, String)>, Failure> {
    let dynamic = match &event.payload {
        Some(recorded_event::Payload::CaseEvent(payload)) => egide_wire::descriptors::to_dynamic(payload),
        Some(recorded_event::Payload::DirectoryEvent(payload)) => egide_wire::descriptors::to_dynamic(payload),
        Some(recorded_event::Payload::AccessEvent(payload)) => egide_wire::descriptors::to_dynamic(payload),
        Some(recorded_event::Payload::HouseEvent(payload)) => egide_wire::descriptors::to_dynamic(payload),
        None => return Ok(Vec::new()),
    };
    let dynamic = dynamic.map_err(|_| Failure::new(Exit::Unexpected, "fail.contract"))?;
    let mut shown = Vec::new();
    // The outer message holds one payload message, whose kind stands in the line above.
    for (_, value) in dynamic.fields() {
        if let Some(payload) = value.as_message() {
            collect(lang, "", payload, &mut shown);
        }
    }
    Ok(shown)
}

fn collect(lang: Lang, path: &str, message: &DynamicMessage, shown: &mut Vec<(String, String)>) {
    for (field, value) in message.fields() {
        let name = format!("{path}{}", field_word(lang, &field));
        let items = value.as_list().unwrap_or(std::slice::from_ref(value));
        let words: Vec<String> = items.iter().filter_map(|item| plain(lang, &field, item)).collect();
        if !words.is_empty() {
            shown.push((name.clone(), words.join(", ")));
        }
        for inner in items.iter().filter_map(Value::as_message).filter(|inner| !is_time(inner)) {
            collect(lang, &format!("{name}, "), inner, shown);
        }
    }
}

/// What people call a field: as in reports, where it stands in them; a field without a word keeps the contract's name.
fn field_word(lang: Lang, field: &FieldDescriptor) -> String {
    let word = word_of(lang, field).unwrap_or_else(|| field.name());
    let mut letters = word.chars();
    // In reports a label begins a line; here it stands within one.
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn word_of(lang: Lang, field: &FieldDescriptor) -> Option<&'static str> {
    let message = snake(field.parent_message().name());
    let in_reports = reports(lang).label(&format!("field.{message}.{}", field.name())).ok();
    in_reports.or_else(|| lang.find(&format!("field.{}", field.name())))
}

const fn reports(lang: Lang) -> Language {
    match lang {
        Lang::English => Language::English,
        Lang::French => Language::French,
    }
}

/// `WhereaboutsRecorded` as `whereabouts_recorded`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn is_time(message: &DynamicMessage) -> bool {
    message.descriptor().full_name() == "google.protobuf.Timestamp"
}

/// A value that is no message of ours; enum values as words where we have one, else as the contract names them.
fn plain(lang: Lang, field: &FieldDescriptor, value: &Value) -> Option<String> {
    match value {
        Value::Bool(flag) => Some(lang.text(if *flag { "word.yes" } else { "word.no" }).to_owned()),
        Value::I32(number) => Some(number.to_string()),
        Value::I64(number) => Some(number.to_string()),
        Value::U32(number) => Some(number.to_string()),
        Value::U64(number) => Some(number.to_string()),
        Value::F32(number) => Some(number.to_string()),
        Value::F64(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Bytes(bytes) => Some(super::disclose::hex(bytes)),
        Value::EnumNumber(number) => {
            let kind = field.kind();
            let name = kind.as_enum().and_then(|list| list.get_value(*number))?.name().to_owned();
            let word = lang.find(&name).or_else(|| reports(lang).label(&format!("value.{name}")).ok());
            Some(word.map_or(name, str::to_owned))
        }
        Value::Message(message) if is_time(message) => {
            let time: prost_types::Timestamp = message.transcode_to().ok()?;
            Some(second(Some(&time)))
        }
        Value::Message(_) | Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use egide_wire::descriptors::of;

    use super::*;

    /// Every field and value an event of a case can hold.
    fn visit(message: &prost_reflect::MessageDescriptor, seen: &mut std::collections::BTreeSet<String>) {
        if message.full_name().starts_with("google.") || !seen.insert(message.full_name().to_owned()) {
            return;
        }
        for field in message.fields() {
            if let Some(inner) = field.kind().as_message() {
                visit(inner, seen);
            }
            for lang in Lang::ALL {
                let is_word = message.name() == "CaseEvent" || word_of(lang, &field).is_some();
                assert!(is_word, "`{}` has no word in {}", field.full_name(), lang.code());
                for value in field.kind().as_enum().into_iter().flat_map(|list| list.values().collect::<Vec<_>>()) {
                    let shown = plain(lang, &field, &Value::EnumNumber(value.number())).unwrap();
                    assert_ne!(shown, value.name(), "has no word in {}", lang.code());
                }
            }
        }
    }

    #[test]
    fn every_field_and_value_of_a_case_has_a_word_in_both_languages() {
        let mut seen = std::collections::BTreeSet::new();
        visit(&of::<CaseEvent>(), &mut seen);
        assert!(seen.len() > 25, "only {} messages were seen", seen.len());
        for payload in of::<CaseEvent>().fields() {
            let message = payload.kind().as_message().unwrap().clone();
            let kind = &egide_wire::classification::event_class(&message).unwrap().kind;
            for lang in Lang::ALL {
                assert!(lang.find(&format!("kind.{kind}")).is_some(), "`{kind}` has no word");
            }
        }
    }
}
