//! The rules of consent, exceptions and approvals that came with regions, minors, representatives, periods, conditions and
//! approvals, each once as a plain story; chance goes through all of them in `compare.rs`.

use crate::evaluator::tables::{DAY, HOUR};
use crate::generator::BEGIN;
use crate::generator::dice::{approval, consent, decision, organization, referral, subject, unit, verification};
use crate::question::Table;
use crate::tale::{Tale, level, tale};
use egide_domain::directory::{DirectoryEvent, UnitRegistered};
use egide_domain::event::{
    ApprovalDecided, ApprovalRequested, AuthorityRevoked, AuthorityVerified, CaseEvent, ConsentGiven, DataPeriod,
    DisclosureDecided, RecipientScope, ReferralRecalled, ReferralReleased,
};
use egide_domain::ids::Revision;
use egide_domain::set::Set;
use egide_domain::vocabulary::{
    AgeBand, ApprovalOutcome, Authority, ConsentCapacity, ConsentCondition, DataCategory, ExceptionKind, GrantorKind,
    Jurisdiction, MaskLevel, ObligationKind, Outcome, PersonRole, Purpose, ReasonCode, RecallReason, RecipientKind,
    Role, TriageLevel,
};
use egide_domain::{Decision, Jurisdictions, Mask, Purposes, Timestamp};
use serde_json::json;

const NOW: i64 = BEGIN + 2 * HOUR;
const YEAR: i64 = 8_766 * HOUR;

fn to_a_shelter() -> Tale {
    tale(RecipientKind::SupportService, Purpose::SupportService)
}

/// Unit 1 with these places on record, instead of national reach.
fn in_places(told: Tale, places: &[Jurisdiction], national: bool) -> Tale {
    told.directory(DirectoryEvent::UnitRegistered(UnitRegistered {
        unit_id: unit(1),
        organization_id: organization(1),
        kind: Some(RecipientKind::SupportService),
        purposes: Purposes::all(),
        jurisdictions: places.iter().copied().collect(),
        national,
        anonymous_only: false,
    }))
}

#[test]
fn r1_a_permission_in_a_region_means_who_works_there_alone() {
    let regions = Jurisdictions::from([Jurisdiction::On, Jurisdiction::Qc]);
    let scope = RecipientScope::KindInRegion(RecipientKind::SupportService, regions);
    let permitted = |places: &[Jurisdiction], national| {
        let told = in_places(to_a_shelter(), places, national);
        told.consent(1, 1, |given| given.recipient = Some(scope)).answer(NOW).is_permit()
    };
    assert!(permitted(&[Jurisdiction::On], false));
    assert!(permitted(&[Jurisdiction::On, Jurisdiction::Qc], false));
    assert!(!permitted(&[Jurisdiction::On, Jurisdiction::Mb], false));
    assert!(!permitted(&[], false));
    assert!(!permitted(&[Jurisdiction::On], true));
}

#[test]
fn r1_a_denial_in_a_region_means_whoever_may_work_there() {
    let regions = Jurisdictions::from([Jurisdiction::On, Jurisdiction::Qc]);
    let scope = RecipientScope::KindInRegion(RecipientKind::SupportService, regions);
    let denied = |places: &[Jurisdiction], national| {
        let told = in_places(to_a_shelter(), places, national);
        !told.consent(1, 1, |_| {}).refused(2, 1, Some(scope), &[]).answer(NOW).is_permit()
    };
    assert!(denied(&[Jurisdiction::On, Jurisdiction::Mb], false));
    assert!(denied(&[], false));
    assert!(denied(&[Jurisdiction::Mb], true));
    assert!(!denied(&[Jurisdiction::Mb], false));
}

fn mature(given: &mut ConsentGiven) {
    given.capacity = Some(ConsentCapacity::MatureMinor);
}

