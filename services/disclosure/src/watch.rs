//! `WatchReferrals`: that something waits, without content. First what waits now, then whatever comes.

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

use crate::gate::Shared;
use crate::reader::StoredReferral;

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
    let mut after = 0;
    loop {
        // Seen before looking: what is applied while we look is looked at again.
        progress.borrow_and_update();
        let waiting = match gate.waiting(unit_id, after) {
            Ok((waiting, until)) => {
                after = until;
                waiting
            }
            Err(error) => {
                // The watcher may be gone; there is nobody else to tell.
                drop(sender.send(Err(error.into())).await);
                return;
            }
        };
        for referral in waiting {
            if sender.send(Ok(that_it_waits(&referral))).await.is_err() {
                return;
            }
        }
        if progress.changed().await.is_err() {
            return;
        }
    }
}

fn that_it_waits(referral: &StoredReferral) -> WatchReferralsResponse {
    WatchReferralsResponse {
        referral_id: referral.referral_id.to_string(),
        urgent: referral.row.urgent,
        released_at: Some(to_timestamp(Timestamp(referral.row.released_at_ms))),
    }
}
