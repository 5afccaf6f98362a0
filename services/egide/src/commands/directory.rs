//! `egide directory`: organisations, units, agreements.

use clap::Subcommand;
use egide_wire::proto::egide::case::v1::{Jurisdiction, Language, Purpose, RecipientKind};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::directory::v1::{
    AgreementRecorded, DirectoryReceipt, GetOrganizationRequest, ListOrganizationsRequest, OrganizationEntry,
    OrganizationRegistered, RecipientReinstated, RecipientSuspended, RecordAgreementRequest,
    RegisterOrganizationRequest, RegisterUnitRequest, ReinstateRecipientRequest, SuspendRecipientRequest,
    SuspensionReason, UnitEntry, UnitRegistered,
};
use prost::{Message, Name};
use prost_types::Timestamp;
use uuid::Uuid;

use super::consent::numbers;
use super::{encryption, liaison, notification};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::{Listed, value_of};
use crate::output::Output;
use crate::paged::Pages;
use crate::session::{Session, id_or_new};
use crate::text::Lang;
use crate::times::minute;

/// Organisations asked for at a time.
const PAGE: u32 = 100;

/// `egide directory …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Organization(Box<Organization>),
    Unit(Box<Unit>),
    Agreement(Agreement),
    Suspend(Suspend),
    Reinstate(Reinstate),
    #[command(subcommand)]
    Encryption(encryption::Command),
    #[command(subcommand)]
    Liaison(liaison::Command),
    #[command(subcommand)]
    Notification(notification::Command),
    List(List),
    Show(Show),
}

