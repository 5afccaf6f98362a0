//! TLS to NATS and between its servers: nobody without a certificate, and certificates that are replaced are picked up.
#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use egide_eventlog::{Connection, ConnectionConfig, ConnectionError, ConnectionTls, EventLog, LogConfig};
use egide_servicekit::nats::Identity;
use egide_servicekit::tls::TlsFiles;
use egide_testkit::{PATIENCE, TestCluster, TestNats, wait_until};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Room for the log.
const LOG_BYTES: u64 = 1 << 28;

/// An authority of the test's own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut about = CertificateParams::new(Vec::<String>::new()).expect("an authority");
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = about.self_signed(&key).expect("an authority").pem();
        Self { issuer: Issuer::new(about, key), certificate }
    }

    /// Writes a certificate and its key for `hosts` into a folder, and the authorities that count there.
    fn write(&self, folder: &Path, hosts: &[&str], authorities: &str) -> Files {
        std::fs::create_dir_all(folder).expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let about = CertificateParams::new(hosts).expect("a certificate");
        let certificate = about.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        Files {
            certificate: file("certificate.pem", &certificate),
            key: file("key.pem", &key.serialize_pem()),
            authorities: file("authorities.pem", authorities),
        }
    }
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    authorities: PathBuf,
}

impl Files {
    fn of_server(&self) -> TlsFiles {
        let Self { certificate, key, authorities } = self;
        TlsFiles { certificate: certificate.clone(), key: key.clone(), authorities: authorities.clone() }
    }

    fn of_client(&self) -> ConnectionTls {
        let Self { certificate, key, authorities } = self;
        ConnectionTls { certificate: certificate.clone(), key: key.clone(), authorities: authorities.clone() }
    }
}

const SERVER: [&str; 2] = ["localhost", "127.0.0.1"];

#[tokio::test]
async fn only_who_shows_a_certificate_and_a_seed_gets_in() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (authority, other) = (Authority::new(), Authority::new());
    let server = authority.write(&directory.path().join("server"), &SERVER, &authority.certificate);
    let client = authority.write(&directory.path().join("client"), &["audit"], &authority.certificate);
    let stranger = other.write(&directory.path().join("stranger"), &["audit"], &authority.certificate);
    let distrustful = authority.write(&directory.path().join("distrustful"), &["audit"], &other.certificate);
    let nats = TestNats::start_with_tls(directory.path(), server.of_server()).await;
    let bare = nats.connection(Identity::AUDIT);

    Connection::open(&bare.clone().with_tls(client.of_client())).await.expect("certificate and seed");
    for (config, why) in [
        (bare.clone(), "without TLS"),
        (bare.clone().with_tls(stranger.of_client()), "with a certificate of another authority"),
        (bare.with_tls(distrustful.of_client()), "to a server of an authority that does not count"),
    ] {
        let refused = Connection::open(&config).await.expect_err(why);
        let told = matches!(refused, ConnectionError::Unreachable { .. } | ConnectionError::Tls { .. });
        assert!(told, "{why}: {refused}");
    }
    let nobody = ConnectionConfig::new(nats.url()).with_tls(client.of_client());
    let refused = Connection::open(&nobody).await.expect_err("a certificate alone is nobody");
    assert!(matches!(refused, ConnectionError::Refused { .. }), "{refused}");
}

#[tokio::test]
async fn a_server_reads_its_certificates_again_when_told() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (before, after) = (Authority::new(), Authority::new());
    let both = format!("{}{}", before.certificate, after.certificate);
    let folder = directory.path().join("server");
    let server = before.write(&folder, &SERVER, &both);
    let old = before.write(&directory.path().join("old"), &["audit"], &both);
    let new = before.write(&directory.path().join("new"), &["audit"], &after.certificate);
    let nats = TestNats::start_with_tls(directory.path(), server.of_server()).await;
    let open = async |files: &Files| {
        Connection::open(&nats.connection(Identity::AUDIT).with_tls(files.of_client())).await.is_ok()
    };
    assert!(open(&old).await && !open(&new).await, "the server shows its first certificate");
    after.write(&folder, &SERVER, &both);
    nats.reload().await;
    wait_until("the server shows its second certificate", PATIENCE, async || open(&new).await).await;
    assert!(open(&old).await, "both authorities count");
}

#[tokio::test]
async fn certificates_and_seeds_that_are_replaced_are_used_from_the_next_connection_on() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (before, after) = (Authority::new(), Authority::new());
    let (servers, clients) = (directory.path().join("server"), directory.path().join("client"));
    let server = before.write(&servers, &SERVER, &before.certificate);
    let client = before.write(&clients, &["audit"], &before.certificate);
    let mut nats = TestNats::start_with_tls(directory.path(), server.of_server()).await;
    let config = nats.connection(Identity::AUDIT).with_tls(client.of_client());
    let connection = Connection::open(&config).await.expect("the first certificates");

    nats.kill().await;
    wait_until("the loss is noticed", PATIENCE, async || !connection.is_connected()).await;
    after.write(&servers, &SERVER, &after.certificate);
    after.write(&clients, &["audit"], &after.certificate);
    nats.restart().await;
    wait_until("connected again by the new certificates", PATIENCE, async || connection.is_connected()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_find_each_other_by_certificates_and_keep_a_log() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let authority = Authority::new();
    let server = authority.write(&directory.path().join("server"), &SERVER, &authority.certificate);
    let client = authority.write(&directory.path().join("client"), &["audit"], &authority.certificate);
    let cluster = TestCluster::start_with_tls(server.of_server(), client.of_client()).await;
    cluster.provision(LOG_BYTES).await;
    let config = LogConfig { create: false, max_bytes: LOG_BYTES, replicas: 3 };
    let connection = Connection::open(&cluster.connection(Identity::LEDGER)).await.expect("the ledger connects");
    let log = EventLog::open(connection, config, egide_crypto::sign::KeyRing::new()).await.expect("the log");
    log.check_durability().await.expect("every server flushes");
}
