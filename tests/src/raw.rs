//! Calls below the generated clients: any bytes as the request, every byte of the answer.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use tokio_stream::StreamExt as _;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

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
    /// Whether anything but a status came.
    began: bool,
}

impl Answer {
    fn new() -> Self {
        Self { code: Code::Ok, message: String::new(), messages: Vec::new(), bytes: Vec::new(), began: false }
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

/// Calls `path` (`/package.Service/Method`) with `body` as the message. A stream of answers is listened to until `enough`
/// messages came, or for `bound`, and then left; its answer so far counts as `OK`. Anything else has `bound` to answer, and is
/// `CANCELLED` after it.
///
/// # Panics
/// When `path` is none.
pub async fn call(
    channel: Channel,
    path: &str,
    metadata: &MetadataMap,
    body: Bytes,
    bound: Duration,
    enough: usize,
) -> Answer {
    let path: PathAndQuery = path.parse().expect("a path");
    let mut request = Request::new(body);
    *request.metadata_mut() = metadata.clone();
    let mut answer = Answer::new();
    let exchange = exchange(Grpc::new(channel), request, path, &mut answer, enough);
    let outcome = tokio::time::timeout(bound, exchange).await;
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(status)) => answer.keep_status(&status),
        // A stream that goes on is one that answers.
        Err(_) if answer.began => {}
        Err(_) => answer.keep_status(&Status::cancelled("no answer in time")),
    }
    answer
}

/// As a stream of answers, of which one is a special case.
async fn exchange(
    mut client: Grpc<Channel>,
    request: Request<Bytes>,
    path: PathAndQuery,
    answer: &mut Answer,
    enough: usize,
) -> Result<(), Status> {
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let response = client.server_streaming(request, path, BytesCodec).await?;
    answer.began = true;
    answer.keep_metadata(response.metadata());
    let mut messages = response.into_inner();
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
