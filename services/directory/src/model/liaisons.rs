//! Rows of the liaisons' accounts.
//!
//! | Key | Row |
//! |---|---|
//! | `l` account | `LiaisonEntry` |
//! | `a` name | the account that has it, for good |
//! | `i` digest of a code | the account it invites |
//! | `p` credential | its state now (7 bytes), `LiaisonPasskeyAdded` |

use egide_domain::time::Timestamp;
use egide_projection::{ModelError, Rows, StoreError, View};
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::directory::v1::{
    LiaisonEntry, LiaisonInvited, LiaisonPasskey, LiaisonPasskeyAdded, LiaisonRevoked, LiaisonSignedIn,
};
use prost::Message as _;
use uuid::Uuid;

const LIAISON: u8 = b'l';
const ACCOUNT: u8 = b'a';
const CODE: u8 = b'i';
const PASSKEY: u8 = b'p';

/// Passkeys of an account: so many it needs, and no more it has.
pub(crate) const PASSKEYS: usize = 2;
/// Accounts of one organisation that are listed.
const LISTED_MAX: usize = 1_000;

/// A passkey with what proves it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptPasskey {
    pub(crate) state: [u8; 7],
    pub(crate) added: LiaisonPasskeyAdded,
}

pub(super) fn invite(event: &LiaisonInvited, recorded_at_ms: i64, rows: &mut Rows<'_>) -> Result<(), ModelError> {
    let Ok(id) = event.liaison_id.parse::<Uuid>() else { return Ok(()) };
    if rows.get(&account_key(&event.account))?.is_none() {
        rows.insert(&account_key(&event.account), id.as_bytes().as_slice());
    }
    if let Some(older) = entry_among(rows, id)? {
        forget(&older, rows);
    }
    rows.insert(&row_key(CODE, &event.code_digest), id.as_bytes().as_slice());
    let entry = LiaisonEntry {
        invitation: Some(event.clone()),
        invited_at: Some(to_timestamp(Timestamp(recorded_at_ms))),
        ..LiaisonEntry::default()
    };
    rows.insert(&liaison_key(id), entry.encode_to_vec());
    Ok(())
}

pub(super) fn add_passkey(
    event: &LiaisonPasskeyAdded,
    recorded_at_ms: i64,
    rows: &mut Rows<'_>,
) -> Result<(), ModelError> {
    let Ok(id) = event.liaison_id.parse::<Uuid>() else { return Ok(()) };
    let Some(mut entry) = entry_among(rows, id)? else { return Ok(()) };
    let known = rows.get(&row_key(PASSKEY, &event.credential_id))?.is_some();
    // What does not fit the newest invitation adds nothing, whoever wrote it.
    let Ok(state) = <[u8; 7]>::try_from(event.state.as_slice()) else { return Ok(()) };
    if known || !takes_passkey(&entry, &event.code_digest) {
        return Ok(());
    }
    entry.passkeys.push(LiaisonPasskey {
        credential_id: event.credential_id.clone(),
        added_at: Some(to_timestamp(Timestamp(recorded_at_ms))),
        used_at: None,
    });
    if entry.passkeys.len() >= PASSKEYS {
        rows.remove(&row_key(CODE, &event.code_digest));
    }
    rows.insert(&row_key(PASSKEY, &event.credential_id), kept(state, event));
    rows.insert(&liaison_key(id), entry.encode_to_vec());
    Ok(())
}

pub(super) fn sign_in(event: &LiaisonSignedIn, recorded_at_ms: i64, rows: &mut Rows<'_>) -> Result<(), ModelError> {
    let Ok(id) = event.liaison_id.parse::<Uuid>() else { return Ok(()) };
    let key = row_key(PASSKEY, &event.credential_id);
    let (Some(mut entry), Some(row)) = (entry_among(rows, id)?, rows.get(&key)?) else { return Ok(()) };
    let passkey = read_kept(&row)?;
    if let Ok(state) = <[u8; 7]>::try_from(event.state.as_slice()) {
        rows.insert(&key, kept(state, &passkey.added));
    }
    for passkey in entry.passkeys.iter_mut().filter(|passkey| passkey.credential_id == event.credential_id) {
        passkey.used_at = Some(to_timestamp(Timestamp(recorded_at_ms)));
    }
    rows.insert(&liaison_key(id), entry.encode_to_vec());
    Ok(())
}

