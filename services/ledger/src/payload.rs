//! What a new event is: its area, its kind and how it is sealed, read from the contract's descriptors.

use std::borrow::Cow;

use egide_wire::classification::{EventClass, event_class};
use egide_wire::descriptors::to_dynamic;
use egide_wire::proto::egide::ledger::v1::new_event::Payload;
use egide_wire::proto::egide::ledger::v1::{Area, NewEvent};
use egide_wire::split::{Parts, split_dynamic};
use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage as _, Value};

/// A payload, seen through the contract.
pub(crate) struct Described {
    pub(crate) area: Area,
    /// Kind, schema version and key.
    pub(crate) class: &'static EventClass,
    /// The path from the new event to the payload's message, for instance `case_event.person_identified`.
    pub(crate) path: String,
    /// The message around it, for instance `CaseEvent`.
    envelope: DynamicMessage,
    /// Which of its fields is set.
    kind: FieldDescriptor,
}

impl Described {
    /// The payload's message, for instance `PersonIdentified`.
    pub(crate) fn message(&self) -> Cow<'_, DynamicMessage> {
        match self.envelope.get_field(&self.kind) {
            Cow::Borrowed(Value::Message(message)) => Cow::Borrowed(message),
            // INVARIANT: `describe` found a message there.
            Cow::Borrowed(_) | Cow::Owned(_) => Cow::Owned(DynamicMessage::new(self.envelope.descriptor())),
        }
    }

    /// Cuts the payload into facts and identifying data.
    pub(crate) fn split(&self) -> Parts {
        split_dynamic(self.envelope.clone())
    }
}

/// Which field of [`NewEvent`] holds the payload.
pub(crate) const fn payload_field(payload: &Payload) -> (Area, &'static str) {
    match payload {
        Payload::CaseEvent(_) => (Area::Case, "case_event"),
        Payload::DirectoryEvent(_) => (Area::Directory, "directory_event"),
        Payload::AccessEvent(_) => (Area::Access, "access_event"),
        Payload::HouseEvent(_) => (Area::House, "house_event"),
    }
}

/// `None` when the event has no payload, or one without a kind.
pub(crate) fn describe(event: &NewEvent) -> Option<Described> {
    let payload = event.payload.as_ref()?;
    let (area, field) = payload_field(payload);
    let envelope = match payload {
        Payload::CaseEvent(event) => to_dynamic(event),
        Payload::DirectoryEvent(event) => to_dynamic(event),
        Payload::AccessEvent(event) => to_dynamic(event),
        Payload::HouseEvent(event) => to_dynamic(event),
    };
    let envelope = envelope.ok()?;
    let (kind, value) = envelope.fields().next()?;
    let class = event_class(&value.as_message()?.descriptor())?;
    Some(Described { area, class, path: format!("{field}.{}", kind.name()), kind, envelope })
}
