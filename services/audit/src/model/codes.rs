//! Coded facts: values of the contract's lists, by which disclosures, looks and steps of a case are found and told.

use egide_wire::descriptors::pool;
use prost_reflect::EnumDescriptor;

/// The lists. A number belongs to its list for good: rows hold it.
const LISTS: [(List, &str); 24] = [
    (List::Outcome, "egide.case.v1.Outcome"),
    (List::Purpose, "egide.case.v1.Purpose"),
    (List::RecipientKind, "egide.case.v1.RecipientKind"),
    (List::Basis, "egide.case.v1.BasisKind"),
    (List::Exception, "egide.case.v1.ExceptionKind"),
    (List::Ground, "egide.case.v1.ExceptionGround"),
    (List::Instrument, "egide.case.v1.InstrumentKind"),
    (List::Reason, "egide.case.v1.ReasonCode"),
    (List::Obligation, "egide.case.v1.ObligationKind"),
    (List::ObligationState, "egide.case.v1.ObligationState"),
    (List::Channel, "egide.case.v1.DeliveryChannel"),
    (List::Released, "egide.classification.v1.DataCategory"),
    (List::Requested, "egide.classification.v1.DataCategory"),
    (List::Mode, "egide.case.v1.ReferralMode"),
    (List::Approval, "egide.case.v1.ApprovalOutcome"),
    (List::Rejection, "egide.case.v1.RejectionReason"),
    (List::Lift, "egide.case.v1.LiftReason"),
    (List::Recall, "egide.case.v1.RecallReason"),
    (List::OutsideReview, "egide.case.v1.OutsideReviewOutcome"),
    (List::AccessScope, "egide.audit.v1.AccessScope"),
    (List::AccessReason, "egide.audit.v1.AccessReason"),
    (List::Triage, "egide.case.v1.TriageLevel"),
    (List::Review, "egide.case.v1.ReviewOutcome"),
    (List::Shred, "egide.case.v1.ShredScope"),
];

/// A list of the contract, in the sense in which a fact uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum List {
    /// Permit or deny.
    Outcome = 1,
    /// Why the recipient gets it.
    Purpose = 2,
    /// What the recipient is.
    RecipientKind = 3,
    /// What a decision rests on.
    Basis = 4,
    /// Which exception.
    Exception = 5,
    /// On what grounds it was asserted.
    Ground = 6,
    /// The kind of its instrument.
    Instrument = 7,
    /// Reasons of a decision.
    Reason = 8,
    /// What it binds us to.
    Obligation = 9,
    /// Where that stood at some time.
    ObligationState = 10,
    /// How it reached the recipient.
    Channel = 11,
    /// Categories that were let through.
    Released = 12,
    /// Categories that were asked for.
    Requested = 13,
    /// How the person is connected.
    Mode = 14,
    /// What an approval came to.
    Approval = 15,
    /// Why it was rejected.
    Rejection = 16,
    /// Why an exception was lifted.
    Lift = 17,
    /// Why a referral was recalled.
    Recall = 18,
    /// What the review of a disclosure outside the system found.
    OutsideReview = 19,
    /// What was looked at.
    AccessScope = 20,
    /// Why.
    AccessReason = 21,
    /// How urgent.
    Triage = 22,
    /// A supervisor's answer to a tip.
    Review = 23,
    /// Whose keys were shredded.
    Shred = 24,
}

impl List {
    /// Its number in rows.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    fn of_number(number: u32) -> Option<Self> {
        LISTS.iter().map(|(list, _)| *list).find(|list| u32::from(list.number()) == number)
    }

    /// The enumeration in the contract.
    pub(crate) fn descriptor(self) -> Option<EnumDescriptor> {
        let name = LISTS.iter().find(|(list, _)| *list == self).map(|(_, name)| *name)?;
        pool().get_enum_by_name(name)
    }

    /// Those that disclosures are found by.
    pub(crate) fn of_disclosures() -> impl Iterator<Item = Self> {
        let of_others = [Self::AccessScope, Self::AccessReason, Self::Triage, Self::Review, Self::Shred];
        LISTS.iter().map(|(list, _)| *list).filter(move |list| !of_others.contains(list))
    }
}

/// One value of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    /// The list.
    pub list: List,
    /// The value's number in the contract.
    pub number: i32,
}

impl Code {
    /// The value of a list.
    #[must_use]
    pub const fn new(list: List, number: i32) -> Self {
        Self { list, number }
    }

    /// As a row keeps it: list and number in one.
    pub(crate) fn packed(self) -> u32 {
        (u32::from(self.list.number()) << 16) | (self.number.cast_unsigned() & 0xffff)
    }

    /// What a row keeps, read again.
    pub(crate) fn of_packed(packed: u32) -> Option<Self> {
        Some(Self { list: List::of_number(packed >> 16)?, number: i32::try_from(packed & 0xffff).ok()? })
    }

    /// The full name in the contract of what a row keeps, for instance `PURPOSE_INVESTIGATION`.
    pub(crate) fn name_of(packed: u32) -> Option<String> {
        let Self { list, number } = Self::of_packed(packed)?;
        list.descriptor()?.get_value(number).map(|value| value.name().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_list_stands_in_the_contract_and_has_a_number_of_its_own() {
        let numbers: BTreeSet<_> = LISTS.iter().map(|(list, _)| list.number()).collect();
        assert_eq!(numbers.len(), LISTS.len());
        for (list, name) in LISTS {
            assert!(list.descriptor().is_some(), "{name}");
        }
    }

    #[test]
    fn a_code_is_kept_in_one_number() {
        let packed = Code::new(List::Purpose, 2).packed();
        assert_eq!(Code::name_of(packed).as_deref(), Some("PURPOSE_CHILD_PROTECTION"));
        assert_eq!(Code::name_of(packed + 90), None);
    }
}
