//! The `nats-server`s: one, or a cluster of three whose routes go through proxies.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use egide_servicekit::nats::{
    DEFAULT_MAX_PAYLOAD_BYTES, NatsCluster, NatsCredentials, NatsServer, PublicKeys, locate_nats_server,
};

use super::files::free_address;
use super::links::{Links, Party};
use super::process::{Process, Spec};

/// Who may do everything in JetStream's account; roles are users of their own.
pub(super) const USER: &str = "egide";

/// One `nats-server`.
pub(super) struct Node {
    pub(super) process: Process,
    /// Where clients connect, past every proxy.
    pub(super) address: SocketAddr,
}

/// Starts `count` servers, which flush before they acknowledge.
pub(super) async fn start(data: &Path, count: usize, password: &str, links: &mut Links) -> Vec<Node> {
    let program = locate_nats_server().expect("a nats-server");
    let routes: Vec<SocketAddr> = (0..count).map(|_| free_address()).collect();
    let mut nodes = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        // Each must name all others, or they do not know how many they are. Of two connections the servers keep one, so a
        // fault between two of them is set on both ways.
        let mut others = Vec::new();
        for (other, server) in routes.iter().enumerate().filter(|(other, _)| *other != index) {
            let proxy = links.add(Party::Nats(index), Party::Nats(other), *server).await;
            others.push(proxy.to_string());
        }
        let cluster = (count > 1).then(|| cluster(*route, others, password));
        nodes.push(node(data, index, password, cluster, &program));
    }
    nodes
}

/// Servers tell each other where everybody listens and connect there as well: the advertised address leads nowhere, so that
/// nothing passes by the proxies. Clients are told of no server but those they were given.
fn cluster(listen: SocketAddr, routes: Vec<String>, password: &str) -> NatsCluster {
    NatsCluster {
        name: "egide".to_owned(),
        listen: listen.to_string(),
        advertise: Some("127.0.0.1:1".to_owned()),
        routes,
        password: password.to_owned(),
    }
}

/// The folder of the seeds that roles connect with.
pub(super) fn seeds(data: &Path) -> PathBuf {
    data.join("keys/nats")
}

fn node(data: &Path, index: usize, password: &str, cluster: Option<NatsCluster>, program: &Path) -> Node {
    let name = format!("nats-{}", index + 1);
    let folder = data.join(&name);
    fs::create_dir_all(&folder).expect("a folder for a server");
    let address = free_address();
    let server = NatsServer {
        name: name.clone(),
        listen: address.to_string(),
        monitor: None,
        store: folder.join("store"),
        max_file_store_bytes: None,
        store_key_variable: None,
        max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
        identities: PublicKeys::of_folder(&seeds(data)).expect("seeds"),
        tls: None,
        cluster,
        files: None,
        master: Some(NatsCredentials { user: USER.to_owned(), password: password.to_owned() }),
    };
    let configuration = server.configuration().expect("a configuration");
    let path: PathBuf = folder.join("server.conf");
    fs::write(&path, configuration).expect("a configuration");
    let process = Process::start(Spec {
        log: data.join(format!("logs/{name}.log")),
        name,
        program: program.to_owned(),
        arguments: vec!["--config".to_owned(), path.display().to_string()],
        environment: Vec::new(),
    });
    Node { process, address }
}
