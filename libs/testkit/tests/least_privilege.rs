//! Who may do what at NATS, tried on a real server: whatever is not named here is refused, to everybody.
//!
//! The tables below say it a second time, by hand. Widening a right in the kit's own data fails here.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod peer;

use std::collections::BTreeSet;

use egide_eventlog::{Administration, Connection};
use egide_servicekit::nats::Identity;
use egide_testkit::TestNats;
use peer::{Peer, Verdict};
use serde_json::{Value, json};

/// Room for the log.
const LOG_BYTES: u64 = 1 << 28;

/// What a reader may send, whichever it is.
const READER_SENDS: [&str; 3] =
    ["LOG.API.DIRECT.GET.CASES", "LOG.API.STREAM.INFO.CASES", "LOG.API.STREAM.MSG.GET.CASES"];
/// What the ledger may send.
const LEDGER_SENDS: [&str; 15] = [
    "cases.blocks",
    "LOG.API.DIRECT.GET.CASES",
    "LOG.API.STREAM.INFO.CASES",
    "LOG.API.STREAM.MSG.GET.CASES",
    "$KV.KEYS.>",
    "LOG.API.DIRECT.GET.KV_KEYS",
    "LOG.API.STREAM.INFO.KV_KEYS",
    "LOG.API.STREAM.MSG.GET.KV_KEYS",
    "LOG.API.STREAM.MSG.DELETE.KV_KEYS",
    "$KV.FIND.>",
    "LOG.API.DIRECT.GET.KV_FIND",
    "LOG.API.STREAM.INFO.KV_FIND",
    "LOG.API.STREAM.MSG.GET.KV_FIND",
    "LOG.API.STREAM.MSG.DELETE.KV_FIND",
    "$SYS.REQ.SERVER.PING.VARZ",
];
const STREAMS: [&str; 4] = ["CASES", "KV_KEYS", "KV_FIND", "OTHER"];
/// Operations on a stream, before its name.
const STREAM_OPERATIONS: [&str; 11] = [
    "DIRECT.GET",
    "STREAM.CREATE",
    "STREAM.UPDATE",
    "STREAM.DELETE",
    "STREAM.PURGE",
    "STREAM.INFO",
    "STREAM.SNAPSHOT",
    "STREAM.RESTORE",
    "STREAM.MSG.GET",
    "STREAM.MSG.DELETE",
    "STREAM.LEADER.STEPDOWN",
];
/// Operations on a consumer, before its stream.
const CONSUMER_OPERATIONS: [&str; 11] = [
    "CONSUMER.CREATE",
    "CONSUMER.DURABLE.CREATE",
    "CONSUMER.DELETE",
    "CONSUMER.INFO",
    "CONSUMER.LIST",
    "CONSUMER.NAMES",
    "CONSUMER.MSG.NEXT",
    "CONSUMER.PAUSE",
    "CONSUMER.UNPIN",
    "CONSUMER.RESET",
    "CONSUMER.LEADER.STEPDOWN",
];
/// Operations on everything.
const OPERATIONS: [&str; 7] = [
    "INFO",
    "STREAM.NAMES",
    "STREAM.LIST",
    "META.LEADER.STEPDOWN",
    "SERVER.REMOVE",
    "ACCOUNT.PURGE.LOG",
    "STREAM.PEER.REMOVE.CASES",
];
/// What is no operation of JetStream's.
const SUBJECTS: [&str; 30] = [
    "cases.blocks",
    "cases.blocks.more",
    "cases.stored",
    "cases",
    "$KV.KEYS.case.a",
    "$KV.FIND.case.a",
    "$KV.OTHER.a",
    "$KV.KEYS",
    "$O.KEYS.a",
    "$JS.ACK.CASES.c.1.1.1.1.0",
    "$JS.FC.CASES.c.1",
    "$JS.SNAPSHOT.RESTORE.CASES.x",
    "$JSC.CI.LOG.CASES.c",
    "$NRG.V.x",
    "$SYS.REQ.SERVER.PING",
    "$SYS.REQ.SERVER.PING.VARZ",
    "$SYS.REQ.SERVER.PING.JSZ",
    "$SYS.REQ.SERVER.x.RELOAD",
    "$SYS.REQ.SERVER.x.KICK",
    "$SYS.REQ.ACCOUNT.LOG.JSZ",
    "$SYS.REQ.ACCOUNT.PING.CONNZ",
    "$SYS.REQ.USER.INFO",
    "$SYS.ACCOUNT.LOG.CONNECT",
    "$SRV.PING",
    "_R_.x.y",
    "_INBOX.x",
    "_INBOX_ledger.x",
    "_INBOX_disclosure.x",
    "_INBOX_administrator.x",
    "anything",
];

