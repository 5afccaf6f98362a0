//! Dates of birth: any date near a word of birth, in every form of both languages; and whole dates of years in which
//! somebody who is spoken of was rather born than anything told has happened. Other dates are dates of events, and stay.

use super::lexicon::{BIRTH, DIGITS, MONTH, NUMBER, ORDINAL};
use super::runs::is_recent;
use super::words::{CONTEXT, Finds, Text, is_year, number};
use crate::narrative::{Kind, merge::Sureness};
use core::ops::Range;

/// How far after a date a word of birth may stand.
const AFTER: usize = 25;
/// How far behind a date of birth the same date may be repeated in another form.
const AGAIN: usize = 6;
/// The most words between a word of birth and a bare year.
const FILLERS: usize = 4;

/// A date somebody wrote.
struct Date {
    range: Range<usize>,
    /// Its year, if it has one that is whole.
    year: Option<u32>,
    /// Whether it has a day.
    day: bool,
}

pub(super) fn find(text: &Text<'_>, finds: &mut Finds<'_>) {
    let births: Vec<usize> = text.starts.iter().copied().filter(|at| is_birth(text, *at)).collect();
    let mut birth = births.iter().copied().peekable();
    let mut last: Option<usize> = None;
    let mut used: Option<(usize, usize)> = None;
    for at in text.having(MONTH | DIGITS) {
        let start = text.get(at).start;
        while let Some(next) = birth.next_if(|next| text.get(*next).start < start) {
            last = Some(next);
        }
        let Some(date) = date_at(text, at) else { continue };
        // The first date after a word of birth, and what repeats it just behind.
        let near = last.is_some_and(|birth| text.get(birth).end.saturating_add(CONTEXT) >= date.range.start);
        let again =
            used.is_some_and(|(birth, end)| last == Some(birth) && end.saturating_add(AGAIN) < date.range.start);
        let led = near && !again;
        if let Some(birth) = last.filter(|_| led) {
            used = Some((birth, date.range.end));
        }
        let followed = birth.peek().is_some_and(|next| text.get(*next).start <= date.range.end.saturating_add(AFTER));
        if led || followed {
            finds.push(date.range, Kind::BirthDate, Sureness::Certain);
        } else if date.day && date.year.is_some_and(|year| is_year(year) && !is_recent(year)) {
            finds.push(date.range, Kind::BirthDate, Sureness::Form);
        }
    }
    for at in births {
        if let Some(range) = bare(text, at) {
            finds.push(range, Kind::BirthDate, Sureness::Likely);
        }
    }
}

/// A word of birth; `ne` without an accent is one only before a date.
fn is_birth(text: &Text<'_>, at: usize) -> bool {
    let word = text.get(at);
    if matches!(text.form(at), b"d") {
        let rest = (text.form(at.wrapping_add(1)), text.form(at.wrapping_add(2)));
        return matches!(rest, (b"o", b"b") | (b"d", b"n")) && text.gap(at).starts_with(b".");
    }
    if text.form(at) == b"b" {
        return matches!(text.form(at.wrapping_add(1)), b"day" | b"date") && matches!(text.gap(at), b"-" | b" ");
    }
    if !word.is(BIRTH) {
        return false;
    }
    if matches!(text.form(at), b"ne" | b"nes") && text.written(&(word.start..word.end)).is_ascii() {
        let (next, after) = (at.wrapping_add(1), at.wrapping_add(2));
        let dated = |at: usize| text.get(at).is_digits() || text.is(at, MONTH | NUMBER | ORDINAL);
        return dated(next)
            || (matches!(text.form(next), b"le" | b"en" | b"au" | b"un" | b"vers") && dated(after))
            || text.gap(at).contains(&b'(');
    }
    true
}

/// The date that begins with a word.
fn date_at(text: &Text<'_>, at: usize) -> Option<Date> {
    if text.is(at, MONTH) {
        month_date(text, at)
    } else if text.get(at).is_digits() {
        digits_date(text, at)
    } else {
        None
    }
}

