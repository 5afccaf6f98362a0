//! `egide reviews`: what waits for a supervisor or a second person. `egide outside`: the review of what was told outside.

use clap::Subcommand;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{OutsideDisclosureReviewed, OutsideReviewOutcome};
use egide_wire::proto::egide::triage::v1::{ListReviewsRequest, ReviewKind, WaitingReview};
use uuid::Uuid;

use super::append::{self, append};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::paged::Pages;
use crate::session::{Session, id_or_new};
use crate::text::Lang;
use crate::times::minute;

/// The column of the table that may wrap.
const WHAT: usize = 1;

/// `egide reviews …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    List(List),
}

/// `egide reviews list`.
#[derive(Clone, clap::Args)]
pub(crate) struct List {
    #[arg(long, value_delimiter = ',', value_parser = value_of::<ReviewKind>())]
    kind: Vec<ReviewKind>,
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

impl Command {
    /// The first page of everything of one kind.
    pub(crate) fn of(kind: ReviewKind, reason: AccessReason) -> Self {
        Self::List(List { kind: vec![kind], case: None, reason, page_size: 50, page_token: String::new(), all: true })
    }
}

/// `egide outside …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Outside {
    Review(Review),
}

/// `egide outside review CASE DISCLOSURE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Review {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "DISCLOSURE")]
    told: Uuid,
    #[arg(long, required = true, value_parser = value_of::<OutsideReviewOutcome>())]
    outcome: OutsideReviewOutcome,
    #[command(flatten)]
    command: append::Command,
}

pub(crate) async fn outside(session: &mut Session<'_>, command: &Outside) -> Result<Exit, Failure> {
    let Outside::Review(args) = command;
    let payload = Payload::OutsideDisclosureReviewed(OutsideDisclosureReviewed {
        disclosure_id: id_or_new(Some(args.told)),
        outcome: args.outcome.into(),
    });
    append(session, &args.command, Role::Supervisor, args.case, payload, None).await
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    let Command::List(args) = command;
    let mut client = session.triage()?;
    let mut table = session.out.table(&["head.due_at", "head.review"], WHAT);
    let fetch = async |page_token| {
        let request = ListReviewsRequest {
            kinds: args.kind.iter().map(|kind| i32::from(*kind)).collect(),
            case_id: args.case.map(|case| id_or_new(Some(case))).unwrap_or_default(),
            page_size: args.page_size,
            page_token,
            reason: args.reason.into(),
        };
        client.list_reviews(request).await
    };
    let wanted = Pages { from: &args.page_token, all: args.all };
    let next = session.out.pages(wanted, fetch, |out, page| {
        page.reviews.iter().for_each(|review| {
            table.add_row(row(out.lang, review));
        });
        Ok(())
    });
    let next = next.await?;
    session.out.show_pages(&table, "say.no_reviews", &next)?;
    Ok(Exit::Ok)
}

/// By when it should have been looked at, or since when it waits, and below what it is its ids.
fn row(lang: Lang, review: &WaitingReview) -> [String; 2] {
    let by = review.due_at.as_ref().or(review.since.as_ref());
    let late = if review.overdue { lang.text("word.late") } else { "" };
    let mut lines = vec![format!("{} {late}", lang.word_of::<ReviewKind>(review.kind)).trim_end().to_owned()];
    let ids = [("head.case", &review.case_id), ("head.reference", &review.reference_id), ("head.who", &review.by)];
    let named = ids.into_iter().filter(|(_, id)| !id.is_empty());
    lines.extend(named.map(|(name, id)| format!("{}{}{id}", lang.text(name), lang.text("word.colon"))));
    [minute(by), lines.join("\n")]
}
