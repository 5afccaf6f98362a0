//! `egide log` as an operator uses it: a good log holds, one that was rolled back does not, and a restore that the root signed
//! lets it go on.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn egide(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egide"));
    command.arg("--data").arg(data).args(arguments).env("LC_ALL", "en_CA.UTF-8").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("exit {:?}\n{}\n{}", output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn ends_with(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", told(output));
}

fn result(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy(&entry.path(), &target),
            kind if kind.is_file() => fs::copy(entry.path(), target).map(drop).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn a_log_rolled_back_is_refused_until_the_root_signs_its_restore() {
    let folder = TempDir::new().unwrap();
    let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));
    let up = || egide(&data, &["up", "--once", "--quiet"]);
    ends_with(&up(), 0);
    copy(&data.join("nats"), &backup);
    ends_with(&up(), 0);
    let good = egide(&data, &["log", "verify", "--json"]);
    ends_with(&good, 0);
    let blocks = result(&good)["blocks"].as_u64().unwrap();
    let earlier = folder.path().join("earlier.json");
    fs::write(&earlier, &good.stdout).unwrap();
    let earlier = earlier.to_str().unwrap();
    ends_with(&egide(&data, &["log", "verify", "--since", earlier]), 0);

    fs::remove_dir_all(data.join("nats")).unwrap();
    copy(&backup, &data.join("nats"));
    let rolled_back = egide(&data, &["log", "verify", "--json"]);
    ends_with(&rolled_back, 8);
    let findings = result(&rolled_back)["findings"].as_array().unwrap().clone();
    assert_eq!(findings.len(), 5, "one for every mark: {findings:?}");
    assert!(findings.iter().all(|finding| finding["kind"] == "contradicted" && finding["block"] == blocks));
    let kept = result(&rolled_back)["blocks"].as_u64().unwrap();
    let refused = up();
    assert_ne!(refused.status.code(), Some(0));
    assert!(told(&refused).contains("egide log restore"), "{}", told(&refused));
    // Removing the projections does not make anybody forget.
    fs::remove_dir_all(data.join("projections")).unwrap();
    assert_ne!(up().status.code(), Some(0));

    let stranger = folder.path().join("stranger.key");
    let stranger = stranger.to_str().unwrap();
    ends_with(&egide(&data, &["trust", "make-key", stranger]), 0);
    ends_with(&egide(&data, &["log", "restore", "--root-key", stranger, "--reason", "a disk failed"]), 2);
    let root = data.join("keys/root.key");
    let restored = ["log", "restore", "--root-key", root.to_str().unwrap(), "--reason", "a disk failed", "--json"];
    let restored = egide(&data, &restored);
    ends_with(&restored, 0);
    let record = result(&restored)["restore"].clone();
    assert_eq!((record["after_block"].as_u64(), record["lost"]["last_block"].as_u64()), (Some(kept), Some(blocks)));
    ends_with(&up(), 0);
    ends_with(&egide(&data, &["log", "verify"]), 0);
    // What was seen before still tells that something is missing, for whoever knows nothing of the restore's record.
    let known = egide(&data, &["log", "verify", "--since", earlier, "--json"]);
    ends_with(&known, 0);
}
