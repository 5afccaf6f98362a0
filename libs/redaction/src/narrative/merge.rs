//! Of everything that was found: what is masked together, under which label, what stands in its place; and whether nothing
//! that had to go is left.
//!
//! Finds that overlap are masked as one, whatever they are; none is dropped and none trimmed. A find that cuts a word takes
//! the whole word. The result is looked at again as if it were a new text, until nothing is found: what the first look missed
//! because of what stood beside it goes in the second.

use super::fold::Folded;
use super::people::People;
use super::words::{Gap, Words};
use super::{Deidentified, Kind, KnownPerson, Language, Refusal, Span, placeholder};
use core::cmp::Reverse;
use core::ops::Range;

/// Something a finder found, in bytes of the folded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// Where, in bytes of the folded text.
    pub(super) range: Range<usize>,
    /// What it is.
    pub(super) kind: Kind,
    /// Which of the known people it names, by place in the list.
    pub(super) person: Option<usize>,
    /// How sure the finder is that the label is right; never whether to mask.
    pub(super) sure: Sureness,
}

/// How sure a finder is of its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sureness {
    /// The form alone.
    Form,
    /// A form that little else has.
    Likely,
    /// A checksum, or a word beside it that says what it is.
    Certain,
}

/// What is masked and what stays of a narrative, looked at as often as it takes.
pub(super) struct Draft<'a> {
    original: &'a str,
    masks: Vec<Hit>,
}

/// A piece of the narrative that stayed.
pub(super) struct Piece {
    /// Where it begins in the result.
    shown: usize,
    /// Where it stands in the narrative.
    range: Range<usize>,
}

impl<'a> Draft<'a> {
    /// Nothing is masked yet.
    pub(super) const fn new(original: &'a str) -> Self {
        Self { original, masks: Vec::new() }
    }

    /// Masks what was found in the text that [`Self::write`] gave with these pieces; whether anything was.
    ///
    /// # Errors
    /// [`Refusal::Offsets`] if a place of a find does not lead back to the narrative.
    pub(super) fn mask(
        &mut self,
        folded: &Folded<'_>,
        pieces: &[Piece],
        names: &People,
        words: &Words,
        hits: Vec<Hit>,
    ) -> Result<bool, Refusal> {
        let found = in_text(folded, words, hits)?;
        if found.is_empty() {
            return Ok(false);
        }
        let mut first = 0;
        let before = self.masks.len();
        for hit in found {
            while pieces
                .get(first)
                .is_some_and(|piece| piece.shown.saturating_add(piece.range.len()) <= hit.range.start)
            {
                first += 1;
            }
            for piece in pieces.iter().skip(first).take_while(|piece| piece.shown < hit.range.end) {
                let into = hit.range.start.saturating_sub(piece.shown);
                let out = hit.range.end.saturating_sub(piece.shown).min(piece.range.len());
                let range = piece.range.start.saturating_add(into)..piece.range.start.saturating_add(out);
                if self.original.get(range.clone()).is_none_or(str::is_empty) {
                    return Err(Refusal::Offsets);
                }
                self.masks.push(Hit { range, ..hit });
            }
        }
        let grown = self.masks.len() > before;
        self.masks = joined(self.original, names, united(core::mem::take(&mut self.masks)));
        Ok(grown)
    }

    /// The text as it would leave now, and the pieces of the narrative that stand in it.
    pub(super) fn write(&self, language: Language, people: &[KnownPerson]) -> (Deidentified, Vec<Piece>) {
        let mut out = Deidentified { text: String::with_capacity(self.original.len()), spans: Vec::new() };
        let mut pieces = Vec::with_capacity(self.masks.len().saturating_add(1));
        let (mut at, mut read, mut written) = (0_usize, 0_usize, 0_usize);
        for mask in &self.masks {
            let stays = self.original.get(at..mask.range.start).unwrap_or_default();
            let goes = self.original.get(mask.range.clone()).unwrap_or_default();
            if !stays.is_empty() {
                pieces.push(Piece { shown: out.text.len(), range: at..mask.range.start });
            }
            out.text.push_str(stays);
            let stayed = stays.chars().count();
            (read, written) = (read.saturating_add(stayed), written.saturating_add(stayed));
            let mut shown = shown(mask, language, people);
            if matches!(mask.kind, Kind::Person | Kind::Name) {
                shown.push_str(possessive(goes).unwrap_or_default());
            }
            let (gone, stands) = (goes.chars().count(), shown.chars().count());
            out.text.push_str(&shown);
            out.spans.push(Span {
                range: read..read.saturating_add(gone),
                kind: mask.kind,
                person: mask.person,
                replaced: written..written.saturating_add(stands),
            });
            (read, written) = (read.saturating_add(gone), written.saturating_add(stands));
            at = mask.range.end;
        }
        let rest = self.original.get(at..).unwrap_or_default();
        if !rest.is_empty() {
            pieces.push(Piece { shown: out.text.len(), range: at..self.original.len() });
        }
        out.text.push_str(rest);
        (out, pieces)
    }
}

