//! Recipients: what the directory's events say of an organisation, its units and the agreements with it, and the view of
//! one unit that a decision is made on. Names follow the contract (`egide.directory.v1`).

use crate::event::{Actor, Recorded};
use crate::ids::{AgreementId, OrganizationId, Position, Revision, UnitId};
use crate::set::{Categories, Jurisdictions, Purposes};
use crate::time::Timestamp;
use crate::vocabulary::{Jurisdiction, Purpose, RecipientKind, SuspensionReason};
use crate::{Violation, ViolationReason};
use serde::{Deserialize, Serialize};

/// One event of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DirectoryEvent {
    /// An organisation was registered, or its record renewed.
    OrganizationRegistered(OrganizationRegistered),
    /// A unit was registered, or its record renewed.
    UnitRegistered(UnitRegistered),
    /// An agreement was recorded.
    AgreementRecorded(AgreementRecorded),
    /// An organisation or unit was suspended.
    RecipientSuspended(RecipientSuspended),
    /// A suspension was ended.
    RecipientReinstated(RecipientReinstated),
    /// A key that packages to a unit are encrypted to was added or removed. What may leave does not depend on it.
    EncryptionKeyChanged(EncryptionKeyChanged),
    /// An account of a liaison was invited, used or ended; whether a unit may receive anything does not depend on it.
    LiaisonChanged(LiaisonChanged),
    /// An address at which a unit is told that something waits was added or removed. What may leave does not depend on it.
    NotificationAddressChanged(NotificationAddressChanged),
    /// An event that cannot be read: from here on nothing goes to the organisation.
    Unreadable,
}

/// An organisation was registered, or its record renewed; the newest record counts whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationRegistered {
    /// The organisation.
    pub organization_id: OrganizationId,
    /// What it is; absent: receives nothing.
    pub kind: Option<RecipientKind>,
    /// Whether somebody verified that it is what it says.
    pub verified: bool,
    /// Where it has jurisdiction; ignored when national.
    pub jurisdictions: Jurisdictions,
    /// Whether it has jurisdiction everywhere in Canada.
    pub national: bool,
    /// Whether it may only ever receive anonymous content.
    pub anonymous_only: bool,
}

/// A unit was registered, or its record renewed; the newest record counts whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitRegistered {
    /// The unit.
    pub unit_id: UnitId,
    /// Its organisation.
    pub organization_id: OrganizationId,
    /// What it is; absent: receives nothing.
    pub kind: Option<RecipientKind>,
    /// The purposes for which it may receive anything.
    pub purposes: Purposes,
    /// Where it has jurisdiction; ignored when national.
    pub jurisdictions: Jurisdictions,
    /// Whether it has jurisdiction everywhere in Canada.
    pub national: bool,
    /// Whether it may only ever receive anonymous content.
    pub anonymous_only: bool,
}

/// An agreement was recorded: at most these purposes and categories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementRecorded {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// The organisation.
    pub organization_id: OrganizationId,
    /// The unit; absent: all units of the organisation.
    pub unit_id: Option<UnitId>,
    /// The purposes it covers.
    pub purposes: Purposes,
    /// The categories it covers.
    pub categories: Categories,
    /// From when, inclusive; absent: from when it was recorded.
    pub valid_from: Option<Timestamp>,
    /// Until when, exclusive; absent: until a newer record of the same agreement says otherwise.
    pub valid_until: Option<Timestamp>,
}

/// An organisation or unit was suspended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientSuspended {
    /// The organisation.
    pub organization_id: OrganizationId,
    /// The unit; absent: the whole organisation.
    pub unit_id: Option<UnitId>,
    /// Why.
    pub reason: Option<SuspensionReason>,
}

/// A suspension was ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientReinstated {
    /// The organisation.
    pub organization_id: OrganizationId,
    /// The unit; absent: the whole organisation. A unit that was suspended by itself stays so.
    pub unit_id: Option<UnitId>,
}

/// A key that packages to a unit are encrypted to was added or removed; which, only who encrypts needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptionKeyChanged {
    /// The organisation.
    pub organization_id: OrganizationId,
    /// The unit.
    pub unit_id: UnitId,
}

/// An account of a liaison was invited, used or ended; which, only who signs liaisons in needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiaisonChanged {
    /// The organisation.
    pub organization_id: OrganizationId,
    /// The unit.
    pub unit_id: UnitId,
}

/// An address at which a unit is told that something waits was added or removed; which, only who tells it needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationAddressChanged {
    /// The organisation.
    pub organization_id: OrganizationId,
    /// The unit.
    pub unit_id: UnitId,
}

/// A unit as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFacts {
    /// The newest record.
    pub record: UnitRegistered,
    /// Whether the unit itself is suspended.
    pub suspended: bool,
}

