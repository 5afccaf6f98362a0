//! Sealing: a record encrypted under a data key, so that it opens with that key and in its own place only.
//!
//! A record key is derived for every record from the data key and a random salt (HKDF-SHA256), so that a data key may
//! seal any number of records: random nonces under one AES-GCM key would run out of safety at 2³² messages. GCM alone
//! would let somebody prepare a ciphertext that opens under two keys; a second output of the same derivation commits
//! the record to its key, and is compared before anything is opened.
//!
//! Associated data says where a record stands (case, event, subject, …). It goes into GCM's own associated data and
//! not into the derivation as well: GCM's tag covers every byte of it, so that a record moved elsewhere does not open.
//! Who could make one ciphertext pass for two places must hold the data key, and with that could seal at both anyway.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::random::{self, RandomUnavailable, constant_time_eq};
use crate::secret::{KEY_BYTES, Secret, expand, extract};

/// Longest plaintext that is sealed: what fits in the largest message that NATS advises (8 MiB).
pub const PLAINTEXT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of a record's salt.
pub const SALT_BYTES: usize = 32;
/// Bytes of a record's nonce.
pub const NONCE_BYTES: usize = 12;
/// Bytes of a record's key commitment.
pub const COMMITMENT_BYTES: usize = 32;
/// How much longer a ciphertext is than its plaintext: GCM's tag.
pub const TAG_BYTES: usize = 16;

/// Domain of keys that need several others.
const JOIN_DOMAIN: &str = "egide/join/v1";

/// The key under which the data of one person, one narrative or one case is sealed.
///
/// It leaves this crate only wrapped ([`crate::wrap`]), has no text form and is wiped when dropped: dropping the last
/// copy, wrapped ones included, is what shredding means.
pub struct DataKey(Secret);

impl DataKey {
    /// Draws a new key.
    pub fn generate() -> Result<Self, RandomUnavailable> {
        Secret::generate().map(Self)
    }

    /// The content key of text that joins several people: it needs every one of their keys, so that shredding one
    /// shreds the text. The order in which `keys` are given is of no matter; each goes in under its id.
    ///
    /// A join of one key is allowed, and is another key than the one it was made from.
    ///
    /// # Errors
    /// [`JoinError::Empty`] without keys, [`JoinError::Repeated`] when an id comes twice.
    pub fn join(keys: &[(&str, &Self)]) -> Result<Self, JoinError> {
        if keys.is_empty() {
            return Err(JoinError::Empty);
        }
        let mut sorted = keys.to_vec();
        sorted.sort_unstable_by_key(|(key_id, _)| *key_id);
        if let Some((key_id, _)) = sorted.iter().zip(sorted.iter().skip(1)).find_map(|(a, b)| (a.0 == b.0).then_some(a))
        {
            return Err(JoinError::Repeated { key_id: (*key_id).to_owned() });
        }
        // Exactly as large as it will be: a buffer that grows leaves copies of keys behind.
        let size = sorted.iter().map(|(key_id, _)| 2 * LENGTH_BYTES + key_id.len() + KEY_BYTES).sum();
        let mut material = Zeroizing::new(Vec::with_capacity(size));
        for (key_id, key) in &sorted {
            for part in [key_id.as_bytes(), key.0.expose()] {
                crate::encoding::feed_prefixed(&mut |bytes| material.extend_from_slice(bytes), part);
            }
        }
        let joined = expand(&extract(JOIN_DOMAIN.as_bytes(), &material), JOIN_DOMAIN);
        joined.map(Self).ok_or(JoinError::Derivation)
    }

    pub(crate) const fn from_secret(secret: Secret) -> Self {
        Self(secret)
    }

    pub(crate) const fn secret(&self) -> &Secret {
        &self.0
    }
}

/// Bytes of a length prefix.
const LENGTH_BYTES: usize = size_of::<u64>();

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

