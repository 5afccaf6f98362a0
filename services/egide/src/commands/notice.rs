//! `egide notice verify`: whether a call that a receiver got is a notice of ours. Offline, with published keys and nothing else.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use egide_notifier::webhook::{self, Call, Refusal};
use egide_servicekit::clock;
use serde_json::json;

use crate::cli::Global;
use crate::endpoints::verification_keys_path;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::trust_file::root_path;
use crate::verify::read_keys;

/// Most bytes of a file that are read.
const BYTES_MAX: u64 = 64 * 1_024;

/// `egide notice …`.
#[derive(Clone, clap::Subcommand)]
pub(crate) enum Command {
    Verify(Verify),
}

/// `egide notice verify`.
#[derive(Clone, clap::Args)]
pub(crate) struct Verify {
    #[arg(long, value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    headers: PathBuf,
    #[arg(long, value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    body: PathBuf,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    keys: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root: Option<PathBuf>,
    #[arg(long)]
    any_time: bool,
}

pub(crate) fn run(out: &mut Output, global: &Global, command: &Command) -> Result<Exit, Failure> {
    let Command::Verify(args) = command;
    let path = args.keys.clone().unwrap_or_else(|| verification_keys_path(&global.data()));
    let keys = read_keys(&path, args.root.as_deref(), &root_path(&global.data()))?;
    let unreadable = |error: Refusal| Failure::new(Exit::Unreadable, "fail.notice").with("error", error);
    let headers = String::from_utf8(read(&args.headers)?).map_err(|_| unreadable(Refusal::Headers))?;
    let call = Call::read(&headers, read(&args.body)?).map_err(unreadable)?;
    let now = (!args.any_time).then(clock::now);
    let told = webhook::verify(&call, &keys, now)
        .map_err(|error| Failure::new(Exit::NotVerified, "fail.notice").with("error", error))?;
    if out.is_json() {
        out.json(&json!({ "verified": true, "id": call.id, "body": told }))?;
        return Ok(Exit::Ok);
    }
    out.line(out.lang.text("say.notice_verified"))?;
    out.field("head.unit", told.unit_id)?;
    out.field("head.sent_at", &told.sent_at)?;
    out.field("head.call", &call.id)?;
    out.wrapped("", 0, out.lang.text("say.notice_proves_not"))?;
    Ok(Exit::Ok)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| Failure::file(path, &error))?;
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(|error| Failure::file(path, &error))?;
    Ok(bytes)
}
