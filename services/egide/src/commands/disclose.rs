//! `egide disclose`: asks the gate.

use egide_crypto::digest::Digest;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::case::v1::{Basis, BasisKind, Purpose, ReferralMode};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::disclosure::v1::RequestDisclosureRequest;
use uuid::Uuid;

use super::append::repeatable;
use super::consent::numbers;
use super::decision;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::{Session, id_or_new};

/// `egide disclose CASE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(long, value_name = "UNIT", required = true)]
    to: Uuid,
    #[arg(long, required = true, value_parser = value_of::<Purpose>())]
    purpose: Purpose,
    #[arg(long, value_delimiter = ',', required = true, value_parser = value_of::<DataCategory>())]
    category: Vec<DataCategory>,
    #[arg(long, value_delimiter = ',')]
    person: Vec<Uuid>,
    #[arg(long, value_delimiter = ',', value_name = "CONSENT")]
    consent: Vec<Uuid>,
    #[arg(long, value_delimiter = ',', value_name = "CONSENT")]
    report_consent: Vec<Uuid>,
    #[arg(long, value_delimiter = ',', value_name = "EXCEPTION")]
    exception: Vec<Uuid>,
    #[arg(long, default_value = "written", value_parser = value_of::<ReferralMode>())]
    mode: ReferralMode,
    #[arg(long, value_name = "REFERRAL")]
    supplementary_to: Option<Uuid>,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

pub(crate) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let request = request(args);
    let client = session.disclosure(Role::Supervisor)?;
    let call = || {
        let mut client = client.clone();
        let request = request.clone();
        async move { client.request_disclosure(request).await }
    };
    let asked = session.until_known(call).await;
    let response = repeatable(session, &request.command_id, asked)?;
    let Some(decision) = &response.decision else {
        return Err(Failure::new(Exit::Unexpected, "fail.contract"));
    };
    let permit = decision.decided.as_ref().is_some_and(decision::is_permit);
    let exit = if permit { Exit::Ok } else { Exit::Refused };
    if session.out.is_json() {
        session.out.message(&response)?;
        return Ok(exit);
    }
    decision::show(session.out, decision)?;
    let lang = session.out.lang;
    if permit {
        session.out.field("head.referral", &decision.referral_id)?;
        session.out.field("head.digest", hex(&response.report_digest))?;
        let next: [(&str, &dyn std::fmt::Display); 2] = [("referral", &decision.referral_id), ("unit", &args.to)];
        session.out.note(lang.fill("say.disclosed_next", &next))?;
    } else {
        session.out.note(lang.text("say.denied_next"))?;
    }
    Ok(exit)
}

fn request(args: &Args) -> RequestDisclosureRequest {
    let basis = |kind: BasisKind| {
        move |id: &Uuid| Basis { kind: i32::from(kind), reference_id: id_or_new(Some(*id)), exception: 0 }
    };
    let relies_on = args.consent.iter().map(basis(BasisKind::Consent));
    let relies_on = relies_on.chain(args.report_consent.iter().map(basis(BasisKind::ReportConsent)));
    let relies_on = relies_on.chain(args.exception.iter().map(basis(BasisKind::Exception)));
    RequestDisclosureRequest {
        command_id: id_or_new(args.command_id),
        case_id: id_or_new(Some(args.case)),
        unit_id: id_or_new(Some(args.to)),
        purpose: i32::from(args.purpose),
        categories: numbers(&args.category),
        subject_ids: args.person.iter().map(|person| id_or_new(Some(*person))).collect(),
        relies_on: relies_on.collect(),
        mode: i32::from(args.mode),
        supplementary_to: args.supplementary_to.map(|referral| id_or_new(Some(referral))).unwrap_or_default(),
    }
}

/// A digest as people compare it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    <[u8; Digest::BYTES]>::try_from(bytes)
        .map_or_else(|_| "–".to_owned(), |bytes| Digest::from_bytes(bytes).to_string())
}