/// What organisations and units have in common.
#[derive(Clone, clap::Args)]
pub(crate) struct Recipient {
    #[arg(long, value_name = "NAME", required = true)]
    name_en: String,
    #[arg(long, value_name = "NAME", required = true)]
    name_fr: String,
    #[arg(long, required = true, value_parser = value_of::<RecipientKind>())]
    kind: RecipientKind,
    #[arg(long, value_delimiter = ',', value_parser = value_of::<Jurisdiction>())]
    jurisdiction: Vec<Jurisdiction>,
    #[arg(long)]
    national: bool,
    #[arg(long)]
    anonymous_only: bool,
    #[arg(long, value_parser = value_of::<Language>())]
    language: Option<Language>,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide directory organization`.
#[derive(Clone, clap::Args)]
pub(crate) struct Organization {
    #[arg(value_name = "ORGANIZATION")]
    id: Option<Uuid>,
    #[arg(long)]
    verified: bool,
    #[command(flatten)]
    recipient: Recipient,
}

/// `egide directory unit ORGANIZATION`.
#[derive(Clone, clap::Args)]
pub(crate) struct Unit {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
    #[arg(value_name = "UNIT")]
    id: Option<Uuid>,
    #[arg(long, value_delimiter = ',', required = true, value_parser = value_of::<Purpose>())]
    purpose: Vec<Purpose>,
    #[arg(long, value_name = "NUMBER", default_value = "")]
    callback: String,
    #[command(flatten)]
    recipient: Recipient,
}

/// `egide directory agreement ORGANIZATION`.
#[derive(Clone, clap::Args)]
pub(crate) struct Agreement {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
    #[arg(value_name = "AGREEMENT")]
    id: Option<Uuid>,
    #[arg(long, value_name = "UNIT")]
    only: Option<Uuid>,
    #[arg(long, value_delimiter = ',', required = true, value_parser = value_of::<Purpose>())]
    purpose: Vec<Purpose>,
    #[arg(long, value_delimiter = ',', required = true, value_parser = value_of::<DataCategory>())]
    category: Vec<DataCategory>,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    from: Option<Timestamp>,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse)]
    until: Option<Timestamp>,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide directory suspend ORGANIZATION`.
#[derive(Clone, clap::Args)]
pub(crate) struct Suspend {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
    #[arg(long, value_name = "UNIT")]
    only: Option<Uuid>,
    #[arg(long, required = true, value_parser = value_of::<SuspensionReason>())]
    reason: SuspensionReason,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide directory reinstate ORGANIZATION`.
#[derive(Clone, clap::Args)]
pub(crate) struct Reinstate {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
    #[arg(long, value_name = "UNIT")]
    only: Option<Uuid>,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide directory list`.
#[derive(Clone, clap::Args)]
pub(crate) struct List {}

/// `egide directory show ORGANIZATION`.
#[derive(Clone, clap::Args)]
pub(crate) struct Show {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Organization(args) => organization(session, args).await,
        Command::Unit(args) => unit(session, args).await,
        Command::Agreement(args) => agreement(session, args).await,
        Command::Suspend(args) => suspend(session, args).await,
        Command::Reinstate(args) => reinstate(session, args).await,
        Command::Encryption(command) => encryption::run(session, command).await,
        Command::Liaison(command) => liaison::run(session, command).await,
        Command::Notification(command) => notification::run(session, command).await,
        Command::List(_) => list(session).await,
        Command::Show(args) => show(session, args.organization).await,
    }
}

fn given_or_empty(id: Option<Uuid>) -> String {
    id.map(|id| id_or_new(Some(id))).unwrap_or_default()
}

fn values<E: Listed + Into<i32>>(values: &[E]) -> Vec<i32> {
    values.iter().map(|value| (*value).into()).collect()
}

/// Sends a command of the directory and tells where it stands. A macro, since every RPC has types of its own.
macro_rules! change {
    ($session:expr, $method:ident, $request:expr, $record:expr) => {{
        let request = $request;
        let client = $session.directory()?;
        let call = || {
            let mut client = client.clone();
            let request = request.clone();
            async move { client.$method(request).await }
        };
        let changed = $session.until_known(call).await;
        let response = $crate::commands::append::repeatable($session, &request.command_id, changed)?;
        $crate::commands::directory::told($session, &response, response.receipt.as_ref(), $record)
    }};
}

pub(super) use change;

/// Shows what is listed under each unit of an organisation, or says that it is `nothing`; as JSON the units as they are.
pub(super) async fn list_by_unit<T>(
    session: &mut Session<'_>,
    organization: Uuid,
    of: fn(&UnitEntry) -> &[T],
    show: fn(&mut Output, &T) -> Result<(), Failure>,
    nothing: &'static str,
) -> Result<Exit, Failure> {
    let mut client = session.directory()?;
    let request = GetOrganizationRequest { organization_id: id_or_new(Some(organization)) };
    let response = session.out.waiting("say.waiting", client.get_organization(request)).await?.into_inner();
    let units = response.entry.map(|entry| entry.units).unwrap_or_default();
    if session.out.is_json() {
        units.iter().try_for_each(|unit| session.out.message(unit))?;
        return Ok(Exit::Ok);
    }
    let mut is_empty = true;
    for unit in units.iter().filter(|unit| !of(unit).is_empty()) {
        is_empty = false;
        let unit_id = unit.unit.as_ref().map(|record| record.unit_id.as_str()).unwrap_or_default();
        session.out.field("head.unit", unit_id)?;
        of(unit).iter().try_for_each(|listed| show(session.out, listed))?;
    }
    if is_empty {
        session.out.line(session.out.lang.text(nothing))?;
    }
    Ok(Exit::Ok)
}

pub(super) fn told<M: Message + Name>(
    session: &mut Session<'_>,
    response: &M,
    receipt: Option<&DirectoryReceipt>,
    record: (&str, &str),
) -> Result<Exit, Failure> {
    if session.out.is_json() {
        session.out.message(response)?;
    } else {
        session.out.field(record.0, record.1)?;
        if let Some(receipt) = receipt {
            session.out.field("head.revision", receipt.revision)?;
            session.out.field("head.position", receipt.position)?;
        }
    }
    Ok(Exit::Ok)
}

async fn organization(session: &mut Session<'_>, args: &Organization) -> Result<Exit, Failure> {
    let recipient = &args.recipient;
    let id = id_or_new(args.id);
    let organization = OrganizationRegistered {
        organization_id: id.clone(),
        name_en: recipient.name_en.clone(),
        name_fr: recipient.name_fr.clone(),
        kind: i32::from(recipient.kind),
        verified: args.verified,
        jurisdictions: values(&recipient.jurisdiction),
        national: recipient.national,
        anonymous_only: recipient.anonymous_only,
        language: recipient.language.map(i32::from).unwrap_or_default(),
    };
    let command_id = id_or_new(recipient.command_id);
    let request = RegisterOrganizationRequest { command_id, organization: Some(organization) };
    change!(session, register_organization, request, ("head.organization", &id))
}

async fn unit(session: &mut Session<'_>, args: &Unit) -> Result<Exit, Failure> {
    let recipient = &args.recipient;
    let id = id_or_new(args.id);
    let unit = UnitRegistered {
        unit_id: id.clone(),
        organization_id: id_or_new(Some(args.organization)),
        name_en: recipient.name_en.clone(),
        name_fr: recipient.name_fr.clone(),
        kind: i32::from(recipient.kind),
        purposes: values(&args.purpose),
        jurisdictions: values(&recipient.jurisdiction),
        national: recipient.national,
        anonymous_only: recipient.anonymous_only,
        language: recipient.language.map(i32::from).unwrap_or_default(),
        callback_number: args.callback.clone(),
    };
    let request = RegisterUnitRequest { command_id: id_or_new(recipient.command_id), unit: Some(unit) };
    change!(session, register_unit, request, ("head.unit", &id))
}

async fn agreement(session: &mut Session<'_>, args: &Agreement) -> Result<Exit, Failure> {
    let id = id_or_new(args.id);
    let agreement = AgreementRecorded {
        agreement_id: id.clone(),
        organization_id: id_or_new(Some(args.organization)),
        unit_id: given_or_empty(args.only),
        purposes: values(&args.purpose),
        categories: numbers(&args.category),
        valid_from: args.from,
        valid_until: args.until,
    };
    let request = RecordAgreementRequest { command_id: id_or_new(args.command_id), agreement: Some(agreement) };
    change!(session, record_agreement, request, ("head.agreement", &id))
}

async fn suspend(session: &mut Session<'_>, args: &Suspend) -> Result<Exit, Failure> {
    let organization_id = id_or_new(Some(args.organization));
    let suspension = RecipientSuspended {
        organization_id: organization_id.clone(),
        unit_id: given_or_empty(args.only),
        reason: i32::from(args.reason),
    };
    let request = SuspendRecipientRequest { command_id: id_or_new(args.command_id), suspension: Some(suspension) };
    change!(session, suspend_recipient, request, ("head.organization", &organization_id))
}

async fn reinstate(session: &mut Session<'_>, args: &Reinstate) -> Result<Exit, Failure> {
    let organization_id = id_or_new(Some(args.organization));
    let reinstatement =
        RecipientReinstated { organization_id: organization_id.clone(), unit_id: given_or_empty(args.only) };
    let command_id = id_or_new(args.command_id);
    let request = ReinstateRecipientRequest { command_id, reinstatement: Some(reinstatement) };
    change!(session, reinstate_recipient, request, ("head.organization", &organization_id))
}

async fn list(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let mut client = session.directory()?;
    let mut is_empty = !session.out.is_json();
    let fetch =
        async |page_token| client.list_organizations(ListOrganizationsRequest { page_size: PAGE, page_token }).await;
    let told = session.out.pages(Pages::ALL, fetch, |out, page| {
        is_empty &= page.entries.is_empty();
        page.entries.iter().try_for_each(|entry| show_row(out, entry))
    });
    told.await?;
    if is_empty {
        session.out.line(session.out.lang.text("say.no_organizations"))?;
    }
    Ok(Exit::Ok)
}

fn name<'a>(lang: Lang, english: &'a str, french: &'a str) -> &'a str {
    match lang {
        Lang::French if !french.is_empty() => french,
        Lang::English | Lang::French => english,
    }
}

/// An organisation, its units under it.
fn show_row(out: &mut Output, entry: &OrganizationEntry) -> Result<(), Failure> {
    let lang = out.lang;
    let Some(organization) = &entry.organization else { return Ok(()) };
    let state = match (entry.suspended, organization.verified) {
        (true, _) => "word.suspended",
        (false, true) => "word.active",
        (false, false) => "word.unverified",
    };
    let kind = lang.word_of::<RecipientKind>(organization.kind);
    let of = name(lang, &organization.name_en, &organization.name_fr);
    let first = format!("{}  ", organization.organization_id);
    out.wrapped(&first, first.len(), &format!("{of} ({kind}, {})", lang.text(state)))?;
    for unit in &entry.units {
        let Some(record) = &unit.unit else { continue };
        let purposes = lang.row(record.purposes.iter().map(|purpose| lang.word_of::<Purpose>(*purpose)));
        let of = name(lang, &record.name_en, &record.name_fr);
        let suspended = if unit.suspended { format!(" ({})", lang.text("word.suspended")) } else { String::new() };
        let first = format!("  {}  ", record.unit_id);
        let text = format!("{of}{suspended}{}{purposes}", lang.text("word.colon"));
        out.wrapped(&first, first.len(), &text)?;
    }
    Ok(())
}

async fn show(session: &mut Session<'_>, organization: Uuid) -> Result<Exit, Failure> {
    let mut client = session.directory()?;
    let request = GetOrganizationRequest { organization_id: id_or_new(Some(organization)) };
    let response = session.out.waiting("say.waiting", client.get_organization(request)).await?.into_inner();
    if session.out.is_json() {
        session.out.message(&response)?;
    } else if let Some(entry) = &response.entry {
        show_entry(session.out, entry)?;
    }
    Ok(Exit::Ok)
}

fn show_entry(out: &mut Output, entry: &OrganizationEntry) -> Result<(), Failure> {
    let lang = out.lang;
    let Some(organization) = &entry.organization else { return Ok(()) };
    let state = |suspended: bool| lang.text(if suspended { "word.suspended" } else { "word.active" });
    let verified = lang.text(if organization.verified { "word.verified" } else { "word.unverified" });
    out.field("head.organization", &organization.organization_id)?;
    out.field("head.name", name(lang, &organization.name_en, &organization.name_fr))?;
    out.field("head.kind", lang.word_of::<RecipientKind>(organization.kind))?;
    out.field("head.state", format!("{}, {verified}", state(entry.suspended)))?;
    out.field("head.revision", entry.revision)?;
    for unit in &entry.units {
        let Some(record) = &unit.unit else { continue };
        out.line("")?;
        out.field("head.unit", &record.unit_id)?;
        out.field("head.name", name(lang, &record.name_en, &record.name_fr))?;
        out.field("head.kind", lang.word_of::<RecipientKind>(record.kind))?;
        out.field("head.purpose", lang.row(record.purposes.iter().map(|purpose| lang.word_of::<Purpose>(*purpose))))?;
        out.field("head.callback", &record.callback_number)?;
        out.field("head.state", state(unit.suspended))?;
    }
    for agreement in &entry.agreements {
        out.line("")?;
        out.field("head.agreement", &agreement.agreement_id)?;
        let purposes = agreement.purposes.iter().map(|purpose| lang.word_of::<Purpose>(*purpose));
        out.field("head.purpose", lang.row(purposes))?;
        let categories = agreement.categories.iter().map(|category| lang.word_of::<DataCategory>(*category));
        out.field("head.categories", lang.row(categories))?;
        let from = minute(agreement.valid_from.as_ref());
        out.field("head.valid", format!("{from} … {}", minute(agreement.valid_until.as_ref())))?;
    }
    Ok(())
}
