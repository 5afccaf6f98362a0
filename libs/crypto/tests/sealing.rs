//! What is sealed opens with its own key in its own place, and not otherwise.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use egide_crypto::seal::{DataKey, JoinError, OpenError, SealedRecord, TAG_BYTES, open, seal};
use proptest::prelude::*;

const AAD: &[u8] = b"egide/case-event/v1 case 7 event 3 subject 1";
const PLAINTEXT: &[u8] = b"invented: +1 416 555 0142, after 21:00 only";

fn sealed() -> (DataKey, SealedRecord) {
    let key = DataKey::generate().unwrap();
    let record = seal(&key, AAD, PLAINTEXT).unwrap();
    (key, record)
}

/// Flips every bit in turn of the bytes that `part` selects, and expects `error` each time.
fn every_flipped_bit_of(part: impl Fn(&mut SealedRecord) -> &mut [u8], error: OpenError) {
    let (key, record) = sealed();
    let mut altered = record.clone();
    for bit in 0..part(&mut altered).len() * 8 {
        let mut altered = record.clone();
        *part(&mut altered).get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
        assert_eq!(open(&key, &altered, AAD).unwrap_err(), error, "bit {bit}");
    }
    assert_eq!(open(&key, &record, AAD).unwrap().as_slice(), PLAINTEXT);
}

#[test]
fn a_record_with_another_salt_does_not_open() {
    every_flipped_bit_of(|record| &mut record.salt, OpenError::WrongKey);
}

#[test]
fn a_record_with_another_commitment_does_not_open() {
    every_flipped_bit_of(|record| &mut record.commitment, OpenError::WrongKey);
}

#[test]
fn a_record_with_another_nonce_does_not_open() {
    every_flipped_bit_of(|record| &mut record.nonce, OpenError::Tampered);
}

#[test]
fn a_record_with_another_ciphertext_or_tag_does_not_open() {
    every_flipped_bit_of(|record| &mut record.ciphertext, OpenError::Tampered);
}

#[test]
fn a_record_cut_short_or_made_longer_does_not_open() {
    let (key, record) = sealed();
    for length in 0..record.ciphertext.len() {
        let mut altered = record.clone();
        altered.ciphertext.truncate(length);
        assert_eq!(open(&key, &altered, AAD).unwrap_err(), OpenError::Tampered, "{length} bytes");
    }
    let mut altered = record.clone();
    altered.ciphertext.push(0);
    assert_eq!(open(&key, &altered, AAD).unwrap_err(), OpenError::Tampered);
}

#[test]
fn a_record_does_not_open_in_another_place() {
    let (key, record) = sealed();
    for bit in 0..AAD.len() * 8 {
        let mut elsewhere = AAD.to_vec();
        *elsewhere.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
        assert_eq!(open(&key, &record, &elsewhere).unwrap_err(), OpenError::Tampered, "bit {bit}");
    }
    for elsewhere in [&b""[..], AAD.split_last().unwrap().1, &[AAD, b"0"].concat()] {
        assert_eq!(open(&key, &record, elsewhere).unwrap_err(), OpenError::Tampered);
    }
}

#[test]
fn a_record_does_not_open_under_another_key() {
    let (_, record) = sealed();
    assert_eq!(open(&DataKey::generate().unwrap(), &record, AAD).unwrap_err(), OpenError::WrongKey);
}

#[test]
fn sealing_twice_shares_neither_salt_nor_nonce_nor_ciphertext_nor_commitment() {
    let (key, first) = sealed();
    let second = seal(&key, AAD, PLAINTEXT).unwrap();
    assert_ne!(first.salt, second.salt);
    assert_ne!(first.nonce, second.nonce);
    assert_ne!(first.ciphertext, second.ciphertext);
    assert_ne!(first.commitment, second.commitment);
}

