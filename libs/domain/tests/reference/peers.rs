//! Failures of other systems that concern the gate and have no test in `tests/gate/peer_failures.rs`.

use crate::compare::{ask_engine, cases, seed};
use crate::evaluator::tables::HOUR;
use crate::generator::{self, BEGIN};
use crate::tale::tale;
use egide_domain::Basis;
use egide_domain::event::Expiry;
use egide_domain::vocabulary::{ExceptionKind, Outcome, Purpose, RecipientKind, ReferralMode, Role};

/// One kind of transfer passed without consent: here no kind of hand-over goes around the gate.
#[test]
fn primero_transfer_how_a_person_is_handed_over_changes_nothing() {
    let start = seed() ^ 0x9ee4;
    let rules = generator::rules::some(start, 8);
    for seed in start..start + cases(500) {
        let mut asked = generator::case(seed, &rules);
        // An approval is of one request, and another way to hand over makes another one.
        asked.request.approval_id = None;
        let decision = ask_engine(&asked).decision;
        for mode in ReferralMode::ALL {
            asked.request.mode = Some(*mode);
            assert_eq!(ask_engine(&asked).decision, decision, "seed {seed}");
        }
    }
}

/// A result was cached and served after the consent had changed: here a delivery is decided again, every time.
#[test]
fn hapi_cache_what_was_permitted_is_not_delivered_after_it_changed() {
    let start = seed() ^ 0x4a91;
    let rules = generator::rules::some(start, 8);
    let mut delivered = 0;
    for seed in start..start + cases(3_000) {
        let mut asked = generator::case(seed, &rules);
        if ask_engine(&asked).delivery.is_err() {
            continue;
        }
        delivered += 1;
        asked.history.retain(|recorded| {
            !matches!(
                recorded.event,
                egide_domain::CaseEvent::ConsentGiven(_) | egide_domain::CaseEvent::ExceptionAsserted(_)
            )
        });
        assert!(ask_engine(&asked).delivery.is_err(), "seed {seed}");
    }
    assert!(delivered > 20, "only {delivered} deliveries");
}

/// Where no approver was enabled, the request authorised itself: here an exception that takes two people stays refused
/// however long one waits and whoever is alone.
#[test]
fn globaleaks_approver_nobody_confirms_by_waiting_or_by_themself() {
    for role in [Role::Responder, Role::Supervisor, Role::Compliance] {
        for hours in [1, 23, 24, 167] {
            let answer = tale(RecipientKind::InvestigatingAgency, Purpose::Investigation)
                .by("ana", role)
                .exception(1, ExceptionKind::Minor, &[1], true)
                .confirmed(1)
                .answer(BEGIN + hours * HOUR);
            assert_eq!(answer.outcome, Outcome::Deny);
        }
    }
}

/// A boolean in the request overrode missing consent: here naming what does not exist, or what is another's, is no basis.
#[test]
fn primero_transition_relying_on_what_does_not_cover_gives_nothing() {
    let told = || {
        tale(RecipientKind::SupportService, Purpose::SupportService)
            .consent(1, 1, |given| given.expiry = Expiry::At(egide_domain::Timestamp(BEGIN + HOUR)))
    };
    for number in 1..5 {
        let id = generator::dice::consent(number);
        for basis in [
            Basis::Consent(id),
            Basis::ReportConsent(id),
            Basis::Exception(generator::dice::exception(number), ExceptionKind::Minor),
        ] {
            assert_eq!(told().relying_on(&[basis]).answer(BEGIN + HOUR).outcome, Outcome::Deny);
        }
    }
}

/// Three engines, three ways to combine two consents: here two evaluators, written apart, agree on any two.
#[test]
fn three_engines_two_consents_combine_one_way() {
    let purpose = Purpose::SupportService;
    let to_support = RecipientKind::SupportService;
    let categories = [egide_domain::vocabulary::DataCategory::Contact, egide_domain::vocabulary::DataCategory::Health];
    for which in 0_u32..256 {
        let bit = |place: u32| which & (1 << place) != 0;
        let some = |first: u32| categories.iter().zip(first..).filter(|(_, place)| bit(*place)).map(|(it, _)| *it);
        let answer = tale(to_support, purpose)
            .consent(1, 1, |given| {
                given.permitted = categories.into();
                given.denied = some(0).collect();
            })
            .consent(2, 1, |given| {
                given.permitted = some(2).collect();
                given.denied = some(4).collect();
                given.supersedes = if bit(6) { vec![generator::dice::consent(1)] } else { Vec::new() };
                given.standing = bit(7);
            })
            .answer(BEGIN + HOUR);
        for (category, place) in categories.into_iter().zip(0..) {
            let (denied_first, permitted, denied) = (bit(place), bit(2 + place), bit(4 + place));
            let expected = if bit(6) { permitted && !denied } else { !denied_first && !denied };
            let found = crate::tale::level(&answer, 1, category).is_some();
            assert_eq!(found, expected, "{which:08b} {category}");
        }
    }
}
