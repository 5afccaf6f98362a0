//! `egide directory notification`: where a unit is told that something waits for it.

use clap::Subcommand;
use egide_domain::notices::{AddressError, Mailbox, WebhookUrl};
use egide_wire::proto::egide::case::v1::NoticeMeans;
use egide_wire::proto::egide::directory::v1::{
    AddNotificationAddressRequest, NotificationAddress, NotificationAddressAdded, NotificationAddressRemoved,
    RemoveNotificationAddressRequest,
};
use uuid::Uuid;

use super::directory::{change, list_by_unit};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, id_or_new};
use crate::times::minute;

/// `egide directory notification …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Add(Add),
    Remove(Remove),
    List(List),
}

/// `egide directory notification add ORGANIZATION UNIT ADDRESS`.
#[derive(Clone, clap::Args)]
pub(crate) struct Add {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
    #[arg(id = "of_unit", value_name = "UNIT")]
    unit: Uuid,
    #[arg(value_name = "ADDRESS")]
    address: String,
    #[arg(long, value_name = "TEXT", required = true)]
    label: String,
    #[arg(long, value_name = "ID")]
    address_id: Option<Uuid>,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide directory notification remove ORGANIZATION UNIT ADDRESS_ID`.
#[derive(Clone, clap::Args)]
pub(crate) struct Remove {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
    #[arg(id = "of_unit", value_name = "UNIT")]
    unit: Uuid,
    #[arg(value_name = "ADDRESS_ID")]
    address_id: Uuid,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide directory notification list ORGANIZATION`.
#[derive(Clone, clap::Args)]
pub(crate) struct List {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Add(args) => add(session, args).await,
        Command::Remove(args) => remove(session, args).await,
        Command::List(args) => list(session, args).await,
    }
}

/// What kind of address it is, by its form; looked at before anything is sent.
fn means_of(address: &str) -> Result<NoticeMeans, Failure> {
    let refused = |error: AddressError| Failure::new(Exit::Usage, "fail.notification_address").with("error", error);
    if address.contains("://") {
        WebhookUrl::parse(address).map_err(refused)?;
        Ok(NoticeMeans::Webhook)
    } else {
        Mailbox::parse(address).map_err(refused)?;
        Ok(NoticeMeans::Email)
    }
}

async fn add(session: &mut Session<'_>, args: &Add) -> Result<Exit, Failure> {
    let address_id = id_or_new(args.address_id);
    let added = NotificationAddressAdded {
        organization_id: id_or_new(Some(args.organization)),
        unit_id: id_or_new(Some(args.unit)),
        address_id: address_id.clone(),
        means: means_of(&args.address)?.into(),
        address: args.address.clone(),
        label: args.label.clone(),
    };
    let request = AddNotificationAddressRequest { command_id: id_or_new(args.command_id), address: Some(added) };
    change!(session, add_notification_address, request, ("head.address", &address_id))
}

async fn remove(session: &mut Session<'_>, args: &Remove) -> Result<Exit, Failure> {
    let address_id = id_or_new(Some(args.address_id));
    let removed = NotificationAddressRemoved {
        organization_id: id_or_new(Some(args.organization)),
        unit_id: id_or_new(Some(args.unit)),
        address_id: address_id.clone(),
    };
    let request = RemoveNotificationAddressRequest { command_id: id_or_new(args.command_id), address: Some(removed) };
    change!(session, remove_notification_address, request, ("head.address", &address_id))
}

async fn list(session: &mut Session<'_>, args: &List) -> Result<Exit, Failure> {
    list_by_unit(session, args.organization, |unit| &unit.notification_addresses, show, "say.no_notification_addresses")
        .await
}

/// An address under its unit: where it is told now, or until when it was.
fn show(out: &mut Output, address: &NotificationAddress) -> Result<(), Failure> {
    let (added, removed) = (minute(address.added_at.as_ref()), minute(address.removed_at.as_ref()));
    let places: [(&str, &dyn std::fmt::Display); 4] =
        [("address", &address.address), ("label", &address.label), ("added", &added), ("removed", &removed)];
    let gone = address.removed_at.is_some();
    let text = if gone { "say.notification_address_removed" } else { "say.notification_address" };
    let text = out.lang.fill(text, &places);
    let first = format!("  {}  ", address.address_id);
    out.wrapped(&first, first.len(), &text)
}
