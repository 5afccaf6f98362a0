//! Events whose every identifying text is a random marker, so that whatever carries one off can be seen to.
//!
//! Which fields identify is read from the contract: a field that is added and classified as identifying is marked from then
//! on. A field that takes only texts of some form needs a row in [`form`].

use std::collections::BTreeSet;

use egide_wire::classification::{DataCategory, Identifies, field_class};
use egide_wire::descriptors::to_dynamic;
use egide_wire::proto::egide::case::v1::CaseEvent;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value};
use uuid::Uuid;

use crate::needles::Needles;

/// One marker that stands in one field of one event.
#[derive(Clone, PartialEq, Eq)]
pub struct Marker {
    /// Its name in findings: the field and a number.
    pub name: String,
    /// The field's full name: `egide.case.v1.PersonIdentified.family_name`.
    pub field: String,
    /// The person the event is about, where it is about one.
    pub subject_id: Option<String>,
    /// The field's data category.
    pub category: DataCategory,
    /// The field was asked only to find a service: no report carries it.
    pub match_only: bool,
    /// What to look for; any of them.
    pub texts: Vec<Vec<u8>>,
}

/// All markers of a run.
#[derive(Default)]
pub struct Markers {
    all: Vec<Marker>,
    dates: BTreeSet<String>,
}

/// How a field's text must look.
enum Form {
    Text,
    Date,
    LanguageTag,
    Phone,
    Email,
    Country,
    /// A sentence, of which a reviewer leaves something.
    Told,
}

fn form(field: &FieldDescriptor) -> Form {
    match field.full_name() {
        "egide.case.v1.CaseOpened.language_tag" | "egide.case.v1.PersonIdentified.languages" => Form::LanguageTag,
        "egide.case.v1.NarrativeRecorded.text" => Form::Told,
        "egide.case.v1.ContactRecorded.phones" => Form::Phone,
        "egide.case.v1.ContactRecorded.emails" => Form::Email,
        "egide.case.v1.ImmigrationRecorded.citizenships" => Form::Country,
        _ if matches!(field.name(), "birth_date" | "since" | "valid_until") => Form::Date,
        _ => Form::Text,
    }
}

impl Markers {
    /// The markers so far.
    #[must_use]
    pub fn all(&self) -> &[Marker] {
        &self.all
    }

    /// The event with a marker of its own in every text that identifies, whether it stood in the event before or not.
    ///
    /// # Panics
    /// When the event holds no payload.
    pub fn mark(&mut self, event: &CaseEvent) -> CaseEvent {
        let mut umbrella = to_dynamic(event).expect("the contract knows its own event");
        let (field, _) = umbrella.fields().next().expect("an event has a payload");
        let payload = umbrella.get_field_mut(&field).as_message_mut().expect("payloads are messages");
        let subject_id = payload.get_field_by_name("subject_id").and_then(|id| id.as_str().map(str::to_owned));
        self.mark_message(payload, subject_id.as_deref());
        umbrella.transcode_to().expect("the same type")
    }

    /// A marker that stands in no field: for what callers put where it does not belong.
    pub fn stray(&mut self, name: &str) -> String {
        let text = letters();
        self.keep(name, None, DataCategory::Unspecified, false, vec![text.clone().into_bytes()]);
        text
    }

    /// Something random that others have made, to be found like a marker.
    pub fn stray_bytes(&mut self, name: &str, bytes: Vec<u8>) {
        self.keep(name, None, DataCategory::Unspecified, false, vec![bytes]);
    }

    /// Looks for all of them.
    #[must_use]
    pub fn needles(&self) -> Needles {
        let mut needles = Needles::default();
        for marker in &self.all {
            for text in &marker.texts {
                needles.add(&marker.name, text);
            }
        }
        needles
    }

    fn mark_message(&mut self, message: &mut DynamicMessage, subject_id: Option<&str>) {
        let fields: Vec<FieldDescriptor> = message.descriptor().fields().collect();
        for field in fields {
            match field.kind() {
                Kind::String if identifies(&field) => self.mark_text(message, &field, subject_id),
                Kind::Bytes if identifies(&field) => {
                    let bytes = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
                    self.keep_of(&field, subject_id, vec![bytes.clone()]);
                    message.set_field(&field, Value::Bytes(bytes.into()));
                }
                Kind::Message(inner) if inner.package_name().starts_with("egide.") => {
                    self.mark_inner(message, &field, &inner, subject_id);
                }
                _ => {}
            }
        }
    }

