//! End-to-end, fault and conformance tests on real NATS
