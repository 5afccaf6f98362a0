//! Reading: pages of a case, watching one, and opening what staff, a permit, a delivery or a replay is entitled to.

mod replay;
mod review;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use egide_crypto::digest::sha256;
use egide_domain::event::DisclosureDecided;
use egide_domain::ids::ReferralId;
use egide_domain::vocabulary::Outcome;
use egide_domain::{CaseEvent, DELIVERED_WITHIN, supersedes};
use egide_projection::Lagging;
use egide_wire::convert::{self, recorded_case_event, to_timestamp};
use egide_wire::proto::egide::case::v1::ReferralReleased;
use egide_wire::proto::egide::case::v1::case_event::Payload as CasePayload;
use egide_wire::proto::egide::ledger::v1::{
    AppendRequest, Area, OpenForDeliveryResponse, OpenForPermitResponse, OpenState, ReadCaseRequest, ReadCaseResponse,
    RecordedEvent, WatchCaseResponse, new_event, recorded_event,
};
use egide_wire::refusal::{Violation, precondition};
use egide_wire::split::join;
use tokio::sync::mpsc;
use tonic::Status;

use crate::envelope::{self, Opened, Place, open_event};
use crate::ledger::Ledger;
use crate::mask::Opening;
use crate::model::{self, StoredEvent, StreamId};
use crate::refuse;
use crate::validate::PAGE_DEFAULT;

/// How long a reader waits for a position.
const WAIT: Duration = Duration::from_secs(2);
/// Bytes of events, as they stand in the log, after which a page ends; what is opened is no longer than what was sealed.
const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of events that are opened for one permit at most: less than the largest answer.
const PERMIT_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Events that are read for a watcher at once, and that wait for it at most.
const WATCHED_AT_ONCE: usize = 32;

impl Ledger {
    /// One page of a case; `open`: with identifying data, for somebody who is entitled to it and was recorded.
    pub(crate) async fn read_page(&self, request: &ReadCaseRequest) -> Result<ReadCaseResponse, Status> {
        let stream = StreamId::parse(&request.case_id).ok_or_else(not_found)?;
        let events_max = usize::try_from(match request.page_size {
            0 => PAGE_DEFAULT,
            size => size,
        })
        .unwrap_or(usize::MAX);
        let page = self.page(stream, request.from_revision.max(1), events_max)?;
        let mut response = ReadCaseResponse {
            events: Vec::with_capacity(page.events.len()),
            revision: page.revision,
            next_revision: page.next_revision,
            position: page.position,
        };
        for stored in &page.events {
            let recorded = if request.open { self.opened(stored).await? } else { facts_only(stored) };
            response.events.push(recorded);
        }
        Ok(response)
    }

    /// Waits until a position is applied here.
    pub(crate) async fn wait_for(&self, position: u64) -> Result<(), Status> {
        self.projection.wait_for(position, WAIT).await.map_err(|lagging| match lagging {
            Lagging::Behind { .. } => precondition(vec![(
                "position_not_reached".to_owned(),
                Violation::new("min_position", "is not reached yet; try again"),
            )]),
            Lagging::Halted { .. } => halted(),
        })
    }

    /// Waits until everything is applied here that stands in the log now, as its leader says.
    pub(crate) async fn newest(&self) -> Result<(), Status> {
        let last = self.log.last_number().await.map_err(|error| {
            tracing::warn!(%error, "the end of the log cannot be read");
            Status::unavailable("the log is out of reach; try again")
        })?;
        self.projection.wait_for_block(last, WAIT).await.map_err(|lagging| match lagging {
            Lagging::Behind { .. } => Status::unavailable("this ledger is catching up with another; try again"),
            Lagging::Halted { .. } => halted(),
        })
    }

    fn page(&self, stream: StreamId, from_revision: u64, events_max: usize) -> Result<Page, Status> {
        let view = self.projection.view();
        let head = model::head_of(&view, stream).map_err(|error| refuse::unreadable(&error))?;
        let head = head.filter(|head| head.area == Area::Case).ok_or_else(not_found)?;
        let mut page =
            Page { events: Vec::new(), revision: head.revision, next_revision: 0, position: view.position() };
        let mut bytes = 0_usize;
        let read = model::events(&view, stream, from_revision, |stored| {
            bytes = bytes.saturating_add(stored_bytes(&stored));
            if page.events.len() == events_max || (bytes > PAGE_BYTES_MAX && !page.events.is_empty()) {
                page.next_revision = stored.event.revision;
                return ControlFlow::Break(());
            }
            page.events.push(stored);
            ControlFlow::Continue(())
        });
        read.map_err(|error| refuse::unreadable(&error))?;
        Ok(page)
    }

