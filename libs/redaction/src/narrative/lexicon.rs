//! What is known of words: which are ordinary, which are names, places, or may stay with a capital; which say that a name
//! follows; and their senses beside numbers. Read once per process from the lists under `lexicon/` and from the table of the
//! identifiers; every word is folded. One look-up says everything of a word.

use super::identifiers::lexicon::{LOOKED_AT, TABLE};
use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Of a word, what is known of it, as bits.
pub(super) type Known = u16;
/// An ordinary word of either language.
pub(super) const ORDINARY: Known = 1;
/// So common that a capital at the start of a sentence says nothing.
pub(super) const FUNCTION: Known = 1 << 1;
/// A first name.
pub(super) const FIRST: Known = 1 << 2;
/// A family name.
pub(super) const LAST: Known = 1 << 3;
/// A place.
pub(super) const PLACE: Known = 1 << 4;
/// May stay with a capital anywhere.
pub(super) const SAFE: Known = 1 << 5;
/// The next word is a name unless no name is written so.
pub(super) const STRONG: Known = 1 << 6;
/// The next word may be a name.
pub(super) const WEAK: Known = 1 << 7;
/// The next word is what somebody is called, whatever word it is.
pub(super) const NAMING: Known = 1 << 8;
/// A small word within names: de, la, van.
pub(super) const PARTICLE: Known = 1 << 9;
/// Begins a known sequence of words.
pub(super) const HEAD: Known = 1 << 10;
/// A place stands after it.
pub(super) const TO_PLACE: Known = 1 << 11;
/// A verb that follows who does something.
pub(super) const SAYS: Known = 1 << 12;
/// An article, a pronoun or a preposition which a noun or a verb follows.
pub(super) const LEADS: Known = 1 << 13;
/// An abbreviation whose full stop ends no sentence.
pub(super) const SHORT: Known = 1 << 14;

/// More often a name than the ordinary word it also is, in small letters too.
pub(super) const NAMELY: Known = 1 << 15;

/// A first or a family name.
pub(super) const NAME: Known = FIRST | LAST;
/// What stays in small letters.
pub(super) const WORD: Known = ORDINARY | FUNCTION | SAFE | PLACE;

/// A sequence of words that is known as a whole.
struct Sequence {
    /// The words after the first.
    rest: Vec<&'static str>,
    known: Known,
}

/// What all lists together know of a word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    pub(super) known: Known,
    /// What it is beside numbers: the senses of the identifiers' table.
    pub(super) senses: u64,
    /// A finder of identifiers looks at it for its letters, whatever it is.
    pub(super) looked_at: bool,
}

/// Every list.
pub(super) struct Lexicon {
    words: Table,
    sequences: HashMap<&'static str, Vec<Sequence>, BuildHasherDefault<Quick>>,
}

impl Lexicon {
    /// Everything that is known of a folded word; nothing of a word that is in no list.
    #[inline]
    pub(super) fn entry(&self, word: &[u8]) -> Entry {
        self.words.entry(word)
    }

    /// What is known of a folded word.
    pub(super) fn of(&self, word: &str) -> Known {
        self.entry(word.as_bytes()).known
    }

    /// The senses of a folded word beside numbers.
    pub(super) fn senses(&self, word: &[u8]) -> u64 {
        self.entry(word).senses
    }

    /// The longest known sequence that begins with `first` and goes on with `rest`: how many words it has after the first,
    /// and what is known of it.
    pub(super) fn sequence<'a>(
        &self,
        first: &str,
        rest: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<(usize, Known)> {
        let fits = |sequence: &&Sequence| {
            let mut rest = rest.clone();
            sequence.rest.iter().all(|word| rest.next() == Some(*word))
        };
        let longest = self.sequences.get(first)?.iter().filter(fits).max_by_key(|sequence| sequence.rest.len())?;
        Some((longest.rest.len(), longest.known))
    }
}

