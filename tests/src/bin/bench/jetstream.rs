//! JetStream with nothing of ours around it: the same server, the same disk, the same policy of flushing.

use std::time::Instant;

use async_nats::jetstream::{self, consumer, stream};
use bytes::Bytes;
use egide_tests::World;
use futures_util::StreamExt as _;

const STREAM: &str = "BENCH";
const SUBJECT: &str = "bench.messages";

/// Connects to the world's server.
pub(crate) async fn connect(world: &World) -> jetstream::Context {
    let (url, user, password) = world.nats().await;
    let options = async_nats::ConnectOptions::with_user_and_password(user, password);
    jetstream::new(options.connect(url).await.expect("a connection to NATS"))
}

/// Publishes `count` messages of `bytes` bytes, so many at a time, each acknowledged before the next of the same client.
/// Seconds for all of them, and milliseconds of each.
pub(crate) async fn publish(world: &World, clients: usize, count: usize, bytes: usize) -> (f64, Vec<f64>) {
    let context = connect(world).await;
    let config = stream::Config {
        name: STREAM.to_owned(),
        subjects: vec![SUBJECT.to_owned()],
        storage: stream::StorageType::File,
        ..stream::Config::default()
    };
    context.create_stream(config).await.expect("a stream");
    let payload = Bytes::from(vec![0x5a; bytes]);
    let client = async |share: usize| {
        let mut took = Vec::with_capacity(share);
        for _ in 0..share {
            let began = Instant::now();
            let published = context.publish(SUBJECT, payload.clone()).await.expect("published");
            published.await.expect("acknowledged");
            took.push(began.elapsed().as_secs_f64() * 1e3);
        }
        took
    };
    let began = Instant::now();
    let took = futures_util::future::join_all((0..clients).map(|_| client(count / clients))).await;
    let seconds = began.elapsed().as_secs_f64();
    context.delete_stream(STREAM).await.expect("the stream goes");
    (seconds, took.concat())
}

/// Reads every message of the log, and does nothing with them. Seconds, and how many.
pub(crate) async fn consume_the_log(world: &World) -> (f64, u64) {
    let context = connect(world).await;
    let mut log = context.get_stream("CASES").await.expect("the log's stream");
    let last = log.info().await.expect("its state").state.last_sequence;
    let config = consumer::pull::Config { ack_policy: consumer::AckPolicy::None, ..consumer::pull::Config::default() };
    let began = Instant::now();
    let consumer = log.create_consumer(config).await.expect("a consumer");
    let mut messages = consumer.messages().await.expect("its messages");
    let mut read = 0_u64;
    while read < last {
        let message = messages.next().await.expect("there are more").expect("a message");
        assert!(!message.payload.is_empty(), "a block");
        read += 1;
    }
    (began.elapsed().as_secs_f64(), read)
}
