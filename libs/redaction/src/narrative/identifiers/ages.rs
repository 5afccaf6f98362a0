//! Ages, in digits and in words: `17 years old`, `17yo`, `âgée de dix-sept ans`, `she's 17`, `(F, 17)`, `8-month-old`. What
//! lasts (`depuis 5 ans`), bounds that are nobody's (`under 18`) and stages of life (`in her twenties`) stay.

use super::lexicon::{
    ABOUT, AFTER_AGE, AGED, BIRTH, DIGITS, IS, LASTING, MONEY, MONTH, NUMBER, NUMBER_SIGN, OLD, ORDINAL, ROOM,
    SHORT_AGE, SOMEBODY, SPAN, STOP, STREET, SUBJECT, UNIT, YEARS, is_ordinary,
};
use super::words::{Finds, Text, number};
use crate::narrative::{Kind, merge::Sureness};

/// The highest age.
const HIGHEST: u32 = 120;
/// The most words that make an age less exact.
const FILLERS: usize = 6;

/// A number that may be an age: the places of its first and its last word.
#[derive(Clone, Copy)]
struct Count {
    first: usize,
    last: usize,
    value: Option<u32>,
}

pub(super) fn find(text: &Text<'_>, finds: &mut Finds<'_>) {
    decades(text, finds);
    let mut next = 0_usize;
    for at in text.having(NUMBER | DIGITS) {
        // Within a number that was looked at, none begins.
        if at < next {
            continue;
        }
        let Some(count) = count_at(text, at) else { continue };
        if let Some((first, last, sure)) = age(text, count) {
            let first = range_start(text, first);
            finds.push(text.span(first, last), Kind::Age, sure);
        } else if let Some((first, last)) = by_sex(text, count) {
            finds.push(text.span(first, last), Kind::Age, Sureness::Likely);
        }
        next = count.last.saturating_add(1);
    }
}

/// `in her early twenties`, `in his 40s`, `late teens`, `dans la jeune trentaine`: an age, if a wide one.
fn decades(text: &Text<'_>, finds: &mut Finds<'_>) {
    const ENGLISH: &[&[u8]] =
        &[b"teens", b"twenties", b"thirties", b"forties", b"fifties", b"sixties", b"seventies", b"eighties"];
    const FRENCH: &[&[u8]] = &[b"vingtaine", b"trentaine", b"quarantaine", b"cinquantaine", b"soixantaine"];
    for at in text.starts.iter().copied() {
        let form = text.form(at);
        let figures = form == b"s"
            && text.before(at).is_digits()
            && text.before(at).len() == 2
            && matches!(text.gap_before(at), b"" | b"'");
        let mut first = if figures { at.wrapping_sub(1) } else { at };
        if !(figures || ENGLISH.contains(&form) || FRENCH.contains(&form)) {
            continue;
        }
        let qualified = matches!(
            text.form(first.wrapping_sub(1)),
            b"early" | b"mid" | b"late" | b"middle" | b"jeune" | b"fin" | b"debut" | b"mi"
        );
        first = if qualified { first.wrapping_sub(1) } else { first };
        let years = text.form(at.saturating_add(2)).starts_with(b"annee") && text.gap(at) == b" ";
        if years {
            finds.push(text.span(first, at.saturating_add(2)), Kind::Age, Sureness::Form);
        }
        let whose =
            matches!(text.form(first.wrapping_sub(1)), b"her" | b"his" | b"their" | b"my" | b"la" | b"sa" | b"the");
        let led = matches!(text.form(first.wrapping_sub(2)), b"in" | b"dans" | b"entering" | b"to");
        if (whose && led) || qualified {
            let start = if whose && led { first.wrapping_sub(2) } else { first };
            finds.push(text.span(start, at), Kind::Age, Sureness::Form);
        }
    }
}

/// A number that begins with a word.
fn count_at(text: &Text<'_>, at: usize) -> Option<Count> {
    let word = text.get(at);
    if word.is_digits() {
        let value = number(text.form(at));
        return (word.len() <= 3 && value <= HIGHEST).then_some(Count { first: at, last: at, value: Some(value) });
    }
    if !word.is(NUMBER) || matches!(text.form(at), b"oh" | b"double" | b"triple") {
        return None;
    }
    let mut last = at;
    loop {
        let next = last.saturating_add(1);
        let joiner = matches!(text.form(next), b"et" | b"and")
            && text.is(next.saturating_add(1), NUMBER)
            && text.gap(last) != b", ";
        let close = matches!(text.gap(last), b" " | b"-");
        if close && text.is(next, NUMBER) {
            last = next;
        } else if close && joiner && text.form(next) == b"et" && matches!(text.gap(next), b" " | b"-") {
            last = next.saturating_add(1);
        } else {
            return Some(Count { first: at, last, value: None });
        }
    }
}

