//! Walks the descriptors of the contract: what is not commented or not classified does not pass.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};

use egide_wire::classification::{
    DataCategory, Generalisation, Identifies, SealUnder, Whose, event_class, events, field_class, is_classified_itself,
    is_sealed,
};
use egide_wire::descriptors::pool;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

const UMBRELLAS: [&str; 4] = [
    "egide.case.v1.CaseEvent",
    "egide.directory.v1.DirectoryEvent",
    "egide.audit.v1.AccessEvent",
    "egide.house.v1.HouseEvent",
];

fn own_messages() -> impl Iterator<Item = MessageDescriptor> {
    pool().all_messages().filter(|message| message.package_name().starts_with("egide."))
}

/// Every message that can stand in the log as a payload or inside one.
fn payload_messages() -> BTreeMap<String, MessageDescriptor> {
    let mut reached = BTreeMap::new();
    let mut open: Vec<MessageDescriptor> =
        UMBRELLAS.iter().map(|name| pool().get_message_by_name(name).unwrap()).collect();
    while let Some(message) = open.pop() {
        if !message.package_name().starts_with("egide.") {
            continue;
        }
        if reached.insert(message.full_name().to_owned(), message.clone()).is_none() {
            open.extend(message.fields().filter_map(|field| field.kind().as_message().cloned()));
        }
    }
    reached
}

#[test]
fn every_message_field_value_and_method_is_commented() {
    let mut bare = Vec::new();
    for file in pool().files().filter(|file| file.package_name().starts_with("egide.")) {
        let proto = file.file_descriptor_proto();
        let source = proto.source_code_info.as_ref().unwrap();
        let commented: BTreeSet<&[i32]> = source
            .location
            .iter()
            .filter(|location| location.leading_comments.as_deref().is_some_and(|text| text.trim().len() > 2))
            .map(|location| location.path.as_slice())
            .collect();
        let mut check = |path: Vec<i32>, name: String| {
            if !commented.contains(path.as_slice()) {
                bare.push(format!("{}: {name}", file.name()));
            }
        };
        for (m, message) in (0..).zip(&proto.message_type) {
            check(vec![4, m], message.name().to_owned());
            for (f, field) in (0..).zip(&message.field) {
                check(vec![4, m, 2, f], format!("{}.{}", message.name(), field.name()));
            }
            for (o, oneof) in (0..).zip(&message.oneof_decl) {
                check(vec![4, m, 8, o], format!("{}.{}", message.name(), oneof.name()));
            }
        }
        for (e, list) in (0..).zip(&proto.enum_type) {
            check(vec![5, e], list.name().to_owned());
            for (v, value) in (0..).zip(&list.value) {
                check(vec![5, e, 2, v], format!("{}.{}", list.name(), value.name()));
            }
        }
        for (s, service) in (0..).zip(&proto.service) {
            check(vec![6, s], service.name().to_owned());
            for (r, method) in (0..).zip(&service.method) {
                check(vec![6, s, 2, r], format!("{}.{}", service.name(), method.name()));
            }
        }
    }
    assert!(bare.is_empty(), "without a comment:\n{}", bare.join("\n"));
}

