//! Whether a checkpoint of the history covers exactly what the log holds: its leaves are made anew of the log itself, without the
//! audit service, whose word is not taken for anything.

use std::path::Path;

use egide_audit::leaf;
use egide_eventlog::{Connection, EventLog};
use egide_servicekit::clock;
use egide_tlog::checkpoint::Checkpoint;
use egide_tlog::tile::Walk;
use egide_trust::{CurrentTrust, PublishedKeys, RootKey, Trust};
use serde_json::json;

use crate::audited::signed_checkpoint;
use crate::commands::audit::read_note;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::times;

/// Blocks read at once at most.
const BLOCKS_AT_ONCE: usize = 64;

/// What came of it.
pub(super) struct Covered {
    checkpoint: Checkpoint,
    holds: bool,
}

/// Makes the leaves of the log up to a checkpoint's size, and compares their root with its own.
pub(super) async fn check(
    out: &Output,
    connection: &Connection,
    trust: &Trust,
    root: &RootKey,
    path: &Path,
) -> Result<Covered, Failure> {
    let keys = PublishedKeys::of_trust(trust, root, times::day(clock::now().0)?);
    let not_signed = || Failure::new(Exit::NotVerified, "fail.checkpoint");
    let checkpoint = signed_checkpoint(&read_note(path)?, &keys).ok_or_else(not_signed)?;
    let bar = out.progress(usize::try_from(checkpoint.size).unwrap_or(usize::MAX));
    let unread = |error: &dyn std::fmt::Display| Failure::new(Exit::Unavailable, "fail.walk").with("error", error);
    let log = EventLog::open_to_read(connection.clone(), CurrentTrust::from(trust.clone())).await;
    let log = log.map_err(|error| unread(&error))?;
    let last = log.last_number().await.map_err(|error| unread(&error))?;
    let (mut follower, mut walk) = (log.follow(log.genesis()), Walk::new());
    // What stands in the log after the last leaf that is covered is not the checkpoint's concern.
    while walk.size() < checkpoint.size && follower.head().number() < last {
        for block in follower.next_batch(BLOCKS_AT_ONCE).await.map_err(|error| unread(&error))? {
            let recorded_at = block.block().recorded_at;
            for (position, commit, event) in block.events().filter(|(_, _, event)| leaf::is_one(event)) {
                if walk.size() < checkpoint.size {
                    walk.push(&leaf::of(&leaf::opening(recorded_at, position, commit, event)), |_, _| {});
                }
            }
        }
        bar.set_position(walk.size());
    }
    bar.finish_and_clear();
    let holds = walk.size() == checkpoint.size && walk.root() == checkpoint.root;
    Ok(Covered { checkpoint, holds })
}

impl Covered {
    /// Says so.
    pub(super) fn show(&self, out: &mut Output) -> Result<Exit, Failure> {
        let Self { checkpoint, holds } = self;
        let exit = if *holds { Exit::Ok } else { Exit::NotVerified };
        if out.is_json() {
            out.json(&json!({ "checkpoint_holds": holds, "leaves": checkpoint.size, "root": checkpoint.root }))?;
            return Ok(exit);
        }
        let key = if *holds { "say.checkpoint_holds" } else { "say.checkpoint_does_not_hold" };
        out.line(out.lang.fill(key, &[("leaves", &checkpoint.size)]))?;
        Ok(exit)
    }
}
