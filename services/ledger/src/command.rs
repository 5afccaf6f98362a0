//! A command, ready to be written: sealed, fingerprinted, and with everything final but revisions, positions and the time of
//! recording, which only the writer knows.

use egide_crypto::digest::{Digest, Fingerprinter};
use egide_crypto::random::{RandomUnavailable, random_bytes};
use egide_domain::ids::{CommandId, ReferralId};
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::Role;
use egide_eventlog::commit_bytes;
use egide_servicekit::identity::Caller;
use egide_wire::convert::{timestamp, to_timestamp};
use egide_wire::proto::egide::audit::v1::{AccessEvent, AccessRecorded, access_event};
use egide_wire::proto::egide::case::v1::Actor;
use egide_wire::proto::egide::case::v1::case_event::Payload as CasePayload;
use egide_wire::proto::egide::ledger::v1::new_event::Payload;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, Area, Commit, Event, NewEvent};
use egide_wire::split::Parts;
use prost::Message as _;
use zeroize::Zeroizing;

use crate::emitters::{Emitters, NotAllowed};
use crate::envelope::{self, Place};
use crate::keyring::Keyring;
use crate::model::StreamId;
use crate::payload::{Described, describe};

/// The service name under which the ledger itself records accesses.
const LEDGER: &str = "ledger";
/// Domain of fingerprints of commands.
const FINGERPRINT_DOMAIN: &str = "egide/command/v1";
/// Domain of ids of the ledger's own commands.
const OWN_ID_DOMAIN: &str = "egide/own-command/v1";
/// What revisions, extents and lengths add to a commit at most: two extents, and a revision for each event.
const EXTENTS_BYTES: usize = 160;
const REVISION_BYTES: usize = 11;
/// What stands before a message within another at most, beyond what [`commit_bytes`] counts: its tag and its length.
const FRAME_BYTES: usize = 6;

/// What only narrows, or brings the end of something nearer, finds room when the queue is full.
const NARROWING: [&str; 7] = [
    "case.consent_withdrawn",
    "access.withdrawal_unmatched",
    "case.consent_refused",
    "case.exception_lifted",
    "case.key_shredded",
    "disclosure.recalled",
    "directory.recipient_suspended",
];

/// For which part of the queue's room a command counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Like most.
    Ordinary,
    /// It only narrows: there is room kept for it.
    Narrowing,
    /// It records that somebody looked.
    Access,
}

/// A stream's revision that a command expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) stream: StreamId,
    pub(crate) revision: u64,
}

/// See the module.
pub(crate) struct Command {
    pub(crate) id: CommandId,
    pub(crate) emitter: String,
    pub(crate) fingerprint: Digest,
    pub(crate) expected: Vec<Expected>,
    pub(crate) events: Vec<CommandEvent>,
    pub(crate) urgency: Urgency,
    /// How much of a block it takes, at most.
    pub(crate) bytes: usize,
}

/// An event of a command.
pub(crate) struct CommandEvent {
    /// With revision 0.
    pub(crate) event: Event,
    /// The path of its payload in the request, for refusals.
    pub(crate) path: String,
    /// For a decision or delivery: what it was made on.
    pub(crate) decided_on: Option<DecidedOn>,
    /// For what the house's records have a say in: the digest of the policy a decision was made under, nothing for broken glass.
    pub(crate) under: Option<Vec<u8>>,
}

/// A decision, and a delivery that decided again, were made on a revision of the recipient's directory stream: they are
/// committed at it or not at all, so that a suspension is ordered with the decisions it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecidedOn {
    pub(crate) recipient: Recipient,
    pub(crate) directory_revision: u64,
}

/// Whose directory stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipient {
    /// This organisation's.
    Organization(StreamId),
    /// That of the organisation to which this referral of the case was released.
    OfReferral(ReferralId),
}

/// A command could not be made ready. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The caller may not emit one of the events.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// Sealing failed.
    #[error(transparent)]
    Envelope(#[from] envelope::Error),
    /// No id could be drawn.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    /// A request came here that was not checked before.
    #[error("the request was not checked")]
    Unchecked,
    /// It does not fit into a block.
    #[error("the command takes `{bytes}` bytes, a block has room for `{max}`")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        max: usize,
    },
}

