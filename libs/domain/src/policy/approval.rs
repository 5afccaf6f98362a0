//! What needs a second person's yes before it is released.

use super::rows::hours;
use crate::decision::Basis;
use crate::set::{Categories, Purposes, Set};
use crate::time::Millis;
use crate::vocabulary::{ExceptionKind, Purpose, RecipientKind, Role, vocabulary};
use serde::Deserialize;
use std::sync::Arc;

/// The id under which an approval that a consent asks for stands beside the rows of the table.
pub const CONSENT_CONDITION: &str = "consent-condition";

vocabulary! {
    /// What an approval may be about: the kinds of bases, exceptions each by itself.
    BasisClass {
        /// A data subject's consent.
        Consent = "consent",
        /// A report consent.
        ReportConsent = "report_consent",
        /// The exception for a minor.
        Minor = "minor",
        /// The exception for imminent danger.
        ImminentDanger = "imminent_danger",
        /// A legal instrument.
        LegalRequirement = "legal_requirement",
    }
}

impl From<&Basis> for BasisClass {
    fn from(basis: &Basis) -> Self {
        match basis {
            Basis::Consent(_) => Self::Consent,
            Basis::ReportConsent(_) => Self::ReportConsent,
            Basis::Exception(_, ExceptionKind::Minor) => Self::Minor,
            Basis::Exception(_, ExceptionKind::ImminentDanger) => Self::ImminentDanger,
            Basis::Exception(_, ExceptionKind::LegalRequirement) => Self::LegalRequirement,
        }
    }
}

/// One row of `approvals`. It applies where the recipient's kind and the purpose are in it, and something of one of its
/// categories rests on a basis of one of its kinds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRow {
    /// Stable id; reasons name it as `approval-rule:<id>`.
    pub id: Arc<str>,
    /// For which kinds of recipients.
    pub recipients: Set<RecipientKind>,
    /// For which purposes.
    pub purposes: Purposes,
    /// On which kinds of bases.
    pub bases: Set<BasisClass>,
    /// Of which categories.
    pub categories: Categories,
    /// Who approves: one person with one of these roles.
    pub roles: Set<Role>,
    /// How long a granted approval may be used.
    #[serde(rename = "life_hours", deserialize_with = "hours")]
    pub life: Millis,
}

impl ApprovalRow {
    /// Whether the row is about this kind of recipient and this purpose.
    #[must_use]
    pub fn concerns(&self, recipient: RecipientKind, purpose: Purpose) -> bool {
        self.recipients.contains(recipient) && self.purposes.contains(purpose)
    }
}

/// Who approves what a consent with that condition lets go, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalOnCondition {
    /// Who approves.
    pub roles: Set<Role>,
    /// How long a granted approval may be used.
    #[serde(rename = "life_hours", deserialize_with = "hours")]
    pub life: Millis,
}
