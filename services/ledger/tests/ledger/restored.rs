//! After a restore the log goes on in a new incarnation: what was sealed before stays bound to the one it was written in, and
//! opens as before.

use egide_eventlog::{Anchor, Connection, ConnectionConfig, Mark, begin_incarnation, plan_restore};
use egide_servicekit::clock;
use egide_testkit::fresh_id;
use egide_trust::{Draft, Use};
use egide_wire::proto::egide::case::v1::PersonRole;
use egide_wire::proto::egide::ledger::v1::{OpenState, ReadCaseRequest};

use crate::house::*;

#[tokio::test]
async fn what_was_sealed_before_a_restore_opens_after_it() {
    let mut house = House::new().await;
    let url = house.start("ledger", clock::now).await;
    let mut desk = house.responder(&url);
    let (case, person) = (open_case(&mut desk).await, fresh_id());
    let repeated = command(vec![identified(&case, &person, PersonRole::Caller, "Tremblay")]);
    append(&mut desk, &repeated).await.unwrap();
    let blocks = house.log().await;
    let last = blocks.last().unwrap();
    house.stop_ledger().await;

    // Nothing was lost: the new incarnation alone is what matters here.
    let (root, _) = egide_crypto::sign::SigningKey::generate().unwrap();
    let mut draft = Draft::first();
    draft.add_key(Use::Ledger, house.signing_key.public_key(), "ledger", None).unwrap();
    let (trust, _) = draft.sign(&root, 0).unwrap();
    let end = Mark::of_head(last.head_after(), last.head_after().incarnation(), &trust);
    let restore = plan_restore(&end, &[], "a disk failed", 0).unwrap();
    let mut draft = trust.draft();
    draft.add_restore(restore.clone()).unwrap();
    let (trust, _) = draft.sign(&root, 0).unwrap();
    let nats: ConnectionConfig = house.nats();
    begin_incarnation(&Connection::open(&nats).await.unwrap(), &restore).await.unwrap();

    let mut config = house.config("ledger", clock::now);
    config.anchor = Anchor::from(trust);
    let url = house.start_with(config).await;
    let mut desk = house.responder(&url);
    acknowledged(&mut desk, vec![identified(&case, &fresh_id(), PersonRole::Caller, "Gagnon")]).await;
    let events = read(&mut desk, ReadCaseRequest { open: true, ..reading(&case) }).await;
    let names: Vec<_> = events.iter().skip(1).map(family_name).collect();
    assert_eq!(names, ["Tremblay", "Gagnon"]);
    assert!(events.iter().skip(1).all(|event| event.open_state() == OpenState::Opened));
    // A command from before the restore is still the same command.
    let answer = append(&mut desk, &repeated).await.unwrap();
    assert!(answer.repeated_command);
    assert_eq!(answer.acknowledgement.unwrap().incarnation, restore.incarnation, "of the log as it goes on");
    house.world.stop().await;
}
