//! What comes out of redaction. Only this crate can make it, anyone may read it, and a report is made of nothing else.
//! Nothing here implements `Debug`: these are the values a person told.

use crate::generalise::{AgeGroup, NumberBand};
use crate::people::SafeContact;
use egide_domain::Decision;
use egide_domain::ids::{Position, SubjectId};
use egide_domain::set::Roles;
use egide_domain::vocabulary::{DataCategory, Jurisdiction, MaskLevel};

/// Proof that a value was cut down to the mask of a permit. There is no other way to make one than [`crate::redact()`].
#[derive(Clone)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// INVARIANT: called where the mask was applied, and nowhere else.
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }

    /// What was let through.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.0
    }
}

/// A case as far as one permit lets it through.
#[derive(Clone)]
#[non_exhaustive]
pub struct RedactedCase {
    /// The permitting decision it was redacted under.
    pub decision: Decision,
    /// Where that decision stands in the log.
    pub position: Position,
    /// The people of whom anything is let through, by id; the id itself never leaves.
    pub people: Vec<RedactedPerson>,
    /// What is about several people together, oldest first.
    pub together: Vec<RedactedField>,
}

/// A person as far as the mask lets them through.
#[derive(Clone)]
#[non_exhaustive]
pub struct RedactedPerson {
    /// The person; never leaves, recipients get a pseudonym.
    pub subject_id: SubjectId,
    /// What the person is in the case, where their situation (or, for suspects, anything) is let through; never that they
    /// called.
    pub roles: Roles,
    /// What was recorded, newest record first within a category, categories in the order of the contract.
    pub records: Vec<RedactedRecord>,
    /// Whether and how the person may be approached: there whenever identity, contact or whereabouts are let through.
    pub safe_contact: Option<SafeContact>,
}

/// What one event said of a person in one category.
#[derive(Clone)]
#[non_exhaustive]
pub struct RedactedRecord {
    /// The category it stands under.
    pub category: DataCategory,
    /// How far the mask lets the category through.
    pub level: MaskLevel,
    /// The month it happened in, where more than facts is let through.
    pub month: Option<String>,
    /// Its fields, in the order of the contract.
    pub fields: Vec<RedactedField>,
}

/// One field let through.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedactedField {
    /// Path in the contract; also the label's key.
    pub path: String,
    /// What it says.
    pub value: RedactedValue,
}

/// A value let through.
#[derive(Clone, PartialEq, Eq)]
pub enum RedactedValue {
    /// A text as told.
    Text(String),
    /// Several texts as told.
    Texts(Vec<String>),
    /// A whole number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// A value of an enumeration, by the contract's name.
    Code(String),
    /// Several values of an enumeration.
    Codes(Vec<String>),
    /// Several things of the same kind, each with fields of its own.
    Records(Vec<Vec<RedactedMember>>),
    /// A value made coarser.
    Coarse(CoarseValue),
}

/// A value made coarser than it was told.
#[derive(Clone, PartialEq, Eq)]
pub enum CoarseValue {
    /// A month (`2026-11`), or a year where no month was told.
    Month(String),
    /// A year (`2026`).
    Year(String),
    /// Minor, adult or unknown.
    AgeGroup(AgeGroup),
    /// A province or territory.
    Province(Jurisdiction),
    /// A band.
    Band(NumberBand),
}

/// One field inside [`RedactedValue::Records`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedactedMember {
    /// Message and field in the contract; also the label's key.
    pub label: String,
    /// What it says; not again records.
    pub value: RedactedValue,
}
