//! `egide verify FILE`.

use std::path::PathBuf;

use egide_parcel::{CheckedReport, Manifest};
use egide_trust::PublishedKeys;
use serde_json::json;

use crate::cli::Global;
use crate::endpoints::verification_keys_path;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::trust_file::root_path;
use crate::verify::{Found, read, read_keys, verify, verify_package};

/// `egide verify FILE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::AnyPath)]
    file: PathBuf,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    keys: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root: Option<PathBuf>,
}

pub(crate) fn run(out: &mut Output, global: &Global, args: &Args) -> Result<Exit, Failure> {
    let found = read(&args.file)?;
    let path = args.keys.clone().unwrap_or_else(|| verification_keys_path(&global.data()));
    let keys = read_keys(&path, args.root.as_deref(), &root_path(&global.data()))?;
    let (report, manifest) = match &found {
        Found::Referral(referral) => (verify(referral, &keys)?, None),
        Found::Package(package) => {
            let checked = verify_package(package, &keys)?;
            (checked.report, Some(checked.manifest))
        }
    };
    if out.is_json() {
        return json_of(out, &report, manifest.as_ref(), &keys);
    }
    let lang = out.lang;
    out.line(lang.text(if manifest.is_some() { "say.verified_package" } else { "say.verified" }))?;
    out.field("head.referral", report.report.referral_id())?;
    out.field("head.form", report.report.form())?;
    out.field("head.issued_on", report.issued_on)?;
    out.field("head.digest", report.digest)?;
    out.field("head.signed_by", report.key_id)?;
    if let Some(manifest) = &manifest {
        out.field("head.packed_on", manifest.packed_on)?;
        out.field("head.parts", manifest.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", "))?;
        out.field("head.encrypted_to", manifest.encrypted_to.join(", "))?;
    }
    out.field("head.key_file", path.display())?;
    out.line("")?;
    told(out, &report, &keys)
}

/// What it proves, and what not.
fn told(out: &mut Output, report: &CheckedReport, keys: &PublishedKeys) -> Result<Exit, Failure> {
    let lang = out.lang;
    let holder = if report.holder.is_empty() { lang.text("word.not_said") } else { &report.holder };
    let referral = report.report.referral_id();
    let places: [(&str, &dyn std::fmt::Display); 4] =
        [("key_id", &report.key_id), ("holder", &holder), ("referral", &referral), ("day", &report.issued_on)];
    out.wrapped("", 0, &lang.fill("say.proves", &places))?;
    out.wrapped("", 0, lang.text("say.proves_not"))?;
    if let (Some(root), Some(day)) = (keys.root(), keys.issued_on()) {
        let (root, serial) = (root.key_id(), keys.serial());
        let places: [(&str, &dyn std::fmt::Display); 3] = [("root", &root), ("day", &day), ("serial", &serial)];
        out.wrapped("", 0, &lang.fill("say.keys_of", &places))?;
    }
    Ok(Exit::Ok)
}

fn json_of(
    out: &mut Output,
    report: &CheckedReport,
    manifest: Option<&Manifest>,
    keys: &PublishedKeys,
) -> Result<Exit, Failure> {
    out.json(&json!({
        "verified": true,
        "referral_id": report.report.referral_id(),
        "key_id": report.key_id,
        "holder": report.holder,
        "issued_on": report.issued_on,
        "digest": report.digest.to_string(),
        "form": report.report.form(),
        "language": report.report.language(),
        "package": manifest,
        "keys": {
            "serial": keys.serial(),
            "issued_on": keys.issued_on(),
            "root": keys.root().map(|root| root.key_id()),
        },
    }))?;
    Ok(Exit::Ok)
}
