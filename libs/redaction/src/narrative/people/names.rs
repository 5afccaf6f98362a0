//! The names of a case as what is searched for.

use super::super::fold::Folded;
use super::super::lexicon::{FIRST, FUNCTION, Known, NAME, NAMELY, PARTICLE, STRONG, WEAK, WORD, lexicon};
use super::super::words::is_word;
use super::super::{KnownPerson, Refusal};
use super::{LONGEST_NAME, MOST_NAMES};
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// The most initials of one name.
const MOST_INITIALS: usize = 4;
/// Small words of names that are first names, too, where they stand first.
const GIVEN: [&str; 9] = ["van", "ben", "al", "di", "do", "da", "del", "san", "mac"];
/// The most words of a name that are searched for in every order.
const MOST_WORDS: usize = 8;

/// Whose a name is.
#[derive(Debug, Clone, Default)]
pub(super) struct Whose {
    people: Vec<usize>,
    /// The names of all of them stay.
    pub(super) kept: bool,
}

impl Whose {
    /// The one person whose name it is; nobody where several share it.
    pub(super) fn person(&self) -> Option<usize> {
        match self.people.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    fn add(&mut self, person: usize, kept: bool) {
        self.kept = kept && (self.people.is_empty() || self.kept);
        if !self.people.contains(&person) {
            self.people.push(person);
        }
    }
}

/// How a name was come by; the nearer to what is recorded, the further up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// Recorded.
    Recorded,
    /// A short or another form of a recorded one.
    Form,
}

/// A name as it is searched for.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) whose: Whose,
    pub(super) source: Source,
    /// Where each of its words ends, in bytes of the joined name; the last is its length.
    pub(super) ends: Vec<usize>,
    /// It is an ordinary word, too, or short: the case of letters decides.
    pub(super) wordy: bool,
    /// Has letters of which a word does not say where it ends.
    pub(super) unbounded: bool,
}

/// What is recorded of somebody.
#[derive(Default)]
pub(super) struct Person {
    /// The words of each name.
    pub(super) names: Vec<Vec<String>>,
    /// The first letter of every word that bears a name.
    pub(super) letters: Vec<char>,
    /// The names stay.
    pub(super) kept: bool,
}

/// Every name of a case.
pub(super) struct Names {
    /// The letters and digits of each name, folded and joined, in order.
    pub(super) joined: Vec<(String, Name)>,
    /// The initials of a person, two to four.
    pub(super) initials: BTreeMap<String, Whose>,
    /// Everybody, in the order of the case.
    pub(super) people: Vec<Person>,
}

impl Names {
    pub(super) fn new(people: &[KnownPerson]) -> Result<Self, Refusal> {
        let Gathered { joined, initials, people } = Gathered::new(people)?;
        Ok(Self { joined: joined.into_iter().collect(), initials, people })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.joined.is_empty()
    }

    /// The name whose letters and digits these are.
    pub(super) fn get(&self, joined: &str) -> Option<&Name> {
        let place = self.joined.binary_search_by(|(one, _)| one.as_str().cmp(joined)).ok()?;
        self.joined.get(place).map(|(_, name)| name)
    }
}

/// Names as they are gathered.
#[derive(Default)]
struct Gathered {
    joined: BTreeMap<String, Name>,
    initials: BTreeMap<String, Whose>,
    people: Vec<Person>,
}

impl Gathered {
    fn new(people: &[KnownPerson]) -> Result<Self, Refusal> {
        let mut names = Self::default();
        let count: usize = people.iter().map(|person| person.aliases.len().saturating_add(1)).sum();
        if count > MOST_NAMES {
            return Err(Refusal::Names);
        }
        for (place, person) in people.iter().enumerate() {
            names.people.push(Person { kept: person.kept, ..Person::default() });
            for name in core::iter::once(&person.name).chain(&person.aliases) {
                if name.len() > LONGEST_NAME {
                    return Err(Refusal::Names);
                }
                names.add_name(name, place, person.kept);
            }
        }
        Ok(names)
    }

