//! Runs of digits: the net under every other recogniser. Seven digits or more, whatever stands between them as long as it
//! is little, go as one, with or without a checksum, unless they are plainly dates, times or amounts; fewer go where a word
//! beside them says what they are.

use super::checksums::{bc_health, luhn};
use super::lexicon::{
    CLOCK, DIGITS, EXTENSION, MONEY, MONTH, OF_BANK, OF_CARD, OF_DRIVING, OF_HEALTH, OF_IMMIGRATION, OF_PASSPORT,
    OF_PHONE, OF_PLATE, OF_SIN, OF_STATUS,
};
use super::words::{Finds, Text, number};
use crate::narrative::{Kind, merge::Sureness};
use core::ops::Range;

/// The fewest digits that always go.
const LONG: usize = 7;
/// The most characters between two digits of one number; one more beside a bracket.
const MOST_BETWEEN: usize = 3;

/// Digits that follow each other, as places of words.
struct Run {
    words: Vec<usize>,
    range: Range<usize>,
    digits: usize,
}

pub(super) fn find(text: &Text<'_>, finds: &mut Finds<'_>) {
    let mut next = 0_usize;
    for figures in text.having(DIGITS) {
        // A letter written for a digit stands beside one.
        let beside = figures.saturating_sub(1)..=figures.saturating_add(1);
        for at in beside {
            if at >= next && at < text.words.len() && is_part(text, at) {
                next = report(text, at, finds);
            }
        }
    }
}

/// Reports the run that begins with a word; the place of the word after it.
fn report(text: &Text<'_>, at: usize, finds: &mut Finds<'_>) -> usize {
    let run = run_from(text, at);
    if run.digits >= LONG {
        if !is_dates_or_amounts(text, &run) {
            let (kind, sure) = label(text, &run);
            finds.push(whole(text, &run), kind, sure);
        }
    } else if run.digits >= 4
        && !is_amount(text, &run)
        && !is_dates_or_amounts(text, &run)
        && let Some(kind) = short_label(text, &run)
    {
        finds.push(run.range.clone(), kind, Sureness::Certain);
    }
    run.words.last().copied().unwrap_or(at).saturating_add(1)
}

/// Digits, or a letter written for one: `O142`.
fn is_part(text: &Text<'_>, at: usize) -> bool {
    text.get(at).is_digits()
        || (matches!(text.form(at), b"o" | b"l" | b"i" | b"oo")
            && ((text.gap(at).is_empty() && text.get(at.wrapping_add(1)).is_digits())
                || (text.gap_before(at).is_empty() && text.before(at).is_digits() && text.gap(at) != b"'")))
}

fn run_from(text: &Text<'_>, first: usize) -> Run {
    let mut words = vec![first];
    let mut digits = text.get(first).len();
    let mut last = first;
    while separates(text.gap(last)) && is_part(text, last.wrapping_add(1)) {
        last = last.wrapping_add(1);
        digits = digits.saturating_add(text.get(last).len());
        words.push(last);
    }
    Run { words, range: text.span(first, last), digits }
}

/// Whether digits on both sides of this may belong to one number.
fn separates(gap: &[u8]) -> bool {
    let most = if gap.iter().any(|byte| matches!(byte, b')' | b']')) { MOST_BETWEEN + 1 } else { MOST_BETWEEN };
    let characters = gap.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
    characters <= most
        && gap.iter().all(|byte| {
            matches!(
                byte,
                b' ' | b'.'
                    | b','
                    | b'/'
                    | b'-'
                    | b'_'
                    | b'('
                    | b')'
                    | b'['
                    | b']'
                    | b'{'
                    | b'}'
                    | b':'
                    | b'*'
                    | b'+'
                    | b'|'
                    | b'~'
                    | b'\''
                    | b'\\'
                    | 0x80..
            )
        })
}

/// The run with its plus sign, its brackets and its extension.
fn whole(text: &Text<'_>, run: &Run) -> Range<usize> {
    let mut range = run.range.clone();
    while let Some(b'+' | b'(' | b'[') = range.start.checked_sub(1).and_then(|before| text.bytes.get(before)) {
        range.start = range.start.saturating_sub(1);
    }
    let opens = text.bytes(&range).iter().filter(|byte| matches!(byte, b'(' | b'[')).count();
    let closes = text.bytes(&range).iter().filter(|byte| matches!(byte, b')' | b']')).count();
    if opens > closes
        && let Some(b')' | b']') = text.bytes.get(range.end)
    {
        range.end = range.end.saturating_add(1);
    }
    let last = run.words.last().copied().unwrap_or_default();
    let (next, after) = (last.wrapping_add(1), last.wrapping_add(2));
    let close = |gap: &[u8]| {
        gap.len() <= 3 && gap.iter().all(|byte| matches!(byte, b' ' | b',' | b'.' | b':' | b'(' | b'#' | b'-'))
    };
    if text.is(next, EXTENSION) && close(text.gap(last)) && text.get(after).is_digits() && close(text.gap(next)) {
        range.end = text.get(after).end;
    } else if text.get(next).is_digits() && text.gap(last).ends_with(b"#") && close(text.gap(last)) {
        range.end = text.get(next).end;
    }
    range
}

