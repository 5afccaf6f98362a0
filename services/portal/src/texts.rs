//! Both languages say everything, and nothing is said that no page says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use egide_web::text::{FRAME, Lang, Texts, keys};

const ENGLISH: &str = include_str!("../texts/portal.en.ftl");
const FRENCH: &str = include_str!("../texts/portal.fr.ftl");

/// What stands in quotation marks in pages and code and looks like a key.
fn said(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            said(&path, found);
        } else if path.file_name().is_some_and(|name| name != "texts.rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(text.split('"').filter(|part| part.contains('-') && !part.contains(' ')).map(str::to_owned));
        }
    }
}

#[test]
fn every_text_is_there_in_both_languages_and_every_one_is_said() {
    let (english, french) = (keys(ENGLISH), keys(FRENCH));
    assert_eq!(english, french, "the same keys in the same order");
    let distinct: BTreeSet<&str> = english.iter().copied().collect();
    assert_eq!(distinct.len(), english.len(), "no key stands twice");
    let mut found = BTreeSet::new();
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "templates", "../../libs/web/src", "../../libs/web/templates"] {
        said(&own.join(folder), &mut found);
    }
    let frame = keys(FRAME[0]);
    let unused: Vec<&&str> = english.iter().chain(&frame).filter(|key| !found.contains(**key)).collect();
    assert!(unused.is_empty(), "no page says {unused:?}");
    let first = |key: &str| key.split('-').next().unwrap_or_default().to_owned();
    let families: BTreeSet<String> = english.iter().chain(&frame).map(|key| first(key)).collect();
    let all: BTreeSet<&str> = english.iter().chain(&frame).copied().collect();
    // What is no key although it looks like one: paths, ids and classes of pages.
    let others = ["sign-in", "sign-out", "code-hint", "code-wrong", "label-hint", "script-src"];
    let missing: Vec<&String> = found
        .iter()
        .filter(|part| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        .filter(|part| {
            families.contains(&first(part)) && !all.contains(part.as_str()) && !others.contains(&part.as_str())
        })
        .collect();
    assert!(missing.is_empty(), "no text for {missing:?}");
}

#[test]
fn every_text_is_good_fluent() {
    let texts = Texts::new(ENGLISH, FRENCH).unwrap();
    for key in keys(ENGLISH) {
        for lang in Lang::ALL {
            let text = texts.in_lang(lang).with(key, "number", 1);
            assert!(!text.is_empty() && text != key, "{key}");
        }
    }
}
