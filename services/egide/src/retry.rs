//! Sending a request again while its outcome is not known. A command carries its id, so nothing happens twice.

use std::time::Duration;

use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

/// How often a request is sent at most.
const ATTEMPTS_MAX: u32 = 4;
/// Before the second attempt; doubled before each further one.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// A longer pause than this is left to the person at the terminal.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Calls until the answer is one that the same request would get again.
///
/// # Errors
/// The last answer.
pub(crate) async fn until_known<T, F>(mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let mut pause = PAUSE_FIRST;
    for _ in 1..ATTEMPTS_MAX {
        match call().await {
            Ok(response) => return Ok(response.into_inner()),
            Err(status) => match again_after(&status, pause) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(status),
            },
        }
        pause = pause.saturating_mul(2);
    }
    call().await.map(Response::into_inner)
}

/// How long to wait before the same request is worth sending again; `None` when it is not.
fn again_after(status: &Status, pause: Duration) -> Option<Duration> {
    let hint = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let pause = match status.code() {
        Code::Unavailable => Some(hint.unwrap_or(pause)),
        // Overload without a hint is for the person to judge.
        Code::ResourceExhausted => hint,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => None,
    };
    pause.filter(|pause| *pause <= PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_an_unknown_outcome_is_asked_again_and_not_for_ever() {
        let calls = Cell::new(0);
        let answer = until_known(|| {
            calls.set(calls.get() + 1);
            let answer = if calls.get() < 3 { Err(Status::unavailable("")) } else { Ok(Response::new(7)) };
            async { answer }
        });
        assert_eq!(answer.await.unwrap(), 7);
        for (status, expected) in [(Status::unavailable(""), ATTEMPTS_MAX), (Status::aborted(""), 1)] {
            let calls = Cell::new(0);
            let answer = until_known::<(), _>(|| {
                calls.set(calls.get() + 1);
                let status = status.clone();
                async { Err(status) }
            });
            assert_eq!(answer.await.unwrap_err().code(), status.code());
            assert_eq!(calls.get(), expected);
        }
    }

    #[test]
    fn a_hint_is_obeyed_unless_it_is_too_long() {
        let hinted = |seconds| egide_wire::refusal::exhausted("busy", Duration::from_secs(seconds));
        assert_eq!(again_after(&hinted(2), PAUSE_FIRST), Some(Duration::from_secs(2)));
        assert_eq!(again_after(&hinted(60), PAUSE_FIRST), None);
    }
}
