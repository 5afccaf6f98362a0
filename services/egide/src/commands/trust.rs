//! `egide trust`: the file in which the offline root certifies keys.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use egide_crypto::sign::{KeyId, VerifyingKey};
use egide_servicekit::clock;
use egide_trust::{Day, Draft, RevocationReason, RootKey, Trust, Use};
use serde_json::json;

use crate::cli::Global;
use crate::endpoints::verification_keys_path;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keys::{KeyFolder, Missing};
use crate::output::Output;
use crate::times;
use crate::trust_file::{
    follow_keys, not_taken, publish, publish_root, read, read_or_make_private, read_private, read_root, read_root_key,
    root_path,
};

/// `egide trust …`.
#[derive(Clone, clap::Subcommand)]
pub(crate) enum Command {
    MakeKey(MakeKey),
    Init(Init),
    AddKey(AddKey),
    RevokeKey(RevokeKey),
    RetireKey(RetireKey),
    RotateReport(RotateReport),
    RotateNotice(RotateNotice),
    Show(Where),
    Verify(Where),
}

/// Which trust file, and whose.
#[derive(Clone, clap::Args)]
pub(crate) struct Where {
    #[arg(long, id = "trust_file", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    trust_file: Option<PathBuf>,
    #[arg(long, id = "root", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root: Option<PathBuf>,
}

/// `egide trust make-key FILE`.
#[derive(Clone, clap::Args)]
pub(crate) struct MakeKey {
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
}

/// `egide trust init`.
#[derive(Clone, clap::Args)]
pub(crate) struct Init {
    #[command(flatten)]
    at: Where,
    #[arg(long, id = "root_key", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root_key: PathBuf,
}

/// `egide trust add-key`.
#[derive(Clone, clap::Args)]
pub(crate) struct AddKey {
    #[command(flatten)]
    at: Where,
    #[arg(long, id = "root_key", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root_key: PathBuf,
    #[arg(long = "use", id = "use", value_enum)]
    of: KeyUse,
    #[arg(long, value_name = "NAME")]
    instance: String,
    #[arg(long, value_name = "POSITION")]
    valid_from: Option<u64>,
    #[arg(value_name = "PUBLIC_KEY")]
    key: VerifyingKey,
}

/// `egide trust revoke-key`.
#[derive(Clone, clap::Args)]
pub(crate) struct RevokeKey {
    #[command(flatten)]
    at: Where,
    #[arg(long, id = "root_key", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root_key: PathBuf,
    #[arg(long, value_name = "POSITION")]
    after: Option<u64>,
    #[arg(long, value_enum)]
    reason: Option<Reason>,
    #[arg(long, value_name = "DAY")]
    on: Option<Day>,
    #[arg(value_name = "KEY_ID")]
    key_id: KeyId,
}

/// `egide trust retire-key`.
#[derive(Clone, clap::Args)]
pub(crate) struct RetireKey {
    #[command(flatten)]
    at: Where,
    #[arg(long, id = "root_key", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root_key: PathBuf,
    #[arg(long, value_name = "DAY")]
    on: Option<Day>,
    #[arg(value_name = "KEY_ID")]
    key_id: KeyId,
}

/// `egide trust rotate-report`.
#[derive(Clone, clap::Args)]
pub(crate) struct RotateReport {
    #[command(flatten)]
    at: Where,
    #[arg(long, id = "root_key", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root_key: PathBuf,
    #[arg(long, id = "key_folder", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    key_folder: Option<PathBuf>,
    #[arg(long, value_name = "NAME", default_value = "disclosure")]
    instance: String,
}

/// `egide trust rotate-notice`.
#[derive(Clone, clap::Args)]
pub(crate) struct RotateNotice {
    #[command(flatten)]
    at: Where,
    #[arg(long, id = "root_key", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root_key: PathBuf,
    #[arg(long, id = "key_folder", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    key_folder: Option<PathBuf>,
    #[arg(long, value_name = "NAME", default_value = "notifier")]
    instance: String,
}

/// Whose key is followed by another one.
struct Rotation<'a> {
    of: Use,
    at: &'a Where,
    root_key: &'a Path,
    key_folder: Option<&'a Path>,
    instance: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reason {
    Compromised,
    Lost,
    Mistake,
}