#[test]
fn r2_somebody_under_18_consents_alone_only_as_a_mature_minor_under_a_row() {
    let told = |band, change: fn(&mut ConsentGiven)| to_a_shelter().age(1, band).consent(1, 1, change).answer(NOW);
    assert!(told(AgeBand::From16To17, mature).is_permit());
    // Not said to be mature; too young for certain under any verified row.
    for answer in [
        told(AgeBand::From16To17, |_| {}),
        told(AgeBand::From16To17, |given| given.capacity = Some(ConsentCapacity::Adult)),
        told(AgeBand::Under16, mature),
        told(AgeBand::Minor, mature),
    ] {
        assert!(answer.has_reason(ReasonCode::ConsentMinorAlone), "{answer:?}");
        assert_eq!(answer.outcome, Outcome::Deny);
    }
    assert!(told(AgeBand::Exactly18, |_| {}).is_permit());
    assert!(to_a_shelter().consent(1, 1, |_| {}).answer(NOW).is_permit(), "an age nobody asked about");
    let young_then = to_a_shelter().consent(1, 1, |given| given.age_at_grant = Some(AgeBand::From16To17)).answer(NOW);
    assert!(young_then.has_reason(ReasonCode::ConsentMinorAlone));
}

#[test]
fn r2_a_mature_minors_row_reaches_its_recipients_purposes_and_places_only() {
    let to_police = tale(RecipientKind::InvestigatingAgency, Purpose::Investigation)
        .age(1, AgeBand::From16To17)
        .consent(1, 1, mature)
        .answer(NOW);
    assert!(to_police.has_reason(ReasonCode::ConsentMinorAlone));
    let elsewhere = to_a_shelter()
        .table(Table::Policy, "/mature_minors/0/jurisdictions", json!(["qc"]))
        .age(1, AgeBand::From16To17)
        .consent(1, 1, mature)
        .answer(NOW);
    assert!(elsewhere.has_reason(ReasonCode::ConsentMinorAlone));
}

#[test]
fn r2_a_doubtful_capacity_permits_nothing() {
    let answer = to_a_shelter().consent(1, 1, |given| given.capacity = Some(ConsentCapacity::Doubtful)).answer(NOW);
    assert!(answer.has_reason(ReasonCode::ConsentCapacity));
    assert_eq!(answer.outcome, Outcome::Deny);
}

/// A child of 10 or so whose parent, 2, consents; the case is told by a responder.
fn by_a_parent(role: PersonRole) -> Tale {
    to_a_shelter().person(2, &[role]).age(1, AgeBand::Under16).by("rui", Role::Responder).consent(1, 1, |given| {
        given.grantor = Some(GrantorKind::Representative);
        given.representative_subject_id = Some(subject(2));
        given.authority = Some(Authority::ParentOrGuardian);
    })
}

fn verified(told: Tale, authority: Authority, expires_at: Option<i64>) -> Tale {
    told.says(CaseEvent::AuthorityVerified(AuthorityVerified {
        verification_id: verification(1),
        subject_id: subject(1),
        representative_subject_id: subject(2),
        authority,
        expires_at: expires_at.map(Timestamp),
    }))
}

#[test]
fn r3_a_representative_counts_once_a_supervisor_verified_the_authority_claimed() {
    let supervised = || by_a_parent(PersonRole::ThirdParty).by("ana", Role::Supervisor);
    assert!(by_a_parent(PersonRole::ThirdParty).answer(NOW).has_reason(ReasonCode::RepresentativeUnverified));
    assert!(verified(supervised(), Authority::ParentOrGuardian, None).answer(NOW).is_permit());
    let refused = [
        verified(supervised(), Authority::CourtAppointed, None),
        verified(supervised(), Authority::ParentOrGuardian, Some(NOW)),
        verified(by_a_parent(PersonRole::ThirdParty).by("rui", Role::Supervisor), Authority::ParentOrGuardian, None),
        verified(by_a_parent(PersonRole::ThirdParty).by("ana", Role::Responder), Authority::ParentOrGuardian, None),
        verified(supervised(), Authority::ParentOrGuardian, None)
            .says(CaseEvent::AuthorityRevoked(AuthorityRevoked { verification_id: verification(1) })),
    ];
    for told in refused {
        assert!(told.answer(NOW).has_reason(ReasonCode::RepresentativeUnverified));
    }
    assert!(verified(supervised(), Authority::ParentOrGuardian, Some(NOW + 1)).answer(NOW).is_permit());
}

