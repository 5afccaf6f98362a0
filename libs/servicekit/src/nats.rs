//! `nats-server`: who may do what there ([`Identity`]), the configuration of one or of three ([`NatsServer`]), and the
//! embedded one: found, started, checked, supervised and ended.
//!
//! *In scope*: accounts, users and their rights; one server on one machine as a child of this process, on loopback, with
//! JetStream that flushes before it acknowledges. *Out of scope*: streams and their configuration (egide-eventlog), running
//! servers on other machines (`ops/nats/`).
//!
//! What the embedded one keeps under `<directory>/nats/` (mode 0700): `server.conf` (0600), `store/` (JetStream),
//! `server.log` (no payloads), `server.pid`, `ports/`, and `lock`, held for as long as the [`NatsChild`] lives.

mod home;
mod identity;
mod locate;
mod monitor;
mod orphan;
mod server;
mod supervise;
#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use self::home::{Home, Lock, at, private_file};
pub use self::{
    identity::{Identity, LOG_ACCOUNT, PublicKeys, SERVERS_SUBJECT},
    locate::{MINIMUM_VERSION, ServerVersion, locate_nats_server},
    server::{NatsCluster, NatsFiles, NatsServer},
    supervise::RESTARTS_IN_A_ROW_MAX,
};
use crate::{key_file, tls::TlsFiles};

/// Largest message the server takes unless the configuration says otherwise, in bytes (the server's own default, 1 MiB).
pub const DEFAULT_MAX_PAYLOAD_BYTES: u32 = 1_048_576;

/// Longest wait for a server to be ready. A store of a million messages is recovered in under a second; this leaves room
/// for one a hundred times as large on a slow disk.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for an orderly end before the server is killed. What it acknowledged is on disk either way.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// Pause between two looks at a condition we wait for.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Variables of our environment that the child may see. Everything else stays with us: a key-encryption key may come
/// from the environment. `EGIDE_RUN_ID` lets whoever started us find every process of the run.
const ENVIRONMENT_PASSED_ON: [&str; 4] = ["PATH", "HOME", "TMPDIR", "EGIDE_RUN_ID"];

