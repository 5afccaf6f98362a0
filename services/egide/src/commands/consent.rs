//! `egide consent`: what a person allows, refuses, takes back.

mod again;
mod receipt;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Subcommand;
use egide_crypto::digest::sha256;
use egide_domain::Policy;
use egide_servicekit::identity::Role;
use egide_servicekit::policy::LoadedPolicy;
use egide_wire::proto::egide::case::v1::{
    AgeBand, Answer, Authority, ConsentCapacity, ConsentCondition, ConsentGiven, ConsentKind, ConsentMethod,
    ConsentRefused, ConsentWithdrawn, DataPeriod, GrantorKind, Jurisdiction, KindInRegion, Language, Purpose,
    ReasonCode, RecipientKind, RecipientScope, case_event::Payload, consent_given::Expiry, recipient_scope::Scope,
};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::ledger::v1::{HeldBack, RecordConsentRequest};
use prost_types::Timestamp;
use uuid::Uuid;

use super::append::{self, append};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::{parse, value_of};
use crate::session::{Session, id_or_new, words_given};

/// `egide consent …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Give(Box<Give>),
    Narrow(Box<again::Narrow>),
    Renew(Box<again::Renew>),
    Refuse(Refuse),
    Withdraw(Withdraw),
    Receipt(receipt::Args),
}

/// `egide consent give CASE PERSON`.
#[derive(Clone, clap::Args)]
pub(crate) struct Give {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "PERSON")]
    person: Uuid,
    #[arg(long, value_name = "RECIPIENT", required = true)]
    to: Recipient,
    #[arg(long, value_delimiter = ',', required = true, value_parser = value_of::<Purpose>())]
    purpose: Vec<Purpose>,
    #[arg(long, value_delimiter = ',', value_name = "CATEGORY", required = true, value_parser = value_of::<DataCategory>())]
    permit: Vec<DataCategory>,
    #[arg(long, value_delimiter = ',', value_name = "CATEGORY", value_parser = value_of::<DataCategory>())]
    deny: Vec<DataCategory>,
    #[arg(long, value_name = "ANSWER", required = true, value_parser = value_of::<Answer>())]
    speaking_freely: Answer,
    #[arg(long, value_name = "ANSWER", required = true, value_parser = value_of::<Answer>())]
    understood: Answer,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, conflicts_with = "unlimited")]
    until: Option<Timestamp>,
    #[arg(long)]
    unlimited: bool,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    not_before: Option<Timestamp>,
    #[arg(long)]
    standing: bool,
    #[arg(long)]
    onward_sharing: bool,
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
    #[arg(long, value_name = "VERSION")]
    policy: Option<String>,
    #[arg(long, value_delimiter = ',', value_name = "CONSENT")]
    supersedes: Vec<Uuid>,
    #[arg(long, value_name = "PERSON", requires = "authority")]
    representative: Option<Uuid>,
    #[arg(long, value_parser = value_of::<Authority>(), requires = "representative")]
    authority: Option<Authority>,
    #[arg(long, default_value = "adult", value_parser = value_of::<ConsentCapacity>())]
    capacity: ConsentCapacity,
    #[arg(long, value_name = "BAND", value_parser = value_of::<AgeBand>())]
    age: Option<AgeBand>,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    data_from: Option<Timestamp>,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    data_until: Option<Timestamp>,
    #[arg(long, value_delimiter = ',', value_parser = value_of::<ConsentCondition>())]
    condition: Vec<ConsentCondition>,
    #[arg(long, value_name = "TIP")]
    report: Option<Uuid>,
    #[arg(long, value_delimiter = ',', value_name = "CATEGORY", requires = "report", value_parser = value_of::<DataCategory>())]
    about_bringer: Vec<DataCategory>,
    #[arg(long, value_name = "CONSENT")]
    consent_id: Option<Uuid>,
    #[command(flatten)]
    command: append::Command,
}

/// `egide consent refuse CASE PERSON`.
#[derive(Clone, clap::Args)]
pub(crate) struct Refuse {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "PERSON")]
    person: Uuid,
    #[arg(long, value_name = "RECIPIENT", default_value = "anyone")]
    to: Recipient,
    #[arg(long, value_delimiter = ',', value_name = "CATEGORY", value_parser = value_of::<DataCategory>())]
    deny: Vec<DataCategory>,
    #[arg(long, value_name = "CONSENT")]
    consent_id: Option<Uuid>,
    #[command(flatten)]
    command: append::Command,
}

/// `egide consent withdraw CASE PERSON`.
#[derive(Clone, clap::Args)]
pub(crate) struct Withdraw {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "PERSON")]
    person: Uuid,
    #[arg(long, value_name = "CONSENT")]
    consent: Option<Uuid>,
    #[arg(long, value_delimiter = ',', value_name = "CATEGORY", value_parser = value_of::<DataCategory>())]
    category: Vec<DataCategory>,
    #[command(flatten)]
    command: append::Command,
}

