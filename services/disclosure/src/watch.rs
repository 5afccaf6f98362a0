//! `WatchReferrals`: that something waits, or that something delivered was recalled, without content. First what stands now, then
//! whatever comes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use egide_domain::ids::UnitId;
use egide_domain::time::Timestamp;
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::disclosure::v1::WatchReferralsResponse;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;

use crate::gate::{Gate, Shared};
use crate::reader::{StoredReferral, Unreadable};

/// Answers that wait for a slow reader; then the watch waits too.
const BUFFERED: usize = 16;
/// How long one watch lasts; then the watcher asks again, with tokens that still count.
const LIFETIME: Duration = Duration::from_secs(3600);

/// The stream.
pub(crate) struct Waiting(mpsc::Receiver<Result<WatchReferralsResponse, Status>>);

impl Stream for Waiting {
    type Item = Result<WatchReferralsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// Begins to watch what is released to a unit. Ends when the watcher goes, at shutdown, and after an hour.
pub(crate) fn watch(gate: Shared, unit_id: UnitId) -> Waiting {
    let (sender, receiver) = mpsc::channel(BUFFERED);
    tokio::spawn(async move {
        let shutdown = gate.shutdown.requested();
        let gone = sender.clone();
        tokio::select! {
            () = follow(&gate, unit_id, &sender) => {}
            () = gone.closed() => {}
            () = shutdown => {}
            () = tokio::time::sleep(LIFETIME) => {}
        }
    });
    Waiting(receiver)
}

async fn follow(gate: &Shared, unit_id: UnitId, sender: &mpsc::Sender<Result<WatchReferralsResponse, Status>>) {
    let mut progress = gate.reader.progress();
    let mut seen = Seen::default();
    loop {
        // Seen before looking: what is applied while we look is looked at again.
        progress.borrow_and_update();
        let news = match seen.news(gate, unit_id) {
            Ok(news) => news,
            Err(error) => {
                // The watcher may be gone; there is nobody else to tell.
                drop(sender.send(Err(error.into())).await);
                return;
            }
        };
        for referral in news {
            if sender.send(Ok(that_it_stands(&referral))).await.is_err() {
                return;
            }
        }
        if progress.changed().await.is_err() {
            return;
        }
    }
}

/// Up to where a watcher was told.
#[derive(Default)]
struct Seen {
    released: u64,
    recalled: u64,
}

impl Seen {
    /// What waits and what was recalled since.
    fn news(&mut self, gate: &Gate, unit_id: UnitId) -> Result<Vec<StoredReferral>, Unreadable> {
        let (mut news, released) = gate.waiting(unit_id, self.released)?;
        let (recalled, until) = gate.recalled(unit_id, self.recalled)?;
        news.extend(recalled);
        (self.released, self.recalled) = (released, until);
        Ok(news)
    }
}

fn that_it_stands(referral: &StoredReferral) -> WatchReferralsResponse {
    WatchReferralsResponse {
        referral_id: referral.referral_id.to_string(),
        urgent: referral.row.urgent,
        released_at: Some(to_timestamp(Timestamp(referral.row.released_at_ms))),
        recalled: referral.row.recalled_at_ms.is_some(),
    }
}
