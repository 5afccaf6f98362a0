//! Times on the command line and in tables. Tables show UTC.

use egide_servicekit::clock;
use egide_trust::Day;
use prost_types::Timestamp;

use crate::exit::Exit;
use crate::failure::Failure;

const UNITS: [(char, i64); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];

/// Reads `2026-12-01T09:00:00-05:00`, or a distance from now: `30d`, `+12h`, `-45m`.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    parse_at(text, clock::now_s()).ok_or_else(|| "RFC 3339 / 30d / 12h / -45m".to_owned())
}

fn parse_at(text: &str, now_s: i64) -> Option<Timestamp> {
    match distance_s(text) {
        Some(distance) => Some(Timestamp { seconds: now_s.checked_add(distance)?, nanos: 0 }),
        None => text.parse().ok(),
    }
}

/// Seconds of `30d`, `+12h`, `-45m`.
pub(crate) fn distance_s(text: &str) -> Option<i64> {
    let (_, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
    let number = text.get(..text.len().checked_sub(1)?)?;
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count: i64 = if plain { digits.parse().ok()? } else { return None };
    count.checked_mul(*seconds)?.checked_mul(sign)
}

/// `2026-11-22 09:14`, or a dash.
pub(crate) fn minute(time: Option<&Timestamp>) -> String {
    shown(time, 16)
}

/// `2026-11-22 09:14:03 UTC`, or a dash.
pub(crate) fn second(time: Option<&Timestamp>) -> String {
    match time {
        Some(_) => format!("{} UTC", shown(time, 19)),
        None => "–".to_owned(),
    }
}

/// The same of milliseconds since 1970.
pub(crate) fn millisecond(milliseconds: i64) -> String {
    second(Some(&Timestamp { seconds: milliseconds.div_euclid(1_000), nanos: 0 }))
}

/// The same for seconds since 1970-01-01 UTC.
pub(crate) fn second_of(seconds: i64) -> String {
    second(Some(&Timestamp { seconds, nanos: 0 }))
}

/// The day (UTC) of milliseconds since 1970.
pub(crate) fn day(milliseconds: i64) -> Result<Day, Failure> {
    let unknown = || Failure::new(Exit::Unexpected, "fail.day");
    shown(Some(&Timestamp { seconds: milliseconds.div_euclid(1_000), nanos: 0 }), 10).parse().map_err(|_| unknown())
}

fn shown(time: Option<&Timestamp>, letters: usize) -> String {
    let Some(time) = time else { return "–".to_owned() };
    let text = time.to_string();
    text.get(..letters).unwrap_or(&text).replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_and_times_are_read() {
        assert_eq!(parse_at("30d", 100).unwrap().seconds, 100 + 30 * 86_400);
        assert_eq!(parse_at("-45m", 100).unwrap().seconds, 100 - 45 * 60);
        assert_eq!(parse_at("1970-01-01T01:00:00+01:00", 100).unwrap().seconds, 0);
        for text in ["", "d", "tomorrow", "--3d", "1.5h", "9223372036854775807d", "2026-12-01"] {
            assert!(parse_at(text, 100).is_none() || text == "2026-12-01", "{text}");
        }
    }

    #[test]
    fn a_day_is_one_in_utc() {
        assert_eq!(day(86_400_000 - 1).unwrap().to_string(), "1970-01-01");
        assert_eq!(day(86_400_000).unwrap().to_string(), "1970-01-02");
        assert!(day(i64::MAX).is_err());
    }

    #[test]
    fn times_are_shown_in_utc_without_more_than_asked_for() {
        let time: Timestamp = "2026-11-22T09:14:03.5Z".parse().unwrap();
        assert_eq!(minute(Some(&time)), "2026-11-22 09:14");
        assert_eq!(second(Some(&time)), "2026-11-22 09:14:03 UTC");
        assert_eq!(minute(None), "–");
    }
}
