//! What people say, in the one form in which it is compared: capitals, accents, ligatures, order, hyphens and the usual
//! particles of names in Quebec and in English do not matter.

use icu_normalizer::DecomposingNormalizerBorrowed;
use zeroize::Zeroizing;

/// Words of a name that are looked at; the rest are left out.
const WORDS_MAX: usize = 8;
/// Terms of one name.
pub(super) const NAME_TERMS_MAX: usize = 32;
/// Shortest telephone number: emergency and short codes are nobody's.
const PHONE_DIGITS_MIN: usize = 7;
/// Longest number of E.164.
const PHONE_DIGITS_MAX: usize = 15;

/// Come before the word they belong to, together or apart: `de Courval`, `Decourval`, `Courval`.
const PARTICLES: [&str; 18] = [
    "d", "l", "o", "de", "du", "des", "la", "le", "les", "van", "von", "der", "den", "del", "della", "di", "da", "dos",
];
/// Part of the word that follows, however written.
const PREFIXES: [(&str, &str); 7] = [
    ("st", "saint"),
    ("saint", "saint"),
    ("ste", "sainte"),
    ("sainte", "sainte"),
    ("mc", "mc"),
    ("mac", "mc"),
    ("fitz", "fitz"),
];
/// Said with a name and no part of it.
const TITLES: [&str; 12] =
    ["mr", "mrs", "ms", "miss", "dr", "jr", "sr", "monsieur", "madame", "mme", "mlle", "mademoiselle"];

