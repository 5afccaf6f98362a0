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
    #[command(flatten)]
    wanted: Wanted,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// What is asked of the gate.
#[derive(Clone, clap::Args)]
pub(crate) struct Wanted {
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
}

pub(crate) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let request = args.wanted.request(id_or_new(args.command_id));
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
        let next: [(&str, &dyn std::fmt::Display); 2] =
            [("referral", &decision.referral_id), ("unit", &args.wanted.to)];
        session.out.note(lang.fill("say.disclosed_next", &next))?;
    } else if response.approval_id.is_empty() {
        session.out.note(lang.text("say.denied_next"))?;
    } else {
        session.out.field("head.approval", &response.approval_id)?;
        session.out.note(lang.fill("say.approval_next", &[("approval", &response.approval_id)]))?;
    }
    Ok(exit)
}

impl Wanted {
    /// The request under this command id.
    pub(crate) fn request(&self, command_id: String) -> RequestDisclosureRequest {
        let basis = |kind: BasisKind| {
            move |id: &Uuid| Basis { kind: i32::from(kind), reference_id: id_or_new(Some(*id)), exception: 0 }
        };
        let relies_on = self.consent.iter().map(basis(BasisKind::Consent));
        let relies_on = relies_on.chain(self.report_consent.iter().map(basis(BasisKind::ReportConsent)));
        let relies_on = relies_on.chain(self.exception.iter().map(basis(BasisKind::Exception)));
        RequestDisclosureRequest {
            command_id,
            case_id: id_or_new(Some(self.case)),
            unit_id: id_or_new(Some(self.to)),
            purpose: i32::from(self.purpose),
            categories: numbers(&self.category),
            subject_ids: self.person.iter().map(|person| id_or_new(Some(*person))).collect(),
            relies_on: relies_on.collect(),
            mode: i32::from(self.mode),
            supplementary_to: self.supplementary_to.map(|referral| id_or_new(Some(referral))).unwrap_or_default(),
        }
    }
}

/// A digest as people compare it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    <[u8; Digest::BYTES]>::try_from(bytes)
        .map_or_else(|_| "–".to_owned(), |bytes| Digest::from_bytes(bytes).to_string())
}
