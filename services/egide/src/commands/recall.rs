//! `egide recall`: a released referral is taken back.

use egide_servicekit::identity::Role;
use egide_wire::proto::egide::case::v1::{RecallReason, ReferralRecalled, case_event::Payload};
use uuid::Uuid;

use super::append::{self, append};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::{Session, id_or_new};

/// `egide recall CASE REFERRAL`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "REFERRAL")]
    referral: Uuid,
    #[arg(long, required = true, value_parser = value_of::<RecallReason>())]
    reason: RecallReason,
    #[command(flatten)]
    command: append::Command,
}

pub(crate) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let recalled = ReferralRecalled { referral_id: id_or_new(Some(args.referral)), reason: i32::from(args.reason) };
    append(session, &args.command, Role::Supervisor, args.case, Payload::ReferralRecalled(recalled), None).await
}
