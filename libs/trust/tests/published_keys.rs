//! The published keys: who signed them, and which of them count for a report of a day.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use egide_crypto::sign::{KeyId, SigningKey};
use egide_trust::{Day, Draft, KeyRefusal, ParseTrustError, PublishedKeys, RevocationReason, RootKey, Use};

struct Root {
    private: SigningKey,
    public: RootKey,
}

fn root() -> Root {
    let (private, _) = SigningKey::generate().unwrap();
    let public = RootKey::new(private.public_key());
    Root { private, public }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Certifies one key for reports, changes it, publishes the keys.
fn published(root: &Root, change: impl FnOnce(&mut Draft, KeyId)) -> (KeyId, Vec<u8>) {
    let mut draft = Draft::first();
    let key_id =
        draft.add_key(Use::Report, SigningKey::generate().unwrap().0.public_key(), "disclosure", None).unwrap();
    draft.add_key(Use::Ledger, SigningKey::generate().unwrap().0.public_key(), "ledger", None).unwrap();
    change(&mut draft, key_id);
    let (trust, _) = draft.sign(&root.private, 0).unwrap();
    (key_id, PublishedKeys::of_trust(&trust, &root.public, day("2026-11-22")).sign(&root.private).unwrap())
}

#[test]
fn a_key_counts_from_its_first_day_to_its_last_both_included() {
    let root = root();
    let (key_id, bytes) = published(&root, |draft, key_id| {
        draft.begin_key(key_id, day("2026-11-02")).unwrap();
        draft.retire_key(key_id, day("2026-11-20")).unwrap();
    });
    let keys = PublishedKeys::verify(&bytes, None).unwrap();
    assert_eq!(keys.keys().len(), 1, "keys of ledgers are nobody else's business");
    for inside in ["2026-11-02", "2026-11-10", "2026-11-20"] {
        assert_eq!(keys.counts_on(key_id, day(inside)).unwrap().holder, "disclosure");
    }
    assert!(matches!(keys.counts_on(key_id, day("2026-11-01")), Err(KeyRefusal::NotYet { .. })));
    assert!(matches!(keys.counts_on(key_id, day("2026-11-21")), Err(KeyRefusal::Retired { .. })));
    let stranger = SigningKey::generate().unwrap().0.key_id();
    assert_eq!(keys.counts_on(stranger, day("2026-11-10")), Err(KeyRefusal::Unknown(stranger)));
}

/// Who starts with a key asks the trust file; who checks a report asks what was published of it. Both hear the same.
#[test]
fn a_key_that_may_sign_today_is_one_whose_report_of_today_counts() {
    let root = root();
    let mut draft = Draft::first();
    let mut keys = Vec::new();
    for _ in 0..4 {
        let key = SigningKey::generate().unwrap().0.public_key();
        keys.push(draft.add_key(Use::Report, key, "disclosure", None).unwrap());
    }
    let ledger = SigningKey::generate().unwrap().0.public_key();
    let ledger = draft.add_key(Use::Ledger, ledger, "ledger", None).unwrap();
    let [plain, later, retired, revoked] = keys.clone().try_into().unwrap();
    draft.begin_key(later, day("2026-11-22")).unwrap();
    draft.retire_key(retired, day("2026-11-20")).unwrap();
    draft.revoke_dated_key(revoked, day("2026-11-21"), RevocationReason::Lost).unwrap();
    let (trust, _) = draft.sign(&root.private, 0).unwrap();
    let published = PublishedKeys::of_trust(&trust, &root.public, day("2026-11-22"));
    for today in ["2026-11-20", "2026-11-21", "2026-11-22"].map(day) {
        for key in keys.iter().chain([&ledger]) {
            let counts = published.counts_on(*key, today).map(drop);
            assert_eq!(trust.report_key_on(*key, today), counts, "{key} on {today}");
        }
        assert_eq!(trust.report_key_on(plain, today), Ok(()));
        assert_eq!(trust.report_key_on(ledger, today), Err(KeyRefusal::Unknown(ledger)), "a ledger's signs no report");
        assert!(matches!(trust.report_key_on(revoked, today), Err(KeyRefusal::Revoked { .. })));
    }
    assert!(matches!(trust.report_key_on(later, day("2026-11-21")), Err(KeyRefusal::NotYet { .. })));
    assert!(matches!(trust.report_key_on(retired, day("2026-11-21")), Err(KeyRefusal::Retired { .. })));
}

#[test]
fn nothing_that_a_revoked_key_signed_counts_whatever_its_day() {
    let root = root();
    let (key_id, bytes) = published(&root, |draft, key_id| {
        draft.retire_key(key_id, day("2026-11-20")).unwrap();
        draft.revoke_dated_key(key_id, day("2026-11-21"), RevocationReason::Compromised).unwrap();
        // Not taken back, and not made later.
        assert!(draft.revoke_dated_key(key_id, day("2026-11-22"), RevocationReason::Lost).is_err());
        assert!(draft.retire_key(key_id, day("2026-11-22")).is_err());
        assert_eq!(draft.signing(Use::Report).count(), 0);
    });
    let keys = PublishedKeys::verify(&bytes, Some(&root.public)).unwrap();
    for any in ["2020-01-01", "2026-11-21", "2030-01-01"] {
        let refused = keys.counts_on(key_id, day(any)).unwrap_err();
        let KeyRefusal::Revoked { revocation, .. } = refused else { unreachable!("{refused}") };
        assert_eq!((revocation.at, revocation.reason), (Some(day("2026-11-21")), RevocationReason::Compromised));
    }
}

#[test]
fn a_file_that_the_root_did_not_sign_is_not_used() {
    let root = root();
    let (_, bytes) = published(&root, |draft, key_id| draft.retire_key(key_id, day("2026-11-20")).unwrap());
    let text = String::from_utf8(bytes.clone()).unwrap();
    for (from, to) in
        [("2026-11-20", "2026-12-20"), ("\"disclosure\"", "\"another\""), ("\"serial\": 1", "\"serial\": 2")]
    {
        assert!(text.contains(from), "{from}");
        let changed = text.replace(from, to);
        assert_eq!(PublishedKeys::verify(changed.as_bytes(), None), Err(ParseTrustError::BadSignature), "{to}");
    }
    // Somebody else's file holds together, and is not that of the root that is expected.
    let other = self::root();
    let (_, others) = published(&other, |_, _| {});
    assert!(PublishedKeys::verify(&others, None).is_ok());
    assert!(matches!(PublishedKeys::verify(&others, Some(&root.public)), Err(ParseTrustError::OtherRoot { .. })));
    for none in [&b""[..], b"{}", b"[]", b"null", br#"{"published":{},"root":"ed-","signature":""}"#] {
        assert_eq!(PublishedKeys::verify(none, None), Err(ParseTrustError::NotATrustFile));
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        *changed.get_mut(place).unwrap() ^= 1;
        if let Ok(read) = PublishedKeys::verify(&changed, None) {
            // Spaces between members are nobody's.
            assert_eq!(read, PublishedKeys::verify(&bytes, None).unwrap(), "byte {place}");
        }
    }
}

#[test]
fn only_keys_for_reports_have_days() {
    let mut draft = Draft::first();
    let ledger = draft.add_key(Use::Ledger, SigningKey::generate().unwrap().0.public_key(), "ledger", None).unwrap();
    assert!(
        draft.retire_key(ledger, day("2026-11-20")).is_err() && draft.begin_key(ledger, day("2026-11-20")).is_err()
    );
    assert!(draft.revoke_dated_key(ledger, day("2026-11-20"), RevocationReason::Lost).is_err());
    assert_eq!(
        (draft.use_of(ledger), draft.use_of(SigningKey::generate().unwrap().0.key_id())),
        (Some(Use::Ledger), None)
    );
}

#[test]
fn keys_for_notices_are_published_apart_and_count_by_day_for_notices_alone() {
    let root = root();
    let (old, new) = (SigningKey::generate().unwrap().0, SigningKey::generate().unwrap().0);
    let mut draft = Draft::first();
    draft.add_key(Use::Notice, old.public_key(), "notifier", None).unwrap();
    draft.add_key(Use::Notice, new.public_key(), "notifier", None).unwrap();
    assert!(draft.add_key(Use::Report, new.public_key(), "disclosure", None).is_err(), "a key has one use");
    draft.retire_key(old.key_id(), day("2026-11-22")).unwrap();
    draft.begin_key(new.key_id(), day("2026-11-22")).unwrap();
    let publish = |draft: Draft| {
        let (trust, _) = draft.sign(&root.private, 0).unwrap();
        let bytes = PublishedKeys::of_trust(&trust, &root.public, day("2026-11-22")).sign(&root.private).unwrap();
        (PublishedKeys::verify(&bytes, Some(&root.public)).unwrap(), trust)
    };
    let (keys, trust) = publish(draft);
    let on = |keys: &PublishedKeys, at: &str| keys.notice_keys_on(day(at)).map(|key| key.key_id).collect::<Vec<_>>();
    assert_eq!(on(&keys, "2026-11-21"), [old.key_id()]);
    assert_eq!(on(&keys, "2026-11-22"), [old.key_id(), new.key_id()]);
    assert_eq!(on(&keys, "2026-11-23"), [new.key_id()]);
    assert!(keys.keys().is_empty());
    assert!(matches!(keys.counts_on(new.key_id(), day("2026-11-23")), Err(KeyRefusal::Unknown(_))));
    let mut draft = trust.draft();
    draft.revoke_dated_key(new.key_id(), day("2026-11-24"), RevocationReason::Lost).unwrap();
    assert_eq!(on(&publish(draft).0, "2026-11-23"), []);
}

#[test]
fn a_file_without_keys_for_notices_is_what_it_was_before_there_were_any() {
    let root = root();
    let (_, bytes) = published(&root, |_, _| {});
    assert!(!String::from_utf8(bytes).unwrap().contains("notice"));
}

#[test]
fn keys_for_checkpoints_are_published_beside_those_for_reports_until_they_are_revoked() {
    let (root_key, _) = SigningKey::generate().unwrap();
    let root = RootKey::new(root_key.public_key());
    let day = "2026-11-23".parse().unwrap();
    let mut draft = Draft::first();
    let keys = [(); 2].map(|()| SigningKey::generate().unwrap().0.public_key());
    for key in keys {
        draft.add_key(Use::History, key, "audit", None).unwrap();
    }
    let published = |draft: Draft| {
        let (trust, _) = draft.sign(&root_key, 0).unwrap();
        let bytes = PublishedKeys::of_trust(&trust, &root, day).sign(&root_key).unwrap();
        PublishedKeys::verify(&bytes, Some(&root)).unwrap()
    };
    let of = |draft: &Draft| published(draft.clone()).of_history().map(|key| key.public_key).collect::<Vec<_>>();
    assert_eq!(of(&draft), keys);
    draft.revoke_key(keys[0].key_id(), 7).unwrap();
    assert_eq!(of(&draft), keys[1..]);
    assert!(published(draft).keys().is_empty());
    let mut twice = Draft::first();
    twice.add_key(Use::Report, keys[0], "disclosure", None).unwrap();
    assert!(twice.add_key(Use::History, keys[0], "audit", None).is_err());
}
