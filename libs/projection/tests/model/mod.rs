//! Models to test with, and chains of blocks that need no server.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use egide_crypto::sign::SigningKey;
use egide_eventlog::{ChainVerifier, Head, RawBlock, SealedBlock, VerifiedBlock};
use egide_projection::{ModelError, ReadModel, Rows};

use crate::support::{NOW_MS, commit, ring, signing_key, uuid};

/// Counts: applying a block twice, or half, shows.
#[derive(Default)]
pub struct Counter {
    /// How often a block was applied by this instance.
    pub applied: AtomicU64,
    /// The block at which the model fails.
    pub fails_at: Option<u64>,
    /// The block at which the model panics.
    pub panics_at: Option<u64>,
    /// How long a block takes.
    pub takes: Option<Duration>,
}

pub const TOTAL: &[u8] = b"total";
pub const SUM: &[u8] = b"sum";

impl ReadModel for Counter {
    const NAME: &'static str = "counter";
    const VERSION: u32 = 1;

    fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        count(block, rows)?;
        if self.fails_at == Some(block.number()) {
            return Err(ModelError::Event { position: block.first_position(), reason: "this test says so" });
        }
        assert_ne!(self.panics_at, Some(block.number()), "this test says so");
        if let Some(takes) = self.takes {
            std::thread::sleep(takes);
        }
        self.applied.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// The same model in another version.
pub struct NewerCounter;

impl ReadModel for NewerCounter {
    const NAME: &'static str = "counter";
    const VERSION: u32 = 2;

    fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        count(block, rows)
    }
}

/// Another model with the same layout.
pub struct OtherModel;

impl ReadModel for OtherModel {
    const NAME: &'static str = "other";
    const VERSION: u32 = 1;

    fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        count(block, rows)
    }
}

/// Counts events and adds up positions, each event by itself, so that a block's events build on each other.
fn count(block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
    for (position, _, event) in block.events() {
        let total = number(rows.get(TOTAL)?.as_deref());
        rows.insert(TOTAL, (total + 1).to_be_bytes());
        let sum = number(rows.get(SUM)?.as_deref());
        rows.insert(SUM, (sum + position).to_be_bytes());
        rows.insert(&[b"event/", position.to_be_bytes().as_slice()].concat(), event.event_id.as_bytes());
    }
    Ok(())
}

pub fn number(row: Option<&[u8]>) -> u64 {
    row.map_or(0, |row| u64::from_be_bytes(row.try_into().expect("eight bytes")))
}

/// Blocks that follow each other, without a server.
pub struct Chain {
    key: SigningKey,
    verifier: ChainVerifier,
}

impl Chain {
    pub fn new() -> Self {
        let key = signing_key();
        let verifier = ChainVerifier::new(Head::genesis(&uuid()), ring(&[&key]));
        Self { key, verifier }
    }

    /// A chain that goes its own way from the same beginning.
    pub fn sibling(&self) -> Self {
        let mut sibling = Self::new();
        let head = Head::genesis(self.incarnation());
        sibling.verifier = ChainVerifier::new(head, ring(&[&sibling.key]));
        sibling
    }

    pub fn incarnation(&self) -> &str {
        self.verifier.head().incarnation()
    }

    pub fn block(&mut self, events: u32) -> VerifiedBlock {
        let sealed = SealedBlock::seal(self.verifier.head(), NOW_MS, &uuid(), vec![commit(events)], &self.key);
        let raw = RawBlock { sequence: sealed.number(), foreign_header: None, bytes: sealed.bytes().clone() };
        self.verifier.verify(&raw).expect("a good block")
    }
}
