//! How fast narratives are de-identified, on one core: `notes FILE SECONDS` over the notes of a file, again and again, `ready
//! FILE SECONDS` with the names of each note's case made ready beforehand, as for the many narratives of one case, and
//! `linear` over texts that are written to take long, of 100 kB, 1 MB and 10 MB. Prints JSON.

mod adversarial;

use std::time::{Duration, Instant};

use egide_redaction::narrative::{Case, KnownPerson, Language, Part, deidentify};
use serde_json::{Value, json};

/// Times one size of text is looked at for the shortest time.
const TRIES: usize = 3;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["notes", file, seconds] => println!("{}", notes(file, seconds.parse()?)?),
        ["ready", file, seconds] => println!("{}", ready(file, seconds.parse()?)?),
        ["linear"] => linear()?,
        _ => return Err("notes FILE SECONDS, ready FILE SECONDS, or linear".into()),
    }
    Ok(())
}

type Note = (String, Language, Vec<KnownPerson>);

fn notes(file: &str, seconds: u64) -> Result<Value, Failure> {
    let asked = read(file)?;
    timed(seconds, || {
        let mut bytes = 0;
        for (text, language, people) in &asked {
            std::hint::black_box(deidentify(text, *language, people)?.text.len());
            bytes += text.len();
        }
        Ok(bytes)
    })
}

fn ready(file: &str, seconds: u64) -> Result<Value, Failure> {
    let mut asked = Vec::new();
    for (text, language, people) in read(file)? {
        asked.push((text, language, Case::new(people)?));
    }
    timed(seconds, || {
        let mut bytes = 0;
        for (text, language, case) in &asked {
            std::hint::black_box(case.deidentify(text, *language)?.text.len());
            bytes += text.len();
        }
        Ok(bytes)
    })
}

/// Does it again and again until the time is up.
fn timed(seconds: u64, mut pass: impl FnMut() -> Result<usize, Failure>) -> Result<Value, Failure> {
    let (until, started, mut bytes) = (Duration::from_secs(seconds), Instant::now(), 0);
    while started.elapsed() < until {
        bytes += pass()?;
    }
    Ok(json!({"bytes": bytes, "seconds": started.elapsed().as_secs_f64()}))
}

fn read(file: &str) -> Result<Vec<Note>, Failure> {
    let mut asked = Vec::new();
    for line in std::fs::read_to_string(file)?.lines() {
        asked.push(note(&serde_json::from_str(line)?).ok_or("a note is not what it should be")?);
    }
    Ok(asked)
}

fn note(value: &Value) -> Option<Note> {
    let language = if value["language"] == "fr" { Language::French } else { Language::English };
    let people = value["known_persons"].as_array()?.iter().map(|known| {
        let aliases = known["aliases"].as_array()?.iter().map(|alias| Some(alias.as_str()?.to_owned()));
        Some(person(known["name"].as_str()?, aliases.collect::<Option<_>>()?))
    });
    Some((value["text"].as_str()?.to_owned(), language, people.collect::<Option<_>>()?))
}

fn person(name: &str, aliases: Vec<String>) -> KnownPerson {
    KnownPerson { name: name.to_owned(), aliases, part: Part::PotentialVictim, kept: false }
}

fn linear() -> Result<(), Failure> {
    let people = [
        person("Marie-Ève Quillfeather", vec!["Quill".to_owned(), "Mimi".to_owned()]),
        person("Oluwaseun Adeyemi", vec!["Big O".to_owned()]),
        person("Hope Price", vec![]),
    ];
    for (name, piece) in adversarial::PIECES {
        let mut rates = Vec::new();
        for bytes in [100_000, 1_000_000, 10_000_000] {
            let text = piece.repeat(bytes / piece.len() + 1);
            let mut shortest = f64::INFINITY;
            // One look at the longest is enough of it.
            for _ in 0..if bytes > 1_000_000 { 1 } else { TRIES } {
                let started = Instant::now();
                // A refusal is an answer, too; it takes the time it takes.
                std::hint::black_box(
                    deidentify(&text, Language::English, &people).map(|result| result.text.len()).ok(),
                );
                shortest = shortest.min(started.elapsed().as_secs_f64());
            }
            rates.push(text.len() as f64 / 1e6 / shortest);
        }
        println!("{}", json!({"text": name, "mb_per_second": rates}));
    }
    Ok(())
}