/// What is known of one organisation at a revision of its directory stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrganizationFacts {
    /// The last event's revision.
    pub revision: Revision,
    /// The last event's position.
    pub position: Position,
    /// The newest record; absent: not registered.
    pub organization: Option<OrganizationRegistered>,
    /// Whether the whole organisation is suspended.
    pub suspended: bool,
    /// Its units, in the order of registration.
    pub units: Vec<UnitFacts>,
    /// Its agreements, the newest record of each; `valid_from` is always filled in.
    pub agreements: Vec<AgreementRecorded>,
    /// Whether an event could not be read.
    pub unreadable: bool,
}

impl OrganizationFacts {
    /// The facts after one more event. Total: what makes no sense changes nothing that would widen.
    #[must_use]
    pub fn evolve(mut self, recorded: &Recorded<DirectoryEvent>) -> Self {
        self.apply(recorded);
        self
    }

    /// Like [`Self::evolve`], in place.
    pub fn apply(&mut self, recorded: &Recorded<DirectoryEvent>) {
        self.revision = recorded.revision;
        self.position = recorded.position;
        match &recorded.event {
            DirectoryEvent::OrganizationRegistered(record) => self.organization = Some(record.clone()),
            DirectoryEvent::UnitRegistered(record) => match self.unit_mut(record.unit_id) {
                Some(unit) => unit.record = record.clone(),
                None => self.units.push(UnitFacts { record: record.clone(), suspended: false }),
            },
            DirectoryEvent::AgreementRecorded(record) => self.record_agreement(record, recorded.recorded_at),
            DirectoryEvent::RecipientSuspended(suspension) => self.set_suspended(suspension.unit_id, true),
            DirectoryEvent::RecipientReinstated(end) => self.set_suspended(end.unit_id, false),
            DirectoryEvent::EncryptionKeyChanged(_)
            | DirectoryEvent::LiaisonChanged(_)
            | DirectoryEvent::NotificationAddressChanged(_) => {}
            DirectoryEvent::Unreadable => self.unreadable = true,
        }
    }

    fn unit_mut(&mut self, unit_id: UnitId) -> Option<&mut UnitFacts> {
        self.units.iter_mut().find(|unit| unit.record.unit_id == unit_id)
    }

    fn record_agreement(&mut self, record: &AgreementRecorded, recorded_at: Timestamp) {
        let mut agreement = record.clone();
        agreement.valid_from.get_or_insert(recorded_at);
        match self.agreements.iter_mut().find(|known| known.agreement_id == agreement.agreement_id) {
            Some(known) => *known = agreement,
            None => self.agreements.push(agreement),
        }
    }

    fn set_suspended(&mut self, unit_id: Option<UnitId>, suspended: bool) {
        match unit_id {
            None => self.suspended = suspended,
            Some(unit_id) => match self.unit_mut(unit_id) {
                Some(unit) => unit.suspended = suspended,
                // A suspension of a unit not known here must not get lost: the whole organisation waits.
                None => self.suspended |= suspended,
            },
        }
    }

    /// The unit.
    #[must_use]
    pub fn unit(&self, unit_id: UnitId) -> Option<&UnitFacts> {
        self.units.iter().find(|unit| unit.record.unit_id == unit_id)
    }

    /// The view of one unit that a decision is made on; `None` when organisation or unit is not registered.
    #[must_use]
    pub fn recipient(&self, unit_id: UnitId) -> Option<Recipient> {
        let organization = self.organization.as_ref()?;
        let unit = self.unit(unit_id)?;
        let concerns = |agreement: &&AgreementRecorded| agreement.unit_id.is_none_or(|id| id == unit_id);
        Some(Recipient {
            organization_id: organization.organization_id,
            unit_id,
            organization_kind: organization.kind,
            kind: unit.record.kind,
            verified: organization.verified,
            suspended: self.suspended || unit.suspended,
            unreadable: self.unreadable,
            purposes: unit.record.purposes,
            jurisdictions: unit.record.jurisdictions,
            national: unit.record.national,
            anonymous_only: organization.anonymous_only || unit.record.anonymous_only,
            agreements: self.agreements.iter().filter(concerns).cloned().collect(),
            directory_revision: self.revision,
        })
    }
}

/// One unit of an organisation, as a decision sees it. What it receives is the unit's own: its kind, purposes and
/// jurisdiction count, never its organisation's (a coordinator inside a police service receives as a support service).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The organisation.
    pub organization_id: OrganizationId,
    /// The unit.
    pub unit_id: UnitId,
    /// What the organisation is; matters for refusals by kind only.
    pub organization_kind: Option<RecipientKind>,
    /// What the unit is; absent: receives nothing.
    pub kind: Option<RecipientKind>,
    /// Whether the organisation was verified.
    pub verified: bool,
    /// Whether organisation or unit is suspended.
    pub suspended: bool,
    /// Whether the organisation's directory stream holds an event that cannot be read.
    pub unreadable: bool,
    /// The purposes for which the unit may receive anything.
    pub purposes: Purposes,
    /// Where the unit has jurisdiction.
    pub jurisdictions: Jurisdictions,
    /// Whether the unit has jurisdiction everywhere in Canada.
    pub national: bool,
    /// Whether organisation or unit may only ever receive anonymous content.
    pub anonymous_only: bool,
    /// The agreements with the whole organisation and with this unit.
    pub agreements: Vec<AgreementRecorded>,
    /// The revision of the organisation's directory stream.
    pub directory_revision: Revision,
}