    /// An event with its identifying data, where its keys are there.
    pub(crate) async fn opened(&self, stored: &StoredEvent) -> Result<RecordedEvent, Status> {
        match self.open_stored(stored).await.map_err(|error| refuse::not_sealed(&error))? {
            Opened::NothingSealed => Ok(facts_only(stored)),
            Opened::Shredded => Ok(RecordedEvent { open_state: OpenState::Shredded.into(), ..facts_only(stored) }),
            Opened::Identifying(identifying) => {
                Ok(recorded(stored, &stored.event.facts, Some(&identifying), OpenState::Opened))
            }
        }
    }

    async fn open_stored(&self, stored: &StoredEvent) -> Result<Opened, envelope::Error> {
        // What was sealed before a restore is bound to the incarnation it was written in.
        let incarnation = self.log.lineage().at_position(stored.position);
        let place = Place { incarnation, command_id: &stored.command_id, emitter: &stored.emitter };
        open_event(&stored.event, place, &self.keyring).await
    }

    /// Opens what the permit at `position` covers, if it still counts.
    pub(crate) async fn open_for_permit(&self, position: u64) -> Result<OpenForPermitResponse, Status> {
        self.newest().await?;
        let permit = self.stored_at(position)?.ok_or_else(not_found)?;
        let decision = permitting(&permit).ok_or_else(not_found)?;
        // Without an end it has ended.
        if decision.expires_at.is_none_or(|end| end <= (self.clock)()) {
            return Err(refused("decision_expired", "the decision has expired; decide again"));
        }
        let case = self.events_of(&permit)?;
        let superseded = case.iter().filter(|stored| stored.event.revision > permit.event.revision);
        if superseded.into_iter().any(|stored| supersedes(&case_event(stored))) {
            return Err(refused("decision_superseded", "the case has changed since; decide again"));
        }
        let events = self.open_decided(&case, &decision).await?;
        Ok(OpenForPermitResponse { events, revision: decision.case_revision.0 })
    }

    /// What the mask of a decision covers of its case. What is opened is what stood at the decision's revision: the same log gives
    /// the same report for ever.
    async fn open_decided(
        &self,
        case: &[StoredEvent],
        decision: &DisclosureDecided,
    ) -> Result<Vec<RecordedEvent>, Status> {
        let decided_on: Vec<_> =
            case.iter().filter(|stored| stored.event.revision <= decision.case_revision.0).collect();
        let facts = model::facts_of(decided_on.iter().copied());
        let opening = Opening { decision, facts: &facts };
        let mut events = Vec::new();
        let mut bytes = 0_usize;
        for stored in decided_on {
            if let Some(event) = self.open_covered(stored, &opening).await? {
                bytes = bytes.saturating_add(stored_bytes(stored));
                events.push(event);
            }
        }
        if bytes > PERMIT_BYTES_MAX {
            return Err(refused("too_much_to_open", "the mask covers more than fits into one answer; ask for less"));
        }
        Ok(events)
    }

    /// An event with what the mask covers and no more; `None` when that is nothing.
    async fn open_covered(&self, stored: &StoredEvent, opening: &Opening<'_>) -> Result<Option<RecordedEvent>, Status> {
        // Whom it is about cannot be read: nothing of it leaves.
        let Ok(covered) = opening.of(&stored.event.facts, stored.recorded_at) else { return Ok(None) };
        let facts = covered.cut_facts();
        let sealed = if stored.event.sealed.is_empty() { OpenState::Unspecified } else { OpenState::Sealed };
        let (identifying, state) = if covered.opens_something() {
            match self.open_stored(stored).await.map_err(|error| refuse::not_sealed(&error))? {
                Opened::NothingSealed => (None, sealed),
                Opened::Shredded => (None, OpenState::Shredded),
                Opened::Identifying(all) => {
                    let cut = covered.cut_identifying(&all).map_err(|_| halted_at_event())?;
                    let state = if cut.is_some() { OpenState::Opened } else { sealed };
                    (cut.map(zeroize::Zeroizing::new), state)
                }
            }
        } else {
            (None, sealed)
        };
        if identifying.is_none() && !facts.says_something {
            return Ok(None);
        }
        let identifying = identifying.as_ref().map(|bytes| bytes.as_slice());
        Ok(Some(recorded(stored, &facts.facts, identifying, state)))
    }

