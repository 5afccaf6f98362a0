//! Real NATS and real services for tests
