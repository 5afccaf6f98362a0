//! `egide history timeline`: everything that happened to one case.

use egide_wire::proto::egide::audit::v1::{AccessReason, CaseStep, ListCaseStepsRequest};
use uuid::Uuid;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::paged::Pages;
use crate::session::{Session, id_or_new};
use crate::text::Lang;
use crate::times::second;

/// Steps asked for at a time.
const PAGE: u32 = 200;
/// The column of the table that may wrap.
const WHAT: usize = 2;

/// `egide history timeline CASE`.
#[derive(Clone, clap::Args)]
pub(super) struct Args {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(long, default_value = "audit", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

pub(super) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let mut client = session.history()?;
    let mut table = session.out.table(&["head.position", "head.recorded_at", "head.what"], WHAT);
    let fetch = async |page_token| {
        let (case_id, reason) = (id_or_new(Some(args.case)), i32::from(args.reason));
        client.list_case_steps(ListCaseStepsRequest { case_id, page_size: PAGE, page_token, reason }).await
    };
    let next = session.out.pages(Pages::ALL, fetch, |out, page| {
        page.steps.iter().for_each(|step| {
            table.add_row([step.position.to_string(), second(step.recorded_at.as_ref()), what(out.lang, step)]);
        });
        Ok(())
    });
    let next = next.await?;
    session.out.show_pages(&table, "say.no_steps", &next)?;
    Ok(Exit::Ok)
}

/// What happened, who did it, and below it the id it is about.
fn what(lang: Lang, step: &CaseStep) -> String {
    let kind = lang.find(&format!("word.{}", step.kind)).unwrap_or(&step.kind);
    let facts = step.facts.iter().map(|name| lang.find(name).unwrap_or(name).to_owned());
    let facts = facts.collect::<Vec<_>>().join(", ");
    let facts = if facts.is_empty() { facts } else { format!("{}{facts}", lang.text("word.colon")) };
    let who = step.actor.as_ref().map(|actor| if actor.person.is_empty() { &actor.service } else { &actor.person });
    let who = who.map(|who| format!(" – {who}")).unwrap_or_default();
    let about = if step.about_id.is_empty() { String::new() } else { format!("\n{}", step.about_id) };
    format!("{kind}{facts}{who}{about}")
}

#[cfg(test)]
mod tests {
    use egide_wire::classification::events;

    use super::*;

    #[test]
    fn every_event_of_a_case_has_a_word_in_both_languages() {
        for (name, class) in events().filter(|(_, class)| class.kind.starts_with("case.")) {
            for lang in Lang::ALL {
                let key = format!("word.{}", class.kind);
                assert!(lang.find(&key).is_some(), "`{name}` ({}) has no word in {}", class.kind, lang.code());
            }
        }
    }

    #[test]
    fn a_step_tells_its_facts_in_words() {
        let facts = vec!["OUTCOME_PERMIT".to_owned(), "OF_ANOTHER_VERSION".to_owned()];
        let step = CaseStep { kind: "disclosure.decided".to_owned(), facts, ..CaseStep::default() };
        let told = what(Lang::English, &step);
        assert!(told.starts_with("decided: perm") && told.ends_with(", OF_ANOTHER_VERSION"), "{told}");
    }
}
