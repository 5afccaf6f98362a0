//! What is to be done when: which notice at which address, and when again. No clock and no randomness of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use egide_domain::notices::{Mailbox, WebhookUrl};
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::{Language, NoticeMeans, NoticeOutcome};
use uuid::Uuid;

use crate::Pace;

/// Attempts under way at once. Each is at another address, so that one that is slow takes one place.
const ATTEMPTS_AT_ONCE: usize = 64;
/// Notices at addresses that are known at once; what is beyond that waits for a later look.
const KNOWN_MAX: usize = 10_000;
/// Attempts at one address; then it is given up, however much time is left.
const ATTEMPTS_MAX: u32 = 64;
/// Longest wait before the first attempt after a start, so that what waited while nobody told it does not go out all at once.
const SPREAD_MAX_MS: i64 = 60_000;

/// A notice at one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) notice_id: Uuid,
    pub(crate) address_id: Uuid,
}

/// Where a unit is told. Two addresses of the same words are one destination.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Destination {
    Webhook(WebhookUrl),
    Email(Mailbox),
    /// What stands in the directory and cannot be read here: nobody is told there.
    Unreadable(NoticeMeans),
}

impl Destination {
    pub(crate) const fn means(&self) -> NoticeMeans {
        match self {
            Self::Webhook(_) => NoticeMeans::Webhook,
            Self::Email(_) => NoticeMeans::Email,
            Self::Unreadable(means) => *means,
        }
    }
}

/// What is to be told to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) key: Key,
    pub(crate) unit_id: Uuid,
    pub(crate) destination: Destination,
    pub(crate) language: Language,
    pub(crate) since: Timestamp,
    pub(crate) try_until: Timestamp,
}

/// Why an address did not take a notice: what may stand in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It answered with this status, of HTTP or SMTP.
    Status(u16),
    /// Nobody is there.
    Unreachable,
    /// It does not prove to be who it should, or speaks no TLS.
    Tls,
    /// It took too long.
    Late,
    /// What it answered is no answer.
    Answer,
    /// It would have to be told in clear.
    InClear,
    /// It is no address that mail can be sent to, or no mail server is named.
    Mailbox,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The address took it.
    Taken,
    /// It did not, now.
    NotTaken(Why),
    /// It never will.
    GivenUp(Why),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be tried, not before.
    Waiting(Timestamp),
    Trying,
    /// The outcome is to be recorded, not before.
    Unrecorded(NoticeOutcome, Timestamp),
    Recording(NoticeOutcome),
    /// Recorded; kept until the list says so too, so that it is not told again meanwhile.
    Settled,
}

#[derive(Debug)]
struct Entry {
    task: Task,
    state: State,
    failures: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Plan {
    pace: Pace,
    entries: BTreeMap<Key, Entry>,
    busy: BTreeSet<Destination>,
}

impl Plan {
    pub(crate) const fn new(pace: Pace) -> Self {
        Self { pace, entries: BTreeMap::new(), busy: BTreeSet::new() }
    }

    /// Takes in what is open now. What is not listed any more is dropped, unless somebody is being told, or what became of it is still
    /// to be recorded. `random` chooses within the time over which first attempts are spread.
    pub(crate) fn take(&mut self, open: Vec<Task>, now: Timestamp, mut random: impl FnMut() -> u64) {
        let listed: BTreeSet<Key> = open.iter().map(|task| task.key).collect();
        self.entries.retain(|key, entry| match entry.state {
            State::Waiting(_) | State::Settled => listed.contains(key),
            State::Trying | State::Unrecorded(..) | State::Recording(_) => true,
        });
        for task in open {
            if let Some(known) = self.entries.get_mut(&task.key) {
                known.task = task;
            } else if self.entries.len() < KNOWN_MAX {
                // What has just come is told at once; what waited while nobody worked here, spread over a while.
                let waited = now.0.saturating_sub(task.since.0).max(0) / 4;
                let spread = if waited > millis(self.pace.again_first) { waited.min(SPREAD_MAX_MS) } else { 0 };
                let state = State::Waiting(later(now, within(spread, random())));
                self.entries.insert(task.key, Entry { task, state, failures: 0 });
            }
        }
    }

    /// What is to be tried now, marked as being tried: nothing twice at one destination.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<Task> {
        let mut due: Vec<(Timestamp, Key)> = Vec::new();
        for (key, entry) in &self.entries {
            match entry.state {
                State::Waiting(at) if at <= now => due.push((at, *key)),
                State::Waiting(_) | State::Trying | State::Unrecorded(..) | State::Recording(_) | State::Settled => {}
            }
        }
        due.sort_unstable();
        let mut tasks = Vec::new();
        for (_, key) in due {
            let Some(entry) = self.entries.get_mut(&key).filter(|_| self.busy.len() < ATTEMPTS_AT_ONCE) else { break };
            if self.busy.insert(entry.task.destination.clone()) {
                entry.state = State::Trying;
                tasks.push(entry.task.clone());
            }
        }
        tasks
    }