/// A command of the ledger's own, made of what a caller asked for: appended in the caller's name, never checked as a request.
pub(crate) struct OwnCommand {
    /// Its id, the same for every retry.
    pub(crate) id: String,
    /// Its events.
    pub(crate) events: Vec<NewEvent>,
    /// What makes it the same command: never anything that somebody could be guessed from.
    pub(crate) content: Vec<String>,
}

/// In whose name events are emitted, and by which service as far as the table of emitters and idempotency go.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) emitter: &'a str,
}

impl<'a> By<'a> {
    /// The service that calls.
    pub(crate) fn caller(caller: &'a Caller) -> Self {
        Self { caller, emitter: caller.service.as_str() }
    }

    /// The ledger itself, for the caller.
    pub(crate) const fn ledger(caller: &'a Caller) -> Self {
        Self { caller, emitter: LEDGER }
    }
}

/// What commands are made ready with.
#[derive(Clone, Copy)]
pub(crate) struct Workshop<'a> {
    pub(crate) emitters: &'a Emitters,
    pub(crate) keyring: &'a Keyring,
    pub(crate) fingerprinter: &'a Fingerprinter,
    pub(crate) incarnation: &'a str,
    /// Largest command, in bytes of a block.
    pub(crate) bytes_max: usize,
}

impl Workshop<'_> {
    /// In which role the caller emits each event, before anything else is looked at.
    pub(crate) fn roles<'d>(
        &self,
        by: By<'_>,
        described: impl Iterator<Item = &'d Described>,
    ) -> Result<Vec<Option<Role>>, NotAllowed> {
        let held = held_roles(by.caller);
        let role = |event: &Described| self.emitters.allow(&event.class.kind, by.emitter, held.as_deref());
        described.map(role).collect()
    }

    /// Makes a checked request ready, whose events are `described`, each to be emitted in one of `roles`.
    pub(crate) async fn prepare(
        &self,
        request: &AppendRequest,
        described: &[Described],
        roles: &[Option<Role>],
        by: By<'_>,
        fingerprint: Digest,
        now: Timestamp,
    ) -> Result<Command, Error> {
        let By { caller, emitter } = by;
        let place = Place { incarnation: self.incarnation, command_id: &request.command_id, emitter };
        let mut events = Vec::with_capacity(request.events.len());
        for ((new, described), role) in request.events.iter().zip(described).zip(roles) {
            let (mut event, identifying) = split_event(request, new, described, *role, caller, now)?;
            if let Some(identifying) = identifying {
                let (class, message) = (described.class, described.message());
                envelope::seal_into(&mut event, &identifying, class.seal_under(), &message, place, self.keyring)
                    .await?;
            }
            let path = described.path.clone();
            events.push(CommandEvent { event, path, decided_on: decided_on(new), under: under(new) });
        }
        self.command(request, emitter, fingerprint, events)
    }

    /// Makes a command of the ledger's own ready.
    pub(crate) async fn own(&self, own: OwnCommand, caller: &Caller, now: Timestamp) -> Result<Command, Error> {
        let OwnCommand { id, events, content } = own;
        let parts: Vec<&[u8]> =
            [LEDGER, &id].into_iter().chain(content.iter().map(String::as_str)).map(str::as_bytes).collect();
        let fingerprint = self.fingerprinter.fingerprint_parts(FINGERPRINT_DOMAIN, &parts);
        let described: Vec<_> =
            events.iter().map(|event| describe(event).ok_or(Error::Unchecked)).collect::<Result<_, _>>()?;
        let by = By::ledger(caller);
        let roles = self.roles(by, described.iter())?;
        let request = AppendRequest { command_id: id, events, ..AppendRequest::default() };
        self.prepare(&request, &described, &roles, by, fingerprint, now).await
    }

    fn command(
        &self,
        request: &AppendRequest,
        emitter: &str,
        fingerprint: Digest,
        events: Vec<CommandEvent>,
    ) -> Result<Command, Error> {
        let expected = request.expected.iter().map(|expectation| {
            let stream = StreamId::parse(&expectation.stream_id).ok_or(Error::Unchecked)?;
            Ok(Expected { stream, revision: expectation.revision })
        });
        let mut command = Command {
            id: request.command_id.parse().map_err(|_| Error::Unchecked)?,
            emitter: emitter.to_owned(),
            fingerprint,
            expected: expected.collect::<Result<_, Error>>()?,
            urgency: urgency(events.iter().map(|event| (event.event.area(), event.event.kind.as_str()))),
            events,
            bytes: 0,
        };
        command.bytes = bytes_at_most(&command);
        let (bytes, max) = (command.bytes, self.bytes_max);
        if bytes > max { Err(Error::TooLarge { bytes, max }) } else { Ok(command) }
    }

    /// The command by which the ledger records that the caller's person looks at something.
    pub(crate) fn access(&self, access: AccessRecorded, caller: &Caller, now: Timestamp) -> Result<Command, Error> {
        let held = held_roles(caller);
        let kind = "access.recorded";
        let role = self.emitters.allow(kind, LEDGER, held.as_deref())?;
        let payload = AccessEvent { payload: Some(access_event::Payload::AccessRecorded(access)) };
        let command_id = uuid_v7(now)?;
        let event = Event {
            event_id: uuid_v7(now)?,
            area: Area::Access.into(),
            kind: kind.to_owned(),
            schema_version: 1,
            occurred_at: Some(to_timestamp(now)),
            actor: Some(actor(caller, role)),
            facts: payload.encode_to_vec(),
            ..Event::default()
        };
        let request = AppendRequest { command_id, ..AppendRequest::default() };
        let parts = [LEDGER.as_bytes(), request.command_id.as_bytes(), &event.facts];
        let fingerprint = self.fingerprinter.fingerprint_parts(FINGERPRINT_DOMAIN, &parts);
        self.command(
            &request,
            LEDGER,
            fingerprint,
            vec![CommandEvent { event, path: String::new(), decided_on: None, under: None }],
        )
    }
}

