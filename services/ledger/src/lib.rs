//! The only writer of case events and the only holder of keys
