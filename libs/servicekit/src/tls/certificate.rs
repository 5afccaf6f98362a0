//! What we need to know of a certificate and no library at hand tells: from when to when it counts.
//!
//! Reads certificates that are believed already, or are our own; whether one is to be believed, `webpki` says.

use rustls::pki_types::CertificateDer;

/// The members of a certificate that are read (RFC 5280, section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The serial number, most significant byte first.
    pub serial: Vec<u8>,
    /// From when it counts, in seconds since 1970-01-01 UTC.
    pub not_before_s: i64,
    /// The last second at which it counts.
    pub not_after_s: i64,
}

/// Not a certificate in DER (RFC 5280), or with times that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the certificate cannot be read")]
pub struct NotRead;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const EXPLICIT_0: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

impl Certificate {
    /// Reads one.
    ///
    /// # Errors
    /// [`NotRead`].
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, NotRead> {
        let (_, certificate, _) = element(certificate).ok_or(NotRead)?;
        let (_, body, _) = expect(SEQUENCE, certificate).ok_or(NotRead)?;
        Self::read_body(body).ok_or(NotRead)
    }

    fn read_body(body: &[u8]) -> Option<Self> {
        // The version stands first, unless it is 1.
        let rest = match element(body)? {
            (EXPLICIT_0, _, rest) => rest,
            (_, _, _) => body,
        };
        let (_, serial, rest) = expect(INTEGER, rest)?;
        let (_, _algorithm, rest) = expect(SEQUENCE, rest)?;
        let (_, _issuer, rest) = expect(SEQUENCE, rest)?;
        let (_, validity, _) = expect(SEQUENCE, rest)?;
        let (kind, begin, rest) = element(validity)?;
        let not_before_s = seconds(kind, begin)?;
        let (kind, end, _) = element(rest)?;
        let not_after_s = seconds(kind, end)?;
        Some(Self { serial: serial.to_vec(), not_before_s, not_after_s })
    }

    /// When two thirds of its life are over: time for a new one.
    #[must_use]
    pub const fn renew_at_s(&self) -> i64 {
        let life_s = self.not_after_s.saturating_sub(self.not_before_s);
        self.not_before_s.saturating_add(life_s.saturating_mul(2) / 3)
    }

    /// Whether it counts at `now_s`.
    #[must_use]
    pub const fn counts_at(&self, now_s: i64) -> bool {
        self.not_before_s <= now_s && now_s <= self.not_after_s
    }
}

/// The next element: its tag, its content, and what follows (X.690, section 8.1; definite lengths of up to four bytes).
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, length], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn expect(tag: u8, bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    element(bytes).filter(|(found, _, _)| *found == tag)
}

/// `YYMMDDHHMMSSZ` up to 2049, `YYYYMMDDHHMMSSZ` from 2050 (RFC 5280, section 4.1.2.5).
fn seconds(kind: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match kind {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i64 = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let part = |from: usize| rest.get(from..from + 2).and_then(number);
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    let date = egide_domain::time::Timestamp::from_date(&format!("{year:04}-{month:02}-{day:02}"))?;
    let in_range = hour < 24 && minute < 60 && second < 60;
    in_range.then(|| date.0 / 1000 + hour * 3600 + minute * 60 + second)
}

fn number(digits: &str) -> Option<i64> {
    if digits.bytes().all(|digit| digit.is_ascii_digit()) { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_time_are_read_and_others_refused() {
        assert_eq!(seconds(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(seconds(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(seconds(GENERALIZED_TIME, b"20500101000000Z"), Some(2_524_608_000));
        for text in ["700101000000", "7001010000Z", "701301000000Z", "700101240000Z", "70010100000+Z", ""] {
            assert_eq!(seconds(UTC_TIME, text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for bytes in [&[][..], &[0x30], &[0x30, 0x80], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 2, 0x30, 0]] {
            assert_eq!(Certificate::read(&CertificateDer::from(bytes)), Err(NotRead), "{bytes:?}");
        }
    }
}
