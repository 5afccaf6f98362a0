//! What triage and the directory say, and what triage is told.

use std::collections::BTreeMap;

use egide_domain::notices::{Mailbox, WebhookUrl};
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::{Language, NoticeMeans, NoticeOutcome};
use egide_servicekit::channel::Upstream;
use egide_wire::convert::{Listed as _, timestamp};
use egide_wire::proto::egide::directory::v1::directory_service_client::DirectoryServiceClient;
use egide_wire::proto::egide::directory::v1::{
    GetNotificationAddressesRequest, GetNotificationAddressesResponse, NotificationAddress,
};
use egide_wire::proto::egide::triage::v1::notice_service_client::NoticeServiceClient;
use egide_wire::proto::egide::triage::v1::{ListNoticesRequest, OpenNotice, RecordNoticeRequest};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::plan::{Destination, Key, Task};

/// Notices asked for at a time.
const PAGE: u32 = 200;
/// Pages of one look.
const PAGES_MAX: usize = 50;

/// See the module.
#[derive(Debug)]
pub(crate) struct Upstreams {
    triage: Upstream,
    directory: Upstream,
}

impl Upstreams {
    pub(crate) const fn new(triage: Upstream, directory: Upstream) -> Self {
        Self { triage, directory }
    }

    /// What is to be told where, by what both say now.
    pub(crate) async fn open(&self) -> Result<Vec<Task>, Status> {
        let mut triage = NoticeServiceClient::new(self.triage.as_service());
        let mut notices = Vec::new();
        let mut page_token = String::new();
        for _ in 0..PAGES_MAX {
            let page = triage.list_notices(ListNoticesRequest { page_size: PAGE, page_token }).await?.into_inner();
            notices.extend(page.notices);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let mut directory = DirectoryServiceClient::new(self.directory.as_service());
        let mut known: BTreeMap<(String, String), GetNotificationAddressesResponse> = BTreeMap::new();
        let mut tasks = Vec::new();
        for notice in &notices {
            let unit = (notice.organization_id.clone(), notice.unit_id.clone());
            if !known.contains_key(&unit) {
                let (organization_id, unit_id) = unit.clone();
                let request = GetNotificationAddressesRequest { organization_id, unit_id };
                let told = match directory.get_notification_addresses(request).await {
                    Ok(told) => told.into_inner(),
                    Err(status) if status.code() == Code::NotFound => GetNotificationAddressesResponse::default(),
                    Err(status) => return Err(status),
                };
                known.insert(unit.clone(), told);
            }
            let Some(unit) = known.get(&unit) else { continue };
            let language = Language::read(unit.language).ok().flatten().unwrap_or(Language::English);
            let unsettled = unit.addresses.iter().filter(|address| !notice.settled.contains(&address.address_id));
            tasks.extend(unsettled.filter_map(|address| task(notice, address, language)));
        }
        Ok(tasks)
    }

    /// Has triage record what became of a notice. `true`: it is recorded, or there is nothing to record any more.
    pub(crate) async fn record(&self, task: &Task, outcome: NoticeOutcome) -> bool {
        let mut triage = NoticeServiceClient::new(self.triage.as_service());
        let request = RecordNoticeRequest {
            notice_id: task.key.notice_id.to_string(),
            address_id: task.key.address_id.to_string(),
            means: task.destination.means().number(),
            outcome: outcome.number(),
        };
        match triage.record_notice(request).await {
            Ok(_) => true,
            // Somebody fetched it meanwhile.
            Err(status) if status.code() == Code::NotFound => true,
            Err(status) => {
                tracing::warn!(code = ?status.code(), "what became of a notice is not recorded yet, and is recorded again");
                false
            }
        }
    }
}

/// `None` when the answer makes no sense: what has no id cannot be recorded.
fn task(notice: &OpenNotice, address: &NotificationAddress, language: Language) -> Option<Task> {
    let means = NoticeMeans::read(address.means).ok().flatten()?;
    let destination = match means {
        NoticeMeans::Webhook => WebhookUrl::parse(&address.address).ok().map(Destination::Webhook),
        NoticeMeans::Email => Mailbox::parse(&address.address).ok().map(Destination::Email),
    };
    let at = |time: &Option<prost_types::Timestamp>| time.as_ref().and_then(timestamp);
    Some(Task {
        key: Key {
            notice_id: Uuid::try_parse(&notice.notice_id).ok()?,
            address_id: Uuid::try_parse(&address.address_id).ok()?,
        },
        unit_id: Uuid::try_parse(&notice.unit_id).ok()?,
        destination: destination.unwrap_or(Destination::Unreadable(means)),
        language,
        since: at(&notice.since)?,
        try_until: at(&notice.try_until).unwrap_or(Timestamp(i64::MAX)),
    })
}
