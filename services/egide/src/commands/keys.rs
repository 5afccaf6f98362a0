//! `egide keys`: how the keys stand, rotating them, destroying them.

mod shred;

use clap::Subcommand;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::ShredScope;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::ledger::v1::{
    GetKeysRequest, GetKeysResponse, KeyEpoch, RecordedEvent, RetireEpochRequest, RotateKeysRequest, RotateKeysResponse,
};
use prost_types::Timestamp;
use uuid::Uuid;

use super::published;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::output::Output;
use crate::session::Session;
use crate::text::Lang;
use crate::times::{minute, second};

/// `egide keys …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Show(Show),
    Rotate(Rotate),
    Retire(Retire),
    Published(published::Args),
    #[command(subcommand)]
    Shred(shred::Command),
}

/// `egide keys show`.
#[derive(Clone, clap::Args)]
pub(crate) struct Show {
    #[arg(long)]
    count: bool,
    #[arg(long, value_name = "CASE", requires = "reason")]
    of_case: Option<Uuid>,
    #[arg(long, requires = "of_case", value_parser = value_of::<AccessReason>())]
    reason: Option<AccessReason>,
}

/// `egide keys rotate`.
#[derive(Clone, clap::Args)]
pub(crate) struct Rotate {}

/// `egide keys retire EPOCH`.
#[derive(Clone, clap::Args)]
pub(crate) struct Retire {
    #[arg(value_name = "EPOCH")]
    epoch: String,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true, default_value = "0s")]
    destroyed_at: Timestamp,
    #[arg(long, value_name = "TIME", required = true, value_parser = crate::times::parse)]
    backups_until: Timestamp,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Show(args) => show(session, args).await,
        Command::Rotate(_) => rotate(session).await,
        Command::Retire(args) => retire(session, args).await,
        // Needs no service: done before one is looked for.
        Command::Published(_) => Ok(Exit::Ok),
        Command::Shred(command) => shred::run(session, command).await,
    }
}

async fn show(session: &mut Session<'_>, args: &Show) -> Result<Exit, Failure> {
    let mut client = session.keys(Role::Compliance)?;
    let request = GetKeysRequest { count: args.count };
    let keys = session.out.waiting("say.waiting", client.get_keys(request)).await?.into_inner();
    if session.out.is_json() {
        session.out.message(&keys)?;
    } else {
        show_keys(session.out, &keys, args.count)?;
    }
    if let (Some(case), Some(reason)) = (args.of_case, args.reason) {
        let shredded = shreds_of(session, case, reason).await?;
        if session.out.is_json() {
            shredded.iter().try_for_each(|event| session.out.message(event))?;
        } else {
            show_shreds(session.out, &shredded, keys.erased_before.as_ref())?;
        }
    }
    Ok(Exit::Ok)
}

fn show_keys(out: &mut Output, keys: &GetKeysResponse, counted: bool) -> Result<(), Failure> {
    let lang = out.lang;
    let mut table = out.table(&["head.epoch", "head.first_used", "head.state", "head.entries"], 2);
    for epoch in &keys.epochs {
        let entries = if counted { epoch.entries.to_string() } else { "–".to_owned() };
        table.add_row([
            epoch.epoch.clone(),
            minute(epoch.first_used_at.as_ref()),
            state_of(lang, epoch, keys),
            entries,
        ]);
    }
    out.show(&table, "say.no_epochs")?;
    out.line("")?;
    let erased = match &keys.erased_before {
        Some(before) => lang.fill("say.erased_before", &[("time", &second(Some(before)))]),
        None => lang.text("say.nothing_erased").to_owned(),
    };
    out.line(lang.fill("say.shreds", &[("shreds", &keys.shreds), ("pending", &keys.shreds_pending)]))?;
    out.line(erased)?;
    if keys.development {
        out.note(lang.text("say.key_on_disk"))?;
    }
    Ok(())
}

