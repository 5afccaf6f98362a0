//! The gate of Égide: what is known of a case, what consent and the three mandatory exceptions allow, and the decision
//! whether something may leave. Everything here is a function of its arguments; time, policy and the directory entry are
//! arguments like any other, so that the same log gives the same decision for ever. Start reading at [`decide::decide`].
//!
//! *In scope*: identifiers and value lists, the facts of case, directory and house events, what the ledger refuses because of a
//! case's state, the consent algebra, exceptions and statute rows, decisions with every reason, the permit, policy tables.
//!
//! *Out of scope*: identifying data (none reaches this crate), encoding (`egide-wire`), applying a mask (`egide-redaction`),
//! digests and signatures (`egide-crypto`), who is allowed to call what (the services), time, randomness, I/O, logging.

pub mod admit;
pub mod age;
mod approval;
mod bases;
pub mod consent;
pub mod contact;
pub mod decide;
pub mod decision;
pub mod delivery;
pub mod directory;
pub mod event;
pub mod exception;
pub mod expiry;
pub mod facts;
pub mod house;
pub mod ids;
mod narrative;
pub mod notices;
mod obligation;
pub mod obligations;
pub mod permit;
pub mod policy;
pub mod set;
pub mod statute;
pub mod supersede;
pub mod time;
pub mod unfetched;
pub mod vocabulary;

pub use admit::{Violation, ViolationReason, admit};
pub use age::{Ages, Majority};
pub use approval::{OnceApproved, RequiredApproval, required_approval};
pub use consent::{HeldBack, HeldBy, held_back};
pub use contact::{Instructions, NotSafe, may_contact};
pub use decide::{decide, once_approved};
pub use decision::{
    AttestedNarrative, Bases, Basis, Decision, Mask, MaskEntry, Obligation, Reason, Reference, Request,
};
pub use delivery::{DELIVERED_WITHIN, DeliveryRefusal, redecide_for_delivery};
pub use directory::{DirectoryEvent, OrganizationFacts, Recipient, admit_directory};
pub use event::{Actor, CaseEvent, Recorded};
pub use expiry::{expired, next_expiry, referral_ends_at};
pub use facts::CaseFacts;
pub use house::{HouseEvent, HouseFacts, admit_house, admit_in_house};
pub use notices::{OpenNotice, open_notices};
pub use obligations::{StandingObligation, standing};
pub use permit::{AcknowledgedEvent, NoPermit, Permit};
pub use policy::{Policy, PolicyError};
pub use set::{Categories, Jurisdictions, Purposes, Reach, Roles, Set};
pub use supersede::supersedes;
pub use time::{Millis, Timestamp};
pub use unfetched::{Unfetched, unfetched};
