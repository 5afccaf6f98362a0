//! One provider: its keys as they are now.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use egide_crypto::digest::{Digest, sha256};
use egide_crypto::token::jwks::{JWKS_BYTES_MAX, JwksError, PublicKeys};
use egide_crypto::token::provider::{Expected, verify};

use super::NotBelieved;
use super::fetch::{Address, FetchError};
use super::mapping::Mapping;
use crate::clock;
use crate::identity::Person;

/// Least time between two looks at a file of keys.
const FILE_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Least time between two fetches because a token named a key that is not known.
pub(super) const UNKNOWN_KEY_FETCH_EVERY: Duration = Duration::from_secs(60);

/// The keys of a provider cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The file cannot be read.
    #[error("`{}`: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It is no set of keys that can be used.
    #[error(transparent)]
    Keys(#[from] JwksError),
    /// They could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// Where keys come from.
#[derive(Debug)]
pub(super) enum Source {
    Fixed(Arc<PublicKeys>),
    File(PathBuf),
    Url(Box<Address>),
}

#[derive(Debug)]
pub(super) struct Provider {
    expected: Expected,
    mapping: Mapping,
    source: Source,
    /// How long keys count after they were last seen published, in seconds.
    kept_s: i64,
    refresh: Duration,
    state: Mutex<State>,
    // One fetch at a time.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    keys: Option<Arc<PublicKeys>>,
    digest: Option<Digest>,
    /// Counts the changes.
    generation: u64,
    /// When the keys were last seen published, in seconds since 1970-01-01 UTC.
    seen_at_s: i64,
    looked_at: Option<Instant>,
    reported: Option<String>,
}

impl Provider {
    pub(super) fn open(
        expected: Expected,
        mapping: Mapping,
        source: Source,
        kept_s: i64,
        refresh: Duration,
    ) -> Result<Self, PeopleError> {
        let state = Mutex::default();
        let provider =
            Self { expected, mapping, source, kept_s, refresh, state, fetching: tokio::sync::Mutex::new(()) };
        if let Source::File(path) = &provider.source {
            // At the start a file that cannot be used is a mistake; later it is one that somebody is about to mend.
            provider.take(&mut provider.lock(), read(path)?)?;
        }
        Ok(provider)
    }

    pub(super) fn issuer(&self) -> &str {
        &self.expected.issuer
    }

    pub(super) const fn refresh_every(&self) -> Duration {
        self.refresh
    }

    /// The person of a token, when it expires, and the generation of keys that proved it.
    pub(super) fn person(&self, token: &str, now_s: i64) -> Result<(Person, i64, u64), NotBelieved> {
        let (keys, generation) = self.keys(now_s).ok_or(NotBelieved::Away)?;
        let believed = verify(token, &keys, &self.expected, now_s)?;
        let person = self.mapping.person(&believed.claims).ok_or(NotBelieved::Unfit)?;
        Ok((person, believed.expires_at, generation))
    }

    /// Which keys count now; `None` when none do.
    pub(super) fn generation(&self, now_s: i64) -> Option<u64> {
        self.keys(now_s).map(|(_, generation)| generation)
    }

    fn keys(&self, now_s: i64) -> Option<(Arc<PublicKeys>, u64)> {
        let mut state = self.lock();
        match &self.source {
            Source::Fixed(keys) => return Some((Arc::clone(keys), 0)),
            Source::File(path) => {
                if state.looked_at.is_none_or(|looked| looked.elapsed() >= FILE_LOOK_EVERY) {
                    let read = read(path);
                    self.taken(&mut state, read);
                }
            }
            Source::Url(_) => {}
        }
        let counts = now_s.saturating_sub(state.seen_at_s) <= self.kept_s;
        state.keys.as_ref().filter(|_| counts).map(|keys| (Arc::clone(keys), state.generation))
    }

    /// Fetches the keys, if they are fetched.
    pub(super) async fn fetch(&self) {
        let Source::Url(address) = &self.source else { return };
        let _one = self.fetching.lock().await;
        self.fetch_from(address).await;
    }

    async fn fetch_from(&self, address: &Address) {
        let fetched = address.fetch().await.map_err(PeopleError::from);
        self.taken(&mut self.lock(), fetched);
    }

    /// The same because a token named a key that is not known: at most once a minute, and whoever comes while somebody is
    /// fetching waits for that. Tells whether there are other keys than before.
    pub(super) async fn look_again(&self) -> bool {
        let Source::Url(address) = &self.source else { return false };
        let before = self.lock().generation;
        let _one = self.fetching.lock().await;
        let (now, looked_at) = {
            let state = self.lock();
            (state.generation, state.looked_at)
        };
        if now == before && looked_at.is_none_or(|looked| looked.elapsed() >= UNKNOWN_KEY_FETCH_EVERY) {
            self.fetch_from(address).await;
        }
        self.lock().generation != before
    }

    /// As if a minute had gone by.
    #[cfg(test)]
    pub(super) fn forget_when_it_looked(&self) {
        self.lock().looked_at = None;
    }

    /// Keeps what was read or fetched; what cannot be used is reported, and what was there before goes on for its time.
    fn taken(&self, state: &mut State, bytes: Result<Vec<u8>, PeopleError>) {
        state.looked_at = Some(Instant::now());
        let taken = bytes.and_then(|bytes| self.take(state, bytes));
        let wrong = taken.err().map(|error| error.to_string());
        if wrong != state.reported {
            match &wrong {
                Some(error) => tracing::error!(
                    issuer = self.issuer(),
                    error,
                    kept_s = self.kept_s,
                    "the keys of a provider of identity cannot be had: those known go on for a while, then nobody it vouches for is believed"
                ),
                None => tracing::info!(issuer = self.issuer(), "the keys of a provider of identity are there again"),
            }
        }
        state.reported = wrong;
    }

    fn take(&self, state: &mut State, bytes: Vec<u8>) -> Result<(), PeopleError> {
        let digest = sha256(&bytes);
        if state.digest != Some(digest) {
            let keys = PublicKeys::parse(&bytes)?;
            state.generation = state.generation.saturating_add(1);
            let (usable, ignored) = (keys.len(), keys.ignored());
            tracing::info!(issuer = self.issuer(), usable, ignored, "keys of a provider of identity");
            state.keys = Some(Arc::new(keys));
            state.digest = Some(digest);
        }
        state.seen_at_s = clock::now_s();
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PeopleError> {
    let failed = |error: std::io::Error| PeopleError::File { path: path.to_owned(), reason: error.to_string() };
    let mut bytes = Vec::new();
    let most = u64::try_from(JWKS_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    fs::File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
