//! A signature counts for its key, its context, its message and its position only.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use egide_crypto::sign::{
    BadSignature, KeyId, KeyRing, KeyRingError, Signature, SigningKey, VerifyAtError, VerifyingKey,
};
use proptest::prelude::*;

/// PKCS#8 (RFC 8410) without the public key, up to the 32 bytes of the private one.
const PKCS8_HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// RFC 8032, section 7.1, test 2: message 0x72.
const PRIVATE: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

fn rfc_key() -> SigningKey {
    let private: VerifyingKey = PRIVATE.parse().unwrap();
    SigningKey::from_pkcs8(&[&PKCS8_HEAD[..], private.as_bytes()].concat()).unwrap()
}

#[test]
fn a_key_of_rfc_8032_has_its_public_key() {
    assert_eq!(rfc_key().public_key().to_hex(), PUBLIC);
}

/// Computed apart from this code with the key of RFC 8032, test 2: what is signed is `egide/test/v1`, a zero byte, `r`.
#[test]
fn a_signature_of_the_first_version_is_still_the_same() {
    let signature = rfc_key().sign("egide/test/v1", b"r");
    assert_eq!(
        signature.to_string(),
        "KhLbwpstTL34D88jcFoSLRXzhYX6tAgtLlQHDcyuK/p9M+LyTABJJgVHMFwn+qggFmQKw7nLndLKHKwa4H56Aw=="
    );
    assert_eq!(rfc_key().key_id().to_string(), "ed-39f713d0a644253f");
}

#[test]
fn a_signature_verifies_for_its_own_context_and_message_only() {
    let (key, _) = SigningKey::generate().unwrap();
    let public = key.public_key();
    let signature = key.sign("egide/block/v1", b"message");
    assert_eq!(public.verify("egide/block/v1", b"message", &signature), Ok(()));
    for (context, message) in [
        ("egide/block/v2", &b"message"[..]),
        ("egide/block/v1", b"messagf"),
        ("egide/block/v1", b"messag"),
        ("egide/block/v1m", b"essage"),
        ("egide/block/v1", b"\0message"),
        ("egide/block/v", b"1\0message"),
        ("", b"egide/block/v1\0message"),
        ("egide/block/v1\0message", b""),
    ] {
        assert_eq!(public.verify(context, message, &signature), Err(BadSignature), "`{context}`");
    }
    let (other, _) = SigningKey::generate().unwrap();
    assert_eq!(other.public_key().verify("egide/block/v1", b"message", &signature), Err(BadSignature));
    for bit in 0..Signature::BYTES * 8 {
        let mut bytes = *signature.as_bytes();
        *bytes.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
        let altered = Signature::from_bytes(bytes);
        assert_eq!(public.verify("egide/block/v1", b"message", &altered), Err(BadSignature), "bit {bit}");
    }
}

proptest! {
    /// A zero byte in a context cannot move the border between context and message.
    #[test]
    fn no_context_passes_for_the_beginning_of_a_message(context in "[a-c\0]{0,6}", message in "[a-c\0]{0,6}", cut in any::<prop::sample::Index>()) {
        let key = rfc_key();
        let signature = key.sign(&context, message.as_bytes());
        prop_assert!(key.public_key().verify(&context, message.as_bytes(), &signature).is_ok());
        let whole = format!("{context}\0{message}");
        let (other_context, other_message) = whole.split_at(cut.index(whole.len()));
        let other_message = other_message.strip_prefix('\0').unwrap_or(other_message);
        if other_message != message {
            prop_assert!(key.public_key().verify(other_context, other_message.as_bytes(), &signature).is_err());
        }
    }
}

#[test]
fn a_signing_key_comes_back_from_its_document() {
    let (key, document) = SigningKey::generate().unwrap();
    let again = SigningKey::from_pkcs8(&document).unwrap();
    assert_eq!(again.public_key(), key.public_key());
    assert_eq!(again.key_id(), key.key_id());
    assert_eq!(format!("{key:?}"), format!("SigningKey({}, ..)", key.key_id()));
}

#[test]
fn a_damaged_document_is_refused() {
    let (_, document) = SigningKey::generate().unwrap();
    for length in 0..document.len() {
        assert!(SigningKey::from_pkcs8(document.get(..length).unwrap()).is_err(), "{length} bytes");
    }
    // The public key at its end no longer belongs to the private one.
    let mut altered = document.to_vec();
    *altered.last_mut().unwrap() ^= 1;
    assert!(SigningKey::from_pkcs8(&altered).is_err());
}

#[test]
fn keys_ids_and_signatures_round_trip_as_text() {
    let (key, _) = SigningKey::generate().unwrap();
    let public = key.public_key();
    assert_eq!(public.to_string().parse(), Ok(public));
    assert_eq!(public.to_hex().parse(), Ok(public));
    let id = key.key_id();
    assert_eq!(id.to_string().parse(), Ok(id));
    let signature = key.sign("c", b"m");
    assert_eq!(signature.to_string().parse(), Ok(signature));
    let json = serde_json::to_string(&(public, id, signature)).unwrap();
    assert_eq!(json, format!("[\"{public}\",\"{id}\",\"{signature}\"]"));
    assert_eq!(serde_json::from_str::<(VerifyingKey, KeyId, Signature)>(&json).unwrap(), (public, id, signature));
    for bad in ["", "ed-", "ed-0123456789abcde", "ed-0123456789abcdef0", "rs-0123456789abcdef", "0123456789abcdef"] {
        assert!(bad.parse::<KeyId>().is_err(), "`{bad}`");
    }
    for bad in ["", "AAAA", &public.to_string().replace('=', "=="), &format!("{public} "), &format!("{public}AAAA")] {
        assert!(bad.parse::<VerifyingKey>().is_err(), "`{bad}`");
        assert!(bad.parse::<Signature>().is_err(), "`{bad}`");
    }
}

