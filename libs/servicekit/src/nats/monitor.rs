//! The server's monitoring endpoint and ports file: is it ready, and is it what we asked for?

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Addresses, Error, MINIMUM_VERSION, ServerVersion};

/// Longest wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Largest answer read, in bytes; `/varz` is about 4 kB.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Deserialize)]
struct Ports {
    nats: Vec<String>,
    monitoring: Vec<String>,
}

#[derive(Deserialize)]
struct Health {
    status: String,
}

#[derive(Deserialize)]
pub(super) struct Varz {
    pub(super) version: String,
    pub(super) max_payload: u32,
    #[serde(default)]
    pub(super) jetstream: JetStream,
}

#[derive(Default, Deserialize)]
pub(super) struct JetStream {
    #[serde(default)]
    pub(super) config: JetStreamConfig,
}

#[derive(Default, Deserialize)]
pub(super) struct JetStreamConfig {
    // Left out by the server when false.
    #[serde(default)]
    pub(super) sync_always: bool,
}

/// Reads the addresses from the one ports file, or says why not yet.
pub(super) fn addresses(folder: &Path) -> Result<Addresses, String> {
    let mut entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let entry = entries.next().ok_or("it has not opened its ports")?.map_err(|error| error.to_string())?;
    let text = fs::read(entry.path()).map_err(|error| error.to_string())?;
    let ports: Ports = serde_json::from_slice(&text).map_err(|_half_written| "it is opening its ports".to_owned())?;
    let first = |urls: &[String], schemes: [&str; 2]| {
        let url =
            urls.first().ok_or_else(|| format!("its ports file names no `{}` address", schemes.join("` or `")))?;
        let address = schemes.iter().find_map(|scheme| url.strip_prefix(scheme)).and_then(|text| text.parse().ok());
        address.ok_or_else(|| format!("its ports file names `{url}`, which is no address of ours"))
    };
    Ok(Addresses {
        client: first(&ports.nats, ["nats://", "tls://"])?,
        monitor: first(&ports.monitoring, ["http://", "https://"])?,
    })
}

/// Asks `/healthz`: the store is recovered and clients are accepted.
pub(super) async fn healthy(monitor: SocketAddr) -> Result<(), Error> {
    let health: Health = get(monitor, "/healthz").await?;
    if health.status == "ok" { Ok(()) } else { Err(unexpected(format!("/healthz says `{}`", health.status))) }
}

/// Asks `/varz`, and refuses a server that would acknowledge before it flushes, or is too old.
pub(super) async fn verify(monitor: SocketAddr, max_payload_bytes: u32) -> Result<(), Error> {
    judge(&get(monitor, "/varz").await?, max_payload_bytes)
}

pub(super) fn judge(varz: &Varz, max_payload_bytes: u32) -> Result<(), Error> {
    let refused = |reason: String| Err(Error::Refused { reason });
    match ServerVersion::parse(&varz.version) {
        Some(version) if version >= MINIMUM_VERSION => {}
        Some(_) | None => return refused(format!("version `{}`, {MINIMUM_VERSION} or later is needed", varz.version)),
    }
    if !varz.jetstream.config.sync_always {
        return refused(
            "it does not flush before it acknowledges (`sync_always` is not true), so acknowledged events could be \
             lost; configure `jetstream { sync_interval: always }`"
                .to_owned(),
        );
    }
    if varz.max_payload != max_payload_bytes {
        return refused(format!("max_payload is {} bytes, {max_payload_bytes} was asked for", varz.max_payload));
    }
    Ok(())
}

fn unexpected(reason: String) -> Error {
    Error::Monitor { reason }
}

/// One HTTP/1.0 GET, which ends with the connection; enough for a server of ours on loopback.
async fn get<T: DeserializeOwned>(monitor: SocketAddr, path: &str) -> Result<T, Error> {
    let answer = timeout(ANSWER_WITHIN, exchange(monitor, path))
        .await
        .map_err(|_elapsed| unexpected(format!("no answer to {path} within {} s", ANSWER_WITHIN.as_secs())))?
        .map_err(|error| unexpected(format!("{path}: {error}")))?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| unexpected(format!("{path}: not HTTP")))?;
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if status != "200" {
        return Err(unexpected(format!("{path}: status {status}")));
    }
    serde_json::from_str(body).map_err(|error| unexpected(format!("{path}: {error}")))
}

async fn exchange(monitor: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(monitor).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {monitor}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(answer)
}
