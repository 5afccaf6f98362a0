//! People of the case, by every name that is recorded of them: exactly, in any order and spelling that folding levels,
//! written apart or together, by short forms of first names, by initials, and with a typing error or two.

mod initials;
mod misspelt;
mod names;
mod squeezed;

use super::lexicon::FUNCTION;
use super::merge::Sureness;
use super::words::{Gap, Shape, Word, Words};
use super::{Folded, Hit, Kind, KnownPerson, Refusal};
use aho_corasick::AhoCorasick;
use core::ops::Range;
use names::{Names, Whose};
use std::sync::OnceLock;

/// The longest name, in bytes.
pub const LONGEST_NAME: usize = 256;
/// The most names of all people of a case together.
pub const MOST_NAMES: usize = 1024;

/// What every way of looking is given.
struct Search<'a> {
    folded: &'a Folded<'a>,
    words: &'a Words,
    names: &'a Names,
}

/// What was found: hits of those whose names go, and where names stand that stay.
pub(super) struct Found<'a> {
    hits: &'a mut Vec<Hit>,
    kept: Vec<Range<usize>>,
}

/// The names of a case, made ready once for every look at its narrative.
pub(super) struct People {
    names: Names,
    /// The longest text they are searched in, in bytes.
    length: usize,
    /// Finds the names in a text that is not short; made when first asked for.
    automaton: OnceLock<Result<AhoCorasick, Refusal>>,
    near: Vec<misspelt::Candidate>,
}

impl People {
    /// For a narrative of so many bytes.
    ///
    /// # Errors
    /// [`Refusal::Names`] if there are too many, or one is too long.
    pub(super) fn new(people: &[KnownPerson], length: usize) -> Result<Self, Refusal> {
        let names = Names::new(people)?;
        let near = misspelt::candidates(&names);
        Ok(Self { names, length, automaton: OnceLock::new(), near })
    }

    /// Finds the names in a text; where names stand that stay.
    ///
    /// # Errors
    /// [`Refusal::Names`] if they do not fit what finds them.
    pub(super) fn find(
        &self,
        folded: &Folded<'_>,
        words: &Words,
        hits: &mut Vec<Hit>,
    ) -> Result<Vec<Range<usize>>, Refusal> {
        let search = Search { folded, words, names: &self.names };
        let mut found = Found { hits, kept: Vec::new() };
        if !self.names.is_empty() {
            let automaton = || {
                let made = self.automaton.get_or_init(|| squeezed::automaton(&self.names, self.length));
                made.as_ref().map_err(|refusal| *refusal)
            };
            squeezed::find(&search, automaton, &mut found)?;
            misspelt::find(&search, &self.near, &mut found);
            initials::find(&search, &mut found);
            found.kept.sort_by_key(|range| range.start);
        }
        Ok(found.kept)
    }

    /// Whether pieces of a text together have the first and the last word of a recorded name of several.
    pub(super) fn is_whole<'a>(&self, person: usize, written: impl Iterator<Item = &'a str>) -> bool {
        let words: Vec<String> = written.flat_map(|piece| names::words_of(&Folded::new(piece))).collect();
        let has = |word: &String| words.contains(word);
        let is_whole = |name: &Vec<String>| matches!(name.as_slice(), [first, .., last] if has(first) && has(last));
        self.names_of(person).iter().any(is_whole)
    }

    /// Whether pieces of a text are words of somebody's names, or such words with as many errors as a typing error has.
    pub(super) fn are_misspelt<'a>(&self, person: usize, mut written: impl Iterator<Item = &'a str>) -> bool {
        let recorded = || self.names_of(person).iter().flatten();
        let is_near = |word: &String| recorded().any(|name| misspelt::is_near(word, name));
        written.all(|piece| names::words_of(&Folded::new(piece)).iter().all(is_near))
    }

    fn names_of(&self, person: usize) -> &[Vec<String>] {
        self.names.people.get(person).map(|person| person.names.as_slice()).unwrap_or_default()
    }
}

impl Found<'_> {
    fn add(&mut self, range: Range<usize>, whose: &Whose, sure: Sureness) {
        if whose.kept {
            self.kept.push(range);
        } else {
            self.hits.push(Hit { range, kind: Kind::Person, person: whose.person(), sure });
        }
    }
}

impl Search<'_> {
    fn text(&self) -> &str {
        self.folded.text()
    }

    fn written(&self, word: &Word) -> &str {
        self.text().get(word.range.clone()).unwrap_or_default()
    }

    /// The place of the word that ends after a byte, first of them.
    fn word_at(&self, byte: usize) -> usize {
        self.words.all.partition_point(|word| word.range.end <= byte)
    }

    /// Whether a word that is both a name and an ordinary word is the name here, by how it is written.
    fn is_name_here(&self, place: usize) -> bool {
        let Some(word) = self.words.all.get(place) else { return false };
        let before = place.checked_sub(1).and_then(|before| self.words.all.get(before));
        if word.known & FUNCTION != 0 && self.is_verb(word, before, self.words.all.get(place.saturating_add(1))) {
            return false;
        }
        word.shape != Shape::Lower || self.words.mostly_lower
    }

    /// "she will", "it may", "Will he": a verb, whatever the case's people are called.
    fn is_verb(&self, word: &Word, before: Option<&Word>, after: Option<&Word>) -> bool {
        const PRONOUNS: [&str; 14] =
            ["i", "you", "he", "she", "it", "we", "they", "who", "that", "which", "there", "this", "not", "be"];
        let pronoun = |word: &Word| PRONOUNS.contains(&self.written(word));
        let beside = |word: &&Word| word.gap == Gap::Space;
        (before.is_some_and(pronoun) && beside(&word)) || (word.starts && after.filter(beside).is_some_and(pronoun))
    }
}
