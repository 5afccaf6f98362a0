//! What data keys are called.

use std::fmt;
use std::str::FromStr;

use egide_domain::ids::{CaseId, NarrativeId, SubjectId};

/// What a data key belongs to. A name has one key, ever: once that is destroyed there is no other, so the name is also the
/// key's id in the log, beside what the key sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyName {
    /// A person of a case.
    Subject {
        /// The case.
        case: CaseId,
        /// The person.
        subject: SubjectId,
    },
    /// A narrative of a case.
    Narrative {
        /// The case.
        case: CaseId,
        /// The narrative.
        narrative: NarrativeId,
    },
    /// A case: what belongs to nobody in particular.
    Case {
        /// The case.
        case: CaseId,
    },
    /// The ledger itself: fingerprints of commands. Seals nothing.
    Fingerprints,
    /// The ledger itself: blind indexes by which callers' cases are found. Seals nothing.
    Index,
}

impl fmt::Display for KeyName {
    /// The id of the key, and the key of its entry in the bucket: UUIDs and full stops only, so that it says nothing about
    /// anybody. Stands in the log, so it keeps its form for ever.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject { case, subject } => write!(f, "subject.{case}.{subject}"),
            Self::Narrative { case, narrative } => write!(f, "narrative.{case}.{narrative}"),
            Self::Case { case } => write!(f, "case.{case}"),
            Self::Fingerprints => f.write_str("ledger.fingerprints"),
            Self::Index => f.write_str("ledger.index"),
        }
    }
}

impl KeyName {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        Some(match (parts.next()?, parts.next()?, parts.next()) {
            ("subject", case, Some(subject)) => {
                Self::Subject { case: case.parse().ok()?, subject: subject.parse().ok()? }
            }
            ("narrative", case, Some(narrative)) => {
                Self::Narrative { case: case.parse().ok()?, narrative: narrative.parse().ok()? }
            }
            ("case", case, None) => Self::Case { case: case.parse().ok()? },
            ("ledger", "fingerprints", None) => Self::Fingerprints,
            ("ledger", "index", None) => Self::Index,
            (_, _, _) => return None,
        })
    }
}

/// The text names no data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is no id of a data key")]
pub struct ParseKeyNameError;

impl FromStr for KeyName {
    type Err = ParseKeyNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // One spelling only: an id must not have a second form that is compared as another.
        Self::parse(text).filter(|name| name.to_string() == text).ok_or(ParseKeyNameError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: CaseId = CaseId([1; 16]);

    #[test]
    fn every_name_reads_back_as_itself() {
        for name in [
            KeyName::Subject { case: CASE, subject: SubjectId([2; 16]) },
            KeyName::Narrative { case: CASE, narrative: NarrativeId([3; 16]) },
            KeyName::Case { case: CASE },
            KeyName::Fingerprints,
            KeyName::Index,
        ] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
    }

    #[test]
    fn names_keep_their_form_for_ever() {
        let subject = KeyName::Subject { case: CASE, subject: SubjectId([2; 16]) };
        let expected = "subject.01010101-0101-0101-0101-010101010101.02020202-0202-0202-0202-020202020202";
        assert_eq!(subject.to_string(), expected);
        assert_eq!(KeyName::Case { case: CASE }.to_string(), "case.01010101-0101-0101-0101-010101010101");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "case",
            "case.0A010101-0101-0101-0101-010101010101",
            "subject.01010101-0101-0101-0101-010101010101",
            "case.01010101-0101-0101-0101-010101010101.x",
            "subject.01010101-0101-0101-0101-010101010101.02020202-0202-0202-0202-020202020202.x",
            "ledger.other",
        ] {
            assert_eq!(text.parse::<KeyName>(), Err(ParseKeyNameError), "{text}");
        }
    }
}
