//! The binary as people use it: `egide up` with its sample, then the commands of each job against it, in both languages.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

mod up;
use up::{Up, consent, disclose, egide, open_case, out, told};

#[test]
fn the_sample_goes_as_expected_twice_on_the_same_data_and_leaves_nothing_running() {
    let data = TempDir::new().unwrap();
    for language in ["en", "fr"] {
        let output = egide(data.path(), &["up", "--sample", "--once", "--json", "--lang", language]);
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        let outcomes: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(outcomes.len() >= 25, "{} scenarios were played", outcomes.len());
        let pid = std::fs::read_to_string(data.path().join("nats/server.pid")).unwrap_or_default();
        assert!(
            pid.trim().is_empty() || !Path::new("/proc").join(pid.trim()).exists(),
            "the nats-server is still there"
        );
    }
}

#[test]
fn every_job_has_a_command_that_works() {
    let data = TempDir::new().unwrap();
    let (case, person) = ("018f3a5e-0000-7000-8000-000000000001", "018f3a5e-0000-7000-8000-000000000002");
    let (organization, unit) = ("018f3a5e-0000-7000-8000-000000000003", "018f3a5e-0000-7000-8000-000000000004");
    let up = Up::start(data.path());
    let done = |arguments: &[&str]| up::done(data.path(), arguments);

    let organization_arguments = [
        "directory",
        "organization",
        organization,
        "--name-en",
        "Coast City Police",
        "--name-fr",
        "Police de Coast City",
        "--kind",
        "investigating-agency",
        "--verified",
        "--jurisdiction",
        "bc",
    ];
    done(&organization_arguments);
    let unit_arguments = [
        "directory",
        "unit",
        organization,
        unit,
        "--name-en",
        "Trafficking",
        "--name-fr",
        "Traite",
        "--kind",
        "investigating-agency",
        "--purpose",
        "investigation",
        "--jurisdiction",
        "bc",
    ];
    done(&unit_arguments);
    let agreement = [
        "directory",
        "agreement",
        organization,
        "--purpose",
        "investigation",
        "--category",
        "situation",
        "--category",
        "identity",
    ];
    done(&agreement);

    let receiver = Receiver::start();
    let added = done(&["directory", "notification", "add", organization, unit, &receiver.url, "--label", "duty desk"]);
    let listed = done(&["directory", "notification", "list", organization]);
    assert!(listed.contains(&receiver.url) && listed.contains("duty desk"), "{added}{listed}");
    let elsewhere = ["directory", "notification", "add", organization, unit, "http://desk.example.ca/", "--label", "x"];
    assert_eq!(egide(data.path(), &elsewhere).status.code(), Some(2), "in clear, only to this machine");

    open_case(data.path(), case, person);
    let asked = ["disclose", case, "--to", unit, "--purpose", "investigation", "--category", "situation"];
    let refused = egide(data.path(), &asked);
    assert_eq!(refused.status.code(), Some(3), "a refusal has an exit code of its own: {}", told(&refused));
    assert!(out(&refused).contains("No consent covers it"), "{}", told(&refused));

    let consent = consent(data.path(), case, person, unit);
    assert!(consent.contains("signature"), "the ledger's acknowledgement: {consent}");

    let permitted = disclose(data.path(), case, unit);
    let referral = permitted.pointer("/decision/referralId").and_then(Value::as_str).expect("a referral").to_owned();
    let listed = done(&["referrals", "list", "--unit", unit]);
    assert!(listed.contains(&referral), "{listed}");
    a_notice_came_and_is_genuine(data.path(), &receiver, unit, &referral);
    let saved = data.path().join("referral.json");
    done(&["referrals", "fetch", &referral, "--unit", unit, "--output", saved.to_str().unwrap()]);
    done(&["referrals", "ack", &referral, "--unit", unit]);
    let genuine = done(&["verify", saved.to_str().unwrap(), "--lang", "fr"]);
    assert!(genuine.starts_with("AUTHENTIQUE"), "{genuine}");
    let text = std::fs::read_to_string(&saved).unwrap();
    assert!(!text.contains("Quillfeather"));

    let decision = permitted.pointer("/decision/decided/decisionId").and_then(Value::as_str).expect("a decision");
    let explained = done(&["decision", "explain", decision, "--lang", "fr"]);
    assert!(
        explained.contains("PERMIS jusqu’au") && explained.contains("Laissé passer par consentement"),
        "{explained}"
    );
    let preview = ["preview", case, "--to", unit, "--purpose", "investigation", "--category", "situation"];
    assert!(done(&preview).contains("Type of exploitation: leaves whole"), "{}", done(&preview));
    assert!(done(&["approval", "list"]).contains("Nothing waits for approval."));
    let replayed = done(&["replay", decision]);
    assert_eq!(replayed.matches("THE SAME, byte for byte").count(), 2, "the decision and its report: {replayed}");
    assert!(done(&["replay", decision, "--lang", "fr"]).contains("LE MÊME, octet par octet"));
    let all = done(&["replay", "--all"]);
    assert!(all.contains("THE SAME: 2 of 2 decisions") && all.contains("Reports: 1 the same, 0 different"), "{all}");
    let all: Value = serde_json::from_str(&done(&["replay", "--all", "--json"])).unwrap();
    assert_eq!(all.pointer("/reports/neverReleased"), Some(&Value::from(1)), "{all}");
    done(&["recall", case, &referral, "--reason", "error"]);
    assert!(done(&["referrals", "list", "--unit", unit]).contains("RECALLED"));
    done(&["referrals", "acknowledge-recall", &referral, "--unit", unit]);
    assert!(done(&["referrals", "list", "--unit", unit]).contains("recalled, confirmed"));

    assert!(done(&["history"]).contains("permit"));
    the_history_is_asked(data.path(), case, &referral, decision);
    the_history_is_exported(data.path());
    assert!(done(&["account", case, person]).contains(unit), "the account names the unit");
    assert!(done(&["case", "show", case, "--reason", "working-the-case", "--open"]).contains("Quillfeather"));

    // The same data, started again: everything is still there.
    drop(up);
    let up = Up::start(data.path());
    assert!(done(&["referrals", "list", "--unit", unit]).contains(&referral));
    drop(up);
    let nobody = egide(data.path(), &["history", "--lang", "fr"]);
    assert_eq!(nobody.status.code(), Some(7), "{}", told(&nobody));
}

