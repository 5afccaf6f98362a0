//! `ReferralService`: what a recipient sees, and nothing else.

use egide_domain::Categories;
use egide_domain::ids::UnitId;
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::DeliveryChannel;
use egide_servicekit::identity::Caller;
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::disclosure::v1 as proto;
use egide_wire::proto::egide::disclosure::v1::referral_service_server::ReferralService;
use tonic::{Request, Response, Status};

use crate::delivery::{Delivered, Delivery, Undelivered};
use crate::disclosure_service::without_keys;
use crate::gate::{Gate, Shared};
use crate::origin::Origin;
use crate::outside::Outsider;
use crate::reader::{StoredReferral, Unreadable};
use crate::watch::{Waiting, watch};
use crate::{token, validate};

/// Most referrals that are decided again for one page; a unit with more that may not be fetched must wait for an operator.
const SCANNED_MAX: usize = 20_000;
/// The service by which liaisons read in a browser.
const PORTAL: &str = "portal";

/// The service.
#[derive(Clone)]
pub(crate) struct Referrals(pub(crate) Shared);

#[tonic::async_trait]
impl ReferralService for Referrals {
    async fn list_referrals(
        &self,
        request: Request<proto::ListReferralsRequest>,
    ) -> Result<Response<proto::ListReferralsResponse>, Status> {
        let size = validate::list_referrals(request.get_ref())?;
        let outsider = Outsider::of(&request)?;
        let last = token::referral(&self.0.secret, outsider.unit_id, &request.get_ref().page_token)?;
        self.0.reader.catch_up().await?;
        self.0.record_list(&outsider).await?;
        let page = self.0.page(outsider.unit_id, last, size)?;
        // How much was looked through must not show in the time it took.
        self.0.pad(&outsider).await;
        Ok(Response::new(page))
    }

    async fn fetch_referral(
        &self,
        request: Request<proto::FetchReferralRequest>,
    ) -> Result<Response<proto::FetchReferralResponse>, Status> {
        let (command_id, referral_id) =
            validate::about_referral(&request.get_ref().command_id, &request.get_ref().referral_id)?;
        let outsider = Outsider::of(&request)?;
        let delivery = Delivery {
            referral_id,
            unit_id: Some(outsider.unit_id),
            channel: channel_of(&outsider.caller),
            received_by: outsider.account.clone(),
            spoken: Categories::EMPTY,
            origin: Origin::new(&outsider.caller, "FetchReferral", command_id, referral_id.as_bytes()),
            onward: outsider.onward.clone(),
        };
        match self.0.deliver(&delivery).await {
            Ok(delivered) => Ok(Response::new(proto::FetchReferralResponse { referral: Some(delivered.referral) })),
            Err(Undelivered::Absent | Undelivered::Refused | Undelivered::Used | Undelivered::NoKeys) => {
                Err(self.0.refuse(&outsider, "FetchReferral").await)
            }
            Err(Undelivered::Failed(status)) => Err(status),
        }
    }

    async fn fetch_package(
        &self,
        request: Request<proto::FetchPackageRequest>,
    ) -> Result<Response<proto::FetchPackageResponse>, Status> {
        let (command_id, referral_id) =
            validate::about_referral(&request.get_ref().command_id, &request.get_ref().referral_id)?;
        let outsider = Outsider::of(&request)?;
        self.0.reader.catch_up().await?;
        // Asked about the caller's own unit before anything is looked up, so that it says nothing about the referral.
        if !self.0.reader.moment().has_encryption_key(outsider.unit_id)? {
            return Err(without_keys());
        }
        let delivery = Delivery {
            referral_id,
            unit_id: Some(outsider.unit_id),
            channel: DeliveryChannel::Package,
            received_by: outsider.account.clone(),
            spoken: Categories::EMPTY,
            origin: Origin::new(&outsider.caller, "FetchPackage", command_id, referral_id.as_bytes()),
            onward: outsider.onward.clone(),
        };
        match self.0.deliver(&delivery).await.and_then(Delivered::into_package) {
            Ok(package) => Ok(Response::new(proto::FetchPackageResponse { package: Some(package) })),
            // Its keys were removed meanwhile: as if it might not have it any more.
            Err(Undelivered::Absent | Undelivered::Refused | Undelivered::Used | Undelivered::NoKeys) => {
                Err(self.0.refuse(&outsider, "FetchPackage").await)
            }
            Err(Undelivered::Failed(status)) => Err(status),
        }
    }

    async fn acknowledge_referral(
        &self,
        request: Request<proto::AcknowledgeReferralRequest>,
    ) -> Result<Response<proto::AcknowledgeReferralResponse>, Status> {
        let (command_id, referral_id) =
            validate::about_referral(&request.get_ref().command_id, &request.get_ref().referral_id)?;
        let outsider = Outsider::of(&request)?;
        self.0.reader.catch_up().await?;
        let referral = self.0.reader.moment().referral(referral_id)?;
        let theirs =
            |referral: &StoredReferral| referral.unit_id == outsider.unit_id && referral.row.delivered_at_ms.is_some();
        let Some(referral) = referral.filter(theirs) else {
            return Err(self.0.refuse(&outsider, "AcknowledgeReferral").await);
        };
        let origin = Origin::new(&outsider.caller, "AcknowledgeReferral", command_id, referral_id.as_bytes());
        let acknowledged_at = Some(to_timestamp(self.0.acknowledge(&outsider, &referral, origin).await?));
        Ok(Response::new(proto::AcknowledgeReferralResponse { acknowledged_at }))
    }