fn state_of(lang: Lang, epoch: &KeyEpoch, keys: &GetKeysResponse) -> String {
    let mut words = Vec::new();
    if epoch.epoch == keys.current_epoch {
        words.push(lang.text("word.current").to_owned());
    }
    if epoch.given {
        words.push(lang.text("word.key_given").to_owned());
    }
    if epoch.development {
        words.push(lang.text("word.key_on_store_disk").to_owned());
    }
    if epoch.destroyed_at.is_some() {
        let (at, until) = (minute(epoch.destroyed_at.as_ref()), minute(epoch.backups_until.as_ref()));
        words.push(lang.fill("word.destroyed", &[("time", &at), ("until", &until)]));
    }
    words.join(", ")
}

/// The shreds of a case, with which a look at its facts is recorded.
async fn shreds_of(session: &mut Session<'_>, case: Uuid, reason: AccessReason) -> Result<Vec<RecordedEvent>, Failure> {
    let events = shred::facts_of(session, case, reason).await?;
    Ok(events.into_iter().filter(|event| matches!(shred::payload(event), Some(Payload::KeyShredded(_)))).collect())
}

fn show_shreds(out: &mut Output, shreds: &[RecordedEvent], erased_before: Option<&Timestamp>) -> Result<(), Failure> {
    let lang = out.lang;
    out.line("")?;
    let mut table = out.table(&["head.shredded", "head.recorded_at", "head.state"], 0);
    for event in shreds {
        let Some(Payload::KeyShredded(shred)) = shred::payload(event) else { continue };
        let scope = ShredScope::try_from(shred.scope).unwrap_or_default();
        let id = [&shred.subject_id, &shred.narrative_id].into_iter().find(|id| !id.is_empty());
        let whose = lang.text(scope.as_str_name()).to_owned() + &id.map(|id| format!(" {id}")).unwrap_or_default();
        let at = event.recorded_at.as_ref();
        let erased =
            at.zip(erased_before).is_some_and(|(at, before)| (at.seconds, at.nanos) < (before.seconds, before.nanos));
        let state = lang.text(if erased { "word.erased" } else { "word.closed" }).to_owned();
        table.add_row([whose, minute(at), state]);
    }
    out.show(&table, "say.nothing_shredded")
}

async fn rotate(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let mut client = session.keys(Role::Operator)?;
    let mut reports = client.rotate_keys(RotateKeysRequest {}).await?.into_inner();
    let bar = session.out.progress(0);
    let lang = session.out.lang;
    let mut last = RotateKeysResponse::default();
    while let Some(report) = reports.message().await? {
        bar.set_message(lang.fill("say.rotating", &[("entries", &report.entries), ("rewrapped", &report.rewrapped)]));
        bar.set_position(report.entries);
        last = report;
    }
    bar.finish_and_clear();
    if !last.done {
        return Err(Failure::new(Exit::Unavailable, "fail.rotation_cut"));
    }
    if session.out.is_json() {
        session.out.message(&last)?;
        return Ok(Exit::Ok);
    }
    session.out.line(lang.fill("say.rotated", &[("entries", &last.entries), ("rewrapped", &last.rewrapped)]))?;
    let [only] = last.epochs.as_slice() else {
        for epoch in &last.epochs {
            let places: [(&str, &dyn std::fmt::Display); 2] = [("epoch", &epoch.epoch), ("entries", &epoch.entries)];
            session.out.line(lang.fill("say.entries_under", &places))?;
        }
        return Ok(Exit::Ok);
    };
    session.out.line(lang.fill("say.only_epoch", &[("epoch", &only.epoch)]))?;
    Ok(Exit::Ok)
}

async fn retire(session: &mut Session<'_>, args: &Retire) -> Result<Exit, Failure> {
    let mut client = session.keys(Role::Operator)?;
    let request = RetireEpochRequest {
        epoch: args.epoch.clone(),
        destroyed_at: Some(args.destroyed_at),
        backups_until: Some(args.backups_until),
    };
    let retired = session.out.waiting("say.waiting", client.retire_epoch(request)).await?.into_inner();
    if session.out.is_json() {
        session.out.message(&retired)?;
        return Ok(Exit::Ok);
    }
    let lang = session.out.lang;
    let until = second(Some(&args.backups_until));
    session.out.line(lang.fill("say.retired", &[("epoch", &args.epoch), ("until", &until)]))?;
    Ok(Exit::Ok)
}
