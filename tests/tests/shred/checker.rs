//! What must hold after a round, from the log, the bucket and both ledgers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use egide_testkit::wait_until;
use egide_tests::World;
use egide_tests::log::{Entry, Facts};
use egide_tests::who;
use egide_wire::proto::egide::case::v1::ShredScope;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::ledger::v1::GetKeysRequest;

use crate::arena::{Arena, LEDGERS};

const PATIENCE: Duration = Duration::from_secs(30);

/// Which keys were closed at which position, by the words of the contract alone.
#[derive(Default)]
pub(crate) struct Closed {
    keys: BTreeMap<String, u64>,
    cases: BTreeMap<String, u64>,
}

impl Closed {
    /// Where a key was closed.
    fn at(&self, key: &str) -> Option<u64> {
        let case = key.split('.').nth(1).unwrap();
        let alone = self.keys.get(key).copied();
        let whole = self.cases.get(case).copied();
        alone.into_iter().chain(whole).min()
    }
}

/// Walks the log: nothing stands in it that is sealed under a key closed before. What is closed at the end, and every key
/// that sealed anything.
pub(crate) fn walk(entries: &[Entry]) -> (Closed, BTreeSet<String>) {
    let mut closed = Closed::default();
    let mut used = BTreeSet::new();
    let mut told: BTreeMap<String, Vec<(String, Vec<String>)>> = BTreeMap::new();
    for entry in entries {
        let case = &entry.event.stream_id;
        for key in entry.event.sealed.iter().flat_map(|part| &part.key_ids) {
            let at = closed.at(key);
            assert!(at.is_none(), "position {}: sealed under `{key}`, which was shredded at {at:?}", entry.position);
            used.insert(key.clone());
        }
        let Facts::Case(payload) = &entry.facts else { continue };
        match payload {
            Payload::NarrativeRecorded(narrative) => {
                let people = narrative.subject_ids.clone();
                told.entry(case.clone()).or_default().push((narrative.narrative_id.clone(), people));
            }
            Payload::KeyShredded(shred) => match shred.scope() {
                ShredScope::Person => {
                    let person = &shred.subject_id;
                    closed.keys.insert(format!("subject.{case}.{person}"), entry.position);
                    for (narrative, people) in told.get(case).into_iter().flatten() {
                        if people.contains(person) {
                            closed.keys.entry(format!("narrative.{case}.{narrative}")).or_insert(entry.position);
                        }
                    }
                }
                ShredScope::Narrative => {
                    closed.keys.insert(format!("narrative.{case}.{}", shred.narrative_id), entry.position);
                }
                ShredScope::Case => {
                    closed.cases.insert(case.clone(), entry.position);
                }
                ShredScope::Unspecified => panic!("position {}: whose keys?", entry.position),
            },
            _ => {}
        }
    }
    (closed, used)
}

/// Everything: the log, the bucket, and what opens at both ledgers.
pub(crate) async fn check(world: &World, arena: &Arena<'_>) {
    let (closed, used) = walk(&world.walk().await);
    for role in LEDGERS {
        wait_until("both ledgers to have erased what was shredded", PATIENCE, async || {
            let answer = world.keys(role, &who::compliance()).get_keys(GetKeysRequest::default()).await;
            answer.is_ok_and(|answer| answer.into_inner().shreds_pending == 0)
        })
        .await;
    }
    no_key_is_there(world, &closed, &used).await;
    for ledger in 0..LEDGERS.len() {
        for case in &arena.cases {
            arena.look(ledger, case).await.expect("the case is read");
        }
    }
}

/// No closed key has an entry, and every other one has.
pub(crate) async fn no_key_is_there(world: &World, closed: &Closed, used: &BTreeSet<String>) {
    let bucket = world.bucket().await;
    for key in used.iter().chain(closed.keys.keys()) {
        let there = bucket.get(key).await.expect("the bucket answers").is_some();
        match closed.at(key) {
            Some(at) => assert!(!there, "`{key}` was shredded at {at} and is in the bucket"),
            None => assert!(there, "`{key}` was not shredded and is gone"),
        }
    }
}
