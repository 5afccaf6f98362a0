//! Opened events as flat, classified fields: what redaction works on.

use egide_domain::ids::{ExceptionId, Revision, SubjectId};
use egide_domain::{AttestedNarrative, Timestamp};
use egide_redaction::{About, Class, Field, Generalisation, Identifies, Member, Value, Whose};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value as Reflected};

use crate::classification::{self as wire, SealUnder, event_class, field_class, is_sealed};
use crate::convert::{Listed as _, Unreadable, timestamp};
use crate::descriptors::{of, to_dynamic};
use crate::proto::egide::case::v1::case_event::Payload as CasePayload;
use crate::proto::egide::case::v1::{CaseEvent, NarrativeAttested};
use crate::proto::egide::ledger::v1::RecordedEvent;
use crate::proto::egide::ledger::v1::recorded_event::Payload;
use crate::split::join;

/// All fields of a case event that carry a value, each with its classification; nothing for events of other areas.
///
/// # Errors
/// [`Unreadable`] when the event names people in a way that cannot be read: nothing of it may leave.
pub fn flatten(event: &RecordedEvent) -> Result<Vec<Field>, Unreadable> {
    let Some(Payload::CaseEvent(case_event)) = &event.payload else { return Ok(Vec::new()) };
    let umbrella = to_dynamic(case_event).map_err(|_| Unreadable { field: "case_event" })?;
    let Some((field, payload)) = umbrella.fields().next() else { return Ok(Vec::new()) };
    let Some(payload) = payload.as_message() else { return Ok(Vec::new()) };
    let context = Context {
        about: about(payload)?,
        record: Revision(event.revision),
        recorded_at: event.recorded_at.as_ref().and_then(timestamp),
        // RFC 3339 begins with the month.
        month: event.occurred_at.as_ref().map(|at| at.to_string().chars().take(7).collect()),
        only_under: exception_of(case_event.payload.as_ref())?,
        attested: attested(payload)?,
    };
    let mut fields = Vec::new();
    context.collect(payload, field.name(), &mut fields);
    Ok(fields)
}

/// A case event by its facts alone: whom it is about, and which fields there are.
pub struct Outline {
    /// Whom it is about.
    pub about: About,
    /// The exception that alone lets it go, where it was written for one.
    pub only_under: Option<ExceptionId>,
    /// The attestation it is, if it is one.
    pub attested: Option<AttestedNarrative>,
    /// The facts that carry a value, and whatever would be sealed.
    pub fields: Vec<Outlined>,
}

/// One field of an [`Outline`].
pub struct Outlined {
    /// Its path in the contract, from the payload on.
    pub path: String,
    /// Its classification.
    pub class: Class,
    /// Whether it is sealed: whether it carries a value is not known then.
    pub sealed: bool,
}

/// Outlines a case event by its facts; `None` for one without payload.
///
/// # Errors
/// [`Unreadable`] when it is no case event, or names people in a way that cannot be read.
pub fn outline(facts: &[u8]) -> Result<Option<Outline>, Unreadable> {
    let unreadable = Unreadable { field: "case_event" };
    let event = join::<CaseEvent>(facts, None).map_err(|_| unreadable)?;
    let umbrella = to_dynamic(&event).map_err(|_| unreadable)?;
    let Some((field, payload)) = umbrella.fields().next() else { return Ok(None) };
    let Some(payload) = payload.as_message() else { return Ok(None) };
    let mut fields = Vec::new();
    outline_message(payload, field.name(), &mut fields);
    let (about, attested) = (about(payload)?, attested(payload)?);
    Ok(Some(Outline { about, only_under: exception_of(event.payload.as_ref())?, attested, fields }))
}

fn outline_message(message: &DynamicMessage, path: &str, fields: &mut Vec<Outlined>) {
    for field in message.descriptor().fields() {
        let path = format!("{path}.{}", field.name());
        let inner = field.kind().as_message().is_some() && !field.is_list() && !is_well_known(&field);
        let sealed = is_sealed(&field);
        if inner {
            if let Some(inner) = message.get_field(&field).as_message() {
                outline_message(inner, &path, fields);
            }
        } else if sealed || message.has_field(&field) {
            fields.push(Outlined { path, class: class(&field), sealed });
        }
    }
}

/// What all fields of one event have in common.
struct Context {
    about: About,
    record: Revision,
    recorded_at: Option<Timestamp>,
    month: Option<String>,
    only_under: Option<ExceptionId>,
    attested: Option<AttestedNarrative>,
}

impl Context {
    fn collect(&self, message: &DynamicMessage, path: &str, fields: &mut Vec<Field>) {
        for (descriptor, value) in message.fields() {
            let path = format!("{path}.{}", descriptor.name());
            if let (Some(inner), false) = (value.as_message(), is_well_known(&descriptor)) {
                self.collect(inner, &path, fields);
            } else if let Some(value) = flat(&descriptor, value) {
                fields.push(Field {
                    about: self.about.clone(),
                    record: self.record,
                    recorded_at: self.recorded_at,
                    month: self.month.clone(),
                    path,
                    class: class(&descriptor),
                    only_under: self.only_under,
                    attested: self.attested,
                    value,
                });
            }
        }
    }
}

