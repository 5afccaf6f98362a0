//! `egide serve witness`: cosigns checkpoints of logs it knows, for another organisation than the one whose logs they are. It needs no
//! NATS, no service and no data of anybody's: a key of its own, the keys of the logs, and a folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use egide_crypto::digest::sha256;
use egide_crypto::sign::SigningKey;
use egide_servicekit::clock;
use egide_servicekit::file::{self, PRIVATE};
use egide_servicekit::plain::{self, Answer, Asked};
use egide_servicekit::shutdown::Shutdown;
use egide_tlog::checkpoint::Checkpoint;
use egide_tlog::note::{KeyName, Kind, NoteKey};
use egide_tlog::witness::{AddCheckpoint, PATH, REQUEST_BYTES_MAX, Refused, SIZE_TYPE, Seen, judge};
use http::{Method, StatusCode};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::keys::unusable;
use crate::output::Output;
use crate::trust_file::read_or_make_private;

/// Where a witness listens unless told otherwise.
pub(crate) const DEFAULT_PORT: u16 = 4620;
const MILLISECONDS: i64 = 1_000;

/// Options of a witness.
#[derive(Clone, clap::Args)]
pub(crate) struct WitnessArgs {
    #[arg(long = "witness-log", id = "witness_log", value_name = "KEY")]
    logs: Vec<NoteKey>,
    #[arg(long, value_name = "NAME", default_value = "egide.local/witness")]
    witness_name: KeyName,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    witness_key: Option<PathBuf>,
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    witness_records: Option<PathBuf>,
}

/// A witness.
pub struct Witness {
    name: KeyName,
    key: SigningKey,
    logs: Vec<NoteKey>,
    /// One record for each log. Held from the check to the answer, so that of two requests the second one sees the first.
    records: Mutex<PathBuf>,
    now_ms: fn() -> i64,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("name", &self.name).field("logs", &self.logs.len()).finish_non_exhaustive()
    }
}

/// How a request ends: refused, or not answerable because the record cannot be read or kept.
enum Ended {
    Refused(Refused),
    Broken,
}

impl From<Refused> for Ended {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Witness {
    /// A witness that keeps its records in a folder, which must be there.
    #[must_use]
    pub const fn new(
        name: KeyName,
        key: SigningKey,
        logs: Vec<NoteKey>,
        records: PathBuf,
        now_ms: fn() -> i64,
    ) -> Self {
        Self { name, key, logs, records: Mutex::new(records), now_ms }
    }

    /// The key that checks its cosignatures.
    #[must_use]
    pub fn note_key(&self) -> NoteKey {
        NoteKey::new(self.name.clone(), Kind::Cosignature, self.key.public_key())
    }

    /// Answers a request over HTTP.
    #[must_use]
    pub fn answer(&self, asked: &Asked) -> Answer {
        if asked.path != PATH {
            return Answer::text(StatusCode::NOT_FOUND, "not found\n");
        }
        if asked.method != Method::POST {
            return Answer::text(StatusCode::METHOD_NOT_ALLOWED, "only POST\n");
        }
        match self.add_checkpoint(&asked.body) {
            Ok(line) => Answer::text(StatusCode::OK, line),
            Err(Ended::Broken) => Answer::text(StatusCode::INTERNAL_SERVER_ERROR, "the record cannot be kept\n"),
            Err(Ended::Refused(refused)) => {
                tracing::warn!(reason = %refused, "a checkpoint is not cosigned");
                let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
                match refused.size() {
                    Some(size) => Answer { content_type: SIZE_TYPE, ..Answer::text(status, format!("{size}\n")) },
                    None => Answer::text(status, format!("{refused}\n")),
                }
            }
        }
    }

