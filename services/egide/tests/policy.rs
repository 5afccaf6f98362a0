//! `egide policy` and `egide shift` as people use them.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_egide");
const STARTED_WITHIN: Duration = Duration::from_secs(120);

fn egide(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.arg("--data").arg(data).args(arguments).env("LC_ALL", "en_CA.UTF-8").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn told(output: &Output) -> String {
    format!("exit {:?}\n{}\n{}", output.status.code(), out(output), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn done(data: &Path, arguments: &[&str]) -> String {
    let output = egide(data, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", told(&output));
    out(&output)
}

/// The shipped files, in a folder of their own; `policy.json` with `from` replaced.
fn written(from: &str, to: &str) -> TempDir {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ops/policy");
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("wordings")).unwrap();
    for name in ["policy.json", "statutes.json", "regimes.json"] {
        let text = std::fs::read_to_string(shipped.join(name)).unwrap();
        let text = if name == "policy.json" { text.replacen(from, to, 1) } else { text };
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    for entry in std::fs::read_dir(shipped.join("wordings")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join("wordings").join(entry.file_name())).unwrap();
    }
    folder
}

fn text(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

#[test]
fn files_are_checked_shown_and_compared_without_any_service() {
    let data = TempDir::new().unwrap();
    let data = data.path();
    let (same, other) = (written("", ""), written("\"life_hours\": 24,", "\"life_hours\": 12,"));
    assert!(done(data, &["policy", "check", text(&same)]).starts_with("Every file is valid."));
    let french = done(data, &["policy", "show", "--lang", "fr"]);
    assert!(french.contains("SANS CONSENTEMENT") && french.contains("danger imminent"), "{french}");
    let shown: Value =
        serde_json::from_str(&done(data, &["policy", "show", "--policy", text(&other), "--json"])).unwrap();
    assert_eq!(shown.pointer("/policy/exceptions/1/life_hours"), Some(&Value::from(12)));
    assert!(done(data, &["policy", "diff", "embedded", text(&same)]).contains("the same"));
    let found = done(data, &["policy", "diff", "embedded", text(&other)]);
    assert!(found.contains("exceptions[imminent_danger]: life_hours"), "{found}");
    let wording = done(data, &["policy", "wording", "spoken-fr/3"]);
    assert!(wording.contains("changer d’idée"), "{wording}");
    assert_eq!(egide(data, &["policy", "wording", "spoken-fr/1"]).status.code(), Some(4));
}

#[test]
fn a_bad_file_stops_the_check_and_the_start_with_its_line_and_reason() {
    let data = TempDir::new().unwrap();
    let bad = written("\"decision_life_hours\": 72", "\"decision_life_hours\": 0");
    let reason = "`policy.json` line 5, column 28: `periods.decision_life_hours`: must be longer than nothing";
    let nats = "tls://127.0.0.1:1";
    for arguments in [
        &["policy", "check", text(&bad)][..],
        &["up", "--once", "--policy", text(&bad)],
        &["serve", "ledger", "--nats", nats, "--policy", text(&bad)],
    ] {
        let output = egide(data.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", told(&output));
        let words: Vec<_> = told(&output).split_whitespace().map(str::to_owned).collect();
        assert!(words.join(" ").contains(reason), "{}", told(&output));
    }
}

#[test]
fn a_policy_is_adopted_listed_and_read_back_and_shifts_begin_and_end() {
    let directory = TempDir::new().unwrap();
    let data = directory.path();
    let mut up = Command::new(BINARY);
    up.arg("--data").arg(data).arg("up").stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    let mut up = up.spawn().expect("the binary runs");
    let begun = Instant::now();
    while egide(data, &["directory", "list"]).status.code() != Some(0) {
        assert!(begun.elapsed() < STARTED_WITHIN, "`egide up` does not come up");
        std::thread::sleep(Duration::from_millis(100));
    }
    let list = |expected: usize| {
        let known: Vec<Value> = serde_json::from_str(&done(data, &["policy", "list", "--json"])).unwrap();
        assert_eq!(known.len(), expected);
        known
    };
    let first = list(1).remove(0);
    assert_eq!(first.get("version"), Some(&Value::from("2026-11-22.2")));
    assert!(done(data, &["policy", "adopt"]).contains("2026-11-22.2"), "again, which changes nothing");
    list(1);
    let next = written("\"version\": \"2026-11-22.2\"", "\"version\": \"next\"");
    let refused = egide(data, &["policy", "adopt", "--policy", text(&next), "--as", "supervisor"]);
    assert_ne!(refused.status.code(), Some(0), "{}", told(&refused));
    done(data, &["policy", "adopt", "--policy", text(&next)]);
    list(2);
    assert!(done(data, &["policy", "show", "--version", "next"]).contains("next"));
    let found = done(data, &["policy", "diff", "2026-11-22.2", "next"]);
    assert!(found.contains("policy.json: version"), "{found}");
    assert_eq!(egide(data, &["policy", "show", "--version", "never"]).status.code(), Some(4));

    assert!(done(data, &["shift", "show"]).contains("Nobody is on shift"));
    done(data, &["shift", "start", "--as", "supervisor:noor.haddad", "--until", "8h"]);
    assert!(done(data, &["shift", "show"]).contains("noor.haddad"));
    done(data, &["shift", "end", "--as", "supervisor:noor.haddad"]);
    assert!(done(data, &["shift", "show"]).contains("Nobody is on shift"));
    drop(Command::new("sh").args(["-c", &format!("kill -TERM {}", up.id())]).status());
    drop(up.wait());
}
