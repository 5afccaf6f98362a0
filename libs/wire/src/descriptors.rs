//! The contract's descriptors, with options and comments.

use std::sync::OnceLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

/// The encoded `FileDescriptorSet` of `proto/` with its imports.
pub const ENCODED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/egide.binpb"));

/// All descriptors of the contract.
///
/// # Panics
/// Never: the bytes come from the compiler that built this crate, and a test decodes them.
#[must_use]
pub fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        #[expect(clippy::expect_used, reason = "the bytes were made by this crate's build script")]
        DescriptorPool::decode(ENCODED).expect("descriptors made by the build script decode")
    })
}

/// The descriptor of a generated message type.
///
/// # Panics
/// Never for a type of this crate: its descriptor stands in [`pool`].
#[must_use]
pub fn of<M: Name>() -> MessageDescriptor {
    #[expect(clippy::expect_used, reason = "every generated type has its descriptor in the same set")]
    pool().get_message_by_name(&M::full_name()).expect("a generated type has a descriptor")
}

/// A message through reflection.
///
/// # Errors
/// When the message does not decode by its own descriptor, which means that the contract and the code have come apart.
pub fn to_dynamic<M: Message + Name>(message: &M) -> Result<DynamicMessage, prost::DecodeError> {
    DynamicMessage::decode(of::<M>(), message.encode_to_vec().as_slice())
}