/// What a unit was told with: the head and the body of one call.
struct Receiver {
    url: String,
    heard: std::sync::mpsc::Receiver<String>,
}

impl Receiver {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/egide", listener.local_addr().unwrap());
        let (tell, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            // The body is one JSON object, and ends the call.
            while !bytes.ends_with(b"}") {
                let mut piece = [0; 4_096];
                let read = stream.read(&mut piece).unwrap();
                bytes.extend(piece.iter().take(read));
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            tell.send(String::from_utf8(bytes).unwrap()).unwrap();
        });
        Self { url, heard }
    }
}

fn a_notice_came_and_is_genuine(data: &Path, receiver: &Receiver, unit: &str, referral: &str) {
    let call = receiver.heard.recv_timeout(std::time::Duration::from_secs(60)).expect("a call");
    assert!(call.contains(unit) && call.contains("something waits") && !call.contains(referral), "{call}");
    let (head, body) = call.split_once("\r\n\r\n").unwrap();
    let (headers, content) = (data.join("headers.txt"), data.join("body.json"));
    std::fs::write(&headers, head.split_once("\r\n").unwrap().1).unwrap();
    std::fs::write(&content, body).unwrap();
    let keys = data.join("published-keys.json");
    let [headers, content, keys] = [&headers, &content, &keys].map(|path| path.to_str().unwrap());
    let verify = ["notice", "verify", "--headers", headers, "--body", content, "--keys", keys];
    let genuine = up::done(data, &verify);
    assert!(genuine.starts_with("GENUINE") && genuine.contains(unit), "{genuine}");
    std::fs::write(content, body.replace("waits", "calls")).unwrap();
    assert_eq!(egide(data, &verify).status.code(), Some(8), "a body that was changed");
}

