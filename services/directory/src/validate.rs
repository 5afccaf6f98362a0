//! What a change must be before anybody looks anything up: every violation at once, with the path of its field.

mod liaison;

use std::collections::BTreeSet;

use egide_domain::ids::{AddressId, AgreementId, CommandId, OrganizationId, UnitId};
use egide_domain::notices::{Mailbox, WebhookUrl};
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::{
    DataCategory, Jurisdiction, Language, NoticeMeans, Purpose, RecipientKind, SuspensionReason,
};
use egide_parcel::{EncryptionKey, KeyFingerprint, ParseEncryptionKeyError};
use egide_wire::convert::{Listed, timestamp};
use egide_wire::proto::egide::directory::v1::directory_event::Payload;
use egide_wire::proto::egide::directory::v1::{
    AgreementRecorded, DirectoryEvent, EncryptionKeyAdded, EncryptionKeyRemoved, NotificationAddressAdded,
    NotificationAddressRemoved, OrganizationRegistered, RecipientReinstated, RecipientSuspended, UnitRegistered,
};
use egide_wire::refusal::Violation;

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// Longest label of a key, in bytes.
const LABEL_BYTES_MAX: usize = 100;
/// Longest telephone number, in characters, with its spaces and an extension.
const NUMBER_MAX: usize = 40;
/// Fewest digits of a number that reaches anybody.
const NUMBER_DIGITS_MIN: usize = 3;

const MISSING: &str = "is missing";
const UNKNOWN_VALUE: &str = "is no value of the list: is the caller's contract newer?";

/// A change that can be sent to the ledger.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// The command, the same for every retry.
    pub(crate) command_id: CommandId,
    /// The organisation whose stream it extends.
    pub(crate) organization_id: OrganizationId,
    /// The unit it registers, if it does that.
    pub(crate) registers_unit: Option<UnitId>,
    /// The event.
    pub(crate) event: DirectoryEvent,
    /// The request's field that holds the record, to point at when the ledger refuses.
    pub(crate) field: &'static str,
}

/// A record of one of the requests.
pub(crate) trait Record: Sized {
    /// The request's field that holds it.
    const FIELD: &'static str;

    /// Looks at every field.
    fn check(&self, at: &mut Checker);

    fn organization_id(&self) -> &str;

    fn registers_unit(&self) -> Option<UnitId> {
        None
    }

    fn into_payload(self) -> Payload;
}

impl Change {
    /// A change as it was asked for.
    ///
    /// # Errors
    /// Every violation, at least one.
    pub(crate) fn read<R: Record>(command_id: &str, record: Option<R>) -> Result<Self, Vec<Violation>> {
        let mut checker = Checker { path: None, violations: Vec::new() };
        let command_id = checker.id::<CommandId>("command_id", command_id);
        checker.path = Some(R::FIELD);
        let Some(record) = record else {
            checker.path = None;
            checker.refuse(R::FIELD, MISSING);
            return Err(checker.violations);
        };
        let organization_id = checker.id::<OrganizationId>("organization_id", record.organization_id());
        record.check(&mut checker);
        match (command_id, organization_id, checker.violations) {
            (Some(command_id), Some(organization_id), violations) if violations.is_empty() => Ok(Self {
                command_id,
                organization_id,
                registers_unit: record.registers_unit(),
                event: DirectoryEvent { payload: Some(record.into_payload()) },
                field: R::FIELD,
            }),
            (_, _, violations) => Err(violations),
        }
    }
}

/// Collects violations.
pub(crate) struct Checker {
    path: Option<&'static str>,
    violations: Vec<Violation>,
}

impl Checker {
    pub(crate) fn refuse(&mut self, field: &str, description: impl Into<String>) {
        let path = self.path.map_or_else(|| field.to_owned(), |path| format!("{path}.{field}"));
        self.violations.push(Violation::new(path, description));
    }

    fn require(&mut self, holds: bool, field: &str, description: &str) {
        if !holds {
            self.refuse(field, description);
        }
    }

    fn id<T: std::str::FromStr + ToString>(&mut self, field: &str, text: &str) -> Option<T> {
        // Ids are compared as texts elsewhere: only one way of writing them is taken.
        let id = text.parse::<T>().ok().filter(|id| id.to_string() == text);
        let description = if text.is_empty() { MISSING } else { "is no uuid in lower case with hyphens" };
        self.require(id.is_some(), field, description);
        id
    }

    fn optional_id<T: std::str::FromStr + ToString>(&mut self, field: &str, text: &str) {
        if !text.is_empty() {
            self.id::<T>(field, text);
        }
    }

