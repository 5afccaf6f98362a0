//! `egide preview` and `egide decision explain`: what would be decided, and why something was.

use clap::Subcommand;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::disclosure::v1::{
    ExplainDecisionRequest, Explanation, FieldFate, PreviewDisclosureRequest, PreviewedField, PreviewedRecord,
};
use uuid::Uuid;

use super::decision::is_permit;
use super::disclose::Wanted;
use super::referrals::show_line;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::output::Output;
use crate::session::{Session, id_or_new};
use crate::text::Lang;

/// `egide preview CASE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Preview {
    #[command(flatten)]
    wanted: Wanted,
    #[arg(long, default_value = "working-the-case", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

/// `egide decision …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Explain(Explain),
}

/// `egide decision explain DECISION`.
#[derive(Clone, clap::Args)]
pub(crate) struct Explain {
    #[arg(value_name = "DECISION")]
    decision: Uuid,
    #[arg(long, default_value = "working-the-case", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

pub(crate) async fn preview(session: &mut Session<'_>, args: &Preview) -> Result<Exit, Failure> {
    let mut client = session.disclosure(Role::Supervisor)?;
    let asked = args.wanted.request(String::new());
    let request = PreviewDisclosureRequest {
        case_id: asked.case_id,
        unit_id: asked.unit_id,
        purpose: asked.purpose,
        categories: asked.categories,
        subject_ids: asked.subject_ids,
        relies_on: asked.relies_on,
        mode: asked.mode,
        supplementary_to: asked.supplementary_to,
        reason: i32::from(args.reason),
    };
    let response = session.out.waiting("say.waiting", client.preview_disclosure(request)).await?.into_inner();
    let permit = response.decided.as_ref().is_some_and(is_permit);
    let exit = if permit { Exit::Ok } else { Exit::Refused };
    if session.out.is_json() {
        session.out.message(&response)?;
        return Ok(exit);
    }
    show(session.out, response.explanation.as_ref())?;
    session.out.line("")?;
    if let Some(waits) = &response.waits_for {
        show(session.out, waits.explanation.as_ref())?;
        session.out.line("")?;
    }
    response.records.iter().try_for_each(|record| show_record(session.out, record))?;
    let lang = session.out.lang;
    if response.records_left_out > 0 {
        session.out.note(lang.fill("say.records_left_out", &[("count", &response.records_left_out)]))?;
    }
    session.out.note(lang.text("say.preview_only"))?;
    Ok(exit)
}

/// What becomes of the fields of one record; what was sealed carries a mark.
fn show_record(out: &mut Output, record: &PreviewedRecord) -> Result<(), Failure> {
    let lang = out.lang;
    let people = record.subject_ids.join(", ");
    out.line(
        lang.fill("say.previewed", &[("kind", &record.kind), ("revision", &record.revision), ("people", &people)]),
    )?;
    for field in &record.fields {
        let label = match lang {
            Lang::English => &field.label_en,
            Lang::French => &field.label_fr,
        };
        let fate = fate_word(field);
        let sealed = if field.sealed { lang.text("word.if_recorded") } else { "" };
        out.wrapped("  ", 4, &format!("{label}{}{}{sealed}", lang.text("word.colon"), lang.text(fate)))?;
    }
    Ok(())
}

/// What becomes of a field now or, where it is held back for want of an approval alone, what would become of it then.
fn fate_word(field: &PreviewedField) -> &'static str {
    match (FieldFate::try_from(field.fate), FieldFate::try_from(field.fate_once_approved)) {
        (Ok(FieldFate::Withheld), Ok(FieldFate::Whole)) => "word.fate_once_whole",
        (Ok(FieldFate::Withheld), Ok(FieldFate::Generalised)) => "word.fate_once_generalised",
        (Ok(FieldFate::Whole), _) => "word.fate_whole",
        (Ok(FieldFate::Generalised), _) => "word.fate_generalised",
        (Ok(FieldFate::Withheld), _) => "word.fate_withheld",
        (Ok(FieldFate::Unspecified) | Err(_), _) => "word.unknown",
    }
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    let Command::Explain(args) = command;
    let mut client = session.disclosure(Role::Supervisor)?;
    let request =
        ExplainDecisionRequest { decision_id: id_or_new(Some(args.decision)), reason: i32::from(args.reason) };
    let response = session.out.waiting("say.waiting", client.explain_decision(request)).await?.into_inner();
    if session.out.is_json() {
        session.out.message(&response)?;
    } else {
        show(session.out, response.explanation.as_ref())?;
    }
    Ok(Exit::Ok)
}

/// An explanation in the reader's language.
pub(crate) fn show(out: &mut Output, explanation: Option<&Explanation>) -> Result<(), Failure> {
    let Some(explanation) = explanation else { return Ok(()) };
    let lines = match out.lang {
        Lang::English => &explanation.english,
        Lang::French => &explanation.french,
    };
    lines.iter().try_for_each(|line| show_line(out, line))
}