fn roles() -> impl Iterator<Item = Identity> {
    [Identity::LEDGER].into_iter().chain(Identity::READERS)
}

fn sends(role: Identity) -> Vec<&'static str> {
    if role == Identity::LEDGER { LEDGER_SENDS.to_vec() } else { READER_SENDS.to_vec() }
}

fn may_send(role: Identity, subject: &str) -> bool {
    sends(role).iter().any(|allowed| match allowed.strip_suffix('>') {
        Some(prefix) => subject.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()),
        None => *allowed == subject,
    })
}

/// Everything that is tried.
fn everything() -> Vec<String> {
    let mut subjects: Vec<String> = SUBJECTS.map(str::to_owned).to_vec();
    for prefix in ["$JS.API", "LOG.API"] {
        subjects.extend(OPERATIONS.map(|operation| format!("{prefix}.{operation}")));
        for stream in STREAMS {
            subjects.extend(STREAM_OPERATIONS.map(|operation| format!("{prefix}.{operation}.{stream}")));
            subjects.extend(CONSUMER_OPERATIONS.map(|operation| format!("{prefix}.{operation}.{stream}")));
            subjects.extend(CONSUMER_OPERATIONS.map(|operation| format!("{prefix}.{operation}.{stream}.c")));
            subjects.push(format!("{prefix}.CONSUMER.CREATE.{stream}.c.cases.blocks"));
            subjects.push(format!("{prefix}.DIRECT.GET.{stream}.cases.blocks"));
            subjects.push(format!("{prefix}.DIRECT.GET.{stream}.$KV.KEYS.case.a"));
        }
    }
    subjects
}

async fn provisioned() -> TestNats {
    let nats = TestNats::start().await;
    nats.provision(LOG_BYTES).await;
    nats
}

async fn connect(nats: &TestNats, identity: Identity) -> Peer {
    Peer::connect(nats.address(), &identity.seed_path(&nats.seeds()), &identity.inbox_prefix()).await
}

/// Configuration and contents of every stream, as the administrative identity sees them.
async fn streams(administrator: &mut Peer) -> Vec<Value> {
    let mut found = Vec::new();
    for stream in ["CASES", "KV_KEYS", "KV_FIND"] {
        let info = administrator.request(&format!("$JS.API.STREAM.INFO.{stream}"), b"").await.expect("an answer");
        let info: Value = serde_json::from_slice(&info).unwrap();
        assert!(info["error"].is_null(), "{stream}: {info}");
        found.push(json!({
            "config": info["config"], "messages": info["state"]["messages"], "last": info["state"]["last_seq"],
            "consumers": info["state"]["consumer_count"],
        }));
    }
    found
}

#[test]
fn the_rights_are_those_written_here() {
    for role in roles() {
        let publishes: BTreeSet<String> = role.publishes().into_iter().collect();
        assert_eq!(publishes, sends(role).into_iter().map(str::to_owned).collect(), "{}", role.name());
        assert_eq!(role.subscribes(), [format!("_INBOX_{}.>", role.name()), "cases.stored".to_owned()]);
    }
    assert_eq!(Identity::ADMINISTRATOR.publishes(), ["$JS.API.>"]);
    assert_eq!(Identity::ADMINISTRATOR.subscribes(), ["_INBOX_administrator.>"]);
    let accounts: BTreeSet<&str> = Identity::all().map(Identity::account).collect();
    assert_eq!(accounts.len(), Identity::all().count(), "everybody has an account of their own");
}

#[tokio::test]
async fn every_role_is_refused_to_send_whatever_is_not_its_own() {
    let nats = provisioned().await;
    for role in roles() {
        let mut peer = connect(&nats, role).await;
        for subject in everything() {
            let verdict = peer.publish(&subject, None, &[], b"").await;
            let expected = if may_send(role, &subject) { Verdict::Taken } else { Verdict::Refused };
            assert_eq!(verdict, expected, "{} sends to `{subject}`", role.name());
            // A trace of a message would be published where its header says.
            let traced = peer.publish(sends(role)[1], None, &[("Nats-Trace-Dest", &subject)], b"").await;
            assert_eq!(traced, expected, "{} has a trace sent to `{subject}`", role.name());
        }
    }
}

