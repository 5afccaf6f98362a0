//! What size costs: memory of each role, the time it takes to start with a projection at hand, and the time to build one, in
//! logs of ten thousand, a hundred thousand and a million cases.
//!
//! Every role is a process of its own, as `egide serve` runs it. The cases are made here and not by a ledger: each is one
//! commit of one event, `case.opened`, with facts only, five hundred to a block, sealed and signed by an appender with the
//! ledger's key, so that everybody who reads them verifies them as any other.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use egide_crypto::sign::SigningKey;
use egide_eventlog::{AppendOutcome, Appender, Head};
use egide_testkit::{fresh_id, wait_until};
use egide_tests::Role;
use egide_tests::events;
use egide_tests::processes::{Installation, Plan, Process};
use egide_wire::proto::egide::case::v1::{Actor, CaseEvent, Jurisdiction};
use egide_wire::proto::egide::ledger::v1::{Area, Commit, Event, StreamExtent};
use prost::Message as _;
use serde::Serialize;

use crate::say;

/// How many cases, unless `EGIDE_BENCH_CASES` says otherwise.
const CASES: &str = "10000,100000,1000000";
/// Cases of one block.
const CASES_PER_BLOCK: usize = 500;
/// How long a role may take to read everything.
const BUILT_WITHIN: Duration = Duration::from_secs(600);
/// By when a role's store is on disk, whatever was last written to it.
const FLUSHED_WITHIN: Duration = Duration::from_secs(2);
/// For how long a process does nothing that has nothing more to read, how often that is looked at, and what it may do
/// meanwhile all the same, in hundredths of a second.
const STILL: Duration = Duration::from_secs(2);
const LOOKED_AT_EVERY: Duration = Duration::from_millis(200);
const IDLE_TICKS: u64 = 3;
/// What a role says when it takes calls.
const LISTENING: &str = "listening";
/// When everything was recorded: 2026-11-22T00:00:00Z, and a millisecond later with every block.
const FROM_MS: i64 = 1_795_305_600_000;

/// The figures of one role in one log.
#[derive(Debug, Serialize)]
struct Figure {
    role: &'static str,
    cases: usize,
    /// Seconds from the start of the process until it has read everything, without a projection.
    build_s: f64,
    /// Seconds from the start of the process until it takes calls, with the projection it left behind.
    start_s: f64,
    /// Resident memory after building, and after the start, in MiB.
    built_mib: f64,
    started_mib: f64,
    /// The projection's files, in MiB.
    projection_mib: f64,
}

/// Measures, prints, and returns the figures as JSON.
pub(crate) async fn measure() -> String {
    let text = std::env::var("EGIDE_BENCH_CASES").unwrap_or_else(|_| CASES.to_owned());
    let counts = text.split(',').map(|count| count.trim().parse().expect("EGIDE_BENCH_CASES are whole numbers"));
    let plan = Plan { nodes: 1, ledgers: 1 };
    let installation = Installation::start(plan).await;
    let mut log = Log::new(&installation).await;
    let mut figures = Vec::new();
    for count in counts {
        for role in plan.roles() {
            installation.role(role).keep_down().await;
        }
        say(&format!("making cases up to {count}"));
        log.extend(count).await;
        for role in plan.roles() {
            say(&format!("{} reads {count} cases", role.name()));
            figures.push(role_of(&installation, role, count).await);
        }
    }
    installation.stop().await;
    table(&figures);
    serde_json::to_string_pretty(&figures).expect("numbers and texts") + "\n"
}

async fn role_of(installation: &Installation, role: Role, cases: usize) -> Figure {
    let folder = installation.projections(role);
    fs::remove_dir_all(&folder).ok();
    let process = installation.role(role);
    start(process).await;
    let pid = process.pid().expect("it runs");
    let build_s = read_everything(pid).await;
    let built_mib = mib(memory(pid));
    // Killed, when its store has been flushed: what a crash costs is not what is measured here.
    tokio::time::sleep(FLUSHED_WITHIN).await;
    process.keep_down().await;
    let start_s = start(process).await;
    let started_mib = mib(memory(process.pid().expect("it runs")));
    let projection_mib = mib(size(&folder));
    Figure { role: role.name(), cases, build_s, start_s, built_mib, started_mib, projection_mib }
}

/// Starts a role that is down. Seconds until it takes calls.
async fn start(process: &Process) -> f64 {
    let said = || process.log().matches(LISTENING).count();
    let before = said();
    process.let_up();
    let what = format!("{} starts", process.name());
    wait_until(&what, BUILT_WITHIN, async || process.pid().is_some()).await;
    let began = Instant::now();
    wait_until(&what, BUILT_WITHIN, async || said() > before).await;
    began.elapsed().as_secs_f64()
}

