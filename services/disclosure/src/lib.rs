//! The disclosure service: the gate as a service. It keeps the facts of cases and of the directory in a projection, decides,
//! has the ledger commit the decision at the revision it was made on, has it open what the permit covers, redacts, writes
//! and signs the report, releases it, and delivers it, deciding again each time. Start reading at `request.rs`.
//!
//! *In scope*: `DisclosureService` and `ReferralService`, the order of the steps between decision and answer, retries at every
//! step, looking first, explaining, a second person's yes, making decisions and reports again, what outsiders are told.
//!
//! *Out of scope*: the decision itself (`egide-domain`), what a mask lets through (`egide-redaction`), forms and words
//! (`egide-report`), data keys (the ledger alone holds them), who may call what (`egide-servicekit`).

mod approval;
mod delivery;
mod disclosure_service;
mod explain;
mod facts;
mod gate;
mod ledger;
mod model;
mod origin;
mod outside;
mod package;
mod preview;
mod reader;
mod recall;
mod referral_service;
mod release;
mod replay;
mod request;
mod review;
mod start;
mod token;
mod turns;
mod validate;
mod watch;

pub use start::{Config, Error, REFUSE_AFTER, start};