#[test]
fn keys_are_held_shredded_and_rotated_by_commands() {
    let data = TempDir::new().unwrap();
    let (case, person) = ("018f3a5e-0000-7000-8000-000000000001", "018f3a5e-0000-7000-8000-000000000002");
    let hold = "018f3a5e-0000-7000-8000-000000000003";
    let up = Up::start(data.path());
    let done = |arguments: &[&str]| up::done(data.path(), arguments);
    let refused = |arguments: &[&str], exit: i32| {
        let output = egide(data.path(), arguments);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}", told(&output));
        told(&output)
    };
    let opening = format!(
        r#"{{"command_id":"018f3a5e-0000-7000-8000-000000000005","events":[{{"stream_id":"{case}","case_event":{{"case_opened":{{"channel":"CHANNEL_PHONE","language":"LANGUAGE_FRENCH"}}}}}},{{"stream_id":"{case}","case_event":{{"person_identified":{{"subject_id":"{person}","roles":["PERSON_ROLE_CALLER"],"family_name":"Quillfeather"}}}}}}]}}"#
    );
    let file = data.path().join("case.jsonl");
    std::fs::write(&file, opening).unwrap();
    done(&["--as", "responder:amelie.roy", "emit", file.to_str().unwrap()]);

    done(&["hold", "place", case, "--ground", "preservation", "--reference", "file 12", "--hold-id", hold]);
    let shred = ["keys", "shred", "person", case, person, "--ground", "recorded-in-error"];
    let unconfirmed = refused(&shred, 2);
    assert!(unconfirmed.contains("1 records") && unconfirmed.contains("--yes"), "{unconfirmed}");
    let shred = [&shred[..], &["--yes"]].concat();
    let held = refused(&shred, 9);
    assert!(held.contains(hold), "the hold is named: {held}");
    done(&["hold", "lift", case, hold, "--reason", "ended", "--as", "compliance"]);
    done(&shred);
    let shown = done(&["case", "show", case, "--reason", "working-the-case", "--open"]);
    assert!(!shown.contains("Quillfeather"), "{shown}");
    let keys = done(&["keys", "show", "--count", "--of-case", case, "--reason", "supervision", "--as", "supervisor"]);
    assert!(keys.contains("current") && keys.contains(person) && keys.contains("closed"), "{keys}");
    let french = done(&["keys", "show", "--lang", "fr"]);
    assert!(french.contains("fermé, pas effacé"), "{french}");
    drop(up);

    // A new epoch: the old key stands beside the new one until nothing needs it any more.
    let folder = data.path().join("keys");
    std::fs::rename(folder.join("key-encryption.key"), folder.join("key-encryption.1.key")).unwrap();
    let up = Up::start_with(data.path(), &[("EGIDE_KEY_EPOCH", "2")]);
    let rotated = done(&["keys", "rotate"]);
    assert!(rotated.contains("under any other epoch than 2"), "{rotated}");
    let still_given = refused(&["keys", "retire", "1", "--backups-until", "30d"], 9);
    assert!(still_given.contains("`1`"), "{still_given}");
    drop(up);
    std::fs::remove_file(folder.join("key-encryption.1.key")).unwrap();
    let up = Up::start_with(data.path(), &[("EGIDE_KEY_EPOCH", "2")]);
    done(&["keys", "retire", "1", "--backups-until", "30d"]);
    let keys = done(&["keys", "show", "--json", "--count"]);
    assert!(keys.contains("destroyedAt") && !keys.contains("erasedBefore"), "development mode: {keys}");
    drop(up);
}

