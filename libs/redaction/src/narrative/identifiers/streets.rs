//! Civic addresses in both languages: a number, a name and a kind of street before or after it; streets without a number;
//! corners; rural routes and boxes. Highways, routes and exits without a civic number stay: anybody drives there.

use super::corners;
use super::lexicon::{
    DIGITS, DIRECTION, MONTH, NUMBER, ORDINAL, PARTICLE, ROAD, ROOM, RUE, RURAL, SAINT, STOP, STREET, UNIT, WEAK_RUE,
    WEAK_STREET, WHERE,
};
use super::words::{Casing, Finds, Text, is_year, number};
use crate::narrative::{Kind, merge::Sureness};

/// The most words of a street's name.
const NAME: usize = 4;
/// The longest civic number.
const CIVIC: usize = 6;

pub(super) fn find(text: &Text<'_>, finds: &mut Finds<'_>) {
    for at in text.starts.iter().copied() {
        let word = text.get(at);
        if word.is(STREET | WEAK_STREET) {
            report(text, after_name(text, at), finds);
        }
        if word.is(RUE | WEAK_RUE) {
            report(text, before_name(text, at), finds);
        }
        if word.is(RURAL | ROAD) || matches!(text.form(at), b"route" | b"p" | b"r") {
            report(text, rural(text, at).map(|(first, last)| (first, on_the_route(text, last))), finds);
        }
    }
    of_a_number(text, finds);
    without_kind(text, finds);
    corners::find(text, finds);
}

/// `4471 Kingsway`, `2310 Danforth, apt B`: streets that need no kind, and names before a unit.
fn without_kind(text: &Text<'_>, finds: &mut Finds<'_>) {
    const KNOWN: &[&[u8]] = &[
        b"kingsway",
        b"broadway",
        b"queensway",
        b"danforth",
        b"esplanade",
        b"bloor",
        b"yonge",
        b"dundas",
        b"jarvis",
        b"sherbourne",
        b"hastings",
        b"granville",
        b"robson",
        b"portage",
        b"pembina",
        b"barrington",
        b"lakeshore",
        b"sherbrooke",
        b"papineau",
        b"kingsgate",
        b"midway",
    ];
    for civic in text.having(DIGITS) {
        let name = civic.saturating_add(1);
        let digits = text.get(civic).is_digits() && (2..=5).contains(&text.get(civic).len()) && text.gap(civic) == b" ";
        if !digits || (text.get(civic).len() == 4 && text.value(civic).is_some_and(is_year)) {
            continue;
        }
        let next = name.saturating_add(1);
        let capital = text.is_telling_capital(name) && is_name(text, name) && text.get(name).senses == 0;
        let unit = matches!(text.gap(name), b", " | b" ") && text.is(next, ROOM) && text.get(next).len() > 2;
        if KNOWN.contains(&text.form(name)) || (capital && (unit || direction(text, name).is_some())) {
            let last = direction(text, name).unwrap_or(name);
            finds.push(text.get(unit_before(text, civic)).start..text.get(last).end, Kind::Address, Sureness::Form);
        }
    }
}

/// `au 45 de la Montagne`: a civic number before the name alone.
fn of_a_number(text: &Text<'_>, finds: &mut Finds<'_>) {
    for at in text.having(DIGITS) {
        if text.get(at).len() > CIVIC || !matches!(text.form(at.wrapping_sub(1)), b"au" | b"habite" | b"adresse") {
            continue;
        }
        let mut name = at.saturating_add(1);
        while name.saturating_sub(at) <= 3
            && text.is(name, PARTICLE)
            && !text.is_capital(name)
            && matches!(text.gap(name), b" " | b"'")
        {
            name = name.saturating_add(1);
        }
        let led = name > at.saturating_add(1) && text.gap(at) == b" ";
        if led && text.is_telling_capital(name) && is_name(text, name) && !text.is(name, MONTH) {
            finds.push(text.span(at, name_end(text, name, true)), Kind::Address, Sureness::Form);
        }
    }
}

fn report(text: &Text<'_>, found: Option<(usize, usize)>, finds: &mut Finds<'_>) {
    if let Some((first, last)) = found {
        finds.push(text.span(first, last), Kind::Address, Sureness::Likely);
    }
}

/// Whether a word may be part of a street's name.
pub(super) fn is_name(text: &Text<'_>, at: usize) -> bool {
    let word = text.get(at);
    if word.len() == 0 || word.is_digits() {
        return false;
    }
    let saint = word.is(SAINT);
    if word.is(STOP) || (word.is(NUMBER) && !text.is_telling_capital(at)) {
        return saint;
    }
    saint || !word.is(UNIT) || text.is_telling_capital(at)
}

