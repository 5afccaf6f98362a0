//! Identifiers.

use uuid::Uuid;

/// A new id, as the contract writes it; in the order of time.
#[must_use]
pub fn fresh_id() -> String {
    Uuid::now_v7().to_string()
}

/// The same id for the same number, for tests that compare with something written down.
#[must_use]
pub fn numbered_id(number: u64) -> String {
    Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 | number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hyphenated_lower_case_uuids() {
        assert_eq!(numbered_id(7), "01900000-0000-7000-8000-000000000007");
        for id in [fresh_id(), numbered_id(u64::MAX)] {
            assert!(id.parse::<egide_domain::ids::CaseId>().is_ok_and(|read| read.to_string() == id), "{id}");
        }
        assert_ne!(fresh_id(), fresh_id());
    }
}
