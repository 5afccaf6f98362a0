//! The seed of an nkey: who we are at NATS, proved by signing what the server asks to have signed.

use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_nats::Auth;
use nkeys::KeyPair;
use zeroize::Zeroizing;

/// Largest file that is read as a seed, in bytes; a seed has 58.
const SEED_BYTES_MAX: u64 = 1_024;

/// A seed cannot be used. Nothing of it is repeated.
#[derive(Debug, thiserror::Error)]
pub enum NkeyError {
    /// The file cannot be read.
    #[error("`{}`: {source}; it holds the seed of our NATS user, made by `egide provision keys`", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner can read it.
    #[error("`{}` can be read by others than its owner (mode {mode:03o}); run `chmod 600` on it, and renew the seed", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds no seed of a user.
    #[error("`{}` holds no seed of a NATS user; it begins with `SU`", .path.display())]
    NoSeed {
        /// The file.
        path: PathBuf,
    },
}

/// A seed and the file it came from.
pub(crate) struct Nkey {
    path: PathBuf,
    /// The last one that could be used: a file that is being replaced does not cost us the connection.
    last: Mutex<Zeroizing<String>>,
}

impl Nkey {
    /// Reads the seed in a file that nobody else may read.
    pub(crate) fn read(path: &Path) -> Result<Self, NkeyError> {
        let seed = read(path)?;
        key_pair(path, &seed)?;
        Ok(Self { path: path.to_owned(), last: Mutex::new(seed) })
    }

    /// What shows the server who we are: our public key, and its nonce signed.
    pub(crate) fn sign(&self, nonce: &[u8]) -> Result<Auth, NkeyError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match read(&self.path).and_then(|seed| key_pair(&self.path, &seed).map(|_| seed)) {
            Ok(seed) => *last = seed,
            Err(error) => tracing::warn!(%error, "the seed cannot be read again; the one before is used"),
        }
        let pair = key_pair(&self.path, &last)?;
        let signature = pair.sign(nonce).map_err(|_| NkeyError::NoSeed { path: self.path.clone() })?;
        let mut auth = Auth::new();
        auth.nkey = Some(pair.public_key());
        auth.signature = Some(signature);
        Ok(auth)
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, NkeyError> {
    let at = |source| NkeyError::Io { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(at)?;
    let mode = file.metadata().map_err(at)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(NkeyError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(SEED_BYTES_MAX).read_to_string(&mut text).map_err(at)?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

fn key_pair(path: &Path, seed: &str) -> Result<KeyPair, NkeyError> {
    let pair = KeyPair::from_seed(seed).ok().filter(|pair| pair.key_pair_type() == nkeys::KeyPairType::User);
    pair.ok_or_else(|| NkeyError::NoSeed { path: path.to_owned() })
}
