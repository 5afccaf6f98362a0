//! A reviewer's hand: what else is masked, what is put back, and what to look at twice. The text that leaves is made here, from the
//! narrative and the reviewer's places in it; a text that somebody sends is never taken.

use super::fold::Folded;
use super::lexicon::FIRST;
use super::words::{Shape, Words};
use super::{Deidentified, Kind, KnownPerson, Language, Refusal, deidentify};
use core::ops::Range;

/// The most places a reviewer changes in one narrative.
pub const MOST_EDITS: usize = 1_024;

/// What a reviewer changes of a draft; places in Unicode scalar values of the narrative.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edits {
    /// What is masked besides.
    pub mask: Vec<Range<usize>>,
    /// What is put back: exactly the place of a replacement, which names nobody of the case.
    pub unmask: Vec<Range<usize>>,
}

/// Why a reviewer's text is not made. Says nothing of what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotReviewed {
    /// The narrative itself is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// More places than [`MOST_EDITS`].
    #[error("more than {MOST_EDITS} places are changed: withhold the narrative")]
    TooMany,
    /// A place to mask lies beyond the narrative, or is empty.
    #[error("a place to mask is empty or beyond the narrative: give places in the narrative as it was told")]
    NoPlace,
    /// A place to put back is no replacement's.
    #[error("a place to put back is not exactly that of a replacement")]
    NoReplacement,
    /// A name of somebody of the case is never put back.
    #[error("a name of somebody of the case is never put back")]
    KnownPerson,
    /// Something that had to go is left.
    #[error("something that has to go is still there: mask it, or put back less")]
    Left,
    /// Nothing but replacements is left.
    #[error("nothing is left to tell: withhold the narrative")]
    Nothing,
}

/// Makes the text that leaves: the draft with more masked, and some put back. Looked at again as if it were a new text, nothing may
/// be found in it but within what was put back, and nobody of the case even there.
///
/// # Errors
/// [`NotReviewed`]; nothing may leave then.
pub fn review(
    narrative: &str,
    language: Language,
    people: &[KnownPerson],
    edits: &Edits,
) -> Result<Deidentified, NotReviewed> {
    if edits.mask.len().saturating_add(edits.unmask.len()) > MOST_EDITS {
        return Err(NotReviewed::TooMany);
    }
    // Nobody's names stay in a narrative, whatever else of them may leave.
    let people: Vec<KnownPerson> = people.iter().map(|person| KnownPerson { kept: false, ..person.clone() }).collect();
    let draft = deidentify(narrative, language, &people)?;
    let pieces = pieces(narrative, language, &draft, edits)?;
    let reviewed = write(narrative, &pieces);
    if !reviewed.deidentified.text.chars().any(char::is_alphanumeric) || reviewed.stays == 0 {
        return Err(NotReviewed::Nothing);
    }
    for left in deidentify(&reviewed.deidentified.text, language, &people)?.spans {
        let within = |range: &Range<usize>| range.start <= left.range.start && left.range.end <= range.end;
        let put_back = reviewed.put_back.iter().any(within);
        if !put_back || left.kind == Kind::Person || left.person.is_some() {
            return Err(NotReviewed::Left);
        }
    }
    Ok(reviewed.deidentified)
}

/// A place of the narrative that is replaced, or was to be and is put back (`None`).
struct Piece {
    range: Range<usize>,
    kind: Kind,
    person: Option<usize>,
    shown: Option<String>,
}

