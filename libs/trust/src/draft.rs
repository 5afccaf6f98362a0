//! A trust file that is about to be signed.

use egide_crypto::sign::{KeyId, KeyRingError, SigningKey, VerifyingKey};

use crate::day::Day;
use crate::document::{CertifiedKey, Document, Restore, RevocationReason, Use, VERSION};
use crate::lineage::{Lineage, LineageError};
use crate::trust::{ParseTrustError, Trust, sign};

/// Most keys of one use.
const KEYS_MAX: usize = 1_024;
/// Most restores.
const RESTORES_MAX: usize = 1_024;
/// Longest name of an instance, and longest reason, in bytes.
const TEXT_MAX: usize = 1_024;

/// A change that a trust file does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The keys would not hold together.
    #[error(transparent)]
    Keys(#[from] KeyRingError),
    /// The restores would not follow from one another.
    #[error(transparent)]
    Restores(#[from] LineageError),
    /// There is no room.
    #[error("a trust file holds at most `{0}` of these")]
    Full(usize),
    /// A key would end before it begins, or end later than was said before.
    #[error("key `{0}` would end before it begins, or later than was said before")]
    Days(KeyId),
    /// A text is empty or too long.
    #[error("`{0}` is empty, or longer than 1024 bytes")]
    Text(&'static str),
}

/// The next version of a trust file, not yet signed.
#[derive(Debug, Clone)]
pub struct Draft(Document);

impl Draft {
    /// The first version: no keys, no restores.
    #[must_use]
    pub fn first() -> Self {
        let (ledger, report, restores) = (Vec::new(), Vec::new(), Vec::new());
        let (history, notice) = (Vec::new(), Vec::new());
        Self(Document { version: VERSION, serial: 1, issued_at_ms: 0, ledger, report, history, notice, restores })
    }

    pub(crate) const fn of(document: Document) -> Self {
        Self(document)
    }

    /// The serial it will have.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.0.serial
    }

    /// Certifies a key that `instance` holds, from a position on (absent: from the beginning).
    ///
    /// # Errors
    /// [`DraftError`]: it stands there already, or there is no room.
    pub fn add_key(
        &mut self,
        of: Use,
        key: VerifyingKey,
        instance: &str,
        valid_from: Option<u64>,
    ) -> Result<KeyId, DraftError> {
        check_text("instance", instance)?;
        let key_id = key.key_id();
        if Use::ALL.into_iter().any(|of| self.0.keys(of).iter().any(|known| known.key_id == key_id)) {
            return Err(KeyRingError::Repeated(key_id).into());
        }
        let keys = self.0.keys_mut(of);
        if keys.len() >= KEYS_MAX {
            return Err(DraftError::Full(KEYS_MAX));
        }
        let instance = instance.to_owned();
        keys.push(CertifiedKey {
            key_id,
            public_key: key,
            instance,
            valid_from,
            revoked_after: None,
            valid_from_day: None,
            retired_on: None,
            revoked_on: None,
            revoked_because: None,
        });
        Ok(key_id)
    }

    /// Says from which day on a key signs reports or notices.
    ///
    /// # Errors
    /// [`DraftError`]: there is no such key for reports or notices, or it would end before.
    pub fn begin_key(&mut self, key_id: KeyId, day: Day) -> Result<(), DraftError> {
        let key = self.dated_key(key_id)?;
        if key.retired_on.is_some_and(|last| last < day) {
            return Err(DraftError::Days(key_id));
        }
        key.valid_from_day = Some(day);
        Ok(())
    }

    /// Ends a key that another one follows: it signs nothing of a later day, and what it signed counts on. The day only moves
    /// backwards.
    ///
    /// # Errors
    /// [`DraftError`]: there is no such key for reports or notices, it was retired earlier, or it would end before it begins.
    pub fn retire_key(&mut self, key_id: KeyId, day: Day) -> Result<(), DraftError> {
        let key = self.dated_key(key_id)?;
        if key.retired_on.is_some_and(|last| last < day) || key.valid_from_day.is_some_and(|first| day < first) {
            return Err(DraftError::Days(key_id));
        }
        key.retired_on = Some(day);
        Ok(())
    }

    /// Revokes a key for reports or notices: nothing it ever signed counts any more, whatever day stands in it. Never taken back.
    ///
    /// # Errors
    /// [`DraftError`]: there is no such key for reports or notices, or it was revoked on an earlier day.
    pub fn revoke_dated_key(&mut self, key_id: KeyId, day: Day, reason: RevocationReason) -> Result<(), DraftError> {
        let key = self.dated_key(key_id)?;
        if key.revoked_on.is_some_and(|earlier| earlier < day) {
            return Err(DraftError::Days(key_id));
        }
        key.revoked_on = Some(day);
        key.revoked_because = Some(reason);
        // Whoever looks at places in the log only is told as well.
        key.revoked_after = Some(key.valid_from.unwrap_or(0));
        Ok(())
    }

    /// The keys of one use that still sign.
    pub fn signing(&self, of: Use) -> impl Iterator<Item = KeyId> {
        let signs = |key: &&CertifiedKey| key.retired_on.is_none() && key.revoked_on.is_none();
        self.0.keys(of).iter().filter(signs).filter(|key| key.revoked_after.is_none()).map(|key| key.key_id)
    }

    /// What a key is for; `None` of one that is not in the file.
    #[must_use]
    pub fn use_of(&self, key_id: KeyId) -> Option<Use> {
        Use::ALL.into_iter().find(|of| self.0.keys(*of).iter().any(|key| key.key_id == key_id))
    }

    /// A key whose signatures are checked by day, without a log: for reports or for notices.
    fn dated_key(&mut self, key_id: KeyId) -> Result<&mut CertifiedKey, DraftError> {
        let key = self.0.report.iter_mut().chain(&mut self.0.notice).find(|key| key.key_id == key_id);
        key.ok_or_else(|| KeyRingError::Unknown(key_id).into())
    }

    /// Ends a key: what it signs after `position` does not count. A revocation is never taken back, and only moves
    /// backwards.
    ///
    /// # Errors
    /// [`DraftError::Keys`].
    pub fn revoke_key(&mut self, key_id: KeyId, position: u64) -> Result<(), DraftError> {
        let keys = self.0.ledger.iter_mut().chain(&mut self.0.report).chain(&mut self.0.history);
        let keys = keys.chain(&mut self.0.notice);
        let key = keys.into_iter().find(|key| key.key_id == key_id).ok_or(KeyRingError::Unknown(key_id))?;
        if let Some(revoked_after) = key.revoked_after.filter(|earlier| *earlier < position) {
            return Err(KeyRingError::RevokedEarlier { key_id, revoked_after }.into());
        }
        if let Some(valid_from) = key.valid_from.filter(|first| position < *first) {
            return Err(KeyRingError::EndsBeforeItBegins { key_id, valid_from, revoked_after: position }.into());
        }
        key.revoked_after = Some(position);
        Ok(())
    }

    /// Records that the log was restored.
    ///
    /// # Errors
    /// [`DraftError::Restores`] when it does not follow from the restores before.
    pub fn add_restore(&mut self, restore: Restore) -> Result<(), DraftError> {
        check_text("reason", &restore.reason)?;
        if self.0.restores.len() >= RESTORES_MAX {
            return Err(DraftError::Full(RESTORES_MAX));
        }
        let mut restores = self.0.restores.clone();
        restores.push(restore);
        Lineage::of(&restores)?;
        self.0.restores = restores;
        Ok(())
    }

    /// Signs it with the root's private key, `now_ms` in milliseconds since 1970: the trust, and the bytes of the file.
    ///
    /// # Errors
    /// [`ParseTrustError`] when nobody could read it afterwards.
    pub fn sign(mut self, root: &SigningKey, now_ms: i64) -> Result<(Trust, Vec<u8>), ParseTrustError> {
        self.0.issued_at_ms = now_ms;
        sign(self.0, root)
    }
}

const fn check_text(name: &'static str, text: &str) -> Result<(), DraftError> {
    if text.is_empty() || text.len() > TEXT_MAX { Err(DraftError::Text(name)) } else { Ok(()) }
}
