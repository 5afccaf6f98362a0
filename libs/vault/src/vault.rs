//! The vault itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egide_crypto::random::RandomUnavailable;
use egide_crypto::seal::{DataKey, SealError};
use egide_crypto::wrap::{Epoch, ParseWrappedKeyError, UnwrapError, WrappedKey};
use egide_domain::ids::CaseId;
use egide_domain::time::Timestamp;
use egide_eventlog::{BucketError, Creation, KeyBucket, Update};
use tokio::time::Instant;

use crate::cache::Cache;
use crate::epochs::KeyEncryptionKeys;
use crate::name::KeyName;
use crate::register::{Register, RegisterError, Retired};

/// Unwrapped keys held at most; 32 bytes each and what a map needs.
const CACHED_KEYS_MAX: usize = 16_384;
/// The entry in which the register of epochs stands. No data key has this name.
const REGISTER: &str = "ledger.epochs";
/// How often a change of the register is tried while others change it too.
const ATTEMPTS: u32 = 8;

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
    /// The register of epochs does not allow it.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// An epoch is to be retired whose key is still given here.
    #[error(
        "the key of epoch `{0}` is still given here; take it out of the configuration, restart, and retire it then"
    )]
    StillGiven(Epoch),
    /// An epoch is to be retired under which entries stand.
    #[error("`{entries}` data keys are still wrapped under epoch `{epoch}`; rotate first")]
    StillUsed {
        /// The epoch.
        epoch: Epoch,
        /// How many.
        entries: u64,
    },
    /// Work was given up because the process stops.
    #[error("the work was interrupted; start it again")]
    Interrupted,
}

/// Data keys by name.
pub struct Vault {
    bucket: KeyBucket,
    keys: KeyEncryptionKeys,
    cache: Mutex<Cache>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("epoch", self.keys.current()).finish_non_exhaustive()
    }
}

impl Vault {
    /// A vault over the keys' bucket; every entry must unwrap under one of `keys`.
    #[must_use]
    pub fn new(bucket: KeyBucket, keys: impl Into<KeyEncryptionKeys>) -> Self {
        Self { bucket, keys: keys.into(), cache: Mutex::new(Cache::new(CACHED_KEYS_MAX)) }
    }

    pub(crate) const fn bucket(&self) -> &KeyBucket {
        &self.bucket
    }

    /// The key-encryption keys given.
    #[must_use]
    pub const fn keys(&self) -> &KeyEncryptionKeys {
        &self.keys
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
        let wrapped = self.keys.wrap(&key, &id)?;
        let forgotten = self.lock().forgotten();
        match self.bucket.create_if_absent(&id, wrapped.to_bytes().into()).await? {
            Creation::Created => Ok(self.keep(name, key, forgotten)),
            Creation::Existing(bytes) => self.unwrap(name, &bytes, forgotten),
            Creation::Erased => Err(Error::Destroyed { name }),
        }
    }