    /// Opens the report that the delivery at `position` delivers, within five seconds of its commit.
    pub(crate) async fn open_for_delivery(&self, position: u64) -> Result<OpenForDeliveryResponse, Status> {
        self.newest().await?;
        let delivery = self.stored_at(position)?.ok_or_else(not_found)?;
        let CaseEvent::ReferralDelivered(delivered) = case_event(&delivery) else { return Err(not_found()) };
        let age_ms = (self.clock)().0.saturating_sub(delivery.recorded_at.0);
        if age_ms > DELIVERED_WITHIN.0 {
            return Err(refused("delivery_too_late", "the delivery was not answered in time; deliver again"));
        }
        let case = self.events_of(&delivery)?;
        let release = case.iter().rev().find(|stored| is_release_of(stored, delivered.referral_id));
        let release = release.ok_or_else(not_found)?;
        let opened = self.opened(release).await?;
        if opened.open_state() != OpenState::Opened {
            return Err(report_erased());
        }
        let released = released(opened).ok_or_else(halted_at_event)?;
        if sha256(&released.report).as_bytes() != &delivered.report_digest {
            return Err(refused("other_report", "this is not the report that was released"));
        }
        let ReferralReleased { report, signature, key_id, .. } = released;
        Ok(OpenForDeliveryResponse { report, signature, key_id })
    }

    /// Refuses a delivery whose report nobody can open any more, before it is committed: the history must not tell of a
    /// delivery that cannot happen. No key is used; that it is there is all that is asked.
    pub(crate) async fn refuse_erased(&self, request: &AppendRequest) -> Result<(), Status> {
        for event in &request.events {
            let Some(new_event::Payload::CaseEvent(payload)) = &event.payload else { continue };
            if !matches!(payload.payload, Some(CasePayload::ReferralDelivered(_))) {
                continue;
            }
            let CaseEvent::ReferralDelivered(delivered) = convert::case_event(payload) else { continue };
            // A case or a referral that is not known is refused for that.
            let Some(stream) = StreamId::parse(&event.stream_id) else { continue };
            let case = self.events_in(stream)?;
            let release = case.iter().rev().find(|stored| is_release_of(stored, delivered.referral_id));
            for name in release.into_iter().flat_map(|stored| &stored.event.sealed).flat_map(envelope::key_names) {
                let existing = self.keyring.for_opening(name.map_err(|_| halted_at_event())?).await;
                if existing.map_err(|error| refuse::not_sealed(&error))?.is_none() {
                    return Err(report_erased());
                }
            }
        }
        Ok(())
    }

    fn stored_at(&self, position: u64) -> Result<Option<StoredEvent>, Status> {
        let stored = model::event_at(&self.projection.view(), position);
        Ok(stored.map_err(|error| refuse::unreadable(&error))?.filter(|stored| stored.event.area() == Area::Case))
    }

    /// All events of the case to which an event belongs.
    fn events_of(&self, stored: &StoredEvent) -> Result<Vec<StoredEvent>, Status> {
        self.events_in(StreamId::parse(&stored.event.stream_id).ok_or_else(not_found)?)
    }

    pub(crate) fn events_in(&self, stream: StreamId) -> Result<Vec<StoredEvent>, Status> {
        let mut events = Vec::new();
        let read = model::events(&self.projection.view(), stream, 1, |stored| {
            events.push(stored);
            ControlFlow::Continue(())
        });
        read.map_err(|error| refuse::unreadable(&error))?;
        Ok(events)
    }

    /// Whether there is such a case.
    pub(crate) fn case_exists(&self, case_id: &str) -> Result<(), Status> {
        let stream = StreamId::parse(case_id).ok_or_else(not_found)?;
        let head = model::head_of(&self.projection.view(), stream).map_err(|error| refuse::unreadable(&error))?;
        head.filter(|head| head.area == Area::Case).map(|_| ()).ok_or_else(not_found)
    }
}