/// `1420 Maple St`, `10 5th Ave SW`, `on King Street West`: the words of the address around its kind.
fn after_name(text: &Text<'_>, kind: usize) -> Option<(usize, usize)> {
    let mut first = kind;
    let mut capitals = true;
    for _ in 0..NAME {
        let before = first.wrapping_sub(1);
        if !matches!(text.gap_before(first), b" " | b"-" | b"'" | b". " | b"' ") {
            break;
        }
        if is_ordinal(text, before) {
            first = first.wrapping_sub(2);
        } else if is_name(text, before) {
            capitals &= text.is_telling_capital(before) || text.gap_before(first) == b"'";
            first = before;
        } else {
            break;
        }
    }
    let named = first < kind;
    let directed = direction(text, kind).is_some();
    let civic = civic_before(text, first).filter(|_| named);
    let numbered = (!named || civic.is_none())
        .then(|| numbered_street(text, if named { first } else { kind }, kind, directed))
        .flatten();
    let last = direction(text, kind).unwrap_or(kind);
    if let Some(start) = numbered.filter(|_| !named) {
        return Some((start, last));
    }
    if !named {
        return None;
    }
    let strong = text.is(kind, STREET);
    if let Some(civic) = civic {
        let digits = text.get(first.wrapping_sub(1)).len();
        let told =
            capitals || directed || text.is_telling_capital(kind) || (digits >= 3 && kind.saturating_sub(first) <= 2);
        return (strong || told).then(|| (unit_before(text, civic), with_road_number(text, last)));
    }
    let ordinal = is_ordinal(text, kind.wrapping_sub(1)) && strong;
    let saint = matches!(text.form(kind), b"st")
        && !directed
        && text.is_telling_capital(kind.saturating_add(1))
        && matches!(text.gap(kind), b" " | b". ")
        && !text.is(kind.saturating_add(1), STOP);
    let led_here = text.is(first.wrapping_sub(1), WHERE) && text.gap_before(first) == b" ";
    let small = matches!(
        text.form(kind),
        b"ct" | b"crt" | b"cir" | b"circle" | b"trail" | b"way" | b"mews" | b"close" | b"row" | b"grove"
    );
    let highway = matches!(text.form(kind), b"highway" | b"hwy" | b"concession" | b"sideroad");
    let said = capitals && !saint && !highway && (strong || (small && led_here && text.is_telling_capital(kind)));
    let led =
        strong && !highway && led_here && kind.saturating_sub(first) <= 2 && !matches!(text.form(kind), b"av" | b"bd");
    (said || ordinal || led).then_some((first, last))
}

/// Whether a word is the ending of an ordinal in digits, `th` of `5th`.
fn is_ordinal(text: &Text<'_>, at: usize) -> bool {
    text.is(at, ORDINAL) && text.get(at).len() <= 4 && text.before(at).is_digits() && text.gap_before(at).is_empty()
}

/// `10 5 St NW`, `11520 82 Avenue`, `82 Ave SW`: a street that has a number for a name.
fn numbered_street(text: &Text<'_>, first: usize, kind: usize, directed: bool) -> Option<usize> {
    let name = first.wrapping_sub(1);
    if first != kind
        || !text.get(name).is_digits()
        || text.get(name).len() > 3
        || text.gap(name) != b" "
        || !text.is(kind, STREET)
    {
        return None;
    }
    let civic = name.wrapping_sub(1);
    let has_civic = text.get(civic).is_digits()
        && text.get(civic).len() <= CIVIC
        && matches!(text.gap(civic), b" " | b"-" | b" - " | b", ");
    if has_civic {
        return Some(unit_before(text, civic));
    }
    (directed || text.is_telling_capital(kind)).then_some(name)
}

/// The civic number before a name: `1420`, `1420-B`, `1420b`, `22,`.
fn civic_before(text: &Text<'_>, name: usize) -> Option<usize> {
    let gap = text.gap_before(name);
    let mut at = name.checked_sub(1)?;
    if !matches!(gap, b" " | b", " | b"," | b"-" | b" - " | b"" | b"; ") {
        return None;
    }
    let letter = text.get(at).len() == 1 || matches!(text.form(at), b"bis" | b"ter");
    if letter
        && !text.get(at).is_digits()
        && matches!(text.gap_before(at), b"" | b"-" | b" ")
        && text.before(at).is_digits()
    {
        at = at.checked_sub(1)?;
    }
    // `1420 1/2`
    if text.get(at).is_digits() && text.gap_before(at) == b"/" && text.get(at).len() == 1 {
        at = at.checked_sub(2)?;
    }
    let digits = text.get(at).is_digits() && text.get(at).len() <= CIVIC;
    let word = text.is(at, NUMBER) && text.get(at).len() > 2 && gap == b" " && text.form(at) != b"une";
    while word && text.is(at.wrapping_sub(1), NUMBER) && matches!(text.gap_before(at), b" " | b"-") {
        at = at.wrapping_sub(1);
    }
    (digits || word).then_some(at)
}

