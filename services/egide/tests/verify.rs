//! Checking a referral offline: the golden file of this version, and everything that can be done to it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use egide::exit::Exit;
use egide::failure::Failure;
use egide::verify::{REPORT_CONTEXT, read_keys, read_referral, verify};
use egide_crypto::digest::sha256;
use egide_crypto::sign::{KeyRing, SigningKey};
use egide_trust::PublishedKeys;
use egide_wire::proto::egide::disclosure::v1::Referral;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn golden() -> (Referral, PublishedKeys) {
    let referral = read_referral(&fixture("referral.json")).unwrap();
    (referral, keys_of(&fixture("verification-keys.json"), &fixture("root.pub")).unwrap())
}

fn keys_of(path: &Path, root: &Path) -> Result<PublishedKeys, Failure> {
    read_keys(path, Some(root), root)
}

fn exit_and_cause(referral: &Referral, keys: &PublishedKeys) -> (Exit, String) {
    let failure = verify(referral, keys).unwrap_err();
    (failure.exit(), failure.to_string())
}

/// The report with one text replaced, and the digest that fits.
fn changed(referral: &Referral, from: &str, to: &str) -> Referral {
    let text = String::from_utf8(referral.report.clone()).unwrap();
    assert!(text.contains(from), "the fixture holds no `{from}`");
    let report = text.replacen(from, to, 1).into_bytes();
    Referral { report_digest: sha256(&report).as_bytes().to_vec(), report, ..referral.clone() }
}

#[test]
fn the_golden_referral_is_genuine() {
    let (referral, keys) = golden();
    let verified = verify(&referral, &keys).unwrap();
    assert_eq!(verified.report.referral_id(), referral.referral_id);
    assert_eq!(verified.report.form(), "investigating-agency/1");
}

#[test]
fn a_flipped_byte_is_not_genuine() {
    let (mut referral, keys) = golden();
    let byte = referral.report.last_mut().unwrap();
    *byte ^= 1;
    let (exit, told) = exit_and_cause(&referral, &keys);
    assert_eq!(exit, Exit::NotVerified);
    assert!(told.contains("does not have the digest"), "{told}");
}

#[test]
fn another_spelling_of_the_same_report_is_not_genuine() {
    let (referral, keys) = golden();
    let (exit, told) = exit_and_cause(&changed(&referral, "{\"", "{ \""), &keys);
    assert_eq!(exit, Exit::NotVerified);
    assert!(told.contains("canonical"), "{told}");
}

#[test]
fn another_content_with_its_own_digest_is_not_genuine() {
    let (referral, keys) = golden();
    let (exit, told) = exit_and_cause(&changed(&referral, "Tidewrack Motel", "Tidewreck Motel"), &keys);
    assert_eq!(exit, Exit::NotVerified);
    assert!(told.contains("signature"), "{told}");
    assert!(!told.contains("Tidewr"), "what stands in the report is not repeated: {told}");
}

#[test]
fn a_report_in_the_envelope_of_another_referral_is_not_genuine() {
    let (mut referral, keys) = golden();
    referral.referral_id = "6f6c1d3c-9d0c-4f2e-8f6b-0d9a6f2b1c11".to_owned();
    let (exit, told) = exit_and_cause(&referral, &keys);
    assert_eq!(exit, Exit::NotVerified);
    assert!(told.contains("another referral"), "{told}");
}

#[test]
fn a_signature_of_somebody_elses_key_is_not_genuine() {
    let (referral, keys) = golden();
    let (stranger, _) = SigningKey::generate().unwrap();
    let signature = stranger.sign(REPORT_CONTEXT, &referral.report).as_bytes().to_vec();
    let forged = Referral { signature: signature.clone(), ..referral.clone() };
    assert_eq!(exit_and_cause(&forged, &keys).0, Exit::NotVerified);
    let named = Referral { key_id: stranger.key_id().to_string(), signature, ..referral };
    assert_eq!(exit_and_cause(&named, &keys).0, Exit::NotVerified);
}

#[test]
fn a_key_that_is_not_published_or_revoked_proves_nothing() {
    let (referral, keys) = golden();
    let (exit, told) = exit_and_cause(&referral, &PublishedKeys::of_ring(&KeyRing::new()));
    assert_eq!(exit, Exit::NotVerified);
    assert!(told.contains(&referral.key_id), "{told}");
    let mut ring = KeyRing::new();
    ring.insert(keys.keys().first().unwrap().public_key, None, Some(1)).unwrap();
    let (exit, told) = exit_and_cause(&referral, &PublishedKeys::of_ring(&ring));
    assert_eq!(exit, Exit::Revoked);
    assert!(told.contains("REVOKED") && told.contains("any day"), "{told}");
}

