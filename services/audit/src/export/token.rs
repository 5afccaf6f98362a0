//! Where an export goes on after a break.

use egide_crypto::digest::Digest;
use egide_crypto::sign::{Signature, SigningKey};

const CONTEXT: &str = "egide/history-export-resume/v1";
const DIGEST: usize = Digest::BYTES;
const STATE_BYTES: usize = 4 * 8 + DIGEST;

/// How far an export came.
///
/// Its token is signed with the export's own key, not checked with a key that follows from the log like a page's: the manifest says
/// what stands in it, so whoever could make one could have us sign a chain of entries that we never made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The position below which it goes on; 0 when everything was told.
    pub(crate) below: u64,
    /// The last position that belongs to it.
    pub(crate) position_last: u64,
    /// Chunks so far.
    pub(crate) chunks: u64,
    /// Records so far.
    pub(crate) records: u64,
    /// The digest of the last entry.
    pub(crate) last_entry: Digest,
}

impl Place {
    pub(crate) fn beginning(position_last: u64) -> Self {
        let below = position_last.saturating_add(1);
        Self { below, position_last, chunks: 0, records: 0, last_entry: super::no_entry() }
    }

    fn state(&self) -> Vec<u8> {
        let numbers = [self.below, self.position_last, self.chunks, self.records];
        let mut state: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        state.extend_from_slice(self.last_entry.as_bytes());
        state
    }

    pub(crate) fn token(&self, question: Digest, key: &SigningKey) -> Vec<u8> {
        let mut token = self.state();
        let signature = key.sign(CONTEXT, &[token.as_slice(), question.as_bytes()].concat());
        token.extend_from_slice(signature.as_bytes());
        token
    }

    /// Reads a token that this key made for this question.
    pub(crate) fn of_token(token: &[u8], question: Digest, key: &SigningKey) -> Option<Self> {
        let (state, signature) = token.split_at_checked(STATE_BYTES)?;
        let signature = Signature::from_bytes(signature.try_into().ok()?);
        key.public_key().verify(CONTEXT, &[state, question.as_bytes()].concat(), &signature).ok()?;
        let (numbers, last_entry) = state.split_at_checked(4 * 8)?;
        let [below, position_last, chunks, records] = numbers.as_chunks::<8>().0 else { return None };
        Some(Self {
            below: u64::from_be_bytes(*below),
            position_last: u64::from_be_bytes(*position_last),
            chunks: u64::from_be_bytes(*chunks),
            records: u64::from_be_bytes(*records),
            last_entry: Digest::try_from(last_entry).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use egide_crypto::digest::sha256;

    use super::*;

    #[test]
    fn a_token_is_read_by_the_key_and_for_the_question_it_was_made_for_only() {
        let [key, other] = [(); 2].map(|()| SigningKey::generate().unwrap().0);
        let question = sha256(b"question");
        let place = Place { below: 7, chunks: 2, records: 800, last_entry: sha256(b"x"), ..Place::beginning(99) };
        let token = place.token(question, &key);
        assert_eq!(Place::of_token(&token, question, &key), Some(place));
        assert_eq!(Place::of_token(&token, question, &other), None);
        assert_eq!(Place::of_token(&token, sha256(b"another"), &key), None);
        for index in 0..token.len() {
            let mut flipped = token.clone();
            flipped[index] ^= 1;
            assert_eq!(Place::of_token(&flipped, question, &key), None, "{index}");
        }
        assert_eq!(Place::of_token(&token[1..], question, &key), None);
        assert_eq!(Place::of_token(&[], question, &key), None);
    }
}