/// `4-1420`, `B-1420`, `#4 - 1420`: the unit before a civic number.
fn unit_before(text: &Text<'_>, civic: usize) -> usize {
    let gap = text.gap_before(civic);
    let before = civic.wrapping_sub(1);
    let unit = text.get(before).is_digits() && text.get(before).len() <= 5 || text.get(before).len() == 1;
    if matches!(gap, b"-" | b" - " | b"/") && unit { before } else { civic }
}

/// `1420 County Road 12`: the number of the road belongs to it.
fn with_road_number(text: &Text<'_>, last: usize) -> usize {
    let next = last.saturating_add(1);
    let numbered =
        text.is(last, ROAD) && text.get(next).is_digits() && text.get(next).len() <= 3 && text.gap(last) == b" ";
    if numbered { next } else { last }
}

/// A point of the compass after an address; a single letter only as a capital or at the end of a clause.
pub(super) fn direction(text: &Text<'_>, last: usize) -> Option<usize> {
    let next = last.saturating_add(1);
    if !text.is(next, DIRECTION) || !matches!(text.gap(last), b" " | b". " | b"." | b", ") {
        return None;
    }
    let short = text.get(next).len() <= 2 || matches!(text.form(next), b"est");
    let told = text.is_capital(next) || (text.gap(next) != b" " && text.form(next) != b"no");
    let no = matches!(text.form(next), b"no" | b"so") && !text.is_telling_capital(next);
    ((!short || told) && !no && (text.gap(last) != b", " || !short)).then_some(next)
}

/// `22, rue Sainte-Catherine Ouest`, `rang 4`, `4e avenue`, `sur la rue des Érables`.
fn before_name(text: &Text<'_>, kind: usize) -> Option<(usize, usize)> {
    // `1012 Selkirk Ave. Police`: its name went before.
    if text.gap(kind) == b". " && text.is(kind, STREET) && after_name(text, kind).is_some() {
        return None;
    }
    let strong = text.is(kind, RUE);
    let ordinal = matches!(text.form(kind.wrapping_sub(1)), b"e" | b"re" | b"er" | b"ere" | b"eme" | b"ieme")
        && is_ordinal(text, kind.wrapping_sub(1));
    let civic = civic_before(text, kind).filter(|_| !ordinal);
    if ordinal {
        let name = kind.wrapping_sub(2);
        let start = civic_before(text, name).unwrap_or(name);
        return strong.then(|| (start, direction(text, kind).unwrap_or(kind)));
    }
    let mut at = kind;
    if !matches!(text.gap(at), b" " | b". " | b"." | b": ") {
        return None;
    }
    at = at.saturating_add(1);
    let mut particles = 0_usize;
    while particles < 3
        && text.is(at, PARTICLE)
        && matches!(text.gap(at), b" " | b"'" | b"-")
        && !text.get(at).is_digits()
    {
        at = at.saturating_add(1);
        particles = particles.saturating_add(1);
    }
    let digits = text.get(at).is_digits() && text.get(at).len() <= 4;
    if digits {
        let rang = text.form(kind) == b"rang";
        let year = text.get(at).len() == 4 && is_year(number(text.form(at)));
        let start = civic.filter(|civic| !text.value(*civic).is_some_and(is_year));
        let counted = text.is(at.saturating_add(1), UNIT)
            && text.gap(at) == b" "
            && !text.is(at.saturating_add(1), DIRECTION | ORDINAL);
        return ((rang || start.is_some()) && !year && !counted).then(|| {
            let end = name_end(text, at, true);
            (start.unwrap_or(kind), direction(text, end).unwrap_or(end))
        });
    }
    let named = text.is_telling_capital(at) && particles == 0 && text.gap(kind) == b" " && !text.is(at, DIRECTION);
    if !named && !is_name(text, at) {
        return None;
    }
    let capital = text.is_telling_capital(at);
    let compound = text.is(at, SAINT) || text.gap(at) == b"-";
    let quiet = text.casing == Casing::Silent;
    let on = text.is(kind.wrapping_sub(1), WHERE)
        || (1..=2).any(|by| matches!(text.form(kind.wrapping_sub(by)), b"sur" | b"la"));
    let unknown = text.get(at).senses & !(SAINT | NUMBER | WHERE) == 0;
    let told = match (civic.is_some(), strong) {
        (true, true) => true,
        (true, false) => {
            capital
                || compound
                || (quiet && unknown)
                || text.value(civic.unwrap_or_default()).is_some_and(|value| value >= 100)
        }
        (false, true) => capital || (compound && unknown) || (unknown && (particles > 0 || quiet || on)),
        (false, false) => {
            capital
                && (text.is_telling_capital(kind) || matches!(text.form(kind), b"place" | b"cote" | b"ch" | b"parc"))
        }
    };
    if !told {
        return None;
    }
    let end = name_end(text, at, capital);
    let start = civic.map_or(kind, |civic| unit_before(text, civic));
    Some((start, direction(text, end).unwrap_or(end)))
}