/// Filters, words, ids, steps, looks and what stands out.
fn the_history_is_asked(data: &Path, case: &str, referral: &str, decision: &str) {
    let done = |arguments: &[&str]| up::done(data, arguments);
    // The unit's French name, and a label; neither accents nor capitals matter.
    let found = done(&["history", "--text", "TRAITE PÉRMIS", "--category", "situation", "--basis", "consent"]);
    assert!(found.contains(decision), "{found}");
    assert!(done(&["history", "--text", "xylophone"]).contains("No disclosure fits."));
    let none = done(&["history", "--overdue", "--break-glass", "--lang", "fr"]);
    assert!(none.contains("Aucune communication ne correspond."), "{none}");
    assert!(done(&["history", "show", referral]).contains(decision));
    assert!(done(&["history", referral]).contains(decision), "as before there was `show`");
    let steps = done(&["history", "timeline", case]);
    assert!(steps.contains("consent given") && steps.contains("delivered: ") && steps.contains(referral), "{steps}");
    let looks = done(&["history", "looks", "--case", case, "--of-others"]);
    assert!(looks.contains("steps of a case (audit of"), "{looks}");
    // The unit was registered a moment before something was delivered to it.
    let anomalies = done(&["history", "anomalies"]);
    let expected = format!("egide history --case {case} --to");
    assert!(anomalies.contains("delivery-after-change") && anomalies.contains(&expected), "{anomalies}");
}

/// An export is checked with its files and the published keys; whatever is changed in it is named.
fn the_history_is_exported(data: &Path) {
    let done = |arguments: &[&str]| up::done(data, arguments);
    let (folder, keys) = (data.join("export"), data.join("keys.json").display().to_string());
    let name = folder.display().to_string();
    done(&["keys", "published", "--out", &keys]);
    let told_so = done(&["history", "export", "--format", "csv", "--out", &name]);
    assert!(told_so.contains("Records: 2; chunks: 1"), "{told_so}");
    let check = || egide(data, &["history", "verify-export", &name, "--keys", &keys]);
    assert!(out(&check()).starts_with("Genuine and whole. Records: 2."), "{}", told(&check()));
    let again = egide(data, &["history", "export", "--format", "csv", "--out", &name]);
    assert_eq!(again.status.code(), Some(2), "nothing is written over: {}", told(&again));
    let resumed = egide(data, &["history", "export", "--format", "csv", "--out", &name, "--resume"]);
    assert_eq!(resumed.status.code(), Some(2), "it was whole: {}", told(&resumed));

    let whole = std::fs::read_to_string(folder.join("000001.csv")).unwrap();
    let mut lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let changed = |text: &str| {
        std::fs::write(folder.join("000001.csv"), text).unwrap();
        let output = check();
        assert_eq!(output.status.code(), Some(8), "{}", told(&output));
        out(&output)
    };
    assert!(changed(&whole.replacen("OUTCOME_DENY", "OUTCOME_NONE", 1)).contains("was changed"));
    assert!(changed(&format!("{whole}{}", lines.last().unwrap())).contains("line 4: a record was put in"));
    lines.swap(1, 2);
    assert!(changed(&lines.concat()).contains("was moved"));
    lines.pop();
    assert!(changed(&lines.concat()).contains("was left out"));
    std::fs::write(folder.join("000001.csv"), &whole).unwrap();
    std::fs::write(folder.join("stranger"), "").unwrap();
    assert!(out(&check()).contains("`stranger` does not belong"), "{}", told(&check()));
    std::fs::remove_file(folder.join("stranger")).unwrap();
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.replacen("\"records\":2", "\"records\":1", 1)).unwrap();
    assert_eq!(check().status.code(), Some(8), "{}", told(&check()));

    // What a break leaves is gone on with: nothing of it is whole here, so that everything comes again.
    let broken = data.join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("resume.token"), "").unwrap();
    std::fs::write(broken.join("chunks.jsonl"), "half an ent").unwrap();
    let broken = broken.display().to_string();
    done(&["history", "export", "--format", "jsonl", "--out", &broken, "--resume", "--outcome", "deny"]);
    let output = done(&["history", "verify-export", &broken, "--keys", &keys, "--lang", "fr"]);
    assert!(output.contains("Enregistrements\u{a0}: 1."), "{output}");
}

/// `egide serve witness`, as another organisation runs it; ended in order when dropped.
struct Witness {
    child: std::process::Child,
    at: String,
}

