//! What waits for somebody: what disclosures bind us to, what a supervisor or a second person must look at, and the clocks of
//! both.
//!
//! *In scope*: a projection of the cases in which something waits, lists of it by due time, and noting in the log, once, what is
//! due soon, what is overdue, which approvals have expired, and what became of telling units that something waits for them.
//!
//! *Out of scope*: what binds us and when it is met (`egide-domain`), doing any of it, and anything that identifies somebody:
//! only facts are kept here.

mod agenda;
mod cases;
mod clock;
mod looks;
mod model;
mod notices;
mod page;
mod service;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use egide_domain::Policy;
use egide_domain::time::Timestamp;
use egide_eventlog::EventLog;
use egide_projection::{Projection, ProjectionError};
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::Verifier;
use egide_servicekit::serve::{self, Api, Running, ServeConfig};
use egide_servicekit::shutdown::Shutdown;
use egide_wire::proto::egide::triage::v1::notice_service_server::NoticeServiceServer;
use egide_wire::proto::egide::triage::v1::triage_service_server::TriageServiceServer;

use crate::cases::Cases;
use crate::clock::Clock;
use crate::looks::Looks;
use crate::model::Waiting;
use crate::notices::Notices;
use crate::service::Triage;

/// The role's name.
pub const ROLE: &str = "triage";

/// What the service needs.
#[derive(Debug)]
pub struct Config {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Checks who calls.
    pub verifier: Arc<Verifier>,
    /// The log, opened.
    pub log: EventLog,
    /// Directory of the projection.
    pub projection: PathBuf,
    /// The ledger, called as the service `triage`: for its own notes alone, for looks with the caller's person.
    pub ledger: Upstream,
    /// Periods and rules.
    pub policy: Arc<Policy>,
    /// The time: `egide_servicekit::clock::now`, or another in a test.
    pub clock: fn() -> Timestamp,
}

/// The service could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its projection.
    #[error("triage: {0}")]
    Projection(#[from] ProjectionError),
    /// Its server.
    #[error(transparent)]
    Serve(#[from] serve::Error),
}

/// Starts the service; answers when it takes calls. It stops by itself, with the reason, when the log cannot be trusted.
///
/// # Errors
/// See [`Error`].
pub async fn start(config: Config, shutdown: Shutdown) -> Result<Running, Error> {
    let Config { listen, verifier, log, projection, ledger, policy, clock } = config;
    let projection = Projection::open(projection, Waiting::new(Arc::clone(&policy)), log.lineage())?;
    let cases = Arc::new(Cases::new(projection.clone(), Arc::clone(&policy)));
    let looks = Looks::new(ledger.clone(), projection.clone());
    let service = Triage::new(Arc::clone(&cases), looks, clock);
    let notices = Notices::new(Arc::clone(&cases), log.clone(), ledger.clone(), clock);
    let clock = Clock::new(cases, log.clone(), ledger, clock);
    let api = Api::new().with(TriageServiceServer::new(service)).with(NoticeServiceServer::new(notices));
    let running = serve::serve(ServeConfig::new(ROLE, listen), api, verifier, shutdown.clone()).await?;
    // It follows for as long as requests are answered: they wait for their own looks. Nothing is noted any more once the end
    // was asked for.
    Ok(running.beside(async move {
        let following = projection.run(&log, std::future::pending());
        tokio::pin!(following);
        tokio::select! {
            ended = &mut following => return ended,
            () = clock.run(shutdown) => {}
        }
        following.await
    }))
}