/// Keys could not be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There was none: a key that needs nobody's could never be shredded.
    #[error("a joined key needs at least one key")]
    Empty,
    /// One id came twice: the caller has lost track of whose keys these are.
    #[error("key id `{key_id}` is joined twice; give each key once")]
    Repeated {
        /// The id that came twice.
        key_id: String,
    },
    /// The derivation itself refused.
    #[error("the joined key could not be derived")]
    Derivation,
}

/// A sealed record as it stands in the log. Nothing in it is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// What the record key was derived with.
    pub salt: [u8; SALT_BYTES],
    /// GCM's nonce.
    pub nonce: [u8; NONCE_BYTES],
    /// The encrypted plaintext, followed by GCM's tag.
    pub ciphertext: Vec<u8>,
    /// Commits the record to its data key.
    pub commitment: [u8; COMMITMENT_BYTES],
}

impl fmt::Debug for SealedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedRecord({} bytes)", self.ciphertext.len())
    }
}

/// Nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The plaintext is longer than [`PLAINTEXT_BYTES_MAX`].
    #[error("`{bytes}` bytes are too many to seal in one record; the most is {PLAINTEXT_BYTES_MAX}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// No salt or nonce could be drawn.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    /// The cipher or the derivation refused.
    #[error("the cipher refused the record")]
    Cipher,
}

/// A record did not open. Which variant it was is for those who hold the key, not for those who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Key, salt and commitment do not belong together: another key, or the record was altered.
    #[error("the record was sealed under another key, or its salt or commitment was altered")]
    WrongKey,
    /// The right key, but nonce, ciphertext or associated data is not what was sealed.
    #[error("the record was altered, or stands in another place than the one it was sealed for")]
    Tampered,
}

/// Seals `plaintext` under `key`, bound to `aad`: the bytes that say where the record stands, to be given again in full
/// when it is opened.
///
/// # Errors
/// See [`SealError`].
pub fn seal(key: &DataKey, aad: &[u8], plaintext: &[u8]) -> Result<SealedRecord, SealError> {
    RECORD.seal(&key.0, aad, plaintext)
}

/// Opens `record` where it stands: `aad` must be the bytes it was sealed with. What comes back is wiped when dropped.
///
/// # Errors
/// See [`OpenError`].
pub fn open(key: &DataKey, record: &SealedRecord, aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    RECORD.open(&key.0, record, aad)
}

/// Labels of the two outputs of a derivation. Another use of sealing has another pair, so that nothing sealed for one
/// opens for the other even under equal keys.
pub(crate) struct Scheme {
    pub(crate) key: &'static str,
    pub(crate) commitment: &'static str,
}

const RECORD: Scheme = Scheme { key: "egide/record/v1", commitment: "egide/record-commitment/v1" };

impl Scheme {
    pub(crate) fn seal(&self, key: &Secret, aad: &[u8], plaintext: &[u8]) -> Result<SealedRecord, SealError> {
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(SealError::TooLong { bytes: plaintext.len() });
        }
        self.seal_with(key, random::random_bytes()?, random::random_bytes()?, aad, plaintext)
    }

    fn seal_with(
        &self,
        key: &Secret,
        salt: [u8; SALT_BYTES],
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<SealedRecord, SealError> {
        let (record_key, commitment) = self.derive(key, &salt).ok_or(SealError::Cipher)?;
        // Large enough from the start: a buffer that grows leaves plaintext behind. Encrypted in place, so that on
        // success there is none left in it; on failure it is wiped.
        let mut buffer = Zeroizing::new(Vec::with_capacity(plaintext.len() + TAG_BYTES));
        buffer.extend_from_slice(plaintext);
        cipher(&record_key)
            .and_then(|cipher| {
                cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut *buffer).ok()
            })
            .ok_or(SealError::Cipher)?;
        Ok(SealedRecord { salt, nonce, ciphertext: std::mem::take(&mut *buffer), commitment: *commitment.expose() })
    }

    pub(crate) fn open(
        &self,
        key: &Secret,
        record: &SealedRecord,
        aad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (record_key, commitment) = self.derive(key, &record.salt).ok_or(OpenError::WrongKey)?;
        if !constant_time_eq(commitment.expose(), &record.commitment) {
            return Err(OpenError::WrongKey);
        }
        let mut buffer = Zeroizing::new(record.ciphertext.clone());
        let length = cipher(&record_key)
            .and_then(|cipher| {
                let nonce = Nonce::assume_unique_for_key(record.nonce);
                cipher.open_in_place(nonce, Aad::from(aad), &mut buffer).ok().map(|plaintext| plaintext.len())
            })
            .ok_or(OpenError::Tampered)?;
        buffer.truncate(length);
        Ok(buffer)
    }

    /// Record key and commitment.
    fn derive(&self, key: &Secret, salt: &[u8; SALT_BYTES]) -> Option<(Secret, Secret)> {
        let derived = extract(salt, key.expose());
        Some((expand(&derived, self.key)?, expand(&derived, self.commitment)?))
    }
}

