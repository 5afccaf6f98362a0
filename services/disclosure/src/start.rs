//! Starting the service in this process.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use egide_crypto::digest::Fingerprinter;
use egide_crypto::sign::SigningKey;
use egide_domain::time::Timestamp;
use egide_eventlog::{Anchor, Connection, ConnectionConfig, ConnectionError, EventLog, LogConfig, LogError};
use egide_projection::{Projection, ProjectionError};
use egide_redaction::generalise::Day;
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::Verifier;
use egide_servicekit::policy::LoadedPolicy;
use egide_servicekit::serve::{self, Api, Running, ServeConfig, serve};
use egide_servicekit::shutdown::Shutdown;
use egide_servicekit::typesetter::Typesetter;
use egide_trust::KeyRefusal;
use egide_wire::proto::egide::disclosure::v1::disclosure_service_server::DisclosureServiceServer;
use egide_wire::proto::egide::disclosure::v1::referral_service_server::ReferralServiceServer;

use crate::disclosure_service::Disclosures;
use crate::gate::{AdoptedPolicies, Gate, Versions};
use crate::ledger::Ledger;
use crate::model::Facts;
use crate::reader::Reader;
use crate::referral_service::Referrals;
use crate::turns::Turns;

/// How long after an outsider's call began a refusal is answered, when nothing else is configured: longer than whatever is done
/// before a refusal takes on a healthy machine.
pub const REFUSE_AFTER: Duration = Duration::from_millis(250);

/// What the service needs.
#[derive(Debug)]
pub struct Config {
    /// Where it listens, and within which bounds; role `disclosure`.
    pub serve: ServeConfig,
    /// NATS, as a reader of the log.
    pub nats: ConnectionConfig,
    /// How the log's stream is laid out; it is never created here.
    pub log: LogConfig,
    /// What the log is held against: the keys that sign blocks and acknowledgements, restores, this instance's own mark.
    pub anchor: Anchor,
    /// Directory of the projection.
    pub projection: PathBuf,
    /// The ledger, called as the service `disclosure`.
    pub ledger: Upstream,
    /// Proves who calls.
    pub verifier: Arc<Verifier>,
    /// Signs reports. Every instance has the same, or one whose public key is published as well.
    pub report_key: SigningKey,
    /// Makes pseudonyms, page tokens and the salts of commitments. Every instance has the same, for ever: another one gives people
    /// other codes.
    pub secret: Fingerprinter,
    /// The policy decisions are made under.
    pub policy: LoadedPolicy,
    /// Sets the pages that go into packages; without it they go without.
    pub typesetter: Option<Typesetter>,
    /// See [`REFUSE_AFTER`].
    pub refuse_after: Duration,
    /// The time: [`egide_servicekit::clock::now`], or another in a test.
    pub clock: fn() -> Timestamp,
}

/// The service could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// NATS cannot be reached.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The projection cannot be opened.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// Its key for reports is not certified, or counts no more: whatever it signed, nobody could rely on.
    #[error(
        "a report signed here today would be refused: {0}; certify the key with `egide trust add-key --use report`, or start with \
         the one that `egide trust show` lists"
    )]
    ReportKey(#[from] KeyRefusal),
    /// There is no such day: the clock is wrong.
    #[error("the clock says a day that no calendar has; set it right")]
    Clock,
    /// Nobody can be served.
    #[error(transparent)]
    Serve(#[from] serve::Error),
}

/// Starts the service; answers when it listens. Calls wait until the projection has reached the end of the log.
///
/// # Errors
/// See [`Error`].
pub async fn start(config: Config, shutdown: Shutdown) -> Result<Running, Error> {
    let trust = config.anchor.trust().clone();
    let today = Day::of((config.clock)()).to_string().parse().map_err(|_| Error::Clock)?;
    trust.get().report_key_on(config.report_key.key_id(), today)?;
    let connection = Connection::open(&config.nats).await?;
    let log = EventLog::open(connection, LogConfig { create: false, ..config.log }, config.anchor).await?;
    let projection = Projection::open(&config.projection, Facts, log.lineage())?;
    let gate = Arc::new(Gate {
        reader: Reader::new(projection.clone(), log.clone()),
        ledger: Ledger::new(config.ledger, trust, log.incarnation().into()),
        policy: Arc::clone(config.policy.policy()),
        versions: Versions::of(&config.policy),
        policies: AdoptedPolicies::default(),
        adopted: AtomicBool::new(false),
        report_key: config.report_key,
        typesetter: config.typesetter,
        secret: config.secret,
        refuse_after: config.refuse_after,
        turns: Turns::default(),
        clock: config.clock,
        shutdown: shutdown.clone(),
    });
    let api = Api::new()
        .with(DisclosureServiceServer::new(Disclosures(Arc::clone(&gate))))
        .with(ReferralServiceServer::new(Referrals(gate)));
    let running = serve(config.serve, api, config.verifier, shutdown.clone()).await?;
    Ok(running.beside(async move { projection.run(&log, shutdown.requested()).await }))
}