/// Why a server could not be found, started, trusted or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No server stands in any of the places looked at.
    #[error(
        "no nats-server {MINIMUM_VERSION} or later was found; set EGIDE_NATS_SERVER to one, install the official \
         release, or start with `ops/run`, which fetches one"
    )]
    NotFound,
    /// The server named by `EGIDE_NATS_SERVER` is older than we can build on.
    #[error("`{}` is nats-server {found}; {MINIMUM_VERSION} or later is needed", .binary.display())]
    TooOld {
        /// The program that was asked.
        binary: PathBuf,
        /// The version it gave.
        found: ServerVersion,
    },
    /// A program could not be run, or does not speak like a nats-server.
    #[error("`{}` could not be run as a nats-server: {reason}", .binary.display())]
    NotRunnable {
        /// The program that was tried.
        binary: PathBuf,
        /// What was wrong.
        reason: String,
    },
    /// A file or folder of the server's could not be made, read or written.
    #[error("`{}`: {source}; check that it can be written and that the disk has room", .path.display())]
    Directory {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another live process holds this data directory.
    #[error("`{}` is in use by another egide; stop that one, or choose another data directory", .directory.display())]
    InUse {
        /// The data directory.
        directory: PathBuf,
    },
    /// A path cannot be written into the server's configuration.
    #[error("`{}` holds characters that a nats-server configuration cannot carry; choose another data directory", .path.display())]
    UnusablePath {
        /// The path.
        path: PathBuf,
    },
    /// User or password would need quoting, or would be read as a hash.
    #[error("user and password of nats-server must be 1 to 128 characters of A-Z, a-z, 0-9, `-` and `_`")]
    UnusableCredentials,
    /// A name or address cannot be written into the server's configuration.
    #[error(
        "{found} cannot be written into the configuration of nats-server; names have 1 to 128 characters of A-Z, a-z, 0-9, `-` and `_`, addresses are `host:port`"
    )]
    UnusableName {
        /// What it was.
        found: String,
    },
    /// A seed file cannot be used.
    #[error(transparent)]
    Seed(#[from] key_file::Error),
    /// A file holds no seed.
    #[error("`{}` holds no seed of a NATS user", .path.display())]
    NoSeed {
        /// The file.
        path: PathBuf,
    },
    /// The server was asked to listen on an address others can reach.
    #[error("`{address}` is not a loopback address; an embedded nats-server listens on loopback only")]
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
    /// A server of an earlier run still holds the store and would not end.
    #[error("nats-server of an earlier run (process {pid}) still holds the store and would not end; end it by hand")]
    OrphanWouldNotEnd {
        /// Its process number.
        pid: u32,
    },
    /// The server ended before it was ready.
    #[error("nats-server ended while starting ({status}): {last_words}")]
    EndedAtStart {
        /// How it ended.
        status: ExitStatus,
        /// The last thing it wrote.
        last_words: String,
    },
    /// The server was not ready in time.
    #[error("nats-server was not ready after {} s ({last}); see `{}`", .within.as_secs(), .log.display())]
    NotReady {
        /// How long we waited.
        within: Duration,
        /// What the last look found.
        last: String,
        /// Its log.
        log: PathBuf,
    },
    /// The monitoring endpoint gave no usable answer.
    #[error("nats-server's monitoring endpoint did not answer as expected: {reason}")]
    Monitor {
        /// What was wrong.
        reason: String,
    },
    /// The server runs, and does not keep what we promise on top of it.
    #[error("nats-server is refused: {reason}")]
    Refused {
        /// Which setting differs from the one that was asked for.
        reason: String,
    },
    /// The server process could not be signalled or waited for.
    #[error("nats-server (process {pid:?}) could not be controlled: {source}")]
    Control {
        /// Its process number, if it still has one.
        pid: Option<u32>,
        /// What the system said.
        source: io::Error,
    },
    /// The server keeps ending; nothing is gained by starting it once more.
    #[error("nats-server ended {restarts} times in a row, the last time: {last}; see `{}`", .log.display())]
    GaveUp {
        /// How often it was started again.
        restarts: u32,
        /// Its last end.
        last: String,
        /// Its log.
        log: PathBuf,
    },
}

/// What a client presents where it has no nkey. Debug output shows the user only.
#[derive(Clone)]
pub struct NatsCredentials {
    /// User name: 1 to 128 characters of A-Z, a-z, 0-9, `-`, `_`.
    pub user: String,
    /// Password, of the same alphabet, so that it needs no quoting and is never taken for a bcrypt hash.
    pub password: String,
}

impl fmt::Debug for NatsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsCredentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How to run the embedded server.
#[derive(Clone, Debug)]
pub struct NatsChildConfig {
    /// The program, see [`locate_nats_server`].
    pub binary: PathBuf,
    /// The data directory; `nats/` is made inside it.
    pub directory: PathBuf,
    /// Client address, loopback only; `None` lets the server choose a free port, kept over [`NatsChild::restart`].
    pub listen: Option<SocketAddr>,
    /// Whom it knows.
    pub identities: PublicKeys,
    /// TLS, where clients are to prove themselves by certificates too.
    pub tls: Option<TlsFiles>,
    /// How many bytes JetStream may take on disk; three quarters of what is free without.
    pub max_file_store_bytes: Option<u64>,
    /// Somebody who may do everything in JetStream's account: for tests that break things. `None` otherwise.
    pub master: Option<NatsCredentials>,
    /// Largest message in bytes; see [`DEFAULT_MAX_PAYLOAD_BYTES`].
    pub max_payload_bytes: u32,
}

/// Where a running server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Addresses {
    client: SocketAddr,
    monitor: SocketAddr,
}

