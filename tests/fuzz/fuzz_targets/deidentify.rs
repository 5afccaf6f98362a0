//! De-identification of any text, with any people known.
#![no_main]

#[path = "../src/narrative.rs"]
mod narrative;

libfuzzer_sys::fuzz_target!(|data: &[u8]| narrative::check(data));
