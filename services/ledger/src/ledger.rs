//! What the ledger's methods share, and appending.

use std::sync::Arc;
use std::time::Duration;

use egide_crypto::digest::{Digest, Fingerprinter};
use egide_crypto::sign::SigningKey;
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::Role;
use egide_eventlog::{BLOCK_OVERHEAD_BYTES, EventLog};
use egide_projection::{Projection, View};
use egide_servicekit::identity::Caller;
use egide_servicekit::policy::LoadedPolicy;
use egide_wire::proto::egide::audit::v1::AccessRecorded;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, AppendResponse};
use egide_wire::refusal::invalid;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::acknowledge::acknowledge;
use crate::command::{self, By, Command, OwnCommand, Urgency, Workshop, fingerprint, urgency};
use crate::emitters::Emitters;
use crate::find::{Index, Stretching, out_of_reach};
use crate::keyring::Keyring;
use crate::limit::AccessLimit;
use crate::model::{self, LedgerModel};
use crate::payload::{Described, describe};
use crate::refuse;
use crate::room::Room;
use crate::validate::{self, EVENTS_MAX};
use crate::writer::queue::{Committed, Queue};

/// How long before a caller's deadline "not known" is answered, so that the answer still arrives.
const ANSWER_MARGIN: Duration = Duration::from_millis(25);

/// See the module.
pub(crate) struct Ledger {
    pub(crate) log: EventLog,
    pub(crate) projection: Projection<LedgerModel>,
    pub(crate) keyring: Keyring,
    pub(crate) fingerprinter: Fingerprinter,
    pub(crate) emitters: Emitters,
    pub(crate) queue: Arc<Queue>,
    pub(crate) signing_key: SigningKey,
    pub(crate) access_limit: AccessLimit,
    pub(crate) index: Arc<Index>,
    pub(crate) stretching: Stretching,
    pub(crate) room: Room,
    pub(crate) policy: LoadedPolicy,
    pub(crate) clock: fn() -> Timestamp,
}

