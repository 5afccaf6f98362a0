//! A log that somebody tampered with, on a real server: the follower halts, says why, and stays halted.

#![expect(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "support/raw.rs"]
mod raw;
mod support;

use bytes::Bytes;
use egide_crypto::sign::{SigningKey, VerifyAtError};
use egide_eventlog::{
    AppendError, Appender, ChainBroken, EventLog, Follower, Halted, Head, RawBlock, SIGNATURE_CONTEXT, SealedBlock,
    block_hash,
};
use egide_wire::proto::egide::ledger::v1::{Block, SignedBlock};
use prost::Message as _;
use prost_types::Timestamp;
use raw::{publish_raw, raw_client};
use support::{NOW_MS, Server, Writer, commit, ring, signing_key, uuid, within};

/// A log of two good blocks, and what is needed to add a bad third.
struct Scene {
    server: Server,
    key: SigningKey,
    log: EventLog,
    head: Head,
}

impl Scene {
    async fn new() -> Self {
        let server = Server::start();
        let (key, document) = SigningKey::generate().unwrap();
        let log = server.log(&[&key]).await;
        let mut writer = Writer::new(&log, SigningKey::from_pkcs8(&document).unwrap());
        writer.write_blocks(2).await;
        Self { server, key, log, head: writer.head }
    }

    fn third(&self) -> SignedBlock {
        self.third_signed_by(&self.key)
    }

    fn third_signed_by(&self, key: &SigningKey) -> SignedBlock {
        let sealed = SealedBlock::seal(&self.head, NOW_MS, &uuid(), vec![commit(1)], key);
        SignedBlock::decode(sealed.bytes().clone()).unwrap()
    }

    /// A third block that the ledger's own key signs, though it should not.
    fn third_with(&self, change: impl FnOnce(&mut Block)) -> SignedBlock {
        let mut block = Block::decode(self.third().block.as_slice()).unwrap();
        change(&mut block);
        let block = block.encode_to_vec();
        let hash = block_hash(&block);
        let signature = self.key.sign(SIGNATURE_CONTEXT, hash.as_bytes());
        SignedBlock {
            block,
            hash: hash.as_bytes().to_vec(),
            key_id: self.key.key_id().to_string(),
            signature: signature.as_bytes().to_vec(),
        }
    }

    /// Publishes it, and expects a follower from the beginning to hand out two blocks and halt, now and later.
    async fn halts_at(&self, third: SignedBlock) -> ChainBroken {
        publish_raw(&raw_client(&self.server).await, third.encode_to_vec().into()).await;
        let halted = self.halts_after_two().await;
        let Halted::ChainBroken(broken) = halted else { panic!("halted for another reason: {halted}") };
        broken
    }

    async fn halts_after_two(&self) -> Halted {
        let mut follower = self.log.follow(self.log.genesis());
        for number in 1..=2 {
            assert_eq!(within(follower.next()).await.expect("a good block").number(), number);
        }
        stays_halted(&mut follower).await
    }
}

async fn stays_halted(follower: &mut Follower) -> Halted {
    let number = follower.head().number();
    let halted = within(follower.next()).await.expect_err("it went on over a broken log");
    assert_eq!(within(follower.next()).await.expect_err("it went on after halting"), halted);
    assert_eq!(follower.head().number(), number);
    halted
}

#[tokio::test]
async fn changed_bytes_are_no_longer_the_hashed_ones() {
    let scene = Scene::new().await;
    let mut third = scene.third();
    *third.block.last_mut().unwrap() ^= 1;
    assert_eq!(scene.halts_at(third).await, ChainBroken::HashMismatch { sequence: 3 });
}

#[tokio::test]
async fn a_changed_hash_is_not_that_of_the_block() {
    let scene = Scene::new().await;
    let mut third = scene.third();
    third.hash[0] ^= 1;
    assert_eq!(scene.halts_at(third).await, ChainBroken::HashMismatch { sequence: 3 });
}

#[tokio::test]
async fn a_changed_signature_does_not_count() {
    let scene = Scene::new().await;
    let mut third = scene.third();
    third.signature[7] ^= 1;
    let broken = scene.halts_at(third).await;
    assert!(matches!(broken, ChainBroken::Signature { number: 3, reason: VerifyAtError::BadSignature(_) }), "{broken}");
}

#[tokio::test]
async fn a_signature_made_for_another_context_does_not_count() {
    let scene = Scene::new().await;
    let mut third = scene.third();
    third.signature = scene.key.sign("egide/checkpoint/v1", &third.hash).as_bytes().to_vec();
    let broken = scene.halts_at(third).await;
    assert!(matches!(broken, ChainBroken::Signature { number: 3, reason: VerifyAtError::BadSignature(_) }), "{broken}");
}

