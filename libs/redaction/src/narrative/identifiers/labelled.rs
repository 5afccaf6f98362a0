//! Numbers that a word before them names: badges, files, bookings, codes; plates read out after their word; and the last
//! digits of longer numbers.

use super::lexicon::{DIGITS, LABEL, LINKING, MONEY, OF_PLATE, POLICE_FILE, UNIT};
use super::words::{Finds, Text, digits_in, is_year};
use crate::narrative::{Kind, merge::Sureness};
use core::ops::Range;

/// The most words between the word and its number.
const FILLERS: usize = 3;

pub(super) fn find(text: &Text<'_>, finds: &mut Finds<'_>) {
    for at in text.having(POLICE_FILE | LABEL | OF_PLATE | DIGITS) {
        let word = text.get(at);
        if word.is(POLICE_FILE | LABEL)
            && let Some(range) = labelled(text, at)
        {
            let kind = if word.is(POLICE_FILE) { Kind::PoliceNumber } else { Kind::Number };
            finds.push(range, kind, Sureness::Likely);
        }
        if word.is(OF_PLATE)
            && let Some(range) = plate_after(text, at)
        {
            finds.push(range, Kind::Plate, Sureness::Certain);
        }
        if word.is_digits() && matches!(word.len(), 3 | 4) && is_an_end(text, at) {
            finds.push(word.start..word.end, Kind::Number, Sureness::Likely);
        }
    }
}

/// The number a label names. Without a sign that it is a number, it must look like one.
fn labelled(text: &Text<'_>, label: usize) -> Option<Range<usize>> {
    let mut at = label;
    let mut signed = false;
    for _ in 0..=FILLERS {
        let gap = text.gap(at);
        if gap.len() > 4
            || gap.iter().any(|byte| !matches!(byte, b' ' | b'.' | b':' | b'#' | b'-' | b'=' | b'(' | b'\'' | 0x80..))
        {
            return None;
        }
        signed |= gap.iter().any(|byte| matches!(byte, b':' | b'#' | b'=' | 0x80..));
        at = at.saturating_add(1);
        let cluster = cluster_from(text, at);
        let digits = digits_in(text.bytes(&cluster));
        if digits > 0 {
            return is_number(text, label, at, &cluster, digits, signed).then_some(cluster);
        }
        if !text.is_number_sign(at)
            && !text.is(at, LINKING | POLICE_FILE | LABEL)
            && !matches!(
                text.form(at),
                b"of"
                    | b"du"
                    | b"de"
                    | b"la"
                    | b"police"
                    | b"entree"
                    | b"porte"
                    | b"acces"
                    | b"door"
                    | b"gate"
                    | b"entry"
                    | b"access"
                    | b"alarme"
                    | b"alarm"
                    | b"wifi"
            )
        {
            return None;
        }
        signed |= text.is_number_sign(at);
    }
    None
}

fn is_number(text: &Text<'_>, label: usize, at: usize, cluster: &Range<usize>, digits: usize, signed: bool) -> bool {
    let last = text.word_at(cluster.end);
    let gap = text.gap_before(last);
    let counted = gap.len() <= 1 && text.is(last, UNIT | MONEY);
    let money = gap.starts_with(b"$") || gap.starts_with(b" $") || text.gap_before(at).ends_with(b"$");
    let mixed = digits < cluster.len();
    let year = !mixed && digits == 4 && text.value(at).is_some_and(is_year);
    let named = matches!(
        text.form(label),
        b"badge"
            | b"matricule"
            | b"insigne"
            | b"pin"
            | b"passcode"
            | b"code"
            | b"docket"
            | b"institution"
            | b"transit"
            | b"cvv"
            | b"cvc"
    );
    !money
        && !counted
        && digits >= 2
        && ((signed && digits >= 3) || (named && digits >= 3 && !year) || mixed && digits >= 4 || digits >= 5)
}

/// Letters and digits that hang together from a word on.
fn cluster_from(text: &Text<'_>, first: usize) -> Range<usize> {
    /// The most words of one number.
    const MOST: usize = 12;
    let mut last = first;
    while last.saturating_sub(first) < MOST && matches!(text.gap(last), b"" | b"-" | b"/" | b"_") {
        last = last.saturating_add(1);
    }
    text.span(first, last)
}

/// Letters and digits read out after a word for plates, in whatever pieces.
fn plate_after(text: &Text<'_>, plate: usize) -> Option<Range<usize>> {
    /// How many words on the plate may stand.
    const AHEAD: usize = 8;
    /// The most characters of a plate.
    const MOST: usize = 9;
    let digits = (plate.saturating_add(1)..plate.saturating_add(AHEAD)).find(|at| text.get(*at).is_digits())?;
    if (plate..digits).any(|at| text.gap(at).contains(&b'$') || text.gap(at) == b". ") {
        return None;
    }
    let (mut first, mut last) = (digits, digits);
    let mut size = text.get(digits).len();
    while let Some(before) =
        first.checked_sub(1).filter(|before| *before > plate && is_piece(text, *before, text.gap(*before)))
    {
        if size.saturating_add(text.get(before).len()) > MOST {
            break;
        }
        size = size.saturating_add(text.get(before).len());
        first = before;
    }
    while is_piece(text, last.saturating_add(1), text.gap(last))
        && size.saturating_add(text.get(last.saturating_add(1)).len()) <= MOST
    {
        last = last.saturating_add(1);
        size = size.saturating_add(text.get(last).len());
    }
    let year = first == last && text.value(first).is_some_and(is_year) && text.get(first).len() == 4;
    let counted = first == last && text.is(last.saturating_add(1), UNIT | MONEY);
    let close = digits.saturating_sub(plate) <= 4 || first < last;
    (size >= if first < last { 2 } else { 3 } && !year && !counted && close).then(|| text.span(first, last))
}

/// Whether a word may be a piece of a plate, seen over the gap to its neighbour.
fn is_piece(text: &Text<'_>, at: usize, gap: &[u8]) -> bool {
    let word = text.get(at);
    if !matches!(gap, b"" | b" " | b"-" | b"." | b" - ") || word.len() == 0 || word.len() > 4 {
        return false;
    }
    let single = |at: usize| text.get(at).len() == 1;
    let spelled = single(at)
        && (gap != b" "
            || (single(at.wrapping_sub(1)) && text.gap_before(at).len() <= 1)
            || (single(at.saturating_add(1)) && single(at.saturating_add(2))));
    word.is_digits() || gap.is_empty() || word.senses == 0 || spelled || text.is_all_capitals(&(word.start..word.end))
}

/// `ending in 4242`, `dont les derniers chiffres sont 4242`.
fn is_an_end(text: &Text<'_>, at: usize) -> bool {
    let leads = matches!(
        text.form(at.wrapping_sub(1)),
        b"in" | b"with" | b"par" | b"are" | b"is" | b"sont" | b"digits" | b"chiffres" | b"en" | b"ending"
    );
    leads
        && (1..=5).any(|back| {
            matches!(
                text.form(at.wrapping_sub(back)),
                b"ending" | b"ends" | b"finissant" | b"finit" | b"terminant" | b"termine" | b"digits" | b"chiffres"
            )
        })
}
