//! The policy a process works under: read from a folder or built in, validated, digested. Whatever decides or admits under a policy
//! is started with one of these.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egide_crypto::digest::{Digest, sha256, sha256_parts};
use egide_domain::policy::{PolicyFile, PolicyFiles, Wording};
use egide_domain::{Policy, PolicyError};

/// For which purpose a policy's files are digested.
const DOMAIN: &str = "egide/policy/v1";
/// Most bytes of one file of a policy.
pub const FILE_BYTES_MAX: u64 = 128 * 1024;
/// Most files of a policy.
pub const FILES_MAX: usize = 64;

/// A policy could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("policy file `{path}` cannot be read: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is none that a policy can have.
    #[error("`{path}` {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// What the files say cannot stand.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// A policy, with what it was read from. Cheap to copy.
#[derive(Debug, Clone)]
pub struct LoadedPolicy {
    policy: Arc<Policy>,
    files: Arc<PolicyFiles>,
    digest: Digest,
}

impl LoadedPolicy {
    /// The policy as shipped.
    ///
    /// # Errors
    /// Never as shipped: a test keeps it valid.
    pub fn embedded() -> Result<Self, PolicyError> {
        Self::from_files(PolicyFiles::embedded())
    }

    /// The policy of these files.
    ///
    /// # Errors
    /// The first thing that is wrong, with its file, line and column.
    pub fn from_files(files: PolicyFiles) -> Result<Self, PolicyError> {
        let policy = Arc::new(Policy::from_files(&files)?);
        let digest = sha256_parts(DOMAIN, &files.digest_parts());
        Ok(Self { policy, files: Arc::new(files), digest })
    }

    /// The policy of a folder: `policy.json`, `statutes.json`, `regimes.json` and `wordings/*.md`. A file that is none of these is
    /// refused, whatever it is for, but for those whose names begin with a dot.
    ///
    /// # Errors
    /// A file cannot be read, or the first thing that is wrong, with its file, line and column.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut files = Vec::new();
        read_folder(folder, "", &mut files)?;
        Ok(Self::from_files(PolicyFiles::collect(files)?)?)
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Its files.
    #[must_use]
    pub fn files(&self) -> &PolicyFiles {
        &self.files
    }

    /// The digest of its files: SHA-256 over [`PolicyFiles::digest_parts`].
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The digest of a wording, as consents give it: SHA-256 of its text; `None` when there is no such wording.
    #[must_use]
    pub fn wording_digest(&self, name: &str) -> Option<Digest> {
        self.policy.wording(name).map(wording_digest)
    }
}

/// SHA-256 of a wording's text.
#[must_use]
pub fn wording_digest(wording: &Wording) -> Digest {
    sha256(wording.text.as_bytes())
}

fn read_folder(folder: &Path, before: &str, files: &mut Vec<PolicyFile>) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Read { path, source }
    };
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let path = entry.path();
        let refuse = |why| Error::File { path: path.clone(), why };
        let name = entry.file_name().into_string().map_err(|_| refuse("has a name that is no text"))?;
        if name.starts_with('.') {
            continue;
        }
        let about = std::fs::metadata(&path).map_err(failed(&path))?;
        if about.is_dir() {
            if !before.is_empty() || format!("{name}/") != PolicyFiles::WORDINGS {
                return Err(refuse("is no folder of a policy"));
            }
            read_folder(&path, PolicyFiles::WORDINGS, files)?;
            continue;
        }
        if about.len() > FILE_BYTES_MAX {
            return Err(refuse("is larger than any file of a policy"));
        }
        if files.len() >= FILES_MAX {
            return Err(refuse("is one file too many: a policy has 64 at most"));
        }
        let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
        files.push(PolicyFile { name: format!("{before}{name}").into(), text: text.into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("wordings")).unwrap();
        for file in PolicyFiles::embedded().iter() {
            std::fs::write(folder.path().join(&*file.name), &*file.text).unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_with_the_shipped_files_is_the_shipped_policy() {
        let folder = written();
        let read = LoadedPolicy::read(folder.path()).unwrap();
        assert_eq!(read.digest(), LoadedPolicy::embedded().unwrap().digest());
    }

    #[test]
    fn the_digest_covers_every_file_and_the_names_of_wordings() {
        let shipped = *LoadedPolicy::embedded().unwrap().digest();
        for file in PolicyFiles::embedded().iter() {
            let folder = written();
            std::fs::write(folder.path().join(&*file.name), format!("{}\n", file.text)).unwrap();
            assert_ne!(*LoadedPolicy::read(folder.path()).unwrap().digest(), shipped, "{}", file.name);
        }
        let folder = written();
        let wordings = folder.path().join("wordings");
        std::fs::rename(wordings.join("chat-en-3.md"), wordings.join("chat-en-4.md")).unwrap();
        assert_ne!(*LoadedPolicy::read(folder.path()).unwrap().digest(), shipped);
    }

    #[test]
    fn a_bad_file_is_told_with_file_line_and_reason() {
        let folder = written();
        let path = folder.path().join("policy.json");
        let text = std::fs::read_to_string(&path).unwrap().replacen("hours\": 72,", "hours\": 0,", 1);
        std::fs::write(&path, text).unwrap();
        let error = LoadedPolicy::read(folder.path()).unwrap_err().to_string();
        let expected = "`policy.json` line 5, column 28: `periods.decision_life_hours`: must be longer than nothing";
        assert_eq!(error, expected);
    }

    #[test]
    fn what_belongs_to_no_policy_is_refused() {
        let folder = written();
        std::fs::write(folder.path().join(".kept"), "").unwrap();
        assert!(LoadedPolicy::read(folder.path()).is_ok());
        std::fs::write(folder.path().join("policy.json.bak"), "{}").unwrap();
        assert!(matches!(LoadedPolicy::read(folder.path()), Err(Error::Policy(PolicyError::File { .. }))));
        let folder = written();
        std::fs::create_dir(folder.path().join("wordings/old")).unwrap();
        assert!(matches!(LoadedPolicy::read(folder.path()), Err(Error::File { .. })));
        let folder = written();
        std::fs::write(folder.path().join("wordings/spoken-en-3.md"), vec![b'a'; 200_000]).unwrap();
        assert!(matches!(LoadedPolicy::read(folder.path()), Err(Error::File { .. })));
        assert!(matches!(LoadedPolicy::read(Path::new("/nowhere/at/all")), Err(Error::Read { .. })));
    }
}
