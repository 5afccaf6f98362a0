//! Starting the services, each with keys and a NATS connection of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use egide_crypto::digest::Fingerprinter;
use egide_crypto::random::random_bytes;
use egide_crypto::sign::{KeyRing, SigningKey};
use egide_crypto::wrap::KeyEncryptionKey;
use egide_eventlog::{BucketConfig, Connection, ConnectionConfig, EventLog, LogConfig};
use egide_servicekit::channel::Upstream;
use egide_servicekit::nats::Identity;
use egide_servicekit::policy::LoadedPolicy;
use egide_servicekit::serve::{Running, ServeConfig};
use egide_testkit::{PATIENCE, TestWorld};
use egide_trust::Trust;
use egide_vault::KeyEncryptionKeys;
use tokio::time::{Instant, sleep};

use crate::world::Plan;

/// Why a role did not start; each has an error of its own.
type NotStarted = Box<dyn std::error::Error + Send + Sync>;

/// The portal as browsers would see it.
const PORTAL: &str = "https://portal.test";

/// Room for the log: more than any test fills.
const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// The epochs of key-encryption keys.
const EPOCHS: [&str; 2] = ["test", "other"];

/// A role, as tests name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The ledger.
    Ledger,
    /// A second ledger on the same log.
    SecondLedger,
    /// The directory.
    Directory,
    /// A second directory on the same log.
    SecondDirectory,
    /// The gate.
    Disclosure,
    /// A second gate on the same log.
    SecondDisclosure,
    /// The history.
    Audit,
    /// A second history of the same log.
    SecondAudit,
    /// What waits.
    Triage,
    /// A second instance of what waits.
    SecondTriage,
}

