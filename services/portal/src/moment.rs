//! Times as pages show them.

use prost_types::Timestamp;

/// To the minute, in UTC; empty when there is none.
pub(crate) fn minute(at: Option<&Timestamp>) -> String {
    let at = at.and_then(|at| jiff::Timestamp::from_second(at.seconds).ok());
    at.map(|at| at.strftime("%Y-%m-%d, %H:%M UTC").to_string()).unwrap_or_default()
}

/// Now.
pub(crate) fn now() -> String {
    minute(Some(&Timestamp { seconds: egide_servicekit::clock::now_s(), nanos: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_to_the_minute() {
        assert_eq!(minute(Some(&Timestamp { seconds: 1_795_442_719, nanos: 0 })), "2026-11-23, 14:05 UTC");
        assert_eq!(minute(None), "");
    }
}
