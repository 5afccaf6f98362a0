//! A server that acknowledges before it flushes is found out by asking it.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

mod support;

use std::fs;

use egide_crypto::sign::KeyRing;
use egide_eventlog::{Connection, DurabilityError, EventLog};
use egide_servicekit::nats::{DEFAULT_MAX_PAYLOAD_BYTES, Identity, NatsCredentials, NatsServer, PublicKeys};
use egide_testkit::connection_of;
use support::{free_port, log_config, spawn};

/// Starts a server of an installation whose configuration `change` has been at, and asks it as the ledger does.
async fn asked(change: impl FnOnce(String) -> String) -> Result<(), DurabilityError> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (port, seeds) = (free_port(), directory.path().join("seeds"));
    let server = NatsServer {
        name: "one".to_owned(),
        listen: format!("127.0.0.1:{port}"),
        monitor: None,
        store: directory.path().join("store"),
        max_file_store_bytes: None,
        store_key_variable: None,
        max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
        identities: PublicKeys::of_folder(&seeds).expect("seeds"),
        tls: None,
        cluster: None,
        files: None,
        master: Some(NatsCredentials { user: "egide".to_owned(), password: "p".to_owned() }),
    };
    let configuration = change(server.configuration().expect("a configuration"));
    fs::write(directory.path().join("nats.conf"), configuration).expect("nats.conf");
    let mut child = spawn(directory.path(), port);
    let url = format!("nats://127.0.0.1:{port}");
    let master = egide_eventlog::ConnectionConfig::new(&url).with_user("egide", "p");
    let master = Connection::open(&master).await.expect("a connection");
    EventLog::open(master, log_config(), KeyRing::new()).await.expect("the log is made");
    let ledger = Connection::open(&connection_of(Identity::LEDGER, &url, &seeds)).await.expect("a connection");
    let log = EventLog::open(ledger, log_config(), KeyRing::new()).await.expect("the log");
    let answer = log.check_durability().await;
    child.kill().expect("killing nats-server");
    child.wait().expect("waiting for nats-server");
    answer
}

#[tokio::test]
async fn a_server_that_flushes_is_relied_on() {
    asked(|configuration| configuration).await.expect("it flushes before it acknowledges");
}

#[tokio::test]
async fn a_server_that_flushes_now_and_then_is_named() {
    let change = |text: String| text.replace(", sync_interval: always", ", sync_interval: \"1s\"");
    let refused = asked(change).await.expect_err("it flushes every second");
    assert!(matches!(&refused, DurabilityError::FlushesLate { server } if server == "one"), "{refused}");
}

#[tokio::test]
async fn a_server_that_may_not_be_asked_is_not_relied_on() {
    let change = |text: String| text.replace("\"$SYS.REQ.SERVER.PING.VARZ\"] }", "\"nothing\"] }");
    let refused = asked(change).await.expect_err("it is not asked");
    assert!(matches!(&refused, DurabilityError::Silent { servers } if servers == "one"), "{refused}");
}
