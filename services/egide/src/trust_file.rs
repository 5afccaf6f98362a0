//! The trust file of a data directory and the root's public key beside it. The root's private key is the operator's, brought
//! for each change; `egide up` alone makes one of its own, for development.

use std::fs;
use std::path::{Path, PathBuf};

use egide_crypto::sign::{KeyId, KeyRing, SigningKey, VerifyingKey};
use egide_servicekit::clock;
use egide_servicekit::key_file;
use egide_trust::{
    CurrentTrust, Day, Draft, DraftError, ParseTrustError, PublishedKeys, ReadError, RootKey, Trust, Use,
};
use serde::Deserialize;

use crate::endpoints::{place, verification_keys_path};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keys::unusable;
use crate::times;

/// The root's public key, in the data directory.
const ROOT_FILE: &str = "root.pub";
/// What is published of the trust file: the keys that sign reports.
const PUBLISHED_FILE: &str = "published-keys.json";
/// A decision of before midnight is signed after it, and a service goes on with the old key until it is started again: keys
/// that follow one another both count for a day.
const OVERLAP_MS: i64 = 24 * 60 * 60 * 1_000;
/// The development root's private key, among the other keys.
const DEVELOPMENT_ROOT: &str = "root.key";
/// The instances whose keys `egide up` certifies.
const INSTANCES: [(Use, &str); 4] = [
    (Use::Ledger, "egide up: ledger"),
    (Use::Report, "egide up: disclosure"),
    (Use::History, "egide up: audit"),
    (Use::Notice, "egide up: notifier"),
];

/// Where the root's public key stands, unless it is named.
pub(crate) fn root_path(data: &Path) -> PathBuf {
    data.join(ROOT_FILE)
}

/// Reads the root's public key.
pub(crate) fn read_root(path: &Path) -> Result<RootKey, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::new(Exit::Unreadable, "fail.no_root").with("path", path.display()));
        }
        Err(error) => return Err(Failure::file(path, &error)),
    };
    text.parse().map_err(|error| {
        Failure::new(Exit::Unreadable, "fail.root_file").with("path", path.display()).with("error", error)
    })
}

/// Reads a private key that the operator brought.
pub(crate) fn read_private(path: &Path) -> Result<SigningKey, Failure> {
    let missing = || Failure::new(Exit::Unreadable, "fail.key_missing").with("path", path.display());
    let document = key_file::read(path).map_err(unusable)?.ok_or_else(missing)?;
    SigningKey::from_pkcs8(&document).map_err(unusable)
}

/// The private key in a file; a new one, where there is none.
pub(crate) fn read_or_make_private(path: &Path) -> Result<SigningKey, Failure> {
    let make = || SigningKey::generate().map(|(_, document)| document);
    SigningKey::from_pkcs8(&key_file::read_or_make(path, make).map_err(unusable)?).map_err(unusable)
}

/// Reads the private key of `root`, and of no other.
pub(crate) fn read_root_key(path: &Path, root: &RootKey) -> Result<SigningKey, Failure> {
    let private = read_private(path)?;
    if private.public_key() == *root.key() {
        return Ok(private);
    }
    let (found, expected) = (private.key_id(), root.key_id());
    Err(Failure::new(Exit::Usage, "fail.other_root").with("found", found).with("expected", expected))
}

/// Reads a trust file once.
pub(crate) fn read(path: &Path, root: &RootKey) -> Result<Trust, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::file(path, &error))?;
    trust_of(path, &bytes, root)
}

/// The trust that a file held.
pub(crate) fn trust_of(path: &Path, bytes: &[u8], root: &RootKey) -> Result<Trust, Failure> {
    Trust::verify(bytes, root).map_err(|error| refused(path, &error))
}

/// Reads a trust file, and again whenever it changes.
pub(crate) fn follow(path: &Path, root: RootKey) -> Result<CurrentTrust, Failure> {
    CurrentTrust::open(path, root).map_err(|error| match error {
        ReadError::Io { path, source } => Failure::file(&path, &source),
        ReadError::Refused { path, source } => refused(&path, &source),
        ReadError::Older { path, source } => {
            Failure::new(Exit::NotVerified, "fail.trust").with("path", path.display()).with("error", source)
        }
    })
}

