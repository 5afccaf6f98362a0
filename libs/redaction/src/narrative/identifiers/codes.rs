//! Numbers whose form is known: the rows of the list of Canadian identifiers (`canadian-identifiers.tsv`) as expressions
//! over the folded text, each run only where digits stand. Letters that belong to a number go with it; an ordinary word that
//! happens to stand before one stays, unless something beside it says what it is.

use super::checksums::{bc_health, iban, luhn, vehicle};
use super::lexicon::{
    CLOCK, DIGITS, MONEY, MONTH, OF_BANK, OF_CARD, OF_DRIVING, OF_HEALTH, OF_IMMIGRATION, OF_PASSPORT, OF_PHONE,
    OF_PLATE, OF_POLICE, OF_SIN, OF_STATUS, STOP, UNIT, VEHICLE, YEARS, is_ordinary, senses_of,
};
use super::words::{Finds, Text, digits_in, is_year, number};
use crate::narrative::{Kind, merge::Sureness};
use core::ops::Range;
use regex::bytes::{Regex, RegexSet};
use std::sync::LazyLock;

/// What of a match is the identifier; nothing if it is none.
type Fits = fn(&Text<'_>, Range<usize>) -> Option<Range<usize>>;

/// A checksum that makes a label certain.
type Check = fn(&[u8]) -> bool;

/// Forms of numbers that are called the same and said by the same words.
struct Family {
    kind: Kind,
    /// Words that say that it is one.
    said_by: u64,
    forms: &'static [Form],
}

/// The fewest digits; an expression over folded text, ASCII only; what of a match is the identifier; its checksum, if
/// it has one.
type Form = (usize, &'static str, Fits, Option<Check>);

const FAMILIES: &[Family] = &[
    Family {
        kind: Kind::SocialInsurance,
        said_by: OF_SIN,
        forms: &[(9, r"\b\d{3}[ ./_-]{0,3}\d{3}[ ./_-]{0,3}\d{3}\b", as_it_is, Some(luhn))],
    },
    Family {
        kind: Kind::HealthCard,
        said_by: OF_HEALTH,
        forms: &[
            (10, r"\b\d{4}[ ./_-]{0,3}\d{3}[ ./_-]{0,3}\d{3}(?:[ ./_-]{0,2}[a-z]{1,2})?\b", ontario, Some(luhn)),
            (
                8,
                r"\b[a-z]{4}[ ./_-]{0,3}\d{2}[ ./_-]{0,2}\d{2}[ ./_-]{0,2}\d{2}[ ./_-]{0,2}\d{2}\b",
                letters_first,
                None,
            ),
            (8, r"\b[a-z]{3}[ -][a-z][ ./_-]{0,3}\d{4}[ ./_-]{0,2}\d{4}\b", letters_first, None),
            (10, r"\b9\d{3}[ ./_-]{0,3}\d{3}[ ./_-]{0,3}\d{3}\b", as_it_is, Some(bc_health)),
            (9, r"\b\d{5}[ -]\d{4}\b", as_it_is, None),
            (12, r"\b\d{3}[ .-]\d{3}[ .-]\d{3}[ .-]\d{3}\b", as_it_is, None),
            (7, r"\b[a-z][ -]?\d{7}\b", letters_first, None),
        ],
    },
    Family {
        kind: Kind::DriversLicence,
        said_by: OF_DRIVING,
        forms: &[
            (14, r"\b[a-z][ .-]?\d{4}[ .-]{0,3}\d{5}[ .-]{0,3}\d{5}\b", letters_first, None),
            (12, r"\b[a-z][ .-]?\d{4}[ .-]{0,3}\d{6}[ .-]{0,3}\d{2}\b", letters_first, None),
            (9, r"\b[a-z]{5}[ .-]{0,2}\d{3}[ .-]?\d{3}[ .-]?\d{3}\b", letters_first, None),
            (9, r"\b[a-z][ .-]?\d{3}[ .-]?\d{3}[ .-]?\d{3}\b", letters_first, None),
            (3, r"\b[a-z0-9]{2}[ -]?[a-z0-9]{2}[ -]?[a-z0-9]{2}[ -]?[a-z]\d{3}[a-z]{2}\b", joined, None),
            (9, r"\b\d{6}[ -]\d{3}\b", as_it_is, None),
        ],
    },
    Family {
        kind: Kind::Passport,
        said_by: OF_PASSPORT,
        forms: &[
            (6, r"\b[a-z]{2}[ -]?\d{3}[ -]?\d{3}\b", letters_first, None),
            (6, r"\b[a-z][ -]?\d{6}[ -]?[a-z]{2}\b", letters_around, None),
            (6, r"\b[a-z]{1,2}\d{6,8}\b", as_it_is, None),
            (6, r"\b[a-z]{1,3}[ -]\d{6,9}\b", capitals_apart, None),
        ],
    },
    Family {
        kind: Kind::Immigration,
        said_by: OF_IMMIGRATION,
        forms: &[
            (10, r"\b(?:[xt]01[ -]?)?\d{2}-\d{4}-\d{4}\b", as_it_is, None),
            (10, r"\b[xt]01[ -]?\d{8}\b", as_it_is, None),
            (12, r"\bcan[ -]?\d{12}\b", as_it_is, None),
            (8, r"\b\d{4}-\d{4}\b", no_years, None),
            (9, r"\b[befsvw]\d{9}\b", as_it_is, None),
        ],
    },
    // Also with letters none has and with an O for a zero.
    Family {
        kind: Kind::PostalCode,
        said_by: 0,
        forms: &[
            (3, r"\b[a-z]\d[a-z][ .,_-]{0,3}\d[a-z]\d\b", as_it_is, None),
            (3, r"\b[a-z][ .-]?\d[ .-]?[a-z][ .-]?\d[ .-]?[a-z][ .-]?\d\b", as_it_is, None),
            (2, r"\b[a-z][\do][a-z][ -]?[\do][a-z][\do]\b", two_digits, None),
        ],
    },
    // In words of letters.
    Family {
        kind: Kind::Phone,
        said_by: OF_PHONE,
        forms: &[(3, r"\b(?:1[ .-])?\d{3}[.-](?:\d{3}[.-])?[a-z]{4,7}\b", as_it_is, None)],
    },
    Family {
        kind: Kind::Plate,
        said_by: OF_PLATE | VEHICLE,
        forms: &[
            (3, r"\b[a-z]{3,4}[ .-]?\d{3,4}\b", plate_letters_first, None),
            (2, r"\b[a-z]\d{2}[ .-]?[a-z]{3}\b", plate_letters_last, None),
            (3, r"\b\d{3}[ .-]?[a-z]{3}\b", plate_letters_last, None),
            (3, r"\b[a-z]{2}\d[ .-]?\d{2}[a-z]\b", as_it_is, None),
            (2, r"\b[a-z]{3}[ -]?\d{2}[a-z]\b", plate_letters_first, None),
            (5, r"\b[a-z]{2}[ -]?\d{5}\b", plate_letters_first, None),
            (5, r"\b[a-z]{2}\d{2}[ -]?\d{3}\b", as_it_is, None),
            (4, r"\b\d{2}[ -]?\d{2}[a-z]{2}\b", plate_letters_last, None),
            (4, r"\b\d[a-z]{3}\d{3}\b", as_it_is, None),
            (3, r"\b[a-z]\d[a-z] ?\d[a-z]\d\b", only_said, None),
            (3, r"\b[a-hj-npr-z0-9]{17}\b", with_digits, Some(vehicle)),
        ],
    },
    Family { kind: Kind::PoliceNumber, said_by: OF_POLICE, forms: &[(6, r"\b\d{6}-?[a-z]\b", as_it_is, None)] },
    Family {
        kind: Kind::StatusCard,
        said_by: OF_STATUS,
        forms: &[(10, r"\b\d{10}\b|\b\d{3}[ -]\d{5}[ -]\d{2}\b", only_status, None)],
    },
    Family {
        kind: Kind::BankAccount,
        said_by: OF_BANK,
        forms: &[(15, r"\b\d{5}[ -]\d{3}[ -]\d{7,12}\b", as_it_is, None)],
    },
    Family {
        kind: Kind::Card,
        said_by: OF_CARD,
        forms: &[(13, r"\b\d(?:[ ./_-]{0,2}\d){12,18}\b", as_it_is, Some(luhn))],
    },
    Family { kind: Kind::Iban, said_by: 0, forms: &[(8, r"\b[a-z]{2}\d{2}[ -]?[a-z0-9]{2,4}", iban_from, Some(iban))] },
    Family {
        kind: Kind::Uuid,
        said_by: 0,
        forms: &[(
            6,
            r"\b[0-9a-f]{8}[ -]?[0-9a-f]{4}[ -]?[0-9a-f]{4}[ -]?[0-9a-f]{4}[ -]?[0-9a-f]{12}\b",
            as_it_is,
            None,
        )],
    },
    Family {
        kind: Kind::IpAddress,
        said_by: 0,
        forms: &[
            (4, r"\b\d{1,3}(?:[ \[(]{0,2}\.[ \])]{0,2}\d{1,3}){3}(?:[:/]\d{1,5})?\b", as_it_is, None),
            (0, r"\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b|\b[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}\b", as_it_is, None),
        ],
    },
];

/// A form ready to be looked for.
struct Row {
    kind: Kind,
    said_by: u64,
    least: usize,
    form: Regex,
    fits: Fits,
    check: Option<Check>,
}

/// All forms, and which of them a piece of text has at all, told in one pass.
struct Rows {
    all: Vec<Row>,
    any: RegexSet,
}

/// The longest piece in which all forms are looked for at once: in what is longer stands one beside the other.
const LONGEST_AT_ONCE: usize = 1 << 10;

static ROWS: LazyLock<Rows> = LazyLock::new(|| {
    let forms = FAMILIES.iter().flat_map(|family| family.forms.iter().map(move |form| (family, *form)));
    let rows = forms.map(|(Family { kind, said_by, .. }, (least, form, fits, check))| {
        #[expect(
            clippy::expect_used,
            reason = "constant expressions: whether they compile is decided when the tests run"
        )]
        let form = Regex::new(&format!("(?-u){form}")).expect("a constant expression");
        Row { kind: *kind, said_by: *said_by, least, form, fits, check }
    });
    let all: Vec<Row> = rows.collect();
    #[expect(clippy::expect_used, reason = "the same expressions: each has compiled")]
    let any = RegexSet::new(all.iter().map(|row| row.form.as_str())).expect("constant expressions");
    Rows { all, any }
});

