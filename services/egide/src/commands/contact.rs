//! `egide contact`: before a person is contacted, and afterwards. How they may be approached is printed with it.

use clap::Subcommand;
use egide_domain::ids::SubjectId;
use egide_servicekit::identity::Role;
use egide_wire::convert::Listed as _;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    ApproachRule, ContactCleared, ContactMade, ContactMeans, ContactOutcome, ContactPermission, ContactPurpose,
};
use uuid::Uuid;

use super::append::{self, append};
use super::case_facts::{self, Known};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::{Session, id_or_new};

/// `egide contact …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Clear(Clear),
    Made(Made),
}

/// `egide contact clear CASE PERSON`.
#[derive(Clone, clap::Args)]
pub(crate) struct Clear {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "PERSON")]
    person: Uuid,
    #[arg(long, value_name = "MEANS", required = true, value_parser = value_of::<ContactMeans>())]
    by: ContactMeans,
    #[arg(long = "for", value_name = "PURPOSE", required = true, value_parser = value_of::<ContactPurpose>())]
    what_for: ContactPurpose,
    #[arg(long, value_name = "CONTACT")]
    contact_id: Option<Uuid>,
    #[command(flatten)]
    command: append::Command,
}

/// `egide contact made CASE PERSON`.
#[derive(Clone, clap::Args)]
pub(crate) struct Made {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "PERSON")]
    person: Uuid,
    #[arg(long, value_name = "MEANS", required = true, value_parser = value_of::<ContactMeans>())]
    by: ContactMeans,
    #[arg(long = "for", value_name = "PURPOSE", required = true, value_parser = value_of::<ContactPurpose>())]
    what_for: ContactPurpose,
    #[arg(long, required = true, value_parser = value_of::<ContactOutcome>())]
    outcome: ContactOutcome,
    #[arg(long, value_name = "CONTACT")]
    contact_id: Option<Uuid>,
    #[command(flatten)]
    command: append::Command,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Clear(args) => {
            // Shown also, and above all, where the ledger refuses.
            let known = case_facts::read(session, Role::Responder, args.case, AccessReason::WorkingTheCase).await?;
            show_instructions(session, &known, args.person)?;
            let contact_id = id_or_new(args.contact_id);
            let payload = Payload::ContactCleared(ContactCleared {
                contact_id: contact_id.clone(),
                subject_id: id_or_new(Some(args.person)),
                means: args.by.into(),
                purpose: args.what_for.into(),
            });
            let record = Some(("head.contact", contact_id.as_str()));
            append(session, &args.command, Role::Responder, args.case, payload, record).await
        }
        Command::Made(args) => {
            let payload = Payload::ContactMade(ContactMade {
                contact_id: id_or_new(args.contact_id),
                subject_id: id_or_new(Some(args.person)),
                means: args.by.into(),
                purpose: args.what_for.into(),
                outcome: args.outcome.into(),
            });
            append(session, &args.command, Role::Responder, args.case, payload, None).await
        }
    }
}

/// What the person said about being contacted. Without an instruction nobody is.
fn show_instructions(session: &mut Session<'_>, known: &Known, person: Uuid) -> Result<(), Failure> {
    if session.out.is_json() {
        return Ok(());
    }
    let lang = session.out.lang;
    let person = known.facts.person(SubjectId(*person.as_bytes()));
    let Some(permission) = person.and_then(|person| person.contact) else {
        return session.out.field("head.instruction", lang.text("say.no_instruction"));
    };
    session.out.field("head.instruction", lang.word_of::<ContactPermission>(permission.number()))?;
    for rule in person.into_iter().flat_map(|person| person.contact_rules.iter()) {
        session.out.field("head.rule", lang.word_of::<ApproachRule>(rule.number()))?;
    }
    Ok(())
}
