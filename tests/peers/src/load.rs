//! The same work for every system: so many clients, each with a connection of its own, each appending event after event to
//! its own cases, every event on condition that the case is where the client left it.

use std::time::{Duration, Instant};

use async_trait::async_trait;

/// Why something went wrong; a benchmark stops at the first surprise.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of what is appended: an event of about four hundred bytes, some of which tell where a person is.
pub(crate) const EVENT_BYTES: usize = 400;
/// Events of one case.
pub(crate) const EVENTS_PER_CASE: u64 = 50;

/// One client of one system.
#[async_trait]
pub(crate) trait Client: Send {
    /// Makes `cases` new cases ready and forgets those before; not measured.
    async fn prepare(&mut self, cases: u64) -> Result<(), Error>;

    /// Appends one event to the new case number `case`, on condition that `before` events were appended to it.
    async fn append(&mut self, case: u64, before: u64) -> Result<(), Error>;

    /// Reads every event of the new case number `case`; tells how many there are. `None` where the system has no cases.
    async fn read(&mut self, case: u64) -> Result<Option<u64>, Error>;
}

/// What one run gave.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    /// Milliseconds of each operation, in ascending order.
    pub(crate) took: Vec<f64>,
}

impl Run {
    fn new(began: Instant, took: Vec<Vec<f64>>) -> Self {
        let seconds = began.elapsed().as_secs_f64();
        let mut took = took.concat();
        took.sort_by(f64::total_cmp);
        Self { seconds, took }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    pub(crate) fn per_second(&self) -> f64 {
        self.took.len() as f64 / self.seconds
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index between 0 and the length"
    )]
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let last = self.took.len().saturating_sub(1);
        self.took.get((part * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
    }
}

/// Makes the cases ready that [`append`] will use.
pub(crate) async fn prepare(clients: &mut [Box<dyn Client>], each: u64) -> Result<(), Error> {
    let cases = each.div_ceil(EVENTS_PER_CASE);
    futures_util::future::try_join_all(clients.iter_mut().map(|client| client.prepare(cases))).await?;
    Ok(())
}

/// Appends from all clients at once, at most `each` events a client, for at most `time`.
pub(crate) async fn append(clients: &mut [Box<dyn Client>], each: u64, time: Duration) -> Result<Run, Error> {
    let began = Instant::now();
    let work = clients.iter_mut().map(|client| async move {
        let mut took = Vec::new();
        for event in 0..each {
            if began.elapsed() > time {
                break;
            }
            let at = Instant::now();
            client.append(event / EVENTS_PER_CASE, event % EVENTS_PER_CASE).await?;
            took.push(at.elapsed().as_secs_f64() * 1e3);
        }
        Ok::<_, Error>(took)
    });
    let took = futures_util::future::try_join_all(work).await?;
    Ok(Run::new(began, took))
}

/// Reads a full case again and again, for at most `time`; `None` where the system has no cases.
pub(crate) async fn read(client: &mut dyn Client, time: Duration) -> Result<Option<Run>, Error> {
    client.prepare(1).await?;
    for before in 0..EVENTS_PER_CASE {
        client.append(0, before).await?;
    }
    let began = Instant::now();
    let mut took = Vec::new();
    while began.elapsed() < time {
        let at = Instant::now();
        match client.read(0).await? {
            None => return Ok(None),
            Some(EVENTS_PER_CASE) => took.push(at.elapsed().as_secs_f64() * 1e3),
            Some(other) => return Err(format!("a case has {other} events").into()),
        }
    }
    Ok(Some(Run::new(began, vec![took])))
}
