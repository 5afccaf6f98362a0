//! Key-encryption keys by epoch: new keys are wrapped under the current one, what stands is unwrapped under any.

use egide_crypto::seal::{DataKey, SealError};
use egide_crypto::wrap::{Epoch, KeyEncryptionKey, UnwrapError, WrappedKey};

/// The current key-encryption key, and those of earlier epochs for as long as anything is wrapped under them.
#[derive(Debug)]
pub struct KeyEncryptionKeys {
    current: KeyEncryptionKey,
    // INVARIANT: epochs differ, and none is the current one.
    previous: Vec<KeyEncryptionKey>,
}

/// Two keys have the same epoch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two key-encryption keys are given for epoch `{0}`; every epoch has one")]
pub struct RepeatedEpoch(pub Epoch);

impl KeyEncryptionKeys {
    /// These keys.
    ///
    /// # Errors
    /// [`RepeatedEpoch`].
    pub fn new(current: KeyEncryptionKey, previous: Vec<KeyEncryptionKey>) -> Result<Self, RepeatedEpoch> {
        let mut keys = Self::from(current);
        for key in previous {
            if keys.get(key.epoch()).is_some() {
                return Err(RepeatedEpoch(key.epoch().clone()));
            }
            keys.previous.push(key);
        }
        Ok(keys)
    }

    /// The epoch under which new keys are wrapped.
    #[must_use]
    pub fn current(&self) -> &Epoch {
        self.current.epoch()
    }

    /// Every epoch whose key is here, the current one first.
    pub fn epochs(&self) -> impl Iterator<Item = &Epoch> {
        std::iter::once(&self.current).chain(&self.previous).map(KeyEncryptionKey::epoch)
    }

    pub(crate) fn wrap(&self, key: &DataKey, id: &str) -> Result<WrappedKey, SealError> {
        self.current.wrap(key, id)
    }

    pub(crate) fn unwrap(&self, wrapped: &WrappedKey, id: &str) -> Result<DataKey, UnwrapError> {
        // Where there is none, the current one says so.
        self.get(wrapped.epoch()).unwrap_or(&self.current).unwrap(wrapped, id)
    }

    fn get(&self, epoch: &Epoch) -> Option<&KeyEncryptionKey> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.epoch() == epoch)
    }
}

impl From<KeyEncryptionKey> for KeyEncryptionKeys {
    fn from(current: KeyEncryptionKey) -> Self {
        Self { current, previous: Vec::new() }
    }
}