fn refused(path: &Path, error: &ParseTrustError) -> Failure {
    let exit = match error {
        ParseTrustError::NotATrustFile => {
            return Failure::new(Exit::Unreadable, "fail.no_key_file").with("path", path.display());
        }
        ParseTrustError::Version(_) => Exit::Unreadable,
        ParseTrustError::Unsigned
        | ParseTrustError::OtherRoot { .. }
        | ParseTrustError::BadSignature
        | ParseTrustError::Number
        | ParseTrustError::Keys { .. }
        | ParseTrustError::Restores(_) => Exit::NotVerified,
    };
    Failure::new(exit, "fail.trust").with("path", path.display()).with("error", error)
}

/// Where the published keys stand: beside the trust file they are made from.
pub(crate) fn published_path(trust_file: &Path) -> PathBuf {
    trust_file.with_file_name(PUBLISHED_FILE)
}

/// Reads the keys that were published; their bytes, too.
pub(crate) fn read_published(path: &Path, root: &RootKey) -> Result<(PublishedKeys, Vec<u8>), Failure> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::new(Exit::NotNow, "fail.published_old").with("path", path.display()));
        }
        Err(error) => return Err(Failure::file(path, &error)),
    };
    published_of(path, &bytes, Some(root)).map(|keys| (keys, bytes))
}

/// The published keys that a file held; where `root` is given, of that root.
pub(crate) fn published_of(path: &Path, bytes: &[u8], root: Option<&RootKey>) -> Result<PublishedKeys, Failure> {
    PublishedKeys::verify(bytes, root).map_err(|error| refused(path, &error))
}

/// Publishes the keys for reports of a trust file, beside it.
pub(crate) fn publish_keys(trust_file: &Path, trust: &Trust, root: &SigningKey, day: Day) -> Result<(), Failure> {
    let path = published_path(trust_file);
    let keys = PublishedKeys::of_trust(trust, &RootKey::new(root.public_key()), day);
    let bytes = keys
        .sign(root)
        .map_err(|error| Failure::new(Exit::Usage, "fail.trust").with("path", path.display()).with("error", error))?;
    place(&path, bytes.trim_ascii_end()).map(drop)
}

/// Signs a draft and puts it in the place of the file before, and the keys that everybody gets beside it.
pub(crate) fn publish(path: &Path, draft: Draft, root: &SigningKey) -> Result<Trust, Failure> {
    let refused = |error: ParseTrustError| {
        Failure::new(Exit::Usage, "fail.trust").with("path", path.display()).with("error", error)
    };
    let now_ms = clock::now().0;
    let (trust, bytes) = draft.sign(root, now_ms).map_err(refused)?;
    place(path, bytes.trim_ascii_end())?;
    publish_keys(path, &trust, root, times::day(now_ms)?)?;
    Ok(trust)
}

/// Says which root counts here.
pub(crate) fn publish_root(path: &Path, root: &RootKey) -> Result<(), Failure> {
    place(path, root.to_string().as_bytes()).map(drop)
}

/// A change that a draft does not take.
pub(crate) fn not_taken(error: &DraftError) -> Failure {
    Failure::new(Exit::Usage, "fail.trust_change").with("error", error)
}

/// The trust of an `egide up`.
pub(crate) struct Development {
    pub(crate) trust: CurrentTrust,
    /// Whether the root's private key lies in the data directory.
    pub(crate) root_is_here: bool,
    /// Whether this data directory comes from a version without root and marks.
    pub(crate) upgraded: bool,
}