#[tokio::test]
async fn every_role_is_refused_to_listen_to_whatever_is_not_its_own() {
    let nats = provisioned().await;
    let others = Identity::all().map(|other| format!("{}.>", other.inbox_prefix()));
    let subjects: Vec<String> = everything()
        .into_iter()
        .chain(others)
        .chain(
            [
                ">",
                "*",
                "*.>",
                "_INBOX.>",
                "_INBOX_*.>",
                "cases.>",
                "cases.*",
                "$KV.>",
                "$KV.KEYS.>",
                "$JS.>",
                "$JS.API.>",
                "LOG.API.>",
                "$JS.EVENT.ADVISORY.>",
                "$SYS.>",
                "_R_.>",
                "LOG.>",
            ]
            .map(str::to_owned),
        )
        .collect();
    for role in roles().chain([Identity::ADMINISTRATOR]) {
        let mut peer = connect(&nats, role).await;
        let own = role.inbox_prefix();
        for subject in &subjects {
            let stored = subject == "cases.stored" && role != Identity::ADMINISTRATOR;
            let allowed = stored || subject.starts_with(&format!("{own}."));
            let expected = if allowed { Verdict::Taken } else { Verdict::Refused };
            for queue in [None, Some("q")] {
                let verdict = peer.subscribe(subject, queue).await;
                assert_eq!(verdict, expected, "{} listens to `{subject}` ({queue:?})", role.name());
            }
        }
    }
}

#[tokio::test]
async fn no_role_forges_anything_through_reply_subjects() {
    let nats = provisioned().await;
    let mut administrator = connect(&nats, Identity::ADMINISTRATOR).await;
    let mut ledger = connect(&nats, Identity::LEDGER).await;
    // What a ledger gone bad would have read out: nothing, which deletes; another configuration, which truncates.
    let worse =
        json!({"name": "CASES", "subjects": ["cases.blocks"], "storage": "file", "max_msgs": 1, "discard": "old"});
    for (subject, payload) in [
        ("cases.blocks", b"block".to_vec()),
        ("$KV.KEYS.empty", Vec::new()),
        ("$KV.KEYS.worse", worse.to_string().into()),
    ] {
        assert!(ledger.request(subject, &payload).await.is_some(), "`{subject}` is the ledger's");
    }
    let before = streams(&mut administrator).await;
    let mut targets: Vec<String> =
        ["cases.blocks", "$KV.KEYS.forged", "$KV.FIND.forged", "$KV.KEYS.empty"].map(str::to_owned).to_vec();
    for prefix in ["$JS.API", "LOG.API"] {
        for stream in ["CASES", "KV_KEYS"] {
            for operation in ["STREAM.DELETE", "STREAM.UPDATE", "STREAM.PURGE", "CONSUMER.CREATE"] {
                targets.push(format!("{prefix}.{operation}.{stream}"));
            }
        }
    }
    let queries = [
        "",
        "{\"seq\":1}",
        "{\"seq\":999}",
        "{\"seq\":1,\"batch\":10}",
        "{\"last_by_subj\":\"$KV.KEYS.empty\"}",
        "{\"last_by_subj\":\"$KV.KEYS.worse\"}",
    ];
    for role in roles() {
        let mut peer = connect(&nats, role).await;
        for request in sends(role).into_iter().filter(|subject| subject.contains(".API.") || subject.contains("VARZ")) {
            if request.contains("MSG.DELETE") {
                continue;
            }
            for target in targets.iter().filter(|target| !may_send(role, target)) {
                let takes_query = request.contains(".GET.");
                for query in queries.into_iter().filter(|query| takes_query || query.is_empty()) {
                    peer.publish(request, Some(target), &[], query.as_bytes()).await;
                }
            }
        }
    }
    // Whatever was sent has been dealt with once a later request is answered.
    assert!(ledger.request("LOG.API.STREAM.INFO.CASES", b"").await.is_some());
    assert_eq!(streams(&mut administrator).await, before, "something was forged");
}

/// Why nobody but the administrative identity is in JetStream's account: there this works. The answer that there is no such
/// message is empty, and an empty request to delete is a request to delete.
#[tokio::test]
async fn within_jetstreams_own_account_a_reply_subject_deletes_a_stream() {
    let nats = provisioned().await;
    let mut administrator = connect(&nats, Identity::ADMINISTRATOR).await;
    let stream = json!({"name": "OTHER", "subjects": ["other"], "allow_direct": true}).to_string();
    administrator.request("$JS.API.STREAM.CREATE.OTHER", stream.as_bytes()).await.expect("an answer");
    let victim = Some("$JS.API.STREAM.DELETE.OTHER");
    administrator.publish("$JS.API.DIRECT.GET.OTHER", victim, &[], b"{\"seq\":999}").await;
    let mut gone = false;
    for _ in 0..100 {
        let info = administrator.request("$JS.API.STREAM.INFO.OTHER", b"").await.expect("an answer");
        gone = String::from_utf8_lossy(&info).contains("stream not found");
        if gone {
            break;
        }
    }
    assert!(gone, "if it no longer works, the tests of forging below prove less than they say");
}

