//! `egide approval`: what waits for a second person's yes.

use clap::Subcommand;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::{ApprovalOutcome, Purpose, RejectionReason};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::disclosure::v1::{
    Approval, DecideApprovalRequest, DecideApprovalResponse, ListApprovalsRequest,
};
use uuid::Uuid;

use super::append::repeatable;
use super::disclose::hex;
use super::{decision, explain};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::output::Output;
use crate::paged::Pages;
use crate::session::{Session, id_or_new};
use crate::times::minute;

/// Approvals asked for at a time.
const PAGE: u32 = 100;

/// `egide approval …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    List(List),
    Grant(Grant),
    Reject(Reject),
}

/// `egide approval list`.
#[derive(Clone, clap::Args)]
pub(crate) struct List {
    #[arg(long, default_value = "supervision", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

/// `egide approval grant APPROVAL`.
#[derive(Clone, clap::Args)]
pub(crate) struct Grant {
    #[arg(value_name = "APPROVAL")]
    approval: Uuid,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide approval reject APPROVAL`.
#[derive(Clone, clap::Args)]
pub(crate) struct Reject {
    #[arg(value_name = "APPROVAL")]
    approval: Uuid,
    #[arg(long, required = true, value_parser = value_of::<RejectionReason>())]
    because: RejectionReason,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::List(args) => list(session, args).await,
        Command::Grant(args) => grant(session, args).await,
        Command::Reject(args) => reject(session, args).await,
    }
}

async fn list(session: &mut Session<'_>, args: &List) -> Result<Exit, Failure> {
    let mut client = session.disclosure(Role::Supervisor)?;
    let mut none = !session.out.is_json();
    let reason = i32::from(args.reason);
    let fetch =
        async |page_token| client.list_approvals(ListApprovalsRequest { page_size: PAGE, page_token, reason }).await;
    let told = session.out.pages(Pages::ALL, fetch, |out, page| {
        none &= page.approvals.is_empty();
        page.approvals.iter().try_for_each(|approval| show(out, approval))
    });
    told.await?;
    if none {
        session.out.line(session.out.lang.text("say.no_approvals"))?;
    }
    Ok(Exit::Ok)
}

fn show(out: &mut Output, approval: &Approval) -> Result<(), Failure> {
    let lang = out.lang;
    out.field("head.approval", &approval.approval_id)?;
    out.field("head.case", &approval.case_id)?;
    out.field("head.decision", &approval.decision_id)?;
    if let Some(request) = &approval.request {
        let wanted = request.categories.iter().map(|category| lang.word_of::<DataCategory>(*category));
        out.field("head.requested", lang.row(wanted))?;
        out.field("head.purpose", lang.word_of::<Purpose>(request.purpose))?;
        out.field("head.recipient", &request.unit_id)?;
    }
    if let Some(actor) = &approval.requested_by {
        out.field("head.actor", format!("{} ({})", actor.person, actor.role))?;
    }
    out.field("head.rules", approval.rules.join(", "))?;
    out.field("head.recorded_at", minute(approval.requested_at.as_ref()))?;
    out.field("head.until", minute(approval.expires_at.as_ref()))?;
    out.line("")
}

async fn decide(session: &mut Session<'_>, request: DecideApprovalRequest) -> Result<DecideApprovalResponse, Failure> {
    let client = session.disclosure(Role::Supervisor)?;
    let call = || {
        let mut client = client.clone();
        let request = request.clone();
        async move { client.decide_approval(request).await }
    };
    let decided = session.until_known(call).await;
    repeatable(session, &request.command_id, decided)
}

async fn grant(session: &mut Session<'_>, args: &Grant) -> Result<Exit, Failure> {
    let request = DecideApprovalRequest {
        command_id: id_or_new(args.command_id),
        approval_id: id_or_new(Some(args.approval)),
        outcome: i32::from(ApprovalOutcome::Granted),
        reason: 0,
    };
    let response = decide(session, request).await?;
    let Some(made) = &response.decision else {
        return Err(Failure::new(Exit::Unexpected, "fail.contract"));
    };
    let permit = made.decided.as_ref().is_some_and(decision::is_permit);
    let exit = if permit { Exit::Ok } else { Exit::Refused };
    if session.out.is_json() {
        session.out.message(&response)?;
        return Ok(exit);
    }
    explain::show(session.out, response.explanation.as_ref())?;
    if let Some(decided) = &made.decided {
        session.out.field("head.decision", &decided.decision_id)?;
    }
    if permit {
        session.out.field("head.referral", &made.referral_id)?;
        session.out.field("head.digest", hex(&response.report_digest))?;
    }
    Ok(exit)
}

async fn reject(session: &mut Session<'_>, args: &Reject) -> Result<Exit, Failure> {
    let request = DecideApprovalRequest {
        command_id: id_or_new(args.command_id),
        approval_id: id_or_new(Some(args.approval)),
        outcome: i32::from(ApprovalOutcome::Rejected),
        reason: i32::from(args.because),
    };
    let response = decide(session, request).await?;
    if session.out.is_json() {
        session.out.message(&response)?;
    } else {
        session.out.line(session.out.lang.text("say.approval_rejected"))?;
    }
    Ok(Exit::Ok)
}
