//! The bucket of keys on a real server: one winner, and erasing that erases.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::path::Path;

use bytes::Bytes;
use egide_eventlog::{Bucket, BucketConfig, BucketError, Creation, KeyBucket, Update};
use support::{Server, within};

async fn bucket(server: &Server) -> KeyBucket {
    KeyBucket::open(server.connect().await, &BucketConfig { create: true, replicas: 1 }).await.unwrap()
}

fn wrapped(number: usize) -> Bytes {
    format!("wrapped-key-{number:032}-of-nobody").into()
}

#[tokio::test]
async fn a_key_is_created_once_and_read_by_everybody() {
    let server = Server::start();
    let (one, other) = (bucket(&server).await, bucket(&server).await);
    assert_eq!(one.get("case.a").await.unwrap(), None);
    assert_eq!(one.create_if_absent("case.a", wrapped(1)).await.unwrap(), Creation::Created);
    assert_eq!(other.create_if_absent("case.a", wrapped(2)).await.unwrap(), Creation::Existing(wrapped(1)));
    assert_eq!(other.get("case.a").await.unwrap(), Some(wrapped(1)));
    assert_eq!(other.get("case.b").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_create_a_key_at_once_one_wins_and_all_know_it() {
    let server = Server::start();
    for round in 0..20 {
        let mut racers = Vec::new();
        for number in 0..8 {
            let bucket = bucket(&server).await;
            let key = format!("case.{round}");
            racers.push(tokio::spawn(async move {
                (number, bucket.create_if_absent(&key, wrapped(number)).await.unwrap())
            }));
        }
        let (mut winners, mut seen) = (Vec::new(), Vec::new());
        for racer in racers {
            match within(racer).await.unwrap() {
                (number, Creation::Created) => winners.push(wrapped(number)),
                (_, Creation::Existing(bytes)) => seen.push(bytes),
                (_, Creation::Erased) => panic!("nobody erases"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(seen, vec![winners[0].clone(); 7], "round {round}");
        assert_eq!(bucket(&server).await.get(&format!("case.{round}")).await.unwrap(), Some(winners[0].clone()));
    }
}

#[tokio::test]
async fn a_key_survives_a_server_that_is_killed() {
    let mut server = Server::start();
    bucket(&server).await.create_if_absent("case.a", wrapped(1)).await.unwrap();
    server.kill();
    server.start_again();
    assert_eq!(bucket(&server).await.get("case.a").await.unwrap(), Some(wrapped(1)));
}

#[tokio::test]
async fn an_erased_key_is_gone_from_disk_and_never_comes_back() {
    let mut server = Server::start();
    let keys = bucket(&server).await;
    for number in 0..3 {
        keys.create_if_absent(&format!("case.{number}"), wrapped(number)).await.unwrap();
    }
    assert!(keys.delete("case.1").await.unwrap());
    assert!(!keys.delete("case.1").await.unwrap(), "erasing again is harmless");
    assert_eq!(keys.get("case.1").await.unwrap(), None);
    assert_eq!(keys.create_if_absent("case.1", wrapped(9)).await.unwrap(), Creation::Erased);
    assert_eq!(keys.get("case.1").await.unwrap(), None);

    server.stop();
    assert!(on_disk(&server.store(), &wrapped(0)), "this search would find what is there");
    assert!(!on_disk(&server.store(), &wrapped(1)));
    assert!(on_disk(&server.store(), &wrapped(2)));
    server.start_again();
    let keys = bucket(&server).await;
    assert_eq!(keys.create_if_absent("case.1", wrapped(9)).await.unwrap(), Creation::Erased);
    assert_eq!(keys.get("case.2").await.unwrap(), Some(wrapped(2)));
}

fn on_disk(directory: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return on_disk(&path, bytes);
        }
        std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}

#[tokio::test]
async fn a_key_that_never_was_can_be_erased_beforehand() {
    let server = Server::start();
    let keys = bucket(&server).await;
    assert!(!keys.delete("case.a").await.unwrap());
    assert_eq!(keys.create_if_absent("case.a", wrapped(1)).await.unwrap(), Creation::Erased);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_erased_while_others_create_it_stays_erased() {
    let server = Server::start();
    for round in 0..10 {
        let key = format!("case.{round}");
        let (eraser, creator) = (bucket(&server).await, bucket(&server).await);
        let (erased, created) = (key.clone(), key.clone());
        let erasing = tokio::spawn(async move { eraser.delete(&erased).await });
        let creating = tokio::spawn(async move { creator.create_if_absent(&created, wrapped(1)).await });
        within(erasing).await.unwrap().unwrap();
        within(creating).await.unwrap().unwrap();
        assert_eq!(bucket(&server).await.get(&key).await.unwrap(), None, "round {round}");
    }
}

#[tokio::test]
async fn names_and_entries_that_do_not_fit_are_refused_without_being_repeated() {
    let server = Server::start();
    let keys = bucket(&server).await;
    for key in ["", "a b", "a.", ".a", "a..b", "*", "a.>", "é", "a\r\nb", &"x".repeat(201)] {
        let refused = keys.create_if_absent(key, wrapped(1)).await.expect_err("a key that is none");
        assert!(matches!(refused, BucketError::Key), "{refused}");
        assert!(key.len() < 2 || !refused.to_string().contains(key));
    }
    let refused = keys.create_if_absent("a", vec![0; 4_097].into()).await;
    assert!(matches!(refused, Err(BucketError::TooLarge(4_097))), "{refused:?}");
    assert_eq!(keys.create_if_absent("a", vec![0; 4_096].into()).await.unwrap(), Creation::Created);
}

#[tokio::test]
async fn an_entry_is_replaced_where_it_stands_or_not_at_all() {
    let server = Server::start();
    let (one, other) = (bucket(&server).await, bucket(&server).await);
    one.create_if_absent("case.a", wrapped(1)).await.unwrap();
    let entry = other.entry_of("case.a").await.unwrap().unwrap();
    assert_eq!(one.update("case.a", wrapped(2), entry.sequence).await.unwrap(), Update::Updated);
    assert_eq!(other.update("case.a", wrapped(3), entry.sequence).await.unwrap(), Update::Moved);
    assert_eq!(one.get("case.a").await.unwrap(), Some(wrapped(2)));
    assert_eq!(one.update("case.b", wrapped(3), 7).await.unwrap(), Update::Moved, "what never was is not made so");
    assert_eq!(one.create_if_absent("case.b", wrapped(4)).await.unwrap(), Creation::Created);
}

#[tokio::test]
async fn an_erased_entry_never_comes_back_by_being_replaced() {
    let server = Server::start();
    let bucket = bucket(&server).await;
    bucket.create_if_absent("case.a", wrapped(1)).await.unwrap();
    let entry = bucket.entry_of("case.a").await.unwrap().unwrap();
    bucket.delete("case.a").await.unwrap();
    assert_eq!(bucket.update("case.a", wrapped(2), entry.sequence).await.unwrap(), Update::Moved);
    let mark = bucket.entry_of("case.a").await.unwrap().unwrap();
    assert_eq!(mark.bytes, None);
    // Nor is what was replaced before it was erased.
    bucket.create_if_absent("case.b", wrapped(1)).await.unwrap();
    let first = bucket.entry_of("case.b").await.unwrap().unwrap();
    bucket.update("case.b", wrapped(2), first.sequence).await.unwrap();
    assert!(bucket.delete("case.b").await.unwrap());
    assert_eq!(bucket.get("case.b").await.unwrap(), None);
    assert_eq!(bucket.create_if_absent("case.b", wrapped(3)).await.unwrap(), Creation::Erased);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_replacing_and_erasing_at_once_erasing_wins() {
    let server = Server::start();
    let bucket = bucket(&server).await;
    for round in 0..30 {
        let key = format!("case.{round}");
        bucket.create_if_absent(&key, wrapped(0)).await.unwrap();
        let replacing = tokio::spawn({
            let (bucket, key) = (bucket.clone(), key.clone());
            async move {
                for number in 1..6 {
                    let Some(entry) = bucket.entry_of(&key).await.unwrap() else { continue };
                    if entry.bytes.is_some() {
                        bucket.update(&key, wrapped(number), entry.sequence).await.unwrap();
                    }
                }
            }
        });
        within(bucket.delete(&key)).await.unwrap();
        within(replacing).await.unwrap();
        assert_eq!(bucket.get(&key).await.unwrap(), None, "round {round}");
    }
}

#[tokio::test]
async fn all_entries_are_gone_through_in_their_order_with_the_marks_of_erased_ones() {
    let server = Server::start();
    let bucket = bucket(&server).await;
    for key in ["subject.a.1", "subject.a.2", "subject.b.1", "case.a"] {
        bucket.create_if_absent(key, wrapped(1)).await.unwrap();
    }
    bucket.delete("subject.a.1").await.unwrap();
    let last = bucket.last_sequence().await.unwrap();
    let through = async |pattern: &str| {
        let (mut found, mut at) = (Vec::new(), 1);
        while let Some(entry) = bucket.next(pattern, at).await.unwrap() {
            at = entry.sequence + 1;
            found.push((entry.key, entry.bytes.is_some()));
        }
        assert!(at <= last + 1);
        found
    };
    let all = [("subject.a.2", true), ("subject.b.1", true), ("case.a", true), ("subject.a.1", false)];
    assert_eq!(through(">").await, all.map(|(key, is)| (key.to_owned(), is)));
    let some = [("subject.a.2", true), ("subject.a.1", false)];
    assert_eq!(through("subject.a.*").await, some.map(|(key, is)| (key.to_owned(), is)));
}

#[tokio::test]
async fn keys_are_listed_by_their_parts_and_the_two_buckets_know_nothing_of_each_other() {
    let server = Server::start();
    let keys = bucket(&server).await;
    let config = BucketConfig { create: true, replicas: 1 };
    let find = Bucket::open_find(server.connect().await, &config).await.unwrap();
    for key in ["aa.one.x", "aa.two.x", "bb.one.x", "bb.one.y", "number.aa"] {
        find.create_if_absent(key, wrapped(1)).await.unwrap();
    }
    let listed = async |pattern: &str| find.list(pattern).await.unwrap().keys;
    assert_eq!(listed("aa.*.*").await, ["aa.one.x", "aa.two.x"]);
    assert_eq!(listed("*.one.*").await, ["aa.one.x", "bb.one.x", "bb.one.y"]);
    assert_eq!(listed("*.one.y").await, ["bb.one.y"]);
    assert_eq!(listed("cc.*.*").await, Vec::<String>::new());
    assert!(find.delete("bb.one.x").await.unwrap());
    assert_eq!(find.get("bb.one.x").await.unwrap(), None);
    assert_eq!(listed("bb.one.*").await, ["bb.one.x", "bb.one.y"], "its mark stays");
    assert_eq!(keys.list("*.*.*").await.unwrap().keys, Vec::<String>::new());
    let all = find.list_from(0).await.unwrap();
    assert_eq!(all.keys, ["aa.one.x", "aa.two.x", "bb.one.x", "bb.one.y", "number.aa"]);
    let rest = find.list_from(3).await.unwrap();
    assert_eq!((rest.keys.as_slice(), rest.more), (&all.keys[3..], false));
    assert!(find.list_from(5).await.unwrap().keys.is_empty());
    for pattern in ["a*.one", "aa.>", "", "aa..x"] {
        assert!(matches!(find.list(pattern).await, Err(BucketError::Key)), "{pattern}");
    }
}
