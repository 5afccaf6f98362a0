//! A package from the gate to somebody who has nothing but `rage`, `tar`, `egide verify` and the published keys.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use egide::exit::Exit;
use egide::verify::{Found, read, read_keys, verify_package};
use serde_json::Value;
use tempfile::TempDir;

mod up;
use up::{Up, consent, disclose, egide, open_case, told};

/// Set where pages must be in the package: `ops/test` says so once `egide-typeset` stands beside `egide`. Elsewhere they are looked at
/// where that was so when the service started.
const PAGES: &str = "EGIDE_PAGES";

const RAGE: &str = "rage-0.12.1";

const CASE: &str = "018f3a5e-0000-7000-8000-000000000001";
const PERSON: &str = "018f3a5e-0000-7000-8000-000000000002";
const ORGANIZATION: &str = "018f3a5e-0000-7000-8000-000000000003";
const UNIT: &str = "018f3a5e-0000-7000-8000-000000000004";
const OTHER_UNIT: &str = "018f3a5e-0000-7000-8000-000000000006";

/// The standard command that opens age files, as `ops/lib/tools.sh` installs it.
fn rage(program: &str) -> PathBuf {
    let named = std::env::var_os("EGIDE_RAGE").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let rage = named.unwrap_or_else(|| root.join(".tools").join(RAGE).join("bin/rage"));
    let path = rage.with_file_name(program);
    assert!(
        path.is_file(),
        "`{}` is not there: set EGIDE_RAGE to a rage beside its rage-keygen, or run ops/test, which installs one",
        path.display()
    );
    path
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "en_CA.UTF-8").stdin(Stdio::null()).output().expect("it runs")
}

fn register_units(data: &Path) {
    let done = |arguments: &[&str]| up::done(data, arguments);
    let named = ["--name-en", "Coast City Police", "--name-fr", "Police de Coast City", "--jurisdiction", "bc"];
    let kind = ["--kind", "investigating-agency"];
    done(&[&["directory", "organization", ORGANIZATION, "--verified"], &named[..], &kind].concat());
    let purpose = ["--purpose", "investigation"];
    for unit in [UNIT, OTHER_UNIT] {
        done(&[&["directory", "unit", ORGANIZATION, unit], &named[..], &kind, &purpose].concat());
    }
    done(&[&["directory", "agreement", ORGANIZATION, "--category", "situation"], &purpose[..]].concat());
}

/// A case that may be told to the unit; the referral.
fn release(data: &Path) -> String {
    open_case(data, CASE, PERSON);
    consent(data, CASE, PERSON, UNIT);
    let permitted = disclose(data, CASE, UNIT);
    permitted.pointer("/decision/referralId").and_then(Value::as_str).expect("a referral").to_owned()
}

/// A pair of keys in a file, as a unit makes one; its public key.
fn pair(file: &Path) -> String {
    let made = run(&rage("rage-keygen"), &["-o", file.to_str().unwrap()]);
    assert!(made.status.success(), "{}", told(&made));
    let text = std::fs::read_to_string(file).unwrap();
    let public = text.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("a public key");
    public.to_owned()
}

fn opens(package: &Path, key: &Path, into: &Path) -> bool {
    let arguments = ["-d", "-i", key.to_str().unwrap(), "-o", into.to_str().unwrap(), package.to_str().unwrap()];
    run(&rage("rage"), &arguments).status.success()
}

/// `egide verify` far from any installation: the two files, and nothing else.
fn verify(elsewhere: &Path, file: &Path, keys: &Path, lang: &str) -> (Option<i32>, String) {
    let data = elsewhere.join("none");
    let arguments = ["--lang", lang, "verify", file.to_str().unwrap(), "--keys", keys.to_str().unwrap()];
    let output = egide(&data, &arguments);
    assert!(!data.exists());
    (output.status.code(), told(&output))
}

