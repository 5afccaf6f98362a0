//! The table fits the contract, and refuses what it does not name.

use std::collections::BTreeSet;

use egide_domain::ids::UnitId;

use super::*;
use crate::identity::{Caller, Person, Role};

const APPEND: &str = "/egide.ledger.v1.LedgerService/Append";
const OPEN: &str = "/egide.ledger.v1.LedgerService/OpenForPermit";
const OPEN_AGAIN: &str = "/egide.ledger.v1.LedgerService/OpenForReplay";
const FETCH: &str = "/egide.disclosure.v1.ReferralService/FetchReferral";

fn rows() -> serde_json::Map<String, serde_json::Value> {
    let file: serde_json::Value = serde_json::from_str(include_str!("../../access.json")).unwrap();
    file["methods"].as_object().unwrap().clone()
}

fn staff(role: Role) -> Option<Person> {
    Some(Person::staff("amelie.roy".parse().unwrap(), [role]).unwrap())
}

fn admit(path: &str, service: &str, person: Option<Person>) -> Result<(), Refused> {
    let table = AccessTable::embedded().unwrap();
    table.method(path).ok_or(Refused::NoRow)?.admit(&Caller { service: service.parse().unwrap(), person })
}

#[test]
fn every_method_of_the_contract_has_a_row_and_every_row_a_method() {
    let methods: BTreeSet<String> = egide_wire::descriptors::pool()
        .services()
        .flat_map(|service| {
            service.methods().map(|method| format!("{}/{}", service.full_name(), method.name())).collect::<Vec<_>>()
        })
        .collect();
    let (outside, rows): (BTreeSet<String>, BTreeSet<String>) =
        rows().into_iter().map(|(method, _)| method).partition(|method| method.starts_with("grpc."));
    assert_eq!(rows, methods);
    let expected = [
        "grpc.health.v1.Health/Check",
        "grpc.health.v1.Health/Watch",
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ];
    assert_eq!(outside, expected.into_iter().map(str::to_owned).collect());
    AccessTable::embedded().unwrap();
}

#[test]
fn every_service_named_is_one_of_ours() {
    let ours = [
        "telephony-desk",
        "web-form",
        "email-intake",
        "case-desk",
        "console",
        "portal",
        "cli",
        "disclosure",
        "audit",
        "directory",
        "triage",
        "notifier",
        "ledger",
        "partner-gateway",
    ];
    for (method, row) in rows() {
        for service in row.as_array().into_iter().flatten().flat_map(|grant| grant["services"].as_array().unwrap()) {
            assert!(ours.contains(&service.as_str().unwrap()), "{method}: {service}");
        }
    }
}

#[test]
fn nothing_but_a_health_check_is_open_to_anybody() {
    let open: Vec<String> = rows().into_iter().filter(|(_, row)| !row.is_array()).map(|(method, _)| method).collect();
    assert_eq!(open, ["grpc.health.v1.Health/Check"]);
}

#[test]
fn referrals_are_for_liaisons_alone() {
    for (method, row) in rows().into_iter().filter(|(method, _)| method.contains("ReferralService/")) {
        let grants = row.as_array().unwrap();
        assert!(!grants.is_empty(), "{method}");
        for grant in grants {
            assert_eq!(grant["person"], "required", "{method}");
            assert_eq!(grant["roles"], serde_json::json!(["liaison"]), "{method}");
            assert_eq!(grant["services"], serde_json::json!(["portal", "partner-gateway", "cli"]), "{method}");
        }
    }
    let liaison = Some(Person::liaison("k.tremblay".parse().unwrap(), UnitId([1; 16])));
    assert_eq!(admit(FETCH, "portal", liaison), Ok(()));
    assert_eq!(admit(FETCH, "portal", None), Err(Refused::NoPerson));
    assert_eq!(admit(FETCH, "portal", staff(Role::Supervisor)), Err(Refused::Role { roles: vec!["liaison"] }));
    assert_eq!(admit(FETCH, "console", staff(Role::Supervisor)), Err(Refused::Service));
}

#[test]
fn liaisons_reach_only_referrals_their_own_units_keys_and_what_services_do_for_them() {
    let own = [
        "egide.directory.v1.DirectoryService/AddEncryptionKey",
        "egide.directory.v1.DirectoryService/RemoveEncryptionKey",
        "egide.directory.v1.LiaisonService/GetOwnUnit",
    ];
    for (method, row) in rows() {
        for grant in row.as_array().into_iter().flatten() {
            let admits = grant["roles"].as_array().is_some_and(|roles| roles.contains(&"liaison".into()));
            let services = &grant["services"];
            let from_inside = *services == serde_json::json!(["disclosure"])
                || (*services == serde_json::json!(["directory"]) && method.ends_with("LedgerService/Append"));
            let at_the_portal = own.contains(&method.as_str()) && *services == serde_json::json!(["portal"]);
            assert!(!admits || from_inside || at_the_portal || method.contains("ReferralService/"), "{method}");
        }
    }
}

