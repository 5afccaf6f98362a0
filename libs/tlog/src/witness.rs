//! What is asked of a witness, and what it decides (C2SP tlog-witness, `add-checkpoint`).

use std::fmt;
use std::str::FromStr;

use egide_crypto::digest::Digest;

use crate::checkpoint::Checkpoint;
use crate::note::{self, Note, NoteError, NoteKey};
use crate::proof::{HASHES_MAX, extends};
use crate::{base64, read_decimal, read_hash};

/// The path below a witness's address.
pub const PATH: &str = "/add-checkpoint";
/// Longest request that is read, in bytes.
pub const REQUEST_BYTES_MAX: usize = note::BYTES_MAX + (HASHES_MAX + 2) * 48;
/// The type of the answer that names the size a witness knows.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// A request for a cosignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness knows, as far as whoever asks knows.
    pub old: u64,
    /// The proof from there to the checkpoint.
    pub proof: Vec<Digest>,
    /// The checkpoint, signed by the log.
    pub note: Note,
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", base64(hash.as_bytes())))?;
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for AddCheckpoint {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        if text.len() > REQUEST_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        let (head, note) = text.split_once("\n\n").ok_or(NoteError::NotANote)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| read_decimal(line.strip_prefix("old ")?));
        let proof: Option<Vec<Digest>> = lines.map(read_hash).collect();
        let proof = proof.filter(|proof| proof.len() <= HASHES_MAX).ok_or(NoteError::NotANote)?;
        Ok(Self { old: old.ok_or(NoteError::NotANote)?, proof, note: note.parse()? })
    }
}

/// What a witness knows of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The size it cosigned last.
    pub size: u64,
    /// The root it cosigned last.
    pub root: Digest,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The request is none.
    #[error("this is no request for a cosignature")]
    Malformed,
    /// The log is not known here.
    #[error("this log is not known here")]
    UnknownOrigin,
    /// No key of the log that is known here signed the checkpoint.
    #[error("no key of this log signed the checkpoint")]
    NotSigned,
    /// Another size was cosigned last.
    #[error("size `{0}` was cosigned last; prove from there")]
    OtherSize(u64),
    /// The same size was cosigned with another root.
    #[error("another root was cosigned at size `{0}`")]
    OtherRoot(u64),
    /// The proof does not hold.
    #[error("the proof does not show that the log only grew")]
    Inconsistent,
}

impl Refused {
    /// The HTTP status that the specification gives it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::NotSigned => 403,
            Self::UnknownOrigin => 404,
            Self::OtherSize(_) | Self::OtherRoot(_) => 409,
            Self::Inconsistent => 422,
        }
    }

    /// The size that an answer of [`SIZE_TYPE`] names.
    #[must_use]
    pub const fn size(self) -> Option<u64> {
        match self {
            Self::OtherSize(size) | Self::OtherRoot(size) => Some(size),
            Self::Malformed | Self::NotSigned | Self::UnknownOrigin | Self::Inconsistent => None,
        }
    }
}

/// Decides on a request: what is to be remembered before anything is answered. `keys` are those of all logs that are known, each
/// named as its log's origin is; `seen` is what was remembered last of the request's log.
///
/// # Errors
/// [`Refused`], in the order of the specification.
pub fn judge(request: &AddCheckpoint, keys: &[NoteKey], seen: Option<Seen>) -> Result<Seen, Refused> {
    let checkpoint: Checkpoint = request.note.text().parse().map_err(|_| Refused::Malformed)?;
    let mut known = keys.iter().filter(|key| *key.name() == checkpoint.origin).peekable();
    if known.peek().is_none() {
        return Err(Refused::UnknownOrigin);
    }
    if !known.any(|key| key.verify(&request.note).is_ok()) {
        return Err(Refused::NotSigned);
    }
    if request.old > checkpoint.size {
        return Err(Refused::Malformed);
    }
    let last = seen.unwrap_or_else(|| Seen { size: 0, root: crate::tree::empty_root() });
    if request.old != last.size {
        return Err(Refused::OtherSize(last.size));
    }
    if checkpoint.size == last.size && checkpoint.root != last.root {
        return Err(Refused::OtherRoot(last.size));
    }
    if !extends(last.size, &last.root, checkpoint.size, &checkpoint.root, &request.proof) {
        return Err(Refused::Inconsistent);
    }
    Ok(Seen { size: checkpoint.size, root: checkpoint.root })
}

#[cfg(test)]
mod tests {
    use egide_crypto::sign::SigningKey;
    use proptest::prelude::*;

    use super::*;
    use crate::note::{KeyName, Kind};
    use crate::tree::tests::{leaves, naive_root};
    use crate::tree::{Frontier, node_hash};

