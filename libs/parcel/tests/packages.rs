//! Packages as recipients have them: what is made holds, and nothing else does.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use age::x25519::Identity;
use egide_crypto::sign::{KeyRing, Signature, SigningKey};
use egide_parcel::{
    ArchiveError, Contents, DetachedSignature, EncryptionKey, MANIFEST_CONTEXT, Package, Part, PartsError,
    REPORT_CONTEXT, Refused, check_package,
};
use egide_report::Report;
use egide_trust::{Day, KeyRefusal, PublishedKeys};
use proptest::prelude::*;
use zeroize::Zeroizing;

/// A report of `egide.report/1` with nothing about anybody in it.
const REPORT: &str = r#"{"schema":"egide.report/1","form":{"id":"investigating-agency/1","title":"Report","intro":"About"},"language":"en","labels":"1","referral_id":"6f6c1d3c-9d0c-4f2e-8f6b-0d9a6f2b1c11","case_reference":"C-1","recipient":{"organization":"Example","unit":"Unit"},"purpose":{"code":"investigation","label":"Investigation"},"urgent":{"urgent":false,"label":"Not urgent"},"basis":[],"issued_on":"2026-11-22","people":[],"onward_use":[],"verify":{"digest":"SHA-256","signature":"Ed25519","context":"egide/report/v1","key_id":"KEY","how":"egide verify"},"salt":"AAAA"}"#;

struct Fixture {
    key: SigningKey,
    report: Vec<u8>,
    signature: Signature,
    identity: Identity,
    unit: EncryptionKey,
    keys: PublishedKeys,
}

fn fixture() -> Fixture {
    let (key, _) = SigningKey::generate().unwrap();
    let text = REPORT.replace("KEY", &key.key_id().to_string());
    let report: Report = serde_json::from_str(&text).unwrap();
    let report = report.to_canonical_json().unwrap();
    let signature = key.sign(REPORT_CONTEXT, &report);
    let identity = Identity::generate();
    let unit = identity.to_public().to_string().parse().unwrap();
    let mut ring = KeyRing::new();
    ring.insert(key.public_key(), None, None).unwrap();
    Fixture { key, report, signature, identity, unit, keys: PublishedKeys::of_ring(&ring) }
}

impl Fixture {
    fn contents<'a>(&'a self, pdf: Option<&'a [u8]>) -> Contents<'a> {
        let day: Day = "2026-11-22".parse().unwrap();
        Contents {
            referral_id: "6f6c1d3c-9d0c-4f2e-8f6b-0d9a6f2b1c11",
            issued_on: day,
            packed_on: day,
            report: &self.report,
            report_key: self.key.key_id(),
            report_signature: self.signature,
            pdf,
        }
    }

    fn package(&self, pdf: Option<&[u8]>) -> Package {
        Package::make(&self.contents(pdf), &self.key, std::slice::from_ref(&self.unit)).unwrap()
    }

    fn refuses(&self, archive: &[u8]) -> bool {
        Package::from_archive(archive).ok().is_none_or(|package| check_package(&package, &self.keys).is_err())
    }
}

fn files(package: &Package) -> Vec<(String, Zeroizing<Vec<u8>>)> {
    package.parts().map(|(part, bytes)| (part.name().to_owned(), Zeroizing::new(bytes.to_vec()))).collect()
}

#[test]
fn what_was_packed_is_the_same_every_time_and_holds_every_check() {
    let fixture = fixture();
    for pdf in [None, Some(&b"%PDF-1.7"[..])] {
        let package = fixture.package(pdf);
        let archive = package.to_archive();
        assert_eq!(*fixture.package(pdf).to_archive(), *archive);
        assert_eq!(archive.len() % 512, 0);
        let read = Package::from_archive(&archive).unwrap();
        let checked = check_package(&read, &fixture.keys).unwrap();
        assert_eq!(checked.report.issued_on.to_string(), "2026-11-22");
        assert_eq!(checked.manifest.encrypted_to, [fixture.unit.fingerprint().to_string()]);
        assert_eq!(checked.manifest.files.iter().any(|file| file.name == Part::Pdf.name()), pdf.is_some());
        assert!(check_package(&Package::from_files(files(&read)).unwrap(), &fixture.keys).is_ok());
        let sealed =
            Package::sealed(&fixture.contents(pdf), &fixture.key, std::slice::from_ref(&fixture.unit)).unwrap();
        assert_eq!(age::decrypt(&fixture.identity, &sealed).unwrap(), *archive);
    }
}

