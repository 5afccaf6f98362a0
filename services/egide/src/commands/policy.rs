//! `egide policy`: what is decided under. Checking, showing and comparing need nothing but files; what was adopted is asked of the
//! ledger.

mod show;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use egide_domain::house::HOUSE_STREAM;
use egide_domain::policy::PolicyFile;
use egide_servicekit::identity::Role;
use egide_servicekit::policy::{LoadedPolicy, wording_digest};
use egide_wire::convert::{files_of, policy_adopted};
use egide_wire::proto::egide::house::v1::{AdoptedPolicy, GetHouseRequest, GetPolicyRequest};
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent, new_event};
use serde_json::{Value, json};
use uuid::Uuid;

use super::append;
use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::policy::{PolicyArgs, refused};
use crate::session::{Session, id_or_new};
use crate::times::minute;

/// Differences that are shown; more of them is another policy.
const DIFFERENCES_MAX: usize = 500;
/// How much of a digest is enough to name a policy by.
const DIGEST_LETTERS_MIN: usize = 8;

/// `egide policy …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Check(Check),
    Show(Show),
    Diff(Diff),
    Wording(Wording),
    List,
    Adopt(Adopt),
}

/// `egide policy check DIR`.
#[derive(Clone, clap::Args)]
pub(crate) struct Check {
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
}

