//! Every field says what is wrong with it, and all of them at once.

use super::*;

const ID: &str = "0192abcd-ef00-7fff-8000-010203040506";

fn organization() -> OrganizationRegistered {
    OrganizationRegistered {
        organization_id: ID.to_owned(),
        name_en: "Harbour Shelter".to_owned(),
        kind: RecipientKind::SupportService.number(),
        verified: true,
        jurisdictions: vec![Jurisdiction::On.number(), Jurisdiction::Qc.number()],
        language: Language::French.number(),
        ..OrganizationRegistered::default()
    }
}

fn unit() -> UnitRegistered {
    UnitRegistered {
        unit_id: ID.to_owned(),
        organization_id: ID.to_owned(),
        name_fr: "Accueil".to_owned(),
        kind: RecipientKind::SupportService.number(),
        purposes: vec![Purpose::SupportService.number()],
        national: true,
        callback_number: "+1 (613) 555-0142 x 12".to_owned(),
        ..UnitRegistered::default()
    }
}

fn agreement() -> AgreementRecorded {
    AgreementRecorded {
        agreement_id: ID.to_owned(),
        organization_id: ID.to_owned(),
        purposes: vec![Purpose::SupportService.number()],
        categories: vec![DataCategory::Contact.number()],
        valid_from: Some(prost_types::Timestamp { seconds: 100, nanos: 0 }),
        valid_until: Some(prost_types::Timestamp { seconds: 101, nanos: 0 }),
        ..AgreementRecorded::default()
    }
}

fn suspension() -> RecipientSuspended {
    RecipientSuspended {
        organization_id: ID.to_owned(),
        unit_id: ID.to_owned(),
        reason: SuspensionReason::Misuse.number(),
    }
}

/// The fields that are refused after `change`.
fn refused<R: Record>(mut record: R, change: impl FnOnce(&mut R)) -> Vec<String> {
    change(&mut record);
    match Change::read(ID, Some(record)) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.into_iter().map(|violation| violation.field).collect(),
    }
}

#[test]
fn complete_records_pass() {
    assert!(refused(organization(), |_| {}).is_empty());
    assert!(refused(unit(), |_| {}).is_empty());
    assert!(refused(agreement(), |_| {}).is_empty());
    assert!(refused(suspension(), |_| {}).is_empty());
    let end = RecipientReinstated { organization_id: ID.to_owned(), unit_id: String::new() };
    assert!(refused(end, |_| {}).is_empty());
}

#[test]
fn a_change_carries_what_was_sent() {
    let change = Change::read(ID, Some(unit())).unwrap();
    assert_eq!(change.event.payload, Some(Payload::UnitRegistered(unit())));
    assert_eq!((change.field, change.registers_unit.map(|id| id.to_string())), ("unit", Some(ID.to_owned())));
    assert_eq!(Change::read(ID, Some(organization())).unwrap().registers_unit, None);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let violations = Change::read("", Some(OrganizationRegistered::default())).unwrap_err();
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["command_id", "organization.organization_id", "organization.name_en", "organization.kind"]);
    let violations = Change::read::<UnitRegistered>("x", None).unwrap_err();
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["command_id", "unit"]);
}

#[test]
fn ids_are_written_in_one_way() {
    let upper = ID.to_uppercase();
    assert_eq!(
        refused(organization(), |record| record.organization_id = upper.clone()),
        ["organization.organization_id"]
    );
    assert_eq!(refused(unit(), |record| record.unit_id = ID.replace('-', "")), ["unit.unit_id"]);
    assert_eq!(refused(suspension(), |record| record.unit_id = "x".to_owned()), ["suspension.unit_id"]);
    assert!(refused(suspension(), |record| record.unit_id.clear()).is_empty());
}

#[test]
fn names_are_short_and_clean() {
    for name in [" Harbour", "Harbour\n", "Har\u{7}bour", &"é".repeat(129)] {
        let fields = refused(organization(), |record| record.name_fr = name.to_owned());
        assert!(!fields.is_empty() && fields.iter().all(|field| field == "organization.name_fr"), "{name:?}");
    }
    assert!(refused(organization(), |record| record.name_fr = "é".repeat(128)).is_empty());
}

#[test]
fn values_are_of_their_lists_and_named_once() {
    assert_eq!(refused(organization(), |record| record.kind = 99), ["organization.kind"]);
    assert_eq!(refused(organization(), |record| record.language = 99), ["organization.language"]);
    assert!(refused(organization(), |record| record.language = 0).is_empty());
    let unknown = refused(organization(), |record| record.jurisdictions = vec![1, 0, 99]);
    assert_eq!(unknown, ["organization.jurisdictions[1]", "organization.jurisdictions[2]"]);
    assert_eq!(refused(unit(), |record| record.purposes = vec![1, 1]), ["unit.purposes"]);
    assert_eq!(refused(unit(), |record| record.purposes.clear()), ["unit.purposes"]);
    assert_eq!(refused(suspension(), |record| record.reason = 0), ["suspension.reason"]);
}