#[test]
fn parts_of_two_records_do_not_combine() {
    let key = DataKey::generate().unwrap();
    let first = seal(&key, AAD, b"first").unwrap();
    let second = seal(&key, AAD, b"other").unwrap();
    let swapped = SealedRecord { ciphertext: second.ciphertext.clone(), ..first.clone() };
    assert_eq!(open(&key, &swapped, AAD).unwrap_err(), OpenError::Tampered);
    let swapped = SealedRecord { nonce: second.nonce, ciphertext: second.ciphertext, ..first };
    assert_eq!(open(&key, &swapped, AAD).unwrap_err(), OpenError::Tampered);
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_again(aad in prop::collection::vec(any::<u8>(), 0..200), plaintext in prop::collection::vec(any::<u8>(), 0..2000)) {
        let key = DataKey::generate().unwrap();
        let record = seal(&key, &aad, &plaintext).unwrap();
        prop_assert_eq!(record.ciphertext.len(), plaintext.len() + TAG_BYTES);
        let opened = open(&key, &record, &aad).unwrap();
        prop_assert_eq!(opened.as_slice(), plaintext.as_slice());
    }

    /// Every order of the same keys gives the same key; every proper part of them, and every renaming, another.
    #[test]
    fn a_joined_key_needs_all_of_its_keys_in_whatever_order(
        ids in prop::collection::btree_set("[a-z0-9-]{1,12}", 2..5),
        seed in any::<prop::sample::Index>(),
    ) {
        let ids: Vec<String> = ids.into_iter().collect();
        let keys: Vec<DataKey> = ids.iter().map(|_| DataKey::generate().unwrap()).collect();
        let all: Vec<(&str, &DataKey)> = ids.iter().map(String::as_str).zip(&keys).collect();
        let record = seal(&DataKey::join(&all).unwrap(), AAD, PLAINTEXT).unwrap();

        let mut rotated = all.clone();
        rotated.rotate_left(seed.index(all.len()));
        rotated.swap(0, 1);
        prop_assert!(open(&DataKey::join(&rotated).unwrap(), &record, AAD).is_ok());

        for key in &keys {
            prop_assert_eq!(open(key, &record, AAD).unwrap_err(), OpenError::WrongKey);
        }
        for subset in 1..(1_usize << all.len()) - 1 {
            let part: Vec<_> =
                all.iter().enumerate().filter(|(index, _)| subset & (1 << index) != 0).map(|(_, key)| *key).collect();
            let joined = DataKey::join(&part).unwrap();
            prop_assert_eq!(open(&joined, &record, AAD).unwrap_err(), OpenError::WrongKey);
        }
        let exchanged: Vec<_> = ids.iter().map(String::as_str).zip(keys.iter().rev()).collect();
        let joined = DataKey::join(&exchanged).unwrap();
        // With an odd number the middle key keeps its name, the others do not: still another key.
        prop_assert_eq!(open(&joined, &record, AAD).unwrap_err(), OpenError::WrongKey);
    }
}

#[test]
fn a_join_of_one_key_is_another_key() {
    let key = DataKey::generate().unwrap();
    let record = seal(&DataKey::join(&[("a", &key)]).unwrap(), AAD, PLAINTEXT).unwrap();
    assert_eq!(open(&key, &record, AAD).unwrap_err(), OpenError::WrongKey);
    assert_eq!(open(&DataKey::join(&[("b", &key)]).unwrap(), &record, AAD).unwrap_err(), OpenError::WrongKey);
    assert!(open(&DataKey::join(&[("a", &key)]).unwrap(), &record, AAD).is_ok());
}

#[test]
fn a_join_of_no_keys_or_of_one_id_twice_is_refused() {
    let (one, other) = (DataKey::generate().unwrap(), DataKey::generate().unwrap());
    assert_eq!(DataKey::join(&[]).unwrap_err(), JoinError::Empty);
    let twice = DataKey::join(&[("a", &one), ("b", &one), ("a", &other)]);
    assert_eq!(twice.unwrap_err(), JoinError::Repeated { key_id: "a".to_owned() });
}