#[test]
fn the_portal_by_itself_signs_people_in_and_nothing_else() {
    for (method, row) in rows() {
        for grant in row.as_array().into_iter().flatten() {
            let portal = grant["services"].as_array().unwrap().contains(&"portal".into());
            let alone = grant["person"] != "required";
            let ceremony = method.contains("LiaisonService/") || method.starts_with("grpc.");
            assert!(!(portal && alone) || ceremony, "{method}");
        }
    }
}

#[test]
fn keys_are_opened_for_the_disclosure_service_alone() {
    assert_eq!(admit(OPEN, "disclosure", None), Ok(()));
    for service in ["telephony-desk", "case-desk", "console", "portal", "cli", "audit", "directory", "ledger"] {
        assert_eq!(admit(OPEN, service, staff(Role::Supervisor)), Err(Refused::Service), "{service}");
    }
}

#[test]
fn reports_are_opened_again_for_those_alone_who_may_replay() {
    for path in [
        "/egide.disclosure.v1.DisclosureService/ReplayDecision",
        "/egide.disclosure.v1.DisclosureService/ReplayHistory",
    ] {
        for role in [Role::Supervisor, Role::Compliance] {
            assert_eq!(admit(path, "console", staff(role)), Ok(()));
            assert_eq!(admit(OPEN_AGAIN, "disclosure", staff(role)), Ok(()));
            assert_eq!(admit(OPEN_AGAIN, "console", staff(role)), Err(Refused::Service));
        }
    }
    let roles = vec!["supervisor", "compliance"];
    for role in [Role::Responder, Role::Reviewer, Role::Operator] {
        assert_eq!(admit(OPEN_AGAIN, "disclosure", staff(role)), Err(Refused::Role { roles: roles.clone() }));
    }
    assert_eq!(admit(OPEN_AGAIN, "disclosure", None), Err(Refused::NoPerson));
}

#[test]
fn a_tip_form_appends_for_nobody_else() {
    assert_eq!(admit(APPEND, "web-form", None), Ok(()));
    assert_eq!(admit(APPEND, "web-form", staff(Role::Supervisor)), Err(Refused::PersonNotExpected));
}

#[test]
fn a_person_without_a_fitting_role_is_refused_with_the_roles_that_fit() {
    let none = Some(Person::staff("amelie.roy".parse().unwrap(), []).unwrap());
    let roles = vec!["responder", "supervisor", "reviewer", "compliance"];
    assert_eq!(admit(APPEND, "telephony-desk", none), Err(Refused::Role { roles }));
}

#[test]
fn what_has_no_row_is_denied() {
    assert_eq!(admit("/egide.ledger.v1.LedgerService/Delete", "cli", staff(Role::Operator)), Err(Refused::NoRow));
    assert_eq!(admit("egide.ledger.v1.LedgerService/Append", "cli", staff(Role::Operator)), Err(Refused::NoRow));
}

fn changed(change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> Result<AccessTable, TableError> {
    let mut rows = rows();
    change(&mut rows);
    AccessTable::read(&serde_json::json!({"about": "", "methods": rows}).to_string())
}

#[test]
fn a_table_with_a_gap_or_a_slip_is_refused() {
    let append = APPEND.trim_start_matches('/');
    let grant = |grant: serde_json::Value| {
        changed(|rows| {
            rows.insert(append.to_owned(), serde_json::json!([grant]));
        })
    };
    assert!(changed(|_| {}).is_ok());
    assert!(matches!(changed(|rows| drop(rows.remove(append))), Err(TableError::Mismatch { .. })));
    let extra =
        changed(|rows| drop(rows.insert("egide.ledger.v1.LedgerService/Purge".to_owned(), serde_json::json!([]))));
    assert!(matches!(extra, Err(TableError::Mismatch { .. })));
    for slip in [
        serde_json::json!({"services": ["cli"], "person": "required"}),
        serde_json::json!({"services": ["cli"], "person": "required", "roles": ["admin"]}),
        serde_json::json!({"services": ["cli"], "person": "none", "roles": ["responder"]}),
        serde_json::json!({"services": [], "person": "none"}),
    ] {
        assert!(matches!(grant(slip.clone()), Err(TableError::Grant { .. })), "{slip}");
    }
    assert!(matches!(grant(serde_json::json!({"services": ["cli"], "person": "maybe"})), Err(TableError::Json(_))));
}
