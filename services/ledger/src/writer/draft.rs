//! A block in the making: which of the waiting commands go into it, and what is answered to the others.
//!
//! Everything here is judged against one moment of the projection. If the block is accepted there, all of it was right; if
//! another block came in between, all of it is judged again.

use std::collections::HashMap;

use egide_domain::house::{HOUSE_STREAM, HouseFacts};
use egide_domain::ids::CommandId;
use egide_domain::policy::Policy;
use egide_domain::time::Timestamp;
use egide_eventlog::{BLOCK_OVERHEAD_BYTES, Head};
use egide_projection::ModelError;
use egide_wire::convert::{timestamp, to_timestamp};
use egide_wire::proto::egide::ledger::v1::{Area, Commit, Event, StreamExtent};
use tonic::Status;

use super::ahead::Newest;
use super::state::{InHouse, NotAdmitted, StreamState};
use crate::command::{Command, CommandEvent, DecidedOn, Recipient};
use crate::model::{CommandRow, StreamId};
use crate::recent::Recent;
use crate::refuse;

/// What becomes of one command.
pub(crate) enum Verdict {
    /// It is this commit of the block.
    Append(usize),
    /// It repeats this commit of the block.
    RepeatOfDraft(usize),
    /// It repeats what stands in the log.
    Repeat(CommandRow),
    /// It is refused, as far as is known here.
    Refused(Status),
    /// There is no room in this block.
    Later,
}

/// See the module.
pub(crate) struct Draft {
    /// The head the block is to follow.
    pub(crate) head: Head,
    /// When it is recorded, in milliseconds since 1970.
    pub(crate) recorded_at: Timestamp,
    pub(crate) commits: Vec<Commit>,
    /// One for each command, in their order.
    pub(crate) verdicts: Vec<Verdict>,
    /// The streams that the block extends, as they are after it.
    pub(crate) states: HashMap<StreamId, StreamState>,
}

/// States of streams, as they were at some revision; which is the newest, the projection says.
pub(crate) type StateCache = Recent<StreamId, StreamState>;

/// A refusal is an outcome here; that rows cannot be read is an error.
type Judged<T> = Result<Result<T, Status>, ModelError>;

struct Drafting<'a> {
    newest: &'a Newest<'a>,
    cache: &'a mut StateCache,
    policy: &'a Policy,
    recorded_at: Timestamp,
    next_position: u64,
    room: usize,
    commits: Vec<Commit>,
    states: HashMap<StreamId, StreamState>,
    commands: HashMap<(String, CommandId), usize>,
    full: bool,
}

/// Judges `commands` at the moment of `newest`, for a block of at most `block_max_bytes`.
pub(crate) fn draft<'c>(
    commands: impl IntoIterator<Item = &'c Command>,
    newest: &Newest<'_>,
    cache: &mut StateCache,
    policy: &Policy,
    now: Timestamp,
    block_max_bytes: usize,
) -> Result<Draft, ModelError> {
    let head = newest.head().clone();
    // Recorded-at never goes backwards, whatever the clock does.
    let recorded_at = Timestamp(now.0.max(head.recorded_at_ms()));
    let mut drafting = Drafting {
        newest,
        cache,
        policy,
        recorded_at,
        next_position: head.next_position(),
        room: block_max_bytes.saturating_sub(BLOCK_OVERHEAD_BYTES),
        commits: Vec::new(),
        states: HashMap::new(),
        commands: HashMap::new(),
        full: false,
    };
    let verdicts = commands.into_iter().map(|command| drafting.judge(command)).collect::<Result<_, _>>()?;
    let Drafting { commits, states, .. } = drafting;
    Ok(Draft { head, recorded_at, commits, verdicts, states })
}