/// The trust file of `egide up`: with these keys certified (of the ledger, for reports, for checkpoints, for notices), by a root of its
/// own where nobody brought one.
pub(crate) fn of_development(data: &Path, keys: [VerifyingKey; 4]) -> Result<Development, Failure> {
    let (path, root_path) = (verification_keys_path(data), root_path(data));
    let private = data.join("keys").join(DEVELOPMENT_ROOT);
    if root_path.exists() && !private.exists() {
        // An operator's root: whoever holds it certifies, not we.
        let trust = follow(&path, read_root(&root_path)?)?;
        return Ok(Development { trust, root_is_here: false, upgraded: false });
    }
    let private = read_or_make_private(&private)?;
    let root = RootKey::new(private.public_key());
    publish_root(&root_path, &root)?;
    let before = Before::read(&path, &root)?;
    let upgraded = matches!(before, Before::Unsigned(_));
    let (mut draft, mut changed) = before.draft()?;
    for ((of, instance), key) in INSTANCES.into_iter().zip(keys) {
        changed |= certify(&mut draft, of, key, instance)?;
    }
    if changed || !published_path(&path).exists() {
        publish(&path, draft, &private)?;
    }
    Ok(Development { trust: follow(&path, root)?, root_is_here: true, upgraded })
}

/// Adds a key that may be there already, perhaps with an end that must stay; whether it is new.
fn certify(draft: &mut Draft, of: Use, key: VerifyingKey, instance: &str) -> Result<bool, Failure> {
    let signing: Vec<KeyId> = draft.signing(of).collect();
    match draft.add_key(of, key, instance, None) {
        Ok(key_id) if matches!(of, Use::Report | Use::Notice) => follow_keys(draft, key_id, &signing).map(|()| true),
        Ok(_) => Ok(true),
        Err(DraftError::Keys(egide_crypto::sign::KeyRingError::Repeated(_))) => Ok(false),
        Err(error) => Err(not_taken(&error)),
    }
}

/// A key that signs reports or notices follows `before`, which sign none any more.
pub(crate) fn follow_keys(draft: &mut Draft, key_id: KeyId, before: &[KeyId]) -> Result<(), Failure> {
    let now_ms = clock::now().0;
    if !before.is_empty() {
        let first = times::day(now_ms.saturating_sub(OVERLAP_MS))?;
        draft.begin_key(key_id, first).map_err(|error| not_taken(&error))?;
    }
    let last = times::day(now_ms.saturating_add(OVERLAP_MS))?;
    before.iter().try_for_each(|before| match draft.retire_key(*before, last) {
        // Its end was said before, and comes sooner.
        Err(DraftError::Days(_)) => Ok(()),
        retired => retired.map_err(|error| not_taken(&error)),
    })
}

