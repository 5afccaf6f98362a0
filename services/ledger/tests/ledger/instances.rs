//! Two ledgers side by side: one order, nothing doubled, nothing lost.

use std::collections::{BTreeMap, BTreeSet};

use egide_crypto::sign::SigningKey;
use egide_crypto::wrap::KeyEncryptionKey;
use egide_ledger::Config;
use egide_servicekit::clock;
use egide_testkit::{fresh_id, within};
use egide_wire::proto::egide::case::v1::PersonRole;
use egide_wire::proto::egide::ledger::v1::{NewEvent, ReadCaseRequest};
use tonic::Code;

use crate::house::*;

const CASES: usize = 5;
const COMMANDS: usize = 500;
const CLIENTS: usize = 10;

/// Appends at the revision it last saw until it is accepted, as whoever decides on a state does.
async fn append_decided(client: &mut Client, case: &str) -> u64 {
    loop {
        // Up to where all cases are open: what this ledger has not seen yet, it cannot read.
        let min_position = u64::try_from(CASES).unwrap();
        let request = ReadCaseRequest {
            case_id: case.to_owned(),
            from_revision: u64::MAX,
            min_position,
            ..ReadCaseRequest::default()
        };
        let revision = client.read_case(request).await.unwrap().into_inner().revision;
        let request = expecting(command(vec![described(case)]), case, revision);
        match append(client, &request).await {
            Ok(answer) => return answer.acknowledgement.unwrap().events[0].revision,
            Err(status) => assert_eq!(status.code(), Code::Aborted, "{status}"),
        }
    }
}

fn described(case: &str) -> NewEvent {
    identified(case, &fresh_id(), PersonRole::ThirdParty, "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_ledgers_write_the_same_cases_in_one_order() {
    let mut house = House::new().await;
    let urls = [house.start("one", clock::now).await, house.start("two", clock::now).await];
    let mut desk = house.service(&urls[0], "telephony-desk");
    let mut cases = Vec::new();
    for _ in 0..CASES {
        cases.push(open_case(&mut desk).await);
    }
    let cases: &'static [String] = Vec::leak(cases);
    let calls: Vec<_> = (0..CLIENTS)
        .map(|number| {
            // Facts are read by the service alone, so that no look is recorded.
            let mut client = house.service(&urls[number % 2], "telephony-desk");
            tokio::spawn(async move {
                let mut written = Vec::new();
                for round in 0..COMMANDS / CLIENTS {
                    let case = &cases[(number + round) % CASES];
                    let revision = if round % 5 == 0 {
                        append_decided(&mut client, case).await
                    } else {
                        acknowledged(&mut client, vec![described(case)]).await.events[0].revision
                    };
                    written.push((case.clone(), revision));
                }
                written
            })
        })
        .collect();
    let mut acknowledged_revisions: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for call in calls {
        for (case, revision) in within("a client to finish", call).await.unwrap() {
            assert!(acknowledged_revisions.entry(case).or_default().insert(revision), "one revision was given twice");
        }
    }
    let mut events = BTreeMap::new();
    let (mut writers, mut commands) = (BTreeSet::new(), BTreeSet::new());
    for block in house.log().await {
        writers.insert(block.block().instance_id.clone());
        for (_, commit, event) in block.events() {
            commands.insert(commit.command_id.clone());
            let next = events.entry(event.stream_id.clone()).or_insert(0_u64);
            *next += 1;
            assert_eq!(event.revision, *next, "revisions have no gap");
        }
    }
    assert_eq!(writers.len(), 2, "both wrote");
    assert_eq!(commands.len(), CASES + COMMANDS);
    assert_eq!(acknowledged_revisions.values().map(BTreeSet::len).sum::<usize>(), COMMANDS);
    for url in &urls {
        let mut reader = house.service(url, "telephony-desk");
        for (case, revision) in &events {
            let min_position = u64::try_from(CASES + COMMANDS).unwrap();
            let request = ReadCaseRequest { case_id: case.clone(), page_size: 500, min_position, ..Default::default() };
            let answer = reader.read_case(request).await.unwrap().into_inner();
            assert_eq!((answer.revision, u64::try_from(answer.events.len()).unwrap()), (*revision, *revision));
        }
    }
    house.world.stop().await;
}

#[tokio::test]
async fn what_one_ledger_acknowledged_counts_at_once_at_the_other() {
    let mut house = House::new().await;
    let urls = [house.start("one", clock::now).await, house.start("two", clock::now).await];
    let (mut one, mut two) = (house.responder(&urls[0]), house.responder(&urls[1]));
    for _ in 0..20 {
        let case = fresh_id();
        let open = command(vec![opened(&case)]);
        let first = append(&mut one, &open).await.unwrap();
        // Were the other judged on what it has seen so far, the case would not be open, and the command new.
        acknowledged(&mut two, vec![triaged(&case)]).await;
        let again = append(&mut two, &open).await.unwrap();
        assert_eq!((again.repeated_command, again.acknowledgement), (true, first.acknowledgement));
    }
    house.world.stop().await;
}

#[tokio::test]
async fn ledgers_with_keys_of_their_own_write_one_log_if_the_ring_holds_both() {
    let mut house = House::new().await;
    let document = house.another_key();
    let one = house.start("one", clock::now).await;
    let two = Config { signing_key: document, ..house.config("two", clock::now) };
    let two = house.start_with(two).await;
    let case = open_case(&mut house.responder(&one)).await;
    let mut key_ids = BTreeSet::new();
    for url in [&two, &one, &two] {
        key_ids.insert(acknowledged(&mut house.responder(url), vec![triaged(&case)]).await.key_id);
    }
    assert_eq!(key_ids.len(), 2);
    let signed: BTreeSet<_> = house.log().await.iter().map(|block| block.key_id().to_string()).collect();
    assert_eq!(signed, key_ids);
    house.world.stop().await;
}

#[tokio::test]
async fn a_ledger_whose_key_is_not_in_the_ring_does_not_start() {
    let house = House::new().await;
    let (_, document) = SigningKey::generate().unwrap();
    let config = Config { signing_key: document, ..house.config("ledger", clock::now) };
    let error = egide_ledger::start(config, house.world.shutdown()).await.unwrap_err();
    assert!(matches!(error, egide_ledger::Error::NotInRing(_)), "{error}");
    house.world.stop().await;
}

#[tokio::test]
async fn a_ledger_with_another_key_encryption_key_does_not_start() {
    let (mut house, _) = House::with_ledger().await;
    house.stop_ledger().await;
    let key_encryption_keys = KeyEncryptionKey::generate("test".parse().unwrap()).unwrap().into();
    let config = Config { key_encryption_keys, ..house.config("ledger", clock::now) };
    let error = egide_ledger::start(config, house.world.shutdown()).await.unwrap_err();
    assert!(matches!(error, egide_ledger::Error::Vault(_)), "{error}");
    house.world.stop().await;
}
