//! Three servers, through everything the kit does to them.

use egide_eventlog::{BucketConfig, Connection, EventLog, KeyBucket, LogConfig};
use egide_servicekit::nats::Identity;
use egide_testkit::{TestCluster, within};

/// Room for the log.
const LOG_BYTES: u64 = 1 << 28;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_lose_one_pause_one_and_move_their_leader() {
    let mut cluster = TestCluster::start().await;
    cluster.provision(LOG_BYTES).await;
    let config = LogConfig { create: false, max_bytes: LOG_BYTES, replicas: 3 };
    for identity in [Identity::LEDGER].into_iter().chain(Identity::READERS) {
        let connection = Connection::open(&cluster.connection(identity)).await.expect("it connects");
        let log = EventLog::open(connection, config.clone(), egide_crypto::sign::KeyRing::new()).await;
        assert_eq!(log.expect("it reads the log").last_number().await.expect("it answers"), 0);
    }
    let ledger = Connection::open(&cluster.connection(Identity::LEDGER)).await.expect("it connects");
    let bucket = KeyBucket::open(ledger, &BucketConfig { create: false, replicas: 3 }).await.expect("the bucket");
    bucket.create_if_absent("case.a", vec![1; 60].into()).await.expect("a key");

    let leader = cluster.elected("KV_KEYS").await;
    assert_ne!(cluster.step_down("KV_KEYS").await, leader);
    cluster.kill(leader);
    assert_eq!(cluster.pid(leader), None);
    assert!(within("a majority answers", bucket.get("case.a")).await.expect("an answer").is_some());
    cluster.restart(leader);
    cluster.until_whole().await;
    cluster.pause(leader);
    assert!(
        within("the others answer", async {
            loop {
                if let Ok(found) = bucket.get("case.a").await {
                    return found;
                }
            }
        })
        .await
        .is_some()
    );
    cluster.resume(leader);
    cluster.until_whole().await;
}
