//! The walk over the whole log names every thing that is wrong with it, not only the first.

#[path = "support/raw.rs"]
mod raw;
mod support;

use egide_crypto::digest::Digest;
use egide_crypto::sign::{KeyRing, SigningKey};
use egide_eventlog::{Finding, Mark, NamedMark, SIGNATURE_CONTEXT, SealedBlock, Walked, block_hash, verify_log};
use egide_trust::CurrentTrust;
use egide_wire::proto::egide::ledger::v1::{Block, KeyScope, SealedPart, SignedBlock};
use prost::Message as _;
use raw::{publish_raw, raw_client};
use support::{NOW_MS, Server, Writer, commit, ring, uuid};

/// Signs a block whatever it says.
fn signed(block: &Block, key: &SigningKey) -> (SignedBlock, Digest) {
    let block = block.encode_to_vec();
    let hash = block_hash(&block);
    let signature = key.sign(SIGNATURE_CONTEXT, hash.as_bytes()).as_bytes().to_vec();
    (SignedBlock { block, hash: hash.as_bytes().to_vec(), key_id: key.key_id().to_string(), signature }, hash)
}

#[tokio::test]
async fn every_thing_that_is_wrong_is_named_with_its_block() {
    let server = Server::start();
    let (key, document) = SigningKey::generate().unwrap();
    let (stranger, later, ended) = (support::signing_key(), support::signing_key(), support::signing_key());
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, SigningKey::from_pkcs8(&document).unwrap());
    let repeated = commit(1);
    writer.write_commits(vec![repeated.clone()]).await;
    writer.write_blocks(2).await;
    let client = raw_client(&server).await;
    let mut head = (writer.head.number(), writer.head.hash(), writer.head.next_position());
    let mut publish = async |key: &SigningKey, change: &dyn Fn(&mut Block)| {
        let sealed = SealedBlock::seal(&writer.head, NOW_MS, &uuid(), vec![commit(1)], key);
        let mut block = SignedBlock::decode(sealed.bytes().clone())
            .map(|one| Block::decode(one.block.as_slice()))
            .unwrap()
            .unwrap();
        (block.number, block.previous_hash, block.first_position) = (head.0 + 1, head.1.as_bytes().to_vec(), head.2);
        change(&mut block);
        let events: usize = block.commits.iter().map(|commit| commit.events.len()).sum();
        let (signed, hash) = signed(&block, key);
        publish_raw(&client, signed.encode_to_vec().into()).await;
        head = (head.0 + 1, hash, block.first_position + events as u64);
    };
    publish(&stranger, &|_| {}).await; // 4
    publish(&later, &|_| {}).await; // 5
    publish(&ended, &|_| {}).await; // 6
    publish(&key, &|block| block.commits = vec![repeated.clone()]).await; // 7
    publish(&key, &|block| {
        let mut commit = commit(1);
        commit.events[0].revision = 3;
        commit.streams[0].first_revision = 3;
        block.commits = vec![commit];
    })
    .await; // 8
    publish(&key, &|block| {
        let part = SealedPart { scope: KeyScope::Case.into(), key_ids: vec!["case.x".into()], ..SealedPart::default() };
        block.commits[0].events[0].sealed.push(part);
    })
    .await; // 9
    publish(&key, &|block| block.previous_hash[0] ^= 1).await; // 10
    publish(&key, &|block| block.first_position += 5).await; // 11
    publish(&key, &|block| block.recorded_at.as_mut().unwrap().seconds -= 1).await; // 12
    publish(&key, &|block| block.incarnation = uuid()).await; // 13
    publish(&key, &|block| block.commits[0].events[0].area = 99).await; // 14
    let second = log.read(2).await.unwrap().unwrap().bytes;
    publish_raw(&client, second).await; // 15
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Stream", "CASES");
    client.request_with_headers("cases.blocks", headers, "hello".into()).await.unwrap(); // 16

    let mut keys: KeyRing = ring(&[&key]);
    keys.insert(later.public_key(), Some(100), None).unwrap();
    keys.insert(ended.public_key(), None, Some(4)).unwrap();
    let trust = CurrentTrust::from(keys);
    let mark = Mark::of_head(&writer.head, log.incarnation(), &trust.get());
    let other = Mark { hash: Digest::from_bytes([9; 32]), ..mark.clone() };
    let beyond = Mark { block: 99, ..mark.clone() };
    let marks = [("good", mark), ("other", other), ("beyond", beyond)]
        .map(|(name, mark)| NamedMark { name: name.to_owned(), mark });
    let steps = std::sync::Mutex::new(Vec::new());
    let progress = |walked: Walked| steps.lock().unwrap().push((walked.blocks, walked.total));
    let walked = verify_log(&server.connect().await, &trust, &marks, progress).await.unwrap();
    assert_eq!(*steps.lock().unwrap(), [(16, 16)]);
    let told: Vec<String> = walked.findings.iter().map(ToString::to_string).collect();
    let expected = [
        "`other`: block `3` is not the one",
        "the signature of block `4` does not count: key",
        "the signature of block `5` does not count: key",
        "the signature of block `6` does not count: key",
        "block `7` holds command",
        "block `7` goes on with stream",
        "block `8` goes on with stream",
        "what is sealed at position `9` in block `9` is malformed",
        "block `10` does not follow the block before it",
        "block `11` begins at position `16`, not `11`",
        "block `12` was recorded `1000` ms before",
        "message `13` belongs to another incarnation",
        "block `14` is malformed: an event of no known area",
        "message `15` is block `2`",
        "message `16` carries the foreign header `Nats-Stream`",
        "message `16` is no signed block",
        "`beyond`: the log ends at block `16`",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}, not {expected}");
    }
    assert_eq!((walked.blocks, walked.findings_total, walked.end), (16, 17, None));
}

#[tokio::test]
async fn a_good_log_holds_over_many_ranges_and_drift_of_the_stream_is_named() {
    let server = Server::start();
    let (key, document) = SigningKey::generate().unwrap();
    let log = server.log(&[&key]).await;
    let mut writer = Writer::new(&log, SigningKey::from_pkcs8(&document).unwrap());
    writer.write_blocks(1_100).await;
    let trust = CurrentTrust::from(ring(&[&key]));
    let connection = server.connect().await;
    let walked = verify_log(&connection, &trust, &[], |_| {}).await.unwrap();
    assert!(walked.holds(), "{:?}", walked.findings);
    assert_eq!((walked.blocks, walked.events, walked.streams), (1_100, 1_100, 1_100));
    let end = walked.end.unwrap();
    assert_eq!((end.block, end.hash, end.next_position), (1_100, writer.head.hash(), 1_101));

    let client = raw_client(&server).await;
    let jetstream = async_nats::jetstream::new(client);
    let mut stream = jetstream.get_stream("CASES").await.unwrap();
    let mut config = stream.info().await.unwrap().config.clone();
    config.duplicate_window = std::time::Duration::from_secs(1);
    config.max_message_size = 1 << 20;
    jetstream.update_stream(config).await.unwrap();
    let walked = verify_log(&connection, &trust, &[], |_| {}).await.unwrap();
    let drifts: Vec<&str> = walked
        .findings
        .iter()
        .filter_map(|finding| if let Finding::Drift(drift) = finding { Some(drift.field.as_str()) } else { None })
        .collect();
    assert_eq!(drifts, ["duplicate_window", "max_msg_size"], "{:?}", walked.findings);
}
