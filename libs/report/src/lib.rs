//! The report: what a recipient gets. A redacted case in the form of its recipient, with people under pseudonyms that only
//! this recipient sees, in English or French, as canonical JSON (RFC 8785) for machines, as a document for people and as a script
//! to be read aloud.
//! Start reading at [`Report::compose`].
//!
//! *In scope*: forms, labels in both languages, pseudonyms from a keyed function that is handed in, the conditions under which
//! a recipient may use what it gets, canonical bytes and reading them back, what stands on which page.
//!
//! *Out of scope*: what may leave (`egide-redaction` has decided that before), digests and signatures (`egide-crypto`),
//! delivery (the disclosure service), typesetting (`services/typeset`), time, randomness, I/O, logging.

mod compose;
mod document;
pub mod form;
pub mod labels;
pub mod pseudonym;
pub mod report;
mod script;

pub use compose::{ComposeError, Header, RecipientNames};
pub use document::{Document, Layout};
pub use form::Form;
pub use labels::Language;
pub use pseudonym::Keyed;
pub use report::{NotWritable, ParseReportError, Report, is_of_other_version};