/// What a long run is called: a word beside it, a checksum, its shape.
fn label(text: &Text<'_>, run: &Run) -> (Kind, Sureness) {
    let digits: Vec<u8> = text.bytes(&run.range).iter().filter_map(|byte| digit(*byte)).collect();
    let near = text.around(&run.range, super::words::CONTEXT, super::words::CONTEXT);
    let says = |senses: u64| near & senses != 0;
    let plus = run.range.start.checked_sub(1).and_then(|before| text.bytes.get(before)) == Some(&b'+');
    let telephone =
        is_telephone(&digits) || plus || digits.starts_with(b"00") || (digits.len() == LONG && run.words.len() == 2);
    match digits.len() {
        9 if says(OF_SIN) => (Kind::SocialInsurance, Sureness::Certain),
        8..=12 if says(OF_HEALTH) => (Kind::HealthCard, Sureness::Certain),
        10 if bc_health(&digits) => (Kind::HealthCard, Sureness::Likely),
        9 if luhn(&digits) => (Kind::SocialInsurance, Sureness::Likely),
        7..=15 if telephone && says(OF_PHONE) => (Kind::Phone, Sureness::Certain),
        7.. if says(OF_DRIVING) => (Kind::DriversLicence, Sureness::Likely),
        7.. if says(OF_PASSPORT) => (Kind::Passport, Sureness::Likely),
        8..=10 if says(OF_IMMIGRATION) => (Kind::Immigration, Sureness::Likely),
        10 if says(OF_STATUS) => (Kind::StatusCard, Sureness::Likely),
        13..=19 if luhn(&digits) => (Kind::Card, Sureness::Certain),
        13..=19 if says(OF_CARD) => (Kind::Card, Sureness::Likely),
        7.. if says(OF_BANK) => (Kind::BankAccount, Sureness::Likely),
        7..=15 if telephone => (Kind::Phone, Sureness::Likely),
        9 => (Kind::SocialInsurance, Sureness::Form),
        13..=19 => (Kind::Card, Sureness::Form),
        _ => (Kind::Number, Sureness::Form),
    }
}

/// A digit, or the one that a letter stands for.
const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte),
        b'o' => Some(b'0'),
        b'l' | b'i' => Some(b'1'),
        _ => None,
    }
}

/// A number of the North American plan.
fn is_telephone(digits: &[u8]) -> bool {
    let national = match digits {
        [b'1', rest @ ..] if rest.len() == 10 => rest,
        _ => digits,
    };
    national.len() == 10 && matches!((national.first(), national.get(3)), (Some(b'2'..=b'9'), Some(b'2'..=b'9')))
}

/// What a run too short for the net is, if a word beside it says so.
fn short_label(text: &Text<'_>, run: &Run) -> Option<Kind> {
    let near = text.around(&run.range, super::words::CONTEXT, super::words::CONTEXT);
    let close = text.around(&run.range, 24, 6);
    let year = run.words.len() == 1 && run.digits == 4 && super::words::is_year(number(text.bytes(&run.range)));
    match run.digits {
        5 | 6 if near & OF_PLATE != 0 => Some(Kind::Plate),
        5 | 6 if near & OF_DRIVING != 0 => Some(Kind::DriversLicence),
        5 | 6 if close & OF_PASSPORT != 0 => Some(Kind::Passport),
        5 | 6 if close & OF_IMMIGRATION != 0 => Some(Kind::Immigration),
        5 | 6 if close & OF_STATUS != 0 => Some(Kind::StatusCard),
        5 | 6 if close & OF_HEALTH != 0 => Some(Kind::HealthCard),
        4..=6 if close & OF_BANK != 0 && !year => Some(Kind::BankAccount),
        _ => None,
    }
}

/// An amount of money, by what stands before or after it.
fn is_amount(text: &Text<'_>, run: &Run) -> bool {
    let (first, last) = (run.words.first().copied().unwrap_or_default(), run.words.last().copied().unwrap_or_default());
    let pound = "£".as_bytes();
    let is_sign = |gap: &[u8], at_end: bool| {
        let trimmed = gap.trim_ascii();
        let euro = "€".as_bytes();
        if at_end {
            trimmed.ends_with(b"$") || trimmed.ends_with(euro) || trimmed.ends_with(pound)
        } else {
            trimmed.starts_with(b"$") || trimmed.starts_with(euro) || trimmed.starts_with(pound)
        }
    };
    is_sign(text.gap_before(first), true)
        || is_sign(text.gap(last), false)
        || (text.is(last.wrapping_add(1), MONEY) && text.gap(last).len() <= 1)
}

