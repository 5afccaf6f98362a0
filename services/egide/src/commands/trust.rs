//! `egide trust`: the file in which the offline root certifies keys.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use egide_crypto::sign::{KeyId, SigningKey, VerifyingKey};
use egide_servicekit::key_file;
use egide_trust::{Draft, RootKey, Trust, Use};
use serde_json::json;

use crate::cli::Global;
use crate::endpoints::verification_keys_path;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::times;
use crate::trust_file::{not_taken, publish, publish_root, read, read_private, read_root, read_root_key, root_path};

/// `egide trust …`.
#[derive(Clone, clap::Subcommand)]
pub(crate) enum Command {
    MakeKey(MakeKey),
    Init(Init),
    AddKey(AddKey),
    RevokeKey(RevokeKey),
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
    after: u64,
    #[arg(value_name = "KEY_ID")]
    key_id: KeyId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KeyUse {
    Ledger,
    Report,
}

impl KeyUse {
    const fn of(self) -> Use {
        match self {
            Self::Ledger => Use::Ledger,
            Self::Report => Use::Report,
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
        Command::RevokeKey(args) => {
            change(out, &data, &args.at, &args.root_key, |draft| draft.revoke_key(args.key_id, args.after))
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
    let unusable = |error: &dyn std::fmt::Display| Failure::new(Exit::Unreadable, "fail.key").with("error", error);
    let make = || SigningKey::generate().map(|(_, document)| document);
    let document = key_file::read_or_make(path, make).map_err(|error| unusable(&error))?;
    let key = SigningKey::from_pkcs8(&document).map_err(|error| unusable(&error))?;
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
