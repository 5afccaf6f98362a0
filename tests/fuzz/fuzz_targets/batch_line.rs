//! A line of a batch, as `egide deidentify` reads it.
#![no_main]

#[path = "../src/batch.rs"]
mod batch;
#[path = "../../../services/egide/src/commands/deidentify/line.rs"]
#[allow(dead_code, reason = "how a refusal is said is the command's")]
mod line;

use egide_redaction::narrative::Language;

fn language_of(code: &str) -> Option<Language> {
    match code {
        "en" => Some(Language::English),
        "fr" => Some(Language::French),
        _ => None,
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| batch::check(data));
