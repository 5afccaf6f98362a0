//! Signed notes: a text, an empty line, and a line for each signature (C2SP signed-note), among them cosignatures of witnesses (C2SP
//! tlog-cosignature).

use std::fmt;
use std::str::FromStr;

use egide_crypto::digest::sha256;
use egide_crypto::sign::{Signature, SigningKey, VerifyingKey};

use crate::{base64, read_base64};

/// Longest note that is read, in bytes.
pub const BYTES_MAX: usize = 64 * 1_024;
/// Most signatures of a note that is read; the specification asks for 16 at least.
pub const SIGNATURES_MAX: usize = 64;
/// Longest name of a key, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// What a signature line begins with.
const DASH: &str = "\u{2014} ";
/// Bytes of a key's id.
const ID_BYTES: usize = 4;
/// What a cosignature is made over, before the time and the text.
const COSIGNATURE: &str = "cosignature/v1";

/// What signature lines a key makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Ed25519 over the text: the log itself.
    Ed25519,
    /// Ed25519 over a time and the text, `cosignature/v1`: a witness.
    Cosignature,
}

impl Kind {
    /// The byte that names it (signed-note, "Signature types"). Others exist, and a key of one of them is not read.
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }

    const fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Ed25519),
            4 => Some(Self::Cosignature),
            _ => None,
        }
    }
}

/// What was read is no note, key or name of one, or a signature of a known key does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is no note.
    #[error("this is no signed note: a text, an empty line, and at least one line with a signature")]
    NotANote,
    /// It is too long, or has too many signatures.
    #[error("the note has more than 65536 bytes or 64 signatures")]
    TooLong,
    /// No signature of the key is on it.
    #[error("the note does not bear the signature of this key")]
    NotSigned,
    /// A line of the key is on it, and its signature is none.
    #[error("the note bears a line of this key, and its signature does not belong to the text")]
    BadSignature,
    /// The text is no key.
    #[error("a key of a note is its name, eight hexadecimal digits and base64, with `+` between them")]
    NotAKey,
    /// The name is none.
    #[error("a key's name has no spaces and no `+`, and at most 255 bytes")]
    NotAName,
}

/// The name of a key; of a log's key the log's origin. A URL without its scheme is recommended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let barred = |char: char| char.is_whitespace() || char.is_control() || char == '+';
        let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(barred);
        fits.then(|| Self(text.to_owned())).ok_or(NoteError::NotAName)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A public key by its name, as those who check notes are given it: `name+1a2b3c4d+base64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoteKey {
    name: KeyName,
    kind: Kind,
    key: VerifyingKey,
}

impl NoteKey {
    /// The key of this name.
    #[must_use]
    pub const fn new(name: KeyName, kind: Kind, key: VerifyingKey) -> Self {
        Self { name, kind, key }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The first four bytes of the SHA-256 of name, line feed, kind and key.
    fn id(&self) -> [u8; ID_BYTES] {
        let mut bytes = self.name.0.as_bytes().to_vec();
        bytes.extend_from_slice(&[b'\n', self.kind.byte()]);
        bytes.extend_from_slice(self.key.as_bytes());
        sha256(&bytes).as_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// Checks the signatures of this key on a note. Of a cosignature the time it was made at, in seconds since 1970; of any other 0.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`], or [`NoteError::BadSignature`] where any line of this key does not hold.
    pub fn verify(&self, note: &Note) -> Result<u64, NoteError> {
        let id = self.id();
        let mut newest = None;
        for line in note.signatures.iter().filter(|line| line.name == self.name && line.id == id) {
            let made_at = self.check(&note.text, &line.signature).ok_or(NoteError::BadSignature)?;
            newest = newest.max(Some(made_at));
        }
        newest.ok_or(NoteError::NotSigned)
    }

    fn check(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let (made_at, signature) = match self.kind {
            Kind::Ed25519 => (None, signature),
            Kind::Cosignature => {
                let (made_at, signature) = signature.split_first_chunk::<8>()?;
                (Some(u64::from_be_bytes(*made_at)), signature)
            }
        };
        let signature = Signature::try_from(signature).ok()?;
        match made_at {
            None => self.key.verify_text(text, &signature),
            Some(made_at) => self.key.verify_text(&cosigned_text(text, made_at), &signature),
        }
        .ok()?;
        Some(made_at.unwrap_or(0))
    }
}

fn cosigned_text(text: &str, made_at: u64) -> String {
    format!("{COSIGNATURE}\ntime {made_at}\n{text}")
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind.byte()];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id()), base64(&bytes))
    }
}

impl FromStr for NoteKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let read = || {
            let (name, rest) = text.split_once('+')?;
            // Base64 may have a plus of its own.
            let (id, key) = rest.split_once('+')?;
            let bytes = read_base64(key)?;
            let (kind, key) = bytes.split_first()?;
            let key =
                Self { name: name.parse().ok()?, kind: Kind::of_byte(*kind)?, key: VerifyingKey::try_from(key).ok()? };
            (id == format!("{:08x}", u32::from_be_bytes(key.id()))).then_some(key)
        };
        read().ok_or(NoteError::NotAKey)
    }
}