/// The people a payload is about, by how it is sealed. Of nobody, nothing of it ever leaves.
///
/// # Errors
/// [`Unreadable`] when it names people in a way that cannot be read.
pub fn about(payload: &DynamicMessage) -> Result<About, Unreadable> {
    if let Some(several) = payload.get_field_by_name("subject_ids") {
        let people = several.as_list().unwrap_or_default().iter().map(|item| subject(item, "subject_ids"));
        return people.collect::<Result<_, _>>().map(About::Several);
    }
    let seal_under = event_class(&payload.descriptor()).map_or(SealUnder::Unspecified, |class| class.seal_under());
    let one = payload.get_field_by_name("subject_id").filter(|_| seal_under == SealUnder::Subject);
    match one {
        Some(one) if one.as_str() != Some("") => subject(&one, "subject_id").map(About::One),
        Some(_) | None => Ok(About::Nobody),
    }
}

/// The attestation that a payload is; `None`: it is none.
///
/// # Errors
/// [`Unreadable`] when it cannot be read which: nothing of it may leave.
pub fn attested(payload: &DynamicMessage) -> Result<Option<AttestedNarrative>, Unreadable> {
    if payload.descriptor() != of::<NarrativeAttested>() {
        return Ok(None);
    }
    let review_id = payload.get_field_by_name("review_id");
    let review_id = review_id.as_ref().and_then(|id| id.as_str()?.parse().ok());
    let digest = payload.get_field_by_name("text_digest");
    let digest = digest.as_ref().and_then(|digest| digest.as_bytes()?.as_ref().try_into().ok());
    match (review_id, digest) {
        (Some(review_id), Some(text_digest)) => Ok(Some(AttestedNarrative { review_id, text_digest })),
        (None, _) => Err(Unreadable { field: "review_id" }),
        (_, None) => Err(Unreadable { field: "text_digest" }),
    }
}

fn subject(value: &Reflected, field: &'static str) -> Result<SubjectId, Unreadable> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or(Unreadable { field })
}

fn exception_of(payload: Option<&CasePayload>) -> Result<Option<ExceptionId>, Unreadable> {
    let Some(CasePayload::ExceptionAsserted(asserted)) = payload else { return Ok(None) };
    asserted.exception_id.parse().map(Some).map_err(|_| Unreadable { field: "exception_id" })
}

fn is_well_known(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(message) if !message.package_name().starts_with("egide."))
}

/// The value as redaction knows it; bytes, maps and messages of other packages never leave through a mask.
fn flat(field: &FieldDescriptor, value: &Reflected) -> Option<Value> {
    let Some(items) = value.as_list() else { return scalar(field, value) };
    let kind = field.kind();
    if kind.as_enum().is_some() {
        Some(Value::Codes(items.iter().filter_map(|item| code(field, item)).collect()))
    } else if kind == Kind::String {
        Some(Value::Texts(items.iter().filter_map(Reflected::as_str).map(str::to_owned).collect()))
    } else if kind.as_message().is_some_and(|message| message.package_name().starts_with("egide.")) {
        Some(Value::Records(items.iter().filter_map(Reflected::as_message).map(members).collect()))
    } else {
        None
    }
}

fn scalar(field: &FieldDescriptor, value: &Reflected) -> Option<Value> {
    if field.kind().as_enum().is_some() {
        return code(field, value).map(Value::Code);
    }
    let text = value.as_str().map(|text| Value::Text(text.to_owned()));
    let flag = || value.as_bool().map(Value::Flag);
    let number = || value.as_u32().map(u64::from).or_else(|| value.as_u64()).map(Value::Number);
    text.or_else(flag).or_else(number)
}

fn code(field: &FieldDescriptor, value: &Reflected) -> Option<String> {
    let number = value.as_enum_number().filter(|number| *number != 0)?;
    Some(field.kind().as_enum()?.get_value(number)?.name().to_owned())
}

fn members(message: &DynamicMessage) -> Vec<Member> {
    let name = snake(message.descriptor().name());
    message
        .fields()
        .filter_map(|(field, value)| {
            let value = flat(&field, value)?;
            Some(Member { label: format!("{name}.{}", field.name()), class: class(&field), value })
        })
        .collect()
}

fn snake(name: &str) -> String {
    let mut result = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !result.is_empty() {
            result.push('_');
        }
        result.extend(letter.to_lowercase());
    }
    result
}

/// A field's classification as redaction knows it; what is not classified whole withholds.
#[must_use]
pub fn class(field: &FieldDescriptor) -> Class {
    let Some(class) = field_class(field) else { return Class::UNCLASSIFIED };
    Class {
        category: egide_domain::vocabulary::DataCategory::read(class.category).ok().flatten(),
        identifies: match class.identifies() {
            wire::Identifies::None => Identifies::None,
            wire::Identifies::Quasi => Identifies::Quasi,
            wire::Identifies::Direct | wire::Identifies::Unspecified => Identifies::Direct,
        },
        is_fact: !is_sealed(field),
        whose: match class.whose() {
            wire::Whose::Subject => Whose::Subject,
            wire::Whose::Bringer => Whose::Bringer,
            wire::Whose::Several => Whose::Several,
            wire::Whose::Case => Whose::Case,
            wire::Whose::Staff => Whose::Staff,
            wire::Whose::Record | wire::Whose::Unspecified => Whose::Record,
        },
        generalise: match class.generalise() {
            wire::Generalisation::Keep => Generalisation::Keep,
            wire::Generalisation::Month => Generalisation::Month,
            wire::Generalisation::Year => Generalisation::Year,
            wire::Generalisation::AgeGroup => Generalisation::AgeGroup,
            wire::Generalisation::Province => Generalisation::Province,
            wire::Generalisation::NumberBand => Generalisation::NumberBand,
            wire::Generalisation::Deidentified => Generalisation::Deidentified,
            wire::Generalisation::Withhold | wire::Generalisation::Unspecified => Generalisation::Withhold,
        },
        match_only: class.match_only,
    }
}
