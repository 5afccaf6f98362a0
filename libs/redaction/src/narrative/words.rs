//! The words of a folded text: where they are, how they were written, what stood before them, and whether a sentence starts
//! with them.

use super::fold::{BEYOND, FOREIGN, Folded, LINE, OPENS, UPPER};
use super::lexicon::{Known, Lexicon, SHORT, lexicon};
use super::placeholder;
use core::ops::Range;

/// How a word was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// In small letters.
    Lower,
    /// With a capital first, and at least one small letter.
    Capital,
    /// In capitals; also a single one.
    Upper,
    /// With capitals within only.
    Mixed,
    /// Without letters.
    Digits,
}

/// What stands between a word and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// White space.
    Space,
    /// A hyphen or a low line.
    Hyphen,
    /// An apostrophe.
    Apostrophe,
    /// A full stop, with or without white space.
    Dot,
    /// White space in which a line ends.
    Line,
    /// A comma.
    Comma,
    /// A quotation mark, with what else stands there.
    Quote,
    /// Anything else, or the beginning.
    Other,
}

/// A run of letters and digits.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// Where, in bytes of the folded text.
    pub(super) range: Range<usize>,
    pub(super) shape: Shape,
    pub(super) gap: Gap,
    /// A sentence, a line, a quotation or what follows a colon starts with it.
    pub(super) starts: bool,
    /// It comes after the end of a sentence or a line.
    pub(super) fresh: bool,
    /// It is the first of its line.
    pub(super) line: bool,
    /// It has letters of another script than Latin.
    pub(super) foreign: bool,
    /// It has digits.
    pub(super) digits: bool,
    /// It was written with letters beyond ASCII.
    pub(super) beyond: bool,
    /// It is folded to letters of ASCII, or to digits, and to nothing else.
    pub(super) alike: bool,
    /// It stands in a replacement made before.
    pub(super) replaced: bool,
    /// It stands alone between brackets or quotation marks.
    pub(super) alone: bool,
    pub(super) known: Known,
    /// What it is beside numbers, if it is all in Latin letters.
    pub(super) senses: u64,
    /// A finder of identifiers looks at it for its letters, whatever it is.
    pub(super) looked_at: bool,
}

/// A line longer than this that ends in the midst of a sentence was broken to fit, in bytes.
const WIDE: usize = 60;

/// The words of a text, in order.
pub(super) struct Words {
    pub(super) all: Vec<Word>,
    /// Where replacements made before stand, in bytes of the folded text.
    pub(super) replaced: Vec<Range<usize>>,
    /// Most sentences start with a small letter, and few words have capitals: small letters tell nothing.
    pub(super) mostly_lower: bool,
}

impl Words {
    pub(super) fn new(folded: &Folded<'_>) -> Self {
        let mut reader = Reader::new(folded);
        let text = folded.text();
        let mut at = 0;
        while let Some(letter) = letter_at(text, at) {
            if is_word(letter) {
                at = reader.word(at);
            } else if letter == ' ' && folded.marks(at) & LINE == 0 {
                // What most words have between them: nothing else changes.
                reader.gap = reader.gap.or(Some(Gap::Space));
                at += 1;
            } else {
                reader.between(at, letter);
                at += letter.len_utf8();
            }
        }
        reader.look_up();
        let mostly_lower = reader.mostly_lower();
        Self { all: reader.words, replaced: reader.replaced, mostly_lower }
    }
}

/// Letters and digits of any script, marks of scripts that need them.
pub(super) fn is_word(letter: char) -> bool {
    if letter.is_ascii() {
        letter.is_ascii_alphanumeric()
    } else {
        letter.is_alphanumeric() || matches!(letter, '\u{900}'..='\u{109f}')
    }
}

/// Whether a word is an ordinary one by an accent which the name lacks that it folds to: "marié" is not Marie.
pub(super) fn is_accented_word(folded: &Folded<'_>, word: &Word) -> bool {
    const ACCENTED: [&str; 7] = ["marié", "mariés", "aimé", "désiré", "léger", "placé", "carré"];
    word.beyond && word.shape == Shape::Lower && word.known != 0 && ACCENTED.contains(&folded.written(&word.range))
}

