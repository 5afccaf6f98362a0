//! Exports: the disclosures that fit a filter as files that stand by themselves, made chunk by chunk with a bounded memory, and
//! signed at the end.
//!
//! Every chunk has an entry that names the digest of its content, of the digests of its records, and of the entry before; the signed
//! manifest names the last entry. So one signature covers everything, nothing need be kept while it is made, and whoever
//! checks it can say of every record whether it was changed, left out, moved or put in ([`check`]).

pub mod check;
pub mod record;
mod token;

use std::sync::Arc;

use egide_crypto::digest::{Digest, sha256, sha256_parts};
use egide_crypto::sign::SigningKey;
use egide_projection::View;
use egide_wire::descriptors::{ENCODED, to_dynamic};
use egide_wire::proto::egide::audit::v1::export_disclosures_response::Part;
use egide_wire::proto::egide::audit::v1::{
    DisclosureFilter, ExportChunk, ExportDisclosuresResponse, ExportFormat, ExportManifest,
};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use tonic::Status;

pub(crate) use self::token::Place;
use crate::model::keys;
use crate::query::filter::Filter;
use crate::query::{self, history};
use crate::service::Audit;

/// What is signed over manifests.
pub const SIGNATURE_CONTEXT: &str = "egide/history-export/v1";
/// The form of manifests and entries.
pub const VERSION: u32 = 1;
/// Records in a chunk, at most. One that reaches two megabytes ends there.
pub const CHUNK_RECORDS: usize = 500;
/// Chunks made ahead of whoever reads them.
const AHEAD: usize = 2;
/// Binds an entry to those before it.
const ENTRY_CONTEXT: &str = "egide/history-export-entry/v1";

/// What the chain says of one chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// From 1 on.
    pub number: u64,
    /// The file of its records.
    pub file: String,
    /// How many there are.
    pub records: u64,
    /// The position of the first, the newest.
    pub first_position: u64,
    /// The position of the last.
    pub last_position: u64,
    /// SHA-256 of the file.
    pub content_sha256: Digest,
    /// SHA-256 of the file of digests beside it.
    pub sums_sha256: Digest,
    /// The last position of the log that was known when it was made: what came of a disclosure later is not in it.
    pub as_of: u64,
    /// The digest of the entry before; zeros for the first.
    pub previous: Digest,
}

/// What an export is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// The incarnation of the log.
    pub log: String,
    /// The filter, as protobuf JSON.
    pub filter: Value,
    /// `csv` or `jsonl`.
    pub format: String,
    /// The position up to which it reaches: what was recorded later is not in it.
    pub position_last: u64,
    /// Chunks.
    pub chunks: u64,
    /// Records in all of them.
    pub records: u64,
    /// The digest of the last entry; zeros when there is none.
    pub last_entry: Digest,
    /// SHA-256 of the contract's descriptors.
    pub contract_sha256: Digest,
    /// SHA-256 of the newest policy in the history; absent when none was adopted.
    pub policy_sha256: Option<Digest>,
}

/// The digest by which the next entry, or the manifest, names this one.
#[must_use]
pub fn entry_digest(bytes: &[u8]) -> Digest {
    sha256_parts(ENTRY_CONTEXT, &[bytes])
}

/// The digest of no entry.
#[must_use]
pub const fn no_entry() -> Digest {
    Digest::from_bytes([0; Digest::BYTES])
}

/// The name of a chunk's file.
#[must_use]
pub fn file_name(number: u64, format: ExportFormat) -> String {
    format!("{number:06}.{}", record::extension(format))
}

/// An export, checked.
pub(crate) struct Export {
    pub(crate) asked: DisclosureFilter,
    pub(crate) filter: Filter,
    pub(crate) format: ExportFormat,
    /// Where to go on; `None`: at the beginning.
    pub(crate) place: Option<Place>,
}

impl Export {
    /// Binds a token to filter and format.
    pub(crate) fn question(asked: &DisclosureFilter, format: ExportFormat) -> Digest {
        sha256_parts(ENTRY_CONTEXT, &[b"question", &asked.encode_to_vec(), &i32::from(format).to_be_bytes()])
    }
}

/// One step of making an export.
enum Made {
    Chunk(Box<ExportChunk>),
    /// Nothing fitted as far as was looked; to go on.
    Nothing,
    End,
}

