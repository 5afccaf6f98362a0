//! SIGSTOP of anything for a while, and publishes that arrive long after whoever sent them gave up.

use std::time::Duration;

use egide_servicekit::clock;
use egide_testkit::{Fault, fresh_id};
use egide_tests::Role;
use egide_tests::history::check;
use egide_tests::log::Facts;
use egide_tests::processes::{Installation, Party, Plan};
use egide_tests::workload::Case;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::disclosure::v1::FetchReferralRequest;
use tokio::time::sleep;
use tonic::Code;

use crate::suite::{Suite, rounds};

/// Longer than the ledger waits for one acknowledgement of NATS, and than clients wait for an answer.
const PAST_EVERY_DEADLINE: Duration = Duration::from_millis(3_500);
/// Longer than a delivery may take from its commit to its answer.
const PAST_A_DELIVERY: Duration = Duration::from_millis(5_500);

/// How often a delivery is begun while the ledger's replies are held.
const TRIES_MAX: usize = 5;

#[derive(Debug, Clone, Copy)]
enum Pause {
    Ledger,
    SecondLedger,
    /// Between the ledger's acknowledgement and the answer to the client.
    Disclosure,
    /// What falls due meanwhile is noted afterwards.
    Triage,
    Nats,
    /// What the ledgers publish is held on its way, and then let go.
    Publishes,
}

const PAUSES: [Pause; 6] =
    [Pause::Ledger, Pause::SecondLedger, Pause::Disclosure, Pause::Triage, Pause::Nats, Pause::Publishes];

async fn pauses(name: &'static str, plan: Plan, rounds: usize) {
    let mut suite = Suite::start(name, plan).await;
    for round in 0..rounds {
        let pause = PAUSES[round % PAUSES.len()];
        suite.owe().await;
        suite.some_time(50, 300).await;
        // Every other time long enough for everybody to have given up.
        let short = Duration::from_millis(200 + u64::try_from(suite.dice.below(1_000)).unwrap());
        let lasting = if suite.dice.percent(50) { short } else { PAST_EVERY_DEADLINE };
        happen(&mut suite, pause, lasting).await;
        suite.must_be_whole(&format!("round {round}, {pause:?} for {lasting:?}")).await;
    }
    suite.finish().await;
}

async fn happen(suite: &mut Suite, pause: Pause, lasting: Duration) {
    let nodes = suite.system().plan().nodes;
    let node = match suite.system().leader().await {
        Some(leader) if suite.dice.percent(70) => leader,
        Some(_) | None => suite.dice.below(nodes),
    };
    let system = suite.system();
    match pause {
        Pause::Ledger => paused(system, Role::Ledger, lasting).await,
        Pause::SecondLedger => paused(system, Role::SecondLedger, lasting).await,
        Pause::Triage => paused(system, Role::Triage, lasting).await,
        Pause::Disclosure => {
            let to_ledger = system.links().between(Role::Disclosure, Role::Ledger);
            to_ledger.set(Fault::HoldReplies);
            // Time for calls to come to the ledger; their answers wait in the proxy.
            sleep(Duration::from_millis(100)).await;
            system.role(Role::Disclosure).pause().await;
            to_ledger.set(Fault::None);
            sleep(lasting).await;
            system.role(Role::Disclosure).resume().await;
        }
        Pause::Nats => {
            system.node(node).pause().await;
            sleep(lasting).await;
            system.node(node).resume().await;
        }
        Pause::Publishes => {
            for ledger in [Role::Ledger, Role::SecondLedger] {
                (0..nodes).for_each(|node| system.links().between(ledger, Party::Nats(node)).set(Fault::HoldSent));
            }
            sleep(lasting).await;
            system.links().heal();
        }
    }
}

async fn paused(system: &Installation, role: Role, lasting: Duration) {
    system.role(role).pause().await;
    sleep(lasting).await;
    system.role(role).resume().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_holds_and_everybody_resumes_after_pauses_on_one_node() {
    pauses("pauses on one node", Plan { nodes: 1, ledgers: 2 }, rounds(12, 120)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_holds_and_everybody_resumes_after_pauses_on_three_nodes() {
    pauses("pauses on three nodes", Plan { nodes: 3, ledgers: 2 }, rounds(12, 120)).await;
}

/// A report must start on its way within five seconds of its delivery's commit, or not at all: what was decided longer ago
/// may be withdrawn by now. Stopped in between, disclosure must not answer out of its old state when it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disclosure_stopped_between_acknowledgement_and_answer_does_not_answer_late() {
    let mut suite = Suite::start("a late answer", Plan { nodes: 1, ledgers: 1 }).await;
    let system = suite.system();
    let to_ledger = system.links().between(Role::Disclosure, Role::Ledger);
    let mut tries = 0..TRIES_MAX;
    // The load registers units of the same organisation. Where that comes between decision and commit, the ledger asks for the
    // delivery to be decided again, and this answer is held, too: then it begins anew, with another referral.
    let (case, request, asked) = loop {
        assert!(tries.next().is_some(), "no delivery is committed while the ledger's replies are held");
        let case = Case::with_referral(suite.load.shared()).await;
        let request = FetchReferralRequest { command_id: fresh_id(), referral_id: case.referral_id.clone() };
        to_ledger.set(Fault::HoldReplies);
        let mut patient = tonic::Request::new(request.clone());
        patient.set_timeout(Duration::from_secs(20));
        let mut referrals = system.referrals(&case.liaison);
        let asked = tokio::spawn(async move { referrals.fetch_referral(patient).await });
        let committed = async {
            while deliveries(system, &case.referral_id).await.is_empty() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(5), committed).await.is_ok() {
            break (case, request, asked);
        }
        to_ledger.set(Fault::None);
        let _answered = asked.await;
    };
    system.role(Role::Disclosure).pause().await;
    to_ledger.set(Fault::None);
    sleep(PAST_A_DELIVERY).await;
    system.role(Role::Disclosure).resume().await;
    let late = egide_testkit::within("an answer", asked).await.unwrap();
    match late {
        Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
        Ok(_) => {
            let newest = *deliveries(system, &case.referral_id).await.last().unwrap();
            assert!(clock::now().0 - newest < 5_000, "it answers on a delivery committed {newest}");
        }
    }
    // Whoever asks again with the same id gets it, on a delivery of its own.
    suite.must_be_whole("the pause").await;
    let again = suite.system().referrals(&case.liaison).fetch_referral(request).await;
    assert!(again.is_ok(), "{:?}", again.err());
    assert!(deliveries(suite.system(), &case.referral_id).await.len() >= 2);
    suite.finish().await;
}

/// When deliveries of a referral were committed, in milliseconds since 1970.
async fn deliveries(system: &Installation, referral_id: &str) -> Vec<i64> {
    let log = system.walk().await;
    assert!(check(&log, &egide_tests::history::Memory::default()).is_ok());
    let delivered = |facts: &Facts| match facts {
        Facts::Case(Payload::ReferralDelivered(delivered)) => delivered.referral_id == referral_id,
        Facts::Case(_) | Facts::Directory(_) | Facts::Access(_) | Facts::House(_) => false,
    };
    log.iter().filter(|entry| delivered(&entry.facts)).map(|entry| entry.recorded_at_ms).collect()
}