pub(super) fn find(text: &Text<'_>, finds: &mut Finds<'_>) {
    let rows = &*ROWS;
    for window in windows(text) {
        let piece = text.bytes(&window);
        let digits = digits_in(piece);
        let any = (piece.len() <= LONGEST_AT_ONCE).then(|| rows.any.matches(piece));
        let is_there = |place: usize| any.as_ref().is_none_or(|any| any.matched(place));
        for (_, row) in rows.all.iter().enumerate().filter(|(place, row)| row.least <= digits && is_there(*place)) {
            for found in row.form.find_iter(piece) {
                let range = window.start.saturating_add(found.start())..window.start.saturating_add(found.end());
                if let Some(range) = (row.fits)(text, range) {
                    let sure = sureness(text, row, &range);
                    finds.push(range, row.kind, sure);
                }
            }
        }
    }
    blobs(text, finds);
}

fn sureness(text: &Text<'_>, row: &Row, range: &Range<usize>) -> Sureness {
    if row.check.is_some_and(|check| check(text.bytes(range))) || text.is_near(range, row.said_by) {
        Sureness::Certain
    } else if matches!(row.kind, Kind::SocialInsurance | Kind::Card) || text.bytes(range).iter().all(u8::is_ascii_digit)
    {
        Sureness::Form
    } else {
        Sureness::Likely
    }
}