/// The id of a command of the ledger's own that carries out part of a caller's: the same for every retry, and for nobody
/// else's.
pub(crate) fn own_id(
    method: &str,
    command_id: &str,
    part: &str,
    caller: &Caller,
    fingerprinter: &Fingerprinter,
) -> String {
    let person = caller.person.as_ref().map(|person| person.account().as_str()).unwrap_or_default();
    let parts = [caller.service.as_str(), person, method, command_id, part].map(str::as_bytes);
    let digest = fingerprinter.fingerprint_parts(OWN_ID_DOMAIN, &parts);
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.as_bytes()).for_each(|(byte, from)| *byte = *from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// The fingerprint of a request's content, its emitter and person included: a repetition by somebody else has other content.
pub(crate) fn fingerprint(request: &AppendRequest, caller: &Caller, fingerprinter: &Fingerprinter) -> Digest {
    let person = caller.person.as_ref().map(|person| person.account().as_str()).unwrap_or_default();
    // Encoded by us, so that one content has one encoding however it was sent.
    let content = request.encode_to_vec();
    let parts = [caller.service.as_str().as_bytes(), person.as_bytes(), &content];
    fingerprinter.fingerprint_parts(FINGERPRINT_DOMAIN, &parts)
}

impl Command {
    /// The commit, still without events and extents.
    pub(crate) fn commit(&self) -> Commit {
        Commit {
            command_id: self.id.to_string(),
            emitter: self.emitter.clone(),
            fingerprint: self.fingerprint.as_bytes().to_vec(),
            events: Vec::with_capacity(self.events.len()),
            streams: Vec::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            id: CommandId([0; 16]),
            emitter: String::new(),
            fingerprint: Digest::from_bytes([0; 32]),
            expected: Vec::new(),
            events: Vec::new(),
            urgency: Urgency::Ordinary,
            bytes: 0,
        }
    }
}

fn bytes_at_most(command: &Command) -> usize {
    let event = |event: &CommandEvent| event.event.encoded_len() + FRAME_BYTES + REVISION_BYTES;
    commit_bytes(&command.commit()) + EXTENTS_BYTES + FRAME_BYTES + command.events.iter().map(event).sum::<usize>()
}

/// Of a command with events of these areas and kinds.
pub(crate) fn urgency<'k>(kinds: impl Iterator<Item = (Area, &'k str)> + Clone) -> Urgency {
    if kinds.clone().all(|(_, kind)| NARROWING.contains(&kind)) {
        Urgency::Narrowing
    } else if kinds.clone().all(|(area, _)| area == Area::Access) {
        Urgency::Access
    } else {
        Urgency::Ordinary
    }
}

