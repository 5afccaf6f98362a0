//! What goes because a name stands beside it: the rest of a name of several words, and the small words within.

use super::super::lexicon::{FUNCTION, NAME, ORDINARY, PARTICLE, PLACE, SAFE};
use super::super::words::{Gap, Shape, Word};
use super::passages::Passage;
use super::{Fate, Scan};

/// The most small words within one name.
const MOST_PARTICLES: usize = 3;
/// Small words that begin names and nothing else.
const BEGINNING: [&str; 14] =
    ["von", "bin", "ibn", "al", "el", "abu", "mc", "mac", "der", "ter", "st", "ste", "o", "ben"];

impl Scan<'_> {
    /// Takes along what belongs to names, once forwards and once backwards.
    pub(super) fn spread(&mut self) {
        let count = self.words.all.len();
        for place in 1..count {
            self.take_along(place, place.saturating_sub(1), place);
        }
        for place in (1..count).rev() {
            self.take_along(place.saturating_sub(1), place, place);
        }
        self.take_particles();
    }

    /// Takes the word at `place` along with the name at `name`, if there is one; `later` is the later of both.
    fn take_along(&mut self, place: usize, name: usize, later: usize) {
        let (Some(word), Some(gap)) = (self.word(place), self.word(later)) else { return };
        if !self.fate(name).is_some_and(Fate::is_name) || gap.fresh || (gap.starts && !tied(gap)) {
            return;
        }
        let goes = match self.fate(place) {
            Some(Fate::Open) => {
                // A code in capitals beside a place is no part of its name.
                let code = word.known & PLACE != 0
                    && self.passage(place) != Passage::Capitals
                    && self.word(name).is_some_and(|name| name.shape == Shape::Upper);
                tied(gap) || (matches!(gap.gap, Gap::Space | Gap::Dot) && !code)
            }
            Some(Fate::Stays) => tied(gap) && self.is_part(place, name, word),
            Some(Fate::Fixed | Fate::Goes | Fate::Taken) | None => false,
        };
        if goes {
            self.set(place, Fate::Goes);
        }
    }

    /// Whether what a hyphen or an apostrophe ties to a name is part of it: "Jean-Guy", "Marie-soleil", "N’Diaye"; not
    /// "ex-Jessica", "Jessica’s", "d’Alice".
    fn is_part(&self, place: usize, name: usize, word: &Word) -> bool {
        if word.shape == Shape::Digits {
            return false;
        }
        let capital = word.shape != Shape::Lower && self.passage(place) != Passage::Capitals;
        if word.range.len() == 1 {
            return capital && place < name && !word.starts;
        }
        let other = word.known & (FUNCTION | SAFE) != 0;
        ((capital || word.known & NAME != 0) && !other)
            || (word.known & (ORDINARY | FUNCTION | SAFE) == 0 && word.known & PARTICLE == 0)
    }

    fn take_particles(&mut self) {
        let mut place = 0;
        while place < self.words.all.len() {
            let is_name = self.fate(place).is_some_and(Fate::is_name);
            if is_name {
                self.take_before(place);
            }
            place += 1;
        }
    }

    /// Small words before a name: those between two names, and those that begin one.
    fn take_before(&mut self, name: usize) {
        let mut first = name;
        while first > 0 && name - first < MOST_PARTICLES {
            let Some(gap) = self.word(first).filter(|word| joins(word)) else { break };
            let Some(before) = self.word(first.saturating_sub(1)).filter(|before| before.known & PARTICLE != 0) else {
                break;
            };
            if before.replaced || gap.fresh || self.fate(first - 1).is_some_and(Fate::is_name) {
                break;
            }
            first -= 1;
        }
        if first == name {
            return;
        }
        let joined = self.word(first).is_some_and(joins);
        let between = joined && first.checked_sub(1).and_then(|before| self.fate(before)).is_some_and(Fate::is_name);
        let mut from = if between { first } else { name };
        if !between {
            while from > first && self.word(from - 1).is_some_and(|word| self.begins_name(from - 1, word)) {
                from -= 1;
            }
        }
        for place in from..name {
            self.set(place, Fate::Goes);
        }
    }

    /// Whether a small word before a name is the name's: by its capital, or because it begins names only.
    fn begins_name(&self, place: usize, word: &Word) -> bool {
        let only = BEGINNING.contains(&self.written(word));
        let then = self.after(place).is_some_and(|after| matches!(self.written(after), "der" | "den" | "ter"));
        let capital = matches!(word.shape, Shape::Capital | Shape::Upper) && self.passage(place) != Passage::Capitals;
        only || then || (capital && !word.starts)
    }
}

/// Tied to the word before without a space.
const fn tied(word: &Word) -> bool {
    matches!(word.gap, Gap::Hyphen | Gap::Apostrophe)
}

fn joins(word: &Word) -> bool {
    !word.fresh && matches!(word.gap, Gap::Space | Gap::Hyphen | Gap::Apostrophe | Gap::Dot)
}
