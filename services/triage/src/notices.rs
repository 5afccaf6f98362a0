//! `NoticeService`: which units are to be told that something waits for them, and what became of it. The notifier asks, and learns
//! neither case nor referral: a notice's id follows from them, and cannot be turned round.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egide_crypto::digest::sha256_parts;
use egide_domain::ids::{AddressId, CaseId, ReferralId, UnitId};
use egide_domain::open_notices;
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::{NoticeGround, NoticeMeans, NoticeOutcome};
use egide_eventlog::EventLog;
use egide_projection::ModelError;
use egide_servicekit::channel::Upstream;
use egide_servicekit::identity::Caller;
use egide_wire::convert::{Listed, to_timestamp};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{CaseEvent, UnitNotified};
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent, new_event};
use egide_wire::proto::egide::triage::v1::notice_service_server::NoticeService;
use egide_wire::proto::egide::triage::v1::{
    ListNoticesRequest, ListNoticesResponse, OpenNotice, RecordNoticeRequest, RecordNoticeResponse,
};
use egide_wire::refusal::{Violation, invalid};
use prost::Message as _;
use tonic::{Code, Request, Response, Status};

use crate::cases::Cases;
use crate::page::{Page, Place};

/// How long a list waits for the projection to hold what stands in the log: by an older one, what was done would be done again.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(5);
/// How long recording one outcome may take.
const RECORD_WITHIN: Duration = Duration::from_secs(10);
/// Notices that are known by their ids; beyond that all are found anew.
const KNOWN_MAX: usize = 65_536;

/// Domain of the notices' ids.
const NOTICE_IDS: &str = "egide/triage/notice/v1";
/// Domain of the ids of commands that record what became of one.
const COMMAND_IDS: &str = "egide/triage/notified/v1";

/// What a notice is about. It never leaves this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct About {
    case_id: CaseId,
    referral_id: ReferralId,
    unit_id: UnitId,
    ground: NoticeGround,
}

impl About {
    fn notice_id(&self) -> NoticeId {
        let ground = self.ground.number().to_be_bytes();
        NoticeId(short(NOTICE_IDS, &[self.case_id.as_bytes(), self.referral_id.as_bytes(), &ground]))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct NoticeId([u8; 16]);

impl std::fmt::Display for NoticeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        uuid_of(self.0).fmt(f)
    }
}

fn uuid_of(bytes: [u8; 16]) -> uuid::Uuid {
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn short(domain: &str, parts: &[&[u8]]) -> [u8; 16] {
    let digest = sha256_parts(domain, parts);
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.as_bytes()).for_each(|(byte, from)| *byte = *from);
    // As it is written, so that what is read is what was written.
    uuid_of(bytes).into_bytes()
}

/// A notice with its place in the list.
struct Found {
    place: Place,
    about: About,
    entry: OpenNotice,
}

/// The service.
pub(crate) struct Notices {
    cases: Arc<Cases>,
    log: EventLog,
    ledger: Upstream,
    now: fn() -> Timestamp,
    known: Mutex<HashMap<NoticeId, About>>,
}

impl Notices {
    pub(crate) fn new(cases: Arc<Cases>, log: EventLog, ledger: Upstream, now: fn() -> Timestamp) -> Self {
        Self { cases, log, ledger, now, known: Mutex::default() }
    }

    /// The open notices, by rows that hold everything that stands in the log. While the rows say that nothing is open, nobody waits.
    async fn open(&self) -> Result<Vec<Found>, Status> {
        if self.by_the_rows().await?.is_empty() {
            return Ok(Vec::new());
        }
        let behind = || Status::unavailable("what waits is not up to date here; try again");
        let last = self.log.last_number().await.map_err(|_| behind())?;
        self.cases.projection().wait_for_block(last, CATCH_UP_WITHIN).await.map_err(|_| behind())?;
        let found = self.by_the_rows().await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.extend(found.iter().map(|found| (found.about.notice_id(), found.about)));
        Ok(found)
    }