#[test]
fn a_file_that_holds_no_referral_or_no_keys_is_unreadable_rather_than_false() {
    assert_eq!(read_referral(&fixture("verification-keys.json")).unwrap_err().exit(), Exit::Unreadable);
    assert_eq!(read_referral(&fixture("nothing.json")).unwrap_err().exit(), Exit::Unreadable);
    let root = fixture("root.pub");
    assert_eq!(keys_of(&fixture("referral.json"), &root).unwrap_err().exit(), Exit::Unreadable);
    assert_eq!(keys_of(&fixture("verification-keys.json"), &fixture("none")).unwrap_err().exit(), Exit::Unreadable);
}

#[test]
fn keys_that_the_root_did_not_sign_are_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let (genuine, root) = (fixture("verification-keys.json"), fixture("root.pub"));
    let text = std::fs::read_to_string(&genuine).unwrap();
    let changed = directory.path().join("changed.json");
    std::fs::write(&changed, text.replace("\"disclosure\"", "\"another\"")).unwrap();
    assert_eq!(keys_of(&changed, &root).unwrap_err().exit(), Exit::NotVerified);
    let unsigned = directory.path().join("unsigned.json");
    std::fs::write(&unsigned, serde_json::to_string(&KeyRing::new()).unwrap()).unwrap();
    let failure = keys_of(&unsigned, &root).unwrap_err();
    assert_eq!(failure.exit(), Exit::NotVerified);
    assert!(failure.to_string().contains("signed by no root"), "{failure}");
    let other_root = directory.path().join("root.pub");
    std::fs::write(&other_root, SigningKey::generate().unwrap().0.public_key().to_string()).unwrap();
    assert_eq!(keys_of(&genuine, &other_root).unwrap_err().exit(), Exit::NotVerified);
}

#[test]
fn the_program_tells_false_from_unreadable_by_its_exit_code() {
    let egide = |file: &Path, lang: &str| {
        let keys = fixture("verification-keys.json");
        let program = env!("CARGO_BIN_EXE_egide");
        std::process::Command::new(program)
            .args(["verify", "--lang", lang, "--keys"])
            .arg(keys)
            .arg("--root")
            .arg(fixture("root.pub"))
            .arg(file)
            .output()
            .unwrap()
    };
    let directory = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(fixture("referral.json")).unwrap();
    let tampered = directory.path().join("tampered.json");
    let referral_id = &golden().0.referral_id;
    std::fs::write(&tampered, text.replace(referral_id.as_str(), "6f6c1d3c-9d0c-4f2e-8f6b-0d9a6f2b1c11")).unwrap();
    let torn = directory.path().join("torn.json");
    std::fs::write(&torn, text.get(..text.len() / 2).unwrap()).unwrap();

    let genuine = egide(&fixture("referral.json"), "fr");
    assert_eq!(genuine.status.code(), Some(0));
    assert!(String::from_utf8(genuine.stdout).unwrap().contains("AUTHENTIQUE"));
    assert_eq!(egide(&tampered, "en").status.code(), Some(8));
    let torn = egide(&torn, "en");
    assert_eq!(torn.status.code(), Some(10));
    assert!(torn.stdout.is_empty());
}

/// A typesetter that answers with what it was fed, so that this needs no second workspace; `services/typeset` tests the real one.
#[test]
fn pages_are_made_of_a_genuine_referral_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let stand_in = directory.path().join("egide-typeset");
    std::fs::write(&stand_in, "#!/bin/sh\nprintf %%PDF-\nexec /bin/cat\n").unwrap();
    std::fs::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o700)).unwrap();
    let egide = |file: &Path, output: &Path, typeset: &Path| {
        std::process::Command::new(env!("CARGO_BIN_EXE_egide"))
            .arg("pdf")
            .arg(file)
            .arg("--output")
            .arg(output)
            .arg("--keys")
            .arg(fixture("verification-keys.json"))
            .arg("--root")
            .arg(fixture("root.pub"))
            .arg("--typeset")
            .arg(typeset)
            .output()
            .unwrap()
    };
    let pages = directory.path().join("pages.pdf");
    let made = egide(&fixture("referral.json"), &pages, &stand_in);
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let document = std::fs::read_to_string(&pages).unwrap();
    let digest = sha256(&golden().0.report).to_string();
    assert!(document.contains(digest.get(..4).unwrap()) && document.contains("\"egide.document/1\""));
    assert!(document.contains("Tidewrack Motel"), "it is this report");
    assert_eq!(std::fs::metadata(&pages).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(egide(&fixture("referral.json"), &pages, &stand_in).status.code(), Some(6), "nothing is overwritten");

    let other = directory.path().join("other.pdf");
    let text = std::fs::read_to_string(fixture("referral.json")).unwrap();
    let tampered = directory.path().join("tampered.json");
    let referral_id = &golden().0.referral_id;
    std::fs::write(&tampered, text.replace(referral_id.as_str(), "6f6c1d3c-9d0c-4f2e-8f6b-0d9a6f2b1c11")).unwrap();
    assert_eq!(egide(&tampered, &other, &stand_in).status.code(), Some(8));
    let missing = egide(&fixture("referral.json"), &other, &directory.path().join("nothing"));
    assert_eq!(missing.status.code(), Some(10));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("./ops/typeset"));
    assert!(!other.exists());
}
