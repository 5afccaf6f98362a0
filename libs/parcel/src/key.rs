//! Public keys of units.

use std::fmt;
use std::str::FromStr;

use age::x25519::{Identity, Recipient};
use egide_crypto::digest::sha256;

/// How the text of a private key begins, whatever its case.
const SECRET_PREFIX: &str = "age-secret-key-";
/// Letters and digits of a recipient's text: `age1` and 58 more.
const TEXT_LENGTH: usize = 62;

/// Points of small order (RFC 7748, section 6.1), each in the two spellings that X25519 reads alike. What is encrypted to one of
/// them anybody opens, and `age` panics over it.
const OF_SMALL_ORDER: [&str; 14] = [
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqsuwj9m",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqk67yly",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhzqqxqejhu",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz9ts6wm9s8",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz8ts72fzt7",
    "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",
    "age1anllllllllllllllllllllllllllllllllllllllllllllllllls3hcv9z",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllalsn46ayy",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllllsh3g6la",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllalselrwrv",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllllsam3fc4",
];

/// A public key that packages are encrypted to: an age recipient of the kind X25519, in its one spelling (`age1…`, lower case).
///
/// INVARIANT: no point of small order.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptionKey(Recipient);

/// The text is no key that packages are encrypted to. It is never repeated: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseEncryptionKeyError {
    /// A private key of age.
    #[error(
        "this is a private key: it was not kept here; have its owner make a new pair with `age-keygen`, since whoever saw this \
         one can open what is encrypted to it, and give the public key (`age1…`)"
    )]
    Secret,
    /// No public key of age, or of another kind, or with a typing error.
    #[error(
        "is no public key of age for X25519: `age1` and 58 lower-case letters and digits, as `age-keygen -y` prints it"
    )]
    NotAKey,
    /// A key that protects nothing.
    #[error(
        "this public key protects nothing: anybody could open what is encrypted to it; make a new pair with `age-keygen`"
    )]
    Weak,
}

impl EncryptionKey {
    /// Its name.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        let mut bytes = [0; KeyFingerprint::BYTES];
        for (byte, digest) in bytes.iter_mut().zip(sha256(self.to_string().as_bytes()).as_bytes()) {
            *byte = *digest;
        }
        KeyFingerprint(bytes)
    }

    /// A key whose private half nobody has: what is encrypted to it alone stays closed. For samples, which show packages and open none.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self(Identity::generate().to_public())
    }

    pub(crate) const fn recipient(&self) -> &Recipient {
        &self.0
    }
}

impl FromStr for EncryptionKey {
    type Err = ParseEncryptionKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.to_ascii_lowercase().contains(SECRET_PREFIX) {
            return Err(ParseEncryptionKeyError::Secret);
        }
        if text.len() != TEXT_LENGTH {
            return Err(ParseEncryptionKeyError::NotAKey);
        }
        let recipient: Recipient = text.parse().map_err(|_| ParseEncryptionKeyError::NotAKey)?;
        // One key, one text: whether two units have the same one is compared by it.
        if recipient.to_string() != text {
            return Err(ParseEncryptionKeyError::NotAKey);
        }
        if OF_SMALL_ORDER.contains(&text) {
            return Err(ParseEncryptionKeyError::Weak);
        }
        Ok(Self(recipient))
    }
}

impl fmt::Display for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({})", self.fingerprint())
    }
}

/// The name of a public key: `age-` and the first 32 hexadecimal digits of the SHA-256 of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyFingerprint([u8; KeyFingerprint::BYTES]);

/// The text is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is `age-` and 32 hexadecimal digits")]
pub struct ParseKeyFingerprintError;

impl KeyFingerprint {
    const BYTES: usize = 16;
    const PREFIX: &str = "age-";
}

impl FromStr for KeyFingerprint {
    type Err = ParseKeyFingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(Self::PREFIX).ok_or(ParseKeyFingerprintError)?;
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        if pairs.len() != Self::BYTES || !rest.is_empty() {
            return Err(ParseKeyFingerprintError);
        }
        let mut bytes = [0; Self::BYTES];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (digit(*high)? << 4) | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

const fn digit(digit: u8) -> Result<u8, ParseKeyFingerprintError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(ParseKeyFingerprintError),
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::secrecy::ExposeSecret as _;

    #[test]
    fn a_key_has_one_spelling_and_one_name() {
        let text = age::x25519::Identity::generate().to_public().to_string();
        let key: EncryptionKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        let name = key.fingerprint();
        assert_eq!(name.to_string().parse(), Ok(name));
        assert!(name.to_string().starts_with("age-") && name.to_string().len() == 36);
        let mut mistyped = text.clone();
        mistyped.pop();
        mistyped.push(if text.ends_with('q') { 'p' } else { 'q' });
        for other in
            [text.to_uppercase(), format!(" {text}"), format!("{text}\n"), mistyped, String::new(), "age1".into()]
        {
            assert_eq!(other.parse::<EncryptionKey>(), Err(ParseEncryptionKeyError::NotAKey), "{other}");
        }
        for none in
            ["", "age-", "age-00", "ed-00112233445566778899aabbccddeeff", "age-00112233445566778899AABBCCDDEEFF"]
        {
            assert!(none.parse::<KeyFingerprint>().is_err(), "{none}");
        }
    }

    #[test]
    fn a_private_key_is_refused_and_not_repeated() {
        let secret = age::x25519::Identity::generate().to_string().expose_secret().to_owned();
        for text in [secret.clone(), secret.to_lowercase(), format!("# my key\n{secret}\n"), format!("  {secret}")] {
            let error = text.parse::<EncryptionKey>().unwrap_err();
            assert_eq!(error, ParseEncryptionKeyError::Secret);
            let tail: String = secret.chars().skip(20).collect();
            assert!(!format!("{error} {error:?}").contains(&tail));
        }
    }

    #[test]
    fn keys_that_protect_nothing_are_refused() {
        for text in OF_SMALL_ORDER {
            // age itself takes it for a key, and panics when it is to encrypt to it.
            let recipient: Recipient = text.parse().unwrap();
            assert_eq!(recipient.to_string(), text);
            assert_eq!(text.parse::<EncryptionKey>(), Err(ParseEncryptionKeyError::Weak));
        }
    }
}