/// A running `nats-server` that is ours: ready, flushing before it acknowledges, and ended with this value.
///
/// Dropping it kills the server hard, which loses nothing that was acknowledged; [`NatsChild::stop`] is the orderly way.
#[derive(Debug)]
pub struct NatsChild {
    config: NatsChildConfig,
    home: Home,
    addresses: Addresses,
    // INVARIANT: `None` whenever no process of ours is alive: before a start, and once an end was seen.
    child: Option<Child>,
    // Declared last, so released last: nobody may take the directory while the child still runs.
    _lock: Lock,
}

impl NatsChild {
    /// Starts a server and waits until it is ready and found to be durable.
    ///
    /// A server that a crashed run left behind in the same directory is ended first; no other process is ever touched.
    ///
    /// # Errors
    /// [`Error::InUse`] while another `NatsChild` holds the directory; otherwise whatever kept the server from being
    /// ready within a minute, or [`Error::Refused`] if it is too old or does not flush. It is not left running then.
    pub async fn start(config: NatsChildConfig) -> Result<Self, Error> {
        check_config(&config)?;
        let home = Home::create(&config.directory)?;
        let lock = home.lock()?;
        orphan::end(&home, &config.binary).await?;
        let unspecified = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let wanted = Addresses { client: config.listen.unwrap_or(unspecified), monitor: unspecified };
        let mut server = Self { config, home, addresses: wanted, child: None, _lock: lock };
        server.launch().await?;
        Ok(server)
    }

    /// `nats://127.0.0.1:<port>`, or `tls://` where it demands TLS, without credentials. The same for the whole life of this
    /// value.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.config.tls.is_some() { "tls" } else { "nats" };
        format!("{scheme}://{}", self.addresses.client)
    }

    /// Has the server read its certificates again; connections that are there stay.
    ///
    /// # Errors
    /// [`Error::Control`] if it does not run or cannot be told.
    pub async fn reload(&self) -> Result<(), Error> {
        let stopped = || Error::Control { pid: None, source: io::Error::other("it is not running") };
        signal(&self.config.binary, Signal::Reload, self.pid().ok_or_else(stopped)?).await
    }

    /// `http://127.0.0.1:<port>` of the monitoring endpoint (`/varz`, `/healthz`, `/jsz`), on loopback, without log-in.
    #[must_use]
    pub fn monitor_url(&self) -> String {
        format!("http://{}", self.addresses.monitor)
    }

    /// Process number of the server while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// The server's log file. It holds no message content.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.home.log
    }

    /// Waits until the server ends by itself, and says how. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Control`] if it is not running or cannot be waited for.
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        let Some(child) = self.child.as_mut() else {
            return Err(Error::Control { pid: None, source: io::Error::other("it is not running") });
        };
        let pid = child.id();
        let status = child.wait().await.map_err(|source| Error::Control { pid, source })?;
        self.child = None;
        Ok(status)
    }

    /// Ends the server in order: it stops accepting, closes its store, exits. After ten seconds it is killed.
    /// Does nothing if it has ended already.
    ///
    /// # Errors
    /// [`Error::Control`] if it can neither be signalled nor killed.
    pub async fn stop(&mut self) -> Result<(), Error> {
        let Some(pid) = self.pid() else {
            self.child = None;
            return Ok(());
        };
        if let Err(error) = signal(&self.config.binary, Signal::Terminate, pid).await {
            tracing::warn!(%error, "nats-server could not be asked to end, so it is killed");
            return self.kill().await;
        }
        match timeout(STOP_WITHIN, self.wait()).await {
            Ok(ended) => ended.map(|_| ()),
            Err(_elapsed) => {
                tracing::warn!(within_s = STOP_WITHIN.as_secs(), "nats-server did not end in time, so it is killed");
                self.kill().await
            }
        }
    }

    /// Kills the server at once (SIGKILL) and waits until it is gone: the fault that tests inject.
    ///
    /// # Errors
    /// [`Error::Control`] if it cannot be killed.
    pub async fn kill(&mut self) -> Result<(), Error> {
        if let Some(mut child) = self.child.take() {
            let pid = child.id();
            child.kill().await.map_err(|source| Error::Control { pid, source })?;
        }
        Ok(())
    }

    /// Starts the server again, on the same ports and the same store, after ending it in order if it still runs.
    ///
    /// # Errors
    /// As [`NatsChild::start`].
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.stop().await?;
        self.launch().await
    }

    /// Starts the process and brings it to the point where it can be trusted; otherwise it is gone again. Cancelled in
    /// between, the process stands in `child`, where [`NatsChild::stop`] finds it.
    async fn launch(&mut self) -> Result<(), Error> {
        self.home.forget_ports()?;
        self.home.write_config(&self.config, self.addresses)?;
        let child = self.child.insert(spawn(&self.config, &self.home)?);
        let trusted = match until_ready(child, &self.home).await {
            Ok(addresses) => {
                monitor::verify(addresses.monitor, self.config.max_payload_bytes).await.map(|()| addresses)
            }
            Err(error) => Err(error),
        };
        match trusted {
            Ok(addresses) => {
                self.addresses = addresses;
                Ok(())
            }
            Err(error) => {
                if let Err(source) = self.kill().await {
                    tracing::warn!(error = %source, "nats-server that would not start could not be killed");
                }
                Err(error)
            }
        }
    }
}

