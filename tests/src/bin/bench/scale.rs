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
use egide_tests::processes::{Installation, Plan};
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
/// What a role says when it takes calls.
const LISTENING: &str = "listening";
/// When everything was recorded: 2026-11-22T00:00:00Z, and a millisecond later with every block.
const FROM_MS: i64 = 1_795_305_600_000;

/// The figures of one role in one log.
#[derive(Debug, Serialize)]
struct Figure {
    role: &'static str,
    cases: usize,
    /// Seconds from the start of the process until it takes calls, without a projection.
    build_s: f64,
    /// The same with the projection it left behind.
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
    let (build_s, built_mib) = start(installation, role, cases).await;
    installation.role(role).end_and_keep_down().await;
    let (start_s, started_mib) = start(installation, role, cases).await;
    let projection_mib = mib(size(&folder));
    Figure { role: role.name(), cases, build_s, start_s, built_mib, started_mib, projection_mib }
}

/// Starts a role that is down. Seconds until it takes calls, and its memory then.
async fn start(installation: &Installation, role: Role, cases: usize) -> (f64, f64) {
    let process = installation.role(role);
    let said = || process.log().matches(LISTENING).count();
    let before = said();
    process.let_up();
    let what = format!("{} starts", role.name());
    wait_until(&what, BUILT_WITHIN, async || process.pid().is_some()).await;
    let began = Instant::now();
    // It listens when it has read the log; where it does so before, its metrics would have to be asked.
    wait_until(&what, BUILT_WITHIN, async || said() > before).await;
    let seconds = began.elapsed().as_secs_f64();
    assert!(cases > 0, "there is something to read");
    (seconds, mib(memory(process.pid().expect("it runs"))))
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
    entries.map(|entry| if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().map_or(0, |m| m.len()) }).sum()
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
        let key = fs::read(installation.signing_key(Role::Ledger)).expect("the ledger's key");
        let key = SigningKey::from_pkcs8(&key).expect("a signing key");
        let log = installation.event_log_to_append().await;
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
            let AppendOutcome::Accepted(block) = outcome else { panic!("nobody else writes") };
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
