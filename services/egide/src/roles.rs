//! Starting roles and ending them in order: those that call the ledger before the ledger.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use egide_eventlog::{Anchor, BucketConfig, Connection, ConnectionConfig, EventLog, FirstStart, LogConfig, MarkFile};
use egide_notifier::{Notifier, Pace};
use egide_servicekit::channel::Upstream;
use egide_servicekit::clock;
use egide_servicekit::identity::{ServiceName, Verifier};
use egide_servicekit::policy::LoadedPolicy;
use egide_servicekit::serve::{Running, ServeConfig, Stopped};
use egide_servicekit::shutdown::{self, Shutdown, Trigger};
use egide_trust::{CertifiedKey, CurrentTrust, Use};
use tokio::task::JoinSet;

use crate::acting::Identities;
use crate::endpoints::{Endpoints, Service};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::history_log::HistoryArgs;
use crate::keys::KeyFolder;
use crate::nats;
use crate::notifier::NotifierArgs;
use crate::portal;
use crate::typesetter::find_if_there;

/// What every role of a process needs.
pub(crate) struct Ground<'a> {
    pub(crate) nats: nats::Access,
    /// Whether servers are asked if they flush before they acknowledge. Only an explicit flag turns it off.
    pub(crate) durability_checked: bool,
    pub(crate) log: LogConfig,
    /// What the root certifies.
    pub(crate) trust: CurrentTrust,
    /// The folder of the instances' marks.
    pub(crate) marks: PathBuf,
    /// Whether roles with a projection may begin without a mark: in a data directory of a version that kept none.
    pub(crate) without_marks: bool,
    pub(crate) keys: KeyFolder<'a>,
    /// The transparency log of the audit role.
    pub(crate) history: HistoryArgs,
    /// One folder for each role is made in it.
    pub(crate) projections: PathBuf,
    pub(crate) identities: &'a Identities,
    /// The portal's origin, where liaisons sign in at the directory of this process.
    pub(crate) portal_origin: Option<String>,
    /// Whether units may be told in clear, on this machine.
    pub(crate) development: bool,
    /// What is decided and admitted under.
    pub(crate) policy: LoadedPolicy,
    /// The program that sets pages, where one was named; otherwise one beside this program is used, if it is there.
    pub(crate) typeset: Option<PathBuf>,
}

/// Roles that run in this process.
pub(crate) struct Roles {
    endpoints: Endpoints,
    callers: Group,
    ledger: Group,
}

/// Roles that end together.
struct Group {
    trigger: Trigger,
    shutdown: Shutdown,
    running: JoinSet<Result<(), Stopped>>,
}

impl Group {
    fn new() -> Self {
        let (trigger, shutdown) = shutdown::channel();
        Self { trigger, shutdown, running: JoinSet::new() }
    }

    fn keep(&mut self, mut running: Running) -> String {
        let url = running.url();
        self.running.spawn(async move { running.finished().await });
        url
    }

    /// Has servers asked whether they flush before they acknowledge: now, and for as long as the ledger runs. It ends when
    /// one does not.
    async fn watch_durability(&mut self, ground: &Ground<'_>) -> Result<(), Failure> {
        let refused = |error: &dyn std::fmt::Display| not_started(Service::Ledger, error);
        let nats = ground.nats.of(Service::Ledger)?;
        let connection = Connection::open(&nats).await.map_err(|error| refused(&error))?;
        // Without a mark: the ledger keeps its own.
        let log = EventLog::open(connection, ground.log.clone(), ground.trust.clone()).await;
        let log = log.map_err(|error| refused(&error))?;
        log.check_durability().await.map_err(|error| refused(&error))?;
        let ending = self.shutdown.clone();
        self.running.spawn(async move {
            tokio::select! {
                found = log.watch_durability() => Err(Stopped::new(Service::Ledger.name(), found)),
                () = ending.requested() => Ok(()),
            }
        });
        Ok(())
    }

