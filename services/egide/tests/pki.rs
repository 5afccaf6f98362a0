//! `egide pki` as an operator types it, and what another TLS library says to what it makes.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn egide(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egide"));
    command.arg("--data").arg(data).args(arguments).env("LC_ALL", "en_CA.UTF-8").output().expect("the binary runs")
}

fn shown(data: &Path) -> Vec<Value> {
    let output = egide(data, &["pki", "show", "--json"]);
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn done(data: &Path, arguments: &[&str]) -> String {
    let output = egide(data, arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_authority_is_made_issues_shows_and_renews() {
    let data = TempDir::new().unwrap();
    let nothing = egide(data.path(), &["pki", "issue", "ledger"]);
    assert_eq!(nothing.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("egide pki init"));

    done(data.path(), &["pki", "init", "--trust-domain", "egide.example.ca"]);
    done(data.path(), &["pki", "issue", "ledger", "nats", "--host", "ledger.example.ca", "--hours", "48"]);
    let first = shown(data.path());
    let identities: Vec<&str> = first.iter().filter_map(|one| one["identity"].as_str()).collect();
    assert_eq!(identities, ["spiffe://egide.example.ca/ledger", "spiffe://egide.example.ca/nats"]);

    // Nothing is due; all of them only if asked for.
    done(data.path(), &["pki", "renew"]);
    assert_eq!(shown(data.path()), first);
    assert!(done(data.path(), &["pki", "renew", "--all"]).contains("ledger: counts until"));
    let second = shown(data.path());
    assert_ne!(second.first().unwrap()["serial"], first.first().unwrap()["serial"]);
    let other = egide(data.path(), &["pki", "init", "--trust-domain", "elsewhere.example"]);
    assert_eq!(other.status.code(), Some(10));
    let printed = done(data.path(), &["pki", "show", "--lang", "fr"]);
    assert!(printed.contains("egide.example.ca") && !printed.contains("PRIVATE"));
}
