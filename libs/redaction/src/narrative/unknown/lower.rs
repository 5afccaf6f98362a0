//! Words in small letters: names all the same, by the lists, by what stands before, or by a name they follow.

use super::super::lexicon::{
    FIRST, FUNCTION, Known, LAST, NAME, NAMELY, NAMING, ORDINARY, SAFE, SAYS, STRONG, WEAK, WORD,
};
use super::super::words::{Gap, Shape, Word, is_accented_word};
use super::{Fate, Scan};

/// The shortest first name that is taken for one in small letters.
const SHORTEST_FIRST: usize = 3;
/// The shortest family name.
const SHORTEST_LAST: usize = 4;
/// The shortest word no list has that is taken for a name for what stands before it.
const SHORTEST_UNKNOWN: usize = 3;

/// The shortest word no list has that is taken for a name in notes without capitals, whatever stands before it.
const SHORTEST_UNLISTED: usize = 4;

/// Words after which, in notes without capitals, a word that is also a first name is one.
const WITH: [&str; 16] = [
    "with",
    "avec",
    "told",
    "met",
    "saw",
    "texted",
    "chez",
    "called",
    "and",
    "et",
    "named",
    "from",
    "pis",
    "contacted",
    "phoned",
    "introduced",
];

/// A first name that is more often an ordinary word.
pub(super) const fn is_wordy_name(known: Known) -> bool {
    known & FIRST != 0 && known & WORD != 0 && known & NAMELY == 0
}

impl Scan<'_> {
    pub(super) fn judge_lower(&self, place: usize, word: &Word) -> Fate {
        if self.is_low_name(place, word) { Fate::Goes } else { Fate::Stays }
    }

    fn is_low_name(&self, place: usize, word: &Word) -> bool {
        let (known, length) = (word.known, word.range.len());
        if length < 2 || word.digits || known & FUNCTION != 0 || is_accented_word(self.folded, word) {
            return false;
        }
        // "don't", "jessica's": what an apostrophe cuts off.
        if word.gap == Gap::Apostrophe && length <= 2 {
            return false;
        }
        let listed = (known & FIRST != 0 && length >= SHORTEST_FIRST && (known & WORD == 0 || known & NAMELY != 0))
            || (known & LAST != 0 && length >= SHORTEST_LAST && known & WORD == 0);
        let unlisted = self.words.mostly_lower && known == 0 && length >= SHORTEST_UNLISTED && !self.is_bent(word);
        listed || unlisted || self.is_cued(place, word) || self.follows_name(place, word) || self.is_met(place, word)
    }

    /// "goes by blade", "named jessika", "my boyfriend darnel".
    pub(super) fn is_cued(&self, place: usize, word: &Word) -> bool {
        let cue = self.cue(place);
        if cue & NAMING != 0 {
            return true;
        }
        let unlisted = word.known & WORD == 0 && word.range.len() >= SHORTEST_UNKNOWN;
        let named = word.known & (ORDINARY | FUNCTION | SAFE) == 0 || word.known & NAME != 0;
        (cue & STRONG != 0 && named) || (cue & WEAK != 0 && unlisted && !self.is_bent(word))
    }

    /// The rest of a name in small letters: "jessica fortunato".
    fn follows_name(&self, place: usize, word: &Word) -> bool {
        let Some(before) = self.before(place).filter(|_| matches!(word.gap, Gap::Space | Gap::Hyphen)) else {
            return false;
        };
        let low = before.shape == Shape::Lower || self.words.mostly_lower;
        let after_name = place.checked_sub(1).and_then(|before| self.fate(before)).is_some_and(Fate::is_name);
        if !low || !after_name || word.fresh || before.foreign {
            return false;
        }
        let unlisted = word.known & WORD == 0 && word.range.len() >= SHORTEST_UNKNOWN && !self.is_bent(word);
        let family = word.known & LAST != 0 && word.known & SAYS == 0 && self.words.mostly_lower;
        unlisted || family
    }

    /// "met rose at the mall", where nothing has capitals.
    fn is_met(&self, place: usize, word: &Word) -> bool {
        let met = self.words.mostly_lower
            && is_wordy_name(word.known)
            && !word.fresh
            && self.before(place).is_some_and(|before| WITH.contains(&self.written(before)));
        met && self
            .after(place)
            .is_none_or(|after| after.fresh || after.known & (FUNCTION | SAYS) != 0 || after.known & ORDINARY == 0)
    }

    /// Whether a word no list has ends as words do that bend: a verb misspelt, an adverb.
    fn is_bent(&self, word: &Word) -> bool {
        const ENDINGS: [&str; 16] = [
            "ing", "ed", "ly", "tion", "tions", "ment", "ments", "ness", "ait", "aient", "able", "ible", "eur", "euse",
            "ique", "less",
        ];
        let written = self.written(word);
        written.len() > 5 && ENDINGS.iter().any(|ending| written.ends_with(ending))
    }
}
