//! The keys of an installation, each in a file of its own (0600) under `keys/`. Key-encryption keys may come from the
//! environment instead, so that they need not stand on the disk whose data they protect. Beside the current one stand those
//! of earlier epochs, for as long as data keys are wrapped under them: `key-encryption.EPOCH.key`.

use std::path::Path;

use egide_crypto::digest::Fingerprinter;
use egide_crypto::random::random_bytes;
use egide_crypto::sign::SigningKey;
use egide_crypto::wrap::{Epoch, KeyEncryptionKey};
use egide_servicekit::identity::LiaisonIssuer;
use egide_servicekit::key_file;
use egide_vault::KeyEncryptionKeys;
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;

/// The key-encryption key, as base64 or hexadecimal digits; wins over the file.
pub(crate) const KEK_VARIABLE: &str = "EGIDE_KEY_ENCRYPTION_KEY";
/// The epoch of the key-encryption key that `egide up` makes.
const FIRST_EPOCH: &str = "1";
/// The epoch's name, where the key-encryption key is not of the first.
pub(crate) const EPOCH_VARIABLE: &str = "EGIDE_KEY_EPOCH";
/// Key-encryption keys of earlier epochs: `EPOCH=KEY`, with commas between them.
pub(crate) const PREVIOUS_VARIABLE: &str = "EGIDE_KEY_ENCRYPTION_KEYS_PREVIOUS";

const KEK_FILE: &str = "key-encryption.key";
/// What a file of an earlier epoch begins and ends with.
const PREVIOUS_FILE: (&str, &str) = ("key-encryption.", ".key");
const LEDGER_FILE: &str = "ledger-signing.key";
const REPORT_FILE: &str = "report-signing.key";
/// Vouches for liaisons who sign in at the portal.
pub(crate) const LIAISONS_FILE: &str = "liaisons.key";
const NOTICE_FILE: &str = "notice-signing.key";
const HISTORY_FILE: &str = "history-signing.key";
const SECRET_FILE: &str = "disclosure-secret.key";

/// Whether a key that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Made: at home, in development.
    Make,
    /// An error: where several machines share a key, each making its own would end badly.
    Refuse,
}

/// The keys in one folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyFolder<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) missing: Missing,
}

/// A key that cannot be used.
pub(crate) fn unusable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unreadable, "fail.key").with("error", error)
}

impl KeyFolder<'_> {
    fn read<E: std::fmt::Display>(
        self,
        name: &str,
        make: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, E>,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let path = self.folder.join(name);
        match self.missing {
            Missing::Make => key_file::read_or_make(&path, make).map_err(unusable),
            Missing::Refuse => {
                let missing = || Failure::new(Exit::Unreadable, "fail.key_missing").with("path", path.display());
                key_file::read(&path).map_err(unusable)?.ok_or_else(missing)
            }
        }
    }

    /// The keys that wrap data keys, and whether the current one stands in a file here.
    pub(crate) fn key_encryption(self) -> Result<(KeyEncryptionKeys, bool), Failure> {
        let (current, in_file) = self.current_key_encryption()?;
        let mut previous = self.previous_in_files()?;
        if let Some(text) = std::env::var(PREVIOUS_VARIABLE).ok().map(Zeroizing::new) {
            previous.extend(previous_of(&text)?);
        }
        Ok((KeyEncryptionKeys::new(current, previous).map_err(unusable)?, in_file))
    }

    /// Those of earlier epochs that stand in files, in the order of their names.
    fn previous_in_files(self) -> Result<Vec<KeyEncryptionKey>, Failure> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(self.folder).map_err(unusable)? {
            let name = entry.map_err(unusable)?.file_name();
            let epoch =
                name.to_str().and_then(|name| name.strip_prefix(PREVIOUS_FILE.0)?.strip_suffix(PREVIOUS_FILE.1));
            files.extend(epoch.map(|epoch| (epoch.to_owned(), name.clone())));
        }
        files.sort();
        let read = |(epoch, name): (String, std::ffi::OsString)| {
            let text = key_file::read(&self.folder.join(name)).map_err(unusable)?.unwrap_or_default();
            let text = std::str::from_utf8(&text).map_err(unusable)?;
            KeyEncryptionKey::parse(epoch.parse().map_err(unusable)?, text).map_err(unusable)
        };
        files.into_iter().map(read).collect()
    }

    fn current_key_encryption(self) -> Result<(KeyEncryptionKey, bool), Failure> {
        let epoch = std::env::var(EPOCH_VARIABLE).unwrap_or_else(|_| FIRST_EPOCH.to_owned());
        let epoch: Epoch = epoch.parse().map_err(unusable)?;
        if let Some(text) = std::env::var(KEK_VARIABLE).ok().filter(|text| !text.is_empty()).map(Zeroizing::new) {
            return Ok((KeyEncryptionKey::parse(epoch, &text).map_err(unusable)?, false));
        }
        let text = self.read(KEK_FILE, || {
            KeyEncryptionKey::generate(epoch.clone()).map(|key| Zeroizing::new(key.to_base64().as_bytes().to_vec()))
        })?;
        let text = std::str::from_utf8(&text).map_err(unusable)?;
        Ok((KeyEncryptionKey::parse(epoch, text).map_err(unusable)?, true))
    }

    /// The PKCS#8 document of the key with which the ledger signs.
    pub(crate) fn ledger_signing(self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.read(LEDGER_FILE, || SigningKey::generate().map(|(_, document)| document))
    }

    /// Where the key that signs reports stands.
    pub(crate) fn report_file(self) -> std::path::PathBuf {
        self.folder.join(REPORT_FILE)
    }

    /// The key that signs reports.
    pub(crate) fn report_signing(self) -> Result<SigningKey, Failure> {
        let document = self.read(REPORT_FILE, || SigningKey::generate().map(|(_, document)| document))?;
        SigningKey::from_pkcs8(&document).map_err(unusable)
    }

    /// The key that vouches for liaisons who signed in.
    pub(crate) fn liaisons(self) -> Result<LiaisonIssuer, Failure> {
        let document = self.read(LIAISONS_FILE, || SigningKey::generate().map(|(_, document)| document))?;
        SigningKey::from_pkcs8(&document).map(LiaisonIssuer::new).map_err(unusable)
    }

    /// Where the key that signs notices stands.
    pub(crate) fn notice_file(self) -> std::path::PathBuf {
        self.folder.join(NOTICE_FILE)
    }

    /// The key that signs notices.
    pub(crate) fn notice_signing(self) -> Result<SigningKey, Failure> {
        let document = self.read(NOTICE_FILE, || SigningKey::generate().map(|(_, document)| document))?;
        SigningKey::from_pkcs8(&document).map_err(unusable)
    }

    /// The key that signs checkpoints of the history.
    pub(crate) fn history_signing(self) -> Result<SigningKey, Failure> {
        let document = self.read(HISTORY_FILE, || SigningKey::generate().map(|(_, document)| document))?;
        SigningKey::from_pkcs8(&document).map_err(unusable)
    }

    /// What pseudonyms, page tokens and the salts of commitments are made with.
    pub(crate) fn disclosure_secret(self) -> Result<Fingerprinter, Failure> {
        let bytes = self.read(SECRET_FILE, || random_bytes::<32>().map(|bytes| Zeroizing::new(bytes.to_vec())))?;
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(
            bytes.as_slice().try_into().map_err(|_| unusable(format!("`{SECRET_FILE}` has not 32 bytes")))?,
        );
        Ok(Fingerprinter::new(&bytes))
    }
}