fn cipher(key: &Secret) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key.expose()).ok().map(LessSafeKey::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::read_hex;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let mut bytes = [0; N];
        assert!(read_hex(text, &mut bytes), "`{text}`");
        bytes
    }

    fn key_of(byte: u8) -> DataKey {
        DataKey(Secret::holding(|key| key.fill(byte)))
    }

    /// The Galois/Counter Mode of Operation (McGrew, Viega), test cases 14 and 16; the latter with associated data.
    #[test]
    fn the_cipher_gives_the_answers_of_the_gcm_specification() {
        let mut buffer = vec![0; 16];
        let zero = Secret::holding(|_| ());
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        cipher(&zero).unwrap().seal_in_place_append_tag(nonce, Aad::empty(), &mut buffer).unwrap();
        assert_eq!(buffer, hex::<32>("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"));

        let key = Secret::from_slice(&hex::<32>("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
        let nonce = Nonce::assume_unique_for_key(hex("cafebabefacedbaddecaf888"));
        let aad: [u8; 20] = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let mut buffer = hex::<60>(concat!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        ))
        .to_vec();
        cipher(&key.unwrap()).unwrap().seal_in_place_append_tag(nonce, Aad::from(aad), &mut buffer).unwrap();
        let expected = hex::<76>(concat!(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        ));
        assert_eq!(buffer, expected);
    }

    /// Records can never be rewritten: this one was computed apart from this code, and must open for ever.
    #[test]
    fn a_record_of_the_first_version_still_opens_and_is_still_sealed_alike() {
        let record = SealedRecord {
            salt: [0x11; 32],
            nonce: [0x22; 12],
            ciphertext: hex::<{ 13 + TAG_BYTES }>("007c859a2f68d0b353611610c1c6eb7cfc7b9a28e7af593916a826f662")
                .to_vec(),
            commitment: hex("e7cdc1a2080fdd4239b0dcfe66edd52c0909a39ad480a8104e33edbac5bf97a5"),
        };
        assert_eq!(open(&key_of(0x33), &record, b"case 1").unwrap().as_slice(), b"a safe number");
        let again = RECORD.seal_with(key_of(0x33).secret(), [0x11; 32], [0x22; 12], b"case 1", b"a safe number");
        assert_eq!(again.unwrap(), record);
    }

    #[test]
    fn a_joined_key_of_the_first_version_is_still_the_same() {
        let joined = DataKey::join(&[("b", &key_of(2)), ("a", &key_of(1))]).unwrap();
        assert_eq!(joined.0.expose(), &hex("11f8bea40b7fad456fc0be2ad1e94a77a5cf45aa0a0a05c25f337867621dafbe"));
    }

    #[test]
    fn a_key_shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", key_of(7)), "DataKey(..)");
        let record = seal(&key_of(7), b"", b"0123456789").unwrap();
        assert_eq!(format!("{record:?}"), "SealedRecord(26 bytes)");
    }

    #[test]
    fn a_plaintext_over_the_bound_is_refused() {
        let long = vec![0; PLAINTEXT_BYTES_MAX + 1];
        assert_eq!(seal(&key_of(1), b"", &long), Err(SealError::TooLong { bytes: long.len() }));
        assert!(seal(&key_of(1), b"", &long[1..]).is_ok());
    }
}
