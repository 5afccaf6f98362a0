//! What only the administrative identity may do: making the streams, and moving their leaders.

use egide_crypto::random::random_bytes;
use serde::Deserialize;
use serde_json::json;

use crate::bucket::{BucketConfig, BucketError, BucketName};
use crate::connection::Connection;
use crate::log::{INCARNATION, LogConfig, LogError, check_complete, log_wish};
use crate::stream::{Scope, StreamInfo, Wish};

/// What was found where a stream was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provisioned {
    /// Nothing: it was made.
    Created,
    /// The stream, exactly as it must be. It was not touched.
    AsItMustBe,
}

/// Where a stream is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The server that orders its messages; none while one is being elected, and on a server that stands alone.
    pub leader: Option<String>,
    /// The servers that follow it, and whether each has everything the leader has.
    pub followers: Vec<(String, bool)>,
}

#[derive(Deserialize)]
struct StepDown {
    success: bool,
}

/// The administrative identity at work. No role holds it.
#[derive(Debug, Clone)]
pub struct Administration {
    connection: Connection,
}

impl Administration {
    /// Over a connection of the administrative identity.
    #[must_use]
    pub const fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Makes the log if there is none and `config` says so, otherwise compares it field by field. Nothing that exists is
    /// ever changed.
    ///
    /// # Errors
    /// [`LogError`]; of a configuration that differs, the first field.
    pub async fn provision_log(&self, config: &LogConfig) -> Result<Provisioned, LogError> {
        let wish = log_wish(config);
        let (info, provisioned) = match wish.info(&self.connection).await? {
            Some(info) => (info, Provisioned::AsItMustBe),
            None if config.create => (create_log(&wish, &self.connection).await?, Provisioned::Created),
            None => return Err(LogError::Missing),
        };
        wish.compare(&info.config, Scope::Whole)?;
        check_complete(&info)?;
        info.metadata(INCARNATION).map(|_| provisioned).ok_or(LogError::NoIncarnation)
    }

    /// Makes a bucket if there is none and `create` says so, otherwise compares it field by field. Nothing that exists is
    /// ever changed.
    ///
    /// # Errors
    /// [`BucketError`]; of a configuration that differs, the first field.
    pub async fn provision_bucket(
        &self,
        bucket: BucketName,
        create: bool,
        replicas: u32,
    ) -> Result<Provisioned, BucketError> {
        let wish = bucket.wish(&BucketConfig { create, replicas });
        let (info, provisioned) = match wish.info(&self.connection).await? {
            Some(info) => (info, Provisioned::AsItMustBe),
            None if create => {
                wish.create(&self.connection, json!({})).await?;
                let made = wish.info(&self.connection).await?.ok_or(BucketError::Missing)?;
                (made, Provisioned::Created)
            }
            None => return Err(BucketError::Missing),
        };
        wish.compare(&info.config, Scope::Whole)?;
        Ok(provisioned)
    }

    /// Where a stream is kept (`CASES`, `KV_KEYS` …).
    ///
    /// # Errors
    /// [`LogError::Missing`], [`LogError::Refused`], [`LogError::Unavailable`].
    pub async fn placement(&self, stream: &str) -> Result<Placement, LogError> {
        let info: StreamInfo = self.connection.api(&format!("STREAM.INFO.{stream}"), String::new()).await?;
        let cluster = info.cluster.unwrap_or_default();
        let followers = cluster.replicas.into_iter().map(|peer| (peer.name, peer.current && !peer.offline)).collect();
        Ok(Placement { leader: cluster.leader.filter(|leader| !leader.is_empty()), followers })
    }

    /// Has the stream's leader step down, so that another server is elected.
    ///
    /// # Errors
    /// As [`Administration::placement`]; a stream on one server refuses.
    pub async fn step_down(&self, stream: &str) -> Result<(), LogError> {
        match self.connection.api(&format!("STREAM.LEADER.STEPDOWN.{stream}"), String::new()).await? {
            StepDown { success: true } => Ok(()),
            StepDown { success: false } => Err(LogError::Unavailable),
        }
    }
}

/// Makes the log with a new incarnation.
pub(crate) async fn create_log(wish: &Wish, connection: &Connection) -> Result<StreamInfo, LogError> {
    let incarnation = uuid::Builder::from_random_bytes(random_bytes()?).into_uuid();
    let created = wish.create(connection, json!({ INCARNATION: incarnation.to_string() })).await?;
    if created {
        tracing::info!(%incarnation, "created the log");
    }
    wish.info(connection).await?.ok_or(LogError::Missing)
}
