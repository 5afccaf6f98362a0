//! The root's public key: the one thing that must come to an instance by another way than the trust file.

use std::fmt;
use std::str::FromStr;

use egide_crypto::sign::{KeyId, VerifyingKey};

/// The public key of the root. As text: base64, as `root.pub` holds it; lines that begin with `#` are comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootKey(VerifyingKey);

/// The text holds no public key, or more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a root is one Ed25519 public key: 32 bytes in base64 or hexadecimal digits, on one line")]
pub struct ParseRootKeyError;

impl RootKey {
    /// The root with this public key.
    #[must_use]
    pub const fn new(key: VerifyingKey) -> Self {
        Self(key)
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.0
    }

    /// Its name.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.0.key_id()
    }
}

impl FromStr for RootKey {
    type Err = ParseRootKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(ParseRootKeyError) };
        line.parse().map(Self).map_err(|_| ParseRootKeyError)
    }
}

impl fmt::Display for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_crypto::sign::SigningKey;

    #[test]
    fn a_root_is_one_key_with_comments_or_without() {
        let root = RootKey::new(SigningKey::generate().unwrap().0.public_key());
        assert_eq!(root.to_string().parse(), Ok(root));
        assert_eq!(format!("# the root\n\n{root}\n").parse(), Ok(root));
        assert_eq!(format!("{root}\n{root}\n").parse::<RootKey>(), Err(ParseRootKeyError));
        assert_eq!("# nothing".parse::<RootKey>(), Err(ParseRootKeyError));
    }
}