/// `egide policy show`.
#[derive(Clone, clap::Args)]
pub(crate) struct Show {
    #[arg(long, value_name = "VERSION", conflicts_with = "policy_folder")]
    version: Option<String>,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// `egide policy diff A B`.
#[derive(Clone, clap::Args)]
pub(crate) struct Diff {
    #[arg(value_name = "A")]
    one: String,
    #[arg(value_name = "B")]
    other: String,
}

/// `egide policy wording NAME`.
#[derive(Clone, clap::Args)]
pub(crate) struct Wording {
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// `egide policy adopt`.
#[derive(Clone, clap::Args)]
pub(crate) struct Adopt {
    #[command(flatten)]
    policy: PolicyArgs,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

pub(crate) async fn run(out: &mut Output, global: Global, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Check(args) => {
            let policy = LoadedPolicy::read(&args.folder).map_err(refused)?;
            told(out, &policy)
        }
        Command::Show(args) => {
            let policy = match &args.version {
                Some(version) => adopted(&mut Session::open(global, out)?, version).await?,
                None => args.policy.load()?,
            };
            shown(out, &policy)
        }
        Command::Diff(args) => {
            let one = named(out, &global, &args.one).await?;
            let other = named(out, &global, &args.other).await?;
            difference(out, &one, &other)
        }
        Command::Wording(args) => wording(out, &args.policy.load()?, &args.name),
        Command::List => list(&mut Session::open(global, out)?).await,
        Command::Adopt(args) => adopt(&mut Session::open(global, out)?, args).await,
    }
}

/// That it is valid, and which one it is.
fn told(out: &mut Output, policy: &LoadedPolicy) -> Result<Exit, Failure> {
    if out.is_json() {
        out.json(&summary(policy))?;
        return Ok(Exit::Ok);
    }
    out.line(out.lang.text("say.policy_valid"))?;
    heading(out, policy)?;
    Ok(Exit::Ok)
}

fn summary(policy: &LoadedPolicy) -> Value {
    let names: Vec<_> = policy.files().iter().map(|file| file.name.to_string()).collect();
    json!({"version": policy.policy().version(), "digest": policy.digest().to_string(), "files": names})
}

fn heading(out: &mut Output, policy: &LoadedPolicy) -> Result<(), Failure> {
    out.field("head.version", policy.policy().version())?;
    out.field("head.statutes", policy.policy().statutes_version())?;
    out.field("head.digest", policy.digest())?;
    let wordings: Vec<_> = policy.policy().wordings().iter().map(|wording| wording.name.to_string()).collect();
    out.field("head.wordings", wordings.join(", "))
}

fn shown(out: &mut Output, policy: &LoadedPolicy) -> Result<Exit, Failure> {
    if out.is_json() {
        let mut answer = summary(policy);
        let tables = policy.files().iter().filter(|file| file.name.ends_with(".json"));
        for PolicyFile { name, text } in tables {
            let stem = name.trim_end_matches(".json").to_owned();
            // Validated before: it is JSON.
            if let (Some(answer), Ok(table)) = (answer.as_object_mut(), serde_json::from_str::<Value>(&text)) {
                answer.insert(stem, table);
            }
        }
        out.json(&answer)?;
        return Ok(Exit::Ok);
    }
    heading(out, policy)?;
    show::everything(out, policy.policy())?;
    Ok(Exit::Ok)
}

/// A policy by what somebody calls it: `embedded`, a folder, or a version or digest that was adopted.
async fn named(out: &mut Output, global: &Global, name: &str) -> Result<LoadedPolicy, Failure> {
    if name == "embedded" {
        return LoadedPolicy::embedded().map_err(|error| refused(error.into()));
    }
    if Path::new(name).is_dir() {
        return LoadedPolicy::read(Path::new(name)).map_err(refused);
    }
    adopted(&mut Session::open(global.clone(), out)?, name).await
}

/// A policy that was adopted, the newest of that version or with a digest that begins so.
async fn adopted(session: &mut Session<'_>, name: &str) -> Result<LoadedPolicy, Failure> {
    let known = policies(session).await?;
    let fits = |policy: &&AdoptedPolicy| {
        policy.version == name || (name.len() >= DIGEST_LETTERS_MIN && hex(&policy.digest).starts_with(name))
    };
    let missing = || Failure::new(Exit::NotFound, "fail.policy_unknown").with("name", name);
    let digest = known.iter().rev().find(fits).ok_or_else(missing)?.digest.clone();
    let client = session.house(Role::Compliance)?;
    let call = || {
        let (mut client, digest) = (client.clone(), digest.clone());
        async move { client.get_policy(GetPolicyRequest { digest }).await }
    };
    let answer = session.until_known(call).await?;
    let policy = files_of(&answer.files).and_then(LoadedPolicy::from_files);
    let policy = policy.map_err(|error| refused(error.into()))?;
    // What the ledger hands out is believed as far as its digest goes.
    if *policy.digest().as_bytes() == *digest { Ok(policy) } else { Err(missing()) }
}

async fn policies(session: &mut Session<'_>) -> Result<Vec<AdoptedPolicy>, Failure> {
    let client = session.house(Role::Compliance)?;
    let call = || {
        let mut client = client.clone();
        async move { client.get_house(GetHouseRequest {}).await }
    };
    Ok(session.until_known(call).await?.policies)
}

async fn list(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let known = policies(session).await?;
    if session.out.is_json() {
        let rows = known.iter().map(|policy| {
            json!({
                "version": policy.version, "digest": hex(&policy.digest), "position": policy.position,
                "adopted_at": policy.adopted_at.as_ref().map(ToString::to_string),
                "adopted_by": policy.adopted_by.as_ref().map(|actor| actor.person.clone()),
            })
        });
        session.out.json(&rows.collect::<Vec<_>>())?;
        return Ok(Exit::Ok);
    }
    let columns = ["head.version", "head.adopted_at", "head.adopted_by", "head.position", "head.digest"];
    let mut table = session.out.table(&columns, 4);
    for policy in &known {
        let by = policy.adopted_by.as_ref().map(|actor| actor.person.clone()).unwrap_or_default();
        let at = minute(policy.adopted_at.as_ref());
        table.add_row([policy.version.clone(), at, by, policy.position.to_string(), hex(&policy.digest)]);
    }
    session.out.show(&table, "say.no_policy")?;
    Ok(Exit::Ok)
}

async fn adopt(session: &mut Session<'_>, args: &Adopt) -> Result<Exit, Failure> {
    let policy = args.policy.load()?;
    if policies(session).await?.iter().any(|known| known.digest == policy.digest().as_bytes()) {
        session.out.note(session.out.lang.text("say.policy_known"))?;
        return told_adopted(session.out, &policy);
    }
    let response = append::send(session, Role::Compliance, &adoption(&policy, args.command_id)).await?;
    if session.out.is_json() {
        session.out.message(&response)?;
        return Ok(Exit::Ok);
    }
    session.out.line(session.out.lang.text("say.policy_adopted"))?;
    told_adopted(session.out, &policy)
}

fn told_adopted(out: &mut Output, policy: &LoadedPolicy) -> Result<Exit, Failure> {
    if out.is_json() {
        out.json(&summary(policy))?;
    } else {
        heading(out, policy)?;
    }
    Ok(Exit::Ok)
}

/// The command by which a policy is adopted.
pub(crate) fn adoption(policy: &LoadedPolicy, command_id: Option<Uuid>) -> AppendRequest {
    let event = policy_adopted(policy.policy().version(), policy.digest().as_bytes(), policy.files());
    AppendRequest {
        command_id: id_or_new(command_id),
        events: vec![NewEvent {
            stream_id: HOUSE_STREAM.to_owned(),
            payload: Some(new_event::Payload::HouseEvent(event)),
            ..NewEvent::default()
        }],
        ..AppendRequest::default()
    }
}

fn wording(out: &mut Output, policy: &LoadedPolicy, name: &str) -> Result<Exit, Failure> {
    let missing = || {
        let names: Vec<_> = policy.policy().wordings().iter().map(|wording| wording.name.to_string()).collect();
        Failure::new(Exit::NotFound, "fail.wording_unknown").with("name", name).with("names", names.join(", "))
    };
    let wording = policy.policy().wording(name).ok_or_else(missing)?;
    let digest = wording_digest(wording).to_string();
    if out.is_json() {
        out.json(&json!({"name": wording.name, "digest": digest, "text": wording.text}))?;
        return Ok(Exit::Ok);
    }
    wording.text.lines().try_for_each(|line| out.wrapped("", 0, line))?;
    out.note(out.lang.fill("say.wording_digest", &[("name", &wording.name), ("digest", &digest)]))?;
    Ok(Exit::Ok)
}

fn difference(out: &mut Output, one: &LoadedPolicy, other: &LoadedPolicy) -> Result<Exit, Failure> {
    let found = differences(one, other);
    if out.is_json() {
        let rows = found.iter().map(|found| json!({"where": found.place, "a": found.one, "b": found.other}));
        out.json(&rows.collect::<Vec<_>>())?;
        return Ok(Exit::Ok);
    }
    let mut table = out.table(&["head.where", "head.policy_a", "head.policy_b"], 2);
    for found in found.iter().take(DIFFERENCES_MAX) {
        table.add_row([found.place.clone(), short(&found.one), short(&found.other)]);
    }
    out.show(&table, "say.no_difference")?;
    Ok(Exit::Ok)
}

/// A place at which two policies differ; nothing where one has nothing there.
struct Difference {
    place: String,
    one: Value,
    other: Value,
}

fn differences(one: &LoadedPolicy, other: &LoadedPolicy) -> Vec<Difference> {
    let files = |policy: &LoadedPolicy| policy.files().iter().map(|file| (file.name, file.text)).collect();
    let (one, other): (std::collections::BTreeMap<_, _>, std::collections::BTreeMap<_, _>) = (files(one), files(other));
    let names: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let value = |text: Option<&std::sync::Arc<str>>| match text {
            None => Value::Null,
            Some(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(&**text)),
        };
        let (one, other) = (value(one.get(name)), value(other.get(name)));
        compare(name, &one, &other, &mut found);
    }
    found
}

/// Rows that have an id are compared by it, so that a row put in between does not make all after it differ.
fn compare(place: &str, one: &Value, other: &Value, found: &mut Vec<Difference>) {
    match (one, other) {
        (Value::Object(first), Value::Object(second)) => {
            let names: std::collections::BTreeSet<_> = first.keys().chain(second.keys()).collect();
            for name in names {
                let value = |map: &serde_json::Map<String, Value>| map.get(name).cloned().unwrap_or_default();
                compare(&format!("{place}: {name}"), &value(first), &value(second), found);
            }
        }
        (Value::Array(first), Value::Array(second)) if first.iter().chain(second).any(|row| name_of(row).is_some()) => {
            let ids: std::collections::BTreeSet<_> = first.iter().chain(second).filter_map(name_of).collect();
            for id in ids {
                let row = |rows: &[Value]| rows.iter().find(|row| name_of(row).as_ref() == Some(&id)).cloned();
                let (one, other) = (row(first).unwrap_or_default(), row(second).unwrap_or_default());
                compare(&format!("{place}[{id}]"), &one, &other, found);
            }
        }
        (one, other) if one == other => {}
        (one, other) => {
            found.push(Difference { place: place.to_owned(), one: one.clone(), other: other.clone() });
        }
    }
}

/// What a row is called: its id, or what makes it the only one of its table.
fn name_of(row: &Value) -> Option<String> {
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    if let Some(id) = text("id").or_else(|| text("kind")).or_else(|| text("instrument")) {
        return Some(id.to_owned());
    }
    let recipient = text("recipient")?;
    let purposes = row.get("purposes").map(ToString::to_string);
    Some(format!("{recipient}, {}", text("purpose").map(str::to_owned).or(purposes).unwrap_or_default()))
}

fn short(value: &Value) -> String {
    const LETTERS_MAX: usize = 160;
    let text = match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.replace('\n', " "),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    match text.char_indices().nth(LETTERS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_domain::policy::PolicyFiles;

    fn changed(from: &str, to: &str) -> LoadedPolicy {
        let files = PolicyFiles::embedded();
        let files = files.iter().map(|file| PolicyFile { text: file.text.replacen(from, to, 1).into(), ..file });
        LoadedPolicy::from_files(PolicyFiles::collect(files).unwrap()).unwrap()
    }

    #[test]
    fn a_difference_is_told_by_its_row_and_both_values() {
        let shipped = LoadedPolicy::embedded().unwrap();
        assert!(differences(&shipped, &shipped).is_empty());
        let longer = changed("\"life_hours\": 24,", "\"life_hours\": 12,");
        let found = differences(&shipped, &longer);
        let told: Vec<_> = found.iter().map(|one| (one.place.as_str(), short(&one.one), short(&one.other))).collect();
        let expected = "policy.json: exceptions[imminent_danger]: life_hours";
        assert_eq!(told, [(expected, "24".to_owned(), "12".to_owned())]);
    }

    #[test]
    fn a_row_that_is_gone_is_one_difference_and_a_wording_another() {
        let shipped = LoadedPolicy::embedded().unwrap();
        let files: Vec<_> = shipped.files().iter().filter(|file| &*file.name != "wordings/chat-en-3.md").collect();
        let mut files: Vec<PolicyFile> = files;
        let mut table: Value = serde_json::from_str(&files[0].text).unwrap();
        table["approvals"].as_array_mut().unwrap().remove(0);
        files[0].text = table.to_string().into();
        let other = LoadedPolicy::from_files(PolicyFiles::collect(files).unwrap()).unwrap();
        let places: Vec<_> = differences(&shipped, &other).into_iter().map(|found| found.place).collect();
        assert_eq!(places, ["policy.json: approvals[foreign-hotline]", "wordings/chat-en-3.md"]);
    }
}
