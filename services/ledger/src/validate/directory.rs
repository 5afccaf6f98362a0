//! Rules of directory and access events that look at more than one field.

use egide_domain::notices::{Mailbox, WebhookUrl};
use egide_wire::convert::timestamp;
use egide_wire::proto::egide::audit::v1::{AccessRecorded, AccessScope};
use egide_wire::proto::egide::case::v1::NoticeMeans;
use egide_wire::proto::egide::directory::v1::directory_event::Payload;
use egide_wire::proto::egide::directory::v1::{
    AgreementRecorded, EncryptionKeyAdded, NotificationAddressAdded, OrganizationRegistered, UnitRegistered,
};

use super::case::categories;
use super::fields::{Checker, MISSING};

/// Letters and digits of an X25519 recipient of age, behind `age1`: 32 bytes and a checksum, five bits a letter.
const RECIPIENT_LETTERS: usize = 58;

pub(super) fn check(payload: &Payload, stream_id: &str, path: &str, check: &mut Checker) {
    let organization_id = match payload {
        Payload::OrganizationRegistered(event) => {
            organization(event, path, check);
            &event.organization_id
        }
        Payload::UnitRegistered(event) => {
            unit(event, path, check);
            &event.organization_id
        }
        Payload::AgreementRecorded(event) => {
            agreement(event, path, check);
            &event.organization_id
        }
        Payload::RecipientSuspended(event) => &event.organization_id,
        Payload::RecipientReinstated(event) => &event.organization_id,
        Payload::EncryptionKeyAdded(event) => {
            encryption_key(event, path, check);
            &event.organization_id
        }
        Payload::EncryptionKeyRemoved(event) => &event.organization_id,
        Payload::LiaisonInvited(event) => &event.organization_id,
        Payload::LiaisonPasskeyAdded(event) => &event.organization_id,
        Payload::LiaisonSignedIn(event) => &event.organization_id,
        Payload::LiaisonRevoked(event) => &event.organization_id,
        Payload::NotificationAddressAdded(event) => {
            notification_address(event, path, check);
            &event.organization_id
        }
        Payload::NotificationAddressRemoved(event) => &event.organization_id,
    };
    let other = !organization_id.is_empty() && organization_id != stream_id;
    check.require(!other, format!("{path}.organization_id"), "is not the event's stream");
}

fn organization(event: &OrganizationRegistered, path: &str, check: &mut Checker) {
    let named = !event.name_en.is_empty() || !event.name_fr.is_empty();
    check.require(named, format!("{path}.name_en"), "is missing, and so is `name_fr`");
}

fn unit(event: &UnitRegistered, path: &str, check: &mut Checker) {
    let named = !event.name_en.is_empty() || !event.name_fr.is_empty();
    check.require(named, format!("{path}.name_en"), "is missing, and so is `name_fr`");
}

/// Whoever checks keys is the directory service; that no private key ever stands in the log is asked twice.
fn encryption_key(event: &EncryptionKeyAdded, path: &str, check: &mut Checker) {
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let public =
        event.recipient.strip_prefix("age1").is_some_and(|rest| rest.len() == RECIPIENT_LETTERS && letters(rest));
    check.require(public || event.recipient.is_empty(), format!("{path}.recipient"), "is no public key of age");
}

/// Whoever checks addresses is the directory service; that none can be anything else is asked twice.
fn notification_address(event: &NotificationAddressAdded, path: &str, check: &mut Checker) {
    let checked = match event.means() {
        NoticeMeans::Webhook => WebhookUrl::parse(&event.address).map(drop),
        NoticeMeans::Email => Mailbox::parse(&event.address).map(drop),
        // Said missing elsewhere.
        NoticeMeans::Unspecified => Ok(()),
    };
    check.require(event.address.is_empty() || checked.is_ok(), format!("{path}.address"), "is no address of this kind");
}

fn agreement(event: &AgreementRecorded, path: &str, check: &mut Checker) {
    categories(&event.categories, &format!("{path}.categories"), check);
    let from = event.valid_from.as_ref().and_then(timestamp);
    let until = event.valid_until.as_ref().and_then(timestamp);
    if let (Some(from), Some(until)) = (from, until) {
        check.require(from < until, format!("{path}.valid_until"), "is not after `valid_from`");
    }
}

pub(super) fn access(event: &AccessRecorded, path: &str, check: &mut Checker) {
    // Attempts with a phrase are counted by these: nobody else can use them up.
    let elsewhere = event.terms.is_empty();
    check.require(elsewhere, format!("{path}.terms"), "is said by the ledger only");
    let needs_case = matches!(event.scope(), AccessScope::CaseFacts | AccessScope::CaseOpened | AccessScope::Decisions);
    check.require(!needs_case || !event.case_id.is_empty(), format!("{path}.case_id"), MISSING);
    let needs_subject = event.scope() == AccessScope::Account;
    check.require(!needs_subject || !event.subject_id.is_empty(), format!("{path}.subject_id"), MISSING);
    let needs_unit = event.scope() == AccessScope::ReferralList;
    check.require(!needs_unit || !event.unit_id.is_empty(), format!("{path}.unit_id"), MISSING);
}