/// The words of all lists, to be looked up: four to a line of memory, in which most stand whole, so that one line answers.
struct Table {
    lines: Vec<Line>,
    /// How far a hash is shifted to give a line.
    shift: u32,
    /// What is after the first eight letters of the longer words.
    tails: Vec<u8>,
    entries: Vec<Entry>,
}

/// Words of one hash, the free slots last; when it is full, more may stand in the next.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Line([Slot; 4]);

/// A word of the table.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// Its first eight letters.
    head: u64,
    /// Where the rest of it begins.
    tail: u32,
    /// The place of what is known of it.
    entry: u16,
    /// How many letters it has: none where the slot is free.
    length: u8,
}

impl Table {
    fn new(words: &HashMap<Box<[u8]>, Entry, BuildHasherDefault<Quick>>) -> Self {
        // At most two slots in three are taken.
        let bits = words.len().saturating_mul(3).div_ceil(8).next_power_of_two().trailing_zeros();
        let lines = vec![Line::default(); 1_usize.wrapping_shl(bits)];
        // What is known of a word that is in no list stands first.
        let entries = vec![Entry::default()];
        let mut table = Self { lines, shift: u64::BITS.saturating_sub(bits), tails: Vec::new(), entries };
        let mut places: HashMap<Entry, u16> = HashMap::new();
        for (word, known) in words {
            let next = u16::try_from(table.entries.len()).unwrap_or_default();
            let entry = *places.entry(*known).or_insert_with(|| {
                table.entries.push(*known);
                next
            });
            table.insert(word, entry);
        }
        table
    }

    /// A word that is too long for the table is in no list then: it goes where it might have stayed.
    fn insert(&mut self, word: &[u8], entry: u16) {
        let (Ok(length), Ok(tail)) = (u8::try_from(word.len()), u32::try_from(self.tails.len())) else { return };
        self.tails.extend(word.get(HEAD_LETTERS..).unwrap_or_default());
        let head = head_of(word);
        let mut at = self.first(word, head);
        while let Some(Line(slots)) = self.lines.get_mut(at) {
            if let Some(free) = slots.iter_mut().find(|slot| slot.length == 0) {
                *free = Slot { head, tail, entry, length };
                return;
            }
            at = self.after(at);
        }
    }

    #[inline]
    fn entry(&self, word: &[u8]) -> Entry {
        let head = head_of(word);
        let length = u8::try_from(word.len()).unwrap_or_default();
        let mut at = self.first(word, head);
        while let Some(Line(slots)) = self.lines.get(at) {
            let is_it = |slot: &Slot| slot.head == head && slot.length == length;
            let entry = if word.len() > HEAD_LETTERS {
                slots.iter().find(|slot| is_it(slot) && self.ends(slot, word)).map_or(0, |slot| slot.entry)
            } else {
                // Every slot is looked at, whichever it is: that is less work than to guess which.
                let mask = |slot: &Slot| u16::from((slot.head == head) & (slot.length == length)).wrapping_neg();
                slots.iter().fold(0, |entry, slot| entry | (slot.entry & mask(slot)))
            };
            if entry != 0 || slots.last().is_none_or(|last| last.length == 0) {
                return self.entries.get(usize::from(entry)).copied().unwrap_or_default();
            }
            at = self.after(at);
        }
        Entry::default()
    }

    fn ends(&self, slot: &Slot, word: &[u8]) -> bool {
        let rest = word.get(HEAD_LETTERS..).unwrap_or_default();
        usize::try_from(slot.tail).is_ok_and(|tail| self.tails.get(tail..tail.saturating_add(rest.len())) == Some(rest))
    }

    #[inline]
    fn first(&self, word: &[u8], head: u64) -> usize {
        let last = word.last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
        let length = u64::try_from(word.len()).unwrap_or_default();
        let mixed = (head ^ last.rotate_left(23) ^ length.rotate_left(59)).wrapping_mul(ODD);
        usize::try_from(mixed.wrapping_shr(self.shift)).unwrap_or_default()
    }

