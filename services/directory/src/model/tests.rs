//! What stands after each event.

use egide_wire::proto::egide::directory::v1::{OrganizationRegistered, RecipientReinstated, RecipientSuspended};

use super::*;

fn id(number: u8) -> String {
    OrganizationId([number; 16]).to_string()
}

fn organization(name: &str) -> Payload {
    let name_en = name.to_owned();
    Payload::OrganizationRegistered(OrganizationRegistered { organization_id: id(1), name_en, ..Default::default() })
}

fn unit(number: u8, name: &str) -> Payload {
    let (unit_id, organization_id, name_en) = (id(number), id(1), name.to_owned());
    Payload::UnitRegistered(UnitRegistered { unit_id, organization_id, name_en, ..Default::default() })
}

fn suspended(unit_id: &str) -> Payload {
    let unit_id = unit_id.to_owned();
    Payload::RecipientSuspended(RecipientSuspended { organization_id: id(1), unit_id, reason: 1 })
}

fn reinstated(unit_id: &str) -> Payload {
    Payload::RecipientReinstated(RecipientReinstated { organization_id: id(1), unit_id: unit_id.to_owned() })
}

fn after(payloads: impl IntoIterator<Item = Payload>) -> OrganizationEntry {
    let mut standing = Standing::default();
    for payload in payloads {
        standing.evolve(Some(payload), 0);
        // Through its row every time, as in the projection.
        standing = Standing::read(&standing.write()).unwrap();
    }
    standing.told().unwrap()
}

#[test]
fn the_newest_record_counts_whole() {
    let entry = after([organization("old"), unit(2, "old"), unit(3, "other"), unit(2, "new"), organization("new")]);
    assert_eq!(entry.organization.unwrap().name_en, "new");
    let names: Vec<String> = entry.units.into_iter().map(|unit| unit.unit.unwrap().name_en).collect();
    assert_eq!(names, ["new", "other"]);
}

#[test]
fn an_agreement_recorded_again_replaces_itself() {
    let agreement = |number: u8, unit: &str| {
        let (agreement_id, unit_id) = (id(number), unit.to_owned());
        Payload::AgreementRecorded(AgreementRecorded { agreement_id, unit_id, ..Default::default() })
    };
    let entry = after([organization("a"), agreement(5, "one"), agreement(6, "two"), agreement(5, "three")]);
    let units: Vec<String> = entry.agreements.into_iter().map(|agreement| agreement.unit_id).collect();
    assert_eq!(units, ["three", "two"]);
}

#[test]
fn whole_and_unit_are_suspended_apart() {
    let entry = after([organization("a"), unit(2, "b"), suspended(&id(2)), suspended(""), reinstated("")]);
    assert!(!entry.suspended && entry.units[0].suspended);
    let entry = after([organization("a"), unit(2, "b"), suspended(""), suspended(&id(2)), reinstated(&id(2))]);
    assert!(entry.suspended && !entry.units[0].suspended);
}

#[test]
fn renewing_a_suspended_unit_does_not_reinstate_it() {
    let entry = after([organization("a"), unit(2, "b"), suspended(&id(2)), unit(2, "c")]);
    assert!(entry.units[0].suspended);
}

#[test]
fn the_suspension_of_an_unknown_unit_suspends_everything() {
    assert!(after([organization("a"), suspended(&id(9))]).suspended);
}

#[test]
fn what_cannot_be_read_suspends_for_good() {
    let mut standing = Standing::default();
    standing.evolve(Some(organization("a")), 0);
    standing.evolve(None, 0);
    standing.evolve(Some(reinstated("")), 0);
    assert!(Standing::read(&standing.write()).unwrap().told().unwrap().suspended);
}

#[test]
fn what_is_not_registered_is_not_told() {
    let mut standing = Standing::default();
    standing.evolve(Some(suspended("")), 0);
    assert_eq!(standing.told(), None);
}

#[test]
fn a_command_is_known_by_its_content() {
    let event = |name| DirectoryEvent { payload: Some(organization(name)) };
    let command = CommandId([4; 16]);
    let row = CommandRow { command, revision: 3, position: 70, content: content_digest(&event("a")) };
    let row = CommandRow::read(command, &row.write()).unwrap();
    assert_eq!(row.receipt_for(&event("a")), Some(DirectoryReceipt { revision: 3, position: 70 }));
    assert_eq!(row.receipt_for(&event("b")), None);
    assert_eq!(CommandRow::read(command, &[0; 47]), None);
}

#[test]
fn a_command_of_another_service_is_none_of_ours() {
    let payload = organization("a");
    let mut commit = Commit { command_id: id(4), emitter: "directory".to_owned(), ..Commit::default() };
    assert!(command_row(1, &commit, &Event::default(), Some(&payload)).is_some());
    commit.emitter = "case-desk".to_owned();
    assert!(command_row(1, &commit, &Event::default(), Some(&payload)).is_none());
}

#[test]
fn keys_of_a_unit_have_a_history_and_the_newest_of_those_removed_are_told() {
    let recipient = || "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa".to_owned();
    let fingerprint = recipient().parse::<EncryptionKey>().unwrap().fingerprint().to_string();
    let add = || {
        let (organization_id, unit_id, label) = (id(1), id(2), "desk".to_owned());
        Payload::EncryptionKeyAdded(EncryptionKeyAdded { organization_id, unit_id, recipient: recipient(), label })
    };
    let remove = || {
        let (organization_id, unit_id, fingerprint) = (id(1), id(2), fingerprint.clone());
        Payload::EncryptionKeyRemoved(EncryptionKeyRemoved { organization_id, unit_id, fingerprint })
    };
    // A record that is renewed leaves the keys.
    let entry = after([organization("a"), unit(2, "b"), unit(3, "c"), add(), unit(2, "d")]);
    let key = &entry.units[0].encryption_keys[0];
    assert_eq!((key.fingerprint.as_str(), key.label.as_str()), (fingerprint.as_str(), "desk"));
    assert!(key.added_at.is_some() && key.removed_at.is_none() && entry.units[1].encryption_keys.is_empty());
    let entry = after([organization("a"), unit(2, "b"), add(), remove(), remove()]);
    assert!(entry.units[0].encryption_keys[0].removed_at.is_some());
    let many = std::iter::repeat_with(|| [add(), remove()]).take(REMOVED_TOLD_MAX + 3).flatten();
    let entry = after([organization("a"), unit(2, "b")].into_iter().chain(many).chain([add()]));
    let keys = &entry.units[0].encryption_keys;
    assert_eq!(keys.len(), REMOVED_TOLD_MAX + 1);
    assert!(keys.last().unwrap().removed_at.is_none(), "those that count are always told");
}
