//! What leads to somebody on a network: e-mail addresses and web addresses, plain and disguised, and network addresses.

use super::lexicon::{AT, DOT, MAIL, OF_MAIL, STOP, TOP_LEVEL, UNIT};
use super::words::{Finds, Text};
use crate::narrative::{Kind, merge::Sureness};
use core::{net::Ipv6Addr, ops::Range};

pub(super) fn find(text: &Text<'_>, finds: &mut Finds<'_>) {
    signs(text, finds);
    dotted(text, finds);
    colons(text, finds);
    in_words(text, finds);
}

const fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'' | b'&' | b'~' | 0x80..)
}

const fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// Bytes after an offset as long as they fit, without full stops and hyphens at their end.
fn ahead(text: &Text<'_>, from: usize, fits: fn(u8) -> bool) -> usize {
    let rest = text.bytes.get(from..).unwrap_or_default();
    let len = rest.iter().take_while(|byte| fits(**byte)).count();
    let body = rest.get(..len).unwrap_or_default();
    from.saturating_add(
        body.trim_ascii_end()
            .iter()
            .rposition(|byte| !matches!(byte, b'.' | b'-' | b'\''))
            .map_or(0, |at| at.saturating_add(1)),
    )
}

fn behind(text: &Text<'_>, to: usize, done: usize, fits: fn(u8) -> bool) -> usize {
    to.saturating_sub(text.bytes(&(done..to)).iter().rev().take_while(|byte| fits(**byte)).count())
}

/// What stands around an at sign: an e-mail address, or an account name.
fn signs(text: &Text<'_>, finds: &mut Finds<'_>) {
    let mut done = 0_usize;
    for sign in positions(text, '@') {
        let after = sign.saturating_add(1);
        let start = behind(text, sign, done, is_local);
        let end = ahead(text, after, is_host);
        done = after;
        if start < sign && end > after {
            finds.push(
                start..end,
                Kind::Email,
                if text.bytes(&(after..end)).contains(&b'.') { Sureness::Certain } else { Sureness::Form },
            );
            spread(text, start, end, finds);
        } else if end > after {
            if !is_where_or_when(text, after, end) {
                finds.push(sign..end, Kind::Handle, Sureness::Likely);
            }
            if let Some(start) =
                text.bytes.get(sign.wrapping_sub(1)).filter(|byte| **byte == b' ').map(|_| sign.saturating_sub(1))
            {
                apart(text, behind(text, start, 0, is_local), end, after, finds);
            }
        } else {
            let start = if start == sign && text.bytes.get(sign.wrapping_sub(1)) == Some(&b' ') {
                behind(text, sign.saturating_sub(1), 0, is_short_local)
            } else {
                start
            };
            let host = after.saturating_add(usize::from(text.bytes.get(after) == Some(&b' ')));
            apart(text, start, ahead(text, host, is_host), host, finds);
        }
    }
}

/// A local part, of which no long run is looked at twice.
const fn is_short_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// `gmail .com`, `gmail,com` and `gmail com` after an at sign.
fn spread(text: &Text<'_>, start: usize, end: usize, finds: &mut Finds<'_>) {
    let at = text.word_at(end.saturating_sub(1));
    let next = at.saturating_add(1);
    if matches!(text.gap(at), b" ." | b". " | b"," | b" , " | b" . " | b", " | b" ")
        && text.is(next, TOP_LEVEL)
        && text.is(at, MAIL)
    {
        finds.push(start..text.get(next).end, Kind::Email, Sureness::Likely);
    }
}

/// An at sign with spaces: only before what is a host.
fn apart(text: &Text<'_>, start: usize, end: usize, host: usize, finds: &mut Finds<'_>) {
    let at = text.word_at(host);
    let top = text.word_at(end.saturating_sub(1));
    if start < host && end > host && ((text.is(top, TOP_LEVEL) && top > at) || text.is(at, MAIL)) {
        finds.push(start..end, Kind::Email, Sureness::Likely);
        spread(text, start, end, finds);
    }
}

