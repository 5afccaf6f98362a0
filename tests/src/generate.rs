//! Messages that look valid, made at random from the contract's descriptors, with texts and ids that mean something in a
//! running system.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value};
use uuid::Uuid;

/// How deep messages stand in each other at most.
const DEPTH_MAX: u32 = 5;

/// Random numbers that follow from a seed (SplitMix64), so that a failing case can be played again.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    ///
    /// # Panics
    /// When `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a bound");
        usize::try_from(self.roll() % bound).expect("below a usize")
    }

    /// True so often in a hundred times.
    pub fn percent(&mut self, times: usize) -> bool {
        self.below(100) < times
    }

    /// One of them.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Random bytes, so many.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.roll().to_le_bytes()[3]).collect()
    }
}

/// What exists in the system that is spoken to.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Ids of everything there is.
    pub ids: Vec<String>,
    /// The last position of the log.
    pub last_position: u64,
    /// Now, in seconds since 1970.
    pub now_s: i64,
}

/// Makes messages.
#[derive(Debug)]
pub struct Generator<'a> {
    /// Where randomness comes from.
    pub dice: Dice,
    /// What exists.
    pub known: &'a Known,
}

impl Generator<'_> {
    /// A message of this type.
    pub fn message(&mut self, descriptor: &MessageDescriptor) -> DynamicMessage {
        self.message_at(descriptor, DEPTH_MAX)
    }

    /// The same message with a few fields somewhere in it set anew, or gone.
    pub fn change(&mut self, message: &mut DynamicMessage) {
        for _ in 0..self.dice.below(4) {
            self.change_one(message, DEPTH_MAX);
        }
    }

    fn message_at(&mut self, descriptor: &MessageDescriptor, depth: u32) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        if descriptor.full_name() == "google.protobuf.Timestamp" {
            self.set_time(&mut message);
            return message;
        }
        let oneofs: Vec<Vec<FieldDescriptor>> = descriptor.oneofs().map(|oneof| oneof.fields().collect()).collect();
        for field in descriptor.fields().filter(|field| field.containing_oneof().is_none()) {
            if self.dice.percent(70) {
                self.set(&mut message, &field, depth);
            }
        }
        for fields in oneofs {
            if self.dice.percent(90) {
                let chosen = self.dice.pick(&fields).clone();
                self.set(&mut message, &chosen, depth);
            }
        }
        message
    }

    fn change_one(&mut self, message: &mut DynamicMessage, depth: u32) {
        let fields: Vec<FieldDescriptor> = message.descriptor().fields().collect();
        let set: Vec<FieldDescriptor> = message.fields().map(|(field, _)| field).collect();
        // Mostly into what is there, so that changes get deep.
        if !set.is_empty() && self.dice.percent(80) {
            let field = self.dice.pick(&set).clone();
            let inside = match message.get_field_mut(&field) {
                Value::Message(inner) => Some(inner),
                Value::List(values) => values.first_mut().and_then(|value| match value {
                    Value::Message(inner) => Some(inner),
                    _ => None,
                }),
                _ => None,
            };
            if let Some(inner) = inside.filter(|_| depth > 0) {
                let mut changed = inner.clone();
                self.change_one(&mut changed, depth - 1);
                *inner = changed;
                return;
            }
        }
        if fields.is_empty() {
            return;
        }
        let field = self.dice.pick(&fields).clone();
        if self.dice.percent(25) {
            message.clear_field(&field);
        } else {
            self.set(message, &field, depth);
        }
    }

    fn set(&mut self, message: &mut DynamicMessage, field: &FieldDescriptor, depth: u32) {
        if depth == 0 && matches!(field.kind(), Kind::Message(_)) {
            return;
        }
        let value = if field.is_list() {
            let length = if self.dice.percent(2) { 70 } else { self.dice.below(4) };
            Value::List((0..length).map(|_| self.value(field, depth)).collect())
        } else if field.is_map() {
            Value::Map([(MapKey::String("key".to_owned()), Value::String("value".to_owned()))].into())
        } else {
            self.value(field, depth)
        };
        message.set_field(field, value);
    }

    fn value(&mut self, field: &FieldDescriptor, depth: u32) -> Value {
        match field.kind() {
            Kind::Bool => Value::Bool(self.dice.percent(50)),
            Kind::String => Value::String(self.text(field)),
            Kind::Bytes => Value::Bytes(self.blob().into()),
            Kind::Uint32 => Value::U32(u32::try_from(self.number() & u64::from(u32::MAX)).expect("masked")),
            // What is waited for is mostly there: each wait for what is not takes seconds.
            Kind::Uint64 if field.name() == "min_position" && self.dice.percent(97) => Value::U64(self.dice.roll() % 3),
            Kind::Uint64 => Value::U64(self.number()),
            Kind::Int32 => Value::I32(i32::from_le_bytes(self.dice.bytes(4).try_into().expect("four"))),
            Kind::Int64 => Value::I64(i64::from_le_bytes(self.dice.bytes(8).try_into().expect("eight"))),
            Kind::Enum(list) => {
                let values: Vec<i32> = list.values().map(|value| value.number()).collect();
                let unheard_of = [-1, 99, i32::MAX, i32::MIN];
                let from = if self.dice.percent(95) { values.as_slice() } else { &unheard_of };
                Value::EnumNumber(*self.dice.pick(from))
            }
            Kind::Message(inner) => Value::Message(self.message_at(&inner, depth - 1)),
            other => panic!("the contract uses {other:?}: teach this generator"),
        }
    }

    fn text(&mut self, field: &FieldDescriptor) -> String {
        let name = field.name();
        let is_id =
            name.ends_with("_id") || name.ends_with("_ids") || matches!(name, "supersedes" | "supplementary_to");
        let of_its_own = name == "command_id" || name == "event_id" || self.known.ids.is_empty();
        if is_id && self.dice.percent(90) {
            // Something that is there, or might have been.
            let known = !of_its_own && self.dice.percent(70);
            return if known { self.dice.pick(&self.known.ids).clone() } else { self.fresh_id() };
        }
        match self.dice.below(12) {
            0 => String::new(),
            1 => self.fresh_id(),
            2 => self.fresh_id().to_uppercase(),
            3 => "x".repeat(300),
            4 => "é\u{0}\u{202e}\u{7}line\nline".to_owned(),
            5 => "1998-03-14".to_owned(),
            6 => "2024-02-30".to_owned(),
            7 => "fr-CA".to_owned(),
            8 => "+1-555-0142".to_owned(),
            9 => "quill@feather.example".to_owned(),
            10 => "' OR 1=1 --\"}{\\".to_owned(),
            _ => format!("text {}", self.dice.roll()),
        }
    }

    /// A UUID of version 7, as emitters make them, though not of today.
    fn fresh_id(&mut self) -> String {
        let mut bytes: [u8; 16] = self.dice.bytes(16).try_into().expect("sixteen");
        bytes[6] = bytes[6] & 0x0f | 0x70;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Uuid::from_bytes(bytes).to_string()
    }

    fn blob(&mut self) -> Vec<u8> {
        let length = *self.dice.pick(&[0, 1, 12, 32, 32, 32, 64, 200]);
        self.dice.bytes(length)
    }

    fn number(&mut self) -> u64 {
        match self.dice.below(10) {
            0 => u64::MAX,
            1 => u64::from(u32::MAX),
            2 => self.dice.roll(),
            3 => self.known.last_position.saturating_add(1),
            4..=6 => u64::try_from(self.dice.below(8)).expect("small"),
            7 => *self.dice.pick(&[16, 17, 18, 50, 120, 121, 200, 201, 500, 501]),
            _ => self.dice.roll() % self.known.last_position.max(1),
        }
    }

    fn set_time(&mut self, time: &mut DynamicMessage) {
        let now = self.known.now_s;
        let (seconds, nanos) = match self.dice.below(12) {
            0 => (0, 0),
            1 => (i64::MAX, i32::MAX),
            2 => (i64::MIN, -1),
            3 => (now, 1_000_000_000),
            4 => (now + 3_600, 0),
            5 => (253_402_300_799, 999_999_999),
            6 => (now - 86_400 * 4_000, 0),
            _ => (now - i64::try_from(self.dice.below(100_000)).expect("small"), 0),
        };
        time.set_field_by_name("seconds", Value::I64(seconds));
        time.set_field_by_name("nanos", Value::I32(nanos));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_wire::descriptors::of;
    use egide_wire::proto::egide::ledger::v1::AppendRequest;

    #[test]
    fn the_same_seed_makes_the_same_messages_and_another_seed_others() {
        let known = Known { ids: vec!["0192abcd-ef00-7fff-8000-010203040506".to_owned()], last_position: 9, now_s: 1 };
        let make = |seed| {
            let mut generator = Generator { dice: Dice::new(seed), known: &known };
            let mut message = generator.message(&of::<AppendRequest>());
            generator.change(&mut message);
            message
        };
        assert!(make(1) == make(1));
        assert!((2..20).any(|seed| make(seed) != make(1)));
        let case_events = (0..40).filter(|seed| format!("{:?}", make(*seed)).contains("case_event")).count();
        assert!(case_events > 10, "{case_events} of 40 commands hold an event of a case");
    }
}
