//! What the suites found and what was mended then, each as a plain test.

use std::time::Duration;

use egide_testkit::Fault;
use egide_tests::processes::{Party, Plan};
use tokio::time::sleep;

use crate::suite::{Suite, rounds};

/// Alone with its clients, the old leader goes on saying for a while that it leads, and how long the log was when it did,
/// while the other two elect another and go on. Whoever hears both took the log for shortened, and halted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_has_lost_its_followers_misleads_nobody() {
    let mut suite = Suite::start("a leader alone", Plan { nodes: 3, ledgers: 2 }).await;
    for round in 0..rounds(1, 12) {
        suite.some_time(100, 500).await;
        let system = suite.system();
        let Some(leader) = system.leader().await else { continue };
        system.links().around_routes_of(leader, Fault::Hold);
        // Time for the others to elect one.
        sleep(Duration::from_secs(10)).await;
        // And for those who wait at the old one to look for another, and for others to come to it.
        for role in system.plan().roles() {
            for node in 0..system.plan().nodes {
                system.links().between(role, Party::Nats(node)).cut();
            }
        }
        sleep(Duration::from_secs(3)).await;
        system.links().heal();
        suite.must_be_whole(&format!("round {round}: the leader was alone")).await;
    }
    suite.finish().await;
}
