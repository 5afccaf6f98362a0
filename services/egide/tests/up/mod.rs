//! `egide up` as a process of its own, the commands against it, and a case to try them on.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_egide");
const STARTED_WITHIN: Duration = Duration::from_secs(180);

/// The binary, with this data directory.
pub(crate) fn egide(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.arg("--data").arg(data).args(arguments).env("LC_ALL", "en_CA.UTF-8").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

/// What it wrote for programs to read.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// All it said, and how it ended.
pub(crate) fn told(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("exit {:?}\n{out}\n{err}", output.status.code())
}

/// A command that goes well; what it wrote.
pub(crate) fn done(data: &Path, arguments: &[&str]) -> String {
    let output = egide(data, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", told(&output));
    out(&output)
}

/// `egide up`; ended in order when dropped.
pub(crate) struct Up(Child);

impl Up {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    pub(crate) fn start_with(data: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(BINARY);
        command.envs(variables.iter().copied());
        command.arg("--data").arg(data).arg("up").stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
        let mut up = Self(command.spawn().expect("the binary runs"));
        let begun = Instant::now();
        // The directory answers last: once it does, everything is there.
        while egide(data, &["directory", "list"]).status.code() != Some(0) {
            assert!(begun.elapsed() < STARTED_WITHIN, "`egide up` does not come up");
            assert!(up.0.try_wait().unwrap().is_none(), "`egide up` ended");
            std::thread::sleep(Duration::from_millis(100));
        }
        up
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        drop(Command::new("sh").args(["-c", &format!("kill -TERM {pid}")]).status());
        drop(self.0.wait());
    }
}

/// Records a case of somebody who called, what was found, and how urgent it is.
pub(crate) fn open_case(data: &Path, case: &str, person: &str) {
    let opening = format!(
        r#"{{"command_id":"018f3a5e-0000-7000-8000-000000000005","events":[{{"stream_id":"{case}","case_event":{{"case_opened":{{"channel":"CHANNEL_PHONE","language":"LANGUAGE_FRENCH","jurisdiction":"JURISDICTION_BC"}}}}}},{{"stream_id":"{case}","case_event":{{"person_identified":{{"subject_id":"{person}","roles":["PERSON_ROLE_POTENTIAL_VICTIM","PERSON_ROLE_CALLER"],"family_name":"Quillfeather"}}}}}},{{"stream_id":"{case}","case_event":{{"situation_recorded":{{"subject_id":"{person}","exploitation":["TYPE_OF_EXPLOITATION_SERVITUDE"]}}}}}},{{"stream_id":"{case}","case_event":{{"triage_assessed":{{"level":"TRIAGE_LEVEL_NOT_URGENT"}}}}}}]}}"#
    );
    let file = data.join("case.jsonl");
    std::fs::write(&file, opening).unwrap();
    done(data, &["--as", "responder:amelie.roy", "emit", file.to_str().unwrap()]);
}

/// Takes this person's consent that their situation is told to a unit, to investigate; the acknowledgement.
pub(crate) fn consent(data: &Path, case: &str, person: &str, unit: &str) -> String {
    let scope = format!("unit:{unit}");
    let arguments = [
        "consent",
        "give",
        case,
        person,
        "--to",
        &scope,
        "--purpose",
        "investigation",
        "--permit",
        "situation",
        "--standing",
        "--speaking-freely",
        "yes",
        "--understood",
        "yes",
        "--language",
        "english",
        "--wording",
        "spoken-en/3",
        "--json",
    ];
    done(data, &arguments)
}

/// Asks for a disclosure that was consented to; the answer, with its referral.
pub(crate) fn disclose(data: &Path, case: &str, unit: &str) -> serde_json::Value {
    let asked = ["disclose", case, "--to", unit, "--purpose", "investigation", "--category", "situation", "--json"];
    serde_json::from_str(&done(data, &asked)).unwrap()
}
