//! The whole system in one process: a `nats-server` and any roles, with everything they write kept for inspection.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use egide_crypto::sign::VerifyingKey;
use egide_domain::time::Timestamp;
use egide_eventlog::{BucketConfig, Connection, ConnectionConfig, EventLog, KeyBucket};
use egide_servicekit::channel::{Authenticated, Upstream};
use egide_servicekit::clock;
use egide_servicekit::identity::{Credentials, DevIssuer, PersonToken, ServiceName};
use egide_servicekit::pki::{Authority, DEVELOPMENT_TRUST_DOMAIN, Order, files_of};
use egide_servicekit::serve::Running;
use egide_servicekit::tls::{Connector, Security, Tls, TlsFiles};
use egide_testkit::{StreamCopy, TestWorld, adoption, within};
use egide_wire::proto::egide::audit::v1::audit_service_client::AuditServiceClient;
use egide_wire::proto::egide::case::v1::{Purpose, RecipientKind};
use egide_wire::proto::egide::directory::v1::directory_service_client::DirectoryServiceClient;
use egide_wire::proto::egide::disclosure::v1::disclosure_service_client::DisclosureServiceClient;
use egide_wire::proto::egide::disclosure::v1::referral_service_client::ReferralServiceClient;
use egide_wire::proto::egide::ledger::v1::key_service_client::KeyServiceClient;
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, AppendResponse};
use egide_wire::proto::egide::triage::v1::triage_service_client::TriageServiceClient;
use tokio::runtime::Runtime;
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor as _;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tracing::level_filters::LevelFilter;

use crate::case::{CaseBuilder, RecipientBuilder, patiently};
use crate::log::{self, Entry};
use crate::raw::{self, Answer, Listening};
use crate::roles::{Role, Roles};
use crate::watch::{self, Lines, THREADS};
use crate::who::{self, Who};

/// What to start.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Which roles; the ledger always.
    pub roles: &'static [Role],
    /// The least severe level of ours that is logged.
    pub level: LevelFilter,
    /// Threads that the services share.
    pub threads: usize,
    /// The time, for the ledgers and the gate.
    pub clock: fn() -> Timestamp,
    /// How long after an outsider's call a refusal is answered.
    pub refuse_after: Duration,
    /// The same at the second instance of the gate.
    pub refuse_after_second: Duration,
    /// Whether the two ledgers wrap data keys under epochs of their own, each knowing the other's.
    pub epochs_apart: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            roles: &ONE_OF_EACH,
            level: LevelFilter::TRACE,
            threads: 2,
            clock: clock::now,
            refuse_after: egide_disclosure::REFUSE_AFTER,
            refuse_after_second: egide_disclosure::REFUSE_AFTER,
            epochs_apart: false,
        }
    }
}

/// Not sent: names the service whose certificate [`World::call`] and [`World::listen`] show. Without it they show that of
/// [`STRANGER`].
pub const CERTIFICATE_OF: &str = "x-certificate-of";
/// A service that has a certificate, and no row in the access table.
pub const STRANGER: &str = "stranger";

/// The stream of the keys' bucket.
const KEYS: &str = "KV_KEYS";

/// Every role, one ledger.
pub const ONE_OF_EACH: [Role; 5] = [Role::Ledger, Role::Directory, Role::Disclosure, Role::Audit, Role::Triage];
/// Every role, two ledgers on one log.
pub const TWO_LEDGERS: [Role; 6] =
    [Role::Ledger, Role::SecondLedger, Role::Directory, Role::Disclosure, Role::Audit, Role::Triage];

/// Every role twice, on one log. The second instances call the second ledger.
pub const TWO_OF_EACH: [Role; 10] = [
    Role::Ledger,
    Role::SecondLedger,
    Role::Directory,
    Role::SecondDirectory,
    Role::Disclosure,
    Role::SecondDisclosure,
    Role::Audit,
    Role::SecondAudit,
    Role::Triage,
    Role::SecondTriage,
];

/// What lives on the services' own runtime.
struct Inside {
    // In the order in which they must go when dropped.
    running: Vec<(Role, Running)>,
    kit: TestWorld,
    roles: Roles,
}

