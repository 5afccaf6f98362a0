//! What rows hold: facts, decisions, digests; never identifying data, since none reaches this service.

use egide_domain::ids::SubjectId;
use egide_wire::proto::egide::audit::v1::Disclosure;
use egide_wire::proto::egide::case::v1::{DisclosureDecided, ObligationKind};
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