    /// The key of `name`; `None` when there never was one, or when it was destroyed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn existing(&self, name: KeyName) -> Result<Option<Arc<DataKey>>, Error> {
        let forgotten = {
            let mut cache = self.lock();
            if let Some(key) = cache.get(&name, Instant::now()) {
                return Ok(Some(key));
            }
            cache.forgotten()
        };
        match self.bucket.get(&name.to_string()).await? {
            Some(bytes) => self.unwrap(name, &bytes, forgotten).map(Some),
            None => Ok(None),
        }
    }

    /// Drops the unwrapped key of `name`, and whatever is being unwrapped just now.
    pub fn forget(&self, name: KeyName) {
        self.lock().forget(&name);
    }

    /// Destroys the key of `name`, for ever: what it sealed can no longer be opened once every instance has dropped its copy,
    /// here at once and elsewhere when they forget it, or within half a minute. Whether there was an entry until now.
    ///
    /// # Errors
    /// [`Error::Bucket`]: the key may still be there.
    pub async fn destroy(&self, name: KeyName) -> Result<bool, Error> {
        let deleted = self.bucket.delete(&name.to_string()).await;
        self.forget(name);
        Ok(deleted?)
    }

    /// Destroys every key of a case that stands in the bucket, those too that nothing was ever sealed under. How many.
    ///
    /// # Errors
    /// [`Error::Bucket`]: keys may still be there.
    pub async fn destroy_case(&self, case: CaseId) -> Result<u64, Error> {
        let mut destroyed = 0_u64;
        for pattern in [format!("subject.{case}.*"), format!("narrative.{case}.*"), format!("case.{case}")] {
            let mut at = 1;
            while let Some(entry) = self.bucket.next(&pattern, at).await? {
                at = entry.sequence.saturating_add(1);
                if entry.bytes.is_some()
                    && let Ok(name) = entry.key.parse()
                {
                    destroyed = destroyed.saturating_add(u64::from(self.destroy(name).await?));
                }
            }
        }
        Ok(destroyed)
    }

    /// Notes in the register that the current epoch is in use, from now at the latest; `development`: its key lies on the
    /// store's own disk.
    ///
    /// # Errors
    /// [`RegisterError::Retired`]: its key was said to be destroyed; and see [`Error`].
    pub async fn register_current(&self, now: Timestamp, development: bool) -> Result<(), Error> {
        self.change_register(|register| Ok(register.uses(self.keys.current(), now, development)?)).await
    }

    /// The register of epochs.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn register(&self) -> Result<Register, Error> {
        match self.bucket.get(REGISTER).await? {
            Some(bytes) => Ok(Register::parse(&bytes)?),
            None => Ok(Register::default()),
        }
    }

    /// Notes that the key of an epoch was destroyed. That nothing is wrapped under it any more is made sure of first.
    ///
    /// # Errors
    /// [`Error::StillGiven`], [`Error::StillUsed`], [`RegisterError::Unknown`]; and see [`Error`].
    pub async fn retire(self: &Arc<Self>, epoch: &Epoch, retired: Retired) -> Result<(), Error> {
        if self.keys.epochs().any(|given| given == epoch) {
            return Err(Error::StillGiven(epoch.clone()));
        }
        if let Some(entries) = self.count().await?.get(epoch) {
            return Err(Error::StillUsed { epoch: epoch.clone(), entries: *entries });
        }
        self.change_register(|register| {
            register.retires(epoch, retired)?;
            Ok(true)
        })
        .await
    }

    /// Changes the register where it stands, or again where somebody else was faster.
    async fn change_register(&self, change: impl Fn(&mut Register) -> Result<bool, Error>) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let entry = self.bucket.entry_of(REGISTER).await?;
            let standing = entry.and_then(|entry| Some((entry.sequence, entry.bytes?)));
            let mut register = match &standing {
                Some((_, bytes)) => Register::parse(bytes)?,
                None => Register::default(),
            };
            if !change(&mut register)? {
                return Ok(());
            }
            let text = register.to_text();
            let written = match standing {
                Some((sequence, _)) => self.bucket.update(REGISTER, text.into(), sequence).await? == Update::Updated,
                None => self.bucket.create_if_absent(REGISTER, text.into()).await? == Creation::Created,
            };
            if written {
                return Ok(());
            }
        }
        Err(Error::Bucket(BucketError::Unavailable))
    }

    fn unwrap(&self, name: KeyName, bytes: &[u8], forgotten: u64) -> Result<Arc<DataKey>, Error> {
        let wrapped = WrappedKey::from_bytes(bytes).map_err(|source| Error::Entry { name, source })?;
        let key = self.keys.unwrap(&wrapped, &name.to_string());
        key.map(|key| self.keep(name, key, forgotten)).map_err(|source| Error::Unwrap { name, source })
    }

    /// Keeps a key that was asked for when `forgotten` keys had been forgotten.
    fn keep(&self, name: KeyName, key: DataKey, forgotten: u64) -> Arc<DataKey> {
        let key = Arc::new(key);
        self.lock().insert(name, Arc::clone(&key), Instant::now(), forgotten);
        key
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        // Every change of the cache is complete before the lock is given back, whatever happened to its holder.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
