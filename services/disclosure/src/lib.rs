//! The gate as a service: decide, commit, open, redact, release, deliver
