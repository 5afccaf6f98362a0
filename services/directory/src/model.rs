//! The projection: what stands in the directory, one row for each organisation.
//!
//! | Key | Row |
//! |---|---|
//! | `o` organisation | one byte (1: an event could not be read), `OrganizationEntry` |
//! | `u` unit | the organisation that registered it first |
//! | `e` fingerprint of an encryption key | the unit that gave it first |
//! | `c` command | revision, position (64 bits each, big-endian), digest of the event |

pub(crate) mod liaisons;

use egide_crypto::digest::{Digest, sha256};
use egide_domain::ids::{CommandId, OrganizationId, UnitId};
use egide_domain::time::Timestamp;
use egide_eventlog::VerifiedBlock;
use egide_parcel::{EncryptionKey, KeyFingerprint};
use egide_projection::{ModelError, ReadModel, Rows, StoreError, View};
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::directory::v1::directory_event::Payload;
use egide_wire::proto::egide::directory::v1::{
    self as proto, AgreementRecorded, DirectoryEvent, DirectoryReceipt, EncryptionKeyAdded, EncryptionKeyRemoved,
    NotificationAddress, NotificationAddressAdded, NotificationAddressRemoved, OrganizationEntry, UnitEntry,
    UnitRegistered,
};
use egide_wire::proto::egide::ledger::v1::{Area, Commit, Event};
use prost::Message as _;

use crate::ROLE;
use crate::page::Page;

const ORGANIZATION: u8 = b'o';
const UNIT: u8 = b'u';
const COMMAND: u8 = b'c';
const KEY: u8 = b'e';

/// Removed keys, and removed addresses, of a unit that are told, the newest; the log has all of them.
const REMOVED_TOLD_MAX: usize = 32;

/// Bytes of entries on one page at most, so that a page stays well below the largest message. One entry always fits.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipients;

impl ReadModel for Recipients {
    const NAME: &'static str = "directory";
    const VERSION: u32 = 3;

    fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
        for (position, commit, event) in block.events().filter(|(_, _, event)| event.area() == Area::Directory) {
            apply(position, block.recorded_at_ms(), commit, event, rows)?;
        }
        Ok(())
    }
}

fn apply(
    position: u64,
    recorded_at_ms: i64,
    commit: &Commit,
    event: &Event,
    rows: &mut Rows<'_>,
) -> Result<(), ModelError> {
    let id: OrganizationId = event
        .stream_id
        .parse()
        .map_err(|_| ModelError::Event { position, reason: "its stream is no organisation's id" })?;
    let stored = rows.get(&organization_key(id))?;
    let mut standing = stored.as_deref().map(Standing::read).transpose()?.unwrap_or_default();
    standing.entry.revision = event.revision;
    let payload = DirectoryEvent::decode(event.facts.as_slice()).ok().and_then(|event| event.payload);
    if let Some(Payload::UnitRegistered(unit)) = &payload {
        claim_unit(unit, id, rows)?;
    }
    if let Some(Payload::EncryptionKeyAdded(key)) = &payload {
        claim_key(key, rows)?;
    }
    match &payload {
        Some(Payload::LiaisonInvited(event)) => liaisons::invite(event, recorded_at_ms, rows)?,
        Some(Payload::LiaisonPasskeyAdded(event)) => liaisons::add_passkey(event, recorded_at_ms, rows)?,
        Some(Payload::LiaisonSignedIn(event)) => liaisons::sign_in(event, recorded_at_ms, rows)?,
        Some(Payload::LiaisonRevoked(event)) => liaisons::revoke(event, recorded_at_ms, rows)?,
        Some(
            Payload::OrganizationRegistered(_)
            | Payload::UnitRegistered(_)
            | Payload::AgreementRecorded(_)
            | Payload::RecipientSuspended(_)
            | Payload::RecipientReinstated(_)
            | Payload::EncryptionKeyAdded(_)
            | Payload::EncryptionKeyRemoved(_)
            | Payload::NotificationAddressAdded(_)
            | Payload::NotificationAddressRemoved(_),
        )
        | None => {}
    }
    if let Some(row) = command_row(position, commit, event, payload.as_ref()) {
        rows.insert(&command_key(row.command), row.write());
    }
    standing.evolve(payload, recorded_at_ms);
    rows.insert(&organization_key(id), standing.write());
    Ok(())
}

