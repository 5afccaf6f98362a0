//! What goes into redaction: the fields of opened events, flat, each with its classification. Nothing here implements `Debug`:
//! these are the values a person told.

use crate::class::Class;
use egide_domain::ids::{ExceptionId, Revision, SubjectId};
use egide_domain::{AttestedNarrative, Timestamp};

/// Whom a field is about.
#[derive(Clone, PartialEq, Eq)]
pub enum About {
    /// Nobody of the case in particular: no mask covers it.
    Nobody,
    /// One person: the event's `subject_id`.
    One(SubjectId),
    /// Several people together, the event's `subject_ids`: the mask must cover each of them. Of nobody, it never leaves.
    Several(Vec<SubjectId>),
}

/// One field of one opened event that carries a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    /// Whom it is about.
    pub about: About,
    /// The event's place in the case. Orders and groups what belongs together; never leaves.
    pub record: Revision,
    /// When the event was recorded; absent: no entry of a mask with a period reaches it. Never leaves.
    pub recorded_at: Option<Timestamp>,
    /// The month the event happened in (`2026-11`, UTC), nothing finer.
    pub month: Option<String>,
    /// Path in the contract, from the event's payload on, for instance `whereabouts_recorded.street`; also the label's key.
    pub path: String,
    /// Its classification.
    pub class: Class,
    /// The exception whose assertion the field stands in, for what may leave under that exception only.
    pub only_under: Option<ExceptionId>,
    /// The attestation the field stands in, for the text that was attested.
    pub attested: Option<AttestedNarrative>,
    /// What it says.
    pub value: Value,
}

/// A value as told. Values of an enumeration are the contract's names, for instance `MEANS_OF_CONTROL_DEBT_BONDAGE`; a value
/// unknown to the contract is left out by whoever flattens.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// A whole number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// A value of an enumeration.
    Code(String),
    /// Several values of an enumeration.
    Codes(Vec<String>),
    /// Several things of the same kind, for instance vehicles, each with fields of its own.
    Records(Vec<Vec<Member>>),
}

/// One field inside a [`Value::Records`], classified for itself: what is unclassified stays out even where its record leaves.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// The message and field in the contract, for instance `vehicle.plate`; also the label's key.
    pub label: String,
    /// Its classification.
    pub class: Class,
    /// What it says; not again records.
    pub value: Value,
}