#[tokio::test]
async fn no_role_gets_what_another_asked_for() {
    let nats = provisioned().await;
    let mut ledger = connect(&nats, Identity::LEDGER).await;
    ledger.request("cases.blocks", b"block").await.expect("an answer");
    let mut listeners = Vec::new();
    for role in Identity::READERS {
        let mut peer = connect(&nats, role).await;
        assert_eq!(peer.subscribe(&format!("{}.x", role.inbox_prefix()), None).await, Verdict::Taken);
        listeners.push((role, peer));
    }
    for asker in roles() {
        let mut peer = connect(&nats, asker).await;
        for other in Identity::READERS.into_iter().filter(|other| *other != asker) {
            // Even one that has its answers sent to another's inbox: it is an inbox of its own account's.
            let reply = format!("{}.x", other.inbox_prefix());
            let query = b"{\"seq\":1,\"batch\":10}";
            assert_eq!(peer.publish("LOG.API.DIRECT.GET.CASES", Some(&reply), &[], query).await, Verdict::Taken);
        }
        let own = peer.request("LOG.API.STREAM.MSG.GET.CASES", b"{\"seq\":1}").await.expect("an answer");
        assert!(String::from_utf8_lossy(&own).contains("cases.blocks"), "{} reads the log", asker.name());
    }
    for (role, mut peer) in listeners {
        peer.flush().await;
        assert_eq!(peer.received(), 0, "{} received what it did not ask for", role.name());
    }
}

#[tokio::test]
async fn the_servers_own_account_reaches_no_stream() {
    let nats = provisioned().await;
    let mut administrator = connect(&nats, Identity::ADMINISTRATOR).await;
    let before = streams(&mut administrator).await;
    let mut system = connect(&nats, Identity::SYSTEM).await;
    for subject in ["cases.blocks", "$KV.KEYS.case.a", "$JS.API.STREAM.DELETE.CASES", "LOG.API.STREAM.INFO.CASES"] {
        system.publish(subject, Some("_INBOX_system.x"), &[], b"x").await;
    }
    assert_eq!(streams(&mut administrator).await, before);
}

#[tokio::test]
async fn the_administrative_identity_changes_streams_and_writes_to_none() {
    let nats = provisioned().await;
    let mut administrator = connect(&nats, Identity::ADMINISTRATOR).await;
    for subject in ["cases.blocks", "$KV.KEYS.case.a", "LOG.API.STREAM.INFO.CASES", "$SYS.REQ.SERVER.PING.VARZ"] {
        assert_eq!(administrator.publish(subject, None, &[], b"x").await, Verdict::Refused, "`{subject}`");
    }
    let stream = json!({"name": "OTHER", "subjects": ["other"]}).to_string();
    let changed = json!({"name": "OTHER", "subjects": ["other", "more"]}).to_string();
    let consumer = json!({"stream_name": "OTHER", "config": {"name": "c", "ack_policy": "none"}}).to_string();
    for (operation, body) in [
        ("STREAM.CREATE.OTHER", stream.as_str()),
        ("STREAM.UPDATE.OTHER", &changed),
        ("CONSUMER.CREATE.OTHER.c", &consumer),
        ("CONSUMER.DELETE.OTHER.c", ""),
        ("STREAM.PURGE.OTHER", ""),
        ("STREAM.DELETE.OTHER", ""),
    ] {
        let answer = administrator.request(&format!("$JS.API.{operation}"), body.as_bytes()).await;
        let answer: Value = serde_json::from_slice(&answer.expect("an answer")).unwrap();
        assert!(answer["error"].is_null(), "{operation}: {answer}");
    }
    let purged = administrator.request("$JS.API.STREAM.PURGE.CASES", b"").await.expect("an answer");
    assert!(String::from_utf8_lossy(&purged).contains("error"), "the log itself refuses, whoever asks");
    let connection = Connection::open(&nats.connection(Identity::ADMINISTRATOR)).await.unwrap();
    Administration::new(connection).placement("CASES").await.unwrap();
}

#[tokio::test]
async fn nobody_gets_in_without_a_seed_the_server_knows() {
    let nats = provisioned().await;
    let strangers = tempfile::tempdir().unwrap();
    egide_servicekit::nats::PublicKeys::of_folder(strangers.path()).unwrap();
    for identity in Identity::all() {
        let stranger = egide_testkit::connection_of(identity, nats.url(), strangers.path());
        let refused = Connection::open(&stranger).await.expect_err("a stranger got in");
        assert!(matches!(refused, egide_eventlog::ConnectionError::Refused { .. }), "{refused}");
    }
    let nobody = egide_eventlog::ConnectionConfig::new(nats.url());
    assert!(Connection::open(&nobody).await.is_err(), "nobody got in");
}
