//! `endpoints.json` in the data directory: where the services of a running `egide up` listen.

use std::fs;
use std::path::{Path, PathBuf};

use egide_servicekit::file::{self, PUBLIC};
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::failure::Failure;

const FILE: &str = "endpoints.json";
/// The published keys, beside it.
const KEYS_FILE: &str = "verification-keys.json";

/// The services that clients call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Events and cases.
    Ledger,
    /// The gate, and referrals.
    Disclosure,
    /// The history.
    Audit,
    /// Recipients.
    Directory,
    /// What waits.
    Triage,
}

impl Service {
    /// Its name, which is that of its role and of its option on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Disclosure => "disclosure",
            Self::Audit => "audit",
            Self::Directory => "directory",
            Self::Triage => "triage",
        }
    }
}

/// URLs, for instance `http://127.0.0.1:4610`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// Of the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<String>,
    /// Of the disclosure service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disclosure: Option<String>,
    /// Of the audit service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<String>,
    /// Of the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Of the triage service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triage: Option<String>,
    /// The portal of liaisons, as browsers see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal: Option<String>,
    /// The page of metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// The embedded NATS server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nats: Option<String>,
}

impl Endpoints {
    /// The URL of one service.
    #[must_use]
    pub fn of(&self, service: Service) -> Option<&str> {
        match service {
            Service::Ledger => self.ledger.as_deref(),
            Service::Disclosure => self.disclosure.as_deref(),
            Service::Audit => self.audit.as_deref(),
            Service::Directory => self.directory.as_deref(),
            Service::Triage => self.triage.as_deref(),
        }
    }

    /// What `egide up` wrote into this directory; `None` when it never ran there, or has ended.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(data: &Path) -> Result<Option<Self>, Failure> {
        let path = data.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file(&path, &error)),
        };
        let endpoints = serde_json::from_str(&text)
            .map_err(|_| Failure::new(Exit::Unreadable, "fail.endpoints").with("path", path.display()))?;
        Ok(Some(endpoints))
    }

    /// Puts the file into place, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, data: &Path) -> Result<PathBuf, Failure> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::from)?;
        place(&data.join(FILE), text.as_bytes())
    }

    /// Takes the file away: nothing listens any more.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove(data: &Path) -> Result<(), Failure> {
        let path = data.join(FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::file(&path, &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Where the published keys of a data directory stand.
#[must_use]
pub fn verification_keys_path(data: &Path) -> PathBuf {
    data.join(KEYS_FILE)
}

/// Puts a text that everybody may read into place, whole or not at all, with the end of its last line.
pub(crate) fn place(path: &Path, text: &[u8]) -> Result<PathBuf, Failure> {
    file::replace(path, &[text, b"\n"].concat(), PUBLIC).map_err(|error| Failure::file(path, &error))?;
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_is_there_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Endpoints::read(directory.path()).unwrap(), None);
        let endpoints = Endpoints { ledger: Some("http://127.0.0.1:1".to_owned()), ..Endpoints::default() };
        endpoints.write(directory.path()).unwrap();
        assert_eq!(Endpoints::read(directory.path()).unwrap().as_ref(), Some(&endpoints));
        assert_eq!(endpoints.of(Service::Ledger), Some("http://127.0.0.1:1"));
        assert_eq!(endpoints.of(Service::Audit), None);
        Endpoints::remove(directory.path()).unwrap();
        Endpoints::remove(directory.path()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_none_is_told_with_its_path() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "{\"ledgr\":\"x\"}").unwrap();
        let failure = Endpoints::read(directory.path()).unwrap_err();
        assert_eq!(failure.exit(), Exit::Unreadable);
        assert!(failure.to_string().contains(FILE));
    }
}
