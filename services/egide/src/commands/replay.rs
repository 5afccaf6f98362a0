//! `egide replay`: decisions made again from the log, and compared byte for byte.

use egide_servicekit::identity::Role;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::disclosure::v1::{Replay, ReplayDecisionRequest, ReplayHistoryRequest, ReplayOutcome};
use uuid::Uuid;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::output::Output;
use crate::session::{Session, id_or_new};

/// Answers between two movements of the progress bar.
const STEP: u64 = 16;

/// `egide replay [DECISION]`.
#[derive(Clone, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["decision", "all"])))]
pub(crate) struct Args {
    #[arg(value_name = "DECISION")]
    decision: Option<Uuid>,
    #[arg(long)]
    all: bool,
    #[arg(long, default_value = "audit", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

pub(crate) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    match args.decision {
        Some(decision) => one(session, args, decision).await,
        None => all(session, args).await,
    }
}

async fn one(session: &mut Session<'_>, args: &Args, decision: Uuid) -> Result<Exit, Failure> {
    let mut client = session.disclosure(Role::Compliance)?;
    let request = ReplayDecisionRequest { decision_id: id_or_new(Some(decision)), reason: i32::from(args.reason) };
    let response = session.out.waiting("say.waiting", client.replay_decision(request)).await?.into_inner();
    let Some(replay) = &response.replay else {
        return Err(Failure::new(Exit::Unexpected, "fail.contract"));
    };
    if session.out.is_json() {
        session.out.message(&response)?;
    } else {
        show(session.out, replay)?;
    }
    Ok(if is_same(replay) { Exit::Ok } else { Exit::Differs })
}

async fn all(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let mut client = session.disclosure(Role::Compliance)?;
    let request = ReplayHistoryRequest { reason: i32::from(args.reason) };
    let mut answers = session.out.waiting("say.waiting", client.replay_history(request)).await?.into_inner();
    let lang = session.out.lang;
    let bar = session.out.progress(0);
    let (mut total, mut done, mut differing) = (0, 0_u64, 0_u64);
    while let Some(answer) = answers.message().await? {
        total = answer.total;
        let Some(replay) = answer.replay else {
            bar.set_length(total);
            continue;
        };
        done = done.saturating_add(1);
        if done.is_multiple_of(STEP) {
            bar.set_position(done);
            bar.set_message(lang.fill("say.replaying", &[("done", &done), ("total", &total)]));
        }
        if !is_same(&replay) {
            differing = differing.saturating_add(1);
            if session.out.is_json() {
                session.out.message(&replay)?;
            } else {
                show(session.out, &replay)?;
            }
        }
    }
    bar.finish_and_clear();
    // A connection that ended early has compared nothing of the rest.
    let whole = done >= total;
    if session.out.is_json() {
        session.out.json(&serde_json::json!({"total": total, "compared": done, "differing": differing}))?;
    } else {
        let counts: [(&str, &dyn std::fmt::Display); 3] =
            [("total", &total), ("done", &done), ("differing", &differing)];
        let key = if differing == 0 && whole { "say.replayed_same" } else { "say.replayed_differs" };
        session.out.line(lang.fill(key, &counts))?;
    }
    Ok(if differing == 0 && whole { Exit::Ok } else { Exit::Differs })
}

fn is_same(replay: &Replay) -> bool {
    replay.outcome == i32::from(ReplayOutcome::Same)
}

fn show(out: &mut Output, replay: &Replay) -> Result<(), Failure> {
    let lang = out.lang;
    let answer = match ReplayOutcome::try_from(replay.outcome) {
        Ok(ReplayOutcome::Same) => lang.text("say.replay_same").to_owned(),
        Ok(ReplayOutcome::Different) => lang.fill("say.replay_differs", &[("field", &replay.first_difference)]),
        Ok(ReplayOutcome::Impossible) => lang.fill("say.replay_impossible", &[("why", &replay.first_difference)]),
        Ok(ReplayOutcome::Unspecified) | Err(_) => lang.text("word.unknown").to_owned(),
    };
    out.field("head.decision", &replay.decision_id)?;
    out.field("head.case", &replay.case_id)?;
    out.field("head.answer", answer)?;
    out.field("head.version", &replay.policy_version)?;
    if !replay.same_contract {
        out.note(lang.text("say.other_contract"))?;
    }
    Ok(())
}