impl Drafting<'_> {
    fn judge(&mut self, command: &Command) -> Result<Verdict, ModelError> {
        if let Some(verdict) = self.repeated(command)? {
            return Ok(verdict);
        }
        // What came later must not overtake what came before it.
        if self.full || command.bytes > self.room {
            self.full = true;
            return Ok(Verdict::Later);
        }
        match self.commit(command)? {
            Err(refused) => Ok(Verdict::Refused(refused)),
            Ok((commit, states)) => {
                let index = self.commits.len();
                self.room -= command.bytes;
                self.next_position = self.next_position.saturating_add(commit.events.len() as u64);
                self.states.extend(states);
                self.commands.insert((command.emitter.clone(), command.id), index);
                self.commits.push(commit);
                Ok(Verdict::Append(index))
            }
        }
    }

    fn repeated(&self, command: &Command) -> Result<Option<Verdict>, ModelError> {
        if let Some(index) = self.commands.get(&(command.emitter.clone(), command.id)) {
            let same =
                self.commits.get(*index).is_some_and(|commit| commit.fingerprint == command.fingerprint.as_bytes());
            let verdict = if same { Verdict::RepeatOfDraft(*index) } else { Verdict::Refused(refuse::other_content()) };
            return Ok(Some(verdict));
        }
        let row = self.newest.command(&command.emitter, command.id)?;
        Ok(row.map(|row| match row.has_fingerprint(&command.fingerprint) {
            true => Verdict::Repeat(row),
            false => Verdict::Refused(refuse::other_content()),
        }))
    }

    /// The commit and the states of its streams after it, or why there is none.
    fn commit(&mut self, command: &Command) -> Judged<(Commit, HashMap<StreamId, StreamState>)> {
        // Said before the revision is compared: no revision would ever do.
        for (index, CommandEvent { event, .. }) in command.events.iter().enumerate() {
            let area = match StreamId::parse(&event.stream_id) {
                Some(stream) => self.area(stream)?,
                None => None,
            };
            if area.is_some_and(|area| area != event.area()) {
                return Ok(Err(refuse::other_area(index)));
            }
        }
        for expected in &command.expected {
            let actual = self.revision(expected.stream)?;
            if actual != expected.revision {
                return Ok(Err(refuse::other_revision(&expected.stream.to_string(), expected.revision, actual)));
            }
        }
        let mut commit = command.commit();
        let mut states = HashMap::new();
        for (index, event) in command.events.iter().enumerate() {
            match self.event(index, event, &mut commit.streams, &mut states)? {
                Ok(event) => commit.events.push(event),
                Err(refused) => return Ok(Err(refused)),
            }
        }
        Ok(Ok((commit, states)))
    }

    /// The event with its revision and times, admitted by what is known of its stream, which then knows it too.
    fn event(
        &mut self,
        index: usize,
        event: &CommandEvent,
        extents: &mut Vec<StreamExtent>,
        states: &mut HashMap<StreamId, StreamState>,
    ) -> Judged<Event> {
        let CommandEvent { event, path, decided_on, under } = event;
        let mut event = event.clone();
        // An emitter's clock may be a little ahead of ours: nothing happens after it is recorded.
        let occurred_at = event.occurred_at.as_ref().and_then(timestamp).unwrap_or(self.recorded_at);
        event.occurred_at = Some(to_timestamp(occurred_at.min(self.recorded_at)));
        if event.stream_id.is_empty() {
            return Ok(Ok(event));
        }
        let stream = StreamId::parse(&event.stream_id).ok_or(ModelError::Row)?;
        let mut state = match states.remove(&stream) {
            Some(state) => state,
            None => match self.state(stream)?.or_else(|| StreamState::empty(event.area())) {
                Some(state) => state,
                None => return Ok(Err(refuse::other_area(index))),
            },
        };
        if let Some(refused) = self.moved(decided_on.as_ref(), &state)? {
            return Ok(Err(refused));
        }
        if state.closes_keys_of(&event) {
            return Ok(Err(refuse::erased(format!("events[{index}]"))));
        }
        event.revision = state.revision().saturating_add(1);
        let position = self.next_position.saturating_add(index as u64);
        let in_house = self.in_house(under.as_deref(), states)?;
        match state.admit(&event, position, self.recorded_at, self.policy, in_house.as_ref()) {
            Ok(()) => {}
            Err(NotAdmitted::OtherArea) => return Ok(Err(refuse::other_area(index))),
            Err(NotAdmitted::Violations(violations)) => {
                return Ok(Err(refuse::not_admitted(index, path, &violations, &state.standing_holds())));
            }
        }
        states.insert(stream, state);
        extend(extents, &event);
        Ok(Ok(event))
    }

    /// What the house's records say, for an event that depends on them.
    fn in_house(
        &mut self,
        under: Option<&[u8]>,
        states: &HashMap<StreamId, StreamState>,
    ) -> Result<Option<InHouse>, ModelError> {
        let Some(policy_digest) = under else { return Ok(None) };
        let stream = StreamId::parse(HOUSE_STREAM).ok_or(ModelError::Row)?;
        let state = match states.get(&stream) {
            Some(state) => Some(state.clone()),
            None => self.state(stream)?,
        };
        let facts = match state {
            Some(StreamState::House(facts)) => *facts,
            Some(StreamState::Case(_) | StreamState::Directory(_)) | None => HouseFacts::default(),
        };
        Ok(Some(InHouse { facts, policy_digest: policy_digest.to_vec() }))
    }

    /// The refusal of what was decided on another revision of the recipient's directory stream than its newest.
    fn moved(&mut self, decided_on: Option<&DecidedOn>, case: &StreamState) -> Result<Option<Status>, ModelError> {
        let Some(DecidedOn { recipient, directory_revision }) = decided_on else { return Ok(None) };
        let stream = match recipient {
            Recipient::Organization(stream) => *stream,
            // A referral that is not known is refused for that.
            Recipient::OfReferral(referral) => match case.recipient_of(*referral) {
                Some(organization) => StreamId::from(organization),
                None => return Ok(None),
            },
        };
        let actual = match self.state(stream)? {
            Some(StreamState::Directory(facts)) => facts.revision.0,
            Some(StreamState::Case(_) | StreamState::House(_)) | None => 0,
        };
        let moved = actual != *directory_revision;
        Ok(moved.then(|| refuse::other_revision(&stream.to_string(), *directory_revision, actual)))
    }

    fn revision(&self, stream: StreamId) -> Result<u64, ModelError> {
        match self.states.get(&stream) {
            Some(state) => Ok(state.revision()),
            None => Ok(self.newest.head_of(stream)?.map_or(0, |head| head.revision)),
        }
    }

    fn area(&self, stream: StreamId) -> Result<Option<Area>, ModelError> {
        match self.states.get(&stream) {
            Some(StreamState::Case(_)) => Ok(Some(Area::Case)),
            Some(StreamState::Directory(_)) => Ok(Some(Area::Directory)),
            Some(StreamState::House(_)) => Ok(Some(Area::House)),
            None => Ok(self.newest.head_of(stream)?.map(|head| head.area)),
        }
    }

    /// A copy of what is known of a stream after all commits of the draft; `None` when it does not exist.
    fn state(&mut self, stream: StreamId) -> Result<Option<StreamState>, ModelError> {
        if let Some(state) = self.states.get(&stream) {
            return Ok(Some(state.clone()));
        }
        if let Some(state) = self.newest.state_ahead(stream) {
            return Ok(Some(state.clone()));
        }
        let Some(head) = self.newest.head_of(stream)? else { return Ok(None) };
        if let Some(state) = self.cache.get_mut(&stream).filter(|state| state.revision() == head.revision) {
            return Ok(Some(state.clone()));
        }
        let state = self.newest.fold(stream, head)?;
        self.cache.insert(stream, state.clone());
        Ok(Some(state))
    }
}

fn extend(extents: &mut Vec<StreamExtent>, event: &Event) {
    match extents.iter_mut().find(|extent| extent.stream_id == event.stream_id) {
        Some(extent) => extent.count = extent.count.saturating_add(1),
        None => {
            extents.push(StreamExtent { stream_id: event.stream_id.clone(), first_revision: event.revision, count: 1 })
        }
    }
}
