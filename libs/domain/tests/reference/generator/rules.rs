//! Tables: the shipped ones with values replaced, as far as they stay valid.

use super::dice::Dice;
use crate::question::{Change, Rules, Table};
use egide_domain::vocabulary::{DataCategory, ExceptionKind, Jurisdiction, MaskLevel, Purpose, RecipientKind, Role};
use serde_json::{Value, json};
use std::sync::Arc;

/// So many tables; the first are the shipped ones.
pub(crate) fn some(seed: u64, how_many: usize) -> Vec<Arc<Rules>> {
    let mut dice = Dice::new(seed ^ 0x7ab1e5);
    let mut all = vec![Rules::with(Vec::new()).expect("the shipped tables are valid")];
    while all.len() < how_many {
        let mut changes = Vec::new();
        for _ in 0..=dice.below(12) {
            let Some(change) = a_change(&mut dice) else { continue };
            changes.push(change);
            if Rules::with(changes.clone()).is_none() {
                changes.pop();
            }
        }
        all.extend(Rules::with(changes));
    }
    all.into_iter().map(Arc::new).collect()
}

fn a_change(dice: &mut Dice) -> Option<Change> {
    let table =
        dice.pick(&[Table::Policy, Table::Policy, Table::Policy, Table::Statutes, Table::Statutes, Table::Regimes]);
    let shipped = table.shipped();
    let mut places = Vec::new();
    collect(&shipped, String::new(), &mut places);
    let at = places[dice.below(places.len())].clone();
    let value = another(dice, &at, shipped.pointer(&at)?)?;
    Some(Change { table, at, value })
}

/// Every place that can be changed: values, ceilings and lists.
fn collect(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if at.ends_with("ceiling") || at.ends_with("anonymous") || at.ends_with("potential_victim") {
                places.push(at.clone());
            }
            fields.iter().for_each(|(name, field)| collect(field, format!("{at}/{name}"), places));
        }
        Value::Array(entries) => {
            places.push(at.clone());
            if entries.iter().all(Value::is_object) {
                entries.iter().enumerate().for_each(|(place, entry)| collect(entry, format!("{at}/{place}"), places));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => places.push(at),
    }
}

fn names<T: Copy + std::fmt::Display>(dice: &mut Dice, all: &[T], percent: usize) -> Vec<String> {
    all.iter().filter(|_| dice.chance(percent)).map(ToString::to_string).collect()
}

fn ceiling(dice: &mut Dice) -> Value {
    let categories: Vec<DataCategory> = DataCategory::ALL.iter().copied().filter(|_| dice.chance(60)).collect();
    categories.into_iter().map(|it| (it.to_string(), json!(dice.pick(MaskLevel::ALL).to_string()))).collect()
}

/// Another value for this place.
fn another(dice: &mut Dice, at: &str, known: &Value) -> Option<Value> {
    let name = at.rsplit('/').next().unwrap_or_default();
    let parent = at.rsplit('/').nth(1).unwrap_or_default();
    Some(match (name, known) {
        ("ceiling" | "anonymous" | "potential_victim", _) => ceiling(dice),
        (_, Value::Bool(known)) => json!(!known),
        (name, _) if name.ends_with("_hours") => json!(dice.pick(&[1, 2, 6, 24, 48, 200, 5000])),
        ("mandatory_below" | "optional_below", _) => {
            dice.maybe(&[15, 16, 18, 19], 80).map_or(Value::Null, |age| json!(age))
        }
        ("effective_from" | "effective_until", _) => {
            dice.maybe(&["2024-02-29", "2024-03-01", "2024-02-27"], 80).map_or(Value::Null, |date| json!(date))
        }
        ("from" | "until", _) => json!(dice.pick(&[0, 7, 8, 12, 18, 21, 23, 24])),
        ("jurisdiction", _) => json!(dice.pick(Jurisdiction::ALL).to_string()),
        ("jurisdictions", _) => json!(names(dice, Jurisdiction::ALL, 30)),
        ("categories", _) => json!(names(dice, DataCategory::ALL, 70)),
        ("recipients", Value::Array(entries)) if entries.iter().all(Value::is_string) => {
            json!(names(dice, RecipientKind::ALL, 40))
        }
        ("purposes", _) => json!(names(dice, Purpose::ALL, 60)),
        ("roles", _) => json!(names(dice, Role::ALL, 50)),
        ("bases", _) => {
            json!(names(dice, &["consent", "report_consent", "minor", "imminent_danger", "legal_requirement"], 60))
        }
        ("exceptions", Value::Array(entries)) if entries.iter().all(Value::is_string) => {
            json!(names(dice, ExceptionKind::ALL, 60))
        }
        ("obliges", _) => json!(names(dice, &["inform_person", "enter_in_register"], 60)),
        ("named", Value::Array(entries)) => Value::Array(entries.iter().filter(|_| dice.chance(60)).cloned().collect()),
        ("from_age", _) => json!(dice.pick(&[12, 14, 15, 16, 17, 18])),
        ("recipient", _) => json!(dice.pick(RecipientKind::ALL).to_string()),
        ("grounds", Value::Array(entries)) => {
            Value::Array(entries.iter().filter(|_| dice.chance(60)).cloned().collect())
        }
        (_, Value::String(_)) if ["ceiling", "anonymous", "potential_victim"].contains(&parent) => {
            json!(dice.pick(MaskLevel::ALL).to_string())
        }
        _ => return None,
    })
}
