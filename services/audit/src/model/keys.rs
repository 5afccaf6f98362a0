//! Where rows stand. A key is one byte for its kind, then parts of fixed width, big-endian, so that keys of one kind sort by
//! their parts and no key begins another kind's.
//!
//! | Kind | Key | Value |
//! |---|---|---|
//! | disclosure | position | [`super::row::DisclosureRow`] |
//! | step | position of the disclosure, position of the step | `DisclosureStep` |
//! | id | an id, case, what it names | position of the disclosure |
//! | people | case | [`super::row::People`] |
//! | unit | unit | organisation |
//! | account | case, person, position of what left | position of the disclosure |
//! | posting | criterion, its value, number of a stretch of positions | [`super::postings::Stretch`] of disclosures |
//! | policy | digest | the facts of the event by which it was adopted |
//! | approval | case, approval | position of the disclosure that asked for it |
//! | approved | case, approval | position of the newest disclosure decided under it |
//! | resting | case, exception, position of a disclosure that rests on it | nothing |
//! | exception | case, exception | [`super::row::ExceptionRow`] |
//! | case steps | case, number of a run of revisions | [`super::row::CaseSteps`] |
//! | look | position | `Look` |
//! | look posting | as posting | [`super::postings::Stretch`] of looks |
//! | name | a word of it, zero, whose, id | nothing |
//! | overdue | case, position of a disclosure | nothing |
//! | day | day since 1970, account | [`super::row::DayRow`] |
//! | refused | day since 1970, case | how often |
//! | changed | unit | when its directory entry last changed, in milliseconds since 1970 |
//! | newest policy | | digest of the policy that was adopted last |
//! | soon | position of a delivery | [`super::row::SoonRow`] |
//! | leaves | nothing | how many leaves the transparency log has |
//! | leaf | index | [`super::leaves::LeafRow`] |
//! | leaf of | position of the event | index |
//! | hash | tile level, number | a hash of the tree |

use egide_crypto::digest::sha256_parts;
use egide_domain::ids::{ApprovalId, CaseId, ExceptionId, SubjectId, UnitId};
use egide_wire::convert::Listed as _;

use super::codes::{Code, List};
use crate::query::filter::Criterion;

const DISCLOSURE: u8 = 1;
const STEP: u8 = 2;
const ID: u8 = 5;
const PEOPLE: u8 = 6;
const UNIT: u8 = 7;
const ACCOUNT: u8 = 9;
const POSTING: u8 = 10;
const POLICY: u8 = 11;
const APPROVAL: u8 = 12;
const APPROVED: u8 = 13;
const RESTING: u8 = 15;
const EXCEPTION: u8 = 16;
const CASE_STEPS: u8 = 17;
const LOOK: u8 = 18;
const LOOK_POSTING: u8 = 19;
const NAME: u8 = 20;
const OVERDUE: u8 = 21;
const DAY: u8 = 22;
const REFUSED: u8 = 23;
const CHANGED: u8 = 24;
const SOON: u8 = 25;
const POLICY_NEWEST: u8 = 26;
// The transparency log's stand apart from the history's.
const LEAVES: u8 = 40;
const LEAF: u8 = 41;
const LEAF_AT: u8 = 42;
const HASH: u8 = 43;

const POSITION_BYTES: usize = 8;
const ACTOR_DOMAIN: &str = "egide/audit/actor/v1";
const WORD_DOMAIN: &str = "egide/audit/word/v1";
/// Revisions of a case whose steps stand in one row.
pub(crate) const RUN: u64 = 16;

/// A key.
pub(crate) type Key = Vec<u8>;

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Named {
    Decision = 1,
    Referral = 2,
    Outside = 3,
    Delivery = 4,
    /// Something that is spoken of, and that this version does not know.
    Unknown = 5,
}

/// Whose name a word is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum NameOf {
    Unit = 1,
    Organization = 2,
}

