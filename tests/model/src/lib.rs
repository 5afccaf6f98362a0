//! The concurrent protocol of one disclosure, looked at in every state it can reach within bounds: two who ask, one who takes
//! consent back, one who approves, one who fetches, a disclosure service that crashes, messages that are lost, late or
//! repeated, and time that goes by. What decides is the code itself (`egide_domain`: `decide`, `redecide_for_delivery`,
//! `admit`, `CaseFacts::apply`, `supersedes`, `Permit::from_acknowledgement`) on real facts and the real policy; the order of
//! the services' steps is told again in [`gate`], and what the ledger's writer does for one case in [`ledger`]. What must
//! hold is told in [`rules`] from the words of the promises, and asks neither.
//!
//! *In scope*: promises 1, 2 and 11 in every reachable state; that the bounds let the interesting things happen; that a
//! checker of this kind finds what is wrong, for a dozen things that could be ([`protocol::Fault`]).
//!
//! *Out of scope*: what is below the ledger's answer (blocks, fences and unknown outcomes at JetStream, which the fault
//! suites try on real servers), keys and sealing, the directory's stream, more than one case.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a model stops at the first surprise, and is about the events it names"
)]

pub mod case;
pub mod gate;
pub mod ledger;
pub mod protocol;
pub mod rules;
