//! A recipient unit, from the directory's events.

use egide_domain::directory::{AgreementRecorded, DirectoryEvent, OrganizationRegistered, UnitRegistered};
use egide_domain::event::Recorded;
use egide_domain::ids::{AgreementId, UnitId};
use egide_domain::vocabulary::{DataCategory, Jurisdiction, Purpose, RecipientKind};
use std::collections::{BTreeMap, BTreeSet};

/// What the directory says of one organisation.
#[derive(Default)]
pub(crate) struct Directory {
    organization: Option<OrganizationRegistered>,
    suspended: bool,
    units: BTreeMap<UnitId, (UnitRegistered, bool)>,
    agreements: BTreeMap<AgreementId, (AgreementRecorded, i64)>,
    unreadable: bool,
}

/// One unit.
pub(crate) struct Unit<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) organization: &'a OrganizationRegistered,
    pub(crate) unit: &'a UnitRegistered,
    pub(crate) suspended: bool,
    pub(crate) unreadable: bool,
}

impl Directory {
    pub(crate) fn read(events: &[Recorded<DirectoryEvent>]) -> Self {
        let mut directory = Self::default();
        for recorded in events {
            directory.hear(recorded);
        }
        directory
    }

    fn hear(&mut self, recorded: &Recorded<DirectoryEvent>) {
        match &recorded.event {
            DirectoryEvent::OrganizationRegistered(record) => self.organization = Some(record.clone()),
            DirectoryEvent::UnitRegistered(record) => {
                let suspended = self.units.get(&record.unit_id).is_some_and(|(_, suspended)| *suspended);
                self.units.insert(record.unit_id, (record.clone(), suspended));
            }
            DirectoryEvent::AgreementRecorded(record) => {
                self.agreements.insert(record.agreement_id, (record.clone(), recorded.recorded_at.0));
            }
            DirectoryEvent::RecipientSuspended(which) => match which.unit_id {
                Some(unit) if self.units.contains_key(&unit) => self.units.get_mut(&unit).unwrap().1 = true,
                // Of a unit nobody registered: everything of the organisation waits.
                Some(_) | None => self.suspended = true,
            },
            DirectoryEvent::RecipientReinstated(which) => match which.unit_id {
                Some(unit) => {
                    if let Some((_, suspended)) = self.units.get_mut(&unit) {
                        *suspended = false;
                    }
                }
                None => self.suspended = false,
            },
            DirectoryEvent::EncryptionKeyChanged(_)
            | DirectoryEvent::LiaisonChanged(_)
            | DirectoryEvent::NotificationAddressChanged(_) => {}
            DirectoryEvent::Unreadable => self.unreadable = true,
        }
    }

    pub(crate) fn unit(&self, unit_id: UnitId) -> Option<Unit<'_>> {
        let organization = self.organization.as_ref()?;
        let (unit, suspended) = self.units.get(&unit_id)?;
        Some(Unit {
            directory: self,
            organization,
            unit,
            suspended: self.suspended || *suspended,
            unreadable: self.unreadable,
        })
    }
}

impl Unit<'_> {
    /// Only the unit's own kind counts for what it receives.
    pub(crate) fn kind(&self) -> Option<RecipientKind> {
        self.unit.kind
    }

    pub(crate) fn may_receive_for(&self, purpose: Purpose) -> bool {
        self.unit.purposes.contains(purpose)
    }

    /// National reach ends at the border; nobody has jurisdiction in a place that is not known, but who has it everywhere.
    pub(crate) fn has_jurisdiction(&self, places: &BTreeSet<Jurisdiction>) -> bool {
        if self.unit.national {
            return places.is_empty() || places.iter().any(|place| *place != Jurisdiction::Abroad);
        }
        places.iter().any(|place| self.unit.jurisdictions.contains(*place))
    }

    pub(crate) fn anonymous_only(&self) -> bool {
        let tip_line = Some(RecipientKind::AnonymousTipLine);
        self.organization.anonymous_only
            || self.unit.anonymous_only
            || self.organization.kind == tip_line
            || self.unit.kind == tip_line
    }

    /// The categories that agreements in force cover for the purpose; `None`: there is none.
    pub(crate) fn agreed(&self, purpose: Purpose, now: i64) -> Option<BTreeSet<DataCategory>> {
        let in_force: Vec<_> = self
            .directory
            .agreements
            .values()
            .filter(|(agreement, _)| agreement.unit_id.is_none_or(|unit| unit == self.unit.unit_id))
            .filter(|(agreement, _)| agreement.purposes.contains(purpose))
            .filter(|(agreement, recorded_at)| agreement.valid_from.map_or(*recorded_at, |from| from.0) <= now)
            .filter(|(agreement, _)| agreement.valid_until.is_none_or(|until| now < until.0))
            .collect();
        if in_force.is_empty() {
            return None;
        }
        Some(in_force.iter().flat_map(|(agreement, _)| agreement.categories.iter()).collect())
    }
}
