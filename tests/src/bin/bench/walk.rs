//! Walking the log, as `egide log verify` does, beside reading the same messages and doing nothing with them.

use egide_eventlog::{Connection, ConnectionConfig, verify_log};
use egide_tests::World;

use crate::appends::events_per_second;
use crate::figures::Figures;
use crate::jetstream;

/// Measures one run.
pub(crate) async fn measure(world: &World, figures: &mut Figures) {
    let (reading, read) = jetstream::consume_the_log(world).await;
    let (url, user, password) = world.nats().await;
    let connection = Connection::open(&ConnectionConfig::new(url).with_user(user, password)).await;
    let connection = connection.expect("a connection to NATS");
    let walked = verify_log(&connection, world.event_log().trust(), &[], |_| {}).await.expect("a walk");
    assert!(walked.holds(), "{:?}", walked.findings);
    assert_eq!(walked.blocks, read, "nobody writes meanwhile");
    let blocks = usize::try_from(read).expect("a number of blocks");
    let [walk, bare] = [walked.elapsed.as_secs_f64(), reading].map(|seconds| events_per_second(blocks, seconds));
    figures.add("walk over the log", "blocks/s", walk, "bare consumer of the same log", bare);
}
