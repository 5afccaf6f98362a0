//! Everything that runs, and how it is called.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egide_eventlog::{Connection, EventLog, LogConfig};
use egide_servicekit::channel::{Authenticated, Upstream};
use egide_servicekit::identity::Credentials;
use egide_servicekit::nats::Identity;
use egide_testkit::{TestIdentity, adoption, wait_until};
use egide_wire::proto::egide::audit::v1::audit_service_client::AuditServiceClient;
use egide_wire::proto::egide::directory::v1::directory_service_client::DirectoryServiceClient;
use egide_wire::proto::egide::disclosure::v1::disclosure_service_client::DisclosureServiceClient;
use egide_wire::proto::egide::disclosure::v1::referral_service_client::ReferralServiceClient;
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::triage::v1::triage_service_client::TriageServiceClient;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::binary;
use super::files::{Keys, free_address};
use super::links::{Links, Party};
use super::nats::Nats;
use super::process::{Process, Spec};
use crate::case::patiently;
use crate::log::{self, Entry};
use crate::roles::Role;
use crate::who::{self, Who};

/// How long a role or a cluster may take until it answers for the first time. Elections take seconds, and the machine may
/// be busy with other tests.
pub const READY_WITHIN: Duration = Duration::from_secs(90);
/// How long the leader is asked for.
const LEADER_WITHIN: Duration = Duration::from_secs(5);
/// Connections to a role that are kept, of those who called last: clients take new accounts all the while, and a role has room
/// for 512.
const CALLERS_KEPT: usize = 128;
/// Room for the log.
const LOG_BYTES_MAX: u64 = 1 << 30;

/// What to start.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// `nats-server`s: one, or three.
    pub nodes: usize,
    /// Ledgers: one, or two on one log.
    pub ledgers: usize,
}

impl Plan {
    /// The roles, in the order in which they start.
    #[must_use]
    pub fn roles(self) -> Vec<Role> {
        let ledgers = [Role::Ledger, Role::SecondLedger].into_iter().take(self.ledgers);
        ledgers.chain([Role::Directory, Role::Disclosure, Role::Audit, Role::Triage]).collect()
    }

    /// The ledger that a role calls: they share the work where there are two.
    fn ledger_of(self, role: Role) -> Role {
        if role == Role::Audit && self.ledgers > 1 { Role::SecondLedger } else { Role::Ledger }
    }

    const fn replicas(self) -> u32 {
        if self.nodes == 1 { 1 } else { 3 }
    }
}

/// A running installation. End it with [`Installation::stop`], or drop it.
pub struct Installation {
    plan: Plan,
    roles: BTreeMap<Role, Process>,
    nats: Nats,
    links: Links,
    /// In front of each role, for clients.
    urls: BTreeMap<Role, String>,
    identity: TestIdentity,
    callers: Mutex<BTreeMap<Role, VecDeque<(String, Upstream)>>>,
    log: EventLog,
    // Last, so that it goes after those who write into it.
    directory: TempDir,
}

