//! Names for people and cases that mean something to one recipient unit only, so that two recipients cannot join what they
//! hold. Codes come from a keyed function that the caller hands in: the same person of the same case has the same code in
//! every report to the same unit, and another in reports to another.

use egide_domain::ids::{CaseId, SubjectId, UnitId};

/// A keyed function with a secret of 32 bytes, for instance HMAC-SHA256: a context and parts in, 32 bytes out that nobody
/// without the secret can tell from random ones. Parts must be told apart (length before each).
pub type Keyed<'a> = &'a dyn Fn(&str, &[&[u8]]) -> [u8; 32];

const PERSON: &str = "egide/report/person/v1";
const CASE: &str = "egide/report/case/v1";

/// Base 32 without I, L, O and U: can be read aloud, and is no word.
const SYMBOLS: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M', 'N', 'P',
    'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
];

/// The code of a person for a unit, for instance `7K2M-Q09D`.
#[must_use]
pub fn person_code(keyed: Keyed<'_>, unit_id: UnitId, case_id: CaseId, subject_id: SubjectId) -> String {
    code(keyed(PERSON, &[unit_id.as_bytes(), case_id.as_bytes(), subject_id.as_bytes()]))
}

/// The reference of a case for a unit.
#[must_use]
pub fn case_code(keyed: Keyed<'_>, unit_id: UnitId, case_id: CaseId) -> String {
    code(keyed(CASE, &[unit_id.as_bytes(), case_id.as_bytes()]))
}

/// 40 bits: among the people of one case and the cases of one unit a collision is out of reach of chance.
fn code(bytes: [u8; 32]) -> String {
    let symbols = bytes.iter().take(8).map(|byte| SYMBOLS.get(usize::from(byte % 32)).copied().unwrap_or('0'));
    let mut text = String::with_capacity(9);
    for (place, symbol) in symbols.enumerate() {
        if place == 4 {
            text.push('-');
        }
        text.push(symbol);
    }
    text
}

/// The letters of the n-th person of a report, from 0: A to Z, then AA, AB and so on.
#[must_use]
pub fn letters(index: usize) -> String {
    let mut rest = index;
    let mut letters = Vec::new();
    loop {
        letters.push(u8::try_from(rest % 26).map_or('A', |place| char::from(b'A' + place)));
        match (rest / 26).checked_sub(1) {
            Some(next) => rest = next,
            None => return letters.into_iter().rev().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No cryptography: enough to see what goes in.
    fn keyed(context: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut state = [0_u8; 32];
        let parts = std::iter::once(context.as_bytes()).chain(parts.iter().copied());
        for (place, byte) in parts.flatten().enumerate() {
            state[place % 32] = state[place % 32].wrapping_mul(31).wrapping_add(*byte);
        }
        state
    }

    #[test]
    fn a_code_differs_by_unit_case_and_person_and_else_stays() {
        let (unit, case, person) = (UnitId([1; 16]), CaseId([2; 16]), SubjectId([3; 16]));
        let code = person_code(&keyed, unit, case, person);
        assert_eq!(code, person_code(&keyed, unit, case, person));
        assert_ne!(code, person_code(&keyed, UnitId([9; 16]), case, person));
        assert_ne!(code, person_code(&keyed, unit, CaseId([9; 16]), person));
        assert_ne!(code, person_code(&keyed, unit, case, SubjectId([9; 16])));
        assert_ne!(case_code(&keyed, unit, case), case_code(&keyed, UnitId([9; 16]), case));
    }

    #[test]
    fn a_code_has_two_groups_of_four() {
        let code = case_code(&keyed, UnitId([1; 16]), CaseId([2; 16]));
        assert_eq!(code.len(), 9);
        assert_eq!(code.chars().nth(4), Some('-'));
    }

    #[test]
    fn letters_go_on_after_z() {
        let named: Vec<String> = [0, 1, 25, 26, 27, 51, 52, 701, 702].into_iter().map(letters).collect();
        assert_eq!(named, ["A", "B", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"]);
    }
}
