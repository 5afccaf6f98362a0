//! `egide account`: everything that left about one person.

use egide_wire::proto::egide::audit::v1::{AccessReason, AccountEntry, AccountForPersonRequest};
use egide_wire::proto::egide::case::v1::Purpose;
use uuid::Uuid;

use super::decision::{basis_words, released_words};
use super::disclose::hex;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::output::Output;
use crate::paged::Pages;
use crate::session::{Session, id_or_new};
use crate::text::Lang;
use crate::times::second;

/// Entries asked for at a time.
const PAGE: u32 = 100;

/// `egide account CASE PERSON`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "PERSON")]
    person: Uuid,
    #[arg(long, default_value = "person-asked", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

pub(crate) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let mut client = session.audit()?;
    let fetch = async |page_token| {
        let request = AccountForPersonRequest {
            case_id: id_or_new(Some(args.case)),
            subject_id: id_or_new(Some(args.person)),
            reason: i32::from(args.reason),
            page_size: PAGE,
            page_token,
        };
        client.account_for_person(request).await
    };
    let mut entries = 0_usize;
    let told = session.out.pages(Pages::ALL, fetch, |out, page| {
        entries += page.entries.len();
        page.entries.iter().try_for_each(|entry| show(out, entry))?;
        if !page.next_page_token.is_empty() {
            return Ok(());
        }
        let notice = match out.lang {
            Lang::English => &page.notice_en,
            Lang::French => &page.notice_fr,
        };
        let none = if entries == 0 { out.lang.text("say.nothing_left") } else { "" };
        out.wrapped("", 0, none)?;
        out.wrapped("", 0, notice)
    });
    told.await?;
    Ok(Exit::Ok)
}

fn show(out: &mut Output, entry: &AccountEntry) -> Result<(), Failure> {
    let lang = out.lang;
    out.field("head.disclosed_at", second(entry.disclosed_at.as_ref()))?;
    out.field("head.recipient", &entry.unit_id)?;
    out.field("head.purpose", lang.word_of::<Purpose>(entry.purpose))?;
    out.field("head.basis", lang.row(basis_words(lang, &entry.bases)))?;
    out.field("head.released", lang.row(released_words(lang, &entry.mask)))?;
    let delivered = match (&entry.delivered_at, entry.outside_system) {
        (_, true) => lang.text("word.outside").to_owned(),
        (Some(time), false) => second(Some(time)),
        (None, false) => lang.text("say.not_delivered").to_owned(),
    };
    out.field("head.delivered_at", delivered)?;
    if entry.recalled {
        out.field("head.state", lang.text("word.disclosure.recalled"))?;
    }
    if !entry.report_digest.is_empty() {
        out.field("head.digest", hex(&entry.report_digest))?;
    }
    out.field("head.disclosure", &entry.disclosure_id)?;
    out.line("")
}
