//! Where rows stand. A key is one byte for its kind, then parts of fixed width, big-endian, so that keys of one kind sort by
//! their parts and no key begins another kind's.
//!
//! | Kind | Key | Value |
//! |---|---|---|
//! | disclosure | position | [`super::row::DisclosureRow`] |
//! | step | position of the disclosure, position of the step | `DisclosureStep` |
//! | decision | case, decision | position of the disclosure |
//! | referral | case, referral | position of the disclosure |
//! | id | disclosure | position of the first disclosure with this id |
//! | people | case | [`super::row::People`] |
//! | unit | unit | organisation |
//! | time | milliseconds since 1970, position of the disclosure | nothing |
//! | account | case, person, position of what left | position of the disclosure |
//! | policy | digest | the facts of the event by which it was adopted |
//! | approval | case, approval | position of the disclosure that asked for it |
//! | approved | case, approval | position of the newest disclosure decided under it |
//! | outside | case, disclosure outside the system | position of the disclosure |
//! | resting | case, exception, position of a disclosure that rests on it | nothing |
//! | leaves | nothing | how many leaves the transparency log has |
//! | leaf | index | [`super::leaves::LeafRow`] |
//! | leaf of | position of the event | index |
//! | hash | tile level, number | a hash of the tree |
//! | posting | criterion, its value, position of the disclosure | nothing |

use egide_crypto::digest::sha256_parts;
use egide_domain::ids::{ApprovalId, CaseId, DecisionId, DisclosureId, ExceptionId, ReferralId, SubjectId, UnitId};
use egide_wire::convert::Listed as _;

use crate::query::filter::Criterion;

const DISCLOSURE: u8 = 1;
const STEP: u8 = 2;
const DECISION: u8 = 3;
const REFERRAL: u8 = 4;
const ID: u8 = 5;
const PEOPLE: u8 = 6;
const UNIT: u8 = 7;
const TIME: u8 = 8;
const ACCOUNT: u8 = 9;
const POSTING: u8 = 10;
const POLICY: u8 = 11;
const APPROVAL: u8 = 12;
const APPROVED: u8 = 13;
const OUTSIDE: u8 = 14;
const RESTING: u8 = 15;
// The transparency log's stand apart from the history's.
const LEAVES: u8 = 40;
const LEAF: u8 = 41;
const LEAF_AT: u8 = 42;
const HASH: u8 = 43;

const POSITION_BYTES: usize = 8;
const ACTOR_DOMAIN: &str = "egide/audit/actor/v1";

/// A key.
pub(crate) type Key = Vec<u8>;

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

pub(crate) fn decision(case_id: CaseId, decision_id: DecisionId) -> Key {
    key(DECISION, &[case_id.as_bytes(), decision_id.as_bytes()])
}

pub(crate) fn referral(case_id: CaseId, referral_id: ReferralId) -> Key {
    key(REFERRAL, &[case_id.as_bytes(), referral_id.as_bytes()])
}

pub(crate) fn approval(case_id: CaseId, approval_id: ApprovalId) -> Key {
    key(APPROVAL, &[case_id.as_bytes(), approval_id.as_bytes()])
}

/// What was decided under an approval.
pub(crate) fn approved(case_id: CaseId, approval_id: ApprovalId) -> Key {
    key(APPROVED, &[case_id.as_bytes(), approval_id.as_bytes()])
}

pub(crate) fn outside(case_id: CaseId, disclosure_id: DisclosureId) -> Key {
    key(OUTSIDE, &[case_id.as_bytes(), disclosure_id.as_bytes()])
}

/// Disclosures that rest on an exception; goes on with their positions.
pub(crate) fn resting(case_id: CaseId, exception_id: ExceptionId) -> Key {
    key(RESTING, &[case_id.as_bytes(), exception_id.as_bytes()])
}

pub(crate) fn id(disclosure_id: DisclosureId) -> Key {
    key(ID, &[disclosure_id.as_bytes()])
}

pub(crate) fn people(case_id: CaseId) -> Key {
    key(PEOPLE, &[case_id.as_bytes()])
}

pub(crate) fn unit(unit_id: UnitId) -> Key {
    key(UNIT, &[unit_id.as_bytes()])
}

/// Disclosures by when they were recorded, from the first at `recorded_at_ms` on.
pub(crate) fn time(recorded_at_ms: i64) -> Key {
    // With the sign flipped, the bytes sort as the numbers do.
    key(TIME, &[&(recorded_at_ms ^ i64::MIN).to_be_bytes()])
}

/// The key after all of [`time`].
pub(crate) fn times_end() -> Key {
    key(TIME + 1, &[])
}

/// What left about one person, by when it left.
pub(crate) fn account(case_id: CaseId, subject_id: SubjectId) -> Key {
    key(ACCOUNT, &[case_id.as_bytes(), subject_id.as_bytes()])
}

/// The disclosures that fit one criterion, by position.
pub(crate) fn postings(criterion: &Criterion) -> Key {
    match criterion {
        Criterion::Subject(id) => key(POSTING, &[&[1], id.as_bytes()]),
        Criterion::Case(id) => key(POSTING, &[&[2], id.as_bytes()]),
        Criterion::Unit(id) => key(POSTING, &[&[3], id.as_bytes()]),
        // An account has any length; its digest has one.
        Criterion::Actor(account) => {
            key(POSTING, &[&[4], sha256_parts(ACTOR_DOMAIN, &[account.as_bytes()]).as_bytes()])
        }
        Criterion::Organization(id) => key(POSTING, &[&[5], id.as_bytes()]),
        Criterion::Basis(kind) => key(POSTING, &[&[6], &kind.number().to_be_bytes()]),
        Criterion::Outcome(outcome) => key(POSTING, &[&[7], &outcome.number().to_be_bytes()]),
    }
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
    fn keys_of_one_kind_sort_by_time_and_position() {
        let times = [i64::MIN, -1, 0, 1, 1_795_305_600_123, i64::MAX];
        assert!(times.windows(2).all(|pair| at(time(pair[0]), u64::MAX) < at(time(pair[1]), 0)));
        assert!(disclosure(255) < disclosure(256));
        assert!(at(time(i64::MAX), u64::MAX) < times_end());
    }

    #[test]
    fn the_position_comes_back_from_a_key() {
        assert_eq!(position_of(&disclosure(41)), Some(41));
        assert_eq!(position_of(&at(steps(41), 42)), Some(42));
        assert_eq!(position_of(&[1, 2]), None);
    }

    #[test]
    fn no_account_stands_in_a_key() {
        let key = postings(&Criterion::Actor("amelie.roy".to_owned()));
        assert!(!key.windows(6).any(|window| window == b"amelie"));
        assert_ne!(key, postings(&Criterion::Actor("amelie.ro".to_owned())));
    }
}
