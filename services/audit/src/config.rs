//! What this role is made of, and its start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use egide_eventlog::{EventLog, VerifiedBlock};
use egide_projection::{ModelError, Projection, ProjectionError, ReadModel, Rows};
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::Verifier;
use egide_servicekit::serve::{self, Api, Running, ServeConfig, serve};
use egide_servicekit::shutdown::Shutdown;
use egide_trust::Lineage;
use egide_wire::proto::egide::audit::v1::audit_service_server::AuditServiceServer;
use egide_wire::proto::egide::audit::v1::history_service_server::HistoryServiceServer;
use egide_wire::proto::egide::audit::v1::transparency_service_server::TransparencyServiceServer;

use crate::looks::Looks;
use crate::model::History;
use crate::query::words;
use crate::service::Audit;
use crate::transparency::{Settings, StartError, Tasks, Transparency};

/// The name of this role.
pub const ROLE: &str = "audit";

/// What this role is made of.
#[derive(Debug)]
pub struct Config {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The directory of the projection's files, and of nothing else.
    pub projection: PathBuf,
    /// Whether to throw the projection away and build it again from the first block of the log.
    pub rebuild: bool,
    /// The log, opened with this role's own NATS user.
    pub log: EventLog,
    /// The ledger, called as this role: looks are recorded there.
    pub ledger: Upstream,
    /// Who callers are.
    pub verifier: Arc<Verifier>,
    /// The transparency log.
    pub transparency: Settings,
}

/// This role could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The projection cannot be opened.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// The server cannot be started.
    #[error(transparent)]
    Serve(#[from] serve::Error),
    /// The transparency log cannot be started.
    #[error(transparent)]
    Transparency(#[from] StartError),
}

/// Starts this role: opens the projection, follows the log and serves until `shutdown`. Answers once it listens; until the
/// projection has caught up with the log, looks are answered `UNAVAILABLE`.
///
/// # Errors
/// See [`Error`].
pub async fn start(config: Config, shutdown: Shutdown) -> Result<Running, Error> {
    let Config { listen, projection, rebuild, log, ledger, verifier, transparency } = config;
    if rebuild {
        forget(&projection, log.lineage())?;
    }
    words::prepare();
    let history = Projection::open(&projection, History, log.lineage())?;
    let export_key = Arc::clone(&transparency.key);
    let tasks = Tasks::prepare(transparency, history.clone(), &log).await?;
    let looks = Looks::new(ledger.clone(), history.clone(), log.clone());
    let proofs = Transparency::new(history.clone(), looks, log.clone(), tasks.shown());
    let audit = Audit::new(history.clone(), ledger, log.clone(), export_key);
    let api = Api::new()
        .with(AuditServiceServer::new(audit.clone()))
        .with(HistoryServiceServer::new(audit))
        .with(TransparencyServiceServer::new(proofs));
    let running = serve(ServeConfig::new(ROLE, listen), api, verifier, shutdown.clone()).await?;
    // Until the server has answered its last request: looks under way when the end is asked for still need the history.
    let running = running.beside(async move { history.run(&log, std::future::pending()).await });
    Ok(running.beside(tasks.run(shutdown)))
}

/// Throws all rows away: opening a directory for another model does that, whatever the rows were and of which log.
fn forget(directory: &std::path::Path, lineage: &Lineage) -> Result<(), ProjectionError> {
    tracing::info!(projection = History::NAME, "rebuilding from the first block, as asked");
    Projection::open(directory, Nothing, lineage).map(drop)
}

/// A model without rows.
struct Nothing;

impl ReadModel for Nothing {
    const NAME: &'static str = "nothing";
    const VERSION: u32 = 1;

    fn apply(&self, _: &VerifiedBlock, _: &mut Rows<'_>) -> Result<(), ModelError> {
        Ok(())
    }
}
