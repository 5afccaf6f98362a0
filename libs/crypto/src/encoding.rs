//! Text and length-prefixed forms shared by the modules of this crate.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// Room that the decoder asks for before it knows about padding, for up to 64 bytes of content.
const BASE64_SCRATCH_BYTES: usize = 96;

/// Writes bytes as lower-case hexadecimal.
pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads exactly `N` bytes of hexadecimal, either case, into `out`; `false` leaves `out` in an unspecified state.
pub(crate) fn read_hex<const N: usize>(text: &str, out: &mut [u8; N]) -> bool {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    pairs.len() == N
        && rest.is_empty()
        && out.iter_mut().zip(pairs).all(|(byte, [high, low])| match (hex_digit(*high), hex_digit(*low)) {
            (Some(high), Some(low)) => {
                *byte = (high << 4) | low;
                true
            }
            (Some(_) | None, _) => false,
        })
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Reads exactly `N` (at most 64) bytes of base64, standard with padding or URL-safe without, into `out`.
pub(crate) fn read_base64<const N: usize>(text: &str, out: &mut [u8; N]) -> bool {
    let mut scratch = Zeroizing::new([0_u8; BASE64_SCRATCH_BYTES]);
    // The two alphabets agree on everything but two characters and the padding: trying both accepts no text twice.
    let length = STANDARD
        .decode_slice(text, scratch.as_mut_slice())
        .or_else(|_| URL_SAFE_NO_PAD.decode_slice(text, scratch.as_mut_slice()));
    match length.ok().and_then(|length| scratch.get(..length)) {
        Some(bytes) if bytes.len() == N => {
            out.copy_from_slice(bytes);
            true
        }
        Some(_) | None => false,
    }
}

/// Standard base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Feeds `bytes` to `update`, its length (64 bits, big-endian) first, so that no two sequences of parts read alike.
pub(crate) fn feed_prefixed(update: &mut impl FnMut(&[u8]), bytes: &[u8]) {
    update(&(bytes.len() as u64).to_be_bytes());
    update(bytes);
}

/// Feeds a domain and parts: the domain, the number of parts, each part; everything with its length first.
pub(crate) fn feed_parts(update: &mut impl FnMut(&[u8]), domain: &str, parts: &[&[u8]]) {
    feed_prefixed(update, domain.as_bytes());
    update(&(parts.len() as u64).to_be_bytes());
    for part in parts {
        feed_prefixed(update, part);
    }
}