fn check_config(config: &NatsChildConfig) -> Result<(), Error> {
    config.master.as_ref().map_or(Ok(()), server::check)?;
    match config.listen {
        Some(address) if !address.ip().is_loopback() => Err(Error::NotLoopback { address }),
        Some(_) | None => Ok(()),
    }
}

fn spawn(config: &NatsChildConfig, home: &Home) -> Result<Child, Error> {
    let stderr = private_file(&home.stderr)?;
    stderr.set_len(0).map_err(at(&home.stderr))?;
    let mut command = Command::new(&config.binary);
    command.arg("--config").arg(&home.config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    command.env_clear();
    for name in ENVIRONMENT_PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // A group of its own: Ctrl-C reaches us alone, and we drain before the log goes away.
    command.process_group(0).kill_on_drop(true);
    command.spawn().map_err(|source| Error::NotRunnable { binary: config.binary.clone(), reason: source.to_string() })
}

async fn until_ready(child: &mut Child, home: &Home) -> Result<Addresses, Error> {
    let pid = child.id();
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let ended = child.try_wait().map_err(|source| Error::Control { pid, source })?;
        if let Some(status) = ended {
            return Err(Error::EndedAtStart { status, last_words: home.last_words() });
        }
        let last = match look(home).await {
            Ok(addresses) => return Ok(addresses),
            Err(reason) => reason,
        };
        if Instant::now() >= deadline {
            return Err(Error::NotReady { within: READY_WITHIN, last, log: home.log.clone() });
        }
        sleep(LOOK_EVERY).await;
    }
}

/// One look: are the ports known, and does the server call itself healthy (store recovered, accepting clients)?
async fn look(home: &Home) -> Result<Addresses, String> {
    let addresses = monitor::addresses(&home.ports)?;
    monitor::healthy(addresses.monitor).await.map_err(|error| error.to_string())?;
    Ok(addresses)
}

/// What we say to a server that is not, or no longer, our direct child to wait for.
#[derive(Clone, Copy, Debug)]
enum Signal {
    /// SIGTERM: end in order.
    Terminate,
    /// SIGKILL.
    Kill,
    /// SIGHUP: read the configuration and its files again.
    Reload,
}

/// Sends a signal through `nats-server --signal`: unsafe code is forbidden here, and a `kill` program is not on every machine.
async fn signal(binary: &Path, signal: Signal, pid: u32) -> Result<(), Error> {
    // `stop` is the server's word for SIGKILL, `term` for an orderly end.
    let word = match signal {
        Signal::Terminate => "term",
        Signal::Kill => "stop",
        Signal::Reload => "reload",
    };
    let control = |source| Error::Control { pid: Some(pid), source };
    let run = Command::new(binary)
        .arg("--signal")
        .arg(format!("{word}={pid}"))
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(STOP_WITHIN, run).await.map_err(|elapsed| control(elapsed.into()))?.map_err(control)?;
    if output.status.success() {
        return Ok(());
    }
    Err(control(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())))
}
