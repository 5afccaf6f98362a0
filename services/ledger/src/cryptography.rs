//! The cryptography of one append apart from everything around it, so that what it costs can be measured (`ops/bench`): the
//! functions that appends go through, on a request of the caller's choice and under keys that nobody else has.

use std::sync::Arc;

use egide_crypto::digest::Digest;
use egide_crypto::seal::DataKey;
use egide_crypto::sign::SigningKey;
use egide_domain::time::Timestamp;
use egide_servicekit::identity::Caller;
use egide_wire::proto::egide::ledger::v1::{Acknowledgement, AppendRequest, AppendedEvent, Commit, Event};

use crate::acknowledge::acknowledge;
use crate::command::split_event;
use crate::envelope::{Place, facts_digest, key_names_for, seal_under_keys};
use crate::model::CommandRow;
use crate::payload::describe;

/// See the module.
pub struct Cryptography {
    incarnation: String,
    signing_key: SigningKey,
    /// Under which everything is sealed, whatever the names of its keys.
    key: Arc<DataKey>,
}

impl std::fmt::Debug for Cryptography {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cryptography").finish_non_exhaustive()
    }
}

impl Cryptography {
    /// For a log of this incarnation.
    #[must_use]
    pub fn new(incarnation: &str, signing_key: SigningKey, key: DataKey) -> Self {
        Self { incarnation: incarnation.to_owned(), signing_key, key: Arc::new(key) }
    }

    /// The commit of a request of `caller`: each event split into facts and identifying data, and the latter sealed. `None`
    /// for a request that the ledger would refuse.
    #[must_use]
    pub fn seal(&self, request: &AppendRequest, caller: &Caller, now: Timestamp) -> Option<Commit> {
        let emitter = caller.service.as_str();
        let place = Place { incarnation: &self.incarnation, command_id: &request.command_id, emitter };
        let event = |new| {
            let described = describe(new)?;
            let (mut event, identifying) = split_event(request, new, &described, None, caller, now).ok()?;
            if let Some(identifying) = identifying {
                let case = event.stream_id.parse().ok()?;
                let (scope, names) = key_names_for(described.class.seal_under(), &described.message(), case)?;
                let keys = vec![Arc::clone(&self.key); names.len()];
                seal_under_keys(&mut event, &identifying, (scope, &names), &keys, place).ok()?;
            }
            Some(event)
        };
        Some(Commit {
            command_id: request.command_id.clone(),
            emitter: emitter.to_owned(),
            fingerprint: vec![0; Digest::BYTES],
            events: request.events.iter().map(event).collect::<Option<_>>()?,
            streams: Vec::new(),
        })
    }

    /// The proof that this commit stands in the log.
    #[must_use]
    pub fn acknowledge(&self, commit: &Commit) -> Acknowledgement {
        let appended = |event: &Event| AppendedEvent {
            event_id: event.event_id.clone(),
            stream_id: event.stream_id.clone(),
            revision: event.revision,
            position: 1,
            facts_digest: facts_digest(&event.facts).as_bytes().to_vec(),
        };
        let events = commit.events.iter().map(appended).collect();
        let row = CommandRow { block_number: 1, events, ..CommandRow::default() };
        acknowledge(&commit.command_id, row, &self.incarnation, &self.signing_key)
    }

    /// The key that signs, for what else is signed.
    #[must_use]
    pub const fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }
}