#[test]
fn a_package_opens_with_rage_verifies_offline_and_no_byte_of_it_can_be_another() {
    let (data, away) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let at = |name: &str| away.path().join(name);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (ours, theirs) = (pair(&at("key.txt")), pair(&at("other.txt")));
    let done = |arguments: &[&str]| up::done(data.path(), arguments);
    let up = Up::start(data.path());
    register_units(data.path());
    let add = ["directory", "encryption", "add", ORGANIZATION];
    // The whole file of a pair, private key and all, given by mistake.
    let pasted = format!("@{}", text(&at("key.txt")));
    let refused = egide(data.path(), &[&add[..], &[UNIT, &pasted, "--label", "desk"]].concat());
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(told(&refused).contains("PRIVATE") && !told(&refused).contains("SECRET-KEY"), "{}", told(&refused));
    done(&[&add[..], &[UNIT, &ours, "--label", "duty desk"]].concat());
    done(&[&add[..], &[OTHER_UNIT, &theirs, "--label", "other desk"]].concat());
    assert!(done(&["directory", "encryption", "list", ORGANIZATION]).contains("duty desk"));

    let referral = release(data.path());
    let package = at("referral.age");
    let packed = done(&["package", &referral, "--out", &text(&package), "--received-by", "courier 7", "--json"]);
    let packed: Value = serde_json::from_str(&packed).unwrap();
    let pages = packed.pointer("/pages").and_then(Value::as_str).unwrap() == "PACKAGE_PAGES_INCLUDED";
    assert!(pages || std::env::var_os(PAGES).is_none(), "{packed}");
    let again = egide(data.path(), &["package", &referral, "--out", &text(&package), "--received-by", "courier 7"]);
    assert_eq!(again.status.code(), Some(6), "no delivery for a file that is there: {}", told(&again));
    done(&["referrals", "package", &referral, "--unit", UNIT, "--out", &text(&at("fetched.age"))]);
    done(&["keys", "published", "--out", &text(&at("keys.json"))]);
    drop(up);

    let (archive, folder, keys) = (at("package.tar"), at("package"), at("keys.json"));
    assert!(opens(&package, &at("key.txt"), &archive) && opens(&at("fetched.age"), &at("key.txt"), &at("fetched.tar")));
    assert!(!opens(&package, &at("other.txt"), &at("never")), "another unit's key opens nothing");
    let sealed = std::fs::read(&package).unwrap();
    for place in (0..sealed.len()).step_by(sealed.len() / 12) {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        std::fs::write(at("changed.age"), changed).unwrap();
        assert!(!opens(&at("changed.age"), &at("key.txt"), &at("never")), "byte {place} could be another");
    }

    assert_eq!(verify(away.path(), &package, &keys, "en").0, Some(10), "it is still encrypted");
    let (exit, genuine) = verify(away.path(), &archive, &keys, "en");
    assert_eq!(exit, Some(0), "{genuine}");
    for said in ["GENUINE", "It proves", "It does not prove", "not recalled since", "root ed-"] {
        assert!(genuine.contains(said), "{said}: {genuine}");
    }
    std::fs::create_dir(&folder).unwrap();
    assert!(run(Path::new("tar"), &["-xf", &text(&archive), "-C", &text(&folder)]).status.success());
    let (exit, genuine) = verify(away.path(), &folder, &keys, "fr");
    assert_eq!(exit, Some(0), "{genuine}");
    assert!(genuine.contains("AUTHENTIQUE") && genuine.contains("Cela ne prouve pas"), "{genuine}");
    let pdf = std::fs::read(folder.join("referral.pdf")).ok();
    assert_eq!(pdf.as_ref().map(|pdf| pdf.starts_with(b"%PDF-")), pages.then_some(true));
    no_byte_can_be_another(&archive, &folder, &keys);
    if pdf.is_some() {
        // What the manifest lists is there.
        std::fs::rename(folder.join("referral.pdf"), at("referral.pdf")).unwrap();
        assert_eq!(verify(away.path(), &folder, &keys, "en").0, Some(8), "pages that were listed are missing");
        std::fs::rename(at("referral.pdf"), folder.join("referral.pdf")).unwrap();
    }
    std::fs::write(folder.join("more.txt"), "more").unwrap();
    assert_eq!(verify(away.path(), &folder, &keys, "en").0, Some(8), "nothing else stands in the folder");
    std::fs::remove_file(folder.join("more.txt")).unwrap();

    // The key is followed by another one: what it signed counts on. Then it turns out that somebody has it.
    let root_key = text(&data.path().join("keys/root.key"));
    let signed: Value = serde_json::from_slice(&std::fs::read(folder.join("referral.json.sig")).unwrap()).unwrap();
    let key_id = signed.pointer("/key_id").and_then(Value::as_str).unwrap();
    done(&["trust", "rotate-report", "--root-key", &root_key]);
    done(&["keys", "published", "--out", &text(&at("rotated.json"))]);
    let (exit, rotated) = verify(away.path(), &folder, &at("rotated.json"), "en");
    assert_eq!(exit, Some(0), "{rotated}");
    done(&["trust", "revoke-key", key_id, "--reason", "compromised", "--root-key", &root_key]);
    done(&["keys", "published", "--out", &text(&at("revoked.json"))]);
    let (exit, revoked) = verify(away.path(), &archive, &at("revoked.json"), "en");
    assert_eq!(exit, Some(12), "{revoked}");
    assert!(revoked.contains("KEY REVOKED") && revoked.contains("any day"), "{revoked}");

    // The disclosure service goes on with the new key.
    let up = Up::start(data.path());
    done(&["referrals", "package", &referral, "--unit", UNIT, "--out", &text(&at("newer.age"))]);
    drop(up);
    assert!(opens(&at("newer.age"), &at("key.txt"), &at("newer.tar")));
    let found = read(&at("newer.tar")).unwrap();
    let Found::Package(newer) = found else { unreachable!("a package") };
    let manifest: Value = serde_json::from_slice(newer.part(egide_parcel::Part::Manifest).unwrap()).unwrap();
    assert_ne!(
        manifest.pointer("/key_id").and_then(Value::as_str),
        Some(key_id),
        "the manifest is signed by the new key"
    );
}

/// So many bytes of a file are changed at most: pages have a hundred thousand.
const PLACES_MAX: usize = 800;

/// A dense sample of the archive, and of each of its files once unpacked.
fn no_byte_can_be_another(archive: &Path, folder: &Path, keys: &Path) {
    let keys = read_keys(keys, None, Path::new("nowhere")).unwrap();
    let refused = |path: &Path| match read(path) {
        Ok(Found::Package(package)) => verify_package(&package, &keys).map(drop),
        Ok(Found::Referral(_)) => unreachable!("a package"),
        Err(failure) => Err(failure),
    };
    assert!(refused(archive).is_ok() && refused(folder).is_ok());
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for file in files.chain([archive.to_owned()]) {
        let whole = std::fs::read(&file).unwrap();
        let looked_at = if file == archive { archive } else { folder };
        let step = (whole.len() / PLACES_MAX).max(7);
        for place in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            std::fs::write(&file, &changed).unwrap();
            let failure = refused(looked_at).expect_err("a changed byte");
            assert!(matches!(failure.exit(), Exit::NotVerified | Exit::Unreadable), "{}: byte {place}", file.display());
        }
        std::fs::write(&file, &whole).unwrap();
    }
}
