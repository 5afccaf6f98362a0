//! Three real `nats-server`s that keep everything together.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use egide_eventlog::{Administration, BucketName, Connection, ConnectionConfig, ConnectionTls, LogConfig, LogError};
use egide_servicekit::nats::{
    DEFAULT_MAX_PAYLOAD_BYTES, Identity, NatsCluster, NatsCredentials, NatsServer, PublicKeys, locate_nats_server,
};
use egide_servicekit::tls::TlsFiles;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::nats::{connection_of, master};

/// How many servers there are.
pub const CLUSTER_SIZE: usize = 3;
/// How long servers may take to agree on a leader; an election takes seconds, on a busy machine many.
const ELECTION_PATIENCE: Duration = Duration::from_secs(90);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long one look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// One server of the three.
struct Node {
    folder: PathBuf,
    client: SocketAddr,
    monitor: SocketAddr,
    child: Option<Child>,
    paused: bool,
}

/// Three `nats-server`s on loopback, flushing before they acknowledge, with the accounts and rights of an installation;
/// gone when dropped. Each can be killed, started again, paused and let go on; leaders can be moved.
///
/// [`TestCluster::provision`] makes the log and the buckets on three replicas.
pub struct TestCluster {
    nodes: Vec<Node>,
    binary: PathBuf,
    seeds: PathBuf,
    clients_tls: Option<ConnectionTls>,
    master: NatsCredentials,
    // Declared last: the servers go first.
    directory: TempDir,
}