/// The pieces of text with digits, each from the word before them to the word after, cut at spaces only.
fn windows(text: &Text<'_>) -> Vec<Range<usize>> {
    let to_space = |byte: &&u8| **byte != b' ';
    let mut windows: Vec<Range<usize>> = Vec::new();
    for at in text.having(DIGITS) {
        let done = windows.last().map_or(0, |window| window.end);
        let from = if at == 0 { text.get(at).start } else { text.before(at).start };
        let end = text.words.get(at.saturating_add(1)).map_or(text.bytes.len(), |word| word.end).max(done);
        let on = text.bytes.get(end..).unwrap_or_default().iter().take_while(to_space).count();
        let end = end.saturating_add(on);
        if from <= done.saturating_add(3)
            && let Some(window) = windows.last_mut()
        {
            window.end = end;
            continue;
        }
        let back = text.bytes(&(done..from)).iter().rev().take_while(to_space).count();
        windows.push(from.saturating_sub(back)..end);
    }
    windows
}

/// The letters a range begins with.
fn lead(text: &Text<'_>, range: &Range<usize>) -> Range<usize> {
    let letters = text.bytes(range).iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    range.start..range.start.saturating_add(letters)
}

/// The letters a range ends with.
fn trail(text: &Text<'_>, range: &Range<usize>) -> Range<usize> {
    let letters = text.bytes(range).iter().rev().take_while(|byte| byte.is_ascii_lowercase()).count();
    range.end.saturating_sub(letters)..range.end
}

fn as_it_is(_: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    Some(range)
}

