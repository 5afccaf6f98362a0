//! Account names: after a platform or a word for one, before a platform, and by their form (`lily_rose`, `lilyrose22`).
//! Names after an at sign are found where the signs are.

use super::lexicon::{ACCOUNT_NAME, LINKING, MONTH, PLATFORM, ROOM, STREET, is_ordinary};
use super::words::{Finds, Text};
use crate::narrative::{Kind, merge::Sureness};
use core::ops::Range;

/// The most words between a platform and the name.
const FILLERS: usize = 4;
/// The most words an account name is made of.
const MOST_PIECES: usize = 12;

pub(super) fn find(text: &Text<'_>, finds: &mut Finds<'_>) {
    let mut at = 0_usize;
    while at < text.words.len() {
        if is_apart(text, at) {
            at = at.saturating_add(1);
            continue;
        }
        if text.is(at, PLATFORM | ACCOUNT_NAME) {
            if let Some(range) = named(text, at) {
                finds.push(range, Kind::Handle, Sureness::Certain);
            }
            if text.is(at, PLATFORM)
                && let Some(range) = named_before(text, at)
            {
                finds.push(range, Kind::Handle, Sureness::Likely);
            }
        }
        let (range, next) = piece(text, at);
        if is_by_form(text, at, &range) || is_cash_tag(text, &range) || is_listed(text, at, &range) {
            finds.push(range, Kind::Handle, Sureness::Form);
        }
        at = next.max(at.saturating_add(1));
    }
}

/// Whether a word is no platform and stands between spaces, or nearly: so it is no account name by its form.
fn is_apart(text: &Text<'_>, at: usize) -> bool {
    let word = text.get(at);
    let before = word.start.checked_sub(1).and_then(|before| text.bytes.get(before));
    text.bytes.get(word.end) == Some(&b' ')
        && !matches!(before, Some(b'_' | b'@' | b'$'))
        && !word.is(PLATFORM | ACCOUNT_NAME)
}

/// An account name from a word on, and the place of the word after it.
fn piece(text: &Text<'_>, first: usize) -> (Range<usize>, usize) {
    let mut last = first;
    while last.saturating_sub(first) < MOST_PIECES
        && text.get(last.saturating_add(1)).len() > 0
        && matches!(text.gap(last), b"" | b"_" | b"." | b"__" | b"-" | b"._" | b"_." | b"___")
    {
        last = last.saturating_add(1);
    }
    let mut range = text.span(first, last);
    let tag = last.saturating_add(1);
    if text.gap(last) == b"#" && text.get(tag).is_digits() && text.get(tag).len() == 4 && !is_ordinary(text.form(last))
    {
        return (range.start..text.get(tag).end, tag.saturating_add(1));
    }
    while text.bytes.get(range.end) == Some(&b'_') {
        range.end = range.end.saturating_add(1);
    }
    while let Some(b'_' | b'@') = range.start.checked_sub(1).and_then(|before| text.bytes.get(before)) {
        range.start = range.start.saturating_sub(1);
    }
    (range, last.saturating_add(1))
}

/// Underscores, and digits glued to a word that is none of ours, make an account name by themselves.
fn is_by_form(text: &Text<'_>, first: usize, range: &Range<usize>) -> bool {
    let bytes = text.bytes(range);
    let letters = bytes.iter().filter(|byte| byte.is_ascii_lowercase()).count();
    if bytes.iter().any(|byte| matches!(byte, b'_' | b'#')) {
        return letters >= 2;
    }
    let word = text.get(first);
    let digits = text.get(first.saturating_add(1));
    let glued = text.gap(first).is_empty() && digits.is_digits() && (2..=6).contains(&digits.len());
    glued
        && word.len() >= 4
        && !word.is_digits()
        && !is_ordinary(text.form(first))
        && !word.is(MONTH | ROOM | STREET)
        && text.gap_before(first) != b"-"
}

/// `$lily22`: an account for payments; an amount begins with a digit.
fn is_cash_tag(text: &Text<'_>, range: &Range<usize>) -> bool {
    let bytes = text.bytes(range);
    let sign = range.start.checked_sub(1).and_then(|before| text.bytes.get(before));
    sign == Some(&b'$')
        && bytes.len() >= 3
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && !matches!(bytes, b"cad" | b"usd" | b"can")
}

/// `@lily_rose, lily.rose7`: what looks like an account name, after one.
fn is_listed(text: &Text<'_>, at: usize, range: &Range<usize>) -> bool {
    let joined = matches!(text.gap_before(at), b", " | b"," | b" / " | b"/" | b" & ");
    let word = matches!(text.form(at.wrapping_sub(1)), b"and" | b"et" | b"or" | b"ou") && text.gap_before(at) == b" ";
    let before = if word { at.wrapping_sub(2) } else { at.wrapping_sub(1) };
    if !(joined || word) || !has_form(text.bytes(range)) || text.get(at).is_digits() {
        return false;
    }
    let mut first = before;
    for _ in 0..MOST_PIECES {
        if !matches!(text.gap_before(first), b"" | b"_" | b"." | b"__" | b"-" | b"@" | b" @")
            || text.before(first).len() == 0
        {
            break;
        }
        if text.gap_before(first).ends_with(b"@") {
            return true;
        }
        first = first.wrapping_sub(1);
    }
    let named = text.span(first, before);
    text.gap_before(first).ends_with(b"@") || is_by_form(text, first, &named)
}