/// Whether brackets or quotation marks close at a byte.
fn closes(text: &str, at: usize) -> bool {
    let end = match letter_at(text, at) {
        Some(' ' | ',' | '.') => letter_at(text, at + 1),
        other => other,
    };
    matches!(end, Some(')' | ']' | '"'))
}

/// The character that begins at a byte.
pub(super) fn letter_at(text: &str, at: usize) -> Option<char> {
    match text.as_bytes().get(at) {
        Some(byte) if byte.is_ascii() => Some(char::from(*byte)),
        Some(_) => text.get(at..)?.chars().next(),
        None => None,
    }
}

struct Reader<'a> {
    folded: &'a Folded<'a>,
    lexicon: &'static Lexicon,
    words: Vec<Word>,
    replaced: Vec<Range<usize>>,
    /// How many of `replaced` end before here.
    passed: usize,
    starts: bool,
    fresh: bool,
    line: bool,
    gap: Option<Gap>,
    opened: bool,
    quoted: bool,
    line_begins: usize,
}

impl<'a> Reader<'a> {
    fn new(folded: &'a Folded<'a>) -> Self {
        Self {
            folded,
            lexicon: lexicon(),
            words: Vec::with_capacity(folded.text().len() / 5),
            replaced: placeholder::find(folded.text()),
            passed: 0,
            starts: true,
            fresh: true,
            line: true,
            gap: None,
            opened: false,
            quoted: false,
            line_begins: 0,
        }
    }

    /// Reads the word that begins at a byte; where it ends.
    fn word(&mut self, begin: usize) -> usize {
        let text = self.folded.text();
        let (mut end, mut letters, mut uppers, mut first) = (begin, 0_usize, 0_usize, false);
        let (mut figures, mut others, mut seen) = (0_usize, 0_usize, 0_u8);
        while let Some(byte) = text.as_bytes().get(end) {
            let marks = self.folded.marks(end);
            if byte.is_ascii_digit() {
                figures += 1;
                end += 1;
                continue;
            }
            let mut length = 1;
            if !byte.is_ascii_alphabetic() {
                let Some(letter) = letter_at(text, end).filter(|letter| !letter.is_ascii() && is_word(*letter)) else {
                    break;
                };
                others += 1;
                length = letter.len_utf8();
                if letter.is_numeric() {
                    figures += 1;
                    end += length;
                    continue;
                }
            }
            let upper = marks & UPPER != 0;
            first |= upper && letters == 0;
            letters += 1;
            uppers += usize::from(upper);
            seen |= marks;
            end += length;
        }
        let (digits, foreign) = (figures > 0, seen & FOREIGN != 0);
        let shape = match (letters, uppers) {
            (0, _) => Shape::Digits,
            (_, 0) => Shape::Lower,
            _ if uppers == letters => Shape::Upper,
            _ if first => Shape::Capital,
            _ => Shape::Mixed,
        };
        while self.replaced.get(self.passed).is_some_and(|range| range.end <= begin) {
            self.passed += 1;
        }
        let replaced = self.replaced.get(self.passed).is_some_and(|range| range.start <= begin);
        let word = Word {
            range: begin..end,
            shape,
            gap: self.gap.take().unwrap_or(Gap::Other),
            starts: self.starts,
            fresh: self.fresh,
            line: self.line,
            foreign,
            digits,
            beyond: seen & BEYOND != 0,
            alike: others == 0 && (figures == 0 || letters == 0),
            replaced,
            alone: core::mem::take(&mut self.opened) && closes(text, end),
            known: 0,
            senses: 0,
            looked_at: false,
        };
        self.words.push(word);
        // A time, a number of a list: the sentence starts after it.
        if shape != Shape::Digits && !(letters == 1 && self.line && matches!(letter_at(text, end), Some(')'))) {
            self.starts = false;
        }
        (self.fresh, self.line) = (false, false);
        end
    }

    /// Looks all words up, when nothing else is to be done: so the memory is asked for several at once.
    fn look_up(&mut self) {
        let text = self.folded.text().as_bytes();
        for word in &mut self.words {
            let entry = self.lexicon.entry(text.get(word.range.clone()).unwrap_or_default());
            (word.known, word.senses, word.looked_at) = (entry.known, entry.senses, entry.looked_at);
        }
    }