/// `unit:UUID`, `organization:UUID`, `kind:KIND`, `kind:KIND@REGION+REGION` or `anyone`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recipient(Scope);

impl FromStr for Recipient {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "unit:UUID, organization:UUID, kind:KIND, kind:KIND@REGION+REGION, anyone".to_owned();
        let id = |text: &str| Uuid::parse_str(text).map(|id| id.hyphenated().to_string()).map_err(|_| expected());
        let scope = match text.split_once(':') {
            None if text == "anyone" => Scope::Anyone(true),
            Some(("unit", unit)) => Scope::UnitId(id(unit)?),
            Some(("organization" | "organisation", organization)) => Scope::OrganizationId(id(organization)?),
            Some(("kind", kind)) => match kind.split_once('@') {
                None => Scope::RecipientKind(i32::from(parse::<RecipientKind>(kind).ok_or_else(expected)?)),
                Some((kind, regions)) => {
                    let region = |region: &str| parse::<Jurisdiction>(region).map(i32::from).ok_or_else(expected);
                    Scope::KindInRegion(KindInRegion {
                        recipient_kind: i32::from(parse::<RecipientKind>(kind).ok_or_else(expected)?),
                        jurisdictions: regions.split('+').map(region).collect::<Result<_, _>>()?,
                    })
                }
            },
            None | Some(_) => return Err(expected()),
        };
        Ok(Self(scope))
    }
}

impl Recipient {
    fn to_scope(&self) -> RecipientScope {
        RecipientScope { scope: Some(self.0.clone()) }
    }
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Give(args) => {
            let given = given(args)?;
            record(session, &args.command, args.case, given).await
        }
        Command::Narrow(args) => again::narrow(session, args).await,
        Command::Renew(args) => again::renew(session, args).await,
        Command::Receipt(args) => receipt::run(session, args).await,
        Command::Refuse(args) => {
            let id = id_or_new(args.consent_id);
            let payload = Payload::ConsentRefused(ConsentRefused {
                consent_id: id.clone(),
                subject_id: id_or_new(Some(args.person)),
                recipient: Some(args.to.to_scope()),
                denied: numbers(&args.deny),
            });
            let record = Some(("head.consent", id.as_str()));
            append(session, &args.command, Role::Responder, args.case, payload, record).await
        }
        Command::Withdraw(args) => {
            let payload = Payload::ConsentWithdrawn(ConsentWithdrawn {
                consent_id: args.consent.map(|id| id_or_new(Some(id))).unwrap_or_default(),
                subject_id: id_or_new(Some(args.person)),
                categories: numbers(&args.category),
                ..ConsentWithdrawn::default()
            });
            append(session, &args.command, Role::Responder, args.case, payload, None).await
        }
    }
}

/// Records a consent, and tells where it stands and what still holds it back.
async fn record(
    session: &mut Session<'_>,
    command: &append::Command,
    case: Uuid,
    consent: ConsentGiven,
) -> Result<Exit, Failure> {
    let consent_id = consent.consent_id.clone();
    let request = RecordConsentRequest {
        command_id: command.id(),
        case_id: id_or_new(Some(case)),
        consent: Some(consent),
        occurred_at: command.occurred_at(),
        ..RecordConsentRequest::default()
    };
    let client = session.ledger(Role::Responder)?;
    let call = || {
        let mut client = client.clone();
        let request = request.clone();
        async move { client.record_consent(request).await }
    };
    let sent = session.until_known(call).await;
    let response = append::repeatable(session, &request.command_id, sent)?;
    if session.out.is_json() {
        session.out.message(&response)?;
        return Ok(Exit::Ok);
    }
    append::show(session, response.acknowledgement.as_ref())?;
    session.out.field("head.consent", &consent_id)?;
    response.held_back.iter().try_for_each(|held| show_held_back(session, held))?;
    let lang = session.out.lang;
    if response.held_back.iter().any(|held| !held.denied_by.is_empty()) {
        session.out.note(lang.text("say.supersede"))?;
    } else if response.held_back.is_empty() {
        session.out.note(lang.text("say.nothing_holds_back"))?;
    }
    Ok(Exit::Ok)
}

fn show_held_back(session: &mut Session<'_>, held: &HeldBack) -> Result<(), Failure> {
    let lang = session.out.lang;
    let mut lines = vec![lang.word_of::<DataCategory>(held.category).to_owned()];
    lines.extend(held.denied_by.iter().map(|refusal| lang.fill("say.denied_by", &[("refusal", refusal)])));
    lines.extend(held.reasons.iter().map(|reason| lang.word_of::<ReasonCode>(*reason).to_owned()));
    session.out.field("head.held_back", lines.join("\n"))
}

