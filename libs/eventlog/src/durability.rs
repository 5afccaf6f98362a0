//! Whether what is acknowledged is on disk: asked of the servers themselves, over our own connection.
//!
//! The system's account exports `$SYS.REQ.SERVER.PING.VARZ` to the ledger's alone: every server of the cluster answers with
//! what it says at `/varz`, so none can be forgotten, and no port of theirs needs to be open for it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::log::{EventLog, LogError};

/// What every server of a cluster answers to.
const SUBJECT: &str = "$SYS.REQ.SERVER.PING.VARZ";
/// How long servers have to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// How often they are asked while a ledger runs.
const WATCH_INTERVAL: Duration = Duration::from_secs(30);
/// Most answers that are read: clusters have three or five servers.
const ANSWERS_MAX: usize = 64;
/// On how many servers a cluster must keep the log, so that one may be lost.
const REPLICAS_MIN: usize = 3;

/// What is acknowledged may be lost, or nobody can say.
#[derive(Debug, thiserror::Error)]
pub enum DurabilityError {
    /// A server acknowledges before it flushes.
    #[error(
        "nats-server `{server}` acknowledges before it flushes, so acknowledged events could be lost; configure `jetstream {{ sync_interval: always }}`"
    )]
    FlushesLate {
        /// Its name.
        server: String,
    },
    /// A cluster that keeps the log on too few of its servers.
    #[error("the log is kept on `{replicas}` servers of a cluster, at least 3 are needed; make it with `--replicas 3`")]
    TooFewReplicas {
        /// On how many.
        replicas: usize,
    },
    /// Too few of the servers that keep the log said how they flush.
    #[error("nats-server `{servers}` does not say whether it flushes; may this user ask `$SYS.REQ.SERVER.PING.VARZ`?")]
    Silent {
        /// Their names.
        servers: String,
    },
    /// The log's state cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

#[derive(Deserialize)]
struct Answer {
    server: Server,
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize)]
struct Server {
    name: String,
    #[serde(default)]
    jetstream: bool,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    jetstream: JetStream,
}

#[derive(Default, Deserialize)]
struct JetStream {
    #[serde(default)]
    config: JetStreamConfig,
}

#[derive(Default, Deserialize)]
struct JetStreamConfig {
    // Left out by the server when false.
    #[serde(default)]
    sync_always: bool,
}

impl EventLog {
    /// Asks every server that keeps the log whether it flushes before it acknowledges, and a cluster whether it keeps the
    /// log on three servers at least. Of a cluster a majority must say so; one that is down keeps nobody from starting, and
    /// is asked again when it is back ([`EventLog::watch_durability`]).
    ///
    /// # Errors
    /// [`DurabilityError`].
    pub async fn check_durability(&self) -> Result<(), DurabilityError> {
        let info = self.info().await?;
        let cluster = info.cluster.unwrap_or_default();
        let replicas = cluster.replicas.len().saturating_add(1);
        if self.connection().cluster().is_some() && replicas < REPLICAS_MIN {
            return Err(DurabilityError::TooFewReplicas { replicas });
        }
        let peers = cluster.replicas.into_iter().map(|peer| peer.name);
        let mut due: BTreeSet<String> = cluster.leader.into_iter().chain(peers).collect();
        let (all, mut sure) = (due.len(), 0_usize);
        let client = self.connection().client();
        let inbox = client.new_inbox();
        let unavailable = || DurabilityError::Log(LogError::Unavailable);
        let mut answers = client.subscribe(inbox.clone()).await.map_err(|_| unavailable())?;
        client.publish_with_reply(SUBJECT, inbox, "".into()).await.map_err(|_| unavailable())?;
        let end = Instant::now() + ANSWER_WITHIN;
        for _ in 0..ANSWERS_MAX {
            let Ok(Some(answer)) = timeout_at(end, answers.next()).await else { break };
            let Ok(Answer { server, data }) = serde_json::from_slice(&answer.payload) else { continue };
            let keeps = due.remove(&server.name);
            if (keeps || server.jetstream) && !data.jetstream.config.sync_always {
                return Err(DurabilityError::FlushesLate { server: server.name });
            }
            sure = sure.saturating_add(usize::from(keeps));
            if due.is_empty() {
                return Ok(());
            }
        }
        let servers = due.into_iter().collect::<Vec<_>>().join(",");
        if sure > all / 2 {
            tracing::warn!(servers, "nats-servers that keep the log do not say whether they flush");
            return Ok(());
        }
        Err(DurabilityError::Silent { servers })
    }

    /// Asks again and again, and returns only when a server is found that must not be relied on. Servers that do not answer
    /// are warned about.
    pub async fn watch_durability(&self) -> DurabilityError {
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            match self.check_durability().await {
                Ok(()) => {}
                Err(error @ (DurabilityError::FlushesLate { .. } | DurabilityError::TooFewReplicas { .. })) => {
                    return error;
                }
                Err(error @ (DurabilityError::Silent { .. } | DurabilityError::Log(_))) => {
                    tracing::warn!(%error, "whether nats-servers flush cannot be told now");
                }
            }
        }
    }
}