/// Who registered a unit first keeps it.
fn claim_unit(unit: &UnitRegistered, organization: OrganizationId, rows: &mut Rows<'_>) -> Result<(), StoreError> {
    if let Ok(id) = unit.unit_id.parse::<UnitId>()
        && rows.get(&unit_key(id))?.is_none()
    {
        rows.insert(&unit_key(id), organization.as_bytes().as_slice());
    }
    Ok(())
}

/// A key stays that of the unit that gave it first, also after it was removed.
fn claim_key(added: &EncryptionKeyAdded, rows: &mut Rows<'_>) -> Result<(), StoreError> {
    if let (Ok(unit), Ok(key)) = (added.unit_id.parse::<UnitId>(), added.recipient.parse::<EncryptionKey>()) {
        let row = encryption_key_row(key.fingerprint());
        if rows.get(&row)?.is_none() {
            rows.insert(&row, unit.as_bytes().as_slice());
        }
    }
    Ok(())
}

/// One organisation as it stands.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Standing {
    /// Whether an event of it could not be read; nothing goes to it then, whatever else stands.
    unreadable: bool,
    entry: OrganizationEntry,
}

impl Standing {
    fn read(row: &[u8]) -> Result<Self, ModelError> {
        let (unreadable, entry) = row.split_first().ok_or(ModelError::Row)?;
        let entry = OrganizationEntry::decode(entry).map_err(|_| ModelError::Row)?;
        Ok(Self { unreadable: *unreadable != 0, entry })
    }

    fn write(&self) -> Vec<u8> {
        let mut row = vec![u8::from(self.unreadable)];
        row.extend_from_slice(&self.entry.encode_to_vec());
        row
    }

    /// The newest record of anything counts whole. What this version cannot read narrows.
    fn evolve(&mut self, payload: Option<Payload>, recorded_at_ms: i64) {
        match payload {
            Some(Payload::OrganizationRegistered(record)) => self.entry.organization = Some(record),
            Some(Payload::UnitRegistered(record)) => self.register_unit(record),
            Some(Payload::AgreementRecorded(record)) => self.record_agreement(record),
            Some(Payload::RecipientSuspended(suspension)) => self.set_suspended(&suspension.unit_id, true),
            Some(Payload::RecipientReinstated(end)) => self.set_suspended(&end.unit_id, false),
            Some(Payload::EncryptionKeyAdded(added)) => self.add_key(added, recorded_at_ms),
            Some(Payload::EncryptionKeyRemoved(removed)) => self.remove_key(&removed, recorded_at_ms),
            // Accounts are rows of their own.
            Some(
                Payload::LiaisonInvited(_)
                | Payload::LiaisonPasskeyAdded(_)
                | Payload::LiaisonSignedIn(_)
                | Payload::LiaisonRevoked(_),
            ) => {}
            Some(Payload::NotificationAddressAdded(added)) => self.add_address(added, recorded_at_ms),
            Some(Payload::NotificationAddressRemoved(removed)) => self.remove_address(&removed, recorded_at_ms),
            None => self.unreadable = true,
        }
    }

    fn add_key(&mut self, added: EncryptionKeyAdded, recorded_at_ms: i64) {
        let fingerprint = added.recipient.parse::<EncryptionKey>().map(|key| key.fingerprint().to_string());
        let key = proto::EncryptionKey {
            fingerprint: fingerprint.unwrap_or_default(),
            recipient: added.recipient,
            label: added.label,
            added_at: Some(to_timestamp(Timestamp(recorded_at_ms))),
            removed_at: None,
        };
        if let Some(unit) = self.unit(&added.unit_id) {
            unit.encryption_keys.push(key);
        }
    }

    fn remove_key(&mut self, removed: &EncryptionKeyRemoved, recorded_at_ms: i64) {
        let Some(unit) = self.unit(&removed.unit_id) else { return };
        for key in unit.encryption_keys.iter_mut().filter(|key| key.fingerprint == removed.fingerprint) {
            key.removed_at.get_or_insert(to_timestamp(Timestamp(recorded_at_ms)));
        }
        forget_oldest(&mut unit.encryption_keys, |key| key.removed_at.is_some());
    }

