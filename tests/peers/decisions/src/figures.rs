//! What was measured, as a table and as JSON: medians of the rounds, and Égide's rate in multiples of each other one's.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Error;
use crate::table::{aligned, median};

const OURS: &str = "egide";
/// Calls between two looks at the clock, at most.
const BATCH_MAX: u64 = 4_096;

/// Calls a second of processor time: other work on the machine disturbs it less than the time of day.
pub(crate) fn run(at_least: Duration, mut call: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let (mut calls, mut batch) = (0_u64, 1_u64);
    let (began, begin) = (Instant::now(), processor_time());
    while began.elapsed() < at_least {
        for _ in 0..batch {
            call()?;
        }
        calls += batch;
        batch = (batch * 2).min(BATCH_MAX).min(calls);
    }
    let took = match (begin, processor_time()) {
        (Some(begin), Some(end)) => end.saturating_sub(begin),
        _ => began.elapsed(),
    };
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    Ok(calls as f64 / took.as_secs_f64())
}

/// What this thread has used of a processor; `None` where the system does not say.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}

/// What one run of one system gave.
pub(crate) struct Measured {
    pub(crate) what: &'static str,
    pub(crate) system: &'static str,
    pub(crate) per_second: f64,
}

/// Medians of the rounds.
#[derive(Debug, Clone, Serialize)]
struct Row {
    what: &'static str,
    system: &'static str,
    rounds: usize,
    per_second: f64,
    per_second_min: f64,
    per_second_max: f64,
    /// Égide's rate in multiples of this one's: the median over rounds, each within its round.
    egide_times: Option<f64>,
}

/// Everything measured so far.
#[derive(Default)]
pub(crate) struct Figures(Vec<Measured>);

impl Figures {
    pub(crate) fn add(&mut self, measured: impl Iterator<Item = Measured>) {
        self.0.extend(measured);
    }

    fn rows(&self) -> Vec<Row> {
        let mut names: Vec<(&str, &str)> = Vec::new();
        for one in &self.0 {
            if !names.contains(&(one.what, one.system)) {
                names.push((one.what, one.system));
            }
        }
        names.into_iter().map(|(what, system)| self.row(what, system)).collect()
    }

    fn rates(&self, what: &str, system: &str) -> Vec<f64> {
        let of_it = self.0.iter().filter(|one| one.what == what && one.system == system);
        of_it.map(|one| one.per_second).collect()
    }

    fn row(&self, what: &'static str, system: &'static str) -> Row {
        let rates = self.rates(what, system);
        let ratios = self.rates(what, OURS).into_iter().zip(&rates).map(|(ours, theirs)| ours / theirs).collect();
        Row {
            what,
            system,
            rounds: rates.len(),
            per_second: median(rates.clone()).unwrap_or_default(),
            per_second_min: rates.iter().copied().fold(f64::INFINITY, f64::min),
            per_second_max: rates.iter().copied().fold(0.0, f64::max),
            egide_times: if system == OURS { None } else { median(ratios) },
        }
    }

    /// As an array of objects.
    pub(crate) fn json(&self) -> Result<String, Error> {
        Ok(serde_json::to_string_pretty(&self.rows())? + "\n")
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let heading = ["decisions", "", "per second", "min", "max", "µs each", "égide is"];
        let mut rows = vec![heading.map(str::to_owned)];
        for row in self.rows() {
            rows.push([
                row.what.to_owned(),
                row.system.to_owned(),
                format!("{:.0}", row.per_second),
                format!("{:.0}", row.per_second_min),
                format!("{:.0}", row.per_second_max),
                format!("{:.2}", 1e6 / row.per_second),
                row.egide_times.map_or_else(String::new, |ratio| format!("{ratio:.1} x")),
            ]);
        }
        aligned(&rows)
    }
}