    /// A list of identifying messages gets two members; a single message is entered where it is there.
    fn mark_inner(
        &mut self,
        message: &mut DynamicMessage,
        field: &FieldDescriptor,
        inner: &MessageDescriptor,
        subject_id: Option<&str>,
    ) {
        if field.is_list() && identifies(field) {
            let members = (0..2).map(|_| {
                let mut member = DynamicMessage::new(inner.clone());
                self.mark_message(&mut member, subject_id);
                Value::Message(member)
            });
            let members = members.collect();
            message.set_field(field, Value::List(members));
        } else if !field.is_list() && message.has_field(field) {
            let entered = message.get_field_mut(field).as_message_mut().expect("a single message");
            self.mark_message(entered, subject_id);
        }
    }

    fn mark_text(&mut self, message: &mut DynamicMessage, field: &FieldDescriptor, subject_id: Option<&str>) {
        if matches!(form(field), Form::Country) {
            return self.mark_countries(message, field, subject_id);
        }
        if field.is_list() {
            let members = (0..2).map(|_| Value::String(self.text(field, subject_id))).collect();
            message.set_field(field, Value::List(members));
        } else {
            let text = self.text(field, subject_id);
            message.set_field(field, Value::String(text));
        }
    }

    /// A text of the field's form; the marker is the part of it that is random.
    fn text(&mut self, field: &FieldDescriptor, subject_id: Option<&str>) -> String {
        let (marker, text) = match form(field) {
            Form::Text | Form::Country => {
                let marker = letters();
                (marker.clone(), marker)
            }
            Form::Date => {
                let marker = self.date();
                (marker.clone(), marker)
            }
            Form::LanguageTag => {
                let marker = letters();
                let tag = format!("{}-{}-{}", &marker[..8], &marker[8..16], &marker[16..]);
                (tag.clone(), tag)
            }
            Form::Phone => {
                let marker = letters();
                let text = format!("+1-555-0142 {marker}");
                (marker, text)
            }
            Form::Told => {
                let marker = letters();
                let text = format!("She works every night and sleeps in the cellar. They call it {marker} there.");
                (marker, text)
            }
            Form::Email => {
                let marker = letters();
                let text = format!("{marker}@quill.example");
                (marker, text)
            }
        };
        self.keep_of(field, subject_id, vec![marker.into_bytes()]);
        text
    }

    /// Two letters are no marker, but eight pairs in a row are: as the wire carries them, and as JSON would.
    fn mark_countries(&mut self, message: &mut DynamicMessage, field: &FieldDescriptor, subject_id: Option<&str>) {
        let seed = letters().to_ascii_uppercase();
        let codes: Vec<String> = (0..8).map(|index| seed[index * 2..index * 2 + 2].to_owned()).collect();
        let tag = u8::try_from(field.number() << 3 | 2).expect("a small field number");
        let wire = codes.iter().flat_map(|code| [&[tag, 2], code.as_bytes()].concat()).collect();
        let quoted: Vec<String> = codes.iter().map(|code| format!("\"{code}\"")).collect();
        let texts =
            vec![wire, quoted.join(",").into_bytes(), quoted.join(", ").into_bytes(), codes.concat().into_bytes()];
        self.keep_of(field, subject_id, texts);
        message.set_field(field, Value::List(codes.into_iter().map(Value::String).collect()));
    }

    /// A day nobody else means: before the hotline, its staff and its callers were born.
    fn date(&mut self) -> String {
        loop {
            let [year, month, day, ..] = Uuid::new_v4().into_bytes();
            let date = format!("{}-{:02}-{:02}", 1851 + u32::from(year) % 60, 1 + month % 12, 1 + day % 28);
            if self.dates.insert(date.clone()) {
                return date;
            }
        }
    }

    fn keep_of(&mut self, field: &FieldDescriptor, subject_id: Option<&str>, texts: Vec<Vec<u8>>) {
        let class = field_class(field).expect("the contract classifies every field");
        self.keep(field.full_name(), subject_id, class.category(), class.match_only, texts);
    }

