//! What a change of a liaison's account must fit, all asked of one view.

use egide_domain::ids::UnitId;
use egide_projection::View;
use egide_servicekit::clock;
use egide_wire::proto::egide::directory::v1::LiaisonEntry;
use egide_wire::proto::egide::directory::v1::directory_event::Payload as Directory;
use egide_wire::refusal::{Violation, precondition};
use tonic::Status;
use uuid::Uuid;

use super::unreadable;
use crate::model::{self, liaisons};
use crate::validate::Change;

fn refused(change: &Change, rule: &str, field: &str, text: &str) -> Status {
    precondition(vec![(rule.to_owned(), Violation::new(format!("{}.{field}", change.field), text))])
}

/// See the module.
pub(super) fn check(view: &View<'_>, change: &Change) -> Result<(), Status> {
    let entry_of = |id: &str| -> Result<Option<LiaisonEntry>, Status> {
        let id: Uuid = id.parse().map_err(|_| Status::internal("an account that was checked is none"))?;
        liaisons::liaison(view, id).map_err(|error| unreadable(&error))
    };
    match &change.event.payload {
        Some(Directory::LiaisonInvited(invited)) => {
            let unit: Option<UnitId> = invited.unit_id.parse().ok();
            let owner = match unit {
                Some(unit) => model::organization_of_unit(view, unit).map_err(|error| unreadable(&error))?,
                None => None,
            };
            if owner != Some(change.organization_id) {
                return Err(refused(
                    change,
                    "unit_unknown",
                    "unit_id",
                    "is no unit of the organisation; register it first",
                ));
            }
            let holder = liaisons::holder_of_name(view, &invited.account).map_err(|error| unreadable(&error))?;
            if holder.is_some_and(|holder| holder.to_string() != invited.liaison_id) {
                let text = "is or was another account's name; history would take one for the other";
                return Err(refused(change, "account_taken", "account", text));
            }
            let older = entry_of(&invited.liaison_id)?.and_then(|entry| entry.invitation);
            let same = older.as_ref().is_none_or(|older| {
                older.organization_id == invited.organization_id
                    && older.unit_id == invited.unit_id
                    && older.account == invited.account
            });
            if same {
                return Ok(());
            }
            let text = "is another unit's account, or has another name; an account stays what it was";
            Err(refused(change, "account_of_other", "liaison_id", text))
        }
        Some(Directory::LiaisonPasskeyAdded(added)) => {
            let entry = entry_of(&added.liaison_id)?;
            let known = liaisons::passkey(view, &added.credential_id).map_err(|error| unreadable(&error))?;
            let now_s = clock::now_s();
            let takes = entry.is_some_and(|entry| {
                let open = entry.invitation.as_ref().and_then(|invitation| invitation.code_expires_at.as_ref());
                liaisons::takes_passkey(&entry, &added.code_digest) && open.is_some_and(|end| now_s < end.seconds)
            });
            match takes && known.is_none() {
                true => Ok(()),
                false => Err(refused(change, "not_invited", "code_digest", "invites nobody any more")),
            }
        }
        Some(Directory::LiaisonSignedIn(signed_in)) => {
            let known = liaisons::passkey(view, &signed_in.credential_id).map_err(|error| unreadable(&error))?;
            match known.is_some_and(|known| known.added.liaison_id == signed_in.liaison_id) {
                true => Ok(()),
                false => Err(refused(change, "passkey_unknown", "credential_id", "is no passkey that counts")),
            }
        }
        Some(Directory::LiaisonRevoked(revoked)) => {
            let entry = entry_of(&revoked.liaison_id)?.filter(|entry| entry.revoked_at.is_none());
            let its = entry.and_then(|entry| entry.invitation).is_some_and(|invitation| {
                invitation.organization_id == revoked.organization_id && invitation.unit_id == revoked.unit_id
            });
            let text = "is no account of the unit, or was ended before";
            if its { Ok(()) } else { Err(refused(change, "liaison_unknown", "liaison_id", text)) }
        }
        Some(
            Directory::OrganizationRegistered(_)
            | Directory::UnitRegistered(_)
            | Directory::AgreementRecorded(_)
            | Directory::RecipientSuspended(_)
            | Directory::RecipientReinstated(_)
            | Directory::EncryptionKeyAdded(_)
            | Directory::EncryptionKeyRemoved(_)
            | Directory::NotificationAddressAdded(_)
            | Directory::NotificationAddressRemoved(_),
        )
        | None => Ok(()),
    }
}