fn has_form(bytes: &[u8]) -> bool {
    let letters = bytes.iter().any(u8::is_ascii_lowercase);
    letters && bytes.iter().any(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'@' | b'#' | b'.'))
}

/// The name after a platform: over words that link them, and only if it looks like a name or something says that it is.
fn named(text: &Text<'_>, platform: usize) -> Option<Range<usize>> {
    let mut at = platform;
    let mut said = text.is(platform, ACCOUNT_NAME) && text.form(platform) != b"user";
    for filler in 0..=FILLERS {
        let gap = text.gap(at);
        if gap.len() > 4
            || gap.iter().any(|byte| matches!(byte, b',' | b';' | b'!' | b'?' | b'/'))
            || (gap.starts_with(b".") && gap.len() > 1)
        {
            return None;
        }
        said |= gap.iter().any(|byte| matches!(byte, b':' | b'=' | b'@' | b'"'));
        at = at.saturating_add(1);
        let word = text.get(at);
        let (range, _) = piece(text, at);
        let bytes = text.bytes(&range);
        if gap.ends_with(b"\"")
            && let Some(quoted) = quoted(text, word.start)
        {
            return Some(quoted);
        }
        if has_form(bytes) && !word.is_digits() {
            return Some(range);
        }
        if word.is(PLATFORM) && filler == 0 && matches!(text.form(platform), b"tik" | b"compte") {
            continue;
        }
        if !is_ordinary(text.form(at)) {
            let written_apart = text.is_telling_capital(at);
            let direct = filler == 0 && word.len() >= 3 && text.gap(platform) == b" " && !is_verb(text.form(at));
            return (word.len() >= 2 && !word.is_digits() && (said || direct))
                .then(|| if written_apart { with_surname(text, at, range) } else { range });
        }
        if !word.is(LINKING | PLATFORM | ACCOUNT_NAME) {
            return None;
        }
        said |= word.is(ACCOUNT_NAME)
            || matches!(
                text.form(at),
                b"is"
                    | b"est"
                    | b"as"
                    | b"comme"
                    | b"named"
                    | b"called"
                    | b"nomme"
                    | b"appele"
                    | b"sous"
                    | b"under"
                    | b"nom"
                    | b"name"
            );
    }
    None
}

/// What stands between quotation marks, if it is short.
fn quoted(text: &Text<'_>, start: usize) -> Option<Range<usize>> {
    /// The longest name.
    const LONGEST: usize = 32;
    let rest = text.bytes.get(start..)?;
    let len = rest.iter().take(LONGEST).position(|byte| *byte == b'"').filter(|len| *len > 0)?;
    Some(start..start.saturating_add(len))
}

/// What people do on a platform, which is no account.
fn is_verb(word: &[u8]) -> bool {
    const VERBS: &[&[u8]] = &[
        b"message",
        b"messages",
        b"story",
        b"stories",
        b"post",
        b"posts",
        b"photo",
        b"photos",
        b"video",
        b"videos",
        b"chat",
        b"chats",
        b"group",
        b"groups",
        b"groupe",
        b"ads",
        b"annonce",
        b"annonces",
        b"application",
        b"live",
        b"lives",
        b"conversation",
        b"conversations",
        b"friend",
        b"friends",
        b"request",
        b"link",
        b"lien",
        b"profile",
        b"followers",
        b"contact",
        b"contacts",
        b"saying",
        b"asking",
        b"every",
        b"during",
        b"pictures",
        b"picture",
        b"images",
        b"image",
        b"marketplace",
        b"business",
        b"prive",
        b"privee",
        b"public",
        b"texts",
        b"screenshots",
        b"screenshot",
        b"capture",
        b"captures",
        b"dating",
        b"app",
        b"site",
        b"website",
        b"page",
        b"pages",
        b"groupes",
        b"publication",
        b"stuff",
        b"blocked",
        b"deleted",
        b"promising",
        b"offering",
        b"wrote",
        b"writes",
        b"posted",
        b"claims",
        b"conv",
        b"vocal",
        b"vocaux",
    ];
    VERBS.contains(&word) || word.ends_with(b"ing") || word.ends_with(b"ment")
}

/// A capitalised name goes with the capitalised word after it.
fn with_surname(text: &Text<'_>, first: usize, range: Range<usize>) -> Range<usize> {
    /// The most words of a name.
    const NAME: usize = 3;
    let mut end = range.end;
    for _ in 1..NAME {
        let next = text.word_at(end);
        if next <= first
            || text.gap_before(next) != b" "
            || !text.is_telling_capital(next)
            || is_ordinary(text.form(next))
        {
            break;
        }
        end = text.get(next).end;
    }
    range.start..end
}

/// `lily.rose22 on snap`, `xo_lily sur insta`: a name by its form before a platform.
fn named_before(text: &Text<'_>, platform: usize) -> Option<Range<usize>> {
    let on = platform.wrapping_sub(1);
    if !matches!(text.form(on), b"on" | b"sur" | b"via" | b"in" | b"dans") || text.gap_before(platform) != b" " {
        return None;
    }
    let mut first = on.wrapping_sub(1);
    let last = text.get(first);
    for _ in 0..MOST_PIECES {
        if !matches!(text.gap_before(first), b"" | b"_" | b"." | b"__" | b"-") || text.before(first).len() == 0 {
            break;
        }
        first = first.wrapping_sub(1);
    }
    let range = text.get(first).start..last.end;
    (has_form(text.bytes(&range)) && text.gap(on.wrapping_sub(1)) == b" ").then_some(range)
}
