use super::*;
use egide_domain::decision::{Mask, Request};
use egide_domain::event::{Actor, DataPeriod, PersonIdentified as Identified, Recorded};
use egide_domain::ids::{ConsentId, DecisionId, OrganizationId, Position, Revision, UnitId};
use egide_domain::set::{Categories, Roles};
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::{ExceptionKind, Outcome, PersonRole};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    CaseEvent, CaseOpened, ContactRecorded, ExceptionAsserted, NarrativeRecorded, PersonIdentified, SafeContact,
    WhereaboutsRecorded,
};
use egide_wire::split::{join, split};

const VICTIM: SubjectId = SubjectId([1; 16]);
const SUSPECT: SubjectId = SubjectId([2; 16]);
/// When every event of these tests was recorded.
const RECORDED_AT: Timestamp = Timestamp(1_000);
const DANGER: ExceptionId = ExceptionId([9; 16]);

fn facts() -> CaseFacts {
    let identified = |subject_id, role| Recorded {
        event: egide_domain::CaseEvent::PersonIdentified(Identified { subject_id, roles: Roles::only(role) }),
        revision: Revision(1),
        position: Position(1),
        occurred_at: Timestamp(0),
        recorded_at: Timestamp(0),
        actor: Actor { service: "cli".into(), person: None, role: None },
    };
    CaseFacts::from_events(&[identified(VICTIM, PersonRole::PotentialVictim), identified(SUSPECT, PersonRole::Suspect)])
}

fn decision(mask: &[(SubjectId, DataCategory, MaskLevel)]) -> DisclosureDecided {
    let entry = |(subject_id, category, level): &(SubjectId, DataCategory, MaskLevel)| MaskEntry {
        subject_id: *subject_id,
        category: *category,
        level: *level,
        bases: [0].into_iter().collect(),
        period: None,
    };
    DisclosureDecided {
        decision_id: DecisionId([3; 16]),
        request: Request {
            unit_id: UnitId([4; 16]),
            organization_id: OrganizationId([5; 16]),
            purpose: None,
            categories: Categories::EMPTY,
            subject_ids: Vec::new(),
            relies_on: Vec::new(),
            mode: None,
            supplementary_to: None,
            approval_id: None,
        },
        outcome: Outcome::Permit,
        bases: vec![Basis::Consent(ConsentId([6; 16]))],
        mask: Mask::from(mask.iter().map(entry).collect::<Vec<_>>()),
        decided_at: Timestamp(0),
        expires_at: None,
        case_revision: Revision(1),
        directory_revision: Revision(1),
        obligations: Vec::new(),
        recipient_kind: None,
        narratives: Vec::new(),
    }
}

/// The event as it comes out of the ledger under this decision; `None` when nothing of it does.
fn opened(decision: &DisclosureDecided, payload: Payload) -> Option<Payload> {
    let parts = split(&CaseEvent { payload: Some(payload) }).unwrap();
    let facts_of_case = facts();
    let opening = Opening { decision, facts: &facts_of_case };
    let covered = opening.of(&parts.facts, RECORDED_AT).unwrap();
    let cut = covered.cut_facts();
    let identifying = parts.identifying.and_then(|identifying| covered.cut_identifying(&identifying).unwrap());
    assert!(identifying.is_none() || covered.opens_something(), "opened what it said it would not");
    if identifying.is_none() && !cut.says_something {
        return None;
    }
    join::<CaseEvent>(&cut.facts, identifying.as_deref()).unwrap().payload
}

fn person(subject: SubjectId) -> PersonIdentified {
    PersonIdentified {
        subject_id: subject.to_string(),
        roles: vec![PersonRole::PotentialVictim.number()],
        given_names: "Marker".into(),
        birth_date: "2001-02-03".into(),
        culture: "a culture".into(),
        ..PersonIdentified::default()
    }
}

trait Number {
    fn number(self) -> i32;
}

impl Number for PersonRole {
    fn number(self) -> i32 {
        egide_wire::convert::Listed::number(self)
    }
}

#[test]
fn only_the_people_and_categories_of_the_mask_are_opened() {
    let decision = decision(&[(VICTIM, DataCategory::Identity, MaskLevel::Whole)]);
    let Some(Payload::PersonIdentified(opened_person)) = opened(&decision, Payload::PersonIdentified(person(VICTIM)))
    else {
        panic!("the identity is covered");
    };
    assert_eq!(opened_person.given_names, "Marker");
    assert_eq!(opened_person.subject_id, VICTIM.to_string());
    assert_eq!(opened_person.roles, [] as [i32; 0], "roles are part of the situation, which is not covered");
    assert!(opened(&decision, Payload::PersonIdentified(person(SUSPECT))).is_none());
    let contact = ContactRecorded {
        subject_id: VICTIM.to_string(),
        phones: vec!["613-555-0147".into()],
        safe_contact: Some(SafeContact { permission: 1, rules: Vec::new() }),
        ..ContactRecorded::default()
    };
    assert!(opened(&decision, Payload::ContactRecorded(contact)).is_none());
}

#[test]
fn under_a_period_only_what_was_recorded_in_it_is_opened() {
    let under = |from, until| {
        let mut decision = decision(&[(VICTIM, DataCategory::Identity, MaskLevel::Whole)]);
        let mut entries = decision.mask.entries().to_vec();
        let period = DataPeriod { from: Some(Timestamp(from)), until: Some(Timestamp(until)) };
        entries.iter_mut().for_each(|entry| entry.period = Some(period));
        decision.mask = Mask::from(entries);
        opened(&decision, Payload::PersonIdentified(person(VICTIM))).is_some()
    };
    assert!(under(1_000, 1_001));
    assert!(!under(1_001, 2_000));
    assert!(!under(0, 1_000));
}