    fn add_name(&mut self, name: &str, person: usize, kept: bool) {
        let folded = words_of(&Folded::new(name));
        let words: Vec<&str> = folded.iter().map(String::as_str).collect();
        let given = words.first().filter(|first| GIVEN.contains(first));
        let plain = words.get(1).is_some_and(|second| lexicon().of(second) & PARTICLE == 0);
        let bearing: Vec<&str> = words
            .iter()
            .enumerate()
            .filter(|(at, word)| lexicon().of(word) & PARTICLE == 0 || (*at == 0 && plain && given.is_some()))
            .map(|(_, word)| *word)
            .collect();
        let alone = if bearing.len() > 1 || words.len() > bearing.len() { &bearing[..] } else { &words[..] };
        for word in alone {
            if bearing.len() < 2 || bears_alone(word) {
                self.add(&[word], person, kept, Source::Recorded);
                self.add_forms(word, person, kept);
            }
            let letter = word.chars().next().filter(|letter| letter.is_alphabetic());
            if let (Some(person), Some(letter)) = (self.people.get_mut(person), letter)
                && !person.letters.contains(&letter)
            {
                person.letters.push(letter);
            }
        }
        self.add_orders(&words, person, kept);
        if let Some(saint) = with_saint(&words) {
            self.add_orders(&saint, person, kept);
        }
        self.add_initials(&bearing, person, kept);
        self.add_initials(&words, person, kept);
        if let Some(person) = self.people.get_mut(person) {
            person.names.push(folded);
        }
    }

    /// Every run of words, the last first, and the first and the last without what stands between.
    fn add_orders(&mut self, words: &[&str], person: usize, kept: bool) {
        let near = words.get(..MOST_WORDS.min(words.len())).unwrap_or_default();
        for from in 0..near.len() {
            for to in from.saturating_add(2)..=near.len() {
                let run = near.get(from..to).unwrap_or_default();
                if run.iter().any(|word| lexicon().of(word) & PARTICLE == 0) {
                    self.add(run, person, kept, Source::Recorded);
                }
                if run.len() == 2 {
                    self.add_forms(&run.concat(), person, kept);
                }
            }
        }
        if words.len() > near.len() {
            self.add(words, person, kept, Source::Recorded);
        }
        for turn in 1..near.len() {
            let (given, family) = near.split_at_checked(turn).unwrap_or_default();
            self.add(&[family, given].concat(), person, kept, Source::Recorded);
        }
        if let ([first, .., last], true) = (words, words.len() > 2) {
            self.add(&[*first, *last], person, kept, Source::Recorded);
            self.add(&[*last, *first], person, kept, Source::Recorded);
        }
    }

    fn add_forms(&mut self, word: &str, person: usize, kept: bool) {
        let is_little = |form: &&str| lexicon().of(form) & (FUNCTION | FIRST) == FUNCTION;
        for form in FORMS.of(word).into_iter().filter(|form| !is_little(form)) {
            self.add(&[form], person, kept, Source::Form);
        }
    }

    /// The initials of every run of two to four words, of the first and the last, and of these turned.
    fn add_initials(&mut self, words: &[&str], person: usize, kept: bool) {
        let letter = |word: &&str| word.chars().next().map(String::from).unwrap_or_default();
        // "A. St-O.": a saint may keep its two letters.
        let saint = |word: &&str| if matches!(*word, "st" | "saint") { "st".to_owned() } else { letter(word) };
        let near = || words.iter().take(MOST_WORDS);
        let mut all: Vec<String> = Vec::new();
        for letters in [near().map(letter).collect::<Vec<_>>(), near().map(saint).collect()] {
            for length in 2..=MOST_INITIALS {
                all.extend(letters.windows(length).map(<[String]>::concat));
            }
            if let [first, .., last] = letters.as_slice() {
                all.extend([[first.as_str(), last].concat(), [last.as_str(), first].concat()]);
            }
        }
        all.sort_unstable();
        all.dedup();
        for initials in all {
            self.initials.entry(initials).or_default().add(person, kept);
        }
    }