    #[inline]
    const fn after(&self, at: usize) -> usize {
        let next = at.wrapping_add(1);
        if next < self.lines.len() { next } else { 0 }
    }
}

/// How many letters of a word stand in its slot.
const HEAD_LETTERS: usize = 8;

/// The first letters of a word as a number.
#[inline]
fn head_of(word: &[u8]) -> u64 {
    if let Some(head) = word.first_chunk() {
        return u64::from_le_bytes(*head);
    }
    if let (Some(first), Some(last)) = (word.first_chunk(), word.last_chunk()) {
        let apart = u32::try_from(word.len()).unwrap_or_default().wrapping_sub(4).wrapping_mul(8);
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)).wrapping_shl(apart);
    }
    word.iter().rev().fold(0, |head, letter| (head << 8) | u64::from(*letter))
}

/// The lists as they are read.
struct Lists {
    words: HashMap<Box<[u8]>, Entry, BuildHasherDefault<Quick>>,
    sequences: HashMap<&'static str, Vec<Sequence>, BuildHasherDefault<Quick>>,
}

impl Lists {
    fn add(&mut self, word: &str, known: Known) {
        self.entry_of(word).known |= known;
    }

    fn entry_of(&mut self, word: &str) -> &mut Entry {
        self.words.entry(word.as_bytes().into()).or_default()
    }

    fn add_all(&mut self, list: &'static str, known: Known) {
        lines(list).flat_map(str::split_whitespace).for_each(|word| self.add(word, known));
    }

    /// A list of entries parted by commas, of one or several words each.
    fn add_entries(&mut self, list: &'static str, known: impl Fn(&str) -> Known) {
        let mut section = "";
        for line in lines(list) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name;
                continue;
            }
            for entry in line.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
                let mut words = entry.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
                let Some(first) = words.next() else { continue };
                let rest: Vec<_> = words.collect();
                if rest.is_empty() {
                    self.add(first, known(section));
                } else {
                    self.add(first, HEAD);
                    self.sequences.entry(first).or_default().push(Sequence { rest, known: known(section) });
                }
            }
        }
    }

    fn add_french(&mut self, list: &'static str) {
        let mut section = "";
        for line in lines(list) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name;
                continue;
            }
            for word in line.split_whitespace() {
                let word: String = word.chars().map(plain).collect();
                self.add(&word, ORDINARY);
                for (end, forms) in BENDING.iter().filter(|(name, ..)| *name == section).flat_map(|(_, rules)| *rules) {
                    let Some(stem) = word.strip_suffix(end) else { continue };
                    for form in *forms {
                        self.add(&format!("{stem}{form}"), ORDINARY);
                    }
                }
            }
        }
    }
}

