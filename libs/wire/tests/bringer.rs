//! Nothing betrays whoever brought the information: how they reached us, in which language, with whose help and when stands in
//! no report, and the contract has no place for what a network or a telephone exchange knows of them.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use egide_domain::ids::{ConsentId, ReviewId, Revision, SubjectId};
use egide_domain::vocabulary::{DataCategory, MaskLevel, Outcome, PersonRole};
use egide_domain::{AttestedNarrative, Bases, Basis, Decision, Mask, MaskEntry, Timestamp};
use egide_redaction::{About, Fate, People, Person, SafeContact, Unopened, fate};
use egide_wire::descriptors::{of, pool};
use egide_wire::flatten::class;
use egide_wire::proto::egide::case::v1::CaseEvent;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

const CALLER: SubjectId = SubjectId([1; 16]);
const ATTESTED: AttestedNarrative = AttestedNarrative { review_id: ReviewId([3; 16]), text_digest: [3; 32] };

/// Whatever a mask can let through of somebody who called and is everything else besides.
fn everything() -> Decision {
    let entry = |category: &DataCategory| MaskEntry {
        subject_id: CALLER,
        category: *category,
        level: MaskLevel::Whole,
        bases: [0].into_iter().collect::<Bases>(),
        period: None,
    };
    Decision {
        outcome: Outcome::Permit,
        bases: vec![Basis::Consent(ConsentId([4; 16])), Basis::Consent(ConsentId([5; 16]))],
        mask: Mask::from(DataCategory::ALL.iter().map(entry).collect::<Vec<_>>()),
        narratives: vec![ATTESTED],
        reasons: Vec::new(),
        obligations: Vec::new(),
        decided_at: Timestamp(0),
        expires_at: None,
        case_revision: Revision(1),
        directory_revision: Revision(1),
        policy_version: Arc::from("test"),
        urgent: false,
        recipient_kind: None,
    }
}

fn people() -> People {
    let roles = PersonRole::ALL.iter().copied().filter(|role| *role != PersonRole::Suspect).collect();
    [Person { subject_id: CALLER, roles, only_suspect: false, safe_contact: SafeContact::NO_INSTRUCTION }]
        .into_iter()
        .collect()
}

/// Every field inside a message, however deep, with its path.
fn walk(message: &MessageDescriptor, path: &str, fields: &mut Vec<(String, FieldDescriptor)>) {
    for field in message.fields() {
        let path = format!("{path}.{}", field.name());
        match field.kind().as_message().filter(|inner| inner.package_name().starts_with("egide.")) {
            Some(inner) => walk(inner, &path, fields),
            None => fields.push((path, field)),
        }
    }
}

fn fields_of_case_events() -> Vec<(String, FieldDescriptor)> {
    let mut fields = Vec::new();
    for payload in of::<CaseEvent>().fields() {
        walk(payload.kind().as_message().unwrap(), payload.name(), &mut fields);
    }
    fields
}

/// How far a field leaves at most, about the caller alone or with others, attested or not.
fn leaves(path: &str, field: &FieldDescriptor) -> bool {
    let (decision, people, class) = (everything(), people(), class(field));
    [About::One(CALLER), About::Several(vec![CALLER]), About::Nobody].iter().any(|about| {
        [None, Some(ATTESTED)].into_iter().any(|attested| {
            let recorded_at = Some(Timestamp(1));
            let unopened = Unopened { about, recorded_at, path, class: &class, only_under: None, attested };
            fate(&decision, &people, unopened) != Fate::Withheld
        })
    })
}

/// The caller's language, interpreter, channel, how they heard of the line, and every time that is told to the minute.
#[test]
fn how_somebody_reached_us_stands_in_no_report_whatever_the_mask() {
    const NAMED: [&str; 7] =
        ["channel", "language", "language_tag", "languages", "interpreter", "interpreter_present", "how_heard"];
    let fields = fields_of_case_events();
    let found: Vec<_> = fields.iter().filter(|(_, field)| NAMED.contains(&field.name())).collect();
    for name in NAMED {
        assert!(
            found.iter().any(|(_, field)| field.name() == name),
            "`{name}` is nowhere: is it called otherwise now?"
        );
    }
    for (path, field) in found {
        assert!(!leaves(path, field), "{path}");
    }
    for (path, field) in &fields {
        let a_time = matches!(field.kind(), Kind::Message(inner) if inner.full_name() == "google.protobuf.Timestamp");
        assert!(!a_time || !leaves(path, field), "{path}");
    }
    assert!(fields.iter().any(|(path, field)| leaves(path, field)), "something leaves, or this shows nothing");
}

/// What would betray an anonymous caller is never taken in: there is no field to put it into. A telephone number is stored only where
/// the caller offers it (`ContactRecorded.phones`).
#[test]
fn the_contract_has_no_field_for_caller_id_network_addresses_or_headers() {
    const NEVER: &[&str] = &[
        "caller_id",
        "callerid",
        "calling_number",
        "ani",
        "clid",
        "msisdn",
        "imsi",
        "imei",
        "sim",
        "cell",
        "ip",
        "ip_address",
        "address",
        "remote_addr",
        "peer",
        "network",
        "user_agent",
        "header",
        "headers",
        "cookie",
        "device",
    ];
    // Where a unit of the directory is told that something waits for it: nobody who called, and never an event's own origin.
    const OF_UNITS: [&str; 11] = [
        "egide.case.v1.UnitNotified.address_id",
        "egide.directory.v1.AddNotificationAddressRequest.address",
        "egide.directory.v1.DirectoryEvent.notification_address_added",
        "egide.directory.v1.DirectoryEvent.notification_address_removed",
        "egide.directory.v1.NotificationAddress.address",
        "egide.directory.v1.NotificationAddress.address_id",
        "egide.directory.v1.NotificationAddressAdded.address",
        "egide.directory.v1.NotificationAddressAdded.address_id",
        "egide.directory.v1.NotificationAddressRemoved.address_id",
        "egide.directory.v1.RemoveNotificationAddressRequest.address",
        "egide.triage.v1.RecordNoticeRequest.address_id",
    ];
    let mut found = Vec::new();
    for message in pool().all_messages().filter(|message| message.package_name().starts_with("egide.")) {
        for field in message.fields() {
            let words: Vec<&str> = field.name().split('_').collect();
            let named = NEVER.contains(&field.name()) || words.iter().any(|word| NEVER.contains(word));
            if named {
                found.push(field.full_name().to_owned());
            }
        }
    }
    let of_units = found.extract_if(.., |name| OF_UNITS.contains(&name.as_str())).count();
    assert_eq!(of_units, OF_UNITS.len(), "one of them is called otherwise now");
    assert!(found.is_empty(), "{found:?}: what would betray a caller must have no place in the contract");
}
