//! Pages of what waits, in the order of its due times.
//!
//! A token holds the place after which the next page begins, and a check that it belongs to the same question. What moves
//! meanwhile is found on another page, or on none: the list is a view of now.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use egide_crypto::digest::sha256_parts;
use egide_domain::ids::CaseId;
use egide_domain::time::Timestamp;
use egide_wire::refusal::Violation;

const VERSION: u8 = 1;
const QUESTION: &str = "egide/triage/question/v1";
const SIZE_DEFAULT: usize = 50;
const SIZE_MAX: u32 = 200;

/// Where an entry stands: by when, then by case, then by what it is. Unique in one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) by: Timestamp,
    pub(crate) case_id: CaseId,
    pub(crate) what: [u8; 16],
}

impl Place {
    /// `parts` say what it is within its case.
    pub(crate) fn new(by: Timestamp, case_id: CaseId, parts: &[&[u8]]) -> Self {
        let digest = sha256_parts("egide/triage/place/v1", parts);
        let mut what = [0; 16];
        what.iter_mut().zip(digest.as_bytes()).for_each(|(byte, from)| *byte = *from);
        Self { by, case_id, what }
    }
}

/// Which page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    size: usize,
    after: Option<Place>,
    question: [u8; 8],
}

impl Page {
    /// `question` is the request without what differs from page to page.
    pub(crate) fn read(size: u32, token: &str, question: &[u8]) -> Result<Self, Vec<Violation>> {
        let digest = sha256_parts(QUESTION, &[question]);
        let mut check = [0; 8];
        check.iter_mut().zip(digest.as_bytes()).for_each(|(byte, from)| *byte = *from);
        let mut violations = Vec::new();
        if size > SIZE_MAX {
            violations.push(Violation::new("page_size", format!("must be 1 to {SIZE_MAX}, or 0 for {SIZE_DEFAULT}")));
        }
        let after = place_of(token, check);
        if after.is_none() && !token.is_empty() {
            let unknown = "is no token of this question: repeat the request of the page before, or leave it empty";
            violations.push(Violation::new("page_token", unknown));
        }
        let size = match size {
            0 => SIZE_DEFAULT,
            size => usize::try_from(size).unwrap_or(SIZE_DEFAULT),
        };
        if violations.is_empty() { Ok(Self { size, after, question: check }) } else { Err(violations) }
    }

    /// The entries of this page, and the token of the next; empty when this was all.
    pub(crate) fn cut<T>(&self, mut entries: Vec<(Place, T)>) -> (Vec<T>, String) {
        entries.retain(|(place, _)| self.after.is_none_or(|after| after < *place));
        entries.sort_by_key(|(place, _)| *place);
        let more = entries.len() > self.size;
        entries.truncate(self.size);
        let last = entries.last().filter(|_| more).map(|(place, _)| *place);
        let token = last.map(|place| self.token(place)).unwrap_or_default();
        (entries.into_iter().map(|(_, entry)| entry).collect(), token)
    }

    fn token(&self, place: Place) -> String {
        let (by, case_id) = (place.by.0.to_be_bytes(), place.case_id.as_bytes());
        let token: Vec<u8> = [&[VERSION], self.question.as_slice(), &by, case_id, &place.what].concat();
        URL_SAFE_NO_PAD.encode(token)
    }
}

fn place_of(token: &str, question: [u8; 8]) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (check, rest) = rest.split_first_chunk::<8>()?;
    let (by, rest) = rest.split_first_chunk::<8>()?;
    let (case_id, what) = rest.split_first_chunk::<16>()?;
    let known = *version == VERSION && *check == question;
    let place =
        Place { by: Timestamp(i64::from_be_bytes(*by)), case_id: CaseId(*case_id), what: what.try_into().ok()? };
    known.then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(count: u8) -> Vec<(Place, u8)> {
        let place = |number: u8| Place::new(Timestamp(i64::from(number / 2)), CaseId([number; 16]), &[b"x"]);
        (0..count).rev().map(|number| (place(number), number)).collect()
    }

    #[test]
    fn pages_follow_each_other_in_order_without_gap() {
        let mut token = String::new();
        let mut seen = Vec::new();
        loop {
            let (entries, next) = Page::read(3, &token, b"q").unwrap().cut(places(8));
            seen.extend(entries);
            token = next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, (0..8).collect::<Vec<u8>>());
    }

    #[test]
    fn the_last_page_has_no_token_even_when_it_is_full() {
        assert_eq!(Page::read(8, "", b"q").unwrap().cut(places(8)).1, "");
    }

    #[test]
    fn a_token_of_another_question_is_none() {
        let (_, token) = Page::read(3, "", b"q").unwrap().cut(places(8));
        assert!(Page::read(3, &token, b"q").is_ok());
        for (token, question) in [(token.as_str(), b"p"), ("x", b"q"), (token.get(..40).unwrap(), b"q")] {
            assert_eq!(Page::read(3, token, question).unwrap_err()[0].field, "page_token");
        }
        assert_eq!(Page::read(201, "", b"q").unwrap_err()[0].field, "page_size");
    }
}
