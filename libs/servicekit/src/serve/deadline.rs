//! How long a call may take, after its `grpc-timeout` header.

use std::time::Duration;

use http::HeaderMap;

/// Our answer must be on its way before the caller's own clock, or tonic's, ends the call without one.
const MARGIN: Duration = Duration::from_millis(10);

/// The `grpc-timeout` of a request; `None` when there is none, or none that the specification knows (gRPC over HTTP/2,
/// "Timeout": up to eight digits and a unit). Our own bound counts then.
pub(super) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    let timeout = match unit {
        "H" => Duration::from_secs(amount.checked_mul(3600)?),
        "M" => Duration::from_secs(amount.checked_mul(60)?),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    };
    Some(timeout.saturating_sub(MARGIN))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(text: &str) -> Option<Duration> {
        asked(&HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), HeaderValue::try_from(text).unwrap())]))
    }

    #[test]
    fn every_unit_is_read_and_ours_is_a_little_earlier() {
        assert_eq!(of("1H"), Some(Duration::from_secs(3600) - MARGIN));
        assert_eq!(of("2M"), Some(Duration::from_secs(120) - MARGIN));
        assert_eq!(of("3S"), Some(Duration::from_secs(3) - MARGIN));
        assert_eq!(of("99999999m"), Some(Duration::from_millis(99_999_999) - MARGIN));
        assert_eq!(of("20000u"), Some(Duration::from_millis(10)));
        assert_eq!(of("1n"), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_no_timeout_leaves_our_own_bound() {
        for text in ["", "S", "1", "123456789S", "-1S", "1s", "1 S", "+1S"] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(asked(&HeaderMap::new()), None);
    }
}
