//! Folding with places: the text as finders see it (lower case, without accents, ligatures, look-alikes, marks and invisible
//! characters, white space as one space) and, of each byte of it, where in the narrative it comes from.

use core::ops::Range;
use icu_normalizer::DecomposingNormalizerBorrowed;

/// A narrative and its folded form.
pub struct Folded<'a> {
    original: &'a str,
    text: String,
    /// Of `text`, from which byte on it comes from where, in order. Between them nothing is missing: where one ends the next
    /// begins, in the folded text and in the original.
    places: Vec<Place>,
    /// Of each byte of `text`, what folding took away.
    marks: Vec<u8>,
}

/// A stretch of the folded text.
#[derive(Clone, Copy)]
struct Place {
    /// Where it begins in the folded text.
    folded: u32,
    /// Where it begins in the original.
    original: u32,
    /// Each byte comes from one byte; otherwise all come from one character. What leaves nothing belongs to the last of them.
    even: bool,
}

/// Was a capital.
pub(super) const UPPER: u8 = 1;
/// Is a letter of another script than Latin, also where a Latin look-alike stands for it.
pub(super) const FOREIGN: u8 = 2;
/// White space in which a line ends.
pub(super) const LINE: u8 = 4;
/// A quotation mark that opens.
pub(super) const OPENS: u8 = 8;
/// Was no ASCII character.
pub(super) const BEYOND: u8 = 16;

impl<'a> Folded<'a> {
    /// Folds a text of at most [`super::LONGEST`] bytes.
    #[must_use]
    pub fn new(original: &'a str) -> Self {
        let mut folded = Self {
            original,
            text: String::with_capacity(original.len()),
            places: Vec::new(),
            marks: Vec::with_capacity(original.len()),
        };
        let normalizer = DecomposingNormalizerBorrowed::new_nfkd();
        let mut at = 0;
        while let Some(rest) = original.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = rest.get(..plain_length(rest.as_bytes(), folded.text.ends_with(' '))).unwrap_or_default();
            folded.write_plain(plain, at);
            at = at.saturating_add(plain.len());
            if let Some(character) = rest.get(plain.len()..).and_then(|rest| rest.chars().next()) {
                folded.push(at, character, &normalizer);
                at = at.saturating_add(character.len_utf8());
            }
        }
        folded
    }

    /// The text as it was written.
    #[must_use]
    pub const fn original(&self) -> &'a str {
        self.original
    }

    /// The folded text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where in the original a range of the folded text comes from, in bytes; whole characters, marks that follow included.
    /// `None` for a range that is empty or beyond the text.
    #[must_use]
    pub fn range(&self, folded: &Range<usize>) -> Option<Range<usize>> {
        let last = folded.end.checked_sub(1).filter(|last| folded.start <= *last && *last < self.text.len())?;
        let (start, end) = (self.place(folded.start)?.start, self.place(last)?.end);
        (start < end).then_some(start..end)
    }

    /// Where in the original a byte of the folded text comes from.
    fn place(&self, at: usize) -> Option<Range<usize>> {
        let wanted = u32::try_from(at).ok()?;
        let next = self.places.partition_point(|place| place.folded <= wanted);
        let place = self.places.get(next.checked_sub(1)?)?;
        let (after, end) = match self.places.get(next) {
            Some(next) => (usize::try_from(next.folded).ok()?, usize::try_from(next.original).ok()?),
            None => (self.text.len(), self.original.len()),
        };
        let start = usize::try_from(place.original).ok()?;
        if !place.even {
            return Some(start..end);
        }
        let start = start.checked_add(usize::try_from(wanted.checked_sub(place.folded)?).ok()?)?;
        Some(start..if at.checked_add(1)? < after { start.checked_add(1)? } else { end })
    }

    /// What was written where a range of the folded text comes from.
    #[must_use]
    pub fn written(&self, folded: &Range<usize>) -> &'a str {
        self.range(folded).and_then(|range| self.original.get(range)).unwrap_or_default()
    }

    /// What folding took away from a byte of the folded text: [`UPPER`], [`FOREIGN`], [`LINE`], [`OPENS`].
    pub(super) fn marks(&self, at: usize) -> u8 {
        self.marks.get(at).copied().unwrap_or_default()
    }

    /// Writes characters that fold to themselves, or to their small letters.
    fn write_plain(&mut self, plain: &str, start: usize) {
        if plain.is_empty() {
            return;
        }
        let written = self.text.len();
        self.begin(start, true);
        self.text.push_str(plain);
        if let Some(written) = self.text.get_mut(written..) {
            written.make_ascii_lowercase();
        }
        self.marks.extend(plain.bytes().map(|byte| if byte.is_ascii_uppercase() { UPPER } else { 0 }));
    }

    /// Begins a stretch where the folded text ends, unless it only goes on.
    fn begin(&mut self, original: usize, even: bool) {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let (folded, original) = (place(self.text.len()), place(original));
        let goes_on = self.places.last().is_some_and(|last| {
            last.even && even && original.checked_sub(last.original) == folded.checked_sub(last.folded)
        });
        if !goes_on {
            self.places.push(Place { folded, original, even });
        }
    }

    fn push(&mut self, start: usize, character: char, normalizer: &DecomposingNormalizerBorrowed<'_>) {
        if is_invisible(character) {
            return;
        }
        if character.is_whitespace() || character.is_control() {
            let line = if matches!(character, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}') {
                LINE
            } else {
                0
            };
            if self.text.ends_with(' ') {
                if let Some(mark) = self.marks.last_mut() {
                    *mark |= line;
                }
                return;
            }
            self.begin(start, false);
            return self.write(' ', line);
        }
        let mut mark = if character.is_uppercase() { UPPER } else { 0 };
        if !character.is_ascii() {
            mark |= BEYOND;
        }
        if matches!(character, '\u{ab}' | '\u{201c}' | '\u{2039}' | '\u{201e}') {
            mark |= OPENS;
        }
        if !character.is_ascii() && character.is_alphabetic() && !is_latin(character) {
            mark |= FOREIGN;
        }
        if let Some(plain) = plain_of(character) {
            self.begin(start, false);
            return plain.chars().for_each(|plain| self.write(plain, mark));
        }
        if character.is_ascii() {
            self.begin(start, false);
            return self.write(character, mark);
        }
        if let Some(digit) = digit_of(character) {
            self.begin(start, false);
            return self.write(digit, mark);
        }
        let mut buffer = [0_u8; 4];
        let mut written = false;
        for part in normalizer.normalize_iter(character.encode_utf8(&mut buffer).chars()) {
            if is_mark(part) {
                continue;
            }
            if !written {
                self.begin(start, false);
            }
            written = true;
            match plain_of(part) {
                Some(plain) => plain.chars().for_each(|plain| self.write(plain, mark)),
                None if part.is_whitespace() => self.write(' ', mark),
                None => {
                    let lower = part.to_lowercase().filter(|lower| !is_mark(*lower));
                    lower.for_each(|lower| self.write(lower, mark));
                }
            }
        }
    }

    #[inline]
    fn write(&mut self, character: char, mark: u8) {
        self.text.push(character);
        self.marks.extend(core::iter::repeat_n(mark, character.len_utf8()));
    }
}

