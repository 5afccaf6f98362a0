//! `egide obligations`: what disclosures bind us to, and what became of it.

use clap::Subcommand;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{ObligationKind, ObligationNoted, ObligationReason, ObligationState};
use egide_wire::proto::egide::triage::v1::{ListObligationsRequest, OwedObligation};
use prost_types::Timestamp;
use uuid::Uuid;

use super::append::{self, append};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::paged::Pages;
use crate::session::{Session, id_or_new, words_if_given};
use crate::text::Lang;
use crate::times::minute;

/// The column of the table that may wrap.
const WHAT: usize = 1;

/// `egide obligations …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    List(List),
    Met(Met),
    Defer(Defer),
    Impossible(Impossible),
}

/// `egide obligations list`.
#[derive(Clone, clap::Args)]
pub(crate) struct List {
    #[arg(long, value_delimiter = ',', value_parser = value_of::<ObligationState>())]
    state: Vec<ObligationState>,
    #[arg(long, value_delimiter = ',', value_parser = value_of::<ObligationKind>())]
    kind: Vec<ObligationKind>,
    #[arg(long)]
    case: Option<Uuid>,
    #[arg(long, default_value = "supervision", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    page_size: u32,
    #[arg(long, value_name = "TOKEN", default_value = "")]
    page_token: String,
    #[arg(long)]
    all: bool,
}

/// Which obligation.
#[derive(Clone, clap::Args)]
struct Which {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "DECISION")]
    decision: Uuid,
    #[arg(value_name = "KIND", value_parser = value_of::<ObligationKind>())]
    obligation: ObligationKind,
    #[arg(long, value_name = "PERSON")]
    person: Option<Uuid>,
    #[arg(long, value_name = "TEXT")]
    remark: Option<String>,
    #[command(flatten)]
    command: append::Command,
}

/// `egide obligations met CASE DECISION KIND`.
#[derive(Clone, clap::Args)]
pub(crate) struct Met {
    #[command(flatten)]
    which: Which,
}

/// `egide obligations defer CASE DECISION KIND`.
#[derive(Clone, clap::Args)]
pub(crate) struct Defer {
    #[command(flatten)]
    which: Which,
    #[arg(long, value_name = "TIME", required = true, value_parser = crate::times::parse)]
    review_at: Timestamp,
    #[arg(long = "why", default_value = "unsafe", value_parser = value_of::<ObligationReason>())]
    why: ObligationReason,
}

/// `egide obligations impossible CASE DECISION KIND`.
#[derive(Clone, clap::Args)]
pub(crate) struct Impossible {
    #[command(flatten)]
    which: Which,
    #[arg(long = "why", required = true, value_parser = value_of::<ObligationReason>())]
    why: ObligationReason,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::List(args) => list(session, args).await,
        Command::Met(args) => note(session, &args.which, ObligationState::Met, ObligationReason::Done, None).await,
        Command::Defer(args) => {
            note(session, &args.which, ObligationState::Deferred, args.why, Some(args.review_at)).await
        }
        Command::Impossible(args) => note(session, &args.which, ObligationState::Impossible, args.why, None).await,
    }
}

async fn note(
    session: &mut Session<'_>,
    which: &Which,
    state: ObligationState,
    why: ObligationReason,
    review_at: Option<Timestamp>,
) -> Result<Exit, Failure> {
    let payload = Payload::ObligationNoted(ObligationNoted {
        decision_id: id_or_new(Some(which.decision)),
        kind: which.obligation.into(),
        subject_id: which.person.map(|person| id_or_new(Some(person))).unwrap_or_default(),
        state: state.into(),
        reason: why.into(),
        review_at,
        remark: words_if_given(which.remark.as_deref())?,
    });
    append(session, &which.command, Role::Supervisor, which.case, payload, None).await
}

async fn list(session: &mut Session<'_>, args: &List) -> Result<Exit, Failure> {
    let mut client = session.triage()?;
    let mut table = session.out.table(&["head.due_at", "head.obligation"], WHAT);
    let fetch = async |page_token| {
        let request = ListObligationsRequest {
            states: args.state.iter().map(|state| i32::from(*state)).collect(),
            kinds: args.kind.iter().map(|kind| i32::from(*kind)).collect(),
            case_id: args.case.map(|case| id_or_new(Some(case))).unwrap_or_default(),
            page_size: args.page_size,
            page_token,
            reason: args.reason.into(),
        };
        client.list_obligations(request).await
    };
    let wanted = Pages { from: &args.page_token, all: args.all };
    let next = session.out.pages(wanted, fetch, |out, page| {
        page.obligations.iter().for_each(|owed| {
            table.add_row(row(out.lang, owed));
        });
        Ok(())
    });
    let next = next.await?;
    session.out.show_pages(&table, "say.no_obligations", &next)?;
    Ok(Exit::Ok)
}

/// By when, and below what it is and where it stands the ids with which something is noted about it.
fn row(lang: Lang, owed: &OwedObligation) -> [String; 2] {
    let (kind, state) = (lang.word_of::<ObligationKind>(owed.kind), lang.word_of::<ObligationState>(owed.state));
    let review = owed.review_at.as_ref().map(|at| lang.fill("say.review_at", &[("time", &minute(Some(at)))]));
    let mut lines = vec![format!("{kind}{}{state}{}", lang.text("word.colon"), review.unwrap_or_default())];
    let ids = [("head.case", &owed.case_id), ("head.decision", &owed.decision_id), ("head.person", &owed.subject_id)];
    let named = ids.into_iter().filter(|(_, id)| !id.is_empty());
    lines.extend(named.map(|(name, id)| format!("{}{}{id}", lang.text(name), lang.text("word.colon"))));
    [minute(owed.due_at.as_ref()), lines.join("\n")]
}