fn pieces(narrative: &str, language: Language, draft: &Deidentified, edits: &Edits) -> Result<Vec<Piece>, NotReviewed> {
    let length = narrative.chars().count();
    if edits.mask.iter().any(|range| range.start >= range.end || range.end > length) {
        return Err(NotReviewed::NoPlace);
    }
    for range in &edits.unmask {
        let span = draft.spans.iter().find(|span| span.range == *range).ok_or(NotReviewed::NoReplacement)?;
        if span.person.is_some() || span.kind == Kind::Person {
            return Err(NotReviewed::KnownPerson);
        }
    }
    let shown: Vec<char> = draft.text.chars().collect();
    let drafted = draft.spans.iter().map(|span| {
        let put_back = edits.unmask.contains(&span.range);
        let words = || shown.get(span.replaced.clone()).map(|letters| letters.iter().collect::<String>());
        Piece {
            range: span.range.clone(),
            kind: span.kind,
            person: span.person,
            shown: if put_back { None } else { words() },
        }
    });
    let removed = format!("[{}]", Kind::Removed.word(language));
    let masked = edits.mask.iter().map(|range| Piece {
        range: range.clone(),
        kind: Kind::Removed,
        person: None,
        shown: Some(removed.clone()),
    });
    let mut all: Vec<Piece> = drafted.chain(masked).collect();
    all.sort_by_key(|piece| (piece.range.start, core::cmp::Reverse(piece.range.end)));
    let mut merged: Vec<Piece> = Vec::with_capacity(all.len());
    for piece in all {
        match merged.last_mut().filter(|last| piece.range.start < last.range.end) {
            // What is masked by hand takes what it touches; of what is put back nothing stays then either.
            Some(last) => {
                last.range.end = last.range.end.max(piece.range.end);
                (last.kind, last.person, last.shown) = (Kind::Removed, None, Some(removed.clone()));
            }
            None => merged.push(piece),
        }
    }
    Ok(merged)
}

/// A reviewer's text, with what was put back, in Unicode scalar values of it.
struct Written {
    deidentified: Deidentified,
    put_back: Vec<Range<usize>>,
    /// How many letters and digits of the narrative stay.
    stays: usize,
}

fn write(narrative: &str, pieces: &[Piece]) -> Written {
    let letters: Vec<char> = narrative.chars().collect();
    let mut out = Written {
        deidentified: Deidentified { text: String::with_capacity(narrative.len()), spans: Vec::new() },
        put_back: Vec::new(),
        stays: 0,
    };
    let mut written = 0_usize;
    let mut at = 0_usize;
    let stay = |out: &mut Written, range: Range<usize>| {
        let letters = letters.get(range).unwrap_or_default();
        out.deidentified.text.extend(letters);
        out.stays = out.stays.saturating_add(letters.iter().filter(|letter| letter.is_alphanumeric()).count());
        letters.len()
    };
    for piece in pieces {
        written = written.saturating_add(stay(&mut out, at..piece.range.start));
        let begins = written;
        match &piece.shown {
            None => {
                written = written.saturating_add(stay(&mut out, piece.range.clone()));
                out.put_back.push(begins..written);
            }
            Some(shown) => {
                out.deidentified.text.push_str(shown);
                written = written.saturating_add(shown.chars().count());
                let (range, kind, person) = (piece.range.clone(), piece.kind, piece.person);
                out.deidentified.spans.push(super::Span { range, kind, person, replaced: begins..written });
            }
        }
        at = piece.range.end;
    }
    stay(&mut out, at..letters.len());
    out
}

/// What a reviewer looks at twice in a text that would leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// A word with a capital.
    Capital,
    /// A number.
    Number,
    /// A first name of the lists, written small.
    FirstName,
}

/// A place to look at twice, in Unicode scalar values of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Where.
    pub range: Range<usize>,
    /// Why.
    pub kind: MarkKind,
}

/// Every capital, number and listed first name that stands in a text outside of its replacements.
#[must_use]
pub fn marks(text: &str) -> Vec<Mark> {
    let folded = Folded::new(text);
    let words = Words::new(&folded);
    let kept = words.all.iter().filter(|word| !word.replaced);
    let marked = kept.filter_map(|word| {
        let kind = if word.digits || word.shape == Shape::Digits {
            MarkKind::Number
        } else if word.shape != Shape::Lower {
            MarkKind::Capital
        } else if word.known & FIRST != 0 {
            MarkKind::FirstName
        } else {
            return None;
        };
        Some((folded.range(&word.range)?, kind))
    });
    // One walk over the text: marks come in its order.
    let mut scalars = (0_usize, 0_usize);
    let mut to_scalars = |byte: usize| {
        let (at, count) = scalars;
        let more = text.get(at..byte).map_or(0, |piece| piece.chars().count());
        scalars = (at.max(byte), count.saturating_add(more));
        scalars.1
    };
    marked.map(|(range, kind)| Mark { range: to_scalars(range.start)..to_scalars(range.end), kind }).collect()
}