fn shown(mask: &Hit, language: Language, people: &[KnownPerson]) -> String {
    let person = mask.person.and_then(|place| people.get(place).map(|person| (place, person)));
    match person {
        Some((place, person)) => placeholder::person(place, person.part, language),
        None => placeholder::other(mask.kind, language),
    }
}

/// What makes a name a possessive in English, as long as its end: the span holds it, and the replacement says it again.
fn possessive(goes: &str) -> Option<&str> {
    ["'s", "\u{2019}s", "'S", "\u{2019}S"].into_iter().find(|end| goes.ends_with(end))
}

/// The finds in bytes of the text they were found in, united, without what earlier replacements say.
fn in_text(folded: &Folded<'_>, words: &Words, hits: Vec<Hit>) -> Result<Vec<Hit>, Refusal> {
    let mut whole = Vec::with_capacity(hits.len());
    for hit in hits {
        let mut range = whole_words(words, &hit.range);
        if matches!(hit.kind, Kind::Person | Kind::Name) {
            range.end = possessive_end(folded.text(), words, range.end);
        }
        // What was found within a word only may be something else.
        let cut = range.start < hit.range.start || range.end > hit.range.end;
        let sure = if cut && hit.kind != Kind::Person { Sureness::Form } else { hit.sure };
        whole.push(Hit { range, sure, ..hit });
    }
    let replaced = &words.replaced;
    let mut out = Vec::with_capacity(whole.len());
    let mut first = 0;
    for hit in united(whole) {
        while replaced.get(first).is_some_and(|range| range.end <= hit.range.start) {
            first += 1;
        }
        let mut at = hit.range.start;
        for range in replaced.iter().skip(first).take_while(|range| range.start < hit.range.end) {
            if at < range.start {
                out.push(Hit { range: at..range.start, ..hit });
            }
            at = at.max(range.end);
        }
        if at < hit.range.end {
            out.push(Hit { range: at..hit.range.end, ..hit });
        }
    }
    for hit in &mut out {
        hit.range = folded.range(&hit.range).ok_or(Refusal::Offsets)?;
        if folded.original().get(hit.range.clone()).is_none() {
            return Err(Refusal::Offsets);
        }
    }
    // Two finds may share a character of the narrative that folds to several.
    Ok(united(out))
}

/// Where a name ends with what makes it a possessive.
fn possessive_end(text: &str, words: &Words, end: usize) -> usize {
    let next = words.all.get(words.all.partition_point(|word| word.range.end <= end));
    let is_s = next.is_some_and(|word| {
        word.gap == Gap::Apostrophe
            && word.range.start == end.saturating_add(1)
            && text.get(word.range.clone()) == Some("s")
    });
    if is_s { end.saturating_add(2) } else { end }
}

/// A find that begins or ends within a word takes the whole word.
fn whole_words(words: &Words, range: &Range<usize>) -> Range<usize> {
    let cut = |at: usize| {
        let place = words.all.partition_point(|word| word.range.end <= at);
        words.all.get(place).map(|word| word.range.clone()).filter(|word| word.start < at)
    };
    cut(range.start).map_or(range.start, |word| word.start)..cut(range.end).map_or(range.end, |word| word.end)
}

/// Overlapping finds as one.
fn united(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.range.start, Reverse(hit.range.end)));
    let mut out: Vec<Hit> = Vec::with_capacity(hits.len());
    let mut group: Vec<Hit> = Vec::new();
    let mut end = 0;
    for hit in hits {
        if hit.range.start >= end {
            out.extend(labelled(&group));
            group.clear();
        }
        end = end.max(hit.range.end);
        group.push(hit);
    }
    out.extend(labelled(&group));
    out
}

