//! The races.

use std::sync::atomic::Ordering;
use std::time::Duration;

use egide_testkit::within;
use egide_tests::roles::Role;
use egide_tests::{Plan, World};
use tracing::level_filters::LevelFilter;

use crate::arena::Arena;
use crate::checker::{check, no_key_is_there, walk};

const CASES: usize = 4;
const WRITERS_EACH: u64 = 3;
const READERS_EACH: u64 = 1;

fn rounds(day: usize, night: usize) -> usize {
    let nightly = std::env::var_os("EGIDE_NIGHTLY").is_some_and(|value| !value.is_empty());
    let chosen = std::env::var("EGIDE_SHRED_ROUNDS").ok().map(|text| text.parse().expect("a number of rounds"));
    chosen.unwrap_or(if nightly { night } else { day })
}

/// The same by day, another every night.
fn seed(round: usize) -> u64 {
    let nightly = std::env::var_os("EGIDE_NIGHTLY").is_some_and(|value| !value.is_empty());
    let base = if nightly { u64::from_be_bytes(egide_crypto::random::random_bytes().unwrap()) } else { 20_261_122 };
    println!("seed {base}, round {round}");
    base.wrapping_add(1_000 * u64::try_from(round).unwrap())
}

async fn two_ledgers() -> World {
    let roles = &[Role::Ledger, Role::SecondLedger];
    World::with(Plan { roles, level: LevelFilter::INFO, epochs_apart: true, ..Plan::default() }).await
}

/// What else happens while people write, read and shred.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Also {
    Nothing,
    Rotating,
    Restarting,
}

async fn race(also: Also, rounds: usize) {
    let world = two_ledgers().await;
    let (mut too_late, mut shredded, mut rotations, mut opened) = (0, 0, 0, 0);
    for round in 0..rounds {
        let seed = seed(round);
        let arena = Arena::tell(&world, CASES).await;
        let shredding = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let restarting = async {
                if also == Also::Restarting {
                    arena.restart_second(2).await;
                }
            };
            tokio::join!(arena.shred(seed), restarting);
            // What was sealed just before is still on its way.
            tokio::time::sleep(Duration::from_millis(150)).await;
            arena.end();
        };
        let writing = async {
            let writers = (0..2 * WRITERS_EACH)
                .map(|number| arena.keep_writing(usize::try_from(number % 2).unwrap(), seed + 1 + number));
            futures_util::future::join_all(writers).await;
        };
        let reading = async {
            let readers = (0..2 * READERS_EACH)
                .map(|number| arena.keep_reading(usize::try_from(number % 2).unwrap(), seed + 101 + number));
            futures_util::future::join_all(readers).await;
        };
        let rotating = async {
            if also == Also::Rotating {
                arena.keep_rotating().await;
            }
        };
        within("a round", async { tokio::join!(shredding, writing, reading, rotating) }).await;
        check(&world, &arena).await;
        let tally = &arena.tally;
        assert!(tally.appended.load(Ordering::Relaxed) > 0);
        too_late += tally.too_late.load(Ordering::Relaxed);
        shredded += tally.shredded.load(Ordering::Relaxed);
        rotations += tally.rotations.load(Ordering::Relaxed);
        opened += tally.opened.load(Ordering::Relaxed);
    }
    println!(
        "{rounds} rounds: {shredded} shreds, {too_late} commands came too late, {opened} opened, {rotations} rotations"
    );
    assert!(too_late > 0, "nobody lost a race: this was none");
    assert!(opened > 0 && (also != Also::Rotating || rotations > 0));
    world.stop(|_| ()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shredding_against_appends_and_readers_through_two_ledgers() {
    race(Also::Nothing, rounds(4, 60)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shredding_against_rotations_at_both_ledgers() {
    race(Also::Rotating, rounds(3, 40)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shredding_against_restarts_of_the_second_ledger() {
    race(Also::Restarting, rounds(2, 30)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_bucket_put_back_brings_no_key_back() {
    let world = two_ledgers().await;
    for round in 0..rounds(2, 20) {
        let seed = seed(round);
        let arena = Arena::tell(&world, CASES).await;
        let copy = world.copy_of_keys().await;
        arena.shred(seed).await;
        // The ledgers run on under it: nothing opens there.
        world.put_back_keys(copy).await;
        for ledger in 0..2 {
            for case in &arena.cases {
                within("a ledger to find its way back", async {
                    while arena.look(ledger, case).await.is_err() {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                })
                .await;
            }
        }
        // Started again, they delete what came back before they answer anybody.
        for role in [Role::SecondLedger, Role::Ledger] {
            world.stop_role(role).await;
        }
        world.start_role(Role::Ledger).await;
        let (closed, used) = walk(&world.walk().await);
        no_key_is_there(&world, &closed, &used).await;
        world.start_role(Role::SecondLedger).await;
        check(&world, &arena).await;
    }
    world.stop(|_| ()).await;
}
