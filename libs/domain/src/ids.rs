//! Identifiers (UUIDs chosen elsewhere; this crate has no randomness) and places in the log.

pub use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// A text that is no hyphenated UUID. The text itself is not repeated: it may come from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hyphenated uuid for `{what}`")]
pub struct NotAnId {
    /// Which identifier was expected.
    pub what: &'static str,
}

const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

fn write_uuid(bytes: [u8; 16], f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    use std::fmt::Write as _;
    for (place, byte) in bytes.into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            f.write_char('-')?;
        }
        for nibble in [byte >> 4, byte & 0x0f] {
            f.write_char(HEX.get(usize::from(nibble)).copied().unwrap_or('0'))?;
        }
    }
    Ok(())
}

/// Accepts upper and lower case digits; hyphens stand exactly where a UUID has them.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut bytes = [0_u8; 16];
    let mut nibbles = 0_usize;
    for (place, character) in text.bytes().enumerate() {
        if matches!(place, 8 | 13 | 18 | 23) {
            if character != b'-' {
                return None;
            }
            continue;
        }
        let value = u8::try_from(char::from(character).to_digit(16)?).ok()?;
        let byte = bytes.get_mut(nibbles / 2)?;
        *byte = (*byte << 4) | value;
        nibbles += 1;
    }
    (nibbles == 32).then_some(bytes)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $id(pub [u8; 16]);

        impl Ord for $id {
            /// As the bytes are ordered, compared as one number: decisions sort by little else.
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                u128::from_be_bytes(self.0).cmp(&u128::from_be_bytes(other.0))
            }
        }

        impl PartialOrd for $id {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $id {
            /// The sixteen bytes of the UUID.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl std::fmt::Display for $id {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write_uuid(self.0, f)
            }
        }

        impl std::fmt::Debug for $id {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($id), "({})"), self)
            }
        }

        impl std::str::FromStr for $id {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse_uuid(text).map(Self).ok_or(NotAnId { what: stringify!($id) })
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $id {
            type Error = NotAnId;

            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }
    )+};
}

ids! {
    /// A case.
    CaseId
    /// A person in a case.
    SubjectId
    /// A tip.
    TipId
    /// A consent record, refusals included.
    ConsentId
    /// An assertion of a mandatory exception.
    ExceptionId
    /// A decision of the gate.
    DecisionId
    /// A referral.
    ReferralId
    /// A delivery of a referral.
    DeliveryId
    /// A disclosure made outside the system.
    DisclosureId
    /// A narrative.
    NarrativeId
    /// A review of a narrative.
    ReviewId
    /// A verification of a representative's authority.
    VerificationId
    /// A request for approval.
    ApprovalId
    /// A contact with a person.
    ContactId
    /// A legal hold; that of a subpoena has the bytes of its exception's id.
    HoldId
    /// An address at which a unit is told that something waits for it.
    AddressId
    /// An organisation of the directory.
    OrganizationId
    /// A unit of an organisation: what actually receives.
    UnitId
    /// An agreement with an organisation.
    AgreementId
    /// An event.
    EventId
    /// A command.
    CommandId
}

/// An event's place in its stream, from 1; 0 when there is nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision after this one; `None` at the end of the range.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}

/// An event's place in the log, from 1; 0 when there is nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_hyphenated_in_lower_case_and_read_back() {
        let id = CaseId([0x01, 0x92, 0xab, 0xcd, 0xef, 0x00, 0x7f, 0xff, 0x80, 0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(id.to_string(), "0192abcd-ef00-7fff-8000-010203040506");
        assert_eq!("0192ABCD-EF00-7FFF-8000-010203040506".parse(), Ok(id));
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"0192abcd-ef00-7fff-8000-010203040506\"");
    }

    #[test]
    fn ids_are_ordered_as_their_bytes() {
        let rising = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let ids = [[0; 16], [1; 16], [127; 16], [128; 16], [255; 16], rising];
        for (one, other) in ids.iter().flat_map(|one| ids.iter().map(move |other| (one, other))) {
            assert_eq!(CaseId(*one).cmp(&CaseId(*other)), one.cmp(other));
        }
    }

    #[test]
    fn what_is_no_uuid_is_refused() {
        for text in [
            "",
            "0192abcdef007fff8000010203040506",
            "0192abcd-ef00-7fff-8000-01020304050",
            "0192abcd-ef00-7fff-8000-01020304050g",
            "0192abcdе-f00-7fff-8000-010203040506",
        ] {
            assert_eq!(text.parse::<CaseId>(), Err(NotAnId { what: "CaseId" }), "{text}");
        }
    }
}
