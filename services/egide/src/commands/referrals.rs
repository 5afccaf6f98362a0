//! `egide referrals`: what a liaison sees.

use std::path::PathBuf;

use clap::Subcommand;
use egide_domain::Categories;
use egide_report::{Layout, Report};
use egide_wire::proto::egide::disclosure::v1::{
    AcknowledgeRecallRequest, AcknowledgeReferralRequest, FetchReferralRequest, ListReferralsRequest, Referral,
    ReferralSummary, WatchReferralsRequest,
};
use prost::{Message, Name};
use prost_types::Timestamp;
use tokio_stream::StreamExt as _;
use tonic::{Response, Status};
use uuid::Uuid;

use super::append::repeatable;
use super::disclose::hex;
use super::package;
use super::pdf::{PdfPages, With};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::new_file::{free, write};
use crate::output::{Output, to_json};
use crate::paged::Pages;
use crate::session::{Session, id_or_new};
use crate::text::Lang;
use crate::times::{minute, second};

/// Referrals asked for at a time.
const PAGE: u32 = 100;

/// No column of the table needs to wrap; the last would.
const TIMES: usize = 3;

/// `egide referrals …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    List(List),
    Fetch(Fetch),
    Package(package::Fetch),
    Ack(Ack),
    AcknowledgeRecall(Ack),
    Watch(Watch),
}

/// `egide referrals list`.
#[derive(Clone, clap::Args)]
pub(crate) struct List {}

/// `egide referrals watch`.
#[derive(Clone, clap::Args)]
pub(crate) struct Watch {}

