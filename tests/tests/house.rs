//! The house keeps its order: who may depend on whom.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Direct, normal (not dev, not build) dependencies of every package of the workspace.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let normal = package["dependencies"].as_array().unwrap().iter().filter(|entry| entry["kind"].is_null());
            (name(package), normal.map(name).collect())
        })
        .collect()
}

const PURE: [&str; 3] = ["egide-domain", "egide-redaction", "egide-report"];
const ADAPTERS: [&str; 8] = [
    "egide-eventlog",
    "egide-parcel",
    "egide-passkey",
    "egide-vault",
    "egide-projection",
    "egide-servicekit",
    "egide-testkit",
    "egide-web",
];
const SERVICES: [&str; 7] = [
    "egide-ledger",
    "egide-disclosure",
    "egide-audit",
    "egide-directory",
    "egide-triage",
    "egide-portal",
    "egide-notifier",
];

#[test]
fn the_core_is_pure() {
    // jiff without its features for the system: the time zones are data within the program, the clock stays outside.
    // Searching in text: automata over what is handed to them, no state of their own.
    let searching = ["aho-corasick", "icu_normalizer", "regex", "strsim"];
    let allowed = ["base64", "jiff", "serde", "serde_json", "serde_json_canonicalizer", "thiserror", "zeroize"];
    let dependencies = dependencies();
    for core in PURE {
        for dependency in &dependencies[core] {
            assert!(
                allowed.contains(&dependency.as_str())
                    || searching.contains(&dependency.as_str())
                    || PURE.contains(&dependency.as_str()),
                "{core} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn services_never_depend_on_services_and_nothing_but_the_binary_depends_on_them() {
    for (package, uses) in dependencies() {
        let services: Vec<_> = uses.iter().filter(|name| SERVICES.contains(&name.as_str())).collect();
        assert!(
            services.is_empty() || ["egide", "egide-tests"].contains(&package.as_str()),
            "{package} must not depend on {services:?}"
        );
    }
}

#[test]
fn dependencies_point_from_adapters_to_wire_to_the_core() {
    let dependencies = dependencies();
    let below_wire: BTreeSet<&str> = PURE.into_iter().collect();
    for dependency in dependencies["egide-wire"].iter().filter(|name| name.starts_with("egide-")) {
        assert!(below_wire.contains(dependency.as_str()), "egide-wire must not depend on {dependency}");
    }
    assert!(dependencies["egide-crypto"].iter().all(|name| !name.starts_with("egide-")), "egide-crypto stands alone");
    let of_trust = dependencies["egide-trust"].iter().filter(|name| name.starts_with("egide-"));
    assert!(of_trust.eq(["egide-crypto"]), "egide-trust stands on egide-crypto alone");
    let of_tlog: Vec<_> = dependencies["egide-tlog"].iter().map(String::as_str).collect();
    assert_eq!(of_tlog, ["base64", "egide-crypto", "thiserror"], "egide-tlog is pure but for hashes and signatures");
    for adapter in ADAPTERS {
        for dependency in &dependencies[adapter] {
            assert!(!SERVICES.contains(&dependency.as_str()), "{adapter} must not depend on {dependency}");
        }
    }
}

#[test]
fn each_outside_world_has_one_door() {
    let doors: [(&str, &[&str]); 7] = [
        ("lettre", &["egide-notifier"]),
        ("async-nats", &["egide-eventlog"]),
        ("sled", &["egide-projection"]),
        ("ring", &["egide-crypto"]),
        ("age", &["egide-parcel"]),
        ("webauthn_rp", &["egide-passkey"]),
        ("prost-build", &[]),
    ];
    let dependencies = dependencies();
    for (outside, allowed) in doors {
        for (package, uses) in &dependencies {
            assert!(
                !uses.contains(outside) || allowed.contains(&package.as_str()) || package == "egide-tests",
                "{package} must not depend on {outside}"
            );
        }
    }
}

/// The portal is what stands outside: it has no way to the log, to keys, or to what lies on disk.
#[test]
fn the_portal_has_no_way_to_the_log_or_to_keys() {
    let dependencies = dependencies();
    for package in ["egide-portal", "egide-web"] {
        for ours in
            ["egide-eventlog", "egide-vault", "egide-projection", "egide-trust", "egide-passkey", "egide-parcel"]
        {
            assert!(!dependencies[package].contains(ours), "{package} must not depend on {ours}");
        }
    }
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/portal/src");
    for entry in std::fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let program = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let is_test = path.file_name().is_some_and(|name| name == "texts.rs");
        for door in ["std::fs", "std::env", "process::Command", "SigningKey", "DevIssuer", "LiaisonIssuer"] {
            assert!(is_test || !program.contains(door), "{} must not use {door}", path.display());
        }
    }
}

/// Who calls the outside has no way to what is inside but two calls.
#[test]
fn the_notifier_reaches_neither_log_nor_keys_nor_rows() {
    let uses = &dependencies()["egide-notifier"];
    for inside in
        ["egide-eventlog", "egide-vault", "egide-projection", "egide-parcel", "egide-redaction", "async-nats", "sled"]
    {
        assert!(!uses.contains(inside), "egide-notifier must not depend on {inside}");
    }
}

/// What sets pages is handed what people told, and runs code of three hundred crates: so it stands apart, and reaches nobody.
#[test]
fn the_typesetter_stands_apart_and_reaches_nobody() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (package, uses) in dependencies() {
        assert!(uses.iter().all(|name| !name.starts_with("typst")), "{package} must not depend on typst");
        assert_ne!(package, "egide-typeset", "egide-typeset is a workspace of its own");
    }
    let folder = root.join("services/typeset");
    let lock = std::fs::read_to_string(folder.join("Cargo.lock")).unwrap();
    let names: BTreeSet<&str> =
        lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    assert!(names.contains("typst") && names.contains("egide-typeset"), "the lock file is read");
    let ours: Vec<_> = names.iter().filter(|name| name.starts_with("egide-") && **name != "egide-typeset").collect();
    assert!(ours.is_empty(), "egide-typeset must not depend on {ours:?}");
    for reaching in ["async-nats", "hyper", "reqwest", "ring", "rustls", "native-tls", "socket2", "tokio", "ureq"] {
        assert!(!names.contains(reaching), "egide-typeset must not depend on {reaching}");
    }
    for entry in std::fs::read_dir(folder.join("src")).unwrap() {
        let path = entry.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let program = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        for door in ["std::fs", "std::net", "env::var", "process::Command", "SystemTime", "File::open"] {
            assert!(!program.contains(door), "{} must not use {door}", path.display());
        }
    }
}
