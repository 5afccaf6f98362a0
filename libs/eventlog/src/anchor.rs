//! What a log is held against besides itself: what the offline root certified, and what this instance saw of it before.

use egide_crypto::sign::KeyRing;
use egide_trust::{CurrentTrust, Kept, Older, Trust};

use crate::follow::hash_of;
use crate::log::{EventLog, LogError};
use crate::mark::{Keeper, Mark, MarkFile};

/// What a log is held against when it is opened, and for as long as it is followed.
#[derive(Debug)]
pub struct Anchor {
    pub(crate) trust: CurrentTrust,
    pub(crate) mark: Option<MarkFile>,
}

impl Anchor {
    /// With the mark of this instance, which is checked first and kept from then on.
    #[must_use]
    pub fn with_mark(mut self, mark: MarkFile) -> Self {
        self.mark = Some(mark);
        self
    }

    /// Whose signatures count, now.
    #[must_use]
    pub const fn trust(&self) -> &CurrentTrust {
        &self.trust
    }
}

impl From<CurrentTrust> for Anchor {
    /// Without a mark: only for tools and tests, which remember nothing.
    fn from(trust: CurrentTrust) -> Self {
        Self { trust, mark: None }
    }
}

impl From<Trust> for Anchor {
    fn from(trust: Trust) -> Self {
        CurrentTrust::from(trust).into()
    }
}

impl From<KeyRing> for Anchor {
    fn from(ring: KeyRing) -> Self {
        CurrentTrust::from(ring).into()
    }
}

/// The log is not the one that the trust file or this instance knows. Nothing is served and nothing written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The log is shorter than it was.
    #[error(
        "the log ends at block `{last}`, and this instance saw block `{mark}`: blocks are lost; find them, or, if the log was \
         restored from a backup, record that with `egide log restore`"
    )]
    Shorter {
        /// Number of the last block.
        last: u64,
        /// Number of the last block that this instance saw.
        mark: u64,
    },
    /// Another block stands where this instance saw one.
    #[error(
        "block `{number}` is not the one this instance saw: the log was rewritten; run `egide log verify` and compare with a \
         backup"
    )]
    OtherBlock {
        /// Its number.
        number: u64,
    },
    /// The stream was replaced by one that no restore explains.
    #[error(
        "the log is of incarnation `{found}`, this instance saw `{mark}`, and the trust file records no restore between them: \
         get the newest trust file, or find out who made another log"
    )]
    OtherIncarnation {
        /// The incarnation that the stream names.
        found: String,
        /// The one that this instance saw.
        mark: String,
    },
    /// The stream is not of the incarnation into which the log was restored last.
    #[error(
        "the stream is of incarnation `{found}`, and the trust file records a restore into `{expected}`: finish the restore \
         with `egide log restore`, or put the restored store back in place"
    )]
    NotRestored {
        /// The incarnation that the stream names.
        found: String,
        /// The one that the trust file names.
        expected: String,
    },
    /// The log does not contain the block at which it was restored.
    #[error(
        "the log does not hold block `{number}` as the trust file's restore names it: this is another store than was restored"
    )]
    RestoredElsewhere {
        /// The last block that the restore kept.
        number: u64,
    },
    /// The trust file is older than what this instance saw.
    #[error(transparent)]
    Trust(#[from] Older),
    /// The mark cannot be written any more.
    #[error("the mark of this instance cannot be written: {0}")]
    MarkNotKept(String),
}

/// Holds an opened log, whose last block is `last`, against the restores and the mark; what keeps the mark from now on.
pub(crate) async fn check(log: &EventLog, last: u64, mark: Option<MarkFile>) -> Result<Option<Keeper>, LogError> {
    let trust = log.trust().get();
    let lineage = log.lineage();
    if let Some(Kept { block, hash, .. }) = lineage.kept() {
        let found = log.read(block).await?;
        if found.as_ref().and_then(hash_of) != Some(hash) {
            return Err(Contradiction::RestoredElsewhere { number: block }.into());
        }
    }
    let Some(file) = mark else { return Ok(None) };
    let begin = || Mark::of_head(&log.genesis(), log.incarnation(), &trust);
    let Some(mark) = file.mark() else { return Ok(Some(Keeper::start(file.path(), begin(), log.trust())?)) };
    trust.check_not_older(mark.trust_serial, &mark.trust_digest).map_err(Contradiction::from)?;
    let other =
        || Contradiction::OtherIncarnation { found: log.incarnation().to_owned(), mark: mark.incarnation.clone() };
    let shared = lineage.shared_with(&mark.incarnation).ok_or_else(other)?;
    let seen = match lineage.kept() {
        // What this instance saw beyond the kept block is what the restore lost.
        Some(Kept { block, hash, next_position }) if mark.block > shared => {
            tracing::warn!(mark = mark.block, kept = shared, "blocks that this instance saw were lost in a restore");
            Mark { block, hash, next_position, ..mark.clone() }
        }
        // Everything was lost, down to the first block.
        None if mark.block > shared => begin(),
        Some(_) | None => mark.clone(),
    };
    if last < seen.block {
        return Err(Contradiction::Shorter { last, mark: seen.block }.into());
    }
    if seen.block > 0 {
        let found = log.read(seen.block).await?;
        if found.as_ref().and_then(hash_of) != Some(seen.hash) {
            return Err(Contradiction::OtherBlock { number: seen.block }.into());
        }
    }
    let incarnation = log.incarnation().to_owned();
    let seen = Mark { incarnation, trust_serial: trust.serial(), trust_digest: trust.digest(), ..seen };
    Ok(Some(Keeper::start(file.path(), seen, log.trust())?))
}