    /// At least one of the two languages.
    fn names(&mut self, name_en: &str, name_fr: &str) {
        self.require(!name_en.is_empty() || !name_fr.is_empty(), "name_en", "is missing, and so is `name_fr`");
        for (field, name) in [("name_en", name_en), ("name_fr", name_fr)] {
            self.require(name.len() <= NAME_BYTES_MAX, field, "is longer than 256 bytes");
            self.require(name.trim() == name, field, "begins or ends with a space");
            self.require(!name.chars().any(char::is_control), field, "holds control characters");
        }
    }

    /// A public key. What was given is never repeated: it may be a private one, pasted by mistake.
    fn encryption_key(&mut self, recipient: &str) {
        if recipient.is_empty() {
            self.refuse("recipient", MISSING);
        } else if let Err(error) = recipient.parse::<EncryptionKey>() {
            self.refuse("recipient", error.to_string());
        }
    }

    fn label(&mut self, label: &str) {
        self.require(!label.is_empty(), "label", MISSING);
        self.require(label.len() <= LABEL_BYTES_MAX, "label", "is longer than 100 bytes");
        self.require(label.trim() == label, "label", "begins or ends with a space");
        self.require(!label.chars().any(char::is_control), "label", "holds control characters");
        let secret = label.parse::<EncryptionKey>() == Err(ParseEncryptionKeyError::Secret);
        self.require(!secret, "label", "holds a private key: it was not kept; make a new pair");
    }

    fn required_value<T: Listed>(&mut self, field: &str, number: i32) {
        match T::read(number) {
            Ok(Some(_)) => {}
            Ok(None) => self.refuse(field, MISSING),
            Err(_) => self.refuse(field, UNKNOWN_VALUE),
        }
    }

    fn optional_value<T: Listed>(&mut self, field: &str, number: i32) {
        self.require(T::read(number).is_ok(), field, UNKNOWN_VALUE);
    }

    fn values<T: Listed>(&mut self, field: &str, numbers: &[i32]) {
        for (index, number) in numbers.iter().enumerate() {
            self.required_value::<T>(&format!("{field}[{index}]"), *number);
        }
        let distinct: BTreeSet<i32> = numbers.iter().copied().collect();
        self.require(distinct.len() == numbers.len(), field, "names a value twice");
    }

    fn callback_number(&mut self, number: &str) {
        if number.is_empty() {
            return;
        }
        let plain = number.len() <= NUMBER_MAX && number.bytes().all(|byte| b"0123456789+-(). x".contains(&byte));
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        let description =
            "is no telephone number: digits, `+`, `-`, `(`, `)`, `.`, spaces, and `x` before an extension";
        self.require(plain && digits >= NUMBER_DIGITS_MIN, "callback_number", description);
    }

    fn instant(&mut self, field: &str, value: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
        let read = value.and_then(timestamp);
        self.require(read.is_some() == value.is_some(), field, "is no instant");
        read
    }
}

impl Record for OrganizationRegistered {
    const FIELD: &'static str = "organization";

    fn check(&self, at: &mut Checker) {
        at.names(&self.name_en, &self.name_fr);
        at.required_value::<RecipientKind>("kind", self.kind);
        at.values::<Jurisdiction>("jurisdictions", &self.jurisdictions);
        at.optional_value::<Language>("language", self.language);
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::OrganizationRegistered(self)
    }
}

impl Record for UnitRegistered {
    const FIELD: &'static str = "unit";

    fn check(&self, at: &mut Checker) {
        at.id::<UnitId>("unit_id", &self.unit_id);
        at.names(&self.name_en, &self.name_fr);
        at.required_value::<RecipientKind>("kind", self.kind);
        at.require(!self.purposes.is_empty(), "purposes", "is empty: without a purpose a unit can receive nothing");
        at.values::<Purpose>("purposes", &self.purposes);
        at.values::<Jurisdiction>("jurisdictions", &self.jurisdictions);
        at.optional_value::<Language>("language", self.language);
        at.callback_number(&self.callback_number);
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn registers_unit(&self) -> Option<UnitId> {
        self.unit_id.parse().ok()
    }

    fn into_payload(self) -> Payload {
        Payload::UnitRegistered(self)
    }
}

impl Record for AgreementRecorded {
    const FIELD: &'static str = "agreement";