/// Whether a number is an age, and from which word to which it is one.
fn age(text: &Text<'_>, count: Count) -> Option<(usize, usize, Sureness)> {
    if text.gap_before(count.first).ends_with(b"$")
        || text.gap_before(count.first).ends_with(b".") && text.gap_before(count.first).len() == 1
    {
        return None;
    }
    if let Some(last) = with_unit(text, count) {
        return Some((count.first, last, Sureness::Certain));
    }
    if is_birthday(text, count) {
        return Some((count.first, count.last, Sureness::Likely));
    }
    let bare = bare_follows(text, count);
    let count = Count { first: range_start(text, count.first), ..count };
    let sure = led(text, count, bare).or_else(|| is_by_itself(text, count).then_some(Sureness::Form));
    sure.map(|sure| (count.first, count.last, sure))
}

/// `Malika. 26. Dry cleaners`, `a girl at the shelter: 17, flown in`, `Abram is 12.`, `Sixteen is what she said`: nothing says
/// that it is one, and a number of two figures that counts nothing is little else.
fn is_by_itself(text: &Text<'_>, count: Count) -> bool {
    let (before, next) = (count.first.wrapping_sub(1), count.last.saturating_add(1));
    let (lead, trail) = (text.gap_before(count.first), text.gap(count.last));
    let begins = matches!(lead, b". " | b"; " | b"! " | b"? " | b": " | b".\" " | b"\". ");
    let said =
        count.value.is_none() && (text.form(count.last).ends_with(b"teen") || text.form(count.last).ends_with(b"ze"));
    if said && lead == b". " && matches!(text.form(next), b"is" | b"was") {
        return true;
    }
    let ends = matches!(trail, b"." | b", " | b". " | b"; " | b"," | b") " | b" - ");
    let counts = UNIT | MONEY | MONTH | ROOM | STREET | NUMBER_SIGN | NUMBER | LASTING | SPAN;
    let plausible = count.value.is_some_and(|value| (10..100).contains(&value));
    if !plausible || !ends || text.is(before, counts) || text.get(before).is_digits() || text.get(next).is_digits() {
        return false;
    }
    let is = matches!(text.form(before), b"is" | b"was" | b"est" | b"etait" | b"avait" | b"a" | b"s");
    let there = matches!(
        text.form(before.wrapping_sub(1)),
        b"there" | b"y" | b"it" | b"that" | b"this" | b"c" | b"ce" | b"which"
    );
    begins || (is && !there && lead == b" ")
}

/// The last word of an age with its unit.
fn with_unit(text: &Text<'_>, count: Count) -> Option<usize> {
    let (unit, gap) = half(text, count.last);
    let next = unit.saturating_add(1);
    let near = |gap: &[u8]| matches!(gap, b"" | b" " | b"-" | b". " | b"." | b" - " | b"- " | b" -" | b"'" | b"' ");
    if !near(gap) {
        return None;
    }
    match text.form(unit) {
        b"ish" | b"something" if count.value.is_none_or(|value| value >= 10) => return Some(unit),
        b"yo" | b"yoa" | b"yearold" | b"yrold" | b"yearsold" | b"yos" | b"yro" => return Some(unit),
        b"y" if text.form(next) == b"o" && matches!(text.gap(unit), b"/" | b"." | b" " | b"" | b"-" | b". ") => {
            return Some(next);
        }
        b"y" if gap.is_empty() && text.gap(unit) != b"'" => return Some(unit),
        b"a" if gap == b" "
            && text.gap(unit) == b"."
            && text.around(&(text.get(count.first).start..text.get(unit).end), 12, 0) & AGED != 0 =>
        {
            return Some(unit);
        }
        _ => {}
    }
    if text.is(unit, YEARS | SHORT_AGE) && text.is(next, OLD) && near(text.gap(unit)) && text.form(next) != b"of" {
        return Some(next);
    }
    if text.is(unit, YEARS) && text.form(next) == b"of" && text.form(next.saturating_add(1)) == b"age" {
        return Some(next.saturating_add(1));
    }
    // `she has 27 years`
    if text.is(unit, YEARS)
        && matches!(text.form(count.first.wrapping_sub(1)), b"has" | b"have" | b"had")
        && !text.gap(unit).starts_with(b" ")
    {
        return Some(unit);
    }
    if matches!(text.form(unit), b"old") {
        return Some(unit);
    }
    let french = matches!(text.form(unit), b"ans" | b"an" | b"anns" | b"annees");
    if french {
        return (!lasts(text, count, unit)).then_some(unit);
    }
    let young = text.is(unit, YEARS | SHORT_AGE);
    let back = |by: usize| count.first.wrapping_sub(by);
    let after_years = text.is(unit, SHORT_AGE)
        && matches!(text.form(back(1)), b"et" | b"and")
        && matches!(text.form(back(2)), b"ans" | b"an" | b"old");
    let after_name = text.gap_before(count.first) == b", "
        && text.gap(unit).starts_with(b",")
        && (text.is_telling_capital(back(1)) || text.is(back(1), SOMEBODY));
    (young
        && (after_years
            || after_name
            || is_of_somebody(text, count)
            || (is_aged(text, count.first) && !text.is(unit, LASTING))))
    .then_some(unit)
}

