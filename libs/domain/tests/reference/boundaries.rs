//! The instants at which something begins or ends: the millisecond before, and the millisecond itself. Instants are UTC and
//! periods are hours; no rule of consent or exceptions knows a time zone, so neither midnight nor summer time moves them.

use crate::evaluator::tables::{DAY, HOUR, midnight};
use crate::generator::BEGIN;
use crate::generator::dice::{agreement, organization, subject};
use crate::question::Table;
use crate::tale::{Tale, level, tale};
use egide_domain::Timestamp;
use egide_domain::directory::{AgreementRecorded, DirectoryEvent};
use egide_domain::event::{CaseEvent, Expiry, WhereaboutsRecorded};
use egide_domain::vocabulary::{
    AgeBand, DataCategory, ExceptionKind, Jurisdiction, MaskLevel, ObligationKind, Outcome, Purpose, RecipientKind,
    Role,
};
use egide_domain::{Categories, Decision, Purposes};
use serde_json::json;

fn to_a_shelter() -> Tale {
    tale(RecipientKind::SupportService, Purpose::SupportService)
}

/// Permitted until the instant, refused from then on; `told` is told anew for both.
fn ends_at(instant: i64, told: impl Fn() -> Tale) {
    assert_eq!(told().answer(instant - 1).outcome, Outcome::Permit, "a millisecond before");
    assert_eq!(told().answer(instant).outcome, Outcome::Deny, "at the instant");
}

fn begins_at(instant: i64, told: impl Fn() -> Tale) {
    assert_eq!(told().answer(instant - 1).outcome, Outcome::Deny, "a millisecond before");
    assert_eq!(told().answer(instant).outcome, Outcome::Permit, "at the instant");
}

fn expiring(at: i64) -> Tale {
    to_a_shelter().at(BEGIN - 400 * DAY).consent(1, 1, |given| given.expiry = Expiry::At(Timestamp(at)))
}

#[test]
fn a_consent_ends_at_the_instant_it_names() {
    ends_at(BEGIN + 5 * DAY, || expiring(BEGIN + 5 * DAY));
}

#[test]
fn a_consent_begins_at_the_instant_it_names() {
    let from = Timestamp(BEGIN + DAY);
    begins_at(from.0, || to_a_shelter().consent(1, 1, |given| given.not_before = Some(from)));
}

#[test]
fn a_consent_that_says_nothing_of_its_end_ends_after_the_policys_period_from_when_it_was_recorded() {
    let recorded = BEGIN + 7 * HOUR;
    ends_at(recorded + 720 * HOUR, || to_a_shelter().at(recorded).consent(1, 1, |given| given.expiry = Expiry::Absent));
}

#[test]
fn a_consent_without_end_holds_a_hundred_years_later() {
    let answer = to_a_shelter().consent(1, 1, |_| {}).answer(BEGIN + 36_525 * DAY);
    assert_eq!(answer.outcome, Outcome::Permit);
}

#[test]
fn an_end_before_the_beginning_permits_nothing_at_any_time() {
    for now in [BEGIN, BEGIN + DAY, BEGIN + 2 * DAY, BEGIN + 3 * DAY] {
        let told = to_a_shelter().consent(1, 1, |given| {
            given.not_before = Some(Timestamp(BEGIN + 2 * DAY));
            given.expiry = Expiry::At(Timestamp(BEGIN + DAY));
        });
        assert_eq!(told.answer(now).outcome, Outcome::Deny);
    }
}

#[test]
fn midnight_is_an_instant_like_any_other() {
    for date in ["2023-12-31", "2024-01-01", "2024-02-29", "2024-03-01", "2024-12-31"] {
        ends_at(midnight(date), || expiring(midnight(date)));
    }
}

#[test]
fn a_period_of_thirty_days_counts_the_leap_day() {
    let recorded = midnight("2024-02-10");
    ends_at(midnight("2024-03-11"), || {
        to_a_shelter().at(recorded).consent(1, 1, |given| given.expiry = Expiry::Absent)
    });
    let recorded_in_a_short_year = midnight("2023-02-10");
    ends_at(midnight("2023-03-12"), || {
        to_a_shelter().at(recorded_in_a_short_year).consent(1, 1, |given| given.expiry = Expiry::Absent)
    });
}