/// `@5pm`, `@ 11:30`, `@the hotel`: an at sign written for a word.
fn is_where_or_when(text: &Text<'_>, from: usize, to: usize) -> bool {
    let first = text.word_at(from);
    let name = text.bytes(&(from..to));
    let short = to.saturating_sub(from) <= 5 && text.get(first).is_digits();
    short || (text.is(first, STOP) && text.get(first).len() == name.len())
}

/// Where a byte stands.
fn positions(text: &Text<'_>, wanted: char) -> impl Iterator<Item = usize> {
    text.text().match_indices(wanted).map(|(at, _)| at)
}

/// Words with full stops between them, and schemes.
fn dotted(text: &Text<'_>, finds: &mut Finds<'_>) {
    let mut done = 0_usize;
    for dot in positions(text, '.') {
        if dot < done {
            continue;
        }
        let start = behind(text, dot, done, is_host);
        let end = ahead(text, dot, is_host);
        done = end.max(dot.saturating_add(1));
        if start == dot || end <= dot.saturating_add(1) {
            continue;
        }
        let path = text.bytes.get(end).copied().filter(|byte| matches!(byte, b'/' | b'?' | b'#' | b':'));
        let whole_end = if path.is_some() { tail(text, end) } else { end };
        if is_site(text, start..end, path.is_some() && whole_end > end.saturating_add(1)) {
            let start = with_scheme(text, start);
            finds.push(start..whole_end, Kind::Url, Sureness::Likely);
            done = done.max(whole_end);
        }
    }
    let mut done = 0_usize;
    for sign in positions(text, ':') {
        if sign >= done && text.bytes.get(sign..).is_some_and(|rest| rest.starts_with(b"://")) {
            let start = behind(text, sign, sign.saturating_sub(12), |byte| byte.is_ascii_alphanumeric());
            let body = sign.saturating_add(3);
            let body = body.saturating_add(usize::from(text.bytes.get(body) == Some(&b' ')));
            let end = tail(text, body);
            if end > body {
                done = end;
                finds.push(start..end, Kind::Url, Sureness::Certain);
            }
        }
    }
}

/// The rest of an address, to the next space, without the punctuation of the sentence; a web address is not longer than
/// this.
fn tail(text: &Text<'_>, from: usize) -> usize {
    const LONGEST: usize = 2048;
    let rest = text.bytes.get(from..).unwrap_or_default();
    let len = rest.iter().take(LONGEST).take_while(|byte| **byte != b' ').count();
    let body = rest.get(..len).unwrap_or_default();
    let end = body
        .iter()
        .rposition(|byte| !matches!(byte, b'.' | b',' | b';' | b':' | b'!' | b'?' | b')' | b']' | b'>' | b'"' | b'\''));
    from.saturating_add(end.map_or(0, |at| at.saturating_add(1)))
}

fn with_scheme(text: &Text<'_>, start: usize) -> usize {
    let before = text.bytes(&(start.saturating_sub(12)..start));
    let body = before.strip_suffix(b"://").or_else(|| before.strip_suffix(b"//"));
    body.map_or(start, |body| {
        start
            .saturating_sub(before.len().saturating_sub(body.len()))
            .saturating_sub(body.iter().rev().take_while(|byte| byte.is_ascii_lowercase()).count())
    })
}

/// Whether words with full stops between them are a site: by their end, by `www`, or by a path after them.
fn is_site(text: &Text<'_>, range: Range<usize>, path: bool) -> bool {
    let bytes = text.bytes(&range);
    if bytes.starts_with(b"www.") {
        return true;
    }
    let last = bytes.iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot.saturating_add(1));
    let top = bytes.get(last..).unwrap_or_default();
    let letters = top.len() >= 2 && top.iter().all(u8::is_ascii_lowercase);
    let host = bytes.get(..last).unwrap_or_default().iter().filter(|byte| byte.is_ascii_lowercase()).count();
    let written = text.written(&(range.start.saturating_add(last)..range.end));
    let known = super::lexicon::senses_of(top) & TOP_LEVEL != 0 && written.is_ascii();
    // A capital after a full stop begins a sentence, unless the whole is written so.
    let sentence = written.starts_with(|first: char| first.is_uppercase()) && written.chars().any(char::is_lowercase);
    letters && host >= 1 && !sentence && ((known && host >= 2) || (path && top.len() <= 10))
}

