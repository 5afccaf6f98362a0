//! Starting the services, each with keys and a NATS connection of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use egide_crypto::digest::Fingerprinter;
use egide_crypto::random::random_bytes;
use egide_crypto::sign::{KeyRing, SigningKey};
use egide_crypto::wrap::KeyEncryptionKey;
use egide_domain::policy::Policy;
use egide_eventlog::{BucketConfig, Connection, ConnectionConfig, EventLog, LogConfig};
use egide_servicekit::channel::Upstream;
use egide_servicekit::serve::{Running, ServeConfig};
use egide_testkit::{PATIENCE, TestWorld};
use tokio::time::{Instant, sleep};

use crate::world::Plan;

/// Why a role did not start; each has an error of its own.
type NotStarted = Box<dyn std::error::Error + Send + Sync>;

/// Room for the log: more than any test fills.
const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// A role, as tests name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The ledger.
    Ledger,
    /// A second ledger on the same log.
    SecondLedger,
    /// The directory.
    Directory,
    /// The gate.
    Disclosure,
    /// The history.
    Audit,
}

impl Role {
    /// Under which it keeps its projection.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::SecondLedger => "ledger-2",
            Self::Directory => "directory",
            Self::Disclosure => "disclosure",
            Self::Audit => "audit",
        }
    }
}

/// The PKCS#8 document of a signing key, copied for every start.
struct Document(Vec<u8>);

impl Document {
    fn new() -> (Self, SigningKey) {
        let (key, document) = SigningKey::generate().expect("a signing key");
        (Self(document.to_vec()), key)
    }

    fn key(&self) -> SigningKey {
        SigningKey::from_pkcs8(&self.0).expect("the document of a key")
    }
}

/// The keys of one installation, and how its roles are configured.
pub(crate) struct Roles {
    key_encryption_key: String,
    ledgers: [Document; 2],
    reports: Document,
    ring: KeyRing,
    secret: [u8; 32],
    policy: Arc<Policy>,
    plan: Plan,
}

impl Roles {
    pub(crate) fn new(plan: Plan) -> Self {
        let epoch = "test".parse().expect("the name of an epoch");
        let key_encryption_key = KeyEncryptionKey::generate(epoch).expect("a key").to_base64().to_string();
        let ((one, first), (two, second)) = (Document::new(), Document::new());
        let (reports, _) = Document::new();
        let mut ring = KeyRing::new();
        for key in [first, second] {
            ring.insert(key.public_key(), None, None).expect("two keys that differ");
        }
        let policy = Arc::new(Policy::embedded().expect("the policy in the source"));
        let secret = random_bytes().expect("random bytes");
        Self { key_encryption_key, ledgers: [one, two], reports, ring, secret, policy, plan }
    }

    /// The key that signs reports.
    pub(crate) fn report_key(&self) -> SigningKey {
        self.reports.key()
    }

    /// The log, once a ledger has created it, over a connection of its own.
    pub(crate) async fn log(&self, kit: &TestWorld) -> EventLog {
        let connection = Connection::open(&nats(kit)).await.expect("a connection to NATS");
        EventLog::open(connection, log_config(false), self.ring.clone()).await.expect("the log")
    }

    /// Starts one role; all but the ledgers need the URL of one. One that stopped just now may hold its projection for a
    /// moment longer, which is waited for.
    pub(crate) async fn start(&self, kit: &TestWorld, role: Role, listen: SocketAddr, ledger: &str) -> Running {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.try_start(kit, role, listen, ledger).await {
                Ok(running) => return running,
                Err(error) if error.to_string().contains("are in use") && Instant::now() < end => {
                    sleep(Duration::from_millis(5)).await;
                }
                Err(error) => panic!("{} does not start: {error}", role.name()),
            }
        }
    }

    async fn try_start(
        &self,
        kit: &TestWorld,
        role: Role,
        listen: SocketAddr,
        ledger: &str,
    ) -> Result<Running, NotStarted> {
        match role {
            Role::Ledger => self.ledger(kit, 0, listen).await,
            Role::SecondLedger => self.ledger(kit, 1, listen).await,
            Role::Directory => self.directory(kit, listen, ledger).await,
            Role::Disclosure => self.disclosure(kit, listen, ledger).await,
            Role::Audit => self.audit(kit, listen, ledger).await,
        }
    }

    async fn ledger(&self, kit: &TestWorld, number: usize, listen: SocketAddr) -> Result<Running, NotStarted> {
        let role = if number == 0 { Role::Ledger } else { Role::SecondLedger };
        let epoch = "test".parse().expect("the name of an epoch");
        let key_encryption_key = KeyEncryptionKey::parse(epoch, &self.key_encryption_key).expect("a key");
        let config = egide_ledger::Config {
            listen,
            nats: nats(kit),
            log: log_config(true),
            keys: BucketConfig { create: true, replicas: 1 },
            projection: kit.projection(role.name()),
            key_encryption_key,
            signing_key: self.ledgers[number].0.clone().into(),
            anchor: self.ring.clone().into(),
            verifier: kit.identity().verifier(),
            policy: Arc::clone(&self.policy),
            clock: self.plan.clock,
        };
        Ok(egide_ledger::start(config, kit.shutdown()).await?)
    }

    async fn directory(&self, kit: &TestWorld, listen: SocketAddr, ledger: &str) -> Result<Running, NotStarted> {
        let config = egide_directory::Config {
            listen,
            verifier: kit.identity().verifier(),
            log: self.log(kit).await,
            projection: kit.projection(Role::Directory.name()),
            ledger: upstream(kit, "directory", ledger),
        };
        Ok(egide_directory::start(config, kit.shutdown()).await?)
    }

    async fn disclosure(&self, kit: &TestWorld, listen: SocketAddr, ledger: &str) -> Result<Running, NotStarted> {
        let config = egide_disclosure::Config {
            serve: ServeConfig::new(Role::Disclosure.name(), listen),
            nats: nats(kit),
            log: log_config(false),
            anchor: self.ring.clone().into(),
            projection: kit.projection(Role::Disclosure.name()),
            ledger: upstream(kit, "disclosure", ledger),
            verifier: kit.identity().verifier(),
            report_key: self.reports.key(),
            secret: Fingerprinter::new(&self.secret),
            refuse_after: self.plan.refuse_after,
            clock: self.plan.clock,
        };
        Ok(egide_disclosure::start(config, kit.shutdown()).await?)
    }

    async fn audit(&self, kit: &TestWorld, listen: SocketAddr, ledger: &str) -> Result<Running, NotStarted> {
        let config = egide_audit::Config {
            listen,
            projection: kit.projection(Role::Audit.name()),
            rebuild: false,
            log: self.log(kit).await,
            ledger: upstream(kit, "audit", ledger),
            verifier: kit.identity().verifier(),
        };
        Ok(egide_audit::start(config, kit.shutdown()).await?)
    }
}

fn nats(kit: &TestWorld) -> ConnectionConfig {
    ConnectionConfig::new(kit.nats().url()).with_user(kit.nats().user(), kit.nats().password())
}

const fn log_config(create: bool) -> LogConfig {
    LogConfig { create, max_bytes: LOG_BYTES_MAX, replicas: 1 }
}

fn upstream(kit: &TestWorld, service: &str, url: &str) -> Upstream {
    kit.upstream(url, kit.identity().service(service))
}
