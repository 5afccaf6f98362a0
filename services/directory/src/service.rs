//! The methods.

use std::time::Duration;

use egide_domain::ids::OrganizationId;
use egide_projection::{Projection, View};
use egide_servicekit::identity::{Caller, Onward};
use egide_wire::proto::egide::directory::v1::directory_service_server::DirectoryService;
use egide_wire::proto::egide::directory::v1::{
    AddEncryptionKeyRequest, AddEncryptionKeyResponse, AddNotificationAddressRequest, AddNotificationAddressResponse,
    DirectoryReceipt, GetNotificationAddressesRequest, GetNotificationAddressesResponse, GetOrganizationRequest,
    GetOrganizationResponse, ListOrganizationsRequest, ListOrganizationsResponse, OrganizationEntry,
    RecordAgreementRequest, RecordAgreementResponse, RegisterOrganizationRequest, RegisterOrganizationResponse,
    RegisterUnitRequest, RegisterUnitResponse, ReinstateRecipientRequest, ReinstateRecipientResponse,
    RemoveEncryptionKeyRequest, RemoveEncryptionKeyResponse, RemoveNotificationAddressRequest,
    RemoveNotificationAddressResponse, SuspendRecipientRequest, SuspendRecipientResponse, UnitEntry,
};
use egide_wire::refusal::{Violation, invalid};
use tonic::{Request, Response, Status};

use crate::change::{Changes, unreadable};
use crate::model::{self, Recipients};
use crate::page::{Page, token_after};
use crate::validate::{Change, Record};

/// How long a call waits for a projection that was behind when the service started.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(5);

/// See the crate.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    projection: Projection<Recipients>,
    changes: Changes,
    /// The log's last block when the service started: before it is applied, nothing here is worth telling.
    began_at_block: u64,
}

impl Directory {
    pub(crate) const fn new(projection: Projection<Recipients>, changes: Changes, began_at_block: u64) -> Self {
        Self { projection, changes, began_at_block }
    }

    pub(crate) async fn change<R: Record>(
        &self,
        onward: &Onward,
        command_id: &str,
        record: Option<R>,
    ) -> Result<Option<DirectoryReceipt>, Status> {
        let change = Change::read(command_id, record).map_err(invalid)?;
        self.caught_up().await?;
        self.changes.commit(&change, onward).await.map(Some)
    }

    /// As it stands.
    pub(crate) fn view(&self) -> View<'_> {
        self.projection.view()
    }

    /// Commits a change that somebody without a token made, or one with it.
    pub(crate) async fn commit(&self, change: &Change, onward: &Onward) -> Result<DirectoryReceipt, Status> {
        self.caught_up().await?;
        self.changes.commit(change, onward).await
    }

    pub(crate) async fn caught_up(&self) -> Result<(), Status> {
        let caught_up = self.projection.wait_for_block(self.began_at_block, CAUGHT_UP_WITHIN).await;
        caught_up.map_err(|_| Status::unavailable("the directory is catching up with the log; try again"))
    }
}

/// Who changes something is a person; the access table says so too.
pub(crate) fn onward_of<T>(request: &Request<T>) -> Result<Onward, Status> {
    Caller::of(request)?.person()?;
    Ok(Onward::of(request))
}

/// A liaison changes the keys of their own unit alone; whether others exist is not told.
fn of_own_unit<T>(request: &Request<T>, unit_id: Option<&str>) -> Result<(), Status> {
    let own = Caller::of(request)?.person()?.unit();
    match own.is_none_or(|own| unit_id == Some(own.to_string().as_str())) {
        true => Ok(()),
        false => Err(Status::permission_denied("a liaison changes the keys of their own unit and of no other")),
    }
}

/// Where units are told that something waits is for the staff who keep it and for the notifier, and for no other service.
fn as_told_to(caller: &Caller, mut entry: OrganizationEntry) -> OrganizationEntry {
    if caller.person().is_err() {
        entry.units.iter_mut().for_each(|unit| unit.notification_addresses.clear());
    }
    entry
}

/// Where a unit is told now that something waits for it, and in which language; nowhere while it may receive nothing anyway.
fn addresses_of(entry: OrganizationEntry, unit_id: &str) -> Option<GetNotificationAddressesResponse> {
    let is_it = |unit: &UnitEntry| unit.unit.as_ref().is_some_and(|record| record.unit_id == unit_id);
    let unit = entry.units.into_iter().find(is_it)?;
    let own = unit.unit.map(|record| record.language).unwrap_or_default();
    let language = if own == 0 { entry.organization.map_or(0, |record| record.language) } else { own };
    let mut addresses = unit.notification_addresses;
    addresses.retain(|address| address.removed_at.is_none() && !entry.suspended && !unit.suspended);
    Some(GetNotificationAddressesResponse { addresses, language })
}

#[tonic::async_trait]
impl DirectoryService for Directory {
    async fn register_organization(
        &self,
        request: Request<RegisterOrganizationRequest>,
    ) -> Result<Response<RegisterOrganizationResponse>, Status> {
        let onward = onward_of(&request)?;
        let RegisterOrganizationRequest { command_id, organization } = request.into_inner();
        let receipt = self.change(&onward, &command_id, organization).await?;
        Ok(Response::new(RegisterOrganizationResponse { receipt }))
    }

    async fn register_unit(
        &self,
        request: Request<RegisterUnitRequest>,
    ) -> Result<Response<RegisterUnitResponse>, Status> {
        let onward = onward_of(&request)?;
        let RegisterUnitRequest { command_id, unit } = request.into_inner();
        let receipt = self.change(&onward, &command_id, unit).await?;
        Ok(Response::new(RegisterUnitResponse { receipt }))
    }