impl Reason {
    const fn of(self) -> RevocationReason {
        match self {
            Self::Compromised => RevocationReason::Compromised,
            Self::Lost => RevocationReason::Lost,
            Self::Mistake => RevocationReason::Mistake,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KeyUse {
    Ledger,
    Report,
    Notice,
    History,
}

impl KeyUse {
    const fn of(self) -> Use {
        match self {
            Self::Ledger => Use::Ledger,
            Self::Report => Use::Report,
            Self::Notice => Use::Notice,
            Self::History => Use::History,
        }
    }
}

impl Where {
    pub(crate) fn file(&self, data: &Path) -> PathBuf {
        self.trust_file.clone().unwrap_or_else(|| verification_keys_path(data))
    }

    pub(crate) fn root_file(&self, data: &Path) -> PathBuf {
        self.root.clone().unwrap_or_else(|| root_path(data))
    }

    pub(crate) fn read(&self, data: &Path) -> Result<Trust, Failure> {
        read(&self.file(data), &read_root(&self.root_file(data))?)
    }
}

pub(crate) fn run(out: &mut Output, global: &Global, command: &Command) -> Result<Exit, Failure> {
    let data = global.data();
    match command {
        Command::MakeKey(args) => make_key(out, &args.file),
        Command::Init(args) => init(out, &data, args),
        Command::AddKey(args) => {
            let (of, instance) = (args.of.of(), &args.instance);
            change(out, &data, &args.at, &args.root_key, |draft| {
                draft.add_key(of, args.key, instance, args.valid_from).map(drop)
            })
        }
        Command::RevokeKey(args) => revoke(out, &data, args),
        Command::RetireKey(args) => {
            let day = args.on.map_or_else(|| times::day(clock::now().0), Ok)?;
            change(out, &data, &args.at, &args.root_key, |draft| draft.retire_key(args.key_id, day))
        }
        Command::RotateReport(RotateReport { at, root_key, key_folder, instance }) => {
            rotate(out, &data, &Rotation { of: Use::Report, at, root_key, key_folder: key_folder.as_deref(), instance })
        }
        Command::RotateNotice(RotateNotice { at, root_key, key_folder, instance }) => {
            rotate(out, &data, &Rotation { of: Use::Notice, at, root_key, key_folder: key_folder.as_deref(), instance })
        }
        Command::Show(at) => show(out, &at.read(&data)?),
        Command::Verify(at) => {
            let trust = at.read(&data)?;
            if out.is_json() {
                out.json(&json!({ "verified": true, "serial": trust.serial(), "digest": trust.digest() }))?;
            } else {
                out.line(out.lang.fill("say.trust_counts", &[("serial", &trust.serial())]))?;
            }
            Ok(Exit::Ok)
        }
    }
}

fn make_key(out: &mut Output, path: &Path) -> Result<Exit, Failure> {
    if path.exists() {
        return Err(Failure::new(Exit::Conflict, "fail.exists").with("path", path.display()));
    }
    let key = read_or_make_private(path)?;
    if out.is_json() {
        out.json(&json!({ "key_id": key.key_id(), "public_key": key.public_key() }))?;
    } else {
        out.note(out.lang.fill("say.key_made", &[("path", &path.display()), ("key_id", &key.key_id())]))?;
        out.line(key.public_key().to_string())?;
    }
    Ok(Exit::Ok)
}

fn init(out: &mut Output, data: &Path, args: &Init) -> Result<Exit, Failure> {
    let (path, root_path) = (args.at.file(data), args.at.root_file(data));
    for path in [&path, &root_path] {
        if path.exists() {
            return Err(Failure::new(Exit::Conflict, "fail.exists").with("path", path.display()));
        }
    }
    let private = read_private(&args.root_key)?;
    publish_root(&root_path, &RootKey::new(private.public_key()))?;
    let trust = publish(&path, Draft::first(), &private)?;
    show(out, &trust)
}

fn change(
    out: &mut Output,
    data: &Path,
    at: &Where,
    root_key: &Path,
    change: impl FnOnce(&mut Draft) -> Result<(), egide_trust::DraftError>,
) -> Result<Exit, Failure> {
    // What is changed is a file that counts, never one that somebody put there.
    let mut draft = at.read(data)?.draft();
    change(&mut draft).map_err(|error| not_taken(&error))?;
    let private = read_root_key(root_key, &read_root(&at.root_file(data))?)?;
    let trust = publish(&at.file(data), draft, &private)?;
    show(out, &trust)
}

/// A key of a ledger is revoked from a place in the log on, one for reports or notices whole: they say no place.
fn revoke(out: &mut Output, data: &Path, args: &RevokeKey) -> Result<Exit, Failure> {
    let of = args.at.read(data)?.draft().use_of(args.key_id);
    match (of, args.after, args.reason) {
        (Some(Use::Report | Use::Notice), None, Some(reason)) => {
            let day = args.on.map_or_else(|| times::day(clock::now().0), Ok)?;
            change(out, data, &args.at, &args.root_key, |draft| draft.revoke_dated_key(args.key_id, day, reason.of()))
        }
        (Some(Use::Ledger | Use::History), Some(after), None) if args.on.is_none() => {
            change(out, data, &args.at, &args.root_key, |draft| draft.revoke_key(args.key_id, after))
        }
        (None, _, _) => {
            Err(not_taken(&egide_trust::DraftError::Keys(egide_crypto::sign::KeyRingError::Unknown(args.key_id))))
        }
        (Some(_), _, _) => Err(Failure::new(Exit::Usage, "fail.revocation")),
    }
}

/// A new key signs from the next start on; the old one is retired, and its private key is overwritten.
fn rotate(out: &mut Output, data: &Path, args: &Rotation<'_>) -> Result<Exit, Failure> {
    let folder = args.key_folder.map_or_else(|| data.join("keys"), Path::to_owned);
    let keys = KeyFolder { folder: &folder, missing: Missing::Refuse };
    let (path, current) = match args.of {
        Use::Notice => (keys.notice_file(), keys.notice_signing()?.key_id()),
        Use::Report | Use::Ledger | Use::History => (keys.report_file(), keys.report_signing()?.key_id()),
    };
    // Where the last attempt was cut off, its key goes on.
    let next = path.with_extension("next");
    let key = read_or_make_private(&next)?.public_key();
    let private = read_root_key(args.root_key, &read_root(&args.at.root_file(data))?)?;
    let mut draft = args.at.read(data)?.draft();
    if draft.use_of(key.key_id()).is_none() {
        draft.add_key(args.of, key, args.instance, None).map_err(|error| not_taken(&error))?;
        follow_keys(&mut draft, key.key_id(), &[current])?;
        publish(&args.at.file(data), draft, &private)?;
    }
    std::fs::rename(&next, &path).map_err(|error| Failure::file(&path, &error))?;
    let places: [(&str, &dyn std::fmt::Display); 2] = [("key_id", &key.key_id()), ("old", &current)];
    let said = if args.of == Use::Notice { "say.notice_key_rotated" } else { "say.report_key_rotated" };
    out.note(out.lang.fill(said, &places))?;
    show(out, &args.at.read(data)?)
}

fn show(out: &mut Output, trust: &Trust) -> Result<Exit, Failure> {
    let lang = out.lang;
    if out.is_json() {
        let keys = |of| trust.keys(of).to_vec();
        out.json(&json!({
            "serial": trust.serial(),
            "digest": trust.digest(),
            "issued_at_ms": trust.issued_at_ms(),
            "ledger": keys(Use::Ledger),
            "report": keys(Use::Report),
            "notice": keys(Use::Notice),
            "history": keys(Use::History),
            "restores": trust.restores(),
        }))?;
        return Ok(Exit::Ok);
    }
    out.field("head.serial", trust.serial())?;
    out.field("head.digest", trust.digest())?;
    out.field("head.signed_at", times::millisecond(trust.issued_at_ms()))?;
    let columns = ["head.use", "head.key", "head.instance", "head.valid_from", "head.revoked_after"];
    let mut table = out.table(&columns, 2);
    for of in Use::ALL {
        for key in trust.keys(of) {
            let position = |position: Option<u64>| position.map_or_else(|| "–".to_owned(), |at| at.to_string());
            table.add_row([
                of.name().to_owned(),
                key.key_id.to_string(),
                key.instance.clone(),
                position(key.valid_from),
                position(key.revoked_after),
            ]);
        }
    }
    out.show(&table, "say.no_keys")?;
    for restore in trust.restores() {
        let places: [(&str, &dyn std::fmt::Display); 4] = [
            ("block", &restore.after_block),
            ("incarnation", &restore.incarnation),
            ("time", &times::millisecond(restore.restored_at_ms)),
            ("reason", &restore.reason),
        ];
        out.line(lang.fill("say.restored", &places))?;
    }
    Ok(Exit::Ok)
}