    const EXAMPLE: &str = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
        \n\
        example.com/behind-the-sofa\n\
        20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
        \n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let request: AddCheckpoint = EXAMPLE.parse().unwrap();
        assert_eq!((request.old, request.proof.len(), request.to_string().as_str()), (20_852_014, 4, EXAMPLE));
        for text in [
            "",
            "old 1\n",
            &EXAMPLE.replace("old 2", "old 02"),
            &EXAMPLE.replace("old ", "old"),
            &EXAMPLE.replace("\nPlR", "\nPl"),
        ] {
            assert!(text.parse::<AddCheckpoint>().is_err(), "{text:?}");
        }
        let hash = format!("{}=\n", "A".repeat(43));
        let of = |count: usize| EXAMPLE.replace("old 20852014\n", &format!("old 20852014\n{}", hash.repeat(count)));
        assert!(of(HASHES_MAX - 4).parse::<AddCheckpoint>().is_ok());
        assert!(of(HASHES_MAX - 3).parse::<AddCheckpoint>().is_err());
    }

    struct Log {
        name: KeyName,
        key: SigningKey,
    }

    impl Log {
        fn new() -> Self {
            Self { name: "example.org/log".parse().unwrap(), key: SigningKey::generate().unwrap().0 }
        }

        fn key(&self) -> NoteKey {
            NoteKey::new(self.name.clone(), Kind::Ed25519, self.key.public_key())
        }

        fn asks(&self, old: u64, proof: &[Digest], size: u64, root: Digest) -> AddCheckpoint {
            let text = Checkpoint::new(self.name.clone(), size, root).to_string();
            let note = Note::sign(text, &self.name, &self.key).unwrap();
            let request = AddCheckpoint { old, proof: proof.to_vec(), note };
            request.to_string().parse().unwrap()
        }
    }

    #[test]
    fn a_log_that_only_grows_is_cosigned_from_its_first_checkpoint_on() {
        let (log, leaves) = (Log::new(), leaves(3));
        let root = |size: usize| naive_root(&leaves[..size]);
        let keys = [log.key()];
        let first = judge(&log.asks(0, &[], 1, root(1)), &keys, None).unwrap();
        assert_eq!(first, Seen { size: 1, root: root(1) });
        assert_eq!(judge(&log.asks(1, &[], 1, root(1)), &keys, Some(first)), Ok(first));
        let proof = [leaves[1], leaves[2]];
        let third = Seen { size: 3, root: root(3) };
        assert_eq!(judge(&log.asks(1, &proof, 3, root(3)), &keys, Some(first)), Ok(third));
        assert_eq!(judge(&log.asks(0, &[], 0, crate::tree::empty_root()), &keys, None).unwrap().size, 0);
    }

    #[test]
    fn every_other_request_is_refused_with_its_own_status() {
        let (log, leaves) = (Log::new(), leaves(3));
        let root = |size: usize| naive_root(&leaves[..size]);
        let keys = [log.key()];
        let first = Some(Seen { size: 1, root: root(1) });
        let proof = [leaves[1], leaves[2]];
        let good = log.asks(1, &proof, 3, root(3));
        let refused = |request: &AddCheckpoint, keys: &[NoteKey], seen| {
            let refused = judge(request, keys, seen).unwrap_err();
            (refused.status(), refused.size())
        };
        assert_eq!(refused(&good, &[], first), (404, None));
        assert_eq!(refused(&good, &[Log::new().key()], first), (403, None));
        assert_eq!(refused(&log.asks(4, &[], 3, root(3)), &keys, first), (400, None));
        assert_eq!(refused(&log.asks(0, &[], 3, root(3)), &keys, first), (409, Some(1)));
        assert_eq!(refused(&good, &keys, None), (409, Some(0)));
        assert_eq!(refused(&log.asks(1, &[], 1, root(2)), &keys, first), (409, Some(1)));
        assert_eq!(refused(&log.asks(1, &[leaves[2], leaves[1]], 3, root(3)), &keys, first), (422, None));
        assert_eq!(refused(&log.asks(1, &[], 3, root(3)), &keys, first), (422, None));
        assert_eq!(refused(&log.asks(0, &proof, 3, root(3)), &keys, None), (422, None));
        let mut other = Frontier::new();
        other.push(leaves[2]);
        other.push(leaves[1]);
        let forked = node_hash(&other.root(), &leaves[2]);
        assert_eq!(refused(&log.asks(1, &[leaves[1], leaves[2]], 3, forked), &keys, first), (422, None));
        let foreign = Note::sign("no checkpoint\n".into(), &log.name, &log.key).unwrap();
        assert_eq!(refused(&AddCheckpoint { note: foreign, ..good }, &keys, first), (400, None));
    }

    proptest! {
        #[test]
        fn strangers_requests_are_read_or_refused(text in "old [0-9]{1,22}\n([A-Za-z0-9+/]{43}=\n){0,3}\n(\\PC|\n|— ){0,80}") {
            if let Ok(request) = text.parse::<AddCheckpoint>() {
                prop_assert_eq!(request.to_string(), text);
                prop_assert!(judge(&request, &[], None).is_err());
            }
        }
    }
}
