//! Every state that one disclosure can reach, within bounds that are printed: by day small ones, with `EGIDE_NIGHTLY` larger.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::time::{Duration, Instant};

use egide_domain::Policy;
use egide_model::case::{Consent, Taken};
use egide_model::protocol::{Bounds, Client, Fault, Protocol};
use stateright::{Checker, Expectation, Model};

/// The machine's two processors.
const THREADS: usize = 2;
/// What is not found by then is not looked for any more, and the test fails.
const PATIENCE: Duration = Duration::from_secs(3 * 3600);

fn by_night() -> bool {
    std::env::var_os("EGIDE_NIGHTLY").is_some()
}

use Client::{Approver, Fetcher, FirstAsker, SecondAsker};

/// Everybody: two ask, the second with an approval; one takes back, one approves, one fetches.
fn everybody() -> Bounds {
    Bounds {
        name: "everybody",
        consent: Consent { standing: true, ends_at: 1 },
        taken: vec![Taken::Everything],
        danger: false,
        approvals: true,
        rejection: false,
        calls: vec![(FirstAsker, 1), (SecondAsker, 1), (Approver, 1), (Fetcher, 1)],
        crashes: 1,
        ticks: 1,
    }
}

/// What was asked with an approval, and repeated.
fn approval() -> Bounds {
    Bounds {
        name: "an approval",
        consent: Consent { standing: true, ends_at: 2 },
        taken: vec![Taken::Everything, Taken::Whereabouts],
        rejection: true,
        calls: vec![(SecondAsker, 2), (Approver, 2), (Fetcher, 2)],
        ticks: 2,
        ..everybody()
    }
}

/// One consent for one disclosure; two who ask at once, the first through two instances of the service.
fn one_disclosure() -> Bounds {
    Bounds {
        name: "a consent for one disclosure",
        consent: Consent { standing: false, ends_at: 1 },
        taken: vec![Taken::Everything, Taken::Whereabouts],
        danger: false,
        approvals: false,
        rejection: false,
        calls: vec![(FirstAsker, 1), (FirstAsker, 1), (SecondAsker, 1), (Fetcher, 1)],
        crashes: 1,
        ticks: 1,
    }
}

/// Consent, and an exception besides: what is withdrawn may go on under the other.
fn another_basis() -> Bounds {
    Bounds {
        name: "consent and an exception",
        consent: Consent { standing: true, ends_at: 1 },
        danger: true,
        calls: vec![(FirstAsker, 1), (SecondAsker, 1), (Fetcher, 1)],
        ticks: 2,
        ..one_disclosure()
    }
}

/// One who asks and one who fetches, who make the same call again and again, whatever they were told.
fn retries() -> Bounds {
    Bounds {
        name: "retries",
        calls: vec![(FirstAsker, 3), (Fetcher, 3)],
        consent: Consent { standing: true, ends_at: 1 },
        ..one_disclosure()
    }
}

fn check(mut bounds: Bounds) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u8>().ok());
    if let Ok(text) = std::env::var("M_ATTS") { for (call, n) in bounds.calls.iter_mut().zip(text.bytes()) { call.1 = n - b'0'; } }
    if let Some(n) = number("M_CRASH") { bounds.crashes = n }
    if let Some(n) = number("M_TICK") { bounds.ticks = n; if bounds.consent.ends_at > n { bounds.consent.ends_at = n } }
    let began_at = Instant::now();
    let told = bounds.clone();
    let protocol = Protocol::new(bounds, Policy::embedded().unwrap(), Fault::None);
    let checker = protocol.checker().threads(THREADS).timeout(PATIENCE).spawn_bfs().join();
    println!(
        "{}: {} states, {} of them unique, depth {}, in {:.1} s; {} calls at once, each made so often: {:?}; {} withdrawals, \
         {} crashes, {} steps of time",
        told.name,
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        began_at.elapsed().as_secs_f64(),
        told.calls.len(),
        told.calls,
        told.taken.len(),
        told.crashes,
        told.ticks,
    );
    assert!(checker.is_done(), "the states were not all looked at");
    for property in checker.model().properties() {
        match (property.expectation, checker.discovery(property.name)) {
            (Expectation::Always, Some(path)) => {
                panic!("{}: {} does not hold after {:#?}", told.name, property.name, path.into_actions())
            }
            (Expectation::Sometimes, None) => panic!("{}: never reached: {}", told.name, property.name),
            _ => {}
        }
    }
}

#[test]
fn everybody_together() {
    check(everybody());
}

#[test]
fn an_approval_is_granted_or_rejected() {
    check(approval());
}

#[test]
fn a_consent_for_one_disclosure_is_fought_over() {
    check(one_disclosure());
}

#[test]
fn what_is_withdrawn_goes_on_under_another_basis() {
    check(another_basis());
}

#[test]
fn the_same_call_is_repeated() {
    check(retries());
}
