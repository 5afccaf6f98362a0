//! `egide hold`: legal holds, which keep every key of a case from being shredded.

use clap::Subcommand;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{HoldGround, HoldLiftReason, LegalHoldLifted, LegalHoldPlaced};
use uuid::Uuid;

use super::append::{self, append};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::{Session, id_or_new, words_if_given};

/// `egide hold …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Place(Place),
    Lift(Lift),
}

/// `egide hold place CASE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Place {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(long, required = true, value_parser = value_of::<HoldGround>())]
    ground: HoldGround,
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    #[arg(long, value_name = "HOLD")]
    hold_id: Option<Uuid>,
    #[command(flatten)]
    command: append::Command,
}

/// `egide hold lift CASE HOLD`.
#[derive(Clone, clap::Args)]
pub(crate) struct Lift {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "HOLD")]
    hold: Uuid,
    #[arg(long, required = true, value_parser = value_of::<HoldLiftReason>())]
    reason: HoldLiftReason,
    #[command(flatten)]
    command: append::Command,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Place(args) => {
            let hold_id = id_or_new(args.hold_id);
            let reference = words_if_given(args.reference.as_deref())?;
            let placed = LegalHoldPlaced { hold_id: hold_id.clone(), ground: args.ground.into(), reference };
            let record = Some(("head.hold", hold_id.as_str()));
            let payload = Payload::LegalHoldPlaced(placed);
            let exit = append(session, &args.command, Role::Supervisor, args.case, payload, record).await?;
            let lang = session.out.lang;
            session.out.note(lang.fill("say.held", &[("case", &args.case), ("hold", &hold_id)]))?;
            Ok(exit)
        }
        Command::Lift(args) => {
            let lifted = LegalHoldLifted { hold_id: id_or_new(Some(args.hold)), reason: args.reason.into() };
            let payload = Payload::LegalHoldLifted(lifted);
            append(session, &args.command, Role::Supervisor, args.case, payload, None).await
        }
    }
}