/// The last word of a French street's name: what is hyphenated to it, what follows a saint, and further capitals.
fn name_end(text: &Text<'_>, first: usize, capitals: bool) -> usize {
    /// The most words of one name: `du Général-De-Gaulle-et-des-…`.
    const MOST: usize = 8;
    let mut last = first;
    for _ in 0..MOST {
        let next = last.saturating_add(1);
        let linked = matches!(text.gap(last), b"-" | b"'") && text.get(next).len() > 0;
        let saint =
            text.is(last, SAINT) && text.gap(last).len() <= 2 && text.gap(last).ends_with(b" ") && is_name(text, next);
        let further = capitals
            && text.gap(last) == b" "
            && text.is_telling_capital(next)
            && is_name(text, next)
            && !text.is(next, ROOM);
        if linked || saint || further {
            last = next;
        } else {
            break;
        }
    }
    last
}

/// `RR 2 Box 114`, `lot 12, concession 4`: what goes on after the number.
fn on_the_route(text: &Text<'_>, last: usize) -> usize {
    let (word, number) = (last.saturating_add(1), last.saturating_add(2));
    let further = text.is(word, RURAL) || matches!(text.form(word), b"site" | b"comp");
    let joined = matches!(text.gap(last), b" " | b", ") && matches!(text.gap(word), b" " | b" #" | b"#");
    if further && joined && text.get(number).is_digits() { number } else { last }
}

/// `RR 2`, `P.O. Box 122`, `case postale 122`, `C.P. 122`, `Range Road 224`, `1420 Highway 7`, `lot 12 concession 4`.
fn rural(text: &Text<'_>, at: usize) -> Option<(usize, usize)> {
    let mut number_at = at.saturating_add(1);
    let gap = text.gap(at);
    if !(gap.len() <= 3 && gap.iter().all(|byte| matches!(byte, b' ' | b'.' | b'#' | b':' | b'-'))) {
        return None;
    }
    if text.is_number_sign(number_at) {
        number_at = number_at.saturating_add(1);
    }
    if !text.get(number_at).is_digits() || text.get(number_at).len() > 6 || text.gap_before(number_at).len() > 3 {
        return None;
    }
    let (before, second) = (at.wrapping_sub(1), at.wrapping_sub(2));
    let pair = (text.form(before), text.form(at));
    match pair {
        (b"case" | b"casier" | b"boite", b"postale" | b"postal") => return Some((before, number_at)),
        (b"o", b"box") if text.form(second) == b"p" => return Some((second, number_at)),
        (b"c", b"p") | (b"r", b"r") | (b"b", b"p") if text.gap(before).starts_with(b".") => {
            return Some((before, number_at));
        }
        (b"po" | b"pobox" | b"postal" | b"mail", b"box") => return Some((before, number_at)),
        (b"rural" | b"township" | b"range" | b"twp" | b"rge" | b"grid", b"route" | b"road" | b"rd") => {
            return Some((before, number_at));
        }
        _ => {}
    }
    if text.is(at, RURAL) {
        let counted = text.is(number_at.saturating_add(1), UNIT) && text.gap(number_at) == b" ";
        let plain = matches!(text.form(at), b"rr" | b"cp" | b"bp" | b"concession" | b"rang" | b"lot")
            || (text.form(at) == b"box" && text.get(number_at).len() >= 2);
        return (plain && !counted && !matches!(text.form(at), b"postal" | b"postale")).then_some((at, number_at));
    }
    let civic = text.get(before).is_digits()
        && (2..=CIVIC).contains(&text.get(before).len())
        && matches!(text.gap(before), b" " | b", ");
    let road = text.is(second, ROAD)
        || matches!(text.form(second), b"the" | b"la" | b"l")
        || text.gap_before(before) == b"-" && text.get(second).len() == 1;
    let civic = civic && !road && !text.value(before).is_some_and(is_year) && text.get(number_at).len() <= 3;
    civic.then(|| (unit_before(text, before), number_at))
}