#[test]
fn r3_a_representative_is_never_a_suspect_and_a_parent_speaks_for_no_adult() {
    let told = by_a_parent(PersonRole::Suspect).by("ana", Role::Supervisor);
    let answer = verified(told, Authority::ParentOrGuardian, None).answer(NOW);
    assert!(answer.has_reason(ReasonCode::RepresentativeIsSuspect));
    let grown = by_a_parent(PersonRole::ThirdParty).by("ana", Role::Supervisor).age(1, AgeBand::Adult);
    let answer = verified(grown, Authority::ParentOrGuardian, None).answer(NOW);
    assert!(answer.has_reason(ReasonCode::RepresentativeUnverified));
}

fn period(from: Option<i64>, until: Option<i64>) -> Option<DataPeriod> {
    Some(DataPeriod { from: from.map(Timestamp), until: until.map(Timestamp) })
}

fn entry_period(answer: &Decision, category: DataCategory) -> Option<Option<DataPeriod>> {
    answer.mask.entry(subject(1), category).map(|entry| entry.period)
}

#[test]
fn r4_one_period_counts_for_a_category_the_longest_unless_something_reaches_all_time() {
    let week = period(Some(BEGIN), Some(BEGIN + 7 * DAY));
    let day = period(Some(BEGIN), Some(BEGIN + DAY));
    let two = || {
        to_a_shelter().consent(1, 1, |given| given.data_period = day).consent(2, 1, |given| given.data_period = week)
    };
    let answer = two().answer(NOW);
    assert_eq!(entry_period(&answer, DataCategory::Contact), Some(week));
    assert_eq!(answer.bases, [egide_domain::Basis::Consent(consent(2))]);
    let open = period(None, Some(BEGIN));
    let answer = two().consent(3, 1, |given| given.data_period = open).answer(NOW);
    assert_eq!(entry_period(&answer, DataCategory::Contact), Some(open));
    let answer = two().consent(3, 1, |given| given.permitted = [DataCategory::Contact].into()).answer(NOW);
    assert_eq!(entry_period(&answer, DataCategory::Contact), Some(None));
    assert_eq!(entry_period(&answer, DataCategory::Health), Some(week));
    let empty = period(Some(BEGIN), Some(BEGIN));
    let answer = to_a_shelter().consent(1, 1, |given| given.data_period = empty).answer(NOW);
    assert!(answer.has_reason(ReasonCode::ConsentDataPeriod));
    assert_eq!(answer.outcome, Outcome::Deny);
}

#[test]
fn r5_conditions_of_a_consent() {
    let urgent_only = |given: &mut ConsentGiven| given.conditions = Set::only(ConsentCondition::OnlyWhenUrgent);
    let answer = to_a_shelter().consent(1, 1, urgent_only).answer(NOW);
    assert!(answer.has_reason(ReasonCode::ConsentCondition));
    assert_eq!(answer.outcome, Outcome::Deny);
    assert!(to_a_shelter().triaged(TriageLevel::Urgent).consent(1, 1, urgent_only).answer(NOW).is_permit());
    let told_afterwards = to_a_shelter()
        .consent(1, 1, |given| given.conditions = Set::only(ConsentCondition::TellMeAfterwards))
        .answer(NOW);
    let owed = told_afterwards.obligations.iter().find(|owed| owed.kind == ObligationKind::InformPerson).unwrap();
    assert_eq!((owed.subject_id, owed.due_at), (Some(subject(1)), Some(Timestamp(NOW + 168 * HOUR))));
}

#[test]
fn r8_a_responder_acts_alone_where_the_tables_say_so() {
    let told = |alone: bool| {
        tale(RecipientKind::EmergencyService, Purpose::EmergencyResponse)
            .table(Table::Policy, "/exceptions/1/responder_alone", json!(alone))
            .by("rui", Role::Responder)
            .exception(1, ExceptionKind::ImminentDanger, &[1], true)
            .answer(NOW)
            .is_permit()
    };
    assert!(told(true));
    assert!(!told(false));
}

