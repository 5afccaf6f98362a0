#![expect(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "scratch")]
use egide_redaction::narrative::*;
use std::io::Read;
fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let names = std::env::args().nth(1).unwrap_or_default();
    let people: Vec<_> = names
        .split(';')
        .filter(|n| !n.is_empty())
        .map(|n| KnownPerson { name: n.into(), aliases: vec![], part: Part::Suspect, kept: false })
        .collect();
    for para in text.split("\n%\n") {
        match deidentify(para, Language::English, &people) {
            Ok(d) => println!("{}\n", d.text),
            Err(e) => println!("REFUSED {e}"),
        }
    }
}