impl Role {
    /// Under which it keeps its projection.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::SecondLedger => "ledger-2",
            Self::Directory => "directory",
            Self::SecondDirectory => "directory-2",
            Self::Disclosure => "disclosure",
            Self::SecondDisclosure => "disclosure-2",
            Self::Audit => "audit",
            Self::SecondAudit => "audit-2",
            Self::Triage => "triage",
            Self::SecondTriage => "triage-2",
        }
    }

    /// The role it is an instance of: what others know it by, and what its certificate says.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Ledger | Self::SecondLedger => "ledger",
            Self::Directory | Self::SecondDirectory => "directory",
            Self::Disclosure | Self::SecondDisclosure => "disclosure",
            Self::Audit | Self::SecondAudit => "audit",
            Self::Triage | Self::SecondTriage => "triage",
        }
    }

    /// Whether it is the second of its role.
    #[must_use]
    pub const fn is_second(self) -> bool {
        match self {
            Self::Ledger | Self::Directory | Self::Disclosure | Self::Audit | Self::Triage => false,
            Self::SecondLedger
            | Self::SecondDirectory
            | Self::SecondDisclosure
            | Self::SecondAudit
            | Self::SecondTriage => true,
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
    key_encryption_keys: [String; 2],
    ledgers: [Document; 2],
    reports: Document,
    history: Document,
    ring: KeyRing,
    trust: Trust,
    secret: [u8; 32],
    policy: LoadedPolicy,
    plan: Plan,
}

impl Roles {
    pub(crate) fn new(plan: Plan) -> Self {
        let generated = |epoch: &str| KeyEncryptionKey::generate(epoch.parse().expect("an epoch")).expect("a key");
        let key_encryption_keys = EPOCHS.map(|epoch| generated(epoch).to_base64().to_string());
        let ((one, first), (two, second)) = (Document::new(), Document::new());
        let (reports, signs) = Document::new();
        let mut signing = KeyRing::new();
        signing.insert(signs.public_key(), None, None).expect("one key");
        let (history, _) = Document::new();
        let mut ring = KeyRing::new();
        for key in [first, second] {
            ring.insert(key.public_key(), None, None).expect("two keys that differ");
        }
        let trust = Trust::of_rings(ring.clone(), signing);
        let policy = LoadedPolicy::embedded().expect("the policy in the source");
        let secret = random_bytes().expect("random bytes");
        Self { key_encryption_keys, ledgers: [one, two], reports, history, ring, trust, secret, policy, plan }
    }

    /// The key that signs reports.
    pub(crate) fn report_key(&self) -> SigningKey {
        self.reports.key()
    }

    /// Makes the log and the buckets, as an operator does at installation.
    pub(crate) async fn provision(kit: &TestWorld) {
        kit.nats().provision(LOG_BYTES_MAX).await;
    }

    /// The log, over a connection of the test's own.
    pub(crate) async fn log(&self, kit: &TestWorld) -> EventLog {
        self.log_as(kit, "reader").await
    }

    /// The log, as a role sees it.
    async fn log_as(&self, kit: &TestWorld, role: &str) -> EventLog {
        let connection = Connection::open(&nats(kit, role)).await.expect("a connection to NATS");
        EventLog::open(connection, LOG_CONFIG, self.ring.clone()).await.expect("the log")
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
            Role::Ledger | Role::SecondLedger => self.ledger(kit, role, listen).await,
            Role::Directory | Role::SecondDirectory => self.directory(kit, role, listen, ledger).await,
            Role::Disclosure | Role::SecondDisclosure => self.disclosure(kit, role, listen, ledger).await,
            Role::Audit | Role::SecondAudit => self.audit(kit, role, listen, ledger).await,
            Role::Triage | Role::SecondTriage => self.triage(kit, role, listen, ledger).await,
        }
    }

    async fn ledger(&self, kit: &TestWorld, role: Role, listen: SocketAddr) -> Result<Running, NotStarted> {
        let number = usize::from(role.is_second());
        let config = egide_ledger::Config {
            listen,
            nats: nats(kit, role.role()),
            log: LOG_CONFIG,
            keys: BucketConfig { create: false, replicas: 1 },
            projection: kit.projection(role.name()),
            key_encryption_keys: self.key_encryption_keys(number),
            key_on_store_disk: false,
            signing_key: self.ledgers[number].0.clone().into(),
            anchor: self.ring.clone().into(),
            verifier: kit.identity().verifier_of(role.role()),
            policy: self.policy.clone(),
            clock: self.plan.clock,
        };
        Ok(egide_ledger::start(config, kit.shutdown()).await?)
    }

    /// One key for both ledgers; apart, each its own epoch's and the other's.
    fn key_encryption_keys(&self, number: usize) -> KeyEncryptionKeys {
        let [first, second] = [0, 1].map(|epoch| {
            let text = &self.key_encryption_keys[epoch];
            KeyEncryptionKey::parse(EPOCHS[epoch].parse().expect("an epoch"), text).expect("a key")
        });
        match (self.plan.epochs_apart, number) {
            (false, _) => first.into(),
            (true, 0) => KeyEncryptionKeys::new(first, vec![second]).expect("two epochs"),
            (true, _) => KeyEncryptionKeys::new(second, vec![first]).expect("two epochs"),
        }
    }

    async fn directory(
        &self,
        kit: &TestWorld,
        role: Role,
        listen: SocketAddr,
        ledger: &str,
    ) -> Result<Running, NotStarted> {
        let config = egide_directory::Config {
            listen,
            verifier: kit.identity().verifier_of(role.role()),
            log: self.log_as(kit, role.role()).await,
            projection: kit.projection(role.name()),
            ledger: upstream(kit, role.role(), ledger),
            sign_in: Some(egide_directory::SignIn {
                site: egide_passkey::Site::new(PORTAL)?,
                issuer: kit.identity().liaisons().clone(),
            }),
            development: true,
        };
        Ok(egide_directory::start(config, kit.shutdown()).await?)
    }

    async fn disclosure(
        &self,
        kit: &TestWorld,
        role: Role,
        listen: SocketAddr,
        ledger: &str,
    ) -> Result<Running, NotStarted> {
        let config = egide_disclosure::Config {
            serve: ServeConfig::new(Role::Disclosure.name(), listen),
            nats: nats(kit, role.role()),
            log: LOG_CONFIG,
            anchor: self.trust.clone().into(),
            projection: kit.projection(role.name()),
            ledger: upstream(kit, role.role(), ledger),
            verifier: kit.identity().verifier_of(role.role()),
            report_key: self.reports.key(),
            secret: Fingerprinter::new(&self.secret),
            policy: self.policy.clone(),
            typesetter: None,
            refuse_after: if role.is_second() { self.plan.refuse_after_second } else { self.plan.refuse_after },
            clock: self.plan.clock,
        };
        Ok(egide_disclosure::start(config, kit.shutdown()).await?)
    }

    async fn audit(
        &self,
        kit: &TestWorld,
        role: Role,
        listen: SocketAddr,
        ledger: &str,
    ) -> Result<Running, NotStarted> {
        let config = egide_audit::Config {
            listen,
            projection: kit.projection(role.name()),
            rebuild: false,
            log: self.log_as(kit, role.role()).await,
            ledger: upstream(kit, role.role(), ledger),
            verifier: kit.identity().verifier_of(role.role()),
            transparency: egide_audit::transparency::Settings {
                directory: kit.projection("checkpoints").join(role.name()),
                key: self.history.key().into(),
                name: "example.org/log".parse().expect("a name"),
                publish_every: egide_audit::transparency::PUBLISH_INTERVAL,
                listen: None,
                witnesses: Vec::new(),
            },
        };
        Ok(egide_audit::start(config, kit.shutdown()).await?)
    }

    async fn triage(
        &self,
        kit: &TestWorld,
        role: Role,
        listen: SocketAddr,
        ledger: &str,
    ) -> Result<Running, NotStarted> {
        let config = egide_triage::Config {
            listen,
            verifier: kit.identity().verifier_of(role.role()),
            log: self.log_as(kit, role.role()).await,
            projection: kit.projection(role.name()),
            ledger: upstream(kit, role.role(), ledger),
            policy: Arc::clone(self.policy.policy()),
            clock: self.plan.clock,
        };
        Ok(egide_triage::start(config, kit.shutdown()).await?)
    }
}

fn nats(kit: &TestWorld, role: &str) -> ConnectionConfig {
    kit.nats().connection(Identity::named(role).expect("a role's name"))
}

const LOG_CONFIG: LogConfig = LogConfig { create: false, max_bytes: LOG_BYTES_MAX, replicas: 1 };

fn upstream(kit: &TestWorld, service: &str, url: &str) -> Upstream {
    kit.secure_upstream("ledger", url, service)
}
