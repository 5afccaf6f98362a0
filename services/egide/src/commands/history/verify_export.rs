//! `egide history verify-export`: an export checked with its files and the published keys alone.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use egide_audit::export::check::{Checker, FINDINGS_MAX, Finding};
use egide_audit::export::{Manifest, SIGNATURE_CONTEXT};
use egide_crypto::sign::Signature;
use egide_trust::PublishedKeys;
use serde::Deserialize;
use serde_json::json;

use super::export::{ENTRIES, MANIFEST, SIGNATURE, SUMS};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::trust_file::{published_of, read_root};

/// `egide history verify-export DIR`.
#[derive(Clone, clap::Args)]
pub(super) struct Args {
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    keys: PathBuf,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    key_id: String,
    signature: String,
}

pub(super) fn run(out: &mut Output, args: &Args) -> Result<Exit, Failure> {
    let root = args.root.as_deref().map(read_root).transpose()?;
    let bytes = read(&args.keys)?;
    let keys = published_of(&args.keys, &bytes, root.as_ref())?;
    let manifest = manifest(&args.folder, &keys)?;
    let (found, records) = match Checker::new(manifest) {
        Ok(checker) => check(&args.folder, checker)?,
        Err(finding) => (vec![finding], 0),
    };
    let told = found.iter().take(FINDINGS_MAX);
    if out.is_json() {
        let findings: Vec<String> = told.map(ToString::to_string).collect();
        out.json(&json!({"records": records, "findings": findings, "genuine": found.is_empty()}))?;
    } else if found.is_empty() {
        out.line(out.lang.fill("say.export_whole", &[("records", &records)]))?;
        out.note(out.lang.fill("say.export_root", &[("root", &keys_root(&keys))]))?;
    } else {
        told.into_iter().try_for_each(|finding| out.line(finding.to_string()))?;
    }
    Ok(if found.is_empty() { Exit::Ok } else { Exit::NotVerified })
}

fn keys_root(keys: &PublishedKeys) -> String {
    keys.root().map(|root| root.to_string()).unwrap_or_default()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::file(path, &error))
}

/// The manifest, if one of the keys that sign for the history signed it.
fn manifest(folder: &Path, keys: &PublishedKeys) -> Result<Manifest, Failure> {
    let (path, not_signed) = (folder.join(MANIFEST), || Failure::new(Exit::NotVerified, "fail.export_not_signed"));
    let bytes = read(&path)?;
    let signed: Signed = serde_json::from_slice(&read(&folder.join(SIGNATURE))?).map_err(|_| not_signed())?;
    let signature = signature_of(&signed.signature).ok_or_else(not_signed)?;
    let key = keys.of_history().find(|key| key.key_id.to_string() == signed.key_id).ok_or_else(not_signed)?;
    key.public_key.verify(SIGNATURE_CONTEXT, &bytes, &signature).map_err(|_| not_signed())?;
    serde_json::from_slice(&bytes).map_err(|_| not_signed())
}

fn signature_of(text: &str) -> Option<Signature> {
    let digits = text.as_bytes().as_chunks::<2>();
    let bytes = digits.0.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    (digits.1.is_empty()).then_some(())?;
    Some(Signature::from_bytes(bytes.try_into().ok()?))
}

/// Chunk by chunk, so that memory does not grow with the export; how many records there are.
fn check(folder: &Path, mut checker: Checker) -> Result<(Vec<Finding>, u64), Failure> {
    let path = folder.join(ENTRIES);
    let mut found = Vec::new();
    let mut known: BTreeSet<String> = [MANIFEST, SIGNATURE, ENTRIES].map(str::to_owned).into();
    let lines = match fs::File::open(&path) {
        Ok(file) => Some(BufReader::new(file)),
        // Nothing fitted, so that there is no chunk.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::file(&path, &error)),
    };
    for line in lines.into_iter().flat_map(|lines| lines.split(b'\n')) {
        let line = line.map_err(|error| Failure::file(&path, &error))?;
        match checker.entry(&line) {
            Ok(entry) => {
                let sums = format!("{}{SUMS}", entry.file);
                let files = [&entry.file, &sums].map(|name| fs::read(folder.join(name)));
                known.extend([entry.file.clone(), sums.clone()]);
                match files {
                    [Ok(content), Ok(sums)] => found.extend(checker.chunk(&entry, &content, &sums)),
                    [Err(_), _] => found.push(Finding::Missing(entry.file)),
                    [_, Err(_)] => found.push(Finding::Missing(sums)),
                }
            }
            Err(finding) => {
                // What follows an entry that does not belong cannot be told from it.
                found.push(finding);
                break;
            }
        }
    }
    let files = fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    for file in files {
        let name = file.map_err(|error| Failure::file(folder, &error))?.file_name().to_string_lossy().into_owned();
        if !known.contains(&name) && found.is_empty() {
            found.push(Finding::Stranger(name));
        }
    }
    let records = checker.manifest().records;
    found.extend(checker.finish());
    Ok((found, records))
}
