//! The checker finds what is wrong: each fault that the services could have leads to a state in which a promise does not hold.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops at the first surprise")]

use std::time::Duration;

use egide_model::case::{Consent, Taken, policy};
use egide_model::protocol::{Bounds, Client, Fault, Protocol};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

const PATIENCE: Duration = Duration::from_secs(600);

fn bounds(calls: &[Client], approvals: bool) -> Bounds {
    Bounds {
        name: "faulty",
        consent: Consent { standing: true, ends_at: 1 },
        taken: vec![Taken::Everything],
        danger: false,
        approvals,
        renewal: false,
        rejection: false,
        calls: calls.iter().map(|client| (*client, 1)).collect(),
        crashes: 0,
        ticks: 1,
    }
}

/// Looks until a promise is broken, and says which and how.
fn found(fault: Fault, bounds: Bounds) -> String {
    let protocol = Protocol::new(bounds, policy().unwrap(), fault);
    let checker = protocol.checker().finish_when(HasDiscoveries::AnyFailures).timeout(PATIENCE).spawn_bfs().join();
    let broken = checker.model().properties().into_iter().find_map(|property| {
        let path = checker.discovery(property.name).filter(|_| property.expectation == Expectation::Always)?;
        Some((property.name, path.into_actions()))
    });
    let (promise, steps) =
        broken.unwrap_or_else(|| panic!("{fault:?} is not found in {} states", checker.state_count()));
    println!(
        "{fault:?}: {promise}, broken after {} steps ({} states seen): {steps:?}",
        steps.len(),
        checker.state_count()
    );
    promise.to_owned()
}

const ASKER_AND_FETCHER: &[Client] = &[Client::FirstAsker, Client::Fetcher];
const WITH_APPROVER: &[Client] = &[Client::SecondAsker, Client::Approver];

#[test]
fn a_release_without_deciding_again() {
    let promise = found(Fault::ReleasedWithoutDecidingAgain, bounds(ASKER_AND_FETCHER, false));
    assert!(promise.starts_with("p02"), "{promise}");
}

#[test]
fn a_release_without_a_permit() {
    let promise = found(Fault::ReleasedWithoutPermit, bounds(ASKER_AND_FETCHER, false));
    assert!(promise.starts_with("p01"), "{promise}");
}

#[test]
fn a_delivery_without_deciding_again() {
    let promise = found(Fault::DeliveredWithoutDecidingAgain, bounds(ASKER_AND_FETCHER, false));
    assert!(promise.starts_with("p02"), "{promise}");
}

#[test]
fn a_delivery_without_a_commit() {
    let promise = found(Fault::DeliveredWithoutCommit, bounds(ASKER_AND_FETCHER, false));
    assert!(promise.starts_with("p02"), "{promise}");
}

#[test]
fn a_delivery_that_is_answered_too_late() {
    let promise = found(Fault::AnsweredTooLate, bounds(ASKER_AND_FETCHER, false));
    assert!(promise.starts_with("p02"), "{promise}");
}

#[test]
fn a_revision_that_is_not_compared() {
    let promise = found(Fault::RevisionNotCompared, bounds(ASKER_AND_FETCHER, false));
    assert!(promise.starts_with("p02"), "{promise}");
}

#[test]
fn a_delivery_that_is_taken_however_late_it_comes() {
    let promise = found(Fault::TimeNotCompared, bounds(ASKER_AND_FETCHER, false));
    assert!(promise.starts_with("p02"), "{promise}");
}

#[test]
fn an_idempotency_that_is_dropped() {
    let promise = found(Fault::IdempotencyDropped, bounds(ASKER_AND_FETCHER, false));
    assert!(promise.starts_with("p11"), "{promise}");
}

#[test]
fn an_acknowledgement_of_what_is_not_durable() {
    let promise = found(Fault::AcknowledgedBeforeDurable, bounds(&[Client::FirstAsker], false));
    assert!(promise.starts_with("p11"), "{promise}");
}

#[test]
fn an_answer_before_the_acknowledgement() {
    let promise = found(Fault::AnsweredBeforeAcknowledged, bounds(ASKER_AND_FETCHER, false));
    assert!(promise.starts_with("p11"), "{promise}");
}

#[test]
fn a_retry_under_another_id() {
    let promise = found(Fault::NewIdEachTry, Bounds { calls: vec![(Client::FirstAsker, 2)], ..bounds(&[], false) });
    assert!(promise.starts_with("p11"), "{promise}");
}

#[test]
fn a_clock_that_stands_still() {
    let promise = found(Fault::ClockStands, bounds(ASKER_AND_FETCHER, false));
    assert!(promise.starts_with("p02"), "{promise}");
}

#[test]
fn an_approval_without_deciding_again() {
    let promise = found(Fault::ApprovedWithoutDecidingAgain, bounds(WITH_APPROVER, true));
    assert!(promise.starts_with("p02"), "{promise}");
}

#[test]
fn a_permit_that_outlives_its_approval() {
    let lasting = Consent { standing: true, ends_at: 2 };
    let promise = found(Fault::OutlivesItsApproval, Bounds { consent: lasting, ..bounds(WITH_APPROVER, true) });
    assert!(promise.starts_with("p01"), "{promise}");
}

#[test]
fn a_delivery_in_spite_of_a_rejection() {
    let calls = vec![(Client::SecondAsker, 1), (Client::Approver, 1), (Client::Fetcher, 1)];
    let promise = found(Fault::DeliveredInSpiteOfRejection, Bounds { calls, rejection: true, ..bounds(&[], true) });
    assert!(promise.starts_with("p01"), "{promise}");
}
