//! What rows hold: facts, decisions, digests; never identifying data, since none reaches this service.

use egide_domain::ids::SubjectId;
use egide_wire::proto::egide::audit::v1::Disclosure;
use egide_wire::proto::egide::case::v1::{Actor, DisclosureDecided, ObligationKind};
use prost_types::Timestamp;

/// One disclosure with what an account needs of its steps. The steps themselves are rows of their own, so that a referral
/// that is fetched often does not make its row grow.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct DisclosureRow {
    /// The disclosure, without steps.
    #[prost(message, optional, tag = "1")]
    pub(crate) disclosure: Option<Disclosure>,
    /// When it was released, or said.
    #[prost(message, optional, tag = "2")]
    pub(crate) disclosed_at: Option<Timestamp>,
    /// When it was first delivered.
    #[prost(message, optional, tag = "3")]
    pub(crate) delivered_at: Option<Timestamp>,
    /// Whether it was recalled.
    #[prost(bool, tag = "4")]
    pub(crate) recalled: bool,
    /// Obligations that are overdue, as far as noted.
    #[prost(message, repeated, tag = "5")]
    pub(crate) overdue: Vec<Owed>,
}

/// One obligation of a decision.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Owed {
    /// `ObligationKind`.
    #[prost(int32, tag = "1")]
    pub(crate) kind: i32,
    /// The person it concerns, if any (UUID).
    #[prost(string, tag = "2")]
    pub(crate) subject_id: String,
}

/// What of an exception is found and looked at later.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ExceptionRow {
    /// The codes it is found by, packed.
    #[prost(uint32, repeated, tag = "1")]
    pub(crate) codes: Vec<u32>,
    /// Whether whoever asserted it acted alone.
    #[prost(bool, tag = "2")]
    pub(crate) break_glass: bool,
    /// Whether a second person looked at it since.
    #[prost(bool, tag = "3")]
    pub(crate) reviewed: bool,
}

/// The steps of one case at [`super::keys::RUN`] revisions.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CaseSteps {
    /// In order.
    #[prost(message, repeated, tag = "1")]
    pub(crate) steps: Vec<StepRow>,
}

/// One event of a case, without anything that tells what it says in words.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StepRow {
    /// Its place in the log.
    #[prost(uint64, tag = "1")]
    pub(crate) position: u64,
    /// Its place in the case.
    #[prost(uint64, tag = "2")]
    pub(crate) revision: u64,
    /// Its kind.
    #[prost(string, tag = "3")]
    pub(crate) kind: String,
    /// When it was recorded.
    #[prost(message, optional, tag = "4")]
    pub(crate) recorded_at: Option<Timestamp>,
    /// When it happened, if somebody said.
    #[prost(message, optional, tag = "5")]
    pub(crate) occurred_at: Option<Timestamp>,
    /// Who acted.
    #[prost(message, optional, tag = "6")]
    pub(crate) actor: Option<Actor>,
    /// The people it names, sixteen bytes each.
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) subjects: Vec<u8>,
    /// What it is about, sixteen bytes, or none.
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) about: Vec<u8>,
    /// Coded facts, packed.
    #[prost(uint32, repeated, tag = "9")]
    pub(crate) codes: Vec<u32>,
}

/// What one person did on one day (UTC).
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DayRow {
    /// The account.
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// Disclosures asked for.
    #[prost(uint32, tag = "2")]
    pub(crate) asked: u32,
    /// Of these, refused.
    #[prost(uint32, tag = "3")]
    pub(crate) refused: u32,
    /// Of these, permitted on an exception.
    #[prost(uint32, tag = "4")]
    pub(crate) on_exceptions: u32,
    /// Looks at the identifying data of a case.
    #[prost(uint32, tag = "5")]
    pub(crate) opened: u32,
    /// What was asked for and opened, by hour of the day (UTC).
    #[prost(uint32, repeated, tag = "6")]
    pub(crate) by_hour: Vec<u32>,
}

/// A delivery soon after the recipient's directory entry changed.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SoonRow {
    /// The recipient unit (UUID).
    #[prost(string, tag = "1")]
    pub(crate) unit_id: String,
    /// The case (UUID).
    #[prost(string, tag = "2")]
    pub(crate) case_id: String,
    /// When it was recorded.
    #[prost(int64, tag = "3")]
    pub(crate) recorded_at_ms: i64,
    /// How long after the change.
    #[prost(int64, tag = "4")]
    pub(crate) after_ms: i64,
    /// Position of the disclosure.
    #[prost(uint64, tag = "5")]
    pub(crate) disclosure: u64,
}

impl std::fmt::Debug for DisclosureRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DisclosureRow(..)")
    }
}

/// The people of a case, sixteen bytes each, in the order they became known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct People(Vec<u8>);

impl People {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = SubjectId> {
        self.0.as_chunks::<16>().0.iter().copied().map(SubjectId)
    }

    pub(crate) fn contains(&self, subject_id: SubjectId) -> bool {
        self.iter().any(|known| known == subject_id)
    }

    /// Whether somebody was added.
    pub(crate) fn add(&mut self, subject_id: SubjectId) -> bool {
        let is_new = !self.contains(subject_id);
        if is_new {
            self.0.extend_from_slice(subject_id.as_bytes());
        }
        is_new
    }
}

/// Whether the people concerned may be told of a disclosure. One obligation not to tip off keeps it from everybody's
/// account, whomever it names: another person of the case could pass it on. A decision that is not known, or binds us to
/// something this version does not know, may carry that obligation.
pub(crate) fn may_be_told(decided: Option<&DisclosureDecided>) -> bool {
    let allows = |kind: i32| match ObligationKind::try_from(kind) {
        Ok(
            ObligationKind::InformPerson
            | ObligationKind::ReviewBreakGlass
            | ObligationKind::PhoneRecipient
            | ObligationKind::EnterInRegister
            | ObligationKind::ReportToChildProtection
            | ObligationKind::AnswerInstrument
            | ObligationKind::SafeContact
            | ObligationKind::RecordWishes,
        ) => true,
        Ok(ObligationKind::NoTipOff | ObligationKind::Unspecified) | Err(_) => false,
    };
    decided.is_some_and(|decided| decided.obligations.iter().all(|obligation| allows(obligation.kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_wire::proto::egide::case::v1::Obligation;

    fn bound_to(kinds: &[i32]) -> DisclosureDecided {
        let obligations = kinds.iter().map(|kind| Obligation { kind: *kind, ..Obligation::default() }).collect();
        DisclosureDecided { obligations, ..DisclosureDecided::default() }
    }

    #[test]
    fn an_obligation_not_to_tip_off_is_kept_and_so_is_one_that_is_not_understood() {
        let (inform, no_tip_off) = (ObligationKind::InformPerson.into(), ObligationKind::NoTipOff.into());
        for (kinds, told) in
            [(&[][..], true), (&[inform], true), (&[inform, no_tip_off], false), (&[0], false), (&[99], false)]
        {
            assert_eq!(may_be_told(Some(&bound_to(kinds))), told, "{kinds:?}");
        }
        assert!(!may_be_told(None));
    }

    #[test]
    fn people_are_added_once() {
        let mut people = People::default();
        assert!(people.add(SubjectId([1; 16])));
        assert!(people.add(SubjectId([2; 16])));
        assert!(!people.add(SubjectId([1; 16])));
        let read = People::from_bytes(people.as_bytes());
        assert_eq!(read.iter().collect::<Vec<_>>(), [SubjectId([1; 16]), SubjectId([2; 16])]);
        assert!(!read.contains(SubjectId([3; 16])));
    }
}