    async fn by_the_rows(&self) -> Result<Vec<Found>, Status> {
        let (cases, now) = (Arc::clone(&self.cases), (self.now)());
        let unreadable = || Status::internal("what waits cannot be read; tell the operators");
        let found = tokio::task::spawn_blocking(move || found(&cases, now)).await.map_err(|_| unreadable())?;
        found.map_err(|error| {
            tracing::error!(%error, "what waits cannot be read");
            unreadable()
        })
    }

    async fn about(&self, notice_id: NoticeId) -> Result<About, Status> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&notice_id).copied();
        if known().is_none() {
            self.open().await?;
        }
        known().ok_or_else(|| Status::not_found("there is no such notice, or not any more"))
    }
}

fn found(cases: &Cases, now: Timestamp) -> Result<Vec<Found>, ModelError> {
    let mut all = Vec::new();
    cases.each(None, |case_id, facts| {
        all.extend(open_notices(facts, cases.policy(), now).into_iter().map(|notice| {
            let (referral_id, unit_id, ground) = (notice.referral_id, notice.unit_id, notice.ground);
            let about = About { case_id, referral_id, unit_id, ground };
            let notice_id = about.notice_id();
            let entry = OpenNotice {
                notice_id: notice_id.to_string(),
                organization_id: notice.organization_id.to_string(),
                unit_id: unit_id.to_string(),
                since: Some(to_timestamp(notice.since)),
                try_until: notice.try_until.map(to_timestamp),
                settled: notice.settled().map(|settled| settled.address_id.to_string()).collect(),
            };
            // Pages go by the notice's id, so that their tokens hold no case's.
            Found { place: Place::new(notice.since, CaseId(notice_id.0), &[]), about, entry }
        }));
    })?;
    Ok(all)
}

#[tonic::async_trait]
impl NoticeService for Notices {
    async fn list_notices(
        &self,
        request: Request<ListNoticesRequest>,
    ) -> Result<Response<ListNoticesResponse>, Status> {
        Caller::of(&request)?;
        let ListNoticesRequest { page_size, page_token } = request.get_ref();
        let question = ListNoticesRequest::default().encode_to_vec();
        let page = Page::read(*page_size, page_token, &question).map_err(invalid)?;
        let open = self.open().await?.into_iter().map(|found| (found.place, found.entry)).collect();
        let (notices, next_page_token) = page.cut(open);
        Ok(Response::new(ListNoticesResponse { notices, next_page_token }))
    }

    async fn record_notice(
        &self,
        request: Request<RecordNoticeRequest>,
    ) -> Result<Response<RecordNoticeResponse>, Status> {
        Caller::of(&request)?;
        let outcome = Outcome::read(request.get_ref()).map_err(invalid)?;
        let about = self.about(outcome.notice_id).await?;
        let mut ledger = LedgerServiceClient::new(self.ledger.as_service());
        let recorded = tokio::time::timeout(RECORD_WITHIN, ledger.append(outcome.command(&about))).await;
        match recorded {
            Ok(Ok(_)) => Ok(Response::new(RecordNoticeResponse {})),
            // The case has an outcome for this address: the first one stays.
            Ok(Err(status)) if status.code() == Code::FailedPrecondition => Ok(Response::new(RecordNoticeResponse {})),
            Ok(Err(status)) => {
                tracing::warn!(code = ?status.code(), "what became of a notice could not be recorded");
                Err(unknown())
            }
            Err(_) => Err(unknown()),
        }
    }
}

fn unknown() -> Status {
    Status::unavailable("whether it was recorded is not known; record it again")
}

/// A request to record an outcome, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcome {
    notice_id: NoticeId,
    address_id: AddressId,
    means: NoticeMeans,
    outcome: NoticeOutcome,
}

