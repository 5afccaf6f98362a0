//! The `nats-server`s: one, or a cluster of three whose routes go through proxies.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use egide_servicekit::nats::{DEFAULT_MAX_PAYLOAD_BYTES, locate_nats_server};

use super::files::free_address;
use super::links::{Links, Party};
use super::process::{Process, Spec};

/// The one user.
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
            others.push(format!("\"nats-route://{proxy}\""));
        }
        let cluster = if count == 1 { String::new() } else { cluster(*route, &others) };
        nodes.push(node(data, index, password, &cluster, &program));
    }
    nodes
}

/// Servers tell each other where everybody listens and connect there as well: the advertised address leads nowhere, so that
/// nothing passes by the proxies. Clients are told of no server but those they were given.
fn cluster(listen: SocketAddr, others: &[String]) -> String {
    format!(
        "cluster {{ name: egide, listen: \"{listen}\", advertise: \"127.0.0.1:1\", no_advertise: true, routes: [{}] }}\n",
        others.join(", ")
    )
}

fn node(data: &Path, index: usize, password: &str, cluster: &str, program: &Path) -> Node {
    let name = format!("nats-{}", index + 1);
    let folder = data.join(&name);
    fs::create_dir_all(&folder).expect("a folder for a server");
    let address = free_address();
    let configuration = format!(
        "server_name: {name}\n\
         listen: \"{address}\"\n\
         max_payload: {DEFAULT_MAX_PAYLOAD_BYTES}\n\
         authorization {{ user: \"{USER}\", password: \"{password}\" }}\n\
         jetstream {{ store_dir: \"{}\", sync_interval: always }}\n{cluster}",
        folder.join("store").display()
    );
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
