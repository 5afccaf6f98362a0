//! The directory of recipients as a service: organisations, their units, the agreements with them, and who is suspended.
//!
//! *In scope*: checking what partnership specialists send, appending it through the ledger at the revision it was made on,
//! a projection of what stands, and reading it, one's own writes included.
//!
//! *Out of scope*: what an agreement allows (`egide-domain`), who may change the directory (the access table and the
//! ledger's), services that people are referred to, and anything about a case.

mod change;
mod liaison;
mod model;
mod page;
mod service;
mod validate;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use egide_eventlog::{EventLog, LogError};
use egide_projection::{Projection, ProjectionError};
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::Verifier;
use egide_servicekit::serve::{self, Api, Running, ServeConfig};
use egide_servicekit::shutdown::Shutdown;
use egide_wire::proto::egide::directory::v1::directory_service_server::DirectoryServiceServer;
use egide_wire::proto::egide::directory::v1::liaison_service_server::LiaisonServiceServer;

use crate::change::Changes;
use crate::liaison::Liaisons;
pub use crate::liaison::SignIn;
use crate::model::Recipients;
use crate::service::Directory;

/// The role's name.
pub const ROLE: &str = "directory";

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
    /// The ledger, called as the service `directory`; the caller's person is put in for every call.
    pub ledger: Upstream,
    /// How liaisons sign in; absent: nobody does here.
    pub sign_in: Option<SignIn>,
    /// Whether units may be told without TLS, on this machine.
    pub development: bool,
}

/// The service could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its projection.
    #[error("directory: {0}")]
    Projection(#[from] ProjectionError),
    /// The log.
    #[error("directory: {0}")]
    Log(#[from] LogError),
    /// Its server.
    #[error(transparent)]
    Serve(#[from] serve::Error),
}

/// Starts the service; answers when it takes calls. It stops by itself, with the reason, when the log cannot be trusted.
///
/// # Errors
/// See [`Error`].
pub async fn start(config: Config, shutdown: Shutdown) -> Result<Running, Error> {
    let Config { listen, verifier, log, projection, ledger, sign_in, development } = config;
    let projection = Projection::open(projection, Recipients, log.lineage())?;
    let began_at_block = log.last_number().await?;
    let changes = Changes::new(projection.clone(), ledger, development);
    let directory = Directory::new(projection.clone(), changes, began_at_block);
    let liaisons = LiaisonServiceServer::new(Liaisons::new(directory.clone(), sign_in));
    let api = Api::new().with(DirectoryServiceServer::new(directory)).with(liaisons);
    let running = serve::serve(ServeConfig::new(ROLE, listen), api, verifier, shutdown).await?;
    // It follows for as long as requests are answered: they wait for what they have written.
    Ok(running.beside(async move { projection.run(&log, std::future::pending()).await }))
}