    /// The next role to end; waits for ever when none runs.
    async fn ended(&mut self) -> Result<(), Failure> {
        match self.running.join_next().await {
            Some(Ok(ended)) => ended.map_err(stopped),
            Some(Err(error)) => Err(stopped(Stopped::new("role", error))),
            None => std::future::pending().await,
        }
    }

    async fn stop(mut self) -> Result<(), Failure> {
        self.trigger.request();
        let mut outcome = Ok(());
        while !self.running.is_empty() {
            outcome = outcome.and(self.ended().await);
        }
        outcome
    }
}

fn stopped(stopped: Stopped) -> Failure {
    Failure::new(Exit::Unexpected, "fail.role_stopped").with("role", stopped.role).with("error", &stopped.reason)
}

fn not_started(role: Service, error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unexpected, "fail.role_start").with("role", role.name()).with("error", error)
}

impl Roles {
    /// None yet; `known` says where services run elsewhere.
    pub(crate) fn new(known: Endpoints) -> Self {
        Self { endpoints: known, callers: Group::new(), ledger: Group::new() }
    }

    /// Where services are, those of this process included.
    pub(crate) const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Starts a role. The ledger comes first where it is among them: the others call it.
    pub(crate) async fn start(
        &mut self,
        role: Service,
        listen: SocketAddr,
        ground: &Ground<'_>,
    ) -> Result<(), Failure> {
        let url = match role {
            Service::Ledger => {
                if ground.durability_checked {
                    self.ledger.watch_durability(ground).await?;
                }
                let running = start_ledger(listen, ground, self.ledger.shutdown.clone()).await?;
                self.ledger.keep(running)
            }
            Service::Disclosure | Service::Audit | Service::Directory | Service::Triage => {
                let missing = || Failure::new(Exit::Usage, "fail.role_without_ledger").with("role", role.name());
                let ledger = self.endpoints.ledger.as_deref().ok_or_else(missing)?;
                let upstream = upstream(role.name(), Service::Ledger, ledger, ground)?;
                let shutdown = self.callers.shutdown.clone();
                let running = match role {
                    Service::Audit => start_audit(listen, ground, upstream, shutdown).await?,
                    Service::Directory => start_directory(listen, ground, upstream, shutdown).await?,
                    Service::Triage => start_triage(listen, ground, upstream, shutdown).await?,
                    Service::Ledger | Service::Disclosure => {
                        start_disclosure(listen, ground, upstream, shutdown).await?
                    }
                };
                self.callers.keep(running)
            }
        };
        tracing::info!(role = role.name(), %url, "started");
        let place = match role {
            Service::Ledger => &mut self.endpoints.ledger,
            Service::Disclosure => &mut self.endpoints.disclosure,
            Service::Audit => &mut self.endpoints.audit,
            Service::Directory => &mut self.endpoints.directory,
            Service::Triage => &mut self.endpoints.triage,
        };
        *place = Some(url);
        Ok(())
    }

    /// Starts the portal beside the services it calls.
    pub(crate) fn start_portal(&mut self, place: portal::Place, identities: &Identities) -> Result<(), Failure> {
        let (origin, site) = portal::start(place, &self.endpoints, identities, self.callers.shutdown.clone())?;
        self.callers.running.spawn(async move {
            site.await;
            Ok(())
        });
        tracing::info!(role = egide_portal::ROLE, %origin, "started");
        self.endpoints.portal = Some(origin);
        Ok(())
    }

