//! Every pair that talks, cut off from each other in every way, one after the other; then one party from all others.

use std::time::Duration;

use egide_testkit::Fault;
use egide_tests::Role;
use egide_tests::processes::{Installation, Party, Plan};
use egide_tests::who;
use egide_tests::workload::{Case, Workload};
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::disclosure::v1::GetDecisionRequest;
use tokio::time::sleep;
use tonic::{Code, Request};

use crate::suite::{Suite, nightly};

/// In the order in which pairs meet them by day; by night every pair meets every one.
fn faults(number: u64) -> [Fault; 9] {
    [
        Fault::Hold,
        Fault::Refuse,
        // In the middle of an answer, of its head or of what it carries.
        Fault::CutAfterReplied(number % 900),
        Fault::HoldSent,
        Fault::Delay(Duration::from_millis(20 + number % 200)),
        Fault::HoldReplies,
        Fault::CutAfterSent(number % 2_000),
        Fault::SwallowReplies,
        Fault::SwallowSent,
    ]
}

async fn partition(name: &'static str, plan: Plan) {
    let mut suite = Suite::start(name, plan).await;
    let pairs = suite.system().links().pairs();
    let begin = suite.dice.below(9);
    for (place, (from, to)) in pairs.iter().copied().enumerate() {
        let number = suite.dice.roll();
        let faults = faults(number);
        let met = if nightly() { faults.to_vec() } else { vec![faults[(begin + place) % faults.len()]] };
        for fault in met {
            suite.some_time(20, 200).await;
            set(&suite, from, to, fault);
            suite.some_time(300, if nightly() { 5_000 } else { 1_500 }).await;
            suite.system().links().heal();
            suite.must_be_whole(&format!("{fault:?} between {from:?} and {to:?}")).await;
        }
    }
    suite.must_be_right("all pairs").await;
    let mut parties: Vec<Party> = plan.roles().into_iter().map(Party::Role).collect();
    parties.extend((0..plan.nodes).map(Party::Nats));
    for party in parties {
        // Longer than anybody waits for an answer.
        let fault = if suite.dice.percent(50) { Fault::Hold } else { Fault::Refuse };
        suite.system().links().around(party, fault);
        sleep(Duration::from_millis(if nightly() { 20_000 } else { 2_500 })).await;
        suite.system().links().heal();
        suite.must_be_whole(&format!("{party:?} was alone ({fault:?})")).await;
    }
    suite.finish().await;
}

/// Of two connections between two servers they keep one, whichever: a fault is set on both ways.
fn set(suite: &Suite, from: Party, to: Party, fault: Fault) {
    let links = suite.system().links();
    links.between(from, to).set(fault);
    if matches!((from, to), (Party::Nats(_), Party::Nats(_))) {
        links.between(to, from).set(fault);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_two_may_lose_each_other_on_one_node() {
    partition("partition on one node", Plan { nodes: 1, ledgers: 2 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_two_may_lose_each_other_on_three_nodes() {
    partition("partition on three nodes", Plan { nodes: 3, ledgers: 2 }).await;
}

/// An answer of the ledger that breaks off anywhere is an unknown outcome for whoever called it, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_the_ledger_that_breaks_off_anywhere_is_an_unknown_outcome() {
    let load = Workload::start(Installation::start(Plan { nodes: 1, ledgers: 1 }).await, 1, 0).await;
    let case = Case::with_referral(load.shared()).await;
    let system = load.installation();
    let to_ledger = system.links().between(Role::Disclosure, Role::Ledger);
    let mut cut_off = 0;
    for cut in (0..480).step_by(if nightly() { 1 } else { 16 }) {
        // From the next call on this connection; those made after it are cut at the same place.
        to_ledger.set(Fault::CutAfterReplied(cut));
        let who = who::staff("case-desk", &format!("noor.{cut}"), &["supervisor"]);
        let asked =
            GetDecisionRequest { decision_id: case.decision_id.clone(), reason: AccessReason::Supervision.into() };
        let mut request = Request::new(asked.clone());
        request.set_timeout(Duration::from_secs(5));
        match system.disclosure(&who).get_decision(request).await {
            Ok(_) => {}
            Err(status) if status.code() == Code::Unavailable => cut_off += 1,
            Err(status) => panic!("cut at byte {cut}: {status:?}"),
        }
        to_ledger.set(Fault::None);
        let again = system.disclosure(&who).get_decision(asked).await;
        assert!(again.is_ok(), "after a cut at byte {cut}: {:?}", again.err());
    }
    assert!(cut_off > 0, "nothing was cut off");
    let (installation, ..) = load.stop().await;
    installation.stop().await;
}
