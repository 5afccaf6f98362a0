//! Finding a `nats-server` that is recent enough.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::Error;

/// Oldest server we build on: below it, durable flushing and optimistic concurrency are not what the log needs.
pub const MINIMUM_VERSION: ServerVersion = ServerVersion { major: 2, minor: 15, patch: 0 };

/// Where `ops/lib/tools.sh` puts the pinned server, below the root of a checkout.
pub(super) const IN_CHECKOUT: &str = ".tools/nats-server-2.15.1/nats-server";

/// Version of a `nats-server`; what follows a hyphen is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion {
    /// Major version.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
    /// Patch version.
    pub patch: u32,
}

impl ServerVersion {
    /// Reads `2.15.1`, `v2.15.1` or `2.15.1-preview.2`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let numbers = text.strip_prefix('v').unwrap_or(text).split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(|part| part.parse::<u32>().ok());
        let version = Self { major: parts.next()??, minor: parts.next()??, patch: parts.next()?? };
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Finds the server to run: `EGIDE_NATS_SERVER`; else the first recent enough `nats-server` on `PATH`; else, in a
/// debug build, the pinned one in the checkout this was built from.
///
/// # Errors
/// What `EGIDE_NATS_SERVER` names is taken or refused, never passed over. [`Error::NotFound`] if nothing fits.
pub fn locate_nats_server() -> Result<PathBuf, Error> {
    locate(env::var_os("EGIDE_NATS_SERVER").map(PathBuf::from), env::var_os("PATH"), checkout())
}

/// Root of the checkout this was compiled in. Only debug builds look there: an installed program must not run what
/// stands under a path of the machine it was built on.
fn checkout() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    cfg!(debug_assertions).then(|| root.to_owned())
}

pub(super) fn locate(
    named: Option<PathBuf>,
    path: Option<std::ffi::OsString>,
    checkout: Option<PathBuf>,
) -> Result<PathBuf, Error> {
    if let Some(binary) = named {
        let found = version_of(&binary)?;
        return if found >= MINIMUM_VERSION { Ok(binary) } else { Err(Error::TooOld { binary, found }) };
    }
    let on_path = path.iter().flat_map(env::split_paths).filter(|d| d.is_absolute()).map(|d| d.join("nats-server"));
    on_path
        .chain(checkout.map(|root| root.join(IN_CHECKOUT)))
        .filter(|candidate| candidate.is_file())
        .find(|candidate| version_of(candidate).is_ok_and(|version| version >= MINIMUM_VERSION))
        .ok_or(Error::NotFound)
}

/// Asks a program for its version (`nats-server: v2.15.1`).
fn version_of(binary: &Path) -> Result<ServerVersion, Error> {
    let not_runnable = |reason: String| Error::NotRunnable { binary: binary.to_owned(), reason };
    let output = Command::new(binary)
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .map_err(|source| not_runnable(source.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim()
        .strip_prefix("nats-server:")
        .and_then(ServerVersion::parse)
        .ok_or_else(|| not_runnable("it does not answer `--version` as nats-server does".to_owned()))
}
