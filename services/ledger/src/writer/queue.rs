//! What waits to be written: bounded in number and bytes, with room kept for what must never be kept waiting.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tonic::Status;

use crate::command::{Command, Urgency};
use crate::model::CommandRow;

/// Commands that wait at most.
pub(crate) const COMMANDS_MAX: usize = 4_096;
/// Bytes that wait at most.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// Accesses among them at most: looking never crowds out recording.
const ACCESSES_MAX: usize = COMMANDS_MAX / 2;
/// Room beyond, for withdrawals, refusals, lifts, recalls, suspensions and shreds.
pub(crate) const HEAD_ROOM_COMMANDS: usize = 512;
/// Bytes beyond, for the same.
const HEAD_ROOM_BYTES: usize = 4 * 1024 * 1024;

/// What came of a command.
#[derive(Debug, Clone)]
pub(crate) struct Committed {
    /// The result, as it stands in the log.
    pub(crate) row: CommandRow,
    /// Whether the command had been committed before.
    pub(crate) repeated: bool,
}

/// A command, and who waits for its outcome.
pub(crate) struct Pending {
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Result<Committed, Status>>,
}

/// The queue did not take a command: nothing of it was or will be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotQueued {
    /// There is no room.
    Full,
    /// The ledger is stopping.
    Closed,
}

#[derive(Default)]
struct Waiting {
    commands: VecDeque<Pending>,
    bytes: usize,
    accesses: usize,
    closed: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

impl Queue {
    /// Puts a command at the end; its outcome comes through what is returned, or the sender is dropped when the ledger stops.
    pub(crate) fn push(&self, command: Command) -> Result<oneshot::Receiver<Result<Committed, Status>>, NotQueued> {
        let (reply, outcome) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(NotQueued::Closed);
        }
        if !waiting.has_room_for(&command) {
            return Err(NotQueued::Full);
        }
        waiting.bytes += command.bytes;
        waiting.accesses += usize::from(command.urgency == Urgency::Access);
        waiting.commands.push_back(Pending { command, reply });
        drop(waiting);
        self.changed.notify_one();
        Ok(outcome)
    }

    /// Waits until something is there. Cancel-safe.
    pub(crate) async fn ready(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.lock().commands.is_empty() {
                return;
            }
            changed.await;
        }
    }

    /// Takes up to `commands_max` commands from the front, in their order. Those that nobody waits for any more are left
    /// out: nothing of them was written, and whoever sent them repeats them.
    pub(crate) fn take(&self, commands_max: usize) -> Vec<Pending> {
        let mut waiting = self.lock();
        let mut taken = Vec::new();
        while taken.len() < commands_max {
            let Some(pending) = waiting.commands.pop_front() else { break };
            waiting.bytes = waiting.bytes.saturating_sub(pending.command.bytes);
            let access = usize::from(pending.command.urgency == Urgency::Access);
            waiting.accesses = waiting.accesses.saturating_sub(access);
            if !pending.reply.is_closed() {
                taken.push(pending);
            }
        }
        taken
    }

    /// Takes nothing more, and drops what waits: whoever sent it learns that the outcome is not known.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.commands.clear();
        waiting.bytes = 0;
        waiting.accesses = 0;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn has_room_for(&self, command: &Command) -> bool {
        let (commands, bytes) = match command.urgency {
            Urgency::Narrowing => (COMMANDS_MAX + HEAD_ROOM_COMMANDS, BYTES_MAX + HEAD_ROOM_BYTES),
            Urgency::Ordinary => (COMMANDS_MAX, BYTES_MAX),
            Urgency::Access if self.accesses >= ACCESSES_MAX => return false,
            Urgency::Access => (COMMANDS_MAX, BYTES_MAX),
        };
        self.commands.len() < commands && self.bytes.saturating_add(command.bytes) <= bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(urgency: Urgency, bytes: usize) -> Command {
        Command { urgency, bytes, ..Command::for_tests() }
    }

    #[test]
    fn when_the_queue_is_full_there_is_still_room_for_what_narrows() {
        let queue = Queue::default();
        let mut waiting = Vec::new();
        for _ in 0..COMMANDS_MAX {
            waiting.push(queue.push(command(Urgency::Ordinary, 1)).unwrap());
        }
        assert_eq!(queue.push(command(Urgency::Ordinary, 1)).unwrap_err(), NotQueued::Full);
        assert_eq!(queue.push(command(Urgency::Access, 1)).unwrap_err(), NotQueued::Full);
        for _ in 0..HEAD_ROOM_COMMANDS {
            waiting.push(queue.push(command(Urgency::Narrowing, 1)).unwrap());
        }
        assert_eq!(queue.push(command(Urgency::Narrowing, 1)).unwrap_err(), NotQueued::Full);
        assert_eq!(queue.take(10).len(), 10);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = Queue::default();
        let _waiting = queue.push(command(Urgency::Ordinary, BYTES_MAX)).unwrap();
        assert_eq!(queue.push(command(Urgency::Ordinary, 1)).unwrap_err(), NotQueued::Full);
        assert!(queue.push(command(Urgency::Narrowing, HEAD_ROOM_BYTES)).is_ok());
    }

    #[test]
    fn looking_takes_half_of_the_room_at_most() {
        let queue = Queue::default();
        let _waiting: Vec<_> = (0..ACCESSES_MAX).map(|_| queue.push(command(Urgency::Access, 1)).unwrap()).collect();
        assert_eq!(queue.push(command(Urgency::Access, 1)).unwrap_err(), NotQueued::Full);
        assert!(queue.push(command(Urgency::Ordinary, 1)).is_ok());
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_written() {
        let queue = Queue::default();
        drop(queue.push(command(Urgency::Ordinary, 1)).unwrap());
        let _waiting = queue.push(command(Urgency::Ordinary, 1)).unwrap();
        assert_eq!(queue.take(10).len(), 1);
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_drops_what_waits() {
        let queue = Queue::default();
        let mut waiting = queue.push(command(Urgency::Ordinary, 1)).unwrap();
        queue.close();
        assert!(waiting.try_recv().is_err());
        assert_eq!(queue.push(command(Urgency::Narrowing, 1)).unwrap_err(), NotQueued::Closed);
    }
}