/// `1998-03-04`, `04/03/98`, `4.3.1998`, `1998 03 04`.
fn digits_date(text: &Text<'_>, at: usize) -> Option<Date> {
    let (second, third) = (at.saturating_add(1), at.saturating_add(2));
    let small = |at: usize| text.get(at).is_digits() && text.get(at).len() <= 2;
    let gaps = (text.gap(at), text.gap(second));
    let sign = |gap: &[u8]| matches!(gap, b"-" | b"/" | b"." | b" " | b" - " | b" / " | b", " | b". " | b"_" | b"\\");
    let glued = text.gap_before(at);
    if !sign(gaps.0)
        || !sign(gaps.1)
        || (matches!(glued, b"-" | b"/") && text.before(at).is_digits())
        || !text.get(third).is_digits()
        || !small(second)
    {
        return None;
    }
    let value = |at: usize| number(text.form(at));
    let year = match (text.get(at).len(), text.get(third).len()) {
        (4, 1 | 2) => Some(value(at)),
        (1 | 2, 4) => Some(value(third)),
        (1 | 2, 2) => short_year(value(third)).or_else(|| short_year(value(at))),
        _ => return None,
    };
    let (day, month) = match text.get(at).len() {
        4 => (value(third), value(second)),
        _ => (value(at), value(second)),
    };
    let possible = day <= 31 && month <= 31 || year.is_some();
    let range = text.span(at, third);
    // Two digits in a row of spaced numbers are no date without more.
    let spaced = gaps.0 == b" " || gaps.1 == b" ";
    possible.then_some(Date { range, year: year.filter(|_| !spaced), day: true })
}

/// The year two digits mean, if they can only mean one of a birth.
const fn short_year(value: u32) -> Option<u32> {
    if value >= 40 && value <= 99 { Some(1900 + value) } else { None }
}

/// A date with the name of its month, from its day or its month to its year.
fn month_date(text: &Text<'_>, month: usize) -> Option<Date> {
    let (mut first, mut last, mut day, mut year) = (month, month, false, None::<u32>);
    if let Some(start) = day_before(text, month) {
        (first, day) = (start, true);
    }
    if !day && let Some(end) = day_after(text, month) {
        (last, day) = (end, true);
    }
    let mut next = last.saturating_add(1);
    let gap = text.gap(last);
    if matches!(gap, b" ") && matches!(text.form(next), b"of" | b"de" | b"in" | b"en") {
        next = next.saturating_add(1);
    }
    let close =
        text.gap(last).len() <= 4 && text.gap_before(next).len() <= 4 && !text.gap_before(next).starts_with(b"(");
    let short = text.get(next).len() == 2
        && (text.gap_before(next).ends_with(b"'")
            || matches!(text.gap_before(next), b"-" | b"/" | b"")
            || (day && matches!(text.gap_before(next), b" " | b", ")));
    if close && text.get(next).is_digits() && !is_clock(text, next) {
        if text.get(next).len() == 4 && is_year(number(text.form(next))) {
            (last, year) = (next, Some(number(text.form(next))));
        } else if short {
            (last, year) = (next, short_year(number(text.form(next))));
        }
    } else if close && day && text.is(next, NUMBER) {
        last = words_end(text, next);
    }
    let article = first.wrapping_sub(1);
    let spelled = text.is(first, ORDINAL) || text.is(first.saturating_add(1), ORDINAL);
    if day && spelled && first < month && matches!(text.form(article), b"the" | b"le") && text.gap(article) == b" " {
        first = article;
    }
    let whole = text.span(first, last);
    (first < last || day).then_some(Date { range: whole, year, day })
}

fn is_clock(text: &Text<'_>, at: usize) -> bool {
    let next = at.saturating_add(1);
    (text.gap(at) == b":" && text.get(next).is_digits())
        || (text.get(at).len() <= 2 && matches!(text.form(next), b"h" | b"am" | b"pm" | b"heures"))
}

