//! The members of a trust file, as they stand in it.

use egide_crypto::digest::Digest;
use egide_crypto::sign::{KeyId, Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::day::Day;

/// The form of the document.
pub(crate) const VERSION: u32 = 1;

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// Blocks of the log and acknowledgements.
    Ledger,
    /// Reports.
    Report,
    /// Notices to units that something waits for them.
    Notice,
    /// Checkpoints of the history.
    History,
}

impl Use {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ledger, Self::Report, Self::History, Self::Notice];

    /// Its name in the file and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Report => "report",
            Self::Notice => "notice",
            Self::History => "history",
        }
    }
}

/// A key that the root certifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedKey {
    /// Its name, which follows from the key.
    pub key_id: KeyId,
    /// The key.
    pub public_key: VerifyingKey,
    /// Which instance holds it; for people.
    pub instance: String,
    /// First position of the log at which it counts; absent: from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<u64>,
    /// Last position at which it counts; absent: until further notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_after: Option<u64>,
    /// Of a key for reports or notices, the first day of what it signs: those who check it have no log. Absent: from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from_day: Option<Day>,
    /// The last day of what it signs; absent: until further notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_on: Option<Day>,
    /// The day from which on nothing it ever signed counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_on: Option<Day>,
    /// Why it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_because: Option<RevocationReason>,
}

/// Why a key was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// Somebody else has it, or may have it.
    Compromised,
    /// It was lost, or its holder is no more.
    Lost,
    /// It was certified by mistake.
    Mistake,
    /// Nobody said.
    NotSaid,
}

impl RevocationReason {
    /// Its name in the file and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compromised => "compromised",
            Self::Lost => "lost",
            Self::Mistake => "mistake",
            Self::NotSaid => "not_said",
        }
    }
}

/// What a restore lost, as far as anybody knew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    /// Last block that was seen before the restore and is lost; absent: none is known to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_block: Option<u64>,
    /// Last position of that block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_position: Option<u64>,
}

/// A log was restored from a backup: it ends at a block, and goes on in a new incarnation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// The incarnation that begins (UUID).
    pub incarnation: String,
    /// The incarnation that ends (UUID).
    pub ended: String,
    /// The last block that is kept; 0 when none is.
    pub after_block: u64,
    /// Its hash; zeros when there is none.
    pub block_hash: Digest,
    /// The position that the next event has.
    pub next_position: u64,
    /// What was lost.
    pub lost: Lost,
    /// Why it was restored, in the operator's words; no data about people.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub restored_at_ms: i64,
}

/// What is signed: RFC 8785 of this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) version: u32,
    /// Counts the versions of this file, from 1; only ever grows.
    pub(crate) serial: u64,
    pub(crate) issued_at_ms: i64,
    pub(crate) ledger: Vec<CertifiedKey>,
    pub(crate) report: Vec<CertifiedKey>,
    /// Left out while there is none: so it stands in files of before there were notices, and in those that their readers read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notice: Vec<CertifiedKey>,
    /// Left out of a file without any, so that files of before there was a history log stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) history: Vec<CertifiedKey>,
    pub(crate) restores: Vec<Restore>,
}

impl Document {
    pub(crate) const fn keys(&self, of: Use) -> &Vec<CertifiedKey> {
        match of {
            Use::Ledger => &self.ledger,
            Use::Report => &self.report,
            Use::Notice => &self.notice,
            Use::History => &self.history,
        }
    }

    pub(crate) const fn keys_mut(&mut self, of: Use) -> &mut Vec<CertifiedKey> {
        match of {
            Use::Ledger => &mut self.ledger,
            Use::Report => &mut self.report,
            Use::Notice => &mut self.notice,
            Use::History => &mut self.history,
        }
    }
}

/// The file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File<T> {
    pub(crate) trust: T,
    /// Which root signed.
    pub(crate) root: KeyId,
    /// Ed25519 over RFC 8785 of `trust`, under [`crate::SIGNATURE_CONTEXT`].
    pub(crate) signature: Signature,
}
