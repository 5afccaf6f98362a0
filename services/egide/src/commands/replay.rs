//! `egide replay`: decisions, and the reports released under them, made again from the log and compared byte for byte.

use egide_servicekit::identity::Role;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::disclosure::v1::{
    Replay, ReplayDecisionRequest, ReplayHistoryRequest, ReplayOutcome, ReportOutcome,
};
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
    Ok(if holds(replay) { Exit::Ok } else { Exit::Differs })
}

/// What came of the reports of a whole history, counted.
#[derive(Default)]
struct Reports {
    same: u64,
    differing: u64,
    other_version: u64,
    erased: u64,
    never_released: u64,
    impossible: u64,
}

impl Reports {
    fn count(&mut self, replay: &Replay) {
        let count = match replay.report() {
            ReportOutcome::Same => &mut self.same,
            ReportOutcome::Different => &mut self.differing,
            ReportOutcome::OtherVersion => &mut self.other_version,
            ReportOutcome::Erased => &mut self.erased,
            ReportOutcome::NeverReleased => &mut self.never_released,
            ReportOutcome::Impossible | ReportOutcome::Unspecified => &mut self.impossible,
        };
        *count = count.saturating_add(1);
    }

    fn show(&self, out: &mut Output) -> Result<(), Failure> {
        let counts: [(&str, &dyn std::fmt::Display); 6] = [
            ("same", &self.same),
            ("differing", &self.differing),
            ("other", &self.other_version),
            ("erased", &self.erased),
            ("never", &self.never_released),
            ("impossible", &self.impossible),
        ];
        let text = out.lang.fill("say.replayed_reports", &counts);
        out.line(text)
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "same": self.same,
            "differing": self.differing,
            "otherVersion": self.other_version,
            "erased": self.erased,
            "neverReleased": self.never_released,
            "impossible": self.impossible,
        })
    }
}

async fn all(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let mut client = session.disclosure(Role::Compliance)?;
    let request = ReplayHistoryRequest { reason: i32::from(args.reason) };
    let mut answers = session.out.waiting("say.waiting", client.replay_history(request)).await?.into_inner();
    let lang = session.out.lang;
    let bar = session.out.progress(0);
    let (mut total, mut done, mut differing, mut reports) = (0, 0_u64, 0_u64, Reports::default());
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
        reports.count(&replay);
        if !holds(&replay) {
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
        session.out.json(&serde_json::json!({
            "total": total,
            "compared": done,
            "differing": differing,
            "reports": reports.json(),
        }))?;
    } else {
        let counts: [(&str, &dyn std::fmt::Display); 3] =
            [("total", &total), ("done", &done), ("differing", &differing)];
        let key = if differing == 0 && whole { "say.replayed_same" } else { "say.replayed_differs" };
        session.out.line(lang.fill(key, &counts))?;
        reports.show(session.out)?;
    }
    Ok(if differing == 0 && whole { Exit::Ok } else { Exit::Differs })
}

/// Whether nothing speaks against a decision and its report: a report that is gone, was never made, or was made by another version
/// is no difference.
fn holds(replay: &Replay) -> bool {
    let report = match replay.report() {
        ReportOutcome::Same | ReportOutcome::OtherVersion | ReportOutcome::Erased | ReportOutcome::NeverReleased => {
            true
        }
        ReportOutcome::Different | ReportOutcome::Impossible | ReportOutcome::Unspecified => false,
    };
    report && replay.outcome() == ReplayOutcome::Same
}

fn report_told(out: &Output, replay: &Replay) -> String {
    let lang = out.lang;
    let difference: [(&str, &dyn std::fmt::Display); 1] = [("difference", &replay.report_difference)];
    match ReportOutcome::try_from(replay.report) {
        Ok(ReportOutcome::Same) => lang.text("say.report_same").to_owned(),
        Ok(ReportOutcome::Different) => lang.fill("say.report_differs", &difference),
        Ok(ReportOutcome::OtherVersion) => lang.fill("say.report_other_version", &difference),
        Ok(ReportOutcome::Erased) => lang.text("say.report_erased").to_owned(),
        Ok(ReportOutcome::NeverReleased) => lang.text("say.report_never").to_owned(),
        Ok(ReportOutcome::Impossible) => lang.fill("say.report_impossible", &difference),
        Ok(ReportOutcome::Unspecified) | Err(_) => lang.text("word.unknown").to_owned(),
    }
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
    let report = report_told(out, replay);
    out.field("head.report", report)?;
    out.field("head.version", &replay.policy_version)?;
    if !replay.same_contract {
        out.note(lang.text("say.other_contract"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;

    fn replay(outcome: ReplayOutcome, report: ReportOutcome) -> Replay {
        let (outcome, report) = (outcome.into(), report.into());
        Replay { outcome, report, report_difference: "report_digest".into(), ..Replay::default() }
    }

    #[test]
    fn whatever_differs_or_cannot_be_made_again_makes_the_exit_code_say_so() {
        for (report, expected) in [
            (ReportOutcome::Same, true),
            (ReportOutcome::Erased, true),
            (ReportOutcome::NeverReleased, true),
            (ReportOutcome::OtherVersion, true),
            (ReportOutcome::Different, false),
            (ReportOutcome::Impossible, false),
            (ReportOutcome::Unspecified, false),
        ] {
            assert_eq!(holds(&replay(ReplayOutcome::Same, report)), expected, "{report:?}");
            for decision in [ReplayOutcome::Different, ReplayOutcome::Impossible, ReplayOutcome::Unspecified] {
                assert!(!holds(&replay(decision, report)), "{decision:?} {report:?}");
            }
        }
        // What a newer service answers is nothing that holds.
        assert!(!holds(&Replay { report: 99, ..replay(ReplayOutcome::Same, ReportOutcome::Same) }));
    }

    #[test]
    fn each_outcome_of_a_report_has_words_of_its_own_in_both_languages_and_is_counted_apart() {
        let outcomes = (0..=6).map(|number| ReportOutcome::try_from(number).unwrap());
        let replays: Vec<_> = outcomes.map(|report| replay(ReplayOutcome::Same, report)).collect();
        for lang in [Lang::English, Lang::French] {
            let (out, _) = Output::into_memory(lang, 100);
            let told: std::collections::BTreeSet<_> = replays.iter().map(|replay| report_told(&out, replay)).collect();
            assert_eq!(told.len(), replays.len(), "{told:?}");
            assert!(told.iter().any(|words| words.contains("`report_digest`")));
        }
        let mut reports = Reports::default();
        replays.iter().for_each(|replay| reports.count(replay));
        let counted = reports.json();
        assert_eq!(counted["impossible"], 2);
        for once in ["same", "differing", "otherVersion", "erased", "neverReleased"] {
            assert_eq!(counted[once], 1, "{once}");
        }
    }
}
