//! Figures: what was measured in each run, and beside what.

use serde::Serialize;

/// One figure as it is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Summary {
    name: String,
    unit: String,
    runs: usize,
    min: f64,
    median: f64,
    max: f64,
    baseline_name: String,
    baseline_median: f64,
    /// The median in multiples of the baseline's.
    ratio: f64,
}

struct Figure {
    name: String,
    unit: &'static str,
    values: Vec<f64>,
    baseline_name: String,
    baseline: Vec<f64>,
}

/// All figures, in the order in which they were first measured.
#[derive(Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds what one run gave, and what the bare thing gave in the same run.
    pub(crate) fn add(&mut self, name: &str, unit: &'static str, value: f64, baseline_name: &str, baseline: f64) {
        let known = |figure: &&mut Figure| figure.name == name && figure.baseline_name == baseline_name;
        match self.0.iter_mut().find(known) {
            Some(figure) => {
                figure.values.push(value);
                figure.baseline.push(baseline);
            }
            None => self.0.push(Figure {
                name: name.to_owned(),
                unit,
                values: vec![value],
                baseline_name: baseline_name.to_owned(),
                baseline: vec![baseline],
            }),
        }
    }

    fn summaries(&self) -> Vec<Summary> {
        let summary = |figure: &Figure| {
            let (values, baseline) = (sorted(&figure.values), sorted(&figure.baseline));
            let (median, baseline_median) = (quantile(&values, 0.5), quantile(&baseline, 0.5));
            Summary {
                name: figure.name.clone(),
                unit: figure.unit.to_owned(),
                runs: values.len(),
                min: rounded(quantile(&values, 0.0)),
                median: rounded(median),
                max: rounded(quantile(&values, 1.0)),
                baseline_name: figure.baseline_name.clone(),
                baseline_median: rounded(baseline_median),
                ratio: rounded(median / baseline_median),
            }
        };
        self.0.iter().map(summary).collect()
    }

    /// As an array of objects.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(&self.summaries()).expect("numbers and texts") + "\n"
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let heading = ["", "median", "min", "max", "unit", "beside", "median", "ratio"].map(str::to_owned);
        let row = |summary: Summary| {
            let [median, min, max, baseline] =
                [summary.median, summary.min, summary.max, summary.baseline_median].map(shown);
            let ratio = format!("{:.2}", summary.ratio);
            [summary.name, median, min, max, summary.unit, summary.baseline_name, baseline, ratio]
        };
        let rows: Vec<[String; 8]> = std::iter::once(heading).chain(self.summaries().into_iter().map(row)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..8).map(width).collect();
        let line = |row: &[String; 8]| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 | 4 | 5 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// In ascending order.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// The value below which this part of them lies; of sorted values, at least one. The nearest there is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index between 0 and the length"
)]
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted[(part * last as f64).round() as usize]
}

/// Four digits are more than the machine gives twice.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

fn shown(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_of_its_runs_beside_the_median_of_the_baselines() {
        let mut figures = Figures::default();
        for (value, baseline) in [(300.0, 100.0), (100.0, 50.0), (200.0, 400.0)] {
            figures.add("appends", "1/s", value, "publishes", baseline);
        }
        let summaries = figures.summaries();
        assert_eq!(summaries.len(), 1);
        let summary = &summaries[0];
        assert_eq!((summary.runs, summary.min, summary.median, summary.max), (3, 100.0, 200.0, 300.0));
        assert_eq!((summary.baseline_median, summary.ratio), (100.0, 2.0));
        let json: serde_json::Value = serde_json::from_str(&figures.json()).unwrap();
        assert_eq!(json[0]["baseline_name"], "publishes");
        assert!(figures.table().contains("appends"));
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = sorted(&[4.0, 1.0, 3.0, 2.0, 5.0]);
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|part| quantile(&values, part)), [1.0, 3.0, 5.0, 5.0]);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
    }

    #[test]
    fn figures_are_written_with_four_digits() {
        assert_eq!([12_345.6, 0.012_345_6, 0.0].map(rounded), [12_350.0, 0.012_35, 0.0]);
    }
}