    fn add_checkpoint(&self, body: &Bytes) -> Result<String, Ended> {
        let text = std::str::from_utf8(body).map_err(|_| Refused::Malformed)?;
        let request: AddCheckpoint = text.parse().map_err(|_| Refused::Malformed)?;
        let checkpoint: Checkpoint = request.note.text().parse().map_err(|_| Refused::Malformed)?;
        // Nothing is half done when somebody panics: a record is replaced whole.
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let path = records.join(format!("{}.log", sha256(checkpoint.origin.as_str().as_bytes())));
        let seen = read_record(&path, &checkpoint.origin).ok_or(Ended::Broken)?;
        let judged = judge(&request, &self.logs, seen)?;
        if seen != Some(judged) {
            let record = Checkpoint::new(checkpoint.origin, judged.size, judged.root).to_string();
            file::replace(&path, record.as_bytes(), PRIVATE).map_err(|error| {
                tracing::error!(%error, "a record cannot be kept, and nothing is cosigned");
                Ended::Broken
            })?;
        }
        let now = u64::try_from((self.now_ms)() / MILLISECONDS).map_err(|_| Ended::Broken)?;
        let line = request.note.cosign(&self.name, &self.key, now).ok_or(Refused::Malformed)?;
        Ok(line.to_string())
    }
}

/// What was cosigned last of a log: nothing yet, or `None` when the record cannot be read, after which nothing may be cosigned.
fn read_record(path: &Path, origin: &KeyName) -> Option<Option<Seen>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(None),
        Err(_) => return None,
    };
    let record: Checkpoint = text.parse().ok()?;
    (record.origin == *origin).then_some(Some(Seen { size: record.size, root: record.root }))
}