/// A running system. Drop it, or end it in order with [`World::stop`].
pub struct World {
    inside: Arc<tokio::sync::Mutex<Inside>>,
    urls: Mutex<BTreeMap<Role, String>>,
    data: PathBuf,
    log: EventLog,
    issuer: Arc<DevIssuer>,
    report_key: VerifyingKey,
    services: Mutex<BTreeMap<String, Arc<Tls>>>,
    callers: Mutex<BTreeMap<(String, String), Upstream>>,
    channels: Mutex<BTreeMap<(String, String), Channel>>,
    /// Of the services alone, so that their log lines and panics are told from the test's own.
    runtime: Option<Runtime>,
}

impl World {
    /// One of everything.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start() -> Self {
        Self::with(Plan::default()).await
    }

    /// What the plan says.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn with(plan: Plan) -> Self {
        watch::count_panics();
        drop(watch::metrics_page());
        let lines = Lines::default();
        let runtime = runtime(&plan, &lines);
        let starting = runtime.spawn(async move {
            let kit = TestWorld::start().await;
            let logs = kit.data().join("logs");
            fs::create_dir_all(&logs).expect("a folder for logs");
            lines.write_to(&logs.join("egide.jsonl"));
            let mut inside = Inside { running: Vec::new(), kit, roles: Roles::new(plan) };
            Roles::provision(&inside.kit).await;
            let mut urls: BTreeMap<Role, String> = BTreeMap::new();
            for role in plan.roles {
                let second = urls.get(&Role::SecondLedger).filter(|_| role.is_second());
                let ledger = second.or_else(|| urls.get(&Role::Ledger)).cloned().unwrap_or_default();
                urls.insert(*role, inside.start(*role, None, &ledger).await);
            }
            let log = inside.roles.log(&inside.kit).await;
            (inside, urls, log)
        });
        let (inside, urls, log) = starting.await.expect("the system starts");
        let world = Self {
            urls: Mutex::new(urls),
            data: inside.kit.data().to_owned(),
            log,
            issuer: Arc::clone(inside.kit.identity().issuer()),
            report_key: inside.roles.report_key().public_key(),
            inside: Arc::new(tokio::sync::Mutex::new(inside)),
            services: Mutex::default(),
            callers: Mutex::default(),
            channels: Mutex::default(),
            runtime: Some(runtime),
        };
        // Nothing is decided under a policy that was not adopted.
        world.append(&who::compliance(), adoption()).await.expect("the policy is adopted");
        world
    }

    /// Ends everything in order, and hands what was written to `look` before it is taken away.
    ///
    /// # Panics
    /// When a role had stopped for a reason of its own, or does not stop.
    pub async fn stop(self, look: impl FnOnce(&Path)) {
        let roles: Vec<Role> = lock(&self.urls).keys().rev().copied().collect();
        for role in roles {
            self.stop_role(role).await;
        }
        self.on_services(|mut inside| async move { inside.kit.nats_mut().stop().await }).await;
        look(&self.data);
    }

    /// Stops one role in order.
    ///
    /// # Panics
    /// When it had stopped for a reason of its own, or does not stop.
    pub async fn stop_role(&self, role: Role) {
        self.on_services(move |mut inside| async move { inside.stop(role).await }).await;
    }

    /// Starts a role again where it listened before, with the projection it left behind.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_role(&self, role: Role) {
        let ledger = if role.is_second() { Role::SecondLedger } else { Role::Ledger };
        let (address, ledger) = (self.address(role), self.url(ledger));
        self.on_services(move |mut inside| async move {
            inside.start(role, Some(address), &ledger).await;
        })
        .await;
    }

    /// Kills the `nats-server` as a power failure would, and starts it again on the same store.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn crash_nats(&self) {
        self.on_services(|mut inside| async move {
            inside.kit.nats_mut().kill().await;
            inside.kit.nats_mut().restart().await;
        })
        .await;
    }

    /// A copy of the keys' bucket, as a backup holds it. The `nats-server` is down while it is made.
    ///
    /// # Panics
    /// When it does not start again.
    pub async fn copy_of_keys(&self) -> StreamCopy {
        self.on_services(|mut inside| async move { inside.kit.nats_mut().copy_of(KEYS).await }).await
    }

    /// Puts a copy in the place of the keys' bucket. The `nats-server` is down meanwhile.
    ///
    /// # Panics
    /// When it does not start again.
    pub async fn put_back_keys(&self, copy: StreamCopy) {
        self.on_services(|mut inside| async move { inside.kit.nats_mut().put_back(&copy).await }).await;
    }

    /// The bucket of wrapped keys, over a connection of the test's own.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn bucket(&self) -> KeyBucket {
        let (url, user, password) = self.nats().await;
        let connection = Connection::open(&ConnectionConfig::new(url).with_user(user, password)).await;
        let config = BucketConfig { create: false, replicas: 1 };
        KeyBucket::open(connection.expect("a connection"), &config).await.expect("the keys' bucket")
    }

    /// URL of the `nats-server`, and user and password of somebody who may do everything in JetStream's account.
    pub async fn nats(&self) -> (String, String, String) {
        let inside = self.inside.lock().await;
        let nats = inside.kit.nats();
        (nats.url(), nats.user().to_owned(), nats.password().to_owned())
    }

    /// Runs something with the inside of the world, on the services' runtime.
    async fn on_services<T, F>(&self, action: impl FnOnce(tokio::sync::OwnedMutexGuard<Inside>) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let inside = Arc::clone(&self.inside).lock_owned().await;
        let runtime = self.runtime.as_ref().expect("the runtime lives as long as the world");
        runtime.spawn(action(inside)).await.expect("it does not panic")
    }

    /// Does something where services run: what it logs is logged as theirs.
    pub async fn on_a_service_thread(&self, action: impl FnOnce() + Send + 'static) {
        self.on_services(|_| async move { action() }).await;
    }

    /// The data directory: `nats/`, `projections/`, `keys/`, `logs/`.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The log lines so far.
    ///
    /// # Panics
    /// When they cannot be read.
    #[must_use]
    pub fn log_lines(&self) -> String {
        fs::read_to_string(self.data.join("logs/egide.jsonl")).expect("log lines")
    }

    /// The log.
    #[must_use]
    pub const fn event_log(&self) -> &EventLog {
        &self.log
    }

    /// Everything that stands in the log now, verified block by block.
    ///
    /// # Panics
    /// When the chain does not hold.
    pub async fn walk(&self) -> Vec<Entry> {
        within("the log is read", log::walk(&self.log)).await
    }

    /// The key that reports are signed with.
    #[must_use]
    pub const fn report_key(&self) -> VerifyingKey {
        self.report_key
    }

    /// Where a role listens: `https://127.0.0.1:…`.
    ///
    /// # Panics
    /// When the plan did not start it.
    #[must_use]
    pub fn url(&self, role: Role) -> String {
        lock(&self.urls).get(&role).cloned().unwrap_or_else(|| panic!("the plan starts no {}", role.name()))
    }

    fn address(&self, role: Role) -> SocketAddr {
        self.url(role).trim_start_matches("https://").parse().expect("the url holds an address")
    }

    /// Certificate, key and authorities of a service, issued when asked for the first time.
    ///
    /// # Panics
    /// When `service` is no name, or its certificate cannot be issued.
    #[must_use]
    pub fn tls_files(&self, service: &str) -> TlsFiles {
        let authority = Authority::open(&self.data.join("pki")).expect("its files").expect("an authority");
        let order = Order::new(service.parse().expect("the name of a service"));
        authority.renew_if_due(&order).expect("a certificate");
        files_of(authority.folder(), &order.service)
    }

    /// The proof of a service.
    fn tls(&self, service: &str) -> Arc<Tls> {
        let mut services = lock(&self.services);
        if let Some(tls) = services.get(service) {
            return Arc::clone(tls);
        }
        let trust_domain = DEVELOPMENT_TRUST_DOMAIN.parse().expect("a trust domain");
        let tls = Tls::open(self.tls_files(service), trust_domain).expect("the files of a service");
        services.insert(service.to_owned(), Arc::clone(&tls));
        tls
    }

    /// What somebody presents beside their service's certificate.
    ///
    /// # Panics
    /// When roles and unit do not fit together.
    #[must_use]
    pub fn credentials(&self, who: &Who) -> Credentials {
        let credentials = Credentials::by_certificate();
        match who.person() {
            Some(person) => credentials.for_minted_person(Arc::clone(&self.issuer), person),
            None => credentials,
        }
    }

    /// The same as headers, for calls below the generated clients; [`CERTIFICATE_OF`] among them.
    ///
    /// # Panics
    /// As [`World::credentials`].
    #[must_use]
    pub fn metadata(&self, who: &Who) -> MetadataMap {
        let request = self.credentials(who).call(Request::new(())).expect("tokens can be minted");
        let mut metadata = request.metadata().clone();
        metadata.insert(CERTIFICATE_OF, who.service.parse().expect("the name of a service"));
        metadata
    }

    /// The token of somebody's person, for programs that are not ours.
    ///
    /// # Panics
    /// As [`World::credentials`].
    #[must_use]
    pub fn person_token(&self, who: &Who) -> Option<String> {
        let person = who.person().map(|person| self.issuer.person_token(&person).expect("a token"));
        person.map(|token| token.as_str().to_owned())
    }

    /// One connection for each caller of a role.
    fn caller(&self, role: Role, who: &Who) -> Authenticated {
        self.upstream(role, who).as_service()
    }

    /// A role as somebody calls it.
    pub(crate) fn upstream(&self, role: Role, who: &Who) -> Upstream {
        let key = (self.url(role), format!("{who:?}"));
        let mut callers = lock(&self.callers);
        let upstream = callers.entry(key).or_insert_with_key(|(url, _)| {
            let expected = role.role().parse().expect("the name of a service");
            let security = Security::Mutual(self.tls(&who.service));
            Upstream::new("url", url, expected, &security, self.credentials(who)).expect("a url")
        });
        upstream.clone()
    }

    /// Something that goes on beside the services, and logs as they do.
    pub(crate) fn on_the_services_runtime(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::AbortHandle {
        let runtime = self.runtime.as_ref().expect("the runtime lives as long as the world");
        runtime.spawn(work).abort_handle()
    }

    /// A role, called by a service for the person of a token that somebody else issued.
    ///
    /// # Panics
    /// When `service` is no name, or its certificate cannot be issued.
    #[must_use]
    pub fn for_person(&self, role: Role, service: &str, token: PersonToken) -> Authenticated {
        let expected = role.role().parse().expect("the name of a service");
        let credentials = Credentials::by_certificate().for_person(token);
        let security = Security::Mutual(self.tls(service));
        Upstream::new("url", &self.url(role), expected, &security, credentials).expect("a url").as_service()
    }

    /// The ledger, called by somebody.
    #[must_use]
    pub fn ledger(&self, who: &Who) -> LedgerServiceClient<Authenticated> {
        LedgerServiceClient::new(self.caller(Role::Ledger, who))
    }

    /// The second ledger, called by somebody.
    #[must_use]
    pub fn second_ledger(&self, who: &Who) -> LedgerServiceClient<Authenticated> {
        LedgerServiceClient::new(self.caller(Role::SecondLedger, who))
    }

    /// The keys of one of the ledgers, called by somebody.
    #[must_use]
    pub fn keys(&self, role: Role, who: &Who) -> KeyServiceClient<Authenticated> {
        KeyServiceClient::new(self.caller(role, who))
    }

    /// The gate, called by somebody.
    #[must_use]
    pub fn disclosure(&self, who: &Who) -> DisclosureServiceClient<Authenticated> {
        self.disclosure_at(Role::Disclosure, who)
    }

    /// One of the gates, called by somebody.
    #[must_use]
    pub fn disclosure_at(&self, instance: Role, who: &Who) -> DisclosureServiceClient<Authenticated> {
        DisclosureServiceClient::new(self.caller(instance, who))
    }

    /// Referrals, called by somebody.
    #[must_use]
    pub fn referrals(&self, who: &Who) -> ReferralServiceClient<Authenticated> {
        self.referrals_at(Role::Disclosure, who)
    }

    /// Referrals at one of the gates, called by somebody.
    #[must_use]
    pub fn referrals_at(&self, instance: Role, who: &Who) -> ReferralServiceClient<Authenticated> {
        ReferralServiceClient::new(self.caller(instance, who))
    }

    /// What waits, called by somebody.
    #[must_use]
    pub fn triage(&self, who: &Who) -> TriageServiceClient<Authenticated> {
        TriageServiceClient::new(self.caller(Role::Triage, who))
    }

    /// The history, called by somebody.
    #[must_use]
    pub fn audit(&self, who: &Who) -> AuditServiceClient<Authenticated> {
        self.audit_at(Role::Audit, who)
    }

    /// The history at one of its instances, called by somebody.
    #[must_use]
    pub fn audit_at(&self, instance: Role, who: &Who) -> AuditServiceClient<Authenticated> {
        AuditServiceClient::new(self.caller(instance, who))
    }

    /// The directory, called by somebody.
    #[must_use]
    pub fn directory(&self, who: &Who) -> DirectoryServiceClient<Authenticated> {
        self.directory_at(Role::Directory, who)
    }

    /// One of the directories, called by somebody.
    #[must_use]
    pub fn directory_at(&self, instance: Role, who: &Who) -> DirectoryServiceClient<Authenticated> {
        DirectoryServiceClient::new(self.caller(instance, who))
    }

    /// Calls any method with any bytes and any headers; see [`raw::call`].
    ///
    /// # Panics
    /// When `path` is none.
    pub async fn call(&self, role: Role, path: &str, metadata: &MetadataMap, body: Bytes, bound: Duration) -> Answer {
        let (channel, metadata) = self.channel(role, metadata);
        raw::call(channel, path, &metadata, body, bound, None).await
    }

    /// The same, for a stream of answers.
    ///
    /// # Panics
    /// When `path` is none.
    pub async fn listen(
        &self,
        role: Role,
        path: &str,
        metadata: &MetadataMap,
        body: Bytes,
        bound: Duration,
        listening: Listening,
    ) -> Answer {
        let (channel, metadata) = self.channel(role, metadata);
        raw::call(channel, path, &metadata, body, bound, Some(listening)).await
    }

    /// One connection of each service for all calls below the generated clients, and the headers to send.
    fn channel(&self, role: Role, metadata: &MetadataMap) -> (Channel, MetadataMap) {
        let mut metadata = metadata.clone();
        let caller = metadata.remove(CERTIFICATE_OF);
        let caller = caller.as_ref().map_or(STRANGER, |caller| caller.to_str().expect("the name of a service"));
        let connect = |(url, caller): &(String, String)| {
            let expected: ServiceName = role.role().parse().expect("the name of a service");
            let connector = Connector::new(self.tls(caller), expected);
            Endpoint::from_shared(url.clone()).expect("a url").connect_with_connector_lazy(connector)
        };
        let key = (self.url(role), caller.to_owned());
        (lock(&self.channels).entry(key).or_insert_with_key(connect).clone(), metadata)
    }

    /// Appends a command, again with the same id where told to.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn append(&self, who: &Who, request: AppendRequest) -> Result<AppendResponse, Status> {
        patiently(|| async { self.ledger(who).append(request.clone()).await.map(tonic::Response::into_inner) }).await
    }

    /// A case to be put together.
    #[must_use]
    pub fn case(&self) -> CaseBuilder<'_> {
        CaseBuilder::new(self)
    }

    /// A recipient of this kind, to be put together; the first purpose is what it usually asks for.
    #[must_use]
    pub fn recipient(&self, kind: RecipientKind, purposes: &[Purpose]) -> RecipientBuilder<'_> {
        RecipientBuilder::new(self, kind, purposes)
    }

    /// An investigating agency of British Columbia.
    #[must_use]
    pub fn police(&self) -> RecipientBuilder<'_> {
        self.recipient(RecipientKind::InvestigatingAgency, &[Purpose::Investigation, Purpose::EmergencyResponse])
    }

    /// A shelter of British Columbia.
    #[must_use]
    pub fn shelter(&self) -> RecipientBuilder<'_> {
        self.recipient(RecipientKind::SupportService, &[Purpose::SupportService])
    }

    /// Child protection of British Columbia.
    #[must_use]
    pub fn child_protection(&self) -> RecipientBuilder<'_> {
        self.recipient(RecipientKind::ChildProtection, &[Purpose::ChildProtection, Purpose::EmergencyResponse])
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Inside {
    async fn start(&mut self, role: Role, listen: Option<SocketAddr>, ledger: &str) -> String {
        let listen = listen.unwrap_or_else(|| self.kit.listen());
        let running = self.roles.start(&self.kit, role, listen, ledger).await;
        let url = running.url();
        self.running.push((role, running));
        url
    }

    async fn stop(&mut self, role: Role) {
        let Some(place) = self.running.iter().position(|(running, _)| *running == role) else { return };
        let (role, running) = self.running.remove(place);
        within(role.name(), running.stop()).await.expect("a role ends in order");
    }
}

fn runtime(plan: &Plan, lines: &Lines) -> Runtime {
    let subscriber = watch::subscriber(lines.clone(), plan.level);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(plan.threads)
        .thread_name(THREADS)
        .on_thread_start(move || {
            // For as long as the thread lives.
            std::mem::forget(tracing::dispatcher::set_default(&subscriber));
        })
        .enable_all()
        .build()
        .expect("a runtime")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
