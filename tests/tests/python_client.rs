//! A client in another language: stubs generated from `proto/` here and now, a case emitted, a disclosure asked for, the
//! referral fetched and checked, in Python with grpcio.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use egide_crypto::sign::Signature;
use egide_tests::needles::files_below;
use egide_tests::who::{self, Who};
use egide_tests::{Role, World, watch};
use serde_json::{Value, json};

/// Context of a report's signature (`disclosure_service.proto`, `Referral.signature`).
const REPORT_CONTEXT: &str = "egide/report/v1";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The Python that `ops/lib/tools.sh` installs grpcio into.
fn python() -> PathBuf {
    let named = std::env::var_os("EGIDE_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| root().join(".tools/python/bin/python"));
    assert!(
        python.is_file(),
        "`{}` is not there: set EGIDE_PYTHON to a Python with grpcio and grpcio-tools, or run ops/test, which installs one",
        python.display()
    );
    python
}

fn succeed(what: &str, output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

fn generate_stubs(python: &Path, into: &Path) {
    let contract = root().join("proto");
    let protos = files_below(&contract).into_iter().filter(|path| path.extension().is_some_and(|end| end == "proto"));
    let output = Command::new(python)
        .args(["-m", "grpc_tools.protoc"])
        .arg(format!("--proto_path={}", contract.display()))
        .arg(format!("--python_out={}", into.display()))
        .arg(format!("--grpc_python_out={}", into.display()))
        .args(protos)
        .output()
        .expect("Python runs");
    succeed("generating stubs", &output);
}

fn run_client(python: &Path, stubs: &Path, given: &Value) -> Value {
    let mut client = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/client.py"))
        .arg(stubs)
        // It speaks to loopback only.
        .envs([("no_proxy", "*"), ("PYTHONDONTWRITEBYTECODE", "1")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python runs");
    client.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    serde_json::from_str(&succeed("the client", &output)).expect("the client prints JSON")
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().expect("base64")).expect("base64")
}

#[tokio::test]
async fn a_client_in_python_emits_a_case_asks_for_a_disclosure_and_fetches_the_referral() {
    let (python, stubs) = (python(), tempfile::tempdir().unwrap());
    generate_stubs(&python, stubs.path());
    let world = World::start().await;
    let police = world.police().register().await;
    let address = |role| world.url(role).trim_start_matches("https://").to_owned();
    // Who calls: the files of the service's certificate, and the person's token.
    let caller = |who: &Who| {
        let files = world.tls_files(&who.service);
        json!({
            "certificate": files.certificate,
            "key": files.key,
            "authorities": files.authorities,
            "person": world.person_token(who),
        })
    };
    let given = json!({
        "ledger": address(Role::Ledger),
        "disclosure": address(Role::Disclosure),
        "unit_id": police.id,
        "responder": caller(&who::responder()),
        "supervisor": caller(&who::supervisor()),
        "liaison": caller(&police.liaison()),
    });
    let folder = stubs.path().to_owned();
    let running = tokio::task::spawn_blocking(move || run_client(&python, &folder, &given));
    let fetched = running.await.expect("the client ends");

    let signature = Signature::try_from(bytes(&fetched["signature"]).as_slice()).unwrap();
    assert_eq!(fetched["key_id"], world.report_key().key_id().to_string());
    world.report_key().verify(REPORT_CONTEXT, &bytes(&fetched["report"]), &signature).expect("the report is signed");

    let log = world.walk().await;
    let case_id = fetched["case_id"].as_str().unwrap();
    let kinds: Vec<&str> = log.iter().filter(|entry| entry.of_case(case_id).is_some()).map(|e| e.kind()).collect();
    let expected = [
        "case.opened",
        "case.person_identified",
        "case.whereabouts_recorded",
        "case.triage_assessed",
        "case.consent_given",
        "disclosure.decided",
        "disclosure.released",
        "disclosure.delivered",
        "case.consent_withdrawn",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(watch::panics(), 0);
}
