//! Reading the log again and again, slowly: a block that went bad after everybody had read it is noticed although nobody needs
//! it.

use std::time::Duration;

use crate::follow::Halted;
use crate::log::EventLog;

/// How many blocks are read again at once, at most. With the pause: a million blocks in about four hours, for about one hundredth of
/// a processor.
const BLOCKS: usize = 64;
/// The pause between two such steps.
const PAUSE: Duration = Duration::from_secs(1);

impl EventLog {
    /// Reads the log from its first block to its last, every block verified, and then again, without end.
    ///
    /// A reader with a cursor starts where it stopped and never looks back; of a server that lost a block in the middle
    /// it would learn only at its next rebuild.
    pub async fn patrol(&self) -> Halted {
        loop {
            let mut follower = self.follow(self.genesis());
            let last = match self.last_number().await {
                Ok(last) => last,
                // Whoever follows the log says what is the matter.
                Err(_) => follower.head().number(),
            };
            // Never past the end: a patrol waits for nothing, so no block is announced to it.
            while let left @ 1.. = last.saturating_sub(follower.head().number()) {
                let blocks = usize::try_from(left).map_or(BLOCKS, |left| left.min(BLOCKS));
                if let Err(halted) = follower.next_batch(blocks).await {
                    return halted;
                }
                tokio::time::sleep(PAUSE).await;
            }
            drop(follower);
            tokio::time::sleep(PAUSE).await;
        }
    }
}