fn ring_of(key: &SigningKey, valid_from: Option<u64>, revoked_after: Option<u64>) -> KeyRing {
    let mut ring = KeyRing::new();
    ring.insert(key.public_key(), valid_from, revoked_after).unwrap();
    ring
}

#[test]
fn a_key_counts_between_its_positions_both_included() {
    let key = rfc_key();
    let key_id = key.key_id();
    let signature = key.sign("c", b"m");
    let ring = ring_of(&key, Some(10), Some(20));
    let at = |position| ring.verify_at(position, key_id, "c", b"m", &signature);
    assert_eq!(at(9), Err(VerifyAtError::NotYetValid { key_id, valid_from: 10, position: 9 }));
    assert_eq!(at(10), Ok(()));
    assert_eq!(at(20), Ok(()));
    assert_eq!(at(21), Err(VerifyAtError::Revoked { key_id, revoked_after: 20, position: 21 }));

    let open_ended = ring_of(&key, None, None);
    for position in [0, u64::MAX] {
        assert_eq!(open_ended.verify_at(position, key_id, "c", b"m", &signature), Ok(()));
    }
    let bad = open_ended.verify_at(0, key_id, "d", b"m", &signature);
    assert_eq!(bad, Err(VerifyAtError::BadSignature(BadSignature)));
    let unknown = KeyRing::new().verify_at(0, key_id, "c", b"m", &signature);
    assert_eq!(unknown, Err(VerifyAtError::UnknownKey(key_id)));
}

#[test]
fn a_revocation_moves_backwards_only() {
    let key = rfc_key();
    let key_id = key.key_id();
    let mut ring = ring_of(&key, Some(10), None);
    assert_eq!(ring.revoke_after(key_id, 20), Ok(()));
    assert_eq!(ring.revoke_after(key_id, 21), Err(KeyRingError::RevokedEarlier { key_id, revoked_after: 20 }));
    assert_eq!(ring.revoke_after(key_id, 15), Ok(()));
    let before = KeyRingError::EndsBeforeItBegins { key_id, valid_from: 10, revoked_after: 9 };
    assert_eq!(ring.revoke_after(key_id, 9), Err(before));
    assert_eq!(ring.get(key_id).unwrap().revoked_after(), Some(15));
    assert_eq!(KeyRing::new().revoke_after(key_id, 1), Err(KeyRingError::Unknown(key_id)));
    assert_eq!(ring.insert(key.public_key(), None, None), Err(KeyRingError::Repeated(key_id)));
}

#[test]
fn a_ring_is_published_and_read_back() {
    let (other, _) = SigningKey::generate().unwrap();
    let mut ring = ring_of(&rfc_key(), Some(1), Some(u64::MAX));
    ring.insert(other.public_key(), None, None).unwrap();
    let json = serde_json::to_string(&ring).unwrap();
    assert_eq!(serde_json::from_str::<KeyRing>(&json).unwrap(), ring);
}

#[test]
fn a_published_ring_keeps_the_form_it_was_first_published_in() {
    let key = rfc_key();
    let json = format!(
        r#"{{"version":1,"keys":[{{"key_id":"{}","public_key":"{}","valid_from":3,"revoked_after":9}}]}}"#,
        key.key_id(),
        key.public_key()
    );
    assert_eq!(serde_json::to_string(&ring_of(&key, Some(3), Some(9))).unwrap(), json);
}

#[test]
fn a_published_ring_that_does_not_hold_together_is_refused() {
    let key = rfc_key();
    let entry = format!(r#""key_id":"{}","public_key":"{}""#, key.key_id(), key.public_key());
    let (other, _) = SigningKey::generate().unwrap();
    let swapped = format!(r#""key_id":"{}","public_key":"{}""#, other.key_id(), key.public_key());
    let ring = |keys: String| format!(r#"{{"version":1,"keys":[{keys}]}}"#);
    assert!(serde_json::from_str::<KeyRing>(&ring(format!("{{{entry}}}"))).is_ok());
    for (bad, says) in [
        (ring(format!("{{{swapped}}}")), "stands beside the key of"),
        (ring(format!("{{{entry}}},{{{entry}}}")), "stands in the ring already"),
        (ring(format!(r#"{{{entry},"valid_from":2,"revoked_after":1}}"#)), "before it is valid"),
        (ring(format!(r#"{{{entry},"valid_from":-1}}"#)), "invalid value"),
        (ring(format!(r#"{{{entry},"only_for":"blocks"}}"#)), "unknown field"),
        (ring(r#"{"key_id":"ed-0123456789abcdef"}"#.to_owned()), "missing field"),
        (r#"{"version":2,"keys":[]}"#.to_owned(), "version `2`"),
        (r#"{"keys":[]}"#.to_owned(), "missing field"),
    ] {
        let error = serde_json::from_str::<KeyRing>(&bad).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
