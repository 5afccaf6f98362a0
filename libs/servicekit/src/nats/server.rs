//! The configuration of one `nats-server`, alone or one of three, as text.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use super::{
    Error, NatsCredentials,
    identity::{PublicKeys, accounts},
};
use crate::tls::TlsFiles;

/// Size at which the server starts a new log file, and how many it keeps.
const LOG_FILE_BYTES_MAX: u32 = 10 * 1024 * 1024;
const LOG_FILES_MAX: u32 = 3;
/// How long a TLS handshake may take, in seconds; more than the server's own 2, for a machine that just came up.
const TLS_TIMEOUT_S: u32 = 5;

/// Being one of several servers that keep every stream together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsCluster {
    /// Its name: letters, digits, `-`, `_`.
    pub name: String,
    /// Where the other servers connect to: `host:port`.
    pub listen: String,
    /// All servers of the cluster, this one among them: `host:port` of each.
    pub routes: Vec<String>,
    /// Where the others are told to connect to, if not where it listens; a proxy's address, in tests.
    pub advertise: Option<String>,
    /// What servers show each other besides their certificates: a role's certificate must not make a server.
    pub password: String,
}

/// Files of a server that is watched over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsFiles {
    /// Where it writes its process number.
    pub pid: PathBuf,
    /// Folder in which it says which ports it opened.
    pub ports: PathBuf,
    /// Its log, without payloads.
    pub log: PathBuf,
}

/// One server.
#[derive(Clone, Debug)]
pub struct NatsServer {
    /// Its name, different for each of a cluster: letters, digits, `-`, `_`.
    pub name: String,
    /// Where clients connect to: `host:port`; port 0 for any that is free.
    pub listen: String,
    /// Where monitoring listens, without log-in: loopback.
    pub monitor: Option<SocketAddr>,
    /// JetStream's folder.
    pub store: PathBuf,
    /// How many bytes JetStream may take on disk; the server's own default, three quarters of what is free, without.
    pub max_file_store_bytes: Option<u64>,
    /// Variable of the server's environment with the key its files are encrypted under; in clear without.
    pub store_key_variable: Option<String>,
    /// Largest message in bytes.
    pub max_payload_bytes: u32,
    /// Whom it knows.
    pub identities: PublicKeys,
    /// TLS: whoever connects shows a certificate that one of the authorities has signed. Without, only on loopback.
    pub tls: Option<TlsFiles>,
    /// The cluster it is part of.
    pub cluster: Option<NatsCluster>,
    /// Where it writes what is looked after.
    pub files: Option<NatsFiles>,
    /// Somebody who may do everything in JetStream's account: for tests that break things. Nobody otherwise.
    pub master: Option<NatsCredentials>,
}

impl NatsServer {
    /// The text of its configuration. It holds a password when clustered, so it belongs into a file of mode 0600.
    ///
    /// # Errors
    /// [`Error::UnusablePath`], [`Error::UnusableName`], [`Error::UnusableCredentials`] for what cannot be written.
    pub fn configuration(&self) -> Result<String, Error> {
        let mut lines =
            vec![format!("server_name: \"{}\"", plain(&self.name)?), format!("listen: \"{}\"", address(&self.listen)?)];
        if let Some(monitor) = self.monitor {
            lines.push(format!("http: \"{}\"", Listen(monitor)));
        }
        if let Some(files) = &self.files {
            lines.push(format!("pid_file: {}", quoted(&files.pid)?));
            lines.push(format!("ports_file_dir: {}", quoted(&files.ports)?));
            lines.push(format!("log_file: {}", quoted(&files.log)?));
            lines.push(format!("logfile_size_limit: {LOG_FILE_BYTES_MAX}"));
            lines.push(format!("logfile_max_num: {LOG_FILES_MAX}"));
        }
        lines.push(format!("max_payload: {}", self.max_payload_bytes));
        if let Some(tls) = &self.tls {
            lines.push(format!("tls {{ {}, handshake_first: true }}", tls_fields(tls)?));
        }
        lines.push(format!("jetstream {{ {} }}", self.jetstream()?));
        if let Some(cluster) = &self.cluster {
            lines.push(self.cluster_block(cluster)?);
        }
        if let Some(master) = &self.master {
            check(master)?;
        }
        lines.push(accounts(&self.identities, self.master.as_ref()));
        Ok(lines.join("\n"))
    }

