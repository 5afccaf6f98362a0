//! The vault itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egide_crypto::random::RandomUnavailable;
use egide_crypto::seal::{DataKey, SealError};
use egide_crypto::wrap::{KeyEncryptionKey, ParseWrappedKeyError, UnwrapError, WrappedKey};
use egide_eventlog::{BucketError, Creation, KeyBucket};
use tokio::time::Instant;

use crate::cache::Cache;
use crate::name::KeyName;

/// Unwrapped keys held at most; 32 bytes each and what a map needs.
const CACHED_KEYS_MAX: usize = 16_384;

/// Data keys could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bucket did not answer, or refused. Nothing is known about the key; ask again.
    #[error("the keys' bucket could not be used: {0}")]
    Bucket(#[from] BucketError),
    /// The entry is no entry of ours.
    #[error("entry `{name}` of the keys' bucket cannot be read: {source}")]
    Entry {
        /// Which entry.
        name: KeyName,
        /// What is wrong with it.
        source: ParseWrappedKeyError,
    },
    /// The entry does not unwrap under the key-encryption key given.
    #[error("entry `{name}` of the keys' bucket does not unwrap: {source}")]
    Unwrap {
        /// Which entry.
        name: KeyName,
        /// Why.
        source: UnwrapError,
    },
    /// The key was destroyed. Nothing is sealed under its name any more.
    #[error("data key `{name}` was destroyed; nothing can be sealed under it any more")]
    Destroyed {
        /// Which.
        name: KeyName,
    },
    /// No new key could be drawn.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    /// A new key could not be wrapped.
    #[error("a new data key could not be wrapped: {0}")]
    Wrap(#[from] SealError),
}

/// Data keys by name.
pub struct Vault {
    bucket: KeyBucket,
    key_encryption_key: KeyEncryptionKey,
    cache: Mutex<Cache>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("epoch", self.key_encryption_key.epoch()).finish_non_exhaustive()
    }
}

impl Vault {
    /// A vault over the keys' bucket; every entry must unwrap under `key_encryption_key`.
    #[must_use]
    pub fn new(bucket: KeyBucket, key_encryption_key: KeyEncryptionKey) -> Self {
        Self { bucket, key_encryption_key, cache: Mutex::new(Cache::new(CACHED_KEYS_MAX)) }
    }

    /// The key of `name`, created if there is none: when this answers, it is durable in the bucket, so a block that uses it
    /// may be published. Of several who create it at once, the losers get the winner's.
    ///
    /// # Errors
    /// See [`Error`]; after an error the key may or may not have been created, which does no harm.
    pub async fn key_for(&self, name: KeyName) -> Result<Arc<DataKey>, Error> {
        if let Some(key) = self.existing(name).await? {
            return Ok(key);
        }
        let key = DataKey::generate()?;
        let id = name.to_string();
        let wrapped = self.key_encryption_key.wrap(&key, &id)?;
        match self.bucket.create_if_absent(&id, wrapped.to_bytes().into()).await? {
            Creation::Created => Ok(self.keep(name, key)),
            Creation::Existing(bytes) => self.unwrap(name, &bytes),
            Creation::Erased => Err(Error::Destroyed { name }),
        }
    }

    /// The key of `name`; `None` when there never was one, or when it was destroyed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn existing(&self, name: KeyName) -> Result<Option<Arc<DataKey>>, Error> {
        if let Some(key) = self.lock().get(&name, Instant::now()) {
            return Ok(Some(key));
        }
        match self.bucket.get(&name.to_string()).await? {
            Some(bytes) => self.unwrap(name, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Destroys the key of `name`, for ever: what it sealed can no longer be opened once every instance has dropped its copy,
    /// here at once and elsewhere within half a minute. That there is no such key is no error.
    ///
    /// # Errors
    /// [`Error::Bucket`]: the key may still be there.
    pub async fn destroy(&self, name: KeyName) -> Result<(), Error> {
        let deleted = self.bucket.delete(&name.to_string()).await;
        self.lock().remove(&name);
        deleted?;
        Ok(())
    }

    fn unwrap(&self, name: KeyName, bytes: &[u8]) -> Result<Arc<DataKey>, Error> {
        let wrapped = WrappedKey::from_bytes(bytes).map_err(|source| Error::Entry { name, source })?;
        let key = self.key_encryption_key.unwrap(&wrapped, &name.to_string());
        key.map(|key| self.keep(name, key)).map_err(|source| Error::Unwrap { name, source })
    }

    fn keep(&self, name: KeyName, key: DataKey) -> Arc<DataKey> {
        let key = Arc::new(key);
        self.lock().insert(name, Arc::clone(&key), Instant::now());
        key
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        // Every change of the cache is complete before the lock is given back, whatever happened to its holder.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
