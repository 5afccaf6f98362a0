//! `egide history`: what left, to whom, why; the steps of a case, who looked at what, what stands out, and exports.

mod anomalies;
mod export;
mod looks;
mod steps;
mod verify_export;

use egide_wire::proto::egide::audit::v1::{
    AccessReason, Disclosure, DisclosureFilter, DisclosureStep, GetDisclosureRequest, ListDisclosuresRequest,
};
use egide_wire::proto::egide::case::v1::{
    ApprovalOutcome, BasisKind, DeliveryChannel, ExceptionKind, LiftReason, ObligationKind, ObligationReason,
    ObligationState, Outcome, OutsideReviewOutcome, RejectionReason,
};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::disclosure::v1::Decision;
use prost_types::Timestamp;
use uuid::Uuid;

use super::decision::{self, basis_words, is_permit};
use super::disclose::hex;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::output::Output;
use crate::paged::Pages;
use crate::session::{Session, id_or_new};
use crate::text::Lang;
use crate::times::{minute, second};

/// The column of the table that may wrap.
const ANSWER: usize = 1;

/// `egide history [ID]` and the commands below it.
#[derive(Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[arg(id = "one", value_name = "ID")]
    id: Option<Uuid>,
    #[arg(long, default_value = "audit", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
    #[command(flatten)]
    which: Which,
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    page_size: u32,
    #[arg(long, value_name = "TOKEN", default_value = "")]
    page_token: String,
    #[arg(long)]
    all: bool,
}

#[derive(Clone, clap::Subcommand)]
enum Command {
    Show(Show),
    Timeline(steps::Args),
    Looks(looks::Args),
    Anomalies(anomalies::Args),
    Export(Box<export::Args>),
    VerifyExport(verify_export::Args),
}

/// `egide history show ID`.
#[derive(Clone, clap::Args)]
struct Show {
    #[arg(id = "one", value_name = "ID")]
    id: Uuid,
    #[arg(long)]
    case: Option<Uuid>,
    #[arg(long, default_value = "audit", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

/// Which disclosures.
#[derive(Clone, clap::Args)]
struct Which {
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    from: Option<Timestamp>,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    until: Option<Timestamp>,
    #[arg(long)]
    case: Option<Uuid>,
    #[arg(long, value_name = "UNIT")]
    to: Option<Uuid>,
    #[arg(long)]
    organization: Option<Uuid>,
    #[arg(long)]
    person: Option<Uuid>,
    #[arg(long, value_name = "ACCOUNT", default_value = "")]
    actor: String,
    #[arg(long, value_name = "ACCOUNT", default_value = "")]
    approver: String,
    #[arg(long, value_parser = value_of::<BasisKind>())]
    basis: Option<BasisKind>,
    #[arg(long, value_parser = value_of::<ExceptionKind>())]
    exception: Option<ExceptionKind>,
    #[arg(long, value_parser = value_of::<Outcome>())]
    outcome: Option<Outcome>,
    #[arg(long, value_parser = value_of::<DataCategory>())]
    category: Vec<DataCategory>,
    #[arg(long)]
    overdue: bool,
    #[arg(long)]
    break_glass: bool,
    #[arg(long, value_name = "WORDS", default_value = "")]
    text: String,
}

pub(crate) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    match (&args.command, args.id) {
        (Some(Command::Show(show)), _) => one(session, show.id, show.case, show.reason).await,
        (Some(Command::Timeline(args)), _) => steps::run(session, args).await,
        (Some(Command::Looks(args)), _) => looks::run(session, args).await,
        (Some(Command::Anomalies(args)), _) => anomalies::run(session, args).await,
        (Some(Command::Export(args)), _) => export::run(session, args).await,
        (Some(Command::VerifyExport(args)), _) => verify_export::run(session.out, args),
        (None, Some(id)) => one(session, id, args.which.case, args.reason).await,
        (None, None) => list(session, args).await,
    }
}

