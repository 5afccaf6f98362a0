//! From a change to its place in the log: appended through the ledger at the revision the organisation's stream has here,
//! again when the stream moved meanwhile, and waited for until it can be read here.
//!
//! A retry of the caller's need not find the stream where the first attempt found it, and to the ledger that makes it
//! another command under the same id. So what a command of ours became is looked up first, by its id.

mod liaison;

use std::time::Duration;

use egide_projection::{ModelError, Projection, View};
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::Onward;
use egide_wire::proto::egide::case::v1::NoticeMeans;
use egide_wire::proto::egide::directory::v1::directory_event::Payload as Directory;
use egide_wire::proto::egide::directory::v1::{DirectoryReceipt, EncryptionKey, NotificationAddress, UnitEntry};
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::new_event::Payload;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, AppendResponse, NewEvent, StreamExpectation};
use egide_wire::refusal::{Violation, invalid, precondition};
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::model::{self, Recipients};
use crate::validate::{Change, payload_name};

/// How often a change is tried at a newer revision: of so many that collide, one gets through each time.
const ATTEMPTS_MAX: u32 = 16;
/// How long one attempt waits for the projection to see why the last one was refused.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(2);
/// How long an answer waits until what was written can be read here.
const READ_BACK_WITHIN: Duration = Duration::from_secs(5);

/// Keys that a unit has at the same time, at most: a desk, another desk, and each of them while it changes over.
const KEYS_MAX: usize = 8;
/// Addresses that a unit has at the same time, at most: a gateway, a mailbox, and each of them for another desk or while it changes.
const ADDRESSES_MAX: usize = 8;

/// Writes changes.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    projection: Projection<Recipients>,
    ledger: Upstream,
    /// Whether receivers on this machine may be told without TLS.
    development: bool,
}

impl Changes {
    pub(crate) const fn new(projection: Projection<Recipients>, ledger: Upstream, development: bool) -> Self {
        Self { projection, ledger, development }
    }

    /// Where the change stands in the log.
    pub(crate) async fn commit(&self, change: &Change, onward: &Onward) -> Result<DirectoryReceipt, Status> {
        for _ in 0..ATTEMPTS_MAX {
            if let Some(receipt) = self.done_before(change)? {
                return Ok(receipt);
            }
            let revision = self.fits_at(change)?;
            let status = match self.append(change, revision, onward).await {
                Ok(response) => return self.receipt(change, &response).await,
                Err(status) => status,
            };
            if status.code() == Code::AlreadyExists {
                // Used before with other content: perhaps with this one, at another revision, and not yet seen here.
                self.wait_while(|| Ok(self.done_before(change)?.is_none())).await?;
                return self.done_before(change)?.ok_or_else(other_content);
            }
            if status.code() != Code::Aborted {
                return Err(translate(&status, change));
            }
            self.wait_while(|| Ok(self.revision(change)? == revision)).await?;
        }
        Err(Status::aborted("the organisation's record moved too often meanwhile; read it and send the command again"))
    }

    fn done_before(&self, change: &Change) -> Result<Option<DirectoryReceipt>, Status> {
        match model::command(&self.projection.view(), change.command_id).map_err(|error| unreadable(&error))? {
            Some(row) => row.receipt_for(&change.event).map(Some).ok_or_else(other_content),
            None => Ok(None),
        }
    }

    fn revision(&self, change: &Change) -> Result<u64, Status> {
        model::revision(&self.projection.view(), change.organization_id).map_err(|error| unreadable(&error))
    }

    /// The revision at which the change fits the organisation's record. All of it is asked of one view: whatever is recorded after
    /// that moves the revision, and the append is refused.
    fn fits_at(&self, change: &Change) -> Result<u64, Status> {
        let view = self.projection.view();
        Self::check_unit(&view, change)?;
        Self::check_key(&view, change)?;
        liaison::check(&view, change)?;
        self.check_address(&view, change)?;
        model::revision(&view, change.organization_id).map_err(|error| unreadable(&error))
    }

    /// A unit belongs to whoever registered it first: decisions find a recipient by its unit alone.
    fn check_unit(view: &View<'_>, change: &Change) -> Result<(), Status> {
        let Some(unit) = change.registers_unit else { return Ok(()) };
        let owner = model::organization_of_unit(view, unit).map_err(|error| unreadable(&error))?;
        if owner.is_none_or(|owner| owner == change.organization_id) {
            return Ok(());
        }
        let violation = Violation::new("unit.unit_id", "belongs to another organisation; choose another id");
        Err(precondition(vec![("unit_of_other_organization".to_owned(), violation)]))
    }

