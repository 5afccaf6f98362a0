//! The program as it is used: fed on standard input, nothing else. Documents are the golden files of `libs/report`.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../../../libs/report/tests/fax/mod.rs"]
mod fax;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn golden() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../libs/report/tests/golden");
    let read = |name: &str| -> Value { serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap() };
    let mut documents = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let Some((form, language)) = file.strip_suffix(".document.json").and_then(|name| name.rsplit_once('.')) else {
            continue;
        };
        let page = read(&file);
        let fax = fax::fax(&page, &read(&format!("fax-cover.{language}.json")));
        documents.push((format!("{form}.{language}.document"), bytes(&page)));
        documents.push((format!("{form}.{language}.fax"), bytes(&fax)));
    }
    documents.sort();
    assert_eq!(documents.len(), 20, "five forms, two languages, two layouts");
    documents
}

fn typeset_in(input: &[u8], environment: &[(&str, &str)]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_egide-typeset"))
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // What it refuses it need not read to the end.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

fn typeset(input: &[u8]) -> Output {
    typeset_in(input, &[])
}

fn pdf(input: &[u8]) -> Vec<u8> {
    let output = typeset(input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.starts_with(b"%PDF-1.7"));
    output.stdout
}

fn refused(input: &[u8], code: i32) -> String {
    let output = typeset(input);
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// Where pictures and PDFs go, to be looked at.
fn artefacts() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("documents");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs a program of poppler over a PDF; `None` where it is not installed (`ops/test` installs it).
fn poppler(program: &str, options: &[&str], pdf: &Path, into: Option<&Path>) -> Option<String> {
    match Command::new(program).args(options).arg(pdf).args(into).output() {
        Ok(output) => {
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
            // Of a heading beyond ASCII pdfinfo shows the mark of UTF-16 alone, which is no UTF-8.
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(_) => {
            assert!(std::env::var_os("EGIDE_POPPLER").is_none(), "{program} was promised and is not there");
            eprintln!("{program} is not installed: not looked at");
            None
        }
    }
}

/// What poppler reads of the pages.
fn text_of(pdf: &Path, option: &str) -> Option<String> {
    poppler("pdftotext", &[option], pdf, Some(Path::new("-")))
}

/// What stands on the pages, squeezed.
fn page_of(pdf: &Path) -> Option<String> {
    text_of(pdf, "-raw").map(|text| squeezed(&text))
}

fn save(name: &str, bytes: &[u8]) -> PathBuf {
    let path = artefacts().join(format!("{name}.pdf"));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A text without its spaces and places to break: where a line ends differs between a document and its page.
fn squeezed(text: &str) -> String {
    text.chars().filter(|sign| !sign.is_whitespace() && *sign != '\u{200b}').collect()
}

fn texts(value: &Value, key: &str, into: &mut Vec<String>) {
    const UNSEEN: [&str; 7] = ["schema", "layout", "language", "kind", "date", "unshown", "title"];
    match value {
        Value::String(text) if !UNSEEN.contains(&key) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, into)),
        Value::Object(members) => members.iter().for_each(|(name, member)| texts(member, name, into)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn small(value: &str) -> Value {
    json!({
        "schema": "egide.document/1", "layout": "page", "language": "en", "title": "T", "date": "2026-11-22",
        "marking": "M", "footer": {"text": "F", "page": "P ", "of": " of "}, "unshown": "UNSHOWN",
        "blocks": [
            {"kind": "heading", "level": 1, "text": "H"},
            {"kind": "facts", "rows": [{"label": "L", "values": [value]}]},
        ],
    })
}

fn bytes(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).unwrap()
}

#[test]
fn every_golden_document_is_set_drawn_and_holds_every_text() {
    for (name, document) in golden() {
        let path = save(&name, &pdf(&document));
        draw(&name, &path);
        let Some(page) = page_of(&path) else { return };
        let mut told = Vec::new();
        texts(&serde_json::from_slice(&document).unwrap(), "", &mut told);
        assert!(told.len() > 60, "{name}");
        for text in told {
            // A value of several lines, or one that a page ends in, is looked for word by word.
            let whole = page.contains(&squeezed(&text));
            let by_words = || text.split_whitespace().all(|word| page.contains(&squeezed(word)));
            assert!(whole || by_words(), "{name}: `{text}` is not on the pages");
        }
    }
}

/// Pictures of the pages, for whoever wants to look at them.
fn draw(name: &str, pdf: &Path) {
    let pictures = || {
        let files = std::fs::read_dir(artefacts()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| {
            let file = path.file_name().unwrap().to_str().unwrap();
            file.starts_with(&format!("{name}-")) && file.ends_with(".png")
        })
    };
    // Those of an earlier run would be counted, too.
    pictures().for_each(|old| std::fs::remove_file(old).unwrap());
    if poppler("pdftoppm", &["-png", "-r", "80"], pdf, Some(&artefacts().join(name))).is_some() {
        assert!((2..=9).contains(&pictures().count()), "{name}");
    }
}

#[test]
fn a_document_claims_its_standards_its_language_and_its_title_and_is_tagged() {
    for (name, document) in golden().into_iter().filter(|(name, _)| name.starts_with("emergency")) {
        let bytes = pdf(&document);
        let raw = String::from_utf8_lossy(&bytes);
        for claim in [
            "<pdfaid:part>2</pdfaid:part>",
            "<pdfaid:conformance>A</pdfaid:conformance>",
            "<pdfuaid:part>1</pdfuaid:part>",
        ] {
            assert!(raw.contains(claim), "{name}: {claim}");
        }
        let language = if name.contains(".fr.") { "/Lang (fr-CA)" } else { "/Lang (en-CA)" };
        assert!(raw.contains(language) || raw.contains(&language.replace("Lang (", "Lang(")), "{name}: {language}");
        // Under a name of its own: another test reads that of the document meanwhile.
        let path = save(&format!("{name}.tagged"), &bytes);
        let Some(info) = poppler("pdfinfo", &[], &path, None) else { continue };
        assert!(info.contains("Tagged:          yes"), "{info}");
        let document: Value = serde_json::from_slice(&document).unwrap();
        assert!(info.contains(document["title"].as_str().unwrap()), "{info}");
        let tags = poppler("pdfinfo", &["-struct-text"], &path, None).unwrap();
        for tag in ["H1", "H2", "H3", "H4", "Table", "TH ", "TD", "L", "LI"] {
            assert!(tags.lines().any(|line| line.trim_start().starts_with(tag)), "{name}: no {tag}");
        }
        assert!(tags.contains("/Scope /Row") || tags.contains("Scope Row") || tags.contains("Scope"), "{name}");
    }
}

#[test]
fn the_same_document_is_the_same_bytes_in_every_process_time_zone_and_language() {
    let (_, document) = golden().into_iter().next().unwrap();
    let here = typeset_in(&document, &[("TZ", "America/St_Johns"), ("LANG", "fr_CA.UTF-8")]).stdout;
    let there = typeset_in(&document, &[("TZ", "Pacific/Kiritimati"), ("SOURCE_DATE_EPOCH", "1")]).stdout;
    assert!(!here.is_empty() && here == there);
}

#[test]
fn what_was_told_stays_text_whatever_it_looks_like() {
    let hostile = [
        "#import \"/etc/passwd\": *",
        "#read(\"/etc/passwd\")",
        "$ x^2 $ *bold* _it_ `raw` @ref <label>",
        "\\ \\# \\u{41} // comment /* comment */",
        "= heading\n- item\n+ item\n/ term: x",
        "[content] {code} #{1 + 1} #panic(\"x\") #sys.inputs",
        "\"quotes\" 'single' -- --- ... ~ https://example.org",
        "%PDF-1.7 ) >> endobj",
    ];
    for text in hostile {
        let path = save("hostile", &pdf(&bytes(&small(text))));
        if let Some(page) = page_of(&path) {
            assert!(page.contains(&squeezed(text)), "`{text}` became `{page}`");
        }
    }
}

#[test]
fn no_sign_disappears() {
    for (text, marks) in [
        ("مايا", "[U+0645][U+0627][U+064A][U+0627]"),
        ("a🙂b", "a[U+1F642]b"),
        ("x\u{202e}y\u{200b}z", "x[U+202E]y[U+200B]z"),
        ("a\u{7}b", "a[U+0007]b"),
    ] {
        let path = save("signs", &pdf(&bytes(&small(text))));
        if let Some(page) = page_of(&path) {
            assert!(page.contains(marks), "{page}");
            assert!(page.contains("UNSHOWN"), "the reader is told: {page}");
        }
    }
    for text in ["Nguyễn Thị Ánh", "ᐃᓄᒃᑎᑐᑦ", "Ελένη Đorđević Ђорђе", "e\u{301}te\u{301} « 12 000 $ »"]
    {
        let path = save("signs", &pdf(&bytes(&small(text))));
        if let Some(page) = page_of(&path) {
            let composed = text.replace("e\u{301}", "é");
            // Poppler tells a letter that a font builds of two twice; on the page it stands once.
            let page = page.replace("e\u{301}", "é").replace("ễễ", "ễ");
            assert!(page.contains(&squeezed(&composed)), "`{text}` became `{page}`");
            assert!(!page.contains("UNSHOWN"));
        }
    }
}

#[test]
fn a_word_without_end_stays_on_the_page() {
    let word = "Wolkenkratzer0123456789".repeat(40);
    let path = save("long", &pdf(&bytes(&small(&word))));
    let Some(boxes) = text_of(&path, "-bbox") else { return };
    let rights: Vec<f64> =
        boxes.lines().filter_map(|line| line.split("xMax=\"").nth(1)?.split('"').next()?.parse().ok()).collect();
    assert!(rights.len() > 10);
    assert!(rights.iter().all(|right| *right < 612.0 - 50.0), "{rights:?}");
    assert!(page_of(&path).unwrap().contains(&word));
}

#[test]
fn what_is_not_understood_is_refused_without_a_word_of_it() {
    let change = |path: &str, value: Value| {
        let mut document = small("Secretname");
        *document.pointer_mut(path).expect(path) = value;
        bytes(&document)
    };
    let mut extra = small("Secretname");
    extra["Secretkey"] = json!(1);
    let inputs = [
        b"".to_vec(),
        b"Secretname".to_vec(),
        b"{\"schema\":\"Secretname\"".to_vec(),
        bytes(&extra),
        [bytes(&small("Secretname")), b" {}".to_vec()].concat(),
        change("/schema", json!("egide.document/2")),
        change("/layout", json!("Secretname")),
        change("/language", json!("tl")),
        change("/date", json!("22 Secretname")),
        change("/date", json!("2026-13-01")),
        change("/date", json!("+026-01-01")),
        change("/blocks", json!([])),
        change("/blocks/0/level", json!(2)),
        change("/blocks/0/kind", json!("Secretname")),
        change("/blocks/1/rows", json!([])),
        change("/blocks/1", json!({"kind": "table", "header": ["a", "b"], "rows": [["Secretname"]]})),
        change("/blocks/1", json!({"kind": "heading", "level": 3, "text": "Secretname"})),
        b"{\"schema\":\"\xff\"}".to_vec(),
    ];
    for input in inputs {
        let why = refused(&input, 3);
        assert!(why.starts_with("egide-typeset: ") && why.lines().count() == 1, "{why}");
        assert!(!why.contains("Secret"), "{why}");
    }
}

#[test]
fn what_is_too_much_is_refused_in_time() {
    let began = std::time::Instant::now();
    refused(&vec![b' '; 256 * 1024 + 1], 4);
    // On a machine that is busy with other things, time runs out first.
    let output = typeset(&bytes(&small(&"many words and no end ".repeat(256 * 1024 / 24))));
    assert!(matches!(output.status.code(), Some(4 | 5)) && output.stdout.is_empty(), "{output:?}");
    assert!(began.elapsed().as_secs() < 70, "{:?}", began.elapsed());
}

#[test]
fn a_day_that_the_month_has_not_is_refused() {
    let mut document = small("x");
    document["date"] = json!("2026-02-30");
    refused(&bytes(&document), 3);
}

#[test]
fn arguments_are_refused() {
    for arguments in [&["--version"][..], &["--help"]] {
        assert!(Command::new(env!("CARGO_BIN_EXE_egide-typeset")).args(arguments).status().unwrap().success());
    }
    let output =
        Command::new(env!("CARGO_BIN_EXE_egide-typeset")).arg("/etc/passwd").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