/// One section of the French list: per ending, what may stand in its place.
type Bending = (&'static str, &'static [(&'static str, &'static [&'static str])]);

/// How French words bend: plain, and more forms than a grammar has; a form too many harms little.
const BENDING: &[Bending] = &[
    (
        "er",
        &[
            (
                "er",
                &[
                    "e", "es", "ee", "ees", "ons", "ez", "ent", "ais", "ait", "ions", "iez", "aient", "ant", "a", "ai",
                    "as", "erent", "erai", "eras", "era", "erons", "erez", "eront", "erais", "erait", "eraient",
                    "erions", "eriez", "asse", "eur", "eurs", "euse", "euses",
                ],
            ),
            ("ger", &["geons", "geais", "geait", "geaient", "geant", "gea"]),
            ("yer", &["ie", "ies", "ient", "iera", "ierait", "ieront"]),
            ("eler", &["elle", "elles", "ellent", "ellera", "elleront"]),
            ("eter", &["ette", "ettes", "ettent", "ettera"]),
        ],
    ),
    (
        "ir",
        &[(
            "ir",
            &[
                "i", "ie", "is", "ies", "it", "issons", "issez", "issent", "issais", "issait", "issaient", "issant",
                "isse", "irai", "ira", "irons", "iront", "irait", "iraient", "irent",
            ],
        )],
    ),
    (
        "re",
        &[(
            "re",
            &[
                "s", "", "ons", "ez", "ent", "ais", "ait", "ions", "iez", "aient", "ant", "e", "es", "u", "ue", "us",
                "ues", "rai", "ra", "rons", "ront", "rait", "raient", "it", "irent",
            ],
        )],
    ),
    ("noms", &[("", &["s"]), ("eau", &["eaux"]), ("eu", &["eux"]), ("al", &["aux"]), ("teur", &["trice", "trices"])]),
    (
        "adjectifs",
        &[
            ("", &["s", "e", "es", "ment"]),
            ("e", &["ement", "ment", "ees", "ee"]),
            ("eux", &["euse", "euses", "eusement"]),
            ("if", &["ive", "ives", "ivement"]),
            ("er", &["ere", "eres", "erement"]),
            ("el", &["elle", "elles", "ellement"]),
            ("al", &["aux", "alement"]),
            ("en", &["enne", "ennes"]),
            ("on", &["onne", "onnes"]),
            ("eur", &["euse", "euses", "rice", "rices"]),
            ("teur", &["trice", "trices"]),
            ("ent", &["emment"]),
            ("ant", &["amment"]),
            ("et", &["ette", "ettes", "ete", "etes"]),
            ("c", &["que", "ques", "che", "ches"]),
        ],
    ),
];

/// Small letters without accents, as folding makes them, of the letters the French list is written in.
const fn plain(letter: char) -> char {
    match letter {
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'à' | 'â' => 'a',
        'ï' | 'î' => 'i',
        'ô' => 'o',
        'û' | 'ù' | 'ü' => 'u',
        'ç' => 'c',
        other => other,
    }
}

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

const PARTICLES: &str = "de la du des le les da do dos das di del della van von der den ten ter zu bin ben ibn bint al el \
    abu abou st ste saint sainte san santa mc mac o d y e";
const PLACES_AFTER: &str = "in at near a au aux en to from de des d du vers toward towards around outside leaving through via the le la les l of \
    across between dans pres chez for pour visiting depuis since until before after avant apres during on by";
const SAYING: &str = "said says told tells asked asks called calls texted texts wants wanted left came went gave took made is was has had \
    will would did does can could may might lives lived works worked thinks thought knows knew reported reports stated states disclosed denies denied cried \
    confirmed explained felt feels seems seemed refuses refused agreed est etait a avait dit veut voulait sera fait va vit pense sait lui nous rapporte affirme refuse travaille explique mentionne demande appelle pleure vient reste habite";
const LEADING: &str = "the a an this that these those to i he she they we you his her my our your their its some any no every each of with \
    le la les un une des du de ce cette ces son sa ses mon ma mes ton ta leur leurs je tu il elle on ils elles nous vous au aux l d n ne pas not very so tres";
const SHORTS: &str = "mr mrs ms mx dr dre st ste sgt cst const det insp cpl prof rev hon lt capt maj gen mme mlle m me approx vs no nos num ave av boul \
    rd hwy apt app tel cell ext poste dept env p pp ch jan feb mar apr jun jul aug sep sept oct nov dec janv fevr juil eg ie cf al ref re temp etc appt gov min max";

const NAMELIES: &str = "aida amber bob carol derrick eddy gabby harry heather holly iris ivy jack jade jay ken lee lia lily maria marie marina martin \
    mason matt mike nia nick pat patty peter phoenix ray robin rosemary ruby sally tanner valentine victor viola wade warren kitty laurel wright \
    parsons morales newton fisher hicks watts peters turner cooper";

/// Every list of `lexicon/`: English, French, more words, words so common, first names, family names, places, what may stay, what a
/// name follows, nicknames.
pub(super) const LISTS: [&str; 10] = [
    include_str!("../../lexicon/english.txt"),
    include_str!("../../lexicon/french.txt"),
    include_str!("../../lexicon/extra.txt"),
    include_str!("../../lexicon/function.txt"),
    include_str!("../../lexicon/first_names.txt"),
    include_str!("../../lexicon/last_names.txt"),
    include_str!("../../lexicon/places.txt"),
    include_str!("../../lexicon/safe.txt"),
    include_str!("../../lexicon/cues.txt"),
    NICKNAMES,
];

/// What people called so are called for short.
pub(super) const NICKNAMES: &str = include_str!("../../lexicon/nicknames.txt");

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let Lists { words, sequences } = read();
    Lexicon { words: Table::new(&words), sequences }
});

fn read() -> Lists {
    let mut lexicon = Lists {
        words: HashMap::with_capacity_and_hasher(1 << 17, BuildHasherDefault::default()),
        sequences: HashMap::default(),
    };
    let [english, french, extra, function, first, last, places, safe, cues, _] = LISTS;
    lexicon.add_all(english, ORDINARY);
    lexicon.add_french(french);
    lexicon.add_all(extra, ORDINARY);
    lexicon.add_all(function, FUNCTION | ORDINARY);
    lexicon.add_all(first, FIRST);
    lexicon.add_all(last, LAST);
    lexicon.add_entries(places, |_| PLACE);
    lexicon.add_entries(safe, |_| SAFE);
    lexicon.add_entries(cues, |section| match section {
        "strong" => STRONG,
        "naming" => STRONG | NAMING,
        _ => WEAK,
    });
    for (list, known) in [
        (PARTICLES, PARTICLE),
        (PLACES_AFTER, TO_PLACE),
        (SAYING, SAYS),
        (LEADING, LEADS),
        (SHORTS, SHORT),
        (NAMELIES, NAMELY),
    ] {
        list.split_whitespace().for_each(|word| lexicon.add(word, known));
    }
    for (senses, words) in TABLE {
        words.split_whitespace().for_each(|word| lexicon.entry_of(word).senses |= senses);
    }
    LOOKED_AT.split_whitespace().for_each(|word| lexicon.entry_of(word).looked_at = true);
    lexicon
}

/// The lists, read when first asked for.
pub(super) fn lexicon() -> &'static Lexicon {
    &LEXICON
}

/// A quick hash of short words. Whoever writes notes cannot add to the lists, so nothing can be made slow by choosing words.
#[derive(Default)]
pub(super) struct Quick(u64);

impl Hasher for Quick {
    /// What was multiplied last is well mixed above only: it is multiplied once more, turned.
    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(ODD);
        mixed ^ (mixed >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
            self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(ODD);
        }
    }

    /// The length, which goes before the bytes.
    fn write_usize(&mut self, length: usize) {
        self.0 ^= u64::try_from(length).unwrap_or_default();
    }
}

/// 2⁶⁴ divided by the golden ratio, odd.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_words_bend() {
        for word in ["mangeait", "menacee", "choisissent", "vendu", "chevaux", "heureuse", "actrice", "recemment"] {
            assert_eq!(lexicon().of(word) & ORDINARY, ORDINARY, "{word}");
        }
    }

    #[test]
    fn lists_are_folded() {
        for word in read().words.keys() {
            let folded = word.iter().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
            assert!(folded, "{}", String::from_utf8_lossy(word));
        }
    }

    #[test]
    fn every_word_is_found_with_all_that_is_known_of_it() {
        let lists = read();
        for (word, known) in &lists.words {
            assert_eq!(lexicon().entry(word), *known, "{}", String::from_utf8_lossy(word));
            let other = [word, b"zq".as_slice()].concat();
            assert_eq!(lexicon().entry(&other), lists.words.get(other.as_slice()).copied().unwrap_or_default());
        }
        assert_eq!(lexicon().entry(b""), Entry::default());
    }

    #[test]
    fn the_longest_sequence_is_found() {
        let found = lexicon().sequence("children", ["s", "aid", "society", "said"].into_iter());
        assert_eq!(found, Some((3, SAFE)));
    }
}
