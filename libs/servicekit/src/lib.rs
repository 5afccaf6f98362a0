//! The one shape of a process: configuration, identity, gRPC server, signals, clock, nats-server child

pub mod nats;
