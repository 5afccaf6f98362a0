//! One case, told to each kind of recipient as finely as the policy lets it: dates, ages, addresses, places, numbers of people.

use egide_domain::Policy;
use egide_domain::vocabulary::{Jurisdiction, Purpose, RecipientKind};
use egide_redaction::CoarseValue;
use egide_redaction::generalise::{AgeGroup, NumberBand};

use super::*;

/// What is told of the potential victim: each field with its classification in the contract, which `egide-wire` compares with this
/// (`tests/contract.rs`).
fn told() -> Vec<Field> {
    let keep = |class: Class| Class { is_fact: true, generalise: Generalisation::Keep, ..class };
    let coarse = |category, generalise| Class { generalise, ..class(category) };
    let text = |path: &str, class, value: &str| field(VICTIM, path, class, Value::Text(value.to_owned()));
    let (identity, place) = (DataCategory::Identity, DataCategory::Whereabouts);
    let (situation, immigration) = (DataCategory::Situation, DataCategory::Immigration);
    let code =
        |path: &str, category, value: &str| field(VICTIM, path, keep(class(category)), Value::Code(value.to_owned()));
    vec![
        text("person_identified.birth_date", coarse(identity, Generalisation::AgeGroup), "2012-05-01"),
        field(VICTIM, "age_assessed.age_years", coarse(identity, Generalisation::AgeGroup), Value::Number(14)),
        code("age_assessed.band", identity, "AGE_BAND_UNDER_16"),
        code("whereabouts_recorded.jurisdiction", place, "JURISDICTION_ON"),
        text("whereabouts_recorded.city", coarse(place, Generalisation::Province), "Rivermouth"),
        text("whereabouts_recorded.street", coarse(place, Generalisation::Province), "12 Example Street"),
        text("whereabouts_recorded.room", class(place), "4B"),
        text("whereabouts_recorded.postal_code", coarse(place, Generalisation::Province), "K1A 0B1"),
        text("whereabouts_recorded.place_name", class(place), "Motel Exemple"),
        text("whereabouts_recorded.since", coarse(place, Generalisation::Month), "2026-03-09"),
        text("situation_recorded.since", coarse(situation, Generalisation::Month), "2026-03-09"),
        field(
            VICTIM,
            "situation_recorded.people_affected",
            coarse(situation, Generalisation::NumberBand),
            Value::Number(7),
        ),
        code("situation_recorded.industry", situation, "FORCED_LABOUR_INDUSTRY_AGRICULTURE"),
        text("immigration_recorded.valid_until", coarse(immigration, Generalisation::Year), "2027-08-31"),
    ]
}

/// As told to a kind of recipient for a purpose, as far as the policy's ceiling goes; path and value.
fn told_to(purpose: Purpose, kind: RecipientKind) -> Vec<(String, RedactedValue)> {
    let ceiling = Policy::embedded().unwrap().ceiling(purpose, kind).unwrap();
    let levels = ceiling.categories().iter().filter_map(|category| Some((category, ceiling.level(category)?)));
    at_levels(levels.collect())
}

fn at_levels(levels: Vec<(DataCategory, MaskLevel)>) -> Vec<(String, RedactedValue)> {
    let entries = levels.into_iter().map(|(category, level)| entry(VICTIM, category, level)).collect();
    released(&permit(entries), told()).into_iter().map(|(_, _, path, value)| (path, value)).collect()
}

#[track_caller]
fn says(told: &[(String, RedactedValue)], path: &str, expected: &RedactedValue) {
    let found = told.iter().find(|(known, _)| known == path).map(|(_, value)| value);
    assert!(found == Some(expected), "{path}");
}

#[track_caller]
fn lacks(told: &[(String, RedactedValue)], paths: &[&str]) {
    for path in paths {
        assert!(told.iter().all(|(known, _)| known != path), "{path}");
    }
}

fn as_told(value: &str) -> RedactedValue {
    RedactedValue::Text(value.to_owned())
}

#[test]
fn police_and_child_protection_are_told_where_and_when_as_it_was_told_and_immigration_as_far_as_it_is_a_fact() {
    for (purpose, kind) in [
        (Purpose::Investigation, RecipientKind::InvestigatingAgency),
        (Purpose::ChildProtection, RecipientKind::ChildProtection),
    ] {
        let told = told_to(purpose, kind);
        says(&told, "person_identified.birth_date", &as_told("2012-05-01"));
        says(&told, "age_assessed.age_years", &RedactedValue::Number(14));
        says(&told, "whereabouts_recorded.street", &as_told("12 Example Street"));
        says(&told, "whereabouts_recorded.room", &as_told("4B"));
        says(&told, "whereabouts_recorded.since", &as_told("2026-03-09"));
        says(&told, "situation_recorded.people_affected", &RedactedValue::Number(7));
        lacks(&told, &["immigration_recorded.valid_until"]);
    }
}

#[test]
fn a_support_service_is_told_what_it_needs_and_a_line_abroad_the_year_alone_of_a_permit() {
    let at_home = told_to(Purpose::SupportService, RecipientKind::SupportService);
    says(&at_home, "immigration_recorded.valid_until", &as_told("2027-08-31"));
    let abroad = told_to(Purpose::SupportService, RecipientKind::ForeignHotline);
    let year = RedactedValue::Coarse(CoarseValue::Year("2027".to_owned()));
    says(&abroad, "immigration_recorded.valid_until", &year);
}

#[test]
fn a_line_for_anonymous_tips_is_told_nothing_that_places_dates_or_counts_anybody() {
    let told = told_to(Purpose::Investigation, RecipientKind::AnonymousTipLine);
    let paths: Vec<&str> = told.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["situation_recorded.industry"]);
}

#[test]
fn what_is_generalised_keeps_the_month_the_age_group_the_province_and_a_band() {
    let every = [DataCategory::Identity, DataCategory::Whereabouts, DataCategory::Situation, DataCategory::Immigration];
    let told = at_levels(every.map(|category| (category, MaskLevel::Generalised)).to_vec());
    let coarse = RedactedValue::Coarse;
    says(&told, "person_identified.birth_date", &coarse(CoarseValue::AgeGroup(AgeGroup::Minor)));
    says(&told, "age_assessed.age_years", &coarse(CoarseValue::AgeGroup(AgeGroup::Minor)));
    says(&told, "age_assessed.band", &RedactedValue::Code("AGE_BAND_UNDER_16".to_owned()));
    says(&told, "whereabouts_recorded.jurisdiction", &RedactedValue::Code("JURISDICTION_ON".to_owned()));
    says(&told, "whereabouts_recorded.postal_code", &coarse(CoarseValue::Province(Jurisdiction::On)));
    says(&told, "whereabouts_recorded.since", &coarse(CoarseValue::Month("2026-03".to_owned())));
    says(&told, "situation_recorded.since", &coarse(CoarseValue::Month("2026-03".to_owned())));
    says(&told, "situation_recorded.people_affected", &coarse(CoarseValue::Band(NumberBand::FiveToNine)));
    says(&told, "immigration_recorded.valid_until", &coarse(CoarseValue::Year("2027".to_owned())));
    let named = ["whereabouts_recorded.city", "whereabouts_recorded.street"];
    lacks(&told, &[&named[..], &["whereabouts_recorded.room", "whereabouts_recorded.place_name"]].concat());
    let facts = at_levels(every.map(|category| (category, MaskLevel::FactsOnly)).to_vec());
    let paths: Vec<&str> = facts.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["age_assessed.band", "whereabouts_recorded.jurisdiction", "situation_recorded.industry"]);
}
