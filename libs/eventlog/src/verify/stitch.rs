//! What spans blocks, checked in their order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use egide_trust::{Lineage, Trust};

use crate::anchor::Contradiction;
use crate::chain::ChainBroken;
use crate::mark::Mark;

use super::finding::{Finding, Findings};
use super::range::{Checked, CommitSummary, Summary, short};
use super::{NamedMark, Verification, check_mark};

/// What was read so far.
pub(super) struct Stitch {
    findings: Findings,
    lineage: Option<Lineage>,
    trust: Arc<Trust>,
    /// Marks whose block is still to come, or missing.
    marks: Vec<NamedMark>,
    before: Option<Summary>,
    /// The highest position and time so far, also over a hole.
    next_position: u64,
    recorded_at_ms: i64,
    /// Whether anything before was missing or unreadable: then streams may jump.
    holes: bool,
    revisions: HashMap<u128, u64>,
    commands: HashSet<u128>,
    blocks: u64,
    events: u64,
}

impl Stitch {
    pub(super) fn new(
        mut findings: Findings,
        lineage: Option<Lineage>,
        trust: Arc<Trust>,
        marks: &[NamedMark],
    ) -> Self {
        let mut open = Vec::with_capacity(marks.len());
        for named in marks {
            let checked = lineage.as_ref().map_or(Ok(u64::MAX), |lineage| check_mark(&named.mark, &trust, lineage));
            match checked {
                // What was seen beyond a block that a restore kept is lost as the restore says.
                Ok(shared) if named.mark.block > shared => {}
                Ok(_) => open.push(named.clone()),
                Err(contradiction) => findings.add(Finding::Contradicted { name: named.name.clone(), contradiction }),
            }
        }
        Self {
            findings,
            lineage,
            trust,
            marks: open,
            before: None,
            next_position: 1,
            recorded_at_ms: i64::MIN,
            holes: false,
            revisions: HashMap::new(),
            commands: HashSet::new(),
            blocks: 0,
            events: 0,
        }
    }

    /// Takes in the messages from `first` to `last`, of which some may be missing.
    pub(super) fn add(&mut self, first: u64, last: u64, range: Vec<Checked>) {
        let mut due = first;
        for checked in range {
            self.missing(due, checked.sequence.saturating_sub(1));
            due = checked.sequence.saturating_add(1);
            self.one(checked);
        }
        self.missing(due, last);
    }

    fn missing(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        // A hole that spans ranges is one hole.
        if let Some(Finding::Missing { last: end, .. }) = self.findings.kept.last_mut()
            && end.saturating_add(1) == first
        {
            *end = last;
        } else {
            self.findings.add(Finding::Missing { first, last });
        }
        self.before = None;
        self.holes = true;
    }

    fn one(&mut self, checked: Checked) {
        let Checked { sequence, findings, summary } = checked;
        self.blocks = self.blocks.saturating_add(1);
        findings.into_iter().for_each(|finding| self.findings.add(finding));
        // A block that was made for another place says nothing about this one.
        let Some(summary) = summary.filter(|summary| summary.number == sequence) else {
            self.before = None;
            self.holes = true;
            return;
        };
        self.events = self.events.saturating_add(summary.next_position.saturating_sub(summary.first_position));
        if let Err(broken) = self.check_incarnation(&summary) {
            self.findings.add(Finding::Block(broken));
        }
        self.check_place(&summary);
        summary.commits.iter().for_each(|commit| self.check_commit(sequence, commit));
        self.check_marks(&summary);
        self.next_position = self.next_position.max(summary.next_position);
        self.recorded_at_ms = self.recorded_at_ms.max(summary.recorded_at_ms);
        self.before = Some(summary);
    }

    fn check_incarnation(&self, summary: &Summary) -> Result<(), ChainBroken> {
        let Some(lineage) = &self.lineage else { return Ok(()) };
        let sequence = summary.number;
        if summary.incarnation == **lineage.at_block(sequence) {
            Ok(())
        } else if lineage.knows(&summary.incarnation) {
            Err(ChainBroken::Abandoned { sequence })
        } else {
            Err(ChainBroken::OtherIncarnation { sequence })
        }
    }