fn key(kind: u8, parts: &[&[u8]]) -> Key {
    let mut key = vec![kind];
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// A policy that was adopted.
pub(crate) fn policy(digest: &[u8]) -> Key {
    key(POLICY, &[digest])
}

/// The digest of the policy that was adopted last.
pub(crate) fn policy_newest() -> Key {
    key(POLICY_NEWEST, &[])
}

/// How many leaves there are.
pub(crate) fn leaves() -> Key {
    key(LEAVES, &[])
}

pub(crate) fn leaf(index: u64) -> Key {
    key(LEAF, &[&index.to_be_bytes()])
}

/// The leaf that was made of the event at a position.
pub(crate) fn leaf_at(position: u64) -> Key {
    key(LEAF_AT, &[&position.to_be_bytes()])
}

/// A hash at a tile level of the tree.
pub(crate) fn hash(level: u8, number: u64) -> Key {
    key(HASH, &[&[level], &number.to_be_bytes()])
}

/// All disclosures, by position.
pub(crate) fn disclosures() -> Key {
    key(DISCLOSURE, &[])
}

pub(crate) fn disclosure(position: u64) -> Key {
    at(disclosures(), position)
}

/// The steps of one disclosure, by position.
pub(crate) fn steps(disclosure: u64) -> Key {
    key(STEP, &[&disclosure.to_be_bytes()])
}

/// Everything that an id names, in whatever case.
pub(crate) fn ids(id: &[u8; 16]) -> Key {
    key(ID, &[id])
}

pub(crate) fn id(id: &[u8; 16], case_id: CaseId, named: Named) -> Key {
    key(ID, &[id, case_id.as_bytes(), &[named as u8]])
}

/// The case in a key of [`ids`].
pub(crate) fn case_of_id(key: &[u8]) -> Option<CaseId> {
    key.get(17..33)?.try_into().ok().map(CaseId)
}

pub(crate) fn approval(case_id: CaseId, approval_id: ApprovalId) -> Key {
    key(APPROVAL, &[case_id.as_bytes(), approval_id.as_bytes()])
}

/// What was decided under an approval.
pub(crate) fn approved(case_id: CaseId, approval_id: ApprovalId) -> Key {
    key(APPROVED, &[case_id.as_bytes(), approval_id.as_bytes()])
}

/// Disclosures that rest on an exception; goes on with their positions.
pub(crate) fn resting(case_id: CaseId, exception_id: ExceptionId) -> Key {
    key(RESTING, &[case_id.as_bytes(), exception_id.as_bytes()])
}

pub(crate) fn exception(case_id: CaseId, exception_id: ExceptionId) -> Key {
    key(EXCEPTION, &[case_id.as_bytes(), exception_id.as_bytes()])
}

pub(crate) fn people(case_id: CaseId) -> Key {
    key(PEOPLE, &[case_id.as_bytes()])
}

pub(crate) fn unit(unit_id: UnitId) -> Key {
    key(UNIT, &[unit_id.as_bytes()])
}

/// What left about one person, by when it left.
pub(crate) fn account(case_id: CaseId, subject_id: SubjectId) -> Key {
    key(ACCOUNT, &[case_id.as_bytes(), subject_id.as_bytes()])
}

/// The steps of a case; goes on with the numbers of runs.
pub(crate) fn case_steps(case_id: CaseId) -> Key {
    key(CASE_STEPS, &[case_id.as_bytes()])
}

/// All looks, by position.
pub(crate) fn looks() -> Key {
    key(LOOK, &[])
}

/// Words of names that begin with `word`.
pub(crate) fn names(word: &str) -> Key {
    key(NAME, &[word.as_bytes()])
}

pub(crate) fn name(word: &str, of: NameOf, id: &[u8; 16]) -> Key {
    key(NAME, &[word.as_bytes(), &[0, of as u8], id])
}

/// What a key of [`names`] says.
pub(crate) fn name_of(key: &[u8]) -> Option<(String, NameOf, [u8; 16])> {
    let (word, id) = key.get(1..)?.split_last_chunk::<16>()?;
    let (word, of) = word.split_last_chunk::<2>()?;
    let of = match of {
        [0, 1] => NameOf::Unit,
        [0, 2] => NameOf::Organization,
        _ => return None,
    };
    Some((std::str::from_utf8(word).ok()?.to_owned(), of, *id))
}

/// Disclosures of a case with something overdue; goes on with their positions.
pub(crate) fn overdue(case_id: CaseId) -> Key {
    key(OVERDUE, &[case_id.as_bytes()])
}

/// What everybody did on a day; goes on with accounts.
pub(crate) fn days(day: u32) -> Key {
    key(DAY, &[&day.to_be_bytes()])
}

pub(crate) fn day(day: u32, account: &str) -> Key {
    key(DAY, &[&day.to_be_bytes(), &digest(ACTOR_DOMAIN, account)])
}

/// Refusals of a day; goes on with cases.
pub(crate) fn refusals(day: u32) -> Key {
    key(REFUSED, &[&day.to_be_bytes()])
}

pub(crate) fn refused(day: u32, case_id: CaseId) -> Key {
    key(REFUSED, &[&day.to_be_bytes(), case_id.as_bytes()])
}

/// The day and the case in a key of [`refusals`].
pub(crate) fn case_refused(key: &[u8]) -> Option<CaseId> {
    key.last_chunk::<16>().copied().map(CaseId)
}

pub(crate) fn changed(unit_id: UnitId) -> Key {
    key(CHANGED, &[unit_id.as_bytes()])
}

/// Deliveries soon after a change of the directory, by position.
pub(crate) fn soon() -> Key {
    key(SOON, &[])
}

/// The disclosures that fit one criterion; goes on with the numbers of stretches.
pub(crate) fn postings(criterion: &Criterion) -> Key {
    posting(POSTING, criterion)
}

/// The looks that fit one criterion; goes on with the numbers of stretches.
pub(crate) fn look_postings(criterion: &Criterion) -> Key {
    posting(LOOK_POSTING, criterion)
}

fn posting(kind: u8, criterion: &Criterion) -> Key {
    match criterion {
        Criterion::Anything => key(kind, &[&[0]]),
        Criterion::Subject(id) => key(kind, &[&[1], id.as_bytes()]),
        Criterion::Case(id) => key(kind, &[&[2], id.as_bytes()]),
        Criterion::Unit(id) => key(kind, &[&[3], id.as_bytes()]),
        // An account has any length; its digest has one.
        Criterion::Actor(account) => key(kind, &[&[4], &digest(ACTOR_DOMAIN, account)]),
        Criterion::Organization(id) => key(kind, &[&[5], id.as_bytes()]),
        Criterion::Basis(basis) => coded(kind, Code::new(List::Basis, basis.number())),
        Criterion::Outcome(outcome) => coded(kind, Code::new(List::Outcome, outcome.number())),
        Criterion::Exception(exception) => coded(kind, Code::new(List::Exception, exception.number())),
        Criterion::Category(category) => coded(kind, Code::new(List::Released, category.number())),
        Criterion::Coded(code) => coded(kind, *code),
        Criterion::Approver(account) => key(kind, &[&[9], &digest(ACTOR_DOMAIN, account)]),
        Criterion::Overdue => key(kind, &[&[10]]),
        Criterion::BrokenGlass => key(kind, &[&[11]]),
        Criterion::Word(word) => key(kind, &[&[12], &digest(WORD_DOMAIN, word)]),
        Criterion::OfOthers => key(kind, &[&[13]]),
    }
}

fn coded(kind: u8, code: Code) -> Key {
    key(kind, &[&[8, code.list.number()], &code.number.to_be_bytes()])
}

fn digest(domain: &str, text: &str) -> [u8; 16] {
    let digest = sha256_parts(domain, &[text.as_bytes()]);
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// The key of `position` under a prefix of keys that go on with positions.
pub(crate) fn at(mut prefix: Key, position: u64) -> Key {
    prefix.extend_from_slice(&position.to_be_bytes());
    prefix
}

/// The position a key ends with.
pub(crate) fn position_of(key: &[u8]) -> Option<u64> {
    key.last_chunk::<POSITION_BYTES>().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_kind_sort_by_position() {
        assert!(disclosure(255) < disclosure(256));
        assert!(disclosure(u64::MAX) < steps(0));
    }

    #[test]
    fn the_position_comes_back_from_a_key() {
        assert_eq!(position_of(&disclosure(41)), Some(41));
        assert_eq!(position_of(&at(steps(41), 42)), Some(42));
        assert_eq!(position_of(&[1, 2]), None);
    }

    #[test]
    fn a_name_and_a_case_come_back_from_their_keys() {
        let read = name_of(&name("surete", NameOf::Organization, &[7; 16]));
        assert_eq!(read, Some(("surete".to_owned(), NameOf::Organization, [7; 16])));
        assert!(name("surete", NameOf::Unit, &[7; 16]).starts_with(&names("sur")));
        let case_id = CaseId([3; 16]);
        assert_eq!(case_of_id(&id(&[9; 16], case_id, Named::Delivery)), Some(case_id));
        assert_eq!(case_refused(&refused(20_000, case_id)), Some(case_id));
    }

    #[test]
    fn no_account_stands_in_a_key() {
        let key = postings(&Criterion::Actor("amelie.roy".to_owned()));
        assert!(!key.windows(6).any(|window| window == b"amelie"));
        assert_ne!(key, postings(&Criterion::Actor("amelie.ro".to_owned())));
        assert_ne!(key, postings(&Criterion::Approver("amelie.roy".to_owned())));
        assert_ne!(key, look_postings(&Criterion::Actor("amelie.roy".to_owned())));
    }
}
