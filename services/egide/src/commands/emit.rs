//! `egide emit`: commands from a file of JSON Lines.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use egide_servicekit::identity::Role;
use egide_wire::descriptors::of;
use egide_wire::proto::egide::ledger::v1::AppendRequest;
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage};

use super::append::send;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, id_or_new};

/// Largest input we read into memory, in bytes; more belongs into several files.
const INPUT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// `egide emit [FILE]`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "FILE", default_value = "-", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    #[arg(long, value_name = "LINE", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from_line: u64,
    #[arg(long)]
    check: bool,
}

/// A command and the line it stands in.
struct Numbered {
    line: usize,
    request: AppendRequest,
}

pub(crate) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let text = read(&args.file)?;
    let from = usize::try_from(args.from_line).unwrap_or(usize::MAX);
    let commands = parse(&text, from)?;
    let lang = session.out.lang;
    if args.check {
        session.out.note(lang.fill("say.checked", &[("count", &commands.len())]))?;
        return Ok(Exit::Ok);
    }
    let bar = session.out.progress(commands.len());
    let mut events = 0;
    let mut last_position = 0;
    for Numbered { line, request } in &commands {
        let sent = send(session, Role::Responder, request).await;
        if sent.is_err() {
            bar.abandon();
            session.out.note(lang.fill("say.emit_stopped", &[("line", line), ("file", &args.file.display())]))?;
        }
        let response = sent?;
        bar.inc(1);
        if session.out.is_json() {
            session.out.message(&response)?;
        }
        let appended = response.acknowledgement.map(|acknowledgement| acknowledgement.events).unwrap_or_default();
        events += appended.len();
        last_position = appended.last().map_or(last_position, |event| event.position);
    }
    bar.finish_and_clear();
    if !session.out.is_json() {
        let counts: [(&str, &dyn std::fmt::Display); 3] =
            [("commands", &commands.len()), ("events", &events), ("position", &last_position)];
        session.out.line(lang.fill("say.emitted", &counts))?;
    }
    Ok(Exit::Ok)
}

fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().take(INPUT_BYTES_MAX).read_to_string(&mut text)?;
    } else {
        let open = std::fs::File::open(file);
        open.and_then(|file| file.take(INPUT_BYTES_MAX).read_to_string(&mut text))
            .map_err(|error| Failure::file(file, &error))?;
    }
    Ok(text)
}

/// Reads every line before the first is sent: a slip in the last one should not leave half a file behind.
fn parse(text: &str, from: usize) -> Result<Vec<Numbered>, Failure> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let mut commands = Vec::new();
    for (line, text) in lines.filter(|(line, text)| *line >= from && !text.is_empty()) {
        commands.push(Numbered { line, request: request(line, text)? });
    }
    if commands.is_empty() {
        return Err(Failure::new(Exit::Usage, "fail.empty_input"));
    }
    Ok(commands)
}

fn request(line: usize, text: &str) -> Result<AppendRequest, Failure> {
    let unreadable = |column: usize, error: String| {
        Failure::new(Exit::Usage, "fail.line").with("line", line).with("column", column).with("error", error)
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let message = DynamicMessage::deserialize_with_options(of::<AppendRequest>(), &mut json, &options)
        .map_err(|error| unreadable(error.column(), without_values(&error.to_string())))?;
    json.end().map_err(|error| unreadable(error.column(), without_values(&error.to_string())))?;
    let mut request = AppendRequest::decode(message.encode_to_vec().as_slice())
        .map_err(|_| Failure::new(Exit::Unexpected, "fail.contract"))?;
    if request.command_id.is_empty() {
        request.command_id = id_or_new(None);
    }
    Ok(request)
}

/// A reader's error text without what it quotes from the input, which may be about a person. Names of fields that the
/// contract does not know stay: that is what somebody has to mend.
fn without_values(error: &str) -> String {
    let place = error.find(" at line ").unwrap_or(error.len());
    let told = error.get(..place).unwrap_or(error);
    let quotes: &[char] = if told.starts_with("unrecognized field name") { &['"'] } else { &['"', '\'', '`'] };
    let mut parts = told.split(quotes);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    while parts.next().is_some() {
        shown.push('…');
        shown.push_str(parts.next().unwrap_or_default());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"events":[{"streamId":"6f6c1d3c-9d0c-4f2e-8f6b-0d9a6f2b1c11","case_event":{"case_opened":{"channel":"CHANNEL_PHONE"}}}]}"#;

    #[test]
    fn both_spellings_of_field_names_are_read_and_a_command_id_is_given() {
        let commands = parse(&format!("\n{GOOD}\n\n{GOOD}\n"), 1).unwrap();
        assert_eq!(commands.iter().map(|one| one.line).collect::<Vec<_>>(), [2, 4]);
        let ids: Vec<_> = commands.iter().map(|one| one.request.command_id.clone()).collect();
        assert!(uuid::Uuid::parse_str(&ids[0]).is_ok());
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn reading_goes_on_from_a_line() {
        assert_eq!(parse(&format!("not json\n{GOOD}"), 2).unwrap().len(), 1);
        assert_eq!(parse(GOOD, 2).err().unwrap().exit(), Exit::Usage);
    }

    #[test]
    fn an_unknown_field_is_named_with_its_line() {
        let failure = parse(&format!("{GOOD}\n{{\"eventz\":[]}}"), 1).err().unwrap();
        let shown = failure.to_string();
        assert!(shown.contains("line 2") && shown.contains("eventz"), "{shown}");
    }

    #[test]
    fn what_stands_in_the_input_is_not_repeated() {
        let bad = r#"{"events":[{"case_event":{"case_opened":{"channel":"Marisol Quillfeather"}}}]}"#;
        let shown = parse(bad, 1).err().unwrap().to_string();
        assert!(!shown.contains("Quillfeather"), "{shown}");
        let bad = r#"{"events":"Marisol Quillfeather"}"#;
        let shown = parse(bad, 1).err().unwrap().to_string();
        assert!(!shown.contains("Quillfeather"), "{shown}");
    }
}
