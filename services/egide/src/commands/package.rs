//! `egide package`, `egide referrals package`: a referral as a file that its unit alone opens.

use std::path::{Path, PathBuf};

use egide_servicekit::identity::Role;
use egide_wire::proto::egide::disclosure::v1::{FetchPackageRequest, PackReferralRequest, Package, PackagePages};
use serde_json::json;
use uuid::Uuid;

use super::append::repeatable;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::new_file::{free, write};
use crate::session::{Session, id_or_new, words_given};

/// `egide package REFERRAL`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "REFERRAL")]
    referral: Uuid,
    #[arg(long, value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    #[arg(long, value_name = "TEXT", required = true)]
    received_by: String,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide referrals package REFERRAL`.
#[derive(Clone, clap::Args)]
pub(crate) struct Fetch {
    #[arg(value_name = "REFERRAL")]
    referral: Uuid,
    #[arg(long, value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

pub(crate) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    free(&args.out)?;
    let request = PackReferralRequest {
        command_id: id_or_new(args.command_id),
        referral_id: id_or_new(Some(args.referral)),
        received_by: words_given(&args.received_by)?,
    };
    let client = session.disclosure(Role::Supervisor)?;
    let call = || {
        let mut client = client.clone();
        let request = request.clone();
        async move { client.pack_referral(request).await }
    };
    let packed = session.until_known(call).await;
    let response = repeatable(session, &request.command_id, packed)?;
    saved(session, response.package, &args.out)
}

pub(crate) async fn fetch(session: &mut Session<'_>, args: &Fetch) -> Result<Exit, Failure> {
    free(&args.out)?;
    let request =
        FetchPackageRequest { command_id: id_or_new(args.command_id), referral_id: id_or_new(Some(args.referral)) };
    let client = session.referrals()?;
    let call = || {
        let mut client = client.clone();
        let request = request.clone();
        async move { client.fetch_package(request).await }
    };
    let fetched = session.until_known(call).await;
    let response = repeatable(session, &request.command_id, fetched)?;
    saved(session, response.package, &args.out)
}

fn saved(session: &mut Session<'_>, package: Option<Package>, path: &Path) -> Result<Exit, Failure> {
    let package = package.ok_or_else(|| Failure::new(Exit::Unexpected, "fail.contract"))?;
    write(path, &package.content)?;
    if session.out.is_json() {
        session.out.json(&json!({
            "referral_id": package.referral_id,
            "unit_id": package.unit_id,
            "encrypted_to": package.encrypted_to,
            "bytes": package.content.len(),
            "pages": package.pages().as_str_name(),
        }))?;
        return Ok(Exit::Ok);
    }
    let places: [(&str, &dyn std::fmt::Display); 1] = [("path", &path.display())];
    session.out.note(session.out.lang.fill("say.packed", &places))?;
    session.out.field("head.referral", &package.referral_id)?;
    session.out.field("head.unit", &package.unit_id)?;
    for key in &package.encrypted_to {
        session.out.field("head.encrypted_to", key)?;
    }
    let lang = session.out.lang;
    match package.pages() {
        PackagePages::Included => session.out.field("head.pages", lang.text("say.pages_included"))?,
        PackagePages::NotSetUp => session.out.note(lang.text("say.pages_not_set_up"))?,
        // Nobody promised pages: whatever this version does not know is none.
        PackagePages::NotMade | PackagePages::Unspecified => session.out.note(lang.text("say.pages_not_made"))?,
    }
    Ok(Exit::Ok)
}
