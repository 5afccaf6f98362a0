//! One invented case in every form and both languages, against files kept in `tests/golden`. After an intended change:
//! `EGIDE_GOLDEN=write cargo test -p egide-report --test golden`, and read the difference.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod sample;

use egide_domain::Categories;
use egide_domain::ids::UnitId;
use egide_domain::vocabulary::DataCategory;
use egide_report::{Form, Language, Report};

use sample::{TEXT, UNIT, check, every, report, report_with_narrative};

#[test]
fn every_form_in_both_languages_is_as_it_was() {
    every(|form, language| {
        let report = report(form, language, UNIT);
        let name = format!("{}.{}", form.id().replace('/', "-"), language.tag());
        let bytes = report.to_canonical_json().unwrap();
        let pretty: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        check(&format!("{name}.json"), &format!("{}\n", serde_json::to_string_pretty(&pretty).unwrap()));
        check(&format!("{name}.txt"), &report.script(Categories::EMPTY).unwrap());
    });
}

#[test]
fn what_is_read_back_is_what_was_written_and_nothing_else_is_read() {
    every(|form, language| {
        let bytes = report(form, language, UNIT).to_canonical_json().unwrap();
        let read = Report::from_canonical_json(&bytes).unwrap();
        assert!(read.to_canonical_json().unwrap() == bytes);
        let mut spaced = bytes.clone();
        spaced.push(b' ');
        assert!(Report::from_canonical_json(&spaced).is_err());
        assert!(Report::from_canonical_json(&bytes[..bytes.len() - 1]).is_err());
    });
}

#[test]
fn channel_language_interpreter_caller_narrative_and_exact_times_never_appear() {
    every(|form, language| {
        let text = String::from_utf8(report(form, language, UNIT).to_canonical_json().unwrap()).unwrap();
        let never = [
            "PHONE\"",
            "LinguaLine",
            "\"tl\"",
            "POSTER",
            "Never Told",
            "in confidence",
            "never leaves",
            "caller",
            "CALLER",
            "Filipino",
            "FEMININE",
            "SELF_REPORTED",
            "T0",
            "T1",
            "T2",
            "1111",
            "4444",
        ];
        for word in never {
            assert!(!text.contains(word), "{form:?} {language:?}: {word}");
        }
    });
}

#[test]
fn what_was_attested_is_in_the_report_byte_for_byte_and_only_where_the_mask_lets_narratives_go() {
    every(|form, language| {
        let text = |report: &Report| String::from_utf8(report.to_canonical_json().unwrap()).unwrap();
        assert!(!text(&report(form, language, UNIT)).contains("keep the papers"), "{form:?}");
        let with = report_with_narrative(form, language, UNIT);
        let json: serde_json::Value = serde_json::from_str(&text(&with)).unwrap();
        let told = json["together"].as_array().unwrap().iter().find(|it| it["field"] == "narrative_attested.text");
        let told = told.expect("what was told is in the report");
        assert_eq!(told["values"], serde_json::json!([{"kind": "text", "text": TEXT}]));
        let label = match language {
            Language::English => "What was told, without what tells who somebody is",
            Language::French => "Ce qui a été raconté, sans ce qui dit qui est qui",
        };
        assert!(told["label"].as_str().unwrap().starts_with(label));
        for never in ["salt", "mZmZ", "8888", "in confidence"] {
            assert!(!told.to_string().contains(never), "{never}");
        }
        assert_eq!(Report::from_canonical_json(text(&with).as_bytes()).unwrap().form(), form.id());
        assert!(with.script(Categories::EMPTY).unwrap().contains("She sleeps  where she works"));
        assert!(with.script(Categories::only(DataCategory::Narrative)).unwrap().contains("She sleeps"));
        assert!(!with.script(Categories::only(DataCategory::Situation)).unwrap().contains("She sleeps"));
    });
}

#[test]
fn the_line_written_to_be_sent_is_in_the_emergency_form_alone() {
    every(|form, language| {
        let text = String::from_utf8(report(form, language, UNIT).to_canonical_json().unwrap()).unwrap();
        assert_eq!(text.contains("One person locked in"), form == Form::Emergency, "{form:?}");
    });
}

/// Words of the case that two recipients could join on.
fn codes(report: &Report) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_slice(&report.to_canonical_json().unwrap()).unwrap();
    let people = json["people"].as_array().unwrap().iter().map(|person| person["code"].as_str().unwrap().to_owned());
    people.chain([json["case_reference"].as_str().unwrap().to_owned()]).collect()
}

#[test]
fn two_units_have_no_code_in_common_and_one_unit_finds_its_people_again() {
    let here = codes(&report(Form::InvestigatingAgency, Language::English, UNIT));
    let there = codes(&report(Form::InvestigatingAgency, Language::English, UnitId([0x02; 16])));
    assert!(here.iter().all(|code| !there.contains(code)));
    let later = codes(&report(Form::Emergency, Language::French, UNIT));
    assert!(later.iter().all(|code| here.contains(code)));
}

#[test]
fn a_script_tells_only_the_categories_that_are_spoken_and_always_the_rules() {
    let report = report(Form::Emergency, Language::English, UNIT);
    let script = report.script(Categories::only(DataCategory::Whereabouts)).unwrap();
    assert!(script.contains("12 Example Street"));
    assert!(script.contains("No uniform"));
    assert!(script.contains("Do not try to find out who contacted the hotline"));
    for untold in ["Forced labour", "Potential victim", "One person locked in"] {
        assert!(!script.contains(untold), "{untold}");
    }
    assert!(report.script(Categories::EMPTY).unwrap().contains("One person locked in"));
}

#[test]
fn a_report_about_nobody_has_no_people() {
    let report = report(Form::SupportService, Language::English, UNIT);
    let json: serde_json::Value = serde_json::from_slice(&report.to_canonical_json().unwrap()).unwrap();
    assert_eq!(json["people"].as_array().unwrap().len(), 1, "nobody of whom nothing is let through is mentioned");
}
