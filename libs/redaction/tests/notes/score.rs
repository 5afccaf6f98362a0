//! What was found, what was left, and what was removed that should have stayed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use egide_redaction::narrative::{Deidentified, Language};

use super::gold::{Mark, Note};

/// How many of one kind were found.
#[derive(Default)]
pub(crate) struct Tally<'a> {
    pub(crate) all: usize,
    pub(crate) found: usize,
    characters: usize,
    covered: usize,
    /// Those that were found and said to be the person they are.
    attributed: usize,
    /// The notes in which one was missed.
    pub(crate) missed: Vec<&'a str>,
}

impl<'a> Tally<'a> {
    /// Counts one, of whose characters these are covered.
    pub(crate) fn count(&mut self, id: &'a str, covered: &[bool]) {
        let whole = covered.iter().all(|covered| *covered);
        self.all += 1;
        self.found += usize::from(whole);
        self.characters += covered.len();
        self.covered += covered.iter().filter(|covered| **covered).count();
        if !whole {
            self.missed.push(id);
        }
    }

    /// The share that was covered whole.
    pub(crate) fn share(&self) -> f64 {
        part(self.found, self.all)
    }

    /// The share of the characters that was covered.
    pub(crate) fn share_of_characters(&self) -> f64 {
        part(self.covered, self.characters)
    }
}

/// What came of some notes.
#[derive(Default)]
pub(crate) struct Score<'a> {
    /// What had to go, by tag.
    pub(crate) found: BTreeMap<String, Tally<'a>>,
    /// Names that a mask lets through: "found" means that they stayed.
    pub(crate) kept: Tally<'a>,
    /// What looks as if it had to go: "found" means that it stayed.
    traps: BTreeMap<String, Tally<'a>>,
    /// By language, characters that should stay and those of them that went.
    stay: BTreeMap<&'static str, (usize, usize)>,
    /// Notes of which nothing came.
    pub(crate) refused: Vec<&'a str>,
    /// Notes from which everything went that had to.
    clean: usize,
    notes: usize,
}

impl<'a> Score<'a> {
    pub(crate) fn of(notes: &'a [Note]) -> Self {
        let mut score = Self { notes: notes.len(), ..Self::default() };
        for note in notes {
            match note.deidentify() {
                Ok(result) => score.count(note, &result),
                Err(_) => score.refused.push(&note.id),
            }
        }
        score
    }

    fn count(&mut self, note: &'a Note, result: &Deidentified) {
        let gone = gone(note, result);
        let mut should_stay = vec![true; gone.len()];
        let mut clean = true;
        for piece in &note.pieces {
            if piece.mark == Mark::Either {
                should_stay[piece.range.clone()].fill(false);
                continue;
            }
            let core = note.core(&piece.range);
            let covered = &gone[core.clone()];
            let stayed: Vec<bool> = covered.iter().map(|gone| !gone).collect();
            match &piece.mark {
                Mark::Goes { tag, person } => {
                    let tally = self.found.entry(tag.clone()).or_default();
                    tally.count(&note.id, covered);
                    clean &= covered.iter().all(|gone| *gone);
                    let said =
                        result.spans.iter().any(|span| span.range.contains(&core.start) && span.person == *person);
                    tally.attributed += usize::from(said);
                    should_stay[piece.range.clone()].fill(false);
                }
                Mark::Either => {}
                Mark::Kept => self.kept.count(&note.id, &stayed),
                Mark::Trap(trap) => self.traps.entry(trap.clone()).or_default().count(&note.id, &stayed),
            }
        }
        let (stay, went) = self.stay.entry(language(note)).or_default();
        *stay += should_stay.iter().filter(|stay| **stay).count();
        *went += should_stay.iter().zip(&gone).filter(|(stay, gone)| **stay && **gone).count();
        self.clean += usize::from(clean);
    }

    /// The share of the text that should stay which was removed.
    pub(crate) fn removed(&self) -> f64 {
        let (stay, went) = self.stay.values().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        part(went, stay)
    }

    pub(crate) fn table(&self, name: &str, least: impl Fn(&str) -> f64) -> String {
        let mut table = format!("{name}: {} notes, {} of them clean", self.notes, self.clean);
        for (language, (stay, went)) in &self.stay {
            write!(table, "; {language}: {:.1} % removed of what should stay", part(*went, *stay) * 100.0).unwrap();
        }
        write!(table, "\n{:22}{:>6}{:>8}{:>8}{:>8}{:>8}  missed in\n", "", "n", "found", "least", "chars", "whose")
            .unwrap();
        let kept = ("kept (stayed)".to_owned(), &self.kept);
        let traps = self.traps.iter().map(|(trap, tally)| (format!("{trap} (stayed)"), tally));
        for (tag, tally) in self.found.iter().map(|(tag, tally)| (tag.clone(), tally)).chain([kept]).chain(traps) {
            let person = tag.starts_with("person:");
            let least = if tag.ends_with(')') { "–".to_owned() } else { format!("{:.1}", least(&tag) * 100.0) };
            let whose =
                if person { format!("{:.1}", part(tally.attributed, tally.all) * 100.0) } else { "–".to_owned() };
            writeln!(
                table,
                "{tag:22}{:>6}{:>8.1}{least:>8}{:>8.1}{whose:>8}  {}",
                tally.all,
                tally.share() * 100.0,
                tally.share_of_characters() * 100.0,
                tally.missed.join(" "),
            )
            .unwrap();
        }
        table
    }
}

/// Which characters were replaced.
pub(crate) fn gone(note: &Note, result: &Deidentified) -> Vec<bool> {
    let mut gone = vec![false; note.characters.len()];
    for span in &result.spans {
        gone[span.range.clone()].fill(true);
    }
    gone
}

const fn language(note: &Note) -> &'static str {
    match note.language {
        Language::English => "English",
        Language::French => "French",
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few thousand")]
fn part(of: usize, all: usize) -> f64 {
    if all == 0 { 1.0 } else { of as f64 / all as f64 }
}
