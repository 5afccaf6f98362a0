//! The epochs of key-encryption keys over gRPC: how they stand, rotation, retirement. Who may call what, the access table
//! says; no key passes through here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use egide_crypto::wrap::{Epoch, UnwrapError};
use egide_domain::time::Timestamp;
use egide_eventlog::BucketError;
use egide_projection::Projection;
use egide_vault::{EpochRecord, RegisterError, Retired, Tally, Vault};
use egide_wire::convert::{timestamp, to_timestamp};
use egide_wire::proto::egide::ledger::v1::key_service_server::KeyService;
use egide_wire::proto::egide::ledger::v1::{
    GetKeysRequest, GetKeysResponse, KeyEpoch, RetireEpochRequest, RetireEpochResponse, RotateKeysRequest,
    RotateKeysResponse,
};
use egide_wire::refusal::{Violation, invalid, precondition};
use tokio::sync::{Mutex, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::closed;
use crate::eraser::Erased;
use crate::model::LedgerModel;
use crate::refuse;

/// How often a rotation says how far it is.
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// Reports that wait for a slow reader.
const REPORTS_WAITING: usize = 4;

/// See the module.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) vault: Arc<Vault>,
    pub(crate) projection: Projection<LedgerModel>,
    pub(crate) erased: Erased,
    pub(crate) development: bool,
    /// Held while a rotation is under way here.
    pub(crate) rotating: Arc<Mutex<()>>,
    pub(crate) clock: fn() -> Timestamp,
}

#[tonic::async_trait]
impl KeyService for Keys {
    async fn get_keys(&self, request: Request<GetKeysRequest>) -> Result<Response<GetKeysResponse>, Status> {
        let register = self.vault.register().await.map_err(refused)?;
        let counts = match request.get_ref().count {
            true => self.vault.count().await.map_err(refused)?,
            false => BTreeMap::new(),
        };
        let now = (self.clock)();
        let erased_before = match register.erased_before(now) {
            None => Some(now),
            Some(Timestamp(0)) => None,
            before => before,
        };
        let (shreds, shreds_pending) = self.shreds()?;
        Ok(Response::new(GetKeysResponse {
            current_epoch: self.vault.keys().current().to_string(),
            epochs: register.epochs().iter().map(|record| self.epoch(record, &counts)).collect(),
            development: self.development,
            erased_before: erased_before.map(to_timestamp),
            shreds,
            shreds_pending,
        }))
    }

    type RotateKeysStream = ReceiverStream<Result<RotateKeysResponse, Status>>;

