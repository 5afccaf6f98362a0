//! The transparency log of this role: who signs it, who hands it out, and who is asked to cosign it.
//!
//! Two checkpoints are kept apart. The one *signed here* follows every leaf within a moment. The one *published* follows on a schedule,
//! whatever happens in between, with the cosignatures of witnesses: whoever is outside sees sizes at those moments only.

pub mod keeper;
mod pages;
mod service;
mod witnesses;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egide_crypto::sign::SigningKey;
use egide_eventlog::EventLog;
use egide_projection::Projection;
use egide_servicekit::shutdown::Shutdown;
use egide_tlog::note::{KeyName, Kind, Note, NoteError, NoteKey};
use egide_trust::{Trust, Use};
use tokio::sync::watch;

use self::keeper::{Keeper, Published, Signed};
use self::witnesses::Witnesses;
use crate::model::History;

pub(crate) use self::service::Transparency;
pub use self::witnesses::Witness;

/// The shortest time between two checkpoints signed here: each takes two flushes of the disk.
const SIGN_INTERVAL: Duration = Duration::from_millis(200);
/// How often a checkpoint is published, unless it is said otherwise.
pub const PUBLISH_INTERVAL: Duration = Duration::from_secs(600);

/// What the transparency log of this role is made of.
#[derive(Debug)]
pub struct Settings {
    /// The folder of its checkpoints, and of nothing else.
    pub directory: PathBuf,
    /// What its checkpoints are signed with; exports of the history, too.
    pub key: Arc<SigningKey>,
    /// What its origin begins with; the incarnation of the log follows.
    pub name: KeyName,
    /// How often a checkpoint is published.
    pub publish_every: Duration,
    /// Where tiles and checkpoints are handed out to everybody; nowhere when absent.
    pub listen: Option<SocketAddr>,
    /// Who is asked to cosign.
    pub witnesses: Vec<Witness>,
}