/// What stood in the place of the trust file.
enum Before {
    Nothing,
    Signed(Box<Trust>),
    /// Rings of a version that had no root.
    Unsigned(Rings),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rings {
    ledger: KeyRing,
    report: KeyRing,
}

impl Before {
    fn read(path: &Path, root: &RootKey) -> Result<Self, Failure> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::Nothing),
            Err(error) => return Err(Failure::file(path, &error)),
        };
        match (Trust::verify(&bytes, root), serde_json::from_slice(&bytes)) {
            (Ok(trust), _) => Ok(Self::Signed(Box::new(trust))),
            (Err(ParseTrustError::Unsigned), Ok(rings)) => Ok(Self::Unsigned(rings)),
            (Err(error), _) => Err(refused(path, &error)),
        }
    }

    /// The next version, and whether it differs already.
    fn draft(self) -> Result<(Draft, bool), Failure> {
        match self {
            Self::Nothing => Ok((Draft::first(), true)),
            Self::Signed(trust) => Ok((trust.draft(), false)),
            Self::Unsigned(rings) => {
                let mut draft = Draft::first();
                for ((of, instance), ring) in INSTANCES.into_iter().zip([rings.ledger, rings.report]) {
                    for (key_id, entry) in ring.iter() {
                        let added = draft.add_key(of, entry.key(), instance, entry.valid_from());
                        let revoked = entry.revoked_after().map(|after| draft.revoke_key(key_id, after)).transpose();
                        added.and(revoked).map_err(|error| not_taken(&error))?;
                    }
                }
                Ok((draft, true))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> VerifyingKey {
        SigningKey::generate().unwrap().0.public_key()
    }

    /// Always the same one.
    fn notice() -> VerifyingKey {
        static KEY: std::sync::OnceLock<VerifyingKey> = std::sync::OnceLock::new();
        *KEY.get_or_init(key)
    }

    #[test]
    fn keys_certified_by_an_earlier_start_stay_and_the_serial_grows_only_when_something_changes() {
        let data = tempfile::tempdir().unwrap();
        let (ledger, history, old, new) = (key(), key(), key(), key());
        let serial =
            |report| of_development(data.path(), [ledger, report, history, notice()]).unwrap().trust.get().serial();
        assert_eq!([serial(old), serial(old), serial(new)], [1, 1, 2]);
        let trust = read(&verification_keys_path(data.path()), &read_root(&root_path(data.path())).unwrap()).unwrap();
        assert!(trust.report().get(old.key_id()).is_some() && trust.report().get(new.key_id()).is_some());
        assert!(trust.ledger().get(ledger.key_id()).is_some());
    }

    #[test]
    fn a_key_for_reports_that_another_one_follows_is_retired_and_published_as_such() {
        let data = tempfile::tempdir().unwrap();
        let (ledger, history, old, new) = (key(), key(), key(), key());
        let path = published_path(&verification_keys_path(data.path()));
        let published = |report| {
            let trust = of_development(data.path(), [ledger, report, history, notice()]).unwrap().trust.get();
            let (keys, _) = read_published(&path, &read_root(&root_path(data.path())).unwrap()).unwrap();
            assert_eq!(keys.serial(), trust.serial());
            keys
        };
        let today = times::day(clock::now().0).unwrap();
        assert!(published(old).counts_on(old.key_id(), today).is_ok());
        let keys = published(new);
        assert!(keys.counts_on(old.key_id(), today).unwrap().retired_at.is_some_and(|last| last > today));
        assert!(keys.counts_on(new.key_id(), today).unwrap().valid_from.is_some_and(|first| first < today));
        // What an earlier version left unpublished is published.
        fs::remove_file(&path).unwrap();
        assert_eq!(published(new).keys().len(), 2);
    }

    #[test]
    fn a_key_that_was_retired_already_is_followed_and_ends_when_it_was_said_to() {
        let (old, new) = (key(), key());
        let mut draft = Draft::first();
        draft.add_key(Use::Report, old, "disclosure", None).unwrap();
        let today = times::day(clock::now().0).unwrap();
        draft.retire_key(old.key_id(), today).unwrap();
        draft.add_key(Use::Report, new, "disclosure", None).unwrap();
        follow_keys(&mut draft, new.key_id(), &[old.key_id()]).unwrap();
        let (root, _) = SigningKey::generate().unwrap();
        let (trust, _) = draft.sign(&root, 0).unwrap();
        let ends: Vec<_> = trust.keys(Use::Report).iter().map(|key| key.retired_on).collect();
        assert_eq!(ends, [Some(today), None]);
    }

    #[test]
    fn what_an_earlier_version_published_unsigned_is_signed_with_its_revocations() {
        let data = tempfile::tempdir().unwrap();
        let (ledger, report, history) = (key(), key(), key());
        let mut ring = KeyRing::new();
        ring.insert(ledger, None, Some(7)).unwrap();
        let rings = serde_json::json!({ "ledger": ring, "report": KeyRing::new() });
        fs::write(verification_keys_path(data.path()), rings.to_string()).unwrap();
        let upgraded = of_development(data.path(), [ledger, report, history, notice()]).unwrap();
        assert!(upgraded.upgraded && upgraded.root_is_here);
        let entry = *upgraded.trust.get().ledger().get(ledger.key_id()).unwrap();
        assert_eq!(entry.revoked_after(), Some(7));
        assert!(!of_development(data.path(), [ledger, report, history, notice()]).unwrap().upgraded);
    }

    #[test]
    fn a_root_that_an_operator_brought_is_not_replaced() {
        let data = tempfile::tempdir().unwrap();
        let root = RootKey::new(key());
        publish_root(&root_path(data.path()), &root).unwrap();
        assert!(of_development(data.path(), [key(), key(), key(), key()]).is_err());
        let (stranger, _) = SigningKey::generate().unwrap();
        publish(&verification_keys_path(data.path()), Draft::first(), &stranger).unwrap();
        let failure = of_development(data.path(), [key(), key(), key(), key()]).map(|_| ()).unwrap_err();
        assert_eq!(failure.exit(), Exit::NotVerified);
        assert_eq!(read_root(&root_path(data.path())).unwrap(), root);
    }
}