/// The place of the unit after a number and `and a half`, and what stands before it.
fn half<'a>(text: &Text<'a>, last: usize) -> (usize, &'a [u8]) {
    let next = last.saturating_add(1);
    let english = (text.form(next), text.form(next.saturating_add(1)), text.form(next.saturating_add(2)))
        == (b"and", b"a", b"half");
    let french = text.form(next) == b"et" && text.form(next.saturating_add(1)).starts_with(b"demi");
    let point = matches!(text.gap(last), b"." | b",") && text.get(next).is_digits() && text.get(next).len() == 1;
    let skipped = if english {
        3
    } else if french {
        2
    } else {
        usize::from(point)
    };
    let last = last.saturating_add(skipped);
    (last.saturating_add(1), text.gap(last))
}

/// `depuis 5 ans`, `il y a 3 ans`, `un bail de 2 ans`, `5 ans de prison`, `3 ans plus tard` are no ages.
fn lasts(text: &Text<'_>, count: Count, unit: usize) -> bool {
    let back = |by: usize| count.first.wrapping_sub(by);
    let ago = text.form(back(1)) == b"a" && text.form(back(2)) == b"y";
    let around = text.form(back(1)) == b"les" && text.form(back(2)) == b"dans";
    let since = !around
        && (1..=3).any(|by| {
            text.is(back(by), LASTING)
                && (by == 1 || text.is(back(1), ABOUT) || matches!(text.form(back(1)), b"les" | b"de"))
        });
    let span = matches!(text.form(back(1)), b"de" | b"d") && text.is(back(2), SPAN);
    let next = unit.saturating_add(1);
    let after = text.gap(unit) == b" "
        && matches!(text.form(next), b"plus" | b"apres" | b"auparavant" | b"ensemble" | b"passes" | b"durant" | b"ago")
        || (matches!(text.form(next), b"de" | b"d") && text.is(next.saturating_add(1), SPAN) && text.gap(unit) == b" ");
    (ago || since || span || after) && !is_aged(text, count.first)
}

/// `un bébé de 8 mois`, `a girl of 16`.
fn is_of_somebody(text: &Text<'_>, count: Count) -> bool {
    let of = count.first.wrapping_sub(1);
    matches!(text.form(of), b"de" | b"of" | b"a" | b"d") && (1..=2).any(|by| text.is(of.wrapping_sub(by), SOMEBODY))
}

/// Whether a word of age stands before, over words that make it less exact.
fn is_aged(text: &Text<'_>, first: usize) -> bool {
    let mut at = first;
    for _ in 0..=FILLERS {
        let gap = text.gap_before(at);
        if gap.len() > 4
            || gap
                .iter()
                .any(|byte| !matches!(byte, b' ' | b':' | b'-' | b'=' | b'(' | b'\'' | b'~' | b',' | b'.' | b'?'))
        {
            return false;
        }
        at = at.wrapping_sub(1);
        if text.is(at, AGED) {
            return true;
        }
        let listed = text.get(at).is_digits() && text.get(at).len() <= 2
            || matches!(text.form(at), b"and" | b"or" | b"to" | b"et" | b"ou");
        if !listed && !text.is(at, ABOUT) && !matches!(text.form(at), b"between" | b"entre" | b"range") {
            return false;
        }
    }
    false
}

