//! Initials, and initials beside a name that was found.

use super::super::lexicon::{ORDINARY, PLACE, SAFE, STRONG, TO_PLACE, lexicon};
use super::super::merge::Sureness;
use super::super::words::{Gap, Shape, Word, letter_at};
use super::{Found, Search};

/// The most initials of one person.
const MOST: usize = 4;

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
    let more =
        words.iter().skip(1).take(MOST).take_while(|word| {
            is_initial(word) && matches!(word.gap, Gap::Dot | Gap::Space | Gap::Hyphen) && !word.line
        });
    let run = words.get(..more.count().saturating_add(1)).unwrap_or_default();
    let after = place.saturating_add(run.len());
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return after };
    let initials: String = run.iter().map(|word| search.written(word)).collect();
    let Some(whose) = search.names.initials.get(&initials) else { return after };
    let dotted = run.iter().skip(1).all(|word| word.gap == Gap::Dot || word.gap == Gap::Hyphen);
    let upper = run.iter().all(|word| word.shape == Shape::Upper);
    // "9 a.m.", "in B.C." are none.
    let before = place.checked_sub(1).and_then(|before| search.words.all.get(before));
    let known = lexicon().of(&initials) & (SAFE | PLACE | ORDINARY) != 0;
    let other = known && before.is_none_or(|word| word.known & TO_PLACE != 0 || word.shape == Shape::Digits || !upper);
    if (dotted || upper) && !other {
        found.add(first.range.start..last.range.end, whose, Sureness::Likely);
    }
    after
}

/// "Marie T.", "M. Tremblay", "Mr. T.": an initial of the same person beside the name, or of one person after a title.
fn beside(search: &Search<'_>, found: &mut Found<'_>) {
    let letters = |person: usize| search.names.letters.get(person).map(Vec::as_slice).unwrap_or_default();
    let mut more = Vec::new();
    for hit in found.hits.iter() {
        let Some(person) = hit.person else { continue };
        let place = search.word_at(hit.range.start);
        let before = place.checked_sub(1);
        let after = search.word_at(hit.range.end.saturating_sub(1)).saturating_add(1);
        for (place, near) in
            [before, Some(after)].into_iter().flatten().filter_map(|at| Some((at, search.words.all.get(at)?)))
        {
            let joined = if Some(place) == before { search.words.all.get(place.saturating_add(1)) } else { Some(near) };
            let close =
                joined.is_some_and(|word| matches!(word.gap, Gap::Space | Gap::Dot | Gap::Hyphen) && !word.line);
            let is_one =
                letter_at(search.text(), near.range.start).is_some_and(|letter| letters(person).contains(&letter));
            let dotted = letter_at(search.text(), near.range.end) == Some('.');
            let said = near.known & super::super::lexicon::FUNCTION != 0 && !dotted;
            if is_initial(near) && close && is_one && !said && (near.shape == Shape::Upper || dotted) {
                more.push((near.range.clone(), person));
            }
        }
    }
    for (range, person) in more {
        found.hits.push(super::super::Hit {
            range,
            kind: super::super::Kind::Person,
            person: Some(person),
            sure: Sureness::Form,
        });
    }
    after_title(search, found);
}

fn after_title(search: &Search<'_>, found: &mut Found<'_>) {
    for pair in search.words.all.windows(2) {
        let [title, word] = pair else { continue };
        let titled = title.known & STRONG != 0 && !word.starts && is_initial(word) && word.shape == Shape::Upper;
        let Some(letter) = letter_at(search.text(), word.range.start).filter(|_| titled) else { continue };
        let mut bearing = search.names.letters.iter().enumerate().filter(|(_, letters)| letters.contains(&letter));
        let stays = |person: usize| search.context.people.get(person).is_some_and(|person| person.kept);
        if let (Some((person, _)), None) = (bearing.next().filter(|(person, _)| !stays(*person)), bearing.next()) {
            found.hits.push(super::super::Hit {
                range: word.range.clone(),
                kind: super::super::Kind::Person,
                person: Some(person),
                sure: Sureness::Form,
            });
        }
    }
}
