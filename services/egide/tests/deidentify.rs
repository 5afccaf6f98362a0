//! `egide deidentify` as somebody types it: what goes in comes out in order, line by line, and nothing is lost in silence.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

/// A name that no message may repeat.
const NAME: &str = "Marisol Quillfeather";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egide"));
    command.arg("deidentify").args(arguments).env("LC_ALL", "en_CA.UTF-8");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn asked(id: impl Into<Value>, language: &str, text: &str) -> Value {
    let known = json!([{"name": NAME, "role": "potential_victim", "aliases": ["Quill"]}]);
    json!({"id": id.into(), "language": language, "known_persons": known, "text": text, "source": "passed over"})
}

/// What comes of an input given on standard input, from a folder in which nothing may appear.
fn batch(input: impl AsRef<[u8]>, more: &[&str]) -> (Output, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let mut child: Child = command(&["--batch", "-"]).args(more).current_dir(folder.path()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was written beside");
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output, lines)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn narratives_come_back_in_order_with_places_in_characters() {
    let text = "Élan: Marisol phoned. 🕯 Quill is fine.";
    let french = "Marisol a appelé; ensuite, rien.";
    let input = format!("{}\n\n{}\n", asked("a", "en", text), asked(7, "fr-CA", french));
    let (output, lines) = batch(input, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(told(&output), "");
    assert_eq!(lines.iter().map(|line| &line["id"]).collect::<Vec<_>>(), [&json!("a"), &json!(7)]);

    let characters: Vec<char> = text.chars().collect();
    let spans = lines[0]["spans"].as_array().unwrap();
    let place = |name: &str| text.split(name).next().unwrap().chars().count();
    for name in ["Marisol", "Quill"] {
        let start = place(name);
        let span = spans.iter().find(|span| span["start"] == start).unwrap();
        let end = usize::try_from(span["end"].as_u64().unwrap()).unwrap();
        assert_eq!(characters[start..end].iter().collect::<String>(), name);
        assert_eq!((&span["type"], &span["person"]), (&json!("person"), &json!(0)));
    }
    let result = lines[0]["deidentified_text"].as_str().unwrap();
    assert!(result.contains("[Person A") && result.contains(" phoned. 🕯 ") && !result.contains("Quill"), "{result}");
    assert!(lines[1]["deidentified_text"].as_str().unwrap().contains("[Personne A"));
    let keys: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 3);
}

#[test]
fn a_name_that_a_mask_lets_through_stays() {
    let kept = |kept: bool| {
        let known = json!([{"name": NAME, "role": "suspect", "kept": kept}]);
        json!({"id": 1, "language": "en", "known_persons": known, "text": "Then Marisol left."}).to_string()
    };
    let texts = |kept: String| batch(kept, &[]).1[0]["deidentified_text"].as_str().unwrap().to_owned();
    assert_eq!(texts(kept(true)), "Then Marisol left.");
    assert!(!texts(kept(false)).contains("Marisol"));
}

#[test]
fn what_is_refused_is_told_without_what_it_says_and_the_rest_is_answered() {
    let fine = asked("fine", "en", "nothing happened").to_string();
    let bad = [
        format!("{{\"id\":\"b\",\"text\":\"{NAME}\"}}"),
        NAME.to_owned(),
        asked("d", "es", NAME).to_string(),
        json!({"id": "e", "language": "en", "known_persons": NAME, "text": NAME}).to_string(),
        json!({"id": "f", "language": "en", "known_person": [], "text": NAME}).to_string(),
        json!({"id": "g", "language": "en", "known_persons": [{"name": NAME.repeat(100)}], "text": NAME}).to_string(),
    ];
    let mut input = format!("{fine}\n{}\n{fine}\n", bad.join("\n")).into_bytes();
    input.extend(b"{\"id\":\"\xff\"}\n");
    let (output, lines) = batch(input, &["--quiet"]);
    assert_eq!(output.status.code(), Some(2));
    let refused = |line: &Value| line["refused"].as_str().map(str::to_owned);
    let unreadable = || Some("unreadable".to_owned());
    assert_eq!(
        lines.iter().map(refused).collect::<Vec<_>>(),
        [
            None,
            unreadable(),
            unreadable(),
            Some("language".to_owned()),
            unreadable(),
            unreadable(),
            Some("names".to_owned()),
            None,
            unreadable()
        ]
    );
    assert_eq!((&lines[3]["id"], &lines[3]["line"]), (&json!("d"), &json!(4)));
    let told = told(&output);
    for line in [2, 3, 4, 5, 6, 7, 9] {
        assert!(told.contains(&format!("line {line}: ")), "{told}");
    }
    assert!(told.contains("7 of 9 lines"), "{told}");
    assert!(!told.contains("Quillfeather") && !String::from_utf8_lossy(&output.stdout).contains("Quillfeather"));
}

#[test]
fn an_answer_comes_before_the_next_line_is_there() {
    let mut child = command(&["--batch", "-"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for id in 0..3 {
        writeln!(stdin, "{}", asked(id, "en", "nothing happened")).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["id"], json!(id));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_text_that_is_too_long_is_refused_and_the_next_is_answered() {
    let long = asked("long", "en", &"so it went on ".repeat((16 << 20) / 14 + 1));
    let line = format!("{{\"id\":\"{}\"}}", "x".repeat(40 << 20));
    let (output, lines) = batch(format!("{long}\n{line}\n{}", asked("next", "en", "so it ended")), &["--lang", "fr"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!((&lines[0]["id"], &lines[0]["refused"]), (&json!("long"), &json!("too_long")));
    assert_eq!((&lines[1]["id"], &lines[1]["refused"]), (&Value::Null, &json!("line_too_long")));
    assert_eq!((&lines[2]["id"], &lines[2]["deidentified_text"]), (&json!("next"), &json!("so it ended")));
    assert!(told(&output).contains("ligne 2\u{a0}: "), "{}", told(&output));
}

#[test]
fn a_file_is_read_and_one_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.jsonl");
    std::fs::write(&file, format!("\u{feff}{}\r\n", asked("a", "fr", "rien de neuf"))).unwrap();
    let output = command(&["--batch", file.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("rien de neuf"));
    let missing = command(&["--batch", "nowhere.jsonl"]).current_dir(&folder).output().unwrap();
    assert_eq!(missing.status.code(), Some(10));
    assert!(told(&missing).contains("nowhere.jsonl"));
}
