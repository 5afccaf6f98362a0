//! Starting a ledger.

use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egide_crypto::digest::Fingerprinter;
use egide_crypto::random::RandomUnavailable;
use egide_crypto::sign::{KeyId, ParseSigningKeyError, SigningKey};
use egide_domain::time::Timestamp;
use egide_eventlog::{
    Anchor, Appender, Bucket, BucketConfig, BucketError, Connection, ConnectionConfig, ConnectionError, EventLog,
    KeyBucket, LogConfig, LogError,
};
use egide_projection::{Projection, ProjectionError};
use egide_servicekit::identity::Verifier;
use egide_servicekit::policy::LoadedPolicy;
use egide_servicekit::serve::{self, Api, Running, ServeConfig};
use egide_servicekit::shutdown::Shutdown;
use egide_trust::CurrentTrust;
use egide_vault::{KeyEncryptionKeys, KeyName, Vault};
use egide_wire::proto::egide::house::v1::house_service_server::HouseServiceServer;
use egide_wire::proto::egide::ledger::v1::caller_service_server::CallerServiceServer;
use egide_wire::proto::egide::ledger::v1::key_service_server::KeyServiceServer;
use egide_wire::proto::egide::ledger::v1::ledger_service_server::LedgerServiceServer;
use zeroize::Zeroizing;

use crate::command::uuid_v7;
use crate::emitters::{self, Emitters};
use crate::eraser::{self, Eraser};
use crate::find::{CallerApi, Index, Stretching};
use crate::house::HouseApi;
use crate::keyring::Keyring;
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::limit::AccessLimit;
use crate::model::LedgerModel;
use crate::room::Room;
use crate::service::Service;
use crate::writer::Writer;
use crate::writer::queue::Queue;

/// For which purpose the fingerprints' key is derived.
const FINGERPRINTS: &str = "egide/command/v1";
/// For which purpose the key of blind indexes is derived.
const INDEX: &str = "egide/find/v1";
/// How long catching up goes on before it is reported again.
const CATCH_UP_REPORT: Duration = Duration::from_secs(10);

/// What a ledger is started with.
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where NATS is.
    pub nats: ConnectionConfig,
    /// How the log is laid out, and whether it is created if there is none.
    pub log: LogConfig,
    /// The same for the buckets of wrapped keys and of blind indexes.
    pub keys: BucketConfig,
    /// The directory of the ledger's projection; its own, also beside another ledger.
    pub projection: PathBuf,
    /// The keys that wrap data keys; the same for every ledger of one log, but while a new epoch begins.
    pub key_encryption_keys: KeyEncryptionKeys,
    /// Whether the current one of them lies on the disk on which the log is stored: development mode, in which nothing
    /// that is shredded ever counts as erased.
    pub key_on_store_disk: bool,
    /// The PKCS#8 document (DER) of the key that signs blocks and acknowledgements.
    pub signing_key: Zeroizing<Vec<u8>>,
    /// What the log is held against: keys that count (the signing key's public half among them), restores, this instance's
    /// own mark.
    pub anchor: Anchor,
    /// Who callers are.
    pub verifier: Arc<Verifier>,
    /// The policy by which events are admitted, with the wordings in which consent is asked for.
    pub policy: LoadedPolicy,
    /// The time: [`egide_servicekit::clock::now`], or another in a test.
    pub clock: fn() -> Timestamp,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("projection", &self.projection)
            .finish_non_exhaustive()
    }
}

