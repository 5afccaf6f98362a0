//! The embedded files are what `FORMAT.md` says, and slips of the pen are found.

use super::*;

const HEADER: &str = r#"{"scenario": "x", "title": {"en": "A", "fr": "B"}, "language": "en"}"#;

fn problem(step: &str) -> String {
    Scenario::read("x", &format!("{HEADER}\n\n{step}")).unwrap_err().to_string()
}

#[test]
fn every_embedded_scenario_is_as_the_format_says() {
    let scenarios = scenarios().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scenarios[0].name, "00-directory");
    assert!(scenarios.len() > 1);
    assert!(scenarios.windows(2).all(|pair| pair[0].name < pair[1].name));
}

#[test]
fn a_slip_of_the_pen_is_found_with_its_line() {
    assert!(problem(r#"{"emit": {"as": "case-desk", "evnts": []}}"#).contains("x, line 3: unknown field `evnts`"));
    assert!(problem(r#"{"emitt": {}}"#).contains("unknown variant `emitt`"));
    assert!(problem(r#"{"emit": {"as": "case-desk", "events": [{"case_opned": {}}]}}"#).contains("case_opned"));
    assert!(problem(r#"{"emit": {"as": "Case Desk", "events": []}}"#).contains("Case Desk"));
    assert!(problem(r#"{"list": {"unit": "$police.referral"}}"#).contains("`$police.referral` stands for nothing"));
    assert!(problem(r#"{"directory": {"as": "console"}}"#).contains("exactly one change"));
    let permit = r#"{"disclose": {"as": "case-desk", "unit": "$u", "purpose": "investigation", "categories": ["health"], "expect": {"outcome": "permit"}}}"#;
    assert!(problem(permit).contains("a permit needs `released`"));
}

#[test]
fn a_header_names_its_file_and_has_short_titles() {
    assert!(Scenario::read("y", HEADER).unwrap_err().to_string().contains("the file `y`"));
    let long = HEADER.replace("\"A\"", &format!("\"{}\"", "a".repeat(61)));
    assert!(Scenario::read("x", &long).unwrap_err().to_string().contains("1 to 60 letters"));
}
