//! Splitting and joining, over payloads made at random from the descriptors.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at the first surprise"
)]

use egide_wire::classification::is_sealed;
use egide_wire::descriptors::{of, to_dynamic};
use egide_wire::proto::egide::case::v1::CaseEvent;
use egide_wire::split::{join, split};
use proptest::prelude::*;
use proptest::test_runner::TestRng;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value};

/// A message with every field set at random, `depth` levels down.
fn random_message(descriptor: &MessageDescriptor, rng: &mut TestRng, depth: u32) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    let mut oneofs: Vec<_> = descriptor.oneofs().map(|oneof| oneof.fields().collect::<Vec<_>>()).collect();
    for field in descriptor.fields().filter(|field| field.containing_oneof().is_none()) {
        if rng.random_bool(0.7) {
            set_random(&mut message, &field, rng, depth);
        }
    }
    for fields in &mut oneofs {
        let chosen = rng.random_range(0..fields.len());
        set_random(&mut message, &fields[chosen], rng, depth);
    }
    message
}

fn set_random(message: &mut DynamicMessage, field: &FieldDescriptor, rng: &mut TestRng, depth: u32) {
    if matches!(field.kind(), Kind::Message(_)) && depth == 0 {
        return;
    }
    let value = if field.is_list() {
        Value::List((0..rng.random_range(0..4)).map(|_| random_value(&field.kind(), rng, depth)).collect())
    } else if field.is_map() {
        Value::Map([(MapKey::String("key".to_owned()), Value::String("value".to_owned()))].into())
    } else {
        random_value(&field.kind(), rng, depth)
    };
    message.set_field(field, value);
}

fn random_value(kind: &Kind, rng: &mut TestRng, depth: u32) -> Value {
    match kind {
        Kind::Bool => Value::Bool(rng.random()),
        Kind::String => Value::String(format!("text {}", rng.random::<u32>())),
        Kind::Bytes => Value::Bytes(rng.random::<[u8; 8]>().to_vec().into()),
        Kind::Uint32 => Value::U32(rng.random()),
        Kind::Uint64 => Value::U64(rng.random()),
        Kind::Int32 => Value::I32(rng.random()),
        Kind::Int64 => Value::I64(rng.random()),
        Kind::Enum(list) => {
            let values: Vec<i32> = list.values().map(|value| value.number()).collect();
            Value::EnumNumber(values[rng.random_range(0..values.len())])
        }
        Kind::Message(inner) => Value::Message(random_message(inner, rng, depth.saturating_sub(1))),
        other => panic!("the contract uses {other:?}: teach this test"),
    }
}

fn assert_no_sealed_field(message: &DynamicMessage) {
    if !message.descriptor().package_name().starts_with("egide.") {
        return;
    }
    for (field, value) in message.fields() {
        assert!(!is_sealed(&field), "{} stands among the facts", field.full_name());
        let items = value.as_list().unwrap_or(std::slice::from_ref(value));
        items.iter().filter_map(Value::as_message).for_each(assert_no_sealed_field);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn joining_what_was_split_is_the_whole_again_and_the_facts_hold_nothing_sealed(seed in any::<[u8; 32]>()) {
        let mut rng = TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
        let whole: CaseEvent = random_message(&of::<CaseEvent>(), &mut rng, 4).transcode_to().unwrap();
        let parts = split(&whole).unwrap();
        let joined: CaseEvent = join(&parts.facts, parts.identifying.as_deref()).unwrap();
        prop_assert!(joined == whole);
        let facts: CaseEvent = join(&parts.facts, None).unwrap();
        assert_no_sealed_field(&to_dynamic(&facts).unwrap());
    }
}