/// Colons: addresses of the sixth version, and of devices.
fn colons(text: &Text<'_>, finds: &mut Finds<'_>) {
    let is_part = |byte: &&u8| matches!(**byte, b'0'..=b'9' | b'a'..=b'f' | b':' | b'.' | b'-');
    let mut done = 0_usize;
    for colon in positions(text, ':') {
        if colon < done {
            continue;
        }
        let start = colon.saturating_sub(text.bytes(&(done..colon)).iter().rev().take_while(is_part).count());
        let len = text.bytes.get(colon..).unwrap_or_default().iter().take_while(is_part).count();
        done = colon.saturating_add(len);
        let body = text.bytes(&(start..done));
        let trimmed = body.iter().rposition(|byte| !matches!(byte, b'.' | b'-')).map_or(0, |at| at.saturating_add(1));
        let body = body.get(..trimmed).unwrap_or_default();
        let many = body.iter().filter(|byte| **byte == b':').count();
        let parsed = body.len() <= 45
            && many >= 2
            && body.len() > 3
            && core::str::from_utf8(body).is_ok_and(|body| {
                body.trim_end_matches(':').parse::<Ipv6Addr>().is_ok() || body.parse::<Ipv6Addr>().is_ok()
            });
        if parsed || (many >= 5 && body.iter().any(u8::is_ascii_alphanumeric)) {
            finds.push(start..start.saturating_add(trimmed), Kind::IpAddress, Sureness::Likely);
        }
    }
}

/// `marie dot roy 22 at gmail dot com`, `marie (arobase) exemple (point) ca`, `example point com`.
fn in_words(text: &Text<'_>, finds: &mut Finds<'_>) {
    for at in text.starts.iter().copied() {
        if text.is(at, TOP_LEVEL) {
            site_in_words(text, at, finds);
        } else if is_sign(text, at) || (text.form(at) == b"commercial" && text.form(at.wrapping_sub(1)) == b"a") {
            mail_by_provider(text, at, finds);
            mail_to_host(text, at, finds);
        }
    }
}

/// Whether a gap may stand in a disguised address: spaces, brackets, dots, hyphens.
fn is_loose(gap: &[u8]) -> bool {
    gap.len() <= 4
        && gap.iter().all(|byte| {
            matches!(
                byte,
                b' ' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b'.' | b'-' | b'_' | b'*' | b'\'' | b'"'
            )
        })
}

/// Steps back over the words of a host or of a name: words with dots and the like between them.
fn chain_start(text: &Text<'_>, last: usize) -> usize {
    /// The most steps.
    const MOST: usize = 12;
    let mut first = last;
    for _ in 0..MOST {
        let gap = text.gap_before(first);
        let before = first.wrapping_sub(1);
        let joiner = text.is(before, DOT)
            || matches!(
                text.form(before),
                b"underscore" | b"tiret" | b"dash" | b"hyphen" | b"bas" | b"souligne" | b"plus"
            );
        if matches!(gap, b"." | b"_" | b"-" | b"" | b"'") && text.get(before).len() > 0 {
            first = before;
        } else if joiner
            && is_loose(gap)
            && is_loose(text.gap_before(before))
            && text.get(before.wrapping_sub(1)).len() > 0
        {
            first = before.wrapping_sub(1);
        } else if gap == b" "
            && (text.get(first).is_digits()
                && !text.get(before).is_digits()
                && !text.is(before, STOP)
                && text.get(before).len() > 0)
        {
            first = before;
        } else {
            break;
        }
    }
    first
}