/// The transparency log cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key is not certified, or not any more.
    #[error(
        "the key that signs checkpoints is not certified, or was revoked; have the root do it with `egide trust add-key --use history`"
    )]
    NotCertified,
    /// Its name is none.
    #[error(transparent)]
    Name(#[from] NoteError),
    /// What was signed before cannot be taken up.
    #[error(transparent)]
    Keeper(#[from] keeper::Error),
    /// Nobody can listen there.
    #[error("`{address}`: {source}; choose a free address, or port 0")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What is handed out.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) signed: watch::Receiver<Option<Arc<Signed>>>,
    pub(crate) published: watch::Receiver<Option<Arc<Note>>>,
    pub(crate) key: NoteKey,
}

/// The tasks of a transparency log.
pub(crate) struct Tasks {
    history: Projection<History>,
    keeper: Keeper,
    signed: watch::Sender<Option<Arc<Signed>>>,
    stored: Published,
    published: watch::Sender<Option<Arc<Note>>>,
    witnesses: Witnesses,
    publish_every: Duration,
    shown: Shown,
    pages: Option<tokio::net::TcpListener>,
}

/// The key of an incarnation of the log: its name is the origin of that tree.
///
/// # Errors
/// [`NoteError::NotAName`].
pub fn origin(name: &KeyName, incarnation: &str) -> Result<KeyName, NoteError> {
    format!("{name}/{incarnation}").parse()
}

/// The keys for checkpoints that count for an origin.
fn certified(trust: &Trust, origin: &KeyName) -> Vec<NoteKey> {
    let counts = trust.keys(Use::History).iter().filter(|key| key.revoked_after.is_none());
    counts.map(|key| NoteKey::new(origin.clone(), Kind::Ed25519, key.public_key)).collect()
}

impl Tasks {
    /// Takes up the log where it was left, and listens.
    pub(crate) async fn prepare(
        settings: Settings,
        history: Projection<History>,
        log: &EventLog,
    ) -> Result<Self, StartError> {
        let Settings { directory, key, name, publish_every, listen, witnesses } = settings;
        let origin = origin(&name, log.incarnation())?;
        let trust = log.trust().get();
        let older = certified(&trust, &origin);
        // Without a root, as in tests, nothing is certified.
        if trust.serial() > 0 && !older.iter().any(|known| *known.key() == key.public_key()) {
            return Err(StartError::NotCertified);
        }
        // A log that was restored goes on as another tree: what the restore gave up was signed, and stays signed.
        let keeper = Keeper::open(directory.join(log.incarnation()), origin, key, &older)?;
        let (stored, key) = (Published::of(&keeper), keeper.note_key());
        let last = keeper.last().cloned().map(Arc::new);
        let before = stored.read(&key)?.map(Arc::new);
        let (signed, published) = (watch::Sender::new(last), watch::Sender::new(before));
        let shown = Shown { signed: signed.subscribe(), published: published.subscribe(), key };
        let pages = match listen {
            None => None,
            Some(address) => {
                let listening = egide_servicekit::plain::listen(address).await;
                let (listener, address) = listening.map_err(|source| StartError::Listen { address, source })?;
                tracing::info!(%address, "the transparency log is handed out");
                Some(listener)
            }
        };
        let witnesses = Witnesses::new(witnesses);
        Ok(Self { history, keeper, signed, stored, published, witnesses, publish_every, shown, pages })
    }

    /// What is handed out from now on.
    pub(crate) fn shown(&self) -> Shown {
        self.shown.clone()
    }

    /// Signs, publishes and hands out, without end.
    ///
    /// # Errors
    /// [`keeper::Error`]: what was signed does not fit what is there, and this role must not go on as if it did.
    pub(crate) async fn run(self, shutdown: Shutdown) -> Result<(), keeper::Error> {
        let Self { history, keeper, signed, stored, published, witnesses, publish_every, shown, pages } = self;
        let handing_out = async {
            match pages {
                Some(listener) => pages::serve(listener, history.clone(), shown.clone(), shutdown).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = sign(history.clone(), keeper, signed) => ended,
            ended = publish(history.clone(), shown.signed.clone(), stored, published, witnesses, publish_every) => ended,
            () = handing_out => Ok(()),
        }
    }
}

/// Signs what is new, as soon as it is there.
async fn sign(
    history: Projection<History>,
    mut keeper: Keeper,
    signed: watch::Sender<Option<Arc<Signed>>>,
) -> Result<(), keeper::Error> {
    let mut progress = history.subscribe();
    loop {
        progress.borrow_and_update();
        let shown = history.clone();
        let advanced = tokio::task::spawn_blocking(move || {
            let advanced = keeper.advance(&shown.view()).map(|signed| signed.cloned());
            (keeper, advanced)
        });
        let advanced = advanced.await.map_err(|_| keeper::Error::Ended)?;
        keeper = advanced.0;
        match advanced.1 {
            Ok(None) => {}
            Ok(Some(new)) => drop(signed.send_replace(Some(Arc::new(new)))),
            Err(error @ keeper::Error::File { .. }) => {
                tracing::error!(reason = %error, "no checkpoint can be signed: tried again");
                tokio::time::sleep(SIGN_INTERVAL).await;
                continue;
            }
            Err(error) => {
                tracing::error!(reason = %error, "no checkpoint is signed any more");
                return Err(error);
            }
        }
        tokio::time::sleep(SIGN_INTERVAL).await;
        // The sender lives as long as the projection, which is held here.
        if progress.changed().await.is_err() {
            return Err(keeper::Error::Ended);
        }
    }
}

/// Publishes the newest checkpoint on schedule, with whatever cosignatures there are by then.
async fn publish(
    history: Projection<History>,
    mut signed: watch::Receiver<Option<Arc<Signed>>>,
    stored: Published,
    published: watch::Sender<Option<Arc<Note>>>,
    mut witnesses: Witnesses,
    every: Duration,
) -> Result<(), keeper::Error> {
    if signed.wait_for(Option::is_some).await.is_err() {
        return Err(keeper::Error::Ended);
    }
    let mut schedule = tokio::time::interval(every);
    schedule.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        schedule.tick().await;
        let Some(newest) = signed.borrow_and_update().clone() else { continue };
        let note = witnesses.cosign(&history, &newest).await;
        match stored.write(&note) {
            Ok(()) => drop(published.send_replace(Some(Arc::new(note)))),
            Err(error) => tracing::error!(reason = %error, "no checkpoint can be published: tried again"),
        }
    }
}