impl Recipient {
    /// Whether it has jurisdiction in one of these places. National reach ends at the border, and nobody has jurisdiction
    /// in a place that is not known, except who has it everywhere.
    #[must_use]
    pub fn has_jurisdiction(&self, places: Jurisdictions) -> bool {
        let in_canada = places.is_empty() || !places.without(Jurisdiction::Abroad).is_empty();
        if self.national { in_canada } else { self.jurisdictions.intersects(places) }
    }

    /// Whether it may only receive anonymous content, by its own flag or by what it is.
    #[must_use]
    pub fn is_anonymous_only(&self) -> bool {
        let tip_line = Some(RecipientKind::AnonymousTipLine);
        self.anonymous_only || self.kind == tip_line || self.organization_kind == tip_line
    }

    /// What the agreements in force allow it for this purpose; `None` when none in force covers the purpose.
    #[must_use]
    pub fn agreed(&self, purpose: Purpose, now: Timestamp) -> Option<Categories> {
        self.agreements
            .iter()
            .filter(|agreement| agreement.purposes.contains(purpose) && agreement.in_force(now))
            .fold(None, |agreed, agreement| Some(agreed.unwrap_or(Categories::EMPTY).union(agreement.categories)))
    }
}

impl AgreementRecorded {
    /// Whether it is in force: from `valid_from` inclusive to `valid_until` exclusive. Without a beginning it is not.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.valid_from.is_some_and(|from| from <= now) && self.valid_until.is_none_or(|until| now < until)
    }
}

/// What the ledger refuses of a directory event because of the organisation's state. Who may emit it is not asked here.
///
/// # Errors
/// Every violation, at least one.
pub fn admit_directory(
    facts: &OrganizationFacts,
    event: &DirectoryEvent,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Vec<Violation>> {
    let mut violations = Vec::new();
    let mut refuse = |field, reason| violations.push(Violation { field, reason });
    let organization_id = match event {
        DirectoryEvent::OrganizationRegistered(record) => record.organization_id,
        DirectoryEvent::UnitRegistered(record) => record.organization_id,
        DirectoryEvent::AgreementRecorded(record) => record.organization_id,
        DirectoryEvent::RecipientSuspended(suspension) => suspension.organization_id,
        DirectoryEvent::RecipientReinstated(end) => end.organization_id,
        DirectoryEvent::EncryptionKeyChanged(changed) => changed.organization_id,
        DirectoryEvent::LiaisonChanged(changed) => changed.organization_id,
        DirectoryEvent::NotificationAddressChanged(changed) => changed.organization_id,
        DirectoryEvent::Unreadable => {
            refuse("", ViolationReason::Unreadable);
            return Err(violations);
        }
    };
    let registers = matches!(event, DirectoryEvent::OrganizationRegistered(_));
    match &facts.organization {
        Some(known) if known.organization_id != organization_id => {
            refuse("organization_id", ViolationReason::OtherOrganization);
        }
        None if !registers => refuse("organization_id", ViolationReason::OrganizationUnknown),
        Some(_) | None => {}
    }
    let unit_id = match event {
        DirectoryEvent::AgreementRecorded(record) => record.unit_id,
        DirectoryEvent::RecipientSuspended(suspension) => suspension.unit_id,
        DirectoryEvent::RecipientReinstated(end) => end.unit_id,
        DirectoryEvent::EncryptionKeyChanged(changed) => Some(changed.unit_id),
        DirectoryEvent::LiaisonChanged(changed) => Some(changed.unit_id),
        DirectoryEvent::NotificationAddressChanged(changed) => Some(changed.unit_id),
        DirectoryEvent::OrganizationRegistered(_) | DirectoryEvent::UnitRegistered(_) | DirectoryEvent::Unreadable => {
            None
        }
    };
    if unit_id.is_some_and(|unit_id| facts.unit(unit_id).is_none()) {
        refuse("unit_id", ViolationReason::UnitUnknown);
    }
    if let DirectoryEvent::AgreementRecorded(record) = event {
        let from = record.valid_from.unwrap_or(now);
        if record.valid_until.is_some_and(|until| until <= from) {
            refuse("valid_until", ViolationReason::EndsBeforeItBegins);
        }
    }
    // Widening what a recipient may get is a person's act; a suspension may come from a service's clock.
    if !matches!(event, DirectoryEvent::RecipientSuspended(_)) && actor.person.is_none() {
        refuse("actor.person", ViolationReason::PersonRequired);
    }
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}
