//! Waiting for a condition, with a bound.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// How long a test waits for what should come at once; long enough for a machine that is busy with something else.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks until `condition` holds.
///
/// # Panics
/// When it does not within `bound`, naming `what` was waited for.
pub async fn wait_until(what: &str, bound: Duration, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + bound;
    while !condition().await {
        assert!(Instant::now() < end, "waited {} ms in vain: {what}", bound.as_millis());
        sleep(LOOK_EVERY).await;
    }
}

/// What `future` gives, if it does so within [`PATIENCE`].
///
/// # Panics
/// When it does not, naming `what` was waited for.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {} ms in vain: {what}", PATIENCE.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_ends_with_the_condition() {
        let mut looks = 0;
        wait_until("three looks", PATIENCE, async || {
            looks += 1;
            looks == 3
        })
        .await;
        assert_eq!(looks, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "waited 20 ms in vain: the moon")]
    async fn it_ends_with_the_bound() {
        wait_until("the moon", Duration::from_millis(20), async || false).await;
    }
}
