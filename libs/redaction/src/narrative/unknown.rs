//! Names nobody listed, by the inverted rule: a word with a capital goes unless it is known that it may stay. What may stay:
//! ordinary words where a sentence starts or everything is in capitals, days, months, places, agencies, peoples, languages,
//! makes and platforms, abbreviations of a list. In small letters go first names that are no ordinary words, what follows
//! words that say that a name follows, and letters of other scripts, which have no capitals to go by.
//!
//! Too much goes rather than too little: a reviewer puts back what need not have gone.

mod beside;
mod capital;
mod lower;
mod passages;

use super::lexicon::{HEAD, Known, NAMING, PLACE, SAFE, STRONG, WEAK, lexicon};
use super::merge::Sureness;
use super::words::{Gap, Shape, Word, Words, letter_at};
use super::{Folded, Hit, Kind};
use core::ops::Range;
use passages::Passage;
use std::collections::HashSet;

/// What becomes of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It stays.
    Stays,
    /// It stays, whatever stands beside it.
    Fixed,
    /// It stays unless a name stands beside it.
    Open,
    /// It goes.
    Goes,
    /// A known person's name: another finder's.
    Taken,
}

impl Fate {
    const fn is_name(self) -> bool {
        matches!(self, Self::Goes | Self::Taken)
    }
}

/// The words a name may follow, of which one may stand between.
const CUES: Known = STRONG | WEAK | NAMING;

/// Finds unknown names. `kept` are the places of names that stay; `hits` what was found of known people.
pub(super) fn find(folded: &Folded<'_>, words: &Words, kept: &[Range<usize>], hits: &mut Vec<Hit>) {
    let mut scan = Scan::new(folded, words);
    scan.settle(kept, Fate::Fixed);
    let mut taken: Vec<_> = hits.iter().map(|hit| hit.range.clone()).collect();
    taken.sort_by_key(|range| range.start);
    scan.settle(&taken, Fate::Taken);
    scan.known_sequences();
    for place in 0..words.all.len() {
        let Some(word) = words.all.get(place) else { continue };
        if scan.fate(place).is_none() {
            let fate = scan.judge(place, word);
            scan.set(place, fate);
        }
    }
    scan.spread();
    for (word, fate) in words.all.iter().zip(&scan.fates) {
        if *fate == Some(Fate::Goes) {
            hits.push(Hit { range: word.range.clone(), kind: Kind::Name, person: None, sure: Sureness::Form });
        }
    }
}

struct Scan<'a> {
    folded: &'a Folded<'a>,
    text: &'a str,
    words: &'a Words,
    fates: Vec<Option<Fate>>,
    /// Of each word, whether a name may follow it.
    cues: Vec<Known>,
    /// Of each word, what its passage is.
    passages: Vec<Passage>,
    /// Words that stand somewhere in small letters, of those of which this tells something.
    low: HashSet<&'a str>,
}

impl<'a> Scan<'a> {
    fn new(folded: &'a Folded<'a>, words: &'a Words) -> Self {
        let text = folded.text();
        let telling =
            |word: &&Word| word.shape == Shape::Lower && (word.known == 0 || lower::is_wordy_name(word.known));
        let low = words.all.iter().filter(telling).filter_map(|word| text.get(word.range.clone())).collect();
        Self {
            folded,
            text,
            words,
            fates: vec![None; words.all.len()],
            cues: words.all.iter().map(|word| word.known & CUES).collect(),
            passages: passages::of(words),
            low,
        }
    }

    fn word(&self, place: usize) -> Option<&'a Word> {
        self.words.all.get(place)
    }

    fn before(&self, place: usize) -> Option<&'a Word> {
        self.word(place.checked_sub(1)?)
    }

    fn after(&self, place: usize) -> Option<&'a Word> {
        self.word(place.saturating_add(1))
    }

    fn written(&self, word: &Word) -> &'a str {
        self.text.get(word.range.clone()).unwrap_or_default()
    }

    fn fate(&self, place: usize) -> Option<Fate> {
        self.fates.get(place).copied().flatten()
    }

    fn set(&mut self, place: usize, fate: Fate) {
        if let Some(old) = self.fates.get_mut(place) {
            *old = Some(fate);
        }
    }

    fn passage(&self, place: usize) -> Passage {
        self.passages.get(place).copied().unwrap_or(Passage::Plain)
    }

    /// What is already known of the words within some ranges, which are in order.
    fn settle(&mut self, ranges: &[Range<usize>], fate: Fate) {
        let mut place = 0;
        let mut reached = 0;
        for range in ranges {
            if range.end <= reached {
                continue;
            }
            while let Some(word) = self.word(place).filter(|word| word.range.start < range.end) {
                if word.range.end > range.start && self.fate(place).is_none() {
                    self.set(place, fate);
                }
                reached = word.range.end;
                place += 1;
            }
        }
    }

    /// Sequences of words of the lists: they stay together, or say that a name follows.
    fn known_sequences(&mut self) {
        let mut place = 0;
        while let Some(word) = self.word(place) {
            place += 1;
            if word.known & HEAD == 0 || word.replaced {
                continue;
            }
            let rest = self.words.all.get(place..).unwrap_or_default().iter();
            let near = rest.take_while(|word| !word.fresh && !matches!(word.gap, Gap::Comma | Gap::Quote));
            let Some((more, known)) = lexicon().sequence(self.written(word), near.map(|word| self.written(word)))
            else {
                continue;
            };
            if let Some(cue) = self.cues.get_mut(place.saturating_sub(1).saturating_add(more)) {
                *cue |= known & CUES;
            }
            if known & (PLACE | SAFE) != 0 {
                for at in place.saturating_sub(1)..=place.saturating_sub(1).saturating_add(more) {
                    if self.fate(at).is_none() {
                        self.set(at, Fate::Fixed);
                    }
                }
                place += more;
            }
        }
    }

    fn judge(&self, place: usize, word: &Word) -> Fate {
        if word.replaced {
            return Fate::Fixed;
        }
        if word.foreign {
            return Fate::Goes;
        }
        match word.shape {
            Shape::Digits => Fate::Stays,
            Shape::Lower => self.judge_lower(place, word),
            Shape::Capital | Shape::Upper | Shape::Mixed => self.judge_capital(place, word),
        }
    }

    /// What the words before say of whether a name follows: a cue, or a cue and one small word ("nickname is").
    fn cue(&self, place: usize) -> Known {
        let Some(word) = self.word(place).filter(|word| !word.fresh) else { return 0 };
        let Some(before) = self.before(place).filter(|before| !before.replaced) else { return 0 };
        let cue = place.checked_sub(1).and_then(|before| self.cues.get(before)).copied().unwrap_or_default();
        let slashed = letter_at(self.text, before.range.end) == Some('/');
        if cue != 0 && !slashed && word.gap != Gap::Apostrophe {
            return cue;
        }
        let small = matches!(
            self.written(before).as_bytes(),
            b"is" | b"was" | b"est" | b"etait" | b"as" | b"the" | b"le" | b"la" | b"l" | b"by" | b"only" | b"just"
        );
        if before.fresh || !small {
            return 0;
        }
        place.checked_sub(2).and_then(|further| self.cues.get(further)).copied().unwrap_or_default() & (STRONG | NAMING)
    }
}
