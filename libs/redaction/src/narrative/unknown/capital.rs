//! Words with a capital: what may stay.

use super::super::lexicon::{
    FIRST, FUNCTION, LAST, LEADS, NAME, NAMELY, ORDINARY, PLACE, SAFE, SAYS, TO_PLACE, lexicon,
};
use super::super::words::{Gap, Shape, Word, letter_at};
use super::passages::Passage;
use super::{CUES, Fate, NAMING, STRONG, Scan};

/// What an English apostrophe cuts off a word.
const CUT_OFF: [&str; 8] = ["s", "t", "re", "ve", "ll", "d", "m", "em"];
/// Before these a place stands, whoever else is called like it.
const WITHIN: [&str; 16] = [
    "in", "at", "near", "l", "d", "a", "au", "en", "aux", "dans", "outside", "toward", "vers", "downtown", "around",
    "greater",
];
/// Places better known than people called like them.
const CITIES: [&str; 10] =
    ["london", "paris", "victoria", "regina", "india", "kingston", "sydney", "georgia", "florida", "israel"];
/// Before a single letter that is no name: plan B, type O.
const LETTERED: [&str; 38] = [
    "plan",
    "type",
    "option",
    "vitamin",
    "hep",
    "hepatitis",
    "class",
    "grade",
    "unit",
    "group",
    "building",
    "block",
    "section",
    "part",
    "gate",
    "row",
    "door",
    "level",
    "zone",
    "exit",
    "bus",
    "line",
    "ligne",
    "groupe",
    "classe",
    "porte",
    "sortie",
    "bloc",
    "terminal",
    "room",
    "chambre",
    "appendix",
    "annexe",
    "schedule",
    "list",
    "hepatite",
    "visa",
    "form",
];
/// The shortest run of letters that is a name beside digits.
const WITH_DIGITS: usize = 4;