#[tokio::test]
async fn a_stranger_s_key_does_not_count_under_its_own_name_or_another() {
    let scene = Scene::new().await;
    let stranger = signing_key();
    let broken = scene.halts_at(scene.third_signed_by(&stranger)).await;
    assert!(matches!(broken, ChainBroken::Signature { number: 3, reason: VerifyAtError::UnknownKey(_) }), "{broken}");

    let scene = Scene::new().await;
    let mut third = scene.third_signed_by(&stranger);
    third.key_id = scene.key.key_id().to_string();
    let broken = scene.halts_at(third).await;
    assert!(matches!(broken, ChainBroken::Signature { number: 3, reason: VerifyAtError::BadSignature(_) }), "{broken}");
}

#[tokio::test]
async fn a_key_counts_for_a_block_only_if_it_counts_for_every_position_in_it() {
    let server = Server::start();
    let (key, document) = SigningKey::generate().unwrap();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, SigningKey::from_pkcs8(&document).unwrap());
    // Positions 1 to 3, and 4 to 6.
    writer.write(3).await;
    writer.write(3).await;
    for (valid_from, revoked_after, good) in [
        (Some(1), Some(6), 2),
        (Some(2), None, 0),
        (Some(3), None, 0),
        (None, Some(0), 0),
        (None, Some(3), 1),
        (None, Some(5), 1),
    ] {
        let mut keys = egide_crypto::sign::KeyRing::new();
        keys.insert(key.public_key(), valid_from, revoked_after).unwrap();
        let log = EventLog::open(server.connect().await, support::log_config(), keys).await.unwrap();
        let mut follower = log.follow(log.genesis());
        for _ in 0..good {
            within(follower.next()).await.expect("a good block");
        }
        if good < 2 {
            let halted = stays_halted(&mut follower).await;
            let number = good + 1;
            assert!(
                matches!(&halted, Halted::ChainBroken(ChainBroken::Signature { number: at, .. }) if *at == number),
                "{valid_from:?} {revoked_after:?}: {halted}"
            );
        }
    }
}

#[tokio::test]
async fn key_id_and_signature_must_be_readable() {
    for change in [
        |third: &mut SignedBlock| third.key_id = "ed-x".into(),
        |third: &mut SignedBlock| {
            third.signature.truncate(63);
        },
    ] {
        let scene = Scene::new().await;
        let mut third = scene.third();
        change(&mut third);
        assert_eq!(scene.halts_at(third).await, ChainBroken::UnreadableSignature { number: 3 });
    }
}

#[tokio::test]
async fn a_message_that_is_no_block_is_not_passed_over() {
    let no_block = ChainBroken::NotABlock { sequence: 3 };
    // Nothing at all decodes as an empty signed block, which is not the one its empty hash is of.
    let nothing = ChainBroken::HashMismatch { sequence: 3 };
    for (bytes, expected) in [(&b""[..], nothing), (b"hello", no_block.clone()), (&[0xff; 40], no_block)] {
        let scene = Scene::new().await;
        publish_raw(&raw_client(&scene.server).await, Bytes::copy_from_slice(bytes)).await;
        assert_eq!(scene.halts_after_two().await, expected.into());
    }
}

#[tokio::test]
async fn bytes_beside_a_good_block_are_not_passed_over() {
    let scene = Scene::new().await;
    let mut bytes = scene.third().encode_to_vec();
    // Field 15, one byte: unknown, outside hash and signature.
    bytes.extend_from_slice(&[0x7a, 0x01, 0x00]);
    publish_raw(&raw_client(&scene.server).await, bytes.into()).await;
    assert_eq!(scene.halts_after_two().await, ChainBroken::NotABlock { sequence: 3 }.into());
}

#[tokio::test]
async fn the_ledger_s_own_signature_does_not_make_a_misplaced_block_right() {
    let other_incarnation = uuid();
    type Change = Box<dyn FnOnce(&mut Block)>;
    let cases: Vec<(Change, ChainBroken)> = vec![
        (Box::new(|block| block.format = 2), ChainBroken::UnknownFormat { sequence: 3, format: 2 }),
        (Box::new(|block| block.incarnation = other_incarnation), ChainBroken::OtherIncarnation { sequence: 3 }),
        (Box::new(|block| block.number = 4), ChainBroken::OtherNumber { sequence: 3, number: 4 }),
        (Box::new(|block| block.previous_hash[0] ^= 1), ChainBroken::OtherPrevious { number: 3 }),
        (Box::new(|block| block.previous_hash.clear()), ChainBroken::OtherPrevious { number: 3 }),
        (Box::new(|block| block.first_position = 4), ChainBroken::Positions { number: 3, expected: 3, found: 4 }),
        (Box::new(|block| block.first_position = 2), ChainBroken::Positions { number: 3, expected: 3, found: 2 }),
        (
            Box::new(|block| block.recorded_at = Some(Timestamp { seconds: NOW_MS / 1_000 - 1, nanos: 0 })),
            ChainBroken::RecordedEarlier { number: 3, by_ms: 1_000 },
        ),
    ];
    for (change, expected) in cases {
        let scene = Scene::new().await;
        assert_eq!(scene.halts_at(scene.third_with(change)).await, expected);
    }
}