/// Whether a run is nothing but dates of events, clock times and years, or one amount in thousands. Dates on which somebody
/// of an age to be spoken of may have been born do not count: they go.
fn is_dates_or_amounts(text: &Text<'_>, run: &Run) -> bool {
    if is_amount(text, run) && is_thousands(text, run) {
        return true;
    }
    let mut rest = run.words.as_slice();
    let mut dated = false;
    while let Some(first) = rest.first().copied() {
        let taken = date_len(text, rest).or_else(|| clock_len(text, rest)).or_else(|| years_len(text, rest));
        let taken = match taken {
            Some(taken) => taken,
            // A day or a count beside a date: `12, 2024`, `2024-03-12 3 girls`.
            None if text.get(first).len() <= 2 && is_apart(text, rest) && (dated || date_follows(text, rest)) => 1,
            None => return false,
        };
        dated = true;
        rest = rest.get(taken..).unwrap_or_default();
    }
    true
}

fn is_apart(text: &Text<'_>, rest: &[usize]) -> bool {
    rest.first().is_some_and(|first| {
        text.gap(*first).contains(&b' ') || rest.len() == 1 || text.is(first.wrapping_add(1), CLOCK)
    })
}

fn date_follows(text: &Text<'_>, rest: &[usize]) -> bool {
    rest.get(1..).is_some_and(|rest| date_len(text, rest).is_some() || years_len(text, rest).is_some())
}

/// Groups of three after up to three.
fn is_thousands(text: &Text<'_>, run: &Run) -> bool {
    let mut lens = run.words.iter().map(|at| text.get(*at).len());
    let head = lens.next().is_some_and(|len| len <= 3);
    let tail: Vec<usize> = lens.collect();
    let cents = tail.len() > 1 && tail.last() == Some(&2);
    let groups = tail.len().saturating_sub(usize::from(cents));
    head && tail.iter().take(groups).all(|len| *len == 3)
}

/// A whole date in digits of the years in which a hotline's events happen.
fn date_len(text: &Text<'_>, rest: &[usize]) -> Option<usize> {
    let [a, b, c, ..] = rest else { return None };
    let (gap, same) = (text.gap(*a), text.gap(*b));
    if gap != same || !matches!(gap, b"-" | b"/" | b".") {
        return None;
    }
    let value = |at: usize| number(text.form(at));
    let len = |at: usize| text.get(at).len();
    let day_and_month = |x: usize, y: usize| {
        let (x, y) = (value(x), value(y));
        (1..=31).contains(&x) && (1..=31).contains(&y) && (x <= 12 || y <= 12)
    };
    let year = |at: usize| {
        (len(at) == 4 && is_recent(value(at))) || (len(at) == 2 && is_recent(value(at).saturating_add(2000)))
    };
    let fits = match (len(*a), len(*b), len(*c)) {
        (4, 1 | 2, 1 | 2) => year(*a) && day_and_month(*b, *c),
        (1 | 2, 1 | 2, 4) => year(*c) && day_and_month(*a, *b),
        (2, 2, 2) => (year(*a) && day_and_month(*b, *c)) || (year(*c) && day_and_month(*a, *b)),
        _ => false,
    };
    fits.then_some(3)
}

/// Years from which on a whole date is taken for an event's rather than for a birth.
pub(super) const fn is_recent(year: u32) -> bool {
    year >= 2013 && year < 2040
}

fn clock_len(text: &Text<'_>, rest: &[usize]) -> Option<usize> {
    let [hour, minute, ..] = rest else { return None };
    let fits = text.gap(*hour) == b":"
        && text.get(*hour).len() <= 2
        && text.get(*minute).len() == 2
        && number(text.form(*hour)) <= 24
        && number(text.form(*minute)) < 60;
    let seconds = rest.get(2).is_some_and(|second| text.gap(*minute) == b":" && text.get(*second).len() == 2);
    fits.then_some(if seconds { 3 } else { 2 })
}

/// Years from to, or a year beside a month.
fn years_len(text: &Text<'_>, rest: &[usize]) -> Option<usize> {
    let year = |at: &usize| text.get(*at).len() == 4 && (1950..2040).contains(&number(text.form(*at)));
    let [first, ..] = rest else { return None };
    if !year(first) || text.is_near(&text.span(*first, *first), OF_PHONE | OF_IMMIGRATION) {
        return None;
    }
    if let Some(second) = rest.get(1).filter(|second| year(second)) {
        let rising = number(text.form(*first)) <= number(text.form(*second));
        return (rising && matches!(text.gap(*first), b"-" | b"/" | b" - " | b", ")).then_some(2);
    }
    let range = text.span(*first, *first);
    (text.around(&range, 10, 0) & MONTH != 0).then_some(1)
}