impl Ledger {
    /// Appends the events of one command and answers when they are durable, or when `deadline` comes.
    pub(crate) async fn append(
        &self,
        request: &AppendRequest,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<AppendResponse, Status> {
        let now = (self.clock)();
        let workshop = self.workshop();
        // Beyond the bound nothing is looked at but the number.
        let described: Vec<_> = request.events.iter().take(EVENTS_MAX).map(describe).collect();
        let roles = workshop.roles(By::caller(caller), described.iter().flatten());
        let roles = roles.map_err(|refused| Status::permission_denied(refused.to_string()))?;
        validate::append(request, &described, now).map_err(invalid)?;
        validate::wordings(request, &self.policy).map_err(invalid)?;
        let kinds = described.iter().flatten().map(|event| (event.area, event.class.kind.as_str()));
        let _place = self.room.for_command(urgency(kinds))?;
        let fingerprint = fingerprint(request, caller, &self.fingerprinter);
        let repeated = self.repeated(request, caller, &fingerprint, &self.projection.view_behind())?;
        let committed = match repeated {
            Some(committed) => committed,
            None => {
                let described: Vec<_> = described.into_iter().flatten().collect();
                match self.prepared(request, &described, &roles, caller, fingerprint, now).await {
                    Ok(command) => self.commit(command, deadline).await?,
                    // What was committed a moment ago and is not among the rows yet has its result all the same; so has
                    // what another ledger committed before it erased the key that is missing now.
                    Err(status) => {
                        if status.code() == Code::FailedPrecondition {
                            self.newest().await?;
                        }
                        let repeated = self.repeated(request, caller, &fingerprint, &self.projection.view())?;
                        repeated.ok_or(status)?
                    }
                }
            }
        };
        let Committed { row, repeated } = committed;
        let acknowledgement = acknowledge(&request.command_id, row, self.log.incarnation(), &self.signing_key);
        Ok(AppendResponse { acknowledgement: Some(acknowledgement), repeated_command: repeated })
    }

    /// The result of a command that stands in the log already, without sealing anything again: its keys may be gone by now,
    /// and the first result stands all the same.
    fn repeated(
        &self,
        request: &AppendRequest,
        caller: &Caller,
        fingerprint: &Digest,
        view: &View<'_>,
    ) -> Result<Option<Committed>, Status> {
        let Ok(command) = request.command_id.parse() else { return Ok(None) };
        let row = model::command(view, caller.service.as_str(), command);
        match row.map_err(|error| refuse::unreadable(&error))? {
            Some(row) if row.has_fingerprint(fingerprint) => Ok(Some(Committed { row, repeated: true })),
            Some(_) => Err(refuse::other_content()),
            None => Ok(None),
        }
    }

    /// The command, sealed, and findable by what it says of a caller.
    async fn prepared(
        &self,
        request: &AppendRequest,
        described: &[Described],
        roles: &[Option<Role>],
        caller: &Caller,
        fingerprint: Digest,
        now: Timestamp,
    ) -> Result<Command, Status> {
        self.refuse_erased(request).await?;
        self.refuse_caller_in_line(request).await?;
        let command = self.workshop().prepare(request, described, roles, By::caller(caller), fingerprint, now).await;
        let command = command.map_err(|error| refuse::not_ready(&error))?;
        // After sealing, which refuses what is erased, and before the block that makes it true.
        self.index.keep(request).await.map_err(|error| out_of_reach(&error))?;
        Ok(command)
    }

    /// Records that the caller's person looks at something; when this returns it is durable.
    pub(crate) async fn record_access(
        &self,
        access: AccessRecorded,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<(), Status> {
        self.record(access, Urgency::Access, caller, deadline).await
    }

    /// Records a search behind which a withdrawal waits: there is room kept for it, and no limit to how often.
    pub(crate) async fn record_withdrawal(
        &self,
        access: AccessRecorded,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<(), Status> {
        self.record(access, Urgency::Narrowing, caller, deadline).await
    }

    async fn record(
        &self,
        access: AccessRecorded,
        urgency: Urgency,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<(), Status> {
        let command = self.workshop().access(access, caller, (self.clock)());
        let command = command.map_err(|error| refuse::not_ready(&error))?;
        self.commit(Command { urgency, ..command }, deadline).await.map(drop)
    }

    /// Appends a command of the ledger's own.
    pub(crate) async fn commit_own(
        &self,
        own: OwnCommand,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<Committed, Status> {
        let command = self.workshop().own(own, caller, (self.clock)()).await;
        self.commit(command.map_err(|error| refuse::not_ready(&error))?, deadline).await
    }

    /// See [`command::own_id`].
    pub(crate) fn own_id(&self, method: &str, command_id: &str, part: &str, caller: &Caller) -> String {
        command::own_id(method, command_id, part, caller, &self.fingerprinter)
    }

    async fn commit(&self, command: Command, deadline: Instant) -> Result<Committed, Status> {
        if command.urgency == Urgency::Access {
            self.limit(&command)?;
        }
        let outcome = self.queue.push(command).map_err(refuse::not_queued)?;
        let until = deadline.checked_sub(ANSWER_MARGIN).unwrap_or(deadline);
        match tokio::time::timeout_at(until, outcome).await {
            Ok(Ok(outcome)) => outcome,
            // The ledger stops, or the deadline comes, before it is known what became of the command.
            Ok(Err(_)) | Err(_) => Err(refuse::unknown_outcome()),
        }
    }

    fn limit(&self, command: &Command) -> Result<(), Status> {
        let actor = command.events.first().and_then(|event| event.event.actor.as_ref());
        let actor = actor.map(|actor| format!("{}/{}", actor.service, actor.person)).unwrap_or_default();
        let count = u32::try_from(command.events.len()).unwrap_or(u32::MAX);
        self.access_limit.take(&actor, count, Instant::now()).map_err(refuse::looks_too_often)
    }

    fn workshop(&self) -> Workshop<'_> {
        Workshop {
            emitters: &self.emitters,
            keyring: &self.keyring,
            fingerprinter: &self.fingerprinter,
            incarnation: self.log.incarnation(),
            bytes_max: self.log.block_max_bytes().saturating_sub(BLOCK_OVERHEAD_BYTES),
        }
    }
}
