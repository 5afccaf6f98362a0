//! Rooms, apartments, units, doors and buzzers: `room 214`, `ch. 12`, `appt 4B`, `#214`, `chambre douze`.

use super::lexicon::{
    DIGITS, LODGING, MONEY, NUMBER, NUMBER_SIGN, ROOM, RUE, RURAL, STREET, UNIT, WEAK_RUE, WEAK_STREET, YEARS,
};
use super::words::{CONTEXT, Finds, Text};
use crate::narrative::{Kind, merge::Sureness};

/// The longest number of a room.
const LONGEST: usize = 5;
/// The most rooms in one list.
const MOST_IN_LIST: usize = 12;

pub(super) fn find(text: &Text<'_>, finds: &mut Finds<'_>) {
    for at in text.having(ROOM | DIGITS) {
        let word = text.get(at);
        if word.is(ROOM) {
            named(text, at, finds);
        } else if word.is_digits() && word.len() <= LONGEST {
            bare(text, at, finds);
        }
    }
}

/// A number after a word for a room, and those listed after it.
fn named(text: &Text<'_>, room: usize, finds: &mut Finds<'_>) {
    let mut at = room;
    let (mut signed, mut linked) = (false, false);
    for _ in 0..3 {
        let gap = text.gap(at);
        if gap.len() > 4
            || gap.iter().any(|byte| !matches!(byte, b' ' | b'.' | b':' | b'#' | b'-' | b'=' | b'(' | b'\'' | 0x80..))
        {
            return;
        }
        signed |= gap.iter().any(|byte| matches!(byte, b':' | b'#'));
        at = at.saturating_add(1);
        let told = signed
            || !linked
            || text.get(at).len() >= 3
            || matches!(text.form(room), b"buzzer" | b"sonnette" | b"interphone");
        if let Some(end) = value(text, at, room, signed).filter(|_| told) {
            let start = text.get(room).start;
            finds.push(start..end, Kind::Room, Sureness::Certain);
            return list(text, text.word_at(end), finds);
        }
        let is = matches!(text.form(at), b"is" | b"est" | b"was" | b"etait");
        if !is && !text.is_number_sign(at) && text.form(at) != b"code" {
            return;
        }
        linked |= is;
        signed |= text.is_number_sign(at);
    }
}

/// Where the number of a room ends that begins at a word: digits, with a letter or before one; a letter; words.
fn value(text: &Text<'_>, at: usize, room: usize, signed: bool) -> Option<usize> {
    let word = text.get(at);
    if word.is_digits() {
        return digits(text, at, signed);
    }
    if word.is(NUMBER) && text.get(at).len() > 1 {
        let mut last = at;
        while text.is(last.saturating_add(1), NUMBER) && matches!(text.gap(last), b" " | b"-") {
            last = last.saturating_add(1);
        }
        let next = last.saturating_add(1);
        let article = matches!(text.form(at), b"un" | b"une") && last == at;
        let counted = text.is(next, UNIT | MONEY) && text.gap(last) == b" ";
        return (!article && !counted).then(|| text.get(last).end);
    }
    if word.len() == 1 && text.gap(at).is_empty() && text.get(at.saturating_add(1)).is_digits() {
        return (text.get(at.saturating_add(1)).len() <= LONGEST).then(|| text.get(at.saturating_add(1)).end);
    }
    // A letter by itself: a capital, or one that is no word.
    let small = matches!(text.form(room), b"ch" | b"app" | b"ap" | b"door" | b"porte" | b"office" | b"log" | b"local");
    let hyphened = text.gap(at) == b"-" && text.get(at.saturating_add(1)).is_digits();
    let single = word.len() == 1 && !text.gap(at).starts_with(b"'") && (!small || hyphened);
    let said = text.is_telling_capital(at) && text.form(at) != b"i"
        || (hyphened || word.senses == 0 || matches!(text.form(at), b"b" | b"f" | b"g" | b"k"));
    if single && said {
        // `unit B-12`, `suite C 4`
        let next = at.saturating_add(1);
        let more = matches!(text.gap(at), b"-" | b" ") && text.get(next).is_digits() && text.get(next).len() <= LONGEST;
        return Some(if more { text.get(next).end } else { word.end });
    }
    None
}

