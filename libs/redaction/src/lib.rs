//! Redaction: an opened case, cut down to the mask of a permit. [`redact()`] is the only way to make a [`Redacted`], it demands
//! a `Permit`, and only a `Redacted` can become a report; so nothing about a person can be written outward without a
//! committed decision.
//!
//! *In scope*: fields with their classification as they come out of an opened event, the rule what a mask lets through and
//! how far, making values coarser; what in a narrative tells who somebody is ([`narrative`]).
//!
//! *Out of scope*: where the fields come from (`egide-wire` flattens events, the ledger opens them), what the mask is (the
//! gate in `egide-domain`), forms, labels, pseudonyms and bytes (`egide-report`), who reviews and attests a de-identified text (the
//! services), time,
//! randomness, I/O, logging.

pub mod class;
pub mod field;
pub mod generalise;
pub mod narrative;
pub mod people;
pub mod redact;
pub mod redacted;

pub use class::{Class, Generalisation, Identifies, Whose};
pub use field::{About, Field, Member, Value};
pub use people::{People, Person, SafeContact};
pub use redact::{Fate, Unopened, fate, redact};
pub use redacted::{
    CoarseValue, Redacted, RedactedCase, RedactedField, RedactedMember, RedactedPerson, RedactedRecord, RedactedValue,
};
