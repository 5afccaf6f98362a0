//! The folded text as runs of letters and runs of digits, each with what the lexicon knows of it: what every recogniser that
//! looks at words stands on. They are the narrative's words, already looked up, parted where letters and digits meet.

use super::lexicon::{DIGITS, NUMBER_SIGN, STARTING};
use crate::narrative::{Folded, Hit, Kind, fold::UPPER, lexicon::lexicon, merge::Sureness, words};
use core::ops::Range;

/// How far a word that says what a number is may stand from it, in bytes of the folded text.
pub(super) const CONTEXT: usize = 40;

/// A run of letters or a run of digits, both ASCII, in bytes of the folded text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) senses: u64,
}

impl Word {
    pub(super) const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    pub(super) const fn is(self, senses: u64) -> bool {
        self.senses & senses != 0
    }

    pub(super) const fn is_digits(self) -> bool {
        self.is(DIGITS)
    }
}

/// How a narrative uses capitals: where it has next to none or nothing else, they say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Casing {
    /// Capitals tell names from words.
    Telling,
    /// Nearly everything is in lower case, or in capitals.
    Silent,
}

/// What recognisers look at.
pub(super) struct Text<'a> {
    folded: &'a Folded<'a>,
    pub(super) bytes: &'a [u8],
    pub(super) words: Vec<Word>,
    /// The places of the words from which a recogniser may start, in order: every other is looked at from these only.
    pub(super) starts: Vec<usize>,
    pub(super) casing: Casing,
}

impl<'a> Text<'a> {
    pub(super) fn new(folded: &'a Folded<'a>, words: &words::Words) -> Self {
        let bytes = folded.text().as_bytes();
        let (words, starts) = runs_of(bytes, words);
        Self { folded, bytes, words, starts, casing: casing_of(folded.original()) }
    }

    /// The places of the words of some senses that recognisers start from ([`STARTING`]), in order.
    pub(super) fn having(&self, senses: u64) -> impl Iterator<Item = usize> {
        debug_assert!(senses & !STARTING == 0, "words of such a sense alone are not among the starts");
        self.starts.iter().copied().filter(move |at| self.is(*at, senses))
    }

    /// A word by its place; beyond either end an empty one without senses.
    pub(super) fn get(&self, at: usize) -> Word {
        let end = self.bytes.len();
        self.words.get(at).copied().unwrap_or(Word { start: end, end, senses: 0 })
    }

    /// The word before; beyond the start an empty one without senses.
    pub(super) fn before(&self, at: usize) -> Word {
        self.get(at.wrapping_sub(1))
    }

    pub(super) fn is(&self, at: usize, senses: u64) -> bool {
        self.get(at).is(senses)
    }

    /// The folded letters or digits of a word.
    pub(super) fn form(&self, at: usize) -> &'a [u8] {
        let word = self.get(at);
        self.bytes(&(word.start..word.end))
    }

    /// From where one word begins to where another ends.
    pub(super) fn span(&self, first: usize, last: usize) -> Range<usize> {
        self.get(first).start..self.get(last).end
    }

    /// The folded text.
    pub(super) fn text(&self) -> &'a str {
        self.folded.text()
    }

    pub(super) fn bytes(&self, range: &Range<usize>) -> &'a [u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// What stands between a word and the one after it; a full stop at either end of the text.
    pub(super) fn gap(&self, at: usize) -> &'a [u8] {
        match (self.words.get(at), self.words.get(at.wrapping_add(1))) {
            (Some(word), Some(next)) => self.bytes(&(word.end..next.start)),
            (Some(word), None) => self.bytes.get(word.end..).filter(|rest| !rest.is_empty()).unwrap_or(b". "),
            (None, _) => b". ",
        }
    }

    /// What stands before a word.
    pub(super) fn gap_before(&self, at: usize) -> &'a [u8] {
        if at == 0 {
            let first = self.get(0);
            return self.bytes.get(..first.start).filter(|gap| !gap.is_empty()).unwrap_or(b". ");
        }
        self.gap(at.wrapping_sub(1))
    }

    /// The value of a short number in digits.
    pub(super) fn value(&self, at: usize) -> Option<u32> {
        let word = self.get(at);
        (word.is_digits() && word.len() <= 6).then(|| number(self.form(at)))
    }

    /// Whether a word was written with a capital first.
    pub(super) fn is_capital(&self, at: usize) -> bool {
        self.folded.marks(self.get(at).start) & UPPER != 0
    }

    /// Whether a word was written with a capital first, in a text in which that says something.
    pub(super) fn is_telling_capital(&self, at: usize) -> bool {
        self.casing == Casing::Telling && self.is_capital(at)
    }

    /// Whether letters were written in capitals only, in a text in which that says something.
    pub(super) fn is_all_capitals(&self, range: &Range<usize>) -> bool {
        self.casing == Casing::Telling && !self.folded.written(range).chars().any(char::is_lowercase)
    }

    /// A word for "number", `n°` among them.
    pub(super) fn is_number_sign(&self, at: usize) -> bool {
        self.is(at, NUMBER_SIGN) || (self.form(at) == b"n" && self.gap(at).starts_with("°".as_bytes()))
    }

    /// What was written where a range comes from.
    pub(super) fn written(&self, range: &Range<usize>) -> &'a str {
        self.folded.written(range)
    }

    /// The place of the first word that ends after a byte.
    pub(super) fn word_at(&self, byte: usize) -> usize {
        self.words.partition_point(|word| word.end <= byte)
    }

    /// The senses of every word that stands, at least in part, so many bytes before and after a range.
    pub(super) fn around(&self, range: &Range<usize>, before: usize, after: usize) -> u64 {
        let (from, to) = (range.start.saturating_sub(before), range.end.saturating_add(after));
        let first = self.word_at(from);
        self.words
            .iter()
            .skip(first)
            .take_while(|word| word.start < to)
            .filter(|word| word.end <= range.start || word.start >= range.end)
            .fold(0, |senses, word| senses | word.senses)
    }

    /// Whether a word of the given senses stands within [`CONTEXT`] of a range.
    pub(super) fn is_near(&self, range: &Range<usize>, senses: u64) -> bool {
        self.around(range, CONTEXT, CONTEXT) & senses != 0
    }
}

