//! Stretching: a phrase that a person can remember, made costly to guess (Argon2id, RFC 9106).
//!
//! Only the stretched value is ever kept. Its parameters stand beside it, so that a later version can ask for more and
//! still compare what was stretched before; what asks for more than [`MEMORY_KIB_MAX`] is refused, since whoever could
//! write such a value could make a comparison take all memory there is.

use std::fmt;
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use crate::random::{RandomUnavailable, constant_time_eq, random_bytes};

/// Memory of one stretching, in KiB: 19 MiB, the least that OWASP advises for two passes (Password Storage Cheat Sheet).
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
pub const PASSES: u32 = 2;
/// Lanes; one, since what runs at once is bounded elsewhere.
pub const LANES: u32 = 1;
/// Most memory that a stored value may ask for.
pub const MEMORY_KIB_MAX: u32 = 256 * 1024;
/// Most passes that a stored value may ask for.
pub const PASSES_MAX: u32 = 16;
/// Longest phrase, in bytes.
pub const PHRASE_BYTES_MAX: usize = 1_024;
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;
const NAME: &str = "argon2id";

/// A phrase could not be stretched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StretchError {
    /// The phrase is longer than [`PHRASE_BYTES_MAX`].
    #[error("a phrase has at most {PHRASE_BYTES_MAX} bytes")]
    TooLong,
    /// Argon2 refused.
    #[error("the phrase could not be stretched")]
    Refused,
    /// No salt could be drawn.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
}

/// The text is no stretched phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is no stretched phrase, or asks for more than is granted")]
pub struct ParseStretchedError;

/// What a phrase was stretched to, with salt and parameters. As good as the phrase to whoever can guess it: it is kept
/// sealed, and no `Debug` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Stretched {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; SALT_BYTES],
    output: Zeroizing<[u8; OUTPUT_BYTES]>,
}

impl fmt::Debug for Stretched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stretched(..)")
    }
}

impl Stretched {
    /// Stretches a phrase under a new salt. Takes tens of milliseconds and [`MEMORY_KIB`] of memory; never on a thread
    /// that others wait for.
    ///
    /// # Errors
    /// See [`StretchError`].
    pub fn new(phrase: &[u8]) -> Result<Self, StretchError> {
        let mut stretched = Self {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: random_bytes()?,
            output: Zeroizing::new([0; OUTPUT_BYTES]),
        };
        stretched.output = stretched.output_of(phrase)?;
        Ok(stretched)
    }

    /// What no phrase was stretched to: comparing with it costs what any comparison costs, and is never true.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: [0; SALT_BYTES],
            output: Zeroizing::new([0; OUTPUT_BYTES]),
        }
    }

    /// Whether this is `phrase`, stretched; compared in constant time. Costs what [`Self::new`] does.
    ///
    /// # Errors
    /// See [`StretchError`].
    pub fn is_of(&self, phrase: &[u8]) -> Result<bool, StretchError> {
        let output = self.output_of(phrase)?;
        Ok(constant_time_eq(&*output, &*self.output))
    }

    /// The text that is kept, sealed.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let Self { memory_kib, passes, lanes, salt, output } = self;
        let (salt, output) = (STANDARD_NO_PAD.encode(salt), Zeroizing::new(STANDARD_NO_PAD.encode(**output)));
        let version = u32::from(Version::V0x13);
        Zeroizing::new(format!("${NAME}$v={version}$m={memory_kib},t={passes},p={lanes}${salt}${}", *output))
    }

    fn output_of(&self, phrase: &[u8]) -> Result<Zeroizing<[u8; OUTPUT_BYTES]>, StretchError> {
        if phrase.len() > PHRASE_BYTES_MAX {
            return Err(StretchError::TooLong);
        }
        let parameters = Params::new(self.memory_kib, self.passes, self.lanes, Some(OUTPUT_BYTES));
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters.map_err(|_| StretchError::Refused)?);
        let mut output = Zeroizing::new([0; OUTPUT_BYTES]);
        argon2.hash_password_into(phrase, &self.salt, &mut *output).map_err(|_| StretchError::Refused)?;
        Ok(output)
    }
}

impl FromStr for Stretched {
    type Err = ParseStretchedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('$');
        let (Some(""), Some(NAME), Some("v=19"), Some(parameters), Some(salt), Some(output), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ParseStretchedError);
        };
        let mut numbers = parameters.split(',');
        let mut number = |name: &str| {
            let value = numbers.next()?.strip_prefix(name)?.strip_prefix('=')?;
            value.parse::<u32>().ok().filter(|number| number.to_string() == value)
        };
        let (Some(memory_kib), Some(passes), Some(lanes)) = (number("m"), number("t"), number("p")) else {
            return Err(ParseStretchedError);
        };
        if numbers.next().is_some() || memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes != LANES {
            return Err(ParseStretchedError);
        }
        Ok(Self {
            memory_kib,
            passes,
            lanes,
            salt: bytes(salt).ok_or(ParseStretchedError)?,
            output: Zeroizing::new(bytes(output).ok_or(ParseStretchedError)?),
        })
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    Zeroizing::new(STANDARD_NO_PAD.decode(text).ok()?).as_slice().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_recognised_and_another_is_not() {
        let one = Stretched::new(b"three blue herons").unwrap();
        assert!(one.is_of(b"three blue herons").unwrap());
        assert!(!one.is_of(b"three blue heron").unwrap());
        let again: Stretched = one.to_text().parse().unwrap();
        assert!(again == one && again.is_of(b"three blue herons").unwrap());
        let other = Stretched::new(b"three blue herons").unwrap();
        assert!(other != one, "another salt, another value");
    }

    #[test]
    fn nothing_is_no_phrase() {
        assert!(!Stretched::of_nothing().is_of(b"").unwrap());
        assert_eq!(Stretched::of_nothing().is_of(&[b'a'; PHRASE_BYTES_MAX + 1]), Err(StretchError::TooLong));
    }

    /// Made apart from this code, with the reference implementation's command: a stored value must stay comparable.
    #[test]
    fn what_was_stretched_before_is_recognised_for_ever() {
        let stored: Stretched = concat!(
            "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$",
            "v8V3QYSLa4WInFdduyTwee7B0UEM8O8Y9ULZOWRfpy0"
        )
        .parse()
        .unwrap();
        assert!(stored.is_of(b"three blue herons").unwrap());
    }

    #[test]
    fn a_stored_value_that_asks_for_too_much_or_is_none_is_refused() {
        let good = Stretched::of_nothing().to_text();
        assert!(good.parse::<Stretched>().is_ok());
        for (from, to) in [
            ("m=19456", "m=4194304"),
            ("t=2", "t=1000"),
            ("p=1", "p=2"),
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("m=19456", "m=+19456"),
            ("p=1", "p=1,x=1"),
            ("$A", "$"),
        ] {
            assert!(good.replacen(from, to, 1).parse::<Stretched>().is_err(), "{to}");
        }
    }

    #[test]
    fn nothing_is_shown() {
        assert_eq!(format!("{:?}", Stretched::of_nothing()), "Stretched(..)");
    }
}