#[tokio::test]
async fn what_no_appender_writes_is_malformed_even_when_signed() {
    let changes: [fn(&mut Block); 12] = [
        |block| block.recorded_at = None,
        |block| block.recorded_at.as_mut().unwrap().nanos = 1,
        |block| block.instance_id.clear(),
        |block| block.commits.clear(),
        |block| block.commits[0].events.clear(),
        |block| block.commits[0].command_id.clear(),
        |block| block.commits[0].events[0].revision = 2,
        |block| block.commits[0].events[0].stream_id = uuid(),
        |block| block.commits[0].events[0].area = 99,
        |block| block.commits[0].streams[0].count = 2,
        |block| block.commits[0].streams.clear(),
        |block| {
            let extent = block.commits[0].streams[0].clone();
            block.commits[0].streams.push(extent);
        },
    ];
    let scene = Scene::new().await;
    for (index, change) in changes.into_iter().enumerate() {
        let raw =
            RawBlock { sequence: 3, foreign_header: None, bytes: scene.third_with(change).encode_to_vec().into() };
        let mut verifier = egide_eventlog::ChainVerifier::new(scene.head.clone(), ring(&[&scene.key]));
        let broken = verifier.verify(&raw).expect_err("a malformed block");
        assert!(matches!(broken, ChainBroken::Malformed { number: 3, .. }), "change {index}: {broken}");
    }
}

#[tokio::test]
async fn a_block_published_with_a_foreign_header_is_refused_though_it_fits() {
    let scene = Scene::new().await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Stream", "CASES");
    let client = raw_client(&scene.server).await;
    let bytes = scene.third().encode_to_vec();
    client.request_with_headers("cases.blocks", headers, bytes.into()).await.unwrap();
    let expected = ChainBroken::ForeignHeader { sequence: 3, header: "Nats-Stream".into() };
    assert_eq!(scene.halts_after_two().await, expected.into());
}

#[tokio::test]
async fn what_a_reader_made_the_server_copy_into_the_log_is_refused() {
    let scene = Scene::new().await;
    let client = raw_client(&scene.server).await;
    // A block of the log's own is not even stored: it carries the fence it was once published under.
    copy_into_log(&client, "CASES", 2).await;
    // The very block that is due, but by way of another stream that lets anyone in.
    let jetstream = async_nats::jetstream::new(client.clone());
    let open = async_nats::jetstream::stream::Config {
        name: "OPEN".into(),
        subjects: vec!["open".into()],
        allow_direct: true,
        ..Default::default()
    };
    jetstream.create_stream(open).await.unwrap();
    client.request("open", scene.third().encode_to_vec().into()).await.unwrap();
    copy_into_log(&client, "OPEN", 1).await;
    within(async {
        while scene.log.last_number().await.unwrap() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let halted = scene.halts_after_two().await;
    let Halted::ChainBroken(ChainBroken::ForeignHeader { sequence: 3, header }) = &halted else {
        panic!("halted for another reason: {halted}")
    };
    assert!(header.starts_with("Nats-"), "{header}");
}

/// Direct gets answer to any subject: also to the log's own.
async fn copy_into_log(client: &async_nats::Client, stream: &str, sequence: u64) {
    let query = format!("{{\"seq\":{sequence}}}");
    client.publish_with_reply(format!("$JS.API.DIRECT.GET.{stream}"), "cases.blocks", query.into()).await.unwrap();
    client.flush().await.unwrap();
}

#[tokio::test]
async fn a_good_block_repeated_is_refused() {
    let scene = Scene::new().await;
    let second = scene.log.read(2).await.unwrap().unwrap();
    publish_raw(&raw_client(&scene.server).await, second.bytes).await;
    assert_eq!(scene.halts_after_two().await, ChainBroken::OtherNumber { sequence: 3, number: 2 }.into());
}

#[tokio::test]
async fn a_reader_whose_head_is_not_the_log_s_halts() {
    let scene = Scene::new().await;
    let mut elsewhere = ChainVerifierAt::genesis(&scene);
    let other = elsewhere.append();
    let mut follower = scene.log.follow(other.clone());
    assert_eq!(stays_halted(&mut follower).await, Halted::OtherHistory { number: 1 });

    elsewhere.append();
    let longer = elsewhere.append();
    let mut follower = scene.log.follow(longer);
    assert_eq!(stays_halted(&mut follower).await, Halted::Shorter { last: 2, head: 3 });

    let mut follower = scene.log.follow(Head::genesis(&uuid()));
    assert_eq!(stays_halted(&mut follower).await, Halted::OtherIncarnation);

    let mut follower = scene.log.follow(scene.head.clone());
    let mut writer = Writer::new(&scene.log, scene.key);
    writer.head = scene.head.clone();
    let third = writer.write(1).await;
    assert_eq!(within(follower.next()).await.expect("a good block").hash(), third.hash());
}

/// Another history with the same key and incarnation, as after a rollback.
struct ChainVerifierAt<'a> {
    verifier: egide_eventlog::ChainVerifier,
    key: &'a SigningKey,
}

impl<'a> ChainVerifierAt<'a> {
    fn genesis(scene: &'a Scene) -> Self {
        let verifier = egide_eventlog::ChainVerifier::new(scene.log.genesis(), ring(&[&scene.key]));
        Self { verifier, key: &scene.key }
    }

    fn append(&mut self) -> Head {
        let head = self.verifier.head().clone();
        let sealed = SealedBlock::seal(&head, NOW_MS, &uuid(), vec![commit(1)], self.key);
        let raw = RawBlock { sequence: sealed.number(), foreign_header: None, bytes: sealed.bytes().clone() };
        self.verifier.verify(&raw).unwrap();
        self.verifier.head().clone()
    }
}

/// A log of five blocks of which one lost a bit on the server's disk while the server was down, and a writer that knows
/// it.
async fn with_a_flipped_bit(number: u64, stop: fn(&mut Server)) -> (Server, EventLog, Writer) {
    let mut server = Server::start();
    let (key, document) = SigningKey::generate().unwrap();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, SigningKey::from_pkcs8(&document).unwrap());
    writer.write_blocks(5).await;
    let block = log.read(number).await.unwrap().unwrap().bytes;
    stop(&mut server);
    flip_bit_of(&server.messages_of("CASES").join("1.blk"), &block);
    server.start_again();
    let again = server.log(&[&key]).await;
    writer.appender = Appender::new(again.clone(), key, uuid());
    (server, again, writer)
}

