//! What must hold of a narrative, whoever is known and whatever is written: nothing panics, places lead back, what was not
//! replaced stands as it stood, no known word is left, and the result gives itself back.

use egide_redaction::narrative::{Deidentified, Folded, Kind, KnownPerson, Language, Part, Refusal, deidentify};

/// The most people that are read of one input.
const MOST_PEOPLE: usize = 6;
/// A word of a name shorter than this may be left where it is none.
const SHORTEST_WORD: usize = 4;

/// An input: `fr` or anything else in the first line, then somebody in each line up to an empty one, then the text. Somebody is
/// `+` (potential victim), `*` (child), `!` (suspect), `-` (whose names stay) or `=` before names parted by `|`.
fn read(data: &[u8]) -> (Language, Vec<KnownPerson>, String) {
    let input = String::from_utf8_lossy(data);
    let mut lines = input.split('\n');
    let language = if lines.next() == Some("fr") { Language::French } else { Language::English };
    let mut people = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()).take(MOST_PEOPLE) {
        let mut names = line.get(1..).unwrap_or_default().split('|').map(str::to_owned);
        people.push(KnownPerson {
            name: names.next().unwrap_or_default(),
            aliases: names.collect(),
            part: match line.as_bytes().first() {
                Some(b'+') => Part::PotentialVictim,
                Some(b'*') => Part::Child,
                Some(b'!') => Part::Suspect,
                _ => Part::Unsaid,
            },
            kept: line.starts_with('-'),
        });
    }
    (language, people, lines.collect::<Vec<_>>().join("\n"))
}

/// Checks one input.
///
/// # Panics
/// If anything does not hold.
pub(crate) fn check(data: &[u8]) {
    let (language, people, text) = read(data);
    let result = match deidentify(&text, language, &people) {
        Ok(result) => result,
        // Nothing leaves then.
        Err(Refusal::TooLong | Refusal::Names | Refusal::Left) => return,
        Err(refusal) => panic!("{refusal}"),
    };
    leads_back(&text, &result);
    let again = deidentify(&result.text, language, &people).unwrap_or_else(|refusal| panic!("the result: {refusal}"));
    assert!(again.text == result.text && again.spans.is_empty(), "the result does not give itself back");
    let left = left(&result, &known_words(language, &people));
    assert!(left.is_none(), "a word of a known name is left");
}

/// Spans are in order and apart, in the text and in the result, and between them both are the same.
fn leads_back(text: &str, result: &Deidentified) {
    let (before, after): (Vec<char>, Vec<char>) = (text.chars().collect(), result.text.chars().collect());
    let (mut here, mut there) = (0, 0);
    for span in &result.spans {
        assert!(span.range.start >= here && span.range.start < span.range.end, "spans overlap, or one is empty");
        assert!(span.replaced.start >= there && span.replaced.start < span.replaced.end, "replacements overlap");
        let stayed = before.get(here..span.range.start).expect("a span stands within the text");
        assert!(Some(stayed) == after.get(there..span.replaced.start), "more changed than the spans say");
        assert!(before.get(span.range.clone()).is_some(), "a span ends within the text");
        (here, there) = (span.range.end, span.replaced.end);
    }
    assert!(before.get(here..) == after.get(there..), "more changed than the spans say");
}

/// Words as folding parts them, and where each comes from, in bytes.
fn words<'a>(folded: &'a Folded<'_>) -> impl Iterator<Item = (&'a str, core::ops::Range<usize>)> {
    let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '\u{900}'..='\u{109f}');
    let text = folded.text();
    text.split(move |letter| !is_word(letter)).filter(|word| !word.is_empty()).map(move |word| {
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        (word, folded.range(&(start..start + word.len())).expect("a word leads back"))
    })
}

/// Of the words of all names those that go even in the midst of a sentence that has its capitals: these are nothing else, so
/// they go wherever they stand.
fn known_words(language: Language, people: &[KnownPerson]) -> Vec<String> {
    let names = people.iter().flat_map(|person| core::iter::once(&person.name).chain(&person.aliases));
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let folded = Folded::new(name);
        all.extend(words(&folded).map(|(word, _)| word.to_owned()));
    }
    all.sort();
    all.dedup();
    // With an accent these are ordinary words of their own.
    let accented = ["marie", "maries", "aime", "desire", "leger", "place", "carre"];
    all.retain(|word| word.chars().count() >= SHORTEST_WORD && !accented.contains(&word.as_str()));
    all.retain(|word| {
        let sentence = format!("They saw {word} there. It was cold. We went home.");
        let of_word = 9..9 + word.chars().count();
        deidentify(&sentence, language, people).is_ok_and(|result| {
            result.spans.iter().any(|span| {
                span.kind == Kind::Person && span.range.start <= of_word.start && span.range.end >= of_word.end
            })
        })
    });
    all
}

/// A known word that stands in the result, not in a replacement.
fn left(result: &Deidentified, known: &[String]) -> Option<String> {
    let mut at = 0;
    let mut places: Vec<usize> = result.text.char_indices().map(|(place, _)| place).collect();
    places.push(result.text.len());
    let replaced: Vec<_> =
        result.spans.iter().map(|span| places[span.replaced.start]..places[span.replaced.end]).collect();
    let folded = Folded::new(&result.text);
    words(&folded)
        .filter(|(_, range)| {
            while replaced.get(at).is_some_and(|one| one.end <= range.start) {
                at += 1;
            }
            replaced.get(at).is_none_or(|one| one.start >= range.end)
        })
        .find(|(word, _)| known.iter().any(|one| one == word))
        .map(|(word, _)| word.to_owned())
}
