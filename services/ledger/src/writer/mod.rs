//! The writer: the one task that forms blocks. Whatever queued up while the previous block was being flushed goes into the
//! next one; every answer that depends on a block waits until that block's fate is certain.

mod ahead;
mod draft;
pub(crate) mod queue;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use egide_domain::ids::CommandId;
use egide_domain::policy::Policy;
use egide_domain::time::Timestamp;
use egide_eventlog::{AppendError, AppendOutcome, Appender, ChainBroken, ChainVerifier, LogError};
use egide_projection::{ModelError, Projection, ProjectionError};

use crate::model::{CommandRow, LedgerModel};
use crate::refuse;
use ahead::{Ahead, Newest};
use draft::{Draft, StateCache, Verdict, draft};
use queue::{Committed, Pending, Queue};

/// Commands of one block at most.
const COMMANDS_PER_BLOCK_MAX: usize = 1_024;
/// States of streams kept at most.
const STATES_MAX: usize = 4_096;
/// Pause before the leader is asked again after it did not answer.
const PAUSE: Duration = Duration::from_millis(50);

/// The writer has stopped for good: nothing is written until somebody has looked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The log took a block it must not have taken, or lost one.
    #[error("the ledger stopped writing: {0}")]
    Append(#[from] AppendError),
    /// The log does not continue what was read from it.
    #[error("the ledger stopped writing at the log: {0}")]
    Chain(#[from] ChainBroken),
    /// The projection cannot be kept up to date.
    #[error("the ledger stopped writing at its projection: {0}")]
    Projection(#[from] ProjectionError),
    /// The projection cannot be read.
    #[error("the ledger stopped writing at its projection: {0}")]
    Model(#[from] ModelError),
    /// The log is gone, or is not the one that was opened.
    #[error("the ledger stopped writing at the log: {0}")]
    Log(LogError),
}

/// What the writer knows besides the projection's rows.
struct Known {
    cache: StateCache,
    ahead: Ahead,
}

/// See the module.
pub(crate) struct Writer {
    pub(crate) queue: Arc<Queue>,
    pub(crate) appender: Appender,
    pub(crate) projection: Projection<LedgerModel>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) clock: fn() -> Timestamp,
}

impl Writer {
    /// Writes without end, or until it must not go on: then what waits is dropped, its outcome unknown to whoever sent it.
    /// Dropping the call leaves the outcome of the block in flight unknown, too.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        let mut known = Known { cache: StateCache::new(STATES_MAX), ahead: Ahead::default() };
        loop {
            self.queue.ready().await;
            let waiting = self.queue.take(COMMANDS_PER_BLOCK_MAX);
            if let Err(error) = self.write(waiting, &mut known).await {
                tracing::error!(%error, "the ledger writes no more");
                self.queue.close();
                return Err(error);
            }
        }
    }

    /// Writes these commands, in as many blocks as they need, and answers all of them.
    async fn write(&mut self, mut waiting: Vec<Pending>, known: &mut Known) -> Result<(), Error> {
        while !waiting.is_empty() {
            let Draft { head, recorded_at, commits, verdicts, states } = self.draft(&waiting, known)?;
            if commits.is_empty() {
                // Refusals are judged on the newest state of the log, or again.
                if all_repeat(&verdicts) || !self.catch_up().await? {
                    waiting = answer(waiting, verdicts, &[]);
                }
                continue;
            }
            self.projection.expect(head.number().saturating_add(1));
            match self.appender.append(&head, recorded_at.0, commits).await {
                Ok(AppendOutcome::Accepted(block)) => {
                    let rows: Vec<CommandRow> =
                        block.commits().map(|(first, commit)| CommandRow::of(&block, first, commit)).collect();
                    let commands = appended(&waiting, &verdicts, &rows);
                    known.ahead.push(block.head_after(), commands, states);
                    // Rows follow; whoever looks at the projection waits for them.
                    self.projection.offer(*block)?;
                    waiting = answer(waiting, verdicts, &rows);
                }
                Ok(AppendOutcome::Conflict) => {
                    self.catch_up().await?;
                }
                Err(AppendError::Full) => {
                    waiting.into_iter().for_each(|pending| reply(pending, Err(refuse::log_full())));
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn draft(&self, waiting: &[Pending], known: &mut Known) -> Result<Draft, ModelError> {
        let commands = waiting.iter().map(|pending| &pending.command);
        let block_max_bytes = self.appender.log().block_max_bytes();
        let view = self.projection.view_behind();
        let Known { cache, ahead } = known;
        ahead.settle(view.head().number()).into_iter().for_each(|(stream, state)| cache.insert(stream, state));
        let newest = Newest::new(&view, ahead);
        draft(commands, &newest, cache, &self.policy, (self.clock)(), block_max_bytes)
    }

    /// Applies what other instances wrote, up to the end of the log as its leader knows it. Whether there was anything.
    async fn catch_up(&self) -> Result<bool, Error> {
        let mut moved = false;
        loop {
            let head = self.projection.view().head().clone();
            let number = head.number().saturating_add(1);
            match self.appender.log().read(number).await {
                Ok(Some(raw)) => {
                    let block = ChainVerifier::new(head, self.appender.log().trust().clone()).verify(&raw)?;
                    self.projection.applied(&block)?;
                    moved = true;
                }
                // Nothing stands there, unless the log is shorter than it was, which the next append finds out.
                Ok(None) => return Ok(moved),
                Err(LogError::Unavailable | LogError::Refused { .. }) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(Error::Log(error)),
            }
        }
    }
}

/// Whether nothing is answered but what stands in the log already, which no later block changes.
fn all_repeat(verdicts: &[Verdict]) -> bool {
    verdicts.iter().all(|verdict| matches!(verdict, Verdict::Repeat(_)))
}

/// The commands that were appended, with their results.
fn appended<'a>(
    waiting: &'a [Pending],
    verdicts: &'a [Verdict],
    rows: &'a [CommandRow],
) -> impl Iterator<Item = ((String, CommandId), CommandRow)> {
    waiting.iter().zip(verdicts).filter_map(|(Pending { command, .. }, verdict)| match verdict {
        Verdict::Append(index) => Some(((command.emitter.clone(), command.id), rows.get(*index)?.clone())),
        Verdict::RepeatOfDraft(_) | Verdict::Repeat(_) | Verdict::Refused(_) | Verdict::Later => None,
    })
}

/// Answers what is decided, with the results of the block's commits; what found no room is returned, to be written next.
fn answer(waiting: Vec<Pending>, verdicts: Vec<Verdict>, rows: &[CommandRow]) -> Vec<Pending> {
    let row = |index: usize| rows.get(index).cloned();
    let mut later = Vec::new();
    for (pending, verdict) in waiting.into_iter().zip(verdicts) {
        let outcome = match verdict {
            Verdict::Later => {
                later.push(pending);
                continue;
            }
            Verdict::Append(index) => row(index).map(|row| Committed { row, repeated: false }),
            Verdict::RepeatOfDraft(index) => row(index).map(|row| Committed { row, repeated: true }),
            Verdict::Repeat(row) => Some(Committed { row, repeated: true }),
            Verdict::Refused(status) => {
                reply(pending, Err(status));
                continue;
            }
        };
        // Every commit of the draft is a commit of the block.
        reply(pending, outcome.ok_or_else(refuse::unknown_outcome));
    }
    later
}

fn reply(pending: Pending, outcome: Result<Committed, tonic::Status>) {
    // Whoever asked may have gone: the command stands, and a repetition finds its result.
    drop(pending.reply.send(outcome));
}