impl Scan<'_> {
    pub(super) fn judge_capital(&self, place: usize, word: &Word) -> Fate {
        let written = self.written(word);
        let known = word.known;
        if self.is_cut(place, word, written) {
            return Fate::Stays;
        }
        if word.digits {
            return self.judge_with_digits(word, written);
        }
        if written.len() == 1 {
            return self.judge_letter(place, word, written);
        }
        if word.gap == Gap::Quote && self.cue(place) != 0 && known & (FUNCTION | SAFE) == 0 {
            return Fate::Goes;
        }
        if self.passage(place) != Passage::Capitals {
            if self.cue(place) & (STRONG | NAMING) != 0 && (known & NAME != 0 || known & (FUNCTION | SAFE) == 0) {
                return Fate::Goes;
            }
        } else if self.is_cued(place, word) && known & FUNCTION == 0 {
            return Fate::Goes;
        }
        match known {
            known if known & SAFE != 0 => self.judge_safe(place, word),
            known if known & PLACE != 0 => self.judge_place(place, word, written),
            known if known & FUNCTION != 0 => self.judge_function(place, word),
            known if known & ORDINARY != 0 => self.judge_ordinary(place, word, written),
            _ => self.judge_unlisted(place, word, written),
        }
    }

    /// "Don’t", "I’LL", "L’hôtel": pieces of words around an apostrophe.
    fn is_cut(&self, place: usize, word: &Word, written: &str) -> bool {
        if word.gap == Gap::Apostrophe && CUT_OFF.contains(&written) {
            return true;
        }
        let Some(after) = self.after(place).filter(|after| after.gap == Gap::Apostrophe) else { return false };
        self.written(after) == "t" && written.ends_with('n')
    }

    fn judge_with_digits(&self, word: &Word, written: &str) -> Fate {
        let letters = written.trim_matches(|letter: char| letter.is_ascii_digit());
        let known = lexicon().of(letters);
        let named = known & NAME != 0 && known & (ORDINARY | SAFE) == 0;
        let unlisted = letters.len() >= WITH_DIGITS && known & (ORDINARY | SAFE | PLACE) == 0;
        if word.known & SAFE == 0 && (named || unlisted) { Fate::Goes } else { Fate::Stays }
    }

    fn judge_letter(&self, place: usize, word: &Word, written: &str) -> Fate {
        let next = letter_at(self.text, word.range.end);
        let previous = word.range.start.checked_sub(1).and_then(|at| letter_at(self.text, at));
        if next == Some('.') && word.shape == Shape::Upper && !matches!(written, "i" | "y") {
            return self.judge_dotted(place, word);
        }
        let tied = matches!(next, Some('\'' | '-' | '/' | '&')) || matches!(previous, Some('\'' | '-' | '/' | '&'));
        let said = word.known & SAFE != 0 || tied || self.passage(place) != Passage::Plain;
        if said || self.before(place).is_some_and(|before| LETTERED.contains(&self.written(before))) {
            return Fate::Stays;
        }
        let cued = self.cue(place) & CUES != 0;
        if cued || !word.starts { Fate::Goes } else { Fate::Open }
    }

    /// "J. Roy", "J.T.": initials, unless the letters together are an abbreviation of the lists.
    fn judge_dotted(&self, place: usize, word: &Word) -> Fate {
        let single = |word: &&super::Word| word.range.len() == 1 && word.shape != Shape::Digits && !word.fresh;
        let mut first = place;
        while let Some(before) = first.checked_sub(1) {
            let dotted = self.word(first).is_some_and(|word| word.gap == Gap::Dot);
            if place - before > 6 || !dotted || self.word(before).filter(single).is_none() {
                break;
            }
            first = before;
        }
        let run = self.words.all.get(first..).unwrap_or_default().iter().enumerate();
        let run = run.take_while(|(at, word)| *at < 8 && single(word) && (*at == 0 || word.gap == Gap::Dot));
        let letters: String = run.map(|(_, word)| self.written(word)).collect();
        if letters.len() > 1 {
            let stays = lexicon().of(&letters) & (SAFE | PLACE) != 0;
            return if stays { Fate::Fixed } else { Fate::Goes };
        }
        if self.cue(place) & CUES != 0 {
            Fate::Goes
        } else if word.known & SAFE != 0 {
            Fate::Stays
        } else {
            Fate::Open
        }
    }

    /// A word that may stay anywhere, unless it is also a first name and nothing says that it is the other.
    fn judge_safe(&self, place: usize, word: &Word) -> Fate {
        if word.known & FIRST != 0 && word.shape == Shape::Capital && !self.is_dated(place) {
            return Fate::Goes;
        }
        if word.known & LAST != 0 { Fate::Open } else { Fate::Fixed }
    }

    /// "in April", "April 5", "since June", "à Noël".
    fn is_dated(&self, place: usize) -> bool {
        const EARLY: [&str; 12] =
            ["late", "early", "mid", "last", "this", "next", "debut", "fin", "mi", "end", "every", "each"];
        let before = |word: &super::Word| {
            word.known & TO_PLACE != 0
                || word.shape == Shape::Digits
                || EARLY.contains(&self.written(word))
                || word.digits
        };
        let after =
            |word: &super::Word| word.shape == Shape::Digits || word.digits || word.known & (SAFE | FIRST) == SAFE;
        self.before(place).is_some_and(before) || self.after(place).filter(|word| !word.fresh).is_some_and(after)
    }

    fn judge_place(&self, place: usize, word: &Word, written: &str) -> Fate {
        let before = self.before(place).filter(|_| !word.fresh);
        let led = before.is_some_and(|before| before.known & TO_PLACE != 0);
        let sequence = place.checked_sub(1).and_then(|before| self.fate(before)) == Some(Fate::Fixed);
        let listed = before.is_some_and(|before| before.known & PLACE != 0 || sequence)
            || self.after(place).filter(|after| !after.fresh).is_some_and(|after| after.known & PLACE != 0);
        if word.known & FIRST != 0 {
            let within = before.is_some_and(|before| WITHIN.contains(&self.written(before)));
            let city = (led || word.starts || listed) && CITIES.contains(&written);
            return if within || city || listed { Fate::Open } else { Fate::Goes };
        }
        if word.known & LAST != 0 {
            let noun = self.after(place).is_some_and(|after| after.known & SAYS == 0);
            return if led || listed || (noun && word.starts) || written.len() > 8 { Fate::Open } else { Fate::Goes };
        }
        if led { Fate::Fixed } else { Fate::Open }
    }

    fn judge_function(&self, place: usize, word: &Word) -> Fate {
        if word.starts || self.passage(place) != Passage::Plain || word.shape != Shape::Capital {
            return Fate::Stays;
        }
        if word.known & FIRST != 0 && !self.is_dated(place) {
            return Fate::Goes;
        }
        if word.known & LAST != 0 { Fate::Open } else { Fate::Stays }
    }

    fn judge_ordinary(&self, place: usize, word: &Word, written: &str) -> Fate {
        let known = word.known;
        let led = self.before(place).is_some_and(|before| before.known & LEADS != 0 && !word.fresh);
        let loud = word.shape == Shape::Upper || self.passage(place) != Passage::Plain;
        if loud {
            let wordy = known & NAMELY == 0 && (led || self.low.contains(written));
            return match (known & FIRST != 0, known & LAST != 0) {
                (true, _) if !wordy => Fate::Goes,
                (_, true) => Fate::Open,
                _ => Fate::Stays,
            };
        }
        if !word.starts || word.alone || word.shape == Shape::Mixed {
            return Fate::Goes;
        }
        if known & FIRST != 0 {
            let wordy = known & NAMELY == 0 && self.low.contains(written);
            return if wordy { Fate::Stays } else { Fate::Goes };
        }
        if known & LAST != 0 {
            let says = self.after(place).is_some_and(|after| after.known & SAYS != 0 && after.gap == Gap::Space);
            return if says { Fate::Goes } else { Fate::Open };
        }
        Fate::Stays
    }

    fn judge_unlisted(&self, place: usize, word: &Word, written: &str) -> Fate {
        if word.known & NAME != 0 {
            return Fate::Goes;
        }
        let several = written.strip_suffix('s').map(|one| lexicon().of(one)).unwrap_or_default();
        if several & (SAFE | PLACE) != 0 && several & FIRST == 0 {
            return Fate::Stays;
        }
        let start = word.starts || word.shape == Shape::Upper || self.passage(place) != Passage::Plain;
        let low = self.low.contains(written) && !self.words.mostly_lower;
        if start && (low || is_french_ending(written)) { Fate::Stays } else { Fate::Goes }
    }
}

/// Endings of French words that no name has.
fn is_french_ending(written: &str) -> bool {
    const ENDINGS: [&str; 8] = ["tion", "tions", "aient", "issant", "erait", "eraient", "issement", "issements"];
    written.len() > 6 && ENDINGS.iter().any(|ending| written.ends_with(ending))
}