/// Clocks went forward at 07:00 UTC on 10 March 2024 in Ontario, and back at 06:00 UTC on 3 November.
#[test]
fn twenty_four_hours_are_twenty_four_hours_when_clocks_change() {
    for change in [midnight("2024-03-10") + 7 * HOUR, midnight("2024-11-03") + 6 * HOUR] {
        let asserted = change - 12 * HOUR;
        ends_at(asserted + 24 * HOUR, || {
            tale(RecipientKind::EmergencyService, Purpose::EmergencyResponse).at(asserted).exception(
                1,
                ExceptionKind::ImminentDanger,
                &[1],
                true,
            )
        });
    }
}

#[test]
fn the_provinces_clock_moves_nothing() {
    let asserted = midnight("2024-05-01") + 3 * HOUR;
    for place in [Jurisdiction::Nl, Jurisdiction::Bc, Jurisdiction::Nu, Jurisdiction::On] {
        ends_at(asserted + 24 * HOUR, || {
            let seen = WhereaboutsRecorded { subject_id: subject(1), jurisdiction: Some(place) };
            tale(RecipientKind::EmergencyService, Purpose::EmergencyResponse)
                .at(asserted)
                .says(CaseEvent::WhereaboutsRecorded(seen))
                .exception(1, ExceptionKind::ImminentDanger, &[1], true)
        });
    }
}

#[test]
fn a_break_glass_that_nobody_reviewed_ends_with_the_time_for_its_review() {
    let told = || {
        tale(RecipientKind::EmergencyService, Purpose::EmergencyResponse)
            .table(Table::Policy, "/exceptions/1/life_hours", json!(100))
            .exception(1, ExceptionKind::ImminentDanger, &[1], true)
    };
    ends_at(BEGIN + 24 * HOUR, told);
    ends_at(BEGIN + 100 * HOUR, || told().by("ben", Role::Supervisor).confirmed(1));
}

#[test]
fn an_exception_ends_with_its_life_and_a_permit_on_it_not_later() {
    let told = || {
        tale(RecipientKind::ChildProtection, Purpose::ChildProtection)
            .age(1, AgeBand::Under16)
            .exception(1, ExceptionKind::Minor, &[1], false)
            .by("ben", Role::Supervisor)
            .at(BEGIN + HOUR)
            .confirmed(1)
    };
    ends_at(BEGIN + 168 * HOUR, told);
    let answer = told().answer(BEGIN + 168 * HOUR - 1);
    assert_eq!(answer.expires_at, Some(Timestamp(BEGIN + 168 * HOUR)));
    assert_eq!(told().answer(BEGIN + 2 * HOUR).expires_at, Some(Timestamp(BEGIN + 74 * HOUR)));
}

#[test]
fn an_agreement_holds_from_its_first_instant_to_before_its_last() {
    let (from, until) = (BEGIN + DAY, BEGIN + 2 * DAY);
    let told = || {
        to_a_shelter().consent(1, 1, |_| {}).directory(DirectoryEvent::AgreementRecorded(AgreementRecorded {
            agreement_id: agreement(1),
            organization_id: organization(1),
            unit_id: None,
            purposes: Purposes::all(),
            categories: Categories::all(),
            valid_from: Some(Timestamp(from)),
            valid_until: Some(Timestamp(until)),
        }))
    };
    begins_at(from, told);
    ends_at(until, told);
}

fn owes(answer: &Decision, kind: ObligationKind) -> bool {
    answer.obligations.iter().any(|owed| owed.kind == kind)
}