impl Outcome {
    fn read(request: &RecordNoticeRequest) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let no_uuid = |field: &str| Violation::new(field, "is no uuid in lower case with hyphens");
        let notice_id: Option<CaseId> = request.notice_id.parse().ok();
        let address_id: Option<AddressId> = request.address_id.parse().ok();
        let means = NoticeMeans::read(request.means).ok().flatten();
        let outcome = NoticeOutcome::read(request.outcome).ok().flatten();
        violations.extend(notice_id.is_none().then(|| no_uuid("notice_id")));
        violations.extend(address_id.is_none().then(|| no_uuid("address_id")));
        let no_value = |field: &str| Violation::new(field, "is no value of the list");
        violations.extend(means.is_none().then(|| no_value("means")));
        violations.extend(outcome.is_none().then(|| no_value("outcome")));
        match (notice_id, address_id, means, outcome) {
            (Some(notice_id), Some(address_id), Some(means), Some(outcome)) => {
                Ok(Self { notice_id: NoticeId(notice_id.0), address_id, means, outcome })
            }
            _ => Err(violations),
        }
    }

    /// Without a time and without an expected revision, under an id that follows from what is recorded: however often it is sent,
    /// it is recorded once.
    fn command(&self, about: &About) -> AppendRequest {
        let About { case_id, referral_id, unit_id, ground } = about;
        let Self { notice_id, address_id, means, outcome } = self;
        let (by, became) = (means.number().to_be_bytes(), outcome.number().to_be_bytes());
        let command_id = uuid_of(short(COMMAND_IDS, &[&notice_id.0, address_id.as_bytes(), &by, &became]));
        let payload = Payload::UnitNotified(UnitNotified {
            referral_id: referral_id.to_string(),
            unit_id: unit_id.to_string(),
            ground: ground.number(),
            address_id: address_id.to_string(),
            means: means.number(),
            outcome: outcome.number(),
        });
        AppendRequest {
            command_id: command_id.to_string(),
            events: vec![NewEvent {
                stream_id: case_id.to_string(),
                payload: Some(new_event::Payload::CaseEvent(CaseEvent { payload: Some(payload) })),
                ..NewEvent::default()
            }],
            ..AppendRequest::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(case: u8, referral: u8, ground: NoticeGround) -> About {
        let (case_id, referral_id) = (CaseId([case; 16]), ReferralId([referral; 16]));
        About { case_id, referral_id, unit_id: UnitId([9; 16]), ground }
    }

    #[test]
    fn a_notices_id_follows_from_what_it_is_about_and_is_read_as_it_is_written() {
        let all = [
            about(1, 1, NoticeGround::Released),
            about(2, 1, NoticeGround::Released),
            about(1, 2, NoticeGround::Released),
            about(1, 1, NoticeGround::Recalled),
        ];
        let ids: std::collections::HashSet<_> = all.iter().map(About::notice_id).collect();
        assert_eq!(ids.len(), all.len());
        for id in ids {
            assert_eq!(id.to_string().parse::<CaseId>().unwrap().0, id.0);
        }
    }

    #[test]
    fn an_outcome_is_recorded_under_an_id_of_its_own() {
        let of = |address: u8, outcome| Outcome {
            notice_id: about(1, 1, NoticeGround::Released).notice_id(),
            address_id: AddressId([address; 16]),
            means: NoticeMeans::Email,
            outcome,
        };
        let about = about(1, 1, NoticeGround::Released);
        let sent = of(1, NoticeOutcome::Sent).command(&about);
        assert_eq!(sent, of(1, NoticeOutcome::Sent).command(&about));
        assert_ne!(sent.command_id, of(2, NoticeOutcome::Sent).command(&about).command_id);
        assert_ne!(sent.command_id, of(1, NoticeOutcome::GivenUp).command(&about).command_id);
        let empty = RecordNoticeRequest::default();
        let fields: Vec<_> = Outcome::read(&empty).unwrap_err().into_iter().map(|violation| violation.field).collect();
        assert_eq!(fields, ["notice_id", "address_id", "means", "outcome"]);
    }
}