/// One find for a group of overlapping ones: the label of what holds all of it, where something sure does, for a name within
/// an address is part of the address; else the surest, then the one that stands first among the kinds.
fn labelled(group: &[Hit]) -> Option<Hit> {
    let start = group.iter().map(|hit| hit.range.start).min()?;
    let end = group.iter().map(|hit| hit.range.end).max()?;
    let rank = |hit: &&Hit| (Reverse(hit.sure), hit.kind, Reverse(hit.range.len()), hit.person.is_none(), hit.person);
    let holds = |hit: &&Hit| {
        hit.range == (start..end) && hit.sure >= Sureness::Likely && !matches!(hit.kind, Kind::Person | Kind::Name)
    };
    let holding = group.iter().filter(holds).min_by_key(rank);
    let wider =
        holding.filter(|holding| group.iter().all(|hit| hit.kind != Kind::Person || hit.range != holding.range));
    let best = wider.or_else(|| group.iter().min_by_key(rank))?;
    Some(Hit { range: start..end, ..best.clone() })
}

/// The most characters between two parts of one name.
const WIDEST_GAP: usize = 3;

/// Neighbours that say the same as one: parts of one person's name, also those nobody recorded; parts of one unknown name,
/// parts of one number.
fn joined(original: &str, names: &People, hits: Vec<Hit>) -> Vec<Hit> {
    let mut out: Vec<Hit> = Vec::with_capacity(hits.len());
    let mut parts: Vec<Hit> = Vec::new();
    for hit in hits {
        match out.last_mut().filter(|last| are_one(original, last, &hit)) {
            Some(last) => {
                last.range.end = hit.range.end;
                last.kind = last.kind.min(hit.kind);
                last.person = last.person.or(hit.person);
                last.sure = last.sure.max(hit.sure);
            }
            None => {
                attribute(original, names, out.last_mut(), &parts);
                parts.clear();
                out.push(hit.clone());
            }
        }
        parts.push(hit);
    }
    attribute(original, names, out.last_mut(), &parts);
    out
}

/// A name of known and unknown words is that person's only if the unknown ones are theirs misspelt, or if it begins with a
/// known one and the known ones are a whole name: "Lucille Tremblay" and "Lucille-Marie Tremblay" are not Marie Tremblay,
/// "Marie Louise Tremblay" is.
fn attribute(original: &str, names: &People, whole: Option<&mut Hit>, parts: &[Hit]) {
    let Some(whole) = whole.filter(|whole| whole.kind == Kind::Person) else { return };
    let pieces = |kind| {
        let of_kind = parts.iter().filter(move |part| part.kind == kind);
        of_kind.filter_map(|part| original.get(part.range.clone()))
    };
    if pieces(Kind::Name).next().is_none() {
        return;
    }
    let begins = parts.first().is_some_and(|part| part.kind == Kind::Person);
    let theirs = whole.person.is_some_and(|person| {
        names.are_misspelt(person, pieces(Kind::Name)) || (begins && names.is_whole(person, pieces(Kind::Person)))
    });
    if !theirs {
        (whole.kind, whole.person) = (Kind::Name, None);
    }
}

fn are_one(original: &str, one: &Hit, next: &Hit) -> bool {
    let Some(between) = original.get(one.range.end..next.range.start) else { return false };
    if possessive(original.get(one.range.clone()).unwrap_or_default()).is_some() {
        return false;
    }
    let few = between.chars().nth(WIDEST_GAP).is_none();
    let close = |letter: char| {
        matches!(letter, ' ' | '\u{a0}' | '\u{202f}' | '-' | '\u{2010}' | '\u{2011}' | '\'' | '\u{2019}')
    };
    let initial = one.range.len().min(next.range.len()) <= 2 && between.starts_with('.');
    let tight = few && between.chars().all(|letter| close(letter) || (initial && letter == '.'));
    if [one.kind, next.kind].iter().all(|kind| matches!(kind, Kind::Person | Kind::Name)) && one.kind != next.kind {
        return tight;
    }
    if one.kind != next.kind || (one.person != next.person && one.person.is_some() && next.person.is_some()) {
        return false;
    }
    let wide = |letter: char| close(letter) || letter.is_whitespace() || matches!(letter, ',' | '_');
    match one.kind {
        Kind::Person if one.person == next.person => {
            few && between.chars().all(|letter| wide(letter) || (initial && letter == '.'))
        }
        Kind::Person | Kind::Name => tight,
        Kind::Email
        | Kind::Url
        | Kind::Handle
        | Kind::IpAddress
        | Kind::Uuid
        | Kind::Iban
        | Kind::Card
        | Kind::BankAccount
        | Kind::SocialInsurance
        | Kind::HealthCard
        | Kind::DriversLicence
        | Kind::Passport
        | Kind::Immigration
        | Kind::StatusCard
        | Kind::PoliceNumber
        | Kind::Phone
        | Kind::BirthDate
        | Kind::Plate
        | Kind::Address
        | Kind::PostalCode
        | Kind::Room
        | Kind::Age
        | Kind::Removed
        | Kind::Number => between.is_empty() || between == "-",
    }
}