    /// A key belongs to the unit that gave it first, for good: nobody opens what is encrypted to another, and what was taken away
    /// does not come back.
    fn check_key(view: &View<'_>, change: &Change) -> Result<(), Status> {
        let standing = || model::organization(view, change.organization_id).map_err(|error| unreadable(&error));
        let refused = |rule: &str, field: &str, text: &str| {
            let violation = Violation::new(format!("{}.{field}", change.field), text);
            Err(precondition(vec![(rule.to_owned(), violation)]))
        };
        let keys_of = |unit_id: &str| -> Result<Vec<EncryptionKey>, Status> {
            let units = standing()?.map(|entry| entry.units).unwrap_or_default();
            let is_it = |unit: &UnitEntry| unit.unit.as_ref().is_some_and(|record| record.unit_id == unit_id);
            Ok(units.into_iter().find(is_it).map(|unit| unit.encryption_keys).unwrap_or_default())
        };
        let counts = |key: &&EncryptionKey| key.removed_at.is_none();
        match &change.event.payload {
            Some(Directory::EncryptionKeyAdded(added)) => {
                let fingerprint = added.recipient.parse::<egide_parcel::EncryptionKey>().map(|key| key.fingerprint());
                let fingerprint = fingerprint.map_err(|_| Status::internal("a key that was checked is none"))?;
                let owner = model::unit_of_key(view, fingerprint).map_err(|error| unreadable(&error))?;
                let keys = keys_of(&added.unit_id)?;
                match owner {
                    Some(owner) if owner.to_string() != added.unit_id => refused(
                        "key_of_other_unit",
                        "recipient",
                        "is or was another unit's; every unit has keys of its own",
                    ),
                    Some(_) if keys.iter().filter(counts).any(|key| key.recipient == added.recipient) => {
                        refused("key_known", "recipient", "is the unit's already")
                    }
                    Some(_) => {
                        refused("key_removed", "recipient", "was removed and does not come back; make a new pair")
                    }
                    None if keys.iter().filter(counts).count() >= KEYS_MAX => {
                        refused("too_many_keys", "recipient", "would be the unit's ninth key; remove one first")
                    }
                    None => Ok(()),
                }
            }
            Some(Directory::EncryptionKeyRemoved(removed)) => {
                let known = keys_of(&removed.unit_id)?;
                let known = known.iter().filter(counts).any(|key| key.fingerprint == removed.fingerprint);
                if known { Ok(()) } else { refused("key_unknown", "fingerprint", "is no key that the unit has now") }
            }
            Some(
                Directory::OrganizationRegistered(_)
                | Directory::UnitRegistered(_)
                | Directory::AgreementRecorded(_)
                | Directory::RecipientSuspended(_)
                | Directory::RecipientReinstated(_)
                | Directory::LiaisonInvited(_)
                | Directory::LiaisonPasskeyAdded(_)
                | Directory::LiaisonSignedIn(_)
                | Directory::LiaisonRevoked(_)
                | Directory::NotificationAddressAdded(_)
                | Directory::NotificationAddressRemoved(_),
            )
            | None => Ok(()),
        }
    }

    /// An id is an address's for good, and nobody is told twice at one address.
    fn check_address(&self, view: &View<'_>, change: &Change) -> Result<(), Status> {
        let refused = |rule: &str, field: &str, text: &str| {
            let violation = Violation::new(format!("{}.{field}", change.field), text);
            Err(precondition(vec![(rule.to_owned(), violation)]))
        };
        let addresses_of = |unit_id: &str| -> Result<Vec<NotificationAddress>, Status> {
            let standing = model::organization(view, change.organization_id).map_err(|error| unreadable(&error))?;
            let is_it = |unit: &UnitEntry| unit.unit.as_ref().is_some_and(|record| record.unit_id == unit_id);
            let unit = standing.and_then(|entry| entry.units.into_iter().find(is_it));
            Ok(unit.map(|unit| unit.notification_addresses).unwrap_or_default())
        };
        let counts = |address: &&NotificationAddress| address.removed_at.is_none();
        match &change.event.payload {
            Some(Directory::NotificationAddressAdded(added)) => {
                let plain = added.means() == NoticeMeans::Webhook && !added.address.starts_with("https://");
                if plain && !self.development {
                    return refused("address_in_clear", "address", "is `https://` outside development");
                }
                let known = addresses_of(&added.unit_id)?;
                if known.iter().any(|address| address.address_id == added.address_id) {
                    return refused("address_id_used", "address_id", "was used before; choose another id");
                }
                if known.iter().filter(counts).any(|address| address.address == added.address) {
                    return refused("address_known", "address", "is the unit's already");
                }
                if known.iter().filter(counts).count() >= ADDRESSES_MAX {
                    return refused("too_many_addresses", "address", "would be the unit's ninth; remove one first");
                }
                Ok(())
            }
            Some(Directory::NotificationAddressRemoved(removed)) => {
                let known = addresses_of(&removed.unit_id)?;
                let known = known.iter().filter(counts).any(|address| address.address_id == removed.address_id);
                if known {
                    Ok(())
                } else {
                    refused("address_unknown", "address_id", "is no address that the unit has now")
                }
            }
            Some(
                Directory::OrganizationRegistered(_)
                | Directory::UnitRegistered(_)
                | Directory::AgreementRecorded(_)
                | Directory::RecipientSuspended(_)
                | Directory::RecipientReinstated(_)
                | Directory::EncryptionKeyAdded(_)
                | Directory::EncryptionKeyRemoved(_)
                | Directory::LiaisonInvited(_)
                | Directory::LiaisonPasskeyAdded(_)
                | Directory::LiaisonSignedIn(_)
                | Directory::LiaisonRevoked(_),
            )
            | None => Ok(()),
        }
    }