    /// Takes in what came of an attempt. `random` chooses when it is tried again: anywhere from at once to the longest wait, so that
    /// those who failed together do not come back together.
    pub(crate) fn tried(&mut self, task: &Task, attempt: Attempt, now: Timestamp, random: u64) {
        self.busy.remove(&task.destination);
        let Some(entry) = self.entries.get_mut(&task.key) else { return };
        entry.state = match attempt {
            Attempt::Taken => State::Unrecorded(NoticeOutcome::Sent, now),
            Attempt::GivenUp(_) => State::Unrecorded(NoticeOutcome::GivenUp, now),
            Attempt::NotTaken(_) => {
                entry.failures = entry.failures.saturating_add(1);
                if now >= entry.task.try_until || entry.failures >= ATTEMPTS_MAX {
                    State::Unrecorded(NoticeOutcome::GivenUp, now)
                } else {
                    State::Waiting(later(now, within(wait(self.pace, entry.failures), random)))
                }
            }
        };
    }

    /// What is to be recorded now, marked as being recorded.
    pub(crate) fn unrecorded(&mut self, now: Timestamp) -> Vec<(Task, NoticeOutcome)> {
        let mut found = Vec::new();
        for entry in self.entries.values_mut() {
            match entry.state {
                State::Unrecorded(outcome, at) if at <= now => {
                    entry.state = State::Recording(outcome);
                    found.push((entry.task.clone(), outcome));
                }
                State::Waiting(_) | State::Trying | State::Unrecorded(..) | State::Recording(_) | State::Settled => {}
            }
        }
        found
    }

    /// Takes in whether an outcome was recorded.
    pub(crate) fn recorded(&mut self, key: Key, done: bool, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if let State::Recording(outcome) = entry.state {
            let again = later(now, millis(self.pace.look_every));
            entry.state = if done { State::Settled } else { State::Unrecorded(outcome, again) };
        }
    }
}

