//! One range of messages: fetched, and checked as far as each can be by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::{Message, StatusCode};
use egide_crypto::digest::{Digest, sha256_parts};
use egide_trust::Trust;
use egide_wire::proto::egide::ledger::v1::{Commit, Event, KeyScope, SealedPart};
use futures_util::StreamExt as _;

use crate::chain::{ChainBroken, Content, Decoded, RawBlock};
use crate::connection::Connection;
use crate::log::STREAM;
use crate::stored::{get_from_leader, raw_block_of_batch};

use super::VerifyError;
use super::finding::{Finding, SealedFault};

/// Bytes of messages that one request asks for.
const BATCH_BYTES: usize = 4 * 1_024 * 1_024;
/// How long the next message may take.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// How many messages of a range the leader is asked for at most.
const LEADER_ASKED_MAX: usize = 16;
/// How often a request that was not answered is sent.
const TRIES_MAX: u32 = 5;
/// Status of the message that ends a batch, and of the answer when there is nothing at or after a sequence.
const END_OF_BATCH: u16 = 204;
const NOT_FOUND: u16 = 404;

const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const COMMITMENT_BYTES: usize = 32;
/// The tag of AES-256-GCM; nothing that is sealed is shorter.
const TAG_BYTES: usize = 16;

/// A message that is there.
pub(super) struct Checked {
    pub(super) sequence: u64,
    pub(super) findings: Vec<Finding>,
    /// What it says about its place; none if it is no block.
    pub(super) summary: Option<Summary>,
}

/// What a block says that only its neighbours can prove or disprove.
pub(super) struct Summary {
    pub(super) incarnation: String,
    pub(super) number: u64,
    pub(super) hash: Digest,
    pub(super) previous_hash: Vec<u8>,
    pub(super) first_position: u64,
    pub(super) next_position: u64,
    pub(super) recorded_at_ms: i64,
    pub(super) commits: Vec<CommitSummary>,
}

pub(super) struct CommitSummary {
    pub(super) command_id: String,
    pub(super) emitter: String,
    /// Stream, first revision, count.
    pub(super) streams: Vec<(String, u64, u32)>,
}

/// Fetches the messages from `first` to `last` and checks each by itself, in their order; those that are not there are left
/// out.
pub(super) async fn check(
    connection: &Connection,
    trust: &Trust,
    first: u64,
    last: u64,
) -> Result<Vec<Checked>, VerifyError> {
    let mut checked: Vec<Checked> = Vec::new();
    let mut due = first;
    let mut tries = 0;
    while due <= last {
        let before = due;
        let ended = fetch(connection, due, last, |raw| {
            if raw.sequence < due || raw.sequence > last {
                return;
            }
            due = raw.sequence.saturating_add(1);
            checked.push(check_one(&raw, trust));
        })
        .await;
        match ended {
            Ended::NothingMore => break,
            // Messages that do not say which they are are none.
            Ended::Batch if due == before => break,
            Ended::Batch => tries = 0,
            Ended::NoAnswer if due > before => tries = 0,
            Ended::NoAnswer if tries < TRIES_MAX => tries += 1,
            Ended::NoAnswer => return Err(VerifyError::Unavailable(due)),
        }
    }
    ask_the_leader(connection, trust, first, last, &mut checked).await;
    Ok(checked)
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Everything that was asked for came.
    Batch,
    /// There is nothing more in the range.
    NothingMore,
    NoAnswer,
}

/// Asks for the messages from `first` on, as many as one answer holds; `take` gets each.
async fn fetch(connection: &Connection, first: u64, last: u64, mut take: impl FnMut(RawBlock)) -> Ended {
    connection.connected().await;
    let client = connection.client();
    let inbox = client.new_inbox();
    let Ok(mut replies) = client.subscribe(inbox.clone()).await else { return Ended::NoAnswer };
    let batch = last.saturating_sub(first).saturating_add(1);
    let body = format!("{{\"seq\":{first},\"batch\":{batch},\"max_bytes\":{BATCH_BYTES}}}");
    let subject = connection.api_subject(&format!("DIRECT.GET.{STREAM}"));
    if client.publish_with_reply(subject, inbox, body.into()).await.is_err() {
        return Ended::NoAnswer;
    }
    let mut beyond = false;
    loop {
        let Ok(Some(reply)) = tokio::time::timeout(REPLY_TIMEOUT, replies.next()).await else { return Ended::NoAnswer };
        match status_of(&reply) {
            None => {
                if let Some(raw) = raw_block_of_batch(reply) {
                    beyond |= raw.sequence >= last;
                    take(raw);
                }
            }
            Some(END_OF_BATCH) if beyond => return Ended::NothingMore,
            Some(END_OF_BATCH) => return Ended::Batch,
            Some(NOT_FOUND) => return Ended::NothingMore,
            Some(_) => return Ended::NoAnswer,
        }
    }
}

