//! Checksums. They make a label surer; none of them ever excuses a number.

/// Luhn's, over digits with anything between them; `046 454 286` and `4111 1111 1111 1111` pass.
pub(super) fn luhn(text: &[u8]) -> bool {
    let mut sum = 0_u32;
    let mut count = 0_usize;
    for (place, digit) in digits(text).rev().enumerate() {
        let doubled = if place % 2 == 1 { digit.saturating_mul(2) } else { digit };
        sum = sum.saturating_add(if doubled > 9 { doubled.saturating_sub(9) } else { doubled });
        count = count.saturating_add(1);
    }
    count > 1 && sum.is_multiple_of(10)
}

/// British Columbia's personal health number: ten digits, the first a nine, modulo eleven and not Luhn's
/// (`9698 658 215` passes).
pub(super) fn bc_health(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 8] = [2, 4, 8, 5, 10, 9, 7, 3];
    let all: Vec<u32> = digits(text).collect();
    let [9, middle @ .., last] = all.as_slice() else { return false };
    if middle.len() != WEIGHTS.len() {
        return false;
    }
    let sum = middle.iter().zip(WEIGHTS).fold(0_u32, |sum, (digit, weight)| sum + (digit * weight) % 11);
    (11 - sum % 11) % 11 == *last
}

/// An international bank account number, modulo 97 (ISO 13616).
pub(super) fn iban(text: &[u8]) -> bool {
    let all: Vec<u8> = text.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let Some((head, rest)) = all.split_at_checked(4) else { return false };
    let remainder = rest.iter().chain(head).fold(0_u32, |sum, byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        b'a'..=b'z' => (sum * 100 + u32::from(byte - b'a') + 10) % 97,
        _ => sum,
    });
    remainder == 1
}

/// A vehicle's identification number: seventeen characters, the ninth checks (ISO 3779 as North America uses it).
pub(super) fn vehicle(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if text.len() != WEIGHTS.len() {
        return false;
    }
    let sum = text.iter().zip(WEIGHTS).try_fold(0_u32, |sum, (byte, weight)| {
        let value = match byte {
            b'0'..=b'9' => u32::from(byte - b'0'),
            b'a'..=b'h' => u32::from(byte - b'a') + 1,
            b'j'..=b'n' => u32::from(byte - b'j') + 1,
            b'p' => 7,
            b'r' => 9,
            b's'..=b'z' => u32::from(byte - b's') + 2,
            _ => return None,
        };
        Some(sum + value * weight)
    });
    let check = text.get(8).map(|byte| if *byte == b'x' { 10 } else { u32::from(byte.wrapping_sub(b'0')) });
    sum.map(|sum| sum % 11) == check
}

fn digits(text: &[u8]) -> impl DoubleEndedIterator<Item = u32> + '_ {
    text.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors_pass_and_their_neighbours_do_not() {
        assert!(luhn(b"046 454 286") && luhn(b"4111 1111 1111 1111") && luhn(b"79927398713"));
        assert!(!luhn(b"046 454 287") && !luhn(b"4111 1111 1111 1112") && !luhn(b"0") && !luhn(b""));
        assert!(bc_health(b"9698 658 215") && !luhn(b"9698658215"));
        assert!(!bc_health(b"9698 658 216") && !bc_health(b"8698 658 215") && !bc_health(b"969865821"));
        assert!(iban(b"gb82 west 1234 5698 7654 32") && iban(b"de89370400440532013000"));
        assert!(!iban(b"gb83 west 1234 5698 7654 32") && !iban(b"gb"));
        assert!(vehicle(b"11111111111111111") && vehicle(b"1m8gdm9axkp042788"));
        assert!(!vehicle(b"1m8gdm9axkp042789") && !vehicle(b"1m8gdm9a") && !vehicle(b"1m8gdm9axkp04278o"));
    }
}