/// A ledger could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The signing key is none.
    #[error(transparent)]
    SigningKey(#[from] ParseSigningKeyError),
    /// Nobody would believe what this ledger signs.
    #[error(
        "signing key `{0}` is certified by no root; have its public half added with `egide trust add-key` before starting"
    )]
    NotInRing(KeyId),
    /// The key was revoked, or counts only later.
    #[error(
        "signing key `{key_id}` does not count at position `{position}`, where this ledger would write; start with another key"
    )]
    NotValid {
        /// Which key.
        key_id: KeyId,
        /// The position of the next event.
        position: u64,
    },
    /// The table of emitters cannot be used.
    #[error(transparent)]
    Emitters(#[from] EmittersError),
    /// No connection to NATS.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The bucket of keys cannot be used.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The ledger's own key cannot be had: most often another key-encryption key was given than wrapped it.
    #[error(transparent)]
    Vault(#[from] egide_vault::Error),
    /// The projection cannot be used.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// Entries of shredded keys could not be deleted.
    #[error(transparent)]
    Eraser(#[from] EraserError),
    /// The end was asked for before the ledger had caught up with the log.
    #[error("the end was asked for before the ledger had caught up with the log")]
    Stopped,
    /// No id could be drawn.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    /// The server cannot be started.
    #[error(transparent)]
    Serve(#[from] serve::Error),
}

/// Entries of shredded keys could not be deleted.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct EraserError(#[from] eraser::Error);

/// The table of emitters that was built in cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct EmittersError(#[from] emitters::Error);

/// Starts a ledger and answers when it has caught up with the log and listens. It stops on `shutdown`, or when it must not go
/// on: then what it runs as says why.
///
/// # Errors
/// See [`Error`].
pub async fn start(config: Config, shutdown: Shutdown) -> Result<Running, Error> {
    let signing_key = SigningKey::from_pkcs8(&config.signing_key)?;
    let trust = config.anchor.trust().clone();
    certified(&signing_key, &trust, 0)?;
    let emitters = Emitters::load().map_err(EmittersError)?;
    let connection = Connection::open(&config.nats).await?;
    let log = EventLog::open(connection.clone(), config.log, config.anchor).await?;
    let keys = KeyBucket::open(connection.clone(), &config.keys).await?;
    let vault = Arc::new(Vault::new(keys, config.key_encryption_keys));
    let find = Bucket::open_find(connection, &config.keys).await?;
    let index = Fingerprinter::from_data_key(&*vault.key_for(KeyName::Index).await?, INDEX);
    let index = Arc::new(Index::new(find, index));
    let fingerprinter = Fingerprinter::from_data_key(&*vault.key_for(KeyName::Fingerprints).await?, FINGERPRINTS);
    // After the first use: a key that does not fit what stands is not in use.
    vault.register_current((config.clock)(), config.key_on_store_disk).await?;
    let projection = Projection::open(&config.projection, LedgerModel, log.lineage())?;
    let mut following = Box::pin({
        let (projection, log) = (projection.clone(), log.clone());
        // Ends with the server: what is not yet on disk then is applied again from the log.
        async move { projection.run(&log, pending()).await }
    });
    tokio::select! {
        ended = &mut following => { ended?; return Err(Error::Stopped) }
        caught_up = catch_up(&log, &projection) => caught_up?,
        () = shutdown.requested() => return Err(Error::Stopped),
    }
    // Before anything is served: a key that came back with a restored bucket goes again.
    let eraser = Eraser::new(Arc::clone(&vault), Arc::clone(&index), projection.clone());
    tokio::select! {
        ended = &mut following => { ended?; return Err(Error::Stopped) }
        erased = eraser.everything() => erased.map_err(EraserError)?,
        () = shutdown.requested() => return Err(Error::Stopped),
    }
    certified(&signing_key, &trust, projection.head().next_position())?;
    let queue = Arc::new(Queue::default());
    let writer = Writer {
        queue: Arc::clone(&queue),
        appender: Appender::new(log.clone(), SigningKey::from_pkcs8(&config.signing_key)?, uuid_v7((config.clock)())?),
        projection: projection.clone(),
        policy: Arc::clone(config.policy.policy()),
        clock: config.clock,
    };
    let keys = Keys {
        vault: Arc::clone(&vault),
        projection: projection.clone(),
        erased: eraser.erased(),
        development: config.key_on_store_disk,
        rotating: Arc::default(),
        clock: config.clock,
    };
    let patrolled = log.clone();
    let ledger = Arc::new(Ledger {
        log,
        keyring: Keyring::new(Arc::clone(&vault), projection.clone()),
        projection,
        fingerprinter,
        emitters,
        queue,
        signing_key,
        access_limit: AccessLimit::new(),
        index,
        stretching: Stretching::new(),
        room: Room::new(),
        policy: config.policy,
        clock: config.clock,
    });
    let house = HouseApi(Arc::clone(&ledger));
    let api = Api::new()
        .with(LedgerServiceServer::new(Service(Arc::clone(&ledger))))
        .with(CallerServiceServer::new(CallerApi(ledger)))
        .with(KeyServiceServer::new(keys))
        .with(HouseServiceServer::new(house));
    let served = ServeConfig { limits: Room::limits(), ..ServeConfig::new("ledger", config.listen) };
    let running = serve::serve(served, api, config.verifier, shutdown).await?;
    // The writer has no end of its own: it writes until the server has answered everybody.
    Ok(running.beside(async move {
        tokio::select! {
            halted = patrolled.patrol() => Err(Box::<dyn std::error::Error + Send + Sync>::from(halted)),
            written = writer.run() => written.map_err(Box::<dyn std::error::Error + Send + Sync>::from),
            followed = following => followed.map_err(Box::from),
            Err(stopped) = eraser.run() => Err(Box::from(stopped)),
        }
    }))
}

/// Whether anybody would believe what this key signs at `position` and after.
fn certified(signing_key: &SigningKey, trust: &CurrentTrust, position: u64) -> Result<(), Error> {
    let key_id = signing_key.key_id();
    let trust = trust.get();
    let entry = trust.ledger().get(key_id).ok_or(Error::NotInRing(key_id))?;
    match (entry.valid_from(), entry.revoked_after()) {
        (_, Some(last)) if position > last => Err(Error::NotValid { key_id, position }),
        (Some(first), _) if position > 0 && position < first => Err(Error::NotValid { key_id, position }),
        (_, _) => Ok(()),
    }
}

/// Waits until everything is applied that stands in the log now.
async fn catch_up(log: &EventLog, projection: &Projection<LedgerModel>) -> Result<(), Error> {
    let last = log.last_number().await?;
    while projection.wait_for_block(last, CATCH_UP_REPORT).await.is_err() {
        tracing::info!(applied = projection.head().number(), last, "catching up with the log");
    }
    Ok(())
}