    fn check(&self, at: &mut Checker) {
        at.id::<AgreementId>("agreement_id", &self.agreement_id);
        at.optional_id::<UnitId>("unit_id", &self.unit_id);
        at.require(!self.purposes.is_empty(), "purposes", "is empty: an agreement names what it is for");
        at.values::<Purpose>("purposes", &self.purposes);
        at.require(!self.categories.is_empty(), "categories", "is empty: an agreement names what it covers");
        at.values::<DataCategory>("categories", &self.categories);
        let record_keeping = self.categories.contains(&DataCategory::RecordKeeping.number());
        at.require(!record_keeping, "categories", "names record keeping, which is never released");
        let from = at.instant("valid_from", self.valid_from.as_ref());
        let until = at.instant("valid_until", self.valid_until.as_ref());
        if let (Some(from), Some(until)) = (from, until) {
            at.require(from < until, "valid_until", "is not after `valid_from`");
        }
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::AgreementRecorded(self)
    }
}

impl Record for RecipientSuspended {
    const FIELD: &'static str = "suspension";

    fn check(&self, at: &mut Checker) {
        at.optional_id::<UnitId>("unit_id", &self.unit_id);
        at.required_value::<SuspensionReason>("reason", self.reason);
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::RecipientSuspended(self)
    }
}

impl Record for RecipientReinstated {
    const FIELD: &'static str = "reinstatement";

    fn check(&self, at: &mut Checker) {
        at.optional_id::<UnitId>("unit_id", &self.unit_id);
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::RecipientReinstated(self)
    }
}

impl Record for EncryptionKeyAdded {
    const FIELD: &'static str = "key";

    fn check(&self, at: &mut Checker) {
        at.id::<UnitId>("unit_id", &self.unit_id);
        at.encryption_key(&self.recipient);
        at.label(&self.label);
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::EncryptionKeyAdded(self)
    }
}

impl Record for EncryptionKeyRemoved {
    const FIELD: &'static str = "key";

    fn check(&self, at: &mut Checker) {
        at.id::<UnitId>("unit_id", &self.unit_id);
        let read = self.fingerprint.parse::<KeyFingerprint>();
        at.require(read.is_ok(), "fingerprint", "is no fingerprint: `age-` and 32 hexadecimal digits");
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::EncryptionKeyRemoved(self)
    }
}

impl Record for NotificationAddressAdded {
    const FIELD: &'static str = "address";

    fn check(&self, at: &mut Checker) {
        at.id::<UnitId>("unit_id", &self.unit_id);
        at.id::<AddressId>("address_id", &self.address_id);
        at.label(&self.label);
        at.required_value::<NoticeMeans>("means", self.means);
        let checked = match NoticeMeans::read(self.means) {
            Ok(Some(NoticeMeans::Webhook)) => WebhookUrl::parse(&self.address).map(drop),
            Ok(Some(NoticeMeans::Email)) => Mailbox::parse(&self.address).map(drop),
            Ok(None) | Err(_) => Ok(()),
        };
        if let Err(error) = checked {
            at.refuse("address", error.to_string());
        }
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::NotificationAddressAdded(self)
    }
}

impl Record for NotificationAddressRemoved {
    const FIELD: &'static str = "address";

    fn check(&self, at: &mut Checker) {
        at.id::<UnitId>("unit_id", &self.unit_id);
        at.id::<AddressId>("address_id", &self.address_id);
    }

    fn organization_id(&self) -> &str {
        &self.organization_id
    }

    fn into_payload(self) -> Payload {
        Payload::NotificationAddressRemoved(self)
    }
}

/// The path of an event's payload in the request to the ledger, as its refusals name it.
pub(crate) const fn payload_name(payload: &Payload) -> &'static str {
    match payload {
        Payload::OrganizationRegistered(_) => "organization_registered",
        Payload::UnitRegistered(_) => "unit_registered",
        Payload::AgreementRecorded(_) => "agreement_recorded",
        Payload::RecipientSuspended(_) => "recipient_suspended",
        Payload::RecipientReinstated(_) => "recipient_reinstated",
        Payload::EncryptionKeyAdded(_) => "encryption_key_added",
        Payload::EncryptionKeyRemoved(_) => "encryption_key_removed",
        Payload::LiaisonInvited(_) => "liaison_invited",
        Payload::LiaisonPasskeyAdded(_) => "liaison_passkey_added",
        Payload::LiaisonSignedIn(_) => "liaison_signed_in",
        Payload::LiaisonRevoked(_) => "liaison_revoked",
        Payload::NotificationAddressAdded(_) => "notification_address_added",
        Payload::NotificationAddressRemoved(_) => "notification_address_removed",
    }
}

#[cfg(test)]
mod tests;
