//! A stream's configuration: created as wished, or compared with the wish field by field.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::connection::{ApiError, Connection};

/// JetStream's code for a stream that does not exist.
pub(crate) const STREAM_NOT_FOUND: u64 = 10_059;
/// JetStream's code for creating a stream that exists with another configuration.
const STREAM_NAME_EXISTS: u64 = 10_058;
/// Metadata under this prefix is the server's own.
const SERVER_METADATA_PREFIX: &str = "_nats.";

/// One field of a stream's configuration is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stream `{stream}` has `{field}` = `{found}`, must be `{expected}`; an administrator must put it right")]
pub struct Drift {
    /// The stream.
    pub stream: String,
    /// The field, as JetStream's API names it.
    pub field: String,
    /// What it must be, as JSON.
    pub expected: String,
    /// What it is, as JSON.
    pub found: String,
}

/// What the server says about a stream.
#[derive(Deserialize)]
pub(crate) struct StreamInfo {
    pub(crate) config: Map<String, Value>,
    pub(crate) state: StreamState,
    #[serde(default)]
    pub(crate) cluster: Option<ClusterInfo>,
}

/// Which servers keep a stream.
#[derive(Default, Deserialize)]
pub(crate) struct ClusterInfo {
    pub(crate) leader: Option<String>,
    #[serde(default)]
    pub(crate) replicas: Vec<PeerInfo>,
}

/// A server that follows a stream's leader.
#[derive(Deserialize)]
pub(crate) struct PeerInfo {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) current: bool,
    #[serde(default)]
    pub(crate) offline: bool,
}

/// What a stream holds.
#[derive(Deserialize)]
pub(crate) struct StreamState {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}

impl StreamInfo {
    /// One entry of the stream's metadata.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.config.get("metadata")?.get(key)?.as_str()
    }
}

/// How a stream must be configured: fields as JetStream's API names them. A field that is not named must be empty, off
/// or unlimited on the server, so that a feature which a later server adds is noticed when somebody turns it on.
#[derive(Clone)]
pub(crate) struct Wish {
    name: &'static str,
    fields: Map<String, Value>,
}

/// How much of a wish is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything.
    Whole,
    /// Everything but capacity (bytes, replicas), which an administrator may raise while we run.
    WithoutCapacity,
}

const CAPACITY: [&str; 2] = ["max_bytes", "num_replicas"];
/// Chosen freely by whoever runs the servers.
const FREE: [&str; 2] = ["description", "placement"];

impl Wish {
    /// A wish of `fields`, a JSON object.
    pub(crate) fn new(name: &'static str, fields: &Value) -> Self {
        Self { name, fields: fields.as_object().cloned().unwrap_or_default() }
    }

    /// On how many servers every message is to be kept.
    pub(crate) fn replicas(&self) -> u64 {
        self.fields.get("num_replicas").and_then(Value::as_u64).unwrap_or(1)
    }

    /// Creates the stream with `metadata`; whether it was made just now.
    pub(crate) async fn create(&self, connection: &Connection, metadata: Value) -> Result<bool, ApiError> {
        let mut config = self.fields.clone();
        config.insert("name".into(), self.name.into());
        config.insert("metadata".into(), metadata);
        let body = Value::Object(config).to_string();
        let created: Result<StreamInfo, ApiError> = connection.api(&format!("STREAM.CREATE.{}", self.name), body).await;
        match created {
            Ok(_) => Ok(true),
            // Somebody else made it a moment ago; whether it is as wished is compared like that of any other.
            Err(ApiError::Rejected { code: STREAM_NAME_EXISTS, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What the server says about the stream; none if it does not exist.
    pub(crate) async fn info(&self, connection: &Connection) -> Result<Option<StreamInfo>, ApiError> {
        match connection.api(&format!("STREAM.INFO.{}", self.name), String::new()).await {
            Ok(info) => Ok(Some(info)),
            Err(ApiError::Rejected { code: STREAM_NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Compares the server's configuration with the wish; the first difference.
    pub(crate) fn compare(&self, found: &Map<String, Value>, scope: Scope) -> Result<(), Drift> {
        self.drifts(found, scope).next().map_or(Ok(()), Err)
    }

    /// All differences but for capacity.
    pub(crate) fn differences(&self, found: &Map<String, Value>) -> Vec<Drift> {
        self.drifts(found, Scope::WithoutCapacity).collect()
    }

    fn drifts(&self, found: &Map<String, Value>, scope: Scope) -> impl Iterator<Item = Drift> {
        let wished = self.fields.iter().filter_map(move |(field, expected)| {
            let found = found.get(field).unwrap_or(&Value::Null);
            let compared = scope == Scope::Whole || !CAPACITY.contains(&field.as_str());
            let differs = compared && found != expected && !(is_empty(found) && is_empty(expected));
            differs.then(|| self.drift(field, expected, found))
        });
        let unknown = found.iter().filter_map(|(field, found)| {
            let known = field == "name" || field == "metadata" || self.fields.contains_key(field);
            let differs = !known && !FREE.contains(&field.as_str()) && !is_empty(found);
            differs.then(|| self.drift(field, &Value::Null, found))
        });
        wished.chain(unknown)
    }

    /// Compares one entry of the metadata.
    pub(crate) fn compare_metadata(&self, info: &StreamInfo, key: &str, expected: &str) -> Result<(), Drift> {
        match info.metadata(key) {
            Some(found) if found == expected => Ok(()),
            found => Err(self.drift(&format!("metadata.{key}"), &expected.into(), &found.into())),
        }
    }

    fn drift(&self, field: &str, expected: &Value, found: &Value) -> Drift {
        Drift {
            stream: self.name.to_owned(),
            field: field.to_owned(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

/// Whether a value says nothing: absent, off, unlimited, or made of such.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_i64().is_some_and(|number| number == 0 || number == -1),
        Value::String(text) => text.is_empty() || text == "none" || text == "default",
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => {
            fields.iter().all(|(key, value)| key.starts_with(SERVER_METADATA_PREFIX) || is_empty(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn wish() -> Wish {
        Wish::new("S", &json!({"storage": "file", "max_bytes": 10, "deny_delete": true, "max_age": 0}))
    }

    #[test]
    fn what_is_as_wished_or_says_nothing_is_no_drift() {
        let found = fields(json!({
            "name": "S", "storage": "file", "max_bytes": 10, "deny_delete": true, "max_msgs": -1, "sealed": false,
            "consumer_limits": {}, "compression": "none", "metadata": {"_nats.level": "1"}, "description": "d",
        }));
        assert_eq!(wish().compare(&found, Scope::Whole), Ok(()));
    }

    #[test]
    fn the_differing_field_is_named() {
        let good = fields(json!({"storage": "file", "max_bytes": 10, "deny_delete": true}));
        for (field, value) in [
            ("storage", json!("memory")),
            ("max_bytes", json!(11)),
            ("deny_delete", json!(false)),
            ("max_age", json!(5)),
            ("allow_atomic", json!(true)),
            ("sources", json!([{"name": "X"}])),
            ("a_feature_of_a_later_server", json!({"on": true})),
        ] {
            let mut found = good.clone();
            found.insert(field.into(), value.clone());
            let drift = wish().compare(&found, Scope::Whole).unwrap_err();
            assert_eq!((drift.field.as_str(), drift.found), (field, value.to_string()));
        }
    }

    #[test]
    fn capacity_may_change_while_we_run() {
        let found = fields(json!({"storage": "file", "max_bytes": 11, "deny_delete": true}));
        assert_eq!(wish().compare(&found, Scope::WithoutCapacity), Ok(()));
    }
}
