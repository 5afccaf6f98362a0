//! The portal of liaisons as a role: a process of its own, which knows no key, no log and no policy.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use egide_portal::Config;
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::ServiceName;
use egide_servicekit::shutdown::Shutdown;
use egide_servicekit::typesetter::Typesetter;
use egide_web::server::{TlsFiles, bind};
use tokio::net::TcpListener;

use crate::acting::Identities;
use crate::endpoints::{Endpoints, Service};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::typesetter::find_if_there;

/// Where it listens unless told otherwise.
pub(crate) const PORT: u16 = 4620;

/// Of `egide serve`: the site, for the portal itself and for the directory that signs its people in.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct PortalArgs {
    #[arg(long, value_name = "ORIGIN", env = "EGIDE_PORTAL_ORIGIN")]
    pub(crate) portal_origin: Option<String>,
    #[arg(long, value_name = "FILE", requires = "portal_key", value_hint = clap::ValueHint::FilePath)]
    portal_certificate: Option<PathBuf>,
    #[arg(long, value_name = "FILE", requires = "portal_certificate", value_hint = clap::ValueHint::FilePath)]
    portal_key: Option<PathBuf>,
}

impl PortalArgs {
    fn tls(&self) -> Option<TlsFiles> {
        let (certificate, key) = self.portal_certificate.clone().zip(self.portal_key.clone())?;
        Some(TlsFiles { certificate, key })
    }
}

/// What the site needs besides where the services are.
pub(crate) struct Place {
    pub(crate) listener: TcpListener,
    pub(crate) origin: String,
    tls: Option<TlsFiles>,
    typesetter: Option<Typesetter>,
}

impl Place {
    /// As the command line says.
    pub(crate) async fn of(args: &PortalArgs, typeset: Option<&Path>, listen: SocketAddr) -> Result<Self, Failure> {
        let (listener, address) = bind(listen).await.map_err(refused)?;
        let here = || format!("http://localhost:{}", address.port());
        let origin = args.portal_origin.clone().unwrap_or_else(here);
        Ok(Self { listener, origin, tls: args.tls(), typesetter: find_if_there(typeset)? })
    }
}

pub(crate) fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, "fail.config").with("error", error)
}

fn upstream(
    service: Service,
    endpoints: &Endpoints,
    identities: &Identities,
    own: &ServiceName,
) -> Result<Upstream, Failure> {
    let missing = || Failure::new(Exit::Usage, "fail.portal_upstream").with("service", service.name());
    let url = endpoints.of(service).ok_or_else(missing)?;
    let expected = service.name().parse().map_err(refused)?;
    let credentials = identities.credentials(own, None)?;
    Upstream::new(service.name(), url, expected, &identities.security(own)?, credentials).map_err(refused)
}

/// The portal, until the end is asked for; and where it is.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn start(
    place: Place,
    endpoints: &Endpoints,
    identities: &Identities,
    shutdown: Shutdown,
) -> Result<(String, impl Future<Output = ()> + Send + 'static), Failure> {
    let own: ServiceName = egide_portal::ROLE.parse().map_err(refused)?;
    let origin = place.origin.clone();
    let config = Config {
        listener: place.listener,
        tls: place.tls,
        origin: place.origin,
        directory: upstream(Service::Directory, endpoints, identities, &own)?,
        disclosure: upstream(Service::Disclosure, endpoints, identities, &own)?,
        credentials: identities.credentials(&own, None)?,
        typeset: place.typesetter,
    };
    Ok((origin, egide_portal::start(config, shutdown).map_err(refused)?))
}