#[test]
fn every_field_is_classified_whole() {
    let mut wrong = Vec::new();
    for field in own_messages().flat_map(|message| message.fields().collect::<Vec<_>>()) {
        if field.parent_message().package_name() == "egide.classification.v1" {
            continue;
        }
        let Some(class) = field_class(&field) else {
            wrong.push(format!("{} is not classified", field.full_name()));
            continue;
        };
        if class.category() == DataCategory::Unspecified
            || class.identifies() == Identifies::Unspecified
            || class.whose() == Whose::Unspecified
            || class.generalise() == Generalisation::Unspecified
        {
            wrong.push(format!("{} is classified in part only", field.full_name()));
        }
        if class.identifies() != Identifies::Quasi && !class.coarse_because.is_empty() {
            wrong.push(format!("{} gives a reason for being coarse and is no quasi-identifier", field.full_name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What of a date, an age, an address, a place or a number of people is left where it is generalised.
#[test]
fn what_says_when_where_how_old_or_how_many_has_the_coarser_form_that_was_decided() {
    const DECIDED: [(&str, Generalisation); 16] = [
        ("AgeAssessed.age_years", Generalisation::AgeGroup),
        ("AgeAssessed.band", Generalisation::Keep),
        ("CaseOpened.jurisdiction", Generalisation::Keep),
        ("ConsentGiven.age_at_grant", Generalisation::Withhold),
        ("ImmigrationRecorded.valid_until", Generalisation::Year),
        ("PersonIdentified.birth_date", Generalisation::AgeGroup),
        ("SituationRecorded.people_affected", Generalisation::NumberBand),
        ("SituationRecorded.since", Generalisation::Month),
        ("SuspectDescribed.places", Generalisation::Withhold),
        ("WhereaboutsRecorded.city", Generalisation::Province),
        ("WhereaboutsRecorded.jurisdiction", Generalisation::Keep),
        ("WhereaboutsRecorded.place_name", Generalisation::Withhold),
        ("WhereaboutsRecorded.postal_code", Generalisation::Province),
        ("WhereaboutsRecorded.room", Generalisation::Withhold),
        ("WhereaboutsRecorded.since", Generalisation::Month),
        ("WhereaboutsRecorded.street", Generalisation::Province),
    ];
    /// In a name, they say that a field tells one of these.
    const TELL: [&str; 13] = [
        "_date",
        "age_",
        "band",
        "birth",
        "since",
        "valid_until",
        "people_affected",
        "jurisdiction",
        "city",
        "street",
        "room",
        "postal",
        "place",
    ];
    let coarse = |field: &FieldDescriptor| field_class(field).unwrap().generalise();
    let identifies = |field: &FieldDescriptor| field_class(field).unwrap().identifies() != Identifies::None;
    let of_cases = payload_messages().into_values().filter(|message| message.package_name() == "egide.case.v1");
    let fields: Vec<FieldDescriptor> = of_cases.flat_map(|message| message.fields().collect::<Vec<_>>()).collect();
    let name = |field: &FieldDescriptor| format!("{}.{}", field.parent_message().name(), field.name());
    let found: Vec<(String, Generalisation)> = fields
        .iter()
        .filter(|field| identifies(field))
        .filter(|field| {
            let told = TELL.iter().any(|part| format!("{}_", field.name()).contains(part));
            let made = !matches!(
                coarse(field),
                Generalisation::Withhold | Generalisation::Keep | Generalisation::Deidentified
            );
            told && !field.name().contains("language") || made
        })
        .map(|field| (name(field), coarse(field)))
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect();
    let decided = DECIDED.map(|(name, how)| (name.to_owned(), how)).to_vec();
    assert_eq!(found, decided, "a field that says such a thing is decided about here");
}

#[test]
fn fields_of_payloads_are_classified_themselves_and_not_through_their_message() {
    let inherited: Vec<String> = payload_messages()
        .values()
        .flat_map(MessageDescriptor::fields)
        .filter(|field| !is_classified_itself(field))
        .map(|field| field.full_name().to_owned())
        .collect();
    assert!(inherited.is_empty(), "classify these themselves: {inherited:?}");
}

#[test]
fn every_payload_has_a_kind_of_its_own_and_says_how_it_is_sealed() {
    let mut kinds = BTreeSet::new();
    for umbrella in UMBRELLAS {
        for field in pool().get_message_by_name(umbrella).unwrap().fields() {
            let payload = field.kind().as_message().unwrap().clone();
            let class = event_class(&payload).unwrap_or_else(|| panic!("{} has no kind", payload.full_name()));
            assert!(kinds.insert(class.kind.clone()), "kind {} stands twice", class.kind);
            assert!(class.schema_version >= 1, "{} has no schema version", class.kind);
            let seals = payload.fields().any(|field| seals_anything(&field));
            assert_eq!(
                seals,
                class.seal_under() != SealUnder::Unspecified,
                "{}: `seal_under` and its fields disagree",
                class.kind
            );
        }
    }
    assert_eq!(kinds.len(), events().count(), "an event class stands on a message that is no payload");
}

fn seals_anything(field: &FieldDescriptor) -> bool {
    is_sealed(field)
        || matches!(field.kind(), Kind::Message(ref inner)
            if inner.package_name().starts_with("egide.") && inner.fields().any(|inner| seals_anything(&inner)))
}

#[test]
fn a_repeated_field_is_wholly_facts_or_wholly_identifying() {
    for field in payload_messages().values().flat_map(|message| message.fields().collect::<Vec<_>>()) {
        let Kind::Message(inner) = field.kind() else { continue };
        if (!field.is_list() && !field.is_map()) || !inner.package_name().starts_with("egide.") {
            continue;
        }
        let whole = is_sealed(&field);
        for part in inner.fields() {
            assert_eq!(
                whole,
                is_sealed(&part),
                "{} in the repeated {} mixes facts and identifying data",
                part.full_name(),
                field.full_name()
            );
        }
    }
}

#[test]
fn a_payload_names_the_key_that_seals_it() {
    for (name, class) in events() {
        let message = pool().get_message_by_name(name).unwrap();
        let needed = match class.seal_under() {
            SealUnder::Subject => "subject_id",
            SealUnder::Narrative => "narrative_id",
            SealUnder::Everybody => "subject_ids",
            SealUnder::Case | SealUnder::Unspecified => continue,
        };
        let field = message.get_field_by_name(needed).unwrap_or_else(|| panic!("{name} has no `{needed}`"));
        assert!(!is_sealed(&field), "{name}.{needed} must be a fact");
    }
}

#[test]
fn nothing_is_taken_in_that_would_betray_an_anonymous_caller() {
    let forbidden = ["caller_id", "ip", "ip_address", "user_agent", "header", "headers", "attachment", "recording"];
    for field in own_messages().flat_map(|message| message.fields().collect::<Vec<_>>()) {
        assert!(!forbidden.contains(&field.name()), "{} must not exist", field.full_name());
    }
}

/// The fields of payloads that stand readable in the log, by full name.
fn facts() -> BTreeSet<String> {
    payload_messages()
        .values()
        .flat_map(MessageDescriptor::fields)
        .filter(|field| !is_sealed(field))
        .map(|field| field.full_name().to_owned())
        .collect()
}

/// What once stood in the log cannot be taken back: a new field takes over, the old one stays what it was. New facts are
/// added to the list with the release that brings them.
#[test]
fn a_fact_of_a_released_version_stays_a_fact() {
    let facts = facts();
    let released = include_str!("fixtures/facts-v1.txt");
    for name in released.lines() {
        assert!(facts.contains(name), "{name} was a fact in version 1 and cannot become anything else");
    }
}