/// What recognisers report to.
pub(super) struct Finds<'a> {
    hits: &'a mut Vec<Hit>,
}

impl<'a> Finds<'a> {
    pub(super) const fn new(hits: &'a mut Vec<Hit>) -> Self {
        Self { hits }
    }

    pub(super) fn push(&mut self, range: Range<usize>, kind: Kind, sure: Sureness) {
        if range.start < range.end {
            self.hits.push(Hit { range, kind, person: None, sure });
        }
    }
}

/// The number a few digits make.
pub(super) fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .fold(0, |sum: u32, digit| sum.saturating_mul(10).saturating_add(u32::from(digit.saturating_sub(b'0'))))
}

/// How many digits there are.
pub(super) fn digits_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| byte.is_ascii_digit()).count()
}

/// A year in which somebody who is spoken of, or something that is told, may have been born or happened.
pub(super) const fn is_year(value: u32) -> bool {
    value >= 1900 && value < 2040
}

fn runs_of(bytes: &[u8], words: &words::Words) -> (Vec<Word>, Vec<usize>) {
    let mut runs = Vec::with_capacity(words.all.len());
    let mut starts = Vec::with_capacity(words.all.len() / 4);
    let mut push = |start, end, senses, looked_at| {
        if looked_at || senses & STARTING != 0 {
            starts.push(runs.len());
        }
        runs.push(Word { start, end, senses });
    };
    for word in &words.all {
        if word.alike {
            let senses = if word.digits { DIGITS } else { word.senses };
            push(word.range.start, word.range.end, senses, word.looked_at);
            continue;
        }
        let mut at = word.range.start;
        let mut rest = bytes.get(word.range.clone()).unwrap_or_default();
        while let Some(first) = rest.first() {
            let letters = first.is_ascii_lowercase();
            let is_like = |byte: &&u8| if letters { byte.is_ascii_lowercase() } else { byte.is_ascii_digit() };
            let len = rest.iter().take_while(is_like).count();
            let (run, more) = rest.split_at_checked(len.max(1)).unwrap_or_default();
            let end = at.saturating_add(run.len());
            if len > 0 {
                let entry = lexicon().entry(run);
                push(at, end, if letters { entry.senses } else { DIGITS }, entry.looked_at);
            }
            (at, rest) = (end, more);
        }
    }
    (runs, starts)
}

/// Fewer capitals than one letter in a hundred and fifty, or more than three in five, say nothing.
fn casing_of(original: &str) -> Casing {
    let capitals = original.bytes().filter(u8::is_ascii_uppercase).count();
    let letters = original.bytes().filter(u8::is_ascii_alphabetic).count();
    let silent = capitals.saturating_mul(150) < letters || capitals.saturating_mul(5) > letters.saturating_mul(3);
    if silent { Casing::Silent } else { Casing::Telling }
}