/// The end of a room's number in digits, unless it is an amount, a count or a time.
fn digits(text: &Text<'_>, at: usize, signed: bool) -> Option<usize> {
    let word = text.get(at);
    if word.len() > LONGEST || text.gap_before(at).ends_with(b"$") {
        return None;
    }
    let next = at.saturating_add(1);
    let gap = text.gap(at);
    let suffix = text.get(next).len() <= 2 && !text.get(next).is_digits();
    if gap.is_empty() {
        // `214b`; but `80k`, `3e`, `10h`
        let ordinal = word.len() <= 2 && matches!(text.form(next), b"e" | b"h");
        if suffix && !ordinal && text.get(next).len() > 0 && (!text.is(next, UNIT | MONEY) || text.get(next).len() == 1)
        {
            return Some(text.get(next).end);
        }
        return (text.get(next).len() == 0).then_some(word.end);
    }
    if gap.starts_with(b"$")
        || gap.starts_with(b" $")
        || gap.starts_with("€".as_bytes())
        || gap.starts_with(" €".as_bytes())
        || gap.starts_with(b"%")
    {
        return None;
    }
    if text.is(next, MONEY) && gap == b" " {
        return None;
    }
    if text.is(next, UNIT | YEARS) && gap == b" " && word.len() < 3 && !signed {
        return None;
    }
    if gap == b":" && text.get(next).is_digits() {
        return None;
    }
    if gap == b"-" && text.get(next).len() == 1 {
        return Some(text.get(next).end);
    }
    if gap == b" "
        && text.get(next).len() == 1
        && text.is_telling_capital(next)
        && !matches!(text.form(next), b"i" | b"a")
    {
        return Some(text.get(next).end);
    }
    Some(word.end)
}

/// `rooms 12, 14 and 16`: every further number.
fn list(text: &Text<'_>, first: usize, finds: &mut Finds<'_>) {
    let mut at = first;
    for _ in 0..MOST_IN_LIST {
        let joined =
            matches!(text.gap_before(at), b", " | b"," | b" & " | b"/" | b" / " | b"-" | b" - " | b"&" | b" + ");
        let word =
            matches!(text.form(at), b"and" | b"et" | b"or" | b"ou" | b"to" | b"a" | b"then" | b"puis" | b"later")
                && text.gap_before(at).trim_ascii() != b".";
        let number = if word { at.saturating_add(1) } else { at };
        if !(joined || word) || !text.get(number).is_digits() {
            return;
        }
        let Some(end) = digits(text, number, false) else { return };
        finds.push(text.get(number).start..end, Kind::Room, Sureness::Likely);
        at = text.word_at(end);
    }
}

/// A number after a number sign, or one that can only be a room where people lodge.
fn bare(text: &Text<'_>, at: usize, finds: &mut Finds<'_>) {
    let word = text.get(at);
    let gap = text.gap_before(at);
    let range = word.start..word.end;
    let sign = gap.ends_with(b"#") || gap.ends_with(b"# ");
    let longer = matches!(text.gap(at), b"-" | b"." | b" " | b"/") && text.get(at.saturating_add(1)).is_digits();
    let placed = || {
        text.is_near(&range, LODGING | ROOM)
            || text.around(&range, 30, 0) & (STREET | RUE | WEAK_RUE | WEAK_STREET) != 0
    };
    let first = text.form(at) == b"1";
    if sign && !longer && (!first || placed()) {
        let start = word.start.saturating_sub(if gap.ends_with(b" ") { 2 } else { 1 });
        let end = digits(text, at, true).unwrap_or(word.end);
        finds.push(start..end, Kind::Room, Sureness::Likely);
        return list(text, text.word_at(end), finds);
    }
    let said = text.is(at.wrapping_sub(1), NUMBER_SIGN) && gap.len() <= 2;
    let same = matches!(text.form(at.wrapping_sub(1)), b"la" | b"le")
        && matches!(text.gap_before(at.wrapping_sub(1)), b", " | b" : " | b": ");
    if (said || same)
        && text.around(&range, CONTEXT, 0) & (LODGING | ROOM) != 0
        && !longer
        && let Some(end) = digits(text, at, said)
    {
        finds.push(word.start..end, Kind::Room, Sureness::Form);
    }
    let inside = matches!(text.form(at.wrapping_sub(1)), b"in" | b"au" | b"to" | b"from" | b"at" | b"la");
    let placed = || text.around(&range, 60, 30) & (LODGING | ROOM) != 0;
    if word.len() == 3
        && inside
        && gap == b" "
        && placed()
        && !text.is(at.saturating_add(1), UNIT | MONEY | RURAL)
        && let Some(end) = digits(text, at, false)
    {
        finds.push(word.start..end, Kind::Room, Sureness::Form);
    }
}
