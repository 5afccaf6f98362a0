//! What was measured, as a table and as JSON: medians of the rounds, and Égide's in multiples of each other system's.

use serde::Serialize;

use crate::load::Error;
use crate::table::{aligned, median};

/// The system that the others are compared with.
const OURS: &str = "egide";

/// What one run of one system gave.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) system: &'static str,
    pub(crate) what: String,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Processor time of the server's processes for one operation, in microseconds.
    pub(crate) server_us: f64,
    /// The same of all clients.
    pub(crate) client_us: f64,
}

/// Medians of the rounds.
#[derive(Debug, Clone, Serialize)]
struct Row {
    what: String,
    system: &'static str,
    rounds: usize,
    per_second: f64,
    per_second_min: f64,
    per_second_max: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    server_us: f64,
    client_us: f64,
    /// Égide's rate in multiples of this system's: the median over rounds, each within its round.
    egide_times: Option<f64>,
}

/// Everything measured so far.
#[derive(Default)]
pub(crate) struct Figures(Vec<Measured>);

impl Figures {
    pub(crate) fn add(&mut self, measured: Measured) {
        self.0.push(measured);
    }

    fn rows(&self) -> Vec<Row> {
        let mut names: Vec<(&str, &str)> = Vec::new();
        for one in &self.0 {
            if !names.contains(&(one.what.as_str(), one.system)) {
                names.push((&one.what, one.system));
            }
        }
        names.sort_by_key(|(what, _)| self.0.iter().position(|one| one.what == *what));
        names.into_iter().map(|(what, system)| self.row(what, system)).collect()
    }

    fn of<'f>(&'f self, what: &'f str, system: &'f str) -> impl Iterator<Item = &'f Measured> {
        self.0.iter().filter(move |one| one.what == what && one.system == system)
    }

    fn row(&self, what: &str, system: &'static str) -> Row {
        let runs: Vec<&Measured> = self.of(what, system).collect();
        let all = |of: fn(&Measured) -> f64| runs.iter().map(|run| of(run)).collect::<Vec<_>>();
        let rates = all(|run| run.per_second);
        let ratios = self.of(what, OURS).zip(&runs).map(|(ours, theirs)| ours.per_second / theirs.per_second);
        Row {
            what: what.to_owned(),
            system,
            rounds: runs.len(),
            per_second: median(rates.clone()).unwrap_or_default(),
            per_second_min: rates.iter().copied().fold(f64::INFINITY, f64::min),
            per_second_max: rates.iter().copied().fold(0.0, f64::max),
            p50_ms: median(all(|run| run.p50_ms)),
            p99_ms: median(all(|run| run.p99_ms)),
            server_us: median(all(|run| run.server_us)).unwrap_or_default(),
            client_us: median(all(|run| run.client_us)).unwrap_or_default(),
            egide_times: if system == OURS { None } else { median(ratios.collect()) },
        }
    }

    /// As an array of objects.
    pub(crate) fn json(&self) -> Result<String, Error> {
        Ok(serde_json::to_string_pretty(&self.rows())? + "\n")
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let heading = ["", "", "per second", "min", "max", "p50 ms", "p99 ms", "server µs", "clients µs", "égide is"];
        let mut rows = vec![heading.map(str::to_owned)];
        for row in self.rows() {
            let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
            rows.push([
                row.what,
                row.system.to_owned(),
                format!("{:.0}", row.per_second),
                format!("{:.0}", row.per_second_min),
                format!("{:.0}", row.per_second_max),
                shown(row.p50_ms),
                shown(row.p99_ms),
                format!("{:.1}", row.server_us),
                format!("{:.1}", row.client_us),
                row.egide_times.map_or_else(String::new, |ratio| format!("{ratio:.2} x")),
            ]);
        }
        aligned(&rows)
    }
}
