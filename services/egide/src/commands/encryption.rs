//! `egide directory encryption`: the public keys of a unit, to which packages are encrypted.

use clap::Subcommand;
use egide_parcel::{EncryptionKey, KeyFingerprint, ParseEncryptionKeyError};
use egide_wire::proto::egide::directory::v1 as proto;
use egide_wire::proto::egide::directory::v1::{
    AddEncryptionKeyRequest, EncryptionKeyAdded, EncryptionKeyRemoved, RemoveEncryptionKeyRequest,
};
use uuid::Uuid;

use super::directory::{change, list_by_unit};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, id_or_new, words_given};
use crate::times::minute;

/// `egide directory encryption …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Add(Add),
    Remove(Remove),
    List(List),
}

/// `egide directory encryption add ORGANIZATION UNIT KEY`.
#[derive(Clone, clap::Args)]
pub(crate) struct Add {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
    #[arg(id = "of_unit", value_name = "UNIT")]
    unit: Uuid,
    #[arg(value_name = "KEY")]
    key: String,
    #[arg(long, value_name = "TEXT", required = true)]
    label: String,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide directory encryption remove ORGANIZATION UNIT KEY`.
#[derive(Clone, clap::Args)]
pub(crate) struct Remove {
    #[arg(value_name = "ORGANIZATION")]
    organization: Uuid,
    #[arg(id = "of_unit", value_name = "UNIT")]
    unit: Uuid,
    #[arg(value_name = "KEY")]
    key: String,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide directory encryption list ORGANIZATION`.
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

/// A public key. It is looked at before anything is sent: a private one goes nowhere, and nothing of it is repeated.
fn public_key(text: &str) -> Result<EncryptionKey, Failure> {
    text.trim().parse().map_err(|error| {
        let cause = match error {
            ParseEncryptionKeyError::Secret => "fail.private_key",
            ParseEncryptionKeyError::NotAKey => "fail.encryption_key",
            ParseEncryptionKeyError::Weak => "fail.weak_key",
        };
        Failure::new(Exit::Usage, cause)
    })
}

async fn add(session: &mut Session<'_>, args: &Add) -> Result<Exit, Failure> {
    let key = public_key(&words_given(&args.key)?)?;
    if args.label.parse::<EncryptionKey>() == Err(ParseEncryptionKeyError::Secret) {
        return Err(Failure::new(Exit::Usage, "fail.private_key"));
    }
    let fingerprint = key.fingerprint().to_string();
    let added = EncryptionKeyAdded {
        organization_id: id_or_new(Some(args.organization)),
        unit_id: id_or_new(Some(args.unit)),
        recipient: key.to_string(),
        label: args.label.clone(),
    };
    let request = AddEncryptionKeyRequest { command_id: id_or_new(args.command_id), key: Some(added) };
    change!(session, add_encryption_key, request, ("head.key", &fingerprint))
}

async fn remove(session: &mut Session<'_>, args: &Remove) -> Result<Exit, Failure> {
    let fingerprint = match args.key.parse::<KeyFingerprint>() {
        Ok(fingerprint) => fingerprint,
        Err(_) => public_key(&args.key)?.fingerprint(),
    };
    let fingerprint = fingerprint.to_string();
    let removed = EncryptionKeyRemoved {
        organization_id: id_or_new(Some(args.organization)),
        unit_id: id_or_new(Some(args.unit)),
        fingerprint: fingerprint.clone(),
    };
    let request = RemoveEncryptionKeyRequest { command_id: id_or_new(args.command_id), key: Some(removed) };
    change!(session, remove_encryption_key, request, ("head.key", &fingerprint))
}

async fn list(session: &mut Session<'_>, args: &List) -> Result<Exit, Failure> {
    list_by_unit(session, args.organization, |unit| &unit.encryption_keys, show, "say.no_encryption_keys").await
}

/// A key under its unit: what packages are encrypted to now, or since when no more.
fn show(out: &mut Output, key: &proto::EncryptionKey) -> Result<(), Failure> {
    let (added, removed) = (minute(key.added_at.as_ref()), minute(key.removed_at.as_ref()));
    let places: [(&str, &dyn std::fmt::Display); 3] = [("label", &key.label), ("added", &added), ("removed", &removed)];
    let text = if key.removed_at.is_some() { "say.encryption_key_removed" } else { "say.encryption_key" };
    let text = out.lang.fill(text, &places);
    let first = format!("  {}  ", key.fingerprint);
    out.wrapped(&first, first.len(), &text)
}