fn status_of(reply: &Message) -> Option<u16> {
    reply.status.filter(|status| *status != StatusCode::OK).map(|status| status.as_u16())
}

/// A replica's copy may be stale or broken: what is missing or wrong is asked for again from the leader, where this identity
/// may ask it.
async fn ask_the_leader(connection: &Connection, trust: &Trust, first: u64, last: u64, checked: &mut Vec<Checked>) {
    let good = |one: &&Checked| one.findings.is_empty();
    let known: BTreeSet<u64> = checked.iter().filter(good).map(|one| one.sequence).collect();
    for sequence in (first..=last).filter(|sequence| !known.contains(sequence)).take(LEADER_ASKED_MAX) {
        let leaders = get_from_leader(connection, STREAM, format!("{{\"seq\":{sequence}}}")).await;
        let message = match leaders {
            Ok(Some(message)) => message,
            Ok(None) => continue,
            // Most readers may not ask it.
            Err(_) => return,
        };
        let again = check_one(&message.into_raw_block(), trust);
        match checked.binary_search_by_key(&sequence, |one| one.sequence) {
            Ok(place) => {
                if let Some(one) = checked.get_mut(place) {
                    *one = again;
                }
            }
            Err(place) => checked.insert(place, again),
        }
    }
}

fn check_one(raw: &RawBlock, trust: &Trust) -> Checked {
    let sequence = raw.sequence;
    let mut findings = Vec::new();
    if let Some(header) = &raw.foreign_header {
        findings.push(Finding::Block(ChainBroken::ForeignHeader { sequence, header: header.clone() }));
    }
    let summary = match Decoded::read(&RawBlock { foreign_header: None, ..raw.clone() }) {
        Ok(decoded) => summary(&decoded, trust, sequence, &mut findings),
        Err(broken) => {
            findings.push(Finding::Block(broken));
            None
        }
    };
    Checked { sequence, findings, summary }
}

fn summary(decoded: &Decoded, trust: &Trust, sequence: u64, findings: &mut Vec<Finding>) -> Option<Summary> {
    let block = &decoded.block;
    if block.number != sequence {
        findings.push(Finding::Block(ChainBroken::OtherNumber { sequence, number: block.number }));
    }
    let Content { recorded_at_ms, next_position } = match decoded.content() {
        Ok(content) => content,
        Err(broken) => {
            findings.push(Finding::Block(broken));
            return None;
        }
    };
    if let Err(broken) = decoded.signature(trust, next_position) {
        findings.push(Finding::Block(broken));
    }
    let events = block.commits.iter().flat_map(|commit| &commit.events);
    for (position, event) in (block.first_position..).zip(events) {
        if let Err(what) = check_sealed(event) {
            findings.push(Finding::Sealed { block: sequence, position, what });
        }
    }
    Some(Summary {
        incarnation: block.incarnation.clone(),
        number: block.number,
        hash: decoded.hash,
        previous_hash: block.previous_hash.clone(),
        first_position: block.first_position,
        next_position,
        recorded_at_ms,
        commits: block.commits.iter().map(commit_summary).collect(),
    })
}

fn commit_summary(commit: &Commit) -> CommitSummary {
    let extents = commit.streams.iter();
    CommitSummary {
        command_id: commit.command_id.clone(),
        emitter: commit.emitter.clone(),
        streams: extents.map(|extent| (extent.stream_id.clone(), extent.first_revision, extent.count)).collect(),
    }
}

/// What can be said about sealed parts without any key.
fn check_sealed(event: &Event) -> Result<(), SealedFault> {
    event.sealed.iter().try_for_each(|part| {
        let SealedPart { key_ids, salt, nonce, ciphertext, key_commitment, .. } = part;
        let fits = match part.scope() {
            KeyScope::Unspecified => return Err(SealedFault::Scope),
            KeyScope::Subject | KeyScope::Narrative | KeyScope::Case => key_ids.len() == 1,
            KeyScope::Everybody => key_ids.is_sorted() && !key_ids.is_empty(),
        };
        if !fits || key_ids.iter().any(String::is_empty) {
            return Err(SealedFault::Keys);
        }
        let lengths = salt.len() == SALT_BYTES
            && nonce.len() == NONCE_BYTES
            && key_commitment.len() == COMMITMENT_BYTES
            && ciphertext.len() >= TAG_BYTES;
        if lengths { Ok(()) } else { Err(SealedFault::Lengths) }
    })
}

/// A short name of a command or a stream: two of the same are the same for all that chance can do.
pub(super) fn short(parts: &[&str]) -> u128 {
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    let digest = sha256_parts("egide/verify/v1", &parts);
    digest.as_bytes().first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}
