//! Two services that do as they are told.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use egide_wire::proto::egide::directory::v1::directory_service_server::DirectoryService;
use egide_wire::proto::egide::directory::v1::{
    AddEncryptionKeyRequest, AddEncryptionKeyResponse, AddNotificationAddressRequest, AddNotificationAddressResponse,
    GetNotificationAddressesRequest, GetNotificationAddressesResponse, GetOrganizationRequest, GetOrganizationResponse,
    ListOrganizationsRequest, ListOrganizationsResponse, RecordAgreementRequest, RecordAgreementResponse,
    RegisterOrganizationRequest, RegisterOrganizationResponse, RegisterUnitRequest, RegisterUnitResponse,
    ReinstateRecipientRequest, ReinstateRecipientResponse, RemoveEncryptionKeyRequest, RemoveEncryptionKeyResponse,
    RemoveNotificationAddressRequest, RemoveNotificationAddressResponse, SuspendRecipientRequest,
    SuspendRecipientResponse,
};
use egide_wire::proto::egide::disclosure::v1::referral_service_server::ReferralService;
use egide_wire::proto::egide::disclosure::v1::{
    AcknowledgeRecallRequest, AcknowledgeRecallResponse, AcknowledgeReferralRequest, AcknowledgeReferralResponse,
    FetchPackageRequest, FetchPackageResponse, FetchReferralRequest, FetchReferralResponse, ListReferralsRequest,
    ListReferralsResponse, WatchReferralsRequest, WatchReferralsResponse,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::identity::{Caller, Deadline, PERSON_HEADER, PersonToken, SERVICE_HEADER};

/// What must never be seen outside.
pub(super) const MARKER: &str = "marker-51fd8c3a";

/// What a handler was given.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) caller: Caller,
    pub(super) hands_on_a_person: bool,
    pub(super) has_deadline: bool,
    pub(super) has_tokens: bool,
}

#[derive(Clone)]
pub(super) struct Fake {
    seen: Arc<Mutex<Option<Seen>>>,
    stream_panics: Arc<Mutex<bool>>,
    hanging: Arc<watch::Sender<usize>>,
    released: Arc<watch::Sender<bool>>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            seen: Arc::default(),
            stream_panics: Arc::default(),
            hanging: Arc::new(watch::Sender::new(0)),
            released: Arc::new(watch::Sender::new(false)),
        }
    }
}

/// Counts a call as hanging for as long as it does.
struct Hanging(Arc<watch::Sender<usize>>);

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Fake {
    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap()
    }

    pub(super) fn nobody_was_seen(&self) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    pub(super) fn panic_in_the_stream(&self) {
        *self.stream_panics.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    pub(super) async fn wait_for_a_hanging_call(&self) {
        self.hanging.subscribe().wait_for(|count| *count > 0).await.unwrap();
    }

    pub(super) async fn wait_until_the_hanging_call_is_gone(&self) {
        self.hanging.subscribe().wait_for(|count| *count == 0).await.unwrap();
    }

    pub(super) fn is_hanging(&self) -> bool {
        *self.hanging.borrow() > 0
    }

    pub(super) fn let_go(&self) {
        self.released.send_replace(true);
    }

    fn look<T>(&self, request: &Request<T>) {
        let seen = Seen {
            caller: Caller::of(request).unwrap().clone(),
            hands_on_a_person: request.extensions().get::<PersonToken>().is_some(),
            has_deadline: request.extensions().get::<Deadline>().is_some(),
            has_tokens: request.metadata().contains_key(SERVICE_HEADER)
                || request.metadata().contains_key(PERSON_HEADER),
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }

    async fn hang(&self) {
        self.hanging.send_modify(|count| *count += 1);
        let _hanging = Hanging(Arc::clone(&self.hanging));
        self.released.subscribe().wait_for(|released| *released).await.unwrap();
    }
}

#[tonic::async_trait]
impl DirectoryService for Fake {
    async fn get_organization(
        &self,
        request: Request<GetOrganizationRequest>,
    ) -> Result<Response<GetOrganizationResponse>, Status> {
        self.look(&request);
        match request.get_ref().organization_id.as_str() {
            "panic" => panic!("{MARKER}"),
            "hang" => self.hang().await,
            _ => {}
        }
        Ok(Response::new(Default::default()))
    }

    async fn register_organization(
        &self,
        request: Request<RegisterOrganizationRequest>,
    ) -> Result<Response<RegisterOrganizationResponse>, Status> {
        self.look(&request);
        Ok(Response::new(Default::default()))
    }

    async fn register_unit(&self, _: Request<RegisterUnitRequest>) -> Result<Response<RegisterUnitResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn record_agreement(
        &self,
        _: Request<RecordAgreementRequest>,
    ) -> Result<Response<RecordAgreementResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn suspend_recipient(
        &self,
        _: Request<SuspendRecipientRequest>,
    ) -> Result<Response<SuspendRecipientResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn reinstate_recipient(
        &self,
        _: Request<ReinstateRecipientRequest>,
    ) -> Result<Response<ReinstateRecipientResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn add_encryption_key(
        &self,
        _: Request<AddEncryptionKeyRequest>,
    ) -> Result<Response<AddEncryptionKeyResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn remove_encryption_key(
        &self,
        _: Request<RemoveEncryptionKeyRequest>,
    ) -> Result<Response<RemoveEncryptionKeyResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn add_notification_address(
        &self,
        _: Request<AddNotificationAddressRequest>,
    ) -> Result<Response<AddNotificationAddressResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn remove_notification_address(
        &self,
        _: Request<RemoveNotificationAddressRequest>,
    ) -> Result<Response<RemoveNotificationAddressResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn get_notification_addresses(
        &self,
        _: Request<GetNotificationAddressesRequest>,
    ) -> Result<Response<GetNotificationAddressesResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn list_organizations(
        &self,
        _: Request<ListOrganizationsRequest>,
    ) -> Result<Response<ListOrganizationsResponse>, Status> {
        Ok(Response::new(Default::default()))
    }
}

/// One item, then nothing for ever, or a panic.
pub(super) struct Watch {
    items: usize,
    panics: bool,
}

impl Stream for Watch {
    type Item = Result<WatchReferralsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.items += 1;
        match self.items {
            1 => Poll::Ready(Some(Ok(WatchReferralsResponse::default()))),
            _ if self.panics => panic!("{MARKER}"),
            _ => Poll::Pending,
        }
    }
}

#[tonic::async_trait]
impl ReferralService for Fake {
    type WatchReferralsStream = Watch;

    async fn watch_referrals(&self, _: Request<WatchReferralsRequest>) -> Result<Response<Watch>, Status> {
        let panics = *self.stream_panics.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Response::new(Watch { items: 0, panics }))
    }

    async fn list_referrals(
        &self,
        _: Request<ListReferralsRequest>,
    ) -> Result<Response<ListReferralsResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn fetch_referral(
        &self,
        _: Request<FetchReferralRequest>,
    ) -> Result<Response<FetchReferralResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn fetch_package(&self, _: Request<FetchPackageRequest>) -> Result<Response<FetchPackageResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn acknowledge_referral(
        &self,
        _: Request<AcknowledgeReferralRequest>,
    ) -> Result<Response<AcknowledgeReferralResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn acknowledge_recall(
        &self,
        _: Request<AcknowledgeRecallRequest>,
    ) -> Result<Response<AcknowledgeRecallResponse>, Status> {
        Ok(Response::new(Default::default()))
    }
}

pub(super) async fn http_get(address: SocketAddr, path: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    let mut page = String::new();
    socket.read_to_string(&mut page).await.unwrap();
    page
}