#[tokio::test]
async fn a_log_that_a_flipped_bit_cut_short_is_not_continued() {
    let (_server, log, mut writer) = with_a_flipped_bit(3, Server::kill).await;
    assert_eq!(log.last_number().await.unwrap(), 2, "the server cuts the log and says nothing");
    let mut follower = log.follow(writer.head.clone());
    assert_eq!(stays_halted(&mut follower).await, Halted::Shorter { last: 2, head: 5 });
    let refused = within(writer.appender.append(&writer.head, NOW_MS, vec![commit(1)])).await;
    assert!(matches!(refused, Err(AppendError::Shorter { last: 2, head: 5 })), "{refused:?}");
}

#[tokio::test]
async fn a_log_with_a_flipped_bit_in_the_middle_is_not_read_over() {
    let (_server, log, _) = with_a_flipped_bit(3, Server::stop).await;
    assert_eq!(log.last_number().await.unwrap(), 5, "the server skips the block and says nothing");
    let mut follower = log.follow(log.genesis());
    let mut good = 0;
    while good < 2 {
        good += within(follower.next_batch(64)).await.expect("good blocks").len();
    }
    assert_eq!(good, 2);
    assert_eq!(stays_halted(&mut follower).await, ChainBroken::Gap { expected: 3, found: 4 }.into());
}

#[tokio::test]
async fn a_log_with_a_flipped_bit_at_the_end_is_not_taken_for_a_shorter_one() {
    let (_server, log, mut writer) = with_a_flipped_bit(5, Server::stop).await;
    let mut follower = log.follow(log.genesis());
    for number in 1..=4 {
        assert_eq!(within(follower.next()).await.expect("a good block").number(), number);
    }
    assert_eq!(stays_halted(&mut follower).await, Halted::Hole { last: 5, number: 5 });
    writer.head = follower.head().clone();
    let refused = within(writer.appender.append(&writer.head, NOW_MS, vec![commit(1)])).await;
    assert!(matches!(refused, Err(AppendError::Hole { last: 5, number: 5 })), "{refused:?}");
}

/// Flips one bit in the middle of `message`, where it stands in the file.
fn flip_bit_of(path: &std::path::Path, message: &[u8]) {
    let mut file = std::fs::read(path).unwrap();
    let at = file.windows(message.len()).position(|window| window == message).expect("the message on disk");
    *file.get_mut(at + message.len() / 2).unwrap() ^= 1;
    std::fs::write(path, file).unwrap();
}