/// An assessment counts a year; after it, only what cannot have become otherwise.
#[test]
fn r12_ages_grow_and_after_a_year_only_what_is_certain_counts() {
    let minor_at = |band, at| {
        let answer = tale(RecipientKind::EmergencyService, Purpose::EmergencyResponse)
            .age(1, band)
            .at(at - HOUR)
            .exception(1, ExceptionKind::ImminentDanger, &[1], true)
            .answer(at);
        // The case is urgent either way; that it concerns somebody under 18 shows in who is reached by a row for minors.
        let child = tale(RecipientKind::ChildProtection, Purpose::EmergencyResponse)
            .age(1, band)
            .at(at - HOUR)
            .exception(1, ExceptionKind::ImminentDanger, &[1], true)
            .answer(at);
        assert!(answer.is_permit());
        child.is_permit()
    };
    assert!(minor_at(AgeBand::From16To17, BEGIN + YEAR - 1));
    // 17 a year ago may be 18 today, and 16 years and two.
    assert!(!minor_at(AgeBand::From16To17, BEGIN + YEAR));
    // Somebody under 16 is 16 at most after a year and a bit, and may be 18 after two.
    assert!(minor_at(AgeBand::Under16, BEGIN + YEAR));
    assert!(minor_at(AgeBand::Under16, BEGIN + 2 * YEAR - 1));
    assert!(!minor_at(AgeBand::Under16, BEGIN + 2 * YEAR));
}

#[test]
fn r12_who_was_16_or_17_consents_alone_again_when_certainly_18() {
    let permitted = |now| to_a_shelter().age(1, AgeBand::From16To17).consent(1, 1, |_| {}).answer(now).is_permit();
    assert!(!permitted(BEGIN + YEAR), "may be 17 still");
    assert!(!permitted(BEGIN + 2 * YEAR - 1));
    assert!(permitted(BEGIN + 2 * YEAR), "16 two years ago");
}

/// To a line abroad on consent: the shipped tables ask for a supervisor's approval.
fn abroad() -> Tale {
    tale(RecipientKind::ForeignHotline, Purpose::SupportService).consent(1, 1, |_| {})
}

/// The refusal that asks for an approval, and the request for it by a responder.
fn asked_for(told: Tale) -> Tale {
    let request = told.asked.request.clone();
    let decided = DisclosureDecided {
        decision_id: decision(1),
        request,
        outcome: Outcome::Deny,
        bases: Vec::new(),
        mask: Mask::empty(),
        obligations: Vec::new(),
        recipient_kind: Some(RecipientKind::ForeignHotline),
        narratives: Vec::new(),
        decided_at: Timestamp(BEGIN),
        expires_at: None,
        case_revision: Revision(4),
        directory_revision: Revision(3),
    };
    let requested = ApprovalRequested {
        approval_id: approval(1),
        decision_id: decision(1),
        expires_at: Some(Timestamp(BEGIN + DAY)),
    };
    told.by("rui", Role::Responder)
        .says(CaseEvent::DisclosureDecided(decided))
        .says(CaseEvent::ApprovalRequested(requested))
}

fn decided(told: Tale, outcome: ApprovalOutcome) -> Tale {
    told.says(CaseEvent::ApprovalDecided(ApprovalDecided { approval_id: approval(1), outcome }))
}

fn under(mut told: Tale) -> Tale {
    told.asked.request.approval_id = Some(approval(1));
    told
}

#[test]
fn r13_what_needs_an_approval_waits_for_it() {
    let answer = abroad().answer(NOW);
    assert!(answer.has_reason(ReasonCode::ApprovalRequired));
    assert!(!answer.is_permit() && answer.mask.is_empty());
    let granted = || decided(asked_for(abroad()).by("ana", Role::Supervisor), ApprovalOutcome::Granted);
    let answer = under(granted()).answer(NOW);
    assert!(answer.is_permit() && answer.has_reason(ReasonCode::Approved));
    assert!(granted().answer(NOW).has_reason(ReasonCode::ApprovalRequired), "a request that does not name it");
    // The approval of the table lives 72 hours.
    assert!(under(granted()).answer(BEGIN + 72 * HOUR - 1).is_permit());
    assert!(under(granted()).answer(BEGIN + 72 * HOUR).has_reason(ReasonCode::ApprovalInvalid));
}

