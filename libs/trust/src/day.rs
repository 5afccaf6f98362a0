//! A day of the calendar.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A day in UTC, as text `2026-11-22`. All that a report says about when it was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

/// The text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day is written 2026-11-22")]
pub struct ParseDayError;

impl FromStr for Day {
    type Err = ParseDayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut number = |length: usize| {
            let digits =
                parts.next().filter(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()));
            digits.and_then(|digits| digits.parse::<u16>().ok()).ok_or(ParseDayError)
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        let narrow = |number: u16| u8::try_from(number).map_err(|_| ParseDayError);
        let (month, day) = (narrow(month)?, narrow(day)?);
        let last = month.checked_sub(1).and_then(|month| DAYS.get(usize::from(month))).ok_or(ParseDayError)?;
        let whole = parts.next().is_none() && (1..=*last).contains(&day);
        if whole { Ok(Self { year, month, day }) } else { Err(ParseDayError) }
    }
}

impl TryFrom<String> for Day {
    type Error = ParseDayError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_in_one_way_and_days_are_in_their_order() {
        let day = |text: &str| text.parse::<Day>();
        assert_eq!(day("2026-11-22").unwrap().to_string(), "2026-11-22");
        let in_order = ["2026-11-22", "2026-12-01", "2026-12-31", "2027-01-01"].map(|text| day(text).unwrap());
        assert!(in_order.is_sorted());
        for none in [
            "",
            "2026-11",
            "2026-11-2",
            "2026-13-01",
            "2026-00-01",
            "2026-11-00",
            "2026-04-31",
            "+026-11-22",
            "2026-11-22-1",
        ] {
            assert_eq!(day(none), Err(ParseDayError), "{none}");
        }
    }
}
