//! Every state that one disclosure can reach, within bounds that are printed: by day small ones, with `EGIDE_NIGHTLY` larger.
//!
//! Seen to fail, beside what `what_would_be_found.rs` shows: with a withdrawal that supersedes nothing
//! (`libs/domain/src/supersede.rs`); with a consent that no withdrawal ends (`libs/domain/src/consent.rs`, `taken_back`), that
//! never expires (`holds`) or is never used up (`is_used`); with a delivery that does not compare masks or relies on whatever
//! there is (`libs/domain/src/delivery.rs`). Not seen to fail without `check_revision` or `superseded_since` in
//! `libs/domain/src/admit.rs`, or without the revision in `Permit::from_acknowledgement`: what the ledger expects and the gate
//! looks at again keeps the promise without them, and only without both is it broken.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use egide_model::case::{Consent, Taken, policy};
use egide_model::protocol::{Bounds, Client, Fault, Protocol};
use stateright::{Checker, Expectation, Model};

use Client::{Approver, Fetcher, FirstAsker, SecondAsker};

/// Processors of the smallest machine this is meant for.
const THREADS: usize = 2;
/// What was not looked at by then is not looked at any more, and the test fails.
const PATIENCE: Duration = Duration::from_secs(3 * 3_600);

/// One model at a time: each takes all processors, and at night up to four gigabytes.
static TURN: Mutex<()> = Mutex::new(());

fn by_night() -> bool {
    std::env::var_os("EGIDE_NIGHTLY").is_some()
}

/// So many by day, so many at night.
fn often(day: u8, night: u8) -> u8 {
    if by_night() { night } else { day }
}

/// Either withdrawal at night, the whole of it by day.
fn taken() -> Vec<Taken> {
    if by_night() { vec![Taken::Everything, Taken::Whereabouts] } else { vec![Taken::Everything] }
}

/// Everybody: two ask, the second with an approval; one takes back, one approves, one fetches.
fn everybody() -> Bounds {
    Bounds {
        name: "everybody",
        consent: Consent { standing: true, ends_at: 1 },
        taken: vec![Taken::Everything],
        danger: false,
        approvals: true,
        renewal: false,
        rejection: false,
        calls: vec![(FirstAsker, 1), (SecondAsker, 1), (Approver, often(1, 2)), (Fetcher, often(1, 2))],
        crashes: 1,
        ticks: 1,
    }
}

/// An approval, which ends before the consent does, and may be taken back.
fn approval() -> Bounds {
    Bounds {
        name: "an approval",
        consent: Consent { standing: true, ends_at: 2 },
        taken: vec![Taken::Everything, Taken::Whereabouts],
        rejection: true,
        calls: vec![(SecondAsker, often(1, 2)), (Approver, 2), (Fetcher, often(1, 2))],
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
        renewal: false,
        rejection: false,
        calls: vec![(FirstAsker, 1), (FirstAsker, 1), (SecondAsker, 1), (Fetcher, often(1, 2))],
        crashes: 1,
        ticks: 1,
    }
}

/// Consent, and an exception besides: what is withdrawn may go on under the other.
fn another_basis() -> Bounds {
    Bounds {
        name: "consent and an exception",
        consent: Consent { standing: true, ends_at: 1 },
        taken: taken(),
        danger: true,
        renewal: by_night(),
        calls: vec![(FirstAsker, 1), (SecondAsker, 1), (Fetcher, 1)],
        ticks: 2,
        ..one_disclosure()
    }
}

/// One who asks and one who fetches, who make the same call again and again, whatever they were told.
fn retries() -> Bounds {
    Bounds {
        name: "retries",
        consent: Consent { standing: true, ends_at: 1 },
        taken: vec![Taken::Everything, Taken::Whereabouts],
        renewal: true,
        calls: vec![(FirstAsker, often(3, 5)), (Fetcher, often(3, 5))],
        crashes: often(1, 2),
        ..one_disclosure()
    }
}

fn check(bounds: Bounds) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let began_at = Instant::now();
    let told = bounds.clone();
    let protocol = Protocol::new(bounds, policy().unwrap(), Fault::None);
    let checker = protocol.checker().threads(THREADS).timeout(PATIENCE).spawn_bfs().join();
    let (states, unique, depth) = (checker.state_count(), checker.unique_state_count(), checker.max_depth());
    // Past the capture of tests that pass: how far was looked is part of what is said.
    let mut out = std::io::stdout();
    let line = format!(
        "{}: {unique} states ({states} reached), up to {depth} steps, in {:.1} s; one of {} withdrawals, {} crashes, {} steps \
         of time, calls {:?}\n",
        told.name,
        began_at.elapsed().as_secs_f64(),
        told.taken.len(),
        told.crashes,
        told.ticks,
        told.calls,
    );
    out.write_all(line.as_bytes()).unwrap();
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
