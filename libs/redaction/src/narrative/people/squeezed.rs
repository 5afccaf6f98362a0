//! Names found in the text without anything between its words: so a name is the same written apart, together, hyphenated,
//! letter by letter, or broken at the end of a line. Where it begins and ends, and what stands within, decides whether it is
//! the name.

use super::super::Refusal;
use super::super::fold::UPPER;
use super::super::lexicon::WORD;
use super::super::merge::Sureness;
use super::super::words::{Gap, Shape, Word, is_accented_word, letter_at};
use super::names::{Name, Names, Source};
use super::{Found, Search};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use core::ops::Range;

/// A text up to this many bytes is searched with what is quick to make, a longer one with what is quick to use.
const SHORT_TEXT: usize = 1 << 16;
/// Names of so many letters together are found by what is quickest to use and takes most memory, about 1 MB.
const FEW_LETTERS: usize = 1 << 13;
/// In a text of up to so many bytes names are looked for one by one, those that may stand there.
const SHORT_SQUEEZED: usize = 1 << 11;
/// The most names that are looked for one by one.
const MOST_TRIED: usize = 32;
/// How many pairs of letters are told apart.
const PAIRS: usize = 1 << 12;
/// Names of so many letters in two words or more are found within longer words.
const LONG_FULL: usize = 8;
/// Names of so many letters in one word are found within words that are no ordinary ones.
const LONG_WORD: usize = 6;
/// What may stand between the parts of one name, in bytes.
const WIDEST_GAP: usize = 4;

/// What finds the names of a case in a text of so many bytes; the number of a pattern is its place among the joined names.
///
/// # Errors
/// [`Refusal::Names`] if they do not fit; bounded names do.
pub(super) fn automaton(names: &Names, length: usize) -> Result<AhoCorasick, Refusal> {
    let joined = || names.joined.iter().map(|(joined, _)| joined);
    let letters: usize = joined().map(String::len).sum();
    let mut builder = AhoCorasick::builder();
    if length < SHORT_TEXT {
        builder.kind(Some(AhoCorasickKind::NoncontiguousNFA)).prefilter(false).dense_depth(1);
    } else if letters <= FEW_LETTERS {
        builder.kind(Some(AhoCorasickKind::DFA));
    }
    builder.build(joined()).map_err(|_| Refusal::Names)
}

/// Finds the names; `automaton` makes ready what finds them in a text that is not short.
///
/// # Errors
/// What it says.
pub(super) fn find<'a>(
    search: &Search<'_>,
    automaton: impl FnOnce() -> Result<&'a AhoCorasick, Refusal>,
    found: &mut Found<'_>,
) -> Result<(), Refusal> {
    let squeezed = Squeezed::new(search);
    let mut report = |at: &Range<usize>, place: usize| {
        let Some((_, name)) = search.names.joined.get(place) else { return };
        if let Some(range) = squeezed.place(at, name) {
            let sure = match name.source {
                Source::Recorded => Sureness::Certain,
                Source::Form => Sureness::Likely,
            };
            found.add(range, &name.whose, sure);
        }
    };
    if let Some(all) = few(search.names, squeezed.text.as_bytes()) {
        all.iter().for_each(|(at, place)| report(at, *place));
        return Ok(());
    }
    for at in automaton()?.find_overlapping_iter(&squeezed.text) {
        report(&(at.start()..at.end()), at.pattern().as_usize());
    }
    Ok(())
}

/// Where the names stand in a short text, in the order of their ends, then of their beginnings; nothing if it is not short, or if
/// too many may stand there. Most names of a case have two letters side by side that the text has nowhere side by side.
fn few(names: &Names, text: &[u8]) -> Option<Vec<(Range<usize>, usize)>> {
    if text.len() > SHORT_SQUEEZED {
        return None;
    }
    let mut pairs = [0_u64; PAIRS / 64];
    let bit_of = |pair: &[u8]| {
        let hash = pair.iter().fold(0_usize, |hash, byte| (hash << 5) ^ usize::from(*byte)) % PAIRS;
        (hash / 64, 1_u64.wrapping_shl(u32::try_from(hash % 64).unwrap_or_default()))
    };
    for pair in text.windows(2) {
        let (place, bit) = bit_of(pair);
        if let Some(bits) = pairs.get_mut(place) {
            *bits |= bit;
        }
    }
    let has = |pair: &[u8]| {
        let (place, bit) = bit_of(pair);
        pairs.get(place).is_some_and(|bits| bits & bit != 0)
    };
    let (mut all, mut tried) = (Vec::new(), 0_usize);
    for (place, (joined, _)) in names.joined.iter().enumerate() {
        let name = joined.as_bytes();
        if name.len() > text.len() || !name.windows(2).all(has) {
            continue;
        }
        tried = tried.saturating_add(1);
        if tried > MOST_TRIED {
            return None;
        }
        let is_it = |(_, window): &(usize, &[u8])| window.first() == name.first() && *window == name;
        let found = text.windows(name.len().max(1)).enumerate().filter(is_it);
        all.extend(found.map(|(start, _)| (start..start.saturating_add(name.len()), place)));
    }
    all.sort_by_key(|(at, _)| (at.end, at.start));
    Some(all)
}