/// Whether what follows a number lets it be an age without a unit: the end of a clause, or a word that goes on.
fn bare_follows(text: &Text<'_>, count: Count) -> bool {
    let next = count.last.saturating_add(1);
    let gap = text.gap(count.last);
    let ends = matches!(gap.first(), Some(b'.' | b',' | b';' | b')' | b'!' | b'?' | b'"' | b'+' | b'/'))
        && !text.get(next).is_digits();
    let ends = ends || gap.starts_with(b" -") || gap.starts_with(b" (") || (gap.starts_with(b".") && gap.len() > 1);
    let on = gap == b" " && text.is(next, AFTER_AGE | YEARS) && !text.is(next, MONEY);
    let point = gap == b"." && text.get(next).len() > 0 && text.get(next).is_digits();
    (ends || on || text.get(next).len() == 0) && !point
}

/// An age without a unit, by what leads to it.
fn led(text: &Text<'_>, count: Count, bare: bool) -> Option<Sureness> {
    let next = count.last.saturating_add(1);
    let gap = text.gap(count.last);
    let counted = matches!(gap, b" " | b"" | b"-") && text.is(next, UNIT | MONEY | ORDINAL)
        || gap.trim_ascii_start().starts_with(b"%")
        || gap.trim_ascii_start().starts_with(b"$");
    let clock = gap == b":" && text.get(next).is_digits();
    let second = |at: usize| text.get(at).is_digits() && text.get(at).len() <= 2;
    let spelled =
        gap == b" " && matches!(text.form(next), b"to" | b"a" | b"or" | b"ou") && second(next.saturating_add(1));
    let ranged = spelled || (matches!(gap, b"-" | b" - " | b"/") && second(next));
    if counted || clock {
        return None;
    }
    // `18+,` by itself; `20+ men` is a count.
    let plus = gap.starts_with(b"+") && gap.get(1).is_none_or(|byte| *byte != b' ');
    if plus && count.value.is_some_and(|value| (12..=30).contains(&value)) {
        return Some(Sureness::Form);
    }
    if is_aged(text, count.first) && count.value.is_none_or(|value| value < 100) {
        return Some(Sureness::Certain);
    }
    if !bare && !ranged {
        return None;
    }
    let years = count.value.is_none_or(|value| (1..100).contains(&value));
    let barely = matches!(text.form(count.first.wrapping_sub(1)), b"barely" | b"peine")
        && count.value.is_none_or(|value| (10..30).contains(&value));
    let teen = count.value.is_none_or(|value| (13..20).contains(&value))
        && matches!(text.form(count.first), form if form.ends_with(b"teen") || text.get(count.first).is_digits());
    let at_age = text.form(count.first.wrapping_sub(1)) == b"at" && text.gap_before(count.first) == b" " && teen;
    if (barely || at_age) && bare {
        return Some(Sureness::Form);
    }
    let article = matches!(text.form(count.first), b"un" | b"une" | b"one") && count.first == count.last;
    (years && !article && (is_subject(text, count.first, next, count.value) || is_beside_somebody(text, count)))
        .then_some(Sureness::Likely)
}

/// `she's 17`, `elle en a 17`, `the girl was only seventeen`.
fn is_subject(text: &Text<'_>, first: usize, after: usize, value: Option<u32>) -> bool {
    let mut at = first.wrapping_sub(1);
    let mut copula = false;
    for _ in 0..=FILLERS {
        let gap = text.gap(at);
        if !matches!(gap, b" " | b"'" | b"") {
            return copula && matches!(text.form(after), b"when" | b"quand" | b"lorsque");
        }
        let one = matches!(text.form(at), b"one" | b"une")
            && at != first.wrapping_sub(1)
            && value.is_none_or(|value| value >= 10);
        if one {
            return true;
        }
        let named = copula && text.is_telling_capital(at) && !text.is(at, STOP | MONTH | ROOM | STREET | UNIT);
        if (named || (copula && text.is(at, SOMEBODY))) && value.is_none_or(|value| value >= 2) {
            return true;
        }
        if text.is(at, SUBJECT) {
            let many = matches!(text.form(at), b"they" | b"we");
            return (copula && (!many || value.is_none_or(|value| value >= 10)))
                || matches!(text.form(at), b"shes" | b"hes" | b"im" | b"jai" | b"javais" | b"jsuis");
        }
        if text.is(at, IS) {
            copula = true;
        } else if !text.is(at, ABOUT) {
            return copula && matches!(text.form(after), b"when" | b"quand" | b"lorsque");
        }
        at = at.wrapping_sub(1);
    }
    false
}