    fn add(&mut self, words: &[&str], person: usize, kept: bool, source: Source) {
        let joined: String = words.concat();
        if joined.is_empty() {
            return;
        }
        let mut end = 0_usize;
        let ends = words.iter().map(|word| {
            end = end.saturating_add(word.len());
            end
        });
        let ends: Vec<_> = ends.collect();
        let bearing: Vec<Known> =
            words.iter().map(|word| lexicon().of(word)).filter(|known| known & PARTICLE == 0).collect();
        let short = joined.chars().count() < 3 && joined.is_ascii();
        let wordy = short || (bearing.len() < 2 && bearing.iter().all(|known| is_wordy(*known)));
        let unbounded = joined.chars().any(is_unspaced);
        let name = Name { whose: Whose::default(), source, ends, wordy, unbounded };
        let entry = self.joined.entry(joined).or_insert_with(|| name.clone());
        if source < entry.source {
            // What is recorded of one stands before what might be a short form of another.
            *entry = name;
        } else if source == entry.source {
            // "Marie-Ève" and "Marieeve" are one string: it may be parted wherever either may.
            entry.ends.extend(name.ends);
            entry.ends.sort_unstable();
            entry.ends.dedup();
            entry.wordy &= name.wordy;
        }
        if source == entry.source {
            entry.whose.add(person, kept);
        }
    }
}

/// The words of a folded name.
pub(super) fn words_of(folded: &Folded<'_>) -> Vec<String> {
    let words = folded.text().split(|letter: char| !is_word(letter));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Letters of scripts that write words without spaces between them.
const fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
}

/// Whether a word of a name is more often an ordinary word.
pub(super) const fn is_wordy(known: Known) -> bool {
    known & WORD != 0 && known & NAMELY == 0
}

/// Whether one word of a longer name names somebody alone: not "the", not "mr", not "big" of an alias.
fn bears_alone(word: &str) -> bool {
    let known = lexicon().of(word);
    let title = known & (STRONG | WEAK) != 0 && known & NAME == 0;
    let little = known & FUNCTION != 0 && known & NAME == 0;
    let several = word.chars().nth(1).is_some() || word.chars().any(is_unspaced);
    several && !title && !little && !word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The same name with its saint written out or shortened.
fn with_saint<'a>(words: &[&'a str]) -> Option<Vec<&'a str>> {
    let other = |word: &'a str| match word {
        "st" => "saint",
        "ste" => "sainte",
        "saint" => "st",
        "sainte" => "ste",
        "mc" => "mac",
        "mac" => "mc",
        same => same,
    };
    let turned: Vec<_> = words.iter().map(|word| other(word)).collect();
    (turned != words).then_some(turned)
}

/// Short and other forms of first names.
struct Forms {
    lines: Vec<Vec<&'static str>>,
    /// Of each name, the lines it stands in.
    of: HashMap<&'static str, Vec<usize>>,
}

impl Forms {
    /// The forms that may stand for a name: every other name of the lines it stands in.
    fn of(&self, name: &str) -> Vec<&'static str> {
        let lines = self.of.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut forms: Vec<_> = lines.iter().filter_map(|line| self.lines.get(*line)).flatten().copied().collect();
        forms.sort_unstable();
        forms.dedup();
        forms.retain(|form| *form != name);
        forms
    }
}

static FORMS: LazyLock<Forms> = LazyLock::new(|| {
    let list = super::super::lexicon::NICKNAMES;
    let mut forms = Forms { lines: Vec::new(), of: HashMap::new() };
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let names: Vec<&'static str> = line.split_whitespace().collect();
        for name in &names {
            forms.of.entry(name).or_default().push(forms.lines.len());
        }
        forms.lines.push(names);
    }
    forms
});