    fn add_address(&mut self, added: NotificationAddressAdded, recorded_at_ms: i64) {
        let address = NotificationAddress {
            address_id: added.address_id,
            means: added.means,
            address: added.address,
            label: added.label,
            added_at: Some(to_timestamp(Timestamp(recorded_at_ms))),
            removed_at: None,
        };
        if let Some(unit) = self.unit(&added.unit_id) {
            unit.notification_addresses.push(address);
        }
    }

    fn remove_address(&mut self, removed: &NotificationAddressRemoved, recorded_at_ms: i64) {
        let Some(unit) = self.unit(&removed.unit_id) else { return };
        let of_it = unit.notification_addresses.iter_mut().filter(|address| address.address_id == removed.address_id);
        for address in of_it {
            address.removed_at.get_or_insert(to_timestamp(Timestamp(recorded_at_ms)));
        }
        forget_oldest(&mut unit.notification_addresses, |address| address.removed_at.is_some());
    }

    fn register_unit(&mut self, record: UnitRegistered) {
        match self.unit(&record.unit_id) {
            Some(unit) => unit.unit = Some(record),
            None => self.entry.units.push(UnitEntry { unit: Some(record), ..UnitEntry::default() }),
        }
    }

    fn record_agreement(&mut self, record: AgreementRecorded) {
        match self.entry.agreements.iter_mut().find(|known| known.agreement_id == record.agreement_id) {
            Some(known) => *known = record,
            None => self.entry.agreements.push(record),
        }
    }

    fn set_suspended(&mut self, unit_id: &str, suspended: bool) {
        match self.unit(unit_id) {
            Some(unit) => unit.suspended = suspended,
            None if unit_id.is_empty() => self.entry.suspended = suspended,
            // As the gate has it: a suspension of a unit not known must not get lost, so everything waits.
            None => self.entry.suspended |= suspended,
        }
    }

    fn unit(&mut self, unit_id: &str) -> Option<&mut UnitEntry> {
        let is_it = |unit: &&mut UnitEntry| unit.unit.as_ref().is_some_and(|record| record.unit_id == unit_id);
        self.entry.units.iter_mut().find(is_it)
    }

    /// The entry as it is told; none when the organisation is not registered.
    fn told(self) -> Option<OrganizationEntry> {
        let Self { unreadable, mut entry } = self;
        entry.suspended |= unreadable;
        entry.organization.is_some().then_some(entry)
    }
}

/// Of what was removed, only the newest is told.
fn forget_oldest<T>(known: &mut Vec<T>, is_removed: impl Fn(&T) -> bool) {
    let mut too_many = known.iter().filter(|one| is_removed(one)).count().saturating_sub(REMOVED_TOLD_MAX);
    known.retain(|one| {
        let forgotten = is_removed(one) && too_many > 0;
        too_many = too_many.saturating_sub(usize::from(forgotten));
        !forgotten
    });
}

/// What a command of ours became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandRow {
    command: CommandId,
    revision: u64,
    position: u64,
    content: Digest,
}

impl CommandRow {
    fn write(&self) -> Vec<u8> {
        [&self.revision.to_be_bytes()[..], &self.position.to_be_bytes()[..], self.content.as_bytes()].concat()
    }

    fn read(command: CommandId, row: &[u8]) -> Option<Self> {
        let (revision, row) = row.split_first_chunk::<8>()?;
        let (position, content) = row.split_first_chunk::<8>()?;
        Some(Self {
            command,
            revision: u64::from_be_bytes(*revision),
            position: u64::from_be_bytes(*position),
            content: Digest::from_bytes(content.try_into().ok()?),
        })
    }

    /// The receipt, if the command said the same as `event`.
    pub(crate) fn receipt_for(&self, event: &DirectoryEvent) -> Option<DirectoryReceipt> {
        let same = self.content == content_digest(event);
        same.then_some(DirectoryReceipt { revision: self.revision, position: self.position })
    }
}