/// Text without what people write differently; words are separated by single spaces.
fn folded(text: &str) -> Zeroizing<String> {
    let decomposed = Zeroizing::new(DecomposingNormalizerBorrowed::new_nfkd().normalize(text).into_owned());
    // Grown to its size at once, ligatures included: a buffer that grows by itself leaves copies behind.
    let mut folded = Zeroizing::new(String::with_capacity(2 * decomposed.len()));
    for character in decomposed.chars().flat_map(char::to_lowercase) {
        match character {
            // Accents and what else stands above and below letters of the Latin, Greek and Cyrillic alphabets.
            '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{fe20}'..='\u{fe2f}' => {}
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            'ß' => folded.push_str("ss"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'þ' => folded.push_str("th"),
            'ı' => folded.push('i'),
            letter if letter.is_alphanumeric() => folded.push(letter),
            _ if folded.is_empty() || folded.ends_with(' ') => {}
            _ => folded.push(' '),
        }
    }
    folded
}

/// A phrase as it is stretched: its letters and digits, and nothing between them.
pub(super) fn phrase(text: &str) -> Zeroizing<String> {
    let folded = folded(text);
    let mut whole = Zeroizing::new(String::with_capacity(folded.len()));
    whole.extend(folded.split(' '));
    whole
}

/// A telephone number in the digits of E.164, as one is dialled from Canada; `None` when it is none.
pub(super) fn phone(text: &str) -> Option<Zeroizing<String>> {
    let text = folded_phone(text);
    let international = text.trim_start().starts_with('+');
    let mut digits = Zeroizing::new(String::with_capacity(text.len() + 1));
    digits.extend(text.chars().filter(char::is_ascii_digit));
    let abroad = ["011", "00"].into_iter().find_map(|prefix| digits.strip_prefix(prefix));
    let number = match abroad {
        _ if international => digits,
        Some(abroad) => Zeroizing::new(abroad.to_owned()),
        // Ten digits are a number of Canada or its neighbours without their country code.
        None if digits.len() == 10 => {
            digits.insert(0, '1');
            digits
        }
        None => digits,
    };
    (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&number.len()).then_some(number)
}

/// Without an extension, without `(0)`, with digits of any width as digits.
fn folded_phone(text: &str) -> Zeroizing<String> {
    let wide = Zeroizing::new(DecomposingNormalizerBorrowed::new_nfkd().normalize(text).into_owned());
    let start = wide.find(|character: char| character.is_ascii_digit()).unwrap_or(0);
    let extension = |(at, character): (usize, char)| {
        let extension = character.is_alphabetic() || matches!(character, '#' | ',' | ';');
        (at > start && extension).then_some(at)
    };
    let end = wide.char_indices().find_map(extension).unwrap_or(wide.len());
    Zeroizing::new(wide.get(..end).unwrap_or_default().replace("(0)", ""))
}

/// One word of a name, in the forms it may be said in.
type Forms = Vec<Zeroizing<String>>;

fn words(name: &str) -> Vec<Forms> {
    let folded = folded(name);
    let mut words: Vec<Forms> = Vec::new();
    let mut particles: Vec<&str> = Vec::new();
    let mut spoken = folded.split(' ').filter(|word| !word.is_empty() && !TITLES.contains(word)).peekable();
    while let Some(word) = spoken.next() {
        if words.len() == WORDS_MAX {
            break;
        }
        let last = spoken.peek().is_none();
        if !last && PARTICLES.contains(&word) {
            particles.push(word);
            continue;
        }
        let prefix = PREFIXES.iter().find(|(written, _)| *written == word).map(|(_, prefix)| *prefix);
        let mut form = match (prefix, spoken.peek()) {
            (Some(prefix), Some(rest)) => {
                let joined = Zeroizing::new(format!("{prefix}{rest}"));
                spoken.next();
                joined
            }
            _ => of_mac(word),
        };
        let mut forms = Forms::new();
        for particle in std::mem::take(&mut particles).into_iter().rev() {
            let joined = Zeroizing::new(format!("{particle}{}", *form));
            forms.push(std::mem::replace(&mut form, joined));
        }
        forms.push(form);
        words.push(forms);
    }
    words
}

/// `MacDonald` is said as `McDonald` is; `Mackay` is too short to tell from a name of its own, and is left.
fn of_mac(word: &str) -> Zeroizing<String> {
    match word.strip_prefix("mac") {
        Some(rest) if rest.len() >= 4 => Zeroizing::new(format!("mc{rest}")),
        Some(_) | None => Zeroizing::new(word.to_owned()),
    }
}

/// The terms of a name that is recorded: each given name with each family name, in no order.
pub(super) fn recorded_name(given_names: &str, family_name: &str) -> Vec<Zeroizing<String>> {
    let (given, family) = (words(given_names), words(family_name));
    if given.is_empty() || family.is_empty() {
        return pairs_within(&given.into_iter().chain(family).collect::<Vec<_>>());
    }
    let pairs = given.iter().flat_map(|one| family.iter().map(move |other| (one, other)));
    bounded(pairs.flat_map(|(one, other)| pairs_of(one, other)).collect())
}

/// The terms of a name whose parts are not told apart: any two of its words; a single word by itself.
pub(super) fn said_name(name: &str) -> Vec<Zeroizing<String>> {
    pairs_within(&words(name))
}

fn pairs_within(words: &[Forms]) -> Vec<Zeroizing<String>> {
    if let [only] = words {
        return bounded(only.clone());
    }
    let after = |index: usize| words.iter().skip(index + 1);
    let pairs = words.iter().enumerate().flat_map(|(index, one)| after(index).map(move |other| (one, other)));
    bounded(pairs.flat_map(|(one, other)| pairs_of(one, other)).collect())
}

fn pairs_of(one: &Forms, other: &Forms) -> Vec<Zeroizing<String>> {
    let pair = |one: &str, other: &str| {
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        Zeroizing::new(format!("{first} {second}"))
    };
    one.iter().flat_map(|one| other.iter().map(move |other| pair(one, other))).collect()
}

fn bounded(mut terms: Vec<Zeroizing<String>>) -> Vec<Zeroizing<String>> {
    terms.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    terms.dedup();
    terms.truncate(NAME_TERMS_MAX);
    terms
}

#[cfg(test)]
mod tests;