/// Reads `EPOCH=KEY,EPOCH=KEY`.
fn previous_of(text: &str) -> Result<Vec<KeyEncryptionKey>, Failure> {
    let read = |pair: &str| {
        let (epoch, key) = pair.split_once('=').ok_or_else(|| unusable(format!("`{PREVIOUS_VARIABLE}` is no list")))?;
        KeyEncryptionKey::parse(epoch.trim().parse().map_err(unusable)?, key).map_err(unusable)
    };
    text.split(',').filter(|pair| !pair.trim().is_empty()).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_stay() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyFolder { folder: &directory.path().join("keys"), missing: Missing::Make };
        let first = keys.report_signing().unwrap().key_id();
        assert_eq!(keys.report_signing().unwrap().key_id(), first);
        let wrapped = keys.current_key_encryption().unwrap().0.to_base64();
        assert_eq!(*keys.current_key_encryption().unwrap().0.to_base64(), *wrapped);
        assert_eq!(
            keys.disclosure_secret().unwrap().fingerprint(b"x"),
            keys.disclosure_secret().unwrap().fingerprint(b"x")
        );
    }

    #[test]
    fn keys_of_earlier_epochs_stand_beside_the_current_one() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyFolder { folder: directory.path(), missing: Missing::Make };
        keys.key_encryption().unwrap();
        let older = KeyEncryptionKey::generate("0".parse().unwrap()).unwrap().to_base64();
        let path = directory.path().join("key-encryption.0.key");
        key_file::read_or_make(&path, || Ok::<_, Failure>(Zeroizing::new(older.as_bytes().to_vec()))).unwrap();
        let (keys, in_file) = keys.key_encryption().unwrap();
        assert!(in_file);
        assert_eq!(keys.epochs().map(ToString::to_string).collect::<Vec<_>>(), ["1", "0"]);
        let listed = previous_of(&format!("2026-q1={},2026-q2={}", *older, *older)).unwrap();
        assert_eq!(listed.iter().map(|key| key.epoch().as_str()).collect::<Vec<_>>(), ["2026-q1", "2026-q2"]);
        assert!(previous_of("nothing").is_err());
    }

    #[test]
    fn a_missing_key_is_refused_where_none_may_be_made() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyFolder { folder: directory.path(), missing: Missing::Refuse };
        assert_eq!(keys.ledger_signing().unwrap_err().exit(), Exit::Unreadable);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