async fn list(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let mut client = session.audit()?;
    let mut table = session.out.table(&["head.recorded_at", "head.disclosure"], ANSWER);
    let fetch = async |page_token| {
        let (filter, reason) = (Some(args.which.filter()), i32::from(args.reason));
        client.list_disclosures(ListDisclosuresRequest { filter, page_size: args.page_size, page_token, reason }).await
    };
    let wanted = Pages { from: &args.page_token, all: args.all };
    let mut searched_down_to = 0;
    let next = session.out.pages(wanted, fetch, |out, page| {
        searched_down_to = page.searched_down_to;
        page.disclosures.iter().for_each(|disclosure| {
            table.add_row(row(out.lang, disclosure));
        });
        Ok(())
    });
    let next = next.await?;
    session.out.show_pages(&table, "say.no_disclosures", &next)?;
    if !next.is_empty() && !session.out.is_json() {
        session.out.note(session.out.lang.fill("say.searched_down_to", &[("position", &searched_down_to)]))?;
    }
    Ok(Exit::Ok)
}

impl Which {
    fn filter(&self) -> DisclosureFilter {
        let id = |id: Option<Uuid>| id.map(|id| id_or_new(Some(id))).unwrap_or_default();
        DisclosureFilter {
            from: self.from,
            until: self.until,
            case_id: id(self.case),
            unit_id: id(self.to),
            organization_id: id(self.organization),
            actor: self.actor.clone(),
            basis: self.basis.map(i32::from).unwrap_or_default(),
            outcome: self.outcome.map(i32::from).unwrap_or_default(),
            subject_id: id(self.person),
            approver: self.approver.clone(),
            exception: self.exception.map(i32::from).unwrap_or_default(),
            categories: self.category.iter().map(|category| i32::from(*category)).collect(),
            overdue: self.overdue,
            break_glass: self.break_glass,
            text: self.text.clone(),
        }
    }
}

/// When, and below what became of it its id, which alone would take half of a narrow terminal.
fn row(lang: Lang, disclosure: &Disclosure) -> [String; 2] {
    let answer = match &disclosure.decided {
        Some(decided) if decided.bases.is_empty() => lang.word_of::<Outcome>(decided.outcome).to_owned(),
        Some(decided) => {
            let basis = lang.row(basis_words(lang, &decided.bases));
            format!("{}{}{basis}", lang.word_of::<Outcome>(decided.outcome), lang.text("word.colon"))
        }
        None => lang.text("word.outside").to_owned(),
    };
    let state = disclosure.steps.last().map(|step| format!(" – {}", step_words(lang, step))).unwrap_or_default();
    [minute(disclosure.recorded_at.as_ref()), format!("{answer}{state}\n{}", disclosure.disclosure_id)]
}

/// What a step in the life of a disclosure is called, with what came of it.
fn step_words(lang: Lang, step: &DisclosureStep) -> String {
    let colon = lang.text("word.colon");
    let mut told = lang.find(&format!("word.{}", step.kind)).unwrap_or(&step.kind).to_owned();
    let mut add = |number: i32, word: &dyn Fn(i32) -> &'static str| {
        if number != 0 {
            told = format!("{told}{colon}{}", word(number));
        }
    };
    add(step.approval_outcome, &|number| lang.word_of::<ApprovalOutcome>(number));
    add(step.rejection_reason, &|number| lang.word_of::<RejectionReason>(number));
    add(step.obligation, &|number| lang.word_of::<ObligationKind>(number));
    add(step.obligation_state, &|number| lang.word_of::<ObligationState>(number));
    add(step.obligation_reason, &|number| lang.word_of::<ObligationReason>(number));
    add(step.outside_review, &|number| lang.word_of::<OutsideReviewOutcome>(number));
    add(step.lift_reason, &|number| lang.word_of::<LiftReason>(number));
    if !step.approval_rules.is_empty() {
        told = format!("{told} ({})", step.approval_rules.join(", "));
    }
    told
}

/// The keys that a package was encrypted to, each on a line of its own.
fn keys_words(lang: Lang, step: &DisclosureStep) -> String {
    let keys = step.encrypted_to.iter();
    keys.map(|key| format!("\n{}{}{key}", lang.text("head.encrypted_to"), lang.text("word.colon"))).collect()
}

async fn one(session: &mut Session<'_>, id: Uuid, case: Option<Uuid>, reason: AccessReason) -> Result<Exit, Failure> {
    let mut client = session.audit()?;
    let case_id = case.map(|case| id_or_new(Some(case))).unwrap_or_default();
    let request = GetDisclosureRequest { disclosure_id: id_or_new(Some(id)), reason: i32::from(reason), case_id };
    let response = session.out.waiting("say.waiting", client.get_disclosure(request)).await?.into_inner();
    if session.out.is_json() {
        session.out.message(&response)?;
        return Ok(Exit::Ok);
    }
    let Some(disclosure) = response.disclosure else {
        return Err(Failure::new(Exit::Unexpected, "fail.contract"));
    };
    show(session.out, &disclosure)?;
    Ok(Exit::Ok)
}