fn two_digits(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    (digits_in(text.bytes(&range)) >= 2).then_some(range)
}

fn with_digits(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.bytes(&range);
    let digits = digits_in(bytes);
    (digits >= 3 && digits < bytes.len()).then_some(range)
}

fn only_said(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    text.is_near(&range, OF_PLATE).then_some(range)
}

fn only_status(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    text.is_near(&range, OF_STATUS).then_some(range)
}

/// Four and four digits are years from to, too.
fn no_years(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    let (from, to) = text.bytes(&range).split_at_checked(4)?;
    let years = is_year(number(from)) && is_year(number(to.get(1..)?));
    (!years || text.is_near(&range, OF_IMMIGRATION)).then_some(range)
}

/// Pieces joined by nothing or hyphens; spaces only where no piece is a word.
fn joined(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    let spaced = text.bytes(&range).split(|byte| *byte == b' ').any(is_ordinary);
    let digits = digits_in(text.bytes(&range));
    (digits >= 3 && !spaced).then_some(range)
}

/// Letters before a number, if they stand apart, must be no ordinary word.
fn letters_first(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    let lead = lead(text, &range);
    let apart = text.bytes.get(lead.end) == Some(&b' ');
    (!apart || is_no_word(text, &lead)).then_some(range)
}

fn letters_around(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    let said = text.is_near(&range, OF_PASSPORT);
    let bytes = text.bytes(&range);
    let first = range.start..range.start.saturating_add(1);
    if bytes.get(1) == Some(&b' ') && !said && !text.is_all_capitals(&first) {
        return None;
    }
    let trail = trail(text, &range);
    let apart = text.bytes.get(trail.start.saturating_sub(1)) == Some(&b' ');
    let word = !is_no_word(text, &trail) && (!said || senses_of(text.bytes(&trail)) & STOP != 0);
    (!apart || !word).then_some(range)
}

/// Letters apart from their digits: capitals, or beside a word that says what it is.
fn capitals_apart(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    let lead = lead(text, &range);
    let senses = senses_of(text.bytes(&lead));
    let said = text.is_near(&range, OF_PASSPORT | OF_DRIVING | OF_IMMIGRATION | OF_STATUS);
    let capitals = text.is_all_capitals(&lead) && !matches!(text.bytes(&lead), b"a" | b"i");
    let word = senses & !(UNIT | CLOCK | MONEY) != 0 && !(capitals && lead.len() == 1);
    ((capitals || said) && !word).then_some(range)
}

/// Letters that no word of the lexicon has, or that were written in capitals where that says something.
fn is_no_word(text: &Text<'_>, letters: &Range<usize>) -> bool {
    !is_ordinary(text.bytes(letters)) || (text.is_all_capitals(letters) && letters.len() > 1)
}

/// Ontario's number keeps its version code, but no word that follows it.
fn ontario(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.bytes(&range);
    let trail = trail(text, &range);
    if trail.is_empty() {
        // Ten digits in one piece are rather a telephone; the net has them.
        return (bytes.len() > 10 || text.is_near(&range, OF_HEALTH)).then_some(range);
    }
    let digits_end = range.start.saturating_add(bytes.iter().rposition(u8::is_ascii_digit)?).saturating_add(1);
    let apart = text.bytes(&(digits_end..trail.start)).contains(&b' ');
    Some(if apart && !is_no_word(text, &trail) { range.start..digits_end } else { range })
}

/// Whether a word for plates stands just before, so that whatever follows is one.
fn is_led_by_plate(text: &Text<'_>, range: &Range<usize>) -> bool {
    text.around(range, 24, 0) & OF_PLATE != 0
}

fn plate_letters_first(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    let lead = lead(text, &range);
    let (letters, rest) = (text.bytes(&lead), text.bytes(&(lead.end..range.end)));
    if is_ordinary(letters) {
        let strong = is_led_by_plate(text, &range)
            && text.is_all_capitals(&lead)
            && senses_of(letters) & (MONTH | OF_PLATE) == 0;
        return strong.then_some(range);
    }
    // More digits after these: a telephone after a short word.
    let on = text.bytes.get(range.end..).unwrap_or_default();
    let longer = matches!(on, [b' ' | b'-' | b'.' | b'/', b'0'..=b'9', ..]);
    if longer && !is_led_by_plate(text, &range) {
        return None;
    }
    let year = rest.first() == Some(&b' ') && rest.len() == 5 && is_year(number(rest.get(1..)?));
    let said = text.is_all_capitals(&lead) || text.is_near(&range, OF_PLATE | VEHICLE);
    (!year || said).then_some(range)
}

