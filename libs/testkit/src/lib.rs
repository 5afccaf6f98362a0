//! What tests stand on: a real `nats-server` of their own, certificates and tokens for anybody, faults between two parties, markers that must
//! never be seen again, and waiting with a bound instead of sleeping.
//!
//! *In scope*: everything that tests of several crates need and that knows no service: whoever uses it starts the services
//! and hands what runs to the [`TestWorld`].
//!
//! *Out of scope*: the services themselves, cases and events (the tests' own business), assertions.
//!
//! Everything here panics when it cannot do its work: a test stops at the first surprise.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise, and this crate is part of tests only"
)]

mod authenticator;
mod clock;
mod cluster;
mod identity;
mod ids;
mod marker;
mod nats;
mod policy;
mod proxy;
mod wait;
mod world;

pub use authenticator::Authenticator;
pub use clock::MovedClock;
pub use cluster::{CLUSTER_SIZE, TestCluster};
pub use identity::{PROVIDER, PROVIDER_KEYS, TestIdentity};
pub use ids::{fresh_id, numbered_id};
pub use marker::{Found, Markers};
pub use nats::{StreamCopy, TestNats, connection_of};
pub use policy::{adopt, adopt_policy, adoption, adoption_of, policy, policy_digest, wording_digest};
pub use proxy::{Fault, FaultProxy};
pub use wait::{PATIENCE, wait_until, within};
pub use world::TestWorld;
