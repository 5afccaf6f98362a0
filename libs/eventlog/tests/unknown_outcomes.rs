//! Answers that are lost, and publications that land late: the outcome is found out, and a block stands once or not at
//! all.

#![expect(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "support/proxy.rs"]
mod proxy;
mod support;

use egide_crypto::sign::SigningKey;
use egide_eventlog::{AppendOutcome, Appender, Connection, ConnectionConfig, EventLog, VerifiedBlock};
use proxy::{Fault, Proxy};
use support::{NOW_MS, Server, Writer, commit, log_config, ring, uuid, within};

/// A log, an appender that reaches it through a proxy, and a writer that reaches it directly.
struct Scene {
    server: Server,
    proxy: Proxy,
    log: EventLog,
    appender: Appender,
    writer: Writer,
}

impl Scene {
    async fn new() -> Self {
        let server = Server::start();
        let (key, document) = SigningKey::generate().unwrap();
        let copy = SigningKey::from_pkcs8(&document).unwrap();
        let log = server.log(&[&key]).await;
        let mut writer = Writer::new(&log, copy);
        writer.write_blocks(2).await;
        let proxy = Proxy::start(server.address()).await;
        let connection = Connection::open(&ConnectionConfig::new(proxy.url())).await.unwrap();
        let through = EventLog::open(connection, log_config(), ring(&[&key])).await.unwrap();
        Self { server, proxy, log, appender: Appender::new(through, key, uuid()), writer }
    }

    async fn append(&mut self) -> AppendOutcome {
        let head = self.writer.head.clone();
        within(self.appender.append(&head, NOW_MS, vec![commit(1)])).await.expect("a certain outcome")
    }

    /// The log holds three blocks, of which the last is `block`.
    async fn holds_once(&self, block: &VerifiedBlock) {
        assert_eq!(self.log.last_number().await.unwrap(), 3);
        let mut follower = self.log.follow(self.writer.head.clone());
        assert_eq!(within(follower.next()).await.unwrap().hash(), block.hash());
    }
}

fn accepted(outcome: AppendOutcome) -> VerifiedBlock {
    match outcome {
        AppendOutcome::Accepted(block) => *block,
        AppendOutcome::Conflict => panic!("a conflict, with nobody else writing"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_found_to_be_an_acceptance() {
    let mut scene = Scene::new().await;
    scene.proxy.arm(Fault::AnswerLost);
    let block = accepted(scene.append().await);
    within(scene.proxy.fault_happened()).await;
    scene.holds_once(&block).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_after_storing_is_found_to_be_an_acceptance() {
    let mut scene = Scene::new().await;
    scene.proxy.arm(Fault::CutAfterStoring);
    let block = accepted(scene.append().await);
    within(scene.proxy.fault_happened()).await;
    scene.holds_once(&block).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_before_storing_costs_nothing_but_time() {
    let mut scene = Scene::new().await;
    scene.proxy.arm(Fault::CutBeforeStoring);
    let block = accepted(scene.append().await);
    within(scene.proxy.fault_happened()).await;
    scene.holds_once(&block).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publication_that_arrives_late_lands_nowhere() {
    let mut scene = Scene::new().await;
    scene.proxy.arm(Fault::Delayed);
    let block = accepted(scene.append().await);
    within(scene.proxy.fault_happened()).await;
    scene.holds_once(&block).await;
    within(scene.proxy.deliver_delayed()).await;
    let fourth = accepted({
        scene.writer.head = block.head_after().clone();
        scene.append().await
    });
    assert_eq!((fourth.number(), scene.log.last_number().await.unwrap()), (4, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publication_that_lands_only_while_it_is_being_repeated_is_accepted_once() {
    let mut scene = Scene::new().await;
    scene.proxy.arm(Fault::Delayed);
    scene.proxy.set_open(false);
    let (log, head) = (scene.log.clone(), scene.writer.head.clone());
    let appending = tokio::spawn(async move {
        let outcome = scene.appender.append(&head, NOW_MS, vec![commit(1)]).await;
        (outcome, scene.server)
    });
    within(scene.proxy.fault_happened()).await;
    assert_eq!(log.last_number().await.unwrap(), 2, "nothing stands at the end of the log, which proves nothing");
    within(scene.proxy.deliver_delayed()).await;
    within(async {
        while log.last_number().await.unwrap() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!appending.is_finished(), "the appender cannot know yet");
    scene.proxy.set_open(true);
    let (outcome, _server) = within(appending).await.unwrap();
    let block = accepted(outcome.expect("a certain outcome"));
    assert_eq!((block.number(), log.last_number().await.unwrap()), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_s_block_in_the_place_is_a_conflict_even_after_an_unknown_outcome() {
    let mut scene = Scene::new().await;
    scene.proxy.arm(Fault::Delayed);
    scene.proxy.set_open(false);
    let head = scene.writer.head.clone();
    let appending = tokio::spawn(async move {
        let outcome = scene.appender.append(&head, NOW_MS, vec![commit(1)]).await;
        (outcome, scene.server)
    });
    within(scene.proxy.fault_happened()).await;
    let other = scene.writer.write(1).await;
    within(scene.proxy.deliver_delayed()).await;
    scene.proxy.set_open(true);
    let (outcome, _server) = within(appending).await.unwrap();
    assert!(matches!(outcome, Ok(AppendOutcome::Conflict)), "{outcome:?}");
    assert_eq!(scene.log.last_number().await.unwrap(), 3);
    let mut follower = scene.log.follow(scene.log.genesis());
    let mut last = within(follower.next()).await.unwrap();
    while last.number() < 3 {
        last = within(follower.next()).await.unwrap();
    }
    assert_eq!(last.hash(), other.hash());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_and_comes_back_is_waited_for() {
    let mut scene = Scene::new().await;
    scene.server.kill();
    let head = scene.writer.head.clone();
    let mut appender = scene.appender;
    let appending = tokio::spawn(async move { appender.append(&head, NOW_MS, vec![commit(1)]).await });
    tokio::task::yield_now().await;
    assert!(!appending.is_finished());
    scene.server.start_again();
    let block = accepted(within(appending).await.unwrap().expect("a certain outcome"));
    assert_eq!((block.number(), scene.log.last_number().await.unwrap()), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_survives_a_server_killed_again_and_again() {
    let mut scene = Scene::new().await;
    let mut hashes = Vec::new();
    for _ in 0..5 {
        let block = accepted(scene.append().await);
        scene.writer.head = block.head_after().clone();
        hashes.push(block.hash());
        scene.server.kill();
        scene.server.start_again();
    }
    let mut follower = scene.log.follow(scene.log.genesis());
    for number in 1..=7 {
        let block = within(follower.next()).await.unwrap();
        assert_eq!(block.number(), number);
        if let Some(index) = usize::try_from(number).unwrap().checked_sub(3) {
            assert_eq!(block.hash(), hashes[index]);
        }
    }
}
