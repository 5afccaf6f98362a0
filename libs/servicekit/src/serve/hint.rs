//! When to try again, said with every answer that there is no room now, or no service: in one place, so that none is
//! forgotten, and from nothing but the answer itself, so that it says nothing about what was asked for.

use std::time::Duration;

use egide_crypto::random::random_bytes;
use egide_wire::refusal;
use http::HeaderMap;
use tonic::{Code, Status};

/// When nothing else is said.
const USUAL: Duration = Duration::from_millis(200);
/// Never sooner, so that a hint is worth its waiting.
const SHORTEST: Duration = Duration::from_millis(50);
/// Never later: what takes longer is for a person to judge.
const LONGEST: Duration = Duration::from_secs(60);

/// Whether an answer with this code says when to try again.
pub(super) const fn belongs_to(code: Code) -> bool {
    matches!(code, Code::ResourceExhausted | Code::Unavailable)
}

/// The status, with when to try again if one belongs to it: what it says itself, or [`USUAL`], and up to half as long again,
/// so that those who were refused together do not come back together.
pub(super) fn hinted(status: &Status) -> Status {
    if !belongs_to(status.code()) {
        return status.clone();
    }
    let said = refusal::retry_after(status).unwrap_or(USUAL).clamp(SHORTEST, LONGEST);
    let share = random_bytes::<1>().map_or(0, |[byte]| u32::from(byte));
    // At most 255 parts of 512: less than half.
    let after = said.saturating_add(said.saturating_mul(share) / 512);
    refusal::with_retry_after(status, after)
}

/// The same for an answer's head or trailers.
pub(super) fn put_into(headers: &mut HeaderMap) {
    let Some(status) = Status::from_header_map(headers).filter(|status| belongs_to(status.code())) else { return };
    let mut hint = HeaderMap::new();
    if hinted(&status).add_header(&mut hint).is_ok() {
        headers.extend(hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(status: &Status) -> Option<Duration> {
        refusal::retry_after(&hinted(status))
    }

    #[test]
    fn no_room_and_no_service_say_when_to_try_again_within_bounds_and_not_all_at_once() {
        for said in [Duration::ZERO, Duration::from_millis(700), Duration::from_secs(3_600)] {
            let least = said.clamp(SHORTEST, LONGEST);
            let hints: Vec<_> = (0..64).filter_map(|_| after(&refusal::exhausted("full", said))).collect();
            assert_eq!(hints.len(), 64);
            assert!(hints.iter().all(|hint| (least..least + least / 2).contains(hint)), "{hints:?}");
            assert!(hints.iter().any(|hint| *hint != hints[0]), "all alike");
        }
        assert!(after(&Status::unavailable("gone")).is_some_and(|hint| (USUAL..USUAL * 2).contains(&hint)));
        assert_eq!(after(&Status::aborted("moved")), None);
    }

    #[test]
    fn nothing_else_of_an_answer_changes() {
        let mut headers = HeaderMap::new();
        Status::unavailable("the log is out of reach").add_header(&mut headers).unwrap();
        put_into(&mut headers);
        let told = Status::from_header_map(&headers).unwrap();
        assert_eq!((told.code(), told.message()), (Code::Unavailable, "the log is out of reach"));
        assert!(refusal::retry_after(&told).is_some());
        let mut headers = HeaderMap::new();
        Status::not_found("not found").add_header(&mut headers).unwrap();
        let before = headers.clone();
        put_into(&mut headers);
        assert_eq!(headers, before);
    }
}