fn given(args: &Give) -> Result<ConsentGiven, Failure> {
    let expiry = match (&args.until, args.unlimited) {
        (Some(until), _) => Some(Expiry::ExpiresAt(*until)),
        (None, true) => Some(Expiry::Unlimited(true)),
        (None, false) => None,
    };
    let wording_digest = match &args.wording_file {
        Some(path) => digest_of(path)?,
        None => shipped_wording(&args.wording)?,
    };
    let interpreter = args.interpreter.as_deref().map(words_given).transpose()?;
    Ok(ConsentGiven {
        consent_id: id_or_new(args.consent_id),
        subject_id: id_or_new(Some(args.person)),
        kind: i32::from(if args.report.is_some() { ConsentKind::Report } else { ConsentKind::DataSubject }),
        grantor: i32::from(match args.representative {
            Some(_) => GrantorKind::Representative,
            None => GrantorKind::Self_,
        }),
        representative_subject_id: args.representative.map(|id| id_or_new(Some(id))).unwrap_or_default(),
        recipient: Some(args.to.to_scope()),
        purposes: args.purpose.iter().map(|purpose| i32::from(*purpose)).collect(),
        permitted: numbers(&args.permit),
        denied: numbers(&args.deny),
        not_before: args.not_before,
        standing: args.standing,
        onward_sharing: args.onward_sharing,
        method: i32::from(args.method),
        wording_version: args.wording.clone(),
        wording_digest,
        language: args.language.into(),
        interpreter_present: interpreter.is_some(),
        interpreter: interpreter.unwrap_or_default(),
        witness: args.witness.clone(),
        speaking_freely: i32::from(args.speaking_freely),
        understood: i32::from(args.understood),
        policy_version: policy_version(args)?,
        supersedes: args.supersedes.iter().map(|id| id_or_new(Some(*id))).collect(),
        about_bringer: numbers(&args.about_bringer),
        tip_id: args.report.map(|id| id_or_new(Some(id))).unwrap_or_default(),
        expiry,
        capacity: args.capacity.into(),
        age_at_grant: args.age.map(i32::from).unwrap_or_default(),
        authority: args.authority.map(i32::from).unwrap_or_default(),
        data_period: data_period(args),
        conditions: args.condition.iter().map(|condition| i32::from(*condition)).collect(),
    })
}

/// The digest of a wording of the policy this program was built with; nothing where it has none of that name: the ledger then says
/// so.
fn shipped_wording(name: &str) -> Result<Vec<u8>, Failure> {
    let shipped = LoadedPolicy::embedded().map_err(|error| crate::policy::refused(error.into()))?;
    Ok(shipped.wording_digest(name).map(|digest| digest.as_bytes().to_vec()).unwrap_or_default())
}

fn data_period(args: &Give) -> Option<DataPeriod> {
    let (recorded_from, recorded_until) = (args.data_from, args.data_until);
    (recorded_from.is_some() || recorded_until.is_some()).then_some(DataPeriod { recorded_from, recorded_until })
}

/// The consent policy in force: the one named, else the one this program was built with.
fn policy_version(args: &Give) -> Result<String, Failure> {
    args.policy.clone().map_or_else(shipped_policy_version, Ok)
}

fn shipped_policy_version() -> Result<String, Failure> {
    let policy =
        Policy::embedded().map_err(|error| Failure::new(Exit::Unexpected, "fail.config").with("error", error))?;
    Ok(policy.version().to_string())
}

/// SHA-256 of a file.
pub(super) fn digest_of(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    Ok(sha256(&bytes).as_bytes().to_vec())
}

/// The numbers of categories, as messages hold them.
pub(super) fn numbers(categories: &[DataCategory]) -> Vec<i32> {
    categories.iter().map(|category| i32::from(*category)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_a_unit_an_organisation_a_kind_or_anyone() {
        let id = "6f6c1d3c-9d0c-4f2e-8f6b-0d9a6f2b1c11";
        assert_eq!(format!("unit:{id}").parse(), Ok(Recipient(Scope::UnitId(id.to_owned()))));
        assert_eq!("anyone".parse(), Ok(Recipient(Scope::Anyone(true))));
        let kind = i32::from(RecipientKind::SupportService);
        assert_eq!("kind:support-service".parse(), Ok(Recipient(Scope::RecipientKind(kind))));
        let both = KindInRegion {
            recipient_kind: kind,
            jurisdictions: vec![i32::from(Jurisdiction::Qc), i32::from(Jurisdiction::On)],
        };
        assert_eq!("kind:support-service@qc+on".parse(), Ok(Recipient(Scope::KindInRegion(both))));
        for text in
            ["", "everybody", "kind:support-service@", "kind:support-service@atlantis", "unit:1", "kind:friends", id]
        {
            assert!(text.parse::<Recipient>().is_err(), "{text}");
        }
    }
}
