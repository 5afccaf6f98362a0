//! A consent given again, narrower or for longer: a new record that supersedes the old one. What the person said before stays
//! what they said; that they say it now is asked anew.

use std::path::PathBuf;

use egide_servicekit::identity::Role;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::consent_given::Expiry;
use egide_wire::proto::egide::case::v1::{AgeBand, Answer, ConsentCapacity, ConsentGiven, ConsentMethod, Language};
use egide_wire::proto::egide::classification::v1::DataCategory;
use prost_types::Timestamp;
use uuid::Uuid;

use super::{digest_of, numbers, record, shipped_policy_version, shipped_wording};
use crate::commands::append;
use crate::commands::case_facts;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::{Session, id_or_new, words_if_given};

/// `egide consent narrow CASE CONSENT`.
#[derive(Clone, clap::Args)]
pub(crate) struct Narrow {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "CONSENT")]
    consent: Uuid,
    #[arg(long, value_delimiter = ',', value_name = "CATEGORY", required = true, value_parser = value_of::<DataCategory>())]
    permit: Vec<DataCategory>,
    #[arg(long, value_delimiter = ',', value_name = "CATEGORY", value_parser = value_of::<DataCategory>())]
    deny: Vec<DataCategory>,
    #[command(flatten)]
    said: Said,
}

/// `egide consent renew CASE CONSENT`.
#[derive(Clone, clap::Args)]
pub(crate) struct Renew {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "CONSENT")]
    consent: Uuid,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, conflicts_with = "unlimited")]
    until: Option<Timestamp>,
    #[arg(long)]
    unlimited: bool,
    #[command(flatten)]
    said: Said,
}

/// How it was said now.
#[derive(Clone, clap::Args)]
struct Said {
    #[arg(long, value_name = "ANSWER", required = true, value_parser = value_of::<Answer>())]
    speaking_freely: Answer,
    #[arg(long, value_name = "ANSWER", required = true, value_parser = value_of::<Answer>())]
    understood: Answer,
    #[arg(long, default_value = "spoken", value_parser = value_of::<ConsentMethod>())]
    method: ConsentMethod,
    #[arg(long, value_name = "VERSION")]
    wording: String,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    wording_file: Option<PathBuf>,
    #[arg(long, value_name = "LANGUAGE", value_parser = value_of::<Language>())]
    language: Language,
    #[arg(long, value_name = "TEXT")]
    interpreter: Option<String>,
    #[arg(long, value_name = "ACCOUNT", default_value = "")]
    witness: String,
    #[arg(long, value_parser = value_of::<ConsentCapacity>())]
    capacity: Option<ConsentCapacity>,
    #[arg(long, value_name = "BAND", value_parser = value_of::<AgeBand>())]
    age: Option<AgeBand>,
    #[arg(long, value_name = "CONSENT")]
    consent_id: Option<Uuid>,
    #[command(flatten)]
    command: append::Command,
}

pub(crate) async fn narrow(session: &mut Session<'_>, args: &Narrow) -> Result<Exit, Failure> {
    let (old, _) = known(session, args.case, args.consent).await?;
    let permitted = numbers(&args.permit);
    if !permitted.iter().all(|category| old.permitted.contains(category)) {
        return Err(Failure::new(Exit::Usage, "fail.not_narrower"));
    }
    let mut denied = old.denied.clone();
    denied.extend(numbers(&args.deny).into_iter().filter(|category| !old.denied.contains(category)));
    let about_bringer = old.about_bringer.iter().copied().filter(|category| permitted.contains(category)).collect();
    let consent = ConsentGiven { permitted, denied, about_bringer, ..said_again(old, &args.said)? };
    record(session, &args.said.command, args.case, consent).await
}

pub(crate) async fn renew(session: &mut Session<'_>, args: &Renew) -> Result<Exit, Failure> {
    let (old, _) = known(session, args.case, args.consent).await?;
    let expiry = match (&args.until, args.unlimited) {
        (Some(until), _) => Some(Expiry::ExpiresAt(*until)),
        (None, true) => Some(Expiry::Unlimited(true)),
        (None, false) => None,
    };
    let consent = ConsentGiven { expiry, ..said_again(old, &args.said)? };
    record(session, &args.said.command, args.case, consent).await
}

async fn known(
    session: &mut Session<'_>,
    case: Uuid,
    consent: Uuid,
) -> Result<(ConsentGiven, Option<Timestamp>), Failure> {
    case_facts::read(session, Role::Responder, case, AccessReason::WorkingTheCase).await?.consent(consent)
}

/// The old record with what belongs to the moment it is said.
fn said_again(old: ConsentGiven, said: &Said) -> Result<ConsentGiven, Failure> {
    let interpreter = words_if_given(said.interpreter.as_deref())?;
    let wording_digest = match &said.wording_file {
        Some(path) => digest_of(path)?,
        None => shipped_wording(&said.wording)?,
    };
    Ok(ConsentGiven {
        consent_id: id_or_new(said.consent_id),
        supersedes: vec![old.consent_id.clone()],
        not_before: None,
        speaking_freely: said.speaking_freely.into(),
        understood: said.understood.into(),
        method: said.method.into(),
        wording_version: said.wording.clone(),
        wording_digest,
        language: said.language.into(),
        interpreter_present: !interpreter.is_empty(),
        interpreter,
        witness: said.witness.clone(),
        policy_version: shipped_policy_version()?,
        capacity: said.capacity.map_or(old.capacity, i32::from),
        age_at_grant: said.age.map_or(old.age_at_grant, i32::from),
        ..old
    })
}
