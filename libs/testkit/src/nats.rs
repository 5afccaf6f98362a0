//! A real `nats-server`, with the accounts and rights of an installation.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use egide_crypto::random::random_bytes;
use egide_eventlog::{Administration, BucketName, Connection, ConnectionConfig, LogConfig};
use egide_servicekit::nats::{
    DEFAULT_MAX_PAYLOAD_BYTES, Identity, NatsChild, NatsChildConfig, NatsCredentials, PublicKeys, locate_nats_server,
};
use egide_servicekit::tls::TlsFiles;
use tempfile::TempDir;

/// How `identity` connects to `url`, with its seed from the folder `seeds`.
#[must_use]
pub fn connection_of(identity: Identity, url: impl Into<String>, seeds: &Path) -> ConnectionConfig {
    ConnectionConfig::new(url)
        .with_seed(identity.seed_path(seeds))
        .with_api_prefix(identity.api_prefix())
        .with_inbox_prefix(identity.inbox_prefix())
}

/// Somebody who may do everything in JetStream's account.
pub(crate) fn master() -> NatsCredentials {
    let password = random_bytes::<16>().expect("random bytes").map(|byte| format!("{byte:02x}")).concat();
    NatsCredentials { user: "egide".to_owned(), password }
}

/// A `nats-server` on a free port with a store of its own, flushing before it acknowledges. Gone when dropped.
///
/// It knows the identities of an installation ([`TestNats::connection`]), and a user who may do everything in
/// JetStream's account ([`TestNats::user`]).
pub struct TestNats {
    // Before the directory, so that the server goes first.
    child: NatsChild,
    credentials: NatsCredentials,
    data: PathBuf,
    directory: Option<TempDir>,
}

impl fmt::Debug for TestNats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestNats").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl TestNats {
    /// A server whose store goes away with it.
    ///
    /// # Panics
    /// When no recent enough server is found, or it does not start.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut server = Self::start_in(directory.path()).await;
        server.directory = Some(directory);
        server
    }

    /// A server that keeps its store in `data`, below `nats/`.
    ///
    /// # Panics
    /// As [`TestNats::start`].
    pub async fn start_in(data: &Path) -> Self {
        Self::start_with(data, None).await
    }

    /// The same with TLS: whoever connects shows a certificate.
    ///
    /// # Panics
    /// As [`TestNats::start`].
    pub async fn start_with_tls(data: &Path, tls: TlsFiles) -> Self {
        Self::start_with(data, Some(tls)).await
    }

    async fn start_with(data: &Path, tls: Option<TlsFiles>) -> Self {
        let credentials = master();
        let identities = PublicKeys::of_folder(&seeds_of(data)).expect("seeds of the identities");
        let config = NatsChildConfig {
            binary: locate_nats_server().expect("a nats-server"),
            directory: data.to_owned(),
            listen: None,
            identities,
            tls,
            max_file_store_bytes: None,
            master: Some(credentials.clone()),
            max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
        };
        let child = NatsChild::start(config).await.expect("nats-server starts");
        Self { child, credentials, data: data.to_owned(), directory: None }
    }

    /// `nats://127.0.0.1:<port>`, the same after [`TestNats::restart`].
    #[must_use]
    pub fn url(&self) -> String {
        self.child.url()
    }

    /// The address, for a [`crate::FaultProxy`].
    ///
    /// # Panics
    /// Never: the kit writes the URL from an address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.url().trim_start_matches("nats://").trim_start_matches("tls://").parse().expect("the url holds an address")
    }

    /// How `identity` connects.
    #[must_use]
    pub fn connection(&self, identity: Identity) -> ConnectionConfig {
        connection_of(identity, self.url(), &self.seeds())
    }

    /// The folder of the identities' seeds.
    #[must_use]
    pub fn seeds(&self) -> PathBuf {
        seeds_of(&self.data)
    }

    /// Makes the log and the buckets, as the administrative identity does at installation.
    ///
    /// # Panics
    /// When they cannot be made, or are other than they must be.
    pub async fn provision(&self, log_max_bytes: u64) {
        let administrator = self.connection(Identity::ADMINISTRATOR);
        let connection = Connection::open(&administrator).await.expect("the administrative identity connects");
        let administration = Administration::new(connection);
        let config = LogConfig { create: true, max_bytes: log_max_bytes, replicas: 1 };
        administration.provision_log(&config).await.expect("the log is made");
        for bucket in BucketName::ALL {
            administration.provision_bucket(bucket, true, 1).await.expect("the bucket is made");
        }
    }

    /// A user who may do everything in JetStream's account.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.credentials.user
    }

    /// The user's password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.credentials.password
    }

    /// Where its files are: store, log, configuration.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.data.join("nats")
    }

    /// Kills it at once, as a power failure would.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("nats-server can be killed");
    }

    /// Starts it again on the same port and store, after ending it in order if it still runs.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.child.restart().await.expect("nats-server starts again");
    }

    /// The files of one stream as they are now, as a backup holds them. The server is down while they are copied.
    ///
    /// # Panics
    /// When there is no such stream, or the server does not start again.
    pub async fn copy_of(&mut self, stream: &str) -> StreamCopy {
        self.stop().await;
        let files = self.files_of(stream);
        let copy = tempfile::tempdir().expect("a temporary directory");
        copy_files(&files, copy.path());
        self.restart().await;
        StreamCopy { files, copy }
    }

    /// Puts the files of a copy in the place of the stream's. The server is down meanwhile.
    ///
    /// # Panics
    /// When the files cannot be replaced, or the server does not start again.
    pub async fn put_back(&mut self, copy: &StreamCopy) {
        self.stop().await;
        fs::remove_dir_all(&copy.files).expect("the stream's files can be removed");
        copy_files(copy.copy.path(), &copy.files);
        self.restart().await;
    }

    fn files_of(&self, stream: &str) -> PathBuf {
        let mut open = vec![self.files()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() && path.ends_with(stream) {
                    return path;
                }
                open.extend(path.is_dir().then_some(path));
            }
        }
        panic!("the server stores no stream `{stream}`")
    }

    /// Has it read its certificates again.
    ///
    /// # Panics
    /// When it cannot be told.
    pub async fn reload(&self) {
        self.child.reload().await.expect("nats-server reloads");
    }

    /// Ends it in order.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub async fn stop(&mut self) {
        self.child.stop().await.expect("nats-server stops");
    }
}

fn seeds_of(data: &Path) -> PathBuf {
    data.join("keys/nats")
}

/// See [`TestNats::copy_of`].
#[derive(Debug)]
pub struct StreamCopy {
    files: PathBuf,
    copy: TempDir,
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_files(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a copy");
        }
    }
}
