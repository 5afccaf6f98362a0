//! `egide history export`: the disclosures that fit, as files that stand by themselves.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use egide_audit::export::Entry;
use egide_wire::proto::egide::audit::v1::export_disclosures_response::Part;
use egide_wire::proto::egide::audit::v1::{
    AccessReason, ExportChunk, ExportDisclosuresRequest, ExportFormat, ExportManifest,
};
use serde_json::json;

use super::Which;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::Session;

/// The manifest, exactly as it is signed.
pub(super) const MANIFEST: &str = "manifest.json";
/// Its signature and the key's name.
pub(super) const SIGNATURE: &str = "manifest.json.sig";
/// The entries of all chunks, a line each.
pub(super) const ENTRIES: &str = "chunks.jsonl";
/// What the names of the digests beside a chunk end with.
pub(super) const SUMS: &str = ".sums";
/// Where to go on, while the export is not whole.
const RESUME: &str = "resume.token";

/// `egide history export`.
#[derive(Clone, clap::Args)]
pub(super) struct Args {
    #[arg(long, value_parser = format())]
    format: ExportFormat,
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    #[arg(long)]
    resume: bool,
    #[arg(long, default_value = "audit", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
    #[command(flatten)]
    which: Which,
}

fn format() -> impl clap::builder::TypedValueParser<Value = ExportFormat> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(["csv", "jsonl"]).map(|name| match name.as_str() {
        "csv" => ExportFormat::Csv,
        _ => ExportFormat::Jsonl,
    })
}

pub(super) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let folder = Folder::open(&args.out, args.resume)?;
    let request = ExportDisclosuresRequest {
        filter: Some(args.which.filter()),
        format: args.format.into(),
        reason: args.reason.into(),
        resume_token: folder.token()?,
    };
    let mut client = session.history()?;
    let mut stream = session.out.waiting("say.waiting", client.export_disclosures(request)).await?.into_inner();
    let (mut chunks, mut records) = (0_u64, 0_u64);
    while let Some(part) = session.out.waiting("say.exporting", stream.message()).await? {
        match part.part {
            Some(Part::Chunk(chunk)) => {
                records += folder.keep(&chunk)?;
                chunks += 1;
            }
            Some(Part::Manifest(manifest)) => {
                folder.finish(&manifest)?;
                return told(session, &args.out, chunks, records);
            }
            None => return Err(Failure::new(Exit::Unexpected, "fail.contract")),
        }
    }
    Err(Failure::new(Exit::Unavailable, "fail.export_cut").with("path", args.out.display()))
}

fn told(session: &mut Session<'_>, path: &Path, chunks: u64, records: u64) -> Result<Exit, Failure> {
    let out = &mut *session.out;
    if out.is_json() {
        out.json(&json!({"folder": path, "chunks": chunks, "records": records}))?;
    } else {
        let path = path.display();
        out.line(out.lang.fill("say.exported", &[("records", &records), ("chunks", &chunks), ("path", &path)]))?;
    }
    Ok(Exit::Ok)
}

/// Where an export is kept.
struct Folder<'a>(&'a Path);

impl<'a> Folder<'a> {
    /// A new folder, or an empty one; to go on, one in which an export was begun.
    fn open(path: &'a Path, resume: bool) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::file(path, &error);
        if resume {
            let begun = path.join(RESUME).exists();
            let not_begun = || Failure::new(Exit::Usage, "fail.no_export").with("path", path.display());
            return begun.then_some(Self(path)).ok_or_else(not_begun);
        }
        fs::create_dir_all(path).map_err(failed)?;
        if fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(Failure::new(Exit::Usage, "fail.folder_not_empty").with("path", path.display()));
        }
        let folder = Self(path);
        folder.write(RESUME, &[])?;
        Ok(folder)
    }

    fn token(&self) -> Result<Vec<u8>, Failure> {
        let path = self.0.join(RESUME);
        let token = fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
        self.forget_what_came_after(&token)?;
        Ok(token)
    }

    /// A chunk is whole when its token is kept; entries that were written for one that is not are taken out again.
    fn forget_what_came_after(&self, token: &[u8]) -> Result<(), Failure> {
        let path = self.0.join(ENTRIES);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Failure::file(&path, &error)),
        };
        // The number of chunks stands in a token behind two positions.
        let chunks = token.get(16..24).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        let chunks = usize::try_from(chunks).unwrap_or(usize::MAX);
        let kept: String = text.split_inclusive('\n').take(chunks).collect();
        self.write(ENTRIES, kept.as_bytes())
    }

    /// Keeps a chunk, durably, before its token: what a break leaves is whole chunks. How many records it has.
    fn keep(&self, chunk: &ExportChunk) -> Result<u64, Failure> {
        let contract = || Failure::new(Exit::Unexpected, "fail.contract");
        let entry: Entry = serde_json::from_slice(&chunk.entry).map_err(|_| contract())?;
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        if entry.file != chunk.file || !is_name(&chunk.file) || chunk.file.starts_with('.') {
            return Err(contract());
        }
        self.write(&chunk.file, &chunk.content)?;
        self.write(&format!("{}{SUMS}", chunk.file), &chunk.sums)?;
        let path = self.0.join(ENTRIES);
        let failed = |error: std::io::Error| Failure::file(&path, &error);
        let mut entries = File::options().create(true).append(true).open(&path).map_err(failed)?;
        entries.write_all(&[chunk.entry.as_slice(), b"\n"].concat()).map_err(failed)?;
        entries.sync_data().map_err(failed)?;
        self.write(RESUME, &chunk.resume_token)?;
        Ok(entry.records)
    }

    fn finish(&self, manifest: &ExportManifest) -> Result<(), Failure> {
        self.write(MANIFEST, &manifest.manifest)?;
        let signature: String = manifest.signature.iter().map(|byte| format!("{byte:02x}")).collect();
        let signature = json!({"key_id": manifest.key_id, "signature": signature}).to_string();
        self.write(SIGNATURE, signature.as_bytes())?;
        let path = self.0.join(RESUME);
        fs::remove_file(&path).map_err(|error| Failure::file(&path, &error))
    }

    /// Writes a file whole, or leaves what was there.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let (path, new) = (self.0.join(name), self.0.join(format!("{name}.new")));
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(bytes)?;
            file.sync_data()?;
            fs::rename(&new, &path)
        };
        write().map_err(|error| Failure::file(&path, &error))
    }
}
