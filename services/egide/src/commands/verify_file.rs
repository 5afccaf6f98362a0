//! `egide verify FILE`.

use std::path::PathBuf;

use serde_json::json;

use crate::cli::Global;
use crate::endpoints::verification_keys_path;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::trust_file::root_path;
use crate::verify::{read_keys, read_referral, verify};

/// `egide verify FILE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    keys: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root: Option<PathBuf>,
}

pub(crate) fn run(out: &mut Output, global: &Global, args: &Args) -> Result<Exit, Failure> {
    let referral = read_referral(&args.file)?;
    let path = args.keys.clone().unwrap_or_else(|| verification_keys_path(&global.data()));
    let root = args.root.clone().unwrap_or_else(|| root_path(&global.data()));
    let keys = read_keys(&path, &root)?;
    let verified = verify(&referral, &keys)?;
    if out.is_json() {
        out.json(&json!({
            "verified": true,
            "referral_id": verified.referral_id,
            "key_id": verified.key_id,
            "digest": verified.digest.to_string(),
            "form": verified.report.form(),
            "language": verified.report.language(),
        }))?;
        return Ok(Exit::Ok);
    }
    let lang = out.lang;
    out.line(lang.text("say.verified"))?;
    out.field("head.referral", &verified.referral_id)?;
    out.field("head.form", verified.report.form())?;
    out.field("head.digest", verified.digest)?;
    out.field("head.signed_by", &verified.key_id)?;
    out.field("head.key_file", path.display())?;
    out.line("")?;
    let places: [(&str, &dyn std::fmt::Display); 2] =
        [("key_id", &verified.key_id), ("referral", &verified.referral_id)];
    out.wrapped("", 0, &lang.fill("say.proves", &places))?;
    out.wrapped("", 0, lang.text("say.proves_not"))?;
    Ok(Exit::Ok)
}
