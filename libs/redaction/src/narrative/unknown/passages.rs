//! Passages in which capitals tell nothing: all in capitals, or headings.

use super::super::lexicon::{FUNCTION, ORDINARY, PLACE, SAFE};
use super::super::words::{Shape, Word, Words};

/// What the capitals of a passage tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// A capital is a capital.
    Plain,
    /// Nearly every word is in capitals.
    Capitals,
    /// A heading in which every word has one.
    Heading,
}

/// The longest heading, in words.
const LONGEST_HEADING: usize = 10;

/// Of each word, what its sentence is.
pub(super) fn of(words: &Words) -> Vec<Passage> {
    let mut passages = Vec::with_capacity(words.all.len());
    let mut rest = words.all.as_slice();
    while let Some((first, more)) = rest.split_first() {
        let length = more.iter().take_while(|word| !word.fresh).count().saturating_add(1);
        let (sentence, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        let whole_line = first.line && after.first().is_none_or(|word| word.line);
        passages.extend(core::iter::repeat_n(judge(sentence, whole_line), length));
        rest = after;
    }
    passages
}

fn judge(sentence: &[Word], whole_line: bool) -> Passage {
    let said = || sentence.iter().filter(|word| word.shape != Shape::Digits && !word.replaced);
    let long = || said().filter(|word| word.range.len() > 1);
    let (count, upper) = (long().count(), long().filter(|word| word.shape == Shape::Upper).count());
    if upper > 0 && upper.saturating_mul(10) >= count.saturating_mul(7) {
        return Passage::Capitals;
    }
    let capital = |word: &&Word| word.shape != Shape::Lower;
    let known = |word: &&Word| word.known & (ORDINARY | SAFE | PLACE) != 0;
    let heading = whole_line
        && (2..=LONGEST_HEADING).contains(&count)
        && said().all(|word| capital(&word) || word.known & FUNCTION != 0)
        && long().filter(capital).count() >= 2
        && said().filter(known).count().saturating_mul(10) >= said().count().saturating_mul(6);
    if heading { Passage::Heading } else { Passage::Plain }
}