struct Squeezed<'a> {
    search: &'a Search<'a>,
    text: String,
    /// Where each word begins in `text`.
    begins: Vec<usize>,
}

impl<'a> Squeezed<'a> {
    fn new(search: &'a Search<'a>) -> Self {
        let mut text = String::with_capacity(search.text().len());
        let mut begins = Vec::with_capacity(search.words.all.len());
        for word in &search.words.all {
            begins.push(text.len());
            text.push_str(search.written(word));
        }
        Self { search, text, begins }
    }

    /// Where in the folded text a find stands, if it is the name and not part of something else.
    fn place(&self, find: &Range<usize>, name: &Name) -> Option<Range<usize>> {
        let first = self.begins.partition_point(|begin| *begin <= find.start).checked_sub(1)?;
        let last = self.begins.partition_point(|begin| *begin < find.end).checked_sub(1)?;
        let words = self.search.words.all.get(first..=last)?;
        let (head, tail) = (words.first()?, words.last()?);
        let into = find.start.checked_sub(*self.begins.get(first)?)?;
        let out = find.end.checked_sub(*self.begins.get(last)?)?;
        let range = head.range.start.checked_add(into)?..tail.range.start.checked_add(out)?;
        if name.wordy && !self.is_name(first, last, &range) {
            return None;
        }
        if let ([word], [_]) = (words, name.ends.as_slice())
            && is_accented_word(self.search.folded, word)
        {
            return None;
        }
        let bounded = name.unbounded || (self.begins_well(&range, head) && self.ends_well(&range, tail, name));
        let within = || {
            let length = find.len();
            (name.ends.len() > 1 && length >= LONG_FULL)
                || (length >= LONG_WORD && words.len() == 1 && head.known & WORD == 0)
        };
        ((bounded || within()) && self.holds_together(first, words, find, name)).then_some(range)
    }

    /// Whether a name that is also an ordinary word is written as a name.
    fn is_name(&self, first: usize, last: usize, range: &Range<usize>) -> bool {
        let folded = self.search.folded;
        let capital = || range.clone().any(|at| folded.marks(at) & UPPER != 0);
        if first == last { self.search.is_name_here(first) } else { self.search.words.mostly_lower || capital() }
    }

    /// Whether a name may begin here: not within a word, unless a digit or a small letter stands before a capital.
    fn begins_well(&self, range: &Range<usize>, head: &Word) -> bool {
        range.start == head.range.start || self.turns(range.start)
    }

    fn ends_well(&self, range: &Range<usize>, tail: &Word, name: &Name) -> bool {
        if range.end == tail.range.end || self.turns(range.end) {
            return true;
        }
        // "the lilys": a plural, a possessive without its apostrophe.
        let plural = range.end.checked_add(1) == Some(tail.range.end)
            && letter_at(self.search.text(), range.end) == Some('s')
            && name.ends.last().is_some_and(|length| *length > 2);
        plural && (tail.known & WORD == 0 || tail.shape == Shape::Capital)
    }

    /// Whether letters turn into digits here, or a small letter into a capital.
    fn turns(&self, at: usize) -> bool {
        let folded = self.search.folded;
        let text = self.search.text();
        let Some(before) = at.checked_sub(1).and_then(|before| text.as_bytes().get(before)) else { return true };
        let Some(after) = text.as_bytes().get(at) else { return true };
        let upper = |at: usize| folded.marks(at) & UPPER != 0;
        before.is_ascii_digit() != after.is_ascii_digit() || (upper(at) && !upper(at.saturating_sub(1)))
    }

    /// Whether what stands between the parts of a find leaves it one name.
    fn holds_together(&self, first: usize, words: &[Word], find: &Range<usize>, name: &Name) -> bool {
        let mut parts = words.windows(2).zip(self.begins.get(first.saturating_add(1)..).unwrap_or_default());
        let single = words.iter().all(|word| word.range.len() == 1) && words.len() > 2;
        let ordinary = words.iter().all(|word| word.known & WORD != 0);
        parts.all(|(pair, begin)| {
            let [before, after] = pair else { return false };
            if after.range.start.saturating_sub(before.range.end) > WIDEST_GAP {
                return false;
            }
            let between_words = begin.checked_sub(find.start).is_some_and(|at| name.ends.contains(&at));
            if between_words || single {
                return true;
            }
            // Within one word of the name. Ordinary words that make it up by chance ("son mari a dit") are no name.
            match after.gap {
                Gap::Comma | Gap::Quote => false,
                Gap::Hyphen => true,
                Gap::Line => {
                    !ordinary || (find.len() > 4 && words.first().is_some_and(|word| word.shape != Shape::Lower))
                }
                Gap::Space | Gap::Apostrophe | Gap::Dot | Gap::Other => !ordinary,
            }
        })
    }
}