/// Every byte of the archive, and so every byte of every part, of every header and of all padding.
#[test]
fn no_byte_of_an_opened_package_can_be_another() {
    let fixture = fixture();
    let archive = fixture.package(Some(b"%PDF-1.7 what stands in the report")).to_archive();
    assert!(!fixture.refuses(&archive));
    for place in 0..archive.len() {
        for change in [0x01, 0x20, 0x80] {
            let mut changed = archive.clone();
            changed[place] ^= change;
            assert!(fixture.refuses(&changed), "byte {place} of {} could be another", archive.len());
        }
    }
    for length in 0..archive.len() {
        assert!(fixture.refuses(&archive[..length]), "its first {length} bytes pass");
    }
    assert!(fixture.refuses(&[archive.as_slice(), &[0; 512]].concat()), "nothing stands behind its end");
}

#[test]
fn no_byte_of_a_file_can_be_another_once_unpacked() {
    let fixture = fixture();
    let unpacked = files(&fixture.package(Some(b"%PDF-1.7")));
    for (index, (name, bytes)) in unpacked.iter().enumerate() {
        for place in 0..bytes.len() {
            let mut changed = unpacked.clone();
            changed[index].1[place] ^= 1;
            let package = Package::from_files(changed).unwrap();
            assert!(check_package(&package, &fixture.keys).is_err(), "byte {place} of {name} could be another");
        }
        let mut longer = unpacked.clone();
        longer[index].1.push(b'\n');
        assert!(check_package(&Package::from_files(longer).unwrap(), &fixture.keys).is_err(), "{name} could be longer");
    }
}

#[test]
fn a_part_that_is_missing_unknown_or_added_is_told() {
    let fixture = fixture();
    let unpacked = files(&fixture.package(Some(b"%PDF-1.7")));
    for (index, part) in Part::ALL.into_iter().enumerate() {
        let mut without = unpacked.clone();
        without.remove(index);
        match Package::from_files(without) {
            Err(PartsError::Archive(ArchiveError::Missing(missing))) => assert_eq!(missing, part),
            Err(other) => unreachable!("{other}"),
            Ok(package) => {
                assert_eq!(part, Part::Pdf);
                assert_eq!(check_package(&package, &fixture.keys).err(), Some(Refused::Listed(Part::Pdf)));
            }
        }
    }
    let mut more = unpacked;
    more.push(("notes.txt".to_owned(), Zeroizing::new(Vec::new())));
    assert_eq!(Package::from_files(more).err(), Some(PartsError::Unknown));
    let mut added = files(&fixture.package(None));
    added.push(("referral.pdf".to_owned(), Zeroizing::new(b"%PDF-1.7 of somebody else".to_vec())));
    let added = Package::from_files(added).unwrap();
    assert_eq!(check_package(&added, &fixture.keys).err(), Some(Refused::Listed(Part::Pdf)));
    let large = vec![("referral.pdf".to_owned(), Zeroizing::new(vec![0; Part::Pdf.bytes_max() + 1]))];
    assert_eq!(Package::from_files(large).err(), Some(PartsError::Archive(ArchiveError::TooLarge(Part::Pdf))));
}