/// Waits until a process that was just started has read everything: some roles take calls before. Nothing is written
/// meanwhile, so it has when its processor time stands still. Seconds from its start.
async fn read_everything(pid: u32) -> f64 {
    let end = Instant::now() + BUILT_WITHIN;
    let (mut busy, mut ticks) = (Instant::now(), cpu_ticks(pid));
    while busy.elapsed() < STILL {
        tokio::time::sleep(LOOKED_AT_EVERY).await;
        let now = cpu_ticks(pid);
        if now > ticks + IDLE_TICKS {
            busy = Instant::now();
        }
        ticks = now;
        assert!(Instant::now() < end, "a role reads the log without end");
    }
    age_s(pid) - busy.elapsed().as_secs_f64()
}

/// Ticks (hundredths of a second) of processor time.
fn cpu_ticks(pid: u32) -> u64 {
    stat(pid).get(11..13).into_iter().flatten().sum()
}

/// Seconds since a process was started.
#[expect(clippy::cast_precision_loss, reason = "ticks of one machine")]
fn age_s(pid: u32) -> f64 {
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let uptime: f64 = uptime.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or_default();
    uptime - stat(pid).get(19).copied().unwrap_or_default() as f64 / 100.0
}

/// The fields of `/proc/<pid>/stat` after the name; what is no number counts as 0.
fn stat(pid: u32) -> Vec<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after = stat.rsplit_once(')').map(|(_, after)| after.to_owned()).unwrap_or_default();
    after.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect()
}

/// Bytes of memory of a process.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// Bytes of all files below a folder.
fn size(folder: &std::path::Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().map_or(0, |m| m.len()) })
        .sum()
}

#[expect(clippy::cast_precision_loss, reason = "bytes of one machine")]
fn mib(bytes: u64) -> f64 {
    (bytes as f64 / 1024.0 / 1024.0 * 10.0).round() / 10.0
}

/// The log, written without a ledger.
struct Log {
    appender: Appender,
    head: Head,
    cases: usize,
}

impl Log {
    async fn new(installation: &Installation) -> Self {
        let key = fs::read(installation.data().join("keys-1/ledger-signing.key")).expect("the ledger's key");
        let key = SigningKey::from_pkcs8(&key).expect("a signing key");
        let log = installation.log_of_ledger().await;
        let head = log.genesis();
        assert_eq!(log.last_number().await.expect("the log answers"), 0, "nothing stands in the log yet");
        Self { appender: Appender::new(log, key, fresh_id()), head, cases: 0 }
    }

    /// Until there are so many cases.
    async fn extend(&mut self, cases: usize) {
        while self.cases < cases {
            let now = CASES_PER_BLOCK.min(cases - self.cases);
            let commits = (0..now).map(|_| opened()).collect();
            let recorded_at_ms = FROM_MS + i64::try_from(self.cases).expect("a count");
            let outcome = self.appender.append(&self.head, recorded_at_ms, commits).await.expect("a block");
            let AppendOutcome::Accepted(block) = outcome else { unreachable!("nobody else writes") };
            self.head = block.head_after().clone();
            self.cases += now;
        }
    }
}

/// A commit that opens a case.
fn opened() -> Commit {
    let case = fresh_id();
    let facts = CaseEvent { payload: Some(events::opened(Jurisdiction::Bc)) }.encode_to_vec();
    let actor = Actor {
        service: "telephony-desk".to_owned(),
        person: "amelie.roy".to_owned(),
        role: "responder".to_owned(),
        ..Actor::default()
    };
    let event = Event {
        event_id: fresh_id(),
        area: Area::Case.into(),
        stream_id: case.clone(),
        kind: "case.opened".to_owned(),
        schema_version: 1,
        revision: 1,
        occurred_at: Some(prost_types::Timestamp { seconds: FROM_MS / 1_000, nanos: 0 }),
        actor: Some(actor),
        facts,
        ..Event::default()
    };
    Commit {
        command_id: fresh_id(),
        emitter: "telephony-desk".to_owned(),
        fingerprint: vec![0; 32],
        streams: vec![StreamExtent { stream_id: case, first_revision: 1, count: 1 }],
        events: vec![event],
    }
}

fn table(figures: &[Figure]) {
    let mut out = std::io::stdout();
    let heading = ["role", "cases", "build s", "start s", "built MiB", "started MiB", "projection MiB", "events/s"];
    let line = |cells: [String; 8]| cells.map(|cell| format!("{cell:>15}")).join("");
    writeln!(out, "{}", line(heading.map(str::to_owned))).ok();
    for figure in figures {
        let Figure { role, cases, build_s, start_s, built_mib, started_mib, projection_mib } = figure;
        let rate = crate::appends::events_per_second(*cases, *build_s);
        let cells = [
            (*role).to_owned(),
            cases.to_string(),
            format!("{build_s:.2}"),
            format!("{start_s:.3}"),
            built_mib.to_string(),
            started_mib.to_string(),
            projection_mib.to_string(),
            format!("{rate:.0}"),
        ];
        writeln!(out, "{}", line(cells)).ok();
    }
}
