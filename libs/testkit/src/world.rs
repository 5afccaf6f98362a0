//! One installation for one test: a data directory, a `nats-server`, an issuer, and the roles the test starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::Credentials;
use egide_servicekit::serve::Running;
use egide_servicekit::shutdown::{self, Shutdown, Trigger};
use egide_servicekit::tls::Security;
use tempfile::TempDir;

use crate::{TestIdentity, TestNats, within};

/// See the module. Roles are started by the test and handed over with [`TestWorld::keep`]:
///
/// ```ignore
/// let mut world = TestWorld::start().await;
/// let ledger = world.keep(egide_ledger::start(config, world.shutdown()).await?);
/// ```
#[derive(Debug)]
pub struct TestWorld {
    // In the order in which they must go when dropped: roles, server, directory.
    trigger: Trigger,
    shutdown: Shutdown,
    roles: Vec<Running>,
    nats: TestNats,
    identity: TestIdentity,
    directory: TempDir,
}

impl TestWorld {
    /// A `nats-server` and an issuer in a directory of their own, and no role yet.
    ///
    /// # Panics
    /// When one of them does not start.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let nats = TestNats::start_in(directory.path()).await;
        let identity = TestIdentity::in_directory(directory.path());
        let (trigger, shutdown) = shutdown::channel();
        Self { trigger, shutdown, roles: Vec::new(), nats, identity, directory }
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.directory.path()
    }

    /// Where a role keeps its projection.
    #[must_use]
    pub fn projection(&self, role: &str) -> PathBuf {
        self.data().join("projections").join(role)
    }

    /// Where to listen: on loopback, on a free port.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    }

    /// The server.
    #[must_use]
    pub const fn nats(&self) -> &TestNats {
        &self.nats
    }

    /// The server, to kill and restart it.
    #[must_use]
    pub const fn nats_mut(&mut self) -> &mut TestNats {
        &mut self.nats
    }

    /// The issuer.
    #[must_use]
    pub const fn identity(&self) -> &TestIdentity {
        &self.identity
    }

    /// Asked for by [`TestWorld::stop`], and when the world goes.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Keeps a role that was started, and tells its URL.
    pub fn keep(&mut self, running: Running) -> String {
        let url = running.url();
        self.roles.push(running);
        url
    }

    /// The newest role of this name, to stop it or to wait for its end; the world no longer keeps it.
    ///
    /// # Panics
    /// When there is none.
    pub fn take(&mut self, role: &str) -> Running {
        let place = self.roles.iter().rposition(|running| running.role() == role);
        self.roles.remove(place.unwrap_or_else(|| panic!("no role `{role}` is running")))
    }

    /// A role at `url`, without TLS, called with `credentials`.
    ///
    /// # Panics
    /// When `url` is none.
    #[must_use]
    pub fn upstream(&self, url: &str, credentials: Credentials) -> Upstream {
        let anybody = "anybody".parse().expect("a name");
        Upstream::new("url", url, anybody, &Security::Insecure, credentials).expect("a url")
    }

    /// The role `expected` at `url`, called by `service` under mutual TLS.
    ///
    /// # Panics
    /// When `url` is none, or a name is none.
    #[must_use]
    pub fn secure_upstream(&self, expected: &str, url: &str, service: &str) -> Upstream {
        let expected = expected.parse().expect("a service's name");
        let security = self.identity.security(service);
        Upstream::new("url", url, expected, &security, Credentials::by_certificate()).expect("a url")
    }

    /// Stops all roles, the newest first, then the server.
    ///
    /// # Panics
    /// When a role had stopped for a reason of its own, or does not stop.
    pub async fn stop(mut self) {
        while let Some(role) = self.roles.pop() {
            let name = role.role();
            within(name, role.stop()).await.expect("a role ends in order");
        }
        self.trigger.request();
        self.nats.stop().await;
    }
}
