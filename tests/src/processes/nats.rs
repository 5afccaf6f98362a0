//! The `nats-server`s: one, or a cluster of three whose routes go through proxies; accounts and rights as in an installation.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use egide_crypto::random::random_bytes;
use egide_eventlog::{Administration, BucketName, Connection, ConnectionConfig, LogConfig};
use egide_servicekit::nats::{
    DEFAULT_MAX_PAYLOAD_BYTES, Identity, NatsCluster, NatsServer, PublicKeys, locate_nats_server,
};
use egide_testkit::connection_of;

use super::files::{free_address, private};
use super::links::{Links, Party};
use super::process::{Process, Spec};

/// One `nats-server`.
pub(super) struct Node {
    pub(super) process: Process,
    /// Where clients connect, past every proxy.
    pub(super) address: SocketAddr,
}

/// Everything of NATS.
pub(super) struct Nats {
    pub(super) nodes: Vec<Node>,
    /// The folder of the identities' seeds.
    pub(super) seeds: PathBuf,
}

impl Nats {
    /// Starts `count` servers, which flush before they acknowledge.
    pub(super) async fn start(data: &Path, count: usize, links: &mut Links) -> Self {
        let program = locate_nats_server().expect("a nats-server");
        let seeds = data.join("keys/nats");
        let identities = PublicKeys::of_folder(&seeds).expect("seeds of the identities");
        let password = random_bytes::<16>().expect("random bytes").map(|byte| format!("{byte:02x}")).concat();
        let listening: Vec<SocketAddr> = (0..count).map(|_| free_address()).collect();
        let mut nodes = Vec::new();
        for (index, listen) in listening.iter().enumerate() {
            // Of two connections between two servers they keep one, so a fault between them is set on both ways.
            let mut routes = Vec::new();
            for (other, server) in listening.iter().enumerate() {
                routes.push(if other == index {
                    server.to_string()
                } else {
                    links.add(Party::Nats(index), Party::Nats(other), *server).await.to_string()
                });
            }
            let cluster = NatsCluster {
                name: "egide-test".to_owned(),
                listen: listen.to_string(),
                routes,
                // Servers tell each other where everybody listens and connect there as well: this leads nowhere, so
                // that nothing passes by the proxies.
                advertise: Some("127.0.0.1:1".to_owned()),
                password: password.clone(),
            };
            let server = NatsServer {
                name: format!("nats-{}", index + 1),
                listen: free_address().to_string(),
                monitor: None,
                store: data.join(format!("nats-{}/store", index + 1)),
                max_file_store_bytes: None,
                store_key_variable: None,
                max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
                identities: identities.clone(),
                tls: None,
                cluster: (count > 1).then_some(cluster),
                files: None,
                master: None,
            };
            nodes.push(node(data, &server, &program));
        }
        Self { nodes, seeds }
    }

    /// How an identity connects, past every proxy.
    pub(super) fn connection(&self, identity: Identity) -> ConnectionConfig {
        let urls: Vec<String> = self.nodes.iter().map(|node| format!("nats://{}", node.address)).collect();
        connection_of(identity, urls.join(","), &self.seeds)
    }

    async fn administration(&self) -> Result<Administration, String> {
        let connection = Connection::open(&self.connection(Identity::ADMINISTRATOR)).await;
        connection.map(Administration::new).map_err(|error| error.to_string())
    }

    /// What an operator does once, before any role starts: the log and the buckets are made.
    pub(super) async fn provision(&self, config: &LogConfig) -> Result<(), String> {
        let administration = self.administration().await?;
        administration.provision_log(config).await.map_err(|error| error.to_string())?;
        for bucket in BucketName::ALL {
            let made = administration.provision_bucket(bucket, config.create, config.replicas).await;
            made.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The place of the server that leads the log's stream; `None` while none does, or none says so.
    pub(super) async fn leader(&self) -> Option<usize> {
        let name = self.administration().await.ok()?.placement("CASES").await.ok()?.leader?;
        self.nodes.iter().position(|node| node.process.name() == name)
    }
}

fn node(data: &Path, server: &NatsServer, program: &Path) -> Node {
    fs::create_dir_all(&server.store).expect("a folder for a server");
    let path = data.join(format!("{}/server.conf", server.name));
    private(&path, server.configuration().expect("a configuration").as_bytes());
    let process = Process::start(Spec {
        log: data.join(format!("logs/{}.log", server.name)),
        name: server.name.clone(),
        program: program.to_owned(),
        arguments: vec!["--config".to_owned(), path.display().to_string()],
        environment: Vec::new(),
    });
    Node { process, address: server.listen.parse().expect("an address") }
}
