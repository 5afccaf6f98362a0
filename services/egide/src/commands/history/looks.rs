//! `egide history looks`: who looked at what.

use egide_wire::proto::egide::audit::v1::{AccessReason, AccessScope, ListLooksRequest, Look, LookFilter};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::paged::Pages;
use crate::session::{Session, id_or_new};
use crate::text::Lang;
use crate::times::second;

/// The column of the table that may wrap.
const WHAT: usize = 1;

/// `egide history looks`.
#[derive(Clone, clap::Args)]
pub(super) struct Args {
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    from: Option<Timestamp>,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    until: Option<Timestamp>,
    #[arg(long, value_name = "ACCOUNT", default_value = "")]
    by: String,
    #[arg(long)]
    case: Option<Uuid>,
    #[arg(long)]
    person: Option<Uuid>,
    #[arg(long, value_parser = value_of::<AccessScope>())]
    at: Option<AccessScope>,
    #[arg(long, value_parser = value_of::<AccessReason>())]
    because: Option<AccessReason>,
    #[arg(long)]
    of_others: bool,
    #[arg(long, default_value = "audit", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    page_size: u32,
    #[arg(long, value_name = "TOKEN", default_value = "")]
    page_token: String,
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let mut client = session.history()?;
    let mut table = session.out.table(&["head.recorded_at", "head.what"], WHAT);
    let id = |id: Option<Uuid>| id.map(|id| id_or_new(Some(id))).unwrap_or_default();
    let filter = LookFilter {
        from: args.from,
        until: args.until,
        person: args.by.clone(),
        case_id: id(args.case),
        subject_id: id(args.person),
        scope: args.at.map(i32::from).unwrap_or_default(),
        reason: args.because.map(i32::from).unwrap_or_default(),
        of_others: args.of_others,
    };
    let fetch = async |page_token| {
        let (filter, reason) = (Some(filter.clone()), i32::from(args.reason));
        client.list_looks(ListLooksRequest { filter, page_size: args.page_size, page_token, reason }).await
    };
    let wanted = Pages { from: &args.page_token, all: args.all };
    let next = session.out.pages(wanted, fetch, |out, page| {
        page.looks.iter().for_each(|look| {
            table.add_row([second(look.recorded_at.as_ref()), what(out.lang, look)]);
        });
        Ok(())
    });
    let next = next.await?;
    session.out.show_pages(&table, "say.no_looks", &next)?;
    Ok(Exit::Ok)
}

/// Who, at what, why, and below it at whose.
fn what(lang: Lang, look: &Look) -> String {
    let who = look.actor.as_ref().map(|actor| if actor.person.is_empty() { &actor.service } else { &actor.person });
    let who = who.map(String::as_str).unwrap_or_default();
    let at = match look.kind.as_str() {
        "access.recorded" => lang.word_of::<AccessScope>(look.scope),
        kind => lang.find(&format!("word.{kind}")).unwrap_or(lang.text("word.colon")),
    };
    let why = match look.reason {
        0 => String::new(),
        reason => format!(" ({})", lang.word_of::<AccessReason>(reason)),
    };
    let ids = [(&look.case_id, "head.case"), (&look.subject_id, "head.person"), (&look.unit_id, "head.recipient")];
    let ids = ids.into_iter().filter(|(id, _)| !id.is_empty());
    let ids = ids.map(|(id, name)| format!("\n{}{}{id}", lang.text(name), lang.text("word.colon")));
    format!("{who}{}{at}{why}{}", lang.text("word.colon"), ids.collect::<String>())
}

#[cfg(test)]
mod tests {
    use egide_wire::proto::egide::case::v1::Actor;

    use super::*;

    #[test]
    fn a_look_tells_who_at_what_and_why() {
        let actor = Actor { person: "sam.lavoie".to_owned(), ..Actor::default() };
        let (scope, reason) = (AccessScope::CaseOpened.into(), AccessReason::Supervision.into());
        let kind = "access.recorded".to_owned();
        let look = Look { kind, scope, reason, actor: Some(actor), case_id: "x".to_owned(), ..Look::default() };
        let told = what(Lang::English, &look);
        assert_eq!(told, "sam.lavoie: identifying data of a case (supervision)\nCase: x");
        let refused = Look { kind: "access.outsider_refused".to_owned(), ..Look::default() };
        assert!(Lang::ALL.iter().all(|lang| what(*lang, &refused).len() > 10));
    }
}