/// How many characters there are before the first that needs a look of its own; `spaced` if a space was written last.
fn plain_length(bytes: &[u8], spaced: bool) -> usize {
    let mut before = spaced;
    let is_plain = |byte: &&u8| {
        let space = **byte == b' ';
        let plain = byte.is_ascii_graphic() && **byte != b'`' || (space && !before);
        before = space;
        plain
    };
    bytes.iter().take_while(is_plain).count()
}

/// Letters of the Latin script, styled ones included.
const fn is_latin(character: char) -> bool {
    matches!(character,
        '\0'..='\u{2af}' | '\u{1d00}'..='\u{1dbf}' | '\u{1e00}'..='\u{1eff}' | '\u{2070}'..='\u{209c}' | '\u{2100}'..='\u{218b}'
        | '\u{2460}'..='\u{24ff}' | '\u{2c60}'..='\u{2c7f}' | '\u{a720}'..='\u{a7ff}' | '\u{ab30}'..='\u{ab6f}' | '\u{fb00}'..='\u{fb06}'
        | '\u{ff21}'..='\u{ff5a}' | '\u{1d400}'..='\u{1d7ff}' | '\u{1f100}'..='\u{1f1ff}')
}

/// Characters that are not seen: of zero width, soft hyphens, directions, variation selectors.
const fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Combining marks.
const fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Digits of other scripts, which stand ten in a row (Unicode's decimal digits of the planes that notes are written in;
/// decomposition makes plain what is only shaped otherwise).
fn digit_of(character: char) -> Option<char> {
    const ZEROS: &[u32] = &[
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
        0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
        0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0, 0x11066,
    ];
    let value = ZEROS.iter().find_map(|zero| u32::from(character).checked_sub(*zero).filter(|value| *value < 10))?;
    char::from_digit(value, 10)
}

/// What decomposition does not make plain: letters with strokes, ligatures, quotes, hyphens, and letters of other scripts
/// that look like Latin ones.
const fn plain_of(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{2010}'..='\u{2015}'
        | '\u{2212}'
        | '\u{2043}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0d}'
        | '\u{2e3a}'
        | '\u{2e3b}' => "-",
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{2bc}' | '\u{2b9}' | '`' | '\u{b4}' | '\u{ff07}'
        | '\u{201a}' | '\u{2035}' => "'",
        '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2033}' | '\u{2039}' | '\u{203a}' => "\"",
        'ł' | 'Ł' => "l",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ø' | 'Ø' => "o",
        'ı' | 'İ' => "i",
        'ß' | 'ẞ' => "ss",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'þ' | 'Þ' => "th",
        'ħ' | 'Ħ' => "h",
        'ŧ' | 'Ŧ' => "t",
        'ŋ' | 'Ŋ' => "n",
        'ĸ' => "k",
        'ƒ' => "f",
        'ƀ' => "b",
        'ɨ' => "i",
        'ʉ' => "u",
        'ə' | 'ɛ' => "e",
        'ɑ' | 'ɐ' => "a",
        'ɡ' => "g",
        'ɩ' => "i",
        'ᴀ' => "a",
        'ᴇ' => "e",
        'ᴏ' => "o",
        // Cyrillic letters that look like Latin ones.
        'а' | 'А' => "a",
        'В' | 'в' => "b",
        'с' | 'С' => "c",
        'е' | 'Е' | 'ё' | 'Ё' => "e",
        'Н' | 'н' => "h",
        'і' | 'І' | 'ї' | 'Ї' => "i",
        'ј' | 'Ј' => "j",
        'к' | 'К' => "k",
        'М' | 'м' => "m",
        'о' | 'О' => "o",
        'р' | 'Р' => "p",
        'ѕ' | 'Ѕ' => "s",
        'т' | 'Т' => "t",
        'у' | 'У' | 'ү' | 'Ү' => "y",
        'х' | 'Х' => "x",
        'ԁ' => "d",
        'ԛ' => "q",
        'ԝ' => "w",
        'һ' | 'Һ' => "h",
        'ӏ' | 'Ӏ' => "l",
        'п' => "n",
        'г' => "r",
        // Greek ones.
        'Α' | 'α' => "a",
        'Β' => "b",
        'Ε' | 'ε' => "e",
        'Ζ' => "z",
        'Η' => "h",
        'Ι' | 'ι' => "i",
        'Κ' | 'κ' => "k",
        'Μ' => "m",
        'Ν' | 'ν' => "v",
        'Ο' | 'ο' => "o",
        'Ρ' | 'ρ' => "p",
        'Τ' | 'τ' => "t",
        'Υ' | 'υ' => "y",
        'Χ' | 'χ' => "x",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(text: &str) -> String {
        Folded::new(text).text().to_owned()
    }

    #[test]
    fn accents_ligatures_strokes_and_look_alikes_are_plain() {
        assert_eq!(fold("Éloïse ŁÓDŹ Œuvre Straße Þór ﬁn"), "eloise lodz oeuvre strasse thor fin");
        assert_eq!(fold("Маrіа е\u{301}"), "maria e");
        assert_eq!(fold("O’Brien Jean\u{2011}Luc «Zoé»"), "o'brien jean-luc \"zoe\"");
    }

    #[test]
    fn invisible_characters_go_and_white_space_is_one_space() {
        assert_eq!(fold("Zo\u{200b}e\u{ad}\u{301}  \r\n\tRoy"), "zoe roy");
        assert_eq!(fold("١٢٣ ５５５ ۱۲ ५ 𝟓"), "123 555 12 5 5");
    }

    #[test]
    fn a_range_leads_back_to_whole_characters_with_their_marks() {
        let folded = Folded::new("née Zoe\u{301}\u{200b} Œil");
        let at = folded.text().find("zoe").expect("it is there");
        assert_eq!(folded.written(&(at..at + 3)), "Zoe\u{301}\u{200b}");
        let at = folded.text().find("oeil").expect("it is there");
        assert_eq!(folded.written(&(at..at + 1)), "Œ");
        assert_eq!(folded.range(&(at..at)), None);
        assert_eq!(folded.range(&(0..999)), None);
    }
}
