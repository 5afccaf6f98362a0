//! When NATS goes away: nothing acknowledged is lost, nothing is doubled, and what is not known is called so.

use std::time::Duration;

use egide_testkit::{PATIENCE, fresh_id, wait_until};
use egide_wire::proto::egide::ledger::v1::AppendRequest;
use tonic::{Code, Request};

use crate::house::*;

fn within_a_second(request: &AppendRequest) -> Request<AppendRequest> {
    let mut request = Request::new(request.clone());
    request.set_timeout(Duration::from_secs(1));
    request
}

#[tokio::test]
async fn an_unknown_outcome_is_called_so_and_the_same_command_finds_its_one_result() {
    let (mut house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let case = open_case(&mut desk).await;
    house.world.nats_mut().kill().await;
    let request = command(vec![triaged(&case)]);
    let status = desk.append(within_a_second(&request)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    house.world.nats_mut().restart().await;
    let mut answer = None;
    wait_until("the command's result", PATIENCE, async || {
        answer = desk.append(within_a_second(&request)).await.ok();
        answer.is_some()
    })
    .await;
    assert_eq!(answer.unwrap().into_inner().acknowledgement.unwrap().events[0].revision, 2);
    assert_eq!(read(&mut desk, reading(&case)).await.len(), 2);
    house.world.stop().await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_kill_of_the_server_and_a_new_ledger() {
    let (mut house, url) = House::with_ledger().await;
    let mut desk = house.responder(&url);
    let mut cases = Vec::new();
    for _ in 0..20 {
        cases.push(open_case(&mut desk).await);
    }
    house.world.nats_mut().kill().await;
    house.world.nats_mut().restart().await;
    let url = house.start("another", egide_servicekit::clock::now).await;
    let mut desk = house.responder(&url);
    for case in cases {
        assert_eq!(read(&mut desk, reading(&case)).await.len(), 1);
    }
    acknowledged(&mut desk, vec![opened(&fresh_id())]).await;
    house.world.stop().await;
}