/// The roles of the caller's person as the domain knows them; `None` without a person.
fn held_roles(caller: &Caller) -> Option<Vec<Role>> {
    let person = caller.person.as_ref()?;
    Some(person.roles().iter().filter_map(|role| role.as_str().parse().ok()).collect())
}

fn actor(caller: &Caller, role: Option<Role>) -> Actor {
    let person = caller.person.as_ref();
    Actor {
        service: caller.service.as_str().to_owned(),
        person: person.map(|person| person.account().as_str().to_owned()).unwrap_or_default(),
        role: role.map(|role| role.name().to_owned()).unwrap_or_default(),
        unit_id: person.and_then(|person| person.unit()).map(|unit| unit.to_string()).unwrap_or_default(),
    }
}

/// What identifies, encoded, to be sealed.
pub(crate) type Identifying = Zeroizing<Vec<u8>>;

/// An event as it will stand in the log, but for its sealed parts, its revision and its time of recording; and what must be
/// sealed.
pub(crate) fn split_event(
    request: &AppendRequest,
    new: &NewEvent,
    described: &Described,
    role: Option<Role>,
    caller: &Caller,
    now: Timestamp,
) -> Result<(Event, Option<Identifying>), RandomUnavailable> {
    let mut event = envelope_of(new, described, now)?;
    event.actor = Some(actor(caller, role));
    event.causation_id.clone_from(&request.causation_id);
    event.correlation_id.clone_from(&request.correlation_id);
    let identifying = split_into(described, &mut event);
    Ok((event, identifying))
}

fn envelope_of(new: &NewEvent, described: &Described, now: Timestamp) -> Result<Event, RandomUnavailable> {
    let event_id = if new.event_id.is_empty() { uuid_v7(now)? } else { new.event_id.clone() };
    // Zero means the same as absent: now.
    let given = new.occurred_at.as_ref().and_then(timestamp).filter(|at| *at != Timestamp(0));
    Ok(Event {
        event_id,
        area: described.area.into(),
        stream_id: new.stream_id.clone(),
        kind: described.class.kind.clone(),
        schema_version: described.class.schema_version,
        occurred_at: Some(to_timestamp(given.unwrap_or(now))),
        ..Event::default()
    })
}

/// Puts the facts into `event`, and returns what must be sealed.
fn split_into(described: &Described, event: &mut Event) -> Option<Identifying> {
    let Parts { facts, identifying } = described.split();
    event.facts = facts;
    identifying.map(Zeroizing::new)
}

fn decided_on(new: &NewEvent) -> Option<DecidedOn> {
    let Some(Payload::CaseEvent(event)) = &new.payload else { return None };
    if let Some(CasePayload::DisclosureDecided(decided)) = &event.payload {
        let recipient = Recipient::Organization(StreamId::parse(&decided.request.as_ref()?.organization_id)?);
        return Some(DecidedOn { recipient, directory_revision: decided.directory_revision });
    }
    if let Some(CasePayload::ReferralDelivered(delivered)) = &event.payload {
        let recipient = Recipient::OfReferral(delivered.referral_id.parse().ok()?);
        return Some(DecidedOn { recipient, directory_revision: delivered.directory_revision });
    }
    None
}

/// See [`CommandEvent::under`].
fn under(new: &NewEvent) -> Option<Vec<u8>> {
    let Some(Payload::CaseEvent(event)) = &new.payload else { return None };
    if let Some(CasePayload::DisclosureDecided(decided)) = &event.payload {
        return Some(decided.policy_digest.clone());
    }
    if let Some(CasePayload::ExceptionAsserted(asserted)) = &event.payload {
        return asserted.break_glass.then(Vec::new);
    }
    None
}

/// A UUID of version 7 for this time.
pub(crate) fn uuid_v7(now: Timestamp) -> Result<String, RandomUnavailable> {
    let millis = u64::try_from(now.0).unwrap_or_default();
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random_bytes()?).into_uuid().to_string())
}