pub(super) fn revoke(event: &LiaisonRevoked, recorded_at_ms: i64, rows: &mut Rows<'_>) -> Result<(), ModelError> {
    let Ok(id) = event.liaison_id.parse::<Uuid>() else { return Ok(()) };
    let Some(mut entry) = entry_among(rows, id)? else { return Ok(()) };
    forget(&entry, rows);
    entry.revoked_at = Some(to_timestamp(Timestamp(recorded_at_ms)));
    entry.revoked_because = event.reason;
    rows.insert(&liaison_key(id), entry.encode_to_vec());
    Ok(())
}

/// Whether an account takes one more passkey under this code.
pub(crate) fn takes_passkey(entry: &LiaisonEntry, code_digest: &[u8]) -> bool {
    let newest = entry.invitation.as_ref().is_some_and(|invitation| invitation.code_digest == code_digest);
    newest && entry.revoked_at.is_none() && entry.passkeys.len() < PASSKEYS
}

/// Its code and its passkeys count no more.
fn forget(entry: &LiaisonEntry, rows: &mut Rows<'_>) {
    if let Some(invitation) = &entry.invitation {
        rows.remove(&row_key(CODE, &invitation.code_digest));
    }
    for passkey in &entry.passkeys {
        rows.remove(&row_key(PASSKEY, &passkey.credential_id));
    }
}

fn kept(state: [u8; 7], added: &LiaisonPasskeyAdded) -> Vec<u8> {
    [state.as_slice(), &added.encode_to_vec()].concat()
}

fn read_kept(row: &[u8]) -> Result<KeptPasskey, ModelError> {
    let (state, added) = row.split_first_chunk::<7>().ok_or(ModelError::Row)?;
    let added = LiaisonPasskeyAdded::decode(added).map_err(|_| ModelError::Row)?;
    Ok(KeptPasskey { state: *state, added })
}

fn entry_among(rows: &Rows<'_>, id: Uuid) -> Result<Option<LiaisonEntry>, ModelError> {
    rows.get(&liaison_key(id))?.map(|row| LiaisonEntry::decode(row.as_slice()).map_err(|_| ModelError::Row)).transpose()
}

fn row_key(table: u8, name: &[u8]) -> Vec<u8> {
    let mut key = vec![table];
    key.extend_from_slice(name);
    key
}

fn liaison_key(id: Uuid) -> Vec<u8> {
    row_key(LIAISON, id.as_bytes())
}

fn account_key(account: &str) -> Vec<u8> {
    row_key(ACCOUNT, account.as_bytes())
}

fn id_at(view: &View<'_>, key: &[u8]) -> Result<Option<Uuid>, ModelError> {
    let row: Option<_> = view.get(key).map_err(|error: StoreError| ModelError::from(error))?;
    row.map(|row| Uuid::from_slice(&row).map_err(|_| ModelError::Row)).transpose()
}

/// One account.
pub(crate) fn liaison(view: &View<'_>, id: Uuid) -> Result<Option<LiaisonEntry>, ModelError> {
    let row = view.get(&liaison_key(id))?;
    row.map(|row| LiaisonEntry::decode(row.as_ref()).map_err(|_| ModelError::Row)).transpose()
}

/// Who has a name.
pub(crate) fn holder_of_name(view: &View<'_>, account: &str) -> Result<Option<Uuid>, ModelError> {
    id_at(view, &account_key(account))
}

/// Whom a code invites.
pub(crate) fn invited_by(view: &View<'_>, code_digest: &[u8]) -> Result<Option<LiaisonEntry>, ModelError> {
    match id_at(view, &row_key(CODE, code_digest))? {
        Some(id) => liaison(view, id),
        None => Ok(None),
    }
}

/// A passkey that counts.
pub(crate) fn passkey(view: &View<'_>, credential_id: &[u8]) -> Result<Option<KeptPasskey>, ModelError> {
    view.get(&row_key(PASSKEY, credential_id))?.map(|row| read_kept(&row)).transpose()
}

/// The accounts of an organisation, the first so many.
pub(crate) fn of_organization(view: &View<'_>, organization_id: &str) -> Result<Vec<LiaisonEntry>, ModelError> {
    let mut found = Vec::new();
    for row in view.prefix(&[LIAISON]) {
        let (_, row) = row?;
        let entry = LiaisonEntry::decode(row.as_ref()).map_err(|_| ModelError::Row)?;
        if entry.invitation.as_ref().is_some_and(|invitation| invitation.organization_id == organization_id) {
            found.push(entry);
        }
        if found.len() >= LISTED_MAX {
            break;
        }
    }
    Ok(found)
}
