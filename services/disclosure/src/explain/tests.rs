//! The words are whole in both languages, and every reference is told as what it is.

use std::collections::{BTreeMap, BTreeSet};

use egide_domain::event::{
    Actor, CaseEvent, ConsentGiven, ExceptionAsserted, Expiry, PersonIdentified, RecipientScope, Recorded,
};
use egide_domain::ids::{ConsentId, ExceptionId, Position, SubjectId};
use egide_domain::set::{Categories, Purposes, Roles, Set};
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::{
    ApprovalOutcome, ConsentKind, ExceptionGround, GrantorKind, Jurisdiction, RecipientKind, Role,
};
use egide_wire::convert::Listed as _;
use egide_wire::proto::egide::case::v1::{Basis as WireBasis, BasisKind, Obligation, RequestRecord};

use super::*;

const VICTIM: SubjectId = SubjectId([1; 16]);
const CONSENT: ConsentId = ConsentId([2; 16]);
const EXCEPTION: ExceptionId = ExceptionId([3; 16]);
const UNIT: UnitId = UnitId([4; 16]);

fn table(words: Words) -> BTreeMap<String, String> {
    serde_json::from_str(words.source()).unwrap()
}

#[test]
fn both_languages_have_the_same_keys_and_places_and_no_empty_text() {
    let places = |text: &str| -> BTreeSet<String> {
        text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).map(str::to_owned).collect()
    };
    let (english, french) = (table(Words::English), table(Words::French));
    assert_eq!(english.keys().collect::<Vec<_>>(), french.keys().collect::<Vec<_>>());
    for (key, text) in &english {
        assert!(!text.is_empty() && !french[key].is_empty(), "{key}");
        assert_eq!(places(text), places(&french[key]), "{key}");
    }
}