    async fn append(&self, change: &Change, revision: u64, onward: &Onward) -> Result<AppendResponse, Status> {
        let stream_id = change.organization_id.to_string();
        let event = NewEvent {
            stream_id: stream_id.clone(),
            payload: Some(Payload::DirectoryEvent(change.event.clone())),
            ..NewEvent::default()
        };
        let request = AppendRequest {
            command_id: change.command_id.to_string(),
            expected: vec![StreamExpectation { stream_id, revision }],
            events: vec![event],
            ..AppendRequest::default()
        };
        let mut ledger = LedgerServiceClient::new(self.ledger.onward(onward));
        Ok(ledger.append(request).await?.into_inner())
    }

    async fn receipt(&self, change: &Change, response: &AppendResponse) -> Result<DirectoryReceipt, Status> {
        let appended = response.acknowledgement.as_ref().and_then(|acknowledgement| acknowledgement.events.first());
        let Some(appended) = appended.filter(|event| event.stream_id == change.organization_id.to_string()) else {
            return Err(Status::internal("the ledger acknowledged something else; repeat the same command"));
        };
        // Durable already: whoever reads here at once may have to wait, but nothing is undone.
        if let Err(lagging) = self.projection.wait_for(appended.position, READ_BACK_WITHIN).await {
            tracing::warn!(error = %lagging, "a change is durable and cannot be read here yet");
        }
        Ok(DirectoryReceipt { revision: appended.revision, position: appended.position })
    }

    /// Waits while `stale` holds here, at most [`CATCH_UP_WITHIN`].
    async fn wait_while(&self, stale: impl Fn() -> Result<bool, Status>) -> Result<(), Status> {
        let mut progress = self.projection.subscribe();
        let caught_up = async {
            while stale()? {
                if progress.borrow_and_update().halted || progress.changed().await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        // When time is up the next attempt tells.
        timeout(CATCH_UP_WITHIN, caught_up).await.unwrap_or(Ok(()))
    }
}

fn other_content() -> Status {
    Status::already_exists("the command id was used with other content; a new change takes a new id")
}

/// The projection cannot be read.
pub(crate) fn unreadable(error: &ModelError) -> Status {
    tracing::error!(%error, "the directory cannot be read");
    Status::internal("the directory cannot be read; tell its operators")
}

/// What the ledger says, said of the caller's request.
fn translate(status: &Status, change: &Change) -> Status {
    let unknown = "the outcome is not known; send the same command again, with the same id";
    match status.code() {
        Code::InvalidArgument => invalid(violations(status, change)),
        Code::FailedPrecondition => precondition(rules(status, change)),
        Code::PermissionDenied | Code::ResourceExhausted => {
            Status::with_details(status.code(), status.message(), status.details().to_vec().into())
        }
        // The person's token may run out on the way; ours is renewed in time.
        Code::Unauthenticated => Status::unauthenticated(status.message()),
        Code::Internal | Code::DataLoss | Code::Unimplemented => Status::internal("the ledger failed on this command"),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable => Status::unavailable(unknown),
    }
}

fn violations(status: &Status, change: &Change) -> Vec<Violation> {
    let details = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
    let told = details.into_iter().map(|told| Violation::new(field_here(&told.field, change), told.description));
    told.collect()
}

fn rules(status: &Status, change: &Change) -> Vec<(String, Violation)> {
    let details = status.get_details_precondition_failure().map(|details| details.violations).unwrap_or_default();
    let told = details
        .into_iter()
        .map(|told| (told.r#type, Violation::new(field_here(&told.subject, change), told.description)));
    told.collect()
}

/// `events[0].directory_event.unit_registered.name_en` is the caller's `unit.name_en`.
fn field_here(field: &str, change: &Change) -> String {
    let payload = change.event.payload.as_ref().map_or("", payload_name);
    let event = field.strip_prefix("events[0].").unwrap_or(field);
    let within = event.strip_prefix("directory_event.").unwrap_or(event);
    match within.strip_prefix(payload) {
        Some("") => change.field.to_owned(),
        Some(rest) if rest.starts_with('.') => format!("{}{rest}", change.field),
        Some(_) | None if event == "stream_id" => format!("{}.organization_id", change.field),
        Some(_) | None => event.to_owned(),
    }
}

#[cfg(test)]
mod tests;
