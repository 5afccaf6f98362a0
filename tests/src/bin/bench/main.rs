//! What it costs: durable appends, disclosures, rebuilding and walking the log, each beside the bare thing below it in the same run.
//!
//! *In scope*: figures on the machine it runs on, with one `nats-server` that flushes before it acknowledges, every role and
//! every client in one process. *Out of scope*: clusters, and figures of other systems (`tests/peers`).
//!
//! Prints a table, and writes `summary.json` into the folder given as the argument. `EGIDE_BENCH_PERCENT` makes everything
//! smaller (100 when absent); `EGIDE_BENCH_ROWS` names what is measured, with commas (all of it when absent).
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise, and its output is a table"
)]

mod appends;
mod cryptography;
mod disclosures;
mod emergency;
mod figures;
mod history;
mod jetstream;
mod pages;
mod rebuild;
mod scale;
mod walk;

use std::path::{Path, PathBuf};

use egide_tests::world::ONE_OF_EACH;
use egide_tests::{Plan, World};
use tracing::level_filters::LevelFilter;

use crate::figures::Figures;

/// The allocator of `egide`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Each figure is the median of so many runs.
const RUNS: usize = 3;
/// Clients that append at the same time.
const CLIENTS: [usize; 3] = [1, 8, 64];

/// How large everything is, in percent.
fn percent() -> usize {
    std::env::var("EGIDE_BENCH_PERCENT")
        .map_or(100, |text| text.parse().expect("EGIDE_BENCH_PERCENT is a whole number of percent"))
}

/// So many, or as many as the percentage leaves, and never none.
fn scaled(count: usize) -> usize {
    (count * percent() / 100).max(1)
}

/// What is measured, in this order.
const ROWS: [&str; 8] =
    ["appends", "disclosures", "emergencies", "cryptography", "history", "rebuilding", "walking", "pages"];

/// Whether this is to be measured.
fn wanted(row: &str) -> bool {
    std::env::var("EGIDE_BENCH_ROWS").map_or(true, |text| {
        let unknown = text.split(',').find(|name| !ROWS.contains(name));
        assert!(unknown.is_none(), "EGIDE_BENCH_ROWS names `{}`; there are {}", unknown.unwrap_or(""), ROWS.join(", "));
        text.split(',').any(|name| name == row)
    })
}

fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/bench"), PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if std::env::args_os().nth(2).is_some_and(|argument| argument == "--scale") {
        return write(&folder, "scale.json", &runtime.block_on(scale::measure()));
    }
    let figures = runtime.block_on(measure());
    println!("{}", figures.table());
    write(&folder, "summary.json", &figures.json());
}

async fn measure() -> Figures {
    let plan = Plan { roles: &ONE_OF_EACH, level: LevelFilter::WARN, ..Plan::default() };
    let world = World::with(plan).await;
    let mut figures = Figures::default();
    let say = |run: usize, what: &str| say(&format!("run {run} of {RUNS}: {what}"));
    for run in 1..=RUNS {
        for clients in CLIENTS.into_iter().filter(|_| wanted("appends")) {
            say(run, &format!("appends, {clients} at a time"));
            appends::measure(&world, clients, &mut figures).await;
        }
        if wanted("disclosures") {
            say(run, "disclosures");
            disclosures::measure(&world, &mut figures).await;
        }
        if wanted("emergencies") {
            say(run, "emergencies");
            emergency::measure(&world, &mut figures).await;
        }
        if wanted("cryptography") {
            say(run, "proof, sealing and signing");
            cryptography::measure(&world, &mut figures);
        }
        if wanted("history") {
            say(run, "a whole history");
            history::measure(&mut figures);
        }
    }
    for run in 1..=RUNS {
        if wanted("rebuilding") {
            say(run, "rebuilding");
            rebuild::measure(&world, &mut figures).await;
        }
        if wanted("walking") {
            say(run, "walking");
            walk::measure(&world, &mut figures).await;
        }
    }
    if wanted("pages") {
        // Once: every question is asked many times, and a million disclosures take a while to come about.
        say(1, "pages of the history");
        tokio::task::block_in_place(|| pages::measure(&mut figures));
    }
    world.stop(|_| {}).await;
    figures
}

/// What is under way, on standard error: standard output is the table's.
fn say(what: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "  {what}").ok();
}

fn write(folder: &Path, name: &str, json: &str) {
    std::fs::create_dir_all(folder).expect("a folder for the figures");
    let path = folder.join(name);
    std::fs::write(&path, json).expect("room for the figures");
    println!("written to {}", path.display());
}