    fn jetstream(&self) -> Result<String, Error> {
        let mut fields = vec![format!("store_dir: {}", quoted(&self.store)?), "sync_interval: always".to_owned()];
        if let Some(bytes) = self.max_file_store_bytes {
            fields.push(format!("max_file_store: {bytes}"));
        }
        if let Some(variable) = &self.store_key_variable {
            fields.push(format!("cipher: aes, key: ${}", plain(variable)?));
        }
        Ok(fields.join(", "))
    }

    fn cluster_block(&self, cluster: &NatsCluster) -> Result<String, Error> {
        let password = plain(&cluster.password)?;
        let mut routes = Vec::with_capacity(cluster.routes.len());
        for route in &cluster.routes {
            routes.push(format!("    \"nats-route://route:{password}@{}\"", address(route)?));
        }
        let tls = match &self.tls {
            // A certificate of the right authority is not enough: it must name one of the servers below.
            Some(tls) => format!("  tls {{ {}, verify_cert_and_check_known_urls: true }}\n", tls_fields_bare(tls)?),
            None => String::new(),
        };
        let advertise = match &cluster.advertise {
            Some(advertise) => format!("  advertise: \"{}\"\n", address(advertise)?),
            None => String::new(),
        };
        Ok(format!(
            "cluster {{\n  name: \"{}\"\n  listen: \"{}\"\n  no_advertise: true\n  \
             authorization {{ user: route, password: \"{password}\", timeout: {TLS_TIMEOUT_S} }}\n{advertise}{tls}  routes: [\n{}\n  ]\n}}",
            plain(&cluster.name)?,
            address(&cluster.listen)?,
            routes.join("\n"),
        ))
    }
}

fn tls_fields(tls: &TlsFiles) -> Result<String, Error> {
    Ok(format!("{}, verify: true", tls_fields_bare(tls)?))
}

fn tls_fields_bare(tls: &TlsFiles) -> Result<String, Error> {
    Ok(format!(
        "cert_file: {}, key_file: {}, ca_file: {}, min_version: \"1.3\", timeout: {TLS_TIMEOUT_S}",
        quoted(&tls.certificate)?,
        quoted(&tls.key)?,
        quoted(&tls.authorities)?
    ))
}

/// Refuses what would need quoting, or be read as a hash.
pub(super) fn check(credentials: &NatsCredentials) -> Result<(), Error> {
    let both = plain(&credentials.user).and_then(|_| plain(&credentials.password));
    both.map(drop).map_err(|_| Error::UnusableCredentials)
}

fn plain(text: &str) -> Result<&str, Error> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let fits = (1..=128).contains(&text.len()) && text.bytes().all(good);
    if fits { Ok(text) } else { Err(Error::UnusableName { found: "a name or password".to_owned() }) }
}

/// `host:port`; a free port is asked for as -1, where 0 would mean the default one.
fn address(text: &str) -> Result<String, Error> {
    if let Ok(address) = text.parse() {
        return Ok(Listen(address).to_string());
    }
    let unusable = || Error::UnusableName { found: format!("`{}`", text.escape_default()) };
    let (host, port) = text.rsplit_once(':').ok_or_else(unusable)?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let known = !host.is_empty() && host.len() <= 253 && host.bytes().all(good) && port.parse::<u16>().is_ok();
    if known { Ok(text.to_owned()) } else { Err(unusable()) }
}

/// An address as the server's configuration writes it: `-1` asks for a free port, where 0 would mean the default one.
pub(super) struct Listen(pub(super) SocketAddr);

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(address) = self;
        match (address.ip(), address.port()) {
            (IpAddr::V4(ip), 0) => write!(f, "{ip}:-1"),
            (IpAddr::V6(ip), 0) => write!(f, "[{ip}]:-1"),
            (_, 1..) => write!(f, "{address}"),
        }
    }
}

/// A path as a double-quoted string of the server's configuration.
fn quoted(path: &Path) -> Result<String, Error> {
    let unusable = || Error::UnusablePath { path: path.to_owned() };
    let text = path.to_str().ok_or_else(unusable)?;
    if text.chars().any(|c| c.is_control() || c == '"' || c == '\\') {
        return Err(unusable());
    }
    Ok(format!("\"{text}\""))
}
