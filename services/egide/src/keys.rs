//! The keys of an installation, each in a file of its own (0600) under `keys/`. The key-encryption key may come from the
//! environment instead, so that it need not stand on the disk whose data it protects.

use std::path::Path;

use egide_crypto::digest::Fingerprinter;
use egide_crypto::random::random_bytes;
use egide_crypto::sign::SigningKey;
use egide_crypto::wrap::{Epoch, KeyEncryptionKey};
use egide_servicekit::key_file;
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;

/// The key-encryption key, as base64 or hexadecimal digits; wins over the file.
pub(crate) const KEK_VARIABLE: &str = "EGIDE_KEY_ENCRYPTION_KEY";
/// The epoch of the key-encryption key that `egide up` makes.
const FIRST_EPOCH: &str = "1";
/// The epoch's name, where the key-encryption key is not of the first.
pub(crate) const EPOCH_VARIABLE: &str = "EGIDE_KEY_EPOCH";

const KEK_FILE: &str = "key-encryption.key";
const LEDGER_FILE: &str = "ledger-signing.key";
const REPORT_FILE: &str = "report-signing.key";
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

fn unusable(error: impl std::fmt::Display) -> Failure {
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

    /// The key that wraps data keys, and whether it stands on this disk.
    pub(crate) fn key_encryption(self) -> Result<(KeyEncryptionKey, bool), Failure> {
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

    /// The key that signs reports.
    pub(crate) fn report_signing(self) -> Result<SigningKey, Failure> {
        let document = self.read(REPORT_FILE, || SigningKey::generate().map(|(_, document)| document))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_stay() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyFolder { folder: &directory.path().join("keys"), missing: Missing::Make };
        let first = keys.report_signing().unwrap().key_id();
        assert_eq!(keys.report_signing().unwrap().key_id(), first);
        let wrapped = keys.key_encryption().unwrap().0.to_base64();
        assert_eq!(*keys.key_encryption().unwrap().0.to_base64(), *wrapped);
        assert_eq!(
            keys.disclosure_secret().unwrap().fingerprint(b"x"),
            keys.disclosure_secret().unwrap().fingerprint(b"x")
        );
    }

    #[test]
    fn a_missing_key_is_refused_where_none_may_be_made() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyFolder { folder: directory.path(), missing: Missing::Refuse };
        assert_eq!(keys.ledger_signing().unwrap_err().exit(), Exit::Unreadable);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