impl Installation {
    /// Starts everything, and waits until each role listens.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start(plan: Plan) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let data = directory.path();
        std::fs::create_dir_all(data.join("logs")).expect("a folder for logs");
        let identity = TestIdentity::in_directory(data);
        let keys = Keys::make(data, plan.ledgers);
        let mut links = Links::default();
        let nats = Nats::start(data, plan.nodes, &mut links).await;
        let log = provision(plan, &nats, &keys).await;
        let mut installation = Self {
            plan,
            roles: BTreeMap::new(),
            nats,
            links,
            urls: BTreeMap::new(),
            identity,
            callers: Mutex::default(),
            log,
            directory,
        };
        let mut addresses = BTreeMap::new();
        for role in plan.roles() {
            let listen = free_address();
            addresses.insert(role, listen);
            installation.start_role(role, listen, &keys, &addresses).await;
        }
        for (role, address) in addresses {
            listening(role, address).await;
        }
        // Nothing is decided under a policy that was not adopted.
        let adoption = adoption();
        let adopted = patiently(|| async {
            installation.ledger(Role::Ledger, &who::compliance()).append(adoption.clone()).await
        });
        adopted.await.expect("the policy is adopted");
        installation
    }

    async fn start_role(
        &mut self,
        role: Role,
        listen: SocketAddr,
        keys: &Keys,
        addresses: &BTreeMap<Role, SocketAddr>,
    ) {
        let data = self.directory.path().to_owned();
        let mut servers = Vec::new();
        for (index, node) in self.nats.nodes.iter().enumerate() {
            let proxy = self.links.add(role.into(), Party::Nats(index), node.address).await;
            servers.push(format!("nats://{proxy}"));
        }
        let ledger = self.plan.ledger_of(role);
        let ledger = match addresses.get(&ledger).filter(|_| ledger != role && role != Role::SecondLedger) {
            Some(address) => Some(self.links.add(role.into(), ledger.into(), *address).await),
            None => None,
        };
        let front = self.links.add(Party::Clients, role.into(), listen).await;
        self.urls.insert(role, format!("https://{front}"));
        let launch =
            Launch { plan: self.plan, role, data: &data, listen, servers, seeds: &self.nats.seeds, ledger, keys };
        self.roles.insert(role, Process::start(launch.spec()));
    }

    /// The plan it was started after.
    #[must_use]
    pub const fn plan(&self) -> Plan {
        self.plan
    }

    /// A role's process.
    ///
    /// # Panics
    /// When the plan has none.
    #[must_use]
    pub fn role(&self, role: Role) -> &Process {
        self.roles.get(&role).unwrap_or_else(|| panic!("the plan starts no {}", role.name()))
    }

    /// The process of a `nats-server`, by its place.
    #[must_use]
    pub fn node(&self, index: usize) -> &Process {
        &self.nats.nodes[index].process
    }

    /// Every process: roles, then servers.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.roles.values().chain(self.nats.nodes.iter().map(|node| &node.process))
    }

    /// The proxies.
    #[must_use]
    pub const fn links(&self) -> &Links {
        &self.links
    }

    /// The log, over a connection of the test's own, past every proxy.
    #[must_use]
    pub const fn event_log(&self) -> &EventLog {
        &self.log
    }

    /// The log with the rights of the ledger, past every proxy: for whoever writes it while no ledger runs.
    ///
    /// # Panics
    /// When NATS does not answer.
    pub async fn log_of_ledger(&self) -> EventLog {
        let connection = Connection::open(&self.nats.connection(Identity::LEDGER)).await.expect("a connection");
        let config = LogConfig { create: false, max_bytes: LOG_BYTES_MAX, replicas: self.plan.replicas() };
        EventLog::open(connection, config, self.log.trust().clone()).await.expect("the log")
    }

    /// Everything that stands in the log now, verified block by block.
    ///
    /// # Panics
    /// When the chain does not hold, or NATS does not answer.
    pub async fn walk(&self) -> Vec<Entry> {
        wait_until("the log answers", READY_WITHIN, async || self.log.last_number().await.is_ok()).await;
        log::walk(&self.log).await
    }

    /// Where its files are.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.directory.path()
    }

    /// The folder above a role's projection; may be removed while the role is down.
    #[must_use]
    pub fn projections(&self, role: Role) -> PathBuf {
        projections(self.data(), role)
    }

    /// The place of the server that leads the log's stream; `None` while none does, or none says so.
    pub async fn leader(&self) -> Option<usize> {
        tokio::time::timeout(LEADER_WITHIN, self.nats.leader()).await.ok().flatten()
    }

    /// Ends everything in order: roles before the servers.
    ///
    /// # Panics
    /// When a process does not end.
    pub async fn stop(self) {
        self.links.heal();
        for role in self.plan.roles().iter().rev() {
            self.role(*role).end().await;
        }
        for node in &self.nats.nodes {
            node.process.end().await;
        }
    }

    /// What somebody presents beside their service's certificate.
    fn credentials(&self, who: &Who) -> Credentials {
        let credentials = Credentials::by_certificate();
        match who.person() {
            Some(person) => credentials.for_minted_person(Arc::clone(self.identity.issuer()), person),
            None => credentials,
        }
    }

    /// One connection for each caller of a role, through the proxy in front of it.
    pub fn caller(&self, role: Role, who: &Who) -> Authenticated {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let callers = callers.entry(role).or_default();
        let name = format!("{who:?}");
        let known = callers.iter().position(|(known, _)| *known == name).and_then(|place| callers.remove(place));
        let (_, upstream) = known.unwrap_or_else(|| {
            let expected = role.role().parse().expect("the name of a service");
            let security = self.identity.security(&who.service);
            let upstream = Upstream::new("url", &self.urls[&role], expected, &security, self.credentials(who));
            (name.clone(), upstream.expect("a url"))
        });
        let channel = upstream.as_service();
        callers.push_back((name, upstream));
        if callers.len() > CALLERS_KEPT {
            callers.pop_front();
        }
        channel
    }

    /// A ledger, called by somebody.
    #[must_use]
    pub fn ledger(&self, role: Role, who: &Who) -> LedgerServiceClient<Authenticated> {
        LedgerServiceClient::new(self.caller(role, who))
    }

    /// The gate, called by somebody.
    #[must_use]
    pub fn disclosure(&self, who: &Who) -> DisclosureServiceClient<Authenticated> {
        DisclosureServiceClient::new(self.caller(Role::Disclosure, who))
    }

    /// Referrals, called by somebody.
    #[must_use]
    pub fn referrals(&self, who: &Who) -> ReferralServiceClient<Authenticated> {
        ReferralServiceClient::new(self.caller(Role::Disclosure, who))
    }

    /// The history, called by somebody.
    #[must_use]
    pub fn audit(&self, who: &Who) -> AuditServiceClient<Authenticated> {
        AuditServiceClient::new(self.caller(Role::Audit, who))
    }

    /// What waits, called by somebody.
    #[must_use]
    pub fn triage(&self, who: &Who) -> TriageServiceClient<Authenticated> {
        TriageServiceClient::new(self.caller(Role::Triage, who))
    }

    /// The directory, called by somebody.
    #[must_use]
    pub fn directory(&self, who: &Who) -> DirectoryServiceClient<Authenticated> {
        DirectoryServiceClient::new(self.caller(Role::Directory, who))
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        for process in self.processes() {
            process.abandon();
        }
    }
}