fn plate_letters_last(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    let trail = trail(text, &range);
    let (head, letters) = (text.bytes(&(range.start..trail.start)), text.bytes(&trail));
    let capitals = text.is_all_capitals(&trail);
    if is_ordinary(letters) {
        return (is_led_by_plate(text, &range) && capitals).then_some(range);
    }
    let apart = head.last() == Some(&b' ');
    let vowel = letters.iter().any(|byte| matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y'));
    let said = text.is_near(&range, OF_PLATE | VEHICLE);
    (!apart || capitals || said || !vowel).then_some(range)
}

/// How long the numbers of a country are.
const IBAN_LENGTHS: &[(&[u8], usize)] = &[
    (b"gb", 22),
    (b"fr", 27),
    (b"de", 22),
    (b"es", 24),
    (b"it", 27),
    (b"nl", 18),
    (b"be", 16),
    (b"ch", 21),
    (b"at", 20),
    (b"ie", 22),
    (b"pt", 25),
    (b"pl", 28),
    (b"ro", 24),
    (b"ua", 29),
    (b"tr", 26),
    (b"ae", 23),
    (b"sa", 24),
    (b"lu", 20),
    (b"se", 24),
    (b"no", 15),
    (b"dk", 18),
    (b"fi", 18),
    (b"gr", 27),
    (b"hu", 28),
    (b"cz", 24),
    (b"bg", 22),
    (b"hr", 21),
    (b"il", 23),
    (b"qa", 29),
    (b"kw", 30),
];

/// An international account number goes to where its country's numbers end, or else to the last group with a digit. Only
/// the group after the first may be letters, a bank's; of groups that stand apart none is longer than four.
fn iban_from(text: &Text<'_>, range: Range<usize>) -> Option<Range<usize>> {
    const LONGEST: usize = 34;
    let country = text.bytes(&(range.start..range.start.saturating_add(2)));
    let expected = IBAN_LENGTHS.iter().find(|(code, _)| *code == country).map_or(LONGEST, |(_, len)| *len);
    let (mut at, mut characters, mut digits, mut groups, mut end) = (range.start, 0_usize, 0_usize, 0_usize, None);
    loop {
        let group = text
            .bytes
            .get(at..)?
            .iter()
            .take(LONGEST.saturating_add(1))
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        let bytes = text.bytes(&(at..at.saturating_add(group)));
        let figures = digits_in(bytes);
        let fits = group > 0 && (groups == 0 || (group <= 4 && (figures > 0 || (groups == 1 && group == 4))));
        if !fits || characters.saturating_add(group) > expected {
            break;
        }
        groups = groups.saturating_add(1);
        characters = characters.saturating_add(group);
        digits = digits.saturating_add(figures);
        at = at.saturating_add(group);
        if figures > 0 && characters >= 15 && digits >= 8 {
            end = Some(at);
        }
        if !matches!(text.bytes.get(at), Some(b' ' | b'-' | b'.')) {
            break;
        }
        at = at.saturating_add(1);
    }
    Some(range.start..end?)
}

/// What is made of letters and digits and has many of these is somebody's number, whatever it is.
fn blobs(text: &Text<'_>, finds: &mut Finds<'_>) {
    let mut next = 0_usize;
    for figures in text.having(DIGITS) {
        if figures < next {
            continue;
        }
        let mut at = figures;
        while at > next && matches!(text.gap_before(at), b"" | b"-") {
            at = at.saturating_sub(1);
        }
        let first = at;
        let (mut digits, mut letters, mut plain) = (0_usize, 0_usize, true);
        loop {
            let word = text.get(at);
            if word.is_digits() {
                digits = digits.saturating_add(word.len());
            } else {
                letters = letters.saturating_add(word.len());
                let glued = text.gap(at).is_empty() || (at > first && text.gap_before(at).is_empty());
                plain &= !word.is(UNIT | MONEY | CLOCK | YEARS | MONTH) && (glued || word.len() <= 4);
            }
            let on = matches!(text.gap(at), b"" | b"-");
            at = at.saturating_add(1);
            if !on {
                break;
            }
        }
        next = at;
        let range = text.get(first).start..text.before(at).end;
        let many = digits >= 5 || (digits >= 3 && range.len() >= 12 && !text.bytes(&range).contains(&b'-'));
        if letters > 0 && many && (plain || digits >= 7) {
            finds.push(range, Kind::Number, Sureness::Form);
        }
    }
}