fn command_row(position: u64, commit: &Commit, event: &Event, payload: Option<&Payload>) -> Option<CommandRow> {
    let event_read = DirectoryEvent { payload: Some(payload?.clone()) };
    let command = commit.command_id.parse().ok().filter(|_| commit.emitter == ROLE)?;
    Some(CommandRow { command, revision: event.revision, position, content: content_digest(&event_read) })
}

/// Directory events have nothing that is sealed: what is read from the log is what was sent.
fn content_digest(event: &DirectoryEvent) -> Digest {
    sha256(&event.encode_to_vec())
}

fn organization_key(id: OrganizationId) -> Vec<u8> {
    key(ORGANIZATION, id.as_bytes())
}

fn unit_key(id: UnitId) -> Vec<u8> {
    key(UNIT, id.as_bytes())
}

fn encryption_key_row(fingerprint: KeyFingerprint) -> Vec<u8> {
    let mut key = vec![KEY];
    key.extend_from_slice(fingerprint.to_string().as_bytes());
    key
}

fn command_key(id: CommandId) -> Vec<u8> {
    key(COMMAND, id.as_bytes())
}

fn key(table: u8, id: &[u8; 16]) -> Vec<u8> {
    let mut key = vec![table];
    key.extend_from_slice(id);
    key
}

/// The revision of an organisation's stream, 0 when there is none.
pub(crate) fn revision(view: &View<'_>, id: OrganizationId) -> Result<u64, ModelError> {
    let row = view.get(&organization_key(id))?;
    row.map_or(Ok(0), |row| Standing::read(&row).map(|standing| standing.entry.revision))
}

/// One organisation, if it is registered.
pub(crate) fn organization(view: &View<'_>, id: OrganizationId) -> Result<Option<OrganizationEntry>, ModelError> {
    let row = view.get(&organization_key(id))?;
    row.map_or(Ok(None), |row| Standing::read(&row).map(Standing::told))
}

/// The organisation that registered a unit first.
pub(crate) fn organization_of_unit(view: &View<'_>, id: UnitId) -> Result<Option<OrganizationId>, ModelError> {
    let row = view.get(&unit_key(id))?;
    row.map(|row| row.as_ref().try_into().map(OrganizationId).map_err(|_| ModelError::Row)).transpose()
}

/// The unit that gave a key first, whether it has it still or not.
pub(crate) fn unit_of_key(view: &View<'_>, fingerprint: KeyFingerprint) -> Result<Option<UnitId>, ModelError> {
    let row = view.get(&encryption_key_row(fingerprint))?;
    row.map(|row| row.as_ref().try_into().map(UnitId).map_err(|_| ModelError::Row)).transpose()
}

/// What a command of ours became.
pub(crate) fn command(view: &View<'_>, id: CommandId) -> Result<Option<CommandRow>, ModelError> {
    let row = view.get(&command_key(id))?;
    row.map(|row| CommandRow::read(id, &row).ok_or(ModelError::Row)).transpose()
}

/// One page of registered organisations, and after which of them the next begins, if there is one.
pub(crate) fn list(
    view: &View<'_>,
    page: Page,
) -> Result<(Vec<OrganizationEntry>, Option<OrganizationId>), ModelError> {
    let from = match page.after {
        Some(id) => std::ops::Bound::Excluded(organization_key(id)),
        None => std::ops::Bound::Included(vec![ORGANIZATION]),
    };
    let (mut entries, mut last, mut bytes) = (Vec::new(), None, 0);
    for row in view.range((from, std::ops::Bound::Excluded(vec![ORGANIZATION + 1]))) {
        let (key, row) = row?;
        let Some(entry) = Standing::read(&row)?.told() else { continue };
        bytes += row.len();
        let full = entries.len() >= page.size || (bytes > PAGE_BYTES_MAX && !entries.is_empty());
        if full {
            return Ok((entries, last));
        }
        let id = key.get(1..).and_then(|id| id.try_into().ok()).ok_or(ModelError::Row)?;
        last = Some(OrganizationId(id));
        entries.push(entry);
    }
    Ok((entries, None))
}

#[cfg(test)]
mod tests;