    fn keep(
        &mut self,
        field: &str,
        subject_id: Option<&str>,
        category: DataCategory,
        match_only: bool,
        texts: Vec<Vec<u8>>,
    ) {
        let name = format!("{field}#{}", self.all.len());
        let (field, subject_id) = (field.to_owned(), subject_id.map(str::to_owned));
        self.all.push(Marker { name, field, subject_id, category, match_only, texts });
    }
}

/// Whether a field must be sealed, from the words of the classification alone: it can point at somebody, and nobody gave a
/// reason why it is coarse enough to stand as a fact. What seals is not asked, for it is what is under test.
#[must_use]
pub fn identifies(field: &FieldDescriptor) -> bool {
    let Some(class) = field_class(field) else { return true };
    match class.identifies() {
        Identifies::None => false,
        Identifies::Quasi => class.coarse_because.is_empty(),
        Identifies::Direct | Identifies::Unspecified => true,
    }
}

/// Twenty-four letters at random.
fn letters() -> String {
    let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let letter = |byte: &u8| {
        let (case, place) = (if byte & 1 == 0 { b'a' } else { b'A' }, (byte >> 1) % 26);
        char::from(case + place)
    };
    // Two bytes of a UUID are not random; enough others are.
    random.iter().take(24).map(letter).collect()
}

/// Every field of text or bytes that identifies, in every payload of a case, by its full name.
#[must_use]
pub fn identifying_text_fields() -> BTreeSet<String> {
    let umbrella = egide_wire::descriptors::of::<CaseEvent>();
    let (mut fields, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut open: Vec<MessageDescriptor> =
        umbrella.fields().filter_map(|field| field.kind().as_message().cloned()).collect();
    while let Some(message) = open.pop() {
        if !message.package_name().starts_with("egide.") || !seen.insert(message.full_name().to_owned()) {
            continue;
        }
        for field in message.fields() {
            match field.kind() {
                Kind::String | Kind::Bytes if identifies(&field) => drop(fields.insert(field.full_name().to_owned())),
                Kind::Message(inner) => open.push(inner),
                _ => {}
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_wire::proto::egide::case::v1::case_event::Payload;
    use egide_wire::proto::egide::case::v1::{ImmigrationRecorded, PersonIdentified, PersonRole, SuspectDescribed};
    use prost::Message as _;

    fn marked(markers: &mut Markers, payload: Payload) -> CaseEvent {
        markers.mark(&CaseEvent { payload: Some(payload) })
    }

    #[test]
    fn every_identifying_text_of_an_event_becomes_a_marker_and_facts_stay() {
        let mut markers = Markers::default();
        let roles = vec![PersonRole::Suspect.into()];
        let person = PersonIdentified { subject_id: "someone".into(), roles: roles.clone(), ..Default::default() };
        let event = marked(&mut markers, Payload::PersonIdentified(person));
        let Some(Payload::PersonIdentified(person)) = &event.payload else { panic!("another payload") };
        assert_eq!((person.subject_id.as_str(), &person.roles), ("someone", &roles));
        assert_eq!(person.identifiers.len(), 2);
        let found = markers.needles().names(&event.encode_to_vec());
        assert_eq!(found.len(), markers.all().len(), "every marker stands in the event");
        let fields: BTreeSet<&str> = markers.all().iter().map(|marker| marker.field.as_str()).collect();
        let own = |field: &&String| field.contains(".PersonIdentified.") || field.contains(".Identifier.");
        let expected = identifying_text_fields();
        assert_eq!(fields, expected.iter().filter(own).map(String::as_str).collect());
        assert!(markers.all().iter().all(|marker| marker.subject_id.as_deref() == Some("someone")));
    }

    #[test]
    fn markers_of_two_events_differ() {
        let mut markers = Markers::default();
        let one = marked(&mut markers, Payload::SuspectDescribed(SuspectDescribed::default()));
        let first = markers.needles();
        let other = marked(&mut markers, Payload::SuspectDescribed(SuspectDescribed::default()));
        assert!(!first.names(&one.encode_to_vec()).is_empty());
        assert!(first.names(&other.encode_to_vec()).is_empty());
    }

    #[test]
    fn codes_of_two_letters_are_found_as_a_row_of_them() {
        let mut markers = Markers::default();
        let event = marked(&mut markers, Payload::ImmigrationRecorded(ImmigrationRecorded::default()));
        let names = markers.needles().names(&event.encode_to_vec());
        assert!(names.iter().any(|name| name.contains("citizenships")), "{names:?}");
    }
}
