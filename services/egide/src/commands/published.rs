//! `egide keys published`: the keys that sign reports and notices, as everybody gets them.

use std::path::PathBuf;

use egide_servicekit::clock;
use egide_trust::{PublishedKeys, RevocationReason, Use};

use super::trust::Where;
use crate::cli::Global;
use crate::endpoints::place;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::times;
use crate::trust_file::{publish_keys, published_path, read, read_published, read_root, read_root_key};

/// `egide keys published`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: Where,
    #[arg(long, id = "root_key", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root_key: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,
}

pub(crate) fn run(out: &mut Output, global: &Global, args: &Args) -> Result<Exit, Failure> {
    let data = global.data();
    let (path, root) = (args.at.file(&data), read_root(&args.at.root_file(&data))?);
    let trust = read(&path, &root)?;
    if let Some(root_key) = &args.root_key {
        publish_keys(&path, &trust, &read_root_key(root_key, &root)?, times::day(clock::now().0)?)?;
    }
    let published = published_path(&path);
    let (keys, bytes) = read_published(&published, &root)?;
    if keys.serial() != trust.serial() {
        return Err(Failure::new(Exit::NotNow, "fail.published_old").with("path", published.display()));
    }
    if let Some(file) = &args.out {
        place(file, bytes.trim_ascii_end())?;
        out.note(out.lang.fill("say.published", &[("path", &file.display())]))?;
    }
    if out.is_json() {
        out.json(&keys)?;
    } else {
        show(out, &keys)?;
    }
    Ok(Exit::Ok)
}

fn show(out: &mut Output, keys: &PublishedKeys) -> Result<(), Failure> {
    let lang = out.lang;
    let columns = ["head.use", "head.key", "head.instance", "head.valid_from", "head.retired_on", "head.revoked_on"];
    let mut table = out.table(&columns, 2);
    let of_notices = keys.notice_keys().iter().map(|key| (Use::Notice, key));
    for (of, key) in keys.keys().iter().map(|key| (Use::Report, key)).chain(of_notices) {
        let day = |day: Option<egide_trust::Day>| day.map_or_else(|| "–".to_owned(), |day| day.to_string());
        let revoked = key.revoked.map_or_else(
            || "–".to_owned(),
            |revocation| format!("{} ({})", day(revocation.at), lang.text(reason(revocation.reason))),
        );
        let (name, key_id, holder) = (of.name().to_owned(), key.key_id.to_string(), key.holder.clone());
        table.add_row([name, key_id, holder, day(key.valid_from), day(key.retired_at), revoked]);
    }
    out.show(&table, "say.no_keys")
}

/// The key of the word for a reason.
const fn reason(reason: RevocationReason) -> &'static str {
    match reason {
        RevocationReason::Compromised => "word.key_compromised",
        RevocationReason::Lost => "word.key_lost",
        RevocationReason::Mistake => "word.key_mistake",
        RevocationReason::NotSaid => "word.not_said",
    }
}
