//! Égide, in one binary.
fn main() {}
