//! The work: one loop that looks, starts attempts, and takes in what came of them. Nothing in it waits for a receiver.

use std::sync::Arc;

use egide_crypto::random::random_bytes;
use egide_crypto::sign::SigningKey;
use egide_domain::time::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tonic::{Code, Status};

use crate::Notifier;
use crate::mail::Mailer;
use crate::plan::{Attempt, Destination, Key, Task, Why};
use crate::post::Poster;
use crate::webhook;

/// How notices go out.
#[derive(Debug)]
pub(crate) struct Senders {
    pub(crate) signing_key: SigningKey,
    pub(crate) poster: Poster,
    pub(crate) mailer: Option<Mailer>,
    pub(crate) clock: fn() -> Timestamp,
}

impl Senders {
    pub(crate) async fn attempt(&self, task: &Task) -> Attempt {
        let now = (self.clock)();
        let Key { notice_id, address_id } = task.key;
        match (&task.destination, &self.mailer) {
            (Destination::Webhook(url), _) => {
                match webhook::call(notice_id, address_id, task.unit_id, now, &self.signing_key) {
                    Ok(call) => self.poster.post(url, call).await,
                    Err(_) => Attempt::NotTaken(Why::Answer),
                }
            }
            (Destination::Email(mailbox), Some(mailer)) => {
                mailer.send(mailbox, task.language, &webhook::id_of(notice_id, address_id), now).await
            }
            // Ours to mend; staff are told when its time is over.
            (Destination::Email(_), None) => Attempt::NotTaken(Why::Mailbox),
            (Destination::Unreadable(_), _) => Attempt::GivenUp(Why::Mailbox),
        }
    }
}

/// What ended.
enum Ended {
    Looked(Result<Vec<Task>, Status>),
    Tried(Box<Task>, Attempt),
    Recorded(Key, bool),
}

/// Works for ever.
pub(crate) async fn work(notifier: Notifier) {
    let Notifier { upstreams, senders, mut plan, pace, clock } = notifier;
    let mut under_way: JoinSet<Ended> = JoinSet::new();
    let mut looking = false;
    let mut reported = None;
    let mut ticks = interval(pace.look_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if !looking {
                    looking = true;
                    let upstreams = Arc::clone(&upstreams);
                    under_way.spawn(async move { Ended::Looked(upstreams.open().await) });
                }
            }
            Some(ended) = under_way.join_next() => match ended {
                Ok(Ended::Looked(looked)) => {
                    looking = false;
                    report(&mut reported, looked.as_ref().err().map(Status::code));
                    if let Ok(open) = looked {
                        plan.take(open, clock(), random);
                    }
                }
                Ok(Ended::Tried(task, attempt)) => {
                    tell(&task, attempt);
                    plan.tried(&task, attempt, clock(), random());
                }
                Ok(Ended::Recorded(key, done)) => plan.recorded(key, done, clock()),
                // Nothing of ours panics; what did would leave its place taken, so everything begins anew with the process.
                Err(_) => return,
            },
        }
        let now = clock();
        for task in plan.due(now) {
            let senders = Arc::clone(&senders);
            under_way.spawn(async move {
                let attempt = senders.attempt(&task).await;
                Ended::Tried(Box::new(task), attempt)
            });
        }
        for (task, outcome) in plan.unrecorded(now) {
            let upstreams = Arc::clone(&upstreams);
            under_way.spawn(async move { Ended::Recorded(task.key, upstreams.record(&task, outcome).await) });
        }
    }
}

/// Said once when it begins and once when it is over.
fn report(reported: &mut Option<Code>, now: Option<Code>) {
    match (*reported, now) {
        (before, Some(code)) if before != Some(code) => {
            tracing::warn!(?code, "it cannot be asked which units are to be told; asked again");
        }
        (Some(_), None) => tracing::info!("it can be asked again which units are to be told"),
        (_, _) => {}
    }
    *reported = now;
}

/// By the address's id, never by the address.
fn tell(task: &Task, attempt: Attempt) {
    let (address, notice, means) = (task.key.address_id, task.key.notice_id, task.destination.means().name());
    match attempt {
        Attempt::Taken => tracing::info!(%notice, %address, means, "a unit was told"),
        Attempt::NotTaken(why) => tracing::warn!(%notice, %address, means, ?why, "a unit was not told yet"),
        Attempt::GivenUp(why) => tracing::warn!(%notice, %address, means, ?why, "a unit is told no more at an address"),
    }
}

/// Without randomness, the longest wait.
fn random() -> u64 {
    random_bytes().map_or(u64::MAX, u64::from_be_bytes)
}
