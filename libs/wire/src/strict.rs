//! The gRPC codec: protobuf, strict about requests. A request field that this version of the contract does not know is
//! refused rather than dropped, so that nothing an emitter said is lost in silence.

use std::marker::PhantomData;

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::descriptors::of;
use crate::refusal::{Violation, invalid};

/// Protobuf codec; see the module.
#[derive(Debug, Clone)]
pub struct StrictCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for StrictCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for StrictCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProtobufEncoder<T>;
    type Decoder = StrictDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProtobufEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictDecoder(PhantomData)
    }
}

/// Encodes protobuf.
#[derive(Debug)]
pub struct ProtobufEncoder<T>(PhantomData<T>);

impl<T: Message> Encoder for ProtobufEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|_| Status::internal("message does not fit its buffer"))
    }
}

/// Decodes protobuf; strict about requests.
#[derive(Debug)]
pub struct StrictDecoder<U>(PhantomData<U>);

impl<U: Message + Name + Default> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = bytes::Buf::copy_to_bytes(buffer, bytes::Buf::remaining(buffer));
        let message =
            U::decode(bytes.clone()).map_err(|_| Status::invalid_argument("request is not valid protobuf"))?;
        // Encoding again yields another length only if something was dropped, or was encoded in an unusual way.
        if U::NAME.ends_with("Request") && message.encoded_len() != bytes.len() {
            refuse_unknown_fields::<U>(&bytes)?;
        }
        Ok(Some(message))
    }
}

fn refuse_unknown_fields<U: Name>(bytes: &[u8]) -> Result<(), Status> {
    let message = DynamicMessage::decode(of::<U>(), bytes)
        .map_err(|_| Status::invalid_argument("request is not valid protobuf"))?;
    let mut violations = Vec::new();
    unknown_fields(&message, "", &mut violations);
    if violations.is_empty() { Ok(()) } else { Err(invalid(violations)) }
}

fn unknown_fields(message: &DynamicMessage, path: &str, violations: &mut Vec<Violation>) {
    for field in message.unknown_fields() {
        violations.push(Violation::new(
            format!("{path}#{}", field.number()),
            format!(
                "`{}` has no field {}: is the caller's contract newer?",
                message.descriptor().name(),
                field.number()
            ),
        ));
    }
    for (field, value) in message.fields() {
        let path = format!("{path}{}.", field.name());
        let items = value.as_list().unwrap_or(std::slice::from_ref(value));
        for inner in items.iter().filter_map(Value::as_message) {
            unknown_fields(inner, &path, violations);
        }
    }
}
