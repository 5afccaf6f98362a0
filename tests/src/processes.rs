//! An installation of real processes: `egide serve` for every role and one or three `nats-server`s, each with its own files
//! and port, a TCP proxy between every two that talk, and a supervisor for each that starts it again when it ends, as systemd
//! would. Everything else a service must manage by itself: connecting again, resuming, answering.
//!
//! *In scope*: starting, killing, pausing, partitioning, calling. *Out of scope*: what clients do ([`crate::workload`]) and
//! whether the log is right afterwards ([`crate::history`]).
//!
//! Nothing outlives the test: processes are killed when the installation is dropped, also on a panic, and by the kernel when
//! the test itself is killed (`setpriv --pdeathsig`, where that program is installed).

mod binary;
mod files;
mod installation;
mod links;
mod nats;
mod process;

pub use installation::{Installation, Plan, READY_WITHIN};
pub use links::{Links, Party};
pub use process::{Exit, Process};