/// Serves a witness until the end.
pub(crate) async fn serve(
    out: &mut Output,
    data: &Path,
    args: &WitnessArgs,
    listen: Option<SocketAddr>,
    shutdown: Shutdown,
) -> Result<Exit, Failure> {
    if args.logs.is_empty() {
        return Err(Failure::new(Exit::Usage, "fail.witness_log"));
    }
    let key = read_or_make_private(&args.witness_key.clone().unwrap_or_else(|| data.join("keys/witness.key")))?;
    let records = args.witness_records.clone().unwrap_or_else(|| data.join("witness"));
    file::private_folder(&records).map_err(|error| Failure::file(&records, &error))?;
    let now_ms = || clock::now().0;
    let witness = Arc::new(Witness::new(args.witness_name.clone(), key, args.logs.clone(), records, now_ms));
    let address = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)));
    let (listener, address) = plain::listen(address).await.map_err(unusable)?;
    let note_key = witness.note_key();
    if out.is_json() {
        out.json(&serde_json::json!({ "witness": format!("http://{address}"), "key": note_key.to_string() }))?;
    } else {
        out.line(format!("{:<11} http://{address}", "witness"))?;
        out.line(note_key.to_string())?;
    }
    let handler = move |asked: Asked| {
        let witness = Arc::clone(&witness);
        async move {
            let answered = tokio::task::spawn_blocking(move || witness.answer(&asked)).await;
            answered.unwrap_or_else(|_| Answer::text(StatusCode::INTERNAL_SERVER_ERROR, "try again\n"))
        }
    };
    plain::serve(listener, REQUEST_BYTES_MAX, handler, shutdown).await;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use egide_tlog::note::Note;
    use egide_tlog::tree::{Frontier, leaf_hash};

    use super::*;

    struct Stage {
        directory: tempfile::TempDir,
        origin: KeyName,
        log: SigningKey,
        document: Vec<u8>,
    }

    impl Stage {
        fn set() -> Self {
            let (log, _) = SigningKey::generate().unwrap();
            let (_, document) = SigningKey::generate().unwrap();
            let directory = tempfile::tempdir().unwrap();
            Self { directory, origin: "example.org/log".parse().unwrap(), log, document: document.to_vec() }
        }

        fn witness(&self) -> Witness {
            let key = SigningKey::from_pkcs8(&self.document).unwrap();
            let known = NoteKey::new(self.origin.clone(), Kind::Ed25519, self.log.public_key());
            let records = self.directory.path().to_owned();
            Witness::new("witness.example".parse().unwrap(), key, vec![known], records, || 1_795_305_600_000)
        }

        fn note(&self, leaves: u64) -> Note {
            let mut tree = Frontier::new();
            (0..leaves).for_each(|leaf| tree.push(leaf_hash(&leaf.to_be_bytes())));
            let text = Checkpoint::new(self.origin.clone(), leaves, tree.root()).to_string();
            Note::sign(text, &self.origin, &self.log).unwrap()
        }

        fn asked(&self, old: u64, leaves: u64, proof: Vec<egide_tlog::Digest>) -> Asked {
            let request = AddCheckpoint { old, proof, note: self.note(leaves) };
            Asked { method: Method::POST, path: PATH.into(), body: request.to_string().into() }
        }
    }

    fn told(answer: &Answer) -> (u16, &str) {
        (answer.status.as_u16(), std::str::from_utf8(&answer.body).unwrap())
    }

    #[test]
    fn what_was_cosigned_is_remembered_over_every_start_before_it_is_answered() {
        let stage = Stage::set();
        let first = stage.witness().answer(&stage.asked(0, 1, Vec::new()));
        let (status, lines) = told(&first);
        let mut note = stage.note(1);
        Note::read_lines(lines).unwrap().into_iter().for_each(|line| note.add(line).unwrap());
        assert_eq!((status, stage.witness().note_key().verify(&note)), (200, Ok(1_795_305_600)));
        let again = stage.witness().answer(&stage.asked(0, 2, Vec::new()));
        assert_eq!((told(&again), again.content_type), ((409, "1\n"), SIZE_TYPE));
        let second = leaf_hash(&1_u64.to_be_bytes());
        assert_eq!(told(&stage.witness().answer(&stage.asked(1, 2, vec![leaf_hash(b"other")]))).0, 422);
        assert_eq!(told(&stage.witness().answer(&stage.asked(1, 2, vec![second]))).0, 200);
        assert_eq!(told(&stage.witness().answer(&stage.asked(1, 1, Vec::new()))), (409, "2\n"));
    }

    #[test]
    fn a_record_that_cannot_be_read_or_kept_stops_the_witness() {
        let stage = Stage::set();
        assert_eq!(told(&stage.witness().answer(&stage.asked(0, 1, Vec::new()))).0, 200);
        let path = std::fs::read_dir(stage.directory.path()).unwrap().next().unwrap().unwrap().path();
        let record = std::fs::read_to_string(&path).unwrap();
        for broken in ["", "example.org/other\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", record.trim_end()] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(told(&stage.witness().answer(&stage.asked(1, 1, Vec::new()))).0, 500, "{broken:?}");
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_dir(stage.directory.path()).unwrap();
        assert_eq!(told(&stage.witness().answer(&stage.asked(0, 1, Vec::new()))).0, 500);
    }

    #[test]
    fn strangers_paths_methods_and_bodies_are_refused() {
        let stage = Stage::set();
        let witness = stage.witness();
        let good = stage.asked(0, 1, Vec::new());
        let with = |change: fn(&mut Asked)| {
            let mut asked = good.clone();
            change(&mut asked);
            witness.answer(&asked).status.as_u16()
        };
        assert_eq!(with(|asked| asked.path.push('/')), 404);
        assert_eq!(with(|asked| asked.method = Method::GET), 405);
        assert_eq!(with(|asked| asked.body = Bytes::new()), 400);
        assert_eq!(with(|asked| asked.body = Bytes::from_static(&[0xff])), 400);
        let stranger = Stage::set();
        assert_eq!(witness.answer(&stranger.asked(0, 1, Vec::new())).status.as_u16(), 403);
        assert_eq!(std::fs::read_dir(stage.directory.path()).unwrap().count(), 0);
    }
}