    async fn rotate_keys(
        &self,
        _request: Request<RotateKeysRequest>,
    ) -> Result<Response<Self::RotateKeysStream>, Status> {
        let Ok(alone) = Arc::clone(&self.rotating).try_lock_owned() else {
            return Err(rule("already_rotating", "epoch", "a rotation is under way at this ledger".to_owned()));
        };
        let (sender, receiver) = mpsc::channel(REPORTS_WAITING);
        let vault = Arc::clone(&self.vault);
        tokio::spawn(async move {
            let _alone = alone;
            rotate(&vault, &sender).await;
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn retire_epoch(
        &self,
        request: Request<RetireEpochRequest>,
    ) -> Result<Response<RetireEpochResponse>, Status> {
        let (epoch, retired) = checked(request.get_ref(), (self.clock)()).map_err(invalid)?;
        self.vault.retire(&epoch, retired).await.map_err(refused)?;
        tracing::warn!(%epoch, "an epoch of the key-encryption key was retired");
        let register = self.vault.register().await.map_err(refused)?;
        let record = register.epochs().iter().find(|record| record.epoch == epoch);
        Ok(Response::new(RetireEpochResponse { epoch: record.map(|record| self.epoch(record, &BTreeMap::new())) }))
    }
}

impl Keys {
    fn epoch(&self, record: &EpochRecord, counts: &BTreeMap<Epoch, u64>) -> KeyEpoch {
        KeyEpoch {
            epoch: record.epoch.to_string(),
            first_used_at: (record.first_used.0 != 0).then(|| to_timestamp(record.first_used)),
            development: record.development,
            given: self.vault.keys().epochs().any(|given| *given == record.epoch),
            destroyed_at: record.retired.map(|retired| to_timestamp(retired.at)),
            backups_until: record.retired.map(|retired| to_timestamp(retired.backups_until)),
            entries: counts.get(&record.epoch).copied().unwrap_or_default(),
        }
    }

    /// How many shreds stand in the log, and of how many entries are still to be deleted here.
    fn shreds(&self) -> Result<(u64, u64), Status> {
        let view = self.projection.view();
        let count = |from| closed::count_from(&view, from).map_err(|error| refuse::unreadable(&error));
        Ok((count(0)?, count(self.erased.before())?))
    }
}

/// Rotates, and reports until it is done. It goes on when nobody listens any more: there is no harm in it, and half done is
/// worth less than whole.
async fn rotate(vault: &Arc<Vault>, sender: &mpsc::Sender<Result<RotateKeysResponse, Status>>) {
    let tally = Arc::new(Tally::default());
    let mut rotation = std::pin::pin!(vault.rotate(&tally));
    let mut tick = tokio::time::interval(REPORT_EVERY);
    let outcome = loop {
        tokio::select! {
            outcome = &mut rotation => break outcome,
            _ = tick.tick() => drop(sender.try_send(Ok(report(&tally)))),
        }
    };
    let last = match outcome {
        Ok(counts) => {
            tracing::info!(entries = tally.entries(), rewrapped = tally.rewrapped(), "data keys were re-wrapped");
            let epoch = |(epoch, entries): (Epoch, u64)| KeyEpoch {
                given: vault.keys().epochs().any(|given| *given == epoch),
                epoch: epoch.to_string(),
                entries,
                ..KeyEpoch::default()
            };
            Ok(RotateKeysResponse { done: true, epochs: counts.into_iter().map(epoch).collect(), ..report(&tally) })
        }
        Err(error) => {
            tracing::error!(%error, "data keys were not all re-wrapped");
            Err(refused(error))
        }
    };
    drop(sender.send(last).await);
}

fn report(tally: &Tally) -> RotateKeysResponse {
    RotateKeysResponse { entries: tally.entries(), rewrapped: tally.rewrapped(), ..RotateKeysResponse::default() }
}

/// The epoch and the dates of a retirement.
fn checked(request: &RetireEpochRequest, now: Timestamp) -> Result<(Epoch, Retired), Vec<Violation>> {
    let mut violations = Vec::new();
    let mut refuse = |field: &str, reason: &str| violations.push(Violation::new(field, reason));
    let epoch = request.epoch.parse().ok();
    if epoch.is_none() {
        refuse("epoch", "names no epoch");
    }
    let at = request.destroyed_at.as_ref().and_then(timestamp);
    match at {
        None => refuse("destroyed_at", "is missing"),
        Some(at) if at > now => refuse("destroyed_at", "is in the future"),
        Some(_) => {}
    }
    let until = request.backups_until.as_ref().and_then(timestamp);
    match (at, until) {
        (_, None) => refuse("backups_until", "is missing"),
        (Some(at), Some(until)) if until < at => refuse("backups_until", "is before the key was destroyed"),
        (_, Some(_)) => {}
    }
    match (epoch, at, until) {
        (Some(epoch), Some(at), Some(until)) if violations.is_empty() => {
            Ok((epoch, Retired { at, backups_until: until }))
        }
        _ => Err(violations),
    }
}

fn rule(name: &str, field: &str, reason: String) -> Status {
    precondition(vec![(name.to_owned(), Violation::new(field, reason))])
}

/// What the vault refuses; the texts name epochs and numbers only.
fn refused(error: egide_vault::Error) -> Status {
    use egide_vault::Error as E;
    let text = error.to_string();
    match error {
        E::Unwrap { source: UnwrapError::OtherEpoch { wrapped, .. }, .. } => {
            let reason = format!("data keys are wrapped under epoch `{wrapped}`, whose key is not given here");
            rule("epoch_key_missing", "epoch", reason)
        }
        E::StillGiven(_) => rule("epoch_still_given", "epoch", text),
        E::StillUsed { .. } => rule("epoch_still_used", "epoch", text),
        E::Register(RegisterError::Unknown(_)) => rule("epoch_unknown", "epoch", text),
        E::Register(RegisterError::Retired(_) | RegisterError::Full) => rule("epoch_retired", "epoch", text),
        E::Bucket(BucketError::Unavailable) | E::Interrupted => {
            Status::unavailable("data keys are out of reach; try again")
        }
        E::Bucket(_)
        | E::Entry { .. }
        | E::Unwrap { .. }
        | E::Destroyed { .. }
        | E::Random(_)
        | E::Wrap(_)
        | E::Register(RegisterError::Form) => {
            tracing::error!(error = %text, "the keys' bucket cannot be used");
            Status::internal("the keys' bucket cannot be used; the ledger's log line says why")
        }
    }
}