/// `egide referrals fetch REFERRAL`.
#[derive(Clone, clap::Args)]
pub(crate) struct Fetch {
    #[arg(value_name = "REFERRAL")]
    referral: Uuid,
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pdf: Option<PathBuf>,
    #[command(flatten)]
    with: With,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide referrals ack REFERRAL`, `egide referrals acknowledge-recall REFERRAL`.
#[derive(Clone, clap::Args)]
pub(crate) struct Ack {
    #[arg(value_name = "REFERRAL")]
    referral: Uuid,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::List(_) => list(session).await,
        Command::Fetch(args) => fetch(session, args).await,
        Command::Package(args) => package::fetch(session, args).await,
        Command::Ack(args) => acknowledge(session, args).await,
        Command::AcknowledgeRecall(args) => acknowledge_recall(session, args).await,
        Command::Watch(_) => watch(session).await,
    }
}

async fn list(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let mut client = session.referrals()?;
    let mut table =
        session.out.table(&["head.referral", "head.released_at", "head.delivered_at", "head.acknowledged_at"], TIMES);
    let fetch = async |page_token| client.list_referrals(ListReferralsRequest { page_size: PAGE, page_token }).await;
    let next = session.out.pages(Pages::ALL, fetch, |out, page| {
        page.referrals.iter().for_each(|referral| {
            table.add_row(row(out.lang, referral));
        });
        Ok(())
    });
    let next = next.await?;
    session.out.show_pages(&table, "say.no_referrals", &next)?;
    Ok(Exit::Ok)
}

/// Urgent ones carry an exclamation mark; what was recalled says so below.
fn row(lang: Lang, referral: &ReferralSummary) -> [String; 4] {
    let day = |time: Option<&prost_types::Timestamp>| {
        let text = minute(time);
        text.get(5..).map_or_else(|| text.clone(), str::to_owned)
    };
    let recalled = match (&referral.recalled_at, &referral.recall_acknowledged_at) {
        (None, _) => String::new(),
        (Some(_), None) => format!("\n{}", lang.text("word.recalled_unconfirmed")),
        (Some(_), Some(_)) => format!("\n{}", lang.text("word.recalled_confirmed")),
    };
    [
        format!("{}{}{recalled}", referral.referral_id, if referral.urgent { " !" } else { "" }),
        day(referral.released_at.as_ref()),
        day(referral.delivered_at.as_ref()),
        day(referral.acknowledged_at.as_ref()),
    ]
}

async fn fetch(session: &mut Session<'_>, args: &Fetch) -> Result<Exit, Failure> {
    if let Some(path) = &args.output {
        free(path)?;
    }
    let ready = |path: &PathBuf| PdfPages::ready(session.global(), &args.with, path);
    let pages = args.pdf.as_ref().map(ready).transpose()?;
    let request =
        FetchReferralRequest { command_id: id_or_new(args.command_id), referral_id: id_or_new(Some(args.referral)) };
    let client = session.referrals()?;
    let call = || {
        let mut client = client.clone();
        let request = request.clone();
        async move { client.fetch_referral(request).await }
    };
    let fetched = session.until_known(call).await;
    let response = repeatable(session, &request.command_id, fetched)?;
    let Some(referral) = &response.referral else {
        return Err(Failure::new(Exit::Unexpected, "fail.contract"));
    };
    show_fetched(session, args, referral)?;
    // Last: should the pages fail, what was delivered is not lost.
    if let (Some(pages), Some(path)) = (&pages, &args.pdf) {
        pages.make(referral, Layout::Page).await?;
        session.out.note(session.out.lang.fill("say.pdf", &[("path", &path.display())]))?;
    }
    Ok(Exit::Ok)
}

fn show_fetched(session: &mut Session<'_>, args: &Fetch, referral: &Referral) -> Result<(), Failure> {
    if let Some(path) = &args.output {
        // The file that `egide verify` reads.
        let text = serde_json::to_string_pretty(&to_json(referral)?).map_err(std::io::Error::from)?;
        write(path, format!("{text}\n").as_bytes())?;
        let note = [("path", &path.display() as &dyn std::fmt::Display)];
        session.out.note(session.out.lang.fill("say.saved", &note))?;
        if !session.out.is_json() {
            session.out.field("head.referral", &referral.referral_id)?;
            session.out.field("head.digest", hex(&referral.report_digest))?;
        }
        return Ok(());
    }
    if session.out.is_json() {
        return session.out.message(referral);
    }
    session.out.field("head.referral", &referral.referral_id)?;
    session.out.field("head.digest", hex(&referral.report_digest))?;
    session.out.field("head.signed_by", &referral.key_id)?;
    session.out.line("")?;
    show_report(session, &referral.report)
}

/// The report in words, in the recipient's language.
fn show_report(session: &mut Session<'_>, report: &[u8]) -> Result<(), Failure> {
    let unreadable = || Failure::new(Exit::Unreadable, "fail.report");
    let report = Report::from_canonical_json(report).map_err(|_| unreadable())?;
    let script = report.script(Categories::default()).map_err(|_| unreadable())?;
    script.lines().try_for_each(|line| show_line(session.out, line))
}

/// A line of a script, its indentation kept.
pub(super) fn show_line(out: &mut Output, line: &str) -> Result<(), Failure> {
    let indent = line.len() - line.trim_start().len();
    out.wrapped(&" ".repeat(indent), indent + 2, line.trim_start())
}

async fn acknowledge(session: &mut Session<'_>, args: &Ack) -> Result<Exit, Failure> {
    let (command_id, referral_id) = (id_or_new(args.command_id), id_or_new(Some(args.referral)));
    let request = AcknowledgeReferralRequest { command_id: command_id.clone(), referral_id };
    let client = session.referrals()?;
    let call = || {
        let (mut client, request) = (client.clone(), request.clone());
        async move { client.acknowledge_referral(request).await }
    };
    confirm(session, &command_id, call, |answer| answer.acknowledged_at.as_ref(), "say.acknowledged").await
}

async fn acknowledge_recall(session: &mut Session<'_>, args: &Ack) -> Result<Exit, Failure> {
    let (command_id, referral_id) = (id_or_new(args.command_id), id_or_new(Some(args.referral)));
    let request = AcknowledgeRecallRequest { command_id: command_id.clone(), referral_id };
    let client = session.referrals()?;
    let call = || {
        let (mut client, request) = (client.clone(), request.clone());
        async move { client.acknowledge_recall(request).await }
    };
    confirm(session, &command_id, call, |answer| answer.acknowledged_at.as_ref(), "say.recall_acknowledged").await
}

/// Sends a receipt until its outcome is known, and tells when it was recorded.
async fn confirm<A: Message + Name, F: Future<Output = Result<Response<A>, Status>>>(
    session: &mut Session<'_>,
    command_id: &str,
    call: impl FnMut() -> F,
    recorded_at: impl Fn(&A) -> Option<&Timestamp>,
    said: &str,
) -> Result<Exit, Failure> {
    let sent = session.until_known(call).await;
    let answer = repeatable(session, command_id, sent)?;
    if session.out.is_json() {
        session.out.message(&answer)?;
    } else {
        let time = second(recorded_at(&answer));
        session.out.line(session.out.lang.fill(said, &[("time", &time)]))?;
    }
    Ok(Exit::Ok)
}

async fn watch(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let mut client = session.referrals()?;
    let request = WatchReferralsRequest {};
    let mut waiting = session.out.waiting("say.waiting", client.watch_referrals(request)).await?.into_inner();
    session.out.note(session.out.lang.text("say.watching"))?;
    while let Some(answer) = waiting.next().await {
        let answer = answer?;
        if session.out.is_json() {
            session.out.message(&answer)?;
        } else {
            let lang = session.out.lang;
            let urgent = match (answer.recalled, answer.urgent) {
                (true, _) => lang.text("word.recalled_unconfirmed"),
                (false, true) => lang.text("word.urgent"),
                (false, false) => "",
            };
            let released = minute(answer.released_at.as_ref());
            session.out.line(format!("{}  {released}  {urgent}", answer.referral_id).trim_end())?;
        }
    }
    Ok(Exit::Ok)
}
