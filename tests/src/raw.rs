//! Calls below the generated clients: any bytes as the request, every byte of the answer.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use tokio_stream::StreamExt as _;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};

/// Bytes as they are.
#[derive(Debug, Clone, Copy, Default)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Everything that came back.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub code: Code,
    /// Its message.
    pub message: String,
    /// The messages of the answer.
    pub messages: Vec<Bytes>,
    /// Every byte: headers, messages, status, details, trailers.
    pub bytes: Vec<u8>,
}

impl Answer {
    fn new() -> Self {
        Self { code: Code::Ok, message: String::new(), messages: Vec::new(), bytes: Vec::new() }
    }

    fn keep_metadata(&mut self, metadata: &MetadataMap) {
        for pair in metadata.iter() {
            match pair {
                KeyAndValueRef::Ascii(key, value) => {
                    self.bytes.extend_from_slice(key.as_str().as_bytes());
                    self.bytes.extend_from_slice(value.as_encoded_bytes());
                }
                KeyAndValueRef::Binary(key, value) => {
                    self.bytes.extend_from_slice(key.as_str().as_bytes());
                    // The encoded bytes are searched in base64 as well as plain.
                    self.bytes.extend_from_slice(value.as_encoded_bytes());
                    self.bytes.extend_from_slice(&value.to_bytes().unwrap_or_default());
                }
            }
        }
    }

    fn keep_message(&mut self, message: Bytes) {
        self.bytes.extend_from_slice(&message);
        self.messages.push(message);
    }

    fn keep_status(&mut self, status: &Status) {
        self.code = status.code();
        status.message().clone_into(&mut self.message);
        self.bytes.extend_from_slice(status.message().as_bytes());
        self.bytes.extend_from_slice(status.details());
        self.keep_metadata(status.metadata());
    }
}

/// When a stream of answers is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    /// After so many messages,
    pub messages: usize,
    /// or so long after it began.
    pub at_most: Duration,
}

/// Calls `path` (`/package.Service/Method`) with `body` as the message. The answer, or the beginning of a stream of answers,
/// has `bound` to come, and is `CANCELLED` after it. A stream is then listened to, and what it answered so far is `OK`.
///
/// # Panics
/// When `path` is none.
pub async fn call(
    channel: Channel,
    path: &str,
    metadata: &MetadataMap,
    body: Bytes,
    bound: Duration,
    listening: Option<Listening>,
) -> Answer {
    let path: PathAndQuery = path.parse().expect("a path");
    let mut request = Request::new(body);
    *request.metadata_mut() = metadata.clone();
    let mut answer = Answer::new();
    let in_time = tokio::time::timeout(bound, begin(Grpc::new(channel), request, path));
    let messages = match in_time.await.unwrap_or_else(|_| Err(late())) {
        Ok(response) => {
            answer.keep_metadata(response.metadata());
            response.into_inner()
        }
        Err(status) => {
            answer.keep_status(&status);
            return answer;
        }
    };
    let enough = listening.map_or(usize::MAX, |listening| listening.messages);
    let bound = listening.map_or(bound, |listening| listening.at_most);
    match tokio::time::timeout(bound, receive(messages, &mut answer, enough)).await {
        Ok(Ok(())) => {}
        Ok(Err(status)) => answer.keep_status(&status),
        // A stream that goes on is one that answers.
        Err(_) if listening.is_some() => {}
        Err(_) => answer.keep_status(&late()),
    }
    answer
}

fn late() -> Status {
    Status::cancelled("no answer in time")
}

/// As a stream of answers, of which one is a special case.
async fn begin(
    mut client: Grpc<Channel>,
    request: Request<Bytes>,
    path: PathAndQuery,
) -> Result<Response<Streaming<Bytes>>, Status> {
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    client.server_streaming(request, path, BytesCodec).await
}

async fn receive(mut messages: Streaming<Bytes>, answer: &mut Answer, enough: usize) -> Result<(), Status> {
    while let Some(message) = messages.next().await {
        answer.keep_message(message?);
        if answer.messages.len() >= enough {
            return Ok(());
        }
    }
    if let Some(trailers) = messages.trailers().await? {
        answer.keep_metadata(&trailers);
    }
    Ok(())
}
