//! Initials, and initials beside a name that was found.

use super::super::lexicon::{FUNCTION, ORDINARY, PLACE, SAFE, STRONG, TO_PLACE, lexicon};
use super::super::merge::Sureness;
use super::super::words::{Gap, Shape, Word, letter_at};
use super::super::{Hit, Kind};
use super::{Found, Search};

/// The most initials of one person.
const MOST: usize = 4;
/// The most letters of a name cut short by a full stop.
const CUT_SHORT: usize = 4;

pub(super) fn find(search: &Search<'_>, found: &mut Found<'_>) {
    let words = &search.words.all;
    let mut skip = 0;
    for (place, word) in words.iter().enumerate() {
        if place >= skip && word.shape == Shape::Upper && word.range.len() <= MOST && word.range.len() > 1 {
            together(search, place, word, found);
        } else if place >= skip && is_initial(word) {
            skip = apart(search, place, found);
        }
    }
    beside(search, found);
}

const fn is_initial(word: &Word) -> bool {
    word.range.end - word.range.start == 1 && !matches!(word.shape, Shape::Digits)
}

/// "MT": only what is no known abbreviation and no word.
fn together(search: &Search<'_>, place: usize, word: &Word, found: &mut Found<'_>) {
    let shouted = |near: Option<&Word>| near.is_some_and(|near| near.shape == Shape::Upper && near.range.len() > 4);
    let among = shouted(place.checked_sub(1).and_then(|before| search.words.all.get(before)))
        || shouted(search.words.all.get(place.saturating_add(1)));
    if word.known & (ORDINARY | SAFE | PLACE) != 0 || among {
        return;
    }
    if let Some(whose) = search.names.initials.get(search.written(word)) {
        found.add(word.range.clone(), whose, Sureness::Form);
    }
}

/// "M.T.", "M. T.", "M-T", "M T": the place after the run of single letters.
fn apart(search: &Search<'_>, place: usize, found: &mut Found<'_>) -> usize {
    let words = search.words.all.get(place..).unwrap_or_default();
    let more = words.iter().skip(1).take(MOST).take_while(|word| {
        (is_initial(word) || search.written(word) == "st")
            && matches!(word.gap, Gap::Dot | Gap::Space | Gap::Hyphen)
            && !word.line
    });
    let run = words.get(..more.count().saturating_add(1)).unwrap_or_default();
    let after = place.saturating_add(run.len());
    // Initials are two at least.
    let [first, .., last] = run else { return after };
    let initials: String = run.iter().map(|word| search.written(word)).collect();
    let Some(whose) = search.names.initials.get(&initials) else { return after };
    let dotted = run.iter().skip(1).all(|word| word.gap == Gap::Dot || word.gap == Gap::Hyphen);
    let upper = run.iter().all(|word| word.shape == Shape::Upper);
    // "9 a.m.", "in B.C." are none.
    let before = place.checked_sub(1).and_then(|before| search.words.all.get(before));
    let ordinary = if dotted && upper { 0 } else { ORDINARY };
    let known = lexicon().of(&initials) & (SAFE | PLACE | ordinary) != 0;
    let other = known && before.is_none_or(|word| word.known & TO_PLACE != 0 || word.shape == Shape::Digits || !upper);
    if (dotted || upper) && !other {
        found.add(first.range.start..last.range.end, whose, Sureness::Likely);
    }
    after
}

/// "Marie T.", "A. Y. Tremblay", "Mr. Tremblay", "Mr. T.": initials of the same person beside the name, and the title, which
/// says who somebody is no less.
fn beside(search: &Search<'_>, found: &mut Found<'_>) {
    let mut more = Vec::new();
    for hit in found.hits.iter().filter(|hit| hit.kind == Kind::Person) {
        let place = search.word_at(hit.range.start);
        let mut first = place;
        while place.saturating_sub(first) < MOST && is_beside(search, hit.person, first.checked_sub(1), first) {
            first = first.saturating_sub(1);
        }
        let ends = search.word_at(hit.range.end.saturating_sub(1));
        let mut last = ends;
        while last.saturating_sub(ends) < MOST
            && is_beside(search, hit.person, last.checked_add(1), last.saturating_add(1))
        {
            last = last.saturating_add(1);
        }
        if is_title_before(search, first) {
            first = first.saturating_sub(1);
        }
        if let (Some(from), Some(to), true) =
            (search.words.all.get(first), search.words.all.get(last), first < place || last > ends)
        {
            more.push(Hit { range: from.range.start..to.range.end, sure: Sureness::Form, ..hit.clone() });
        }
    }
    found.hits.extend(more);
    after_title(search, found);
}

/// Whether the word at `near` is an initial of a person; `later` is the later of it and the word it stands beside.
fn is_beside(search: &Search<'_>, person: Option<usize>, near: Option<usize>, later: usize) -> bool {
    let word_at = |place: usize| search.words.all.get(place);
    let (Some(near), Some(gap)) = (near.and_then(word_at), word_at(later)) else { return false };
    let close = matches!(gap.gap, Gap::Space | Gap::Dot | Gap::Hyphen) && !gap.line;
    let is_one = person
        .and_then(|person| search.names.people.get(person))
        .is_some_and(|person| person.names.iter().flatten().any(|word| word.starts_with(search.written(near))));
    let dotted = letter_at(search.text(), near.range.end) == Some('.');
    let said = near.known & FUNCTION != 0 && !dotted;
    // "Ph. Roy": a name cut short by a full stop.
    let short = is_initial(near) || (dotted && near.range.len() <= CUT_SHORT && near.shape != Shape::Lower);
    short && close && is_one && !said && (near.shape == Shape::Upper || dotted)
}

fn is_title_before(search: &Search<'_>, place: usize) -> bool {
    const TITLES: [&str; 11] =
        ["mr", "mrs", "ms", "mx", "miss", "mme", "mlle", "m", "monsieur", "madame", "mademoiselle"];
    let title = place.checked_sub(1).and_then(|before| search.words.all.get(before));
    let close = search.words.all.get(place).is_some_and(|word| matches!(word.gap, Gap::Space | Gap::Dot) && !word.line);
    close
        && title.is_some_and(|title| {
            TITLES.contains(&search.written(title)) && (title.range.len() > 1 || title.shape == Shape::Upper)
        })
}

fn after_title(search: &Search<'_>, found: &mut Found<'_>) {
    for pair in search.words.all.windows(2) {
        let [title, word] = pair else { continue };
        let titled = title.known & STRONG != 0 && !word.starts && is_initial(word) && word.shape == Shape::Upper;
        let Some(letter) = letter_at(search.text(), word.range.start).filter(|_| titled) else { continue };
        let people = search.names.people.iter().enumerate();
        let mut bearing = people.filter(|(_, person)| person.letters.contains(&letter));
        if let (Some((person, _)), None) = (bearing.next().filter(|(_, person)| !person.kept), bearing.next()) {
            found.hits.push(Hit {
                range: word.range.clone(),
                kind: Kind::Person,
                person: Some(person),
                sure: Sureness::Form,
            });
        }
    }
}
