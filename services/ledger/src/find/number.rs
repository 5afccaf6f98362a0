//! The number of a case: drawn, never derived, and with a check digit, so that a digit misheard on the telephone is noticed
//! before anything is looked up.

use egide_crypto::random::{RandomUnavailable, random_bytes};
use zeroize::Zeroizing;

/// Digits of a number, the check digit included.
const DIGITS: usize = 10;
/// The smallest number before its check digit: none begins with zero, which people leave out.
const FIRST: u64 = 100_000_000;
/// How many there are.
const COUNT: u64 = 900_000_000;

/// Damm's quasigroup of order ten (H. M. Damm, 2004): every wrong digit and every exchange of two neighbours shows.
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// A number with a right check digit.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CaseNumber(Zeroizing<String>);

impl CaseNumber {
    /// Draws a number that nobody can predict.
    pub(crate) fn draw() -> Result<Self, RandomUnavailable> {
        let drawn = u64::from_le_bytes(random_bytes()?) % COUNT + FIRST;
        let mut digits = Zeroizing::new(String::with_capacity(DIGITS));
        digits.push_str(&drawn.to_string());
        let check = checked(&digits).unwrap_or_default();
        digits.push(char::from(b'0' + check));
        Ok(Self(digits))
    }

    /// Reads a number as it was said or written; `None` when it is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let spoken = |character: char| {
            character.is_ascii_digit() || matches!(character, ' ' | '-' | '.' | '\u{a0}' | '\u{202f}')
        };
        if !text.chars().all(spoken) {
            return None;
        }
        let mut digits = Zeroizing::new(String::with_capacity(text.len()));
        digits.extend(text.chars().filter(char::is_ascii_digit));
        let right = digits.len() == DIGITS && !digits.starts_with('0') && checked(&digits) == Some(0);
        right.then_some(Self(digits))
    }

    /// The ten digits.
    pub(crate) fn digits(&self) -> &str {
        &self.0
    }

    /// As it is said: four digits, three, three. Not in the groups of a telephone number, so that it is not taken for one.
    pub(crate) fn spoken(&self) -> String {
        let (first, rest) = self.0.split_at_checked(4).unwrap_or((&self.0, ""));
        let (second, third) = rest.split_at_checked(3).unwrap_or((rest, ""));
        format!("{first} {second} {third}")
    }
}

/// Zero for a number with its check digit, the check digit for one without; `None` for what is no digits.
fn checked(digits: &str) -> Option<u8> {
    digits.bytes().try_fold(0_u8, |interim, byte| {
        let digit = usize::from(byte.checked_sub(b'0')?);
        DAMM.get(usize::from(interim))?.get(digit).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_that_of_the_published_example() {
        assert_eq!(checked("572"), Some(4));
        assert_eq!(checked("5724"), Some(0));
    }

    #[test]
    fn a_number_reads_back_however_it_is_written() {
        for _ in 0..200 {
            let number = CaseNumber::draw().unwrap();
            assert_eq!(number.digits().len(), DIGITS);
            assert!(CaseNumber::read(&number.spoken()).as_ref() == Some(&number));
            assert!(CaseNumber::read(&number.spoken().replace(' ', "-")).as_ref() == Some(&number));
            assert!(CaseNumber::read(number.digits()).as_ref() == Some(&number));
        }
    }

    #[test]
    fn every_wrong_digit_and_every_exchange_of_neighbours_shows() {
        let number = CaseNumber::draw().unwrap();
        let digits = number.digits().as_bytes().to_vec();
        for at in 0..DIGITS {
            for digit in (b'0'..=b'9').filter(|digit| *digit != digits[at]) {
                let mut wrong = digits.clone();
                wrong[at] = digit;
                assert!(CaseNumber::read(&String::from_utf8(wrong).unwrap()).is_none());
            }
        }
        for at in 1..DIGITS {
            let mut wrong = digits.clone();
            wrong.swap(at - 1, at);
            assert!(wrong == digits || CaseNumber::read(&String::from_utf8(wrong).unwrap()).is_none());
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "572", "0000000000", "12345678901234567890", "١٢٣٤٥٦٧٨٩٠", "abcdefghij"] {
            assert!(CaseNumber::read(text).is_none(), "{text}");
        }
    }
}
