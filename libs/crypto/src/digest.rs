//! SHA-256 digests, and fingerprints that only the holder of a key can compute.
//!
//! A plain digest of identifying data is as good as the data to anyone who can guess it; where the content can be
//! guessed, take a [`Fingerprinter`] or a salt.

use std::fmt;
use std::str::FromStr;

use ring::{digest, hmac};
use serde::{Deserialize, Serialize};

use crate::encoding;
use crate::random::RandomUnavailable;
use crate::seal::DataKey;
use crate::secret::Secret;

/// Thirty-two bytes of SHA-256 or HMAC-SHA256; as text, 64 digits of lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; Digest::BYTES]);

impl Digest {
    /// Bytes of a digest.
    pub const BYTES: usize = 32;

    /// A digest that was computed elsewhere and stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, as they are stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// What was read is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseDigestError {
    /// The text is not 64 hexadecimal digits. The text is not repeated: it may be something else pasted by mistake.
    #[error("a digest is 64 hexadecimal digits")]
    Text,
    /// The bytes are not thirty-two.
    #[error("a digest has 32 bytes, not `{0}`")]
    Length(usize),
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        encoding::write_hex(f, &self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; Self::BYTES];
        encoding::read_hex(text, &mut bytes).then_some(Self(bytes)).ok_or(ParseDigestError::Text)
    }
}

impl TryFrom<&[u8]> for Digest {
    type Error = ParseDigestError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| ParseDigestError::Length(bytes.len()))
    }
}

impl TryFrom<String> for Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// SHA-256 of `bytes` (FIPS 180-4): for bytes whose meaning is fixed elsewhere, such as a canonical report.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    finish(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// SHA-256 of several parts, which no other domain and no other division into parts can give: the domain, the number
/// of parts and every part go in with their lengths (64 bits, big-endian).
#[must_use]
pub fn sha256_parts(domain: &str, parts: &[&[u8]]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    encoding::feed_parts(&mut |bytes| context.update(bytes), domain, parts);
    finish(context.finish().as_ref())
}

fn finish(output: &[u8]) -> Digest {
    let mut bytes = [0; Digest::BYTES];
    // Both algorithms give 32 bytes: the lengths always agree.
    bytes.copy_from_slice(output);
    Digest(bytes)
}

/// HMAC-SHA256 (RFC 2104) under a key that stays inside: equal content gives equal fingerprints, and without the key
/// neither can be guessed from the other.
pub struct Fingerprinter(Secret);

impl Fingerprinter {
    /// Takes a key of 32 random bytes; wiping `key` is the caller's.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Secret::holding(|bytes| bytes.copy_from_slice(key)))
    }

    /// A key of its own that is never stored: fingerprints made with it can be compared only while it lives.
    pub fn generate() -> Result<Self, RandomUnavailable> {
        Secret::generate().map(Self)
    }

    /// A key that follows from a data key and a purpose, so that it can be stored wrapped like any data key. Another
    /// purpose gives unrelated fingerprints; nothing sealed under the data key is touched.
    #[must_use]
    pub fn from_data_key(key: &DataKey, purpose: &str) -> Self {
        // HMAC under a uniform key is a pseudo-random function; sealing uses the data key as HKDF's input only, so the
        // two uses share no input.
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.secret().expose()));
        encoding::feed_parts(&mut |bytes| context.update(bytes), "egide/fingerprint-key/v1", &[purpose.as_bytes()]);
        let tag = context.sign();
        Self(Secret::holding(|bytes| bytes.copy_from_slice(tag.as_ref())))
    }

    /// The fingerprint of `bytes`.
    #[must_use]
    pub fn fingerprint(&self, bytes: &[u8]) -> Digest {
        finish(hmac::sign(&self.key(), bytes).as_ref())
    }

    /// The fingerprint of several parts, divided as in [`sha256_parts`].
    #[must_use]
    pub fn fingerprint_parts(&self, domain: &str, parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.key());
        encoding::feed_parts(&mut |bytes| context.update(bytes), domain, parts);
        finish(context.sign().as_ref())
    }

    /// Whether `expected` is the fingerprint of `bytes`; compared in constant time.
    #[must_use]
    pub fn verify(&self, bytes: &[u8], expected: &Digest) -> bool {
        hmac::verify(&self.key(), bytes, expected.as_bytes()).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.expose())
    }
}

