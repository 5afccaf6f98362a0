//! kill -9 of anything, at random, under load.

use egide_tests::processes::{Plan, Process};
use futures_util::future::join_all;

use crate::suite::{Suite, rounds};

/// The log is compared with what clients remember every so many rounds, and at the end.
const COMPARED_EVERY: usize = 10;

async fn crash(name: &'static str, plan: Plan, rounds: usize) {
    let mut suite = Suite::start(name, plan).await;
    for round in 1..=rounds {
        suite.owe().await;
        suite.some_time(50, 400).await;
        let killed = kill_some(&mut suite).await;
        suite.must_be_whole(&format!("round {round}, in which {} were killed", killed.join(", "))).await;
        if round % COMPARED_EVERY == 0 {
            suite.must_be_right(&format!("round {round}")).await;
        }
    }
    let found = suite.finish().await;
    assert!(found.seen.deliveries > rounds, "there was no load: {found:?}");
}

/// One process mostly, sometimes several, now and then all: a power failure.
async fn kill_some(suite: &mut Suite) -> Vec<String> {
    let count = suite.system().processes().count();
    let victims: Vec<usize> = match suite.dice.below(10) {
        0 => (0..count).collect(),
        1..4 => (0..3).map(|_| suite.dice.below(count)).collect(),
        _ => vec![suite.dice.below(count)],
    };
    let processes: Vec<&Process> = suite.system().processes().collect();
    let kill = async |victim: &usize| {
        processes[*victim].kill().await;
        processes[*victim].name().to_owned()
    };
    join_all(victims.iter().map(kill)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed_on_one_node() {
    crash("crash on one node", Plan { nodes: 1, ledgers: 2 }, rounds(30, 500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed_on_three_nodes() {
    crash("crash on three nodes", Plan { nodes: 3, ledgers: 2 }, rounds(30, 500)).await;
}