impl fmt::Debug for TestCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCluster").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl TestCluster {
    /// Three servers that have found each other and agreed on who leads; no streams yet.
    ///
    /// # Panics
    /// When no recent enough server is found, or they do not agree in time.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// The same with TLS between the servers and with clients, by the files of the first and the second. The servers'
    /// certificate names `localhost` and 127.0.0.1.
    ///
    /// # Panics
    /// As [`TestCluster::start`].
    pub async fn start_with_tls(servers: TlsFiles, clients: ConnectionTls) -> Self {
        Self::start_with(Some((servers, clients))).await
    }

    async fn start_with(tls: Option<(TlsFiles, ConnectionTls)>) -> Self {
        let (tls, clients_tls) = tls.unzip();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let seeds = directory.path().join("keys/nats");
        let identities = PublicKeys::of_folder(&seeds).expect("seeds of the identities");
        let binary = locate_nats_server().expect("a nats-server");
        let master = master();
        let ports: Vec<u16> = free_ports(CLUSTER_SIZE * 3);
        let (clients, rest) = ports.split_at(CLUSTER_SIZE);
        let (monitors, routes) = rest.split_at(CLUSTER_SIZE);
        let routes: Vec<String> = routes.iter().map(|port| format!("localhost:{port}")).collect();
        let mut nodes = Vec::with_capacity(CLUSTER_SIZE);
        for (index, ((client, monitor), route)) in clients.iter().zip(monitors).zip(&routes).enumerate() {
            let folder = directory.path().join(format!("nats-{index}"));
            fs::create_dir(&folder).expect("a folder of the server's own");
            let (client, monitor) = (loopback(*client), loopback(*monitor));
            let server = NatsServer {
                name: name_of(index),
                listen: client.to_string(),
                monitor: Some(monitor),
                store: folder.join("store"),
                max_file_store_bytes: None,
                store_key_variable: None,
                max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
                identities: identities.clone(),
                tls: tls.clone(),
                cluster: Some(NatsCluster {
                    name: "egide-test".to_owned(),
                    listen: route.clone(),
                    routes: routes.clone(),
                    password: master.password.clone(),
                    advertise: None,
                }),
                files: None,
                master: Some(master.clone()),
            };
            write(&folder.join("server.conf"), &server.configuration().expect("a configuration"));
            let child = spawn(&binary, &folder);
            nodes.push(Node { folder, client, monitor, child: Some(child), paused: false });
        }
        let cluster = Self { nodes, binary, seeds, clients_tls, master, directory };
        cluster.until_quorum().await;
        cluster
    }

    /// Makes the log and the buckets on three replicas, as the administrative identity does at installation, and waits
    /// until every server has them.
    ///
    /// # Panics
    /// When they cannot be made, or are other than they must be.
    pub async fn provision(&self, log_max_bytes: u64) {
        let config = LogConfig { create: true, max_bytes: log_max_bytes, replicas: 3 };
        let end = Instant::now() + ELECTION_PATIENCE;
        loop {
            match self.try_provision(&config).await {
                Ok(()) => break,
                Err(error) => assert!(Instant::now() < end, "no streams: {error}\n{}", self.logs()),
            }
            sleep(LOOK_EVERY).await;
        }
        self.until_whole().await;
    }

    async fn try_provision(&self, config: &LogConfig) -> Result<(), String> {
        let administration = self.administration().await.ok_or("no server answers")?;
        administration.provision_log(config).await.map_err(|error| error.to_string())?;
        for bucket in BucketName::ALL {
            let made = administration.provision_bucket(bucket, true, config.replicas).await;
            made.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// All servers, separated by commas.
    #[must_use]
    pub fn url(&self) -> String {
        self.nodes.iter().map(|node| format!("nats://{}", node.client)).collect::<Vec<_>>().join(",")
    }

    /// Where one server's clients connect to; for a [`crate::FaultProxy`] as well.
    ///
    /// # Panics
    /// Without such a server.
    #[must_use]
    pub fn address(&self, index: usize) -> SocketAddr {
        self.node(index).client
    }

    /// Where one server's monitoring listens.
    ///
    /// # Panics
    /// Without such a server.
    #[must_use]
    pub fn monitor(&self, index: usize) -> SocketAddr {
        self.node(index).monitor
    }

    /// How `identity` connects, to whichever server answers.
    #[must_use]
    pub fn connection(&self, identity: Identity) -> ConnectionConfig {
        self.secured(connection_of(identity, self.url(), &self.seeds))
    }

    /// How `identity` connects to one server and no other.
    ///
    /// # Panics
    /// Without such a server.
    #[must_use]
    pub fn connection_to(&self, index: usize, identity: Identity) -> ConnectionConfig {
        self.secured(connection_of(identity, format!("nats://{}", self.address(index)), &self.seeds))
    }

    fn secured(&self, config: ConnectionConfig) -> ConnectionConfig {
        match self.clients_tls.clone() {
            Some(tls) => config.with_tls(tls),
            None => config,
        }
    }

    /// The folder of the identities' seeds.
    #[must_use]
    pub fn seeds(&self) -> &Path {
        &self.seeds
    }

    /// User and password of somebody who may do everything in JetStream's account.
    #[must_use]
    pub fn master(&self) -> (&str, &str) {
        (&self.master.user, &self.master.password)
    }

    /// Where all files are.
    #[must_use]
    pub fn files(&self) -> &Path {
        self.directory.path()
    }

    /// Where one server keeps its store.
    ///
    /// # Panics
    /// Without such a server.
    #[must_use]
    pub fn store(&self, index: usize) -> PathBuf {
        self.node(index).folder.join("store")
    }

    /// Process number of one server while it runs.
    ///
    /// # Panics
    /// Without such a server.
    #[must_use]
    pub fn pid(&self, index: usize) -> Option<u32> {
        self.node(index).child.as_ref().map(Child::id)
    }

    /// Kills one server at once, as a power failure would.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self, index: usize) {
        let node = self.node_mut(index);
        node.paused = false;
        if let Some(mut child) = node.child.take() {
            child.kill().expect("nats-server can be killed");
            child.wait().expect("nats-server ends");
        }
    }

    /// Starts one server again on the same ports and store, and waits for nothing: see [`TestCluster::until_quorum`] and
    /// [`TestCluster::until_whole`].
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn restart(&mut self, index: usize) {
        self.kill(index);
        let binary = self.binary.clone();
        let node = self.node_mut(index);
        node.child = Some(spawn(&binary, &node.folder));
    }

    /// Stops one server in its tracks (SIGSTOP): it holds its connections and says nothing.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause(&mut self, index: usize) {
        self.signal(index, "-STOP");
        self.node_mut(index).paused = true;
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Panics
    /// When it does not run.
    pub fn resume(&mut self, index: usize) {
        self.signal(index, "-CONT");
        self.node_mut(index).paused = false;
    }

    fn signal(&self, index: usize, signal: &str) {
        let pid = self.pid(index).expect("the server runs");
        let status = Command::new("sh").args(["-c", "kill \"$1\" \"$2\"", "sh", signal, &pid.to_string()]).status();
        assert!(status.expect("a shell runs").success(), "the signal was not delivered");
    }

    /// Which server leads a stream (`CASES`, `KV_KEYS`); none while nobody does, or nobody can say.
    pub async fn leader(&self, stream: &str) -> Option<usize> {
        let placement = timeout(LOOK_WITHIN, async { self.administration().await?.placement(stream).await.ok() }).await;
        let leader = placement.ok().flatten()?.leader?;
        (0..self.nodes.len()).find(|index| name_of(*index) == leader)
    }

    /// Which server leads a stream, as soon as one does.
    ///
    /// # Panics
    /// When none is elected in time.
    pub async fn elected(&self, stream: &str) -> usize {
        let end = Instant::now() + ELECTION_PATIENCE;
        loop {
            if let Some(leader) = self.leader(stream).await {
                return leader;
            }
            assert!(Instant::now() < end, "nobody leads `{stream}`\n{}", self.logs());
            sleep(LOOK_EVERY).await;
        }
    }

    /// Has a stream's leader step down, and gives the one that was elected instead.
    ///
    /// # Panics
    /// When nobody else is elected in time.
    pub async fn step_down(&self, stream: &str) -> usize {
        let end = Instant::now() + ELECTION_PATIENCE;
        let before = self.elected(stream).await;
        loop {
            let asked = timeout(LOOK_WITHIN, async {
                let administration = self.administration().await.ok_or(LogError::Unavailable)?;
                administration.step_down(stream).await
            });
            let asked = asked.await;
            let now = self.elected(stream).await;
            if now != before {
                return now;
            }
            assert!(Instant::now() < end, "`{stream}` keeps its leader: {asked:?}\n{}", self.logs());
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until a majority has agreed on who leads, so that JetStream answers.
    ///
    /// # Panics
    /// When they do not agree in time.
    pub async fn until_quorum(&self) {
        let end = Instant::now() + ELECTION_PATIENCE;
        loop {
            let looked = timeout(LOOK_WITHIN, async {
                match self.administration().await {
                    Some(administration) => administration.placement("CASES").await,
                    None => Err(LogError::Unavailable),
                }
            });
            if let Ok(Ok(_) | Err(LogError::Missing)) = looked.await {
                return;
            }
            assert!(Instant::now() < end, "the servers do not agree\n{}", self.logs());
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until every stream has a leader, and every other server all that the leader has.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until_whole(&self) {
        let end = Instant::now() + ELECTION_PATIENCE;
        for stream in ["CASES", "KV_KEYS", "KV_FIND"] {
            loop {
                let looked = timeout(LOOK_WITHIN, async { self.administration().await?.placement(stream).await.ok() });
                let placement = looked.await.ok().flatten();
                let whole = placement.as_ref().is_some_and(|placement| {
                    placement.leader.is_some()
                        && placement.followers.len() + 1 == CLUSTER_SIZE
                        && placement.followers.iter().all(|(_, current)| *current)
                });
                if whole {
                    break;
                }
                assert!(Instant::now() < end, "`{stream}` is not whole: {placement:?}\n{}", self.logs());
                sleep(LOOK_EVERY).await;
            }
        }
    }

    /// The last lines of every server's log.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let log = fs::read_to_string(node.folder.join("server.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(20).collect();
            text.push_str(&format!("--- {}\n", name_of(index)));
            lines.iter().rev().for_each(|line| text.push_str(&format!("{line}\n")));
        }
        text
    }

    /// The administrative identity, through a server that answers.
    async fn administration(&self) -> Option<Administration> {
        Connection::open(&self.connection(Identity::ADMINISTRATOR)).await.ok().map(Administration::new)
    }

    fn node(&self, index: usize) -> &Node {
        self.nodes.get(index).expect("servers are 0, 1 and 2")
    }

    fn node_mut(&mut self, index: usize) -> &mut Node {
        self.nodes.get_mut(index).expect("servers are 0, 1 and 2")
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().filter_map(|node| node.child.as_mut()) {
            if child.kill().is_ok() {
                child.wait().ok();
            }
        }
    }
}

fn name_of(index: usize) -> String {
    format!("egide-{index}")
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn write(path: &Path, text: &str) {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("the configuration is written");
}

fn spawn(binary: &Path, folder: &Path) -> Child {
    let log = |name: &str| -> File {
        let file = File::options().create(true).append(true).open(folder.join(name));
        file.expect("a log file")
    };
    let mut command = Command::new(binary);
    command.arg("--config").arg(folder.join("server.conf")).stdin(Stdio::null());
    command.stdout(log("server.log")).stderr(log("server.log"));
    command.spawn().expect("nats-server starts")
}

/// Ports that nobody listens on, below those that systems hand out by themselves: between this look and the servers'
/// own, no connection of somebody else's gets them.
fn free_ports(count: usize) -> Vec<u16> {
    let mut held: Vec<(u16, TcpListener)> = Vec::with_capacity(count);
    while held.len() < count {
        let (high, low, ..) = Uuid::new_v4().as_fields();
        let port = 20_000 + u16::try_from((high ^ u32::from(low)) % 12_000).expect("it is below 12,000");
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
    }
    held.into_iter().map(|(port, _)| port).collect()
}
