//! The trust file as operators and instances meet it: signed, read, changed, replaced.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use egide_crypto::digest::Digest;
use egide_crypto::sign::{KeyRingError, SigningKey};
use egide_trust::{
    CurrentTrust, Draft, DraftError, Lost, Older, ParseTrustError, ReadError, Restore, RootKey, Trust, Use,
};
use serde_json::Value;

const NOW_MS: i64 = 1_795_305_600_000;
const BEFORE: &str = "0b7a4a0e-9a53-4f0a-8f0e-3f8b1f6d2c11";
const AFTER: &str = "1b7a4a0e-9a53-4f0a-8f0e-3f8b1f6d2c11";

fn key() -> SigningKey {
    SigningKey::generate().unwrap().0
}

fn root() -> (SigningKey, RootKey) {
    let root = key();
    let public = RootKey::new(root.public_key());
    (root, public)
}

fn restore() -> Restore {
    Restore {
        incarnation: AFTER.into(),
        ended: BEFORE.into(),
        after_block: 10,
        block_hash: Digest::from_bytes([7; 32]),
        next_position: 31,
        lost: Lost { last_block: Some(12), last_position: Some(40) },
        reason: "the disk failed".into(),
        restored_at_ms: NOW_MS,
    }
}

#[test]
fn what_the_root_signed_is_read_back_as_it_was() {
    let (root, public) = root();
    let (ledger, report) = (key().public_key(), key().public_key());
    let mut draft = Draft::first();
    let ledger_id = draft.add_key(Use::Ledger, ledger, "ledger-1", Some(1)).unwrap();
    let report_id = draft.add_key(Use::Report, report, "disclosure", None).unwrap();
    draft.revoke_key(ledger_id, 900).unwrap();
    draft.add_restore(restore()).unwrap();
    let (trust, bytes) = draft.sign(&root, NOW_MS).unwrap();
    let read = Trust::verify(&bytes, &public).unwrap();
    assert_eq!(read, trust);
    assert_eq!((read.serial(), read.issued_at_ms()), (1, NOW_MS));
    let entry = read.ledger().get(ledger_id).expect("the ledger's key");
    assert_eq!((entry.valid_from(), entry.revoked_after()), (Some(1), Some(900)));
    assert!(read.report().get(report_id).is_some() && read.report().get(ledger_id).is_none());
    assert_eq!(read.keys(Use::Ledger)[0].instance, "ledger-1");
    assert_eq!(read.restores(), [restore()]);
    assert_eq!(&**read.lineage().expect("a lineage").current(), AFTER);
    // Whoever prints it otherwise changes nothing: the canonical form is what is signed.
    let value: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(Trust::verify(value.to_string().as_bytes(), &public).unwrap(), trust);
}

#[test]
fn whatever_is_changed_after_signing_is_noticed() {
    let (root, public) = root();
    let mut draft = Draft::first();
    let key_id = draft.add_key(Use::Ledger, key().public_key(), "ledger-1", None).unwrap();
    draft.revoke_key(key_id, 900).unwrap();
    draft.add_restore(restore()).unwrap();
    let (_, bytes) = draft.sign(&root, NOW_MS).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let changes = [
        text.replace("900", "901"),
        text.replace("\"serial\": 1", "\"serial\": 2"),
        text.replace("ledger-1", "ledger-2"),
        text.replace(",\n        \"revoked_after\": 900", ""),
        text.replace("\"after_block\": 10", "\"after_block\": 11"),
        text.replace("the disk failed", "the disk fell"),
        text.replace("\"version\": 1", "\"version\": 2"),
        text.replace("\"version\": 1", "\"version\": 1, \"more\": 1"),
    ];
    for changed in changes {
        assert_ne!(changed, text);
        assert_eq!(Trust::verify(changed.as_bytes(), &public).unwrap_err(), ParseTrustError::BadSignature, "{changed}");
    }
    let (stranger, other) = self::root();
    let refused = Trust::verify(&bytes, &other).unwrap_err();
    assert_eq!(refused, ParseTrustError::OtherRoot { found: public.key_id(), expected: other.key_id() });
    // A stranger's file that names our root.
    let (_, forged) = Draft::first().sign(&stranger, NOW_MS).unwrap();
    let forged = String::from_utf8(forged).unwrap().replace(&other.key_id().to_string(), &public.key_id().to_string());
    assert_eq!(Trust::verify(forged.as_bytes(), &public).unwrap_err(), ParseTrustError::BadSignature);
}

