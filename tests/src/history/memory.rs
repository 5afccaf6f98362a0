//! What clients were told, and hold to.

use std::collections::BTreeMap;

use egide_wire::proto::egide::case::v1::Outcome;
use egide_wire::proto::egide::ledger::v1::Acknowledgement;

/// A decision, as the client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Which.
    pub decision_id: String,
    /// Its place in the log.
    pub position: u64,
    /// Permit or deny.
    pub outcome: Outcome,
}

/// A report that a client has in hand, once for each command that fetched it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Which referral.
    pub referral_id: String,
    /// SHA-256 of the report.
    pub report_digest: Vec<u8>,
    /// When the client had it, in milliseconds since 1970.
    pub answered_at_ms: i64,
}

/// Everything that clients were told.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    acknowledged: BTreeMap<(String, String), Acknowledgement>,
    decided: Vec<Decided>,
    fetched: Vec<Fetched>,
}

impl Memory {
    /// A command of this emitter was acknowledged.
    ///
    /// # Errors
    /// When it had been acknowledged otherwise before.
    pub fn acknowledge(&mut self, emitter: &str, acknowledgement: Acknowledgement) -> Result<(), String> {
        // Another instance signs with another key; what it says is the same.
        let said = Acknowledgement { key_id: String::new(), signature: Vec::new(), ..acknowledgement };
        let key = (emitter.to_owned(), said.command_id.clone());
        match self.acknowledged.get(&key) {
            Some(before) if *before != said => Err(format!("command {} was acknowledged in two ways", said.command_id)),
            Some(_) => Ok(()),
            None => {
                self.acknowledged.insert(key, said);
                Ok(())
            }
        }
    }

    /// A decision was told.
    pub fn decide(&mut self, decided: Decided) {
        self.decided.push(decided);
    }

    /// A report was fetched.
    pub fn fetch(&mut self, fetched: Fetched) {
        self.fetched.push(fetched);
    }

    /// Every acknowledgement, by emitter and command id.
    pub fn acknowledged(&self) -> impl Iterator<Item = (&(String, String), &Acknowledgement)> {
        self.acknowledged.iter()
    }

    /// Every decision that was told.
    pub fn decided(&self) -> impl Iterator<Item = &Decided> {
        self.decided.iter()
    }

    /// Every report that was fetched.
    pub fn fetched(&self) -> impl Iterator<Item = &Fetched> {
        self.fetched.iter()
    }
}
