//! An organisation of the directory: the facts the gate decides on, and the names and numbers a referral needs.

use std::collections::BTreeMap;

use egide_domain::ids::UnitId;
use egide_domain::{DirectoryEvent, OrganizationFacts, Recipient, Recorded};
use egide_parcel::EncryptionKey;
use egide_report::{Language, RecipientNames};
use egide_wire::convert::Listed as _;
use egide_wire::proto::egide::directory::v1::{self as proto, directory_event::Payload};
use prost::Message as _;

use super::Fold;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OrganizationView {
    /// What the gate decides on.
    pub(crate) facts: OrganizationFacts,
    name_en: String,
    name_fr: String,
    language: i32,
    units: BTreeMap<UnitId, UnitNames>,
    /// Apart from the records, which are renewed whole.
    keys: BTreeMap<UnitId, Keys>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct UnitNames {
    name_en: String,
    name_fr: String,
    language: i32,
    callback_number: String,
}

/// The keys of a unit, by their fingerprints; one that this version cannot read is `None`.
type Keys = BTreeMap<String, Option<EncryptionKey>>;

impl Fold for OrganizationView {
    type Event = DirectoryEvent;

    fn apply(&mut self, recorded: &Recorded<DirectoryEvent>, facts: &[u8]) {
        self.facts.apply(recorded);
        let payload = proto::DirectoryEvent::decode(facts).ok().and_then(|event| event.payload);
        match payload {
            Some(Payload::OrganizationRegistered(record)) => {
                self.name_en = record.name_en;
                self.name_fr = record.name_fr;
                self.language = record.language;
            }
            Some(Payload::UnitRegistered(record)) => {
                if let Ok(unit_id) = record.unit_id.parse() {
                    let names = UnitNames {
                        name_en: record.name_en,
                        name_fr: record.name_fr,
                        language: record.language,
                        callback_number: record.callback_number,
                    };
                    self.units.insert(unit_id, names);
                }
            }
            Some(Payload::EncryptionKeyAdded(added)) => {
                if let Ok(unit_id) = added.unit_id.parse() {
                    let key: Option<EncryptionKey> = added.recipient.parse().ok();
                    let name = key.as_ref().map(|key| key.fingerprint().to_string()).unwrap_or_default();
                    self.keys.entry(unit_id).or_default().insert(name, key);
                }
            }
            Some(Payload::EncryptionKeyRemoved(removed)) => {
                if let Some(keys) = removed.unit_id.parse().ok().and_then(|unit_id: UnitId| self.keys.get_mut(&unit_id))
                {
                    keys.remove(&removed.fingerprint);
                }
            }
            Some(
                Payload::AgreementRecorded(_)
                | Payload::RecipientSuspended(_)
                | Payload::RecipientReinstated(_)
                | Payload::NotificationAddressAdded(_)
                | Payload::NotificationAddressRemoved(_)
                | Payload::LiaisonInvited(_)
                | Payload::LiaisonPasskeyAdded(_)
                | Payload::LiaisonSignedIn(_)
                | Payload::LiaisonRevoked(_),
            )
            | None => {}
        }
    }
}

impl OrganizationView {
    /// The view of one unit that a decision is made on.
    pub(crate) fn recipient(&self, unit_id: UnitId) -> Option<Recipient> {
        self.facts.recipient(unit_id)
    }

    /// Its names and the unit's.
    pub(crate) fn names(&self, unit_id: UnitId) -> RecipientNames {
        let unit = self.units.get(&unit_id);
        RecipientNames {
            organization_en: self.name_en.clone(),
            organization_fr: self.name_fr.clone(),
            unit_en: unit.map(|unit| unit.name_en.clone()).unwrap_or_default(),
            unit_fr: unit.map(|unit| unit.name_fr.clone()).unwrap_or_default(),
        }
    }

    /// The language the unit reads: its own, its organisation's, or English.
    pub(crate) fn language(&self, unit_id: UnitId) -> Language {
        let said = |number: i32| egide_domain::vocabulary::Language::read(number).ok().flatten();
        let unit = self.units.get(&unit_id).and_then(|unit| said(unit.language));
        Language::of(unit.or_else(|| said(self.language)))
    }

    /// The keys that packages to the unit are encrypted to: all of them, or none when there is one that cannot be read here.
    pub(crate) fn encryption_keys(&self, unit_id: UnitId) -> Vec<EncryptionKey> {
        let all = self.keys.get(&unit_id).map(|keys| keys.values().cloned().collect::<Option<Vec<_>>>());
        all.flatten().unwrap_or_default()
    }

    /// The number to call back; empty when the directory has none.
    pub(crate) fn callback_number(&self, unit_id: UnitId) -> &str {
        self.units.get(&unit_id).map_or("", |unit| unit.callback_number.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_domain::event::Actor;
    use egide_domain::ids::{OrganizationId, Position, Revision};
    use egide_domain::time::Timestamp;
    use egide_wire::convert::directory_event;
    use egide_wire::proto::egide::case::v1::Language as Wire;

    const ORGANIZATION: OrganizationId = OrganizationId([1; 16]);
    const UNIT: UnitId = UnitId([2; 16]);

    fn apply(view: &mut OrganizationView, payload: Payload) {
        let event = proto::DirectoryEvent { payload: Some(payload) };
        let recorded = Recorded {
            event: directory_event(&event),
            revision: Revision(view.facts.revision.0 + 1),
            position: Position(view.facts.position.0 + 1),
            occurred_at: Timestamp(0),
            recorded_at: Timestamp(0),
            actor: Actor { service: "directory".into(), person: None, role: None },
        };
        view.apply(&recorded, &event.encode_to_vec());
    }

    fn organization(language: Wire) -> Payload {
        Payload::OrganizationRegistered(proto::OrganizationRegistered {
            organization_id: ORGANIZATION.to_string(),
            name_en: "Example".into(),
            language: language.into(),
            ..proto::OrganizationRegistered::default()
        })
    }

    fn unit(language: Wire) -> Payload {
        Payload::UnitRegistered(proto::UnitRegistered {
            unit_id: UNIT.to_string(),
            organization_id: ORGANIZATION.to_string(),
            name_fr: "Unité".into(),
            language: language.into(),
            callback_number: "+1-613-555-0100".into(),
            ..proto::UnitRegistered::default()
        })
    }

    #[test]
    fn the_newest_record_of_a_unit_counts_and_language_falls_back_to_the_organisations() {
        let mut view = OrganizationView::default();
        apply(&mut view, organization(Wire::French));
        apply(&mut view, unit(Wire::English));
        assert_eq!(view.language(UNIT), Language::English);
        apply(&mut view, unit(Wire::Unspecified));
        assert_eq!(view.language(UNIT), Language::French);
        assert_eq!(view.callback_number(UNIT), "+1-613-555-0100");
        assert_eq!(view.names(UNIT).unit_fr, "Unité");
        assert!(view.recipient(UNIT).is_some());
        assert!(view.recipient(UnitId([9; 16])).is_none());
    }

    #[test]
    fn a_unit_has_the_keys_that_were_added_and_not_removed_and_none_when_one_cannot_be_read() {
        const ONE: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
        let add = |recipient: &str, unit_id: UnitId| {
            Payload::EncryptionKeyAdded(proto::EncryptionKeyAdded {
                organization_id: ORGANIZATION.to_string(),
                unit_id: unit_id.to_string(),
                recipient: recipient.into(),
                label: "desk".into(),
            })
        };
        let fingerprint = ONE.parse::<EncryptionKey>().unwrap().fingerprint().to_string();
        let remove = |unit_id: UnitId| {
            Payload::EncryptionKeyRemoved(proto::EncryptionKeyRemoved {
                organization_id: ORGANIZATION.to_string(),
                unit_id: unit_id.to_string(),
                fingerprint: fingerprint.clone(),
            })
        };
        let other = UnitId([3; 16]);
        let mut view = OrganizationView::default();
        apply(&mut view, organization(Wire::English));
        apply(&mut view, unit(Wire::English));
        assert!(view.encryption_keys(UNIT).is_empty());
        apply(&mut view, add(ONE, UNIT));
        // A record that is renewed, and another unit's removal, change nothing.
        apply(&mut view, unit(Wire::French));
        apply(&mut view, remove(other));
        assert_eq!(view.encryption_keys(UNIT).len(), 1);
        assert!(view.encryption_keys(other).is_empty());
        apply(&mut view, add("age1future", UNIT));
        assert!(view.encryption_keys(UNIT).is_empty(), "what cannot be read narrows");
        let mut view = OrganizationView::default();
        apply(&mut view, add(ONE, UNIT));
        apply(&mut view, remove(UNIT));
        assert!(view.encryption_keys(UNIT).is_empty());
    }
}
