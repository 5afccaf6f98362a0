//! Instants and periods. The crate never reads a clock; every instant is handed in.

use serde::{Deserialize, Serialize};

/// A period in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// A period of whole hours.
    #[must_use]
    pub const fn from_hours(hours: u32) -> Self {
        // A u32 of hours is below 2^54 milliseconds: no overflow.
        Self(hours as i64 * 3_600_000)
    }
}

/// An instant: milliseconds since 1970-01-01T00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant `period` later; `None` when it cannot be represented, which callers treat as already past.
    #[must_use]
    pub const fn checked_add(self, period: Millis) -> Option<Self> {
        match self.0.checked_add(period.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Midnight UTC of a date in the form `2024-01-26`; `None` for anything else.
    #[must_use]
    pub fn from_date(date: &str) -> Option<Self> {
        let mut parts = date.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
            return None;
        }
        let (year, month, day) = (digits(year)?, digits(month)?, digits(day)?);
        if !(1970..=9999).contains(&year)
            || !(1..=12).contains(&month)
            || !(1..=month_length(year, month)).contains(&day)
        {
            return None;
        }
        // Days from civil, counting years from March so that a leap day comes last.
        let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let before_year = shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400;
        let before_month = (153 * shifted_month + 2) / 5;
        Some(Self((before_year + before_month + day - 1 - 719_468) * 86_400_000))
    }
}

fn digits(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_midnight_utc() {
        assert_eq!(Timestamp::from_date("1970-01-01"), Some(Timestamp(0)));
        assert_eq!(Timestamp::from_date("2024-01-26"), Some(Timestamp(1_706_227_200_000)));
        assert_eq!(Timestamp::from_date("2024-02-29"), Some(Timestamp(1_709_164_800_000)));
    }

    #[test]
    fn centuries_leap_every_fourth() {
        assert!(Timestamp::from_date("2000-02-29").is_some() && Timestamp::from_date("2400-02-29").is_some());
        for year in [2001, 2002, 2003, 2100, 2200, 2300] {
            assert_eq!(Timestamp::from_date(&format!("{year}-02-29")), None, "{year}");
            let march = Timestamp::from_date(&format!("{year}-03-01")).unwrap();
            let february = Timestamp::from_date(&format!("{year}-02-28")).unwrap();
            assert_eq!(march.0 - february.0, 86_400_000, "{year}");
        }
        for year in (2004..2100).step_by(4) {
            assert!(Timestamp::from_date(&format!("{year}-02-29")).is_some(), "{year}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2024",
            "2024-1-26",
            "2023-02-29",
            "2026-04-31",
            "2024-13-01",
            "2024-01-00",
            "+024-01-26",
            "2024-01-26-01",
        ] {
            assert_eq!(Timestamp::from_date(text), None, "{text}");
        }
    }

    #[test]
    fn an_instant_beyond_the_range_is_none() {
        assert_eq!(Timestamp(i64::MAX).checked_add(Millis(1)), None);
        assert_eq!(Timestamp(1).checked_add(Millis(2)), Some(Timestamp(3)));
    }
}
