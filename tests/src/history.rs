//! Whether a history is right: a checker written from the words of the promises, which knows nothing of the services.
//!
//! [`Rules`] go through the events in the log's order: nothing permitted, released or delivered rests on a consent withdrawn
//! before it, no release without its permit, no delivery without its release. [`notes`]: what falls due is noted once. [`check`] compares the whole log with what
//! clients were told: what was acknowledged stands there once, at the place that was acknowledged.

mod memory;
mod notes;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use egide_crypto::digest::sha256_parts;
use egide_wire::context;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::ledger::v1::{Acknowledgement, AppendedEvent};

pub use memory::{Decided, Fetched, Memory};
pub use notes::{Overdue, notes};
pub use rules::{Rest, Rules, Seen, Step, step_of};

use crate::log::{Entry, Facts};

/// What a history that is right holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Blocks.
    pub blocks: u64,
    /// Commits.
    pub commits: usize,
    /// Events.
    pub events: usize,
    /// Of them by kind, where the rules know it.
    pub seen: Seen,
}

/// Checks the whole log against the rules, and against what clients remember.
///
/// # Errors
/// What is wrong, the first of it.
pub fn check(log: &[Entry], memory: &Memory) -> Result<Found, String> {
    let commits = commits(log)?;
    streams_have_no_gap(log)?;
    let seen = Rules::check(log.iter().filter_map(step_of))?;
    for ((emitter, command_id), acknowledgement) in memory.acknowledged() {
        let commit = commits.get(&(emitter.as_str(), command_id.as_str()));
        let commit = commit.ok_or_else(|| format!("command {command_id} was acknowledged and is not in the log"))?;
        is_as_acknowledged(commit, acknowledgement).map_err(|error| format!("command {command_id}: {error}"))?;
    }
    decisions(log, memory)?;
    deliveries(log, memory)?;
    notes(log)?;
    let blocks = log.last().map_or(0, |entry| entry.block);
    Ok(Found { blocks, commits: commits.len(), events: log.len(), seen })
}

/// The events of each commit. No position is missing, no command stands there twice, no event has the id of another.
fn commits(log: &[Entry]) -> Result<BTreeMap<(&str, &str), Vec<&Entry>>, String> {
    let mut commits: BTreeMap<(&str, &str), Vec<&Entry>> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    let mut before: Option<&Entry> = None;
    for (place, entry) in (1_u64..).zip(log) {
        if entry.position != place {
            return Err(format!("position {} stands where {place} should", entry.position));
        }
        if !ids.insert(entry.event.event_id.as_str()) {
            return Err(format!("event {} stands in the log twice", entry.event.event_id));
        }
        let key = |entry: &Entry| (entry.emitter.clone(), entry.command_id.clone(), entry.commit);
        let goes_on = before.is_some_and(|before| key(before) == key(entry));
        let commit = commits.entry((entry.emitter.as_str(), entry.command_id.as_str())).or_default();
        if !goes_on && !commit.is_empty() {
            return Err(format!("command {} of {} stands in the log twice", entry.command_id, entry.emitter));
        }
        commit.push(entry);
        before = Some(entry);
    }
    Ok(commits)
}

fn streams_have_no_gap(log: &[Entry]) -> Result<(), String> {
    let mut revisions: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in log.iter().filter(|entry| !entry.event.stream_id.is_empty()) {
        let revision = revisions.entry(&entry.event.stream_id).or_default();
        *revision += 1;
        if entry.event.revision != *revision {
            let (stream, found) = (&entry.event.stream_id, entry.event.revision);
            return Err(format!("stream {stream} has revision {found} where {revision} should stand"));
        }
    }
    Ok(())
}

fn is_as_acknowledged(commit: &[&Entry], acknowledgement: &Acknowledgement) -> Result<(), String> {
    let stands = commit.iter().map(|entry| AppendedEvent {
        event_id: entry.event.event_id.clone(),
        stream_id: entry.event.stream_id.clone(),
        revision: entry.event.revision,
        position: entry.position,
        facts_digest: sha256_parts(context::FACTS, &[&entry.event.facts]).as_bytes().to_vec(),
    });
    if !stands.eq(acknowledgement.events.iter().cloned()) {
        return Err("other events, or other places, were acknowledged than stand in the log".to_owned());
    }
    if commit.iter().any(|entry| entry.block != acknowledgement.block_number) {
        return Err(format!("block {} was acknowledged, and it stands elsewhere", acknowledgement.block_number));
    }
    Ok(())
}

fn decisions(log: &[Entry], memory: &Memory) -> Result<(), String> {
    let mut decisions = BTreeMap::new();
    for entry in log {
        let Facts::Case(Payload::DisclosureDecided(decided)) = &entry.facts else { continue };
        if decisions.insert(decided.decision_id.as_str(), (entry.position, decided.outcome())).is_some() {
            return Err(format!("decision {} stands in the log twice", decided.decision_id));
        }
    }
    for told in memory.decided() {
        if decisions.get(told.decision_id.as_str()) != Some(&(told.position, told.outcome)) {
            return Err(format!("decision {} was told otherwise than it stands in the log", told.decision_id));
        }
    }
    Ok(())
}

/// For every report that a client has in hand there is a delivery of its own, committed before it was answered.
fn deliveries(log: &[Entry], memory: &Memory) -> Result<(), String> {
    let mut committed: BTreeMap<(&str, &[u8]), Vec<i64>> = BTreeMap::new();
    for entry in log {
        let Facts::Case(Payload::ReferralDelivered(delivered)) = &entry.facts else { continue };
        let key = (delivered.referral_id.as_str(), delivered.report_digest.as_slice());
        committed.entry(key).or_default().push(entry.recorded_at_ms);
    }
    let mut fetched: Vec<&Fetched> = memory.fetched().collect();
    fetched.sort_by_key(|fetched| fetched.answered_at_ms);
    let mut answered: BTreeMap<&str, usize> = BTreeMap::new();
    for fetched in fetched {
        let answered = answered.entry(&fetched.referral_id).or_default();
        *answered += 1;
        let committed = committed.get(&(fetched.referral_id.as_str(), fetched.report_digest.as_slice()));
        let before = committed.into_iter().flatten().filter(|at_ms| **at_ms <= fetched.answered_at_ms).count();
        if before < *answered {
            let id = &fetched.referral_id;
            return Err(format!("referral {id} was answered {answered} times, after {before} committed deliveries"));
        }
    }
    Ok(())
}
