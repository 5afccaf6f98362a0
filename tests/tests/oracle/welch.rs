//! Whether two kinds of call take the same time, as far as measuring can tell: Welch's t.

use std::time::Duration;

/// From here on a difference counts as seen (the threshold of test vector leakage assessment, ISO/IEC 17825): by chance it is
/// passed once in about 150,000 comparisons.
pub(crate) const T_MAX: f64 = 4.5;

/// Measurements of one kind, summed up as they come; nothing is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Times {
    count: u32,
    mean: f64,
    /// Sum of squared differences from the mean (Welford).
    squares: f64,
    min: f64,
    max: f64,
}

impl Times {
    /// Takes in one more.
    pub(crate) fn add(&mut self, time: Duration) {
        let ms = time.as_secs_f64() * 1e3;
        (self.min, self.max) = if self.count == 0 { (ms, ms) } else { (self.min.min(ms), self.max.max(ms)) };
        self.count += 1;
        let difference = ms - self.mean;
        self.mean += difference / f64::from(self.count);
        self.squares += difference * (ms - self.mean);
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// Their mean, in milliseconds.
    pub(crate) const fn mean(&self) -> f64 {
        self.mean
    }

    /// The shortest, in milliseconds.
    pub(crate) const fn min(&self) -> f64 {
        self.min
    }

    /// The longest, in milliseconds.
    pub(crate) const fn max(&self) -> f64 {
        self.max
    }

    /// Their standard deviation, in milliseconds.
    pub(crate) fn deviation(&self) -> f64 {
        self.variance().sqrt()
    }

    fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.squares / f64::from(self.count - 1) }
    }

    /// The variance of the mean.
    fn of_mean(&self) -> f64 {
        self.variance() / f64::from(self.count)
    }
}

/// Welch's t of two kinds: how many standard errors their means lie apart. Unbounded when they differ and nothing varies.
pub(crate) fn t(one: &Times, other: &Times) -> f64 {
    let apart = (one.mean - other.mean).abs();
    if apart == 0.0 { 0.0 } else { apart / standard_error(one, other) }
}

/// The standard error of the difference of two means, in milliseconds.
pub(crate) fn standard_error(one: &Times, other: &Times) -> f64 {
    (one.of_mean() + other.of_mean()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(ms: &[u64]) -> Times {
        ms.iter().fold(Times::default(), |mut times, ms| {
            times.add(Duration::from_millis(*ms));
            times
        })
    }

    #[test]
    fn the_sums_are_those_of_the_definition() {
        let times = times(&[2, 4, 4, 4, 5, 5, 7, 9]);
        assert_eq!((times.count(), times.min(), times.max()), (8, 2.0, 9.0));
        assert!((times.mean() - 5.0).abs() < 1e-12);
        assert!((times.deviation() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
    }

    /// Welch's own kind of example, calculated by hand: means 20.5 and 23.5, variances 41/3 and 5.9, of 4 and 6 measurements.
    #[test]
    fn t_is_that_of_the_definition() {
        let one = times(&[16, 19, 23, 24]);
        let other = times(&[20, 22, 23, 24, 25, 27]);
        assert!((one.variance() - 13.666_666_666_666_666).abs() < 1e-9, "{}", one.variance());
        assert!((other.variance() - 5.9).abs() < 1e-9, "{}", other.variance());
        let expected = 3.0 / (13.666_666_666_666_666_f64 / 4.0 + 5.9 / 6.0).sqrt();
        assert!((t(&one, &other) - expected).abs() < 1e-9);
        assert!((t(&other, &one) - expected).abs() < 1e-9, "the order does not matter");
    }

    #[test]
    fn equal_kinds_are_not_apart_and_different_ones_are() {
        assert_eq!(t(&times(&[3, 3, 3]), &times(&[3, 3])), 0.0);
        assert_eq!(t(&times(&[3, 3, 3]), &times(&[4, 4])), f64::INFINITY);
        let (early, late): (Vec<u64>, Vec<u64>) = (0..1000_u64).map(|n| (250 + n % 7, 252 + n % 7)).unzip();
        assert!(t(&times(&early), &times(&late)) > T_MAX);
        let (odd, even): (Vec<u64>, Vec<u64>) = (0..1000_u64).map(|n| (250 + n % 7, 250 + (n + 3) % 7)).unzip();
        assert!(t(&times(&odd), &times(&even)) < T_MAX);
    }
}