/// The longest wait after so many failures.
fn wait(pace: Pace, failures: u32) -> i64 {
    let doubled = 1_i64.checked_shl(failures.saturating_sub(1)).filter(|times| *times > 0).unwrap_or(i64::MAX);
    millis(pace.again_first).saturating_mul(doubled).min(millis(pace.again_max))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn later(now: Timestamp, by_ms: i64) -> Timestamp {
    Timestamp(now.0.saturating_add(by_ms))
}

/// Somewhere from 0 to `most`, both included.
fn within(most: i64, random: u64) -> i64 {
    let places = u64::try_from(most).unwrap_or(0).saturating_add(1);
    i64::try_from(random % places).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(notice: u8, address: u8, url: &str) -> Task {
        Task {
            key: Key { notice_id: Uuid::from_bytes([notice; 16]), address_id: Uuid::from_bytes([address; 16]) },
            unit_id: Uuid::from_bytes([9; 16]),
            destination: Destination::Webhook(WebhookUrl::parse(url).unwrap()),
            language: Language::English,
            since: Timestamp(0),
            try_until: Timestamp(8 * 3_600_000),
        }
    }

    const ONE: &str = "https://one.example.ca/";
    const TWO: &str = "https://two.example.ca/";

    #[test]
    fn nothing_is_told_twice_at_once_at_one_destination_and_others_do_not_wait() {
        let mut plan = Plan::new(Pace::default());
        let open = vec![task(1, 1, ONE), task(2, 1, ONE), task(3, 3, ONE), task(1, 2, TWO)];
        plan.take(open.clone(), Timestamp(0), || 0);
        let first = plan.due(Timestamp(0));
        assert_eq!(first.len(), 2, "one at each destination: {first:?}");
        assert_eq!(plan.due(Timestamp(0)), []);
        plan.take(open, Timestamp(1), || 0);
        plan.tried(&first[0], Attempt::Taken, Timestamp(1), 0);
        assert_eq!(plan.due(Timestamp(1)).len(), 1);
    }

    #[test]
    fn what_was_taken_is_not_told_again_before_or_after_it_is_recorded() {
        let mut plan = Plan::new(Pace::default());
        let open = || vec![task(1, 1, ONE)];
        plan.take(open(), Timestamp(0), || 0);
        let tasks = plan.due(Timestamp(0));
        plan.tried(&tasks[0], Attempt::Taken, Timestamp(5), 0);
        // The list does not know yet; it may even have lost the notice.
        plan.take(open(), Timestamp(6), || 0);
        plan.take(Vec::new(), Timestamp(6), || 0);
        plan.take(open(), Timestamp(6), || 0);
        assert_eq!(plan.due(Timestamp(6)), []);
        assert_eq!(plan.unrecorded(Timestamp(6)), [(task(1, 1, ONE), NoticeOutcome::Sent)]);
        assert_eq!(plan.unrecorded(Timestamp(6)), [], "it is being recorded");
        plan.recorded(tasks[0].key, false, Timestamp(7));
        assert_eq!(plan.unrecorded(Timestamp(7)), []);
        assert_eq!(plan.unrecorded(Timestamp(10_000)).len(), 1, "and again after a while");
        plan.recorded(tasks[0].key, true, Timestamp(10_001));
        plan.take(open(), Timestamp(10_002), || 0);
        assert_eq!((plan.due(Timestamp(i64::MAX)), plan.unrecorded(Timestamp(i64::MAX))), (vec![], vec![]));
        plan.take(Vec::new(), Timestamp(10_003), || 0);
        assert!(plan.entries.is_empty(), "nothing is kept for ever");
    }

    #[test]
    fn failures_wait_longer_and_longer_anywhere_within_and_end() {
        let pace = Pace::default();
        assert_eq!(
            [1, 2, 3, 20, 63, 64, 65, u32::MAX].map(|failures| wait(pace, failures)),
            [10_000, 20_000, 40_000, 3_600_000, 3_600_000, 3_600_000, 3_600_000, 3_600_000]
        );
        assert_eq!([0, 10_000, 10_001, 5].map(|random| within(10_000, random)), [0, 10_000, 0, 5]);
        let mut plan = Plan::new(pace);
        plan.take(vec![task(1, 1, ONE)], Timestamp(0), || 0);
        let tasks = plan.due(Timestamp(0));
        plan.tried(&tasks[0], Attempt::NotTaken(Why::Status(500)), Timestamp(100), 9_999);
        assert_eq!(plan.due(Timestamp(10_098)), []);
        assert_eq!(plan.due(Timestamp(10_099)).len(), 1);
        plan.tried(&tasks[0], Attempt::NotTaken(Why::Late), tasks[0].try_until, 0);
        assert_eq!(plan.unrecorded(tasks[0].try_until), [(task(1, 1, ONE), NoticeOutcome::GivenUp)]);
    }

    #[test]
    fn what_waited_while_nobody_told_it_is_tried_once_more_even_when_its_time_is_over() {
        let mut plan = Plan::new(Pace::default());
        let long_after = Timestamp(9 * 3_600_000);
        plan.take(vec![task(1, 1, ONE)], long_after, || 59_999);
        assert_eq!(plan.due(long_after), [], "not all at once");
        let tasks = plan.due(Timestamp(long_after.0 + 59_999));
        assert_eq!(tasks.len(), 1);
        plan.tried(&tasks[0], Attempt::NotTaken(Why::Unreachable), Timestamp(long_after.0 + 60_000), 0);
        assert_eq!(plan.unrecorded(Timestamp(i64::MAX)).len(), 1, "and given up then");
    }

    #[test]
    fn a_notice_that_closed_or_an_address_that_was_removed_is_not_tried_again() {
        let mut plan = Plan::new(Pace::default());
        plan.take(vec![task(1, 1, ONE), task(1, 2, TWO)], Timestamp(0), || 0);
        plan.take(vec![task(1, 2, TWO)], Timestamp(0), || 0);
        let tasks = plan.due(Timestamp(0));
        assert_eq!(tasks.len(), 1);
        plan.take(Vec::new(), Timestamp(0), || 0);
        plan.tried(&tasks[0], Attempt::NotTaken(Why::Late), Timestamp(1), 0);
        plan.take(Vec::new(), Timestamp(2), || 0);
        assert_eq!(plan.due(Timestamp(i64::MAX)), []);
        assert!(plan.busy.is_empty() && plan.entries.is_empty());
    }

    #[test]
    fn so_many_are_under_way_at_once_and_no_more() {
        let mut plan = Plan::new(Pace::default());
        let open = (0..200_u8).map(|number| task(1, number, &format!("https://{number}x.example.ca/")));
        plan.take(open.collect(), Timestamp(0), || 0);
        assert_eq!(plan.due(Timestamp(0)).len(), ATTEMPTS_AT_ONCE);
        assert_eq!(plan.due(Timestamp(0)).len(), 0);
    }
}
