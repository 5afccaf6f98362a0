//! What the ledger says is said of the caller's own fields.

use egide_wire::proto::egide::directory::v1::UnitRegistered;

use super::*;

fn change() -> Change {
    let id = "0192abcd-ef00-7fff-8000-010203040506".to_owned();
    let record = UnitRegistered {
        unit_id: id.clone(),
        organization_id: id.clone(),
        name_en: "Intake".to_owned(),
        kind: 4,
        purposes: vec![4],
        national: true,
        ..UnitRegistered::default()
    };
    Change::read(&id, Some(record)).unwrap()
}

#[test]
fn fields_are_named_as_the_caller_knows_them() {
    for (told, here) in [
        ("events[0].directory_event.unit_registered.name_en", "unit.name_en"),
        ("events[0].directory_event.unit_registered", "unit"),
        ("events[0].stream_id", "unit.organization_id"),
        ("command_id", "command_id"),
        ("events[0].occurred_at", "occurred_at"),
        ("events[0].directory_event.unit_registered_twice", "directory_event.unit_registered_twice"),
    ] {
        assert_eq!(field_here(told, &change()), here);
    }
}

#[test]
fn refusals_keep_their_details_and_failures_do_not() {
    let field = || Violation::new("events[0].directory_event.unit_registered.organization_id", "is not registered");
    let refused = translate(&precondition(vec![("organization_unknown".to_owned(), field())]), &change());
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let told = refused.get_details_precondition_failure().unwrap().violations;
    assert_eq!((told[0].r#type.as_str(), told[0].subject.as_str()), ("organization_unknown", "unit.organization_id"));

    let refused = translate(&invalid(vec![field()]), &change());
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "unit.organization_id");

    let failed = translate(&Status::internal("block 7 has a bad hash"), &change());
    assert_eq!((failed.code(), failed.message()), (Code::Internal, "the ledger failed on this command"));
}

#[test]
fn whatever_leaves_the_outcome_open_is_unavailable() {
    for code in [Code::Cancelled, Code::Unknown, Code::DeadlineExceeded, Code::Unavailable] {
        let status = translate(&Status::new(code, "Timeout expired"), &change());
        assert_eq!(status.code(), Code::Unavailable, "{code:?}");
        assert!(status.message().contains("same id"));
    }
}
