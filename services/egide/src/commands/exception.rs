//! `egide exception`: the three mandatory exceptions, asserted, confirmed, lifted.

use std::path::PathBuf;

use clap::Subcommand;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::case::v1::{
    ExceptionAsserted, ExceptionConfirmed, ExceptionGround, ExceptionKind, ExceptionLifted, Instrument, InstrumentKind,
    LiftReason, case_event::Payload,
};
use egide_wire::proto::egide::classification::v1::DataCategory;
use prost_types::Timestamp;
use uuid::Uuid;

use super::append::{self, append};
use super::consent::{digest_of, numbers};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::{Session, id_or_new, words_if_given};

/// `egide exception …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Assert(Box<Assert>),
    Confirm(Confirm),
    Lift(Lift),
}

/// `egide exception assert CASE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Assert {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(long, required = true, value_parser = value_of::<ExceptionKind>())]
    kind: ExceptionKind,
    #[arg(long, value_delimiter = ',')]
    person: Vec<Uuid>,
    #[arg(long, value_delimiter = ',', required = true, value_parser = value_of::<ExceptionGround>())]
    ground: Vec<ExceptionGround>,
    #[arg(long, value_name = "TEXT")]
    line: Option<String>,
    #[arg(long, value_name = "TEXT")]
    evidence: Option<String>,
    #[arg(long)]
    break_glass: bool,
    #[arg(long, value_name = "KIND", value_parser = value_of::<InstrumentKind>())]
    instrument: Option<InstrumentKind>,
    #[arg(long, value_name = "NAME", default_value = "", requires = "instrument")]
    issuer: String,
    #[arg(long, value_name = "TEXT", requires = "instrument")]
    number: Option<String>,
    #[arg(long, value_name = "DATE", default_value = "", requires = "instrument")]
    issued_on: String,
    #[arg(long, value_name = "TIME", requires = "instrument", value_parser = crate::times::parse)]
    return_at: Option<Timestamp>,
    #[arg(long, value_delimiter = ',', value_name = "CATEGORY", requires = "instrument", value_parser = value_of::<DataCategory>())]
    scope: Vec<DataCategory>,
    #[arg(long, value_name = "UNIT", requires = "instrument")]
    names: Option<Uuid>,
    #[arg(long, value_name = "FILE", requires = "instrument", value_hint = clap::ValueHint::FilePath)]
    document: Option<PathBuf>,
    #[arg(long, value_name = "EXCEPTION")]
    exception_id: Option<Uuid>,
    #[command(flatten)]
    command: append::Command,
}

/// `egide exception confirm CASE EXCEPTION`.
#[derive(Clone, clap::Args)]
pub(crate) struct Confirm {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "EXCEPTION")]
    exception: Uuid,
    #[command(flatten)]
    command: append::Command,
}

/// `egide exception lift CASE EXCEPTION`.
#[derive(Clone, clap::Args)]
pub(crate) struct Lift {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "EXCEPTION")]
    exception: Uuid,
    #[arg(long, required = true, value_parser = value_of::<LiftReason>())]
    reason: LiftReason,
    #[command(flatten)]
    command: append::Command,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Assert(args) => {
            let asserted = asserted(args)?;
            let exception = asserted.exception_id.clone();
            let payload = Payload::ExceptionAsserted(asserted);
            let record = Some(("head.exception", exception.as_str()));
            let exit = append(session, &args.command, Role::Supervisor, args.case, payload, record).await?;
            let lang = session.out.lang;
            session.out.note(lang.fill("say.asserted", &[("case", &args.case), ("exception", &exception)]))?;
            Ok(exit)
        }
        Command::Confirm(args) => {
            let exception_id = id_or_new(Some(args.exception));
            let payload = Payload::ExceptionConfirmed(ExceptionConfirmed { exception_id });
            append(session, &args.command, Role::Supervisor, args.case, payload, None).await
        }
        Command::Lift(args) => {
            let exception_id = id_or_new(Some(args.exception));
            let payload = Payload::ExceptionLifted(ExceptionLifted { exception_id, reason: i32::from(args.reason) });
            append(session, &args.command, Role::Supervisor, args.case, payload, None).await
        }
    }
}

fn asserted(args: &Assert) -> Result<ExceptionAsserted, Failure> {
    let instrument = match args.instrument {
        Some(kind) => Some(Instrument {
            kind: i32::from(kind),
            issuer: args.issuer.clone(),
            number: words_if_given(args.number.as_deref())?,
            issued_on: args.issued_on.clone(),
            return_at: args.return_at,
            scope: numbers(&args.scope),
            unit_id: args.names.map(|unit| id_or_new(Some(unit))).unwrap_or_default(),
            document_digest: args.document.as_deref().map(digest_of).transpose()?.unwrap_or_default(),
        }),
        None => None,
    };
    Ok(ExceptionAsserted {
        exception_id: id_or_new(args.exception_id),
        kind: i32::from(args.kind),
        subject_ids: args.person.iter().map(|person| id_or_new(Some(*person))).collect(),
        grounds: args.ground.iter().map(|ground| i32::from(*ground)).collect(),
        instrument,
        evidence: words_if_given(args.evidence.as_deref())?,
        line_to_send: words_if_given(args.line.as_deref())?,
        break_glass: args.break_glass,
    })
}
