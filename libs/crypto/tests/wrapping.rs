//! A wrapped data key unwraps in its own entry, under its own epoch's key, and not otherwise.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use egide_crypto::seal::{DataKey, OpenError, SealedRecord, open, seal};
use egide_crypto::wrap::{
    Epoch, KeyEncryptionKey, ParseEpochError, ParseKeyError, ParseWrappedKeyError, UnwrapError, WrappedKey,
};
use proptest::prelude::*;

/// Bytes 0 to 31.
const KEY_HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// Computed apart from this code: 32 bytes of 0x44 for the entry `k1`, epoch `e1`, salt 0x55…, nonce 0x66….
const WRAPPED_V1: &str = concat!(
    "010265315555555555555555555555555555555555555555555555555555555555555555666666666666666666666666",
    "9ee7d6878848cdd98cac1ebb3c9def7d25c0cadead9fd7bf8359836381eb194cf3a8965b4cd620f7a5bb5a47b25ba6c9",
    "f1c1f0d4254abc2e70e46c5bf0a7607fe73936920cdea7fc2f8cdfe6e72070ac",
);

fn epoch(name: &str) -> Epoch {
    name.parse().unwrap()
}

fn wrapped_v1() -> Vec<u8> {
    bytes_of(WRAPPED_V1)
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let nibbles: Vec<u8> = hex.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    nibbles.as_chunks::<2>().0.iter().map(|[high, low]| (high << 4) | low).collect()
}

fn same(left: &DataKey, right: &DataKey) -> bool {
    open(right, &seal(left, b"", b"probe").unwrap(), b"").is_ok()
}

#[test]
fn a_wrapped_key_comes_back_from_its_bytes() {
    let key_encryption_key = KeyEncryptionKey::generate(epoch("2026-q4")).unwrap();
    let key = DataKey::generate().unwrap();
    let bytes = key_encryption_key.wrap(&key, "person-1").unwrap().to_bytes();
    let wrapped = WrappedKey::from_bytes(&bytes).unwrap();
    assert_eq!(wrapped.epoch(), &epoch("2026-q4"));
    assert!(same(&key, &key_encryption_key.unwrap(&wrapped, "person-1").unwrap()));
}

/// Backups may hold keys of the first version for ever.
#[test]
fn a_wrapped_key_of_the_first_version_still_unwraps() {
    let key_encryption_key = KeyEncryptionKey::parse(epoch("e1"), KEY_HEX).unwrap();
    let wrapped = WrappedKey::from_bytes(&wrapped_v1()).unwrap();
    assert_eq!(wrapped.to_bytes(), wrapped_v1());
    let key = key_encryption_key.unwrap(&wrapped, "k1").unwrap();
    // A record that 32 bytes of 0x44 sealed, computed apart as well: it opens under no other key.
    let record = SealedRecord {
        salt: [0x11; 32],
        nonce: [0x22; 12],
        ciphertext: bytes_of("63242a51601012422eea8fc7b6090e85935260553a"),
        commitment: bytes_of("d93c275147f07169cf87622acaab583a11e9875305c094905fbec452cb03bebc").try_into().unwrap(),
    };
    assert_eq!(open(&key, &record, b"").unwrap().as_slice(), b"probe");
}

#[test]
fn a_wrapped_key_does_not_unwrap_in_another_entry() {
    let key_encryption_key = KeyEncryptionKey::parse(epoch("e1"), KEY_HEX).unwrap();
    let wrapped = WrappedKey::from_bytes(&wrapped_v1()).unwrap();
    for other in ["", "k", "k2", "k11", "K1"] {
        let refused = key_encryption_key.unwrap(&wrapped, other).unwrap_err();
        assert_eq!(refused, UnwrapError::Open(OpenError::Tampered), "`{other}`");
    }
}

#[test]
fn a_wrapped_key_does_not_unwrap_under_another_epoch_or_another_key() {
    let wrapped = WrappedKey::from_bytes(&wrapped_v1()).unwrap();
    let later = KeyEncryptionKey::parse(epoch("e2"), KEY_HEX).unwrap();
    let refused = later.unwrap(&wrapped, "k1").unwrap_err();
    assert_eq!(refused, UnwrapError::OtherEpoch { wrapped: epoch("e1"), key: epoch("e2") });
    let impostor = KeyEncryptionKey::generate(epoch("e1")).unwrap();
    assert_eq!(impostor.unwrap(&wrapped, "k1").unwrap_err(), UnwrapError::Open(OpenError::WrongKey));
}

