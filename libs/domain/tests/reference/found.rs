//! Disagreements that were found between engine and prose, and kept. In each the prose was right. On all of them, as on
//! everything else, the two answer alike now.

use crate::compare::differences;
use crate::evaluator::tables::{DAY, HOUR};
use crate::generator::BEGIN;
use crate::generator::dice::{consent, decision, exception, organization, referral, subject, unit};
use crate::question::{Asked, Table};
use crate::tale::{level, tale};
use egide_domain::event::{CaseEvent, DisclosureDecided, ExceptionLifted, RecipientScope, ReferralReleased};
use egide_domain::ids::Revision;
use egide_domain::vocabulary::{
    AgeBand, DataCategory, ExceptionKind, MaskLevel, ObligationKind, Outcome, PersonRole, Purpose, RecipientKind, Role,
};
use egide_domain::{Bases, Basis, DeliveryRefusal, Mask, MaskEntry, Timestamp};
use serde_json::json;

/// Engine and evaluator answer alike a case that the comparison printed.
fn agree(text: &str) {
    let (_, found) = differences(&Asked::read(text));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_case_that_is_printed_can_be_pasted() {
    let rules = crate::generator::rules::some(7, 4);
    for seed in 0..20 {
        let asked = crate::generator::case(seed, &rules);
        assert_eq!(Asked::read(&asked.write()).write(), asked.write());
        agree(&asked.write());
    }
}

const NOW: i64 = BEGIN + 2 * HOUR;

/// An id is taken once: lifting an exception must not leave another one standing under its id.
#[test]
fn a_lifted_exception_does_not_come_back_under_its_own_id() {
    let lifted = ExceptionLifted { exception_id: exception(1), reason: None };
    let answer = tale(RecipientKind::EmergencyService, Purpose::EmergencyResponse)
        .exception(1, ExceptionKind::ImminentDanger, &[1], false)
        .exception(1, ExceptionKind::ImminentDanger, &[1], true)
        .says(CaseEvent::ExceptionLifted(lifted))
        .answer(NOW);
    assert_eq!(answer.outcome, Outcome::Deny);
}

/// A newer record that was entered under the wrong person, or under nobody, still ends the one it supersedes: an older
/// permission never wins over a newer, broken record.
#[test]
fn what_a_record_supersedes_permits_no_more_whosever_record_that_is() {
    for entered_under in [Some(subject(2)), None] {
        let answer = tale(RecipientKind::SupportService, Purpose::SupportService)
            .consent(1, 1, |_| {})
            .consent(2, 1, |newer| {
                newer.subject_id = entered_under;
                newer.supersedes = vec![consent(1)];
            })
            .answer(NOW);
        assert_eq!(answer.outcome, Outcome::Deny);
    }
}

/// A denial is beaten by the permission that names it and by no other: an older one does not come back to life with it.
#[test]
fn a_denial_that_was_superseded_still_denies_to_older_permissions() {
    let told = || {
        tale(RecipientKind::SupportService, Purpose::SupportService)
            .consent(1, 1, |_| {})
            .refused(2, 1, None, &[DataCategory::Contact])
            .consent(3, 1, |newer| {
                newer.permitted = [DataCategory::Contact].into();
                newer.supersedes = vec![consent(2)];
            })
    };
    let answer = told().answer(NOW);
    let contact = answer.mask.entries().iter().find(|entry| entry.category == DataCategory::Contact).unwrap();
    let bases: Vec<Basis> = contact.bases.iter().map(|it| answer.bases[usize::try_from(it).unwrap()]).collect();
    assert_eq!(bases, [Basis::Consent(consent(3))]);
    let answer = told().relying_on(&[Basis::Consent(consent(1))]).answer(NOW);
    assert_eq!(level(&answer, 1, DataCategory::Contact), None);
    assert_eq!(level(&answer, 1, DataCategory::Situation), Some(MaskLevel::Whole));
}

/// What a report consent denies it does not permit, whoever's data it speaks of.
#[test]
fn a_report_consent_is_held_back_by_its_own_denial() {
    let answer = tale(RecipientKind::InvestigatingAgency, Purpose::Investigation)
        .tip(1, None)
        .report_consent(1, None, |given| given.denied = [DataCategory::Whereabouts].into())
        .answer(NOW);
    assert_eq!(level(&answer, 1, DataCategory::Situation), Some(MaskLevel::Whole));
    assert_eq!(level(&answer, 1, DataCategory::Whereabouts), None);
}

/// A row that leaves a report open at somebody's age is no mandatory exception, and one that says nothing says nothing.
#[test]
fn a_statute_row_adds_recipients_only_for_whom_it_demands_a_report() {
    let told = |band| {
        tale(RecipientKind::InvestigatingAgency, Purpose::ChildProtection)
            .person(2, &[PersonRole::Suspect])
            .table(Table::Statutes, "/rows/4/recipients", json!(["child_protection", "investigating_agency"]))
            .age(1, band)
            .exception(1, ExceptionKind::Minor, &[1], false)
            .by("ben", Role::Supervisor)
            .confirmed(1)
            .answer(NOW)
    };
    // Ontario: mandatory below 16, optional for 16 and 17.
    assert_eq!(level(&told(AgeBand::Under16), 1, DataCategory::Situation), Some(MaskLevel::Whole));
    assert_eq!(level(&told(AgeBand::Under16), 2, DataCategory::Suspects), Some(MaskLevel::Whole));
    for band in [AgeBand::From16To17, AgeBand::Minor] {
        assert_eq!(told(band).outcome, Outcome::Deny);
    }
}

/// An age that was known once and is not certain any more is one nobody knows: under the row it counts as it was asserted.
#[test]
fn an_age_that_is_not_certain_any_more_counts_as_asserted_under_a_row() {
    let told = |hours: i64| {
        tale(RecipientKind::InvestigatingAgency, Purpose::ChildProtection)
            .table(Table::Policy, "/periods/age_assessment_hours", json!(1))
            .table(Table::Statutes, "/rows/4/optional_below", json!(null))
            .table(Table::Statutes, "/rows/4/mandatory_below", json!(18))
            .table(Table::Statutes, "/rows/4/recipients", json!(["child_protection", "investigating_agency"]))
            .age(1, AgeBand::Minor)
            .exception(1, ExceptionKind::Minor, &[1], false)
            .by("ben", Role::Supervisor)
            .confirmed(1)
            .answer(BEGIN + hours * HOUR)
    };
    assert_eq!(level(&told(1), 1, DataCategory::Situation), Some(MaskLevel::Whole));
    assert_eq!(level(&told(3), 1, DataCategory::Situation), Some(MaskLevel::Whole));
}

/// British Columbia protects people of 18, too; nothing in the exception makes that duty smaller.
#[test]
fn the_duty_to_report_follows_the_ages_of_the_row() {
    let answer = tale(RecipientKind::EmergencyService, Purpose::EmergencyResponse)
        .says(CaseEvent::WhereaboutsRecorded(egide_domain::event::WhereaboutsRecorded {
            subject_id: subject(1),
            jurisdiction: Some(egide_domain::vocabulary::Jurisdiction::Bc),
        }))
        .age(1, AgeBand::Exactly18)
        .exception(1, ExceptionKind::ImminentDanger, &[1], true)
        .answer(NOW);
    assert!(answer.obligations.iter().any(|it| it.kind == ObligationKind::ReportToChildProtection));
}

/// What stands in a refusal permits nothing, even if today's answer would.
#[test]
fn nothing_is_delivered_on_a_refusal() {
    let told = tale(RecipientKind::SupportService, Purpose::SupportService).consent(1, 1, |_| {});
    let request = told.asked.request.clone();
    let entry = MaskEntry {
        subject_id: subject(1),
        category: DataCategory::Situation,
        level: MaskLevel::Whole,
        bases: Bases::default().with(0),
        period: None,
    };
    let decided = DisclosureDecided {
        decision_id: decision(1),
        request,
        outcome: Outcome::Deny,
        bases: vec![Basis::Consent(consent(1))],
        mask: Mask::from(vec![entry]),
        obligations: Vec::new(),
        recipient_kind: Some(RecipientKind::SupportService),
        narratives: Vec::new(),
        decided_at: Timestamp(BEGIN),
        expires_at: Some(Timestamp(BEGIN + DAY)),
        case_revision: Revision(4),
        directory_revision: Revision(3),
    };
    let released = ReferralReleased {
        referral_id: referral(1),
        decision_id: decision(1),
        unit_id: unit(1),
        organization_id: organization(1),
        subject_ids: vec![subject(1)],
        report_digest: [1; 32],
        supplementary_to: None,
    };
    let told = told.says(CaseEvent::DisclosureDecided(decided)).says(CaseEvent::ReferralReleased(released));
    let (engine, found) = differences(&told.asked);
    assert_eq!(found, []);
    assert_eq!(engine.delivery, Err(DeliveryRefusal::Unknown));
}

/// A withdrawal that came before the record it names took back everything; the record that comes after it must not make it
/// smaller, whoever's desk was faster.
#[test]
fn a_withdrawal_stays_as_wide_as_it_was() {
    let told = || {
        tale(RecipientKind::SupportService, Purpose::SupportService).consent(1, 1, |_| {}).withdrawn(Some(2), Some(1))
    };
    assert_eq!(told().answer(NOW).outcome, Outcome::Deny);
    let after = told().consent(2, 1, |given| given.permitted = [DataCategory::Contact].into()).answer(NOW);
    assert_eq!(level(&after, 1, DataCategory::Situation), None);
    assert_eq!(told().refused(2, 1, None, &[DataCategory::Contact]).answer(NOW).outcome, Outcome::Deny);
}

/// Rules that prose did not say, now it does; engine and evaluator as it says.
#[test]
fn a_refusal_to_somebody_else_does_not_outrank_a_report_consent() {
    let told = |recipient| {
        tale(RecipientKind::InvestigatingAgency, Purpose::Investigation)
            .tip(1, None)
            .report_consent(1, None, |_| {})
            .refused(9, 1, Some(RecipientScope::Kind(recipient)), &[DataCategory::Health])
            .answer(NOW)
    };
    assert_eq!(level(&told(RecipientKind::Court), 1, DataCategory::Situation), Some(MaskLevel::Whole));
    assert_eq!(level(&told(RecipientKind::InvestigatingAgency), 1, DataCategory::Situation), None);
}
