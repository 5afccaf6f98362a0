//! Sealing by splitting: an event's payload is cut into facts and identifying data, both encoded as the same message type.
//! Opening is protobuf merge; shredded, the facts still decode.

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};
use thiserror::Error;

use crate::classification::is_sealed;
use crate::descriptors::to_dynamic;

/// Why a payload cannot be split or joined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no such message.
    #[error("payload does not decode as `{message}`")]
    Undecodable {
        /// The message type expected.
        message: String,
    },
}

/// A payload in its two parts, each the encoding of the same message type.
#[derive(Clone, PartialEq, Eq)]
pub struct Parts {
    /// What may stand in the log.
    pub facts: Vec<u8>,
    /// What must be sealed; `None` when nothing identifies.
    pub identifying: Option<Vec<u8>>,
}

/// Cuts a payload into facts and identifying data.
///
/// # Errors
/// [`Error::Undecodable`] when the message does not decode by its own descriptor.
pub fn split<M: Message + Name>(payload: &M) -> Result<Parts, Error> {
    to_dynamic(payload).map(split_dynamic).map_err(|_| Error::Undecodable { message: M::full_name() })
}

/// The same for a payload that is at hand through reflection.
#[must_use]
pub fn split_dynamic(mut payload: DynamicMessage) -> Parts {
    let identifying = cut(&mut payload);
    Parts { facts: payload.encode_to_vec(), identifying: identifying.map(|message| message.encode_to_vec()) }
}

/// Puts the parts together again. Without `identifying` the facts alone decode.
///
/// # Errors
/// [`Error::Undecodable`] when either part is no such message.
pub fn join<M: Message + Name + Default>(facts: &[u8], identifying: Option<&[u8]>) -> Result<M, Error> {
    let undecodable = |_| Error::Undecodable { message: M::full_name() };
    let mut payload = M::decode(facts).map_err(undecodable)?;
    if let Some(identifying) = identifying {
        payload.merge(identifying).map_err(undecodable)?;
    }
    Ok(payload)
}

/// Moves every field that must be sealed out of `message` into a message of the same type.
///
/// A singular message field is entered; a repeated or map field goes whole, since protobuf merge would concatenate.
fn cut(message: &mut DynamicMessage) -> Option<DynamicMessage> {
    let present: Vec<FieldDescriptor> = message.fields().map(|(field, _)| field).collect();
    let mut identifying: Option<DynamicMessage> = None;
    let descriptor = message.descriptor();
    for field in present {
        let moved = if is_sealed(&field) {
            let value = message.get_field(&field).into_owned();
            message.clear_field(&field);
            Some(value)
        } else if is_entered(&field) {
            message.get_field_mut(&field).as_message_mut().and_then(cut).map(Value::Message)
        } else {
            None
        };
        if let Some(value) = moved {
            identifying.get_or_insert_with(|| DynamicMessage::new(descriptor.clone())).set_field(&field, value);
        }
    }
    identifying
}

/// Messages of other packages (a timestamp) are values: their own fields carry no classification.
fn is_entered(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(message) if message.package_name().starts_with("egide."))
        && !field.is_list()
        && !field.is_map()
}

/// Keeps only the fields for which `keep` answers true, entering singular and repeated message fields; a message field none
/// of whose fields is kept goes too.
pub fn retain(message: &mut DynamicMessage, keep: &impl Fn(&FieldDescriptor) -> bool) {
    let present: Vec<FieldDescriptor> = message.fields().map(|(field, _)| field).collect();
    for field in present {
        if is_entered(&field) && !is_sealed(&field) {
            let emptied = message.get_field_mut(&field).as_message_mut().is_none_or(|inner| {
                retain(inner, keep);
                inner.fields().next().is_none()
            });
            if emptied && !keep(&field) {
                message.clear_field(&field);
            }
        } else if !keep(&field) {
            message.clear_field(&field);
        }
    }
}