#[test]
fn r13_an_approval_is_of_another_person_with_the_role_for_exactly_this_and_stands_until_rejected() {
    let by = |person, role| decided(asked_for(abroad()).by(person, role), ApprovalOutcome::Granted);
    let mut other = under(by("ana", Role::Supervisor));
    other.asked.request.categories = DataCategory::ALL.iter().copied().take(3).collect();
    let refused = [
        under(asked_for(abroad())),
        under(by("rui", Role::Supervisor)),
        under(by("ana", Role::Responder)),
        under(decided(by("ana", Role::Supervisor), ApprovalOutcome::Rejected)),
        under(decided(asked_for(abroad()).at(BEGIN + DAY).by("ana", Role::Supervisor), ApprovalOutcome::Granted)),
        under(abroad()),
        other,
    ];
    for (place, told) in refused.into_iter().enumerate() {
        let answer = told.answer(BEGIN + DAY + HOUR);
        assert!(answer.has_reason(ReasonCode::ApprovalInvalid), "{place}: {answer:?}");
        assert!(!answer.is_permit());
    }
}

#[test]
fn r13_broken_glass_waits_for_nobody_and_a_confirmed_exception_may() {
    let rows = json!([{
        "id": "emergencies", "recipients": ["emergency_service"], "purposes": ["emergency_response"],
        "bases": ["imminent_danger"], "categories": ["situation"], "roles": ["supervisor"], "life_hours": 1
    }]);
    let told = || {
        tale(RecipientKind::EmergencyService, Purpose::EmergencyResponse)
            .table(Table::Policy, "/approvals", rows.clone())
            .exception(1, ExceptionKind::ImminentDanger, &[1], true)
    };
    assert!(told().answer(NOW).is_permit());
    assert!(told().by("ben", Role::Supervisor).confirmed(1).answer(NOW).has_reason(ReasonCode::ApprovalRequired));
}

#[test]
fn r13_a_consent_can_ask_for_an_approval_itself() {
    let answer =
        to_a_shelter().consent(1, 1, |given| given.conditions = Set::only(ConsentCondition::WithApproval)).answer(NOW);
    assert!(answer.has_reason(ReasonCode::ApprovalRequired));
    // Another consent that lets the same through does not wait; but what rests on the first one as well does.
    let both = to_a_shelter()
        .consent(1, 1, |given| given.conditions = Set::only(ConsentCondition::WithApproval))
        .consent(2, 1, |_| {})
        .relying_on(&[egide_domain::Basis::Consent(consent(2))])
        .answer(NOW);
    assert_eq!(level(&both, 1, DataCategory::Contact), Some(MaskLevel::Whole));
}

#[test]
fn r17_a_corrected_referral_may_follow_the_one_recalled_for_it() {
    let told = |reason| {
        let released = ReferralReleased {
            referral_id: referral(1),
            decision_id: decision(1),
            unit_id: unit(1),
            organization_id: organization(1),
            subject_ids: vec![subject(1)],
            report_digest: [1; 32],
            supplementary_to: None,
        };
        let recalled = ReferralRecalled { referral_id: referral(1), reason };
        let mut told = to_a_shelter()
            .consent(1, 1, |_| {})
            .says(CaseEvent::ReferralReleased(released))
            .says(CaseEvent::ReferralRecalled(recalled));
        told.asked.request.supplementary_to = Some(referral(1));
        told.answer(NOW)
    };
    assert!(told(Some(RecallReason::Correction)).is_permit());
    assert!(told(Some(RecallReason::Superseded)).is_permit());
    for reason in [Some(RecallReason::WrongRecipient), Some(RecallReason::Error), None] {
        assert!(told(reason).has_reason(ReasonCode::SupplementaryUnknown));
    }
}