    async fn acknowledge_recall(
        &self,
        request: Request<proto::AcknowledgeRecallRequest>,
    ) -> Result<Response<proto::AcknowledgeRecallResponse>, Status> {
        let (command_id, referral_id) =
            validate::about_referral(&request.get_ref().command_id, &request.get_ref().referral_id)?;
        let outsider = Outsider::of(&request)?;
        self.0.reader.catch_up().await?;
        let referral = self.0.reader.moment().referral(referral_id)?;
        let Some(referral) = referral.filter(|referral| referral.was_recalled_from(outsider.unit_id)) else {
            return Err(self.0.refuse(&outsider, "AcknowledgeRecall").await);
        };
        let origin = Origin::new(&outsider.caller, "AcknowledgeRecall", command_id, referral_id.as_bytes());
        let acknowledged_at = Some(to_timestamp(self.0.acknowledge_recall(&outsider, &referral, origin).await?));
        Ok(Response::new(proto::AcknowledgeRecallResponse { acknowledged_at }))
    }

    type WatchReferralsStream = Waiting;

    async fn watch_referrals(
        &self,
        request: Request<proto::WatchReferralsRequest>,
    ) -> Result<Response<Self::WatchReferralsStream>, Status> {
        let outsider = Outsider::of(&request)?;
        self.0.reader.catch_up().await?;
        self.0.record_list(&outsider).await?;
        Ok(Response::new(watch(self.0.clone(), outsider.unit_id)))
    }
}

impl Gate {
    /// A page of what a unit may fetch now or had delivered before it was recalled. Whether there is a next page depends on nothing
    /// else.
    fn page(
        &self,
        unit_id: UnitId,
        last: Option<egide_domain::ids::ReferralId>,
        size: usize,
    ) -> Result<proto::ListReferralsResponse, Status> {
        let moment = self.reader.moment();
        let after = match last {
            Some(last) => moment.referral(last)?.map_or(u64::MAX, |referral| referral.row.position),
            None => 0,
        };
        let mut referrals = Vec::new();
        let mut scanned = 0_usize;
        for referral in moment.referrals(unit_id, after) {
            scanned += 1;
            if scanned > SCANNED_MAX {
                tracing::error!("a unit has more referrals than one page looks through");
                return Err(Status::resource_exhausted("there is too much to list; fetch by id"));
            }
            let referral = referral?;
            if referral.was_recalled_from(unit_id) || self.today(&moment, &referral)?.is_some() {
                referrals.push(referral);
            }
            if referrals.len() > size {
                break;
            }
        }
        let more = referrals.len() > size;
        referrals.truncate(size);
        let last = referrals.last().filter(|_| more);
        let next_page_token =
            last.map(|last| token::after_referral(&self.secret, unit_id, last.referral_id)).unwrap_or_default();
        Ok(proto::ListReferralsResponse { referrals: referrals.into_iter().map(summary).collect(), next_page_token })
    }

    /// The referrals of a unit after a position that may be fetched now, with the position up to which it was looked.
    pub(crate) fn waiting(&self, unit_id: UnitId, after: u64) -> Result<(Vec<StoredReferral>, u64), Unreadable> {
        let moment = self.reader.moment();
        let mut until = after;
        let mut waiting = Vec::new();
        for referral in moment.referrals(unit_id, after).take(SCANNED_MAX) {
            let referral = referral?;
            until = referral.row.position;
            if self.today(&moment, &referral)?.is_some() {
                waiting.push(referral);
            }
        }
        Ok((waiting, until))
    }

    /// Records the receipt of a referral; when that was.
    async fn acknowledge(
        &self,
        outsider: &Outsider,
        referral: &StoredReferral,
        origin: Origin,
    ) -> Result<Timestamp, Status> {
        if let Some(at_ms) = referral.row.acknowledged_at_ms {
            return Ok(Timestamp(at_ms));
        }
        let acknowledged = case::ReferralAcknowledged {
            referral_id: referral.referral_id.to_string(),
            unit_id: referral.unit_id.to_string(),
        };
        let receipt = Payload::ReferralAcknowledged(acknowledged);
        self.record_receipt(outsider, origin.command("acknowledgement"), referral.case_id, receipt).await
    }
}

fn summary(referral: StoredReferral) -> proto::ReferralSummary {
    let at = |at_ms: i64| to_timestamp(Timestamp(at_ms));
    proto::ReferralSummary {
        referral_id: referral.referral_id.to_string(),
        released_at: Some(at(referral.row.released_at_ms)),
        report_digest: referral.row.report_digest,
        urgent: referral.row.urgent,
        delivered_at: referral.row.delivered_at_ms.map(at),
        acknowledged_at: referral.row.acknowledged_at_ms.map(at),
        supplementary_to: referral.row.supplementary_to,
        recalled_at: referral.row.recalled_at_ms.map(at),
        recall_acknowledged_at: referral.row.recall_acknowledged_at_ms.map(at),
    }
}

fn channel_of(caller: &Caller) -> DeliveryChannel {
    if caller.service == *PORTAL { DeliveryChannel::Portal } else { DeliveryChannel::Grpc }
}
