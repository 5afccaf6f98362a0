//! The one shape of a process: read the configuration, know who calls, serve gRPC within limits, report, and end in order
//! when asked.
//!
//! *In scope*: the clock, configuration errors, files put in place whole ([`file`]), key files, who calls and how that is
//! proved ([`identity`], [`people`]), mutual TLS ([`tls`]) and the authority of development ([`pki`]), who may call what
//! ([`access`]), the gRPC server with its limits ([`serve`]), calls to other services ([`channel`]), logs and metrics without
//! content ([`telemetry`]), the policy of a process ([`policy`]), signals and the timed drain ([`shutdown`]), who may do what at NATS and the embedded `nats-server`
//! ([`nats`]), the program apart that sets pages ([`typesetter`]).
//!
//! *Out of scope*: what any method does, the log (`egide-eventlog`), ciphers and signatures (`egide-crypto`), the contract
//! (`egide-wire`).

pub mod access;
pub mod channel;
pub mod clock;
pub mod config;
pub mod file;
pub mod identity;
pub mod key_file;
pub mod nats;
pub mod people;
pub mod pki;
pub mod plain;
pub mod policy;
pub mod serve;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod typesetter;
