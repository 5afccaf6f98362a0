//! The whole system under test: real NATS, real services, everything they write kept for inspection.
//!
//! ```ignore
//! let world = World::start().await;                                  // NATS, ledger, directory, gate, history
//! let police = world.police().register().await;                     // organisation, unit, agreement
//! let case = world.case().victim().suspect().triaged().open().await; // one command of a responder
//! let consent = case.consent(&police, &[DataCategory::Situation]).await;
//! let referral = case.release(&police, &[DataCategory::Situation]).await;
//! let report = police.fetch(&referral).await?;                       // a liaison; `Err(NOT_FOUND)` once withdrawn
//! case.withdraw(&consent).await;
//! let log = world.walk().await;                                      // every event, verified, facts decoded
//! world.stop(|data| …).await;                                        // looks at what is on disk
//! ```
//!
//! *Which roles, how many ledgers, which clock*: [`world::Plan`]. *Who calls*: [`who`]; clients of every service for anybody
//! come from [`world::World`] (`world.audit(&who::compliance())`). *Events*: [`events`], complete and sensible, to be
//! changed with `..`. *Cases and recipients*: [`case`]. *What stands in the log*: [`log`]. *Calls below the generated
//! clients* (any bytes, any headers, every byte of the answer): [`raw`] and [`world::World::call`]. *Log lines, metrics,
//! panics of services*: [`watch`]. *Random identifying data, and finding it again anywhere*: [`marking`], [`needles`].
//!
//! *In scope*: what several tests of the whole need. *Out of scope*: assertions about behaviour, which belong into the tests
//! (`tests/tests/`), and what tests of single crates need (`egide-testkit`).
//!
//! A `World` runs its services on a runtime of its own, so that their log lines and panics are told from the test's.
//! Everything here panics when it cannot do its work.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a harness stops at the first surprise"
)]

pub mod case;
pub mod events;
pub mod generate;
pub mod history;
pub mod log;
pub mod marking;
pub mod needles;
pub mod notices;
pub mod processes;
pub mod raw;
pub mod roles;
pub mod watch;
pub mod who;
pub mod workload;
pub mod world;

pub use roles::Role;
pub use world::{Plan, World};
