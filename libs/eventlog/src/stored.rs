//! Messages as they stand in a stream: read from the leader, or from any replica in batches.

use async_nats::{HeaderMap, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::chain::RawBlock;
use crate::connection::{ApiError, Connection};

/// JetStream's code for a sequence or subject without a message.
const NO_MESSAGE: u64 = 10_037;

pub(crate) const MESSAGE_ID: &str = "Nats-Msg-Id";
pub(crate) const EXPECTED_STREAM: &str = "Nats-Expected-Stream";
pub(crate) const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";
pub(crate) const SEQUENCE: &str = "Nats-Sequence";
pub(crate) const PENDING: &str = "Nats-Num-Pending";

/// The headers an appender writes.
const WRITTEN: [&str; 3] = [MESSAGE_ID, EXPECTED_STREAM, EXPECTED_LAST_SEQUENCE];
/// The headers a server adds to what it reads out in a batch.
const ADDED: [&str; 6] = ["Nats-Stream", "Nats-Subject", SEQUENCE, "Nats-Time-Stamp", PENDING, "Nats-Last-Sequence"];

/// A message as the leader of its stream holds it.
pub(crate) struct StoredMessage {
    pub(crate) subject: String,
    pub(crate) sequence: u64,
    /// Names and values, in their order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Bytes,
}

#[derive(Deserialize)]
struct GetAnswer {
    message: GetMessage,
}

#[derive(Deserialize)]
struct GetMessage {
    #[serde(default)]
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

/// Reads from the leader (`STREAM.MSG.GET`), which is never stale but while it has lost its followers and has not noticed. `query` is the API's: `{"seq":7}`.
pub(crate) async fn get_from_leader(
    connection: &Connection,
    stream: &str,
    query: String,
) -> Result<Option<StoredMessage>, ApiError> {
    let answer: GetAnswer = match connection.api(&format!("STREAM.MSG.GET.{stream}"), query).await {
        Ok(answer) => answer,
        Err(ApiError::Rejected { code: NO_MESSAGE, .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let GetMessage { subject, seq, hdrs, data } = answer.message;
    let payload = STANDARD.decode(data).map_err(|_| ApiError::Unreadable)?;
    let headers = STANDARD.decode(hdrs).map_err(|_| ApiError::Unreadable)?;
    let headers = String::from_utf8_lossy(&headers);
    Ok(Some(StoredMessage { subject, sequence: seq, headers: read_headers(&headers), payload: payload.into() }))
}

/// Header lines after the version line.
fn read_headers(text: &str) -> Vec<(String, String)> {
    let lines = text.split("\r\n").skip(1).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim().to_owned())
        })
        .collect()
}

impl StoredMessage {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn into_raw_block(self) -> RawBlock {
        let mut seen = Vec::with_capacity(WRITTEN.len());
        let foreign = self.headers.into_iter().map(|(name, _)| name).find(|name| {
            let repeated = seen.contains(name);
            seen.push(name.clone());
            repeated || !WRITTEN.contains(&name.as_str())
        });
        RawBlock { sequence: self.sequence, foreign_header: foreign, bytes: self.payload }
    }
}

/// A message of a batched direct get; none if it does not say which sequence it is.
pub(crate) fn raw_block_of_batch(message: Message) -> Option<RawBlock> {
    let headers = message.headers?;
    let sequence = header_number(&headers, SEQUENCE)?;
    let foreign_header = headers
        .iter()
        .find(|(name, values)| {
            let name = name.as_ref();
            values.len() != 1 || !(WRITTEN.contains(&name) || ADDED.contains(&name))
        })
        .map(|(name, _)| name.to_string());
    Some(RawBlock { sequence, foreign_header, bytes: message.payload })
}

/// The number in a header.
pub(crate) fn header_number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(headers: &str) -> RawBlock {
        StoredMessage { subject: String::new(), sequence: 1, headers: read_headers(headers), payload: Bytes::new() }
            .into_raw_block()
    }

    #[test]
    fn only_the_headers_an_appender_writes_are_its_own_and_each_once() {
        let own = "NATS/1.0\r\nNats-Msg-Id: ab\r\nNats-Expected-Stream: S\r\nNats-Expected-Last-Sequence: 1\r\n\r\n";
        assert_eq!(raw(own).foreign_header, None);
        assert_eq!(raw("").foreign_header, None);
        for (headers, foreign) in [
            ("NATS/1.0\r\nNats-Msg-Id: ab\r\nNats-Stream: S\r\n\r\n", "Nats-Stream"),
            ("NATS/1.0\r\nNats-Msg-Id: ab\r\nNats-Msg-Id: ab\r\n\r\n", "Nats-Msg-Id"),
            ("NATS/1.0\r\nnats-msg-id: ab\r\n\r\n", "nats-msg-id"),
            ("NATS/1.0\r\nno colon\r\n\r\n", "no colon"),
        ] {
            assert_eq!(raw(headers).foreign_header.as_deref(), Some(foreign));
        }
    }
}
