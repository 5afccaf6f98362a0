//! Encryption to the keys of one unit.

use std::io::Write as _;

use age::{Encryptor, Recipient};
use zeroize::Zeroizing;

use crate::key::EncryptionKey;

/// Nothing was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// There is no key to encrypt to.
    #[error("there is no key to encrypt to")]
    NoKeys,
    /// The encryption failed.
    #[error("the package cannot be encrypted")]
    Failed,
}

/// Bytes beyond those of the archive: the header has 100 to 200 a key, the body 16 for every 64 KiB.
const HEADER_ROOM: usize = 8 * 1_024;

/// Encrypts an archive to every one of `keys`, which are those of one unit: never call it with those of two.
///
/// # Errors
/// [`NotSealed`]
pub fn seal(archive: &Zeroizing<Vec<u8>>, keys: &[EncryptionKey]) -> Result<Vec<u8>, NotSealed> {
    if keys.is_empty() {
        return Err(NotSealed::NoKeys);
    }
    let recipients = keys.iter().map(|key| key.recipient() as &dyn Recipient);
    let encryptor = Encryptor::with_recipients(recipients).map_err(|_| NotSealed::Failed)?;
    let mut sealed = Vec::with_capacity(archive.len().saturating_add(HEADER_ROOM));
    let mut writer = encryptor.wrap_output(&mut sealed).map_err(|_| NotSealed::Failed)?;
    writer.write_all(archive).map_err(|_| NotSealed::Failed)?;
    writer.finish().map_err(|_| NotSealed::Failed)?;
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::x25519::Identity;

    fn pair() -> (Identity, EncryptionKey) {
        let identity = Identity::generate();
        let key = identity.to_public().to_string().parse().unwrap();
        (identity, key)
    }

    #[test]
    fn every_key_opens_it_and_no_other() {
        let ((one, key_one), (two, key_two), (stranger, _)) = (pair(), pair(), pair());
        let archive = Zeroizing::new(b"what was told".to_vec());
        let sealed = seal(&archive, &[key_one, key_two]).unwrap();
        for identity in [&one, &two] {
            assert_eq!(age::decrypt(identity, &sealed).unwrap(), *archive);
        }
        assert!(age::decrypt(&stranger, &sealed).is_err());
        assert_eq!(seal(&archive, &[]), Err(NotSealed::NoKeys));
    }

    #[test]
    fn no_byte_of_the_file_can_be_another() {
        let (identity, key) = pair();
        let archive = Zeroizing::new(vec![7; 200]);
        let sealed = seal(&archive, &[key]).unwrap();
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(age::decrypt(&identity, &changed).is_err(), "byte {place} of {} could be another", sealed.len());
        }
        for length in 0..sealed.len() {
            assert!(age::decrypt(&identity, &sealed[..length]).is_err(), "its first {length} bytes open");
        }
    }
}