impl Audit {
    /// The export as a stream; ends early when nobody reads it any more.
    pub(crate) fn export(
        &self,
        export: Export,
        key: Arc<SigningKey>,
    ) -> mpsc::Receiver<Result<ExportDisclosuresResponse, Status>> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let audit = self.clone();
        tokio::spawn(async move {
            let made = audit.make(export, key, &sender).await;
            if let Err(status) = made {
                // Nobody reads any more, or this is the last they read.
                drop(sender.send(Err(status)).await);
            }
        });
        receiver
    }

    async fn make(
        &self,
        export: Export,
        key: Arc<SigningKey>,
        sender: &mpsc::Sender<Result<ExportDisclosuresResponse, Status>>,
    ) -> Result<(), Status> {
        let export = Arc::new(export);
        let question = Export::question(&export.asked, export.format);
        let mut place = match &export.place {
            Some(place) => place.clone(),
            None => self.ask(|view| Ok(Place::beginning(view.position()))).await?,
        };
        loop {
            let (asked, signing) = (Arc::clone(&export), Arc::clone(&key));
            let (next, made) = self.ask(move |view| step(view, &asked, place, question, &signing)).await?;
            place = next;
            let part = match made {
                Made::Nothing => continue,
                Made::Chunk(chunk) => Part::Chunk(*chunk),
                Made::End => break,
            };
            if sender.send(Ok(ExportDisclosuresResponse { part: Some(part) })).await.is_err() {
                return Ok(());
            }
        }
        let log = self.incarnation().to_owned();
        let manifest = self.ask(move |view| Ok(manifest(view, &export, &place, log))).await??;
        let signature = key.sign(SIGNATURE_CONTEXT, &manifest).as_bytes().to_vec();
        let part = Part::Manifest(ExportManifest { manifest, signature, key_id: key.key_id().to_string() });
        // Whoever has left gets no manifest.
        drop(sender.send(Ok(ExportDisclosuresResponse { part: Some(part) })).await);
        Ok(())
    }
}

/// Makes the next chunk, if something fits as far as one page looks.
fn step(
    view: &View<'_>,
    export: &Export,
    mut place: Place,
    question: Digest,
    key: &SigningKey,
) -> Result<(Place, Made), query::Error> {
    if place.below == 0 {
        return Ok((place, Made::End));
    }
    let page = history::list(view, &export.filter, Some(place.below), CHUNK_RECORDS)?;
    place.below = page.next.unwrap_or(0);
    let (Some(first), Some(last)) = (page.disclosures.first(), page.disclosures.last()) else {
        return Ok((place, Made::Nothing));
    };
    place.chunks += 1;
    let (mut content, mut sums) = (record::header(export.format), String::new());
    for disclosure in &page.disclosures {
        let line = record::line(export.format, disclosure).map_err(|_| query::Error::Row)?;
        sums.push_str(&format!("{} {}\n", disclosure.position, sha256(line.as_bytes())));
        content.push_str(&line);
    }
    let records = u64::try_from(page.disclosures.len()).unwrap_or(u64::MAX);
    place.records = place.records.saturating_add(records);
    let entry = Entry {
        number: place.chunks,
        file: file_name(place.chunks, export.format),
        records,
        first_position: first.position,
        last_position: last.position,
        content_sha256: sha256(content.as_bytes()),
        sums_sha256: sha256(sums.as_bytes()),
        as_of: view.position(),
        previous: place.last_entry,
    };
    let bytes = serde_json::to_vec(&entry).map_err(|_| query::Error::Row)?;
    place.last_entry = entry_digest(&bytes);
    let chunk = ExportChunk {
        file: entry.file,
        content: content.into_bytes(),
        sums: sums.into_bytes(),
        entry: bytes,
        resume_token: place.token(question, key),
    };
    Ok((place, Made::Chunk(Box::new(chunk))))
}

fn manifest(view: &View<'_>, export: &Export, place: &Place, log: String) -> Result<Vec<u8>, Status> {
    let unwritable = || Status::internal("the manifest cannot be written");
    let filter = to_dynamic(&export.asked).map_err(|_| unwritable())?;
    let manifest = Manifest {
        version: VERSION,
        log,
        filter: serde_json::to_value(&filter).map_err(|_| unwritable())?,
        format: record::extension(export.format).to_owned(),
        position_last: place.position_last,
        chunks: place.chunks,
        records: place.records,
        last_entry: place.last_entry,
        contract_sha256: sha256(ENCODED),
        policy_sha256: newest_policy(view),
    };
    serde_json::to_vec(&manifest).map_err(|_| unwritable())
}

/// The digest of the policy that was adopted last.
fn newest_policy(view: &View<'_>) -> Option<Digest> {
    let row = view.get(&keys::policy_newest()).ok().flatten()?;
    Digest::try_from(&*row).ok()
}
