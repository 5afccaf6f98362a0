//! What the suites share: a seed, a system under load, rounds, and the look at everything afterwards.

use std::time::Duration;

use egide_servicekit::clock;
use egide_tests::generate::Dice;
use egide_tests::history::{self, Found, notes};
use egide_tests::processes::{Installation, Plan};
use egide_tests::workload::{Gone, Owed, Probe, Workload};

/// Clients at work during faults.
pub(crate) const CLIENTS: usize = 8;
/// How long what is owed may be answered: long enough to be decided, and over while faults go on.
const ORDER_LIFE: Duration = Duration::from_secs(6);
/// How long the clock may take, after the last fault, to have noted all that fell due meanwhile.
const NOTED_WITHIN: Duration = Duration::from_secs(60);
/// By day the seed is this one: what one change breaks must not be found by the next.
const SEED_BY_DAY: u64 = 20_261_122;

/// Whether this is the long run.
pub(crate) fn nightly() -> bool {
    std::env::var_os("EGIDE_NIGHTLY").is_some_and(|value| !value.is_empty())
}

/// So many by day, so many by night, or what the environment says.
pub(crate) fn rounds(by_day: usize, by_night: usize) -> usize {
    match std::env::var("EGIDE_FAULTS_ROUNDS") {
        Ok(text) => text.parse().expect("EGIDE_FAULTS_ROUNDS is a number"),
        Err(_) if nightly() => by_night,
        Err(_) => by_day,
    }
}

fn seed() -> u64 {
    match std::env::var("EGIDE_FAULTS_SEED") {
        Ok(text) => text.parse().expect("EGIDE_FAULTS_SEED is a number"),
        Err(_) if nightly() => u64::try_from(clock::now_s()).unwrap(),
        Err(_) => SEED_BY_DAY,
    }
}

/// A system under load and under faults.
pub(crate) struct Suite {
    name: &'static str,
    /// What happens next, from the seed.
    pub(crate) dice: Dice,
    /// The clients, and the system.
    pub(crate) load: Workload,
    probe: Probe,
    slowest: Duration,
    /// What falls due by the clock alone.
    owed: Vec<Owed>,
}

impl Suite {
    pub(crate) async fn start(name: &'static str, plan: Plan) -> Self {
        let seed = seed();
        println!("{name}: EGIDE_FAULTS_SEED={seed}");
        let load = Workload::start(Installation::start(plan).await, seed, CLIENTS).await;
        let probe = Probe::new(load.shared()).await;
        Self { name, dice: Dice::new(seed), load, probe, slowest: Duration::ZERO, owed: Vec::new() }
    }

    pub(crate) fn system(&self) -> &Installation {
        self.load.installation()
    }

    /// A pause, from the seed: clients do their work meanwhile.
    pub(crate) async fn some_time(&mut self, from_ms: usize, to_ms: usize) {
        let pause = from_ms + self.dice.below(to_ms - from_ms);
        tokio::time::sleep(Duration::from_millis(u64::try_from(pause).unwrap())).await;
    }

    /// Something that falls due soon, by the clock alone, unless the faults are faster.
    pub(crate) async fn owe(&mut self) {
        match Owed::after(self.load.shared(), ORDER_LIFE).await {
            Ok(owed) => self.owed.extend(owed),
            Err(Gone::Refused(status)) => panic!("{}: nothing can be owed: {status:?}", self.name),
            Err(Gone::GivenUp) => panic!("{}: nothing can be owed: nothing certain", self.name),
        }
    }

    /// All that fell due was noted as overdue; that it was noted once is checked with everything else.
    async fn must_be_noted(&self) {
        let missing = async || {
            let overdue = notes(&self.system().walk().await).expect("each note once");
            let noted = |owed: &&Owed| !overdue.contains(&(owed.decision_id.clone(), owed.kind));
            self.owed.iter().filter(noted).cloned().collect::<Vec<_>>()
        };
        let end = tokio::time::Instant::now() + ORDER_LIFE + NOTED_WITHIN;
        loop {
            let missing = missing().await;
            if missing.is_empty() {
                return;
            }
            let told = self.told();
            assert!(tokio::time::Instant::now() < end, "{}: never noted: {missing:?}\n{told}", self.name);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Every service answers again, and has read all there is.
    pub(crate) async fn must_be_whole(&mut self, after: &str) {
        match self.probe.whole(self.load.shared()).await {
            Ok(took) => self.slowest = self.slowest.max(took),
            Err(error) => panic!("{}: after {after}: {error}\n{}", self.name, self.told()),
        }
    }

    /// What clients were told up to now stands in the log as it is now.
    pub(crate) async fn must_be_right(&self, after: &str) -> Found {
        let memory = self.load.shared().memory().clone();
        let log = self.system().walk().await;
        history::check(&log, &memory).unwrap_or_else(|error| panic!("{}: after {after}: {error}", self.name))
    }

    /// Ends the load and looks at everything.
    pub(crate) async fn finish(mut self) -> Found {
        self.system().links().heal();
        self.must_be_whole("the last fault").await;
        self.must_be_noted().await;
        let owed = self.owed.len();
        let (name, told, slowest) = (self.name, self.told(), self.slowest);
        let (installation, memory, tally) = self.load.stop().await;
        let log = installation.walk().await;
        let found = history::check(&log, &memory).unwrap_or_else(|error| panic!("{name}: {error}\n{told}"));
        for process in installation.processes() {
            let log = process.log();
            let panicked: Vec<&str> = log.lines().filter(|line| line.contains("panic")).collect();
            assert!(panicked.is_empty(), "{name}: {} panicked: {panicked:#?}", process.name());
            // A role may end while it starts, when NATS does not answer; once it runs, it gets over that by itself.
            let ended: Vec<&str> = log.lines().filter(|line| line.starts_with("error: ")).collect();
            let (starting, running): (Vec<&str>, Vec<&str>) =
                ended.iter().partition(|line| line.contains("could not be started"));
            let unordered = process.exits().iter().filter(|exit| !exit.ordered).count();
            assert!(
                running.is_empty() && unordered <= starting.len(),
                "{name}: {} ended by itself {unordered} times: {running:#?}\n{told}",
                process.name()
            );
        }
        println!("{name}: {found:?}, {owed} fell due, whole again after {slowest:?} at most\n{tally:?}");
        installation.stop().await;
        found
    }

    /// How processes fared, for whoever has to find out what happened.
    fn told(&self) -> String {
        let mut told = String::new();
        for process in self.system().processes() {
            let log = process.log();
            let mut last: Vec<&str> = log.lines().rev().take(12).collect();
            last.reverse();
            told += &format!(
                "{}: {} starts, not ordered: {:?}\n  {}\n",
                process.name(),
                process.starts(),
                process.exits().iter().filter(|exit| !exit.ordered).collect::<Vec<_>>(),
                last.join("\n  ")
            );
        }
        told
    }
}