    async fn record_agreement(
        &self,
        request: Request<RecordAgreementRequest>,
    ) -> Result<Response<RecordAgreementResponse>, Status> {
        let onward = onward_of(&request)?;
        let RecordAgreementRequest { command_id, agreement } = request.into_inner();
        let receipt = self.change(&onward, &command_id, agreement).await?;
        Ok(Response::new(RecordAgreementResponse { receipt }))
    }

    async fn suspend_recipient(
        &self,
        request: Request<SuspendRecipientRequest>,
    ) -> Result<Response<SuspendRecipientResponse>, Status> {
        let onward = onward_of(&request)?;
        let SuspendRecipientRequest { command_id, suspension } = request.into_inner();
        let receipt = self.change(&onward, &command_id, suspension).await?;
        Ok(Response::new(SuspendRecipientResponse { receipt }))
    }

    async fn reinstate_recipient(
        &self,
        request: Request<ReinstateRecipientRequest>,
    ) -> Result<Response<ReinstateRecipientResponse>, Status> {
        let onward = onward_of(&request)?;
        let ReinstateRecipientRequest { command_id, reinstatement } = request.into_inner();
        let receipt = self.change(&onward, &command_id, reinstatement).await?;
        Ok(Response::new(ReinstateRecipientResponse { receipt }))
    }

    async fn add_encryption_key(
        &self,
        request: Request<AddEncryptionKeyRequest>,
    ) -> Result<Response<AddEncryptionKeyResponse>, Status> {
        let onward = onward_of(&request)?;
        of_own_unit(&request, request.get_ref().key.as_ref().map(|key| key.unit_id.as_str()))?;
        let AddEncryptionKeyRequest { command_id, key } = request.into_inner();
        let receipt = self.change(&onward, &command_id, key).await?;
        Ok(Response::new(AddEncryptionKeyResponse { receipt }))
    }

    async fn remove_encryption_key(
        &self,
        request: Request<RemoveEncryptionKeyRequest>,
    ) -> Result<Response<RemoveEncryptionKeyResponse>, Status> {
        let onward = onward_of(&request)?;
        of_own_unit(&request, request.get_ref().key.as_ref().map(|key| key.unit_id.as_str()))?;
        let RemoveEncryptionKeyRequest { command_id, key } = request.into_inner();
        let receipt = self.change(&onward, &command_id, key).await?;
        Ok(Response::new(RemoveEncryptionKeyResponse { receipt }))
    }

    async fn add_notification_address(
        &self,
        request: Request<AddNotificationAddressRequest>,
    ) -> Result<Response<AddNotificationAddressResponse>, Status> {
        let onward = onward_of(&request)?;
        let AddNotificationAddressRequest { command_id, address } = request.into_inner();
        let receipt = self.change(&onward, &command_id, address).await?;
        Ok(Response::new(AddNotificationAddressResponse { receipt }))
    }

    async fn remove_notification_address(
        &self,
        request: Request<RemoveNotificationAddressRequest>,
    ) -> Result<Response<RemoveNotificationAddressResponse>, Status> {
        let onward = onward_of(&request)?;
        let RemoveNotificationAddressRequest { command_id, address } = request.into_inner();
        let receipt = self.change(&onward, &command_id, address).await?;
        Ok(Response::new(RemoveNotificationAddressResponse { receipt }))
    }

    async fn get_notification_addresses(
        &self,
        request: Request<GetNotificationAddressesRequest>,
    ) -> Result<Response<GetNotificationAddressesResponse>, Status> {
        let GetNotificationAddressesRequest { organization_id, unit_id } = request.get_ref();
        let id: OrganizationId = organization_id
            .parse()
            .map_err(|_| invalid(vec![Violation::new("organization_id", "is no uuid in lower case with hyphens")]))?;
        self.caught_up().await?;
        let entry = model::organization(&self.projection.view(), id).map_err(|error| unreadable(&error))?;
        let unknown = || Status::not_found("no such unit is registered");
        addresses_of(entry.ok_or_else(unknown)?, unit_id).map(Response::new).ok_or_else(unknown)
    }

    async fn get_organization(
        &self,
        request: Request<GetOrganizationRequest>,
    ) -> Result<Response<GetOrganizationResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        let id: OrganizationId =
            request.get_ref().organization_id.parse().map_err(|_| {
                invalid(vec![Violation::new("organization_id", "is no uuid in lower case with hyphens")])
            })?;
        self.caught_up().await?;
        let entry = model::organization(&self.projection.view(), id).map_err(|error| unreadable(&error))?;
        match entry {
            Some(entry) => Ok(Response::new(GetOrganizationResponse { entry: Some(as_told_to(&caller, entry)) })),
            None => Err(Status::not_found("no organisation is registered under this id")),
        }
    }

    async fn list_organizations(
        &self,
        request: Request<ListOrganizationsRequest>,
    ) -> Result<Response<ListOrganizationsResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        let page = Page::read(request.get_ref()).map_err(invalid)?;
        self.caught_up().await?;
        let (entries, after) = model::list(&self.projection.view(), page).map_err(|error| unreadable(&error))?;
        let next_page_token = after.map(token_after).unwrap_or_default();
        let entries = entries.into_iter().map(|entry| as_told_to(&caller, entry)).collect();
        Ok(Response::new(ListOrganizationsResponse { entries, next_page_token }))
    }
}