#[test]
fn everything_a_decision_can_say_has_words() {
    let mut keys: Vec<String> = Vec::new();
    keys.extend(ReasonCode::ALL.iter().map(|value| format!("reason.{value}")));
    keys.extend(ObligationKind::ALL.iter().map(|value| format!("obligation.{value}")));
    keys.extend(DataCategory::ALL.iter().map(|value| format!("category.{value}")));
    keys.extend(Purpose::ALL.iter().map(|value| format!("purpose.{value}")));
    keys.extend(MaskLevel::ALL.iter().map(|value| format!("level.{value}")));
    keys.extend(PersonRole::ALL.iter().map(|value| format!("person.{value}")));
    keys.extend(Role::ALL.iter().map(|value| format!("staff.{value}")));
    keys.extend(RecipientKind::ALL.iter().map(|value| format!("recipient.{value}")));
    keys.extend(Jurisdiction::ALL.iter().map(|value| format!("place.{value}")));
    keys.extend(ExceptionKind::ALL.iter().map(|value| format!("exception.{value}")));
    keys.extend(ExceptionGround::ALL.iter().map(|value| format!("ground.{value}")));
    keys.extend(ConsentKind::ALL.iter().map(|value| format!("consent.{value}")));
    keys.extend(GrantorKind::ALL.iter().map(|value| format!("grantor.{value}")));
    keys.extend(ApprovalOutcome::ALL.iter().map(|value| format!("approval.{value}")));
    let english = table(Words::English);
    let missing: Vec<_> = keys.iter().filter(|key| !english.contains_key(*key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn facts() -> CaseFacts {
    let events = [
        CaseEvent::PersonIdentified(PersonIdentified {
            subject_id: VICTIM,
            roles: Roles::only(PersonRole::PotentialVictim),
        }),
        CaseEvent::ConsentGiven(ConsentGiven {
            consent_id: CONSENT,
            subject_id: Some(VICTIM),
            kind: Some(ConsentKind::DataSubject),
            grantor: Some(GrantorKind::Self_),
            representative_subject_id: None,
            recipient: Some(RecipientScope::Unit(UNIT)),
            purposes: Purposes::only(Purpose::Investigation),
            permitted: Categories::only(DataCategory::Situation),
            denied: Categories::EMPTY,
            not_before: None,
            expiry: Expiry::Unlimited,
            standing: true,
            onward_sharing: false,
            speaking_freely: None,
            understood: None,
            supersedes: Vec::new(),
            about_bringer: Categories::EMPTY,
            tip_id: None,
            capacity: None,
            age_at_grant: None,
            authority: None,
            data_period: None,
            conditions: Set::EMPTY,
        }),
        CaseEvent::ExceptionAsserted(ExceptionAsserted {
            exception_id: EXCEPTION,
            kind: ExceptionKind::ImminentDanger,
            subject_ids: vec![VICTIM],
            grounds: Set::only(ExceptionGround::Violence),
            break_glass: true,
            instrument: None,
        }),
    ];
    let recorded = |(event, revision): (CaseEvent, u64)| Recorded {
        event,
        revision: Revision(revision),
        position: Position(revision),
        occurred_at: Timestamp(0),
        recorded_at: Timestamp(1_795_000_000_000),
        actor: Actor { service: "case-desk".into(), person: Some("noor.haddad".into()), role: Some(Role::Supervisor) },
    };
    let recorded: Vec<_> = events.into_iter().zip(1..).map(recorded).collect();
    CaseFacts::from_events(&recorded)
}

fn reason(code: case::ReasonCode, subject: bool, category: i32, reference: &str) -> Reason {
    Reason {
        code: code.into(),
        subject_id: if subject { VICTIM.to_string() } else { String::new() },
        category,
        reference: reference.to_owned(),
    }
}

#[test]
fn a_decision_is_told_line_by_line_with_what_each_thing_rests_on() {
    let policy = Policy::embedded().unwrap();
    let names = RecipientNames {
        organization_en: "Coast City Police".into(),
        organization_fr: "Police de Coast City".into(),
        unit_en: "Trafficking Unit".into(),
        unit_fr: "Escouade de la traite".into(),
    };
    let health = DataCategory::Health.number();
    let decided = DisclosureDecided {
        request: Some(RequestRecord {
            unit_id: UNIT.to_string(),
            purpose: Purpose::Investigation.number(),
            categories: vec![DataCategory::Situation.number(), health],
            ..RequestRecord::default()
        }),
        outcome: Outcome::Permit.into(),
        bases: vec![WireBasis { kind: BasisKind::Consent.into(), reference_id: CONSENT.to_string(), exception: 0 }],
        mask: vec![MaskEntry {
            subject_id: VICTIM.to_string(),
            category: DataCategory::Situation.number(),
            level: MaskLevel::Whole.number(),
            bases: vec![0],
            ..MaskEntry::default()
        }],
        reasons: vec![
            reason(case::ReasonCode::CategoryNotOfPurpose, false, health, ""),
            reason(case::ReasonCode::ExceptionOtherRecipient, true, 0, &EXCEPTION.to_string()),
            reason(case::ReasonCode::StatuteRowApplies, true, 0, "statute:bc-cfcsa-14"),
            reason(case::ReasonCode::NoConsent, true, health, ""),
            reason(case::ReasonCode::ApprovalRequired, false, 0, "approval-rule:foreign-hotline"),
        ],
        obligations: vec![Obligation {
            kind: ObligationKind::InformPerson.number(),
            due_at: Some(prost_types::Timestamp { seconds: 1_795_000_000, nanos: 0 }),
            subject_id: VICTIM.to_string(),
        }],
        policy_version: "test".into(),
        ..DisclosureDecided::default()
    };
    let facts = facts();
    let subject = Subject {
        decided: &decided,
        facts: &facts,
        policy: &policy,
        approvals: &[],
        unit_id: UNIT,
        names: Some(&names),
    };
    let told = explanation(&subject);
    let english = told.english.join("\n");
    for line in [
        "to Trafficking Unit of Coast City Police",
        "health: The purpose does not reach this category",
        "(potential victim):",
        "situation: leaves whole.",
        "Let through by consent 02020202-0202-0202-0202-020202020202, recorded on 2026-11-18 11:06 UTC, given by the person",
        "without end",
        "health: held back.",
        "asserted by a supervisor on 2026-11-18 11:06 UTC on the ground of violence under way or announced, not confirmed",
        "Child, Family and Community Service Act, s. 14 (bc-cfcsa-14)",
        "Somebody must approve it first: rule “foreign-hotline” of the policy",
        "by 2026-11-18 11:06 UTC",
        "under policy test",
    ] {
        assert!(english.contains(line), "{line}\n{english}");
    }
    assert!(!english.contains("noor.haddad"), "staff are told by role");
    assert_eq!(told.french.len(), told.english.len());
    assert!(told.french.iter().any(|line| line.contains("Escouade de la traite")));
}

#[test]
fn an_approval_is_demanded_only_by_a_refusal_that_says_so() {
    let demand = reason(case::ReasonCode::ApprovalRequired, false, 0, "approval-rule:foreign-hotline");
    let deny = DisclosureDecided {
        outcome: Outcome::Deny.into(),
        reasons: vec![demand.clone(), demand],
        ..DisclosureDecided::default()
    };
    assert_eq!(approval_demanded(&deny), Some(vec!["foreign-hotline".to_owned()]));
    let permit = DisclosureDecided { outcome: Outcome::Permit.into(), ..deny };
    assert_eq!(approval_demanded(&permit), None);
    assert_eq!(approval_demanded(&DisclosureDecided::default()), None);
}