#[test]
fn a_callback_number_can_be_dialled() {
    for number in ["ask at the desk", "+-", "12", "tel:613-555-0142", &"5".repeat(41)] {
        assert_eq!(refused(unit(), |record| record.callback_number = number.to_owned()), ["unit.callback_number"]);
    }
    for number in ["", "911", "613.555.0142", "1-800-555-0199"] {
        assert!(refused(unit(), |record| record.callback_number = number.to_owned()).is_empty(), "{number}");
    }
}

#[test]
fn an_agreement_covers_something_and_ends_after_it_begins() {
    let field = |name: &str| vec![format!("agreement.{name}")];
    assert_eq!(refused(agreement(), |record| record.categories.clear()), field("categories"));
    let record_keeping = DataCategory::RecordKeeping.number();
    assert_eq!(refused(agreement(), |record| record.categories.push(record_keeping)), field("categories"));
    assert_eq!(refused(agreement(), |record| record.valid_until = record.valid_from), field("valid_until"));
    let broken = prost_types::Timestamp { seconds: 1, nanos: -1 };
    assert_eq!(refused(agreement(), |record| record.valid_from = Some(broken)), field("valid_from"));
    assert!(refused(agreement(), |record| record.valid_until = None).is_empty());
}

#[test]
fn no_description_repeats_what_was_sent() {
    let mut record = unit();
    record.name_en = "marker\n".to_owned();
    record.callback_number = "marker".to_owned();
    record.unit_id = "marker".to_owned();
    for violation in Change::read("marker", Some(record)).unwrap_err() {
        assert!(!violation.description.contains("marker") && !violation.field.contains("marker"));
    }
}

#[test]
fn a_key_is_checked_and_what_was_given_is_never_repeated() {
    let key = || EncryptionKeyAdded {
        organization_id: ID.to_owned(),
        unit_id: ID.to_owned(),
        recipient: "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa".to_owned(),
        label: "duty desk".to_owned(),
    };
    assert!(Change::read(ID, Some(key())).is_ok());
    let secret = "AGE-SECRET-KEY-1QQPQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQP";
    let wrong = [
        (EncryptionKeyAdded { recipient: secret.to_owned(), ..key() }, "key.recipient"),
        (EncryptionKeyAdded { recipient: secret.to_lowercase(), ..key() }, "key.recipient"),
        (EncryptionKeyAdded { recipient: String::new(), ..key() }, "key.recipient"),
        (EncryptionKeyAdded { recipient: key().recipient.to_uppercase(), ..key() }, "key.recipient"),
        (EncryptionKeyAdded { recipient: format!("{} ", key().recipient), ..key() }, "key.recipient"),
        (EncryptionKeyAdded { label: secret.to_owned(), ..key() }, "key.label"),
        (EncryptionKeyAdded { label: String::new(), ..key() }, "key.label"),
        (EncryptionKeyAdded { label: "x".repeat(101), ..key() }, "key.label"),
        (EncryptionKeyAdded { unit_id: String::new(), ..key() }, "key.unit_id"),
    ];
    for (key, field) in wrong {
        let violations = Change::read(ID, Some(key)).unwrap_err();
        assert_eq!(violations.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), [field]);
        assert!(!format!("{violations:?}").to_uppercase().contains("1QQPQQQP"), "{field}");
    }
    let removed = EncryptionKeyRemoved {
        organization_id: ID.to_owned(),
        unit_id: ID.to_owned(),
        fingerprint: "age-0".to_owned(),
    };
    let violations = Change::read(ID, Some(removed)).unwrap_err();
    assert_eq!(violations.first().map(|one| one.field.as_str()), Some("key.fingerprint"));
}

#[test]
fn an_address_is_one_of_its_kind_and_never_repeated() {
    let address = |means: NoticeMeans, address: &str| NotificationAddressAdded {
        organization_id: ID.to_owned(),
        unit_id: ID.to_owned(),
        address_id: ID.to_owned(),
        means: means.number(),
        address: address.to_owned(),
        label: "duty desk".to_owned(),
    };
    let none = |_: &mut NotificationAddressAdded| {};
    let (url, mailbox) = ("https://desk.example.ca/egide", "duty-desk@example.ca");
    assert!(refused(address(NoticeMeans::Webhook, url), none).is_empty());
    assert!(refused(address(NoticeMeans::Email, mailbox), none).is_empty());
    for (means, text) in [
        (NoticeMeans::Webhook, mailbox),
        (NoticeMeans::Email, url),
        (NoticeMeans::Webhook, ""),
        (NoticeMeans::Webhook, "https://marker:marker@desk.example.ca/"),
        (NoticeMeans::Webhook, "http://desk.example.ca/"),
        (NoticeMeans::Email, "marker@example.ca\r\nBcc: other@example.ca"),
    ] {
        assert_eq!(refused(address(means, text), none), ["address.address"], "{text}");
        let violations = Change::read(ID, Some(address(means, text))).unwrap_err();
        assert!(violations.iter().all(|violation| !violation.description.contains("marker")));
    }
    let wrong = |change: fn(&mut NotificationAddressAdded)| refused(address(NoticeMeans::Webhook, url), change);
    assert_eq!(wrong(|record| record.means = 0), ["address.means"]);
    assert_eq!(wrong(|record| record.means = 9), ["address.means"]);
    assert_eq!(wrong(|record| record.address_id.clear()), ["address.address_id"]);
    assert_eq!(wrong(|record| record.label.clear()), ["address.label"]);
}