fn show(out: &mut Output, disclosure: &Disclosure) -> Result<(), Failure> {
    let lang = out.lang;
    out.field("head.disclosure", &disclosure.disclosure_id)?;
    out.field("head.case", &disclosure.case_id)?;
    out.field("head.position", disclosure.position)?;
    if let Some(actor) = &disclosure.actor {
        out.field("head.actor", format!("{} ({}, {})", actor.person, actor.role, actor.service))?;
    }
    if let Some(outside) = &disclosure.outside {
        out.field("head.answer", lang.text("word.outside"))?;
        out.field("head.recipient", &outside.unit_id)?;
        out.field("head.channel", lang.word_of::<DeliveryChannel>(outside.channel))?;
        let told = outside.categories.iter().map(|category| lang.word_of::<DataCategory>(*category));
        out.field("head.released", lang.row(told))?;
    }
    if let Some(decided) = &disclosure.decided {
        let decision = Decision { decided: Some(decided.clone()), ..Decision::default() };
        decision::show(out, &decision)?;
        if is_permit(decided) {
            out.field("head.referral", &disclosure.referral_id)?;
            out.field("head.digest", hex(&disclosure.report_digest))?;
        }
    }
    for step in &disclosure.steps {
        let channel = match step.channel {
            0 => String::new(),
            channel => format!(", {}", lang.word_of::<DeliveryChannel>(channel)),
        };
        let who = step.actor.as_ref().map(|actor| if actor.person.is_empty() { &actor.service } else { &actor.person });
        let who = who.map(|who| format!(", {who}")).unwrap_or_default();
        let when = second(step.recorded_at.as_ref());
        let keys = keys_words(lang, step);
        out.field("head.step", format!("{when} {}{channel}{who}{keys}", step_words(lang, step)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_says_what_came_of_it_in_both_languages() {
        let rejected = DisclosureStep {
            kind: "disclosure.approval_decided".to_owned(),
            approval_outcome: ApprovalOutcome::Rejected.into(),
            rejection_reason: RejectionReason::TooMuch.into(),
            ..DisclosureStep::default()
        };
        let overdue = DisclosureStep {
            kind: "disclosure.obligation_noted".to_owned(),
            obligation: ObligationKind::InformPerson.into(),
            obligation_state: ObligationState::Overdue.into(),
            ..DisclosureStep::default()
        };
        let english = |step| step_words(Lang::English, step);
        assert!(english(&rejected).starts_with("approval: rejected: "), "{}", english(&rejected));
        assert!(english(&overdue).starts_with("obligation: ") && english(&overdue).ends_with(": overdue"));
        let french = step_words(Lang::French, &rejected);
        assert!(french.starts_with(&format!("approbation{}", Lang::French.text("word.colon"))), "{french}");
        assert_eq!(
            english(&DisclosureStep { kind: "of.another_version".to_owned(), ..DisclosureStep::default() }),
            "of.another_version"
        );
    }

    #[test]
    fn a_package_is_told_with_its_keys() {
        let step = DisclosureStep { encrypted_to: vec!["age-one".to_owned()], ..DisclosureStep::default() };
        assert_eq!(keys_words(Lang::English, &step), "\nEncrypted to: age-one");
        let colon = Lang::French.text("word.colon");
        assert_eq!(keys_words(Lang::French, &step), format!("\nChiffré pour{colon}age-one"));
        assert_eq!(keys_words(Lang::French, &DisclosureStep::default()), "");
    }

    #[test]
    fn every_kind_of_step_has_a_word() {
        let kinds = [
            "disclosure.released",
            "disclosure.delivered",
            "disclosure.acknowledged",
            "disclosure.recalled",
            "disclosure.recall_acknowledged",
            "disclosure.notified",
            "disclosure.referral_expired",
            "disclosure.approval_requested",
            "disclosure.approval_decided",
            "disclosure.obligation_noted",
            "disclosure.outside_reviewed",
            "disclosure.steps_left_out",
            "case.exception_confirmed",
            "case.exception_lifted",
        ];
        for lang in Lang::ALL {
            for kind in kinds {
                assert!(lang.find(&format!("word.{kind}")).is_some(), "`{kind}` has no word in {}", lang.code());
            }
        }
    }
}