#[test]
fn an_epoch_written_over_in_the_bytes_does_not_unwrap_even_under_the_same_key() {
    let mut bytes = wrapped_v1();
    *bytes.get_mut(3).unwrap() = b'2';
    let wrapped = WrappedKey::from_bytes(&bytes).unwrap();
    let later = KeyEncryptionKey::parse(epoch("e2"), KEY_HEX).unwrap();
    assert_eq!(later.unwrap(&wrapped, "k1").unwrap_err(), UnwrapError::Open(OpenError::Tampered));
}

#[test]
fn a_wrapped_key_with_any_flipped_bit_is_refused() {
    let key_encryption_key = KeyEncryptionKey::parse(epoch("e1"), KEY_HEX).unwrap();
    for bit in 0..wrapped_v1().len() * 8 {
        let mut bytes = wrapped_v1();
        *bytes.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
        let unwrapped = WrappedKey::from_bytes(&bytes).map(|wrapped| key_encryption_key.unwrap(&wrapped, "k1"));
        assert!(!matches!(unwrapped, Ok(Ok(_))), "bit {bit}");
    }
}

#[test]
fn bytes_that_are_no_wrapped_key_are_refused() {
    let whole = wrapped_v1();
    for length in 0..whole.len() {
        assert_eq!(WrappedKey::from_bytes(whole.get(..length).unwrap()), Err(ParseWrappedKeyError::Form), "{length}");
    }
    assert_eq!(WrappedKey::from_bytes(&[whole.as_slice(), &[0]].concat()), Err(ParseWrappedKeyError::Form));
    for version in [0, 2, 255] {
        let mut bytes = whole.clone();
        *bytes.first_mut().unwrap() = version;
        assert_eq!(WrappedKey::from_bytes(&bytes), Err(ParseWrappedKeyError::Version(version)));
    }
}

#[test]
fn a_key_encryption_key_is_read_in_every_form_it_may_be_kept_in() {
    let wrapped = WrappedKey::from_bytes(&wrapped_v1()).unwrap();
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for text in [
        KEY_HEX,
        &KEY_HEX.to_uppercase(),
        base64,
        base64.trim_end_matches('='),
        &format!("{base64}\n"),
        &format!("  {KEY_HEX}\r\n"),
    ] {
        let key = KeyEncryptionKey::parse(epoch("e1"), text).unwrap();
        assert!(key.unwrap(&wrapped, "k1").is_ok(), "{text:?}");
        assert_eq!(key.to_base64().as_str(), base64);
    }
}

#[test]
fn a_text_that_is_no_key_is_refused_and_not_repeated() {
    for text in ["", "secret", KEY_HEX.strip_suffix('f').unwrap(), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg=="] {
        assert_eq!(KeyEncryptionKey::parse(epoch("e1"), text).unwrap_err(), ParseKeyError::Form, "`{text}`");
    }
    for text in [&"00".repeat(32), &"ff".repeat(32)] {
        assert_eq!(KeyEncryptionKey::parse(epoch("e1"), text).unwrap_err(), ParseKeyError::Placeholder, "`{text}`");
    }
    assert!(!ParseKeyError::Form.to_string().contains("secret"));
}

#[test]
fn debug_shows_epochs_and_no_keys() {
    let key = KeyEncryptionKey::parse(epoch("e1"), KEY_HEX).unwrap();
    assert_eq!(format!("{key:?}"), "KeyEncryptionKey(e1, ..)");
    assert_eq!(format!("{:?}", WrappedKey::from_bytes(&wrapped_v1()).unwrap()), "WrappedKey(e1)");
}

#[test]
fn an_epoch_has_a_plain_short_name() {
    for name in ["1", "2026-q4", "a.b_c-1", &"e".repeat(64)] {
        assert_eq!(epoch(name).as_str(), name);
    }
    for name in ["", "E1", "a b", "é", "a\n", "a/b", &"e".repeat(65)] {
        assert_eq!(name.parse::<Epoch>(), Err(ParseEpochError), "`{name}`");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(wrapped) = WrappedKey::from_bytes(&bytes) {
            prop_assert_eq!(wrapped.to_bytes(), bytes);
        }
    }
}
