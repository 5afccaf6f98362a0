//! Names with a typing error or two, and names with digits and signs for letters.

use super::super::lexicon::{FUNCTION, NAME, WORD};
use super::super::merge::Sureness;
use super::super::words::{Shape, Word, letter_at};
use super::names::{Name, Names, Source};
use super::{Found, Search};

/// From so many letters, one error is a typing error.
const ONE: usize = 5;
/// From so many letters, two are.
const TWO: usize = 8;
/// The longest word that is compared, in bytes.
const LONGEST: usize = 40;
/// From so many letters, digits and signs are read as letters.
const DISGUISED: usize = 4;
/// The most words between which signs stand that are read as one name.
const MOST_PARTS: usize = 6;

/// A name to compare words with.
pub(super) struct Candidate {
    /// Which of the joined names.
    place: usize,
    length: usize,
    letters: u32,
}

/// The names of a case that words are compared with.
pub(super) fn candidates(names: &Names) -> Vec<Candidate> {
    let near = names.joined.iter().enumerate();
    near.filter(|(_, (joined, name))| name.source == Source::Recorded && joined.len() <= LONGEST)
        .map(|(place, (joined, _))| Candidate { place, length: joined.chars().count(), letters: letters_of(joined) })
        .filter(|candidate| candidate.length >= ONE)
        .collect()
}

pub(super) fn find(search: &Search<'_>, candidates: &[Candidate], found: &mut Found<'_>) {
    let mut skip = 0;
    for (place, word) in search.words.all.iter().enumerate() {
        if place < skip {
            continue;
        }
        let end = disguised_until(search, place);
        if word.digits || end > place {
            skip = end.saturating_add(1);
            undisguise(search, place, end, found);
        }
        if let Some(name) = misspelt(search, word, candidates) {
            found.add(word.range.clone(), &name.whose, Sureness::Form);
        }
    }
}

fn misspelt<'a>(search: &Search<'a>, word: &Word, candidates: &[Candidate]) -> Option<&'a Name> {
    let length = word.range.len();
    if word.shape == Shape::Digits || !(ONE.saturating_sub(1)..=LONGEST).contains(&length) || stays(word) {
        return None;
    }
    let written = search.written(word);
    let (count, letters) = (written.chars().count(), letters_of(written));
    let mut best: Option<(usize, &Name)> = None;
    for candidate in candidates {
        let most = most_errors(candidate.length);
        let changed = u32::try_from(most).unwrap_or_default().saturating_mul(2);
        if count.abs_diff(candidate.length) > most || (letters ^ candidate.letters).count_ones() > changed {
            continue;
        }
        let Some((joined, name)) = search.names.joined.get(candidate.place) else { continue };
        let distance = strsim::osa_distance(written, joined);
        if distance <= most && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    // What is somebody's name as it is was found before.
    best.map(|(_, name)| name).filter(|_| search.names.get(written).is_none())
}

/// How many errors a name of so many letters may have.
const fn most_errors(length: usize) -> usize {
    match length {
        0..ONE => 0,
        ONE..TWO => 1,
        _ => 2,
    }
}

/// Whether a word is a name, or the name with a typing error or two.
pub(super) fn is_near(word: &str, name: &str) -> bool {
    word.len() <= LONGEST && strsim::osa_distance(word, name) <= most_errors(name.chars().count())
}

/// Whether a word is something else, not a name misspelt: an ordinary word where one stands in small letters or starts a
/// sentence, another name.
const fn stays(word: &Word) -> bool {
    let ordinary = word.known & WORD != 0;
    let capital_within = matches!(word.shape, Shape::Capital) && !word.starts;
    word.known & (NAME | FUNCTION) != 0 || (ordinary && !capital_within)
}

/// One bit for each letter that occurs.
fn letters_of(word: &str) -> u32 {
    word.bytes().fold(0, |letters, byte| letters | 1_u32.wrapping_shl(u32::from(byte & 31)))
}

/// The place of the last word of a run that begins at `place`, between whose words signs stand for letters ("m@rie").
fn disguised_until(search: &Search<'_>, place: usize) -> usize {
    // Few words have such a sign behind them.
    let sign = search.words.all.get(place).and_then(|word| search.text().as_bytes().get(word.range.end));
    if !matches!(sign, Some(b'@' | b'$' | b'!' | b'|')) {
        return place;
    }
    let words = search.words.all.get(place..).unwrap_or_default();
    let signs = words.windows(2).take(MOST_PARTS).take_while(|pair| {
        let [before, after] = pair else { return false };
        after.range.start == before.range.end.saturating_add(1)
            && letter_at(search.text(), before.range.end).is_some_and(|sign| matches!(sign, '@' | '$' | '!' | '|'))
    });
    place.saturating_add(signs.count())
}

fn undisguise(search: &Search<'_>, first: usize, last: usize, found: &mut Found<'_>) {
    let (Some(head), Some(tail)) = (search.words.all.get(first), search.words.all.get(last)) else { return };
    // A sign may also be the first or the last letter.
    let text = search.text();
    let before =
        head.range.start.checked_sub(1).filter(|at| letter_at(text, *at).is_some_and(|sign| "@$".contains(sign)));
    let begins = [Some(head.range.start), before];
    for begin in begins.into_iter().flatten() {
        let range = begin..tail.range.end;
        let Some(written) = text.get(range.clone()).filter(|written| written.len() <= LONGEST) else { continue };
        if !written.chars().any(char::is_alphabetic) {
            continue;
        }
        for one in ['i', 'l'] {
            let plain: String = written.chars().map(|letter| letter_meant(letter, one)).collect();
            if plain.len() < DISGUISED || plain == written {
                continue;
            }
            let name = search.names.get(&plain).or_else(|| {
                let trimmed = plain.trim_end_matches(|letter: char| letter.is_ascii_digit());
                search.names.get(trimmed)
            });
            if let Some(name) = name {
                found.add(range.clone(), &name.whose, Sureness::Likely);
            }
        }
    }
}

/// The letter that a digit or a sign looks like.
const fn letter_meant(sign: char, one: char) -> char {
    match sign {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        other => other,
    }
}