/// `4 mars`, `1er mai`, `4th of March`, `le premier mai`, `04-mar`.
fn day_before(text: &Text<'_>, month: usize) -> Option<usize> {
    let mut at = month.checked_sub(1)?;
    if !matches!(text.gap(at), b" " | b"-" | b"/" | b"" | b". " | b"." | b", ") {
        return None;
    }
    if matches!(text.form(at), b"of" | b"de") {
        at = at.checked_sub(1)?;
    }
    if text.is(at, ORDINAL)
        && text.get(at).len() <= 4
        && text.gap_before(at).trim_ascii().is_empty()
        && text.before(at).is_digits()
    {
        at = at.checked_sub(1)?;
    }
    if text.get(at).is_digits() {
        return (text.get(at).len() <= 2).then_some(at);
    }
    if !text.is(at, NUMBER | ORDINAL) || text.get(at).len() < 2 {
        return None;
    }
    while let Some(before) =
        at.checked_sub(1).filter(|before| text.is(*before, NUMBER) && matches!(text.gap(*before), b" " | b"-"))
    {
        at = before;
    }
    Some(at)
}

/// `March 4`, `March 4th`, `march fourth`, `Mar.4`.
fn day_after(text: &Text<'_>, month: usize) -> Option<usize> {
    let mut at = month.saturating_add(1);
    if !matches!(text.gap(month), b" " | b"-" | b"/" | b"" | b". " | b"." | b", ") {
        return None;
    }
    if text.form(at) == b"the" {
        at = at.saturating_add(1);
    }
    if text.get(at).is_digits() && text.get(at).len() <= 2 && !is_clock(text, at) {
        let suffix = at.saturating_add(1);
        let glued = text.is(suffix, ORDINAL) && text.gap(at).trim_ascii().is_empty();
        return Some(if glued { suffix } else { at });
    }
    (text.is(at, NUMBER | ORDINAL) && text.get(at).len() > 2).then(|| words_end(text, at))
}

fn words_end(text: &Text<'_>, first: usize) -> usize {
    let mut last = first;
    loop {
        let next = last.saturating_add(1);
        let joiner = matches!(text.form(next), b"et" | b"and") && text.is(next.saturating_add(1), NUMBER | ORDINAL);
        if !matches!(text.gap(last), b" " | b"-" | b", ") {
            return last;
        }
        if text.is(next, NUMBER | ORDINAL) {
            last = next;
        } else if joiner {
            last = next.saturating_add(1);
        } else {
            return last;
        }
    }
}

/// A year, a month or digits in a row just after a word of birth: `born in 1998`, `DOB 980304`, `née en mars`, `born in '98`.
fn bare(text: &Text<'_>, birth: usize) -> Option<Range<usize>> {
    let from = if matches!(text.form(birth), b"d") { birth.saturating_add(2) } else { birth };
    for at in from.saturating_add(1)..=from.saturating_add(FILLERS.saturating_add(1)) {
        let gap = text.gap_before(at);
        if gap.starts_with(b". ") && gap.len() > 1 && at > from.saturating_add(1)
            || gap.iter().any(|byte| matches!(byte, b';' | b'!' | b'?'))
        {
            return None;
        }
        let word = text.get(at);
        if word.is_digits() {
            let year = word.len() == 4 && is_year(number(text.form(at)));
            let long = matches!(word.len(), 6 | 8);
            let short = word.len() == 2 && gap.ends_with(b"'")
                || word.len() == 2 && matches!(text.form(at.wrapping_sub(1)), b"en" | b"in");
            let range = word.start.saturating_sub(usize::from(gap.ends_with(b"'")))..word.end;
            return (year || long || short).then_some(range);
        }
        if word.is(MONTH) && text.form(at) != b"may" {
            return Some(word.start..word.end);
        }
        let in_words = matches!(
            (text.form(at), text.form(at.wrapping_add(1))),
            (b"nineteen" | b"twenty", _) | (b"mille" | b"dix", b"neuf") | (b"two", b"thousand") | (b"deux", b"mille")
        );
        if in_words {
            return Some(word.start..text.get(words_end(text, at)).end);
        }
    }
    None
}
