//! How many calls may be under way in the ledger at once, before anything is done for them: what waits for keys or for the
//! log holds a place, and the places of what narrows are never taken by anything else.

use std::sync::Arc;

use egide_servicekit::serve::Limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::command::Urgency;
use crate::refuse;
use crate::writer::queue::{COMMANDS_MAX, HEAD_ROOM_COMMANDS, NotQueued};

/// Reading and opening calls at once, and what callers ask about themselves.
const READS_MAX: usize = 1_024;
/// Calls that are being refused, or are not read yet.
const REFUSALS_ROOM: usize = 512;

/// See the module.
pub(crate) struct Room {
    commands: Arc<Semaphore>,
    narrowing: Arc<Semaphore>,
    reads: Arc<Semaphore>,
}

/// A place, held until the call is answered.
pub(crate) struct Held(#[expect(dead_code, reason = "given back when dropped")] OwnedSemaphorePermit);

impl Room {
    pub(crate) fn new() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { commands: places(COMMANDS_MAX), narrowing: places(HEAD_ROOM_COMMANDS), reads: places(READS_MAX) }
    }

    /// The server's bounds: it must never be full of what has a place here, or what narrows would be refused at its door.
    pub(crate) fn limits() -> Limits {
        let requests = COMMANDS_MAX + HEAD_ROOM_COMMANDS + READS_MAX + REFUSALS_ROOM;
        Limits { requests, ..Limits::default() }
    }

    /// A place for a command; what narrows also has the head-room.
    pub(crate) fn for_command(&self, urgency: Urgency) -> Result<Held, Status> {
        let place = take(&self.commands).or_else(|| match urgency {
            Urgency::Narrowing => take(&self.narrowing),
            Urgency::Ordinary | Urgency::Access => None,
        });
        place.ok_or_else(|| refuse::not_queued(NotQueued::Full))
    }

    /// A place for reading or opening.
    pub(crate) fn for_reading(&self) -> Result<Held, Status> {
        take(&self.reads).ok_or_else(refuse::too_many_reads)
    }
}

fn take(places: &Arc<Semaphore>) -> Option<Held> {
    Arc::clone(places).try_acquire_owned().ok().map(Held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    #[test]
    fn what_narrows_has_places_of_its_own_and_a_place_comes_back() {
        let room = Room::new();
        let mut held: Vec<_> = (0..COMMANDS_MAX).map(|_| room.for_command(Urgency::Ordinary).ok()).collect();
        assert!(held.iter().all(Option::is_some));
        for urgency in [Urgency::Ordinary, Urgency::Access] {
            assert_eq!(room.for_command(urgency).err().map(|status| status.code()), Some(Code::ResourceExhausted));
        }
        let narrowing: Vec<_> = (0..HEAD_ROOM_COMMANDS).map(|_| room.for_command(Urgency::Narrowing).ok()).collect();
        assert!(narrowing.iter().all(Option::is_some));
        assert!(room.for_command(Urgency::Narrowing).is_err());
        assert!(room.for_reading().is_ok(), "reading has places of its own");
        held.pop();
        assert!(room.for_command(Urgency::Ordinary).is_ok());
    }
}