impl Witness {
    /// Its first line says where it is and what its key is.
    fn start(data: &Path, log: &str) -> Self {
        use std::io::BufRead as _;
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_egide"))
            .arg("--data")
            .arg(data)
            .args(["serve", "witness", "--json", "--listen", "witness=127.0.0.1:0", "--witness-log", log])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap().to_owned();
        Self { child, at: format!("{}={}", text("witness"), text("key")) }
    }

    fn key(&self) -> &str {
        self.at.split_once('=').unwrap().1
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_history_proves_itself_to_an_auditor_a_witness_and_whoever_gets_a_bundle() {
    let (data, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let played = egide(data.path(), &["up", "--sample", "--once", "--json"]);
    assert_eq!(played.status.code(), Some(0), "{}", told(&played));
    let done = |arguments: &[&str]| up::done(data.path(), arguments);
    let in_elsewhere = |name: &str| elsewhere.path().join(name).display().to_string();

    let up = Up::start(data.path());
    let shown = done(&["audit", "checkpoint", "--json"]);
    let log = serde_json::from_str::<Value>(&shown).unwrap().get("key").and_then(Value::as_str).unwrap().to_owned();
    let first = in_elsewhere("first");
    let verified: Value = serde_json::from_str(&done(&["audit", "verify", "--save", &first, "--json"])).unwrap();
    assert_eq!(verified.get("verified"), Some(&Value::from(true)), "{verified}");
    let leaves = verified.get("leaves").and_then(Value::as_u64).unwrap();
    assert!(leaves > 50, "{leaves} leaves");
    // Whoever may read the log itself makes the same leaves of it, and notices a root that its signer made up.
    let same = done(&["log", "verify", "--checkpoint", &first]);
    assert!(same.contains(&format!("THE CHECKPOINT HOLDS: its {leaves} leaves")), "{same}");
    let made_up = in_elsewhere("made-up");
    std::fs::write(&made_up, signed_otherwise(data.path(), &std::fs::read_to_string(&first).unwrap())).unwrap();
    let differs = egide(data.path(), &["log", "verify", "--checkpoint", &made_up]);
    assert_eq!(differs.status.code(), Some(8), "{}", told(&differs));
    assert!(out(&differs).contains("THE CHECKPOINT DOES NOT HOLD"), "{}", told(&differs));
    drop(up);

    // Somebody else's witness, from the first checkpoint on; what it cosigned is asked for.
    let witness = Witness::start(&elsewhere.path().join("witness"), &log);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (at, port_text) = (witness.at.clone(), port.to_string());
    let variables =
        [("EGIDE_HISTORY_WITNESS", at.as_str()), ("EGIDE_HISTORY_EVERY", "1"), ("EGIDE_HISTORY_LISTEN", &port_text)];
    let up = Up::start_with(data.path(), &variables);
    let begun = std::time::Instant::now();
    loop {
        let output = egide(data.path(), &["audit", "verify", "--since", &first, "--witness", witness.key()]);
        if output.status.code() == Some(0) {
            assert!(out(&output).starts_with("THE HISTORY HOLDS"), "{}", told(&output));
            break;
        }
        assert!(out(&output).contains("did not cosign"), "{}", told(&output));
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{}", told(&output));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let stranger = egide(data.path(), &["audit", "verify", "--witness", &log]);
    assert_eq!(stranger.status.code(), Some(8), "a log's own key is no witness: {}", told(&stranger));

    // The pages that tools of others read.
    let published = get(port, "/checkpoint");
    assert_eq!(published.0, 200);
    assert!(published.1.starts_with(b"egide.local/history/"));
    assert_eq!(get(port, "/tile/0/000.p/3").1.len(), 96);
    assert_eq!(get(port, "/tile/entries/000.p/2").1.len(), 2 * (2 + 33));
    assert_eq!([get(port, "/tile/0/900").0, get(port, "/tile/0/../../keys").0, get(port, "/").0], [404; 3]);
    others_read(port, &log);

    // A bundle, checked where nothing of ours is but the published keys.
    let (bundle, keys) = (in_elsewhere("bundle"), in_elsewhere("keys.json"));
    done(&["audit", "bundle", &bundle]);
    done(&["keys", "published", "--out", &keys]);
    drop(up);
    let check = |file: &str| {
        egide(elsewhere.path(), &["audit", "verify-bundle", file, "--keys", &keys, "--witness", witness.key()])
    };
    let holds = check(&bundle);
    assert_eq!(holds.status.code(), Some(0), "{}", told(&holds));
    assert!(out(&holds).starts_with("THE BUNDLE HOLDS"), "{}", told(&holds));
    let bytes = std::fs::read(&bundle).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("Quillfeather"));
    let mut flipped = bytes.clone();
    let middle = flipped.len() / 2;
    *flipped.get_mut(middle).unwrap() ^= 1;
    let changed = in_elsewhere("changed");
    std::fs::write(&changed, flipped).unwrap();
    assert_eq!(check(&changed).status.code(), Some(8), "{}", told(&check(&changed)));
}

/// The same checkpoint with another root, signed with the log's own key.
fn signed_otherwise(data: &Path, note: &str) -> String {
    use egide_tlog::checkpoint::Checkpoint;
    use egide_tlog::note::Note;
    let document = std::fs::read(data.join("keys/history-signing.key")).unwrap();
    let key = egide_crypto::sign::SigningKey::from_pkcs8(&document).unwrap();
    let note: Note = format!("{}\n", note.trim_end()).parse().unwrap();
    let mut checkpoint: Checkpoint = note.text().parse().unwrap();
    checkpoint.root = egide_crypto::digest::sha256(b"made up");
    Note::sign(checkpoint.to_string(), &checkpoint.origin, &key).unwrap().to_string()
}

/// A page over plain HTTP: status and body.
fn get(at: std::net::SocketAddr, path: &str) -> (u16, Vec<u8>) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(at).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: log\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(answer.get(9..12).unwrap()).unwrap().parse().unwrap();
    (status, answer.split_off(at + 4))
}

/// Tiles from the pages, as a reader asks for them that is not ours.
struct Served(std::net::SocketAddr);

impl tlog_tiles::TileReader for Served {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &tlog_tiles::Tile| {
            // As Go's checksum database has them, with the height in the path; C2SP leaves it out, for there is one alone.
            let path = format!("/{}", tile.path().replacen("tile/8/", "tile/", 1));
            let (status, body) = get(self.0, &path);
            assert_eq!(status, 200, "{path}");
            Ok(body)
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

/// Somebody else's code reads note, tiles and entries, and proves from them what it likes.
fn others_read(at: std::net::SocketAddr, log: &str) {
    use signed_note::{Note, StandardVerifier, VerifierList};
    use tlog_tiles::{
        Hash, TileHashReader, check_record, check_tree, prove_record, prove_tree, record_hash, tree_hash,
    };
    let note = Note::from_bytes(&get(at, "/checkpoint").1).unwrap();
    let verifier = StandardVerifier::new(log).unwrap();
    let (signed, others) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((signed.len(), others.len()), (1, 1), "the log's signature, and the witness's");
    let text = std::str::from_utf8(note.text()).unwrap();
    let mut lines = text.lines().skip(1);
    let (size, root) =
        (lines.next().unwrap().parse::<u64>().unwrap(), Hash::parse_hash(lines.next().unwrap()).unwrap());
    let served = Served(at);
    let reader = TileHashReader::new(size, root, &served);
    assert!(tree_hash(size, &reader).unwrap() == root);
    let (_, entries) = get(at, "/tile/entries/000.p/50");
    for number in [0_u64, 1, 49] {
        let leaf = entries.chunks(35).nth(usize::try_from(number).unwrap()).and_then(|entry| entry.get(2..)).unwrap();
        let proof = prove_record(size, number, &reader).unwrap();
        check_record(&proof, size, root, number, record_hash(leaf)).unwrap();
        assert!(check_record(&proof, size, root, number, record_hash(b"other")).is_err());
    }
    let before = tree_hash(50, &reader).unwrap();
    check_tree(&prove_tree(size, 50, &reader).unwrap(), size, root, 50, before).unwrap();
}