/// A line with a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: KeyName,
    id: [u8; ID_BYTES],
    signature: Vec<u8>,
}

impl SignatureLine {
    /// The name of the key that made it, as the line says.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.to_vec();
        bytes.extend_from_slice(&self.signature);
        writeln!(f, "{DASH}{} {}", self.name, base64(&bytes))
    }
}

impl FromStr for SignatureLine {
    type Err = NoteError;

    /// Reads a line without its line feed.
    fn from_str(line: &str) -> Result<Self, NoteError> {
        let read = || {
            let (name, signature) = line.strip_prefix(DASH)?.split_once(' ')?;
            let bytes = read_base64(signature)?;
            let (id, signature) = bytes.split_first_chunk::<ID_BYTES>()?;
            let signature = (!signature.is_empty()).then(|| signature.to_vec())?;
            Some(Self { name: name.parse().ok()?, id: *id, signature })
        };
        read().ok_or(NoteError::NotANote)
    }
}

/// A note with its signatures; none of them is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// Signs a text with a log's own key. `None` for a text that no note has: it ends in a line feed and has no other control
    /// character.
    #[must_use]
    pub fn sign(text: String, name: &KeyName, key: &SigningKey) -> Option<Self> {
        if !is_text(&text) {
            return None;
        }
        let signature = key.sign_text(&text)?.as_bytes().to_vec();
        let id = NoteKey::new(name.clone(), Kind::Ed25519, key.public_key()).id();
        Some(Self { text, signatures: vec![SignatureLine { name: name.clone(), id, signature }] })
    }

    /// Signs it as a witness, at a time in seconds since 1970: the line that is added to it.
    #[must_use]
    pub fn cosign(&self, name: &KeyName, key: &SigningKey, made_at: u64) -> Option<SignatureLine> {
        let signed = key.sign_text(&cosigned_text(&self.text, made_at))?;
        let mut signature = made_at.to_be_bytes().to_vec();
        signature.extend_from_slice(signed.as_bytes());
        let id = NoteKey::new(name.clone(), Kind::Cosignature, key.public_key()).id();
        Some(SignatureLine { name: name.clone(), id, signature })
    }

    /// Adds a line; one of the same key is replaced.
    ///
    /// # Errors
    /// [`NoteError::TooLong`].
    pub fn add(&mut self, line: SignatureLine) -> Result<(), NoteError> {
        self.signatures.retain(|other| (&other.name, other.id) != (&line.name, line.id));
        if self.signatures.len() >= SIGNATURES_MAX {
            return Err(NoteError::TooLong);
        }
        self.signatures.push(line);
        Ok(())
    }

    /// Reads lines of signatures, as a witness answers them.
    ///
    /// # Errors
    /// [`NoteError`]: a line is none, or there are too many.
    pub fn read_lines(text: &str) -> Result<Vec<SignatureLine>, NoteError> {
        if text.len() > BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        let lines = text.strip_suffix('\n').ok_or(NoteError::NotANote)?.split('\n');
        let signatures = lines.map(str::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > SIGNATURES_MAX { Err(NoteError::TooLong) } else { Ok(signatures) }
    }

    /// The text, with its last line feed. It counts for nothing unless a key that counts signed it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines with signatures.
    #[must_use]
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }
}

fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.bytes().any(|byte| byte < b' ' && byte != b'\n')
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        if note.len() > BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        if !is_text(note) {
            return Err(NoteError::NotANote);
        }
        // What stands between is the last empty line of the note.
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::NotANote)?;
        let signatures = Self::read_lines(signatures)?;
        Ok(Self { text: format!("{text}\n"), signatures })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| line.fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of Go's package `golang.org/x/mod/sumdb/note`.
    const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
         then you don't know what your problem is.\n\
         \n\
         — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    /// The example of the specification, whose key it does not give.
    const SPECIFIED: &str = "Ognuno sta solo sul cuor della terra\n\
         trafitto da un raggio di sole:\n\
         \n\
         ed è subito sera.\n\
         \n\
         — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

    #[test]
    fn notes_of_others_are_read_and_their_signatures_hold() {
        let (key, note): (NoteKey, Note) = (GO_KEY.parse().unwrap(), GO_NOTE.parse().unwrap());
        assert_eq!((key.to_string().as_str(), note.to_string().as_str()), (GO_KEY, GO_NOTE));
        assert_eq!(key.verify(&note), Ok(0));
        let other: Note = GO_NOTE.replace("problem is", "problem was").parse().unwrap();
        assert_eq!(key.verify(&other), Err(NoteError::BadSignature));
        let specified: Note = SPECIFIED.parse().unwrap();
        assert_eq!(specified.to_string(), SPECIFIED);
        assert!(specified.text().ends_with("sole:\n\ned è subito sera.\n"));
        assert_eq!(key.verify(&specified), Err(NoteError::NotSigned));
    }

    fn keys() -> (KeyName, SigningKey, SigningKey) {
        let key = || SigningKey::generate().unwrap().0;
        ("example.org/log".parse().unwrap(), key(), key())
    }

    #[test]
    fn a_cosignature_says_when_and_counts_for_its_own_kind_of_key_only() {
        let (name, log, witness) = keys();
        let mut note = Note::sign("a text\n".into(), &name, &log).unwrap();
        let at: KeyName = "witness.example".parse().unwrap();
        note.add(note.cosign(&at, &witness, 1_795_305_600).unwrap()).unwrap();
        let note: Note = note.to_string().parse().unwrap();
        let cosigner = NoteKey::new(at.clone(), Kind::Cosignature, witness.public_key());
        assert_eq!(cosigner.verify(&note), Ok(1_795_305_600));
        assert_eq!(cosigner.to_string().parse(), Ok(cosigner.clone()));
        assert_eq!(NoteKey::new(name.clone(), Kind::Ed25519, log.public_key()).verify(&note), Ok(0));
        for stranger in [
            NoteKey::new(at.clone(), Kind::Ed25519, witness.public_key()),
            NoteKey::new(at, Kind::Cosignature, log.public_key()),
            NoteKey::new(name, Kind::Cosignature, witness.public_key()),
        ] {
            assert_eq!(stranger.verify(&note), Err(NoteError::NotSigned));
        }
        let later = note.cosign(&cosigner.name, &witness, 1_795_305_601).unwrap();
        let mut note = note;
        note.add(later).unwrap();
        assert_eq!((note.signatures().len(), cosigner.verify(&note)), (2, Ok(1_795_305_601)));
    }

    #[test]
    fn every_flipped_bit_of_a_cosigned_note_is_noticed() {
        let (name, log, witness) = keys();
        let mut note = Note::sign("example.org/log\n3\n".into(), &name, &log).unwrap();
        note.add(note.cosign(&name, &witness, 7).unwrap()).unwrap();
        let (own, cosigner) = (
            NoteKey::new(name.clone(), Kind::Ed25519, log.public_key()),
            NoteKey::new(name, Kind::Cosignature, witness.public_key()),
        );
        let bytes = note.to_string().into_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[at] ^= 1 << bit;
                let read = String::from_utf8(other).ok().and_then(|text| text.parse::<Note>().ok());
                let holds = read.is_some_and(|note| own.verify(&note).is_ok() && cosigner.verify(&note).is_ok());
                assert!(!holds, "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn what_is_no_note_no_key_and_no_name_is_refused() {
        for text in [
            "",
            "\n",
            "\n\n",
            "text\n",
            "text\n\n",
            "text\n\n— a b\n",
            "text\n\n- a AAAAAAAA\n",
            "a\tb\n\n— a AAAAAAAA\n",
        ] {
            assert!(text.parse::<Note>().is_err(), "{text:?}");
        }
        assert!("text\n\n— a AAAAAAAA\n".parse::<Note>().is_ok());
        assert!("text\n\n— a AAAAAAAA".parse::<Note>().is_err());
        assert!("text\r\n\n— a AAAAAAAA\n".parse::<Note>().is_err());
        for text in [
            "",
            "a+b",
            "a+00000000+",
            &GO_KEY.replace("c74f", "c74e"),
            &GO_KEY.replace("+AR", "+Ah"),
            &GO_KEY.replace("c7", "C7"),
        ] {
            assert_eq!(text.parse::<NoteKey>(), Err(NoteError::NotAKey), "{text}");
        }
        for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb", &"a".repeat(256)] {
            assert_eq!(name.parse::<KeyName>(), Err(NoteError::NotAName), "{name:?}");
        }
        let many = format!("text\n\n{}", "— a AAAAAAAA\n".repeat(SIGNATURES_MAX + 1));
        assert_eq!(many.parse::<Note>(), Err(NoteError::TooLong));
        assert_eq!("x".repeat(BYTES_MAX + 1).parse::<Note>(), Err(NoteError::TooLong));
        let (name, log, _) = keys();
        for text in ["", "no end", "a\0b\n", "a\tb\n"] {
            assert!(Note::sign(text.into(), &name, &log).is_none());
        }
    }

    proptest! {
        #[test]
        fn strangers_texts_are_read_or_refused(text in "(\\PC|\n|— |\\+|=|[A-Za-z0-9/]{1,8}){0,60}") {
            if let Ok(note) = text.parse::<Note>() {
                prop_assert_eq!(note.to_string(), text);
            } else if let Ok(key) = text.parse::<NoteKey>() {
                prop_assert_eq!(key.to_string(), text);
            }
        }
    }
}
