//! The tables as shipped, and what is refused of others.

use crate::story::POLICY;
use egide_domain::statute::Duty;
use egide_domain::vocabulary::{AgeBand, Jurisdiction, Purpose, RecipientKind};
use egide_domain::{Policy, PolicyError, Timestamp};
use serde_json::{Value, json};

fn tables() -> (Value, Value) {
    let (policy, statutes) = Policy::EMBEDDED;
    (serde_json::from_str(policy).unwrap(), serde_json::from_str(statutes).unwrap())
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Value, &mut Value), at: &str) {
    let (mut policy, mut statutes) = tables();
    change(&mut policy, &mut statutes);
    match Policy::from_json(&policy.to_string(), &statutes.to_string()) {
        Err(PolicyError::Value { path, .. }) => assert_eq!(path, at),
        Err(PolicyError::Form { .. }) => panic!("refused for its form instead of `{at}`"),
        Ok(_) => panic!("must be refused at `{at}`"),
    }
}

#[test]
fn the_shipped_tables_are_valid_and_complete() {
    assert_eq!(&**POLICY.version(), "2026-11-22");
    assert_eq!(POLICY.statutes_version(), "2026-11-22");
    let places: Vec<_> = POLICY.statutes().iter().map(|row| row.jurisdiction).collect();
    assert_eq!(places.len(), 13);
    for place in Jurisdiction::ALL {
        assert_eq!(places.contains(place), *place != Jurisdiction::Abroad, "{place}");
    }
}

#[test]
fn rows_are_verified_only_where_their_source_was_seen_or_is_sure() {
    for row in POLICY.statutes() {
        let sure = row.confidence.starts_with("seen") || row.confidence == "secondary, high";
        assert_eq!(row.verified, sure, "{}", row.id);
    }
}

#[test]
fn ontario_makes_a_report_optional_at_16_and_17() {
    let row = POLICY.statutes().iter().find(|row| row.jurisdiction == Jurisdiction::On).unwrap();
    assert_eq!(row.duty(Some(AgeBand::Under16)), Duty::Mandatory);
    assert_eq!(row.duty(Some(AgeBand::From16To17)), Duty::Optional);
    assert_eq!(row.duty(Some(AgeBand::Minor)), Duty::None, "which of the two is not known");
    assert_eq!(row.duty(Some(AgeBand::Adult)), Duty::None);
    assert_eq!(row.duty(None), Duty::None);
}

#[test]
fn a_row_is_in_force_from_its_day_to_before_its_last() {
    let (policy, mut statutes) = tables();
    statutes["rows"][0]["effective_from"] = json!("2026-01-01");
    statutes["rows"][0]["effective_until"] = json!("2026-02-01");
    let policy = Policy::from_json(&policy.to_string(), &statutes.to_string()).unwrap();
    let row = &policy.statutes()[0];
    let day = |date| Timestamp::from_date(date).unwrap();
    assert!(!row.in_force(Timestamp(day("2026-01-01").0 - 1)));
    assert!(row.in_force(day("2026-01-01")));
    assert!(row.in_force(Timestamp(day("2026-02-01").0 - 1)));
    assert!(!row.in_force(day("2026-02-01")));
}

#[test]
fn what_is_in_no_row_is_not_allowed() {
    assert_eq!(POLICY.ceiling(Purpose::Investigation, RecipientKind::SupportService), None);
    assert_eq!(POLICY.ceiling(Purpose::SupportService, RecipientKind::InvestigatingAgency), None);
    assert_eq!(POLICY.statutory_agreement(RecipientKind::SupportService, Purpose::SupportService), None);
}

#[test]
fn a_table_that_breaks_a_promise_is_refused_with_its_path() {
    refused(|policy, _| policy["version"] = json!(""), "version");
    refused(|policy, _| policy["periods"]["decision_life_hours"] = json!(0), "periods.decision_life_hours");
    refused(|policy, _| policy["ceilings"][0]["ceiling"]["narrative"] = json!("whole"), "ceilings[0].ceiling");
    refused(|policy, _| policy["ceilings"][1] = policy["ceilings"][0].clone(), "ceilings[0]");
    refused(|policy, _| policy["anonymous"]["identity"] = json!("facts_only"), "anonymous");
    refused(|policy, _| policy["anonymous"]["situation"] = json!("whole"), "anonymous");
    refused(
        |policy, _| policy["report_consent"]["potential_victim"]["contact"] = json!("whole"),
        "report_consent.potential_victim",
    );
    let ceiling = "exceptions[0].recipients[0].ceiling";
    refused(
        |policy, _| policy["exceptions"][0]["recipients"][0]["ceiling"]["immigration"] = json!("facts_only"),
        ceiling,
    );
    refused(|policy, _| policy["exceptions"][1] = policy["exceptions"][0].clone(), "exceptions");
    refused(|policy, _| policy["exceptions"][0]["life_hours"] = json!(0), "exceptions[0].life_hours");
    refused(|policy, _| policy["exceptions"][0]["grounds"] = json!([]), "exceptions[0].grounds");
    refused(
        |policy, _| policy["exceptions"][2]["recipients"][0]["break_glass"] = json!(true),
        "exceptions[2].recipients[0].break_glass",
    );
    refused(
        |policy, _| policy["exceptions"][2]["instruments"][0]["instrument"] = json!("defence_subpoena"),
        "exceptions[2].instruments",
    );
    refused(
        |policy, _| policy["exceptions"][2]["instruments"][2]["recipients"] = json!(["court", "investigating_agency"]),
        "exceptions[2].instruments",
    );
    refused(
        |policy, _| policy["statute_recipients"]["ceiling"]["finances"] = json!("whole"),
        "statute_recipients.ceiling",
    );
    refused(
        |policy, _| policy["statutory_agreements"][0]["categories"] = json!(["narrative"]),
        "statutory_agreements[0].categories",
    );
    refused(|_, statutes| statutes["rows"][1]["id"] = statutes["rows"][0]["id"].clone(), "rows[0].id");
    refused(|_, statutes| statutes["rows"][0]["jurisdiction"] = json!("abroad"), "rows[0].jurisdiction");
    refused(|_, statutes| statutes["rows"][6]["verified"] = json!(true), "rows[6].verified");
    refused(|_, statutes| statutes["rows"][0]["source"] = json!(""), "rows[0].verified");
}

#[test]
fn an_unknown_field_or_value_is_refused() {
    let (mut policy, statutes) = tables();
    policy["override"] = json!(true);
    let error = Policy::from_json(&policy.to_string(), &statutes.to_string()).unwrap_err();
    assert!(error.to_string().starts_with("`policy` cannot be read"), "{error}");
    let (policy, mut statutes) = tables();
    statutes["rows"][0]["recipients"] = json!(["everybody"]);
    let error = Policy::from_json(&policy.to_string(), &statutes.to_string()).unwrap_err();
    assert!(error.to_string().starts_with("`statutes` cannot be read"), "{error}");
}