/// A host whose last dot is a word, and what stands before it.
fn site_in_words(text: &Text<'_>, top: usize, finds: &mut Finds<'_>) {
    let dot = top.wrapping_sub(1);
    let bracketed =
        matches!(text.gap_before(top), b"[.]" | b"(.)" | b" [.] " | b" (.) " | b"{.}" | b" . " | b" ." | b". ");
    let spoken = text.is(dot, DOT) && is_loose(text.gap_before(top)) && is_loose(text.gap_before(dot));
    let host = if spoken { dot.wrapping_sub(1) } else { dot };
    if !(spoken || (bracketed && (text.is(host, MAIL) || text.gap_before(top).len() > 2))) || text.get(host).len() == 0
    {
        return;
    }
    let first = chain_start(text, host);
    let end = text.get(top).end;
    if spoken && (text.get(host).is_digits() || text.is(host, STOP | UNIT)) {
        return;
    }
    match mail_start(text, first) {
        Some(start) => finds.push(text.get(start).start..end, Kind::Email, Sureness::Certain),
        None => finds.push(text.get(first).start..end, Kind::Url, Sureness::Form),
    }
}

/// An at sign in words, or an `a` in brackets.
fn is_sign(text: &Text<'_>, at: usize) -> bool {
    let bracketed = |gap: &[u8], brackets: &[u8]| gap.iter().any(|byte| brackets.contains(byte));
    text.is(at, AT)
        || (text.form(at) == b"a" && bracketed(text.gap_before(at), b"([{<") && bracketed(text.gap(at), b")]}>"))
}

/// Where the name before an at sign in words, or in brackets, begins.
fn mail_start(text: &Text<'_>, host: usize) -> Option<usize> {
    let gap = text.gap_before(host);
    let before = host.wrapping_sub(1);
    let name = if gap.contains(&b'@') && gap.len() <= 5 {
        before
    } else if is_sign(text, before) && is_loose(gap) && is_loose(text.gap_before(before)) {
        before.wrapping_sub(1)
    } else if text.form(before) == b"commercial" && text.form(host.wrapping_sub(2)) == b"a" {
        host.wrapping_sub(3)
    } else {
        return None;
    };
    (text.get(name).len() > 0).then(|| chain_start(text, name))
}

/// `marie(at)example.com`, `marie arobase example.ca`: an at sign in words before a host as it is.
fn mail_to_host(text: &Text<'_>, at: usize, finds: &mut Finds<'_>) {
    /// The most words of a host.
    const MOST: usize = 8;
    let host = at.wrapping_add(1);
    let mut last = host;
    while last.saturating_sub(host) < MOST
        && matches!(text.gap(last), b"." | b"-" | b"")
        && text.get(last.saturating_add(1)).len() > 0
    {
        last = last.saturating_add(1);
    }
    let sign = text.form(at) != b"at" && text.form(at) != b"chez";
    let bracketed = text.gap(at).iter().any(|byte| matches!(byte, b')' | b']' | b'}' | b'>'));
    if last == host || !text.is(last, TOP_LEVEL) || !is_loose(text.gap(at)) {
        return;
    }
    let Some(start) = mail_start(text, host) else { return };
    let range = text.span(start, last);
    if sign || bracketed || text.is(host, MAIL) || text.around(&range, super::words::CONTEXT, 0) & OF_MAIL != 0 {
        finds.push(range, Kind::Email, Sureness::Likely);
    }
}

/// `marie22 at gmail`: a provider of mail after an at sign in words, without an end.
fn mail_by_provider(text: &Text<'_>, at: usize, finds: &mut Finds<'_>) {
    let host = at.wrapping_add(1);
    if !text.is(host, MAIL) || !is_loose(text.gap(at)) {
        return;
    }
    let certain = matches!(
        text.form(host),
        b"gmail"
            | b"hotmail"
            | b"outlook"
            | b"icloud"
            | b"protonmail"
            | b"ymail"
            | b"gmx"
            | b"aol"
            | b"gmial"
            | b"gmal"
    );
    let Some(start) = mail_start(text, host) else { return };
    let range = text.span(start, host);
    if certain || text.around(&range, super::words::CONTEXT, 0) & OF_MAIL != 0 {
        let next = host.wrapping_add(1);
        let end = if text.is(next, TOP_LEVEL) && is_loose(text.gap(host)) { text.get(next).end } else { range.end };
        finds.push(range.start..end, Kind::Email, Sureness::Likely);
    }
}