#[test]
fn what_no_root_signed_is_called_by_its_name() {
    let (_, public) = root();
    let ring = serde_json::json!({ "version": 1, "keys": [] });
    for unsigned in [ring.clone(), serde_json::json!({ "ledger": ring, "report": ring })] {
        let refused = Trust::verify(unsigned.to_string().as_bytes(), &public).unwrap_err();
        assert_eq!(refused, ParseTrustError::Unsigned);
    }
    for nothing in ["", "{}", "null", "keys"] {
        assert_eq!(Trust::verify(nothing.as_bytes(), &public).unwrap_err(), ParseTrustError::NotATrustFile);
    }
}

#[test]
fn a_draft_takes_no_change_that_would_widen_or_confuse() {
    let (root, _) = root();
    let mut draft = Draft::first();
    let one = key().public_key();
    let key_id = draft.add_key(Use::Ledger, one, "ledger-1", Some(10)).unwrap();
    for of in Use::ALL {
        let again = draft.add_key(of, one, "ledger-2", None);
        assert_eq!(again, Err(DraftError::Keys(KeyRingError::Repeated(key_id))));
    }
    assert!(matches!(draft.revoke_key(key_id, 9), Err(DraftError::Keys(KeyRingError::EndsBeforeItBegins { .. }))));
    draft.revoke_key(key_id, 50).unwrap();
    assert!(matches!(draft.revoke_key(key_id, 51), Err(DraftError::Keys(KeyRingError::RevokedEarlier { .. }))));
    draft.revoke_key(key_id, 40).unwrap();
    assert!(matches!(draft.revoke_key(key().key_id(), 1), Err(DraftError::Keys(KeyRingError::Unknown(_)))));
    assert_eq!(draft.add_key(Use::Ledger, key().public_key(), "", None), Err(DraftError::Text("instance")));
    draft.add_restore(restore()).unwrap();
    assert!(matches!(draft.add_restore(restore()), Err(DraftError::Restores(_))));
    let mut huge = Draft::first();
    huge.add_key(Use::Ledger, key().public_key(), "ledger-1", Some(1 << 53)).unwrap();
    assert_eq!(huge.sign(&root, NOW_MS).unwrap_err(), ParseTrustError::Number);
}

#[test]
fn an_older_file_or_a_second_of_the_same_serial_does_not_replace_the_newest() {
    let (root, _) = root();
    let (first, _) = Draft::first().sign(&root, NOW_MS).unwrap();
    let mut draft = first.draft();
    draft.add_key(Use::Ledger, key().public_key(), "ledger-1", None).unwrap();
    let (second, _) = draft.sign(&root, NOW_MS).unwrap();
    let (other_second, _) = first.draft().sign(&root, NOW_MS).unwrap();
    let current = CurrentTrust::from(first.clone());
    assert_eq!(current.replace(first.clone()), Ok(false));
    assert_eq!(current.replace(second.clone()), Ok(true));
    assert_eq!(current.replace(first), Err(Older::Serial { found: 1, seen: 2 }));
    assert_eq!(current.replace(other_second), Err(Older::Two { serial: 2 }));
    assert_eq!(*current.get(), second);
}

fn place(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, path).unwrap();
}

#[test]
fn a_running_process_takes_a_newer_file_by_itself_and_keeps_its_own_against_a_forged_or_older_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.json");
    let (root, public) = root();
    let (first, first_bytes) = Draft::first().sign(&root, NOW_MS).unwrap();
    assert!(matches!(CurrentTrust::open(&path, public), Err(ReadError::Io { .. })));
    place(&path, &first_bytes);
    let current = CurrentTrust::open(&path, public).unwrap();
    assert_eq!(*current.get(), first);

    let mut draft = first.draft();
    draft.add_key(Use::Ledger, key().public_key(), "ledger-1", None).unwrap();
    let (second, second_bytes) = draft.sign(&root, NOW_MS).unwrap();
    place(&path, &second_bytes);
    let begun = Instant::now();
    while *current.get() != second {
        assert!(begun.elapsed() < Duration::from_secs(10), "the new file is not read");
        std::thread::sleep(Duration::from_millis(10));
    }
    let (_, forged) = second.draft().sign(&key(), NOW_MS).unwrap();
    for bytes in [forged, first_bytes, b"{}".to_vec()] {
        place(&path, &bytes);
        // Either this look or the watching thread's finds it; neither takes it.
        drop(current.refresh());
        assert_eq!(*current.get(), second);
    }
    assert!(CurrentTrust::open(&path, public).is_err());
}