    /// Reads what stands between words.
    fn between(&mut self, at: usize, letter: char) {
        let marks = self.folded.marks(at);
        let before = self.gap;
        let gap = match letter {
            ' ' if marks & LINE != 0 => {
                self.new_line(at);
                Gap::Line
            }
            ' ' => Gap::Space,
            '-' | '_' => self.hyphen(at),
            '\'' => Gap::Apostrophe,
            '.' | '!' | '?' => {
                self.full_stop(at, letter);
                if letter == '.' { Gap::Dot } else { Gap::Other }
            }
            ',' => Gap::Comma,
            '"' => {
                self.quote(at, marks);
                Gap::Quote
            }
            ':' | ';' | '|' | '\u{2022}' | '*' | '>' | '#' | '\u{b7}' => {
                self.starts = true;
                Gap::Other
            }
            '(' | '[' => {
                self.starts = true;
                self.opened = true;
                Gap::Other
            }
            '/' => {
                self.starts = self.words.last().is_some_and(|word| word.starts);
                Gap::Other
            }
            _ => Gap::Other,
        };
        self.gap = Some(match (before, gap) {
            (None, gap) => gap,
            (Some(before), Gap::Space) => before,
            (Some(Gap::Dot), Gap::Hyphen) => Gap::Hyphen,
            (Some(Gap::Space), gap @ (Gap::Quote | Gap::Line)) => gap,
            (Some(Gap::Quote), _) | (_, Gap::Quote) => Gap::Quote,
            (Some(Gap::Comma | Gap::Dot | Gap::Hyphen), Gap::Line) => before.unwrap_or(Gap::Line),
            _ => Gap::Other,
        });
    }

    fn new_line(&mut self, at: usize) {
        let last = self.words.last();
        let touching = last.is_some_and(|word| word.range.end == at);
        let comma = self.gap == Some(Gap::Comma);
        let wrapped = at.saturating_sub(self.line_begins) >= WIDE && (touching || comma);
        if !wrapped {
            (self.starts, self.fresh) = (true, true);
            self.quoted = false;
        }
        self.line = true;
        self.line_begins = at;
    }

    fn hyphen(&mut self, at: usize) -> Gap {
        let text = self.folded.text();
        let touching = self.words.last().is_some_and(|word| word.range.end == at);
        let next = letter_at(text, at + 1);
        if !touching && (next == Some(' ') || self.line) {
            self.starts = true;
        }
        if touching || next.is_some_and(is_word) { Gap::Hyphen } else { Gap::Other }
    }

    fn full_stop(&mut self, at: usize, letter: char) {
        let text = self.folded.text();
        let touching = self.words.last().filter(|word| word.range.end == at);
        let short = letter == '.'
            && touching.is_some_and(|word| {
                self.lexicon.entry(text.as_bytes().get(word.range.clone()).unwrap_or_default()).known & SHORT != 0
                    || (word.range.len() == 1 && word.shape != Shape::Digits && word.gap != Gap::Apostrophe)
            });
        let inside = letter_at(text, at + 1).is_some_and(is_word);
        if !short && !inside {
            (self.starts, self.fresh) = (true, true);
        }
    }

    fn quote(&mut self, at: usize, marks: u8) {
        let next = letter_at(self.folded.text(), at + 1);
        let touching = self.words.last().is_some_and(|word| word.range.end == at);
        let opens = marks & OPENS != 0 || (!self.quoted && !touching && next.is_some_and(is_word));
        self.quoted = opens;
        if opens {
            self.starts = true;
            self.opened = true;
        }
    }

    fn mostly_lower(&self) -> bool {
        let (mut low, mut high, mut capitals, mut count) = (0_usize, 0_usize, 0_usize, 0_usize);
        for word in self.words.iter().filter(|word| word.shape != Shape::Digits && !word.replaced) {
            count += 1;
            let capital = word.shape != Shape::Lower;
            if word.fresh {
                low += usize::from(!capital);
                high += usize::from(capital);
            } else if word.shape == Shape::Capital {
                capitals += 1;
            }
        }
        low >= high && low > 0 && capitals * 10 <= count
    }
}
