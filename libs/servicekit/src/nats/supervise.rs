//! Keeping the server running: started again when it ends, given up when that does not help, ended when told to.

use std::{pin::pin, time::Duration};

use tokio::{
    select,
    time::{Instant, sleep, timeout},
};

use super::{Error, NatsChild};

/// After so many restarts in a row without a stable run in between, the server is given up.
pub const RESTARTS_IN_A_ROW_MAX: u32 = 8;

/// How often certificates are read again; they count for a day, and are renewed after two thirds of it.
const RELOAD_EVERY: Duration = Duration::from_secs(3600);
/// A server that ran this long was stable: its next end starts the count anew.
const STABLE_AFTER: Duration = Duration::from_secs(30);
const PAUSES: Pauses = Pauses { first: Duration::from_millis(50), longest: Duration::from_secs(5) };

/// How long to wait before each restart in a row: the first pause, doubled each time up to the longest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pauses {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Pauses {
    fn before(self, restarts: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(restarts)).min(self.longest)
    }
}

impl NatsChild {
    /// Keeps the server running on the same ports and store until `stop` resolves, then ends it in order.
    ///
    /// Dropping the returned future kills the server.
    ///
    /// # Errors
    /// [`Error::GaveUp`] after [`RESTARTS_IN_A_ROW_MAX`] restarts in a row; [`Error::Refused`] at once, if what came
    /// back is no longer the server we asked for. The log is then unreachable, so the caller should end, and say so.
    pub async fn supervise(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        self.supervise_with(PAUSES, stop).await
    }

    pub(super) async fn supervise_with(mut self, pauses: Pauses, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let stop = pin!(stop);
        select! {
            () = stop => {}
            error = self.keep_running(pauses) => return Err(error),
        }
        self.stop().await
    }

    /// Waits until the server ends by itself, and has it read its certificates again from time to time: they are short-lived,
    /// and renewed in their places.
    async fn wait_and_reload(&mut self) -> Result<std::process::ExitStatus, Error> {
        loop {
            match timeout(RELOAD_EVERY, self.wait()).await {
                Ok(ended) => return ended,
                Err(_elapsed) if self.config.tls.is_none() => {}
                Err(_elapsed) => {
                    if let Err(error) = self.reload().await {
                        tracing::warn!(%error, "nats-server could not be told to read its certificates again");
                    }
                }
            }
        }
    }

    /// Ends only when the server is given up.
    async fn keep_running(&mut self, pauses: Pauses) -> Error {
        let mut restarts = 0;
        loop {
            let started = Instant::now();
            let mut last = match self.wait_and_reload().await {
                Ok(status) => format!("it ended by itself ({status})"),
                Err(error) => return error,
            };
            if started.elapsed() >= STABLE_AFTER {
                restarts = 0;
            }
            loop {
                if restarts >= RESTARTS_IN_A_ROW_MAX {
                    return Error::GaveUp { restarts, last, log: self.log_file().to_owned() };
                }
                let pause = pauses.before(restarts);
                restarts += 1;
                tracing::warn!(last, restarts, ?pause, "nats-server ended and is started again");
                sleep(pause).await;
                match self.restart().await {
                    Ok(()) => break,
                    Err(error @ Error::Refused { .. }) => return error,
                    Err(error) => last = error.to_string(),
                }
            }
        }
    }
}
