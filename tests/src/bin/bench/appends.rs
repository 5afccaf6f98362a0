//! Durable appends over gRPC, beside the same number of messages of the same size published straight to the same server.

use std::time::Instant;

use egide_testkit::fresh_id;
use egide_tests::World;
use egide_tests::case::command;
use egide_tests::events;
use egide_tests::who::{self, Who};
use egide_wire::proto::egide::case::v1::Jurisdiction;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::ledger::v1::AppendRequest;

use crate::figures::{Figures, quantile, sorted};
use crate::{jetstream, say, scaled};

/// Events of one case, so that histories stay as long as those of real cases.
const EVENTS_PER_CASE: usize = 50;

/// Appends in one run, by how many go on at the same time: enough for a second or two.
const fn count(clients: usize) -> usize {
    match clients {
        1 => 2_000,
        2..=8 => 6_000,
        _ => 12_000,
    }
}

/// Measures one run.
pub(crate) async fn measure(world: &World, clients: usize, figures: &mut Figures) {
    let share = scaled(count(clients)) / clients + 1;
    let mut commands = Vec::new();
    for number in 0..clients {
        commands.push((client(number), prepare(world, share).await));
    }
    let began = Instant::now();
    let took = futures_util::future::join_all(commands.into_iter().map(|(who, commands)| append(world, who, commands)));
    let took = took.await.concat();
    let seconds = began.elapsed().as_secs_f64();

    let bytes = block_bytes(world).await;
    say(&format!("a block with one event has {bytes} bytes"));
    let (bare_seconds, bare) = jetstream::publish(world, clients, share * clients, bytes).await;
    let per_second = |took: &[f64], seconds: f64| events_per_second(took.len(), seconds);
    let at_a_time = if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") };
    figures.add(
        &format!("durable appends, {at_a_time}"),
        "1/s",
        per_second(&took, seconds),
        &format!("bare publishes of the same size, {at_a_time}"),
        per_second(&bare, bare_seconds),
    );
    let (took, bare) = (sorted(&took), sorted(&bare));
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        figures.add(
            &format!("append {name}, {at_a_time}"),
            "ms",
            quantile(&took, part),
            &format!("bare publish {name}, {at_a_time}"),
            quantile(&bare, part),
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) fn events_per_second(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// A responder of one's own, so that each has a connection of its own.
fn client(number: usize) -> Who {
    who::staff("telephony-desk", &format!("responder.{number}"), &["responder"])
}

/// Commands of one event each, with something to seal, on cases that are open.
async fn prepare(world: &World, count: usize) -> Vec<AppendRequest> {
    let mut commands = Vec::with_capacity(count);
    while commands.len() < count {
        let case = world.case().victim().triaged().open().await;
        let left = EVENTS_PER_CASE.min(count - commands.len());
        commands.extend((0..left).map(|_| command(&case.id, vec![event(&case.victim)])));
    }
    commands
}

fn event(victim: &str) -> Payload {
    events::whereabouts(victim, Jurisdiction::Bc, "17 Lanternfish Way, second floor, the door on the left")
}

/// Sends them one after another. Milliseconds of each.
async fn append(world: &World, who: Who, commands: Vec<AppendRequest>) -> Vec<f64> {
    let mut ledger = world.ledger(&who);
    let mut took = Vec::with_capacity(commands.len());
    for command in commands {
        let began = Instant::now();
        ledger.append(command).await.expect("it is appended");
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    took
}

/// Bytes of a block that holds one such command and nothing else.
async fn block_bytes(world: &World) -> usize {
    let case = world.case().victim().triaged().open().await;
    let request = AppendRequest { command_id: fresh_id(), ..command(&case.id, vec![event(&case.victim)]) };
    let answer = world.append(&who::responder(), request).await.expect("it is appended");
    let number = answer.acknowledgement.expect("an acknowledgement").block_number;
    let block = world.event_log().read(number).await.expect("the log answers").expect("the block is there");
    block.bytes.len()
}