#[test]
fn what_was_asked_to_find_a_service_is_never_opened() {
    let decision = decision(&[(VICTIM, DataCategory::Identity, MaskLevel::Whole)]);
    let Some(Payload::PersonIdentified(opened)) = opened(&decision, Payload::PersonIdentified(person(VICTIM))) else {
        panic!("the identity is covered");
    };
    assert_eq!(opened.culture, "");
}

#[test]
fn a_coarser_level_opens_only_what_can_be_made_coarser_and_facts_only_opens_nothing() {
    let generalised = decision(&[(VICTIM, DataCategory::Identity, MaskLevel::Generalised)]);
    let Some(Payload::PersonIdentified(event)) = opened(&generalised, Payload::PersonIdentified(person(VICTIM))) else {
        panic!("the birth date is covered");
    };
    assert_eq!((event.given_names.as_str(), event.birth_date.as_str()), ("", "2001-02-03"));
    let facts_only = decision(&[(VICTIM, DataCategory::Whereabouts, MaskLevel::FactsOnly)]);
    let whereabouts = WhereaboutsRecorded {
        subject_id: VICTIM.to_string(),
        jurisdiction: 9,
        city: "Marker".into(),
        ..WhereaboutsRecorded::default()
    };
    let Some(Payload::WhereaboutsRecorded(event)) = opened(&facts_only, Payload::WhereaboutsRecorded(whereabouts))
    else {
        panic!("the province is covered");
    };
    assert_eq!((event.jurisdiction, event.city.as_str()), (9, ""));
}

#[test]
fn everything_about_a_person_who_is_only_a_suspect_stands_under_suspects() {
    let as_identity = decision(&[(SUSPECT, DataCategory::Identity, MaskLevel::Whole)]);
    assert!(opened(&as_identity, Payload::PersonIdentified(person(SUSPECT))).is_none());
    let as_suspect = decision(&[(SUSPECT, DataCategory::Suspects, MaskLevel::Whole)]);
    let Some(Payload::PersonIdentified(event)) = opened(&as_suspect, Payload::PersonIdentified(person(SUSPECT))) else {
        panic!("the suspect is covered");
    };
    assert_eq!(event.given_names, "Marker");
}

#[test]
fn narratives_and_what_is_about_nobody_in_particular_are_never_opened() {
    let everything: Vec<_> = [VICTIM, SUSPECT]
        .into_iter()
        .flat_map(|subject| DataCategory::ALL.iter().map(move |category| (subject, *category, MaskLevel::Whole)))
        .collect();
    let decision = decision(&everything);
    let narrative = NarrativeRecorded {
        narrative_id: "01900000-0000-7000-8000-000000000001".into(),
        subject_ids: vec![VICTIM.to_string()],
        text: "Marker".into(),
        ..NarrativeRecorded::default()
    };
    assert!(opened(&decision, Payload::NarrativeRecorded(narrative)).is_none());
    let opened_case = CaseOpened { language_tag: "iu".into(), interpreter: "Marker".into(), ..CaseOpened::default() };
    assert!(opened(&decision, Payload::CaseOpened(opened_case)).is_none());
}

#[test]
fn a_line_written_to_be_sent_leaves_under_its_own_exception_and_for_all_it_names_together() {
    let line = |subjects: &[SubjectId]| {
        Payload::ExceptionAsserted(ExceptionAsserted {
            exception_id: DANGER.to_string(),
            kind: 2,
            subject_ids: subjects.iter().map(ToString::to_string).collect(),
            evidence: "Marker".into(),
            line_to_send: "Line".into(),
            ..ExceptionAsserted::default()
        })
    };
    let mut decision = decision(&[(VICTIM, DataCategory::Situation, MaskLevel::Whole)]);
    assert!(opened(&decision, line(&[VICTIM])).is_none(), "it rests on a consent");
    decision.bases = vec![Basis::Exception(DANGER, ExceptionKind::ImminentDanger)];
    let Some(Payload::ExceptionAsserted(event)) = opened(&decision, line(&[VICTIM])) else {
        panic!("the line is covered");
    };
    assert_eq!((event.line_to_send.as_str(), event.evidence.as_str()), ("Line", ""));
    assert!(opened(&decision, line(&[VICTIM, SUSPECT])).is_none(), "the other person is not covered");
    assert!(opened(&decision, line(&[])).is_none(), "of nobody it never leaves");
}

#[test]
fn an_event_that_does_not_say_whom_it_is_about_is_not_opened() {
    let decision = decision(&[(VICTIM, DataCategory::Identity, MaskLevel::Whole)]);
    let facts_of_case = facts();
    let opening = Opening { decision: &decision, facts: &facts_of_case };
    assert!(opening.of(b"\xff", RECORDED_AT).is_err());
    assert!(opening.of(b"", RECORDED_AT).is_err());
    let unreadable = PersonIdentified { subject_id: "x".into(), ..person(VICTIM) };
    let payload = CaseEvent { payload: Some(Payload::PersonIdentified(unreadable)) };
    assert!(opening.of(&split(&payload).unwrap().facts, RECORDED_AT).is_err());
}
