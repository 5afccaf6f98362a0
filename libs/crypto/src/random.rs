//! Random bytes from the operating system, and comparison in constant time.

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The operating system gave no random bytes. Nothing was sealed, signed or generated; the call can be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes; try again")]
pub struct RandomUnavailable;

/// `N` bytes nobody can predict. For values that are not secret themselves: keys have their own `generate`, which
/// wipes what it drew.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomUnavailable> {
    let mut bytes = [0_u8; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// Fills `bytes` in place, so that a secret is never copied on its way to where it lives.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
    SystemRandom::new().fill(bytes).map_err(|_| RandomUnavailable)
}

/// Whether `left` and `right` are equal, in a time that depends on their lengths only.
///
/// `ring` no longer offers its comparison of slices, but keeps it behind [`hmac::verify`]: comparing the tags of both
/// under one fixed key says the same, and leaves nothing for an optimiser to shorten.
#[must_use]
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"egide/constant-time-eq/v1");
    left.len() == right.len() && hmac::verify(&key, left, hmac::sign(&key, right).as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(random_bytes::<32>().unwrap(), random_bytes::<32>().unwrap());
    }

    #[test]
    fn comparison_sees_every_single_bit_and_the_length() {
        let left: [u8; 33] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        assert!(constant_time_eq(&left, &left));
        assert!(constant_time_eq(&[], &[]));
        assert!(!constant_time_eq(&left, &left[..32]));
        for bit in 0..33 * 8 {
            let mut right = left;
            right[bit / 8] ^= 1 << (bit % 8);
            assert!(!constant_time_eq(&left, &right), "bit {bit}");
        }
    }
}
