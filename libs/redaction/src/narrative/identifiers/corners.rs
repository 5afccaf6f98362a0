//! Corners: `near the corner of King and Main`, `au coin de la Montagne et Sherbrooke`.

use super::lexicon::{CORNER, DIRECTION, ORDINAL, PARTICLE, RUE, STREET, WEAK_STREET};
use super::streets::{direction, is_name};
use super::words::{Finds, Text};
use crate::narrative::{Kind, merge::Sureness};

/// The most words of one street's name at a corner.
const NAME: usize = 3;

pub(super) fn find(text: &Text<'_>, finds: &mut Finds<'_>) {
    for at in text.having(CORNER) {
        if let Some((first, last)) = corner(text, at) {
            finds.push(text.span(first, last), Kind::Address, Sureness::Likely);
        }
    }
}

/// Both streets of a corner, if two are named.
fn corner(text: &Text<'_>, at: usize) -> Option<(usize, usize)> {
    let first = skip_particles(text, at);
    let end = street_end(text, first)?;
    let joiner = end.saturating_add(1);
    let sign = matches!(text.gap(end), b" & " | b"/" | b" / " | b"&" | b" @ " | b" + ");
    let word = matches!(text.form(joiner), b"and" | b"et" | b"at" | b"n")
        && text.gap(end).len() <= 2
        && text.gap(joiner) == b" ";
    if !sign && !word {
        return None;
    }
    let second = if sign { skip_particles_from(text, joiner) } else { skip_particles(text, joiner) };
    Some((first, street_end(text, second)?))
}

fn skip_particles(text: &Text<'_>, at: usize) -> usize {
    skip_particles_from(text, at.saturating_add(1))
}

fn skip_particles_from(text: &Text<'_>, mut at: usize) -> usize {
    for _ in 0..5 {
        let particle = text.is(at, PARTICLE | RUE) || text.form(at) == b"streets";
        if !(particle && matches!(text.gap(at), b" " | b"'" | b". " | b": ")) {
            break;
        }
        at = at.saturating_add(1);
    }
    at
}

/// The last word of a street's name that begins with a word: one word and its kind, more if capitalised.
fn street_end(text: &Text<'_>, first: usize) -> Option<usize> {
    let numbered = text.get(first).is_digits() && text.get(first).len() <= 3;
    if !numbered && !is_name(text, first) {
        return None;
    }
    let mut last = first;
    for _ in 0..NAME {
        let next = last.saturating_add(1);
        let linked =
            matches!(text.gap(last), b"-" | b"'" | b"") && text.get(next).len() > 0 && !text.get(next).is_digits();
        let suffix = text.get(last).is_digits() && text.is(next, ORDINAL) && text.gap(last).is_empty();
        let kind = text.gap(last) == b" " && text.is(next, STREET | WEAK_STREET);
        let capital =
            text.gap(last) == b" " && text.is_telling_capital(next) && is_name(text, next) && !text.is(next, DIRECTION);
        if linked || suffix || kind || capital {
            last = next;
        } else {
            break;
        }
    }
    Some(direction(text, last).unwrap_or(last))
}
