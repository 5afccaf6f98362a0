//! Numbers in words, and in words mixed with digits: `five one four, five five five, zero one four two`,
//! `cinq cent quatorze, 555, zéro-un-quarante-deux`.

use super::lexicon::{BETWEEN_DIGITS, DASH, DIGITS, EXTENSION, NUMBER};
use super::words::{Finds, Text, is_year, number};
use crate::narrative::{Kind, merge::Sureness};

/// The fewest words of numbers in a row that are a telephone number.
const WORDS: usize = 6;
/// The fewest digits, of words and of digits together.
const DIGITS_TOGETHER: usize = 7;
/// The most words of a year: `mille neuf cent quatre-vingt-dix-huit`.
const YEAR_WORDS: usize = 7;

pub(super) fn find(text: &Text<'_>, finds: &mut Finds<'_>) {
    let mut next = 0_usize;
    for at in text.having(NUMBER | DIGITS) {
        if at < next {
            continue;
        }
        let run = run_from(text, at);
        let in_words = run.words >= WORDS && !(run.figures == 0 && is_year_in_words(text, at, run.words));
        let mixed = run.digits >= DIGITS_TOGETHER && run.figures > 0 && (run.words >= 2 || run.dashes >= 1);
        if in_words || mixed {
            let (extension, digits) = (run.last.wrapping_add(1), run.last.wrapping_add(2));
            let extended = text.is(extension, EXTENSION)
                && (text.get(digits).is_digits() || text.is(digits, NUMBER))
                && is_close(text.gap(run.last));
            let last = if extended { digits } else { run.last };
            finds.push(text.span(at, last), Kind::Phone, Sureness::Likely);
        }
        next = run.last.saturating_add(1);
    }
}

/// How far a dictated number goes.
#[derive(Clone, Copy)]
struct Run {
    last: usize,
    words: usize,
    digits: usize,
    /// How many of them are written in figures.
    figures: usize,
    dashes: usize,
}

fn run_from(text: &Text<'_>, first: usize) -> Run {
    let mut run = Run { last: first, words: 0, digits: 0, figures: 0, dashes: 0 };
    if !is_number(text, first, 0) {
        return run;
    }
    count(text, first, &mut run);
    loop {
        let next = run.last.wrapping_add(1);
        if !is_close(text.gap(run.last)) {
            return run;
        }
        if is_number(text, next, run.words) {
            count(text, next, &mut run);
            continue;
        }
        let after = next.wrapping_add(1);
        let both_digits = text.get(run.last).is_digits() && text.get(after).is_digits();
        let joins = text.is(next, if both_digits { DASH } else { BETWEEN_DIGITS });
        if !(joins && is_close(text.gap(next)) && is_number(text, after, run.words)) {
            return run;
        }
        run.dashes = run.dashes.saturating_add(usize::from(both_digits));
        count(text, after, &mut run);
    }
}

/// A number word, or digits short enough to be dictated that are no year, unless words of numbers went before.
fn is_number(text: &Text<'_>, at: usize, words: usize) -> bool {
    let word = text.get(at);
    word.is(NUMBER) || (word.is_digits() && word.len() <= 4 && (words > 1 || !is_year(number(text.form(at)))))
}

fn count(text: &Text<'_>, at: usize, run: &mut Run) {
    let word = text.get(at);
    run.last = at;
    if word.is_digits() {
        run.digits = run.digits.saturating_add(word.len());
        run.figures = run.figures.saturating_add(1);
    } else {
        run.words = run.words.saturating_add(1);
        run.digits = run.digits.saturating_add(1);
    }
}

fn is_close(gap: &[u8]) -> bool {
    gap.len() <= 5
        && gap.iter().all(|byte| matches!(byte, b' ' | b',' | b'.' | b'-' | b'/' | b'(' | b')' | b'_' | b':' | b'\''))
}

/// A year in words is no telephone number.
fn is_year_in_words(text: &Text<'_>, first: usize, words: usize) -> bool {
    words <= YEAR_WORDS
        && matches!(
            (text.form(first), text.form(first.wrapping_add(1))),
            (b"mille", b"neuf") | (b"deux", b"mille") | (b"dix", b"neuf") | (b"two", b"thousand")
        )
}