impl fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprinter(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha_256_gives_the_answers_of_fips_180_4() {
        for (input, expected) in [
            (&b""[..], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            assert_eq!(sha256(input).to_string(), expected);
        }
    }

    /// RFC 4231, cases 1 and 2: HMAC pads a short key with zeros, so ours of 32 bytes stand for theirs of 20 and 4.
    #[test]
    fn fingerprints_give_the_answers_of_rfc_4231() {
        for (key, input, expected) in [
            (&[0x0b; 20][..], &b"Hi There"[..], "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            let mut padded = [0; 32];
            padded[..key.len()].copy_from_slice(key);
            let fingerprinter = Fingerprinter::new(&padded);
            let fingerprint = fingerprinter.fingerprint(input);
            assert_eq!(fingerprint.to_string(), expected);
            assert!(fingerprinter.verify(input, &fingerprint));
            assert!(!fingerprinter.verify(b"other", &fingerprint));
            assert!(!Fingerprinter::new(&[1; 32]).verify(input, &fingerprint));
        }
    }

    #[test]
    fn parts_are_read_with_their_division_and_their_domain() {
        let of = |domain, parts: &[&[u8]]| sha256_parts(domain, parts);
        let all = [
            of("d", &[b"ab", b"c"]),
            of("d", &[b"a", b"bc"]),
            of("d", &[b"abc"]),
            of("d", &[b"abc", b""]),
            of("d", &[b"ab", b"c", b""]),
            of("e", &[b"ab", b"c"]),
            of("da", &[b"b", b"c"]),
            of("d", &[]),
            of("", &[b"d"]),
            sha256(b"dabc"),
        ];
        let distinct: std::collections::BTreeSet<Digest> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    /// The layout stands in logs that can never be rewritten: computed apart from this code.
    #[test]
    fn parts_keep_the_layout_they_were_first_written_in() {
        assert_eq!(
            sha256_parts("egide/test", &[b"one", b""]).to_string(),
            "c1b75bbea174b9579c46b10d6c6cb04450ef54bd4fc123412e2f50757d206ab2"
        );
        assert_eq!(
            Fingerprinter::new(&[7; 32]).fingerprint_parts("egide/test", &[b"one", b""]).to_string(),
            "8f5c44c67315a31ce65dd222c505f87b64b0992078bf30c206842fb200410bb8"
        );
    }

    #[test]
    fn a_fingerprint_key_follows_from_its_data_key_and_purpose_alone() {
        let key = DataKey::generate().unwrap();
        let commands = Fingerprinter::from_data_key(&key, "commands").fingerprint(b"x");
        assert_eq!(commands, Fingerprinter::from_data_key(&key, "commands").fingerprint(b"x"));
        assert_ne!(commands, Fingerprinter::from_data_key(&key, "phones").fingerprint(b"x"));
        let other = DataKey::generate().unwrap();
        assert_ne!(commands, Fingerprinter::from_data_key(&other, "commands").fingerprint(b"x"));
    }

    #[test]
    fn text_and_bytes_round_trip_and_anything_else_is_refused() {
        let digest = sha256(b"abc");
        let text = digest.to_string();
        assert_eq!(text.parse(), Ok(digest));
        assert_eq!(text.to_uppercase().parse(), Ok(digest));
        assert_eq!(Digest::try_from(&digest.as_bytes()[..]), Ok(digest));
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Digest>(&format!("\"{text}\"")).unwrap(), digest);
        for bad in ["", "ab", text.strip_suffix('d').unwrap(), &format!("{text}0"), &format!("{text}00")] {
            assert_eq!(bad.parse::<Digest>(), Err(ParseDigestError::Text), "{bad}");
        }
        for bad in ['g', ' ', '+', 'é'] {
            assert_eq!(text.replace('b', &bad.to_string()).parse::<Digest>(), Err(ParseDigestError::Text), "{bad}");
        }
        assert_eq!(Digest::try_from(&[0; 31][..]), Err(ParseDigestError::Length(31)));
    }
}