/// `girl, 17,`, `Marie (17)`, `female 23`, `une fille de 16`.
fn is_beside_somebody(text: &Text<'_>, count: Count) -> bool {
    let before = count.first.wrapping_sub(1);
    let gap = text.gap_before(count.first);
    let after = text.gap(count.last);
    if is_of_somebody(text, count) {
        return count.value.is_none_or(|value| value >= 10);
    }
    if text.is(before, SOMEBODY) {
        return matches!(gap, b", " | b" (" | b" - " | b"," | b"(" | b"/" | b": ")
            || (gap == b" " && count.value.is_some_and(|value| value >= 10));
    }
    let bracketed = (gap == b" (" && after.starts_with(b")"))
        || (gap == b", " && matches!(after.first(), Some(b',' | b'.' | b';' | b')')));
    let name = (text.is_telling_capital(before) || !is_ordinary(text.form(before)))
        && !text.is(before, MONTH | ROOM | STREET | STOP)
        && !text.get(before).is_digits();
    bracketed && name && count.value.is_some_and(|value| value >= 8)
}

/// `her 18th birthday`, `son 18e anniversaire`.
fn is_birthday(text: &Text<'_>, count: Count) -> bool {
    let suffix = count.last.saturating_add(1);
    let after = if text.is(suffix, ORDINAL) && text.gap(count.last).trim_ascii().is_empty() {
        suffix.saturating_add(1)
    } else {
        suffix
    };
    after > suffix && text.is(after, BIRTH) && text.gap(suffix).len() <= 1
}

/// `16F`, `F16`, `17/f`, `F, 17`: a letter for the sex beside the number. A small `m` is a unit, too.
fn by_sex(text: &Text<'_>, count: Count) -> Option<(usize, usize)> {
    let hyphen = matches!(text.gap_before(count.first), b"-" | b"/");
    let count = if hyphen { Count { first: range_start(text, count.first), ..count } } else { count };
    let value = count.value.filter(|value| (1..100).contains(value))?;
    let is_sex = |at: usize, slashed: bool| match text.form(at) {
        b"f" => true,
        b"m" => slashed || text.is_telling_capital(at),
        _ => false,
    };
    let (before, next) = (count.first.wrapping_sub(1), count.last.saturating_add(1));
    let (lead, trail) = (text.gap_before(count.first), text.gap(count.last));
    let alone = |gap: &[u8]| !gap.is_empty() && !matches!(gap, b"-" | b"'");
    let plausible = value >= 10 || lead == b"/" || trail == b"/";
    if !plausible {
        return None;
    }
    if is_sex(next, trail == b"/")
        && (trail.is_empty() || trail == b"/" || (trail == b" " && text.is_telling_capital(next)))
        && alone(text.gap(next))
        && alone(lead)
    {
        return Some((count.first, next));
    }
    let parted = matches!(lead, b"/" | b", ") || (lead == b" " && text.is_telling_capital(before));
    if is_sex(before, parted) && (lead.is_empty() || parted) && alone(text.gap_before(before)) && alone(trail) {
        return Some((before, count.last));
    }
    None
}

/// `15 or 16 years old`, `15-17 ans`: the numbers before belong to it.
fn range_start(text: &Text<'_>, first: usize) -> usize {
    /// The most numbers of one range.
    const MOST: usize = 4;
    let mut first = first;
    for _ in 0..MOST {
        let is_count = |at: usize| (text.get(at).is_digits() && text.get(at).len() <= 3) || text.is(at, NUMBER);
        let gap = text.gap_before(first);
        let before = first.wrapping_sub(1);
        if matches!(gap, b"-" | b" - " | b"/" | b", " | b" ~ " | b"~") && is_count(before) {
            first = before;
        } else if gap == b" "
            && matches!(text.form(before), b"or" | b"to" | b"and" | b"ou" | b"et" | b"a")
            && text.gap_before(before) == b" "
            && is_count(before.wrapping_sub(1))
        {
            first = before.wrapping_sub(1);
        } else {
            return first;
        }
    }
    first
}
