//! The same case as documents: against files kept in `tests/golden` (`EGIDE_GOLDEN=write` as for `golden`), with everything of
//! the report in them and nothing else of the case.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod fax;
mod sample;

use egide_report::{Document, Form, Language, Layout, Report};
use serde_json::Value;

use fax::fax;
use sample::{UNIT, check, every, report, report_with_narrative};

/// Stands for the SHA-256, which this crate cannot make.
const DIGEST: [u8; 32] = [0x3c; 32];

fn json(report: &Report, layout: Layout) -> Value {
    serde_json::from_slice(&Document::of(report, &DIGEST, layout).unwrap().to_json().unwrap()).unwrap()
}

fn every_layout(test: impl Fn(Form, Language, Layout)) {
    every(|form, language| Layout::ALL.into_iter().for_each(|layout| test(form, language, layout)));
}

/// Every text that a document shows.
fn shown(document: &Value) -> Vec<String> {
    const UNSEEN: [&str; 6] = ["schema", "layout", "language", "kind", "date", "unshown"];
    let mut texts = Vec::new();
    leaves(document, "", &mut |key, _, text| {
        if !UNSEEN.contains(&key) {
            texts.push(text.replace(['\u{a0}', '\u{202f}'], " "));
        }
    });
    texts
}

/// Walks to every text, with the key it stands under and the object around it.
fn leaves<'a>(value: &'a Value, key: &'a str, visit: &mut impl FnMut(&'a str, &'a Value, &'a str)) {
    walk(value, key, value, visit);
}