    /// Starts the notifier. It listens nowhere: it calls triage and the directory, which run here or are named.
    pub(crate) fn start_notifier(&mut self, args: &NotifierArgs, ground: &Ground<'_>) -> Result<(), Failure> {
        let refused = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Unexpected, "fail.role_start").with("role", egide_notifier::ROLE).with("error", error)
        };
        let to = |service: Service| {
            let missing = || Failure::new(Exit::Usage, "fail.notifier_without").with("service", service.name());
            let url = self.endpoints.of(service).ok_or_else(missing)?;
            upstream(egide_notifier::ROLE, service, url, ground)
        };
        let signing_key = ground.keys.notice_signing()?;
        let trust = ground.trust.get();
        let counts = |key: &CertifiedKey| key.key_id == signing_key.key_id() && key.revoked_after.is_none();
        if !trust.keys(Use::Notice).iter().any(counts) {
            return Err(Failure::new(Exit::NotVerified, "fail.notice_key").with("key_id", signing_key.key_id()));
        }
        let config = egide_notifier::Config {
            triage: to(Service::Triage)?,
            directory: to(Service::Directory)?,
            signing_key,
            mail: args.mail()?,
            authorities: args.authorities(),
            development: ground.development,
            pace: Pace::default(),
            clock: clock::now,
        };
        let notifier = Notifier::new(config).map_err(|error| refused(&error))?;
        let shutdown = self.callers.shutdown.clone();
        self.callers.running.spawn(async move {
            notifier.run(shutdown.clone()).await;
            let ended = || Stopped::new(egide_notifier::ROLE, "it ended without a reason");
            if shutdown.is_requested() { Ok(()) } else { Err(ended()) }
        });
        tracing::info!(role = egide_notifier::ROLE, "started");
        Ok(())
    }

    /// Waits until a role ends that nobody asked to.
    pub(crate) async fn ended(&mut self) -> Failure {
        let ended = tokio::select! {
            ended = self.callers.ended() => ended,
            ended = self.ledger.ended() => ended,
        };
        ended.err().unwrap_or_else(|| stopped(Stopped::new("role", "it ended without a reason")))
    }

    /// Ends them all: first those that call the ledger, then the ledger.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        let callers = self.callers.stop().await;
        let ledger = self.ledger.stop().await;
        callers.and(ledger)
    }
}

fn projection(ground: &Ground<'_>, role: Service) -> PathBuf {
    ground.projections.join(role.name())
}

/// What the log is held against. An instance that has a projection was at work before, so it must have a mark.
fn anchor(role: Service, ground: &Ground<'_>) -> Result<Anchor, Failure> {
    let has_rows = std::fs::read_dir(projection(ground, role)).is_ok_and(|mut files| files.next().is_some());
    let first = if has_rows && !ground.without_marks { FirstStart::Refused } else { FirstStart::Allowed };
    let path = ground.marks.join(format!("{}.json", role.name()));
    let mark = MarkFile::open(&path, first).map_err(|error| not_started(role, error))?;
    Ok(Anchor::from(ground.trust.clone()).with_mark(mark))
}

/// The service `to` at `url`, called as `from`.
fn upstream(from: &str, to: Service, url: &str, ground: &Ground<'_>) -> Result<Upstream, Failure> {
    let refused = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Unexpected, "fail.role_start").with("role", from).with("error", error)
    };
    let service = from.parse().map_err(|error| refused(&error))?;
    let credentials = ground.identities.credentials(&service, None)?;
    let security = ground.identities.security(&service)?;
    Upstream::new(to.name(), url, service_name(to)?, &security, credentials)
        .map_err(|error| Failure::new(Exit::Usage, "fail.url").with("service", to.name()).with("error", error))
}

/// The role as its certificate names it.
fn service_name(role: Service) -> Result<ServiceName, Failure> {
    role.name().parse().map_err(|error| not_started(role, error))
}

fn verifier(role: Service, ground: &Ground<'_>) -> Result<Arc<Verifier>, Failure> {
    ground.identities.verifier(&service_name(role)?).map(Arc::new)
}

async fn open_log(role: Service, ground: &Ground<'_>) -> Result<EventLog, Failure> {
    let connection = Connection::open(&ground.nats.of(role)?).await.map_err(|error| not_started(role, error))?;
    EventLog::open(connection, ground.log.clone(), anchor(role, ground)?)
        .await
        .map_err(|error| not_started(role, error))
}

/// Whether the log is stored on this machine, as far as can be told: what else it keeps is then on the same disk.
fn store_is_here(nats: &ConnectionConfig) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|here| nats.url.contains(here))
}

