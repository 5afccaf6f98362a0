//! Directory events.

use egide_domain::DirectoryEvent;
use egide_domain::directory as domain;

use super::{Listed as _, Unreadable, id, optional_id, optional_timestamp, read_all};
use crate::proto::egide::directory::v1 as proto;
use crate::proto::egide::directory::v1::directory_event::Payload;

/// Reads a directory event; anything not understood is [`DirectoryEvent::Unreadable`].
#[must_use]
pub fn directory_event(event: &proto::DirectoryEvent) -> DirectoryEvent {
    event.payload.as_ref().and_then(|payload| read(payload).ok()).unwrap_or(DirectoryEvent::Unreadable)
}

fn read(payload: &Payload) -> Result<DirectoryEvent, Unreadable> {
    Ok(match payload {
        Payload::OrganizationRegistered(record) => {
            DirectoryEvent::OrganizationRegistered(domain::OrganizationRegistered {
                organization_id: id(&record.organization_id, "organization_id")?,
                kind: egide_domain::vocabulary::RecipientKind::read(record.kind)?,
                verified: record.verified,
                jurisdictions: read_all(&record.jurisdictions, "jurisdictions")?,
                national: record.national,
                anonymous_only: record.anonymous_only,
            })
        }
        Payload::UnitRegistered(record) => DirectoryEvent::UnitRegistered(domain::UnitRegistered {
            unit_id: id(&record.unit_id, "unit_id")?,
            organization_id: id(&record.organization_id, "organization_id")?,
            kind: egide_domain::vocabulary::RecipientKind::read(record.kind)?,
            purposes: read_all(&record.purposes, "purposes")?,
            jurisdictions: read_all(&record.jurisdictions, "jurisdictions")?,
            national: record.national,
            anonymous_only: record.anonymous_only,
        }),
        Payload::AgreementRecorded(record) => DirectoryEvent::AgreementRecorded(domain::AgreementRecorded {
            agreement_id: id(&record.agreement_id, "agreement_id")?,
            organization_id: id(&record.organization_id, "organization_id")?,
            unit_id: optional_id(&record.unit_id, "unit_id")?,
            purposes: read_all(&record.purposes, "purposes")?,
            categories: read_all(&record.categories, "categories")?,
            valid_from: optional_timestamp(record.valid_from.as_ref(), "valid_from")?,
            valid_until: optional_timestamp(record.valid_until.as_ref(), "valid_until")?,
        }),
        Payload::RecipientSuspended(suspension) => DirectoryEvent::RecipientSuspended(domain::RecipientSuspended {
            organization_id: id(&suspension.organization_id, "organization_id")?,
            unit_id: optional_id(&suspension.unit_id, "unit_id")?,
            reason: egide_domain::vocabulary::SuspensionReason::read(suspension.reason)?,
        }),
        Payload::RecipientReinstated(end) => DirectoryEvent::RecipientReinstated(domain::RecipientReinstated {
            organization_id: id(&end.organization_id, "organization_id")?,
            unit_id: optional_id(&end.unit_id, "unit_id")?,
        }),
        Payload::EncryptionKeyAdded(key) => key_changed(&key.organization_id, &key.unit_id)?,
        Payload::EncryptionKeyRemoved(key) => key_changed(&key.organization_id, &key.unit_id)?,
        Payload::LiaisonInvited(liaison) => liaison_changed(&liaison.organization_id, &liaison.unit_id)?,
        Payload::LiaisonPasskeyAdded(liaison) => liaison_changed(&liaison.organization_id, &liaison.unit_id)?,
        Payload::LiaisonSignedIn(liaison) => liaison_changed(&liaison.organization_id, &liaison.unit_id)?,
        Payload::LiaisonRevoked(liaison) => liaison_changed(&liaison.organization_id, &liaison.unit_id)?,
        Payload::NotificationAddressAdded(address) => address_changed(&address.organization_id, &address.unit_id)?,
        Payload::NotificationAddressRemoved(address) => address_changed(&address.organization_id, &address.unit_id)?,
    })
}

fn address_changed(organization_id: &str, unit_id: &str) -> Result<DirectoryEvent, Unreadable> {
    Ok(DirectoryEvent::NotificationAddressChanged(domain::NotificationAddressChanged {
        organization_id: id(organization_id, "organization_id")?,
        unit_id: id(unit_id, "unit_id")?,
    }))
}

fn liaison_changed(organization_id: &str, unit_id: &str) -> Result<DirectoryEvent, Unreadable> {
    Ok(DirectoryEvent::LiaisonChanged(domain::LiaisonChanged {
        organization_id: id(organization_id, "organization_id")?,
        unit_id: id(unit_id, "unit_id")?,
    }))
}

fn key_changed(organization_id: &str, unit_id: &str) -> Result<DirectoryEvent, Unreadable> {
    Ok(DirectoryEvent::EncryptionKeyChanged(domain::EncryptionKeyChanged {
        organization_id: id(organization_id, "organization_id")?,
        unit_id: id(unit_id, "unit_id")?,
    }))
}
