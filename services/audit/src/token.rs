//! Page tokens: opaque, short, and good for one question only.
//!
//! A token says where the next page begins and carries a keyed check over that and over the question it belongs to. It is
//! version, place (64 bits, big-endian) and check (32 bytes) in unpadded base64url. Places are positions of the log, which
//! never move, so a token stays good while the log grows, across restarts and on every instance.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use egide_crypto::digest::{Digest, Fingerprinter, sha256_parts};
use egide_domain::ids::{CaseId, SubjectId};
use egide_wire::proto::egide::audit::v1::{DisclosureFilter, LookFilter};
use egide_wire::refusal::Violation;
use prost::Message as _;

const VERSION: u8 = 1;
const PLACE_BYTES: usize = 8;
/// Version and place: what stands before the check.
const HEAD_BYTES: usize = 1 + PLACE_BYTES;
const KEY_DOMAIN: &str = "egide/audit/page-token-key/v1";
const QUESTION_DOMAIN: &str = "egide/audit/question/v1";

/// What pages belong to: a method and everything in the request that says which entries are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question(Digest);

impl Question {
    /// `ListDisclosures` with this filter.
    #[must_use]
    pub fn list(filter: &DisclosureFilter) -> Self {
        Self(sha256_parts(QUESTION_DOMAIN, &[b"list", &filter.encode_to_vec()]))
    }

    /// `ListCaseSteps` of this case.
    #[must_use]
    pub fn case_steps(case_id: CaseId) -> Self {
        Self(sha256_parts(QUESTION_DOMAIN, &[b"case-steps", case_id.as_bytes()]))
    }

    /// `ListLooks` with this filter.
    #[must_use]
    pub fn looks(filter: &LookFilter) -> Self {
        Self(sha256_parts(QUESTION_DOMAIN, &[b"looks", &filter.encode_to_vec()]))
    }

    /// `AccountForPerson` of this person.
    #[must_use]
    pub fn account(case_id: CaseId, subject_id: SubjectId) -> Self {
        Self(sha256_parts(QUESTION_DOMAIN, &[b"account", case_id.as_bytes(), subject_id.as_bytes()]))
    }
}

/// Issues and reads page tokens of one log.
///
/// The key follows from the log's incarnation, so that every instance reads every other's tokens and a token of another
/// log is refused. It is no secret: the check is against mistakes. Who forges a token reaches nothing that the same
/// question without a token would not give.
#[derive(Debug)]
pub struct PageTokens(Fingerprinter);

impl PageTokens {
    /// The tokens of the log with this incarnation.
    #[must_use]
    pub fn of_log(incarnation: &str) -> Self {
        Self(Fingerprinter::new(sha256_parts(KEY_DOMAIN, &[incarnation.as_bytes()]).as_bytes()))
    }

    /// The token of the page that goes on after `place`, a position of the log.
    #[must_use]
    pub fn issue(&self, question: Question, place: u64) -> String {
        let mut token = vec![VERSION];
        token.extend_from_slice(&place.to_be_bytes());
        let check = self.0.fingerprint(&checked(&token, question));
        token.extend_from_slice(check.as_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The place a request's `page_token` says; `None` when it is empty, for the first page.
    ///
    /// # Errors
    /// A violation of `page_token` when the text is no token of this question.
    pub fn read(&self, question: Question, token: &str) -> Result<Option<u64>, Violation> {
        if token.is_empty() {
            return Ok(None);
        }
        self.place(question, token).map(Some).ok_or_else(|| {
            Violation::new(
                "page_token",
                "is no token of this question: repeat the request of the page before, or leave it empty",
            )
        })
    }

    fn place(&self, question: Question, token: &str) -> Option<u64> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (head, check) = bytes.split_at_checked(HEAD_BYTES)?;
        let check = Digest::try_from(check).ok()?;
        if !self.0.verify(&checked(head, question), &check) {
            return None;
        }
        let (version, place) = head.split_first()?;
        let place = <[u8; PLACE_BYTES]>::try_from(place).ok()?;
        (*version == VERSION).then(|| u64::from_be_bytes(place))
    }
}

/// What the check is made over; everything in it has a fixed width.
fn checked(head: &[u8], question: Question) -> Vec<u8> {
    [head, question.0.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "0b7a4a0e-9a53-4f0a-8f0e-3f8b1f6d2c11";

    fn filter(case_id: &str) -> DisclosureFilter {
        DisclosureFilter { case_id: case_id.to_owned(), ..DisclosureFilter::default() }
    }

    #[test]
    fn a_token_comes_back_as_the_place_it_was_issued_for_also_elsewhere() {
        let question = Question::list(&filter("a"));
        for place in [0, 1, 41, u64::MAX] {
            let token = PageTokens::of_log(LOG).issue(question, place);
            assert_eq!(PageTokens::of_log(LOG).read(question, &token), Ok(Some(place)));
        }
    }

    #[test]
    fn the_empty_token_is_the_first_page() {
        assert_eq!(PageTokens::of_log(LOG).read(Question::list(&filter("a")), ""), Ok(None));
    }

    #[test]
    fn a_token_of_another_question_or_log_is_refused() {
        let tokens = PageTokens::of_log(LOG);
        let (case_id, subject_id) = (CaseId([1; 16]), SubjectId([2; 16]));
        let questions = [
            Question::list(&filter("a")),
            Question::list(&filter("b")),
            Question::list(&DisclosureFilter::default()),
            Question::account(case_id, subject_id),
            Question::account(case_id, SubjectId([3; 16])),
        ];
        for issued in questions {
            let token = tokens.issue(issued, 7);
            for asked in questions {
                assert_eq!(tokens.read(asked, &token).is_ok(), issued == asked);
            }
        }
        let token = tokens.issue(questions[0], 7);
        let refused = PageTokens::of_log("another").read(questions[0], &token).unwrap_err();
        assert_eq!(refused.field, "page_token");
    }

    #[test]
    fn a_token_with_any_bit_changed_is_refused() {
        let (tokens, question) = (PageTokens::of_log(LOG), Question::list(&filter("a")));
        let token = URL_SAFE_NO_PAD.decode(tokens.issue(question, 7)).unwrap();
        for bit in 0..token.len() * 8 {
            let mut changed = token.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(tokens.read(question, &URL_SAFE_NO_PAD.encode(changed)).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let (tokens, question) = (PageTokens::of_log(LOG), Question::list(&filter("a")));
        let token = tokens.issue(question, 7);
        let cut = token.get(..token.len() - 4).unwrap();
        for text in ["x", "not a token", "AAAA", cut, &format!("{token}="), &format!("{token}AAAA"), &"A".repeat(5000)]
        {
            assert!(tokens.read(question, text).is_err(), "{text}");
        }
    }
}