async fn start_ledger(listen: SocketAddr, ground: &Ground<'_>, shutdown: Shutdown) -> Result<Running, Failure> {
    let (key_encryption_keys, in_file) = ground.keys.key_encryption()?;
    let nats = ground.nats.of(Service::Ledger)?;
    let key_on_store_disk = in_file && store_is_here(&nats);
    let config = egide_ledger::Config {
        listen,
        nats,
        log: ground.log.clone(),
        keys: BucketConfig { create: false, replicas: ground.log.replicas },
        projection: projection(ground, Service::Ledger),
        key_encryption_keys,
        key_on_store_disk,
        signing_key: ground.keys.ledger_signing()?,
        anchor: anchor(Service::Ledger, ground)?,
        verifier: verifier(Service::Ledger, ground)?,
        policy: ground.policy.clone(),
        clock: clock::now,
    };
    egide_ledger::start(config, shutdown).await.map_err(|error| not_started(Service::Ledger, error))
}

async fn start_disclosure(
    listen: SocketAddr,
    ground: &Ground<'_>,
    ledger: Upstream,
    shutdown: Shutdown,
) -> Result<Running, Failure> {
    let config = egide_disclosure::Config {
        serve: ServeConfig::new(Service::Disclosure.name(), listen),
        nats: ground.nats.of(Service::Disclosure)?,
        log: ground.log.clone(),
        anchor: anchor(Service::Disclosure, ground)?,
        projection: projection(ground, Service::Disclosure),
        ledger,
        verifier: verifier(Service::Disclosure, ground)?,
        report_key: ground.keys.report_signing()?,
        secret: ground.keys.disclosure_secret()?,
        policy: ground.policy.clone(),
        typesetter: find_if_there(ground.typeset.as_deref())?,
        refuse_after: egide_disclosure::REFUSE_AFTER,
        clock: clock::now,
    };
    egide_disclosure::start(config, shutdown).await.map_err(|error| not_started(Service::Disclosure, error))
}

async fn start_audit(
    listen: SocketAddr,
    ground: &Ground<'_>,
    ledger: Upstream,
    shutdown: Shutdown,
) -> Result<Running, Failure> {
    let config = egide_audit::Config {
        listen,
        projection: projection(ground, Service::Audit),
        rebuild: false,
        log: open_log(Service::Audit, ground).await?,
        ledger,
        verifier: verifier(Service::Audit, ground)?,
        transparency: ground.history.settings(ground.keys, &ground.marks)?,
    };
    egide_audit::start(config, shutdown).await.map_err(|error| not_started(Service::Audit, error))
}

async fn start_directory(
    listen: SocketAddr,
    ground: &Ground<'_>,
    ledger: Upstream,
    shutdown: Shutdown,
) -> Result<Running, Failure> {
    let sign_in = match &ground.portal_origin {
        Some(origin) => Some(egide_directory::SignIn {
            site: egide_passkey::Site::new(origin).map_err(|error| not_started(Service::Directory, error))?,
            issuer: ground.keys.liaisons()?,
        }),
        None => None,
    };
    let config = egide_directory::Config {
        listen,
        sign_in,
        verifier: verifier(Service::Directory, ground)?,
        log: open_log(Service::Directory, ground).await?,
        projection: projection(ground, Service::Directory),
        ledger,
        development: ground.development,
    };
    egide_directory::start(config, shutdown).await.map_err(|error| not_started(Service::Directory, error))
}

async fn start_triage(
    listen: SocketAddr,
    ground: &Ground<'_>,
    ledger: Upstream,
    shutdown: Shutdown,
) -> Result<Running, Failure> {
    let config = egide_triage::Config {
        listen,
        verifier: verifier(Service::Triage, ground)?,
        log: open_log(Service::Triage, ground).await?,
        projection: projection(ground, Service::Triage),
        ledger,
        policy: Arc::clone(ground.policy.policy()),
        clock: clock::now,
    };
    egide_triage::start(config, shutdown).await.map_err(|error| not_started(Service::Triage, error))
}