#[test]
fn another_key_signs_nothing_and_a_revoked_one_nothing_any_more() {
    let fixture = fixture();
    let (stranger, _) = SigningKey::generate().unwrap();
    // Somebody who has the package repacks it under a key of their own.
    let repacked = Package::make(&fixture.contents(None), &stranger, std::slice::from_ref(&fixture.unit)).unwrap();
    let refused = check_package(&repacked, &fixture.keys).err();
    assert_eq!(refused, Some(Refused::Key(KeyRefusal::Unknown(stranger.key_id()))));
    // The manifest of one referral beside another report.
    let other = self::fixture();
    let mut mixed = files(&fixture.package(None));
    let theirs = files(&other.package(None));
    for (mine, their) in mixed.iter_mut().zip(theirs).filter(|(mine, _)| mine.0.starts_with("manifest")) {
        *mine = their;
    }
    assert!(check_package(&Package::from_files(mixed).unwrap(), &fixture.keys).is_err());
    // The report's own signature in the place of the manifest's.
    let mut swapped = files(&fixture.package(None));
    let manifest = swapped[0].1.clone();
    let forged = DetachedSignature::sign(&fixture.key, REPORT_CONTEXT, &manifest).to_bytes().unwrap();
    swapped[1].1 = Zeroizing::new(forged);
    let refused = check_package(&Package::from_files(swapped).unwrap(), &fixture.keys).err();
    assert_eq!(refused, Some(Refused::Signature(Part::Manifest)));
    assert_ne!(MANIFEST_CONTEXT, REPORT_CONTEXT);
    let mut ring = KeyRing::new();
    ring.insert(fixture.key.public_key(), None, Some(7)).unwrap();
    let refused = check_package(&fixture.package(None), &PublishedKeys::of_ring(&ring)).err();
    assert!(matches!(refused, Some(Refused::Key(KeyRefusal::Revoked { .. }))));
}

#[test]
fn a_common_tar_opens_the_archive_and_finds_the_files_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = fixture();
    let folder = std::env::temp_dir().join(format!("egide-parcel-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("out")).unwrap();
    let file = folder.join("package.tar");
    let package = fixture.package(Some(b"%PDF-1.7"));
    std::fs::write(&file, &*package.to_archive()).unwrap();
    let tar =
        std::process::Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(folder.join("out")).output().unwrap();
    assert!(tar.status.success() && tar.stderr.is_empty(), "{}", String::from_utf8_lossy(&tar.stderr));
    for (part, bytes) in package.parts() {
        let path = folder.join("out").join(part.name());
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Headers that say anything, around parts of any size.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        Just(&b"manifest.json"[..]),
        Just(&b"manifest.json.sig"[..]),
        Just(&b"referral.json"[..]),
        Just(&b"../../etc/passwd"[..]),
        Just(&b"referral.pdf"[..]),
    ];
    let size = prop_oneof![
        Just("00000000000".to_owned()),
        Just("77777777777".to_owned()),
        Just("00010000000".to_owned()),
        (0_usize..2_000).prop_map(|size| format!("{size:011o}")),
        "[0-9a-z ]{11}",
    ];
    let entry = (name, size, prop::collection::vec(any::<u8>(), 0..1_200)).prop_map(|(name, size, content)| {
        let mut block = vec![0; 512];
        block[..name.len()].copy_from_slice(name);
        block[124..135].copy_from_slice(size.as_bytes());
        block[257..262].copy_from_slice(b"ustar");
        block.extend(content);
        block
    });
    prop::collection::vec(entry, 0..6).prop_map(|entries| entries.concat())
}

proptest! {
    #[test]
    fn hostile_archives_are_refused_and_nothing_else_happens(bytes in hostile()) {
        prop_assert!(Package::from_archive(&bytes).is_err());
    }

    #[test]
    fn any_bytes_are_refused_and_nothing_else_happens(bytes in prop::collection::vec(any::<u8>(), 0..3_000)) {
        prop_assert!(Package::from_archive(&bytes).is_err());
        prop_assert!(DetachedSignature::read(&bytes).is_err());
        prop_assert!(PublishedKeys::verify(&bytes, None).is_err());
    }

    /// Whatever stands in the files, whoever reads them gets a refusal.
    #[test]
    fn files_that_say_anything_are_refused(
        manifest in "\\{\"(schema|files|key_id)\":[0-9\\[\\{\"a-z]{0,40}\\}?",
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let fixture = fixture();
        let mut unpacked = files(&fixture.package(None));
        let signed = DetachedSignature::sign(&fixture.key, MANIFEST_CONTEXT, manifest.as_bytes()).to_bytes().unwrap();
        unpacked[0].1 = Zeroizing::new(manifest.into_bytes());
        unpacked[1].1 = Zeroizing::new(signed);
        let package = Package::from_files(unpacked.clone()).unwrap();
        prop_assert_eq!(check_package(&package, &fixture.keys).err(), Some(Refused::NotAsWritten(Part::Manifest)));
        unpacked[3].1 = Zeroizing::new(bytes);
        let package = Package::from_files(unpacked).unwrap();
        prop_assert!(check_package(&package, &fixture.keys).is_err());
    }
}