fn walk<'a>(value: &'a Value, key: &'a str, parent: &'a Value, visit: &mut impl FnMut(&'a str, &'a Value, &'a str)) {
    match value {
        Value::String(text) => visit(key, parent, text),
        Value::Array(items) => items.iter().for_each(|item| walk(item, key, parent, visit)),
        Value::Object(members) => members.iter().for_each(|(name, member)| walk(member, name, value, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Every text of a report that is for people. Codes and paths of the contract have their label beside them.
fn told(report: &Report) -> Vec<String> {
    told_in(&serde_json::from_slice(&report.to_canonical_json().unwrap()).unwrap())
}

fn told_in(part: &Value) -> Vec<String> {
    let mut texts = Vec::new();
    leaves(part, "", &mut |key, around, text| {
        let has_label = around.get("label").is_some();
        let for_machines = matches!(key, "field" | "kind") || (key == "code" && has_label);
        if !for_machines {
            texts.push(text.to_owned());
        }
    });
    texts
}

/// The cover page of a fax, with what ends it.
fn cover(fax: &Value) -> Value {
    let blocks = fax["blocks"].as_array().unwrap();
    let end = blocks.iter().position(|block| block["kind"] == "page_break").unwrap();
    Value::Array(blocks[..=end].to_vec())
}

fn check_pretty(name: &str, actual: &Value) {
    check(name, &format!("{}\n", serde_json::to_string_pretty(actual).unwrap()));
}

#[test]
fn every_page_is_as_it_was() {
    every(|form, language| {
        let name = format!("{}.{}.document.json", form.id().replace('/', "-"), language.tag());
        check_pretty(&name, &json(&report(form, language, UNIT), Layout::Page));
    });
}

#[test]
fn every_fax_is_its_page_behind_the_cover_as_it_was() {
    for language in Language::ALL {
        let kept = cover(&json(&report(Form::Emergency, language, UNIT), Layout::Fax));
        check_pretty(&format!("fax-cover.{}.json", language.tag()), &kept);
        for form in Form::ALL {
            let report = report(form, language, UNIT);
            let expected = fax(&json(&report, Layout::Page), &kept);
            assert!(json(&report, Layout::Fax) == expected, "{form:?} {language:?}");
        }
    }
}

#[test]
fn everything_told_in_the_report_stands_in_the_document() {
    every_layout(|form, language, layout| {
        for report in [report(form, language, UNIT), report_with_narrative(form, language, UNIT)] {
            let shown = shown(&json(&report, layout)).join("\n");
            let told = told(&report);
            assert!(told.len() > 50, "the walk finds the report");
            for text in told {
                assert!(shown.contains(&text), "{form:?} {language:?} {layout:?}: `{text}` is lost");
            }
        }
    });
}

/// Take away what the report says and our fixed words, and nothing is left but punctuation: so nothing else can have come in.
#[test]
fn nothing_but_the_report_and_fixed_words_stands_in_the_document() {
    every_layout(|form, language, layout| {
        let report = report(form, language, UNIT);
        let mut known = told(&report);
        known.extend(fixed_words(language));
        known.push("3c3c ".repeat(16).trim_end().to_owned());
        known.push("3c3c 3c3c 3c3c 3c3c".to_owned());
        known.sort_by_key(|text| std::cmp::Reverse(text.chars().count()));
        for text in shown(&json(&report, layout)) {
            let mut rest = text.clone();
            for word in &known {
                rest = rest.replace(word.as_str(), "");
            }
            assert!(
                !rest.chars().any(char::is_alphanumeric),
                "{form:?} {language:?}: `{rest}` of `{text}` is ours not"
            );
        }
    });
}

/// The texts of documents, in the pieces between their places, and the words they share with scripts.
fn fixed_words(language: Language) -> Vec<String> {
    let file = format!("{}/labels/document.{}.json", env!("CARGO_MANIFEST_DIR"), language.tag());
    let texts: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let fixed = texts.as_object().unwrap().values().map(|text| text.as_str().unwrap());
    let pieces = fixed.flat_map(|text| text.split(['{', '}']).filter(|piece| !["referral", "digest"].contains(piece)));
    let words = language.keys().filter(|key| key.starts_with("word.")).map(|key| language.label(key).unwrap());
    pieces.chain(words).map(str::to_owned).filter(|text| text.chars().any(char::is_alphanumeric)).collect()
}

#[test]
fn an_officer_reads_what_is_asked_before_anything_told() {
    every(|form, language| {
        let document = json(&report(form, language, UNIT), Layout::Page);
        let kinds: Vec<&str> =
            document["blocks"].as_array().unwrap().iter().map(|b| b["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds[..5], ["heading", "banner", "facts", "paragraph", "steps"]);
        let text = shown(&document).join("\n");
        let place = |key: &str| {
            let file = format!("{}/labels/document.{}.json", env!("CARGO_MANIFEST_DIR"), language.tag());
            let texts: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
            let heading = format!("\n{}\n", texts[key].as_str().unwrap());
            text.find(&heading).unwrap_or_else(|| panic!("{form:?} {language:?}: no `{key}`"))
        };
        let order =
            ["ask.heading", "safety.heading", "glance.who", "check.heading", "answer.heading", "details.heading"];
        assert!(order.map(place).is_sorted(), "{form:?} {language:?}");
    });
}

#[test]
fn the_cover_of_a_fax_says_nothing_of_anybody() {
    every(|form, language| {
        let report = report(form, language, UNIT);
        let blocks = cover(&json(&report, Layout::Fax));
        let cover = shown(&blocks).join("\n");
        let all: Value = serde_json::from_slice(&report.to_canonical_json().unwrap()).unwrap();
        let words = fixed_words(language);
        let secret =
            [&all["people"], &all["together"], &all["case_reference"], &all["form"], &all["purpose"], &all["basis"]];
        // A value as short as `4` or a month stands in any date; a word of ours says nothing of anybody.
        for text in
            secret.into_iter().flat_map(told_in).filter(|text| text.chars().count() > 7 && !words.contains(text))
        {
            assert!(!cover.contains(&text), "{form:?} {language:?}: `{text}`");
        }
        assert!(blocks.as_array().unwrap().iter().any(|block| block["kind"] == "pages"));
    });
}

#[test]
fn the_same_report_is_the_same_document() {
    let bytes =
        || Document::of(&report(Form::Emergency, Language::French, UNIT), &DIGEST, Layout::Page).unwrap().to_json();
    assert!(bytes().unwrap() == bytes().unwrap());
}
