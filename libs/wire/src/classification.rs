//! The classification of fields, read from the contract's options: the one source that sealing, redaction, labels and the
//! data dictionary use.

use std::collections::HashMap;
use std::sync::OnceLock;

use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor};

use crate::descriptors::pool;
pub use crate::proto::egide::classification::v1::{
    DataCategory, EventClass, FieldClass, Generalisation, Identifies, SealUnder, Whose,
};

const FIELD: &str = "egide.classification.v1.field";
const RECORD: &str = "egide.classification.v1.record";
const EVENT: &str = "egide.classification.v1.event";
const FIELDS: &str = "egide.classification.v1.fields";
const RECORD_FIELDS: &str = "egide.classification.v1.record_fields";

struct Table {
    fields: HashMap<String, FieldClass>,
    events: HashMap<String, EventClass>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Table { fields: HashMap::new(), events: HashMap::new() };
        for message in pool().all_messages() {
            if let Some(class) = extension::<EventClass>(&message.options(), EVENT) {
                table.events.insert(message.full_name().to_owned(), class);
            }
            let default = class_in(&message.options(), FIELDS, RECORD_FIELDS);
            for field in message.fields() {
                let class = class_in(&field.options(), FIELD, RECORD).or_else(|| default.clone());
                if let Some(class) = class {
                    table.fields.insert(field.full_name().to_owned(), class);
                }
            }
        }
        table
    })
}

/// The classification in some options, written out or in short.
fn class_in(options: &DynamicMessage, whole: &str, short: &str) -> Option<FieldClass> {
    extension::<FieldClass>(options, whole).or_else(|| flag(options, short).then(record))
}

/// What `record` is short for.
fn record() -> FieldClass {
    FieldClass {
        category: DataCategory::RecordKeeping.into(),
        identifies: Identifies::None.into(),
        whose: Whose::Record.into(),
        generalise: Generalisation::Withhold.into(),
        ..FieldClass::default()
    }
}

fn flag(options: &DynamicMessage, name: &str) -> bool {
    pool()
        .get_extension_by_name(name)
        .is_some_and(|extension| options.get_extension(&extension).as_bool().unwrap_or_default())
}

fn extension<M: Message + Default>(options: &DynamicMessage, name: &str) -> Option<M> {
    let extension = pool().get_extension_by_name(name)?;
    if !options.has_extension(&extension) {
        return None;
    }
    let value = options.get_extension(&extension).into_owned();
    value.as_message().and_then(|message| message.transcode_to().ok())
}

/// The classification of a field, its own or its message's; `None` when nobody has classified it: seal it, withhold it.
#[must_use]
pub fn field_class(field: &FieldDescriptor) -> Option<&'static FieldClass> {
    table().fields.get(field.full_name())
}

/// Whether the field carries a classification of its own rather than its message's.
#[must_use]
pub fn is_classified_itself(field: &FieldDescriptor) -> bool {
    class_in(&field.options(), FIELD, RECORD).is_some()
}

/// The classification of an event's payload message; `None` for any other message.
#[must_use]
pub fn event_class(message: &MessageDescriptor) -> Option<&'static EventClass> {
    table().events.get(message.full_name())
}

/// All payload messages of the log with their class, in no particular order.
pub fn events() -> impl Iterator<Item = (&'static str, &'static EventClass)> {
    table().events.iter().map(|(name, class)| (name.as_str(), class))
}

/// Whether a field must be sealed: everything but what is classified as identifying nobody, and the quasi-identifiers that
/// are listed as coarse enough, with the reason.
#[must_use]
pub fn is_sealed(field: &FieldDescriptor) -> bool {
    field_class(field).is_none_or(|class| match class.identifies() {
        Identifies::None => false,
        Identifies::Quasi => class.coarse_because.is_empty(),
        Identifies::Direct | Identifies::Unspecified => true,
    })
}