/// Sends the facts of a case from a revision on, as they are recorded, until the watcher goes or the projection halts.
pub(crate) fn watch(
    ledger: Arc<Ledger>,
    case_id: &str,
    from_revision: u64,
) -> Result<mpsc::Receiver<Result<WatchCaseResponse, Status>>, Status> {
    ledger.case_exists(case_id)?;
    let stream = StreamId::parse(case_id).ok_or_else(not_found)?;
    let (sender, receiver) = mpsc::channel(WATCHED_AT_ONCE);
    tokio::spawn(async move {
        if let Err(status) = send_all(&ledger, stream, from_revision.max(1), &sender).await {
            // The watcher may have gone as well.
            drop(sender.send(Err(status)).await);
        }
    });
    Ok(receiver)
}

async fn send_all(
    ledger: &Ledger,
    stream: StreamId,
    mut revision: u64,
    sender: &mpsc::Sender<Result<WatchCaseResponse, Status>>,
) -> Result<(), Status> {
    let mut progress = ledger.projection.subscribe();
    loop {
        progress.mark_unchanged();
        if progress.borrow().halted {
            return Err(halted());
        }
        loop {
            let page = ledger.page(stream, revision, WATCHED_AT_ONCE)?;
            for stored in &page.events {
                revision = stored.event.revision.saturating_add(1);
                if sender.send(Ok(WatchCaseResponse { event: Some(facts_only(stored)) })).await.is_err() {
                    return Ok(());
                }
            }
            if page.next_revision == 0 {
                break;
            }
        }
        tokio::select! {
            () = sender.closed() => return Ok(()),
            changed = progress.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

struct Page {
    events: Vec<StoredEvent>,
    revision: u64,
    next_revision: u64,
    position: u64,
}

fn stored_bytes(stored: &StoredEvent) -> usize {
    stored.event.facts.len() + stored.event.sealed.iter().map(|part| part.ciphertext.len()).sum::<usize>()
}

fn case_event(stored: &StoredEvent) -> CaseEvent {
    recorded_case_event(&stored.event, stored.position, stored.recorded_at).event
}

fn permitting(stored: &StoredEvent) -> Option<DisclosureDecided> {
    let CaseEvent::DisclosureDecided(decided) = case_event(stored) else { return None };
    (decided.outcome == Outcome::Permit).then_some(decided)
}

fn is_release_of(stored: &StoredEvent, referral: ReferralId) -> bool {
    matches!(case_event(stored), CaseEvent::ReferralReleased(released) if released.referral_id == referral)
}

fn released(event: RecordedEvent) -> Option<ReferralReleased> {
    let Some(recorded_event::Payload::CaseEvent(event)) = event.payload else { return None };
    if let Some(CasePayload::ReferralReleased(released)) = event.payload { Some(released) } else { None }
}

/// The facts of an event, whatever else it has sealed.
fn facts_only(stored: &StoredEvent) -> RecordedEvent {
    let sealed = if stored.event.sealed.is_empty() { OpenState::Unspecified } else { OpenState::Sealed };
    recorded(stored, &stored.event.facts, None, sealed)
}

/// An event of a case, with these facts and identifying fields. What cannot be decoded is left out: its kind, place and actor
/// stay readable.
fn recorded(stored: &StoredEvent, facts: &[u8], identifying: Option<&[u8]>, state: OpenState) -> RecordedEvent {
    let StoredEvent { event, position, recorded_at, .. } = stored;
    RecordedEvent {
        event_id: event.event_id.clone(),
        area: event.area,
        stream_id: event.stream_id.clone(),
        revision: event.revision,
        position: *position,
        kind: event.kind.clone(),
        occurred_at: event.occurred_at,
        recorded_at: Some(to_timestamp(*recorded_at)),
        actor: event.actor.clone(),
        payload: join(facts, identifying).ok().map(recorded_event::Payload::CaseEvent),
        open_state: state.into(),
    }
}

pub(crate) fn not_found() -> Status {
    Status::not_found("there is no such thing here")
}

fn halted() -> Status {
    Status::unavailable("this ledger has halted; ask an operator")
}

fn halted_at_event() -> Status {
    Status::internal("an event of the case cannot be read")
}

fn refused(rule: &str, what_to_do: &str) -> Status {
    precondition(vec![(rule.to_owned(), Violation::new("position", what_to_do))])
}

fn report_erased() -> Status {
    refused("data_erased", "somebody's data was erased; the report is gone")
}
