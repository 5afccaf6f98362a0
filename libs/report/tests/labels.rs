//! Everything of the contract that can leave has a label in both languages.

use egide_domain::vocabulary::{ApproachRule, ContactPermission, DataCategory, PersonRole, Purpose};
use egide_redaction::{Class, Generalisation, Whose};
use egide_report::{Form, Language};
use egide_wire::descriptors;
use egide_wire::flatten::class;
use egide_wire::proto::egide::case::v1::CaseEvent;
use prost_reflect::{EnumDescriptor, Kind, MessageDescriptor};

/// Told per person from all records together, and labelled there.
const TOLD_PER_PERSON: [&str; 2] = ["contact_recorded.safe_contact", "person_identified.roles"];

fn can_leave(class: &Class) -> bool {
    let category = class
        .category
        .is_some_and(|category| !matches!(category, DataCategory::Narrative | DataCategory::RecordKeeping));
    category
        && !class.match_only
        && class.generalise != Generalisation::Deidentified
        && matches!(class.whose, Whose::Subject | Whose::Several)
}

/// Walks what `flatten` walks.
fn walk(message: &MessageDescriptor, path: &str, keys: &mut Vec<String>) {
    for field in message.fields() {
        let path = format!("{path}.{}", field.name());
        if TOLD_PER_PERSON.iter().any(|told| path.starts_with(told)) {
            continue;
        }
        let kind = field.kind();
        if let Some(inner) = kind.as_message().filter(|_| !field.is_list()) {
            walk(inner, &path, keys);
        } else if can_leave(&class(&field)) {
            keys.push(format!("field.{path}"));
            if let Some(inner) = kind.as_message() {
                walk(inner, &snake(inner.name()), keys);
            } else if let Some(values) = kind.as_enum() {
                keys.extend(values_of(values));
            } else {
                let shown = matches!(kind, Kind::String | Kind::Bool | Kind::Uint32 | Kind::Uint64);
                assert!(shown, "{path}: no report shows {kind:?}");
            }
        }
    }
}

fn values_of(values: &EnumDescriptor) -> Vec<String> {
    values.values().filter(|value| value.number() != 0).map(|value| format!("value.{}", value.name())).collect()
}

fn snake(name: &str) -> String {
    let mut result = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !result.is_empty() {
            result.push('_');
        }
        result.extend(letter.to_lowercase());
    }
    result
}

#[test]
fn every_field_and_value_that_can_leave_has_a_label_in_both_languages() {
    let mut keys = Vec::new();
    for event in descriptors::of::<CaseEvent>().fields() {
        let Kind::Message(payload) = event.kind() else { panic!("an event is a message") };
        // What is about nobody in particular never leaves.
        if ["subject_id", "subject_ids"].iter().any(|field| payload.get_field_by_name(field).is_some()) {
            walk(&payload, event.name(), &mut keys);
        }
    }
    assert!(keys.iter().any(|key| key == "field.whereabouts_recorded.street"), "the walk finds fields");
    assert!(keys.iter().any(|key| key == "field.vehicle.plate"), "the walk enters repeated messages");
    assert!(keys.iter().any(|key| key == "value.MEANS_OF_CONTROL_DEBT_BONDAGE"), "the walk finds values");
    for language in Language::ALL {
        let missing: Vec<_> = keys.iter().filter(|key| language.label(key).is_err()).collect();
        assert!(missing.is_empty(), "{language:?}: {missing:?}");
    }
}

#[test]
fn every_form_category_role_and_rule_has_a_label_in_both_languages() {
    let never = [DataCategory::Narrative, DataCategory::RecordKeeping];
    let categories = DataCategory::ALL.iter().filter(|category| !never.contains(category));
    let mut keys: Vec<String> = categories.map(|category| format!("category.{category}")).collect();
    keys.extend(Form::ALL.iter().flat_map(|form| ["title", "intro"].map(|part| format!("form.{}.{part}", form.id()))));
    let roles = PersonRole::ALL.iter().filter(|role| **role != PersonRole::Caller);
    keys.extend(roles.map(|role| format!("role.{role}")));
    keys.extend(ApproachRule::ALL.iter().map(|rule| format!("approach.{rule}")));
    keys.extend(ContactPermission::ALL.iter().map(|permission| format!("permission.{permission}")));
    keys.extend(Purpose::ALL.iter().map(|purpose| format!("purpose.{purpose}")));
    for language in Language::ALL {
        for key in &keys {
            language.label(key).unwrap();
        }
    }
}

#[test]
fn no_label_says_that_somebody_called() {
    for language in Language::ALL {
        for key in language.keys() {
            assert!(!key.to_lowercase().contains("caller"), "{key}");
            let label = language.label(key).expect("a label").to_lowercase();
            assert!(!label.contains("caller") && !label.contains("appelant"), "{key}");
        }
    }
}