    fn check_place(&mut self, summary: &Summary) {
        let number = summary.number;
        let kept = self.lineage.as_ref().and_then(|lineage| lineage.changes_after(number));
        if kept.is_some_and(|hash| hash != summary.hash) {
            let contradiction = Contradiction::RestoredElsewhere { number };
            self.findings.add(Finding::Contradicted { name: String::new(), contradiction });
        }
        let zeros = [0; 32];
        let previous = match &self.before {
            Some(before) => Some(before.hash.as_bytes()),
            None if number == 1 => Some(&zeros),
            None => None,
        };
        if previous.is_some_and(|previous| summary.previous_hash != previous) {
            self.findings.add(Finding::Block(ChainBroken::OtherPrevious { number }));
        }
        let (expected, found) = (self.next_position, summary.first_position);
        // Over a hole, positions go on somewhere later.
        if found < expected || (found > expected && (self.before.is_some() || number == 1)) {
            self.findings.add(Finding::Block(ChainBroken::Positions { number, expected, found }));
        }
        if summary.recorded_at_ms < self.recorded_at_ms {
            let by_ms = summary.recorded_at_ms.abs_diff(self.recorded_at_ms);
            self.findings.add(Finding::Block(ChainBroken::RecordedEarlier { number, by_ms }));
        }
    }

    fn check_commit(&mut self, block: u64, commit: &CommitSummary) {
        if !self.commands.insert(short(&[&commit.emitter, &commit.command_id])) {
            let (command_id, emitter) = (commit.command_id.clone(), commit.emitter.clone());
            self.findings.add(Finding::RepeatedCommand { block, command_id, emitter });
        }
        for (stream, found, count) in &commit.streams {
            let next = self.revisions.entry(short(&[stream])).or_insert(1);
            let (expected, found) = (*next, *found);
            // What jumps forward over a hole is explained by the hole.
            if found < expected || (found > expected && !self.holes) {
                self.findings.add(Finding::Revision { block, stream: stream.clone(), expected, found });
            }
            *next = found.saturating_add(u64::from(*count)).max(expected);
        }
    }

    fn check_marks(&mut self, summary: &Summary) {
        let findings = &mut self.findings;
        self.marks.retain(|named| {
            if named.mark.block != summary.number {
                return true;
            }
            if named.mark.hash != summary.hash {
                let contradiction = Contradiction::OtherBlock { number: summary.number };
                findings.add(Finding::Contradicted { name: named.name.clone(), contradiction });
            }
            false
        });
    }

    /// What it all came to, of a log whose last message is `last`.
    pub(super) fn finish(mut self, last: u64, elapsed: Duration) -> Verification {
        for NamedMark { name, mark } in std::mem::take(&mut self.marks) {
            if mark.block > last {
                let contradiction = Contradiction::Shorter { last, mark: mark.block };
                self.findings.add(Finding::Contradicted { name, contradiction });
            } else if mark.block > 0 {
                // It is missing or unreadable.
                let contradiction = Contradiction::OtherBlock { number: mark.block };
                self.findings.add(Finding::Contradicted { name, contradiction });
            }
        }
        let kept = self.lineage.as_ref().and_then(Lineage::kept);
        if let Some(kept) = kept.filter(|kept| kept.block > last) {
            let contradiction = Contradiction::RestoredElsewhere { number: kept.block };
            self.findings.add(Finding::Contradicted { name: String::new(), contradiction });
        }
        let end = self.end(last);
        Verification {
            findings_total: self.findings.total,
            findings: self.findings.kept,
            blocks: self.blocks,
            events: self.events,
            streams: self.revisions.len() as u64,
            end,
            elapsed,
        }
    }

    fn end(&self, last: u64) -> Option<Mark> {
        let incarnation = self.lineage.as_ref().map(|lineage| lineage.current().to_string())?;
        let (block, hash, next_position) = match &self.before {
            Some(before) => (before.number, before.hash, before.next_position),
            None if last == 0 => (0, egide_crypto::digest::Digest::from_bytes([0; 32]), 1),
            None => return None,
        };
        let (trust_serial, trust_digest) = (self.trust.serial(), self.trust.digest());
        Some(Mark { incarnation, block, hash, next_position, trust_serial, trust_digest })
    }
}