/// A row is in force from midnight UTC of its first day to before midnight UTC of its last, wherever the case is.
#[test]
fn a_statute_row_is_in_force_by_dates_in_utc() {
    let told = |now| {
        tale(RecipientKind::EmergencyService, Purpose::EmergencyResponse)
            .table(Table::Statutes, "/rows/4/effective_from", json!("2024-02-29"))
            .table(Table::Statutes, "/rows/4/effective_until", json!("2024-03-01"))
            .at(midnight("2024-02-28") + 20 * HOUR)
            .age(1, AgeBand::Under16)
            .exception(1, ExceptionKind::ImminentDanger, &[1], false)
            .by("ben", Role::Supervisor)
            .confirmed(1)
            .table(Table::Policy, "/exceptions/1/life_hours", json!(100))
            .answer(now)
    };
    let duty = |now| owes(&told(now), ObligationKind::ReportToChildProtection);
    assert!(!duty(midnight("2024-02-29") - 1));
    assert!(duty(midnight("2024-02-29")));
    assert!(duty(midnight("2024-03-01") - 1));
    assert!(!duty(midnight("2024-03-01")));
}

/// What each verified row of the shipped table says of each band: must, may, nothing.
#[test]
fn ages_at_the_limit_of_each_jurisdiction() {
    let table = [
        (Jurisdiction::Bc, AgeBand::From16To17, true, false),
        (Jurisdiction::Bc, AgeBand::Exactly18, true, false),
        (Jurisdiction::Bc, AgeBand::From19, false, false),
        (Jurisdiction::Ab, AgeBand::From16To17, true, false),
        (Jurisdiction::Ab, AgeBand::Exactly18, false, false),
        (Jurisdiction::Mb, AgeBand::Minor, true, false),
        (Jurisdiction::Mb, AgeBand::Exactly18, false, false),
        (Jurisdiction::On, AgeBand::Under16, true, false),
        (Jurisdiction::On, AgeBand::From16To17, false, true),
        (Jurisdiction::On, AgeBand::Exactly18, false, false),
        (Jurisdiction::Qc, AgeBand::From16To17, true, false),
        (Jurisdiction::Qc, AgeBand::Adult, false, false),
        // Unverified: nothing.
        (Jurisdiction::Ns, AgeBand::Under16, false, false),
        (Jurisdiction::Yt, AgeBand::Under16, false, false),
    ];
    for (place, band, must, may) in table {
        let seen = WhereaboutsRecorded { subject_id: subject(1), jurisdiction: Some(place) };
        let answer = tale(RecipientKind::EmergencyService, Purpose::EmergencyResponse)
            .says(CaseEvent::WhereaboutsRecorded(seen))
            .age(1, band)
            .exception(1, ExceptionKind::ImminentDanger, &[1], true)
            .answer(BEGIN + HOUR);
        let found =
            (owes(&answer, ObligationKind::ReportToChildProtection), owes(&answer, ObligationKind::RecordWishes));
        assert_eq!(found, (must, may), "{place} {band}");
    }
}

#[test]
fn eighteen_is_no_minor_and_seventeen_is() {
    for (band, reached) in [
        (AgeBand::Under16, true),
        (AgeBand::From16To17, true),
        (AgeBand::Minor, true),
        (AgeBand::Exactly18, false),
        (AgeBand::From19, false),
        (AgeBand::Adult, false),
    ] {
        let answer = tale(RecipientKind::ChildProtection, Purpose::ChildProtection)
            .age(1, band)
            .exception(1, ExceptionKind::Minor, &[1], true)
            .answer(BEGIN + HOUR);
        let expected = reached.then_some(MaskLevel::Whole);
        assert_eq!(level(&answer, 1, DataCategory::Situation), expected, "{band}");
    }
}

/// A decision rests on 64 bases at most; what only a further one would let through is left out.
#[test]
fn what_only_the_65th_basis_lets_through_is_left_out() {
    let told = |how_many: u8| {
        let mut told = to_a_shelter();
        for number in 1..=how_many {
            let last = number == how_many;
            let category = if last { DataCategory::Health } else { DataCategory::Contact };
            told = told.consent(number, 1, |given| given.permitted = [category].into());
        }
        told.asked.now = BEGIN + HOUR;
        crate::compare::ask_engine(&told.asked).decision
    };
    let answer = told(64);
    assert_eq!((answer.bases.len(), level(&answer, 1, DataCategory::Health)), (64, Some(MaskLevel::Whole)));
    let answer = told(65);
    assert_eq!((answer.bases.len(), level(&answer, 1, DataCategory::Health)), (64, None));
    assert!(answer.mask.entries().iter().all(|entry| !entry.bases.is_empty()));
}
