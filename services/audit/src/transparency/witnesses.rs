//! Witnesses, asked for cosignatures on schedule. What they answer counts only if their key made it.

use bytes::Bytes;
use egide_projection::{ModelError, Projection};
use egide_servicekit::plain::{self, PostError};
use egide_tlog::note::{self, Note, NoteError, NoteKey, SignatureLine};
use egide_tlog::proof;
use egide_tlog::tile::OfTiles;
use egide_tlog::witness::{AddCheckpoint, PATH};

use super::keeper::Signed;
use crate::model::History;
use crate::model::leaves::Tree;

/// How often a witness is asked in a row: the second time from the size that it named the first time.
const ASKED_MAX: u32 = 2;

/// A witness: where it is, and its key.
#[derive(Debug, Clone)]
pub struct Witness {
    /// Its address without the path: `http://witness.example:4620`.
    pub url: String,
    /// Its key, of the kind that makes cosignatures.
    pub key: NoteKey,
}

/// A witness did not cosign.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// It does not answer.
    #[error(transparent)]
    Silent(#[from] PostError),
    /// It refuses.
    #[error("it answers `{0}`")]
    Status(u16),
    /// It cosigned more than there is.
    #[error("it cosigned `{theirs}` leaves of this log, and there are `{ours}`: one of the two logs is not this one")]
    Ahead {
        /// What it cosigned.
        theirs: u64,
        /// What there is.
        ours: u64,
    },
    /// What it answered is no cosignature of its key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The rows cannot be read.
    #[error(transparent)]
    Rows(#[from] ModelError),
    /// The answer is none.
    #[error("its answer cannot be read")]
    Answer,
}

/// All of them, each with the size that it cosigned last as far as is known.
pub(super) struct Witnesses(Vec<(Witness, u64)>);

impl Witnesses {
    pub(super) fn new(witnesses: Vec<Witness>) -> Self {
        Self(witnesses.into_iter().map(|witness| (witness, 0)).collect())
    }

    /// The checkpoint with the cosignatures of all witnesses that gave one.
    pub(super) async fn cosign(&mut self, history: &Projection<History>, signed: &Signed) -> Note {
        let mut note = signed.note.clone();
        for (witness, known) in &mut self.0 {
            let asked = ask(witness, known, history, signed).await;
            if let Err(error) = asked.and_then(|line| note.add(line).map_err(Refused::from)) {
                tracing::warn!(witness = %witness.key.name(), reason = %error, "a witness did not cosign");
            }
        }
        note
    }
}

async fn ask(
    witness: &Witness,
    known: &mut u64,
    history: &Projection<History>,
    signed: &Signed,
) -> Result<SignatureLine, Refused> {
    for _ in 0..ASKED_MAX {
        let old = *known;
        if old > signed.size {
            return Err(Refused::Ahead { theirs: old, ours: signed.size });
        }
        let proof = proof::consistency(&OfTiles(&Tree(&history.view())), old, signed.size)?;
        let request = AddCheckpoint { old, proof: proof.unwrap_or_default(), note: signed.note.clone() };
        let address = format!("{}{PATH}", witness.url.trim_end_matches('/'));
        let answer = plain::post(&address, Bytes::from(request.to_string()), note::BYTES_MAX).await?;
        let text = std::str::from_utf8(&answer.body).map_err(|_| Refused::Answer)?;
        match answer.status {
            200 => {
                let line = of_key(&Note::read_lines(text)?, &witness.key, &signed.note)?;
                *known = signed.size;
                return Ok(line);
            }
            409 => *known = text.trim_end().parse().map_err(|_| Refused::Answer)?,
            status => return Err(Refused::Status(status)),
        }
    }
    Err(Refused::Status(409))
}

/// The one line that the key made over this note.
fn of_key(lines: &[SignatureLine], key: &NoteKey, note: &Note) -> Result<SignatureLine, NoteError> {
    let counts = |line: &&SignatureLine| {
        let mut cosigned = note.clone();
        cosigned.add((*line).clone()).is_ok() && key.verify(&cosigned).is_ok()
    };
    lines.iter().find(counts).cloned().ok_or(NoteError::NotSigned)
}
