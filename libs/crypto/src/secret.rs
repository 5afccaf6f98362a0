//! Where raw keys live, and how keys are derived from them.

use ring::hkdf;
use zeroize::Zeroizing;

use crate::random::{self, RandomUnavailable};

/// Bytes of every symmetric key here (256 bits).
pub(crate) const KEY_BYTES: usize = 32;

/// A 256-bit key: on the heap, so that moving it leaves no copy on a stack, and wiped when dropped.
///
/// INVARIANT: no `Debug`, `Clone`, `PartialEq` or serialisation; a key leaves this crate only wrapped, or as the text
/// of a key-encryption key.
pub(crate) struct Secret(Box<Zeroizing<[u8; KEY_BYTES]>>);

impl Secret {
    pub(crate) fn generate() -> Result<Self, RandomUnavailable> {
        let mut secret = Self::zero();
        random::fill(secret.0.as_mut_slice())?;
        Ok(secret)
    }

    /// Takes the key that `fill` writes.
    pub(crate) fn holding(fill: impl FnOnce(&mut [u8; KEY_BYTES])) -> Self {
        let mut secret = Self::zero();
        fill(&mut secret.0);
        secret
    }

    /// Takes the key that `fill` writes; `None` when `fill` says that there is none.
    pub(crate) fn filled(fill: impl FnOnce(&mut [u8; KEY_BYTES]) -> bool) -> Option<Self> {
        let mut secret = Self::zero();
        fill(&mut secret.0).then_some(secret)
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == KEY_BYTES).then(|| Self::holding(|key| key.copy_from_slice(bytes)))
    }

    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    fn zero() -> Self {
        Self(Box::new(Zeroizing::new([0; KEY_BYTES])))
    }
}

/// HKDF-SHA256 (RFC 5869), first half: a pseudo-random key from a salt and key material.
pub(crate) fn extract(salt: &[u8], key_material: &[u8]) -> hkdf::Prk {
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key_material)
}

/// HKDF-SHA256, second half: one 256-bit output for `info`. `None` cannot happen at this length, and is an error to
/// the callers all the same: a derivation that fails must never leave a key of zeros behind.
pub(crate) fn expand(key: &hkdf::Prk, info: &str) -> Option<Secret> {
    // An output as long as one hash: the algorithm itself is ring's way to say so.
    let info = [info.as_bytes()];
    let output = key.expand(&info, hkdf::HKDF_SHA256).ok()?;
    Secret::filled(|bytes| output.fill(bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869, appendices A.1 and A.3, ask for 42 bytes; the first 32 do not depend on how many are asked for.
    #[test]
    fn hkdf_gives_the_answers_of_rfc_5869() {
        let mut expected = [0; 32];
        let salt: [u8; 13] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let prk = extract(&salt, &[0x0b; 22]);
        // A.1 has an info of bytes that are no text: f0 … f9. Asked of ring directly, it pins `extract`.
        let info: [u8; 10] = std::array::from_fn(|index| 0xf0 + u8::try_from(index).unwrap());
        let mut output = [0; 32];
        prk.expand(&[&info], hkdf::HKDF_SHA256).unwrap().fill(&mut output).unwrap();
        assert!(crate::encoding::read_hex(
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
            &mut expected
        ));
        assert_eq!(output, expected);

        // A.3: no salt, no info.
        let output = expand(&extract(&[], &[0x0b; 22]), "").unwrap();
        assert!(crate::encoding::read_hex(
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
            &mut expected
        ));
        assert_eq!(output.expose(), &expected);
    }
}