/// One role's command line. Here, and nowhere else, stands how `egide serve` is called.
struct Launch<'a> {
    plan: Plan,
    role: Role,
    data: &'a Path,
    listen: SocketAddr,
    servers: Vec<String>,
    seeds: &'a Path,
    ledger: Option<SocketAddr>,
    keys: &'a Keys,
}

impl Launch<'_> {
    fn spec(&self) -> Spec {
        let name = self.role.name();
        // The role's name on the command line; a second ledger is another process of the same role.
        let (role, place) = (self.role.role(), usize::from(self.role.is_second()));
        let path = |path: &Path| path.display().to_string();
        let mut arguments: Vec<String> = ["--data", &path(self.data), "serve", role].map(str::to_owned).to_vec();
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("--nats", self.servers.join(","));
        option("--nats-seeds", path(self.seeds));
        option("--listen", format!("{role}={}", self.listen));
        option("--keys", path(&self.keys.folders[place]));
        option("--verification-keys", path(&self.keys.published));
        option("--root", path(&self.keys.root));
        option("--marks", path(&self.data.join("marks").join(name)));
        option("--projections", path(&projections(self.data, self.role)));
        option("--log-max-bytes", LOG_BYTES_MAX.to_string());
        option("--replicas", self.plan.replicas().to_string());
        if let Some(ledger) = self.ledger {
            option("--ledger", format!("https://{ledger}"));
        }
        arguments.push("--insecure-nats".to_owned());
        Spec {
            name: name.to_owned(),
            program: binary::egide().to_owned(),
            arguments,
            environment: Vec::new(),
            log: self.data.join(format!("logs/{name}.log")),
        }
    }
}

/// A folder for each process, as on machines of their own.
fn projections(data: &Path, role: Role) -> PathBuf {
    data.join("projections").join(role.name())
}

/// The log, once the servers answer, with everything that an operator makes before any role starts.
async fn provision(plan: Plan, nats: &Nats, keys: &Keys) -> EventLog {
    let end = Instant::now() + READY_WITHIN;
    loop {
        match try_provision(plan, nats, keys).await {
            Ok(log) => return log,
            Err(error) => assert!(Instant::now() < end, "NATS does not come up: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn try_provision(plan: Plan, nats: &Nats, keys: &Keys) -> Result<EventLog, String> {
    let config = LogConfig { create: true, max_bytes: LOG_BYTES_MAX, replicas: plan.replicas() };
    nats.provision(&config).await?;
    let reader = Identity::named("reader").ok_or("nobody may read the log")?;
    let connection = Connection::open(&nats.connection(reader)).await.map_err(|error| error.to_string())?;
    let config = LogConfig { create: false, ..config };
    EventLog::open(connection, config, keys.ring.clone()).await.map_err(|error| error.to_string())
}

async fn listening(role: Role, address: SocketAddr) {
    let what = format!("{} listens", role.name());
    wait_until(&what, READY_WITHIN, async || TcpStream::connect(address).await.is_ok()).await;
}
